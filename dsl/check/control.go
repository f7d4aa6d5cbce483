package check

import (
	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir/affine"
	"github.com/tilec/tilec/ir/dtype"
)

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
	tile, data := false, false
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
		tile, data = tile || v.tile, data || v.kind != vConst && !v.loose
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
	e.notEmpty(from, to)
	ends := [2]loopEnd{{ix: from}, {ix: to}}
	if lo != nil {
		ends[0].at = lo.Span()
	}
	if hi != nil {
		ends[1].at = hi.Span()
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
		e.declare(id, &entity{kind: entAxis, ax: a, from: ends[0], to: ends[1], data: data})
		return b, from, to, true
	}
	b.Var = &typed.Var{Name: id.Name, Type: typed.Type{Elem: dtype.I64}, Span: id.Span()}
	s := e.space.Sym(id.Name).Expr()
	e.assume(affine.And(affine.GE(s, from), affine.LT(s, to)))
	val := intVal(&typed.Ref{X: x(dtype.I64, nil, id.Span()), Var: b.Var}, s)
	e.declare(id, &entity{kind: entVar, v: b.Var, val: val, loop: true, from: ends[0], to: ends[1], data: data})
	return b, from, to, true
}

// notEmpty assumes what it means that a range has an index at all: the factors of 0..X*Y are not 0.
func (e *elab) notEmpty(from, to affine.Expr) {
	if k, ok := from.IsConst(); !ok || k != 0 {
		return
	}
	var product []*affine.Term
	terms := 0
	to.Monomials(func(_ int64, factors []*affine.Term) {
		terms++
		product = factors
	})
	if terms != 1 || len(product) < 2 {
		return
	}
	for _, f := range product {
		if e.facts.ProveGE0(f.Expr()) {
			e.assume(affine.GE(f.Expr(), affine.Const(1)))
		}
	}
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
		inCond := e.inCond
		e.inCond = true
		before := e.collect(func() { cond, ok = e.condition(s.Cond, "while") })
		e.inCond = inCond
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
	if e.inTurnOf > len(e.loops) {
		e.errorf(codeLoop, at, "%s cannot stand in a turn: it would leave it", word)
		return
	}
	for _, s := range e.slots {
		if s.loops >= len(e.loops) {
			begin, end := s.words()
			e.errorf(codeSlot, at, "%s leaves while a slot of %s is %s: %s it before", word, s.ch.c.Name, begin, end).Note(s.s.Span, "it is %s here", begin)
			return
		}
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
