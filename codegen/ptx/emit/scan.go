package emit

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/layout"
)

// scanner is a scan on its way. It goes up the digits of the scanned axis, the one of the smallest stride first: with
// the digits up to one done, the axis falls into blocks of as many elements as these count, each element has what is
// scanned from the beginning of its block, and the whole of each block is known in all threads that hold some of it.
type scanner struct {
	e       *emitter
	p       *place
	classes []asm.Class
	// combine makes of the earlier and the later what both are together: lists over the slots along the other axes, each
	// a tuple.
	combine func(earlier, later []tuple) []tuple
	// at are the coordinates along the axis that a thread's slots have, by their register digits alone, ascending.
	at    []int64
	value map[int64][]tuple // by coordinate
	whole map[int64][]tuple // of a block, by its first coordinate
	// block is the number of elements of a block; local says that all elements of a block are in one thread.
	block int64
	local bool
}

// tuple is an element of each of the values that are scanned together.
type tuple []asm.Arg

func (e *emitter) scan(o *ir.Op) {
	if sequential(o) {
		e.stepwise(o)
		return
	}
	x := o.Operands[0].Type
	axis := x.Axis(o.Axes[0])
	s := &scanner{e: e, p: e.place(x), value: map[int64][]tuple{}, whole: map[int64][]tuple{}, block: 1, local: true}
	for _, v := range o.Operands {
		s.classes = append(s.classes, classOf(v.Type.Elem))
	}
	// The slots by their coordinate along the axis and along all others.
	var rest []string
	slots := map[string]int{}
	name := func(at []int64) string { return fmt.Sprint(at[:axis], at[axis+1:]) }
	for i, at := range s.p.coords {
		if s.p.twin[i] != i {
			continue
		}
		slots[fmt.Sprint(at[axis], name(at))] = i
		if !slices.Contains(s.at, at[axis]) {
			s.at = append(s.at, at[axis])
		}
		if !slices.Contains(rest, name(at)) {
			rest = append(rest, name(at))
		}
	}
	slices.Sort(s.at)
	if o.Str("kind") == "func" {
		rest = s.region(o, rest, axis)
	} else {
		t := x.Elem
		f := e.function(map[string]ir.Code{"sum": ir.Add, "prod": ir.Mul, "max": ir.Max}[o.Str("kind")], t, t)
		s.combine = func(x, y []tuple) []tuple {
			list := make([]tuple, len(x))
			for i := range x {
				list[i] = tuple{f(x[i][0], y[i][0])}
			}
			return list
		}
	}
	for _, at := range s.at {
		list := make([]tuple, len(rest))
		for i, r := range rest {
			slot := slots[fmt.Sprint(at, r)]
			for _, v := range o.Operands {
				list[i] = append(list[i], e.elem(e.value(v), slot))
			}
		}
		s.value[at], s.whole[at] = list, list
	}
	s.climb(axis)
	for k, v := range o.Results {
		list := make([]asm.Arg, s.p.slots)
		for i, at := range s.p.coords {
			list[i] = s.value[at[axis]][slices.Index(rest, name(at))][k]
		}
		e.set(v, &value{elems: list})
	}
}

// region makes the function that combines by the operation's region, which is emitted anew each time. It gives the names
// of the slots along the other axes in the order of the tiles in the region.
func (s *scanner) region(o *ir.Op, rest []string, axis int) []string {
	e, r := s.e, o.Regions[0]
	n := len(o.Operands)
	if t := r.Args[0].Type; t.Kind == ir.Tile {
		var order []string
		for _, at := range e.place(t).coords {
			name := fmt.Sprint(at[:axis], at[axis:])
			if !slices.Contains(rest, name) {
				panic(fmt.Sprintf("emit: the layout %v in a scan is not a slice of %v", e.place(t).d, s.p.d))
			}
			order = append(order, name)
		}
		rest = order
	}
	s.combine = func(x, y []tuple) []tuple {
		for k, a := range r.Args {
			from := x
			if k >= n {
				from = y
			}
			list := make([]asm.Arg, len(from))
			for i := range from {
				list[i] = from[i][k%n]
			}
			if a.Type.Kind == ir.Scalar {
				e.set(a, &value{scalar: list[0]})
			} else {
				e.set(a, &value{elems: list})
			}
		}
		e.region(r)
		list := make([]tuple, len(rest))
		for _, v := range r.Yield().Operands {
			for i := range list {
				list[i] = append(list[i], e.elem(e.value(v), i))
			}
		}
		return list
	}
	return rest
}

// climb goes up the digits of the axis.
func (s *scanner) climb(axis int) {
	var digits []threadDigit
	all, _ := s.p.d.Digits()
	for _, g := range all {
		if g.Unit == layout.Register && g.Axis == axis {
			digits = append(digits, threadDigit{Digit: g})
		}
	}
	for _, g := range s.p.threads() {
		if g.Axis == axis {
			digits = append(digits, g)
		}
	}
	slices.SortStableFunc(digits, func(a, b threadDigit) int { return cmp.Compare(a.Stride, b.Stride) })
	for i, g := range digits {
		if g.Stride != s.block {
			s.e.fail("a scan along an axis whose elements several threads hold: %v", s.p.d)
		}
		top := i == len(digits)-1
		switch g.Unit {
		case layout.Register:
			s.registers(g)
		case layout.Lane:
			s.lanes(g, top)
		default:
			s.warps(g, top)
		}
		s.local = s.local && g.Unit == layout.Register
		s.block *= g.Size
	}
}

// under are the coordinates of the thread's elements in a block of so many elements.
func (s *scanner) under(first, block int64) []int64 {
	var list []int64
	for _, at := range s.at {
		if at-at%block == first {
			list = append(list, at)
		}
	}
	return list
}

// firsts are the first coordinates of the blocks that the thread has some of.
func (s *scanner) firsts(block int64) []int64 {
	var list []int64
	for _, at := range s.at {
		if first := at - at%block; !slices.Contains(list, first) {
			list = append(list, first)
		}
	}
	return list
}

// registers joins blocks that lie in one thread.
func (s *scanner) registers(g threadDigit) {
	for _, first := range s.firsts(s.block * g.Size) {
		sum := s.whole[first]
		for i := int64(1); i < g.Size; i++ {
			at := first + i*s.block
			in := s.under(at, s.block)
			for _, k := range in {
				s.value[k] = s.combine(sum, s.value[k])
			}
			if s.local {
				sum = s.value[in[len(in)-1]]
			} else {
				sum = s.combine(sum, s.whole[at])
			}
		}
		s.whole[first] = sum
	}
}

// after puts what stands before a block in front of its elements, in the threads in which a predicate holds.
func (s *scanner) after(first int64, p asm.Reg, before []tuple) {
	for _, at := range s.under(first, s.block) {
		s.value[at] = s.pick(p, s.combine(before, s.value[at]), s.value[at])
	}
}

func (s *scanner) pick(p asm.Reg, x, y []tuple) []tuple {
	list := make([]tuple, len(x))
	for i := range x {
		for k, c := range s.classes {
			list[i] = append(list[i], s.e.pick(c, p, x[i][k], y[i][k]))
		}
	}
	return list
}

// lanes joins blocks that lie in several lanes.
func (s *scanner) lanes(g threadDigit, top bool) {
	e, b := s.e, s.e.b
	digit := e.digitOf(g)
	move := func(mode string, list []tuple, from asm.Arg) []tuple {
		moved := make([]tuple, len(list))
		for i := range list {
			for k, c := range s.classes {
				moved[i] = append(moved[i], e.shuffle(mode, c, asm.R(b.Move(c, list[i][k])), from))
			}
		}
		return moved
	}
	for _, first := range s.firsts(s.block) {
		sum := s.whole[first]
		for step := int64(1); step < g.Size; step *= 2 {
			p := b.SetP("ge", "s32", digit, asm.Int(step))
			sum = s.pick(p, s.combine(move("up", sum, asm.Int(step*g.before)), sum), sum)
		}
		if s.block == 1 {
			s.value[first] = sum
		} else {
			s.after(first, b.SetP("gt", "s32", digit, asm.Int(0)), move("up", sum, asm.Int(g.before)))
		}
		if !top {
			last := b.Or(asm.W, e.lane, asm.Int((g.Size-1)*g.before))
			s.whole[first] = move("idx", sum, last)
		}
	}
}

// warps joins blocks that lie in several warps.
func (s *scanner) warps(g threadDigit, top bool) {
	e, b := s.e, s.e.b
	firsts := s.firsts(s.block)
	n := int64(len(firsts) * len(s.whole[firsts[0]])) // of a thread
	threads := int64(32 * e.warps)
	offsets := make([]int64, len(s.classes))
	var size int64
	for k, c := range s.classes {
		offsets[k] = size
		size += n * threads * roomOf(c)
	}
	start, base := e.scratch(size)
	digit := e.digitOf(g)
	at := func(c asm.Class, warp asm.Arg) asm.Reg {
		thread := b.Mad(asm.W, warp, asm.Int(32), e.lane)
		return b.Move(asm.W, b.Add(asm.W, asm.R(base), b.Mul(asm.W, thread, asm.Int(roomOf(c)))))
	}
	each := func(f func(i int64, first int64, r int)) {
		i := int64(0)
		for _, first := range firsts {
			for r := range s.whole[first] {
				f(i, first, r)
				i++
			}
		}
	}
	for k, c := range s.classes {
		to := at(c, e.warp)
		each(func(i, first int64, r int) {
			e.keep(c, asm.Arg{}, to, start+offsets[k]+i*threads*roomOf(c), s.whole[first][r][k])
		})
	}
	e.barrier()
	zero := b.Sub(asm.W, e.warp, b.Mul(asm.W, digit, asm.Int(g.before)))
	parts := make([]map[int64][]tuple, g.Size)
	last := g.Size - 1
	if !top {
		last = g.Size
	}
	for w := range last {
		parts[w] = map[int64][]tuple{}
		for _, first := range firsts {
			parts[w][first] = make([]tuple, len(s.whole[first]))
		}
		for k, c := range s.classes {
			from := at(c, zero)
			each(func(i, first int64, r int) {
				x := e.fetch(c, from, start+offsets[k]+(i*threads+w*g.before*32)*roomOf(c), 1)[0]
				parts[w][first][r] = append(parts[w][first][r], x)
			})
		}
	}
	for _, first := range firsts {
		sum := parts[0][first]
		before := sum
		for w := int64(1); w < last; w++ {
			next := s.combine(sum, parts[w][first])
			if w < g.Size-1 {
				before = s.pick(b.SetP("gt", "s32", digit, asm.Int(w)), next, before)
			}
			sum = next
		}
		s.after(first, b.SetP("gt", "s32", digit, asm.Int(0)), before)
		s.whole[first] = sum
	}
}

// sequential reports whether a scan's function must be applied to the elements in their order and to nothing else: it
// branches, or it may end the program.
func sequential(o *ir.Op) bool {
	found := false
	for _, r := range o.Regions {
		r.Walk(func(q *ir.Op) {
			found = found || len(q.Regions) > 0 || q.Effects()&(ir.Checks|ir.Asserts|ir.IO) != 0
		})
	}
	return found
}

// stepwise emits a scan element by element: all threads of the block go along the axis together. The tiles lie in shared
// memory.
func (e *emitter) stepwise(o *ir.Op) {
	b, r := e.b, o.Regions[0]
	x, t := o.Operands[0].Type, r.Args[0].Type
	axis, n := x.Axis(o.Axes[0]), len(o.Operands)
	var from, to []*array
	for i := range 2 * n {
		a := e.arrayOf(o.Operands[i%n].Type)
		a.keep(e)
		if i < n {
			e.put(a, e.value(o.Operands[i]), 0)
			from = append(from, a)
		} else {
			to = append(to, a)
		}
	}
	e.barrier()
	// A step has the tiles over the other axes.
	var p *place
	var axes []int
	var guard asm.Arg
	slots := 1
	if t.Kind == ir.Tile {
		p = e.place(t)
		slots = p.slots
		for i := range t.Axes {
			if i >= axis {
				i++
			}
			axes = append(axes, i)
		}
		if own, ok := e.owner(p); ok {
			guard = asm.R(own)
		}
	} else {
		guard = asm.R(b.SetP("eq", "s32", b.Or(asm.W, e.lane, e.warp), asm.Int(0)))
	}
	each := func(a *array, step asm.Arg, visit func(i int, at asm.Reg, offset int64)) {
		at := b.Move(asm.W, b.Mad(asm.W, step, asm.Int(a.stride[axis]*room(a.t)), e.own(a, p, axes)))
		for i := range slots {
			offset := a.at
			for k, j := range axes {
				offset += p.coords[i][k] * a.stride[j] * room(a.t)
			}
			visit(i, at, offset)
		}
	}
	load := func(k int, step asm.Arg) *value {
		list := make([]asm.Arg, slots)
		each(from[k], step, func(i int, at asm.Reg, offset int64) {
			list[i] = from[k].load(e, from[k].t, asm.Arg{}, at, offset, asm.Int(0))
		})
		if p == nil {
			return &value{t: r.Args[k].Type, scalar: list[0]}
		}
		return &value{t: r.Args[k].Type, elems: list}
	}
	store := func(k int, step asm.Arg, v *value) {
		each(to[k], step, func(i int, at asm.Reg, offset int64) {
			to[k].store(e, to[k].t, guard, at, offset, e.elem(v, i))
		})
	}
	sums := make([]*carried, n)
	first := make([]*value, n)
	for k := range n {
		sums[k], first[k] = e.carry(r.Args[k].Type), load(k, asm.Int(0))
	}
	e.assign(sums, first)
	step := b.Var(asm.W)
	e.move(step, asm.Int(0))
	live := e.live32(e.value(o.Axes[0]))
	b.Loop(func(begin, end string) {
		e.shared.enter(false)
		b.Changes(step)
		e.changes(sums, r.Args[:n])
		for k, c := range sums {
			store(k, asm.R(step), c.value())
		}
		b.Emit("add.s32", asm.R(step), asm.R(step), asm.Int(1))
		b.EmitIf(asm.R(b.Do("setp.ge.s32", asm.P, asm.R(step), live)), "bra.uni", asm.Text(end))
		e.shared.exit()
		next := b.Do("mov.b32", asm.W, asm.R(step)) // what was computed of the step before is not this
		for k := range n {
			e.set(r.Args[n+k], load(k, asm.R(next)))
		}
		e.region(r)
		e.yield(r, sums, "")
		e.again(false)
		b.Emit("bra.uni", asm.Text(begin))
	})
	e.barrier()
	for k, v := range o.Results {
		e.set(v, e.get(to[k], v.Type, true))
	}
	for _, a := range slices.Concat(from, to) {
		e.shared.free(a.held)
	}
}
