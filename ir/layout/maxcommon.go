package layout

import "sort"

// Nullspace is the layout of the indices that have the offset of index 0 by strides of 0: the leaves of stride 0 with
// their places in the index. It is 1:0 where there are none.
func (l Layout) Nullspace() Layout {
	var leaves []leaf
	place := int64(1)
	for i, s := range l.sizes {
		if l.strides[i] == 0 && s > 1 {
			leaves = append(leaves, leaf{s, place})
		}
		place *= s
	}
	shape, stride := tuples(leaves)
	return mustBuild(shape, stride, 0, Swizzle{})
}

// Common is the longest layout of indices that a and b both map to 0, 1, 2, …: the elements that lie side by side in
// both alike, from the first. Its size is the longest vector that copies a to b. It is 1:0 where both do not start at 0.
func Common(a, b Layout) (Layout, error) {
	back, err := rightInverse(b.needed())
	if err != nil || b.At(0) != 0 || a.At(0) != 0 || back.low < 0 || back.At(0) >= a.size || a.At(back.At(0)) != 0 {
		return New(Int(1), Int(0))
	}
	if swizzled(a) || swizzled(b) {
		return compose(back, mustBuild(Int(commonSwizzled(a, back)), Int(1), 0, Swizzle{}))
	}
	// Leaves of the inverse as long as a follows them; of the first where it does not, as many indices as it does.
	var kept []leaf
	follows := func(f leaf) bool {
		shape, stride := tuples(append(kept[:len(kept):len(kept)], f))
		l := mustBuild(shape, stride, 0, Swizzle{})
		c, err := composeStrides(a, l)
		return err == nil && l.high < a.size && c.Equal(mustBuild(Int(l.size), Int(1), 0, Swizzle{}))
	}
	for _, f := range back.merged() {
		if !follows(f) {
			n := sort.Search(int(f.size), func(n int) bool { return n > 0 && !follows(leaf{int64(n), f.stride}) })
			kept = append(kept, leaf{int64(n - 1), f.stride})
			break
		}
		kept = append(kept, f)
	}
	shape, stride := tuples(merge(kept))
	return New(shape, stride)
}

// commonSwizzled is how many indices of back give indices at which a is 0, 1, 2, …, as many as make a layout.
func commonSwizzled(a, back Layout) int64 {
	n := int64(1)
	if f, ok := a.linear(); ok {
		if g, ok := back.linear(); ok && g.Rows() <= f.Bits() && back.At(0) == 0 {
			for n < back.size && f.At(back.At(n)) == n {
				n *= 2
			}
			return n
		}
	}
	for n < back.size && n < tried && back.At(n) < a.size && a.At(back.At(n)) == n {
		n++
	}
	place := int64(1)
	for _, f := range back.merged() {
		if n < place*f.size {
			return place * (n / place)
		}
		place *= f.size
	}
	return place
}

// swizzled tells whether a layout has a swizzle.
func swizzled(l Layout) bool { return !l.swizzle.IsIdentity() }

// Distributed is the layout of n indices of a shape's domain that takes from each extent, first to last, the greatest
// common divisor of it and what is left of n. It may find fewer than n.
func Distributed(shape Tuple, n int64) (Layout, error) {
	whole, err := Compact(shape)
	if err == nil && n < 1 {
		err = failf(Range, "%d parts of the shape %v; there is at least 1", n, shape)
	}
	if err != nil {
		return Layout{}, within("distribute", err)
	}
	leaves := leavesOf(whole.sizes, whole.strides)
	for i, s := range whole.sizes {
		leaves[i].size = gcd(s, n)
		n /= leaves[i].size
	}
	sizes, strides := tuples(merge(leaves))
	return New(sizes, strides)
}
