package emit

import (
	"math"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// constant makes the element of a constant.
func (e *emitter) constant(o *ir.Op) {
	t := o.Result().Type.Elem
	var x asm.Arg
	switch k := o.Attr("value").(type) {
	case int64:
		x = intConst(t, k)
	case float64:
		x = floatConst(t, k)
	}
	e.set(o.Result(), &value{scalar: x})
}

// intConst is the element of an integer, bipolar or boolean type with a value, which the type has.
func intConst(t dtype.Type, k int64) asm.Arg {
	if t.Kind == dtype.BipolarKind {
		return asm.Int(int64(t.EncodeInt(k, true)))
	}
	return asm.Int(k)
}

// floatConst is the element of a float with a value, rounded to it.
func floatConst(t dtype.Type, x float64) asm.Arg {
	switch t {
	case dtype.F64:
		return asm.F64(x)
	case dtype.F32:
		return asm.F32(float32(x))
	}
	return asm.Int(int64(t.Encode(x, dtype.NearestEven, t.Overflow())))
}

// known is the value of an element that is a constant: an integer's, or a bool's as 0 and 1.
func known(t dtype.Type, x asm.Arg) (int64, bool) {
	k, ok := x.IntValue()
	if !ok || t.IsFloat() {
		return 0, false
	}
	return t.DecodeInt(uint64(k)), true
}

// knownFloat is the value of an element of a float that is a constant.
func knownFloat(t dtype.Type, x asm.Arg) (float64, bool) {
	if k, ok := x.FloatBits(); ok {
		return t.Decode(k), true
	}
	if k, ok := x.IntValue(); ok {
		return t.Decode(uint64(k)), true
	}
	return 0, false
}

// elementwise emits an operation for each slot.
func (e *emitter) elementwise(o *ir.Op) {
	args := make([]asm.Arg, len(o.Operands))
	at := func(slot int) asm.Arg {
		for i, v := range o.Operands {
			args[i] = e.elem(e.value(v), slot)
		}
		return e.apply(o, args)
	}
	if o.Result().Type.Kind == ir.Scalar {
		e.set(o.Result(), &value{scalar: at(0)})
		return
	}
	if e.rescale(o) {
		return
	}
	if o.Code == ir.Cast && e.value(o.Operands[0]).stepwise() {
		s, ok := e.stepwiseCast(o)
		if !ok {
			panic("emit: a tile in shared memory is cast, which is not read there step by step")
		}
		e.set(o.Result(), &value{view: e.value(o.Operands[0]).view, cast: s})
		return
	}
	if v := e.packedMap(o); v != nil {
		e.set(o.Result(), v)
		return
	}
	list := make([]asm.Arg, e.place(o.Result().Type).slots)
	for i := range list {
		list[i] = at(i)
	}
	e.set(o.Result(), &value{elems: list})
}

// apply is an elementwise operation on elements.
func (e *emitter) apply(o *ir.Op, x []asm.Arg) asm.Arg {
	t, r := o.Operands[0].Type.Elem, o.Result().Type.Elem
	switch o.Code {
	case ir.Select:
		return e.choose(r, x[0], x[1], x[2])
	case ir.Cast:
		mode := dtype.Default
		switch {
		case o.Str("round") == "rz":
			mode = dtype.RZ
		case o.Str("overflow") == "wrap":
			mode = dtype.Wrap
		}
		return e.cast(t, r, mode, x[0])
	case ir.Bits:
		return e.decode(r, e.encode(t, x[0]))
	case ir.BitOf:
		return e.bitOf(t, x[0], x[1])
	case ir.Rand, ir.Uniform, ir.Normal:
		return e.random(o.Code, x[0], x[1])
	}
	return e.arith(o.Code, t, r, o.Operands[len(x)-1].Type.Elem, x)
}

// calc is an operation whose operands are all of type t, and its result but for comparisons.
func (e *emitter) calc(code ir.Code, t dtype.Type, x ...asm.Arg) asm.Arg {
	return e.arith(code, t, t, t, x)
}

// arith is an operation on operands of type t with a result of type r; count is the type of the last operand.
func (e *emitter) arith(code ir.Code, t, r, count dtype.Type, x []asm.Arg) (y asm.Arg) {
	ok := false
	switch {
	case code >= ir.Eq && code <= ir.Ge:
		return e.compare(code, t, x[0], x[1])
	case t == dtype.Bool:
		y, ok = e.boolOp(code, x)
	case t.IsFloat():
		y, ok = e.floatOp(code, t, r, count, x)
	default:
		y, ok = e.intOp(code, t, r, count, x)
	}
	if !ok {
		e.fail("%s of %s is not compiled", code, t)
	}
	return y
}

// boolOp are the operations on predicates.
func (e *emitter) boolOp(code ir.Code, x []asm.Arg) (asm.Arg, bool) {
	b := e.b
	var k int64
	fixed := false
	if len(x) == 2 {
		if _, ok := x[0].IntValue(); ok {
			x = []asm.Arg{x[1], x[0]}
		}
		k, fixed = x[1].IntValue()
	}
	not := func(p asm.Arg) asm.Arg {
		if k, ok := p.IntValue(); ok {
			return asm.Int(1 - k)
		}
		return asm.R(b.Pure("not.pred", asm.P, p))
	}
	switch {
	case code == ir.Not:
		return not(x[0]), true
	case code == ir.And && fixed && k == 0, code == ir.Or && fixed && k == 1:
		return x[1], true
	case (code == ir.And || code == ir.Or) && fixed, code == ir.Xor && fixed && k == 0:
		return x[0], true
	case code == ir.Xor && fixed:
		return not(x[0]), true
	case code == ir.And:
		return asm.R(b.Pure("and.pred", asm.P, x...)), true
	case code == ir.Or:
		return asm.R(b.Pure("or.pred", asm.P, x...)), true
	case code == ir.Xor:
		return asm.R(b.Pure("xor.pred", asm.P, x...)), true
	}
	return asm.Arg{}, false
}

var tests = map[ir.Code]string{ir.Eq: "eq", ir.Ne: "ne", ir.Lt: "lt", ir.Le: "le", ir.Gt: "gt", ir.Ge: "ge"}

// compare: NaN is unequal to everything, and neither less nor greater; false is less than true.
func (e *emitter) compare(code ir.Code, t dtype.Type, x, y asm.Arg) asm.Arg {
	b, test := e.b, tests[code]
	if t == dtype.Bool {
		not := func(p asm.Arg) asm.Arg { q, _ := e.boolOp(ir.Not, []asm.Arg{p}); return q }
		two := func(code ir.Code, p, q asm.Arg) asm.Arg { r, _ := e.boolOp(code, []asm.Arg{p, q}); return r }
		switch code {
		case ir.Eq:
			return not(two(ir.Xor, x, y))
		case ir.Ne:
			return two(ir.Xor, x, y)
		case ir.Lt:
			return two(ir.And, not(x), y)
		case ir.Le:
			return two(ir.Or, not(x), y)
		case ir.Gt:
			return two(ir.And, x, not(y))
		}
		return two(ir.Or, x, not(y))
	}
	if t.IsFloat() {
		kind := "f32"
		if t == dtype.F64 {
			kind = "f64"
		} else {
			x, y = e.single(t, x), e.single(t, y)
		}
		if code == ir.Ne {
			test = "neu"
		}
		return asm.R(b.SetP(test, kind, x, y))
	}
	if k, ok := known(t, x); ok {
		if l, ok := known(t, y); ok {
			return truth(ordered(code, t, k, l))
		}
	}
	return asm.R(b.SetP(test, e.intKind(t), x, y))
}

func truth(v bool) asm.Arg {
	if v {
		return asm.Int(1)
	}
	return asm.Int(0)
}

// ordered is a comparison of integers.
func ordered(code ir.Code, t dtype.Type, k, l int64) bool {
	less := k < l
	if t == dtype.U64 {
		less = uint64(k) < uint64(l)
	}
	switch code {
	case ir.Eq:
		return k == l
	case ir.Ne:
		return k != l
	case ir.Lt:
		return less
	case ir.Le:
		return less || k == l
	case ir.Gt:
		return !less && k != l
	}
	return !less
}

// intKind is the type of PTX in whose registers integers are held: s32, u64 and the like.
func (e *emitter) intKind(t dtype.Type) string {
	kind := "u"
	if t.Kind == dtype.IntKind {
		kind = "s"
	}
	return kind + classOf(t).Suffix()
}

// choose is x where c holds, else y.
func (e *emitter) choose(t dtype.Type, c, x, y asm.Arg) asm.Arg {
	if k, ok := c.IntValue(); ok {
		if k != 0 {
			return x
		}
		return y
	}
	p, _ := c.Reg()
	if t == dtype.Bool {
		left, _ := e.boolOp(ir.And, []asm.Arg{c, x})
		not, _ := e.boolOp(ir.Not, []asm.Arg{c})
		right, _ := e.boolOp(ir.And, []asm.Arg{not, y})
		r, _ := e.boolOp(ir.Or, []asm.Arg{left, right})
		return r
	}
	if k, ok := x.IntValue(); ok {
		if l, ok := y.IntValue(); ok && k == l {
			return x
		}
	}
	return asm.R(e.b.Select(classOf(t), p, x, y))
}

// encode is the code of an element, with zeros above its width: a word, or a double.
func (e *emitter) encode(t dtype.Type, x asm.Arg) asm.Arg {
	b := e.b
	if k, ok := x.FloatBits(); ok {
		if t == dtype.F32 {
			return word(uint32(k))
		}
		return asm.Int(int64(k))
	}
	switch {
	case t == dtype.Bool:
		return e.cast(t, dtype.U32, dtype.Default, x)
	case t == dtype.TF32:
		return b.And(asm.W, x, word(^uint32(0x1fff)))
	case t.Kind == dtype.IntKind && t.Bits() < 32:
		return b.And(asm.W, x, asm.Int(1<<t.Bits()-1))
	}
	return x
}

// decode is the element with a code, which has zeros above its width.
func (e *emitter) decode(t dtype.Type, x asm.Arg) asm.Arg {
	if k, ok := x.IntValue(); ok {
		switch {
		case t == dtype.F64:
			return asm.F64(math.Float64frombits(uint64(k)))
		case t == dtype.F32:
			return asm.F32(math.Float32frombits(uint32(k)))
		case t.IsInt():
			return asm.Int(t.DecodeInt(uint64(k)))
		}
		return x
	}
	if t.Kind == dtype.IntKind {
		return e.wrap(t, x)
	}
	return x
}

// word is a constant of 32 bits.
func word(k uint32) asm.Arg { return asm.Int(int64(int32(k))) }

// bitOf is bit j, i64, of the code of x; there is none beyond the width.
func (e *emitter) bitOf(t dtype.Type, x, j asm.Arg) asm.Arg {
	b := e.b
	if t == dtype.Bool {
		zero := e.compare(ir.Eq, dtype.I64, j, asm.Int(0))
		y, _ := e.boolOp(ir.And, []asm.Arg{x, zero})
		return y
	}
	code := e.encode(t, x)
	c := classOf(t)
	if k, ok := j.IntValue(); ok {
		if k < 0 || k >= int64(t.Bits()) {
			return asm.Int(0)
		}
		bit := b.And(c, b.Shr(c, code, int(k)), asm.Int(1))
		return e.compare(ir.Ne, e.codeType(c), bit, asm.Int(0))
	}
	// A shift by more than a register's width gives 0, and a code is 0 above its own.
	n := b.Narrow(asm.R(b.Pure("min.u64", asm.D, j, asm.Int(64))))
	bit := b.And(c, asm.R(b.Pure("shr.u"+c.Suffix(), c, code, n)), asm.Int(1))
	return asm.R(b.SetP("ne", "s"+c.Suffix(), bit, asm.Int(0)))
}

// codeType is the unsigned integer of a register's width.
func (e *emitter) codeType(c asm.Class) dtype.Type {
	if c == asm.D {
		return dtype.U64
	}
	return dtype.U32
}
