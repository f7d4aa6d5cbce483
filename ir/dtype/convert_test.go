package dtype

import (
	"math"
	"math/big"
	"math/rand"
	"testing"
)

// small lists the types of at most 8 bits.
func small() []Type {
	var out []Type
	for _, t := range All() {
		if t.Bits() <= 8 {
			out = append(out, t)
		}
	}
	return out
}

// nearestInt is the value of an integer, bipolar or boolean type that `x as t` means, by
// looking at every value of the type.
func nearestInt(t Type, x float64) int64 {
	switch {
	case t == Bool:
		if x == 0 {
			return 0
		}
		return 1
	case x != x:
		x = 0
	case x != 0 && math.Abs(x) < 0x1p-10: // keeps the distances below exact
		x = math.Copysign(0x1p-10, x)
	}
	if t.Kind != BipolarKind {
		x = math.Trunc(x)
	}
	best, at := math.Inf(1), int64(0)
	for c := uint64(0); c < 1<<t.Bits(); c++ {
		v := t.DecodeInt(c)
		// Clamp, so that infinities have distances too; ties go to the larger value.
		d := math.Abs(min(max(x, -1e6), 1e6) - float64(v))
		if d < best || d == best && v > at {
			best, at = d, v
		}
	}
	return at
}

// TestConvertAllCodes runs every code of every type of up to 8 bits through a conversion to a
// spread of types, by the scalar and the slice forms.
func TestConvertAllCodes(t *testing.T) {
	var floats []*refFormat
	for _, name := range []string{"f8e4m3", "f8e5m2", "f8e4m3fnuz", "f8e5m2fnuz", "f8e3m4", "f8e6m1", "f8e7m0", "f6e3m2", "f6e2m3",
		"f4e2m1", "f3e1m1", "f3e2m0", "f5e2m2ieee", "e8m0", "f16", "bf16"} {
		floats = append(floats, reference(parse(t, name)))
	}
	for _, from := range small() {
		n := 1 << from.Bits()
		stream := make([]byte, n)
		for c := range n {
			WriteCode(stream, c*from.Bits(), from.Bits(), uint64(c))
		}
		fs, is := make([]float32, n), make([]int64, n)
		from.DecodeF32(fs, stream, 0)
		if from.Class() == ClassInt {
			from.DecodeInts(is, stream, 0)
		}
		for _, f := range floats {
			for _, m := range []Mode{Default, RZ} {
				got, via64 := make([]float32, n), make([]float32, n)
				wide := make([]float64, n)
				ConvertF32F64(wide, fs)
				if from.Class() == ClassInt {
					f.t.ConvertIntF32(got, from, is, m)
				} else {
					f.t.ConvertF32F32(got, fs, m)
				}
				f.t.ConvertF64F32(via64, wide, m)
				for c := range n {
					want := f.encode(float64(fs[c]), m.round(), f.t.Overflow())
					if !same(float64(got[c]), want) || !same(float64(via64[c]), want) {
						t.Fatalf("%v as %v %v: %v became %v, %v from f64, want %v", from, f.t, m, fs[c], got[c], via64[c], want)
					}
				}
			}
		}
		for _, to := range small() {
			if to.Class() != ClassInt {
				continue
			}
			got, via64 := make([]int64, n), make([]int64, n)
			wide := make([]float64, n)
			ConvertF32F64(wide, fs)
			if from.Class() == ClassInt {
				to.ConvertIntInt(got, from, is, Default)
			} else {
				to.ConvertF32Int(got, fs, Default)
			}
			to.ConvertF64Int(via64, wide, Default)
			for c := range n {
				want := nearestInt(to, float64(fs[c]))
				if got[c] != want || via64[c] != want {
					t.Fatalf("%v as %v: %v became %v, %v from f64, want %v", from, to, fs[c], got[c], via64[c], want)
				}
			}
		}
	}
}

func TestConvertIntegers(t *testing.T) {
	for _, c := range []struct {
		from, to string
		v        int64
		m        Mode
		want     int64
	}{
		{"i64", "i8", 128, Default, 127}, {"i64", "i8", 128, Wrap, -128}, {"i64", "i8", -1000, Default, -128},
		{"i64", "u8", -1, Default, 0}, {"i64", "u8", -1, Wrap, 255}, {"i64", "u64", -1, Default, 0}, {"i64", "u64", -1, Wrap, -1},
		{"u64", "i64", -1, Default, math.MaxInt64}, {"u64", "i64", -1, Wrap, -1}, {"u64", "u8", -1, Default, 255},
		{"u64", "u64", -1, Default, -1}, {"u64", "i4", math.MinInt64, Default, 7}, {"u64", "u32", -1, Default, math.MaxUint32},
		{"u64", "bool", -1, Default, 1}, {"bool", "i2", 1, Default, 1}, {"bool", "u1", 1, Default, 1},
		{"i8", "bp2", 0, Default, 1}, {"i8", "bp2", 2, Default, 3}, {"i8", "bp2", -2, Default, -1}, {"i8", "bp2", 100, Default, 3},
		{"i8", "bp2", -100, Default, -3}, {"i8", "bp2", -4, Default, -3}, {"i8", "bp2", 5, Wrap, -3}, {"bp8", "i8", 255, Default, 127},
		{"bp8", "i16", 255, Default, 255}, {"u64", "bp3", -1, Default, 7}, {"i64", "bp8", math.MaxInt64, Default, 255},
		{"i64", "bp8", math.MinInt64, Default, -255}, {"i32", "i3", -5, Wrap, 3},
	} {
		from, to := parse(t, c.from), parse(t, c.to)
		if got := to.IntOfInt(from, c.v, c.m); got != c.want {
			t.Errorf("%v as %v %v: %d became %d, want %d", from, to, c.m, c.v, got, c.want)
		}
	}
}

// TestFloatToWideInt holds conversions to 16 bits and up to exact arithmetic.
func TestFloatToWideInt(t *testing.T) {
	rng := rand.New(rand.NewSource(3))
	in := []float64{0, math.Copysign(0, -1), 0.5, 0.999, 1.5, -0.5, -1.5, 0x1p31, -0x1p31, 0x1p31 - 1, 0x1p63, -0x1p63, 0x1p64, 0x1p64 - 2048,
		0x1p65, math.Inf(1), math.Inf(-1), math.NaN(), 65535.5, 32767.9, -32768.9, 0x1.8p70, 0x1p200, -0x1p127 * 3}
	for range 3000 {
		in = append(in, math.Ldexp(rng.Float64()*2-1, rng.Intn(80)))
	}
	for _, x := range in {
		if float64(float32(x)) == x && x != 0 {
			in = append(in, -x)
		}
	}
	for _, to := range []Type{I16, I32, I64, U16, U32, U64, I8, U1, Int(3), Bipolar(4)} {
		low, high := big.NewInt(to.MinInt()), new(big.Int).SetUint64(uint64(to.MaxInt()))
		mod := new(big.Int).Lsh(big.NewInt(1), uint(to.Bits()))
		for _, x := range in {
			exact := new(big.Int)
			if x-x == 0 {
				new(big.Float).SetFloat64(x).Int(exact)
			}
			if to.Kind != BipolarKind {
				want := new(big.Int).Set(exact)
				if want.Cmp(low) < 0 || math.IsInf(x, -1) {
					want.Set(low)
				}
				if want.Cmp(high) > 0 || math.IsInf(x, 1) {
					want.Set(high)
				}
				if got := to.IntOfFloat(x, Default); got != int64(want.Uint64()) && got != want.Int64() {
					t.Fatalf("%v as %v is %d, want %v", x, to, got, want)
				}
				code := new(big.Int).Mod(exact, mod).Uint64()
				if got := to.IntOfFloat(x, Wrap); got != to.DecodeInt(code) {
					t.Fatalf("%v as %v wrap is %d, want %d", x, to, got, to.DecodeInt(code))
				}
			}
			if float64(float32(x)) == x || x != x {
				var got [1]int64
				for _, m := range []Mode{Default, Wrap} {
					to.ConvertF32Int(got[:], []float32{float32(x)}, m)
					if want := to.IntOfFloat(x, m); got[0] != want {
						t.Fatalf("%v as %v %v is %d by slice, want %d", x, to, m, got[0], want)
					}
				}
			}
		}
	}
	for _, c := range []struct {
		x    float64
		want int64
	}{{-1e-300, -1}, {1e-300, 1}, {0, 1}, {math.NaN(), 1}, {math.Inf(1), 3}, {math.Inf(-1), -3}, {1.9, 1}, {2, 3}, {2.1, 3}} {
		if got := Bipolar(2).IntOfFloat(c.x, Default); got != c.want {
			t.Errorf("%v as bp2 is %d, want %d", c.x, got, c.want)
		}
	}
	if got := Bipolar(2).IntOfFloat(5, Wrap); got != -3 {
		t.Errorf("5 as bp2 wrap is %d, want -3", got)
	}
	if got := Bipolar(2).IntOfFloat(math.Inf(1), Wrap); got != 1 {
		t.Errorf("inf as bp2 wrap is %d, want 1", got)
	}
}

// TestWideIntToFloat rounds 64-bit integers once: against exact rationals, ties and their
// neighbours included.
func TestWideIntToFloat(t *testing.T) {
	rng := rand.New(rand.NewSource(4))
	var in []int64
	for range 600 {
		v := int64(rng.Uint64() >> rng.Intn(64))
		in = append(in, v, -v, v&^(1<<39-1)|1<<39, v&^(1<<39-1)|1<<39|1, v&^(1<<39-1)|1<<39-1, v&^(1<<10-1)|1<<10)
	}
	in = append(in, math.MaxInt64, math.MinInt64, math.MinInt64+1, 1<<53+1, 1<<53-1, -1, 0, 65519, 65520, -65520)
	for _, from := range []Type{I64, U64, I32, U32, I16, U16} {
		for _, v := range in {
			v = from.DecodeInt(uint64(v))
			exact := new(big.Rat).SetInt64(v)
			if from == U64 {
				exact.SetInt(new(big.Int).SetUint64(uint64(v)))
			}
			neg := exact.Sign() < 0
			for _, m := range []Mode{Default, RZ} {
				for _, to := range []Type{F32, TF32, BF16} {
					want := refWide(to, exact, neg, m.round())
					var got [1]float32
					to.ConvertIntF32(got[:], from, []int64{v}, m)
					if scalar := to.FloatOfInt(from, v, m); !same(float64(got[0]), want) || !same(scalar, want) {
						t.Fatalf("%v %d as %v %v is %v, by slice %v, want %v", from, v, to, m, scalar, got[0], want)
					}
				}
				var got [1]float64
				ConvertIntF64(got[:], from, []int64{v}, m)
				want, _ := exact.Float64()
				if m == RZ && new(big.Rat).Abs(new(big.Rat).SetFloat64(want)).Cmp(new(big.Rat).Abs(exact)) > 0 {
					want = math.Nextafter(want, 0)
				}
				if got[0] != want {
					t.Fatalf("%v %d as f64 %v is %v, want %v", from, v, m, got[0], want)
				}
			}
			want, _ := exact.Float64()
			want = math.Copysign(min(math.Abs(want), 448), want)
			if got := F8E4M3.FloatOfInt(from, v, Default); math.Abs(want) >= 448 && got != want {
				t.Fatalf("%v %d as f8e4m3 is %v, want %v", from, v, got, want)
			}
		}
	}
	if got := F16.FloatOfInt(I64, 65520, Default); !math.IsInf(got, 1) {
		t.Errorf("65520 as f16 is %v", got)
	}
	if got := F16.FloatOfInt(I64, math.MaxInt64, RZ); got != 65504 {
		t.Errorf("the largest i64 as f16 rz is %v", got)
	}
}

func TestCheckMode(t *testing.T) {
	for _, c := range []struct {
		from, to Type
		m        Mode
		ok       bool
	}{
		{F32, F16, Default, true}, {F32, F16, RZ, true}, {F32, F16, Wrap, false}, {F32, I8, Wrap, true}, {F32, I8, RZ, true},
		{I32, I8, RZ, false}, {I32, I8, Wrap, true}, {I32, F16, RZ, true}, {I32, Bool, Wrap, false}, {F32, Bool, RZ, false},
		{I32, Bipolar(2), Wrap, true}, {F32, Bipolar(2), RZ, false},
	} {
		if err := CheckMode(c.from, c.to, c.m); (err == nil) != c.ok {
			t.Errorf("%v as %v %v: %v", c.from, c.to, c.m, err)
		}
	}
}

// TestWidens compares Widens with a look at every value of types of up to 16 bits.
func TestWidens(t *testing.T) {
	type valueSet map[uint64]bool // bits of values; one bit pattern for NaN
	key := func(x float64) uint64 {
		if x != x {
			return 1
		}
		return math.Float64bits(x)
	}
	sets := map[Type]valueSet{}
	var types []Type
	for _, x := range All() {
		if x.Bits() > 16 {
			continue
		}
		types = append(types, x)
		s := valueSet{}
		for c := uint64(0); c < 1<<x.Bits(); c++ {
			s[key(x.Decode(c))] = true
		}
		sets[x] = s
	}
	for _, from := range types {
		for _, to := range types {
			want := true
			for v := range sets[from] {
				want = want && sets[to][v]
			}
			if from.IsFloat() != to.IsFloat() || (from == Bool) != (to == Bool) {
				want = false
			}
			if from.HasInf() && to.Bits() <= 8 && from != to {
				want = false // inf saturates
			}
			if got := Widens(from, to); got != want {
				t.Errorf("Widens(%v, %v) is %v", from, to, got)
			}
		}
		if got, want := Widens(from, F32), from.IsFloat(); got != want {
			t.Errorf("Widens(%v, f32) is %v", from, got)
		}
		if got, want := Widens(from, I64), !from.IsFloat() && from != Bool; got != want {
			t.Errorf("Widens(%v, i64) is %v", from, got)
		}
	}
	for _, c := range []struct {
		from, to string
		want     bool
	}{
		{"f32", "f64", true}, {"f64", "f32", false}, {"tf32", "f32", true}, {"f32", "tf32", false}, {"f16", "tf32", true},
		{"bf16", "tf32", true}, {"f32", "bf16", false}, {"u32", "i64", true}, {"u32", "i32", false}, {"i32", "u64", false}, {"u64", "i64", false},
		{"i64", "i32", false}, {"i8", "f32", false}, {"bool", "i32", false}, {"f32", "i32", false}, {"e8m0", "f32", true}, {"bool", "bool", true},
	} {
		if got := Widens(parse(t, c.from), parse(t, c.to)); got != c.want {
			t.Errorf("Widens(%s, %s) is %v", c.from, c.to, got)
		}
	}
	if Widens(Type{}, Type{}) {
		t.Error("the invalid type widens")
	}
}

func TestWideAndArithmetic(t *testing.T) {
	for _, c := range []struct {
		name, wide string
		arithmetic bool
		class      Class
	}{
		{"f64", "f64", true, ClassF64}, {"f32", "f32", true, ClassF32}, {"tf32", "f32", true, ClassF32}, {"f16", "f32", true, ClassF32},
		{"bf16", "f32", true, ClassF32}, {"f8e4m3", "f32", false, ClassF32}, {"f4e2m1", "f32", false, ClassF32}, {"e8m0", "f32", false, ClassF32},
		{"bp3", "i32", false, ClassInt}, {"i2", "i32", false, ClassInt}, {"i8", "i32", true, ClassInt}, {"u8", "i32", true, ClassInt},
		{"i16", "i32", true, ClassInt}, {"u16", "i32", true, ClassInt}, {"u32", "i64", true, ClassInt}, {"i32", "i64", true, ClassInt},
		{"i64", "i64", true, ClassInt}, {"u64", "i64", true, ClassInt}, {"bool", "i32", false, ClassInt},
	} {
		x := parse(t, c.name)
		if x.Wide().String() != c.wide || x.Arithmetic() != c.arithmetic || x.Class() != c.class {
			t.Errorf("%v: wide %v, arithmetic %v, class %d", x, x.Wide(), x.Arithmetic(), x.Class())
		}
	}
	for _, c := range []struct {
		name      string
		low, high int64
	}{{"i2", -2, 1}, {"u1", 0, 1}, {"bp1", -1, 1}, {"bp8", -255, 255}, {"i64", math.MinInt64, math.MaxInt64}, {"u64", 0, -1}, {"bool", 0, 1}, {"u32", 0, math.MaxUint32}} {
		x := parse(t, c.name)
		if x.MinInt() != c.low || x.MaxInt() != c.high {
			t.Errorf("%v reaches from %d to %d", x, x.MinInt(), x.MaxInt())
		}
	}
	if F8E4M3.Lowest() != -448 || E8M0.Lowest() != 0x1p-127 || I8.Lowest() != -128 || U64.Max() != 0x1p64 || U8.Lowest() != 0 {
		t.Error("Lowest or Max is wrong")
	}
}
