package convert

import "math/bits"

// maxElementBits bounds the vectors of linear plans: tiles of more elements are not planned for.
const maxElementBits = 32

// A space is a subspace of bit vectors over F2 in echelon form. Every vector of the basis remembers of which added
// vectors it is the sum, as a set of marks.
type space struct {
	pivot, marks [maxElementBits]uint64
	size         int
}

// reduce is the rest of v modulo the space, unique for every coset, and the marks of what was taken away.
func (s *space) reduce(v uint64) (rest, marks uint64) {
	for v != 0 {
		p := bits.Len64(v) - 1
		if s.pivot[p] != 0 {
			v ^= s.pivot[p]
			marks ^= s.marks[p]
		} else {
			rest |= 1 << p
			v &^= 1 << p
		}
	}
	return rest, marks
}

// add widens the space by v, if it is not in it.
func (s *space) add(v, marks uint64) bool {
	rest, m := s.reduce(v)
	if rest == 0 {
		return false
	}
	p := bits.Len64(rest) - 1
	s.pivot[p], s.marks[p] = rest, m^marks
	s.size++
	return true
}

// has tells whether v is in the space.
func (s *space) has(v uint64) bool {
	for v != 0 {
		p := bits.Len64(v) - 1
		if s.pivot[p] == 0 {
			return false
		}
		v ^= s.pivot[p]
	}
	return true
}

func spaceOf(vectors ...[]uint64) *space {
	s := new(space)
	k := 0
	for _, vs := range vectors {
		for _, v := range vs {
			s.add(v, 1<<k)
			k++
		}
	}
	return s
}

// meet is a basis of the intersection of the spans of a and b.
func meet(a, b []uint64) []uint64 {
	// A vector of b that the others make dependent is a sum of vectors of a and of b: its part in a is in both.
	var both []uint64
	t := new(space)
	for k, v := range a {
		t.add(v, 1<<k)
	}
	for k, v := range b {
		_, m := t.reduce(v)
		if !t.add(v, 1<<(len(a)+k)) {
			x := uint64(0)
			for i, u := range a {
				if m>>i&1 != 0 {
					x ^= u
				}
			}
			both = append(both, x)
		}
	}
	// Sums of dependent vectors of a give nothing; of b they may repeat.
	out := both[:0]
	var seen space
	for _, x := range both {
		if seen.add(x, 0) {
			out = append(out, x)
		}
	}
	return out
}
