package layout

import (
	"math/bits"
	"slices"
)

// imageLimit bounds the indices that Image lists.
const imageLimit = 1 << 22

// Image are the offsets of all indices, each once, in order. It refuses layouts of more than 2^22 indices.
func (l Layout) Image() ([]int64, error) {
	reduced := l.Filter()
	if reduced.size > imageLimit {
		return nil, within("image", failf(Overflow, "%v has %d different indices; at most %d are listed", l, reduced.size, imageLimit))
	}
	values := reduced.Values()
	slices.Sort(values)
	return slices.Compact(values), nil
}

// Cosize is the largest offset of the layout plus one. With a swizzle over extents that are no powers of two, it tries
// the indices whose offsets may become the largest; for more than 2^20 of these it refuses to tell.
func (l Layout) Cosize() (int64, error) {
	l = l.simple()
	if l.swizzle.IsIdentity() {
		return l.high + 1, nil
	}
	if m, ok := l.linear(); ok {
		x := l.At(0)
		for _, v := range slices.Backward(m.Image()) {
			x = max(x, x^v)
		}
		return x + 1, nil
	}
	s := search{swizzle: l.swizzle, slack: l.slack(), best: -1, budget: tried}
	// The highest strides first, from the end at which they add most.
	s.digits = append(s.digits, l.filtered()...)
	slices.SortFunc(s.digits, func(f, g leaf) int { return bits.Len64(magnitude(f.stride)) - bits.Len64(magnitude(g.stride)) })
	if !s.find(l.offset, l.high, s.digits) {
		return 0, within("cosize", failf(Undecided, "the largest offset of %v takes more than %d indices to find; it is no more than %d", l, tried, l.high+s.slack))
	}
	return s.best + 1, nil
}

// slack is how much the swizzle may add to an offset.
func (l Layout) slack() int64 {
	if r := l.swizzle.rotation; r.radix != 0 {
		return r.unit * (r.radix - 1)
	}
	return l.swizzle.changed()
}

// A search looks for the largest offset behind a swizzle that adds no more than its slack.
type search struct {
	swizzle     Swizzle
	digits      []leaf
	slack, best int64
	budget      int
}

// find tries the sums from x of some digits, which add up to high at most; false where the budget ends.
func (s *search) find(x, high int64, digits []leaf) bool {
	if high+s.slack <= s.best {
		return true
	}
	if s.budget--; s.budget < 0 {
		return false
	}
	if len(digits) == 0 {
		s.best = max(s.best, s.swizzle.At(x))
		return true
	}
	f := digits[len(digits)-1]
	step := int64(magnitude(f.stride))
	for i := range f.size { // from the top: high falls by a stride each time
		down := high - i*step
		if down+s.slack <= s.best {
			return true
		}
		from := x + i*f.stride
		if f.stride > 0 {
			from = x + (f.size-1-i)*f.stride
		}
		if !s.find(from, down, digits[:len(digits)-1]) {
			return false
		}
	}
	return true
}

// Injective tells whether no two indices share an offset. Where Injects cannot tell it is false.
func (l Layout) Injective() bool {
	yes, err := l.Injects()
	return yes && err == nil
}

// Injects tells whether no two indices share an offset. It refuses to tell where that takes too long: of layouts with
// more than 2^22 indices only those whose strides make it hard (whether sums of some of many numbers can be equal), and
// those with a swizzle that is no bijection over extents that are no powers of two.
func (l Layout) Injects() (bool, error) {
	l = l.simple()
	if !l.swizzle.IsIdentity() && l.swizzle.IsLinear() && l.swizzle.matrix(l.swizzle.Bits()).Rank() < l.swizzle.Bits() {
		if m, ok := l.linear(); ok {
			return m.Rank() == m.Bits(), nil
		}
		return l.distinct()
	}
	leaves := l.merged()
	for i, f := range leaves {
		if f.stride == 0 {
			return false, nil
		}
		leaves[i].stride = int64(magnitude(f.stride)) // counted from its other end, a leaf reaches as many offsets
	}
	sortByStride(leaves)
	c := canceller{steps: 1 << 16}
	if hit := c.cancels(0, leaves); c.steps > 0 {
		return !hit, nil
	}
	return l.distinct()
}

// distinct tells by trying whether all offsets differ.
func (l Layout) distinct() (bool, error) {
	if l.size > imageLimit {
		return false, within("injective", failf(Overflow, "whether the %d offsets of %v differ takes too long to find out", l.size, l))
	}
	values := l.Values()
	slices.Sort(values)
	return len(slices.Compact(values)) == len(values), nil
}

// A canceller looks for two sums of digits that are equal, in a number of steps.
type canceller struct{ steps int }

// cancels tells whether x plus a sum of differences of the digits, sorted by stride, is 0: of each digit less than its
// extent, either way, and not all 0 if x is. When the steps run out it means nothing.
func (c *canceller) cancels(x int64, digits []leaf) bool {
	if c.steps--; c.steps <= 0 {
		return true
	}
	// A leaf whose stride is beyond what all lower ones reach together cannot cancel.
	var reach, common int64
	for _, f := range digits {
		reach += (f.size - 1) * f.stride
		common = gcd(common, f.stride)
	}
	if len(digits) == 0 {
		return false
	}
	if x > reach || x < -reach || x%common != 0 {
		return false
	}
	top := digits[len(digits)-1]
	rest := digits[:len(digits)-1]
	reach -= (top.size - 1) * top.stride
	if len(rest) == 0 {
		return x != 0 // a multiple of the stride within reach
	}
	// Only such differences of the top digit count which the others can make up for.
	low := max(-(top.size - 1), divideUp(-reach-x, top.stride))
	high := min(top.size-1, divideUp(reach-x+1, top.stride)-1)
	step := int64(1)
	if len(rest) == 1 { // x plus the differences is a multiple of the last stride: every so many are
		var first int64
		first, step = multipleAt(x, top.stride, rest[0].stride)
		low += modulo(first-low, step)
		if x == 0 && low == 0 && step <= high {
			return true // after 0 itself
		}
	}
	for i := low; i <= high; i += step {
		y := x + i*top.stride
		if y == 0 && i != 0 || c.cancels(y, rest) {
			return true
		}
	}
	return false
}

// multipleAt solves x + i·a ≡ 0 modulo m, of which there is a solution: the least i from 0, and the distance to the next.
func multipleAt(x, a, m int64) (i, step int64) {
	g := gcd(a, m)
	step = m / g
	// The inverse of a/g modulo m/g, by Euclid's algorithm.
	u, v := modulo(a/g, step), step
	p, q := int64(1), int64(0)
	for v != 0 {
		n := u / v
		u, v = v, u-n*v
		p, q = q, p-n*q
	}
	hi, lo := bits.Mul64(uint64(modulo(-x/g, step)), uint64(modulo(p, step)))
	_, rem := bits.Div64(hi, lo, uint64(step))
	return int64(rem), step
}

// divideUp is the least integer that is no less than a/b, for a positive b.
func divideUp(a, b int64) int64 {
	q := a / b
	if a%b > 0 {
		q++
	}
	return q
}

// Vector is the most elements along a mode that always lie side by side, aligned to their number: every group of so
// many indices of the mode, the first of them a multiple of it, has offsets of which the first is a multiple of it
// too, and the others follow one by one, wherever the other modes stand. A swizzle counts by the bits or chunks that it
// leaves whole.
func (l Layout) Vector(mode int) int64 {
	l = l.needed()
	m := l.Mode(mode)
	if !l.swizzle.IsIdentity() {
		if v, ok := l.linearVector(mode); ok {
			return v
		}
	}
	leaves := m.merged()
	v := int64(1)
	if len(leaves) > 0 && leaves[0].stride == 1 {
		v = leaves[0].size
		leaves = leaves[1:]
	} else {
		return 1
	}
	for _, f := range leaves {
		v = gcd(v, f.stride)
	}
	for i := range l.Rank() {
		if i != mode {
			for _, f := range l.Mode(i).merged() {
				v = gcd(v, f.stride)
			}
		}
	}
	v = gcd(v, l.offset)
	switch r := l.swizzle.rotation; {
	case r.radix != 0:
		v = gcd(v, r.unit)
	case !l.swizzle.IsIdentity():
		v = gcd(v, l.swizzle.touched()&-l.swizzle.touched())
	}
	return v
}

// linearVector is Vector over F2: the first bits of the mode are the low bits of the offset, which no other bit changes.
func (l Layout) linearVector(mode int) (int64, bool) {
	m, ok := l.linear()
	if !ok {
		return 0, false
	}
	// The columns of the mode are some of those of the layout, one after another.
	first := int64(1)
	for i := range mode {
		first *= l.Mode(i).size
	}
	own := bits.TrailingZeros64(uint64(first))
	end := own + bits.TrailingZeros64(uint64(l.Mode(mode).size))
	k := 0
	for k < end-own && m.columns[own+k] == 1<<k {
		k++
	}
	others := l.At(0)
	for i, c := range m.columns {
		if i < own || i >= own+k {
			others |= c
		}
	}
	if others != 0 {
		k = min(k, bits.TrailingZeros64(uint64(others)))
	}
	return 1 << k, true
}
