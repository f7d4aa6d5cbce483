package expr

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tilec/tilec/ir/layout"
)

type tokenKind uint8

const (
	endToken tokenKind = iota
	nameToken
	numberToken
	signToken // one of ( ) [ ] < > , : + - * @ and ∘, which is also written o
)

type token struct {
	kind       tokenKind
	text       string
	number     int64
	start, end int
}

// ring is the sign of composition.
const ring = "∘"

// next reads the next token.
func (p *parser) next() error {
	p.last = p.tok.end
	at := p.tok.end
	for at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[at]) >= 0 {
		at++
	}
	rest := p.text[at:]
	p.tok = token{start: at, end: at}
	static := len(rest) > 1 && rest[0] == '_' && isDigit(rest[1]) // CuTe prints what it knows when compiling as _4
	switch {
	case rest == "":
		return nil
	case isLetter(rest[0]) && !static:
		n := 1
		for n < len(rest) && (isLetter(rest[n]) || isDigit(rest[n]) || rest[n] == '.') {
			n++
		}
		p.tok = token{nameToken, rest[:n], 0, at, at + n}
		if rest[:n] == "o" {
			p.tok.kind, p.tok.text = signToken, ring
		}
	case isDigit(rest[0]) || static:
		n := 1
		for n < len(rest) && isDigit(rest[n]) {
			n++
		}
		number, err := strconv.ParseInt(strings.TrimPrefix(rest[:n], "_"), 10, 64)
		if err != nil {
			return p.failf(at, at+n, layout.Overflow, "the number %s does not fit 63 bits", shortened(rest[:n]))
		}
		p.tok = token{numberToken, rest[:n], number, at, at + n}
	case strings.HasPrefix(rest, ring):
		p.tok = token{signToken, ring, 0, at, at + len(ring)}
	case strings.IndexByte("()[]<>,:+-*@", rest[0]) >= 0:
		p.tok = token{signToken, rest[:1], 0, at, at + 1}
	default:
		r, n := utf8.DecodeRuneInString(rest)
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return p.failf(at, at+n, layout.Syntax, "the byte %#02x is no part of an expression", rest[0])
		}
		return p.failf(at, at+n, layout.Syntax, "%q is no part of an expression", r)
	}
	return nil
}

// shortened is a word that may be long, for a message.
func shortened(word string) string {
	if len(word) > 40 {
		return word[:40] + "…"
	}
	return word
}

func isLetter(b byte) bool { return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || b == '_' }
func isDigit(b byte) bool  { return '0' <= b && b <= '9' }

// is tells whether the next token is a sign.
func (p *parser) is(sign string) bool { return p.tok.kind == signToken && p.tok.text == sign }

// isName tells whether the next token is a name.
func (p *parser) isName(name string) bool { return p.tok.kind == nameToken && p.tok.text == name }

// accept takes a sign, if it is next.
func (p *parser) accept(sign string) (bool, error) {
	if !p.is(sign) {
		return false, nil
	}
	return true, p.next()
}

// expect takes a sign; another token is an error.
func (p *parser) expect(sign, after string) error {
	if !p.is(sign) {
		return p.unexpected(sign + " " + after)
	}
	return p.next()
}

// unexpected is the error of a token in the place of others.
func (p *parser) unexpected(want string) error {
	if p.tok.kind == endToken {
		return p.failf(p.tok.start, p.tok.end, layout.Syntax, "the text ends where %s should stand", want)
	}
	return p.failf(p.tok.start, p.tok.end, layout.Syntax, "%s where %s should stand", shortened(p.text[p.tok.start:p.tok.end]), want)
}
