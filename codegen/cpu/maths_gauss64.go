package cpu

import (
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/codegen/internal/minimax"
)

// tail is Φ(-a)·e^(a²/2)·(a + 6) for a from 0 to 39, Φ being the normal distribution's.
func (v fv) tail(a llx.Value) pair {
	// In w = (a - 6)/(a + 6).
	w := v.quotient(v.sum(a, v.n(-6)), v.sum(a, v.n(6)))
	// Error 2^-58; the last two steps as pairs. By its slope, to 2^-18, it makes good what w has beyond a float64.
	p := v.poly(w.hi, minimax.Tail64...)
	y := v.plus(v.product(p, w.hi), v.n(-0x1.66eaa7d09640fp-1))
	y.lo = v.FAdd(y.lo, v.n(0x1.27dd1bbe69fa3p-55))
	y = v.times(y, pair{w.hi, v.n(0)})
	y = v.plus(y, v.n(0x1.8e010d2b8a0eap-1))
	y.lo = v.FAdd(y.lo, v.n(-0x1.d2dcbbbe63ea0p-55))
	slope := v.poly(w.hi, minimax.TailSlope64...)
	return v.quick(y.hi, v.fma(w.lo, slope, y.lo))
}

// erf64 is the error function: 1 - erfc|x|, and where that would cancel a polynomial.
func (v fv) erf64(x llx.Value) llx.Value {
	a := v.atMost(v.abs(x), 6)
	// erfc a = 2Φ(-b) with b = a·√2, and e^-a².
	b := v.FMul(a, v.n(0x1.6a09e667f3bcdp+0))
	t := v.tail(b)
	square := v.product(a, a)
	e := v.expParts64(pair{v.FNeg(square.hi), v.FNeg(square.lo)})
	c := v.quotient(v.times(e.pair, t), v.sum(b, v.n(6)))
	pow := v.pow64(v.FAdd(e.n, v.n(1)))
	d := v.quick(v.n(1), v.FNeg(v.FMul(c.hi, pow)))
	large := v.FAdd(d.hi, v.fma(v.FNeg(c.lo), pow, d.lo))
	// x + x·p(x²) for |x| ≤ 0.55: error 2^-56.33.
	p := v.poly(v.FMul(a, a), minimax.Erf64...)
	small := v.fma(a, p, a)
	return v.signed(v.Select(v.FCmp("olt", a, v.n(0.55)), small, large), x)
}

// gelu64 is x·Φ(x), right of 0 x - x·Φ(-x), scaled last.
func (v fv) gelu64(x llx.Value) llx.Value {
	y := v.atMost(v.atLeast(x, -39), 39)
	a := v.abs(y)
	square := v.product(a, a)
	e := v.expParts64(pair{v.FMul(square.hi, v.n(-0.5)), v.FMul(square.lo, v.n(-0.5))})
	q := v.quotient(v.times(e.pair, v.tail(a)), v.sum(a, v.n(6)))
	q = v.times(q, pair{y, v.n(0)}) // y·Φ(-a)·2^-n
	pow := v.pow64(v.atLeast(e.n, -1000))
	s := v.sum(y, v.FNeg(v.FMul(q.hi, pow)))
	right := v.FAdd(s.hi, v.fma(v.FNeg(q.lo), pow, s.lo))
	r := v.Select(v.FCmp("olt", y, v.n(0)), v.scale64(q.hi, e.n), right)
	return v.signed(v.Select(v.FCmp("olt", x, v.n(39)), r, x), x) // the zeros' signs are theirs
}
