package array

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/philox"
)

func parse(t *testing.T, name string) dtype.Type {
	t.Helper()
	x, err := dtype.Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// ints makes a one-dimensional array of integers.
func ints(t dtype.Type, v ...int64) *Array {
	a := &Array{t, []int64{int64(len(v))}, make([]byte, dtype.StreamBytes(t.Bits(), len(v)))}
	t.EncodeInts(a.Data, 0, v)
	return a
}

// floats makes a one-dimensional array of floats.
func floats(t dtype.Type, v ...float64) *Array {
	a := &Array{t, []int64{int64(len(v))}, make([]byte, dtype.StreamBytes(t.Bits(), len(v)))}
	t.EncodeF64(a.Data, 0, v)
	return a
}

// values reads an array back as float64.
func values(a *Array) []float64 {
	v := make([]float64, a.Len())
	a.Elem.DecodeF64(v, a.Data, 0)
	return v
}

func TestTensor(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		in   *Array
		to   string
		want string // of the error
	}{
		{floats(dtype.F32, 1, 2), "f32", ""}, {ints(dtype.I8, -1), "i8", ""}, {ints(dtype.Bool, 1, 0), "bool", ""},
		{floats(dtype.F64, 1), "f32", "the array is float64, and f32 takes arrays of its own type; convert it to float32 first"},
		{ints(dtype.I64, 1), "i32", "convert it to int32"}, {ints(dtype.U8, 1), "bool", "convert it to bool"}, {floats(dtype.BF16, 1), "f16", "the array is bf16"},
		{floats(dtype.F32, 1, 1.5, -0.25, nan, inf, -inf, 0x1p-133), "bf16", ""}, {floats(dtype.F64, 1.5, 0x1p-133, nan, -inf), "bf16", ""},
		{floats(dtype.F32, 1, 1.001), "bf16", "element [1] is 1.001, which is not a value of bf16 (7 mantissa bits"},
		{floats(dtype.F64, 1, 0.1), "bf16", "element [1] is 0.1,"}, {floats(dtype.F16, 448, -0.875), "f8e4m3", ""}, {floats(dtype.F16, 449), "f8e4m3", "element [0] is 449"},
		{floats(dtype.F32, inf), "f8e4m3", "element [0] is +Inf"}, {floats(dtype.F32, inf, -inf, 1), "f8e5m2", ""}, {floats(dtype.F64, 1, -inf), "f8e5m2", ""}, {floats(dtype.F32, nan), "f8e4m3", ""}, {floats(dtype.F32, 0, nan), "f4e2m1", "element [1] is NaN"},
		{floats(dtype.F32, 0.5, 6, -6), "f4e2m1", ""}, {floats(dtype.F64, 5), "f4e2m1", "element [0] is 5"}, {floats(dtype.F32, 0), "e8m0", "powers of two"}, {floats(dtype.F32, 0.25, 0x1p127), "e8m0", ""},
		{floats(dtype.F32, 1, 0x1p-30), "tf32", ""}, {floats(dtype.F32, 1+0x1p-11), "tf32", "not a value of tf32"},
		{ints(dtype.I64, 0, 15), "u4", ""}, {ints(dtype.I64, 0, 16), "u4", "element [1] is 16, which is not a value of u4 (the integers from 0 to 15)"},
		{ints(dtype.I8, -4, 3), "i3", ""}, {ints(dtype.I8, -5), "i3", "element [0] is -5"}, {ints(dtype.U64, -1), "i4", "element [0] is 18446744073709551615"}, {ints(dtype.U64, -1), "u4", "18446744073709551615"},
		{ints(dtype.I32, -3, -1, 1, 3), "bp2", ""}, {ints(dtype.I32, -3, 0), "bp2", "element [1] is 0, which is not a value of bp2 (the odd integers from -3 to 3)"}, {ints(dtype.I16, 255, -255), "bp8", ""},
		{floats(dtype.F64, -3, 1), "bp2", ""}, {floats(dtype.F32, 7, 0, -8), "i4", ""}, {floats(dtype.F32, 0.5), "u1", "element [0] is 0.5"}, {floats(dtype.F64, nan), "i4", "NaN"}, {ints(dtype.Bool, 1, 0), "u1", ""},
		{ints(dtype.I64, 256, -3), "bf16", ""}, {ints(dtype.I64, 257), "bf16", "element [0] is 257"}, {ints(dtype.I64, 1<<62), "bf16", ""},
		{ints(dtype.I64, 1<<62+1), "bf16", "4611686018427387905"}, {ints(dtype.U64, -1), "bf16", "18446744073709551615"}, {ints(dtype.I64, math.MaxInt64), "bf16", "9223372036854775807"},
		{ints(dtype.I64, math.MinInt64), "bf16", ""}, {ints(dtype.U64, math.MinInt64), "bf16", ""}, {floats(dtype.F8E4M3, 1.125, 448), "bf16", ""}, {floats(dtype.F8E5M2, 57344), "f8e4m3", "57344"},
	} {
		to := parse(t, c.to)
		got, err := c.in.Tensor(to)
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v %v to %v: %v, want %q in it", c.in.Elem, values(c.in), to, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%v %v to %v: %v", c.in.Elem, values(c.in), to, err)
			continue
		}
		same := cmp.Comparer(func(a, b float64) bool { return a == b || a != a && b != b })
		if d := cmp.Diff(values(c.in), values(got), same); d != "" || got.Elem != to {
			t.Errorf("%v to %v (-want +got):\n%s", c.in.Elem, to, d)
		}
	}
}

// TestMisfitIndex finds the first bad element beyond the first chunk, by its index.
func TestMisfitIndex(t *testing.T) {
	a := &Array{dtype.U8, []int64{3, 5, 200}, make([]byte, 3000)}
	a.Data[2*1000+3*200+17], a.Data[2999] = 9, 9
	if _, err := a.Tensor(dtype.Int(4)); err == nil || !strings.Contains(err.Error(), "element [2, 3, 17] is 9") {
		t.Errorf("got %v", err)
	}
	scalar := &Array{dtype.U8, nil, []byte{9}}
	if _, err := scalar.Bits(dtype.Int(3)); err == nil || !strings.Contains(err.Error(), "is the code 0x9, and i3 has 3 bits") {
		t.Errorf("got %v", err)
	}
}

func TestBits(t *testing.T) {
	a, err := ints(dtype.U8, 0, 7, 15, 8).Bits(dtype.F4E2M1)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]float64{0, 6, -6, math.Copysign(0, -1)}, values(a)); d != "" {
		t.Errorf("f4e2m1 (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]byte{0x70, 0x8f}, a.Data); d != "" {
		t.Errorf("stream (-want +got):\n%s", d)
	}
	for _, c := range []struct {
		in   *Array
		to   string
		want string
	}{
		{ints(dtype.U16, 0x3f80), "bf16", ""}, {ints(dtype.U8, 0x38), "f8e4m3", ""}, {ints(dtype.U16, 3), "bp2", ""}, {ints(dtype.U32, 0x3f800000), "f32", ""}, {ints(dtype.U64, -1), "f64", ""},
		{ints(dtype.I8, 1), "f8e4m3", "the array is int8; raw codes of f8e4m3 are uint8"}, {ints(dtype.U8, 1), "bf16", "raw codes of bf16 are uint16"}, {ints(dtype.U8, 1), "tf32", "are uint32"},
		{floats(dtype.F16, 1), "bf16", "the array is float16"}, {ints(dtype.U8, 3, 4), "bp2", "element [1] is the code 0x4, and bp2 has 2 bits"},
	} {
		got, err := c.in.Bits(parse(t, c.to))
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%v to %v: %v, want %q in it", c.in.Elem, c.to, err, c.want)
		case err == nil && dtype.ReadCode(got.Data, 0, got.Elem.Bits()) != dtype.ReadCode(c.in.Data, 0, c.in.Elem.Bits()):
			t.Errorf("%v to %v changed the code", c.in.Elem, c.to)
		}
	}
}

// TestNumpyAllCodes writes every code of every type of up to 16 bits as a numpy array, and reads
// it back to the same value.
func TestNumpyAllCodes(t *testing.T) {
	for _, x := range dtype.All() {
		if x.Bits() > 16 {
			continue
		}
		n := 1 << x.Bits()
		a := &Array{x, []int64{int64(n)}, make([]byte, dtype.StreamBytes(x.Bits(), n))}
		for c := range n {
			dtype.WriteCode(a.Data, c*x.Bits(), x.Bits(), uint64(c))
		}
		out := a.Numpy()
		if _, ok := numpyName(out.Elem); !ok || out.Elem != NumpyType(x) {
			t.Fatalf("%v is written as %v", x, out.Elem)
		}
		want, got := values(a), values(out)
		for c := range n {
			if want[c] != got[c] && want[c] == want[c] || math.Signbit(want[c]) != math.Signbit(got[c]) && want[c] == 0 {
				t.Fatalf("%v code %#x: %v is written as %v", x, c, want[c], got[c])
			}
		}
		if _, ok := numpyName(x); !ok {
			back, err := out.Tensor(x)
			if err != nil {
				t.Fatalf("%v: %v", x, err)
			}
			for c, v := range values(back) {
				if v != want[c] && want[c] == want[c] {
					t.Fatalf("%v code %#x: %v came back as %v", x, c, want[c], v)
				}
			}
		}
	}
	for name, want := range map[string]dtype.Type{
		"f8e4m3": dtype.F32, "bf16": dtype.F32, "tf32": dtype.F32, "i3": dtype.I8, "u1": dtype.U8, "u7": dtype.U8, "bp1": dtype.I8, "bp7": dtype.I8, "bp8": dtype.I16,
		"i64": dtype.I64, "f16": dtype.F16, "bool": dtype.Bool,
	} {
		if got := NumpyType(parse(t, name)); got != want {
			t.Errorf("%s is written as %v, want %v", name, got, want)
		}
	}
}

func generate(t *testing.T, word, typ string, seed uint64, shape ...int64) *Array {
	t.Helper()
	a, err := Generate(word, parse(t, typ), shape, seed, 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestGenerate(t *testing.T) {
	for _, c := range []struct {
		word, typ string
		want      []float64
	}{
		{"zeros", "f16", []float64{0, 0, 0, 0, 0, 0}}, {"ones", "f4e2m1", []float64{1, 1, 1, 1, 1, 1}}, {"ones", "bool", []float64{1, 1, 1, 1, 1, 1}},
		{"zeros", "bp2", []float64{1, 1, 1, 1, 1, 1}}, {"iota", "i32", []float64{0, 1, 2, 3, 4, 5}}, {"iota", "i2", []float64{0, 1, -2, -1, 0, 1}},
		{"iota", "f32", []float64{0, 1, 2, 3, 4, 5}}, {"iota", "f4e2m1", []float64{0, 1, 2, 3, 4, 4}}, {"iota", "bool", []float64{0, 1, 1, 1, 1, 1}}, {"iota", "u1", []float64{0, 1, 0, 1, 0, 1}},
	} {
		if d := cmp.Diff(c.want, values(generate(t, c.word, c.typ, 0, 2, 3))); d != "" {
			t.Errorf("%s of %s (-want +got):\n%s", c.word, c.typ, d)
		}
	}
	for _, typ := range []string{"f64", "f16", "bf16", "f8e4m3", "i8", "bp3"} {
		x := parse(t, typ)
		v := values(generate(t, "randn", typ, 5, 3000))
		for i := range v {
			if want := x.Decode(x.Encode(float64(philox.Normal(5, int64(i))), dtype.NearestEven, x.Overflow())); v[i] != want {
				t.Fatalf("randn of %s: element %d is %v, want %v", typ, i, v[i], want)
			}
		}
	}
	for i, v := range values(generate(t, "uniform", "f32", 5, 3000)) {
		if want := float64(philox.Uniform(5, int64(i))); v != want {
			t.Fatalf("uniform: element %d is %v, want %v", i, v, want)
		}
	}
	for _, c := range []struct{ word, typ string }{{"randcode", "f6e3m2"}, {"randcode", "u3"}, {"randcode", "bool"}, {"uniform", "i4"}, {"randcode", "bp1"}} {
		a := generate(t, c.word, c.typ, 1, 20000)
		count := make([]int, codes(a.Elem))
		for i := range 20000 {
			count[dtype.ReadCode(a.Data, i*a.Elem.Bits(), a.Elem.Bits())]++
		}
		mean := 20000 / float64(len(count))
		for code, n := range count {
			if math.Abs(float64(n)-mean) > 6*math.Sqrt(mean) {
				t.Errorf("%s of %s: code %d came %d times, %.0f expected", c.word, c.typ, code, n, mean)
			}
		}
	}
	tf32 := generate(t, "randcode", "tf32", 1, 100)
	for i := range 100 {
		if c := dtype.ReadCode(tf32.Data, i*32, 32); c&0x1fff != 0 {
			t.Fatalf("randcode of tf32 made %#x", c)
		}
	}
}

// TestGenerateForEver: generated operands are part of the tools' surface. A range does not move them.
func TestGenerateForEver(t *testing.T) {
	h := fnv.New64a()
	for _, word := range Generators {
		for _, typ := range []string{"f64", "f32", "tf32", "f16", "bf16", "f8e4m3", "f4e2m1", "e8m0", "i64", "u64", "i8", "i3", "u1", "bp2", "bool"} {
			h.Write(generate(t, word, typ, 77, 5, 501).Data)
		}
	}
	if got := h.Sum64(); got != 0xa277debb097efdb9 {
		t.Errorf("the hash of all generators over many types changed to %#x", got)
	}
}

func TestRanges(t *testing.T) {
	const n = 5000
	buf := make([]byte, 8*n)
	v := make([]int64, n)
	for _, c := range []struct{ lo, hi, min, max int64 }{
		{-3, 4, -3, 3}, {5, 5, 5, 5}, {7, 2, 7, 7}, {math.MinInt64, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1},
	} {
		RandInt(buf, dtype.I64, n, c.lo, c.hi, 3)
		dtype.I64.DecodeInts(v, buf, 0)
		seen := map[int64]bool{}
		for _, x := range v {
			if x < c.min || x > c.max {
				t.Fatalf("RandInt from %d to %d made %d", c.lo, c.hi, x)
			}
			seen[x] = true
		}
		if span := uint64(c.max) - uint64(c.min); span < 10 && len(seen) != int(span)+1 || span > 1000 && len(seen) < n-5 {
			t.Errorf("RandInt from %d to %d made %d different integers", c.lo, c.hi, len(seen))
		}
	}
	RandInt(buf, dtype.Int(3), n, -100, 100, 3)
	dtype.Int(3).DecodeInts(v, buf, 0)
	low := 0
	for _, x := range v {
		if x == -4 {
			low++
		}
	}
	if low < n/3 {
		t.Errorf("RandInt beyond i3 saturates %d of %d to -4", low, n)
	}
	RandCode(buf, dtype.U8, n, 10, 13, 3)
	for _, b := range buf[:n] {
		if b < 10 || b > 12 {
			t.Fatalf("RandCode from 10 to 13 made %d", b)
		}
	}
	RandCode(buf, dtype.U8, n, 9, 9, 3)
	if buf[17] != 9 {
		t.Errorf("RandCode from 9 to 9 made %d", buf[17])
	}
	f := make([]float64, n)
	Uniform(buf, dtype.F64, n, -2, 6, 3)
	dtype.F64.DecodeF64(f, buf, 0)
	sum := 0.0
	for _, x := range f {
		if x < -2 || x >= 6 {
			t.Fatalf("Uniform from -2 to 6 made %v", x)
		}
		sum += x
	}
	if math.Abs(sum/n-2) > 0.2 {
		t.Errorf("Uniform from -2 to 6 has mean %v", sum/n)
	}
}

func TestGenerateErrors(t *testing.T) {
	for _, c := range []struct {
		word  string
		shape []int64
		want  string
	}{
		{"randn", []int64{1 << 40, 1 << 40}, "too large"}, {"randn", []int64{-1}, "negative"}, {"zeros", []int64{1000}, "takes 4000 bytes, and 100 are allowed"}, {"noise", []int64{1}, "no generator"},
		{"ones", make([]int64, 65), "at most 64"}, {"iota", []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, "1x2x3x4x5x6x7x8x…(10 dimensions)"},
	} {
		if _, err := Generate(c.word, dtype.F32, c.shape, 0, 100); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: %v, want %q in it", c.word, c.shape, err, c.want)
		}
	}
}

func ExampleGenerate() {
	a, err := Generate("randn", dtype.F32, []int64{2, 2}, 1, 1<<20)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range a.Len() {
		fmt.Println(math.Float32frombits(binary.LittleEndian.Uint32(a.Data[4*i:])))
	}
	// Output:
	// 0.3804006
	// -0.29627794
	// -0.24923347
	// -1.0038372
}
