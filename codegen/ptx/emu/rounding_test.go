package emu

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// format is a binary float for the oracle: precision with the leading bit, and the exponents of the smallest subnormal and
// above the largest number.
type format struct{ prec, low, high int }

var (
	binary16  = format{11, -24, 16}
	bfloat16  = format{8, -133, 128}
	binary32  = format{24, -149, 128}
	binary64x = format{53, -1074, 1024}
)

// round is x rounded to the format with math/big: an oracle that shares nothing with what it judges.
func (f format) round(x *big.Float, r rounding) float64 {
	if x.Sign() == 0 {
		return 0
	}
	// The last place of the result: the precision's, or the smallest subnormal's.
	last := max(x.MantExp(nil)-f.prec, f.low)
	unit := new(big.Float).SetMantExp(big.NewFloat(1), last)
	q := new(big.Float).SetPrec(8000).Quo(new(big.Float).SetPrec(8000).Set(x), unit)
	n, acc := q.Int(nil)
	rest := new(big.Float).SetPrec(8000).Sub(q, new(big.Float).SetPrec(8000).SetInt(n)) // toward zero
	away := false
	switch r {
	case down:
		away = x.Sign() < 0
	case up:
		away = x.Sign() > 0
	case nearest:
		c := rest.Abs(rest).Cmp(big.NewFloat(0.5))
		away = c > 0 || c == 0 && n.Bit(0) == 1
	}
	if acc != big.Exact && away {
		n.Add(n, big.NewInt(int64(x.Sign())))
	}
	y := new(big.Float).SetPrec(8000).SetInt(n)
	y.Mul(y, unit)
	top := new(big.Float).SetMantExp(big.NewFloat(1), f.high)
	if new(big.Float).Abs(y).Cmp(top) >= 0 {
		if r == toZero || r == down && x.Sign() > 0 || r == up && x.Sign() < 0 {
			top.SetMantExp(big.NewFloat(1), f.high-f.prec)
			z := math.Ldexp(float64(uint64(1)<<f.prec-1), f.high-f.prec)
			return math.Copysign(z, float64(x.Sign()))
		}
		return math.Inf(x.Sign())
	}
	v, _ := y.Float64()
	if v == 0 {
		return math.Copysign(0, float64(x.Sign()))
	}
	return v
}

func draw32(r *rand.Rand) float32 {
	for {
		b := r.Uint32()
		switch r.IntN(4) {
		case 0: // near each other, so that sums cancel
			b = b&0x80000fff | 0x3f800000 | b>>12&3<<23
		case 1: // few bits, so that ties happen
			b &= 0xfff80000
		case 2: // subnormal and small
			b &= 0x81ffffff
		}
		if x := math.Float32frombits(b); x-x == 0 && x != 0 {
			return x
		}
	}
}

func big32(x float32) *big.Float { return new(big.Float).SetPrec(4000).SetFloat64(float64(x)) }

func TestRounding32(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	check := func(what string, got float32, exact *big.Float, mode rounding, args ...float32) {
		if exact.Sign() == 0 {
			return // signs of zeros are in the corpus
		}
		if want := binary32.round(exact, mode); float64(got) != want || math.Signbit(float64(got)) != math.Signbit(want) {
			t.Errorf("%s%v, rounding %d: got %v, want %v", what, args, mode, got, want)
		}
	}
	for range 20000 {
		a, b, c := draw32(r), draw32(r), draw32(r)
		x, y, z := big32(a), big32(b), big32(c)
		mode := rounding(r.IntN(4))
		op := func() *big.Float { return new(big.Float).SetPrec(4000) }
		check("add", add32(a, b, mode), op().Add(x, y), mode, a, b)
		check("mul", mul32(a, b, mode), op().Mul(x, y), mode, a, b)
		p := op().Mul(x, y)
		check("fma", fma32(a, b, c, mode), op().Add(p, z), mode, a, b, c)
		check("div", to32(divOdd(float64(a), float64(b)), mode), op().Quo(x, y), mode, a, b)
		check("sqrt", to32(sqrtOdd(math.Abs(float64(a))), mode), op().Sqrt(op().Abs(x)), mode, a)
		check("cvt", to32(float64(a)*float64(b), mode), p, mode, a, b)
		var d, va, vb, vc vec
		va[3], vb[3], vc[3] = math.Float32bits(a), math.Float32bits(b), math.Float32bits(c)
		fmaNearest(&d, &va, &vb, &vc)
		check("fma of lanes", f32(d[3]), op().Add(p, z), nearest, a, b, c)
	}
}

func TestRounding64(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	draw := func() float64 {
		for {
			b := r.Uint64()
			switch r.IntN(3) {
			case 0:
				b = b&0x80000000000000ff | 0x3ff0000000000000 | b>>12&3<<52
			case 1:
				b &= 0x803fffffffffffff
			}
			if x := math.Float64frombits(b); x-x == 0 && x != 0 {
				return x
			}
		}
	}
	check := func(what string, got float64, exact *big.Float, mode rounding, args ...float64) {
		if exact.Sign() == 0 {
			return
		}
		if want := binary64x.round(exact, mode); got != want || math.Signbit(got) != math.Signbit(want) {
			t.Errorf("%s%v, rounding %d: got %v, want %v", what, args, mode, got, want)
		}
	}
	for range 3000 {
		a, b, c := draw(), draw(), draw()
		mode := rounding(r.IntN(4))
		num := func(x float64) *big.Float { return new(big.Float).SetPrec(6000).SetFloat64(x) }
		op := func() *big.Float { return new(big.Float).SetPrec(6000) }
		x, y, z := num(a), num(b), num(c)
		check("add", add64(a, b, mode), op().Add(x, y), mode, a, b)
		check("mul", mul64(a, b, mode), op().Mul(x, y), mode, a, b)
		check("fma", fma64(a, b, c, mode), op().Add(op().Mul(x, y), z), mode, a, b, c)
		check("div", div64(a, b, mode), op().Quo(x, y), mode, a, b)
		check("sqrt", sqrt64(math.Abs(a), mode), op().Sqrt(op().Abs(x)), mode, a)
	}
}

// Every f16 and bf16 converts there and back, and numbers between them round as they must.
func TestRoundingHalf(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, c := range []struct {
		name string
		f    format
		h    halfFormat
	}{{"f16", binary16, formatF16}, {"bf16", bfloat16, formatBF16}} {
		for code := range uint32(1 << 16) {
			x := float64(c.h.from(code))
			if got := c.h.to(x, nearest); x == x && got != code || x != x && got != nan16 {
				t.Fatalf("%s %#x is %v and comes back as %#x", c.name, code, x, got)
			}
		}
		for range 20000 {
			a, b, d := c.h.from(r.Uint32()&0xffff), c.h.from(r.Uint32()&0xffff), c.h.from(r.Uint32()&0xffff)
			if a-a != 0 || b-b != 0 || d-d != 0 {
				continue
			}
			mode := rounding(r.IntN(4))
			op := func() *big.Float { return new(big.Float).SetPrec(4000) }
			check := func(what string, got uint32, exact *big.Float, mode rounding) {
				if want := c.f.round(exact, mode); exact.Sign() != 0 && float64(c.h.from(got)) != want {
					t.Errorf("%s %s of %v %v %v, rounding %d: got %v, want %v", c.name, what, a, b, d, mode, c.h.from(got), want)
				}
			}
			p := op().Mul(big32(a), big32(b))
			check("product", c.h.to(float64(a)*float64(b), mode), p, mode)
			check("sum", c.h.to(addOdd(float64(a), float64(d)), mode), op().Add(big32(a), big32(d)), mode)
			check("fma", c.h.to(addOdd(float64(a)*float64(b), float64(d)), mode), op().Add(p, big32(d)), mode)
			y := draw32(r)
			check("cvt", c.h.to(float64(y), mode), big32(y), mode)
			if c.name == "bf16" {
				check("cvt to nearest", nearestBF16(math.Float32bits(y)), big32(y), nearest)
			}
		}
	}
}
