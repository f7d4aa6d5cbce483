package convert

import (
	"errors"
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

// randomPair is a pair of distributions of a random tile. Half of the time dst has the digits of src but for some, so
// that little has to move.
func randomPair(r *rand.Rand) (src, dst layout.Distribution) {
	primes := []int64{2}
	pow2 := r.IntN(2) == 0
	if !pow2 {
		primes = []int64{2, 2, 2, 3, 3, 5}
	}
	tile, factors := randomTile(r, 384, primes)
	warps := []int64{1, 1, 2, 4, 5}[r.IntN(5)]
	src = randomDistribution(r, tile, factors, 32, warps, pow2 && r.IntN(3) == 0)
	if digits, ok := src.Digits(); ok && r.IntN(2) == 0 {
		var units [layout.Units][]int // the digits of each unit
		for i, d := range digits {
			units[d.Unit] = append(units[d.Unit], i)
		}
		for range 1 + r.IntN(2) {
			u, v := []layout.Unit{layout.Register, layout.Lane}[r.IntN(2)], layout.Lane
			if len(units[u]) == 0 || len(units[v]) == 0 {
				continue
			}
			i, j := units[u][r.IntN(len(units[u]))], units[v][r.IntN(len(units[v]))]
			if digits[i].Size == digits[j].Size {
				digits[i].Axis, digits[j].Axis = digits[j].Axis, digits[i].Axis
				digits[i].Stride, digits[j].Stride = digits[j].Stride, digits[i].Stride
			}
		}
		return src, layout.Must(layout.Distribute(tile, digits...))
	}
	return src, randomDistribution(r, tile, factors, 32, warps, pow2 && r.IntN(3) == 0)
}

// Every plan, and every alternative, moves every element where it should be, under a full and under a small scratch
// memory. Pairs that are linear over F2 never meet a bank conflict on any machine, and on NVIDIA's no pair does in which
// every element has one place.
func TestRandom(t *testing.T) {
	machines := []Machine{NVIDIA(), GFX942(), GFX950()}
	for _, bits := range []int{4, 8, 16, 32, 6, 64, 1, 24} {
		t.Run(fmt.Sprint(bits), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(bits), 7))
			n := 1100
			if bits&(bits-1) != 0 || bits == 64 || bits == 1 {
				n = 60
			}
			var kinds [kindCount]int
			tables, conflicts := 0, 0
			for i := range n {
				src, dst := randomPair(r)
				m := machines[i%3]
				if i%4 == 3 {
					m.Scratch = 32 << r.IntN(6)
				}
				p, err := New(src, dst, bits, m)
				if err != nil {
					if m.Scratch < machines[i%3].Scratch {
						continue // the scratch is not enough for a vector of every thread
					}
					t.Fatalf("pair %d: %v to %v: %v", i, src, dst, err)
				}
				kinds[p.Kind]++
				l, linear := linearOf(src, dst, bits, m)
				linear = linear && l.plan() != nil
				for ; p != nil; p = p.Other {
					trace, err := p.Check(src, dst)
					if err != nil {
						t.Fatalf("pair %d: %v to %v on %s, %v: %v", i, src, dst, m.Name, p, err)
					}
					if trace.Wavefronts != p.Cost.Wavefronts || trace.Conflicts != p.Cost.Conflicts {
						t.Fatalf("pair %d: %v to %v: %+v, priced as %v", i, src, dst, trace, p)
					}
					if p.Cost.Scratch > m.Scratch {
						t.Fatalf("pair %d: %v to %v takes %d bytes of %d", i, src, dst, p.Cost.Scratch, m.Scratch)
					}
					if linear && p.Cost.Conflicts > 0 && m.Scratch == machines[i%3].Scratch {
						t.Errorf("pair %d: %v to %v on %s: %v", i, src, dst, m.Name, p)
					}
					if m.Name == "nvidia" && p.Cost.Conflicts > 0 && injective(dst) && injective(src) {
						t.Errorf("pair %d: %v to %v: %v", i, src, dst, p)
					}
					if !linear && p.Cost.Stores > 0 {
						tables++
						if p.Cost.Conflicts > 0 {
							conflicts++
						}
					}
				}
			}
			t.Logf("plans by kind: %v; %d of %d tables of addresses have conflicts", kinds, conflicts, tables)
		})
	}
}

// Factors of a tile that are no powers of two, and lie in the same registers or warps on both sides, are taken out.
func TestRepeated(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	machines := []Machine{NVIDIA(), GFX942(), GFX950()}
	served := 0
	for i := range 240 {
		tile, factors := randomTile(r, 192, []int64{2})
		bits := []int{8, 16, 32, 64}[i%4]
		src := randomDistribution(r, tile, factors, 32, 1+int64(i%2)*3, false)
		dst := randomDistribution(r, tile, factors, 32, 1+int64(i%2)*3, false)
		extents := make([]int64, len(tile))
		for a := range extents {
			extents[a] = []int64{1, 3, 5}[r.IntN(3)]
		}
		unit := layout.Register
		if i%5 == 0 {
			unit = layout.Block
		}
		if i%6 == 0 {
			unit = layout.Warp
			for a := range extents[1:] {
				extents[a+1] = 1
			}
		}
		times := layout.Must(layout.Grid(unit, true, extents...))
		src, dst = layout.Must(times.Mul(src)), layout.Must(times.Mul(dst))
		m := machines[i%3]
		if i%4 == 3 {
			m.Scratch = 512 << r.IntN(6)
		}
		p, err := New(src, dst, bits, m)
		if err != nil {
			continue // little scratch
		}
		if _, ok := repeatedOf(src, dst, bits, m); ok {
			served++
		}
		for ; p != nil; p = p.Other {
			trace, err := p.Check(src, dst)
			if err != nil {
				t.Fatalf("pair %d: %v to %v on %s, %v: %v", i, src, dst, m.Name, p, err)
			}
			if trace.Wavefronts != p.Blocks*p.Cost.Wavefronts || p.Cost.Scratch > m.Scratch {
				t.Fatalf("pair %d: %v to %v: %+v, priced as %v", i, src, dst, trace, p)
			}
		}
	}
	if served < 60 {
		t.Errorf("only %d pairs were repeated", served)
	}
}

// Layouts of any strides, offsets and swizzles are converted rightly or refused.
func TestIrregular(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 9))
	random := func(size int64) (layout.Distribution, bool) {
		shapes, strides := make([]layout.Tuple, layout.Units), make([]layout.Tuple, layout.Units)
		for u := range layout.Units {
			var sizes, steps []int64
			for range 1 + r.IntN(2) {
				n := 1 + r.Int64N([]int64{5, 5, 3, 2}[u])
				sizes, steps = append(sizes, n), append(steps, r.Int64N(12))
			}
			shapes[u], strides[u] = layout.Ints(sizes...), layout.Ints(steps...)
		}
		l, err := layout.New(layout.List(shapes...), layout.List(strides...))
		if err == nil && r.IntN(3) == 0 {
			var s layout.Swizzle
			if s, err = layout.Rotation(1+r.Int64N(3), 1+r.Int64N(5), 1+r.Int64N(2)); err == nil {
				l, err = layout.WithSwizzle(s, l)
			}
		}
		if err != nil {
			return layout.Distribution{}, false
		}
		d, err := layout.DistributionOf([]int64{size}, l)
		return d, err == nil
	}
	planned := 0
	for i := 0; planned < 60; i++ {
		size := 100 + r.Int64N(100)
		src, ok := random(size)
		dst, also := random(size)
		if !ok || !also {
			continue
		}
		if i%2 == 0 {
			// All of the tile is there.
			src = layout.Must(layout.Distribute([]int64{size}, layout.Digit{Size: size, Unit: layout.Register, Axis: 0, Stride: 1},
				layout.Digit{Size: dst.Count(layout.Block), Unit: layout.Block, Axis: layout.Replica}))
		}
		bits := 1 + r.IntN(64)
		p, err := New(src, dst, bits, []Machine{NVIDIA(), GFX942(), GFX950()}[i%3])
		if err != nil {
			var e *layout.Error
			if !errors.As(err, &e) {
				t.Fatalf("%v to %v: %v", src, dst, err)
			}
			continue
		}
		planned++
		for ; p != nil; p = p.Other {
			if _, err := p.Check(src, dst); err != nil {
				t.Fatalf("%v to %v of %d bits: %v: %v", src, dst, bits, p, err)
			}
		}
	}
}

// leastRounds is the number of words that the busiest lane has to read from others, or to give to them.
func leastRounds(src, dst layout.Distribution, bits int) int {
	type place struct{ warp, lane int64 }
	at := map[int64]place{}
	visit := func(d layout.Distribution, do func(warp, lane, element int64)) {
		for w := range d.Count(layout.Warp) {
			for l := range d.Count(layout.Lane) {
				for r := range d.Count(layout.Register) {
					do(w, l, d.Element(r, l, w, 0))
				}
			}
		}
	}
	visit(src, func(w, l, e int64) { at[e] = place{w, l} })
	moved := map[[3]int64]int{} // bits by warp, lane that gives and lane that reads
	visit(dst, func(w, l, e int64) {
		if from := at[e]; from.lane != l {
			moved[[3]int64{w, from.lane, l}] += bits
		}
	})
	most := 0
	give, read := map[place]int{}, map[place]int{}
	for k, n := range moved {
		words := (n + 31) / 32
		give[place{k[0], k[1]}] += words
		read[place{k[0], k[2]}] += words
		most = max(most, give[place{k[0], k[1]}], read[place{k[0], k[2]}])
	}
	return most
}

// injective tells whether every element is at one position.
func injective(d layout.Distribution) bool {
	seen := map[int64]bool{}
	for _, e := range d.Layout().Values() {
		if seen[e] {
			return false
		}
		seen[e] = true
	}
	return true
}

// Shuffles take no more rounds than the busiest lane has words to move.
func TestRounds(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	linear, tables := 0, 0
	for i := 0; linear < 150 || tables < 150; i++ {
		src, dst := randomPair(r)
		bits := []int{4, 8, 16, 32}[i%4]
		if !injective(src) || !injective(dst) {
			continue
		}
		want := leastRounds(src, dst, bits)
		check := func(p *Plan) bool {
			if p == nil || p.priced().Kind != InWarp {
				return false
			}
			if p.Cost.Shuffles != want {
				t.Errorf("%v to %v of %d bits takes %v; %d rounds would do", src, dst, bits, p, want)
			}
			return true
		}
		if tb, err := tableOf(src, dst, bits, NVIDIA()); err == nil && tb.reach == 1 && check(tb.shuffled()) {
			tables++
		}
		if l, ok := linearOf(src, dst, bits, NVIDIA()); ok && stays(l.src.warp, l.dst.warp, 0) {
			if p, _ := l.shuffled(1 << 20); check(p) {
				linear++
			}
		}
	}
}

// Random bipartite multigraphs are coloured with as many colours as their largest degree.
func TestColours(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		as, bs := 1+r.IntN(20), 1+r.IntN(20)
		edges := make([]edge, r.IntN(200))
		degree, need := make([]int, as+bs), 0
		for i := range edges {
			e := edge{r.Int32N(int32(as)), r.Int32N(int32(bs)), r.Int32N(20) - 1}
			edges[i] = e
			degree[e.a]++
			degree[as+int(e.b)]++
			need = max(need, degree[e.a], degree[as+int(e.b)])
		}
		seen := map[[2]int]bool{}
		for i, c := range colours(edges, as, bs, need) {
			for _, v := range []int{int(edges[i].a), as + int(edges[i].b)} {
				if c < 0 || c >= need || seen[[2]int{v, c}] {
					t.Fatalf("colour %d of %d twice at a vertex", c, need)
				}
				seen[[2]int{v, c}] = true
			}
		}
	}
}
