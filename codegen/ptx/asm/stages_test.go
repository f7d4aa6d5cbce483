package asm_test

import (
	"strings"
	"testing"

	"github.com/tilec/tilec/codegen/ptx/asm"
)

// ringed is a loop over a ring of three stages of 1024 bytes, without the barrier, wait or commit of the number without.
func ringed(without int) *asm.Builder {
	b := asm.NewBuilder()
	n := 0
	order := func(op string, args ...asm.Arg) {
		if n++; n == without {
			return
		}
		if op == "bar.sync" {
			b.Barrier(op, args...)
		} else {
			b.Emit(op, args...)
		}
	}
	read, last := b.Var(asm.W), b.Var(asm.W)
	b.Emit("mov.b32", asm.R(read), asm.Int(0))
	b.Emit("mov.b32", asm.R(last), asm.Int(2048))
	ring := &asm.Area{Hi: 3072, Ring: true}
	fill := func(at asm.Arg) {
		b.In(asm.Place{Area: ring, At: at}, func() { b.Emit("cp.async.cg.shared.global", asm.Sym("smem", 0), asm.Sym("x", 0), asm.Int(16)) })
	}
	for i := range int64(2) {
		fill(asm.Int(1024 * i))
		order("cp.async.commit_group")
	}
	more := b.Reg(asm.P)
	b.Loop(func(begin, end string) {
		b.EmitIf(asm.Not(more), "bra.uni", asm.Text(end))
		b.Changes(read, last)
		order("cp.async.wait_group", asm.Int(1))
		order("bar.sync", asm.Int(0))
		now, was := b.Do("mov.b32", asm.W, asm.R(read)), b.Do("mov.b32", asm.W, asm.R(last))
		next := b.Do("add.s32", asm.W, asm.R(now), asm.Int(1024))
		wraps := b.Do("setp.eq.s32", asm.P, asm.R(next), asm.Int(3072))
		b.Emit("selp.b32", asm.R(read), asm.Int(0), asm.R(next), asm.R(wraps))
		b.Emit("mov.b32", asm.R(last), asm.R(now))
		b.IfElse(asm.R(more), func() { fill(asm.R(was)) }, nil)
		order("cp.async.commit_group")
		b.In(asm.Place{Area: ring, At: asm.R(now)}, func() { b.Do("ld.shared.b32", asm.W, asm.Sym("smem", 0)) })
		b.Emit("bra.uni", asm.Text(begin))
	})
	b.Emit("ret")
	return b
}

func TestDisorder(t *testing.T) {
	if d, open := ringed(0).Disorder(); d != nil || open != "" {
		t.Fatal(d, open)
	}
	for i, want := range []string{"waited", "waited", "waited", "barrier", "waited"} {
		if d, _ := ringed(i + 1).Disorder(); d == nil || !strings.Contains(d.What, want) {
			t.Errorf("without %d: %v", i+1, d)
		}
	}
}

// TestUndecided: where the offsets of stages cannot be followed, that is said, and it is no disorder.
func TestUndecided(t *testing.T) {
	for _, c := range []struct {
		want string
		at   func(b *asm.Builder) asm.Reg
	}{
		{"made by mul.lo.s32", func(b *asm.Builder) asm.Reg { return b.Do("mul.lo.s32", asm.W, asm.Int(2), asm.Int(1024)) }},
		{"depends on a predicate", func(b *asm.Builder) asm.Reg {
			r, p := b.Do("mov.b32", asm.W, asm.Int(0)), b.Do("setp.eq.s32", asm.P, asm.Int(1), asm.Int(1))
			b.EmitIf(asm.R(p), "mov.b32", asm.R(r), asm.Int(1024))
			return r
		}},
		{"too many states", func(b *asm.Builder) asm.Reg {
			r, p := b.Var(asm.W), b.Reg(asm.P)
			b.Emit("mov.b32", asm.R(r), asm.Int(0))
			b.Loop(func(begin, end string) {
				b.Changes(r)
				b.Emit("add.s32", asm.R(r), asm.R(r), asm.Int(16))
				b.EmitIf(asm.R(p), "bra", asm.Text(begin))
			})
			return r
		}},
	} {
		b := asm.NewBuilder()
		at := c.at(b)
		b.In(asm.Place{Area: &asm.Area{Hi: 64}, At: asm.R(at)}, func() { b.Emit("st.shared.b32", asm.Sym("smem", 0), asm.Int(1)) })
		b.Emit("ret")
		if d, open := b.Disorder(); d != nil || !strings.Contains(open, c.want) {
			t.Errorf("%s: %v, %q", c.want, d, open)
		}
	}
}
