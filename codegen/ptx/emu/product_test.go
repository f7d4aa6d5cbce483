package emu

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestChain holds the products in vector registers to those in Go, bit for bit.
func TestChain(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	special := []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), 1, 0x1p-149, 0x1.fffffep127}
	for _, s := range [][2]int{{8, 4}, {16, 4}, {16, 8}, {16, 16}, {16, 32}} {
		for round := range 50 {
			var a, b, c floatTile
			for _, x := range []*floatTile{&a, &b, &c} {
				for i := range x {
					if x[i] = r.NormFloat64(); round%2 == 1 && r.IntN(20) == 0 {
						x[i] = special[r.IntN(len(special))]
					}
				}
			}
			want := c
			chain(s[0], s[1], &a, &b, &c)
			chainGo(s[0], s[1], &a, &b, &want)
			for i := range c {
				if math.Float64bits(c[i]) != math.Float64bits(want[i]) && (c[i] == c[i] || want[i] == want[i]) {
					t.Fatalf("%d x %d: %d is %v, not %v", s[0], s[1], i, c[i], want[i])
				}
			}
		}
	}
	for _, s := range [][2]int{{8, 16}, {8, 32}, {16, 16}, {16, 32}, {16, 64}} {
		var a, b, c intTile
		for i := range a {
			a[i], b[i], c[i] = int32(r.Uint32()), int32(r.Uint32()), int32(r.Uint32())
		}
		want := c
		chainInts(s[0], s[1], &a, &b, &c)
		chainIntsGo(s[0], s[1], &a, &b, &want)
		if c != want {
			t.Fatalf("%d x %d of integers differ", s[0], s[1])
		}
	}
}

// TestFragments holds what moves fragments in vector registers to the same in Go.
func TestFragments(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 2))
	same := func(what string, x, y any) {
		if x != y {
			t.Fatalf("%s differ", what)
		}
	}
	codes := func(x *floatTile) (y [512]uint64) { // a NaN is a NaN
		for i, v := range x {
			if y[i] = math.Float64bits(v); v != v {
				y[i] = 1
			}
		}
		return y
	}
	for range 200 {
		var from, x, y vec
		for l := range from {
			if from[l] = r.Uint32(); r.IntN(3) == 0 {
				from[l] |= 0x7c007c00 // infinities and NaN
			} else if r.IntN(3) == 0 {
				from[l] &= 0x83ff83ff // subnormal
			}
		}
		halves(&x, &from, 16)
		halvesGo(&y, &from, 16)
		for l := range x {
			if a, b := f32(x[l]), f32(y[l]); x[l] != y[l] && (a == a || b == b) {
				t.Fatalf("%#x is %v, not %v", from[l]>>16, a, b)
			}
		}
		var a, b, c, d floatTile
		widen(&a, 40, 16, &from, 16, 0xffff0000)
		widenGo(&b, 40, 16, &from, 16, 0xffff0000)
		same("widened rows", codes(&a), codes(&b))
		widenTurned(&c, 64, &from, 0, 0xffffe000)
		widenTurnedGo(&d, 64, &from, 0, 0xffffe000)
		same("widened columns", codes(&c), codes(&d))
		for i := range a {
			a[i], b[i] = r.NormFloat64()*0x1p120, r.NormFloat64()
			if i%13 == 0 {
				b[i] = math.NaN()
			}
		}
		narrowSum(&x, &a, &b, 68)
		narrowSumGo(&y, &a, &b, 68)
		same("sums", x, y)
	}
}
