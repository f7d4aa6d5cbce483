package check

import (
	"slices"
	"strings"

	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir/affine"
	"github.com/tilec/tilec/ir/dtype"
)

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
				if len(s.Lhs) > 1 {
					if w, good = e.testHold(ent, w, l.Name); !good {
						continue
					}
				}
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
			e.errorf(codeNotValue, x.Span(), "this gives no result: call it as a statement of its own")
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
			e.errorf(codeDefine, l.Span(), "only names, with axes or without, stand left of :=; elements are assigned with =")
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
		if v.kind == vHandle {
			e.wantLower(id, "name")
			switch h := v.handle; {
			case h.slot != nil && h.slot.s.Name == "slot":
				h.slot.s.Name = id.Name
			case h.slot == nil && h.ch.c.Name == "channel":
				h.ch.c.Name = id.Name
			}
			e.declare(id, &entity{kind: entHandle, val: v})
			continue
		}
		e.wantVariable(id, s, v)
		if old := e.local(id.Name); old != nil && old.kind == entVar && old.depth == e.scope.depth {
			d := e.errorf(codeRedeclared, id.Span(), "%s is already a name here: assign to it with =, or define another name", id.Name).
				Note(old.at, "%s was declared here", id.Name)
			if e.allVariables(s.Lhs) {
				d.Suggest(opSpan(s), "=", "assign with =")
			}
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

// opSpan is the place of an assignment's operator.
func opSpan(s *dsl.Assign) diag.Span {
	end := s.OpPos
	end.Offset += len(s.Op)
	end.Col += len(s.Op)
	return diag.Span{File: s.Span().File, Start: s.OpPos, End: end}
}

// allVariables reports that = in place of := would do.
func (e *elab) allVariables(left []dsl.Expr) bool {
	for _, l := range left {
		id, is := l.(*dsl.Ident)
		if !is {
			return false
		}
		if ent := e.local(id.Name); id.Name != "_" && (ent == nil || ent.kind != entVar || ent.input || ent.loop) {
			return false
		}
	}
	return true
}

// wantVariable holds a variable to lower case; what is known when compiling may have been meant as a constant.
func (e *elab) wantVariable(id *dsl.Ident, s *dsl.Assign, v value) {
	if !upper(id.Name) || len(s.Lhs) != 1 || v.kind != vConst && v.kind != vType && v.kind != vFunc {
		e.wantLower(id, "variable")
		return
	}
	e.errorf(codeCase, id.Span(), "variable %s must begin with a lower-case letter; a constant may be upper-case, as const %s = %s", id.Name, id.Name, e.text(s.Rhs[0].Span())).
		Suggest(s.Lhs[0].Span().To(opSpan(s)), "const "+id.Name+" =", "make it a constant")
}

// declaredAxes checks the axes written on a definition and puts the value's in their order.
func (e *elab) declaredAxes(ix *dsl.Index, v value) (value, bool) {
	var want []*typed.Axis
	for _, entry := range ix.Entries {
		if entry.Colon != nil || entry.Eq != nil {
			e.errorf(codeDefine, entry.Span(), "in the brackets of a definition stand the axes of the value, as v[m, n] := …")
			return v, false
		}
		a, ok := e.axisOf(entry.X)
		if !ok {
			return v, false
		}
		want = append(want, a.t)
	}
	if !subset(v.axes(), want) || !subset(want, v.axes()) {
		e.errorf(codeDeclaredAxes, ix.Span(), "the value is over %s, and %s is written here: write what it is over, or leave the brackets out", orNothing(v.axes()), orNothing(want))
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
		if e.scope.root.names[id.Name] != nil {
			e.errorf(codeAssign, id.Span(), "%s is a name of the package, not a variable", id.Name)
			return fail()
		}
		d := e.errorf(codeUndefined, id.Span(), "%s is not declared; a variable is declared with :=", id.Name)
		if near := diag.Nearest(id.Name, e.names()); near != "" && e.local(near) != nil {
			d.Suggest(id.Span(), near, "did you mean %s", near)
		}
		return fail()
	}
	switch ent.kind {
	case entValue:
		if e.test != nil && ent.v == nil && !ent.tile && ent.val.kind == vConst && ent.dim == "" {
			break
		}
		if ent.val.bad() {
			return fail()
		}
		e.errorf(codeAssign, id.Span(), "%s is no variable and keeps its value: define one, as v := %s", id.Name, id.Name).Note(ent.at, "%s is declared here", id.Name)
		return fail()
	case entAxis:
		e.errorf(codeAssign, id.Span(), "%s is an axis, not a variable: define one of another name", id.Name).Note(ent.at, "%s is declared here", id.Name)
		return fail()
	case entTensor:
		if e.test != nil && !ent.ten.memory && !ent.ten.local {
			break
		}
		if e.test != nil {
			e.notAssigned(id, ent)
			return fail()
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
		all := axisNames(x.Type().Axes)
		e.errorf(codeExtraAxes, v.at, "the value is over %s, and %s over %s: reduce it, as sum[%s](…) or dot[%s](…), or define %s over %s before, as %s := %s[%s](0)",
			all, id.Name, orNothing(ent.v.Type.Axes), axisNames(extra), axisNames(extra), id.Name, all, id.Name, typeName(ent.v.Type.Elem), all).
			Note(ent.at, "%s is declared here", id.Name)
		return fail()
	}
	if !e.masked(ent, id.Span()) || !e.ownVariable(ent, id.Span()) {
		return fail()
	}
	v.ix = indexOf(v, x)
	return ent, x, v, true
}

// notAssigned reports an assignment in a test to a tensor that was generated or that a kernel gave: those stay what they
// are, and values made of them are assigned.
func (e *elab) notAssigned(id *dsl.Ident, ent *entity) {
	of, at := id.Name, ent.at
	for s := e.scope; s != nil; s = s.parent {
		for _, other := range s.names {
			if other.kind == entTensor && other.ten == ent.ten && other.at.Start.Offset < at.Start.Offset {
				of, at = other.name, other.at
			}
		}
	}
	whole := of + "[…]"
	if keys := ent.ten.keys; len(keys) > 0 && !slices.Contains(keys, "") {
		whole = of + "[" + strings.Join(keys, ", ") + "]"
	}
	name := id.Name
	if of == name {
		name = "v"
	}
	e.errorf(codeAssign, id.Span(), "%s is a tensor as it was made, and not assigned: start from a value, as %s := %s", id.Name, name, whole).
		Note(ent.at, "%s is declared here", id.Name)
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
			e.errorf(codeWhereAxes, at, "%s is over %s, and this where masks by %s: define %s over those axes too, or reduce the condition", ent.name, orNothing(ent.v.Type.Axes), axisNames(w.axes), ent.name).
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
	before := len(*e.diags)
	r := e.binary(op, old, v, at)
	if r.bad() {
		e.keepLeft(before, id.Span(), v, old.elem())
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

// storeTo assigns to something that is not a name: elements of a tensor or of a tile.
func (e *elab) storeTo(l dsl.Expr, v value, op string, at diag.Span) {
	g := edge{store: true}
	if ed, ok := l.(*dsl.Edge); ok {
		g.out, g.unchecked, g.at = ed.Else, ed.Unchecked, ed.Span()
		l = ed.X
		if ed.Else != nil && !g.skip() {
			e.errorf(codeEdge, ed.Span(), "what is outside is not stored: write `else skip` here")
			return
		}
	}
	ix, ok := l.(*dsl.Index)
	if !ok {
		e.errorf(codeAssign, l.Span(), "this is not something to assign to: names are, and elements, as y[m, n]")
		return
	}
	base := e.expr(ix.X)
	switch {
	case base.bad() || v.bad():
	case base.kind == vHandle && base.handle.slot != nil:
		if op != "=" {
			e.errorf(codeChannel, at, "a slot takes =, not %s", op)
			return
		}
		e.fill(base.handle.slot, ix, v, at)
	case base.kind == vHandle:
		e.errorf(codeChannel, at, "this is a channel: send to it, as %s <- …, or write a slot that acquire gives", e.text(l.Span()))
	case base.kind == vTensor:
		e.store(base.ten, ix, g, v, op, at)
	case base.kind == vExpr:
		e.scatter(ix, g, v, op, at)
	default:
		e.errorf(codeAssign, l.Span(), "this is not something to assign to: names are, and elements, as y[m, n]")
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
	entry, ok := e.lookupEntry(base, n.Entries[0], n.Span().End, g, facts)
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
		before := len(*e.diags)
		r := e.binary(op[:len(op)-1], o, v, at)
		if r.bad() {
			e.keepLeft(before, n.Span(), v, base.elem())
			return
		}
		v = r
	}
	x, ok := e.to(v, ent.v.Type.Elem, id.Name)
	if !ok {
		return
	}
	if !subset(x.Type().Axes, axes) {
		e.errorf(codeExtraAxes, v.at, "the value is over %s, and %s over %s: reduce it first", axisNames(x.Type().Axes), e.text(n.Span()), orNothing(axes))
		return
	}
	if !e.masked(ent, id.Span()) || !e.ownVariable(ent, id.Span()) {
		return
	}
	e.emit(&typed.Scatter{S: typed.S{At: at}, Var: ent.v, Axis: entry.axis.t, Index: entry.index, Value: x, Mode: entry.mode})
	e.havoc(ent)
}

// keepLeft turns a suggestion to convert what stands left of an assignment into one to convert the value.
func (e *elab) keepLeft(before int, left diag.Span, v value, t dtype.Type) {
	if len(*e.diags) == before {
		return
	}
	d := (*e.diags)[len(*e.diags)-1]
	if d.Fix == nil || d.Fix.Span.Start.Offset > left.End.Offset {
		return
	}
	d.Fix = nil
	if v.kind == vExpr && v.elem() != dtype.Bool && t.Arithmetic() {
		e.suggestCast(d, v.at, t)
	}
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
	g := edge{store: true}
	l := c.args[0].X
	if ed, ok := l.(*dsl.Edge); ok {
		g.out, g.unchecked, g.at = ed.Else, ed.Unchecked, ed.Span()
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
		e.errorf(codeAtomic, c.at, "%s does not work on %s: it takes %s of 8 bits or more", c.name, elem, atomicOperands(kind))
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
	if kind != "xchg" { // which needs no value to be there
		e.addable(t, c.at)
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
			e.errorf(codeExtraAxes, arg.Span(), "the value is over %s, and the elements over %s: reduce it first", axisNames(x.Type().Axes), orNothing(subs.axes))
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
	return e.inTurn(v)
}

// atomicOperands says what an atomic works on.
func atomicOperands(kind string) string {
	switch kind {
	case "add", "max", "min":
		return "numbers"
	case "and", "or", "xor":
		return "integers and bools"
	}
	return "elements"
}

// effectAxes checks that a masked effect varies over the axes of every where around it.
func (e *elab) effectAxes(axes []*typed.Axis, at diag.Span) bool {
	for _, w := range e.wheres {
		if missing := minus(w.axes, axes); len(missing) > 0 {
			e.errorf(codeWhereAxes, at, "this is over %s, and the where around it masks by %s: subscript with those axes too, or reduce the condition", orNothing(axes), axisNames(w.axes)).
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
