package cpu

import (
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// contractSlowly emits a contraction as a reduction of products, evaluated where they are needed: what serves every type
// and shape, and is best for few rows.
func (e *emitter) contractSlowly(o *ir.Op) {
	a, b, scaleA, scaleB, acc := o.ContractParts()
	r := o.Result()
	inner := o.Axes
	outer := spansOf(r.Type)
	all := append(append([]*ir.Value{}, outer...), inner...)
	g := &group{axes: all, reduced: inner, roots: []*root{{op: o}}}
	if t := e.dest[r]; t != nil {
		g.roots[0].dest = t
	}
	vec := e.bestVec(all, g)
	dest := e.dest[r]
	scalar := r.Type.Kind == ir.Scalar
	if dest == nil && !scalar {
		dest = e.newTile(r.Type, order(outer, vec)...)
	}
	along := contains(inner, vec)
	parts := 1
	if along && vec.Type.Width >= int64(8*e.level.Lanes) {
		parts = 4
	}
	inner = order(inner, vec)
	refs := o.Operands
	elem := r.Type.Elem
	// The accumulator's elements are read where the sums are written, or before.
	var result llx.Value
	if scalar {
		result = e.Alloca(classOf(elem).typ(1), 1, 8)
	}
	e.nest(nestOf{axes: order(outer, vec), vec: vec, refs: refs, after: inner}, func(p *point) {
		sum := &accumulator{e: e, o: o, p: p, kind: "sum", elem: elem, inner: inner, along: along, lanes: p.width(r.Type)}
		if along {
			sum.lanes = e.lanesAlong(vec)
		}
		lanes := sum.lanes
		for i := range parts {
			v := e.Alloca(varType(classOf(elem), lanes), 1, 64)
			first := e.Splat(sum.empty(), lanes)
			if i == 0 && acc != nil && !along {
				first = e.at(acc, p)
				if llx.Lanes(first.Type()) < lanes {
					first = e.Splat(first, lanes)
				}
			}
			e.Store(first, v, 64)
			sum.vars = append(sum.vars, v)
		}
		e.nestFrom(p, nestOf{axes: inner, vec: vec, refs: refs, parts: parts}, func(q *point) {
			x, y := e.factorAt(a, scaleA, elem, q, lanes), e.factorAt(b, scaleB, elem, q, lanes)
			part := 0
			if len(sum.vars) > 1 {
				part = q.part
			}
			old := sum.get(part)
			next := e.multiplyAdd(elem, x, y, old, lanes)
			if along {
				if m := e.mask(q); m != nil {
					next = e.Select(m, next, old)
				}
			}
			sum.put(part, next)
		})
		total := sum.result()
		if acc != nil && along {
			total = e.binary(ir.Add, elem, e.at(acc, p), total, 1)
		}
		if scalar {
			e.Store(total, result, 8)
		} else {
			e.write(dest, p, total)
		}
	})
	if scalar {
		set(e, e.scalars, r, e.Load(classOf(elem).typ(1), result, 8))
		return
	}
	e.store(r, dest)
}

// factorAt is an operand of a contraction at a point, times its scale, in lanes of the class in which it is summed.
func (e *emitter) factorAt(v, scale *ir.Value, sum dtype.Type, p *point, lanes int) llx.Value {
	lift := func(v *ir.Value) llx.Value {
		x := e.at(v, p)
		n := llx.Lanes(x.Type())
		switch from, to := classOf(v.Type.Elem), classOf(sum); {
		case from == to:
		case from == f32Class && to == f64Class:
			x = e.FPExt(x, llx.Vec(llx.Double, n))
		case !sum.IsFloat():
			x = e.convert(v.Type.Elem, sum, x, n)
		case to == f64Class:
			x = e.convert(v.Type.Elem, dtype.F64, x, n)
		default:
			x = e.convert(v.Type.Elem, dtype.F32, x, n)
		}
		if n < lanes {
			x = e.Splat(x, lanes)
		}
		return x
	}
	x := lift(v)
	if scale != nil {
		t := dtype.F32
		if classOf(sum) == f64Class {
			t = dtype.F64
		}
		x = e.binary(ir.Mul, t, x, lift(scale), lanes)
	}
	return x
}

// multiplyAdd is x·y + sum, rounded or wrapped once to t.
func (e *emitter) multiplyAdd(t dtype.Type, x, y, sum llx.Value, lanes int) llx.Value {
	if !t.IsFloat() {
		return e.binary(ir.Add, t, sum, e.binary(ir.Mul, t, x, y, lanes), lanes)
	}
	s := ir.ScalarType(t)
	o := &ir.Op{Code: ir.Fma, Operands: []*ir.Value{{Type: s}, {Type: s}, {Type: s}}}
	o.Results = []*ir.Value{{Type: s, Def: o}}
	v, err := e.elementwise(o, []llx.Value{x, y, sum}, lanes)
	if err != nil {
		e.g.fail(e.g.fn.Pos, "%v", err)
	}
	return v
}
