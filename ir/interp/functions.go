package interp

import (
	"math"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/maths"
)

// The functions of this file are the mathematics of the elementwise operations. Those of float32 compute in float64 and
// round once, so their error is a hair above half an ulp of f32; those of f64 are package maths.

// exp2Poly are the coefficients of 2^r for |r| ≤ 1/2: the Taylor series, whose rest after r^10 is below 2^-42.
var exp2Poly = [...]float64{
	1, 6.931471805599453094e-01, 2.402265069591007123e-01, 5.550410866482157995e-02, 9.618129107628477162e-03,
	1.333355814642844342e-03, 1.540353039338160995e-04, 1.525273380405984028e-05, 1.321548679014430949e-06,
	1.017808600923969973e-07, 7.054911620801123329e-09,
}

// exp2Core is 2^x to within 2^-41 of itself, for results in float64's normal range and a margin; beyond, 0 and inf.
func exp2Core(x float64) float64 {
	switch {
	case !(x < 1020):
		if x != x {
			return x
		}
		return math.Inf(1)
	case x < -1020:
		return 0
	}
	// Adding 3·2^51 leaves the nearest integer in the low bits.
	const big = 3 << 51
	k := x + big
	n := math.Float64bits(k)
	r := x - (k - big)
	p := &exp2Poly
	r2 := r * r
	r4 := r2 * r2
	y := (p[0] + p[1]*r) + r2*(p[2]+p[3]*r) + r4*((p[4]+p[5]*r)+r2*(p[6]+p[7]*r)+r4*((p[8]+p[9]*r)+r2*p[10]))
	return math.Float64frombits(math.Float64bits(y) + n<<52)
}

// exp2F32 and expF32 need less: the series ends with r^8, whose rest is below 2^-32, an eightieth of an ulp of f32.
func exp2F32(d, a []float32) { scaledExp2(d, a, 1) }

func expF32(d, a []float32) { scaledExp2(d, a, math.Log2E) }

func scaledExp2(d, a []float32, scale float64) {
	a = a[:len(d)]
	const big = 3 << 51
	p := &exp2Poly
	for i := range d {
		x := float64(a[i]) * scale
		if !(x > -160 && x < 160) { // NaN, 0 and inf, subnormal results being above 2^-150
			d[i] = float32(exp2Core(x))
			continue
		}
		k := x + big
		r := x - (k - big)
		r2 := r * r
		y := (p[0] + p[1]*r) + r2*(p[2]+p[3]*r) + (r2*r2)*((p[4]+p[5]*r)+r2*(p[6]+p[7]*r)+(r2*r2)*p[8])
		d[i] = float32(math.Float64frombits(math.Float64bits(y) + math.Float64bits(k)<<52))
	}
}

// expCore is e^x as exp2Core is 2^x.
func expCore(x float64) float64 { return exp2Core(x * math.Log2E) }

func tanhF32(d, a []float32) {
	a = a[:len(d)]
	for i := range d {
		x := float64(a[i])
		switch {
		case x > -0x1p-9 && x < 0x1p-9:
			d[i] = float32(x * (1 - x*x*(1.0/3))) // the next term is below 2^-38 of this; keeps -0
		case x > 20:
			d[i] = 1
		case x < -20:
			d[i] = -1
		default:
			d[i] = float32(1 - 2/(expCore(2*x)+1))
		}
	}
}

func sigmoidF32(d, a []float32) {
	a = a[:len(d)]
	for i := range d {
		d[i] = float32(1 / (1 + expCore(-float64(a[i]))))
	}
}

func siluF32(d, a []float32) {
	a = a[:len(d)]
	for i := range d {
		x := float64(a[i])
		d[i] = float32(gated(x, 1/(1+expCore(-x))))
	}
}

func sqrt[T float](d, a []T) {
	a = a[:len(d)]
	for i := range d {
		d[i] = T(math.Sqrt(float64(a[i])))
	}
}

func rsqrt[T float](d, a []T) {
	a = a[:len(d)]
	for i := range d {
		d[i] = T(1 / math.Sqrt(float64(a[i])))
	}
}

func recip[T float](d, a []T) {
	a = a[:len(d)]
	for i := range d {
		d[i] = 1 / a[i]
	}
}

// each1 makes a stretch function of a function of float64.
func each1[T float](f func(float64) float64) func(d, a []T) {
	return func(d, a []T) {
		a = a[:len(d)]
		for i := range d {
			d[i] = T(f(float64(a[i])))
		}
	}
}

func each2[T float](f func(x, y float64) float64) func(d, a, b []T) {
	return func(d, a, b []T) {
		a, b = a[:len(d)], b[:len(d)]
		for i := range d {
			d[i] = T(f(float64(a[i]), float64(b[i])))
		}
	}
}

// functionOf is the function of one float that a class of floats has: of float32 by way of float64, where what package
// math loses does not matter.
func functionOf[T float](code ir.Code) func(float64) float64 {
	var z T
	if _, wide := any(z).(float64); wide && wide1[code] != nil {
		return wide1[code]
	}
	return floats1[code]
}

// powOf is x^y for a class of floats.
func powOf[T float]() func(x, y float64) float64 {
	var z T
	if _, wide := any(z).(float64); wide {
		return maths.Pow
	}
	return math.Pow
}

// floats1 are the functions of one float32 by way of float64, and those that are exact.
var floats1 = map[ir.Code]func(float64) float64{
	ir.Log:      math.Log,
	ir.Log2:     math.Log2,
	ir.Sin:      math.Sin,
	ir.Cos:      math.Cos,
	ir.Erf:      math.Erf,
	ir.Gelu:     gelu,
	ir.Softplus: softplus,
	ir.Floor:    math.Floor,
	ir.Ceil:     math.Ceil,
	ir.Rint:     math.RoundToEven,
	ir.Trunc:    math.Trunc,
}

// wide1 are the functions of one float64 that are not exact.
var wide1 = map[ir.Code]func(float64) float64{
	ir.Exp:      maths.Exp,
	ir.Exp2:     maths.Exp2,
	ir.Log:      maths.Log,
	ir.Log2:     maths.Log2,
	ir.Sin:      maths.Sin,
	ir.Cos:      maths.Cos,
	ir.Tanh:     maths.Tanh,
	ir.Erf:      maths.Erf,
	ir.Sigmoid:  maths.Sigmoid,
	ir.Gelu:     maths.Gelu,
	ir.Silu:     maths.Silu,
	ir.Softplus: maths.Softplus,
}

// fast1 are the functions of one float32 that have a form of their own.
var fast1 = map[ir.Code]func(d, a []float32){
	ir.Exp:     expF32,
	ir.Exp2:    exp2F32,
	ir.Tanh:    tanhF32,
	ir.Sigmoid: sigmoidF32,
	ir.Silu:    siluF32,
}

// gelu is x·Φ(x) = x/2·erfc(-x/√2): erfc, as 1 + erf would cancel.
func gelu(x float64) float64 { return gated(x, 0.5*math.Erfc(-x/math.Sqrt2)) }

// gated is x·g, where g falls to 0 faster than x grows: -0 at -inf.
func gated(x, g float64) float64 {
	if g == 0 && x < 0 {
		return math.Copysign(0, -1)
	}
	return x * g
}

// softplus is log(1 + e^x) without overflow.
func softplus(x float64) float64 {
	if x != x {
		return x
	}
	return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))
}

// ldexp is x·2^n, rounded once to the type; n is a u64 or has a sign.
func ldexp[T float](t dtype.Type, unsigned bool) func(d, a []T, n []int64) {
	return func(d, a []T, n []int64) {
		for i := range d {
			e := n[i]
			if unsigned && e < 0 {
				e = math.MaxInt64
			}
			// Beyond these bounds the result is 0 or inf whatever x is.
			y := math.Ldexp(float64(a[i]), int(min(max(e, -3000), 3000)))
			d[i] = T(t.Round64(y))
		}
	}
}

// exponent is ⌊log2 |x|⌋: of 0 the least value of t (−inf of a float), of inf and NaN the largest (inf, NaN).
func exponentInt[T float](t dtype.Type) func(d []int64, a []T) {
	return func(d []int64, a []T) {
		for i, x := range a {
			switch e := math.Logb(float64(x)); {
			case e != e || e > 2000:
				d[i] = t.MaxInt()
			case e < -2000:
				d[i] = t.MinInt()
			default:
				d[i] = t.IntOfInt(dtype.I64, int64(e), dtype.Default)
			}
		}
	}
}

func isnan[T float](d []bool, a []T) {
	for i, x := range a {
		d[i] = x != x
	}
}

func finite[T float](d []bool, a []T) {
	for i, x := range a {
		d[i] = x-x == 0
	}
}

func copysign[T float](d, a, b []T) {
	for i := range d {
		d[i] = T(math.Copysign(float64(a[i]), float64(b[i])))
	}
}
