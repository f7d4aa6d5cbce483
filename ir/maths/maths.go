// Package maths is the language's functions in float64.
//
// In go float64 numbers, out come the functions' values, within two units in the last place everywhere, most of them
// within 0.8: near zeros of sin and cos and for arguments of any size, where results are subnormal, and up to where they
// overflow. It always holds that infinities, NaN and zeros give what docs/language.md says, and that of two machines
// with IEEE arithmetic both give results within the bound, though not always the same ones.
//
// Package math is faster and good where it is good: some of its functions lose all bits near a multiple of π, of
// subnormal arguments, or shortly before they overflow.
package maths

import "math"

// Constants to the bits of a pair.
var (
	ln2     = pair{0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56}
	log2e   = pair{0x1.71547652b82fep+0, 0x1.777d0ffda0d24p-56}
	invRoot = pair{0x1.9884533d43651p-2, -0x1.cbc0d30ebfd15p-56} // 1/√(2π)
)

// expm1 is e^x - 1 for |x| ≤ 0.4, good to some 100 bits of itself.
func expm1(x pair) pair {
	// e^(x/256) - 1 from its series x/256·(1 + x/512·(1 + x/768·(…))), the far terms in float64; then
	// (1 + y)² - 1 = y·(2 + y), eight times.
	x = pair{x.hi / 256, x.lo / 256}
	far := 1.0
	for n := 12.0; n > 6; n-- {
		far = 1 + x.hi*far/n
	}
	t := pair{far, 0}
	for n := 6.0; n > 1; n-- {
		t = x.times(t).over(pair{n, 0}).plusFloat(1)
	}
	y := x.times(t)
	for range 8 {
		y = y.times(y.plusFloat(2))
	}
	return y
}

// exp is e^x as m·2^k with m near 1; x is neither large nor NaN.
func exp(x pair) (m pair, k int) {
	n := math.Round(x.hi * log2e.hi)
	return expm1(x.plus(ln2.timesFloat(-n))).plusFloat(1), int(n)
}

// log is ln x for finite x > 0, as k·ln 2 and the logarithm of a number near 1.
func log(x float64) (y pair, k float64) {
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = 2*m, e-1
	}
	if m == 1 {
		return pair{}, float64(e)
	}
	// A step of Newton's: ln m = y + ln(m·e^-y), and m·e^-y - 1 is so small that it is its own logarithm.
	near := math.Log(m)
	d := expm1(pair{-near, 0}).timesFloat(m).plusFloat(m - 1)
	return d.plusFloat(near), float64(e)
}

// Exp is e^x.
func Exp(x float64) float64 {
	switch {
	case x > 710:
		return math.Inf(1)
	case x < -746:
		return 0
	case x != x:
		return x
	}
	m, k := exp(pair{x, 0})
	return math.Ldexp(m.hi, k)
}

// Exp2 is 2^x.
func Exp2(x float64) float64 {
	switch {
	case x > 1025:
		return math.Inf(1)
	case x < -1076:
		return 0
	case x != x:
		return x
	}
	n := math.Round(x)
	return math.Ldexp(expm1(ln2.timesFloat(x-n)).plusFloat(1).hi, int(n))
}

// outside reports that x has no finite logarithm, and which it has.
func outside(x float64) (float64, bool) {
	switch {
	case x != x || x < 0:
		return math.NaN(), true
	case x == 0:
		return math.Inf(-1), true
	case x > math.MaxFloat64:
		return x, true
	}
	return 0, false
}

// Log is the natural logarithm: −inf of zeros, NaN of negative numbers.
func Log(x float64) float64 {
	if y, is := outside(x); is {
		return y
	}
	y, k := log(x)
	return y.plus(ln2.timesFloat(k)).hi
}

// Log2 is the binary logarithm, exact for powers of two.
func Log2(x float64) float64 {
	if y, is := outside(x); is {
		return y
	}
	y, k := log(x)
	return y.times(log2e).plusFloat(k).hi
}

// Pow is x^y, with the special cases of C's annex F and IEEE 754.
func Pow(x, y float64) float64 {
	sign := 1.0
	switch {
	case y == 0 || x == 1:
		return 1
	case x == 0 || x-x != 0 || y-y != 0:
		return math.Pow(x, y)
	case x < 0:
		if y != math.Trunc(y) {
			return math.NaN()
		}
		if math.Abs(math.Mod(y, 2)) == 1 {
			sign = -1
		}
		x = -x
	}
	l, k := log(x)
	l = l.plus(ln2.timesFloat(k))
	switch p := l.hi * y; {
	case p > 710:
		return sign * math.Inf(1)
	case p < -746:
		return sign * 0
	}
	m, n := exp(l.timesFloat(y))
	return math.Ldexp(sign*m.hi, n)
}

// Sigmoid is 1/(1 + e^-x).
func Sigmoid(x float64) float64 {
	switch {
	case x < -40:
		return Exp(x) // 1 + e^x is 1 in float64
	case x > 40:
		return 1
	case x != x:
		return x
	}
	return sigmoid(x).hi
}

// sigmoid is the same for |x| ≤ 40.
func sigmoid(x float64) pair {
	m, k := exp(pair{-math.Abs(x), 0})
	e := m.scaled(k)
	if x < 0 {
		return e.over(e.plusFloat(1))
	}
	return pair{1, 0}.over(e.plusFloat(1))
}

// Silu is x·Sigmoid(x), -0 at -inf.
func Silu(x float64) float64 {
	switch {
	case x < -800:
		return math.Copysign(0, -1)
	case x < -40:
		m, k := exp(pair{x, 0})
		return math.Ldexp(m.timesFloat(x).hi, k)
	case !(x <= 40):
		return x
	case math.Abs(x) < 0x1p-500:
		return x / 2
	}
	return sigmoid(x).timesFloat(x).hi
}

// Tanh is the hyperbolic tangent.
func Tanh(x float64) float64 {
	switch a := math.Abs(x); {
	case x != x:
		return x
	case a > 22:
		return math.Copysign(1, x)
	case a < 0x1p-27:
		return x // the next term is x³/3
	case a < 0.17:
		e := expm1(pair{2 * x, 0})
		return e.over(e.plusFloat(2)).hi
	default:
		m, k := exp(pair{2 * a, 0})
		e := m.scaled(k)
		return math.Copysign(e.plusFloat(-1).over(e.plusFloat(1)).hi, x)
	}
}

// Erf is the error function.
func Erf(x float64) float64 { return math.Erf(x) }

// Gelu is x·Φ(x), Φ being the normal distribution's: x/2·(1 + erf(x/√2)); -0 at -inf.
func Gelu(x float64) float64 {
	switch {
	case x < -40:
		return math.Copysign(0, -1)
	case x < -3:
		return geluTail(x)
	case x < -0.125:
		return geluLeft(x)
	}
	// x/2·erfc(t) with t = -x/√2, for 1 + erf would cancel. Where erfc is small it is steep, so that what t loses by
	// rounding is put back.
	const c, rest = math.Sqrt2 / 2, 0x1.bdd3413b26456p-55 // 1/√2 is their difference from each other
	t := -x * c
	y := math.Erfc(t)
	if y > 0 && y < 1 {
		lost := math.FMA(-x, c, -t) + x*rest
		y -= lost * Exp(-t*t) * (2 / math.SqrtPi)
	}
	return x * (0.5 * y)
}

// geluLeft is Gelu from -3 to 0, by Φ(-t) = 1/2 - φ(t)·(t + t³/3 + t⁵/(3·5) + …). What the difference cancels, nine bits at
// -3, pairs have to spare; the error function of package math would leave an error of 3 units.
func geluLeft(x float64) float64 {
	square := product(x, x)
	s := pair{1, 0}
	for n := 2*math.Ceil(14-10*x) + 1; n > 1; n -= 2 {
		s = s.times(square).over(pair{n, 0}).plusFloat(1)
	}
	m, k := exp(pair{-square.hi / 2, -square.lo / 2})
	return m.scaled(k).times(invRoot).timesFloat(x).times(s).plusFloat(0.5).timesFloat(x).hi
}

// geluTail is Gelu left of -3, by the continued fraction Φ(-t) = φ(t)/(t + 1/(t + 2/(t + 3/(…)))).
func geluTail(x float64) float64 {
	t := -x
	c := t
	for n := 100.0; n > 0; n-- {
		c = t + n/c
	}
	square := product(x, x)
	m, k := exp(pair{-square.hi / 2, -square.lo / 2})
	return math.Ldexp(m.times(invRoot).timesFloat(x/c).hi, k)
}

// Softplus is ln(1 + e^x), without overflow.
func Softplus(x float64) float64 {
	switch {
	case x < -40:
		return Exp(x)
	case !(x <= 40):
		return x
	}
	return max(x, 0) + math.Log1p(Exp(-math.Abs(x)))
}
