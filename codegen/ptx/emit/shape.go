package emit

import (
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
)

// shape emits what renames, repeats or numbers elements.
func (e *emitter) shape(o *ir.Op) {
	switch o.Code {
	case ir.SpanCat:
		x, y := e.value(o.Axes[0]), e.value(o.Axes[1])
		e.set(o.Result(), &value{lo: asm.Int(0), n: e.b.Add(asm.W, e.live32(x), e.live32(y)), full: x.full && y.full})
	case ir.SpanLo:
		e.set(o.Result(), &value{scalar: e.value(o.Axes[0]).lo})
	case ir.SpanHi:
		e.set(o.Result(), &value{scalar: e.end(o.Axes[0])})
	case ir.Iota:
		e.indices(o, e.form(o.Axes[0]), 1, 0)
	case ir.Affine:
		if o.Result().Type.Kind == ir.Tile {
			if l := e.form(o.Result()); l != nil {
				e.indices(o, l, 1, 0)
				return
			}
		}
		e.indices(o, e.affineForm(o), o.Int("div"), o.Int("mod"))
	case ir.Bcast:
		e.broadcast(o)
	case ir.Rebind:
		e.set(o.Result(), e.copyOf(e.value(o.Operands[0])))
	case ir.Convert:
		if o.Operands[0].Type.Shared != nil {
			e.contract(o)
			return
		}
		e.set(o.Result(), e.convert(e.value(o.Operands[0]), o.Result().Type))
	}
}

// live32 is a span's live length, a constant where it is full.
func (e *emitter) live32(s *value) asm.Arg {
	if s.full {
		return asm.Int(s.t.Width)
	}
	return s.n
}

// end is one past the last index of a span, a double.
func (e *emitter) end(span *ir.Value) asm.Arg {
	s := e.value(span)
	return e.b.Add(asm.D, s.lo, e.b.Widen(e.live32(s)))
}

// indices gives floor(l / div) mod mod. Tiles of it are computed where they are used.
func (e *emitter) indices(o *ir.Op, l *linear, div, mod int64) {
	t := o.Result().Type
	at := func(slot int) asm.Arg {
		if mod == 0 {
			if x, ok := e.groupOf(l, t, slot, div); ok {
				return x
			}
		}
		x := e.index(l, t, slot)
		if div > 1 {
			x = e.floorDiv(dtype.I64, x, asm.Int(div))
		}
		if mod > 0 {
			x = e.floorMod(dtype.I64, x, asm.Int(mod))
		}
		return x
	}
	if t.Kind == ir.Scalar {
		e.set(o.Result(), &value{scalar: at(0)})
		return
	}
	e.set(o.Result(), &value{at: at})
}

func (e *emitter) broadcast(o *ir.Op) {
	x, t := e.value(o.Operands[0]), o.Result().Type
	if t.Kind == ir.Scalar {
		e.set(o.Result(), e.copyOf(x))
		return
	}
	if x.t.Kind == ir.Scalar {
		list := make([]asm.Arg, e.place(t).slots)
		for i := range list {
			list[i] = x.scalar
		}
		e.set(o.Result(), &value{elems: list})
		return
	}
	slots := e.slotsOf(x.t, t)
	e.set(o.Result(), e.rename(x, t, slots))
}

// rename is a tile whose slots hold what the given ones of x hold.
func (e *emitter) rename(x *value, t ir.Type, slots []int) *value {
	if x.words != nil && packs(t.Elem, len(slots)) {
		per := 32 / t.Elem.Bits()
		words := make([]asm.Arg, len(slots)/per)
		whole := true
		for i := range words {
			first := slots[i*per]
			whole = whole && first%per == 0
			for j := range per {
				whole = whole && slots[i*per+j] == first+j
			}
			if whole {
				words[i] = x.words[first/per]
			}
		}
		if whole {
			return &value{t: t, words: words}
		}
	}
	if x.elems != nil {
		list := make([]asm.Arg, len(slots))
		for i, s := range slots {
			list[i] = x.elems[s]
		}
		return &value{t: t, elems: list}
	}
	return &value{t: t, at: func(slot int) asm.Arg { return e.elem(x, slots[slot]) }}
}

type mapKey struct {
	from, to *layout.Distribution
	axes     string
}

// slotsOf gives for each slot of a tile the slot of another, over some of its axes, whose element stands at the same
// coordinates along these. The threads must hold the same coordinates along them.
func (e *emitter) slotsOf(from, to ir.Type) []int {
	axes := make([]int, len(from.Axes))
	name := make([]byte, len(from.Axes))
	for i, a := range from.Axes {
		axes[i] = to.Axis(a.Span)
		name[i] = byte(axes[i])
	}
	key := mapKey{from.Layout, to.Layout, string(name)}
	if list, ok := e.maps[key]; ok {
		return list
	}
	p, q := e.place(from), e.place(to)
	for thread := range int64(32 + e.warps) {
		lane, warp := thread, int64(0)
		if thread >= 32 {
			lane, warp = 0, thread-32
		}
		x := p.d.Coordinates(p.d.Element(0, lane, warp, 0))
		y := q.d.Coordinates(q.d.Element(0, lane, warp, 0))
		for i, a := range axes {
			if x[i] != y[a] {
				e.fail("a %s is not a slice of a %s: %s and %s", from, to, p.d, q.d)
			}
		}
	}
	number := func(at func(i int) int64) int64 {
		n := int64(0)
		for i := range axes {
			n = n*p.d.Tile()[i] + at(i)
		}
		return n
	}
	slots := map[int64]int{}
	for s := p.slots - 1; s >= 0; s-- {
		slots[number(func(i int) int64 { return p.coords[s][i] })] = s
	}
	list := make([]int, q.slots)
	for s := range list {
		from, ok := slots[number(func(i int) int64 { return q.coords[s][axes[i]] })]
		if !ok {
			e.fail("a slot of %s is not one of %s", q.d, p.d)
		}
		list[s] = from
	}
	e.maps[key] = list
	return list
}
