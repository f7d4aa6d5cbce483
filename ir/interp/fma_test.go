package interp

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/tilec/tilec/ir/dtype"
)

// exactFMA is x·y + z rounded once to t, by rational arithmetic and a search among the neighbours of a float64.
func exactFMA(t dtype.Type, x, y, z float64) float64 {
	if s := x*y + z; s-s != 0 || math.IsInf(x, 0) || math.IsInf(y, 0) || math.IsInf(z, 0) {
		return t.Round64(s)
	}
	prec := uint(4000)
	f := func(v float64) *big.Float { return new(big.Float).SetPrec(prec).SetFloat64(v) }
	sum := new(big.Float).SetPrec(prec).Mul(f(x), f(y))
	sum.Add(sum, f(z))
	if sum.Sign() == 0 {
		return t.Round64(x*y + z) // for the sign of zero
	}
	// To float64 with round to odd, so that the second rounding sees what it must.
	v, acc := sum.Float64()
	if t != dtype.F64 && acc != big.Exact && math.Float64bits(v)&1 == 0 {
		up := math.Float64bits(v) + 1
		down := math.Float64bits(v) - 1
		if (acc == big.Below) == (sum.Sign() > 0) {
			v = math.Float64frombits(up)
		} else {
			v = math.Float64frombits(down)
		}
	}
	return t.Round64(v)
}

// hard32 are float32 that make trouble: powers of two and their neighbours, subnormals, extremes.
func hard32(r *rand.Rand) float32 {
	switch r.IntN(6) {
	case 0:
		return math.Float32frombits(r.Uint32())
	case 1:
		x := math.Float32frombits(uint32(r.IntN(255)) << 23)
		return math.Float32frombits(math.Float32bits(x) + uint32(r.IntN(5)) - 2)
	case 2:
		return math.Float32frombits(r.Uint32() & 0x800fffff) // subnormal
	case 3:
		return float32(r.IntN(4097) - 2048)
	case 4:
		// Few significant bits, so that sums and products end in ties.
		return float32(math.Ldexp(float64(1+r.IntN(1<<12)), r.IntN(60)-40))
	}
	return float32(r.NormFloat64())
}

func TestFMA32(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	slow := 0
	for range 400_000 {
		x, y, z := hard32(r), hard32(r), hard32(r)
		if r.IntN(3) == 0 {
			// Near the tie: z is half an ulp away from what the product needs.
			p := float64(x) * float64(y)
			z = float32(math.Ldexp(p, 24)) + float32(math.Ldexp(p, -r.IntN(30)))
		}
		got := fma32(x, y, z)
		want := float32(exactFMA(dtype.F32, float64(x), float64(y), float64(z)))
		if math.Float32bits(got) != math.Float32bits(want) && !(got != got && want != want) {
			t.Fatalf("fma(%g, %g, %g) = %g, want %g", x, y, z, got, want)
		}
		if naive := float32(float64(x)*float64(y) + float64(z)); naive != want && want == want {
			slow++
		}
	}
	// A subnormal result, one bit of which float64 rounds to a tie: z is odd in units of 2^-149, x·y = 2^-150·(1 - 2^-32).
	x, y, z := float32(0x1p-75*(1-0x1p-16)), float32(0x1p-75*(1+0x1p-16)), float32(0x1p-127+0x1p-149)
	if got := fma32(x, y, z); got != z {
		t.Errorf("fma(%g, %g, %g) = %g, want %g", x, y, z, got, z)
	}
	if slow == 0 {
		t.Error("no case needed the slow path: the test is too easy")
	}
}

func TestMulAdd(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, elem := range []dtype.Type{dtype.F16, dtype.BF16, dtype.TF32, dtype.F32} {
		for range 50_000 {
			x, y := float64(hard32(r)), float64(hard32(r))
			z := elem.Round64(float64(hard32(r)))
			if r.IntN(2) == 0 {
				x, y, z = elem.Round64(x), elem.Round64(y), elem.Round64(-x*y)
			}
			got, want := mulAdd(elem, x, y, z), exactFMA(elem, x, y, z)
			if math.Float64bits(got) != math.Float64bits(want) && !(got != got && want != want) {
				t.Fatalf("%s: %g·%g + %g = %g, want %g", elem, x, y, z, got, want)
			}
		}
		// A sum of three parts, of which the least decides: z + x·y is halfway, but for what the product has beyond float64.
		half := elem.UnitRoundoff()
		for _, sign := range []float64{1, -1} {
			x, y := half*(1+0x1p-40), 1+sign*0x1p-40 // half·(1 + 2^-39 + 2^-80) or half·(1 - 2^-80)
			if sign < 0 {
				x = half * (1 + 0x1p-40)
			}
			if got, want := mulAdd(elem, x, y, 1), exactFMA(elem, x, y, 1); got != want {
				t.Errorf("%s: %g·%g + 1 = %g, want %g", elem, x, y, got, want)
			}
		}
		// Factors with 48 bits, as a product with its scale has.
		for range 20_000 {
			x := float64(float32(r.NormFloat64())) * float64(float32(r.NormFloat64()))
			y := float64(float32(r.NormFloat64())) * float64(float32(r.NormFloat64()))
			z := elem.Round64(r.NormFloat64())
			if got, want := mulAdd(elem, x, y, z), exactFMA(elem, x, y, z); got != want {
				t.Fatalf("%s: %g·%g + %g = %g, want %g", elem, x, y, z, got, want)
			}
		}
	}
}

// TestFmaBlock holds the processor's kernel and the one in Go to each other and to single steps, bit by bit.
func TestFmaBlock(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{1, 4} {
		for _, sum := range []int{1, 2, 3, 17, 64} {
			for range 20 {
				ldc, ldy, xRow, xSum := panel+r.IntN(3), panel+r.IntN(3), sum+r.IntN(2), 1
				if r.IntN(2) == 0 {
					xRow, xSum = 1, 4
				}
				c := make([]float32, 4*ldc+panel)
				x := make([]float32, 4*xRow+sum*xSum+4)
				y := make([]float32, (sum+1)*ldy+panel)
				for _, s := range [][]float32{c, x, y} {
					for i := range s {
						s[i] = hard32(r)
					}
				}
				want, viaGo := append([]float32(nil), c...), append([]float32(nil), c...)
				for i := range n {
					for j := range panel {
						for k := range sum {
							want[i*ldc+j] = fma32(x[i*xRow+k*xSum], y[k*ldy+j], want[i*ldc+j])
						}
					}
				}
				fmaBlockGo(n, viaGo, ldc, x, xRow, xSum, y, ldy, sum)
				fmaBlock(n, c, ldc, x, xRow, xSum, y, ldy, sum)
				for i := range want {
					for _, got := range []float32{viaGo[i], c[i]} {
						if math.Float32bits(got) != math.Float32bits(want[i]) && !(got != got && want[i] != want[i]) {
							t.Fatalf("n %d, sum %d: element %d is %g, want %g", n, sum, i, got, want[i])
						}
					}
				}
			}
		}
	}
}

// TestFunctions32 measures the error of the float32 functions with a form of their own, in ulps, against package math.
func TestFunctions32(t *testing.T) {
	for _, f := range []struct {
		name string
		f    func(d, a []float32)
		want func(float64) float64
	}{
		{"exp2", exp2F32, math.Exp2},
		{"exp", expF32, math.Exp},
		{"tanh", tanhF32, math.Tanh},
		{"sigmoid", sigmoidF32, func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }},
		{"silu", siluF32, func(x float64) float64 { return gated(x, 1/(1+math.Exp(-x))) }},
	} {
		worst := 0.0
		r := rand.New(rand.NewPCG(7, 8))
		x := []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.Inf(-1)), 127.99999, 128, -149, -149.5, -150, -126,
			88.72284, 88.7229, -103.97, -104, 1e-30, -1e-30, 1e-45, 200, -200, 1e30, -1e30, 0x1p-9, -0x1p-9}
		for range 300_000 {
			x = append(x, float32(r.NormFloat64()*math.Exp2(float64(r.IntN(30)-20))))
		}
		x = append(x, float32(math.NaN()))
		y := make([]float32, len(x))
		f.f(y, x)
		for i, v := range x {
			want := f.want(float64(v))
			if want != want {
				if y[i] == y[i] {
					t.Errorf("%s(%g) = %g, want NaN", f.name, v, y[i])
				}
				continue
			}
			_, exp := math.Frexp(want)
			ulp := math.Max(0x1p-149, math.Ldexp(1, exp-24))
			if e := math.Abs(float64(y[i])-want) / ulp; float64(y[i]) != want && !(e <= 0.51) && float64(float32(want)) != float64(y[i]) {
				t.Errorf("%s(%g) = %g, want %g: %.2f ulp", f.name, v, y[i], want, e)
			} else if e > worst && e < 3 {
				worst = e
			}
		}
		t.Logf("%s: %.3f ulp", f.name, worst)
	}
	y := make([]float32, 1)
	if tanhF32(y, []float32{float32(math.Copysign(0, -1))}); !math.Signbit(float64(y[0])) {
		t.Error("tanh(-0) is not -0")
	}
}
