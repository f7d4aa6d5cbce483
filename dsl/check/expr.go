package check

import (
	"go/constant"
	"strings"

	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/affine"
	"github.com/tilec/tilec/ir/dtype"
)

// expr elaborates an expression. An expression with an error gives a bad value, having reported it.
func (e *elab) expr(n dsl.Expr) value {
	if n == nil {
		return bad(diag.Span{})
	}
	at := n.Span()
	e.step(at)
	switch n := n.(type) {
	case *dsl.Ident:
		return e.ident(n)
	case *dsl.Number:
		if n.Value == nil {
			return bad(at)
		}
		if n.IsFloat() {
			return constVal(konst{v: constant.ToFloat(n.Value)}, at)
		}
		return constVal(konst{v: n.Value}, at)
	case *dsl.String:
		return constVal(stringConst(n.Value), at)
	case *dsl.Width:
		if t, ok := e.width(n); ok {
			return value{kind: vType, typ: t, at: at}
		}
		return bad(at)
	case *dsl.Paren:
		v := e.expr(n.X)
		v.dim = ""
		return v
	case *dsl.List:
		e.errorf(codeNotValue, at, "a list is a value in tests only, as [1, 2] as i32[2]")
	case *dsl.Selector:
		return e.selector(n)
	case *dsl.Index:
		return e.index(n, edge{})
	case *dsl.Call:
		return e.call(n, nil)
	case *dsl.Unary:
		return e.unary(n)
	case *dsl.Binary:
		return e.binaryExpr(n)
	case *dsl.Cast:
		return e.castExpr(n)
	case *dsl.BitCast:
		return e.bitCast(n)
	case *dsl.InType:
		call, ok := dsl.Unparen(n.X).(*dsl.Call)
		if !ok {
			e.errorf(codeInType, at, "`in` stands behind dot only, and says in which type it sums")
			return bad(at)
		}
		return e.call(call, n.Type)
	case *dsl.Edge:
		ix, ok := n.X.(*dsl.Index)
		if !ok {
			e.errorf(codeEdge, at, "`else` and `unchecked` stand right after a subscript only")
			return bad(at)
		}
		return e.index(ix, edge{out: n.Else, unchecked: n.Unchecked, at: at})
	case *dsl.Recv:
		return e.recv(n)
	case *dsl.Chan:
		return e.channel(n)
	case *dsl.Asm:
		return e.asm(n)
	}
	return bad(at)
}

// ident resolves a name.
func (e *elab) ident(id *dsl.Ident) value {
	at := id.Span()
	if ent := e.local(id.Name); ent != nil {
		return e.entityValue(ent, at)
	}
	if v, ok := e.packageName(e.scope.root, id.Name, at); ok {
		return v
	}
	if e.scope.file != nil {
		if pkg := e.scope.file.imports[id.Name]; pkg != nil {
			return value{kind: vPackage, pkg: pkg, at: at}
		}
	}
	if v, ok := universe(id.Name, at); ok {
		return v
	}
	if _, err := dtype.Parse(id.Name); looksLikeType(id.Name) {
		e.errorf(codeUndefined, at, "%v", err)
		return bad(at)
	}
	if upper(id.Name) {
		if v, ok := e.tileSize(id); ok {
			return v
		}
	}
	d := e.errorf(codeUndefined, at, "%s is not declared", id.Name)
	if near := diag.Nearest(id.Name, e.names()); near != "" {
		d.Suggest(at, near, "did you mean %s", near)
	}
	return bad(at)
}

func (e *elab) entityValue(ent *entity, at diag.Span) value {
	switch ent.kind {
	case entValue:
		v := ent.val
		v.at, v.dim, v.tile = at, ent.dim, v.tile || ent.tile
		if v.kind == vExpr {
			v.e = relocate(v.e, at)
		}
		return v
	case entVar:
		v := ent.val
		v.kind, v.at = vExpr, at
		v.e = &typed.Ref{X: typed.X{T: ent.v.Type, At: at}, Var: ent.v}
		for _, a := range ent.v.Type.Axes {
			if info := e.axes[a]; info != nil && info.dead {
				e.errorf(codeDeadAxis, at, "%s is over axis %s, which has ceased to exist: reduce it where the axis lives", ent.name, a.Name).
					Note(a.Span, "%s is made here, and lives to the end of that block", a.Name)
				return bad(at)
			}
		}
		return v
	case entAxis:
		return value{kind: vAxis, ax: ent.ax, at: at}
	case entTensor:
		return value{kind: vTensor, ten: ent.ten, at: at}
	case entResult:
		e.errorf(codeNoValue, at, "result %s is read before it is assigned", ent.name).Note(ent.at, "declared here")
	case entHandle:
		return value{kind: vHandle, handle: ent.val.handle, at: at}
	}
	return bad(at)
}

// relocate gives a size reference the place where it is used.
func relocate(x typed.Expr, at diag.Span) typed.Expr {
	if s, ok := x.(*typed.SizeRef); ok {
		c := *s
		c.At = at
		return &c
	}
	return x
}

// packageName resolves a name of a package.
func (e *elab) packageName(pkg *Package, name string, at diag.Span) (value, bool) {
	d := pkg.names[name]
	switch {
	case d == nil:
		return value{}, false
	case d.fn != nil:
		return value{kind: vFunc, fn: &funcRef{fn: d.fn}, at: at}, true
	case d.kernel != nil:
		return value{kind: vKernel, kern: d.kernel, at: at}, true
	}
	v := e.packageConst(d)
	v.at = at
	if v.kind == vConst && v.k.isInt() {
		v.dim = pkg.Name + "." + name
	}
	return v, true
}

// universe resolves a name of the language: types, constants, builtins.
func universe(name string, at diag.Span) (value, bool) {
	if t, ok := typeByName(name); ok {
		return value{kind: vType, typ: t, at: at}, true
	}
	if k, ok := constants[name]; ok {
		return constVal(k, at), true
	}
	if builtins[name].run != nil || name == "atomic" {
		return value{kind: vFunc, fn: &funcRef{builtin: name}, at: at}, true
	}
	return value{}, false
}

var constants = map[string]konst{
	"true":    boolConst(true),
	"false":   boolConst(false),
	"inf":     {sp: posInf},
	"nan":     {sp: notNum},
	"lowest":  {sp: lowest},
	"highest": {sp: highest},
	"pi":      digits("3.14159265358979323846264338327950288419716939937510582097494459"),
	"log2e":   digits("1.44269504088896340735992468100189213742664595415298593413544940"),
}

// selector is m.lo, m.hi, or a name of an imported package.
func (e *elab) selector(n *dsl.Selector) value {
	at := n.Span()
	v := e.expr(n.X)
	switch v.kind {
	case vBad:
		return v
	case vPackage:
		r, ok := e.packageName(v.pkg, n.Sel.Name, at)
		if !ok {
			var names []string
			for name := range v.pkg.names {
				names = append(names, name)
			}
			d := e.errorf(codeUndefined, n.Sel.Span(), "package %s has no %s", v.pkg.Name, n.Sel.Name)
			if near := diag.Nearest(n.Sel.Name, names); near != "" {
				d.Suggest(n.Sel.Span(), near, "did you mean %s", near)
			}
			return bad(at)
		}
		return r
	case vAxis:
		if n.Sel.Name == "lo" || n.Sel.Name == "hi" {
			return e.bound(v.ax, n.Sel.Name == "hi", at)
		}
		e.errorf(codeSelector, n.Sel.Span(), "an axis has .lo and .hi, not .%s", n.Sel.Name)
		return bad(at)
	}
	if id, ok := n.X.(*dsl.Ident); ok && id.Name == "atomic" && v.kind == vFunc && v.fn.builtin == "atomic" {
		return value{kind: vFunc, fn: &funcRef{builtin: "atomic." + n.Sel.Name}, at: at}
	}
	e.errorf(codeSelector, at, "only axes and packages have parts behind a dot")
	return bad(at)
}

// bound is the first index of an axis, or one past its last.
func (e *elab) bound(a *axis, hi bool, at diag.Span) value {
	if a.dead {
		e.deadAxis(a, at)
		return bad(at)
	}
	if a.t.Kind == typed.ConstAxis {
		n := a.t.Lo
		if hi {
			n += a.t.Extent
		}
		return intVal(intExpr(n, dtype.I64, at), affine.Const(n))
	}
	e.edges(a)
	ix := a.start
	if hi {
		ix = a.end
	}
	v := intVal(&typed.Bound{X: x(dtype.I64, nil, at), Axis: a.t, Hi: hi}, ix)
	v.tile = a.tile
	return v
}

// deadAxis reports an axis that is used outside of the block where it was made.
func (e *elab) deadAxis(a *axis, at diag.Span) {
	e.errorf(codeDeadAxis, at, "axis %s has ceased to exist: use it in the block that makes it", a.t.Name).Note(a.t.Span, "%s is made here", a.t.Name)
}

// edges makes the symbols of an axis's bounds. Every span that exists has an index.
func (e *elab) edges(a *axis) {
	if a.told == e.facts {
		return
	}
	a.told = e.facts
	switch a.t.Kind {
	case typed.ConstAxis:
		a.start, a.end = affine.Const(a.t.Lo), affine.Const(a.t.Lo+a.t.Extent)
		return
	case typed.CopyAxis:
		of := e.axes[a.t.Of]
		e.edges(of)
		a.start, a.end = of.start, of.end
	case typed.CatAxis:
		first, second := e.axes[a.t.A], e.axes[a.t.B]
		e.edges(first)
		e.edges(second)
		a.start = affine.Const(0)
		a.end = first.end.Sub(first.start).Add(second.end).Sub(second.start)
	default:
		if !a.made {
			a.made = true
			a.start = e.space.Sym(a.t.Name + ".lo").Expr()
			a.end = e.space.Sym(a.t.Name + ".hi").Expr()
		}
		e.assume(affine.And(
			affine.GE(a.start, a.lo), affine.LT(a.start, a.hi),
			affine.GT(a.end, a.start), affine.LE(a.end, a.hi),
			affine.LE(a.end, a.start.AddConst(a.t.Extent)),
			affine.Divides(affine.Const(a.t.Extent), a.start.Sub(a.lo)),
		))
	}
	e.assume(affine.And(affine.GE(a.ix, a.start), affine.LT(a.ix, a.end)))
}

func (e *elab) unary(n *dsl.Unary) value {
	at := n.Span()
	v, ok := e.rvalue(e.expr(n.X))
	if !ok {
		return bad(at)
	}
	if v.kind == vConst {
		k, err := v.k.unary(n.Op)
		if err != nil {
			e.errorf(codeConst, at, "%v", err)
			return bad(at)
		}
		return constVal(k, at)
	}
	t := v.elem()
	switch n.Op {
	case "!":
		if t != dtype.Bool {
			e.errorf(codeOperand, at, "! takes a bool, not %s", t)
			return bad(at)
		}
		r := exprVal(e.mapOp(ir.Not, t, at, v.e))
		r.yes, r.no, r.tile = v.no, v.yes, v.tile
		return r
	case "~":
		if !t.IsInt() {
			e.errorf(codeOperand, at, "~ takes an integer, not %s", t)
			return bad(at)
		}
		if !e.arithmetic(t, "~", at, v) {
			return bad(at)
		}
		ix := v.ix.Neg().AddConst(-1)
		r := intVal(e.mapOp(ir.Not, t, at, v.e), e.fitted(ix, t))
		r.tile = v.tile
		return r
	}
	if !e.arithmetic(t, "-", at, v) {
		return bad(at)
	}
	r := exprVal(e.mapOp(ir.Neg, t, at, v.e))
	if t.IsInt() {
		r.ix = e.fitted(v.ix.Neg(), t)
	}
	r.loose, r.lit, r.tile = v.loose, v.lit, v.tile
	return r
}

func (e *elab) binaryExpr(n *dsl.Binary) value {
	// A long chain leans left: walk it without recursion.
	var chain []*dsl.Binary
	left := dsl.Expr(n)
	for {
		b, ok := left.(*dsl.Binary)
		if !ok {
			break
		}
		chain = append(chain, b)
		left = b.X
	}
	v := e.expr(left)
	for i := len(chain) - 1; i >= 0; i-- {
		b := chain[i]
		w := e.expr(b.Y)
		if v.bad() || w.bad() {
			v = bad(b.Span())
			continue
		}
		v = e.binary(b.Op, v, w, b.Span())
	}
	return v
}

var binaryCodes = map[string]ir.Code{
	"+": ir.Add, "-": ir.Sub, "*": ir.Mul, "/": ir.Div, "%": ir.Mod, "&": ir.And, "|": ir.Or, "^": ir.Xor,
	"<<": ir.Shl, ">>": ir.Shr, "==": ir.Eq, "!=": ir.Ne, "<": ir.Lt, "<=": ir.Le, ">": ir.Gt, ">=": ir.Ge,
	"&&": ir.And, "||": ir.Or,
}

// binary is v op w.
func (e *elab) binary(op string, v, w value, at diag.Span) value {
	if v.kind == vType && w.kind == vType && (op == "==" || op == "!=") {
		return constVal(boolConst((v.typ == w.typ) == (op == "==")), at)
	}
	if v.kind == vFunc && w.kind == vFunc && (op == "==" || op == "!=") {
		return constVal(boolConst((*v.fn == *w.fn) == (op == "==")), at)
	}
	v, ok1 := e.rvalue(v)
	w, ok2 := e.rvalue(w)
	if !ok1 || !ok2 {
		return bad(at)
	}
	if v.kind == vConst && w.kind == vConst {
		k, err := v.k.binary(op, w.k)
		if err != nil {
			e.errorf(codeConst, at, "%v", err)
			return bad(at)
		}
		r := constVal(k, at)
		r.tile = v.tile || w.tile
		return r
	}
	var r value
	switch op {
	case "&&", "||":
		r = e.logic(op, v, w, at)
	case "<<", ">>":
		r = e.shift(op, v, w, at)
	default:
		a, b, t, ok := e.unify(v, w, op, at)
		if !ok {
			return bad(at)
		}
		if _, ok := compareTokens[op]; ok {
			r = e.compare(op, v, w, a, b, at)
		} else {
			r = e.arith(op, v, w, a, b, t, at)
		}
	}
	r.tile = v.tile || w.tile
	return r
}

// unify gives two operands one element type: untyped ones take the other's, otherwise the narrower widens exactly.
func (e *elab) unify(v, w value, op string, at diag.Span) (a, b typed.Expr, t dtype.Type, ok bool) {
	vu, wu := v.kind == vConst || v.loose || v.lit, w.kind == vConst || w.loose || w.lit
	switch {
	case vu && wu:
		// Both untyped, one of them known at run time only: int if both are integers, else a float.
		t = dtype.I64
		for _, u := range []value{v, w} {
			switch {
			case u.kind == vConst && u.k.isBool():
				t = dtype.Bool
			case u.lit:
				t = u.elem()
			case u.kind == vConst && !u.k.isInt() && (t == dtype.I64):
				t = e.defaultType(u.k)
			}
		}
	case vu:
		t = w.elem()
	case wu:
		t = v.elem()
	case v.elem() == w.elem():
		return v.e, w.e, v.elem(), true
	case dtype.Widens(v.elem(), w.elem()):
		return widen(v.e, w.elem()), w.e, w.elem(), true
	case dtype.Widens(w.elem(), v.elem()):
		return v.e, widen(w.e, v.elem()), v.elem(), true
	default:
		if e.test != nil {
			if t, ok := testCommon(v.elem(), w.elem()); ok {
				return widen(v.e, t), widen(w.e, t), t, true
			}
		}
		d := e.errorf(codeMixed, at, "%s %s %s: neither type holds every value of the other, so convert one with `as`", v.elem(), op, w.elem())
		if v.elem().IsFloat() && !w.elem().IsFloat() && w.elem() != dtype.Bool {
			e.suggestCast(d, w.at, v.elem())
		} else if w.elem().IsFloat() && !v.elem().IsFloat() && v.elem() != dtype.Bool {
			e.suggestCast(d, v.at, w.elem())
		}
		return nil, nil, t, false
	}
	a, ok1 := e.to(v, t, "")
	b, ok2 := e.to(w, t, "")
	return a, b, t, ok1 && ok2
}

// logic is && or || of bools, elementwise.
func (e *elab) logic(op string, v, w value, at diag.Span) value {
	// A constant side decides, or vanishes.
	for _, p := range [][2]value{{v, w}, {w, v}} {
		if p[0].kind == vConst && p[0].k.isBool() {
			if p[1].elem() != dtype.Bool {
				e.errorf(codeOperand, at, "%s takes bools, not %s", op, p[1].elem())
				return bad(at)
			}
			if p[0].k.bool() == (op == "||") {
				return constVal(p[0].k, at)
			}
			return p[1]
		}
	}
	for _, u := range []value{v, w} {
		if u.elem() != dtype.Bool {
			e.errorf(codeOperand, u.at, "%s takes bools, not %s", op, describeValue(u))
			return bad(at)
		}
	}
	r := exprVal(e.mapOp(binaryCodes[op], dtype.Bool, at, v.e, w.e))
	if op == "&&" {
		r.yes, r.no = affine.And(v.yes, w.yes), affine.Or(v.no, w.no)
	} else {
		r.yes, r.no = affine.Or(v.yes, w.yes), affine.And(v.no, w.no)
	}
	return r
}

// describeValue names the type of a value for a message.
func describeValue(v value) string {
	if v.kind == vConst {
		return v.k.kindName() + " " + v.k.String()
	}
	return v.elem().String()
}

func (e *elab) compare(op string, v, w value, a, b typed.Expr, at diag.Span) value {
	t := a.Type().Elem
	if t == dtype.Bool && op != "==" && op != "!=" {
		e.errorf(codeOperand, at, "bools have no order: compare them with == or !=")
		return bad(at)
	}
	r := exprVal(e.mapOp(binaryCodes[op], dtype.Bool, at, a, b))
	x, y := v.index(), w.index()
	if t.IsFloat() || t == dtype.U64 || !x.Known() || !y.Known() {
		return r
	}
	switch op {
	case "==":
		r.yes, r.no = affine.EQ(x, y), affine.NE(x, y)
		if n, ok := y.IsConst(); ok && n == 0 {
			e.divides(&r, v)
		}
	case "!=":
		r.yes, r.no = affine.NE(x, y), affine.EQ(x, y)
	case "<":
		r.yes, r.no = affine.LT(x, y), affine.GE(x, y)
	case "<=":
		r.yes, r.no = affine.LE(x, y), affine.GT(x, y)
	case ">":
		r.yes, r.no = affine.GT(x, y), affine.LE(x, y)
	case ">=":
		r.yes, r.no = affine.GE(x, y), affine.LT(x, y)
	}
	return r
}

// divides sharpens a % b == 0 to divisibility.
func (e *elab) divides(r *value, v value) {
	m, ok := v.e.(*typed.Map)
	if !ok || m.Op != ir.Mod || v.mod == nil {
		return
	}
	r.yes = affine.And(r.yes, affine.Divides(v.mod[1], v.mod[0]))
}

// arith is v op w for + - * / % & | ^ on operands of one type.
func (e *elab) arith(op string, v, w value, a, b typed.Expr, t dtype.Type, at diag.Span) value {
	switch op {
	case "&", "|", "^":
		if t != dtype.Bool && !t.IsInt() {
			e.errorf(codeOperand, at, "%s takes integers, not %s", op, t)
			return bad(at)
		}
		if t == dtype.Bool {
			return exprVal(e.mapOp(binaryCodes[op], t, at, a, b))
		}
	case "%":
		if !t.IsInt() && t != dtype.Bool {
			e.errorf(codeOperand, at, "%% takes integers, not %s", t)
			return bad(at)
		}
	}
	if !t.Arithmetic() {
		d := e.errorf(codeNoArithmetic, at, "%s has no arithmetic, so no %s: convert it first", t, op)
		if u := v; t != dtype.Bool {
			if u.kind != vExpr {
				u = w
			}
			e.suggestCast(d, u.at, t.Wide())
		}
		return bad(at)
	}
	r := exprVal(e.mapOp(binaryCodes[op], t, at, a, b))
	untyped := (v.kind == vConst || v.loose || v.lit) && (w.kind == vConst || w.loose || w.lit)
	r.loose = untyped && t == dtype.I64
	r.lit = untyped && t.IsFloat()
	if !t.IsInt() {
		return r
	}
	x, y := v.index(), w.index()
	if n, ok := y.IsConst(); ok && n == 0 && (op == "/" || op == "%") {
		e.errorf(codeConst, at, "division by zero")
		return bad(at)
	}
	r.ix = e.fitted(e.intOp(op, x, y), t)
	if op == "%" {
		r.mod = &[2]affine.Expr{x, y}
	}
	return r
}

// intOp is the exact integer x op y, unknown where the prover has no form for it.
func (e *elab) intOp(op string, x, y affine.Expr) affine.Expr {
	if !x.Known() || !y.Known() {
		return e.unknownInt(op, x, y)
	}
	switch op {
	case "+":
		return x.Add(y)
	case "-":
		return x.Sub(y)
	case "*":
		return x.Mul(y)
	case "/":
		if q, err := affine.FloorDiv(x, y); err == nil {
			return q
		}
	case "%":
		if m, err := affine.Mod(x, y); err == nil {
			return m
		}
	}
	return e.unknownInt(op, x, y)
}

// unknownInt is the result of an operation the prover does not follow, with the bounds that are known of it.
func (e *elab) unknownInt(op string, x, y affine.Expr) affine.Expr {
	s := e.space.Sym("").Expr()
	for _, p := range [][2]affine.Expr{{x, y}, {y, x}} {
		switch op {
		case "&":
			// A mask of non-negative bits keeps the result between 0 and the mask.
			if p[1].Known() && e.facts.ProveGE0(p[1]) {
				e.assume(affine.And(affine.GE0(s), affine.LE(s, p[1])))
			}
		case "%":
			if y.Known() && e.facts.ProveGE0(y.AddConst(-1)) {
				e.assume(affine.And(affine.GE0(s), affine.LT(s, y)))
			}
		}
	}
	if op == "|" || op == "^" {
		lx, hx, okx := e.rangeOf(x)
		ly, hy, oky := e.rangeOf(y)
		if okx && oky && lx >= 0 && ly >= 0 {
			top := int64(1)
			for top <= max(hx, hy) && top < 1<<62 {
				top <<= 1
			}
			e.assume(affine.And(affine.GE0(s), affine.LT(s, affine.Const(top))))
		}
	}
	return s
}

func (e *elab) rangeOf(x affine.Expr) (lo, hi int64, ok bool) {
	if !x.Known() {
		return 0, 0, false
	}
	return e.facts.Range(x)
}

// shift is v << w or v >> w: the count is an integer of any type.
func (e *elab) shift(op string, v, w value, at diag.Span) value {
	if v.kind == vConst {
		c, ok := e.to(v, dtype.I64, "")
		if !ok {
			return bad(at)
		}
		v = intVal(c, v.index())
	}
	t := v.elem()
	if !t.IsInt() {
		e.errorf(codeOperand, at, "%s takes an integer, not %s", op, t)
		return bad(at)
	}
	if !e.arithmetic(t, op, at, v) {
		return bad(at)
	}
	n, ok := e.toInt(w, "the shift count")
	if !ok {
		return bad(at)
	}
	r := exprVal(e.mapOp(binaryCodes[op], t, at, v.e, n))
	r.loose = v.loose
	r.ix = e.opaque("", t)
	if c, ok := w.index().IsConst(); ok && v.ix.Known() {
		switch {
		case c < 0:
			e.errorf(codeConst, at, "the shift count %d is negative", c)
			return bad(at)
		case c < 62 && op == "<<":
			r.ix = e.fitted(v.ix.MulConst(1<<c), t)
		case c < 62:
			if q, err := affine.FloorDiv(v.ix, affine.Const(1<<c)); err == nil {
				r.ix = q
			}
		}
	} else if x, known := v.ix.IsConst(); op == "<<" && known && x > 0 {
		// 1 << i is at least 0 where i is so small that nothing is lost.
		if _, hi, ok := e.rangeOf(w.index()); ok && hi < int64(t.Bits())-2 {
			e.assume(affine.GE(r.ix, affine.Const(1)))
		}
	}
	return r
}

// names are all names in scope, for suggestions.
func (e *elab) names() []string {
	var names []string
	for s := e.scope; s != nil; s = s.parent {
		for name := range s.names {
			names = append(names, name)
		}
	}
	for name := range e.scope.root.names {
		names = append(names, name)
	}
	for name := range builtins {
		names = append(names, name)
	}
	for name := range constants {
		names = append(names, name)
	}
	return names
}

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
