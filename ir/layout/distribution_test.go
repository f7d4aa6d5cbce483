package layout

import "testing"

// The C fragment of mma.m16n8: row g + 8i, column 2t + e, with g = lane/4, t = lane%4.
func TestProduct(t *testing.T) {
	a := Must(Must(Local(2, 1)).Mul(Must(Spatial(8, 4))))
	d := Must(a.Mul(Must(Local(1, 2))))
	if got, want := d.String(), "register (2,2):(1@1,8@0), lane (4,8):(2@1,1@0) over (16,8)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for lane := range int64(32) {
		for r := range int64(4) {
			row, col := lane/4+8*(r/2), lane%4*2+r%2
			if got := d.Element(r, lane, 0, 0); got != row+16*col {
				t.Fatalf("slot %d of lane %d holds %d, want (%d,%d)", r, lane, got, row, col)
			}
			if got := d.layout.At(r + 4*lane); got != row+16*col {
				t.Fatalf("the layout gives %d at slot %d of lane %d, want %d", got, r, lane, row+16*col)
			}
		}
	}
}

func TestSwizzle(t *testing.T) {
	s := Must(XOR(3, 4, 3))
	for x := range int64(1 << 12) {
		if got, want := s.At(x), x^(x>>7&7)<<4; got != want {
			t.Fatalf("%v of %d is %d, want %d", s, x, got, want)
		}
	}
	if s.String() != "swizzle(3,4,3)" || Must(XOR(2, 0, -3)).String() != "swizzle(2,0,-3)" {
		t.Error("names")
	}
}
