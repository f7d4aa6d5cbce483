package emit

import (
	"math"

	"github.com/tilec/tilec/codegen/internal/minimax"
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
)

// math64 are the functions of f64 that round more than once.
func (v num) math64(e *emitter, code ir.Code, x []asm.Arg) (y asm.Arg, ok bool) {
	switch code {
	case ir.Exp:
		return v.exp64(x[0]), true
	case ir.Exp2:
		return v.exp2x64(x[0]), true
	case ir.Log:
		return v.log64(x[0], false), true
	case ir.Log2:
		return v.log64(x[0], true), true
	case ir.Sin:
		return v.circle64(e, x[0], 0), true
	case ir.Cos:
		return v.circle64(e, x[0], 1), true
	case ir.Tanh:
		return v.tanh64(x[0]), true
	case ir.Erf:
		return v.erf64(x[0]), true
	case ir.Sigmoid:
		return v.sigmoid64(x[0]), true
	case ir.Gelu:
		return v.gelu64(x[0]), true
	case ir.Silu:
		return v.silu64(x[0]), true
	case ir.Softplus:
		return v.softplus64(x[0]), true
	case ir.Pow:
		return v.pow64x(x[0], x[1]), true
	case ir.Rsqrt:
		return v.div(v.n(1), v.sqrt(x[0])), true
	}
	return y, false
}

// A pair is the sum of two floats, the first of which is the sum rounded: twice the bits. The second may be left out for 0.
type pair struct {
	hi, lo asm.Arg
	short  bool // lo is 0, and not there
}

// sum is x + y exactly.
func (v num) sum(x, y asm.Arg) pair {
	s := v.add(x, y)
	t := v.sub(s, x)
	return pair{hi: s, lo: v.add(v.sub(x, v.sub(s, t)), v.sub(y, t))}
}

// quick is x + y exactly where |x| ≥ |y| or x is 0.
func (v num) quick(x, y asm.Arg) pair {
	s := v.add(x, y)
	return pair{hi: s, lo: v.sub(y, v.sub(s, x))}
}

// product is x·y exactly, unless it is so small that its last bits are lost, or within 2^28 of the largest f64.
func (v num) product(x, y asm.Arg) pair {
	p := v.mul(x, y)
	return pair{hi: p, lo: v.fma(x, y, v.neg(p))}
}

// times is a·b.
func (v num) times(a, b pair) pair {
	p := v.product(a.hi, b.hi)
	lo := p.lo
	if !a.short {
		lo = v.fma(a.lo, b.hi, lo)
	}
	if !b.short {
		lo = v.fma(a.hi, b.lo, lo)
	}
	return v.quick(p.hi, lo)
}

// plus is a + x.
func (v num) plus(a pair, x asm.Arg) pair {
	s := v.sum(a.hi, x)
	return v.quick(s.hi, v.add(s.lo, a.lo))
}

// quotient is a/b.
func (v num) quotient(a, b pair) pair {
	q := v.div(a.hi, b.hi)
	p := v.product(q, b.hi)
	rest := v.sub(v.sub(a.hi, p.hi), p.lo)
	if !a.short {
		rest = v.add(rest, a.lo)
	}
	rest = v.fma(v.neg(q), b.lo, rest)
	return v.quick(q, v.div(rest, b.hi))
}

// over is a/b rounded.
func (v num) over(a, b pair) asm.Arg { return v.quotient(a, b).hi }

// ln 2 as a pair, and as a sum of three, the first two of 32 and 40 bits: their products with whole numbers of 11 bits are
// exact.
const (
	ln2Hi    = 0x1.62e42fefa39efp-1
	ln2Lo    = 0x1.abc9e3b39803fp-56
	ln2Part0 = 0x1.62e42feep-1
	ln2Part1 = 0x1.a39ef35792p-33
	ln2Part2 = 0x1.c7673007e5ed6p-73
)

// scaled64 is a number as hi + lo times 2^n, n whole.
type scaled64 struct {
	pair
	n asm.Arg
}

// scale64 is y·2^n for a whole n of at most 2000 in magnitude, rounded once.
func (v num) scale64(y, n asm.Arg) asm.Arg {
	half, pow := v.power(n, v.n(0.5), 0)
	_, rest := v.power(v.sub(n, half), v.n(1), 0)
	return v.mul(v.mul(y, pow), rest)
}

// pow64 is 2^n for whole n of at most 1000 in magnitude.
func (v num) pow64(n asm.Arg) asm.Arg {
	_, pow := v.power(n, v.n(1), 0)
	return pow
}

// expm1Near is e^r - 1 for |r| ≤ ln 2/2 and a little: r itself and what is added to it, to 2^-55 of the result.
func (v num) expm1Near(r pair) pair {
	// (e^r - 1 - r - r²/2)/r³: error of e^r - 1 2^-61.60.
	p := v.poly(r.hi, minimax.Exp64...)
	c := v.mul(v.mul(r.hi, r.hi), v.fma(r.hi, p, v.n(0.5)))
	if !r.short {
		c = v.add(c, v.fma(r.lo, r.hi, r.lo))
	}
	return v.quick(r.hi, c)
}

// expm1Parts is e^x for |x| ≤ 1000: 2^n and e^r - 1 of what is left.
func (v num) expm1Parts(x pair) scaled64 {
	n, _ := v.power(x.hi, v.n(math.Log2E), 0)
	s := v.sum(v.fma(n, v.n(-ln2Part0), x.hi), v.mul(n, v.n(-ln2Part1)))
	lo := v.fma(n, v.n(-ln2Part2), s.lo)
	if !x.short {
		lo = v.add(lo, x.lo)
	}
	return scaled64{v.expm1Near(v.quick(s.hi, lo)), n}
}

// expParts64 is e^x for |x| ≤ 1000.
func (v num) expParts64(x pair) scaled64 {
	e := v.expm1Parts(x)
	s := v.quick(v.n(1), e.hi)
	return scaled64{v.quick(s.hi, v.add(s.lo, e.lo)), e.n}
}

// exp64 is e^x.
func (v num) exp64(x asm.Arg) asm.Arg {
	e := v.expParts64(pair{hi: v.atMost(v.atLeast(x, -746), 710), short: true})
	return v.scale64(e.hi, e.n)
}

// exp2x64 is 2^x.
func (v num) exp2x64(x asm.Arg) asm.Arg {
	x = v.atMost(v.atLeast(x, -1076), 1025)
	n, _ := v.power(x, v.n(1), 0)
	r := v.times(pair{hi: v.sub(x, n), short: true}, pair{hi: v.n(ln2Hi), lo: v.n(ln2Lo)})
	e := v.expm1Near(r)
	return v.scale64(v.add(v.n(1), v.add(e.hi, e.lo)), n)
}

// tanh64 is the hyperbolic tangent: with e = e^2|x| - 1 it is e/(e + 2).
func (v num) tanh64(x asm.Arg) asm.Arg {
	a := v.atMost(v.abs(x), 22)
	m := v.expm1Parts(pair{hi: v.add(a, a), short: true})
	pow := v.pow64(m.n)
	s := v.sum(v.sub(pow, v.n(1)), v.mul(pow, m.hi))
	e := v.quick(s.hi, v.fma(pow, m.lo, s.lo))
	return v.signed(v.over(e, v.plus(e, v.n(2))), x)
}

// sigmoid64 is 1/(1 + e^-x), as E/(1 + E) with E = e^x left of 0, scaled last.
func (v num) sigmoid64(x asm.Arg) asm.Arg {
	e := v.expParts64(pair{hi: v.neg(v.atMost(v.abs(x), 746)), short: true})
	left := v.is("lt", x, v.n(0))
	num := pair{hi: v.sel(left, e.hi, v.n(1)), lo: v.sel(left, e.lo, v.n(0))}
	return v.scale64(v.over(num, v.onePlus(e)), v.sel(left, e.n, v.n(0)))
}

// onePlus is 1 + e for e at most 1.
func (v num) onePlus(e scaled64) pair {
	pow := v.pow64(v.atLeast(e.n, -1000)) // below the sum is 1 in any case
	s := v.quick(v.n(1), v.mul(e.hi, pow))
	return v.quick(s.hi, v.fma(e.lo, pow, s.lo))
}

// silu64 is x·sigmoid(x).
func (v num) silu64(x asm.Arg) asm.Arg {
	y := v.atMost(v.atLeast(x, -760), 760)
	e := v.expParts64(pair{hi: v.neg(v.abs(y)), short: true})
	left := v.is("lt", y, v.n(0))
	num := v.times(pair{hi: v.sel(left, e.hi, v.n(1)), lo: v.sel(left, e.lo, v.n(0))}, pair{hi: y, short: true})
	q := v.scale64(v.over(num, v.onePlus(e)), v.sel(left, e.n, v.n(0)))
	return v.signed(v.sel(v.is("lt", x, v.n(100)), q, x), x) // the zeros' signs are theirs
}

// softplus64 is ln(1 + e^x), as max(x, 0) + ln(1 + E) with E = e^-|x|.
func (v num) softplus64(x asm.Arg) asm.Arg {
	e := v.expParts64(pair{hi: v.neg(v.atMost(v.abs(x), 746)), short: true})
	pow := v.pow64(v.atLeast(e.n, -1000))
	E := pair{hi: v.mul(e.hi, pow), lo: v.mul(e.lo, pow)}
	// ln(1 + E) = 2·artanh s with s = E/(2 + E); (2·artanh s - 2s)/s³ in s²: error of the logarithm 2^-64.50.
	den := v.plus(E, v.n(2))
	s := v.quotient(E, den)
	z := v.mul(s.hi, s.hi)
	p := v.poly(z, minimax.Softplus64...)
	rest := v.fma(v.mul(s.hi, z), p, v.add(s.lo, s.lo))
	twice := v.add(s.hi, s.hi)
	t := v.sum(v.atLeast(x, 0), twice)
	y := v.add(t.hi, v.add(t.lo, rest))
	// Far left it is E, which is subnormal in the end.
	y = v.sel(v.is("lt", x, v.n(-40)), v.scale64(e.hi, e.n), y)
	return v.sel(v.is("lt", x, v.n(100)), y, x)
}

// tail is Φ(-a)·e^(a²/2)·(a + 6) for a from 0 to 39, Φ being the normal distribution's.
func (v num) tail(a asm.Arg) pair {
	// In w = (a - 6)/(a + 6).
	w := v.quotient(v.sum(a, v.n(-6)), v.sum(a, v.n(6)))
	// Error 2^-58; the last two steps as pairs. By its slope, to 2^-18, it makes good what w has beyond a float64.
	p := v.poly(w.hi, minimax.Tail64...)
	y := v.plus(v.product(p, w.hi), v.n(-0x1.66eaa7d09640fp-1))
	y.lo = v.add(y.lo, v.n(0x1.27dd1bbe69fa3p-55))
	y = v.times(y, pair{hi: w.hi, short: true})
	y = v.plus(y, v.n(0x1.8e010d2b8a0eap-1))
	y.lo = v.add(y.lo, v.n(-0x1.d2dcbbbe63ea0p-55))
	slope := v.poly(w.hi, minimax.TailSlope64...)
	return v.quick(y.hi, v.fma(w.lo, slope, y.lo))
}

// erf64 is the error function: 1 - erfc|x|, and where that would cancel a polynomial.
func (v num) erf64(x asm.Arg) asm.Arg {
	a := v.atMost(v.abs(x), 6)
	// erfc a = 2Φ(-b) with b = a·√2, and e^-a².
	b := v.mul(a, v.n(0x1.6a09e667f3bcdp+0))
	t := v.tail(b)
	square := v.product(a, a)
	e := v.expParts64(pair{hi: v.neg(square.hi), lo: v.neg(square.lo)})
	c := v.quotient(v.times(e.pair, t), v.sum(b, v.n(6)))
	pow := v.pow64(v.add(e.n, v.n(1)))
	d := v.quick(v.n(1), v.neg(v.mul(c.hi, pow)))
	large := v.add(d.hi, v.fma(v.neg(c.lo), pow, d.lo))
	// x + x·p(x²) for |x| ≤ 0.55: error 2^-56.33.
	p := v.poly(v.mul(a, a), minimax.Erf64...)
	small := v.fma(a, p, a)
	return v.signed(v.sel(v.is("lt", a, v.n(0.55)), small, large), x)
}

// gelu64 is x·Φ(x), right of 0 x - x·Φ(-x), scaled last.
func (v num) gelu64(x asm.Arg) asm.Arg {
	y := v.atMost(v.atLeast(x, -39), 39)
	a := v.abs(y)
	square := v.product(a, a)
	e := v.expParts64(pair{hi: v.mul(square.hi, v.n(-0.5)), lo: v.mul(square.lo, v.n(-0.5))})
	q := v.quotient(v.times(e.pair, v.tail(a)), v.sum(a, v.n(6)))
	q = v.times(q, pair{hi: y, short: true}) // y·Φ(-a)·2^-n
	pow := v.pow64(v.atLeast(e.n, -1000))
	s := v.sum(y, v.neg(v.mul(q.hi, pow)))
	right := v.add(s.hi, v.fma(v.neg(q.lo), pow, s.lo))
	r := v.sel(v.is("lt", y, v.n(0)), v.scale64(q.hi, e.n), right)
	return v.signed(v.sel(v.is("lt", x, v.n(39)), r, x), x) // the zeros' signs are theirs
}

// anyParts is parts for subnormal a too.
func (v num) anyParts(a asm.Arg) (m, e asm.Arg) {
	small := v.is("lt", a, v.n(0x1p-1022))
	m, e = v.parts(v.sel(small, v.mul(a, v.n(0x1p54)), a))
	return m, v.add(e, v.sel(small, v.n(-54), v.n(0)))
}

// log64 is the natural or the binary logarithm. With m = 1 + f and s = f/(2 + f) the logarithm of m is 2·artanh s, which
// is f - f²/2 + s·(f²/2 + r(s²)·s²).
func (v num) log64(x asm.Arg, binary bool) asm.Arg {
	m, e := v.anyParts(x)
	f := v.sub(m, v.n(1))
	s := v.div(f, v.add(f, v.n(2)))
	z := v.mul(s, s)
	half := v.mul(v.mul(f, f), v.n(0.5))
	// (2·artanh s - 2s)/s³: error of the logarithm 2^-59.49.
	p := v.poly(z, minimax.Log64...)
	t := v.mul(s, v.fma(z, p, half))
	var y asm.Arg
	if binary {
		// f - f²/2 with 21 bits, whose product with the upper part of log2 e is exact, and the rest.
		hi := v.and(v.sub(f, half), v.i(-1<<32))
		lo := v.add(v.sub(v.sub(f, hi), half), t)
		const upper, lower = 0x1.71547652p+0, 0x1.705fc2eefa2p-33
		a := v.mul(hi, v.n(upper))
		b := v.fma(hi, v.n(lower), v.mul(lo, v.n(math.Log2E)))
		w := v.sum(e, a)
		y = v.add(w.hi, v.add(w.lo, b))
	} else {
		const lower = ln2Part1 + ln2Part2
		y = v.sub(half, v.fma(e, v.n(lower), t))
		y = v.fma(e, v.n(ln2Part0), v.sub(f, y))
	}
	return v.logSpecial(x, y)
}

// logPair is the natural logarithm of a > 0 to 2^-65 of itself; of 0 and inf it is anything finite.
func (v num) logPair(a asm.Arg) pair {
	m, e := v.anyParts(a)
	f := v.sub(m, v.n(1))
	s := v.quotient(pair{hi: f, short: true}, v.sum(m, v.n(1)))
	z := v.times(s, s)
	// ln m = 2s + (2/3)·s³ + s⁵·p(s²): error 2^-73.48.
	p := v.poly(z.hi, minimax.LogPair64...)
	cube := v.times(s, z)
	third := v.times(cube, pair{hi: v.n(2. / 3), lo: v.n(0x1.5555555555555p-55)})
	last := v.mul(v.mul(cube.hi, z.hi), p)
	t := v.quick(v.add(s.hi, s.hi), third.hi)
	lo := v.add(v.add(t.lo, v.add(s.lo, s.lo)), v.add(third.lo, last))
	near := v.quick(t.hi, lo)
	// The whole powers of two.
	w := v.sum(v.mul(e, v.n(ln2Part0)), near.hi)
	x := v.sum(w.hi, v.mul(e, v.n(ln2Part1)))
	return v.quick(x.hi, v.add(x.lo, v.add(w.lo, v.fma(e, v.n(ln2Part2), near.lo))))
}

// pow64x is x^y.
func (v num) pow64x(x, y asm.Arg) asm.Arg {
	a := v.abs(x)
	l := v.logPair(a)
	// Of so large a y all powers but those of 1 overflow or vanish.
	b := v.atMost(v.atLeast(y, -0x1p80), 0x1p80)
	t := v.times(l, pair{hi: b, short: true})
	far := v.is("gt", v.abs(t.hi), v.n(900))
	t.lo = v.sel(far, v.n(0), t.lo)
	t.hi = v.atMost(v.atLeast(t.hi, -900), 900)
	e := v.expParts64(t)
	r := v.scale64(e.hi, e.n)
	up := v.is("gt", y, v.n(0))
	zero, inf := v.n(0), v.n(math.Inf(1))
	r = v.sel(v.is("eq", a, zero), v.sel(up, zero, inf), r)
	r = v.sel(v.is("eq", a, inf), v.sel(up, inf, zero), r)
	return v.powSpecial(x, y, r)
}
