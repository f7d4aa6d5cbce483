package convert

import (
	"math/bits"
	"slices"
)

// A Number is a value for every thread: Base, xored with what By makes of the thread; nil where all have the same.
type Number struct {
	Base uint32
	By   *Terms
}

// Terms make a number of a thread: the exclusive or of Lane[k] where bit k of the lane is set, of Warp[k] where bit k of
// the warp is set, and of an entry of Table, which has one for every lane, or one for every lane of every warp. Warps
// are counted through all blocks. Steps share them.
type Terms struct {
	Lane, Warp []uint32
	Table      []uint32
}

// termsOf are terms, or nil for none.
func termsOf(lane, warp []uint32) *Terms {
	if lane == nil && warp == nil {
		return nil
	}
	return &Terms{Lane: lane, Warp: warp}
}

// At is the value for a lane of a warp of so many lanes.
func (n Number) At(warp, lane, lanes int) uint32 {
	x, by := n.Base, n.By
	if by == nil {
		return x
	}
	for k, v := range by.Lane {
		x ^= v & -uint32(lane>>k&1)
	}
	for k, v := range by.Warp {
		x ^= v & -uint32(warp>>k&1)
	}
	switch {
	case len(by.Table) > lanes:
		x ^= by.Table[warp*lanes+lane]
	case by.Table != nil:
		x ^= by.Table[lane]
	}
	return x
}

// Uniform tells whether all threads have the same value, Base.
func (n Number) Uniform() bool { return n.By == nil }

func (n Number) tabled() bool { return n.By != nil && n.By.Table != nil }

// numberOf is the simplest form of a table with one entry for every lane of some warps: a constant, an expression in
// the bits of lane and warp, a table for all warps, or the table itself.
func numberOf(table []uint32, lanes int) Number {
	base := table[0]
	warps := len(table) / lanes
	if !slices.ContainsFunc(table, func(v uint32) bool { return v != base }) {
		return Number{Base: base}
	}
	linear := true
	var room [16]uint32
	lane, warp := room[:0:8], room[8:8]
	for k := 0; 1<<k < lanes; k++ {
		lane = append(lane, table[1<<k]^base)
	}
	for k := 0; 1<<k < warps; k++ {
		warp = append(warp, table[lanes<<k]^base)
	}
	for i := 1; linear && i < len(table); i++ {
		w, l := i/lanes, i%lanes
		// The value of a thread is that of the thread without its lowest bit, xored with that bit's.
		if low := l & -l; low != 0 {
			linear = table[i] == table[i-low]^lane[bits.TrailingZeros(uint(low))]
		} else {
			low = w & -w
			linear = table[i] == table[i-low*lanes]^warp[bits.TrailingZeros(uint(low))]
		}
	}
	if linear {
		return Number{base, termsOf(slices.Clone(trimmed(lane)), slices.Clone(trimmed(warp)))}
	}
	for i, v := range table {
		if v != table[i%lanes] {
			return Number{By: &Terms{Table: slices.Clone(table)}}
		}
	}
	return Number{By: &Terms{Table: slices.Clone(table[:lanes])}}
}

func trimmed(v []uint32) []uint32 {
	for len(v) > 0 && v[len(v)-1] == 0 {
		v = v[:len(v)-1]
	}
	if len(v) == 0 {
		return nil
	}
	return v
}

// An Op is what a step does.
type Op uint8

// The operations. Every step is one instruction of a warp.
const (
	Select    Op = iota // To = B where By is 1, else A
	Permute             // To = four bytes of A (0 to 3) and B (4 to 7), chosen by the four low hexadecimal digits of By
	Rotate              // To = A rotated left by By bits
	Merge               // To = A where the mask By is 0, B where it is 1, bit by bit
	Shuffle             // To = A of lane By of the warp
	Transpose           // To = A, a row of two 16-bit elements in each lane of an 8x8 matrix, transposed (movmatrix)
	Store               // shared bytes at By = Vector, Width bytes
	Load                // Vector = shared bytes at By, Width bytes
	Barrier             // the warps of Scope wait for each other; what they stored is seen by all of them
)

func (o Op) String() string {
	return [...]string{"select", "permute", "rotate", "merge", "shuffle", "transpose", "store", "load", "barrier"}[o]
}

// A Step is one instruction, which all warps run. Registers are numbered: those of the source first, then one for every
// result, so that no thread writes one twice. Only loads of which each does something in some of the warps alone may
// have the same registers.
type Step struct {
	Op       Op
	Scope    Scope
	Warps    uint8 // of a group
	Width    uint8 // bytes of a store or load: 1, 2, 4, 8, 16
	To, A, B int32
	Vector   [4]int32 // the registers of a store or load; of Width 1 and 2 the low bytes of the first
	By       Number
	Off      *Number // if not nil: a thread takes no part in a store or load where it is not 0
}

// Idle tells whether a thread takes no part in a store or load.
func (s *Step) Idle(warp, lane, lanes int) bool {
	return s.Off != nil && s.Off.At(warp, lane, lanes) != 0
}

// numberUnlessZero is a number, or nil for 0 in every thread.
func numberUnlessZero(n Number) *Number {
	if n.Base == 0 && n.Uniform() {
		return nil
	}
	return &n
}
