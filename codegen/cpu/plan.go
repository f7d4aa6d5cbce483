package cpu

import (
	"github.com/tilec/tilec/ir"
)

// plan is how the operations of a region are computed: which tiles are stored, and which of those share a nest of loops.
type plan struct {
	ops    []*ir.Op
	steps  []*step
	stored map[*ir.Value]bool
	inside map[*ir.Op]bool
	cost   map[*ir.Value]int
}

// step is one operation, or a group of roots that share a nest.
type step struct {
	op    *ir.Op
	group *group
}

// group is a set of roots over the same axes.
type group struct {
	axes    []*ir.Value
	reduced []*ir.Value
	roots   []*root
}

// root is something that a nest does at every point: store a tile's element, store to a tensor, or add to a reduction.
type root struct {
	op   *ir.Op    // a store or a reduction
	keep *ir.Value // else the value to store
	dest *tile     // where to, nil for a place of its own
	axes []*ir.Value
}

// refs are the values that the root evaluates.
func (r *root) refs() []*ir.Value {
	if r.keep != nil {
		return []*ir.Value{r.keep}
	}
	return r.op.Operands
}

// What evaluating an operation costs, about in vector instructions.
const (
	sharedCost = 6 // from here on a value that several use is stored
	mathCost   = 12
	loadCost   = 2
)

// inlined reports whether an operation may be evaluated point by point where its result is used.
func inlined(o *ir.Op) bool {
	switch o.Code {
	case ir.Bcast, ir.Rebind, ir.Iota, ir.Affine, ir.Load, ir.Lookup, ir.Pack, ir.Unpack:
		return true
	}
	return o.Code.Spec().Elementwise()
}

func opCost(o *ir.Op) int {
	switch o.Code {
	case ir.Bcast, ir.Rebind, ir.Iota, ir.Const:
		return 0
	case ir.Affine:
		if o.Int("div") != 1 || o.Int("mod") != 0 {
			return 3
		}
		return 1
	case ir.Load:
		return loadCost
	case ir.Lookup:
		return 4
	case ir.Pack, ir.Unpack:
		return 4
	case ir.Exp, ir.Exp2, ir.Log, ir.Log2, ir.Sin, ir.Cos, ir.Tanh, ir.Erf, ir.Sigmoid, ir.Gelu, ir.Silu, ir.Softplus, ir.Pow, ir.Rand, ir.Uniform, ir.Normal:
		return mathCost
	case ir.Div, ir.Mod, ir.Sqrt, ir.Rsqrt, ir.Recip:
		return 6
	}
	return 1
}

// cheap is what a value costs where it is evaluated once more.
func (e *emitter) costOf(p *plan, v *ir.Value) int {
	v = e.resolve(v)
	if v.Type.Kind != ir.Tile {
		return 0
	}
	if p.stored[v] || v.Def == nil || e.tileOf(v) != nil || !inlined(v.Def) {
		return 1
	}
	if c, ok := p.cost[v]; ok {
		return c
	}
	c := opCost(v.Def)
	for _, x := range v.Def.Operands {
		c += e.costOf(p, x)
	}
	p.cost[v] = min(c, 1000)
	return p.cost[v]
}

// makePlan plans a region.
func (e *emitter) makePlan(ops []*ir.Op) *plan {
	p := &plan{ops: ops, stored: map[*ir.Value]bool{}, inside: map[*ir.Op]bool{}, cost: map[*ir.Value]int{}}
	for _, o := range ops {
		p.inside[o] = true
	}
	for _, o := range ops {
		e.decide(p, o)
	}
	for _, o := range ops {
		p.add(e, o)
	}
	return p
}

// decide marks what is stored of an operation's results.
func (e *emitter) decide(p *plan, o *ir.Op) {
	if e.g.readElsewhere(o) {
		return
	}
	for _, v := range o.Results {
		if v.Type.Kind == ir.Tile && !inlined(o) {
			p.stored[v] = true
		}
	}
	if o.Code == ir.Load && e.g.written[o.Operands[0]] && o.Result().Type.Kind == ir.Tile {
		p.stored[o.Result()] = true
	}
	for _, v := range needsWhole(o) {
		if v = e.resolve(v); v.Type.Kind == ir.Tile {
			p.stored[v] = true
		}
	}
	if len(o.Results) != 1 || !inlined(o) || o.Result().Type.Kind != ir.Tile || p.stored[o.Result()] {
		return
	}
	v := o.Result()
	cost := e.costOf(p, v)
	uses, elsewhere := 0, false
	for _, u := range e.g.uses[v] {
		uses++
		if !p.inside[u] {
			elsewhere = true
			if contains(needsWhole(u), v) {
				p.stored[v] = true
			}
		}
	}
	if elsewhere && cost > 4 || uses > 1 && cost >= sharedCost {
		p.stored[v] = true
	}
	if len(o.Results) == 1 && o.Code == ir.Load && elsewhere {
		p.stored[v] = true
	}
}

// needsWhole are the operands that an operation needs at any position: they lie in memory.
func needsWhole(o *ir.Op) []*ir.Value {
	switch o.Code {
	case ir.Lookup, ir.Scatter:
		return o.Operands[:1]
	case ir.Cat, ir.Topk, ir.Sort, ir.Print:
		return o.Operands
	}
	return nil
}

// add appends an operation to the steps.
func (p *plan) add(e *emitter, o *ir.Op) {
	switch {
	case o.Code == ir.Yield:
		return
	case o.Code == ir.Store && len(storeAxes(o)) > 0:
		p.join(e, &root{op: o, axes: storeAxes(o)}, nil)
	case e.g.inQuads(o):
		p.steps = append(p.steps, &step{op: o})
	case o.Code == ir.Reduce && reducible(o):
		x := o.Operands[0].Type
		p.join(e, &root{op: o, axes: spansOf(x)}, o.Axes)
	case len(o.Results) == 1 && o.Result().Type.Kind == ir.Tile && inlined(o):
		if p.stored[o.Result()] {
			p.join(e, &root{keep: o.Result(), axes: spansOf(o.Result().Type)}, nil)
		}
	case o.Code == ir.Const:
		// Made where it is used.
	default:
		if o.Code == ir.Contract {
			p.keepShared(e, o)
		}
		p.steps = append(p.steps, &step{op: o})
		if n := len(p.steps); n > 1 && p.steps[n-2].group != nil && e.precedes(p, o, p.steps[n-2].group) {
			// What needs nothing of the group before it stands before that, so that roots behind it may join.
			p.steps[n-2], p.steps[n-1] = p.steps[n-1], p.steps[n-2]
		}
	}
}

// precedes reports whether an operation may be computed before a group that precedes it in the text: it gives a scalar or
// a span, and depends on nothing that the group makes or stores.
func (e *emitter) precedes(p *plan, o *ir.Op, g *group) bool {
	switch o.Code {
	case ir.SpanOf, ir.SpanCopy, ir.SpanCat:
	case ir.Load:
		if e.g.written[o.Operands[0]] || o.Result().Type.Kind != ir.Scalar {
			return false
		}
	default:
		if len(o.Results) != 1 || o.Result().Type.Kind != ir.Scalar || !inlined(o) && o.Code != ir.SpanLo && o.Code != ir.SpanHi {
			return false
		}
	}
	free := true
	check := func(v *ir.Value) {
		v = e.resolve(v)
		switch {
		case v.Type.Kind == ir.Tile:
			free = false
		case v.Def != nil:
			free = free && !g.makes(v)
		}
	}
	for _, v := range o.Operands {
		check(v)
	}
	return free
}

// reducible reports whether a reduction fits a nest: it runs over axes of its operand.
func reducible(o *ir.Op) bool { return o.Operands[0].Type.Kind == ir.Tile }

// keepShared stores the operand of a contraction whose evaluation shares something costly with others: then the operand
// is made while that is at hand.
func (p *plan) keepShared(e *emitter, o *ir.Op) {
	a, b, _, _, _ := o.ContractParts()
	for _, v := range []*ir.Value{a, b} {
		v = e.resolve(v)
		if v.Def == nil || !p.inside[v.Def] || p.stored[v] || !inlined(v.Def) || v.Type.Kind != ir.Tile {
			continue
		}
		if p.readsStored(e, v, map[*ir.Value]bool{}) {
			p.stored[v] = true
			p.join(e, &root{keep: v, axes: spansOf(v.Type)}, nil)
		}
	}
}

// readsStored reports whether evaluating v reads a costly value that this region stores although it could be evaluated.
func (p *plan) readsStored(e *emitter, v *ir.Value, seen map[*ir.Value]bool) bool {
	v = e.resolve(v)
	if seen[v] || v.Def == nil || v.Type.Kind != ir.Tile {
		return false
	}
	seen[v] = true
	if p.stored[v] {
		return inlined(v.Def) && p.inside[v.Def] && v.Def.Code != ir.Load
	}
	switch {
	case !inlined(v.Def), v.Def.Code == ir.Rebind, v.Def.Code == ir.Lookup, v.Def.Code == ir.Load:
		return false
	}
	for _, x := range v.Def.Operands {
		if p.readsStored(e, x, seen) {
			return true
		}
	}
	return false
}

// join adds a root to the group at the end, or begins a new one.
func (p *plan) join(e *emitter, r *root, reduced []*ir.Value) {
	if n := len(p.steps); n > 0 && p.steps[n-1].group != nil {
		g := p.steps[n-1].group
		if sameSet(g.axes, r.axes) && (len(g.reduced) == 0 || len(reduced) == 0 || sameSet(g.reduced, reduced)) && !p.conflict(e, g, r) {
			g.roots = append(g.roots, r)
			if len(reduced) > 0 {
				g.reduced = reduced
			}
			return
		}
	}
	p.steps = append(p.steps, &step{group: &group{axes: r.axes, reduced: reduced, roots: []*root{r}}})
}

// conflict reports whether r must wait until a group is done: it reads a reduction's result, or an element that another
// point of the group makes, or memory that the group touches and one of them writes.
func (p *plan) conflict(e *emitter, g *group, r *root) bool {
	made := map[*ir.Value]bool{}    // results of reductions
	pointed := map[*ir.Value]bool{} // stored at each point
	stores, loads := map[*ir.Value]bool{}, map[*ir.Value]bool{}
	for _, q := range g.roots {
		switch {
		case q.keep != nil:
			pointed[q.keep] = true
		case q.op.Code == ir.Reduce:
			made[q.op.Result()] = true
		case q.op.Code == ir.Store:
			stores[q.op.Operands[0]] = true
		}
		for _, v := range q.refs() {
			e.tensorsRead(p, v, loads, map[*ir.Value]bool{})
		}
	}
	reads := map[*ir.Value]bool{}
	for _, v := range r.refs() {
		if e.touches(p, v, made, pointed, true, map[*ir.Value]bool{}) {
			return true
		}
		e.tensorsRead(p, v, reads, map[*ir.Value]bool{})
	}
	for t := range reads {
		if stores[t] {
			return true
		}
	}
	if r.op != nil && r.op.Code == ir.Store {
		t := r.op.Operands[0]
		return stores[t] || loads[t]
	}
	return false
}

// touches reports whether evaluating v reads what is made, or what is pointed at another point.
func (e *emitter) touches(p *plan, v *ir.Value, made, pointed map[*ir.Value]bool, here bool, seen map[*ir.Value]bool) bool {
	v = e.resolve(v)
	if made[v] {
		return true
	}
	if pointed[v] {
		return !here
	}
	if seen[v] && here || v.Def == nil || !p.inside[v.Def] || p.stored[v] && !p.startsHere(v) {
		return false
	}
	seen[v] = true
	if !inlined(v.Def) {
		return false
	}
	switch v.Def.Code {
	case ir.Rebind, ir.Lookup, ir.Pack, ir.Unpack:
		here = false
	}
	for _, x := range v.Def.Operands {
		if e.touches(p, x, made, pointed, here, seen) {
			return true
		}
	}
	return false
}

// startsHere reports whether v is stored by the region but may be evaluated: the root that stores it does so.
func (p *plan) startsHere(v *ir.Value) bool { return inlined(v.Def) }

// tensorsRead finds the tensors that evaluating v loads from.
func (e *emitter) tensorsRead(p *plan, v *ir.Value, reads, seen map[*ir.Value]bool) {
	v = e.resolve(v)
	if seen[v] || v.Def == nil || !p.inside[v.Def] || !inlined(v.Def) {
		return
	}
	seen[v] = true
	if v.Def.Code == ir.Load {
		reads[v.Def.Operands[0]] = true
	}
	for _, x := range v.Def.Operands {
		e.tensorsRead(p, x, reads, seen)
	}
}

// leaves visits the stored tiles and arguments of regions that evaluating v reads.
func (e *emitter) leaves(p *plan, v *ir.Value, seen map[*ir.Value]bool, visit func(*ir.Value)) {
	v = e.resolve(v)
	if seen[v] || v.Type.Kind == ir.Tensor {
		return
	}
	seen[v] = true
	if v.Def == nil || p.stored[v] || !p.inside[v.Def] || !inlined(v.Def) {
		visit(v)
		return
	}
	for _, x := range v.Def.Operands {
		e.leaves(p, x, seen, visit)
	}
}

// readsOf visits what a step reads.
func (e *emitter) readsOf(p *plan, s *step, visit func(*ir.Value)) {
	seen := map[*ir.Value]bool{}
	if s.group != nil {
		for _, r := range s.group.roots {
			if r.keep == nil {
				for _, v := range r.refs() {
					e.leaves(p, v, seen, visit)
				}
				continue
			}
			if r.keep.Def != nil && p.inside[r.keep.Def] {
				for _, x := range r.keep.Def.Operands {
					e.leaves(p, x, seen, visit)
				}
			} else {
				visit(r.keep)
			}
		}
		return
	}
	use := func(v *ir.Value) { e.leaves(p, v, seen, visit) }
	for _, v := range s.op.Operands {
		use(v)
	}
	for _, r := range s.op.Regions {
		r.Walk(func(o *ir.Op) {
			for _, v := range o.Operands {
				use(v)
			}
		})
	}
}

func storeAxes(o *ir.Op) []*ir.Value {
	var axes []*ir.Value
	for _, v := range o.Subscripts() {
		for _, a := range v.SubscriptAxes() {
			found := false
			for _, b := range axes {
				found = found || a.Span == b
			}
			if !found {
				axes = append(axes, a.Span)
			}
		}
	}
	return axes
}

func spansOf(t ir.Type) []*ir.Value {
	list := make([]*ir.Value, len(t.Axes))
	for i, a := range t.Axes {
		list[i] = a.Span
	}
	return list
}

func sameSet(a, b []*ir.Value) bool {
	if len(a) != len(b) {
		return false
	}
	for _, x := range a {
		found := false
		for _, y := range b {
			found = found || x == y
		}
		if !found {
			return false
		}
	}
	return true
}
