package cpu

import (
	"math"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/codegen/internal/minimax"
)

// log32 is the natural or the binary logarithm.
func (v fv) log32(x llx.Value, binary bool) llx.Value {
	var m, e llx.Value // x = m·2^e, m from 3/4 to 3/2
	if v.level.AVX512 {
		// Of 0 and inf e is infinite and m is ±1, of negative numbers m is NaN.
		m = v.x86("getmant", x, llx.C32(0b1011), nil)
		e = v.FSub(v.x86("getexp", x, nil), v.x86("getexp", m, nil))
	} else {
		small := v.FCmp("olt", x, v.n(0x1p-126))
		y := v.bits(v.Select(small, v.FMul(x, v.n(0x1p23)), x))
		d := v.Sub(y, v.i(0x3f400000))
		m = v.float(v.Sub(y, v.And(d, v.i(-1<<23))))
		e = v.SIToFP(v.AShr(d, v.i(23)), v.floats())
		e = v.FAdd(e, v.Select(small, v.n(-23), v.n(0)))
	}
	f := v.FSub(m, v.n(1))
	// ln(1 + f) = f + f²·q for f from -1/4 to 1/2: error 2^-27.59.
	q := v.poly(f, minimax.Log32...)
	q = v.FMul(v.FMul(f, f), q)
	var y llx.Value
	if binary {
		// f·log2e as f and less than half of f; e + f is exact where the sum cancels.
		y = v.FAdd(v.FAdd(e, f), v.fma(f, v.n(math.Log2E-1), v.FMul(q, v.n(log2e32))))
	} else {
		y = v.fma(e, v.n(ln2Hi32), v.FAdd(f, v.fma(e, v.n(ln2Lo32), q)))
	}
	if v.level.AVX512 {
		return y
	}
	// Infinity and NaN stay; 0 and what is below it are special.
	y = v.Select(v.FCmp("olt", x, v.n(math.Inf(1))), y, x)
	y = v.Select(v.FCmp("oeq", x, v.n(0)), v.n(math.Inf(-1)), y)
	return v.Select(v.FCmp("olt", x, v.n(0)), v.n(math.NaN()), y)
}
