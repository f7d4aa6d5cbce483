package runtime_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/interp"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/array"
	"github.com/tilec/tilec/runtime/cuda"
	"github.com/tilec/tilec/runtime/jit"
)

// gpuOf is a device of a fake driver.
func gpuOf(t *testing.T, d *fakeDriver) runtime.Device {
	t.Helper()
	device, err := runtime.GPU(d, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { device.Close() })
	return device
}

// loaded is an artefact's kernel on a device.
func loaded(t *testing.T, d runtime.Device, fn *ir.Func, a *codegen.Artefact) *runtime.Kernel {
	t.Helper()
	k, err := d.Load(fn, a)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestGPU: a launch does what the kernels and the host program between them say, prints, and leaves no memory behind.
func TestGPU(t *testing.T) {
	fake := newFake()
	d := gpuOf(t, fake)
	if d.Name() != "cuda:0" || d.Target() != "sm_80" || d.Limits().Memory != 1<<30 ||
		d.About() != "Fake GPU, compute capability 9.0, 132 multiprocessors, 1024 MiB, CUDA 12.4" {
		t.Error(d.Name(), d.Target(), d.Limits(), d.About())
	}
	fn := ready(t, twoPhases, compile.Options{}).Func()
	k := loaded(t, d, fn, twoArtefact(fn))
	var printed bytes.Buffer
	var took []time.Duration
	outs, err := k.Launch(t.Context(), []int64{3}, []runtime.Arg{{Tensor: floats(1, 2, 3)}, {Float: 1.5}}, runtime.Options{
		Print: &printed, Took: func(_ string, d time.Duration) { took = append(took, d) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(floats(4, 7, 10), outs[0]); diff != "" {
		t.Error(diff)
	}
	if lines := strings.Count(printed.String(), "\n"); lines != 3 || !strings.Contains(printed.String(), "2") {
		t.Errorf("printed %q", printed.String())
	}
	if diff := cmp.Diff([]time.Duration{time.Millisecond, time.Millisecond}, took); diff != "" {
		t.Error(diff)
	}
	if fake.used != 0 {
		t.Errorf("%d bytes are left", fake.used)
	}
	d.Close()
	if fake.retained != 0 {
		t.Error("the context is not given back")
	}
	if _, err := k.Launch(t.Context(), []int64{3}, []runtime.Arg{{Tensor: floats(1, 2, 3)}, {}}, runtime.Options{}); err == nil {
		t.Error("a closed device launches")
	}
}

// TestGPUBuffers: what is uploaded once is not copied again, an output stays on the device until it is asked for, and a
// buffer goes to other devices.
func TestGPUBuffers(t *testing.T) {
	fake := newFake()
	d := gpuOf(t, fake)
	fn := ready(t, twoPhases, compile.Options{}).Func()
	k := loaded(t, d, fn, twoArtefact(fn))
	given := floats(1, 2, 3)
	x, err := d.Upload(given, "")
	if err != nil {
		t.Fatal(err)
	}
	y, err := d.Upload(floats(0, 0, 0), "")
	if err != nil {
		t.Fatal(err)
	}
	given.Data[0]++ // the device has its own
	b, err := k.Bind([]int64{3}, []runtime.Arg{{Buffer: x}, {Float: 1.5}, {Buffer: y}})
	if err != nil {
		t.Fatal(err)
	}
	fake.writes = 0
	for range 3 {
		if err := b.Run(t.Context(), runtime.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if fake.writes != 0 {
		t.Errorf("%d copies to the device", fake.writes)
	}
	for buffer, want := range map[*runtime.Buffer]*array.Array{x: floats(1, 2, 3), y: floats(4, 7, 10)} {
		if got, err := buffer.Array(); err != nil || cmp.Diff(want, got) != "" || buffer.Size() != 12 {
			t.Error(got, err)
		}
	}
	outs, err := emulated(t, fn, twoArtefact(fn)).Launch(t.Context(), []int64{3}, []runtime.Arg{{Buffer: y}, {}}, runtime.Options{})
	if err != nil || cmp.Diff(floats(1, 1, 1), outs[0]) != "" {
		t.Error(outs, err)
	}
	if _, err := emulated(t, fn, twoArtefact(fn)).Bind([]int64{3}, []runtime.Arg{{Buffer: x}, {}, {Buffer: y}}); err == nil ||
		!strings.Contains(err.Error(), "kernel two runs on emu:sm_80, and its argument for y is on cuda:0") {
		t.Error(err)
	}
	b.Close()
	x.Free()
	x.Free()
	y.Free()
	if fake.used != 0 {
		t.Errorf("%d bytes are left", fake.used)
	}
}

// TestGPUFaults: each way in which a launch ends has its kind; after a fault of the device nothing runs any more.
func TestGPUFaults(t *testing.T) {
	fn := ready(t, twoPhases, compile.Options{}).Func()
	done, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name     string
		fake     func(*fakeDriver)
		old, new string
		ctx      context.Context
		k        float64
		kind     interp.Kind
		want     string
		lost     bool
	}{
		{name: "an assertion", k: 100, kind: interp.Asserted, want: "k.tile:11:9: assertion failed: t[n] < 100"},
		{name: "an illegal address", old: "add.u64 %d5, %d0, %d4;", new: "mov.u64 %d5, %d4;", kind: interp.Bounds,
			want: "kernel two_0: cuCtxSynchronize: CUDA_ERROR_ILLEGAL_ADDRESS", lost: true},
		{name: "a trap", old: "mul.f32 %r5, %r4, %r0;", new: "trap;", kind: interp.Internal, want: "CUDA_ERROR_LAUNCH_FAILED", lost: true},
		{name: "too few resources", fake: func(d *fakeDriver) { d.launchFails = cuda.OutOfResources }, kind: interp.Limit,
			want: "cuLaunchKernel: CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES"},
		{name: "a temp too large", fake: func(d *fakeDriver) { d.memory = 1000 }, kind: interp.Limit,
			want: "temp t: it needs 400 bytes, and the GPU has 200 free: cuMemAlloc: CUDA_ERROR_OUT_OF_MEMORY"},
		{name: "an argument too large", fake: func(d *fakeDriver) { d.memory = 300 }, kind: interp.Limit, want: "x: it needs 400 bytes, and the GPU has 300 free"},
		{name: "cancelled", ctx: done, kind: interp.Cancelled, want: "the run was cancelled"},
	} {
		fake := newFake()
		if c.fake != nil {
			c.fake(fake)
		}
		d := gpuOf(t, fake)
		a := twoArtefact(fn)
		a.Code = bytes.Replace(a.Code, []byte(c.old), []byte(c.new), 1)
		k := loaded(t, d, fn, a)
		x := floats(make([]float64, 100)...)
		array.Iota(x.Data, x.Elem, 100)
		args := []runtime.Arg{{Tensor: x}, {Float: c.k}}
		_, err := k.Launch(c.ctx, []int64{100}, args, runtime.Options{})
		var f *interp.Fault
		if !errors.As(err, &f) || f.Kind != c.kind || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
		_, err = k.Launch(t.Context(), []int64{0}, []runtime.Arg{{Tensor: floats()}, {}}, runtime.Options{})
		if lost := new(cuda.Lost); errors.As(err, &lost) != c.lost {
			t.Errorf("%s, and then: %v", c.name, err)
		}
		if !c.lost && fake.used > 0 {
			t.Errorf("%s: %d bytes are left", c.name, fake.used)
		}
		d.Close()
	}
}

// TestGPULoad: a device that cannot run an artefact says why.
func TestGPULoad(t *testing.T) {
	fn := ready(t, twoPhases, compile.Options{}).Func()
	for want, change := range map[string]func(*fakeDriver, *codegen.Artefact){
		"the driver, of CUDA 12.4, is too old for the text's version of PTX": func(d *fakeDriver, _ *codegen.Artefact) { d.compiles = 64 },
		"CUDA_ERROR_INVALID_PTX:\nptxas fatal : ":                            func(_ *fakeDriver, a *codegen.Artefact) { a.Code = []byte("nothing") },
		`its PTX has no kernel "two_2"`:                                      func(_ *fakeDriver, a *codegen.Artefact) { a.Manifest.Phases[1].Entry = "two_2" },
		"kernel two_0 has blocks of 1024 threads":                            func(_ *fakeDriver, a *codegen.Artefact) { a.Manifest.Phases[0].Threads = 1024 },
		"kernel two_0 needs 100016 bytes of shared memory, and a block has at most 99000": func(d *fakeDriver, a *codegen.Artefact) {
			d.sharedMost, a.Manifest.Phases[0].Shared = 99000, 100000
		},
		"is for target sm_90a":              func(_ *fakeDriver, a *codegen.Artefact) { a.Manifest.Target = "sm_90a" },
		"runs artefacts, and there is none": nil,
	} {
		fake, a := newFake(), twoArtefact(fn)
		if change == nil {
			a = nil
		} else {
			change(fake, a)
		}
		if _, err := gpuOf(t, fake).Load(fn, a); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	for want, change := range map[string]func(*fakeDriver){
		"device cuda:0: Fake GPU has compute capability 7.5: kernels are compiled for sm_80 and later": func(d *fakeDriver) { d.capability = 75 },
		"device cuda:0: the CUDA driver is of CUDA 10.2: sm_80 needs 11.0":                             func(d *fakeDriver) { d.version = 10020 },
	} {
		fake := newFake()
		change(fake)
		if _, err := runtime.GPU(fake, 0); err == nil || err.Error() != want || fake.retained != 0 {
			t.Errorf("%q: %v, %d contexts", want, err, fake.retained)
		}
	}
}

// TestGPUCompiled: kernels that are compiled, with loads of the host program's own from arguments and temps, give what the interpreter does.
func TestGPUCompiled(t *testing.T) {
	const text = `kernel sum(x f32[N], at i32[2])(total f32[N]) {
    temp t f32[N]
    parallel n in N by 256 {
        t[n] = x[n] * 2
    }
    first := t[at[0] else 0] else 0
    parallel n in N by 64 {
        total[n] = t[n] + first
    }
}
`
	d := gpuOf(t, newFake())
	k := ready(t, text, compile.Options{})
	fn := k.Func()
	at := &array.Array{Elem: dtype.I32, Shape: []int64{2}, Data: []byte{3, 0, 0, 0, 0, 0, 0, 0}}
	x := floats(make([]float64, 300)...)
	array.Iota(x.Data, x.Elem, 300)
	args := []runtime.Arg{{Tensor: x}, {Tensor: at}}
	want, err := k.Launch(t.Context(), []int64{300}, args, runtime.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := jitted(t, d, fn).Launch(t.Context(), []int64{300}, args, runtime.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// jitted compiles a function for a device.
func jitted(t *testing.T, d runtime.Device, fn *ir.Func) *runtime.Kernel {
	t.Helper()
	k, err := new(jit.Compiler).Kernel(t.Context(), d, fn, codegen.Options{Verify: true})
	if err != nil {
		t.Fatal(err)
	}
	return k
}
