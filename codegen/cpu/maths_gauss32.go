package cpu

import (
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/codegen/internal/minimax"
)

// erf32 is the error function: 1 - erfc|x|, and where that would cancel a polynomial.
func (v fv) erf32(x llx.Value) llx.Value {
	a := v.atMost(v.abs(x), 3.93)
	// -log2 erfc for a from 0.48 on: an error of erf of 2^-27.68.
	t := v.poly(a, minimax.Erfc32...)
	large := v.FSub(v.n(1), v.exp2Near32(t))
	// x + x·p(x²) for |x| ≤ 0.5: error 2^-29.34.
	z := v.FMul(a, a)
	p := v.poly(z, minimax.Erf32...)
	small := v.fma(a, p, a)
	return v.signed(v.Select(v.FCmp("olt", a, v.n(0.48)), small, large), x)
}

// gelu32 is x·Φ(x) = max(x, 0) - |x|·Φ(-|x|). The latter, the product of a steep and a flat function, takes more bits than
// f32 has.
func (v fv) gelu32(x llx.Value) llx.Value {
	d := fv{v.unit, f64Class, v.lanes}
	a := d.FPExt(v.atMost(v.abs(x), 14.5), d.floats()) // where that rounds to 0
	e := d.exp2Near64(d.FMul(d.FMul(a, d.n(-log2e64/2)), a))
	// Φ(-a)·e^(a²/2)·(a + 3.5) in w = (a - 3.5)/(a + 3.5): error 2^-27.05.
	over := d.FDiv(d.n(1), d.FAdd(a, d.n(3.5)))
	p := d.poly(d.FMul(d.FSub(a, d.n(3.5)), over), 0x1.7d241a8a1aa86p-1, -0x1.21914f1e1dfdfp-1, 0x1.42fec8b117b7ap-2, -0x1.db5a6ee0bfa7fp-4,
		0x1.1d2fa557402bdp-6, 0x1.a98864771dc38p-8, -0x1.a031da5efe92bp-9, -0x1.037e24a6c4e96p-11, 0x1.ba65784742901p-12, 0x1.d046078cc6ae9p-14)
	q := d.FMul(d.FMul(a, over), d.FMul(p, e))
	y := v.FSub(v.atLeast(x, 0), v.FPTrunc(q, v.floats()))
	return v.signed(y, x) // the zeros' signs are theirs
}
