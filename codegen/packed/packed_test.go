package packed

import (
	"bytes"
	"math/bits"
	"testing"

	"pgregory.net/rapid"

	"github.com/tilec/tilec/ir/dtype"
)

// Every bit of a unit belongs to one bit of one code, and every bit of a code to one of the unit.
func TestUnits(t *testing.T) {
	for width := 1; width <= 8; width++ {
		u := &units[width]
		if u.Vecs*8 != width*len(u.Slots) {
			t.Errorf("%d bits: %d vectors for %d slots", width, u.Vecs, len(u.Slots))
		}
		used := make([]int, u.Vecs)
		for i, s := range u.Slots {
			have := 0
			for _, p := range s.Parts {
				if have&int(p.Mask) != 0 {
					t.Errorf("%d bits, slot %d: parts overlap", width, i)
				}
				have |= int(p.Mask)
				at := int(p.Mask)
				if p.Shift >= 0 {
					at <<= p.Shift
				} else {
					at >>= -p.Shift
				}
				if at > 255 || bits.OnesCount(uint(at)) != bits.OnesCount8(p.Mask) {
					t.Errorf("%d bits, slot %d: shift %d moves bits of mask %#x out of the byte", width, i, p.Shift, p.Mask)
				}
				if used[p.Vec]&at != 0 {
					t.Errorf("%d bits, slot %d: vector %d has bits that another slot has", width, i, p.Vec)
				}
				used[p.Vec] |= at
			}
			if have != (1<<width-1)<<s.Scale {
				t.Errorf("%d bits, slot %d: fields %#x at scale %d", width, i, have, s.Scale)
			}
		}
		for v, m := range used {
			if m != 255 {
				t.Errorf("%d bits: vector %d uses the bits %#x", width, v, m)
			}
		}
	}
}

// lowTypes are the element types that panels hold.
func lowTypes() []dtype.Type {
	var list []dtype.Type
	for n := 1; n <= 8; n++ {
		list = append(list, dtype.Uint(n), dtype.Bipolar(n))
		if n > 1 {
			list = append(list, dtype.Int(n))
		}
	}
	return list
}

// Packing and unpacking give back every matrix, and the name of a layout gives back the layout.
func TestPackUnpack(t *testing.T) {
	types := lowTypes()
	rapid.Check(t, func(t *rapid.T) {
		elem := rapid.SampledFrom(types).Draw(t, "type")
		rows := rapid.SampledFrom([]int{4, 8, 16}).Draw(t, "rows")
		group := 4 * rapid.IntRange(1, 24).Draw(t, "group/4")
		n, k := rapid.IntRange(0, 40).Draw(t, "n"), rapid.IntRange(0, 200).Draw(t, "k")
		layout := Panels
		if rapid.Bool().Draw(t, "quads") {
			layout = QuadPanels
		}
		l, ok := layout(rows, elem, group)
		if !ok {
			t.Fatalf("no layout for %v in groups of %d", elem, group)
		}
		if again, err := Parse(l.String()); err != nil || again != l {
			t.Fatalf("%s read again: %v, %v", l, again, err)
		}
		dense := make([]byte, Layout{}.Size(elem.Bits(), int64(n), int64(k)))
		codes := make([]uint64, n*k)
		for i := range codes {
			codes[i] = rapid.Uint64Max(1<<elem.Bits()-1).Draw(t, "code")
		}
		dtype.Pack(dense, 0, codes, elem.Bits())
		packed, err := l.Pack(dense, elem, n, k)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := l.Unpack(packed, elem, n, k); err != nil || !bytes.Equal(got, dense) {
			t.Fatalf("unpacked %x, %v; want %x", got, err, dense)
		}
		if got, err := (Layout{}).Pack(dense, elem, n, k); err != nil || !bytes.Equal(got, dense) {
			t.Fatalf("dense: %x, %v; want %x", got, err, dense)
		}
	})
}

// A nibble's place is counted by hand: 8 codes a row in a unit, four to the low halves of a dword, four to the high ones.
func TestPackByHand(t *testing.T) {
	const n, k = 17, 16
	dense := make([]byte, n*k/2)
	for r := range n {
		for j := range k {
			dtype.WriteCode(dense, (r*k+j)*4, 4, uint64(r+j)&15)
		}
	}
	l := Layout{Rows: 16, Bits: 4, Group: 8}
	packed, err := l.Pack(dense, dtype.U4, n, k)
	if err != nil || len(packed) != 2*2*64 {
		t.Fatalf("%d bytes, %v", len(packed), err)
	}
	for r := range 32 {
		for j := range k {
			want := byte(r+j) & 15
			if r >= n {
				want = 0
			}
			b := packed[r/16*128+j/8*64+r%16*4+j%4]
			if got := b >> (j % 8 / 4 * 4) & 15; got != want {
				t.Errorf("row %d, code %d: %d, want %d", r, j, got, want)
			}
		}
	}
	signed, err := l.Pack(dense, dtype.I4, n, k)
	if err != nil || signed[0] != packed[0]^0x88 {
		t.Errorf("signed: %#x beside %#x, %v", signed[0], packed[0], err)
	}
}

// A quad's place is counted by hand: 32 codes a row in a unit, a vector for each bit.
func TestQuadsByHand(t *testing.T) {
	const n, k = 5, 36
	dense := make([]byte, (n*k*2+7)/8)
	code := func(r, j int) uint64 { return uint64(r*7+j*5) >> 1 & 3 }
	for r := range n {
		for j := range k {
			dtype.WriteCode(dense, (r*k+j)*2, 2, code(r, j))
		}
	}
	l, ok := QuadPanels(4, dtype.U2, 36)
	packed, err := l.Pack(dense, dtype.U2, n, k)
	if !ok || err != nil || len(packed) != 2*2*2*16 {
		t.Fatalf("%d bytes, %v", len(packed), err)
	}
	for r := range n {
		for j := range k {
			for b := range 2 {
				at := packed[r/4*64+j/32*32+b*16+r%4*4+j%32/4%4]
				if got, want := at>>(j%32/16*4+j%4)&1, byte(code(r, j)>>b&1); got != want {
					t.Errorf("row %d, code %d, bit %d: %d, want %d", r, j, b, got, want)
				}
			}
		}
	}
}

func TestLayoutErrors(t *testing.T) {
	for _, name := range []string{"panels", "panels2 rows 16 bits 4 group 8", "panels1 rows 5 bits 4 group 8", "panels1 rows 16 bits 9 group 8",
		"panels1 rows 16 bits 4 group 6", "panels1 rows 16 bits 4 group 8 more", "panels1 rows 16 bits 4 group 0"} {
		if l, err := Parse(name); err == nil {
			t.Errorf("%q is taken for %v", name, l)
		}
	}
	l := Layout{Rows: 16, Bits: 4, Group: 8}
	if _, err := l.Pack(make([]byte, 7), dtype.U4, 1, 16); err == nil {
		t.Error("a matrix of too few bytes is packed")
	}
	if _, err := l.Unpack(make([]byte, 128), dtype.Uint(3), 1, 16); err == nil {
		t.Error("a layout of 4 bits is read as one of 3")
	}
	for _, c := range []struct {
		elem  dtype.Type
		group int
	}{{dtype.F4E2M1, 32}, {dtype.I16, 32}, {dtype.U4, 6}, {dtype.U4, 0}, {dtype.U4, MaxGroup + 4}} {
		if l, ok := Panels(16, c.elem, c.group); ok {
			t.Errorf("%v in groups of %d: %v", c.elem, c.group, l)
		}
	}
}

func BenchmarkPack(b *testing.B) {
	const n, k = 4096, 4096
	for _, elem := range []dtype.Type{dtype.U1, dtype.Uint(3), dtype.U4} {
		b.Run(elem.String(), func(b *testing.B) {
			l, _ := Panels(16, elem, 128)
			dense := make([]byte, Layout{}.Size(elem.Bits(), n, k))
			b.SetBytes(int64(len(dense)))
			for b.Loop() {
				if _, err := l.Pack(dense, elem, n, k); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
