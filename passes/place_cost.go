package passes

import (
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/layout"
)

// Costs are in cycles of a multiprocessor for a block, roughly: an access takes one for each 128 bytes, or for each line of
// memory that the lanes of a warp touch.

const (
	line      = 128 // bytes
	exchanged = 60  // the barriers and latency of a conversion through shared memory
)

// accessCost is what it costs to load or store a tile in a form, with elements of so many bits that are neighbours in memory
// along an axis, or nowhere (-1). Once says that one of the threads that hold the same elements is enough.
func (p *placer) accessCost(f *form, bits int64, along int, once bool) int64 {
	slots, warps := f.slots(), p.warps
	vector := int64(1)
	if along >= 0 {
		vector = gcd(f.run(along), max(128/bits, 1))
	}
	// Where the lanes of a warp reach.
	type place struct{ row, at int64 }
	touched := map[place]bool{}
	for lane := range int64(32) {
		var row, at int64
		n, step := lane, int64(1)
		for _, g := range f.digits {
			if g.Unit != layout.Lane {
				continue
			}
			d := n % g.Size
			n /= g.Size
			switch {
			case g.Axis == layout.Replica:
				if once && d > 0 {
					at = -1
				}
			case g.Axis == along:
				if at >= 0 {
					at += d * g.Stride
				}
			default:
				row += d * step
			}
			step *= g.Size
		}
		if at >= 0 {
			touched[place{row, at * bits / 8 / line}] = true
		}
	}
	if once {
		for _, g := range f.digits {
			if g.Unit == layout.Warp && g.Axis == layout.Replica {
				warps /= g.Size
			}
		}
	}
	return slots / vector * warps * max(int64(len(touched)), vector*bits*32/8/line)
}

// convertCost is what it costs to bring a tile from one form to another.
func (p *placer) convertCost(from, to *form, bits int64) int64 {
	if from == to {
		return 0
	}
	moved := func(f *form) int64 { return f.slots() * max(bits, 8) / 8 * 32 * p.warps / line }
	return moved(from) + 2*moved(to) + exchanged
}

// loaded is the form in which a tile is loaded: the one that its users want, or the one that is best to load in, if that and
// a conversion cost less.
func (p *placer) loaded(v *ir.Value) *form {
	o := v.Def
	bits := int64(o.Operands[0].Type.Elem.Bits())
	along := contiguous(o, v.Type)
	best := p.coalesced(v.Type, int(bits), along)
	for _, u := range p.uses[v] {
		f := p.wanted(u)
		if f == nil {
			continue
		}
		if p.accessCost(f, bits, along, false) <= p.accessCost(best, bits, along, false)+p.convertCost(best, f, bits) {
			return f
		}
		return best
	}
	return best
}

// stored is the form in which a store works: its value's, or the best to store in, if a conversion to that pays.
func (p *placer) stored(o *ir.Op) *form {
	v := o.Stored()[0]
	f := p.home[v]
	if o.Code != ir.Store || f == nil {
		return f
	}
	bits := int64(o.Operands[0].Type.Elem.Bits())
	along := contiguous(o, v.Type)
	best := p.coalesced(v.Type, int(bits), along)
	if v.Def != nil && cheap(v.Def) {
		return best
	}
	if p.accessCost(best, bits, along, true)+p.convertCost(f, best, bits) < p.accessCost(f, bits, along, true) {
		return best
	}
	return f
}

// wanted is the form that a use asks for, as far as forms have been chosen; nil where it asks for none.
func (p *placer) wanted(u use) *form {
	o := u.o
	v := o.Operands[u.i]
	if w := p.whole(u); w != nil {
		f := p.formOf(w)
		if f == nil {
			return nil
		}
		at, ok := axesIn(w.Type, v.Type.Axes)
		if !ok {
			return nil
		}
		return p.forms.project(f, at)
	}
	switch o.Code {
	case ir.Contract:
		if c := p.cover[o]; c != nil {
			switch u.i {
			case 0:
				return c.a
			case 1:
				return c.b
			}
			return c.c
		}
		if _, _, _, _, acc := o.ContractParts(); acc != nil && u.i == len(o.Operands)-1 {
			return p.formOf(o.Result())
		}
	case ir.For:
		return p.formOf(o.Results[u.i-2])
	case ir.While, ir.Scan:
		return p.formOf(o.Results[u.i])
	case ir.Yield:
		if q := o.Parent.Parent; q != nil && u.i < len(q.Results) && q.Code != ir.Scan {
			return p.formOf(q.Results[u.i])
		}
	default:
		if o.Code == ir.Rebind || o.Code.Spec().Elementwise() {
			return p.formOf(o.Result())
		}
	}
	return nil
}
