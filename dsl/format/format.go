// Package format writes a program in its canonical form, as gofmt does for Go.
//
// A text goes in; the same program comes out with canonical blanks,
// indentation and columns. The author's line breaks stay, and so does every
// comment. What the form is:
//
//   - Four spaces a level. What goes on on the next line, in a bracket or
//     without, is indented by one level; entries of a schedule stand under the
//     first one of their section if it follows the brace.
//   - Binary operators have a blank on both sides. Arithmetic ones have none
//     where the author wrote none, unless an operand has some outside of
//     brackets: `g*G + j`, never `g + j*G` as `g+j * G`.
//   - A block written on one line stays so; else its braces end and begin lines.
//   - At most one blank line in a row, none inside braces at their ends, one
//     around declarations of several lines and behind the package clause and
//     the imports.
//   - A comment behind code keeps its column if it can; on adjacent lines of
//     one indentation comments share a column.
//   - The sections of a schedule are a table: braces in one column, entries of
//     the same name in one column.
//   - Adjacent assignments, and adjacent statements of one keyword with a
//     one-line block, are aligned if the author aligned one of them, that is put
//     two blanks or more before its operator or brace.
//
// It always holds that formatting a formatted text changes nothing, that the
// program and the comments are the same before and after, and that a text with
// errors is not touched.
package format

import (
	"cmp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
)

const level = 4 // spaces of one indentation

// Source returns the canonical form of a file. If the text has errors they are
// returned and the text is nil.
func Source(filename string, src []byte) ([]byte, diag.List) {
	file, errs := dsl.Parse(filename, src)
	if errs.HasErrors() {
		return nil, errs
	}
	p := &printer{src: string(src), marks: mark(file, src)}
	p.gather(file)
	p.breakLines(file)
	p.alignRuns()
	p.alignSections()
	p.place()
	p.alignComments()
	return p.write(), nil
}

// piece is a token or a comment.
type piece struct {
	text    string
	span    diag.Span
	comment bool
	own     bool // a comment on a line of its own
	width   bool // opens `u{`
	op      bool // an operator or bracket
	word    bool // a keyword
	match   int  // of a bracket: the piece that is its partner
}

// line is one line of the output.
type line struct {
	pieces  []int // indices of pieces, without a comment behind code
	gaps    []int // blanks before each piece; of the first unused
	comment int   // a comment behind the code, or -1
	blank   bool  // a free line before
	start   bool  // its first piece begins a statement, a declaration or an item
	indent  int   // columns before the first piece
	depth   int   // of braces around its first piece
	column  int   // of the comment
}

// printer holds the text on its way.
type printer struct {
	src    string
	marks  *marks
	pieces []piece
	lines  []*line
	lineOf []int // line of each piece
	slot   []int // place of each piece in its line
}

// gather joins tokens and comments in the order of the text.
func (p *printer) gather(file *dsl.File) {
	tokens := dsl.Tokens(file.Name, []byte(p.src))
	comments := file.Comments
	var open []int
	for len(tokens) > 0 || len(comments) > 0 {
		i := len(p.pieces)
		if len(tokens) == 0 || len(comments) > 0 &&
			comments[0].Span().Start.Offset < tokens[0].Span.Start.Offset {
			c := comments[0]
			comments = comments[1:]
			p.pieces = append(p.pieces, piece{text: c.Text, span: c.Span(), comment: true, own: c.Own, match: -1})
			continue
		}
		t := tokens[0]
		tokens = tokens[1:]
		q := piece{
			text: t.Text, span: t.Span, match: -1,
			width: t.Kind == dsl.TokenWidth,
			op:    t.Kind == dsl.TokenOperator,
			word:  t.Kind == dsl.TokenKeyword,
		}
		switch {
		case q.opens():
			open = append(open, i)
		case q.closes():
			q.match = open[len(open)-1]
			p.pieces[q.match].match = i
			open = open[:len(open)-1]
		}
		p.pieces = append(p.pieces, q)
	}
	p.lineOf = make([]int, len(p.pieces))
	p.slot = make([]int, len(p.pieces))
}

// at returns the first piece at or behind an offset.
func (p *printer) at(offset int) int {
	i, _ := slices.BinarySearchFunc(p.pieces, offset, func(q piece, offset int) int {
		return cmp.Compare(q.span.Start.Offset, offset)
	})
	return i
}

// is reports whether q is the operator text.
func (q *piece) is(text string) bool { return q.op && q.text == text }

func (q *piece) opens() bool {
	return q.width || q.op && (q.text == "(" || q.text == "[" || q.text == "{")
}

func (q *piece) closes() bool {
	return q.op && (q.text == ")" || q.text == "]" || q.text == "}")
}

// broken reports whether the braces that piece i opens hold lines of their own:
// those of a block or schedule that the author did not write on one line.
func (p *printer) broken(i int) bool {
	q := &p.pieces[i]
	return q.is("{") && p.marks.block[q.span.Start.Offset] &&
		p.pieces[q.match].span.Start.Line > q.span.Start.Line
}

// breakLines distributes the pieces over lines.
func (p *printer) breakLines(file *dsl.File) {
	separate := p.separators(file)
	solid, between := p.ahead()
	var cur *line
	last := -1 // the piece before
	depth := 0
	for i := range p.pieces {
		q := &p.pieces[i]
		if p.dropped(i, last, solid[i]) {
			p.lineOf[i] = len(p.lines) - 1
			continue
		}
		lines := 0 // line ends in the text since the piece before
		if last >= 0 {
			lines = q.span.Start.Line - p.pieces[last].span.Start.Line
		}
		closes := q.closes() && p.broken(q.match)
		if closes {
			depth--
		}
		fresh := last < 0 || lines > 0
		switch {
		case last < 0:
		case p.pieces[last].comment:
			fresh = true
		case q.comment:
			fresh = q.own
		case closes || p.broken(last) || p.marks.decl[q.span.Start.Offset]:
			fresh = true
		case q.is("{") && p.marks.block[q.span.Start.Offset]:
			fresh = false
		}
		if fresh {
			cur = &line{comment: -1, depth: depth, start: p.marks.start[q.span.Start.Offset] || closes || q.comment && between[i]}
			cur.blank = last >= 0 && (lines > 1 || separate[q.span.Start.Offset]) &&
				!p.pieces[last].opens() && !q.closes()
			p.lines = append(p.lines, cur)
		}
		p.lineOf[i] = len(p.lines) - 1
		if q.comment && !fresh {
			cur.comment = i
		} else {
			gap := 0
			if !fresh {
				gap = p.gap(last, i)
			}
			p.slot[i] = len(cur.pieces)
			cur.pieces = append(cur.pieces, i)
			cur.gaps = append(cur.gaps, gap)
		}
		if p.broken(i) {
			depth++
		}
		last = i
	}
}

// ahead returns for each piece the next one that is no semicolon, and whether
// what follows it, comments and semicolons aside, begins or ends something: a
// comment there stands between statements.
func (p *printer) ahead() (solid []int, between []bool) {
	n := len(p.pieces)
	solid, between = make([]int, n), make([]bool, n)
	next, fresh := n, true
	for i := n - 1; i >= 0; i-- {
		solid[i], between[i] = next, fresh
		q := &p.pieces[i]
		if q.is(";") {
			continue
		}
		next = i
		if !q.comment {
			fresh = p.marks.start[q.span.Start.Offset] || q.closes() && p.broken(q.match)
		}
	}
	return solid, between
}

// dropped reports whether piece i is left out: a semicolon at the end of a line
// or before a brace or behind another one, and a comma before the bracket that
// closes its line. next is the piece behind it that is no semicolon.
func (p *printer) dropped(i, last, next int) bool {
	q := &p.pieces[i]
	if !q.is(";") && !q.is(",") {
		return false
	}
	sameLine := next < len(p.pieces) && p.pieces[next].span.Start.Line == q.span.Start.Line &&
		!p.pieces[next].comment
	if q.is(",") {
		return sameLine && p.pieces[next].closes() && p.pieces[next].text != "}"
	}
	if last < 0 || !sameLine || p.pieces[next].closes() || p.marks.decl[p.pieces[next].span.Start.Offset] {
		return true
	}
	before := &p.pieces[last]
	return before.opens() || before.is(";") || before.is(",") || before.comment ||
		before.span.Start.Line < q.span.Start.Line
}

// separators returns the offsets before which a free line must be: between the
// package clause, the imports and the declarations of several lines.
func (p *printer) separators(file *dsl.File) map[int]bool {
	at := map[int]bool{}
	long := func(d dsl.Node) bool {
		s := d.Span()
		return s.Start.Line < s.End.Line
	}
	prev := dsl.Node(file.Package)
	for i, d := range file.Decls {
		_, imp := d.(*dsl.Import)
		split := long(prev) || long(d)
		if i == 0 {
			split = true
		} else if _, before := file.Decls[i-1].(*dsl.Import); before && !imp {
			split = true
		}
		if split {
			p.separate(at, prev.Span().End, d.Span().Start)
		}
		prev = d
	}
	return at
}

// separate marks the first comment of its own line between two declarations,
// or the second declaration, unless the author left a line free somewhere.
func (p *printer) separate(at map[int]bool, from, to diag.Pos) {
	line := from.Line
	first := -1
	for i := p.at(from.Offset); i < len(p.pieces); i++ {
		q := &p.pieces[i]
		if q.span.Start.Line > line+1 {
			return
		}
		line = q.span.Start.Line
		if first < 0 && (q.own || q.span.Start.Offset == to.Offset) {
			first = q.span.Start.Offset
		}
		if q.span.Start.Offset >= to.Offset {
			break
		}
	}
	at[first] = true
}

// gap returns the blanks between two pieces on a line.
func (p *printer) gap(last, i int) int {
	a, b := &p.pieces[last], &p.pieces[i]
	switch {
	case b.is(",") || b.is(";") || b.is(":") || b.is(".") || a.is("."):
		return 0
	case a.is(";") && p.marks.tune[a.span.Start.Offset]:
		return 2
	case a.is("(") || a.is("[") || a.width || b.is(")") || b.is("]") || b.is("}") && p.pieces[b.match].width:
		return 0
	case a.is("{") && b.is("}"):
		return 0
	case a.is("..") || b.is(".."):
		return 0
	case p.marks.unary[a.span.Start.Offset] || p.marks.tight[a.span.Start.Offset] || p.marks.tight[b.span.Start.Offset]:
		return 0
	case (b.is("(") || b.is("[")) && !p.marks.spaced[b.span.Start.Offset]:
		return 0
	}
	return 1
}

// columnsOf returns the columns that a text takes.
func columnsOf(text string) int { return utf8.RuneCountInString(text) }

// place finds the indentation of every line, top down, since a line within a
// bracket may stand under a column of an earlier one.
func (p *printer) place() {
	var open []int // pieces of open brackets
	column := make([]int, len(p.pieces))
	for n, l := range p.lines {
		l.indent = p.indentOf(n, open, column)
		at := l.indent
		for k, i := range l.pieces {
			q := &p.pieces[i]
			if k > 0 {
				at += l.gaps[k]
			}
			column[i] = at
			at += columnsOf(q.text)
			switch {
			case q.opens():
				open = append(open, i)
			case q.closes():
				open = open[:len(open)-1]
			}
		}
	}
}

// indentOf returns the indentation of line n, given the open brackets and the
// columns of the pieces before it.
func (p *printer) indentOf(n int, open []int, column []int) int {
	l := p.lines[n]
	first := &p.pieces[l.pieces[0]]
	// The innermost bracket that is not the brace of a broken block.
	if len(open) > 0 && !p.broken(open[len(open)-1]) {
		o := open[len(open)-1]
		opener := p.lines[p.lineOf[o]]
		hanging := opener.pieces[len(opener.pieces)-1] == o
		switch {
		case first.closes():
			return opener.indent
		case hanging:
			return opener.indent + level + p.continued(l, o)
		case p.pieces[o].is("{"):
			return column[opener.pieces[p.slot[o]+1]]
		default:
			return opener.indent + level
		}
	}
	if l.start {
		return l.depth * level
	}
	return (l.depth + 1) * level
}

// continued returns the further indentation of a line inside the hanging
// bracket o that goes on an element.
func (p *printer) continued(l *line, o int) int {
	if l.start || p.pieces[l.pieces[0]].comment {
		return 0
	}
	for i := l.pieces[0] - 1; i > o; i-- {
		q := &p.pieces[i]
		if q.comment {
			continue
		}
		if q.is(",") || q.is(";") {
			return 0
		}
		return level
	}
	return 0
}

// end returns the column behind the code of a line.
func (p *printer) end(l *line) int {
	at := l.indent
	for k, i := range l.pieces {
		if k > 0 {
			at += l.gaps[k]
		}
		at += columnsOf(p.pieces[i].text)
	}
	return at
}

// write returns the text of the lines.
func (p *printer) write() []byte {
	var b strings.Builder
	pad := func(n int) { b.WriteString(strings.Repeat(" ", n)) }
	for _, l := range p.lines {
		if l.blank {
			b.WriteByte('\n')
		}
		pad(l.indent)
		for k, i := range l.pieces {
			if k > 0 {
				pad(l.gaps[k])
			}
			b.WriteString(p.pieces[i].text)
		}
		if l.comment >= 0 {
			pad(l.column - p.end(l))
			b.WriteString(p.pieces[l.comment].text)
		}
		b.WriteByte('\n')
	}
	return []byte(b.String())
}
