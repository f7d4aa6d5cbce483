package eval

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// TestMagnitudeAndError holds a and e to values worked out by hand. u is 2⁻²², s is 2⁻²³.
func TestMagnitudeAndError(t *testing.T) {
	const u, s = 0x1p-22, 0x1p-23
	n := axis("n", 4)
	x, v := memory("x", dtype.F64), memory("v", dtype.F64, 4)
	three := load(x)
	row := load(v, indices(n)) // 1, -2, 3, 4
	sum := op(ir.Add, three, num(-2))
	tests := []struct {
		name    string
		e       typed.Expr
		v, a, r float64
	}{
		{"input", three, 3, 3, 0},
		{"add", sum, 1, 5, 5 * u},
		{"sub", op(ir.Sub, three, num(2)), 1, 5, 5 * u},
		{"mul", op(ir.Mul, three, num(-2)), -6, 6, 6 * u},
		{"div", op(ir.Div, three, num(-2)), -1.5, 1.5, 1.5 * u},
		{"mul of sum", op(ir.Mul, sum, three), 3, 15, 3*5*u + 15*u},
		{"div by sum", op(ir.Div, three, sum), 3, 3, 3*5*u + 3*u},
		{"div of sum", op(ir.Div, sum, three), 1. / 3, 5. / 3, 5*u/3 + 5*u/3},
		{"neg", op(ir.Neg, sum), -1, 5, 5 * u},
		{"exp", op(ir.Exp, sum), math.E, math.E, math.E*5*u + math.E*u},
		{"log", op(ir.Log, sum), 0, 0, 5 * u},
		{"sqrt", op(ir.Sqrt, sum), 1, 1, 2.5*u + u},
		{"tanh of 0", op(ir.Tanh, op(ir.Sub, three, three)), 0, 0, 6 * u},
		{"max", op(ir.Max, sum, num(-9)), 1, 5, 5 * u},
		{"max, the other may win", op(ir.Max, sum, num(1)), 1, 1, 5 * u},
		{"select", sel(op(ir.Gt, three, num(0)), sum, num(100)), 1, 5, 5 * u},
		{"cast of an input", as(dtype.F16, num(2049)), 2048, 2048, 0},
		{"cast of a sum", as(dtype.F16, sum), 1, 5, 5*u + 0x1p-10},
		{"floor, far", op(ir.Floor, op(ir.Mul, sum, num(1.5))), 1, 1, 0},
		{"floor, at a step", op(ir.Floor, sum), 1, 1, 1},
		{"sum", reduce("sum", row, n), 6, 10, 4 * s * 10},
		{"sum of squares", reduce("sum", op(ir.Mul, row, row), n), 30, 30, 30*u + 4*s*30},
		{"mean", reduce("mean", row, n), 1.5, 2.5, 4*s*2.5 + 2.5*u},
		{"reduced max", reduce("max", op(ir.Mul, row, num(2)), n), 8, 8, 8 * u},
		{"prod", reduce("prod", row, n), -24, 24, 24*u + 4*(6*u+3*(2*u+2*u)) + 0},
		{"minus infinity", op(ir.Add, num(math.Inf(-1)), three), math.Inf(-1), 0, 0},
		{"exp of minus infinity", op(ir.Exp, op(ir.Mul, num(math.Inf(-1)), sum)), 0, 0, 0},
		{"nan", op(ir.Mul, num(math.NaN()), three), math.NaN(), 0, 0},
	}
	// prod by the rule of products: e1 = u·1; e2 = 2·e1 + u·2; e3 = 3·e2 + u·6; e4 = 4·e3 + u·24.
	for i := range tests {
		if tests[i].name == "prod" {
			e := u * 1.0
			e = 2*e + 2*u
			e = 3*e + 6*u
			tests[i].r = 4*e + 24*u
		}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &Runner{}
			run(t, r, literal(x, 3), literal(v, 1, -2, 3, 4))
			got := r.full(tt.e, nil, true)
			near := func(x, y float64) bool { return x == y || x != x && y != y || math.Abs(x-y) <= 1e-9*math.Abs(y) }
			if !near(got.f[0], tt.v) || !near(got.magnitude()[0], tt.a) || !near(errorOf(got), tt.r) {
				t.Errorf("v, a, e = %v, %v, %v, want %v, %v, %v", got.f[0], got.magnitude()[0], errorOf(got), tt.v, tt.a, tt.r)
			}
		})
	}
}

func errorOf(v *values) float64 {
	if v.e == nil {
		return 0
	}
	return v.e[0]
}

// TestBound: a result is accepted at the bound and refused just beyond it.
func TestBound(t *testing.T) {
	n := axis("n", 4)
	v := memory("v", dtype.F64, 4)
	sum := reduce("sum", load(v, indices(n)), n) // 6, a = 10, e = 4·2⁻²³·10
	const e = 4 * 0x1p-23 * 10
	tests := []struct {
		elem  dtype.Type
		y     typed.Expr
		bound float64
	}{
		{dtype.F64, sum, e + 0x1p-51 + 0x1p-1074},
		{dtype.F32, sum, e + 0x1p-22 + 0x1p-149},
		{dtype.F32, num(0), 0x1p-150 + 0x1p-149},
		{dtype.F32, op(ir.Mul, num(3), num(2)), 6*0x1p-22 + 0x1p-22 + 0x1p-149},
	}
	for _, tt := range tests {
		for _, sign := range []float64{-1, 1} {
			for _, over := range []bool{false, true} {
				r := &Runner{}
				run(t, r, literal(v, 1, -2, 3, 4))
				want := r.whole(tt.y).f[0]
				got := want + sign*tt.bound
				round := func(x float64, away bool) float64 { // to the result's type, toward or away from y
					z := tt.elem.Round64(x)
					if (math.Abs(z-want) > tt.bound) != away {
						step := math.Ldexp(1, -23)
						if tt.elem == dtype.F64 {
							step = math.Ldexp(1, -52)
						}
						if want == 0 {
							step = tt.elem.SmallestSubnormal()
						} else {
							step *= 8
						}
						if away {
							z += sign * step
						} else {
							z -= sign * step
						}
					}
					return z
				}
				x := memory("x", tt.elem)
				run(t, r, fake(r, x, round(got, over)))
				err := r.Exec(equal(load(x), tt.y))
				var f *Failure
				if over != errors.As(err, &f) {
					t.Errorf("%s: %v instead of %v, bound %v: %v", tt.elem, round(got, over), want, tt.bound, err)
				}
			}
		}
	}
}

func TestExpect(t *testing.T) {
	n := axis("n", 3)
	nan, inf := math.NaN(), math.Inf(1)
	within := func(x, y typed.Expr, t float64) *typed.Expect {
		e := equal(x, y)
		e.Within = num(t)
		return e
	}
	same := func(x, y typed.Expr) *typed.Expect {
		e := equal(x, y)
		e.Op = "same"
		return e
	}
	y := memory("y", dtype.F64, 3)
	tests := []struct {
		name string
		elem dtype.Type
		got  []float64
		want []float64
		how  func(x, y typed.Expr) *typed.Expect
		fail string // part of the message, empty where it holds
	}{
		{"equal", dtype.F32, []float64{1, 2, 3}, []float64{1, 2, 3}, equal, ""},
		{"off", dtype.F32, []float64{1, 2, 3.001}, []float64{1, 2, 3}, equal, "fails at 1 of 3 elements, n 3: x == y\n    at n 2: got 3.00099993, want 3, off by 0.001, bound 1.19e-07"},
		{"nan is nan", dtype.F32, []float64{1, nan, 3}, []float64{1, nan, 3}, equal, ""},
		{"nan for a number", dtype.F32, []float64{1, nan, 3}, []float64{1, 2, 3}, equal, "n 1: got NaN, want 2"},
		{"a number for nan", dtype.F32, []float64{1, 2, 3}, []float64{1, nan, 3}, equal, "n 1: got 2, want NaN"},
		{"infinity", dtype.F32, []float64{inf, -inf, 3}, []float64{inf, -inf, 3}, equal, ""},
		{"the other infinity", dtype.F32, []float64{inf, -inf, 3}, []float64{-inf, -inf, 3}, equal, "at n 0: got +Inf, want -Inf"},
		{"infinity for a large number", dtype.F32, []float64{inf, 2, 3}, []float64{1e38, 2, 3}, equal, "n 0"},
		{"overflow", dtype.F16, []float64{inf, -inf, 65504}, []float64{1e6, -65520, 65504}, equal, ""},
		{"no overflow", dtype.F16, []float64{65504, 1, 1}, []float64{1e6, 1, 1}, equal, "at n 0: got 65504, want +Inf"},
		{"saturation", dtype.F8E4M3, []float64{448, -448, 1}, []float64{1e6, -500, 1}, equal, ""},
		{"integers", dtype.I32, []float64{1, -2, 3}, []float64{1, -2, 3}, equal, ""},
		{"integers by one", dtype.I32, []float64{1, -2, 3}, []float64{1, -2, 4}, equal, "n 2: got 3, want 4"},
		{"small integers", dtype.I4, []float64{1, -8, 7}, []float64{1, -8, 7}, equal, ""},
		{"small integers by one", dtype.I4, []float64{1, -8, 7}, []float64{1, -7, 7}, equal, "n 1: got -8, want -7"},
		{"small integers saturate", dtype.I4, []float64{1, -8, 7}, []float64{1, -20, 70}, equal, ""},
		{"within", dtype.F32, []float64{1, 2, 3}, []float64{1.01, 2, 3}, func(x, y typed.Expr) *typed.Expect { return within(x, y, 0.005) }, ""},
		{"not within", dtype.F32, []float64{1, 2, 3}, []float64{1.02, 2, 3}, func(x, y typed.Expr) *typed.Expect { return within(x, y, 0.005) }, "bound 0.0101"},
		{"nan within", dtype.F32, []float64{nan, 2, 3}, []float64{1, 2, 3}, func(x, y typed.Expr) *typed.Expect { return within(x, y, 1e9) }, "got NaN"},
		{"within 0", dtype.F32, []float64{1, 2, 3}, []float64{1, 2, 3}, func(x, y typed.Expr) *typed.Expect { return within(x, y, 0) }, ""},
		{"bits", dtype.F32, []float64{1, nan, 0}, []float64{1, nan, 0}, same, ""},
		{"signs of zero", dtype.F32, []float64{1, 1, math.Copysign(0, -1)}, []float64{1, 1, 0}, same, "n 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &Runner{}
			x := memory("x", tt.elem, 3)
			want := load(y, indices(n))
			run(t, r, literal(y, tt.want...))
			if tt.elem == dtype.I32 {
				want = as(dtype.I64, want)
			}
			run(t, r, fake(r, x, tt.got...))
			err := r.Exec(tt.how(load(x, indices(n)), want))
			var f *Failure
			switch {
			case tt.fail == "" && err != nil:
				t.Error(err)
			case tt.fail != "" && (!errors.As(err, &f) || !strings.Contains(err.Error(), tt.fail) || !strings.HasPrefix(err.Error(), "t.tile:7:5: ")):
				t.Errorf("error %v, want %q", err, tt.fail)
			}
		})
	}
}

// TestResultsInExpressions: inside an expression a kernel's result has an error of half its ulp, on either side.
func TestResultsInExpressions(t *testing.T) {
	for _, tt := range []struct {
		off float64
		ok  bool
	}{{0x1p-11, true}, {0x1.9p-11, false}} {
		r := &Runner{}
		x, y := memory("x", dtype.F16), memory("y", dtype.F64)
		run(t, r, literal(y, 2*(1+tt.off)), fake(r, x, 1))
		for _, e := range []*typed.Expect{equal(op(ir.Mul, load(x), num(2)), load(y)), equal(load(y), op(ir.Mul, load(x), num(2)))} {
			if err := r.Exec(e); (err == nil) != tt.ok {
				t.Errorf("off by %v: %v", tt.off, err)
			}
		}
	}
}

// TestByPosition compares values over axes of equal extents and different names, in order.
func TestByPosition(t *testing.T) {
	m, n, i, j := axis("m", 2), axis("n", 3), axis("i", 2), axis("j", 3)
	x, y := memory("x", dtype.F32, 2, 3), memory("y", dtype.F64, 2, 3)
	r := &Runner{}
	run(t, r, literal(y, 1, 2, 3, 4, 5, 6), fake(r, x, 1, 2, 3, 4, 5, 6))
	run(t, r, equal(load(x, indices(m), indices(n)), load(y, indices(i), indices(j))))
	if err := r.Exec(equal(load(x, indices(m), indices(n)), op(ir.Neg, load(y, indices(i), indices(j))))); err == nil {
		t.Error("the opposite is equal")
	}
	if err := r.Exec(equal(load(x, indices(m), indices(n)), load(y, indices(j), indices(i)))); err == nil {
		t.Error("the transpose is equal")
	}
	// More axes than the other side: the other repeats.
	run(t, r, equal(load(x, whole(0), whole(1)), num(2)))
	if err := r.Exec(equal(load(x, indices(m), indices(n)), num(2))); err == nil || !strings.Contains(err.Error(), "5 of 6") {
		t.Errorf("repeated: %v", err)
	}
}

// TestContractions: a recognised contraction is what the sum of products gives element by element, bounds included.
func TestContractions(t *testing.T) {
	b, m, n, k, l := axis("b", 3), axis("m", 5), axis("n", 7), axis("k", 11), axis("l", 2)
	x, y, z := memory("x", dtype.F32, 3, 5, 11), memory("y", dtype.F32, 11, 3, 7), memory("z", dtype.F32, 7, 2)
	lx := load(x, indices(b), indices(m), indices(k))
	ly := load(y, indices(k), indices(b), indices(n))
	lz := load(z, indices(n), indices(l))
	tests := []struct {
		name string
		e    typed.Expr
		sum  []*typed.Axis
	}{
		{"batched", op(ir.Mul, lx, ly), []*typed.Axis{k}},
		{"three factors", op(ir.Mul, op(ir.Mul, lx, ly), lz), []*typed.Axis{k}},
		{"two axes", op(ir.Mul, op(ir.Mul, lz, lx), ly), []*typed.Axis{b, k}},
		{"errors", op(ir.Mul, op(ir.Exp, lx), op(ir.Add, ly, lz)), []*typed.Axis{k}},
		{"integers", op(ir.Mul, as(dtype.I64, op(ir.Mul, lx, num(10))), as(dtype.I64, op(ir.Mul, ly, num(10)))), []*typed.Axis{k}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &Runner{}
			run(t, r, generated(x, "randn", 1), generated(y, "randn", 2), generated(z, "randn", 3))
			fast := reduce("sum", tt.e, tt.sum...)
			if _, ok := (&worker{r: r}).product(fast.(*typed.Reduce)); !ok {
				t.Fatal("not recognised")
			}
			slow := reduce("sum", sel(op(ir.Eq, whole(0), whole(0)), tt.e, tt.e), tt.sum...)
			axes := fast.Type().Axes
			got, want := r.full(fast, axes, true), r.full(slow, axes, true)
			if d := cmp.Diff(want.i, got.i); d != "" {
				t.Error(d)
			}
			for i := range want.f {
				for _, p := range [][2]float64{{got.f[i], want.f[i]}, {got.magnitude()[i], want.magnitude()[i]}, {errorsOf(got)[i], errorsOf(want)[i]}} {
					if math.Abs(p[0]-p[1]) > 1e-12+1e-9*math.Abs(p[1]) {
						t.Fatalf("element %d: %v, want %v", i, p[0], p[1])
					}
				}
			}
		})
	}
}

// TestStatements runs the statements that inlined functions bring.
func TestStatements(t *testing.T) {
	n, j := axis("n", 5), axis("j", 2)
	v, w, i := variable("v", dtype.I64, n), variable("w", dtype.I64), variable("i", dtype.I64)
	at := typed.S{At: here}
	add := func(a, b typed.Expr) typed.Expr { return op(ir.Add, a, b) }
	m := &typed.Multi{Op: ir.Topk, Axis: n, To: j, Args: []typed.Expr{ref(v)},
		Types: []typed.Type{{Elem: dtype.I64, Axes: []*typed.Axis{j}}, {Elem: dtype.I64, Axes: []*typed.Axis{j}}}}
	cum := &typed.Multi{Op: ir.Scan, Kind: "sum", Axis: n, Args: []typed.Expr{ref(v)}, Types: []typed.Type{{Elem: dtype.I64, Axes: []*typed.Axis{n}}}}
	p, q := variable("p", dtype.I64), variable("q", dtype.I64)
	fn := &typed.Multi{Op: ir.Scan, Kind: "func", Axis: n, Args: []typed.Expr{ref(v)}, Types: []typed.Type{{Elem: dtype.I64, Axes: []*typed.Axis{n}}},
		Func: &typed.Lambda{Params: []*typed.Var{p, q}, Results: []typed.Expr{op(ir.Max, ref(p), ref(q))}}}
	result := func(m *typed.Multi, k int) typed.Expr {
		return &typed.Result{X: typed.X{T: m.Types[k], At: here}, Of: m, N: k}
	}
	tests := []struct {
		name string
		list []typed.Stmt
		e    typed.Expr
		want []int64
	}{
		{"for, break, continue", []typed.Stmt{set(w, whole(0)), &typed.For{S: at, Bind: &typed.Bind{Lo: whole(2), Hi: whole(100), Var: i}, Body: []typed.Stmt{
			&typed.If{S: at, Cond: op(ir.Eq, ref(i), whole(4)), Then: []typed.Stmt{&typed.Continue{S: at}}},
			&typed.If{S: at, Cond: op(ir.Gt, ref(i), whole(6)), Then: []typed.Stmt{&typed.Break{S: at}}},
			set(w, add(ref(w), ref(i)))}}}, ref(w), []int64{2 + 3 + 5 + 6}},
		{"while", []typed.Stmt{set(w, whole(1)), &typed.While{S: at, Cond: op(ir.Lt, ref(w), whole(50)), Body: []typed.Stmt{set(w, add(ref(w), ref(w)))}}}, ref(w), []int64{64}},
		{"where", []typed.Stmt{set(v, indices(n)), &typed.Where{S: at, Cond: op(ir.Gt, indices(n), whole(2)), Body: []typed.Stmt{set(v, whole(9))}}}, ref(v), []int64{0, 1, 2, 9, 9}},
		{"scatter", []typed.Stmt{set(v, indices(n)), &typed.Scatter{S: at, Var: v, Axis: n, Index: add(indices(j), whole(1)), Value: whole(7)}}, ref(v), []int64{0, 7, 7, 3, 4}},
		{"scatter skips", []typed.Stmt{set(v, indices(n)), &typed.Scatter{S: at, Var: v, Axis: n, Index: add(indices(j), whole(4)), Value: whole(7), Mode: typed.Else}}, ref(v), []int64{0, 1, 2, 3, 7}},
		{"topk", []typed.Stmt{set(v, op(ir.Mod, op(ir.Mul, indices(n), whole(3)), whole(5))), &typed.Do{S: at, Op: m}}, result(m, 0), []int64{4, 3}},
		{"topk indices", []typed.Stmt{set(v, op(ir.Mod, op(ir.Mul, indices(n), whole(3)), whole(5))), &typed.Do{S: at, Op: m}}, result(m, 1), []int64{3, 1}},
		{"cumsum", []typed.Stmt{set(v, indices(n)), &typed.Do{S: at, Op: cum}}, result(cum, 0), []int64{0, 1, 3, 6, 10}},
		{"scan", []typed.Stmt{set(v, op(ir.Mod, op(ir.Mul, indices(n), whole(3)), whole(5))), &typed.Do{S: at, Op: fn}}, result(fn, 0), []int64{0, 3, 3, 4, 4}},
		{"argmax", []typed.Stmt{set(v, op(ir.Mod, op(ir.Mul, indices(n), whole(3)), whole(5)))}, reduce("argmax", ref(v), n), []int64{3}},
		{"argmin of floats", []typed.Stmt{set(v, op(ir.Mod, op(ir.Mul, indices(n), whole(3)), whole(5)))}, reduce("argmin", op(ir.Neg, as(dtype.F64, ref(v))), n), []int64{3}},
		{"lookup", []typed.Stmt{set(v, op(ir.Mul, indices(n), whole(10)))}, &typed.Lookup{X: of(dtype.I64, j), Tile: ref(v), Axis: n, Index: add(indices(j), whole(3))}, []int64{30, 40}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &Runner{}
			run(t, r, tt.list...)
			if d := cmp.Diff(tt.want, r.whole(tt.e).i); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestGenerators(t *testing.T) {
	n := axis("n", 100)
	get := func(kind string, elem dtype.Type, lo, hi float64, seed, runSeed uint64) []float64 {
		r := &Runner{Seed: runSeed}
		x := memory("x", elem, 100)
		run(t, r, &typed.Gen{S: typed.S{At: here}, Tensor: x, Kind: kind, Lo: lo, Hi: hi, Seed: seed})
		return r.whole(as(dtype.F64, load(x, indices(n)))).f
	}
	a, b, c, d := get("randn", dtype.F32, 0, 0, 1, 0), get("randn", dtype.F32, 0, 0, 1, 0), get("randn", dtype.F32, 0, 0, 2, 0), get("randn", dtype.F32, 0, 0, 1, 1)
	if !cmp.Equal(a, b) || cmp.Equal(a, c) || cmp.Equal(a, d) {
		t.Error("randn depends on its seed and the run's, and on nothing else")
	}
	ranges := func(name string, x []float64, lo, hi float64) {
		least, most := math.Inf(1), math.Inf(-1)
		for _, v := range x {
			least, most = min(least, v), max(most, v)
		}
		if least < lo || most > hi || most-least < (hi-lo)/2 {
			t.Errorf("%s: from %v to %v, want most of %v to %v", name, least, most, lo, hi)
		}
	}
	ranges("uniform", get("uniform", dtype.F32, -1, 3, 1, 0), -1, 3)
	ranges("randint", get("randint", dtype.F16, -4, 5, 1, 0), -4, 4)
	ranges("randint", get("randint", dtype.I8, -4, 5, 1, 0), -4, 4)
	ranges("randcode", get("randcode", dtype.U4, 0, 0, 1, 0), 0, 15)
	ranges("randcode", get("randcode", dtype.U4, 2, 5, 1, 0), 2, 4)
	ranges("iota", get("iota", dtype.I32, 0, 0, 1, 0), 0, 99)
	perm := get("randperm", dtype.I32, 0, 120, 1, 0)
	seen := map[float64]bool{}
	for _, v := range perm {
		if seen[v] || v < 0 || v >= 120 {
			t.Errorf("randperm has %v twice or outside", v)
		}
		seen[v] = true
	}
	r := &Runner{}
	if err := r.Exec(&typed.Gen{S: typed.S{At: here}, Tensor: memory("x", dtype.I32, 5), Kind: "randperm", Hi: 4}); err == nil {
		t.Error("5 distinct numbers below 4")
	}
	if err := r.Exec(&typed.Gen{S: typed.S{At: here}, Tensor: memory("x", dtype.I32, 1<<20, 1<<20), Kind: "zeros"}); err == nil {
		t.Error("a tensor of 2^40 elements")
	}
}

// TestSubscripts: what is outside is an error with its place, or the value after else.
func TestSubscripts(t *testing.T) {
	n := axis("n", 4)
	x := memory("x", dtype.F64, 4)
	at := func(mode typed.BoundsMode) typed.Expr {
		return &typed.Load{X: of(dtype.F64, n), Tensor: x, Index: []typed.Expr{op(ir.Sub, indices(n), whole(2))}, Mode: mode, Out: num(-1)}
	}
	r := &Runner{}
	run(t, r, literal(x, 1, 2, 3, 4))
	if d := cmp.Diff([]float64{-1, -1, 1, 2}, r.whole(at(typed.Else)).f); d != "" {
		t.Error(d)
	}
	err := r.Exec(set(variable("v", dtype.F64, n), at(typed.Unchecked)))
	if err == nil || !strings.Contains(err.Error(), "t.tile:7:5: subscript -2 of dimension 1 of x is outside 0..4") {
		t.Errorf("error %v", err)
	}
}

// TestRoundings holds the weights of small kernels to counts by hand, in units of the f16 roundoff.
func TestRoundings(t *testing.T) {
	h := dtype.F16.UnitRoundoff()
	x, p := variable("x", dtype.F32), variable("p", dtype.F16)
	wide := func(e typed.Expr) typed.Expr { return as(dtype.F32, e) }
	mul := func(a, b typed.Expr) typed.Expr { return op(ir.Mul, a, b) }
	for _, tt := range []struct {
		name string
		elem dtype.Type
		list []typed.Stmt
		e    typed.Expr
		want float64
	}{
		{"copy", dtype.F32, nil, ref(x), 0},
		{"the last does not count", dtype.F16, nil, as(dtype.F16, ref(x)), 0},
		{"nor through a variable", dtype.F16, []typed.Stmt{set(p, as(dtype.F16, ref(x)))}, ref(p), 0},
		{"inside", dtype.F16, []typed.Stmt{set(p, as(dtype.F16, ref(x)))}, as(dtype.F16, mul(wide(ref(p)), ref(x))), 1},
		{"inside, wide result", dtype.F32, []typed.Stmt{set(p, as(dtype.F16, ref(x)))}, wide(ref(p)), 1},
		{"f16 arithmetic", dtype.F16, []typed.Stmt{set(p, as(dtype.F16, ref(x)))}, mul(mul(ref(p), ref(p)), ref(p)), 2},
		{"a loop counts once", dtype.F32, []typed.Stmt{set(p, as(dtype.F16, ref(x))),
			&typed.For{Bind: &typed.Bind{Lo: whole(0), Hi: whole(9), Var: variable("i", dtype.I64)}, Body: []typed.Stmt{set(p, mul(ref(p), ref(p)))}}}, wide(ref(p)), 2},
	} {
		y := memory("y", tt.elem)
		k := &typed.Kernel{Body: []typed.Stmt{&typed.Parallel{Body: append(tt.list, &typed.Store{Tensor: y, Value: tt.e})}}}
		if got := roundings(k)[y] / h; got != tt.want {
			t.Errorf("%s: %v roundings, want %v", tt.name, got, tt.want)
		}
	}
}

func BenchmarkGemm513(b *testing.B) {
	const n = 513
	m, nn, k := axis("m", n), axis("n", n), axis("k", n)
	x, y := memory("x", dtype.F32, n, n), memory("y", dtype.F32, n, n)
	e := reduce("sum", op(ir.Mul, load(x, indices(m), indices(k)), load(y, indices(nn), indices(k))), k)
	r := &Runner{}
	for _, s := range []typed.Stmt{generated(x, "randn", 1), generated(y, "randn", 2)} {
		if err := r.Exec(s); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		r.full(e, []*typed.Axis{m, nn}, true)
	}
}

func BenchmarkSumOfDifferences257(b *testing.B) {
	const n = 257
	m, nn, k := axis("m", n), axis("n", n), axis("k", n)
	x, y := memory("x", dtype.F32, n, n), memory("y", dtype.F32, n, n)
	e := reduce("sum", op(ir.Abs, op(ir.Sub, load(x, indices(m), indices(k)), load(y, indices(nn), indices(k)))), k)
	r := &Runner{}
	for _, s := range []typed.Stmt{generated(x, "randn", 1), generated(y, "randn", 2)} {
		if err := r.Exec(s); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		r.full(e, []*typed.Axis{m, nn}, true)
	}
}

// TestBlocks: values do not depend on how many elements are worked on at a time.
func TestBlocks(t *testing.T) {
	m, n, k, j := axis("m", 5), axis("n", 6), axis("k", 7), axis("j", 2)
	u := &typed.Axis{Name: "u", Kind: typed.CatAxis, Extent: 8, A: n, B: j}
	x, y := memory("x", dtype.F32, 5, 7), memory("y", dtype.F32, 6, 7)
	a, b := load(x, indices(m), indices(k)), load(y, indices(n), indices(k))
	s := reduce("sum", op(ir.Mul, a, b), k)
	shifted := &typed.Load{X: of(dtype.F64, m, n), Tensor: x, Index: []typed.Expr{indices(m), op(ir.Sub, indices(n), whole(2))}, Mode: typed.Else, Out: num(5)}
	for name, e := range map[string]typed.Expr{
		"contraction": s,
		"softmax":     op(ir.Div, op(ir.Exp, op(ir.Sub, s, reduce("max", s, n))), reduce("sum", op(ir.Exp, op(ir.Sub, s, reduce("max", s, n))), n)),
		"last":        reduce("last", op(ir.Add, a, b), k),
		"prod":        reduce("prod", op(ir.Add, a, b), k, n),
		"argmax":      reduce("argmax", op(ir.Sub, a, b), k),
		"gather":      shifted,
		"lookup":      &typed.Lookup{X: of(dtype.F64, m, n), Tile: a, Axis: k, Index: op(ir.Add, op(ir.Mod, indices(n), whole(3)), whole(2))},
		"same axis":   &typed.Lookup{X: of(dtype.F64, m, k), Tile: a, Axis: k, Index: op(ir.Sub, whole(6), indices(k))},
		"cat":         &typed.Cat{X: of(dtype.F64, u, m), A: s, B: op(ir.Mul, reduce("sum", a, k), as(dtype.F64, indices(j))), Axis: u},
		"mean":        reduce("mean", op(ir.Abs, op(ir.Sub, a, b)), m, k),
	} {
		var first *values
		for _, size := range []int{0, 1, 3, 10, 40} {
			r := &Runner{elements: size}
			run(t, r, generated(x, "randn", 1), generated(y, "randn", 2))
			v := r.full(e, e.Type().Axes, true)
			if first == nil {
				first = v
				continue
			}
			near := cmp.Comparer(func(x, y float64) bool { return math.Abs(x-y) <= 1e-12*max(1, math.Abs(y)) })
			if d := cmp.Diff([]any{first.f, first.i, first.magnitude(), errorsOf(first)}, []any{v.f, v.i, v.magnitude(), errorsOf(v)}, near); d != "" {
				t.Errorf("%s in blocks of %d: %s", name, size, d)
			}
		}
	}
}
