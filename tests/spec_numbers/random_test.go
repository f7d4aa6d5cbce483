package numbers

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/big"
	"testing"

	"github.com/tilec/tilec/runtime/array"
)

// block is Philox4x32-10 as the paper defines it: ten rounds, in each of which two words of the counter are multiplied and
// the key grows.
func block(counter [4]uint32, key [2]uint32) [4]uint32 {
	for round := range uint32(10) {
		k0, k1 := key[0]+round*0x9E3779B9, key[1]+round*0xBB67AE85
		m0, m1 := uint64(counter[0])*0xD2511F53, uint64(counter[2])*0xCD9E8D57
		counter = [4]uint32{uint32(m1>>32) ^ counter[1] ^ k0, uint32(m1), uint32(m0>>32) ^ counter[3] ^ k1, uint32(m0)}
	}
	return counter
}

// word is rand(seed, i) as the page defines it.
func word(seed, i int64) uint32 {
	c := uint64((i - i&3) / 4) // ⌊i/4⌋ in two's complement
	return block([4]uint32{uint32(c), uint32(c >> 32)}, [2]uint32{uint32(seed), uint32(uint64(seed) >> 32)})[i&3]
}

// TestBlock holds the definition to the vectors published with the paper.
func TestBlock(t *testing.T) {
	const f = 0xffffffff
	for _, c := range []struct {
		counter [4]uint32
		key     [2]uint32
		want    [4]uint32
	}{
		{[4]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{f, f, f, f}, [2]uint32{f, f}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0}, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := block(c.counter, c.key); got != c.want {
			t.Errorf("counter %x, key %x: %x, want %x", c.counter, c.key, got, c.want)
		}
	}
}

const randomText = `kernel draw(seed int[N], at int[N]) (r u32[N], u f32[N], z f32[N]) {
	parallel n in N by 1024 {
		r[n] = rand(seed[n], at[n])
		u[n] = uniform(seed[n], at[n])
		z[n] = normal(seed[n], at[n])
	}
}
`

// draw runs the kernel.
func draw(t *testing.T, seeds, at []int64) (r, u, z []uint64) {
	t.Helper()
	args := make([]*array.Array, 2)
	for i, list := range [][]int64{seeds, at} {
		c := make([]uint64, len(list))
		for k, v := range list {
			c[k] = uint64(v)
		}
		args[i] = vector(parse(t, "i64"), c)
	}
	out := load(t, randomText).run(t, args...)
	return codes(out[0]), codes(out[1]), codes(out[2])
}

// TestRandom holds rand, uniform and normal to their definitions: words to the bit, uniform exactly, normal to the
// function's value rounded to f32.
func TestRandom(t *testing.T) {
	rng := seeded("random")
	var seeds, at []int64
	for i := range int64(40) {
		seeds, at = append(seeds, 0, 42, -1, math.MinInt64), append(at, i-20, i, i*1000003, i)
	}
	for range 2000 {
		seeds, at = append(seeds, int64(rng.Uint64())), append(at, int64(rng.Uint64())>>rng.IntN(64))
	}
	seeds, at = append(seeds, 7, 7, 7, 7), append(at, math.MaxInt64, math.MinInt64, -1, 1<<40+3)
	r, u, z := draw(t, seeds, at)
	worst := 0.0
	for k := range seeds {
		w := word(seeds[k], at[k])
		if uint32(r[k]) != w {
			t.Fatalf("rand(%d, %d) = %#x, want %#x", seeds[k], at[k], r[k], w)
		}
		if got, want := math.Float32frombits(uint32(u[k])), float32(w>>8)*0x1p-24; got != want {
			t.Fatalf("uniform(%d, %d) = %v, want %v", seeds[k], at[k], got, want)
		}
		j := at[k] &^ 1
		a, b := word(seeds[k], j)>>8+1, word(seeds[k], j+1)>>8
		got := float64(math.Float32frombits(uint32(z[k])))
		want := gaussian(a, b, at[k]&1 == 1)
		if e := ulps(got, want, 23, -126, 127); e > worst {
			worst = e
			if e > 0.5001 {
				t.Fatalf("normal(%d, %d) = %v, want %v", seeds[k], at[k], got, want)
			}
		}
	}
	t.Logf("normal %.6f ulp of f32", worst)
}

// gaussian is √(-2·ln(a·2⁻²⁴)) times the cosine, or the sine, of 2π·b·2⁻²⁴.
func gaussian(a, b uint32, odd bool) *big.Float {
	if a == 1<<24 {
		return new(big.Float)
	}
	l := bigLog(exact(math.Ldexp(float64(a), -24)))
	root := newFloat(l.Prec()).Sqrt(mul(l, exact(-2)))
	turn := mul(mul(bigPi.to(precision+64), exact(2)), exact(math.Ldexp(float64(b), -24)))
	quarters := int64(1)
	if odd {
		quarters = 0
	}
	return mul(root, bigSin(turn, quarters))
}

// TestRandomForEver: these numbers are part of the language and never change.
func TestRandomForEver(t *testing.T) {
	var seeds, at []int64
	for i := range int64(4096) {
		seeds, at = append(seeds, 20_261_123), append(at, i)
	}
	r, u, z := draw(t, seeds, at)
	var got [3]uint64
	for k, list := range [][]uint64{r, u, z} {
		h := fnv.New64a()
		for _, c := range list {
			h.Write([]byte{byte(c), byte(c >> 8), byte(c >> 16), byte(c >> 24)})
		}
		got[k] = h.Sum64()
	}
	want := [3]uint64{0x4e92444dfcb62c83, 0xc4d44745cd7f9ced, 0x69796eafa436a355}
	if got != want {
		t.Errorf("hashes %#x, want %#x", got, want)
	}
	first := fmt.Sprintf("%#x %x %x", r[0], math.Float32frombits(uint32(u[0])), math.Float32frombits(uint32(z[0])))
	if first != "0x7ae5d68 0x1.eb974p-06 0x1.337bfp+00" {
		t.Errorf("the first are %s", first)
	}
}

// TestSeeds: a seed and an index may be of any integer type; of u64 all bits count.
func TestSeeds(t *testing.T) {
	for _, name := range []string{"i4", "u4", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"} {
		e := parse(t, name)
		in := samples(e)
		in = in[:min(len(in), 500)]
		text := elementwise([]string{name}, []string{"u32 = rand(a, 5)", "u32 = rand(3, a)"})
		out := load(t, text).run(t, vector(e, in))
		x, y := codes(out[0]), codes(out[1])
		for k, c := range in {
			v := decode(e, c)
			n := int64(v.mag)
			if v.neg {
				n = -n
			}
			if uint32(x[k]) != word(n, 5) || uint32(y[k]) != word(3, n) {
				t.Fatalf("rand of %s %v: %#x as a seed, %#x as an index, want %#x, %#x", name, v, x[k], y[k], word(n, 5), word(3, n))
			}
		}
	}
}
