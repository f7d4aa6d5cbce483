package draw

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// textRows is how many rows a table in a terminal has at most.
const textRows = 64

// Text prints the picture as a table of at most so many characters a line, in colour if asked. What does not fit is left
// out, which a line says.
func (p Picture) Text(w io.Writer, width int, colours bool) error {
	var b strings.Builder
	for _, line := range append([]string{p.Title}, p.Facts...) {
		b.WriteString(line + "\n")
	}
	rows := min(p.Rows.Count, textRows)
	if rows == 0 || p.Cols.Count == 0 {
		_, err := io.WriteString(w, b.String())
		return err
	}
	margin := 0
	for r := range rows {
		margin = max(margin, utf8.RuneCountInString(p.Rows.Label(r)))
	}
	// Columns are as wide as the widest of those that may fit if all were narrow.
	cols := min(p.Cols.Count, int64(max(1, (width-margin)/2)))
	cell := 1
	table := make([][]Cell, rows)
	for c := int64(0); c < cols; c++ {
		wide := max(cell, utf8.RuneCountInString(p.Cols.Label(c)))
		for r := range rows {
			x := p.At(r, c)
			table[r] = append(table[r], x)
			wide = max(wide, utf8.RuneCountInString(x.Text))
		}
		if c > 0 && margin+(int(c)+1)*(wide+1) > width {
			cols = c
			break
		}
		cell = wide
	}
	if p.Rows.Name != "" || p.Cols.Name != "" {
		line := p.Rows.Name + " down"
		if p.Cols.Name != "" {
			line += ", " + p.Cols.Name + " to the right"
		}
		b.WriteString(line + "\n")
	}
	b.WriteByte('\n')
	b.WriteString(strings.Repeat(" ", margin))
	for c := range cols {
		fmt.Fprintf(&b, " %*s", cell, p.Cols.Label(c))
	}
	b.WriteByte('\n')
	for r := range rows {
		fmt.Fprintf(&b, "%*s", margin, p.Rows.Label(r))
		for c, x := range table[r][:cols] {
			if !slices.ContainsFunc(table[r][c:cols], func(x Cell) bool { return x.Text != "" }) {
				break
			}
			text := fmt.Sprintf("%*s", cell, x.Text)
			if colours && x.Tone != Blank {
				text = painted(x.Tone, text)
			}
			b.WriteString(" " + text)
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	if rows < p.Rows.Count || cols < p.Cols.Count {
		fmt.Fprintf(&b, "shown: %d of %d rows, %d of %d columns; an image (-svg) has more\n", rows, p.Rows.Count, cols, p.Cols.Count)
	}
	b.WriteString(p.Legend)
	if colours && p.Colour != "" {
		b.WriteString("; colour: " + p.Colour)
		for _, k := range p.Keys {
			b.WriteString(" " + painted(k.Tone, " "+k.Text+" "))
		}
	}
	b.WriteByte('\n')
	for _, line := range p.Notes {
		b.WriteString(line + "\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func painted(t Tone, text string) string {
	c := palette[t]
	return fmt.Sprintf("\x1b[48;5;%d;38;5;%dm%s\x1b[0m", c.terminal, c.written, text)
}
