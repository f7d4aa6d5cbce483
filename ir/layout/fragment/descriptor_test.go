package fragment

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tilec/tilec/ir/layout"
)

func TestDescriptorBits(t *testing.T) {
	for _, c := range []struct {
		d    Descriptor
		word uint64
	}{
		{Descriptor{Start: 0x400, LBO: 16, SBO: 1024, Mode: Swizzle128}, 0x4000_0040_0001_0040},
		{Descriptor{Start: 16, LBO: 0, SBO: 512, Mode: Swizzle64}, 0x8000_0020_0000_0001},
		{Descriptor{Start: 0x3fff0, LBO: 128, SBO: 256, Mode: Swizzle32}, 0xc000_0010_0008_3fff},
		{Descriptor{Start: 0, LBO: 128, SBO: 0x3fff0, Base: 5}, 0x000a_3fff_0008_0000},
	} {
		if got, err := c.d.Encode(); err != nil || got != c.word {
			t.Errorf("%+v is %#x, %v, want %#x", c.d, got, err, c.word)
		}
		if got, err := Decode(c.word); err != nil || got != c.d {
			t.Errorf("%#x is %+v, %v, want %+v", c.word, got, err, c.d)
		}
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10000 {
		d := Descriptor{16 * rng.Int64N(1<<14), 16 * rng.Int64N(1<<14), 16 * rng.Int64N(1<<14), rng.IntN(8), Mode(rng.IntN(4))}
		w, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decode(w); err != nil || got != d {
			t.Fatalf("%+v is %#x, which is %+v, %v", d, w, got, err)
		}
	}
	for _, d := range []Descriptor{{Start: 8}, {LBO: 24}, {SBO: -16}, {Start: 1 << 18}, {LBO: 1 << 18}, {Base: 8}, {Base: -1}, {Mode: 4}} {
		var e *layout.Error
		if w, err := d.Encode(); !errors.As(err, &e) {
			t.Errorf("%+v is %#x", d, w)
		}
	}
	for _, bit := range []int{14, 15, 30, 31, 46, 47, 48, 52, 61} {
		if d, err := Decode(1 << bit); err == nil {
			t.Errorf("bit %d decodes to %+v", bit, d)
		}
	}
}

// fetched is the shared byte, times 8 plus the bit, from which wgmma takes an element by a descriptor: from the 64 bits
// alone, as the manuals' formulas say.
func fetched(w uint64, mnMajor bool, bits, mn, k int64) int64 {
	start, lbo, sbo := int64(w&0x3fff)<<4, int64(w>>16&0x3fff)<<4, int64(w>>32&0x3fff)<<4
	xor := [...]int64{0, 3, 2, 1}[w>>62] // bits that are exchanged
	wide := int64(1) << xor              // 16-byte units of a span
	t := 128 / bits
	var units, inside int64 // bytes to the unit, element in it
	switch {
	case !mnMajor && xor == 0:
		units, inside = mn%8*16+mn/8*sbo+k/t*lbo, k%t
	case !mnMajor:
		units, inside = mn%8*16*wide+mn/8*sbo+k/t*16, k%t
	case xor == 0:
		units, inside = mn/t*sbo+k%8*16+k/8*lbo, mn%t
	default:
		c := mn / t
		units, inside = c%wide*16+c/wide*lbo+k%8*16*wide+k/8*sbo, mn%t
	}
	address := start + units
	address ^= (address >> 7 & (1<<xor - 1)) << 4
	return 8*address + inside*bits
}

// agree compares what the descriptors fetch at every step with the layout.
func agree(t *testing.T, what string, l layout.Layout, bits int64) Reading {
	t.Helper()
	r, err := Describe(l, bits)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	agreed(t, what, l, bits, r)
	return r
}

func agreed(t *testing.T, what string, l layout.Layout, bits int64, r Reading) {
	t.Helper()
	mn, k := l.Mode(0).Size(), l.Mode(1).Size()
	if int64(len(r.Starts)) != k*bits/256 {
		t.Fatalf("%s: %d steps for %d elements of k", what, len(r.Starts), k)
	}
	const base = 3 * 8192
	for step := range r.Starts {
		d, err := r.Descriptor(base, step)
		if reason(err) == Limit {
			return // beyond what shared memory holds
		}
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		w, err := d.Encode()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for j := range 256 / bits {
			for i := range mn {
				at := l.At(i + mn*(int64(step)*256/bits+j))
				if got := fetched(w, r.Form.Major == MajorMN, bits, i, j) - 8*base; got != at {
					t.Fatalf("%s: step %d fetches (%d,%d) from bit %d, the layout has it at %d", what, step, i, j, got, at)
				}
			}
		}
	}
}

// panels is an operand in boxes that exists.
func panels(t testing.TB, major Major, m Mode, bits, mn, k int64) layout.Layout {
	t.Helper()
	l, err := Panels(major, m, bits, mn, k)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// turned exchanges the two modes.
func turned(l layout.Layout) layout.Layout {
	s, d := l.Shape(), l.Stride()
	return layout.Must(layout.WithSwizzle(l.Swizzle(), layout.Must(layout.New(layout.List(s.Mode(1), s.Mode(0)), layout.List(d.Mode(1), d.Mode(0))))))
}

// Descriptors fetch exactly the elements of operands that bulk copies have written, at every step along k.
func TestAgreementOfBoxes(t *testing.T) {
	for _, m := range modes {
		for _, bits := range []int64{8, 16, 32} {
			for _, rows := range []int64{8, 16, 64, 128, 256} {
				for _, k := range []int64{1024 / bits, 2048 / bits} {
					l := panels(t, MajorK, m, bits, rows, k)
					r := agree(t, l.String(), l, bits)
					want := Canonical{Major: MajorK, Mode: m, Bits: bits, MN: rows, K: 256 / bits, LBO: 16, SBO: 8 * m.Span()}
					if m == NoSwizzle {
						want.LBO, want.SBO = 16*rows, 128
					}
					if r.Form != want {
						t.Errorf("%v: %+v, want %+v", l, r.Form, want)
					}
				}
			}
		}
	}
	// Steps of a bf16 panel of 64: 32 bytes within the span, then the next panel.
	if r := agree(t, "K-major", panels(t, MajorK, Swizzle128, 16, 64, 128), 16); !slices.Equal(r.Starts, []int64{0, 32, 64, 96, 8192, 8224, 8256, 8288}) {
		t.Errorf("starts %v", r.Starts)
	}
	for _, m := range modes {
		for _, n := range []int64{64, 128, 192, 256} {
			for _, k := range []int64{16, 64} {
				l := panels(t, MajorMN, m, 16, n, k)
				r := agree(t, l.String(), l, 16)
				want := Canonical{Major: MajorMN, Mode: m, Bits: 16, MN: n, K: 16, LBO: k * m.Span(), SBO: 8 * m.Span()}
				if m == NoSwizzle {
					want.LBO, want.SBO = 128, 16*k
				}
				if n <= m.Span()/2 {
					want.LBO = 16 // not read
				}
				if r.Form != want {
					t.Errorf("%v: %+v, want %+v", l, r.Form, want)
				}
				if len(r.Starts) > 1 && r.Starts[1] != map[Mode]int64{NoSwizzle: 256, Swizzle32: 512, Swizzle64: 1024, Swizzle128: 2048}[m] {
					t.Errorf("%v: starts %v", l, r.Starts)
				}
			}
		}
	}
}

// Any form that a descriptor can say is found again from its layout, with the same distances where they are read.
func TestAgreementOfForms(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	found := map[Mode]int{}
	for range 3000 {
		bits := []int64{1, 8, 16, 32}[rng.IntN(4)]
		c := Canonical{
			Major: Major(rng.IntN(2)), Mode: modes[rng.IntN(4)], Bits: bits, MN: 8 * (1 + rng.Int64N(32)), K: 256 / bits,
			LBO: 16 * (1 + rng.Int64N(4096)), SBO: 16 * (1 + rng.Int64N(4096)),
		}
		l, err := c.Layout()
		if err != nil {
			if c.Major == MajorMN {
				continue // not of 16 bits, or not whole spans
			}
			t.Fatal(err)
		}
		r := agree(t, l.String(), l, bits)
		again, err := r.Form.Layout()
		if err != nil {
			t.Fatal(err)
		}
		if again.String() != l.String() && !slices.Equal(again.Values(), l.Values()) {
			t.Fatalf("%+v came back as %+v: %v is not %v", c, r.Form, again, l)
		}
		if r.Form.Mode == c.Mode {
			found[c.Mode]++
		}
	}
	for _, m := range modes {
		if found[m] < 300 {
			t.Errorf("mode %v found %d times", m, found[m])
		}
	}
}

// An operand with an offset: rows of a larger tile, columns from the middle of a span.
func TestPartsOfTiles(t *testing.T) {
	part := func(bits, byteOffset, rows, k int64) layout.Layout {
		l := layout.Must(layout.New(layout.List(layout.Int(rows), layout.Int(k)), layout.List(layout.Int(1024), layout.Int(bits))))
		return layout.Must(layout.WithSwizzle(Swizzle128.OfBits(), layout.Must(layout.Shift(l, 8*byteOffset))))
	}
	if r := agree(t, "rows 64…", part(16, 8192, 64, 64), 16); r.Starts[0] != 8192 {
		t.Errorf("%v", r.Starts)
	}
	if r := agree(t, "k 32…", part(16, 64, 64, 32), 16); !slices.Equal(r.Starts, []int64{64, 96}) {
		t.Errorf("%v", r.Starts)
	}
	if _, err := Describe(part(16, 4*128, 64, 64), 16); reason(err) != Alignment {
		t.Errorf("a start at row 4: %v", err)
	}
}

func reason(err error) layout.Reason {
	var e *layout.Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

// The same function under another name: a swizzle that reads bits which are never set.
func TestDescribeBySwizzledFunction(t *testing.T) {
	// Rows of 32 bytes, 8 of them: swizzle(1,7,3) and a map over F2 that moves bit 12 too.
	columns := make([]int64, 13)
	for k := range columns {
		columns[k] = 1 << k
	}
	columns[10] |= 1 << 7
	columns[12] |= 1 << 8
	l := layout.Must(layout.New(layout.Ints(8, 16), layout.Ints(256, 16)))
	l = layout.Must(layout.WithSwizzle(layout.Must(layout.Linear(columns)), l))
	r := agree(t, l.String(), l, 16)
	if r.Form.Mode != Swizzle32 {
		t.Errorf("%+v", r.Form)
	}
}

// Layouts close to those that descriptors read, with one number changed: whatever is accepted is right.
func TestNearForms(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	pick := func(ns ...int64) int64 { return ns[rng.IntN(len(ns))] }
	accepted, refused := 0, map[layout.Reason]int{}
	for range 8000 {
		bits, m := pick(8, 16, 16, 16, 32), modes[rng.IntN(4)]
		t16, w := 128/bits, m.Span()/16
		var mn, k, dmn, dk []int64
		if bits == 16 && rng.IntN(2) == 0 {
			mn, dmn = []int64{t16, w, pick(1, 2, 3)}, []int64{bits, 128, 128 * pick(8, 16, 64) * w}
			k, dk = []int64{8, pick(2, 4, 6)}, []int64{128 * w, 1024 * w}
		} else {
			mn, dmn = []int64{8, pick(1, 2, 5)}, []int64{128 * w, 1024 * w * pick(1, 2)}
			k, dk = []int64{t16, max(w, 2), pick(1, 2, 3)}, []int64{bits, 128, 128 * pick(8, 16, 64) * w}
		}
		for range rng.IntN(3) {
			sizes, strides := mn, dmn
			if rng.IntN(2) == 0 {
				sizes, strides = k, dk
			}
			i := rng.IntN(len(sizes))
			switch rng.IntN(4) {
			case 0:
				sizes[i] = pick(1, 2, 3, 4, 7, 8, 16)
			case 1:
				strides[i] += 128 * pick(-1, 1, 2, 8)
			case 2:
				strides[i] = pick(0, 1, bits, 64, 128, 1000, 1024, 4096)
			case 3:
				j := rng.IntN(len(sizes))
				sizes[i], sizes[j], strides[i], strides[j] = sizes[j], sizes[i], strides[j], strides[i]
			}
		}
		l, err := layout.New(layout.List(layout.Ints(mn...), layout.Ints(k...)), layout.List(layout.Ints(dmn...), layout.Ints(dk...)))
		if err != nil {
			t.Fatal(err)
		}
		if rng.IntN(8) == 0 {
			l = layout.Must(layout.Shift(l, 64*pick(1, 2, 4, 8, 16, 128, 1024)))
		}
		if rng.IntN(16) == 0 {
			m = modes[rng.IntN(4)]
		}
		if l, err = swizzled(m, l); err != nil {
			continue // a negative offset
		}
		r, err := Describe(l, bits)
		if err != nil {
			refused[reason(err)]++
			continue
		}
		accepted++
		agreed(t, l.String(), l, bits, r)
	}
	if accepted < 3000 || len(refused) < 4 || refused[""] > 0 {
		t.Errorf("%d accepted, refused for %v", accepted, refused)
	}
	t.Logf("%d accepted, refused for %v", accepted, refused)
}

func TestDescribeRefuses(t *testing.T) {
	parse := func(shape, stride layout.Tuple, m Mode) layout.Layout {
		return layout.Must(swizzled(m, layout.Must(layout.New(shape, stride))))
	}
	for _, c := range []struct {
		what   string
		l      layout.Layout
		bits   int64
		reason layout.Reason
		text   string
	}{
		{"one mode", layout.Must(layout.New(layout.Int(64), layout.Int(16))), 16, layout.Profile, "has 1 modes"},
		{"width", parse(layout.Ints(64, 16), layout.Ints(256, 16), NoSwizzle), 24, layout.Range, "24 bits"},
		{"k", parse(layout.Ints(64, 24), layout.Ints(512, 16), NoSwizzle), 16, layout.Divisibility, "24 elements of 16 bits along k"},
		{"rows", parse(layout.Ints(60, 16), layout.Ints(256, 16), NoSwizzle), 16, layout.Divisibility, "60 rows"},
		{"plain rows of 128 bytes", parse(layout.Ints(64, 64), layout.Ints(1024, 16), NoSwizzle), 16, NoForm, "row 1 lies 1024 bits"},
		{"padded rows", parse(layout.Ints(64, 64), layout.Ints(1152, 16), Swizzle128), 16, NoForm, "row 1 lies 1152 bits behind row 0; k-major with swizzle 128b has it at 1024"},
		{"bytes along rows", parse(layout.Ints(64, 32), layout.Ints(8, 512), NoSwizzle), 8, NoForm, "only those of 16 bits may"},
		{"scattered", parse(layout.Ints(64, 16), layout.Ints(4096, 32), NoSwizzle), 16, NoForm, "no 16 bytes lie side by side"},
		{"another swizzle", layout.Must(layout.WithSwizzle(layout.Must(layout.XOR(3, 7, 4)), layout.Must(layout.New(layout.Ints(64, 64), layout.Ints(1024, 16))))), 16, NoForm, "swizzle(3,7,4)"},
		{"k in threes", parse(layout.List(layout.Int(8), layout.Ints(8, 3, 2)), layout.List(layout.Int(128), layout.Ints(16, 1024, 16384)), NoSwizzle), 16, NoForm, "element 24 along k lies 14336 bits behind element 16"},
		{"half a unit", parse(layout.List(layout.Int(8), layout.Ints(16, 2)), layout.List(layout.Int(256), layout.Ints(16, 2048+64)), Swizzle32), 16, Alignment, "element 16 along k starts at bit 2112"},
		{"a linear map beside", layout.Must(layout.WithSwizzle(layout.Must(layout.Linear([]int64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024 + 16})), layout.Must(layout.New(layout.Ints(16, 16), layout.Ints(256, 16))))), 16, NoForm, "is not the swizzle of a mode"},
		{"far rows", parse(layout.List(layout.Ints(8, 8), layout.Int(16)), layout.List(layout.Ints(128, 8<<18), layout.Ints(16).Mode(0)), NoSwizzle), 16, Limit, "262144 bytes"},
		{"long k", parse(layout.Ints(8, 1<<16), layout.Ints(128, 16), NoSwizzle), 16, Limit, "65536"},
	} {
		r, err := Describe(c.l, c.bits)
		if reason(err) != c.reason || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %+v, %v (%s), want %s: …%s…", c.what, r, err, reason(err), c.reason, c.text)
		}
	}
	for _, c := range []Canonical{
		{Bits: 4, MN: 8, K: 64}, {Bits: 16, MN: 12, K: 16}, {Bits: 16, MN: 8, K: 32}, {Major: MajorMN, Bits: 8, MN: 16, K: 32},
		{Major: MajorMN, Mode: Swizzle128, Bits: 16, MN: 96, K: 16}, {Bits: 16, MN: 8, K: 16, SBO: 8}, {Bits: 16, MN: 8, K: 16, LBO: 1 << 18},
		{Bits: 0, MN: 8, K: 16}, {Mode: 4, Bits: 16, MN: 8, K: 16}, {Bits: 16, MN: 1 << 40, K: 16},
	} {
		if l, err := c.Layout(); reason(err) == "" {
			t.Errorf("%+v is %v, %v", c, l, err)
		}
	}
	r := agree(t, "panel", panels(t, MajorK, Swizzle128, 16, 64, 64), 16)
	if _, err := r.Descriptor(512, 0); reason(err) != Alignment {
		t.Errorf("a base of 512: %v", err)
	}
	if _, err := r.Descriptor(0, 4); reason(err) != layout.Range {
		t.Errorf("step 4: %v", err)
	}
	if _, err := r.Descriptor(1<<18, 0); reason(err) != Limit {
		t.Errorf("a base of 256 KiB: %v", err)
	}
}

// The atoms of the table are what boxes of a span are.
func TestSharedAtoms(t *testing.T) {
	for _, m := range modes {
		for _, c := range []struct {
			name string
			bits int64
		}{{"_8", 8}, {"_16", 16}, {"_32", 32}} {
			box := layout.Must(Box(c.bits, m, 8*m.Span()/c.bits, 8))
			if got := get(t, "wgmma_smem_k_"+m.String()+c.name).Layout; !slices.Equal(turned(got).Values(), box.Values()) {
				t.Errorf("%v %s: %v", m, c.name, got)
			}
		}
		box := layout.Must(Box(16, m, m.Span()/2, 8))
		if got := get(t, "wgmma_smem_mn_"+m.String()+"_16").Layout; !slices.Equal(got.Values(), box.Values()) {
			t.Errorf("%v: %v", m, got)
		}
	}
}

// The swizzle of boxes, of descriptors and the map of byte addresses are one function.
func TestSwizzles(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for b, m := range []Mode{NoSwizzle, Swizzle32, Swizzle64, Swizzle128} {
		bytes, bits := m.Swizzle(), m.OfBits()
		for range 2000 {
			x := rng.Int64N(1 << 18)
			want := x ^ (x>>7&(1<<b-1))<<4
			if bytes.At(x) != want || bits.At(8*x) != 8*want || bits.At(8*x+5) != 8*want+5 {
				t.Fatalf("%v of byte %d", m, x)
			}
			if want^(want>>7&(1<<b-1))<<4 != x {
				t.Fatalf("%v is not its own inverse at %d", m, x)
			}
		}
		if m.Span() != 16<<b || m.Alignment() != 128<<b {
			t.Errorf("%v: span %d, alignment %d", m, m.Span(), m.Alignment())
		}
		if m != NoSwizzle && !get(t, "swizzle_"+m.String()).Swizzle.Equal(bytes) {
			t.Errorf("%v", m)
		}
	}
}

func BenchmarkDescribe(b *testing.B) {
	l := panels(b, MajorK, Swizzle128, 16, 256, 256)
	for range b.N {
		if _, err := Describe(l, 16); err != nil {
			b.Fatal(err)
		}
	}
}
