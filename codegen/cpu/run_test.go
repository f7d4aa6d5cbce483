package cpu_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/cpu"
	"github.com/tilec/tilec/codegen/toolchain"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/array"
)

// devices are the instruction levels of this machine, opened once for all tests.
var devices = sync.OnceValues(func() ([]runtime.Device, error) {
	var list []runtime.Device
	for _, l := range cpu.Levels() {
		if _, ok := l.Runs(); !ok {
			continue
		}
		d, err := runtime.Open("cpu:" + l.Name)
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
})

// target is the compiler, and the devices that run what it makes.
func target(t testing.TB) (codegen.Target, []runtime.Device) {
	t.Helper()
	tool, err := toolchain.LLVM()
	if err != nil {
		t.Skipf("no LLVM, so nothing is compiled: %v", err)
	}
	list, err := devices()
	if err != nil {
		t.Fatal(err)
	}
	return cpu.Target{Toolchain: tool}, list
}

// parse reads a function from text.
func parse(t testing.TB, text string) *ir.Func {
	t.Helper()
	f, err := ir.ParseFunc("test.tir", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// load compiles a function for a device.
func load(ctx context.Context, c codegen.Target, d runtime.Device, fn *ir.Func) (*runtime.Kernel, error) {
	a, err := c.Compile(ctx, fn, codegen.Options{Level: d.Level()})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", d.Name(), err)
	}
	return d.Load(fn, a)
}

// outcome is what a launch leaves: its outputs, what it printed, and how it ended.
type outcome struct {
	outs    []*array.Array
	printed string
	err     error
}

func launch(ctx context.Context, k *runtime.Kernel, workers int, sizes []int64, args []runtime.Arg) (r outcome) {
	var text strings.Builder
	r.outs, r.err = k.Launch(ctx, sizes, args, runtime.Options{Print: &text, Workers: workers})
	r.printed = text.String()
	return r
}

// both compiles a function for every level of this machine. What it gives runs it there and on the interpreter, and holds
// the results to be the same, bit for bit.
func both(t testing.TB, fn *ir.Func) func(sizes []int64, args []runtime.Arg) {
	t.Helper()
	c, list := target(t)
	reference, err := runtime.New(fn)
	if err != nil {
		t.Fatal(err)
	}
	kernels, errs := make([]*runtime.Kernel, len(list)), make([]error, len(list))
	var wait sync.WaitGroup
	for i, d := range list {
		wait.Go(func() { kernels[i], errs[i] = load(t.Context(), c, d, fn) })
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatalf("%v\n%s", err, fn)
	}
	return func(sizes []int64, args []runtime.Arg) {
		t.Helper()
		want := launch(t.Context(), reference, 1, sizes, args) // blocks print in order
		for i, d := range list {
			got := launch(t.Context(), kernels[i], 0, sizes, args)
			if text := differs(fn, want, got); text != "" {
				t.Fatalf("%s, sizes %v: %s\n%s", d.Name(), sizes, text, fn)
			}
		}
	}
}

// agree runs a function once on every level and on the interpreter and holds the results to be the same, bit for bit.
func agree(t testing.TB, fn *ir.Func, sizes []int64, args []runtime.Arg) {
	t.Helper()
	both(t, fn)(sizes, args)
}

// differs says in what two outcomes differ, "" where they agree: outputs bit for bit but for the payloads of NaNs, and the
// kinds of faults.
func differs(fn *ir.Func, want, got outcome) string {
	if (want.err == nil) != (got.err == nil) {
		return fmt.Sprintf("ends with %v, and the interpreter with %v", got.err, want.err)
	}
	if diff := cmp.Diff(want.printed, got.printed); diff != "" {
		return "prints otherwise (-interpreter +code):\n" + diff
	}
	if want.err != nil {
		return ""
	}
	next := 0
	for _, p := range fn.Params {
		if p.Role == ir.In {
			continue
		}
		x, y := want.outs[next], got.outs[next]
		next++
		n := x.Elem.Bits()
		for i := range x.Len() {
			a, b := dtype.ReadCode(x.Data, i*n, n), dtype.ReadCode(y.Data, i*n, n)
			v, w := x.Elem.Decode(a), x.Elem.Decode(b)
			if a != b && (v == v || w == w) {
				return fmt.Sprintf("%s differs at element %d of %v: %v, and the interpreter has %v", p.Name, i, x.Shape, w, v)
			}
		}
	}
	return ""
}

// grid draws values on the grid of 1/8, for which sums and products of a few are exact in most floats, or small integers.
func grid(seed uint64, elem dtype.Type, shape ...int64) runtime.Arg {
	count, err := array.Count(elem, shape)
	if err != nil {
		panic(err)
	}
	a := &array.Array{Elem: elem, Shape: shape, Data: make([]byte, dtype.StreamBytes(elem.Bits(), count))}
	r := rand.New(rand.NewPCG(seed, uint64(len(shape))))
	n := a.Len()
	if elem.IsFloat() {
		v := make([]float64, n)
		for i := range v {
			v[i] = float64(r.IntN(33)-16) / 8
		}
		elem.EncodeF64(a.Data, 0, v)
	} else {
		v := make([]int64, n)
		for i := range v {
			v[i] = elem.IntOfInt(dtype.I64, int64(r.IntN(41)-20), dtype.Wrap)
			if elem == dtype.Bool {
				v[i] &= 1
			}
		}
		elem.EncodeInts(a.Data, 0, v)
	}
	return runtime.Arg{Tensor: a}
}

// special is grid with NaNs, infinities, zeros of both signs and ties.
func special(seed uint64, elem dtype.Type, shape ...int64) runtime.Arg {
	a := grid(seed, elem, shape...)
	if !elem.IsFloat() {
		return a
	}
	r := rand.New(rand.NewPCG(seed, 99))
	v := make([]float64, a.Tensor.Len())
	elem.DecodeF64(v, a.Tensor.Data, 0)
	odd := []float64{math.NaN(), math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1)}
	for i := range v {
		if r.IntN(4) == 0 {
			v[i] = odd[r.IntN(len(odd))]
		}
	}
	elem.EncodeF64(a.Tensor.Data, 0, v)
	return a
}

func TestSmoke(t *testing.T) {
	f := parse(t, `kernel @add[%N](%x: tensor<f32,[%N]>, %y: tensor<f32,[%N]>) -> (%z: tensor<f32,[%N]>) {
  %0 = const 0 : i64
  parallel %n in %0 .. %N by 48 {
    %a = load.in %x[%n] : tile<f32,[%n:48]>
    %b = load.in %y[%n] : tile<f32,[%n:48]>
    %c = add %a, %b : tile<f32,[%n:48]>
    store.in %z[%n] = %c
    yield
  }
  yield
}
`)
	run := both(t, f)
	for _, n := range []int64{0, 1, 47, 48, 100, 1000} {
		run([]int64{n}, []runtime.Arg{grid(1, dtype.F32, n), grid(2, dtype.F32, n)})
	}
}
