package interp

import (
	"math"

	"github.com/tilec/tilec/ir/dtype"
)

// fma32 is x·y + z rounded once to float32.
//
// The product is exact in float64. The sum is rounded to float64 first, and rounding it again to float32 is wrong only
// where the first rounding landed halfway between two float32, that is where the 29 bits that float32 lacks are a one
// and zeros, or where the result is subnormal in float32, which lacks more bits; those go the long way.
func fma32(x, y, z float32) float32 {
	p := float64(x) * float64(y)
	s := p + float64(z)
	b := math.Float64bits(s)
	if b&(1<<29-1) == 1<<28 || b<<1-1 < tinyBits {
		return fmaTie(p, float64(z))
	}
	return float32(s)
}

// tinyBits is such that b<<1-1 is less for the bits b of a float64 that is not 0 and below the normal float32.
const tinyBits = (1023-126)<<53 - 1

// fmaTie is p + z rounded once to float32: to float64 toward odd, which keeps what a second rounding must know.
func fmaTie(p, z float64) float32 { return float32(addOdd(p, z)) }

// addOdd is x + y rounded to odd: where it is not exact, the neighbour whose last bit is one.
func addOdd(x, y float64) float64 {
	s, e := twoSum(x, y)
	if s-s != 0 {
		return s // inf or NaN
	}
	return toOdd(s, e)
}

// toOdd is the round-to-odd of s + e, where s is that sum rounded to nearest.
func toOdd(s, e float64) float64 {
	b := math.Float64bits(s)
	if e == 0 || b&1 == 1 {
		return s
	}
	if s == 0 {
		return e
	}
	// s is even and not exact: step to the neighbour on e's side.
	if (e > 0) == (s > 0) {
		return math.Float64frombits(b + 1)
	}
	return math.Float64frombits(b - 1)
}

// mulAdd is x·y + z rounded once to the type t, for any float64 x, y and z of t, f64 included. x·y must be neither
// subnormal nor infinite in float64, unless t is f64.
func mulAdd(t dtype.Type, x, y, z float64) float64 {
	if t == dtype.F64 {
		return math.FMA(x, y, z)
	}
	p := float64(x * y)
	e := math.FMA(x, y, -p)
	s, f := twoSum(p, z)
	if s-s != 0 || e-e != 0 || e == 0 && f == 0 {
		return t.Round64(s) // not finite, or exact: a zero keeps its sign
	}
	// x·y + z = s + e + f, and s is far above e + f unless it cancels against it.
	g, rest := twoSum(e, f)
	s, low := twoSum(s, g)
	if low == 0 {
		low = rest
	}
	return t.Round64(toOdd(s, low))
}

// twoSum is x + y and its rounding error, exactly (Knuth's).
func twoSum(x, y float64) (s, e float64) {
	s = x + y
	v := s - x
	return s, (x - (s - v)) + (y - v)
}

func fmaF32(d, a, b, c []float32) {
	for i := range d {
		d[i] = fma32(a[i], b[i], c[i])
	}
}

func fmaF64(d, a, b, c []float64) {
	for i := range d {
		d[i] = math.FMA(a[i], b[i], c[i])
	}
}

func fmaNarrow(t dtype.Type) func(d, a, b, c []float32) {
	return func(d, a, b, c []float32) {
		for i := range d {
			d[i] = float32(mulAdd(t, float64(a[i]), float64(b[i]), float64(c[i])))
		}
	}
}
