package dsl

import (
	"strconv"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/tilec/tilec/dsl/diag"
)

// The expressions of the grammar, read by precedence. The functions return a
// node and the height of its tree, which may not pass MaxChain; what stands in
// brackets counts anew, since brackets have a limit of their own.

// exprRules is the grammar of this file, in the form of grammar.ebnf.
const exprRules = `
Expr = And { "||" And } .
And = Rel { "&&" Rel } .
Rel = Sum [ ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) Sum ] .
Sum = Term { ( "+" | "-" | "|" | "^" ) Term } .
Term = Cast { ( "*" | "/" | "%" | "<<" | ">>" | "&" ) Cast } .
Cast = Unary { "as" Elem [ Dims ] [ ident ] | "bits" Elem } .
Unary = ( "-" | "!" | "~" | "<-" ) Unary | Make | Primary .
Make = "chan" Elem Dims { Option } | "asm" ident string "(" [ Args ] ")" .
Primary = Operand { Suffix } [ "in" Elem ] [ Edge ] .
Edge = "else" [ "-" ] Operand | "unchecked" .
Operand = ident | number | string | Width | "(" Expr ")" | "[" List "]" .
Suffix = "." ident | "[" [ Indices ] "]" | "(" [ Args ] ")" .
Indices = Index [ "," [ Indices ] ] .
Index = Expr [ ":" Expr | "=" Expr ] .
Args = Arg [ "," [ Args ] ] .
Arg = Expr [ "scaled" Expr ] .
List = Expr [ "," [ List ] ] .
Exprs = Expr { "," Expr } .
Type = Elem [ Dims ] .
Elem = Name [ "(" List ")" ] | Width .
Name = ident [ "." ident ] .
Width = widthopen Expr "}" .
Dims = "[" [ List ] "]" .
Limit = [ "-" ] number | Name | Width .
ParamAttr = "packed" [ "(" ident ")" ] | "strided" .
`

const (
	precCompare = 3
	precMin     = 1
)

// precedence returns the level of a binary operator, 0 if t is none.
func precedence(t *lexer.Token) int {
	if t.Type != tokOp {
		return 0
	}
	switch t.Value {
	case "||":
		return 1
	case "&&":
		return 2
	case "==", "!=", "<", "<=", ">", ">=":
		return precCompare
	case "+", "-", "|", "^":
		return 4
	case "*", "/", "%", "<<", ">>", "&":
		return 5
	}
	return 0
}

// is reports whether the next token is the operator or keyword text.
func is(lex *lexer.PeekingLexer, text string) bool {
	t := lex.Peek()
	return t.Value == text && (t.Type == tokOp || t.Type == tokKeyword)
}

// accept takes the next token if it is the operator or keyword text.
func accept(lex *lexer.PeekingLexer, text string) bool {
	if is(lex, text) {
		lex.Next()
		return true
	}
	return false
}

// since returns the span from token start to the last token taken.
func since(lex *lexer.PeekingLexer, start *lexer.Token) diag.Span {
	return tokenSpan(start).To(tokenSpan(previous(lex)))
}

// previous returns the last token taken, nil at the start.
func previous(lex *lexer.PeekingLexer) *lexer.Token {
	raw := lex.RawCursor()
	if raw == 0 {
		return nil
	}
	return &lex.Range(raw-1, raw)[0]
}

// closing takes the bracket text that closes open.
func closing(lex *lexer.PeekingLexer, text string, open *lexer.Token) error {
	if accept(lex, text) {
		return nil
	}
	return unclosed(lex, text, open)
}

func parseExpr(lex *lexer.PeekingLexer) (Expr, error) {
	x, _, err := parseBinary(lex, precMin)
	return x, err
}

func parseBinary(lex *lexer.PeekingLexer, least int) (Expr, int, error) {
	first := lex.Peek()
	x, h, err := parseCast(lex)
	if err != nil {
		return nil, 0, err
	}
	for {
		op := lex.Peek()
		prec := precedence(op)
		if prec < least || prec == 0 {
			return x, h, nil
		}
		lex.Next()
		y, hy, err := parseBinary(lex, prec+1)
		if err != nil {
			return nil, 0, err
		}
		b := &Binary{Op: op.Value, OpPos: tokenSpan(op).Start, X: x, Y: y}
		b.span = since(lex, first)
		x = b
		if h, err = higher(max(h, hy), op); err != nil {
			return nil, 0, err
		}
		if next := lex.Peek(); prec == precCompare && precedence(next) == precCompare {
			return nil, 0, chained(op, next)
		}
	}
}

// higher returns the height of a node over one of height h.
func higher(h int, at *lexer.Token) (int, error) {
	if h >= MaxChain {
		return 0, fail("E0008", at, "the expression has more than %d operators in a row", MaxChain)
	}
	return h + 1, nil
}

func parseCast(lex *lexer.PeekingLexer) (Expr, int, error) {
	first := lex.Peek()
	x, h, err := parseUnary(lex)
	if err != nil {
		return nil, 0, err
	}
	for {
		at := lex.Peek()
		switch {
		case accept(lex, "as"):
			c := &Cast{X: x}
			if c.Type, err = parseType(lex, dimsOptional); err != nil {
				return nil, 0, err
			}
			if lex.Peek().Type == tokIdent {
				c.Mode = ident(lex.Next())
			}
			c.span = since(lex, first)
			x = c
		case accept(lex, "bits"):
			c := &BitCast{X: x}
			if c.Type, err = parseType(lex, dimsNone); err != nil {
				return nil, 0, err
			}
			c.span = since(lex, first)
			x = c
		default:
			return x, h, nil
		}
		if h, err = higher(h, at); err != nil {
			return nil, 0, err
		}
	}
}

func parseUnary(lex *lexer.PeekingLexer) (Expr, int, error) {
	var ops []*lexer.Token
	for is(lex, "-") || is(lex, "!") || is(lex, "~") || is(lex, "<-") {
		ops = append(ops, lex.Next())
	}
	x, h, err := parseOperandOrMake(lex)
	for i := len(ops) - 1; i >= 0 && err == nil; i-- {
		op := ops[i]
		span := since(lex, op)
		if op.Value == "<-" {
			x = &Recv{node: node{span}, X: x}
		} else {
			x = &Unary{node: node{span}, Op: op.Value, X: x}
		}
		h, err = higher(h, op)
	}
	return x, h, err
}

func parseOperandOrMake(lex *lexer.PeekingLexer) (Expr, int, error) {
	first := lex.Peek()
	switch {
	case accept(lex, "chan"):
		c := &Chan{}
		var err error
		if c.Type, err = parseType(lex, dimsNeeded); err != nil {
			return nil, 0, err
		}
		if c.Options, err = parseOptions(lex); err != nil {
			return nil, 0, err
		}
		c.span = since(lex, first)
		return c, 1, nil
	case accept(lex, "asm"):
		a := &Asm{}
		if lex.Peek().Type != tokIdent {
			return nil, 0, expected(lex.Peek(), "the name of a target")
		}
		a.Target = ident(lex.Next())
		if lex.Peek().Type != tokString {
			return nil, 0, expected(lex.Peek(), "the text in double quotes")
		}
		a.Text = text(lex.Next())
		if !is(lex, "(") {
			return nil, 0, expected(lex.Peek(), "`(`")
		}
		var err error
		if a.Args, err = parseArgs(lex); err != nil {
			return nil, 0, err
		}
		a.span = since(lex, first)
		return a, 1, nil
	}
	return parsePrimary(lex)
}

func parseOptions(lex *lexer.PeekingLexer) ([]*Option, error) {
	var list []*Option
	for lex.Peek().Type == tokIdent {
		first := lex.Next()
		o := &Option{Word: ident(first)}
		x, err := parseOperand(lex)
		if err != nil {
			return nil, err
		}
		o.Value = x
		o.span = since(lex, first)
		list = append(list, o)
	}
	return list, nil
}

func parsePrimary(lex *lexer.PeekingLexer) (Expr, int, error) {
	first := lex.Peek()
	x, err := parseOperand(lex)
	if err != nil {
		return nil, 0, err
	}
	h := 1
suffixes:
	for {
		at := lex.Peek()
		if at.Type != tokOp {
			break
		}
		switch at.Value {
		case ".":
			lex.Next()
			if lex.Peek().Type != tokIdent {
				return nil, 0, expected(lex.Peek(), "a name")
			}
			s := &Selector{X: x, Sel: ident(lex.Next())}
			s.span = since(lex, first)
			x = s
		case "[":
			n := &Index{X: x}
			if n.Entries, err = parseIndex(lex); err != nil {
				return nil, 0, err
			}
			n.span = since(lex, first)
			x = n
		case "(":
			c := &Call{Fun: x}
			if c.Args, err = parseArgs(lex); err != nil {
				return nil, 0, err
			}
			c.span = since(lex, first)
			x = c
		default:
			break suffixes
		}
		if h, err = higher(h, at); err != nil {
			return nil, 0, err
		}
	}
	if accept(lex, "in") {
		n := &InType{X: x}
		if n.Type, err = parseType(lex, dimsNone); err != nil {
			return nil, 0, err
		}
		n.span = since(lex, first)
		x = n
		h++
	}
	if is(lex, "else") || is(lex, "unchecked") {
		e := &Edge{X: x}
		if e.Unchecked = lex.Next().Value == "unchecked"; !e.Unchecked {
			if e.Else, err = parseElse(lex); err != nil {
				return nil, 0, err
			}
		}
		e.span = since(lex, first)
		x = e
		h++
	}
	return x, h, nil
}

// parseElse reads what an Edge gives outside.
func parseElse(lex *lexer.PeekingLexer) (Expr, error) {
	first := lex.Peek()
	minus := accept(lex, "-")
	name := lex.Peek()
	x, err := parseOperand(lex)
	if err != nil {
		return nil, err
	}
	if t := lex.Peek(); name.Type == tokIdent && t.Type == tokOp && (t.Value == "[" || t.Value == "(" || t.Value == ".") {
		return nil, bareElse(name, t)
	}
	if !minus {
		return x, nil
	}
	return &Unary{node: node{since(lex, first)}, Op: "-", X: x}, nil
}

func parseOperand(lex *lexer.PeekingLexer) (Operand, error) {
	t := lex.Peek()
	switch t.Type {
	case tokIdent:
		return ident(lex.Next()), nil
	case tokNumber:
		return number(lex.Next()), nil
	case tokString:
		return text(lex.Next()), nil
	case tokWidth:
		return parseWidth(lex)
	}
	switch {
	case accept(lex, "("):
		x, err := parseExpr(lex)
		if err != nil {
			return nil, err
		}
		if err := closing(lex, ")", t); err != nil {
			return nil, err
		}
		return &Paren{node{since(lex, t)}, x}, nil
	case accept(lex, "["):
		list, err := parseList(lex, "]", t)
		if err != nil {
			return nil, err
		}
		return &List{node{since(lex, t)}, list}, nil
	}
	return nil, expectedExpr(lex)
}

// parseList reads one or more expressions up to the bracket that closes open.
func parseList(lex *lexer.PeekingLexer, end string, open *lexer.Token) ([]Expr, error) {
	var list []Expr
	for {
		x, err := parseExpr(lex)
		if err != nil {
			return nil, err
		}
		list = append(list, x)
		if !more(lex, end) {
			return list, closing(lex, end, open)
		}
	}
}

// more takes the comma before the next element of a list that end closes and
// reports whether there is one.
func more(lex *lexer.PeekingLexer, end string) bool {
	return accept(lex, ",") && !is(lex, end)
}

// parseExprs reads one or more expressions.
func parseExprs(lex *lexer.PeekingLexer) ([]Expr, error) {
	var list []Expr
	for {
		x, err := parseExpr(lex)
		if err != nil {
			return nil, err
		}
		list = append(list, x)
		if !accept(lex, ",") {
			return list, nil
		}
	}
}

func parseIndex(lex *lexer.PeekingLexer) ([]*IndexEntry, error) {
	open := lex.Next()
	var list []*IndexEntry
	if accept(lex, "]") {
		return nil, nil
	}
	for {
		first := lex.Peek()
		x, err := parseExpr(lex)
		if err != nil {
			return nil, err
		}
		e := &IndexEntry{X: x}
		switch {
		case accept(lex, ":"):
			e.Colon, err = parseExpr(lex)
		case accept(lex, "="):
			e.Eq, err = parseExpr(lex)
		}
		if err != nil {
			return nil, err
		}
		e.span = since(lex, first)
		list = append(list, e)
		if !more(lex, "]") {
			return list, closing(lex, "]", open)
		}
	}
}

func parseArgs(lex *lexer.PeekingLexer) ([]*Arg, error) {
	open := lex.Next()
	var list []*Arg
	if accept(lex, ")") {
		return nil, nil
	}
	for {
		first := lex.Peek()
		x, err := parseExpr(lex)
		if err != nil {
			return nil, err
		}
		a := &Arg{X: x}
		if accept(lex, "scaled") {
			if a.Scaled, err = parseExpr(lex); err != nil {
				return nil, err
			}
		}
		a.span = since(lex, first)
		list = append(list, a)
		if !more(lex, ")") {
			return list, closing(lex, ")", open)
		}
	}
}

// Whether a type may or must have dimensions.
const (
	dimsNone = iota
	dimsOptional
	dimsNeeded
)

func parseType(lex *lexer.PeekingLexer, dims int) (*Type, error) {
	first := lex.Peek()
	t := &Type{}
	var err error
	switch first.Type {
	case tokWidth:
		if t.Width, err = parseWidth(lex); err != nil {
			return nil, err
		}
	case tokIdent:
		t.Name = ident(lex.Next())
		if accept(lex, ".") {
			if lex.Peek().Type != tokIdent {
				return nil, expected(lex.Peek(), "a name")
			}
			t.Pkg, t.Name = t.Name, ident(lex.Next())
		}
		if open := lex.Peek(); accept(lex, "(") {
			if t.Args, err = parseList(lex, ")", open); err != nil {
				return nil, err
			}
		}
	default:
		return nil, expected(first, "a type")
	}
	switch {
	case dims != dimsNone && is(lex, "["):
		if t.Dims, err = parseDims(lex); err != nil {
			return nil, err
		}
	case dims == dimsNeeded:
		return nil, expected(lex.Peek(), "dimensions in brackets")
	}
	t.span = since(lex, first)
	return t, nil
}

func parseDims(lex *lexer.PeekingLexer) (*Dims, error) {
	open := lex.Next()
	d := &Dims{}
	if !accept(lex, "]") {
		list, err := parseList(lex, "]", open)
		if err != nil {
			return nil, err
		}
		d.List = list
	}
	d.span = since(lex, open)
	return d, nil
}

func parseWidth(lex *lexer.PeekingLexer) (*Width, error) {
	open := lex.Next()
	x, err := parseExpr(lex)
	if err != nil {
		return nil, err
	}
	if err := closing(lex, "}", open); err != nil {
		return nil, err
	}
	return &Width{node{since(lex, open)}, open.Value[:len(open.Value)-1], x}, nil
}

func parseLimit(lex *lexer.PeekingLexer) (Limit, error) {
	first := lex.Peek()
	switch {
	case first.Type == tokWidth:
		return parseWidth(lex)
	case first.Type == tokNumber:
		return number(lex.Next()), nil
	case accept(lex, "-"):
		if lex.Peek().Type != tokNumber {
			return nil, expected(lex.Peek(), "a number")
		}
		x := number(lex.Next())
		return &Unary{node: node{since(lex, first)}, Op: "-", X: x}, nil
	case first.Type == tokIdent:
		x := ident(lex.Next())
		if !accept(lex, ".") {
			return x, nil
		}
		if lex.Peek().Type != tokIdent {
			return nil, expected(lex.Peek(), "a name")
		}
		s := &Selector{X: x, Sel: ident(lex.Next())}
		s.span = since(lex, first)
		return s, nil
	}
	return nil, expected(first, "a type, a number, a name or a kind")
}

func ident(t *lexer.Token) *Ident { return &Ident{node{tokenSpan(t)}, t.Value} }

func number(t *lexer.Token) *Number {
	v, _ := numberValue(t.Value)
	return &Number{node{tokenSpan(t)}, t.Value, v}
}

func text(t *lexer.Token) *String {
	v, err := strconv.Unquote(t.Value)
	if err != nil {
		v = "" // the lexer has reported it
	}
	return &String{node{tokenSpan(t)}, t.Value, v}
}
