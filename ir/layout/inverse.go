package layout

import (
	"math/bits"
	"slices"
)

// RightInverse is the longest layout R that comes from following strides with a.At(R.At(i)) = i for all i below its
// size: it takes the leaf of stride 1, then the one of the stride at which that one ends, and so on. Where no leaf has
// stride 1 it is 1:0. A swizzle must be a bijection; where it does not go behind the strides of the result, and a is
// linear over F2, the result is the solution of the linear equations. Where index 0 is not offset 0, only leaves of
// negative strides that end there are inverted.
func RightInverse(a Layout) (Layout, error) {
	l, err := rightInverse(a.needed())
	return l, within("right_inverse", err)
}

func rightInverse(a Layout) (Layout, error) {
	if a.swizzle.IsIdentity() {
		return rightInverseOfStrides(a)
	}
	back, err := a.swizzle.Inverse()
	if err == nil {
		var plain, l Layout
		if plain, err = rightInverseOfStrides(a); err == nil {
			// The swizzle permutes whole periods: offsets of a below the last of them come from within plain.
			if period := back.period(); period == 0 || plain.size%period != 0 {
				err = failf(Nonlinear, "%v permutes %d offsets, and the strides of %v reach %d without a gap", a.swizzle, period, a, plain.size)
			} else if l, err = compose(plain, mustBuild(Int(plain.size), Int(1), 0, back)); err == nil {
				return l, nil
			}
		}
	}
	m, ok := a.Matrix()
	if !ok {
		return Layout{}, err
	}
	origin := a.At(0)
	if origin != 0 {
		return Layout{}, failf(Range, "index 0 of %v has the offset %d, not 0", a, origin)
	}
	var columns []int64
	for k := range m.Rows() {
		x, ok := m.Solve(1 << k)
		if !ok {
			break
		}
		columns = append(columns, x)
	}
	return F2{columns}.layout()
}

// layout is the map over F2 as a layout of 2^bits indices, without a swizzle where no bits meet.
func (m F2) layout() (Layout, error) {
	if len(m.columns) >= MaxBits {
		return Layout{}, failf(Overflow, "a map of %d bits is no layout; at most %d", len(m.columns), MaxBits-1)
	}
	l, err := m.shaped(0, Int(1<<len(m.columns)))
	if err != nil {
		return Layout{}, err
	}
	return l.Canonical(), nil
}

func rightInverseOfStrides(a Layout) (Layout, error) {
	leaves := a.merged()
	if len(leaves) == 1 && len(a.unbounded()) == 1 && magnitude(leaves[0].stride) == 1 && a.offset == 0 {
		return mustBuild(Int(leaves[0].size), Int(leaves[0].stride), 0, Swizzle{}), nil // defined at negative indices too
	}
	// An index that runs down from the end of a leaf of a negative stride runs up the offsets.
	places := make([]int64, len(leaves))
	place, lowest := int64(1), a.offset
	for i, f := range leaves {
		places[i] = place
		place *= f.size
		if f.stride < 0 {
			lowest += (f.size - 1) * f.stride
		}
	}
	if a.offset != 0 && lowest != 0 {
		return Layout{}, failf(Range, "the least offset of %v is %d, not 0", a, lowest)
	}
	var found []leaf
	offset := int64(0)
	for next := int64(1); ; {
		i := slices.IndexFunc(leaves, func(f leaf) bool {
			return f.stride == next || f.stride == -next && lowest == 0
		})
		if i < 0 {
			break
		}
		f := leaves[i]
		if f.stride > 0 {
			found = append(found, leaf{f.size, places[i]})
		} else {
			found = append(found, leaf{f.size, -places[i]})
		}
		next *= f.size
	}
	if lowest == 0 { // every negative leaf starts at its end
		for i, f := range leaves {
			if f.stride < 0 {
				offset += (f.size - 1) * places[i]
			}
		}
	}
	shape, stride := tuples(found)
	return build(shape, stride, offset, Swizzle{})
}

// LeftInverse is a layout L with L.At(a.At(i)) = i for all i below a's size, where a is injective, and else with
// a.At(L.At(a.At(i))) = a.At(i); the offsets of a are below L's size, and L gives indices below a's. It sorts the leaves
// of a by stride, and cuts offsets at the strides; it refuses layouts for which that does not give an inverse, because
// strides do not nest, and what has a swizzle that is no bijection, or an offset that L would have to subtract.
func LeftInverse(a Layout) (Layout, error) {
	l, err := leftInverse(a.needed())
	return l, within("left_inverse", err)
}

func leftInverse(a Layout) (Layout, error) {
	plain, err := leftInverseOfStrides(a)
	if a.swizzle.IsIdentity() {
		return plain, err
	}
	if err == nil {
		var back Swizzle
		if back, err = a.swizzle.Inverse(); err == nil {
			// Offsets of a after its swizzle lie below the next power of two, or in its last row.
			n := int64(1) << max(bits.Len64(uint64(a.high)), a.swizzle.Bits())
			if r := a.swizzle.rotation; r.radix != 0 {
				n = max(n, a.high+r.unit*r.radix)
			}
			var l Layout
			if l, err = build(Int(n), Int(1), 0, back); err == nil {
				if l, err = compose(plain, l); err == nil {
					return l.Coalesce(), nil
				}
			}
		}
	}
	m, ok := a.Matrix()
	if !ok {
		return Layout{}, err
	}
	origin := a.At(0)
	g := m.Inverse(bits.Len64(uint64(origin)))
	if g.At(origin) != 0 {
		return Layout{}, failf(Range, "index 0 of %v has the offset %d, which the inverse would have to take away", a, origin)
	}
	return g.layout()
}

func leftInverseOfStrides(a Layout) (Layout, error) {
	type placed struct {
		leaf
		place int64
	}
	var leaves []placed
	place := int64(1)
	for _, f := range a.merged() {
		if f.stride != 0 {
			leaves = append(leaves, placed{f, place})
		}
		place *= f.size
	}
	plain := a
	plain.swizzle = Swizzle{}
	if len(leaves) == 1 && leaves[0].stride == -1 && len(a.unbounded()) == 1 && a.offset == 0 {
		return mustBuild(Int(leaves[0].size), Int(-1), 0, Swizzle{}), nil
	}
	slices.SortStableFunc(leaves, func(f, g placed) int {
		switch {
		case f.stride < g.stride:
			return -1
		case f.stride > g.stride:
			return 1
		}
		return 0
	})
	var cut []leaf
	done, before := int64(1), int64(0)
	for _, f := range leaves {
		if f.stride < 0 {
			return Layout{}, failf(Range, "the stride %d of %v is negative", f.stride, a)
		}
		n := f.stride / done
		if n == 0 {
			return Layout{}, failf(Divisibility, "the strides of %v do not nest: %d is less than the %d offsets that are cut below it", a, f.stride, done)
		}
		cut = append(cut, leaf{n, before})
		done *= n
		before = f.place
	}
	if n := len(leaves); n > 0 {
		cut = append(cut, leaf{leaves[n-1].size, before})
	}
	if n := len(cut); n > 0 { // an offset before the strides, or strides that overlap, reach further than the last one
		cut[n-1].size = max(cut[n-1].size, a.high/done+1)
	}
	shape, stride := tuples(merge(cut))
	l, err := build(shape, stride, 0, Swizzle{})
	if err != nil {
		return Layout{}, err
	}
	if l.offset = -l.At(a.offset); l.offset != 0 {
		if l, err = build(shape, stride, l.offset, Swizzle{}); err != nil {
			return Layout{}, err
		}
	}
	// The cuts are right where the strides divide, or leave room. That is checked, not assumed.
	there, err := composeStrides(l, plain)
	if e, ok := err.(*Error); ok && e.Reason == Range {
		return Layout{}, failf(Range, "%v reaches the offset %d, and inverses of several strides are not defined at negative ones", a, a.low)
	}
	if err != nil {
		return Layout{}, failf(Divisibility, "the strides of %v do not nest: %v", a, err)
	}
	if identity := mustBuild(Int(a.size), Int(1), 0, Swizzle{}); there.Equal(identity) {
		return l, nil
	}
	again, err := composeStrides(plain, there)
	if err != nil {
		return Layout{}, failf(Divisibility, "the strides of %v do not nest: %v", a, err)
	}
	if injective, err := plain.Injects(); err != nil {
		return Layout{}, err
	} else if injective || !again.Equal(plain) {
		return Layout{}, failf(Divisibility, "the strides of %v do not nest: cutting the offsets at them gives %v, which is no inverse", a, l)
	}
	if there.low < 0 || there.high >= a.size {
		return Layout{}, failf(Injectivity, "indices of %v share offsets, and the strides do not nest: %v gives index %d, and there are %d", a, l, there.high, a.size)
	}
	return l, nil
}
