package emit

import (
	"math"

	"github.com/tilec/tilec/codegen/internal/minimax"
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
)

// This file and the others named math*.go are the language's functions, within two units in the last place. Their schemes
// and coefficients are those of the CPU's (codegen/cpu/maths.go), minimax fits; the errors beside them are relative.
//
// Of the hardware's approximations ex2.approx.f32 alone is within the bound by itself (PTX ISA: 2 ulp, over all
// arguments, subnormal results included). Where rcp.approx and rsqrt.approx begin a Newton step, what they lack does not matter.

// math32 are the functions of f32 that round more than once.
func (v num) math32(e *emitter, code ir.Code, x []asm.Arg) (y asm.Arg, ok bool) {
	switch code {
	case ir.Exp:
		return v.exp32(x[0]), true
	case ir.Exp2:
		return v.pure("ex2.approx", x[0]), true
	case ir.Log:
		return v.log32(x[0], false), true
	case ir.Log2:
		return v.log32(x[0], true), true
	case ir.Sin:
		return v.circle32(e, x[0], 0), true
	case ir.Cos:
		return v.circle32(e, x[0], 1), true
	case ir.Tanh:
		return v.tanh32(x[0]), true
	case ir.Erf:
		return v.erf32(x[0]), true
	case ir.Sigmoid:
		return v.sigmoid32(x[0]), true
	case ir.Gelu:
		return v.gelu32(x[0]), true
	case ir.Silu:
		return v.silu32(x[0]), true
	case ir.Softplus:
		return v.softplus32(x[0]), true
	case ir.Pow:
		return v.pow32(x[0], x[1]), true
	case ir.Rsqrt:
		return v.rsqrt32(x[0]), true
	}
	return y, false
}

// ln 2 as a sum of two, the first of which has 16 bits: its product with a whole number of 8 bits is exact.
const (
	ln2Hi32 = 0x1.62e4p-1
	ln2Lo32 = 0x1.7f7d1cp-20
	log2e32 = 0x1.715476p0
	log2e64 = 0x1.71547652b82fep+0
)

// rounder is what rounds a number to a whole one that is added to it, in the low bits of the sum.
func (v num) rounder() float64 {
	if v.wide() {
		return 3 << 51
	}
	return 3 << 22
}

// power is x·scale + something turned into a whole number k: k as a float, and 2^(k + up), for |k| so small that this is
// a normal number.
func (v num) power(x, scale asm.Arg, up float64) (k, pow asm.Arg) {
	man, bias := 23, 127.0
	if v.wide() {
		man, bias = 52, 1023
	}
	// The number's low bits are k and the exponent's bias: shifted up they are the power.
	big := v.n(v.rounder() + bias + up)
	t := v.fma(x, scale, big)
	return v.sub(t, big), v.shl(t, man)
}

// rsqrt32 is 1/√x: a step of Newton's, but where x is 0, infinite or NaN.
func (v num) rsqrt32(x asm.Arg) asm.Arg {
	y := v.pure("rsqrt.approx", x)
	rest := v.fma(v.neg(v.mul(x, y)), y, v.n(1))
	near := v.fma(v.mul(y, v.n(0.5)), rest, y)
	return v.sel(v.is("lt", v.abs(rest), v.n(1)), near, y)
}

// ratio is x/y within a hair of half an ulp, for y from 1 to 2^100.
func (v num) ratio(x, y asm.Arg) asm.Arg {
	r := v.pure("rcp.approx", y)
	q := v.mul(x, r)
	return v.fma(v.fma(v.neg(q), y, x), r, q)
}

// exp32 is e^x.
func (v num) exp32(x asm.Arg) asm.Arg {
	x = v.atMost(v.atLeast(x, -105), 90)
	n, pow := v.power(x, v.n(log2e32/2), 0)
	// e^r for |r| ≤ ln 2: error 2^-26.04.
	r := v.fma(n, v.n(-2*ln2Lo32), v.fma(n, v.n(-2*ln2Hi32), x))
	p := v.poly(r, 1, 1, 0x1.00000cp-1, 0x1.555514p-3, 0x1.5549eep-5, 0x1.1126dap-7, 0x1.71bf8ap-10, 0x1.9bb096p-13)
	return v.mul(v.mul(p, pow), pow)
}

// scaled32 is a number as p times a power of two, to be scaled when all else is done, so that what is subnormal is rounded
// once.
type scaled32 struct {
	p, q, r asm.Arg // p is 1 + q·r
	pow     asm.Arg // 2^64 times the power
}

// scale32 scales y by the number's power of two.
func (v num) scale32(y asm.Arg, s scaled32) asm.Arg { return v.mul(v.mul(y, s.pow), v.n(0x1p-64)) }

// expBelow32 is e^x for x from -125 to 0, or NaN, before it is scaled.
func (v num) expBelow32(x asm.Arg) scaled32 {
	var s scaled32
	var n asm.Arg
	n, s.pow = v.power(x, v.n(log2e32), 64) // a normal number
	s.r = v.fma(n, v.n(-ln2Lo32), v.fma(n, v.n(-ln2Hi32), x))
	// e^r as 1 + q·r for |r| ≤ ln 2/2: error 2^-28.25.
	s.q = v.poly(s.r, minimax.Exp32...)
	s.p = v.fma(s.q, s.r, v.n(1))
	return s
}

// exp2Near32 is 2^x for -126 ≤ x ≤ 0.
func (v num) exp2Near32(x asm.Arg) asm.Arg {
	k, pow := v.power(x, v.n(1), 0)
	// 2^f for |f| ≤ 1/2: error 2^-28.32.
	p := v.poly(v.sub(x, k), 1, 0x1.62e430p-1, 0x1.ebfbdcp-3, 0x1.c6af7cp-5, 0x1.3b2de0p-7, 0x1.5f082ep-10, 0x1.416b60p-13)
	return v.mul(p, pow)
}

// exp2Near64 is 2^x in f64 for |x| ≤ 1000, for a result of f32: error 2^-29.
func (v num) exp2Near64(x asm.Arg) asm.Arg {
	k, pow := v.power(x, v.n(1), 0)
	p := v.poly(v.sub(x, k), 0x1.000000026116ep+0, 0x1.62e430c7eb277p-1, 0x1.ebfbdadd3388fp-3, 0x1.c6aed4b826311p-5,
		0x1.3b2dbb7181d86p-7, 0x1.5f456aadf5e74p-10, 0x1.41d36374bb26cp-13)
	return v.mul(p, pow)
}

// log32 is the natural or the binary logarithm.
func (v num) log32(x asm.Arg, binary bool) asm.Arg {
	// x = m·2^e, m from 3/4 to 3/2
	small := v.is("lt", x, v.n(0x1p-126))
	y := v.sel(small, v.mul(x, v.n(0x1p23)), x)
	d := v.isub(y, v.i(0x3f400000))
	m := v.isub(y, v.and(d, v.i(-1<<23)))
	e := asm.R(v.b.Pure("cvt.rn.f32.s32", asm.W, v.sar(d, 23)))
	e = v.add(e, v.sel(small, v.n(-23), v.n(0)))
	f := v.sub(m, v.n(1))
	// ln(1 + f) = f + f²·q for f from -1/4 to 1/2: error 2^-27.59.
	q := v.poly(f, minimax.Log32...)
	q = v.mul(v.mul(f, f), q)
	if binary {
		// f·log2e as f and less than half of f; e + f is exact where the sum cancels.
		y = v.add(v.add(e, f), v.fma(f, v.n(math.Log2E-1), v.mul(q, v.n(log2e32))))
	} else {
		y = v.fma(e, v.n(ln2Hi32), v.add(f, v.fma(e, v.n(ln2Lo32), q)))
	}
	return v.logSpecial(x, y)
}

// logSpecial is the logarithm of x, which is y for finite x above 0.
func (v num) logSpecial(x, y asm.Arg) asm.Arg {
	// Infinity and NaN stay; 0 and what is below it are special.
	y = v.sel(v.is("lt", x, v.n(math.Inf(1))), y, x)
	y = v.sel(v.is("eq", x, v.n(0)), v.n(math.Inf(-1)), y)
	return v.sel(v.is("lt", x, v.n(0)), v.n(math.NaN()), y)
}

// tanh32 is the hyperbolic tangent: 1 - 2/(1 + e^2|x|), and where that would cancel a polynomial.
func (v num) tanh32(x asm.Arg) asm.Arg {
	a := v.atMost(v.abs(x), 9.1)
	n, pow := v.power(a, v.n(2*log2e32), 0)
	r := v.fma(n, v.n(-0x1.62e43p-2), a)
	// e^2r for 2|r| ≤ ln 2/2: error 2^-23.38, of which less than half remains.
	p := v.poly(r, 1, 2*0x1.fffff6p-1, 4*0x1.fffdc6p-2, 8*0x1.555a7ap-3, 16*0x1.573a20p-5, 32*0x1.0fa312p-7)
	large := v.sub(v.n(1), v.ratio(v.n(2), v.fma(pow, p, v.n(1))))
	// x + x³·q(x²) for |x| ≤ 0.625: error 2^-27.72.
	z := v.mul(a, a)
	q := v.poly(z, minimax.Tanh32...)
	small := v.fma(v.mul(q, z), a, a)
	return v.signed(v.sel(v.is("lt", a, v.n(0.625)), small, large), x)
}

// sigmoid32 is 1/(1 + e^-x). With E = e^-|x| and s = E/(1 + E) it is 1 - s, left of 0 E - E·s, which rounds less than s.
func (v num) sigmoid32(x asm.Arg) asm.Arg {
	p := v.expBelow32(v.neg(v.atMost(v.abs(x), 105)))
	e := v.scale32(p.p, p)
	s := v.ratio(e, v.add(e, v.n(1)))
	t := v.sel(v.is("lt", x, v.n(0)), e, v.n(1))
	return v.fma(v.neg(t), s, t)
}

// silu32 is x·sigmoid(x), x/(1 + E) or left of 0 x·E/(1 + E). That is scaled last, as E is subnormal where the result is not.
func (v num) silu32(x asm.Arg) asm.Arg {
	sign := x
	x = v.atLeast(x, -120)
	p := v.expBelow32(v.neg(v.atMost(v.abs(x), 120)))
	e := v.scale32(p.p, p)
	den := v.add(e, v.n(1))
	left := v.is("lt", x, v.n(0))
	// What the sum has lost makes good what x·E gains, all of it where E is small; x·E rounds once.
	lost := v.sub(e, v.sub(den, v.n(1)))
	t := v.fma(p.q, p.r, v.neg(v.mul(lost, p.p)))
	y := v.ratio(v.sel(left, v.fma(x, t, x), x), den)
	// Of inf the quotient is NaN.
	y = v.sel(v.is("eq", x, v.n(math.Inf(1))), x, y)
	return v.signed(v.sel(left, v.scale32(y, p), y), sign) // which the quotient of -0 has lost
}

// softplus32 is ln(1 + e^x), as max(x, 0) + ln(1 + E) with E = e^-|x|.
func (v num) softplus32(x asm.Arg) asm.Arg {
	s := v.expBelow32(v.neg(v.atMost(v.abs(x), 105)))
	e := v.scale32(s.p, s)
	// (ln(1 + E) - E)/E² for E from 0 to 1: error of the logarithm 2^-27.50.
	p := v.poly(e, minimax.Softplus32...)
	return v.add(v.fma(v.mul(e, e), p, e), v.atLeast(x, 0))
}

// erf32 is the error function: 1 - erfc|x|, and where that would cancel a polynomial.
func (v num) erf32(x asm.Arg) asm.Arg {
	a := v.atMost(v.abs(x), 3.93)
	// -log2 erfc for a from 0.48 on: an error of erf of 2^-27.68.
	t := v.poly(a, minimax.Erfc32...)
	large := v.sub(v.n(1), v.exp2Near32(t))
	// x + x·p(x²) for |x| ≤ 0.5: error 2^-29.34.
	z := v.mul(a, a)
	p := v.poly(z, minimax.Erf32...)
	small := v.fma(a, p, a)
	return v.signed(v.sel(v.is("lt", a, v.n(0.48)), small, large), x)
}

// gelu32 is x·Φ(x) = max(x, 0) - |x|·Φ(-|x|). The latter, the product of a steep and a flat function, takes more bits than
// f32 has.
func (v num) gelu32(x asm.Arg) asm.Arg {
	d := num{v.b, asm.D}
	a := v.widened(v.atMost(v.abs(x), 14.5)) // where that rounds to 0
	e := d.exp2Near64(d.mul(d.mul(a, d.n(-log2e64/2)), a))
	// Φ(-a)·e^(a²/2)·(a + 3.5) in w = (a - 3.5)/(a + 3.5): error 2^-27.05.
	over := d.pure("rcp.rn", d.add(a, d.n(3.5)))
	p := d.poly(d.mul(d.sub(a, d.n(3.5)), over), 0x1.7d241a8a1aa86p-1, -0x1.21914f1e1dfdfp-1, 0x1.42fec8b117b7ap-2, -0x1.db5a6ee0bfa7fp-4,
		0x1.1d2fa557402bdp-6, 0x1.a98864771dc38p-8, -0x1.a031da5efe92bp-9, -0x1.037e24a6c4e96p-11, 0x1.ba65784742901p-12, 0x1.d046078cc6ae9p-14)
	q := d.mul(d.mul(a, over), d.mul(p, e))
	y := v.sub(v.atLeast(x, 0), d.narrowed(q))
	return v.signed(y, x) // the zeros' signs are theirs
}

// widened is an f32 as an f64, narrowed an f64 rounded to f32.
func (v num) widened(x asm.Arg) asm.Arg  { return asm.R(v.b.Pure("cvt.f64.f32", asm.D, x)) }
func (v num) narrowed(x asm.Arg) asm.Arg { return asm.R(v.b.Pure("cvt.rn.f32.f64", asm.W, x)) }

// parts is a > 0 as m·2^e with m from √½ to √2, in f64 and for normal a. Of 0 and inf it is anything finite.
func (v num) parts(a asm.Arg) (m, e asm.Arg) {
	d := v.isub(a, v.bitsOf(math.Sqrt2/2))
	m = v.isub(a, v.and(d, v.i(-1<<52)))
	return m, asm.R(v.b.Pure("cvt.rn.f64.s32", asm.D, v.b.Narrow(v.sar(d, 52))))
}

// pow32 is x^y by way of f64.
func (v num) pow32(x, y asm.Arg) asm.Arg {
	d := num{v.b, asm.D}
	x, y = v.widened(x), v.widened(y)
	a := d.abs(x)
	m, e := d.parts(a)
	// log2 m = s·p(s²) with s = (m - 1)/(m + 1): error 2^-45.09.
	s := d.div(d.sub(m, d.n(1)), d.add(m, d.n(1)))
	p := d.poly(d.mul(s, s), 0x1.71547652b8250p+1, 0x1.ec709dc53e6d5p-1, 0x1.2776c290c0c58p-1, 0x1.a61a30e5e77b8p-2, 0x1.4794fa360a7adp-2,
		0x1.21b655bcbaa90p-2)
	l := d.fma(s, p, e)
	l = d.sel(d.is("eq", a, d.n(0)), d.n(math.Inf(-1)), l)
	l = d.sel(d.is("eq", a, d.n(math.Inf(1))), a, l)
	t := d.atMost(d.atLeast(d.mul(y, l), -500), 500)
	return v.narrowed(d.powSpecial(x, y, d.exp2Near64(t)))
}

// powSpecial is x^y, where r is |x|^y but for NaN operands and where y is 0 or |x| is 1.
func (v num) powSpecial(x, y, r asm.Arg) asm.Arg {
	p := v.b
	a, b := v.abs(x), v.abs(y)
	rint := func(x asm.Arg) asm.Arg { return v.pure("cvt.rni.f"+v.c.Suffix(), x) }
	infinite := v.is("eq", b, v.n(math.Inf(1)))
	whole := v.is("eq", rint(b), b)
	half := v.mul(b, v.n(0.5))
	odd := p.AndP(whole, v.is("ne", rint(half), half))
	below := v.isInt("lt", x, asm.Int(0)) // -0 too
	r = v.sel(p.AndP(below, odd), v.neg(r), r)
	// A finite negative x wants a whole y.
	negative := p.AndP(v.is("lt", x, v.n(0)), v.is("gt", x, v.n(math.Inf(-1))))
	wrong := p.AndP(negative, p.NotP(whole))
	r = v.sel(p.OrP(v.is("nan", x, y), wrong), v.n(math.NaN()), r)
	same := p.OrP(v.is("eq", y, v.n(0)), v.is("eq", x, v.n(1)))
	same = p.OrP(same, p.AndP(v.is("eq", a, v.n(1)), infinite))
	return v.sel(same, v.n(1), r)
}
