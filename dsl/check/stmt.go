package check

import (
	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir/affine"
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
	defer e.inOrder(s)()
	received := e.received
	e.received = nil
	defer func() { e.releaseReceived(received, s.Span()) }()
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
		if a, ok := e.unheld(v.e).(*typed.Atomic); ok {
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
	e.errorf(codeUnused, s.Span(), "this value is not used: name it with :=, or drop it with _ =")
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
			if !e.whole(of.t, at) {
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
		e.errorf(codeNotConst, n.Span(), "the length of an axis is an integer known when the test is read")
		return 0, false
	}
	d := e.errorf(codeNotConst, n.Span(), "the length of an axis is an integer known when compiling")
	if v.kind == vExpr && v.loose {
		d.Note(n.Span(), "dimensions are known at launch only: loop over them, or make them generics, as [%s: int]", e.text(n.Span()))
	}
	return 0, false
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
