package passes

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/tilec/tilec/ir"
)

// maxShared is the most shared memory of a block, and reserved how much of it is left to conversions and reductions.
const (
	maxShared = 163 << 10
	reserved  = 16 << 10
)

// defaultStages is the depth of channels where the schedule does not say one.
const defaultStages = 3

// pipeline makes loops copy the operands of their matrix instructions ahead: loads from global memory that depend on the
// loop's index alone become channels, whose slots are filled some iterations before they are read. The depth is the schedule's
// word stages. What a loop of whole steps leaves has a stage of its own, if there is room.
//
// An iteration takes its slots, begins the copies of a later one, computes, and releases them: one barrier, that of the take,
// orders the reads of an iteration before the copies that overwrite what they read.
func pipeline(fn *ir.Func, m Machine) error {
	a := &async{fn: fn, stages: defaultStages}
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
	for _, o := range fn.Body.Ops {
		if o.Code != ir.Parallel {
			continue
		}
		a.phase, a.used = o, 0
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
	stages int64
	asked  bool // the schedule says how many stages there are
	phase  *ir.Op
	rings  int64
	used   int64 // bytes of shared memory of the phase's channels
	// written are the tensors that the phase writes.
	written map[*ir.Value]bool
	uses    map[*ir.Value][]use
}

// reader is a load that becomes a channel.
type reader struct {
	load  *ir.Op
	form  SlotForm
	chain *ir.Value
}

func (a *async) region(r *ir.Region) error {
	for _, o := range slices.Clone(r.Ops) {
		for _, q := range o.Regions {
			if err := a.region(q); err != nil {
				return err
			}
		}
		if o.Code != ir.For || o.Regions[0].Yield().Flag("breaks") {
			continue
		}
		if list := a.readers(o); len(list) > 0 {
			if err := a.rewrite(o, list); err != nil {
				return err
			}
		}
	}
	return nil
}

// readers are the loads of a loop that can be copied ahead.
func (a *async) readers(loop *ir.Op) []*reader {
	body := loop.Regions[0]
	a.uses = users(a.fn.Body)
	var list []*reader
	for _, o := range body.Ops {
		if o.Code != ir.Load {
			continue
		}
		if x, _ := a.reader(loop, o); x != nil {
			list = append(list, x)
		}
	}
	return list
}

// reader is what a load in a loop becomes; nil, and why, where it cannot be copied ahead.
func (a *async) reader(loop, o *ir.Op) (x *reader, why string) {
	t, from := o.Result().Type, o.Operands[0].Type
	switch {
	case t.Kind != ir.Tile || t.Layout == nil:
		return nil, "it is one element"
	case !a.multiplied(o.Result(), map[*ir.Value]bool{}):
		return nil, "it is no factor of a matrix instruction"
	case a.written[o.Operands[0]]:
		return nil, "the phase writes the tensor"
	case o.Str("mode") == "else":
		return nil, "what is outside is no 0"
	case from.Mem == ir.Packed:
		return nil, "the tensor is packed"
	case t.Elem.Bits()%8 != 0:
		return nil, "its elements are no whole bytes"
	case len(t.Axes) != 2:
		return nil, fmt.Sprintf("it has %d axes", len(t.Axes))
	}
	subs := o.Operands[1:]
	body := loop.Regions[0]
	index := body.Args[0]
	moves := false
	seen := map[*ir.Value]int{}
	for _, s := range subs {
		if s == index {
			moves = true
		} else if within(s, body) {
			return nil, "where it lies is computed in the loop"
		}
		switch s.Type.Kind {
		case ir.Span:
			seen[s]++
		case ir.Scalar:
		default:
			return nil, "its rows are gathered"
		}
	}
	inner := t.Axis(subs[len(subs)-1])
	switch {
	case !moves:
		return nil, "it is the same in each step"
	case inner < 0 || seen[t.Axes[0].Span] != 1 || seen[t.Axes[1].Span] != 1:
		return nil, "its rows are no rows of the tensor"
	}
	extents := [2]int64{}
	for i := range extents {
		extents[i] = t.Layout.Tile()[i]
	}
	for _, u := range a.uses[o.Result()] {
		if u.o.Code == ir.Convert {
			for i, n := range u.o.Result().Type.Layout.Tile() {
				extents[i] = max(extents[i], n)
			}
		}
	}
	f := NewSlotForm(extents, inner, int64(t.Elem.Bits()))
	if f.Pieces() > 1<<10 {
		return nil, "its rows are longer than 16 KiB"
	}
	return &reader{load: o, form: f}, ""
}

// Waited is a load from global memory in a loop that nothing copies ahead: each step waits for it.
type Waited struct {
	Load *ir.Op
	Why  string
}

// WaitedFor are the loads in loops of a placed function that are not copied ahead, and why, in their order.
func WaitedFor(fn *ir.Func) []Waited {
	a := &async{fn: fn, uses: users(fn.Body)}
	var list []Waited
	var region func(r *ir.Region, loop *ir.Op)
	region = func(r *ir.Region, loop *ir.Op) {
		for _, o := range r.Ops {
			if o.Code == ir.Load && loop != nil && (o.Operands[0].Def == nil || o.Operands[0].Def.Code != ir.SharedOf) {
				why := "it stands in a branch or another loop"
				switch {
				case loop.Code != ir.For:
					why = "the loop is no count of steps"
				case loop.Regions[0].Yield().Flag("breaks"):
					why = "the loop breaks"
				case r == loop.Regions[0]:
					var x *reader
					if x, why = a.reader(loop, o); x != nil {
						why = "shared memory has no room for it"
					}
				}
				list = append(list, Waited{o, why})
			}
			for _, q := range o.Regions {
				in := loop
				if o.Code == ir.For || o.Code == ir.While {
					in = o
				}
				region(q, in)
			}
		}
	}
	for _, o := range fn.Body.Ops {
		if o.Code == ir.Parallel {
			a.phase, a.written = o, writtenIn(o)
			region(o.Regions[0], nil)
		}
	}
	return list
}

// writtenIn are the tensors that a phase writes.
func writtenIn(phase *ir.Op) map[*ir.Value]bool {
	list := map[*ir.Value]bool{}
	phase.Regions[0].Walk(func(q *ir.Op) {
		if q.Code == ir.Store || q.Code == ir.Atomic {
			list[q.Operands[0]] = true
		}
	})
	return list
}

// multiplied reports whether a tile becomes a factor of a matrix instruction, through conversions and casts.
func (a *async) multiplied(v *ir.Value, seen map[*ir.Value]bool) bool {
	if seen[v] {
		return false
	}
	seen[v] = true
	for _, u := range a.uses[v] {
		switch u.o.Code {
		case ir.Contract:
			if u.o.Str("atom") != "" && u.i < 2 {
				return true
			}
		case ir.Convert, ir.Cast, ir.Rebind:
			if a.multiplied(u.o.Result(), seen) {
				return true
			}
		}
	}
	return false
}

// depth is how many stages a loop's channels get.
func (a *async) depth(loop *ir.Op, stage int64) (int64, error) {
	room := maxShared - reserved - a.used
	n := a.stages
	if loop.Flag("once") { // one step, which nothing is ahead of
		return min(1, room/stage), nil
	}
	if n*stage <= room {
		return n, nil
	}
	fits := room / stage
	if a.asked {
		return 0, &Misfit{Text: fmt.Sprintf("stages = %d: a stage of this loop takes %d bytes of shared memory, of which a block has %d, %d of them for other uses: stages = %d is the nearest that fits",
			n, stage, int64(maxShared), maxShared-room, fits), Pos: loop.Pos}
	}
	return fits, nil
}

func (a *async) rewrite(loop *ir.Op, list []*reader) error {
	stage := int64(0)
	for _, x := range list {
		stage += (x.form.Bytes() + 1023) &^ 1023
	}
	depth, err := a.depth(loop, stage)
	if err != nil || depth < 1 {
		return err
	}
	a.used += depth * stage
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
			Axes: []ir.Axis{{Extent: x.form.Extents[0]}, {Extent: x.form.Extents[1]}}}}}})
		x.chain = o.Result()
	}
	a.rings++
	by := loop.Int("by")
	step := max(by, 1)
	lo, hi := loop.Operands[0], loop.Operands[1]
	// fill copies the iteration at an index into the next stage.
	fill := func(at *ir.Value) {
		index := at
		if by > 0 {
			end := hi
			if loop.Flag("whole") {
				end = b.Add(at, b.Index(by))
			}
			index = b.SpanOf(at, end, by, loop.Regions[0].Args[0].Name)
		}
		for _, x := range list {
			a.copyIn(b, loop, x, index)
		}
	}
	ahead := func(at *ir.Value) {
		b.If(b.Lt(at, hi), func() []*ir.Value {
			fill(at)
			return nil
		}, func() []*ir.Value { return nil })
	}
	b.Before(loop)
	for i := range depth - 1 {
		ahead(b.Add(lo, b.Index(i*step)))
	}
	body := loop.Regions[0]
	b.Before(body.Ops[0])
	at := body.Args[0]
	if by > 0 {
		at = b.SpanLo(at)
	}
	if depth == 1 {
		fill(at)
	}
	var slots []*ir.Value
	for _, x := range list {
		slots = append(slots, b.At(x.load.Pos).Emit(&ir.Op{Code: ir.Take, Operands: []*ir.Value{x.chain}}).Result())
	}
	for i, x := range list {
		var axes []*ir.Value
		for _, s := range x.load.Result().Type.Axes {
			axes = append(axes, s.Span)
		}
		b.At(x.load.Pos)
		a.see(b, slots[i], x.load.Result(), axes)
	}
	b.At(loop.Pos)
	if depth > 1 {
		ahead(b.Add(at, b.Index((depth-1)*step)))
	}
	b.Before(body.Yield())
	for i, x := range list {
		b.Emit(&ir.Op{Code: ir.Release, Operands: []*ir.Value{x.chain, slots[i]}})
	}
	for _, x := range list {
		x.load.Remove()
	}
	return nil
}

// copyIn fills the next slot of a reader's channel with what its load would give for another index.
func (a *async) copyIn(b *ir.Builder, loop *ir.Op, x *reader, index *ir.Value) {
	b.At(x.load.Pos)
	slot := b.Emit(&ir.Op{Code: ir.Acquire, Operands: []*ir.Value{x.chain}}).Result()
	old := loop.Regions[0].Args[0]
	to := func(v *ir.Value) *ir.Value {
		if v == old {
			return index
		}
		return v
	}
	args := []*ir.Value{slot}
	for _, v := range x.load.Operands {
		args = append(args, to(v))
	}
	var axes []*ir.Value
	for _, s := range x.load.Result().Type.Axes {
		axes = append(axes, to(s.Span))
	}
	b.Emit(&ir.Op{Code: ir.Copy, Operands: args, Axes: axes, Attrs: []ir.Attr{{Key: "mode", Val: x.load.Str("mode")}}})
	b.Emit(&ir.Op{Code: ir.Commit, Operands: []*ir.Value{x.chain, slot}})
	b.At(loop.Pos)
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
