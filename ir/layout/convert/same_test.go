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
