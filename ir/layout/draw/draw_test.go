package draw

import (
	"encoding/xml"
	"io"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tilec/tilec/ir/layout"
	"github.com/tilec/tilec/ir/layout/bank"
)

// product is the product of some distributions.
func product(factors ...layout.Distribution) layout.Distribution {
	d := factors[0]
	for _, e := range factors[1:] {
		d = layout.Must(d.Mul(e))
	}
	return d
}

// accumulator is the fragment of C of mma.m16n8.
func accumulator() layout.Distribution {
	return product(layout.Must(layout.Local(2, 1)), layout.Must(layout.Spatial(8, 4)), layout.Must(layout.Local(1, 2)))
}

// replicated has every element in two lanes.
func replicated() layout.Distribution {
	return product(layout.Must(layout.Replicas(layout.Lane, 2, 2)), layout.Must(layout.Spatial(1, 2)), layout.Must(layout.Local(2, 1)))
}

func text(t *testing.T, p Picture, width int, colours bool) string {
	t.Helper()
	var b strings.Builder
	if err := p.Text(&b, width, colours); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestText(t *testing.T) {
	swizzled := layout.Must(layout.WithSwizzle(layout.Must(layout.XOR(1, 0, 1)), layout.Must(layout.RowMajor(2, 2))))
	for _, test := range []struct {
		p    Picture
		want string
	}{
		{Layout(swizzled), `swizzle(1,0,1) o (2,2):(2,1)
4 indices, offsets below 4, each at most once
mode 0 down, mode 1 to the right

  0 1
0 0 1
1 3 2

cell: offset
`},
		{Layout(layout.Must(layout.New(layout.Int(18), layout.Int(0)))), `18:0
18 indices, offsets below 1, some of them more than once

    +0  +1  +2  +3  +4  +5  +6  +7  +8  +9 +10 +11 +12 +13 +14 +15
 0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0   0
16   0   0

cell: offset
`},
		{Layout(layout.Must(layout.Compact(layout.Ints(2, 1, 3)))), `(2,1,3):(1,2,2)
6 indices, offsets below 6, each at most once
mode 0 down, modes 1 to 2 to the right

  0 1 2
0 0 2 4
1 1 3 5

cell: offset
`},
		{Distribution(replicated()), `register 2:1@0, lane (2,2):(1@1,0) over (2,2)
= replica(lane, 2) * spatial(1,2) * local(2,1)
2 slots x 4 lanes over a tile of 2x2
every element is held 2 times; (0,0) by 0:0, 2:0
axis 0 down, axis 1 to the right

      0     1
0 0:0x2 1:0x2
1 0:1x2 1:1x2

cell: lane:slot of the first holder, xN where N hold it
`},
		{Distribution(layout.Must(layout.Distribute([]int64{3}, layout.Digit{Size: 2, Unit: layout.Warp, Stride: 2}))), `warp 2:2@0 over (3)
1 slot x 1 lane x 2 warps over a tile of 3
2 of 3 elements are held

     +0    +1    +2
0 0.0:0     - 1.0:0

cell: warp.lane:slot
`},
		{Distribution(layout.Must(layout.Grid(layout.Block, true, 1, 2))), `block 2:1@1 over (1,2)
= blocks(1,2)
1 slot x 1 lane x 2 blocks over a tile of 1x2
every element is held once
axis 0 down, axis 1 to the right

        0       1
0 0.0.0:0 1.0.0:0

cell: block.warp.lane:slot
`},
	} {
		if got := text(t, test.p, 80, false); got != test.want {
			t.Errorf("%s\nwant\n%s", got, test.want)
		}
	}
}

// TestColours: the same text, in colour, and a legend of the colours.
func TestColours(t *testing.T) {
	p := Distribution(replicated())
	plain, coloured := text(t, p, 80, false), text(t, p, 80, true)
	if strings.Contains(plain, "\x1b") {
		t.Error("colours that were not asked for")
	}
	stripped := coloured
	for {
		before, rest, ok := strings.Cut(stripped, "\x1b[")
		if !ok {
			break
		}
		_, rest, _ = strings.Cut(rest, "m")
		stripped = before + rest
	}
	if want := strings.TrimSuffix(plain, "\n") + "; colour: lane mod 8  0   1   2   3 \n"; stripped != want {
		t.Errorf("%q\nwant %q", stripped, want)
	}
	if strings.Count(coloured, "\x1b[48;5;") != strings.Count(coloured, "\x1b[0m") || strings.Count(coloured, "\x1b[48;5;") != 4+4 {
		t.Errorf("%q", coloured)
	}
}

// TestCut: what does not fit is left out, and said to be.
func TestCut(t *testing.T) {
	p := Layout(layout.Must(layout.RowMajor(1000, 1000)))
	for _, width := range []int{1, 20, 80, 300} {
		got := text(t, p, width, false)
		lines := strings.Split(got, "\n")
		if !strings.Contains(got, "\nshown: 64 of 1000 rows, ") {
			t.Errorf("width %d: nothing is said of what is left out", width)
		}
		table := lines[4 : 4+65]
		for _, line := range table {
			if width > 10 && len(line) > width {
				t.Errorf("width %d: %q", width, line)
			}
		}
	}
	if got := text(t, p, 20, false); !strings.Contains(got, "\nshown: 64 of 1000 rows, 3 of 1000 columns") {
		t.Errorf("%s", got[len(got)-200:])
	}
	huge := Layout(layout.Must(layout.New(layout.Ints(1<<30, 1<<30), layout.Ints(1, 1<<30))))
	if got := text(t, huge, 80, false); !strings.Contains(got, "of 1073741824 rows") || !strings.Contains(got, "each at most once") {
		t.Errorf("%s", got)
	}
	many := Distribution(layout.Must(layout.Spatial(1<<30, 1<<30)))
	if got := text(t, many, 80, false); !strings.Contains(got, "1152921504606846976 positions are too many to draw; at most 1048576 are\n") {
		t.Errorf("%s", got)
	}
	if _, cells, _ := image(t, many); len(cells) != 0 {
		t.Errorf("%d cells", len(cells))
	}
}

type element struct {
	name, class, text, hint string
}

// image draws a picture, and reads it again as XML: its size, its cells with their labels, and all texts.
func image(t *testing.T, p Picture) (size [2]float64, cells [][]element, texts []string) {
	t.Helper()
	var b strings.Builder
	if err := p.SVG(&b); err != nil {
		t.Fatal(err)
	}
	d := xml.NewDecoder(strings.NewReader(b.String()))
	var stack []element
	inCell := 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatalf("%v in %s", err, b.String())
		}
		switch x := token.(type) {
		case xml.StartElement:
			e := element{name: x.Name.Local}
			var at [4]float64
			for _, a := range x.Attr {
				if a.Name.Local == "class" {
					e.class = a.Value
				}
				if i := slices.Index([]string{"x", "y", "width", "height"}, a.Name.Local); i >= 0 {
					at[i], _ = strconv.ParseFloat(a.Value, 64)
				}
			}
			switch {
			case e.name == "svg":
				size = [2]float64{at[2], at[3]}
			case e.class == "cell":
				cells = append(cells, nil)
				inCell = len(stack) + 1
			case e.name == "text" || e.name == "rect":
				if at[0] < 0 || at[1] < 0 || at[0]+at[2] > size[0] || at[1]+at[3] > size[1] {
					t.Errorf("%s at %v is outside of the image %v", e.name, at, size)
				}
			}
			stack = append(stack, e)
		case xml.CharData:
			if len(stack) > 0 {
				stack[len(stack)-1].text += string(x)
			}
		case xml.EndElement:
			e := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if inCell > 0 && len(stack) >= inCell {
				cells[len(cells)-1] = append(cells[len(cells)-1], e)
			}
			if e.class == "cell" {
				inCell = 0
			}
			if e.name == "text" {
				texts = append(texts, e.text)
			}
		}
	}
	return size, cells, texts
}

// TestSVG: images are well-formed, and have a cell for each element, labelled by its holder.
func TestSVG(t *testing.T) {
	_, cells, texts := image(t, Distribution(accumulator()))
	if len(cells) != 128 {
		t.Fatalf("%d cells", len(cells))
	}
	// Element (9, 3) is c3 of lane 5: row 8 + l/4, column 2(l%4) + 1.
	want := []element{{"title", "", "(9,3): 5:3", ""}, {"rect", "t5", "", ""}, {"text", "i5", "T5", ""}, {"text", "i5", "V3", ""}}
	if got := cells[9*8+3]; !slices.Equal(got, want) {
		t.Errorf("cell (9,3) is %v, not %v", got, want)
	}
	for _, want := range []string{"axis 1 →", "axis 0 ↓", "T lane, V slot; colour: lane mod 8", "every element is held once", "15"} {
		if !slices.Contains(texts, want) {
			t.Errorf("no text %q in %q", want, texts)
		}
	}
	_, cells, _ = image(t, Distribution(replicated()))
	if got := cells[0]; len(cells) != 4 || got[0].text != "(0,0): 0:0, 2:0" || got[4].text != "x2" {
		t.Errorf("%v", cells)
	}
	// A line divides the warps.
	var b strings.Builder
	p := Distribution(product(layout.Must(layout.Grid(layout.Warp, true, 2, 2)), layout.Must(layout.Local(1, 2))))
	if err := p.SVG(&b); err != nil || strings.Count(b.String(), "class=\"divide\"") != 2+4 {
		t.Errorf("%s", b.String())
	}
	// 40 indices in rows of 16: the last row has 8 blank cells.
	_, cells, _ = image(t, Layout(layout.Must(layout.New(layout.Int(40), layout.Int(3)))))
	blank := 0
	for _, c := range cells {
		if c[0].class == "t8" && len(c) == 1 {
			blank++
		}
	}
	if len(cells) != 48 || blank != 8 {
		t.Errorf("%d cells, %d blank", len(cells), blank)
	}
	// Texts are escaped, and long ones folded and cut.
	p = Layout(layout.Must(layout.Compact(layout.Int(1))))
	p.Title = "a<b & \"c\"\x00 " + strings.Repeat("long words ", 1000)
	_, _, texts = image(t, p)
	if !strings.HasPrefix(texts[0], "a<b & \"c\"\uFFFD long") || !strings.HasSuffix(texts[foldedLines-1], "…") {
		t.Errorf("%q", texts[:foldedLines])
	}
	// Large ones are cut.
	_, cells, texts = image(t, Layout(layout.Must(layout.RowMajor(1000, 300))))
	if len(cells) > imageCells || len(cells) < imageCells-300 || !slices.Contains(texts, "shown: 54 of 1000 rows, 300 of 300 columns") {
		t.Errorf("%d cells: %q", len(cells), texts[:6])
	}
	_, cells, _ = image(t, Layout(layout.Must(layout.RowMajor(2, 1000))))
	if len(cells) != 2*imageSide {
		t.Errorf("%d cells", len(cells))
	}
}

// phases are those of ldmatrix.x4 for A of m16n8k16 in rows of 128 bytes.
func phases(t *testing.T, swizzle layout.Swizzle) []bank.Phase {
	t.Helper()
	m, _ := bank.For("sm_80")
	a := product(layout.Must(layout.ColumnLocal(2, 2)), layout.Must(layout.Spatial(8, 4)), layout.Must(layout.Local(1, 2)))
	digits, _ := a.Digits()
	a = layout.Must(layout.Distribute([]int64{16, 64}, digits...))
	tile := layout.Must(layout.WithSwizzle(swizzle, layout.Must(layout.New(layout.Ints(16, 64), layout.Ints(1024, 16)))))
	access, err := bank.Matrices(m, "ldmatrix", a, tile, 16)
	if err != nil {
		t.Fatal(err)
	}
	return layout.Must(bank.Phases(m, access, tile, 0, 0))
}

func TestBanks(t *testing.T) {
	p := Banks(phases(t, layout.Swizzle{}))
	want := `

phase down, bank to the right

    0-3   4-7  8-11 12-15 16-19 20-23 24-27 28-31
0    x8     -     -     -     -     -     -     -
1    x8     -     -     -     -     -     -     -
2     -    x8     -     -     -     -     -     -
3     -    x8     -     -     -     -     -     -

cell: lane; xN where its lanes touch N different words, one after the other; - nothing
phase 0, bank 0-3: lanes 0-7 touch 8 words
phase 1, bank 0-3: lanes 8-15 touch 8 words
phase 2, bank 4-7: lanes 16-23 touch 8 words
phase 3, bank 4-7: lanes 24-31 touch 8 words
`
	if got := text(t, p, 80, false); got != want[1:] {
		t.Errorf("%q\nwant\n%q", got, want)
	}
	var b strings.Builder
	if err := p.SVG(&b); err != nil || strings.Count(b.String(), "class=\"strong\"") != 4 {
		t.Errorf("%s", b.String())
	}
	_, cells, _ := image(t, p)
	if got := cells[0]; len(cells) != 32 || got[0].text != "phase 0, bank 0-3: lanes 0-7, 8 words" || got[1].class != "t12" || got[2].text != "0-7" || got[3].text != "x8" {
		t.Errorf("%v", cells[0])
	}
	p = Banks(phases(t, layout.Must(layout.XOR(3, 7, 3))))
	if len(p.Notes) != 0 {
		t.Errorf("%q", p.Notes)
	}
	_, cells, _ = image(t, p)
	for i, c := range cells {
		if c[1].class != "t9" {
			t.Errorf("cell %d: %v", i, c)
		}
	}
	// Lanes that touch one word together are no conflict; those in the way of others are counted by words.
	broadcast := []bank.Phase{{Lanes: []int{0, 1, 2, 3}, Banks: [][]int{{0, 1, 2, 3}, {}}, Words: []int{1, 0}, Degree: 1}, {Lanes: []int{4, 5, 6, 7}, Banks: [][]int{{4, 6}, {5, 7}}, Words: []int{2, 1}, Degree: 2}}
	got := text(t, Banks(broadcast), 80, false)
	for _, want := range []string{"\n0 0-3   -\n", "\n1  x2 5 7\n", "\nphase 1, bank 0: lanes 4 6 touch 2 words\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestRanges(t *testing.T) {
	for _, test := range []struct {
		list []int
		want string
	}{
		{nil, ""}, {[]int{5}, "5"}, {[]int{0, 1}, "0-1"}, {[]int{0, 8}, "0 8"}, {[]int{0, 1, 2, 3, 8, 12, 13}, "0-3 8 12-13"}, {[]int{0, 8, 16, 24}, "0 8..24"}, {[]int{0, 2, 4, 7}, "0 2 4 7"},
	} {
		if got := ranges(test.list); got != test.want {
			t.Errorf("%v: %s, not %s", test.list, got, test.want)
		}
	}
}

func TestFold(t *testing.T) {
	for _, test := range []struct {
		text string
		n    int
		want []string
	}{
		{"", 5, []string{""}}, {"abc", 5, []string{"abc"}}, {"one two three", 7, []string{"one two", "three"}}, {"abcdefghij", 4, []string{"abcd", "efgh", "ij"}},
		{strings.Repeat("a ", 20), 3, []string{"a a", "a a", "a a", "a a", "a a", "a …"}},
	} {
		if got := fold(test.text, test.n); !slices.Equal(got, test.want) {
			t.Errorf("%q at %d: %q", test.text, test.n, got)
		}
	}
}

// TestAny: whatever the layout, its table has the width that is asked for, and its image is well-formed.
func TestAny(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	check := func(p Picture) {
		t.Helper()
		width := 20 + r.IntN(150)
		for _, colours := range []bool{false, true} {
			text(t, p, width, colours)
		}
		lines := strings.Split(text(t, p, width, false), "\n")
		head := slices.Index(lines, "")
		for _, line := range lines[head+1:] {
			if line == "" {
				break
			}
			if len(line) > max(width, 25) {
				t.Fatalf("%d characters a line, of %d: %q", len(line), width, line)
			}
		}
		if _, cells, _ := image(t, p); len(cells) > imageCells {
			t.Fatalf("%d cells", len(cells))
		}
	}
	for range 20 {
		extents, strides := make([]int64, r.IntN(4)), []int64(nil)
		for i := range extents {
			extents[i] = 1 + r.Int64N(int64([]int{2, 9, 100, 1 << 14}[r.IntN(4)]))
			strides = append(strides, r.Int64N(1<<r.IntN(30))-r.Int64N(2)*r.Int64N(9))
		}
		l := layout.Must(layout.New(layout.Ints(extents...), layout.Ints(strides...)))
		if s, err := layout.WithSwizzle(layout.Must(layout.XOR(r.IntN(3), r.IntN(5), 3)), l); err == nil {
			l = s
		}
		check(Layout(l))
	}
	for range 20 {
		rank := 1 + r.IntN(3)
		d := layout.Must(layout.Replicas(layout.Unit(r.IntN(layout.Units)), 1+r.Int64N(3), rank))
		for range r.IntN(4) {
			extents := make([]int64, rank)
			for k := range extents {
				extents[k] = 1 + r.Int64N(5)
			}
			d = layout.Must(d.Mul(layout.Must(layout.Grid(layout.Unit(r.IntN(layout.Units)), r.IntN(2) == 0, extents...))))
		}
		check(Distribution(d))
	}
}

func TestNoAxes(t *testing.T) {
	var b strings.Builder
	if err := Distribution(layout.Must(layout.Local())).Text(&b, 80, false); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(b.String(), "1 slot x 1 lane over a single element\n") {
		t.Error(b.String())
	}
}
