package cpu

import (
	"fmt"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// elementwise emits an operation that works element by element, on lanes of the operands' classes. Every result is
// rounded or wrapped to its type as in package interp; of a division by zero it is any value.
func (u *unit) elementwise(o *ir.Op, x []llx.Value, lanes int) (llx.Value, error) {
	t, r := o.Operands[0].Type.Elem, o.Result().Type.Elem
	var v llx.Value
	switch o.Code {
	case ir.Select:
		return u.Select(x[0], x[1], x[2]), nil
	case ir.Cast:
		mode := dtype.Default
		switch {
		case o.Str("round") == "rz":
			mode = dtype.RZ
		case o.Str("overflow") == "wrap":
			mode = dtype.Wrap
		}
		return u.cast(t, r, mode, x[0], lanes), nil
	case ir.Bits:
		return u.decode(r, u.encode(t, x[0], lanes), lanes), nil
	case ir.BitOf:
		return u.bitOf(t, x[0], x[1], lanes), nil
	case ir.Eq, ir.Ne, ir.Lt, ir.Le, ir.Gt, ir.Ge:
		return u.compare(o.Code, t, x[0], x[1]), nil
	case ir.Rand, ir.Uniform, ir.Normal:
		return u.random(o.Code, x[0], x[1], lanes), nil
	}
	switch classOf(t) {
	case boolClass:
		v = u.boolOp(o.Code, x, lanes)
	case f32Class, f64Class:
		v = u.floatOp(o.Code, t, r, x, o.Operands[len(x)-1].Type.Elem, lanes)
	default:
		v = u.intOp(o.Code, t, r, x, o.Operands[len(x)-1].Type.Elem, lanes)
	}
	if v == nil {
		return nil, fmt.Errorf("%s: there is no code for %s of %s", o.Pos, o.Code, t)
	}
	return v, nil
}

// bitOf is bit j, i64, of the code of x; there is none beyond the width.
func (u *unit) bitOf(t dtype.Type, x, j llx.Value, lanes int) llx.Value {
	c := u.encode(t, x, lanes)
	w := llx.Elem(c.Type())
	in := u.ICmp("ult", j, u.k(llx.I64, int64(t.Bits()), lanes))
	j = u.Select(in, j, u.k(llx.I64, 0, lanes))
	if container(t) < 4 { // there are no shifts of narrower lanes
		w = llx.I32
		c = u.ZExt(c, llx.Vec(w, lanes))
	}
	bit := u.And(u.LShr(c, u.Trunc(j, llx.Vec(w, lanes))), u.k(w, 1, lanes))
	return u.And(in, u.ICmp("ne", bit, u.k(w, 0, lanes)))
}

// big reports whether lanes of t are compared without sign.
func big(t dtype.Type) bool { return t == dtype.U32 || t == dtype.U64 }

// compare: NaN is unequal to everything, and neither less nor greater; false is less than true.
func (u *unit) compare(code ir.Code, t dtype.Type, x, y llx.Value) llx.Value {
	word := map[ir.Code]string{ir.Eq: "eq", ir.Ne: "ne", ir.Lt: "lt", ir.Le: "le", ir.Gt: "gt", ir.Ge: "ge"}[code]
	switch {
	case t.IsFloat() && code == ir.Ne:
		return u.FCmp("une", x, y)
	case t.IsFloat():
		return u.FCmp("o"+word, x, y)
	case code == ir.Eq || code == ir.Ne:
		return u.ICmp(word, x, y)
	case big(t) || classOf(t) == boolClass:
		return u.ICmp("u"+word, x, y)
	}
	return u.ICmp("s"+word, x, y)
}

func (u *unit) boolOp(code ir.Code, x []llx.Value, lanes int) llx.Value {
	switch code {
	case ir.Not:
		return u.Xor(x[0], u.k(llx.I1, 1, lanes))
	case ir.And:
		return u.And(x[0], x[1])
	case ir.Or:
		return u.Or(x[0], x[1])
	case ir.Xor:
		return u.Xor(x[0], x[1])
	}
	return nil
}

// intOp are the operations of integers; count is the type of a shift's second operand.
func (u *unit) intOp(code ir.Code, t, r dtype.Type, x []llx.Value, count dtype.Type, lanes int) llx.Value {
	c := classOf(t)
	k := func(v int64) llx.Value { return u.k(c.scalar(), v, lanes) }
	a := x[0]
	var b llx.Value
	if len(x) > 1 {
		b = x[1]
	}
	signed := t.Kind == dtype.IntKind
	pick := func(less string) llx.Value { return u.Select(u.ICmp(less, a, b), a, b) }
	order := "s"
	if big(t) {
		order = "u"
	}
	switch code {
	case ir.Neg:
		return u.wrap(t, u.Sub(k(0), a), lanes)
	case ir.Not:
		return u.wrap(t, u.Xor(a, k(-1)), lanes)
	case ir.Abs:
		if !signed {
			return a
		}
		return u.wrap(t, u.Max(a, u.Sub(k(0), a)), lanes)
	case ir.Add:
		return u.wrap(t, u.Add(a, b), lanes)
	case ir.Sub:
		return u.wrap(t, u.Sub(a, b), lanes)
	case ir.Mul:
		return u.wrap(t, u.Mul(a, b), lanes)
	case ir.Div:
		return u.wrap(t, u.quotient(t, a, b, lanes), lanes)
	case ir.Mod:
		return u.modulus(t, a, b, lanes)
	case ir.And:
		return u.And(a, b)
	case ir.Or:
		return u.Or(a, b)
	case ir.Xor:
		return u.Xor(a, b)
	case ir.Shl, ir.Shr:
		return u.shift(code, t, a, b, count, lanes)
	case ir.Rotl:
		return u.rotate(t, a, b, count, lanes)
	case ir.Min, ir.MinNan:
		return pick(order + "lt")
	case ir.Max, ir.MaxNan:
		return pick(order + "gt")
	case ir.Relu:
		if !signed {
			return a
		}
		return u.Max(a, k(0))
	case ir.Popcount:
		return u.counted(c, r, u.Intrinsic("ctpop", a.Type(), u.codeBits(t, a, lanes)), lanes)
	case ir.Clz:
		n := u.Call("llvm.ctlz."+llx.Suffix(a.Type()), a.Type(), u.codeBits(t, a, lanes), llx.Int(llx.I1, 0))
		return u.counted(c, r, u.Sub(n, k(int64(llxBits(c)-t.Bits()))), lanes)
	case ir.Ctz:
		if n := t.Bits(); n < 32 {
			a = u.Or(a, k(1<<n))
		}
		return u.counted(c, r, u.Call("llvm.cttz."+llx.Suffix(a.Type()), a.Type(), a, llx.Int(llx.I1, 0)), lanes)
	}
	return nil
}

// llxBits is the width of a lane of a class of integers.
func llxBits(c class) int {
	if c == i64Class {
		return 64
	}
	return 32
}

// codeBits is the code of an integer in lanes of its class, the bits above it 0.
func (u *unit) codeBits(t dtype.Type, v llx.Value, lanes int) llx.Value {
	if n := t.Bits(); n < 32 {
		return u.And(v, u.k32(1<<n-1, lanes))
	}
	return v
}

// counted is a count, in lanes of class c, as a value of type r.
func (u *unit) counted(c class, r dtype.Type, v llx.Value, lanes int) llx.Value {
	return u.resized(c, classOf(r), v, lanes)
}

// resized changes the width of lanes whose values are not negative and fit.
func (u *unit) resized(from, to class, v llx.Value, lanes int) llx.Value {
	switch {
	case from == to:
		return v
	case to == i64Class:
		return u.ZExt(v, to.typ(lanes))
	}
	return u.Trunc(v, to.typ(lanes))
}

// shift: counts of the width or more, and negative ones, which are large as unsigned numbers, give 0 or the sign.
func (u *unit) shift(code ir.Code, t dtype.Type, a, s llx.Value, count dtype.Type, lanes int) llx.Value {
	c, from := classOf(t), classOf(count)
	n := int64(t.Bits())
	in := u.ICmp("ult", s, u.k(from.scalar(), n, lanes))
	s = u.resized(from, c, u.Select(in, s, u.k(from.scalar(), n-1, lanes)), lanes)
	zero := u.k(c.scalar(), 0, lanes)
	switch {
	case code == ir.Shl:
		return u.wrap(t, u.Select(in, u.Shl(a, s), zero), lanes)
	case t.Kind == dtype.IntKind:
		return u.AShr(a, s)
	}
	return u.Select(in, u.LShr(a, s), zero)
}

// rotate is a rotation to the left by s modulo the width, a power of two.
func (u *unit) rotate(t dtype.Type, a, s llx.Value, count dtype.Type, lanes int) llx.Value {
	c, from := classOf(t), classOf(count)
	n := int64(t.Bits())
	s = u.resized(from, c, u.And(s, u.k(from.scalar(), n-1, lanes)), lanes)
	if n >= 32 {
		return u.Intrinsic("fshl", a.Type(), a, a, s)
	}
	a = u.codeBits(t, a, lanes)
	return u.wrap(t, u.Or(u.Shl(a, s), u.LShr(a, u.Sub(u.k32(n, lanes), s))), lanes)
}

// quotient is ⌊a/b⌋, not wrapped to t.
func (u *unit) quotient(t dtype.Type, a, b llx.Value, lanes int) llx.Value {
	c := classOf(t)
	k := func(v int64) llx.Value { return u.k(c.scalar(), v, lanes) }
	if d, ok := llx.ConstLanes(b); ok && (d > 0 || d < -1) {
		switch {
		case big(t):
			return u.UDiv(a, b)
		case d > 0 && d&(d-1) == 0:
			return u.AShr(a, k(int64(log2(d))))
		case t.Kind == dtype.UintKind:
			return u.UDiv(a, b)
		}
		return u.floored(u.SDiv(a, b), a, b, k)
	}
	zero := u.ICmp("eq", b, k(0))
	if big(t) && (t == dtype.U64 || lanes == 1) {
		return u.UDiv(a, u.Select(zero, k(1), b))
	}
	if t.Kind == dtype.UintKind {
		return u.divided(t, a, u.Select(zero, k(1), b), lanes)
	}
	// MIN/-1 traps.
	minus := u.ICmp("eq", b, k(-1))
	d := u.Select(u.Or(zero, minus), k(1), b)
	return u.Select(minus, u.Sub(k(0), a), u.floored(u.divided(t, a, d, lanes), a, d, k))
}

// divided is a/b, toward zero, for b neither 0 nor -1. Vectors of up to 32 bits go by way of floats, which is exact: a
// quotient of n-bit integers that is not whole lies 2^-n of itself from any whole number, farther than rounding reaches.
func (u *unit) divided(t dtype.Type, a, b llx.Value, lanes int) llx.Value {
	f := llx.Vec(llx.Float, lanes)
	switch {
	case lanes == 1 || t.Bits() == 64:
		if t.Kind == dtype.UintKind {
			return u.UDiv(a, b)
		}
		return u.SDiv(a, b)
	case t.Bits() == 32:
		f = llx.Vec(llx.Double, lanes)
	}
	if t == dtype.U32 {
		return u.FPToUI(u.FDiv(u.UIToFP(a, f), u.UIToFP(b, f)), a.Type())
	}
	return u.FPToSI(u.FDiv(u.SIToFP(a, f), u.SIToFP(b, f)), a.Type())
}

// floored makes the quotient q = a/b toward zero the floored one: one less where the remainder's sign is not b's.
func (u *unit) floored(q, a, b llx.Value, k func(int64) llx.Value) llx.Value {
	r := u.Sub(a, u.Mul(q, b))
	less := u.And(u.ICmp("ne", r, k(0)), u.ICmp("slt", u.Xor(r, b), k(0)))
	return u.Add(q, u.SExt(less, q.Type()))
}

// modulus has the divisor's sign.
func (u *unit) modulus(t dtype.Type, a, b llx.Value, lanes int) llx.Value {
	if d, ok := llx.ConstLanes(b); ok && d > 0 && d&(d-1) == 0 {
		return u.And(a, u.k(classOf(t).scalar(), d-1, lanes))
	}
	return u.Sub(a, u.Mul(u.quotient(t, a, b, lanes), b))
}
