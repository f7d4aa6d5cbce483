package layout

// Shift is l with n added to its offset, before the swizzle if it has one.
func Shift(l Layout, n int64) (Layout, error) {
	offset, ok := add(l.offset, n)
	if !ok {
		return Layout{}, failf(Overflow, "the offsets %d and %d add to more than 63 bits", l.offset, n)
	}
	return build(l.shape, l.stride, offset, l.swizzle)
}
