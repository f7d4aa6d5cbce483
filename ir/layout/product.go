package layout

// Product is (a, c∘b), where c is the complement of a within a's size times b's cosize: mode 0 is a, mode 1 repeats it
// as b says, by what a leaves out. Where the strides of a leave gaps between its leaves, c may hold fewer offsets than b
// reaches, and goes on past its size as every layout does. It refuses what Complement and Compose refuse.
func Product(a, b Layout) (Layout, error) {
	l, err := product(a, b)
	return l, within("product", err)
}

func product(a, b Layout) (Layout, error) {
	tile := a
	if a.swizzle.IsIdentity() {
		tile.offset = 0
	}
	reach, err := b.Cosize()
	if err != nil {
		return Layout{}, err
	}
	room, ok := multiply(a.size, reach)
	if !ok {
		return Layout{}, failf(Overflow, "%d indices times %d offsets do not fit 63 bits", a.size, reach)
	}
	c, err := complement(tile, room)
	if err != nil {
		return Layout{}, err
	}
	repeat, err := compose(c, b)
	if err != nil {
		return Layout{}, err
	}
	return concat([]Layout{a, repeat})
}

// ProductModes is the product of each mode of a with a tiler of its own: mode i is (a's mode, its repeats). Modes beyond
// the tilers stay.
func ProductModes(a Layout, tiler ...Layout) (Layout, error) {
	l, err := byMode(a, tiler, product)
	return l, within("product", err)
}

// ZippedProduct is ProductModes with the modes of a in mode 0 and their repeats in mode 1, which ends with the modes
// beyond the tilers.
func ZippedProduct(a Layout, tiler ...Layout) (Layout, error) {
	l, err := byMode(a, tiler, product)
	if err != nil {
		return Layout{}, within("zipped_product", err)
	}
	if len(tiler) == 0 {
		return Layout{}, within("zipped_product", failf(Profile, "no tiler for %v", a))
	}
	tiles, repeats := l.pairs(a, len(tiler))
	return l.arranged(group(tiles), group(repeats)), nil
}

// BlockedProduct is Product with mode i (a's mode i, b's mode i): tiles of a lie side by side along each mode. The one
// with fewer modes gets modes of extent 1.
func BlockedProduct(a, b Layout) (Layout, error) {
	l, err := zipped(a, b, false)
	return l, within("blocked_product", err)
}

// RakedProduct is Product with mode i (b's mode i, a's mode i): the elements of a lie apart along each mode, with those
// of the other tiles between them.
func RakedProduct(a, b Layout) (Layout, error) {
	l, err := zipped(a, b, true)
	return l, within("raked_product", err)
}

func zipped(a, b Layout, raked bool) (Layout, error) {
	rank := max(a.Rank(), b.Rank())
	p, err := product(a.padded(rank), b.padded(rank))
	if err != nil {
		return Layout{}, err
	}
	shapes, strides := make([]Tuple, rank), make([]Tuple, rank)
	for i := range rank {
		inner := mode{p.shape.Mode(0).Mode(i), p.stride.Mode(0).Mode(i)}
		outer := mode{p.shape.Mode(1).Mode(i), p.stride.Mode(1).Mode(i)}
		if raked {
			inner, outer = outer, inner
		}
		m := group([]mode{inner, outer})
		shapes[i], strides[i] = m.shape, m.stride
	}
	return mustBuild(List(shapes...), List(strides...), p.offset, p.swizzle), nil
}

// padded is the layout as a list of so many modes, the new ones of extent 1.
func (l Layout) padded(rank int) Layout {
	shapes, strides := make([]Tuple, rank), make([]Tuple, rank)
	for i := range rank {
		shapes[i], strides[i] = Int(1), Int(0)
		if i < l.Rank() {
			shapes[i], strides[i] = l.shape.Mode(i), l.stride.Mode(i)
		}
	}
	return mustBuild(List(shapes...), List(strides...), l.offset, l.swizzle)
}

// TileToShape repeats a to fill a shape, the first mode fastest: mode i is (a's mode i, its repeats) and has the extent
// of the shape's mode i. It refuses extents that a's modes do not divide, a layout of more modes than the shape, and what
// Product refuses: where the strides of a leave gaps, the repeats have to fit these.
func TileToShape(a Layout, shape Tuple) (Layout, error) {
	l, err := tileToShape(a, shape)
	return l, within("tile_to_shape", err)
}

func tileToShape(a Layout, shape Tuple) (Layout, error) {
	if a.Rank() > shape.Rank() {
		return Layout{}, failf(Profile, "%v has %d modes, the shape %v has %d", a, a.Rank(), shape, shape.Rank())
	}
	if _, err := Compact(shape); err != nil {
		return Layout{}, err
	}
	tile := a.padded(shape.Rank())
	repeats := make([]int64, shape.Rank())
	for i := range repeats {
		n, _ := shape.Mode(i).Product() // fits, as all extents together do
		size := tile.Mode(i).size
		if n%size != 0 {
			return Layout{}, failf(Divisibility, "%d indices of mode %d of %v do not divide the extent %d", size, i, a, n)
		}
		repeats[i] = n / size
	}
	b, err := Compact(Ints(repeats...))
	if err != nil {
		return Layout{}, err
	}
	return zipped(tile, b, false)
}
