package cpu

import (
	"math"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/codegen/internal/minimax"
)

// ln 2 as a sum of three, the first two of 32 and 40 bits: their products with whole numbers of 11 bits are exact.
const (
	ln2Part0 = 0x1.62e42feep-1
	ln2Part1 = 0x1.a39ef35792p-33
	ln2Part2 = 0x1.c7673007e5ed6p-73
)

// scaled64 is a number as hi + lo times 2^n, n whole.
type scaled64 struct {
	pair
	n llx.Value
}

// scale64 is y·2^n for a whole n of at most 2000 in magnitude, rounded once.
func (v fv) scale64(y, n llx.Value) llx.Value {
	if v.level.AVX512 {
		return v.scalef(y, n)
	}
	half, pow := v.power(n, v.n(0.5))
	_, rest := v.power(v.FSub(n, half), v.n(1))
	return v.FMul(v.FMul(y, pow), rest)
}

// pow64 is 2^n for whole n of at most 1000 in magnitude.
func (v fv) pow64(n llx.Value) llx.Value {
	_, pow := v.power(n, v.n(1))
	return pow
}

// expm1Near is e^r - 1 for |r| ≤ ln 2/2 and a little: r itself and what is added to it, to 2^-55 of the result.
func (v fv) expm1Near(r pair) pair {
	// (e^r - 1 - r - r²/2)/r³: error of e^r - 1 2^-61.60.
	p := v.poly(r.hi, minimax.Exp64...)
	c := v.FMul(v.FMul(r.hi, r.hi), v.fma(r.hi, p, v.n(0.5)))
	if r.lo != nil {
		c = v.FAdd(c, v.fma(r.lo, r.hi, r.lo))
	}
	return v.quick(r.hi, c)
}

// expm1Parts is e^x for |x| ≤ 1000: 2^n and e^r - 1 of what is left.
func (v fv) expm1Parts(x pair) scaled64 {
	n, _ := v.power(x.hi, v.n(math.Log2E))
	s := v.sum(v.fma(n, v.n(-ln2Part0), x.hi), v.FMul(n, v.n(-ln2Part1)))
	lo := v.fma(n, v.n(-ln2Part2), s.lo)
	if x.lo != nil {
		lo = v.FAdd(lo, x.lo)
	}
	return scaled64{v.expm1Near(v.quick(s.hi, lo)), n}
}

// expParts64 is e^x for |x| ≤ 1000.
func (v fv) expParts64(x pair) scaled64 {
	e := v.expm1Parts(x)
	s := v.quick(v.n(1), e.hi)
	return scaled64{v.quick(s.hi, v.FAdd(s.lo, e.lo)), e.n}
}

// exp64 is e^x.
func (v fv) exp64(x llx.Value) llx.Value {
	e := v.expParts64(pair{hi: v.atMost(v.atLeast(x, -746), 710)})
	return v.scale64(e.hi, e.n)
}

// exp2x64 is 2^x.
func (v fv) exp2x64(x llx.Value) llx.Value {
	x = v.atMost(v.atLeast(x, -1076), 1025)
	n, _ := v.power(x, v.n(1))
	r := v.times(pair{hi: v.FSub(x, n), lo: v.n(0)}, pair{v.n(ln2Hi), v.n(ln2Lo)})
	e := v.expm1Near(r)
	return v.scale64(v.FAdd(v.n(1), v.FAdd(e.hi, e.lo)), n)
}

// ln 2 as a pair.
const (
	ln2Hi = 0x1.62e42fefa39efp-1
	ln2Lo = 0x1.abc9e3b39803fp-56
)

// tanh64 is the hyperbolic tangent: with e = e^2|x| - 1 it is e/(e + 2).
func (v fv) tanh64(x llx.Value) llx.Value {
	a := v.atMost(v.abs(x), 22)
	m := v.expm1Parts(pair{hi: v.FAdd(a, a)})
	pow := v.pow64(m.n)
	s := v.sum(v.FSub(pow, v.n(1)), v.FMul(pow, m.hi))
	e := v.quick(s.hi, v.fma(pow, m.lo, s.lo))
	return v.signed(v.over(e, v.plus(e, v.n(2))), x)
}

// sigmoid64 is 1/(1 + e^-x), as E/(1 + E) with E = e^x left of 0, scaled last.
func (v fv) sigmoid64(x llx.Value) llx.Value {
	e := v.expParts64(pair{hi: v.FNeg(v.atMost(v.abs(x), 746))})
	left := v.FCmp("olt", x, v.n(0))
	num := pair{v.Select(left, e.hi, v.n(1)), v.Select(left, e.lo, v.n(0))}
	return v.scale64(v.over(num, v.onePlus(e)), v.Select(left, e.n, v.n(0)))
}

// onePlus is 1 + e for e at most 1.
func (v fv) onePlus(e scaled64) pair {
	pow := v.pow64(v.atLeast(e.n, -1000)) // below the sum is 1 in any case
	s := v.quick(v.n(1), v.FMul(e.hi, pow))
	return v.quick(s.hi, v.fma(e.lo, pow, s.lo))
}

// silu64 is x·sigmoid(x).
func (v fv) silu64(x llx.Value) llx.Value {
	y := v.atMost(v.atLeast(x, -760), 760)
	e := v.expParts64(pair{hi: v.FNeg(v.abs(y))})
	left := v.FCmp("olt", y, v.n(0))
	num := v.times(pair{v.Select(left, e.hi, v.n(1)), v.Select(left, e.lo, v.n(0))}, pair{y, v.n(0)})
	q := v.scale64(v.over(num, v.onePlus(e)), v.Select(left, e.n, v.n(0)))
	return v.signed(v.Select(v.FCmp("olt", x, v.n(100)), q, x), x) // the zeros' signs are theirs
}

// softplus64 is ln(1 + e^x), as max(x, 0) + ln(1 + E) with E = e^-|x|.
func (v fv) softplus64(x llx.Value) llx.Value {
	e := v.expParts64(pair{hi: v.FNeg(v.atMost(v.abs(x), 746))})
	pow := v.pow64(v.atLeast(e.n, -1000))
	E := pair{v.FMul(e.hi, pow), v.FMul(e.lo, pow)}
	// ln(1 + E) = 2·artanh s with s = E/(2 + E); (2·artanh s - 2s)/s³ in s²: error of the logarithm 2^-64.50.
	den := v.plus(E, v.n(2))
	s := v.quotient(E, den)
	z := v.FMul(s.hi, s.hi)
	p := v.poly(z, minimax.Softplus64...)
	rest := v.fma(v.FMul(s.hi, z), p, v.FAdd(s.lo, s.lo))
	twice := v.FAdd(s.hi, s.hi)
	t := v.sum(v.atLeast(x, 0), twice)
	y := v.FAdd(t.hi, v.FAdd(t.lo, rest))
	// Far left it is E, which is subnormal in the end.
	y = v.Select(v.FCmp("olt", x, v.n(-40)), v.scale64(e.hi, e.n), y)
	return v.Select(v.FCmp("olt", x, v.n(100)), y, x)
}
