package interp

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/philox"
)

// special are float values that every operation meets.
var special = []float64{0, math.Copysign(0, -1), 1, -1, 2, 0.5, -0.5, 3, -3, 2.5, -2.5, 1.5, 10, 100, -100, 0.1, math.Inf(1), math.Inf(-1), math.NaN(),
	65504, 65520, -65504, 6e-8, 3e-8, 6.1e-5, 3e38, -3e38, 1e-38, 1.2e-38, 1e-45, 1e-44, 1e-40, 0x1p-126, 0x1p-133, 1e300, 1e-300, 7, 0.25, 1e-20, 1e20}

// samplesOf gives values of a type: the special ones and random ones, as float64 and int64 (of which one counts).
func samplesOf(r *rand.Rand, t dtype.Type, n int) (fs []float64, is []int64) {
	for i := range n {
		switch {
		case t.IsFloat() && i%3 != 0:
			fs = append(fs, t.Round64(special[r.IntN(len(special))]))
		case t.IsFloat():
			fs = append(fs, t.Round64(r.NormFloat64()*math.Exp2(float64(r.IntN(40)-20))))
		default:
			v := int64(r.Uint64()) >> r.IntN(64)
			switch r.IntN(6) {
			case 0:
				v = t.MaxInt()
			case 1:
				v = t.MinInt()
			case 2:
				v = int64(r.IntN(5)) - 2
			}
			is = append(is, t.IntOfInt(dtype.I64, v, dtype.Wrap))
		}
	}
	return fs, is
}

// sample makes a tensor of samples.
func sample(r *rand.Rand, t dtype.Type, shape ...int64) *Tensor {
	n, _ := volume(shape)
	fs, is := samplesOf(r, t, int(n))
	if t.IsFloat() {
		return floats(t, fs, shape...)
	}
	return ints(t, is, shape...)
}

// shapes of the test: tiles of 4×8 over 7×19 elements, of which operand 1 lacks the rows, operand 2 the columns.
const (
	testM, testN = 7, 19
)

// runMap computes code over operands of the given types: the first over [M, N], the second over [N], the third over [M].
func runMap(t *testing.T, types []dtype.Type, result dtype.Type, build func(b *ir.Builder, x []*ir.Value) *ir.Value, args []*Tensor) *Tensor {
	t.Helper()
	sm, sn := ir.SizeDim(0), ir.SizeDim(1)
	dims := [][]*ir.Dim{{sm, sn}, {sn}, {sm}}
	var params []*ir.Param
	for i, e := range types {
		params = append(params, &ir.Param{Name: fmt.Sprintf("x%d", i), Type: ir.TensorType(e, ir.Dense, dims[i]...)})
	}
	// The result is stored as a wider type, so that a result which is not of its type shows.
	wide := result
	switch {
	case result.IsFloat():
		wide = dtype.F64
	case result != dtype.U64 && result != dtype.Bool:
		wide = dtype.I64
	}
	params = append(params, &ir.Param{Name: "y", Role: ir.Out, Type: ir.TensorType(wide, ir.Dense, sm, sn)})
	f := ir.NewFunc("map", []*ir.Size{{Name: "M"}, {Name: "N"}}, params, ir.Pos{})
	b := ir.NewBuilder(f)
	zero := b.Index(0)
	b.Parallel("", []ir.Binding{{Name: "m", Lo: zero, Hi: f.SizeArg(0), By: 4}, {Name: "n", Lo: zero, Hi: f.SizeArg(1), By: 8}}, func(a []*ir.Value) {
		m, n := a[0], a[1]
		var x []*ir.Value
		for i := range types {
			v := b.Load(f.ParamArg(i), [][]*ir.Value{{m, n}, {n}, {m}}[i], "in", nil)
			x = append(x, b.Bcast(v, ir.AxesOf(m, n)))
		}
		y := build(b, x)
		if wide != result {
			y = b.Cast(y, wide, "rne", "sat")
		}
		b.Store(f.ParamArg(len(types)), []*ir.Value{m, n}, y, "in", nil)
	})
	p, err := Compile(b.Finish())
	if err != nil {
		t.Fatal(err)
	}
	y := blank(wide, testM, testN)
	if err := p.Run(tensors(append(args, y)...), Options{Workers: 2}); err != nil {
		t.Fatal(err)
	}
	return y
}

// at are the elements of the operands that meet in element k of the result.
func at(k int) [3]int { return [3]int{k, k % testN, k / testN} }

func sameFloat(x, y float64) bool {
	return math.Float64bits(x) == math.Float64bits(y) || x != x && y != y
}

func number32(x, y float64) float64 { // max
	switch {
	case x != x:
		return y
	case y != y:
		return x
	}
	return math.Max(x, y)
}

// exact2 are the float operations with one right answer, in float64, which is enough for rounding once to any other type.
var exact = map[ir.Code]func(x, y, z float64) float64{
	ir.Neg: func(x, _, _ float64) float64 { return -x },
	ir.Abs: func(x, _, _ float64) float64 { return math.Abs(x) },
	ir.Add: func(x, y, _ float64) float64 { return x + y },
	ir.Sub: func(x, y, _ float64) float64 { return x - y },
	ir.Mul: func(x, y, _ float64) float64 { return x * y },
	ir.Div: func(x, y, _ float64) float64 { return x / y },
	ir.Max: func(x, y, _ float64) float64 { return number32(x, y) },
	ir.Min: func(x, y, _ float64) float64 { return -number32(-x, -y) },
	ir.MaxNan: func(x, y, _ float64) float64 {
		if x != x || y != y {
			return math.NaN()
		}
		return math.Max(x, y)
	},
	ir.MinNan: func(x, y, _ float64) float64 {
		if x != x || y != y {
			return math.NaN()
		}
		return math.Min(x, y)
	},
	ir.Sqrt:  func(x, _, _ float64) float64 { return math.Sqrt(x) },
	ir.Recip: func(x, _, _ float64) float64 { return 1 / x },
	ir.Relu: func(x, _, _ float64) float64 {
		if x < 0 {
			return 0
		}
		return x + 0
	},
	ir.Floor:    func(x, _, _ float64) float64 { return math.Floor(x) },
	ir.Ceil:     func(x, _, _ float64) float64 { return math.Ceil(x) },
	ir.Trunc:    func(x, _, _ float64) float64 { return math.Trunc(x) },
	ir.Rint:     func(x, _, _ float64) float64 { return math.RoundToEven(x) },
	ir.Copysign: func(x, y, _ float64) float64 { return math.Copysign(x, y) },
}

// near are those with an error of at most 2 ulp of f32 before the rounding to their type.
var near = map[ir.Code]func(x, y float64) float64{
	ir.Rsqrt:    func(x, _ float64) float64 { return 1 / math.Sqrt(x) },
	ir.Exp:      func(x, _ float64) float64 { return math.Exp(x) },
	ir.Exp2:     func(x, _ float64) float64 { return math.Exp2(x) },
	ir.Log:      func(x, _ float64) float64 { return math.Log(x) },
	ir.Log2:     func(x, _ float64) float64 { return math.Log2(x) },
	ir.Sin:      func(x, _ float64) float64 { return math.Sin(x) },
	ir.Cos:      func(x, _ float64) float64 { return math.Cos(x) },
	ir.Tanh:     func(x, _ float64) float64 { return math.Tanh(x) },
	ir.Erf:      func(x, _ float64) float64 { return math.Erf(x) },
	ir.Sigmoid:  func(x, _ float64) float64 { return 1 / (1 + math.Exp(-x)) },
	ir.Silu:     func(x, _ float64) float64 { return gated(x, 1/(1+math.Exp(-x))) },
	ir.Gelu:     func(x, _ float64) float64 { return gated(x, math.Erfc(-x/math.Sqrt2)/2) },
	ir.Softplus: func(x, _ float64) float64 { return math.Log1p(math.Exp(x)) },
	ir.Pow:      math.Pow,
}

func TestFloatMaps(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, elem := range []dtype.Type{dtype.F16, dtype.BF16, dtype.TF32, dtype.F32, dtype.F64} {
		for code := ir.Invalid + 1; code.Spec() != nil; code++ {
			right, approx := exact[code], near[code]
			if right == nil && approx == nil && code != ir.Fma && code != ir.Mod {
				continue
			}
			operands := code.Spec().Min
			types := []dtype.Type{elem, elem, elem}[:operands]
			args := []*Tensor{sample(r, elem, testM, testN), sample(r, elem, testN), sample(r, elem, testM)}
			y := runMap(t, types, elem, func(b *ir.Builder, x []*ir.Value) *ir.Value { return b.Map(code, x...) }, args[:operands])
			a, b, c := floatsOf(args[0]), floatsOf(args[1]), floatsOf(args[2])
			for k, got := range floatsOf(y) {
				i := at(k)
				u, v, w := a[i[0]], b[i[1]], c[i[2]]
				name := fmt.Sprintf("%s(%g, %g, %g) in %s", code, u, v, w, elem)
				switch {
				case code == ir.Fma:
					if want := exactFMA(elem, u, v, w); !sameFloat(got, want) {
						t.Errorf("%s = %g, want %g", name, got, want)
					}
				case code == ir.Mod:
					if want := elem.Round64(modulus(u, v)); got != want && !(got != got && want != want) {
						t.Errorf("%s = %g, want %g", name, got, want)
					}
				case right != nil:
					if want := elem.Round64(right(u, v, w)); !sameFloat(got, want) {
						t.Errorf("%s = %g, want %g", name, got, want)
					}
				default:
					want := approx(u, v)
					if code == ir.Softplus && u > 700 {
						want = u
					}
					_, e := math.Frexp(want)
					tol := math.Max(math.Ldexp(1, max(e-23, -149)), math.Ldexp(elem.UnitRoundoff(), e)) + elem.SmallestSubnormal()
					if elem == dtype.F64 {
						tol = math.Ldexp(1, e-34) + 5e-324 // package math's own error; tests/spec_numbers has the bound
					}
					if want = elem.Round64(want); !sameFloat(got, want) && !(math.Abs(got-want) <= tol) {
						t.Errorf("%s = %g, want %g", name, got, want)
					}
				}
			}
		}
	}
}

// modulus is x - y·⌊x/y⌋ by rational arithmetic, rounded to float64.
func modulus(x, y float64) float64 {
	if x-x != 0 || y != y || y == 0 {
		return math.NaN()
	}
	if y-y != 0 {
		if x == 0 || (x < 0) == (y < 0) {
			return x
		}
		return y
	}
	p, q := new(big.Rat), new(big.Rat)
	p.SetFloat64(x)
	q.SetFloat64(y)
	d := new(big.Rat).Quo(p, q)
	n := new(big.Int).Div(d.Num(), d.Denom()) // Euclidean, and the denominator is positive: the floor
	v, _ := p.Sub(p, q.Mul(q, new(big.Rat).SetInt(n))).Float64()
	return v
}

// bigOf is an integer's value.
func bigOf(t dtype.Type, v int64) *big.Int {
	if t == dtype.U64 {
		return new(big.Int).SetUint64(uint64(v))
	}
	return big.NewInt(v)
}

// wrapBig is the integer of t that v is congruent to.
func wrapBig(t dtype.Type, v *big.Int) int64 {
	m := new(big.Int).And(v, new(big.Int).SetUint64(math.MaxUint64)) // two's complement
	return t.DecodeInt(m.Uint64())
}

func TestIntMaps(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	b2 := func(x bool) *big.Int {
		if x {
			return big.NewInt(1)
		}
		return big.NewInt(0)
	}
	for _, elem := range []dtype.Type{dtype.I8, dtype.U8, dtype.I16, dtype.U16, dtype.I32, dtype.U32, dtype.I64, dtype.U64} {
		n := elem.Bits()
		mask := ^uint64(0) >> (64 - n)
		code := func(x *big.Int) uint64 {
			return new(big.Int).And(x, new(big.Int).SetUint64(mask)).Uint64()
		}
		reference := map[ir.Code]func(x, y *big.Int) *big.Int{
			ir.Neg: func(x, _ *big.Int) *big.Int { return new(big.Int).Neg(x) },
			ir.Not: func(x, _ *big.Int) *big.Int { return new(big.Int).Not(x) },
			ir.Abs: func(x, _ *big.Int) *big.Int { return new(big.Int).Abs(x) },
			ir.Add: func(x, y *big.Int) *big.Int { return new(big.Int).Add(x, y) },
			ir.Sub: func(x, y *big.Int) *big.Int { return new(big.Int).Sub(x, y) },
			ir.Mul: func(x, y *big.Int) *big.Int { return new(big.Int).Mul(x, y) },
			ir.Div: func(x, y *big.Int) *big.Int { return floorBig(x, y) },
			ir.Mod: func(x, y *big.Int) *big.Int {
				return new(big.Int).Sub(x, new(big.Int).Mul(y, floorBig(x, y)))
			},
			ir.And: func(x, y *big.Int) *big.Int { return new(big.Int).And(x, y) },
			ir.Or:  func(x, y *big.Int) *big.Int { return new(big.Int).Or(x, y) },
			ir.Xor: func(x, y *big.Int) *big.Int { return new(big.Int).Xor(x, y) },
			ir.Max: func(x, y *big.Int) *big.Int {
				if x.Cmp(y) < 0 {
					return y
				}
				return x
			},
			ir.Min: func(x, y *big.Int) *big.Int {
				if x.Cmp(y) > 0 {
					return y
				}
				return x
			},
			ir.Relu: func(x, _ *big.Int) *big.Int {
				if x.Sign() < 0 {
					return new(big.Int)
				}
				return x
			},
			ir.Shl: func(x, y *big.Int) *big.Int {
				if y.Sign() < 0 || y.Cmp(big.NewInt(int64(n))) >= 0 {
					return new(big.Int)
				}
				return new(big.Int).Lsh(x, uint(y.Uint64()))
			},
			ir.Shr: func(x, y *big.Int) *big.Int {
				if y.Sign() < 0 || y.Cmp(big.NewInt(int64(n))) >= 0 {
					return new(big.Int).Rsh(x, 100)
				}
				return new(big.Int).Rsh(x, uint(y.Uint64()))
			},
			ir.Rotl: func(x, y *big.Int) *big.Int {
				s := uint(new(big.Int).Mod(y, big.NewInt(int64(n))).Uint64())
				c := code(x)
				return new(big.Int).SetUint64((c<<s | c>>(uint(n)-s)) & mask)
			},
			ir.Popcount: func(x, _ *big.Int) *big.Int { return big.NewInt(int64(bits.OnesCount64(code(x)))) },
			ir.Clz:      func(x, _ *big.Int) *big.Int { return big.NewInt(int64(bits.LeadingZeros64(code(x)) - 64 + n)) },
			ir.Ctz:      func(x, _ *big.Int) *big.Int { return big.NewInt(int64(min(n, bits.TrailingZeros64(code(x))))) },
			ir.Eq:       func(x, y *big.Int) *big.Int { return b2(x.Cmp(y) == 0) },
			ir.Ne:       func(x, y *big.Int) *big.Int { return b2(x.Cmp(y) != 0) },
			ir.Lt:       func(x, y *big.Int) *big.Int { return b2(x.Cmp(y) < 0) },
			ir.Le:       func(x, y *big.Int) *big.Int { return b2(x.Cmp(y) <= 0) },
			ir.Gt:       func(x, y *big.Int) *big.Int { return b2(x.Cmp(y) > 0) },
			ir.Ge:       func(x, y *big.Int) *big.Int { return b2(x.Cmp(y) >= 0) },
		}
		for _, c := range ir.Codes() {
			f := reference[c]
			if f == nil {
				continue
			}
			result := elem
			switch c {
			case ir.Eq, ir.Ne, ir.Lt, ir.Le, ir.Gt, ir.Ge:
				result = dtype.Bool
			case ir.Popcount, ir.Clz, ir.Ctz:
				result = dtype.I32
			}
			operands := c.Spec().Min
			args := []*Tensor{sample(r, elem, testM, testN), sample(r, elem, testN)}
			if c == ir.Div || c == ir.Mod {
				v := intsOf(args[1])
				for i := range v {
					if v[i] == 0 {
						v[i] = 3
					}
				}
				args[1] = ints(elem, v, testN)
			}
			if c == ir.Shl || c == ir.Shr || c == ir.Rotl {
				v := intsOf(args[1])
				for i := range v {
					if i%4 != 0 {
						v[i] = int64(i * 3 % (n + 2))
					}
				}
				args[1] = ints(elem, v, testN)
			}
			y := runMap(t, []dtype.Type{elem, elem}[:operands], result, func(b *ir.Builder, x []*ir.Value) *ir.Value {
				return b.MapTo(result, c, x...)
			}, args[:operands])
			a, b := intsOf(args[0]), intsOf(args[1])
			for k, got := range intsOf(y) {
				i := at(k)
				x, z := bigOf(elem, a[i[0]]), bigOf(elem, b[i[1]])
				if want := wrapBig(result, f(x, z)); got != want && result != dtype.Bool || result == dtype.Bool && got != f(x, z).Int64() {
					t.Errorf("%s(%s, %s) in %s = %d, want %d", c, x, z, elem, got, want)
				}
			}
		}
	}
}

func floorBig(x, y *big.Int) *big.Int {
	q, m := new(big.Int).DivMod(x, y, new(big.Int)) // Euclidean
	if m.Sign() != 0 && y.Sign() < 0 {
		q.Sub(q, big.NewInt(1))
	}
	return q
}

// TestCasts compares every cast between a choice of types with dtype's own conversion of one value.
func TestCasts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	var types []dtype.Type
	for _, name := range []string{"bool", "i4", "u3", "bp2", "i8", "u8", "i32", "u32", "i64", "u64", "f4e2m1", "f8e4m3", "f8e5m2", "e8m0", "f16", "bf16", "tf32", "f32", "f64"} {
		e, err := dtype.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		types = append(types, e)
	}
	for _, from := range types {
		for _, to := range types {
			for _, mode := range []struct {
				round, overflow string
				m               dtype.Mode
			}{{"rne", "sat", dtype.Default}, {"rz", "sat", dtype.RZ}, {"rne", "wrap", dtype.Wrap}} {
				if dtype.CheckMode(from, to, mode.m) != nil {
					continue
				}
				x := sample(r, from, testM, testN)
				y := runMap(t, []dtype.Type{from}, to, func(b *ir.Builder, x []*ir.Value) *ir.Value {
					return b.Cast(x[0], to, mode.round, mode.overflow)
				}, []*Tensor{x})
				for k := range int(x.Len()) {
					in := dtype.ReadCode(x.Data, k*from.Bits(), from.Bits())
					out := codeAt(y, to, k)
					var want uint64
					switch {
					case from.IsFloat() && to.IsFloat():
						want = to.Encode(to.FloatOfFloat(from.Decode(in), mode.m), dtype.NearestEven, to.Overflow())
					case from.IsFloat():
						want = to.EncodeInt(to.IntOfFloat(from.Decode(in), mode.m), true)
					case to.IsFloat():
						want = to.Encode(to.FloatOfInt(from, from.DecodeInt(in), mode.m), dtype.NearestEven, to.Overflow())
					default:
						want = to.EncodeInt(to.IntOfInt(from, from.DecodeInt(in), mode.m), true)
					}
					if out != want && !(to.IsFloat() && to.Decode(out) != to.Decode(out) && to.Decode(want) != to.Decode(want)) {
						t.Errorf("%s %s as %s (%s, %s): code %#x, want %#x", from, describe(from, in), to, mode.round, mode.overflow, out, want)
					}
				}
			}
		}
	}
}

// codeAt is the code in type t of element k of a result, which runMap stored in a wider type. What is not of the type
// has a code that no value has.
func codeAt(y *Tensor, t dtype.Type, k int) uint64 {
	n := y.Elem.Bits()
	code := dtype.ReadCode(y.Data, k*n, n)
	switch {
	case y.Elem == t:
		return code
	case t.IsFloat():
		v := y.Elem.Decode(code)
		if c := t.Encode(v, dtype.NearestEven, t.Overflow()); sameFloat(t.Decode(c), v) {
			return c
		}
	default:
		v := y.Elem.DecodeInt(code)
		if c := t.EncodeInt(v, true); t.DecodeInt(c) == v {
			return c
		}
	}
	return 1 << 63
}

func describe(t dtype.Type, code uint64) string {
	if t.IsFloat() {
		return fmt.Sprint(t.Decode(code))
	}
	return fmt.Sprint(t.DecodeInt(code))
}

func TestBits(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	pairs := [][2]dtype.Type{{dtype.F32, dtype.U32}, {dtype.U32, dtype.F32}, {dtype.F16, dtype.I16}, {dtype.U16, dtype.BF16}, {dtype.F64, dtype.I64},
		{dtype.I64, dtype.F64}, {dtype.F8E4M3, dtype.U8}, {dtype.I8, dtype.F8E5M2}, {dtype.I4, dtype.U4}, {dtype.U4, dtype.F4E2M1}, {dtype.Bipolar(4), dtype.U4}}
	for _, p := range pairs {
		x := sample(r, p[0], testM, testN)
		y := runMap(t, p[:1], p[1], func(b *ir.Builder, x []*ir.Value) *ir.Value { return b.Bits(x[0], p[1]) }, []*Tensor{x})
		for k := range int(x.Len()) {
			n := p[0].Bits()
			in, out := dtype.ReadCode(x.Data, k*n, n), codeAt(y, p[1], k)
			if nan := p[0].IsFloat() && p[0].Decode(in) != p[0].Decode(in) || p[1].IsFloat() && p[1].Decode(in) != p[1].Decode(in); in != out && !nan {
				t.Errorf("%s bits %s: %#x became %#x", p[0], p[1], in, out)
			}
		}
		// bit(x, j), j beyond the width included
		j := make([]int64, testN)
		for i := range j {
			j[i] = int64(i) - 1
		}
		z := runMap(t, []dtype.Type{p[0], dtype.I64}, dtype.Bool, func(b *ir.Builder, x []*ir.Value) *ir.Value { return b.Map(ir.BitOf, x...) },
			[]*Tensor{x, ints(dtype.I64, j, testN)})
		for k, got := range intsOf(z) {
			n := p[0].Bits()
			code, s := dtype.ReadCode(x.Data, k*n, n), j[k%testN]
			want := int64(0)
			if s >= 0 && s < int64(n) {
				want = int64(code >> s & 1)
			}
			if nan := p[0].IsFloat() && p[0].Decode(code) != p[0].Decode(code); got != want && !nan {
				t.Errorf("bit %d of %s %#x = %d", s, p[0], code, got)
			}
		}
	}
}

func TestSmallMaps(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 1))
	// select, isnan, finite, exponent, ldexp, comparisons of floats and of bools
	for _, elem := range []dtype.Type{dtype.F16, dtype.F32, dtype.F64} {
		x, n := sample(r, elem, testM, testN), sample(r, dtype.I32, testN)
		xs := floatsOf(x)
		one := func(result dtype.Type, code ir.Code) *Tensor {
			return runMap(t, []dtype.Type{elem}, result, func(b *ir.Builder, x []*ir.Value) *ir.Value { return b.MapTo(result, code, x...) }, []*Tensor{x})
		}
		for k, got := range intsOf(one(dtype.Bool, ir.Isnan)) {
			if (got != 0) != (xs[k] != xs[k]) {
				t.Errorf("isnan(%g) = %d", xs[k], got)
			}
		}
		for k, got := range intsOf(one(dtype.Bool, ir.Finite)) {
			if (got != 0) != (xs[k]-xs[k] == 0) {
				t.Errorf("finite(%g) = %d", xs[k], got)
			}
		}
		for k, got := range intsOf(one(dtype.I32, ir.Exponent)) {
			want := int64(math.MaxInt32)
			if x := math.Abs(xs[k]); x == 0 {
				want = math.MinInt32
			} else if x-x == 0 {
				_, e := math.Frexp(x)
				want = int64(e - 1)
			}
			if got != want {
				t.Errorf("exponent(%g) = %d, want %d", xs[k], got, want)
			}
		}
		y := runMap(t, []dtype.Type{elem, dtype.I32}, elem, func(b *ir.Builder, x []*ir.Value) *ir.Value { return b.Map(ir.Ldexp, x...) }, []*Tensor{x, n})
		for k, got := range floatsOf(y) {
			s := intsOf(n)[k%testN]
			if want := elem.Round64(math.Ldexp(xs[k], int(s))); !sameFloat(got, want) {
				t.Errorf("ldexp(%g, %d) in %s = %g, want %g", xs[k], s, elem, got, want)
			}
		}
		z := sample(r, elem, testN)
		zs := floatsOf(z)
		for code, f := range map[ir.Code]func(x, y float64) bool{
			ir.Eq: func(x, y float64) bool { return x == y }, ir.Ne: func(x, y float64) bool { return x != y },
			ir.Lt: func(x, y float64) bool { return x < y }, ir.Le: func(x, y float64) bool { return x <= y },
			ir.Gt: func(x, y float64) bool { return x > y }, ir.Ge: func(x, y float64) bool { return x >= y },
		} {
			y := runMap(t, []dtype.Type{elem, elem}, dtype.Bool, func(b *ir.Builder, x []*ir.Value) *ir.Value { return b.Map(code, x...) }, []*Tensor{x, z})
			for k, got := range intsOf(y) {
				if (got != 0) != f(xs[k], zs[k%testN]) {
					t.Errorf("%s(%g, %g) = %d", code, xs[k], zs[k%testN], got)
				}
			}
		}
	}
	c, x, y := sample(r, dtype.Bool, testM, testN), sample(r, dtype.I16, testN), sample(r, dtype.I16, testM)
	s := runMap(t, []dtype.Type{dtype.Bool, dtype.I16, dtype.I16}, dtype.I16, func(b *ir.Builder, x []*ir.Value) *ir.Value { return b.Select(x[0], x[1], x[2]) }, []*Tensor{c, x, y})
	for k, got := range intsOf(s) {
		want := intsOf(x)[k%testN]
		if intsOf(c)[k] == 0 {
			want = intsOf(y)[k/testN]
		}
		if got != want {
			t.Errorf("select: %d, want %d", got, want)
		}
	}
	d := sample(r, dtype.Bool, testN)
	for code, f := range map[ir.Code]func(x, y bool) bool{
		ir.And: func(x, y bool) bool { return x && y }, ir.Or: func(x, y bool) bool { return x || y }, ir.Xor: func(x, y bool) bool { return x != y },
		ir.Eq: func(x, y bool) bool { return x == y }, ir.Ne: func(x, y bool) bool { return x != y },
		ir.Lt: func(x, y bool) bool { return !x && y }, ir.Le: func(x, y bool) bool { return !x || y },
		ir.Gt: func(x, y bool) bool { return x && !y }, ir.Ge: func(x, y bool) bool { return x || !y },
	} {
		y := runMap(t, []dtype.Type{dtype.Bool, dtype.Bool}, dtype.Bool, func(b *ir.Builder, x []*ir.Value) *ir.Value { return b.Map(code, x...) }, []*Tensor{c, d})
		for k, got := range intsOf(y) {
			if x, z := intsOf(c)[k] != 0, intsOf(d)[k%testN] != 0; (got != 0) != f(x, z) {
				t.Errorf("%s(%t, %t) = %d", code, x, z, got)
			}
		}
	}
	seed, i := sample(r, dtype.I64, testM, testN), sample(r, dtype.I64, testN)
	for code, f := range map[ir.Code]func(s, i int64) float64{
		ir.Rand:    func(s, i int64) float64 { return float64(philox.Rand(s, i)) },
		ir.Uniform: func(s, i int64) float64 { return float64(philox.Uniform(s, i)) },
		ir.Normal:  func(s, i int64) float64 { return float64(philox.Normal(s, i)) },
	} {
		result := dtype.F32
		if code == ir.Rand {
			result = dtype.U32
		}
		y := runMap(t, []dtype.Type{dtype.I64, dtype.I64}, result, func(b *ir.Builder, x []*ir.Value) *ir.Value { return b.Map(code, x...) }, []*Tensor{seed, i})
		for k, got := range floatsOf(y) {
			if want := f(intsOf(seed)[k], intsOf(i)[k%testN]); got != want {
				t.Errorf("%s: %g, want %g", code, got, want)
			}
		}
	}
}

// TestSubnormalProducts multiplies and divides where the result is subnormal in float32, whose own rounding must not
// come before the type's.
func TestSubnormalProducts(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 1))
	const n = 1 << 18
	a, b, d := make([]float32, n), make([]float32, n), make([]float32, n)
	for _, elem := range []dtype.Type{dtype.BF16, dtype.TF32} {
		for code, f := range map[ir.Code]func(d, a, b []float32){ir.Mul: narrowMul(elem), ir.Div: narrowDiv(elem)} {
			needed := 0
			for i := range a {
				x, y := math.Exp2(-64)*(1+r.Float64()), math.Exp2(float64(-63-r.IntN(10)))*(1+r.Float64())
				if code == ir.Div {
					y = 1 / y
				}
				a[i], b[i] = float32(elem.Round64(x)), float32(elem.Round64(y))
			}
			f(d, a, b)
			elem.RoundSlice(d, d)
			for i, got := range d {
				x, y := float64(a[i]), float64(b[i])
				want := elem.Round64(exact[code](x, y, 0))
				if float64(got) != want {
					t.Fatalf("%s(%g, %g) in %s = %g, want %g", code, x, y, elem, got, want)
				}
				if elem.Round64(float64(float32(exact[code](x, y, 0)))) != want {
					needed++
				}
			}
			t.Logf("%s in %s: two roundings would be wrong %d times", code, elem, needed)
		}
	}
}

// TestLongRows works on rows longer than a stretch, with operands that repeat or stand across.
func TestLongRows(t *testing.T) {
	const n, m = 2600, 3
	f := ir.NewFunc("long", nil, []*ir.Param{
		{Name: "x", Type: ir.TensorType(dtype.F32, ir.Dense, ir.ConstDim(n), ir.ConstDim(m))},
		{Name: "s", Type: ir.TensorType(dtype.F32, ir.Dense, ir.ConstDim(m))},
		{Name: "y", Role: ir.Out, Type: ir.TensorType(dtype.F32, ir.Dense, ir.ConstDim(m), ir.ConstDim(n))},
		{Name: "z", Role: ir.Out, Type: ir.TensorType(dtype.F32, ir.Dense, ir.ConstDim(m))},
	}, ir.Pos{})
	b := ir.NewBuilder(f)
	zero := b.Index(0)
	rows, cols := b.SpanOf(zero, b.Index(n), n, "n"), b.SpanOf(zero, b.Index(m), m, "m")
	mn := ir.AxesOf(cols, rows)
	x := b.Bcast(b.Load(f.ParamArg(0), []*ir.Value{rows, cols}, "in", nil), mn) // across
	s := b.Bcast(b.Load(f.ParamArg(1), []*ir.Value{cols}, "in", nil), mn)       // repeats
	v := b.Sub(s, x)
	c := b.Select(b.Gt(x, s), b.Add(v, x), v)
	b.Store(f.ParamArg(2), []*ir.Value{cols, rows}, c, "in", nil)
	b.Store(f.ParamArg(3), []*ir.Value{cols}, b.Reduce("sum", dtype.F32, b.Bcast(x, ir.AxesOf(rows, cols)), rows), "in", nil)
	p, err := Compile(b.Finish())
	if err != nil {
		t.Fatal(err)
	}
	xs, ss := randn(1, dtype.F32, n, m), randn(2, dtype.F32, m)
	y, z := blank(dtype.F32, m, n), blank(dtype.F32, m)
	if err := p.Run(tensors(xs, ss, y, z), Options{}); err != nil {
		t.Fatal(err)
	}
	xv, sv := floatsOf(xs), floatsOf(ss)
	for j := range m {
		sum := float32(0)
		for i := range n {
			x, s := float32(xv[i*m+j]), float32(sv[j])
			sum += x
			want := s - x
			if x > s {
				want += x
			}
			if got := floatsOf(y)[j*n+i]; got != float64(want) {
				t.Fatalf("[%d, %d] is %g, want %g", j, i, got, want)
			}
		}
		if got := floatsOf(z)[j]; got != float64(sum) {
			t.Errorf("sum %d is %g, want %g", j, got, sum)
		}
	}
}

// TestEveryCode holds the operations table and the interpreter together: every elementwise operation has a mapper for
// every type that its rule lets through.
func TestEveryCode(t *testing.T) {
	for _, code := range ir.Codes() {
		s := code.Spec()
		if !s.Elementwise() || code == ir.Cast || code == ir.Bits || code == ir.AsmOf {
			continue
		}
		for _, elem := range dtype.All() {
			for _, second := range []dtype.Type{elem, dtype.I64} {
				var operands []*ir.Value
				for i := range s.Min {
					e := elem
					if i > 0 {
						e = second
					}
					if code == ir.Select {
						e = []dtype.Type{dtype.Bool, elem, elem}[i]
					}
					operands = append(operands, &ir.Value{Type: ir.ScalarType(e)})
				}
				result := &ir.Value{Type: ir.ScalarType(dtype.I32)}
				o := &ir.Op{Code: code, Operands: operands, Results: []*ir.Value{result}}
				types, err := s.Rule(o)
				if err != nil {
					continue
				}
				result.Type = types[0]
				if _, err := mapperOf(o); err != nil {
					t.Error(err)
				}
			}
		}
	}
}
