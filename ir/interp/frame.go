package interp

import (
	"math/bits"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// class is how the elements of a value are held.
type class uint8

const (
	f32Class  class = iota // []float32: every float but f64
	f64Class               // []float64
	intClass               // []int64: integers and bipolar; u64 as its bits
	boolClass              // []bool
	classes
)

var classBytes = [classes]int64{4, 8, 8, 1}

func classOf(t dtype.Type) class {
	switch t.Class() {
	case dtype.ClassF32:
		return f32Class
	case dtype.ClassF64:
		return f64Class
	}
	if t.Kind == dtype.BoolKind {
		return boolClass
	}
	return intClass
}

// elem is what the elements of a value may be in Go.
type elem interface {
	float32 | float64 | int64 | bool
}

// dim is one axis of a stored tile: live length and stride in elements, 0 where the value repeats along it.
type dim struct{ n, s int }

// buffer is the storage of tiles, shared by views and counted.
type buffer struct {
	refs  int
	class class
	size  uint8 // capacity is 1<<size elements
	f32   []float32
	f64   []float64
	i64   []int64
	b     []bool
}

// cell holds one value of the function in one worker: the last one it took, as each value has a cell of its own and no
// operation runs inside itself.
type cell struct {
	// Of a scalar or tile exactly one slice is used, by its class. A scalar's slice is one element of the cell's own.
	f32 []float32
	f64 []float64
	i64 []int64
	b   []bool
	// dims are the axes of a tile, in the type's order; none of a scalar.
	dims []dim
	// buf backs the slice of a tile; nil if the memory is another's or the tile is affine.
	buf *buffer
	// affine: the tile of integers is base + Σ coef[i]·position[i], and i64 is not filled in.
	affine bool
	base   int64
	coef   []int64
	// lo, hi are the indices lo … hi-1 of a span.
	lo, hi int64
	mem    *memory // tensors
	// ch is a channel, that of a slot, or that of the slot in which a tile lies; ticket is the slot's use.
	ch     *channel
	ticket int64

	class class
	elem  dtype.Type
	kind  ir.Kind
	of32  [1]float32
	of64  [1]float64
	oi64  [1]int64
	ob    [1]bool
}

// vec is the slice of c's elements; T must be the type of its class.
func vec[T elem](c *cell) []T {
	var z T
	switch any(z).(type) {
	case float32:
		return *any(&c.f32).(*[]T)
	case float64:
		return *any(&c.f64).(*[]T)
	case int64:
		return *any(&c.i64).(*[]T)
	}
	return *any(&c.b).(*[]T)
}

// classFor is the class whose elements are T.
func classFor[T elem]() class {
	var z T
	switch any(z).(type) {
	case float32:
		return f32Class
	case float64:
		return f64Class
	case int64:
		return intClass
	}
	return boolClass
}

// init makes c hold values of type t.
func (c *cell) init(t ir.Type) {
	c.kind, c.elem = t.Kind, t.Elem
	switch t.Kind {
	case ir.Scalar:
		c.class = classOf(t.Elem)
		c.own()
	case ir.Tile:
		c.class = classOf(t.Elem)
		c.dims = make([]dim, len(t.Axes))
	}
}

// own makes a scalar's slice the cell's own element.
func (c *cell) own() {
	switch c.class {
	case f32Class:
		c.f32 = c.of32[:]
	case f64Class:
		c.f64 = c.of64[:]
	case intClass:
		c.i64 = c.oi64[:]
	default:
		c.b = c.ob[:]
	}
}

// live is a span's number of indices.
func (c *cell) live() int { return int(c.hi - c.lo) }

// count is the number of elements of a scalar or tile.
func (c *cell) count() int {
	n := 1
	for _, d := range c.dims {
		n *= d.n
	}
	return n
}

// dense reports whether the elements stand in row-major order without gaps.
func (c *cell) dense() bool {
	if c.affine {
		return false
	}
	s := 1
	for i := len(c.dims) - 1; i >= 0; i-- {
		d := c.dims[i]
		if d.n == 0 {
			return true
		}
		if d.n > 1 && d.s != s {
			return false
		}
		s *= d.n
	}
	return true
}

// setFloat and setInt give a scalar's value, which its type must have.
func (c *cell) setFloat(x float64) {
	if c.class == f64Class {
		c.of64[0] = x
	} else {
		c.of32[0] = float32(x)
	}
}

func (c *cell) setInt(v int64) {
	if c.class == boolClass {
		c.ob[0] = v != 0
	} else {
		c.oi64[0] = v
	}
}

// worker runs blocks, one at a time.
type worker struct {
	run   *run
	cells []cell
	free  [classes][40][]*buffer
	block int64  // the number of the block in its phase, for shadows
	at    *ir.Op // the operation that runs, for the place of what goes wrong inside it
	// seen are blocks, as shadows name them, that arrived before this one where it was the last.
	seen map[uint32]bool
	// ticks counts iterations since the run's counter was last told.
	ticks int64
	wk    walk
	rows  [4]row
	acc   access
	// task is the role that the worker runs, nil where a block has none; helpers run the roles of its blocks.
	task    *task
	helpers []*worker
	// order and sorted are scratch of topk and sort, as long as each other.
	order, sorted []ranked
}

// row is scratch for one stretch of an operand, by class.
type row struct {
	f32 []float32
	f64 []float64
	i64 []int64
	b   []bool
}

// scratch is the k-th row of n elements.
func scratch[T elem](w *worker, k, n int) []T {
	r := &w.rows[k]
	var z T
	var p any
	switch any(z).(type) {
	case float32:
		p = &r.f32
	case float64:
		p = &r.f64
	case int64:
		p = &r.i64
	default:
		p = &r.b
	}
	s := p.(*[]T)
	if cap(*s) < n {
		*s = make([]T, max(n, chunk))
	}
	return (*s)[:n]
}

// take gets a buffer of at least n elements.
func (w *worker) take(c class, n int) (*buffer, error) {
	size := bits.Len(uint(max(n, 8) - 1))
	if list := w.free[c][size]; len(list) > 0 {
		b := list[len(list)-1]
		w.free[c][size] = list[:len(list)-1]
		b.refs = 1
		return b, nil
	}
	n = 1 << size
	if err := w.run.reserve(int64(n)*classBytes[c], w.at); err != nil {
		return nil, err
	}
	b := &buffer{refs: 1, class: c, size: uint8(size)}
	switch c {
	case f32Class:
		b.f32 = make([]float32, n)
	case f64Class:
		b.f64 = make([]float64, n)
	case intClass:
		b.i64 = make([]int64, n)
	default:
		b.b = make([]bool, n)
	}
	return b, nil
}

// put gives a reference to a buffer back.
func (w *worker) put(b *buffer) {
	if b.refs--; b.refs == 0 {
		w.free[b.class][b.size] = append(w.free[b.class][b.size], b)
	}
}

// drop forgets a tile's elements.
func (w *worker) drop(c *cell) {
	if c.buf != nil {
		w.put(c.buf)
		c.buf = nil
	}
	c.affine = false
}

// share makes d, of the same type and not an operand's alias, hold what s holds, without copying elements.
func (w *worker) share(d, s *cell) {
	switch s.kind {
	case ir.Scalar:
		d.of32, d.of64, d.oi64, d.ob = s.of32, s.of64, s.oi64, s.ob
	case ir.Tile:
		if s.buf != nil {
			s.buf.refs++
		}
		w.drop(d)
		d.f32, d.f64, d.i64, d.b, d.buf = s.f32, s.f64, s.i64, s.b, s.buf
		copy(d.dims, s.dims)
		d.shareAffine(s)
	case ir.Span:
		d.lo, d.hi = s.lo, s.hi
	case ir.Tensor:
		d.mem = s.mem
	case ir.Chan, ir.Slot:
		d.ch, d.ticket = s.ch, s.ticket
	}
}

func (c *cell) shareAffine(s *cell) {
	c.affine, c.base = s.affine, s.base
	if s.affine {
		c.coef = append(c.coef[:0], s.coef...)
	}
}

// shape gives d, over the spans in the given cells, its live lengths and row-major strides, and returns its count.
func (w *worker) shape(d *cell, axes []int) int {
	n := 1
	for i := len(axes) - 1; i >= 0; i-- {
		live := w.cells[axes[i]].live()
		d.dims[i] = dim{live, n}
		n *= live
	}
	return n
}

// fresh gives d new storage for a row-major tile over the spans in the given cells. A scalar has its own.
func (w *worker) fresh(d *cell, axes []int) error {
	if d.kind == ir.Scalar {
		return nil
	}
	w.drop(d)
	return w.store(d, w.shape(d, axes))
}

// store gives d a buffer of n elements.
func (w *worker) store(d *cell, n int) error {
	b, err := w.take(d.class, n)
	if err != nil {
		return err
	}
	d.setBuffer(b, n)
	return nil
}

func (c *cell) setBuffer(b *buffer, n int) {
	c.buf = b
	switch c.class {
	case f32Class:
		c.f32 = b.f32[:n]
	case f64Class:
		c.f64 = b.f64[:n]
	case intClass:
		c.i64 = b.i64[:n]
	default:
		c.b = b.b[:n]
	}
}

// result is fresh for elementwise operations: where one of the operands, whose last use this is, has the right class
// and is dense and not shared, its storage is taken over. Every element is read before it is written.
func (w *worker) result(d *cell, axes []int, dying []int) error {
	if d.kind == ir.Scalar {
		return nil
	}
	for _, i := range dying {
		s := &w.cells[i]
		if s.class == d.class && s.buf != nil && s.buf.refs == 1 && !s.affine && s.dense() {
			w.drop(d)
			n := w.shape(d, axes)
			b := s.buf
			s.buf = nil // its slice stays readable until the step ends
			d.setBuffer(b, n)
			return nil
		}
	}
	return w.fresh(d, axes)
}

// force fills in the elements of an affine tile.
func (w *worker) force(c *cell) error {
	if !c.affine {
		return nil
	}
	n := 1
	for i := len(c.dims) - 1; i >= 0; i-- {
		c.dims[i].s = n
		n *= c.dims[i].n
	}
	if err := w.store(c, n); err != nil {
		return err
	}
	c.affine = false
	fillAffine(c.i64, c.base, c.coef, c.dims)
	return nil
}

// fillAffine writes base + Σ coef·position in row-major order.
func fillAffine(d []int64, base int64, coef []int64, dims []dim) {
	if len(dims) == 1 {
		k := coef[0]
		for i := range d {
			d[i] = base
			base += k
		}
		return
	}
	if len(d) == 0 {
		return
	}
	m := len(d) / dims[0].n
	for i := range dims[0].n {
		fillAffine(d[i*m:(i+1)*m], base+coef[0]*int64(i), coef[1:], dims[1:])
	}
}

// compact makes c's elements stand in row-major order.
func (w *worker) compact(c *cell) error {
	if err := w.force(c); err != nil {
		return err
	}
	if c.dense() {
		return nil
	}
	old := c.buf
	n := c.count()
	b, err := w.take(c.class, n)
	if err != nil {
		return err
	}
	src := *c
	c.setBuffer(b, n)
	c.dims = append([]dim(nil), c.dims...)
	s := 1
	for i := len(c.dims) - 1; i >= 0; i-- {
		c.dims[i].s = s
		s *= c.dims[i].n
	}
	switch c.class {
	case f32Class:
		copyTile(w, c, &src, c.f32, src.f32)
	case f64Class:
		copyTile(w, c, &src, c.f64, src.f64)
	case intClass:
		copyTile(w, c, &src, c.i64, src.i64)
	default:
		copyTile(w, c, &src, c.b, src.b)
	}
	if old != nil {
		w.put(old)
	}
	return nil
}

// copyTile copies s, over the same axes, to the row-major d.
func copyTile[T elem](w *worker, d, s *cell, to, from []T) {
	wk := &w.wk
	wk.begin()
	for i, x := range d.dims {
		wk.axis(x.n, x.s, s.dims[i].s, 0, 0)
	}
	for more := wk.start(); more; more = wk.next() {
		copyRow(to[wk.off[0]:][:wk.n], from, wk.off[1], wk.s[1])
	}
}

// copyRow fills d with the elements of s from off on, a stride apart.
func copyRow[T elem](d, s []T, off, stride int) {
	switch stride {
	case 1:
		copy(d, s[off:])
	case 0:
		x := s[off]
		for i := range d {
			d[i] = x
		}
	default:
		for i := range d {
			d[i] = s[off]
			off += stride
		}
	}
}
