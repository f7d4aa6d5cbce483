package cpu

import (
	"math"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// scan emits an inclusive scan: along its axis one element after the other, for as many lines at once as there are lanes
// on another axis.
func (e *emitter) scan(o *ir.Op) {
	if o.Str("kind") != "func" {
		if e.besideEachOther(o) {
			e.scanVectors(o)
			return
		}
		e.scanLines(o, func(q *point, earlier []llx.Value, later []llx.Value) []llx.Value {
			code := map[string]ir.Code{"sum": ir.Add, "prod": ir.Mul, "max": ir.Max}[o.Str("kind")]
			x, y := earlier[0], later[0]
			return []llx.Value{e.binary(code, o.Result().Type.Elem, x, y, llx.Lanes(y.Type()))}
		})
		return
	}
	if e.pointwise(o.Regions[0]) {
		e.scanLines(o, func(q *point, earlier []llx.Value, later []llx.Value) []llx.Value {
			return e.operator(o, q, earlier, later)
		})
		return
	}
	e.scanTiles(o)
}

// scanLines scans with an operator that works at every point on its own. The first element of a line is taken as it is.
func (e *emitter) scanLines(o *ir.Op, combine func(q *point, earlier, later []llx.Value) []llx.Value) {
	n := o.Axes[0]
	t := o.Operands[0].Type
	others := without(spansOf(t), []*ir.Value{n})
	g := &group{axes: others}
	for _, v := range o.Operands {
		g.roots = append(g.roots, &root{keep: v})
	}
	vec := e.bestVec(others, g)
	end := vec
	if vec == nil || vec.Type.Width == 1 {
		vec, end = nil, n
	}
	dests := make([]*tile, len(o.Results))
	for i, v := range o.Results {
		dests[i] = e.destination(v, order(spansOf(t), end)...)
	}
	identity, direct := e.scanIdentity(o)
	e.nest(nestOf{axes: order(others, vec), vec: vec, refs: o.Operands, after: []*ir.Value{n}}, func(p *point) {
		vars := make([]llx.Value, len(o.Operands))
		for i, v := range o.Operands {
			c := classOf(v.Type.Elem)
			lanes := p.width(v.Type)
			vars[i] = e.Alloca(varType(c, lanes), 1, 64)
			first := llx.Zero(varType(c, lanes))
			if direct {
				first = e.toVar(c, e.Splat(identity, lanes), lanes)
			}
			e.Store(first, vars[i], 64)
		}
		e.nestFrom(p, nestOf{axes: []*ir.Value{n}, refs: o.Operands}, func(q *point) {
			earlier, later := make([]llx.Value, len(vars)), make([]llx.Value, len(vars))
			for i, v := range o.Operands {
				c := classOf(v.Type.Elem)
				lanes := p.width(v.Type)
				later[i] = e.fill(e.at(v, q), v.Type, q)
				earlier[i] = e.fromVar(c, e.Load(varType(c, lanes), vars[i], 64), lanes)
			}
			next := func() {
				for i, x := range combine(q, earlier, later) {
					v := o.Operands[i]
					e.Store(e.toVar(classOf(v.Type.Elem), e.fill(x, v.Type, q), p.width(v.Type)), vars[i], 64)
				}
			}
			if direct {
				next()
			} else {
				e.If(e.ICmp("eq", q.pos[n], llx.C64(0)), func() {
					for i, x := range later {
						v := o.Operands[i]
						e.Store(e.toVar(classOf(v.Type.Elem), x, p.width(v.Type)), vars[i], 64)
					}
				}, next)
			}
			for i, v := range o.Operands {
				c := classOf(v.Type.Elem)
				lanes := p.width(v.Type)
				e.write(dests[i], q, e.fromVar(c, e.Load(varType(c, lanes), vars[i], 64), lanes))
			}
		})
	})
	for i, v := range o.Results {
		e.store(v, dests[i])
	}
}

// besideEachOther reports whether a scan's elements lie side by side along its axis, and may be combined in another order:
// a product of floats would be rounded in each.
func (e *emitter) besideEachOther(o *ir.Op) bool {
	n, t := o.Axes[0], o.Result().Type.Elem
	kind := o.Str("kind")
	if t.IsFloat() && (kind == "prod" || kind == "sum" && t != dtype.F32 && t != dtype.F64) {
		return false
	}
	if _, ok := e.scanIdentity(o); !ok || n.Type.Width < int64(2*e.level.Lanes) {
		return false
	}
	return e.bestVec(spansOf(o.Result().Type), &group{roots: []*root{{keep: o.Operands[0]}}}) == n
}

// scanVectors scans a vector of elements at a time: each of its lanes is combined with the one before it, then with that
// two before, four before, …, and all with what came before the vector.
func (e *emitter) scanVectors(o *ir.Op) {
	n, v := o.Axes[0], o.Operands[0]
	t := v.Type.Elem
	c, lanes := classOf(t), e.lanesAlong(n)
	code := map[string]ir.Code{"sum": ir.Add, "prod": ir.Mul, "max": ir.Max}[o.Str("kind")]
	identity, _ := e.scanIdentity(o)
	dest := e.destination(o.Result(), order(spansOf(v.Type), n)...)
	others := without(spansOf(v.Type), []*ir.Value{n})
	e.nest(nestOf{axes: others, refs: o.Operands, after: []*ir.Value{n}}, func(p *point) {
		before := e.Alloca(c.scalar(), 1, 8)
		e.Store(identity, before, 8)
		e.nestFrom(p, nestOf{axes: []*ir.Value{n}, vec: n, refs: o.Operands}, func(q *point) {
			x := e.fill(e.at(v, q), v.Type, q)
			for d := 1; d < lanes; d *= 2 {
				from := make([]int, lanes)
				for i := range from {
					from[i] = lanes // the identity
					if i >= d {
						from[i] = i - d
					}
				}
				x = e.binary(code, t, e.Shuffle(x, e.Splat(identity, lanes), from), x, lanes)
			}
			x = e.binary(code, t, e.Splat(e.Load(c.scalar(), before, 8), lanes), x, lanes)
			e.write(dest, q, x)
			e.Store(e.Extract(x, llx.C64(int64(lanes-1))), before, 8)
		})
	})
	e.store(o.Result(), dest)
}

// scanIdentity is what combines with any element to that element; ok is false where there is none.
func (e *emitter) scanIdentity(o *ir.Op) (x llx.Value, ok bool) {
	t := o.Operands[0].Type.Elem
	kind := o.Str("kind")
	if kind == "func" {
		return nil, false
	}
	real := func(v float64) llx.Value {
		if classOf(t) == f64Class {
			return llx.F64(v)
		}
		return llx.F32(v)
	}
	if t.IsFloat() {
		switch kind {
		case "sum":
			return real(math.Copysign(0, -1)), true // which leaves a -0 as it is
		case "prod":
			return real(1), true
		}
		return real(math.NaN()), t.HasNaN() // the greater of NaN and a number is the number
	}
	var v int64
	switch {
	case kind == "sum" || t == dtype.U64 && kind == "max":
	case kind == "prod":
		v = 1
	default:
		v = t.MinInt()
	}
	if classOf(t) == i32Class {
		return llx.C32(int64(int32(v))), true
	}
	return llx.C64(v), true
}

// pointwise reports whether a region computes each element of its results from the elements of its arguments at the same
// point.
func (e *emitter) pointwise(r *ir.Region) bool {
	for _, o := range r.Ops {
		switch o.Code {
		case ir.Yield, ir.Bcast, ir.Iota, ir.Affine:
		default:
			if !o.Code.Spec().Elementwise() {
				return false
			}
		}
		for _, v := range o.Results {
			for _, a := range v.Type.Axes {
				if r.Args[0].Type.Axis(a.Span) < 0 {
					return false
				}
			}
		}
	}
	return true
}

// operator evaluates a scan's region at q, where its arguments have the given values.
func (e *emitter) operator(o *ir.Op, q *point, earlier, later []llx.Value) []llx.Value {
	r := o.Regions[0]
	// A point of its own: what is known at it is known for these arguments only.
	at := q.clone()
	delete(at.pos, o.Axes[0])
	values, _ := r.Yield().Yielded()
	results := make([]llx.Value, len(values))
	e.scope(func() {
		for i, v := range r.Args {
			x := append(append([]llx.Value{}, earlier...), later...)[i]
			if v.Type.Kind == ir.Scalar {
				set(e, e.scalars, v, x)
			} else {
				at.memo[v] = x
			}
		}
		for i, v := range values {
			results[i] = e.fill(e.at(v, at), o.Operands[i].Type, q)
		}
	})
	return results
}

// scanTiles scans with any region, one position after the other, on whole tiles over the other axes.
func (e *emitter) scanTiles(o *ir.Op) {
	n, r := o.Axes[0], o.Regions[0]
	k := len(o.Operands)
	rest := without(spansOf(o.Operands[0].Type), []*ir.Value{n})
	dests := make([]*tile, k)
	for i, v := range o.Results {
		dests[i] = e.destination(v)
	}
	earlier, later := e.homes(r.Args[:k]), e.homes(r.Args[k:])
	// take copies the operands at a position, give the results so far to one.
	take := func(c *carried, pos llx.Value) {
		e.scope(func() {
			at := e.point().inside(n, pos)
			e.nestFrom(at, nestOf{axes: rest, vec: last(rest), refs: o.Operands}, func(p *point) {
				for i, v := range o.Operands {
					x := e.at(v, p)
					if c.tiles[i] == nil {
						e.setVar(c.vars[i], r.Args[i].Type, x)
					} else {
						e.write(c.tiles[i], p, e.fill(x, v.Type, p))
					}
				}
			})
		})
	}
	give := func(pos llx.Value) {
		e.scope(func() {
			at := e.point().inside(n, pos)
			e.nestFrom(at, nestOf{axes: rest, vec: last(rest)}, func(p *point) {
				for i, v := range o.Operands {
					if earlier.tiles[i] == nil {
						e.write(dests[i], p, e.getVar(earlier.vars[i], r.Args[i].Type))
					} else {
						e.write(dests[i], p, e.read(earlier.tiles[i], p, p.width(v.Type)))
					}
				}
			})
		})
	}
	s := e.span(n)
	e.If(e.ICmp("sgt", s.n, llx.C64(0)), func() {
		take(earlier, llx.C64(0))
		give(llx.C64(0))
		e.For(llx.C64(1), s.n, 1, func(pos llx.Value) {
			take(later, pos)
			e.bind(earlier, r.Args[:k])
			e.bind(later, r.Args[k:])
			e.pass(r, earlier, r.Args[:k], func(llx.Value) {})
			give(pos)
		})
	}, nil)
	for i, v := range o.Results {
		e.store(v, dests[i])
	}
}
