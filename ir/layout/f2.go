package layout

import (
	"math/bits"
	"slices"
)

// An F2 is a linear map over the field of two elements: bit k of an argument contributes Column(k) to the result, by
// exclusive or. The zero value maps the empty set of bits to 0.
type F2 struct {
	columns []int64
}

// NewF2 is the map with these columns, of which none is negative or has more than 62 bits, and there are at most 62.
func NewF2(columns ...int64) (F2, error) {
	if len(columns) > MaxBits {
		return F2{}, failf(Overflow, "a linear map of %d bits; at most %d", len(columns), MaxBits)
	}
	for k, c := range columns {
		if c < 0 || c>>MaxBits != 0 {
			return F2{}, failf(Overflow, "column %d of a linear map, %d, is not within [0, 2^%d)", k, c, MaxBits)
		}
	}
	return F2{slices.Clone(columns)}, nil
}

// Bits is the number of bits of an argument.
func (m F2) Bits() int { return len(m.columns) }

// Column is the image of bit k.
func (m F2) Column(k int) int64 { return m.columns[k] }

// Columns are the images of all bits. They must not be changed.
func (m F2) Columns() []int64 { return m.columns }

// Rows is the number of low bits within which all images lie.
func (m F2) Rows() int {
	n := 0
	for _, c := range m.columns {
		n = max(n, bits.Len64(uint64(c)))
	}
	return n
}

// At is the image of x, which has no more than Bits bits.
func (m F2) At(x int64) int64 {
	var y int64
	for x != 0 {
		k := bits.TrailingZeros64(uint64(x))
		y ^= m.columns[k]
		x &= x - 1
	}
	return y
}

// Equal tells whether two maps have the same columns.
func (m F2) Equal(n F2) bool { return slices.Equal(m.columns, n.columns) }

// Mul is the map m after n. It refuses an n that reaches bits which m does not have.
func (m F2) Mul(n F2) (F2, error) {
	if r := n.Rows(); r > m.Bits() {
		return F2{}, failf(Range, "a linear map of %d bits after one that reaches bit %d", m.Bits(), r-1)
	}
	columns := make([]int64, len(n.columns))
	for k, c := range n.columns {
		columns[k] = m.At(c)
	}
	return F2{columns}, nil
}

// A pivot is a vector of the image in reduced form, and an argument that maps to it. Its highest bit is in no other
// pivot's vector.
type pivot struct {
	vector, from int64
}

// reduce brings the columns to reduced echelon form, highest bits first, and gives a basis of the kernel too.
func (m F2) reduce() (image []pivot, kernel []int64) {
	for k, c := range m.columns {
		p := pivot{c, 1 << k}
		for _, q := range image {
			if p.vector>>(bits.Len64(uint64(q.vector))-1)&1 != 0 {
				p.vector ^= q.vector
				p.from ^= q.from
			}
		}
		if p.vector == 0 {
			kernel = append(kernel, p.from)
			continue
		}
		top := bits.Len64(uint64(p.vector)) - 1
		for i := range image {
			if image[i].vector>>top&1 != 0 {
				image[i].vector ^= p.vector
				image[i].from ^= p.from
			}
		}
		image = append(image, p)
	}
	slices.SortFunc(image, func(p, q pivot) int { return bits.Len64(uint64(p.vector)) - bits.Len64(uint64(q.vector)) })
	return image, kernel
}

// Rank is the dimension of the image.
func (m F2) Rank() int {
	image, _ := m.reduce()
	return len(image)
}

// Kernel is a basis of the arguments that map to 0.
func (m F2) Kernel() []int64 {
	_, kernel := m.reduce()
	return kernel
}

// Image is the basis of the image in reduced echelon form: the highest bit of each vector is in no other one, and
// rises from one to the next. Maps have the same image if and only if these are the same.
func (m F2) Image() []int64 {
	image, _ := m.reduce()
	basis := make([]int64, len(image))
	for i, p := range image {
		basis[i] = p.vector
	}
	return basis
}

// Solve is an argument that maps to y; false where there is none.
func (m F2) Solve(y int64) (int64, bool) {
	image, _ := m.reduce()
	var x int64
	for _, p := range slices.Backward(image) {
		if y>>(bits.Len64(uint64(p.vector))-1)&1 != 0 {
			y ^= p.vector
			x ^= p.from
		}
	}
	return x, y == 0
}

// Inverse is the map g of so many bits (at least Rows) with m(g(m(x))) = m(x) for every x. Where m is injective,
// g(m(x)) = x.
func (m F2) Inverse(rows int) F2 {
	image, _ := m.reduce()
	columns := make([]int64, max(rows, m.Rows()))
	for _, p := range image {
		columns[bits.Len64(uint64(p.vector))-1] = p.from
	}
	return F2{columns}
}

// shaped is the layout of a compact shape behind the map, with what the map adds as a bit of its own.
func (m F2) shaped(origin int64, shape Tuple) (Layout, error) {
	columns, offset := m.columns, int64(0)
	if origin != 0 {
		offset = 1 << len(columns)
		columns = append(columns[:len(columns):len(columns)], origin)
	}
	s, err := Linear(columns)
	if err != nil {
		return Layout{}, err
	}
	l, err := Compact(shape)
	if err != nil {
		return Layout{}, err
	}
	return build(l.shape, l.stride, offset, s)
}

// Matrix is the layout as a map over F2: the size is a power of two 2^n, and offset i is that of index 0, exclusive or
// the columns of the bits of i. Column k is the offset of index 2^k, exclusive or that of index 0. It gives false where
// the layout is not of this form; and where a swizzle is not injective, or a rotation, and more than 2^20 indices would
// have to be tried to know.
func (l Layout) Matrix() (F2, bool) {
	if l.size&(l.size-1) != 0 || l.low < 0 {
		return F2{}, false
	}
	if m, ok := l.matrix(); ok {
		columns := make([]int64, len(m.columns))
		if l.swizzle.IsLinear() {
			for k, c := range m.columns {
				columns[k] = l.swizzle.At(c)
			}
			return F2{columns}, true
		}
		// A rotation of bits is linear only by chance (two chunks, or rows that are never reached).
	} else if l.swizzle.IsIdentity() || l.swizzle.IsLinear() && l.swizzle.matrix(l.swizzle.Bits()).Rank() == l.swizzle.Bits() {
		return F2{}, false // a bijection is linear behind the swizzle only if it is before it
	}
	if l.size > tried {
		return F2{}, false
	}
	return fitColumns(l.At, l.size)
}

// tried bounds the indices that an operation tries one by one.
const tried = 1 << 20

// matrix is the layout without its swizzle as a map over F2. A sum of strides is an exclusive or exactly if no bit of
// the offset changes with two bits of the index: the lowest such bit would carry.
func (l Layout) matrix() (F2, bool) {
	if l.low < 0 {
		return F2{}, false
	}
	var columns []int64
	var seen int64
	for _, f := range l.merged() {
		if f.size&(f.size-1) != 0 {
			return F2{}, false
		}
		for k := int64(1); k < f.size; k *= 2 {
			c := l.offset ^ (l.offset + k*f.stride)
			if c < 0 || c&seen != 0 {
				return F2{}, false
			}
			seen |= c
			columns = append(columns, c)
		}
	}
	return F2{columns}, true
}
