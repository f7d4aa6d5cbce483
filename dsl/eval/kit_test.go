package eval

import (
	"context"
	"testing"

	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/runtime/array"
)

// The functions here make checked statements by hand.

var here = diag.Span{File: "t.tile", Start: diag.Pos{Line: 7, Col: 5}, End: diag.Pos{Line: 7, Col: 9}}

func axis(name string, n int64) *typed.Axis {
	return &typed.Axis{Name: name, Kind: typed.ConstAxis, Extent: n}
}

func of(elem dtype.Type, axes ...*typed.Axis) typed.X {
	return typed.X{T: typed.Type{Elem: elem, Axes: axes}, At: here}
}

func num(x float64) typed.Expr         { return &typed.Const{X: of(dtype.F64), Float: x} }
func whole(k int64) typed.Expr         { return &typed.Const{X: of(dtype.I64), Int: k} }
func indices(a *typed.Axis) typed.Expr { return &typed.Iota{X: of(dtype.I64, a), Axis: a} }

func axesOf(exprs ...typed.Expr) []*typed.Axis {
	var out []*typed.Axis
	for _, e := range exprs {
		out = join(out, e.Type().Axes)
	}
	return out
}

func op(code ir.Code, args ...typed.Expr) typed.Expr {
	elem := args[len(args)-1].Type().Elem
	if code >= ir.Eq && code <= ir.Ge || code == ir.Isnan {
		elem = dtype.Bool
	}
	return &typed.Map{X: of(elem, axesOf(args...)...), Op: code, Args: args}
}

func reduce(kind string, e typed.Expr, axes ...*typed.Axis) typed.Expr {
	elem := e.Type().Elem
	if kind == "argmax" || kind == "argmin" {
		elem = dtype.I64
	}
	return &typed.Reduce{X: of(elem, without(e.Type().Axes, axes)...), Kind: kind, Value: e, Axes: axes}
}

func as(t dtype.Type, e typed.Expr) typed.Expr {
	return &typed.Cast{X: of(t, e.Type().Axes...), Value: e, Round: "rne", Overflow: "sat", Explicit: true}
}

func sel(c, x, y typed.Expr) typed.Expr { return op(ir.Select, c, x, y) }

func memory(name string, elem dtype.Type, dims ...int64) *typed.Tensor {
	t := &typed.Tensor{Name: name, Elem: elem}
	for _, d := range dims {
		t.Dims = append(t.Dims, ir.ConstDim(d))
	}
	return t
}

func load(t *typed.Tensor, index ...typed.Expr) typed.Expr {
	return &typed.Load{X: of(typed.ReadType(t.Elem), axesOf(index...)...), Tensor: t, Index: index}
}

func variable(name string, elem dtype.Type, axes ...*typed.Axis) *typed.Var {
	return &typed.Var{Name: name, Type: typed.Type{Elem: elem, Axes: axes}}
}

func ref(v *typed.Var) typed.Expr { return &typed.Ref{X: typed.X{T: v.Type, At: here}, Var: v} }

func set(v *typed.Var, e typed.Expr) typed.Stmt {
	return &typed.Assign{S: typed.S{At: here}, Vars: []*typed.Var{v}, Values: []typed.Expr{e}}
}

func equal(x, y typed.Expr) *typed.Expect {
	return &typed.Expect{S: typed.S{At: here}, Op: "==", X: x, Y: y, Text: "x == y"}
}

// literal gives a tensor its elements in row-major order.
func literal(t *typed.Tensor, list ...float64) typed.Stmt {
	g := &typed.Gen{S: typed.S{At: here}, Tensor: t, Kind: "values"}
	for _, x := range list {
		g.Values = append(g.Values, num(x))
	}
	return g
}

func generated(t *typed.Tensor, kind string, seed uint64) typed.Stmt {
	return &typed.Gen{S: typed.S{At: here}, Tensor: t, Kind: kind, Seed: seed}
}

func run(t *testing.T, r *Runner, list ...typed.Stmt) {
	t.Helper()
	for _, s := range list {
		if err := r.Exec(s); err != nil {
			t.Fatal(err)
		}
	}
}

// fake is a call of a kernel without inputs whose result has the given values.
func fake(r *Runner, out *typed.Tensor, list ...float64) typed.Stmt {
	param := &typed.Tensor{Name: out.Name, Elem: out.Elem, Dims: out.Dims, Role: ir.Out}
	r.Launch = func(_ context.Context, k *typed.Kernel, _ []int64, args []Arg) ([]*array.Array, error) {
		t := newTensor(out, here)
		if typed.ReadType(out.Elem) == dtype.F64 {
			t.f = list
		} else {
			t.i = toInts(dtype.I64, list)
		}
		return []*array.Array{t.encode(out.Elem)}, nil
	}
	k := &typed.Kernel{Name: "k", Params: []*typed.Param{{Name: out.Name, Role: ir.Out, Tensor: param}}}
	return &typed.Call{S: typed.S{At: here}, Kernel: k, Outs: []*typed.Tensor{out}}
}
