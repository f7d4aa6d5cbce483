package dtype

import (
	"fmt"
	"math"
	"math/bits"
)

// Mode is the word after `x as T`.
type Mode uint8

// The modes. Default rounds floats to nearest even, truncates float to integer, and saturates
// integers. RZ rounds to a float toward zero. Wrap keeps the low bits of an integer.
const (
	Default Mode = iota
	RZ
	Wrap
)

// String is the word of the text; empty for Default.
func (m Mode) String() string { return [...]string{"", "rz", "wrap"}[min(m, Wrap)] }

// CheckMode says why mode m makes no sense in a conversion from one type to another: wrap wants an
// integer or bipolar result, rz a float one (float to integer truncates anyway and takes rz too).
func CheckMode(from, to Type, m Mode) error {
	switch {
	case m == Wrap && (to.Kind == FloatKind || to.Kind == BoolKind):
		return fmt.Errorf("wrap applies to integers, and %s is none", to)
	case m == RZ && to.Kind != FloatKind && !(from.Kind == FloatKind && to.IsInt()):
		return fmt.Errorf("rz applies to conversions to or from a float, not from %s to %s", from, to)
	}
	return nil
}

func (m Mode) round() Round {
	if m == RZ {
		return TowardZero
	}
	return NearestEven
}

// FloatOfFloat is `x as t` for floats: the value, exact as a float32 where t is of ClassF32.
func (t Type) FloatOfFloat(x float64, m Mode) float64 {
	if m == RZ {
		return t.Decode(t.Encode(x, TowardZero, t.Overflow()))
	}
	return t.Round64(x)
}

// IntOfFloat is `x as t` for integer, bipolar and boolean t. Integers truncate and saturate, NaN
// is 0; with Wrap the truncated value modulo 2^N, NaN and infinities 0. Bipolar takes the nearest
// value, an even integer the one above it, NaN as 0. Bool is x != 0, so NaN is true.
func (t Type) IntOfFloat(x float64, m Mode) int64 {
	switch t.Kind {
	case BoolKind:
		if x != 0 {
			return 1
		}
		return 0
	case BipolarKind:
		if x != x {
			x = 0
		}
		// Nearest odd number, ties upward: 2⌊x/2⌋ + 1, whose code is ⌊x/2⌋ + 2^(N-1).
		half, zero := math.Floor(math.Floor(x)/2), int64(1)<<(t.Width-1) // x/2 alone may underflow
		if m == Wrap {
			return t.DecodeInt(wrapFloat(half) + uint64(zero))
		}
		return t.DecodeInt(uint64(min(max(half, float64(-zero)), float64(zero-1)) + float64(zero)))
	}
	if m == Wrap {
		return t.DecodeInt(wrapFloat(math.Trunc(x)))
	}
	if t == U64 {
		switch {
		case !(x > 0):
			return 0
		case x >= 1<<64:
			return -1
		}
		return int64(uint64(x))
	}
	return min(max(satFloat(x), t.MinInt()), t.MaxInt())
}

// satFloat truncates to int64 with saturation, far from the ends of small types; NaN is 0.
func satFloat(x float64) int64 {
	switch {
	case x != x:
		return 0
	case x >= 1<<63:
		return math.MaxInt64
	case x < -1<<63:
		return math.MinInt64
	}
	return int64(x)
}

// wrapFloat is an integral x modulo 2^64; NaN and infinities are 0.
func wrapFloat(x float64) uint64 {
	frac, exp := math.Frexp(x)
	if frac == 0 || x-x != 0 {
		return 0
	}
	sig, shift := uint64(math.Abs(frac)*(1<<53)), exp-53
	switch {
	case shift >= 64:
		return 0
	case shift >= 0:
		sig <<= shift
	default:
		sig >>= -shift
	}
	if x < 0 {
		return -sig
	}
	return sig
}

// IntOfInt is `v as t` from one integer, bipolar or boolean type to another: saturates, or keeps
// the low bits with Wrap. Bipolar takes the nearest value, an even integer the one above it; bool is v != 0.
func (t Type) IntOfInt(from Type, v int64, m Mode) int64 {
	if m != Wrap && v < 0 && from == U64 && t != U64 && t.Kind != BoolKind {
		return t.MaxInt()
	}
	if m != Wrap && v < 0 && t == U64 && from != U64 {
		return 0
	}
	return t.DecodeInt(t.EncodeInt(v, m == Wrap))
}

// FloatOfInt is `v as t` from an integer, bipolar or boolean type to a float, rounded once.
func (t Type) FloatOfInt(from Type, v int64, m Mode) float64 {
	neg, sig := v < 0 && from != U64, uint64(v)
	if neg {
		sig = -sig
	}
	if sig < 1<<53 {
		return t.FloatOfFloat(float64(v), m)
	}
	// 64 significant bits do not fit a float64, so round from the integer, its top bit at 62.
	lz := bits.LeadingZeros64(sig)
	if lz == 0 {
		sig = sig>>1 | sig&1 // sticky: no format keeps more than 53 bits
	} else {
		sig <<= lz - 1
	}
	return t.Decode(t.round(neg, sig, 63-lz, 62, false, m.round(), t.Overflow()))
}

// The slice forms below are `x as t` element by element, for the classes that hold source and
// result. dst and src have one length; of one class they may be the same slice.

// ConvertF32F32 converts floats held as float32 to the float t of ClassF32.
func (t Type) ConvertF32F32(dst, src []float32, m Mode) {
	if m != RZ {
		t.RoundSlice(dst, src)
		return
	}
	for i, x := range src {
		dst[i] = float32(t.FloatOfFloat(float64(x), RZ))
	}
}

// ConvertF64F32 converts f64 to the float t of ClassF32, rounding once.
func (t Type) ConvertF64F32(dst []float32, src []float64, m Mode) {
	if t == F32 && m != RZ {
		for i, x := range src {
			dst[i] = float32(x)
		}
		return
	}
	for i, x := range src {
		dst[i] = float32(t.FloatOfFloat(x, m))
	}
}

// ConvertF32F64 converts floats held as float32 to f64, exactly.
func ConvertF32F64(dst []float64, src []float32) {
	for i, x := range src {
		dst[i] = float64(x)
	}
}

// ConvertIntF32 converts from, of ClassInt, to the float t of ClassF32, rounding once.
func (t Type) ConvertIntF32(dst []float32, from Type, src []int64, m Mode) {
	if from.Width <= 16 { // exact in float32, so rounding once follows
		for i, v := range src {
			dst[i] = float32(v)
		}
		t.ConvertF32F32(dst, dst, m)
		return
	}
	if t == F32 && m != RZ && from != U64 {
		for i, v := range src {
			dst[i] = float32(v)
		}
		return
	}
	for i, v := range src {
		dst[i] = float32(t.FloatOfInt(from, v, m))
	}
}

// ConvertIntF64 converts from, of ClassInt, to f64.
func ConvertIntF64(dst []float64, from Type, src []int64, m Mode) {
	if m != RZ && from != U64 {
		for i, v := range src {
			dst[i] = float64(v)
		}
		return
	}
	for i, v := range src {
		dst[i] = F64.FloatOfInt(from, v, m)
	}
}

// ConvertF32Int converts floats held as float32 to t of ClassInt.
func (t Type) ConvertF32Int(dst []int64, src []float32, m Mode) {
	if t.Kind == IntKind && t.Width <= 32 && m != Wrap {
		low, high := float64(t.MinInt()), float64(t.MaxInt())
		for i, x := range src {
			v := float64(x)
			if v != v {
				v = 0
			}
			dst[i] = int64(min(max(v, low), high))
		}
		return
	}
	for i, x := range src {
		dst[i] = t.IntOfFloat(float64(x), m)
	}
}

// ConvertF64Int converts f64 to t of ClassInt.
func (t Type) ConvertF64Int(dst []int64, src []float64, m Mode) {
	for i, x := range src {
		dst[i] = t.IntOfFloat(x, m)
	}
}

// ConvertIntInt converts from to t, both of ClassInt.
func (t Type) ConvertIntInt(dst []int64, from Type, src []int64, m Mode) {
	if Widens(from, t) || from.Kind == BoolKind && t.IsInt() {
		copy(dst, src)
		return
	}
	for i, v := range src {
		dst[i] = t.IntOfInt(from, v, m)
	}
}
