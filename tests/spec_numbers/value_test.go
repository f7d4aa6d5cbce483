package numbers

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"

	"github.com/tilec/tilec/ir/dtype"
)

// What a code is worth, and which code a number becomes, written down a second time: by fields and exact scaling for
// floats, by sign and magnitude for integers.

// value is what an element is worth: a float, or an integer.
type value struct {
	float bool
	f     float64
	neg   bool
	mag   uint64
}

func float(x float64) value { return value{float: true, f: x} }

func integer(x int64) value {
	if x < 0 {
		return value{neg: true, mag: -uint64(x)}
	}
	return value{mag: uint64(x)}
}

func (v value) String() string {
	switch {
	case v.float:
		return fmt.Sprintf("%x (%v)", v.f, v.f)
	case v.neg:
		return fmt.Sprintf("-%d", v.mag)
	}
	return fmt.Sprint(v.mag)
}

// same is equality to the bit, all NaNs being one.
func (v value) same(w value) bool {
	if v.float && w.float {
		return math.Float64bits(v.f) == math.Float64bits(w.f) || v.f != v.f && w.f != w.f
	}
	return v.float == w.float && v.mag == w.mag && (v.neg == w.neg || v.mag == 0)
}

// decode is what a code is worth.
func decode(t dtype.Type, code uint64) value {
	n := t.Bits()
	switch t.Kind {
	case dtype.BoolKind:
		if code > 1 {
			panic("a bool that is neither 0 nor 1")
		}
		return integer(int64(code))
	case dtype.UintKind:
		return value{mag: code}
	case dtype.IntKind:
		if code>>(n-1)&1 == 1 {
			return value{neg: true, mag: 1<<(n-1)<<1 - code}
		}
		return value{mag: code}
	case dtype.BipolarKind:
		return integer(2*int64(code) - (1<<n - 1))
	}
	exp, man := int(t.Exp), int(t.Man)
	if t == dtype.TF32 {
		if code&(1<<13-1) != 0 {
			panic("bits below tf32's")
		}
		code >>= 13
	}
	m, e := code&(1<<man-1), int(code>>man)&(1<<exp-1)
	neg := t.Signed && code>>(man+exp)&1 == 1
	top, all := e == 1<<exp-1, uint64(1)<<man-1
	switch t.Specials {
	case dtype.IEEE:
		if top && m == 0 && neg {
			return float(math.Inf(-1))
		} else if top && m == 0 {
			return float(math.Inf(1))
		} else if top {
			return float(math.NaN())
		}
	case dtype.FN:
		if top && m == all {
			return float(math.NaN())
		}
	case dtype.FNUZ:
		if neg && e == 0 && m == 0 {
			return float(math.NaN())
		}
	}
	x := 0.0
	switch {
	case !t.Signed:
		x = math.Ldexp(1, e-int(t.Bias))
	case e == 0:
		x = math.Ldexp(float64(m), 1-int(t.Bias)-man)
	default:
		x = math.Ldexp(float64(m|1<<man), e-int(t.Bias)-man)
	}
	if neg {
		x = -x
	}
	return float(x)
}

// greatest is the greatest finite value of a float type.
func greatest(t dtype.Type) float64 {
	top := 0.0
	switch t.Specials {
	case dtype.IEEE: // the exponent of all ones is taken
		top = math.Ldexp(2-math.Ldexp(1, -int(t.Man)), 1<<t.Exp-2-int(t.Bias))
	case dtype.FN: // but for its last mantissa
		if t.Man == 0 {
			return math.Ldexp(1, 1<<t.Exp-2-int(t.Bias))
		}
		top = math.Ldexp(2-math.Ldexp(2, -int(t.Man)), 1<<t.Exp-1-int(t.Bias))
	default:
		top = math.Ldexp(2-math.Ldexp(1, -int(t.Man)), 1<<t.Exp-1-int(t.Bias))
	}
	return top
}

// leastExp is the exponent of the smallest normal value.
func leastExp(t dtype.Type) int {
	if t.Signed {
		return 1 - int(t.Bias)
	}
	return -int(t.Bias)
}

// settle makes a value of float type t of one that has been rounded as if exponents had no upper end.
func settle(t dtype.Type, x float64, infinite, rz bool) float64 {
	top := greatest(t)
	if math.Abs(x) > top {
		switch {
		case t.Width > 8 && (infinite || !rz):
			return math.Copysign(math.Inf(1), x)
		default:
			return settle(t, math.Copysign(top, x), false, rz)
		}
	}
	switch {
	case t == dtype.E8M0 && x < 0x1p-127:
		return 0x1p-127
	case x == 0 && t.Specials == dtype.FNUZ:
		return 0
	}
	return x
}

// toFloat is the float x in the float type t.
func toFloat(t dtype.Type, x float64, rz bool) float64 {
	switch {
	case x != x && t.Specials == dtype.Finite:
		return greatest(t)
	case x != x || t == dtype.F64:
		return x
	case x == 0 || math.IsInf(x, 0):
		return settle(t, x, true, rz)
	}
	_, e := math.Frexp(x)
	unit := max(e-1, leastExp(t)) - int(t.Man)
	q := math.Ldexp(x, -unit) // exact: its magnitude is below 2^53, and not far below 1 unless it rounds to 0
	if e-unit < -60 {
		q = math.Copysign(0x1p-60, x)
	}
	if rz {
		q = math.Trunc(q)
	} else {
		q = nearestEven(t, q, unit)
	}
	return settle(t, math.Ldexp(q, unit), false, rz)
}

// nearestEven rounds q units to an integer. Ties go to the even code, which in a type without mantissa is not that of
// an even number.
func nearestEven(t dtype.Type, q float64, unit int) float64 {
	if t.Man == 0 && math.Abs(q) == 1.5 {
		code := unit - leastExp(t)
		if t.Signed {
			code++
		}
		return math.Copysign(float64(1+code&1), q)
	}
	return math.RoundToEven(q)
}

// fromBig is an exact number in the float type t, to nearest even; the sign of a zero is given.
func fromBig(t dtype.Type, x *big.Float, zero float64) float64 {
	if x.Sign() == 0 {
		return settle(t, zero, false, false)
	}
	if x.IsInf() {
		return settle(t, math.Inf(x.Sign()), true, false)
	}
	if t.Bits() <= 8 {
		// By way of a float64 that is odd where it is not exact, so that it makes no tie.
		y, rest := new(big.Float).SetPrec(53).SetMode(big.ToZero).Set(x).Float64()
		if rest != big.Exact || new(big.Float).SetFloat64(y).Cmp(x) != 0 {
			y = math.Float64frombits(math.Float64bits(y) | 1)
		}
		return toFloat(t, y, false)
	}
	e := x.MantExp(nil)
	unit := max(e-1, leastExp(t)) - int(t.Man)
	keep := e - unit // the number of bits of the result before it rounds up
	sign := math.Copysign(1, float64(x.Sign()))
	if keep < 0 {
		return settle(t, math.Copysign(0, sign), false, false)
	}
	var q float64
	if keep == 0 {
		// Between 0 and the smallest value: half of it is a tie, which goes to 0.
		half := new(big.Float).SetMantExp(big.NewFloat(0.5), unit)
		if new(big.Float).Abs(x).Cmp(half) > 0 {
			q = sign
		} else {
			q = math.Copysign(0, sign)
		}
	} else {
		r := new(big.Float).SetPrec(uint(keep)).SetMode(big.ToNearestEven).Set(x)
		r.SetMantExp(r, -unit)
		q, _ = r.Float64()
	}
	return settle(t, math.Ldexp(q, unit), false, false)
}

// modeWrap and modeRZ are words behind `as T`.
const (
	modeRZ   = "rz"
	modeWrap = "wrap"
)

// convert is `v as t`.
func convert(v value, t dtype.Type, mode string) value {
	switch {
	case t.Kind == dtype.BoolKind:
		yes := v.mag != 0
		if v.float {
			yes = v.f != 0
		}
		if yes {
			return integer(1)
		}
		return integer(0)
	case t.Kind == dtype.FloatKind && v.float:
		return float(toFloat(t, v.f, mode == modeRZ))
	case t.Kind == dtype.FloatKind:
		return float(integerToFloat(t, v, mode == modeRZ))
	case t.Kind == dtype.BipolarKind:
		return toBipolar(v, t, mode)
	}
	if v.float {
		v = truncated(v.f, mode == modeWrap)
	}
	if mode == modeWrap {
		code := v.mag
		if v.neg {
			code = -code
		}
		return decode(t, code&(^uint64(0)>>(64-t.Bits())))
	}
	least, most := limits(t)
	switch {
	case v.neg && v.mag > least.mag:
		return least
	case !v.neg && v.mag > most.mag:
		return most
	}
	return v
}

// limits are the least and greatest values of an integer type.
func limits(t dtype.Type) (least, most value) {
	if t.Kind == dtype.UintKind {
		return value{}, value{mag: ^uint64(0) >> (64 - t.Bits())}
	}
	half := uint64(1) << (t.Bits() - 1)
	return value{neg: true, mag: half}, value{mag: half - 1}
}

// truncated is the integer part of a float: modulo 2^64 if it is to wrap, else saturated far beyond all types but the
// widest. NaN is 0, and so is what has no integer part when it wraps.
func truncated(x float64, wrap bool) value {
	switch {
	case x != x || wrap && math.IsInf(x, 0):
		return integer(0)
	case math.Abs(x) >= 0x1p64 && !wrap:
		return value{neg: x < 0, mag: math.MaxUint64}
	}
	n, _ := new(big.Float).SetPrec(2000).SetFloat64(x).Int(nil)
	neg := n.Sign() < 0
	n.And(n.Abs(n), new(big.Int).SetUint64(math.MaxUint64))
	return value{neg: neg, mag: n.Uint64()}
}

func integerToFloat(t dtype.Type, v value, rz bool) float64 {
	sign := 1.0
	if v.neg {
		sign = -1
	}
	keep := int(t.Man) + 1
	if n := bits.Len64(v.mag); n > keep {
		shift := n - keep
		rest, half := v.mag&(1<<shift-1), uint64(1)<<(shift-1)
		mag := v.mag >> shift
		up := mag&1 == 1
		if t.Man == 0 {
			up = nearestEven(t, 1.5, shift) > 1.5
		}
		if !rz && (rest > half || rest == half && up) {
			mag++
		}
		// In a type of few exponents what is small may be subnormal, but not with bits to lose.
		return settle(t, sign*math.Ldexp(float64(mag), shift), false, rz)
	}
	return toFloat(t, sign*float64(v.mag), rz)
}

// toBipolar is the nearest odd number, the greater of two; code u is worth 2u - (2^N - 1).
func toBipolar(v value, t dtype.Type, mode string) value {
	x := new(big.Float).SetPrec(2000)
	switch {
	case v.float && v.f != v.f, v.float && math.IsInf(v.f, 0) && mode == modeWrap:
	case v.float:
		x.SetFloat64(v.f)
	default:
		x.SetUint64(v.mag)
		if v.neg {
			x.Neg(x)
		}
	}
	if x.IsInf() {
		x.SetMantExp(big.NewFloat(float64(x.Sign())), 100)
	}
	return toBipolarBig(x, t, mode)
}

func toBipolarBig(x *big.Float, t dtype.Type, mode string) value {
	n := t.Bits()
	// ⌊x/2⌋ + 2^(N-1)
	u, _ := new(big.Float).Quo(x, big.NewFloat(2)).Int(nil)
	if new(big.Float).SetPrec(2000).SetInt(u).Cmp(new(big.Float).Quo(x, big.NewFloat(2))) > 0 {
		u.Sub(u, big.NewInt(1))
	}
	u.Add(u, big.NewInt(1<<(n-1)))
	most := big.NewInt(1<<n - 1)
	if mode == modeWrap {
		u.Mod(u, big.NewInt(1<<n))
	} else if u.Sign() < 0 {
		u.SetInt64(0)
	} else if u.Cmp(most) > 0 {
		u = most
	}
	return decode(t, u.Uint64())
}
