package layout

// WithSwizzle is s behind l: the layout whose offset at every index is s of l's. It refuses a swizzle behind another one
// unless both are linear, and a swizzle of negative offsets.
func WithSwizzle(s Swizzle, l Layout) (Layout, error) {
	switch {
	case s.IsIdentity():
		return l, nil
	case l.swizzle.IsIdentity():
	case s.IsLinear() && l.swizzle.IsLinear():
		columns := make([]int64, max(s.Bits(), l.swizzle.Bits()))
		for k := range columns {
			columns[k] = s.At(l.swizzle.Column(k))
		}
		s = linear(columns)
	default:
		return Layout{}, failf(Nonlinear, "%v behind %v: a rotation does not combine with another swizzle", s, l.swizzle)
	}
	return build(l.shape, l.stride, l.offset, s)
}
