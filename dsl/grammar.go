package dsl

import (
	"sync"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"
)

// grammar holds a participle parser for each rule that the first token of a
// declaration or statement chooses.
type grammar struct {
	imports  *participle.Parser[Import]
	consts   *participle.Parser[Const]
	funcs    *participle.Parser[Func]
	kernels  *participle.Parser[Kernel]
	tests    *participle.Parser[Test]
	generics *participle.Parser[Generic]
	params   *participle.Parser[Param]
	whiles   *participle.Parser[While]
	wheres   *participle.Parser[Where]
	axes     *participle.Parser[Axis]
	roles    *participle.Parser[Role]
	turns    *participle.Parser[Turn]
	pins     *participle.Parser[Pin]
	requires *participle.Parser[Require]
	expects  *participle.Parser[Expect]
}

// theGrammar builds the parsers at the first use.
var theGrammar = sync.OnceValue(func() *grammar {
	return &grammar{
		imports:  build[Import](),
		consts:   build[Const](),
		funcs:    build[Func](),
		kernels:  build[Kernel](),
		tests:    build[Test](),
		generics: build[Generic](),
		params:   build[Param](),
		whiles:   build[While](),
		wheres:   build[Where](),
		axes:     build[Axis](),
		roles:    build[Role](),
		turns:    build[Turn](),
		pins:     build[Pin](),
		requires: build[Require](),
		expects:  build[Expect](),
	}
})

func build[T any]() *participle.Parser[T] {
	return participle.MustBuild[T](
		participle.Lexer(definition{}),
		participle.UseLookahead(0),
		participle.ParseTypeWith(parseExpr),
		participle.ParseTypeWith(parseOperand),
		participle.ParseTypeWith(parseLimit),
	)
}

// read parses one rule and leaves what follows it.
func read[T any](p *participle.Parser[T], lex *lexer.PeekingLexer) (*T, error) {
	n, err := p.ParseFromLexer(lex, participle.AllowTrailing(true))
	if err != nil {
		return nil, err
	}
	return n, nil
}

// parseDecl reads the declaration that the keyword word begins; known tells
// whether there is one.
func parseDecl(lex *lexer.PeekingLexer, word string) (d Decl, known bool, err error) {
	g := theGrammar()
	switch word {
	case "import":
		d, err = read(g.imports, lex)
	case "const":
		d, err = read(g.consts, lex)
	case "func":
		d, err = read(g.funcs, lex)
	case "kernel":
		d, err = read(g.kernels, lex)
	case "test", "bench":
		d, err = read(g.tests, lex)
	case "schedule":
		d, err = parseSchedule(lex)
	default:
		return nil, false, nil
	}
	return d, true, err
}

// parseStmt reads one statement.
func parseStmt(lex *lexer.PeekingLexer) (Stmt, error) {
	first := lex.Peek()
	if first.Type != tokKeyword {
		return parseSimple(lex)
	}
	g := theGrammar()
	switch first.Value {
	case "parallel":
		return parseParallel(lex)
	case "for":
		return parseFor(lex)
	case "if":
		return parseIf(lex)
	case "while":
		return read(g.whiles, lex)
	case "where":
		return read(g.wheres, lex)
	case "axis":
		return read(g.axes, lex)
	case "temp":
		return parseTemp(lex)
	case "const":
		return read(g.consts, lex)
	case "role":
		return read(g.roles, lex)
	case "turn":
		return read(g.turns, lex)
	case "shared":
		return parseShared(lex)
	case "pin":
		return read(g.pins, lex)
	case "require":
		return read(g.requires, lex)
	case "expect":
		return read(g.expects, lex)
	case "return":
		return parseReturn(lex)
	case "break":
		return &Break{node{tokenSpan(lex.Next())}}, nil
	case "continue":
		return &Continue{node{tokenSpan(lex.Next())}}, nil
	}
	return parseSimple(lex)
}

// stmtRules is the grammar of the statements below and of schedule.go and
// recover.go, in the form of grammar.ebnf.
const stmtRules = `
File = "package" ident ";" { [ Import ] ";" } [ Decl ";" { [ Decl ] ";" } ] .
Decl = Const | Func | Kernel | Schedule | Test .
Generics = "[" GenericList "]" .
GenericList = Generic [ "," [ GenericList ] ] .
ParamList = "(" [ Params ] ")" .
Params = Param [ "," [ Params ] ] .
Block = "{" Stmts "}" .
Stmts = [ Stmt ] { ";" [ Stmt ] } .
Stmt = Parallel | For | While | Where | If | Axis | Temp | Const | Role | Turn | Shared | Pin | Require | Expect | Return | "break" | "continue" | Simple .
Simple = Expr [ { "," Expr } AssignOp Exprs | "<-" Expr ] .
AssignOp = ":=" | "=" | "+=" | "-=" | "*=" | "/=" | "%=" | "&=" | "|=" | "^=" | "<<=" | ">>=" .
Parallel = "parallel" ident ( ":" Bind | Over ) { "," Bind } Block .
Bind = ident Over .
Over = "in" Range [ "by" Expr ] .
Range = Expr [ ".." Expr ] .
For = "for" Idents Over Block .
If = "if" Expr Block [ "else" ( If | Block ) ] .
Temp = "temp" ident Elem Dims .
Shared = "shared" ident Elem Dims { Option } .
Option = ident Operand .
Return = "return" [ Exprs ] .
Idents = ident { "," ident } .
Schedule = "schedule" Idents "{" [ Section ] { ";" [ Section ] } "}" .
Section = ident "{" Entries "}" | "tune" "{" [ Choice ] { ";" [ Choice ] } "}" .
Entries = [ Entry ] { ( "," | ";" ) [ Entry ] } .
Entry = ident ( "{" Entries "}" | { ident } [ "=" Value | "in" ( ident | "shared" ) ] ) .
Value = Operand [ ident ] .
Choice = ident "in" Range { "," Range } .
`

// assignOp reports whether t assigns.
func assignOp(t *lexer.Token) bool {
	if t.Type != tokOp {
		return false
	}
	switch t.Value {
	case ":=", "=", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=":
		return true
	}
	return false
}

func parseSimple(lex *lexer.PeekingLexer) (Stmt, error) {
	first := lex.Peek()
	left, err := parseExprs(lex)
	if err != nil {
		return nil, err
	}
	op := lex.Peek()
	switch {
	case assignOp(op):
		lex.Next()
		right, err := parseExprs(lex)
		if err != nil {
			return nil, err
		}
		return &Assign{node{since(lex, first)}, left, op.Value, tokenSpan(op).Start, right}, nil
	case len(left) > 1:
		return nil, expected(op, "an assignment")
	case accept(lex, "<-"):
		x, err := parseExpr(lex)
		if err != nil {
			return nil, err
		}
		return &Send{node{since(lex, first)}, left[0], tokenSpan(op).Start, x}, nil
	}
	return &ExprStmt{node{since(lex, first)}, left[0]}, nil
}

func parseParallel(lex *lexer.PeekingLexer) (Stmt, error) {
	first := lex.Next()
	p := &Parallel{}
	start := lex.Peek()
	name, err := parseIdent(lex)
	if err != nil {
		return nil, err
	}
	if accept(lex, ":") {
		p.Name = name
		start = lex.Peek()
		if name, err = parseIdent(lex); err != nil {
			return nil, err
		}
	}
	for {
		b := &Bind{Name: name}
		if b.Lo, b.Hi, b.By, err = parseOver(lex); err != nil {
			return nil, err
		}
		b.span = since(lex, start)
		p.Binds = append(p.Binds, b)
		if !accept(lex, ",") {
			break
		}
		start = lex.Peek()
		if name, err = parseIdent(lex); err != nil {
			return nil, err
		}
	}
	if p.Body, err = parseBlock(lex); err != nil {
		return nil, err
	}
	p.span = since(lex, first)
	return p, nil
}

func parseFor(lex *lexer.PeekingLexer) (Stmt, error) {
	first := lex.Next()
	f := &For{}
	var err error
	if f.Names, err = parseIdents(lex); err != nil {
		return nil, err
	}
	if f.Lo, f.Hi, f.By, err = parseOver(lex); err != nil {
		return nil, err
	}
	if f.Body, err = parseBlock(lex); err != nil {
		return nil, err
	}
	f.span = since(lex, first)
	return f, nil
}

// parseOver reads `in lo..hi by step`; lo and step may be nil.
func parseOver(lex *lexer.PeekingLexer) (lo, hi, by Expr, err error) {
	if !accept(lex, "in") {
		return nil, nil, nil, expected(lex.Peek(), "`in`")
	}
	if lo, hi, err = parseRange(lex); err != nil {
		return nil, nil, nil, err
	}
	if accept(lex, "by") {
		by, err = parseExpr(lex)
	}
	return lo, hi, by, err
}

func parseRange(lex *lexer.PeekingLexer) (lo, hi Expr, err error) {
	if hi, err = parseExpr(lex); err != nil {
		return nil, nil, err
	}
	if accept(lex, "..") {
		lo = hi
		hi, err = parseExpr(lex)
	}
	return lo, hi, err
}

// parseIf reads an if and its chain of else. What is wrong behind an else
// becomes the Else, so that the blocks before it stay.
func parseIf(lex *lexer.PeekingLexer) (Stmt, error) {
	head, err := parseIfHead(lex)
	if err != nil {
		return nil, err
	}
	last := head
	for n := 1; accept(lex, "else"); n++ {
		start := lex.MakeCheckpoint()
		at := lex.Peek()
		var next *If
		switch {
		case n >= MaxNesting:
			err = fail("E0007", at, "an if has at most %d branches", MaxNesting)
		case is(lex, "if"):
			next, err = parseIfHead(lex)
		case is(lex, "{"):
			if last.Else, err = parseBlock(lex); err != nil {
				return nil, err
			}
		default:
			err = expected(at, "`if` or `{`")
		}
		if err != nil {
			last.Else = recoverStmt(lex, start, diagnose(err))
		}
		if next == nil {
			break
		}
		last.Else = next
		last = next
	}
	// Each If of the chain ends where the chain does.
	end := since(lex, lex.Peek())
	for i := head; i != nil; i, _ = i.Else.(*If) {
		i.span = i.span.To(end)
	}
	return head, nil
}

func parseIfHead(lex *lexer.PeekingLexer) (*If, error) {
	first := lex.Next()
	n := &If{}
	var err error
	if n.Cond, err = parseExpr(lex); err != nil {
		return nil, err
	}
	if n.Then, err = parseBlock(lex); err != nil {
		return nil, err
	}
	n.span = since(lex, first)
	return n, nil
}

func parseTemp(lex *lexer.PeekingLexer) (Stmt, error) {
	first := lex.Next()
	t := &Temp{}
	var err error
	if t.Name, err = parseIdent(lex); err != nil {
		return nil, err
	}
	if t.Type, err = parseType(lex, dimsNeeded); err != nil {
		return nil, err
	}
	t.span = since(lex, first)
	return t, nil
}

func parseShared(lex *lexer.PeekingLexer) (Stmt, error) {
	first := lex.Next()
	s := &Shared{}
	var err error
	if s.Name, err = parseIdent(lex); err != nil {
		return nil, err
	}
	if s.Type, err = parseType(lex, dimsNeeded); err != nil {
		return nil, err
	}
	if s.Options, err = parseOptions(lex); err != nil {
		return nil, err
	}
	s.span = since(lex, first)
	return s, nil
}

func parseReturn(lex *lexer.PeekingLexer) (Stmt, error) {
	first := lex.Next()
	r := &Return{}
	if t := lex.Peek(); !separator(t) && !is(lex, "}") && !t.EOF() {
		var err error
		if r.Values, err = parseExprs(lex); err != nil {
			return nil, err
		}
	}
	r.span = since(lex, first)
	return r, nil
}

func parseIdent(lex *lexer.PeekingLexer) (*Ident, error) {
	if lex.Peek().Type != tokIdent {
		return nil, expected(lex.Peek(), "a name")
	}
	return ident(lex.Next()), nil
}

func parseIdents(lex *lexer.PeekingLexer) ([]*Ident, error) {
	var list []*Ident
	for {
		n, err := parseIdent(lex)
		if err != nil {
			return nil, err
		}
		list = append(list, n)
		if !accept(lex, ",") {
			return list, nil
		}
	}
}

// The methods below let participle read by hand what a tag captures with @@.

// Parse reads a name.
func (n *Ident) Parse(lex *lexer.PeekingLexer) error {
	if lex.Peek().Type != tokIdent {
		return participle.NextMatch
	}
	*n = *ident(lex.Next())
	return nil
}

// Parse reads a string.
func (n *String) Parse(lex *lexer.PeekingLexer) error {
	if lex.Peek().Type != tokString {
		return participle.NextMatch
	}
	*n = *text(lex.Next())
	return nil
}

// Parse reads a type with the dimensions that follow it.
func (n *Type) Parse(lex *lexer.PeekingLexer) error {
	if t := lex.Peek().Type; t != tokIdent && t != tokWidth {
		return participle.NextMatch
	}
	t, err := parseType(lex, dimsOptional)
	if err == nil {
		*n = *t
	}
	return err
}

// Parse reads dimensions.
func (n *Dims) Parse(lex *lexer.PeekingLexer) error {
	if !is(lex, "[") {
		return participle.NextMatch
	}
	d, err := parseDims(lex)
	if err == nil {
		*n = *d
	}
	return err
}

// Parse reads an option.
func (n *Option) Parse(lex *lexer.PeekingLexer) error {
	first := lex.Peek()
	if first.Type != tokIdent {
		return participle.NextMatch
	}
	n.Word = ident(lex.Next())
	x, err := parseOperand(lex)
	if err != nil {
		return err
	}
	n.Value = x
	n.span = since(lex, first)
	return nil
}

// Parse reads a word behind a parameter's type.
func (n *ParamAttr) Parse(lex *lexer.PeekingLexer) error {
	first := lex.Peek()
	if !is(lex, "packed") && !is(lex, "strided") {
		return participle.NextMatch
	}
	n.Word = lex.Next().Value
	if open := lex.Peek(); n.Word == "packed" && accept(lex, "(") {
		var err error
		if n.Name, err = parseIdent(lex); err != nil {
			return err
		}
		if err = closing(lex, ")", open); err != nil {
			return err
		}
	}
	n.span = since(lex, first)
	return nil
}

// Parse reads generics in brackets.
func (n *Generics) Parse(lex *lexer.PeekingLexer) error {
	open := lex.Peek()
	if !accept(lex, "[") {
		return participle.NextMatch
	}
	for {
		g, err := read(theGrammar().generics, lex)
		if err != nil {
			return err
		}
		n.List = append(n.List, g)
		if !more(lex, "]") {
			break
		}
	}
	if err := closing(lex, "]", open); err != nil {
		return err
	}
	n.span = since(lex, open)
	return nil
}

// Parse reads parameters in parentheses.
func (n *ParamList) Parse(lex *lexer.PeekingLexer) error {
	open := lex.Peek()
	if !accept(lex, "(") {
		return participle.NextMatch
	}
	if !is(lex, ")") {
		for {
			p, err := read(theGrammar().params, lex)
			if err != nil {
				return err
			}
			n.List = append(n.List, p)
			if t := lex.Peek(); is(lex, "=") && p.Name != nil {
				return fail("E0010", t, "a parameter has no default, every call gives %s; generics, in brackets before the parameters, may have one", p.Name.Name)
			}
			if !more(lex, ")") {
				break
			}
		}
	}
	if err := closing(lex, ")", open); err != nil {
		return err
	}
	n.span = since(lex, open)
	return nil
}
