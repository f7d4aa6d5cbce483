// Package layout is the algebra of layouts: where the elements of a tile lie in memory, and which registers of which
// lanes hold them.
//
// A [Layout] is a function from an index to an offset: a nested shape, whose first mode runs fastest, strides of the
// same nesting, an offset and a [Swizzle] behind them. Extents are of any size, not only powers of two. A
// [Distribution] is a layout whose modes are registers, lanes, warps and blocks, and whose offsets are the elements of
// a tile. Every operation returns the layout that is equal by definition at every index, or an [Error] that says which
// condition fails; none is ever approximately right.
package layout

import (
	"math"
	"strconv"
)

// A Layout is a function from [0, Size) to offsets. Index i is split among the leaves of the shape, the first of them
// fastest; each part times its stride is added to the offset, and the swizzle is applied to the sum. The last leaf
// takes what is left of the index: so a layout goes on past its size, as in CuTe. The zero value is no layout; make
// them by New and the operations. What a stride counts (elements, bytes, bits) is the user's to say; see Recast.
type Layout struct {
	shape, stride Tuple
	offset        int64
	swizzle       Swizzle

	sizes, strides []int64 // the leaves
	size           int64
	low, high      int64 // of the sums before the swizzle
}

// New is the layout of a shape and strides of the same nesting. Extents are at least 1, and neither the size nor an
// offset may exceed 62 bits.
func New(shape, stride Tuple) (Layout, error) { return build(shape, stride, 0, Swizzle{}) }

// Compact is the layout of a shape whose strides are the products of the extents before: the index itself.
func Compact(shape Tuple) (Layout, error) {
	stride, ok := shape.PrefixProduct()
	if !ok {
		return Layout{}, failf(Overflow, "the extents of %v multiply to more than 62 bits hold", shape)
	}
	return New(shape, stride)
}

// RowMajor is the layout of a dense array: of the extents, the last one has stride 1.
func RowMajor(extents ...int64) (Layout, error) {
	strides := make([]int64, len(extents))
	step := int64(1)
	for i := len(extents) - 1; i >= 0; i-- {
		strides[i] = step
		var ok bool
		if step, ok = multiply(step, extents[i]); !ok {
			return Layout{}, failf(Overflow, "the extents of %v multiply to more than 62 bits hold", Ints(extents...))
		}
	}
	return New(Ints(extents...), Ints(strides...))
}

// Must is the layout of an operation that cannot fail; it panics with the error otherwise. It is for tables.
func Must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

// build is the layout of these parts. Every layout comes from here.
func build(shape, stride Tuple, offset int64, swizzle Swizzle) (Layout, error) {
	if !shape.Congruent(stride) {
		return Layout{}, failf(Profile, "the shape %v and the strides %v are not nested alike", shape, stride)
	}
	l := Layout{shape: shape, stride: stride, offset: offset, swizzle: swizzle, sizes: shape.Leaves(), strides: stride.Leaves(), size: 1}
	fits := true
	for i, s := range l.sizes {
		if s < 1 {
			return Layout{}, failf(ZeroExtent, "extent %d in %v: extents are at least 1", s, shape)
		}
		var ok bool
		if l.size, ok = multiply(l.size, s); !ok || l.size>>MaxBits != 0 {
			return Layout{}, failf(Overflow, "the extents of %v multiply to more than %d bits hold", shape, MaxBits)
		}
		reach, ok := multiply(s-1, l.strides[i])
		if ok && reach < 0 {
			l.low, ok = add(l.low, reach)
		} else if ok {
			l.high, ok = add(l.high, reach)
		}
		fits = fits && ok && l.strides[i] != math.MinInt64
	}
	// The sums fit without the offset too: then every part of a layout is a layout.
	fits = fits && within62(l.low) && within62(l.high) && within62(offset)
	if l.low, l.high = l.low+offset, l.high+offset; !fits || !within62(l.low) || !within62(l.high) {
		return Layout{}, failf(Overflow, "the offsets of %v:%v+%d take more than %d bits", shape, stride, offset, MaxBits)
	}
	if l.low < 0 && !swizzle.IsIdentity() {
		return Layout{}, failf(Range, "%v is not defined at the offset %d of %v:%v", swizzle, l.low, shape, stride)
	}
	if r := swizzle.rotation; r.radix != 0 {
		row := r.unit * r.radix
		if start := l.high - l.high%row; row-1 > 1<<MaxBits-1-start {
			return Layout{}, failf(Overflow, "the row of %v at the offset %d of %v:%v ends beyond %d bits", swizzle, l.high, shape, stride, MaxBits)
		}
	}
	return l, nil
}

func within62(x int64) bool { return x>>MaxBits == 0 || x>>MaxBits == -1 }

// Shape is the nested shape.
func (l Layout) Shape() Tuple { return l.shape }

// Stride are the strides, nested like the shape.
func (l Layout) Stride() Tuple { return l.stride }

// Offset is what is added to every sum of strides, before the swizzle.
func (l Layout) Offset() int64 { return l.offset }

// Swizzle is the map behind the strides.
func (l Layout) Swizzle() Swizzle { return l.swizzle }

// Size is the number of indices.
func (l Layout) Size() int64 { return l.size }

// Rank is the number of modes: of items of the shape.
func (l Layout) Rank() int { return l.shape.Rank() }

// Mode is the layout of item i of the shape alone, without the offset and the swizzle.
func (l Layout) Mode(i int) Layout {
	m, err := build(l.shape.Mode(i), l.stride.Mode(i), 0, Swizzle{})
	if err != nil {
		panic(err) // a part of a layout is a layout
	}
	return m
}

// Leaves are the extents and strides without their nesting. They must not be changed.
func (l Layout) Leaves() (sizes, strides []int64) { return l.sizes, l.strides }

// At is the offset of index i, which may exceed the size. It must not be negative unless the layout has one stride
// alone.
func (l Layout) At(i int64) int64 {
	x := l.offset
	last := len(l.sizes) - 1
	for k, s := range l.sizes {
		if k == last {
			x += i * l.strides[k]
			break
		}
		q := i / s
		x += (i - q*s) * l.strides[k]
		i = q
	}
	return l.swizzle.At(x)
}

// Values are the offsets of all indices in order. The caller bounds the size.
func (l Layout) Values() []int64 {
	values := make([]int64, 1, l.size)
	values[0] = l.offset
	for k, s := range l.sizes {
		n := len(values)
		for i := int64(1); i < s; i++ {
			step := i * l.strides[k]
			for _, v := range values[:n] {
				values = append(values, v+step)
			}
		}
	}
	if !l.swizzle.IsIdentity() {
		for i, v := range values {
			values[i] = l.swizzle.At(v)
		}
	}
	return values
}

// Identical tells whether two layouts are written alike: the same shape, strides, offset and swizzle. Equal tells
// whether they are the same function.
func (l Layout) Identical(m Layout) bool {
	return l.shape.Equal(m.shape) && l.stride.Equal(m.stride) && l.offset == m.offset && l.swizzle.Equal(m.swizzle)
}

// String is the layout as Parse reads it: (4,(2,3)):(1,(4,8)), with an offset behind a plus, and a swizzle before it:
// swizzle(3,4,3) o (8,8):(8,1).
func (l Layout) String() string {
	s := l.shape.String() + ":" + l.stride.String()
	if l.offset != 0 {
		s += "+" + strconv.FormatInt(l.offset, 10)
	}
	if !l.swizzle.IsIdentity() {
		s = l.swizzle.String() + " o " + s
	}
	return s
}
