package asm

import (
	"testing"

	"github.com/tilec/tilec/ir"
)

// TestPressure: registers are counted where most hold values that are read later, on any path.
func TestPressure(t *testing.T) {
	at := func(line int) ir.Pos { return ir.Pos{File: "x.tile", Line: line, Col: 1} }
	cases := []struct {
		name  string
		write func(b *Builder)
		want  int
		line  int
	}{
		{"nothing", func(b *Builder) { b.Emit("ret") }, 0, 0},
		{"what nothing keeps in place", func(b *Builder) {
			x, y := b.Do("ld.shared.b32", W, Sym("s", 0)), b.Do("ld.shared.b32", W, Sym("s", 4))
			b.Emit("st.shared.v2.b32", Sym("s", 0), Regs(x, y))
		}, 0, 0},
		{"four values across a barrier", func(b *Builder) {
			list := make([]Reg, 4)
			for i := range list {
				list[i] = b.Do("ld.shared.b32", W, Sym("s", int64(4*i)))
			}
			b.Pos = at(7)
			b.Emit("bar.sync", Int(0))
			b.Emit("st.shared.v4.b32", Sym("s", 0), Regs(list...))
		}, 4, 7},
		{"vectors, halves, doubles, predicates", func(b *Builder) {
			v, h, d, p := b.Regs(W, 4), b.Reg(H), b.Reg(D), b.Reg(P)
			b.Emit("ld.shared.v4.b32", Regs(v...), Sym("s", 0))
			b.Emit("ld.shared.b16", R(h), Sym("s", 0))
			b.Emit("ld.shared.b64", R(d), Sym("s", 0))
			b.Emit("setp.eq.s32", R(p), R(v[0]), Int(0))
			b.Pos = at(3)
			b.Emit("bar.sync", Int(0))
			b.EmitIf(R(p), "st.shared.v4.b32", Sym("s", 0), Regs(v...))
			b.Emit("st.shared.b16", Sym("s", 0), R(h))
			b.Emit("st.shared.b64", Sym("s", 0), R(d))
		}, 7, 3},
		{"sums of a product stay in their registers", func(b *Builder) {
			c, x := b.Regs(W, 4), b.Regs(W, 3)
			b.Emit("ld.shared.v4.b32", Regs(c...), Sym("s", 0))
			for i := range x {
				b.Emit("ld.shared.b32", R(x[i]), Sym("s", int64(16+4*i)))
			}
			for range 3 {
				b.Emit("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32", Regs(c...), Regs(x[:2]...), Regs(x[2]), Regs(c...))
			}
			b.Emit("st.shared.v4.b32", Sym("s", 0), Regs(c...))
		}, 7, 0},
		{"what a loop needs again lives all through it", func(b *Builder) {
			list := make([]Reg, 3)
			for i := range list {
				list[i] = b.Do("ld.shared.b32", W, Sym("s", int64(4*i)))
			}
			n := b.Var(W)
			b.Emit("mov.b32", R(n), Int(0))
			b.Loop(func(begin, end string) {
				b.Changes(n)
				for _, r := range list {
					b.Emit("st.shared.b32", Sym("s", 0), R(r))
				}
				x := b.Do("ld.shared.b32", W, Sym("s", 0))
				b.Pos = at(9)
				b.Emit("bar.sync", Int(0))
				b.Emit("st.shared.b32", Sym("s", 4), R(x))
				b.Emit("add.s32", R(n), R(n), Int(1))
				p := b.Reg(P)
				b.Emit("setp.lt.s32", R(p), R(n), Int(9))
				b.EmitIf(R(p), "bra", Text(begin))
			})
		}, 5, 9},
		{"what only one arm needs", func(b *Builder) {
			x, y, p := b.Do("ld.shared.b32", W, Sym("s", 0)), b.Do("ld.shared.b32", W, Sym("s", 4)), b.Reg(P)
			b.Emit("setp.eq.s32", R(p), R(x), Int(0))
			b.IfElse(R(p), func() { b.Emit("st.shared.b32", Sym("s", 0), R(y)) }, func() {
				z := b.Regs(W, 4)
				b.Emit("ld.shared.v4.b32", Regs(z...), Sym("s", 0))
				b.Pos = at(2)
				b.Emit("bar.sync", Int(0))
				b.Emit("st.shared.v4.b32", Sym("s", 0), Regs(z...))
			})
		}, 4, 2},
		{"what is written under a predicate was there before", func(b *Builder) {
			x, y, p := b.Do("mov.u32", W, Int(1)), b.Do("ld.shared.b32", W, Sym("s", 0)), b.Reg(P)
			b.Emit("setp.eq.s32", R(p), R(y), Int(0))
			b.Pos = at(5)
			b.Emit("bar.sync", Int(0))
			b.EmitIf(R(p), "mov.u32", R(x), R(y))
			b.Emit("st.shared.b32", Sym("s", 0), R(x))
		}, 2, 5},
		{"what follows from what is there takes nothing", func(b *Builder) {
			x := b.Do("ld.shared.b32", W, Sym("s", 0))
			y := b.Pure("add.s32", W, R(x), Int(1))
			z := b.Pure("mul.lo.s32", W, R(y), Int(3))
			b.Emit("bar.sync", Int(0))
			b.Emit("st.shared.v2.b32", Sym("s", 0), Regs(x, z))
		}, 1, 0},
		{"what follows from what is gone does", func(b *Builder) {
			x, u := b.Do("ld.shared.b32", W, Sym("s", 0)), b.Do("ld.shared.b32", W, Sym("s", 4))
			y := b.Pure("add.s32", W, R(x), R(u))
			z := b.Pure("mul.lo.s32", W, R(y), R(u))
			b.Emit("bar.sync", Int(0))
			b.Emit("st.shared.v2.b32", Sym("s", 0), Regs(y, z))
		}, 2, 0},
		{"a table takes no more than what it is made of", func(b *Builder) {
			x, u := b.Do("ld.shared.b32", W, Sym("s", 0)), b.Do("ld.shared.b32", W, Sym("s", 4))
			y := b.Pure("add.s32", W, R(x), R(u))
			z := b.Pure("sub.s32", W, R(x), R(u))
			v := b.Pure("mul.lo.s32", W, R(x), R(u))
			b.Emit("bar.sync", Int(0))
			b.Emit("st.shared.v2.b32", Sym("s", 0), Regs(y, z))
			b.Emit("st.shared.b32", Sym("s", 8), R(v))
		}, 2, 0},
	}
	for _, c := range cases {
		b := NewBuilder()
		c.write(b)
		b.Emit("ret")
		if got, pos := b.Pressure(); got != c.want || c.line > 0 && pos.Line != c.line {
			t.Errorf("%s: %d registers at line %d, want %d at %d", c.name, got, pos.Line, c.want, c.line)
		}
	}
}
