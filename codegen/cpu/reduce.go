package cpu

import (
	"math"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// accumulator is a reduction under way at one point of its result: a variable for each of the vectors taken in a turn.
type accumulator struct {
	e     *emitter
	o     *ir.Op
	p     *point // of the result
	along bool   // vectors run along a reduced axis
	lanes int    // of a variable
	vars  []llx.Value
	at    []llx.Value // argmax, argmin: the positions, -1 for none yet
	elem  dtype.Type  // of the variables
	kind  string
	inner []*ir.Value
}

// newAccumulator begins a reduction at p.
func (e *emitter) newAccumulator(o *ir.Op, p *point, vec *ir.Value, inner []*ir.Value, parts int) *accumulator {
	a := &accumulator{e: e, o: o, p: p, kind: o.Str("kind"), elem: o.Result().Type.Elem, inner: inner}
	a.along = vec != nil && contains(inner, vec)
	a.lanes = p.width(o.Result().Type)
	if a.along {
		a.lanes = e.lanesAlong(vec)
		a.along = a.lanes > 1
	}
	if a.kind == "argmax" || a.kind == "argmin" {
		a.elem = o.Operands[0].Type.Elem
	}
	if !a.along || a.kind == "last" {
		parts = 1
	}
	c := classOf(a.elem)
	for range parts {
		v := e.Alloca(varType(c, a.lanes), 1, 64)
		e.Store(e.toVar(c, e.Splat(a.empty(), a.lanes), a.lanes), v, 64)
		a.vars = append(a.vars, v)
		if a.kind == "argmax" || a.kind == "argmin" {
			i := e.Alloca(llx.Vec(llx.I64, a.lanes), 1, 64)
			e.Store(e.Splat(llx.C64(-1), a.lanes), i, 64)
			a.at = append(a.at, i)
		}
	}
	return a
}

// varType is the type of a variable: a mask is held as bytes.
func varType(c class, lanes int) llx.Type {
	if c == boolClass {
		return llx.Vec(llx.I8, lanes)
	}
	return c.typ(lanes)
}

func (e *emitter) toVar(c class, v llx.Value, lanes int) llx.Value {
	if c == boolClass {
		return e.ZExt(v, llx.Vec(llx.I8, lanes))
	}
	return v
}

func (e *emitter) fromVar(c class, v llx.Value, lanes int) llx.Value {
	if c == boolClass {
		return e.Trunc(v, llx.Vec(llx.I1, lanes))
	}
	return v
}

func (a *accumulator) get(i int) llx.Value {
	c := classOf(a.elem)
	return a.e.fromVar(c, a.e.Load(varType(c, a.lanes), a.vars[i], 64), a.lanes)
}

func (a *accumulator) put(i int, v llx.Value) {
	a.e.Store(a.e.toVar(classOf(a.elem), v, a.lanes), a.vars[i], 64)
}

// empty is what the reduction of nothing gives.
func (a *accumulator) empty() llx.Value {
	t := a.elem
	c := classOf(t)
	var v int64
	switch a.kind {
	case "sum", "mean", "last", "argmax", "argmin", "any":
	case "prod", "all":
		v = 1
	default:
		least := a.kind == "max" || a.kind == "maxnan"
		switch c {
		case f32Class, f64Class:
			x := math.Inf(1)
			if !t.HasInf() {
				x = t.Max()
			}
			if least {
				x = -x
			}
			if c == f64Class {
				return llx.F64(x)
			}
			return llx.F32(x)
		case boolClass:
			return llx.Int(llx.I1, int64(b2i(!least)))
		}
		switch {
		case t == dtype.U64 && !least:
			v = -1
		case t == dtype.U64:
		case least:
			v = t.MinInt()
		default:
			v = t.MaxInt()
		}
	}
	switch c {
	case f32Class:
		return llx.F32(float64(v))
	case f64Class:
		return llx.F64(float64(v))
	case boolClass:
		return llx.Int(llx.I1, v)
	case i32Class:
		return llx.C32(int64(int32(v)))
	}
	return llx.C64(v)
}

// add takes the operand at q.
func (a *accumulator) add(q *point) {
	e := a.e
	lanes := a.lanes
	v := a.o.Operands[0]
	x := e.at(v, q)
	if a.elem != v.Type.Elem {
		x = e.convert(v.Type.Elem, a.elem, x, llx.Lanes(x.Type()))
	}
	if llx.Lanes(x.Type()) < lanes {
		x = e.Splat(x, lanes)
	}
	part := 0
	if len(a.vars) > 1 {
		part = q.part
	}
	live := llx.Value(nil)
	if a.along {
		live = e.mask(q)
	}
	old := a.get(part)
	switch a.kind {
	case "argmax", "argmin":
		at := e.Load(llx.Vec(llx.I64, lanes), a.at[part], 64)
		axis := a.o.Axes[0]
		index := q.pos[axis]
		if q.vec == axis && q.lanes > 1 {
			index = e.Add(e.Splat(index, q.lanes), e.Steps(llx.I64, q.lanes))
		}
		if llx.Lanes(index.Type()) < lanes {
			index = e.Splat(index, lanes)
		}
		better := a.better(x, old, lanes)
		better = e.Or(better, e.ICmp("slt", at, e.Splat(llx.C64(0), lanes)))
		if live != nil {
			better = e.And(better, live)
		}
		a.put(part, e.Select(better, x, old))
		e.Store(e.Select(better, index, at), a.at[part], 64)
		return
	case "last":
		// The live element of the highest position is the last that is stored; of lanes the result picks it.
		if live != nil {
			x = e.Select(live, x, old)
		}
		if a.along {
			n := llx.Value(llx.C64(int64(lanes)))
			if q.live != nil {
				n = q.live
			}
			x = e.Splat(e.Extract(x, e.Sub(n, llx.C64(1))), lanes)
		}
		a.put(part, x)
		return
	}
	next := a.combine(old, x, lanes)
	if live != nil {
		next = e.Select(live, next, old)
	}
	a.put(part, next)
}

// combine reduces two partial results.
func (a *accumulator) combine(x, y llx.Value, lanes int) llx.Value {
	code := map[string]ir.Code{"sum": ir.Add, "mean": ir.Add, "prod": ir.Mul, "max": ir.Max, "min": ir.Min, "maxnan": ir.MaxNan, "minnan": ir.MinNan,
		"any": ir.Or, "all": ir.And}[a.kind]
	if classOf(a.elem) == boolClass {
		switch a.kind {
		case "max", "maxnan":
			code = ir.Or
		case "min", "minnan":
			code = ir.And
		}
	}
	if a.elem.IsFloat() && (a.kind == "max" || a.kind == "min") {
		// What has been reduced is no signalling NaN.
		c := classOf(a.elem)
		if m, ok := a.e.ranged(a.kind == "max", x, a.e.quiet(y, c, lanes), c, lanes); ok {
			return m
		}
	}
	if v := a.e.resolve(a.o.Operands[0]); a.kind == "maxnan" && v.Def != nil && v.Def.Code == ir.Abs && classOf(a.elem) == f32Class {
		// Without a sign the order of floats is that of their bits, NaN above all; what is empty has the sign.
		t := llx.Vec(llx.I32, lanes)
		return a.e.Bitcast(a.e.Max(a.e.Bitcast(x, t), a.e.Bitcast(y, t)), x.Type())
	}
	return a.e.binary(code, a.elem, x, y, lanes)
}

// better reports whether x is to replace y as the greatest, or least.
func (a *accumulator) better(x, y llx.Value, lanes int) llx.Value {
	e := a.e
	less := a.kind == "argmin"
	switch classOf(a.elem) {
	case f32Class, f64Class:
		pred := "ogt"
		if less {
			pred = "olt"
		}
		number := e.And(e.FCmp("uno", y, y), e.FCmp("ord", x, x))
		return e.Or(e.FCmp(pred, x, y), number)
	case boolClass:
		if less {
			x, y = y, x
		}
		return e.And(x, e.Xor(y, e.Splat(llx.Int(llx.I1, 1), lanes)))
	}
	pred := "gt"
	if less {
		pred = "lt"
	}
	if a.elem.Kind == dtype.UintKind && a.elem.Bits() >= 32 {
		return e.ICmp("u"+pred, x, y)
	}
	return e.ICmp("s"+pred, x, y)
}

// result ends the reduction.
func (a *accumulator) result() llx.Value {
	e := a.e
	if a.kind == "argmax" || a.kind == "argmin" {
		return a.argResult()
	}
	x := a.get(0)
	lanes := a.lanes
	if a.kind == "last" {
		if a.along {
			return e.Extract(x, llx.C64(0))
		}
		return x
	}
	for i := 1; i < len(a.vars); i++ {
		x = a.combine(x, a.get(i), lanes)
	}
	if a.along {
		for lanes > 1 {
			low, high := make([]int, lanes/2), make([]int, lanes/2)
			for i := range low {
				low[i], high[i] = i, i+lanes/2
			}
			lanes /= 2
			l, h := e.half(x, low), e.half(x, high)
			x = a.combine(l, h, lanes)
		}
	}
	if a.kind == "mean" {
		n := llx.Value(llx.C64(1))
		for _, v := range a.inner {
			n = e.Mul(n, e.span(v).n)
		}
		count := e.convert(dtype.I64, a.elem, n, 1)
		x = e.binary(ir.Div, a.elem, x, e.Splat(count, lanes), lanes)
	}
	return x
}

// half picks half of the lanes; of two it picks a scalar.
func (e *emitter) half(x llx.Value, lanes []int) llx.Value {
	if len(lanes) == 1 {
		return e.Extract(x, llx.C64(int64(lanes[0])))
	}
	return e.Shuffle(x, llx.Undef(x.Type()), lanes)
}

// argResult joins the variables of an argmax or argmin: of equals the lower index stays.
func (a *accumulator) argResult() llx.Value {
	e := a.e
	x, at := a.get(0), e.Load(llx.Vec(llx.I64, a.lanes), a.at[0], 64)
	join := func(x, at, y, by llx.Value, lanes int) (llx.Value, llx.Value) {
		zero := e.Splat(llx.C64(0), lanes)
		better := a.better(y, x, lanes)
		worse := a.better(x, y, lanes)
		tie := e.And(e.Xor(e.Or(better, worse), e.Splat(llx.Int(llx.I1, 1), lanes)), e.ICmp("slt", by, at))
		take := e.Or(e.Or(better, tie), e.ICmp("slt", at, zero))
		take = e.And(take, e.ICmp("sge", by, zero))
		return e.Select(take, y, x), e.Select(take, by, at)
	}
	for i := 1; i < len(a.vars); i++ {
		x, at = join(x, at, a.get(i), e.Load(llx.Vec(llx.I64, a.lanes), a.at[i], 64), a.lanes)
	}
	if a.along {
		for lanes := a.lanes; lanes > 1; {
			low, high := make([]int, lanes/2), make([]int, lanes/2)
			for i := range low {
				low[i], high[i] = i, i+lanes/2
			}
			lanes /= 2
			x, at = join(e.half(x, low), e.half(at, low), e.half(x, high), e.half(at, high), lanes)
		}
	}
	// Index values may be negative: only now they take the place of positions.
	lanes := llx.Lanes(at.Type())
	found := e.ICmp("sge", at, e.Splat(llx.C64(0), lanes))
	return e.Select(found, e.Add(at, e.Splat(e.span(a.o.Axes[0]).lo, lanes)), e.Splat(llx.C64(-1), lanes))
}

// binary does an operation of two operands of one type.
func (e *emitter) binary(code ir.Code, t dtype.Type, x, y llx.Value, lanes int) llx.Value {
	s := ir.ScalarType(t)
	o := &ir.Op{Code: code, Operands: []*ir.Value{{Type: s}, {Type: s}}}
	o.Results = []*ir.Value{{Type: s, Def: o}}
	v, err := e.elementwise(o, []llx.Value{x, y}, lanes)
	if err != nil {
		e.g.fail(e.g.fn.Pos, "%v", err)
	}
	return v
}

// convert converts as a reduction does: exactly where that can be, integers wrapping.
func (e *emitter) convert(from, to dtype.Type, x llx.Value, lanes int) llx.Value {
	o := &ir.Op{Code: ir.Cast, Operands: []*ir.Value{{Type: ir.ScalarType(from)}}}
	o.Results = []*ir.Value{{Type: ir.ScalarType(to), Def: o}}
	overflow := "sat"
	if from.Kind != dtype.FloatKind && to.Kind != dtype.FloatKind {
		overflow = "wrap"
	}
	o.SetAttr("overflow", overflow)
	o.SetAttr("round", "rne")
	v, err := e.elementwise(o, []llx.Value{x}, lanes)
	if err != nil {
		e.g.fail(e.g.fn.Pos, "%v", err)
	}
	return v
}
