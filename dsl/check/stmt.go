package check

import (
	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir/affine"
	"github.com/tilec/tilec/ir/dtype"
)

// stmts elaborates the statements of a block in the scope that is open.
func (e *elab) stmts(b *dsl.Block) {
	if b == nil {
		return
	}
	for _, s := range b.Stmts {
		if e.ret != nil && e.ret.done {
			e.errorf(codeReturn, s.Span(), "nothing may follow return")
			return
		}
		e.stmt(s)
	}
}

// stmt elaborates one statement.
func (e *elab) stmt(s dsl.Stmt) {
	e.step(s.Span())
	if e.kernel != nil && e.kernel.top && !e.topStmt(s) {
		return
	}
	if e.test != nil && !e.testStmt(s) {
		return
	}
	switch s := s.(type) {
	case *dsl.BadStmt:
	case *dsl.Block:
		e.inScope(func() { e.stmts(s) })
	case *dsl.Const:
		e.constStmt(s)
	case *dsl.Assign:
		e.assign(s)
	case *dsl.ExprStmt:
		e.exprStmt(s)
	case *dsl.Axis:
		e.axisStmt(s)
	case *dsl.Parallel:
		e.errorf(codeParallel, s.Span(), "parallel stands at the top of a kernel only")
	case *dsl.For:
		e.forStmt(s)
	case *dsl.While:
		e.whileStmt(s)
	case *dsl.If:
		e.ifStmt(s)
	case *dsl.Where:
		e.whereStmt(s)
	case *dsl.Break:
		e.leaveLoop(s.Span(), "break", &typed.Break{S: typed.S{At: s.Span()}})
	case *dsl.Continue:
		e.leaveLoop(s.Span(), "continue", &typed.Continue{S: typed.S{At: s.Span()}})
	case *dsl.Return:
		e.returnStmt(s)
	case *dsl.Require:
		e.errorf(codeTop, s.Span(), "require stands at the top of a kernel only")
	case *dsl.Expect:
		e.errorf(codeTestOnly, s.Span(), "expect stands in tests only; in a kernel it is assert(…)")
	case *dsl.Temp:
		e.errorf(codeTop, s.Span(), "temp stands at the top of a kernel only")
	default:
		e.explicitStmt(s)
	}
}

// constStmt declares constants, types and functions by local names.
func (e *elab) constStmt(s *dsl.Const) {
	if len(s.Names) != len(s.Values) {
		e.errorf(codeCount, s.Span(), "%s for %s", plural(len(s.Values), "value"), plural(len(s.Names), "name"))
		return
	}
	vals := make([]value, len(s.Values))
	for i, x := range s.Values {
		v := e.expr(x)
		switch v.kind {
		case vConst, vType, vFunc, vBad:
		default:
			d := e.errorf(codeNotConst, x.Span(), "the value of constant %s is not known when compiling", s.Names[i].Name)
			if v.loose {
				d.Note(x.Span(), "dimensions are known at launch; write %s := …", lowerFirst(s.Names[i].Name))
			}
			v = bad(x.Span())
		}
		vals[i] = v
	}
	for i, id := range s.Names {
		e.declareConst(id, vals[i])
	}
}

func (e *elab) declareConst(id *dsl.Ident, v value) {
	ent := &entity{kind: entValue, val: v}
	if v.kind == vConst && v.k.isInt() {
		ent.dim = id.Name
	}
	e.declare(id, ent)
}

// exprStmt is an expression for its effect.
func (e *elab) exprStmt(s *dsl.ExprStmt) {
	v := e.expr(s.X)
	switch v.kind {
	case vBad, vNone:
		return
	case vExpr:
		if a, ok := v.e.(*typed.Atomic); ok {
			e.effect(s.Span())
			e.emit(&typed.Eval{S: typed.S{At: s.Span()}, Value: a})
			return
		}
	case vMulti:
		if e.test != nil {
			return
		}
	}
	if e.test != nil {
		if _, ok := s.X.(*dsl.Call); ok {
			return
		}
	}
	e.errorf(codeUnused, s.Span(), "this value is not used")
}

// assign is every form of assignment.
func (e *elab) assign(s *dsl.Assign) {
	at := s.Span()
	switch s.Op {
	case ":=":
		e.defineStmt(s)
		return
	case "=":
	default:
		if len(s.Lhs) != 1 || len(s.Rhs) != 1 {
			e.errorf(codeCount, at, "%s takes one name and one value", s.Op)
			return
		}
		e.opAssign(s)
		return
	}
	rhs, ok := e.rhs(s)
	if !ok {
		return
	}
	// All right sides are read before anything is assigned.
	var vars []*entity
	var vals []typed.Expr
	var values []value
	var later []func()
	for i, l := range s.Lhs {
		v := rhs[i]
		switch l := l.(type) {
		case *dsl.Ident:
			if l.Name == "_" {
				e.discard(v)
				continue
			}
			ent, x, w, good := e.assignVar(l, v)
			if !good {
				continue
			}
			if e.test != nil {
				later = append(later, func() { e.testAssign(l, ent, w) })
				continue
			}
			for _, other := range vars {
				if other == ent {
					e.errorf(codeTwice, l.Span(), "%s is assigned twice at once", l.Name)
					return
				}
			}
			vars, vals, values = append(vars, ent), append(vals, x), append(values, w)
		default:
			if len(s.Lhs) > 1 && v.kind == vExpr && len(s.Lhs) > len(vars) {
				v = e.hold(v)
			}
			later = append(later, func() { e.storeTo(l, v, "=", at) })
		}
	}
	if len(vars) > 0 {
		stmt := &typed.Assign{S: typed.S{At: at}, Values: vals}
		for i, ent := range vars {
			stmt.Vars = append(stmt.Vars, ent.v)
			ent.val.ix, ent.val.yes, ent.val.no = values[i].ix, values[i].yes, values[i].no
			ent.val.tile = ent.val.tile || values[i].tile
			if len(e.wheres) > 0 && ent.depth <= e.wheres[len(e.wheres)-1].depth {
				e.havoc(ent)
			}
		}
		e.emit(stmt)
	}
	for _, f := range later {
		f()
	}
}

// hold gives a value a name, so that it is computed before the stores of a simultaneous assignment.
func (e *elab) hold(v value) value {
	tmp := &typed.Var{Name: "tmp", Type: v.e.Type(), Span: v.at}
	e.emit(&typed.Assign{S: typed.S{At: v.at}, Vars: []*typed.Var{tmp}, Values: []typed.Expr{v.e}})
	r := v
	r.e = &typed.Ref{X: typed.X{T: tmp.Type, At: v.at}, Var: tmp}
	return r
}

// discard drops a value assigned to _, but not its effects: an atomic in it still happens.
func (e *elab) discard(v value) {
	w, ok := e.rvalue(v)
	if !ok || w.kind != vExpr || e.test != nil {
		return
	}
	if _, held := w.e.(*typed.Ref); !held {
		e.hold(w)
	}
}

// rhs elaborates the right side of an assignment to as many values as there are names.
func (e *elab) rhs(s *dsl.Assign) ([]value, bool) {
	var out []value
	ok := true
	if len(s.Rhs) == 1 && len(s.Lhs) > 1 {
		v := e.expr(s.Rhs[0])
		switch {
		case v.bad():
			return e.poison(s)
		case v.kind == vMulti && len(v.multi) == len(s.Lhs):
			return v.multi, true
		case v.kind == vMulti:
			e.errorf(codeCount, s.Span(), "%s for %s", plural(len(v.multi), "result"), plural(len(s.Lhs), "name"))
			return e.poison(s)
		}
		e.errorf(codeCount, s.Span(), "1 value for %s", plural(len(s.Lhs), "name"))
		return e.poison(s)
	}
	for _, x := range s.Rhs {
		v := e.expr(x)
		if v.kind == vNone {
			e.errorf(codeNotValue, x.Span(), "this gives no result")
			v = bad(x.Span())
		}
		out = append(out, v)
	}
	if len(out) != len(s.Lhs) {
		e.errorf(codeCount, s.Span(), "%s for %s", plural(len(out), "value"), plural(len(s.Lhs), "name"))
		return e.poison(s)
	}
	return out, ok
}

// poison declares the names of a definition whose right side has an error, so that their uses are not errors again.
func (e *elab) poison(s *dsl.Assign) ([]value, bool) {
	if s.Op == "=" {
		for _, l := range s.Lhs {
			if id := definedName(l); id != nil {
				if ent := e.local(id.Name); ent != nil {
					ent.poison()
				}
			}
		}
	}
	if s.Op == ":=" {
		for _, l := range s.Lhs {
			if id := definedName(l); id != nil && e.local(id.Name) == nil {
				e.declare(id, &entity{kind: entValue, val: bad(id.Span())})
			}
		}
	}
	return nil, false
}

// definedName is the name that x or x[a, b] left of := defines.
func definedName(l dsl.Expr) *dsl.Ident {
	if ix, ok := l.(*dsl.Index); ok {
		l = ix.X
	}
	id, _ := l.(*dsl.Ident)
	return id
}

// defineStmt is a := b.
func (e *elab) defineStmt(s *dsl.Assign) {
	rhs, ok := e.rhs(s)
	if !ok {
		return
	}
	for i, l := range s.Lhs {
		id := definedName(l)
		if id == nil {
			e.errorf(codeDefine, l.Span(), "only names, with axes or without, stand left of :=")
			continue
		}
		v := rhs[i]
		if v.bad() {
			if id.Name != "_" && e.local(id.Name) == nil {
				e.declare(id, &entity{kind: entValue, val: v})
			}
			continue
		}
		if id.Name == "_" {
			e.discard(v)
			continue
		}
		if v.kind == vHandle || v.kind == vTensor && v.ten.local {
			e.declare(id, &entity{kind: entTensor, ten: v.ten})
			continue
		}
		e.wantLower(id, "variable")
		if old := e.local(id.Name); old != nil && old.kind == entVar && old.depth == e.scope.depth {
			e.errorf(codeRedeclared, id.Span(), "%s is already a name here", id.Name).
				Note(old.at, "%s was declared here", id.Name).
				Suggest(diag.Span{File: s.Span().File, Start: s.OpPos, End: diag.Pos{Offset: s.OpPos.Offset + 2, Line: s.OpPos.Line, Col: s.OpPos.Col + 2}}, "=", "assign with =")
			continue
		}
		if e.test != nil {
			e.testDefine(id, l, v)
			continue
		}
		v, good := e.typedOf(v)
		if !good {
			e.declare(id, &entity{kind: entValue, val: bad(id.Span())})
			continue
		}
		if ix, ok := l.(*dsl.Index); ok {
			if v, good = e.declaredAxes(ix, v); !good {
				e.declare(id, &entity{kind: entValue, val: bad(id.Span())})
				continue
			}
		}
		e.define(id, v, s.Span())
	}
}

// declaredAxes checks the axes written on a definition and puts the value's in their order.
func (e *elab) declaredAxes(ix *dsl.Index, v value) (value, bool) {
	var want []*typed.Axis
	for _, entry := range ix.Entries {
		if entry.Colon != nil || entry.Eq != nil {
			e.errorf(codeDefine, entry.Span(), "axes stand here")
			return v, false
		}
		a, ok := e.axisOf(entry.X)
		if !ok {
			return v, false
		}
		want = append(want, a.t)
	}
	if !subset(v.axes(), want) || !subset(want, v.axes()) {
		e.errorf(codeDeclaredAxes, ix.Span(), "the value is over %s, and %s is written here", orNothing(v.axes()), orNothing(want))
		return v, false
	}
	if len(want) == len(v.axes()) {
		for i, a := range want {
			if v.axes()[i] != a {
				f := v
				f.e = &typed.Fill{X: x(v.elem(), want, v.at), Value: v.e}
				return f, true
			}
		}
	}
	return v, true
}

// define declares a variable with a first value.
func (e *elab) define(id *dsl.Ident, v value, at diag.Span) {
	if e.test != nil {
		e.testBind(id, v)
		return
	}
	w := &typed.Var{Name: id.Name, Type: v.e.Type(), Span: id.Span()}
	e.emit(&typed.Assign{S: typed.S{At: at}, Vars: []*typed.Var{w}, Values: []typed.Expr{v.e}})
	val := v
	val.dim, val.loose, val.lit, val.mod = "", false, false, v.mod
	e.declare(id, &entity{kind: entVar, v: w, val: val})
}

// assignVar checks an assignment to a name and gives what is assigned.
func (e *elab) assignVar(id *dsl.Ident, v value) (*entity, typed.Expr, value, bool) {
	ent := e.local(id.Name)
	fail := func() (*entity, typed.Expr, value, bool) { return nil, nil, v, false }
	if ent == nil {
		if v.bad() {
			return fail()
		}
		d := e.errorf(codeUndefined, id.Span(), "%s is not declared; a variable is declared with :=", id.Name)
		if near := nearest(id.Name, e.names()); near != "" && e.local(near) != nil {
			d.Suggest(id.Span(), near, "did you mean %s", near)
		}
		return fail()
	}
	switch ent.kind {
	case entValue:
		if e.test != nil && ent.v == nil && ent.tile == false && ent.val.kind == vConst && ent.dim == "" {
			break
		}
		if ent.val.bad() {
			return fail()
		}
		e.errorf(codeAssign, id.Span(), "%s is not a variable", id.Name).Note(ent.at, "%s is declared here", id.Name)
		return fail()
	case entAxis:
		e.errorf(codeAssign, id.Span(), "%s is an axis, not a variable", id.Name).Note(ent.at, "%s is declared here", id.Name)
		return fail()
	case entTensor:
		if e.test != nil && !ent.ten.memory && !ent.ten.local {
			break
		}
		e.errorf(codeAssign, id.Span(), "%s is a tensor: say which elements, as %s = …", id.Name, subscriptHint(ent.ten))
		return fail()
	case entHandle:
		e.errorf(codeAssign, id.Span(), "%s is not a variable", id.Name)
		return fail()
	}
	if v.bad() {
		ent.poison()
		return fail()
	}
	if ent.loop {
		e.errorf(codeAssign, id.Span(), "%s is bound by its loop, and not assigned", id.Name).Note(ent.at, "%s is declared here", id.Name)
		return fail()
	}
	if ent.input {
		e.errorf(codeAssign, id.Span(), "%s is a parameter, and parameters of kernels are read-only", id.Name).Note(ent.at, "%s is declared here", id.Name)
		return fail()
	}
	if e.test != nil {
		v, ok := e.rvalue(v)
		return ent, nil, v, ok
	}
	v, ok := e.rvalue(v)
	if !ok {
		return fail()
	}
	if ent.kind == entResult {
		return e.firstResult(id, ent, v)
	}
	x, ok := e.to(v, ent.v.Type.Elem, id.Name)
	if !ok {
		return fail()
	}
	if extra := minus(x.Type().Axes, ent.v.Type.Axes); len(extra) > 0 {
		d := e.errorf(codeExtraAxes, v.at, "the value is over %s, and %s over %s: a value over %s cannot leave it, so reduce it first", axisNames(x.Type().Axes), id.Name, orNothing(ent.v.Type.Axes), axisNames(extra))
		d.Note(ent.at, "%s is declared here", id.Name)
		return fail()
	}
	if !e.masked(ent, id.Span()) {
		return fail()
	}
	v.ix = indexOf(v, x)
	return ent, x, v, true
}

// indexOf is the known integer of a value converted to a variable's type.
func indexOf(v value, x typed.Expr) affine.Expr {
	t := x.Type().Elem
	if !t.IsInt() && t.Kind != dtype.BipolarKind {
		return affine.Unknown()
	}
	return v.index()
}

// poison makes a result whose assignment has an error a bad value, so that the error is reported once.
func (ent *entity) poison() {
	if ent.kind == entResult {
		ent.kind, ent.val = entValue, bad(ent.at)
	}
}

// firstResult is the first assignment of a named result: it gives the axes.
func (e *elab) firstResult(id *dsl.Ident, ent *entity, v value) (*entity, typed.Expr, value, bool) {
	x, ok := e.to(v, ent.val.typ, id.Name)
	if !ok {
		ent.poison()
		return nil, nil, v, false
	}
	v.ix = indexOf(v, x)
	ent.kind = entVar
	ent.v = &typed.Var{Name: id.Name, Type: x.Type(), Span: ent.at}
	ent.val = exprVal(x)
	return ent, x, v, true
}

// masked checks an assignment inside a where to a name from outside: it must be over the condition's axes.
func (e *elab) masked(ent *entity, at diag.Span) bool {
	for _, w := range e.wheres {
		if ent.depth > w.depth {
			continue
		}
		if missing := minus(w.axes, ent.v.Type.Axes); len(missing) > 0 {
			e.errorf(codeWhereAxes, at, "%s is over %s, and this where masks by %s", ent.name, orNothing(ent.v.Type.Axes), axisNames(w.axes)).
				Note(w.at, "the condition stands here")
			return false
		}
	}
	return true
}

// opAssign is x op= e.
func (e *elab) opAssign(s *dsl.Assign) {
	at := s.Span()
	op := s.Op[:len(s.Op)-1]
	l := s.Lhs[0]
	id, ok := l.(*dsl.Ident)
	if !ok {
		e.storeTo(l, e.expr(s.Rhs[0]), s.Op, at)
		return
	}
	old := e.expr(id)
	v := e.expr(s.Rhs[0])
	if old.bad() || v.bad() {
		return
	}
	if ent := e.local(id.Name); ent != nil && ent.kind == entVar && e.test == nil {
		// An untyped value takes the variable's type before the operator sees it.
		old.loose, old.lit = false, false
	}
	r := e.binary(op, old, v, at)
	if r.bad() {
		return
	}
	r.at = v.at
	ent, x, w, ok := e.assignVar(id, r)
	if !ok {
		return
	}
	if e.test != nil {
		e.testAssign(id, ent, w)
		return
	}
	ent.val.ix, ent.val.yes, ent.val.no, ent.val.tile = w.ix, w.yes, w.no, ent.val.tile || w.tile
	if len(e.wheres) > 0 && ent.depth <= e.wheres[len(e.wheres)-1].depth {
		e.havoc(ent)
	}
	e.emit(&typed.Assign{S: typed.S{At: at}, Vars: []*typed.Var{ent.v}, Values: []typed.Expr{x}})
}

// axisStmt is axis j = …
func (e *elab) axisStmt(s *dsl.Axis) {
	at := s.Span()
	e.wantLower(s.Name, "axis")
	poison := func() { e.declare(s.Name, &entity{kind: entValue, val: bad(at)}) }
	var a *axis
	switch {
	case s.Cat != nil:
		first, ok1 := e.axisOf(s.X)
		second, ok2 := e.axisOf(s.Cat)
		if !ok1 || !ok2 {
			poison()
			return
		}
		if first.t.Extent+second.t.Extent > maxExtent {
			e.errorf(codeTooLarge, at, "axis %s would have %d indices, more than %d", s.Name.Name, first.t.Extent+second.t.Extent, maxExtent)
			poison()
			return
		}
		a = e.newAxis(s.Name.Name, typed.CatAxis, 0, first.t.Extent+second.t.Extent, at)
		a.t.A, a.t.B = first.t, second.t
		a.tile = first.tile || second.tile
		e.within(a, affine.Const(0), affine.Const(first.t.Extent+second.t.Extent))
	case s.Hi == nil:
		v := e.expr(s.X)
		if v.kind == vAxis {
			of, ok := e.asAxis(v, s.X)
			if !ok {
				poison()
				return
			}
			a = e.newAxis(s.Name.Name, typed.CopyAxis, 0, of.t.Extent, at)
			a.t.Of = of.t
			e.within(a, of.lo, of.hi)
			a.bound, a.tile = of.bound, of.tile
			break
		}
		hi, ok := e.axisLimit(v, s.X)
		if !ok {
			poison()
			return
		}
		a = e.constAxis(s.Name.Name, 0, hi, at)
	default:
		lo, ok1 := e.axisLimit(e.expr(s.X), s.X)
		hi, ok2 := e.axisLimit(e.expr(s.Hi), s.Hi)
		if !ok1 || !ok2 {
			poison()
			return
		}
		a = e.constAxis(s.Name.Name, lo, hi, at)
	}
	if a == nil {
		poison()
		return
	}
	e.declare(s.Name, &entity{kind: entAxis, ax: a})
	e.emit(&typed.AxisDecl{S: typed.S{At: at}, Axis: a.t})
}

// constAxis makes an axis with the indices lo to hi-1, nil if it is too long.
func (e *elab) constAxis(name string, lo, hi int64, at diag.Span) *axis {
	if lo < -maxExtent || lo > maxExtent || hi-lo > maxExtent || hi > 1<<40 {
		e.errorf(codeTooLarge, at, "axis %s would have the indices %d to %d, more than %d", name, lo, hi-1, maxExtent)
		return nil
	}
	a := e.newAxis(name, typed.ConstAxis, lo, max(hi-lo, 0), at)
	a.start, a.end = affine.Const(lo), affine.Const(max(lo, hi))
	e.within(a, a.start, a.end)
	a.told = e.facts
	return a
}

// axisLimit is an end of an axis: an integer known when compiling.
func (e *elab) axisLimit(v value, n dsl.Expr) (int64, bool) {
	if v.bad() {
		return 0, false
	}
	if c, ok := v.constInt(); ok {
		return c, true
	}
	if v.kind == vExpr {
		if c, ok := v.ix.IsConst(); ok && len(v.axes()) == 0 && v.elem().IsInt() {
			return c, true
		}
	}
	if e.test != nil {
		e.errorf(codeNotConst, n.Span(), "the length of an axis is an integer known here")
		return 0, false
	}
	d := e.errorf(codeNotConst, n.Span(), "the length of an axis is an integer known when compiling")
	if v.kind == vExpr && v.loose {
		d.Note(n.Span(), "dimensions are known at launch only: loop over them, or make them generics, as [%s: int]", e.text(n.Span()))
	}
	return 0, false
}

// forStmt is a loop inside a kernel's phase or a function.
func (e *elab) forStmt(s *dsl.For) {
	if len(s.Names) != 1 {
		e.errorf(codeFor, s.Span(), "a loop binds one name; several are for edges in tests")
		return
	}
	e.inScope(func() {
		e.havocAll(s.Body)
		b, _, _, ok := e.bind(s.Names[0], s.Lo, s.Hi, s.By, false)
		if !ok {
			e.declare(s.Names[0], &entity{kind: entValue, val: bad(s.Names[0].Span())})
		}
		e.loops = append(e.loops, &loopState{wheres: len(e.wheres)})
		e.nest(1)
		body := e.collect(func() { e.stmts(s.Body) })
		e.nest(-1)
		e.loops = e.loops[:len(e.loops)-1]
		if ok {
			e.emit(&typed.For{S: typed.S{At: s.Span()}, Bind: b, Body: body})
		}
	})
	e.havocAll(s.Body)
}

// nest counts run-time control around the statements of a function.
func (e *elab) nest(n int) {
	if e.ret != nil {
		e.ret.depth += n
	}
}

// guard counts run-time conditions around the statements of a phase.
func (e *elab) guard(n int) {
	e.nest(n)
	e.guards += n
}

// bind elaborates m in lo..hi by BM and declares m in the open scope; from and to are the ends of its range.
func (e *elab) bind(id *dsl.Ident, lo, hi, by dsl.Expr, parallel bool) (b *typed.Bind, from, to affine.Expr, ok bool) {
	e.wantLower(id, "span")
	b = &typed.Bind{}
	ok = true
	tile := false
	limit := func(n dsl.Expr) (typed.Expr, affine.Expr) {
		if n == nil {
			return intExpr(0, dtype.I64, id.Span()), affine.Const(0)
		}
		v := e.expr(n)
		if v.bad() {
			ok = false
			return nil, affine.Unknown()
		}
		if a, isAxis := v.ax, v.kind == vAxis; isAxis {
			d := e.errorf(codeRange, n.Span(), "a range ends at integers, and %s is an axis", a.t.Name)
			if !parallel {
				d.Suggest(n.Span(), a.t.Name+".lo.."+a.t.Name+".hi", "loop over its indices")
			}
			ok = false
			return nil, affine.Unknown()
		}
		v, good := e.rvalue(v)
		if !good {
			ok = false
			return nil, affine.Unknown()
		}
		tile = tile || v.tile
		x, good := e.toInt(v, "the end of a range")
		if !good {
			ok = false
			return nil, affine.Unknown()
		}
		if len(x.Type().Axes) > 0 {
			e.errorf(codeRange, n.Span(), "the end of a range is a scalar, and this is a tile over %s: reduce it", axisNames(x.Type().Axes))
			ok = false
		}
		return x, v.index()
	}
	b.Lo, from = limit(lo)
	b.Hi, to = limit(hi)
	if by != nil {
		v := e.expr(by)
		switch n, is := v.constInt(); {
		case v.bad():
			ok = false
		case !is:
			e.errorf(codeNotConst, by.Span(), "the width of a span is an integer known when compiling: a tile size, a generic or a literal")
			ok = false
		case n < 1 || n > maxExtent:
			e.errorf(codeTooLarge, by.Span(), "the width of a span is %d, and it must be 1 to %d", n, maxExtent)
			ok = false
		default:
			b.By = n
			tile = tile || v.tile
		}
	}
	if !ok {
		return nil, from, to, false
	}
	// Ends of which nothing is known still bound the index.
	if !from.Known() {
		from = e.opaque("", dtype.I64)
	}
	if !to.Known() {
		to = e.opaque("", dtype.I64)
	}
	if b.By > 0 {
		a := e.newAxis(id.Name, typed.SpanAxis, 0, b.By, id.Span())
		a.tile = tile
		e.within(a, from, to)
		b.Axis = a.t
		if n, ok := to.Sub(from).IsConst(); ok && n > 0 && n < b.By {
			// A span never has more indices than its range; the extent stays what the schedule says.
			e.assume(affine.LE(a.ix, from.AddConst(n-1)))
		}
		e.declare(id, &entity{kind: entAxis, ax: a})
		return b, from, to, true
	}
	b.Var = &typed.Var{Name: id.Name, Type: typed.Type{Elem: dtype.I64}, Span: id.Span()}
	s := e.space.Sym(id.Name).Expr()
	e.assume(affine.And(affine.GE(s, from), affine.LT(s, to)))
	val := intVal(&typed.Ref{X: x(dtype.I64, nil, id.Span()), Var: b.Var}, s)
	e.declare(id, &entity{kind: entVar, v: b.Var, val: val, loop: true})
	return b, from, to, true
}

// havocAll forgets the values of the variables that a loop or branch assigns.
func (e *elab) havocAll(nodes ...dsl.Node) {
	for _, n := range nodes {
		if n == nil {
			continue
		}
		dsl.Walk(n, func(n dsl.Node) bool {
			a, ok := n.(*dsl.Assign)
			if !ok {
				_, isExpr := n.(dsl.Expr)
				return !isExpr
			}
			if a.Op == ":=" {
				return false
			}
			for _, l := range a.Lhs {
				if ed, ok := l.(*dsl.Edge); ok {
					l = ed.X
				}
				if ix, ok := l.(*dsl.Index); ok {
					l = ix.X
				}
				if id, ok := l.(*dsl.Ident); ok {
					if ent := e.local(id.Name); ent != nil && ent.kind == entVar {
						e.havoc(ent)
					}
				}
			}
			return false
		})
	}
}

// havoc forgets what is known of a variable's value.
func (e *elab) havoc(ent *entity) {
	ent.val.yes, ent.val.no, ent.val.mod = affine.Cond{}, affine.Cond{}, nil
	ent.val.ix = affine.Unknown()
	if t := ent.v.Type.Elem; t.IsInt() || t.Kind == dtype.BipolarKind {
		ent.val.ix = e.opaque(ent.name, t)
	}
}

// condition elaborates the condition of if or while: a bool that the whole block shares.
func (e *elab) condition(n dsl.Expr, what string) (value, bool) {
	v, ok := e.rvalue(e.expr(n))
	if !ok {
		return v, false
	}
	if v.kind == vConst {
		if !v.k.isBool() {
			e.errorf(codeOperand, n.Span(), "the condition of %s is a bool, not %s", what, v.k)
			return v, false
		}
		return v, true
	}
	if v.elem() != dtype.Bool {
		e.errorf(codeOperand, n.Span(), "the condition of %s is a bool, not %s", what, v.elem())
		return v, false
	}
	if len(v.axes()) > 0 {
		e.errorf(codeUniform, n.Span(), "the condition of %s is one bool for the whole block, and this is a tile over %s: reduce it with any or all, or use select or where", what, axisNames(v.axes()))
		return v, false
	}
	e.reads(v)
	return v, true
}

func (e *elab) whileStmt(s *dsl.While) {
	e.inScope(func() {
		e.havocAll(s.Body)
		var cond value
		ok := true
		before := e.collect(func() { cond, ok = e.condition(s.Cond, "while") })
		if !ok {
			return
		}
		var c typed.Expr
		if cond.kind == vConst {
			if !cond.k.bool() {
				e.resolveOnly(s.Body)
				return
			}
			c = &typed.Const{X: x(dtype.Bool, nil, cond.at), Int: 1}
		} else {
			c = cond.e
		}
		if len(before) > 0 {
			c = &typed.Let{X: typed.X{T: c.Type(), At: s.Cond.Span()}, Body: before, Value: c}
		}
		e.facts.Assume(cond.yes)
		if e.masks != nil {
			e.masks.Assume(cond.yes)
		}
		e.loops = append(e.loops, &loopState{wheres: len(e.wheres)})
		e.guard(1)
		body := e.collect(func() { e.inScope(func() { e.stmts(s.Body) }) })
		e.guard(-1)
		e.loops = e.loops[:len(e.loops)-1]
		e.emit(&typed.While{S: typed.S{At: s.Span()}, Cond: c, Body: body})
	})
	e.havocAll(s.Body)
}

func (e *elab) ifStmt(s *dsl.If) {
	cond, ok := e.condition(s.Cond, "if")
	if !ok {
		// The arms may still have errors of their own.
		e.collect(func() {
			e.inScope(func() { e.stmts(s.Then) })
			if s.Else != nil {
				e.inScope(func() { e.stmt(s.Else) })
			}
		})
		return
	}
	if cond.kind == vConst {
		if cond.k.bool() {
			if s.Else != nil {
				e.resolveOnly(s.Else)
			}
			e.inScope(func() { e.stmts(s.Then) })
			return
		}
		e.resolveOnly(s.Then)
		if s.Else != nil {
			e.stmt(s.Else)
		}
		return
	}
	stmt := &typed.If{S: typed.S{At: s.Span()}, Cond: cond.e}
	e.guard(1)
	stmt.Then = e.collect(func() {
		e.inScope(func() {
			e.assume(cond.yes)
			e.stmts(s.Then)
		})
	})
	if s.Else != nil {
		// What the first arm assigned has its old value in the second: both start from the same knowledge.
		e.havocAll(s.Then)
		stmt.Else = e.collect(func() {
			e.inScope(func() {
				e.assume(cond.no)
				e.stmt(s.Else)
			})
		})
	}
	e.guard(-1)
	e.emit(stmt)
	if s.Else != nil {
		e.havocAll(s.Then, s.Else)
	} else {
		e.havocAll(s.Then)
	}
}

func (e *elab) whereStmt(s *dsl.Where) {
	v, ok := e.typedOf(e.expr(s.Cond))
	if !ok {
		return
	}
	if v.elem() != dtype.Bool {
		e.errorf(codeOperand, s.Cond.Span(), "the condition of where is a bool, not %s", v.elem())
		return
	}
	e.reads(v)
	facts, masks := e.facts, e.masks
	if masks == nil {
		masks = facts
	}
	e.facts, e.masks = facts.Fork(), masks.Fork()
	e.masks.Assume(v.yes)
	e.wheres = append(e.wheres, &whereState{axes: v.axes(), depth: e.scope.depth, at: s.Cond.Span()})
	e.push()
	e.nest(1)
	body := e.collect(func() { e.stmts(s.Body) })
	e.nest(-1)
	e.pop()
	e.wheres = e.wheres[:len(e.wheres)-1]
	e.facts, e.masks = facts, masks
	if len(e.wheres) == 0 {
		e.masks = nil
	}
	e.emit(&typed.Where{S: typed.S{At: s.Span()}, Cond: v.e, Body: body})
	e.havocAll(s.Body)
}

func (e *elab) leaveLoop(at diag.Span, word string, s typed.Stmt) {
	if len(e.loops) == 0 {
		e.errorf(codeLoop, at, "%s stands in a loop only", word)
		return
	}
	l := e.loops[len(e.loops)-1]
	if l.wheres != len(e.wheres) {
		e.errorf(codeLoop, at, "%s cannot stand in a where: it leaves the loop for the whole block", word)
		return
	}
	if l.unrolled {
		if e.guards > 0 {
			e.errorf(codeLoop, at, "%s in a test stands under conditions that are known when the test is read", word)
			return
		}
		e.test.leave = leaveBreak
		if word == "continue" {
			e.test.leave = leaveContinue
		}
		return
	}
	e.emit(s)
}

func (e *elab) returnStmt(s *dsl.Return) {
	at := s.Span()
	if e.ret == nil {
		e.errorf(codeReturn, at, "return stands in functions only")
		return
	}
	ret := e.ret
	if ret.depth > 0 {
		e.errorf(codeReturn, at, "return is the last statement of a function, outside loops and run-time branches; use select, or a named result")
		return
	}
	fn := ret.fn
	ret.done = true
	switch {
	case fn.ast.Results != nil && len(s.Values) == 0:
		ret.done = false
		r := e.results(fn, at)
		ret.done = true
		if r.kind == vMulti {
			ret.values = r.multi
		} else {
			ret.values = []value{r}
		}
		return
	case fn.ast.Results != nil:
		if len(s.Values) != len(fn.ast.Results.List) {
			e.errorf(codeCount, at, "%s gives %s, and this returns %d", fn.Name, plural(len(fn.ast.Results.List), "result"), len(s.Values))
			ret.values = []value{bad(at)}
			return
		}
	case fn.ast.Result == nil:
		if len(s.Values) == 0 {
			return
		}
		e.errorf(codeReturn, at, "%s gives no result", fn.Name)
		ret.values = []value{bad(at)}
		return
	case len(s.Values) != 1:
		e.errorf(codeCount, at, "%s gives 1 result, and this returns %d", fn.Name, len(s.Values))
		ret.values = []value{bad(at)}
		return
	}
	for i, n := range s.Values {
		v := e.expr(n)
		if !v.bad() {
			v = e.resultOf(fn, i, v)
		}
		ret.values = append(ret.values, v)
	}
}

// resultOf converts a returned value to the type of result i.
func (e *elab) resultOf(fn *Func, i int, v value) value {
	typ := fn.ast.Result
	if typ == nil {
		p := fn.ast.Results.Typed(i)
		if p == nil || p.Type == nil {
			e.errorf(codeParam, fn.ast.Results.List[i].Span(), "result %s has no type", fn.ast.Results.List[i].Name.Name)
			return bad(v.at)
		}
		typ = p.Type
	}
	t, ok := e.typeOf(typ)
	if !ok {
		return bad(v.at)
	}
	if e.test != nil {
		t = typed.ReadType(t)
	}
	v, ok = e.rvalue(v)
	if !ok {
		return bad(v.at)
	}
	x, ok := e.to(v, t, "the result of "+fn.Name)
	if !ok {
		return bad(v.at)
	}
	r := v
	if v.kind == vConst {
		r = exprVal(x)
	}
	r.e, r.ix, r.loose, r.lit = x, indexOf(v, x), false, false
	return r
}

// storeTo assigns to something that is not a name: elements of a tensor or of a tile.
func (e *elab) storeTo(l dsl.Expr, v value, op string, at diag.Span) {
	g := edge{}
	if ed, ok := l.(*dsl.Edge); ok {
		g = edge{out: ed.Else, unchecked: ed.Unchecked, at: ed.Span()}
		l = ed.X
		if ed.Else != nil && !g.skip() {
			e.errorf(codeEdge, ed.Span(), "what is outside is not stored: write `else skip` here")
			return
		}
	}
	ix, ok := l.(*dsl.Index)
	if !ok {
		e.errorf(codeAssign, l.Span(), "this is not something to assign to")
		return
	}
	base := e.expr(ix.X)
	switch {
	case base.bad() || v.bad():
	case base.kind == vTensor:
		e.store(base.ten, ix, g, v, op, at)
	case base.kind == vExpr:
		e.scatter(ix, g, v, op, at)
	default:
		e.errorf(codeAssign, l.Span(), "this is not something to assign to")
	}
}

// scatter is t[e: i] = v on a tile variable.
func (e *elab) scatter(n *dsl.Index, g edge, v value, op string, at diag.Span) {
	id, ok := n.X.(*dsl.Ident)
	if !ok || e.test != nil {
		e.errorf(codeAssign, n.Span(), "only elements of a variable are assigned")
		return
	}
	ent := e.local(id.Name)
	if ent == nil || ent.kind != entVar || ent.input || ent.loop {
		e.errorf(codeAssign, n.Span(), "%s is not a variable", id.Name)
		return
	}
	if len(n.Entries) != 1 {
		e.errorf(codeSubscript, n.Span(), "one axis of a tile is subscripted at a time left of an assignment")
		return
	}
	base := e.entityValue(ent, id.Span())
	facts := e.facts
	if e.masks != nil {
		facts = e.masks
	}
	entry, ok := e.lookupEntry(base, n.Entries[0], g, facts)
	if !ok {
		return
	}
	axes := union(minus(base.axes(), []*typed.Axis{entry.axis.t}), entry.index.Type().Axes...)
	if op != "=" {
		old := &typed.Lookup{X: x(base.elem(), axes, n.Span()), Tile: base.e, Axis: entry.axis.t, Index: entry.index, Mode: entry.mode}
		if entry.mode == typed.Else {
			old.Out = zeroOf(base.elem(), n.Span())
		}
		o := exprVal(old)
		if base.elem().IsInt() {
			o.ix = e.opaque("", base.elem())
		}
		if v = e.binary(op[:len(op)-1], o, v, at); v.bad() {
			return
		}
	}
	x, ok := e.to(v, ent.v.Type.Elem, id.Name)
	if !ok {
		return
	}
	if !subset(x.Type().Axes, axes) {
		e.errorf(codeExtraAxes, v.at, "the value is over %s, and %s over %s", axisNames(x.Type().Axes), e.text(n.Span()), orNothing(axes))
		return
	}
	if !e.masked(ent, id.Span()) {
		return
	}
	e.emit(&typed.Scatter{S: typed.S{At: at}, Var: ent.v, Axis: entry.axis.t, Index: entry.index, Value: x, Mode: entry.mode})
	e.havoc(ent)
}

func zeroOf(t dtype.Type, at diag.Span) typed.Expr { return &typed.Const{X: x(t, nil, at)} }

// atomicCall is atomic.add(t[i], v) and its kin.
func (e *elab) atomicCall(c *call) value {
	kind := c.name[len("atomic."):]
	n := 2
	if kind == "cas" {
		n = 3
	}
	if !e.countArgs(c, n, n) {
		return bad(c.at)
	}
	if e.test != nil {
		e.errorf(codeTestStmt, c.at, "tests have no atomics")
		return bad(c.at)
	}
	g := edge{}
	l := c.args[0].X
	if ed, ok := l.(*dsl.Edge); ok {
		g = edge{out: ed.Else, unchecked: ed.Unchecked, at: ed.Span()}
		l = ed.X
		if ed.Else != nil && !g.skip() {
			e.errorf(codeEdge, ed.Span(), "an atomic outside is not done: write `else skip` here")
			return bad(c.at)
		}
	}
	ix, ok := l.(*dsl.Index)
	if !ok {
		e.errorf(codeAtomic, c.args[0].Span(), "the first argument of %s is an element of a tensor", c.name)
		return bad(c.at)
	}
	base := e.expr(ix.X)
	if base.kind != vTensor {
		if !base.bad() {
			e.errorf(codeAtomic, ix.Span(), "the first argument of %s is an element of a tensor", c.name)
		}
		return bad(c.at)
	}
	t := base.ten
	if !e.writable(t, ix.Span()) {
		return bad(c.at)
	}
	elem := t.t.Elem
	switch kind {
	case "add", "max", "min":
		ok = elem.Arithmetic()
	case "and", "or", "xor":
		ok = elem == dtype.Bool || elem.IsInt() && elem.Arithmetic()
	}
	if !ok || elem.Bits() < 8 {
		e.errorf(codeAtomic, c.at, "%s does not work on %s", c.name, elem)
		return bad(c.at)
	}
	facts := e.facts
	if e.masks != nil {
		facts = e.masks
	}
	subs, ok := e.subscripts(t, ix, g, facts)
	if !ok {
		return bad(c.at)
	}
	a := &typed.Atomic{X: x(elem, subs.axes, c.at), Tensor: t.t, Index: subs.exprs, Kind: kind, Mode: subs.mode}
	for _, arg := range c.args[1:] {
		v := e.expr(arg.X)
		if v.bad() {
			return v
		}
		x, ok := e.to(v, elem, "an argument of "+c.name)
		if !ok {
			return bad(c.at)
		}
		if !subset(x.Type().Axes, subs.axes) {
			e.errorf(codeExtraAxes, arg.Span(), "the value is over %s, and the elements over %s", axisNames(x.Type().Axes), orNothing(subs.axes))
			return bad(c.at)
		}
		a.Args = append(a.Args, x)
	}
	if !e.effectAxes(subs.axes, c.at) {
		return bad(c.at)
	}
	e.wrote(t, indices{}, c.at, true)
	v := exprVal(a)
	v.ix = e.loaded(elem, t.t.Name)
	return v
}

// effectAxes checks that a masked effect varies over the axes of every where around it.
func (e *elab) effectAxes(axes []*typed.Axis, at diag.Span) bool {
	for _, w := range e.wheres {
		if missing := minus(w.axes, axes); len(missing) > 0 {
			e.errorf(codeWhereAxes, at, "this is over %s, and the where around it masks by %s", orNothing(axes), axisNames(w.axes)).
				Note(w.at, "the condition stands here")
			return false
		}
	}
	return true
}

// effect notes a statement with an effect; only phases have any.
func (e *elab) effect(at diag.Span) {
	if e.kernel != nil && e.kernel.top {
		e.errorf(codeTop, at, "effects stand inside a phase: in parallel, or in a for at the top")
	}
}
