package fragment

import "github.com/tilec/tilec/ir/layout"

// A TensorMap is what the bulk tensor copies of sm_90 know about a tensor in global memory and the box that one copy
// moves. Axes stand innermost first. (CUDA driver API, cuTensorMapEncodeTiled, without interleave.)
type TensorMap struct {
	Bits    int64   // of an element: 4, 8, 16, 32 or 64; 4 are 16 packed in 8 bytes
	Base    int64   // the global address
	Sizes   []int64 // elements of each axis
	Strides []int64 // bytes between neighbours along axes 1, 2, …: one fewer than Sizes; axis 0 is contiguous
	Box     []int64 // elements of the box
	Steps   []int64 // the box takes every so many elements; nil: every one
	Mode    Mode    // of the box in shared memory
}

// Check returns an error that names the first condition of the hardware which the map does not meet, with its numbers:
// 1 to 5 axes; a base address and strides that are multiples of 16 bytes, strides below 2^40; sizes from 1 to 2^32;
// box extents from 1 to 256, the innermost a multiple of 16 bytes and, with a swizzle, at most its span; steps from 1 to 8,
// along the innermost axis 1.
func (t TensorMap) Check() error {
	const op = "tensor map"
	rank := len(t.Sizes)
	switch {
	case t.Bits != 4 && t.Bits != 8 && t.Bits != 16 && t.Bits != 32 && t.Bits != 64:
		return failf(op, layout.Range, "there are no elements of %d bits; there are 4, 8, 16, 32 and 64", t.Bits)
	case t.Mode > Swizzle128:
		return failf(op, layout.Range, "there is no swizzle mode %d", t.Mode)
	case rank < 1 || rank > 5:
		return failf(op, Limit, "%d axes; there are 1 to 5", rank)
	case len(t.Strides) != rank-1:
		return failf(op, layout.Profile, "%d strides for %d axes; every axis but the innermost has one", len(t.Strides), rank)
	case len(t.Box) != rank:
		return failf(op, layout.Profile, "a box of %d extents for %d axes", len(t.Box), rank)
	case t.Steps != nil && len(t.Steps) != rank:
		return failf(op, layout.Profile, "%d steps for %d axes", len(t.Steps), rank)
	case t.Base < 0 || t.Base%16 != 0:
		return failf(op, Alignment, "the base address %#x is no multiple of 16", t.Base)
	}
	for i, n := range t.Sizes {
		if n < 1 || n > 1<<32 {
			return failf(op, Limit, "%d elements along axis %d; there are 1 to 2^32", n, i)
		}
	}
	for i, s := range t.Strides {
		if s%16 != 0 {
			return failf(op, Alignment, "the stride of axis %d, %d bytes, is no multiple of 16", i+1, s)
		}
		if s < 0 || s >= 1<<40 {
			return failf(op, Limit, "the stride of axis %d, %d bytes, is not below 2^40", i+1, s)
		}
	}
	for i, s := range t.Steps {
		if s < 1 || s > 8 {
			return failf(op, Limit, "a step of %d elements along axis %d; there are 1 to 8", s, i)
		}
		if i == 0 && s != 1 {
			return failf(op, Limit, "a step of %d elements along the innermost axis, which takes every element", s)
		}
	}
	return checkBox(t.Bits, t.Mode, t.Box)
}

func checkBox(bits int64, mode Mode, box []int64) error {
	const op = "box"
	if len(box) < 1 || len(box) > 5 {
		return failf(op, Limit, "%d axes; there are 1 to 5", len(box))
	}
	for i, n := range box {
		if n < 1 || n > 256 {
			return failf(op, Limit, "%d elements along axis %d; there are 1 to 256", n, i)
		}
	}
	inner := box[0] * bits
	if inner%128 != 0 {
		return failf(op, Alignment, "the innermost extent, %d elements of %d bits, is no multiple of 16 bytes", box[0], bits)
	}
	if mode != NoSwizzle && inner/8 > mode.Span() {
		return failf(op, Limit, "the innermost extent, %d bytes, exceeds the %d bytes of the swizzle", inner/8, mode.Span())
	}
	return nil
}

// Layout is the layout of the box in shared memory, as Box gives it, of the elements that the steps leave.
func (t TensorMap) Layout() (layout.Layout, error) {
	if err := t.Check(); err != nil {
		return layout.Layout{}, err
	}
	taken := make([]int64, len(t.Box))
	for i, n := range t.Box {
		taken[i] = n
		if t.Steps != nil {
			taken[i] = (n + t.Steps[i] - 1) / t.Steps[i]
		}
	}
	return Box(t.Bits, t.Mode, taken...)
}

// SharedAlignment is what the shared address of a box must be a multiple of for its layout to be Layout: 128 bytes
// without a swizzle, and where the pattern repeats with one.
func (t TensorMap) SharedAlignment() int64 { return max(128, t.Mode.Alignment()) }

// CheckShared returns an error for a shared address at which the box would not have its layout.
func (t TensorMap) CheckShared(address int64) error {
	if a := t.SharedAlignment(); address < 0 || address%a != 0 {
		return failf("box", Alignment, "the shared address %d is no multiple of %d", address, a)
	}
	return nil
}

// Box is the layout of a box of these extents, innermost first, in shared memory: from the coordinates to bits from an
// aligned address. Elements are dense in the order of the axes, behind the swizzle. Under a swizzle the innermost extent
// must fill the span unless the box is one row: what distance narrower rows have is not published.
func Box(bits int64, mode Mode, extents ...int64) (layout.Layout, error) {
	if bits < 1 || bits > 64 || mode > Swizzle128 {
		return layout.Layout{}, failf("box", layout.Range, "no boxes have elements of %d bits with swizzle mode %d", bits, mode)
	}
	if err := checkBox(bits, mode, extents); err != nil {
		return layout.Layout{}, err
	}
	strides, rows := make([]int64, len(extents)), int64(1)
	step := bits
	for i, n := range extents {
		strides[i], step = step, step*n
		if i > 0 {
			rows *= n
		}
	}
	if inner := extents[0] * bits / 8; mode != NoSwizzle && inner < mode.Span() && rows > 1 {
		return layout.Layout{}, failf("box", Unstated, "rows of %d bytes under a swizzle of %d: their distance in shared memory is not published; make the innermost extent %d elements, or use a narrower swizzle", inner, mode.Span(), 8*mode.Span()/bits)
	}
	l, err := layout.New(layout.Ints(extents...), layout.Ints(strides...))
	if err != nil {
		return layout.Layout{}, err
	}
	return swizzled(mode, l)
}

// Panels is the layout of a whole operand, from (mn, k) to bits, as copies of boxes of one span put it into shared
// memory, box behind box: mn rows of a span of k each for MajorK, k rows of a span of m or n for MajorMN. The
// contiguous extent is a multiple of the span. Describe finds the descriptors of the result.
func Panels(major Major, mode Mode, bits, mn, k int64) (layout.Layout, error) {
	inner, outer := k, mn
	if major == MajorMN {
		inner, outer = mn, k
	}
	if bits < 1 || bits > 64 || mode > Swizzle128 || major > MajorMN || 8*mode.Span()%bits != 0 {
		return layout.Layout{}, failf("panels", layout.Range, "there are no panels of elements of %d bits with swizzle mode %d and major %d", bits, mode, major)
	}
	span := 8 * mode.Span() / bits
	if inner < 1 || inner%span != 0 {
		return layout.Layout{}, failf("panels", layout.Divisibility, "%d contiguous elements are no multiple of the %d in %d bytes", inner, span, mode.Span())
	}
	if inner > 1<<20 || outer < 1 || outer > 1<<20 {
		return layout.Layout{}, failf("panels", Limit, "an operand of %d by %d elements", mn, k)
	}
	shape := []layout.Tuple{layout.Int(outer), layout.Int(span)}
	stride := []layout.Tuple{layout.Int(span * bits), layout.Int(bits)}
	if panels := inner / span; panels > 1 {
		shape[1], stride[1] = layout.Ints(span, panels), layout.Ints(bits, span*bits*outer)
	}
	if major == MajorMN {
		shape[0], shape[1], stride[0], stride[1] = shape[1], shape[0], stride[1], stride[0]
	}
	l, err := layout.New(layout.List(shape...), layout.List(stride...))
	if err != nil {
		return layout.Layout{}, err
	}
	return swizzled(mode, l)
}
