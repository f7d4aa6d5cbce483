// Package raise writes a function of the tile IR as a kernel of the language, at the explicit level.
//
// In goes what placing has derived for a target ([passes.Derived]): the function after the passes of the value stage, the
// layouts of its tiles, and the loads that are copied ahead. Out comes a package with one kernel that says the same: generics
// and tile sizes are numbers, functions are inlined, loops over spans are parted into whole steps and what is left, layouts are
// pins, and pipelines are channels that are filled, taken and released. It always holds that the text checks, and that
// compiling it for the target gives the code that the function gives, but for names and places.
//
// What is proven in the function but not in the text, whose names hide some of it, is marked unchecked.
package raise

import (
	"fmt"
	"go/token"
	"slices"
	"strings"
	"unicode"

	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/format"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/passes"
)

// Source is what a text is made of.
type Source struct {
	// Package is the name of the text's package, Target that of the target whose section gets the schedule's words.
	Package, Target string
	Derived         *passes.Derived
	Words           []typed.Word
}

// Unsaid is an operation that the language has no words for.
type Unsaid struct {
	What string
	Pos  ir.Pos
}

func (u *Unsaid) Error() string {
	if u.Pos.Line == 0 { // a word of the command line
		return "the explicit form cannot say " + u.What
	}
	return fmt.Sprintf("%s: the explicit form cannot say %s", u.Pos, u.What)
}

// Text is the formatted text. The error is an [*Unsaid].
func Text(s Source) (text string, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *Unsaid:
			err = r
		default:
			panic(r)
		}
	}()
	for i, w := range s.Words { // the parts of a loop count the blocks that are done; of words for the same loop the last counts
		loop, parts, _ := strings.Cut(w.Value, " = ")
		again := func(x typed.Word) bool {
			return x.Name == w.Name && x.Phase == w.Phase && strings.HasPrefix(x.Value, loop+" = ")
		}
		if w.Name == "split" && parts != "1" && !slices.ContainsFunc(s.Words[i+1:], again) {
			at := ir.Pos{File: w.Span.File, Line: w.Span.Start.Line, Col: w.Span.Start.Col}
			return "", &Unsaid{What: fmt.Sprintf("a loop whose parts are merged, as split %s makes it; with split %s = 1 it can", w.Value, loop), Pos: at}
		}
	}
	unproven := map[*ir.Op]bool{}
	for {
		p := newPrinter(s, unproven)
		p.file()
		plain := p.b.String()
		more := false
		diags := checked(plain, s.Package)
		for _, d := range diags {
			for _, o := range p.lines[d.Span.Start.Line] {
				if d.Code == unprovenCode && !unproven[o] {
					unproven[o], more = true, true
				}
			}
		}
		if more {
			continue
		}
		if diags.HasErrors() {
			return plain, fmt.Errorf("the explicit form does not check, which is a fault of the compiler: %w", diags.Err())
		}
		out, list := format.Source(s.Package+".tile", []byte(plain))
		if list.HasErrors() {
			return plain, list.Err()
		}
		return string(out), nil
	}
}

// unprovenCode is that of a subscript that may be outside.
const unprovenCode = "E0322"

// checked are the findings about a text.
func checked(text, name string) diag.List {
	prog, diags := check.LoadText(map[string]string{name + ".tile": text})
	if diags.HasErrors() {
		return diags
	}
	_, list := prog.Packages[0].Kernels[0].Instantiate(check.Bindings{})
	return append(diags, list...)
}

// printer writes a text.
type printer struct {
	Source
	fn       *ir.Func
	b        strings.Builder
	line     int // being written, from 1
	indent   int
	lines    map[int][]*ir.Op // what accesses tensors there
	unproven map[*ir.Op]bool

	names map[*ir.Value]string
	taken map[string]bool
	uses  map[*ir.Value]int
	user  map[*ir.Value]*ir.Op // the last
	// pending are values that stand in no statement yet: they are written where they are used.
	pending []pending
	inline  map[*ir.Value]written
	// pins are the tiles to pin; loads are those that are read from channels.
	pins  map[*ir.Value]bool
	loads map[*ir.Op]*channel
	// ahead are these loads, skip what only says where their rows lie: it stands where slots are filled.
	ahead, skip map[*ir.Op]bool
	funcs       strings.Builder
}

// pending is the text of a value.
type pending struct {
	v *ir.Value
	written
}

// channel is a load that is copied ahead: the names of the channel, and of the slot that a step takes.
type channel struct{ name, slot string }

func newPrinter(s Source, unproven map[*ir.Op]bool) *printer {
	p := &printer{Source: s, fn: s.Derived.Func, line: 1, lines: map[int][]*ir.Op{}, unproven: unproven, names: map[*ir.Value]string{}, taken: map[string]bool{},
		uses: map[*ir.Value]int{}, user: map[*ir.Value]*ir.Op{}, inline: map[*ir.Value]written{}, pins: map[*ir.Value]bool{}, loads: map[*ir.Op]*channel{},
		ahead: map[*ir.Op]bool{}, skip: map[*ir.Op]bool{}}
	for _, w := range reserved {
		p.taken[w] = true
	}
	p.taken[p.fn.Name] = true
	p.leaveOut()
	p.fn.Walk(func(o *ir.Op) {
		if p.ahead[o] || p.skip[o] {
			return
		}
		for _, v := range o.Operands {
			p.uses[v]++
			p.user[v] = o
		}
	})
	p.choosePins()
	return p
}

// leaveOut finds what is written where slots are filled, and nowhere else.
func (p *printer) leaveOut() {
	uses := map[*ir.Value]int{}
	count := func(o *ir.Op, by int) {
		for _, v := range slices.Concat(o.Operands, o.Axes) {
			uses[v] += by
		}
	}
	p.fn.Walk(func(o *ir.Op) { count(o, 1) })
	var sources [][]*ir.Op
	for _, list := range p.Derived.Channels {
		for _, g := range list {
			for _, o := range g.Loads {
				p.ahead[o] = true
				count(o, -1)
			}
			sources = append(sources, g.Slices...)
		}
	}
	for again := true; again; {
		again = false
		for _, list := range sources {
			for _, o := range list {
				if v := o.Result(); !p.skip[o] && uses[v] == 0 && v.Type.Kind != ir.Span {
					p.skip[o], again = true, true
					count(o, -1)
				}
			}
		}
	}
}

// say writes a line.
func (p *printer) say(text string, args ...any) {
	p.b.WriteString(strings.Repeat("    ", p.indent))
	fmt.Fprintf(&p.b, text, args...)
	p.b.WriteByte('\n')
	p.line++
}

// open writes a line that ends with a brace, and close the brace.
func (p *printer) open(text string, args ...any) {
	p.say(text+" {", args...)
	p.indent++
}

func (p *printer) close() {
	p.indent--
	p.say("}")
}

// fail gives up.
func (p *printer) fail(o *ir.Op, format string, args ...any) {
	panic(&Unsaid{What: fmt.Sprintf(format, args...), Pos: o.Pos})
}

// fresh is a name that nothing has.
func (p *printer) fresh(base string) string {
	var b strings.Builder
	for _, r := range base {
		if unicode.IsLetter(r) || r == '_' || b.Len() > 0 && unicode.IsDigit(r) {
			b.WriteRune(r)
		}
	}
	base = strings.TrimRight(b.String(), "0123456789_")
	if base == "" {
		base = "v"
	}
	if r := []rune(base); unicode.IsUpper(r[0]) {
		base = strings.ToLower(base)
	}
	name := base
	for i := 1; p.taken[name]; i++ {
		name = fmt.Sprint(base, i)
	}
	p.taken[name] = true
	return name
}

// file writes the whole text.
func (p *printer) file() {
	fn := p.fn
	p.say("package %s", p.Package)
	p.say("")
	p.say("// What the compiler derived for %s of %s.", p.Target, fn.Name)
	for i, s := range fn.Sizes {
		p.names[fn.SizeArg(i)] = s.Name
		p.taken[s.Name] = true
	}
	var in, out []string
	for i, q := range fn.Params {
		name := q.Name
		p.taken[name] = true
		p.names[fn.ParamArg(i)] = name
		text := name + " " + p.paramType(q)
		switch {
		case q.Role == ir.InOut:
			text = "inout " + text
			fallthrough
		case q.Role == ir.In:
			if len(out) == 0 {
				in = append(in, text)
				continue
			}
		}
		out = append(out, text)
	}
	p.open("kernel %s(%s) (%s)", fn.Name, strings.Join(in, ", "), strings.Join(out, ", "))
	for _, s := range fn.Sizes {
		if s.Def != nil && token.IsIdentifier(s.Name) && p.named(s.Def) {
			p.say("require %s == %s", s.Name, p.dim(s.Def))
		}
	}
	p.region(fn.Body, nil)
	p.close()
	p.say("")
	p.schedule()
	if p.funcs.Len() > 0 {
		p.b.WriteByte('\n')
		p.b.WriteString(p.funcs.String())
	}
}

// named reports whether all sizes of an expression have names: that of a whole extent such as S+1 defines S by itself.
func (p *printer) named(d *ir.Dim) bool {
	switch d.Op {
	case ir.DimConst:
		return true
	case ir.DimSize:
		return token.IsIdentifier(p.fn.Sizes[d.Size].Name)
	}
	return p.named(d.X) && p.named(d.Y)
}

func (p *printer) paramType(q *ir.Param) string {
	t := q.Type
	if t.Kind != ir.Tensor {
		return t.Elem.String()
	}
	text := t.Elem.String() + p.dims(t.Dims)
	switch {
	case t.Mem == ir.Strided:
		text += " strided"
	case t.Mem == ir.Packed && t.PackName != "":
		text += " packed(" + t.PackName + ")"
	case t.Mem == ir.Packed:
		text += " packed"
	}
	return text
}

func (p *printer) dims(list []*ir.Dim) string {
	var parts []string
	for _, d := range list {
		parts = append(parts, p.dim(d))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func (p *printer) dim(d *ir.Dim) string {
	two := func(sign string) string { return "(" + p.dim(d.X) + sign + p.dim(d.Y) + ")" }
	call := func(name string) string { return name + "(" + p.dim(d.X) + ", " + p.dim(d.Y) + ")" }
	switch d.Op {
	case ir.DimConst:
		return fmt.Sprint(d.K)
	case ir.DimSize:
		return p.fn.Sizes[d.Size].Name
	case ir.DimAdd:
		return two(" + ")
	case ir.DimSub:
		return two(" - ")
	case ir.DimMul:
		return two(" * ")
	case ir.DimDiv:
		return two(" / ")
	case ir.DimMod:
		return two(" % ")
	case ir.DimMin:
		return call("min")
	case ir.DimMax:
		return call("max")
	}
	return call("cdiv")
}

// schedule writes the words of the schedule.
func (p *printer) schedule() {
	p.open("schedule %s", p.fn.Name)
	p.say("default { }")
	var plain []string
	phases := map[string][]string{}
	var order []string
	for _, w := range p.Words {
		text := w.Name
		switch {
		case w.Value == "":
		case unicode.IsDigit(rune(w.Value[0])):
			text += " = " + w.Value
		default:
			text += " " + w.Value
		}
		if w.Phase == "" {
			plain = append(plain, text)
			continue
		}
		if !slices.Contains(order, w.Phase) {
			order = append(order, w.Phase)
		}
		phases[w.Phase] = append(phases[w.Phase], text)
	}
	for _, name := range order {
		plain = append(plain, name+" { "+strings.Join(phases[name], ", ")+" }")
	}
	if len(plain) > 0 {
		p.say("%s { %s }", p.Target, strings.Join(plain, ", "))
	}
	p.close()
}

// reserved are words that no variable is called: keywords, and names that statements of the text may need.
var reserved = strings.Fields(`package import const func kernel schedule test bench parallel for while where if else axis temp require expect
	return break continue role turn shared pin chan asm in by inout peer packed strided type as bits scaled within unchecked skip on layout of else
	inf nan lowest highest log2e pi true false default tune
	sum prod max min mean any all argmax argmin last maxnan minnan cumsum cumprod cummax scan topk sort cat dot popcount bit pack unpack clz ctz rotl
	select clamp abs sqrt rsqrt recip exp exp2 log log2 sin cos tanh erf sigmoid none relu gelu silu softplus floor ceil rint trunc pow fma copysign
	ldexp exponent isnan finite cdiv wide bitsof rand uniform normal atomic print assert acquire commit take release signal wait rank same edges
	bool f64 f32 tf32 f16 bf16 lo hi register lane warp block digits replica local spatial warps blocks randn zeros ones iota randint randcode full randperm`)
