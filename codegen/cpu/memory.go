package cpu

import (
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// tensor is a tensor in memory.
type tensor struct {
	base    llx.Value
	dims    []llx.Value
	strides []llx.Value // elements
}

// tensorOf finds a tensor's address, extents and strides.
func (e *emitter) tensorOf(v *ir.Value) *tensor {
	if t, ok := e.tensors[v]; ok {
		return t
	}
	t := &tensor{base: e.Load(llx.Ptr, e.slotAddress(e.g.slots[v]), 8)}
	n := len(v.Type.Dims)
	t.dims, t.strides = make([]llx.Value, n), make([]llx.Value, n)
	for i, d := range v.Type.Dims {
		t.dims[i] = e.dim(d)
	}
	stride := llx.C64(1)
	for i := n - 1; i >= 0; i-- {
		t.strides[i] = stride
		if slots := e.g.strides[v]; slots != nil && i < n-1 {
			t.strides[i] = e.slotValue(slots[i])
		}
		if i > 0 {
			stride = e.Mul(stride, t.dims[i])
		}
	}
	set(e, e.tensors, v, t)
	return t
}

// dim computes an extent.
func (e *emitter) dim(d *ir.Dim) llx.Value {
	switch d.Op {
	case ir.DimConst:
		return llx.C64(d.K)
	case ir.DimSize:
		return e.scalar(e.g.fn.SizeArg(d.Size))
	}
	x, y := e.dim(d.X), e.dim(d.Y)
	switch d.Op {
	case ir.DimAdd:
		return e.Add(x, y)
	case ir.DimSub:
		return e.Sub(x, y)
	case ir.DimMul:
		return e.Mul(x, y)
	case ir.DimMin:
		return e.Min(x, y)
	case ir.DimMax:
		return e.Max(x, y)
	}
	// The launcher refuses sizes by which an extent divides by 0.
	if c, ok := llx.ConstInt(y); !ok || c <= 0 {
		y = e.Select(e.ICmp("eq", y, llx.C64(0)), llx.C64(1), y)
	}
	switch d.Op {
	case ir.DimDiv:
		return e.floorDiv(x, y, llx.C64(0))
	case ir.DimMod:
		return e.Sub(x, e.Mul(e.floorDiv(x, y, llx.C64(0)), y))
	}
	return e.Sub(llx.C64(0), e.floorDiv(e.Sub(llx.C64(0), x), y, llx.C64(0)))
}

// reach is where an access reaches at a point: either base + step·lane with a constant step of 0 or 1, or an index for
// each lane. Inside is which lanes lie in the tensor: a scalar for all lanes, a mask, or nil for all.
type reach struct {
	base   llx.Value
	step   int64
	lanes  llx.Value // <n x i64>, nil where base and step say it
	inside llx.Value
}

// placeOf computes where subscripts lead. With edges it finds what is outside.
func (e *emitter) placeOf(v *ir.Value, subs []*ir.Value, p *point, lanes int, edges bool) reach {
	t := e.tensorOf(v)
	at := reach{base: llx.C64(0)}
	type part struct {
		vector llx.Value // an index in each lane
		step   llx.Value
		stride llx.Value
	}
	var parts []part
	and := func(c llx.Value) {
		switch {
		case at.inside == nil:
			at.inside = c
		case llx.Lanes(at.inside.Type()) == llx.Lanes(c.Type()):
			at.inside = e.And(at.inside, c)
		case llx.Lanes(c.Type()) == 1:
			at.inside = e.And(at.inside, e.Splat(c, lanes))
		default:
			at.inside = e.And(e.Splat(at.inside, lanes), c)
		}
	}
	within := func(x, n llx.Value, lanes int) llx.Value {
		return e.ICmp("ult", x, e.Splat(n, lanes))
	}
	for i, s := range subs {
		f, vector := e.subscript(s, p, lanes)
		if vector != nil {
			parts = append(parts, part{vector: vector, stride: t.strides[i]})
			if edges {
				and(within(vector, t.dims[i], lanes))
			}
			continue
		}
		at.base = e.Add(at.base, e.Mul(f.base, t.strides[i]))
		if f.step != nil {
			parts = append(parts, part{step: f.step, stride: t.strides[i]})
		}
		if edges {
			if f.step == nil {
				and(within(f.base, t.dims[i], 1))
			} else {
				x := e.Add(e.Splat(f.base, lanes), e.Mul(e.Splat(f.step, lanes), e.Steps(llx.I64, lanes)))
				and(within(x, t.dims[i], lanes))
			}
		}
	}
	if lanes == 1 {
		for _, q := range parts {
			if q.vector != nil {
				at.base = e.Add(at.base, e.Mul(q.vector, q.stride))
			}
		}
		return at
	}
	if len(parts) == 0 {
		return at
	}
	if len(parts) == 1 && parts[0].step != nil {
		if k, ok := llx.ConstInt(e.Mul(parts[0].step, parts[0].stride)); ok && k == 1 {
			at.step = 1
			return at
		}
	}
	x := e.Splat(at.base, lanes)
	for _, q := range parts {
		y := q.vector
		if y == nil {
			y = e.Mul(e.Splat(e.Mul(q.step, q.stride), lanes), e.Steps(llx.I64, lanes))
		} else {
			y = e.Mul(y, e.Splat(q.stride, lanes))
		}
		x = e.Add(x, y)
	}
	at.lanes = x
	return at
}

// subscript is a subscript at p: linear in the lanes, or a vector of indices.
func (e *emitter) subscript(s *ir.Value, p *point, lanes int) (linear, llx.Value) {
	s = e.resolve(s)
	if s.Type.Kind != ir.Tile {
		return e.variable(s, p), nil
	}
	if e.tileOf(s) == nil && s.Def != nil {
		switch s.Def.Code {
		case ir.Iota:
			return e.variable(s.Def.Axes[0], p), nil
		case ir.Affine:
			div, mod := s.Def.Int("div"), s.Def.Int("mod")
			f := e.linearOf(s.Def, p)
			if div == 1 && mod == 0 {
				return f, nil
			}
			if f, ok := e.stepOver(f, div, mod, p); ok {
				return f, nil
			}
		case ir.Bcast:
			return e.subscript(s.Def.Operands[0], p, lanes)
		}
	}
	x := e.at(s, p)
	if llx.Lanes(x.Type()) == 1 {
		return linear{base: x, align: 1}, nil
	}
	return linear{}, x
}

// stepOver is an index divided or taken modulo, where all lanes of a vector fall between two multiples: their quotients
// are then one, and their remainders go on from lane to lane.
func (e *emitter) stepOver(f linear, div, mod int64, p *point) (linear, bool) {
	if f.step != nil {
		step, ok := llx.ConstInt(f.step)
		if !ok || step != 1 {
			return f, false
		}
		lanes := int64(p.lanes)
		if f.align%lanes != 0 || div%lanes != 0 && div != 1 || mod%lanes != 0 && mod != 0 {
			return f, false
		}
		if div != 1 {
			if mod != 0 {
				// The quotient is one for all lanes, and so is what remains of it.
				return linear{base: e.divMod(f.base, div, mod, 1), align: 1}, true
			}
			return linear{base: e.divMod(f.base, div, 0, 1), align: 1}, true
		}
		return linear{base: e.divMod(f.base, 1, mod, 1), step: f.step, align: lanes}, true
	}
	return linear{base: e.divMod(f.base, div, mod, 1), align: 1}, true
}

// load evaluates a load at p.
func (e *emitter) load(o *ir.Op, p *point, lanes int) llx.Value {
	v := o.Operands[0]
	if l, ok := e.g.packed[v]; ok && !l.Dense() {
		e.g.fail(o.Pos, "an element of a packed tensor is read outside a contraction")
	}
	elem := v.Type.Elem
	outside := o.Outside()
	at := e.placeOf(v, o.Subscripts(), p, lanes, outside != nil)
	base := e.tensorOf(v).base
	if lanes == 1 {
		if at.inside == nil {
			return e.loadRun(elem, base, at.base, 1, nil)
		}
		// An index outside is not read, not even for nothing.
		x := e.guarded(at.inside, classOf(elem), 1, func() llx.Value { return e.loadRun(elem, base, at.base, 1, nil) })
		return e.Select(at.inside, x, e.at(outside, p))
	}
	other := func() llx.Value { return e.Splat(e.at(outside, p), lanes) }
	scalarInside := at.inside != nil && llx.Lanes(at.inside.Type()) == 1
	switch {
	case at.lanes != nil || at.inside != nil && !scalarInside:
		mask := e.mask(p)
		inside := at.inside
		if scalarInside {
			inside = e.Splat(inside, lanes)
		}
		if inside != nil {
			if mask == nil {
				mask = inside
			} else {
				mask = e.And(mask, inside)
			}
		}
		var x llx.Value
		switch {
		case at.lanes != nil:
			x = e.gather(elem, base, at.lanes, mask, lanes)
		case at.step == 1:
			x = e.loadWhere(elem, base, at.base, mask, lanes)
		default:
			x = e.gather(elem, base, e.Splat(at.base, lanes), mask, lanes)
		}
		if inside != nil {
			x = e.Select(inside, x, other())
		}
		return x
	case at.step == 0:
		read := func() llx.Value { return e.Splat(e.loadRun(elem, base, at.base, 1, nil), lanes) }
		if at.inside == nil {
			return read()
		}
		return e.Select(at.inside, e.guarded(at.inside, classOf(elem), lanes, read), other())
	}
	if at.inside == nil {
		return e.loadRun(elem, base, at.base, lanes, p.live)
	}
	x := e.guarded(at.inside, classOf(elem), lanes, func() llx.Value { return e.loadRun(elem, base, at.base, lanes, p.live) })
	return e.Select(at.inside, x, other())
}

// guarded is read where a scalar condition holds, else 0.
func (e *emitter) guarded(c llx.Value, k class, lanes int, read func() llx.Value) llx.Value {
	v := e.Alloca(varType(k, lanes), 1, 64)
	e.Store(llx.Zero(varType(k, lanes)), v, 64)
	e.If(c, func() { e.Store(e.toVar(k, read(), lanes), v, 64) }, nil)
	return e.fromVar(k, e.Load(varType(k, lanes), v, 64), lanes)
}

// storeValues evaluates what a store stores: the value, and the mask where it has one.
func (e *emitter) storeValues(o *ir.Op, p *point) []llx.Value {
	values := []llx.Value{e.at(o.Stored()[0], p)}
	if m := o.Mask(); m != nil {
		values = append(values, e.at(m, p))
	}
	return values
}

// storeAt is a store at p.
func (e *emitter) storeAt(o *ir.Op, p *point) { e.storeInto(o, p, e.storeValues(o, p)) }

// storeInto stores values that are at hand.
func (e *emitter) storeInto(o *ir.Op, p *point, values []llx.Value) {
	v := o.Operands[0]
	elem, base := v.Type.Elem, e.tensorOf(v).base
	lanes := 1
	if p.vec != nil && contains(storeAxes(o), p.vec) {
		lanes = p.lanes
	}
	at := e.placeOf(v, o.Subscripts(), p, lanes, o.Str("mode") == "skip")
	inside := at.inside
	if len(values) > 1 {
		m := values[1]
		switch {
		case inside == nil:
			inside = m
		case llx.Lanes(m.Type()) == llx.Lanes(inside.Type()):
			inside = e.And(inside, m)
		case llx.Lanes(m.Type()) == 1:
			inside = e.And(inside, e.Splat(m, lanes))
		default:
			inside = e.And(e.Splat(inside, lanes), m)
		}
	}
	x := values[0]
	if llx.Lanes(x.Type()) < lanes {
		x = e.Splat(x, lanes)
	}
	if inside != nil && llx.Lanes(inside.Type()) == 1 {
		e.If(inside, func() { e.put(o, p, at, nil, x, lanes, elem, base) }, nil)
		return
	}
	e.put(o, p, at, inside, x, lanes, elem, base)
}

func (e *emitter) put(o *ir.Op, p *point, at reach, inside, x llx.Value, lanes int, elem dtype.Type, base llx.Value) {
	switch {
	case lanes == 1:
		e.storeRun(elem, base, at.base, x, 1, nil)
	case at.lanes == nil && at.step == 1 && inside == nil:
		e.storeRun(elem, base, at.base, x, lanes, p.live)
	default:
		mask := e.mask(p)
		if mask == nil {
			mask = inside
		} else if inside != nil {
			mask = e.And(mask, inside)
		}
		index := at.lanes
		if index == nil {
			if at.step == 1 {
				e.storeWhere(elem, base, at.base, x, mask, lanes)
				return
			}
			index = e.Splat(at.base, lanes)
		}
		e.scatter(elem, base, index, x, mask, lanes)
	}
}

// lookup evaluates a lookup at p: the element of a stored tile at an index value of an axis.
func (e *emitter) lookup(o *ir.Op, p *point, lanes int) llx.Value {
	tv := e.resolve(o.Operands[0])
	t := e.tileOf(tv)
	if t == nil {
		panic("cpu: a lookup in a tile that is not stored")
	}
	axis := o.Axes[0]
	s := e.span(axis)
	index := e.at(o.Operands[1], p)
	n := llx.Lanes(index.Type())
	index = e.Sub(index, e.Splat(s.lo, n))
	var inside llx.Value
	if o.Str("mode") == "else" {
		inside = e.ICmp("ult", index, e.Splat(s.n, n))
		index = e.Select(inside, index, e.Splat(llx.C64(0), n))
	}
	// The tile's other axes.
	at := llx.C64(0)
	step := int64(0) // elements from lane to lane along the tile's own axes
	for i, a := range t.axes {
		if a == axis {
			continue
		}
		at = e.Add(at, e.Mul(p.pos[a], llx.C64(t.strides[i])))
		if a == p.vec {
			step = t.strides[i]
		}
	}
	stride := llx.C64(t.stride(axis))
	var x llx.Value
	if lanes == 1 {
		x = e.loadTile(t.elem, e.Offset(t.base, e.Mul(e.Add(at, e.Mul(index, stride)), llx.C64(t.size))), 1)
	} else if n == 1 && step == 1 {
		x = e.loadTile(t.elem, e.Offset(t.base, e.Mul(e.Add(at, e.Mul(index, stride)), llx.C64(t.size))), lanes)
	} else {
		if n == 1 {
			index = e.Splat(index, lanes)
		}
		if m := e.mask(p); m != nil {
			index = e.Select(m, index, e.Splat(llx.C64(0), lanes))
		}
		off := e.Add(e.Splat(at, lanes), e.Mul(index, e.Splat(stride, lanes)))
		if step != 0 {
			lane := e.Mul(e.Steps(llx.I64, lanes), e.Splat(llx.C64(step), lanes))
			if m := e.mask(p); m != nil {
				lane = e.Select(m, lane, e.Splat(llx.C64(0), lanes))
			}
			off = e.Add(off, lane)
		}
		x = e.gatherTile(t, off, lanes)
	}
	if inside != nil {
		if lanes > 1 && n == 1 {
			inside = e.Splat(inside, lanes)
		}
		y := e.at(o.Operands[2], p)
		if lanes > 1 && llx.Lanes(y.Type()) == 1 {
			y = e.Splat(y, lanes)
		}
		x = e.Select(inside, x, y)
	}
	return x
}

// gatherTile reads elements of a tile at offsets in elements.
func (e *emitter) gatherTile(t *tile, off llx.Value, lanes int) llx.Value {
	if e.level.AVX512 && lanes > 1 {
		// A tile may be read a little past its end, so that narrow codes come as four bytes each.
		wide := llx.Type(llx.I32)
		if t.size == 8 {
			wide = llx.I64
		}
		from := e.Indices(llx.IntType(int(8*t.size)), t.base, off)
		v := llx.Vec(wide, lanes)
		code := e.Call("llvm.masked.gather."+llx.Suffix(v)+"."+llx.Suffix(from.Type()), v, from, llx.C32(t.size),
			e.Splat(llx.Int(llx.I1, 1), lanes), llx.Zero(v))
		return e.decode(t.elem, e.Trunc(code, llx.Vec(llx.IntType(int(8*t.size)), lanes)), lanes)
	}
	x := llx.Undef(classOf(t.elem).typ(lanes))
	for i := range lanes {
		k := e.Extract(off, llx.C64(int64(i)))
		x = e.Insert(x, e.loadTile(t.elem, e.Offset(t.base, e.Mul(k, llx.C64(t.size))), 1), llx.C64(int64(i)))
	}
	return x
}

// pack evaluates a pack at p: bit by bit along its axis.
func (e *emitter) pack(o *ir.Op, p *point, lanes int) llx.Value {
	axis := o.Axes[0]
	s := e.span(axis)
	c := classOf(o.Result().Type.Elem)
	x := e.Splat(llx.Int(c.scalar(), 0), lanes)
	for j := range int(axis.Type.Width) {
		q := p.inside(axis, llx.C64(int64(j)))
		bit := e.fill(e.at(o.Operands[0], q), o.Result().Type, p)
		if _, ok := s.fixed(); !ok {
			bit = e.And(bit, e.Splat(e.ICmp("sgt", s.n, llx.C64(int64(j))), lanes))
		}
		y := e.Shl(e.ZExt(bit, c.typ(lanes)), e.Splat(llx.Int(c.scalar(), int64(j)), lanes))
		x = e.Or(x, y)
	}
	return x
}

// unpack evaluates an unpack at p: a piece of an integer's bits.
func (e *emitter) unpack(o *ir.Op, p *point, lanes int) llx.Value {
	from, to := o.Operands[0].Type.Elem, o.Result().Type.Elem
	axis := o.Axes[0]
	word := classOf(from).scalar()
	x := e.fill(e.at(o.Operands[0], p), o.Result().Type, p)
	piece := e.Sub(e.indices(axis, p), e.Splat(e.span(axis).lo, llx.Lanes(e.indices(axis, p).Type())))
	shift := e.Mul(piece, e.Splat(llx.C64(int64(to.Bits())), llx.Lanes(piece.Type())))
	if llx.Lanes(shift.Type()) == 1 {
		shift = e.Splat(shift, lanes)
	}
	shift = e.Trunc(shift, llx.Vec(word, lanes))
	y := e.LShr(x, shift)
	code := llx.IntType(8 * container(to))
	if container(to) == 8 && classOf(from) == i32Class {
		y = e.ZExt(y, llx.Vec(code, lanes))
	} else {
		y = e.Trunc(y, llx.Vec(code, lanes))
	}
	if n := to.Bits(); n < 8*container(to) {
		y = e.And(y, e.Splat(llx.Int(code, 1<<n-1), lanes))
	}
	return e.decode(to, y, lanes)
}
