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
	if e.packPlane(o, axis) {
		return
	}
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

// packPlane is packBits of one and the same bit of small numbers, all in one thread: four of them, side by side in a word,
// are shifted at once, and a product brings their bits together. It reports false where something else is packed.
func (e *emitter) packPlane(o *ir.Op, axis int) bool {
	b := e.b
	x, t := o.Operands[0].Type, o.Result().Type
	def := o.Operands[0].Def
	if def == nil || def.Code != ir.BitOf || t.Elem.Bits() > 32 {
		return false
	}
	elem := def.Operands[0].Type.Elem
	if !elem.IsInt() || elem.Signed || elem.Bits() > 8 || def.Operands[1].Type.Elem.Bits() != 64 {
		return false
	}
	if _, ok := e.part(e.place(x), axis).IntValue(); !ok {
		return false
	}
	codes, p := e.value(def.Operands[0]), e.place(x)
	which := e.elem(e.value(def.Operands[1]), 0)
	r, ok := which.Reg()
	if !ok {
		return false
	}
	for i := range p.slots {
		if q, ok := e.elem(e.value(def.Operands[1]), i).Reg(); !ok || q != r {
			return false
		}
		if _, ragged := e.live(x, i, []int{axis}); ragged {
			return false
		}
	}
	to := t
	if t.Kind == ir.Tile {
		to = t.In(partOf(x, t))
	}
	shift := b.Narrow(asm.R(b.Pure("min.u64", asm.D, which, asm.Int(31))))
	inside := b.SetP("lt", "u64", which, asm.Int(int64(elem.Bits())))
	plane := asm.R(b.Select(asm.W, inside, asm.Int(0x01010101), asm.Int(0)))
	var list []asm.Arg
	for _, group := range e.groups(x, to) {
		sum := asm.Int(0)
		for first := int64(0); first < int64(t.Elem.Bits()); first += 4 {
			four := []asm.Arg{asm.Int(0), asm.Int(0), asm.Int(0), asm.Int(0)}
			for _, i := range group {
				if at := p.coords[i][axis] - first; at >= 0 && at < 4 {
					four[at] = e.elem(codes, i)
				}
			}
			bits := b.And(asm.W, asm.R(b.Pure("shr.u32", asm.W, e.pack(8, four), shift)), plane)
			// Bit 8·k goes to bit 24+k, and no two meet on the way.
			word := b.Shr(asm.W, b.Mul(asm.W, bits, asm.Int(1<<24|1<<17|1<<10|1<<3)), 24)
			sum = b.Or(asm.W, sum, b.Shl(asm.W, word, int(first)))
		}
		list = append(list, sum)
	}
	if t.Kind == ir.Scalar {
		e.set(o.Result(), &value{scalar: list[0]})
	} else {
		e.set(o.Result(), e.rearranged(&value{t: to, elems: list}, t))
	}
	return true
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
