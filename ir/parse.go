package ir

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tilec/tilec/ir/dtype"
)

// maxDepth bounds how deep regions and extents nest in a text.
const maxDepth = 200

// ParseModule reads the text form. The error is a [*SyntaxError] at the first fault. What is read is well linked but
// may break any other rule of [Verify].
func ParseModule(file string, src []byte) (m *Module, err error) {
	p := &parser{lex: lexer{file: file, src: string(src), line: 1}}
	defer func() {
		switch e := recover().(type) {
		case nil:
		case *SyntaxError:
			m, err = nil, e
		default:
			panic(e)
		}
	}()
	p.advance()
	m = &Module{}
	for p.tok.kind != endToken {
		m.Funcs = append(m.Funcs, p.function())
	}
	return m, nil
}

// ParseFunc reads a text of exactly one kernel.
func ParseFunc(file string, src []byte) (*Func, error) {
	m, err := ParseModule(file, src)
	if err != nil {
		return nil, err
	}
	if len(m.Funcs) != 1 {
		return nil, &SyntaxError{Pos{File: file}, fmt.Sprintf("%d kernels, one expected", len(m.Funcs))}
	}
	return m.Funcs[0], nil
}

// parser is a recursive descent over the tokens. Inside, a fault is a panic with a *SyntaxError, caught in ParseModule.
type parser struct {
	lex    lexer
	tok    token // the next one
	more   []token
	fn     *Func
	values map[string]*Value
	sizes  map[*Value]int
	depth  int
	// layouts are those of the function's head, by number.
	layouts map[string]any
}

func (p *parser) advance() {
	if len(p.more) > 0 {
		p.tok, p.more = p.more[0], p.more[1:]
		return
	}
	t, err := p.lex.next()
	if err != nil {
		panic(err)
	}
	p.tok = t
}

// peek is token n after the next one.
func (p *parser) peek(n int) token {
	for len(p.more) < n {
		t, err := p.lex.next()
		if err != nil {
			panic(err)
		}
		p.more = append(p.more, t)
	}
	return p.more[n-1]
}

func (p *parser) failAt(t token, format string, args ...any) {
	panic(&SyntaxError{Pos{p.lex.file, t.line, t.col}, fmt.Sprintf(format, args...)})
}

func (p *parser) fail(format string, args ...any) { p.failAt(p.tok, format, args...) }

func (p *parser) is(sign string) bool { return p.tok.kind == signToken && p.tok.text == sign }

func (p *parser) isWord(word string) bool { return p.tok.kind == wordToken && p.tok.text == word }

// accept takes a sign or word if it is next.
func (p *parser) accept(text string) bool {
	if p.is(text) || p.isWord(text) {
		p.advance()
		return true
	}
	return false
}

// goesOn takes a word that goes on with the operation; one that begins a line begins another operation.
func (p *parser) goesOn(word string) bool { return !p.tok.firstLine && p.accept(word) }

func (p *parser) expect(text string) {
	if !p.accept(text) {
		p.fail("expected %q, found %s", text, p.tok)
	}
}

// take takes a token of a kind and gives its text.
func (p *parser) take(kind tokenKind, what string) string {
	if p.tok.kind != kind {
		p.fail("expected %s, found %s", what, p.tok)
	}
	s := p.tok.text
	p.advance()
	return s
}

func (p *parser) int() int64 {
	t := p.tok
	k, err := strconv.ParseInt(p.take(numberToken, "an integer"), 10, 64)
	if err != nil {
		p.failAt(t, "%s is no 64-bit integer", t.text)
	}
	return k
}

// key is how a name is looked up; names with and without a hint do not meet.
func (t token) key() string {
	if t.number {
		return "\x00" + t.text
	}
	return t.text
}

// define gives a value a name.
func (p *parser) define(t token, v *Value) {
	if t.kind != nameToken {
		p.failAt(t, "expected a name, found %s", t)
	}
	if p.values[t.key()] != nil {
		p.failAt(t, "%s is defined twice", t)
	}
	if !t.number {
		v.Name = t.text
	}
	p.values[t.key()] = v
}

// name takes a name that is about to be defined.
func (p *parser) name() token {
	t := p.tok
	p.take(nameToken, "a name")
	return t
}

// hint takes a name that means something to a caller, which a number that the printer chose does not.
func (p *parser) hint() token {
	t := p.name()
	if t.number {
		p.failAt(t, "%s is a number; sizes and parameters have names", t)
	}
	return t
}

// use takes the name of a value.
func (p *parser) use() *Value {
	t := p.name()
	v := p.values[t.key()]
	if v == nil {
		p.failAt(t, "%s is not defined", t)
	}
	return v
}

// uses takes a list of values, empty if the next token is no name or on another line.
func (p *parser) uses() []*Value {
	if p.tok.kind != nameToken || p.tok.firstLine {
		return nil
	}
	vs := []*Value{p.use()}
	for p.accept(",") {
		vs = append(vs, p.use())
	}
	return vs
}

func (p *parser) function() *Func {
	p.values, p.sizes, p.layouts = map[string]*Value{}, map[*Value]int{}, map[string]any{}
	p.expect("kernel")
	f := &Func{Name: p.take(funcToken, "a name with @"), Body: &Region{}}
	p.fn = f
	p.expect("[")
	for !p.is("]") {
		if len(f.Sizes) > 0 {
			p.expect(",")
		}
		t := p.hint()
		s := &Size{Name: t.text}
		v := f.Body.AddArg("", ScalarType(dtype.I64))
		p.define(t, v)
		if p.accept("=") {
			s.Def = p.dim()
		}
		p.sizes[v] = len(f.Sizes)
		f.Sizes = append(f.Sizes, s)
	}
	p.expect("]")
	p.params(In)
	p.expect("->")
	p.params(Out)
	if p.accept("binds") {
		p.expect("(")
		for !p.is(")") {
			if len(f.Binds) > 0 {
				p.expect(",")
			}
			name := p.take(stringToken, "a name in quotes")
			p.expect("=")
			f.Binds = append(f.Binds, Bind{Name: name, Value: p.take(stringToken, "a value in quotes")})
		}
		p.expect(")")
	}
	p.layoutList()
	f.Pos = p.position()
	p.body(f.Body)
	f.Number()
	return f
}

func (p *parser) params(role Role) {
	p.expect("(")
	for n := 0; !p.is(")"); n++ {
		if n > 0 {
			p.expect(",")
		}
		q := &Param{Role: role}
		for _, r := range []Role{In, Out, InOut} {
			if p.accept(r.String()) {
				q.Role = r
				break
			}
		}
		t := p.hint()
		v := p.fn.Body.AddArg("", Type{})
		p.define(t, v)
		q.Name = t.text
		p.expect(":")
		q.Type = p.typ()
		v.Type = q.Type
		q.Pos = p.position()
		p.fn.Params = append(p.fn.Params, q)
	}
	p.expect(")")
}

// position takes a place in the source, if one is next.
func (p *parser) position() Pos {
	if !p.goesOn("loc") {
		return Pos{}
	}
	var pos Pos
	p.expect("(")
	pos.File = p.take(stringToken, "a file in quotes")
	p.expect(":")
	pos.Line = p.place()
	p.expect(":")
	pos.Col = p.place()
	p.expect(")")
	return pos
}

func (p *parser) place() int {
	t := p.tok
	k := p.int()
	if k < 0 || k > 1<<31-1 {
		p.failAt(t, "%d is no line or column", k)
	}
	return int(k)
}

func (p *parser) deeper() {
	if p.depth++; p.depth > maxDepth {
		p.fail("nested more than %d deep", maxDepth)
	}
}

func (p *parser) dim() *Dim {
	p.deeper()
	defer func() { p.depth-- }()
	switch {
	case p.tok.kind == numberToken:
		return ConstDim(p.int())
	case p.tok.kind == nameToken:
		t := p.tok
		v := p.use()
		i, ok := p.sizes[v]
		if !ok {
			p.failAt(t, "%s is no size", t)
		}
		return SizeDim(i)
	case p.accept("("):
		x := p.dim()
		for op, sign := range dimSigns {
			if sign != "" && p.accept(sign) {
				y := p.dim()
				p.expect(")")
				return &Dim{Op: DimOp(op), X: x, Y: y}
			}
		}
		p.fail("expected an operator, found %s", p.tok)
	}
	for op, word := range dimWords {
		if word != "" && p.accept(word) {
			p.expect("(")
			x := p.dim()
			p.expect(",")
			y := p.dim()
			p.expect(")")
			return &Dim{Op: DimOp(op), X: x, Y: y}
		}
	}
	p.fail("expected an extent, found %s", p.tok)
	return nil
}

func (p *parser) elem() dtype.Type {
	t := p.tok
	e, err := dtype.Parse(p.take(wordToken, "a type"))
	if err != nil {
		p.failAt(t, "%v", err)
	}
	return e
}

func (p *parser) typ() Type {
	switch {
	case p.accept("tile"):
		t := Type{Kind: Tile}
		p.expect("<")
		t.Elem = p.elem()
		p.expect(",")
		p.expect("[")
		for !p.is("]") {
			if len(t.Axes) > 0 {
				p.expect(",")
			}
			span := p.use()
			p.expect(":")
			t.Axes = append(t.Axes, Axis{span, p.int()})
		}
		p.expect("]")
		p.tilePlace(&t)
		p.expect(">")
		return t
	case p.accept("chan"):
		return p.ring(Type{Kind: Chan})
	case p.accept("slot"):
		return p.ring(Type{Kind: Slot})
	case p.accept("tensor"):
		t := Type{Kind: Tensor}
		p.expect("<")
		t.Elem = p.elem()
		p.expect(",")
		p.expect("[")
		for !p.is("]") {
			if len(t.Dims) > 0 {
				p.expect(",")
			}
			t.Dims = append(t.Dims, p.dim())
		}
		p.expect("]")
		if p.accept(",") {
			switch {
			case p.accept("strided"):
				t.Mem = Strided
			case p.accept("packed"):
				t.Mem = Packed
				if p.accept("(") {
					t.PackName = p.take(stringToken, "a name in quotes")
					p.expect(")")
				}
			default:
				p.fail("expected strided or packed, found %s", p.tok)
			}
		}
		p.expect(">")
		return t
	case p.accept("span"):
		p.expect("<")
		w := p.int()
		p.expect(">")
		return SpanType(w)
	}
	return ScalarType(p.elem())
}

// body takes operations in braces.
func (p *parser) body(r *Region) {
	p.deeper()
	p.expect("{")
	for !p.is("}") {
		p.op(r)
	}
	p.expect("}")
	p.depth--
}

// op takes one operation and appends it to r.
func (p *parser) op(r *Region) {
	o := &Op{Parent: r}
	var names []token
	if p.tok.kind == nameToken {
		names = append(names, p.name())
		for p.accept(",") {
			names = append(names, p.name())
		}
		p.expect("=")
	}
	for i := range names {
		o.Results = append(o.Results, &Value{Def: o, Index: i})
	}
	at := p.tok
	words := strings.Split(p.take(wordToken, "an operation"), ".")
	code, ok := CodeByName(words[0])
	if !ok {
		p.failAt(at, "there is no operation %s", words[0])
	}
	o.Code = code
	s := code.Spec()
	if words = words[1:]; len(words) > 0 && len(words) != len(s.Words) {
		p.failAt(at, "%s takes %d words, not %d", s.Name, len(s.Words), len(words))
	}
	for i, w := range words {
		o.SetAttr(s.Words[i], w)
	}
	switch s.form {
	case constForm:
		p.constant(o)
		p.types(o)
	case affineForm:
		p.affine(o)
		p.attrs(o)
		p.types(o)
	case loadForm:
		o.Operands = append(o.Operands, p.use())
		p.subscripts(o)
		p.part(o, "else")
		p.attrs(o)
		p.types(o)
	case storeForm:
		o.Operands = append(o.Operands, p.use())
		p.subscripts(o)
		p.expect("=")
		o.Operands = append(o.Operands, p.uses()...)
		p.masked(o)
		p.attrs(o)
		p.types(o)
	case lookupForm, scatterForm:
		o.Operands = append(o.Operands, p.use())
		p.expect("[")
		o.Axes = append(o.Axes, p.use())
		p.expect(":")
		o.Operands = append(o.Operands, p.use())
		p.expect("]")
		if s.form == scatterForm {
			p.expect("=")
			o.Operands = append(o.Operands, p.use())
			p.masked(o)
		} else {
			p.part(o, "else")
		}
		p.attrs(o)
		p.types(o)
	case contractForm:
		p.contract(o)
		p.axes(o)
		p.attrs(o)
		p.types(o)
	case textForm:
		if code != Print {
			o.Operands = append(o.Operands, p.use())
		}
		o.SetAttr("text", p.take(stringToken, "a text in quotes"))
		if code == Print {
			o.Operands = append(o.Operands, p.uses()...)
		}
		p.attrs(o)
	case parallelForm:
		p.parallel(o)
	case forForm:
		p.loop(o)
	case whileForm:
		p.while(o)
	case ifForm:
		o.Operands = append(o.Operands, p.use())
		p.attrs(o)
		p.types(o)
		p.body(p.region(o))
		p.expect("else")
		p.body(p.region(o))
	case yieldForm:
		o.Operands = append(o.Operands, p.uses()...)
		if p.goesOn("breaks") {
			o.SetAttr("breaks", true)
			o.Operands = append(o.Operands, p.use())
		}
		p.attrs(o)
	default:
		o.Operands = append(o.Operands, p.uses()...)
		p.axes(o)
		p.attrs(o)
		p.types(o)
		for p.is("(") {
			r := p.region(o)
			p.expect("(")
			for !p.is(")") {
				if len(r.Args) > 0 {
					p.expect(",")
				}
				t := p.name()
				p.expect(":")
				p.define(t, r.AddArg("", p.typ()))
			}
			p.expect(")")
			p.body(r)
		}
	}
	o.Pos = p.position()
	slices.SortStableFunc(o.Attrs, func(a, b Attr) int { return cmp.Compare(a.Key, b.Key) })
	for i, v := range o.Results {
		p.define(names[i], v)
	}
	r.Ops = append(r.Ops, o)
}

// region adds a region to an operation.
func (p *parser) region(o *Op) *Region {
	r := &Region{Parent: o}
	o.Regions = append(o.Regions, r)
	return r
}

// types takes a colon and the types of results, if there are any.
func (p *parser) types(o *Op) {
	if len(o.Results) == 0 {
		if p.is(":") {
			p.fail("types without results")
		}
		return
	}
	p.expect(":")
	for i, v := range o.Results {
		if i > 0 {
			p.expect(",")
		}
		v.Type = p.typ()
	}
}

// axes takes axes in brackets, if there are any.
func (p *parser) axes(o *Op) {
	if p.tok.firstLine || !p.accept("[") {
		return
	}
	o.Axes = append(o.Axes, p.use())
	for p.accept(",") {
		o.Axes = append(o.Axes, p.use())
	}
	p.expect("]")
}

func (p *parser) subscripts(o *Op) {
	p.expect("[")
	for n := 0; !p.is("]"); n++ {
		if n > 0 {
			p.expect(",")
		}
		o.Operands = append(o.Operands, p.use())
	}
	p.expect("]")
}

// part takes a word and an operand, if the word is next.
func (p *parser) part(o *Op, word string) bool {
	if !p.goesOn(word) {
		return false
	}
	o.Operands = append(o.Operands, p.use())
	return true
}

func (p *parser) masked(o *Op) {
	if p.part(o, "if") {
		o.SetAttr("masked", true)
	}
}

// attrs takes attributes in braces, if there are any: a brace, a word, an equals sign; else it is a region.
func (p *parser) attrs(o *Op) {
	if !p.is("{") || p.peek(1).kind != wordToken {
		return
	}
	if t := p.peek(2); t.kind != signToken || t.text != "=" {
		return
	}
	p.advance()
	for n := 0; !p.is("}"); n++ {
		if n > 0 {
			p.expect(",")
		}
		t := p.tok
		key := p.take(wordToken, "a key")
		if o.Attr(key) != nil {
			p.failAt(t, "attribute %s is given twice", key)
		}
		p.expect("=")
		o.Attrs = append(o.Attrs, Attr{key, p.attr()})
	}
	p.expect("}")
}

// attr takes an attribute's value; how it looks says what it is.
func (p *parser) attr() any {
	t := p.tok
	switch {
	case t.kind == stringToken:
		p.advance()
		return t.text
	case p.accept("true"):
		return true
	case p.accept("false"):
		return false
	case p.accept("["):
		ks := []int64{}
		for !p.is("]") {
			if len(ks) > 0 {
				p.expect(",")
			}
			ks = append(ks, p.int())
		}
		p.expect("]")
		return ks
	case t.kind == numberToken || p.isWord("inf") || p.isWord("nan"):
		return p.number()
	}
	return p.elem()
}

// number takes an int64, or a float64, which has a point, an exponent, or is inf or nan.
func (p *parser) number() any {
	t := p.tok
	p.advance()
	if t.kind == numberToken {
		if k, err := strconv.ParseInt(t.text, 10, 64); err == nil {
			return k
		}
		digits := strings.TrimPrefix(t.text, "-")
		if strings.Trim(digits, "0123456789") == "" || strings.Contains(t.text, "_") {
			p.failAt(t, "%s is no 64-bit integer", t.text)
		}
	} else if t.text != "inf" && t.text != "nan" {
		p.failAt(t, "expected a number, found %s", t)
	}
	x, err := strconv.ParseFloat(t.text, 64)
	if err != nil {
		p.failAt(t, "%s is no number", t.text)
	}
	return x
}

func (p *parser) constant(o *Op) { o.SetAttr("value", p.number()) }

// affine takes terms, a constant, div and mod.
func (p *parser) affine(o *Op) {
	coef, factor := []int64{}, []int64{}
	var factors []*Value
	k := int64(0)
	for n := 0; n == 0 || p.accept("+"); n++ {
		c := int64(1)
		if p.tok.kind == numberToken {
			c = p.int()
			if !p.accept("*") {
				k = c
				break
			}
		}
		coef = append(coef, c)
		factor = append(factor, -1)
		o.Operands = append(o.Operands, p.use())
		if p.accept("*") {
			factors = append(factors, p.use())
			factor[len(factor)-1] = 0
		}
	}
	next := int64(len(o.Operands))
	for i := range factor {
		if factor[i] == 0 {
			factor[i] = next
			next++
		}
	}
	o.Operands = append(o.Operands, factors...)
	div, mod := int64(1), int64(0)
	if p.goesOn("div") {
		div = p.int()
	}
	if p.goesOn("mod") {
		mod = p.int()
	}
	o.Attrs = affineAttrs(coef, factor, k, div, mod)
}

func (p *parser) contract(o *Op) {
	var scales []*Value
	scaled := int64(0)
	for i := range 2 {
		if i > 0 {
			p.expect(",")
		}
		o.Operands = append(o.Operands, p.use())
		if p.goesOn("scaled") {
			scales = append(scales, p.use())
			scaled |= 1 << i
		}
	}
	o.Operands = append(o.Operands, scales...)
	if scaled != 0 {
		o.SetAttr("scaled", scaled)
	}
	if p.part(o, "acc") {
		o.SetAttr("acc", true)
	}
}

// by takes a width, 0 if there is none.
func (p *parser) by() int64 {
	if p.goesOn("by") {
		return p.int()
	}
	return 0
}

func (p *parser) parallel(o *Op) {
	if p.tok.kind == stringToken {
		o.SetAttr("name", p.tok.text)
		p.advance()
	}
	r := p.region(o)
	by := []int64{}
	for n := 0; p.tok.kind == nameToken || n > 0 && p.is(","); n++ {
		if n > 0 {
			p.expect(",")
		}
		t := p.name()
		p.expect("in")
		o.Operands = append(o.Operands, p.use())
		p.expect("..")
		o.Operands = append(o.Operands, p.use())
		by = append(by, p.by())
		p.define(t, r.AddArg("", bound(by[n])))
	}
	o.SetAttr("by", by)
	p.attrs(o)
	p.body(r)
}

// carried takes the names and initial values of what a loop carries, if there are any.
func (p *parser) carried(o *Op) (names []token) {
	if !p.goesOn("carry") {
		return nil
	}
	p.expect("(")
	for !p.is(")") {
		if len(names) > 0 {
			p.expect(",")
		}
		names = append(names, p.name())
		p.expect("=")
		o.Operands = append(o.Operands, p.use())
	}
	p.expect(")")
	return names
}

// carry defines carried arguments, of the types of the operation's results.
func (p *parser) carry(o *Op, r *Region, names []token) {
	if len(names) != len(o.Results) {
		p.fail("%d values are carried, %d are results", len(names), len(o.Results))
	}
	for i, t := range names {
		p.define(t, r.AddArg("", o.Results[i].Type))
	}
}

func (p *parser) loop(o *Op) {
	r := p.region(o)
	t := p.name()
	p.expect("in")
	lo := p.use()
	p.expect("..")
	o.Operands = []*Value{lo, p.use()}
	by := p.by()
	o.SetAttr("by", by)
	names := p.carried(o)
	p.attrs(o)
	p.types(o)
	p.define(t, r.AddArg("", bound(by)))
	p.carry(o, r, names)
	p.body(r)
}

func (p *parser) while(o *Op) {
	cond, r := p.region(o), p.region(o)
	names := p.carried(o)
	p.attrs(o)
	p.types(o)
	p.carry(o, cond, names)
	p.body(cond)
	p.expect("do")
	p.expect("(")
	names = nil
	for !p.is(")") {
		if len(names) > 0 {
			p.expect(",")
		}
		names = append(names, p.name())
	}
	p.expect(")")
	p.carry(o, r, names)
	p.body(r)
}
