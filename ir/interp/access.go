package interp

import (
	"math"
	"sync"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// edge says what a subscript outside does.
type edge uint8

const (
	proven    edge = iota // it cannot happen
	elseValue             // the value after else, or nothing for a store
	promised              // it is the author's error
)

func edgeOf(mode string) edge {
	switch mode {
	case "else", "skip":
		return elseValue
	case "unchecked":
		return promised
	}
	return proven
}

// accessPlan is what is known before a run of an operation that reaches a tensor or a tile by subscripts.
type accessPlan struct {
	op     *ir.Op
	site   uint32 // the operation in shadow words, in place; 0 for one too many
	tensor int
	subs   []subPlan
	axes   []int // the spans of the union of the subscripts' axes, in order of first appearance
	edge   edge
	// gathers says that a subscript is a tile, so that a store may meet itself.
	gathers bool
}

// subPlan is one subscript: which cell, and for each axis of the plan the axis of the subscript that it is, or -1.
type subPlan struct {
	cell int
	at   []int
}

// access is an access under way.
type access struct {
	w     *worker
	m     *memory
	p     *accessPlan
	n     []int // live lengths
	subs  []sub
	index []int // of the row, all axes but the last
	line  []int // offsets of the elements of a row, -1 outside
	place []int // strides of the accessed memory along the axes, where all subscripts are affine
	marks [][2]int
}

// sub is a subscript's index at a position: base + Σ coef·position, or tile[Σ stride·position].
type sub struct {
	base int64
	coef []int64
	tile []int64
	s    []int
}

// target is what an access moves elements to or from, a stretch of a row at a time.
type target interface {
	// inside handles positions j … j+n-1 of the row at offsets off, off+step, …
	inside(off, step, j, n int) error
	// outside handles positions j … j+n-1 of the row, which lie outside.
	outside(j, n int) error
	// row begins a row at the index of all axes but the last.
	row(index []int)
}

// tooFar and tooSteep bound the affine indices that are reasoned about as ranges; beyond, each index is computed on its
// own, as it may wrap. A tile has at most 2^31 elements, so sums of steps stay below 2^63.
const (
	tooFar   = 1 << 40
	tooSteep = 1 << 30
)

// begin evaluates the plan's subscripts. inside reports whether all are affine and all elements lie inside; then
// off is the offset of the first element and a.place has the strides.
func (a *access) begin(w *worker, p *accessPlan) (off int, inside bool) {
	a.w, a.m, a.p = w, w.cells[p.tensor].mem, p
	a.n = a.n[:0]
	for _, x := range p.axes {
		a.n = append(a.n, w.cells[x].live())
	}
	for len(a.subs) < len(p.subs) {
		a.subs = append(a.subs, sub{})
	}
	for i := range p.subs {
		a.subs[i].set(w, &p.subs[i])
	}
	return a.measure(p.subs)
}

// set evaluates a subscript.
func (x *sub) set(w *worker, p *subPlan) {
	c := &w.cells[p.cell]
	x.tile, x.coef, x.s = nil, x.coef[:0], x.s[:0]
	switch {
	case c.kind == ir.Scalar:
		x.base = c.oi64[0]
		for range p.at {
			x.coef = append(x.coef, 0)
		}
	case c.kind == ir.Span:
		x.base = c.lo
		for _, k := range p.at {
			x.coef = append(x.coef, int64(k+1)) // 0 of the span's own axis, -1 of another
		}
	case c.affine:
		x.base = c.base
		for _, k := range p.at {
			if k < 0 {
				x.coef = append(x.coef, 0)
			} else {
				x.coef = append(x.coef, c.coef[k])
			}
		}
	default:
		x.tile = c.i64
		for _, k := range p.at {
			if k < 0 {
				x.s = append(x.s, 0)
			} else {
				x.s = append(x.s, c.dims[k].s)
			}
		}
	}
}

func (a *access) measure(subs []subPlan) (off int, inside bool) {
	a.place = a.place[:0]
	for range a.n {
		a.place = append(a.place, 0)
	}
	for i := range subs {
		x := &a.subs[i]
		if x.tile != nil {
			return 0, false
		}
		low, high := x.base, x.base
		if low < -tooFar || low > tooFar {
			return 0, false
		}
		for k, c := range x.coef {
			if c < -tooSteep || c > tooSteep {
				return 0, false
			}
			if d := c * int64(max(a.n[k]-1, 0)); d < 0 {
				low += d
			} else {
				high += d
			}
			a.place[k] += int(c) * a.m.strides[i]
		}
		if low < 0 || high >= a.m.dims[i] {
			return 0, false
		}
		off += int(x.base) * a.m.strides[i]
	}
	return off, true
}

// empty reports whether there is no element.
func (a *access) empty() bool {
	for _, n := range a.n {
		if n == 0 {
			return true
		}
	}
	return false
}

// walk hands every row to t, by way of each subscript's indices.
func (a *access) walk(t target) error {
	if a.empty() {
		return nil
	}
	a.index = a.index[:0]
	for range max(len(a.n)-1, 0) {
		a.index = append(a.index, 0)
	}
	for {
		if a.w.run.stop.Load() {
			return a.w.stopped(a.p.op)
		}
		t.row(a.index)
		if err := a.walkRow(t); err != nil {
			return err
		}
		i := len(a.index) - 1
		for ; i >= 0; i-- {
			if a.index[i]++; a.index[i] < a.n[i] {
				break
			}
			a.index[i] = 0
		}
		if i < 0 {
			return nil
		}
	}
}

// walkRow hands one row to t in as long stretches as there are.
func (a *access) walkRow(t target) error {
	n, last := 1, len(a.n)-1
	if last >= 0 {
		n = a.n[last]
	}
	first, end := 0, n // the positions inside
	off, step := 0, 0
	ranges := true
	for i := range a.p.subs {
		x := &a.subs[i]
		if x.tile != nil {
			k := 0
			for j, p := range a.index {
				k += x.s[j] * p
			}
			if last >= 0 && x.s[last] != 0 {
				ranges = false
				break
			}
			v := x.tile[k]
			if v < 0 || v >= a.m.dims[i] {
				end = 0
				continue
			}
			off += int(v) * a.m.strides[i]
			continue
		}
		v, c := x.base, int64(0)
		for j, p := range a.index {
			v += x.coef[j] * int64(p)
		}
		if last >= 0 {
			c = x.coef[last]
		}
		if v < -tooFar || v > tooFar || c < -tooSteep || c > tooSteep {
			ranges = false
			break
		}
		d := a.m.dims[i]
		switch {
		case c == 0:
			if v < 0 || v >= d {
				end = 0
			}
		case c > 0:
			first = max(first, int(ceilDiv(-v, c)))
			end = min(end, int(ceilDiv(d-v, c)))
		default:
			first = max(first, int(ceilDiv(v-d+1, -c)))
			end = min(end, int(ceilDiv(v+1, -c)))
		}
		off += int(v) * a.m.strides[i]
		step += int(c) * a.m.strides[i]
	}
	if !ranges {
		return a.walkElements(t, n)
	}
	if first >= end {
		return t.outside(0, n)
	}
	if first > 0 {
		if err := t.outside(0, first); err != nil {
			return err
		}
	}
	if err := t.inside(off+first*step, step, first, end-first); err != nil {
		return err
	}
	if end < n {
		return t.outside(end, n-end)
	}
	return nil
}

func ceilDiv(x, y int64) int64 { return -ir.FloorDiv(-x, y) }

// walkElements computes the offset of each element of a row on its own and joins neighbours.
func (a *access) walkElements(t target, n int) error {
	last := len(a.n) - 1
	if cap(a.line) < n {
		a.line = make([]int, n)
	}
	line := a.line[:n]
	clear(line)
	for i := range a.p.subs {
		x := &a.subs[i]
		d, s := uint64(a.m.dims[i]), a.m.strides[i]
		if x.tile == nil {
			v, c := x.base, int64(0)
			for j, p := range a.index {
				v += x.coef[j] * int64(p)
			}
			if last >= 0 {
				c = x.coef[last]
			}
			for j := range line {
				if uint64(v) >= d || line[j] < 0 {
					line[j] = -1
				} else {
					line[j] += int(v) * s
				}
				v += c
			}
			continue
		}
		k := 0
		for j, p := range a.index {
			k += x.s[j] * p
		}
		c := 0
		if last >= 0 {
			c = x.s[last]
		}
		for j := range line {
			v := x.tile[k]
			if uint64(v) >= d || line[j] < 0 {
				line[j] = -1
			} else {
				line[j] += int(v) * s
			}
			k += c
		}
	}
	for j := 0; j < n; {
		k := j + 1
		if line[j] < 0 {
			for k < n && line[k] < 0 {
				k++
			}
			if err := t.outside(j, k-j); err != nil {
				return err
			}
		} else {
			for k < n && line[k] == line[k-1]+1 {
				k++
			}
			if err := t.inside(line[j], 1, j, k-j); err != nil {
				return err
			}
		}
		j = k
	}
	return nil
}

// beyond is the fault of position j of the row, which lies outside.
func (a *access) beyond(j int) error {
	for i := range a.p.subs {
		x := &a.subs[i]
		v := x.at(a.index, j)
		if uint64(v) < uint64(a.m.dims[i]) {
			continue
		}
		if a.p.edge == proven {
			return faultf(Internal, a.p.op.Pos, "subscript %d of dimension %d of %s, which has %d elements, was proven inside and is not",
				v, i+1, a.m.name, a.m.dims[i])
		}
		return faultf(Bounds, a.p.op.Pos, "subscript %d is outside dimension %d of %s, which has %d elements", v, i+1, a.m.name, a.m.dims[i])
	}
	return faultf(Internal, a.p.op.Pos, "no subscript of %s is outside", a.m.name)
}

// at is the subscript's index at a position.
func (x *sub) at(index []int, j int) int64 {
	if x.tile != nil {
		k := 0
		for i, p := range index {
			k += x.s[i] * p
		}
		if last := len(index); last < len(x.s) {
			k += x.s[last] * j
		}
		return x.tile[k]
	}
	v := x.base
	for i, p := range index {
		v += x.coef[i] * int64(p)
	}
	if last := len(index); last < len(x.coef) {
		v += x.coef[last] * int64(j)
	}
	return v
}

// view is a value under an access: its elements, its strides along the access's axes, and where the row starts.
type view[T elem] struct {
	v    []T
	s    []int
	off  int
	step int
}

// over looks at c along the axes of an access; at gives for each the axis of c.
func over[T elem](c *cell, at []int) view[T] {
	v := view[T]{v: vec[T](c)}
	for _, k := range at {
		v.s = append(v.s, c.dims[k].s)
	}
	if len(at) > 0 {
		v.step = v.s[len(at)-1]
	}
	return v
}

func (v *view[T]) row(index []int) {
	v.off = 0
	for i, p := range index {
		v.off += v.s[i] * p
	}
}

// load reads a tile from a tensor into d, which is row-major over the access's axes.
func load[T elem](w *worker, p *accessPlan, d *cell, outside *cell) error {
	a := &w.acc
	off, inside := a.begin(w, p)
	l := &loader[T]{w: w, a: a, d: over[T](d, order(len(d.dims)))}
	if !inside {
		if outside != nil {
			l.other = vec[T](outside)[0]
		}
		return a.walk(l)
	}
	wk := &w.wk
	wk.begin()
	for i, n := range a.n {
		wk.axis(n, d.dims[i].s, a.place[i], 0, 0)
	}
	for more := wk.start(); more; more = wk.next() {
		l.d.off = wk.off[0]
		if err := l.inside(off+wk.off[1], wk.s[1], 0, wk.n); err != nil {
			return err
		}
	}
	return nil
}

// identity is 0, 1, 2, …: the axes of a value in its own order.
var identity = [...]int{0, 1, 2, 3, 4, 5, 6, 7}

func order(n int) []int {
	if n <= len(identity) {
		return identity[:n]
	}
	o := make([]int, n)
	for i := range o {
		o[i] = i
	}
	return o
}

type loader[T elem] struct {
	w     *worker
	a     *access
	d     view[T]
	other T
}

func (l *loader[T]) row(index []int) { l.d.row(index) }

func (l *loader[T]) outside(j, n int) error {
	if l.a.p.edge != elseValue {
		return l.a.beyond(j)
	}
	d := l.d.v[l.d.off+j:][:n]
	for i := range d {
		d[i] = l.other
	}
	return nil
}

func (l *loader[T]) inside(off, step, j, n int) error {
	m, d := l.a.m, l.d.v[l.d.off+j:][:n]
	switch {
	case step == 1 || n == 1:
		return read(l.w, l.a, d, off)
	case step == 0:
		if err := read(l.w, l.a, d[:1], off); err != nil {
			return err
		}
		copyRow(d, d, 0, 0)
		return nil
	case m.mode == untracked && step < 4 && step > 0 && m.width <= 16 && n*step <= 4*chunk:
		// Narrow elements decode faster together than one by one.
		s := scratch[T](l.w, 0, (n-1)*step+1)
		decode(m, s, off)
		copyRow(d, s, 0, step)
		return nil
	}
	for i := range d {
		if err := read(l.w, l.a, d[i:i+1], off); err != nil {
			return err
		}
		off += step
	}
	return nil
}

// read reads len(d) consecutive elements, with the checks of the memory's mode.
func read[T elem](w *worker, a *access, d []T, off int) error {
	m := a.m
	switch m.mode {
	case untracked:
		decode(m, d, off)
		return nil
	case defined:
		if err := m.note(w, a.p, off, len(d), actRead); err != nil {
			return err
		}
		decode(m, d, off)
		return nil
	}
	for len(d) > 0 {
		l, end := m.lock(off)
		n := min(len(d), end-off)
		err := m.note(w, a.p, off, n, actRead)
		if err == nil {
			decode(m, d[:n], off)
		}
		l.Unlock()
		if err != nil {
			return err
		}
		d, off = d[n:], off+n
	}
	return nil
}

// store writes the tile or scalar v, at gives its axis for each of the access's, where mask, if there is one, holds.
func store[T elem](w *worker, p *accessPlan, v *cell, at []int, mask *cell, maskAt []int) error {
	a := &w.acc
	off, inside := a.begin(w, p)
	s := &storer[T]{w: w, a: a, v: over[T](v, at), marks: p.gathers}
	if mask != nil {
		s.mask = over[bool](mask, maskAt)
	}
	var err error
	if inside && mask == nil {
		wk := &w.wk
		wk.begin()
		for i, n := range a.n {
			wk.axis(n, a.place[i], s.v.s[i], 0, 0)
		}
		for more := wk.start(); more && err == nil; more = wk.next() {
			s.v.off, s.v.step = wk.off[1], wk.s[1]
			err = s.inside(off+wk.off[0], wk.s[0], 0, wk.n)
		}
	} else {
		err = a.walk(s)
	}
	if s.marks && a.m.mode != untracked {
		a.m.unmark(w)
	}
	return err
}

type storer[T elem] struct {
	w     *worker
	a     *access
	v     view[T]
	mask  view[bool]
	marks bool
}

func (s *storer[T]) row(index []int) {
	s.v.row(index)
	if s.mask.v != nil {
		s.mask.row(index)
	}
}

func (s *storer[T]) outside(j, n int) error {
	return outsideOf(s.a, &s.mask, j, n)
}

// outsideOf is what stores and atomics do with positions outside: nothing where the mask does not hold.
func outsideOf(a *access, mask *view[bool], j, n int) error {
	if a.p.edge == elseValue {
		return nil
	}
	for i := range n {
		if mask.v == nil || mask.v[mask.off+(j+i)*mask.step] {
			return a.beyond(j + i)
		}
	}
	return nil
}

func (s *storer[T]) inside(off, step, j, n int) error {
	if s.mask.v == nil {
		return s.put(off, step, j, n)
	}
	for i := 0; i < n; {
		if !s.mask.v[s.mask.off+(j+i)*s.mask.step] {
			i++
			continue
		}
		k := i + 1
		for k < n && s.mask.v[s.mask.off+(j+k)*s.mask.step] {
			k++
		}
		if err := s.put(off+i*step, step, j+i, k-i); err != nil {
			return err
		}
		i = k
	}
	return nil
}

// put writes positions j … j+n-1 of the row.
func (s *storer[T]) put(off, step, j, n int) error {
	from := s.v.off + j*s.v.step
	if step == 1 || n == 1 {
		for n > 0 {
			m := min(n, chunk)
			x := s.v.v
			if s.v.step == 1 {
				x = x[from:][:m]
			} else {
				x = scratch[T](s.w, 0, m)
				copyRow(x, s.v.v, from, s.v.step)
			}
			if err := s.write(x, off); err != nil {
				return err
			}
			off, n, from = off+m, n-m, from+m*s.v.step
		}
		return nil
	}
	for range n {
		if err := s.write(s.v.v[from:from+1], off); err != nil {
			return err
		}
		off, from = off+step, from+s.v.step
	}
	return nil
}

// write writes consecutive elements, with the checks of the memory's mode.
func (s *storer[T]) write(x []T, off int) error {
	m := s.a.m
	for len(x) > 0 {
		n := len(x)
		var l *sync.Mutex
		if m.mode == shared {
			var end int
			l, end = m.lock(off)
			n = min(n, end-off)
		}
		var err error
		if m.mode != untracked {
			err = m.note(s.w, s.a.p, off, n, actStore)
			if err == nil && s.marks {
				err = m.mark(s.w, s.a.p, off, n)
			}
		}
		if err == nil {
			encode(m, x[:n], off)
		}
		if l != nil {
			l.Unlock()
		}
		if err != nil {
			return err
		}
		x, off = x[n:], off+n
	}
	return nil
}

// update applies f(old, value, second value) to each element that a store would write, in row-major order, and leaves
// the old ones in old, if that is not nil.
func update[T elem](w *worker, p *accessPlan, v, v2 *cell, at, at2 []int, mask *cell, maskAt []int, old *cell, act int,
	f func(old, v, v2 T) T) error {
	a := &w.acc
	a.begin(w, p)
	t := &adder[T]{w: w, a: a, v: over[T](v, at), f: f, act: act}
	if v2 != nil {
		t.v2 = over[T](v2, at2)
	}
	if mask != nil {
		t.mask = over[bool](mask, maskAt)
	}
	if old != nil {
		t.old = over[T](old, order(len(old.dims)))
		clear(t.old.v) // of what is masked out or outside the old value is zero
	}
	return a.walk(t)
}

type adder[T elem] struct {
	w          *worker
	a          *access
	v, v2, old view[T]
	mask       view[bool]
	act        int
	f          func(old, v, v2 T) T
}

func (t *adder[T]) row(index []int) {
	t.v.row(index)
	if t.v2.v != nil {
		t.v2.row(index)
	}
	if t.mask.v != nil {
		t.mask.row(index)
	}
	if t.old.v != nil {
		t.old.row(index)
	}
}

func (t *adder[T]) outside(j, n int) error { return outsideOf(t.a, &t.mask, j, n) }

func (t *adder[T]) inside(off, step, j, n int) error {
	m := t.a.m
	one := scratch[T](t.w, 0, 1)
	for i := range n {
		k := j + i
		if t.mask.v != nil && !t.mask.v[t.mask.off+k*t.mask.step] {
			continue
		}
		var second T
		if t.v2.v != nil {
			second = t.v2.v[t.v2.off+k*t.v2.step]
		}
		var l *sync.Mutex
		if m.mode == shared {
			l, _ = m.lock(off + i*step)
		}
		var err error
		if m.mode != untracked {
			err = m.note(t.w, t.a.p, off+i*step, 1, t.act)
		}
		if err == nil {
			decode(m, one, off+i*step)
			if t.old.v != nil {
				t.old.v[t.old.off+k*t.old.step] = one[0]
			}
			one[0] = t.f(one[0], t.v.v[t.v.off+k*t.v.step], second)
			encode(m, one, off+i*step)
		}
		if l != nil {
			l.Unlock()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// intAtomic is the function of an atomic operation on integers; wrap fits a result to the type.
func intAtomic(kind string, t dtype.Type) func(old, v, v2 int64) int64 {
	wrap := wrapTo(t)
	less := func(x, y int64) bool { return x < y }
	if t == dtype.U64 {
		less = func(x, y int64) bool { return uint64(x) < uint64(y) }
	}
	switch kind {
	case "add":
		return func(old, v, _ int64) int64 { return wrap(old + v) }
	case "max":
		return func(old, v, _ int64) int64 {
			if less(old, v) {
				return v
			}
			return old
		}
	case "min":
		return func(old, v, _ int64) int64 {
			if less(v, old) {
				return v
			}
			return old
		}
	case "and":
		return func(old, v, _ int64) int64 { return old & v }
	case "or":
		return func(old, v, _ int64) int64 { return old | v }
	case "xor":
		return func(old, v, _ int64) int64 { return old ^ v }
	case "xchg":
		return func(_, v, _ int64) int64 { return v }
	}
	return func(old, v, v2 int64) int64 {
		if old == v {
			return v2
		}
		return old
	}
}

// boolAtomic is the function of an atomic operation on bools.
func boolAtomic(kind string) func(old, v, v2 bool) bool {
	switch kind {
	case "and":
		return func(old, v, _ bool) bool { return old && v }
	case "or":
		return func(old, v, _ bool) bool { return old || v }
	case "xor":
		return func(old, v, _ bool) bool { return old != v }
	case "xchg":
		return func(_, v, _ bool) bool { return v }
	}
	return func(old, v, v2 bool) bool {
		if old == v {
			return v2
		}
		return old
	}
}

// floatAtomic is the function of an atomic operation on floats; cas compares bits, so that it can meet a NaN.
func floatAtomic[T float32 | float64](kind string, t dtype.Type) func(old, v, v2 T) T {
	switch kind {
	case "add":
		if t == dtype.F32 || t == dtype.F64 {
			return func(old, v, _ T) T { return old + v }
		}
		return func(old, v, _ T) T { return T(t.RoundF32(float32(old + v))) }
	case "max":
		return func(old, v, _ T) T { return maxNum(old, v) }
	case "min":
		return func(old, v, _ T) T { return minNum(old, v) }
	case "xchg":
		return func(_, v, _ T) T { return v }
	}
	return func(old, v, v2 T) T {
		if math.Float64bits(float64(old)) == math.Float64bits(float64(v)) {
			return v2
		}
		return old
	}
}
