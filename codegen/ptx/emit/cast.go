package emit

import (
	"math"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir/dtype"
)

// cast is `x as to` of an element of type from.
func (e *emitter) cast(from, to dtype.Type, mode dtype.Mode, x asm.Arg) asm.Arg {
	if from == to && mode == dtype.Default {
		return x
	}
	if y, ok := castConst(from, to, mode, x); ok {
		return y
	}
	rz := mode == dtype.RZ
	switch {
	case to == dtype.Bool && from == dtype.Bool:
		return x
	case to == dtype.Bool && from == dtype.F64:
		return asm.R(e.b.SetP("neu", "f64", x, asm.F64(0)))
	case to == dtype.Bool && from.IsFloat():
		return asm.R(e.b.SetP("neu", "f32", e.single(from, x), asm.F32(0)))
	case to == dtype.Bool && from.Kind == dtype.BipolarKind:
		return asm.Int(1)
	case to == dtype.Bool:
		return asm.R(e.b.SetP("ne", e.intKind(from), x, asm.Int(0)))
	case from == dtype.Bool:
		one, _ := castConst(from, to, mode, asm.Int(1))
		zero, _ := castConst(from, to, mode, asm.Int(0))
		return e.choose(to, x, one, zero)
	case from == dtype.F64 && to == dtype.F64:
		return x
	case from == dtype.F64 && to.IsFloat():
		return e.narrowDouble(to, x, rz)
	case from.IsFloat() && to == dtype.F64:
		return asm.R(e.b.Pure("cvt.f64.f32", asm.D, e.single(from, x)))
	case from.IsFloat() && to.IsFloat():
		if dtype.Widens(from, to) && from == dtype.TF32 {
			return e.single(from, x)
		}
		return e.round(to, e.single(from, x), rz)
	case from.IsFloat() && to.Kind == dtype.BipolarKind:
		return e.floatToBipolar(from, to, mode, x)
	case from.IsFloat():
		return e.floatToInt(from, to, mode, x)
	}
	if from.Kind == dtype.BipolarKind {
		x = e.bipolarValue(from, x)
		from = dtype.I16
	}
	if to.IsFloat() {
		return e.intToFloat(from, to, rz, x)
	}
	return e.castInt(from, to, mode, x)
}

// castConst is the cast of a constant.
func castConst(from, to dtype.Type, mode dtype.Mode, x asm.Arg) (asm.Arg, bool) {
	if from.IsFloat() {
		f, ok := knownFloat(from, x)
		switch {
		case !ok:
			return x, false
		case to.IsFloat():
			return floatConst(to, to.FloatOfFloat(f, mode)), true
		}
		return intConst(to, to.IntOfFloat(f, mode)), true
	}
	k, ok := known(from, x)
	switch {
	case !ok:
		return x, false
	case to.IsFloat():
		return floatConst(to, to.FloatOfInt(from, k, mode)), true
	}
	return intConst(to, to.IntOfInt(from, k, mode)), true
}

// bipolarValue is the integer that a bipolar code is worth.
func (e *emitter) bipolarValue(t dtype.Type, x asm.Arg) asm.Arg {
	return e.b.Sub(asm.W, e.b.Shl(asm.W, x, 1), asm.Int(t.MaxInt()))
}

// single is an element of a float but f64 as an f32, exactly.
func (e *emitter) single(t dtype.Type, x asm.Arg) asm.Arg {
	if f, ok := knownFloat(t, x); ok {
		return asm.F32(float32(f))
	}
	b, v := e.b, e.f32()
	switch t {
	case dtype.F32:
		return x
	case dtype.TF32:
		return v.and(x, word(^uint32(0x1fff)))
	case dtype.BF16:
		return v.shl(x, 16)
	case dtype.F16:
		return asm.R(b.Pure("cvt.f32.f16", asm.W, x))
	case dtype.F8E5M2: // the upper half of an f16
		return asm.R(b.Pure("cvt.f32.f16", asm.W, v.shl(x, 8)))
	case dtype.E8M0:
		y := v.sel(v.isInt("eq", x, asm.Int(0)), word(1<<22), v.shl(x, 23)) // 2^-127 is subnormal
		return v.sel(v.isInt("eq", x, asm.Int(255)), v.bitsOf(math.NaN()), y)
	}
	// Exponent and mantissa in their places are the value but for the exponent's bias, subnormals included.
	mag := int64(1)<<(t.Exp+t.Man) - 1
	up := v.sar(v.shl(x, 32-t.Bits()), 8-int(t.Exp))
	up = v.and(up, word(uint32(1<<31|mag<<(23-t.Man))))
	y := v.mul(up, v.n(math.Ldexp(1, 127-int(t.Bias))))
	m := func() asm.Arg { return v.and(x, asm.Int(mag)) }
	switch t.Specials {
	case dtype.IEEE: // with the exponent of inf; a NaN's mantissa stays
		inf := mag &^ (1<<t.Man - 1)
		return v.or(y, v.sel(v.isInt("ge", m(), asm.Int(inf)), v.bitsOf(math.Inf(1)), asm.Int(0)))
	case dtype.FN:
		return v.sel(v.isInt("eq", m(), asm.Int(mag)), v.bitsOf(math.NaN()), y)
	case dtype.FNUZ:
		return v.sel(v.isInt("eq", x, asm.Int(mag+1)), v.bitsOf(math.NaN()), y)
	}
	return y
}

// round is an f32 rounded to an element of a float but f64, to nearest or toward zero.
func (e *emitter) round(t dtype.Type, x asm.Arg, rz bool) asm.Arg {
	if k, ok := x.FloatBits(); ok {
		mode := dtype.Default
		if rz {
			mode = dtype.RZ
		}
		return floatConst(t, t.FloatOfFloat(dtype.F32.Decode(k), mode))
	}
	b, v := e.b, e.f32()
	how := "rn"
	if rz {
		how = "rz"
	}
	switch {
	case t == dtype.F32:
		return x
	case t == dtype.F16:
		return asm.R(b.Pure("cvt."+how+".f16x2.f32", asm.W, asm.F32(0), x))
	case t == dtype.BF16:
		return asm.R(b.Pure("cvt."+how+".bf16x2.f32", asm.W, asm.F32(0), x))
	case t == dtype.TF32:
		y := x
		if !rz {
			odd := asm.R(b.Pure("bfe.u32", asm.W, x, asm.Int(13), asm.Int(1)))
			y = v.iadd(v.iadd(x, odd), asm.Int(0xfff))
		}
		y = v.and(y, word(^uint32(0x1fff)))
		return v.sel(v.is("nan", x, x), v.bitsOf(math.NaN()), y)
	case t == dtype.E8M0:
		return e.roundScale(x, rz)
	case t.Man == 0:
		return e.coded(t, x, e.roundPower(t, x, rz))
	}
	// Added to a number whose last bit is worth the distance of the type's values, the magnitude is rounded to them; the bits
	// of the sum count them, but for what lower binades hold.
	low := uint32(minExp(t)+127) << 23
	high := max(math.Float32bits(float32(t.Max()))&(0xff<<23), low)
	field := v.and(x, word(0xff<<23))
	field = asm.R(b.Pure("max.u32", asm.W, field, word(low)))
	field = asm.R(b.Pure("min.u32", asm.W, field, word(high)))
	drop := 23 - int(t.Man)
	m := v.iadd(field, word(uint32(drop)<<23))
	sum := v.pure("add."+how, v.abs(x), m)
	c := v.iadd(v.isub(sum, m), v.shr(v.isub(field, word(low)), drop))
	top := word(uint32(t.Encode(t.Max(), dtype.TowardZero, dtype.Saturate)))
	return e.coded(t, x, asm.R(b.Pure("min.u32", asm.W, c, top)))
}

// minExp is the exponent of a signed float's smallest normal value.
func minExp(t dtype.Type) int { return 1 - int(t.Bias) }

// coded is the code of a float of up to 8 bits: a magnitude's code with the sign of x, or NaN where x is.
func (e *emitter) coded(t dtype.Type, x, mag asm.Arg) asm.Arg {
	v := e.f32()
	at := int(t.Exp + t.Man)
	sign := v.and(v.shr(x, 31-at), asm.Int(1<<at))
	y := v.or(sign, mag)
	if t.Specials == dtype.FNUZ {
		y = v.sel(v.isInt("eq", mag, asm.Int(0)), asm.Int(0), y)
	}
	nan := asm.Int(int64(t.Encode(math.NaN(), dtype.NearestEven, dtype.Saturate)))
	return v.sel(v.is("nan", x, x), nan, y)
}

// roundPower is the code of |x| in a float without mantissa, where ties go to the even code.
func (e *emitter) roundPower(t dtype.Type, x asm.Arg, rz bool) asm.Arg {
	b, v := e.b, e.f32()
	a := v.and(x, word(1<<31-1))
	least := uint32(minExp(t)+127) << 23
	code := v.isub(a, word(uint32(127-int(t.Bias))<<23)) // whose upper bits are the code below
	if !rz {
		odd := asm.R(b.Pure("bfe.u32", asm.W, code, asm.Int(23), asm.Int(1)))
		code = v.iadd(v.iadd(code, odd), word(1<<22-1))
	}
	code = v.shr(code, 23)
	small := asm.Int(0)
	if !rz {
		small = v.sel(v.isUint("gt", a, word(least-1<<23)), asm.Int(1), asm.Int(0))
	}
	code = v.sel(v.isUint("lt", a, word(least)), small, code)
	top := word(uint32(t.Encode(t.Max(), dtype.TowardZero, dtype.Saturate)))
	return asm.R(b.Pure("min.u32", asm.W, code, top))
}

// roundScale is the code of x in e8m0: the exponent field, which ties make even. The field 0 is 2^-127.
func (e *emitter) roundScale(x asm.Arg, rz bool) asm.Arg {
	b, v := e.b, e.f32()
	y, small := x, asm.Int(0)
	if !rz {
		odd := asm.R(b.Pure("bfe.u32", asm.W, x, asm.Int(23), asm.Int(1)))
		y = v.iadd(v.iadd(x, odd), word(1<<22-1))
		small = v.sel(v.isUint("gt", x, word(3<<21)), asm.Int(1), asm.Int(0))
	}
	y = asm.R(b.Pure("min.u32", asm.W, v.shr(y, 23), asm.Int(254)))
	y = v.sel(v.isUint("lt", x, word(1<<23)), small, y)
	y = v.sel(v.isInt("lt", x, asm.Int(0)), asm.Int(0), y)
	return v.sel(v.is("nan", x, x), asm.Int(255), y)
}

// odd is an f64 rounded to f32 toward odd: where it is not exact, the neighbour whose last bit is one. That keeps what a
// second rounding, to fewer bits, must know.
func (e *emitter) odd(x asm.Arg) asm.Arg {
	b, v := e.b, e.f32()
	s := asm.R(b.Pure("cvt.rz.f32.f64", asm.W, x))
	lost := b.SetP("ne", "f64", asm.R(b.Pure("cvt.f64.f32", asm.D, s)), x)
	return v.or(s, v.sel(lost, asm.Int(1), asm.Int(0)))
}

// narrowDouble rounds an f64 once to a narrower float.
func (e *emitter) narrowDouble(to dtype.Type, x asm.Arg, rz bool) asm.Arg {
	how := "rn"
	if rz {
		how = "rz"
	}
	switch to {
	case dtype.F32:
		return asm.R(e.b.Pure("cvt."+how+".f32.f64", asm.W, x))
	case dtype.F16:
		return asm.R(e.b.Pure("cvt."+how+".f16.f64", asm.W, x))
	}
	return e.round(to, e.odd(x), rz)
}

// intToFloat is an integer rounded once to a float.
func (e *emitter) intToFloat(from, to dtype.Type, rz bool, x asm.Arg) asm.Arg {
	b, kind := e.b, e.intKind(from)
	how := "rn"
	if rz {
		how = "rz"
	}
	switch {
	case to == dtype.F64:
		return asm.R(b.Pure("cvt."+how+".f64."+kind, asm.D, x))
	case to == dtype.F32:
		return asm.R(b.Pure("cvt."+how+".f32."+kind, asm.W, x))
	case from.Bits() <= 16:
		return e.round(to, asm.R(b.Pure("cvt.rn.f32."+kind, asm.W, x)), rz)
	}
	// To odd, which keeps what the second rounding must know.
	v := e.f32()
	s := asm.R(b.Pure("cvt.rz.f32."+kind, asm.W, x))
	back := asm.R(b.Pure("cvt.rzi."+kind+".f32", classOf(from), s))
	lost := b.SetP("ne", kind, back, x)
	return e.round(to, v.or(s, v.sel(lost, asm.Int(1), asm.Int(0))), rz)
}

// floatToInt truncates a float; the result saturates or wraps, and NaN is 0.
func (e *emitter) floatToInt(from, to dtype.Type, mode dtype.Mode, x asm.Arg) asm.Arg {
	b := e.b
	kind, c, v := ".f64", classOf(to), e.f64()
	if from != dtype.F64 {
		x, kind, v = e.single(from, x), ".f32", e.f32()
	}
	if mode == dtype.Wrap {
		w := e.wrapFloat(v, x)
		if c == asm.W {
			w = b.Narrow(w)
		}
		return e.wrap(to, w)
	}
	// The conversion saturates; of NaN it makes 0 from f32 to words, else the top bit.
	y := asm.R(b.Pure("cvt.rzi."+e.intKind(to)+kind, c, x))
	if v.wide() || c == asm.D {
		y = asm.R(b.Select(c, v.is("nan", x, x), asm.Int(0), y))
	}
	if to.Bits() < 32 {
		k := e.intKind(to)
		if to.Signed {
			y = asm.R(b.Pure("max."+k, c, y, asm.Int(to.MinInt())))
		}
		y = asm.R(b.Pure("min."+k, c, y, asm.Int(to.MaxInt())))
	}
	return y
}

// wrapFloat is the whole part of a float modulo 2^64, a double; NaN and infinities are 0.
func (e *emitter) wrapFloat(v num, x asm.Arg) asm.Arg {
	b := e.b
	if !v.wide() {
		x = asm.R(b.Pure("cvt.f64.f32", asm.D, x))
	}
	v = e.f64()
	field := b.And(asm.W, b.Narrow(v.shr(x, 52)), asm.Int(0x7ff))
	sig := v.or(v.and(x, asm.Int(1<<52-1)), asm.Int(1<<52))
	// Shifts clamp, and so do their counts: as unsigned words negative ones are large.
	left := b.Sub(asm.W, field, asm.Int(1023+52))
	right := b.Sub(asm.W, asm.Int(1023+52), field)
	up := asm.R(b.Pure("shl.b64", asm.D, sig, left))
	down := asm.R(b.Pure("shr.u64", asm.D, sig, right))
	y := asm.R(b.Select(asm.D, b.SetP("ge", "s32", left, asm.Int(0)), up, down))
	return v.sel(v.isInt("lt", x, asm.Int(0)), b.Sub(asm.D, asm.Int(0), y), y)
}

// floatToBipolar takes the nearest odd number, ties upward: 2⌊x/2⌋ + 1, whose code is ⌊x/2⌋ and half of the codes; NaN as 0.
func (e *emitter) floatToBipolar(from, to dtype.Type, mode dtype.Mode, x asm.Arg) asm.Arg {
	b := e.b
	v, kind := e.f64(), "f64"
	if from != dtype.F64 {
		x, v, kind = e.single(from, x), e.f32(), "f32"
	}
	zero := int64(1) << (to.Bits() - 1)
	floor := func(x asm.Arg) asm.Arg {
		return asm.R(b.Pure("cvt.rmi."+kind+"."+kind, v.c, x))
	}
	x = v.sel(v.is("nan", x, x), v.n(0), x)
	half := floor(v.mul(floor(x), v.n(0.5))) // x/2 alone may underflow
	if mode == dtype.Wrap {
		h := b.Narrow(e.wrapFloat(v, half))
		return b.And(asm.W, b.Add(asm.W, h, asm.Int(zero)), asm.Int(2*zero-1))
	}
	half = v.min(v.max(half, v.n(float64(-zero))), v.n(float64(zero-1)))
	return b.Add(asm.W, asm.R(b.Pure("cvt.rzi.s32."+kind, asm.W, half)), asm.Int(zero))
}

// castInt is a cast of integers to integers and bipolar types.
func (e *emitter) castInt(from, to dtype.Type, mode dtype.Mode, x asm.Arg) asm.Arg {
	b := e.b
	// In doubles where one of them needs those.
	c := max(classOf(from), classOf(to))
	unsigned := from == dtype.U64 || from == dtype.U32 && c == asm.W
	if classOf(from) != c {
		op := "cvt.s64.s32"
		if from.Kind == dtype.UintKind {
			op = "cvt.u64.u32"
		}
		x = asm.R(b.Pure(op, asm.D, x))
	}
	kind := "s" + c.Suffix()
	if unsigned {
		kind = "u" + c.Suffix()
	}
	low, high := to.MinInt(), to.MaxInt() // of u64 -1
	fromLow, fromHigh := from.MinInt(), from.MaxInt()
	bipolar := to.Kind == dtype.BipolarKind
	if bipolar { // an even number takes the odd one above it: 2⌊x/2⌋ + 1
		high = int64(1)<<(to.Bits()-1) - 1
		low = -1 - high
		x = asm.R(b.Pure("shr."+kind, c, x, asm.Int(1)))
		fromLow, fromHigh = fromLow>>1, int64(uint64(fromHigh)>>1)
	}
	if mode != dtype.Wrap {
		switch {
		case unsigned && (to == dtype.U64 || to == dtype.U32 && from == dtype.U32):
		case unsigned:
			x = asm.R(b.Pure("min."+kind, c, x, asm.Int(high)))
		default:
			if fromLow < low {
				x = asm.R(b.Pure("max."+kind, c, x, asm.Int(low)))
			}
			if fromHigh > high && to != dtype.U64 && !(to == dtype.U32 && c == asm.W) {
				x = asm.R(b.Pure("min."+kind, c, x, asm.Int(high)))
			}
		}
	}
	if classOf(to) != c {
		x = b.Narrow(x)
	}
	switch {
	case bipolar:
		x = b.Add(asm.W, x, asm.Int(high+1))
		if mode == dtype.Wrap {
			x = b.And(asm.W, x, asm.Int(2*high+1))
		}
		return x
	case mode == dtype.Wrap:
		return e.wrap(to, x)
	}
	return x
}
