package cpu

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/toolchain"
	"github.com/tilec/tilec/ir"
)

// double is y = 2 x over blocks of 16 elements; a block whose first x is negative ends with fault 1, and a grid of more
// than 1<<40 elements is fault 0.
const double = `
define i64 @k.g0(ptr %ctx) {
  %n = load i64, ptr %ctx
  %large = icmp sgt i64 %n, 1099511627776
  %up = add i64 %n, 15
  %blocks = sdiv i64 %up, 16
  %r = select i1 %large, i64 -1, i64 %blocks
  ret i64 %r
}
define i64 @k.p0(ptr %ctx, i64 %lo, i64 %hi, ptr %scratch) {
entry:
  store i64 %lo, ptr %scratch
  %n = load i64, ptr %ctx
  %xp = getelementptr i64, ptr %ctx, i64 1
  %x = load ptr, ptr %xp
  %yp = getelementptr i64, ptr %ctx, i64 2
  %y = load ptr, ptr %yp
  br label %block
block:
  %b = phi i64 [ %lo, %entry ], [ %b1, %next ]
  %first = mul i64 %b, 16
  %past = add i64 %first, 16
  %short = icmp slt i64 %n, %past
  %end = select i1 %short, i64 %n, i64 %past
  %fp = getelementptr float, ptr %x, i64 %first
  %f = load float, ptr %fp
  %bad = fcmp olt float %f, 0.0
  br i1 %bad, label %fault, label %loop
fault:
  ret i64 2
loop:
  %i = phi i64 [ %first, %block ], [ %i1, %loop ]
  %ip = getelementptr float, ptr %x, i64 %i
  %v = load float, ptr %ip
  %w = fadd float %v, %v
  %op = getelementptr float, ptr %y, i64 %i
  store float %w, ptr %op
  %i1 = add i64 %i, 1
  %more = icmp slt i64 %i1, %end
  br i1 %more, label %loop, label %next
next:
  %b1 = add i64 %b, 1
  %again = icmp slt i64 %b1, %hi
  br i1 %again, label %block, label %done
done:
  ret i64 0
}
`

func doubleManifest() codegen.Manifest {
	return codegen.Manifest{Kernel: "k", Target: "cpu", Level: Levels()[0], Scratch: 64,
		Slots:  []codegen.Slot{{Kind: codegen.SizeSlot}, {Kind: codegen.TensorSlot, Index: 0, Name: "x"}, {Kind: codegen.TensorSlot, Index: 1, Name: "y"}},
		Phases: []codegen.Phase{{Name: "double", Grid: "k.g0", Run: "k.p0"}},
		Faults: []codegen.Fault{{Kind: "grid", Text: "the grid is too large"}, {Kind: "assert", Text: "x > 0", Pos: ir.Pos{File: "k.tile", Line: 3, Col: 4}}}}
}

// object compiles a module, or skips the test where there is no LLVM.
func object(t testing.TB, module string) []byte {
	t.Helper()
	if _, err := toolchain.LLVM(); err != nil {
		t.Skipf("needs LLVM: %v", err)
	}
	code, err := toolchain.Object(t.Context(), module)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func bound(t testing.TB, module string, m codegen.Manifest) (*Kernel, *Team) {
	t.Helper()
	k, err := LoadKernel(&codegen.Artefact{Manifest: m, Code: object(t, module)})
	if err != nil {
		t.Fatal(err)
	}
	memory := new(Pool)
	team := NewTeam(memory)
	t.Cleanup(func() {
		team.Close()
		if err := memory.Close(); err != nil {
			t.Error(err)
		}
	})
	return k, team
}

func bytesOf(x []float32) []byte {
	if len(x) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&x[0])), 4*len(x))
}

func ramp(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(i)
	}
	return x
}

// TestLaunch: every block runs exactly once, for any number of blocks and workers, in repeated launches.
func TestLaunch(t *testing.T) {
	k, team := bound(t, double, doubleManifest())
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(rapid.IntRange(0, 100), rapid.IntRange(0, 200_000)).Draw(t, "n")
		x, y := ramp(n), make([]float32, n)
		l, err := k.Bind(team, []int64{int64(n)}, []Value{{Data: bytesOf(x)}, {Data: bytesOf(y)}})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		r := Run{Workers: rapid.IntRange(0, 7).Draw(t, "workers"), Fixed: rapid.Bool().Draw(t, "fixed")}
		for range rapid.IntRange(1, 3).Draw(t, "runs") {
			clear(y)
			if err := l.Run(context.Background(), r); err != nil {
				t.Fatal(err)
			}
			for i := range x {
				if y[i] != 2*x[i] {
					t.Fatalf("n = %d, %+v: y[%d] = %v", n, r, i, y[i])
				}
			}
		}
	})
}

// TestTogether: launches from many goroutines do not disturb each other.
func TestTogether(t *testing.T) {
	k, team := bound(t, double, doubleManifest())
	var wait sync.WaitGroup
	for g := range 8 {
		wait.Go(func() {
			n := 1000 * (g + 1)
			x, y := ramp(n), make([]float32, n)
			l, err := k.Bind(team, []int64{int64(n)}, []Value{{Data: bytesOf(x)}, {Data: bytesOf(y)}})
			if err != nil {
				t.Error(err)
				return
			}
			for range 50 {
				clear(y)
				if err := l.Run(context.Background(), Run{Workers: 4}); err != nil {
					t.Error(err)
					return
				}
				for i := range x {
					if y[i] != 2*x[i] {
						t.Errorf("goroutine %d: y[%d] = %v", g, i, y[i])
						return
					}
				}
			}
		})
	}
	wait.Wait()
}

// TestFault: of several blocks that end with a fault the lowest is reported; a launch can run again afterwards.
func TestFault(t *testing.T) {
	m := doubleManifest()
	k, team := bound(t, double, m)
	x, y := ramp(64_000), make([]float32, 64_000)
	for i := 16 * 100; i < len(x); i += 16 * 37 {
		x[i] = -1
	}
	l, err := k.Bind(team, []int64{64_000}, []Value{{Data: bytesOf(x)}, {Data: bytesOf(y)}})
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		var fault *Fault
		if err := l.Run(context.Background(), Run{Workers: 3}); !errors.As(err, &fault) || fault.Fault != m.Faults[1] || fault.Error() != "k.tile:3:4: x > 0" {
			t.Fatalf("%v", err)
		}
		for i := range 16 * 100 {
			if y[i] != 2*x[i] {
				t.Fatalf("block %d, before the fault, did not run", i/16)
			}
		}
	}
	for i := range x {
		x[i] = 1
	}
	if err := l.Run(context.Background(), Run{Workers: 3}); err != nil {
		t.Fatal(err)
	}
	large, err := k.Bind(team, []int64{1 << 41}, []Value{{}, {}})
	if err != nil {
		t.Fatal(err)
	}
	var fault *Fault
	if err := large.Run(context.Background(), Run{}); !errors.As(err, &fault) || fault.Kind != "grid" {
		t.Errorf("%v", err)
	}
	large.Close()
	if err := large.Run(context.Background(), Run{}); err != ErrClosed {
		t.Errorf("a closed launch: %v", err)
	}
}

// slots has a serial phase that counts in a value of its own, takes a workspace and leaves a number in it, a temp and a
// buffer; and a second phase that waits until it is cancelled if the scalar is not 0, then gathers what is where.
const slots = `
define i64 @k.w0(ptr %ctx) {
  %n = load i64, ptr %ctx
  %bytes = mul i64 %n, 8
  ret i64 %bytes
}
define i64 @k.g0(ptr %ctx) {
  ret i64 1
}
define i64 @k.p0(ptr %ctx, i64 %lo, i64 %hi, ptr %scratch) {
  %n = load i64, ptr %ctx
  %vp = getelementptr i64, ptr %ctx, i64 3
  %v = load i64, ptr %vp
  %v1 = add i64 %v, 7
  store i64 %v1, ptr %vp
  %last = sub i64 %n, 1
  %wp = getelementptr i64, ptr %ctx, i64 4
  %w = load ptr, ptr %wp
  %we = getelementptr i64, ptr %w, i64 %last
  store i64 11, ptr %we
  %tp = getelementptr i64, ptr %ctx, i64 5
  %t = load ptr, ptr %tp
  %te = getelementptr i64, ptr %t, i64 %last
  store i64 13, ptr %te
  %bp = getelementptr i64, ptr %ctx, i64 6
  %b = load ptr, ptr %bp
  %be = getelementptr i64, ptr %b, i64 1
  store i64 17, ptr %be
  ret i64 0
}
define i64 @k.g1(ptr %ctx) {
  %n = load i64, ptr %ctx
  ret i64 %n
}
define i64 @k.p1(ptr %ctx, i64 %lo, i64 %hi, ptr %scratch) {
entry:
  %cp = getelementptr i64, ptr %ctx, i64 7
  %ap = getelementptr i64, ptr %ctx, i64 1
  %a = load i64, ptr %ap
  %hang = icmp ne i64 %a, 0
  br i1 %hang, label %wait, label %go
wait:
  %c = load atomic i64, ptr %cp monotonic, align 8
  %over = icmp ne i64 %c, 0
  br i1 %over, label %stop, label %wait
stop:
  ret i64 0
go:
  %n = load i64, ptr %ctx
  %last = sub i64 %n, 1
  %vp = getelementptr i64, ptr %ctx, i64 3
  %v = load i64, ptr %vp
  %wp = getelementptr i64, ptr %ctx, i64 4
  %w = load ptr, ptr %wp
  %we = getelementptr i64, ptr %w, i64 %last
  %x1 = load i64, ptr %we
  %tp = getelementptr i64, ptr %ctx, i64 5
  %t = load ptr, ptr %tp
  %te = getelementptr i64, ptr %t, i64 %last
  %x2 = load i64, ptr %te
  %bp = getelementptr i64, ptr %ctx, i64 6
  %b = load ptr, ptr %bp
  %be = getelementptr i64, ptr %b, i64 1
  %x3 = load i64, ptr %be
  %sp = getelementptr i64, ptr %ctx, i64 8
  %s = load i64, ptr %sp
  %yp = getelementptr i64, ptr %ctx, i64 2
  %y = load ptr, ptr %yp
  store i64 %v, ptr %y
  %y1 = getelementptr i64, ptr %y, i64 1
  store i64 %x1, ptr %y1
  %y2 = getelementptr i64, ptr %y, i64 2
  store i64 %x2, ptr %y2
  %y3 = getelementptr i64, ptr %y, i64 3
  store i64 %x3, ptr %y3
  %y4 = getelementptr i64, ptr %y, i64 4
  store i64 %s, ptr %y4
  ret i64 0
}
`

func slotsManifest() codegen.Manifest {
	n := &ir.Dim{Op: ir.DimSize}
	return codegen.Manifest{Kernel: "k", Target: "cpu", Level: Levels()[0],
		Slots: []codegen.Slot{{Kind: codegen.SizeSlot}, {Kind: codegen.ScalarSlot, Index: 0}, {Kind: codegen.TensorSlot, Index: 1}, {Kind: codegen.ValueSlot},
			{Kind: codegen.WorkspaceSlot}, {Kind: codegen.TempSlot, Name: "t", Dims: []*ir.Dim{n, {Op: ir.DimConst, K: 2}}, Bits: 32},
			{Kind: codegen.BufferSlot, Size: 16}, {Kind: codegen.CancelSlot}, {Kind: codegen.StrideSlot, Index: 1}},
		Phases: []codegen.Phase{{Grid: "k.g0", Run: "k.p0", Serial: true, Workspace: "k.w0", WorkspaceSlot: 4}, {Name: "gather", Grid: "k.g1", Run: "k.p1"}}}
}

// TestSlots: all memory that the manifest names is there, in every run anew.
func TestSlots(t *testing.T) {
	k, team := bound(t, slots, slotsManifest())
	y := make([]byte, 64)
	l, err := k.Bind(team, []int64{40_000}, []Value{{}, {Data: y, Strides: []int64{19}}})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		clear(y)
		if err := l.Run(context.Background(), Run{Workers: 1}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]byte{7, 11, 13, 17, 19}, []byte{y[0], y[8], y[16], y[24], y[32]}); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
	}
}

// TestCancel: a context that ends, ends the launch, and the launch can run again.
func TestCancel(t *testing.T) {
	k, team := bound(t, slots, slotsManifest())
	y := make([]byte, 64)
	for _, workers := range []int{1, 2} {
		l, err := k.Bind(team, []int64{40_000}, []Value{{Bits: 1}, {Data: y, Strides: []int64{19}}})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
			if err := l.Run(ctx, Run{Workers: workers}); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("%d workers: %v", workers, err)
			}
			if err := l.Run(ctx, Run{Workers: workers}); !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("%d workers, ended before: %v", workers, err)
			}
			cancel()
		}
	}
	if y[0] != 0 {
		t.Error("a cancelled launch went on")
	}
}

// printing prints the blocks' numbers and halves of them, in two blocks.
const printing = `
define i64 @k.g0(ptr %ctx) {
  ret i64 2
}
define i64 @k.p0(ptr %ctx, i64 %lo, i64 %hi, ptr %scratch) {
entry:
  %buf = load ptr, ptr %ctx
  br label %block
block:
  %b = phi i64 [ %lo, %entry ], [ %b1, %block ]
  %used = load i64, ptr %buf
  %at = getelementptr i8, ptr %buf, i64 %used
  store i64 0, ptr %at
  %a1 = getelementptr i64, ptr %at, i64 1
  store i64 56, ptr %a1
  %a2 = getelementptr i64, ptr %at, i64 2
  store i64 0, ptr %a2
  %a3 = getelementptr i64, ptr %at, i64 3
  store i64 %b, ptr %a3
  %a4 = getelementptr i64, ptr %at, i64 4
  store i64 1, ptr %a4
  %a5 = getelementptr i64, ptr %at, i64 5
  store i64 1, ptr %a5
  %f = sitofp i64 %b to double
  %half = fmul double %f, 0.5
  %a6 = getelementptr i64, ptr %at, i64 6
  store double %half, ptr %a6
  %past = add i64 %used, 56
  store i64 %past, ptr %buf
  %b1 = add i64 %b, 1
  %more = icmp slt i64 %b1, %hi
  br i1 %more, label %block, label %done
done:
  ret i64 0
}
`

// TestPrint: records come out whole and in order, and an error of the writer ends the launch.
func TestPrint(t *testing.T) {
	k, team := bound(t, printing, codegen.Manifest{Kernel: "k", Target: "cpu", Level: Levels()[0], Slots: []codegen.Slot{{Kind: codegen.PrintSlot}},
		Phases: []codegen.Phase{{Grid: "k.g0", Run: "k.p0", Ordered: true}}, Prints: []codegen.Print{{Text: "%v %v"}}})
	l, err := k.Bind(team, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []Printed
	for range 2 {
		got = nil
		if err := l.Run(context.Background(), Run{Print: func(p Printed) error { got = append(got, p); return nil }}); err != nil {
			t.Fatal(err)
		}
	}
	want := []Printed{
		{Values: []PrintedValue{{Data: []uint64{0}}, {Lengths: []int64{1}, Data: []uint64{0}}}},
		{Values: []PrintedValue{{Data: []uint64{1}}, {Lengths: []int64{1}, Data: []uint64{math.Float64bits(0.5)}}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	full := errors.New("the disk is full")
	if err := l.Run(context.Background(), Run{Print: func(Printed) error { return full }}); err != full {
		t.Errorf("%v", err)
	}
	if err := l.Run(context.Background(), Run{}); err != nil {
		t.Error(err)
	}
}

// TestArtefacts: an artefact that does not fit this machine or itself is refused with the reason.
func TestArtefacts(t *testing.T) {
	code := object(t, double)
	for _, c := range []struct {
		name string
		make func(m *codegen.Manifest)
		want string
	}{
		{"target", func(m *codegen.Manifest) { m.Target = "sm_80" }, "for target sm_80"},
		{"level", func(m *codegen.Manifest) { m.Level = "avx9" }, "needs the level avx9"},
		{"slot", func(m *codegen.Manifest) { m.Slots[1].Kind = "socket" }, `slot 1 of its manifest is of a kind "socket"`},
		{"index", func(m *codegen.Manifest) { m.Slots[1].Index = -1 }, "slot 1 of its manifest is damaged"},
		{"symbol", func(m *codegen.Manifest) { m.Phases[0].Run = "k.p7" }, "no function k.p7"},
		{"workspace", func(m *codegen.Manifest) { m.Phases[0].Workspace = "k.g0" }, "names slot 0 as that of a workspace"},
	} {
		m := doubleManifest()
		c.make(&m)
		if _, err := LoadKernel(&codegen.Artefact{Manifest: m, Code: code}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := LoadKernel(&codegen.Artefact{Manifest: doubleManifest(), Code: []byte("no object")}); err == nil {
		t.Error("text is loaded")
	}
	k, team := bound(t, double, doubleManifest())
	if _, err := k.Bind(team, nil, nil); err == nil || !strings.Contains(err.Error(), "takes 1 sizes and 2 arguments") {
		t.Errorf("%v", err)
	}
	huge := slotsManifest()
	s, team := bound(t, slots, huge)
	team.memory.Free = func() int64 { return 1 << 20 }
	if _, err := s.Bind(team, []int64{1 << 40}, []Value{{}, {Strides: []int64{1}}}); err == nil || !strings.Contains(err.Error(), "temp t") || !strings.Contains(err.Error(), "out of memory") {
		t.Errorf("%v", err)
	}
	if _, err := s.Bind(team, []int64{math.MaxInt64}, []Value{{}, {Strides: []int64{1}}}); err == nil || !strings.Contains(err.Error(), "impossible size") {
		t.Errorf("%v", err)
	}
}

// BenchmarkLaunch is what a launch costs besides the kernel's own work: of one block, of two small ones in one thread,
// and of enough for two threads.
func BenchmarkLaunch(b *testing.B) {
	k, team := bound(b, double, doubleManifest())
	for _, n := range []int{16, 32, 1 << 14, 1 << 18} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			x, y := ramp(n), make([]float32, n)
			l, err := k.Bind(team, []int64{int64(n)}, []Value{{Data: bytesOf(x)}, {Data: bytesOf(y)}})
			if err != nil {
				b.Fatal(err)
			}
			for _, workers := range []int{1, 2} {
				b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if err := l.Run(context.Background(), Run{Workers: workers}); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		})
	}
}
