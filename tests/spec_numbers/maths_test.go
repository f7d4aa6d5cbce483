package numbers

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/tilec/tilec/ir/dtype"
)

// bound is how many units in the last place of f32 (f64 in f64) the page allows.
const bound = 2

// arguments are floats of all sizes and of both signs, n or more of them: evenly over the codes, near 0 and 1, near multiples of
// π/2, near halves, and where functions saturate or overflow.
func arguments(n int) []float32 {
	out := make([]float32, 0, n+4096)
	step := uint32(1<<32/uint64(n)) | 1
	for i := range uint32(n) {
		out = append(out, math.Float32frombits(i*step))
	}
	r := seeded("arguments")
	ring := func(x float64, k int) {
		b := math.Float32bits(float32(x))
		for d := range uint32(2*k + 1) {
			y := math.Float32frombits(b + d - uint32(k))
			out = append(out, y, -y)
		}
	}
	for _, x := range []float64{0x1p-149 * 8, 0x1p-126, 0x1p-9, 1, 2, math.E, 0.5, math.Sqrt2, 9.01, 10, 20, 5.5, 14.5, 16.6, 87.3, 88.7, 88.73, 103.9, 104, 126, 127.99999, 128, 149, 150, 1020, math.MaxFloat32} {
		ring(x, 6)
	}
	for k := range n / 200 {
		ring(float64(k)*math.Pi/2, 1)
		ring(math.Ldexp(math.Pi, k%127)*(1+float64(r.IntN(50))), 1)
		ring(1+r.NormFloat64()*math.Ldexp(1, -r.IntN(20)), 0)
		ring(r.NormFloat64()*8, 0)
		ring(r.NormFloat64()*60, 0)
	}
	return out
}

// TestMaths sweeps every function over a million arguments in f32, and over all of f16 and bf16.
func TestMaths(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 50_000
	}
	x := floats(arguments(n))
	var all, names []string
	for _, f := range functions {
		names = append(names, fmt.Sprintf("f32 = %s(a)", f.name))
		all = append(all, f.name)
	}
	k := load(t, elementwise([]string{"f32"}, names))
	k.onlyAfterwards = true
	in := codes(x)
	for j, a := range k.run(t, x) {
		f := functions[j]
		worst, where := 0.0, float32(0)
		for i, got := range codes(a) {
			v := math.Float32frombits(uint32(in[i]))
			e := ulps32(math.Float32frombits(uint32(got)), f.plain(float64(v)))
			if !(e <= worst) {
				worst, where = e, v
			}
		}
		t.Logf("%-9s %.3f ulp of f32, at %x", f.name, worst, where)
		if !(worst <= bound) {
			t.Errorf("%s at %x is %g ulp of f32 off", f.name, where, worst)
		}
	}
	for _, name := range []string{"f16", "bf16"} {
		e := parse(t, name)
		for i := range all {
			names[i] = fmt.Sprintf("%s = %s(a)", name, all[i])
		}
		in := make([]uint64, 1<<16)
		for i := range in {
			in[i] = uint64(i)
		}
		for j, a := range load(t, elementwise([]string{name}, names)).run(t, vector(e, in)) {
			for i, got := range codes(a) {
				f := functions[j]
				v, g := decode(e, in[i]).f, decode(e, got).f
				if !roundedOnce(e, g, f.plain(v)) {
					t.Errorf("%s: %s(%x) = %x, the float64 is %x", name, f.name, v, g, f.plain(v))
					break
				}
			}
		}
	}
}

// ulps32 is the distance of an f32 from a float64 in units of the f32's last place there.
func ulps32(got float32, want float64) float64 {
	switch {
	case want != want:
		if got != got {
			return 0
		}
		return math.Inf(1)
	case want == 0 || math.IsInf(want, 0):
		if math.Float64bits(float64(got)) == math.Float64bits(want) {
			return 0
		}
		return math.Inf(1)
	case got == 0 && math.Signbit(float64(got)) != math.Signbit(want):
		return math.Inf(1)
	}
	_, e := math.Frexp(want)
	unit := math.Ldexp(1, max(e-1, -126)-23)
	g := float64(got)
	if math.IsInf(g, 0) {
		g = math.Copysign(0x1p128, g)
		if math.Abs(want) >= 0x1p128 {
			want = math.Copysign(0x1p128, want)
		}
	}
	return math.Abs(g-want) / unit
}

// roundedOnce reports whether got is what a value within the bound of want, in f32, rounds to.
func roundedOnce(t dtype.Type, got, want float64) bool {
	if want != want {
		return got != got
	}
	if want == 0 || math.IsInf(want, 0) {
		return math.Float64bits(got) == math.Float64bits(want)
	}
	_, e := math.Frexp(want)
	d := bound * math.Ldexp(1, max(e-1, -126)-23)
	lo, hi := toFloat(t, want-d, false), toFloat(t, want+d, false)
	return got >= lo && got <= hi && math.Signbit(got) == math.Signbit(want)
}

// wideArguments are f64 arguments of a function: where its value is neither 0 nor a limit, and near its ends.
func wideArguments(f function) []float64 {
	r := seeded("wide " + f.name)
	var out []float64
	both := func(x float64) {
		if f.lo < 0 {
			out = append(out, -x)
		}
		out = append(out, x)
	}
	for range 150 {
		both(math.Ldexp(1+r.Float64(), r.IntN(12)-8))
		both(math.Abs(r.NormFloat64()) * 4)
		both(math.Ldexp(1+r.Float64(), r.IntN(60)-50))
		both(min(f.hi, 1000) * r.Float64())
		if f.hi > 1e300 {
			both(math.Ldexp(1+r.Float64(), r.IntN(2000)-1000))
			both(1 + r.NormFloat64()*math.Ldexp(1, -r.IntN(50)))
		}
		if f.name == "sin" || f.name == "cos" {
			both(float64(r.IntN(1<<r.IntN(30))) * math.Pi / 2)
			both(math.Ldexp(math.Pi*float64(1+r.IntN(1000)), r.IntN(900)))
		}
	}
	if f.name == "sin" || f.name == "cos" {
		both(math.Pi)
		both(math.Pi / 2)
		both(6381956970095103 * 0x1p797) // of all float64 the nearest to a multiple of π/2
	}
	for _, x := range []float64{5e-324, 0x1p-1022, 0x1p-1030, 0x1p-500, 0x1p-60, 0x1p-30, 0x1p-27, 1, 0.5, 2, 20, 36.7, 37.5, 38.4, 26.5, 700, 708.5, 709.7, 710, 720, 740, 744, 745, 745.2, 1020.5, 1023.9, 1040, 1074, 5.9, 0.84375, 0.625, 1.25} {
		if x <= f.hi {
			both(x)
		}
	}
	return out
}

// TestWideMaths holds the functions of f64 to the series.
func TestWideMaths(t *testing.T) {
	for _, f := range functions {
		x := wideArguments(f)
		k := load(t, elementwise([]string{"f64"}, []string{fmt.Sprintf("f64 = %s(a)", f.name)}))
		out := codes(k.run(t, floats(x))[0])
		worst, where := 0.0, 0.0
		for i, c := range out {
			got := math.Float64frombits(c)
			v, limit, ok := f.at(x[i])
			e := 0.0
			switch {
			case ok:
				e = ulps(got, v, 52, -1022, 1023)
			case math.Float64bits(got) != math.Float64bits(limit) && (got == got || limit == limit):
				e = math.Inf(1)
			}
			if e > worst {
				worst, where = e, x[i]
			}
			if e > bound && testing.Verbose() {
				t.Logf("   %s %v %.4g", f.name, x[i], e)
			}
		}
		t.Logf("%-9s %.3f ulp of f64, at %x", f.name, worst, where)
		if worst > bound {
			t.Errorf("%s at %x (%v) is %.3g ulp of f64 off", f.name, where, where, worst)
		}
	}
}

// TestPow holds pow to e^(y·ln x) in f32 and f64, and to its table of special cases.
func TestPow(t *testing.T) {
	r := seeded("pow")
	var x, y []float32
	for range 200_000 {
		a := math.Exp2(r.NormFloat64() * math.Ldexp(1, r.IntN(8)-2))
		if r.IntN(2) == 0 {
			a = 1 + r.NormFloat64()*math.Ldexp(1, -r.IntN(23)-1)
		}
		b := r.Float64() * 130 / math.Log2(a)
		if r.IntN(2) == 0 {
			b = math.Round(b)
		}
		if r.IntN(4) == 0 {
			a = -a
		}
		x, y = append(x, float32(a)), append(y, float32(b*float64(1-2*r.IntN(2))))
	}
	out := codes(load(t, elementwise([]string{"f32", "f32"}, []string{"f32 = pow(a, b)"})).run(t, floats(x), floats(y))[0])
	worst, where := 0.0, 0
	for i, c := range out {
		a, b := float64(x[i]), float64(y[i])
		want := math.Exp(b * math.Log(math.Abs(a)))
		switch {
		case a < 0 && b != math.Trunc(b):
			want = math.NaN()
		case a < 0 && math.Abs(math.Mod(b, 2)) == 1:
			want = -want
		}
		if want == 0 || math.IsInf(want, 0) {
			want = math.Pow(a, b)
		}
		if e := ulps32(math.Float32frombits(uint32(c)), want); !(e <= worst) {
			worst, where = e, i
		}
	}
	t.Logf("pow %.3f ulp of f32, at %x, %x", worst, x[where], y[where])
	if !(worst <= bound) {
		t.Errorf("pow(%x, %x) is %g ulp of f32 off", x[where], y[where], worst)
	}

	var v, w []float64
	for range 1500 {
		a := math.Exp2(r.NormFloat64() * math.Ldexp(1, r.IntN(11)-2))
		if r.IntN(2) == 0 {
			a = 1 + r.NormFloat64()*math.Ldexp(1, -r.IntN(52)-1)
		}
		if math.Abs(a-1) < 1e-300 || a <= 0 {
			continue
		}
		b := r.Float64() * 1040 / math.Log2(a)
		if r.IntN(2) == 0 {
			b = math.Round(b)
		}
		v, w = append(v, a), append(w, b*float64(1-2*r.IntN(2)))
	}
	out = codes(load(t, elementwise([]string{"f64", "f64"}, []string{"f64 = pow(a, b)"})).run(t, floats(v), floats(w))[0])
	worst, where = 0, 0
	for i, c := range out {
		p := uint(precision + 200)
		l := bigLog(newFloat(p).SetFloat64(v[i]))
		want := bigExp(l.Mul(l, newFloat(p).SetFloat64(w[i])))
		if want.MantExp(nil) < -1060 || want.MantExp(nil) > 1024 {
			continue
		}
		if e := ulps(math.Float64frombits(c), want, 52, -1022, 1023); e > worst {
			worst, where = e, i
		}
	}
	t.Logf("pow %.3f ulp of f64, at %x, %x", worst, v[where], w[where])
	if worst > bound {
		t.Errorf("pow(%x, %x) is %.3g ulp of f64 off", v[where], w[where], worst)
	}
	specialPowers(t)
}

// specialPowers are the cases that C's annex F lists, for both zeros, infinities, odd and even exponents.
func specialPowers(t *testing.T) {
	inf, nan, zero := math.Inf(1), math.NaN(), math.Copysign(0, -1)
	cases := [][3]float64{
		{1, nan, 1}, {1, inf, 1}, {1, -inf, 1}, {nan, 0, 1}, {nan, zero, 1}, {inf, 0, 1}, {0, 0, 1}, {0, zero, 1}, {-3, 0, 1},
		{nan, 1, nan}, {2, nan, nan}, {nan, nan, nan}, {0, nan, nan},
		{0, 3, 0}, {zero, 3, zero}, {0, 2, 0}, {zero, 2, 0}, {0, 0.5, 0}, {zero, 0.5, 0}, {0, inf, 0}, {zero, inf, 0},
		{0, -3, inf}, {zero, -3, -inf}, {0, -2, inf}, {zero, -2, inf}, {zero, -0.5, inf}, {0, -inf, inf}, {zero, -inf, inf},
		{-1, inf, 1}, {-1, -inf, 1}, {0.5, inf, 0}, {-0.5, inf, 0}, {0.5, -inf, inf}, {2, inf, inf}, {-2, inf, inf}, {2, -inf, 0},
		{inf, 2, inf}, {inf, -2, 0}, {inf, 0.5, inf}, {-inf, 3, -inf}, {-inf, 2, inf}, {-inf, 0.5, inf}, {-inf, -3, zero}, {-inf, -2, 0}, {-inf, -0.5, 0},
		{-8, 1.0 / 3, nan}, {-2, 3, -8}, {-2, 2, 4}, {2, -1, 0.5}, {-2, -3, -0.125}, {4, 0.5, 2}, {10, 2, 100}, {-1, 1e15, 1}, {-1, 3, -1},
	}
	for _, name := range arithmetic {
		e := parse(t, name)
		var x, y []uint64
		for _, c := range cases {
			x, y = append(x, code(e, c[0])), append(y, code(e, c[1]))
		}
		for i, got := range codes(load(t, elementwise([]string{name, name}, []string{name + " = pow(a, b)"})).run(t, vector(e, x), vector(e, y))[0]) {
			if v := decode(e, got); !v.same(float(cases[i][2])) {
				t.Errorf("%s: pow(%v, %v) = %v, want %v", name, cases[i][0], cases[i][1], v, cases[i][2])
			}
		}
	}
}

// TestMathsOfConstants: a function of an untyped number is what it is of data, within the bound. A result that f32
// cannot hold is an error there, so those are left out.
func TestMathsOfConstants(t *testing.T) {
	for _, f := range functions {
		x := []float64{0, math.Inf(1), math.Inf(-1), math.NaN()}
		for _, v := range wideArguments(f) {
			v = float64(float32(v))
			if y := math.Abs(f.plain(v)); len(x) < 200 && !math.IsInf(v, 0) && v != 0 && y < math.MaxFloat32 {
				x = append(x, v)
			}
		}
		var body strings.Builder
		for i, v := range x {
			text := strings.TrimSuffix(strings.TrimPrefix(literal("f32", v), "f32("), ")")
			fmt.Fprintf(&body, "\t\to[%d] = f32(%s(%s))\n", i, f.name, text)
		}
		text := fmt.Sprintf("kernel constants() (o f32[%d]) {\n\tparallel i in 1 {\n%s\t}\n}\n", len(x), body.String())
		for i, c := range codes(load(t, text).run(t)[0]) {
			got, want := math.Float32frombits(uint32(c)), f.plain(x[i])
			if want == 0 && got == 0 {
				continue // a constant has no sign of zero
			}
			if e := ulps32(got, want); !(e <= bound) {
				t.Errorf("%s(%x) of a constant is %v, of data %v", f.name, x[i], got, want)
			}
		}
	}
}
