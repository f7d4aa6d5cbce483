package layout

// Divide is a∘(b, c), where c is the complement of b within a's size: mode 0 is the tile that b takes out of a, mode 1
// runs over the tiles. It refuses what Complement and Compose refuse. Where b does not divide a's size, the tiles go on
// past it, as a does.
func Divide(a, b Layout) (Layout, error) {
	l, err := divide(a, b)
	return l, within("divide", err)
}

func divide(a, b Layout) (Layout, error) {
	tile := b
	if b.swizzle.IsIdentity() {
		tile.offset = 0
	}
	c, err := complement(tile, a.size)
	if err != nil {
		return Layout{}, err
	}
	whole, err := concat([]Layout{b, c})
	if err != nil {
		return Layout{}, err
	}
	return compose(a, whole)
}

// DivideModes divides each mode of a by a tiler of its own: mode i is (tile, rest). Modes beyond the tilers stay.
func DivideModes(a Layout, tiler ...Layout) (Layout, error) {
	l, err := byMode(a, tiler, divide)
	return l, within("divide", err)
}

// ZippedDivide is DivideModes with the tiles of all modes in mode 0 and what is left of them, with the modes beyond the
// tilers, in mode 1. A mode of one item is that item.
func ZippedDivide(a Layout, tiler ...Layout) (Layout, error) {
	tiles, rests, l, err := divided(a, tiler)
	if err != nil {
		return Layout{}, within("zipped_divide", err)
	}
	return l.arranged(group(tiles), group(rests)), nil
}

// TiledDivide is ZippedDivide with each of what is left a mode of its own.
func TiledDivide(a Layout, tiler ...Layout) (Layout, error) {
	tiles, rests, l, err := divided(a, tiler)
	if err != nil {
		return Layout{}, within("tiled_divide", err)
	}
	return l.arranged(append([]mode{group(tiles)}, rests...)...), nil
}

// FlatDivide is ZippedDivide with each tile and each of what is left a mode of its own.
func FlatDivide(a Layout, tiler ...Layout) (Layout, error) {
	tiles, rests, l, err := divided(a, tiler)
	if err != nil {
		return Layout{}, within("flat_divide", err)
	}
	return l.arranged(append(tiles, rests...)...), nil
}

// A mode is a part of a layout: its shape and strides.
type mode struct {
	shape, stride Tuple
}

// divided are the tiles and the rests of the modes of a, by a tiler each, and the layout that they are of.
func divided(a Layout, tiler []Layout) (tiles, rests []mode, l Layout, err error) {
	if len(tiler) == 0 {
		return nil, nil, Layout{}, failf(Profile, "no tiler for %v", a)
	}
	if l, err = byMode(a, tiler, divide); err != nil {
		return nil, nil, Layout{}, err
	}
	tiles, rests = l.pairs(a, len(tiler))
	return tiles, rests, l, nil
}

// pairs are the first and the second items of the first n modes of l, which were modes of a; the others of its modes
// end the second ones.
func (l Layout) pairs(a Layout, n int) (firsts, seconds []mode) {
	for i := range a.Rank() {
		m := mode{l.shape, l.stride}
		if !a.shape.IsInt() {
			m = mode{l.shape.Mode(i), l.stride.Mode(i)}
		}
		if i < n {
			firsts = append(firsts, mode{m.shape.Mode(0), m.stride.Mode(0)})
			seconds = append(seconds, mode{m.shape.Mode(1), m.stride.Mode(1)})
		} else {
			seconds = append(seconds, m)
		}
	}
	return firsts, seconds
}

// group is the mode of some modes: a list, or the only one.
func group(ms []mode) mode {
	if len(ms) == 1 {
		return ms[0]
	}
	shapes, strides := make([]Tuple, len(ms)), make([]Tuple, len(ms))
	for i, m := range ms {
		shapes[i], strides[i] = m.shape, m.stride
	}
	return mode{List(shapes...), List(strides...)}
}

// arranged is the layout with its leaves in these modes instead.
func (l Layout) arranged(ms ...mode) Layout {
	m := group(ms)
	return mustBuild(m.shape, m.stride, l.offset, l.swizzle)
}
