// Package expr evaluates texts about layouts: in comes an expression of layouts, distributions, swizzles, fragments and
// the operations on them, out comes its value, or an [Error] that says where the text fails and why. What values print
// is such a text again, and evaluates to an equal value.
//
// The text is anything: it is bounded in length and nesting, and no text panics or runs without an end.
package expr

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/tilec/tilec/ir/layout"
)

// MaxText is the most bytes that a text may have.
const MaxText = 1 << 14

// maxDepth is how deep brackets and calls may be nested.
const maxDepth = 100

// A Value is what a text stands for: a [layout.Layout], a [layout.Distribution], a [layout.Swizzle], an [Integer] or a
// [Truth].
type Value interface {
	// String is a text that evaluates to the value.
	String() string
}

// An Integer is a number that an operation gives, such as a size. A number alone is no Integer, but the shape of a
// layout.
type Integer int64

func (n Integer) String() string { return strconv.FormatInt(int64(n), 10) }

// A Truth is what a question about layouts gives.
type Truth bool

func (b Truth) String() string { return strconv.FormatBool(bool(b)) }

// An Error says why a text has no value, and which of its bytes are to blame.
type Error struct {
	Start, End int // in bytes; End may equal Start, where something is missing
	Err        *layout.Error
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap is the reason, a *layout.Error whose Offset is Start.
func (e *Error) Unwrap() error { return e.Err }

// shownColumns is how much of a long line Mark shows.
const shownColumns = 100

// Mark is the line of the text that the error is about, and below it a mark under the place. Characters that act on a
// terminal are shown as a replacement.
func (e *Error) Mark(text string) string {
	from := strings.LastIndexByte(text[:e.Start], '\n') + 1
	to := len(text)
	if n := strings.IndexByte(text[e.Start:], '\n'); n >= 0 {
		to = e.Start + n
	}
	var line []rune
	start, end := 0, 0
	for at := from; at < to; {
		r, n := utf8.DecodeRuneInString(text[at:to])
		if !unicode.IsPrint(r) {
			r = '\uFFFD'
		}
		if at < e.Start {
			start++
		}
		if at < e.End {
			end++
		}
		line = append(line, r)
		at += n
	}
	if start > shownColumns/2 {
		cut := start - shownColumns/2
		line, start, end = append([]rune("…"), line[cut:]...), start-cut+1, end-cut+1
	}
	if len(line) > shownColumns {
		line = append(line[:shownColumns:shownColumns], '…')
	}
	end = min(max(end, start+1), max(len(line), start+1))
	return string(line) + "\n" + strings.Repeat(" ", start) + "^" + strings.Repeat("~", end-start-1)
}

// Eval is the value of a text. Its error is an *Error.
func Eval(text string) (Value, error) {
	p := &parser{text: text}
	if len(text) > MaxText {
		return nil, p.failf(MaxText, MaxText, layout.Overflow, "the text has %d bytes; at most %d", len(text), MaxText)
	}
	if err := p.next(); err != nil {
		return nil, err
	}
	if p.tok.kind == endToken {
		return nil, p.failf(p.tok.start, p.tok.end, layout.Syntax, "there is no expression")
	}
	x, err := p.expression()
	if err != nil {
		return nil, err
	}
	if p.tok.kind != endToken {
		return nil, p.unexpected("an operator or the end")
	}
	if _, ok := x.value.(tiler); ok {
		return nil, p.wrong(x, "a tiler is an argument of an operation")
	}
	x, err = p.convert(x, aLayout|aDistribution|aSwizzle|aNumber|aTruth)
	if err != nil {
		return nil, err
	}
	return x.value.(Value), nil
}

// failf is an error at some bytes of the text.
func (p *parser) failf(start, end int, r layout.Reason, format string, args ...any) error {
	return &Error{start, end, &layout.Error{Reason: r, Text: fmt.Sprintf(format, args...), Offset: start}}
}

// at puts an error of the algebra at some bytes of the text.
func (p *parser) at(start, end int, err error) error {
	e := &layout.Error{Text: err.Error()}
	if reason := (*layout.Error)(nil); errors.As(err, &reason) {
		*e = *reason
	}
	e.Offset = start
	return &Error{start, end, e}
}
