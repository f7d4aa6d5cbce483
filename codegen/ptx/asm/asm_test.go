package asm

import (
	"strings"
	"testing"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/emu"
	"github.com/tilec/tilec/codegen/ptx/syntax"
)

// sum is a kernel that adds n words, one thread of 32 each 32nd, and stores each thread's sum plus what f makes of the loop.
func sum(inLoop func(b *Builder, i Reg) Arg) *Kernel {
	b := NewBuilder()
	k := &Kernel{Name: "sum", Params: []Param{{"x", 64}, {"y", 64}, {"n", 32}}, Threads: 32, Builder: b}
	tid := b.Pure("mov.u32", W, Text("%tid.x"))
	x, y := b.Pure("ld.param.u64", D, Sym("x", 0)), b.Pure("ld.param.u64", D, Sym("y", 0))
	n := b.Pure("ld.param.u32", W, Sym("n", 0))
	i, total := b.Var(W), b.Var(W)
	b.Emit("mov.b32", R(i), R(tid))
	b.Emit("mov.b32", R(total), Int(0))
	b.Loop(func(begin, end string) {
		b.Changes(i, total)
		done := b.SetP("ge", "s32", R(i), R(n))
		b.EmitIf(R(done), "bra", Text(end))
		at := b.Add(D, R(x), b.Mul(D, b.Widen(R(i)), Int(4)))
		r, _ := at.Reg()
		v := b.Do("ld.global.u32", W, At(r, 0))
		b.Emit("add.s32", R(total), R(total), R(v))
		b.Emit("add.s32", R(total), R(total), inLoop(b, i))
		b.Emit("add.s32", R(i), R(i), Int(32))
		b.Emit("bra", Text(begin))
	})
	out := b.Add(D, R(y), b.Mul(D, b.Widen(R(tid)), Int(4)))
	r, _ := out.Reg()
	b.Emit("st.global.u32", At(r, 0), R(total))
	b.Emit("ret")
	return k
}

func run(t *testing.T, k *Kernel, n int) []uint32 {
	t.Helper()
	text, places := Module(ptx.Target{SM: 80}, 70, []*Kernel{k})
	if lines := strings.Count(text, "\n"); lines != len(places) {
		t.Errorf("%d lines, places for %d", lines, len(places))
	}
	mod, err := syntax.Parse(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	m := emu.New(emu.Options{})
	data := make([]byte, 4*n)
	for i := range n {
		data[4*i] = byte(i)
	}
	x, err := m.Upload("x", data)
	if err != nil {
		t.Fatal(err)
	}
	y, err := m.Alloc("y", 128)
	if err != nil {
		t.Fatal(err)
	}
	p, err := m.Load(mod)
	if err != nil {
		t.Fatal(err)
	}
	r, err := p.Launch(emu.Launch{Kernel: k.Name, Block: [3]int{32}, Args: []any{x, y, int32(n)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Err(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	list := make([]uint32, 32)
	for i := range list {
		b := y.Bytes[4*i:]
		list[i] = uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24
	}
	return list
}

// What does not change in a loop stands before it, what does stays, and both give what they should.
func TestLoop(t *testing.T) {
	k := sum(func(b *Builder, i Reg) Arg {
		n := b.Pure("ld.param.u32", W, Sym("n", 0))
		fixed := b.Mul(W, R(n), Int(3))                // the same in every step
		return b.Add(W, fixed, b.Mul(W, R(i), Int(5))) // another in each
	})
	got := run(t, k, 100)
	for lane, g := range got {
		want := 0
		for i := lane; i < 100; i += 32 {
			want += i + 300 + 5*i
		}
		if int(g) != want {
			t.Errorf("lane %d: %d, want %d", lane, g, want)
		}
	}
	begin := false
	for _, in := range k.Code() {
		begin = begin || strings.HasPrefix(in.Label, "$loop")
		if begin && strings.HasPrefix(in.Op, "mul") && in.Args[2].num == 3 {
			t.Error("a product that does not change is computed in the loop")
		}
	}
}

// A value that a branch computes is not known behind the branch, nor in the other arm.
func TestBranch(t *testing.T) {
	k := sum(func(b *Builder, i Reg) Arg {
		r := b.Var(W)
		p := b.SetP("lt", "s32", R(i), Int(1000))
		b.IfElse(R(p), func() {
			b.Emit("mov.b32", R(r), b.Mul(W, R(i), Int(7)))
		}, func() {
			b.Emit("mov.b32", R(r), b.Mul(W, R(i), Int(7)))
		})
		return b.Add(W, R(r), b.Mul(W, R(i), Int(7)))
	})
	count := 0
	for _, in := range k.Code() {
		if in.Op == "mul.lo.s32" {
			count++
		}
	}
	if count != 3 {
		t.Errorf("%d products, 3 expected: one in each arm and one behind them", count)
	}
	for lane, g := range run(t, k, 40) {
		want := 0
		for i := lane; i < 40; i += 32 {
			want += i + 14*i
		}
		if int(g) != want {
			t.Errorf("lane %d: %d, want %d", lane, g, want)
		}
	}
}

func TestFolding(t *testing.T) {
	b := NewBuilder()
	x := R(b.Reg(W))
	for _, c := range []struct {
		got, want Arg
	}{
		{b.Add(W, Int(1<<31-1), Int(1)), Int(-1 << 31)},
		{b.Add(D, Int(1<<31-1), Int(1)), Int(1 << 31)},
		{b.Add(W, Int(0), x), x},
		{b.Mul(W, x, Int(1)), x},
		{b.Mul(W, x, Int(0)), Int(0)},
		{b.Sub(W, x, Int(0)), x},
		{b.Shr(W, Int(-1), 28), Int(15)},
		{b.Shl(W, Int(3), 31), Int(-1 << 31)},
		{b.Mad(W, Int(3), Int(4), Int(5)), Int(17)},
		{b.And(W, x, Int(0)), Int(0)},
		{b.Or(W, Int(0), x), x},
		{b.Xor(W, Int(6), Int(3)), Int(5)},
	} {
		if c.got.kind != c.want.kind || c.got.num != c.want.num || c.got.reg != c.want.reg {
			t.Errorf("%+v, want %+v", c.got, c.want)
		}
	}
	if n := len(b.Code()); n != 0 {
		t.Errorf("%d instructions for what is known", n)
	}
}

// What nothing reads is not written, nor what only that reads; what stores read is.
func TestNeeded(t *testing.T) {
	b := NewBuilder()
	k := &Kernel{Name: "k", Params: []Param{{"y", 64}}, Threads: 32, Builder: b}
	y := b.Pure("ld.param.u64", D, Sym("y", 0))
	tid := b.Pure("mov.u32", W, Text("%tid.x"))
	b.Mul(W, b.Add(W, R(tid), Int(5)), Int(3))
	wide := b.Widen(b.Add(W, R(tid), Int(7)))
	b.Emit("st.global.u32", At(y, 0), b.Narrow(wide))
	b.Emit("ret")
	text, _ := Module(ptx.Target{SM: 80}, 70, []*Kernel{k})
	for _, no := range []string{"mul", ", 5", "cvt"} {
		if strings.Contains(text, no) {
			t.Errorf("%s in\n%s", no, text)
		}
	}
	if !strings.Contains(text, ", 7") || !strings.Contains(text, "tid") {
		t.Errorf("what is needed is not in\n%s", text)
	}
}
