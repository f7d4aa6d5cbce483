package check

import (
	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir/dtype"
)

// call is a call as it is written.
type call struct {
	n        *dsl.Call
	name     string
	at       diag.Span
	brackets []*dsl.IndexEntry
	square   bool // brackets are written
	args     []*dsl.Arg
	in       *dsl.Type // of dot … in T
}

// call elaborates f(…) and f[…](…).
func (e *elab) call(n *dsl.Call, in *dsl.Type) value {
	at := n.Span()
	c := &call{n: n, at: at, args: n.Args, in: in}
	fun := n.Fun
	if ix, ok := fun.(*dsl.Index); ok {
		fun, c.brackets, c.square = ix.X, ix.Entries, true
	}
	f := e.expr(fun)
	if in != nil && !(f.kind == vFunc && f.fn.builtin == "dot") && !f.bad() {
		e.errorf(codeInType, in.Span(), "`in` stands behind dot only, and says in which type it sums")
		return bad(at)
	}
	switch f.kind {
	case vBad:
		for _, a := range n.Args {
			e.expr(a.X)
		}
		return bad(at)
	case vType:
		return e.makeTile(f.typ, c)
	case vFunc:
		if f.fn.fn != nil {
			return e.callFunc(f.fn.fn, c)
		}
		b, ok := builtins[f.fn.builtin]
		if !ok {
			e.errorf(codeUndefined, fun.Span(), "there is no %s; the atomics are add, max, min, and, or, xor, xchg and cas", f.fn.builtin)
			return bad(at)
		}
		c.name = f.fn.builtin
		switch {
		case b.test && e.test == nil:
			e.errorf(codeTestOnly, at, "%s exists in tests and benches only", c.name)
			return bad(at)
		case c.square && !b.axes:
			e.errorf(codeCall, at, "%s takes nothing in brackets", c.name)
			return bad(at)
		}
		return b.run(e, c)
	case vKernel:
		if e.test == nil {
			e.errorf(codeTestOnly, at, "kernels are called in tests and benches only; what kernels share is a func")
			return bad(at)
		}
		return e.callKernel(f.kern, c)
	}
	e.errorf(codeCall, fun.Span(), "%s is not a function", e.text(fun.Span()))
	return bad(at)
}

// plainArgs elaborates arguments of which there must be from least to most (-1: any number).
func (e *elab) plainArgs(c *call, least, most int) ([]value, bool) {
	if !e.countArgs(c, least, most) {
		return nil, false
	}
	vs := make([]value, len(c.args))
	ok := true
	for i, a := range c.args {
		if a.Scaled != nil {
			e.errorf(codeScaled, a.Span(), "`scaled` stands in the arguments of dot only")
			ok = false
			continue
		}
		vs[i] = e.expr(a.X)
		ok = ok && !vs[i].bad()
	}
	return vs, ok
}

func (e *elab) countArgs(c *call, least, most int) bool {
	n := len(c.args)
	if n >= least && (most < 0 || n <= most) {
		return true
	}
	want := plural(least, "argument")
	switch {
	case most < 0:
		want = "at least " + want
	case most > least:
		want = itoa(int64(least)) + " to " + plural(most, "argument")
	}
	e.errorf(codeArgs, c.at, "%s takes %s, and %s", c.name, want, thereAre(n, ""))
	return false
}

// rvalues elaborates arguments that are values.
func (e *elab) rvalues(c *call, least, most int) ([]value, bool) {
	vs, ok := e.plainArgs(c, least, most)
	if !ok {
		return nil, false
	}
	for i := range vs {
		v, good := e.rvalue(vs[i])
		vs[i], ok = v, ok && good
	}
	return vs, ok
}

// bracketAxes are the axes named in brackets.
func (e *elab) bracketAxes(c *call) ([]*axis, bool) {
	var axes []*axis
	ok := true
	for _, entry := range c.brackets {
		if entry.Colon != nil || entry.Eq != nil {
			e.errorf(codeCall, entry.Span(), "%s takes axes in brackets", c.name)
			ok = false
			continue
		}
		a, good := e.axisOf(entry.X)
		if !good {
			ok = false
			continue
		}
		for _, b := range axes {
			if a == b {
				e.errorf(codeAxisTwice, entry.Span(), "axis %s is named twice", a.t.Name)
				ok = false
			}
		}
		axes = append(axes, a)
	}
	return axes, ok
}

func axesOf(list []*axis) []*typed.Axis {
	out := make([]*typed.Axis, len(list))
	for i, a := range list {
		out[i] = a.t
	}
	return out
}

// makeTile is T[a, b](v) and T(v).
func (e *elab) makeTile(t dtype.Type, c *call) value {
	c.name = t.String()
	axes, ok := e.bracketAxes(c)
	vs, ok2 := e.rvalues(c, 1, 1)
	if !ok || !ok2 {
		return bad(c.at)
	}
	if e.test != nil {
		t = typed.ReadType(t)
	}
	v, good := e.to(vs[0], t, "a tile of "+t.String())
	if !good {
		return bad(c.at)
	}
	list := axesOf(axes)
	if !subset(v.Type().Axes, list) {
		e.errorf(codeExtraAxes, vs[0].at, "the value is over %s, the tile over %s: to convert it write `… as %s`; to fill a tile with it name those axes too", axisNames(v.Type().Axes), orNothing(list), t)
		return bad(c.at)
	}
	if !e.tileOf(list, c.at) {
		return bad(c.at)
	}
	if len(list) == 0 {
		r := exprVal(v)
		if t.IsInt() {
			r.ix = vs[0].index()
		}
		return r
	}
	r := exprVal(&typed.Fill{X: x(t, list, c.at), Value: v})
	r.tile = vs[0].tile
	if t.IsInt() {
		r.ix = vs[0].index()
		if !r.ix.Known() {
			r.ix = e.opaque("", t)
		}
	}
	return r
}

func orNothing(axes []*typed.Axis) string {
	if len(axes) == 0 {
		return "no axis"
	}
	return axisNames(axes)
}

// callFunc inlines a function.
func (e *elab) callFunc(fn *Func, c *call) value {
	c.name = fn.Name
	n := len(fn.ast.Params.List)
	if !e.countArgs(c, n, n) {
		return bad(c.at)
	}
	args, ok := e.plainArgs(c, 0, -1)
	given, ok2 := e.bracketValues(fn.generics, c)
	if !ok || !ok2 {
		return bad(c.at)
	}
	return e.apply(fn, c, args, given)
}

// apply inlines a function with elaborated arguments, as many as it has parameters, and generics.
func (e *elab) apply(fn *Func, c *call, args []value, given map[string]value) value {
	at := c.at
	for _, f := range e.calls {
		if f == fn {
			e.errorf(codeRecursion, at, "%s calls itself: functions are inlined, so they do not recur", fn.Name).
				Note(fn.ast.Name.Span(), "%s is declared here", fn.Name)
			return bad(at)
		}
	}
	if len(e.calls) >= maxInline {
		e.errorf(codeBudget, at, "calls are nested more than %d deep", maxInline)
		return bad(at)
	}
	if e.used != nil {
		e.used[fn] = true
	}
	params := fn.ast.Params.List
	outer := e.scope
	e.scope = &scope{parent: nil, depth: outer.depth + 1, root: fn.Package, file: fn.file}
	e.calls = append(e.calls, fn)
	was := e.ret
	ret := &returnState{fn: fn}
	e.ret = ret
	r := e.inline(fn, c, params, args, given)
	e.ret = was
	e.calls = e.calls[:len(e.calls)-1]
	e.pop()
	e.scope = outer
	if r.bad() {
		return r
	}
	return e.leaveFunc(fn, r, at)
}

// inline elaborates the body of a function with its parameters bound and gives its results.
func (e *elab) inline(fn *Func, c *call, params []*dsl.Param, args []value, given map[string]value) value {
	at := c.at
	// Arguments that have a type decide before untyped ones.
	for _, untyped := range []bool{false, true} {
		for i, p := range params {
			typ := fn.ast.Params.Typed(i)
			if typ == nil || typ.Type == nil {
				e.errorf(codeParam, p.Span(), "parameter %s has no type: write it behind the name, as %s f32", p.Name.Name, p.Name.Name)
				return bad(at)
			}
			if (args[i].kind == vConst) == untyped {
				e.infer(fn.generics, typ.Type, args[i], given)
			}
		}
	}
	if !e.bindGenerics(fn.generics, given, fn.Name, at) {
		return bad(at)
	}
	for i, p := range params {
		if !e.bindParam(p, fn.ast.Params.Typed(i), args[i]) {
			return bad(at)
		}
	}
	if fn.ast.Results != nil {
		for i, p := range fn.ast.Results.List {
			typ := fn.ast.Results.Typed(i)
			if typ == nil || typ.Type == nil {
				e.errorf(codeParam, p.Span(), "result %s has no type: write it behind the name, as %s f32", p.Name.Name, p.Name.Name)
				return bad(at)
			}
			t, ok := e.typeOf(typ.Type)
			if !ok {
				return bad(at)
			}
			if e.test != nil {
				t = typed.ReadType(t)
			}
			ent := &entity{kind: entResult, val: value{kind: vType, typ: t}, name: p.Name.Name, at: p.Name.Span()}
			if e.declare(p.Name, ent); ent.name != "_" && e.local(ent.name) != ent {
				return bad(at) // the name is taken, and that is said
			}
			e.ret.named = append(e.ret.named, ent)
		}
	}
	e.stmts(fn.ast.Body)
	return e.results(fn, at)
}

// results gathers what a function returns.
func (e *elab) results(fn *Func, at diag.Span) value {
	ret := e.ret
	var vs []value
	switch {
	case ret.done:
		vs = ret.values
	case fn.ast.Results != nil:
		for _, ent := range ret.named {
			if ent.kind == entResult {
				e.errorf(codeNoValue, ent.at, "result %s of %s is never assigned", ent.name, fn.Name)
				return bad(at)
			}
			v := e.entityValue(ent, at)
			if v.bad() {
				return v
			}
			vs = append(vs, v)
		}
	case fn.ast.Result != nil:
		e.errorf(codeReturn, fn.ast.Name.Span(), "%s gives a %s and does not return: end it with return and a value", fn.Name, e.text(fn.ast.Result.Span()))
		return bad(at)
	}
	for _, v := range vs {
		if v.bad() {
			return v
		}
	}
	switch len(vs) {
	case 0:
		return value{kind: vNone, at: at}
	case 1:
		return vs[0]
	}
	return value{kind: vMulti, multi: vs, at: at}
}

// leaveFunc checks that no result is over an axis of the function's own.
func (e *elab) leaveFunc(fn *Func, r value, at diag.Span) value {
	check := func(v *value) bool {
		for _, a := range v.axes() {
			if info := e.axes[a]; info != nil && info.dead {
				e.errorf(codeDeadAxis, at, "a result of %s is over axis %s, which exists in %s only: reduce it there", fn.Name, a.Name, fn.Name).
					Note(a.Span, "%s is made here", a.Name)
				return false
			}
		}
		v.at, v.dim = at, ""
		return true
	}
	if r.kind == vMulti {
		for i := range r.multi {
			if !check(&r.multi[i]) {
				return bad(at)
			}
		}
		r.at = at
		return r
	}
	if !check(&r) {
		return bad(at)
	}
	return r
}

// bindParam declares a parameter of a function.
func (e *elab) bindParam(p, typ *dsl.Param, arg value) bool {
	t, ok := e.typeOf(typ.Type)
	if !ok {
		return false
	}
	if p.Inout || len(typ.Attrs) > 0 || typ.Peer {
		e.errorf(codeParam, p.Span(), "inout, packed, strided and peer are for parameters of kernels")
		return false
	}
	if typ.Type.Dims != nil {
		return e.bindTensorParam(p, typ, t, arg)
	}
	if arg.kind == vTensor && e.test == nil {
		e.errorf(codeArgType, arg.at, "%s is a tensor, and parameter %s takes a tile or scalar", arg.ten.t.Name, p.Name.Name).
			Note(p.Span(), "the parameter stands here")
		return false
	}
	if e.test != nil {
		t = typed.ReadType(t)
	}
	arg, ok = e.rvalue(arg)
	if !ok {
		return false
	}
	x, ok := e.to(arg, t, "parameter "+p.Name.Name)
	if !ok {
		return false
	}
	v := arg
	if arg.kind == vConst {
		v = exprVal(x)
		if t.IsInt() {
			v.ix = arg.index()
		}
	}
	v.e, v.loose, v.lit = x, false, false
	e.define(p.Name, v, p.Span())
	return true
}

// bindTensorParam declares a tensor parameter of a function: another name for the argument.
func (e *elab) bindTensorParam(p, typ *dsl.Param, t dtype.Type, arg value) bool {
	if arg.kind != vTensor {
		e.errorf(codeArgType, arg.at, "parameter %s takes a tensor, by its name and without subscripts", p.Name.Name).Note(p.Span(), "the parameter stands here")
		return false
	}
	ten := arg.ten
	if ten.t.Elem != t {
		e.errorf(codeArgType, arg.at, "%s is a tensor of %s, and parameter %s one of %s", ten.t.Name, ten.t.Elem, p.Name.Name, t).
			Note(p.Span(), "the parameter stands here")
		return false
	}
	dims := typ.Type.Dims.List
	if len(dims) != len(ten.dims) {
		e.errorf(codeRank, arg.at, "%s has %s, and parameter %s %d", ten.t.Name, plural(len(ten.dims), "dimension"), p.Name.Name, len(dims)).
			Note(p.Span(), "the parameter stands here")
		return false
	}
	for i, d := range dims {
		id, bare := d.(*dsl.Ident)
		if bare && e.local(id.Name) == nil {
			if _, known := e.packageName(e.scope.root, id.Name, id.Span()); !known {
				e.declare(id, &entity{kind: entValue, val: e.dimValue(ten, i, id.Span()), dim: ten.keys[i]})
				continue
			}
		}
		v := e.expr(d)
		if v.bad() {
			return false
		}
		if !e.facts.ProveEq(v.index(), ten.dims[i]) {
			e.errorf(codeDims, arg.at, "dimension %d of %s is %s, and parameter %s wants %s", i+1, ten.t.Name, ten.dims[i], p.Name.Name, e.text(d.Span())).
				Note(d.Span(), "wanted here")
			return false
		}
	}
	e.declare(p.Name, &entity{kind: entTensor, ten: ten})
	return true
}
