package emit

import (
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// matching is, for each slot of a tile of type r, the slot of one of type x with the same coordinates along x's axes.
func (e *emitter) matching(x, r ir.Type) []int {
	if x.Kind == ir.Tile {
		return e.slotsOf(x, r)
	}
	n := 1
	if r.Kind == ir.Tile {
		n = e.place(r).slots
	}
	return make([]int, n)
}

// subscript is the index that a lookup or scatter takes, in the slots of a tile of type r.
type subscript struct {
	e     *emitter
	v     *value
	span  *value // of the axis that is indexed
	match []int
	r     ir.Type
}

func (e *emitter) subscript(o *ir.Op, r ir.Type) *subscript {
	i := o.Operands[1]
	s := &subscript{e: e, v: e.value(i), span: e.value(o.Axes[0]), r: r}
	if i.Type.Kind != ir.Span {
		s.match = e.matching(i.Type, r)
	}
	return s
}

// index is the index value for a slot, a double.
func (s *subscript) index(o *ir.Op, slot int) asm.Arg {
	i := o.Operands[1]
	if i.Type.Kind != ir.Span {
		return s.e.elem(s.v, s.match[slot])
	}
	return s.e.b.Add(asm.D, s.e.b.Widen(s.e.coord(s.e.place(s.r), slot, s.r.Axis(i))), s.v.lo)
}

// position is the position along the axis for a slot, a word.
func (s *subscript) position(o *ir.Op, slot int) asm.Arg {
	b := s.e.b
	i := o.Operands[1]
	if i.Type.Kind == ir.Span {
		return b.Add(asm.W, s.e.coord(s.e.place(s.r), slot, s.r.Axis(i)), b.Sub(asm.W, b.Narrow(s.v.lo), b.Narrow(s.span.lo)))
	}
	return b.Sub(asm.W, b.Narrow(s.index(o, slot)), b.Narrow(s.span.lo))
}

// inside is a guard that holds where the index for a slot is one of the axis.
func (s *subscript) inside(o *ir.Op, slot int) asm.Arg {
	b := s.e.b
	return asm.R(b.SetP("lt", "u64", b.Sub(asm.D, s.index(o, slot), s.span.lo), b.Widen(s.e.live32(s.span))))
}

// lookup emits a subscripted tile: it goes to shared memory, and is read by index.
func (e *emitter) lookup(o *ir.Op) {
	b := e.b
	table, r := o.Operands[0], o.Result().Type
	a := e.table(o)
	// The result's axes among the table's.
	var p *place
	axes := make([]int, len(r.Axes))
	along := table.Type.Axis(o.Axes[0])
	for i, x := range r.Axes {
		if axes[i] = table.Type.Axis(x.Span); axes[i] == along {
			axes[i] = -1
		}
	}
	slots := 1
	if r.Kind == ir.Tile {
		p = e.place(r)
		slots = p.slots
	}
	part := e.own(a, p, axes)
	s := e.subscript(o, r)
	other := o.Outside()
	within := a.within(o, e, r, axes, along)
	list := make([]asm.Arg, slots)
	for i := range list {
		if p != nil && p.twin[i] != i {
			list[i] = list[p.twin[i]]
			continue
		}
		offset := a.at
		if p != nil {
			for k, c := range p.coords[i] {
				if axes[k] >= 0 {
					offset += c * a.stride[axes[k]] * room(a.t)
				}
			}
		}
		guard, pad := asm.Arg{}, asm.Int(0)
		if !within {
			guard = e.liveArg(r, i)
		}
		if other != nil {
			guard, pad = e.both(guard, s.inside(o, i)), e.elem(e.value(other), 0)
		}
		at := b.Mad(asm.W, s.position(o, i), asm.Int(a.stride[along]*room(a.t)), part)
		list[i] = a.load(e, a.t, guard, b.Move(asm.W, at), offset, pad)
	}
	if p == nil {
		e.set(o.Result(), &value{scalar: list[0]})
	} else {
		e.set(o.Result(), &value{elems: list})
	}
}

// table is the array of a lookup's tile, filled.
func (e *emitter) table(o *ir.Op) *array {
	t := o.Operands[0]
	if a := e.tables[t]; a != nil {
		return a
	}
	a := e.arrayOf(t.Type)
	e.inScratch(a)
	e.put(a, e.value(t), 0)
	e.barrier()
	return a
}

// most of the shared memory that tables may hold.
const heldTables = 64 << 10

// keepTables puts the tiles that lookups in a loop read, and that the loop does not change, into shared memory before it.
// It gives those that it put there.
func (e *emitter) keepTables(o *ir.Op) []*ir.Value {
	var list []*ir.Value
	for _, r := range o.Regions {
		r.Walk(func(q *ir.Op) {
			if q.Code != ir.Lookup {
				return
			}
			t := q.Operands[0]
			if e.values[t] == nil || e.tables[t] != nil {
				return // made in the loop, or there already
			}
			a := e.arrayOf(t.Type)
			if e.shared.top()+a.size > heldTables {
				return
			}
			a.keep(e)
			e.put(a, e.values[t], 0)
			e.tables[t] = a
			list = append(list, t)
		})
	}
	if len(list) > 0 {
		e.barrier()
	}
	return list
}

// dropTables ends what keepTables began.
func (e *emitter) dropTables(list []*ir.Value) {
	for _, t := range list {
		e.shared.free(e.tables[t].held)
		delete(e.tables, t)
	}
}

// within reports whether every index of a lookup is one of the array, that of absent elements too.
func (a *array) within(o *ir.Op, e *emitter, r ir.Type, axes []int, along int) bool {
	for i, k := range axes {
		if k >= 0 && e.place(r).d.Tile()[i] > a.extents[k] {
			return false
		}
	}
	if lo, ok := e.value(o.Axes[0]).lo.IntValue(); !ok || lo != 0 {
		return false
	}
	x := o.Operands[1]
	for x.Def != nil && x.Def.Code == ir.Bcast {
		x = x.Def.Operands[0]
	}
	if x.Def == nil || x.Def.Code != ir.Cast {
		return false
	}
	from := x.Def.Operands[0].Type.Elem
	return from.IsInt() && !from.Signed && from.Bits() < 31 && int64(1)<<from.Bits() <= a.extents[along]
}

// scatter emits a tile with some elements replaced. It goes to shared memory, and so do the new elements. Where several
// may go to one element, they first write their numbers, of which the greatest stays.
func (e *emitter) scatter(o *ir.Op) {
	b := e.b
	t, i, v := o.Operands[0], o.Operands[1], o.Operands[2]
	mask := o.Mask()
	vt := v.Type
	along := t.Type.Axis(o.Axes[0])
	a := e.arrayOf(t.Type)
	// Axes that the index alone has: along these elements may meet.
	var own []int
	axes := make([]int, len(vt.Axes))
	for k, x := range vt.Axes {
		if axes[k] = t.Type.Axis(x.Span); axes[k] == along {
			axes[k] = -1
		}
		if axes[k] < 0 && i.Type.Kind == ir.Tile {
			own = append(own, k)
		}
	}
	last := newArray(dtype.U32, a.extents)
	if len(own) > 0 {
		e.inScratch(a, last)
		e.put(last, &value{t: t.Type.WithElem(dtype.U32), elems: zeros(e.place(t.Type).slots)}, 0)
	} else {
		e.inScratch(a)
	}
	e.put(a, e.value(t), 0)
	e.barrier()
	var p *place
	slots := 1
	var guard asm.Arg
	if vt.Kind == ir.Tile {
		p = e.place(vt)
		slots = p.slots
		if first, ok := e.owner(p); ok {
			guard = asm.R(first)
		}
	} else { // one thread has it
		guard = asm.R(b.SetP("eq", "s32", b.Or(asm.W, e.lane, e.warp), asm.Int(0)))
	}
	s := e.subscript(o, vt)
	var masks []int
	if mask != nil {
		masks = e.matching(mask.Type, vt)
	}
	guards := make([]asm.Arg, slots)
	positions := make([]asm.Arg, slots)
	for k := range slots {
		if p != nil && p.twin[k] != k {
			continue
		}
		guards[k] = e.both(guard, e.liveArg(vt, k))
		if mask != nil {
			guards[k] = e.both(guards[k], asm.R(b.Move(asm.P, e.elem(e.value(mask), masks[k]))))
		}
		if o.Str("mode") == "skip" {
			guards[k] = e.both(guards[k], s.inside(o, k))
		}
		positions[k] = s.position(o, k)
	}
	// each visits the elements with their addresses in an array.
	each := func(x *array, visit func(k int, at asm.Reg, offset int64)) {
		part := e.own(x, p, axes)
		for k := range slots {
			if p != nil && p.twin[k] != k {
				continue
			}
			offset := x.at
			for j := range axes {
				if axes[j] >= 0 {
					offset += p.coords[k][j] * x.stride[axes[j]] * room(x.t)
				}
			}
			at := b.Mad(asm.W, positions[k], asm.Int(x.stride[along]*room(x.t)), part)
			visit(k, b.Move(asm.W, at), offset)
		}
	}
	if len(own) > 0 {
		// The number of an element in row-major order of these axes, from 1 on: the table's axes are not among them, so
		// they stand in the order in which the index has them.
		weight := make([]int64, len(vt.Axes))
		n := int64(1)
		for k := len(i.Type.Axes) - 1; k >= 0; k-- {
			if j := vt.Axis(i.Type.Axes[k].Span); axes[j] < 0 {
				weight[j] = n
				n *= p.d.Tile()[j]
			}
		}
		part := e.linear(p, func(g threadDigit) int64 {
			if g.Axis < 0 {
				return 0
			}
			return g.Stride * weight[g.Axis]
		})
		number := func(k int) asm.Arg { return b.Add(asm.W, part, asm.Int(1+inner(p.coords[k], weight))) }
		each(last, func(k int, at asm.Reg, offset int64) {
			b.In(last.place(e), func() { e.emitIf(guards[k], "red.shared.max.u32", asm.At(at, offset), number(k)) })
		})
		e.barrier()
		each(last, func(k int, at asm.Reg, offset int64) {
			top := last.load(e, dtype.U32, guards[k], at, offset, asm.Int(0))
			guards[k] = asm.R(b.SetP("eq", "s32", top, number(k)))
		})
	}
	a.fill++
	each(a, func(k int, at asm.Reg, offset int64) {
		a.store(e, a.t, guards[k], at, offset, e.elem(e.value(v), k))
	})
	e.barrier()
	e.set(o.Result(), e.get(a, o.Result().Type, false))
}

// zeros are so many constants.
func zeros(n int) []asm.Arg {
	list := make([]asm.Arg, n)
	for i := range list {
		list[i] = asm.Int(0)
	}
	return list
}

// cat emits one tile behind another, through shared memory.
func (e *emitter) cat(o *ir.Op) {
	b := e.b
	x, y, r := o.Operands[0], o.Operands[1], o.Result().Type
	along := r.Axis(o.Axes[2])
	xs, ys := e.place(x.Type).d.Tile(), e.place(y.Type).d.Tile()
	extents := make([]int64, len(xs))
	for i := range extents {
		extents[i] = max(xs[i], ys[i])
	}
	extents[along] = xs[along] + ys[along]
	a := newArray(r.Elem, extents)
	e.inScratch(a)
	step := a.stride[along] * room(a.t)
	e.put(a, e.value(x), 0)
	e.put(a, e.value(y), xs[along]*step)
	e.barrier()
	// The second part begins behind the elements of the first that are there.
	n := e.live32(e.value(o.Axes[0]))
	gap := b.Sub(asm.W, asm.Int(xs[along]), n)
	p := e.place(r)
	from := b.Move(asm.W, e.own(a, p, nil))
	list := make([]asm.Arg, p.slots)
	for i, at := range p.coords {
		if p.twin[i] != i {
			list[i] = list[p.twin[i]]
			continue
		}
		place := from
		if k, ok := gap.IntValue(); !ok || k != 0 {
			second := b.SetP("ge", "s32", e.coord(p, i, along), n)
			skip := b.Select(asm.W, second, b.Mul(asm.W, gap, asm.Int(step)), asm.Int(0))
			place = b.Move(asm.W, b.Add(asm.W, asm.R(from), asm.R(skip)))
		}
		list[i] = a.load(e, a.t, e.liveArg(r, i), place, a.at+a.offset(at), asm.Int(0))
	}
	e.set(o.Result(), &value{elems: list})
}
