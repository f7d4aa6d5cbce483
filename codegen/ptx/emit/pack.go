package emit

import (
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// packBits emits integers made of the bools along an axis.
func (e *emitter) packBits(o *ir.Op) {
	b := e.b
	x, t := o.Operands[0], o.Result().Type
	axis := x.Type.Axis(o.Axes[0])
	p := e.place(x.Type)
	c := classOf(t.Elem)
	in := e.value(x)
	part := e.part(p, axis)
	slots := make([][]asm.Arg, p.slots)
	for i := range slots {
		at := p.coords[i][axis]
		if p.twin[i] != i || at >= int64(t.Elem.Bits()) {
			continue
		}
		v := e.elem(in, i)
		if live, ok := e.live(x.Type, i, []int{axis}); ok {
			v = e.pick(asm.P, live, v, asm.Int(0))
		}
		bit := asm.Int(1 << at)
		if c == asm.W {
			bit = asm.Int(int64(int32(1 << at)))
		}
		if _, ok := part.IntValue(); !ok {
			bit = asm.R(b.Pure("shl.b"+c.Suffix(), c, bit, part))
		}
		slots[i] = []asm.Arg{e.selected(c, v, bit)}
	}
	f := simple(c, asm.Int(0), func(x ...asm.Arg) asm.Arg { return b.Or(c, x[0], x[1]) })
	e.gather(o, axis, f, slots)
}

// selected is x where a predicate holds, else 0.
func (e *emitter) selected(c asm.Class, p, x asm.Arg) asm.Arg {
	if k, ok := p.IntValue(); ok {
		if k == 0 {
			return asm.Int(0)
		}
		return x
	}
	return asm.R(e.b.Select(c, e.b.Move(asm.P, p), x, asm.Int(0)))
}

// gather folds slots of the operand along an axis and gives the result the layout it has.
func (e *emitter) gather(o *ir.Op, axis int, f *fold, slots [][]asm.Arg) {
	x, t := o.Operands[0].Type, o.Result().Type
	r := t
	if t.Kind == ir.Tile {
		r = t.In(partOf(x, t))
	}
	list := make([]asm.Arg, 0, 1)
	for _, v := range e.foldAlong(x, []int{axis}, r, f, slots) {
		list = append(list, v[0])
	}
	if t.Kind == ir.Scalar {
		e.set(o.Result(), &value{scalar: list[0]})
		return
	}
	e.set(o.Result(), e.rearranged(&value{t: r, elems: list}, t))
}

// unpackBits emits the fields of integers along a new axis.
func (e *emitter) unpackBits(o *ir.Op) {
	x, t := o.Operands[0], o.Result().Type
	axis := t.Axis(o.Axes[0])
	p := e.place(t)
	in := e.value(x)
	slot := make([]int, p.slots)
	if x.Type.Kind == ir.Tile {
		to := x.Type.In(partOf(t, x.Type))
		in = e.rearranged(in, to)
		slot = e.slotsOf(to, t)
	}
	bits := int64(t.Elem.Bits())
	from := e.b.Mul(asm.W, e.part(p, axis), asm.Int(bits))
	list := make([]asm.Arg, p.slots)
	for i := range list {
		at := e.b.Add(asm.W, from, asm.Int(p.coords[i][axis]*bits))
		list[i] = e.field(x.Type.Elem, e.elem(in, slot[i]), at, t.Elem)
	}
	e.set(o.Result(), &value{elems: list})
}

// field is the element of type to whose bits begin at a bit of an integer; what begins behind the integer's end is any
// element.
func (e *emitter) field(from dtype.Type, x, at asm.Arg, to dtype.Type) asm.Arg {
	b := e.b
	c, bits := classOf(from), to.Bits()
	if k, ok := at.IntValue(); ok && k >= int64(c.Bits()) {
		return asm.Int(0)
	}
	x = asm.R(b.Pure("shr.u"+c.Suffix(), c, asm.R(b.Move(c, x)), at))
	if to.Bits() > 32 {
		return x
	}
	if c == asm.D {
		x = b.Narrow(x)
	}
	switch {
	case to == dtype.Bool:
		return asm.R(b.SetP("ne", "s32", b.And(asm.W, x, asm.Int(1<<bits-1)), asm.Int(0)))
	case bits == 32:
		return x
	case to.IsInt() && to.Signed:
		return asm.R(b.Pure("bfe.s32", asm.W, x, asm.Int(0), asm.Int(int64(bits))))
	}
	return b.And(asm.W, x, asm.Int(1<<bits-1))
}
