package dtype

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func parse(t *testing.T, name string) Type {
	t.Helper()
	x, err := Parse(name)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func TestParseString(t *testing.T) {
	seen := map[Type]bool{}
	names := map[string]bool{}
	for _, x := range All() {
		if seen[x] || names[x.String()] {
			t.Errorf("%v is listed twice", x)
		}
		seen[x], names[x.String()] = true, true
		got, err := Parse(x.String())
		if err != nil || got != x {
			t.Errorf("Parse(%q) = %+v, %v; want %+v", x.String(), got, err, x)
		}
	}
	for name, want := range map[string]Type{
		"f8e4m3fn": F8E4M3, "f8e5m2ieee": F8E5M2, "f4e2m1fn": F4E2M1, "f6e3m2fn": F6E3M2,
		"f8e4m3fnuz": F8E4M3FNUZ, "f8e5m2fnuz": F8E5M2FNUZ,
	} {
		if got := parse(t, name); got != want {
			t.Errorf("Parse(%q) = %+v, want %+v", name, got, want)
		}
	}
	if len(All()) < 90 {
		t.Errorf("only %d types", len(All()))
	}
	for k, want := range map[Kind]string{Invalid: "invalid", BipolarKind: "bipolar", 77: "Kind(77)"} {
		if k.String() != want {
			t.Errorf("Kind %d prints %s", uint8(k), k)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for name, want := range map[string]string{
		"i1": "i2 to i8", "i9": "i2 to i8", "u9": "u1 to u8", "i128": "i2 to i8", "bp9": "bp1 to bp8", "u0": "", "u08": "",
		"u99999999999999999999": "u1 to u8", "f8e4m4": "are 9 bits, not 8", "f9e4m4": "3 to 8 bits",
		"f3e0m2": "at least one", "f8e7m0ieee": "ieee", "f2e1m0": "3 to 8 bits", "f8e4m3fnu": "", "f8e4m": "",
		"f8": "", "": "", "int": "", "F32": "", "float": "", "u": "", "f8e08m3": "", "u-4": "", "e8m0fn": "", "invalid": "",
	} {
		x, err := Parse(name)
		switch {
		case err == nil:
			t.Errorf("Parse(%q) = %v, want an error", name, x)
		case want == "" && !errors.Is(err, ErrUnknown):
			t.Errorf("Parse(%q): %v, want ErrUnknown", name, err)
		case !strings.Contains(err.Error(), want):
			t.Errorf("Parse(%q): %v, want %q in it", name, err, want)
		}
	}
}

// TestAnchors holds formats to published numbers: IEEE 754, OCP OFP8 v1.0 table 2, OCP MX v1.0
// tables 1 to 5, and the FNUZ formats of the CDNA3 ISA.
func TestAnchors(t *testing.T) {
	for _, c := range []struct {
		name                  string
		max, normal, smallest float64
		inf, nan, negZero     bool
		ulp                   float64
	}{
		{"f64", math.MaxFloat64, 0x1p-1022, math.SmallestNonzeroFloat64, true, true, true, 0x1p-53},
		{"f32", math.MaxFloat32, 0x1p-126, 0x1p-149, true, true, true, 0x1p-24},
		{"tf32", 0x1.ffcp127, 0x1p-126, 0x1p-136, true, true, true, 0x1p-11},
		{"f16", 65504, 0x1p-14, 0x1p-24, true, true, true, 0x1p-11},
		{"bf16", 0x1.fep127, 0x1p-126, 0x1p-133, true, true, true, 0x1p-8},
		{"f8e4m3", 448, 0x1p-6, 0x1p-9, false, true, true, 0x1p-4},
		{"f8e5m2", 57344, 0x1p-14, 0x1p-16, true, true, true, 0x1p-3},
		{"f8e4m3fnuz", 240, 0x1p-7, 0x1p-10, false, true, false, 0x1p-4},
		{"f8e5m2fnuz", 57344, 0x1p-15, 0x1p-17, false, true, false, 0x1p-3},
		{"f8e4m3ieee", 240, 0x1p-6, 0x1p-9, true, true, true, 0x1p-4},
		{"f8e3m4", 15.5, 0x1p-2, 0x1p-6, true, true, true, 0x1p-5},
		{"f6e3m2", 28, 0.25, 0.0625, false, false, true, 0x1p-3},
		{"f6e2m3", 7.5, 1, 0.125, false, false, true, 0x1p-4},
		{"f4e2m1", 6, 1, 0.5, false, false, true, 0x1p-2},
		{"f3e1m1", 3, 2, 1, false, false, true, 0.5},
		{"e8m0", 0x1p127, 0x1p-127, 0x1p-127, false, true, false, 0.5},
	} {
		x := parse(t, c.name)
		got := []any{x.Max(), x.MinNormal(), x.SmallestSubnormal(), x.HasInf(), x.HasNaN(), x.HasNegZero(), x.UnitRoundoff()}
		want := []any{c.max, c.normal, c.smallest, c.inf, c.nan, c.negZero, c.ulp}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: max, min normal, smallest, inf, nan, -0, half ulp (-want +got):\n%s", c.name, d)
		}
	}
	for name, want := range map[string][]float64{
		"f4e2m1":     {0, .5, 1, 1.5, 2, 3, 4, 6},
		"f3e1m1":     {0, 1, 2, 3},
		"f3e2m0":     {0, 1, 2, 4},
		"f4e1m2":     {0, .5, 1, 1.5, 2, 2.5, 3, 3.5},
		"f4e2m1fnuz": {0, .25, .5, .75, 1, 1.5, 2, 3},
		"bp1":        {-1, 1},
		"bp2":        {-3, -1, 1, 3},
		"i2":         {0, 1, -2, -1},
		"u2":         {0, 1, 2, 3},
	} {
		x := parse(t, name)
		var got []float64
		for i := range want {
			got = append(got, x.Decode(uint64(i)))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	for _, c := range []struct {
		name string
		code uint64
		want float64
	}{
		{"f8e4m3", 0x38, 1}, {"f8e4m3", 0x7e, 448}, {"f8e4m3", 0x7f, math.NaN()}, {"f8e4m3", 0xff, math.NaN()},
		{"f8e4m3", 0x01, 0x1p-9}, {"f8e4m3", 0x88, -0x1p-6}, {"f8e5m2", 0x3c, 1}, {"f8e5m2", 0x7c, math.Inf(1)},
		{"f8e5m2", 0xfc, math.Inf(-1)}, {"f8e5m2", 0x7d, math.NaN()}, {"f8e5m2", 0x7b, 57344},
		{"f8e4m3fnuz", 0x80, math.NaN()}, {"f8e4m3fnuz", 0x40, 1}, {"f8e4m3fnuz", 0x7f, 240}, {"f8e5m2fnuz", 0x40, 1},
		{"e8m0", 127, 1}, {"e8m0", 0, 0x1p-127}, {"e8m0", 254, 0x1p127}, {"e8m0", 255, math.NaN()},
		{"f16", 0x3c00, 1}, {"f16", 0x0001, 0x1p-24}, {"f16", 0xfc00, math.Inf(-1)}, {"f16", 0x3555, 0x1.554p-2},
		{"bf16", 0x3f80, 1}, {"bf16", 0x4049, 3.140625}, {"tf32", 0x3f800000, 1}, {"tf32", 0x3f801fff, 1},
		{"bp8", 255, 255}, {"bp8", 0, -255}, {"i4", 8, -8}, {"i8", 0x80, -128}, {"u64", ^uint64(0), 0x1p64}, {"bool", 7, 1},
	} {
		if got := parse(t, c.name).Decode(c.code); !same(got, c.want) {
			t.Errorf("%s code %#x is %v, want %v", c.name, c.code, got, c.want)
		}
	}
}

// same compares values, telling -0 from 0 and taking all NaNs as one.
func same(a, b float64) bool {
	return a != a && b != b || math.Float64bits(a) == math.Float64bits(b)
}
