package layout

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// atom is a random distribution of few positions.
func (r source) atom(axes int) Distribution {
	if r.IntN(6) == 0 {
		return Must(Replicas(Unit(r.IntN(Units)), r.pick(2, 3), axes))
	}
	extents := make([]int64, axes)
	for i := range extents {
		extents[i] = r.pick(1, 1, 2, 2, 3, 4)
	}
	a := atoms[r.IntN(len(atoms))]
	return Must(Atom(a.name, extents...))
}

func (r source) atoms(axes, most int) Distribution {
	d := r.atom(axes)
	for range r.IntN(most) {
		d = Must(d.Mul(r.atom(axes)))
	}
	return d
}

// readProduct reads what Factors writes.
func readProduct(t *testing.T, text string, axes int) Distribution {
	t.Helper()
	var d Distribution
	for i, f := range strings.Split(text, " * ") {
		name, arguments, _ := strings.Cut(strings.TrimSuffix(f, ")"), "(")
		var e Distribution
		if name == "replica" {
			unit, count, _ := strings.Cut(arguments, ", ")
			u, ok := UnitNamed(unit)
			var n int64
			if _, err := fmt.Sscan(count, &n); err != nil || !ok {
				t.Fatal(text, err)
			}
			e = Must(Replicas(u, n, axes))
		} else {
			extents := make([]int64, axes)
			for k, x := range strings.Split(arguments, ",") {
				if _, err := fmt.Sscan(x, &extents[k]); err != nil {
					t.Fatal(text, err)
				}
			}
			e = Must(Atom(name, extents...))
		}
		if i == 0 {
			d = e
		} else {
			d = Must(d.Mul(e))
		}
	}
	return d
}

func positions(d Distribution) []int64 { return d.layout.Values() }

func TestFactors(t *testing.T) {
	r := newSource(8)
	refused := 0
	for range 2500 {
		axes := 1 + r.IntN(3)
		a, b, c := r.atoms(axes, 3), r.atoms(axes, 3), r.atoms(axes, 3)
		ab := Must(a.Mul(b))
		if ab.layout.size > 4096 {
			continue
		}
		// Every element of a's tile becomes a tile of b, whose positions run faster.
		for i := range 50 {
			var p, q [Units]int64
			for u := range Units {
				p[u], q[u] = r.Int64N(a.Count(Unit(u))), r.Int64N(b.Count(Unit(u)))
			}
			at := func(u Unit) int64 { return q[u] + b.Count(u)*p[u] }
			got := ab.Coordinates(ab.Element(at(Register), at(Lane), at(Warp), at(Block)))
			outer := a.Coordinates(a.Element(p[0], p[1], p[2], p[3]))
			inner := b.Coordinates(b.Element(q[0], q[1], q[2], q[3]))
			for k := range axes {
				if got[k] != outer[k]*b.tile[k]+inner[k] {
					t.Fatalf("%d: %v * %v at %v, %v: %v", i, a, b, p, q, got)
				}
			}
		}
		if e, err := ab.LeftDivide(a); err != nil || !e.Equal(b) {
			t.Fatalf("%v by %v on the left is %v, %v, want %v", ab, a, e, err, b)
		}
		if e, err := ab.RightDivide(b); err != nil || !e.Equal(a) {
			t.Fatalf("%v by %v on the right is %v, %v, want %v", ab, b, e, err, a)
		}
		for _, e := range []Distribution{c, b} {
			if q, err := ab.LeftDivide(e); err == nil {
				if p := Must(e.Mul(q)); !p.Equal(ab) {
					t.Fatalf("%v = %v * %v, which is %v", ab, e, q, p)
				}
			} else if refused++; !isReason(err, Divisibility, Range) {
				t.Fatal(err)
			}
			if q, err := ab.RightDivide(e); err == nil {
				if p := Must(q.Mul(e)); !p.Equal(ab) {
					t.Fatalf("%v = %v * %v, which is %v", ab, q, e, p)
				}
			} else if refused++; !isReason(err, Divisibility, Range) {
				t.Fatal(err)
			}
		}
		abc := Must(ab.Mul(c))
		if other := Must(a.Mul(Must(b.Mul(c)))); !abc.Equal(other) || ab.Equal(abc) != (abc.layout.size == ab.layout.size) {
			t.Fatalf("%v and %v", abc, other)
		}
		text, ok := ab.Factors()
		if !ok {
			t.Fatalf("%v is a product", ab)
		}
		if back := readProduct(t, text, axes); !back.Equal(ab) {
			t.Fatalf("%v is written %s, which is %v", ab, text, back)
		}
		elements := int64(1)
		for _, n := range ab.tile {
			elements *= n
		}
		if n, ok := ab.Replication(); !ok || n*elements != ab.layout.size {
			t.Fatalf("%v: %d positions hold an element, %v", ab, n, ok)
		}

		// A register slot for every second one that there is, and back.
		digits, _ := ab.Digits()
		twice := Must(Distribute(ab.tile, append([]Digit{{2, Register, Replica, 0}}, digits...)...))
		if thin := twice.Thin(); twice.Count(Register) != 2*ab.Count(Register) || !thin.Equal(ab.Thin()) || thin.Count(Register) > ab.Count(Register) {
			t.Fatalf("%v thinned is %v, %v is %v", twice, thin, ab, ab.Thin())
		}

		order := r.Perm(axes)
		p := Must(ab.Permute(order...))
		s := Must(ab.Slice(order[0]))
		values := positions(ab)
		permuted, sliced := positions(p), positions(s)
		for i, x := range values {
			at := ab.Coordinates(x)
			moved := p.Coordinates(permuted[i])
			for k := range axes {
				if moved[k] != at[order[k]] {
					t.Fatalf("%v with the axes %v is %v", ab, order, p)
				}
			}
			if !slices.Equal(s.Coordinates(sliced[i]), slices.Delete(at, order[0], order[0]+1)) {
				t.Fatalf("%v without axis %d is %v", ab, order[0], s)
			}
		}
	}
	t.Log("refused", refused)
	if got, _ := Must(Must(Must(Local(2, 1)).Mul(Must(Spatial(8, 4)))).Mul(Must(Local(1, 2)))).Factors(); got != "local(2,1) * spatial(8,4) * local(1,2)" {
		t.Error(got)
	}
}

// What is no product, and what a swizzle does to positions.
func TestDistributionOf(t *testing.T) {
	tile := []int64{4, 4}
	swizzled := Must(build(Must(New(List(Int(4), Int(4), Int(1), Int(1)), List(Int(1), Int(4), Int(0), Int(0)))).shape,
		List(Int(1), Int(4), Int(0), Int(0)), 0, Must(XOR(2, 0, 2))))
	d := Must(DistributionOf(tile, swizzled))
	if _, ok := d.Factors(); ok {
		t.Error("a swizzle is no product")
	}
	if _, err := d.LeftDivide(Must(Local(2, 1))); !isReason(err, Nonlinear) {
		t.Error(err)
	}
	if n, ok := d.Replication(); n != 1 || !ok {
		t.Error(n, ok)
	}
	p, s := Must(d.Permute(1, 0)), Must(d.Slice(1))
	for lane := range int64(4) {
		for slot := range int64(4) {
			at := d.Coordinates(d.Element(slot, lane, 0, 0))
			if at[0] != slot^lane || at[1] != lane {
				t.Fatal(at)
			}
			if moved := p.Coordinates(p.Element(slot, lane, 0, 0)); moved[0] != at[1] || moved[1] != at[0] {
				t.Fatal(moved)
			}
			if left := s.Element(slot, lane, 0, 0); left != at[0] {
				t.Fatal(left)
			}
		}
	}
	if n, ok := s.Replication(); n != 4 || !ok {
		t.Error(n, ok)
	}
	gap := Must(Distribute([]int64{8}, Digit{4, Lane, 0, 2}))
	if _, ok := gap.Factors(); ok {
		t.Error("gaps are no product")
	}
	if _, ok := gap.Replication(); ok {
		t.Error("some elements are not held")
	}
	contrary := Must(Distribute([]int64{4, 4}, Digit{2, Lane, 0, 2}, Digit{2, Lane, 0, 1}, Digit{4, Register, 1, 1}))
	if text, ok := contrary.Factors(); ok {
		t.Error(text)
	}
	if _, err := DistributionOf([]int64{15}, Must(WithSwizzle(Must(XOR(2, 0, 2)), Must(New(List(Int(5), Int(3), Int(1), Int(1)), List(Int(1), Int(5), Int(0), Int(0))))))); !isReason(err, Range) {
		t.Error("offset 15 is outside of the tile:", err)
	}
}
