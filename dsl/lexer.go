package dsl

import (
	"strings"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/tilec/tilec/dsl/diag"
)

// The limits that keep time, memory and the depth of the tree bounded.
const (
	// MaxSource is the greatest size of a file in bytes.
	MaxSource = 16 << 20
	// MaxNesting is the greatest depth of brackets in one another, and the
	// greatest length of an if-else chain.
	MaxNesting = 200
	// MaxChain is the greatest height of the tree of one expression, counted
	// without what stands in brackets: the length of a sum, of a row of casts,
	// of a row of suffixes.
	MaxChain = 1000
	// MaxNumber is the greatest length of a numeric literal in bytes, and
	// MaxExponent the greatest absolute value of its exponent.
	MaxNumber   = 1000
	MaxExponent = 10000
)

// Token types. Every token that is not one of these has its own text as Value
// and the type tokOp.
const (
	tokIdent lexer.TokenType = -(iota + 2)
	tokNumber
	tokString
	tokWidth   // `u{`, `i{`, `bp{`
	tokKeyword // one of keywords
	tokOp
	tokNewline // a ";" that stands for a line end
)

var keywords = map[string]bool{
	"as": true, "asm": true, "axis": true, "bench": true, "bits": true, "break": true, "by": true,
	"chan": true, "const": true, "continue": true, "else": true, "expect": true, "for": true,
	"func": true, "if": true, "import": true, "in": true, "inout": true, "kernel": true,
	"package": true, "packed": true, "parallel": true, "peer": true, "pin": true, "require": true,
	"return": true, "role": true, "scaled": true, "schedule": true, "shared": true, "strided": true,
	"temp": true, "test": true, "tune": true, "turn": true, "type": true, "unchecked": true,
	"where": true, "while": true, "within": true,
}

// endsStatement holds the keywords after which a line end is a ";".
var endsStatement = map[string]bool{
	"break": true, "continue": true, "return": true, "unchecked": true, "packed": true,
	"strided": true, "type": true, "axis": true, "shared": true,
}

// definition is the lexer as participle knows it.
type definition struct{}

// Symbols names the token types for the grammar's tags.
func (definition) Symbols() map[string]lexer.TokenType {
	return map[string]lexer.TokenType{
		"EOF":       lexer.EOF,
		"Ident":     tokIdent,
		"Number":    tokNumber,
		"String":    tokString,
		"WidthOpen": tokWidth,
		"Keyword":   tokKeyword,
		"Op":        tokOp,
		"Newline":   tokNewline,
	}
}

// tokenSpan returns the place of a token. A newline token has no width.
func tokenSpan(t *lexer.Token) diag.Span {
	start := diag.Pos{Offset: t.Pos.Offset, Line: t.Pos.Line, Col: t.Pos.Column}
	end := start
	if t.Type != tokNewline {
		end.Offset += len(t.Value)
		end.Col += len(t.Value)
	}
	return diag.Span{File: t.Pos.Filename, Start: start, End: end}
}

// floatLiteral reports whether a number is written as floating point.
func floatLiteral(raw string) bool {
	if len(raw) > 1 && raw[0] == '0' && (raw[1] == 'x' || raw[1] == 'X') {
		return strings.ContainsAny(raw, ".pP")
	}
	return strings.ContainsAny(raw, ".eE")
}

var _ = utf8.RuneError
