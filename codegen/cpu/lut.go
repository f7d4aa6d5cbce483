package cpu

import (
	"fmt"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/codegen/packed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// lookupUse is a sum of lookups in tables of 16 entries, each index being one bit of four codes:
//
//	Σ_q table[m, q][Σ_j bit(w[n, base + 4q + j], b)·2^j]
//
// Codes lie in quads ([packed.Layout]), so that an index is four bits that a shift brings to the low end.
type lookupUse struct {
	o      *ir.Op // the sum
	table  *ir.Value
	weight *ir.Op    // the load of codes
	bit    *ir.Value // b, a scalar
	q, j   *ir.Value
	n, m   *ir.Value // m nil where tables have no rows
	layout Layout
}

// lookupsOf matches a sum.
func lookupsOf(l *Level, o *ir.Op) (u lookupUse, ok bool) {
	if o.Code != ir.Reduce || o.Str("kind") != "sum" || len(o.Axes) != 1 || o.Result().Type.Kind != ir.Tile {
		return u, false
	}
	look := o.Operands[0].Def
	if look == nil || look.Code != ir.Lookup || look.Str("mode") != "in" || !sixteen(look.Axes[0]) {
		return u, false
	}
	u = lookupUse{o: o, table: look.Operands[0], q: o.Axes[0]}
	from, to := u.table.Type.Elem, o.Result().Type.Elem
	if !(from == dtype.F32 && to == dtype.F32 || from == dtype.I8 && to == dtype.I32) {
		return u, false
	}
	index := look.Operands[1].Def
	for index != nil && index.Code == ir.Cast {
		index = index.Operands[0].Def
	}
	if index == nil || index.Code != ir.Pack || index.Axes[0].Type.Width != 4 || !fullSpan(index.Axes[0]) {
		return u, false
	}
	u.j = index.Axes[0]
	of := index.Operands[0].Def
	if of == nil || of.Code != ir.BitOf {
		return u, false
	}
	codes, bit := unrepeated(of.Operands[0]), unrepeated(of.Operands[1])
	if !packedLoad(codes) || bit.Type.Kind != ir.Scalar {
		return u, false
	}
	u.weight, u.bit = codes.Def, bit
	subs := u.weight.Subscripts()
	if u.weight.Str("mode") != "in" || len(subs) != 2 || subs[0].Type.Kind != ir.Span || !startsAtRows(subs[0], l.Lanes) {
		return u, false
	}
	u.n = subs[0]
	group, ok := alongQuads(subs[1], u.q, u.j)
	if !ok {
		return u, false
	}
	if u.layout, ok = packed.QuadPanels(l.Lanes, codes.Type.Elem, group); !ok {
		return u, false
	}
	// The table is over q, its entries and perhaps rows; the result over rows and n.
	for _, a := range u.table.Type.Axes {
		if a.Span != u.q && a.Span != look.Axes[0] {
			if u.m != nil {
				return u, false
			}
			u.m = a.Span
		}
	}
	if u.table.Type.Axis(u.q) < 0 || len(o.Result().Type.Axes) != 1+b2i(u.m != nil) || o.Result().Type.Axis(u.n) < 0 || u.m == u.n {
		return u, false
	}
	return u, true
}

// sixteen reports whether a span has the indices 0 to 15.
func sixteen(v *ir.Value) bool { return v.Type.Width == 16 && fullSpan(v) }

// unrepeated is a value before it is repeated along axes.
func unrepeated(v *ir.Value) *ir.Value {
	for v.Def != nil && v.Def.Code == ir.Bcast {
		v = v.Def.Operands[0]
	}
	return v
}

// alongQuads matches a subscript that is a multiple of some number plus 4q + j, where q goes through whole units of quads
// and stays within that number, which is the group.
func alongQuads(s, q, j *ir.Value) (group int, ok bool) {
	o := s.Def
	if o == nil || o.Code != ir.Affine || o.Int("div") != 1 || o.Int("mod") != 0 {
		return 0, false
	}
	found := 0
	g := o.Int("const")
	for i, c := range o.Ints("coef") {
		v := o.Operands[i]
		switch {
		case o.Ints("factor")[i] >= 0:
			return 0, false
		case v == q && c == 4:
			found |= 1
		case v == j && c == 1:
			found |= 2
		case v.Type.Kind == ir.Scalar:
			for a, b := g, c; ; a, b = b, a%b {
				if g = a; b == 0 {
					break
				}
			}
		default:
			return 0, false
		}
	}
	if found != 3 || g < 0 || g > packed.MaxGroup {
		return 0, false
	}
	if g%packed.QuadCodes == 0 {
		g = packed.QuadCodes
	}
	const unit = packed.QuadCodes / 4
	if q.Def != nil {
		return int(g), fullSpan(q) && (g == packed.QuadCodes || 4*q.Type.Width <= g)
	}
	if q.Region == nil || q.Region.Parent == nil || q.Region.Parent.Code != ir.For || q.Index != 0 {
		return 0, false
	}
	loop := q.Region.Parent
	lo, okLo := loop.Operands[0].ConstInt()
	hi, okHi := loop.Operands[1].ConstInt()
	if !okLo || lo%unit != 0 || loop.Int("by") <= 0 || g != packed.QuadCodes && (!okHi || lo < 0 || 4*hi > g) {
		return 0, false
	}
	// Steps that are no whole units serve where there is but one.
	return int(g), loop.Int("by")%unit == 0 || okHi && hi-lo <= loop.Int("by")
}

// lookupsFrom finds the sum that bits of codes end in, where all on the way is used once.
func (g *gen) lookupsFrom(bits *ir.Op) (u lookupUse, ok bool) {
	for o := bits; ; {
		uses := g.uses[o.Result()]
		if len(uses) != 1 {
			return u, false
		}
		o = uses[0]
		switch o.Code {
		case ir.Pack, ir.Cast, ir.Lookup:
		case ir.Reduce:
			return lookupsOf(g.level, o)
		default:
			return u, false
		}
	}
}

// inQuads reports whether an operation is a sum of lookups by codes that lie in quads.
func (g *gen) inQuads(o *ir.Op) bool {
	u, ok := lookupsOf(g.level, o)
	return ok && !g.packed[u.weight.Operands[0]].Dense()
}

// readElsewhere reports whether an operation loads codes that do not lie as tensors do: what needs them, reads them itself.
func (g *gen) readElsewhere(o *ir.Op) bool {
	return o.Code == ir.Load && !g.packed[o.Operands[0]].Dense()
}

// lookups emits such a sum.
func (e *emitter) lookups(o *ir.Op) {
	u, _ := lookupsOf(e.level, o)
	e.plans(o, fmt.Sprintf("lookups in tables of %v, %s", u.table.Type.Elem, u.layout))
	order := []*ir.Value{u.n}
	entries := o.Operands[0].Def.Axes[0]
	shape := []*ir.Value{u.q, entries}
	if u.m != nil {
		order, shape = []*ir.Value{u.m, u.n}, []*ir.Value{u.m, u.q, entries}
	}
	dest := e.destination(o.Result(), order...)
	if dest.last() != u.n {
		dest = e.newTile(o.Result().Type, order...)
	}
	s := &lookupSum{emitter: e, lookupUse: u, table: e.tileOf(e.resolve(u.table)), dest: dest}
	if s.table == nil || s.table.last() != entries {
		s.table = e.newTile(u.table.Type, shape...)
		e.copyTo(s.table, u.table)
	}
	w := e.tensorOf(u.weight.Operands[0])
	p := e.point()
	p.pos[u.q], p.pos[u.j] = llx.C64(0), llx.C64(0)
	k, _ := e.subscript(u.weight.Subscripts()[1], p, 1)
	group := int64(u.layout.Group)
	panelBytes := e.Mul(e.divUp(w.dims[1], group), llx.C64(u.layout.GroupBytes()))
	at := e.Mul(e.UDiv(k.base, llx.C64(group)), llx.C64(u.layout.GroupBytes()))
	if group != packed.QuadCodes {
		within := e.UDiv(e.URem(k.base, llx.C64(group)), llx.C64(packed.QuadCodes))
		at = e.Add(at, e.Mul(within, llx.C64(u.layout.UnitBytes())))
	}
	at = e.Add(at, e.Mul(e.scalar(u.bit), llx.C64(int64(u.layout.Vector()))))
	first := e.UDiv(e.span(u.n).lo, llx.C64(int64(u.layout.Rows)))
	base := e.Offset(w.base, e.Add(e.Mul(first, panelBytes), at))
	e.For(llx.C64(0), e.divUp(e.span(u.n).n, int64(u.layout.Rows)), 1, func(panel llx.Value) {
		codes := e.Offset(base, e.Mul(panel, panelBytes))
		if u.m == nil {
			s.rows(codes, panel, llx.C64(0), 1)
			return
		}
		n := e.span(u.m).n
		whole := e.whole(n, 4)
		e.For(llx.C64(0), whole, 4, func(i llx.Value) { s.rows(codes, panel, i, 4) })
		e.For(whole, n, 1, func(i llx.Value) { s.rows(codes, panel, i, 1) })
	})
	e.store(o.Result(), dest)
}

// lookupSum emits the sums of one panel.
type lookupSum struct {
	*emitter
	lookupUse
	table, dest *tile
}

// lookupChains is how many sums each row has, taken in turn, so that additions need not wait for each other.
const lookupChains = 4

// rows emits the sums of a panel for some rows of tables.
func (s *lookupSum) rows(codes, panel, first llx.Value, rows int) {
	e := s.emitter
	lanes := e.level.Lanes
	t := classOf(s.o.Result().Type.Elem).typ(lanes)
	chains := max(1, lookupChains/rows)
	sums := make([]llx.Value, rows*chains)
	for i := range sums {
		sums[i] = e.Alloca(t, 1, 64)
		e.Store(llx.Zero(t), sums[i], 64)
	}
	tables := make([]llx.Value, rows)
	for i := range tables {
		tables[i] = s.table.base
		if s.m != nil {
			at := e.Mul(e.Add(first, llx.C64(int64(i))), llx.C64(s.table.stride(s.m)*s.table.size))
			tables[i] = e.Offset(tables[i], at)
		}
	}
	const unit = packed.QuadCodes / 4
	some := func(i llx.Value, quads int) {
		v := e.Load(llx.Vec(llx.I32, lanes), e.Offset(codes, e.Mul(i, llx.C64(s.layout.UnitBytes()))), 1)
		for r, table := range tables {
			at := e.Offset(table, e.Mul(i, llx.C64(unit*s.table.stride(s.q)*s.table.size)))
			s.unit(v, at, quads, sums[r*chains:(r+1)*chains])
		}
	}
	n := e.span(s.q).n
	if k, ok := llx.ConstInt(n); ok {
		e.For(llx.C64(0), llx.C64(k/unit), 1, func(i llx.Value) { some(i, unit) })
		if k%unit > 0 {
			some(llx.C64(k/unit), int(k%unit))
		}
	} else {
		whole := e.LShr(n, llx.C64(int64(log2(unit))))
		e.For(llx.C64(0), whole, 1, func(i llx.Value) { some(i, unit) })
		rest := e.And(n, llx.C64(unit-1))
		for k := 1; k < unit; k++ {
			e.If(e.ICmp("eq", rest, llx.C64(int64(k))), func() { some(whole, k) }, nil)
		}
	}
	for r := range rows {
		x := e.Load(t, sums[r*chains], 64)
		for c := 1; c < chains; c++ {
			y := e.Load(t, sums[r*chains+c], 64)
			if s.table.elem == dtype.F32 {
				x = e.FAdd(x, y)
			} else {
				x = e.Add(x, y)
			}
		}
		at := e.Mul(panel, llx.C64(int64(lanes)))
		if s.m != nil {
			at = e.Add(at, e.Mul(e.Add(first, llx.C64(int64(r))), llx.C64(s.dest.stride(s.m))))
		}
		e.storeTile(s.dest.elem, e.Offset(s.dest.base, e.Mul(at, llx.C64(s.dest.size))), x, lanes)
	}
}

// unit adds what the first quads of a unit look up in the tables that begin at an address.
func (s *lookupSum) unit(v, table llx.Value, quads int, sums []llx.Value) {
	e := s.emitter
	lanes := e.level.Lanes
	t := classOf(s.o.Result().Type.Elem).typ(lanes)
	add := func(i int, x llx.Value) {
		at := sums[i%len(sums)]
		if s.table.elem == dtype.F32 {
			e.Store(e.FAdd(e.Load(t, at, 64), x), at, 64)
		} else {
			e.Store(e.Add(e.Load(t, at, 64), x), at, 64)
		}
	}
	if s.table.elem == dtype.I8 && e.level.VBMI && e.level.VNNI {
		// Byte t of each dword looks into the table of quad t: four tables of 16 bytes are one of 64.
		for half := range (quads + 3) / 4 {
			codes := v
			if half == 1 {
				codes = e.LShr(v, e.Splat(llx.C32(4), lanes))
			}
			index := e.Or(e.And(codes, e.Splat(llx.C32(0x0f0f0f0f), lanes)), e.Splat(llx.C32(0x30201000), lanes))
			bytes := llx.Vec(llx.I8, 64)
			tables := e.Load(bytes, e.Offset(table, llx.C64(int64(64*half))), 1)
			x := e.Bitcast(e.Call("llvm.x86.avx512.permvar.qi.512", bytes, tables, e.Bitcast(index, bytes)), t)
			ones := int64(0x01010101)
			if here := quads - 4*half; here < 4 {
				ones &= 1<<(8*here) - 1
			}
			at := sums[half%len(sums)]
			e.Store(e.Call("llvm.x86.avx512.vpdpbusd.512", t, e.Load(t, at, 64), e.Splat(llx.C32(ones), lanes), x), at, 64)
		}
		return
	}
	for k := range quads {
		index := v
		if shift := k%4*8 + k/4*4; shift > 0 {
			index = e.LShr(v, e.Splat(llx.C32(int64(shift)), lanes))
		}
		at := e.Offset(table, llx.C64(int64(k)*s.table.stride(s.q)*s.table.size))
		add(k, s.look(index, at))
	}
}

// look looks up the low four bits of each lane in a table of 16.
func (s *lookupSum) look(index, table llx.Value) llx.Value {
	e := s.emitter
	lanes := e.level.Lanes
	float := llx.Vec(llx.Float, lanes)
	low := func() llx.Value { return e.And(index, e.Splat(llx.C32(15), lanes)) }
	switch {
	case s.table.elem == dtype.F32 && e.level.AVX512:
		return e.Call("llvm.x86.avx512.permvar.sf.512", float, e.Load(float, table, 4), index)
	case s.table.elem == dtype.F32 && lanes == 8:
		a := e.Call("llvm.x86.avx2.permps", float, e.Load(float, table, 4), index)
		b := e.Call("llvm.x86.avx2.permps", float, e.Load(float, e.Offset(table, llx.C64(32)), 4), index)
		upper := e.ICmp("slt", e.Shl(index, e.Splat(llx.C32(28), lanes)), e.Splat(llx.C32(0), lanes))
		return e.Select(upper, b, a)
	case s.table.elem == dtype.I8 && lanes == 8:
		bytes := llx.Vec(llx.I8, 32)
		half := e.Load(llx.Vec(llx.I8, 16), table, 1)
		both := e.Shuffle(half, half, sequence(32))
		x := e.Bitcast(e.Call("llvm.x86.avx2.pshuf.b", bytes, both, e.Bitcast(low(), bytes)), llx.Vec(llx.I32, lanes))
		up := e.Splat(llx.C32(24), lanes)
		return e.AShr(e.Shl(x, up), up)
	}
	index = low()
	code := codeType(s.table.elem)
	x := llx.Value(llx.Undef(llx.Vec(code, lanes)))
	for i := range lanes {
		k := e.ZExt(e.Extract(index, llx.C64(int64(i))), llx.I64)
		one := e.Load(code, e.Offset(table, e.Mul(k, llx.C64(s.table.size))), int(s.table.size))
		x = e.Insert(x, one, llx.C64(int64(i)))
	}
	return e.decode(s.table.elem, x, lanes)
}
