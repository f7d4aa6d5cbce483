package interp

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

func TestGemmRagged(t *testing.T) {
	p, err := Compile(gemm(32, 8, 8))
	if err != nil {
		t.Fatal(err)
	}
	sizes := []int64{0, 1, 7, 8, 33, 41}
	for _, m := range sizes {
		for _, n := range sizes {
			for _, k := range sizes {
				a, b, c := randn(1, dtype.F32, m, k), randn(2, dtype.F32, n, k), blank(dtype.F32, m, n)
				if err := p.Run(tensors(a, b, c), Options{Workers: 3}); err != nil {
					t.Fatal(err)
				}
				x, y := floatsOf(a), floatsOf(b)
				for i, got := range floatsOf(c) {
					want := float32(0)
					for j := range k {
						want = fma32(float32(x[int64(i)/n*k+j]), float32(y[int64(i)%n*k+j]), want)
					}
					if got != float64(want) {
						t.Fatalf("%d×%d×%d: element %d is %g, want %g", m, n, k, i, got, want)
					}
				}
			}
		}
	}
}

func TestAttention(t *testing.T) {
	p, err := Compile(attention(16, 8))
	if err != nil {
		t.Fatal(err)
	}
	const d, heads = 64, 2
	for _, mn := range [][2]int64{{1, 1}, {17, 17}, {5, 40}, {33, 20}, {16, 16}, {3, 0}} {
		m, n := mn[0], mn[1]
		q, k, v := randn(1, dtype.F32, 1, heads, m, d), randn(2, dtype.F32, 1, heads, n, d), randn(3, dtype.F32, 1, heads, n, d)
		o, lse := blank(dtype.F32, 1, heads, m, d), blank(dtype.F32, 1, heads, m)
		args := tensors(q, k, v, nil, o, lse)
		args[3].Float = 0.125
		if err := p.Run(args, Options{}); err != nil {
			t.Fatal(err)
		}
		qs, ks, vs, os, ls := floatsOf(q), floatsOf(k), floatsOf(v), floatsOf(o), floatsOf(lse)
		for h := range int64(heads) {
			for i := range m {
				var w []float64
				den := 0.0
				for j := int64(0); j < n && j <= i+n-m; j++ {
					s := 0.0
					for e := range int64(d) {
						s += qs[(h*m+i)*d+e] * ks[(h*n+j)*d+e]
					}
					w = append(w, math.Exp(s*0.125))
					den += w[j]
				}
				if got, want := ls[h*m+i], math.Log(den); got != want && !(math.Abs(got-want) < 1e-5) {
					t.Fatalf("M %d, N %d: lse[%d, %d] = %g, want %g", m, n, h, i, got, want)
				}
				for e := range int64(d) {
					want := 0.0
					for j, x := range w {
						want += x / den * vs[(h*n+int64(j))*d+e]
					}
					if got := os[(h*m+i)*d+e]; !(math.Abs(got-want) < 1e-5) {
						t.Fatalf("M %d, N %d: o[%d, %d, %d] = %g, want %g", m, n, h, i, e, got, want)
					}
				}
			}
		}
	}
}

// TestControl runs loops whose carried values cross, which break, and which turn no time at all.
func TestControl(t *testing.T) {
	n := ir.SizeDim(0)
	f := ir.NewFunc("control", []*ir.Size{{Name: "N"}}, []*ir.Param{
		{Name: "x", Type: ir.TensorType(dtype.I32, ir.Dense, n)},
		{Name: "y", Role: ir.Out, Type: ir.TensorType(dtype.I64, ir.Dense, ir.ConstDim(9))},
		{Name: "z", Role: ir.Out, Type: ir.TensorType(dtype.I32, ir.Dense, n)},
	}, ir.Pos{})
	b := ir.NewBuilder(f)
	k := b.Index
	zero := k(0)
	put := func(i int64, v *ir.Value) { b.Store(f.ParamArg(1), []*ir.Value{k(i)}, v, "in", nil) }
	type list = []*ir.Value

	r := b.For("i", zero, k(7), 0, list{zero, k(1)}, func(_ *ir.Value, c list) (list, *ir.Value) {
		return list{c[1], b.Add(c[0], c[1])}, nil // Fibonacci
	})
	put(0, r[0])
	put(1, r[1])
	r = b.For("i", zero, k(7), 0, list{k(3), k(4)}, func(_ *ir.Value, c list) (list, *ir.Value) { return list{c[1], c[0]}, nil })
	put(2, r[0])
	put(3, r[1])
	r = b.For("i", zero, k(100), 0, list{zero}, func(i *ir.Value, c list) (list, *ir.Value) {
		s := b.Add(c[0], i)
		return list{s}, b.Gt(s, k(100)) // 0+1+…+14 = 105
	})
	put(4, r[0])
	r = b.For("i", k(5), k(3), 0, list{k(8)}, func(_ *ir.Value, c list) (list, *ir.Value) { return list{zero}, nil })
	put(5, r[0])
	r = b.While(list{k(100), zero}, func(c list) *ir.Value { return b.Gt(c[0], k(1)) }, func(c list) (list, *ir.Value) {
		return list{b.Div(c[0], k(2)), b.Add(c[1], k(1))}, nil // halvings of 100
	})
	put(6, r[1])
	r = b.While(list{k(1)}, func(c list) *ir.Value { return b.ConstBool(true) }, func(c list) (list, *ir.Value) {
		s := b.Mul(c[0], k(3))
		return list{s}, b.Gt(s, k(100))
	})
	put(7, r[0])
	r = b.If(b.Gt(r[0], k(100)), func() list { return list{b.Sub(r[0], k(100))} }, func() list { return list{zero} })
	put(8, r[0])

	// The same with tiles, in blocks.
	b.Parallel("", []ir.Binding{{Name: "n", Lo: zero, Hi: f.SizeArg(0), By: 4}}, func(args list) {
		v := b.Load(f.ParamArg(0), args, "in", nil)
		ten := b.Bcast(b.ConstInt(dtype.I32, 10), v.Type.Axes)
		// p, q = v, 10 → 10, v+10 → v+10, v+20 → v+20, 2v+30
		r := b.For("i", zero, k(3), 0, list{v, ten}, func(_ *ir.Value, c list) (list, *ir.Value) { return list{c[1], b.Add(c[0], c[1])}, nil })
		// Swapped an odd number of times; v itself lives on.
		r = b.For("i", zero, k(5), 0, list{r[0], r[1]}, func(_ *ir.Value, c list) (list, *ir.Value) { return list{c[1], c[0]}, nil })
		r = b.If(b.ConstBool(false), func() list { return list{r[0]} }, func() list { return list{b.Sub(b.Sub(r[0], r[1]), v)} })
		b.Store(f.ParamArg(2), args, r[0], "in", nil)
	})
	p, err := Compile(b.Finish())
	if err != nil {
		t.Fatal(err)
	}
	x, y, z := ints(dtype.I32, []int64{1, 2, 3, 4, 5, 6}, 6), blank(dtype.I64, 9), blank(dtype.I32, 6)
	for _, workers := range []int{1, 2} {
		if err := p.Run(tensors(x, y, z), Options{Workers: workers}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]int64{13, 21, 4, 3, 105, 8, 6, 243, 143}, intsOf(y)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]int64{10, 10, 10, 10, 10, 10}, intsOf(z)); diff != "" {
			t.Error(diff)
		}
	}
}

// TestStorage runs operations that could take over the storage of an operand which is still needed.
func TestStorage(t *testing.T) {
	dims := []*ir.Dim{ir.ConstDim(4), ir.ConstDim(16)}
	tensor := ir.TensorType(dtype.F32, ir.Dense, dims...)
	f := ir.NewFunc("storage", nil, []*ir.Param{{Name: "x", Type: tensor}, {Name: "y", Role: ir.Out, Type: ir.TensorType(dtype.F32, ir.Dense, ir.ConstDim(7), dims[0], dims[1])},
		{Name: "i", Role: ir.Out, Type: ir.TensorType(dtype.I64, ir.Dense, ir.ConstDim(30_000))}}, ir.Pos{})
	b := ir.NewBuilder(f)
	zero := b.Index(0)
	m, n, k := b.SpanOf(zero, b.Index(4), 4, "m"), b.SpanOf(b.Index(5), b.Index(21), 16, "n"), b.SpanOf(zero, b.Index(4), 4, "k")
	col := b.Affine([]ir.Term{{Var: n, Coef: 1}}, -5, 1, 0)
	x := b.Load(f.ParamArg(0), []*ir.Value{m, col}, "in", nil)
	a := b.Bcast(b.Reduce("sum", dtype.F32, x, n), ir.AxesOf(m, k))
	w := b.Load(f.ParamArg(0), []*ir.Value{k, col}, "in", nil)
	put := func(i int64, v *ir.Value) { b.Store(f.ParamArg(1), []*ir.Value{b.Index(i), m, col}, v, "in", nil) }
	type list = []*ir.Value
	product := func(acc *ir.Value) *ir.Value { return b.Contract(dtype.F32, a, w, nil, nil, acc, k) }
	// The accumulator is used again.
	put(0, product(x))
	put(1, x)
	// It is the initial value of a loop, and needed after.
	r := b.For("i", zero, b.Index(3), 0, list{x}, func(_ *ir.Value, c list) (list, *ir.Value) { return list{product(c[0])}, nil })
	put(2, r[0])
	put(3, x)
	// A loop yields a value from outside, which is needed after; and what it carries is changed elementwise.
	r = b.For("i", zero, b.Index(2), 0, list{x, x}, func(_ *ir.Value, c list) (list, *ir.Value) {
		return list{x, b.Add(c[1], c[1])}, nil
	})
	put(4, b.Sub(r[0], b.Neg(x)))
	put(5, r[1])
	put(6, x)
	// Blocks use a tile of the top, and nothing of its axis but in a reduction.
	row := b.Reduce("max", dtype.F32, x, m)
	b.Parallel("", []ir.Binding{{Name: "b", Lo: zero, Hi: b.Index(30_000)}}, func(args list) {
		b.Store(f.ParamArg(2), args, b.Reduce("argmax", dtype.I64, row, n), "in", nil)
	})
	p, err := Compile(b.Finish())
	if err != nil {
		t.Fatal(err)
	}
	v := make([]float64, 64)
	for i := range v {
		v[i] = float64(i%7) - 2
	}
	v[9] = 50
	y, index := blank(dtype.F32, 7, 4, 16), blank(dtype.I64, 30_000)
	if err := p.Run(tensors(floats(dtype.F32, v, 4, 16), y, index), Options{Workers: 3}); err != nil {
		t.Fatal(err)
	}
	got := floatsOf(y)
	for i := range 4 {
		sum := 0.0
		for j := range 16 {
			sum += v[i*16+j]
		}
		for j := range 16 {
			at, x := i*16+j, v[i*16+j]
			col := 0.0
			for k := range 4 {
				col += v[k*16+j]
			}
			for which, want := range []float64{x + sum*col, x, x + 3*sum*col, x, 2 * x, 4 * x, x} {
				if got[which*64+at] != want {
					t.Fatalf("result %d at [%d, %d] is %g, want %g", which, i, j, got[which*64+at], want)
				}
			}
		}
	}
	for i, got := range intsOf(index) {
		if got != 14 {
			t.Fatalf("argmax of block %d is %d, want 14", i, got)
		}
	}
}

func TestPrintAndAssert(t *testing.T) {
	const text = `
kernel @p[%N](%x: tensor<f32,[%N]>, %s: u64) -> () {
  %0 = const 0 : i64
  for %n in %0 .. %N by 4 {
    %v = load.in %x[%n] : tile<f32,[%n:4]>
    %two = const 2.0 : f32
    %b = bcast %two : tile<f32,[%n:4]>
    %c = lt %v, %b : tile<bool,[%n:4]>
    %i = iota [%n] : tile<i64,[%n:4]>
    print "x %v at %v, 100%% of %v, s" %v, %i, %n
    print "%v" %s
    print "%v" %c
    assert %c "x < 2" @13
    yield
  }
  yield
}
`
	p := compile(t, text)
	args := tensors(floats(dtype.F32, []float64{0.5, -1, 1.25, 0, 1, math.Inf(1)}, 6), nil)
	args[1].Int = -1
	var out bytes.Buffer
	err := p.Run(args, Options{Print: &out})
	var f *Fault
	if !errors.As(err, &f) || f.Kind != Asserted || f.Error() != "k.tile:13:1: assertion failed at n = 5: x < 2" {
		t.Error(err)
	}
	const want = `x [0.5 -1 1.25 0] at [0 1 2 3], 100% of 0..4, s
18446744073709551615
[true true true true]
x [1 inf] at [4 5], 100% of 4..6, s
18446744073709551615
[true false]
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	if err := p.Run(args, Options{}); err == nil {
		t.Error("no assertion failed without a writer")
	}
}

// TestLowestFault checks that of several faults that of the lowest block is reported, however many workers run.
func TestLowestFault(t *testing.T) {
	const text = `
kernel @d[%N](%x: tensor<i32,[%N]>) -> (%y: tensor<i32,[%N]>) {
  %0 = const 0 : i64
  parallel %n in %0 .. %N {
    %v = load.in %x[%n] : i32
    %100 = const 100 : i32
    %w = div %100, %v : i32 @7
    %five = const 5 : i32
    %c = ne %v, %five : bool
    assert %c "v != 5" @10
    store.in %y[%n] = %w
    yield
  }
  yield
}
`
	v := make([]int64, 5000)
	for i := range v {
		v[i] = 1
		if i > 700 && i%3 == 0 {
			v[i] = 5
		}
		if i > 700 && i%5 == 0 {
			v[i] = 0
		}
	}
	p := compile(t, text)
	for _, first := range []struct {
		at   int
		v    int64
		want string
	}{{600, 0, "k.tile:7:1: division by zero"}, {601, 5, "k.tile:10:1: assertion failed: v != 5"}} {
		v[600], v[601] = 1, 1
		v[first.at] = first.v
		for range 20 {
			err := p.Run(tensors(ints(dtype.I32, v, 5000), blank(dtype.I32, 5000)), Options{Workers: 4})
			if err == nil || err.Error() != first.want {
				t.Fatalf("%v, want %s", err, first.want)
			}
		}
	}
}

// endless is a kernel that runs for ever, in one of several ways.
func endless(body string) string {
	return `
kernel @e[](%n: i64) -> (%y: tensor<i64,[1]>) {
  %0 = const 0 : i64
  %big = const 1000000000000 : i64
` + body + `
  yield
}
`
}

var endlessBodies = map[string]string{
	"while": `
  while {
    %t = const 1 : bool
    yield %t
  } do () {
    yield
  }`,
	"for": `
  %a = for %i in %0 .. %big carry (%p = %0) : i64 {
    %q = add %p, %i : i64
    yield %q
  }`,
	"blocks": `
  parallel %i in %0 .. %big, %j in %0 .. %big by 1000000 {
    %q = add %i, %0 : i64
    yield
  }`,
}

func TestCancel(t *testing.T) {
	for name, body := range endlessBodies {
		text := endless(body)
		p := compile(t, text)
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		start := time.Now()
		err := p.Run([]Arg{{}, {Tensor: blank(dtype.I64, 1)}}, Options{Context: ctx})
		cancel()
		var f *Fault
		if !errors.As(err, &f) || f.Kind != Cancelled || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v", name, err)
		}
		if d := time.Since(start); d > 3*time.Second {
			t.Errorf("%s: cancelled only after %v", name, d)
		}
		err = p.Run([]Arg{{}, {Tensor: blank(dtype.I64, 1)}}, Options{MaxSteps: 10_000})
		if !errors.As(err, &f) || f.Kind != Limit || !strings.Contains(f.Message, "more than 10000 blocks and loop iterations") {
			t.Errorf("%s: %v", name, err)
		}
		if err := p.Run([]Arg{{}, {Tensor: blank(dtype.I64, 1)}}, Options{Context: ctx}); !errors.As(err, &f) || f.Kind != Cancelled {
			t.Errorf("%s: begun when it was over: %v", name, err)
		}
	}
	// A grid without work costs nothing, and one beyond counting is refused.
	p := compile(t, endless("  parallel %i in %0 .. %big, %j in %0 .. %big {\n    yield\n  }"))
	var f *Fault
	if err := p.Run([]Arg{{}, {Tensor: blank(dtype.I64, 1)}}, Options{}); !errors.As(err, &f) || f.Kind != Limit || !strings.Contains(f.Message, "is too large") {
		t.Error(err)
	}
	mustRunScalar(t, endless("  parallel %i in %0 .. %big {\n    yield\n  }"))
}

func mustRunScalar(t *testing.T, text string) {
	t.Helper()
	if err := compile(t, text).Run([]Arg{{}, {Tensor: blank(dtype.I64, 1)}}, Options{}); err != nil {
		t.Fatal(err)
	}
}

func TestMemoryLimit(t *testing.T) {
	p := compile(t, `
kernel @t[%N](%n: i64, %x: tensor<f32,[%N]>) -> (%y: tensor<i64,[1]>) {
  %0 = const 0 : i64
  %big = span %0, %n {width = 2000000} : span<2000000>
  %i = iota [%big] : tile<i64,[%big:2000000]> @5
  %j = add %i, %i : tile<i64,[%big:2000000]> @6
  yield
}
`)
	args := []Arg{{Int: 2_000_000}, {Tensor: blank(dtype.F32, 1)}, {Tensor: blank(dtype.I64, 1)}}
	var f *Fault
	if err := p.Run(args, Options{MaxMemory: 1 << 20}); !errors.As(err, &f) || f.Kind != Limit ||
		f.Error() != "k.tile:6:1: temps and tiles need more than the memory limit of 1 MiB: smaller tile sizes need less" {
		t.Error(err)
	}
	if err := p.Run(args, Options{}); err != nil {
		t.Error(err)
	}
	p = compile(t, `
kernel @t[%N](%n: i64, %x: tensor<f32,[%N]>) -> (%y: tensor<i64,[1]>) {
  %t = temp : tensor<f64,[(%N*%N),(%N*%N)]> @3
  %0 = const 0 : i64
  yield
}
`)
	args[1].Tensor = blank(dtype.F32, 1000)
	if err := p.Run(args, Options{}); !errors.As(err, &f) || f.Kind != Limit || !strings.HasPrefix(f.Error(), "k.tile:3:1: ") {
		t.Error(err)
	}
	args[1].Tensor = blank(dtype.F32, 1<<17)
	if err := p.Run(args, Options{}); !errors.As(err, &f) || f.Kind != Limit || !strings.HasPrefix(f.Error(), "k.tile:3:1: ") {
		t.Error(err)
	}
}

func TestProgress(t *testing.T) {
	f := gemm(16, 16, 16)
	p, err := Compile(f)
	if err != nil {
		t.Fatal(err)
	}
	var last, total int64
	err = p.Run(tensors(randn(1, dtype.F32, 64, 64), randn(2, dtype.F32, 64, 64), blank(dtype.F32, 64, 64)),
		Options{Progress: func(_ string, d, n int64) { last, total = d, n }})
	if err != nil || last != 16 || total != 16 {
		t.Errorf("%d of %d blocks, %v", last, total, err)
	}
}

// TestConcurrentRuns runs one program from several goroutines.
func TestConcurrentRuns(t *testing.T) {
	p, err := Compile(attention(16, 16))
	if err != nil {
		t.Fatal(err)
	}
	results := make(chan string, 4)
	for range 4 {
		go func() {
			o := blank(dtype.F32, 1, 2, 40, 64)
			args := tensors(randn(1, dtype.F32, 1, 2, 40, 64), randn(2, dtype.F32, 1, 2, 40, 64), randn(3, dtype.F32, 1, 2, 40, 64), nil, o, blank(dtype.F32, 1, 2, 40))
			args[3].Float = 0.125
			if err := p.Run(args, Options{Workers: 2}); err != nil {
				results <- err.Error()
			}
			results <- string(o.Data)
		}()
	}
	first := <-results
	for range 3 {
		if r := <-results; r != first {
			t.Fatal("runs differ")
		}
	}
}

// TestCompileRefuses checks that what the verifier rejects is an error, not a crash.
func TestCompileRefuses(t *testing.T) {
	f := parse(t, `
kernel @b[](%x: tensor<f32,[4]>) -> (%y: tensor<f32,[4]>) {
  %0 = const 0 : i64
  %v = load.in %x[%0] : f32
  store.in %x[%0] = %v @5
  yield
}
`)
	var e *ir.Error
	if _, err := Compile(f); !errors.As(err, &e) || e.Pos.Line != 5 {
		t.Error(err)
	}
}
