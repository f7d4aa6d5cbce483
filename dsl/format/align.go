package format

import (
	"strings"
	"unicode/utf8"

	"github.com/tilec/tilec/dsl"
)

// alignRuns aligns the operators of adjacent assignments and the braces of
// adjacent one-line statements, where the author aligned one of a run.
func (p *printer) alignRuns() {
	for _, table := range []map[int]token{p.marks.assign, p.marks.oneLine} {
		var run []int // lines
		var kind string
		flush := func() {
			p.alignRun(run, table)
			run = nil
		}
		for n, l := range p.lines {
			t, ok := table[p.pieces[l.pieces[0]].span.Start.Offset]
			ok = ok && p.lineAt(l, t.offset) > 0 && (n+1 == len(p.lines) || p.lines[n+1].start)
			if !ok || l.blank || len(run) > 0 && (t.kind != kind || l.depth != p.lines[run[0]].depth) {
				flush()
			}
			if ok {
				run = append(run, n)
				kind = t.kind
			}
		}
		flush()
	}
}

// lineAt returns the place in a line of the piece with an offset, -1 if it is
// not there.
func (p *printer) lineAt(l *line, offset int) int {
	i := p.at(offset)
	if i < len(p.pieces) && p.lines[p.lineOf[i]] == l && l.pieces[p.slot[i]] == i {
		return p.slot[i]
	}
	return -1
}

// alignRun pads the lines of a run if one of them is padded in the text.
func (p *printer) alignRun(run []int, table map[int]token) {
	widest, wanted := 0, false
	for _, n := range run {
		l := p.lines[n]
		k := p.lineAt(l, table[p.pieces[l.pieces[0]].span.Start.Offset].offset)
		widest = max(widest, p.width(l, 0, k))
		at := p.pieces[l.pieces[k]].span.Start.Offset
		wanted = wanted || strings.HasSuffix(p.src[:at], "  ") || strings.HasSuffix(p.src[:at], "\t")
	}
	if !wanted || len(run) < 2 {
		return
	}
	for _, n := range run {
		l := p.lines[n]
		k := p.lineAt(l, table[p.pieces[l.pieces[0]].span.Start.Offset].offset)
		l.gaps[k] = 1 + widest - p.width(l, 0, k)
	}
}

// width returns the columns from piece i of a line to before piece k, without
// the gap before k.
func (p *printer) width(l *line, i, k int) int {
	w := 0
	for j := i; j < k; j++ {
		if j > i {
			w += l.gaps[j]
		}
		w += columnsOf(p.pieces[l.pieces[j]].text)
	}
	return w
}

// row is a section of a schedule as a row of a table.
type row struct {
	line *line
	keys []string // of the entries that begin on the line
	at   []int    // their places in the line
}

// alignSections aligns the braces of the sections of each schedule, and their
// entries as far as adjacent rows have the same names.
func (p *printer) alignSections() {
	lines := map[int]*line{} // by the offset of the first piece
	for _, l := range p.lines {
		lines[p.pieces[l.pieces[0]].span.Start.Offset] = l
	}
	for _, s := range p.marks.sections {
		var rows []row
		flush := func() {
			p.alignRows(rows)
			rows = nil
		}
		for _, sec := range s.Sections {
			l := lines[from(sec)]
			if l == nil {
				continue // behind another one on its line
			}
			if l.blank {
				flush()
			}
			if k := p.lineAt(l, p.brace(l)); k != 1 || k+1 == len(l.pieces) {
				// Its entries stand below it.
				flush()
				continue
			}
			r := row{line: l}
			for _, e := range sec.Entries {
				if k := p.lineAt(l, from(e)); k > 0 {
					r.keys = append(r.keys, key(e))
					r.at = append(r.at, k)
				}
			}
			rows = append(rows, r)
		}
		flush()
	}
}

// brace returns the offset of the second piece of a line.
func (p *printer) brace(l *line) int {
	if len(l.pieces) < 2 {
		return -1
	}
	return p.pieces[l.pieces[1]].span.Start.Offset
}

// key names an entry: its words without its value.
func key(e *dsl.Entry) string {
	words := make([]string, len(e.Words))
	for i, w := range e.Words {
		words[i] = w.Name
	}
	return strings.Join(words, " ")
}

func (p *printer) alignRows(rows []row) {
	names := 0
	for _, r := range rows {
		names = max(names, p.width(r.line, 0, 1))
	}
	for _, r := range rows {
		r.line.gaps[1] = 1 + names - p.width(r.line, 0, 1)
	}
	// common[i] is how many keys rows i-1 and i begin with alike.
	common := make([]int, len(rows))
	for i := 1; i < len(rows); i++ {
		a, b := rows[i-1].keys, rows[i].keys
		for common[i] < min(len(a), len(b)) && a[common[i]] == b[common[i]] {
			common[i]++
		}
	}
	// Adjacent rows that agree on the keys up to a column share it.
	for i := range rows {
		for col := common[i]; col < len(rows[i].keys); col++ {
			j := i + 1
			for j < len(rows) && common[j] > col {
				j++
			}
			p.alignCells(rows[i:j], col)
		}
	}
}

// alignCells pads the entries behind those of column col.
func (p *printer) alignCells(rows []row, col int) {
	widest := 0
	for _, r := range rows {
		if len(r.at) > col+1 {
			widest = max(widest, p.width(r.line, r.at[col], r.at[col+1]))
		}
	}
	for _, r := range rows {
		if len(r.at) > col+1 {
			r.line.gaps[r.at[col+1]] = 1 + widest - p.width(r.line, r.at[col], r.at[col+1])
		}
	}
}

// alignComments gives the comments behind code their columns: that of the text
// where the code leaves it free, and one for all on adjacent lines.
func (p *printer) alignComments() {
	for n := 0; n < len(p.lines); {
		l := p.lines[n]
		if l.comment < 0 {
			n++
			continue
		}
		column := 0
		end := n
		for ; end < len(p.lines) && p.lines[end].comment >= 0 && p.lines[end].indent == l.indent &&
			(end == n || !p.lines[end].blank); end++ {
			c := &p.pieces[p.lines[end].comment]
			column = max(column, p.end(p.lines[end])+1, p.textColumn(c))
		}
		for ; n < end; n++ {
			p.lines[n].column = column
		}
	}
}

// maxColumn bounds the columns that are kept from the text.
const maxColumn = 120

// textColumn returns the column from 0 at which a piece stands in the text, if
// it is behind at least two blanks.
func (p *printer) textColumn(q *piece) int {
	begin := q.span.Start.Offset - (q.span.Start.Col - 1)
	before := p.src[begin:q.span.Start.Offset]
	if !strings.HasSuffix(before, "  ") && !strings.HasSuffix(before, "\t") {
		return 0
	}
	column := 0
	for len(before) > 0 {
		r, n := utf8.DecodeRuneInString(before)
		before = before[n:]
		if r == '\t' {
			column += level - column%level
		} else if r != '\ufeff' {
			column++
		}
	}
	return min(column, maxColumn)
}
