package passes

import (
	"math/bits"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/layout"
)

// SlotForm is how a tile of two axes lies in a slot of shared memory: rows of pieces of 16 bytes, whose pieces are exchanged
// within the row so that neither eight rows of a matrix instruction's operand nor the pieces of one row share a bank.
type SlotForm struct {
	Extents [2]int64
	Inner   int   // the axis that runs within a row
	Bits    int64 // of an element
	Pitch   int64 // bytes from row to row
	// Swizzle is how many bits of a piece's number are exchanged: piece p of row r is at p ^ (r >> (3-Swizzle)) mod 2^Swizzle.
	Swizzle int
}

// NewSlotForm is the form of a tile with these extents. Rows whose pieces are no power of two are further apart instead.
func NewSlotForm(extents [2]int64, inner int, elementBits int64) SlotForm {
	f := SlotForm{Extents: extents, Inner: inner, Bits: elementBits}
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
func (f SlotForm) Rows() int64 { return f.Extents[1-f.Inner] }

// Bytes is the size of a slot.
func (f SlotForm) Bytes() int64 { return f.Pitch * f.Rows() }

// Layout is the layout from coordinates, the first axis first, to bits.
func (f SlotForm) Layout() (layout.Layout, error) {
	stride := [2]int64{f.Bits, f.Bits}
	stride[1-f.Inner] = 8 * f.Pitch
	l, err := layout.New(layout.Ints(f.Extents[:]...), layout.Ints(stride[:]...))
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
	if t.Shared == nil || t.Shared.Rank() != 2 {
		return SlotForm{}, false
	}
	extents := [2]int64{t.Shared.Mode(0).Size(), t.Shared.Mode(1).Size()}
	for _, inner := range []int{1, 0} {
		f := NewSlotForm(extents, inner, int64(t.Elem.Bits()))
		if l, err := f.Layout(); err == nil && l.Equal(*t.Shared) {
			return f, true
		}
	}
	return SlotForm{}, false
}
