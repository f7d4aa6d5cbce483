package dtype

import (
	"math"
	"math/rand"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBlockScales holds the scale rule to cases worked by hand from OCP MX v1.0 section 6.3.
func TestBlockScales(t *testing.T) {
	for _, c := range []struct {
		s          Scaled
		amax, want float64
	}{
		{MXFP4, 6, 1}, {MXFP4, 7.9, 1}, {MXFP4, 8, 2}, {MXFP4, 3.9, 0.5}, {MXFP4, 0, 0x1p-127}, {MXFP4, 1e-45, 0x1p-127}, {MXFP4, math.Inf(1), math.NaN()},
		{MXFP4, math.NaN(), math.NaN()}, {MXFP8E4M3, 448, 1}, {MXFP8E4M3, 512, 2}, {MXFP8E5M2, 1, 0x1p-15}, {MXFP6E3M2, 28, 1}, {MXFP6E2M3, 7.5, 1},
		{BFP(8, 32), 127, 1}, {BFP(8, 32), 128, 2}, {BFP(4, 16), 7, 1}, {NVFP4, 6, 1}, {NVFP4, 2688, 448}, {NVFP4, 1e9, 448}, {NVFP4, 1e-9, 0x1p-9},
		{NVFP4, 0, 1}, {NVFP4, 3.3, 0.5625}, {NVFP4, math.NaN(), math.NaN()}, {NVFP4, math.Inf(1), math.NaN()},
	} {
		if got := c.s.ScaleFor(c.amax); !same(got, c.want) {
			t.Errorf("%v under %v: largest magnitude %v has scale %v, want %v", c.s.Elem, c.s.Scale, c.amax, got, c.want)
		}
	}
	if got := NVFP4.FactorFor(2688 * 3); got != 3 {
		t.Errorf("NVFP4's factor is %v, want 3", got)
	}
	for _, amax := range []float64{0, math.NaN(), math.Inf(1)} {
		if got := NVFP4.FactorFor(amax); got != 1 {
			t.Errorf("NVFP4's factor for %v is %v, want 1", amax, got)
		}
	}
	if got := MXFP4.FactorFor(1e9); got != 1 {
		t.Errorf("MXFP4's factor is %v, want 1", got)
	}
}

// TestQuantise checks worked codes, and on random rows that each element comes back within half a
// step of its block's grid, or at the end of its range.
func TestQuantise(t *testing.T) {
	x := make([]float32, 33)
	x[0], x[1], x[2], x[3], x[32] = 6, -1.25, 0.25, 7.75, 0.1875
	elem, scale := make([]byte, StreamBytes(4, 33)), make([]byte, 2)
	if err := MXFP4.Quantise(elem, scale, x, 1); err != nil {
		t.Fatal(err)
	}
	codes := make([]uint64, 33)
	Unpack(codes, elem, 0, 4)
	if d := cmp.Diff([]uint64{7, 0xa, 0, 7, 0}, codes[:5]); d != "" {
		t.Errorf("codes (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]byte{127, 122}, scale); d != "" || codes[32] != 7 {
		t.Errorf("last code %d, scales (-want +got):\n%s", codes[32], d)
	}

	rng := rand.New(rand.NewSource(5))
	for _, s := range []Scaled{MXFP4, MXFP6E2M3, MXFP6E3M2, MXFP8E4M3, MXFP8E5M2, NVFP4, BFP(8, 32), BFP(3, 7), {F8E4M3, F32, 128}, {Int(4), F16, 64}} {
		n := 500
		x := make([]float32, n)
		amax := 0.0
		for i := range x {
			x[i] = float32(math.Ldexp(rng.NormFloat64(), rng.Intn(20)-10))
			amax = max(amax, math.Abs(float64(x[i])))
		}
		factor := s.FactorFor(amax)
		blocks := (n + s.Block - 1) / s.Block
		elem, scale := make([]byte, StreamBytes(s.Elem.Bits(), n)), make([]byte, StreamBytes(s.Scale.Bits(), blocks))
		if err := s.Quantise(elem, scale, x, factor); err != nil {
			t.Fatal(err)
		}
		back := make([]float32, n)
		if err := s.Dequantise(back, elem, scale, factor); err != nil {
			t.Fatal(err)
		}
		scales := make([]float32, blocks)
		s.Scale.DecodeF32(scales, scale, 0)
		for i := range x {
			unit := float64(scales[i/s.Block]) * float64(factor)
			q := float64(x[i]) / unit
			want := s.Elem.Decode(s.Elem.Encode(q, NearestEven, Saturate)) * unit
			if float64(back[i]) != float64(float32(want)) {
				t.Fatalf("%v: %v came back as %v, want %v", s, x[i], back[i], want)
			}
			if q := math.Abs(q); q > 2*s.Elem.Max() && s.Scale == E8M0 || q > 1.1*s.Elem.Max() && s.Scale != E8M0 {
				t.Fatalf("%v: element %v is %v units, beyond reach", s, x[i], q)
			}
		}
	}

	x[5] = float32(math.NaN())
	if err := MXFP4.Quantise(elem, scale, x, 1); err != nil || scale[0] != 255 || scale[1] == 255 {
		t.Errorf("a NaN gives scales %v, error %v", scale, err)
	}
}

func TestQuantiseErrors(t *testing.T) {
	x := make([]float32, 32)
	x[3] = float32(math.Inf(1))
	elem, scale := make([]byte, 32), make([]byte, 32)
	for _, c := range []struct {
		s           Scaled
		elem, scale []byte
		factor      float32
		want        string
	}{
		{Scaled{F16, E8M0, 32}, elem, scale, 1, "element"}, {Scaled{Bipolar(2), E8M0, 32}, elem, scale, 1, "element"},
		{Scaled{F4E2M1, I8, 32}, elem, scale, 1, "scale"}, {Scaled{F4E2M1, F64, 32}, elem, scale, 1, "scale"},
		{Scaled{F4E2M1, E8M0, 0}, elem, scale, 1, "at least one"}, {MXFP4, elem[:15], scale, 1, "take 16 bytes"},
		{MXFP4, elem, scale[:0], 1, "take 1 bytes"}, {MXFP4, elem, scale, 0, "positive"}, {MXFP4, elem, scale, float32(math.Inf(1)), "positive"},
		{Scaled{F4E2M1, F6E3M2, 16}, elem, scale, 1, "elements 0 to 15 hold NaN"},
	} {
		if err := c.s.Quantise(c.elem, c.scale, x, c.factor); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: error %v, want %q in it", c.s, err, c.want)
		}
	}
}
