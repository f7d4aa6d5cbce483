package emit

import (
	"math"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
)

// isFast reports whether a function's schedule has the word fast, which allows the hardware's approximations.
func isFast(fn *ir.Func) bool {
	for _, b := range fn.Binds {
		if b.Name == "fast" {
			return true
		}
	}
	return false
}

// fast are the functions of f32 by the hardware's approximations. Subnormal results of powers are 0. Reciprocals are computed
// once for all that is divided by the same. tanh.approx, with 11 bits, is not among them.
func (v num) fast(code ir.Code, x []asm.Arg) (y asm.Arg, ok bool) {
	power := func(x asm.Arg) asm.Arg { return v.pure("ex2.approx.ftz", x) }
	recip := func(x asm.Arg) asm.Arg { return v.pure("rcp.approx", x) }
	// e^x, which is 0 below -87 and infinite above 88.
	exp := func(x asm.Arg) asm.Arg { return power(v.mul(x, v.n(log2e64))) }
	switch code {
	case ir.Exp:
		return exp(x[0]), true
	case ir.Exp2:
		return power(x[0]), true
	case ir.Div:
		if _, known := x[1].FloatBits(); known {
			return y, false
		}
		return v.mul(x[0], recip(x[1])), true
	case ir.Recip:
		return recip(x[0]), true
	case ir.Sqrt:
		return v.pure("sqrt.approx", x[0]), true
	case ir.Rsqrt:
		return v.pure("rsqrt.approx", x[0]), true
	case ir.Sigmoid:
		return recip(v.add(exp(v.neg(x[0])), v.n(1))), true
	case ir.Silu: // of -inf the product is NaN
		s := v.mul(x[0], recip(v.add(exp(v.neg(x[0])), v.n(1))))
		return v.sel(v.is("eq", x[0], v.n(math.Inf(-1))), v.n(math.Copysign(0, -1)), s), true
	}
	return y, false
}
