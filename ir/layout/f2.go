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
