package interp

import (
	"fmt"
	"math"
	"slices"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// A fold reduces in one class: it starts from what an empty reduction gives and takes elements in ascending order.
type fold[T elem] struct {
	empty T
	// rows folds a stretch into the accumulators of as many results: d[i] = d[i] ∘ x[i].
	rows func(d, x []T)
	// row folds a stretch into one accumulator.
	row func(acc T, x []T) T
	// done finishes the results, n elements having gone into each; may be nil.
	done func(d []T, n int)
}

// stretchwise makes the row form of a fold from a function of two elements.
func stretchwise[T elem](empty T, f func(x, y T) T) *fold[T] {
	return &fold[T]{
		empty: empty,
		rows: func(d, x []T) {
			for i := range d {
				d[i] = f(d[i], x[i])
			}
		},
		row: func(acc T, x []T) T {
			for _, v := range x {
				acc = f(acc, v)
			}
			return acc
		},
	}
}

func (c *compiler) reduce(o *ir.Op) (func(w *worker) error, error) {
	switch o.Str("kind") {
	case "argmax", "argmin":
		return c.arg(o), nil
	case "last":
		return c.last(o), nil
	}
	x, t := o.Operands[0], o.Result().Type.Elem
	kind := o.Str("kind")
	switch classOf(t) {
	case f32Class:
		return reduction(c, o, floatFold[float32](kind, t), x.Type.Elem), nil
	case f64Class:
		return reduction(c, o, floatFold[float64](kind, t), x.Type.Elem), nil
	case intClass:
		return reduction(c, o, intFold(kind, t), x.Type.Elem), nil
	}
	if f := boolFold(kind); f != nil {
		return reduction(c, o, f, x.Type.Elem), nil
	}
	return nil, fmt.Errorf("%s: the interpreter has no %s of bool", o.Pos, kind)
}

// floatFold is a reduction in the float t.
func floatFold[T float](kind string, t dtype.Type) *fold[T] {
	narrow := t != dtype.F32 && t != dtype.F64
	round := func(x T) T { return x }
	if narrow {
		round = func(x T) T { return T(t.RoundF32(float32(x))) }
	}
	inf := T(math.Inf(1))
	if t.IsFloat() && !t.HasInf() {
		inf = T(t.Max())
	}
	switch kind {
	case "sum", "mean":
		f := stretchwise(0, func(x, y T) T { return round(x + y) })
		if !narrow {
			f.rows = func(d, x []T) { plus(d, d, x) }
			f.row = func(acc T, x []T) T {
				for _, v := range x {
					acc += v
				}
				return acc
			}
		}
		if kind == "mean" {
			f.done = func(d []T, n int) {
				for i := range d {
					d[i] = round(d[i] / T(n))
				}
			}
		}
		return f
	case "prod":
		return stretchwise(1, func(x, y T) T { return T(t.Round64(float64(x) * float64(y))) })
	case "max":
		f := stretchwise(-inf, maxNum[T])
		f.rows = func(d, x []T) { maxFloat(d, d, x) }
		f.row = func(acc T, x []T) T {
			for _, v := range x {
				if v > acc || v == acc && v == 0 || acc != acc {
					acc = maxNum(acc, v)
				}
			}
			return acc
		}
		return f
	case "min":
		return stretchwise(inf, minNum[T])
	case "maxnan":
		return stretchwise(-inf, func(x, y T) T { return max(x, y) })
	}
	return stretchwise(inf, func(x, y T) T { return min(x, y) }) // minnan
}

func intFold(kind string, t dtype.Type) *fold[int64] {
	wrap := wrapTo(t)
	large := t == dtype.U64
	switch kind {
	case "sum":
		f := stretchwise(0, func(x, y int64) int64 { return x + y })
		f.done = func(d []int64, _ int) { wrapAll(t, d) }
		return f
	case "prod":
		return stretchwise(1, func(x, y int64) int64 { return wrap(x * y) })
	case "max", "maxnan":
		if large {
			return stretchwise(0, func(x, y int64) int64 { return int64(max(uint64(x), uint64(y))) })
		}
		return stretchwise(t.MinInt(), func(x, y int64) int64 { return max(x, y) })
	}
	if large {
		return stretchwise(-1, func(x, y int64) int64 { return int64(min(uint64(x), uint64(y))) })
	}
	return stretchwise(t.MaxInt(), func(x, y int64) int64 { return min(x, y) })
}

func boolFold(kind string) *fold[bool] {
	switch kind {
	case "any", "max", "maxnan":
		return stretchwise(false, func(x, y bool) bool { return x || y })
	case "all", "min", "minnan":
		return stretchwise(true, func(x, y bool) bool { return x && y })
	}
	return nil
}

// reduction decodes a reduction that is a fold. Elements of another type than the result's are converted first.
func reduction[T elem](c *compiler, o *ir.Op, f *fold[T], from dtype.Type) func(w *worker) error {
	x, t := o.Operands[0].Type, o.Result().Type
	s, d, spans := c.cell(o.Operands[0]), c.cell(o.Result()), c.spans(t)
	reduced := make([]bool, len(x.Axes))
	for i, a := range x.Axes {
		reduced[i] = containsSpan(o.Axes, a.Span)
	}
	var widen mapper
	if from != t.Elem && (classOf(from) != classOf(t.Elem) || !dtype.Widens(from, t.Elem)) {
		mode := dtype.Default
		if classOf(from) == intClass && classOf(t.Elem) == intClass {
			mode = dtype.Wrap // sums and products wrap anyway
		}
		widen = convert(from, t.Elem, mode)
	}
	wide := len(c.p.types)
	all := c.spans(x)
	if widen != nil {
		c.p.types = append(c.p.types, x.WithElem(t.Elem))
	}
	return func(w *worker) error {
		src, r := &w.cells[s], &w.cells[d]
		if err := w.force(src); err != nil {
			return err
		}
		if widen != nil {
			y := &w.cells[wide]
			if err := w.fresh(y, all); err != nil {
				return err
			}
			if err := widen(w, y, []*cell{src}); err != nil {
				return err
			}
			defer w.drop(y)
			src = y
		}
		if err := w.fresh(r, spans); err != nil {
			return err
		}
		reduceInto(w, f, vec[T](r)[:r.count()], vec[T](src), src.dims, reduced)
		return nil
	}
}

// reduceInto folds the elements of x, whose axes dims are reduced or not, into the row-major d.
func reduceInto[T elem](w *worker, f *fold[T], d, x []T, dims []dim, reduced []bool) {
	for i := range d {
		d[i] = f.empty
	}
	n := 1
	for i, r := range reduced {
		if r {
			n *= dims[i].n
		}
	}
	wk := &w.wk
	wk.begin()
	own := len(d)
	for i, a := range dims {
		if reduced[i] {
			wk.axis(a.n, 0, a.s, 0, 0)
			continue
		}
		if a.n > 0 {
			own /= a.n
		}
		wk.axis(a.n, own, a.s, 0, 0)
	}
	for more := wk.start(); more; more = wk.next() {
		o, m := wk.off, wk.n
		for i := 0; i < m && !w.run.stop.Load(); i += chunk {
			k := min(chunk, m-i)
			row := stretch(w, 0, x, o[1], wk.s[1], i, k)
			if wk.s[0] == 0 {
				d[o[0]] = f.row(d[o[0]], row)
			} else {
				f.rows(d[o[0]+i:][:k], row)
			}
		}
	}
	if f.done != nil {
		f.done(d, n)
	}
}

// eachLine calls f with every result's place along one axis of x: the offset of the result, and of its first element.
// own are the strides of the results along x's axes, that axis's entry being unused.
func eachLine(w *worker, dims []dim, axis int, own []int, f func(at, from int)) {
	wk := &w.wk
	wk.begin()
	for i, a := range dims {
		if i != axis {
			wk.axis(a.n, own[i], a.s, 0, 0)
		}
	}
	for more := wk.start(); more; more = wk.next() {
		at, from := wk.off[0], wk.off[1]
		for range wk.n {
			if w.run.stop.Load() {
				return
			}
			f(at, from)
			at, from = at+wk.s[0], from+wk.s[1]
		}
	}
}

// ownStrides are the strides of a value with x's axes less one, along x's axes.
func ownStrides(r *cell, n, axis int) []int {
	s := make([]int, n)
	k := 0
	for i := range s {
		if i != axis {
			s[i] = r.dims[k].s
			k++
		}
	}
	return s
}

// arg decodes argmax and argmin: index values, of nothing -1; NaN is chosen only where there is nothing else.
func (c *compiler) arg(o *ir.Op) func(w *worker) error {
	x := o.Operands[0]
	s, d, spans := c.cell(x), c.cell(o.Result()), c.spans(o.Result().Type)
	axis, along := x.Type.Axis(o.Axes[0]), c.cell(o.Axes[0])
	less := o.Str("kind") == "argmin"
	return func(w *worker) error {
		src, r := &w.cells[s], &w.cells[d]
		if err := w.force(src); err != nil {
			return err
		}
		if err := w.fresh(r, spans); err != nil {
			return err
		}
		lo, line := w.cells[along].lo, src.dims[axis]
		eachLine(w, src.dims, axis, ownStrides(r, len(src.dims), axis), func(at, from int) {
			r.i64[at] = -1
			if k := src.best(from, line, less); k >= 0 {
				r.i64[at] = lo + int64(k)
			}
		})
		return nil
	}
}

// best is the position of the greatest (or least) of a line of elements, the first of equals, -1 of none.
func (c *cell) best(from int, line dim, less bool) int {
	switch {
	case c.class == f32Class:
		return bestFloat(c.f32, from, line, less)
	case c.class == f64Class:
		return bestFloat(c.f64, from, line, less)
	case c.class == boolClass:
		k := -1
		for i := range line.n {
			if k < 0 || c.b[from+i*line.s] != less && c.b[from+k*line.s] == less {
				k = i
			}
		}
		return k
	}
	flip := int64(0)
	if c.elem == dtype.U64 {
		flip = math.MinInt64
	}
	k, top := -1, int64(0)
	for i := range line.n {
		if v := c.i64[from+i*line.s] ^ flip; k < 0 || v > top && !less || v < top && less {
			k, top = i, v
		}
	}
	return k
}

func bestFloat[T float](x []T, from int, line dim, less bool) int {
	k, top := -1, T(0)
	for i := range line.n {
		v := x[from+i*line.s]
		if k < 0 || v > top && !less || v < top && less || top != top && v == v {
			k, top = i, v
		}
	}
	return k
}

// last decodes the element at the last index, 0 of nothing.
func (c *compiler) last(o *ir.Op) func(w *worker) error {
	x := o.Operands[0]
	t := o.Result().Type
	s, d, spans := c.cell(x), c.cell(o.Result()), c.spans(t)
	axis := x.Type.Axis(o.Axes[0])
	var widen mapper
	if x.Type.Elem != t.Elem {
		widen = convert(x.Type.Elem, t.Elem, dtype.Default)
	}
	// The last elements before they are converted.
	raw := len(c.p.types)
	c.p.types = append(c.p.types, ir.TileType(x.Type.Elem, t.Axes...))
	return func(w *worker) error {
		src, r, y := &w.cells[s], &w.cells[d], &w.cells[raw]
		if err := w.force(src); err != nil {
			return err
		}
		if err := w.fresh(y, spans); err != nil {
			return err
		}
		n := src.dims[axis].n
		from := (n - 1) * src.dims[axis].s
		view := *src
		view.dims = slices.Delete(slices.Clone(src.dims), axis, axis+1)
		if n == 0 {
			y.clear()
		} else if view.count() > 0 {
			view.offset(from)
			copyInto(w, y, 0, y.strides(), &view)
		}
		if widen == nil {
			w.share(r, y)
			w.drop(y)
			return nil
		}
		if err := w.fresh(r, spans); err != nil {
			return err
		}
		err := widen(w, r, []*cell{y})
		w.drop(y)
		return err
	}
}

// offset makes a view start off elements further.
func (c *cell) offset(off int) {
	switch c.class {
	case f32Class:
		c.f32 = c.f32[off:]
	case f64Class:
		c.f64 = c.f64[off:]
	case intClass:
		c.i64 = c.i64[off:]
	default:
		c.b = c.b[off:]
	}
}

// clear makes every element 0.
func (c *cell) clear() {
	clear(c.f32)
	clear(c.f64)
	clear(c.i64)
	clear(c.b)
}
