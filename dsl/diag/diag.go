// Package diag is how every part of the tool speaks about a source text.
//
// In go diagnostics: a code, a severity, a span of a file, one sentence, and
// where two facts disagree a note at the second place, and where a remedy is
// known an edit. Out come a sorted list without repetitions, the text that a
// terminal shows (source line, caret, note, suggestion), one JSON object a
// line, and for each code the page that `tilec explain` prints.
//
// It always holds that a printed list is in the order of file, position and
// code, whatever the order in which its members were found, and that no
// rendering reads outside the source it was given.
package diag

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Code names one kind of diagnostic: "E" and four digits. E0001 to E0199
// belong to the lexer and parser, E0200 to E0599 to the checker, E0600 and up
// to what runs a program.
type Code string

// Severity tells whether a program is refused.
type Severity uint8

// The severities.
const (
	Error Severity = iota
	Warning
)

// String returns the word that is printed.
func (s Severity) String() string {
	if s == Warning {
		return "warning"
	}
	return "error"
}

// Pos is a place in a file. Offset counts bytes from 0; Line and Col count
// from 1, Col in bytes, as Go's tools do. The zero Pos is no place.
type Pos struct {
	Offset int
	Line   int
	Col    int
}

// IsValid reports whether p is a place in a file.
func (p Pos) IsValid() bool { return p.Line > 0 }

// String returns "line:col".
func (p Pos) String() string { return fmt.Sprintf("%d:%d", p.Line, p.Col) }

// Span is a stretch of a file, Start inclusive, End exclusive. The zero Span
// is nowhere; a Span with a File and no valid Start is the whole file.
type Span struct {
	File       string
	Start, End Pos
}

// IsValid reports whether s is a place in a file.
func (s Span) IsValid() bool { return s.Start.IsValid() }

// String returns "file:line:col", or as much of it as is known.
func (s Span) String() string {
	switch {
	case !s.IsValid():
		return s.File
	case s.File == "":
		return s.Start.String()
	default:
		return s.File + ":" + s.Start.String()
	}
}

// To returns the span from the start of s to the end of t. An invalid span
// gives way to the other.
func (s Span) To(t Span) Span {
	if !s.IsValid() {
		return t
	}
	if !t.IsValid() {
		return s
	}
	return Span{File: s.File, Start: s.Start, End: t.End}
}

// Note is the second place of a diagnostic.
type Note struct {
	Span    Span
	Message string
}

// Edit is a suggestion: replace Span by NewText. An empty Span inserts.
type Edit struct {
	Span    Span
	NewText string
	Message string // what the edit does, in the imperative, without a full stop
}

// Diagnostic is one finding.
type Diagnostic struct {
	Code     Code
	Severity Severity
	Span     Span
	Message  string // one sentence, lower case, without a full stop
	Notes    []Note
	Fix      *Edit
}

// Error returns the first line of the rendering; it makes a Diagnostic an
// error value.
func (d *Diagnostic) Error() string {
	var b strings.Builder
	if loc := d.Span.String(); loc != "" {
		b.WriteString(loc)
		b.WriteString(": ")
	}
	fmt.Fprintf(&b, "%s %s: %s", d.Severity, d.Code, d.Message)
	return b.String()
}

// List is a sequence of diagnostics. The zero List is ready to use.
type List []*Diagnostic

// Add appends an error and returns it, so that notes and a fix can be hung on.
func (l *List) Add(code Code, span Span, format string, args ...any) *Diagnostic {
	d := &Diagnostic{Code: code, Span: span, Message: fmt.Sprintf(format, args...)}
	*l = append(*l, d)
	return d
}

// Warn is Add for a warning.
func (l *List) Warn(code Code, span Span, format string, args ...any) *Diagnostic {
	d := l.Add(code, span, format, args...)
	d.Severity = Warning
	return d
}

// Note adds a second place to d and returns d.
func (d *Diagnostic) Note(span Span, format string, args ...any) *Diagnostic {
	d.Notes = append(d.Notes, Note{Span: span, Message: fmt.Sprintf(format, args...)})
	return d
}

// Suggest sets the edit of d and returns d.
func (d *Diagnostic) Suggest(span Span, newText, format string, args ...any) *Diagnostic {
	d.Fix = &Edit{Span: span, NewText: newText, Message: fmt.Sprintf(format, args...)}
	return d
}

// HasErrors reports whether any member is an error.
func (l List) HasErrors() bool {
	return slices.ContainsFunc(l, func(d *Diagnostic) bool { return d.Severity == Error })
}

// Err returns nil when l has no error, else an error whose text is the first
// lines of all of them.
func (l List) Err() error {
	if !l.HasErrors() {
		return nil
	}
	return listError{l.Sorted()}
}

type listError struct{ list List }

func (e listError) Error() string {
	lines := make([]string, len(e.list))
	for i, d := range e.list {
		lines[i] = d.Error()
	}
	return strings.Join(lines, "\n")
}

// Sorted returns the members in the order of file, position, severity, code and
// message, each once. The same code at the same place is the same finding,
// whatever it says: the first is kept.
func (l List) Sorted() List {
	out := slices.Clone(l)
	slices.SortStableFunc(out, func(a, b *Diagnostic) int {
		return cmp.Or(
			cmp.Compare(a.Span.File, b.Span.File),
			cmp.Compare(a.Span.Start.Offset, b.Span.Start.Offset),
			cmp.Compare(a.Severity, b.Severity),
			cmp.Compare(a.Code, b.Code),
		)
	})
	return slices.CompactFunc(out, func(a, b *Diagnostic) bool {
		return a.Code == b.Code && a.Span.File == b.Span.File && a.Span.Start == b.Span.Start
	})
}

// Limit returns at most n members and how many were left off.
func (l List) Limit(n int) (List, int) {
	if n < 0 || len(l) <= n {
		return l, 0
	}
	return l[:n], len(l) - n
}
