package diag

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Renderer prints diagnostics.
type Renderer struct {
	// Source returns the text of a file, nil if it is not to be had; then
	// the lines under a diagnostic are left out. It may be nil.
	Source func(file string) []byte
	// Color puts ANSI colours around severities, carets and edits.
	Color bool
	// Max is how many diagnostics are printed; 0 means all.
	Max int

	lines map[string][]string
}

// Sources returns a Source that knows the given files.
func Sources(files map[string][]byte) func(string) []byte {
	return func(name string) []byte { return files[name] }
}

// ANSI escapes.
const (
	styleReset = "\x1b[0m"
	styleBold  = "\x1b[1m"
	styleError = "\x1b[1;31m"
	styleWarn  = "\x1b[1;35m"
	styleNote  = "\x1b[1;36m"
	styleFix   = "\x1b[32m"
)

func (r *Renderer) style(style, text string) string {
	if !r.Color || text == "" {
		return text
	}
	return style + text + styleReset
}

// Render writes the list, sorted and without repetitions:
//
//	k.tile:3:9: error E0010: expected `in`, found `of`
//	    for n of N {
//	          ^~
//	k.tile:1:1: note: …
//	    fix: write `in`
//	    for n in N {
//
// It returns the writer's first error.
func (r *Renderer) Render(w io.Writer, list List) error {
	shown := list.Sorted()
	left := 0
	if r.Max > 0 {
		shown, left = shown.Limit(r.Max)
	}
	var b strings.Builder
	for _, d := range shown {
		r.diagnostic(&b, d)
	}
	if left > 0 {
		fmt.Fprintf(&b, "and %d more\n", left)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (r *Renderer) diagnostic(b *strings.Builder, d *Diagnostic) {
	severity := styleError
	if d.Severity == Warning {
		severity = styleWarn
	}
	r.head(b, d.Span, r.style(severity, fmt.Sprintf("%s %s:", d.Severity, d.Code)), d.Message)
	r.excerpt(b, d.Span, severity)
	for _, n := range d.Notes {
		if n.Span.String() == "" { // a further line about the same place
			fmt.Fprintf(b, "    %s\n", printable(n.Message))
			continue
		}
		r.head(b, n.Span, r.style(styleNote, "note:"), n.Message)
		r.excerpt(b, n.Span, styleNote)
	}
	if d.Fix != nil {
		fmt.Fprintf(b, "    %s %s\n", r.style(styleFix, "fix:"), d.Fix.Message)
		if line, ok := r.edited(d.Fix); ok {
			fmt.Fprintf(b, "    %s\n", r.style(styleFix, line))
		}
	}
}

func (r *Renderer) head(b *strings.Builder, at Span, label, message string) {
	if loc := at.String(); loc != "" {
		b.WriteString(r.style(styleBold, loc+":"))
		b.WriteByte(' ')
	}
	fmt.Fprintf(b, "%s %s\n", label, printable(message))
}

// line returns line n of a file, without its end.
func (r *Renderer) line(file string, n int) (string, bool) {
	if r.Source == nil || n < 1 {
		return "", false
	}
	lines, ok := r.lines[file]
	if !ok {
		if src := r.Source(file); src != nil {
			lines = strings.Split(string(src), "\n")
		}
		if r.lines == nil {
			r.lines = map[string][]string{}
		}
		r.lines[file] = lines
	}
	if n > len(lines) {
		return "", false
	}
	return strings.TrimSuffix(lines[n-1], "\r"), true
}

// A line longer than maxLine columns is shown from a little before its span.
const (
	maxLine = 160
	before  = 40
)

// excerpt writes the source line of a span and carets under it.
func (r *Renderer) excerpt(b *strings.Builder, at Span, style string) {
	line, ok := r.line(at.File, at.Start.Line)
	if !ok || !at.IsValid() {
		return
	}
	from := clamp(at.Start.Col-1, 0, len(line))
	to := len(line)
	if at.End.Line == at.Start.Line {
		to = clamp(at.End.Col-1, from, len(line))
	}
	head, body, tail := expand(line[:from], 0), "", ""
	body = expand(line[from:to], columns(head))
	tail = expand(line[to:], columns(head)+columns(body))
	if columns(head)+columns(body)+columns(tail) > maxLine {
		head = lastColumns(head, before)
		if columns(body) > maxLine-before {
			body, tail = firstColumns(body, maxLine-before), ""
		}
		tail = firstColumns(tail, maxLine-columns(head)-columns(body))
	}
	carets := "^" + strings.Repeat("~", max(columns(body)-1, 0))
	fmt.Fprintf(b, "    %s\n", strings.TrimRight(head+body+tail, " "))
	fmt.Fprintf(b, "    %s%s\n", strings.Repeat(" ", columns(head)), r.style(style, carets))
}

// edited returns the line that an edit within one line makes.
func (r *Renderer) edited(e *Edit) (string, bool) {
	if !e.Span.IsValid() || e.Span.Start.Line != e.Span.End.Line || strings.Contains(e.NewText, "\n") {
		return "", false
	}
	line, ok := r.line(e.Span.File, e.Span.Start.Line)
	if !ok || len(line) > maxLine {
		return "", false
	}
	from := clamp(e.Span.Start.Col-1, 0, len(line))
	to := clamp(e.Span.End.Col-1, from, len(line))
	return strings.TrimRight(expand(line[:from]+e.NewText+line[to:], 0), " "), true
}

func clamp(x, lo, hi int) int { return max(lo, min(x, hi)) }

// expand makes text printable that begins at a column: a tab goes to the next
// multiple of four, what a terminal would act on becomes "�".
func expand(text string, column int) string {
	var b strings.Builder
	for _, c := range text {
		switch {
		case c == '\t':
			n := 4 - column%4
			b.WriteString("    "[:n])
			column += n
			continue
		case unicode.IsControl(c) || c == utf8.RuneError || unicode.Is(unicode.Cf, c):
			c = utf8.RuneError
		}
		b.WriteRune(c)
		column += runeColumns(c)
	}
	return b.String()
}

// printable keeps a message from acting on the terminal.
func printable(text string) string {
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) {
			return utf8.RuneError
		}
		return c
	}, text)
}

// columns returns how many columns of a terminal text takes.
func columns(text string) int {
	n := 0
	for _, c := range text {
		n += runeColumns(c)
	}
	return n
}

// wide holds the ranges of characters two columns wide: East Asian scripts,
// fullwidth forms, emoji.
var wide = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x1100, Hi: 0x115f, Stride: 1}, {Lo: 0x2e80, Hi: 0x303e, Stride: 1},
		{Lo: 0x3041, Hi: 0xa4cf, Stride: 1}, {Lo: 0xac00, Hi: 0xd7a3, Stride: 1},
		{Lo: 0xf900, Hi: 0xfaff, Stride: 1}, {Lo: 0xfe30, Hi: 0xfe6f, Stride: 1},
		{Lo: 0xff00, Hi: 0xff60, Stride: 1}, {Lo: 0xffe0, Hi: 0xffe6, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1f300, Hi: 0x1f64f, Stride: 1}, {Lo: 0x1f900, Hi: 0x1f9ff, Stride: 1},
		{Lo: 0x20000, Hi: 0x3fffd, Stride: 1},
	},
}

func runeColumns(c rune) int {
	switch {
	case c < 0x300:
		return 1
	case unicode.In(c, unicode.Mn, unicode.Me):
		return 0
	case unicode.Is(wide, c):
		return 2
	}
	return 1
}

func lastColumns(text string, n int) string {
	over := columns(text) - n
	for i, c := range text {
		if over <= 0 {
			return text[i:]
		}
		over -= runeColumns(c)
	}
	return ""
}

func firstColumns(text string, n int) string {
	total := 0
	for i, c := range text {
		total += runeColumns(c)
		if total > n {
			return text[:i]
		}
	}
	return text
}

// The JSON form of a diagnostic. Lines and columns count from 1, columns in
// bytes; end is exclusive.
type jsonSpan struct {
	File    string `json:"file,omitempty"`
	Line    int    `json:"line,omitempty"`
	Col     int    `json:"col,omitempty"`
	EndLine int    `json:"end_line,omitempty"`
	EndCol  int    `json:"end_col,omitempty"`
}

type jsonNote struct {
	jsonSpan
	Message string `json:"message"`
}

type jsonFix struct {
	jsonSpan
	NewText string `json:"new_text"`
	Message string `json:"message"`
}

type jsonDiagnostic struct {
	jsonSpan
	Severity string     `json:"severity"`
	Code     Code       `json:"code"`
	Message  string     `json:"message"`
	Notes    []jsonNote `json:"notes,omitempty"`
	Fix      *jsonFix   `json:"fix,omitempty"`
}

func spanJSON(s Span) jsonSpan {
	return jsonSpan{s.File, s.Start.Line, s.Start.Col, s.End.Line, s.End.Col}
}

// RenderJSON writes the list, sorted and without repetitions, one object a
// line. It returns the writer's first error.
func RenderJSON(w io.Writer, list List) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	for _, d := range list.Sorted() {
		j := jsonDiagnostic{
			jsonSpan: spanJSON(d.Span), Severity: d.Severity.String(), Code: d.Code, Message: d.Message,
		}
		for _, n := range d.Notes {
			j.Notes = append(j.Notes, jsonNote{spanJSON(n.Span), n.Message})
		}
		if d.Fix != nil {
			j.Fix = &jsonFix{spanJSON(d.Fix.Span), d.Fix.NewText, d.Fix.Message}
		}
		if err := enc.Encode(j); err != nil {
			return err
		}
	}
	return nil
}

// Valid reports whether c has the form of a code: "E" and four digits.
func (c Code) Valid() bool {
	if len(c) != 5 || c[0] != 'E' {
		return false
	}
	_, err := strconv.ParseUint(string(c[1:]), 10, 16)
	return err == nil
}
