package emit

import (
	"slices"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir/layout"
)

// kept is the number of the one axis of a factor that is not summed, along which its rows lie; -1 where it has none or several.
func (f *factor) kept() int {
	i := slices.Index(f.sumAxis, -1)
	if i >= 0 && slices.Contains(f.sumAxis[i+1:], -1) {
		return -1
	}
	return i
}

// padded gives a factor padding where lanes read every so-manieth row, so that their rows lie in the same banks without it.
func (c *chain) padded(f *factor) {
	f.per, f.pad = 0, 0
	i := f.kept()
	if i < 0 || c.p == nil || f.scale != nil {
		return
	}
	axis := f.axis[i]
	if c.p.d.Tile()[axis] > f.p.d.Tile()[i] {
		return
	}
	per := int64(1 << 40)
	for _, g := range c.p.lane {
		if g.Axis == axis && g.Size > 1 && g.Stride > 0 {
			per = min(per, g.Stride)
		}
	}
	if per < 2 || per > f.rows || !splits(c.p, axis, per) || !splits(f.p, i, per) {
		return
	}
	without := c.turns(f, axis)
	f.per, f.pad = per, c.wide
	if c.turns(f, axis) >= without {
		f.per, f.pad = 0, 0
	}
}

// splits reports whether coordinates along an axis are sums of what is below a number and of its multiples, so that the quotient
// by it is the sum of the quotients.
func splits(p *place, axis int, per int64) bool {
	below := int64(0)
	for _, g := range p.threads() {
		switch {
		case g.Axis != axis || g.Stride%per == 0:
		case g.Stride*g.Size <= per:
			below += (g.Size - 1) * g.Stride
		default:
			return false
		}
	}
	return !slices.ContainsFunc(p.coords, func(at []int64) bool { return at[axis]%per+below >= per })
}

// turns is how many passes over the banks the lanes of a warp need to read a vector of each of their rows.
func (c *chain) turns(f *factor, axis int) int {
	bytes := c.wide * c.size()
	together := int64(128) / bytes // vectors of a pass
	n := 0
	for first := int64(0); first < 32; first += together {
		banks := map[int64][]int64{}
		most := 0
		for lane := first; lane < min(32, first+together); lane++ {
			row := c.p.d.Coordinates(c.p.d.Element(0, lane, 0, 0))[axis]
			at := row * f.pitch
			if f.per > 0 {
				at += row / f.per * f.pad
			}
			at /= c.wide
			if bank := at % together; !slices.Contains(banks[bank], at) {
				banks[bank] = append(banks[bank], at)
				most = max(most, len(banks[bank]))
			}
		}
		n += most
	}
	return n
}

// padding is the thread's part of the padding before a row along an axis of a place, in bytes.
func (c *chain) padding(f *factor, p *place, axis int) asm.Arg {
	if f.per == 0 {
		return asm.Int(0)
	}
	return c.e.linear(p, func(g threadDigit) int64 {
		if g.Axis != axis || g.Axis == layout.Replica {
			return 0
		}
		return g.Stride / f.per * f.pad * c.size()
	})
}

// padsBefore is the part of the padding that the coordinates of a slot make, in elements.
func (f *factor) padsBefore(at []int64, axis int) int64 {
	if f.per == 0 {
		return 0
	}
	return at[axis] / f.per * f.pad
}
