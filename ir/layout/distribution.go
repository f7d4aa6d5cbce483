package layout

import (
	"fmt"
	"slices"
	"strings"
)

// A Unit is a part of the hardware's index of an element: which register of which lane of which warp of which block.
type Unit uint8

// The units, in the order of a distribution's modes.
const (
	Register Unit = iota // a register slot of one element; several share a 32-bit register if they are narrower
	Lane
	Warp
	Block
	Units int = iota
)

var unitNames = [Units]string{"register", "lane", "warp", "block"}

func (u Unit) String() string { return unitNames[u] }

// Replica is the axis of a digit along which every position holds the same element.
const Replica = -1

// A Digit is one factor of a distribution: Size positions of a unit hold elements that lie Stride apart along an axis
// of the tile.
type Digit struct {
	Size   int64
	Unit   Unit
	Axis   int   // of the tile; or Replica
	Stride int64 // in elements along the axis; 0 for a replica
}

// A Distribution says which element of a tile each register slot of each lane, warp and block holds. It is a layout
// whose four modes are the units and whose offsets are the tile's elements, numbered with the first axis fastest (as
// the fragment layouts of CuTe are). Several positions may hold one element: the tile is replicated there.
type Distribution struct {
	tile   []int64
	layout Layout
}

// Distribute is the distribution of a tile with these extents whose units have these digits; of the digits of one
// unit, the first runs fastest. It refuses digits that reach outside of the tile.
func Distribute(tile []int64, digits ...Digit) (Distribution, error) {
	steps, err := axisSteps(tile)
	if err != nil {
		return Distribution{}, err
	}
	var shape, stride [Units][]Tuple
	reach := make([]int64, len(tile))
	for _, d := range digits {
		if int(d.Unit) >= Units || d.Axis < Replica || d.Axis >= len(tile) {
			return Distribution{}, failf(Range, "a digit of unit %d along axis %d: the tile has %d axes", d.Unit, d.Axis, len(tile))
		}
		if d.Size < 1 {
			return Distribution{}, failf(ZeroExtent, "a digit of %d positions of a %v; there is at least 1", d.Size, d.Unit)
		}
		step := int64(0)
		if d.Axis != Replica {
			far, ok := multiply(d.Size-1, d.Stride)
			if ok {
				reach[d.Axis], ok = add(reach[d.Axis], far)
			}
			if d.Stride < 0 || !ok || reach[d.Axis] >= tile[d.Axis] {
				return Distribution{}, failf(Range, "the digits along axis %d reach outside of its %d elements", d.Axis, tile[d.Axis])
			}
			step = d.Stride * steps[d.Axis]
		}
		shape[d.Unit] = append(shape[d.Unit], Int(d.Size))
		stride[d.Unit] = append(stride[d.Unit], Int(step))
	}
	shapes, strides := make([]Tuple, Units), make([]Tuple, Units)
	for u := range Units {
		switch len(shape[u]) {
		case 0:
			shapes[u], strides[u] = Int(1), Int(0)
		case 1:
			shapes[u], strides[u] = shape[u][0], stride[u][0]
		default:
			shapes[u], strides[u] = List(shape[u]...), List(stride[u]...)
		}
	}
	l, err := New(List(shapes...), List(strides...))
	if err != nil {
		return Distribution{}, err
	}
	return Distribution{slices.Clone(tile), l}, nil
}

// DistributionOf is the distribution of a tile by a layout of four modes, which are the units, from their positions to
// the tile's elements, the first axis fastest. It refuses offsets outside of the tile.
func DistributionOf(tile []int64, l Layout) (Distribution, error) {
	steps, err := axisSteps(tile)
	if err != nil {
		return Distribution{}, err
	}
	if l.Rank() != Units {
		return Distribution{}, failf(Profile, "%v has %d modes; a distribution has register, lane, warp and block", l, l.Rank())
	}
	size := steps[len(tile)]
	end, err := l.Cosize()
	if err != nil {
		return Distribution{}, err
	}
	if l.low < 0 || end > size {
		return Distribution{}, failf(Range, "%v reaches from %d to %d; the tile %v has %d elements", l, min(l.low, 0), end-1, Ints(tile...), size)
	}
	return Distribution{slices.Clone(tile), l}, nil
}

// axisSteps are the distances of elements that neighbour along each axis, and the number of elements.
func axisSteps(tile []int64) ([]int64, error) {
	steps := make([]int64, len(tile)+1)
	steps[0] = 1
	for i, n := range tile {
		if n < 1 {
			return nil, failf(ZeroExtent, "extent %d of a tile; extents are at least 1", n)
		}
		var ok bool
		if steps[i+1], ok = multiply(steps[i], n); !ok || steps[i+1]>>MaxBits != 0 {
			return nil, failf(Overflow, "the tile %v has more elements than %d bits count", Ints(tile...), MaxBits)
		}
	}
	return steps, nil
}

// Tile are the extents of the tile. They must not be changed.
func (d Distribution) Tile() []int64 { return d.tile }

// Layout is the layout from (register, lane, warp, block) to the element, the first axis of the tile fastest.
func (d Distribution) Layout() Layout { return d.layout }

// Count is the number of positions of a unit: register slots of a lane, lanes of a warp, warps of a block, blocks.
func (d Distribution) Count(u Unit) int64 {
	n, _ := d.layout.shape.Mode(int(u)).Product()
	return n
}

// Element is the number of the element that a position holds.
func (d Distribution) Element(register, lane, warp, block int64) int64 {
	x := d.layout.offset
	position := [Units]int64{register, lane, warp, block}
	leaf := 0
	for u := range Units {
		i := position[u]
		for range d.layout.shape.Mode(u).Leaves() {
			s := d.layout.sizes[leaf]
			x += i % s * d.layout.strides[leaf]
			i /= s
			leaf++
		}
	}
	return d.layout.swizzle.At(x)
}

// Coordinates are those of an element by its number.
func (d Distribution) Coordinates(element int64) []int64 {
	at := make([]int64, len(d.tile))
	for i, n := range d.tile {
		at[i], element = element%n, element/n
	}
	return at
}

// Digits are the factors of the distribution, unit by unit, the fastest of each first; false where it has a swizzle or
// an offset, or a stride that crosses from one axis into the next other than from its end to the next one's start.
func (d Distribution) Digits() ([]Digit, bool) {
	l := d.layout.needed()
	if l.offset != 0 || !l.swizzle.IsIdentity() {
		return nil, false
	}
	steps, err := axisSteps(d.tile)
	if err != nil {
		return nil, false
	}
	var digits []Digit
	reach := make([]int64, len(d.tile))
	for u := range Units {
		m := l.Mode(u)
		for i, s := range m.sizes {
			for t := m.strides[i]; s > 1; {
				g := Digit{Size: s, Unit: Unit(u), Axis: Replica}
				if t != 0 {
					g.Axis = axisOf(t, d.tile, steps)
					g.Stride = t / steps[g.Axis]
					// What goes on at the end of an axis is a digit along the next one.
					if room := d.tile[g.Axis] / g.Stride; room > 1 && room < s && room*g.Stride == d.tile[g.Axis] && s%room == 0 {
						g.Size = room
					}
					reach[g.Axis] += (g.Size - 1) * g.Stride
					if t%steps[g.Axis] != 0 || reach[g.Axis] >= d.tile[g.Axis] {
						return nil, false
					}
				}
				digits = append(digits, g)
				s, t = s/g.Size, t*g.Size
			}
		}
	}
	return digits, true
}

// axisOf is the axis along which a stride of elements goes: the last whose step divides it, of more than one element.
func axisOf(stride int64, tile, steps []int64) int {
	axis := 0
	for axis+1 < len(tile) && stride%steps[axis+1] == 0 {
		axis++
	}
	for tile[axis] == 1 && axis > 0 {
		axis--
	}
	return axis
}

// Local is the distribution of a tile over the register slots of one lane, the last axis fastest.
func Local(extents ...int64) (Distribution, error) { return grid(Register, true, extents) }

// ColumnLocal is Local with the first axis fastest.
func ColumnLocal(extents ...int64) (Distribution, error) { return grid(Register, false, extents) }

// Spatial is the distribution of a tile over lanes, one element each, the last axis fastest.
func Spatial(extents ...int64) (Distribution, error) { return grid(Lane, true, extents) }

// ColumnSpatial is Spatial with the first axis fastest.
func ColumnSpatial(extents ...int64) (Distribution, error) { return grid(Lane, false, extents) }

// Grid is the distribution of a tile over the positions of a unit, one element each; the last axis is fastest if
// rowMajor, else the first.
func Grid(u Unit, rowMajor bool, extents ...int64) (Distribution, error) {
	return grid(u, rowMajor, extents)
}

func grid(u Unit, rowMajor bool, extents []int64) (Distribution, error) {
	digits := make([]Digit, len(extents))
	for i, n := range extents {
		digits[i] = Digit{Size: n, Unit: u, Axis: i, Stride: 1}
	}
	if rowMajor {
		slices.Reverse(digits)
	}
	return Distribute(extents, digits...)
}

// Replicas is the distribution of a single element, of so many axes, over n positions of a unit that all hold it.
func Replicas(u Unit, n int64, axes int) (Distribution, error) {
	tile := make([]int64, axes)
	for i := range tile {
		tile[i] = 1
	}
	return Distribute(tile, Digit{Size: n, Unit: u, Axis: Replica})
}

// Mul is the product of d with a finer distribution e of the same rank: every element of d's tile becomes a tile of e.
// The positions of e run faster than those of d. The product is associative; neither factor may have a swizzle.
func (d Distribution) Mul(e Distribution) (Distribution, error) {
	if len(d.tile) != len(e.tile) {
		return Distribution{}, failf(Profile, "a product of layouts of %d and of %d axes", len(d.tile), len(e.tile))
	}
	outer, ok := d.Digits()
	inner, also := e.Digits()
	if !ok || !also {
		return Distribution{}, failf(Nonlinear, "a product of layouts with a swizzle, or with a digit across axes")
	}
	tile := make([]int64, len(d.tile))
	for i := range tile {
		if tile[i], ok = multiply(d.tile[i], e.tile[i]); !ok {
			return Distribution{}, failf(Overflow, "the extents %d and %d multiply to more than 63 bits", d.tile[i], e.tile[i])
		}
	}
	digits := inner
	for _, g := range outer {
		if g.Axis != Replica {
			if g.Stride, ok = multiply(g.Stride, e.tile[g.Axis]); !ok {
				return Distribution{}, failf(Overflow, "a stride of a product does not fit 63 bits")
			}
		}
		digits = append(digits, g)
	}
	return Distribute(tile, digits...)
}

// String is the distribution by units: "register (2,2):(1@1,8@0), lane (4,8):(2@1,1@0) over (16,8)", where s@a is a
// stride of s elements along axis a; or, where digits do not lie along axes, its layout over the tile.
func (d Distribution) String() string {
	digits, ok := d.Digits()
	over := " over " + Ints(d.tile...).String()
	if !ok {
		return d.layout.String() + over
	}
	var parts []string
	for u := range Units {
		var sizes, strides []string
		for _, g := range digits {
			if g.Unit != Unit(u) {
				continue
			}
			sizes = append(sizes, fmt.Sprint(g.Size))
			if g.Axis == Replica {
				strides = append(strides, "0")
			} else {
				strides = append(strides, fmt.Sprintf("%d@%d", g.Stride, g.Axis))
			}
		}
		switch len(sizes) {
		case 0:
		case 1:
			parts = append(parts, fmt.Sprintf("%v %s:%s", Unit(u), sizes[0], strides[0]))
		default:
			parts = append(parts, fmt.Sprintf("%v (%s):(%s)", Unit(u), strings.Join(sizes, ","), strings.Join(strides, ",")))
		}
	}
	if len(parts) == 0 {
		parts = []string{"register 1:0"}
	}
	return strings.Join(parts, ", ") + over
}
