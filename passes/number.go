package passes

import (
	"math"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// number is a constant: f for floats, i for everything else (u64 by its bits).
type number struct {
	i int64
	f float64
}

// constant is the value that v has at every position; ok is false if that is not known.
func constant(v *ir.Value) (c number, ok bool) {
	for v.Def != nil && v.Def.Code == ir.Bcast {
		v = v.Def.Operands[0]
	}
	if c.i, ok = v.ConstInt(); ok {
		return c, true
	}
	c.f, ok = v.ConstFloat()
	return c, ok
}

// is reports whether c, of type t, is k; negative asks for −0, and 0 is +0 without it.
func (c number) is(t dtype.Type, k float64, negative bool) bool {
	if !t.IsFloat() {
		return float64(c.i) == k
	}
	return c.f == k && math.Signbit(c.f) == negative
}

// compute is the constant that o, elementwise, gives for constant operands, over its axes, or nil.
func (f *folder) compute(o *ir.Op) *ir.Value {
	var args [3]number
	if len(o.Operands) > len(args) {
		return nil
	}
	for i, v := range o.Operands {
		c, ok := constant(v)
		if !ok {
			return nil
		}
		args[i] = c
	}
	from, to := o.Operands[0].Type.Elem, o.Results[0].Type.Elem
	var c number
	var ok bool
	switch {
	case o.Code == ir.Cast:
		c, ok = cast(o, from, to, args[0])
	case o.Code == ir.Select:
		c, ok = args[1], true
		if args[0].i == 0 {
			c = args[2]
		}
	case from.IsFloat():
		c, ok = floatOp(o.Code, from, args)
	default:
		c, ok = intOp(o.Code, from, o.Operands, args)
	}
	if !ok || to.IsFloat() && c.f != c.f {
		return nil // which NaN it is, running says
	}
	return f.splat(o.Results[0].Type, c)
}

func cast(o *ir.Op, from, to dtype.Type, x number) (number, bool) {
	mode := dtype.Default
	switch {
	case o.Str("overflow") == "wrap":
		mode = dtype.Wrap
	case o.Str("round") == "rz":
		mode = dtype.RZ
	}
	switch {
	case from.IsFloat() && to.IsFloat():
		return number{f: to.FloatOfFloat(x.f, mode)}, true
	case from.IsFloat():
		return number{i: to.IntOfFloat(x.f, mode)}, true
	case to.IsFloat():
		return number{f: to.FloatOfInt(from, x.i, mode)}, true
	}
	return number{i: to.IntOfInt(from, x.i, mode)}, true
}

func truth(b bool) (number, bool) {
	if b {
		return number{i: 1}, true
	}
	return number{}, true
}

// floatOp computes in float64 and rounds once to t, which is right for + − · / √ of every narrower type: a float64 has
// more than twice their bits. Functions that are not exactly rounded are left to run.
func floatOp(code ir.Code, t dtype.Type, a [3]number) (number, bool) {
	x, y := a[0].f, a[1].f
	var r float64
	switch code {
	case ir.Neg:
		r = -x
	case ir.Abs:
		r = math.Abs(x)
	case ir.Add:
		r = x + y
	case ir.Sub:
		r = x - y
	case ir.Mul:
		r = x * y
	case ir.Div:
		r = x / y
	case ir.Sqrt:
		r = math.Sqrt(x)
	case ir.Floor:
		r = math.Floor(x)
	case ir.Ceil:
		r = math.Ceil(x)
	case ir.Rint:
		r = math.RoundToEven(x)
	case ir.Trunc:
		r = math.Trunc(x)
	case ir.Copysign:
		r = math.Copysign(x, y)
	case ir.Eq:
		return truth(x == y)
	case ir.Ne:
		return truth(x != y)
	case ir.Lt:
		return truth(x < y)
	case ir.Le:
		return truth(x <= y)
	case ir.Gt:
		return truth(x > y)
	case ir.Ge:
		return truth(x >= y)
	case ir.Isnan:
		return truth(x != x)
	case ir.Finite:
		return truth(x-x == 0)
	case ir.Min, ir.Max, ir.MinNan, ir.MaxNan:
		if x != x || y != y || x == y {
			return number{}, false // NaN and signed zeros: as the interpreter has it
		}
		r = min(x, y)
		if code == ir.Max || code == ir.MaxNan {
			r = max(x, y)
		}
	default:
		return number{}, false
	}
	return number{f: t.Round64(r)}, true
}

// intOp computes on integers, bipolar codes' values and bool. Division by zero and negative shifts are left to run.
func intOp(code ir.Code, t dtype.Type, operands []*ir.Value, a [3]number) (number, bool) {
	x, y := a[0].i, a[1].i
	less := func(x, y int64) bool {
		if t == dtype.U64 {
			return uint64(x) < uint64(y)
		}
		return x < y
	}
	wrap := func(k int64) (number, bool) { return number{i: t.IntOfInt(dtype.I64, k, dtype.Wrap)}, true }
	switch code {
	case ir.Eq:
		return truth(x == y)
	case ir.Ne:
		return truth(x != y)
	case ir.Lt:
		return truth(less(x, y))
	case ir.Le:
		return truth(!less(y, x))
	case ir.Gt:
		return truth(less(y, x))
	case ir.Ge:
		return truth(!less(x, y))
	case ir.And:
		return number{i: x & y}, true
	case ir.Or:
		return number{i: x | y}, true
	case ir.Xor:
		return number{i: x ^ y}, true
	case ir.Not:
		if t == dtype.Bool {
			return number{i: x ^ 1}, true
		}
		return wrap(^x)
	case ir.Neg:
		return wrap(-x)
	case ir.Add:
		return wrap(x + y)
	case ir.Sub:
		return wrap(x - y)
	case ir.Mul:
		return wrap(x * y)
	case ir.Min, ir.MinNan:
		if less(y, x) {
			x = y
		}
		return number{i: x}, true
	case ir.Max, ir.MaxNan:
		if less(x, y) {
			x = y
		}
		return number{i: x}, true
	case ir.Div, ir.Mod:
		switch {
		case y == 0:
			return number{}, false
		case t == dtype.U64 && code == ir.Div:
			return number{i: int64(uint64(x) / uint64(y))}, true
		case t == dtype.U64:
			return number{i: int64(uint64(x) % uint64(y))}, true
		case code == ir.Div:
			return wrap(ir.FloorDiv(x, y))
		}
		return wrap(ir.FloorMod(x, y))
	case ir.Shl, ir.Shr:
		n := uint64(y)
		if y < 0 && operands[1].Type.Elem != dtype.U64 {
			return number{}, false
		}
		n = min(n, 64)
		switch {
		case code == ir.Shl && n >= uint64(t.Bits()):
			return number{}, true
		case code == ir.Shl:
			return wrap(x << n)
		case t.Signed:
			return number{i: x >> min(n, 63)}, true
		}
		return number{i: int64(uint64(x) >> n)}, true
	}
	return number{}, false
}
