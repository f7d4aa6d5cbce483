package draw

import "math"

// A Tone is a colour of cells, by its place in the palette.
type Tone int

// tones is the number of colours that repeat.
const tones = 8

// The tones beyond those that repeat.
const (
	Blank Tone = tones + iota // nothing there
	Single
	Double
	Several
	Many
)

// A colour is what a cell is filled with, and what is written on it.
type colour struct {
	fill, ink rgb
	// terminal and written are the nearest of the 256 colours of terminals.
	terminal, written int
}

type rgb struct{ r, g, b uint8 }

var (
	black = rgb{0, 0, 0}
	white = rgb{255, 255, 255}
)

// palette has the tones' colours. Those that repeat are the palette of Okabe and Ito, made for readers with any kind of
// colour vision, with black replaced by a light grey. The last four are steps from light to dark, which differ
// in lightness alone.
var palette = []colour{
	paint(rgb{0x56, 0xb4, 0xe9}), // sky blue
	paint(rgb{0xe6, 0x9f, 0x00}), // orange
	paint(rgb{0x00, 0x9e, 0x73}), // bluish green
	paint(rgb{0xf0, 0xe4, 0x42}), // yellow
	paint(rgb{0x00, 0x72, 0xb2}), // blue
	paint(rgb{0xcc, 0x79, 0xa7}), // reddish purple
	paint(rgb{0xd5, 0x5e, 0x00}), // vermilion
	paint(rgb{0xdd, 0xdd, 0xdd}), // grey
	paint(white),
	paint(rgb{0xd6, 0xea, 0xf8}),
	paint(rgb{0xeb, 0xcf, 0x30}),
	paint(rgb{0xe6, 0x9f, 0x00}),
	paint(rgb{0xa8, 0x3c, 0x00}),
}

func paint(fill rgb) colour {
	c := colour{fill: fill, ink: black}
	c.terminal, fill = nearest(fill)
	if contrast(c.fill, white) > contrast(c.fill, black) {
		c.ink = white
	}
	c.written = 16 // black
	if contrast(fill, white) > contrast(fill, black) {
		c.written = 231
	}
	return c
}

// nearest is the colour of the 6x6x6 cube of terminals, 16 to 231, that is nearest to c.
func nearest(c rgb) (int, rgb) {
	levels := [6]uint8{0, 95, 135, 175, 215, 255}
	step := func(x uint8) int {
		best := 0
		for i, l := range levels {
			if math.Abs(float64(l)-float64(x)) < math.Abs(float64(levels[best])-float64(x)) {
				best = i
			}
		}
		return best
	}
	r, g, b := step(c.r), step(c.g), step(c.b)
	return 16 + 36*r + 6*g + b, rgb{levels[r], levels[g], levels[b]}
}

// linear are the intensities of a colour's channels, without the gamma of sRGB.
func (c rgb) linear() [3]float64 {
	var l [3]float64
	for i, x := range [3]uint8{c.r, c.g, c.b} {
		v := float64(x) / 255
		if v <= 0.04045 {
			l[i] = v / 12.92
		} else {
			l[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return l
}

// contrast is the ratio of luminances of two colours as WCAG 2 defines it, from 1 to 21.
func contrast(a, b rgb) float64 {
	luminance := func(c rgb) float64 {
		l := c.linear()
		return 0.2126*l[0] + 0.7152*l[1] + 0.0722*l[2]
	}
	x, y := luminance(a)+0.05, luminance(b)+0.05
	return max(x, y) / min(x, y)
}
