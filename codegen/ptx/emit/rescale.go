package emit

import (
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// fewRescaled is up to how many elements of a thread are multiplied at once without asking.
const fewRescaled = 8

// rescaled is the carried operand of a multiplication that rescales it: x, which nothing else reads, by a power that is broadcast to
// it, and which is 1 in most steps of a loop that carries a running maximum.
func (e *emitter) rescaled(o *ir.Op) *ir.Value {
	if o.Code != ir.Mul || o.Result().Type.Kind != ir.Tile || o.Result().Type.Elem != dtype.F32 {
		return nil
	}
	for i, x := range o.Operands {
		by := o.Operands[1-i].Def
		if by == nil || by.Code != ir.Bcast || by.Operands[0].Def == nil {
			continue
		}
		if power := by.Operands[0].Def.Code; power != ir.Exp && power != ir.Exp2 {
			continue
		}
		if x.Region != nil && x.Region == o.Parent && x.Index > 0 && x.Region.Parent.Code == ir.For && len(e.users(x)) == 1 {
			return x
		}
	}
	return nil
}

// rescale multiplies the registers of a carried value where they are, and only in warps some of whose factors are not 1.
func (e *emitter) rescale(o *ir.Op) bool {
	x := e.rescaled(o)
	if x == nil {
		return false
	}
	b := e.b
	by := o.Operands[0]
	if by == x {
		by = o.Operands[1]
	}
	list := e.elems(e.value(x))
	if len(list) <= fewRescaled {
		return false
	}
	some, seen := asm.Reg{}, map[asm.Reg]bool{}
	factors := e.elems(e.value(by))
	for _, f := range factors {
		r, ok := f.Reg()
		if !ok {
			return false
		}
		if seen[r] {
			continue
		}
		p := b.SetP("neu", "f32", f, asm.F32(1))
		if len(seen) > 0 {
			p = b.OrP(some, p)
		}
		some, seen[r] = p, true
	}
	needed := b.Do("vote.sync.any.pred", asm.P, asm.R(some), asm.Int(0xffffffff))
	b.If(asm.R(needed), func() {
		for i, c := range list {
			b.Emit("mul.rn.f32", c, c, factors[i])
		}
	})
	e.set(o.Result(), &value{elems: list})
	return true
}

// sameRegisters reports whether two tiles have their elements in the same registers.
func sameRegisters(x, y *value) bool {
	if x.elems == nil || len(x.elems) != len(y.elems) {
		return false
	}
	for i := range x.elems {
		a, ok := x.elems[i].Reg()
		b, same := y.elems[i].Reg()
		if !ok || !same || a != b {
			return false
		}
	}
	return true
}
