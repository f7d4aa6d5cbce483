package layout

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
	swizzle, err := l.swizzle.narrow(n)
	if err != nil {
		return Layout{}, err
	}
	if !fits {
		return Layout{}, failf(Overflow, "the offsets of %v times %d take more than %d bits", l, n, MaxBits)
	}
	return build(l.shape, l.shape.With(strides), offset, swizzle)
}
