package raise

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// written is the text of a value: as it is, and, of a repetition, where an operator repeats it by itself.
type written struct{ text, bare string }

// use makes operands known that an operation needs now, in the order in which they are computed: those that wait to be written
// are taken from the end of what waits, if they stand there in this order; otherwise all of it becomes statements.
func (p *printer) use(list ...*ir.Value) {
	var want []*ir.Value
	for _, v := range list {
		if p.waits(v) {
			want = append(want, v)
		}
	}
	at := len(p.pending) - len(want)
	for i, v := range want {
		if p.pending[at+i].v != v {
			p.flush()
			return
		}
	}
	for _, w := range p.pending[at:] {
		p.inline[w.v] = w.written
	}
	p.pending = p.pending[:at]
}

func (p *printer) waits(v *ir.Value) bool {
	return slices.ContainsFunc(p.pending, func(w pending) bool { return w.v == v })
}

// flush writes statements for all that waits.
func (p *printer) flush() {
	list := p.pending
	p.pending = nil
	for _, w := range list {
		p.define(w.v, w.text)
	}
}

// define writes the definition of a variable, and its pin.
func (p *printer) define(v *ir.Value, text string) {
	p.names[v] = p.fresh(v.Name)
	p.access(v.Def)
	p.say("%s := %s", p.names[v], text)
	p.pin(v)
}

// access notes what accesses a tensor in the next line.
func (p *printer) access(o *ir.Op) { p.lines[p.line] = append(p.lines[p.line], o) }

// arg is the text of an operand where it stands alone, opd next to an operator.
func (p *printer) arg(v *ir.Value) string {
	if name, ok := p.names[v]; ok {
		return name
	}
	if w, ok := p.inline[v]; ok {
		return w.text
	}
	if v.Def != nil && v.Def.Code == ir.Const {
		return p.literal(v.Def, true)
	}
	panic(fmt.Sprintf("raise: %s has no text", v.Name))
}

func (p *printer) opd(v *ir.Value) string { return grouped(p.arg(v)) }

// grouped is a text in parentheses, if it has operators outside of brackets.
func grouped(s string) string {
	depth := 0
	for i, r := range s {
		switch {
		case strings.ContainsRune("([{", r):
			depth++
		case strings.ContainsRune(")]}", r):
			depth--
		case depth == 0 && (r == ' ' || i == 0 && strings.ContainsRune("-!~", r)):
			return "(" + s + ")"
		}
	}
	return s
}

// literal is a constant; typed says that it must have its type by itself, where no other operand gives it.
func (p *printer) literal(o *ir.Op, typed bool) string {
	t := o.Result().Type.Elem
	text := ""
	switch {
	case t == dtype.Bool:
		return map[bool]string{false: "false", true: "true"}[o.Int("value") != 0]
	case t.IsFloat():
		text = p.float(t, o.Float("value"), typed)
		if t == dtype.F32 || !typed {
			return text
		}
	case t == dtype.U64:
		text = strconv.FormatUint(uint64(o.Int("value")), 10)
	default:
		text = strconv.FormatInt(o.Int("value"), 10)
		if t == dtype.I64 || !typed {
			return text
		}
	}
	if !typed {
		return text
	}
	return "(" + grouped(text) + " as " + t.String() + ")"
}

// float is a number of a type, which has a point or an exponent where it is to be one by itself.
func (p *printer) float(t dtype.Type, x float64, typed bool) string {
	switch {
	case math.IsNaN(x):
		return "nan"
	case math.IsInf(x, 1):
		return "inf"
	case math.IsInf(x, -1):
		return "-inf"
	case x == 0 && math.Signbit(x):
		return "-(0.0 as " + t.String() + ")"
	}
	text := strconv.FormatFloat(x, 'g', -1, 64)
	if t == dtype.F32 && float64(float32(x)) == x {
		text = strconv.FormatFloat(x, 'g', -1, 32)
	}
	if typed && !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return text
}

// isLiteral reports whether a value, or what it repeats, is a constant that stands where it is used.
func (p *printer) isLiteral(v *ir.Value) (*ir.Op, bool) {
	if v.Def != nil && v.Def.Code == ir.Bcast && p.names[v] == "" {
		v = v.Def.Operands[0]
	}
	if v.Def != nil && v.Def.Code == ir.Const {
		return v.Def, true
	}
	return nil, false
}

// operand is the text of an operand of an elementwise operation: one that repeats it by itself stands bare, and a constant without
// its type, if another one gives both.
func (p *printer) operand(o *ir.Op, v *ir.Value, group []*ir.Value) string {
	full, typed := v.Type.Kind == ir.Scalar, true
	for _, w := range o.Operands {
		if _, repeats := p.bare(w); w != v && !repeats && w.Type.Kind == ir.Tile {
			full = true
		}
	}
	for _, w := range group {
		if _, lit := p.isLiteral(w); w != v && !lit && w.Type.Elem == v.Type.Elem {
			typed = false
		}
	}
	if bare, ok := p.bare(v); ok {
		if c, lit := p.isLiteral(v); lit && full {
			return grouped(p.literal(c, typed))
		}
		if full {
			return grouped(bare)
		}
		return p.arg(v)
	}
	if c, ok := p.isLiteral(v); ok {
		return grouped(p.literal(c, typed))
	}
	return p.opd(v)
}

// bare is the text of what a value repeats, where that has no name.
func (p *printer) bare(v *ir.Value) (string, bool) {
	w, ok := p.inline[v]
	return w.bare, ok && w.bare != "" && p.names[v] == ""
}

// calls are the elementwise operations that are functions of the language.
var calls = map[ir.Code]string{ir.Abs: "abs", ir.Fma: "fma", ir.Min: "min", ir.Max: "max", ir.MinNan: "minnan", ir.MaxNan: "maxnan", ir.Select: "select",
	ir.BitOf: "bit", ir.Sqrt: "sqrt", ir.Rsqrt: "rsqrt", ir.Recip: "recip", ir.Exp: "exp", ir.Exp2: "exp2", ir.Log: "log", ir.Log2: "log2",
	ir.Sin: "sin", ir.Cos: "cos", ir.Tanh: "tanh", ir.Erf: "erf", ir.Sigmoid: "sigmoid", ir.Gelu: "gelu", ir.Silu: "silu", ir.Softplus: "softplus",
	ir.Relu: "relu", ir.Floor: "floor", ir.Ceil: "ceil", ir.Rint: "rint", ir.Trunc: "trunc", ir.Pow: "pow", ir.Copysign: "copysign",
	ir.Ldexp: "ldexp", ir.Exponent: "exponent", ir.Isnan: "isnan", ir.Finite: "finite", ir.Popcount: "popcount", ir.Clz: "clz", ir.Ctz: "ctz",
	ir.Rotl: "rotl", ir.Rand: "rand", ir.Uniform: "uniform", ir.Normal: "normal"}

// signs are those that are operators.
var signs = map[ir.Code]string{ir.Add: "+", ir.Sub: "-", ir.Mul: "*", ir.Div: "/", ir.Mod: "%", ir.And: "&", ir.Or: "|", ir.Xor: "^", ir.Shl: "<<", ir.Shr: ">>",
	ir.Eq: "==", ir.Ne: "!=", ir.Lt: "<", ir.Le: "<=", ir.Gt: ">", ir.Ge: ">="}

// mapped is an elementwise operation.
func (p *printer) mapped(o *ir.Op) string {
	group := o.Operands
	switch o.Code {
	case ir.Select:
		group = o.Operands[1:]
	case ir.Shl, ir.Shr, ir.Rotl, ir.BitOf, ir.Ldexp:
		group = nil
	}
	args := make([]string, len(o.Operands))
	for i, v := range o.Operands {
		args[i] = p.operand(o, v, group)
	}
	boolean := o.Result().Type.IsBool()
	switch o.Code {
	case ir.Neg:
		return "-" + args[0]
	case ir.Not:
		if boolean {
			return "!" + args[0]
		}
		return "~" + args[0]
	case ir.Xor:
		if boolean {
			return args[0] + " != " + args[1]
		}
	case ir.And, ir.Or:
		if boolean {
			return args[0] + " " + map[ir.Code]string{ir.And: "&&", ir.Or: "||"}[o.Code] + " " + args[1]
		}
	case ir.AsmOf:
		return fmt.Sprintf("asm %s %q (%s)", o.Str("target"), o.Str("text"), strings.Join(args, ", "))
	case ir.Bits:
		return p.opd(o.Operands[0]) + " bits " + o.Result().Type.Elem.String()
	case ir.Cast:
		text := p.opd(o.Operands[0]) + " as " + o.Result().Type.Elem.String()
		if o.Str("round") == "rz" {
			text += " rz"
		}
		if o.Str("overflow") == "wrap" {
			text += " wrap"
		}
		return text
	}
	if s, ok := signs[o.Code]; ok {
		return args[0] + " " + s + " " + args[1]
	}
	name, ok := calls[o.Code]
	if !ok {
		p.fail(o, "%s", o.Code)
	}
	return name + "(" + strings.Join(args, ", ") + ")"
}

// axes are names of spans in brackets.
func (p *printer) axes(list []*ir.Value) string {
	var names []string
	for _, v := range list {
		names = append(names, p.span(v))
	}
	return "[" + strings.Join(names, ", ") + "]"
}

func (p *printer) span(v *ir.Value) string {
	name, ok := p.names[v]
	if !ok {
		panic(fmt.Sprintf("raise: span %s has no name", v.Name))
	}
	return name
}

// over are the axes of a tile.
func (p *printer) over(t ir.Type) string {
	var list []*ir.Value
	for _, a := range t.Axes {
		list = append(list, a.Span)
	}
	return p.axes(list)
}

// word says why a subscript may be used.
func (p *printer) word(o *ir.Op, outside *ir.Value) string {
	switch {
	case o.Str("mode") == "else":
		text := p.arg(outside)
		if c, ok := p.isLiteral(outside); ok {
			text = p.literal(c, false)
		}
		if rest, ok := strings.CutPrefix(text, "-"); ok && grouped(rest) == rest {
			return " else -" + rest
		}
		return " else " + grouped(text)
	case o.Str("mode") == "skip":
		return " else skip"
	case o.Str("mode") == "unchecked" || p.unproven[o]:
		return " unchecked"
	}
	return ""
}

// element is a tensor with subscripts.
func (p *printer) element(o *ir.Op) string {
	var subs []string
	for _, v := range o.Subscripts() {
		if v.Type.Kind == ir.Span {
			subs = append(subs, p.span(v))
		} else {
			subs = append(subs, p.arg(v))
		}
	}
	return p.names[o.Operands[0]] + "[" + strings.Join(subs, ", ") + "]"
}

// wide is the type in which a contraction of an operand sums by itself.
func wide(t dtype.Type) dtype.Type {
	switch {
	case t == dtype.F64:
		return t
	case t.IsFloat():
		return dtype.F32
	case t.Kind == dtype.BipolarKind || t.Bits() <= 16:
		return dtype.I32
	}
	return dtype.I64
}

// reduced is the type in which a reduction is done by itself.
func reduced(kind string, t dtype.Type) dtype.Type {
	switch {
	case kind == "argmax" || kind == "argmin":
		return dtype.I64
	case kind == "any" || kind == "all":
		return dtype.Bool
	case kind == "mean" && !t.IsFloat():
		return dtype.F32
	case kind == "sum" || kind == "prod" || kind == "mean":
		if t.Bits() >= 32 {
			return t
		}
	case t.Arithmetic():
		return t
	}
	if t.IsFloat() {
		return dtype.F32
	}
	return dtype.I32
}

// affine is a sum of indices, those of axes first, as the others would be one scalar.
func (p *printer) affine(o *ir.Op) string {
	terms, k, div, mod := o.AffineTerms()
	var list []string
	var sum strings.Builder
	add := func(t ir.Term) {
		text := ""
		if t.Var.Type.Kind == ir.Span {
			text = p.span(t.Var)
		} else {
			text = p.opd(t.Var)
		}
		if t.Factor != nil {
			text += " * " + p.opd(t.Factor)
		}
		c := t.Coef
		sign := " + "
		if c < 0 && c != math.MinInt64 && len(list) > 0 {
			sign, c = " - ", -c
		}
		if c != 1 {
			text += " * " + strconv.FormatInt(c, 10)
		}
		if len(list) > 0 {
			sum.WriteString(sign)
		}
		list = append(list, text)
		sum.WriteString(text)
	}
	for _, spans := range []bool{true, false} {
		for _, t := range terms {
			if (t.Var.Type.Kind == ir.Span) == spans {
				add(t)
			}
		}
	}
	switch {
	case k > 0:
		fmt.Fprintf(&sum, " + %d", k)
	case k < 0:
		fmt.Fprintf(&sum, " - %s", strings.TrimPrefix(strconv.FormatInt(k, 10), "-"))
	}
	text := sum.String()
	if div != 1 {
		text = grouped(text) + " / " + strconv.FormatInt(div, 10)
	}
	if mod != 0 {
		text = grouped(text) + " % " + strconv.FormatInt(mod, 10)
	}
	return text
}

// scans are the kinds of scans that are functions of the language.
var scans = map[string]string{"sum": "cumsum", "prod": "cumprod", "max": "cummax"}

// expression is the text of an operation with one result, whose operands are known; false where it is none.
func (p *printer) expression(o *ir.Op) (w written, ok bool) {
	is := func(format string, args ...any) (written, bool) {
		return written{text: fmt.Sprintf(format, args...)}, true
	}
	if len(o.Results) != 1 {
		return w, false
	}
	t := o.Result().Type
	if o.Code.Spec().Elementwise() {
		return is("%s", p.mapped(o))
	}
	switch o.Code {
	case ir.Bcast:
		x := o.Operands[0]
		text := p.arg(x)
		bare := text
		if c, lit := p.isLiteral(x); lit {
			text = p.literal(c, false)
		}
		return written{t.Elem.String() + p.over(t) + "(" + text + ")", bare}, true
	case ir.Iota:
		return is("%s", p.span(o.Axes[0]))
	case ir.Affine:
		return is("%s", p.affine(o))
	case ir.SpanLo:
		return is("%s.lo", p.span(o.Axes[0]))
	case ir.SpanHi:
		return is("%s.hi", p.span(o.Axes[0]))
	case ir.Load:
		if c := p.loads[o]; c != nil {
			return is("%s%s", c.slot, p.over(t))
		}
		return is("%s%s", p.element(o), p.word(o, o.Outside()))
	case ir.View:
		return is("%s%s", p.arg(o.Operands[0]), p.axes(o.Axes))
	case ir.Rebind:
		return is("%s[%s: %s]", p.primary(o.Operands[0]), p.span(o.Axes[0]), p.span(o.Axes[1]))
	case ir.Lookup:
		at := o.Operands[1]
		text := ""
		if at.Type.Kind == ir.Span {
			text = p.span(at)
		} else {
			text = p.arg(at)
		}
		var out *ir.Value
		if len(o.Operands) > 2 {
			out = o.Operands[2]
		}
		return is("%s[%s: %s]%s", p.primary(o.Operands[0]), p.span(o.Axes[0]), text, p.word(o, out))
	case ir.Cat:
		return is("cat[%s](%s, %s)", p.span(o.Axes[2]), p.arg(o.Operands[0]), p.arg(o.Operands[1]))
	case ir.Reduce:
		text := fmt.Sprintf("%s%s(%s)", o.Str("kind"), p.axes(o.Axes), p.arg(o.Operands[0]))
		if t.Elem != reduced(o.Str("kind"), o.Operands[0].Type.Elem) {
			text += " in " + t.Elem.String()
		}
		return is("%s", text)
	case ir.Contract:
		a, b, sa, sb, acc := o.ContractParts()
		scaled := func(x, s *ir.Value) string {
			if s == nil {
				return p.arg(x)
			}
			return p.arg(x) + " scaled " + p.arg(s)
		}
		text := fmt.Sprintf("dot%s(%s, %s)", p.axes(o.Axes), scaled(a, sa), scaled(b, sb))
		elem := a.Type.Elem
		if b.Type.Elem.Bits() > elem.Bits() {
			elem = b.Type.Elem
		}
		if t.Elem != wide(elem) {
			text += " in " + t.Elem.String()
		}
		if acc != nil {
			text = p.opd(acc) + " + " + text
		}
		return is("%s", text)
	case ir.Pack:
		return is("pack%s(%s)", p.axes(o.Axes), p.arg(o.Operands[0]))
	case ir.Unpack:
		return is("unpack%s(%s, %s)", p.axes(o.Axes), p.arg(o.Operands[0]), t.Elem)
	case ir.Scan:
		if name := scans[o.Str("kind")]; name != "" {
			return is("%s%s(%s)", name, p.axes(o.Axes), p.arg(o.Operands[0]))
		}
	case ir.PinTo:
		return is("%s", p.arg(o.Operands[0]))
	}
	return w, false
}

// primary is an operand that is subscripted.
func (p *printer) primary(v *ir.Value) string { return grouped(p.arg(v)) }
