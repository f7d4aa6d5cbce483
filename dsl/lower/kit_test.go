package lower_test

import (
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// The functions here make checked trees by hand, so that lowering is tested apart from the checker.

func span(line int) diag.Span {
	return diag.Span{File: "k.tile", Start: diag.Pos{Line: line, Col: 1}, End: diag.Pos{Line: line, Col: 9}}
}

func of(elem dtype.Type, axes ...*typed.Axis) typed.X {
	return typed.X{T: typed.Type{Elem: elem, Axes: axes}, At: span(2)}
}

func spanAxis(name string, n int64) *typed.Axis {
	return &typed.Axis{Name: name, Kind: typed.SpanAxis, Extent: n}
}

func constAxis(name string, lo, n int64) *typed.Axis {
	return &typed.Axis{Name: name, Kind: typed.ConstAxis, Lo: lo, Extent: n}
}

func num(k int64) typed.Expr        { return &typed.Const{X: of(dtype.I64), Int: k} }
func real(x float64) typed.Expr     { return &typed.Const{X: of(dtype.F32), Float: x} }
func iota(a *typed.Axis) typed.Expr { return &typed.Iota{X: of(dtype.I64, a), Axis: a} }

func variable(name string, elem dtype.Type, axes ...*typed.Axis) *typed.Var {
	return &typed.Var{Name: name, Type: typed.Type{Elem: elem, Axes: axes}}
}

func ref(v *typed.Var) typed.Expr { return &typed.Ref{X: typed.X{T: v.Type, At: span(2)}, Var: v} }

// axesOf is the union of the axes of expressions.
func axesOf(exprs ...typed.Expr) []*typed.Axis {
	var out []*typed.Axis
	for _, e := range exprs {
	next:
		for _, a := range e.Type().Axes {
			for _, b := range out {
				if a == b {
					continue next
				}
			}
			out = append(out, a)
		}
	}
	return out
}

func op(code ir.Code, args ...typed.Expr) typed.Expr {
	elem := args[len(args)-1].Type().Elem
	if code >= ir.Eq && code <= ir.Ge {
		elem = dtype.Bool
	}
	return &typed.Map{X: of(elem, axesOf(args...)...), Op: code, Args: args}
}

func set(v *typed.Var, e typed.Expr) typed.Stmt {
	return &typed.Assign{S: typed.S{At: span(3)}, Vars: []*typed.Var{v}, Values: []typed.Expr{e}}
}

func fill(e typed.Expr, axes ...*typed.Axis) typed.Expr {
	return &typed.Fill{X: of(e.Type().Elem, axes...), Value: e}
}

func load(t *typed.Tensor, index ...typed.Expr) typed.Expr {
	return &typed.Load{X: of(t.Elem, axesOf(index...)...), Tensor: t, Index: index}
}

func store(t *typed.Tensor, v typed.Expr, index ...typed.Expr) typed.Stmt {
	return &typed.Store{S: typed.S{At: span(9)}, Tensor: t, Index: index, Value: v}
}

func dot(a, b typed.Expr, k *typed.Axis) typed.Expr {
	var axes []*typed.Axis
	for _, x := range axesOf(a, b) {
		if x != k {
			axes = append(axes, x)
		}
	}
	return &typed.Dot{X: of(dtype.F32, axes...), A: a, B: b, Axes: []*typed.Axis{k}}
}

// kernel collects sizes and parameters by name.
type kernel struct {
	typed.Kernel
	size map[string]*typed.Size
}

func newKernel(sizes ...string) *kernel {
	k := &kernel{Kernel: typed.Kernel{Package: "p", Name: "k", Span: span(1)}, size: map[string]*typed.Size{}}
	for _, s := range sizes {
		k.size[s] = &typed.Size{Name: s}
		k.Sizes = append(k.Sizes, k.size[s])
	}
	return k
}

func (k *kernel) dim(name string) *ir.Dim {
	for i, s := range k.Sizes {
		if s.Name == name {
			return ir.SizeDim(i)
		}
	}
	panic(name)
}

func (k *kernel) sizeOf(name string) typed.Expr {
	return &typed.SizeRef{X: of(dtype.I64), Size: k.size[name]}
}

func (k *kernel) tensor(name string, role ir.Role, elem dtype.Type, dims ...string) *typed.Tensor {
	t := &typed.Tensor{Name: name, Elem: elem, Role: role, Span: span(1)}
	for _, d := range dims {
		t.Dims = append(t.Dims, k.dim(d))
	}
	k.Params = append(k.Params, &typed.Param{Name: name, Role: role, Tensor: t})
	return t
}

func (k *kernel) scalar(name string, elem dtype.Type) *typed.Var {
	v := variable(name, elem)
	k.Params = append(k.Params, &typed.Param{Name: name, Role: ir.In, Scalar: v})
	return v
}

// parallel is a phase over one span and any scalars.
func (k *kernel) parallel(body []typed.Stmt, binds ...*typed.Bind) {
	k.Body = append(k.Body, &typed.Parallel{S: typed.S{At: span(2)}, Binds: binds, Body: body})
}

func spans(a *typed.Axis, hi typed.Expr) *typed.Bind {
	return &typed.Bind{Lo: num(0), Hi: hi, By: a.Extent, Axis: a}
}

func counts(v *typed.Var, hi typed.Expr) *typed.Bind { return &typed.Bind{Lo: num(0), Hi: hi, Var: v} }

func loop(b *typed.Bind, body ...typed.Stmt) typed.Stmt {
	return &typed.For{S: typed.S{At: span(4)}, Bind: b, Body: body}
}
