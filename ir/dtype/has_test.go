package dtype

import (
	"math"
	"testing"
)

// TestHas64: a type has the values of its codes, with their signs, and none between or beyond them.
func TestHas64(t *testing.T) {
	for _, elem := range []Type{F16, BF16, F8E4M3, F8E5M2, F8E4M3FNUZ, F8E5M2FNUZ, F6E3M2, F4E2M1, E8M0} {
		negativeZero := false
		for code := range uint64(1) << elem.Bits() {
			x := elem.Decode(code)
			if !elem.Has64(x) {
				t.Errorf("%v lacks %v, its code %#x", elem, x, code)
			}
			if up := math.Nextafter(x, math.Inf(1)); up == up && !math.IsInf(up, 0) && elem.Has64(up) {
				t.Errorf("%v has %v", elem, up)
			}
			negativeZero = negativeZero || x == 0 && math.Signbit(x)
		}
		if elem.Has64(math.Copysign(0, -1)) != negativeZero {
			t.Errorf("%v and −0", elem)
		}
		if elem.Has64(math.NaN()) != elem.HasNaN() || elem.Has64(math.Inf(-1)) != elem.HasInf() {
			t.Errorf("%v and what is not finite", elem)
		}
	}
}
