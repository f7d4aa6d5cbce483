package cpu

import (
	"math"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
)

// random is rand, uniform or normal of lanes of i64: a u32 as its bits, or an f32, the same bits as package ir/philox
// gives. The seed or the index may be a scalar, which all lanes then share.
func (u *unit) random(code ir.Code, seed, i llx.Value, lanes int) llx.Value {
	i = u.everywhere(i, lanes)
	w := u.philox(seed, u.AShr(i, u.wide64(2, lanes)), lanes)
	bit := func(k int64) llx.Value { return u.ICmp("ne", u.And(i, u.wide64(k, lanes)), u.wide64(0, lanes)) }
	odd, upper := bit(1), bit(2)
	even := u.Select(upper, w[2], w[0])
	next := u.Select(upper, w[3], w[1])
	if code == ir.Normal {
		return u.normal(u.low24(even, lanes), u.low24(next, lanes), odd, lanes)
	}
	word := u.Trunc(u.Select(odd, next, even), llx.Vec(llx.I32, lanes))
	if code == ir.Rand {
		return word
	}
	v := fv{u, f32Class, lanes}
	return v.FMul(v.SIToFP(v.LShr(word, v.i(8)), v.floats()), v.n(0x1p-24))
}

func (u *unit) wide64(k int64, lanes int) llx.Value { return u.Splat(llx.C64(k), lanes) }

// everywhere is a scalar in all lanes.
func (u *unit) everywhere(x llx.Value, lanes int) llx.Value {
	if lanes > 1 && llx.Lanes(x.Type()) == 1 {
		return u.Splat(x, lanes)
	}
	return x
}

// low24 is a word's upper 24 bits as a whole number; the word is the low half of an i64.
func (u *unit) low24(w llx.Value, lanes int) llx.Value {
	return u.And(u.LShr(w, u.wide64(8, lanes)), u.wide64(1<<24-1, lanes))
}

// philox is the block of the four words of each counter, in the low halves of lanes of i64; the upper halves are anything.
func (u *unit) philox(seed, counter llx.Value, lanes int) [4]llx.Value {
	half := func(x llx.Value) llx.Value { // whose upper half multiplication does not see
		return u.And(x, u.wide64(math.MaxUint32, lanes))
	}
	high := func(x llx.Value) llx.Value { return u.LShr(x, u.wide64(32, lanes)) }
	c := [4]llx.Value{counter, high(counter), u.wide64(0, lanes), u.wide64(0, lanes)}
	// The key stays a scalar where it is one, so that its ten values leave the loop.
	shared := llx.Lanes(seed.Type())
	k0, k1 := seed, u.LShr(seed, u.wide64(32, shared))
	for round := range 10 {
		if round > 0 {
			k0 = u.Add(k0, u.wide64(0x9E3779B9, shared))
			k1 = u.Add(k1, u.wide64(0xBB67AE85, shared))
		}
		p := u.Mul(half(c[0]), u.wide64(0xD2511F53, lanes))
		q := u.Mul(half(c[2]), u.wide64(0xCD9E8D57, lanes))
		c = [4]llx.Value{
			u.Xor(u.Xor(high(q), c[1]), u.everywhere(k0, lanes)), q,
			u.Xor(u.Xor(high(p), c[3]), u.everywhere(k1, lanes)), p,
		}
	}
	return c
}

// Coefficients of package ir/philox, from the highest power down.
var (
	artanhTerms = [...]float64{1. / 21, 1. / 19, 1. / 17, 1. / 15, 1. / 13, 1. / 11, 1. / 9, 1. / 7, 1. / 5, 1. / 3}
	sinTerms    = [...]float64{1. / 355687428096000, -1. / 1307674368000, 1. / 6227020800, -1. / 39916800, 1. / 362880, -1. / 5040, 1. / 120, -1. / 6}
	cosTerms    = [...]float64{1. / 20922789888000, -1. / 87178291200, 1. / 479001600, -1. / 3628800, 1. / 40320, -1. / 720, 1. / 24, -1. / 2}
)

// normal is Box and Muller's transform of numbers of 24 bits: the steps of package ir/philox one by one, with its
// roundings, so that all bits are the same.
func (u *unit) normal(a, b, odd llx.Value, lanes int) llx.Value {
	v := fv{u, f64Class, lanes}
	// ln((a + 1)·2^-24)
	k := v.smallInt(v.Add(a, v.i(1)))
	bits := v.bits(k)
	d := v.Sub(bits, v.i(int64(math.Float64bits(math.Sqrt2/2))))
	m := v.float(v.Sub(bits, v.And(d, v.i(-1<<52))))
	e := v.smallInt(v.LShr(d, v.i(52)))
	s := v.FDiv(v.FSub(m, v.n(1)), v.FAdd(m, v.n(1)))
	z, p := v.FMul(s, s), v.n(0)
	for _, c := range artanhTerms {
		p = v.FMul(z, v.FAdd(p, v.n(c)))
	}
	whole := v.FMul(v.FSub(e, v.n(24)), v.n(math.Ln2))
	ln := v.FAdd(whole, v.FMul(v.FMul(v.n(2), s), v.FAdd(v.n(1), p)))
	radius := v.Intrinsic("sqrt", v.floats(), v.FMul(v.n(-2), ln))
	// The sine of b·2^-24 turns, for even indices of a quarter more.
	quarter := v.LShr(v.Add(b, v.i(1<<21)), v.i(22))
	x := v.FMul(v.FSub(v.smallInt(b), v.smallInt(v.Shl(quarter, v.i(22)))), v.n(2*math.Pi/(1<<24)))
	quarter = v.Add(quarter, v.Select(odd, v.i(0), v.i(1)))
	cosine := v.ICmp("ne", v.And(quarter, v.i(1)), v.i(0))
	z, p = v.FMul(x, x), v.n(0)
	for i := range sinTerms {
		p = v.FMul(z, v.FAdd(p, v.Select(cosine, v.n(cosTerms[i]), v.n(sinTerms[i]))))
	}
	y := v.FMul(v.Select(cosine, v.n(1), x), v.FAdd(v.n(1), p))
	sign := v.Shl(v.LShr(quarter, v.i(1)), v.i(63))
	y = v.float(v.Xor(v.bits(y), sign))
	return v.FPTrunc(v.FMul(radius, y), llx.Vec(llx.Float, lanes))
}

// smallInt is a whole number from 0 to 2^52 - 1 as a float64.
func (v fv) smallInt(k llx.Value) llx.Value {
	const big = 1 << 52
	return v.FSub(v.float(v.Or(k, v.i(int64(math.Float64bits(big))))), v.n(big))
}
