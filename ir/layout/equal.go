package layout

import (
	"math/bits"
	"slices"
)

// reached are bits outside of which no offset before the swizzle has one: a bound, exact where the leaves do not share
// bits. The layout has no negative offset.
func (l Layout) reached() int64 {
	below := int64(1)<<bits.Len64(uint64(l.high)) - 1
	lowest := MaxBits
	if l.offset != 0 {
		lowest = bits.TrailingZeros64(uint64(l.offset))
	}
	all, disjoint := l.offset, true
	for _, f := range l.filtered() {
		lowest = min(lowest, bits.TrailingZeros64(uint64(f.stride)))
		if !disjoint || f.stride < 0 || f.size > 64 && f.stride&(f.stride-1) != 0 {
			disjoint = false
			continue
		}
		var own int64
		if f.stride&(f.stride-1) == 0 {
			own = (int64(1)<<bits.Len64(uint64(f.size-1)) - 1) * f.stride
		} else {
			for i := range f.size {
				own |= i * f.stride
			}
		}
		disjoint = all&own == 0
		all |= own
	}
	if disjoint {
		return all
	}
	return below &^ (1<<lowest - 1)
}

// simple is the same function, coalesced, with no more of the swizzle than its offsets need.
func (l Layout) simple() Layout {
	l = l.Coalesce()
	if !l.swizzle.IsIdentity() && l.swizzle.IsLinear() {
		l.swizzle = l.swizzle.keeping(l.reached())
	} else if r := l.swizzle.rotation; r.radix != 0 && l.high/r.unit/r.radix/r.step == 0 {
		l.swizzle = Swizzle{}
	}
	return l
}

// Canonical is the same function in one form for all layouts of it. Where a layout without a swizzle is the function,
// the form is that one, coalesced. Else, where the function is linear over F2, it is a map of F2 behind 2^n:1, with the
// offset 2^n for what the map adds. Functions that are neither, a swizzle over extents that are no power of two, keep
// their swizzle, less what their offsets do not reach: for these the form is not unique, and Equal decides. So it is
// where more than 2^20 indices would have to be tried to know that a swizzle of this kind does nothing.
func (l Layout) Canonical() Layout {
	l = l.simple()
	if l.swizzle.IsIdentity() {
		return l
	}
	m, ok := l.Matrix()
	if !ok {
		if l.size <= tried {
			if plain, ok := fit(l.At, Int(l.size)); ok {
				return plain
			}
		}
		return l
	}
	origin := l.At(0)
	leaves := make([]leaf, 0, len(m.columns))
	var seen int64
	for _, c := range m.columns {
		if c&seen != 0 { // bits of the index share a bit of the offset: no sum of strides
			if form, err := m.shaped(origin, Int(l.size)); err == nil {
				return form
			}
			return l
		}
		seen |= c
		leaves = join(leaves, leaf{2, (origin ^ c) - origin})
	}
	shape, stride := tuples(leaves)
	return mustBuild(shape, stride, origin, Swizzle{})
}

// Equal tells whether two layouts are the same function: the same size, and the same offset at every index. It is
// exact. Layouts without a swizzle, and those that are linear over F2, are compared by their forms; of others the
// indices are tried whose offsets a swizzle can tell apart, which is no more than all. Same bounds these.
func (l Layout) Equal(m Layout) bool {
	same, _ := l.same(m, 1<<63-1)
	return same
}

// Same is Equal that refuses to tell where more than 2^22 indices would have to be tried.
func (l Layout) Same(m Layout) (bool, error) {
	same, ok := l.same(m, imageLimit)
	if !ok {
		return false, within("equal", failf(Overflow, "whether %v and %v have the same offsets takes more than %d indices to find out", l, m, imageLimit))
	}
	return same, nil
}

// same compares two layouts by so many indices at most; ok is false where these do not do.
func (l Layout) same(m Layout, budget int64) (same, ok bool) {
	if l.size != m.size || l.At(0) != m.At(0) {
		return false, true
	}
	l, m = l.simple(), m.simple()
	if l.swizzle.Equal(m.swizzle) && l.offset == m.offset && slices.Equal(l.sizes, m.sizes) && slices.Equal(l.strides, m.strides) {
		return true, true
	}
	if l.swizzle.IsIdentity() && m.swizzle.IsIdentity() {
		return false, true
	}
	if f, ok := l.linear(); ok {
		if g, ok := m.linear(); ok {
			return f.Equal(g), true
		}
	}
	// Most layouts that differ do so at the ends of their leaves, or at any index.
	place, other := int64(1), uint64(l.size)
	for _, f := range l.merged() {
		if l.At(place) != m.At(place) {
			return false, true
		}
		place *= f.size
		if l.At(place-1) != m.At(place-1) {
			return false, true
		}
	}
	for range 32 {
		other = other*6364136223846793005 + 1442695040888963407
		if i := int64(other>>1) % l.size; l.At(i) != m.At(i) {
			return false, true
		}
	}
	return sameValues(l, m, budget)
}

// linear is Matrix where no index has to be tried.
func (l Layout) linear() (F2, bool) {
	if !l.swizzle.IsLinear() {
		return F2{}, false
	}
	m, ok := l.matrix()
	if !ok {
		return F2{}, false
	}
	columns := make([]int64, len(m.columns))
	for k, c := range m.columns {
		columns[k] = l.swizzle.At(c)
	}
	return F2{columns}, true
}

// sameValues compares two layouts of one size by their offsets. A digit of the index whose stride is a multiple of both
// swizzles' periods adds the same before them and behind: it is compared by its stride alone, and of longer digits one
// period is tried.
func sameValues(l, m Layout, budget int64) (same, ok bool) {
	period, ok := lcm(l.swizzle.period(), m.swizzle.period())
	if !ok {
		period = 0
	}
	digits, ok := refine(l.merged(), m.merged())
	if !ok { // extents that do not divide: the indices as they are, for one common period of both
		n := l.size
		if common, ok := indexPeriod(l, m, period); ok && common < n {
			if l.At(common)-l.At(0) != m.At(common)-m.At(0) {
				return false, true
			}
			n = common
		}
		for i := range min(n, budget) {
			if l.At(i) != m.At(i) {
				return false, true
			}
		}
		return true, n <= budget
	}
	kept := digits[:0]
	for _, d := range digits {
		if period != 0 {
			if again, ok := lcm(period/gcd(period, d.strides[0]), period/gcd(period, d.strides[1])); ok && again < d.size {
				if d.strides[0] != d.strides[1] {
					return false, true // after a period of both they have moved apart
				}
				d.size = again
			}
		}
		if d.size > 1 {
			kept = append(kept, d)
		}
	}
	same = sameSums(l, m, l.offset, m.offset, kept, &budget)
	return same, !same || budget >= 0
}

// A pair is a digit of the index that two layouts share.
type pair struct {
	size    int64
	strides [2]int64
}

// sameSums compares the offsets at all sums of the digits, as long as the budget lasts.
func sameSums(l, m Layout, x, y int64, digits []pair, budget *int64) bool {
	if len(digits) == 0 {
		*budget--
		return *budget < 0 || l.swizzle.At(x) == m.swizzle.At(y)
	}
	d := digits[len(digits)-1]
	for i := int64(0); i < d.size && *budget >= 0; i++ {
		if !sameSums(l, m, x+i*d.strides[0], y+i*d.strides[1], digits[:len(digits)-1], budget) {
			return false
		}
	}
	return true
}

// refine splits the leaves of two layouts of one size into common digits; false where their extents do not divide.
func refine(a, b []leaf) ([]pair, bool) {
	var digits []pair
	var x, y leaf
	x.size, y.size = 1, 1
	for {
		if x.size == 1 && len(a) > 0 {
			x, a = a[0], a[1:]
		}
		if y.size == 1 && len(b) > 0 {
			y, b = b[0], b[1:]
		}
		n := min(x.size, y.size)
		if n == 1 {
			return digits, true
		}
		if x.size%n != 0 || y.size%n != 0 {
			return nil, false
		}
		digits = append(digits, pair{n, [2]int64{x.stride, y.stride}})
		x, y = leaf{x.size / n, x.stride * n}, leaf{y.size / n, y.stride * n}
	}
}

// indexPeriod is a number of indices after which both layouts go on with the same offsets, but for a multiple of the
// period of their swizzles.
func indexPeriod(l, m Layout, period int64) (int64, bool) {
	if period == 0 {
		return 0, false
	}
	common := int64(1)
	for _, leaves := range [2][]leaf{l.merged(), m.merged()} {
		if len(leaves) == 0 {
			continue
		}
		last := leaves[len(leaves)-1]
		own, ok := period/gcd(period, last.stride), true
		for _, f := range leaves[:len(leaves)-1] {
			if own, ok = multiply(own, f.size); !ok {
				return 0, false
			}
		}
		if common, ok = lcm(common, own); !ok {
			return 0, false
		}
	}
	return common, true
}

// gcd is the greatest common divisor of two magnitudes; of 0 and a it is a's.
func gcd(a, b int64) int64 {
	x, y := magnitude(a), magnitude(b)
	for y != 0 {
		x, y = y, x%y
	}
	return int64(x)
}

// lcm is the least common multiple; false where it does not fit.
func lcm(a, b int64) (int64, bool) {
	if a == 0 || b == 0 {
		return 0, false
	}
	return multiply(a/gcd(a, b), b)
}
