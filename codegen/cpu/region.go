package cpu

import (
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
)

// region emits the operations of a region.
func (e *emitter) region(ops []*ir.Op) { e.regionWith(ops, nil) }

// regionWith emits a region whose results, by value, go to given tiles where they may; after runs before its scope ends.
func (e *emitter) regionWith(ops []*ir.Op, prepare func(p *plan)) {
	outer := e.now
	p := e.makePlan(ops)
	e.now = p
	if prepare != nil {
		prepare(p)
	}
	e.elide(p)
	e.findOutlets(p)
	for _, s := range p.steps {
		e.fetch(p, s)
		if s.group != nil {
			e.unlessOut(s.group, func() { e.group(s.group) })
			continue
		}
		e.step(s.op)
	}
	e.now = outer
}

// fetch stores what a step needs in memory and what a region around this one evaluates where it is used.
func (e *emitter) fetch(p *plan, s *step) {
	e.readsOf(p, s, func(v *ir.Value) {
		if p.stored[v] && v.Def != nil && !p.inside[v.Def] && e.tileOf(v) == nil {
			e.store(v, e.memoryOf(v))
		}
	})
}

// elide drops the stores of tiles that only the roots beside them read: these have the value at hand.
func (e *emitter) elide(p *plan) {
	needed := map[*ir.Value]bool{}
	for _, s := range p.steps {
		e.readsOf(p, s, func(v *ir.Value) {
			if v.Def == nil || !p.stored[v] || !inlined(v.Def) || s.group == nil || !s.group.keeps(v) {
				needed[v] = true
			}
		})
	}
	if len(p.ops) > 0 {
		if last := p.ops[len(p.ops)-1]; last.Code == ir.Yield {
			seen := map[*ir.Value]bool{}
			for _, v := range last.Operands {
				e.leaves(p, v, seen, func(v *ir.Value) { needed[v] = true })
			}
		}
	}
	for _, s := range p.steps {
		if s.group == nil {
			continue
		}
		roots := s.group.roots[:0]
		for _, r := range s.group.roots {
			if r.keep == nil || needed[r.keep] || !p.inside[r.keep.Def] {
				roots = append(roots, r)
			}
		}
		s.group.roots = roots
	}
}

// keeps reports whether v is one of the group's stored values.
func (g *group) keeps(v *ir.Value) bool {
	for _, r := range g.roots {
		if r.keep == v {
			return true
		}
	}
	return false
}

// step emits an operation that is no part of a group.
func (e *emitter) step(o *ir.Op) {
	defer e.From(o.Pos.File, o.Pos.Line, o.Pos.Col)()
	switch o.Code {
	case ir.SpanOf, ir.SpanCopy, ir.SpanCat:
		e.span(o.Result())
	case ir.For:
		e.forLoop(o)
	case ir.While:
		e.whileLoop(o)
	case ir.If:
		e.branch(o)
	case ir.Store:
		e.storeAt(o, e.point())
	case ir.Require:
		e.check(o, "require", "the arguments do not meet the kernel's requirement "+o.Str("text"))
	case ir.Assert:
		e.check(o, "assert", "assertion failed: "+o.Str("text"))
	case ir.Contract:
		if !e.contractCodes(o) {
			e.contract(o)
		}
	case ir.Reduce:
		e.lookups(o)
	case ir.Scan:
		e.scan(o)
	case ir.Topk, ir.Sort:
		e.rank(o)
	case ir.Scatter:
		e.scatterTile(o)
	case ir.Cat:
		e.catTile(o)
	case ir.Atomic:
		e.atomic(o)
	case ir.Print:
		e.printValues(o)
	default:
		if len(o.Results) != 1 || o.Result().Type.Kind != ir.Scalar {
			panic("cpu: no emission of " + o.Code.String())
		}
		set(e, e.scalars, o.Result(), e.scalarOp(o))
	}
}

// check ends the function where a condition does not hold.
func (e *emitter) check(o *ir.Op, kind, text string) {
	fault := e.g.fault(kind, text, o.Pos)
	c := o.Operands[0]
	fail := func(ok llx.Value) {
		e.If(ok, func() {}, func() { e.Ret(llx.C64(fault)) })
	}
	if c.Type.Kind == ir.Scalar {
		fail(e.scalar(c))
		return
	}
	axes := spansOf(c.Type)
	e.nest(nestOf{axes: axes, vec: last(axes), refs: []*ir.Value{c}}, func(p *point) {
		ok := e.at(c, p)
		if p.lanes > 1 && llx.Lanes(ok.Type()) > 1 {
			if m := e.mask(p); m != nil {
				ok = e.Or(ok, e.Xor(m, e.Splat(llx.Int(llx.I1, 1), p.lanes)))
			}
			ok = e.Call("llvm.vector.reduce.and."+llx.Suffix(ok.Type()), llx.I1, ok)
		}
		fail(ok)
	})
}

func last(list []*ir.Value) *ir.Value {
	if len(list) == 0 {
		return nil
	}
	return list[len(list)-1]
}

// destination is where an operation's result is to be stored: the tile that is meant for it, or a new one with its axes
// in the given order.
func (e *emitter) destination(v *ir.Value, order ...*ir.Value) *tile {
	if t := e.dest[v]; t != nil {
		return t
	}
	return e.newTile(v.Type, order...)
}

// store binds a value to the tile that holds it now.
func (e *emitter) store(v *ir.Value, t *tile) { set(e, e.tiles, v, t) }

// group emits a group: one nest of loops over the axes that no reduction takes, in it one over those that one does.
func (e *emitter) group(g *group) {
	if len(g.roots) == 0 {
		return
	}
	for _, r := range g.roots {
		if r.keep != nil && r.dest == nil {
			r.dest = e.dest[r.keep]
		}
	}
	vec := e.bestVec(g.axes, g)
	kept := without(g.axes, g.reduced)
	inner := order(intersect(g.axes, g.reduced), vec)
	outer := order(kept, vec)
	for _, r := range g.roots {
		if r.keep != nil && r.dest == nil {
			// The contiguous axis of what is stored is the one that vectors run along.
			r.dest = e.newTile(r.keep.Type, order(spansOf(r.keep.Type), vec)...)
		}
		if r.op != nil && r.op.Code == ir.Reduce {
			if v := r.op.Result(); v.Type.Kind == ir.Tile {
				r.dest = e.destination(v, order(spansOf(v.Type), vec)...)
			} else {
				r.dest = e.newTile(ir.TileType(v.Type.Elem))
			}
		}
	}
	var refs []*ir.Value
	for _, r := range g.roots {
		refs = append(refs, r.refs()...)
	}
	body := func(p *point, sums []*accumulator) {
		values := make([][]llx.Value, len(g.roots))
		for i, r := range g.roots {
			switch {
			case r.keep != nil:
				values[i] = []llx.Value{e.fill(e.at(r.keep, p), r.keep.Type, p)}
			case r.op.Code == ir.Store:
				values[i] = e.storeValues(r.op, p)
			}
		}
		for i, r := range g.roots {
			switch {
			case r.keep != nil:
				e.write(r.dest, p, values[i][0])
			case r.op.Code == ir.Store:
				e.storeInto(r.op, p, values[i])
			default:
				sums[i].add(p)
			}
		}
	}
	if len(g.reduced) == 0 {
		e.nest(nestOf{axes: outer, vec: vec, refs: refs}, func(p *point) { body(p, nil) })
	} else {
		parts := e.partsOf(g, inner, vec)
		e.nest(nestOf{axes: outer, vec: vec, refs: refs, after: inner}, func(p *point) {
			sums := make([]*accumulator, len(g.roots))
			for i, r := range g.roots {
				if r.op != nil && r.op.Code == ir.Reduce {
					sums[i] = e.newAccumulator(r.op, p, vec, inner, parts)
				}
			}
			e.nestFrom(p, nestOf{axes: inner, vec: vec, refs: refs, parts: parts}, func(q *point) { body(q, sums) })
			for i, r := range g.roots {
				if sums[i] != nil {
					e.write(r.dest, p, sums[i].result())
				}
			}
		})
	}
	for _, r := range g.roots {
		switch {
		case r.keep != nil:
			e.store(r.keep, r.dest)
		case r.op.Code == ir.Reduce && r.op.Result().Type.Kind == ir.Tile:
			e.store(r.op.Result(), r.dest)
		case r.op.Code == ir.Reduce:
			v := r.op.Result()
			set(e, e.scalars, v, e.loadTile(v.Type.Elem, r.dest.base, 1))
		}
	}
}

// fill is x in as many lanes as a value of type t has at p.
func (e *emitter) fill(x llx.Value, t ir.Type, p *point) llx.Value {
	if n := p.width(t); n > 1 && llx.Lanes(x.Type()) == 1 {
		return e.Splat(x, n)
	}
	return x
}

// partsOf is how many accumulators a sum along the vectors' axis has: enough to hide the latency of an addition.
func (e *emitter) partsOf(g *group, inner []*ir.Value, vec *ir.Value) int {
	if last(inner) != vec || vec == nil || vec.Type.Width < int64(8*e.level.Lanes) || len(g.roots) > 3 {
		return 1
	}
	return 4
}

// order is the list with one axis moved to the end.
func order(list []*ir.Value, end *ir.Value) []*ir.Value {
	out := make([]*ir.Value, 0, len(list))
	found := false
	for _, v := range list {
		if v == end {
			found = true
			continue
		}
		out = append(out, v)
	}
	if found {
		out = append(out, end)
	}
	return out
}

func without(list, drop []*ir.Value) []*ir.Value {
	var out []*ir.Value
	for _, v := range list {
		if !contains(drop, v) {
			out = append(out, v)
		}
	}
	return out
}

func intersect(list, keep []*ir.Value) []*ir.Value {
	var out []*ir.Value
	for _, v := range list {
		if contains(keep, v) {
			out = append(out, v)
		}
	}
	return out
}

func contains(list []*ir.Value, v *ir.Value) bool {
	for _, x := range list {
		if x == v {
			return true
		}
	}
	return false
}
