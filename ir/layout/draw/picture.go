// Package draw shows layouts: in comes a layout, a distribution or the phases of an access to shared memory, out comes a
// [Picture], which prints as a table for a terminal or as an SVG image. What a colour says is always written too.
package draw

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/tilec/tilec/ir/layout"
)

// A Picture is a grid of labelled cells.
type Picture struct {
	Title string   // what is drawn
	Facts []string // what is known of it, a line each
	Rows  Axis     // down
	Cols  Axis     // to the right
	// At is the cell of a row and a column. Only what is shown is asked for.
	At     func(row, col int64) Cell
	Keys   []Key    // what the colours mean, which Colour names
	Colour string   // what a colour depends on
	Legend string   // what the labels say, in a terminal
	Notes  []string // below the legend
	Image  string   // what they say in an image; Legend if empty
}

// An Axis is a side of the grid.
type Axis struct {
	Name  string // "" where there is nothing to say
	Count int64
	Label func(i int64) string
}

// A Cell is a field of the grid.
type Cell struct {
	Text   string   // for a terminal
	Lines  []string // for an image; Text if there are none
	Hint   string   // what an image says under the pointer
	Tone   Tone
	Strong bool  // marked by a thick border in an image; its text says why
	Group  int64 // a line divides cells of different groups
}

// A Key is an entry of the legend.
type Key struct {
	Tone Tone
	Text string
}

// wrapped is how many cells a row has of what has one mode only.
const wrapped = 16

// index is an axis of numbers from 0.
func index(name string, n int64) Axis {
	return Axis{name, n, func(i int64) string { return strconv.FormatInt(i, 10) }}
}

// grid is how some extents are laid out on paper: the first down, the others to the right; one extent alone in rows. Its
// last result is the index of a cell, first extent fastest; -1 where there is none.
func grid(name string, extents []int64) (rows, cols Axis, at func(row, col int64) int64) {
	size := int64(1)
	for _, n := range extents {
		size *= n
	}
	if len(extents) < 2 {
		rows = Axis{"", (size + wrapped - 1) / wrapped, func(i int64) string { return strconv.FormatInt(i*wrapped, 10) }}
		cols = Axis{"", min(size, wrapped), func(i int64) string { return "+" + strconv.FormatInt(i, 10) }}
		return rows, cols, func(row, col int64) int64 {
			if i := row*wrapped + col; i < size {
				return i
			}
			return -1
		}
	}
	rest := name + " 1"
	if n := len(extents) - 1; n > 1 {
		rest = fmt.Sprintf("%ss 1 to %d", strings.ReplaceAll(name, "axis", "axe"), n)
	}
	return index(name+" 0", extents[0]), index(rest, size/extents[0]), func(row, col int64) int64 { return row + col*extents[0] }
}

// Layout is the table of a layout's offsets.
func Layout(l layout.Layout) Picture {
	extents := []int64{l.Size()}
	if l.Rank() > 1 {
		extents = nil
		for i := range l.Rank() {
			extents = append(extents, l.Mode(i).Size())
		}
	}
	rows, cols, number := grid("mode", extents)
	p := Picture{Title: l.String(), Rows: rows, Cols: cols, Legend: "cell: offset"}
	facts := fmt.Sprintf("%d indices", l.Size())
	if n, err := l.Cosize(); err == nil {
		facts += fmt.Sprintf(", offsets below %d", n)
	}
	if once, err := l.Injects(); err == nil && once {
		facts += ", each at most once"
	} else if err == nil {
		facts += ", some of them more than once"
	}
	p.Facts = []string{facts}
	p.At = func(row, col int64) Cell {
		i := number(row, col)
		if i < 0 {
			return Cell{Tone: Blank}
		}
		x := l.At(i)
		text := strconv.FormatInt(x, 10)
		tone := Tone((x%tones + tones) % tones)
		return Cell{Text: text, Hint: fmt.Sprintf("index %d: offset %s", i, text), Tone: tone}
	}
	for t := range Tone(tones) {
		p.Keys = append(p.Keys, Key{t, strconv.Itoa(int(t))})
	}
	p.Colour = fmt.Sprintf("offset mod %d", tones)
	return p
}

// Axes names the axes of a tile.
func (p *Picture) Axes(names []string) {
	if len(names) == 0 {
		return
	}
	p.Rows.Name = names[0]
	if len(names) > 1 {
		p.Cols.Name = strings.Join(names[1:], ", ")
	}
}

// MaxPositions is the most positions of a distribution that are drawn.
const MaxPositions = 1 << 20

// A holder is a position of the hardware that holds an element.
type holder struct{ register, lane, warp, block int64 }

// Distribution is the picture of a tile: who holds which element.
func Distribution(d layout.Distribution) Picture {
	rows, cols, number := grid("axis", d.Tile())
	p := Picture{Title: d.String(), Rows: rows, Cols: cols}
	var counts [layout.Units]int64
	positions := int64(1)
	for u := range layout.Units {
		counts[u] = d.Count(layout.Unit(u))
		positions *= counts[u]
	}
	extents := make([]string, len(d.Tile()))
	elements := int64(1)
	for i, n := range d.Tile() {
		extents[i] = strconv.FormatInt(n, 10)
		elements *= n
	}
	var units []string
	for u, n := range counts {
		if n > 1 || u <= int(layout.Lane) {
			name := layout.Unit(u).String()
			if layout.Unit(u) == layout.Register {
				name = "slot"
			}
			units = append(units, plural(n, name))
		}
	}
	if text, ok := d.Factors(); ok {
		p.Facts = append(p.Facts, "= "+text)
	}
	tile := "a tile of " + strings.Join(extents, "x")
	if len(extents) == 0 {
		tile = "a single element"
	}
	p.Facts = append(p.Facts, strings.Join(units, " x ")+" over "+tile)
	if positions > MaxPositions {
		p.Rows.Count, p.Cols.Count = 0, 0
		p.Facts = append(p.Facts, fmt.Sprintf("%d positions are too many to draw; at most %d are", positions, MaxPositions))
		return p
	}
	holders := map[int64][]holder{} // by element
	for block := range counts[layout.Block] {
		for warp := range counts[layout.Warp] {
			for lane := range counts[layout.Lane] {
				for register := range counts[layout.Register] {
					x := d.Element(register, lane, warp, block)
					holders[x] = append(holders[x], holder{register, lane, warp, block})
				}
			}
		}
	}
	p.Facts = append(p.Facts, held(d, holders, elements, counts))
	p.At = func(row, col int64) Cell {
		x := number(row, col)
		if x < 0 {
			return Cell{Tone: Blank}
		}
		at := layout.Ints(d.Coordinates(x)...).String()
		list := holders[x]
		if len(list) == 0 {
			return Cell{Text: "-", Hint: at + ": held by none", Tone: Blank}
		}
		h := list[0]
		c := Cell{Tone: Tone(h.lane % tones), Text: h.text(counts), Lines: h.lines(counts), Group: h.warp + h.block*counts[layout.Warp]}
		c.Hint = at + ": " + c.Text
		if n := len(list); n > 1 {
			c.Text += fmt.Sprintf("x%d", n)
			c.Lines = append(c.Lines, fmt.Sprintf("x%d", n))
			for _, h := range list[1:min(n, 8)] {
				c.Hint += ", " + h.text(counts)
			}
			if n > 8 {
				c.Hint += ", …"
			}
		}
		return c
	}
	p.Legend, p.Image = "cell: lane:slot", "T lane, V slot"
	switch {
	case counts[layout.Block] > 1:
		p.Legend, p.Image = "cell: block.warp.lane:slot", "B block, W warp, "+p.Image
	case counts[layout.Warp] > 1:
		p.Legend, p.Image = "cell: warp.lane:slot", "W warp, "+p.Image
	}
	if positions > int64(len(holders)) {
		p.Legend += " of the first holder, xN where N hold it"
		p.Image += " of the first holder, xN where N hold it"
	}
	n := Tone(min(tones, counts[layout.Lane]))
	for t := range n {
		p.Keys = append(p.Keys, Key{t, strconv.Itoa(int(t))})
	}
	p.Colour = fmt.Sprintf("lane mod %d", tones)
	return p
}

// text is a holder for a terminal, with the units of which there are several.
func (h holder) text(counts [layout.Units]int64) string {
	s := fmt.Sprintf("%d:%d", h.lane, h.register)
	if counts[layout.Warp] > 1 || counts[layout.Block] > 1 {
		s = fmt.Sprintf("%d.%s", h.warp, s)
	}
	if counts[layout.Block] > 1 {
		s = fmt.Sprintf("%d.%s", h.block, s)
	}
	return s
}

// lines is a holder for an image.
func (h holder) lines(counts [layout.Units]int64) []string {
	var lines []string
	upper := ""
	if counts[layout.Block] > 1 {
		upper = fmt.Sprintf("B%d ", h.block)
	}
	if counts[layout.Warp] > 1 {
		upper += fmt.Sprintf("W%d ", h.warp)
	}
	if upper != "" {
		lines = append(lines, strings.TrimSpace(upper))
	}
	return append(lines, fmt.Sprintf("T%d", h.lane), fmt.Sprintf("V%d", h.register))
}

// held says how often the elements are held, and by whom the first of those that several hold.
func held(d layout.Distribution, holders map[int64][]holder, elements int64, counts [layout.Units]int64) string {
	least, most := int64(1)<<62, int64(0)
	example := elements
	for x, list := range holders {
		n := int64(len(list))
		least, most = min(least, n), max(most, n)
		if n > 1 {
			example = min(example, x)
		}
	}
	if int64(len(holders)) < elements {
		least = 0
	}
	var fact string
	switch {
	case least == 1 && most == 1:
		return "every element is held once"
	case most == 1:
		return fmt.Sprintf("%d of %d elements are held", len(holders), elements)
	case least == most:
		fact = fmt.Sprintf("every element is held %d times", most)
	default:
		fact = fmt.Sprintf("elements are held %d to %d times", least, most)
	}
	list := holders[example]
	const shown = 8
	var who []string
	for _, h := range list[:min(len(list), shown)] {
		who = append(who, h.text(counts))
	}
	if len(list) > shown {
		who = append(who, "…")
	}
	return fmt.Sprintf("%s; %v by %s", fact, layout.Ints(d.Coordinates(example)...), strings.Join(who, ", "))
}

func plural(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
