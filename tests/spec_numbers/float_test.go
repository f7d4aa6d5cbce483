package numbers

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/tilec/tilec/ir/dtype"
)

// arithmetic are the types with float arithmetic.
var arithmetic = []string{"f16", "bf16", "tf32", "f32", "f64"}

// A floatOp is an operation whose result is exact or rounded once: its text over a, b and c, its result type where that
// is not the operands', and its meaning.
type floatOp struct {
	text, result string
	of           func(t dtype.Type, a, b, c float64) float64
}

var floatOps = []floatOp{
	{"a + b", "", func(t dtype.Type, a, b, _ float64) float64 {
		return once(t, (*big.Float).Add, a, b, a+b)
	}},
	{"a - b", "", func(t dtype.Type, a, b, _ float64) float64 {
		return once(t, (*big.Float).Sub, a, b, a-b)
	}},
	{"a * b", "", func(t dtype.Type, a, b, _ float64) float64 {
		return once(t, (*big.Float).Mul, a, b, a*b)
	}},
	{"a / b", "", func(t dtype.Type, a, b, _ float64) float64 {
		if b == 0 {
			return toFloat(t, a/b, false)
		}
		return once(t, (*big.Float).Quo, a, b, a/b)
	}},
	{"recip(a)", "", func(t dtype.Type, a, _, _ float64) float64 {
		if a == 0 {
			return 1 / a
		}
		return once(t, (*big.Float).Quo, 1, a, 1/a)
	}},
	{"sqrt(a)", "", func(t dtype.Type, a, _, _ float64) float64 {
		if !(a > 0) || math.IsInf(a, 1) {
			return math.Sqrt(a)
		}
		return fromBig(t, new(big.Float).SetPrec(400).Sqrt(wide(t, a)), 0)
	}},
	{"fma(a, b, c)", "", fused},
	{"-a", "", func(_ dtype.Type, a, _, _ float64) float64 { return -a }},
	{"none(a)", "", func(_ dtype.Type, a, _, _ float64) float64 { return a }},
	{"abs(a)", "", func(_ dtype.Type, a, _, _ float64) float64 { return math.Abs(a) }},
	{"floor(a)", "", func(_ dtype.Type, a, _, _ float64) float64 { return math.Floor(a) }},
	{"ceil(a)", "", func(_ dtype.Type, a, _, _ float64) float64 { return math.Ceil(a) }},
	{"trunc(a)", "", func(_ dtype.Type, a, _, _ float64) float64 { return math.Trunc(a) }},
	{"rint(a)", "", func(_ dtype.Type, a, _, _ float64) float64 { return math.RoundToEven(a) }},
	{"copysign(a, b)", "", func(_ dtype.Type, a, b, _ float64) float64 {
		if b != b {
			return math.NaN() // the sign of a NaN means nothing
		}
		return math.Copysign(a, b)
	}},
	{"ldexp(a, b as int)", "", func(t dtype.Type, a, b, _ float64) float64 { return scaled(t, a, asInt(b)) }},
	{"max(a, b)", "", func(_ dtype.Type, a, b, _ float64) float64 { return number(a, b, math.Max) }},
	{"min(a, b)", "", func(_ dtype.Type, a, b, _ float64) float64 { return number(a, b, math.Min) }},
	{"maxnan(a, b)", "", func(_ dtype.Type, a, b, _ float64) float64 { return nanFirst(a, b, math.Max) }},
	{"minnan(a, b)", "", func(_ dtype.Type, a, b, _ float64) float64 { return nanFirst(a, b, math.Min) }},
	{"clamp(a, b, c)", "", func(_ dtype.Type, a, b, c float64) float64 {
		return number(number(a, b, math.Max), c, math.Min)
	}},
	{"relu(a)", "", func(_ dtype.Type, a, _, _ float64) float64 { return nanFirst(a, 0, math.Max) }},
	{"select(a < b, a, c)", "", func(_ dtype.Type, a, b, c float64) float64 {
		if a < b {
			return a
		}
		return c
	}},
	{"a == b", "bool", func(_ dtype.Type, a, b, _ float64) float64 { return yes(a == b) }},
	{"a != b", "bool", func(_ dtype.Type, a, b, _ float64) float64 { return yes(a != b) }},
	{"a < b", "bool", func(_ dtype.Type, a, b, _ float64) float64 { return yes(a < b) }},
	{"a <= b", "bool", func(_ dtype.Type, a, b, _ float64) float64 { return yes(a <= b) }},
	{"a > b", "bool", func(_ dtype.Type, a, b, _ float64) float64 { return yes(a > b) }},
	{"a >= b", "bool", func(_ dtype.Type, a, b, _ float64) float64 { return yes(a >= b) }},
	{"isnan(a)", "bool", func(_ dtype.Type, a, _, _ float64) float64 { return yes(a != a) }},
	{"finite(a)", "bool", func(_ dtype.Type, a, _, _ float64) float64 { return yes(a-a == 0) }},
	{"exponent(a)", "i32", func(_ dtype.Type, a, _, _ float64) float64 {
		switch {
		case a == 0:
			return math.MinInt32
		case a-a != 0:
			return math.MaxInt32
		}
		_, e := math.Frexp(a)
		return float64(e - 1)
	}},
}

// wide is a float as an exact number, with room for sums of what t has and of products.
func wide(t dtype.Type, x float64) *big.Float {
	prec := uint(700)
	if t == dtype.F64 {
		prec = 3400
	}
	return new(big.Float).SetPrec(prec).SetFloat64(x)
}

// once is the exact result of an operation, rounded to t. Where an operand is not finite, or the exact result is zero,
// the result is that of float64.
func once(t dtype.Type, op func(z, x, y *big.Float) *big.Float, x, y, plain float64) float64 {
	if x-x != 0 || y-y != 0 {
		return toFloat(t, plain, false)
	}
	z := op(wide(t, 0), wide(t, x), wide(t, y))
	return fromBig(t, z, plain)
}

// fused is a·b + c, rounded once.
func fused(t dtype.Type, a, b, c float64) float64 {
	plain := math.FMA(a, b, c)
	if a-a != 0 || b-b != 0 || c-c != 0 {
		return toFloat(t, plain, false)
	}
	z := wide(t, 0).Mul(wide(t, a), wide(t, b))
	return fromBig(t, z.Add(z, wide(t, c)), plain)
}

// scaled is a·2^n, rounded once.
func scaled(t dtype.Type, a float64, n int64) float64 {
	if a == 0 || a-a != 0 {
		return a
	}
	return fromBig(t, new(big.Float).SetMantExp(wide(t, a), int(min(max(n, -10000), 10000))), 0)
}

func asInt(x float64) int64 {
	v := convert(float(x), dtype.I64, "")
	if v.neg {
		return -int64(v.mag)
	}
	return int64(v.mag)
}

// number takes the number over NaN.
func number(a, b float64, f func(x, y float64) float64) float64 {
	switch {
	case a != a:
		return b
	case b != b:
		return a
	}
	return f(a, b)
}

func nanFirst(a, b float64, f func(x, y float64) float64) float64 {
	if a != a || b != b {
		return math.NaN()
	}
	return f(a, b)
}

func yes(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// floatEdges are codes of a float type: zeros, ends, what is around 1 and around the halves of integers, and numbers of
// all sizes, most of them near each other.
func floatEdges(t dtype.Type, more int) []uint64 {
	r := seeded("edges of " + t.String())
	low, top := math.Ldexp(1, leastExp(t)-int(t.Man)), greatest(t)
	ulp := math.Ldexp(1, -int(t.Man))
	list := []float64{
		0, low, 2 * low, 3 * low, math.Ldexp(1, leastExp(t)), math.Ldexp(1, leastExp(t)) - low, 1, 1 + ulp, 1 - ulp/2, 0.5, 1.5, 2.5, 3.5,
		2, 3, top, top / 2, math.Inf(1), math.NaN(), 1 / ulp, 1/ulp + 1, 0.5 / ulp, math.Ldexp(1, int(t.Man)-1) + 0.5,
	}
	for i := range more {
		span := 12
		if i%4 == 0 {
			span = 1<<t.Exp - 3
		}
		e := r.IntN(span) - span/2
		m := r.Float64() + 1
		if i%3 == 0 {
			m = 1 + float64(r.IntN(8))/8 + float64(r.IntN(3)-1)*ulp
		}
		list = append(list, math.Ldexp(m, e))
	}
	var out []uint64
	for _, x := range list {
		c := code(t, x)
		out = append(out, c, c^1<<(t.Bits()-1))
	}
	return out
}

// code is the code of the number of type t nearest to x, t being of 16 bits or more.
func code(t dtype.Type, x float64) uint64 {
	switch t {
	case dtype.F64:
		return math.Float64bits(x)
	case dtype.F32:
		return uint64(math.Float32bits(float32(x)))
	case dtype.TF32, dtype.BF16:
		return uint64(math.Float32bits(float32(toFloat(t, x, false)))) >> (32 - t.Bits())
	}
	x = toFloat(t, x, false)
	if x != x {
		return 0x7e00
	}
	frac, exp := math.Frexp(math.Abs(x))
	sign := math.Float64bits(x) >> 63 << 15
	switch {
	case x == 0:
		return sign
	case math.IsInf(x, 0):
		return sign | 0x7c00
	case exp < -13: // subnormal
		return sign | uint64(math.Ldexp(frac, exp+24))
	}
	return sign | uint64(exp+14)<<10 | uint64(math.Ldexp(frac, 11))&(1<<10-1)
}

// result compares what an operation gave.
func result(e dtype.Type, got uint64, want float64) (string, bool) {
	if !e.IsFloat() {
		v := decode(e, got)
		return v.String(), scalar(v) == want
	}
	v := decode(e, got)
	return v.String(), v.same(float(want))
}

// TestFloats computes every operation that is exact or rounded once, in every type.
func TestFloats(t *testing.T) {
	for _, name := range arithmetic {
		e := parse(t, name)
		var outputs []string
		for _, op := range floatOps {
			r := op.result
			if r == "" {
				r = name
			}
			outputs = append(outputs, r+" = "+op.text)
		}
		var x, y, z []uint64
		list := floatEdges(e, 40)
		r := seeded("triples of " + name)
		for _, a := range list {
			for _, b := range list {
				c := list[r.IntN(len(list))]
				if r.IntN(3) == 0 {
					// Near the product, so that the sum cancels or the product decides a tie.
					p := decode(e, a).f * decode(e, b).f
					c = code(e, math.Ldexp(-p, r.IntN(3)*(int(e.Man)+1)*(r.IntN(2)*2-1)))
				}
				x, y, z = append(x, a), append(y, b), append(z, c)
			}
		}
		out := load(t, elementwise([]string{name, name, name}, outputs)).run(t, vector(e, x), vector(e, y), vector(e, z))
		for j, op := range floatOps {
			bad := 0
			for i, got := range codes(out[j]) {
				a, b, c := decode(e, x[i]).f, decode(e, y[i]).f, decode(e, z[i]).f
				want := op.of(e, a, b, c)
				if strings.HasPrefix(op.text, "copysign") && b != b {
					continue
				}
				if text, ok := result(out[j].Elem, got, want); !ok {
					if bad++; bad < 5 {
						t.Errorf("%s: %s for a = %x, b = %x, c = %x: %s, want %x", name, op.text, a, b, c, text, want)
					}
				}
			}
		}
	}
}

// TestFloatConstants computes the same with constants: as lowered, after the passes, and the meaning agree.
func TestFloatConstants(t *testing.T) {
	const each = 24
	for _, name := range arithmetic {
		e := parse(t, name)
		list := floatEdges(e, 10)
		r := seeded("constants of " + name)
		var head, body strings.Builder
		var want []float64
		var told []string
		n := 0
		for i, op := range floatOps {
			resultType := op.result
			if resultType == "" {
				resultType = name
			}
			for k := range each {
				var v [3]float64
				for m := range v {
					v[m] = decode(e, list[r.IntN(len(list))]).f
					fmt.Fprintf(&body, "\t\t%c%d := %s\n", "xyz"[m], n, literal(name, v[m]))
				}
				text := operands(op.text, fmt.Sprintf("x%d", n), fmt.Sprintf("y%d", n))
				text = strings.NewReplacer("(c", fmt.Sprintf("(z%d", n), " c)", fmt.Sprintf(" z%d)", n)).Replace(text)
				fmt.Fprintf(&body, "\t\to%d[%d] = %s\n", i, k, text)
				want = append(want, op.of(e, v[0], v[1], v[2]))
				told = append(told, fmt.Sprintf("%s with %x", op.text, v))
				n++
			}
			fmt.Fprintf(&head, "o%d %s[%d], ", i, resultType, each)
		}
		out := load(t, "kernel fold() ("+head.String()+") {\n\tparallel i in 1 {\n"+body.String()+"\t}\n}\n").run(t)
		for j := range floatOps {
			for k, got := range codes(out[j]) {
				if strings.Contains(told[j*each+k], "copysign") && want[j*each+k] != want[j*each+k] {
					continue
				}
				if text, ok := result(out[j].Elem, got, want[j*each+k]); !ok {
					t.Errorf("%s: %s: %s, want %x", name, told[j*each+k], text, want[j*each+k])
				}
			}
		}
	}
}

// literal is a float of a type as the text of a constant expression of that type. There is no literal for -0.
func literal(name string, x float64) string {
	switch {
	case x != x:
		return name + "(nan)"
	case math.IsInf(x, 1):
		return name + "(inf)"
	case math.IsInf(x, -1):
		return name + "(-inf)"
	case x == 0 && math.Signbit(x):
		return "-" + name + "(0)"
	}
	return fmt.Sprintf("%s(%s)", name, hex(x))
}

func hex(x float64) string { return strings.Replace(fmt.Sprintf("%x", x), "+", "", 1) }

// TestNoContraction: a product that has a name is rounded before anything is added to it.
func TestNoContraction(t *testing.T) {
	for _, name := range arithmetic {
		e := parse(t, name)
		text := fmt.Sprintf("kernel axpy(x %s[N], y %s[N], z %s[N]) (r %s[N]) {\n\tparallel n in N by 64 {\n\t\tp := x[n] * y[n]\n\t\tr[n] = p + z[n]\n\t}\n}\n", name, name, name, name)
		ulp := math.Ldexp(1, -int(e.Man))
		r := seeded("contraction " + name)
		var x, y, z []uint64
		for range 1000 {
			a, b := 1+float64(r.IntN(1<<min(e.Man, 30)))*ulp, 1+float64(r.IntN(1<<min(e.Man, 30)))*ulp
			p := toFloat(e, a*b, false)
			x, y, z = append(x, code(e, a)), append(y, code(e, b)), append(z, code(e, -p))
		}
		exact := 0
		for i, got := range codes(load(t, text).run(t, vector(e, x), vector(e, y), vector(e, z))[0]) {
			if got != 0 {
				t.Errorf("%s: %x·%x less itself is %v", name, decode(e, x[i]).f, decode(e, y[i]).f, decode(e, got))
			}
			if fused(e, decode(e, x[i]).f, decode(e, y[i]).f, decode(e, z[i]).f) == 0 {
				exact++
			}
		}
		if exact == len(x) {
			t.Errorf("%s: no product was rounded", name)
		}
	}
}
