package layout

import (
	"fmt"
	"slices"
	"strings"
)

// Equal tells whether two distributions are the same: the same tile, as many positions of every unit, and the same
// element at each.
func (d Distribution) Equal(e Distribution) bool { return d.alike(e) && d.layout.Equal(e.layout) }

// Same is Equal that refuses to tell where more than 2^22 positions would have to be tried.
func (d Distribution) Same(e Distribution) (bool, error) {
	if !d.alike(e) {
		return false, nil
	}
	return d.layout.Same(e.layout)
}

// alike tells whether two distributions have the same tile and as many positions of every unit.
func (d Distribution) alike(e Distribution) bool {
	for u := range Units {
		if d.Count(Unit(u)) != e.Count(Unit(u)) {
			return false
		}
	}
	return slices.Equal(d.tile, e.tile)
}

// normalDigits are the digits without those of one position, and with those joined that go on where the one before
// ends: the same for equal distributions.
func (d Distribution) normalDigits() ([]Digit, bool) {
	digits, ok := d.Digits()
	if !ok {
		return nil, false
	}
	var joined []Digit
	for _, g := range digits {
		if g.Size == 1 {
			continue
		}
		if n := len(joined) - 1; n >= 0 {
			if last := joined[n]; last.Unit == g.Unit && last.Axis == g.Axis && last.Size*last.Stride == g.Stride {
				joined[n].Size *= g.Size
				continue
			}
		}
		joined = append(joined, g)
	}
	return joined, true
}

// unitDigits are those of one unit.
func unitDigits(digits []Digit, u int) []Digit {
	var own []Digit
	for _, g := range digits {
		if int(g.Unit) == u {
			own = append(own, g)
		}
	}
	return own
}

// LeftDivide is the distribution e with d = atom.Mul(e): what every element of the atom's tile has become. It refuses a
// tile that the atom's does not divide, positions that do not end with the atom's, and a swizzle in either.
func (d Distribution) LeftDivide(atom Distribution) (Distribution, error) {
	e, err := d.quotient(atom, false)
	return e, within("divide", err)
}

// RightDivide is the distribution e with d = e.Mul(atom): the positions of tiles that are each laid out as the atom.
// It tells whether d is made of an instruction's fragment, and of how many. It refuses as LeftDivide does, positions that
// do not begin with the atom's.
func (d Distribution) RightDivide(atom Distribution) (Distribution, error) {
	e, err := d.quotient(atom, true)
	return e, within("divide", err)
}

func (d Distribution) quotient(atom Distribution, inner bool) (Distribution, error) {
	if len(d.tile) != len(atom.tile) {
		return Distribution{}, failf(Profile, "a layout of %d axes by one of %d", len(d.tile), len(atom.tile))
	}
	whole, ok := d.normalDigits()
	part, also := atom.normalDigits()
	if !ok || !also {
		return Distribution{}, failf(Nonlinear, "a layout with a swizzle, or with a digit across axes, is no product")
	}
	tile := make([]int64, len(d.tile))
	for i, n := range d.tile {
		if n%atom.tile[i] != 0 {
			return Distribution{}, failf(Divisibility, "%d elements of the atom along axis %d do not divide %d", atom.tile[i], i, n)
		}
		tile[i] = n / atom.tile[i]
	}
	var digits []Digit
	for u := range Units {
		own, cut := unitDigits(whole, u), unitDigits(part, u)
		var rest []Digit
		var err error
		if inner {
			rest, err = cutFirst(own, cut)
		} else {
			for i, g := range cut { // in d they step over whole tiles of e
				if g.Axis != Replica {
					cut[i].Stride *= tile[g.Axis]
				}
			}
			rest, err = cutLast(own, cut)
		}
		if err != nil {
			return Distribution{}, err
		}
		for _, g := range rest {
			if inner && g.Axis != Replica {
				if g.Stride%atom.tile[g.Axis] != 0 {
					return Distribution{}, failf(Divisibility, "%v steps of %d elements along axis %d, which are no whole tiles of %d of the atom", Unit(u), g.Stride, g.Axis, atom.tile[g.Axis])
				}
				g.Stride /= atom.tile[g.Axis]
			}
			digits = append(digits, g)
		}
	}
	return Distribute(tile, digits...)
}

// cutFirst takes the digits cut off the front of digits of the same unit, of which either may be split.
func cutFirst(digits, cut []Digit) ([]Digit, error) {
	digits, cut = slices.Clone(digits), slices.Clone(cut)
	for len(cut) > 0 {
		a := &cut[0]
		if len(digits) == 0 {
			return nil, failf(Divisibility, "the atom has a digit of %d positions of a %v more", a.Size, a.Unit)
		}
		g := &digits[0]
		if g.Axis != a.Axis || g.Stride != a.Stride {
			return nil, failf(Divisibility, "the %v's positions step by %v, the atom's by %v", g.Unit, g.step(), a.step())
		}
		n := min(g.Size, a.Size)
		if g.Size%n != 0 || a.Size%n != 0 {
			return nil, failf(Divisibility, "of %d positions of a %v, the atom has %d", g.Size, g.Unit, a.Size)
		}
		for _, d := range [2]*Digit{g, a} {
			d.Size, d.Stride = d.Size/n, d.Stride*n
		}
		if g.Size == 1 {
			digits = digits[1:]
		}
		if a.Size == 1 {
			cut = cut[1:]
		}
	}
	return digits, nil
}

// cutLast takes the digits cut off the end.
func cutLast(digits, cut []Digit) ([]Digit, error) {
	digits, cut = slices.Clone(digits), slices.Clone(cut)
	for len(cut) > 0 {
		a := &cut[len(cut)-1]
		if len(digits) == 0 {
			return nil, failf(Divisibility, "the atom has a digit of %d positions of a %v more", a.Size, a.Unit)
		}
		g := &digits[len(digits)-1]
		n := min(g.Size, a.Size)
		if g.Size%n != 0 || a.Size%n != 0 {
			return nil, failf(Divisibility, "of %d positions of a %v, the atom has %d", g.Size, g.Unit, a.Size)
		}
		// The last n positions of each step over what is left of its digit.
		if g.Axis != a.Axis || g.Stride*(g.Size/n) != a.Stride*(a.Size/n) {
			return nil, failf(Divisibility, "the %v's last positions step by %v, the atom's by %v", g.Unit, g.step(), a.step())
		}
		g.Size /= n
		a.Size /= n
		if g.Size == 1 {
			digits = digits[:len(digits)-1]
		}
		if a.Size == 1 {
			cut = cut[:len(cut)-1]
		}
	}
	return digits, nil
}

// step is the digit's stride as String writes it.
func (g Digit) step() string {
	if g.Axis == Replica {
		return "0"
	}
	return fmt.Sprintf("%d@%d", g.Stride, g.Axis)
}

// Permute is the distribution of the transposed tile: axis i of the result is axis order[i]. It refuses what is no
// permutation of all axes.
func (d Distribution) Permute(order ...int) (Distribution, error) {
	n := len(d.tile)
	at := make([]int, n) // the new place of each axis
	for i := range at {
		at[i] = -1
	}
	tile := make([]int64, n)
	if len(order) != n {
		return Distribution{}, within("permute", failf(Profile, "an order of %d of the %d axes", len(order), n))
	}
	for i, k := range order {
		if k < 0 || k >= n || at[k] >= 0 {
			return Distribution{}, within("permute", failf(Range, "axis %d at place %d of an order: each of the %d axes is there once", k, i, n))
		}
		at[k] = i
		tile[i] = d.tile[k]
	}
	steps, err := axisSteps(tile)
	if err != nil {
		return Distribution{}, err
	}
	strides := make([]int64, n)
	for k, i := range at {
		strides[k] = steps[i]
	}
	e, err := d.renumbered(tile, strides)
	return e, within("permute", err)
}

// Slice is the distribution of the tile without an axis, as a reduction along it leaves it: positions that differ along
// the axis alone hold the same element.
func (d Distribution) Slice(axis int) (Distribution, error) {
	if axis < 0 || axis >= len(d.tile) {
		return Distribution{}, within("slice", failf(Range, "axis %d of a tile of %d axes", axis, len(d.tile)))
	}
	tile := slices.Delete(slices.Clone(d.tile), axis, axis+1)
	steps, err := axisSteps(tile)
	if err != nil {
		return Distribution{}, err
	}
	strides := slices.Insert(steps[:len(tile):len(tile)], axis, 0)
	e, err := d.renumbered(tile, strides)
	return e, within("slice", err)
}

// Thin is the distribution without the register slots that repeat others: it drops the digits of registers along which
// all positions hold the same element. It leaves a distribution that has no digits as it is.
func (d Distribution) Thin() Distribution {
	digits, ok := d.Digits()
	if !ok {
		return d
	}
	kept := slices.DeleteFunc(digits, func(g Digit) bool { return g.Unit == Register && g.Axis == Replica })
	e, err := Distribute(d.tile, kept...)
	if err != nil {
		return d // not reached: the digits that are left reach no further
	}
	return e
}

// renumbered is the distribution over another tile, where a step along axis i of this one's tile is a step of
// strides[i] elements.
func (d Distribution) renumbered(tile, strides []int64) (Distribution, error) {
	if len(d.tile) == 0 {
		return d, nil
	}
	numbers, err := New(Ints(d.tile...), Ints(strides...))
	if err != nil {
		return Distribution{}, err
	}
	l, err := compose(numbers, d.layout)
	if err != nil {
		return Distribution{}, err
	}
	return DistributionOf(tile, l)
}

// Replication is the number of positions that hold each element of the tile; false where these are not the same for
// all, or some element is not held, or more than 2^22 positions would have to be tried to know.
func (d Distribution) Replication() (int64, bool) {
	elements := int64(1)
	for _, n := range d.tile {
		elements *= n
	}
	l := d.layout.simple()
	n := l.size / elements
	if l.size%elements != 0 {
		return 0, false
	}
	if m, ok := l.linear(); ok { // all elements of the image are held alike
		return n, int64(1)<<m.Rank() == elements
	}
	if l.swizzle.IsIdentity() {
		leaves := l.filtered()
		sortByStride(leaves)
		covered := int64(1)
		for _, f := range leaves {
			if f.stride != covered {
				covered = 0
				break
			}
			covered *= f.size
		}
		if covered == elements {
			return n, true
		}
	}
	reduced := l.Filter()
	if reduced.size > imageLimit || elements > imageLimit {
		return 0, false
	}
	count := make([]int64, elements)
	for _, x := range reduced.Values() {
		count[x]++
	}
	for _, c := range count {
		if c*(l.size/reduced.size) != n {
			return 0, false
		}
	}
	return n, true
}

// Factors is the distribution as a product, such as local(2,1) * spatial(8,4) * local(1,2); false where it is none: it
// has a swizzle, an axis along which digits leave gaps or overlap, or digits of a unit and an axis in contrary orders.
func (d Distribution) Factors() (string, bool) {
	digits, ok := d.normalDigits()
	if !ok {
		return "", false
	}
	// From the innermost factor: a digit goes when all faster ones of its unit and of its axis are gone.
	extent := make([]int64, len(d.tile))
	for i := range extent {
		extent[i] = 1
	}
	var factors []factor
	for len(digits) > 0 {
		next := -1
		var seen [Units]bool
		for i, g := range digits {
			if seen[g.Unit] || g.Axis != Replica && g.Stride != extent[g.Axis] {
				seen[g.Unit] = true
				continue
			}
			seen[g.Unit] = true
			if next < 0 || len(factors) > 0 && factors[len(factors)-1].takes(g) && !factors[len(factors)-1].takes(digits[next]) {
				next = i
			}
		}
		if next < 0 {
			return "", false
		}
		g := digits[next]
		digits = slices.Delete(digits, next, next+1)
		if g.Axis != Replica {
			extent[g.Axis] *= g.Size
		}
		if n := len(factors); n > 0 && factors[n-1].takes(g) {
			factors[n-1].digits = append(factors[n-1].digits, g)
		} else {
			factors = append(factors, factor{[]Digit{g}})
		}
	}
	if !slices.Equal(extent, d.tile) {
		return "", false
	}
	if !slices.ContainsFunc(factors, func(f factor) bool { return f.digits[0].Axis != Replica }) {
		factors = append(factors, factor{}) // replicas alone do not tell the number of axes
	}
	texts := make([]string, len(factors))
	for i, f := range factors {
		texts[len(texts)-1-i] = f.text(len(d.tile))
	}
	return strings.Join(texts, " * "), true
}

// A factor is a grid of one unit: digits along different axes, the fastest first, in the order of the axes or against
// it; or a replica.
type factor struct {
	digits []Digit
}

func (f factor) takes(g Digit) bool {
	last := f.digits[len(f.digits)-1]
	if last.Unit != g.Unit || last.Axis == Replica || g.Axis == Replica || last.Axis == g.Axis {
		return false
	}
	return len(f.digits) == 1 || (f.digits[0].Axis < f.digits[1].Axis) == (last.Axis < g.Axis)
}

func (f factor) text(axes int) string {
	extents := make([]string, axes)
	for i := range extents {
		extents[i] = "1"
	}
	unit, column := Register, false
	for i, g := range f.digits {
		if g.Axis == Replica {
			return fmt.Sprintf("replica(%v, %d)", g.Unit, g.Size)
		}
		unit, extents[g.Axis] = g.Unit, fmt.Sprint(g.Size)
		column = i > 0 && f.digits[0].Axis < g.Axis
	}
	for _, a := range atoms {
		if a.unit == unit && a.rowMajor != column {
			return a.name + "(" + strings.Join(extents, ",") + ")"
		}
	}
	return ""
}
