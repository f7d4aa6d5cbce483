package passes

import (
	"cmp"
	"math/bits"
	"slices"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/layout"
)

// SlotForm is how a tile lies in a slot of shared memory: rows of pieces of 16 bytes, whose pieces are exchanged
// within the row so that neither eight rows of a matrix instruction's operand nor the pieces of one row share a bank.
type SlotForm struct {
	Extents []int64
	Inner   int // the axis that runs within a row
	// Order are the other axes. Positions along the last of them, the longest, are rows that follow each other.
	Order []int
	Bits  int64 // of an element
	Pitch int64 // bytes from row to row
	// Swizzle is how many bits of a piece's number are exchanged: piece p of row r is at p ^ (r >> (3-Swizzle)) mod 2^Swizzle.
	Swizzle int
}

// NewSlotForm is the form of a tile with these extents. Rows whose pieces are no power of two are further apart instead.
func NewSlotForm(extents []int64, inner int, elementBits int64) SlotForm {
	f := SlotForm{Extents: extents, Inner: inner, Bits: elementBits}
	for i := range extents {
		if i != inner {
			f.Order = append(f.Order, i)
		}
	}
	slices.SortStableFunc(f.Order, func(i, j int) int { return cmp.Compare(extents[i], extents[j]) })
	pieces := (extents[inner]*elementBits + 127) / 128
	if pieces&(pieces-1) == 0 {
		f.Swizzle = min(3, bits.Len64(uint64(pieces))-1)
	} else {
		pieces |= 1
	}
	f.Pitch = 16 * pieces
	return f
}

// Pieces is the number of pieces of a row that hold elements.
func (f SlotForm) Pieces() int64 { return (f.Extents[f.Inner]*f.Bits + 127) / 128 }

// Rows is the number of rows.
func (f SlotForm) Rows() int64 {
	n := int64(1)
	for _, i := range f.Order {
		n *= f.Extents[i]
	}
	return n
}

// Step is how many rows further the next position along one of the other axes is.
func (f SlotForm) Step(axis int) int64 {
	n := int64(1)
	for _, i := range slices.Backward(f.Order) {
		if i == axis {
			break
		}
		n *= f.Extents[i]
	}
	return n
}

// Deal is a layout of the pieces of a slot, as many of each row as a power of two: the pieces that each thread copies where
// rows are gathered. What says where a row lies is in the projections of it.
func (f SlotForm) Deal(warps int64) layout.Distribution {
	tile := slices.Clone(f.Extents)
	tile[f.Inner] = 1
	for tile[f.Inner] < f.Pieces() {
		tile[f.Inner] *= 2
	}
	return *newForms().blocked(tile, append(slices.Clone(f.Order), f.Inner), 1, warps).dist
}

// Bytes is the size of a slot.
func (f SlotForm) Bytes() int64 { return f.Pitch * f.Rows() }

// Layout is the layout from coordinates, the first axis first, to bits.
func (f SlotForm) Layout() (layout.Layout, error) {
	stride := make([]int64, len(f.Extents))
	for i := range stride {
		stride[i] = 8 * f.Pitch * f.Step(i)
	}
	stride[f.Inner] = f.Bits
	l, err := layout.New(layout.Ints(f.Extents...), layout.Ints(stride...))
	if err != nil || f.Swizzle == 0 {
		return l, err
	}
	// The row's bits begin with the pitch, or, where rows are shorter than the banks, with those that count lines of banks.
	shift := max(3, bits.Len64(uint64(f.Pitch/16))-1)
	s, err := layout.XOR(f.Swizzle, 7, shift)
	if err != nil {
		return l, err
	}
	return layout.WithSwizzle(s, l)
}

// SlotFormOf is the form of a slot or of a tile that lies in one; false where it has none.
func SlotFormOf(t ir.Type) (SlotForm, bool) {
	if t.Shared == nil || t.Shared.Rank() < 2 {
		return SlotForm{}, false
	}
	extents := make([]int64, t.Shared.Rank())
	for i := range extents {
		extents[i] = t.Shared.Mode(i).Size()
	}
	for inner := len(extents) - 1; inner >= 0; inner-- {
		f := NewSlotForm(extents, inner, int64(t.Elem.Bits()))
		if l, err := f.Layout(); err == nil && l.Equal(*t.Shared) {
			return f, true
		}
	}
	return SlotForm{}, false
}

// AddsFromSlots reports whether a contraction by multiply-adds can read a factor, a tile, from a slot of a form, in vectors: the
// contraction is over one axis and in the factor's type, and reaches no further than the slot.
func AddsFromSlots(o *ir.Op, v *ir.Value, f SlotForm) bool {
	if o.Code != ir.Contract || o.Str("atom") != "" || o.Int("scaled") != 0 || len(o.Axes) != 1 || v.Type.Elem.Bits() < 32 {
		return false
	}
	a, b, r, k := o.Operands[0].Type, o.Operands[1].Type, o.Result().Type, v.Type.Axis(o.Axes[0])
	if a.Elem != b.Elem || a.Elem != r.Elem || r.Kind != ir.Tile || r.Layout == nil || k < 0 || slices.Contains(o.Operands[2:], v) {
		return false
	}
	if n := len(r.Axes) + 1; len(a.Axes) == n || len(b.Axes) == n {
		return false // sums of what is multiplied element by element
	}
	for i, c := range v.Type.Axes {
		if at := r.Axis(c.Span); at >= 0 && r.Layout.Tile()[at] > f.Extents[i] {
			return false
		}
		if k != f.Inner && i != f.Inner && (i == k && f.Step(i) != 1 || i != k && f.Step(i)%8 != 0) {
			return false
		}
	}
	return true
}
