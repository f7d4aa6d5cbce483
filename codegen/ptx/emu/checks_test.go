package emu

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/tilec/tilec/codegen/ptx/syntax"
)

// kernelText is a kernel with two pointers and the registers that the tests use.
func kernelText(body string) string {
	return `.version 8.5
.target sm_80
.address_size 64
.file 1 "k.tile"
.extern .shared .align 16 .b8 dyn[];
.visible .entry k(.param .u64 a, .param .u64 b)
{
	.reg .pred %p<8>; .reg .b16 %h<8>; .reg .b32 %r<32>; .reg .b64 %rd<16>; .reg .f32 %f<8>;
	.shared .align 16 .b8 tile[1024];
	.loc 1 42 1
	ld.param.u64 %rd0, [a];
	ld.param.u64 %rd1, [b];
	mov.u32 %r0, %tid.x;
	mov.u32 %r1, %ctaid.x;
	mov.u32 %r2, tile;
	mul.wide.u32 %rd2, %r0, 4;
	add.u64 %rd3, %rd0, %rd2;
	add.u64 %rd4, %rd1, %rd2;
	mad.lo.u32 %r3, %r0, 4, %r2;
` + body + "\n\tret;\n}\n"
}

type setup struct {
	grid, block int
	o           Options
	alloc       bool // b is not written before
}

// launch runs a kernel on two buffers of 1024 bytes, the first with the numbers 0, 1, 2 … as words.
func launch(t testing.TB, body string, s setup) (*Report, []byte) {
	t.Helper()
	mod, err := syntax.Parse(kernelText(body))
	if err != nil {
		t.Fatal(err)
	}
	m := New(s.o)
	p, err := m.Load(mod)
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, 1024)
	for i := range 256 {
		binary.LittleEndian.PutUint32(data[4*i:], uint32(i))
	}
	a, _ := m.Upload("a", data)
	b, _ := m.Upload("b", make([]byte, 1024))
	if s.alloc {
		b, _ = m.Alloc("b", 1024)
	}
	rep, err := p.Launch(Launch{Kernel: "k", Grid: [3]int{max(s.grid, 1)}, Block: [3]int{max(s.block, 32)}, Args: []any{a, b}})
	if err != nil {
		t.Fatal(err)
	}
	return rep, b.Bytes
}

func with(text, part string) string { return strings.Replace(text, "WITH", part, 1) }

// Each text is wrong in one way, which must be reported, with the source line; the text beside it is right and must be
// reported as clean. Both under several orders of the warps.
func TestFindings(t *testing.T) {
	const exchange = "st.shared.b32 [%r3], %r0; WITH xor.b32 %r4, %r3, 0x80; ld.shared.b32 %r5, [%r4]; st.global.b32 [%rd4], %r5;"
	const ring = `cp.async.ca.shared.global [%r3], [%rd3], 4; cp.async.commit_group;
		WITH bar.sync 0; xor.b32 %r4, %r3, 0x80; ld.shared.b32 %r5, [%r4]; st.global.b32 [%rd4], %r5;`
	for _, c := range []struct {
		name        string
		wrong       string
		kind        Kind
		want        string
		right       string
		grid, block int
		alloc       bool
	}{
		{name: "bounds behind", wrong: "st.global.b32 [%rd0+1024], %r0;", kind: OutOfBounds, want: "4 bytes at address", right: "st.global.b32 [%rd4], %r0;"},
		{name: "bounds before", wrong: "ld.global.b32 %r4, [%rd0+-4];", kind: OutOfBounds, want: "4 bytes before a", right: "ld.global.b32 %r4, [%rd0];"},
		{name: "bounds across the end", wrong: "ld.global.b64 %rd5, [%rd0+1020];", kind: OutOfBounds, want: "byte 1020 of a, which has 1024", right: "ld.global.b64 %rd5, [%rd0+1016];"},
		{name: "bounds shared", wrong: "ld.shared.b32 %r4, [%r2+1024];", kind: OutOfBounds, want: "shared memory, which has 1024", right: "st.shared.b32 [%r3+896], %r2;"},
		{name: "null", wrong: "mov.b64 %rd5, 0; ld.global.b32 %r4, [%rd5];", kind: OutOfBounds, want: "in no allocation", right: ""},
		{name: "misaligned", wrong: "ld.global.b64 %rd5, [%rd0+4];", kind: Misaligned, want: "must be a multiple of 8", right: "ld.global.b64 %rd5, [%rd0+8];"},
		{name: "misaligned vector", wrong: "ld.global.v4.b32 {%r4,%r5,%r6,%r7}, [%rd0+8];", kind: Misaligned, want: "multiple of 16", right: "ld.global.v4.b32 {%r4,%r5,%r6,%r7}, [%rd0+16];"},
		{name: "register", wrong: "add.u32 %r9, %r8, 1;", kind: Uninitialised, want: "%r8 is read before", right: "mov.b32 %r8, 1; add.u32 %r9, %r8, 1;"},
		{name: "register of some lanes", wrong: "setp.lt.u32 %p0, %r0, 5; @%p0 mov.b32 %r8, 1; add.u32 %r9, %r8, 1;", kind: Uninitialised, want: "lanes 5-31",
			right: "setp.lt.u32 %p0, %r0, 5; @%p0 mov.b32 %r8, 1; @%p0 add.u32 %r9, %r8, 1;"},
		{name: "predicate", wrong: "@%p5 add.u32 %r9, %r0, 1;", kind: Uninitialised, want: "%p5", right: "setp.eq.u32 %p5, %r0, 0; @%p5 add.u32 %r9, %r0, 1;"},
		{name: "shared byte", wrong: "ld.shared.b32 %r4, [%r3];", kind: Uninitialised, want: "nothing wrote it", right: "st.shared.b32 [%r3], %r0; ld.shared.b32 %r4, [%r3];"},
		{name: "part of a word", wrong: "mov.b16 %h0, 1; st.shared.b16 [%r3], %h0; ld.shared.b32 %r4, [%r3];", kind: Uninitialised, want: "byte 2 of shared",
			right: "mov.b16 %h0, 1; st.shared.b16 [%r3], %h0; st.shared.b16 [%r3+2], %h0; ld.shared.b32 %r4, [%r3];"},
		{name: "global byte", wrong: "ld.global.b32 %r4, [%rd4];", kind: Uninitialised, want: "of b is read", right: "st.global.b32 [%rd4], %r0; ld.global.b32 %r4, [%rd4];", alloc: true},

		{name: "race of shared memory", wrong: with(exchange, ""), kind: Race, want: "without order behind a", right: with(exchange, "bar.sync 0;"), block: 64},
		{name: "race by a barrier of others", wrong: with(exchange, "bar.sync 1, 32;"), kind: Race, want: "without order", right: with(exchange, "bar.sync 1, 64;"), block: 64},
		{name: "write behind a read", block: 64, kind: Race, want: "is written without order behind a read by warp",
			wrong: with(exchange, "bar.sync 0;") + "st.shared.b32 [%r3], %r5;", right: with(exchange, "bar.sync 0;") + "bar.sync 0; st.shared.b32 [%r3], %r5;"},
		{name: "lanes of a warp", kind: Race, want: "behind a write by lane 1 of the same warp",
			wrong: strings.Replace(with(exchange, ""), "0x80", "4", 1), right: strings.Replace(with(exchange, "bar.warp.sync -1;"), "0x80", "4", 1)},
		{name: "lanes of a warp that write what others read", kind: Race, want: "behind a read by lane",
			wrong: strings.Replace(with(exchange, "bar.warp.sync -1;"), "0x80", "4", 1) + "st.shared.b32 [%r3], %r5;",
			right: strings.Replace(with(exchange, "bar.warp.sync -1;"), "0x80", "4", 1) + "bar.warp.sync -1; st.shared.b32 [%r3], %r5;"},
		{name: "a row for ldmatrix", kind: Race, want: "behind a write by lane",
			wrong: "st.shared.b32 [%r3], %r0; and.b32 %r4, %r0, 7; mad.lo.u32 %r4, %r4, 16, %r2; ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r5}, [%r4];",
			right: "st.shared.b32 [%r3], %r0; bar.warp.sync -1; and.b32 %r4, %r0, 7; mad.lo.u32 %r4, %r4, 16, %r2; ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r5}, [%r4];"},
		{name: "global memory within a warp", kind: Race, want: "by lane 1 of the same warp",
			wrong: "st.global.b32 [%rd4], %r0; xor.b32 %r4, %r0, 1; mad.wide.u32 %rd5, %r4, 4, %rd1; ld.global.b32 %r5, [%rd5];",
			right: "st.global.b32 [%rd4], %r0; bar.warp.sync -1; xor.b32 %r4, %r0, 1; mad.wide.u32 %rd5, %r4, 4, %rd1; ld.global.b32 %r5, [%rd5];"},
		{name: "two writers", block: 64, kind: Race, want: "behind a write", wrong: "st.shared.b32 [%r2], 1;", right: "atom.shared.exch.b32 %r4, [dyn0], 1;"},
		{name: "lanes of one store", kind: Race, want: "lanes 0 and 1 write different values", wrong: "st.shared.b32 [%r2], %r0;", right: "st.shared.b32 [%r2], 7;"},
		{name: "race of blocks", grid: 2, kind: Race, want: "by block 0", wrong: "st.global.b32 [%rd4], %r1;", right: "mad.wide.u32 %rd5, %r1, 128, %rd4; st.global.b32 [%rd5], %r1;"},
		{name: "race of global memory in a block", block: 64, kind: Race, want: "byte",
			wrong: "st.global.b32 [%rd4], %r0; xor.b32 %r4, %r0, 32; mad.wide.u32 %rd5, %r4, 4, %rd1; ld.global.b32 %r5, [%rd5];",
			right: "st.global.b32 [%rd4], %r0; bar.sync 0; xor.b32 %r4, %r0, 32; mad.wide.u32 %rd5, %r4, 4, %rd1; ld.global.b32 %r5, [%rd5];"},

		{name: "atomics and a weak read of a word", grid: 2, block: 64, kind: Race, want: "without order behind a",
			wrong: "red.global.or.b32 [%rd1], 4; ld.global.b32 %r4, [%rd1];", right: "red.global.or.b32 [%rd1], 4; ld.relaxed.gpu.global.b32 %r4, [%rd1];"},
		{name: "atomics and a strong read of a part of their word", grid: 2, block: 64, kind: Race, want: "without order behind a",
			wrong: "red.global.or.b32 [%rd1], 4; ld.relaxed.gpu.global.u8 %r4, [%rd1+1];", right: "red.global.or.b32 [%rd1], 4; ld.volatile.global.b32 %r4, [%rd1];"},
		{name: "atomics and a strong read of several words", grid: 2, block: 64, kind: Race, want: "without order behind a",
			wrong: "red.global.or.b32 [%rd1], 4; ld.relaxed.gpu.global.b64 %rd5, [%rd1];", right: "red.global.or.b32 [%rd1], 4; ld.relaxed.gpu.global.v2.b32 {%r4, %r5}, [%rd1];"},
		{name: "a weak write behind a strong read", block: 64, kind: Race, want: "without order behind a",
			wrong: "setp.lt.u32 %p0, %r0, 32; ld.relaxed.gpu.global.b32 %r4, [%rd1]; @%p0 st.global.b32 [%rd1], 1;", right: "setp.lt.u32 %p0, %r0, 32; ld.relaxed.gpu.global.b32 %r4, [%rd1]; bar.sync 0; @%p0 st.global.b32 [%rd1], 1;"},
		{name: "a weak write of shared memory behind a strong read", block: 64, kind: Race, want: "without order behind a",
			wrong: "setp.eq.u32 %p0, %r0, 0; @%p0 st.shared.b32 [%r2], 0; bar.sync 0; ld.volatile.shared.b32 %r4, [%r2]; @%p0 st.shared.b32 [%r2], 1;",
			right: "setp.eq.u32 %p0, %r0, 0; @%p0 st.shared.b32 [%r2], 0; bar.sync 0; ld.volatile.shared.b32 %r4, [%r2]; bar.sync 0; @%p0 st.shared.b32 [%r2], 1;"},
		{name: "strong within a block", grid: 2, kind: Race, want: "by block 0",
			wrong: "red.relaxed.cta.global.or.b32 [%rd1], 4;", right: "mad.wide.u32 %rd5, %r1, 4, %rd1; red.relaxed.cta.global.or.b32 [%rd5], 4;"},
		{name: "a word of which nothing was written", kind: Uninitialised, want: "nothing wrote it", alloc: true,
			wrong: "red.global.and.b32 [%rd1], 0xffffff00; ld.relaxed.gpu.global.v2.b32 {%r4, %r5}, [%rd1];", right: "red.global.and.b32 [%rd1], 0xffffff00; ld.relaxed.gpu.global.b32 %r4, [%rd1];"},

		{name: "copy not waited for", block: 64, kind: NotArrived, want: "nothing waited for the copy", wrong: with(ring, ""), right: with(ring, "cp.async.wait_group 0;")},
		{name: "copy of a later group", block: 64, kind: NotArrived, want: "nothing waited", wrong: with(ring, "cp.async.wait_group 1;"), right: with(ring, "cp.async.wait_all;")},
		{name: "copy without a barrier", block: 64, kind: Race, want: "cp.async.ca", wrong: strings.Replace(with(ring, "cp.async.wait_all;"), "bar.sync 0;", "", 1), right: with(ring, "cp.async.wait_all;")},
		{name: "copy over what is read", block: 64, kind: Race, want: "behind a read",
			wrong: with(ring, "cp.async.wait_all;") + "cp.async.ca.shared.global [%r3], [%rd3], 4; cp.async.wait_all;",
			right: with(ring, "cp.async.wait_all;") + "bar.sync 0; cp.async.ca.shared.global [%r3], [%rd3], 4; cp.async.wait_all;"},
		{name: "store under a copy", kind: NotArrived, want: "while a cp.async to it is under way", wrong: "cp.async.ca.shared.global [%r3], [%rd3], 4; st.shared.b32 [%r3], %r0;",
			right: "cp.async.ca.shared.global [%r3], [%rd3], 4; cp.async.wait_all; st.shared.b32 [%r3], %r0;"},

		{name: "lanes behind a guard", kind: MissingLanes, want: "their guard is false", wrong: "setp.lt.u32 %p0, %r0, 5; @%p0 shfl.sync.bfly.b32 %r4, %r0, 1, 31, -1;", right: "shfl.sync.bfly.b32 %r4, %r0, 1, 31, -1;"},
		{name: "lanes that have gone", kind: MissingLanes, want: "do not come", wrong: "setp.lt.u32 %p0, %r0, 5; @%p0 bra END; shfl.sync.bfly.b32 %r4, %r0, 1, 31, -1; bar.warp.sync -1; END: vote.sync.ballot.b32 %r5, %p0, -1;",
			right: "setp.lt.u32 %p0, %r0, 5; @%p0 bra END; vote.sync.ballot.b32 %r5, %p0, 0xffffffe0; END: vote.sync.ballot.b32 %r5, %p0, -1;"},
		{name: "barrier of some lanes", kind: MissingLanes, want: "bar.sync", wrong: "setp.lt.u32 %p0, %r0, 5; @%p0 bar.sync 0;", right: "setp.lt.u32 %p0, %r0, 5; @%p0 exit; bar.sync 0;"},
		{name: "barriers in two arms", kind: MissingLanes, want: "wait at", wrong: "setp.lt.u32 %p0, %r0, 5; @%p0 bra A; bar.sync 0; exit; A: bar.sync 1; exit;",
			right: "setp.lt.u32 %p0, %r0, 5; @%p0 bra A; bar.sync 0; exit; A: exit;"},
		{name: "lanes that ended leave others parked", kind: MissingLanes, want: "lanes 5-9 do not come", wrong: "setp.lt.u32 %p0, %r0, 5; @%p0 bra A; setp.lt.u32 %p1, %r0, 10; @%p1 bra B; bar.warp.sync -1; exit; A: exit; B: bar.sync 1; exit;",
			right: "setp.lt.u32 %p0, %r0, 5; @%p0 bra A; setp.lt.u32 %p1, %r0, 10; @%p1 bra B; bar.warp.sync 0xfffffc00; exit; A: exit; B: bar.warp.sync 0x3e0; exit;"},
		{name: "a mask without the lane", kind: MissingLanes, want: "does not name it", wrong: "shfl.sync.idx.b32 %r4, %r0, 0, 31, 1;", right: "setp.eq.u32 %p0, %r0, 0; @%p0 shfl.sync.idx.b32 %r4, %r0, 0, 31, 1;"},
		{name: "shuffle from a lane that is not there", kind: UndefinedValue, want: "which does not take part",
			wrong: "setp.lt.u32 %p0, %r0, 5; @%p0 shfl.sync.idx.b32 %r4, %r0, 9, 31, 0x1f;", right: "setp.lt.u32 %p0, %r0, 5; @%p0 shfl.sync.idx.b32 %r4, %r0, 4, 31, 0x1f;"},

		{name: "counts differ", block: 96, kind: BarrierMisuse, want: "barrier 1 is for", wrong: "setp.lt.u32 %p0, %r0, 32; @%p0 bra A; bar.sync 1, 96; exit; A: bar.sync 1, 64;", right: "bar.sync 1, 96;"},
		{name: "more than there are", kind: BarrierMisuse, want: "waits for 64 threads, the block has 32", wrong: "bar.sync 1, 64;", right: "bar.sync 1, 32;"},
		{name: "arrive twice", block: 64, kind: BarrierMisuse, want: "a second time", wrong: "setp.lt.u32 %p0, %r0, 32; @%p0 bra A; bar.sync 0; exit; A: bar.arrive 1, 64; bar.arrive 1, 64;",
			right: "setp.lt.u32 %p0, %r0, 32; @%p0 bra A; bar.sync 1, 64; exit; A: bar.arrive 1, 64;"},
		{name: "deadlock", block: 64, kind: Deadlock, want: "warp 0 at barrier 1", wrong: "setp.lt.u32 %p0, %r0, 32; @%p0 bra A; bar.sync 2, 64; exit; A: bar.sync 1, 64;",
			right: "setp.lt.u32 %p0, %r0, 32; @%p0 bra A; bar.sync 1, 64; exit; A: bar.sync 1, 64;"},
		{name: "spin", kind: TooLong, want: "without an end", wrong: "L: bra L;", right: "bra L; L:"},
		{name: "trap", kind: Trapped, want: "trap was reached", wrong: "trap;", right: ""},
		{name: "not executed", kind: Unsupported, want: "mbarrier.init", wrong: "mbarrier.init.shared.b64 [tile], 1;", right: "bra L; mbarrier.init.shared.b64 [tile], 1; L:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for seed := range uint64(4) {
				o := Options{Seed: seed, MaxInstructions: 100000}
				wrong, right := c.wrong, c.right
				if strings.Contains(right, "dyn0") {
					right = "setp.eq.u32 %p0, %r0, 0; @%p0 st.shared.b32 [%r2], 0; bar.sync 0; atom.shared.exch.b32 %r4, [%r2], 1;"
				}
				rep, _ := launch(t, wrong, setup{c.grid, c.block, o, c.alloc})
				found := false
				for _, f := range rep.Findings {
					found = found || f.Kind == c.kind && strings.Contains(f.String(), c.want) && (f.Loc.Line == 42 && strings.HasPrefix(f.String(), "k.tile:42: ") || f.Pos.Line == 0)
				}
				if !found {
					t.Errorf("seed %d: want %s %q, got %v", seed, c.kind, c.want, rep.Findings)
				}
				if rep, _ := launch(t, right, setup{c.grid, c.block, o, c.alloc}); len(rep.Findings) > 0 {
					t.Errorf("seed %d: the right text: %v", seed, rep.Findings)
				}
			}
		})
	}
}

// Blocks that hand values on through an atomic counter with fences are ordered; without the fence they are not.
func TestOrderBetweenBlocks(t *testing.T) {
	// Each block adds its number into b[1 …], in the order of the blocks: it waits until the counter b[0] is its own.
	const text = `
	setp.ne.u32 %%p0, %%r0, 0;
	@%%p0 bra BODY;
WAIT: ld.%s.u32 %%r4, [%%rd1];
	setp.ne.u32 %%p1, %%r4, %%r1;
	@%%p1 bra WAIT;
	%s
BODY: bar.sync 0;
	ld.global.u32 %%r5, [%%rd4+4];
	add.u32 %%r5, %%r5, 1;
	st.global.u32 [%%rd4+4], %%r5;
	bar.sync 0;
	@%%p0 exit;
	%s
	add.u32 %%r6, %%r1, 1;
	%s.u32 [%%rd1], %%r6;`
	for _, c := range []struct {
		load, acquire, fence, store string
		clean                       bool
	}{
		{"acquire.gpu.global", "", "", "st.release.gpu.global", true},
		{"relaxed.gpu.global", "fence.acq_rel.gpu;", "fence.acq_rel.gpu;", "st.relaxed.gpu.global", true},
		{"volatile.global", "membar.gl;", "membar.gl;", "st.volatile.global", true},
		{"relaxed.gpu.global", "fence.sc.sys;", "membar.sys;", "st.relaxed.sys.global", true},
		{"relaxed.gpu.global", "fence.acq_rel.cta;", "fence.acq_rel.gpu;", "st.relaxed.gpu.global", false},
		{"relaxed.gpu.global", "fence.acq_rel.gpu;", "fence.acq_rel.cta;", "st.relaxed.gpu.global", false},
		{"relaxed.gpu.global", "membar.gl;", "membar.cta;", "st.relaxed.gpu.global", false},
		{"acquire.gpu.global", "", "fence.acq_rel.cta;", "st.relaxed.gpu.global", false},
		{"relaxed.gpu.global", "fence.acq_rel.cta; fence.acq_rel.gpu;", "fence.acq_rel.gpu; fence.acq_rel.cta;", "st.relaxed.gpu.global", true},
		{"relaxed.gpu.global", "fence.acq_rel.gpu;", "", "atom.release.gpu.global.add.u32 %r7, [%rd1], 1; //", true},
		{"acquire.gpu.global", "", "fence.acq_rel.cta;", "atom.relaxed.gpu.global.add.u32 %r7, [%rd1], 1; //", false},
		{"acquire.gpu.global", "", "", "st.release.cta.global", false},
		{"acquire.cta.global", "", "", "st.release.gpu.global", false},
		{"acquire.gpu.global", "", "", "st.relaxed.gpu.global", false},
		{"relaxed.gpu.global", "", "", "st.release.gpu.global", false},
	} {
		for seed := range uint64(3) {
			rep, out := launch(t, fmt.Sprintf(text, c.load, c.acquire, c.fence, c.store), setup{grid: 5, block: 64, o: Options{Seed: seed, MaxInstructions: 1 << 24}})
			if (len(rep.Findings) == 0) != c.clean {
				t.Errorf("%+v seed %d: %v", c, seed, rep.Findings)
			}
			if n := binary.LittleEndian.Uint32(out[4:]); n != 5 {
				t.Errorf("%+v: %d blocks added", c, n)
			}
		}
	}
}

// Within a block a fence or a release of the block's scope orders as a wider one does.
func TestOrderWithinBlock(t *testing.T) {
	// Warp 0 writes b[1] and then the flag b[0]; warp 1 waits for the flag and reads b[1].
	const text = `
	setp.ge.u32 %%p0, %%r0, 32;
	@%%p0 bra READ;
	st.global.u32 [%%rd1+4], 7;
	%s
	%s.u32 [%%rd1], 1;
	exit;
READ: ld.%s.u32 %%r4, [%%rd1];
	setp.ne.u32 %%p1, %%r4, 1;
	@%%p1 bra READ;
	%s
	ld.global.u32 %%r5, [%%rd1+4];`
	for _, c := range []struct {
		fence, store, load, acquire string
		clean                       bool
	}{
		{"", "st.release.cta.global", "acquire.cta.global", "", true},
		{"fence.acq_rel.cta;", "st.relaxed.cta.global", "relaxed.cta.global", "fence.acq_rel.cta;", true},
		{"membar.cta;", "st.volatile.global", "volatile.global", "membar.cta;", true},
		{"fence.acq_rel.gpu;", "st.relaxed.gpu.global", "relaxed.gpu.global", "fence.acq_rel.cta;", true},
		{"", "st.relaxed.cta.global", "relaxed.cta.global", "fence.acq_rel.cta;", false},
		{"fence.acq_rel.cta;", "st.relaxed.cta.global", "relaxed.cta.global", "", false},
	} {
		for seed := range uint64(3) {
			rep, _ := launch(t, fmt.Sprintf(text, c.fence, c.store, c.load, c.acquire), setup{block: 64, o: Options{Seed: seed, MaxInstructions: 1 << 20}})
			if (len(rep.Findings) == 0) != c.clean {
				t.Errorf("%+v seed %d: %v", c, seed, rep.Findings)
			}
		}
	}
}

func TestBankConflicts(t *testing.T) {
	for _, c := range []struct {
		body                  string
		wavefronts, conflicts uint64
	}{
		{"st.shared.b32 [%r3], %r0;", 1, 0},
		{"mad.lo.u32 %r4, %r0, 8, %r2; st.shared.b32 [%r4], %r0;", 2, 1},
		{"shl.b32 %r4, %r0, 5; st.shared.b32 [%r4], %r0;", 8, 7},
		{"st.shared.b32 [%r2], 7; ld.shared.b32 %r4, [%r2];", 2, 0},
		{"mad.lo.u32 %r4, %r0, 16, %r2; mov.b32 %r5, 0; st.shared.v4.b32 [%r4], {%r5,%r5,%r5,%r5};", 4, 0},
		{"mad.lo.u32 %r4, %r0, 8, %r2; mov.b32 %r5, 0; st.shared.v2.b32 [%r4], {%r5,%r5};", 2, 0},
		{"and.b32 %r4, %r0, 7; mad.lo.u32 %r4, %r4, 128, %r2; mov.b32 %r5, 0; st.shared.v4.b32 [%r4], {%r5,%r5,%r5,%r5}; bar.warp.sync -1; ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r6}, [%r4];", 40, 35},
		{"mul.lo.u32 %r4, %r0, 2; add.u32 %r4, %r4, %r2; mov.b16 %h0, 1; st.shared.b16 [%r4], %h0;", 1, 0},
	} {
		rep, _ := launch(t, c.body, setup{})
		if err := rep.Err(); err != nil || rep.SharedWavefronts != c.wavefronts || rep.SharedConflicts != c.conflicts {
			t.Errorf("%s: %d wavefronts, %d conflicts, %v", c.body, rep.SharedWavefronts, rep.SharedConflicts, err)
		}
	}
}

func TestCounts(t *testing.T) {
	rep, _ := launch(t, "setp.lt.u32 %p0, %r0, 3; @%p0 add.u32 %r4, %r0, 1; mov.f32 %f0, 1.0; fma.rn.f32 %f1, %f0, %f0, %f0;", setup{block: 64})
	if rep.ByClass[FloatClass] != 2 || rep.ByClass[ControlClass] != 2 {
		t.Errorf("%v", rep.ByClass)
	}
	for _, l := range rep.Lines {
		if l.Instr == "add.u32" && l.Lanes == 3 && (l.Instructions != 2 || l.Loc.Line != 42) {
			t.Errorf("%+v", l)
		}
	}
}

// A release goes on through strong writes of the thread that released and through everyone's atomics, and ends with another's write.
func TestReleasePatterns(t *testing.T) {
	const text = `shr.u32 %%r4, %%r0, 5; setp.eq.u32 %%p0, %%r4, 0; @%%p0 bra W0; setp.eq.u32 %%p1, %%r4, 1; @%%p1 bra W1;
W2:	ld.acquire.gpu.global.u32 %%r5, [%%rd1]; setp.ne.u32 %%p2, %%r5, 2; @%%p2 bra W2;
	ld.global.u32 %%r6, [%%rd0]; bra END;
W0:	%s bra END;
W1:	ld.relaxed.gpu.global.u32 %%r5, [%%rd1]; setp.ne.u32 %%p2, %%r5, 1; @%%p2 bra W1;
	%s
END:`
	const lone = "st.relaxed.gpu.global.u32 [%rd1+8], 1;" // somewhere else
	for _, c := range []struct {
		name, first, second string
		ordered             bool
	}{
		{"another's write", "st.global.u32 [%rd0], 7; st.release.gpu.global.u32 [%rd1], 1;", "st.relaxed.gpu.global.u32 [%rd1], 2;", false},
		{"another's write behind a fence", "st.global.u32 [%rd0], 7; st.release.gpu.global.u32 [%rd1], 1;", "fence.acq_rel.gpu; st.relaxed.gpu.global.u32 [%rd1], 2;", true},
		{"another's atomic", "st.global.u32 [%rd0], 7; st.release.gpu.global.u32 [%rd1], 1;", "atom.relaxed.gpu.global.max.u32 %r7, [%rd1], 2;", true},
		{"its own write", "st.global.u32 [%rd0], 7; st.release.gpu.global.u32 [%rd1], 1; st.relaxed.gpu.global.u32 [%rd1], 2;", lone, true},
		{"its own write, with an older fence", "fence.acq_rel.gpu; st.global.u32 [%rd0], 7; st.release.gpu.global.u32 [%rd1], 1; st.relaxed.gpu.global.u32 [%rd1], 2;", lone, true},
		{"its own write elsewhere", "st.release.gpu.global.u32 [%rd1+4], 1; st.global.u32 [%rd0], 7; st.relaxed.gpu.global.u32 [%rd1], 2;", lone, false},
	} {
		body := fmt.Sprintf(text, c.first, c.second)
		if c.second == lone {
			// The second warp does not wait: its value may be gone before it looks.
			body = strings.Replace(body, "@%p2 bra W1;", "", 1)
		}
		for seed := range uint64(4) {
			rep, _ := launch(t, body, setup{block: 96, o: Options{Seed: seed, MaxInstructions: 1 << 22}})
			err := rep.Err()
			switch {
			case c.ordered && err != nil:
				t.Errorf("%s, seed %d: %v", c.name, seed, err)
			case !c.ordered && (err == nil || !strings.Contains(err.Error(), "race")):
				t.Errorf("%s, seed %d: %v, and no race", c.name, seed, err)
			}
		}
	}
}

// What a block learns of itself through another it keeps.
func TestAcquireOwn(t *testing.T) {
	var own [maxWarps]uint32
	own[3] = 9
	out := &clock{far: map[int]*[maxWarps]uint32{0: &own}}
	out.near[1] = 5
	c := clock{}
	c.near[3], c.near[4] = 2, 7
	c.acquire(0, &published{block: 1, clock: *out, out: out})
	if c.near[3] != 9 || c.near[4] != 7 || c.far[0] != nil || c.far[1] == nil || c.far[1][1] != 5 {
		t.Errorf("near %v, far %v", c.near[:6], c.far)
	}
}
