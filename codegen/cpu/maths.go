package cpu

import (
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
)

// This file and the others named maths*.go are the language's functions as straight-line vector code, within two units in
// the last place of the lanes' type everywhere (docs/numerics.md has what was measured).
//
// The polynomials are minimax fits of the stated degree, made by Remez's exchange in 60 digits; their coefficients are
// rounded from the lowest power up, each time fitting those that are left again. Errors given beside them are relative,
// unless said otherwise.

// math is a function of lanes of floats, of the class's type; nil of a code that is none of them. Its operands have the given
// number of lanes.
func (u *unit) math(code ir.Code, x []llx.Value, c class, lanes int) llx.Value {
	v := fv{u, c, lanes}
	if c == f64Class {
		return v.math64(code, x)
	}
	return v.math32(code, x)
}

func (v fv) math32(code ir.Code, x []llx.Value) llx.Value {
	switch code {
	case ir.Exp:
		return v.exp32(x[0])
	case ir.Exp2:
		return v.exp2x32(x[0])
	case ir.Log:
		return v.log32(x[0], false)
	case ir.Log2:
		return v.log32(x[0], true)
	case ir.Tanh:
		return v.tanh32(x[0])
	case ir.Sin:
		return v.circle32(x[0], 0)
	case ir.Cos:
		return v.circle32(x[0], 1)
	case ir.Erf:
		return v.erf32(x[0])
	case ir.Sigmoid:
		return v.sigmoid32(x[0])
	case ir.Gelu:
		return v.gelu32(x[0])
	case ir.Silu:
		return v.silu32(x[0])
	case ir.Softplus:
		return v.softplus32(x[0])
	case ir.Pow:
		return v.pow32(x[0], x[1])
	}
	return nil
}

func (v fv) math64(code ir.Code, x []llx.Value) llx.Value {
	switch code {
	case ir.Exp:
		return v.exp64(x[0])
	case ir.Exp2:
		return v.exp2x64(x[0])
	case ir.Log:
		return v.log64(x[0], false)
	case ir.Log2:
		return v.log64(x[0], true)
	case ir.Sin:
		return v.circle64(x[0], 0)
	case ir.Cos:
		return v.circle64(x[0], 1)
	case ir.Tanh:
		return v.tanh64(x[0])
	case ir.Erf:
		return v.erf64(x[0])
	case ir.Sigmoid:
		return v.sigmoid64(x[0])
	case ir.Gelu:
		return v.gelu64(x[0])
	case ir.Silu:
		return v.silu64(x[0])
	case ir.Softplus:
		return v.softplus64(x[0])
	case ir.Pow:
		return v.pow64x(x[0], x[1])
	}
	return nil
}
