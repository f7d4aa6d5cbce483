package layout

import "slices"

// Complement is the layout of the offsets that a leaves out: its offsets rise from 0, and no sum of one of a and one of
// it comes twice but by a's own strides of 0. The leaves of a, sorted by stride, must nest: each stride is no less than
// what the leaf before fills, its extent times its stride. Where it is a multiple of that, the sums are all offsets
// below n, and those that complete the last tile; where it is not, a gap stays between the leaves.
//
// A swizzle is allowed where it permutes the offsets of a, or where these are the sums of disjoint sets of bits.
func Complement(a Layout, n int64) (Layout, error) {
	l, err := complement(a, n)
	return l, within("complement", err)
}

func complement(a Layout, n int64) (Layout, error) {
	if n < 1 {
		return Layout{}, failf(Range, "a complement within %d offsets; there is at least 1", n)
	}
	leaves, err := a.offsets()
	if err != nil {
		return Layout{}, err
	}
	sortByStride(leaves)
	var rest []leaf
	done := int64(1) // offsets that the leaves so far fill with what they leave out
	for _, f := range leaves {
		if f.stride < 0 {
			return Layout{}, failf(Range, "the stride %d of %v is negative", f.stride, a)
		}
		gap := f.stride / done
		if gap == 0 {
			return Layout{}, failf(Injectivity, "the strides of %v do not nest: %d is less than the %d offsets of the leaves below it", a, f.stride, done)
		}
		rest = append(rest, leaf{gap, done})
		done = f.size * f.stride
	}
	rest = append(rest, leaf{(n-1)/done + 1, done})
	shape, stride := tuples(merge(rest))
	return build(shape, stride, 0, Swizzle{})
}

// sortByStride sorts leaves by stride, those of one stride by extent.
func sortByStride(leaves []leaf) {
	slices.SortFunc(leaves, func(f, g leaf) int {
		switch {
		case f.stride != g.stride && f.stride < g.stride, f.stride == g.stride && f.size < g.size:
			return -1
		case f == g:
			return 0
		}
		return 1
	})
}

// offsets are leaves without a swizzle that reach the same set of offsets as the layout.
func (l Layout) offsets() ([]leaf, error) {
	l = l.needed()
	if l.At(0) != 0 {
		return nil, failf(Range, "index 0 of %v has the offset %d, not 0", l, l.At(0))
	}
	leaves := l.filtered()
	if l.swizzle.IsIdentity() {
		return leaves, nil
	}
	if m, ok := l.linear(); ok {
		var seen int64
		var apart []leaf
		for _, v := range m.Image() {
			if v&seen != 0 {
				return nil, failf(Nonlinear, "the offsets of %v are no sums of disjoint bits: %b meets another of its vectors", l, v)
			}
			seen |= v
			apart = append(apart, leaf{2, v})
		}
		return apart, nil
	}
	if s := l.swizzle; s.IsLinear() {
		if n := s.Bits(); s.matrix(n).Rank() < n {
			return nil, failf(Injectivity, "%v maps %d bits to fewer dimensions", s, n)
		}
	}
	// It permutes blocks of low bits, or rows: what the layout has of one it must have whole.
	sortByStride(leaves)
	period, run := l.swizzle.period(), int64(1)
	if r := l.swizzle.rotation; r.radix != 0 {
		period = r.unit * r.radix
	}
	whole := true // it has no offset: a bijection sends only 0 to 0
	for _, f := range leaves {
		if f.stride == run {
			run *= f.size
		} else {
			whole = whole && f.stride%period == 0
		}
	}
	if !whole || run%period != 0 {
		return nil, failf(Nonlinear, "%v permutes every %d offsets, and %v does not have all of these", l.swizzle, period, l)
	}
	return leaves, nil
}
