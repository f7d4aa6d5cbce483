package jit_test

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/toolchain"
	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/dsl/eval"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/interp"
	"github.com/tilec/tilec/kernels"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/array"
	"github.com/tilec/tilec/runtime/cache"
	"github.com/tilec/tilec/runtime/jit"
)

// function compiles the only kernel of a text.
func function(t testing.TB, text string) *ir.Func {
	t.Helper()
	prog, list := check.LoadText(map[string]string{"k.tile": "package k\n" + text})
	if list.HasErrors() {
		t.Fatal(list.Err())
	}
	variant, list := prog.Packages[0].Kernels[0].Instantiate(check.Bindings{Target: "cpu"})
	if list.HasErrors() {
		t.Fatal(list.Err())
	}
	fn, _, err := compile.Func(variant, compile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return fn
}

// device opens the CPU, or skips the test where there is no LLVM.
func device(t testing.TB) runtime.Device {
	t.Helper()
	if _, err := toolchain.LLVM(); err != nil {
		t.Skipf("needs LLVM: %v", err)
	}
	d, err := runtime.Open("cpu")
	if err != nil {
		t.Skipf("needs a CPU that kernels are compiled for: %v", err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func ready(t testing.TB, text string) *runtime.Kernel {
	t.Helper()
	d := device(t)
	k, err := new(jit.Compiler).Kernel(context.Background(), d, function(t, text), codegen.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return k
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

// TestLaunch: inputs stay as they are, an inout comes back as a new array, and a prepared launch goes on from it.
func TestLaunch(t *testing.T) {
	k := ready(t, double)
	x := floats(1, 2, 3)
	args := []runtime.Arg{{Tensor: x}, {Float: 10}}
	run, outs, err := k.Prepare([]int64{3}, args)
	if err != nil {
		t.Fatal(err)
	}
	if y := decode(outs[1]); !math.IsNaN(y[0]) {
		t.Errorf("an output starts as %v", y)
	}
	for range 2 {
		if err := run(context.Background(), runtime.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([][]float64{{1, 2, 3}, {3, 4, 5}, {20, 30, 40}}, [][]float64{decode(x), decode(outs[0]), decode(outs[1])}); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	empty, err := k.Launch(context.Background(), []int64{0}, []runtime.Arg{{Tensor: floats()}, {}}, runtime.Options{})
	if err != nil || empty[1].Len() != 0 {
		t.Errorf("of no elements: %v", err)
	}
}

// TestRefused: arguments that do not fit, are not where they may be or share memory are refused before anything runs.
func TestRefused(t *testing.T) {
	k := ready(t, double)
	x, y := floats(1, 2, 3, 4), floats(0, 0, 0, 0)
	odd := func() *array.Array {
		data := make([]byte, 24)
		for uintptr(unsafe.Pointer(&data[0]))%4 != 1 {
			data = data[1:]
		}
		return &array.Array{Elem: dtype.F32, Shape: []int64{4}, Data: data[:16]}
	}
	part := func(a *array.Array, at, n int) *array.Array {
		return &array.Array{Elem: a.Elem, Shape: []int64{int64(n)}, Data: a.Data[4*at : 4*(at+n)]}
	}
	for _, c := range []struct {
		name  string
		sizes []int64
		args  []runtime.Arg
		want  string
	}{
		{"too few", []int64{4}, []runtime.Arg{{Tensor: x}}, "1 arguments for 3 parameters"},
		{"sizes", nil, []runtime.Arg{{Tensor: x}, {}, {Tensor: y}}, "has 1 sizes, not 0"},
		{"none", []int64{4}, []runtime.Arg{{Tensor: x}, {}, {}}, "the argument for y is not a tensor"},
		{"shape", []int64{4}, []runtime.Arg{{Tensor: x}, {}, {Tensor: floats(1)}}, "the dimension N is 4 in x and 1 in y"},
		{"size", []int64{3}, []runtime.Arg{{Tensor: x}, {}, {Tensor: y}}, "the dimension N is given as 3, and is 4"},
		{"type", []int64{4}, []runtime.Arg{{Tensor: x}, {}, {Tensor: &array.Array{Elem: dtype.I32, Shape: []int64{4}, Data: y.Data}}}, "y has elements of f32, and its argument of i32"},
		{"short", []int64{4}, []runtime.Arg{{Tensor: x}, {}, {Tensor: &array.Array{Elem: dtype.F32, Shape: []int64{4}, Data: y.Data[:15]}}}, "needs 128 bits of data and has 120"},
		{"alias", []int64{4}, []runtime.Arg{{Tensor: x}, {}, {Tensor: x}}, "overlap in memory"},
		{"overlap", []int64{2}, []runtime.Arg{{Tensor: part(x, 0, 2)}, {}, {Tensor: part(x, 1, 2)}}, "overlap in memory"},
		{"misaligned", []int64{4}, []runtime.Arg{{Tensor: x}, {}, {Tensor: odd()}}, "the argument of y, which is written, does not begin at a multiple"},
		{"layout", []int64{4}, []runtime.Arg{{Tensor: x}, {}, {Buffer: &runtime.Buffer{Elem: dtype.F32, Shape: []int64{4}, Layout: "panels"}}}, "takes y dense, and its argument is in layout panels"},
	} {
		_, err := k.Bind(c.sizes, c.args)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	neighbours, err := k.Bind([]int64{2}, []runtime.Arg{{Tensor: part(x, 0, 2)}, {Float: 2}, {Tensor: part(x, 2, 2)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := neighbours.Run(context.Background(), runtime.Options{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float64{2, 3, 2, 4}, decode(x)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestInputsInPlace: inputs may share memory, and one that is not aligned is copied.
func TestInputsInPlace(t *testing.T) {
	k := ready(t, `kernel add(a f32[N], b f32[N]) (y f32[N]) { parallel n in N by 8 { y[n] = a[n] + b[n] } }`)
	data := make([]byte, 32)
	for uintptr(unsafe.Pointer(&data[0]))%4 != 3 {
		data = data[1:]
	}
	odd := &array.Array{Elem: dtype.F32, Shape: []int64{3}, Data: data[:12]}
	odd.Elem.EncodeF64(odd.Data, 0, []float64{1, 2, 3})
	outs, err := k.Launch(context.Background(), []int64{3}, []runtime.Arg{{Tensor: odd}, {Tensor: odd}}, runtime.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float64{2, 4, 6}, decode(outs[0])); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestFaults: a kernel's own end is told as the interpreter tells it.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name, text string
		x          []float64
	}{
		{"assert", `kernel k(x f32[N]) (y f32[N]) { parallel n in N { assert(x[n] < 3)
			y[n] = x[n] } }`, []float64{1, 2, 3}},
		{"require", `kernel k(x f32[N]) (y f32[N]) { require N % 2 == 0
			parallel n in N { y[n] = x[n] } }`, []float64{1, 2, 3}},
		{"fine", `kernel k(x f32[N]) (y f32[N]) { parallel n in N { y[n] = x[n] } }`, []float64{1, 2, 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := ready(t, c.text)
			reference, err := runtime.New(k.Func())
			if err != nil {
				t.Fatal(err)
			}
			args := []runtime.Arg{{Tensor: floats(c.x...)}}
			_, got := k.Launch(context.Background(), []int64{int64(len(c.x))}, args, runtime.Options{})
			_, want := reference.Launch(context.Background(), []int64{int64(len(c.x))}, args, runtime.Options{})
			if (got == nil) != (want == nil) {
				t.Fatalf("got %v, want %v", got, want)
			}
			if want == nil {
				return
			}
			var g, w *interp.Fault
			if !errors.As(got, &g) || !errors.As(want, &w) || g.Kind != w.Kind || g.Pos != w.Pos || g.Message != w.Message {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

// TestCancelled: a launch ends with its context, in the middle of a long loop.
func TestCancelled(t *testing.T) {
	k := ready(t, `kernel k(x i64[N]) (y i64[N]) {
    parallel n in N {
        v := x[n]
        while v > 0 { v = v + 1 }
        y[n] = v
    }
}`)
	one := &array.Array{Elem: dtype.I64, Shape: []int64{1}, Data: []byte{1, 0, 0, 0, 0, 0, 0, 0}}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := k.Launch(ctx, []int64{1}, []runtime.Arg{{Tensor: one}}, runtime.Options{})
	var f *interp.Fault
	if !errors.As(err, &f) || f.Kind != interp.Cancelled || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if d := time.Since(began); d > 5*time.Second {
		t.Errorf("after %v", d)
	}
}

// TestCache: what was compiled before comes from the cache, and a damaged file does not.
func TestCache(t *testing.T) {
	d := device(t)
	folder := t.TempDir()
	c := &jit.Compiler{Cache: cache.At(folder, 1<<30)}
	fn := function(t, double)
	compiled := func(o codegen.Options) (from string, a *codegen.Artefact) {
		o.Level = d.Level()
		a, err := c.Compile(context.Background(), "cpu", fn, o)
		if err != nil {
			t.Fatal(err)
		}
		return a.Report.Steps[0].Name, a
	}
	first, made := compiled(codegen.Options{})
	second, kept := compiled(codegen.Options{})
	if first == "cache" || second != "cache" {
		t.Errorf("from %s, then from %s", first, second)
	}
	if diff := cmp.Diff(made.Code, kept.Code); diff != "" {
		t.Errorf("(-made +kept)\n%s", diff)
	}
	if third, _ := compiled(codegen.Options{Deterministic: true}); third == "cache" {
		t.Error("other options, the same artefact")
	}
	k, err := d.Load(fn, kept)
	if err != nil {
		t.Fatal(err)
	}
	outs, err := k.Launch(context.Background(), []int64{3}, []runtime.Arg{{Tensor: floats(1, 2, 3)}, {Float: 2}}, runtime.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float64{2, 4, 6}, decode(outs[1])); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	filepath.WalkDir(folder, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			err = os.WriteFile(path, []byte("damaged"), 0o600)
		}
		return err
	})
	if again, _ := compiled(codegen.Options{}); again == "cache" {
		t.Error("a damaged file was used")
	}
}

// TestMultiplies: counting by the bounds of loops gives what the interpreter counts while it runs, for the launches of the
// bundled kernels' tests that it can tell without running.
func TestMultiplies(t *testing.T) {
	told, silent := 0, 0
	launch := func(ctx context.Context, k *typed.Kernel, sizes []int64, args []eval.Arg) ([]*array.Array, error) {
		fn, _, err := compile.Func(k, compile.Options{})
		if err != nil {
			return nil, err
		}
		kernel, err := runtime.New(fn)
		if err != nil {
			return nil, err
		}
		var list []runtime.Arg
		var all []interp.Arg
		for _, a := range args {
			list = append(list, runtime.Arg{Tensor: a.Tensor, Int: a.Int, Float: a.Float})
		}
		next := 0
		for _, p := range fn.Params {
			var arg interp.Arg
			if p.Role != ir.Out {
				arg.Int = args[next].Int
				if a := args[next].Tensor; a != nil {
					arg.Tensor = &interp.Tensor{Elem: a.Elem, Shape: a.Shape, Data: a.Data}
				}
				next++
			}
			all = append(all, arg)
		}
		var counted atomic.Int64
		outs, err := kernel.Launch(ctx, sizes, list, runtime.Options{Multiplies: &counted})
		if err != nil {
			return nil, err
		}
		n, ok := runtime.Multiplies(fn, sizes, all)
		switch {
		case !ok:
			silent++
		case n != counted.Load():
			t.Errorf("%s of %v: %d, the interpreter counts %d", fn.Name, sizes, n, counted.Load())
		default:
			told++
		}
		return outs, nil
	}
	for _, dir := range []string{"gemm", "attention", "lowbit", "lutgemv"} {
		prog, list := check.Load(check.Config{FS: kernels.FS}, dir)
		if list.HasErrors() {
			t.Fatal(list.Err())
		}
		for _, test := range prog.Packages[0].Tests {
			cases, list := test.Cases()
			if list.HasErrors() {
				t.Fatal(list.Err())
			}
			if test.Bench || strings.Contains(test.Name(), "edge") || len(cases) == 0 {
				continue
			}
			runner := &eval.Runner{Seed: 1, Context: t.Context(), Launch: launch}
			list, err := test.Run(cases[0], check.RunOptions{}, func(s typed.Stmt) error { return runner.Exec(s) })
			if err != nil && !errors.Is(err, check.ErrNoVariant) || list.HasErrors() {
				t.Errorf("%s: %v %v", test.Name(), err, list.Err())
			}
		}
	}
	t.Logf("%d launches told, %d not", told, silent)
	if told < 20 {
		t.Errorf("only %d launches", told)
	}
}

// BenchmarkLaunch is what a launch of a tiny kernel costs, with a context that can end and one that cannot.
func BenchmarkLaunch(b *testing.B) {
	k := ready(b, double)
	l, err := k.Bind([]int64{2}, []runtime.Arg{{Tensor: floats(1, 2)}, {Float: 1}, {Tensor: floats(0, 0)}})
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	for _, c := range []struct {
		name string
		ctx  context.Context
	}{{"background", context.Background()}, {"cancellable", ctx}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := l.Run(c.ctx, runtime.Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
