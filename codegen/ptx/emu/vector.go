package emu

import (
	"math"
	"math/bits"
	"unsafe"
)

// lanes is the size of a warp.
const lanes = 32

// full is the mask of all lanes.
const full = ^uint32(0)

// vec is one register of up to 32 bits across a warp. Narrower values stand in the low bits, the others are zero.
type vec [lanes]uint32

// wide is one register of 64 bits across a warp: two neighbouring vecs of the register file.
type wide [lanes]uint64

// lanesOp computes a result of up to 32 bits, or 64 where d is the first of two vecs, from up to three operands. Lanes do not mix,
// so d may be one of the operands.
type lanesOp func(d, a, b, c *vec)

// w64 is the wide register that begins at v.
func w64(v *vec) *wide { return (*wide)(unsafe.Pointer(v)) }

// pairs is a register as 16 words of two lanes, for operations to which lanes are all one.
type pairs [lanes / 2]uint64

func asPairs(v *vec) *pairs { return (*pairs)(unsafe.Pointer(v)) }

// newFile is a register file of n vecs that is aligned for wide ones.
func newFile(n int) []vec {
	if n == 0 {
		return nil
	}
	raw := make([]wide, (n+1)/2)
	return unsafe.Slice((*vec)(unsafe.Pointer(&raw[0])), n)
}

// merge copies the lanes of mask.
func merge(d, s *vec, mask uint32) {
	for m := mask; m != 0; m &= m - 1 {
		i := bits.TrailingZeros32(m) & 31
		d[i] = s[i]
	}
}

func mergeWide(d, s *wide, mask uint32) {
	for m := mask; m != 0; m &= m - 1 {
		i := bits.TrailingZeros32(m) & 31
		d[i] = s[i]
	}
}

// one32, two32, three32 and the others apply a function to each lane: the plain way, for operations that are seldom.
func one32(f func(a uint32) uint32) lanesOp {
	return func(d, a, _, _ *vec) {
		for i := range d {
			d[i] = f(a[i])
		}
	}
}

func two32(f func(a, b uint32) uint32) lanesOp {
	return func(d, a, b, _ *vec) {
		for i := range d {
			d[i] = f(a[i], b[i])
		}
	}
}

func three32(f func(a, b, c uint32) uint32) lanesOp {
	return func(d, a, b, c *vec) {
		for i := range d {
			d[i] = f(a[i], b[i], c[i])
		}
	}
}

func one64(f func(a uint64) uint64) lanesOp {
	return func(d, a, _, _ *vec) {
		d64, a64 := w64(d), w64(a)
		for i := range d64 {
			d64[i] = f(a64[i])
		}
	}
}

func two64(f func(a, b uint64) uint64) lanesOp {
	return func(d, a, b, _ *vec) {
		d64, a64, b64 := w64(d), w64(a), w64(b)
		for i := range d64 {
			d64[i] = f(a64[i], b64[i])
		}
	}
}

func three64(f func(a, b, c uint64) uint64) lanesOp {
	return func(d, a, b, c *vec) {
		d64, a64, b64, c64 := w64(d), w64(a), w64(b), w64(c)
		for i := range d64 {
			d64[i] = f(a64[i], b64[i], c64[i])
		}
	}
}

// narrow1 to narrow3 are for 16 bits: the result's upper bits are dropped.
func narrow(f lanesOp) lanesOp {
	return func(d, a, b, c *vec) {
		f(d, a, b, c)
		for i := range d {
			d[i] &= 0xffff
		}
	}
}

func f32(x uint32) float32 { return math.Float32frombits(x) }
func f64(x uint64) float64 { return math.Float64frombits(x) }

// nan32 and nan64 are the NaNs that operations give (PTX ISA: the canonical NaN of f32 is 0x7fffffff; of f64 no
// payload is promised).
const (
	nan32 = 0x7fffffff
	nan64 = 0x7ff8000000000000
	nan16 = 0x7fff
)

// bits32 is the register of a result: NaN in its canonical form.
func bits32(x float32) uint32 {
	if x != x {
		return nan32
	}
	return math.Float32bits(x)
}

func bits64(x float64) uint64 {
	if x != x {
		return nan64
	}
	return math.Float64bits(x)
}

// flush32 makes a subnormal a zero of its sign.
func flush32(x uint32) uint32 {
	if x&0x7f800000 == 0 {
		return x & 0x80000000
	}
	return x
}
