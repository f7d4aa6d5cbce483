package eval

import (
	"math"
	"slices"

	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// product is a contraction: a sum of products of two groups of factors, with axes of its own in each.
type product struct {
	x, y   []typed.Expr
	sum    []*typed.Axis
	ints   bool
	perMul float64 // the error of each product, relative to its magnitude
}

// product recognises a sum of products: worth while where each group has an axis that the other lacks.
func (w *worker) product(e *typed.Reduce) (product, bool) {
	if e.Kind != "sum" {
		return product{}, false
	}
	m, ok := e.Value.(*typed.Map)
	if !ok || m.Op != ir.Mul || m.T.Elem != dtype.F64 && m.T.Elem != dtype.I64 || e.T.Elem != m.T.Elem {
		return product{}, false
	}
	list := factors(m, nil)
	if len(list) > 8 {
		return product{}, false
	}
	// Of all ways to share the factors out, the one with the smallest operands.
	best, found := 0.0, false
	p := product{sum: e.Axes, ints: m.T.Elem == dtype.I64, perMul: opError}
	for mask := 1; mask < 1<<len(list)-1; mask += 2 {
		var x, y []typed.Expr
		var xs, ys []*typed.Axis
		for i, f := range list {
			if mask>>i&1 != 0 {
				x, xs = append(x, f), join(xs, f.Type().Axes)
			} else {
				y, ys = append(y, f), join(ys, f.Type().Axes)
			}
		}
		if len(without(xs, ys)) == 0 || len(without(ys, xs)) == 0 || len(without(e.Axes, xs)) > 0 || len(without(e.Axes, ys)) > 0 {
			continue
		}
		if cost := w.extent(xs) + w.extent(ys); !found || cost < best {
			p.x, p.y, best, found = x, y, cost, true
		}
	}
	return p, found
}

// extent is the number of elements over whole axes.
func (w *worker) extent(axes []*typed.Axis) float64 {
	n := 1.0
	for _, a := range axes {
		n *= float64(w.r.interval(a).n)
	}
	return n
}

// factors are the operands of a product of products of one type.
func factors(m *typed.Map, to []typed.Expr) []typed.Expr {
	for _, x := range m.Args {
		if n, ok := x.(*typed.Map); ok && n.Op == ir.Mul && n.T.Elem == m.T.Elem {
			to = factors(n, to)
		} else {
			to = append(to, x)
		}
	}
	return to
}

// join is list and what of more is not in it.
func join(list, more []*typed.Axis) []*typed.Axis {
	return append(list[:len(list):len(list)], without(more, list)...)
}

// dot is a contraction that a test writes as one.
func (w *worker) dot(e *typed.Dot, b *box) *values {
	p := product{sum: e.Axes, x: []typed.Expr{e.A}, y: []typed.Expr{e.B}, ints: isInt(e.T.Elem)}
	if e.ScaleA != nil {
		p.x = append(p.x, e.ScaleA)
	}
	if e.ScaleB != nil {
		p.y = append(p.y, e.ScaleB)
	}
	return w.contract(p, b.part(e.T.Axes))
}

// group is the product of factors over those of the box's axes that they have.
func (w *worker) group(list []typed.Expr, b *box, asInt bool) *values {
	var out *values
	for _, f := range list {
		v := w.eval(f, b)
		if v.i != nil && !asInt {
			v = &values{axes: v.axes, n: v.n, f: toFloats(f.Type().Elem, v.i)}
		}
		if out == nil {
			out = v
			continue
		}
		both := b.part(join(out.axes, v.axes))
		x, y := out.spread(both), v.spread(both)
		out = &values{axes: both.axes, n: both.shape()}
		if asInt {
			out.i = make([]int64, len(x.i))
			for k := range out.i {
				out.i[k] = x.i[k] * y.i[k]
			}
			continue
		}
		out.f = make([]float64, len(x.f))
		arith(ir.Mul, x, y, out, w.track)
	}
	return out
}

// contract is Σ x·y over the summed axes: both groups are brought to rows along those, and rows are multiplied.
func (w *worker) contract(p product, outer *box) *values {
	inner := w.reduced(p.sum)
	var out, mags, errs *cells
	total := inner.size()
	for _, part := range blocks(inner, max(1, min(128*w.r.blockSize()/max(1, outer.size()), w.r.blockSize()/2))) {
		w.r.cancelled(diag.Span{})
		all := outer.and(part.axes, part.at)
		x, y := w.group(p.x, all, p.ints), w.group(p.y, all, p.ints)
		l := newLayout(x, y, outer, part)
		if out == nil {
			out = l.cells(p.ints)
			if w.track && !p.ints {
				mags, errs = l.cells(false), l.cells(false)
			}
		}
		if p.ints {
			multiply(out.i, left(l, x.i), right(l, y.i), l)
			continue
		}
		multiply(out.f, left(l, x.f), right(l, y.f), l)
		if !w.track {
			continue
		}
		ax, ay := left(l, x.magnitude()), right(l, y.magnitude())
		multiply(mags.f, ax, ay, l)
		if y.e != nil {
			multiply(errs.f, left(l, absolute(x.f)), right(l, y.e), l)
		}
		if x.e != nil {
			multiply(errs.f, left(l, x.e), right(l, absolute(y.f)), l)
		}
	}
	v := &values{axes: outer.axes, n: outer.shape()}
	if out == nil { // nothing to sum over
		if p.ints {
			v.i = make([]int64, outer.size())
		} else {
			v.f = make([]float64, outer.size())
		}
		return v
	}
	if p.ints {
		v.i = walk(out.i, 0, v.n, out.step)
		return v
	}
	v.f = walk(out.f, 0, v.n, out.step)
	if !w.track {
		return v
	}
	v.a, v.e = walk(mags.f, 0, v.n, mags.step), walk(errs.f, 0, v.n, errs.step)
	for k, f := range v.f {
		if f-f != 0 {
			v.a[k], v.e[k] = 0, 0
			continue
		}
		v.e[k] += (p.perMul + float64(total)*sumError) * v.a[k]
	}
	return v
}

// absolute is |x|, 0 where x is not finite.
func absolute(x []float64) []float64 {
	out := make([]float64, len(x))
	for k, v := range x {
		out[k] = finite(math.Abs(v))
	}
	return out
}

// layout is how a contraction sees its operands: batches of m rows on the left and n on the right, each of k elements.
type layout struct {
	batch, m, n, k         int
	shapeL, stepL          []int
	shapeR, stepR          []int
	outer                  *box
	batches, rows, columns []*typed.Axis
}

// cells are the results of a contraction, by batch, row, column; step has their distances along the axes of the result.
type cells struct {
	f    []float64
	i    []int64
	step []int
}

func newLayout(x, y *values, outer, sum *box) *layout {
	l := &layout{batch: 1, m: 1, n: 1, k: sum.size(), outer: outer}
	for i, a := range outer.axes {
		size := int(outer.at[i].n)
		inX, inY := slices.Contains(x.axes, a), slices.Contains(y.axes, a)
		switch {
		case inX && inY:
			l.batches = append(l.batches, a)
			l.batch *= size
		case inX:
			l.rows = append(l.rows, a)
			l.m *= size
		case inY:
			l.columns = append(l.columns, a)
			l.n *= size
		}
	}
	side := func(v *values, mine []*typed.Axis) (shape, step []int) {
		own := strides(v.n)
		for _, list := range [][]*typed.Axis{l.batches, mine, sum.axes} {
			for _, a := range list {
				i := slices.Index(v.axes, a)
				if i < 0 { // a summed axis that this side repeats along
					shape, step = append(shape, int(sum.at[sum.find(a)].n)), append(step, 0)
					continue
				}
				shape, step = append(shape, v.n[i]), append(step, own[i])
			}
		}
		return shape, step
	}
	l.shapeL, l.stepL = side(x, l.rows)
	l.shapeR, l.stepR = side(y, l.columns)
	return l
}

// cells are zeros for the results.
func (l *layout) cells(ints bool) *cells {
	c := &cells{step: make([]int, len(l.outer.axes))}
	if ints {
		c.i = make([]int64, l.batch*l.m*l.n)
	} else {
		c.f = make([]float64, l.batch*l.m*l.n)
	}
	dist := 1
	for _, list := range [][]*typed.Axis{l.columns, l.rows, l.batches} {
		for _, a := range slices.Backward(list) {
			i := l.outer.find(a)
			c.step[i] = dist
			dist *= int(l.outer.at[i].n)
		}
	}
	return c
}

// left and right are the operands in rows of k elements.
func left[T any](l *layout, x []T) []T  { return walk(x, 0, l.shapeL, l.stepL) }
func right[T any](l *layout, y []T) []T { return walk(y, 0, l.shapeR, l.stepR) }

// multiply adds the products of rows to the cells.
func multiply[T int64 | float64](dst, x, y []T, l *layout) {
	for b := range l.batch {
		for i := range l.m {
			row := x[(b*l.m+i)*l.k:][:l.k]
			out := dst[(b*l.m+i)*l.n:][:l.n]
			j := 0
			for ; j+4 <= l.n; j += 4 {
				at := (b*l.n + j) * l.k
				y0, y1, y2, y3 := y[at:][:len(row)], y[at+l.k:][:len(row)], y[at+2*l.k:][:len(row)], y[at+3*l.k:][:len(row)]
				var s0, s1, s2, s3 T
				for k, v := range row {
					s0 += v * y0[k]
					s1 += v * y1[k]
					s2 += v * y2[k]
					s3 += v * y3[k]
				}
				out[j] += s0
				out[j+1] += s1
				out[j+2] += s2
				out[j+3] += s3
			}
			for ; j < l.n; j++ {
				other := y[(b*l.n+j)*l.k:][:len(row)]
				var s T
				for k, v := range row {
					s += v * other[k]
				}
				out[j] += s
			}
		}
	}
}
