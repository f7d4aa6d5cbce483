package array

import (
	"fmt"
	"math/bits"

	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/philox"
)

// Generators are the words of Generate.
var Generators = []string{"randn", "uniform", "randcode", "zeros", "ones", "iota"}

// Generate makes the array of an operand such as randn:8x512x64:1. limit bounds its bytes.
//
//	randn     normal(seed, i) as t
//	uniform   floats: uniform(seed, i) as t, in [0, 1) before rounding; other types: any value, all alike
//	randcode  any code of t, all alike: of floats NaN and inf too
//	zeros     0 as t: bipolar has +1 and e8m0 2^-127 for it
//	ones      1 as t
//	iota      i as t: integers wrap, floats round
func Generate(word string, t dtype.Type, shape []int64, seed uint64, limit int64) (*Array, error) {
	n, err := Count(t, shape)
	if err != nil {
		return nil, err
	}
	if size := int64(dtype.StreamBytes(t.Bits(), n)); size > limit {
		return nil, fmt.Errorf("shape %s of %v takes %d bytes, and %d are allowed", shapeText(shape), t, size, limit)
	}
	a := &Array{Elem: t, Shape: shape, Data: Bytes(dtype.StreamBytes(t.Bits(), n))}
	switch word {
	case "randn":
		Randn(a.Data, t, n, int64(seed))
	case "uniform":
		if t.IsFloat() {
			Uniform(a.Data, t, n, 0, 1, int64(seed))
		} else {
			RandCode(a.Data, t, n, 0, codes(t), int64(seed))
		}
	case "randcode":
		RandCode(a.Data, t, n, 0, codes(t), int64(seed))
	case "zeros":
		Full(a.Data, t, n, 0)
	case "ones":
		Full(a.Data, t, n, 1)
	case "iota":
		Iota(a.Data, t, n)
	default:
		return nil, fmt.Errorf("no generator %.40q", word)
	}
	return a, nil
}

// codes is the number of codes of t, 0 for 2^64. Bool has two, though it takes a byte.
func codes(t dtype.Type) uint64 {
	switch {
	case t == dtype.Bool:
		return 2
	case t.Bits() == 64:
		return 0
	}
	return 1 << t.Bits()
}

// The functions below write n elements of type t to dst from bit 0 on. Element i depends on t, i, the
// seed and the bounds alone.

// Randn writes normal(seed, i), rounded to nearest even with t's overflow; integers to the nearest
// integer, saturating, bipolar to the nearest value.
func Randn(dst []byte, t dtype.Type, n int, seed int64) {
	var buf [chunk]float32
	for i := 0; i < n; i += chunk {
		b := buf[:min(chunk, n-i)]
		philox.FillNormal(b, seed, int64(i))
		t.EncodeF32(dst, i*t.Bits(), b)
	}
}

// Uniform writes lo + (hi-lo)·uniform(seed, i), computed in float64, rounded to the float t. Rounding may
// reach hi.
func Uniform(dst []byte, t dtype.Type, n int, lo, hi float64, seed int64) {
	var buf [chunk]float32
	var out [chunk]float64
	for i := 0; i < n; i += chunk {
		b := buf[:min(chunk, n-i)]
		philox.FillUniform(b, seed, int64(i))
		for j, u := range b {
			out[j] = lo + float64((hi-lo)*float64(u))
		}
		t.EncodeF64(dst, i*t.Bits(), out[:len(b)])
	}
}

// RandInt writes integers from lo to hi-1 (lo alone where hi ≤ lo), all alike, saturated to t: with w the
// 64 bits rand(seed, 2i) + 2^32·rand(seed, 2i+1), that is lo + ⌊w·(hi-lo)/2^64⌋.
func RandInt(dst []byte, t dtype.Type, n int, lo, hi, seed int64) {
	span := uint64(1)
	if hi > lo {
		span = uint64(hi) - uint64(lo)
	}
	draw(n, seed, span, func(i int, v []uint64) {
		var ints [chunk]int64
		for j := range v {
			ints[j] = lo + int64(v[j])
			if !t.IsFloat() {
				ints[j] = t.IntOfInt(dtype.I64, ints[j], dtype.Default)
			}
		}
		t.EncodeInts(dst, i*t.Bits(), ints[:len(v)])
	})
}

// RandCode writes codes from lo to hi-1 (lo alone where hi ≤ lo), all alike, drawn as RandInt draws; lo = hi = 0 means all
// codes of 64 bits. tf32's unused low bits are zero.
func RandCode(dst []byte, t dtype.Type, n int, lo, hi uint64, seed int64) {
	mask := ^uint64(0)
	if t == dtype.TF32 {
		mask <<= 13
	}
	span := hi - lo
	if hi <= lo && hi|lo != 0 {
		span = 1
	}
	draw(n, seed, span, func(i int, v []uint64) {
		for j := range v {
			v[j] = (lo + v[j]) & mask
		}
		dtype.Pack(dst, i*t.Bits(), v, t.Bits())
	})
}

// draw hands out numbers below span, or of 64 bits where it is 0, in chunks that begin at element i.
func draw(n int, seed int64, span uint64, put func(i int, v []uint64)) {
	var words [2 * chunk]uint32
	var v [chunk]uint64
	for i := 0; i < n; i += chunk {
		k := min(chunk, n-i)
		philox.FillRand(words[:2*k], seed, 2*int64(i))
		for j := range k {
			v[j] = uint64(words[2*j]) | uint64(words[2*j+1])<<32
			if span != 0 {
				v[j], _ = bits.Mul64(v[j], span)
			}
		}
		put(i, v[:k])
	}
}

// Full writes v as t: rounded to nearest even, saturated as t does.
func Full(dst []byte, t dtype.Type, n int, v float64) {
	var buf [chunk]uint64
	code := t.Encode(v, dtype.NearestEven, t.Overflow())
	for j := range buf {
		buf[j] = code
	}
	for i := 0; i < n; i += chunk {
		dtype.Pack(dst, i*t.Bits(), buf[:min(chunk, n-i)], t.Bits())
	}
}

// Iota writes i as t; integers and bipolar wrap, bool is i != 0.
func Iota(dst []byte, t dtype.Type, n int) {
	var ints [chunk]int64
	var floats [chunk]float64
	for i := 0; i < n; i += chunk {
		k := min(chunk, n-i)
		for j := range k {
			ints[j], floats[j] = int64(i+j), float64(i+j)
		}
		if t.IsFloat() {
			t.EncodeF64(dst, i*t.Bits(), floats[:k])
			continue
		}
		t.ConvertIntInt(ints[:k], dtype.I64, ints[:k], dtype.Wrap)
		t.EncodeInts(dst, i*t.Bits(), ints[:k])
	}
}
