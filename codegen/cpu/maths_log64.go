package cpu

import (
	"math"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/codegen/internal/minimax"
)

// anyParts is parts for subnormal a too.
func (v fv) anyParts(a llx.Value) (m, e llx.Value) {
	small := v.FCmp("olt", a, v.n(0x1p-1022))
	m, e = v.parts(v.Select(small, v.FMul(a, v.n(0x1p54)), a))
	return m, v.FAdd(e, v.Select(small, v.n(-54), v.n(0)))
}

// log64 is the natural or the binary logarithm. With m = 1 + f and s = f/(2 + f) the logarithm of m is 2·artanh s, which
// is f - f²/2 + s·(f²/2 + r(s²)·s²).
func (v fv) log64(x llx.Value, binary bool) llx.Value {
	m, e := v.anyParts(x)
	f := v.FSub(m, v.n(1))
	s := v.FDiv(f, v.FAdd(f, v.n(2)))
	z := v.FMul(s, s)
	half := v.FMul(v.FMul(f, f), v.n(0.5))
	// (2·artanh s - 2s)/s³: error of the logarithm 2^-59.49.
	p := v.poly(z, minimax.Log64...)
	t := v.FMul(s, v.fma(z, p, half))
	var y llx.Value
	if binary {
		// f - f²/2 with 21 bits, whose product with the upper part of log2 e is exact, and the rest.
		hi := v.float(v.And(v.bits(v.FSub(f, half)), v.i(-1<<32)))
		lo := v.FAdd(v.FSub(v.FSub(f, hi), half), t)
		const upper, lower = 0x1.71547652p+0, 0x1.705fc2eefa2p-33
		a := v.FMul(hi, v.n(upper))
		b := v.fma(hi, v.n(lower), v.FMul(lo, v.n(math.Log2E)))
		w := v.sum(e, a)
		y = v.FAdd(w.hi, v.FAdd(w.lo, b))
	} else {
		const lower = ln2Part1 + ln2Part2
		y = v.FSub(half, v.fma(e, v.n(lower), t))
		y = v.fma(e, v.n(ln2Part0), v.FSub(f, y))
	}
	y = v.Select(v.FCmp("olt", x, v.n(math.Inf(1))), y, x)
	y = v.Select(v.FCmp("oeq", x, v.n(0)), v.n(math.Inf(-1)), y)
	return v.Select(v.FCmp("olt", x, v.n(0)), v.n(math.NaN()), y)
}

// logPair is the natural logarithm of a > 0 to 2^-65 of itself; of 0 and inf it is anything finite.
func (v fv) logPair(a llx.Value) pair {
	m, e := v.anyParts(a)
	f := v.FSub(m, v.n(1))
	s := v.quotient(pair{f, v.n(0)}, v.sum(m, v.n(1)))
	z := v.times(s, s)
	// ln m = 2s + (2/3)·s³ + s⁵·p(s²): error 2^-73.48.
	p := v.poly(z.hi, minimax.LogPair64...)
	cube := v.times(s, z)
	third := v.times(cube, pair{v.n(2. / 3), v.n(0x1.5555555555555p-55)})
	last := v.FMul(v.FMul(cube.hi, z.hi), p)
	t := v.quick(v.FAdd(s.hi, s.hi), third.hi)
	lo := v.FAdd(v.FAdd(t.lo, v.FAdd(s.lo, s.lo)), v.FAdd(third.lo, last))
	near := v.quick(t.hi, lo)
	// The whole powers of two.
	w := v.sum(v.FMul(e, v.n(ln2Part0)), near.hi)
	x := v.sum(w.hi, v.FMul(e, v.n(ln2Part1)))
	return v.quick(x.hi, v.FAdd(x.lo, v.FAdd(w.lo, v.fma(e, v.n(ln2Part2), near.lo))))
}

// pow64x is x^y.
func (v fv) pow64x(x, y llx.Value) llx.Value {
	a := v.abs(x)
	l := v.logPair(a)
	// Of so large a y all powers but those of 1 overflow or vanish.
	b := v.atMost(v.atLeast(y, -0x1p80), 0x1p80)
	t := v.times(l, pair{b, v.n(0)})
	far := v.FCmp("ogt", v.abs(t.hi), v.n(900))
	t.lo = v.Select(far, v.n(0), t.lo)
	t.hi = v.atMost(v.atLeast(t.hi, -900), 900)
	e := v.expParts64(t)
	r := v.scale64(e.hi, e.n)
	up := v.FCmp("ogt", y, v.n(0))
	zero, inf := v.n(0), v.n(math.Inf(1))
	r = v.Select(v.FCmp("oeq", a, zero), v.Select(up, zero, inf), r)
	r = v.Select(v.FCmp("oeq", a, inf), v.Select(up, inf, zero), r)
	return v.powSpecial(x, y, r)
}
