package dsl

import (
	"errors"
	"strings"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"github.com/tilec/tilec/dsl/diag"
)

// syntaxError carries a diagnostic through participle.
type syntaxError struct {
	d *diag.Diagnostic
}

func (e *syntaxError) Error() string   { return e.d.Error() }
func (e *syntaxError) Message() string { return e.d.Message }
func (e *syntaxError) Position() lexer.Position {
	p := e.d.Span.Start
	return lexer.Position{Filename: e.d.Span.File, Offset: p.Offset, Line: p.Line, Column: p.Col}
}

func failSpan(code diag.Code, span diag.Span, format string, args ...any) *syntaxError {
	var l diag.List
	return &syntaxError{l.Add(code, span, format, args...)}
}

// fail returns an error at a token.
func fail(code diag.Code, at *lexer.Token, format string, args ...any) *syntaxError {
	if at.Type == tokBad {
		code = "E0001" // the same finding as the scanner's, which is kept
	}
	return failSpan(code, tokenSpan(at), format, args...)
}

// diagnose turns an error of participle or of this package into a diagnostic.
func diagnose(err error) *diag.Diagnostic {
	var own *syntaxError
	if errors.As(err, &own) {
		return own.d
	}
	var unexpectedToken *participle.UnexpectedTokenError
	if errors.As(err, &unexpectedToken) {
		return expected(&unexpectedToken.Unexpected, wanted(unexpectedToken.Message())).d
	}
	d := &diag.Diagnostic{Code: "E0010", Message: err.Error()}
	var located participle.Error
	if errors.As(err, &located) {
		p := located.Position()
		at := diag.Pos{Offset: p.Offset, Line: p.Line, Col: p.Column}
		d.Message = located.Message()
		d.Span = diag.Span{File: p.Filename, Start: at, End: at}
	}
	return d
}

// wanted reads from participle's message what the grammar expects: the first
// symbol of the rest of the rule.
func wanted(message string) string {
	_, rest, ok := strings.Cut(message, " (expected ")
	if !ok {
		return "something else"
	}
	rest = strings.TrimLeft(rest, "(")
	if strings.HasPrefix(rest, `"`) {
		if word, _, ok := strings.Cut(rest[1:], `"`); ok {
			return "`" + word + "`"
		}
	}
	name := rest
	if i := strings.IndexAny(rest, " )|?*+"); i >= 0 {
		name = rest[:i]
	}
	if words, ok := symbolWords[name]; ok {
		return words
	}
	return name
}

// symbolWords says in words what the grammar's symbols are.
var symbolWords = map[string]string{
	"Ident": "a name", "String": "a string in double quotes", "Expr": "an expression",
	"Operand": "a name, a number or an expression in brackets", "Block": "`{`",
	"ParamList": "`(`", "Generics": "`[`", "Type": "a type", "Dims": "`[`", "Kind": "a kind",
	"Limit": "a type, a number, a name or a kind", "Alt": "a type, a number, a name or a kind",
}

// found says in words what a token is.
func found(t *lexer.Token) string {
	switch t.Type {
	case lexer.EOF:
		return "the end of the file"
	case tokNewline:
		return "the end of the line"
	case tokKeyword:
		return "the keyword `" + t.Value + "`"
	}
	return quote(t.Value)
}

// expected returns the error that t is not what.
func expected(t *lexer.Token, what string) *syntaxError {
	switch {
	case strings.HasPrefix(what, "a name") && t.Type == tokKeyword:
		return fail("E0012", t, "`%s` is a keyword and cannot be a name", t.Value)
	case what == "`{`" && t.Type == tokNewline:
		e := fail("E0013", t, "`{` stands on the line of what it belongs to")
		return e
	case what == "`{`" || what == "an assignment":
		if special := operatorMistake(t); special != nil {
			return special
		}
	}
	return fail("E0010", t, "expected %s, found %s", what, found(t))
}

// expectedExpr returns the error that the next token begins no expression.
func expectedExpr(lex *lexer.PeekingLexer) *syntaxError {
	t := lex.Peek()
	switch {
	case t.Type == tokOp && strings.Contains(")]}", t.Value):
		return fail("E0011", t, "expected an expression before %s", found(t))
	case t.Type == tokKeyword && t.Value == "else":
		return fail("E0022", t, "`else` stands on the line of the `}` that it follows")
	case t.Type == tokKeyword && startsLine(lex) && continues(previous(lex)):
		// The line before ends with an operator: that is the place.
		return failSpan("E0011", behind(lex), "expected an expression, found the end of the line")
	}
	return fail("E0011", t, "expected an expression, found %s", found(t))
}

// continues reports whether a line that ends with t goes on.
func continues(t *lexer.Token) bool {
	return t != nil && !separator(t) && !(t.Type == tokOp && strings.Contains("{}", t.Value))
}

// behind returns the place right behind the last token taken.
func behind(lex *lexer.PeekingLexer) diag.Span {
	s := tokenSpan(lex.Peek())
	if last := previous(lex); last != nil {
		s = tokenSpan(last)
	}
	s.Start = s.End
	return s
}

// bareElse returns the error that the value after an `else`, which begins at first, goes on with t.
func bareElse(first, t *lexer.Token) *syntaxError {
	end := map[string]string{"[": "…]", "(": "…)", ".": "…"}[t.Value]
	return fail("E0010", t, "the value after `else` is a literal or a name: put what needs more in parentheses, as `else (%s%s%s)`", first.Value, t.Value, end)
}

// unclosed returns the error that the next token stands where the bracket text
// must close open.
func unclosed(lex *lexer.PeekingLexer, text string, open *lexer.Token) *syntaxError {
	t := lex.Peek()
	if special := operatorMistake(t); special != nil {
		return special
	}
	e := fail("E0014", t, "expected `%s`, found %s", text, found(t))
	if t.EOF() {
		e.d.Span = behind(lex)
	}
	e.d.Note(tokenSpan(open), "it closes this `%s`", open.Value)
	if t.Type == tokNewline && text != "}" {
		e.d.Message = "expected `,` or `" + text + "`, found the end of the line"
		e.d.Suggest(tokenSpan(t), ",", "end the line with a comma")
	}
	return e
}

// chained returns the error of `a < b < c`.
func chained(first, second *lexer.Token) *syntaxError {
	e := fail("E0018", second, "comparisons do not chain")
	e.d.Note(tokenSpan(first), "the first comparison")
	return e
}

// operatorMistake returns the error of an operator of another language, or of
// this one at the wrong place, nil if t is none.
func operatorMistake(t *lexer.Token) *syntaxError {
	if t.Type == tokKeyword && (t.Value == "else" || t.Value == "unchecked") {
		return fail("E0010", t, "`%s` stands right behind the bracket of a subscript, and `as` behind it", t.Value)
	}
	if t.Type != tokOp {
		return nil
	}
	switch t.Value {
	case "<-":
		e := fail("E0020", t, "`<-` is one token and sends to a channel")
		e.d.Suggest(tokenSpan(t), "< -", "put a space between `<` and `-`")
		return e
	case "=":
		e := fail("E0021", t, "`=` assigns and is no part of an expression")
		e.d.Suggest(tokenSpan(t), "==", "compare with `==`")
		return e
	case ":=":
		return fail("E0021", t, "`:=` declares and is no part of an expression")
	}
	return nil
}

// notDecl returns the error that t begins no declaration.
func notDecl(t *lexer.Token) *syntaxError {
	switch {
	case stmtKeyword(t) || t.Type == tokKeyword && (t.Value == "axis" || t.Value == "shared"):
		return fail("E0017", t, "a `%s` stands in a kernel, a function or a test", t.Value)
	case t.Type == tokKeyword && t.Value == "package":
		return fail("E0015", t, "a file has one package clause")
	case t.Type == tokOp && strings.Contains(")]}", t.Value):
		return fail("E0019", t, "`%s` closes nothing", t.Value)
	}
	e := fail("E0017", t, "expected a declaration, found %s", found(t))
	e.meant(t, "kernel", "func", "schedule", "test", "bench", "const", "import")
	return e
}

// afterDecl returns the error that t follows a declaration on its line.
func afterDecl(t *lexer.Token) *syntaxError {
	if t.Type == tokOp && strings.Contains(")]}", t.Value) {
		return fail("E0019", t, "`%s` closes nothing", t.Value)
	}
	return fail("E0010", t, "expected a new line behind the declaration, found %s", found(t))
}

// afterStmt returns the error that t follows statement s on its line.
func afterStmt(s Stmt, t *lexer.Token) *syntaxError {
	if t.Type == tokOp && (t.Value == ")" || t.Value == "]") {
		return fail("E0019", t, "`%s` closes nothing", t.Value)
	}
	if x, ok := s.(*ExprStmt); ok {
		if n, ok := x.X.(*Ident); ok && (t.Type == tokIdent || t.Type == tokNumber) {
			at := lexer.Token{Type: tokIdent, Value: n.Name, Pos: lexer.Position{
				Filename: n.span.File, Offset: n.span.Start.Offset,
				Line: n.span.Start.Line, Column: n.span.Start.Col,
			}}
			e := fail("E0010", t, "expected a new line, `;` or an operator, found %s", found(t))
			e.meant(&at, "parallel", "for", "while", "where", "if", "axis", "temp", "const", "role",
				"turn", "shared", "pin", "require", "expect", "return")
			return e
		}
	}
	switch {
	case t.Type == tokOp && t.Value == "++":
		return fail("E0021", t, "`++` joins axes and does not increment").fix(t, "+= 1", "write `+= 1`")
	}
	if special := operatorMistake(t); special != nil {
		return special
	}
	return fail("E0010", t, "expected a new line, `;` or an operator, found %s", found(t))
}

func (e *syntaxError) fix(at *lexer.Token, text, message string) *syntaxError {
	e.d.Suggest(tokenSpan(at), text, "%s", message)
	return e
}

// meant suggests the word that t is a misspelling of.
func (e *syntaxError) meant(t *lexer.Token, words ...string) {
	if t.Type != tokIdent {
		return
	}
	for _, w := range words {
		if misspelt(t.Value, w) {
			e.fix(t, w, "did you mean `"+w+"`?")
			return
		}
	}
}

// misspelt reports whether one letter added, dropped, changed or exchanged
// with its neighbour makes word of text.
func misspelt(text, word string) bool {
	if len(word) < 3 || text == word {
		return false
	}
	a, b := text, word
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	if len(a) == 2 && len(b) == 2 {
		return a[0] == b[1] && a[1] == b[0]
	}
	return len(a) <= 1 && len(b) <= 1
}
