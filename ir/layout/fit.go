package layout

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
