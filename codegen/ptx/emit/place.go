package emit

import (
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/layout"
)

// place is a register layout, ready to ask.
type place struct {
	d     *layout.Distribution
	slots int
	// coords are the coordinates of each register slot of lane 0 of warp 0. Those of other threads are these plus the
	// thread's own part: [emitter.part].
	coords [][]int64
	// lane and warp are the digits of the thread's number, by unit, the fastest first.
	lane, warp []layout.Digit
	// most is the largest part of a thread along each axis.
	most []int64
	// twin is the first slot that holds the same element as a slot, itself where it is the first.
	twin []int
	// replicated says that several threads hold the same elements.
	replicated bool
}

// place is the register layout of a tile's type.
func (e *emitter) place(t ir.Type) *place {
	if t.Layout == nil {
		e.fail("a %s without a layout", t)
	}
	if p, ok := e.places[t.Layout]; ok {
		return p
	}
	d := t.Layout
	digits, ok := d.Digits()
	if !ok {
		e.fail("a %s in a layout without digits", t)
	}
	p := &place{d: d, slots: int(d.Count(layout.Register)), most: make([]int64, len(d.Tile()))}
	p.coords = make([][]int64, p.slots)
	first := map[int64]int{}
	p.twin = make([]int, p.slots)
	for i := range p.coords {
		n := d.Element(int64(i), 0, 0, 0)
		p.coords[i] = d.Coordinates(n)
		if _, ok := first[n]; !ok {
			first[n] = i
		}
		p.twin[i] = first[n]
	}
	for _, g := range digits {
		switch g.Unit {
		case layout.Lane:
			p.lane = append(p.lane, g)
		case layout.Warp:
			p.warp = append(p.warp, g)
		default:
			continue
		}
		if g.Size > 1 && g.Axis == layout.Replica {
			p.replicated = true
		} else if g.Axis != layout.Replica {
			p.most[g.Axis] += (g.Size - 1) * g.Stride
		}
	}
	e.places[t.Layout] = p
	return p
}

// digit is a digit of a number: n / before % size, a word.
func (e *emitter) digit(n asm.Arg, before, size, all int64) asm.Arg {
	b := e.b
	if size == 1 {
		return asm.Int(0)
	}
	if before > 1 {
		if before&(before-1) == 0 {
			n = b.Shr(asm.W, n, log2(before))
		} else {
			n = asm.R(b.Pure("div.u32", asm.W, n, asm.Int(before)))
		}
	}
	switch {
	case before*size == all:
		return n
	case size&(size-1) == 0:
		return b.And(asm.W, n, asm.Int(size-1))
	}
	return asm.R(b.Pure("rem.u32", asm.W, n, asm.Int(size)))
}

// digits visits the digits of the thread's number, with their values.
func (e *emitter) digits(p *place, visit func(g layout.Digit, value func() asm.Arg)) {
	for i, list := range [][]layout.Digit{p.lane, p.warp} {
		n, all := e.lane, int64(32)
		if i == 1 {
			n, all = e.warp, int64(e.warps)
		}
		before := int64(1)
		for _, g := range list {
			at := before
			visit(g, func() asm.Arg { return e.digit(n, at, g.Size, all) })
			before *= g.Size
		}
	}
}

// part is the thread's part of a coordinate along an axis, a word: what is added to place.coords.
func (e *emitter) part(p *place, axis int) asm.Arg {
	sum := asm.Int(0)
	e.digits(p, func(g layout.Digit, value func() asm.Arg) {
		if g.Axis == axis && g.Size > 1 && g.Stride > 0 {
			sum = e.b.Mad(asm.W, value(), asm.Int(g.Stride), sum)
		}
	})
	return sum
}

// owner is a predicate that holds in one of the threads that hold the same elements; ok is false where all hold their own.
func (e *emitter) owner(p *place) (own asm.Reg, ok bool) {
	if !p.replicated {
		return own, false
	}
	sum := asm.Int(0)
	e.digits(p, func(g layout.Digit, value func() asm.Arg) {
		if g.Axis == layout.Replica && g.Size > 1 {
			sum = e.b.Or(asm.W, sum, value())
		}
	})
	return e.b.SetP("eq", "s32", sum, asm.Int(0)), true
}

// coord is the coordinate along an axis of the element in a slot, a word.
func (e *emitter) coord(p *place, slot, axis int) asm.Arg {
	return e.b.Add(asm.W, e.part(p, axis), asm.Int(p.coords[slot][axis]))
}

// live is a predicate that holds where the element in a slot of a tile is not absent, as far as some axes tell (nil: all);
// ok is false where it always holds.
func (e *emitter) live(t ir.Type, slot int, axes []int) (live asm.Reg, ok bool) {
	p := e.place(t)
	for i, a := range t.Axes {
		if axes != nil && !contains(axes, i) {
			continue
		}
		s := e.value(a.Span)
		at := p.coords[slot][i]
		n := s.n
		if s.full {
			n = asm.Int(a.Extent)
		}
		if k, known := n.IntValue(); known && at+p.most[i] < k {
			continue
		}
		var in asm.Reg
		if k, known := n.IntValue(); known {
			in = e.b.SetP("lt", "s32", e.part(p, i), asm.Int(k-at))
		} else {
			in = e.b.SetP("lt", "s32", e.coord(p, slot, i), n)
		}
		if ok {
			in = e.b.AndP(live, in)
		}
		live, ok = in, true
	}
	return live, ok
}

func contains(list []int, k int) bool {
	for _, x := range list {
		if x == k {
			return true
		}
	}
	return false
}

func log2(k int64) int {
	n := 0
	for k > 1 {
		k >>= 1
		n++
	}
	return n
}
