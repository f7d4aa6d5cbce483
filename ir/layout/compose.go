package layout

import "math/bits"

// A bound is a number of indices after which an extent of a layout is full and the next one goes up by one: floor of
// index/at times step is what the layout adds there to its first stride times the index.
type bound struct {
	at, step int64
}

// A line is a layout without its swizzle as a function of all indices: stride times the index, plus the steps of the
// bounds that the index has passed, plus the offset. Every step is different from 0.
type line struct {
	stride, offset int64
	bounds         []bound
}

// lineTo is the function of l up to index high, which may exceed its size. It refuses offsets that do not fit.
func (l Layout) lineTo(high int64) (line, error) {
	leaves := l.unbounded()
	f := line{stride: leaves[0].stride, offset: l.offset}
	at := int64(1)
	fits := true
	for i := 0; i+1 < len(leaves) && at*leaves[i].size <= high; i++ { // products of extents fit, as the size does
		at *= leaves[i].size
		whole, ok := multiply(leaves[i].size, leaves[i].stride)
		step, also := add(leaves[i+1].stride, -whole)
		fits = fits && ok && also && whole != -1<<63
		f.bounds = append(f.bounds, bound{at, step})
	}
	if high >= l.size { // the last leaf goes on past its extent
		reach, ok := multiply(high/at+1, leaves[len(leaves)-1].stride)
		if fits = fits && ok && reach != -1<<63; fits {
			_, fits = add(l.high-l.low, int64(magnitude(reach)))
		}
	}
	if !fits {
		return line{}, failf(Overflow, "the offsets of %v at index %d take more than %d bits", l, high, MaxBits)
	}
	return f, nil
}

// at is the offset of index x, which is not negative if there are bounds.
func (f line) at(x int64) int64 {
	y := f.offset + f.stride*x
	for _, b := range f.bounds {
		y += b.step * (x / b.at)
	}
	return y
}

// straight is the number of indices x, x+d, x+2d, …, of which at most so many are asked for, whose offsets go on by
// the first difference. The bound is the one that ends it, where there is one alone. It gives false where the steps of
// several bounds cancel and too many indices would have to be tried to go on behind them.
func (f line) straight(x, d, most int64) (n, by int64, ok bool) {
	n = most
	var sum int64
	for _, b := range f.bounds {
		r := modulo(d, b.at)
		if r == 0 {
			continue
		}
		at, step := modulo(x, b.at), b.step
		// The steps over the bound come after every so many differences, or one more: up to the first that differs.
		first := at/(b.at-r) + 1
		if at+r < b.at {
			first = (b.at-at-1)/r + 1
		} else {
			step = -step
		}
		switch {
		case first < n:
			n, sum, by = first, step, b.at
		case first == n:
			sum += step
		}
	}
	if n == most || sum != 0 {
		return n, by, true
	}
	origin := f.at(x)
	difference := f.at(x+d) - origin
	for by = 0; n < most; n++ {
		if n > tried {
			return 0, 0, false
		}
		if f.at(x+n*d) != origin+n*difference {
			break
		}
	}
	return n, by, true
}

// modulo is x mod m within [0, m).
func modulo(x, m int64) int64 {
	if x %= m; x < 0 {
		x += m
	}
	return x
}

// Compose is a∘b: the layout of b's size whose offset at index i is a.At(b.At(i)). It has b's profile, where a leaf of
// b may become a list. Offsets of b may exceed a's size, where a goes on in its last leaf, but not be negative unless a
// has one stride alone.
//
// Without swizzles it refuses exactly what no layout of this profile is: a leaf of b whose offsets in a leave their
// stride at an index that does not divide the extent (Divisibility), or leaves whose sum carries in a (Carry). Only
// where the carries across several extents of a cancel on more than 2^20 indices it may not know (Undecided).
//
// The swizzle of a stays outside. One of b goes outside where a keeps apart the bits that it moves, else, where both
// layouts are linear over F2, the result is their product; what is neither is refused (Nonlinear), with the condition.
func Compose(a, b Layout) (Layout, error) {
	l, err := compose(a, b)
	if e, ok := err.(*Error); ok && len(b.sizes) > 1 && (e.Reason == Divisibility || e.Reason == Carry) {
		if flat, failed := compose(a, b.Coalesce()); failed == nil {
			e.Text += failf(e.Reason, "; without the nesting of %v it is %v", b.shape, flat).Error()
		}
	}
	return l, within("compose", err)
}

func compose(a, b Layout) (Layout, error) {
	b = b.needed()
	plain := b
	plain.swizzle = Swizzle{}
	swizzle, err := a.swizzle, error(nil)
	if !b.swizzle.IsIdentity() {
		var outer Swizzle
		if outer, err = a.outside(b.swizzle, b); err == nil {
			swizzle, err = a.swizzle.Mul(outer)
		}
	}
	if err == nil {
		var l Layout
		if l, err = composeStrides(a, plain); err == nil {
			return build(l.shape, l.stride, l.offset, swizzle)
		}
	}
	if !a.swizzle.IsIdentity() || !b.swizzle.IsIdentity() {
		if l, ok := composeLinear(a, b); ok {
			return l, nil
		}
		if l, ok := composeValues(a, b); ok {
			return l, nil
		}
	}
	return Layout{}, err
}

// needed is the layout with no more of its swizzle than its offsets need.
func (l Layout) needed() Layout {
	if !l.swizzle.IsIdentity() {
		l.swizzle = l.simple().swizzle
	}
	return l
}

// composeStrides is a∘b without the swizzles of both.
func composeStrides(a, b Layout) (Layout, error) {
	f, err := a.lineTo(b.high)
	if err != nil {
		return Layout{}, err
	}
	alone := len(a.unbounded()) == 1
	if b.low < 0 && !alone {
		return Layout{}, failf(Range, "%v reaches index %d of %v, which is not defined at negative indices", b, b.low, a)
	}
	if b.low < 0 {
		if reach, ok := multiply(b.low, f.stride); !ok || magnitude(reach)>>MaxBits != 0 {
			return Layout{}, failf(Overflow, "the offsets of %v at index %d take more than %d bits", a, b.low, MaxBits)
		}
	}
	var digits []leaf                  // of b, split so that each is straight in a
	var strides []int64                // of the digits in a
	split := make([]int, len(b.sizes)) // digits of each leaf of b
	origin := f.at(b.offset)
	for i, size := range b.sizes {
		d := b.strides[i]
		for rest := size; ; {
			if rest == 1 && split[i] > 0 {
				break
			}
			g := leaf{rest, d}
			stride := int64(0)
			if rest == 1 && alone { // no index takes the step, but those past the size
				stride = step(d, f.stride)
			}
			if rest > 1 {
				n, by, ok := f.straight(b.offset, d, rest)
				if !ok {
					return Layout{}, failf(Undecided, "the carries of %d:%d across the extents of %v cancel for more than %d indices", rest, d, a, tried)
				}
				if rest%n != 0 {
					return Layout{}, notStraight(a, b, leaf{size, b.strides[i]}, g, n, by)
				}
				g.size = n
				stride = f.at(b.offset+d) - origin
			}
			digits = append(digits, g)
			strides = append(strides, stride)
			split[i]++
			rest /= g.size
			d *= g.size
		}
	}
	if err := f.additive(a, b, digits, strides); err != nil {
		return Layout{}, err
	}
	shape, stride := mapLeaves(b.shape, func(k int) (Tuple, Tuple) {
		n := split[k]
		parts := leavesOf(sizesOf(digits[:n]), strides[:n])
		digits, strides = digits[n:], strides[n:]
		return tuples(parts)
	})
	return build(shape, stride, origin, Swizzle{})
}

// step is the product of two strides; 0 where it does not fit.
func step(a, b int64) int64 {
	if p, ok := multiply(a, b); ok && within62(p) {
		return p
	}
	return 0
}

// sizesOf are the extents of some leaves.
func sizesOf(leaves []leaf) []int64 {
	sizes := make([]int64, len(leaves))
	for i, l := range leaves {
		sizes[i] = l.size
	}
	return sizes
}

// mapLeaves puts a shape and strides in place of each leaf of a shape.
func mapLeaves(shape Tuple, leaf func(k int) (shape, stride Tuple)) (Tuple, Tuple) {
	k := -1
	var walk func(t Tuple) (Tuple, Tuple)
	walk = func(t Tuple) (Tuple, Tuple) {
		if t.IsInt() {
			k++
			return leaf(k)
		}
		shapes, strides := make([]Tuple, t.Rank()), make([]Tuple, t.Rank())
		for i := range shapes {
			shapes[i], strides[i] = walk(t.Mode(i))
		}
		return List(shapes...), List(strides...)
	}
	return walk(shape)
}

func notStraight(a, b Layout, whole, rest leaf, n, by int64) error {
	at := ""
	if by != 0 {
		at = failf(Divisibility, ", where it crosses index %d of %v", by, a).Error()
	}
	part := ""
	if whole != rest {
		part = failf(Divisibility, " (its part %d:%d)", rest.size, rest.stride).Error()
	}
	return failf(Divisibility, "the offsets of %d:%d%s of %v in %v leave their stride after %d of %d indices%s: %d does not divide %d",
		whole.size, whole.stride, part, b, a, n, rest.size, at, n, rest.size)
}

// additive checks that the digits of b, each of which is straight alone, add up in a: no sum of them passes a bound
// that the digits alone do not pass.
func (f line) additive(a, b Layout, digits []leaf, strides []int64) error {
	origin := f.at(b.offset)
	involved := make([]bool, len(digits))
	carries := 0
	for _, c := range f.bounds {
		at := modulo(b.offset, c.at)
		high, low := at, at
		rest := make([]int64, len(digits))
		for i, g := range digits {
			if g.size == 1 {
				continue
			}
			// What a step of the digit leaves to the bound: less than it, with the sign by which it passes it.
			rest[i] = modulo(b.offset+g.stride, c.at) - at
			far, ok := multiply(g.size-1, rest[i])
			if ok && far > 0 {
				high, ok = add(high, far)
			} else if ok {
				low, ok = add(low, far)
			}
			if !ok {
				high = c.at // it carries
			}
		}
		if high < c.at && low >= 0 {
			continue
		}
		carries++
		// At the corners where the sum is greatest and least there is a carry; a defect there is a proof.
		for _, sign := range [2]int64{1, -1} {
			corner := make([]int64, len(digits))
			for i := range digits {
				if rest[i]*sign > 0 {
					corner[i] = digits[i].size - 1
				}
				involved[i] = involved[i] || rest[i] != 0
			}
			if err := f.defect(a, b, origin, digits, strides, corner); err != nil {
				return err
			}
		}
	}
	if carries == 0 {
		return nil
	}
	// The carries of several bounds cancel there: try all.
	points := int64(1)
	var moving []int
	for i, g := range digits {
		if involved[i] {
			var ok bool
			if points, ok = multiply(points, g.size); !ok || points > tried {
				return failf(Undecided, "the parts of %v carry in %v, and the carries cancel where the index is greatest: more than %d indices would have to be tried", b, a, tried)
			}
			moving = append(moving, i)
		}
	}
	corner := make([]int64, len(digits))
	for range points {
		if err := f.defect(a, b, origin, digits, strides, corner); err != nil {
			return err
		}
		for _, i := range moving {
			if corner[i]++; corner[i] < digits[i].size {
				break
			}
			corner[i] = 0
		}
	}
	return nil
}

// defect is the error that the offset at some digits is not the sum of their strides; nil where it is.
func (f line) defect(a, b Layout, origin int64, digits []leaf, strides, at []int64) error {
	x, sum, index, place := b.offset, origin, int64(0), int64(1)
	for i, g := range digits {
		x += at[i] * g.stride
		sum += at[i] * strides[i]
		index += at[i] * place
		place *= g.size
	}
	y := f.at(x)
	if y == sum {
		return nil
	}
	return failf(Carry, "the parts of index %d of %v add up to %d with a carry in %v: its offset there is %d, and the strides give %d", index, b, x, a, y, sum)
}

// composeLinear is a∘b where a is linear over F2 on the bits that b reaches: b's strides with the product of the maps as
// their swizzle.
func composeLinear(a, b Layout) (Layout, bool) {
	if !b.swizzle.IsLinear() || !a.swizzle.IsLinear() || b.low < 0 {
		return Layout{}, false
	}
	arguments := bits.Len64(uint64(b.high))
	rows := max(arguments, b.swizzle.Bits())
	if rows >= MaxBits {
		return Layout{}, false
	}
	domain, err := composeStrides(a, mustBuild(Int(1<<rows), Int(1), 0, Swizzle{}))
	if err != nil {
		return Layout{}, false
	}
	domain.swizzle = a.swizzle // the offsets of a are not negative within its size; linear checks that they are not beyond
	m, ok := domain.linear()
	if !ok {
		return Layout{}, false
	}
	columns := make([]int64, arguments, arguments+1)
	for k := range columns {
		columns[k] = m.At(b.swizzle.Column(k))
	}
	offset := b.offset
	if origin := domain.At(0); origin != 0 { // a bit of its own for what a adds
		columns = append(columns, origin)
		offset += 1 << arguments
	}
	s, err := Linear(columns)
	if err != nil {
		return Layout{}, false
	}
	l, err := build(b.shape, b.stride, offset, s)
	return l, err == nil
}

// ComposeModes composes each mode of a with a tiler of its own: the modes of the result are a's modes after the tilers,
// and modes of a beyond the tilers stay.
func ComposeModes(a Layout, tiler ...Layout) (Layout, error) {
	l, err := byMode(a, tiler, compose)
	return l, within("compose", err)
}

// byMode applies an operation to each mode of a, without its offset and swizzle, with a layout of its own.
func byMode(a Layout, tiler []Layout, apply func(a, b Layout) (Layout, error)) (Layout, error) {
	if len(tiler) > a.Rank() {
		return Layout{}, failf(Profile, "%d layouts for the %d modes of %v", len(tiler), a.Rank(), a)
	}
	modes := make([]Layout, a.Rank())
	for i := range modes {
		modes[i] = a.Mode(i)
		if i < len(tiler) {
			var err error
			if modes[i], err = apply(modes[i], tiler[i]); err != nil {
				return Layout{}, err
			}
		}
	}
	if a.shape.IsInt() {
		return a.behind(modes[0])
	}
	l, err := concat(modes)
	if err != nil {
		return Layout{}, err
	}
	return a.behind(l)
}

// behind is a layout moved by a's offset, behind a's swizzle.
func (a Layout) behind(l Layout) (Layout, error) {
	offset, ok := add(l.offset, a.offset)
	if !ok {
		return Layout{}, failf(Overflow, "the offsets %d and %d do not add up within 63 bits", l.offset, a.offset)
	}
	if !l.swizzle.IsIdentity() && a.offset != 0 {
		return Layout{}, failf(Nonlinear, "the offset %d cannot go before %v", a.offset, l.swizzle)
	}
	s, err := a.swizzle.Mul(l.swizzle)
	if err != nil {
		return Layout{}, err
	}
	return build(l.shape, l.stride, offset, s)
}
