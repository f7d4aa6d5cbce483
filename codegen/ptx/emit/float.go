package emit

import (
	"math"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// floatOp are the operations of floats of 16 bits and more; count is the type of the last operand.
func (e *emitter) floatOp(code ir.Code, t, r, count dtype.Type, x []asm.Arg) (asm.Arg, bool) {
	if t.Bits() == 16 {
		if y, ok := e.halfOp(code, t, 1, x); ok {
			return y, true
		}
	}
	v := e.f32()
	if t == dtype.F64 {
		v = e.f64()
	}
	args := make([]asm.Arg, len(x))
	for i, a := range x {
		switch {
		case i == 1 && code == ir.Ldexp:
			args[i] = a
		case t == dtype.F64:
			args[i] = a
		default:
			args[i] = e.single(t, a)
		}
	}
	switch code {
	case ir.Isnan:
		return asm.R(v.is("nan", args[0], args[0])), true
	case ir.Finite:
		return asm.R(v.is("lt", v.abs(args[0]), v.n(math.Inf(1)))), true
	case ir.Exponent:
		return e.exponent(v, r, args[0]), true
	case ir.Ldexp:
		return e.round32(t, e.ldexp(v, args[0], args[1], count)), true
	case ir.Fma, ir.Mul:
		if t == dtype.TF32 {
			return e.round32(t, e.fmaOdd(code, args)), true
		}
	case ir.Mod:
		return e.round32(t, e.floatMod(v, args[0], args[1])), true
	}
	y, ok := asm.Arg{}, false
	if e.fast && !v.wide() {
		y, ok = v.fast(code, args)
	}
	if !ok {
		y, ok = v.basic(code, args)
	}
	if !ok {
		for i, a := range args { // functions take registers
			args[i] = asm.R(v.b.Move(v.c, a))
		}
		if v.wide() {
			y, ok = v.math64(e, code, args)
		} else {
			y, ok = v.math32(e, code, args)
		}
	}
	if !ok {
		return y, false
	}
	return e.round32(t, y), true
}

// round32 is a result rounded to its type, which f64 and f32 are already.
func (e *emitter) round32(t dtype.Type, y asm.Arg) asm.Arg {
	if t == dtype.F64 {
		return y
	}
	return e.round(t, y, false)
}

// basic are the operations that are exact, or rounded once, by one instruction or few.
func (v num) basic(code ir.Code, x []asm.Arg) (y asm.Arg, ok bool) {
	kind := ".f" + v.c.Suffix()
	whole := func(how string) asm.Arg { return v.pure("cvt."+how+kind, x[0]) }
	switch code {
	case ir.Neg:
		return v.neg(x[0]), true
	case ir.Abs:
		return v.abs(x[0]), true
	case ir.Add:
		return v.add(x[0], x[1]), true
	case ir.Sub:
		return v.sub(x[0], x[1]), true
	case ir.Mul:
		return v.mul(x[0], x[1]), true
	case ir.Div:
		return v.quotientOf(x[0], x[1]), true
	case ir.Fma:
		return v.fma(x[0], x[1], x[2]), true
	case ir.Min:
		return v.min(x[0], x[1]), true
	case ir.Max:
		return v.max(x[0], x[1]), true
	case ir.MinNan:
		return v.extreme("min", x[0], x[1]), true
	case ir.MaxNan:
		return v.extreme("max", x[0], x[1]), true
	case ir.Relu:
		return v.extreme("max", x[0], v.n(0)), true
	case ir.Sqrt:
		return v.sqrt(x[0]), true
	case ir.Recip:
		return v.pure("rcp.rn", x[0]), true
	case ir.Floor:
		return whole("rmi"), true
	case ir.Ceil:
		return whole("rpi"), true
	case ir.Rint:
		return whole("rni"), true
	case ir.Trunc:
		return whole("rzi"), true
	case ir.Copysign:
		return v.signed(x[0], x[1]), true
	}
	return y, false
}

// quotientOf is x/y; by a power of two it is a product.
func (v num) quotientOf(x, y asm.Arg) asm.Arg {
	t := dtype.F32
	if v.wide() {
		t = dtype.F64
	}
	if k, ok := knownFloat(t, y); ok {
		if frac, exp := math.Frexp(k); math.Abs(frac) == 0.5 && exp > -100 && exp < 100 {
			return v.mul(x, v.n(1/k))
		}
	}
	return v.div(x, y)
}

// extreme is the min or max that is NaN where either operand is.
func (v num) extreme(op string, x, y asm.Arg) asm.Arg {
	if !v.wide() {
		return v.pure(op+".NaN", x, y)
	}
	return v.sel(v.is("nan", x, y), v.n(math.NaN()), v.pure(op, x, y))
}

// halfOp are the operations that f16 and bf16 have instructions for, which work on pairs; what a word has above a single
// number stays 0. In a word of n numbers, constants stand in each.
func (e *emitter) halfOp(code ir.Code, t dtype.Type, n int, x []asm.Arg) (y asm.Arg, ok bool) {
	b := e.b
	all := func(k uint32) asm.Arg {
		if n == 2 {
			k |= k << 16
		}
		return word(k)
	}
	suffix := ".f16x2"
	if t == dtype.BF16 {
		suffix = ".bf16x2"
	}
	pure := func(op string, x ...asm.Arg) (asm.Arg, bool) {
		args := make([]asm.Arg, len(x)) // these take no constants
		for i, a := range x {
			args[i] = asm.R(b.Move(asm.W, a))
		}
		return asm.R(b.Pure(op+suffix, asm.W, args...)), true
	}
	const sign = 0x8000
	one := uint32(t.Encode(1, dtype.NearestEven, dtype.ToInf))
	switch code {
	case ir.Neg:
		return b.Xor(asm.W, x[0], all(sign)), true
	case ir.Abs:
		return b.And(asm.W, x[0], all(sign-1)), true
	case ir.Copysign: // bit by bit, of the second where the third is set
		return asm.R(b.Pure("lop3.b32", asm.W, x[0], x[1], all(sign), asm.Int(0xd8))), true
	case ir.Min:
		return pure("min", x...)
	case ir.Max:
		return pure("max", x...)
	case ir.MinNan:
		return pure("min.NaN", x...)
	case ir.MaxNan:
		return pure("max.NaN", x...)
	case ir.Relu:
		return pure("max.NaN", x[0], asm.Int(0))
	case ir.Fma:
		return pure("fma.rn", x...)
	}
	if t == dtype.F16 {
		switch code {
		case ir.Add:
			return pure("add.rn", x...)
		case ir.Sub:
			return pure("sub.rn", x...)
		case ir.Mul:
			return pure("mul.rn", x...)
		}
		return y, false
	}
	switch code { // of bf16 sm_80 has the fma alone
	case ir.Add:
		return pure("fma.rn", x[0], all(one), x[1])
	case ir.Sub:
		return pure("fma.rn", x[1], all(one|sign), x[0])
	case ir.Mul:
		return pure("fma.rn", x[0], x[1], all(sign))
	}
	return y, false
}

// fmaOdd is a product, or one and a sum, rounded to odd: where it is not exact, the neighbour toward zero with its last bit set.
func (e *emitter) fmaOdd(code ir.Code, x []asm.Arg) asm.Arg {
	v := e.f32()
	op := func(how string) asm.Arg {
		if code == ir.Mul {
			return v.pure("mul."+how, x...)
		}
		return v.pure("fma."+how, x...)
	}
	// Upward and downward they differ where it is not exact. What is exact is rounded to nearest for the sign of a zero.
	inexact := v.is("neu", op("rm"), op("rp"))
	return v.sel(inexact, v.or(op("rz"), asm.Int(1)), op("rn"))
}

// exponent is ⌊log2 |x|⌋ as an integer of type r: of 0 the least value, of inf and NaN the greatest.
func (e *emitter) exponent(v num, r dtype.Type, x asm.Arg) asm.Arg {
	man, bias, inf, typ := 23, int64(127), v.bitsOf(math.Inf(1)), dtype.I32
	if v.wide() {
		man, bias, typ = 52, 1023, dtype.I64
	}
	abs := v.abs(x)
	// Subnormals are scaled to normal numbers.
	lifted := v.mul(abs, v.n(math.Ldexp(1, man+1)))
	small := v.isub(v.shr(lifted, man), v.i(bias+int64(man)+1))
	y := v.isub(v.shr(abs, man), v.i(bias))
	y = v.sel(v.isInt("lt", abs, v.i(1<<man)), small, y)
	y = e.cast(typ, r, dtype.Default, y)
	y = e.choose(r, asm.R(v.isInt("eq", abs, asm.Int(0))), intConst(r, r.MinInt()), y)
	return e.choose(r, asm.R(v.isInt("ge", abs, inf)), intConst(r, r.MaxInt()), y)
}

// ldexp is x·2^n rounded once.
func (e *emitter) ldexp(v num, x, n asm.Arg, count dtype.Type) asm.Arg {
	b := e.b
	n = e.cast(count, dtype.I32, dtype.Default, n)
	// In steps, of which only one rounds: those down leave the bits that the last one takes.
	most, least, limit := int64(127), int64(-126+24), int64(400)
	man, bias := 23, int64(127)
	if v.wide() {
		most, least, limit, man, bias = 1023, -1022+53, 2200, 52, 1023
	}
	clamp := func(lo, hi int64) {
		n = asm.R(b.Pure("max.s32", asm.W, n, asm.Int(lo)))
		n = asm.R(b.Pure("min.s32", asm.W, n, asm.Int(hi)))
	}
	clamp(-limit, limit)
	for range 2 {
		far, near := b.SetP("gt", "s32", n, asm.Int(most)), b.SetP("lt", "s32", n, asm.Int(1-bias))
		power := v.sel(near, v.n(math.Ldexp(1, int(least))), v.n(1))
		x = v.mul(x, v.sel(far, v.n(math.Ldexp(1, int(most))), power))
		step := asm.R(b.Select(asm.W, near, asm.Int(least), asm.Int(0)))
		n = b.Sub(asm.W, n, asm.R(b.Select(asm.W, far, asm.Int(most), step)))
	}
	clamp(1-bias, most)
	k := b.Add(asm.W, n, asm.Int(bias))
	if v.wide() {
		k = b.Widen(k)
	}
	return v.mul(x, v.shl(k, man))
}
