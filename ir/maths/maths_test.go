package maths

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// machin is π with the given bits behind the point, as an integer.
func machin(bits uint) *big.Int {
	atan := func(n int64) *big.Int {
		s, p := new(big.Int), new(big.Int).Lsh(big.NewInt(1), bits+64)
		p.Quo(p, big.NewInt(n))
		for k := int64(1); p.Sign() != 0; k += 2 {
			s.Add(s, new(big.Int).Quo(p, big.NewInt(k)))
			p.Quo(p, big.NewInt(-n*n))
		}
		return s
	}
	pi := atan(5)
	pi.Mul(pi, big.NewInt(16)).Sub(pi, new(big.Int).Mul(atan(239), big.NewInt(4)))
	return pi.Rsh(pi, 64)
}

// TestConstants holds the constants of the reductions to π and ln 2 from their series.
func TestConstants(t *testing.T) {
	const bits = 1400
	pi := machin(bits)
	q := new(big.Int).Lsh(big.NewInt(2), bits+1216)
	if got := q.Quo(q, pi).Text(16); got != twoOverPi {
		t.Errorf("2/π = %s", got)
	}
	rest := new(big.Float).SetPrec(bits).SetInt(pi)
	rest.SetMantExp(rest, -bits-1)
	for i, part := range halfPi {
		if near, _ := rest.Float64(); near != part {
			t.Errorf("part %d of π/2 is %x, not %x", i, near, part)
		}
		rest.Sub(rest, big.NewFloat(part))
	}
	// ln 2 = Σ 1/(n·2^n), and its inverse.
	two := new(big.Float).SetPrec(300)
	for n := 1; n < 300; n++ {
		term := new(big.Float).SetPrec(300).Quo(big.NewFloat(1), big.NewFloat(float64(n)))
		two.Add(two, term.SetMantExp(term, -n))
	}
	check := func(name string, p pair, want *big.Float) {
		hi, _ := want.Float64()
		lo, _ := new(big.Float).SetPrec(300).Sub(want, big.NewFloat(hi)).Float64()
		if p.hi != hi || math.Abs(p.lo-lo) > 0x1p-106 {
			t.Errorf("%s is %x + %x, not %x + %x", name, hi, lo, p.hi, p.lo)
		}
	}
	check("ln 2", ln2, two)
	check("1/ln 2", log2e, new(big.Float).SetPrec(300).Quo(big.NewFloat(1), two))
	turn := new(big.Float).SetPrec(300).SetInt(pi)
	turn.SetMantExp(turn, 1-bits)
	check("1/√2π", invRoot, new(big.Float).SetPrec(300).Quo(big.NewFloat(1), turn.Sqrt(turn)))
}

// TestKnown holds functions to values that are well known or follow from the definitions.
func TestKnown(t *testing.T) {
	inf, nan, zero := math.Inf(1), math.NaN(), math.Copysign(0, -1)
	for _, c := range []struct {
		name      string
		f         func(float64) float64
		arg, want float64
	}{
		{"Sin", Sin, 1e22, -0.8522008497671888018},
		{"Cos", Cos, 6381956970095103 * 0x1p797, -4.68716592425462761112e-19},
		{"Sin", Sin, math.Pi, 1.2246467991473531772e-16},
		{"Sin", Sin, zero, zero}, {"Sin", Sin, inf, nan}, {"Cos", Cos, 0, 1}, {"Cos", Cos, -inf, nan},
		{"Exp", Exp, 1, math.E}, {"Exp", Exp, 0, 1}, {"Exp", Exp, 709.7, 1.6549840276802644e308}, {"Exp", Exp, 710, inf}, {"Exp", Exp, -745.13, 5e-324}, {"Exp", Exp, -746, 0}, {"Exp", Exp, nan, nan},
		{"Exp2", Exp2, 1023, 0x1p1023}, {"Exp2", Exp2, 1024, inf}, {"Exp2", Exp2, -1074, 5e-324}, {"Exp2", Exp2, -1080, 0}, {"Exp2", Exp2, 0.5, math.Sqrt2},
		{"Log", Log, 5e-324, -744.44007192138126231}, {"Log", Log, 1, 0}, {"Log", Log, math.E, 1}, {"Log", Log, 0, -inf}, {"Log", Log, zero, -inf}, {"Log", Log, -1, nan}, {"Log", Log, inf, inf},
		{"Log2", Log2, 0x1p-1074, -1074}, {"Log2", Log2, 8, 3}, {"Log2", Log2, 10, 3.3219280948873623479},
		{"Tanh", Tanh, zero, zero}, {"Tanh", Tanh, inf, 1}, {"Tanh", Tanh, -30, -1}, {"Tanh", Tanh, nan, nan}, {"Tanh", Tanh, 1e-300, 1e-300},
		{"Sigmoid", Sigmoid, 0, 0.5}, {"Sigmoid", Sigmoid, -inf, 0}, {"Sigmoid", Sigmoid, inf, 1}, {"Sigmoid", Sigmoid, nan, nan}, {"Sigmoid", Sigmoid, -745.13, 5e-324},
		{"Silu", Silu, -inf, zero}, {"Silu", Silu, inf, inf}, {"Silu", Silu, zero, zero}, {"Silu", Silu, nan, nan},
		{"Gelu", Gelu, -inf, zero}, {"Gelu", Gelu, inf, inf}, {"Gelu", Gelu, 0, 0}, {"Gelu", Gelu, nan, nan}, {"Gelu", Gelu, 100, 100},
		{"Softplus", Softplus, 0, math.Ln2}, {"Softplus", Softplus, inf, inf}, {"Softplus", Softplus, -inf, 0}, {"Softplus", Softplus, nan, nan}, {"Softplus", Softplus, 1e308, 1e308},
		{"Erf", Erf, inf, 1}, {"Erf", Erf, zero, zero},
	} {
		got := c.f(c.arg)
		if math.Float64bits(got) != math.Float64bits(c.want) && (got == got || c.want == c.want) {
			t.Errorf("%s(%v) = %v, want %v", c.name, c.arg, got, c.want)
		}
	}
}

// TestIdentities: e^(ln x), sin² + cos², powers that are exact, and odd and even functions.
func TestIdentities(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		x := math.Ldexp(1+r.Float64(), r.IntN(200)-100)
		if y := Exp(Log(x)); math.Abs(y-x) > 1e-13*x {
			t.Fatalf("e^ln(%v) = %v", x, y)
		}
		s, c := Sin(x), Cos(x)
		if math.Abs(s*s+c*c-1) > 1e-15 || Sin(-x) != -s || Cos(-x) != c || Tanh(-x) != -Tanh(x) {
			t.Fatalf("sin %v = %v, cos %v = %v", x, s, x, c)
		}
		n := float64(r.IntN(12))
		b := float64(r.IntN(9) + 2)
		exact := 1.0
		for range int(n) {
			exact *= b
		}
		if Pow(b, n) != exact || Pow(-b, n) != math.Pow(-1, n)*exact || Pow(b*b, 0.5) != b {
			t.Fatalf("%v^%v = %v, want %v", b, n, Pow(b, n), exact)
		}
	}
}

// geluSeries is gelu by the series of the error function, in 300 bits.
func geluSeries(x float64) float64 {
	f := func(x float64) *big.Float { return new(big.Float).SetPrec(300).SetFloat64(x) }
	// Φ(x) = 1/2 + Σ (-1)^k x^(2k+1)/(2^k·k!·(2k+1))/√(2π)
	pi, _, _ := new(big.Float).SetPrec(300).Parse("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798214808651", 10)
	term, square, sum := f(x), f(x), f(0)
	square.Mul(square, f(x)).Quo(square, f(-2))
	for k := 0.0; k < 400; k++ {
		sum.Add(sum, f(0).Quo(term, f(2*k+1)))
		term.Mul(term, square).Quo(term, f(k+1))
		if term.Sign() == 0 || term.MantExp(nil) < sum.MantExp(nil)-250 {
			break
		}
	}
	sum.Quo(sum, pi.Sqrt(pi.Mul(pi, f(2)))).Add(sum, f(0.5)).Mul(sum, f(x))
	y, _ := sum.Float64()
	return y
}

// TestGelu: from -3 on, where package math's error function alone is 3 units off, one unit is the most.
func TestGelu(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 4000 {
		x := 12*r.Float64() - 3
		got, want := Gelu(x), geluSeries(x)
		if units := int64(math.Float64bits(got)) - int64(math.Float64bits(want)); max(units, -units) > 1 {
			t.Fatalf("Gelu(%v) = %v, %d units off %v", x, got, units, want)
		}
	}
}
