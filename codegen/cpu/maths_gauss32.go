package cpu

import "github.com/tilec/tilec/codegen/internal/llx"

// erf32 is the error function: 1 - erfc|x|, and where that would cancel a polynomial.
func (v fv) erf32(x llx.Value) llx.Value {
	a := v.atMost(v.abs(x), 3.93)
	// -log2 erfc for a from 0.48 on: an error of erf of 2^-27.68.
	t := v.poly(a, 0x1.b8d904p-15, -0x1.a0de98p+0, -0x1.d540aep-1, -0x1.386f64p-3, 0x1.11d678p-5, -0x1.37cc22p-8, 0x1.527642p-12)
	large := v.FSub(v.n(1), v.exp2Near32(t))
	// x + x·p(x²) for |x| ≤ 0.5: error 2^-29.34.
	z := v.FMul(a, a)
	p := v.poly(z, 0x1.06eba8p-3, -0x1.812734p-2, 0x1.ce2544p-4, -0x1.b66846p-6, 0x1.35465ep-8)
	small := v.fma(a, p, a)
	return v.signed(v.Select(v.FCmp("olt", a, v.n(0.48)), small, large), x)
}

// gelu32 is x·Φ(x). What is left of 0, the product of a steep and a flat function, takes more bits than f32 has.
func (v fv) gelu32(x llx.Value) llx.Value {
	d := fv{v.unit, f64Class, v.lanes}
	y := d.atLeast(d.FPExt(x, d.floats()), -14.5) // where the result rounds to 0
	a := d.atMost(d.abs(y), 14.5)
	e := d.exp2Near64(d.FMul(d.FMul(a, a), d.n(-log2e64/2)))
	// Φ(-a)·e^(a²/2)·(a + 4) in w = (a - 4)/(a + 4): error 2^-29.60.
	over := d.FDiv(d.n(1), d.FAdd(a, d.n(4)))
	p := d.poly(d.FMul(d.FSub(a, d.n(4)), over), 0x1.82b4bb92fb06fp-1, -0x1.373e3accfbcdcp-1, 0x1.8c6db9ad23963p-2, -0x1.7dff030c0d808p-3,
		0x1.eec8196c06d44p-5, -0x1.ee552b6b72421p-8, -0x1.c99cf19be99a5p-9, 0x1.ad2969343f450p-10, 0x1.668f57cbc2586p-13,
		-0x1.d1bfc663573c1p-13, -0x1.84c76dc35c973p-15)
	q := d.FMul(d.FMul(e, over), p) // Φ(-a)
	q = d.Select(d.FCmp("olt", y, d.n(0)), q, d.FSub(d.n(1), q))
	return v.FPTrunc(d.FMul(y, q), v.floats())
}
