package draw

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// The bounds of images: what is beyond is left out, which the image says.
const (
	imageCells = 1 << 14
	imageSide  = 512
)

// Sizes of the image, in pixels.
const (
	imageMargin = 20
	imageWidth  = 560.0 // the least
	letter      = 6.7   // width of a letter in a cell
	leading     = 13.0
	headLetter  = 7.9
	headLeading = 20.0
	bodyLetter  = 7.0
)

// SVG writes the picture as an image.
func (p Picture) SVG(w io.Writer) error {
	rows, cols := min(p.Rows.Count, imageSide), min(p.Cols.Count, imageSide)
	if rows*cols > imageCells {
		rows = max(1, imageCells/cols)
	}
	cells := make([]Cell, 0, rows*cols)
	longest, deepest := 2, 1
	for r := range rows {
		for c := range cols {
			x := p.At(r, c)
			if len(x.Lines) == 0 && x.Tone != Blank {
				x.Lines = []string{x.Text}
			}
			for _, line := range x.Lines {
				longest = max(longest, utf8.RuneCountInString(line))
			}
			deepest = max(deepest, len(x.Lines))
			cells = append(cells, x)
		}
	}
	for c := range cols {
		longest = max(longest, utf8.RuneCountInString(p.Cols.Label(c)))
	}
	down := ""
	if p.Rows.Name != "" {
		down = p.Rows.Name + " ↓"
	}
	margin := utf8.RuneCountInString(down)
	for r := range rows {
		margin = max(margin, utf8.RuneCountInString(p.Rows.Label(r)))
	}
	high := max(26, float64(deepest)*leading+8)
	wide := max(high, float64(longest)*letter+10)

	left := imageMargin + float64(margin)*letter + 8
	width := max(imageWidth, left+float64(cols)*wide+imageMargin)

	var b, body strings.Builder
	y := float64(imageMargin)
	write := func(class, text string, size float64) {
		for _, line := range fold(text, int((width-2*imageMargin)/size)) {
			y += headLeading
			fmt.Fprintf(&body, "<text class=%q x=\"%d\" y=\"%.6g\">%s</text>\n", class, imageMargin, y-5, escape(line))
		}
	}
	write("title", p.Title, headLetter)
	for _, f := range p.Facts {
		write("fact", f, bodyLetter)
	}
	if rows < p.Rows.Count || cols < p.Cols.Count {
		write("fact", fmt.Sprintf("shown: %d of %d rows, %d of %d columns", rows, p.Rows.Count, cols, p.Cols.Count), bodyLetter)
	}
	y += 8
	if rows > 0 && cols > 0 {
		if p.Cols.Name != "" {
			y += 16
			fmt.Fprintf(&body, "<text class=\"axis\" x=\"%.4g\" y=\"%.4g\">%s →</text>\n", left, y-4, escape(p.Cols.Name))
		}
		y += 16
		for c := range cols {
			fmt.Fprintf(&body, "<text class=\"head\" x=\"%.6g\" y=\"%.4g\">%s</text>\n", left+(float64(c)+0.5)*wide, y-5, escape(p.Cols.Label(c)))
		}
		if down != "" {
			fmt.Fprintf(&body, "<text class=\"side\" x=\"%.4g\" y=\"%.4g\">%s</text>\n", left-7, y-5, escape(down))
		}
		for r := range rows {
			fmt.Fprintf(&body, "<text class=\"side\" x=\"%.4g\" y=\"%.6g\">%s</text>\n", left-7, y+(float64(r)+0.5)*high+4, escape(p.Rows.Label(r)))
		}
		var strong strings.Builder
		body.WriteString("<g class=\"cells\">\n")
		for i, x := range cells {
			cx, cy := left+float64(int64(i)%cols)*wide, y+float64(int64(i)/cols)*high
			fmt.Fprintf(&body, "<g class=\"cell\">")
			if x.Hint != "" {
				fmt.Fprintf(&body, "<title>%s</title>", escape(x.Hint))
			}
			fmt.Fprintf(&body, "<rect class=\"t%d\" x=\"%.6g\" y=\"%.6g\" width=\"%.4g\" height=\"%.4g\"/>", x.Tone, cx, cy, wide, high)
			for j, line := range x.Lines {
				if line == "" {
					continue
				}
				ty := cy + high/2 + (float64(j)-float64(len(x.Lines)-1)/2)*leading + 4
				fmt.Fprintf(&body, "<text class=\"i%d\" x=\"%.6g\" y=\"%.6g\">%s</text>", x.Tone, cx+wide/2, ty, escape(line))
			}
			body.WriteString("</g>\n")
			if i := int64(i); i%cols+1 < cols && cells[i+1].Group != x.Group {
				fmt.Fprintf(&strong, "<path class=\"divide\" d=\"M%.6g %.6gv%.4g\"/>\n", cx+wide, cy, high)
			}
			if i := int64(i); i+cols < int64(len(cells)) && cells[i+cols].Group != x.Group {
				fmt.Fprintf(&strong, "<path class=\"divide\" d=\"M%.6g %.6gh%.4g\"/>\n", cx, cy+high, wide)
			}
			if x.Strong { // above its neighbours' lines
				fmt.Fprintf(&strong, "<rect class=\"strong\" x=\"%.6g\" y=\"%.6g\" width=\"%.4g\" height=\"%.4g\"/>\n", cx+1.5, cy+1.5, wide-3, high-3)
			}
		}
		body.WriteString("</g>\n")
		body.WriteString(strong.String())
		y += float64(rows)*high + 8
	}
	legend := p.Image
	if legend == "" {
		legend = p.Legend
	}
	if p.Colour != "" {
		legend += "; colour: " + p.Colour
	}
	if legend != "" {
		write("fact", legend, bodyLetter)
	}
	x := float64(imageMargin)
	for i, k := range p.Keys {
		long := 24 + bodyLetter*float64(utf8.RuneCountInString(k.Text)) + 14
		if i == 0 || x+long > width-imageMargin {
			x = imageMargin
			y += 22
		}
		fmt.Fprintf(&body, "<rect class=\"t%d\" x=\"%.5g\" y=\"%.6g\" width=\"18\" height=\"14\"/><text class=\"fact\" x=\"%.5g\" y=\"%.6g\">%s</text>\n", k.Tone, x, y-14, x+24, y-3, escape(k.Text))
		x += long
	}
	if len(p.Notes) > 0 {
		y += 6
	}
	for _, line := range p.Notes {
		write("fact", line, bodyLetter)
	}
	y += imageMargin

	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n", width, y, width, y)
	fmt.Fprintf(&b, "<title>%s</title>\n<style>\n%s</style>\n", escape(p.Title), style())
	b.WriteString("<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n")
	b.WriteString(body.String())
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// style is the style sheet: a class for each tone and for what is written on it.
func style() string {
	var b strings.Builder
	b.WriteString("text { font: 11px ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace; text-anchor: middle; fill: #000000 }\n")
	b.WriteString(".title { font-size: 13px; font-weight: bold; text-anchor: start }\n.fact { text-anchor: start }\n.axis { text-anchor: start; fill: #555555 }\n")
	b.WriteString(".head { fill: #555555 }\n.side { text-anchor: end; fill: #555555 }\n.cell rect { stroke: #ffffff; stroke-width: 1 }\n.divide { stroke: #000000; stroke-width: 2 }\n.strong { fill: none; stroke: #000000; stroke-width: 2 }\n")
	for t, c := range palette {
		if Tone(t) == Blank {
			fmt.Fprintf(&b, ".cell .t%d { fill: %v; stroke: #dddddd; stroke-width: 0.5 }\n", t, c.fill)
			continue
		}
		fmt.Fprintf(&b, ".t%d { fill: %v }\n", t, c.fill)
		if c.ink != black {
			fmt.Fprintf(&b, ".i%d { fill: %v }\n", t, c.ink)
		}
	}
	return b.String()
}

func (c rgb) String() string { return fmt.Sprintf("#%02x%02x%02x", c.r, c.g, c.b) }

// foldedLines is how many lines a text is folded to at most.
const foldedLines = 6

// fold breaks a text into lines of at most n characters, between words where it can.
func fold(text string, n int) []string {
	rest := []rune(text)
	var lines []string
	for len(rest) > n && len(lines)+1 < foldedLines {
		at := n
		for at > n/2 && rest[at] != ' ' {
			at--
		}
		if rest[at] != ' ' {
			at = n
		}
		lines = append(lines, string(rest[:at]))
		if rest = rest[at:]; rest[0] == ' ' {
			rest = rest[1:]
		}
	}
	return append(lines, cut(string(rest), n))
}

// cut is a text in at most n characters.
func cut(text string, n int) string {
	r := []rune(text)
	if len(r) <= max(n, 1) {
		return text
	}
	return string(r[:max(n, 1)-1]) + "…"
}

// escape is a text as XML has it. Characters that XML cannot have become a replacement.
func escape(text string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(text)) // a strings.Builder takes all
	return b.String()
}
