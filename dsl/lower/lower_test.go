package lower_test

import (
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tilec/tilec/dsl/lower"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

var update = flag.Bool("update", false, "write the golden files")

// trees are kernels made by hand; testdata/trees.txtar has the IR of each.
var trees = map[string]func() *typed.Kernel{
	"gemm":     gemm,
	"swapped":  swapped,
	"flags":    flags,
	"tails":    tails,
	"masks":    masks,
	"affine":   affine,
	"minimal":  minimal,
	"ragged":   ragged,
	"rename":   rename,
	"scatters": scatters,
	"scan":     scan,
}

func TestTrees(t *testing.T) {
	const file = "testdata/trees.txtar"
	golden := map[string]string{}
	if a, err := txtar.ParseFile(file); err == nil {
		for _, f := range a.Files {
			golden[f.Name] = string(f.Data)
		}
	}
	out := &txtar.Archive{Comment: []byte("The IR of the kernels that lower_test.go makes by hand. go test -update rewrites it.\n")}
	for _, name := range sortedKeys(trees) {
		t.Run(name, func(t *testing.T) {
			f, err := lower.Lower(trees[name]())
			if err != nil {
				t.Fatal(err)
			}
			if err := ir.Verify(f); err != nil {
				t.Fatalf("%v\n%s", err, f)
			}
			text := f.String()
			out.Files = append(out.Files, txtar.File{Name: name, Data: []byte(text)})
			if *update {
				return
			}
			if d := cmp.Diff(golden[name], text); d != "" {
				t.Errorf("IR differs (-want +got):\n%s", d)
			}
			again, err := lower.Lower(trees[name]())
			if err != nil || again.String() != text {
				t.Errorf("lowered twice, two functions: %v", err)
			}
		})
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(out), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func gemm() *typed.Kernel {
	k := newKernel("M", "N", "K")
	a, b := k.tensor("a", ir.In, dtype.F16, "M", "K"), k.tensor("b", ir.In, dtype.F16, "N", "K")
	c := k.tensor("c", ir.Out, dtype.F32, "M", "N")
	m, n, kk := spanAxis("m", 64), spanAxis("n", 64), spanAxis("k", 32)
	acc := variable("acc", dtype.F32, m, n)
	k.parallel([]typed.Stmt{
		set(acc, fill(real(0), m, n)),
		loop(spans(kk, k.sizeOf("K")), set(acc, op(ir.Add, ref(acc), dot(load(a, iota(m), iota(kk)), load(b, iota(n), iota(kk)), kk)))),
		store(c, ref(acc), iota(m), iota(n)),
	}, spans(m, k.sizeOf("M")), spans(n, k.sizeOf("N")))
	return &k.Kernel
}

// swapped has an accumulator whose axes stand in the other order than its contraction's operands, and one that is
// scaled before.
func swapped() *typed.Kernel {
	k := newKernel("M", "N", "K")
	a, b := k.tensor("a", ir.In, dtype.F32, "M", "K"), k.tensor("b", ir.In, dtype.F32, "N", "K")
	c := k.tensor("c", ir.Out, dtype.F32, "N", "M")
	m, n, kk := spanAxis("m", 8), spanAxis("n", 16), spanAxis("k", 4)
	acc, r := variable("acc", dtype.F32, n, m), variable("r", dtype.F32, m)
	k.parallel([]typed.Stmt{
		set(acc, fill(real(0), n, m)),
		set(r, fill(real(0.5), m)),
		loop(spans(kk, k.sizeOf("K")), set(acc, op(ir.Add, op(ir.Mul, ref(acc), ref(r)), dot(load(a, iota(m), iota(kk)), load(b, iota(n), iota(kk)), kk)))),
		store(c, ref(acc), iota(n), iota(m)),
	}, spans(m, k.sizeOf("M")), spans(n, k.sizeOf("N")))
	return &k.Kernel
}

// flags has a loop that breaks and continues at the ends of conditions.
func flags() *typed.Kernel {
	k := newKernel("N")
	x, y := k.tensor("x", ir.In, dtype.F32, "N"), k.tensor("y", ir.Out, dtype.F32)
	i, v, sum := variable("i", dtype.I64), variable("v", dtype.F32), variable("sum", dtype.F32)
	k.parallel([]typed.Stmt{
		set(sum, real(0)),
		loop(counts(i, k.sizeOf("N")),
			set(v, load(x, ref(i))),
			&typed.If{S: typed.S{At: span(5)}, Cond: op(ir.Lt, ref(v), real(0)), Then: []typed.Stmt{&typed.Continue{}}},
			set(sum, op(ir.Add, ref(sum), ref(v))),
			&typed.If{S: typed.S{At: span(6)}, Cond: op(ir.Gt, ref(sum), real(100)), Then: []typed.Stmt{&typed.Break{}}},
		),
		store(y, ref(sum)),
	})
	return &k.Kernel
}

// tails has a condition that may or may not leave, and something after it.
func tails() *typed.Kernel {
	k := newKernel("N")
	x, y := k.tensor("x", ir.In, dtype.F32, "N"), k.tensor("y", ir.Out, dtype.F32)
	i, v, sum := variable("i", dtype.I64), variable("v", dtype.F32), variable("sum", dtype.F32)
	k.parallel([]typed.Stmt{
		set(i, num(0)),
		set(sum, real(0)),
		&typed.While{S: typed.S{At: span(4)}, Cond: op(ir.Lt, ref(i), k.sizeOf("N")), Body: []typed.Stmt{
			set(v, load(x, ref(i))),
			set(i, op(ir.Add, ref(i), num(1))),
			&typed.If{S: typed.S{At: span(5)}, Cond: op(ir.Lt, ref(v), real(0)), Then: []typed.Stmt{
				&typed.If{S: typed.S{At: span(6)}, Cond: op(ir.Lt, ref(v), real(-1)), Then: []typed.Stmt{&typed.Break{}}},
				&typed.If{S: typed.S{At: span(7)}, Cond: op(ir.Lt, ref(v), real(-0.5)), Then: []typed.Stmt{&typed.Continue{}}},
				set(v, op(ir.Neg, ref(v))),
			}},
			set(sum, op(ir.Add, ref(sum), ref(v))),
		}},
		store(y, ref(sum)),
	})
	return &k.Kernel
}

func masks() *typed.Kernel {
	k := newKernel("M", "N")
	x, y := k.tensor("x", ir.In, dtype.F32, "M", "N"), k.tensor("y", ir.Out, dtype.F32, "M", "N")
	m, n := spanAxis("m", 4), spanAxis("n", 8)
	v, w, inner := variable("v", dtype.F32, m, n), variable("w", dtype.F32, m), variable("inner", dtype.F32, m)
	where := func(c typed.Expr, body ...typed.Stmt) typed.Stmt {
		return &typed.Where{S: typed.S{At: span(5)}, Cond: c, Body: body}
	}
	k.parallel([]typed.Stmt{
		set(v, load(x, iota(m), iota(n))),
		set(w, fill(real(1), m)),
		where(op(ir.Gt, ref(w), real(0)),
			set(inner, op(ir.Mul, ref(w), real(2))),
			set(inner, op(ir.Add, ref(inner), real(1))),
			set(w, ref(inner)),
			where(op(ir.Lt, ref(v), real(3)),
				set(v, ref(w)),
				set(inner, real(7)),
				store(y, ref(v), iota(m), iota(n)))),
	}, spans(m, k.sizeOf("M")), spans(n, k.sizeOf("N")))
	// inner's axes are not over n's mask: keep it out of the second where.
	p := k.Body[0].(*typed.Parallel)
	outer := p.Body[2].(*typed.Where)
	second := outer.Body[3].(*typed.Where)
	second.Body = append(second.Body[:1:1], second.Body[2])
	return &k.Kernel
}

// affine has subscripts of every form.
func affine() *typed.Kernel {
	k := newKernel("N")
	x, y := k.tensor("x", ir.In, dtype.F32, "N"), k.tensor("y", ir.Out, dtype.F32, "N", "N")
	s := k.scalar("s", dtype.I64)
	g := variable("g", dtype.I64)
	q, j := spanAxis("q", 8), constAxis("j", 0, 4)
	pos := variable("pos", dtype.I64, q)
	add := func(a, b typed.Expr) typed.Expr { return op(ir.Add, a, b) }
	mul := func(a, b typed.Expr) typed.Expr { return op(ir.Mul, a, b) }
	at := []typed.Expr{
		add(add(mul(ref(g), num(32)), iota(j)), mul(iota(q), num(4))),
		op(ir.Div, iota(q), num(3)),
		op(ir.Mod, op(ir.Div, add(iota(q), num(5)), num(3)), num(2)),
		mul(add(iota(q), num(1)), ref(s)),
		add(ref(pos), iota(j)),
		add(op(ir.Sub, iota(q), op(ir.Sub, k.sizeOf("N"), ref(s))), op(ir.Neg, iota(j))),
		mul(iota(q), iota(j)),
		op(ir.Sub, add(iota(q), num(2)), iota(q)),
	}
	body := []typed.Stmt{
		&typed.AxisDecl{Axis: j},
		set(pos, op(ir.Sub, iota(q), ref(s))),
	}
	for _, e := range at {
		body = append(body, store(y, load(x, e), iota(q), iota(j)))
	}
	k.parallel(body, counts(g, num(3)), spans(q, k.sizeOf("N")))
	return &k.Kernel
}

// minimal assigns many variables and reads few of them.
func minimal() *typed.Kernel {
	k := newKernel("N")
	y := k.tensor("y", ir.Out, dtype.I64, "N")
	i := variable("i", dtype.I64)
	used, unused, local, late := variable("used", dtype.I64), variable("unused", dtype.I64), variable("local", dtype.I64), variable("late", dtype.I64)
	k.parallel([]typed.Stmt{
		set(used, num(0)), set(unused, num(0)),
		loop(counts(i, k.sizeOf("N")),
			set(local, op(ir.Mul, ref(i), num(2))),
			set(unused, ref(local)),
			set(used, op(ir.Add, ref(used), ref(unused))),
			&typed.If{Cond: op(ir.Gt, ref(used), num(9)), Then: []typed.Stmt{set(late, num(1)), set(local, num(4))}, Else: []typed.Stmt{set(late, num(2))}},
			store(y, ref(late), ref(i)),
		),
		store(y, ref(used), num(0)),
	})
	return &k.Kernel
}

// ragged has a binding that depends on another, a whole dimension, and a top-level value and loop.
func ragged() *typed.Kernel {
	k := newKernel("E", "P")
	off := k.tensor("off", ir.In, dtype.I64, "E")
	y := k.tensor("y", ir.Out, dtype.F32, "P")
	y.Dims = append(y.Dims, ir.ConstDim(5))
	e, p, D := variable("e", dtype.I64), spanAxis("p", 16), constAxis("D", 0, 5)
	total, i := variable("total", dtype.F32), variable("i", dtype.I64)
	k.Body = append(k.Body,
		&typed.Require{S: typed.S{At: span(2)}, Cond: op(ir.Gt, k.sizeOf("E"), num(0)), Text: "E > 0"},
		set(total, real(0)),
		loop(counts(i, k.sizeOf("E")), set(total, op(ir.Add, ref(total), real(1)))),
	)
	k.parallel([]typed.Stmt{
		store(y, fill(ref(total), D), iota(p), iota(D)),
	}, counts(e, op(ir.Sub, k.sizeOf("E"), num(1))),
		&typed.Bind{Lo: load(off, ref(e)), Hi: load(off, op(ir.Add, ref(e), num(1))), By: 16, Axis: p})
	return &k.Kernel
}

// rename looks a tile up by axes of its own extent and by a tile of indices.
func rename() *typed.Kernel {
	k := newKernel("N")
	x, y := k.tensor("x", ir.In, dtype.F32, "N"), k.tensor("y", ir.Out, dtype.F32, "N", "N")
	n, u, e, f := spanAxis("n", 16), &typed.Axis{Name: "u", Kind: typed.CopyAxis, Extent: 16}, constAxis("e", 0, 4), constAxis("f", 0, 4)
	u.Of = n
	v, t := variable("v", dtype.F32, n), variable("t", dtype.F32, e)
	look := func(tile typed.Expr, a *typed.Axis, index typed.Expr) typed.Expr {
		var axes []*typed.Axis
		for _, b := range axesOf(tile, index) {
			if b != a {
				axes = append(axes, b)
			}
		}
		return &typed.Lookup{X: of(tile.Type().Elem, axes...), Tile: tile, Axis: a, Index: index}
	}
	k.parallel([]typed.Stmt{
		&typed.AxisDecl{Axis: u}, &typed.AxisDecl{Axis: e}, &typed.AxisDecl{Axis: f},
		set(v, load(x, iota(n))),
		set(t, fill(real(2), e)),
		store(y, op(ir.Mul, ref(v), look(ref(v), n, iota(u))), iota(n), iota(u)),
		store(y, op(ir.Mul, ref(t), look(ref(t), e, iota(f))), iota(e), iota(f)),
		store(y, look(ref(t), e, op(ir.Mod, iota(n), num(4))), iota(n), num(0)),
	}, spans(n, k.sizeOf("N")))
	return &k.Kernel
}

// scatters replaces elements of a tile under masks over its other axis and over the replaced one.
func scatters() *typed.Kernel {
	k := newKernel("N")
	y := k.tensor("y", ir.Out, dtype.I64, "N", "N")
	n, e := spanAxis("n", 16), constAxis("e", 0, 4)
	t := variable("t", dtype.I64, n, e)
	put := &typed.Scatter{S: typed.S{At: span(6)}, Var: t, Axis: e, Index: op(ir.Mod, iota(n), num(4)), Value: num(7)}
	k.parallel([]typed.Stmt{
		&typed.AxisDecl{Axis: e},
		set(t, fill(num(0), n, e)),
		put,
		&typed.Where{Cond: op(ir.Gt, iota(n), num(3)), Body: []typed.Stmt{put}},
		&typed.Where{Cond: op(ir.Gt, iota(e), num(1)), Body: []typed.Stmt{put}},
		store(y, ref(t), iota(n), iota(e)),
	}, spans(n, k.sizeOf("N")))
	return &k.Kernel
}

// scan is a first-order recurrence h = a·h + b as a scan of pairs, whose factors lack an axis that its terms have.
func scan() *typed.Kernel {
	k := newKernel("N", "C")
	a, b := k.tensor("a", ir.In, dtype.F32, "N"), k.tensor("b", ir.In, dtype.F32, "N", "C")
	y := k.tensor("y", ir.Out, dtype.F32, "N", "C")
	n, c := spanAxis("n", 16), spanAxis("c", 4)
	p := []*typed.Var{variable("a0", dtype.F32, c), variable("b0", dtype.F32, c), variable("a1", dtype.F32, c), variable("b1", dtype.F32, c)}
	m := &typed.Multi{Op: ir.Scan, Kind: "func", Axis: n, Args: []typed.Expr{load(a, iota(n)), load(b, iota(n), iota(c))},
		Types: []typed.Type{{Elem: dtype.F32, Axes: []*typed.Axis{n, c}}, {Elem: dtype.F32, Axes: []*typed.Axis{n, c}}},
		Func: &typed.Lambda{Params: p, Results: []typed.Expr{
			op(ir.Mul, ref(p[0]), ref(p[2])), op(ir.Add, op(ir.Mul, ref(p[2]), ref(p[1])), ref(p[3]))}},
		Source: span(5)}
	k.parallel([]typed.Stmt{
		&typed.Do{S: typed.S{At: span(5)}, Op: m},
		store(y, &typed.Result{X: of(dtype.F32, n, c), Of: m, N: 1}, iota(n), iota(c)),
	}, spans(n, k.sizeOf("N")), spans(c, k.sizeOf("C")))
	return &k.Kernel
}

// TestInternal: a tree that breaks a promise is an error with its place, not a panic.
func TestInternal(t *testing.T) {
	tests := []struct {
		name, want string
		body       func(k *kernel) []typed.Stmt
	}{
		{"unset", "v has no value here", func(k *kernel) []typed.Stmt {
			return []typed.Stmt{store(k.tensor("y", ir.Out, dtype.F32), ref(variable("v", dtype.F32)))}
		}},
		{"scope", "axis n is not in scope", func(k *kernel) []typed.Stmt {
			return []typed.Stmt{store(k.tensor("y", ir.Out, dtype.F32, "N"), real(1), iota(spanAxis("n", 4)))}
		}},
		{"break", "outside a loop", func(k *kernel) []typed.Stmt { return []typed.Stmt{&typed.Break{S: typed.S{At: span(3)}}} }},
		{"types", "f32", func(k *kernel) []typed.Stmt {
			return []typed.Stmt{set(variable("v", dtype.F32), op(ir.Add, num(1), real(1)))}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k := newKernel("N")
			k.parallel(tt.body(k))
			_, err := lower.Lower(&k.Kernel)
			var internal *lower.InternalError
			if !errors.As(err, &internal) || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "k.tile:") {
				t.Errorf("error %v, want one that says %q and where", err, tt.want)
			}
		})
	}
}
