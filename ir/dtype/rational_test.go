package dtype

import (
	"fmt"
	"math"
	"math/big"
	"math/rand"
	"sort"
	"testing"
)

// The reference: values of codes as exact rationals, read off the definition of each format by string
// surgery on the code's binary digits, and rounding as a search in the sorted list of all values. It
// shares no line with the package.

type refKind int

const (
	number refKind = iota
	infinity
	notNumber
)

type refValue struct {
	kind refKind
	neg  bool
	rat  *big.Rat // |value| of a number
}

func digits(s string) int64 {
	v := int64(0)
	for _, c := range s {
		v = 2*v + int64(c-'0')
	}
	return v
}

func pow2(e int64) *big.Rat {
	n := new(big.Int).Lsh(big.NewInt(1), uint(max(e, -e)))
	if e < 0 {
		return new(big.Rat).SetFrac(big.NewInt(1), n)
	}
	return new(big.Rat).SetInt(n)
}

func refDecode(t Type, code uint64) refValue {
	s := fmt.Sprintf("%0*b", t.Bits(), code)
	if t == TF32 {
		s = s[:19]
	}
	neg := false
	if t != E8M0 {
		neg = s[0] == '1'
		s = s[1:]
	}
	e, m := s[:t.Exp], s[t.Exp:]
	allOnes := func(s string) bool {
		for _, c := range s {
			if c == '0' {
				return false
			}
		}
		return true
	}
	exp, man, bias := digits(e), digits(m), int64(1)<<(t.Exp-1)-1
	switch t.Specials {
	case IEEE:
		if allOnes(e) && man == 0 {
			return refValue{kind: infinity, neg: neg}
		}
		if allOnes(e) {
			return refValue{kind: notNumber}
		}
	case FN:
		if allOnes(e + m) {
			return refValue{kind: notNumber}
		}
	case FNUZ:
		bias++
		if neg && exp == 0 && man == 0 {
			return refValue{kind: notNumber}
		}
	}
	frac := new(big.Rat).SetFrac(big.NewInt(man), big.NewInt(1<<t.Man))
	if exp == 0 && t != E8M0 {
		exp = 1
	} else {
		frac.Add(frac, big.NewRat(1, 1))
	}
	return refValue{neg: neg, rat: frac.Mul(frac, pow2(exp-bias))}
}

// refFormat is the ascending list of the non-negative values of a float of up to 16 bits.
type refFormat struct {
	t      Type
	rats   []*big.Rat
	values []float64
	codes  []uint64
	beyond *big.Rat // what would follow the largest value: the bound of rounding down to it is halfway
}

func reference(t Type) *refFormat {
	f := &refFormat{t: t}
	type entry struct {
		rat  *big.Rat
		code uint64
	}
	var all []entry
	for c := uint64(0); c < 1<<t.Bits(); c++ {
		if v := refDecode(t, c); v.kind == number && !v.neg {
			all = append(all, entry{v.rat, c})
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].rat.Cmp(all[j].rat) < 0 })
	for _, e := range all {
		x, exact := e.rat.Float64()
		if !exact {
			panic("a value of 16 bits is no float64")
		}
		f.rats, f.codes, f.values = append(f.rats, e.rat), append(f.codes, e.code), append(f.values, x)
	}
	// One step on in the binade of the largest value, or in that of the subnormals.
	n := len(f.rats)
	e := int64(1 - t.Bias)
	for f.rats[n-1].Cmp(pow2(e+1)) >= 0 {
		e++
	}
	step := pow2(e - int64(t.Man))
	f.beyond = step.Add(step, f.rats[n-1])
	return f
}

// encode rounds x; the result is a value, infinity or NaN as float64.
func (f *refFormat) encode(x float64, r Round, o Overflow) float64 {
	t := f.t
	top := f.values[len(f.values)-1]
	overflow := func(finite bool) float64 {
		switch {
		case o == Saturate || t.Specials == Finite || finite && r == TowardZero:
			return top
		case t.Specials == IEEE:
			return math.Inf(1)
		}
		return math.NaN()
	}
	if x != x {
		if t.Specials == Finite {
			return top
		}
		return math.NaN()
	}
	neg := math.Signbit(x)
	if t == E8M0 && (neg || x == 0) {
		return f.values[0]
	}
	sign := func(v float64) float64 {
		if neg && !(v == 0 && t.Specials == FNUZ) {
			return -v
		}
		return v
	}
	if math.IsInf(x, 0) {
		return sign(overflow(false))
	}
	a := new(big.Rat).SetFloat64(math.Abs(x))
	i := sort.Search(len(f.rats), func(i int) bool { return f.rats[i].Cmp(a) > 0 }) // first above a
	if i == 0 {
		return f.values[0] // below the smallest of e8m0
	}
	var above *big.Rat
	if i == len(f.rats) {
		above = f.beyond
	} else {
		above = f.rats[i]
	}
	if r == TowardZero {
		if i == len(f.rats) && a.Cmp(f.beyond) >= 0 {
			return sign(overflow(true))
		}
		return sign(f.values[i-1])
	}
	down, up := new(big.Rat).Sub(a, f.rats[i-1]), new(big.Rat).Sub(above, a)
	c := down.Cmp(up)
	if c > 0 || c == 0 && (i-1)%2 == 1 {
		if i == len(f.rats) {
			return sign(overflow(true))
		}
		return sign(f.values[i])
	}
	return sign(f.values[i-1])
}

// floatsUpTo lists the floats of at most so many bits.
func floatsUpTo(bits int) []Type {
	var out []Type
	for _, t := range All() {
		if t.IsFloat() && t.Bits() <= bits {
			out = append(out, t)
		}
	}
	return out
}

// TestAllCodes decodes every code of every format of up to 16 bits against the definition, encodes
// it back, and looks at the stream forms.
func TestAllCodes(t *testing.T) {
	for _, x := range floatsUpTo(16) {
		n := 1 << x.Bits()
		stream := make([]byte, StreamBytes(x.Bits(), n))
		codes := make([]uint64, n)
		for c := range codes {
			codes[c] = uint64(c)
		}
		Pack(stream, 0, codes, x.Bits())
		bulk, again := make([]float32, n), make([]byte, len(stream))
		x.DecodeF32(bulk, stream, 0)
		x.EncodeF32(again, 0, bulk)
		back := make([]uint64, n)
		Unpack(back, again, 0, x.Bits())
		for c := range codes {
			code := uint64(c)
			ref := refDecode(x, code)
			got := x.Decode(code)
			want := math.NaN()
			switch ref.kind {
			case number:
				want, _ = ref.rat.Float64()
			case infinity:
				want = math.Inf(1)
			}
			if ref.neg {
				want = -want
			}
			if !same(got, want) || !same(float64(bulk[c]), want) {
				t.Fatalf("%v code %#x: Decode %v, DecodeF32 %v, want %v", x, code, got, bulk[c], want)
			}
			for _, r := range []Round{NearestEven, TowardZero} {
				for _, o := range []Overflow{Saturate, ToInf} {
					if ref.kind == infinity && o == Saturate {
						continue
					}
					e := x.Encode(got, r, o)
					if ref.kind == notNumber {
						e, code = uint64(bitsOf(x.Decode(e))), uint64(bitsOf(math.NaN()))
					}
					if e != code {
						t.Fatalf("%v: %v encodes to %#x, want %#x", x, got, e, code)
					}
					code = uint64(c)
				}
			}
			switch {
			case ref.kind == notNumber:
				if v := x.Decode(back[c]); v == v {
					t.Fatalf("%v: NaN stored as %#x, which is %v", x, back[c], v)
				}
			case ref.kind == infinity && x.Overflow() == Saturate:
				if v := x.Decode(back[c]); math.Abs(v) != x.Max() {
					t.Fatalf("%v: inf stored as %v", x, v)
				}
			case back[c] != code:
				t.Fatalf("%v: %v stored as %#x, want %#x", x, got, back[c], code)
			}
		}
	}
}

// bitsOf tells NaN from everything else by one bit.
func bitsOf(x float64) int {
	if x != x {
		return 1
	}
	return 0
}

// samples are the hard inputs of a format: its values, the midpoints between them (ties), the
// neighbours of both in float64 and float32, what lies beyond either end, specials, and random ones.
func (f *refFormat) samples(rng *rand.Rand, random int) []float64 {
	out := []float64{0, math.Inf(1), math.NaN(), math.MaxFloat64, math.SmallestNonzeroFloat64, math.MaxFloat32,
		math.SmallestNonzeroFloat32, 0x1p-1000, 0x1p-126, 0x1p-150}
	add := func(x float64) {
		out = append(out, x, math.Nextafter(x, 0), math.Nextafter(x, math.Inf(1)),
			float64(math.Nextafter32(float32(x), 0)), float64(math.Nextafter32(float32(x), math.MaxFloat32)))
	}
	step := max(1, len(f.values)/2000)
	for i := 0; i+1 < len(f.values); i += step {
		add(f.values[i])
		add((f.values[i] + f.values[i+1]) / 2)
	}
	top := f.values[len(f.values)-1]
	beyond, _ := f.beyond.Float64()
	add(top)
	add((top + beyond) / 2)
	add(beyond)
	add(beyond * 3)
	for range random {
		out = append(out, top*math.Pow(rng.Float64(), 1+8*rng.Float64()), float64(math.Float32frombits(rng.Uint32())))
	}
	for _, x := range out {
		out = append(out, -x)
	}
	return out
}

// TestEncodeAgainstRationals rounds hard and random float64 values to every format of up to 16 bits,
// both directions, both overflows, against the reference; RoundF32, RoundSlice and EncodeF32 on
// those that are float32.
func TestEncodeAgainstRationals(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for _, x := range floatsUpTo(16) {
		f := reference(x)
		var in, want []float32
		for _, v := range f.samples(rng, 300) {
			for _, r := range []Round{NearestEven, TowardZero} {
				for _, o := range []Overflow{Saturate, ToInf} {
					if got, want := x.Decode(x.Encode(v, r, o)), f.encode(v, r, o); !same(got, want) {
						t.Fatalf("%v: %v (%x) rounds to %v in direction %d, overflow %d, want %v", x, v, v, got, r, o, want)
					}
				}
			}
			nearest := f.encode(v, NearestEven, x.Overflow())
			if got := x.Round64(v); !same(got, nearest) {
				t.Fatalf("%v: Round64(%v) = %v, want %v", x, v, got, nearest)
			}
			if got, want := x.FloatOfFloat(v, RZ), f.encode(v, TowardZero, x.Overflow()); !same(got, want) {
				t.Fatalf("%v: %v as rz is %v, want %v", x, v, got, want)
			}
			if float64(float32(v)) == v || v != v {
				in, want = append(in, float32(v)), append(want, float32(nearest))
			}
		}
		checkBulk(t, x, in, want)
	}
}

// checkBulk compares the bulk forms on in with the values wanted.
func checkBulk(t *testing.T, x Type, in, want []float32) {
	t.Helper()
	got := make([]float32, len(in))
	x.RoundSlice(got, in)
	stream := make([]byte, StreamBytes(x.Bits(), len(in)))
	x.EncodeF32(stream, 0, in)
	stored := make([]float32, len(in))
	x.DecodeF32(stored, stream, 0)
	for i := range in {
		w := float64(want[i])
		if !same(float64(got[i]), w) || !same(float64(stored[i]), w) || !same(float64(x.RoundF32(in[i])), w) {
			t.Fatalf("%v: %v (%x) rounds to %v by RoundSlice, %v by EncodeF32, %v by RoundF32, want %v",
				x, in[i], in[i], got[i], stored[i], x.RoundF32(in[i]), want[i])
		}
	}
}

// TestBulkDense compares bulk rounding with the scalar form on every sign, exponent and leading
// mantissa bits of a float32, with the bits after them at zero, just above zero, and all ones.
func TestBulkDense(t *testing.T) {
	for _, x := range floatsUpTo(32) {
		lead := uint32(7)
		if x.Bits() > 8 {
			lead = uint32(x.Man) + 1
		}
		if x == F32 {
			continue
		}
		step := uint32(1) << (23 - lead)
		var in, want []float32
		flush := func() {
			checkBulk(t, x, in, want)
			in, want = in[:0], want[:0]
		}
		for b := uint64(0); b < 1<<32; b += uint64(step) {
			for _, low := range []uint32{0, 1, step - 1} {
				v := math.Float32frombits(uint32(b) | low)
				in, want = append(in, v), append(want, float32(x.Round64(float64(v))))
			}
			if len(in) > 8000 {
				flush()
			}
		}
		flush()
	}
}

// TestWideFloats holds f64, f32 and tf32 to math/big: exact rationals through Float32, and tf32 by
// its definition, on random and hard values.
func TestWideFloats(t *testing.T) {
	rng := rand.New(rand.NewSource(2))
	for range 6000 {
		v := math.Float64frombits(rng.Uint64())
		switch rng.Intn(4) {
		case 0:
			v = float64(math.Float32frombits(rng.Uint32()))
		case 1: // near a tie of f32 or tf32
			v = math.Float64frombits(rng.Uint64()&^(1<<28-1) | uint64(rng.Intn(3)))
		case 2: // in float32's range, subnormals included
			v = math.Ldexp(rng.Float64()*2-1, rng.Intn(280)-150)
		}
		if v-v != 0 {
			continue
		}
		if got := F64.Decode(F64.Encode(v, NearestEven, ToInf)); !same(got, v) {
			t.Fatalf("f64: %x became %x", v, got)
		}
		exact := new(big.Rat).SetFloat64(v)
		want32, _ := exact.Float32()
		if v == 0 || want32 == 0 {
			want32 = float32(math.Copysign(0, v))
		}
		if got := F32.Decode(F32.Encode(v, NearestEven, ToInf)); !same(got, float64(want32)) || !same(F32.Round64(v), float64(want32)) {
			t.Fatalf("f32: %x became %x, want %x", v, got, want32)
		}
		for _, r := range []Round{NearestEven, TowardZero} {
			for _, x := range []Type{TF32, F32} {
				want := refWide(x, exact, math.Signbit(v), r)
				if got := x.Decode(x.Encode(v, r, ToInf)); !same(got, want) {
					t.Fatalf("%v: %x became %x in direction %d, want %x", x, v, got, r, want)
				}
			}
		}
	}
	for _, c := range []struct {
		t    Type
		x    float64
		o    Overflow
		want float64
	}{
		{F32, math.Inf(-1), ToInf, math.Inf(-1)}, {F32, math.Inf(1), Saturate, math.MaxFloat32}, {F32, 1e300, Saturate, math.MaxFloat32},
		{F64, math.Inf(-1), Saturate, -math.MaxFloat64}, {F64, math.Inf(-1), ToInf, math.Inf(-1)}, {F64, math.NaN(), Saturate, math.NaN()},
		{TF32, math.NaN(), Saturate, math.NaN()}, {TF32, math.Inf(1), Saturate, 0x1.ffcp127}, {TF32, math.MaxFloat32, ToInf, math.Inf(1)},
	} {
		if got := c.t.Decode(c.t.Encode(c.x, NearestEven, c.o)); !same(got, c.want) {
			t.Errorf("%v: %v with overflow %d is %v, want %v", c.t, c.x, c.o, got, c.want)
		}
	}
}

// refWide rounds to f32 or tf32 by counting multiples of the spacing at |x|.
func refWide(t Type, x *big.Rat, neg bool, r Round) float64 {
	a := new(big.Rat).Abs(x)
	near, _ := a.Float64()
	_, exp := math.Frexp(near)
	e := int64(max(exp-3, -126)) // at most the exponent of a, whichever way Float64 rounded
	for a.Cmp(pow2(e+1)) >= 0 && e < 128 {
		e++
	}
	q := pow2(e - int64(t.Man))
	k, rem := new(big.Int), new(big.Rat).Quo(a, q)
	k.Quo(rem.Num(), rem.Denom())
	rem.Sub(rem, new(big.Rat).SetInt(k))
	c := rem.Cmp(big.NewRat(1, 2))
	if r == NearestEven && (c > 0 || c == 0 && k.Bit(0) == 1) {
		k.Add(k, big.NewInt(1))
	}
	v, _ := q.Mul(q, new(big.Rat).SetInt(k)).Float64()
	if v > t.Max() {
		v = math.Inf(1)
		if r == TowardZero {
			v = t.Max()
		}
	}
	if neg {
		v = -v
	}
	return v
}
