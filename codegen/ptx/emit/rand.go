package emit

import (
	"math"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
)

// random is rand, uniform or normal of a seed and an index, doubles: the bits that package ir/philox gives.
func (e *emitter) random(code ir.Code, seed, i asm.Arg) asm.Arg {
	b, v := e.b, e.f32()
	i = asm.R(b.Move(asm.D, i))
	low := b.Narrow(i)
	w := e.philox(seed, asm.R(b.Pure("shr.s64", asm.D, i, asm.Int(2))))
	bit := func(k int64) asm.Reg {
		return b.SetP("ne", "s32", b.And(asm.W, low, asm.Int(k)), asm.Int(0))
	}
	odd, upper := bit(1), bit(2)
	first, second := v.sel(upper, w[2], w[0]), v.sel(upper, w[3], w[1])
	if code == ir.Normal {
		return e.normal(v.shr(first, 8), v.shr(second, 8), odd)
	}
	word := v.sel(odd, second, first)
	if code == ir.Rand {
		return word
	}
	return v.mul(asm.R(b.Pure("cvt.rn.f32.u32", asm.W, v.shr(word, 8))), v.n(0x1p-24))
}

// philox is the block of the four words of a counter.
func (e *emitter) philox(seed, counter asm.Arg) [4]asm.Arg {
	b := e.b
	upper := func(x asm.Arg) asm.Arg { return b.Narrow(b.Shr(asm.D, x, 32)) }
	xor := func(x, y, z asm.Arg) asm.Arg {
		return asm.R(b.Pure("lop3.b32", asm.W, x, y, z, asm.Int(0x96)))
	}
	mul := func(x asm.Arg, k int64) (hi, lo asm.Arg) {
		p := asm.R(b.Pure("mul.wide.u32", asm.D, x, asm.Int(k)))
		return upper(p), b.Narrow(p)
	}
	k0, k1 := b.Narrow(seed), upper(seed)
	c := [4]asm.Arg{b.Narrow(counter), upper(counter), asm.Int(0), asm.Int(0)}
	for round := range 10 {
		if round > 0 {
			k0 = b.Add(asm.W, k0, word(0x9E3779B9))
			k1 = b.Add(asm.W, k1, word(0xBB67AE85))
		}
		ph, pl := mul(c[0], 0xD2511F53)
		qh, ql := mul(c[2], 0xCD9E8D57)
		c = [4]asm.Arg{xor(qh, c[1], k0), ql, xor(ph, c[3], k1), pl}
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
func (e *emitter) normal(first, second asm.Arg, odd asm.Reg) asm.Arg {
	b, v := e.b, e.f64()
	float := func(x asm.Arg) asm.Arg { return asm.R(b.Pure("cvt.rn.f64.s32", asm.D, x)) }
	// ln((first + 1)·2^-24)
	bits := float(b.Add(asm.W, first, asm.Int(1)))
	d := v.isub(bits, v.bitsOf(math.Sqrt2/2))
	m := v.isub(bits, v.and(d, asm.Int(-1<<52)))
	exp := float(b.Narrow(v.shr(d, 52)))
	s := v.div(v.sub(m, v.n(1)), v.add(m, v.n(1)))
	z, p := v.mul(s, s), v.n(0)
	for _, c := range artanhTerms {
		p = v.mul(z, v.add(p, v.n(c)))
	}
	whole := v.mul(v.sub(exp, v.n(24)), v.n(math.Ln2))
	ln := v.add(whole, v.mul(v.mul(v.n(2), s), v.add(v.n(1), p)))
	radius := v.sqrt(v.mul(v.n(-2), ln))
	// The sine of second·2^-24 turns, for even indices of a quarter more.
	quarter := b.Shr(asm.W, b.Add(asm.W, second, asm.Int(1<<21)), 22)
	x := v.mul(float(b.Sub(asm.W, second, b.Shl(asm.W, quarter, 22))), v.n(2*math.Pi/(1<<24)))
	quarter = b.Add(asm.W, quarter, asm.R(b.Select(asm.W, odd, asm.Int(0), asm.Int(1))))
	cosine := b.SetP("ne", "s32", b.And(asm.W, quarter, asm.Int(1)), asm.Int(0))
	z, p = v.mul(x, x), v.n(0)
	for i := range sinTerms {
		p = v.mul(z, v.add(p, v.sel(cosine, v.n(cosTerms[i]), v.n(sinTerms[i]))))
	}
	y := v.mul(v.sel(cosine, v.n(1), x), v.add(v.n(1), p))
	minus := b.SetP("ne", "s32", b.And(asm.W, quarter, asm.Int(2)), asm.Int(0))
	return e.f32().narrowed(v.mul(radius, v.sel(minus, v.neg(y), y)))
}
