package eval

import (
	"math"
	"slices"

	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir/dtype"
)

// interval is a run of indices, or of positions on an axis.
type interval struct{ lo, n int64 }

// box is a part of the product of some axes: positions on each, in an order that every value inside has too.
type box struct {
	axes []*typed.Axis
	at   []interval
}

func (b *box) find(a *typed.Axis) int { return slices.Index(b.axes, a) }

// part is the box over those of its axes that are in list, in the box's order.
func (b *box) part(list []*typed.Axis) *box {
	out := &box{}
	for i, a := range b.axes {
		if slices.Contains(list, a) {
			out.axes = append(out.axes, a)
			out.at = append(out.at, b.at[i])
		}
	}
	return out
}

// and is the box with further axes, innermost.
func (b *box) and(axes []*typed.Axis, at []interval) *box {
	return &box{append(b.axes[:len(b.axes):len(b.axes)], axes...), append(b.at[:len(b.at):len(b.at)], at...)}
}

func (b *box) size() int {
	n := 1
	for _, x := range b.at {
		n *= int(x.n)
	}
	return n
}

func (b *box) shape() []int {
	n := make([]int, len(b.at))
	for i, x := range b.at {
		n[i] = int(x.n)
	}
	return n
}

func (b *box) same(c *box) bool { return slices.Equal(b.axes, c.axes) && slices.Equal(b.at, c.at) }

// interval is all indices of an axis.
func (r *Runner) interval(a *typed.Axis) interval {
	switch a.Kind {
	case typed.CopyAxis:
		return r.interval(a.Of)
	case typed.CatAxis:
		return interval{0, r.interval(a.A).n + r.interval(a.B).n}
	case typed.SpanAxis:
		return r.spans[a]
	}
	return interval{a.Lo, a.Extent}
}

// positions is all positions of an axis.
func (r *Runner) positions(a *typed.Axis) interval { return interval{0, r.interval(a).n} }

// values are the elements of an expression over the axes of a box, row-major: f for floats, else i (bool 0 or 1).
//
// With f may stand its magnitude a and its error e; nil is a = |f| and e = 0, what an input has. Where f is not finite
// both are 0: such values are expected exactly.
type values struct {
	axes []*typed.Axis
	n    []int
	f    []float64
	a, e []float64
	i    []int64
}

func integers(axes []*typed.Axis, n []int, i []int64) *values { return &values{axes: axes, n: n, i: i} }

func (v *values) size() int { return max(len(v.f), len(v.i)) }

// exact forgets magnitude and error.
func (v *values) exact() *values { return &values{axes: v.axes, n: v.n, f: v.f, i: v.i} }

// magnitude is a, made if it is not there.
func (v *values) magnitude() []float64 {
	if v.a != nil {
		return v.a
	}
	out := make([]float64, len(v.f))
	for k, x := range v.f {
		out[k] = finite(math.Abs(x))
	}
	return out
}

// finite is x, or 0 if it is infinite or NaN.
func finite(x float64) float64 {
	if x-x != 0 {
		return 0
	}
	return x
}

// strides are the distances of neighbours of a row-major array, 0 along axes of extent 1 too.
func strides(n []int) []int {
	out := make([]int, len(n))
	s := 1
	for i := len(n) - 1; i >= 0; i-- {
		out[i] = s
		s *= n[i]
	}
	return out
}

// spread is a value brought to the axes of a box, in its order; axes that it lacks repeat it. Its own axes are those of
// the box in full.
func (v *values) spread(b *box) *values {
	if slices.Equal(v.axes, b.axes) {
		return v
	}
	step, own := make([]int, len(b.axes)), strides(v.n)
	for i, a := range v.axes {
		step[b.find(a)] = own[i]
	}
	n := b.shape()
	out := &values{axes: b.axes, n: n}
	if v.f != nil {
		out.f = walk(v.f, 0, n, step)
	}
	if v.i != nil {
		out.i = walk(v.i, 0, n, step)
	}
	if v.a != nil {
		out.a = walk(v.a, 0, n, step)
	}
	if v.e != nil {
		out.e = walk(v.e, 0, n, step)
	}
	return out
}

// window is the part of a value over whole axes that lies in a box, in the box's order.
func (v *values) window(b *box) *values {
	part := b.part(v.axes)
	if slices.Equal(v.axes, part.axes) && slices.Equal(v.n, part.shape()) {
		return v
	}
	step, own, start := make([]int, len(part.axes)), strides(v.n), 0
	for i, a := range v.axes {
		j := part.find(a)
		step[j] = own[i]
		start += own[i] * int(part.at[j].lo)
	}
	n := part.shape()
	out := &values{axes: part.axes, n: n}
	if v.f != nil {
		out.f = walk(v.f, start, n, step)
	}
	if v.i != nil {
		out.i = walk(v.i, start, n, step)
	}
	if v.a != nil {
		out.a = walk(v.a, start, n, step)
	}
	if v.e != nil {
		out.e = walk(v.e, start, n, step)
	}
	return out
}

// walk copies the elements of src at start + Σ index·step into a row-major array of shape n.
func walk[T any](src []T, start int, n, step []int) []T {
	size := 1
	for _, k := range n {
		size *= k
	}
	out := make([]T, size)
	if size == 0 {
		return out
	}
	if len(n) == 0 {
		out[0] = src[start]
		return out
	}
	inner, s := n[len(n)-1], step[len(n)-1]
	index := make([]int, len(n))
	for at := 0; at < size; at += inner {
		row := out[at : at+inner]
		switch s {
		case 0:
			x := src[start]
			for k := range row {
				row[k] = x
			}
		case 1:
			copy(row, src[start:])
		default:
			for k := range row {
				row[k] = src[start+k*s]
			}
		}
		for d := len(n) - 2; d >= 0; d-- {
			index[d]++
			start += step[d]
			if index[d] < n[d] {
				break
			}
			start -= step[d] * n[d]
			index[d] = 0
		}
	}
	return out
}

// place writes a block into the row-major array of a whole box.
func place[T any](dst []T, whole []int, b *box, src []T) {
	if len(src) == 0 {
		return
	}
	own, start := strides(whole), 0
	for i, x := range b.at {
		start += own[i] * int(x.lo)
	}
	n := b.shape()
	if len(n) == 0 {
		dst[0] = src[0]
		return
	}
	inner := n[len(n)-1]
	index := make([]int, len(n))
	for at := 0; at < len(src); at += inner {
		copy(dst[start:start+inner], src[at:])
		for d := len(n) - 2; d >= 0; d-- {
			index[d]++
			start += own[d]
			if index[d] < n[d] {
				break
			}
			start -= own[d] * n[d]
			index[d] = 0
		}
	}
}

// choose is x where the mask holds, else y; x and y are over the same whole axes, the mask over some of them.
func (r *Runner) choose(mask, x, y *values) *values {
	b := &box{axes: x.axes}
	for _, a := range x.axes {
		b.at = append(b.at, r.positions(a))
	}
	ordered := mask.window(b)
	return selected(ordered.spread(b), x, y)
}

// isInt reports whether a test holds values of an element type as integers.
func isInt(t dtype.Type) bool { return !t.IsFloat() }
