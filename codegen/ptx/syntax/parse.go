package syntax

import (
	"fmt"
	"math"
	"strings"

	"github.com/tilec/tilec/codegen/ptx"
)

// Bounds on what a text may ask for.
const (
	maxText    = 64 << 20
	maxErrors  = 20
	maxVarSize = 1 << 40
	maxInit    = 1 << 24 // elements of initialisers
	maxScopes  = maxDepth
)

// Parse reads a module. The error is Errors, in the order of the text.
func Parse(text string) (*Module, error) {
	p := &parser{lexer: lexer{src: text, line: 1}, mod: &Module{Files: map[int]string{}}}
	if len(text) > maxText {
		return nil, Errors{{Pos{1, 1}, fmt.Sprintf("the text has %d bytes, %d are the most that is read", len(text), maxText)}}
	}
	p.globals = &scope{names: map[string]any{}}
	p.scope = p.globals
	p.next()
	if p.try(p.header, false) {
		for p.tok.kind != endToken && len(p.errs) < maxErrors {
			p.try(p.topLevel, true)
		}
	}
	if len(p.errs) > 0 {
		return nil, p.errs
	}
	return p.mod, nil
}

type parser struct {
	lexer
	tok     token
	errs    Errors
	mod     *Module
	globals *scope
	scope   *scope
	fn      *Func
	loc     Loc
	inits   int
}

// scope maps names to *Var, *Func, regDecl, regRange and *label.
type scope struct {
	up     *scope
	names  map[string]any
	ranges []regRange
	labels map[string]int
	uses   []labelUse
	depth  int
}

type labelUse struct {
	name string
	pos  Pos
	set  func(at int)
}

// regRange is %r<n>.
type regRange struct {
	prefix string
	count  uint64
	t      ptx.Type
}

type regDecl struct {
	t  ptx.Type
	id int // in Func.Regs, -1 before the first use
}

type bailout struct{}

// fail records an error and leaves the statement.
func (p *parser) fail(pos Pos, format string, args ...any) {
	p.note(pos, format, args...)
	panic(bailout{})
}

// note records an error; reading goes on.
func (p *parser) note(pos Pos, format string, args ...any) {
	if len(p.errs) < maxErrors {
		p.errs = append(p.errs, &Error{pos, fmt.Sprintf(format, args...)})
	}
}

// try runs a part of the parser, which may fail; then, with recover, it goes on behind the next semicolon or brace.
func (p *parser) try(part func(), resume bool) (ok bool) {
	defer func() {
		if r := recover(); r != nil {
			if _, mine := r.(bailout); !mine {
				panic(r)
			}
			ok = false
			for resume && p.tok.kind != endToken && !p.is("}") && !p.is("{") {
				semi := p.is(";")
				p.next()
				if semi {
					return
				}
			}
		}
	}()
	part()
	return true
}

func (p *parser) next() { p.tok = p.lexer.next() }

func (p *parser) is(symbol string) bool { return p.tok.kind == symbolToken && p.tok.text == symbol }

func (p *parser) isDot(word string) bool { return p.tok.kind == dotToken && p.tok.text == word }

// accept takes the symbol where it stands.
func (p *parser) accept(symbol string) bool {
	if p.is(symbol) {
		p.next()
		return true
	}
	return false
}

func (p *parser) expect(symbol string) {
	if !p.accept(symbol) {
		p.fail(p.tok.pos, "%s where %q is expected", p.tok.describe(), symbol)
	}
}

func (p *parser) word(what string) token {
	t := p.tok
	if t.kind != wordToken {
		p.fail(t.pos, "%s where %s is expected", t.describe(), what)
	}
	p.next()
	return t
}

// count reads an integer constant expression between lo and hi.
func (p *parser) count(what string, lo, hi int64) int64 {
	pos := p.tok.pos
	c := p.expression(0)
	if c.float || c.unsigned && c.bits > math.MaxInt64 || int64(c.bits) < lo || int64(c.bits) > hi {
		p.fail(pos, "%s must be an integer from %d to %d", what, lo, hi)
	}
	return int64(c.bits)
}

// header reads .version, .target and .address_size.
func (p *parser) header() {
	if !p.isDot(".version") {
		p.fail(p.tok.pos, "%s where .version is expected", p.tok.describe())
	}
	p.next()
	var major, minor int
	t := p.tok
	if n, err := fmt.Sscanf(t.text, "%d.%d", &major, &minor); t.kind != floatToken || n != 2 || err != nil || t.text != fmt.Sprintf("%d.%d", major, minor) {
		p.fail(t.pos, "%s is no version: 8.5 and the like are", t.describe())
	}
	p.mod.Version = ptx.Version(10*major + minor)
	if v := p.mod.Version; v < ptx.OldestVersion || v > ptx.NewestVersion || minor > 9 {
		p.fail(t.pos, ".version %s is not read: %s to %s are", t.text, ptx.OldestVersion, ptx.NewestVersion)
	}
	p.next()
	if !p.isDot(".target") {
		p.fail(p.tok.pos, "%s where .target is expected", p.tok.describe())
	}
	p.next()
	t = p.word("a processor")
	target, err := ptx.ParseTarget(t.text)
	if err != nil {
		p.fail(t.pos, "%s", err)
	}
	if err := target.CheckVersion(p.mod.Version); err != nil {
		p.fail(t.pos, "%s", err)
	}
	p.mod.Target = target
	for p.accept(",") {
		if t := p.word("debug"); t.text != "debug" && t.text != "texmode_unified" && t.text != "texmode_independent" {
			p.fail(t.pos, "%s is no option of .target that is read: debug is", t.describe())
		}
	}
	if !p.isDot(".address_size") {
		p.fail(p.tok.pos, "%s where .address_size 64 is expected: addresses of 32 bits are not read", p.tok.describe())
	}
	p.next()
	if t := p.tok; t.kind != intToken || t.text != "64" {
		p.fail(t.pos, ".address_size must be 64")
	}
	p.next()
}

// topLevel reads one declaration, function or directive of the module.
func (p *parser) topLevel() {
	t := p.tok
	if t.kind != dotToken {
		if t.kind == symbolToken && (t.text == "}" || t.text == "{") {
			p.next()
		}
		p.fail(t.pos, "%s where a directive is expected", t.describe())
	}
	linkage := ""
	switch t.text {
	case ".visible", ".extern", ".weak", ".common":
		linkage = t.text
		p.next()
	}
	switch t := p.tok; t.text {
	case ".entry", ".func":
		p.function(linkage)
	case ".global", ".const", ".shared", ".local", ".param", ".tex":
		if t.text == ".tex" || t.text == ".param" || t.text == ".local" {
			p.fail(t.pos, "variables of the module in %s are not read", t.text)
		}
		p.variables(linkage)
	case ".file":
		p.next()
		n := p.count("the number of a file", 0, math.MaxInt32)
		if p.tok.kind != stringToken {
			p.fail(p.tok.pos, "%s where a file's name is expected", p.tok.describe())
		}
		p.mod.Files[int(n)] = p.tok.text
		p.next()
		for p.accept(",") { // time and size
			p.count("a file's time or size", 0, math.MaxInt64)
		}
	case ".section":
		p.section()
	case ".pragma":
		p.pragma()
	default:
		p.fail(t.pos, "%s is no directive that is read here", t.describe())
	}
}

// section skips .section .name { … }, which debuggers read.
func (p *parser) section() {
	p.next()
	if p.tok.kind != dotToken && p.tok.kind != wordToken {
		p.fail(p.tok.pos, "%s where a section's name is expected", p.tok.describe())
	}
	p.next()
	p.expect("{")
	for !p.is("}") {
		if p.tok.kind == endToken {
			p.fail(p.tok.pos, "the section has no }")
		}
		p.next()
	}
	p.next()
}

func (p *parser) pragma() string {
	p.next()
	t := p.tok
	if t.kind != stringToken {
		p.fail(t.pos, "%s where a string is expected", t.describe())
	}
	p.next()
	for p.accept(",") {
		if p.tok.kind != stringToken {
			p.fail(p.tok.pos, "%s where a string is expected", p.tok.describe())
		}
		p.next()
	}
	p.expect(";")
	return t.text
}

func (p *parser) declare(t token, what any) {
	if _, twice := p.scope.names[t.text]; twice {
		p.fail(t.pos, "%s is declared twice", t.text)
	}
	p.scope.names[t.text] = what
}

// variables reads `.global .align 16 .v2 .f32 a[4], b = 1;` behind the linkage.
func (p *parser) variables(linkage string) {
	space := p.tok
	p.next()
	add := func(v *Var) {
		if p.fn == nil {
			p.mod.Vars = append(p.mod.Vars, v)
		} else {
			p.fn.Vars = append(p.fn.Vars, v)
		}
	}
	v := p.variable(space.text, linkage)
	add(v)
	for p.accept(",") {
		w := *v
		w.Pos, w.Init = p.tok.pos, nil
		p.declarator(&w)
		add(&w)
	}
	p.expect(";")
}

// variable reads alignment, type and the first name.
func (p *parser) variable(space, linkage string) *Var {
	v := &Var{Space: space, Linkage: linkage, Vector: 1, Pos: p.tok.pos}
	align := int64(0)
	for {
		t := p.tok
		if t.kind != dotToken {
			p.fail(t.pos, "%s where a type is expected", t.describe())
		}
		p.next()
		switch t.text {
		case ".align":
			align = p.count("an alignment", 1, 1<<20)
			if align&(align-1) != 0 {
				p.fail(t.pos, ".align %d is no power of two", align)
			}
			continue
		case ".v2":
			v.Vector = 2
			continue
		case ".v4":
			v.Vector = 4
			continue
		case ".attribute":
			p.expect("(")
			if !p.isDot(".managed") {
				p.fail(p.tok.pos, "%s is no attribute that is read", p.tok.describe())
			}
			p.next()
			p.expect(")")
			continue
		case ".ptr": // .param .u64 .ptr .global .align 16 p
			continue
		}
		v.Type = ptx.ParseType(t.text)
		if !v.Type.Declarable() || v.Type == ptx.Pred && space != ".reg" {
			p.fail(t.pos, "%s is no type of a variable", t.text)
		}
		break
	}
	for space == ".param" && p.isDot(".ptr") {
		p.next()
		for p.isDot(".global") || p.isDot(".shared") || p.isDot(".const") || p.isDot(".local") || p.isDot(".align") {
			isAlign := p.isDot(".align")
			p.next()
			if isAlign {
				p.count("an alignment", 1, 1<<20)
			}
		}
	}
	if v.Vector*v.Type.Bits() > 128 {
		p.fail(v.Pos, ".v%d of %s has more than 128 bits", v.Vector, v.Type)
	}
	natural := max(1, int64(v.Vector*v.Type.Bits()/8)) // a predicate parameter counts as a byte
	v.Align = max(align, natural)
	if align != 0 && align < natural {
		p.fail(v.Pos, ".align %d is less than the %d bytes of an element", align, natural)
	}
	p.declarator(v)
	return v
}

// declarator reads a name, its dimensions and its initialiser.
func (p *parser) declarator(v *Var) {
	t := p.word("a variable's name")
	v.Name, v.Pos = t.text, t.pos
	element := max(1, int64(v.Vector*v.Type.Bits()/8))
	count, open := int64(1), false
	for dims := 0; p.accept("["); dims++ {
		if p.accept("]") {
			if dims > 0 {
				p.fail(t.pos, "only the first dimension of %s may be left out", v.Name)
			}
			open = true
			continue
		}
		n := p.count("a dimension", 0, maxVarSize)
		p.expect("]")
		if n > 0 && count > maxVarSize/n {
			p.fail(t.pos, "%s has more than %d elements", v.Name, int64(maxVarSize))
		}
		count *= n
	}
	if count > maxVarSize/element {
		p.fail(t.pos, "%s has more than %d bytes", v.Name, int64(maxVarSize))
	}
	v.Size = count * element
	if p.is("=") {
		if v.Space != ".global" && v.Space != ".const" {
			p.fail(p.tok.pos, "a variable in %s cannot have an initial value", v.Space)
		}
		p.next()
		at := int64(0)
		p.initialiser(v, &at, open, 0)
		if open {
			v.Size = at
			open = false
		}
	}
	if open {
		if v.Linkage != ".extern" && v.Space != ".param" || p.fn != nil {
			p.fail(t.pos, "%s has no size: only an .extern array of the module may be without", v.Name)
		}
		v.Size = -1
	}
	p.declare(t, v)
}

// initialiser reads a constant, the address of a variable or a list in braces.
func (p *parser) initialiser(v *Var, at *int64, open bool, depth int) {
	if p.accept("{") {
		p.deeper(depth)
		for !p.accept("}") {
			p.initialiser(v, at, open, depth+1)
			if !p.accept(",") {
				p.expect("}")
				return
			}
		}
		return
	}
	size := int64(v.Type.Bits() / 8)
	if p.inits++; p.inits > maxInit {
		p.fail(p.tok.pos, "more than %d initial values", maxInit)
	}
	pos := p.tok.pos
	if !open && *at+size > v.Size {
		p.fail(pos, "%s has more initial values than elements", v.Name)
	}
	in := InitValue{Offset: *at}
	if p.tok.kind == wordToken && p.tok.text != "WARP_SZ" {
		t := p.word("a variable")
		if t.text == "generic" {
			p.expect("(")
			t = p.word("a variable")
			p.expect(")")
		}
		w, ok := p.globals.names[t.text].(*Var)
		if !ok {
			p.fail(t.pos, "%s is no variable of the module", t.text)
		}
		if size != 8 {
			p.fail(t.pos, "an address has 8 bytes, an element of %s %d", v.Name, size)
		}
		in.Var = w
		if p.accept("+") {
			in.Bits = p.expression(0).bits
		}
	} else {
		c := p.expression(0)
		bits, err := c.as(v.Type)
		if err != "" {
			p.fail(pos, "%s", err)
		}
		in.Bits = bits
	}
	v.Init = append(v.Init, in)
	*at += size
}

// as is the constant's bits in type t, or what is wrong with it.
func (c constant) as(t ptx.Type) (uint64, string) {
	mask := ^uint64(0)
	if n := t.Bits(); n < 64 {
		mask = 1<<n - 1
	}
	if !c.float {
		if t.Class() == ptx.FloatClass || t.Class() == ptx.PackedClass {
			return 0, fmt.Sprintf("an integer constant where one of type %s is expected", t)
		}
		return c.bits & mask, ""
	}
	switch {
	case t == ptx.F32 && c.floatBits == 32, t == ptx.F64 && c.floatBits == 64, t.Class() == ptx.BitsClass && c.floatBits == t.Bits():
		return c.bits, ""
	case t == ptx.F32 || t == ptx.B32:
		return uint64(math.Float32bits(float32(c.value()))), ""
	case t == ptx.F64 || t == ptx.B64:
		return math.Float64bits(c.value()), ""
	}
	return 0, fmt.Sprintf("a floating-point constant where one of type %s is expected", t)
}

// function reads .entry or .func with its body.
func (p *parser) function(linkage string) {
	f := &Func{Entry: p.tok.text == ".entry", Linkage: linkage, Pos: p.tok.pos, LabelPos: map[string]int{}}
	p.next()
	outer := p.scope
	p.scope = &scope{up: outer, names: map[string]any{}, labels: f.LabelPos, depth: 1}
	p.fn = f
	defer func() { p.fn, p.scope, p.loc = nil, outer, Loc{} }()
	if p.is("(") {
		if f.Entry {
			p.fail(p.tok.pos, "a kernel has no result")
		}
		f.Returns = p.parameters()
	}
	t := p.word("a function's name")
	f.Name = t.text
	if old, ok := outer.names[t.text]; ok {
		if g, ok := old.(*Func); !ok || g.HasBody || g.Entry != f.Entry {
			p.fail(t.pos, "%s is declared twice", t.text)
		}
	}
	outer.names[t.text] = f
	if p.is("(") {
		f.Params = p.parameters()
	}
	at := int64(0)
	for _, v := range f.Params {
		at = (at + v.Align - 1) &^ (v.Align - 1)
		v.Offset = at
		at += max(v.Size, 0)
	}
	if f.Entry && at > 32764 {
		p.fail(f.Pos, "the parameters of %s have %d bytes, 32764 are the most", f.Name, at)
	}
	p.tuning(f)
	p.mod.Funcs = append(p.mod.Funcs, f)
	if p.accept(";") {
		return
	}
	if !p.is("{") {
		p.fail(p.tok.pos, "%s where the body of %s is expected", p.tok.describe(), f.Name)
	}
	f.HasBody = true
	p.next()
	p.body()
	p.closeScope(p.scope)
}

func (p *parser) parameters() []*Var {
	p.expect("(")
	var list []*Var
	for !p.accept(")") {
		switch {
		case p.isDot(".param"):
		case p.isDot(".reg") && !p.fn.Entry:
		default:
			p.fail(p.tok.pos, "%s where .param is expected", p.tok.describe())
		}
		space := p.tok.text
		p.next()
		v := p.variable(space, "")
		if v.Size < 0 {
			p.fail(v.Pos, "parameter %s has no size", v.Name)
		}
		if v.Space == ".reg" {
			p.scope.names[v.Name] = &regDecl{t: v.Type, id: -1}
		}
		list = append(list, v)
		if !p.accept(",") {
			p.expect(")")
			break
		}
	}
	return list
}

// tuning reads what stands between the parameters and the body.
func (p *parser) tuning(f *Func) {
	three := func(to *[3]int) {
		*to = [3]int{1, 1, 1}
		for i := range 3 {
			to[i] = int(p.count("an extent", 1, 1<<31-1))
			if !p.accept(",") {
				return
			}
		}
		p.fail(p.tok.pos, "at most three extents")
	}
	for p.tok.kind == dotToken {
		t := p.tok
		if t.text == ".pragma" {
			f.Pragmas = append(f.Pragmas, p.pragma())
			continue
		}
		p.next()
		switch t.text {
		case ".maxntid":
			three(&f.MaxNTid)
		case ".reqntid":
			three(&f.ReqNTid)
		case ".minnctapersm", ".maxnctapersm":
			f.MinNCTA = int(p.count("a number of blocks", 0, 1<<31-1))
		case ".maxnreg":
			f.MaxNReg = int(p.count("a number of registers", 0, 1<<31-1))
		case ".reqnctapercluster":
			p.since(t, 78, 90)
			three(&f.Cluster)
		case ".maxclusterrank":
			p.since(t, 78, 90)
			p.count("a number of blocks", 1, 1<<31-1)
		case ".explicitcluster":
			p.since(t, 78, 90)
		case ".noreturn", ".blocksareclusters":
		default:
			p.fail(t.pos, "%s is no directive of a function that is read", t.text)
		}
	}
}

// since says that the text's version or processor lacks a directive.
func (p *parser) since(t token, v ptx.Version, sm int) {
	switch {
	case p.mod.Version < v:
		p.fail(t.pos, "%s needs .version %s, the text says %s", t.text, v, p.mod.Version)
	case p.mod.Target.SM < sm:
		p.fail(t.pos, "%s needs sm_%d or later, the text is for %s", t.text, sm, p.mod.Target)
	}
}

// list joins words for a message: "a, b or c".
func list(words []string) string {
	switch n := len(words); n {
	case 0:
		return "nothing"
	case 1:
		return words[0]
	default:
		return strings.Join(words[:n-1], ", ") + " or " + words[n-1]
	}
}
