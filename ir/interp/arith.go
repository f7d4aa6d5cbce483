package interp

import (
	"math"
	"math/bits"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// The functions of this file are the elementwise operations over stretches of equal length: d may be one of the
// operands. Floats are not contracted: every product is rounded before it meets anything.

type float interface{ float32 | float64 }

type number interface{ float32 | float64 | int64 }

func plus[T number](d, a, b []T) {
	a, b = a[:len(d)], b[:len(d)]
	for i := range d {
		d[i] = a[i] + b[i]
	}
}

func subtract[T number](d, a, b []T) {
	a, b = a[:len(d)], b[:len(d)]
	for i := range d {
		d[i] = a[i] - b[i]
	}
}

func times[T number](d, a, b []T) {
	a, b = a[:len(d)], b[:len(d)]
	for i := range d {
		d[i] = a[i] * b[i]
	}
}

func divide[T float](d, a, b []T) {
	a, b = a[:len(d)], b[:len(d)]
	for i := range d {
		d[i] = a[i] / b[i]
	}
}

func negate[T number](d, a []T) {
	a = a[:len(d)]
	for i := range d {
		d[i] = -a[i]
	}
}

func absolute[T float](d, a []T) {
	a = a[:len(d)]
	for i := range d {
		d[i] = T(math.Abs(float64(a[i])))
	}
}

// maxNum is the larger of two numbers, the number where one is NaN; +0 is larger than -0.
func maxNum[T float](x, y T) T {
	switch {
	case x > y || y != y:
		return x
	case x == y:
		return max(x, y)
	}
	return y
}

// minNum is the smaller of two numbers, the number where one is NaN; -0 is smaller than +0.
func minNum[T float](x, y T) T {
	switch {
	case x < y || y != y:
		return x
	case x == y:
		return min(x, y)
	}
	return y
}

func maxFloat[T float](d, a, b []T) {
	a, b = a[:len(d)], b[:len(d)]
	for i := range d {
		x, y := a[i], b[i]
		switch {
		case x > y || y != y:
			d[i] = x
		case x != y || x != 0:
			d[i] = y
		default:
			d[i] = x + y // zeros: -0 only if both are
		}
	}
}

func minFloat[T float](d, a, b []T) {
	a, b = a[:len(d)], b[:len(d)]
	for i := range d {
		d[i] = minNum(a[i], b[i])
	}
}

func maxAll[T number](d, a, b []T) {
	a, b = a[:len(d)], b[:len(d)]
	for i := range d {
		d[i] = max(a[i], b[i])
	}
}

func minAll[T number](d, a, b []T) {
	a, b = a[:len(d)], b[:len(d)]
	for i := range d {
		d[i] = min(a[i], b[i])
	}
}

func relu[T number](d, a []T) {
	a = a[:len(d)]
	for i := range d {
		d[i] = max(a[i], 0) // keeps NaN
	}
}

// modFloat has the divisor's sign, and is exact: x - y·⌊x/y⌋.
func modFloat[T float](d, a, b []T) {
	a, b = a[:len(d)], b[:len(d)]
	for i := range d {
		y := float64(b[i])
		r := math.Mod(float64(a[i]), y)
		switch {
		case r == 0:
			r = math.Copysign(0, y)
		case (r < 0) != (y < 0):
			r += y
		}
		d[i] = T(r)
	}
}

func equal[T elem](d []bool, a, b []T) {
	a, b = a[:len(d)], b[:len(d)]
	for i := range d {
		d[i] = a[i] == b[i]
	}
}

func unequal[T elem](d []bool, a, b []T) {
	a, b = a[:len(d)], b[:len(d)]
	for i := range d {
		d[i] = a[i] != b[i]
	}
}

func less[T number](d []bool, a, b []T) {
	a, b = a[:len(d)], b[:len(d)]
	for i := range d {
		d[i] = a[i] < b[i]
	}
}

func lessEqual[T number](d []bool, a, b []T) {
	a, b = a[:len(d)], b[:len(d)]
	for i := range d {
		d[i] = a[i] <= b[i]
	}
}

func swap[D, T any](k func(d []D, a, b []T)) func(d []D, a, b []T) {
	return func(d []D, a, b []T) { k(d, b, a) }
}

func lessUint(d []bool, a, b []int64) {
	for i := range d {
		d[i] = uint64(a[i]) < uint64(b[i])
	}
}

func lessEqualUint(d []bool, a, b []int64) {
	for i := range d {
		d[i] = uint64(a[i]) <= uint64(b[i])
	}
}

func maxUint(d, a, b []int64) {
	for i := range d {
		d[i] = int64(max(uint64(a[i]), uint64(b[i])))
	}
}

func minUint(d, a, b []int64) {
	for i := range d {
		d[i] = int64(min(uint64(a[i]), uint64(b[i])))
	}
}

func selectTile[T elem](d []T, c []bool, x, y []T) {
	c, x, y = c[:len(d)], x[:len(d)], y[:len(d)]
	for i := range d {
		v := y[i]
		if c[i] {
			v = x[i]
		}
		d[i] = v
	}
}

// wrapTo gives the function that keeps the low bits of an integer of type t.
func wrapTo(t dtype.Type) func(int64) int64 {
	s := uint(64 - t.Bits())
	switch {
	case s == 0:
		return func(v int64) int64 { return v }
	case t.Kind == dtype.UintKind:
		m := int64(1)<<t.Bits() - 1
		return func(v int64) int64 { return v & m }
	}
	return func(v int64) int64 { return v << s >> s }
}

// wrapAll keeps the low bits of integers of type t.
func wrapAll(t dtype.Type, d []int64) {
	s := uint(64 - t.Bits())
	switch {
	case s == 0:
	case t.Kind == dtype.UintKind:
		m := int64(1)<<t.Bits() - 1
		for i, v := range d {
			d[i] = v & m
		}
	case t == dtype.I32:
		for i, v := range d {
			d[i] = int64(int32(v))
		}
	default:
		for i, v := range d {
			d[i] = v << (s & 63) >> (s & 63)
		}
	}
}

// shiftLeft gives 0 where the count is the width or more, or negative.
func shiftLeft(t dtype.Type) func(d, a, b []int64) {
	n := uint64(t.Bits())
	return func(d, a, b []int64) {
		for i := range d {
			if s := uint64(b[i]); s < n {
				d[i] = a[i] << s
			} else {
				d[i] = 0
			}
		}
	}
}

// shiftRight gives 0 or the sign where the count is the width or more, or negative.
func shiftRight(t dtype.Type) func(d, a, b []int64) {
	n := uint64(t.Bits())
	if t.Kind == dtype.UintKind {
		return func(d, a, b []int64) {
			for i := range d {
				if s := uint64(b[i]); s < n {
					d[i] = int64(uint64(a[i]) >> s)
				} else {
					d[i] = 0
				}
			}
		}
	}
	return func(d, a, b []int64) {
		for i := range d {
			d[i] = a[i] >> min(uint64(b[i]), n-1)
		}
	}
}

func rotateLeft(t dtype.Type) func(d, a, b []int64) {
	n := t.Bits()
	mask := ^uint64(0) >> (64 - n)
	return func(d, a, b []int64) {
		for i := range d {
			x, s := uint64(a[i])&mask, uint(ir.FloorMod(b[i], int64(n)))
			d[i] = int64(x<<s | x>>(uint(n)-s))
		}
	}
}

func popcount(t dtype.Type) func(d, a []int64) {
	mask := ^uint64(0) >> (64 - t.Bits())
	return func(d, a []int64) {
		for i, v := range a {
			d[i] = int64(bits.OnesCount64(uint64(v) & mask))
		}
	}
}

func leadingZeros(t dtype.Type) func(d, a []int64) {
	n := t.Bits()
	mask := ^uint64(0) >> (64 - n)
	return func(d, a []int64) {
		for i, v := range a {
			d[i] = int64(bits.LeadingZeros64(uint64(v)&mask) - (64 - n))
		}
	}
}

func trailingZeros(t dtype.Type) func(d, a []int64) {
	n := t.Bits()
	return func(d, a []int64) {
		for i, v := range a {
			d[i] = int64(min(bits.TrailingZeros64(uint64(v)), n))
		}
	}
}

func floorDiv(d, a, b []int64) {
	for i := range d {
		d[i] = ir.FloorDiv(a[i], b[i])
	}
}

func floorMod(d, a, b []int64) {
	for i := range d {
		d[i] = ir.FloorMod(a[i], b[i])
	}
}

func divUint(d, a, b []int64) {
	for i := range d {
		d[i] = int64(uint64(a[i]) / uint64(b[i]))
	}
}

func modUint(d, a, b []int64) {
	for i := range d {
		d[i] = int64(uint64(a[i]) % uint64(b[i]))
	}
}

// narrowMul and narrowDiv are of floats narrower than f32, of whose results a float32 holds all that matters, except
// where it is subnormal: then the exact result is rounded to the type at once.
func narrowMul(t dtype.Type) func(d, a, b []float32) {
	return func(d, a, b []float32) {
		for i := range d {
			x, y := a[i], b[i]
			p := x * y
			if p <= smallest && p >= -smallest && p == p {
				p = float32(t.Round64(float64(x) * float64(y)))
			}
			d[i] = p
		}
	}
}

func narrowDiv(t dtype.Type) func(d, a, b []float32) {
	return func(d, a, b []float32) {
		for i := range d {
			x, y := a[i], b[i]
			p := x / y
			if p <= smallest && p >= -smallest && p == p {
				p = float32(t.Round64(float64(x) / float64(y)))
			}
			d[i] = p
		}
	}
}

// smallest is the smallest normal float32.
const smallest = 0x1p-126
