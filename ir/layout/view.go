package layout

import (
	"math/bits"
	"slices"
)

// Slice fixes coordinates: at has one entry a mode, of which -1 keeps the mode. The kept modes are the result's, a
// single one without a list around it; what the others add goes to the offset. It refuses another number of entries,
// and coordinates outside of a mode.
func (l Layout) Slice(at ...int64) (Layout, error) {
	if len(at) != l.Rank() {
		return Layout{}, within("slice", failf(Profile, "%d coordinates for the %d modes of %v", len(at), l.Rank(), l))
	}
	var shapes, strides []Tuple
	offset := l.offset
	for i, x := range at {
		m := l.Mode(i)
		switch {
		case x == -1:
			shapes, strides = append(shapes, m.shape), append(strides, m.stride)
		case x < 0 || x >= m.size:
			return Layout{}, within("slice", failf(Range, "coordinate %d of mode %d of %v, which has %d indices", x, i, l, m.size))
		default:
			offset += m.At(x)
		}
	}
	switch len(shapes) {
	case 0:
		return build(Int(1), Int(0), offset, l.swizzle)
	case 1:
		return build(shapes[0], strides[0], offset, l.swizzle)
	}
	return build(List(shapes...), List(strides...), offset, l.swizzle)
}

// Concat is the layout whose modes are these layouts, and whose offsets are the sums of theirs. A swizzle stays, if
// the other layouts leave the bits alone that it moves, or if all layouts are linear over F2; otherwise it is refused.
func Concat(ls ...Layout) (Layout, error) {
	l, err := concat(ls)
	return l, within("concat", err)
}

func concat(ls []Layout) (Layout, error) {
	shapes, strides := make([]Tuple, len(ls)), make([]Tuple, len(ls))
	offset, turned := int64(0), -1
	several := false
	for i, l := range ls {
		l = l.needed()
		shapes[i], strides[i] = l.shape, l.stride
		var ok bool
		if offset, ok = add(offset, l.offset); !ok {
			return Layout{}, failf(Overflow, "the offsets of %d layouts do not add up within 63 bits", len(ls))
		}
		if !l.swizzle.IsIdentity() {
			several = turned >= 0
			turned = i
		}
	}
	if turned < 0 {
		return build(List(shapes...), List(strides...), offset, Swizzle{})
	}
	swizzle := ls[turned].needed().swizzle
	var err error
	if several {
		err = failf(Nonlinear, "several of the layouts have a swizzle, and they are not all linear over F2")
	}
	if err == nil {
		var others Layout // their sums together: those of two may carry where those of each do not
		others, err = build(List(without(shapes, turned)...), List(without(strides, turned)...), offset-ls[turned].offset, Swizzle{})
		if err == nil {
			err = undisturbed(swizzle, ls[turned], others)
		}
	}
	if err == nil {
		return build(List(shapes...), List(strides...), offset, swizzle)
	}
	if l, ok := concatLinear(ls); ok {
		return l, nil
	}
	return Layout{}, err
}

// without is a list without item i.
func without(list []Tuple, i int) []Tuple { return slices.Delete(slices.Clone(list), i, i+1) }

// undisturbed checks that s(x + y) = s(x) + y for the sums x of l and y of m before their swizzles.
func undisturbed(s Swizzle, l, m Layout) error {
	if m.low < 0 {
		return failf(Range, "%v reaches the offset %d, where %v is not defined", m, m.low, s)
	}
	// All of x is a multiple of the unit.
	unit := gcd(0, l.offset)
	for i, size := range l.sizes {
		if size > 1 {
			unit = gcd(unit, l.strides[i])
		}
	}
	if !s.IsLinear() {
		if m.high < gcd(unit, s.rotation.unit) {
			return nil // y stays within the chunk
		}
		period := s.period()
		whole := period != 0 && m.offset%period == 0
		for i, size := range m.sizes {
			whole = whole && (size == 1 || m.strides[i]%period == 0)
		}
		if !whole {
			return failf(Nonlinear, "the offsets of %v neither stay within a chunk of %v nor are multiples of %d, after which it comes again", m, s, period)
		}
		return nil
	}
	// What y has below the unit does not reach the bits that s moves.
	lowest := 62
	if unit != 0 {
		lowest = bits.TrailingZeros64(uint64(unit))
	}
	touched := s.touched()
	if l.disjoint(m) && m.reached()&touched == 0 {
		return nil
	}
	for rest := touched; rest != 0; rest &= rest - 1 {
		bit := bits.TrailingZeros64(uint64(rest))
		modulus := int64(2) << bit
		sum := m.offset % modulus
		for i, size := range m.sizes {
			far, ok := multiply(size-1, modulo(m.strides[i], modulus))
			if ok {
				sum, ok = add(sum, far)
			}
			if !ok || sum >= 1<<min(bit, lowest) {
				return failf(Nonlinear, "%v moves bit %d of the offset of %v, and %v changes that bit of the sum, or carries into it", s, bit, l, m)
			}
		}
		if sum >= 1<<min(bit, lowest) {
			return failf(Nonlinear, "%v moves bit %d of the offset of %v, which the offset %d of %v changes", s, bit, l, m.offset, m)
		}
	}
	return nil
}

// disjoint tells whether the bits that two layouts' sums may have are apart, so that they add without a carry.
func (l Layout) disjoint(m Layout) bool { return l.reached()&m.reached() == 0 }

// concatLinear is concat where all layouts are linear over F2 and reach bits apart.
func concatLinear(ls []Layout) (Layout, bool) {
	var columns []int64
	var seen, origin int64
	shapes := make([]Tuple, len(ls))
	for i, l := range ls {
		m, ok := l.linear()
		if !ok {
			return Layout{}, false
		}
		own := l.At(0)
		origin |= own
		for _, c := range m.columns {
			own |= c
		}
		if own&seen != 0 {
			return Layout{}, false
		}
		seen |= own
		columns = append(columns, m.columns...)
		shapes[i] = l.shape
	}
	l, err := F2{columns}.shaped(origin, List(shapes...))
	return l, err == nil
}

// Permute puts the modes into another order: mode i of the result is mode order[i]. It refuses what is no permutation
// of all modes.
func (l Layout) Permute(order ...int) (Layout, error) {
	n := l.Rank()
	seen := make([]bool, n)
	shapes, strides := make([]Tuple, n), make([]Tuple, n)
	if len(order) != n {
		return Layout{}, within("permute", failf(Profile, "an order of %d of the %d modes of %v", len(order), n, l))
	}
	for i, k := range order {
		if k < 0 || k >= n || seen[k] {
			return Layout{}, within("permute", failf(Range, "mode %d at place %d of an order: every one of the %d modes of %v is there once", k, i, n, l))
		}
		seen[k] = true
		shapes[i], strides[i] = l.shape.Mode(k), l.stride.Mode(k)
	}
	if l.shape.IsInt() {
		return l, nil
	}
	return mustBuild(List(shapes...), List(strides...), l.offset, l.swizzle), nil
}

// Reshape is the same function with another shape of the same size: index i stays index i. It refuses shapes across
// whose extents the strides carry.
func (l Layout) Reshape(shape Tuple) (Layout, error) {
	b, err := Compact(shape)
	if err == nil && b.size != l.size {
		err = failf(Profile, "the shape %v has %d indices, %v has %d", shape, b.size, l, l.size)
	}
	if err == nil {
		b, err = compose(l, b)
	}
	return b, within("reshape", err)
}

// WithSwizzle is s∘l. It refuses a rotation with a swizzle that l has already, and offsets below 0.
func WithSwizzle(s Swizzle, l Layout) (Layout, error) {
	s, err := s.Mul(l.swizzle)
	if err == nil {
		l, err = build(l.shape, l.stride, l.offset, s)
	}
	if err != nil {
		return Layout{}, within("swizzle", err)
	}
	return l, nil
}
