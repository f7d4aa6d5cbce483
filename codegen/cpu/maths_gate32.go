package cpu

import (
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/codegen/internal/minimax"
)

// sigmoid32 is 1/(1 + e^-x). With E = e^-|x| and s = E/(1 + E) it is 1 - s, left of 0 E - E·s, which rounds less than s.
func (v fv) sigmoid32(x llx.Value) llx.Value {
	p := v.expBelow32(v.FNeg(v.atMost(v.abs(x), 105)))
	e := v.scale32(p.p, p)
	s := v.FDiv(e, v.FAdd(e, v.n(1)))
	t := v.Select(v.FCmp("olt", x, v.n(0)), e, v.n(1))
	return v.fma(v.FNeg(t), s, t)
}

// silu32 is x·sigmoid(x), x/(1 + E) or left of 0 x·E/(1 + E). That is scaled last, as E is subnormal where the result is not.
func (v fv) silu32(x llx.Value) llx.Value {
	if !v.level.FMA {
		d := fv{v.unit, f64Class, v.lanes}
		y := d.atLeast(d.FPExt(x, d.floats()), -700)
		e := d.exp2Near64(d.atLeast(d.FMul(y, d.n(-log2e64)), -1000))
		return v.FPTrunc(d.FDiv(y, d.FAdd(e, d.n(1))), v.floats())
	}
	x = v.atLeast(x, -120)
	p := v.expBelow32(v.FNeg(v.atMost(v.abs(x), 120)))
	e := v.scale32(p.p, p)
	den := v.FAdd(e, v.n(1))
	left := v.FCmp("olt", x, v.n(0))
	// What the sum has lost makes good what x·E gains, all of it where E is small; x·E rounds once.
	lost := v.FSub(e, v.FSub(den, v.n(1)))
	t := v.fma(p.q, p.r, v.FNeg(v.FMul(lost, p.p)))
	y := v.FDiv(v.Select(left, v.fma(x, t, x), x), den)
	return v.Select(left, v.scale32(y, p), y)
}

// softplus32 is ln(1 + e^x), as max(x, 0) + ln(1 + E) with E = e^-|x|.
func (v fv) softplus32(x llx.Value) llx.Value {
	d, y, a := v, x, v.atMost(v.abs(x), 105)
	var e llx.Value
	if v.level.FMA {
		s := v.expBelow32(v.FNeg(a))
		e = v.scale32(s.p, s)
	} else {
		d = fv{v.unit, f64Class, v.lanes}
		y = d.FPExt(x, d.floats())
		e = d.exp2Near64(d.FMul(d.FPExt(a, d.floats()), d.n(-log2e64)))
	}
	// (ln(1 + E) - E)/E² for E from 0 to 1: error of the logarithm 2^-27.50.
	p := d.poly(e, minimax.Softplus32...)
	z := d.FAdd(d.fma(d.FMul(e, e), p, e), d.atLeast(y, 0))
	if v.level.FMA {
		return z
	}
	return v.FPTrunc(z, v.floats())
}
