package cpu

import (
	"fmt"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// contraction is how a contraction is computed: as products of matrices of rows by columns, for each position along the
// axes outside. The rows' operand is read where it lies or copied row by row, the columns' is packed into slivers.
type contraction struct {
	e    *emitter
	o    *ir.Op
	dest *tile
	sums *tile // where the products are summed: dest, or a tile of a wider type
	block
	a, b  factor
	outer []*ir.Value // loops outside, those over summed axes last
	rows  []*ir.Value // run through C together, the last one contiguous in it or nearly
	cols  []*ir.Value
	k     *ir.Value // the summed axis that panels run along, nil for none
	// chunk is the number of k in a panel.
	chunk int64
	// tall is the number of rows that are packed at once; none are where rows must be read in place.
	tall   int64
	placed bool
	few    *few // how it is computed instead, nil if it is not
}

// factor is an operand: its value times its scale.
type factor struct {
	v, scale *ir.Value
}

// rowsBytes is how much of the second cache packed rows take.
const rowsBytes = 256 << 10

// sliverBytes is the size of a sliver. It stays in the first cache, with room for what passes it, or, where a step of 32
// columns takes as long as with AVX-512, comes from the second one in time: then it is long, so that C is seldom read and
// written. The matrix unit reads as much of A as of B.
func sliverBytes(l *Level, p product) int64 {
	if !l.AVX512 || l.AMX && (p == bf16Product || p == i8Product) {
		return 16 << 10
	}
	return 64 << 10
}

// contract emits a contraction.
func (e *emitter) contract(o *ir.Op) {
	if e.contractCodes(o) {
		return
	}
	dest := e.dest[o.Result()]
	c, ok := e.planContraction(o, dest)
	if !ok {
		if _, _, _, _, acc := o.ContractParts(); acc != nil {
			e.settle(e.tileOf(e.resolve(acc)))
		}
		e.contractSlowly(o)
		return
	}
	if e.g.hoisted[o] != nil {
		c.few = nil
	}
	e.plans(o, c.String())
	if dest == nil {
		c.dest.base = e.room(c.dest.bytes())
	}
	if c.few != nil {
		c.emit()
		return
	}
	rows := e.span(c.rows[0])
	if _, known := rows.fixed(); known || len(c.rows) > 1 || !c.alongSum(c.b, c.cols[len(c.cols)-1]) {
		c.emit()
		return
	}
	// For very few rows it does not pay to pack the columns.
	few := int64(1)
	if c.holds(c.b.v.Type.Elem) && c.per() == 1 {
		few = 2 // without conversions
	}
	more := c.emit
	if turned := e.planTurned(c); turned != nil {
		more = func() {
			// A single vector of columns would wait for the first cache, which reads rows a power of two apart one by one.
			whole := e.ICmp("eq", e.And(e.span(c.k).n, llx.C64(int64(c.per()-1))), llx.C64(0))
			unpacked := e.And(whole, e.And(e.ICmp("ne", e.And(e.Sub(rows.n, llx.C64(1)), llx.C64(int64(c.lanes))), llx.C64(0)), e.ICmp("sle", rows.n, llx.C64(turnedRows(c)))))
			if h := e.g.hoisted[o]; h != nil {
				unpacked = e.And(unpacked, e.ICmp("eq", e.slotValue(h.use), llx.C64(0)))
			}
			e.If(unpacked, func() { c.emitTurned(turned) }, c.emit)
		}
	}
	e.If(e.ICmp("sle", rows.n, llx.C64(few)), func() {
		set(e, e.dest, o.Result(), c.dest)
		e.settle(c.dest)
		e.contractSlowly(o)
	}, more)
	e.store(o.Result(), c.dest)
}

func (c *contraction) String() string {
	if c.few != nil {
		return c.fewText()
	}
	how := fmt.Sprintf("panels of %s, %d k at a time, in tiles of %d by %d", c.product, c.chunk, c.block.rows, c.wide*c.lanes)
	if c.e.g.hoisted[c.o] != nil {
		how += ", columns packed once for all blocks"
	}
	return how
}

// productOf is the product for factors of two types summed in a third; ok is false where panels do not serve. Scaled
// factors are floats whatever they were.
func productOf(l *Level, a, b, sum dtype.Type, scaled bool) (p product, ok bool) {
	if !sum.IsFloat() {
		if sum.Bits() > 32 {
			return i64Product, true
		}
		fits := func(t dtype.Type, lo, hi int64) bool { return t.MinInt() >= lo && t.MaxInt() <= hi }
		bytes := fits(b, -128, 127) && (fits(a, -128, 127) || fits(a, 0, 255) && !l.AMX)
		words := fits(a, -32768, 32767) && fits(b, -32768, 32767)
		switch {
		case bytes && l.VNNI:
			return i8Product, true
		case words && l.Arch == "amd64":
			return i16Product, true
		}
		return i32Product, true
	}
	if sum == dtype.F64 || a == dtype.F64 || b == dtype.F64 {
		return f64Product, sum == dtype.F64
	}
	if l.BF16 && !scaled && halfExact(a) && halfExact(b) {
		return bf16Product, true
	}
	return f32Product, true
}

// halfExact reports whether every value of a float is one of bf16.
func halfExact(t dtype.Type) bool {
	return t.IsFloat() && t.Man <= 7 && t.Exp <= 8 && t != dtype.E8M0
}

// shapeOf is the largest tile of a product whose sums fit the registers, beside a step of B and an element of A.
func shapeOf(l *Level, p product, rows, cols int64) (height, wide, lanes int) {
	lanes = l.Lanes
	if p.step() == 8 {
		lanes /= 2
	}
	switch {
	case l.AVX512:
		height, wide = 12, 2
	case l.Registers == 32:
		height, wide = 8, 2
	case l.FMA:
		height, wide = 6, 2
	default:
		height, wide = 4, 2
	}
	if p.sum() != f32Class && p.sum() != f64Class && p != i8Product && !l.AVX512 && height > 4 {
		height = 4 // a product of integers is more than one instruction, and takes registers between
	}
	if cols <= int64(lanes) || p == i64Product && !l.AVX512 {
		wide = 1
	}
	return height, wide, lanes
}

// planContraction chooses the axes and tiles; ok is false where the generic way is as good or the only one. Dest is where
// the result is wanted; where that is nil, the plan's has a shape but no memory.
func (e *emitter) planContraction(o *ir.Op, dest *tile) (c *contraction, ok bool) {
	a, b, sa, sb, _ := o.ContractParts()
	t := o.Result().Type
	if t.Kind != ir.Tile {
		return nil, false
	}
	c = &contraction{e: e, o: o}
	x, y := factor{e.resolve(a), sa}, factor{e.resolve(b), sb}
	order := spansOf(t)
	if dest != nil {
		order = dest.axes
	}
	// The operand that has the last axis of the result gives the columns.
	end := order[len(order)-1]
	switch {
	case y.v.Type.Axis(end) < 0:
		x, y = y, x
	case x.v.Type.Axis(end) >= 0:
		return nil, false
	}
	c.a, c.b = x, y
	i := len(order)
	extentC := int64(1)
	for i > 0 && x.v.Type.Axis(order[i-1]) < 0 {
		i--
		extentC *= order[i].Type.Width
	}
	c.cols = order[i:]
	j, extentR := i, int64(1)
	for j > 0 && y.v.Type.Axis(order[j-1]) < 0 {
		j--
		extentR *= order[j].Type.Width
	}
	c.rows = order[j:i]
	c.outer = append(c.outer, order[:j]...)
	// Panels run along the longest of the summed axes.
	for _, s := range o.Axes {
		if c.k == nil || s.Type.Width > c.k.Type.Width {
			c.k = s
		}
	}
	c.outer = append(c.outer, without(o.Axes, []*ir.Value{c.k})...)
	if extentC < int64(e.level.Lanes)/2 || c.k.Type.Width < 4 {
		return nil, false
	}
	c.product, ok = productOf(e.level, x.v.Type.Elem, y.v.Type.Elem, t.Elem, sa != nil || sb != nil)
	if !ok {
		return nil, false
	}
	if c.product == bf16Product && !e.level.dotsPay() && !c.fitsMatrix(extentR, extentC) {
		c.product = f32Product
	}
	c.block.rows, c.wide, c.lanes = shapeOf(e.level, c.product, extentR, extentC)
	c.micro.vectors = c.wide
	if c.dest = dest; dest == nil {
		c.dest = e.newTileShape(t, order...)
	}
	c.sums = c.dest
	if wide := c.wideElem(t.Elem); wide != t.Elem {
		c.sums = e.newTileShape(t.WithElem(wide), order...)
	}
	// Where rows would not be packed at once, the leading axes of them are gone through outside.
	height := int64(c.block.rows)
	per := int64(c.per())
	steps := (c.k.Type.Width + per - 1) / per
	most := sliverBytes(e.level, c.product) / (int64(c.wide*c.lanes) * c.step()) * 5 / 4
	chunks := (steps + most - 1) / most
	c.depth = ((steps+chunks-1)/chunks + 15) / 16 * 16
	c.chunk = c.depth * per
	c.tall = max(rowsBytes/(c.depth*c.step())/height*height, height)
	for len(c.rows) > 1 && extentR > c.tall {
		extentR /= c.rows[0].Type.Width
		c.outer, c.rows = append([]*ir.Value{c.rows[0]}, c.outer...), c.rows[1:]
	}
	c.tall = min(c.tall, (extentR+height-1)/height*height)
	c.extent = extentR
	if c.few = c.fewOf(extentR); c.few == nil && extentR < 4 {
		return nil, false
	}
	c.rowC = c.sums.stride(c.rows[len(c.rows)-1]) * c.step()
	c.vectors = c.columns() / int64(c.lanes)
	if (c.product == bf16Product || c.product == i8Product) && c.fitsMatrix(extentR, c.columns()) {
		c.matrix, c.block.rows = true, 32
		c.tall = max(c.tall/32*32, 32)
	}
	c.biased = c.product == i8Product && x.v.Type.Elem.MinInt() < 0 && !c.matrix
	c.stepA = c.step()
	c.rowA = c.depth*c.step() + 64
	return c, true
}

// fitsMatrix reports whether the matrix unit serves tiles of C of a shape.
func (c *contraction) fitsMatrix(rows, columns int64) bool {
	return c.e.level.AMX && rows%16 == 0 && columns >= int64(c.e.level.Lanes)
}

// wideElem is the type in which products are summed for results of t: of 32 or 64 bits.
func (p product) wideElem(t dtype.Type) dtype.Type {
	switch {
	case p.sum() == f32Class:
		return dtype.F32
	case p.sum() == i32Class && t.Bits() < 32:
		return dtype.I32
	}
	return t
}

// columns is the number of columns that a row of C has room for.
func (c *contraction) columns() int64 {
	n := c.sums.extents[len(c.sums.extents)-1]
	for _, s := range c.cols[:len(c.cols)-1] {
		n *= s.Type.Width
	}
	return n
}

// length is the number of places of a run of axes up to the last that may be live; last is the room for its last axis, 0 for
// its width.
func (c *contraction) length(run []*ir.Value, last int64) llx.Value {
	e := c.e
	if len(run) == 1 {
		return e.span(run[0]).n
	}
	n := e.span(run[0]).n
	for i, s := range run[1:] {
		w := s.Type.Width
		if i == len(run)-2 && last > 0 {
			w = last
		}
		n = e.Mul(n, llx.C64(w))
	}
	return n
}

func (c *contraction) emit() {
	e := c.e
	_, _, _, _, acc := c.o.ContractParts()
	sumsOutside := len(c.o.Axes) > 1
	add := llx.Value(llx.C64(0))
	if c.sums != c.dest {
		c.sums.base = e.room(c.sums.bytes())
	}
	switch {
	case acc != nil && c.sums == c.dest:
		add = llx.C64(1)
		if t := e.tileOf(e.resolve(acc)); t != c.dest {
			e.settle(t)
			e.copyTo(c.dest, acc)
		} else if t.unset != nil {
			add = e.Sub(add, e.Load(llx.I64, t.unset, 8))
		}
	case acc != nil:
		e.nest(nestOf{axes: c.sums.axes, vec: c.sums.last(), refs: []*ir.Value{acc}}, func(p *point) {
			e.write(c.sums, p, e.vector(acc, p))
		})
		add = llx.C64(1)
	case sumsOutside:
		e.clear(c.sums)
		add = llx.C64(1)
	}
	e.scope(func() { c.outside(e.point(), c.outer, add) })
	if c.dest.unset != nil {
		e.Store(llx.C64(0), c.dest.unset, 8)
	}
	if c.sums != c.dest {
		// The whole sum is rounded, or wrapped, once.
		e.nest(nestOf{axes: c.dest.axes, vec: c.dest.last()}, func(p *point) {
			e.write(c.dest, p, e.convert(c.sums.elem, c.dest.elem, e.read(c.sums, p, p.lanes), p.lanes))
		})
	}
	e.store(c.o.Result(), c.dest)
}

// lateZeros finds the tiles that a loop carries, that begin as zeros and to which the loop only adds a contraction's
// products: the first of these are stored instead of added, and no zeros are.
func (e *emitter) lateZeros(o *ir.Op, c *carried) {
	r := o.Regions[0]
	values, _ := r.Yield().Yielded()
	for i, t := range c.tiles {
		if t == nil || !e.resolve(o.Operands[2+i]).IsZero() {
			continue
		}
		arg, next := r.Args[1+i], values[i]
		uses := e.g.uses[arg]
		if len(uses) != 1 || uses[0] != next.Def || next.Def.Code != ir.Contract || next.Def.Parent != r || len(next.Def.Axes) != 1 {
			continue
		}
		if _, _, _, _, acc := next.Def.ContractParts(); acc != arg {
			continue
		}
		if p, ok := e.planContraction(next.Def, t); !ok || p.sums != p.dest {
			continue
		}
		t.unset = e.Alloca(llx.I64, 1, 8)
		e.Store(llx.C64(1), t.unset, 8)
	}
}

// settle stores the zeros that a tile stands for where they are still not there.
func (e *emitter) settle(t *tile) {
	if t == nil || t.unset == nil {
		return
	}
	e.If(e.ICmp("ne", e.Load(llx.I64, t.unset, 8), llx.C64(0)), func() {
		e.clear(t)
		e.Store(llx.C64(0), t.unset, 8)
	}, nil)
}

// settleAll ends what lateZeros began: the tiles of a loop that is done are tiles like any other.
func (e *emitter) settleAll(c *carried) {
	for _, t := range c.tiles {
		e.settle(t)
		if t != nil {
			t.unset = nil
		}
	}
}

// clear sets a tile to zeros.
func (e *emitter) clear(t *tile) {
	e.For(llx.C64(0), llx.C64(t.bytes()), 16*t.size, func(i llx.Value) {
		e.Store(llx.Zero(llx.Vec(llx.I8, int(16*t.size))), e.Offset(t.base, i), int(t.size))
	})
}

// outside goes through the axes outside of the products.
func (c *contraction) outside(p *point, axes []*ir.Value, add llx.Value) {
	if len(axes) > 0 && (c.few == nil || c.few.beside != axes[0]) {
		c.e.For(llx.C64(0), c.e.span(axes[0]).n, 1, func(i llx.Value) {
			c.outside(p.inside(axes[0], i), axes[1:], add)
		})
		return
	}
	c.products(p, add)
}

// products emits the product at one place outside.
func (c *contraction) products(p *point, add llx.Value) {
	if c.few != nil {
		c.fewProducts(p, add)
		return
	}
	e := c.e
	direct, ok := c.direct(p)
	if !ok && !c.placed {
		// Rows are turned as many at a time as a vector has lanes.
		direct = e.room((c.tall + int64(c.lanes)) * c.rowA)
	}
	slivers := e.room(c.panelBytes() + 64)
	shared, have := c.shared(p)
	rows := c.length(c.rows, 0)
	columns := e.divUp(c.length(c.cols, c.sums.extents[len(c.sums.extents)-1]), int64(c.lanes))
	atC := c.sums.base
	for a, i := range p.pos {
		if s := c.sums.stride(a); s != 0 {
			atC = e.Offset(atC, e.Mul(i, llx.C64(s*c.step())))
		}
	}
	outlet := c.outletOf()
	live := e.span(c.k).n
	e.For(llx.C64(0), e.Max(live, llx.C64(1)), c.chunk, func(from llx.Value) {
		n := e.Min(e.Sub(live, from), llx.C64(c.chunk))
		if c.k.Type.Width <= c.chunk {
			n = live
		}
		steps := c.steps(n)
		again := add
		if first, ok := llx.ConstInt(from); !ok || first != 0 {
			again = e.Or(add, e.ZExt(e.ICmp("ne", from, llx.C64(0)), llx.I64))
		}
		b := slivers
		if have == nil {
			e.scope(func() { c.packColumns(p, slivers, from, n) })
		} else {
			// Where the columns are packed already, they are used.
			where := e.Alloca(llx.Ptr, 1, 8)
			e.If(have, func() {
				at := e.Mul(c.chunkNumber(from), llx.C64(c.panelBytes()))
				e.Store(e.Offset(shared, at), where, 8)
			}, func() {
				c.packColumns(p, slivers, from, n)
				e.Store(slivers, where, 8)
			})
			b = e.Load(llx.Ptr, where, 8)
		}
		starts := llx.Value(llx.Null())
		if c.biased {
			starts = e.room((c.extent + 16) * 4)
		}
		whole, out, pitchOut := c.block, atC, llx.Value(llx.C64(c.rowC))
		if outlet != nil {
			whole = c.exact()
			out, pitchOut = c.out(p, outlet, atC, from)
		}
		// multiply adds rows from r on, some of them, which lie at a, a pitch apart where the block does not know it.
		multiply := func(k block, a, r, some, apart llx.Value) {
			if c.biased {
				rowA := apart
				if k.rowA != 0 {
					rowA = llx.C64(k.rowA)
				}
				e.Call(e.g.library().starts(), llx.Void, a, some, rowA, n, starts)
			}
			// Rows that are read where they lie need no asking for.
			soon, pitch, bytes := llx.Value(llx.Null()), apart, llx.Value(llx.C64(0))
			if !ok && k.rowA != 0 {
				soon, pitch, bytes = c.nextRows(p, r, from)
			}
			e.Call(e.g.library().block(k), llx.Void, a, b, e.Offset(atC, e.Mul(r, llx.C64(c.rowC))), some, columns, steps, again, soon, pitch, bytes, starts, e.Offset(out, e.Mul(r, pitchOut)), pitchOut, llx.C64(c.rowC))
		}
		if ok {
			multiply(whole, e.Offset(direct, e.Mul(from, llx.C64(c.step()/int64(c.per())))), llx.C64(0), rows, llx.C64(0))
			return
		}
		packed := func() {
			e.For(llx.C64(0), rows, c.tall, func(r llx.Value) {
				some := rows
				if c.extent > c.tall {
					some = e.Min(e.Sub(rows, r), llx.C64(c.tall))
				}
				e.scope(func() { c.packRows(p, direct, r, some, from, n) })
				multiply(whole, direct, r, some, llx.C64(0))
			})
		}
		if c.inPlace() == nil {
			packed()
			return
		}
		at, pitch, crowded, serves := c.rowsInPlace(p, from, n)
		placed := func() {
			// Rows whose lines share sets are taken fewer at a time.
			many := e.Select(crowded, llx.C64(closeRows), rows)
			e.For(llx.C64(0), e.Select(crowded, e.divUp(rows, closeRows), e.Min(rows, llx.C64(1))), 1, func(i llx.Value) {
				r := e.Mul(i, llx.C64(closeRows))
				multiply(c.inPlaceBlock(), e.Offset(at, e.Mul(r, pitch)), r, e.Min(e.Sub(rows, r), many), pitch)
			})
		}
		if c.placed {
			placed()
			return
		}
		e.If(serves, placed, packed)
	})
}

// panelBytes is the size of the slivers of all columns and a chunk of k.
func (c *contraction) panelBytes() int64 {
	width := int64(c.wide * c.lanes)
	return (c.columns() + width - 1) / width * c.sliverBytes()
}

// chunkNumber is the number of the chunk that begins at k.
func (c *contraction) chunkNumber(k llx.Value) llx.Value {
	if i, ok := llx.ConstInt(k); ok {
		return llx.C64(i / c.chunk)
	}
	return c.e.UDiv(k, llx.C64(c.chunk))
}

// divUp is n divided by a constant, rounded up.
func (e *emitter) divUp(n llx.Value, by int64) llx.Value {
	if by == 1 {
		return n
	}
	if k, ok := llx.ConstInt(n); ok {
		return llx.C64((k + by - 1) / by)
	}
	if by&(by-1) == 0 {
		return e.LShr(e.Add(n, llx.C64(by-1)), llx.C64(int64(log2(by))))
	}
	return e.UDiv(e.Add(n, llx.C64(by-1)), llx.C64(by))
}

// steps is the number of steps of n places along k.
func (c *contraction) steps(n llx.Value) llx.Value {
	s := c.e.divUp(n, int64(c.per()))
	if !c.matrix {
		return s
	}
	if k, ok := llx.ConstInt(s); ok {
		return llx.C64((k + 15) / 16 * 16)
	}
	return c.e.And(c.e.Add(s, llx.C64(15)), llx.C64(-16))
}

// holds reports whether elements of t in memory are what a step is made of.
func (p product) holds(t dtype.Type) bool {
	switch p {
	case f32Product:
		return t == dtype.F32
	case f64Product:
		return t == dtype.F64
	case bf16Product:
		return t == dtype.BF16
	case i16Product:
		return t == dtype.I16
	case i8Product:
		return t == dtype.U8
	}
	return t.IsInt() && int64(t.Bits()/8) == p.step()
}

// holdsRow is holds for the rows' operand.
func (c *contraction) holdsRow(t dtype.Type) bool {
	if c.biased {
		return t == dtype.I8
	}
	return c.holds(t)
}

// direct is where the rows' operand lies, if the micro-kernels can read it there.
func (c *contraction) direct(p *point) (base llx.Value, ok bool) {
	e := c.e
	t := e.tileOf(c.a.v)
	if t == nil || c.a.scale != nil || c.matrix || t.last() != c.k || t.size*int64(c.per()) != c.step() {
		return nil, false
	}
	if !c.holdsRow(t.elem) {
		return nil, false
	}
	n := t.stride(c.rows[len(c.rows)-1])
	c.rowA = n * t.size
	for i := len(c.rows) - 1; i > 0; i-- {
		n *= c.rows[i].Type.Width
		if t.stride(c.rows[i-1]) != n {
			return nil, false
		}
	}
	base = t.base
	for a, i := range p.pos {
		if s := t.stride(a); s != 0 {
			base = e.Offset(base, e.Mul(i, llx.C64(s*t.size)))
		}
	}
	// A last step that is not whole is filled up with zeros.
	per := int64(c.per())
	live := e.span(c.k).n
	if k, ok := llx.ConstInt(live); per > 1 && !(ok && k%per == 0) {
		e.If(e.ICmp("ne", e.And(live, llx.C64(per-1)), llx.C64(0)), func() {
			e.For(llx.C64(0), c.length(c.rows, 0), 1, func(r llx.Value) {
				at := e.Offset(base, e.Add(e.Mul(r, llx.C64(c.rowA)), e.Mul(live, llx.C64(t.size))))
				for i := range per - 1 {
					// What follows in the row is padding, up to a multiple of 16 elements.
					in := e.ICmp("ne", e.And(e.Add(live, llx.C64(i)), llx.C64(per-1)), llx.C64(0))
					e.If(in, func() { e.Store(llx.Zero(codeType(t.elem)), e.Offset(at, llx.C64(i*t.size)), int(t.size)) }, nil)
				}
			})
		}, nil)
	}
	return base, true
}
