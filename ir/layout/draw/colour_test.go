package draw

import (
	"math"
	"testing"
)

// TestContrast: what is written on a cell is readable: at least 4.5, the ratio that WCAG 2 asks of small text.
func TestContrast(t *testing.T) {
	for tone, c := range palette {
		if got := contrast(c.fill, c.ink); got < 4.5 {
			t.Errorf("tone %d: %.2f", tone, got)
		}
		ink := map[int]rgb{16: black, 231: white}[c.written]
		if _, shown := nearest(c.fill); contrast(shown, ink) < 4.5 {
			t.Errorf("tone %d in a terminal: %.2f", tone, contrast(shown, ink))
		}
	}
	if got := contrast(black, white); math.Abs(got-21) > 1e-9 {
		t.Errorf("black on white: %v", got)
	}
}

// visions are how readers see, as matrices on linear RGB: all colours, and without the cones for long, middle and short
// waves (Machado, Oliveira and Fernandes, 2009, severity 1).
var visions = map[string][9]float64{
	"all":          {1, 0, 0, 0, 1, 0, 0, 0, 1},
	"protanopia":   {0.152286, 1.052583, -0.204868, 0.114503, 0.786281, 0.099216, -0.003882, -0.048116, 1.051998},
	"deuteranopia": {0.367322, 0.860646, -0.227968, 0.280085, 0.672501, 0.047413, -0.011820, 0.042940, 0.968881},
	"tritanopia":   {1.255528, -0.076749, -0.178779, -0.078411, 0.930809, 0.147602, 0.004733, 0.691367, 0.303900},
}

// seen is a colour in CIE L*a*b* (D65) as a reader sees it.
func seen(c rgb, m [9]float64) [3]float64 {
	l := c.linear()
	var v [3]float64
	for i := range v {
		v[i] = min(max(m[3*i]*l[0]+m[3*i+1]*l[1]+m[3*i+2]*l[2], 0), 1)
	}
	f := func(t float64) float64 {
		if t > 0.008856 {
			return math.Cbrt(t)
		}
		return 7.787*t + 16.0/116
	}
	x := f((0.4124*v[0] + 0.3576*v[1] + 0.1805*v[2]) / 0.95047)
	y := f(0.2126*v[0] + 0.7152*v[1] + 0.0722*v[2])
	z := f((0.0193*v[0] + 0.1192*v[1] + 0.9505*v[2]) / 1.08883)
	return [3]float64{116*y - 16, 500 * (x - y), 200 * (y - z)}
}

// TestColourBlind: readers of any kind of colour vision tell the repeating tones apart, and the steps of conflicts. A
// difference of 10 in L*a*b* is seen at a glance; 2.3 is the least that is seen.
func TestColourBlind(t *testing.T) {
	for name, m := range visions {
		for _, family := range [][2]Tone{{0, tones}, {Blank, Many + 1}} {
			for a := family[0]; a < family[1]; a++ {
				for b := a + 1; b < family[1]; b++ {
					x, y := seen(palette[a].fill, m), seen(palette[b].fill, m)
					if d := math.Sqrt((x[0]-y[0])*(x[0]-y[0]) + (x[1]-y[1])*(x[1]-y[1]) + (x[2]-y[2])*(x[2]-y[2])); d < 10 {
						t.Errorf("%s: tones %d and %d are %.1f apart", name, a, b, d)
					}
					if palette[a].terminal == palette[b].terminal {
						t.Errorf("tones %d and %d are one colour in a terminal", a, b)
					}
				}
			}
		}
	}
	// The steps of conflicts go from light to dark, so that they are told apart without any colour.
	for tone := Blank; tone < Many; tone++ {
		for name, m := range visions {
			if a, b := seen(palette[tone].fill, m), seen(palette[tone+1].fill, m); a[0] < b[0]+4 {
				t.Errorf("%s: tone %d has lightness %.1f, the next %.1f", name, tone, a[0], b[0])
			}
		}
	}
}
