// Package packed lays out the packed matrices of kernels: codes of up to 8 bits, which the compiler may order as its code
// reads them best.
//
// In goes a matrix as every tensor lies, out comes the same in a layout, and back. A layout has a name, which stands in a
// kernel's manifest, with a version. It always holds that what was packed in a layout is unpacked unchanged.
package packed

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/tilec/tilec/ir/dtype"
)

// Layout is how the codes of a packed matrix [N, K] lie in memory. The zero Layout is the dense one of every tensor.
//
// Any other is made of panels of Rows rows, N rounded up. A panel holds the groups of Group codes along K one after the
// other, K rounded up; a group is rounded up to whole units. A unit is a few vectors of Rows dwords, a dword a row, and
// holds slots of four consecutive codes of each row: byte t of a row's dword takes part in code t of every slot. Which
// bits of which vectors make a slot's code is the unit's table ([Unit]); signed codes are stored as what they are above the
// least, so that every field is an unsigned number. Codes that pad are 0.
//
// With Quads a unit is 32 codes of each row instead, and has a vector for each bit of a code, the lowest first. A row's dword
// in it is eight numbers of four bits, which index tables: number q has the bit of codes 4q to 4q+3, the first one lowest.
// Numbers 0 to 3 are the lower halves of the dword's bytes, 4 to 7 the upper ones.
type Layout struct {
	Rows  int // of a panel: the 32-bit lanes of a vector
	Bits  int // of a code
	Group int // codes of a row that a group holds: a multiple of 4
	Quads bool
}

// QuadCodes is the number of codes of a row in a unit of quads.
const QuadCodes = 32

// layoutVersion stands in a layout's name, so that arrays packed by one version are refused by another.
const layoutVersion = 1

// Part is some bits of a slot: (vector >> shift) & mask. A negative shift is one to the left.
type Part struct {
	Vec, Shift int
	Mask       byte
}

// Slot is four codes of each row: the parts or-ed together are the codes times 2^scale, in bytes.
type Slot struct {
	Scale int
	Parts []Part
}

// Unit is a unit of codes of some width: vectors of a dword a row, and the slots in the order of K.
type Unit struct {
	Vecs  int
	Slots []Slot
}

// Codes is the number of codes of a row in a unit.
func (u *Unit) Codes() int { return 4 * len(u.Slots) }

// units are the units of each width. The aim is that a slot comes from its vectors by masks alone, without shifts, which
// share the pipes of the dot products on some processors. Powers of two lie side by side in one vector. The others are a
// vector of powers of two and a plane or two of what is left over: where a slot's field ends below the byte's end, the
// plane has the upper bits of the code, and where it begins above the byte's start, the lower ones.
var units = [9]Unit{
	1: {1, []Slot{
		{0, []Part{{0, 0, 0x01}}}, {1, []Part{{0, 0, 0x02}}}, {2, []Part{{0, 0, 0x04}}}, {3, []Part{{0, 0, 0x08}}},
		{4, []Part{{0, 0, 0x10}}}, {5, []Part{{0, 0, 0x20}}}, {6, []Part{{0, 0, 0x40}}}, {7, []Part{{0, 0, 0x80}}},
	}},
	2: {1, []Slot{{0, []Part{{0, 0, 0x03}}}, {2, []Part{{0, 0, 0x0c}}}, {4, []Part{{0, 0, 0x30}}}, {6, []Part{{0, 0, 0xc0}}}}},
	3: {3, []Slot{
		{0, []Part{{0, 0, 0x03}, {2, 0, 0x04}}},
		{2, []Part{{0, 0, 0x0c}, {2, 0, 0x10}}},
		{4, []Part{{0, 0, 0x30}, {2, 0, 0x40}}},
		{5, []Part{{0, 1, 0x60}, {2, 0, 0x80}}},
		{0, []Part{{1, 0, 0x03}, {2, -1, 0x04}}},
		{2, []Part{{1, 0, 0x0c}, {2, -1, 0x10}}},
		{4, []Part{{1, 0, 0x30}, {2, -1, 0x40}}},
		{0, []Part{{1, 5, 0x06}, {2, 0, 0x01}}},
	}},
	4: {1, []Slot{{0, []Part{{0, 0, 0x0f}}}, {4, []Part{{0, 0, 0xf0}}}}},
	5: {5, []Slot{
		{0, []Part{{0, 0, 0x0f}, {4, 0, 0x10}}}, {3, []Part{{0, 0, 0xf0}, {4, 0, 0x08}}},
		{0, []Part{{1, 0, 0x0f}, {4, 1, 0x10}}}, {3, []Part{{1, 0, 0xf0}, {4, -1, 0x08}}},
		{0, []Part{{2, 0, 0x0f}, {4, 2, 0x10}}}, {3, []Part{{2, 0, 0xf0}, {4, -2, 0x08}}},
		{0, []Part{{3, 0, 0x0f}, {4, 3, 0x10}}}, {3, []Part{{3, 0, 0xf0}, {4, -3, 0x08}}},
	}},
	6: {3, []Slot{
		{0, []Part{{0, 0, 0x0f}, {2, 0, 0x30}}}, {2, []Part{{0, 0, 0xf0}, {2, 0, 0x0c}}},
		{0, []Part{{1, 0, 0x0f}, {2, 2, 0x30}}}, {2, []Part{{1, 0, 0xf0}, {2, -2, 0x0c}}},
	}},
	7: {7, []Slot{
		{0, []Part{{0, 0, 0x0f}, {4, 0, 0x30}, {6, 0, 0x40}}}, {1, []Part{{0, 0, 0xf0}, {4, 0, 0x0c}, {6, 0, 0x02}}},
		{0, []Part{{1, 0, 0x0f}, {4, 2, 0x30}, {6, 1, 0x40}}}, {1, []Part{{1, 0, 0xf0}, {4, -2, 0x0c}, {6, 1, 0x02}}},
		{0, []Part{{2, 0, 0x0f}, {5, 0, 0x30}, {6, -1, 0x40}}}, {1, []Part{{2, 0, 0xf0}, {5, 0, 0x0c}, {6, -1, 0x02}}},
		{0, []Part{{3, 0, 0x0f}, {5, 2, 0x30}, {6, -2, 0x40}}}, {1, []Part{{3, 0, 0xf0}, {5, -2, 0x0c}, {6, 2, 0x02}}},
	}},
	8: {1, []Slot{{0, []Part{{0, 0, 0xff}}}}},
}

// Panels is the layout of panels of so many rows (4, 8 or 16), for codes of elem in groups of the given length. ok is false
// where there is none: groups that are not fours or longer than [MaxGroup], or elements that are not integers or bipolar of
// up to 8 bits.
func Panels(rows int, elem dtype.Type, group int) (layout Layout, ok bool) {
	switch elem.Kind {
	case dtype.IntKind, dtype.UintKind, dtype.BipolarKind:
	default:
		return Layout{}, false
	}
	if elem.Bits() > 8 || group <= 0 || group%4 != 0 || group > MaxGroup {
		return Layout{}, false
	}
	l := Layout{Rows: rows, Bits: elem.Bits(), Group: group}
	return l.plain(), true
}

// QuadPanels is the layout with quads, as [Panels] is the one without.
func QuadPanels(rows int, elem dtype.Type, group int) (layout Layout, ok bool) {
	l, ok := Panels(rows, elem, group)
	l.Group, l.Quads = group, true
	return l.plain(), ok
}

// plain is the layout with groups of one unit where they are of whole units: one layout serves all of these.
func (l Layout) plain() Layout {
	if u := l.unitCodes(); l.Group%u == 0 {
		l.Group = u
	}
	return l
}

// unitCodes is the number of codes of a row in a unit.
func (l Layout) unitCodes() int {
	if l.Quads {
		return QuadCodes
	}
	return l.Unit().Codes()
}

// UnitBytes is the size of a unit of a panel.
func (l Layout) UnitBytes() int64 {
	if l.Quads {
		return int64(l.Bits * l.Vector())
	}
	return int64(l.Unit().Vecs * l.Vector())
}

// Dense reports whether the layout is that of every tensor.
func (l Layout) Dense() bool { return l == Layout{} }

// String is the layout's name in a manifest.
func (l Layout) String() string {
	if l.Dense() {
		return "dense"
	}
	return fmt.Sprintf("%s%d rows %d bits %d group %d", l.kind(), layoutVersion, l.Rows, l.Bits, l.Group)
}

func (l Layout) kind() string {
	if l.Quads {
		return "quads"
	}
	return "panels"
}

// Parse reads a layout's name. The error says what is wrong with it; a name of another version is one.
func Parse(name string) (Layout, error) {
	if name == "" || name == "dense" {
		return Layout{}, nil
	}
	var version int
	l := Layout{Quads: strings.HasPrefix(name, "quads")}
	n, err := fmt.Sscanf(name, l.kind()+"%d rows %d bits %d group %d", &version, &l.Rows, &l.Bits, &l.Group)
	switch {
	case n != 4 || err != nil:
		return Layout{}, fmt.Errorf("%q is no layout", name)
	case version != layoutVersion:
		return Layout{}, fmt.Errorf("layout %q is of version %d, this program makes version %d: compile the kernel again", name, version, layoutVersion)
	case !slices.Contains([]int{4, 8, 16}, l.Rows), l.Bits < 1, l.Bits > 8, l.Group < 4, l.Group%4 != 0, l.Group > MaxGroup, l.String() != name:
		return Layout{}, fmt.Errorf("layout %q has a part that no layout has", name)
	}
	return l, nil
}

// MaxGroup bounds a group, so that no sum of products of bytes along it leaves 32 bits.
const MaxGroup = 1 << 15

// Unit is the layout's unit. A layout with quads has none of these.
func (l Layout) Unit() *Unit { return &units[l.Bits] }

// Vector is the bytes of a vector of a unit.
func (l Layout) Vector() int { return 4 * l.Rows }

// GroupBytes is the size of a group of a panel.
func (l Layout) GroupBytes() int64 {
	return int64(ceilDiv(l.Group, l.unitCodes())) * l.UnitBytes()
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
	case int64(len(data)) < want:
		return fmt.Errorf("a matrix of %d rows of %d of %v has %d bytes, not %d", n, k, elem, want, len(data))
	}
	return nil
}

// Pack lays out a dense matrix of n rows of k elements, on all cores.
func (l Layout) Pack(dense []byte, elem dtype.Type, n, k int) ([]byte, error) {
	if err := l.check(dense, Layout{}.Size(elem.Bits(), int64(n), int64(k)), elem, n, k); err != nil {
		return nil, err
	}
	if l.Dense() {
		return slices.Clone(dense), nil
	}
	out := make([]byte, l.Size(l.Bits, int64(n), int64(k)))
	panels := (n + l.Rows - 1) / l.Rows
	workers := min(runtime.GOMAXPROCS(0), panels)
	if n*k < 1<<16 {
		workers = min(workers, 1)
	}
	var group sync.WaitGroup
	for w := range workers {
		group.Go(func() {
			first, end := panels*w/workers*l.Rows, min(panels*(w+1)/workers*l.Rows, n)
			l.packRows(out, dense, elem, first, end, k)
		})
	}
	group.Wait()
	return out, nil
}

// packRows lays out rows first … end-1, which no other call shares a panel with.
func (l Layout) packRows(out, dense []byte, elem dtype.Type, first, end, k int) {
	row := make([]uint64, k)
	if l.Quads {
		for r := first; r < end; r++ {
			dtype.Unpack(row, dense, r*k*l.Bits, l.Bits)
			l.eachQuad(r, k, func(at int64, j int, shift int) {
				for t, c := range row[j:min(j+4, k)] {
					for b := range l.Bits {
						out[at+int64(b*l.Vector())] |= byte(c>>b&1) << (shift + t)
					}
				}
			})
		}
		return
	}
	homes, signed := l.Unit().homes(), flip(elem)
	for r := first; r < end; r++ {
		dtype.Unpack(row, dense, r*k*l.Bits, l.Bits)
		l.eachSlot(r, k, func(at int64, j, slot int) {
			codes := row[j:min(j+4, k)]
			for i := range homes[slot] {
				h := &homes[slot][i]
				to := out[at+h.offset(l):]
				for t, c := range codes {
					to[t] |= h.bits[(c^signed)&255]
				}
			}
		})
	}
}

// Unpack is the inverse of Pack.
func (l Layout) Unpack(packed []byte, elem dtype.Type, n, k int) ([]byte, error) {
	if err := l.check(packed, l.Size(elem.Bits(), int64(n), int64(k)), elem, n, k); err != nil {
		return nil, err
	}
	if l.Dense() {
		return slices.Clone(packed), nil
	}
	out := make([]byte, Layout{}.Size(l.Bits, int64(n), int64(k)))
	row := make([]uint64, k)
	if l.Quads {
		for r := range n {
			clear(row)
			l.eachQuad(r, k, func(at int64, j int, shift int) {
				for t := range row[j:min(j+4, k)] {
					for b := range l.Bits {
						row[j+t] |= uint64(packed[at+int64(b*l.Vector())]>>(shift+t)&1) << b
					}
				}
			})
			dtype.Pack(out, r*k*l.Bits, row, l.Bits)
		}
		return out, nil
	}
	homes, signed := l.Unit().homes(), flip(elem)
	for r := range n {
		clear(row)
		l.eachSlot(r, k, func(at int64, j, slot int) {
			codes := row[j:min(j+4, k)]
			for i := range homes[slot] {
				h := &homes[slot][i]
				from := packed[at+h.offset(l):]
				for t := range codes {
					codes[t] |= h.code(from[t])
				}
			}
		})
		for j := range row {
			row[j] ^= signed
		}
		dtype.Pack(out, r*k*l.Bits, row, l.Bits)
	}
	return out, nil
}

// eachSlot calls f for every slot of row r that has one of its k codes: at is the row's byte in the first vector of the
// slot's unit, j its first code, slot its number in the unit. Codes j to j+3 lie in bytes at to at+3 of the vectors.
func (l Layout) eachSlot(r, k int, f func(at int64, j, slot int)) {
	u := l.Unit()
	group := int64(r/l.Rows)*l.PanelBytes(int64(k)) + int64(r%l.Rows*4)
	for first := 0; first < k; first += l.Group {
		at := group
		for j := first; j < min(first+l.Group, k); j += u.Codes() {
			for s := 0; s < len(u.Slots) && j+4*s < min(first+l.Group, k); s++ {
				f(at, j+4*s, s)
			}
			at += int64(u.Vecs * l.Vector())
		}
		group += l.GroupBytes()
	}
}

// eachQuad calls f for every quad of row r that has one of its k codes: at is its byte in the first vector of its unit,
// shift its place in the byte, j its first code.
func (l Layout) eachQuad(r, k int, f func(at int64, j, shift int)) {
	group := int64(r/l.Rows)*l.PanelBytes(int64(k)) + int64(r%l.Rows*4)
	for first := 0; first < k; first += l.Group {
		for j := 0; j < min(l.Group, k-first); j += 4 {
			q := j % QuadCodes / 4
			f(group+int64(j/QuadCodes)*l.UnitBytes()+int64(q%4), first+j, q/4*4)
		}
		group += l.GroupBytes()
	}
}

// home is where the bits of a slot's codes lie in one vector: bits[code] is what code contributes to its byte.
type home struct {
	part  Part
	scale int
	bits  [256]byte
}

// offset is the vector's place in its unit, in bytes.
func (h *home) offset(l Layout) int64 { return int64(h.part.Vec * l.Vector()) }

// code is what a byte of the vector says of a code.
func (h *home) code(b byte) uint64 {
	x := int(b)
	if h.part.Shift >= 0 {
		x >>= h.part.Shift
	} else {
		x <<= -h.part.Shift
	}
	return uint64(x&int(h.part.Mask)) >> h.scale
}

// homes turns the table around, for each slot.
func (u *Unit) homes() [][]home {
	all := make([][]home, len(u.Slots))
	for i, s := range u.Slots {
		for _, q := range s.Parts {
			h := home{part: q, scale: s.Scale}
			for code := range h.bits {
				x := code << s.Scale & int(q.Mask)
				if q.Shift >= 0 {
					x <<= q.Shift
				} else {
					x >>= -q.Shift
				}
				h.bits[code] = byte(x)
			}
			all[i] = append(all[i], h)
		}
	}
	return all
}
