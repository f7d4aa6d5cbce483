package numbers

import (
	"math"
	"math/big"
	"sync"
	"testing"
)

// The functions of the language to hundreds of bits, from their series, and in float64 by formulas that lose nothing.
// The second are for millions of arguments in f32; a test holds them to the first.

// precision is the number of bits that the series are good for.
const precision = 200

func exact(x float64) *big.Float { return newFloat(precision + 64).SetFloat64(x) }

func newFloat(prec uint) *big.Float { return new(big.Float).SetPrec(prec) }

// fixed is a constant to as many bits as are asked for, computed when more are asked for than are there.
type fixed struct {
	sync.Mutex
	v *big.Float
	f func(prec uint) *big.Float
}

func (c *fixed) to(prec uint) *big.Float {
	c.Lock()
	defer c.Unlock()
	if c.v == nil || c.v.Prec() < prec {
		c.v = c.f(prec + 64)
	}
	return newFloat(prec).Set(c.v)
}

// inverseTan is arctan(1/n), inverseTanh is artanh(1/n).
func inverseTan(n int64, prec uint) *big.Float  { return inverse(n, prec, -1) }
func inverseTanh(n int64, prec uint) *big.Float { return inverse(n, prec, 1) }

func inverse(n int64, prec uint, sign int64) *big.Float {
	sum, power := newFloat(prec), newFloat(prec).Quo(newFloat(prec).SetInt64(1), newFloat(prec).SetInt64(n))
	square := newFloat(prec).SetInt64(sign * n * n)
	for k := int64(1); power.Sign() != 0 && power.MantExp(nil) > -int(prec); k += 2 {
		sum.Add(sum, newFloat(prec).Quo(power, newFloat(prec).SetInt64(k)))
		power.Quo(power, square)
	}
	return sum
}

// Machin's formula, and its like for ln 2 = 2·artanh(1/3).
var (
	bigPi = &fixed{f: func(p uint) *big.Float {
		a := inverseTan(5, p)
		b := inverseTan(239, p)
		a.Mul(a, newFloat(p).SetInt64(16))
		return a.Sub(a, b.Mul(b, newFloat(p).SetInt64(4)))
	}}
	bigLn2 = &fixed{f: func(p uint) *big.Float {
		a := inverseTanh(3, p)
		return a.Mul(a, newFloat(p).SetInt64(2))
	}}
)

// bigExp is e^x for |x| below a few thousand million.
func bigExp(x *big.Float) *big.Float {
	p := x.Prec() + 64
	k := newFloat(p).Quo(x, bigLn2.to(p))
	n, _ := k.Int64()
	r := newFloat(p).Sub(newFloat(p).Set(x), newFloat(p).Mul(newFloat(p).SetInt64(n), bigLn2.to(p)))
	// e^r = (e^(r/256))^256
	r.SetMantExp(r, -8)
	sum, term := newFloat(p).SetInt64(1), newFloat(p).SetInt64(1)
	for i := int64(1); ; i++ {
		term.Mul(term, r)
		term.Quo(term, newFloat(p).SetInt64(i))
		if term.Sign() == 0 || term.MantExp(nil) < -int(p) {
			break
		}
		sum.Add(sum, term)
	}
	for range 8 {
		sum.Mul(sum, sum)
	}
	return sum.SetMantExp(sum, int(n))
}

// bigLog is ln x for x > 0.
func bigLog(x *big.Float) *big.Float {
	p := x.Prec() + 64
	m := newFloat(p)
	e := newFloat(p).Set(x).MantExp(m) // m in [1/2, 1)
	if m.Cmp(big.NewFloat(math.Sqrt2/2)) < 0 {
		m.SetMantExp(m, 1)
		e--
	}
	// ln m = 2·artanh((m-1)/(m+1))
	one := newFloat(p).SetInt64(1)
	s := newFloat(p).Quo(newFloat(p).Sub(m, one), newFloat(p).Add(m, one))
	sum, power, square := newFloat(p), newFloat(p).Set(s), newFloat(p).Mul(s, s)
	for k := int64(1); power.Sign() != 0 && power.MantExp(nil) > s.MantExp(nil)-int(p); k += 2 {
		sum.Add(sum, newFloat(p).Quo(power, newFloat(p).SetInt64(k)))
		power.Mul(power, square)
	}
	sum.SetMantExp(sum, 1)
	return sum.Add(sum, newFloat(p).Mul(newFloat(p).SetInt64(int64(e)), bigLn2.to(p)))
}

// bigSin is the sine of x, or with a quarter turn more the cosine.
func bigSin(x *big.Float, quarters int64) *big.Float {
	p := precision + 200 + uint(max(0, 2*x.MantExp(nil)))
	half := bigPi.to(p)
	half.SetMantExp(half, -1)
	k := newFloat(p).Quo(newFloat(p).Set(x), half)
	n, _ := newFloat(p).Add(k, big.NewFloat(math.Copysign(0.5, k64(k)))).Int(nil)
	r := newFloat(p).Sub(newFloat(p).Set(x), newFloat(p).Mul(newFloat(p).SetInt(n), half))
	q := new(big.Int).And(n.Add(n, big.NewInt(quarters)), big.NewInt(3)).Int64()
	p = precision + 64
	r.SetPrec(p)
	square := newFloat(p).Mul(r, r)
	term, i := newFloat(p).Set(r), int64(1)
	if q&1 == 1 {
		term, i = newFloat(p).SetInt64(1), 0
	}
	least := term.MantExp(nil) - int(p)
	sum := newFloat(p)
	for term.Sign() != 0 && term.MantExp(nil) > least {
		sum.Add(sum, term)
		term.Mul(term, square)
		term.Quo(term, newFloat(p).SetInt64(-(i+1)*(i+2)))
		i += 2
	}
	if q >= 2 {
		sum.Neg(sum)
	}
	return sum
}

func k64(x *big.Float) float64 {
	f, _ := x.Float64()
	return f
}

// bigErf is the error function of |x| < 30, its complement of x the rest to 1; the series' terms grow to e^(x²).
func bigErf(x *big.Float, complement bool) *big.Float {
	f := k64(x)
	p := precision + 64 + uint(4*f*f)
	y := newFloat(p).Set(x)
	square := newFloat(p).Mul(y, y)
	term, sum := newFloat(p).Set(y), newFloat(p)
	for k := int64(0); term.Sign() != 0 && (term.MantExp(nil) > y.MantExp(nil)-int(p) || k < int64(f*f)); k++ {
		sum.Add(sum, newFloat(p).Quo(term, newFloat(p).SetInt64(2*k+1)))
		term.Mul(term, square)
		term.Quo(term, newFloat(p).SetInt64(-(k + 1)))
	}
	root := newFloat(p).Sqrt(bigPi.to(p))
	sum.SetMantExp(sum.Quo(sum, root), 1)
	if complement {
		sum.Sub(newFloat(p).SetInt64(1), sum)
	}
	return sum.SetPrec(precision + 64)
}

func add(x, y *big.Float) *big.Float { return newFloat(max(x.Prec(), y.Prec())).Add(x, y) }
func mul(x, y *big.Float) *big.Float { return newFloat(max(x.Prec(), y.Prec())).Mul(x, y) }
func quo(x, y *big.Float) *big.Float { return newFloat(max(x.Prec(), y.Prec())).Quo(x, y) }
func neg(x *big.Float) *big.Float    { return newFloat(x.Prec()).Neg(x) }
func one() *big.Float                { return exact(1) }

// bigSigmoid is 1/(1 + e^-x).
func bigSigmoid(x *big.Float) *big.Float {
	if x.Sign() < 0 {
		e := bigExp(x)
		return quo(e, add(e, one()))
	}
	return quo(one(), add(one(), bigExp(neg(x))))
}

// bigLog1p is ln(1 + x), x being so small that 1 + x has few bits of it, or not.
func bigLog1p(x *big.Float) *big.Float {
	p := x.Prec() + uint(max(0, -x.MantExp(nil)))
	return bigLog(newFloat(p).Add(newFloat(p).SetInt64(1), x))
}

// function is a function of one float.
type function struct {
	name string
	// lo and hi bound the finite arguments whose value is not the limit: beyond them, and at infinities and NaN, float64
	// has the value.
	lo, hi float64
	exact  func(x *big.Float) *big.Float
	plain  func(x float64) float64
}

var functions = []function{
	{"exp", -800, 720, bigExp, math.Exp},
	{"exp2", -1100, 1030, func(x *big.Float) *big.Float { return bigExp(mul(x, bigLn2.to(precision+64))) }, math.Exp2},
	{"log", 0, math.MaxFloat64, bigLog, math.Log},
	{"log2", 0, math.MaxFloat64, func(x *big.Float) *big.Float { return quo(bigLog(x), bigLn2.to(precision+64)) }, func(x float64) float64 { return math.Log(x) / math.Ln2 }},
	{"sin", -math.MaxFloat64, math.MaxFloat64, func(x *big.Float) *big.Float { return bigSin(x, 0) }, math.Sin},
	{"cos", -math.MaxFloat64, math.MaxFloat64, func(x *big.Float) *big.Float { return bigSin(x, 1) }, math.Cos},
	{"tanh", -400, 400, func(x *big.Float) *big.Float {
		// (e - 1)/(e + 1) with e = e^2x, with room for what cancels near 0.
		p := 2*precision + uint(max(0, -4*x.MantExp(nil)))
		e := bigExp(newFloat(p).Mul(newFloat(p).SetInt64(2), x))
		return quo(add(e, newFloat(p).SetInt64(-1)), add(e, newFloat(p).SetInt64(1)))
	}, math.Tanh},
	{"erf", -30, 30, func(x *big.Float) *big.Float { return bigErf(x, false) }, math.Erf},
	{"rsqrt", 0, math.MaxFloat64, func(x *big.Float) *big.Float { return quo(one(), newFloat(x.Prec()).Sqrt(x)) }, func(x float64) float64 { return 1 / math.Sqrt(x) }},
	{"sigmoid", -760, 760, bigSigmoid, sigmoid},
	{"gelu", -40, 40, func(x *big.Float) *big.Float {
		t := neg(quo(x, newFloat(precision+64).Sqrt(exact(2))))
		half := mul(bigErf(t, true), exact(0.5))
		return mul(x, half)
	}, func(x float64) float64 { return vanishing(x, math.Erfc(-x/math.Sqrt2)/2) }},
	{"silu", -760, 760, func(x *big.Float) *big.Float { return mul(x, bigSigmoid(x)) }, func(x float64) float64 { return vanishing(x, sigmoid(x)) }},
	{"softplus", -760, 760, func(x *big.Float) *big.Float {
		if x.Sign() > 0 {
			return add(x, bigLog1p(bigExp(neg(x))))
		}
		return bigLog1p(bigExp(x))
	}, func(x float64) float64 {
		if x != x {
			return x
		}
		return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x)))
	}},
}

func sigmoid(x float64) float64 {
	if x < 0 {
		e := math.Exp(x)
		return e / (1 + e)
	}
	return 1 / (1 + math.Exp(-x))
}

// vanishing is x·g, where g falls to 0 faster than x grows.
func vanishing(x, g float64) float64 {
	if math.IsInf(x, -1) {
		return math.Copysign(0, -1)
	}
	return x * g
}

// at is the value of a function at a float64, to the precision of the series; ok is false where it is float64's limit.
func (f *function) at(x float64) (v *big.Float, limit float64, ok bool) {
	if x != x || x < f.lo || x > f.hi || x == 0 || math.IsInf(x, 0) {
		return nil, f.plain(x), false
	}
	return f.exact(exact(x)), 0, true
}

// ulps is how far a value of a format with man mantissa bits and exponents from least on lies from the exact one, in
// units in the last place of the exact one.
func ulps(got float64, want *big.Float, man, least, most int) float64 {
	if want.Sign() == 0 {
		return math.Abs(got)
	}
	unit := max(want.MantExp(nil)-1, least) - man
	if math.IsInf(got, 0) { // counted as what would follow the greatest number
		got = math.Copysign(1, got)
		d := newFloat(precision).SetMantExp(big.NewFloat(got), most+1)
		if newFloat(precision).Abs(want).Cmp(newFloat(precision).Abs(d)) >= 0 && want.Sign() == d.Sign() {
			return 0
		}
		d.Sub(d, want)
		return math.Abs(k64(d.SetMantExp(d, -unit)))
	}
	if got != got {
		return math.Inf(1)
	}
	d := newFloat(precision).SetFloat64(got)
	d.Sub(d, want)
	return math.Abs(k64(d.SetMantExp(d, -unit)))
}

// TestReference holds the float64 formulas to the series, at arguments of f32: far better than an f32 has bits.
func TestReference(t *testing.T) {
	if got := bigPi.to(precision).Text('g', 50); got != "3.1415926535897932384626433832795028841971693993751" {
		t.Errorf("π = %s", got)
	}
	if got := bigLn2.to(precision).Text('g', 50); got != "0.69314718055994530941723212145817656807550013436026" {
		t.Errorf("ln 2 = %s", got)
	}
	for _, f := range functions {
		worst, where := 0.0, 0.0
		for _, x := range arguments(400) {
			v, _, ok := f.at(float64(x))
			if !ok || v.Sign() == 0 || v.MantExp(nil) < -900 || v.MantExp(nil) > 1000 {
				continue
			}
			if e := ulps(f.plain(float64(x)), v, 23, -1022, 1023); e > worst {
				worst, where = e, float64(x)
			}
		}
		if worst > 0x1p-12 {
			t.Errorf("%s in float64 at %x is %g units of f32's last place off", f.name, where, worst)
		}
	}
}
