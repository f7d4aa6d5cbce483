package passes

import (
	"maps"
	"slices"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// phases leaves at the top of a function only what a launcher does: phases, and the scalars, spans, conditions and
// temps that these need. Everything else at the top moves into phases: what computes tiles without an effect to the beginning of each phase
// that uses it; what has effects into a phase without bindings, one block, at its place. What such a phase gives to a
// later one goes through a temp.
func phases(fn *ir.Func) {
	s := &splitter{fn: fn, ops: fn.Body.Ops, place: map[*ir.Op]int{}, fate: map[*ir.Op]fate{}, moved: map[*ir.Value]*ir.Value{}}
	for i, o := range s.ops {
		s.place[o] = i
	}
	s.judge()
	for i, o := range s.ops {
		s.take(i, o)
	}
	s.close()
	fn.Body.Ops = s.out
	fn.Number()
}

// fate says where an operation at the top goes.
type fate uint8

const (
	stays  fate = iota // at the top
	sinks              // into each phase that uses it
	blocks             // into a phase of one block
)

type splitter struct {
	fn    *ir.Func
	ops   []*ir.Op
	place map[*ir.Op]int
	fate  map[*ir.Op]fate
	out   []*ir.Op
	// group are the operations of the phase of one block that is being collected.
	group []*ir.Op
	// moved are what stands for values of phases of one block behind these: loads of the temps that hold them.
	moved map[*ir.Value]*ir.Value
}

// judge finds the fates.
func (s *splitter) judge() {
	wanted := map[*ir.Op]bool{} // by the launcher
	for i := len(s.ops) - 1; i >= 0; i-- {
		o := s.ops[i]
		switch o.Code {
		case ir.Parallel, ir.Require:
			s.want(wanted, o.Operands)
		case ir.SpanOf, ir.Temp:
			s.want(wanted, o.Operands)
		default:
			if wanted[o] {
				s.want(wanted, o.Operands)
			}
		}
	}
	for i, o := range s.ops {
		switch {
		case o.Code == ir.Yield, o.Code == ir.Parallel, o.Code == ir.Require, o.Code == ir.Temp, o.Code == ir.Const,
			o.Code == ir.SpanOf, o.Code == ir.SpanCopy, o.Code == ir.SpanCat:
		case o.AllEffects()&(ir.Writes|ir.IO|ir.Asserts) != 0:
			s.fate[o] = blocks
		case scalars(o) && (wanted[o] || !s.follows(o)):
		case o.AllEffects()&ir.Reads != 0 && s.overtaken(i, o):
			s.fate[o] = blocks
		case wanted[o]:
		case o.Code == ir.For || o.Code == ir.While: // done once, not in every block
			s.fate[o] = blocks
		default:
			s.fate[o] = sinks
		}
	}
}

// want marks the operations that define values.
func (s *splitter) want(wanted map[*ir.Op]bool, list []*ir.Value) {
	for _, v := range list {
		if v.Def != nil {
			wanted[v.Def] = true
		}
	}
}

// scalars reports whether an operation has to do with scalars alone.
func scalars(o *ir.Op) bool {
	ok := true
	each := func(list []*ir.Value) {
		for _, v := range list {
			ok = ok && v.Type.Kind != ir.Tile
		}
	}
	each(o.Operands)
	each(o.Results)
	for _, r := range o.Regions {
		r.Walk(func(p *ir.Op) {
			each(p.Operands)
			each(p.Results)
		})
	}
	return ok && len(o.Results) > 0
}

// follows reports whether an operation uses what is computed in phases.
func (s *splitter) follows(o *ir.Op) bool {
	found := false
	named(o, func(v *ir.Value) { found = found || v.Def != nil && s.fate[v.Def] != stays })
	return found
}

// named visits the values that an operation and what is in it name.
func named(o *ir.Op, visit func(*ir.Value)) {
	one := func(o *ir.Op) {
		for _, v := range o.Operands {
			visit(v)
		}
		for _, v := range o.Axes {
			visit(v)
		}
	}
	one(o)
	for _, r := range o.Regions {
		r.Walk(one)
	}
}

// tensors are the tensors that an operation and what is in it accesses with an effect.
func tensors(o *ir.Op, e ir.Effect) map[*ir.Value]bool {
	list := map[*ir.Value]bool{}
	one := func(o *ir.Op) {
		if o.Effects()&e != 0 {
			list[o.Operands[0]] = true
		}
	}
	for _, r := range o.Regions {
		r.Walk(one)
	}
	if len(o.Regions) == 0 {
		one(o)
	}
	return list
}

// overtaken reports whether a tensor that an operation reads is written by a later operation, up to the last one that
// uses the result.
func (s *splitter) overtaken(at int, o *ir.Op) bool {
	last := s.lastUse(o)
	reads := tensors(o, ir.Reads)
	for _, p := range s.ops[at+1 : last+1] {
		for t := range tensors(p, ir.Writes) {
			if reads[t] {
				return true
			}
		}
	}
	return false
}

// lastUse is the place of the last operation at the top that uses what an operation gives, directly or not.
func (s *splitter) lastUse(o *ir.Op) int {
	from := map[*ir.Op]bool{o: true}
	last := s.place[o]
	for i := last + 1; i < len(s.ops); i++ {
		p := s.ops[i]
		uses := false
		named(p, func(v *ir.Value) { uses = uses || v.Def != nil && from[v.Def] })
		if uses {
			from[p], last = true, i
		}
	}
	return last
}

// take puts an operation where it goes.
func (s *splitter) take(i int, o *ir.Op) {
	switch s.fate[o] {
	case blocks:
		s.group = append(s.group, o)
	case sinks:
		if len(s.group) > 0 && o.AllEffects()&ir.Reads != 0 {
			s.fate[o] = blocks
			s.group = append(s.group, o)
		}
	default:
		if len(s.group) > 0 && (o.Code == ir.Parallel || o.Code == ir.Yield || o.Code == ir.Require || !s.passes(o)) {
			s.close()
		}
		if o.Code == ir.Parallel {
			s.fill(o)
		}
		s.rename(o)
		s.out = append(s.out, o)
	}
}

// passes reports whether an operation may run before those that are being collected.
func (s *splitter) passes(o *ir.Op) bool {
	if o.AllEffects()&^(ir.Reads|ir.Identity) != 0 {
		return false
	}
	ok := true
	named(o, func(v *ir.Value) { ok = ok && !s.grouped(v, map[*ir.Value]bool{}) })
	reads := tensors(o, ir.Reads)
	for _, p := range s.group {
		for t := range tensors(p, ir.Writes) {
			ok = ok && !reads[t]
		}
	}
	return ok
}

// grouped reports whether a value comes from an operation that is being collected.
func (s *splitter) grouped(v *ir.Value, seen map[*ir.Value]bool) bool {
	if v.Def == nil || seen[v] {
		return false
	}
	seen[v] = true
	if slices.Contains(s.group, v.Def) {
		return true
	}
	found := false
	if s.fate[v.Def] == sinks {
		named(v.Def, func(w *ir.Value) { found = found || s.grouped(w, seen) })
	}
	return found
}

// close makes a phase of what was collected.
func (s *splitter) close() {
	if len(s.group) == 0 {
		return
	}
	group := s.group
	s.group = nil
	r := &ir.Region{}
	o := &ir.Op{Code: ir.Parallel, Regions: []*ir.Region{r}, Parent: s.fn.Body, Pos: group[0].Pos}
	o.SetAttr("by", []int64{})
	r.Parent = o
	for _, p := range group {
		p.Parent = r
	}
	r.Ops = append(group, &ir.Op{Code: ir.Yield, Parent: r, Pos: o.Pos})
	// The last use of each value tells whether it goes on.
	var temps []*ir.Op
	var saved []*ir.Value
	for _, p := range group {
		for _, v := range p.Results {
			if s.leaves(v, group) {
				saved = append(saved, v)
			}
		}
	}
	s.fill(o)
	for _, v := range saved {
		temps = append(temps, s.save(o, v))
	}
	s.out = append(append(s.out, temps...), o)
	for i, v := range saved {
		s.restore(temps[i].Result(), v)
	}
}

// leaves reports whether a value is used behind its phase, directly or by what sinks.
func (s *splitter) leaves(v *ir.Value, group []*ir.Op) bool {
	from := map[*ir.Value]bool{v: true}
	for _, p := range s.ops[s.place[group[0]]:] {
		uses := false
		named(p, func(w *ir.Value) { uses = uses || from[w] })
		switch {
		case !uses || slices.Contains(group, p):
		case s.fate[p] != sinks:
			return true
		default:
			for _, w := range p.Results {
				from[w] = true
			}
		}
	}
	return false
}

// fill copies to the beginning of a phase what sinks into it.
func (s *splitter) fill(phase *ir.Op) {
	r := phase.Regions[0]
	inside := map[*ir.Op]bool{}
	for _, o := range r.Ops {
		inside[o] = true
	}
	var list []*ir.Op
	seen := map[*ir.Op]bool{}
	var visit func(v *ir.Value)
	visit = func(v *ir.Value) {
		if w := s.moved[v]; w != nil {
			v = w
		}
		if o := v.Def; o != nil && s.copied(o) && !seen[o] && !inside[o] {
			seen[o] = true
			named(o, visit)
			list = append(list, o)
		}
	}
	for _, o := range r.Ops {
		named(o, visit)
	}
	slices.SortStableFunc(list, func(a, b *ir.Op) int { return s.place[a] - s.place[b] })
	to := maps.Clone(s.moved)
	copies := make([]*ir.Op, 0, len(list)+len(r.Ops))
	for _, o := range list {
		c := o.Clone(to)
		c.Parent = r
		for v, w := range s.moved { // what stands for a value has become its copy
			if x := to[w]; x != nil {
				to[v] = x
			}
		}
		copies = append(copies, c)
	}
	// What sinks into a phase of one block stands before what uses it there, and behind what it uses.
	if first := r.Ops[0]; s.fate[first] == blocks {
		copies = s.merge(copies, list, r.Ops)
	} else {
		copies = append(copies, r.Ops...)
	}
	r.Ops = copies
	substitute(r, to)
}

// copied reports whether an operation at the top is done again in each phase that uses it.
func (s *splitter) copied(o *ir.Op) bool {
	if _, top := s.place[o]; !top {
		return false
	}
	return s.fate[o] == sinks || s.fate[o] == stays && len(o.Results) > 0 && o.Results[0].Type.Kind == ir.Tile
}

// merge orders copies of operations and those of a group as they stood.
func (s *splitter) merge(copies, from, group []*ir.Op) []*ir.Op {
	var out []*ir.Op
	i := 0
	for _, o := range group {
		for i < len(copies) && (o.Code == ir.Yield || s.place[from[i]] < s.place[o]) {
			out = append(out, copies[i])
			i++
		}
		out = append(out, o)
	}
	return out
}

// rename puts what stands for moved values in their place in an operation of the top.
func (s *splitter) rename(o *ir.Op) {
	for i, v := range o.Operands {
		if w := s.moved[v]; w != nil {
			o.Operands[i] = w
		}
	}
	if o.Code == ir.Parallel {
		return // its region is done
	}
	for _, r := range o.Regions {
		substitute(r, s.moved)
	}
	named(o, func(v *ir.Value) { s.raise(v.Def) })
}

// raise puts the load of a temp at the top.
func (s *splitter) raise(o *ir.Op) {
	if i, ok := s.place[o]; ok && i < 0 && !slices.Contains(s.out, o) {
		named(o, func(v *ir.Value) { s.raise(v.Def) })
		s.out = append(s.out, o)
	}
}

// substitute puts values in the place of others in a region.
func substitute(r *ir.Region, to map[*ir.Value]*ir.Value) {
	r.Walk(func(o *ir.Op) {
		for _, list := range [][]*ir.Value{o.Operands, o.Axes} {
			for i, v := range list {
				if w := to[v]; w != nil {
					list[i] = w
				}
			}
		}
	})
}

// save stores a value of a phase in a temp.
func (s *splitter) save(phase *ir.Op, v *ir.Value) *ir.Op {
	elem := v.Type.Elem
	if elem == dtype.Bool {
		elem = dtype.U8
	}
	var dims []*ir.Dim
	for _, a := range v.Type.Axes {
		dims = append(dims, ir.ConstDim(a.Extent))
	}
	t := &ir.Op{Code: ir.Temp, Parent: s.fn.Body, Pos: v.Def.Pos, Results: []*ir.Value{{Name: v.Name, Type: ir.TensorType(elem, ir.Dense, dims...)}}}
	t.Result().Def = t
	r := phase.Regions[0]
	b := ir.NewBuilder(s.fn).At(v.Def.Pos)
	b.Before(r.Ops[len(r.Ops)-1])
	b.Store(t.Result(), positions(b, v.Type), b.Cast(v, elem, "rne", "sat"), "in", nil)
	return t
}

// restore makes the load that stands for a value behind its phase.
func (s *splitter) restore(temp, v *ir.Value) {
	at := &ir.Region{Parent: nil}
	b := ir.NewBuilder(s.fn).At(v.Def.Pos)
	back := b.Into(at)
	x := b.Load(temp, positions(b, v.Type), "in", nil)
	if v.Type.Elem == dtype.Bool {
		zero := b.Bcast(b.ConstInt(dtype.U8, 0), x.Type.Axes)
		x = b.Ne(x, zero)
	}
	back()
	for _, o := range at.Ops {
		o.Parent = s.fn.Body
		if v.Type.Kind == ir.Tile {
			s.fate[o] = sinks
			s.place[o] = -1 // before everything of a later phase
		} else {
			s.out = append(s.out, o)
		}
	}
	x.Name = v.Name
	s.moved[v] = x
}

// positions are subscripts for a dense tensor that has a tile's elements by position.
func positions(b *ir.Builder, t ir.Type) []*ir.Value {
	var list []*ir.Value
	for _, a := range t.Axes {
		list = append(list, b.Affine([]ir.Term{{Var: a.Span, Coef: 1}, {Var: b.SpanLo(a.Span), Coef: -1}}, 0, 1, 0))
	}
	return list
}
