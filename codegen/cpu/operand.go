package cpu

import (
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// alongSum reports whether a factor is better read along k than along another axis.
func (c *contraction) alongSum(f factor, axis *ir.Value) bool {
	s := vecScore{e: c.e, axes: []*ir.Value{c.k, axis}, score: map[*ir.Value]float64{}, seen: map[*ir.Value]bool{}}
	s.visit(f.v)
	return s.score[c.k] >= s.score[axis]
}

// packer reads a factor with one place along its last axis, counted from the given point, and one along k, from k on.
func (c *contraction) packer(f factor, p *point, axis *ir.Value, from llx.Value) *packer {
	e := c.e
	k := &packer{unit: &e.unit, product: c.product, lanes: c.lanes, alongK: c.alongSum(f, axis)}
	if ask := c.ahead(f); ask != nil {
		k.ahead = func(other, place llx.Value) {
			q := p.clone()
			q.pos[axis], q.pos[c.k] = other, e.Add(from, place)
			q.vec, q.lanes, q.live = nil, 1, nil
			ask(q)
		}
	}
	k.at = func(other, place, live llx.Value) llx.Value {
		q := p.clone()
		q.outer = p
		q.pos[axis], q.pos[c.k] = other, e.Add(from, place)
		q.vec, q.lanes, q.live = axis, c.lanes, live
		if k.alongK {
			q.vec = c.k
		}
		return c.value(f, q)
	}
	if o := c.plainLoad(f); o != nil && k.alongK {
		k.raw = func(other, place llx.Value) llx.Value {
			q := p.clone()
			q.pos[axis], q.pos[c.k] = other, e.Add(from, place)
			q.vec, q.lanes, q.live = nil, 1, nil
			return c.placeAt(o, q)
		}
	}
	if load := e.scattered(f.v); load != nil {
		t := load.Operands[0]
		k.line = 64 * 8 / int64(t.Type.Elem.Bits())
		k.prefetch = func(other, place llx.Value) {
			q := p.clone()
			q.outer = p
			q.pos[axis], q.pos[c.k] = other, e.Add(from, place)
			q.vec, q.lanes, q.live = nil, 1, nil
			at := e.placeOf(t, load.Subscripts(), q, 1, false)
			where := e.Offset(e.tensorOf(t).base, e.LShr(e.Mul(at.base, llx.C64(int64(t.Type.Elem.Bits()))), llx.C64(3)))
			e.Call("llvm.prefetch.p0", llx.Void, where, llx.C32(0), llx.C32(3), llx.C32(1))
		}
	}
	return k
}

// scattered finds the load of a factor whose rows lie wherever another tensor says, so that no hardware can tell which one
// comes next; nil if there is none.
func (e *emitter) scattered(v *ir.Value) *ir.Op {
	v = e.resolve(v)
	if v.Def == nil || v.Type.Kind != ir.Tile || e.tileOf(v) != nil {
		return nil
	}
	switch {
	case v.Def.Code == ir.Load:
		if v.Def.Operands[0].Type.Mem == ir.Packed || v.Def.Str("mode") == "else" {
			return nil
		}
		for _, s := range v.Def.Subscripts() {
			if s = e.resolve(s); s.Type.Kind == ir.Tile && e.gathers(s) {
				return v.Def
			}
		}
		return nil
	case v.Def.Code == ir.Rebind || !inlined(v.Def):
		return nil
	}
	for _, x := range v.Def.Operands {
		if o := e.scattered(x); o != nil {
			return o
		}
	}
	return nil
}

// gathers reports whether an index is read from memory.
func (e *emitter) gathers(s *ir.Value) bool {
	s = e.resolve(s)
	if s.Type.Kind != ir.Tile {
		return false
	}
	if e.tileOf(s) != nil || s.Def == nil || s.Def.Code == ir.Load || s.Def.Code == ir.Lookup {
		return true
	}
	for _, x := range s.Def.Operands {
		if e.gathers(x) {
			return true
		}
	}
	return false
}

// plainLoad is the load of elements along k that a factor is, if these are what steps are made of in memory; else nil.
func (c *contraction) plainLoad(f factor) *ir.Op {
	loads := c.loads(f)
	if len(loads) != 1 || f.scale != nil || loads[0].Result() != c.e.resolve(f.v) || loads[0].Str("mode") != "in" {
		return nil
	}
	t, subs := loads[0].Operands[0].Type.Elem, loads[0].Subscripts()
	for i, s := range subs {
		if (c.e.resolve(s) == c.k) != (i == len(subs)-1) {
			return nil
		}
	}
	if !c.holds(t) && !(c.product == i8Product && t == dtype.I8) {
		return nil
	}
	return loads[0]
}

// ahead is how the memory is asked for a factor's places: a function that takes a point, nil where they are not plain places
// of tensors.
func (c *contraction) ahead(f factor) func(p *point) {
	loads := c.loads(f)
	if len(loads) == 0 {
		return nil
	}
	return func(p *point) {
		for _, o := range loads {
			prefetch(c.e.B, c.placeAt(o, p), false, 2)
		}
	}
}

// placeAt is where a load reads at a point.
func (c *contraction) placeAt(o *ir.Op, p *point) llx.Value {
	t := o.Operands[0]
	at := c.e.placeOf(t, o.Subscripts(), p, 1, false)
	return c.e.Offset(c.e.tensorOf(t).base, c.e.Mul(at.base, llx.C64(int64(t.Type.Elem.Bits()/8))))
}

// nextRows is where the rows lie that are packed after those from r on and n places along k: a pitch apart, so many bytes
// of each. Where that cannot be told, bytes is 0.
func (c *contraction) nextRows(p *point, r, k llx.Value) (soon, pitch, bytes llx.Value) {
	e := c.e
	loads := c.loads(c.a)
	axis := c.rows[len(c.rows)-1]
	if len(loads) != 1 || len(c.rows) > 1 || !c.alongSum(c.a, axis) {
		return llx.Null(), llx.C64(0), llx.C64(0)
	}
	at := func(row llx.Value) llx.Value {
		q := p.clone()
		q.pos[axis], q.pos[c.k] = row, e.Add(k, llx.C64(c.chunk))
		q.vec, q.lanes, q.live = nil, 1, nil
		return c.placeAt(loads[0], q)
	}
	soon = at(r)
	pitch = e.Sub(e.PtrToInt(at(e.Add(r, llx.C64(1))), llx.I64), e.PtrToInt(soon, llx.I64))
	t := loads[0].Operands[0]
	bytes = llx.C64(c.chunk * int64(t.Type.Elem.Bits()/8))
	if subs := loads[0].Subscripts(); e.resolve(subs[len(subs)-1]) == c.k {
		// Nothing comes after the end of the tensor.
		more := e.ICmp("slt", e.Add(e.span(c.k).lo, e.Add(k, llx.C64(c.chunk))), e.tensorOf(t).dims[len(subs)-1])
		bytes = e.Select(more, bytes, llx.C64(0))
	}
	return soon, pitch, bytes
}

// loads are the loads from plain places of tensors that a factor is made of and that are not stored.
func (c *contraction) loads(f factor) []*ir.Op {
	e := c.e
	var loads []*ir.Op
	seen := map[*ir.Value]bool{}
	var visit func(v *ir.Value)
	visit = func(v *ir.Value) {
		v = e.resolve(v)
		if seen[v] || v.Def == nil || v.Type.Kind != ir.Tile || e.tileOf(v) != nil || !inlined(v.Def) {
			return
		}
		seen[v] = true
		switch v.Def.Code {
		case ir.Rebind, ir.Lookup, ir.Pack:
			return // what these read lies at other positions
		}
		if v.Def.Code != ir.Load {
			for _, x := range v.Def.Operands {
				visit(x)
			}
			return
		}
		plain := v.Type.Axis(c.k) >= 0 && v.Def.Operands[0].Type.Elem.Bits() >= 8
		for _, s := range v.Def.Subscripts() {
			plain = plain && e.resolve(s).Type.Kind != ir.Tile
		}
		if plain && v.Def.Operands[0].Type.Mem != ir.Packed {
			loads = append(loads, v.Def)
		}
	}
	visit(f.v)
	return loads
}

// value is a factor at a point in the class that the product takes.
func (c *contraction) value(f factor, p *point) llx.Value {
	e := c.e
	to := f.v.Type.Elem
	switch c.product {
	case f32Product, bf16Product:
		to = dtype.F32
	case f64Product:
		to = dtype.F64
	case i64Product:
		to = dtype.I64
	}
	x := e.vector(f.v, p)
	if classOf(to) != classOf(f.v.Type.Elem) {
		x = e.convert(f.v.Type.Elem, to, x, p.lanes)
	}
	if f.scale == nil {
		return x
	}
	s := e.vector(f.scale, p)
	if classOf(to) != classOf(f.scale.Type.Elem) {
		s = e.convert(f.scale.Type.Elem, to, s, p.lanes)
	}
	return e.FMul(x, s)
}

// along goes through all axes of a run but the last; f gets the number of the first place of the last axis.
func (c *contraction) along(p *point, run []*ir.Value, last int64, first llx.Value, f func(p *point, first llx.Value)) {
	if len(run) == 1 {
		f(p, first)
		return
	}
	n := last
	for _, s := range run[1 : len(run)-1] {
		n *= s.Type.Width
	}
	c.e.For(llx.C64(0), c.e.span(run[0]).n, 1, func(i llx.Value) {
		c.along(p.inside(run[0], i), run[1:], last, c.e.Add(first, c.e.Mul(i, llx.C64(n))), f)
	})
}

// packColumns packs n places along k, from k on, of all columns.
func (c *contraction) packColumns(p *point, slivers, k, n llx.Value) {
	axis := c.cols[len(c.cols)-1]
	c.along(p, c.cols, c.sums.extents[len(c.sums.extents)-1], llx.C64(0), func(p *point, first llx.Value) {
		s := &columnPanel{packer: c.packer(c.b, p, axis, k), block: c.block, base: slivers, first: first}
		s.bias = c.biased
		s.fill(c.e, c.e.span(axis).n, n)
	})
}

// packRows packs n places along k, from k on, of some rows from r on. Only where there is one axis of rows is r not 0.
func (c *contraction) packRows(p *point, panel, r, some, k, n llx.Value) {
	axis := c.rows[len(c.rows)-1]
	live := c.e.span(axis).n
	if len(c.rows) == 1 {
		live = some
	}
	c.along(p, c.rows, axis.Type.Width, llx.C64(0), func(p *point, first llx.Value) {
		s := &rowPanel{packer: c.packer(c.a, p, axis, k), block: c.block, base: panel, first: first, from: r}
		s.fill(c.e, live, n)
	})
}

// closePitch is a distance of rows at which many of their lines share a set of the second cache; closeRows are as many as
// that has room for beside what else passes it.
const (
	closePitch = 8 << 10
	closeRows  = 96
)

// inPlace is the load of the rows from memory that the micro-kernels could read, nil where there is none.
func (c *contraction) inPlace() *ir.Op {
	if c.matrix || len(c.rows) > 1 {
		return nil
	}
	o := c.plainLoad(c.a)
	if o == nil || !c.holdsRow(o.Operands[0].Type.Elem) {
		return nil
	}
	return o
}

// inPlaceBlock is the block for rows in place: none past the last may be touched.
func (c *contraction) inPlaceBlock() block {
	k := c.exact()
	k.rowA = 0
	return k
}

// exact is the block that computes no more rows than there are.
func (c *contraction) exact() block {
	k := c.block
	if !k.matrix {
		k.extent = 1
	}
	return k
}

// rowsInPlace is where the rows lie for n places along k from k on, their distance, whether that is a close pitch, and
// whether they serve there.
func (c *contraction) rowsInPlace(p *point, k, n llx.Value) (at, pitch, crowded, serves llx.Value) {
	e := c.e
	o := c.inPlace()
	axis := c.rows[0]
	place := func(row llx.Value) llx.Value {
		q := p.clone()
		q.pos[axis], q.pos[c.k] = row, k
		q.vec, q.lanes, q.live = nil, 1, nil
		return c.placeAt(o, q)
	}
	at = place(llx.C64(0))
	pitch = e.Sub(e.PtrToInt(place(llx.C64(1)), llx.I64), e.PtrToInt(at, llx.I64))
	crowded, serves = e.ICmp("eq", e.And(pitch, llx.C64(closePitch-1)), llx.C64(0)), llx.Int(llx.I1, 1)
	if !e.level.AVX512 {
		// Smaller caches have fewer ways.
		crowded, serves = llx.Int(llx.I1, 0), e.Xor(crowded, llx.Int(llx.I1, 1))
	}
	if per := int64(c.per()); per > 1 {
		if whole, ok := llx.ConstInt(n); !ok || whole%per != 0 {
			serves = e.And(serves, e.ICmp("eq", e.And(n, llx.C64(per-1)), llx.C64(0)))
		}
	}
	return at, pitch, crowded, serves
}

// turnedRows is up to how many rows the columns are not worth packing for them alone. Where bytes are biased, what is read
// in place is read twice.
func turnedRows(c *contraction) int64 {
	if c.biased {
		return 32
	}
	return 64
}

// longSum is from how many k on turning the sums back does not count.
const longSum = 512

// planTurned plans a contraction for few rows the other way round: what were columns are rows, read where they lie, and
// the rows are packed. It is nil where they cannot be read so.
func (e *emitter) planTurned(c *contraction) *contraction {
	if len(c.rows) != 1 || len(c.cols) != 1 || len(c.outer) > 0 || c.sums != c.dest || !c.e.level.AVX512 || c.k.Type.Width < longSum {
		return nil
	}
	t := e.newTileShape(c.o.Result().Type, c.cols[0], c.rows[0])
	turned, ok := e.planContraction(c.o, t)
	if !ok || turned.sums != t || turned.inPlace() == nil || len(turned.outer) > 0 {
		return nil
	}
	turned.placed = true
	return turned
}

// emitTurned emits the contraction by a plan that has its rows as columns.
func (c *contraction) emitTurned(turned *contraction) {
	e := c.e
	e.settle(c.dest)
	_, _, _, _, acc := c.o.ContractParts()
	e.scope(func() {
		t := turned.dest
		t.base = e.room(t.bytes())
		turned.products(e.point(), llx.C64(0))
		e.nest(nestOf{axes: c.dest.axes, vec: c.dest.last()}, func(p *point) {
			v := e.read(t, p, p.lanes)
			if acc != nil {
				v = e.binary(ir.Add, t.elem, e.vector(acc, p), v, p.lanes)
			}
			e.write(c.dest, p, v)
		})
	})
}
