package check

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/ir/dtype"
)

// Value is what a generic of a kernel is bound to. The zero Value is nothing.
type Value struct {
	kind genericKind
	typ  dtype.Type
	n    int64 // an integer; 0 or 1 for a bool
	fn   *funcRef
}

// TypeValue, IntValue and BoolValue make values of generics.
func TypeValue(t dtype.Type) Value { return Value{kind: typeGeneric, typ: t} }

// IntValue is an integer as the value of a generic.
func IntValue(n int64) Value { return Value{kind: intGeneric, n: n} }

// BoolValue is a bool as the value of a generic.
func BoolValue(b bool) Value {
	v := Value{kind: boolGeneric}
	if b {
		v.n = 1
	}
	return v
}

// String is the value as the text spells it.
func (v Value) String() string {
	switch v.kind {
	case typeGeneric:
		return v.typ.String()
	case intGeneric:
		return strconv.FormatInt(v.n, 10)
	case boolGeneric:
		return strconv.FormatBool(v.n != 0)
	case funcGeneric:
		return v.fn.name()
	}
	return "?"
}

// Type is the element type that v is, and whether it is one.
func (v Value) Type() (dtype.Type, bool) { return v.typ, v.kind == typeGeneric }

// Int is the integer that v is, and whether it is one.
func (v Value) Int() (int64, bool) { return v.n, v.kind == intGeneric }

// value is v for the checker.
func (v Value) value(at diag.Span) value {
	switch v.kind {
	case typeGeneric:
		return value{kind: vType, typ: v.typ, at: at}
	case intGeneric:
		return constVal(intConst(v.n), at)
	case boolGeneric:
		return constVal(boolConst(v.n != 0), at)
	case funcGeneric:
		return value{kind: vFunc, fn: v.fn, at: at}
	}
	return bad(at)
}

// genericValue is a value of the checker as one of a generic.
func genericValue(v value) (Value, bool) {
	switch v.kind {
	case vType:
		return TypeValue(v.typ), true
	case vFunc:
		return Value{kind: funcGeneric, fn: v.fn}, true
	case vConst:
		if v.k.isBool() {
			return BoolValue(v.k.bool()), true
		}
		if n, ok := v.constInt(); ok {
			return IntValue(n), true
		}
	}
	return Value{}, false
}

// GenericInfo describes a generic of a kernel, for messages and flags.
type GenericInfo struct {
	Name    string
	Kind    string // as written: "f16 | f32", "type", "int", "1..8", "bool"; "" if nothing is
	Default bool   // it has a default
	Span    diag.Span
}

// Generics describes the kernel's generics in the order of their declaration.
func (k *Kernel) Generics() []GenericInfo {
	out := make([]GenericInfo, len(k.generics))
	for i, g := range k.generics {
		out[i] = GenericInfo{Name: g.name, Default: g.ast.Default != nil, Span: g.at}
		if g.ast.Kind != nil {
			out[i].Kind = snippet(k.Package.prog, g.ast.Kind.Span())
		}
	}
	return out
}

func snippet(p *Program, at diag.Span) string {
	src := p.sources[at.File]
	if !at.IsValid() || at.Start.Offset > at.End.Offset || at.End.Offset > len(src) {
		return ""
	}
	return strings.Join(strings.Fields(string(src[at.Start.Offset:at.End.Offset])), " ")
}

// ParseGeneric reads the text of `-D name=text`: a type, an integer, true or false, or a function's name, as the generic
// wants. The error says what it wants.
func (k *Kernel) ParseGeneric(name, text string) (Value, error) {
	var g *generic
	for _, h := range k.generics {
		if h.name == name {
			g = h
		}
	}
	if g == nil {
		names := make([]string, len(k.generics))
		for i, h := range k.generics {
			names[i] = h.name
		}
		hint := ""
		if near := diag.Nearest(name, names); near != "" {
			hint = ": did you mean " + near + "?"
		}
		return Value{}, fmt.Errorf("kernel %s has no generic %s%s", k.Name, name, hint)
	}
	var diags diag.List
	e := newElab(k.Package.prog, k.file, &diags)
	v := value{kind: vBad}
	if n, err := strconv.ParseInt(text, 0, 64); err == nil {
		v = constVal(intConst(n), g.at)
	} else if u, ok := universe(text, g.at); ok {
		v = u
	} else if u, ok := e.packageName(k.Package, text, g.at); ok {
		v = u
	}
	protect(func() {
		if v.bad() {
			diags.Add(codeGenericKind, g.at, "%s=%s: there is no %s", name, text, text)
			return
		}
		e.fits(g, v, k.Name, g.at)
	})
	if len(diags) > 0 {
		return Value{}, fmt.Errorf("%s", diags[0].Message)
	}
	r, ok := genericValue(v)
	if !ok {
		return Value{}, fmt.Errorf("%s=%s: %s is not %s", name, text, text, genericNames[g.kind])
	}
	return r, nil
}

// bracketValues are the values written in brackets at a call, by position or name.
func (e *elab) bracketValues(gens []*generic, c *call) (map[string]value, bool) {
	given := map[string]value{}
	ok := true
	for i, entry := range c.brackets {
		var g *generic
		var val dsl.Expr
		switch {
		case entry.Colon != nil:
			e.errorf(codeCall, entry.Span(), "generics are given by position or as name = value")
			return nil, false
		case entry.Eq != nil:
			id, is := entry.X.(*dsl.Ident)
			if !is {
				e.errorf(codeCall, entry.X.Span(), "the name of a generic stands left of =")
				return nil, false
			}
			var names []string
			for _, h := range gens {
				names = append(names, h.name)
				if h.name == id.Name {
					g = h
				}
			}
			if g == nil {
				d := e.errorf(codeGenericName, id.Span(), "%s has no generic %s", c.name, id.Name)
				if near := diag.Nearest(id.Name, names); near != "" {
					d.Suggest(id.Span(), near, "did you mean %s", near)
				}
				ok = false
				continue
			}
			val = entry.Eq
		case i >= len(gens):
			e.errorf(codeGenericName, entry.Span(), "%s has %s, and this is number %d", c.name, plural(len(gens), "generic"), i+1)
			return nil, false
		default:
			g, val = gens[i], entry.X
		}
		if _, twice := given[g.name]; twice {
			e.errorf(codeGenericName, entry.Span(), "generic %s is given twice", g.name)
			ok = false
			continue
		}
		v := e.expr(val)
		if g.kind == axisGeneric || g.kind == anyGeneric && v.kind == vAxis {
			a, good := e.asAxis(v, val)
			if !good {
				ok = false
				continue
			}
			v = value{kind: vAxis, ax: a, at: v.at}
		}
		if v.bad() {
			ok = false
			continue
		}
		given[g.name] = v
	}
	return given, ok
}

// infer binds generics that a parameter's type names from the type of its argument.
func (e *elab) infer(gens []*generic, t *dsl.Type, arg value, given map[string]value) {
	elem := arg.elem()
	switch {
	case arg.kind == vTensor:
		elem = arg.ten.t.Elem
	case arg.kind == vAxis:
		elem = dtype.I64
	case arg.kind == vConst && arg.k.isNumber() || arg.kind == vConst && arg.k.isBool():
		elem = e.defaultType(arg.k)
	case arg.kind != vExpr:
		return
	}
	e.inferElem(gens, t, elem, given, arg.at)
	if t.Dims == nil || arg.kind != vTensor || len(t.Dims.List) != len(arg.ten.dims) {
		return
	}
	for i, d := range t.Dims.List {
		if id, ok := d.(*dsl.Ident); ok && named(gens, id.Name) != nil {
			if _, have := given[id.Name]; !have {
				v := e.dimValue(arg.ten, i, arg.at)
				v.dim = arg.ten.keys[i]
				given[id.Name] = v
			}
		}
	}
}

func (e *elab) inferElem(gens []*generic, t *dsl.Type, elem dtype.Type, given map[string]value, at diag.Span) {
	if t.Name != nil && t.Pkg == nil && len(t.Args) == 0 && named(gens, t.Name.Name) != nil {
		if _, have := given[t.Name.Name]; !have {
			given[t.Name.Name] = value{kind: vType, typ: elem, at: at}
		}
	}
	if t.Width != nil {
		if id, ok := t.Width.Bits.(*dsl.Ident); ok && named(gens, id.Name) != nil {
			if _, have := given[id.Name]; !have && widthFamily(elem) == t.Width.Family {
				given[id.Name] = constVal(intConst(int64(elem.Bits())), at)
			}
		}
	}
}

// widthFamily is the part of an integer type's name before its width.
func widthFamily(t dtype.Type) string {
	switch t.Kind {
	case dtype.UintKind:
		return "u"
	case dtype.IntKind:
		return "i"
	case dtype.BipolarKind:
		return "bp"
	}
	return ""
}

func named(gens []*generic, name string) *generic {
	for _, g := range gens {
		if g.name == name {
			return g
		}
	}
	return nil
}

// bindGenerics declares generics in the innermost scope, in order: from given, else from their defaults.
func (e *elab) bindGenerics(gens []*generic, given map[string]value, of string, at diag.Span) bool {
	ok := true
	for _, g := range gens {
		v, have := given[g.name]
		if !have && g.ast.Default != nil {
			v, have = e.expr(g.ast.Default), true
		}
		if !have {
			e.errorf(codeUnbound, at, "nothing binds generic %s of %s: give it in brackets, as %s[%s = …]", g.name, of, of, g.name).
				Note(g.at, "%s is declared here", g.name)
			ok = false
			v = bad(at)
		}
		if !v.bad() && !e.fits(g, v, of, at) {
			ok = false
			v = bad(at)
		}
		ent := &entity{kind: entValue, val: v, dim: v.dim}
		switch {
		case v.kind == vAxis:
			ent = &entity{kind: entAxis, ax: v.ax}
		case v.kind == vConst && v.k.isInt() && ent.dim == "":
			ent.dim = g.name
		}
		e.declare(g.ast.Name, ent)
		ok = ok && !v.bad()
	}
	return ok
}

// fits reports a value that its generic does not take.
func (e *elab) fits(g *generic, v value, of string, at diag.Span) bool {
	var good bool
	_, isInt := v.constInt()
	switch g.kind {
	case anyGeneric:
		good = v.kind == vType || v.kind == vFunc || v.kind == vAxis || v.kind == vConst || v.kind == vExpr && v.loose
	case typeGeneric:
		good = v.kind == vType
	case intGeneric:
		good = isInt || e.test == nil && v.kind == vExpr && v.loose && g.alts == nil
	case boolGeneric:
		good = v.kind == vConst && v.k.isBool()
	case funcGeneric:
		good = v.kind == vFunc
	case axisGeneric:
		good = v.kind == vAxis
	}
	if !good {
		e.errorf(codeGenericKind, orSpan(v.at, at), "generic %s of %s is %s, not %s", g.name, of, genericNames[g.kind], e.whatIs(v)).
			Note(g.at, "%s is declared here", g.name)
		return false
	}
	if g.alts == nil {
		return true
	}
	for _, a := range g.alts {
		if e.matches(a, v) {
			return true
		}
	}
	e.errorf(codeAlternative, orSpan(v.at, at), "generic %s of %s is one of %s, not %s", g.name, of, e.alternatives(g), e.whatIs(v)).
		Note(g.at, "%s is declared here", g.name)
	return false
}

func orSpan(a, b diag.Span) diag.Span {
	if a.IsValid() {
		return a
	}
	return b
}

func (e *elab) alternatives(g *generic) string {
	var s []string
	for _, a := range g.alts {
		s = append(s, e.text(a.Span()))
	}
	return strings.Join(s, " | ")
}

// whatIs names a compile-time value for a message.
func (e *elab) whatIs(v value) string {
	switch v.kind {
	case vType:
		return v.typ.String()
	case vFunc:
		return v.fn.name()
	case vConst:
		return v.k.String()
	case vAxis:
		return "axis " + v.ax.t.Name
	case vExpr:
		return "a value of " + describe(v.e.Type())
	}
	return "this"
}

// matches reports whether a value is an alternative. Alternatives are read where the generic is declared, that is in
// the scope in which its owner's other generics are being declared.
func (e *elab) matches(a *dsl.Alt, v value) bool {
	if v.kind == vConst {
		n, ok := v.constInt()
		if !ok {
			return false
		}
		lo, ok1 := e.limit(a.Lo)
		hi, ok2 := lo, ok1
		if a.Hi != nil {
			hi, ok2 = e.limit(a.Hi)
		}
		return ok1 && ok2 && lo <= n && n <= hi
	}
	w := e.expr(a.Lo)
	switch {
	case w.kind == vType && v.kind == vType:
		return w.typ == v.typ
	case w.kind == vFunc && v.kind == vFunc:
		return *w.fn == *v.fn
	}
	return false
}

// limit is an end of a range of integers.
func (e *elab) limit(n dsl.Expr) (int64, bool) {
	v := e.expr(n)
	if v.bad() {
		return 0, false
	}
	c, ok := v.constInt()
	if !ok {
		e.errorf(codeNotConst, n.Span(), "the alternatives of a generic are known when compiling")
	}
	return c, ok
}
