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
)

// twoPhases has two phases, a temp between them, scalars that the host computes, a require, an assertion and a print.
const twoPhases = `kernel two(x f32[N], k f32)(y f32[N]) {
    temp t f32[N]
    m := (N + 1) / 2
    q := k * 2
    require N < 1000
    parallel n in N by BN {
        t[n] = x[n] * q
    }
    parallel n in N {
        assert(t[n] < 100)
        print(n, m)
        y[n] = t[n] + 1
    }
}
schedule two { default { BN = 64 } }
`

// twoPTX is the same by hand.
const twoPTX = `.version 7.0
.target sm_80
.address_size 64
.file 1 "k.tile"
.visible .entry two_0(.param .b32 q, .param .b64 x, .param .b64 t, .param .b64 n, .param .b32 blocks)
.reqntid 64
{
  .reg .b32 %r<8>;
  .reg .b64 %d<8>;
  .reg .pred %p<2>;
  ld.param.b32 %r0, [q];
  ld.param.b64 %d0, [x];
  ld.param.b64 %d1, [t];
  ld.param.b64 %d2, [n];
  mov.u32 %r1, %ctaid.x;
  mov.u32 %r2, %tid.x;
  mad.lo.u32 %r3, %r1, 64, %r2;
  cvt.u64.u32 %d3, %r3;
  setp.ge.s64 %p0, %d3, %d2;
  @%p0 bra $end;
  shl.b64 %d4, %d3, 2;
  add.u64 %d5, %d0, %d4;
  add.u64 %d6, %d1, %d4;
  .loc 1 8 16
  ld.global.b32 %r4, [%d5];
  mul.f32 %r5, %r4, %r0;
  st.global.b32 [%d6], %r5;
$end:
  ret;
}
.visible .entry two_1(.param .b64 t, .param .b64 y, .param .b64 fault, .param .b64 out, .param .b64 m)
.reqntid 32
{
  .reg .b32 %r<8>;
  .reg .b64 %d<12>;
  .reg .pred %p<2>;
  mov.u32 %r0, %tid.x;
  setp.ne.u32 %p0, %r0, 0;
  @%p0 bra $end;
  ld.param.b64 %d0, [t];
  ld.param.b64 %d1, [y];
  ld.param.b64 %d2, [fault];
  ld.param.b64 %d3, [out];
  ld.param.b64 %d4, [m];
  mov.u32 %r1, %ctaid.x;
  cvt.u64.u32 %d5, %r1;
  shl.b64 %d6, %d5, 2;
  add.u64 %d7, %d0, %d6;
  add.u64 %d8, %d1, %d6;
  .loc 1 11 16
  ld.global.b32 %r2, [%d7];
  setp.ge.f32 %p1, %r2, 0f42C80000;
  @%p1 atom.global.cas.b32 %r3, [%d2], 0, 1;
  atom.global.add.u64 %d9, [%d3], 48;
  add.u64 %d10, %d3, %d9;
  st.global.b64 [%d10], 0;
  st.global.b64 [%d10+8], 48;
  st.global.b64 [%d10+16], 0;
  st.global.b64 [%d10+24], %d5;
  st.global.b64 [%d10+32], 0;
  st.global.b64 [%d10+40], %d4;
  .loc 1 13 16
  add.f32 %r4, %r2, 0f3F800000;
  st.global.b32 [%d8], %r4;
$end:
  ret;
}
`

// twoArtefact is the artefact of twoPhases.
func twoArtefact(fn *ir.Func) *codegen.Artefact {
	host := fn.Clone()
	at := map[ir.Code]int{}
	for i, o := range host.Body.Ops {
		at[o.Code] = i
		if o.Code == ir.Parallel {
			r := o.Regions[0]
			r.Ops = r.Ops[len(r.Ops)-1:]
		}
	}
	temp := codegen.Slot{Kind: codegen.TempSlot, Index: at[ir.Temp]}
	return &codegen.Artefact{Code: []byte(twoPTX), Manifest: codegen.Manifest{
		Kernel: "two", Target: "sm_80", Host: host.Text(ir.WithLoc),
		Phases: []codegen.Phase{
			{Entry: "two_0", Threads: 64, Params: []codegen.Slot{{Kind: codegen.HostSlot, Index: at[ir.Mul]}, {Kind: codegen.TensorSlot}, temp,
				{Kind: codegen.SizeSlot}, {Kind: codegen.CountSlot}}},
			{Entry: "two_1", Threads: 32, Ordered: true, Params: []codegen.Slot{temp, {Kind: codegen.TensorSlot, Index: 2}, {Kind: codegen.FaultSlot},
				{Kind: codegen.PrintSlot}, {Kind: codegen.HostSlot, Index: at[ir.Div]}}},
		},
		Faults: []codegen.Fault{{Kind: "assert", Text: "assertion failed: t[n] < 100", Pos: ir.Pos{File: "k.tile", Line: 11, Col: 9}}},
		Prints: []codegen.Print{{Text: "%v %v", Types: []ir.Type{ir.ScalarType(dtype.I64), ir.ScalarType(dtype.I64)}}},
	}}
}

// emulated loads an artefact on the emulator.
func emulated(t *testing.T, fn *ir.Func, a *codegen.Artefact) *runtime.Kernel {
	t.Helper()
	d, err := runtime.Open("emu:sm_80")
	if err != nil {
		t.Fatal(err)
	}
	k, err := d.Load(fn, a)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// TestEmulated: phases, temps, scalars of the host, prints and progress, for sizes that fill no block and for none at all.
func TestEmulated(t *testing.T) {
	exact := ready(t, twoPhases, compile.Options{})
	fn := exact.Func()
	kernel := emulated(t, fn, twoArtefact(fn))
	for _, n := range []int{0, 1, 63, 64, 65, 200} {
		x := &array.Array{Elem: dtype.F32, Shape: []int64{int64(n)}, Data: make([]byte, 4*n)}
		array.Iota(x.Data, x.Elem, n)
		args := []runtime.Arg{{Tensor: x}, {Float: 0.125}}
		var got, want bytes.Buffer
		var phases []int64
		outs, err := kernel.Launch(context.Background(), []int64{int64(n)}, args, runtime.Options{Print: &got,
			Progress: func(_ string, done, total int64) { phases = append(phases, done, total) }})
		if err != nil {
			t.Fatal(n, err)
		}
		first, err := exact.Launch(context.Background(), []int64{int64(n)}, args, runtime.Options{Print: &want, Workers: 1})
		if err != nil {
			t.Fatal(n, err)
		}
		if diff := cmp.Diff(first, outs); diff != "" {
			t.Errorf("%d (-want +got)\n%s", n, diff)
		}
		if got.String() != want.String() {
			t.Errorf("%d prints\n%s\nnot\n%s", n, got.String(), want.String())
		}
		if blocks := int64((n + 63) / 64); n > 0 && !cmp.Equal(phases[len(phases)-4:], []int64{blocks, blocks, int64(n), int64(n)}) {
			t.Errorf("%d: progress %v", n, phases)
		}
	}
}

// TestEmulatedFaults: what a launch ends with names the line of the text.
func TestEmulatedFaults(t *testing.T) {
	fn := ready(t, twoPhases, compile.Options{}).Func()
	change := func(old, new string) func(*codegen.Artefact) {
		return func(a *codegen.Artefact) { a.Code = bytes.Replace(a.Code, []byte(old), []byte(new), 1) }
	}
	done, cancel := context.WithCancel(context.Background())
	cancel()
	for _, c := range []struct {
		name   string
		change func(*codegen.Artefact)
		ctx    context.Context
		n      int
		k      float64
		kind   interp.Kind
		want   string
	}{
		{"an assertion", nil, nil, 100, 1, interp.Asserted, "k.tile:11:9: assertion failed: t[n] < 100"},
		{"a require", nil, nil, 1000, 0, interp.Required, "k.tile:6:5: the arguments do not meet the kernel's requirement N < 1000"},
		{"out of bounds", change("setp.ge.s64 %p0, %d3, %d2", "setp.lt.s64 %p0, %d3, 0"), nil, 100, 0, interp.Bounds, "k.tile:8:16: out of bounds: "},
		{"uninitialised", change("st.global.b32 [%d6], %r5;", ""), nil, 100, 0, interp.Uninitialised, "k.tile:11:16: uninitialised: "},
		{"a race", change("[%d8], %r4", "[%d1], %r4"), nil, 2, 0, interp.Race, "k.tile:13:16: race: "},
		{"cancelled", nil, done, 100, 0, interp.Cancelled, "the run was cancelled"},
		{"not executed", change("mul.f32 %r5, %r4, %r0;", "trap;"), nil, 1, 0, interp.Internal, "k.tile:8:16: trap"},
		{"a fault that is none", func(a *codegen.Artefact) { a.Manifest.Faults = nil }, nil, 100, 1, interp.Internal, "its manifest has 0"},
	} {
		a := twoArtefact(fn)
		if c.change != nil {
			c.change(a)
		}
		x := &array.Array{Elem: dtype.F32, Shape: []int64{int64(c.n)}, Data: make([]byte, 4*c.n)}
		array.Iota(x.Data, x.Elem, c.n)
		_, err := emulated(t, fn, a).Launch(c.ctx, []int64{int64(c.n)}, []runtime.Arg{{Tensor: x}, {Float: c.k}}, runtime.Options{})
		var f *interp.Fault
		if !errors.As(err, &f) || f.Kind != c.kind || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestEmulatedEnds: a kernel that spins ends with its context.
func TestEmulatedEnds(t *testing.T) {
	fn := ready(t, twoPhases, compile.Options{}).Func()
	a := twoArtefact(fn)
	a.Code = bytes.Replace(a.Code, []byte("$end:"), []byte("$end:\n  bra $end;"), 1)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err := emulated(t, fn, a).Launch(ctx, []int64{1}, []runtime.Arg{{Tensor: floats(1)}, {}}, runtime.Options{})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

// TestEmulatedLoad: an artefact whose parts do not fit together is refused.
func TestEmulatedLoad(t *testing.T) {
	fn := ready(t, twoPhases, compile.Options{}).Func()
	d, err := runtime.Open("emu")
	if err != nil || d.Name() != "emu:sm_80" {
		t.Fatal(d, err)
	}
	for want, change := range map[string]func(a *codegen.Artefact){
		"is for target sm_90a":              func(a *codegen.Artefact) { a.Manifest.Target = "sm_90a" },
		"is of kernel one, not of two":      func(a *codegen.Artefact) { a.Manifest.Kernel = "one" },
		"its PTX: ":                         func(a *codegen.Artefact) { a.Code = []byte("nothing") },
		"its host program: ":                func(a *codegen.Artefact) { a.Manifest.Host = "" },
		"has no kernel \"two_2\"":           func(a *codegen.Artefact) { a.Manifest.Phases[1].Entry = "two_2" },
		"has 1 phases":                      func(a *codegen.Artefact) { a.Manifest.Phases = a.Manifest.Phases[:1] },
		"has 5 parameters":                  func(a *codegen.Artefact) { a.Manifest.Phases[0].Params = nil },
		"of kernel two_0 is host 99.0":      func(a *codegen.Artefact) { a.Manifest.Phases[0].Params[0].Index = 99 },
		"of kernel two_0 is tensor 1.0":     func(a *codegen.Artefact) { a.Manifest.Phases[0].Params[1].Index = 1 },
		"of kernel two_0 is count 1.0":      func(a *codegen.Artefact) { a.Manifest.Phases[0].Params[4].Index = 1 },
		"of kernel two_0 is temp 1.0":       func(a *codegen.Artefact) { a.Manifest.Phases[0].Params[2].Index = 1 },
		"of kernel two_0 is size -1.0":      func(a *codegen.Artefact) { a.Manifest.Phases[0].Params[3].Index = -1 },
		"of kernel two_0 is workspace 0.0":  func(a *codegen.Artefact) { a.Manifest.Phases[0].Params[3].Kind = codegen.WorkspaceSlot },
		"runs artefacts, and there is none": nil,
	} {
		a := twoArtefact(fn)
		if change == nil {
			a = nil
		} else {
			change(a)
		}
		if _, err := d.Load(fn, a); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}
