package emit

import (
	"math"
	"testing"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/maths"
)

// TestFast: with the word fast functions are within the relative errors that docs/numerics.md says, and take few instructions.
func TestFast(t *testing.T) {
	t.Parallel()
	at := func(ulps, slope float64) func(x float64) float64 {
		return func(x float64) float64 { return ulps*0x1p-23 + slope*0x1p-23*math.Abs(x) }
	}
	list := []struct {
		code         ir.Code
		f            func(x, y float64) float64
		bound        func(x float64) float64
		instructions int
	}{
		{ir.Exp, one(maths.Exp), at(2, 1), 2},
		{ir.Exp2, one(maths.Exp2), at(2, 0), 1},
		{ir.Sigmoid, one(maths.Sigmoid), at(4, 1), 5},
		{ir.Silu, one(maths.Silu), at(4, 1), 8},
		{ir.Rsqrt, one(func(x float64) float64 { return 1 / math.Sqrt(x) }), at(2, 0), 1},
		{ir.Sqrt, one(math.Sqrt), at(2, 0), 1},
		{ir.Recip, one(func(x float64) float64 { return 1 / x }), at(1, 0), 1},
		{ir.Div, func(x, y float64) float64 { return x / y }, at(2, 0), 2},
	}
	var m []mapping
	var in [][][]uint64
	for i, k := range list {
		types := []dtype.Type{dtype.F32, dtype.F32}[:k.code.Spec().Min]
		m = append(m, mapOf(k.code, dtype.F32, types...))
		var lists [][]uint64
		for j := range types {
			lists = append(lists, arguments(dtype.F32, 1<<14, uint64(7*i+j)))
		}
		in = append(in, lists)
	}
	out, instructions := fastMaps(t, m, in)
	for i, k := range list {
		if instructions[i] > k.instructions {
			t.Errorf("%s takes %d instructions, more than %d", k.code, instructions[i], k.instructions)
		}
		for j, c := range out[i] {
			x, y := dtype.F32.Decode(in[i][0][j]), 0.0
			if len(in[i]) > 1 {
				y = dtype.F32.Decode(in[i][1][j])
			}
			got, want := dtype.F32.Decode(c), k.f(x, y)
			small := math.Abs(want) < 0x1p-125*max(1, math.Abs(x))
			wide := math.Abs(y) > 0x1p126 || y != 0 && math.Abs(y) < 0x1p-126 || math.Abs(want) > 0x1p127
			switch {
			case got == want || got != got && want != want || wide:
			case small && math.Abs(got) <= 0x1p-124*max(1, math.Abs(x)):
			case !(math.Abs(got-want) <= k.bound(x)*math.Abs(want)):
				t.Errorf("%s(%g, %g) is %g, want %g: an error of %.2g", k.code, x, y, got, want, math.Abs(got/want-1))
				return
			}
		}
	}
}
