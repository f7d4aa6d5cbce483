package convert

import (
	"testing"

	"github.com/tilec/tilec/ir/layout"
)

// Where a byte of scratch changes hands between warps from one round to the next, all of these wait.
func TestScratchChangesHands(t *testing.T) {
	digit := func(size int64, u layout.Unit, axis int, stride int64) layout.Digit {
		return layout.Digit{Size: size, Unit: u, Axis: axis, Stride: stride}
	}
	const r, l, w = layout.Register, layout.Lane, layout.Warp
	src := layout.Must(layout.Distribute([]int64{16, 8}, digit(3, r, layout.Replica, 0), digit(2, r, 0, 4), digit(2, r, 1, 1), digit(2, r, 0, 1), digit(2, r, layout.Replica, 0),
		digit(2, l, 1, 2), digit(2, l, 0, 8), digit(2, l, 0, 2), digit(2, w, 1, 4)))
	dst := layout.Must(layout.Distribute([]int64{16, 8}, digit(2, r, 1, 2), digit(2, r, 1, 1), digit(2, r, 0, 4), digit(2, r, 0, 2), digit(2, r, 0, 8),
		digit(2, l, 0, 1), digit(2, w, 1, 4)))
	for _, bits := range []int{3, 6, 12, 24} {
		for scratch := 32; scratch <= 512; scratch += 16 {
			m := GFX942()
			m.Scratch = scratch
			p, err := New(src, dst, bits, m)
			if err != nil {
				t.Fatal(err)
			}
			for q := p; q != nil; q = q.Other {
				if _, err := q.Check(src, dst); err != nil {
					t.Errorf("%d bits, %d bytes: %v: %v", bits, scratch, q, err)
				}
			}
		}
	}
}
