package random

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	goruntime "runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/suite"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/interp"
	"github.com/tilec/tilec/passes"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/array"
	"github.com/tilec/tilec/runtime/jit"
)

var (
	functionSeeds = flag.Uint64("functions", 60, "how many random functions to run")
	onDevice      = flag.String("device", "", "where random kernels and functions run besides the interpreter: cpu:avx2; every level of this machine where empty")
)

// compiled are the devices that run compiled code, none where there is no compiler.
func compiled(t *testing.T) []runtime.Device {
	t.Helper()
	if _, err := jit.Target("cpu"); err != nil {
		t.Skipf("no LLVM, so nothing is compiled: %v", err)
	}
	names := runtime.Devices()
	if *onDevice != "" {
		names = []string{*onDevice}
	}
	var list []runtime.Device
	for _, name := range names {
		if name == "interp" || name == "cpu" && *onDevice == "" {
			continue
		}
		d, err := runtime.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		list = append(list, d)
	}
	return list
}

// result is what a run of a function leaves.
type result struct {
	data    [][]byte
	printed string
	err     error
}

// same reports whether two runs leave the same data.
func (r result) same(o result) bool { return slices.EqualFunc(r.data, o.data, bytes.Equal) }

func runFunction(t *testing.T, d runtime.Device, f *Function, limit time.Duration) (r result) {
	defer func() {
		if p := recover(); p != nil {
			r.err = fmt.Errorf("panic: %v at %s", p, place(debug.Stack()))
		}
	}()
	k, err := new(jit.Compiler).Kernel(t.Context(), d, f.Func, codegen.Options{})
	if err != nil {
		return result{err: err}
	}
	var args []runtime.Arg
	for i, p := range f.Func.Params {
		a := f.Args[i]
		switch {
		case p.Role == ir.Out:
		case p.Type.Kind == ir.Scalar:
			args = append(args, runtime.Arg{Int: a.Int, Float: a.Float})
		default:
			args = append(args, runtime.Arg{Tensor: &array.Array{Elem: a.Tensor.Elem, Shape: a.Tensor.Shape, Data: bytes.Clone(a.Tensor.Data)}})
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var text bytes.Buffer
	outs, err := k.Launch(ctx, f.Sizes, args, runtime.Options{Print: &text})
	for _, o := range outs {
		if o.Elem.IsFloat() {
			canonical(o)
		}
		r.data = append(r.data, o.Data)
	}
	r.printed, r.err = text.String(), err
	return r
}

// place names the functions that a panic came through, the innermost ones.
func place(stack []byte) string {
	var names []string
	for _, line := range strings.Split(string(stack), "\n") {
		if name, found := strings.CutPrefix(line, "github.com/tilec/tilec/"); found && !strings.Contains(name, "tests/random") {
			names = append(names, name[:strings.IndexByte(name+"(0", '(')])
			if i := strings.Index(name, ")."); i >= 0 {
				names[len(names)-1] = name[i+2:]
			}
		}
	}
	return strings.Join(names[:min(len(names), 8)], " < ")
}

// canonical makes all NaNs of an array the same.
func canonical(a *array.Array) {
	n := a.Elem.Bits()
	for i := range a.Len() {
		if x := a.Elem.Decode(dtype.ReadCode(a.Data, i*n, n)); x != x {
			dtype.WriteCode(a.Data, i*n, n, a.Elem.Encode(math.NaN(), dtype.NearestEven, a.Elem.Overflow()))
		}
	}
}

// TestFunctions runs random functions of the IR on the interpreter and compiled, and holds the results to be the same bit
// for bit. `go test ./tests/random -run Functions -functions 100000` looks longer.
func TestFunctions(t *testing.T) {
	t.Parallel()
	devices := compiled(t)
	base, err := runtime.Open("interp")
	if err != nil {
		t.Fatal(err)
	}
	var ran atomic.Int64
	var next atomic.Uint64
	var wait sync.WaitGroup
	for range goruntime.GOMAXPROCS(0) {
		wait.Go(func() {
			for {
				seed := *first + next.Add(1) - 1
				if seed >= *first+*functionSeeds {
					return
				}
				if holds(t, seed, base, devices) {
					ran.Add(1)
				}
			}
		})
	}
	wait.Wait()
	if ran.Load() == 0 && *functionSeeds > 0 {
		t.Error("no function ran")
	}
}

// TestPlaced holds functions whose loops are parted and whose loads are moved, and what placing makes of them, to give the
// same as before bit for bit; their texts are read back as what they are.
func TestPlaced(t *testing.T) {
	t.Parallel()
	base, err := runtime.Open("interp")
	if err != nil {
		t.Fatal(err)
	}
	placed := 0
	for seed := *first; seed < *first+*functionSeeds; seed++ {
		f := GenerateFunction(seed)
		want := runFunction(t, base, f, longest)
		if want.err != nil {
			continue // another test's matter
		}
		check := func(fn *ir.Func) bool {
			if err := ir.Verify(fn); err != nil {
				t.Errorf("seed %d: %v\n%s\n%s", seed, err, f.Func, fn)
				return false
			}
			got := runFunction(t, base, &Function{Func: fn, Sizes: f.Sizes, Args: f.Args}, longest)
			if got.err != nil || !want.same(got) || got.printed != want.printed {
				t.Errorf("seed %d: %v: the results differ\n%s\n%s", seed, got.err, f.Func, fn)
				return false
			}
			return true
		}
		fn := f.Func.Clone()
		passes.HoistLoads(fn)
		passes.Edges(fn)
		if !check(fn) {
			continue
		}
		var misfit *passes.Misfit
		switch err := passes.Place(fn, passes.Machine{Target: "sm_80"}); {
		case errors.As(err, &misfit):
			continue
		case err != nil:
			t.Errorf("seed %d: %v\n%s", seed, err, f.Func)
			continue
		}
		if !check(fn) {
			continue
		}
		placed++
		text := fn.String()
		again, err := ir.ParseFunc("again", []byte(text))
		if err != nil || again.String() != text {
			t.Errorf("seed %d: %v: another text is read back\n%s", seed, err, text)
		}
	}
	if placed == 0 && *functionSeeds > 0 {
		t.Error("no function was placed")
	}
	t.Logf("%d of %d functions are placed", placed, *functionSeeds)
}

// longest is how long a random function may run.
const longest = time.Minute

// holds runs the function of a seed; it reports whether the interpreter ran it.
func holds(t *testing.T, seed uint64, base runtime.Device, devices []runtime.Device) bool {
	f := GenerateFunction(seed)
	if err := ir.Verify(f.Func); err != nil {
		t.Errorf("seed %d: %v\n%s", seed, err, f.Func)
		return false
	}
	want := runFunction(t, base, f, longest)
	var fault *interp.Fault
	if errors.As(want.err, &fault) {
		t.Errorf("seed %d: the interpreter: %v\n%s", seed, want.err, f.Func)
		return false
	}
	// Each level in turn, and now and then all of them.
	if n := uint64(len(devices)); n > 0 && seed%8 != 0 {
		devices = devices[seed%n : seed%n+1]
	}
	for _, d := range devices {
		text := disagree(t, base, d, f, longest)
		if text == "" {
			continue
		}
		// What Shrink makes of a loop may not end: such a function is left out.
		small := Shrink(f.Func, func(fn *ir.Func) bool {
			text := disagree(t, base, d, &Function{Func: fn, Sizes: f.Sizes, Args: f.Args}, 3*time.Second)
			return text != "" && !strings.Contains(text, context.DeadlineExceeded.Error())
		})
		t.Errorf("seed %d, N = %d, M = %d: %s: %s\nor, smaller: %s\n%s", seed, f.Sizes[0], f.Sizes[1], d.Name(), text,
			disagree(t, base, d, &Function{Func: small, Sizes: f.Sizes, Args: f.Args}, longest), small)
		break
	}
	return true
}

// disagree says in what a device differs from the interpreter, "" where they agree or the interpreter fails.
func disagree(t *testing.T, base, d runtime.Device, f *Function, limit time.Duration) string {
	if strings.HasPrefix(d.Name(), "emu:") && ordered(f.Func) {
		return ""
	}
	want := runFunction(t, base, f, limit)
	if want.err != nil {
		return ""
	}
	got := runFunction(t, d, f, limit)
	var misfit *passes.Misfit
	var limited *codegen.Unsupported
	switch {
	case errors.As(got.err, &misfit), errors.As(got.err, &limited) && strings.Contains(limited.What, "shared memory"):
		return "" // tiles that are too large for the device
	case got.err != nil:
		return got.err.Error()
	case !want.same(got):
		return "results differ" + where(f, want, got)
	case want.printed != got.printed:
		return "prints otherwise: " + cmp.Diff(want.printed, got.printed)
	}
	return ""
}

// where names the first element that differs.
func where(f *Function, want, got result) string {
	next := 0
	for _, p := range f.Func.Params {
		if p.Role == ir.In {
			continue
		}
		x, y := want.data[next], got.data[next]
		next++
		n := p.Type.Elem.Bits()
		for i := range len(x) * 8 / n {
			if a, b := dtype.ReadCode(x, i*n, n), dtype.ReadCode(y, i*n, n); a != b {
				return fmt.Sprintf(" in %s, element %d: %v, and the interpreter has %v", p.Name, i, p.Type.Elem.Decode(b), p.Type.Elem.Decode(a))
			}
		}
	}
	return ""
}

// TestCompiled runs random kernels compiled.
func TestCompiled(t *testing.T) {
	t.Parallel()
	for _, d := range compiled(t) {
		load := func(ctx context.Context, fn *ir.Func) (*runtime.Kernel, error) {
			return new(jit.Compiler).Kernel(ctx, d, fn, codegen.Options{})
		}
		for seed := *first; seed < *first+min(*seeds, *functionSeeds); seed++ {
			text := Generate(seed)
			prog, list := check.LoadText(map[string]string{"random.tile": text})
			if list.HasErrors() {
				t.Fatalf("seed %d: %v\n%s", seed, list.Err(), text)
			}
			err := suite.Run(t.Context(), prog, suite.Options{Seed: seed, Load: load}, func(r *suite.Result) {
				if r.Failed() {
					t.Errorf("seed %d: %s: %v %v\n%s", seed, d.Name(), r.Diags.Err(), r.Err, text)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// ordered reports whether results may depend on the order in which an atomic operation takes the elements of its tile where
// their subscripts are equal. The language does not fix it, and lanes have none.
func ordered(fn *ir.Func) bool {
	found := false
	fn.Body.Walk(func(o *ir.Op) {
		if o.Code != ir.Atomic || o.Stored()[0].Type.Kind != ir.Tile || len(o.Results) == 0 && o.Str("kind") != "xchg" && o.Str("kind") != "cas" {
			return
		}
		at := o.Subscripts()[0].Def
		distinct := at != nil && at.Code == ir.Affine && len(at.Operands) == 1 && at.Int("div") == 1 && at.Int("mod") == 0 &&
			at.Operands[0].Type.Kind == ir.Span && len(o.Stored()[0].Type.Axes) == 1
		found = found || !distinct
	})
	return found
}

// TestFound: functions that found mistakes, of ours or of LLVM's, agree on all levels.
func TestFound(t *testing.T) {
	devices := compiled(t)
	base, err := runtime.Open("interp")
	if err != nil {
		t.Fatal(err)
	}
	for _, seed := range []uint64{472, 1574, 1940} {
		f := GenerateFunction(seed)
		for _, d := range devices {
			if text := disagree(t, base, d, f, longest); text != "" {
				t.Errorf("seed %d, %s: %s", seed, d.Name(), text)
			}
		}
	}
}
