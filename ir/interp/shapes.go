package interp

import (
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// bcast makes a view with other axes: those that the operand lacks repeat.
func (c *compiler) bcast(o *ir.Op) func(w *worker) error {
	x, t := o.Operands[0], o.Result().Type
	s, d, spans := c.cell(x), c.cell(o.Result()), c.spans(t)
	from := make([]int, len(t.Axes))
	for i, a := range t.Axes {
		from[i] = x.Type.Axis(a.Span)
	}
	return func(w *worker) error {
		src, r := &w.cells[s], &w.cells[d]
		if r.kind == ir.Scalar {
			w.share(r, src)
			return nil
		}
		if src.kind == ir.Scalar {
			// The scalar's cell may change while the tile lives: copy its element.
			w.drop(r)
			if err := w.store(r, 1); err != nil {
				return err
			}
			switch r.class {
			case f32Class:
				r.f32[0] = src.of32[0]
			case f64Class:
				r.f64[0] = src.of64[0]
			case intClass:
				r.i64[0] = src.oi64[0]
			default:
				r.b[0] = src.ob[0]
			}
			for i, k := range spans {
				r.dims[i] = dim{w.cells[k].live(), 0}
			}
			return nil
		}
		if src.buf != nil {
			src.buf.refs++
		}
		w.drop(r)
		r.f32, r.f64, r.i64, r.b, r.buf = src.f32, src.f64, src.i64, src.b, src.buf
		r.affine, r.base, r.coef = src.affine, src.base, r.coef[:0]
		for i, k := range from {
			r.dims[i] = dim{w.cells[spans[i]].live(), 0}
			if k >= 0 {
				r.dims[i].s = src.dims[k].s
			}
			if src.affine {
				var step int64
				if k >= 0 {
					step = src.coef[k]
				}
				r.coef = append(r.coef, step)
			}
		}
		return nil
	}
}

// rebind gives a tile's axis another span of the same live length.
func (c *compiler) rebind(o *ir.Op) func(w *worker) error {
	s, d := c.cell(o.Operands[0]), c.cell(o.Result())
	axes := c.cellsOf(o.Axes)
	return func(w *worker) error {
		if a, b := w.cells[axes[0]].live(), w.cells[axes[1]].live(); a != b {
			return faultf(Internal, o.Pos, "an axis of %d indices rebound to one of %d", a, b)
		}
		w.share(&w.cells[d], &w.cells[s])
		return nil
	}
}

// copyView copies the elements of s to d, which over the same axes in the same order start at off and have strides to.
func copyView[T elem](w *worker, d []T, off int, to []int, s *cell) {
	wk := &w.wk
	wk.begin()
	for i, x := range s.dims {
		wk.axis(x.n, to[i], x.s, 0, 0)
	}
	from := vec[T](s)
	for more := wk.start(); more; more = wk.next() {
		if wk.s[0] == 1 {
			copyRow(d[off+wk.off[0]:][:wk.n], from, wk.off[1], wk.s[1])
			continue
		}
		i, j := off+wk.off[0], wk.off[1]
		for range wk.n {
			d[i] = from[j]
			i, j = i+wk.s[0], j+wk.s[1]
		}
	}
}

// copyInto is copyView for any class.
func copyInto(w *worker, d *cell, off int, to []int, s *cell) {
	switch d.class {
	case f32Class:
		copyView(w, d.f32, off, to, s)
	case f64Class:
		copyView(w, d.f64, off, to, s)
	case intClass:
		copyView(w, d.i64, off, to, s)
	default:
		copyView(w, d.b, off, to, s)
	}
}

// strides are those of a cell's axes.
func (c *cell) strides() []int {
	s := make([]int, len(c.dims))
	for i, d := range c.dims {
		s[i] = d.s
	}
	return s
}

// cat puts one tile behind another.
func (c *compiler) cat(o *ir.Op) func(w *worker) error {
	x, y, d := c.cell(o.Operands[0]), c.cell(o.Operands[1]), c.cell(o.Result())
	spans, axis := c.spans(o.Result().Type), o.Result().Type.Axis(o.Axes[2])
	return func(w *worker) error {
		a, b, r := &w.cells[x], &w.cells[y], &w.cells[d]
		if err := w.forceBoth(a, b); err != nil {
			return err
		}
		if err := w.fresh(r, spans); err != nil {
			return err
		}
		to := r.strides()
		copyInto(w, r, 0, to, a)
		copyInto(w, r, a.dims[axis].n*to[axis], to, b)
		return nil
	}
}

func (w *worker) forceBoth(a, b *cell) error {
	if err := w.force(a); err != nil {
		return err
	}
	return w.force(b)
}

// lookupPlan is a subscripted axis of a tile.
type lookupPlan struct {
	op      *ir.Op
	span    int   // the axis's span
	axis    int   // its place in the tile's type
	axes    []int // spans of the union of the tile's other axes and the subscript's
	inTile  []int // for each of those, the tile's axis, or -1
	inIndex []int // and the subscript's
	index   subPlan
	edge    edge
}

func (c *compiler) lookupPlan(o *ir.Op) *lookupPlan {
	t, i := o.Operands[0].Type, o.Operands[1]
	var spans []*ir.Value
	for _, a := range t.Axes {
		if a.Span != o.Axes[0] {
			spans = append(spans, a.Span)
		}
	}
	for _, a := range i.SubscriptAxes() {
		found := false
		for _, s := range spans {
			found = found || s == a.Span
		}
		if !found {
			spans = append(spans, a.Span)
		}
	}
	p := &lookupPlan{op: o, span: c.cell(o.Axes[0]), axis: t.Axis(o.Axes[0]), axes: c.cellsOf(spans),
		inTile: places(spans, t.Axes), inIndex: places(spans, i.SubscriptAxes()), edge: edgeOf(o.Str("mode"))}
	for k, s := range spans {
		if s == o.Axes[0] {
			p.inTile[k] = -1 // the subscript brings the axis back; the tile's own is gone
		}
	}
	p.index = subPlan{c.cell(i), p.inIndex}
	return p
}

// outside is the fault of an index value that the axis lacks.
func (p *lookupPlan) outside(w *worker, v int64) error {
	s := &w.cells[p.span]
	name := p.op.Axes[0].Name
	if p.edge == proven {
		return faultf(Internal, p.op.Pos, "index %d of axis %s, which has %d..%d, was proven inside and is not", v, name, s.lo, s.hi)
	}
	return faultf(Bounds, p.op.Pos, "index %d is outside axis %s, which has %d..%d", v, name, s.lo, s.hi)
}

func (c *compiler) lookup(o *ir.Op) func(w *worker) error {
	p := c.lookupPlan(o)
	s, d := c.cell(o.Operands[0]), c.cell(o.Result())
	other := -1
	if v := o.Outside(); v != nil {
		other = c.cell(v)
	}
	return func(w *worker) error {
		t, r := &w.cells[s], &w.cells[d]
		if err := w.force(t); err != nil {
			return err
		}
		if err := w.fresh(r, p.axes); err != nil {
			return err
		}
		switch r.class {
		case f32Class:
			return lookup[float32](w, p, r, t, other)
		case f64Class:
			return lookup[float64](w, p, r, t, other)
		case intClass:
			return lookup[int64](w, p, r, t, other)
		}
		return lookup[bool](w, p, r, t, other)
	}
}

// lookup fills the row-major r.
func lookup[T elem](w *worker, p *lookupPlan, r, t *cell, other int) error {
	var instead T
	if other >= 0 {
		instead = vec[T](&w.cells[other])[0]
	}
	d, s := vec[T](r), vec[T](t)
	span := &w.cells[p.span]
	lo, live, along := span.lo, uint64(span.live()), t.dims[p.axis].s
	index, err := w.indexTile(p)
	if err != nil {
		return err
	}
	wk := &w.wk
	wk.begin()
	for k, x := range p.axes {
		n, own, ts, is := w.cells[x].live(), 1, 0, index.stride(p.inIndex[k])
		if r.kind == ir.Tile {
			own = r.dims[k].s
		}
		if j := p.inTile[k]; j >= 0 {
			ts = t.dims[j].s
		}
		wk.axis(n, own, ts, is, 0)
	}
	for more := wk.start(); more; more = wk.next() {
		row := d[wk.off[0]:][:wk.n]
		ts, is := wk.s[1], wk.s[2]
		if len(p.axes) == 0 {
			ts, is = 0, 0
		}
		at, i := wk.off[1], wk.off[2]
		for j := range row {
			k := uint64(index.v[i] - lo)
			if k < live {
				row[j] = s[at+int(k)*along]
			} else if p.edge == elseValue {
				row[j] = instead
			} else {
				return p.outside(w, index.v[i])
			}
			at, i = at+ts, i+is
		}
	}
	return nil
}

// indices are the elements of a subscript.
type indices struct {
	v    []int64
	dims []dim
}

func (x *indices) stride(axis int) int {
	if axis < 0 {
		return 0
	}
	return x.dims[axis].s
}

// indexTile is the subscript of a lookup or scatter, filled in.
func (w *worker) indexTile(p *lookupPlan) (indices, error) {
	c := &w.cells[p.index.cell]
	switch c.kind {
	case ir.Scalar:
		return indices{v: c.oi64[:]}, nil
	case ir.Span:
		v := scratch[int64](w, 3, c.live())
		for i := range v {
			v[i] = c.lo + int64(i)
		}
		return indices{v: v, dims: []dim{{len(v), 1}}}, nil
	}
	err := w.force(c)
	return indices{v: c.i64, dims: c.dims}, err
}

func (c *compiler) scatter(o *ir.Op) func(w *worker) error {
	p := c.lookupPlan(o)
	s, d := c.cell(o.Operands[0]), c.cell(o.Result())
	v, mask := o.Operands[2], o.Mask()
	vc, mc := c.cell(v), -1
	var spans []*ir.Value
	for _, a := range o.Operands[0].Type.Axes {
		if a.Span != o.Axes[0] {
			spans = append(spans, a.Span)
		}
	}
	for _, a := range o.Operands[1].SubscriptAxes() {
		if !containsSpan(spans, a.Span) {
			spans = append(spans, a.Span)
		}
	}
	inValue := places(spans, v.Type.Axes)
	var inMask []int
	if mask != nil {
		mc, inMask = c.cell(mask), places(spans, mask.Type.Axes)
	}
	result := c.spans(o.Result().Type)
	return func(w *worker) error {
		t, r, x := &w.cells[s], &w.cells[d], &w.cells[vc]
		if err := w.forceBoth(t, x); err != nil {
			return err
		}
		if err := w.fresh(r, result); err != nil {
			return err
		}
		copyInto(w, r, 0, r.strides(), t)
		var m *cell
		if mc >= 0 {
			m = &w.cells[mc]
		}
		switch r.class {
		case f32Class:
			return scatter[float32](w, p, r, x, inValue, m, inMask)
		case f64Class:
			return scatter[float64](w, p, r, x, inValue, m, inMask)
		case intClass:
			return scatter[int64](w, p, r, x, inValue, m, inMask)
		}
		return scatter[bool](w, p, r, x, inValue, m, inMask)
	}
}

func containsSpan(spans []*ir.Value, s *ir.Value) bool {
	for _, x := range spans {
		if x == s {
			return true
		}
	}
	return false
}

// scatter writes the elements of x into r in row-major order.
func scatter[T elem](w *worker, p *lookupPlan, r, x *cell, inValue []int, mask *cell, inMask []int) error {
	d, v := vec[T](r), vec[T](x)
	span := &w.cells[p.span]
	lo, live, along := span.lo, uint64(span.live()), r.dims[p.axis].s
	index, err := w.indexTile(p)
	if err != nil {
		return err
	}
	wk := &w.wk
	wk.begin()
	for k, c := range p.axes {
		var s [4]int
		if j := p.inTile[k]; j >= 0 {
			s[0] = r.dims[j].s
		}
		s[1], s[2] = index.stride(p.inIndex[k]), x.dims[inValue[k]].s
		if mask != nil {
			s[3] = mask.dims[inMask[k]].s
		}
		wk.axis(w.cells[c].live(), s[0], s[1], s[2], s[3])
	}
	for more := wk.start(); more; more = wk.next() {
		o, s := wk.off, wk.s
		if len(p.axes) == 0 {
			s = [4]int{}
		}
		for range wk.n {
			if mask == nil || mask.b[o[3]] {
				k := uint64(index.v[o[1]] - lo)
				if k < live {
					d[o[0]+int(k)*along] = v[o[2]]
				} else if p.edge != elseValue {
					return p.outside(w, index.v[o[1]])
				}
			}
			for j := range o {
				o[j] += s[j]
			}
		}
	}
	return nil
}

// packBits makes an integer of the bools along an axis.
func (c *compiler) packBits(o *ir.Op) func(w *worker) error {
	x, d := o.Operands[0], c.cell(o.Result())
	s, axis, spans := c.cell(x), x.Type.Axis(o.Axes[0]), c.spans(o.Result().Type)
	return func(w *worker) error {
		src, r := &w.cells[s], &w.cells[d]
		if err := w.fresh(r, spans); err != nil {
			return err
		}
		out := r.i64[:r.count()]
		clear(out)
		for j := range src.dims[axis].n {
			wk := &w.wk
			wk.begin()
			k := 0
			for i, x := range src.dims {
				if i != axis {
					wk.axis(x.n, r.dims[k].s, x.s, 0, 0)
					k++
				}
			}
			first := j * src.dims[axis].s
			for more := wk.start(); more; more = wk.next() {
				from := first + wk.off[1]
				for i := range wk.n {
					if src.b[from] {
						out[wk.off[0]+i] |= 1 << j
					}
					from += wk.s[1]
				}
			}
		}
		return nil
	}
}

// unpackBits takes integers apart along a new last axis.
func (c *compiler) unpackBits(o *ir.Op) func(w *worker) error {
	s, d, spans := c.cell(o.Operands[0]), c.cell(o.Result()), c.spans(o.Result().Type)
	t := o.Result().Type.Elem
	n := t.Bits()
	mask := ^uint64(0) >> (64 - n)
	return func(w *worker) error {
		src, r := &w.cells[s], &w.cells[d]
		if err := w.compact(src); err != nil {
			return err
		}
		if err := w.fresh(r, spans); err != nil {
			return err
		}
		count := r.dims[len(r.dims)-1].n
		for i, v := range src.i64[:src.count()] {
			for j := range count {
				code, k := uint64(v)>>(j*n)&mask, i*count+j
				switch r.class {
				case f32Class:
					r.f32[k] = float32(t.Decode(code))
				case f64Class:
					r.f64[k] = t.Decode(code)
				case intClass:
					r.i64[k] = t.DecodeInt(code)
				default:
					r.b[k] = code != 0
				}
			}
		}
		return nil
	}
}

// asFloat64 is the float64 of one element, for what is not worth a form for each class.
func (c *cell) asFloat64(off int) float64 {
	switch c.class {
	case f32Class:
		return float64(c.f32[off])
	case f64Class:
		return c.f64[off]
	case intClass:
		return dtype.F64.FloatOfInt(c.elem, c.i64[off], dtype.Default)
	}
	if c.b[off] {
		return 1
	}
	return 0
}
