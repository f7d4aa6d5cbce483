package layout

import "testing"

// TestScale: the offsets of Scale are those of the layout times the factor, and Shift adds before the swizzle.
func TestScale(t *testing.T) {
	xor := Must(XOR(2, 1, 3))
	rotate := Must(Rotation(2, 5, 3))
	map2 := Must(Linear([]int64{3, 2, 12, 9}))
	for _, s := range []Swizzle{{}, xor, rotate, map2} {
		for _, base := range []Layout{Must(New(Ints(4, 6), Ints(6, 1))), Must(New(Ints(3, 5, 2), Ints(0, 7, 40))), Must(Compact(Int(1)))} {
			l := Must(build(base.shape, base.stride, 5, s))
			for _, n := range []int64{1, 2, 3, 8, 12, 16} {
				scaled, err := Scale(l, n)
				if !s.IsIdentity() && s.IsLinear() && n&(n-1) != 0 {
					if err == nil {
						t.Errorf("%v times %d is %v", l, n, scaled)
					}
					continue
				}
				if err != nil {
					t.Errorf("%v times %d: %v", l, n, err)
					continue
				}
				for i, x := range l.Values() {
					if got := scaled.At(int64(i)); got != n*x {
						t.Fatalf("%v times %d: %v is %d at %d, not %d", l, n, scaled, got, i, n*x)
					}
				}
			}
			shifted := Must(Shift(l, 7))
			for i := range l.Size() {
				if got, want := shifted.At(i), s.At(base.At(i)+12); got != want {
					t.Fatalf("%v shifted by 7 is %d at %d, not %d", l, got, i, want)
				}
			}
		}
	}
	large := Must(New(Int(2), Int(1<<61)))
	if _, err := Scale(large, 4); err == nil {
		t.Error("an overflow is not seen")
	}
	for _, n := range []int64{0, -1} {
		if _, err := Scale(large, n); err == nil {
			t.Errorf("times %d", n)
		}
	}
	if _, err := Shift(large, 1<<62); err == nil {
		t.Error("an offset beyond 62 bits")
	}
	if _, err := Shift(Must(build(Int(4), Int(1), 0, xor)), -1); err == nil {
		t.Error("a swizzle of a negative offset")
	}
}
