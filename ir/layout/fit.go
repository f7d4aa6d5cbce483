package layout

// fitLimit bounds the indices of layouts that are found from their offsets, where their swizzles leave no other way.
const fitLimit = 2048

// composeValues is a∘b for small layouts from the offsets themselves: the strides that they follow, or the columns.
func composeValues(a, b Layout) (Layout, bool) {
	if b.size > fitLimit || b.low < 0 {
		return Layout{}, false
	}
	f, err := a.lineTo(b.high + b.slack())
	if err != nil {
		return Layout{}, false
	}
	// Behind a swizzle no offset may be negative, and within a's size it has none.
	if !a.swizzle.IsIdentity() && (a.low < 0 || b.high+b.slack() >= a.size) {
		for i := range b.size {
			if f.at(b.At(i)) < 0 {
				return Layout{}, false
			}
		}
	}
	at := func(i int64) int64 { return a.swizzle.At(f.at(b.At(i))) }
	if l, ok := fit(at, b.shape); ok {
		return l, true
	}
	m, ok := fitColumns(at, b.size)
	if !ok {
		return Layout{}, false
	}
	l, err := m.shaped(at(0), b.shape)
	return l, err == nil
}

// fit is the layout without a swizzle that has these offsets, with the profile of a shape whose leaves may be split.
func fit(at func(i int64) int64, shape Tuple) (Layout, bool) {
	origin := at(0)
	var parts [][]leaf
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
			place *= n
		}
		parts = append(parts, digits)
		step *= size
	}
	shapes, strides := mapLeaves(shape, func(k int) (Tuple, Tuple) { return tuples(parts[k]) })
	l, err := build(shapes, strides, origin, Swizzle{})
	if err != nil || l.At(l.size-1) != at(l.size-1) { // most that are no sum are none at the end
		return Layout{}, false
	}
	for i := range l.size {
		if l.At(i) != at(i) {
			return Layout{}, false
		}
	}
	return l, true
}

// fitColumns is the map over F2 that has these offsets, but for that of index 0; false where there is none, or an offset
// is negative.
func fitColumns(at func(i int64) int64, size int64) (F2, bool) {
	if size&(size-1) != 0 {
		return F2{}, false
	}
	origin := at(0)
	var m F2
	for k := int64(1); k < size; k *= 2 {
		m.columns = append(m.columns, at(k)^origin)
	}
	for j := int64(1); j < size; j *= 2 { // most that are not linear are not for two bits
		for k := j * 2; k < size; k *= 2 {
			if at(j+k) != origin^m.At(j+k) {
				return F2{}, false
			}
		}
	}
	for i := range size {
		if x := at(i); x < 0 || x != origin^m.At(i) {
			return F2{}, false
		}
	}
	return m, true
}
