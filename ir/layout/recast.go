package layout

import "math/bits"

// Recast turns offsets that count elements of one width into offsets that count elements of another, both in bits.
//
// To narrower elements, by a factor n: the leaf of stride 1 gets n times as many indices, every other stride is
// multiplied by n. Where there is none, the result has the first part of each element. It refuses a layout with several
// leaves of stride 1, in which a part would have two places.
//
// To wider ones, by a factor n: a leaf of a stride that n divides keeps its extent, and its stride is divided; of a leaf
// whose stride d divides n, n/d indices become one, or all if there are fewer. The result's offsets are those of the wide
// elements in which the elements lie: index i with these leaves' coordinates divided has the offset of i divided. It
// refuses strides that do neither, extents that do not divide, and sums that carry from one wide element into the next.
// Recasting to narrower elements and back gives the layout again.
//
// Between widths of which neither divides the other it goes by their greatest common divisor. A swizzle must move whole
// elements of both widths.
func Recast(a Layout, from, to int64) (Layout, error) {
	l, err := recast(a, from, to)
	return l, within("recast", err)
}

func recast(a Layout, from, to int64) (Layout, error) {
	if from < 1 || to < 1 {
		return Layout{}, failf(Range, "elements of %d bits to elements of %d bits: both are at least 1", from, to)
	}
	common := gcd(from, to)
	l, err := a.narrow(from / common)
	if err == nil {
		l, err = l.widen(to / common)
	}
	return l, err
}

// narrow is a with elements that are n times narrower.
func (a Layout) narrow(n int64) (Layout, error) {
	if n == 1 {
		return a, nil
	}
	one := -1
	sizes, strides := make([]int64, len(a.sizes)), make([]int64, len(a.sizes))
	for i, d := range a.strides {
		ok := true
		switch {
		case d != 1 || a.sizes[i] == 1 && one >= 0:
			sizes[i] = a.sizes[i]
			strides[i], ok = multiply(d, n)
		case one >= 0 && a.sizes[one] > 1:
			return Layout{}, failf(Injectivity, "two leaves of %v have stride 1: both would take the %d parts of an element", a, n)
		default:
			if one >= 0 { // an extent of 1, where a longer leaf follows
				sizes[one], strides[one] = 1, n
			}
			one = i
			strides[i] = 1
			sizes[i], ok = multiply(a.sizes[i], n)
		}
		if !ok {
			return Layout{}, failf(Overflow, "%v in elements %d times narrower does not fit 63 bits", a, n)
		}
	}
	offset, ok := multiply(a.offset, n)
	if !ok {
		return Layout{}, failf(Overflow, "%v in elements %d times narrower does not fit 63 bits", a, n)
	}
	s, err := a.swizzle.narrow(n)
	if err != nil {
		return Layout{}, err
	}
	return build(a.shape.With(sizes), a.stride.With(strides), offset, s)
}

// narrow is the swizzle of offsets that count n times as many.
func (s Swizzle) narrow(n int64) (Swizzle, error) {
	switch {
	case s.IsIdentity():
		return s, nil
	case !s.IsLinear():
		unit, ok := multiply(s.rotation.unit, n)
		if !ok {
			return Swizzle{}, failf(Overflow, "%v of offsets times %d does not fit 63 bits", s, n)
		}
		return Rotation(unit, s.rotation.radix, s.rotation.step)
	case n&(n-1) != 0:
		return Swizzle{}, failf(Nonlinear, "%v moves bits of offsets; times %d, which is no power of two, they have no such bits", s, n)
	}
	k := bits.TrailingZeros64(uint64(n))
	if s.Bits()+k > MaxBits {
		return Swizzle{}, failf(Overflow, "%v of offsets times %d reaches beyond bit %d", s, n, MaxBits)
	}
	columns := make([]int64, k+len(s.columns))
	for i := range columns {
		columns[i] = 1 << i
		if i >= k {
			columns[i] = s.columns[i-k] << k
		}
	}
	return linear(columns), nil
}

// widen is a with elements that are n times wider.
func (a Layout) widen(n int64) (Layout, error) {
	if n == 1 {
		return a, nil
	}
	sizes, strides := make([]int64, len(a.sizes)), make([]int64, len(a.sizes))
	sum := modulo(a.offset, n) // what indices that become one add, with the offset
	for i, d := range a.strides {
		s := a.sizes[i]
		switch {
		case d%n == 0:
			sizes[i], strides[i] = s, d/n
		case s == 1:
			sizes[i] = 1
		case d < 0 || n%d != 0:
			return Layout{}, failf(Divisibility, "the stride %d of %v neither divides %d nor is a multiple of it", d, a, n)
		case s%(n/d) != 0 && n/d%s != 0:
			return Layout{}, failf(Divisibility, "%d elements of stride %d in %v neither fill elements %d times wider nor divide one", s, d, a, n)
		default:
			one := min(s, n/d) // of the leaf in an element
			sizes[i], strides[i] = s/one, 1
			if sum += (one - 1) * d; sum >= n {
				return Layout{}, failf(Carry, "the elements of %v that lie in one %d times wider add up beyond it", a, n)
			}
		}
	}
	s, err := a.swizzle.widen(n)
	if err != nil {
		return Layout{}, err
	}
	return build(a.shape.With(sizes), a.stride.With(strides), (a.offset-modulo(a.offset, n))/n, s)
}

// widen is the swizzle of offsets that count one in n.
func (s Swizzle) widen(n int64) (Swizzle, error) {
	switch {
	case s.IsIdentity():
		return s, nil
	case !s.IsLinear():
		if s.rotation.unit%n != 0 {
			return Swizzle{}, failf(Divisibility, "%v moves chunks of %d elements, which elements %d times wider do not fill", s, s.rotation.unit, n)
		}
		return Rotation(s.rotation.unit/n, s.rotation.radix, s.rotation.step)
	case n&(n-1) != 0:
		return Swizzle{}, failf(Nonlinear, "%v moves bits of the offset, and elements %d times wider have no such bits", s, n)
	case s.touched()&(n-1) != 0:
		return Swizzle{}, failf(Divisibility, "%v moves parts of elements %d times wider", s, n)
	}
	k := bits.TrailingZeros64(uint64(n))
	columns := make([]int64, max(0, len(s.columns)-k))
	for i := range columns {
		columns[i] = s.columns[i+k] >> k
	}
	return linear(columns), nil
}
