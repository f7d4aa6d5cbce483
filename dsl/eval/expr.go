package eval

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir/dtype"
)

// blockElements is about how many elements are worked on at a time: what a core's cache holds a few of.
const blockElements = 1 << 15

func (r *Runner) blockSize() int {
	if r.elements > 0 {
		return r.elements
	}
	return blockElements
}

// blocks cuts a box into blocks of at most limit elements: whole inner axes, runs of one, single positions of the outer
// ones.
func blocks(b *box, limit int) []*box {
	size := make([]int64, len(b.at))
	room := int64(max(limit, 1))
	for i := len(b.at) - 1; i >= 0; i-- {
		if b.at[i].n == 0 {
			return nil
		}
		size[i] = min(b.at[i].n, max(room, 1))
		room /= size[i]
	}
	out := []*box{{axes: b.axes}}
	for i, x := range b.at {
		var next []*box
		for _, o := range out {
			for lo := int64(0); lo < x.n; lo += size[i] {
				at := append(o.at[:len(o.at):len(o.at)], interval{x.lo + lo, min(size[i], x.n-lo)})
				next = append(next, &box{b.axes, at})
			}
		}
		out = next
	}
	return out
}

// whole is the value of an expression over its own axes, without its error.
func (r *Runner) whole(e typed.Expr) *values { return r.full(e, e.Type().Axes, false) }

// full is the value of an expression over whole axes, in the order given, with its error if track is set.
func (r *Runner) full(e typed.Expr, axes []*typed.Axis, track bool) *values {
	r.inline(e)
	b := &box{axes: axes}
	shape := make([]int64, len(axes))
	for i, a := range axes {
		b.at = append(b.at, r.positions(a))
		shape[i] = b.at[i].n
	}
	n := count(e.Span(), "a value", shape)
	out := &values{axes: axes, n: b.shape()}
	if isInt(e.Type().Elem) {
		out.i = make([]int64, n)
	} else {
		out.f = make([]float64, n)
	}
	r.each(b, func(w *worker, k int, part *box) {
		v := w.eval(e, part).spread(part)
		if k == 0 && v.a != nil {
			out.a = make([]float64, n)
		}
		if k == 0 && v.e != nil {
			out.e = make([]float64, n)
		}
		place(out.i, out.n, part, v.i)
		place(out.f, out.n, part, v.f)
		place(out.a, out.n, part, v.a)
		place(out.e, out.n, part, v.e)
	}, track)
	return out
}

// each calls visit for every block of a box: for the first alone, then for the others on all cores. An error is that of
// the first block that has one.
func (r *Runner) each(b *box, visit func(w *worker, k int, part *box), track bool) {
	limit := min(r.blockSize(), max(1<<10, b.size()/(4*r.workers())))
	parts := blocks(b, limit)
	if len(parts) == 0 {
		return
	}
	first := &worker{r: r, track: track}
	visit(first, 0, parts[0])
	var next atomic.Int64
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed *Error
	failedAt := len(parts)
	run := func(w *worker) {
		defer wg.Done()
		for {
			k := int(next.Add(1))
			if k >= len(parts) {
				return
			}
			func() {
				defer func() {
					if x := recover(); x != nil {
						e, ok := x.(*Error)
						if !ok {
							e = &Error{Msg: "internal error while evaluating"}
							if err, isErr := x.(error); isErr {
								e.Msg += ": " + err.Error()
							}
						}
						mu.Lock()
						defer mu.Unlock()
						if k < failedAt {
							failed, failedAt = e, k
						}
						next.Store(int64(len(parts)))
					}
				}()
				r.cancelled(diag.Span{}) // the statement's place, which Exec knows
				visit(w, k, parts[k])
			}()
		}
	}
	n := min(r.workers(), len(parts)-1)
	wg.Add(n)
	for i := range n {
		w := first
		if i > 0 {
			w = &worker{r: r, track: track}
		}
		if n == 1 {
			run(w)
		} else {
			go run(w)
		}
	}
	wg.Wait()
	if failed != nil {
		panic(failed)
	}
}

// inline runs the bodies of the functions inlined in an expression, whose variables it then reads.
func (r *Runner) inline(e typed.Expr) {
	switch e := e.(type) {
	case nil:
		return
	case *typed.Let:
		if _, err := r.block(e.Body); err != nil {
			panic(asError(e.At, err))
		}
		r.inline(e.Value)
		return
	}
	for _, x := range typed.Operands(e) {
		r.inline(x)
	}
}

// worker evaluates blocks on one core.
type worker struct {
	r     *Runner
	track bool
	memo  map[*typed.Reduce]memo
}

// memo is the last value of a reduction: blocks that differ only along its reduced axes share it.
type memo struct {
	at  *box
	val *values
}

// eval is the value of an expression in a box: over those of the box's axes that the expression has, in the box's order.
func (w *worker) eval(e typed.Expr, b *box) *values {
	switch e := e.(type) {
	case *typed.Const:
		if isInt(e.T.Elem) {
			return &values{i: []int64{e.Int}}
		}
		return &values{f: []float64{e.Float}}
	case *typed.Ref:
		v, ok := w.r.vars[e.Var]
		if !ok {
			panic(failf(e.At, "internal error: %s has no value", e.Var.Name))
		}
		v = v.window(b)
		if !w.track {
			v = v.exact()
		}
		return v
	case *typed.Iota:
		part := b.part([]*typed.Axis{e.Axis})
		x := part.at[0]
		out := integers(part.axes, part.shape(), make([]int64, x.n))
		lo := w.r.interval(e.Axis).lo + x.lo
		for k := range out.i {
			out.i[k] = lo + int64(k)
		}
		return out
	case *typed.Bound:
		x := w.r.interval(e.Axis)
		if e.Hi {
			return &values{i: []int64{x.lo + x.n}}
		}
		return &values{i: []int64{x.lo}}
	case *typed.Load:
		return w.load(e, b)
	case *typed.Lookup:
		return w.lookup(e, b)
	case *typed.Map:
		return w.mapped(e, b)
	case *typed.Cast:
		return w.cast(e, b)
	case *typed.BitCast:
		return bitCast(w.eval(e.Value, b), e.Value.Type().Elem, e.T.Elem)
	case *typed.Fill:
		return w.eval(e.Value, b).spread(b.part(e.T.Axes))
	case *typed.Reduce:
		return w.reduce(e, b)
	case *typed.Dot:
		return w.dot(e, b)
	case *typed.Pack:
		return w.pack(e, b)
	case *typed.Unpack:
		return w.unpack(e, b)
	case *typed.Cat:
		return w.cat(e, b)
	case *typed.Result:
		vals, ok := w.r.multis[e.Of]
		if !ok || e.N >= len(vals) {
			panic(failf(e.At, "internal error: a result of an operation that has not run"))
		}
		return vals[e.N].window(b)
	case *typed.Let:
		return w.eval(e.Value, b)
	}
	panic(failf(e.Span(), "internal error: %T in a test", e))
}

// load reads a tensor.
func (w *worker) load(e *typed.Load, b *box) *values {
	t, ok := w.r.tensors[e.Tensor]
	if !ok {
		panic(failf(e.At, "internal error: %s has no value", e.Tensor.Name))
	}
	t.decode()
	part := b.part(e.T.Axes)
	n := part.shape()
	out := &values{axes: part.axes, n: n}
	if start, step, ok := w.direct(e, t, part); ok {
		if t.f != nil {
			out.f = walk(t.f, start, n, step)
		} else {
			out.i = walk(t.i, start, n, step)
		}
		if w.track && t.a != nil {
			out.a = walk(t.a, start, n, step)
		}
		if w.track && t.e != nil {
			out.e = walk(t.e, start, n, step)
		}
	} else {
		w.gather(e, t, part, out)
	}
	if w.track && t.result && out.f != nil {
		out.e = make([]float64, len(out.f))
		for k, x := range out.f {
			out.e[k] = halfUlp(t.elem, x)
		}
	}
	return out
}

// direct is where a load's elements lie if every subscript is an axis or a scalar and inside.
func (w *worker) direct(e *typed.Load, t *tensor, part *box) (start int, step []int, ok bool) {
	step = make([]int, len(part.axes))
	dist := 1
	for d := len(t.shape) - 1; d >= 0; d-- {
		var lo, hi int64
		switch i := e.Index[d].(type) {
		case *typed.Iota:
			k := part.find(i.Axis)
			lo = w.r.interval(i.Axis).lo + part.at[k].lo
			hi = lo + part.at[k].n
			step[k] += dist
		default:
			if len(i.Type().Axes) > 0 {
				return 0, nil, false
			}
			lo = w.eval(i, part).i[0]
			hi = lo + 1
		}
		if lo < hi && (lo < 0 || hi > t.shape[d]) {
			return 0, nil, false
		}
		start += int(lo) * dist
		dist *= int(t.shape[d])
	}
	return start, step, true
}

// gather reads elements one by one.
func (w *worker) gather(e *typed.Load, t *tensor, part *box, out *values) {
	size := part.size()
	at := make([]int, size) // -1: outside
	dist := 1
	for d := len(t.shape) - 1; d >= 0; d-- {
		index := w.eval(e.Index[d], part).spread(part).i
		for k, i := range index {
			switch {
			case at[k] < 0:
			case i >= 0 && i < t.shape[d]:
				at[k] += int(i) * dist
			case e.Mode == typed.Else:
				at[k] = -1
			default:
				panic(failf(e.At, "subscript %d of dimension %d of %s is outside 0..%d", i, d+1, e.Tensor.Name, t.shape[d]))
			}
		}
		dist *= int(t.shape[d])
	}
	var outF float64
	var outI int64
	if e.Mode == typed.Else {
		v := w.eval(e.Out, part)
		if v.f != nil {
			outF = v.f[0]
		} else {
			outI = v.i[0]
		}
	}
	if t.f != nil {
		out.f = pick(t.f, at, outF)
	} else {
		out.i = pick(t.i, at, outI)
	}
	if w.track && t.a != nil {
		out.a = pick(t.a, at, finite(max(outF, -outF)))
	}
	if w.track && t.e != nil {
		out.e = pick(t.e, at, 0)
	}
}

// pick is src at the offsets, otherwise where one is negative.
func pick[T any](src []T, at []int, otherwise T) []T {
	out := make([]T, len(at))
	for k, i := range at {
		if i < 0 {
			out[k] = otherwise
		} else {
			out[k] = src[i]
		}
	}
	return out
}

// lookup subscripts a value by index values of one of its axes.
func (w *worker) lookup(e *typed.Lookup, b *box) *values {
	rest := without(e.Tile.Type().Axes, []*typed.Axis{e.Axis})
	outer := b.part(rest)
	whole := w.r.positions(e.Axis)
	inner := outer.and([]*typed.Axis{e.Axis}, []interval{whole})
	tile := w.eval(e.Tile, inner).spread(inner)
	part := b.part(e.T.Axes)
	base := integers(outer.axes, outer.shape(), make([]int64, outer.size()))
	for k := range base.i {
		base.i[k] = int64(k) * whole.n
	}
	rows := base.spread(part).i
	index := w.eval(e.Index, part).spread(part).i
	lo := w.r.interval(e.Axis).lo
	at := make([]int, len(index))
	for k, i := range index {
		i -= lo
		switch {
		case i >= 0 && i < whole.n:
			at[k] = int(rows[k] + i)
		case e.Mode == typed.Else:
			at[k] = -1
		default:
			panic(failf(e.At, "index %d is outside %d..%d of axis %s", i+lo, lo, lo+whole.n, e.Axis.Name))
		}
	}
	out := &values{axes: part.axes, n: part.shape()}
	var outside *values
	if e.Mode == typed.Else {
		outside = w.eval(e.Out, part)
	}
	if tile.i != nil {
		var x int64
		if outside != nil {
			x = outside.i[0]
		}
		out.i = pick(tile.i, at, x)
		return out
	}
	var x float64
	if outside != nil {
		x = outside.f[0]
	}
	out.f = pick(tile.f, at, x)
	if tile.a != nil {
		out.a = pick(tile.a, at, finite(max(x, -x)))
	}
	if tile.e != nil {
		out.e = pick(tile.e, at, 0)
	}
	return out
}

// without is list less those in less.
func without(list, less []*typed.Axis) []*typed.Axis {
	var out []*typed.Axis
next:
	for _, a := range list {
		for _, x := range less {
			if a == x {
				continue next
			}
		}
		out = append(out, a)
	}
	return out
}

// mapped is an elementwise operation.
func (w *worker) mapped(e *typed.Map, b *box) *values {
	part := b.part(e.T.Axes)
	args := make([]*values, len(e.Args))
	for i, x := range e.Args {
		args[i] = w.eval(x, part).spread(part)
	}
	return apply(e, args, w.track)
}

// cast converts element types.
func (w *worker) cast(e *typed.Cast, b *box) *values {
	v := w.eval(e.Value, b)
	from, to := e.Value.Type().Elem, e.T.Elem
	mode := dtype.Default
	if e.Round == "rz" {
		mode = dtype.RZ
	}
	if e.Overflow == "wrap" {
		mode = dtype.Wrap
	}
	out := &values{axes: v.axes, n: v.n}
	switch {
	case v.f != nil && isInt(to):
		out.i = make([]int64, len(v.f))
		for k, x := range v.f {
			out.i[k] = to.IntOfFloat(x, mode)
		}
	case v.f != nil:
		if dtype.Widens(from, to) {
			return v
		}
		out.f = make([]float64, len(v.f))
		for k, x := range v.f {
			out.f[k] = to.FloatOfFloat(x, mode)
		}
		out.a = v.a
		if w.track && v.e != nil { // two values that differ by e round to two that differ by e and an ulp
			out.e = make([]float64, len(v.f))
			for k, x := range v.e {
				if x != 0 && out.f[k]-out.f[k] == 0 {
					out.e[k] = x + 2*halfUlp(to, out.f[k])
				}
			}
		}
	case isInt(to):
		out.i = make([]int64, len(v.i))
		for k, x := range v.i {
			out.i[k] = to.IntOfInt(from, x, mode)
		}
	default:
		out.f = make([]float64, len(v.i))
		for k, x := range v.i {
			out.f[k] = to.FloatOfInt(from, x, mode)
		}
	}
	return out
}

// bitCast reinterprets codes.
func bitCast(v *values, from, to dtype.Type) *values {
	out := &values{axes: v.axes, n: v.n}
	codes := make([]uint64, v.size())
	for k := range codes {
		if v.f != nil {
			codes[k] = from.Encode(v.f[k], dtype.NearestEven, dtype.ToInf)
		} else {
			codes[k] = from.EncodeInt(v.i[k], true)
		}
	}
	decodeCodes(out, to, codes)
	return out
}

// decodeCodes fills a value with the meaning of codes.
func decodeCodes(out *values, elem dtype.Type, codes []uint64) {
	if isInt(elem) {
		out.i = make([]int64, len(codes))
		for k, c := range codes {
			out.i[k] = elem.DecodeInt(c)
		}
		return
	}
	out.f = make([]float64, len(codes))
	for k, c := range codes {
		out.f[k] = elem.Decode(c)
	}
}

// pack joins bits to integers.
func (w *worker) pack(e *typed.Pack, b *box) *values {
	part := b.part(e.T.Axes)
	j := w.r.positions(e.Axis)
	inner := part.and([]*typed.Axis{e.Axis}, []interval{j})
	bits := w.eval(e.Value, inner).spread(inner).i
	codes := make([]uint64, part.size())
	for k := range codes {
		for x := range int(j.n) {
			codes[k] |= uint64(bits[k*int(j.n)+x]) << x
		}
	}
	out := &values{axes: part.axes, n: part.shape()}
	decodeCodes(out, e.T.Elem, codes)
	return out
}

// unpack takes elements out of integers.
func (w *worker) unpack(e *typed.Unpack, b *box) *values {
	part := b.part(e.T.Axes)
	from := e.Value.Type().Elem
	v := w.eval(e.Value, part).spread(part)
	j := integers([]*typed.Axis{e.Axis}, []int{int(part.at[part.find(e.Axis)].n)}, nil)
	for k := range int64(j.n[0]) {
		j.i = append(j.i, part.at[part.find(e.Axis)].lo+k)
	}
	at := j.spread(part).i
	codes := make([]uint64, part.size())
	for k := range codes {
		codes[k] = from.EncodeInt(v.i[k], true) >> (uint(at[k]) * uint(e.T.Elem.Bits())) & (1<<e.T.Elem.Bits() - 1)
	}
	out := &values{axes: part.axes, n: part.shape()}
	decodeCodes(out, e.T.Elem, codes)
	return out
}

// cat joins two values along an axis. Either may be over the other's part as well, which is then an axis like others.
func (w *worker) cat(e *typed.Cat, b *box) *values {
	u := b.at[b.find(e.Axis)]
	outer := b.part(without(e.T.Axes, []*typed.Axis{e.Axis}))
	first := w.r.positions(e.Axis.A).n
	side := func(x typed.Expr, a *typed.Axis, lo, hi int64) *values {
		if hi <= lo {
			return nil
		}
		along := []interval{{lo, hi - lo}}
		inner := outer.part(without(outer.axes, []*typed.Axis{a})).and([]*typed.Axis{a}, along)
		v := *w.eval(x, inner)
		v.axes = slices.Clone(v.axes)
		for i, b := range v.axes {
			if b == a {
				v.axes[i] = e.Axis
			}
		}
		return v.spread(outer.and([]*typed.Axis{e.Axis}, along))
	}
	x := side(e.A, e.Axis.A, min(u.lo, first), min(u.lo+u.n, first))
	y := side(e.B, e.Axis.B, max(u.lo-first, 0), u.lo+u.n-first)
	joined := outer.and([]*typed.Axis{e.Axis}, []interval{u})
	out := &values{axes: joined.axes, n: joined.shape()}
	rows := outer.size()
	if isInt(e.T.Elem) {
		out.i = interleave(rows, ints(x), ints(y))
	} else {
		out.f = interleave(rows, floats(x), floats(y))
		if w.track {
			out.a = interleave(rows, magnitudes(x), magnitudes(y))
			out.e = interleave(rows, errorsOf(x), errorsOf(y))
		}
	}
	return out.spread(b.part(e.T.Axes))
}

func ints(v *values) []int64 {
	if v == nil {
		return nil
	}
	return v.i
}

func floats(v *values) []float64 {
	if v == nil {
		return nil
	}
	return v.f
}

func magnitudes(v *values) []float64 {
	if v == nil {
		return nil
	}
	return v.magnitude()
}

func errorsOf(v *values) []float64 {
	switch {
	case v == nil:
		return nil
	case v.e == nil:
		return make([]float64, len(v.f))
	}
	return v.e
}

// interleave joins the rows of two arrays.
func interleave[T any](rows int, x, y []T) []T {
	out := make([]T, 0, len(x)+len(y))
	if rows == 0 {
		return out
	}
	nx, ny := len(x)/rows, len(y)/rows
	for k := range rows {
		out = append(append(out, x[k*nx:(k+1)*nx]...), y[k*ny:(k+1)*ny]...)
	}
	return out
}

// scatter replaces elements of a variable.
func (r *Runner) scatter(s *typed.Scatter) {
	old, ok := r.vars[s.Var]
	if !ok {
		panic(failf(s.At, "internal error: %s has no value", s.Var.Name))
	}
	rest := without(s.Var.Type.Axes, []*typed.Axis{s.Axis})
	axes := append(rest[:len(rest):len(rest)], without(s.Index.Type().Axes, rest)...)
	value, index := r.full(s.Value, axes, true), r.full(s.Index, axes, false)
	new := &values{axes: old.axes, n: old.n, f: append([]float64(nil), old.f...), i: append([]int64(nil), old.i...)}
	if old.f != nil {
		new.a, new.e = append([]float64(nil), magnitudes(old)...), append([]float64(nil), errorsOf(old)...)
	}
	// Conditions over the contributions' axes mask those; set sees to the others.
	masks := r.masks
	defer func() { r.masks = masks }()
	var kept []*values
	on := make([]bool, index.size())
	for k := range on {
		on[k] = true
	}
	b := &box{axes: axes}
	for _, a := range axes {
		b.at = append(b.at, r.positions(a))
	}
	for _, m := range masks[min(r.homes[s.Var], len(masks)):] {
		if len(without(m.axes, axes)) > 0 {
			kept = append(kept, m)
			continue
		}
		for k, x := range m.spread(b).i {
			on[k] = on[k] && x != 0
		}
	}
	step := strides(old.n)
	at := make([]int, len(axes))
	for i, a := range old.axes {
		for k, x := range axes {
			if x == a && a != s.Axis {
				at[k] = step[i]
			}
		}
	}
	which := 0
	for i, a := range old.axes {
		if a == s.Axis {
			which = step[i]
		}
	}
	base := walkOffsets(b.shape(), at)
	var a, e []float64
	if old.f != nil {
		a, e = magnitudes(value), errorsOf(value)
	}
	span := r.interval(s.Axis)
	for k, i := range index.i {
		if !on[k] {
			continue
		}
		i -= span.lo
		if i < 0 || i >= span.n {
			if s.Mode == typed.Else {
				continue
			}
			panic(failf(s.At, "index %d is outside %d..%d of axis %s", i+span.lo, span.lo, span.lo+span.n, s.Axis.Name))
		}
		to := int(base[k]) + int(i)*which
		if old.i != nil {
			new.i[to] = value.i[k]
			continue
		}
		new.f[to] = value.f[k]
		new.a[to], new.e[to] = a[k], e[k]
	}
	r.masks = append(masks[:min(r.homes[s.Var], len(masks)):min(r.homes[s.Var], len(masks))], kept...)
	r.set(s.Var, new)
}

// walkOffsets is Σ index·step for all indices of a shape, row-major.
func walkOffsets(n, step []int) []int64 {
	size := 1
	for _, k := range n {
		size *= k
	}
	out := make([]int64, size)
	for k := range out {
		rest, off := k, 0
		for d := len(n) - 1; d >= 0; d-- {
			off += rest % n[d] * step[d]
			rest /= n[d]
		}
		out[k] = int64(off)
	}
	return out
}

// selected is x where c is true, else y; all are over the same axes.
func selected(c, x, y *values) *values {
	out := &values{axes: c.axes, n: c.n}
	if x.i != nil {
		out.i = make([]int64, len(c.i))
		for k, on := range c.i {
			if on != 0 {
				out.i[k] = x.i[k]
			} else {
				out.i[k] = y.i[k]
			}
		}
		return out
	}
	choose := func(x, y []float64) []float64 {
		z := make([]float64, len(c.i))
		for k, on := range c.i {
			if on != 0 {
				z[k] = x[k]
			} else {
				z[k] = y[k]
			}
		}
		return z
	}
	out.f = choose(x.f, y.f)
	if x.a != nil || y.a != nil {
		out.a = choose(x.magnitude(), y.magnitude())
	}
	if x.e != nil || y.e != nil {
		out.e = choose(errorsOf(x), errorsOf(y))
	}
	return out
}
