package runtime_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/kernels"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/array"
)

// A bundled kernel, run from Go: load its package, bind a variant to the arguments, compile, launch.
func Example() {
	prog, list := check.Load(check.Config{FS: kernels.FS}, "softmax")
	if list.HasErrors() {
		fmt.Println(list.Err())
		return
	}
	x := &array.Array{Elem: dtype.F32, Shape: []int64{2, 4}, Data: make([]byte, 32)}
	array.Iota(x.Data, x.Elem, 8)

	source := prog.Packages[0].Kernel("softmax")
	bindings, err := source.BindArgs([]check.ArgInfo{{Elem: x.Elem, Dims: x.Shape}}, check.Bindings{})
	if err != nil {
		fmt.Println(err)
		return
	}
	variant, list := source.Instantiate(bindings)
	if list.HasErrors() {
		fmt.Println(list.Err())
		return
	}
	fn, _, err := compile.Func(variant, compile.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	kernel, err := runtime.New(fn)
	if err != nil {
		fmt.Println(err)
		return
	}
	sizes, err := check.Sizes(variant, [][]int64{x.Shape})
	if err != nil {
		fmt.Println(err)
		return
	}
	outs, err := kernel.Launch(context.Background(), sizes, []runtime.Arg{{Tensor: x}}, runtime.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	y := make([]float64, 8)
	outs[0].Elem.DecodeF64(y, outs[0].Data, 0)
	fmt.Printf("%.3f\n", y)
	// Output: [0.032 0.087 0.237 0.644 0.032 0.087 0.237 0.644]
}

// ready compiles the only kernel of a text.
func ready(t *testing.T, text string, o compile.Options) *runtime.Kernel {
	t.Helper()
	prog, list := check.LoadText(map[string]string{"k.tile": "package k\n" + text})
	if list.HasErrors() {
		t.Fatal(list.Err())
	}
	variant, list := prog.Packages[0].Kernels[0].Instantiate(check.Bindings{})
	if list.HasErrors() {
		t.Fatal(list.Err())
	}
	fn, steps, err := compile.Func(variant, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(steps) < 2 || steps[0].Name != "lower" {
		t.Errorf("steps: %v", steps)
	}
	kernel, err := runtime.New(fn)
	if err != nil {
		t.Fatal(err)
	}
	return kernel
}

func floats(values ...float64) *array.Array {
	a := &array.Array{Elem: dtype.F32, Shape: []int64{int64(len(values))}, Data: make([]byte, 4*len(values))}
	a.Elem.EncodeF64(a.Data, 0, values)
	return a
}

func decode(a *array.Array) []float64 {
	out := make([]float64, a.Len())
	a.Elem.DecodeF64(out, a.Data, 0)
	return out
}

const double = `kernel double(inout x f32[N], a f32) (y f32[N]) {
    parallel n in N by 2 {
        y[n] = x[n] * a
        x[n] = x[n] + 1
    }
}`

// TestInout: inputs stay as they are, an inout comes back as a new array, and a prepared launch goes on from it.
func TestInout(t *testing.T) {
	k := ready(t, double, compile.Options{})
	x := floats(1, 2, 3)
	args := []runtime.Arg{{Tensor: x}, {Float: 10}}
	outs, err := k.Launch(context.Background(), []int64{3}, args, runtime.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]float64{{1, 2, 3}, {2, 3, 4}, {10, 20, 30}}, [][]float64{decode(x), decode(outs[0]), decode(outs[1])}); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	run, outs, err := k.Prepare([]int64{3}, args)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := run(context.Background(), runtime.Options{Workers: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([][]float64{{3, 4, 5}, {20, 30, 40}}, [][]float64{decode(outs[0]), decode(outs[1])}); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	wide, err := ready(t, double, compile.Options{Float64: true, Verify: true}).Launch(context.Background(), []int64{3}, args, runtime.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if wide[0].Elem != dtype.F64 || decode(wide[1])[2] != 30 {
		t.Errorf("in float64: %v %v", wide[0].Elem, decode(wide[1]))
	}
}

// TestRefused: a launch that cannot be is an error that names what is wrong, before anything runs.
func TestRefused(t *testing.T) {
	k := ready(t, double, compile.Options{})
	for _, c := range []struct {
		name  string
		sizes []int64
		args  []runtime.Arg
		want  string
	}{
		{"sizes", nil, nil, "has 1 sizes, not 0"},
		{"missing", []int64{3}, []runtime.Arg{{Tensor: floats(1, 2, 3)}}, "no argument for a"},
		{"extra", []int64{3}, []runtime.Arg{{Tensor: floats(1, 2, 3)}, {Float: 1}, {Float: 1}}, "3 arguments for 2 inputs"},
		{"scalar", []int64{3}, []runtime.Arg{{Float: 1}, {Float: 1}}, "the argument for x is not a tensor"},
		{"large", []int64{math.MaxInt64 / 64}, []runtime.Arg{{Tensor: floats(1)}, {}}, "free"},
		{"negative", []int64{-1}, []runtime.Arg{{Tensor: floats(1)}, {}}, "negative"},
	} {
		_, err := k.Launch(context.Background(), c.sizes, c.args, runtime.Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if n := runtime.FreeMemory(); n < 1<<20 {
		t.Errorf("%d bytes are free", n)
	}
}
