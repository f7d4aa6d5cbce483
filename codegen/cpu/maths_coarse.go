package cpu

import "github.com/tilec/tilec/codegen/internal/llx"

// coarseError bounds the relative error of exp2Coarse.
const coarseError = 0x1p-13

// exp2Coarse is 2^x of lanes of f32 with a relative error below coarseError, exact at 0, for values that are rounded to at
// most 11 bits (bf16, f16, the f8 types) and used for nothing else. NaN stays, -inf gives 0. Below 2^-125 the result may be
// 0 instead.
func (u *unit) exp2Coarse(x llx.Value, lanes int) llx.Value {
	v := fv{u, f32Class, lanes}
	if v.level.AVX512 {
		// 2^f for f from 0 to 1: error 2^-13.51.
		f := v.x86("reduce", x, llx.C32(1), nil)
		return v.scalef(v.poly(f, 1, 0x1.63e658p-1, 0x1.d2379cp-3, 0x1.3baa88p-4), x)
	}
	x = v.atMost(v.atLeast(x, -126), 129)
	// Half of the power, as that of the largest results is none; of -126 it is 0.
	k, pow := v.powerUp(x, v.n(1), -1)
	// 2·2^f for |f| ≤ 1/2: error 2^-13.27.
	p := v.poly(v.FSub(x, k), 2, 2*0x1.62f5fap-1, 2*0x1.f00c48p-3, 2*0x1.c2a246p-5)
	return v.FMul(p, pow)
}
