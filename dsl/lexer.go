package dsl

import (
	"fmt"
	"go/constant"
	"go/token"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/alecthomas/participle/v2/lexer"

	"github.com/tilec/tilec/dsl/diag"
)

// The limits that keep time, memory and the depth of the tree bounded.
const (
	// MaxSource is the greatest size of a file in bytes.
	MaxSource = 2 << 20
	// MaxNesting is the greatest depth of brackets in one another, and the
	// greatest length of an if-else chain.
	MaxNesting = 200
	// MaxChain is the greatest height of the tree of one expression: the
	// length of a sum, of a row of casts, of a row of suffixes.
	MaxChain = 1000
	// MaxNumber is the greatest length of a number in bytes, and MaxExponent
	// the greatest absolute value of its exponent.
	MaxNumber   = 1000
	MaxExponent = 9999
	// MaxErrors is how many errors are looked for in one file.
	MaxErrors = 100
)

// Token types.
const (
	tokIdent lexer.TokenType = -(iota + 2)
	tokNumber
	tokString  // its Value keeps the quotes
	tokWidth   // `u{`, `i{`, `bp{`
	tokKeyword // one of keywords
	tokOp
	tokNewline // a ";" that stands for a line end
	tokBad     // what the scanner has reported; the parser says no more of it
)

// keywords holds the reserved words; true means that a line end behind the
// word is a ";".
var keywords = map[string]bool{
	"as": false, "asm": false, "axis": true, "bench": false, "bits": false, "break": true,
	"by": false, "chan": false, "const": false, "continue": true, "else": false, "expect": false,
	"for": false, "func": false, "if": false, "import": false, "in": false, "inout": false,
	"kernel": false, "package": false, "packed": true, "parallel": false, "peer": false,
	"pin": false, "require": false, "return": true, "role": false, "scaled": false,
	"schedule": false, "shared": true, "strided": true, "temp": false, "test": false,
	"tune": false, "turn": false, "type": true, "unchecked": true, "where": false,
	"while": false, "within": false,
}

// definition is the lexer as participle knows it.
type definition struct{}

// Symbols names the token types for the grammar's tags.
func (definition) Symbols() map[string]lexer.TokenType {
	return map[string]lexer.TokenType{
		"EOF": lexer.EOF, "Ident": tokIdent, "Number": tokNumber, "String": tokString,
		"WidthOpen": tokWidth, "Keyword": tokKeyword, "Op": tokOp, "Newline": tokNewline,
	}
}

// Lex reads all of r. What is no token is left out of the stream.
func (definition) Lex(filename string, r io.Reader) (lexer.Lexer, error) {
	src, err := io.ReadAll(io.LimitReader(r, MaxSource+1))
	if err != nil {
		return nil, err
	}
	return newScanner(filename, string(src)), nil
}

// scanner turns one file into tokens. Comments and errors gather beside.
type scanner struct {
	file  string
	src   string
	off   int  // of the next byte
	line  int  // of the next byte
	bol   int  // offset of the first byte of the line
	end   int  // of the last token
	ends  bool // a line end here is a ";"
	fresh bool // no token on this line yet
	depth int  // of open brackets
	// cut is set when scanning stopped before the end of the text: what is
	// missing behind is then no error.
	cut      bool
	comments []*Comment
	errs     diag.List
}

func newScanner(file, src string) *scanner {
	s := &scanner{file: file, src: src, line: 1, fresh: true}
	if len(src) > MaxSource {
		s.fail("E0006", 0, 0, "the file has more than %d bytes", MaxSource)
		s.cut = true
	}
	s.off = len(src) - len(strings.TrimPrefix(src, "\ufeff"))
	return s
}

// pos returns the place of a byte of the current line.
func (s *scanner) pos(off int) diag.Pos {
	return diag.Pos{Offset: off, Line: s.line, Col: off - s.bol + 1}
}

// fail records an error about src[from:to] of the current line.
func (s *scanner) fail(code diag.Code, from, to int, format string, args ...any) *diag.Diagnostic {
	if len(s.errs) >= MaxErrors {
		s.cut = true
	}
	return s.errs.Add(code, diag.Span{File: s.file, Start: s.pos(from), End: s.pos(to)}, format, args...)
}

// emit makes src[from:s.off] a token.
func (s *scanner) emit(t lexer.TokenType, from int) (lexer.Token, error) {
	s.fresh = false
	s.end = s.off
	return lexer.Token{Type: t, Value: s.src[from:s.off], Pos: s.position(from)}, nil
}

func (s *scanner) position(off int) lexer.Position {
	return lexer.Position{Filename: s.file, Offset: off, Line: s.line, Column: off - s.bol + 1}
}

// Next returns the next token; the error is always nil.
func (s *scanner) Next() (lexer.Token, error) {
	for {
		if s.cut {
			return lexer.EOFToken(s.position(s.off)), nil
		}
		if s.off >= len(s.src) {
			if s.ends {
				return s.newline()
			}
			return lexer.EOFToken(s.position(s.off)), nil
		}
		start := s.off
		c := s.src[start]
		switch {
		case c == ' ' || c == '\t' || c == '\r':
			s.off++
		case c == '\n':
			if s.ends {
				return s.newline()
			}
			s.off++
			s.line++
			s.bol = s.off
			s.fresh = true
		case letter(c):
			return s.word()
		case digit(c) || c == '.' && s.at(1) != '.' && digit(s.at(1)):
			return s.number()
		case c == '"':
			if s.str() {
				return s.emit(tokString, start)
			}
		case c == '/' && s.at(1) == '/':
			if s.ends {
				return s.newline()
			}
			s.comment()
		case c == '/' && s.at(1) == '*':
			s.blockComment()
		case c >= utf8.RuneSelf:
			r, _ := utf8.DecodeRuneInString(s.src[s.off:])
			if unicode.IsLetter(r) {
				return s.word()
			}
			return s.stray()
		default:
			n := operator(s.src[s.off:])
			if n == 0 {
				return s.stray()
			}
			if s.bracket(c) {
				s.off += n
				s.ends = c == ')' || c == ']' || c == '}'
				return s.emit(tokOp, start)
			}
		}
	}
}

// at returns the byte i places ahead, 0 behind the end.
func (s *scanner) at(i int) byte {
	if s.off+i < len(s.src) {
		return s.src[s.off+i]
	}
	return 0
}

func (s *scanner) newline() (lexer.Token, error) {
	s.ends = false
	return lexer.Token{Type: tokNewline, Value: ";", Pos: s.position(s.off)}, nil
}

// bracket counts brackets and reports whether scanning goes on.
func (s *scanner) bracket(c byte) bool {
	switch c {
	case '(', '[', '{':
		if s.depth++; s.depth > MaxNesting {
			s.fail("E0007", s.off, s.off+1, "brackets nest deeper than %d", MaxNesting)
			s.cut = true
			return false
		}
	case ')', ']', '}':
		s.depth = max(s.depth-1, 0)
	}
	return true
}

func (s *scanner) word() (lexer.Token, error) {
	start := s.off
	for s.off < len(s.src) {
		c := s.src[s.off]
		if letter(c) || digit(c) {
			s.off++
			continue
		}
		if c < utf8.RuneSelf {
			break
		}
		r, n := utf8.DecodeRuneInString(s.src[s.off:])
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			break
		}
		s.off += n
	}
	text := s.src[start:s.off]
	if s.at(0) == '{' && (text == "u" || text == "i" || text == "bp") {
		if s.bracket('{') {
			s.off++
			s.ends = false
			return s.emit(tokWidth, start)
		}
		return s.Next()
	}
	if ends, ok := keywords[text]; ok {
		s.ends = ends
		return s.emit(tokKeyword, start)
	}
	s.ends = true
	return s.emit(tokIdent, start)
}

func (s *scanner) number() (lexer.Token, error) {
	start := s.off
	hex := s.at(0) == '0' && (s.at(1)|0x20) == 'x'
	for s.off < len(s.src) {
		c := s.src[s.off]
		switch {
		case c == '.':
			if s.at(1) == '.' {
				return s.numberToken(start)
			}
		case c == '+' || c == '-':
			last := s.src[s.off-1] | 0x20
			if !(last == 'p' || last == 'e' && !hex) {
				return s.numberToken(start)
			}
		case !letter(c) && !digit(c):
			return s.numberToken(start)
		}
		s.off++
	}
	return s.numberToken(start)
}

// numberToken checks src[start:s.off] and emits it, as 0 if it is no number.
func (s *scanner) numberToken(start int) (lexer.Token, error) {
	s.ends = true
	raw := s.src[start:s.off]
	_, why := numberValue(raw)
	if why == "" {
		return s.emit(tokNumber, start)
	}
	code := diag.Code("E0004")
	if why != "bad" {
		code = "E0005"
	}
	switch why {
	case "bad":
		s.fail(code, start, s.off, "%s is no number", quote(raw))
	case "long":
		s.fail(code, start, s.off, "a number has at most %d characters", MaxNumber)
	case "exponent":
		s.fail(code, start, s.off, "the exponent of a number is at most %d", MaxExponent)
	}
	t, err := s.emit(tokNumber, start)
	t.Value = "0"
	return t, err
}

// numberValue returns the value of a literal, or why it has none: "bad",
// "long" or "exponent".
func numberValue(raw string) (constant.Value, string) {
	if len(raw) > MaxNumber {
		return nil, "long"
	}
	if len(raw) < 18 && raw[0] != '0' || len(raw) == 1 {
		n := int64(0)
		for i := 0; i < len(raw); i++ {
			if !digit(raw[i]) {
				n = -1
				break
			}
			n = n*10 + int64(raw[i]-'0')
		}
		if n >= 0 {
			return constant.MakeInt64(n), ""
		}
	}
	kind := token.INT
	if floatLiteral(raw) {
		kind = token.FLOAT
		i := strings.LastIndexAny(raw, "eEpP")
		if hexLiteral(raw) {
			i = strings.LastIndexAny(raw, "pP")
		}
		if i >= 0 {
			digits := strings.TrimLeft(strings.ReplaceAll(strings.TrimLeft(raw[i+1:], "+-"), "_", ""), "0")
			if len(digits) > len(strconv.Itoa(MaxExponent)) {
				return nil, "exponent"
			}
		}
	}
	v := constant.MakeFromLiteral(raw, kind, 0)
	if v.Kind() == constant.Unknown {
		return nil, "bad"
	}
	return v, ""
}

// str scans a string and reports whether it is one.
func (s *scanner) str() bool {
	start := s.off
	for i := start + 1; i < len(s.src); i++ {
		switch s.src[i] {
		case '\\':
			if i+1 < len(s.src) && s.src[i+1] != '\n' {
				i++
			}
		case '\n':
			s.unterminated(start, i)
			return true
		case '"':
			s.off = i + 1
			s.ends = true
			s.checkText(start, s.off)
			if _, err := strconv.Unquote(s.src[start:s.off]); err != nil && utf8.ValidString(s.src[start:s.off]) {
				s.fail("E0003", start, s.off, "%s has an escape that is none of Go's", quote(s.src[start:s.off]))
			}
			return true
		}
	}
	s.unterminated(start, len(s.src))
	return true
}

func (s *scanner) unterminated(start, end int) {
	for end > start+1 && (s.src[end-1] == '\r' || s.src[end-1] == ' ') {
		end--
	}
	s.fail("E0002", start, end, "the string has no closing quote on its line")
	s.off = end
	s.ends = true
}

// checkText reports bytes of src[from:to] that no text has.
func (s *scanner) checkText(from, to int) {
	if i, j, why := badText(s.src[from:to]); why != "" {
		s.fail("E0001", from+i, from+j, "%s", why)
	}
}

// badText returns the first place of text that no text has and what it is.
func badText(text string) (from, to int, why string) {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			return i, i + 1, fmt.Sprintf("byte 0x%02x is not UTF-8", text[i])
		case r == 0:
			return i, i + 1, "a NUL character is not allowed"
		case r == '\ufeff':
			return i, i + n, "a byte order mark is allowed only at the start of a file"
		}
		i += n
	}
	return 0, 0, ""
}

func (s *scanner) comment() {
	start := s.off
	end := strings.IndexByte(s.src[start:], '\n')
	if end < 0 {
		end = len(s.src)
	} else {
		end += start
	}
	s.off = end
	text := strings.TrimRight(s.src[start:end], " \t\r")
	s.checkText(start, start+len(text))
	c := &Comment{Text: text, Own: s.fresh}
	c.span = diag.Span{File: s.file, Start: s.pos(start), End: s.pos(start + len(text))}
	s.comments = append(s.comments, c)
}

// blockComment reports `/*` and goes on behind its end.
func (s *scanner) blockComment() {
	s.fail("E0009", s.off, s.off+2, "comments begin with //")
	s.off += 2
	stop := len(s.src)
	if end := strings.Index(s.src[s.off:], "*/"); end >= 0 {
		stop = s.off + end + 2
	} else {
		s.cut = true
	}
	for ; s.off < stop; s.off++ {
		if s.src[s.off] == '\n' {
			s.line++
			s.bol = s.off + 1
		}
	}
}

// stray reports a run of bytes that begin no token.
func (s *scanner) stray() (lexer.Token, error) {
	start := s.off
	for s.off < len(s.src) {
		c := s.src[s.off]
		r, n := utf8.DecodeRuneInString(s.src[s.off:])
		if c <= ' ' && c != 0 && (c == ' ' || c == '\t' || c == '\n' || c == '\r') ||
			c == '"' || letter(c) || digit(c) || operator(s.src[s.off:]) > 0 ||
			n > 1 && unicode.IsLetter(r) {
			break
		}
		s.off += n
	}
	if from, to, why := badText(s.src[start:s.off]); why != "" {
		s.fail("E0001", start+from, start+to, "%s", why).Span.Start = s.pos(start)
		return s.emit(tokBad, start)
	}
	d := s.fail("E0001", start, s.off, "%s is no part of the language", quote(s.src[start:s.off]))
	switch r, _ := utf8.DecodeRuneInString(s.src[start:]); r {
	case '#':
		d.Suggest(d.Span, "//", "begin comments with //")
	case '\'', '`':
		d.Suggest(d.Span, `"`, "write strings in double quotes")
	case '·', '×':
		d.Suggest(d.Span, "*", "write products with *")
	case '≤':
		d.Suggest(d.Span, "<=", "write the comparison in ASCII")
	case '≥':
		d.Suggest(d.Span, ">=", "write the comparison in ASCII")
	case '≠':
		d.Suggest(d.Span, "!=", "write the comparison in ASCII")
	case '−', '–':
		d.Suggest(d.Span, "-", "write the ASCII minus sign")
	}
	return s.emit(tokBad, start)
}

// operator returns the length of the operator that text begins with, or 0.
func operator(text string) int {
	c := text[0]
	next, third := byte(0), byte(0)
	if len(text) > 1 {
		next = text[1]
	}
	if len(text) > 2 {
		third = text[2]
	}
	switch c {
	case '(', ')', '[', ']', '{', '}', ',', ';', '~':
		return 1
	case ':', '=', '!', '*', '/', '%', '^', '-':
		if next == '=' {
			return 2
		}
		return 1
	case '.':
		if next == '.' {
			return 2
		}
		return 1
	case '+', '&', '|':
		if next == '=' || next == c {
			return 2
		}
		return 1
	case '<', '>':
		switch {
		case next == c && third == '=':
			return 3
		case next == c || next == '=' || c == '<' && next == '-':
			return 2
		}
		return 1
	}
	return 0
}

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' }

func digit(c byte) bool { return '0' <= c && c <= '9' }

func hexLiteral(raw string) bool {
	return len(raw) > 1 && raw[0] == '0' && raw[1]|0x20 == 'x'
}

// floatLiteral reports whether a number is written as floating point.
func floatLiteral(raw string) bool {
	if hexLiteral(raw) {
		return strings.ContainsAny(raw, ".pP")
	}
	return strings.ContainsAny(raw, ".eE")
}

// quote shows a piece of text in a message, shortened.
func quote(text string) string {
	const most = 40
	if len(text) > most {
		cut := most
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	for _, r := range text {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return strconv.Quote(text)
		}
	}
	return "`" + text + "`"
}

// tokenSpan returns the place of a token. A line end has no width.
func tokenSpan(t *lexer.Token) diag.Span {
	start := diag.Pos{Offset: t.Pos.Offset, Line: t.Pos.Line, Col: t.Pos.Column}
	end := start
	if t.Type != tokNewline {
		end.Offset += len(t.Value)
		end.Col += len(t.Value)
	}
	return diag.Span{File: t.Pos.Filename, Start: start, End: end}
}
