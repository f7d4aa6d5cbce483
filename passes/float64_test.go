package passes_test

import (
	"context"
	"math"
	"testing"

	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/array"
)

// TestFloat64 runs kernels whose float32 result is off by rounding, and wants the float64 one.
func TestFloat64(t *testing.T) {
	third, tenth := float64(float32(1.0/3)), float64(float32(0.1))
	for _, c := range []struct {
		name, body string
		want       float64
	}{
		{"arithmetic", "y[n] = x[n] * x[n] * x[n]", third * third * third},
		{"scalar", "y[n] = x[n] * a + a", third*tenth + tenth},
		{"cast", "y[n] = (x[n] as f16) * x[n]", third * third},
		{"loop", "s := f32[n](0)\nfor i in 3 { s = s / 3 + x[n] }\ny[n] = s", third/9 + third/3 + third},
		{"branch", "s := f32[n](0)\nif a > 0 { s = x[n] / 7 } else { s = x[n] }\ny[n] = s", third / 7},
		{"else", "y[n] = (x[n + 100] else 0.1) * 3", tenth * 3},
		{"functions", "y[n] = exp2(x[n])", math.Exp2(third)},
		{"reduction", "axis j = 3\ny[n] = sum[j](x[n] * (j as f32))", 3 * third},
		// Bits are those of the value as the text has it, in float32.
		{"bits", "y[n] = ((x[n] * 3) bits i32) as f32", float64(math.Float32bits(1))},
		{"back", "y[n] = ((x[n] bits i32) + 1) bits f32", float64(math.Float32frombits(math.Float32bits(float32(third)) + 1))},
		{"temp", "y[n] = x[n] * x[n]", third * third},
		{"integer", "y[n] = ((x[n] * 1000) as i32) as f32", 333},
	} {
		t.Run(c.name, func(t *testing.T) {
			prog, list := check.LoadText(map[string]string{"p.tile": "package p\nkernel k(a f32, x f32[N]) (y f32[N]) {\nparallel n in N by 4 {\n" + c.body + "\n}\n}\n"})
			if list.HasErrors() {
				t.Fatal(list.Err())
			}
			k, list := prog.Packages[0].Kernel("k").Instantiate(check.Bindings{})
			if list.HasErrors() {
				t.Fatal(list.Err())
			}
			fn, _, err := compile.Func(k, compile.Options{Float64: true, Verify: true})
			if err != nil {
				t.Fatal(err)
			}
			kernel, err := runtime.New(fn)
			if err != nil {
				t.Fatal(err)
			}
			x := &array.Array{Elem: dtype.F32, Shape: []int64{5}, Data: make([]byte, 20)}
			array.Full(x.Data, x.Elem, 5, third)
			outs, err := kernel.Launch(context.Background(), []int64{5}, []runtime.Arg{{Float: tenth}, {Tensor: x}}, runtime.Options{})
			if err != nil {
				t.Fatal(err)
			}
			got := make([]float64, 5)
			if outs[0].Elem != dtype.F64 {
				t.Fatalf("the output is %v", outs[0].Elem)
			}
			outs[0].Elem.DecodeF64(got, outs[0].Data, 0)
			for i, y := range got {
				if !(math.Abs(y-c.want) <= 4e-16*math.Abs(c.want)) {
					t.Errorf("element %d: got %.17g, want %.17g", i, y, c.want)
				}
			}
		})
	}
}
