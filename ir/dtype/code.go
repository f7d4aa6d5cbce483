package dtype

import "math"

// Round is a rounding direction.
type Round uint8

// The directions. Ties of NearestEven go to the even code.
const (
	NearestEven Round = iota
	TowardZero
)

// Overflow is what encoding does with what is beyond the range of a float.
type Overflow uint8

// The choices. ToInf gives inf, in a format without inf NaN, in one without either the largest
// value; under TowardZero only an infinity overflows so, finite values stop at the largest one.
const (
	Saturate Overflow = iota
	ToInf
)

// pad is the number of unused low bits of a code: 13 for tf32, else 0.
func (t Type) pad() uint { return uint(t.Width) - t.infoBits() }

// infoBits is the number of bits of a code that carry information.
func (t Type) infoBits() uint {
	if t.Kind != FloatKind {
		return uint(t.Width)
	}
	n := uint(t.Exp) + uint(t.Man)
	if t.Signed {
		n++
	}
	return n
}

// magMask covers exponent and mantissa of a code without its pad.
func (t Type) magMask() uint64 { return 1<<(uint(t.Exp)+uint(t.Man)) - 1 }

// maxMag is the magnitude bits of the largest finite value.
func (t Type) maxMag() uint64 {
	switch t.Specials {
	case IEEE:
		return (1<<t.Exp-1)<<t.Man - 1
	case FN:
		return t.magMask() - 1
	}
	return t.magMask()
}

// minExp is the exponent of the smallest normal value. e8m0 has no subnormals, so its exponent
// field of zero is a normal number too.
func (t Type) minExp() int {
	if !t.Signed {
		return -int(t.Bias)
	}
	return 1 - int(t.Bias)
}

// nanCode is the canonical NaN without pad, or the largest positive value where there is none.
func (t Type) nanCode() uint64 {
	switch t.Specials {
	case IEEE:
		return (1<<t.Exp-1)<<t.Man | 1<<(t.Man-1)
	case FN:
		return t.magMask()
	case FNUZ:
		return t.magMask() + 1
	}
	return t.maxMag()
}

// codeMask covers all bits of a code.
func (t Type) codeMask() uint64 { return ^uint64(0) >> (64 - t.Width) }

// Decode is the value of a code; bits above t's width are ignored. Integers beyond 2^53 round
// (DecodeInt is exact). Decode of the invalid type is NaN.
func (t Type) Decode(code uint64) float64 {
	switch t.Kind {
	case FloatKind:
		return t.decodeFloat(code)
	case UintKind:
		return float64(code & t.codeMask())
	case Invalid:
		return math.NaN()
	}
	return float64(t.DecodeInt(code))
}

func (t Type) decodeFloat(code uint64) float64 {
	switch t.Width {
	case 64:
		return math.Float64frombits(code)
	case 32:
		c := uint32(code) >> t.pad() << t.pad()
		return float64(math.Float32frombits(c))
	}
	mag := code & t.magMask()
	exp, man := int(mag>>t.Man), mag&(1<<t.Man-1)
	sign := 1.0
	if t.Signed && code>>(t.Exp+t.Man)&1 == 1 {
		sign = -1
	}
	switch t.Specials {
	case IEEE:
		if exp == 1<<t.Exp-1 {
			if man == 0 {
				return math.Inf(int(sign))
			}
			return math.NaN()
		}
	case FN:
		if mag == t.magMask() {
			return math.NaN()
		}
	case FNUZ:
		if mag == 0 && sign < 0 {
			return math.NaN()
		}
	}
	switch {
	case !t.Signed:
		return math.Ldexp(1, exp-int(t.Bias))
	case exp == 0:
		return math.Copysign(math.Ldexp(float64(man), t.minExp()-int(t.Man)), sign)
	}
	return sign * math.Ldexp(float64(man|1<<t.Man), exp-int(t.Bias)-int(t.Man))
}

// Encode is the code of the value of t nearest to x in the given direction. For floats the package
// comment has the special cases. Integers round to an integer in the given direction and saturate, NaN is 0;
// bool is x != 0; bipolar takes the nearest value, ties upward, NaN as 0.
func (t Type) Encode(x float64, r Round, o Overflow) uint64 {
	switch t.Kind {
	case FloatKind:
		return t.encodeFloat(x, r, o)
	case BoolKind, BipolarKind:
		return t.EncodeInt(t.IntOfFloat(x, Default), false)
	case IntKind, UintKind:
		if r == NearestEven {
			x = math.RoundToEven(x)
		}
		return uint64(t.IntOfFloat(x, Default)) & t.codeMask()
	}
	return 0
}

func (t Type) encodeFloat(x float64, r Round, o Overflow) uint64 {
	b := math.Float64bits(x)
	abs := b &^ (1 << 63)
	switch {
	case abs > 0x7ff<<52:
		return t.nanCode() << t.pad()
	case t.Width == 64:
		if o == Saturate && abs == 0x7ff<<52 {
			b--
		}
		return b
	}
	sig, e := abs&(1<<52-1), int(abs>>52)-1023
	if e == -1023 {
		e++
	} else {
		sig |= 1 << 52
	}
	return t.round(b>>63 != 0, sig, e, 52, abs == 0x7ff<<52, r, o)
}

// round encodes (-1)^neg * sig * 2^(e-point), sig below 2^(point+1); inf says that it stands for infinity.
// Codes grow with magnitude, a carry out of the mantissa moving to the next exponent, so rounding
// the magnitude bits is rounding the value, subnormals included.
func (t Type) round(neg bool, sig uint64, e int, point uint, inf bool, r Round, o Overflow) uint64 {
	if !t.Signed && (neg || sig>>point == 0 || e < t.minExp()) {
		return 0
	}
	shift, base := int(point)-int(t.Man), 0
	if d := e - t.minExp(); d >= 0 {
		base = d
	} else {
		shift = min(shift-d, 63)
	}
	mag := uint64(base) << t.Man
	if shift > 0 {
		half := uint64(1) << (shift - 1)
		rem := sig & (half<<1 - 1)
		mag += sig >> shift
		if !t.Signed {
			mag-- // no subnormals: exponent field 0 is the first binade
		}
		if r == NearestEven && (rem > half || rem == half && mag&1 == 1) {
			mag++
		}
	} else {
		mag += sig << -shift
	}
	if top := t.maxMag(); mag > top || inf {
		switch {
		case o == Saturate || t.Specials == Finite || r == TowardZero && !inf:
			mag = top
		case t.Specials == IEEE:
			mag = top + 1
		default:
			return t.nanCode() << t.pad()
		}
	}
	if neg && (mag != 0 || t.Specials != FNUZ) {
		mag |= t.magMask() + 1
	}
	return mag << t.pad()
}

// DecodeInt is the value of a code of an integer, bipolar or boolean type, u64 as its bit pattern;
// bits above the width are ignored. It is 0 for floats.
func (t Type) DecodeInt(code uint64) int64 {
	switch t.Kind {
	case IntKind:
		s := 64 - uint(t.Width)
		return int64(code<<s) >> s
	case UintKind:
		return int64(code & t.codeMask())
	case BipolarKind:
		return int64(2*(code&t.codeMask())) - int64(t.codeMask())
	case BoolKind:
		if code&t.codeMask() != 0 {
			return 1
		}
	}
	return 0
}

// EncodeInt is the code of the integer v in an integer, bipolar or boolean type. What is out of
// range saturates, or wraps modulo 2^N; bool is v != 0; an even v in a bipolar type takes the odd
// number above it. For u64, v is its bit pattern and always fits. It is 0 for floats.
func (t Type) EncodeInt(v int64, wrap bool) uint64 {
	switch t.Kind {
	case BoolKind:
		if v != 0 {
			return 1
		}
		return 0
	case BipolarKind:
		u := v>>1 + 1<<(t.Width-1)
		if !wrap {
			u = min(max(u, 0), int64(t.codeMask()))
		}
		return uint64(u) & t.codeMask()
	case IntKind, UintKind:
		if !wrap && t.Width < 64 {
			v = min(max(v, t.MinInt()), t.MaxInt())
		}
		return uint64(v) & t.codeMask()
	}
	return 0
}

// Round64 is the value of the float t nearest to x, ties to even, overflow as t.Overflow says. The
// rounding is one step from float64. For other types it is the value of Encode's code.
func (t Type) Round64(x float64) float64 {
	switch {
	case t == F64:
		return x
	case t == F32:
		return float64(float32(x))
	}
	return t.Decode(t.Encode(x, NearestEven, t.Overflow()))
}

// Has64 reports whether x is a value of the float t: infinities, NaN and the sign of a zero included.
func (t Type) Has64(x float64) bool {
	switch {
	case x != x:
		return t.HasNaN()
	case math.IsInf(x, 0):
		return t.HasInf()
	}
	return t.Round64(x) == x && (x != 0 || !math.Signbit(x) || t.HasNegZero())
}

// RoundF32 is Round64 for a value held as float32; t must be of ClassF32 for the result to be exact.
func (t Type) RoundF32(x float32) float32 {
	if t == F32 {
		return x
	}
	return float32(t.Round64(float64(x)))
}
