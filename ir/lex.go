package ir

import (
	"fmt"
	"strconv"
	"strings"
)

// SyntaxError is a fault in the text form of the IR.
type SyntaxError struct {
	Pos Pos
	Msg string
}

func (e *SyntaxError) Error() string { return e.Pos.String() + ": " + e.Msg }

type tokenKind uint8

const (
	endToken    tokenKind = iota
	wordToken             // kernel, reduce.sum, f32
	nameToken             // %x
	funcToken             // @f
	numberToken           // 12, -0.5, 0x1p-3, -inf
	stringToken           // "text"
	layoutToken           // #2
	signToken             // ( ) [ ] { } < > , : = + - * / -> ..
)

// token is one word of the text. Text is what it says: without the % or @ of a name, unquoted.
type token struct {
	kind      tokenKind
	text      string
	number    bool // of a nameToken: %12, a value without a hint
	firstLine bool // it is the first of its line
	line, col int
}

// String is the token for a message.
func (t token) String() string {
	switch t.kind {
	case endToken:
		return "the end of the text"
	case nameToken:
		return "%" + t.text
	case funcToken:
		return "@" + t.text
	case layoutToken:
		return "#" + t.text
	case stringToken:
		return strconv.Quote(t.text)
	}
	return strconv.Quote(t.text)
}

// lexer cuts a text into tokens, one at a time.
type lexer struct {
	file      string
	src       string
	at        int
	line, bol int // line number, and where the line begins
}

func (l *lexer) fail(at int, format string, args ...any) *SyntaxError {
	return &SyntaxError{Pos{l.file, l.line, at - l.bol + 1}, fmt.Sprintf(format, args...)}
}

// next gives the next token, or an error for bytes that begin none.
func (l *lexer) next() (token, *SyntaxError) {
	first := l.at == 0
	for l.at < len(l.src) {
		switch c := l.src[l.at]; {
		case c == '\n':
			l.at++
			l.line++
			l.bol = l.at
			first = true
			continue
		case c == ' ' || c == '\t' || c == '\r':
			l.at++
			continue
		case strings.HasPrefix(l.src[l.at:], "//"):
			if n := strings.IndexByte(l.src[l.at:], '\n'); n >= 0 {
				l.at += n
			} else {
				l.at = len(l.src)
			}
			continue
		}
		break
	}
	t := token{firstLine: first, line: l.line, col: l.at - l.bol + 1}
	if l.at >= len(l.src) {
		return t, nil
	}
	start := l.at
	switch c := l.src[l.at]; {
	case c == '%' || c == '@':
		t.kind = nameToken
		if c == '@' {
			t.kind = funcToken
		}
		l.at++
		if l.at < len(l.src) && l.src[l.at] == '"' {
			s, err := l.quoted()
			t.text = s
			return t, err
		}
		t.text = l.word()
		switch {
		case t.text == "":
			return t, l.fail(start, "a name is missing after %c", c)
		case t.text[0] >= '0' && t.text[0] <= '9':
			if strings.Trim(t.text, "0123456789") != "" || c == '@' {
				return t, l.fail(start, "%c%s is no name: it begins with a digit", c, t.text)
			}
			t.number = true
		case t.text[0] == '.':
			return t, l.fail(start, "%c%s is no name: it begins with a dot", c, t.text)
		}
	case c == '#':
		l.at++
		t.kind, t.text = layoutToken, l.word()
		if n, err := strconv.Atoi(t.text); err != nil || strconv.Itoa(n) != t.text {
			return t, l.fail(start, "#%s is no layout: # and a number", t.text)
		}
	case c == '"':
		s, err := l.quoted()
		t.kind, t.text = stringToken, s
		return t, err
	case c >= '0' && c <= '9' || c == '-' && l.at+1 < len(l.src) && wordByte(l.src[l.at+1]):
		t.kind = numberToken
		l.at++
		for {
			l.word()
			// The sign of an exponent belongs to its number.
			if l.at+1 < len(l.src) && (l.src[l.at] == '+' || l.src[l.at] == '-') && l.at > start+1 && strings.IndexByte("eEpP", l.src[l.at-1]) >= 0 {
				l.at++
				continue
			}
			break
		}
		t.text = l.src[start:l.at]
	case strings.HasPrefix(l.src[start:], "->") || strings.HasPrefix(l.src[start:], ".."):
		t.kind, t.text = signToken, l.src[start:start+2]
		l.at += 2
	case wordByte(c) && c != '.':
		t.kind, t.text = wordToken, l.word()
	case strings.IndexByte("()[]{}<>,:=+-*/", c) >= 0:
		t.kind, t.text = signToken, l.src[start:start+1]
		l.at++
	default:
		return t, l.fail(start, "unexpected %q", c)
	}
	return t, nil
}

// word takes the bytes of a word, up to two dots in a row.
func (l *lexer) word() string {
	start := l.at
	for l.at < len(l.src) && wordByte(l.src[l.at]) && !strings.HasPrefix(l.src[l.at:], "..") {
		l.at++
	}
	return l.src[start:l.at]
}

// quoted takes a Go string in double quotes.
func (l *lexer) quoted() (string, *SyntaxError) {
	start := l.at
	for l.at++; l.at < len(l.src); l.at++ {
		switch l.src[l.at] {
		case '\\':
			l.at++
			continue
		case '\n':
			return "", l.fail(start, "a string does not end")
		case '"':
			l.at++
			s, err := strconv.Unquote(l.src[start:l.at])
			if err != nil {
				return "", l.fail(start, "a string has a wrong escape")
			}
			return s, nil
		}
	}
	l.at = len(l.src)
	return "", l.fail(start, "a string does not end")
}
