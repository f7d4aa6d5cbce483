package dsl

import (
	"github.com/tilec/tilec/dsl/diag"
)

// TokenKind tells what a token is.
type TokenKind uint8

// The kinds of tokens.
const (
	TokenName TokenKind = iota
	TokenNumber
	TokenString
	TokenWidth // `u{`, `i{`, `bp{`
	TokenKeyword
	TokenOperator // brackets and separators too
)

// Token is one token of a text. Text is as it is written.
type Token struct {
	Kind TokenKind
	Text string
	Span diag.Span
}

// Tokens returns the tokens of a text in order, for tools that work on the
// text itself: without line ends and comments, and without what is no token.
func Tokens(filename string, src []byte) []Token {
	kinds := [...]TokenKind{
		-tokIdent - 2: TokenName, -tokNumber - 2: TokenNumber, -tokString - 2: TokenString,
		-tokWidth - 2: TokenWidth, -tokKeyword - 2: TokenKeyword, -tokOp - 2: TokenOperator,
	}
	s := newScanner(filename, string(src))
	var list []Token
	for {
		t, _ := s.Next()
		switch {
		case t.EOF():
			return list
		case t.Type == tokNewline || t.Type == tokBad:
		default:
			list = append(list, Token{kinds[-t.Type-2], t.Value, tokenSpan(&t)})
		}
	}
}
