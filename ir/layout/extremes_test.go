package layout

import "testing"

// Sizes, strides and bits at the ends of what fits: no operation may panic or hang, and where one gives a layout, its
// offsets are right at indices that are tried.
func TestExtremes(t *testing.T) {
	r := newSource(12)
	number := func() int64 {
		n := int64(1) << r.IntN(63)
		switch r.IntN(6) {
		case 0:
			n--
		case 1:
			n++
		case 2:
			n = r.Int64N(9) + 1
		case 3:
			n = r.Int64N(n) + 1
		}
		return n
	}
	layout := func() Layout {
		for {
			sizes, strides := make([]int64, 1+r.IntN(4)), []int64{}
			for i := range sizes {
				sizes[i] = number()
				if r.IntN(3) > 0 {
					sizes[i] = 1 + r.Int64N(16)
				}
				stride := number()
				if r.IntN(4) == 0 {
					stride = -stride
				}
				strides = append(strides, stride)
			}
			offset := int64(0)
			if r.IntN(3) == 0 {
				offset = number()
			}
			s := Swizzle{}
			switch r.IntN(4) {
			case 0:
				if x, err := XOR(r.IntN(9), r.IntN(60), r.IntN(80)-40); err == nil {
					s = x
				}
			case 1:
				if x, err := Rotation(number(), number(), number()); err == nil {
					s = x
				}
			}
			if l, err := build(Ints(sizes...), Ints(strides...), offset, s); err == nil {
				return l
			}
		}
	}
	right := func(a, b, got Layout) {
		t.Helper()
		for range 20 {
			i := r.Int64N(b.size)
			if got.At(i) != a.At(b.At(i)) {
				t.Fatalf("%v, %v: %v at %d is %d, want %d", a, b, got, i, got.At(i), a.At(b.At(i)))
			}
		}
	}
	done, composed := 0, 0
	for range 2500 {
		a, b := layout(), layout()
		c, err := Compose(a, b)
		if err == nil {
			composed++
			right(a, b, c)
		} else if len(a.unbounded()) == 1 && !swizzled(a) && !swizzled(b) && !isReason(err, Overflow) {
			t.Fatalf("%v o %v: %v", a, b, err)
		}
		right(a, Must(Compact(Int(a.size))), a.Coalesce())
		if x := a.Canonical(); !x.Equal(a) {
			t.Fatalf("%v in form is %v", a, x)
		}
		// The same function written otherwise, behind another swizzle.
		if other, err := WithSwizzle(b.swizzle, a); err == nil {
			split := Must(build(List(a.shape, Int(1)), List(a.stride, Int(0)), a.offset, other.swizzle))
			if same, err := split.Same(other); err == nil && !same {
				t.Fatalf("%v and %v are the same", split, other)
			}
			if same, err := a.Same(other); err == nil && same {
				right(other, Must(Compact(Int(a.size))), a)
			}
		}
		a.Vector(0)
		a.Injective()
		a.Nullspace()
		a.Filter()
		a.Matrix()
		for _, err := range []error{
			second(Complement(a, number())), second(Divide(a, b)), second(Product(a, b)), second(BlockedProduct(a, b)), second(ZippedDivide(a, b)),
			second(RightInverse(a)), second(LeftInverse(a)), second(Recast(a, number(), number())), second(Recast(a, 8, 4)), second(Concat(a, b)),
			second(TileToShape(a, Ints(number(), number()))), second(Common(a, b)), second(Scale(a, number())), second(Shift(a, number())),
			second(a.Reshape(Ints(number(), 2))), second(WithSwizzle(b.swizzle, a)), second(Distributed(a.shape, number())),
			second(DistributionOf([]int64{number(), 3}, a)),
		} {
			if err == nil {
				done++
			}
		}
	}
	t.Log(composed, "composed,", done, "other layouts")
}
