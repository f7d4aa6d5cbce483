package numbers

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/tilec/tilec/ir/dtype"
)

// A contraction is a pair of operand types, the type of the sum where the text says one, and that which it is.
type contraction struct{ a, b, in, out string }

var contractions = []contraction{
	{"f16", "f16", "", "f32"}, {"f16", "bf16", "", "f32"}, {"bf16", "bf16", "", "f32"}, {"tf32", "tf32", "", "f32"}, {"f32", "f32", "", "f32"},
	{"f32", "f16", "", "f32"}, {"bf16", "tf32", "", "f32"}, {"f64", "f64", "", "f64"}, {"f64", "f32", "", "f64"}, {"f16", "f64", "", "f64"},
	{"f8e4m3", "f8e4m3", "", "f32"}, {"f8e4m3", "f8e5m2", "", "f32"}, {"f8e4m3fnuz", "f16", "", "f32"}, {"f8e5m2fnuz", "f8e4m3ieee", "", "f32"},
	{"f4e2m1", "f6e3m2", "", "f32"}, {"f6e2m3", "bf16", "", "f32"}, {"e8m0", "f32", "", "f32"}, {"f3e1m1", "f8e3m4", "", "f32"},
	{"f16", "f16", "f16", "f16"}, {"f8e4m3", "f8e5m2", "f16", "f16"}, {"bf16", "bf16", "bf16", "bf16"}, {"f16", "bf16", "tf32", "tf32"},
	{"f32", "f32", "f64", "f64"}, {"f16", "f16", "f64", "f64"}, {"f64", "f64", "f32", "f32"}, {"f64", "f32", "f16", "f16"},
	{"i8", "i8", "", "i32"}, {"i8", "u8", "", "i32"}, {"u4", "bp1", "", "i32"}, {"i4", "u8", "", "i32"}, {"bp2", "bp4", "", "i32"}, {"bp8", "bp8", "", "i32"},
	{"u1", "u1", "", "i32"}, {"u1", "i2", "", "i32"}, {"i16", "i16", "", "i32"}, {"u16", "u16", "", "i32"}, {"i16", "bp3", "", "i32"},
	{"i32", "i32", "", "i64"}, {"u32", "i8", "", "i64"}, {"u64", "u64", "", "i64"}, {"i64", "u8", "", "i64"}, {"i64", "i64", "", "i64"},
	{"i8", "i8", "i8", "i8"}, {"u8", "i8", "u16", "u16"}, {"i32", "i32", "i32", "i32"}, {"i16", "u4", "u64", "u64"}, {"i8", "i8", "i64", "i64"},
}

// size of the products: more than a panel of columns, and a sum that no power of two divides.
const rows, columns, depth = 5, 19, 37

// operand are codes for a contraction: numbers of all sizes whose products neither overflow nor vanish, zeros among
// them, or anything at all where what is infinite or NaN does not matter.
func operand(t *testing.T, name string, n int) []uint64 {
	e := parse(t, name)
	r := seeded("operand " + name)
	out := make([]uint64, n)
	for i := range out {
		switch {
		case r.IntN(12) == 0 && name != "e8m0":
		case e.IsFloat() && e.Bits() > 8:
			x := (1 + r.Float64()) * math.Ldexp(float64(1-2*r.IntN(2)), r.IntN(9)-5)
			out[i] = code(e, x)
		default:
			for {
				out[i] = r.Uint64() >> (64 - e.Bits())
				if v := decode(e, out[i]); !v.float || v.f-v.f == 0 && (name != "e8m0" || math.Abs(math.Log2(v.f)) < 20) {
					break
				}
			}
		}
	}
	return out
}

// chain adds products one after the other, each sum rounded once.
func chain(e dtype.Type, n int, product func(k int) (p *big.Float)) uint64 {
	if !e.IsFloat() {
		s := new(big.Int)
		for k := range n {
			p, _ := product(k).Int(nil)
			s.Add(s, p)
		}
		return pattern(e, s)
	}
	s := 0.0
	for k := range n {
		p := wide(dtype.F64, 0).Set(product(k))
		plain, _ := p.Float64()
		s = fromBig(e, p.Add(p, wide(dtype.F64, s)), plain+s)
	}
	return code(e, s)
}

func exactValue(e dtype.Type, code uint64) *big.Float {
	if e.IsFloat() {
		return new(big.Float).SetPrec(300).SetFloat64(decode(e, code).f)
	}
	return new(big.Float).SetPrec(300).SetInt(exactly(e, code))
}

// TestDot holds contractions of types in every combination to exact products, summed from the first on.
func TestDot(t *testing.T) {
	for _, c := range contractions {
		in := ""
		if c.in != "" {
			in = " in " + c.in
		}
		text := fmt.Sprintf(`kernel product(a %s[M, K], b %s[N, K]) (c %s[M, N]) {
	parallel m in M by 8, n in N by 32 {
		acc := %s[m, n](0)
		for k in K by 64 {
			acc += dot[k](a[m, k], b[n, k])%s
		}
		c[m, n] = acc
	}
}
`, c.a, c.b, c.out, c.out, in)
		ta, tb, tc := parse(t, c.a), parse(t, c.b), parse(t, c.out)
		a, b := operand(t, c.a, rows*depth), operand(t, c.b, columns*depth)
		got := codes(load(t, text).run(t, tensor(ta, a, rows, depth), tensor(tb, b, columns, depth))[0])
		for i := range rows {
			for j := range columns {
				want := chain(tc, depth, func(k int) *big.Float {
					x := exactValue(ta, a[i*depth+k])
					return x.Mul(x, exactValue(tb, b[j*depth+k]))
				})
				if g := got[i*columns+j]; g != want {
					t.Fatalf("dot of %s and %s in %s: element %d, %d is %v, want %v", c.a, c.b, c.out, i, j, decode(tc, g), decode(tc, want))
				}
			}
		}
	}
}

// TestScaledDot holds block-scaled contractions to products of all four factors, exact before they are added.
func TestScaledDot(t *testing.T) {
	const sum = 64
	for _, c := range []struct {
		name, a, s string
		block      int
		b, t       string
	}{
		{"MXFP8", "f8e4m3", "e8m0", 32, "f8e4m3", "e8m0"},
		{"MXFP8 mixed", "f8e5m2", "e8m0", 32, "f8e4m3", "e8m0"},
		{"MXFP6", "f6e3m2", "e8m0", 32, "f6e2m3", "e8m0"},
		{"MXFP4", "f4e2m1", "e8m0", 32, "f4e2m1", "e8m0"},
		{"NVFP4", "f4e2m1", "f8e4m3", 16, "f4e2m1", "f8e4m3"},
		{"MXFP8 by MXFP4", "f8e4m3", "e8m0", 32, "f4e2m1", "e8m0"},
		{"f32 scales", "f16", "f32", 8, "bf16", "f32"},
		{"integers", "i8", "f32", 16, "i4", "f16"},
		{"one side", "f4e2m1", "f8e4m3", 16, "f16", ""},
		{"BFP", "i8", "e8m0", 32, "i8", "e8m0"},
	} {
		second, scales := "", ""
		if c.t != "" {
			second, scales = fmt.Sprintf(" scaled t[n, k/%d]", c.block), fmt.Sprintf(", t %s[N, K/%d]", c.t, c.block)
		}
		text := fmt.Sprintf(`kernel product(a %s[M, K], s %s[M, K/%d], b %s[N, K]%s) (c f32[M, N]) {
	parallel m in M by 8, n in N by 32 {
		acc := f32[m, n](0)
		for k in K by 64 {
			acc += dot[k](a[m, k] scaled s[m, k/%d], b[n, k]%s)
		}
		c[m, n] = acc
	}
}
`, c.a, c.s, c.block, c.b, scales, c.block, second)
		ta, ts, tb := parse(t, c.a), parse(t, c.s), parse(t, c.b)
		a, s, b := operand(t, c.a, rows*sum), operand(t, c.s, rows*sum/c.block), operand(t, c.b, columns*sum)
		args := append([]operandOf(nil), operandOf{ta, a, rows, sum}, operandOf{ts, s, rows, sum / c.block}, operandOf{tb, b, columns, sum})
		var tt dtype.Type
		var u []uint64
		if c.t != "" {
			tt, u = parse(t, c.t), operand(t, c.t, columns*sum/c.block)
			args = append(args, operandOf{tt, u, columns, sum / c.block})
		}
		got := codes(load(t, text).run(t, tensors(args)...)[0])
		for i := range rows {
			for j := range columns {
				want := chain(dtype.F32, sum, func(k int) *big.Float {
					x := exactValue(ta, a[i*sum+k])
					x.Mul(x, exactValue(ts, s[i*sum/c.block+k/c.block]))
					x.Mul(x, exactValue(tb, b[j*sum+k]))
					if u != nil {
						x.Mul(x, exactValue(tt, u[j*sum/c.block+k/c.block]))
					}
					return x
				})
				if g := got[i*columns+j]; g != want {
					t.Fatalf("%s: element %d, %d is %v, want %v", c.name, i, j, decode(dtype.F32, g), decode(dtype.F32, want))
				}
			}
		}
	}
}

// TestDotSpecials: infinities and NaN come through products and sums, also where all else is small; an inf and a zero
// make NaN.
func TestDotSpecials(t *testing.T) {
	inf, nan := math.Inf(1), math.NaN()
	for _, name := range arithmetic {
		e := parse(t, name)
		text := fmt.Sprintf(`kernel product(a %s[M, 4], b %s[M, 4]) (c %s[M]) {
	parallel m in M by 8 {
		axis k = 4
		c[m] = dot[k](a[m, k], b[m, k]) in %s
	}
}
`, name, name, name, name)
		top := greatest(e)
		cases := []struct {
			a, b [4]float64
			want float64
		}{
			{[4]float64{1, inf, 2, 3}, [4]float64{1, 1, 1, 1}, inf},
			{[4]float64{1, inf, 2, 3}, [4]float64{1, 0, 1, 1}, nan},
			{[4]float64{inf, inf, 2, 3}, [4]float64{1, -1, 1, 1}, nan},
			{[4]float64{1, nan, 2, 3}, [4]float64{1, 0, 1, 1}, nan},
			{[4]float64{top, top, -top, 0}, [4]float64{1, 1, 1, 0}, inf},
			{[4]float64{top, -top, top, 1}, [4]float64{1, 1, 1, 0}, top},
			{[4]float64{0, 0, 0, 0}, [4]float64{-1, -1, -1, -1}, 0},
			{[4]float64{1, -1, 0, 0}, [4]float64{1, 1, 1, 1}, 0},
		}
		var a, b []uint64
		for _, c := range cases {
			for k := range 4 {
				a, b = append(a, code(e, c.a[k])), append(b, code(e, c.b[k]))
			}
		}
		n := int64(len(cases))
		for i, got := range codes(load(t, text).run(t, tensor(e, a, n, 4), tensor(e, b, n, 4))[0]) {
			if v := decode(e, got); !v.same(float(cases[i].want)) {
				t.Errorf("%s: %v times %v is %v, want %v", name, cases[i].a, cases[i].b, v, cases[i].want)
			}
		}
	}
}
