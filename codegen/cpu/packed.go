package cpu

import (
	"fmt"
	"slices"

	"github.com/tilec/tilec/ir/dtype"
)

// Layout is how the codes of a packed matrix [N, K] lie in memory. The zero Layout is the dense one of every tensor.
//
// Any other is made of panels of Rows rows, N rounded up. A panel holds the groups of Group codes along K one after the
// other, K rounded up; a group is rounded up to whole units. A unit is a few vectors of Rows dwords, a dword a row, and
// holds slots of four consecutive codes of each row: byte t of a row's dword takes part in code t of every slot. Which
// bits of which vectors make a slot's code is the table [units]; signed codes are stored as what they are above the
// least, so that every field is an unsigned number. Codes that pad are 0.
type Layout struct {
	Rows  int // of a panel: the 32-bit lanes of a vector
	Bits  int // of a code
	Group int // codes of a row that a group holds: a multiple of 4
}

// layoutVersion stands in a layout's name, so that arrays packed by one version are refused by another.
const layoutVersion = 1

// part is some bits of a slot: (vector >> shift) & mask. A negative shift is one to the left.
type part struct {
	vec, shift int
	mask       byte
}

// slot is four codes of each row: the parts or-ed together are the codes times 2^scale, in bytes.
type slot struct {
	scale int
	parts []part
}

// unitOf is a unit of codes of some width: vectors of a dword a row, and the slots in the order of K.
type unitOf struct {
	vecs  int
	slots []slot
}

// codes is the number of codes of a row in a unit.
func (u *unitOf) codes() int { return 4 * len(u.slots) }

// units are the units of each width. The aim is that a slot comes from its vectors by masks alone, without shifts, which
// share the pipes of the dot products on some processors. Powers of two lie side by side in one vector. The others are a
// vector of powers of two and a plane or two of what is left over: where a slot's field ends below the byte's end, the
// plane has the upper bits of the code, and where it begins above the byte's start, the lower ones.
var units = [9]unitOf{
	1: {1, []slot{
		{0, []part{{0, 0, 0x01}}}, {1, []part{{0, 0, 0x02}}}, {2, []part{{0, 0, 0x04}}}, {3, []part{{0, 0, 0x08}}},
		{4, []part{{0, 0, 0x10}}}, {5, []part{{0, 0, 0x20}}}, {6, []part{{0, 0, 0x40}}}, {7, []part{{0, 0, 0x80}}},
	}},
	2: {1, []slot{{0, []part{{0, 0, 0x03}}}, {2, []part{{0, 0, 0x0c}}}, {4, []part{{0, 0, 0x30}}}, {6, []part{{0, 0, 0xc0}}}}},
	3: {3, []slot{
		{0, []part{{0, 0, 0x03}, {2, 0, 0x04}}},
		{2, []part{{0, 0, 0x0c}, {2, 0, 0x10}}},
		{4, []part{{0, 0, 0x30}, {2, 0, 0x40}}},
		{5, []part{{0, 1, 0x60}, {2, 0, 0x80}}},
		{0, []part{{1, 0, 0x03}, {2, -1, 0x04}}},
		{2, []part{{1, 0, 0x0c}, {2, -1, 0x10}}},
		{4, []part{{1, 0, 0x30}, {2, -1, 0x40}}},
		{0, []part{{1, 5, 0x06}, {2, 0, 0x01}}},
	}},
	4: {1, []slot{{0, []part{{0, 0, 0x0f}}}, {4, []part{{0, 0, 0xf0}}}}},
	5: {5, []slot{
		{0, []part{{0, 0, 0x0f}, {4, 0, 0x10}}}, {3, []part{{0, 0, 0xf0}, {4, 0, 0x08}}},
		{0, []part{{1, 0, 0x0f}, {4, 1, 0x10}}}, {3, []part{{1, 0, 0xf0}, {4, -1, 0x08}}},
		{0, []part{{2, 0, 0x0f}, {4, 2, 0x10}}}, {3, []part{{2, 0, 0xf0}, {4, -2, 0x08}}},
		{0, []part{{3, 0, 0x0f}, {4, 3, 0x10}}}, {3, []part{{3, 0, 0xf0}, {4, -3, 0x08}}},
	}},
	6: {3, []slot{
		{0, []part{{0, 0, 0x0f}, {2, 0, 0x30}}}, {2, []part{{0, 0, 0xf0}, {2, 0, 0x0c}}},
		{0, []part{{1, 0, 0x0f}, {2, 2, 0x30}}}, {2, []part{{1, 0, 0xf0}, {2, -2, 0x0c}}},
	}},
	7: {7, []slot{
		{0, []part{{0, 0, 0x0f}, {4, 0, 0x30}, {6, 0, 0x40}}}, {1, []part{{0, 0, 0xf0}, {4, 0, 0x0c}, {6, 0, 0x02}}},
		{0, []part{{1, 0, 0x0f}, {4, 2, 0x30}, {6, 1, 0x40}}}, {1, []part{{1, 0, 0xf0}, {4, -2, 0x0c}, {6, 1, 0x02}}},
		{0, []part{{2, 0, 0x0f}, {5, 0, 0x30}, {6, -1, 0x40}}}, {1, []part{{2, 0, 0xf0}, {5, 0, 0x0c}, {6, -1, 0x02}}},
		{0, []part{{3, 0, 0x0f}, {5, 2, 0x30}, {6, -2, 0x40}}}, {1, []part{{3, 0, 0xf0}, {5, -2, 0x0c}, {6, 2, 0x02}}},
	}},
	8: {1, []slot{{0, []part{{0, 0, 0xff}}}}},
}

// panelLayout is the layout of panels for codes of elem in groups of the given length, for a level's vectors. ok is false
// where there is none: groups that are not fours, or elements that are not integers or bipolar of up to 8 bits.
func panelLayout(l *Level, elem dtype.Type, group int) (layout Layout, ok bool) {
	switch elem.Kind {
	case dtype.IntKind, dtype.UintKind, dtype.BipolarKind:
	default:
		return Layout{}, false
	}
	if elem.Bits() > 8 || group <= 0 || group%4 != 0 {
		return Layout{}, false
	}
	// Groups of whole units lie as units do: one layout serves all of them.
	if u := units[elem.Bits()].codes(); group%u == 0 {
		group = u
	}
	return Layout{Rows: l.Lanes, Bits: elem.Bits(), Group: group}, true
}

// Dense reports whether the layout is that of every tensor.
func (l Layout) Dense() bool { return l == Layout{} }

// String is the layout's name in a manifest.
func (l Layout) String() string {
	if l.Dense() {
		return "dense"
	}
	return fmt.Sprintf("panels%d rows %d bits %d group %d", layoutVersion, l.Rows, l.Bits, l.Group)
}

// ParseLayout reads a layout's name. The error says what is wrong with it; a name of another version is one.
func ParseLayout(name string) (Layout, error) {
	if name == "" || name == "dense" {
		return Layout{}, nil
	}
	var version int
	var l Layout
	n, err := fmt.Sscanf(name, "panels%d rows %d bits %d group %d", &version, &l.Rows, &l.Bits, &l.Group)
	switch {
	case n != 4 || err != nil:
		return Layout{}, fmt.Errorf("%q is no layout", name)
	case version != layoutVersion:
		return Layout{}, fmt.Errorf("layout %q is of version %d, this program makes version %d: compile the kernel again", name, version, layoutVersion)
	case !slices.Contains([]int{4, 8, 16}, l.Rows), l.Bits < 1, l.Bits > 8, l.Group < 4, l.Group%4 != 0, l.Group > maxGroup, l.String() != name:
		return Layout{}, fmt.Errorf("layout %q has a part that no layout has", name)
	}
	return l, nil
}

// maxGroup bounds a group, so that no sum of products of bytes along it leaves 32 bits.
const maxGroup = 1 << 15

// unit is the layout's unit.
func (l Layout) unit() *unitOf { return &units[l.Bits] }

// vector is the bytes of a vector.
func (l Layout) vector() int { return 4 * l.Rows }

// GroupBytes is the size of a group of a panel.
func (l Layout) GroupBytes() int64 {
	u := l.unit()
	return int64(ceilDiv(l.Group, u.codes())) * int64(u.vecs*l.vector())
}

// PanelBytes is the size of a panel of k codes a row.
func (l Layout) PanelBytes(k int64) int64 {
	return (k + int64(l.Group) - 1) / int64(l.Group) * l.GroupBytes()
}

// Size is the number of bytes of a matrix of n rows of k codes of the given width.
func (l Layout) Size(bits int, n, k int64) int64 {
	if l.Dense() {
		return (n*k*int64(bits) + 7) / 8
	}
	return (n + int64(l.Rows) - 1) / int64(l.Rows) * l.PanelBytes(k)
}

func ceilDiv(a, b int) int { return (a + b - 1) / b }

// flip is what code and stored code differ by: the sign bit of a signed integer.
func flip(elem dtype.Type) uint64 {
	if elem.Kind == dtype.IntKind {
		return 1 << (elem.Bits() - 1)
	}
	return 0
}

// check says what keeps a matrix from being laid out.
func (l Layout) check(data []byte, want int64, elem dtype.Type, n, k int) error {
	switch {
	case n < 0 || k < 0:
		return fmt.Errorf("a matrix of %d rows of %d", n, k)
	case !l.Dense() && elem.Bits() != l.Bits:
		return fmt.Errorf("layout %s is for codes of %d bits, %v has %d", l, l.Bits, elem, elem.Bits())
	case int64(len(data)) != want:
		return fmt.Errorf("a matrix of %d rows of %d of %v has %d bytes, not %d", n, k, elem, want, len(data))
	}
	return nil
}

// Pack lays out a dense matrix of n rows of k elements.
func (l Layout) Pack(dense []byte, elem dtype.Type, n, k int) ([]byte, error) {
	if err := l.check(dense, Layout{}.Size(elem.Bits(), int64(n), int64(k)), elem, n, k); err != nil {
		return nil, err
	}
	if l.Dense() {
		return slices.Clone(dense), nil
	}
	u, vec, stride := l.unit(), l.vector(), l.PanelBytes(int64(k))
	put := u.places()
	out := make([]byte, l.Size(l.Bits, int64(n), int64(k)))
	row := make([]uint64, k)
	signed := flip(elem)
	for r := range n {
		dtype.Unpack(row, dense, r*k*l.Bits, l.Bits)
		base := int64(r/l.Rows)*stride + int64(r%l.Rows*4)
		for j, code := range row {
			at := l.at(base, j)
			for _, p := range put[j%l.Group%u.codes()/4] {
				out[at+int64(p.vec*vec)] |= p.bits[code^signed]
			}
		}
	}
	return out, nil
}

// Unpack is the inverse of Pack.
func (l Layout) Unpack(packed []byte, elem dtype.Type, n, k int) ([]byte, error) {
	if err := l.check(packed, l.Size(elem.Bits(), int64(n), int64(k)), elem, n, k); err != nil {
		return nil, err
	}
	if l.Dense() {
		return slices.Clone(packed), nil
	}
	u, vec, stride := l.unit(), l.vector(), l.PanelBytes(int64(k))
	put := u.places()
	out := make([]byte, Layout{}.Size(l.Bits, int64(n), int64(k)))
	row := make([]uint64, k)
	signed := flip(elem)
	for r := range n {
		base := int64(r/l.Rows)*stride + int64(r%l.Rows*4)
		for j := range row {
			at, code := l.at(base, j), uint64(0)
			for _, p := range put[j%l.Group%u.codes()/4] {
				code |= p.code(packed[at+int64(p.vec*vec)])
			}
			row[j] = code ^ signed
		}
		dtype.Pack(out, r*k*l.Bits, row, l.Bits)
	}
	return out, nil
}

// at is the byte of code j of a row in the first vector of its unit; base is the row's first byte.
func (l Layout) at(base int64, j int) int64 {
	u := l.unit()
	return base + int64(j/l.Group)*l.GroupBytes() + int64(j%l.Group/u.codes()*u.vecs*l.vector()) + int64(j%4)
}

// home is where the bits of a slot's codes lie in one vector: bits[code] is what code contributes to its byte.
type home struct {
	vec   int
	scale int
	part  part
	bits  [256]byte
}

// code is what a byte of the vector says of a code.
func (p *home) code(b byte) uint64 {
	x := int(b)
	if p.part.shift >= 0 {
		x >>= p.part.shift
	} else {
		x <<= -p.part.shift
	}
	return uint64(x&int(p.part.mask)) >> p.scale
}

// places turns the table around, for each slot.
func (u *unitOf) places() [][]home {
	all := make([][]home, len(u.slots))
	for i, s := range u.slots {
		for _, q := range s.parts {
			p := home{vec: q.vec, scale: s.scale, part: q}
			for code := range p.bits {
				x := code << s.scale & int(q.mask)
				if q.shift >= 0 {
					x <<= q.shift
				} else {
					x >>= -q.shift
				}
				p.bits[code] = byte(x)
			}
			all[i] = append(all[i], p)
		}
	}
	return all
}
