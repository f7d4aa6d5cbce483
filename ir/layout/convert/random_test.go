package convert

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tilec/tilec/ir/layout"
)

// A factor is a prime part of a tile's axis, or a replica.
type factor struct {
	size, stride int64
	axis         int
}

// randomTile is a tile and its prime factors.
func randomTile(r *rand.Rand, limit int64, primes []int64) (tile []int64, factors []factor) {
	tile = make([]int64, 1+r.IntN(3))
	for i := range tile {
		tile[i] = 1
	}
	size := int64(1)
	for range 1 + r.IntN(12) {
		p, a := primes[r.IntN(len(primes))], r.IntN(len(tile))
		if size*p > limit {
			break
		}
		factors = append(factors, factor{p, tile[a], a})
		tile[a] *= p
		size *= p
	}
	return tile, factors
}

// randomDistribution hands the factors to units at random, in random order, so that no unit exceeds its limit, with
// replicas and, for powers of two, sometimes a swizzle.
func randomDistribution(r *rand.Rand, tile []int64, factors []factor, lanes, warps int64, swizzled bool) layout.Distribution {
	var digits []layout.Digit
	limit := [layout.Units]int64{1 << 20, lanes, warps, 1}
	used := [layout.Units]int64{1, 1, 1, 1}
	give := func(f factor, u layout.Unit) bool {
		if used[u]*f.size > limit[u] {
			return false
		}
		used[u] *= f.size
		d := layout.Digit{Size: f.size, Unit: u, Axis: f.axis, Stride: f.stride}
		digits = append(digits, d)
		return true
	}
	for _, i := range r.Perm(len(factors)) {
		u := []layout.Unit{layout.Register, layout.Lane, layout.Lane, layout.Lane, layout.Warp}[r.IntN(5)]
		if !give(factors[i], u) {
			give(factors[i], layout.Register)
		}
	}
	for _, u := range []layout.Unit{layout.Register, layout.Lane, layout.Warp} {
		if r.IntN(6) == 0 {
			give(factor{size: 2 + r.Int64N(2)&^b2i(swizzled), axis: layout.Replica}, u)
		}
	}
	r.Shuffle(len(digits), func(i, j int) { digits[i], digits[j] = digits[j], digits[i] })
	d := layout.Must(layout.Distribute(tile, digits...))
	if swizzled {
		size := int64(1)
		for _, n := range tile {
			size *= n
		}
		// A random triangular map is a bijection.
		var columns []int64
		for k := int64(1); k < size; k <<= 1 {
			columns = append(columns, k|r.Int64N(k)&r.Int64N(k))
		}
		l := layout.Must(layout.WithSwizzle(layout.Must(layout.Linear(columns)), d.Layout()))
		d = layout.Must(layout.DistributionOf(tile, l))
	}
	return d
}

func b2i(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// randomPair is a pair of distributions of a random tile.
func randomPair(r *rand.Rand) (src, dst layout.Distribution) {
	primes := []int64{2}
	pow2 := r.IntN(2) == 0
	if !pow2 {
		primes = []int64{2, 2, 2, 3, 3, 5}
	}
	tile, factors := randomTile(r, 384, primes)
	warps := []int64{1, 1, 2, 4, 5}[r.IntN(5)]
	return randomDistribution(r, tile, factors, 32, warps, pow2 && r.IntN(3) == 0),
		randomDistribution(r, tile, factors, 32, warps, pow2 && r.IntN(3) == 0)
}

func TestRandom(t *testing.T) {
	machines := []Machine{NVIDIA(), GFX942(), GFX950()}
	for _, bits := range []int{4, 8, 16, 32, 6, 64, 1, 24} {
		t.Run(fmt.Sprint(bits), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(bits), 7))
			n := 1000
			if bits&(bits-1) != 0 || bits == 64 || bits == 1 {
				n = 100
			}
			var kinds [kindCount]int
			for i := range n {
				src, dst := randomPair(r)
				m := machines[i%3]
				p, err := New(src, dst, bits, m)
				if err != nil {
					t.Fatalf("pair %d: %v to %v: %v", i, src, dst, err)
				}
				kinds[p.Kind]++
				for ; p != nil; p = p.Other {
					trace, err := p.Check(src, dst)
					if err != nil {
						t.Fatalf("pair %d: %v to %v on %s, %v: %v", i, src, dst, m.Name, p, err)
					}
					if trace.Wavefronts != p.Cost.Wavefronts || trace.Conflicts != p.Cost.Conflicts {
						t.Fatalf("pair %d: %v to %v: %+v, priced as %v", i, src, dst, trace, p)
					}
				}
			}
			t.Log(kinds)
		})
	}
}
