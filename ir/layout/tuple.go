package layout

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// A Tuple is an integer or a list of tuples: the shapes, strides and coordinates of layouts. The zero value is the
// integer 0. Tuples are values: nothing changes one after it is made.
type Tuple struct {
	n    int64
	list []Tuple // not nil: the tuple is a list
}

// Int is the tuple of a single integer.
func Int(n int64) Tuple { return Tuple{n: n} }

// List is the list of some tuples, which may be empty.
func List(items ...Tuple) Tuple {
	if items == nil {
		items = []Tuple{}
	}
	return Tuple{list: items}
}

// Ints is the flat list of some integers.
func Ints(ns ...int64) Tuple {
	items := make([]Tuple, len(ns))
	for i, n := range ns {
		items[i] = Int(n)
	}
	return List(items...)
}

// IsInt tells whether the tuple is an integer.
func (t Tuple) IsInt() bool { return t.list == nil }

// Value is the integer; 0 for a list.
func (t Tuple) Value() int64 { return t.n }

// Rank is the length of a list and 1 for an integer.
func (t Tuple) Rank() int {
	if t.IsInt() {
		return 1
	}
	return len(t.list)
}

// Mode is item i of a list; of an integer, mode 0 is itself.
func (t Tuple) Mode(i int) Tuple {
	if t.IsInt() {
		return t
	}
	return t.list[i]
}

// Depth is 0 for an integer, else one more than its deepest item's.
func (t Tuple) Depth() int {
	if t.IsInt() {
		return 0
	}
	depth := 0
	for _, item := range t.list {
		depth = max(depth, item.Depth())
	}
	return depth + 1
}

// Leaves are the integers from left to right.
func (t Tuple) Leaves() []int64 { return t.appendLeaves(nil) }

func (t Tuple) appendLeaves(to []int64) []int64 {
	if t.IsInt() {
		return append(to, t.n)
	}
	for _, item := range t.list {
		to = item.appendLeaves(to)
	}
	return to
}

// With is the tuple of the same profile with other leaves, as many as Leaves gives.
func (t Tuple) With(leaves []int64) Tuple {
	r, _ := t.with(leaves)
	return r
}

func (t Tuple) with(leaves []int64) (Tuple, []int64) {
	if t.IsInt() {
		return Int(leaves[0]), leaves[1:]
	}
	items := make([]Tuple, len(t.list))
	for i, item := range t.list {
		items[i], leaves = item.with(leaves)
	}
	return List(items...), leaves
}

// Congruent tells whether two tuples have the same profile.
func (t Tuple) Congruent(u Tuple) bool {
	if t.IsInt() || u.IsInt() {
		return t.IsInt() && u.IsInt()
	}
	return slices.EqualFunc(t.list, u.list, Tuple.Congruent)
}

// Equal tells whether two tuples have the same profile and integers.
func (t Tuple) Equal(u Tuple) bool {
	if t.IsInt() || u.IsInt() {
		return t.IsInt() && u.IsInt() && t.n == u.n
	}
	return slices.EqualFunc(t.list, u.list, Tuple.Equal)
}

// Product is the product of the leaves; false where it does not fit.
func (t Tuple) Product() (int64, bool) { return t.times(1) }

func (t Tuple) times(p int64) (int64, bool) {
	if t.IsInt() {
		return multiply(p, t.n)
	}
	for _, item := range t.list {
		var ok bool
		if p, ok = item.times(p); !ok {
			return 0, false
		}
	}
	return p, true
}

// PrefixProduct has in place of every leaf the product of the leaves before it; false where one does not fit.
func (t Tuple) PrefixProduct() (Tuple, bool) {
	leaves := t.Leaves()
	product, fits := int64(1), true
	for i, n := range leaves {
		leaves[i] = product
		var ok bool
		product, ok = multiply(product, n)
		fits = fits && (ok || i == len(leaves)-1)
	}
	return t.With(leaves), fits
}

// String is the tuple as the layout syntax writes it: 4 or (4,(2,3)).
func (t Tuple) String() string {
	if t.IsInt() {
		return strconv.FormatInt(t.n, 10)
	}
	var s strings.Builder
	s.WriteByte('(')
	for i, item := range t.list {
		if i > 0 {
			s.WriteByte(',')
		}
		s.WriteString(item.String())
	}
	s.WriteByte(')')
	return s.String()
}

// multiply is a*b; false where the product exceeds 63 bits.
func multiply(a, b int64) (int64, bool) {
	if a == 0 || b == 0 {
		return 0, true
	}
	hi, lo := bits.Mul64(magnitude(a), magnitude(b))
	if hi != 0 || lo > 1<<63-1 {
		return 0, false
	}
	if (a < 0) != (b < 0) {
		return -int64(lo), true
	}
	return int64(lo), true
}

// add is a+b; false where the sum overflows.
func add(a, b int64) (int64, bool) {
	s := a + b
	return s, (s > a) == (b > 0)
}

func magnitude(a int64) uint64 {
	if a < 0 {
		return -uint64(a)
	}
	return uint64(a)
}
