package layout

import (
	"slices"
	"testing"
)

// A tally counts composition problems.
type tally struct{ problems, accepted, refused int }

// compose checks one problem: an accepted answer is right at every index, and what is refused is no layout of b's
// profile. The values of a are given.
func (c *tally) compose(t *testing.T, a, b Layout, values []int64) {
	t.Helper()
	c.problems++
	want := b.Values()
	for i, x := range want {
		want[i] = values[x]
	}
	got, err := Compose(a, b)
	if err == nil {
		c.accepted++
		if !slices.Equal(got.Values(), want) || !splits(b.shape, got.shape) {
			t.Fatalf("%v o %v = %v: %v, want %v", a, b, got, got.Values(), want)
		}
		return
	}
	c.refused++
	if !isReason(err, Divisibility, Carry) {
		t.Fatalf("%v o %v: %v", a, b, err)
	}
	if hasProfile(want, b.sizes) {
		t.Fatalf("%v o %v is a layout, %v; refused: %v", a, b, want, err)
	}
}

// All composition problems of a kind: a of two and three modes with strides that have nothing to do with one another,
// and b = s:d in bounds.
func TestEnumeration(t *testing.T) {
	var c tally
	single := func(a Layout) {
		values := a.Values()
		for d := int64(1); d < a.size; d++ {
			for s := int64(2); (s-1)*d < a.size; s++ {
				c.compose(t, a, mustBuild(Int(s), Int(d), 0, Swizzle{}), values)
			}
		}
	}
	for x := int64(2); x <= 8; x++ {
		for y := int64(2); y <= 8; y++ {
			single(mustBuild(Ints(x, y), Ints(1, 101), 0, Swizzle{}))
			single(mustBuild(Ints(x, y), Ints(101, 1), 0, Swizzle{}))
			for z := int64(2); z <= 4 && x <= 6 && y <= 6; z++ {
				single(mustBuild(Ints(x, y, z), Ints(1, 101, 10007), 0, Swizzle{}))
			}
		}
	}
	if one := Must(Compose(Must(New(Int(1), Int(1))), Must(New(Int(1), Int(1))))); one.String() != "1:1" {
		t.Errorf("1:1 o 1:1 is %v, which goes on otherwise", one)
	}
	t.Logf("b of one mode: %+v", c)
	if c.problems < 13822 {
		t.Error("too few")
	}

	// Strides of which several steps cancel, and b of an offset.
	c = tally{}
	for n := range int64(6 * 6 * 6 * 7 * 7 * 7) {
		if n%11 != 0 && testing.Short() {
			continue
		}
		next := func(k int64) int64 {
			x := n % k
			n /= k
			return x
		}
		a := mustBuild(Ints(2+next(6), 2+next(6), 2+next(6)), Ints(next(7)-2, next(7)-2, next(7)-2), 0, Swizzle{})
		if n = int64(c.problems); len(a.unbounded()) < 2 {
			continue
		}
		values := a.Values()
		s, offset := 2+n%11, n%3
		d := 1 + n%((a.size-1)/s+1)
		if offset+(s-1)*d < a.size {
			c.compose(t, a, mustBuild(Int(s), Int(d), offset, Swizzle{}), values)
		}
	}
	t.Logf("strides that cancel: %+v", c)

	// b of two modes.
	c = tally{}
	for x := int64(2); x <= 6; x++ {
		for y := int64(2); y <= 6; y++ {
			a := mustBuild(Ints(x, y, 3), Ints(1, 101, 10007), 0, Swizzle{})
			values := a.Values()
			for s := int64(2); s <= 6; s++ {
				for d := int64(1); (s-1)*d < a.size; d++ {
					for r := int64(2); r <= 4; r++ {
						for e := int64(1); (s-1)*d+(r-1)*e < a.size; e += 1 + d%3 {
							c.compose(t, a, mustBuild(Ints(s, r), Ints(d, e), 0, Swizzle{}), values)
						}
					}
				}
			}
		}
	}
	t.Logf("b of two modes: %+v", c)
	if c.problems < 13822 {
		t.Error("too few")
	}
}

func TestAssociativity(t *testing.T) {
	r := newSource(9)
	var checked, one [3]int
	for n := range 60000 {
		kind := n % 3
		a, b, c := r.layout(kind), r.layout(kind), r.layout(kind)
		if b.low < 0 || Must(b.Cosize()) > a.size || c.low < 0 || Must(c.Cosize()) > b.size {
			continue
		}
		ab, err := Compose(a, b)
		bc, also := Compose(b, c)
		if err != nil || also != nil {
			continue
		}
		left, err := Compose(ab, c)
		right, also := Compose(a, bc)
		if err != nil || also != nil {
			one[kind]++
			continue
		}
		checked[kind]++
		if !left.Equal(right) {
			t.Fatalf("(%v o %v) o %v = %v, and the other way %v", a, b, c, left, right)
		}
	}
	t.Log("checked", checked, "one side refused", one)
	if slices.Min(checked[:]) < 500 {
		t.Error("too few")
	}
}

func TestComplementAndDivide(t *testing.T) {
	r := newSource(10)
	var accepted, refused, covered, divided, undivided, back [3]int
	for n := range 20000 {
		kind := n % 3
		a := r.layout(kind)
		size := 1 + r.Int64N(200)
		c, err := Complement(a, size)
		if err != nil {
			refused[kind]++
			if !isReason(err, Range, Injectivity, Nonlinear) {
				t.Fatalf("complement of %v: %v", a, err)
			}
		} else {
			accepted[kind]++
			image, rest := Must(a.Image()), c.Values()
			if !slices.IsSorted(rest) || rest[0] != 0 {
				t.Fatalf("the complement of %v within %d is %v: %v", a, size, c, rest)
			}
			seen := map[int64]bool{}
			for _, x := range image {
				for _, y := range rest {
					if seen[x+y] {
						t.Fatalf("the complement of %v within %d is %v: %d comes twice", a, size, c, x+y)
					}
					seen[x+y] = true
				}
			}
			most := image[len(image)-1] + rest[len(rest)-1]
			if int64(len(seen)) == most+1 && most+1 >= size {
				covered[kind]++
			} else if nested(image) {
				t.Fatalf("the complement of %v within %d is %v: there are gaps before %d", a, size, c, most)
			}
		}
		b := r.layout(kind)
		q, err := Divide(a, b)
		if err != nil {
			undivided[kind]++
			if !isReason(err, Range, Injectivity, Nonlinear, Carry, Divisibility, Overflow) {
				t.Fatalf("%v by %v: %v", a, b, err)
			}
			continue
		}
		divided[kind]++
		// The tile is a after b, and where b divides a's size, the tiles have each of its indices once.
		if tile := Must(q.Slice(-1, 0)); !slices.Equal(tile.Values(), after(a, b)) || q.Rank() != 2 {
			t.Fatalf("%v by %v is %v: the tile %v", a, b, q, tile)
		}
		// Back: the inverse of (tile, rest) puts a together again.
		if whole, err := Concat(b, Must(Complement(mustBuild(b.shape, b.stride, 0, b.swizzle), a.size))); err == nil && q.size == a.size {
			if inverse, err := RightInverse(whole); err == nil && inverse.size == a.size {
				if again, err := Compose(q, inverse); err == nil {
					back[kind]++
					if !again.Equal(a) {
						t.Fatalf("%v by %v is %v, and put together again %v", a, b, q, again)
					}
				}
			}
		}
		if q.size == a.size && b.Injective() {
			got, want := q.Values(), a.Values()
			slices.Sort(got)
			slices.Sort(want)
			if b.At(0) == 0 && nested(Must(b.Image())) && !slices.Equal(got, want) {
				t.Fatalf("%v by %v is %v: %v, want %v", a, b, q, got, want)
			}
		}
	}
	t.Log("complements", accepted, "covering all", covered, "refused", refused, "divided", divided, "refused", undivided, "put together again", back)
	if min(slices.Min(accepted[:]), slices.Min(divided[:])) < 500 {
		t.Error("too few")
	}
}

// nested tells whether a set of offsets tiles the integers from 0 with another set: each begins where a multiple of
// what lies below ends.
func nested(image []int64) bool {
	for unit := int64(1); ; {
		run := 1
		for run < len(image) && image[run] == int64(run)*unit {
			run++
		}
		if run == len(image) {
			return true
		}
		if len(image)%run != 0 || run == 1 && unit == image[1] {
			return false
		}
		var heads []int64
		for i := 0; i < len(image); i += run {
			for k := range run {
				if image[i+k] != image[i]+int64(k)*unit {
					return false
				}
			}
			heads = append(heads, image[i])
		}
		unit *= int64(run)
		if len(heads) == 1 {
			return true
		}
		next := heads[1]
		if next%unit != 0 {
			return false
		}
		image, unit = heads, next
	}
}

func TestDivideModes(t *testing.T) {
	r := newSource(13)
	checked := 0
	for n := range 6000 {
		a := r.layout(n % 3)
		tiler := make([]Layout, 1+r.IntN(a.Rank()))
		for i := range tiler {
			tiler[i] = Must(New(Int(r.pick(1, 2, 3, 4)), Int(r.pick(1, 1, 2, 3))))
		}
		modes, err := DivideModes(a, tiler...)
		if err != nil {
			continue
		}
		checked++
		zip, tiled, flat := Must(ZippedDivide(a, tiler...)), Must(TiledDivide(a, tiler...)), Must(FlatDivide(a, tiler...))
		at := make([]int64, a.Rank())
		for i := range at {
			if at[i] = -1; i >= len(tiler) {
				at[i] = 0
			}
		}
		// The first mode is a after the tilers, where the modes beyond them stand at 0.
		want := Must(ComposeModes(a, tiler...))
		if !a.shape.IsInt() {
			want = Must(want.Slice(at...))
		}
		if tiles := Must(zip.Slice(-1, 0)); !equalValues(tiles, want) {
			t.Fatalf("%v by %v is %v: the tiles %v, want %v", a, tiler, zip, tiles, want)
		}
		if !equalValues(zip, tiled) || !equalValues(zip, flat) || modes.size != zip.size || Must(modes.Cosize()) != Must(zip.Cosize()) {
			t.Fatalf("%v by %v is %v, zipped %v, tiled %v, flat %v", a, tiler, modes, zip, tiled, flat)
		}
		if rest := a.Rank(); tiled.Rank() != 1+rest || flat.Rank() != len(tiler)+rest {
			t.Fatalf("%v by %v is tiled %v, flat %v", a, tiler, tiled, flat)
		}
	}
	if t.Log(checked, "divided"); checked < 1000 {
		t.Error("too few")
	}
}

func TestProductLaws(t *testing.T) {
	r := newSource(11)
	var accepted, refused [3]int
	for n := range 20000 {
		kind := n % 3
		a, b := r.layout(kind), r.layout(kind)
		if kind == 1 {
			b = r.layout(0)
		}
		if a.size*b.size > 600 {
			continue
		}
		p, err := Product(a, b)
		if err != nil {
			refused[kind]++
			if !isReason(err, Range, Injectivity, Nonlinear, Carry, Divisibility, Overflow) {
				t.Fatalf("%v times %v: %v", a, b, err)
			}
			continue
		}
		accepted[kind]++
		tile := Must(p.Slice(-1, 0)).Values()
		for i, x := range a.Values() {
			if p.Rank() != 2 || tile[i]-tile[0] != x-a.At(0) {
				t.Fatalf("%v times %v is %v", a, b, p)
			}
		}
		// Mode 1 repeats a as b says: where a leaves no gaps and b has no offset twice, the product has none twice.
		if a.At(0) == 0 && nested(Must(a.Image())) && a.Injective() && b.Injective() && !p.Injective() {
			t.Fatalf("%v times %v is %v, which is not injective", a, b, p)
		}
		blocked, err := BlockedProduct(a, b)
		raked, also := RakedProduct(a, b)
		if err != nil || also != nil {
			t.Fatalf("%v times %v is %v; by blocks %v, raked %v", a, b, p, err, also)
		}
		rank := max(a.Rank(), b.Rank())
		if blocked.size != p.size || raked.size != p.size || rank > 1 && (blocked.Rank() != rank || raked.Rank() != rank) {
			t.Fatalf("%v times %v is %v and %v", a, b, blocked, raked)
		}
		for i := range p.size {
			at, x, y := i, a.shape, b.shape
			var inBlocked, inRaked, placeBlocked, placeRaked int64 = 0, 0, 1, 1
			var first, second []int64
			for k := range x.Rank() {
				s, _ := x.Mode(k).Product()
				first, at = append(first, at%s), at/s
			}
			for k := range y.Rank() {
				s, _ := y.Mode(k).Product()
				second, at = append(second, at%s), at/s
			}
			for k := range rank {
				var s, t, u, v int64 = 1, 1, 0, 0
				if k < len(first) {
					s, _ = x.Mode(k).Product()
					u = first[k]
				}
				if k < len(second) {
					t, _ = y.Mode(k).Product()
					v = second[k]
				}
				inBlocked += (u + s*v) * placeBlocked
				inRaked += (v + t*u) * placeRaked
				placeBlocked *= s * t
				placeRaked *= s * t
			}
			if x := p.At(i); x != blocked.At(inBlocked) || x != raked.At(inRaked) {
				t.Fatalf("%v times %v is %v, by blocks %v, raked %v", a, b, p, blocked, raked)
			}
		}
	}
	t.Log("accepted", accepted, "refused", refused)
	if slices.Min(accepted[:]) < 500 {
		t.Error("too few")
	}
}

// Swizzled tiles: the atoms of shared memory repeat, divide and invert as their strides do.
func TestSwizzledTiles(t *testing.T) {
	atom := Must(WithSwizzle(Must(XOR(3, 3, 3)), Must(RowMajor(8, 64))))
	tile := Must(TileToShape(atom, Ints(128, 128)))
	if got, want := tile.String(), "swizzle(3,3,3) o ((8,16),(64,2)):((64,512),(1,8192))"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for name, l := range map[string]Layout{
		"right":   Must(RightInverse(atom)),
		"left":    Must(LeftInverse(atom)),
		"divided": Must(Divide(tile, Must(New(Ints(8, 8), Ints(1, 128))))),
		"compact": Must(Compose(Must(New(Int(512), Int(2))), Must(WithSwizzle(Must(XOR(3, 3, 3)), Must(New(Int(512), Int(1))))))),
	} {
		want := map[string]string{
			"right":   "swizzle(3,0,-6) o (64,8):(8,1)",
			"left":    "swizzle(3,0,-6) o (64,8):(8,1)",
			"divided": "swizzle(3,3,3) o ((8,8),(16,(8,2))):((64,1),(512,(8,8192)))",
			"compact": "swizzle(3,4,3) o 512:2",
		}[name]
		if l.String() != want {
			t.Errorf("%s: %v, want %s", name, l, want)
		}
	}
	// Rows of 5 chunks of 4, rotated: twice as far apart they rotate alike.
	rows := Must(WithSwizzle(Must(Rotation(4, 5, 1)), Must(RowMajor(8, 20))))
	doubled := Must(Compose(Must(New(Int(160), Int(2))), rows))
	if got, want := doubled.String(), "rotate(8,5,1) o (8,20):(40,2)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if _, err := Compose(Must(New(Ints(6, 8), Ints(8, 1))), Must(WithSwizzle(Must(XOR(2, 0, 2)), Must(New(Int(48), Int(1)))))); !isReason(err, Nonlinear) {
		t.Errorf("a swizzle of bits across an extent of 6: %v", err)
	}
}
