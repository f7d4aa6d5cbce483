package convert

import (
	"testing"

	"github.com/tilec/tilec/ir/layout"
)

// A conversion to the same distribution is nothing, however often registers repeat an element and of whatever width.
func TestSameIsNothing(t *testing.T) {
	for _, digits := range [][]layout.Digit{
		{{Size: 3, Unit: layout.Register, Axis: layout.Replica}, {Size: 2, Unit: layout.Register, Axis: layout.Replica}, {Size: 5, Unit: layout.Lane, Stride: 1}},
		{{Size: 5, Unit: layout.Register, Stride: 1}, {Size: 4, Unit: layout.Register, Axis: layout.Replica}, {Size: 2, Unit: layout.Lane, Axis: layout.Replica}},
	} {
		d := layout.Must(layout.Distribute([]int64{5}, digits...))
		for _, bits := range []int{1, 5, 6, 8, 12, 16, 24, 32, 33, 64} {
			p, err := New(d, d, bits, NVIDIA())
			if err != nil {
				t.Fatal(err)
			}
			if p.Kind != Nothing || !p.Cost.Free() {
				t.Errorf("%v to itself, %d bits: %v", d, bits, p)
			}
		}
	}
	// Only the register changes: a rename.
	a := layout.Must(layout.Distribute([]int64{3}, layout.Digit{Size: 2, Unit: layout.Register, Axis: layout.Replica}, layout.Digit{Size: 3, Unit: layout.Lane, Stride: 1}))
	b := layout.Must(layout.Distribute([]int64{3}, layout.Digit{Size: 3, Unit: layout.Lane, Stride: 1}))
	if p, err := New(b, a, 32, NVIDIA()); err != nil || p.Kind > Rename {
		t.Errorf("%v to %v: %v, %v", b, a, p, err)
	}
}

// What was never written is not right by chance.
func TestUnknownBits(t *testing.T) {
	d := layout.Must(layout.Local(1))
	p := &Plan{Machine: NVIDIA(), Bits: 32, Warps: 1, Blocks: 1, Source: 1, Registers: 2, Result: []int32{1}}
	if _, err := p.Move(d, d, func(int64) uint64 { return 0xdeadbeef }); err == nil {
		t.Error("a register that nothing wrote holds the element")
	}
}

// Conversions are bounded.
func TestTooManyWarps(t *testing.T) {
	d := layout.Must(layout.Grid(layout.Warp, true, 65))
	_, err := New(d, layout.Must(layout.Grid(layout.Warp, false, 65)), 32, NVIDIA())
	if e, ok := err.(*layout.Error); !ok || e.Reason != layout.Overflow {
		t.Errorf("65 warps: %v", err)
	}
}
