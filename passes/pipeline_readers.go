package passes

import (
	"slices"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/layout"
)

// reader is a load that becomes a channel.
type reader struct {
	load  *ir.Op
	form  SlotForm
	chain *ir.Value
	// adds says that it is multiplied by multiply-adds alone.
	adds bool
	// slice is what in the loop says where the rows of the load lie, in its order.
	slice []*ir.Op
	// deal is how pieces are dealt out where rows are gathered, nil where they are those of the tensor.
	deal *dealing
}

// readers are the loads of a loop that can be copied ahead, those of one depth together.
func (a *async) readers(loop *ir.Op) [][]*reader {
	body := loop.Regions[0]
	a.uses = users(a.fn.Body)
	var list []*reader
	for _, o := range body.Ops {
		if o.Code != ir.Load || a.marked && o.Attr("stages") == nil {
			continue
		}
		if x, _ := a.reader(loop, o); x != nil {
			list = append(list, x)
		}
	}
	// Where pieces are dealt out alike, what says where rows lie is computed once.
	for i, x := range list {
		for _, y := range list[:i] {
			if x.deal != nil && y.deal != nil && x.deal.dist.Equal(y.deal.dist) && slices.Equal(x.rows(), y.rows()) {
				x.deal = y.deal
			}
		}
	}
	var rings [][]*reader
	for _, x := range list {
		same := func(l []*reader) bool { return l[0].load.Int("stages") == x.load.Int("stages") }
		if i := slices.IndexFunc(rings, same); i >= 0 {
			rings[i] = append(rings[i], x)
		} else {
			rings = append(rings, []*reader{x})
		}
	}
	return rings
}

// reader is what a load in a loop becomes; nil, and why, where it cannot be copied ahead.
func (a *async) reader(loop, o *ir.Op) (x *reader, why string) {
	t, from := o.Result().Type, o.Operands[0].Type
	switch {
	case t.Kind != ir.Tile || t.Layout == nil:
		return nil, "it is one element"
	case a.written[o.Operands[0]]:
		return nil, "the phase writes the tensor"
	case o.Str("mode") == "else":
		return nil, "what is outside is no 0"
	case from.Mem == ir.Packed:
		return nil, "the tensor is packed"
	case t.Elem.Bits()%8 != 0:
		return nil, "its elements are no whole bytes"
	case len(t.Axes) < 2:
		return nil, "it is one row"
	}
	x = &reader{load: o}
	subs := o.Operands[1:]
	body := loop.Regions[0]
	index := body.Args[0]
	gathered := len(t.Axes) > 2
	moves := false
	along := map[*ir.Value]int{}
	for i, s := range subs {
		if s == index {
			moves = true
		} else if within(s, body) {
			if why := a.slice(loop, s, &x.slice, 1); why != "" {
				return nil, why
			}
			moves, gathered = true, true
		}
		switch s.Type.Kind {
		case ir.Span:
			along[s]++
			gathered = gathered || along[s] > 1
		case ir.Tile:
			gathered = true
			for _, c := range s.Type.Axes {
				along[c.Span]++
			}
			if i == len(subs)-1 {
				return nil, "its elements are gathered"
			}
		}
	}
	inner := t.Axis(subs[len(subs)-1])
	switch {
	case !moves:
		return nil, "it is the same in each step"
	case inner < 0 || along[t.Axes[inner].Span] != 1:
		return nil, "its rows are no rows of the tensor"
	}
	extents := slices.Clone(t.Layout.Tile())
	for _, u := range a.uses[o.Result()] {
		if u.o.Code == ir.Convert {
			for i, n := range u.o.Result().Type.Layout.Tile() {
				extents[i] = max(extents[i], n)
			}
		}
	}
	x.form = NewSlotForm(extents, inner, int64(t.Elem.Bits()))
	if !a.multiplied(o.Result(), map[*ir.Value]bool{}) {
		if x.adds = a.added(o.Result(), x.form); !x.adds && o.Attr("stages") == nil {
			return nil, "it is no factor of a contraction that reads it from shared memory"
		}
	}
	if x.form.Pieces() > 1<<10 {
		return nil, "its rows are longer than 16 KiB"
	}
	if !gathered {
		return x, ""
	}
	for _, o := range append(slices.Clone(x.slice), o) {
		for _, v := range slices.Concat(o.Operands, o.Results) {
			for _, c := range v.Type.Axes {
				if v.Type.Kind == ir.Tile && v != x.load.Result() && (t.Axis(c.Span) < 0 || t.Axis(c.Span) == inner) {
					return nil, "where its rows lie is computed along other axes"
				}
			}
		}
	}
	x.deal = &dealing{dist: x.form.Deal(int64(PhaseWarps(a.fn, a.phase))), axes: t.Axes, parts: map[string]*layout.Distribution{}}
	return x, ""
}

// rows are the spans of a reader's rows, in their places.
func (x *reader) rows() []*ir.Value {
	list := spansOf(x.load.Result().Type)
	list[x.form.Inner] = nil
	return list
}

// slice collects what in a loop's body computes a subscript, before the loop's step is begun: from the step's index, from
// what stands outside of the loop, and from loads, of which none needs another. Where it cannot, it says why.
func (a *async) slice(loop *ir.Op, v *ir.Value, list *[]*ir.Op, loads int) (why string) {
	body := loop.Regions[0]
	o := v.Def
	switch {
	case !within(v, body) || v == body.Args[0]:
		return ""
	case o == nil:
		return "where it lies depends on the step before"
	case slices.Contains(*list, o):
		return ""
	case o.Parent != body:
		return "where it lies is computed in a branch"
	}
	switch o.Code {
	case ir.Load:
		if loads--; loads < 0 {
			return "where it lies depends on what is gathered"
		}
		if a.written[o.Operands[0]] {
			return "where it lies depends on a tensor that the phase writes"
		}
	case ir.Const, ir.Affine, ir.Iota, ir.Bcast, ir.SpanOf, ir.SpanLo, ir.SpanHi:
	default:
		if !o.Code.Spec().Elementwise() {
			return "where it lies is computed by " + o.Code.String()
		}
	}
	for _, x := range slices.Concat(o.Operands, o.Axes) {
		if why := a.slice(loop, x, list, loads); why != "" {
			return why
		}
	}
	if !slices.Contains(*list, o) {
		*list = append(*list, o)
	}
	return ""
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

// added reports whether a tile is a factor of a contraction by multiply-adds that reads it from a slot of a form.
func (a *async) added(v *ir.Value, f SlotForm) bool {
	for _, u := range a.uses[v] {
		if AddsFromSlots(u.o, v, f) || u.o.Code == ir.Rebind && a.added(u.o.Result(), f) {
			return true
		}
	}
	return false
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
			if o.Code == ir.Load && loop != nil && !a.early(o) && (o.Operands[0].Def == nil || o.Operands[0].Def.Code != ir.SharedOf) {
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
				if o.Code == ir.For && !o.Flag("once") || o.Code == ir.While {
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

// early reports whether a load in a loop is for the next step alone.
func (a *async) early(o *ir.Op) bool {
	uses := a.uses[o.Result()]
	for len(uses) == 1 && uses[0].o.Code == ir.Rebind {
		uses = a.uses[uses[0].o.Result()]
	}
	return len(uses) > 0 && !slices.ContainsFunc(uses, func(u use) bool { return u.o.Code != ir.Yield || u.o.Parent != o.Parent })
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
