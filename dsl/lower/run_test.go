package lower_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tilec/tilec/dsl/lower"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/interp"
	"github.com/tilec/tilec/passes"
)

// floats is an f32 tensor.
func floats(t *testing.T, shape []int64, v ...float64) *interp.Tensor {
	t.Helper()
	x, err := interp.NewTensor(dtype.F32, shape...)
	if err != nil {
		t.Fatal(err)
	}
	dtype.F32.EncodeF64(x.Data, 0, v)
	return x
}

// TestRun runs hand-made kernels, as lowered and after all passes.
func TestRun(t *testing.T) {
	nan := math.NaN()
	tests := []struct {
		name string
		in   [][]float64
		dims [][]int64 // of the inputs, then the output
		want []float64
	}{
		{"flags", [][]float64{{1, -5, 60, 50, 7}}, [][]int64{{5}, {}}, []float64{111}},
		{"flags", [][]float64{{}}, [][]int64{{0}, {}}, []float64{0}},
		{"tails", [][]float64{{1, -0.25, -0.75, 2, -3, 9}}, [][]int64{{6}, {}}, []float64{3.25}},
		{"masks", [][]float64{{1, 5, 2, 4}}, [][]int64{{2, 2}, {2, 2}}, []float64{3, nan, 3, nan}},
		{"swapped", [][]float64{{1, 2, 3, 4}, {5, 6, 7, 8, 9, 10}}, [][]int64{{2, 2}, {3, 2}, {3, 2}}, []float64{17, 39, 23, 53, 29, 67}},
		{"scan", [][]float64{{1, 2, 3}, {1, 10, 2, 20, 3, 30}}, [][]int64{{3}, {3, 2}, {3, 2}}, []float64{1, 10, 4, 40, 15, 150}},
	}
	for _, tt := range tests {
		for _, optimised := range []bool{false, true} {
			f, err := lower.Lower(trees[tt.name]())
			if err != nil {
				t.Fatal(err)
			}
			if optimised {
				if err := passes.Run(f, passes.Options{VerifyEach: true}); err != nil {
					t.Fatal(err)
				}
			}
			p, err := interp.Compile(f)
			if err != nil {
				t.Fatal(err)
			}
			var args []interp.Arg
			n := 0
			for i, param := range f.Params {
				v := make([]float64, product(tt.dims[i]))
				if param.Role == ir.In {
					v = tt.in[n]
					n++
				} else {
					for k := range v {
						v[k] = nan
					}
				}
				args = append(args, interp.Arg{Tensor: floats(t, tt.dims[i], v...)})
			}
			if err := p.Run(args, interp.Options{}); err != nil {
				t.Errorf("%s: %v\n%s", tt.name, err, f)
				continue
			}
			out := args[len(args)-1].Tensor
			got := make([]float64, len(tt.want))
			dtype.F32.DecodeF64(got, out.Data, 0)
			same := cmp.Comparer(func(x, y float64) bool { return x == y || x != x && y != y })
			if d := cmp.Diff(tt.want, got, same); d != "" {
				t.Errorf("%s (-want +got):\n%s\n%s", tt.name, d, f)
			}
		}
	}
}

func product(shape []int64) int64 {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	return n
}
