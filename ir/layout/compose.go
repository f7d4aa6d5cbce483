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
	if b.low < 0 && (len(f.bounds) > 0 || len(a.unbounded()) > 1) {
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

// fitLimit bounds the indices of layouts that are found from their offsets, where their swizzles leave no other way.
const fitLimit = 4096

// composeValues is a∘b for small layouts from the offsets themselves: the strides that they follow, or the columns.
func composeValues(a, b Layout) (Layout, bool) {
	if b.size > fitLimit {
		return Layout{}, false
	}
	f, err := a.lineTo(b.high + b.slack())
	if err != nil || b.low < 0 {
		return Layout{}, false
	}
	values := b.Values()
	for i, x := range values {
		values[i] = f.at(x)
		if !a.swizzle.IsIdentity() {
			if values[i] < 0 {
				return Layout{}, false
			}
			values[i] = a.swizzle.At(values[i])
		}
	}
	if l, ok := fit(func(i int64) int64 { return values[i] }, b.shape); ok {
		return l, true
	}
	return fitColumns(values, b.shape)
}

// fit is the layout without a swizzle that has these offsets, with the profile of a shape whose leaves may be split.
func fit(at func(i int64) int64, shape Tuple) (Layout, bool) {
	origin := at(0)
	var parts [][]leaf
	sums := []int64{origin} // by the leaves so far
	step := int64(1)
	for _, size := range shape.Leaves() {
		var digits []leaf
		for place := int64(1); place < size; {
			stride := at(place*step) - origin
			n := int64(2)
			for n*place < size && at(n*place*step) == origin+n*stride {
				n++
			}
			if size%(n*place) != 0 {
				return Layout{}, false
			}
			digits = append(digits, leaf{n, stride})
			for i := int64(1); i < n; i++ {
				for _, v := range sums[:step*place] {
					if at(int64(len(sums))) != v+i*stride {
						return Layout{}, false
					}
					sums = append(sums, v+i*stride)
				}
			}
			place *= n
		}
		parts = append(parts, digits)
		step *= size
	}
	shapes, strides := mapLeaves(shape, func(k int) (Tuple, Tuple) { return tuples(parts[k]) })
	l, err := build(shapes, strides, origin, Swizzle{})
	return l, err == nil
}

// fitColumns is the layout of a shape, linear over F2, that has these offsets.
func fitColumns(values []int64, shape Tuple) (Layout, bool) {
	n := len(values)
	if n&(n-1) != 0 {
		return Layout{}, false
	}
	var m F2
	for k := 1; k < n; k *= 2 {
		m.columns = append(m.columns, values[k]^values[0])
	}
	for i, v := range values {
		if v < 0 || v != values[0]^m.At(int64(i)) {
			return Layout{}, false
		}
	}
	offset := int64(0)
	if values[0] != 0 {
		m.columns, offset = append(m.columns, values[0]), int64(n)
	}
	s, err := Linear(m.columns)
	if err != nil {
		return Layout{}, false
	}
	l, err := Compact(shape)
	if err != nil {
		return Layout{}, false
	}
	l, err = build(l.shape, l.stride, offset, s)
	return l, err == nil
}

// outside is the swizzle t with a∘s = t∘a at all offsets of b, where a goes without its own swizzle; it names the
// condition that a does not meet.
func (a Layout) outside(s Swizzle, b Layout) (Swizzle, error) {
	if !s.IsLinear() {
		return a.turned(s, b)
	}
	touched := s.touched()
	lowest, highest := bits.TrailingZeros64(uint64(touched)), bits.Len64(uint64(touched))
	// The index in parts: what lies below the bits that s touches, these one by one, what lies above.
	shape := []int64{1 << lowest}
	step := []int64{1}
	for k := lowest; k < highest; k++ {
		shape, step = append(shape, 2), append(step, 1<<k)
	}
	high := b.high | touched
	if above := high >> highest; above > 0 {
		shape, step = append(shape, above+1), append(step, 1<<highest)
	}
	parts, err := a.parts(shape, step, high>>highest > 0)
	if err != nil {
		return Swizzle{}, failf(Nonlinear, "%v moves index bits %d to %d of %v, which does not keep them apart: %v", s, lowest, highest-1, a, err)
	}
	place := make([]int, highest)
	for k := lowest; k < highest; k++ {
		if touched>>k&1 == 0 {
			continue
		}
		stride := parts.strides[k-lowest+parts.skip]
		if stride <= 0 || stride&(stride-1) != 0 {
			return Swizzle{}, failf(Nonlinear, "%v moves index bit %d of %v, whose stride there is %d, no power of two", s, k, a, stride)
		}
		place[k] = bits.TrailingZeros64(uint64(stride))
		// Nothing else changes that bit of the offset, or carries into it.
		modulus := stride * 2
		sum := modulo(a.offset, modulus)
		for i, size := range parts.sizes {
			if i == k-lowest+parts.skip {
				continue
			}
			far, ok := multiply(size-1, modulo(parts.strides[i], modulus))
			if ok {
				sum, ok = add(sum, far)
			}
			if !ok || sum >= stride {
				return Swizzle{}, failf(Nonlinear, "%v moves index bit %d of %v, whose stride is %d, and other strides or the offset change that bit of the sum", s, k, a, stride)
			}
		}
	}
	top := 0
	for k := lowest; k < highest; k++ {
		if touched>>k&1 != 0 {
			top = max(top, place[k]+1)
		}
	}
	columns := make([]int64, top)
	for p := range columns {
		columns[p] = 1 << p
	}
	for k := lowest; k < highest; k++ {
		for moved := s.Column(k) ^ 1<<k; moved != 0; moved &= moved - 1 {
			columns[place[k]] ^= 1 << place[bits.TrailingZeros64(uint64(moved))]
		}
	}
	return Linear(columns)
}

// parts are the strides of a, without its swizzle, of parts of the index that add without a carry. The first part of
// the index may have become several: skip is the number of leaves before the second.
type parts struct {
	sizes, strides []int64
	skip           int
}

// parts splits the index of a by shape and step. An open last part, which does not split like a's extents, is made
// longer, up to a's size.
func (a Layout) parts(shape, step []int64, open bool) (parts, error) {
	split := func() (Layout, error) {
		b, err := New(Ints(shape...), Ints(step...))
		if err != nil {
			return Layout{}, err
		}
		return composeStrides(a, b)
	}
	l, err := split()
	if last := len(shape) - 1; err != nil && open && a.size%step[last] == 0 && a.size/step[last] > shape[last] {
		shape[last] = a.size / step[last]
		l, err = split()
	}
	if err != nil {
		return parts{}, err
	}
	return parts{l.sizes, l.strides, len(l.shape.Mode(0).Leaves())}, nil
}

// turned is outside for a rotation: chunks and rows of a's index become chunks and rows of its offsets.
func (a Layout) turned(s Swizzle, b Layout) (Swizzle, error) {
	r := s.rotation
	row := r.unit * r.radix
	rows := b.high/row/r.step + 1
	p, err := a.parts([]int64{r.unit, r.radix, r.step, rows}, []int64{1, r.unit, row, row * r.step}, true)
	if err != nil {
		return Swizzle{}, failf(Nonlinear, "%v does not keep apart the chunks and rows of %v: %v", a, s, err)
	}
	chunk := p.skip // the leaf of chunks within a row
	unit := p.strides[chunk]
	if unit < 1 || p.sizes[chunk] != r.radix {
		return Swizzle{}, failf(Nonlinear, "the %d chunks of %v do not lie at one stride in %v", r.radix, s, a)
	}
	// Within a chunk all offsets stay below the next.
	inner := int64(0)
	for i := range chunk {
		far, ok := multiply(p.sizes[i]-1, p.strides[i])
		if ok {
			inner, ok = add(inner, far)
		}
		if !ok || p.strides[i] < 0 || inner >= unit {
			return Swizzle{}, failf(Nonlinear, "a chunk of %v reaches into the next one in %v", s, a)
		}
	}
	wide, ok := multiply(unit, r.radix)
	if !ok {
		return Swizzle{}, failf(Overflow, "the rows of %v in %v do not fit", s, a)
	}
	// Rows lie at multiples of the row's width; every step rows turn by one chunk.
	var within, step int64
	size := int64(1)
	for i := chunk + 1; i < len(p.sizes); i++ {
		v := p.strides[i] / wide
		if p.strides[i]%wide != 0 || v < 0 {
			return Swizzle{}, failf(Nonlinear, "the rows of %v lie at the stride %d in %v, no multiple of their width %d there", s, p.strides[i], a, wide)
		}
		if size < r.step {
			within += v * (p.sizes[i] - 1)
		} else if p.sizes[i] > 1 {
			if step == 0 {
				step = v
			}
			if v == 0 || v%step != 0 || (v/step-size/r.step)%r.radix != 0 {
				return Swizzle{}, failf(Nonlinear, "the rows of %v turn by one chunk every %d, and lie unevenly in %v", s, r.step, a)
			}
		}
		size *= p.sizes[i]
	}
	if step == 0 {
		return Swizzle{}, nil
	}
	t, err := Rotation(unit, r.radix, step)
	if err != nil {
		return Swizzle{}, err
	}
	if within >= step {
		return Swizzle{}, failf(Nonlinear, "rows of %v that turn alike lie too far apart in %v", s, a)
	}
	if period := t.period(); period == 0 || a.offset%period != 0 {
		return Swizzle{}, failf(Nonlinear, "the offset %d of %v is no multiple of the period of %v there", a.offset, a, t)
	}
	return t, nil
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
	if len(modes) == 1 {
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
