package interp

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tilec/tilec/ir/dtype"
)

// faultOf runs a program that must fail, with one worker and with several, and checks kind, places and message.
func faultOf(t *testing.T, text string, args []Arg, kind Kind, words ...string) {
	t.Helper()
	p := compile(t, text)
	for _, workers := range []int{1, 3} {
		err := p.Run(args, Options{Workers: workers})
		var f *Fault
		if !errors.As(err, &f) {
			t.Fatalf("%d workers: no fault but %v", workers, err)
		}
		if f.Kind != kind {
			t.Errorf("%d workers: a fault of kind %s, not %s: %v", workers, f.Kind, kind, f)
		}
		for _, w := range words {
			if !strings.Contains(f.Error(), w) {
				t.Errorf("%d workers: %q lacks %q", workers, f.Error(), w)
			}
		}
	}
}

func mustRun(t *testing.T, text string, args ...*Tensor) {
	t.Helper()
	p := compile(t, text)
	for _, workers := range []int{1, 3} {
		if err := p.Run(tensors(args...), Options{Workers: workers}); err != nil {
			t.Fatalf("%d workers: %v", workers, err)
		}
	}
}

func TestBoundsFaults(t *testing.T) {
	index := ints(dtype.I64, []int64{0, 2, 5, 1}, 4)
	x, y := ints(dtype.I32, []int64{1, 2, 3, 4}, 4), blank(dtype.I32, 4)
	const gather = `
kernel @g[%N](%i: tensor<i64,[%N]>, %x: tensor<i32,[%N]>) -> (%y: tensor<i32,[%N]>) {
  %0 = const 0 : i64
  parallel %n in %0 .. %N by 2 {
    %k = load.in %i[%n] : tile<i64,[%n:2]> @5
    %v = load.MODE %x[%k] : tile<i32,[%n:2]> @6
    store.in %y[%n] = %v @7
    yield
  }
  yield
}
`
	faultOf(t, strings.Replace(gather, "MODE", "unchecked", 1), tensors(index, x, y), Bounds,
		"k.tile:6:1: subscript 5 is outside dimension 1 of x, which has 4 elements")
	faultOf(t, strings.Replace(gather, "MODE", "in", 1), tensors(index, x, y), Internal, "k.tile:6", "subscript 5", "proven inside")

	// A span that reaches past the end, and a scalar.
	const shift = `
kernel @s[%N](%x: tensor<i32,[%N,%N]>) -> (%y: tensor<i32,[%N]>) {
  %0 = const 0 : i64
  parallel %n in %0 .. %N by 3 {
    %k = affine %n + 2 : tile<i64,[%n:3]>
    %v = load.unchecked %x[%0, %k] : tile<i32,[%n:3]> @6
    store.in %y[%n] = %v @7
    yield
  }
  yield
}
`
	faultOf(t, shift, tensors(blank(dtype.I32, 5, 5), blank(dtype.I32, 5)), Bounds,
		"k.tile:6:1: subscript 5 is outside dimension 2 of x, which has 5 elements")

	const scatter = `
kernel @w[%N](%i: tensor<i64,[%N]>, %x: tensor<i32,[%N]>) -> (%y: tensor<i32,[%N]>) {
  %0 = const 0 : i64
  for %n in %0 .. %N by 2 {
    %k = load.in %i[%n] : tile<i64,[%n:2]>
    %v = load.in %x[%n] : tile<i32,[%n:2]>
    store.unchecked %y[%k] = %v @7
    yield
  }
  yield
}
`
	faultOf(t, scatter, tensors(index, x, y), Bounds, "k.tile:7:1: subscript 5 is outside dimension 1 of y")
	faultOf(t, scatter, tensors(ints(dtype.I64, []int64{0, 1, -1, 2}, 4), x, y), Bounds, "subscript -1 is outside")
	faultOf(t, scatter, tensors(ints(dtype.I64, []int64{0, 1, 3, 3}, 4), x, y), Race, "k.tile:7:1: one store writes y[3] twice")
	mustRun(t, scatter, ints(dtype.I64, []int64{2, 0, 3, 1}, 4), x, y)
	if diff := cmp.Diff([]int64{2, 4, 1, 3}, intsOf(y)); diff != "" {
		t.Error(diff)
	}
	// Two stores of one block, one after the other, may write one element.
	mustRun(t, scatter, ints(dtype.I64, []int64{2, 0, 2, 1}, 4), x, y)

	const lookup = `
kernel @l[%N](%i: tensor<i64,[%N]>, %x: tensor<i32,[%N]>) -> (%y: tensor<i32,[%N]>) {
  %0 = const 0 : i64
  %1 = const 1 : i64
  %e = span %1, %N {width = 4} : span<4>
  %t = load.in %x[%e] : tile<i32,[%e:4]>
  parallel %n in %0 .. %N by 2 {
    %k = load.in %i[%n] : tile<i64,[%n:2]>
    %v = lookup.unchecked %t[%e: %k] : tile<i32,[%n:2]> @9
    store.in %y[%n] = %v
    yield
  }
  yield
}
`
	faultOf(t, lookup, tensors(ints(dtype.I64, []int64{1, 2, 3, 0}, 4), x, y), Bounds, "k.tile:9:1: index 0 is outside axis e, which has 1..4")
	mustRun(t, lookup, ints(dtype.I64, []int64{1, 2, 3, 1}, 4), x, y)
	if diff := cmp.Diff([]int64{2, 3, 4, 2}, intsOf(y)); diff != "" {
		t.Error(diff)
	}
}

func TestUninitialised(t *testing.T) {
	x, y := ints(dtype.I8, []int64{1, 2, 3, 4, 5}, 5), blank(dtype.I8, 5)
	// The first phase leaves out element 0 of the temp.
	const temp = `
kernel @u[%N](%x: tensor<i8,[%N]>) -> (%y: tensor<i8,[%N]>) {
  %0 = const 0 : i64
  %1 = const LOW : i64
  %t = temp : tensor<i8,[%N]>
  parallel %n in %1 .. %N by 2 {
    %v = load.in %x[%n] : tile<i8,[%n:2]>
    store.in %t[%n] = %v
    yield
  }
  parallel %k in %0 .. %N by 2 {
    %w = load.in %t[%k] : tile<i8,[%k:2]> @11
    store.in %y[%k] = %w
    yield
  }
  yield
}
`
	faultOf(t, strings.Replace(temp, "LOW", "1", 1), tensors(x, y), Uninitialised, "k.tile:11:1: t[0] is read before anything has written it")
	mustRun(t, strings.Replace(temp, "LOW", "0", 1), x, y)
	if diff := cmp.Diff([]int64{1, 2, 3, 4, 5}, intsOf(y)); diff != "" {
		t.Error(diff)
	}
	// Adding to an output that nothing has set.
	const count = `
kernel @c[%N](%x: tensor<i32,[%N]>) -> (%y: tensor<i32,[%N]>) {
  %0 = const 0 : i64
  parallel %n in %0 .. %N by 2 {
    %v = load.in %x[%n] : tile<i32,[%n:2]>
    atomic.KIND.in %y[%n] = %v @6
    yield
  }
  yield
}
`
	a, b := ints(dtype.I32, []int64{1, 2, 3}, 3), blank(dtype.I32, 3)
	faultOf(t, strings.Replace(count, "KIND", "add", 1), tensors(a, b), Uninitialised, "k.tile:6:1: y[0] is read before")
	mustRun(t, strings.Replace(count, "KIND", "xchg", 1), a, b)
}

// TestPoison checks what is left in an output where nothing is written.
func TestPoison(t *testing.T) {
	const first = `
kernel @p[%N](%x: tensor<TYPE,[%N]>) -> (%y: tensor<TYPE,[%N]>) {
  %0 = const 0 : i64
  %1 = const 1 : i64
  for %n in %0 .. %1 {
    %v = load.in %x[%n] : TYPE
    store.in %y[%n] = %v
    yield
  }
  yield
}
`
	for _, name := range []string{"f32", "f64", "f16", "bf16", "f8e4m3", "e8m0"} {
		e, _ := dtype.Parse(name)
		y := blank(e, 3)
		mustRun(t, strings.ReplaceAll(first, "TYPE", name), floats(e, []float64{1, 2, 4}, 3), y)
		if v := floatsOf(y); v[0] != 1 || v[1] == v[1] || v[2] == v[2] {
			t.Errorf("%s: %v, want 1 NaN NaN", name, v)
		}
	}
	y := blank(dtype.I32, 3)
	mustRun(t, strings.ReplaceAll(first, "TYPE", "i32"), ints(dtype.I32, []int64{7, 2, 3}, 3), y)
	pattern := int32(-0x33333334)
	if diff := cmp.Diff([]int64{7, int64(pattern), int64(pattern)}, intsOf(y)); diff != "" {
		t.Error(diff)
	}
}

func TestRaces(t *testing.T) {
	x := ints(dtype.I32, []int64{1, 2, 3, 4, 5, 6, 7, 8}, 8)
	y := func() *Tensor { return blank(dtype.I32, 8) }
	// Two blocks store one element: the spans overlap by one.
	const overlap = `
kernel @o[%N](%x: tensor<i32,[%N]>) -> (%y: tensor<i32,[%N]>) {
  %0 = const 0 : i64
  %h = const 4 : i64
  %five = const 5 : i64
  %two = const 2 : i64
  parallel %b in %0 .. %two {
    %lo = affine 3*%b : i64
    %hi = affine %lo + 4 : i64
    %n = span %lo, %hi {width = 4} : span<4>
    %v = load.in %x[%n] : tile<i32,[%n:4]>
    store.in %y[%n] = %v @12
    yield
  }
  yield
}
`
	faultOf(t, overlap, tensors(x, y()), Race, "k.tile:12:1: two blocks of one phase both store y[3]")

	// Reading what another block writes, in either order: block b reads element (b+1) mod 8.
	const neighbour = `
kernel @r[%N](%x: tensor<i32,[%N]>) -> (inout %y: tensor<i32,[%N]>) {
  %0 = const 0 : i64
  parallel %b in %0 .. %N {
    %k = affine %b + 1 mod 8 : i64
    %v = load.in %y[%k] : i32 @6
    store.in %y[%b] = %v @7
    yield
  }
  yield
}
`
	faultOf(t, neighbour, tensors(x, y()), Race, "one block", "reads", "stores", "k.tile:6:1", "k.tile:7:1")

	// Here the reader comes first in the order of blocks, and nothing else meets.
	const before = `
kernel @r[%N](%x: tensor<i32,[%N]>) -> (inout %y: tensor<i32,[%N]>) {
  %0 = const 0 : i64
  %2 = const 2 : i64
  parallel %b in %0 .. %2 {
    %c = gt %b, %0 : bool
    if %c {
      %k = const 5 : i32
      store.in %y[%2] = %k @9
      yield
    } else {
      %v = load.in %y[%2] : i32 @6
      store.in %y[%0] = %v
      yield
    }
    yield
  }
  yield
}
`
	faultOf(t, before, tensors(x, y()), Race, "y[2]", "k.tile:9:1", "k.tile:6:1")

	// What blocks did in one phase does not matter in the next.
	const phases = `
kernel @p[%N](%x: tensor<i32,[%N]>) -> (%y: tensor<i32,[%N]>) {
  %0 = const 0 : i64
  parallel %b in %0 .. %N {
    %v = load.in %x[%b] : i32
    store.in %y[%b] = %v
    yield
  }
  parallel %c in %0 .. %N {
    %k = affine %c + 3 mod 8 : i64
    %w = load.in %y[%k] : i32
    %u = add %w, %w : i32
    store.in %y[%k] = %u
    yield
  }
  parallel %d in %0 .. %N {
    %k3 = affine %d + 5 mod 8 : i64
    %v3 = load.in %y[%k3] : i32
    atomic.add.in %y[%k3] = %v3
    yield
  }
  yield
}
`
	w := y()
	mustRun(t, phases, x, w)
	if diff := cmp.Diff([]int64{4, 8, 12, 16, 20, 24, 28, 32}, intsOf(w)); diff != "" {
		t.Error(diff)
	}

	// A plain store among atomic updates.
	const mixed = `
kernel @m[%N](%x: tensor<i32,[%N]>) -> (inout %y: tensor<i32,[%N]>) {
  %0 = const 0 : i64
  parallel %b in %0 .. %N {
    %v = load.in %x[%b] : i32
    %k = affine %b div 2 : i64
    %odd = affine %b mod 2 : i64
    %one = const 1 : i64
    %c = eq %odd, %one : bool
    if %c {
      store.in %y[%k] = %v @11
      yield
    } else {
      atomic.add.in %y[%k] = %v @14
      yield
    }
    yield
  }
  yield
}
`
	faultOf(t, mixed, tensors(x, y()), Race, "y[", "k.tile:11:1", "k.tile:14:1", "atomically updates")

	// Many blocks may update one element, and each may update its own and then read it.
	const sum = `
kernel @s[%N](%x: tensor<i32,[%N]>) -> (inout %y: tensor<i32,[%N]>) {
  %0 = const 0 : i64
  parallel %b in %0 .. %N {
    %v = load.in %x[%b] : i32
    atomic.add.in %y[%0] = %v
    yield
  }
  yield
}
`
	z := y()
	mustRun(t, sum, x, z) // twice, on the same inout
	if diff := cmp.Diff([]int64{72, 0, 0, 0, 0, 0, 0, 0}, intsOf(z)); diff != "" {
		t.Error(diff)
	}
	const own = `
kernel @s[%N](%x: tensor<i32,[%N]>) -> (%y: tensor<i32,[%N]>) {
  %0 = const 0 : i64
  parallel %b in %0 .. %N {
    %v = load.in %x[%b] : i32
    store.in %y[%b] = %v
    %w = load.in %y[%b] : i32
    atomic.add.in %y[%b] = %w
    %u = load.in %y[%b] : i32
    store.in %y[%b] = %u
    yield
  }
  yield
}
`
	mustRun(t, own, x, z)
	if diff := cmp.Diff([]int64{2, 4, 6, 8, 10, 12, 14, 16}, intsOf(z)); diff != "" {
		t.Error(diff)
	}
}

// TestNarrowNeighbours lets every block write one element of a byte or word that it shares with others.
func TestNarrowNeighbours(t *testing.T) {
	const n = 3001
	for _, name := range []string{"u1", "i3", "u5", "i7", "f4e2m1", "bp2", "i8"} {
		e, err := dtype.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(`
kernel @c[%N](%x: tensor<T,[%N]>) -> (%y: tensor<T,[%N]>) {
  %0 = const 0 : i64
  parallel %b in %0 .. %N {
    %v = load.in %x[%b] : T
    store.in %y[%b] = %v
    yield
  }
  yield
}
`, "T,", name+",")
		text = strings.ReplaceAll(text, ": T", ": "+name)
		x, y := blank(e, n), blank(e, n)
		r := rand.New(rand.NewPCG(9, 9))
		for i := range x.Data {
			x.Data[i] = byte(r.Uint32())
		}
		// A tensor that does not begin at a byte.
		y.BitOffset = 3
		y.Data = append(y.Data, 0)
		p := compile(t, text)
		if err := p.Run(tensors(x, y), Options{Workers: 4}); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			a, b := dtype.ReadCode(x.Data, i*e.Bits(), e.Bits()), dtype.ReadCode(y.Data, 3+i*e.Bits(), e.Bits())
			if a != b {
				t.Fatalf("%s: element %d is %#x, want %#x", name, i, b, a)
			}
		}
	}
}

// TestStripes checks that no two stripes share a byte, whatever the width and the start.
func TestStripes(t *testing.T) {
	p := compile(t, "kernel @e[]() -> () {\n  yield\n}\n")
	for _, width := range []int{1, 2, 3, 5, 7, 8, 16, 32} {
		for _, bit := range []int{0, 1, 8, 13} {
			for _, n := range []int64{1, 8, 100, 5000, 1 << 20} {
				m := &memory{elem: dtype.Uint(width), dims: []int64{n}, bit: bit}
				m.layout(nil)
				r := &run{prog: p, memory: 1 << 30}
				if err := m.alloc(r, shared, nil); err != nil {
					t.Fatal(err)
				}
				if last := int((n - 1) >> m.shift); m.shift < 60 && (bit+width<<m.shift)&7 != 0 || len(m.locks) == 0 || last > 0 && m.shift >= 60 {
					t.Errorf("u%d[%d] from bit %d: stripes of 2^%d elements", width, n, bit, m.shift)
				}
			}
		}
	}
}

func TestAtomics(t *testing.T) {
	type row struct {
		kind, elem string
		start, v   []float64 // values added to element i mod 2
		want, old  []float64 // old with one worker
	}
	for _, c := range []row{
		{"add", "i8", []float64{100, 0}, []float64{100, 1, 3, 2}, []float64{-53, 3}, []float64{100, 0, -56, 1}},
		{"add", "f32", []float64{1, 0}, []float64{0.5, 1, 0.25, 2}, []float64{1.75, 3}, []float64{1, 0, 1.5, 1}},
		{"add", "f16", []float64{2048, 0}, []float64{1, 1, 1, 2}, []float64{2048, 3}, []float64{2048, 0, 2048, 1}},
		{"max", "f64", []float64{1, math.NaN()}, []float64{0.5, 1, 3, 0}, []float64{3, 1}, []float64{1, math.NaN(), 1, 1}},
		{"min", "u64", []float64{5, 9}, []float64{6, 3, 4, 8}, []float64{4, 3}, []float64{5, 9, 5, 3}},
		{"max", "i32", []float64{-5, 9}, []float64{-6, 3, -4, 10}, []float64{-4, 10}, []float64{-5, 9, -5, 9}},
		{"and", "u8", []float64{15, 255}, []float64{5, 60, 4, 20}, []float64{4, 20}, []float64{15, 255, 5, 60}},
		{"or", "i16", []float64{1, 2}, []float64{2, 4, 4, 8}, []float64{7, 14}, []float64{1, 2, 3, 6}},
		{"xor", "bool", []float64{1, 0}, []float64{1, 1, 1, 1}, []float64{1, 0}, []float64{1, 0, 0, 1}},
		{"xchg", "bf16", []float64{1, 2}, []float64{3, 4, 5, 6}, []float64{5, 6}, []float64{1, 2, 3, 4}},
		{"cas", "i32", []float64{1, 2}, []float64{1, 3, 11, 2}, []float64{21, 12}, []float64{1, 2, 11, 2}}, // new is 10 + v
		{"cas", "f32", []float64{1, 2}, []float64{1, 3, 11, 2}, []float64{21, 12}, []float64{1, 2, 11, 2}},
	} {
		e, err := dtype.Parse(c.elem)
		if err != nil {
			t.Fatal(err)
		}
		values, second := "%v", ""
		if c.kind == "cas" {
			ten := "10"
			if e.IsFloat() {
				ten = "10.0"
			}
			values, second = "%v, %w", "%ten = const "+ten+" : T\n  %w1 = bcast %ten : tile<T,[%n:2]>\n  %w = add %v, %w1 : tile<T,[%n:2]>"
		}
		text := `
kernel @a[%N](%x: tensor<T,[%N]>) -> (inout %y: tensor<T,[2]>, %z: tensor<T,[%N]>) {
  %0 = const 0 : i64
  parallel %n in %0 .. %N by 2 {
    %k = affine %n mod 2 : tile<i64,[%n:2]>
    %v = load.in %x[%n] : tile<T,[%n:2]>
    ` + second + `
    %o = atomic.` + c.kind + `.in %y[%k] = ` + values + ` : tile<T,[%n:2]>
    store.in %z[%n] = %o
    yield
  }
  yield
}
`
		text = strings.NewReplacer("<T,", "<"+c.elem+",", ": T", ": "+c.elem).Replace(text)
		y, z := floats(e, c.start, 2), blank(e, 4)
		p := compile(t, text)
		if err := p.Run(tensors(floats(e, c.v, 4), y, z), Options{Workers: 1}); err != nil {
			t.Fatal(err)
		}
		for i, got := range floatsOf(y) {
			if !sameFloat(got, c.want[i]) {
				t.Errorf("%s of %s: %v, want %v", c.kind, c.elem, floatsOf(y), c.want)
			}
		}
		for i, got := range floatsOf(z) {
			if !sameFloat(got, c.old[i]) {
				t.Errorf("%s of %s: old %v, want %v", c.kind, c.elem, floatsOf(z), c.old)
			}
		}
	}
}

// TestMasks checks that stores and atomic operations happen where the mask holds, and that nothing is checked elsewhere.
func TestMasks(t *testing.T) {
	const text = `
kernel @k[%N](%i: tensor<i64,[%N]>, %m: tensor<bool,[%N]>, %x: tensor<i32,[%N]>) -> (inout %y: tensor<i32,[%N]>, inout %z: tensor<i32,[%N]>) {
  %0 = const 0 : i64
  parallel %n in %0 .. %N by 4 {
    %k = load.in %i[%n] : tile<i64,[%n:4]>
    %c = load.in %m[%n] : tile<bool,[%n:4]>
    %v = load.in %x[%n] : tile<i32,[%n:4]>
    store.unchecked %y[%k] = %v if %c @8
    %o = atomic.add.unchecked %z[%k] = %v if %c : tile<i32,[%n:4]> @9
    yield
  }
  yield
}
`
	i := ints(dtype.I64, []int64{0, 77, 1, -5, 4, 3}, 6)
	m := ints(dtype.Bool, []int64{1, 0, 1, 0, 1, 1}, 6)
	x := ints(dtype.I32, []int64{1, 2, 3, 4, 5, 6}, 6)
	y, z := ints(dtype.I32, []int64{9, 9, 9, 9, 9, 9}, 6), ints(dtype.I32, []int64{9, 9, 9, 9, 9, 9}, 6)
	p := compile(t, text)
	if err := p.Run(tensors(i, m, x, y, z), Options{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{1, 3, 9, 6, 5, 9}, intsOf(y)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]int64{10, 12, 9, 15, 14, 9}, intsOf(z)); diff != "" {
		t.Error(diff)
	}
	bad := ints(dtype.Bool, []int64{1, 1, 1, 0, 1, 1}, 6)
	faultOf(t, text, tensors(i, bad, x, y, z), Bounds, "k.tile:8:1: subscript 77 is outside dimension 1 of y")
}

func TestArguments(t *testing.T) {
	const text = `
kernel @k[%M, %K, %G, %P = (%M*2)](%a: tensor<f32,[%M,%K]>, %b: tensor<f32,[%K]>, %s: tensor<f16,[%M,(%K/%G)]>, %g: tensor<i8,[%G]>, %x: f32) -> (%y: tensor<f32,[%P]>) {
  yield
}
`
	p := compile(t, text)
	good := func() []Arg {
		args := tensors(blank(dtype.F32, 4, 64), blank(dtype.F32, 64), blank(dtype.F16, 4, 2), blank(dtype.I8, 32), nil, blank(dtype.F32, 8))
		args[4].Float = 1
		return args
	}
	if err := p.Run(good(), Options{}); err != nil {
		t.Fatal(err)
	}
	sizes, err := Bind(p.fn, append(good()[:5], Arg{}))
	if diff := cmp.Diff([]int64{4, 64, 32, 8}, sizes); diff != "" || err != nil {
		t.Error(diff, err)
	}
	shape, err := Shape(p.fn, 5, sizes)
	if diff := cmp.Diff([]int64{8}, shape); diff != "" || err != nil {
		t.Error(diff, err)
	}
	shared := blank(dtype.F32, 64)
	for _, c := range []struct {
		change func(a []Arg)
		want   string
	}{
		{func(a []Arg) { a[1].Tensor = blank(dtype.F32, 65) }, "the dimension K is 64 in a and 65 in b"},
		{func(a []Arg) { a[1].Tensor = blank(dtype.F64, 64) }, "b has elements of f32, and its argument of f64"},
		{func(a []Arg) { a[1].Tensor = blank(dtype.F32, 8, 8) }, "b has 1 dimension, and its argument 2"},
		{func(a []Arg) { a[3].Tensor = blank(dtype.I8, 48) }, "K/G in the shape of s must divide exactly, and 64 is not a multiple of 48"},
		{func(a []Arg) { a[3].Tensor = blank(dtype.I8, 0) }, "K/G in the shape of s cannot be computed for K = 64, G = 0"},
		{func(a []Arg) { a[2].Tensor = blank(dtype.F16, 4, 3) }, "dimension 2 of s is 3, and must be K/G = 2 with K = 64, G = 32"},
		{func(a []Arg) { a[5].Tensor = blank(dtype.F32, 7) }, "dimension 1 of y is 7, and must be P = 8 with P = 8"},
		{func(a []Arg) { a[0].Tensor.Data = a[0].Tensor.Data[:100] }, "the argument of a needs 8192 bits of data and has 800"},
		{func(a []Arg) { a[0].Tensor.Shape[0] = -1 }, "the argument of a has an impossible shape [-1 64]"},
		{func(a []Arg) { a[0].Tensor.Strides = []int64{1, 4} }, "a must be row-major without gaps"},
		{func(a []Arg) { a[0].Tensor.Strides = []int64{-64, 1} }, "impossible strides"},
		{func(a []Arg) { a[0].Tensor.BitOffset = -8 }, "starts before its data"},
		{func(a []Arg) { a[0].Tensor = nil }, "a is a tensor, and its argument is none"},
		{func(a []Arg) { a[4].Tensor = blank(dtype.F32) }, "x is a scalar, and its argument a tensor"},
		{func(a []Arg) {
			a[1].Tensor = shared
			a[5].Tensor = &Tensor{Elem: dtype.F32, Shape: []int64{8}, Data: shared.Data[32:]}
		}, "the arguments of y and b overlap in memory, and y is written"},
	} {
		args := good()
		c.change(args)
		err := p.Run(args, Options{})
		var f *Fault
		if !errors.As(err, &f) || f.Kind != BadArgs || !strings.Contains(f.Message, c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
	if err := p.Run(good()[:3], Options{}); err == nil || !strings.Contains(err.Error(), "takes 6 arguments, not 3") {
		t.Error(err)
	}
	faultOf(t, `
kernel @r[%M](%a: tensor<f32,[%M]>) -> () {
  %0 = const 8 : i64
  %m = mod %M, %0 : i64
  %z = const 0 : i64
  %c = eq %m, %z : bool
  require %c "M % 8 == 0" @7
  yield
}
`, tensors(blank(dtype.F32, 9)), Required, "k.tile:7:1: the arguments do not meet the kernel's requirement M % 8 == 0")
}
