package layout

import "math/bits"

// Shift is l with n added to its offset, before the swizzle if it has one.
func Shift(l Layout, n int64) (Layout, error) {
	offset, ok := add(l.offset, n)
	if !ok {
		return Layout{}, failf(Overflow, "the offsets %d and %d add to more than 63 bits", l.offset, n)
	}
	return build(l.shape, l.stride, offset, l.swizzle)
}

// Scale is the layout whose offsets are n times those of l: of elements of n bits, the layout in bits. Behind an XOR
// swizzle n must be a power of two.
func Scale(l Layout, n int64) (Layout, error) {
	if n < 1 {
		return Layout{}, failf(Range, "offsets times %d; the factor is at least 1", n)
	}
	strides := make([]int64, len(l.strides))
	offset, fits := multiply(l.offset, n)
	for i, s := range l.strides {
		var ok bool
		strides[i], ok = multiply(s, n)
		fits = fits && ok
	}
	swizzle := l.swizzle
	switch r := swizzle.rotation; {
	case swizzle.IsIdentity():
	case r.radix != 0:
		var err error
		if swizzle, err = rotationTimes(r, n); err != nil {
			return Layout{}, err
		}
	case n&(n-1) != 0:
		return Layout{}, failf(Nonlinear, "%v behind offsets times %d, which is no power of two", swizzle, n)
	default:
		shift := bits.TrailingZeros64(uint64(n))
		if swizzle.Bits()+shift > MaxBits {
			return Layout{}, failf(Overflow, "%v of offsets times %d reaches beyond bit %d", swizzle, n, MaxBits)
		}
		columns := make([]int64, shift+len(swizzle.columns))
		for k := range columns {
			if columns[k] = 1 << k; k >= shift {
				columns[k] = swizzle.columns[k-shift] << shift
			}
		}
		swizzle = linear(columns)
	}
	if !fits {
		return Layout{}, failf(Overflow, "the offsets of %v times %d take more than %d bits", l, n, MaxBits)
	}
	return build(l.shape, l.shape.With(strides), offset, swizzle)
}

func rotationTimes(r rotation, n int64) (Swizzle, error) {
	unit, ok := multiply(r.unit, n)
	if !ok {
		return Swizzle{}, failf(Overflow, "chunks of %d offsets times %d take more than 63 bits", r.unit, n)
	}
	return Rotation(unit, r.radix, r.step)
}
