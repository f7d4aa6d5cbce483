package cpu

import "github.com/tilec/tilec/codegen/internal/llx"

// tail is Φ(-a)·e^(a²/2)·(a + 6) for a from 0 to 39, Φ being the normal distribution's.
func (v fv) tail(a llx.Value) pair {
	// In w = (a - 6)/(a + 6).
	w := v.quotient(v.sum(a, v.n(-6)), v.sum(a, v.n(6)))
	// Error 2^-58; the last two steps as pairs. By its slope, to 2^-18, it makes good what w has beyond a float64.
	p := v.poly(w.hi, 0x1.234fe3fd925bep-1, -0x1.a7d6577269bc9p-2, 0x1.1267d7383da91p-2, -0x1.38b069dbb6237p-3, 0x1.33e77775fff15p-4,
		-0x1.fba9d52f616f4p-6, 0x1.48a83bd299d20p-7, -0x1.1764cdb792c5cp-9, 0x1.13bbca3833c16p-15, 0x1.7c574384f87b2p-13,
		-0x1.0f96d1732cc9dp-14, 0x1.20827ad6ff83cp-20, 0x1.c811b0f2cf32fp-18, -0x1.e2a889805e135p-20, -0x1.cc2c712642d86p-22,
		0x1.4b2c2ba53375cp-22, 0x1.a8d2a7cf66279p-28, -0x1.6a2beb795ed6fp-25, 0x1.9e5bcf84866d1p-29, 0x1.601b8e2f7db0fp-28,
		-0x1.7fbb024cbd124p-32, -0x1.b5cfc1f421de5p-32)
	y := v.plus(v.product(p, w.hi), v.n(-0x1.66eaa7d09640fp-1))
	y.lo = v.FAdd(y.lo, v.n(0x1.27dd1bbe69fa3p-55))
	y = v.times(y, pair{w.hi, v.n(0)})
	y = v.plus(y, v.n(0x1.8e010d2b8a0eap-1))
	y.lo = v.FAdd(y.lo, v.n(-0x1.d2dcbbbe63ea0p-55))
	slope := v.poly(w.hi, -0x1.66ea50p-1, 0x1.235088p+0, -0x1.3deb7ap+0, 0x1.126010p+0, -0x1.8611f2p-1, 0x1.ce3866p-2, -0x1.c61de4p-3,
		0x1.475f5ep-4, -0x1.b91934p-7)
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
	p := v.poly(v.FMul(a, a), 0x1.06eba8214db69p-3, -0x1.812746b037a5dp-2, 0x1.ce2f21a04cc7ep-4, -0x1.b82ce317c9214p-6,
		0x1.565bce6e93d5ep-8, -0x1.c02e1b703408bp-11, 0x1.f9b4eb476b4c4p-14, -0x1.f694f9efe5bb3p-17, 0x1.d14a5727757a8p-20,
		-0x1.d03b7ef00d634p-23)
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
