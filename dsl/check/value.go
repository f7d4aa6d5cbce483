package check

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/affine"
	"github.com/tilec/tilec/ir/dtype"
)

type valueKind uint8

const (
	vBad     valueKind = iota
	vConst             // an untyped constant: k
	vExpr              // a scalar or tile: e
	vType              // an element type: typ
	vFunc              // a function or builtin: fn
	vTensor            // ten
	vAxis              // a span or axis by name: ax
	vMulti             // several results: multi
	vNone              // nothing: a call for its effect
	vKernel            // kern
	vPackage           // pkg
	vHandle            // something of the explicit level
)

// value is what an expression means to the checker.
type value struct {
	kind   valueKind
	at     diag.Span
	k      konst
	e      typed.Expr
	ix     affine.Expr // the integer that e is, unknown for anything else
	loose  bool        // e is made of dimensions: untyped, takes the other operand's type
	lit    bool        // a float made of untyped numbers at run time
	yes    affine.Cond // of a bool: what holds where it is true
	no     affine.Cond // and where it is false
	typ    dtype.Type
	fn     *funcRef
	ten    *tensor
	handle *handle
	ax     *axis
	multi  []value
	kern   *Kernel
	pkg    *Package
	dim    string                              // a bare name of a compile-time integer: the key of its axis
	tile   bool                                // made of tile sizes or of bounds of spans
	mod    *[2]affine.Expr                     // of a % b: a and b
	remake func(dtype.Type) (typed.Expr, bool) // of untyped numbers chosen at run time: the same in another type
}

// funcRef is a function as a value: one of the program or a builtin.
type funcRef struct {
	fn      *Func
	builtin string
}

func (f *funcRef) name() string {
	if f.fn != nil {
		return f.fn.Name
	}
	return f.builtin
}

func constVal(k konst, at diag.Span) value {
	return value{kind: vConst, k: k, at: at, ix: affine.Unknown()}
}

// exprVal is an expression that is no integer of which anything is known.
func exprVal(x typed.Expr) value {
	return value{kind: vExpr, e: x, at: x.Span(), ix: affine.Unknown()}
}

// intVal is an integer expression and its value.
func intVal(x typed.Expr, ix affine.Expr) value {
	return value{kind: vExpr, e: x, at: x.Span(), ix: ix}
}

func (v value) bad() bool { return v.kind == vBad }

// index is the integer that v is.
func (v value) index() affine.Expr {
	if v.kind == vConst {
		if n, ok := v.k.int64(); ok {
			return affine.Const(n)
		}
		return affine.Unknown()
	}
	if v.kind == vExpr {
		return v.ix
	}
	return affine.Unknown()
}

// constInt is v as a compile-time integer.
func (v value) constInt() (int64, bool) {
	if v.kind != vConst || !v.k.isInt() {
		return 0, false
	}
	return v.k.int64()
}

// elem is the element type of a scalar or tile; invalid for untyped ones.
func (v value) elem() dtype.Type {
	if v.kind == vExpr {
		return v.e.Type().Elem
	}
	return dtype.Type{}
}

func (v value) axes() []*typed.Axis {
	if v.kind == vExpr {
		return v.e.Type().Axes
	}
	return nil
}

// union appends the axes of more that are not there yet.
func union(axes []*typed.Axis, more ...*typed.Axis) []*typed.Axis {
	for i, a := range more {
		if !slices.Contains(axes, a) {
			if i == 0 || len(axes) == cap(axes) {
				axes = slices.Clip(axes)
			}
			axes = append(axes, a)
		}
	}
	return axes
}

func subset(axes, of []*typed.Axis) bool {
	for _, a := range axes {
		if !slices.Contains(of, a) {
			return false
		}
	}
	return true
}

// minus is axes without those of less.
func minus(axes, less []*typed.Axis) []*typed.Axis {
	var out []*typed.Axis
	for _, a := range axes {
		if !slices.Contains(less, a) {
			out = append(out, a)
		}
	}
	return out
}

func x(t dtype.Type, axes []*typed.Axis, at diag.Span) typed.X {
	return typed.X{T: typed.Type{Elem: t, Axes: axes}, At: at}
}

// intExpr is the constant n of an integer type.
func intExpr(n int64, t dtype.Type, at diag.Span) typed.Expr {
	return &typed.Const{X: x(t, nil, at), Int: n}
}

// nearestExtent is the largest power of two that the longest axis of a tile may have, the others staying, as the end of a message; ""
// where there is none.
func nearestExtent(axes []*typed.Axis, most int64) string {
	longest := slices.MaxFunc(axes, func(a, b *typed.Axis) int { return cmp.Compare(a.Extent, b.Extent) })
	for _, a := range axes {
		if a != longest {
			most /= max(a.Extent, 1)
		}
	}
	if most == 0 {
		return ""
	}
	return fmt.Sprintf(": %s of %d is the nearest power of two that fits", longest.Name, int64(1)<<(bits.Len64(uint64(most))-1))
}

// tileOf checks the number of elements of a tile over axes.
func (e *elab) tileOf(axes []*typed.Axis, at diag.Span) bool {
	n, most := int64(1), int64(maxExtent)
	if e.test != nil {
		most = maxTestTile
	}
	for _, a := range axes {
		if a.Extent > 0 && n > most/a.Extent {
			e.errorf(codeTooLarge, at, "a tile over %s has more than %d elements%s", extents(axes), most, nearestExtent(axes, most))
			return false
		}
		n *= max(a.Extent, 1)
	}
	return true
}

func extents(axes []*typed.Axis) string {
	s := ""
	for i, a := range axes {
		if i > 0 {
			s += ", "
		}
		s += a.Name + " of " + itoa(a.Extent)
	}
	return s
}

// mapOp is an elementwise operation over the union of its operands' axes.
func (e *elab) mapOp(op ir.Code, t dtype.Type, at diag.Span, args ...typed.Expr) typed.Expr {
	var axes []*typed.Axis
	for _, a := range args {
		axes = union(axes, a.Type().Axes...)
	}
	if len(args) > 1 && len(axes) > 1 {
		e.tileOf(axes, at)
	}
	return &typed.Map{X: x(t, axes, at), Op: op, Args: args}
}

// widen is an implicit exact conversion.
func widen(v typed.Expr, t dtype.Type) typed.Expr {
	from := v.Type().Elem
	if from == t {
		return v
	}
	if c, ok := v.(*typed.Const); ok && from.Class() == dtype.ClassInt && t.Class() == dtype.ClassInt {
		return intExpr(c.Int, t, c.At)
	}
	return &typed.Cast{X: x(t, v.Type().Axes, v.Span()), Value: v, Round: "rne", Overflow: "sat"}
}

// to converts a value to type t where that is implicit: untyped values that t holds, and exact widening. Where it is
// not, it reports what names the target (such as "parameter scale") and gives false.
func (e *elab) to(v value, t dtype.Type, what string) (typed.Expr, bool) {
	v, ok := e.rvalue(v)
	if !ok {
		return nil, false
	}
	switch {
	case v.kind == vConst:
		i, f, err := v.k.convert(t)
		if err != nil {
			e.errorf(codeNotRepresentable, v.at, "%v%s", err, forWhat(what))
			return nil, false
		}
		return &typed.Const{X: x(t, nil, v.at), Int: i, Float: f}, true
	case v.elem() == t:
		return v.e, true
	case v.remake != nil && (v.loose || v.lit):
		return v.remake(t)
	case (v.loose || v.lit) && (t.IsFloat() || t.IsInt() && !v.lit):
		return &typed.Cast{X: x(t, v.axes(), v.at), Value: v.e, Round: "rne", Overflow: "sat"}, true
	case dtype.Widens(v.elem(), t):
		return widen(v.e, t), true
	case e.test != nil && e.testWidens(v.elem(), t):
		return &typed.Cast{X: x(t, v.axes(), v.at), Value: v.e, Round: "rne", Overflow: "sat"}, true
	}
	d := e.errorf(codeImplicit, v.at, "%s does not become %s by itself%s; only exact widening is implicit", v.elem(), t, forWhat(what))
	if v.elem() != dtype.Bool || t != dtype.Bool {
		e.suggestCast(d, v.at, t)
	}
	return nil, false
}

func forWhat(what string) string {
	if what == "" {
		return ""
	}
	return " for " + what
}

// suggestCast proposes `as t` behind an expression, in parentheses where `as` would bind to its last part only.
func (e *elab) suggestCast(d *diag.Diagnostic, at diag.Span, t dtype.Type) {
	if src := e.prog.sources[at.File]; at.IsValid() && at.End.Offset <= len(src) && at.Start.Offset < at.End.Offset {
		if text := string(src[at.Start.Offset:at.End.Offset]); hasOperator(text) {
			d.Suggest(at, "("+text+") as "+typeName(t), "convert with `as %s`", typeName(t))
			return
		}
	}
	end := diag.Span{File: at.File, Start: at.End, End: at.End}
	d.Suggest(end, " as "+typeName(t), "convert with `as %s`", typeName(t))
}

// hasOperator reports whether an expression's text has a binary operator outside brackets.
func hasOperator(text string) bool {
	depth := 0
	for i, c := range text {
		switch {
		case strings.ContainsRune("([{", c):
			depth++
		case strings.ContainsRune(")]}", c):
			depth--
		case i > 0 && depth == 0 && strings.ContainsRune("+-*/%&|^<>=!", c):
			return true
		}
	}
	return false
}

// typeName is a type as the text spells it.
func typeName(t dtype.Type) string {
	if t == dtype.I64 {
		return "int"
	}
	return t.String()
}

// rvalue makes a scalar or tile, or keeps a constant: axes become their indices.
func (e *elab) rvalue(v value) (value, bool) {
	switch v.kind {
	case vBad:
		return v, false
	case vConst:
		if v.k.isString() {
			e.errorf(codeNotValue, v.at, "a string is not a value here: strings stand in print and asm")
			return bad(v.at), false
		}
		return v, true
	case vExpr:
		return v, true
	case vAxis:
		if v.ax.dead {
			e.deadAxis(v.ax, v.at)
			return bad(v.at), false
		}
		at := []*typed.Axis{v.ax.t}
		return intVal(&typed.Iota{X: x(dtype.I64, at, v.at), Axis: v.ax.t}, v.ax.ix), true
	case vTensor:
		if e.test != nil {
			return e.wholeTensor(v), true
		}
		e.errorf(codeNotValue, v.at, "%s is a tensor: say which elements, as %s", v.ten.t.Name, subscriptHint(v.ten))
	case vType:
		e.errorf(codeNotValue, v.at, "%s is a type, not a value: convert with `as %s`", v.typ, v.typ)
	case vFunc:
		e.errorf(codeNotValue, v.at, "%s is a function: call it, as %s(…)", v.fn.name(), v.fn.name())
	case vKernel:
		e.errorf(codeNotValue, v.at, "%s is a kernel, not a value: call it, in a test", v.kern.Name)
	case vPackage:
		e.errorf(codeNotValue, v.at, "%s is a package: name something in it", v.pkg.Name)
	case vMulti:
		e.errorf(codeNotValue, v.at, "this gives %d results, not one value: name them, as a, b := …", len(v.multi))
	case vNone:
		e.errorf(codeNotValue, v.at, "this gives no result")
	case vHandle:
		e.errorf(codeNotValue, v.at, "this is not a value: subscript it")
	}
	return bad(v.at), false
}

// subscriptHint shows how a tensor is subscripted.
func subscriptHint(t *tensor) string {
	s := t.t.Name + "["
	for i := range t.dims {
		if i > 0 {
			s += ", "
		}
		if i < len(t.keys) && t.keys[i] != "" {
			s += lowerFirst(t.keys[i])
		} else {
			s += "…"
		}
	}
	return s + "]"
}

// typedOf gives an untyped value the type a variable made of it has: int or f32 (f64 in a test).
func (e *elab) typedOf(v value) (value, bool) {
	v, ok := e.rvalue(v)
	if !ok {
		return v, false
	}
	switch {
	case v.kind == vConst:
		t := e.defaultType(v.k)
		i, f, err := v.k.convert(t)
		if err != nil {
			e.errorf(codeNotRepresentable, v.at, "%v, the type of a variable made of it", err)
			return bad(v.at), false
		}
		c := &typed.Const{X: x(t, nil, v.at), Int: i, Float: f}
		if t == dtype.I64 {
			return intVal(c, affine.Const(i)), true
		}
		r := exprVal(c)
		if t == dtype.Bool {
			r.yes, r.no = boolFacts(i != 0)
		}
		return r, true
	case v.lit:
		v.lit = false
		return v, true
	case v.loose:
		v.loose = false
		return v, true
	}
	return v, true
}

// boolFacts are the facts of a constant bool.
func boolFacts(b bool) (yes, no affine.Cond) {
	if b {
		return affine.Cond{}, affine.Or()
	}
	return affine.Or(), affine.Cond{}
}

// defaultType is the type of a variable made of an untyped constant.
func (e *elab) defaultType(k konst) dtype.Type {
	switch {
	case k.isBool():
		return dtype.Bool
	case k.isInt():
		return dtype.I64
	case e.test != nil:
		return dtype.F64
	}
	return dtype.F32
}
