package syntax

import (
	"math"
	"strconv"
	"strings"

	"github.com/tilec/tilec/codegen/ptx"
)

// body reads statements to the closing brace of a function or of a block within.
func (p *parser) body() {
	for !p.is("}") {
		if p.tok.kind == endToken {
			p.fail(p.tok.pos, "the body of %s has no }", p.fn.Name)
		}
		if len(p.errs) >= maxErrors {
			panic(bailout{})
		}
		if !p.try(p.statement, true) && p.is("{") {
			p.next() // what could not be read may have been before a block; its statements are read as they stand
		}
	}
	p.next()
}

func (p *parser) statement() {
	t := p.tok
	switch t.kind {
	case dotToken:
		p.directive()
		return
	case symbolToken:
		switch t.text {
		case "{":
			p.block()
			return
		case "@":
			p.instruction()
			return
		}
	case wordToken:
		save, tok := p.lexer, p.tok
		p.next()
		if p.accept(":") {
			p.label(t)
			return
		}
		p.lexer, p.tok = save, tok
		p.instruction()
		return
	}
	p.fail(t.pos, "%s where an instruction, a label or a directive is expected", t.describe())
}

func (p *parser) block() {
	if p.scope.depth >= maxScopes {
		p.fail(p.tok.pos, "blocks are nested more than %d deep", maxScopes)
	}
	p.next()
	outer := p.scope
	inner := &scope{up: outer, names: map[string]any{}, labels: map[string]int{}, depth: outer.depth + 1}
	p.scope = inner
	defer func() { p.scope = outer }()
	p.body()
	p.closeScope(inner)
}

// closeScope gives labels their places; what is not in the scope is left to the one around it.
func (p *parser) closeScope(s *scope) {
	for _, u := range s.uses {
		switch at, ok := s.labels[u.name]; {
		case ok:
			u.set(at)
		case s.up != nil && s.up.labels != nil:
			s.up.uses = append(s.up.uses, u)
		default:
			p.note(u.pos, "there is no label %s", u.name)
		}
	}
}

func (p *parser) label(t token) {
	if p.isDot(".branchtargets") || p.isDot(".calltargets") || p.isDot(".callprototype") {
		p.labelList(t)
		return
	}
	if _, twice := p.scope.labels[t.text]; twice {
		p.fail(t.pos, "label %s stands twice", t.text)
	}
	p.scope.labels[t.text] = len(p.fn.Body)
}

// labelList reads `name: .branchtargets a, b;`.
func (p *parser) labelList(t token) {
	if !p.isDot(".branchtargets") {
		p.fail(p.tok.pos, "indirect calls are not read")
	}
	p.next()
	var names []token
	for {
		names = append(names, p.word("a label"))
		if !p.accept(",") {
			break
		}
	}
	p.expect(";")
	p.declare(t, names)
}

func (p *parser) directive() {
	t := p.tok
	switch t.text {
	case ".reg":
		p.registers()
	case ".shared", ".local", ".global", ".const", ".param":
		p.variables("")
	case ".loc":
		p.location()
	case ".pragma":
		p.fn.Pragmas = append(p.fn.Pragmas, p.pragma())
	default:
		p.fail(t.pos, "%s is no directive that is read here", t.text)
	}
}

// location reads .loc file line column, with what is inlined where.
func (p *parser) location() {
	p.next()
	var l Loc
	for _, to := range []*int{&l.File, &l.Line, &l.Col} {
		t := p.tok
		if t.kind != intToken {
			p.fail(t.pos, "%s where a number is expected", t.describe())
		}
		n, err := strconv.Atoi(t.text)
		if err != nil || n > math.MaxInt32 {
			p.fail(t.pos, "%s is no line", t.describe())
		}
		*to = n
		p.next()
	}
	for p.accept(",") {
		t := p.word("function_name or inlined_at")
		switch t.text {
		case "function_name":
			p.word("a label")
			if p.accept("+") {
				p.count("an offset", 0, math.MaxInt32)
			}
		case "inlined_at":
			for range 3 {
				p.count("a number", 0, math.MaxInt32)
			}
		default:
			p.fail(t.pos, "%s where function_name or inlined_at is expected", t.describe())
		}
	}
	p.loc = l
}

func (p *parser) registers() {
	p.next()
	t := p.tok
	if t.text == ".v2" || t.text == ".v4" {
		p.fail(t.pos, "registers of vector types are not read")
	}
	r := ptx.ParseType(t.text)
	if t.kind != dotToken || !r.Declarable() {
		p.fail(t.pos, "%s is no type of a register", t.describe())
	}
	if r == ptx.B128 && (p.mod.Version < 83 || p.mod.Target.SM < 70) {
		p.fail(t.pos, "registers of type .b128 need .version 8.3 and sm_70 or later")
	}
	p.next()
	for {
		name := p.word("a register's name")
		if p.accept("<") {
			t := p.tok
			c := p.unary(0) // no more: the > that follows is no operator
			if c.float || c.bits > math.MaxInt32 {
				p.fail(t.pos, "%s is no number of registers", t.describe())
			}
			n := c.bits
			p.expect(">")
			p.declare(token{pos: name.pos, text: name.text + "<>"}, nil)
			p.scope.ranges = append(p.scope.ranges, regRange{name.text, n, r})
		} else {
			p.declare(name, &regDecl{t: r, id: -1})
		}
		if !p.accept(",") {
			break
		}
	}
	p.expect(";")
}

// lookup finds a name in the scopes around; nil where there is none.
func (p *parser) lookup(name string) any {
	prefix := strings.TrimRight(name, "0123456789")
	digits := name[len(prefix):]
	for s := p.scope; s != nil; s = s.up {
		if d, ok := s.names[name]; ok {
			return d
		}
		if digits == "" || len(digits) > 1 && digits[0] == '0' {
			continue
		}
		// The prefix of a range may itself end in digits: %r1<4> declares %r10 to %r13.
		for _, r := range s.ranges {
			if rest, ok := strings.CutPrefix(name, r.prefix); ok && rest != "" && len(rest) <= len(digits) && (rest == "0" || rest[0] != '0') {
				if n, err := strconv.ParseUint(rest, 10, 64); err == nil && n < r.count {
					d := &regDecl{t: r.t, id: -1}
					s.names[name] = d
					return d
				}
			}
		}
	}
	return nil
}

func (p *parser) use(d *regDecl, name string) int {
	if d.id < 0 {
		d.id = len(p.fn.Regs)
		p.fn.Regs = append(p.fn.Regs, Reg{name, d.t})
	}
	return d.id
}

func (p *parser) instruction() {
	in := &Instr{Loc: p.loc}
	if p.accept("@") {
		g := &Guard{}
		g.Not = p.accept("!")
		t := p.word("a predicate")
		d, ok := p.lookup(t.text).(*regDecl)
		if !ok || d.t != ptx.Pred {
			p.fail(t.pos, "%s is no predicate that is declared", t.text)
		}
		g.Reg = p.use(d, t.text)
		in.Guard = g
	}
	t := p.word("an instruction")
	in.Pos, in.Opcode = t.pos, t.text
	var places []Pos
	for p.tok.kind == dotToken {
		in.Mods = append(in.Mods, p.tok.text)
		places = append(places, p.tok.pos)
		if len(places) > 32 {
			p.fail(p.tok.pos, "more than 32 modifiers")
		}
		p.next()
	}
	end := p.tok.pos
	if t.text == "call" {
		p.call(in)
	} else if !p.is(";") {
		for {
			in.Args = append(in.Args, p.operand())
			if len(in.Args) > 32 {
				p.fail(p.tok.pos, "more than 32 operands")
			}
			if !p.accept(",") {
				break
			}
		}
	}
	if !p.is(";") {
		p.fail(p.tok.pos, "%s where a comma or a semicolon is expected", p.tok.describe())
	}
	p.check(in, places, end)
	p.next()
	p.bindLabels(in)
	p.fn.Body = append(p.fn.Body, in)
}

// bindLabels asks for the places of the labels among the arguments, once the instruction stays where it is.
func (p *parser) bindLabels(in *Instr) {
	for i := range in.Args {
		o := &in.Args[i]
		switch o.Kind {
		case LabelOperand:
			p.scope.uses = append(p.scope.uses, labelUse{o.Name, o.Pos, func(at int) { o.Target = at }})
		case ListOperand:
			names, _ := p.lookup(o.Name).([]token)
			o.Targets = make([]int, len(names))
			for k, n := range names {
				p.scope.uses = append(p.scope.uses, labelUse{n.text, n.pos, func(at int) { o.Targets[k] = at }})
			}
		}
	}
}

// call reads `(ret), name, (args)` as one FuncOperand.
func (p *parser) call(in *Instr) {
	group := func() []Operand {
		var list []Operand
		p.expect("(")
		for !p.accept(")") {
			list = append(list, p.operand())
			if !p.accept(",") {
				p.expect(")")
				break
			}
		}
		return list
	}
	o := Operand{Kind: FuncOperand, Pos: p.tok.pos}
	if p.is("(") {
		o.Elems = group()
		p.expect(",")
	}
	t := p.word("a function")
	f, ok := p.globals.names[t.text].(*Func)
	if !ok || f.Entry {
		p.fail(t.pos, "%s is no function that is declared", t.text)
	}
	o.Callee, o.Name = f, t.text
	returns := len(o.Elems)
	if p.accept(",") {
		o.Elems = append(o.Elems, group()...)
	}
	if returns != len(f.Returns) || len(o.Elems)-returns != len(f.Params) {
		p.fail(t.pos, "%s has %d results and %d parameters, %d and %d are given", t.text, len(f.Returns), len(f.Params), returns, len(o.Elems)-returns)
	}
	in.Args = append(in.Args, o)
}

// operand reads what can stand between commas.
func (p *parser) operand() Operand {
	t := p.tok
	o := Operand{Pos: t.pos}
	switch {
	case p.is("{"):
		o.Kind, o.Elems = VectorOperand, p.elements()
	case p.is("["):
		p.address(&o)
	case p.is("!"):
		save, tok := p.lexer, p.tok
		p.next()
		if d, ok := p.lookup(p.tok.text).(*regDecl); ok && p.tok.kind == wordToken {
			if d.t != ptx.Pred {
				p.fail(t.pos, "only a predicate can be negated")
			}
			o.Not, o.Kind, o.Reg = true, RegOperand, p.use(d, p.tok.text)
			p.next()
			return o
		}
		p.lexer, p.tok = save, tok
		p.constantOperand(&o)
	case t.kind == wordToken && t.text != "WARP_SZ":
		p.named(&o)
	default:
		p.constantOperand(&o)
	}
	if p.accept("|") {
		q := Operand{Pos: p.tok.pos}
		p.named(&q)
		o.Pair = &q
	}
	return o
}

func (p *parser) constantOperand(o *Operand) {
	c := p.expression(0)
	o.Kind, o.Bits, o.FloatBits = IntOperand, c.bits, c.floatBits
	if c.float {
		o.Kind = FloatOperand
	}
}

func (p *parser) elements() []Operand {
	p.expect("{")
	var list []Operand
	for {
		t := p.tok
		o := Operand{Pos: t.pos}
		if t.kind == wordToken && t.text != "WARP_SZ" {
			p.named(&o)
		} else {
			p.constantOperand(&o)
		}
		list = append(list, o)
		if len(list) > 256 {
			p.fail(p.tok.pos, "more than 256 elements")
		}
		if !p.accept(",") {
			break
		}
	}
	p.expect("}")
	return list
}

// named reads a register, a variable with an offset, a special register, a label or _.
func (p *parser) named(o *Operand) {
	t := p.word("an operand")
	o.Name = t.text
	if t.text == "_" {
		o.Kind = SinkOperand
		return
	}
	switch d := p.lookup(t.text).(type) {
	case *regDecl:
		o.Kind, o.Reg = RegOperand, p.use(d, t.text)
		return
	case *Var:
		o.Kind, o.Var = VarOperand, d
		if p.accept("+") {
			o.Offset = int64(p.expression(0).bits)
		}
		return
	case *Func:
		o.Kind, o.Callee = FuncOperand, d
		return
	case []token:
		o.Kind = ListOperand
		return
	}
	if t.text[0] == '%' {
		s, ok := specials[t.text]
		if !ok {
			p.fail(t.pos, "register %s is not declared", t.text)
		}
		o.Kind = SpecialOperand
		if s.components {
			if c := p.tok; c.kind == dotToken && (c.text == ".x" || c.text == ".y" || c.text == ".z") {
				o.Name += c.text
				p.next()
			} else {
				p.fail(t.pos, "%s has the components .x, .y and .z: one of them must be named", t.text)
			}
		}
		switch {
		case p.mod.Target.SM < s.sm:
			p.fail(t.pos, "%s needs sm_%d or later, the text is for %s", t.text, s.sm, p.mod.Target)
		case p.mod.Version < s.version:
			p.fail(t.pos, "%s needs .version %s, the text says %s", t.text, s.version, p.mod.Version)
		}
		return
	}
	o.Kind = LabelOperand
}

// address reads [register + n], [variable + n], [n] and [register, {coordinates}].
func (p *parser) address(o *Operand) {
	p.expect("[")
	o.Kind = AddressOperand
	base := Operand{Pos: p.tok.pos}
	if p.tok.kind == wordToken && p.tok.text != "WARP_SZ" {
		t := p.tok
		p.named(&base)
		switch base.Kind {
		case RegOperand:
			if p.accept("+") {
				o.Offset = int64(p.expression(0).bits)
			}
		case VarOperand:
			o.Offset, base.Offset = base.Offset, 0
		case LabelOperand:
			p.fail(t.pos, "%s is neither a register nor a variable that is declared", t.text)
		default:
			p.fail(t.pos, "%s is no address", t.describe())
		}
	} else {
		p.constantOperand(&base)
		if base.Kind == FloatOperand {
			p.fail(base.Pos, "a floating-point constant is no address")
		}
	}
	o.Elems = append(o.Elems, base)
	if p.accept(",") {
		o.Kind = TensorOperand
		if !p.is("{") {
			p.fail(p.tok.pos, "%s where the coordinates in braces are expected", p.tok.describe())
		}
		o.Elems = append(o.Elems, p.elements()...)
	}
	p.expect("]")
}

type special struct {
	t          ptx.Type
	components bool
	version    ptx.Version
	sm         int
}

// specials are the special registers, with the first version and processor that have them.
var specials = func() map[string]special {
	m := map[string]special{
		"%tid": {ptx.U32, true, 0, 0}, "%ntid": {ptx.U32, true, 0, 0}, "%ctaid": {ptx.U32, true, 0, 0}, "%nctaid": {ptx.U32, true, 0, 0},
		"%clusterid": {ptx.U32, true, 78, 90}, "%nclusterid": {ptx.U32, true, 78, 90},
		"%cluster_ctaid": {ptx.U32, true, 78, 90}, "%cluster_nctaid": {ptx.U32, true, 78, 90},
		"%cluster_ctarank": {ptx.U32, false, 78, 90}, "%cluster_nctarank": {ptx.U32, false, 78, 90},
		"%is_explicit_cluster": {ptx.Pred, false, 78, 90},
		"%gridid":              {ptx.U64, false, 0, 0}, "%clock64": {ptx.U64, false, 0, 0}, "%globaltimer": {ptx.U64, false, 0, 0},
	}
	for _, name := range []string{"laneid", "warpid", "nwarpid", "smid", "nsmid", "lanemask_eq", "lanemask_le", "lanemask_lt", "lanemask_ge", "lanemask_gt",
		"clock", "clock_hi", "globaltimer_lo", "globaltimer_hi", "dynamic_smem_size", "total_smem_size"} {
		m["%"+name] = special{ptx.U32, false, 0, 0}
	}
	m["%aggr_smem_size"] = special{ptx.U32, false, 81, 90}
	return m
}()
