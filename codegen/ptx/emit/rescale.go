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

// scaling is a multiplication of a carried value where it is, by a power that may be broadcast first.
type scaling struct {
	mul, bcast *ir.Op
	x          *ir.Value
}

// scalings are the multiplications of carried values by a power, if these are all that reads it, and of so many elements that it
// pays to ask first.
func (e *emitter) scalings(o *ir.Op) []scaling {
	t := o.Result().Type
	if o.Code != ir.Exp && o.Code != ir.Exp2 || t.Kind != ir.Tile || t.Elem != dtype.F32 {
		return nil
	}
	var list []scaling
	slots := 0
	// add notes the multiplications by power, which read it beside its broadcasts.
	var add func(power *ir.Value, bcast *ir.Op) bool
	add = func(power *ir.Value, bcast *ir.Op) bool {
		for _, m := range e.users(power) {
			if m.Code == ir.Bcast && bcast == nil && m.Parent == o.Parent {
				if !add(m.Result(), m) {
					return false
				}
				continue
			}
			if m.Code != ir.Mul || m.Parent != o.Parent || m.Operands[0] == m.Operands[1] {
				return false
			}
			x := m.Operands[0]
			if x == power {
				x = m.Operands[1]
			}
			if !e.carriedOnce(x, o.Parent) {
				return false
			}
			list = append(list, scaling{m, bcast, x})
			slots += e.place(x.Type).slots
		}
		return true
	}
	if !add(o.Result(), nil) {
		return nil
	}
	if slots <= fewRescaled {
		return nil
	}
	return list
}

// carriedOnce reports whether a value is carried by the loop whose body is r, and read once.
func (e *emitter) carriedOnce(x *ir.Value, r *ir.Region) bool {
	return x.Region != nil && x.Region == r && x.Index > 0 && r.Parent != nil && r.Parent.Code == ir.For && e.readOnce(x)
}

// rescale multiplies the registers of carried values where they are by a power, which it computes, and only in warps in some of
// whose threads the exponent is not 0.
func (e *emitter) rescale(o *ir.Op) bool {
	if e.copied[o] {
		return true
	}
	list := e.scalings(o)
	if list == nil {
		return false
	}
	b := e.b
	some, seen := asm.Reg{}, map[asm.Reg]bool{}
	for _, x := range e.elems(e.value(o.Operands[0])) {
		r := e.reg(dtype.F32, x)
		if seen[r] {
			continue
		}
		p := b.SetP("neu", "f32", asm.R(r), asm.F32(0))
		if len(seen) > 0 {
			p = b.OrP(some, p)
		}
		some, seen[r] = p, true
	}
	needed := b.Do("vote.sync.any.pred", asm.P, asm.R(some), everyone)
	b.If(asm.R(needed), func() {
		powers := make([]asm.Arg, e.place(o.Result().Type).slots)
		for i := range powers {
			powers[i] = e.apply(o, []asm.Arg{e.elem(e.value(o.Operands[0]), i)})
		}
		e.set(o.Result(), &value{elems: powers})
		for _, s := range list {
			by := o.Result()
			if s.bcast != nil {
				e.shape(s.bcast)
				by = s.bcast.Result()
			}
			factors := e.elems(e.value(by))
			for i, x := range e.elems(e.value(s.x)) {
				b.Emit("mul.rn.f32", x, x, factors[i])
			}
		}
	})
	for _, s := range list {
		e.copied[s.mul] = true
		e.set(s.mul.Result(), &value{elems: e.elems(e.value(s.x))})
	}
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
