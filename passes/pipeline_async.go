package passes

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/tilec/tilec/ir"
)

// reserved is how much shared memory of a block is left to conversions and reductions.
const reserved = 16 << 10

// defaultStages is the depth of channels where the schedule does not say one.
const defaultStages = 3

// pipeline makes loops copy the operands of their matrix instructions ahead: loads from global memory that depend on the
// loop's index alone, or on what one load of such makes of it, become channels, whose slots are filled some iterations before they are read. The depth is the schedule's
// word stages. What a loop of whole steps leaves has a stage of its own, if there is room.
//
// An iteration takes its slots, begins the copies of a later one, computes, and releases them: one barrier, that of the take,
// orders the reads of an iteration before the copies that overwrite what they read.
//
// Loads that the text reads through channels ([Ahead]) have the depth of these; where there are such loads, or the text has other
// channels of its own, no others become channels.
func pipeline(fn *ir.Func, m Machine, p promises, explicit bool, rec *recorder) error {
	a := &async{fn: fn, shared: m.shared(), stages: defaultStages, rec: rec}
	for _, b := range fn.Binds {
		if b.Name != "stages" {
			continue
		}
		n, err := strconv.Atoi(b.Value)
		if err != nil || n < 1 {
			return &Misfit{Text: fmt.Sprintf("stages = %s: a channel has at least one", b.Value), Pos: fn.Pos}
		}
		a.stages, a.asked = int64(n), true
	}
	fn.Walk(func(o *ir.Op) { a.marked = a.marked || o.Attr("stages") != nil })
	if explicit && !a.marked {
		return nil
	}
	for _, o := range fn.Body.Ops {
		if o.Code != ir.Parallel || has(p.forbid, "async", o) {
			continue
		}
		a.phase = o
		a.written = writtenIn(o)
		if err := a.region(o.Regions[0]); err != nil {
			return err
		}
	}
	fn.Number()
	return nil
}

// async rewrites loops.
type async struct {
	fn     *ir.Func
	shared int64 // of a block, in bytes
	stages int64
	rec    *recorder
	asked  bool // the schedule says how many stages there are
	marked bool // the text says which loads are through channels
	phase  *ir.Op
	rings  int64
	used   int64 // bytes of shared memory of the channels in an operation
	// written are the tensors that the phase writes.
	written map[*ir.Value]bool
	uses    map[*ir.Value][]use
}

// region puts channels into the loops of a region. Behind it used is the most that one of its operations takes: loops that follow
// each other have the same memory.
func (a *async) region(r *ir.Region) error {
	most := int64(0)
	for _, o := range slices.Clone(r.Ops) {
		a.used = 0
		for _, q := range o.Regions {
			inside := a.used
			if err := a.region(q); err != nil {
				return err
			}
			a.used = max(a.used, inside)
		}
		most = max(most, a.used)
		if o.Code != ir.For || o.Regions[0].Yield().Flag("breaks") {
			continue
		}
		for _, list := range a.readers(o) {
			if err := a.rewrite(o, list); err != nil {
				return err
			}
			most = max(most, a.used)
		}
	}
	a.used = most
	return nil
}

// scratch is how much shared memory multiply-adds are left for a factor that is computed, not loaded.
const scratch = 24 << 10

// depth is how many stages a loop's channels get. What multiply-adds read gets as many as there is room for.
func (a *async) depth(loop *ir.Op, list []*reader, stage int64) (int64, error) {
	room := a.shared - reserved - a.used
	adds := true
	for _, x := range list {
		adds = adds && x.adds
		if x.adds && a.beside(x.load.Result()) {
			room = min(room, a.shared-reserved-scratch-a.used)
		}
	}
	n := a.stages
	if load := list[0].load; load.Int("stages") > 0 {
		if n = load.Int("stages"); loop.Flag("once") {
			n = 1
		}
		if n*stage > room {
			m := &Misfit{Text: fmt.Sprintf("a channel of depth %d: the slots that this loop takes in one step have %d bytes of shared memory, of which a block has %d, %d of them for other uses",
				n, stage, a.shared, a.shared-room), Pos: load.Pos}
			if room >= stage {
				m.Hint, m.Settled = fmt.Sprintf("depth %d is the nearest that fits", room/stage), true
			}
			return 0, m
		}
		return n, nil
	}
	if loop.Flag("once") { // one step, which nothing is ahead of
		return min(1, room/stage), nil
	}
	if n*stage <= room {
		return n, nil
	}
	fits := room / stage
	if a.asked && !adds {
		m := &Misfit{Text: fmt.Sprintf("stages = %d: a stage of this loop takes %d bytes of shared memory, of which a block has %d, %d of them for other uses",
			n, stage, a.shared, a.shared-room), Pos: loop.Pos}
		if fits > 0 {
			m.Hint, m.Settled = fmt.Sprintf("stages = %d is the nearest that fits", fits), true
		}
		return 0, m
	}
	return fits, nil
}

// beside reports whether a tile is multiplied by something that is not loaded.
func (a *async) beside(v *ir.Value) bool {
	for _, u := range a.uses[v] {
		if u.o.Code == ir.Rebind && a.beside(u.o.Result()) {
			return true
		}
		if u.o.Code == ir.Contract && u.i < 2 {
			if d := u.o.Operands[1-u.i].Def; d == nil || d.Code != ir.Load {
				return true
			}
		}
	}
	return false
}

func (a *async) rewrite(loop *ir.Op, list []*reader) error {
	stage := int64(0)
	for _, x := range list {
		stage += (x.form.Bytes() + 1023) &^ 1023
	}
	depth, err := a.depth(loop, list, stage)
	if err != nil || depth < 1 {
		return err
	}
	a.used += depth * stage
	a.rec.piped(loop, list, depth)
	b := ir.NewBuilder(a.fn).At(loop.Pos)
	// The channels.
	b.Before(a.phase.Regions[0].Ops[0])
	for _, x := range list {
		l, err := x.form.Layout()
		if err != nil {
			return &Misfit{Text: err.Error(), Pos: loop.Pos}
		}
		t := x.load.Result().Type
		o := b.Emit(&ir.Op{Code: ir.ChanOf, Attrs: []ir.Attr{{Key: "ring", Val: a.rings}}, Pos: x.load.Pos, Results: []*ir.Value{{Name: x.load.Operands[0].Name, Type: ir.Type{Kind: ir.Chan, Elem: t.Elem, Depth: depth, Shared: &l,
			Axes: extentsOf(x.form)}}}})
		x.chain = o.Result()
	}
	a.rings++
	by := loop.Int("by")
	step := max(by, 1)
	lo, hi := loop.Operands[0], loop.Operands[1]
	f := &filler{a: a, b: b, loop: loop, list: list, lo: lo, hi: hi, by: by, depth: depth}
	b.Before(loop)
	f.begin()
	for i := range depth - 1 {
		f.ahead(b.Add(lo, b.Index(i*step)), false)
	}
	body := loop.Regions[0]
	b.Before(body.Ops[0])
	at := body.Args[0]
	if by > 0 {
		at = b.SpanLo(at)
	}
	if depth == 1 {
		f.fill(at, false)
	}
	var slots []*ir.Value
	for _, x := range list {
		slots = append(slots, b.At(x.load.Pos).Emit(&ir.Op{Code: ir.Take, Operands: []*ir.Value{x.chain}}).Result())
	}
	for i, x := range list {
		b.At(x.load.Pos)
		a.see(b, slots[i], x.load.Result(), spansOf(x.load.Result().Type))
	}
	b.At(loop.Pos)
	if depth > 1 {
		f.ahead(b.Add(at, b.Index((depth-1)*step)), true)
		f.next(at)
	}
	b.Before(body.Yield())
	for i, x := range list {
		b.Emit(&ir.Op{Code: ir.Release, Operands: []*ir.Value{x.chain, slots[i]}})
	}
	for _, x := range list {
		x.load.Remove()
	}
	a.sweep(list)
	return nil
}

// sweep takes out what only the loads needed that are gone.
func (a *async) sweep(list []*reader) {
	used := map[*ir.Value]int{}
	count := func(o *ir.Op, by int) {
		for _, v := range slices.Concat(o.Operands, o.Axes) {
			used[v] += by
		}
	}
	a.phase.Regions[0].Walk(func(o *ir.Op) { count(o, 1) })
	for _, x := range list {
		for _, o := range slices.Backward(x.slice) {
			if r := o.Result(); r.Type.Kind != ir.Span && used[r] == 0 && slices.Contains(o.Parent.Ops, o) {
				count(o, -1)
				o.Remove()
			}
		}
	}
}

// extentsOf are the axes of a channel.
func extentsOf(f SlotForm) []ir.Axis {
	list := make([]ir.Axis, len(f.Extents))
	for i, n := range f.Extents {
		list[i].Extent = n
	}
	return list
}

// spansOf are the spans of a tile.
func spansOf(t ir.Type) []*ir.Value {
	list := make([]*ir.Value, len(t.Axes))
	for i, a := range t.Axes {
		list[i] = a.Span
	}
	return list
}

// see makes all uses of a loaded tile uses of a view of a slot. What stands for it under other spans becomes a view under these.
func (a *async) see(b *ir.Builder, slot, v *ir.Value, axes []*ir.Value) {
	view := b.Emit(&ir.Op{Code: ir.View, Operands: []*ir.Value{slot}, Axes: axes}).Result()
	view.Name = v.Name
	var all *ir.Value
	for _, u := range a.uses[v] {
		switch u.o.Code {
		case ir.Convert:
			if u.o.Parent == v.Def.Parent {
				u.o.Operands[0] = view
				continue
			}
		case ir.Rebind:
			if u.o.Parent == v.Def.Parent {
				to := slices.Clone(axes)
				to[slices.Index(to, u.o.Axes[0])] = u.o.Axes[1]
				a.see(b, slot, u.o.Result(), to)
				u.o.Remove()
				continue
			}
		}
		if all == nil {
			all = b.Emit(&ir.Op{Code: ir.Convert, Operands: []*ir.Value{view}, Results: []*ir.Value{{Name: v.Name, Type: v.Type}}}).Result()
		}
		u.o.Operands[u.i] = all
	}
}
