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
		if n++; n != without {
			b.Emit(op, args...)
		}
	}
	read, last := b.Var(asm.W), b.Var(asm.W)
	b.Emit("mov.b32", asm.R(read), asm.Int(0))
	b.Emit("mov.b32", asm.R(last), asm.Int(2048))
	fill := func(at asm.Arg) {
		b.In(at, func() { b.Emit("cp.async.cg.shared.global", asm.Sym("smem", 0), asm.Sym("x", 0), asm.Int(16)) })
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
		b.In(asm.R(now), func() { b.Do("ld.shared.b32", asm.W, asm.Sym("smem", 0)) })
		b.Emit("bra.uni", asm.Text(begin))
	})
	b.Emit("ret")
	return b
}

func TestDisorder(t *testing.T) {
	if d := ringed(0).Disorder(); d != nil {
		t.Fatal(d)
	}
	for i, want := range []string{"waited", "waited", "waited", "barrier", "waited"} {
		if d := ringed(i + 1).Disorder(); d == nil || !strings.Contains(d.What, want) {
			t.Errorf("without %d: %v", i+1, d)
		}
	}
}
