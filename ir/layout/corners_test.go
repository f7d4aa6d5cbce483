package layout

import (
	"slices"
	"testing"
)

// made is a layout from its parts, for tests.
func made(t *testing.T, shape, stride Tuple, offset int64, s Swizzle) Layout {
	t.Helper()
	l, err := build(shape, stride, offset, s)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Two layouts that each leave the bits of a swizzle alone may carry into them together.
func TestConcatCarriesTogether(t *testing.T) {
	swizzle := Must(XOR(2, 3, -4))
	for _, parts := range [][]Layout{
		{made(t, Int(4), Int(1), 0, Swizzle{}), made(t, Ints(4, 2, 2), Ints(0, 8, 16), 8, swizzle), made(t, Int(4), Int(2), 0, Swizzle{})},
		{made(t, Int(1), Int(0), 3, Swizzle{}), made(t, Ints(2, 2), Ints(1, 2), 0, Swizzle{}), made(t, Ints(2, 2), Ints(8, 8), 0, Must(XOR(2, 2, 2)))},
		{made(t, Int(2), Int(1), 0, Swizzle{}), made(t, Ints(2, 2), Ints(8, 16), 0, swizzle), made(t, Int(2), Int(2), 0, Swizzle{})},
	} {
		want := []int64{0}
		for _, l := range parts {
			var sums []int64
			for _, v := range l.Values() {
				for _, w := range want {
					sums = append(sums, w+v)
				}
			}
			want = sums
		}
		l, err := Concat(parts...)
		if err == nil && !slices.Equal(l.Values(), want) {
			t.Errorf("concat of %v is %v, whose values are %v; not %v", parts, l, l.Values(), want)
		}
	}
}

// What is common is counted in indices of both layouts, whatever their extents and strides.
func TestCommonWithinBoth(t *testing.T) {
	for _, c := range []struct {
		a, b Layout
		want int64
	}{
		{made(t, Int(2), Int(0), 0, Must(XOR(3, 2, 5))), made(t, Int(2), Int(-1), 0, Swizzle{}), 1},
		{made(t, Int(5), Int(-1), 0, Swizzle{}), made(t, Int(6), Int(-1), 0, Swizzle{}), 1},
		{made(t, Int(4), Int(1), 0, Swizzle{}), made(t, Int(3), Int(1), 0, Must(Rotation(1, 2, 3))), 3},
		{made(t, Int(8), Int(1), 0, Must(XOR(2, 0, 4))), made(t, Int(6), Int(1), 0, Swizzle{}), 6},
		{made(t, Int(8), Int(1), 0, Must(XOR(1, 0, 2))), made(t, Int(8), Int(1), 0, Swizzle{}), 4},
		{made(t, Int(15), Int(1), 0, Must(Rotation(1, 5, 1))), made(t, Ints(3, 5), Ints(1, 3), 0, Swizzle{}), 5},
		{made(t, Int(30), Int(1), 0, Must(Rotation(1, 5, 1))), made(t, Ints(2, 3, 5), Ints(3, 1, 6), 0, Swizzle{}), 1},
	} {
		l, err := Common(c.a, c.b)
		if err != nil {
			t.Errorf("common(%v, %v): %v", c.a, c.b, err)
			continue
		}
		if l.Size() != c.want {
			t.Errorf("common(%v, %v) is %v; %d indices are", c.a, c.b, l, c.want)
		}
		for i, x := range l.Values() {
			if x < 0 || x >= c.a.Size() || x >= c.b.Size() || c.a.At(x) != int64(i) || c.b.At(x) != int64(i) {
				t.Errorf("common(%v, %v) is %v: wrong at %d", c.a, c.b, l, i)
			}
		}
	}
}

// Modes of products stay modes where there is one alone, and have the extents that were asked for.
func TestProductsOfOneMode(t *testing.T) {
	a, b := made(t, Ints(2), Ints(1), 0, Swizzle{}), made(t, Int(3), Int(1), 0, Swizzle{})
	for name, l := range map[string]Layout{
		"blocked": Must(BlockedProduct(a, b)), "raked": Must(RakedProduct(a, b)), "tile": Must(TileToShape(a, Ints(6))),
	} {
		if l.Rank() != 1 || l.Mode(0).Size() != 6 {
			t.Errorf("%s: %v has not one mode of extent 6", name, l)
		}
	}
	if l, err := TileToShape(Must(Compact(Ints(2, 2))), List(Ints(-2, -3), Int(4))); err == nil {
		t.Errorf("a tile of a negative extent is %v", l)
	}
}

// An error names the condition that fails, not another one.
func TestLeftInverseOfNegativeOffsets(t *testing.T) {
	_, err := LeftInverse(made(t, Ints(4, 4), Ints(1, 8), -3, Swizzle{}))
	if e, ok := err.(*Error); !ok || e.Reason != Range {
		t.Errorf("left inverse of offsets from -3: %v", err)
	}
}

// Lanes that run through a whole axis and on along the next one are a product.
func TestDigitsAcrossAxes(t *testing.T) {
	l := made(t, List(Int(1), Int(32), Int(1), Int(1)), List(Int(0), Int(1), Int(0), Int(0)), 0, Swizzle{})
	d := Must(DistributionOf([]int64{4, 8}, l))
	if f, ok := d.Factors(); !ok || f != "column_spatial(4,8)" {
		t.Errorf("factors of %v: %q, %v", d, f, ok)
	}
	atom := Must(ColumnSpatial(4, 2))
	e, err := d.RightDivide(atom)
	if err != nil {
		t.Fatal(err)
	}
	if again := Must(e.Mul(atom)); !again.Equal(d) {
		t.Errorf("%v by %v is %v, and back %v", d, atom, e, again)
	}
	crossing := made(t, List(Int(2), Int(3), Int(1), Int(1)), List(Int(3), Int(1), Int(0), Int(0)), 0, Swizzle{})
	if digits, ok := Must(DistributionOf([]int64{4, 2}, crossing)).Digits(); ok {
		t.Errorf("%v crosses an axis of 4 in the middle, and has the digits %v", crossing, digits)
	}
}

// What a swizzle's neighbours carry into its bits, from below the bits that it moves, is refused or right.
func TestConcatCarriesFromBelow(t *testing.T) {
	l := made(t, Ints(2, 2, 2), Ints(4, 8, 64), 0, Must(XOR(1, 3, 3)))
	m := made(t, Int(2), Int(4), 0, Swizzle{})
	c, err := Concat(l, m)
	for i := range l.Size() {
		for j := range m.Size() {
			if err == nil && c.At(i+l.Size()*j) != l.At(i)+m.At(j) {
				t.Fatalf("concat(%v, %v) is %v: wrong at %d, %d", l, m, c, i, j)
			}
		}
	}
}

// Rows that turn alike in a rotation may not lie as far apart as those that do not.
func TestComposeRotatedRows(t *testing.T) {
	b := made(t, Int(24), Int(1), 0, Must(Rotation(1, 3, 2)))
	for _, a := range []Layout{
		made(t, Ints(3, 2, 4), Ints(1, 6, 6), 0, Swizzle{}), made(t, Ints(3, 2, 4), Ints(1, 3, 6), 0, Swizzle{}),
		made(t, Ints(3, 2, 4), Ints(1, 6, 12), 0, Swizzle{}), made(t, Ints(3, 2, 4), Ints(1, 12, 3), 0, Swizzle{}),
	} {
		c, err := Compose(a, b)
		for i := range b.Size() {
			if err == nil && c.At(i) != a.At(b.At(i)) {
				t.Errorf("%v o %v is %v: wrong at %d", a, b, c, i)
				break
			}
		}
	}
}

// A tile of which some elements are held twice and others not at all has no replication.
func TestReplicationOfHoles(t *testing.T) {
	for _, l := range []Layout{
		made(t, List(Int(2), Int(2), Int(1), Int(1)), List(Int(0), Int(1), Int(0), Int(0)), 0, Swizzle{}),
		made(t, List(Int(4), Int(1), Int(1), Int(1)), List(Int(1), Int(0), Int(0), Int(0)), 0, Must(Linear([]int64{1, 1}))),
		made(t, List(Int(3), Int(2), Int(1), Int(1)), List(Int(0), Int(2), Int(0), Int(0)), 0, Swizzle{}),
	} {
		tile := []int64{4}
		if l.Size() == 6 {
			tile = []int64{3}
		}
		if n, ok := Must(DistributionOf(tile, l)).Replication(); ok {
			t.Errorf("%v holds every element of %v %d times", l, tile, n)
		}
	}
}

// A rotation may not carry the last offsets beyond what fits.
func TestRotationAtTheEnd(t *testing.T) {
	const end = 1<<MaxBits - 1
	r := Must(Rotation(13, 68, 313))
	if l, err := build(List(), List(), end, r); err == nil {
		t.Errorf("%v goes to %d, canonically %v", l, l.At(0), l.Canonical())
	}
	last := int64(end)/(13*68)*(13*68) - 1 // of the last whole row
	if l, err := build(List(), List(), last, r); err != nil || l.Canonical().At(0) != l.At(0) {
		t.Errorf("%v: %v", l, err)
	}
}
