package cpu

import (
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/codegen/internal/minimax"
)

// ln 2 as a sum of two, the first of which has 16 bits: its product with a whole number of 8 bits is exact.
const (
	ln2Hi32 = 0x1.62e4p-1
	ln2Lo32 = 0x1.7f7d1cp-20
	log2e32 = 0x1.715476p0
)

// scaled32 is a number as p times a power of two, to be scaled when all else is done, so that what is subnormal is rounded
// once.
type scaled32 struct {
	p, q, r llx.Value // p is 1 + q·r
	// k is where AVX-512 scales: the power is 2^⌊k⌋. Elsewhere it is pow·post.
	k, pow, post llx.Value
}

// scale32 scales y by the number's power of two.
func (v fv) scale32(y llx.Value, s scaled32) llx.Value {
	if v.level.AVX512 {
		return v.scalef(y, s.k)
	}
	return v.FMul(v.FMul(y, s.pow), s.post)
}

// exp2x32 is 2^x.
func (v fv) exp2x32(x llx.Value) llx.Value {
	if v.level.AVX512 {
		// 2^f for f from 0 to 1: absolute error 2^-28.33. What is left of ±inf is 0.
		f := v.x86("reduce", x, llx.C32(1), nil) // less the whole number below
		p := v.poly(f, 1, 0x1.62e42ap-1, 0x1.ebfda8p-3, 0x1.c68320p-5, 0x1.3d3c44p-7, 0x1.456e00p-10, 0x1.c91d6ap-13)
		return v.scalef(p, x)
	}
	x = v.atMost(v.atLeast(x, -152), 128)
	k, pow := v.power(x, v.n(0.5))
	// 2^f for f from -1 to 1: error 2^-26.15.
	f := v.FSub(x, v.FAdd(k, k))
	p := v.poly(f, 1, 0x1.62e432p-1, 0x1.ebfbf8p-3, 0x1.c6af9cp-5, 0x1.3b1ff0p-7, 0x1.5dbec4p-10, 0x1.481b08p-13, 0x1.f4877ap-17)
	return v.scale32(p, scaled32{pow: pow, post: pow})
}

// exp32 is e^x.
func (v fv) exp32(x llx.Value) llx.Value {
	if v.level.AVX512 {
		n := v.Intrinsic("rint", v.floats(), v.FMul(x, v.n(log2e32)))
		// Of huge and infinite x the rest is anything, but of such n the power is 0 or inf. The lesser magnitude of it and 0.75:
		r := v.x86("range", v.expRest32(n, x), v.n(0.75), llx.C32(2), nil)
		p, _ := v.expNear32(r)
		return v.scalef(p, n)
	}
	x = v.atMost(v.atLeast(x, -105), 90)
	n, pow := v.power(x, v.n(log2e32/2))
	// e^r for |r| ≤ ln 2: error 2^-26.04.
	r := v.fma(n, v.n(-2*ln2Lo32), v.fma(n, v.n(-2*ln2Hi32), x))
	p := v.poly(r, 0x1.00000cp-1, 0x1.555514p-3, 0x1.5549eep-5, 0x1.1126dap-7, 0x1.71bf8ap-10, 0x1.9bb096p-13)
	if v.level.FMA {
		p = v.fma(v.fma(p, r, v.n(1)), r, v.n(1))
	} else { // r² times p rounds less than r times what is near 1
		p = v.FAdd(v.FAdd(v.FMul(v.FMul(r, r), p), r), v.n(1))
	}
	return v.FMul(v.FMul(p, pow), pow)
}

// expRest32 is x - n·ln 2.
func (v fv) expRest32(n, x llx.Value) llx.Value {
	return v.fma(n, v.n(-ln2Lo32), v.fma(n, v.n(-ln2Hi32), x))
}

// expNear32 is e^r as 1 + q·r for |r| ≤ ln 2/2: error 2^-28.25.
func (v fv) expNear32(r llx.Value) (p, q llx.Value) {
	q = v.poly(r, minimax.Exp32...)
	return v.fma(q, r, v.n(1)), q
}

// expBelow32 is e^x for x from -125 to 0, or NaN, before it is scaled.
func (v fv) expBelow32(x llx.Value) scaled32 {
	var s scaled32
	var n llx.Value
	if v.level.AVX512 {
		n = v.Intrinsic("rint", v.floats(), v.FMul(x, v.n(log2e32)))
		s.k = n
	} else {
		const up = 64 // keeps the power normal
		n, s.pow = v.powerUp(x, v.n(log2e32), up)
		s.post = v.n(0x1p-64)
	}
	s.r = v.expRest32(n, x)
	s.p, s.q = v.expNear32(s.r)
	return s
}

// tanh32 is the hyperbolic tangent: 1 - 2/(1 + e^2|x|), and where that would cancel a polynomial.
func (v fv) tanh32(x llx.Value) llx.Value {
	a := v.atMost(v.abs(x), 9.1)
	n, pow := v.power(a, v.n(2*log2e32))
	r := v.fma(n, v.n(-0x1.62e43p-2), a)
	// e^2r for 2|r| ≤ ln 2/2: error 2^-23.38, of which less than half remains.
	p := v.poly(r, 1, 2*0x1.fffff6p-1, 4*0x1.fffdc6p-2, 8*0x1.555a7ap-3, 16*0x1.573a20p-5, 32*0x1.0fa312p-7)
	large := v.FSub(v.n(1), v.FDiv(v.n(2), v.fma(pow, p, v.n(1))))
	// x + x³·q(x²) for |x| ≤ 0.625: error 2^-27.72.
	z := v.FMul(a, a)
	q := v.poly(z, minimax.Tanh32...)
	small := v.fma(v.FMul(q, z), a, a)
	return v.signed(v.Select(v.FCmp("olt", a, v.n(0.625)), small, large), x)
}
