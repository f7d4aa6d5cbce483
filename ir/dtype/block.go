package dtype

import (
	"fmt"
	"math"
)

// Scaled is a block-scaled format: consecutive elements share one scale, and an element is worth its own value
// times its block's scale (and a factor for the whole tensor, where a format has one).
// In a .tile file it is two tensors, x[n, k] * s[n, k/Block]; this type is their quantiser.
type Scaled struct {
	Elem, Scale Type
	Block       int
}

// The published formats: OCP Microscaling v1.0, and NVIDIA's NVFP4, whose e4m3 scales go with an f32
// factor for the tensor.
var (
	MXFP8E4M3 = Scaled{F8E4M3, E8M0, 32}
	MXFP8E5M2 = Scaled{F8E5M2, E8M0, 32}
	MXFP6E3M2 = Scaled{F6E3M2, E8M0, 32}
	MXFP6E2M3 = Scaled{F6E2M3, E8M0, 32}
	MXFP4     = Scaled{F4E2M1, E8M0, 32}
	NVFP4     = Scaled{F4E2M1, F8E4M3, 16}
)

// BFP is block floating point: signed integers of n bits (2 to 8) under one shared e8m0 exponent.
// BFP(8, 32) is OCP's MXINT8, but that that page counts elements in 1/64, its scales being 64 times ours.
func BFP(n, block int) Scaled { return Scaled{Int(n), E8M0, block} }

// Check says what is wrong with the format itself: elements are floats or signed integers of up to
// 8 bits, scales floats held as float32, blocks have at least one element.
func (s Scaled) Check() error {
	switch {
	case s.Elem.Width > 8 || s.Elem.Kind != IntKind && s.Elem.Kind != FloatKind || s.Elem == E8M0:
		return fmt.Errorf("a block-scaled element is a float or signed integer of up to 8 bits with a zero, not %v", s.Elem)
	case s.Scale.Class() != ClassF32:
		return fmt.Errorf("a block scale is a float of up to 32 bits, not %v", s.Scale)
	case s.Block < 1:
		return fmt.Errorf("a scale block has at least one element, not %d", s.Block)
	}
	return nil
}

// emax is the exponent of the largest value of the element type, as OCP MX uses it: 8 for e4m3,
// 15 for e5m2, 4 for e3m2, 2 for e2m3 and e2m1. For an integer it is that of the largest power of two.
func (s Scaled) emax() int {
	_, e := math.Frexp(s.Elem.Max())
	return e - 1
}

// ScaleFor is the scale of a block whose largest magnitude is amax (finite and not negative).
//
// With e8m0 it is OCP MX v1.0's rule, 2^(floor(log2 amax) - emax): a power of two under which the
// largest element lands in the top binade of the element type, saturating where it lies beyond the largest value.
// With another scale type it is amax / max(elem) rounded to that type, NVFP4's rule; of a
// scale type that has a zero, one that would round to it becomes the smallest positive value. A block of zeros has
// the smallest scale in e8m0 and 1 elsewhere; NaN anywhere in a block makes its scale NaN.
func (s Scaled) ScaleFor(amax float64) float64 {
	if s.Scale == E8M0 {
		if amax == 0 {
			return s.Scale.SmallestSubnormal()
		}
		if amax != amax || math.IsInf(amax, 0) {
			return math.NaN()
		}
		_, e := math.Frexp(amax)
		return s.Scale.Round64(math.Ldexp(1, e-1-s.emax()))
	}
	if amax == 0 {
		return 1
	}
	if math.IsInf(amax, 0) {
		return math.NaN()
	}
	v := s.Scale.FloatOfFloat(amax/s.Elem.Max(), Default)
	return max(v, s.Scale.SmallestSubnormal())
}

// FactorFor is the tensor's factor where its largest magnitude is amax: with e8m0 scales, which need
// none, 1; else amax / (max(elem) * max(scale)), so that the block of amax gets the largest scale. It
// is 1 where that is no positive float32.
func (s Scaled) FactorFor(amax float64) float32 {
	f := float32(amax / (s.Elem.Max() * s.Scale.Max()))
	if s.Scale == E8M0 || !(f > 0) || math.IsInf(float64(f), 0) {
		return 1
	}
	return f
}

// Quantise makes codes and scales of a row: elem is a stream of len(x) codes from bit 0, scale one
// of a code for each block, the last block possibly short; both are overwritten up to their last
// byte. factor, 1 for formats without one, is the tensor's: elements are divided by scale times
// factor in float64 and rounded to nearest even, saturating. A block with a NaN or an infinity gets a
// NaN scale, an error where the scale type has none.
func (s Scaled) Quantise(elem, scale []byte, x []float32, factor float32) error {
	blocks, err := s.sizes(elem, scale, len(x), factor)
	if err != nil {
		return err
	}
	eb, sb := s.Elem.Bits(), s.Scale.Bits()
	for b := range blocks {
		part := x[b*s.Block : min((b+1)*s.Block, len(x))]
		amax := 0.0
		for _, v := range part {
			amax = max(amax, math.Abs(float64(v))) // NaN wins in Go's max
		}
		sc := s.ScaleFor(amax / float64(factor))
		if sc != sc && !s.Scale.HasNaN() {
			return fmt.Errorf("elements %d to %d hold NaN or inf, which scales of %v cannot say", b*s.Block, b*s.Block+len(part)-1, s.Scale)
		}
		WriteCode(scale, b*sb, sb, s.Scale.Encode(sc, NearestEven, Saturate))
		for i, v := range part {
			q := float64(v) / (sc * float64(factor))
			if q != q {
				q = 0 // the scale is NaN: the element's code does not matter
			}
			WriteCode(elem, (b*s.Block+i)*eb, eb, s.Elem.Encode(q, NearestEven, Saturate))
		}
	}
	return nil
}

// Dequantise sets each x[i] to its element's value times its block's scale times factor, computed
// in float64 and rounded to float32. The streams are as Quantise writes them.
func (s Scaled) Dequantise(x []float32, elem, scale []byte, factor float32) error {
	blocks, err := s.sizes(elem, scale, len(x), factor)
	if err != nil {
		return err
	}
	eb, sb := s.Elem.Bits(), s.Scale.Bits()
	for b := range blocks {
		sc := s.Scale.Decode(ReadCode(scale, b*sb, sb)) * float64(factor)
		for i := b * s.Block; i < min((b+1)*s.Block, len(x)); i++ {
			x[i] = float32(s.Elem.Decode(ReadCode(elem, i*eb, eb)) * sc)
		}
	}
	return nil
}

// sizes checks the format and that the streams hold n elements and their scales; it gives the number of blocks.
func (s Scaled) sizes(elem, scale []byte, n int, factor float32) (blocks int, err error) {
	if err := s.Check(); err != nil {
		return 0, err
	}
	if !(factor > 0 && factor <= math.MaxFloat32) {
		return 0, fmt.Errorf("the tensor's factor is positive and finite, not %v", factor)
	}
	blocks = (n + s.Block - 1) / s.Block
	if want := StreamBytes(s.Elem.Bits(), n); len(elem) < want {
		return 0, fmt.Errorf("%d elements of %v take %d bytes, not %d", n, s.Elem, want, len(elem))
	}
	if want := StreamBytes(s.Scale.Bits(), blocks); len(scale) < want {
		return 0, fmt.Errorf("%d scales of %v take %d bytes, not %d", blocks, s.Scale, want, len(scale))
	}
	return blocks, nil
}
