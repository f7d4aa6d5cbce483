package emu

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/tilec/tilec/codegen/ptx/syntax"
)

func load(t *testing.T, text string) (*Machine, *Program) {
	t.Helper()
	mod, err := syntax.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	m := New(Options{})
	p, err := m.Load(mod)
	if err != nil {
		t.Fatal(err)
	}
	return m, p
}

// What cannot be launched is refused with the numbers.
func TestRefusals(t *testing.T) {
	m, p := load(t, kernelText(""))
	b, err := m.Alloc("b", 16)
	if err != nil {
		t.Fatal(err)
	}
	args := []any{b, b}
	for _, c := range []struct {
		l    Launch
		want string
	}{
		{Launch{Kernel: "none"}, `there is no kernel "none"`},
		{Launch{Kernel: "k"}, "0 arguments, 2 parameters"},
		{Launch{Kernel: "k", Args: []any{b, int32(1)}}, "argument 2 has 4 bytes, parameter b 8"},
		{Launch{Kernel: "k", Args: []any{b, "x"}}, "a string is no argument"},
		{Launch{Kernel: "k", Block: [3]int{1025}, Args: args}, "is not possible"},
		{Launch{Kernel: "k", Block: [3]int{32, 33}, Args: args}, "1 blocks of 1056 threads"},
		{Launch{Kernel: "k", Grid: [3]int{-1}, Args: args}, "is not possible"},
		{Launch{Kernel: "k", Shared: 163 << 10, Args: args}, "1024 + 166912 bytes of shared memory, 166912 are the most on sm_80"},
		{Launch{Kernel: "k", Shared: -1, Args: args}, "bytes of shared memory"},
	} {
		if _, err := p.Launch(c.l); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.l, err, c.want)
		}
	}
	for _, n := range []int{-1, 1 << 40} {
		if _, err := m.Alloc("x", n); err == nil {
			t.Errorf("%d bytes were allocated", n)
		}
	}
	text := strings.Replace(kernelText(""), ".param .u64 b)", ".param .u64 b) .reqntid 64", 1)
	m, p = load(t, text)
	b, _ = m.Alloc("b", 16)
	if _, err := p.Launch(Launch{Kernel: "k", Block: [3]int{32}, Args: []any{b, b}}); err == nil || !strings.Contains(err.Error(), ".reqntid asks for [64 1 1]") {
		t.Errorf("%v", err)
	}
}

// Module variables, constants, and what several launches leave there.
func TestVariables(t *testing.T) {
	text := `.version 8.0
.target sm_80
.address_size 64
.global .align 8 .b32 counter[2] = {5, 7};
.const .align 8 .b32 table[4] = {10, 20, 30, 40};
.global .align 8 .u64 pointer = counter+4;
.visible .entry k()
{
	.reg .b32 %r<8>; .reg .b64 %rd<4>; .reg .pred %p;
	mov.u32 %r0, %tid.x; mul.wide.u32 %rd0, %r0, 4; mov.u64 %rd1, table; add.u64 %rd1, %rd1, %rd0;
	ld.const.b32 %r1, [%rd1]; ld.const.b32 %r2, [table+4]; add.u32 %r1, %r1, %r2;
	ld.global.u64 %rd2, [pointer];
	red.global.add.u32 [%rd2], %r1;
	setp.eq.u32 %p, %r0, 0; @%p st.global.b32 [counter], %r2;
	ret;
}`
	m, p := load(t, text)
	for range 2 {
		rep, err := p.Launch(Launch{Kernel: "k", Block: [3]int{4}})
		if err == nil {
			err = rep.Err()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	b := p.Variable("counter").Bytes
	if x, y := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:]); x != 20 || y != 7+2*(100+80) {
		t.Errorf("%d %d", x, y)
	}
	if p.Variable("none") != nil {
		t.Error("a variable that is not there")
	}
	mod, _ := syntax.Parse(strings.Replace(text, "st.global.b32 [counter]", "mov.u64 %rd3, table; @%p st.global.b32 [%rd3]", 1))
	p, err := m.Load(mod)
	if err != nil {
		t.Fatal(err)
	}
	rep, _ := p.Launch(Launch{Kernel: "k", Block: [3]int{4}})
	if rep.Err() == nil || !strings.Contains(rep.Err().Error(), "table cannot be written") {
		t.Errorf("%v", rep.Err())
	}
}

// Equal seeds give equal runs, and results that do not depend on the order are the same under all.
func TestDeterminism(t *testing.T) {
	var first []byte
	for seed := range uint64(5) {
		o := Options{Seed: seed}
		const body = "atom.global.add.u32 %r4, [%rd1], %r0; bar.sync 0; ld.global.u32 %r5, [%rd1];"
		a, x := launch(t, body, setup{block: 256, o: o})
		b, y := launch(t, body, setup{block: 256, o: o})
		if !bytes.Equal(x, y) || a.Instructions != b.Instructions {
			t.Errorf("seed %d: two runs differ", seed)
		}
		if first == nil {
			first = x
		}
		if !bytes.Equal(first, x) || a.Err() != nil {
			t.Errorf("seed %d: another result: %v", seed, a.Err())
		}
	}
}

// A lane that holds a lock goes on while the others of its warp spin for it.
func TestLockWithinAWarp(t *testing.T) {
	const body = `
	setp.eq.u32 %p0, %r0, 0;
	@%p0 st.shared.b32 [%r2], 0;
	@%p0 st.shared.b32 [%r2+4], 0;
	bar.sync 0;
SPIN: atom.acquire.cta.shared.cas.b32 %r4, [%r2], 0, 1;
	setp.ne.u32 %p1, %r4, 0;
	@%p1 bra SPIN;
	ld.shared.b32 %r5, [%r2+4];
	add.u32 %r5, %r5, 1;
	st.shared.b32 [%r2+4], %r5;
	atom.release.cta.shared.exch.b32 %r4, [%r2], 0;
	bar.sync 0;
	ld.shared.b32 %r5, [%r2+4];
	@%p0 st.global.b32 [%rd1], %r5;`
	for seed := range uint64(3) {
		rep, out := launch(t, body, setup{block: 64, o: Options{Seed: seed, MaxInstructions: 1 << 22}})
		if n := binary.LittleEndian.Uint32(out); n != 64 || rep.Err() != nil {
			t.Errorf("seed %d: %d lanes came through: %v", seed, n, rep.Err())
		}
	}
}

// Matrix instructions need a whole warp.
func TestPartOfAWarp(t *testing.T) {
	_, p := load(t, kernelText("movmatrix.sync.aligned.m8n8.trans.b16 %r4, %r0;"))
	b, _ := p.m.Alloc("b", 16)
	rep, err := p.Launch(Launch{Kernel: "k", Block: [3]int{40}, Args: []any{b, b}})
	if err != nil {
		t.Fatal(err)
	}
	if err := rep.Err(); err == nil || !strings.Contains(err.Error(), "lanes 8-31 have ended or never were") {
		t.Errorf("%v", err)
	}
}

// The leader that elect.sync names is one of the lanes that take part.
func TestElect(t *testing.T) {
	text := strings.NewReplacer(".target sm_80", ".target sm_90").Replace(kernelText(`
	setp.ge.u32 %p0, %r0, 5;
	@%p0 elect.sync %r4|%p1, 0xffffffe0;
	@!%p0 mov.b32 %r4, 99;
	@!%p0 setp.ne.u32 %p1, %r0, %r0;
	selp.b32 %r5, 1, 0, %p1;
	redux.sync.add.u32 %r5, %r5, -1;
	shl.b32 %r5, %r5, 8;
	or.b32 %r4, %r4, %r5;
	st.global.b32 [%rd4], %r4;`))
	leaders := map[uint32]bool{}
	for seed := range uint64(8) {
		mod, err := syntax.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		m := New(Options{Seed: seed})
		p, _ := m.Load(mod)
		b, _ := m.Alloc("b", 128)
		rep, err := p.Launch(Launch{Kernel: "k", Block: [3]int{32}, Args: []any{b, b}})
		if err != nil || rep.Err() != nil {
			t.Fatal(err, rep.Err())
		}
		x := binary.LittleEndian.Uint32(b.Bytes[4*31:])
		if l := x & 0xff; x>>8 != 1 || l < 5 || l > 31 {
			t.Errorf("seed %d: %#x", seed, x)
		}
		leaders[x&0xff] = true
	}
	if len(leaders) < 3 {
		t.Errorf("leaders %v", leaders)
	}
}
