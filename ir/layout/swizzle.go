package layout

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// A Swizzle is a map of offsets that a layout applies after its strides. The zero value is the identity. There are two
// kinds: a linear map over F2, which sends bit k of the offset to a set of bits (the XOR swizzles of shared memory,
// and any permutation of bits), and a rotation of chunks by rows, for pitches that are no power of two.
type Swizzle struct {
	columns  []int64 // the images of bits 0, 1, …; bits from len(columns) on stay; the last one is not its own bit
	diagonal []diagonal
	rotation rotation
}

// A diagonal are those bits of a linear map that move by the same distance.
type diagonal struct {
	mask  int64 // bits of the source
	shift int   // to the left; negative: to the right
}

// A rotation moves chunk c of row r to chunk (c + r/step) mod radix. The zero value is the identity.
type rotation struct {
	unit, radix, step int64
}

// MaxBits bounds the offsets that a swizzle may touch: 2^MaxBits.
const MaxBits = 62

// XOR is the swizzle of CuTe's name Swizzle<bits,base,shift>: bits base+shift… of the offset, as many as bits says, are
// added without carry to those that lie shift below (above, if shift is negative).
func XOR(bits, base, shift int) (Swizzle, error) {
	distance := max(shift, -shift)
	switch {
	case bits < 0 || base < 0 || base > MaxBits || bits > MaxBits || distance > MaxBits || bits+base+distance > MaxBits:
		return Swizzle{}, failf(Overflow, "swizzle(%d,%d,%d) reaches beyond bit %d", bits, base, shift, MaxBits)
	case distance < bits:
		return Swizzle{}, failf(Range, "swizzle(%d,%d,%d) takes %d bits over a distance of %d: what it reads and what it writes overlap", bits, base, shift, bits, distance)
	}
	columns := make([]int64, bits+base+distance)
	for k := range columns {
		columns[k] = 1 << k
	}
	for i := range bits {
		from, to := base+i+max(shift, 0), base+i+max(-shift, 0)
		columns[from] |= 1 << to
	}
	return linear(columns), nil
}

// Linear is the map over F2 that sends bit k of an offset to the bits columns[k]; later bits stay. No column may be
// negative. Columns may be dependent: then offsets collide, which Injective of the layout tells.
func Linear(columns []int64) (Swizzle, error) {
	if len(columns) > MaxBits {
		return Swizzle{}, failf(Overflow, "a linear map of %d bits; at most %d", len(columns), MaxBits)
	}
	for k, c := range columns {
		if c < 0 || c>>MaxBits != 0 {
			return Swizzle{}, failf(Overflow, "column %d of a linear map, %d, is not within [0, 2^%d)", k, c, MaxBits)
		}
	}
	return linear(columns), nil
}

// Rotation is the swizzle that cuts memory into rows of radix chunks of unit offsets, and moves chunk c of row r to
// chunk (c + r/step) mod radix of its row.
func Rotation(unit, radix, step int64) (Swizzle, error) {
	if unit < 1 || radix < 1 || step < 1 {
		return Swizzle{}, failf(Range, "rotate(%d,%d,%d): unit, radix and step are at least 1", unit, radix, step)
	}
	row, ok := multiply(unit, radix)
	if ok {
		_, ok = multiply(row, step)
	}
	if !ok {
		return Swizzle{}, failf(Overflow, "rotate(%d,%d,%d) does not fit 63 bits", unit, radix, step)
	}
	if radix == 1 {
		return Swizzle{}, nil
	}
	return Swizzle{rotation: rotation{unit, radix, step}}, nil
}

func linear(columns []int64) Swizzle {
	n := len(columns)
	for n > 0 && columns[n-1] == 1<<(n-1) {
		n--
	}
	if n == 0 {
		return Swizzle{}
	}
	s := Swizzle{columns: columns[:n:n]}
	// Diagonals of the map plus the identity, so that At is one shift and mask for each distance.
	for distance := -MaxBits; distance <= MaxBits; distance++ {
		var mask int64
		for k, c := range s.columns {
			to := k + distance
			if to >= 0 && to < MaxBits && ((c^1<<k)>>to)&1 != 0 {
				mask |= 1 << k
			}
		}
		if mask != 0 {
			s.diagonal = append(s.diagonal, diagonal{mask, distance})
		}
	}
	return s
}

// IsIdentity tells whether the swizzle moves nothing.
func (s Swizzle) IsIdentity() bool { return s.columns == nil && s.rotation.radix == 0 }

// IsLinear tells whether the swizzle is linear over F2, as the identity is.
func (s Swizzle) IsLinear() bool { return s.rotation.radix == 0 }

// Column is the image of bit k under a linear swizzle.
func (s Swizzle) Column(k int) int64 {
	if k < len(s.columns) {
		return s.columns[k]
	}
	return 1 << k
}

// Bits is the number of low bits outside of which a linear swizzle is the identity.
func (s Swizzle) Bits() int {
	n := len(s.columns)
	for _, c := range s.columns {
		n = max(n, bits.Len64(uint64(c)))
	}
	return n
}

// At is the image of offset x, which must not be negative unless the swizzle is the identity.
func (s Swizzle) At(x int64) int64 {
	y := x
	for _, d := range s.diagonal {
		if d.shift >= 0 {
			y ^= (x & d.mask) << d.shift
		} else {
			y ^= (x & d.mask) >> -d.shift
		}
	}
	if r := s.rotation; r.radix != 0 {
		chunk := x / r.unit
		row := chunk / r.radix
		old := chunk - row*r.radix
		y += ((old+row/r.step)%r.radix - old) * r.unit
	}
	return y
}

// Equal tells whether two swizzles are the same map.
func (s Swizzle) Equal(t Swizzle) bool {
	if s.rotation != t.rotation || len(s.columns) != len(t.columns) {
		return false
	}
	for k, c := range s.columns {
		if c != t.columns[k] {
			return false
		}
	}
	return true
}

// Mul is the swizzle s after t. It refuses a rotation with another swizzle that is not the identity: no swizzle is both.
func (s Swizzle) Mul(t Swizzle) (Swizzle, error) {
	switch {
	case s.IsIdentity():
		return t, nil
	case t.IsIdentity():
		return s, nil
	case !s.IsLinear() || !t.IsLinear():
		return Swizzle{}, failf(Nonlinear, "%v after %v is neither linear over F2 nor a rotation", s, t)
	}
	columns := make([]int64, max(len(s.columns), len(t.columns)))
	for k := range columns {
		columns[k] = s.At(t.Column(k))
	}
	return linear(columns), nil
}

// Inverse is the swizzle that undoes s. It refuses a linear map whose columns are dependent, and rotations of more
// than two chunks, whose inverse turns the other way.
func (s Swizzle) Inverse() (Swizzle, error) {
	if !s.IsLinear() {
		if s.rotation.radix == 2 {
			return s, nil
		}
		return Swizzle{}, failf(Nonlinear, "the inverse of %v is no rotation of this kind", s)
	}
	n := s.Bits()
	m := s.matrix(n)
	if r := m.Rank(); r < n {
		return Swizzle{}, failf(Injectivity, "%v maps %d bits to %d dimensions: offsets collide", s, n, r)
	}
	return linear(m.Inverse(n).columns), nil
}

// matrix is a linear swizzle on the low n bits.
func (s Swizzle) matrix(n int) F2 {
	columns := make([]int64, n)
	for k := range columns {
		columns[k] = s.Column(k)
	}
	return F2{columns}
}

// touched are the bits that a linear swizzle reads or changes: of all others each goes to itself alone.
func (s Swizzle) touched() int64 {
	var bits int64
	for _, d := range s.diagonal {
		bits |= d.mask
		if d.shift >= 0 {
			bits |= d.mask << d.shift
		} else {
			bits |= d.mask >> -d.shift
		}
	}
	return bits
}

// changed are the bits of an offset that a linear swizzle may change.
func (s Swizzle) changed() int64 {
	var changed int64
	for k, c := range s.columns {
		changed |= c ^ 1<<k
	}
	return changed
}

// period is the least known number of which every multiple may be added before the swizzle or behind it alike; 0 where
// it does not fit.
func (s Swizzle) period() int64 {
	if r := s.rotation; r.radix != 0 {
		p, ok := multiply(r.unit*r.radix*r.step, r.radix)
		if !ok {
			return 0
		}
		return p
	}
	return 1 << s.Bits()
}

// keeping is a linear swizzle that equals s on offsets within some bits: the columns of other bits are dropped.
func (s Swizzle) keeping(reached int64) Swizzle {
	if !s.IsLinear() {
		return s
	}
	columns := make([]int64, len(s.columns))
	for k := range columns {
		columns[k] = 1 << k
		if reached>>k&1 != 0 {
			columns[k] = s.columns[k]
		}
	}
	return linear(columns)
}

// String is the swizzle as the layout syntax writes it: swizzle(3,4,3), f2(1,2,12,8), rotate(16,5,1), or identity.
func (s Swizzle) String() string {
	switch {
	case s.IsIdentity():
		return "identity"
	case !s.IsLinear():
		return fmt.Sprintf("rotate(%d,%d,%d)", s.rotation.unit, s.rotation.radix, s.rotation.step)
	}
	if b, m, d, ok := s.xor(); ok {
		return fmt.Sprintf("swizzle(%d,%d,%d)", b, m, d)
	}
	var w strings.Builder
	w.WriteString("f2(")
	for k, c := range s.columns {
		if k > 0 {
			w.WriteByte(',')
		}
		w.WriteString(strconv.FormatInt(c, 10))
	}
	w.WriteByte(')')
	return w.String()
}

// xor finds the swizzle's three numbers in CuTe's form, if it has them.
func (s Swizzle) xor() (count, base, shift int, ok bool) {
	if len(s.diagonal) != 1 {
		return 0, 0, 0, false
	}
	d := s.diagonal[0]
	low := bits.TrailingZeros64(uint64(d.mask))
	count = bits.OnesCount64(uint64(d.mask))
	if d.mask>>low != 1<<count-1 || d.shift == 0 || max(d.shift, -d.shift) < count {
		return 0, 0, 0, false
	}
	return count, low + min(d.shift, 0), -d.shift, true
}
