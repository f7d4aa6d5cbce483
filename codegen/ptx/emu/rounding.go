package emu

import (
	"math"
	"math/big"
)

// rounding is how a result is rounded.
type rounding uint8

const (
	nearest rounding = iota
	toZero
	down
	up
)

func roundingOf(word string) rounding {
	switch word {
	case ".rz", ".rzi":
		return toZero
	case ".rm", ".rmi":
		return down
	case ".rp", ".rpi":
		return up
	}
	return nearest
}

// odd is s rounded to odd, where the exact value is s + e and s is it rounded to nearest: a second rounding to fewer bits, at
// least two fewer, then is as if from the exact value.
func odd(s, e float64) float64 {
	b := math.Float64bits(s)
	if e == 0 || b&1 == 1 || s-s != 0 {
		return s
	}
	if s == 0 {
		return e
	}
	if (e > 0) == (s > 0) {
		return math.Float64frombits(b + 1)
	}
	return math.Float64frombits(b - 1)
}

// addOdd is x + y rounded to odd.
func addOdd(x, y float64) float64 {
	s := x + y
	v := s - x
	return odd(s, (x-(s-v))+(y-v))
}

// divOdd is x / y rounded to odd, for x and y of float32 or narrower.
func divOdd(x, y float64) float64 {
	q := x / y
	if q-q != 0 || y == 0 || math.IsInf(y, 0) {
		return q
	}
	r := math.FMA(-q, y, x)
	if (r > 0) != (y > 0) {
		return odd(q, -math.Abs(r))
	}
	return odd(q, math.Abs(r))
}

// sqrtOdd is the root of x rounded to odd.
func sqrtOdd(x float64) float64 {
	q := math.Sqrt(x)
	if !(x > 0) || q-q != 0 {
		return q
	}
	return odd(q, math.FMA(-q, q, x))
}

// to32 rounds a float64 that is exact, or rounded to odd, to float32.
func to32(x float64, r rounding) float32 {
	y := float32(x)
	if r == nearest || x != x {
		return y
	}
	if math.IsInf(float64(y), 0) && math.IsInf(x, 0) {
		return y
	}
	d := float64(y) - x
	switch {
	case d == 0:
		return y
	case r == toZero && (x > 0) == (d > 0), r == down && d > 0, r == up && d < 0:
		return step32(y, r, x)
	}
	return y
}

// step32 is the neighbour of y on the side that r asks for.
func step32(y float32, r rounding, x float64) float32 {
	upward := r == up || r == toZero && x < 0
	b := math.Float32bits(y)
	switch {
	case b<<1 == 0 && upward:
		b = 1
	case b<<1 == 0:
		b = 0x80000001
	case (b>>31 == 0) == upward:
		b++
	default:
		b--
	}
	z := math.Float32frombits(b)
	if z == 0 { // a zero keeps the sign of the value
		return float32(math.Copysign(0, x))
	}
	return z
}

// zeroSum is the sign of an exact zero sum of x and y: negative when rounding down, unless both are +0.
func zeroSum(x, y float64, r rounding) float64 {
	s := x + y
	if s == 0 && r == down && (math.Signbit(x) || math.Signbit(y) || x != 0) {
		return math.Copysign(0, -1)
	}
	return s
}

func add32(a, b float32, r rounding) float32 {
	if r == nearest {
		return a + b
	}
	x, y := float64(a), float64(b)
	s := x + y
	if s == 0 {
		return float32(zeroSum(x, y, r))
	}
	return to32(addOdd(x, y), r)
}

func mul32(a, b float32, r rounding) float32 {
	if r == nearest {
		return a * b
	}
	return to32(float64(a)*float64(b), r)
}

// fma32 is a·b + c rounded once. The product is exact in float64; the sum is rounded to odd.
func fma32(a, b, c float32, r rounding) float32 {
	p := float64(a) * float64(b)
	z := float64(c)
	s := p + z
	if r == nearest {
		// Rounding s again is wrong only where it lies halfway between two float32, or is subnormal there.
		n := math.Float64bits(s)
		if n&(1<<29-1) != 1<<28 && n<<1 >= (1023-126)<<53 {
			return float32(s)
		}
		return float32(addOdd(p, z))
	}
	if s == 0 {
		return float32(zeroSum(p, z, r))
	}
	return to32(addOdd(p, z), r)
}

// exact is a float64 as a number of any size; ok is false for infinities and NaN.
func exact(x float64) (*big.Float, bool) {
	if x-x != 0 {
		return nil, false
	}
	return new(big.Float).SetPrec(2200).SetFloat64(x), true
}

// fma64 is a·b + c in the given rounding.
func fma64(a, b, c float64, r rounding) float64 {
	n := math.FMA(a, b, c)
	if r == nearest || n != n {
		return n
	}
	x, ok1 := exact(a)
	y, ok2 := exact(b)
	z, ok3 := exact(c)
	if !ok1 || !ok2 || !ok3 {
		return n
	}
	p := new(big.Float).SetPrec(4400).Mul(x, y)
	s := new(big.Float).SetPrec(4400).Add(p, z)
	if s.Sign() == 0 {
		return zeroProduct(a, b, c, r)
	}
	return direct(s, r)
}

// zeroProduct is an exact zero a·b + c.
func zeroProduct(a, b, c float64, r rounding) float64 {
	neg := math.Signbit(a) != math.Signbit(b)
	if neg == math.Signbit(c) && (a == 0 || b == 0) && c == 0 {
		return c
	}
	if r == down {
		return math.Copysign(0, -1)
	}
	return 0
}

// direct rounds an exact number that is not zero to float64 in a direction.
func direct(x *big.Float, r rounding) float64 {
	f, acc := x.Float64()
	switch {
	case acc == big.Exact:
	case acc == big.Above && (r == down || r == toZero && x.Sign() > 0):
		f = next64(f, false, x.Sign())
	case acc == big.Below && (r == up || r == toZero && x.Sign() < 0):
		f = next64(f, true, x.Sign())
	}
	return f
}

func next64(f float64, upward bool, sign int) float64 {
	to := math.Inf(-1)
	if upward {
		to = math.Inf(1)
	}
	g := math.Nextafter(f, to)
	if g == 0 {
		return math.Copysign(0, float64(sign))
	}
	return g
}

func add64(a, b float64, r rounding) float64 {
	if r == nearest {
		return a + b
	}
	if s := a + b; s == 0 {
		return zeroSum(a, b, r)
	}
	return fma64(a, 1, b, r)
}

func mul64(a, b float64, r rounding) float64 {
	p := a * b
	if r == nearest || p != p || a == 0 || b == 0 {
		return p
	}
	x, ok1 := exact(a)
	y, ok2 := exact(b)
	if !ok1 || !ok2 {
		return p
	}
	return direct(new(big.Float).SetPrec(4400).Mul(x, y), r)
}

func div64(a, b float64, r rounding) float64 {
	q := a / b
	if r == nearest || q != q || a == 0 || b == 0 {
		return q
	}
	x, ok1 := exact(a)
	y, ok2 := exact(b)
	if !ok1 || !ok2 {
		return q
	}
	return direct(sticky(new(big.Float).SetPrec(1300).SetMode(big.ToZero).Quo(x, y)), r)
}

func sqrt64(a float64, r rounding) float64 {
	q := math.Sqrt(a)
	if r == nearest || q-q != 0 || a == 0 {
		return q
	}
	x, _ := exact(a)
	s := new(big.Float).SetPrec(1300).Sqrt(x) // nearest at 1300 bits: an inexact root of 53 bits is never so near to one of 53 bits
	return direct(s, r)
}

// sticky keeps an inexact quotient, which was cut off, from looking exact.
func sticky(q *big.Float) *big.Float {
	if q.Acc() == big.Exact {
		return q
	}
	tail := new(big.Float).SetMantExp(big.NewFloat(1), q.MantExp(nil)-1299)
	if q.Sign() < 0 {
		tail.Neg(tail)
	}
	return q.SetPrec(1400).Add(q, tail)
}
