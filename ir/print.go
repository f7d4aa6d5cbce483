package ir

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tilec/tilec/ir/dtype"
)

// The text form. A module is a list of kernels:
//
//	kernel @gemm[%M, %N, %K](%a: tensor<f32,[%M,%K]>, %b: tensor<f32,[%N,%K]>) -> (%c: tensor<f32,[%M,%N]>) {
//	  %0 = const 0 : i64
//	  parallel %m in %0 .. %M by 64, %n in %0 .. %N by 64 {
//	    %z = const 0 : f32
//	    %acc0 = bcast %z : tile<f32,[%m:64,%n:64]>
//	    %acc = for %k in %0 .. %K by 32 carry (%x = %acc0) : tile<f32,[%m:64,%n:64]> {
//	      %1 = load.in %a[%m, %k] : tile<f32,[%m:64,%k:32]>
//	      %2 = load.in %b[%n, %k] : tile<f32,[%n:64,%k:32]>
//	      %3 = contract %1, %2 acc %x [%k] : tile<f32,[%m:64,%n:64]>
//	      yield %3
//	    }
//	    store.in %c[%m, %n] = %acc
//	    yield
//	  }
//	  yield
//	}
//
// Every name of a function is unique in it. Values keep their hints where they have one; others are numbered.

// Loc says whether a text names the places in the source that operations come from.
type Loc bool

const (
	NoLoc   Loc = false
	WithLoc Loc = true
)

// Text is the module's text; [ParseModule] reads it back.
func (m *Module) Text(loc Loc) string {
	var b strings.Builder
	for i, f := range m.Funcs {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(f.Text(loc))
	}
	return b.String()
}

// Text is the function's text; [ParseFunc] reads it back.
func (f *Func) Text(loc Loc) string {
	p := &printer{loc: loc, names: map[*Value]string{}, taken: map[string]bool{}, next: map[string]int{}}
	for _, s := range f.Sizes {
		p.sizes = append(p.sizes, s.Name)
	}
	p.function(f)
	return p.b.String()
}

// String is the function's text without places.
func (f *Func) String() string { return f.Text(NoLoc) }

// String is the operation's first line, with values under their hints, for messages.
func (o *Op) String() string {
	p := &printer{names: map[*Value]string{}, short: true}
	p.op(o)
	s, _, _ := strings.Cut(p.b.String(), "\n")
	return strings.TrimSuffix(s, " {")
}

type printer struct {
	b      strings.Builder
	loc    Loc
	short  bool // one operation out of context: no unique names, no regions
	names  map[*Value]string
	taken  map[string]bool
	next   map[string]int // the number to try next for a hint
	sizes  []string
	count  int // unnamed values so far
	indent int
	// layouts are those met so far.
	layouts layoutTable
}

func (p *printer) write(parts ...string) {
	for _, s := range parts {
		p.b.WriteString(s)
	}
}

// name is a value's text, given when it is first asked for: at its definition, in a valid function.
func (p *printer) name(v *Value) string {
	if v == nil {
		return "%nil"
	}
	if s, ok := p.names[v]; ok {
		return s
	}
	var s string
	switch {
	case p.short && v.Name == "":
		s = "%" + strconv.Itoa(v.ID)
	case v.Name == "":
		s = "%" + strconv.Itoa(p.count)
		p.count++
	default:
		s = p.unique(v.Name)
	}
	p.names[v] = s
	return s
}

// unique is a hint, with a number where it is taken.
func (p *printer) unique(hint string) string {
	if p.short {
		return quoteName(hint)
	}
	s := hint
	for p.taken[s] {
		p.next[hint]++
		s = hint + "_" + strconv.Itoa(p.next[hint])
	}
	p.taken[s] = true
	return quoteName(s)
}

// quoteName is %name, quoted where it is no plain word.
func quoteName(s string) string {
	if isWord(s) {
		return "%" + s
	}
	return "%" + strconv.Quote(s)
}

// isWord reports whether s is a letter or _, then letters, digits, _ and dots.
func isWord(s string) bool {
	for i := 0; i < len(s); i++ {
		if !wordByte(s[i]) || i == 0 && (s[i] >= '0' && s[i] <= '9' || s[i] == '.') {
			return false
		}
	}
	return s != "" && !strings.Contains(s, "..")
}

func wordByte(c byte) bool {
	return c == '_' || c == '.' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func (p *printer) typ(t Type) string {
	return t.text(p.name, func(i int) string {
		if i >= 0 && i < len(p.sizes) {
			return p.sizes[i]
		}
		return "%size" + strconv.Itoa(i)
	}, p.layout)
}

func (p *printer) function(f *Func) {
	p.write("kernel ")
	if isWord(f.Name) {
		p.write("@", f.Name)
	} else {
		p.write("@", strconv.Quote(f.Name))
	}
	p.write("[")
	sizes := p.sizes
	for i, s := range f.Sizes {
		if i > 0 {
			p.write(", ")
		}
		sizes[i] = p.name(f.SizeArg(i))
		p.write(sizes[i])
		if s.Def != nil {
			p.write(" = ")
			s.Def.write(&p.b, func(i int) string { return sizes[min(max(i, 0), len(sizes)-1)] })
		}
	}
	p.write("](")
	outs := false
	for i, q := range f.Params {
		switch {
		case q.Role == Out && !outs:
			p.write(") -> (")
			outs = true
		case i > 0:
			p.write(", ")
		}
		if q.Role == InOut || q.Role == In && outs {
			p.write(q.Role.String(), " ")
		}
		p.write(p.name(f.ParamArg(i)), ": ", p.typ(q.Type))
		p.position(q.Pos)
	}
	if !outs {
		p.write(") -> (")
	}
	p.write(")")
	if len(f.Binds) > 0 {
		p.write(" binds(")
		for i, b := range f.Binds {
			if i > 0 {
				p.write(", ")
			}
			p.write(strconv.Quote(b.Name), " = ", strconv.Quote(b.Value))
		}
		p.write(")")
	}
	// The body says which layouts there are.
	head := p.b.String()
	p.b.Reset()
	p.body(f.Body)
	body := p.b.String()
	p.b.Reset()
	p.write(head)
	p.layouts.write(&p.b)
	p.position(f.Pos)
	p.write(" ", body, "\n")
}

func (p *printer) position(pos Pos) {
	if p.loc && pos != (Pos{}) {
		p.write(" loc(", strconv.Quote(pos.File), ":", strconv.Itoa(pos.Line), ":", strconv.Itoa(pos.Col), ")")
	}
}

// body writes a region's operations in braces.
func (p *printer) body(r *Region) {
	if p.short {
		p.write("{\n")
		return
	}
	p.write("{\n")
	p.indent++
	for _, o := range r.Ops {
		p.write(strings.Repeat("  ", p.indent))
		p.op(o)
		p.write("\n")
	}
	p.indent--
	p.write(strings.Repeat("  ", p.indent), "}")
}

// list writes values with commas between them.
func (p *printer) list(vs []*Value) {
	for i, v := range vs {
		if i > 0 {
			p.write(", ")
		}
		p.write(p.name(v))
	}
}

// results writes the names of results and an equals sign.
func (p *printer) results(o *Op) {
	if len(o.Results) > 0 {
		p.list(o.Results)
		p.write(" = ")
	}
}

// types writes a colon and the types of results, if there are any.
func (p *printer) types(o *Op) {
	for i, v := range o.Results {
		if p.short && v.Type.Kind == None {
			return // not known yet
		}
		if i == 0 {
			p.write(" : ")
		} else {
			p.write(", ")
		}
		p.write(p.typ(v.Type))
	}
}

func (p *printer) axes(o *Op) {
	if len(o.Axes) > 0 {
		p.write(" [")
		p.list(o.Axes)
		p.write("]")
	}
}

// attrs writes the attributes that the form does not show otherwise.
func (p *printer) attrs(o *Op, shown ...string) {
	first, words := true, wordy(o)
	for _, a := range o.Attrs {
		if slices.Contains(shown, a.Key) || words && slices.Contains(o.Code.Spec().Words, a.Key) {
			continue
		}
		if first {
			p.write(" {")
		} else {
			p.write(", ")
		}
		first = false
		p.write(a.Key, " = ", attrText(a.Val))
	}
	if !first {
		p.write("}")
	}
}

// attrText is an attribute's value; each kind is told from the others by how it looks.
func attrText(val any) string {
	switch x := val.(type) {
	case int64:
		return strconv.FormatInt(x, 10)
	case float64:
		return floatText(x)
	case bool:
		return strconv.FormatBool(x)
	case string:
		return strconv.Quote(x)
	case []int64:
		var b strings.Builder
		b.WriteByte('[')
		for i, k := range x {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(strconv.FormatInt(k, 10))
		}
		b.WriteByte(']')
		return b.String()
	case dtype.Type:
		return x.String()
	}
	return fmt.Sprintf("%v", val)
}

// floatText is the shortest decimal that reads back as x, with a point or an exponent; inf, -inf, nan.
func floatText(x float64) string {
	switch {
	case math.IsNaN(x):
		return "nan"
	case math.IsInf(x, 1):
		return "inf"
	case math.IsInf(x, -1):
		return "-inf"
	}
	s := strconv.FormatFloat(x, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return s
}

// wordy reports whether the attributes that are written as words can be.
func wordy(o *Op) bool {
	for _, key := range o.Code.Spec().Words {
		if s := o.Str(key); !isWord(s) || strings.Contains(s, ".") {
			return false
		}
	}
	return true
}

func (p *printer) op(o *Op) {
	s := o.Code.Spec()
	if s == nil {
		p.write("invalid")
		return
	}
	// A loop's results are named before what is inside it, in the order they are written.
	p.results(o)
	p.write(s.Name)
	if wordy(o) {
		for _, key := range s.Words {
			p.write(".", o.Str(key))
		}
	}
	if checkCounts(o) != nil {
		p.plain(o) // out of order: what there is
		return
	}
	switch s.form {
	case constForm:
		p.write(" ", attrText(o.Attr("value")))
		p.types(o)
	case affineForm:
		p.affine(o)
		p.types(o)
	case loadForm:
		p.write(" ", p.name(o.Operands[0]), "[")
		p.list(o.Subscripts())
		p.write("]")
		p.outside(o)
		p.attrs(o)
		p.types(o)
	case storeForm:
		p.write(" ", p.name(o.Operands[0]), "[")
		p.list(o.Subscripts())
		p.write("] = ")
		p.list(o.Stored())
		p.masked(o)
		p.attrs(o, "masked")
		p.types(o)
	case lookupForm:
		p.write(" ", p.name(o.Operands[0]), "[", p.name(o.Axes[0]), ": ", p.name(o.Operands[1]), "]")
		p.outside(o)
		p.attrs(o)
		p.types(o)
	case scatterForm:
		p.write(" ", p.name(o.Operands[0]), "[", p.name(o.Axes[0]), ": ", p.name(o.Operands[1]), "] = ", p.name(o.Operands[2]))
		p.masked(o)
		p.attrs(o, "masked")
		p.types(o)
	case contractForm:
		x, y, sx, sy, acc := o.ContractParts()
		p.write(" ", p.name(x))
		p.part(" scaled ", sx)
		p.write(", ", p.name(y))
		p.part(" scaled ", sy)
		p.part(" acc ", acc)
		p.axes(o)
		p.attrs(o, "acc", "scaled")
		p.types(o)
	case textForm:
		if o.Code == Print {
			p.write(" ", strconv.Quote(o.Str("text")))
			if len(o.Operands) > 0 {
				p.write(" ")
				p.list(o.Operands)
			}
		} else {
			p.write(" ", p.name(o.Operands[0]), " ", strconv.Quote(o.Str("text")))
		}
		p.attrs(o, "text")
	case parallelForm:
		p.parallel(o)
	case forForm:
		p.loop(o)
	case whileForm:
		p.while(o)
	case ifForm:
		p.write(" ", p.name(o.Operands[0]))
		p.attrs(o)
		p.types(o)
		p.write(" ")
		p.body(o.Regions[0])
		if !p.short {
			p.write(" else ")
			p.body(o.Regions[1])
		}
	case yieldForm:
		values, stop := o.Yielded()
		if len(values) > 0 {
			p.write(" ")
			p.list(values)
		}
		p.part(" breaks ", stop)
		p.attrs(o, "breaks")
	default:
		p.plain(o)
	}
	p.position(o.Pos)
}

func (p *printer) plain(o *Op) {
	if len(o.Operands) > 0 {
		p.write(" ")
		p.list(o.Operands)
	}
	p.axes(o)
	p.attrs(o)
	p.types(o)
	for _, r := range o.Regions {
		if r == nil {
			continue
		}
		p.write(" (")
		for i, a := range r.Args {
			if i > 0 {
				p.write(", ")
			}
			p.write(p.name(a), ": ", p.typ(a.Type))
		}
		p.write(") ")
		p.body(r)
	}
}

// part writes an operand that may be missing, after a word.
func (p *printer) part(word string, v *Value) {
	if v != nil {
		p.write(word, p.name(v))
	}
}

func (p *printer) outside(o *Op) { p.part(" else ", o.Outside()) }

func (p *printer) masked(o *Op) { p.part(" if ", o.Mask()) }

func (p *printer) affine(o *Op) {
	terms, k, div, mod := o.AffineTerms()
	sep := " "
	for _, t := range terms {
		p.write(sep)
		if t.Coef != 1 {
			p.write(strconv.FormatInt(t.Coef, 10), "*")
		}
		p.write(p.name(t.Var))
		p.part("*", t.Factor)
		sep = " + "
	}
	if k != 0 || len(terms) == 0 {
		p.write(sep, strconv.FormatInt(k, 10))
	}
	if div != 1 {
		p.write(" div ", strconv.FormatInt(div, 10))
	}
	if mod != 0 {
		p.write(" mod ", strconv.FormatInt(mod, 10))
	}
	p.attrs(o, "coef", "const", "div", "factor", "mod")
}

func (p *printer) by(by int64) {
	if by != 0 {
		p.write(" by ", strconv.FormatInt(by, 10))
	}
}

func (p *printer) parallel(o *Op) {
	if name, ok := o.Attr("name").(string); ok {
		p.write(" ", strconv.Quote(name))
	}
	by := o.Ints("by")
	for i, w := range by {
		sep := ", "
		if i == 0 {
			sep = " "
		}
		if 2*i+1 >= len(o.Operands) || i >= len(o.Regions[0].Args) {
			break
		}
		p.write(sep, p.name(o.Regions[0].Args[i]), " in ", p.name(o.Operands[2*i]), " .. ", p.name(o.Operands[2*i+1]))
		p.by(w)
	}
	p.attrs(o, "by", "name")
	p.write(" ")
	p.body(o.Regions[0])
}

// carried writes the carried arguments of a loop with their initial values.
func (p *printer) carried(args, inits []*Value) {
	p.write(" carry (")
	for i, a := range args {
		if i > 0 {
			p.write(", ")
		}
		p.write(p.name(a))
		if i < len(inits) {
			p.write(" = ", p.name(inits[i]))
		}
	}
	p.write(")")
}

func (p *printer) loop(o *Op) {
	args := o.Regions[0].Args
	if len(args) > 0 {
		p.write(" ", p.name(args[0]), " in ", p.name(o.Operands[0]), " .. ", p.name(o.Operands[1]))
		p.by(o.Int("by"))
		if len(args) > 1 {
			p.carried(args[1:], o.Operands[2:])
		}
	}
	p.attrs(o, "by")
	p.types(o)
	p.write(" ")
	p.body(o.Regions[0])
}

func (p *printer) while(o *Op) {
	p.carried(o.Regions[0].Args, o.Operands)
	p.attrs(o)
	p.types(o)
	p.write(" ")
	p.body(o.Regions[0])
	if p.short {
		return
	}
	p.write(" do (")
	p.list(o.Regions[1].Args)
	p.write(") ")
	p.body(o.Regions[1])
}
