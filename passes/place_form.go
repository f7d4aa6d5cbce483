package passes

import (
	"fmt"
	"slices"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/layout"
)

// digit is a digit of a form.
type digit = layout.Digit

// form is a register layout as the digits that it is made of: those of registers first, then lanes, then warps, the
// fastest of each first. Forms are canonical (digits that continue each other are one) and interned: two layouts are the same if
// their pointers are.
type form struct {
	tile   []int64
	digits []digit
	dist   *layout.Distribution
	// projections are the forms that this one has been projected to, by key of the axes.
	projections map[string]*form
}

// slots is the number of register slots.
func (f *form) slots() int64 {
	n := int64(1)
	for _, g := range f.digits {
		if g.Unit == layout.Register {
			n *= g.Size
		}
	}
	return n
}

// run is the number of register slots, from the first, that hold neighbours along an axis.
func (f *form) run(axis int) int64 {
	if len(f.digits) > 0 {
		if g := f.digits[0]; g.Unit == layout.Register && g.Axis == axis && g.Stride == 1 {
			return g.Size
		}
	}
	return 1
}

// forms interns forms.
type forms struct {
	byKey  map[string]*form
	byDist map[*layout.Distribution]*form
}

func newForms() *forms {
	return &forms{byKey: map[string]*form{}, byDist: map[*layout.Distribution]*form{}}
}

// make is the form of a tile with these digits. Those of size 1 are left out.
func (s *forms) make(tile []int64, digits []digit) *form {
	var list []digit
	for u := layout.Register; u <= layout.Warp; u++ {
		first := len(list)
		for _, g := range digits {
			if g.Unit != u || g.Size == 1 {
				continue
			}
			if g.Axis == layout.Replica {
				g.Stride = 0
			}
			if n := len(list); n > first && list[n-1].Axis == g.Axis && list[n-1].Stride*list[n-1].Size == g.Stride {
				list[n-1].Size *= g.Size
				continue
			}
			list = append(list, g)
		}
	}
	key := fmt.Append(nil, tile, list)
	if f, ok := s.byKey[string(key)]; ok {
		return f
	}
	d, err := layout.Distribute(tile, list...)
	if err != nil {
		panic(fmt.Sprintf("place: %v over %v: %v", list, tile, err))
	}
	f := &form{tile: slices.Clone(tile), digits: list, dist: &d, projections: map[string]*form{}}
	s.byKey[string(key)] = f
	s.byDist[f.dist] = f
	return f
}

// project is the form of a tile over some of the axes of another, in any order, of which each thread holds exactly the
// elements that it meets there: digits of lanes and warps along the axes that are not named become replicas, those of
// registers vanish. axes[i] is the axis of f that axis i of the result is.
func (s *forms) project(f *form, axes []int) *form {
	key := fmt.Sprint(axes)
	if p, ok := f.projections[key]; ok {
		return p
	}
	tile := make([]int64, len(axes))
	to := make([]int, len(f.tile))
	for i := range to {
		to[i] = layout.Replica
	}
	for i, a := range axes {
		tile[i], to[a] = f.tile[a], i
	}
	var digits []digit
	for _, g := range f.digits {
		if g.Axis != layout.Replica {
			g.Axis = to[g.Axis]
		}
		if g.Axis != layout.Replica || g.Unit != layout.Register {
			digits = append(digits, g)
		}
	}
	p := s.make(tile, digits)
	f.projections[key] = p
	return p
}

// blocked is the form in which neighbours along the last of the axes in order are in the registers of one lane, up to vector
// of them, then in the next lane; what lanes are left over go along the axes before, warps along the first axis that has
// room, and what is left is repeated in registers.
func (s *forms) blocked(tile []int64, order []int, vector, warps int64) *form {
	left := slices.Clone(tile)
	stride := make([]int64, len(tile))
	all := int64(1)
	for i := range tile {
		stride[i] = 1
		all *= tile[i]
	}
	var digits []digit
	take := func(u layout.Unit, axis int, n int64) {
		digits = append(digits, digit{Size: n, Unit: u, Axis: axis, Stride: stride[axis]})
		left[axis] /= n
		stride[axis] *= n
	}
	last := order[len(order)-1]
	for vector > 1 && (left[last]%vector != 0 || all/vector < 32*warps) {
		vector /= 2
	}
	take(layout.Register, last, vector)
	lanes := int64(32)
	for i := len(order) - 1; i >= 0; i-- {
		n := gcd(lanes, left[order[i]])
		take(layout.Lane, order[i], n)
		lanes /= n
	}
	digits = append(digits, digit{Size: lanes, Unit: layout.Lane, Axis: layout.Replica})
	for _, i := range order {
		n := gcd(warps, left[i])
		take(layout.Warp, i, n)
		warps /= n
	}
	digits = append(digits, digit{Size: warps, Unit: layout.Warp, Axis: layout.Replica})
	for i := len(order) - 1; i >= 0; i-- {
		take(layout.Register, order[i], left[order[i]])
	}
	return s.make(tile, digits)
}

// spread is the form in which warps and then lanes go along the first of the axes in order that have room, and what is left is
// repeated in registers.
func (s *forms) spread(tile []int64, order []int, warps int64) *form {
	left := slices.Clone(tile)
	var digits []digit
	take := func(u layout.Unit, n int64) {
		for _, i := range order {
			part := gcd(n, left[i])
			left[i] /= part
			digits = append(digits, digit{Size: part, Unit: u, Axis: i, Stride: left[i]})
			n /= part
		}
		digits = append(digits, digit{Size: n, Unit: u, Axis: layout.Replica})
	}
	take(layout.Warp, warps)
	take(layout.Lane, 32)
	for i, n := range left {
		digits = append(digits, digit{Size: n, Unit: layout.Register, Axis: i, Stride: 1})
	}
	return s.make(tile, digits)
}

// ordered are the first n axes in their order.
func ordered(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// extent is the number of positions to which an axis of so many is padded: a power of two, or, where that would be far
// from it, a multiple of one that has room for lanes.
func extent(width int64) int64 {
	n := int64(1)
	for n < width {
		n *= 2
	}
	if width <= 64 {
		return n
	}
	for n > 32 && (width+n-1)/n*n > width+width/8 {
		n /= 2
	}
	return (width + n - 1) / n * n
}

// axesIn are the positions in a type of the axes of another type, which has no others; ok is false where one is missing.
func axesIn(outer ir.Type, inner []ir.Axis) (at []int, ok bool) {
	at = make([]int, len(inner))
	for i, a := range inner {
		if at[i] = outer.Axis(a.Span); at[i] < 0 {
			return nil, false
		}
	}
	return at, true
}
