package cpu

import (
	"math"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir/dtype"
)

// cast is `x as to` of lanes of type from.
func (u *unit) cast(from, to dtype.Type, mode dtype.Mode, v llx.Value, lanes int) llx.Value {
	if from == to && mode == dtype.Default {
		return v
	}
	how := nearest
	if mode == dtype.RZ {
		how = toZero
	}
	switch in, out := classOf(from), classOf(to); {
	case out == boolClass && in == boolClass:
		return v
	case out == boolClass && from.IsFloat():
		return u.FCmp("une", v, u.kf(in, 0, lanes)) // NaN is true
	case out == boolClass:
		return u.ICmp("ne", v, u.k(in.scalar(), 0, lanes))
	case in == boolClass:
		return u.castBool(to, mode, v, lanes)
	case in == f32Class && out == f32Class:
		if dtype.Widens(from, to) {
			return v
		}
		return u.rounded(to, v, how, lanes)
	case in == f32Class && out == f64Class:
		return u.FPExt(v, out.typ(lanes))
	case in == f64Class && out == f64Class:
		return v
	case in == f64Class && out == f32Class:
		return u.narrow(to, v, how, lanes)
	case out == f32Class || out == f64Class:
		return u.castToFloat(from, to, how, v, lanes)
	case in == f32Class || in == f64Class:
		return u.castToInt(in, to, mode, v, lanes)
	}
	return u.castInt(from, to, mode, v, lanes)
}

// castBool is cast of bool to a number; the false of e8m0 is not 0.
func (u *unit) castBool(to dtype.Type, mode dtype.Mode, v llx.Value, lanes int) llx.Value {
	c := classOf(to)
	if to.IsFloat() {
		return u.Select(v, u.kf(c, to.FloatOfInt(dtype.Bool, 1, mode), lanes), u.kf(c, to.FloatOfInt(dtype.Bool, 0, mode), lanes))
	}
	k := func(x int64) llx.Value { return u.k(c.scalar(), to.IntOfInt(dtype.Bool, x, mode), lanes) }
	return u.Select(v, k(1), k(0))
}

// narrow rounds f64 once to a float of the class f32.
func (u *unit) narrow(to dtype.Type, v llx.Value, how rounding, lanes int) llx.Value {
	if to == dtype.F32 {
		return u.toSingle(v, how, lanes)
	}
	return u.rounded(to, u.odd(v, lanes), how, lanes)
}

// toSingle rounds f64 to f32.
func (u *unit) toSingle(v llx.Value, how rounding, lanes int) llx.Value {
	s := u.FPTrunc(v, llx.Vec(llx.Float, lanes))
	if how == nearest {
		return s
	}
	// One less where rounding went up, also from the greatest number to inf.
	back := u.FPExt(s, llx.Vec(llx.Double, lanes))
	up := u.FCmp("ogt", u.Intrinsic("fabs", back.Type(), back), u.Intrinsic("fabs", v.Type(), v))
	return u.floatOf(u.Sub(u.bitsOf(s, lanes), u.ZExt(up, llx.Vec(llx.I32, lanes))), lanes)
}

// odd rounds f64 to f32 toward odd: where it is not exact, the neighbour whose last bit is one. That keeps what a second
// rounding, to fewer bits, must know.
func (u *unit) odd(v llx.Value, lanes int) llx.Value {
	word := llx.Vec(llx.I32, lanes)
	s := u.toSingle(v, toZero, lanes)
	lost := u.FCmp("one", u.FPExt(s, llx.Vec(llx.Double, lanes)), v)
	return u.floatOf(u.Or(u.bitsOf(s, lanes), u.ZExt(lost, word)), lanes)
}

// castToFloat is cast of integers to floats, rounded once.
func (u *unit) castToFloat(from, to dtype.Type, how rounding, v llx.Value, lanes int) llx.Value {
	in, n := classOf(from), from.Bits()
	single, double := llx.Vec(llx.Float, lanes), llx.Vec(llx.Double, lanes)
	unsigned := from.Kind == dtype.UintKind && (n == 32 || n == 64)
	exact := func(x llx.Value, t llx.Type) llx.Value {
		if unsigned {
			return u.UIToFP(x, t)
		}
		return u.SIToFP(x, t)
	}
	switch {
	case to == dtype.F64 && (in == i32Class || how == nearest):
		return exact(v, double)
	case to == dtype.F64:
		return u.truncatedDouble(unsigned, v, lanes)
	case n <= 16:
		return u.rounded(to, exact(v, single), how, lanes)
	case to == dtype.F32 && how == nearest:
		return exact(v, single)
	case in == i32Class:
		return u.narrow(to, exact(v, double), how, lanes)
	}
	// Of 64 bits the lowest 11 are folded into one, which f64 then holds exactly.
	k := func(x int64) llx.Value { return u.k(llx.I64, x, lanes) }
	sticky := u.Select(u.ICmp("ne", u.And(v, k(0x7ff)), k(0)), k(0x800), k(0))
	folded := u.Or(u.And(v, k(^0x7ff)), sticky)
	wide := u.ICmp("uge", u.Add(v, k(1<<53)), k(1<<54)) // |v| beyond 2^53
	if unsigned {
		wide = u.ICmp("uge", v, k(1<<53))
	}
	return u.narrow(to, exact(u.Select(wide, folded, v), double), how, lanes)
}

// truncatedDouble rounds 64-bit integers to f64 toward zero, by way of the rounding error of the sum of their halves.
func (u *unit) truncatedDouble(unsigned bool, v llx.Value, lanes int) llx.Value {
	k := func(x int64) llx.Value { return u.k(llx.I64, x, lanes) }
	double := llx.Vec(llx.Double, lanes)
	// The halves by what they add to 2^52 and 2^84; the upper one's sign bit is flipped and taken off again.
	flip, off := int64(1)<<31, 0x1p84+0x1p63
	if unsigned {
		flip, off = 0, 0x1p84
	}
	low := u.FSub(u.Bitcast(u.Or(u.And(v, k(1<<32-1)), k(0x433<<52)), double), u.kf(f64Class, 0x1p52, lanes))
	high := u.Or(u.Xor(u.LShr(v, k(32)), k(flip)), k(0x453<<52))
	x := u.FSub(u.Bitcast(high, double), u.kf(f64Class, off, lanes))
	s := u.FAdd(x, low)
	e := u.FSub(low, u.FSub(s, x))
	zero := u.kf(f64Class, 0, lanes)
	// Rounding went away from zero where the error's sign is not the sum's.
	away := u.Or(u.And(u.FCmp("ogt", s, zero), u.FCmp("olt", e, zero)), u.And(u.FCmp("olt", s, zero), u.FCmp("ogt", e, zero)))
	return u.Bitcast(u.Sub(u.Bitcast(s, v.Type()), u.ZExt(away, v.Type())), double)
}

// castToInt is cast of floats to integers and bipolar types.
func (u *unit) castToInt(in class, to dtype.Type, mode dtype.Mode, v llx.Value, lanes int) llx.Value {
	n, out := to.Bits(), classOf(to)
	if to.Kind == dtype.BipolarKind {
		return u.castToBipolar(in, to, mode, v, lanes)
	}
	typ := out.typ(lanes)
	if mode == dtype.Wrap {
		x := u.wrapFloat(in, v, lanes)
		if out == i32Class {
			x = u.Trunc(x, typ)
		}
		return u.wrap(to, x, lanes)
	}
	f := func(x float64) llx.Value { return u.kf(in, x, lanes) }
	k := func(x int64) llx.Value { return u.k(out.scalar(), x, lanes) }
	low, high := float64(to.MinInt()), math.Ldexp(1, n) // high: the first number beyond
	if to.Signed {
		high = math.Ldexp(1, n-1)
	}
	if n <= 16 { // the limits are floats of both classes
		x := u.Select(u.FCmp("ogt", v, f(low)), v, f(low))
		x = u.FPToSI(u.Select(u.FCmp("olt", x, f(high-1)), x, f(high-1)), typ)
		if low == 0 && u.level.Arch == "amd64" {
			return x // NaN has become low; elsewhere LLVM's maximum may keep a signalling one
		}
		return u.Select(u.isNaN(v), k(0), x)
	}
	above := u.FCmp("oge", v, f(high))
	if !to.Signed {
		inside := u.And(u.FCmp("ogt", v, f(0)), u.FCmp("olt", v, f(high)))
		x := u.FPToUI(u.Select(inside, v, f(0)), typ)
		return u.Select(above, k(-1), x)
	}
	inside := u.FCmp("olt", u.Intrinsic("fabs", v.Type(), v), f(high))
	x := u.FPToSI(u.Select(inside, v, f(0)), typ)
	x = u.Select(above, k(to.MaxInt()), x)
	return u.Select(u.FCmp("ole", v, f(-high)), k(to.MinInt()), x)
}

// castToBipolar takes the nearest odd number, ties upward: 2⌊x/2⌋ + 1, NaN as 0.
func (u *unit) castToBipolar(in class, to dtype.Type, mode dtype.Mode, v llx.Value, lanes int) llx.Value {
	f := func(x float64) llx.Value { return u.kf(in, x, lanes) }
	zero := int64(1) << (to.Bits() - 1)
	v = u.Select(u.isNaN(v), f(0), v)
	half := u.whole(down, u.FMul(u.whole(down, v, in, lanes), f(0.5)), in, lanes)
	var h llx.Value
	if mode == dtype.Wrap {
		h = u.Trunc(u.wrapFloat(in, half, lanes), llx.Vec(llx.I32, lanes))
		h = u.Sub(u.And(u.Add(h, u.k32(zero, lanes)), u.k32(2*zero-1, lanes)), u.k32(zero, lanes))
	} else {
		low, high := f(float64(-zero)), f(float64(zero-1))
		half = u.Select(u.FCmp("ogt", half, low), half, low)
		half = u.Select(u.FCmp("olt", half, high), half, high)
		h = u.FPToSI(half, llx.Vec(llx.I32, lanes))
	}
	return u.Add(u.Shl(h, u.k32(1, lanes)), u.k32(1, lanes))
}

// wrapFloat is the whole part of a float modulo 2^64, in i64 lanes; NaN and infinities are 0.
func (u *unit) wrapFloat(in class, v llx.Value, lanes int) llx.Value {
	k := func(x int64) llx.Value { return u.k(llx.I64, x, lanes) }
	if in == f32Class {
		v = u.FPExt(v, llx.Vec(llx.Double, lanes))
	}
	b := u.Bitcast(v, llx.Vec(llx.I64, lanes))
	e := u.Sub(u.And(u.LShr(b, k(52)), k(0x7ff)), k(1023)) // of the leading bit
	sig := u.Or(u.And(b, k(1<<52-1)), k(1<<52))
	left := u.Sub(e, k(52))
	left = u.Select(u.ICmp("ult", left, k(64)), left, k(0))
	right := u.Sub(k(52), e)
	right = u.Select(u.ICmp("ult", right, k(53)), right, k(0))
	x := u.LShr(u.Shl(sig, left), right)
	x = u.Select(u.ICmp("ult", e, k(116)), x, k(0)) // below 1, beyond, NaN
	return u.Select(u.ICmp("slt", b, k(0)), u.Sub(k(0), x), x)
}

// wrap keeps the low bits of lanes of the class of the integer type t.
func (u *unit) wrap(t dtype.Type, v llx.Value, lanes int) llx.Value {
	n := t.Bits()
	switch {
	case n >= 32:
		return v
	case t.Kind == dtype.UintKind:
		return u.And(v, u.k32(1<<n-1, lanes))
	}
	s := u.k32(int64(32-n), lanes)
	return u.AShr(u.Shl(v, s), s)
}

// castInt is cast between integers and bipolar types.
func (u *unit) castInt(from, to dtype.Type, mode dtype.Mode, v llx.Value, lanes int) llx.Value {
	in, out := classOf(from), classOf(to)
	// In 64 bits where one of them needs those, else in 32.
	c := max(in, out)
	unsigned := from.Kind == dtype.UintKind && from.Bits() == 64 || from == dtype.U32 && c == i32Class
	if in != c {
		if from.Kind == dtype.UintKind {
			v = u.ZExt(v, c.typ(lanes))
		} else {
			v = u.SExt(v, c.typ(lanes))
		}
	}
	k := func(x int64) llx.Value { return u.k(c.scalar(), x, lanes) }
	low, high := to.MinInt(), to.MaxInt() // of u64 -1
	if to.Kind == dtype.BipolarKind {
		// An even number takes the odd one above it: 2⌊x/2⌋ + 1.
		high = int64(1)<<(to.Bits()-1) - 1
		low = -1 - high
		if unsigned {
			v = u.LShr(v, k(1))
		} else {
			v = u.AShr(v, k(1))
		}
	}
	if mode != dtype.Wrap {
		fromLow, fromHigh := from.MinInt(), from.MaxInt()
		if to.Kind == dtype.BipolarKind {
			fromLow, fromHigh = fromLow>>1, int64(uint64(fromHigh)>>1)
		}
		switch {
		case unsigned && (to == dtype.U64 || to == dtype.U32 && from == dtype.U32):
		case unsigned:
			v = u.Select(u.ICmp("ult", v, k(high)), v, k(high))
		default:
			if fromLow < low {
				v = u.Max(v, k(low))
			}
			if fromHigh > high && to != dtype.U64 && !(to == dtype.U32 && c == i32Class) {
				v = u.Min(v, k(high))
			}
		}
	}
	if out != c {
		v = u.Trunc(v, out.typ(lanes))
	}
	switch {
	case to.Kind == dtype.BipolarKind:
		k := func(x int64) llx.Value { return u.k32(x, lanes) }
		if mode == dtype.Wrap {
			v = u.Sub(u.And(u.Add(v, k(high+1)), k(2*high+1)), k(high+1))
		}
		return u.Add(u.Shl(v, k(1)), k(1))
	case mode == dtype.Wrap:
		return u.wrap(to, v, lanes)
	}
	return v
}
