package cpu

import "github.com/tilec/tilec/codegen/internal/llx"

// sigmoid32 is 1/(1 + e^-x). With E = e^-|x| and s = E/(1 + E) it is 1 - s, left of 0 E - E·s, which rounds less than s.
func (v fv) sigmoid32(x llx.Value) llx.Value {
	p, _ := v.expBelow32(v.FNeg(v.atMost(v.abs(x), 105)))
	e := v.scale32(p.p, p)
	s := v.FDiv(e, v.FAdd(e, v.n(1)))
	t := v.Select(v.FCmp("olt", x, v.n(0)), e, v.n(1))
	return v.fma(v.FNeg(t), s, t)
}

// silu32 is x·sigmoid(x). Left of 0 it is scaled last, as E is subnormal where the result is not.
func (v fv) silu32(x llx.Value) llx.Value {
	x = v.atLeast(x, -120)
	p, t := v.expBelow32(v.FNeg(v.atMost(v.abs(x), 120)))
	e := v.scale32(p.p, p)
	s := v.FDiv(e, v.FAdd(e, v.n(1)))
	left := v.FCmp("olt", x, v.n(0))
	y := v.Select(left, v.fma(x, t, x), x)
	y = v.fma(v.FNeg(y), s, y)
	if v.level.AVX512 {
		p.k = v.Select(left, p.k, v.n(0))
	} else {
		p.pow = v.Select(left, p.pow, v.n(0x1p64))
	}
	// Far right it is x, infinity too, and the zeros' signs are theirs.
	return v.signed(v.Select(v.FCmp("olt", x, v.n(100)), v.scale32(y, p), x), x)
}

// softplus32 is ln(1 + e^x), as max(x, 0) + ln(1 + e^-|x|).
func (v fv) softplus32(x llx.Value) llx.Value {
	s, _ := v.expBelow32(v.FNeg(v.atMost(v.abs(x), 105)))
	e := v.scale32(s.p, s)
	// (ln(1 + E) - E)/E² for E from 0 to 1: error of the logarithm 2^-27.50.
	p := v.poly(e, -0x1.ffffd2p-2, 0x1.554dd0p-2, -0x1.ff23e6p-3, 0x1.934b54p-3, -0x1.3a435ep-3, 0x1.b4ae08p-4, -0x1.d6b08cp-5,
		0x1.4917cep-6, -0x1.af49cep-9)
	return v.FAdd(v.fma(v.FMul(e, e), p, e), v.atLeast(x, 0))
}
