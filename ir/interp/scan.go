package interp

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// scan decodes inclusive scans.
func (c *compiler) scan(o *ir.Op) (func(w *worker) error, error) {
	kind := o.Str("kind")
	if kind == "func" {
		return c.scanFunc(o)
	}
	t := o.Result().Type.Elem
	switch classOf(t) {
	case f32Class:
		return running(c, o, floatFold[float32](kind, t)), nil
	case f64Class:
		return running(c, o, floatFold[float64](kind, t)), nil
	case intClass:
		f := intFold(kind, t)
		if kind == "sum" {
			wrap := wrapTo(t)
			f = stretchwise(0, func(x, y int64) int64 { return wrap(x + y) })
		}
		return running(c, o, f), nil
	}
	return nil, fmt.Errorf("%s: the interpreter has no scan of %s", o.Pos, t)
}

// running decodes a scan by a fold.
func running[T elem](c *compiler, o *ir.Op, f *fold[T]) func(w *worker) error {
	x := o.Operands[0]
	s, d, spans := c.cell(x), c.cell(o.Result()), c.spans(x.Type)
	axis := x.Type.Axis(o.Axes[0])
	return func(w *worker) error {
		src, r := &w.cells[s], &w.cells[d]
		if err := w.force(src); err != nil {
			return err
		}
		if err := w.fresh(r, spans); err != nil {
			return err
		}
		copyInto(w, r, 0, r.strides(), src)
		v := vec[T](r)
		line := r.dims[axis]
		if line.s == 1 {
			for i := 0; i+line.n <= len(v) && line.n > 0; i += line.n {
				row := v[i : i+line.n]
				for j := 1; j < len(row); j++ {
					row[j] = f.row(row[j-1], row[j:j+1])
				}
			}
			return nil
		}
		// Stretches of line.s elements follow each other along the axis.
		for i := 0; i < len(v); i += line.n * line.s {
			for j := 1; j < line.n; j++ {
				k := i + j*line.s
				stepFold(f, v[k:k+line.s], v[k-line.s:k])
			}
		}
		return nil
	}
}

// stepFold sets d to earlier ∘ d.
func stepFold[T elem](f *fold[T], d, earlier []T) {
	for i := range d {
		d[i] = f.row(earlier[i], d[i:i+1])
	}
}

// scanFunc decodes a scan whose operator is a region. The region runs once for each index but the first, on whole
// tiles over the other axes.
func (c *compiler) scanFunc(o *ir.Op) (func(w *worker) error, error) {
	b, err := c.block(o.Regions[0], false)
	if err != nil {
		return nil, err
	}
	n := len(o.Operands)
	operands, results := c.cellsOf(o.Operands), c.cellsOf(o.Results)
	axis := o.Operands[0].Type.Axis(o.Axes[0])
	spans := c.spans(o.Operands[0].Type)
	earlier, later := b.args[:n], b.args[n:]
	rest := slices.Delete(slices.Clone(spans), axis, axis+1)
	next := c.moves(b, earlier)
	return func(w *worker) error {
		for i, k := range operands {
			if err := w.force(&w.cells[k]); err != nil {
				return err
			}
			if err := w.fresh(&w.cells[results[i]], spans); err != nil {
				return err
			}
		}
		for pos := range w.cells[operands[0]].dims[axis].n {
			if err := w.tick(o); err != nil {
				return err
			}
			to := later
			if pos == 0 {
				to = earlier
			}
			for i, k := range operands {
				if err := w.slice(&w.cells[to[i]], &w.cells[k], rest, axis, pos); err != nil {
					return err
				}
			}
			if pos > 0 {
				if err := w.exec(b); err != nil {
					return err
				}
				next.do(w)
			}
			for i, k := range earlier {
				if err := w.unslice(&w.cells[results[i]], &w.cells[k], axis, pos); err != nil {
					return err
				}
			}
		}
		w.dropAll(earlier)
		w.dropAll(later)
		return nil
	}, nil
}

// slice copies what x holds at a position of an axis to d, over the other axes.
func (w *worker) slice(d, x *cell, rest []int, axis, pos int) error {
	if err := w.fresh(d, rest); err != nil {
		return err
	}
	view := *x
	view.dims = slices.Delete(slices.Clone(x.dims), axis, axis+1)
	if view.count() > 0 {
		view.offset(pos * x.dims[axis].s)
		copyInto(w, d, 0, d.strides(), &view)
	}
	return nil
}

// unslice copies d to a position of an axis of x.
func (w *worker) unslice(x, d *cell, axis, pos int) error {
	if err := w.force(d); err != nil {
		return err
	}
	to := slices.Delete(x.strides(), axis, axis+1)
	copyInto(w, x, pos*x.dims[axis].s, to, d)
	return nil
}

// ranked is an element of a line that is put in order, by key and then by position.
type ranked struct {
	key uint64 // ascending in the order wanted
	pos int
}

const rankedBytes = 16

// rank decodes topk and sort.
func (c *compiler) rank(o *ir.Op) func(w *worker) error {
	x := o.Operands[0]
	s, values, index := c.cell(x), c.cell(o.Results[0]), c.cell(o.Results[1])
	spans := c.spans(o.Results[0].Type)
	axis, along := x.Type.Axis(o.Axes[0]), c.cell(o.Axes[0])
	down := o.Code == ir.Topk
	t := x.Type.Elem
	return func(w *worker) error {
		src, v, ix := &w.cells[s], &w.cells[values], &w.cells[index]
		if err := w.force(src); err != nil {
			return err
		}
		if err := w.fresh(v, spans); err != nil {
			return err
		}
		if err := w.fresh(ix, spans); err != nil {
			return err
		}
		line, count := src.dims[axis], v.dims[len(v.dims)-1].n
		lo := w.cells[along].lo
		if !few(count, line) && line.n > cap(w.order) {
			n := 1 << bits.Len(uint(line.n))
			if err := w.run.reserve(2*int64(n)*rankedBytes, o); err != nil {
				return err
			}
			w.order, w.sorted = make([]ranked, 0, n), make([]ranked, n)
		}
		eachLine(w, src.dims, axis, ownStrides(v, len(src.dims), axis), func(at, from int) {
			best := w.rankLine(src, from, line, count, down)
			for j := range count {
				if j < len(best) {
					p := best[j].pos
					v.copyElem(at+j, src, from+p*line.s)
					ix.i64[at+j] = lo + int64(p)
				} else {
					v.setLeast(at+j, t)
					ix.i64[at+j] = -1
				}
			}
		})
		return nil
	}
}

// few reports whether few of a long line are wanted: those that cannot be among them are not kept.
func few(count int, line dim) bool { return count <= 32 && line.n > 4*count }

// rankLine gives the first count elements of a line in order.
func (w *worker) rankLine(src *cell, from int, line dim, count int, down bool) []ranked {
	order, few := w.order[:0], few(count, line)
	for i := range line.n {
		r := ranked{src.key(from+i*line.s, down), i}
		if !few {
			order = append(order, r)
			continue
		}
		if len(order) == count && (count == 0 || r.key >= order[count-1].key) {
			continue
		}
		if len(order) < count {
			order = append(order, r)
		}
		j := len(order) - 1
		for ; j > 0 && order[j-1].key > r.key; j-- {
			order[j] = order[j-1]
		}
		order[j] = r
	}
	w.order = order
	if !few {
		order = w.sort(order)
	}
	return order[:min(count, len(order))]
}

// sort orders elements by their keys, which stand in ascending order of positions: by their digits to the base 256, the
// lowest first, equal ones staying in order.
func (w *worker) sort(order []ranked) []ranked {
	if len(order) < 256 {
		slices.SortFunc(order, func(a, b ranked) int {
			if a.key != b.key {
				return cmp.Compare(a.key, b.key)
			}
			return cmp.Compare(a.pos, b.pos)
		})
		return order
	}
	var counts [8][256]int
	for _, r := range order {
		for d := range counts {
			counts[d][byte(r.key>>(8*d))]++
		}
	}
	other := w.sorted[:len(order)]
	for d := range counts {
		c := &counts[d]
		if c[byte(order[0].key>>(8*d))] == len(order) { // all the same
			continue
		}
		if w.run.stop.Load() {
			break
		}
		at := 0
		for i, n := range c {
			c[i] = at
			at += n
		}
		for _, r := range order {
			i := byte(r.key >> (8 * d))
			other[c[i]] = r
			c[i]++
		}
		order, other = other, order
	}
	return order
}

// key is such that keys ascend as elements do, or descend; NaN is last either way, and the zeros are equal.
func (c *cell) key(off int, down bool) uint64 {
	var k uint64
	switch {
	case c.class == f32Class || c.class == f64Class:
		x := 0.0
		if c.class == f32Class {
			x = float64(c.f32[off])
		} else {
			x = c.f64[off]
		}
		if x != x {
			return math.MaxUint64
		}
		if x == 0 {
			x = 0 // not -0
		}
		k = math.Float64bits(x)
		if k>>63 != 0 {
			k = ^k
		} else {
			k |= 1 << 63
		}
	case c.class == boolClass:
		if c.b[off] {
			k = 1
		}
	case c.elem == dtype.U64:
		k = uint64(c.i64[off])
	default:
		k = uint64(c.i64[off]) ^ 1<<63
	}
	if down {
		k = ^k
	}
	return k
}

// copyElem copies an element of a cell of the same class.
func (c *cell) copyElem(to int, s *cell, from int) {
	switch c.class {
	case f32Class:
		c.f32[to] = s.f32[from]
	case f64Class:
		c.f64[to] = s.f64[from]
	case intClass:
		c.i64[to] = s.i64[from]
	default:
		c.b[to] = s.b[from]
	}
}

// setLeast makes an element -inf, or the least value of a type without.
func (c *cell) setLeast(to int, t dtype.Type) {
	least := math.Inf(-1)
	if !t.HasInf() {
		least = t.Lowest()
	}
	switch c.class {
	case f32Class:
		c.f32[to] = float32(least)
	case f64Class:
		c.f64[to] = least
	case intClass:
		c.i64[to] = t.MinInt()
	default:
		c.b[to] = false
	}
}
