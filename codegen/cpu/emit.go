package cpu

import (
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// emitter emits the body of one function of the module.
//
// Scalars are LLVM values. A tile is either stored in memory of the worker's own, as a [tile], or it is evaluated
// where it is used, a vector at a time ([emitter.at]); which of the two, [emitter.plan] decides for each region.
type emitter struct {
	unit
	g       *gen
	ctx     llx.Value
	scratch llx.Value // nil in functions that have none

	scalars map[*ir.Value]llx.Value
	spans   map[*ir.Value]*span
	tiles   map[*ir.Value]*tile
	tensors map[*ir.Value]*tensor
	// alias is the value that another one is, such as the result of an if of which one arm is left.
	alias map[*ir.Value]*ir.Value
	// known are conditions whose outcome is known in this copy of the code.
	taken map[*ir.Value]bool
	// undo restores the maps when a scope ends: what is computed in a block is there in that block only.
	undo []func()
	// ragged is set where spans of the grid may be shorter than their width: a copy of the code that runs seldom.
	ragged bool

	// dest are the tiles that values still to be computed go to.
	dest map[*ir.Value]*tile
	// outlets are where sums go that are done, by the contraction, its loop and the store.
	outlets map[*ir.Op]*outlet

	scratchTop, scratchMax int64
	now                    *plan
}

// span is a run of indices: lo … lo+n-1, n at most width. Where n is a constant the span is full or was made so.
type span struct {
	lo, n llx.Value
	width int64
	align int64     // a power of two that divides lo
	end   llx.Value // where the loop ends that it is a turn of, nil if it may end earlier or there is none
}

// hi is one past the last index.
func (e *emitter) hi(s *span) llx.Value { return e.Add(s.lo, s.n) }

// fixed is the span's live length where it is known when compiling.
func (s *span) fixed() (int64, bool) { return llx.ConstInt(s.n) }

// scope runs f; what it adds to the emitter's tables ends with it, and so does the memory it takes.
func (e *emitter) scope(f func()) {
	mark, top := len(e.undo), e.scratchTop
	f()
	for i := len(e.undo) - 1; i >= mark; i-- {
		e.undo[i]()
	}
	e.undo, e.scratchTop = e.undo[:mark], top
}

// set binds a key for the current scope.
func set[K comparable, V any](e *emitter, m map[K]V, k K, v V) {
	old, had := m[k]
	m[k] = v
	e.undo = append(e.undo, func() {
		if had {
			m[k] = old
		} else {
			delete(m, k)
		}
	})
}

// resolve follows aliases.
func (e *emitter) resolve(v *ir.Value) *ir.Value {
	for e.alias[v] != nil {
		v = e.alias[v]
	}
	return v
}

// scalar is the value of a scalar.
func (e *emitter) scalar(v *ir.Value) llx.Value {
	v = e.resolve(v)
	if x, ok := e.scalars[v]; ok {
		return x
	}
	if v.Type.Kind == ir.Span {
		// A span of one index stands for it.
		return e.span(v).lo
	}
	x := e.makeScalar(v)
	set(e, e.scalars, v, x)
	return x
}

// makeScalar computes a scalar that is not in the table yet: an argument, or a pure operation.
func (e *emitter) makeScalar(v *ir.Value) llx.Value {
	if s, ok := e.g.slots[v]; ok {
		return e.fromSlot(v.Type.Elem, e.slotValue(s))
	}
	o := v.Def
	if o == nil {
		panic("cpu: a scalar without a definition: " + v.Name)
	}
	if o.Results[0] != v {
		panic("cpu: result " + v.Name + " of " + o.Code.String() + " is used before it is computed")
	}
	return e.scalarOp(o)
}

// scalarOp computes an operation whose result is a scalar.
func (e *emitter) scalarOp(o *ir.Op) llx.Value {
	if k, ok := e.taken[o.Result()]; ok {
		return llx.Int(llx.I1, int64(b2i(k)))
	}
	p := e.point()
	return e.compute(o, p)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// span finds the bounds of a span.
func (e *emitter) span(v *ir.Value) *span {
	if s, ok := e.spans[v]; ok {
		return s
	}
	o := v.Def
	if o == nil {
		panic("cpu: a span without a definition: " + v.Name)
	}
	s := e.makeSpan(o)
	set(e, e.spans, v, s)
	return s
}

func (e *emitter) makeSpan(o *ir.Op) *span {
	width := o.Result().Type.Width
	switch o.Code {
	case ir.SpanOf:
		lo, hi := e.scalar(o.Operands[0]), e.scalar(o.Operands[1])
		n := e.Min(e.Max(e.Sub(hi, lo), llx.C64(0)), llx.C64(width))
		s := &span{lo: lo, n: n, width: width, align: 1}
		if c, ok := llx.ConstInt(lo); ok {
			s.align = alignOf(c, 0)
		}
		return s
	case ir.SpanCopy:
		s := *e.span(o.Axes[0])
		return &s
	case ir.SpanCat:
		a, b := e.span(o.Axes[0]), e.span(o.Axes[1])
		return &span{lo: llx.C64(0), n: e.Add(a.n, b.n), width: width, align: 1 << 20}
	}
	panic("cpu: a span by " + o.Code.String())
}

// constant is an ir.Const.
func constantOf(t dtype.Type, val any) llx.Value {
	switch classOf(t) {
	case f32Class:
		return llx.F32(number(val))
	case f64Class:
		return llx.F64(number(val))
	case boolClass:
		return llx.Int(llx.I1, val.(int64)&1)
	case i32Class:
		return llx.C32(int64(int32(val.(int64))))
	}
	return llx.C64(val.(int64))
}

func number(val any) float64 {
	if k, ok := val.(int64); ok {
		return float64(k)
	}
	return val.(float64)
}

// point is where tiles are evaluated: a position along each axis. Along vec it is the first of lanes positions, of which
// live are there, nil standing for all.
type point struct {
	pos   map[*ir.Value]llx.Value
	vec   *ir.Value
	lanes int
	live  llx.Value
	part  int // which of the vectors of one turn
	memo  map[*ir.Value]llx.Value
	moved map[*ir.Op]*point
	outer *point // where the loops outside are, nil outside all
}

// point makes a point without axes.
func (e *emitter) point() *point {
	return &point{pos: map[*ir.Value]llx.Value{}, lanes: 1, memo: map[*ir.Value]llx.Value{}, moved: map[*ir.Op]*point{}}
}

// at a copy of p for other positions.
func (p *point) clone() *point {
	q := &point{pos: make(map[*ir.Value]llx.Value, len(p.pos)+1), vec: p.vec, lanes: p.lanes, live: p.live,
		memo: map[*ir.Value]llx.Value{}, moved: map[*ir.Op]*point{}}
	for k, v := range p.pos {
		q.pos[k] = v
	}
	return q
}

// width is how many lanes a value over t's axes has at p.
func (p *point) width(t ir.Type) int {
	if p.vec != nil && t.Kind == ir.Tile && t.Axis(p.vec) >= 0 {
		return p.lanes
	}
	return 1
}

// mask is the mask of the live lanes, nil where all are.
func (e *emitter) mask(p *point) llx.Value {
	if p.live == nil || p.lanes == 1 {
		return nil
	}
	return e.ICmp("slt", e.Steps(llx.I64, p.lanes), e.Splat(p.live, p.lanes))
}

// at is the value of v at p: a vector where v is over p's vector axis, else a scalar.
func (e *emitter) at(v *ir.Value, p *point) llx.Value {
	v = e.resolve(v)
	if v.Type.Kind == ir.Scalar {
		return e.scalar(v)
	}
	if x := e.known(p, v); x != nil {
		return x
	}
	var x llx.Value
	if v.Type.Kind == ir.Span {
		x = e.indices(v, p)
	} else if t := e.tileOf(v); t != nil {
		x = e.read(t, p, p.width(v.Type))
	} else {
		x = e.compute(v.Def, p)
	}
	p.memo[v] = x
	return x
}

// known is v at p where it was evaluated there before, or outside the loops that it does not depend on.
func (e *emitter) known(p *point, v *ir.Value) llx.Value {
	for q := p; q != nil; q = q.outer {
		if x, ok := q.memo[v]; ok {
			return x
		}
	}
	return nil
}

// vector is at, repeated in all lanes where v is not over the vector axis.
func (e *emitter) vector(v *ir.Value, p *point) llx.Value {
	x := e.at(v, p)
	if p.lanes > 1 && llx.Lanes(x.Type()) == 1 {
		return e.Splat(x, p.lanes)
	}
	return x
}

// indices are the index values of a span at p.
func (e *emitter) indices(v *ir.Value, p *point) llx.Value {
	s := e.span(v)
	pos, ok := p.pos[v]
	if !ok {
		panic("cpu: no position along " + v.Name)
	}
	base := e.Add(s.lo, pos)
	if p.vec == v && p.lanes > 1 {
		return e.Add(e.Splat(base, p.lanes), e.Steps(llx.I64, p.lanes))
	}
	return base
}

// compute evaluates an operation at p.
func (e *emitter) compute(o *ir.Op, p *point) llx.Value {
	defer e.From(o.Pos.File, o.Pos.Line, o.Pos.Col)()
	r := o.Result()
	lanes := p.width(r.Type)
	switch o.Code {
	case ir.Const:
		return constantOf(r.Type.Elem, o.Attr("value"))
	case ir.SpanLo:
		return e.span(o.Axes[0]).lo
	case ir.SpanHi:
		return e.hi(e.span(o.Axes[0]))
	case ir.Iota:
		return e.indices(o.Axes[0], p)
	case ir.Affine:
		return e.affine(o, p, lanes)
	case ir.Load:
		return e.load(o, p, lanes)
	case ir.Bcast:
		x := e.at(o.Operands[0], p)
		if lanes > 1 && llx.Lanes(x.Type()) == 1 {
			return e.Splat(x, lanes)
		}
		return x
	case ir.Rebind:
		return e.at(o.Operands[0], e.moved(o, p, o.Axes[1], o.Axes[0]))
	case ir.Lookup:
		return e.lookup(o, p, lanes)
	case ir.Pack:
		return e.pack(o, p, lanes)
	case ir.Unpack:
		return e.unpack(o, p, lanes)
	}
	if !o.Code.Spec().Elementwise() {
		panic("cpu: " + o.Code.String() + " is evaluated at a point")
	}
	x := make([]llx.Value, len(o.Operands))
	for i, v := range o.Operands {
		x[i] = e.at(v, p)
		if lanes > 1 && llx.Lanes(x[i].Type()) == 1 {
			x[i] = e.Splat(x[i], lanes)
		}
	}
	y, err := e.elementwise(o, x, lanes)
	if err != nil {
		e.g.fail(o.Pos, "%v", err)
	}
	return y
}

// moved is p with the position along one axis taken for another.
func (e *emitter) moved(o *ir.Op, p *point, from, to *ir.Value) *point {
	if q := p.moved[o]; q != nil {
		return q
	}
	q := p.clone()
	q.pos[to] = p.pos[from]
	if p.vec == from {
		q.vec = to
	} else if p.vec == to {
		q.vec, q.lanes, q.live = nil, 1, nil
	}
	p.moved[o] = q
	return q
}

// affine evaluates an index expression: Σ coef·factor·variable + const, floor divided by div, modulo mod.
func (e *emitter) affine(o *ir.Op, p *point, lanes int) llx.Value {
	f := e.linearOf(o, p)
	var x llx.Value
	if lanes > 1 {
		x = e.Splat(f.base, lanes)
		if f.step != nil {
			x = e.Add(x, e.Mul(e.stepped(f.step, lanes), e.Steps(llx.I64, lanes)))
		}
	} else {
		x = f.base
	}
	return e.divMod(x, o.Int("div"), o.Int("mod"), lanes)
}

// stepped is a step in all lanes.
func (e *emitter) stepped(step llx.Value, lanes int) llx.Value { return e.Splat(step, lanes) }

// divMod is x floor divided by div, then modulo mod where that is not 0.
func (e *emitter) divMod(x llx.Value, div, mod int64, lanes int) llx.Value {
	c := func(k int64) llx.Value { return e.Splat(llx.C64(k), lanes) }
	switch {
	case div == 1:
	case div > 0 && div&(div-1) == 0:
		x = e.AShr(x, c(int64(log2(div))))
	default:
		x = e.floorDiv(x, c(div), c(0))
	}
	switch {
	case mod == 0:
	case mod > 0 && mod&(mod-1) == 0:
		x = e.And(x, c(mod-1))
	default:
		x = e.Sub(x, e.Mul(e.floorDiv(x, c(mod), c(0)), c(mod)))
	}
	return x
}

// floorDiv is ⌊x/y⌋ for a y that is not 0.
func (e *emitter) floorDiv(x, y, zero llx.Value) llx.Value {
	q := e.SDiv(x, y)
	r := e.Sub(x, e.Mul(q, y))
	low := e.And(e.ICmp("ne", r, zero), e.ICmp("slt", e.Xor(r, y), zero))
	return e.Add(q, e.SExt(low, x.Type()))
}

// log2 is the exponent of a power of two.
func log2(n int64) int {
	k := 0
	for n > 1 {
		n >>= 1
		k++
	}
	return k
}

// linear is an index at a point: base + step·lane; step nil where it is the same in all lanes. Align is a power of two
// that divides base.
type linear struct {
	base  llx.Value
	step  llx.Value
	align int64
}

// linearOf is the sum of an index expression, before div and mod.
func (e *emitter) linearOf(o *ir.Op, p *point) linear {
	f := linear{base: llx.C64(o.Int("const")), align: alignOf(o.Int("const"), 0)}
	factors := o.Ints("factor")
	for i, k := range o.Ints("coef") {
		c := llx.C64(k)
		factor := llx.Value(c)
		align := alignOf(k, 0)
		if factors[i] >= 0 {
			factor = e.Mul(c, e.scalar(o.Operands[factors[i]]))
		}
		v := e.resolve(o.Operands[i])
		x := e.variable(v, p)
		f.base = e.Add(f.base, e.Mul(factor, x.base))
		f.align = min(f.align, min(align*x.align, 1<<20))
		if x.step != nil {
			step := e.Mul(factor, x.step)
			if f.step != nil {
				step = e.Add(f.step, step)
			}
			f.step = step
		}
	}
	return f
}

// variable is a scalar or span as an index.
func (e *emitter) variable(v *ir.Value, p *point) linear {
	if v.Type.Kind != ir.Span {
		x := e.scalar(v)
		align := int64(1)
		if c, ok := llx.ConstInt(x); ok {
			align = alignOf(c, 0)
		}
		return linear{base: x, align: align}
	}
	s := e.span(v)
	pos, ok := p.pos[v]
	if !ok {
		panic("cpu: no position along " + v.Name)
	}
	f := linear{base: e.Add(s.lo, pos), align: 1}
	if c, ok := llx.ConstInt(pos); ok {
		f.align = min(s.align, alignOf(c, 0))
	} else if p.vec == v {
		f.align = min(s.align, alignOf(int64(p.lanes), 0))
	}
	if p.vec == v && p.lanes > 1 {
		f.step = llx.C64(1)
	}
	return f
}
