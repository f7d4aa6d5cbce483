package interp

import (
	"fmt"
	"math"
	"slices"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// contraction is what is known of a Contract before it runs. Axes fall into four groups: of both operands and kept
// (batch), of one alone (rows of x, columns of y), and summed. Operands are brought into the forms x[batch, row, k] and
// y[batch, k, column], and each result is a chain of fused multiply-adds ascending in k, many columns at once.
type contraction struct {
	op     *ir.Op
	elem   dtype.Type
	x, y   factor
	acc    int  // cell, -1 for none
	dying  bool // the accumulator is used here for the last time
	result int
	spans  []int
	// of each axis of the result: its group and its place there
	group []int
	place []int
}

// factor is an operand: its cell and its axes by group.
type factor struct {
	cell    int
	scale   int   // cell, -1 for none
	scaleAt []int // for each of the operand's axes the scale's, or -1
	groups  [4][]int
}

// the groups; a factor's own axes are rows of x and columns of y
const (
	batchGroup = iota
	rowGroup
	colGroup
	sumGroup
)

func (c *compiler) contract(o *ir.Op, kill []int) (func(w *worker) error, error) {
	a, b, sa, sb, acc := o.ContractParts()
	t := o.Result().Type
	k := &contraction{op: o, elem: t.Elem, acc: -1, result: c.cell(o.Result()), spans: c.spans(t)}
	k.x, k.y = c.factor(a, sa), c.factor(b, sb)
	if acc != nil {
		k.acc = c.cell(acc)
		k.dying = slices.Contains(kill, k.acc)
	}
	put := func(g int, s *ir.Value) int {
		i, j := a.Type.Axis(s), b.Type.Axis(s)
		if i >= 0 {
			k.x.groups[g] = append(k.x.groups[g], i)
		}
		if j >= 0 {
			k.y.groups[g] = append(k.y.groups[g], j)
		}
		return max(len(k.x.groups[g]), len(k.y.groups[g])) - 1
	}
	for _, s := range a.Type.Axes { // the sum ascends in a's order of axes
		if containsSpan(o.Axes, s.Span) {
			put(sumGroup, s.Span)
		}
	}
	for _, x := range t.Axes {
		g := batchGroup
		switch {
		case b.Type.Axis(x.Span) < 0:
			g = rowGroup
		case a.Type.Axis(x.Span) < 0:
			g = colGroup
		}
		k.group, k.place = append(k.group, g), append(k.place, put(g, x.Span))
	}
	switch {
	case t.Elem == dtype.F64:
		return multiply(k, f64Kernel), nil
	case classOf(t.Elem) == intClass:
		return multiply(k, intKernel(t.Elem)), nil
	case classOf(t.Elem) != f32Class:
		return nil, fmt.Errorf("%s: the interpreter has no contraction in %s", o.Pos, t.Elem)
	case t.Elem != dtype.F32 || sa != nil || sb != nil || classOf(a.Type.Elem) == f64Class || classOf(b.Type.Elem) == f64Class:
		// Factors that float32 cannot hold, or a narrower sum.
		return multiply(k, exactKernel(t.Elem)), nil
	}
	return multiply(k, f32Kernel), nil
}

func (c *compiler) factor(v, scale *ir.Value) factor {
	f := factor{cell: c.cell(v), scale: -1}
	if scale != nil {
		f.scale = c.cell(scale)
		for _, a := range v.Type.Axes {
			f.scaleAt = append(f.scaleAt, scale.Type.Axis(a.Span))
		}
	}
	return f
}

// extent is the number of positions over a group of a factor's axes.
func (f *factor) extent(w *worker, g int) int {
	n := 1
	for _, i := range f.groups[g] {
		n *= w.cells[f.cell].dims[i].n
	}
	return n
}

// product is one product of matrices: c[i·ldc + j] += Σ x[i·xRow + p·xSum]·y[p·ldy + j], p ascending from 0 below sum.
// The columns of y are padded with anything, so that ldy is at least cols rounded up to the kernel's panel.
type product[T number] struct {
	c, x, y         []T
	rows, cols, sum int
	ldc, ldy        int
	xRow, xSum      int
}

// kernel is how products are computed in T.
type kernel[T number] struct {
	panel  int
	matrix func(p *product[T])
	// pairs adds x[j]·y[j] to c[j].
	pairs func(c, x, y []T)
	// finish is applied to all results, if it is not nil.
	finish func(c []T)
}

// multiply runs a contraction in T: the Go type of the result, or float64 where factors or roundings need it.
func multiply[T number](k *contraction, kern kernel[T]) func(w *worker) error {
	return func(w *worker) error {
		for _, f := range []*factor{&k.x, &k.y} {
			if err := w.force(&w.cells[f.cell]); err != nil {
				return err
			}
			if f.scale >= 0 {
				if err := w.force(&w.cells[f.scale]); err != nil {
					return err
				}
			}
		}
		x, y := &k.x, &k.y
		rowOf, colOf := rowGroup, colGroup
		batch, sum := x.extent(w, batchGroup), x.extent(w, sumGroup)
		rows, cols := x.extent(w, rowGroup), y.extent(w, colGroup)
		if cols == 1 && rows > 1 {
			x, y, rowOf, colOf, rows, cols = y, x, colOf, rowOf, cols, rows
		}
		r := &w.cells[k.result]
		if err := k.prepare(w, r, rowOf, colOf, rows, cols); err != nil {
			return err
		}
		n := batch * rows * cols
		if n == 0 {
			return nil
		}
		if count := w.run.opts.Multiplies; count != nil {
			count.Add(int64(n) * int64(sum))
		}
		var out []T
		if r.class == classFor[T]() {
			out = vec[T](r)[:n]
		} else {
			b, err := w.take(classFor[T](), n)
			if err != nil {
				return err
			}
			defer w.put(b)
			out = bufferOf[T](b)[:n]
			for i, v := range r.f32[:n] {
				out[i] = T(v)
			}
			defer func() {
				for i, v := range out {
					r.f32[i] = float32(v) // of the type already
				}
			}()
		}
		p := &product[T]{c: out, rows: rows, cols: cols, sum: sum, ldc: cols}
		if sum > 0 {
			var err error
			if rows == 1 && cols == 1 {
				err = pairwise(w, p, x, y, batch, kern)
			} else {
				err = batches(w, p, x, y, rowOf, colOf, batch, kern)
			}
			if err != nil {
				return err
			}
		}
		if kern.finish != nil {
			kern.finish(out)
		}
		return nil
	}
}

// prepare gives the result its shape, in storage [batch, rows, columns] whatever the order of its axes, and what the
// products are added to: the accumulator, whose storage it takes over if it can, or 0.
func (k *contraction) prepare(w *worker, r *cell, rowOf, colOf, rows, cols int) error {
	if r.kind == ir.Scalar {
		if k.acc >= 0 {
			w.share(r, &w.cells[k.acc])
		} else {
			r.clear()
		}
		return nil
	}
	w.drop(r)
	var next [3]int
	next[colOf], next[rowOf], next[batchGroup] = 1, cols, rows*cols
	for i := len(r.dims) - 1; i >= 0; i-- {
		g, n := k.group[i], w.cells[k.spans[i]].live()
		r.dims[i] = dim{n, next[g]}
		next[g] *= n
	}
	if k.acc < 0 {
		if err := w.store(r, r.count()); err != nil {
			return err
		}
		r.clear()
		return nil
	}
	acc := &w.cells[k.acc]
	if err := w.force(acc); err != nil {
		return err
	}
	if k.dying && acc.buf != nil && acc.buf.refs == 1 && sameLayout(acc.dims, r.dims) {
		b := acc.buf
		acc.buf = nil
		r.setBuffer(b, r.count())
		return nil
	}
	if err := w.store(r, r.count()); err != nil {
		return err
	}
	copyInto(w, r, 0, r.strides(), acc)
	return nil
}

func sameLayout(a, b []dim) bool {
	for i, d := range a {
		if d.n != b[i].n || d.n > 1 && d.s != b[i].s {
			return false
		}
	}
	return true
}

// bufferOf is a buffer's slice.
func bufferOf[T elem](b *buffer) []T {
	var z T
	switch any(z).(type) {
	case float32:
		return *any(&b.f32).(*[]T)
	case float64:
		return *any(&b.f64).(*[]T)
	case int64:
		return *any(&b.i64).(*[]T)
	}
	return *any(&b.b).(*[]T)
}

// batches runs one product for each batch.
func batches[T number](w *worker, p *product[T], x, y *factor, rowOf, colOf, batch int, kern kernel[T]) error {
	xs, ys, c := 0, 0, p.c
	px, xb, xr, xk, ok := direct[T](w, x, rowOf, sumGroup)
	if !ok {
		b, err := gather[T](w, x, p.rows*p.sum*batch, [3]int{batchGroup, rowOf, sumGroup}, p.sum, p.rows*p.sum)
		if err != nil {
			return err
		}
		defer w.put(b)
		px, xb, xr, xk = bufferOf[T](b), p.rows*p.sum, p.sum, 1
	}
	py, yb, yk, yc, ok := direct[T](w, y, sumGroup, colOf)
	if !ok || yc != 1 && p.cols > 1 || p.cols%kern.panel != 0 {
		yk = (p.cols + kern.panel - 1) / kern.panel * kern.panel
		yb = p.sum * yk
		b, err := gather[T](w, y, yb*batch, [3]int{batchGroup, sumGroup, colOf}, yk, yb)
		if err != nil {
			return err
		}
		defer w.put(b)
		py = bufferOf[T](b)
	}
	p.xRow, p.xSum, p.ldy = xr, xk, yk
	rows := p.rows
	for i := range batch {
		p.y = py[ys:]
		step := max(4, atOnce/max(1, p.cols*p.sum))
		for row := 0; row < rows; row += step {
			if w.run.stop.Load() {
				return w.stopped(w.at)
			}
			p.rows = min(step, rows-row)
			p.c, p.x = c[(i*rows+row)*p.cols:][:p.rows*p.cols], px[xs+row*xr:]
			kern.matrix(p)
		}
		xs, ys = xs+xb, ys+yb
	}
	return nil
}

// atOnce is about how many multiply-adds are done before a look at whether the run is to stop.
const atOnce = 1 << 24

// pairwise sums products over one axis for each batch, where there are neither rows nor columns.
func pairwise[T number](w *worker, p *product[T], x, y *factor, batch int, kern kernel[T]) error {
	var rows [2][]T
	for i, f := range []*factor{x, y} {
		b, err := gather[T](w, f, p.sum*batch, [3]int{rowGroup, sumGroup, batchGroup}, batch, p.sum*batch)
		if err != nil {
			return err
		}
		defer w.put(b)
		rows[i] = bufferOf[T](b)
	}
	for k := range p.sum {
		if k&(1<<12-1) == 0 && w.run.stop.Load() {
			break
		}
		kern.pairs(p.c, rows[0][k*batch:][:batch], rows[1][k*batch:][:batch])
	}
	return nil
}

// direct gives the strides of a factor's batch and of two more groups where its elements can be used in place.
func direct[T number](w *worker, f *factor, g, h int) (v []T, sb, sg, sh int, ok bool) {
	c := &w.cells[f.cell]
	if f.scale >= 0 || c.class != classFor[T]() {
		return nil, 0, 0, 0, false
	}
	s, ok := [3]int{}, true
	for i, group := range []int{batchGroup, g, h} {
		n := 1
		for j := len(f.groups[group]) - 1; j >= 0; j-- {
			d := c.dims[f.groups[group][j]]
			if d.n == 1 {
				continue
			}
			if n == 1 {
				s[i] = d.s
			} else if d.s != s[i]*n {
				return nil, 0, 0, 0, false
			}
			n *= d.n
		}
	}
	return vec[T](c), s[0], s[1], s[2], ok
}

// gather copies a factor, times its scale, to n elements in which the groups stand in the given order, those of the
// last behind each other, of the others the given strides apart.
func gather[T number](w *worker, f *factor, n int, order [3]int, s1, s0 int) (*buffer, error) {
	b, err := w.take(classFor[T](), n)
	if err != nil {
		return nil, err
	}
	d := bufferOf[T](b)[:n]
	c := &w.cells[f.cell]
	var scale *cell
	if f.scale >= 0 {
		scale = &w.cells[f.scale]
	}
	// The walk goes from the outermost axis to the innermost; strides are known from the innermost outward.
	type axis struct{ n, to, from, by int }
	var axes []axis
	for i := 2; i >= 0; i-- {
		to := [3]int{s0, s1, 1}[i]
		for j := len(f.groups[order[i]]) - 1; j >= 0; j-- {
			k := f.groups[order[i]][j]
			x := axis{n: c.dims[k].n, to: to, from: c.dims[k].s}
			if scale != nil && f.scaleAt[k] >= 0 {
				x.by = scale.dims[f.scaleAt[k]].s
			}
			axes = append(axes, x)
			to *= x.n
		}
	}
	wk := &w.wk
	wk.begin()
	for i := len(axes) - 1; i >= 0; i-- {
		wk.axis(axes[i].n, axes[i].to, axes[i].from, axes[i].by, 0)
	}
	for more := wk.start(); more; more = wk.next() {
		o, s := wk.off, wk.s
		if s[0] == 1 {
			fetch(d[o[0]:][:wk.n], c, o[1], s[1])
		} else {
			for i := range wk.n {
				fetch(d[o[0]+i*s[0]:][:1], c, o[1]+i*s[1], 0)
			}
		}
		if scale == nil {
			continue
		}
		for i := range wk.n {
			d[o[0]+i*s[0]] *= T(scale.asFloat64(o[2] + i*s[2]))
		}
	}
	return b, nil
}

// fetch sets d to the elements of c from off on, a stride apart. T holds them exactly, or is the class of the result.
func fetch[T number](d []T, c *cell, off, stride int) {
	switch c.class {
	case f32Class:
		fetchFrom(d, c.f32, off, stride)
	case f64Class:
		fetchFrom(d, c.f64, off, stride)
	default:
		fetchFrom(d, c.i64, off, stride)
	}
}

func fetchFrom[T, S number](d []T, s []S, off, stride int) {
	if stride == 1 {
		s = s[off:][:len(d)]
		for i := range d {
			d[i] = T(s[i])
		}
		return
	}
	for i := range d {
		d[i] = T(s[off])
		off += stride
	}
}

// f64Kernel is of f64: one fused multiply-add a step.
var f64Kernel = kernel[float64]{
	panel: 1,
	matrix: func(p *product[float64]) {
		for i := range p.rows {
			row := p.c[i*p.ldc:][:p.cols]
			j := 0
			for ; j+4 <= len(row); j += 4 {
				c := row[j : j+4 : j+4]
				c0, c1, c2, c3 := c[0], c[1], c[2], c[3]
				at := i * p.xRow
				for k := range p.sum {
					x, y := p.x[at], p.y[k*p.ldy+j:][:4:4]
					c0, c1 = math.FMA(x, y[0], c0), math.FMA(x, y[1], c1)
					c2, c3 = math.FMA(x, y[2], c2), math.FMA(x, y[3], c3)
					at += p.xSum
				}
				c[0], c[1], c[2], c[3] = c0, c1, c2, c3
			}
			for ; j < len(row); j++ {
				for k := range p.sum {
					row[j] = math.FMA(p.x[i*p.xRow+k*p.xSum], p.y[k*p.ldy+j], row[j])
				}
			}
		}
	},
	pairs: func(c, x, y []float64) { fmaF64(c, x, y, c) },
}

// intKernel is of integers: sums wrap, so that it is enough to keep the low bits at the end.
func intKernel(t dtype.Type) kernel[int64] {
	return kernel[int64]{
		panel: 1,
		matrix: func(p *product[int64]) {
			for i := range p.rows {
				c := p.c[i*p.ldc:][:p.cols]
				for k := range p.sum {
					x, y := p.x[i*p.xRow+k*p.xSum], p.y[k*p.ldy:][:len(c)]
					for j := range c {
						c[j] += x * y[j]
					}
				}
			}
		},
		pairs: func(c, x, y []int64) {
			for j := range c {
				c[j] += x[j] * y[j]
			}
		},
		finish: func(c []int64) { wrapAll(t, c) },
	}
}

// exactKernel is of float64 factors, each step of which is rounded once to t.
func exactKernel(t dtype.Type) kernel[float64] {
	return kernel[float64]{
		panel: panel,
		matrix: func(p *product[float64]) {
			if t == dtype.F32 && asF32(p) {
				return
			}
			for i := range p.rows {
				for k := range p.sum {
					x := p.x[i*p.xRow+k*p.xSum]
					for j := range p.cols {
						c := &p.c[i*p.ldc+j]
						*c = mulAdd(t, x, p.y[k*p.ldy+j], *c)
					}
				}
			}
		},
		pairs: func(c, x, y []float64) {
			for j := range c {
				c[j] = mulAdd(t, x[j], y[j], c[j])
			}
		},
	}
}

// asF32 computes p with factors in float32, if these hold all of them, as they do with block-scaled operands; else it
// changes nothing and gives false.
func asF32(p *product[float64]) bool {
	q := product[float32]{rows: p.rows, cols: p.cols, sum: p.sum, ldc: p.cols, ldy: (p.cols + panel - 1) / panel * panel,
		xRow: p.sum, xSum: 1}
	q.x, q.y = make([]float32, p.rows*p.sum), make([]float32, p.sum*q.ldy)
	for i := range p.rows {
		for k := range p.sum {
			v := p.x[i*p.xRow+k*p.xSum]
			f := float32(v)
			if float64(f) != v && v == v {
				return false
			}
			q.x[i*p.sum+k] = f
		}
	}
	for k := range p.sum {
		for j := range p.cols {
			v := p.y[k*p.ldy+j]
			f := float32(v)
			if float64(f) != v && v == v {
				return false
			}
			q.y[k*q.ldy+j] = f
		}
	}
	q.c = make([]float32, p.rows*p.cols)
	for i := range p.rows {
		for j := range p.cols {
			q.c[i*p.cols+j] = float32(p.c[i*p.ldc+j])
		}
	}
	f32Kernel.matrix(&q)
	for i := range p.rows {
		for j := range p.cols {
			p.c[i*p.ldc+j] = float64(q.c[i*p.cols+j])
		}
	}
	return true
}

// panel is how many columns the float32 kernel takes at once.
const panel = 16

// f32Kernel is of float32, and of all narrower floats, whose products it forms exactly.
var f32Kernel = kernel[float32]{
	panel: panel,
	matrix: func(p *product[float32]) {
		for j := 0; j < p.cols; j += panel {
			y := p.y[j:]
			for i := 0; i < p.rows; {
				n := 1
				if i+4 <= p.rows {
					n = 4
				}
				x, c := p.x[i*p.xRow:], p.c[i*p.ldc+j:]
				if j+panel <= p.cols {
					fmaBlock(n, c, p.ldc, x, p.xRow, p.xSum, y, p.ldy, p.sum)
				} else {
					// The last columns: in a block of their own, with what the padding gives.
					var t [4 * panel]float32
					for k := range n {
						copy(t[k*panel:(k+1)*panel], p.c[(i+k)*p.ldc+j:(i+k)*p.ldc+p.cols])
					}
					fmaBlock(n, t[:], panel, x, p.xRow, p.xSum, y, p.ldy, p.sum)
					for k := range n {
						copy(p.c[(i+k)*p.ldc+j:(i+k)*p.ldc+p.cols], t[k*panel:])
					}
				}
				i += n
			}
		}
	},
	pairs: func(c, x, y []float32) { fmaF32(c, x, y, c) },
}

// fmaBlockGo adds n rows by panel columns: c[i·ldc + j] += Σ x[i·xRow + k·xSum]·y[k·ldy + j], each step rounded once.
func fmaBlockGo(n int, c []float32, ldc int, x []float32, xRow, xSum int, y []float32, ldy, sum int) {
	for i := range n {
		for j := 0; j < panel; j += 4 {
			d := c[i*ldc+j:][:4:4]
			c0, c1, c2, c3 := float64(d[0]), float64(d[1]), float64(d[2]), float64(d[3])
			at, from := i*xRow, j
			for range sum {
				v, b := float64(x[at]), y[from:][:4:4]
				c0, c1 = fmaStep(v, b[0], c0), fmaStep(v, b[1], c1)
				c2, c3 = fmaStep(v, b[2], c2), fmaStep(v, b[3], c3)
				at, from = at+xSum, from+ldy
			}
			d[0], d[1], d[2], d[3] = float32(c0), float32(c1), float32(c2), float32(c3)
		}
	}
}

// fmaStep is x·y + c rounded once to float32, for x and c that float32 holds; see fma32.
func fmaStep(x float64, y float32, c float64) float64 {
	p := x * float64(y)
	s := p + c
	b := math.Float64bits(s)
	if b&(1<<29-1) == 1<<28 || b<<1-1 < tinyBits {
		return float64(fmaTie(p, c))
	}
	return float64(float32(s))
}
