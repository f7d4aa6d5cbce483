package syntax

import (
	"fmt"
	"strings"
)

// Pos is a place in the text: line and column, both from 1.
type Pos struct{ Line, Col int }

// String is line:column.
func (p Pos) String() string { return fmt.Sprintf("%d:%d", p.Line, p.Col) }

type tokenKind uint8

const (
	endToken    tokenKind = iota
	wordToken             // an identifier, a register, a label
	dotToken              // .word with its colons: a directive or a modifier
	intToken              // an integer constant
	floatToken            // a floating-point constant
	stringToken           // "..." without its quotes
	symbolToken           // punctuation
	badToken
)

type token struct {
	kind tokenKind
	text string
	pos  Pos
}

// describe is the token for a message.
func (t token) describe() string {
	switch t.kind {
	case endToken:
		return "the end of the text"
	case stringToken:
		return "a string"
	}
	if len(t.text) > 40 {
		return fmt.Sprintf("%q…", t.text[:40])
	}
	return fmt.Sprintf("%q", t.text)
}

type lexer struct {
	src  string
	at   int
	line int
	bol  int // offset of the line's beginning
}

func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isWord(c byte) bool   { return isLetter(c) || isDigit(c) || c == '_' || c == '$' }

// next is the next token. Comments and white space are skipped; what is no token is a badToken of one byte, or an unclosed
// comment or string.
func (l *lexer) next() token {
	if bad, ok := l.space(); !ok {
		return bad
	}
	pos := Pos{l.line, l.at - l.bol + 1}
	if l.at >= len(l.src) {
		return token{endToken, "", pos}
	}
	start, c := l.at, l.src[l.at]
	take := func(kind tokenKind) token { return token{kind, l.src[start:l.at], pos} }
	switch {
	case isLetter(c) || c == '_' || c == '$' || c == '%' && l.at+1 < len(l.src) && isWord(l.src[l.at+1]):
		l.at++
		for l.at < len(l.src) && isWord(l.src[l.at]) {
			l.at++
		}
		return take(wordToken)
	case c == '.' && l.at+1 < len(l.src) && isWord(l.src[l.at+1]):
		l.at++
		l.words()
		return take(dotToken)
	case isDigit(c):
		return l.number(pos)
	case c == '"':
		for l.at++; l.at < len(l.src) && l.src[l.at] != '"' && l.src[l.at] != '\n'; l.at++ {
			if l.src[l.at] == '\\' && l.at+1 < len(l.src) && l.src[l.at+1] != '\n' {
				l.at++
			}
		}
		if l.at >= len(l.src) || l.src[l.at] != '"' {
			return token{badToken, l.src[start:min(l.at, len(l.src))], pos}
		}
		l.at++
		return token{stringToken, l.src[start+1 : l.at-1], pos}
	}
	for _, s := range [...]string{"<<", ">>", "<=", ">=", "==", "!=", "&&", "||"} {
		if strings.HasPrefix(l.src[l.at:], s) {
			l.at += 2
			return take(symbolToken)
		}
	}
	l.at++
	if strings.IndexByte("{}[]()<>,;:@!|+-*/%&^~?=.", c) >= 0 {
		return take(symbolToken)
	}
	return take(badToken)
}

// space skips white space and comments; not ok is a comment without an end.
func (l *lexer) space() (token, bool) {
	for l.at < len(l.src) {
		switch c := l.src[l.at]; {
		case c == '\n':
			l.at++
			l.line, l.bol = l.line+1, l.at
		case c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v':
			l.at++
		case strings.HasPrefix(l.src[l.at:], "//"):
			n := strings.IndexByte(l.src[l.at:], '\n')
			if n < 0 {
				n = len(l.src) - l.at
			}
			l.at += n
		case strings.HasPrefix(l.src[l.at:], "/*"):
			pos := Pos{l.line, l.at - l.bol + 1}
			n := strings.Index(l.src[l.at+2:], "*/")
			if n < 0 {
				l.at = len(l.src)
				return token{badToken, "/*", pos}, false
			}
			body := l.src[l.at : l.at+n+4]
			if k := strings.Count(body, "\n"); k > 0 {
				l.line += k
				l.bol = l.at + strings.LastIndexByte(body, '\n') + 1
			}
			l.at += len(body)
		default:
			return token{}, true
		}
	}
	return token{}, true
}

// words goes over a word and those joined to it by double colons.
func (l *lexer) words() {
	for l.at < len(l.src) {
		switch {
		case isWord(l.src[l.at]):
			l.at++
		case strings.HasPrefix(l.src[l.at:], "::") && l.at+2 < len(l.src) && isWord(l.src[l.at+2]):
			l.at += 2
		default:
			return
		}
	}
}

// number reads 12, 017, 0x1F, 0b101, with an optional U, 0f and 0d with hexadecimal digits, 1.5 and 1e-3.
func (l *lexer) number(pos Pos) token {
	start := l.at
	kind := intToken
	rest := l.src[l.at:]
	if len(rest) > 1 && rest[0] == '0' && strings.IndexByte("fFdDxXbB", rest[1]) >= 0 {
		if c := rest[1] | 0x20; c == 'f' || c == 'd' {
			kind = floatToken
		}
		l.at += 2
		for l.at < len(l.src) && isWord(l.src[l.at]) {
			l.at++
		}
		return token{kind, l.src[start:l.at], pos}
	}
	digits := func() {
		for l.at < len(l.src) && isDigit(l.src[l.at]) {
			l.at++
		}
	}
	digits()
	if l.at+1 < len(l.src) && l.src[l.at] == '.' && isDigit(l.src[l.at+1]) {
		kind = floatToken
		l.at++
		digits()
	}
	if l.at < len(l.src) && l.src[l.at]|0x20 == 'e' {
		n := l.at + 1
		if n < len(l.src) && (l.src[n] == '+' || l.src[n] == '-') {
			n++
		}
		if n < len(l.src) && isDigit(l.src[n]) {
			kind = floatToken
			l.at = n
			digits()
		}
	}
	for l.at < len(l.src) && isWord(l.src[l.at]) { // a suffix; what is wrong with it shows when it is read as a number
		l.at++
	}
	return token{kind, l.src[start:l.at], pos}
}
