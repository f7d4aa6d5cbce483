package check

import (
	"math"

	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir/affine"
	"github.com/tilec/tilec/ir/dtype"
)

// looksLikeType reports whether a name is formed like a type's but is none: i9, f8e9m9.
func looksLikeType(name string) bool {
	_, err := dtype.Parse(name)
	return err != nil && !isUnknownType(err)
}

func typeByName(name string) (dtype.Type, bool) {
	if name == "int" {
		return dtype.I64, true
	}
	t, err := dtype.Parse(name)
	return t, err == nil
}

// width is the type u{W}.
func (e *elab) width(n *dsl.Width) (dtype.Type, bool) {
	v := e.expr(n.Bits)
	if v.bad() {
		return dtype.Type{}, false
	}
	w, ok := v.constInt()
	if !ok {
		e.errorf(codeNotConst, n.Bits.Span(), "the width of a type is an integer known when compiling: a literal, a constant or a generic")
		return dtype.Type{}, false
	}
	t, ok := typeByName(n.Family + itoa(w))
	if !ok {
		e.errorf(codeType, n.Span(), "there is no type %s%d", n.Family, w)
		return dtype.Type{}, false
	}
	return t, true
}

// typeOf resolves a written type without its dimensions.
func (e *elab) typeOf(t *dsl.Type) (dtype.Type, bool) {
	if t == nil {
		return dtype.Type{}, false
	}
	if t.Width != nil {
		return e.width(t.Width)
	}
	if t.Name == nil {
		return dtype.Type{}, false
	}
	var v value
	switch {
	case t.Pkg != nil:
		pkg := e.scope.file.imports[t.Pkg.Name]
		if pkg == nil {
			e.errorf(codeUndefined, t.Pkg.Span(), "%s is not a package imported by this file", t.Pkg.Name)
			return dtype.Type{}, false
		}
		var ok bool
		if v, ok = e.packageName(pkg, t.Name.Name, t.Span()); !ok {
			e.errorf(codeUndefined, t.Name.Span(), "package %s has no %s", pkg.Name, t.Name.Name)
			return dtype.Type{}, false
		}
	default:
		v = e.ident(t.Name)
	}
	if v.bad() {
		return dtype.Type{}, false
	}
	if v.kind == vFunc && v.fn.builtin == "wide" {
		if len(t.Args) != 1 {
			e.errorf(codeType, t.Span(), "wide takes one type, as wide(f16)")
			return dtype.Type{}, false
		}
		a := e.expr(t.Args[0])
		if a.kind != vType {
			if !a.bad() {
				e.errorf(codeType, t.Args[0].Span(), "wide takes a type, as wide(f16)")
			}
			return dtype.Type{}, false
		}
		return a.typ.Wide(), true
	}
	if v.kind != vType || len(t.Args) > 0 {
		e.errorf(codeType, t.Span(), "%s is not a type", t.Name.Name)
		return dtype.Type{}, false
	}
	return v.typ, true
}

// fitted is the value of an integer operation of type t whose exact result is ix: ix where t holds it, else whatever
// wrapping makes of it. Sizes and what is computed from them are far from the ends of int; data are not.
func (e *elab) fitted(ix affine.Expr, t dtype.Type) affine.Expr {
	if !ix.Known() || t == dtype.I64 && !e.isWild(ix) {
		return ix
	}
	lo, hi, ok := e.facts.Range(ix)
	if ok && t == dtype.I64 && lo > -1<<62 && hi < 1<<62 {
		return ix
	}
	if ok && t.Bits() < 64 && lo >= t.MinInt() && hi <= t.MaxInt() {
		return ix
	}
	return e.opaque("", t)
}

// arithmetic reports an operator on a type that has none.
func (e *elab) arithmetic(t dtype.Type, op string, at diag.Span, v value) bool {
	if t.Arithmetic() {
		return true
	}
	d := e.errorf(codeNoArithmetic, at, "%s has no arithmetic, so no %s: convert it first", t, op)
	if t != dtype.Bool {
		wide := t.Wide()
		e.suggestCast(d, v.at, wide)
	}
	return false
}

// toWord is toInt where only the value modulo 2^64 matters: a u64 keeps its bits.
func (e *elab) toWord(v value, what string) (typed.Expr, bool) {
	n, ok := e.toInt(v, what)
	if c, is := n.(*typed.Cast); is && c.Value.Type().Elem == dtype.U64 && !c.Explicit {
		c.Overflow = "wrap"
	}
	return n, ok
}

// toInt makes an i64 expression of an integer or bipolar value.
func (e *elab) toInt(v value, what string) (typed.Expr, bool) {
	v, ok := e.rvalue(v)
	if !ok {
		return nil, false
	}
	if v.kind == vConst {
		return e.to(v, dtype.I64, what)
	}
	t := v.elem()
	if !t.IsInt() && t.Kind != dtype.BipolarKind {
		d := e.errorf(codeNotInteger, v.at, "%s must be an integer, not %s", what, describe(v.e.Type()))
		if t.IsFloat() {
			e.suggestCast(d, v.at, dtype.I64)
		}
		return nil, false
	}
	if t == dtype.U64 {
		return &typed.Cast{X: x(dtype.I64, v.axes(), v.at), Value: v.e, Round: "rne", Overflow: "sat"}, true
	}
	return widen(v.e, dtype.I64), true
}

// castExpr is x as T.
func (e *elab) castExpr(n *dsl.Cast) value {
	at := n.Span()
	if n.Type != nil && n.Type.Dims != nil {
		return e.castDims(n)
	}
	t, ok := e.typeOf(n.Type)
	v, ok2 := e.rvalue(e.expr(n.X))
	if !ok || !ok2 {
		return bad(at)
	}
	mode := dtype.Default
	if n.Mode != nil {
		switch n.Mode.Name {
		case "rz":
			mode = dtype.RZ
		case "wrap":
			mode = dtype.Wrap
		default:
			e.errorf(codeCastMode, n.Mode.Span(), "the word after `as %s` is rz or wrap, not %s", t, n.Mode.Name)
			return bad(at)
		}
	}
	return e.cast(v, t, mode, at)
}

// cast converts as `as` does.
func (e *elab) cast(v value, t dtype.Type, mode dtype.Mode, at diag.Span) value {
	from := v.elem()
	if v.kind == vConst {
		from = e.defaultType(v.k)
		if v.k.isNumber() && from.IsFloat() {
			from = dtype.F64
		}
	}
	if err := dtype.CheckMode(from, t, mode); err != nil {
		e.errorf(codeCastMode, at, "%v", err)
		return bad(at)
	}
	if v.kind == vConst {
		return e.castConst(v, from, t, mode, at)
	}
	if from == t {
		v.at, v.loose, v.lit = at, false, false
		return v
	}
	c := &typed.Cast{X: x(t, v.axes(), at), Value: v.e, Round: "rne", Overflow: "sat", Explicit: true}
	switch mode {
	case dtype.RZ:
		c.Round = "rz"
	case dtype.Wrap:
		c.Overflow = "wrap"
	}
	r := exprVal(c)
	r.tile = v.tile
	if !t.IsInt() && t.Kind != dtype.BipolarKind {
		return r
	}
	switch {
	case v.ix.Known() && dtype.Widens(from, t):
		r.ix = v.ix
	case v.ix.Known() && t.IsInt():
		r.ix = e.fitted(v.ix, t)
	default:
		r.ix = e.opaque("", t)
	}
	return r
}

// castConst converts a constant as `as` does: it rounds and saturates where an implicit conversion would refuse.
func (e *elab) castConst(v value, from, t dtype.Type, mode dtype.Mode, at diag.Span) value {
	c := &typed.Const{X: x(t, nil, at)}
	i, f, err := v.k.convert(t)
	switch {
	case err == nil && mode == dtype.Default:
	case v.k.isBool():
		i = 0
		if v.k.bool() {
			i, f = 1, 1
		}
	case !t.IsFloat() && v.k.whole(t).valid():
		i = v.k.whole(t).castInt(t, mode)
	default:
		d, ok := v.k.float64()
		if !ok {
			e.errorf(codeNotRepresentable, v.at, "%v", err)
			return bad(at)
		}
		if v.k.sp == plain {
			// What no float64 holds is finite all the same.
			d = min(max(v.k.roundTo(t, mode), -math.MaxFloat64), math.MaxFloat64)
		}
		if t.IsFloat() {
			f = t.FloatOfFloat(d, mode)
		} else {
			i = t.IntOfFloat(d, mode)
		}
	}
	c.Int, c.Float = i, f
	if t.IsFloat() {
		c.Int = 0
		return exprVal(c)
	}
	c.Float = 0
	r := exprVal(c)
	if t == dtype.Bool {
		r.yes, r.no = boolFacts(c.Int != 0)
		return r
	}
	if t != dtype.U64 {
		r.ix = affine.Const(c.Int)
	}
	return r
}

// bitCast is x bits T.
func (e *elab) bitCast(n *dsl.BitCast) value {
	at := n.Span()
	t, ok := e.typeOf(n.Type)
	v, ok2 := e.typedOf(e.expr(n.X))
	if !ok || !ok2 {
		return bad(at)
	}
	if n.Type.Dims != nil {
		e.errorf(codeType, n.Type.Span(), "bits takes an element type, without dimensions")
		return bad(at)
	}
	from := v.elem()
	if from.Bits() != t.Bits() || from == dtype.Bool || t == dtype.Bool {
		e.errorf(codeBits, at, "bits needs two types of one width: %s has %s, %s has %s", from, plural(from.Bits(), "bit"), t, plural(t.Bits(), "bit"))
		return bad(at)
	}
	if from == t {
		return v
	}
	r := exprVal(&typed.BitCast{X: x(t, v.axes(), at), Value: v.e})
	if t.IsInt() {
		r.ix = e.opaque("", t)
	}
	return r
}
