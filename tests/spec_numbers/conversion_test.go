package numbers

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/tilec/tilec/ir/dtype"
)

// types are one or more of each family, and each policy for special values.
var types = []string{
	"bool", "i2", "i3", "i4", "i7", "i8", "i16", "i32", "i64",
	"u1", "u2", "u3", "u4", "u5", "u8", "u16", "u32", "u64",
	"bp1", "bp2", "bp3", "bp4", "bp8",
	"f64", "f32", "tf32", "f16", "bf16",
	"f8e4m3", "f8e5m2", "f8e4m3fnuz", "f8e5m2fnuz", "f8e4m3ieee", "f8e3m4", "f8e2m5", "f8e7m0", "f8e1m6fn",
	"f7e3m3", "f6e3m2", "f6e2m3", "f5e2m2", "f5e2m2ieee", "f4e2m1", "f4e2m1fnuz", "f3e1m1", "f3e2m0", "e8m0",
}

// TestConversions converts between every two of the types, in every mode: all codes of types of up to 8 bits, and of
// others what lies at and beside the values of all types, half between them, and at the ends.
func TestConversions(t *testing.T) {
	for _, name := range types {
		from := parse(t, name)
		var outputs []string
		var to []dtype.Type
		var modes []string
		for _, other := range types {
			e := parse(t, other)
			for _, mode := range []string{"", modeRZ, modeWrap} {
				m := map[string]dtype.Mode{"": dtype.Default, modeRZ: dtype.RZ, modeWrap: dtype.Wrap}[mode]
				if dtype.CheckMode(from, e, m) == nil {
					outputs = append(outputs, fmt.Sprintf("%s = a as %s %s", e, e, mode))
					to, modes = append(to, e), append(modes, mode)
				}
			}
		}
		in := samples(from)
		out := load(t, elementwise([]string{name}, outputs)).run(t, vector(from, in))
		bad := 0
		for j, a := range out {
			for i, got := range codes(a) {
				v := decode(from, in[i])
				want := convert(v, to[j], modes[j])
				if from == to[j] {
					want = v
				}
				if g := decode(to[j], got); !g.same(want) {
					if bad++; bad < 10 {
						t.Errorf("%s %v as %s %s = %v, want %v", name, v, to[j], modes[j], g, want)
					}
				}
			}
		}
	}
}

// samples are codes of a type: all of them up to 8 bits, some more of 16. Of bool there are two.
func samples(t dtype.Type) []uint64 {
	if t == dtype.Bool {
		return []uint64{0, 1}
	}
	if t.Bits() <= 16 {
		var out []uint64
		for c := range uint64(1) << t.Bits() {
			if t.Bits() <= 8 || c%11 == 0 || (c+1)&63 < 3 {
				out = append(out, c)
			}
		}
		return out
	}
	var out []uint64
	r := seeded(t.String())
	if t.IsInt() {
		mask := ^uint64(0) >> (64 - t.Bits())
		for k := range t.Bits() {
			for d := range uint64(7) {
				x := uint64(1)<<k + d - 3
				out = append(out, x&mask, -x&mask)
			}
			// Beside what lies half between two floats.
			for range 12 {
				odd := (r.Uint64()>>uint(64-min(k+1, 27)) | 1) << max(0, k-26)
				out = append(out, odd&mask, (odd+1)&mask, (odd-1)&mask, -odd&mask)
			}
		}
		for range 3000 {
			out = append(out, r.Uint64()&mask)
		}
		return out
	}
	for _, x := range floatSamples() {
		for _, y := range []float64{x, -x} {
			c := near(t, y)
			// The neighbours, and the neighbours' sign.
			unit := uint64(1) << (t.Bits() - 1 - int(t.Exp) - int(t.Man))
			out = append(out, c, c+unit, c-unit&(^uint64(0)>>(64-t.Bits())))
		}
	}
	for range 3000 {
		c := r.Uint64() >> (64 - t.Bits())
		if t == dtype.TF32 {
			c = c >> 13 << 13
		}
		out = append(out, c)
	}
	for i, c := range out {
		if t == dtype.TF32 {
			out[i] = c >> 13 << 13
		}
	}
	return out
}

// near is the code of a float of 32 or 64 bits near x.
func near(t dtype.Type, x float64) uint64 {
	switch t {
	case dtype.F64:
		return math.Float64bits(x)
	case dtype.TF32:
		return uint64(math.Float32bits(float32(x))) >> 13 << 13
	}
	return uint64(math.Float32bits(float32(x)))
}

// floatSamples are the values of all types of up to 8 bits, many of the wider ones, and what lies half between two.
func floatSamples() []float64 {
	out := []float64{0, math.Inf(1), math.NaN(), math.MaxFloat64, math.SmallestNonzeroFloat64, 0x1p-1022}
	r := seeded("floats")
	for _, name := range types {
		t, _ := dtype.Parse(name)
		var of []float64
		switch {
		case t.Bits() <= 8 && t != dtype.Bool:
			for c := range uint64(1) << t.Bits() {
				of = append(of, scalar(decode(t, c)))
			}
		case t.IsInt():
			for k := range t.Bits() + 2 {
				of = append(of, math.Ldexp(1, k)-1, math.Ldexp(1, k), math.Ldexp(1, k)+0.5, math.Ldexp(1, k)+1)
			}
		case t.IsFloat():
			top := greatest(t)
			low := math.Ldexp(1, leastExp(t)-int(t.Man))
			of = append(of, top, top+math.Ldexp(top, -int(t.Man)-2), 2*top, low, low/2, low/4, 3*low, math.Ldexp(1, leastExp(t)))
			for range 50 {
				e := leastExp(t) - int(t.Man) + r.IntN(1<<t.Exp+int(t.Man))
				of = append(of, math.Ldexp(float64(r.IntN(1<<min(t.Man, 30))|1<<min(t.Man, 30)), e-int(t.Man)))
			}
		}
		slices.Sort(of)
		for i, x := range of {
			out = append(out, x)
			if i > 0 && !math.IsInf(of[i-1], 0) {
				out = append(out, of[i-1]/2+x/2)
			}
		}
	}
	slices.SortFunc(out, func(x, y float64) int { return int(int64(math.Float64bits(x)>>1) - int64(math.Float64bits(y)>>1)) })
	return slices.CompactFunc(out, func(x, y float64) bool { return math.Float64bits(x) == math.Float64bits(y) })
}

func scalar(v value) float64 {
	switch {
	case v.float:
		return v.f
	case v.neg:
		return -float64(v.mag)
	}
	return float64(v.mag)
}
