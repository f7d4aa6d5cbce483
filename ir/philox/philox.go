// Package philox is the language's random numbers: Philox4x32-10, a counter-based generator
// (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
//
// In go a seed and an index, out comes the number at that index. It always holds that a number
// depends on its seed and index alone, is the same bits on every machine, and stays so for ever:
//
//   - word(seed, i) is word i mod 4 of the block whose key is the seed, low word first, and whose
//     128-bit counter is ⌊i/4⌋ as a 64-bit integer, low word first, with zeros above;
//   - uniform(seed, i) is ⌊word/2^8⌋·2^-24, in [0, 1);
//   - normal(seed, i), with j = 2⌊i/2⌋, a = ⌊word(j)/2^8⌋ + 1 and b = ⌊word(j+1)/2^8⌋, is
//     √(-2 ln(a·2^-24)) times cos(2π·b·2^-24) for even i and sin of it for odd i, evaluated in float64
//     by the steps in this package and rounded to float32. It is at most 5.77 in magnitude.
package philox

import "math"

// Words is the block of four words for a key and a 64-bit counter.
func Words(seed, counter uint64) [4]uint32 {
	return block([4]uint32{uint32(counter), uint32(counter >> 32)}, [2]uint32{uint32(seed), uint32(seed >> 32)})
}

// block is Philox4x32-10 of the paper: ten rounds, the key bumped between them.
func block(c [4]uint32, k [2]uint32) [4]uint32 {
	c0, c1, c2, c3 := c[0], c[1], c[2], c[3]
	k0, k1 := k[0], k[1]
	for range 10 {
		p := uint64(c0) * 0xD2511F53
		q := uint64(c2) * 0xCD9E8D57
		c0, c1, c2, c3 = uint32(q>>32)^c1^k0, uint32(q), uint32(p>>32)^c3^k1, uint32(p)
		k0 += 0x9E3779B9
		k1 += 0xBB67AE85
	}
	return [4]uint32{c0, c1, c2, c3}
}

// Rand is the word at index i.
func Rand(seed, i int64) uint32 { return Words(uint64(seed), uint64(i>>2))[i&3] }

// Uniform is the uniform number in [0, 1) at index i.
func Uniform(seed, i int64) float32 { return uniform(Rand(seed, i)) }

// Normal is the normally distributed number at index i, of mean 0 and variance 1.
func Normal(seed, i int64) float32 {
	w := Words(uint64(seed), uint64(i>>2))
	even, odd := pair(w[i&2], w[i&2|1])
	if i&1 == 0 {
		return even
	}
	return odd
}

// FillRand sets dst[k] to Rand(seed, i+k).
func FillRand(dst []uint32, seed, i int64) {
	for len(dst) > 0 {
		w := Words(uint64(seed), uint64(i>>2))
		n := copy(dst, w[i&3:])
		dst, i = dst[n:], i+int64(n)
	}
}

// FillUniform sets dst[k] to Uniform(seed, i+k).
func FillUniform(dst []float32, seed, i int64) {
	for len(dst) > 0 {
		w := Words(uint64(seed), uint64(i>>2))
		v := [4]float32{uniform(w[0]), uniform(w[1]), uniform(w[2]), uniform(w[3])}
		n := copy(dst, v[i&3:])
		dst, i = dst[n:], i+int64(n)
	}
}

// FillNormal sets dst[k] to Normal(seed, i+k).
func FillNormal(dst []float32, seed, i int64) {
	for len(dst) > 0 {
		w := Words(uint64(seed), uint64(i>>2))
		var v [4]float32
		v[0], v[1] = pair(w[0], w[1])
		v[2], v[3] = pair(w[2], w[3])
		n := copy(dst, v[i&3:])
		dst, i = dst[n:], i+int64(n)
	}
}

func uniform(w uint32) float32 { return float32(w>>8) * 0x1p-24 }

// pair is Box and Muller's transform of two words.
func pair(a, b uint32) (even, odd float32) {
	r := math.Sqrt(-2 * lnUnit(a>>8+1))
	sin, cos := sincosTurn(b >> 8)
	return float32(r * cos), float32(r * sin)
}

// The standard library's ln, sin and cos may differ between machines in the last bit: some are written
// in assembly, and a compiler may fuse a multiply and an add. The float64 conversions
// below forbid fusing, and +, * and √ are exactly rounded everywhere, so these are the same bits on all.

// Coefficients from the highest power down: of artanh s / s - 1 in s², and Taylor's of sin x / x - 1 and
// cos x - 1 in x².
var (
	artanhTerms = [10]float64{1. / 21, 1. / 19, 1. / 17, 1. / 15, 1. / 13, 1. / 11, 1. / 9, 1. / 7, 1. / 5, 1. / 3}
	sinTerms    = [8]float64{1. / 355687428096000, -1. / 1307674368000, 1. / 6227020800, -1. / 39916800, 1. / 362880, -1. / 5040, 1. / 120, -1. / 6}
	cosTerms    = [8]float64{1. / 20922789888000, -1. / 87178291200, 1. / 479001600, -1. / 3628800, 1. / 40320, -1. / 720, 1. / 24, -1. / 2}
)

// lnUnit is ln(k·2^-24) for k from 1 to 2^24, within a few ulps of float64.
func lnUnit(k uint32) float64 {
	m, e := math.Frexp(float64(k)) // k = m·2^e, m in [1/2, 1)
	if m < math.Sqrt2/2 {
		m, e = 2*m, e-1
	}
	s := (m - 1) / (m + 1) // ln m = 2 artanh s, |s| < 0.172
	z, p := float64(s*s), 0.0
	for _, c := range artanhTerms {
		p = float64(z * (p + c))
	}
	return float64(float64(e-24)*math.Ln2) + float64(2*s*(1+p))
}

// sincosTurn is the sine and cosine of k·2^-24 turns, within a few ulps of float64.
func sincosTurn(k uint32) (sin, cos float64) {
	// The nearest quarter turn, and what is left, in [-1/8, 1/8] turns.
	quarter := (k + 1<<21) >> 22
	x := float64(int32(k)-int32(quarter<<22)) * (2 * math.Pi / (1 << 24))
	z, s, c := float64(x*x), 0.0, 0.0
	for i := range sinTerms {
		s = float64(z * (s + sinTerms[i]))
		c = float64(z * (c + cosTerms[i]))
	}
	s, c = float64(x*(1+s)), 1+c
	switch quarter & 3 {
	case 1:
		return c, -s
	case 2:
		return -s, -c
	case 3:
		return -c, s
	}
	return s, c
}
