package eval

import (
	"math"

	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir/dtype"
)

// sumError is what the bound allows each of the n additions of a sum, twice the unit roundoff of f32.
const sumError = 0x1p-23

// reduce is a reduction in a box. Its operand is evaluated in blocks over the reduced axes, in ascending order.
func (w *worker) reduce(e *typed.Reduce, b *box) *values {
	outer := b.part(e.T.Axes)
	if m, ok := w.memo[e]; ok && m.at.same(outer) {
		return m.val
	}
	var v *values
	if p, ok := w.product(e); ok {
		v = w.contract(p, outer)
	} else {
		v = w.fold(e, outer)
	}
	if w.memo == nil {
		w.memo = map[*typed.Reduce]memo{}
	}
	w.memo[e] = memo{outer, v}
	return v
}

// reduced is the box of the reduced axes.
func (w *worker) reduced(axes []*typed.Axis) *box {
	b := &box{axes: axes}
	for _, a := range axes {
		b.at = append(b.at, w.r.positions(a))
	}
	return b
}

// fold reduces element by element.
func (w *worker) fold(e *typed.Reduce, outer *box) *values {
	inner := w.reduced(e.Axes)
	rows := outer.size()
	acc := newFolder(e, rows, inner.size(), w.track)
	first := w.r.interval(e.Axes[0]).lo
	for _, part := range blocks(inner, max(1, w.r.blockSize()/max(rows, 1))) {
		w.r.cancelled(e.At)
		all := outer.and(part.axes, part.at)
		v := w.eval(e.Value, all).spread(all)
		if v.i != nil && acc.i == nil {
			v = &values{axes: v.axes, n: v.n, f: toFloats(e.Value.Type().Elem, v.i)}
		}
		acc.add(v, rows, part.size(), first+part.at[0].lo)
	}
	out := &values{axes: outer.axes, n: outer.shape()}
	acc.finish(out)
	return out
}

// folder holds the state of a reduction: of floats f, a, e; of integers and indices i.
type folder struct {
	kind    string
	elem    dtype.Type
	track   bool
	n       int // elements reduced to one
	f, a, e []float64
	reach   []float64 // max, min: the farthest that any element's error reaches
	i       []int64
	best    []int64 // argmax, argmin of integers: the element that i is the index of; of floats it is f
	any     []bool  // something has been seen
}

func newFolder(e *typed.Reduce, rows, n int, track bool) *folder {
	from := e.Value.Type().Elem
	c := &folder{kind: e.Kind, elem: e.T.Elem, n: n, any: make([]bool, rows)}
	if e.Kind == "argmax" || e.Kind == "argmin" {
		c.elem = from
	}
	if isInt(from) && isInt(e.T.Elem) {
		c.i = make([]int64, rows)
	} else {
		c.f = make([]float64, rows)
		if c.track = track; track {
			c.a, c.e = make([]float64, rows), make([]float64, rows)
		}
	}
	start := func(f float64, i int64) {
		for k := range rows {
			if c.f != nil {
				c.f[k] = f
			} else {
				c.i[k] = i
			}
		}
	}
	switch e.Kind {
	case "prod":
		start(1, 1)
		for k := range c.a {
			c.a[k] = 1
		}
	case "max", "maxnan":
		start(math.Inf(-1), from.MinInt())
	case "min", "minnan":
		start(math.Inf(1), from.MaxInt())
	case "all":
		start(0, 1)
	case "argmax", "argmin":
		c.track = false
		c.i, c.best = make([]int64, rows), c.i
		for k := range c.i {
			c.i[k] = -1
		}
	}
	if c.track && (e.Kind == "max" || e.Kind == "min" || e.Kind == "maxnan" || e.Kind == "minnan") {
		c.reach = make([]float64, rows)
		for k := range c.reach {
			c.reach[k] = math.Inf(-1)
		}
	}
	return c
}

// add takes in n elements for each row; the first has the given index along the reduced axis.
func (c *folder) add(v *values, rows, n int, index int64) {
	for r := range rows {
		at := r * n
		switch {
		case c.kind == "argmax" || c.kind == "argmin":
			c.arg(v, r, at, n, index)
		case v.i != nil:
			c.ints(v.i[at:at+n], r)
		default:
			c.floats(v, r, at, n)
		}
	}
}

func (c *folder) ints(x []int64, r int) {
	acc := c.i[r]
	wide := c.elem == dtype.U64
	for _, v := range x {
		switch c.kind {
		case "sum":
			acc += v
		case "prod":
			acc *= v
		case "max", "maxnan":
			if wide && uint64(v) > uint64(acc) || !wide && v > acc {
				acc = v
			}
		case "min", "minnan":
			if wide && uint64(v) < uint64(acc) || !wide && v < acc {
				acc = v
			}
		case "any":
			acc |= v
		case "all":
			acc &= v
		case "last":
			acc = v
		}
	}
	c.i[r] = acc
}

func (c *folder) floats(v *values, r, at, n int) {
	x := v.f[at : at+n]
	acc := c.f[r]
	switch c.kind {
	case "sum", "mean":
		for _, y := range x {
			acc += y
		}
	case "prod":
		for k, y := range x {
			if c.track {
				e := times(y, c.e[r])
				if v.e != nil {
					e += times(acc, v.e[at+k])
				}
				m := math.Abs(y)
				if v.a != nil {
					m = v.a[at+k]
				}
				c.a[r] *= m
				c.e[r] = e + opError*c.a[r]
			}
			acc *= y
		}
	case "last":
		if n > 0 {
			acc = x[n-1]
			if c.track {
				c.a[r], c.e[r] = finite(math.Abs(acc)), 0
				if v.a != nil {
					c.a[r] = v.a[at+n-1]
				}
				if v.e != nil {
					c.e[r] = v.e[at+n-1]
				}
			}
		}
	default:
		acc = c.extreme(v, r, at, n)
	}
	c.f[r] = acc
	if !c.track || c.kind != "sum" && c.kind != "mean" {
		return
	}
	if v.a == nil {
		for _, y := range x {
			c.a[r] += finite(math.Abs(y))
		}
	} else {
		for _, y := range v.a[at : at+n] {
			c.a[r] += y
		}
	}
	if v.e != nil {
		for _, y := range v.e[at : at+n] {
			c.e[r] += y
		}
	}
}

// extreme is max and min. The error is as far as any element's may reach beyond the one that was found.
func (c *folder) extreme(v *values, r, at, n int) float64 {
	acc := c.f[r]
	sign := 1.0
	if c.kind == "min" || c.kind == "minnan" {
		sign = -1
	}
	propagate := c.kind == "maxnan" || c.kind == "minnan"
	for k, y := range v.f[at : at+n] {
		better := sign*y > sign*acc
		if propagate && y != y {
			better = true
		}
		if better || !c.any[r] && y == y {
			c.any[r] = true
			acc = y
			if c.track {
				c.a[r], c.e[r] = finite(math.Abs(y)), 0
				if v.a != nil {
					c.a[r] = v.a[at+k]
				}
				if v.e != nil {
					c.e[r] = v.e[at+k]
				}
			}
		}
		if c.reach != nil && y == y {
			e := 0.0
			if v.e != nil {
				e = v.e[at+k]
			}
			c.reach[r] = max(c.reach[r], sign*y+e)
		}
	}
	return acc
}

// arg is argmax and argmin: NaN is last, ties go to the lower index.
func (c *folder) arg(v *values, r, at, n int, index int64) {
	largest := c.kind == "argmax"
	for k := range n {
		better := !c.any[r]
		if v.i != nil {
			x := v.i[at+k]
			less, more := x < c.best[r], x > c.best[r]
			if c.elem == dtype.U64 {
				less, more = uint64(x) < uint64(c.best[r]), uint64(x) > uint64(c.best[r])
			}
			if better = better || largest && more || !largest && less; better {
				c.best[r] = x
			}
		} else {
			x, f := v.f[at+k], c.f[r]
			if better = better || f != f && x == x || largest && x > f || !largest && x < f; better {
				c.f[r] = x
			}
		}
		if better {
			c.any[r] = true
			c.i[r] = index + int64(k)
		}
	}
}

// finish gives the results.
func (c *folder) finish(out *values) {
	if c.kind == "argmax" || c.kind == "argmin" {
		out.i = c.i
		return
	}
	if c.i != nil {
		out.i = c.i
		if t := c.elem; t.Bits() < 64 && t != dtype.Bool {
			for k, v := range out.i {
				out.i[k] = t.DecodeInt(t.EncodeInt(v, true))
			}
		}
		return
	}
	out.f, out.a, out.e = c.f, c.a, c.e
	for k, v := range c.f {
		if c.kind == "mean" {
			c.f[k] = v / float64(c.n)
		}
		if !c.track {
			continue
		}
		switch c.kind {
		case "sum":
			c.e[k] += float64(c.n) * sumError * c.a[k]
		case "mean":
			c.e[k] += float64(c.n) * sumError * c.a[k]
			c.a[k] /= float64(c.n)
			c.e[k] = c.e[k]/float64(c.n) + opError*c.a[k]
		case "max", "maxnan":
			c.e[k] = max(c.e[k], c.reach[k]-v)
		case "min", "minnan":
			c.e[k] = max(c.e[k], c.reach[k]+v)
		}
		if c.f[k]-c.f[k] != 0 {
			c.a[k], c.e[k] = 0, 0
		}
	}
}
