package passes

import (
	"slices"

	"github.com/tilec/tilec/ir"
)

// The rules of forms. They hold for every placed function: placing makes them true, ir.Verify checks them, and what
// emits code relies on them.
//
//	elementwise                       operands and results in one form
//	for, while, if                    carried values, arguments, yielded values and results in one form
//	bcast                             the operand in the projection of the result's form to its axes
//	reduce                            the result in the projection of the operand's
//	pack, unpack                      as reduce and bcast, which spares what emits them a conversion
//	scan                              operands and results in one form; arguments of a function in its projection. A function that
//	                                  does more than compute element by element has all of the axis in each thread
//	rebind                            operand and result in one form
//	load, lookup                      subscripts in projections of the result's form
//	store, atomic                     values, mask, subscripts and the old values in projections of one form over all axes
//	scatter                           subscript and mask in projections of the value's form
//	copy                              subscripts in projections of the layout of the slot's pieces ([SlotForm.Deal])
//	contract                          the accumulator in the result's form; with an atom, the others in the fragments' forms; where
//	                                  one operand has all axes, the other and the result in its projections
//	iota, affine, cat, topk, sort, assert, print
//	                                  any
//
// The projection ([forms.project]) to some axes has the digits of lanes and warps that the form has along these, replicas in
// place of the others, and none of its registers along the others.

// result is the form of a result of an operation.
func (p *placer) result(o *ir.Op, i int) *form {
	v := o.Results[i]
	t := v.Type
	if p.scanned != nil {
		if at, ok := axesIn(p.scanned.t, t.Axes); ok {
			return p.forms.project(p.scanned.f, at)
		}
		return p.usual(t)
	}
	w := p.wish[v]
	if cheap(o) && w == nil {
		return p.handy(v)
	}
	switch o.Code {
	case ir.Contract:
		if c := p.cover[o]; c != nil {
			return c.c
		}
		if i := p.flat(o); i >= 0 {
			return p.projected(o.Operands[i], t)
		}
	case ir.PinTo:
		return p.pin[o]
	case ir.Reduce, ir.Pack:
		return p.projected(o.Operands[0], t)
	case ir.Rebind:
		return p.home[o.Operands[0]]
	case ir.Scan:
		return p.home[o.Results[i]]
	case ir.Atomic:
		at, _ := axesIn(o.Stored()[0].Type, t.Axes)
		return p.forms.project(p.work(o), at)
	}
	if w != nil {
		return p.pin[w]
	}
	return p.formOf(v)
}

// handy is the form in which the first user of a tile wants it that costs nothing to make in any.
func (p *placer) handy(v *ir.Value) *form {
	for _, u := range p.uses[v] {
		if f := p.wanted(u); f != nil {
			return f
		}
		if u.o.Code == ir.Store && u.o.Stored()[0] == v {
			return p.coalesced(v.Type, u.o.Operands[0].Type.Elem.Bits(), contiguous(u.o, v.Type))
		}
	}
	return p.usual(v.Type)
}

// projected is the form of a tile, projected to the axes of a type.
func (p *placer) projected(v *ir.Value, t ir.Type) *form {
	at, ok := axesIn(v.Type, t.Axes)
	if !ok {
		return nil
	}
	return p.forms.project(p.home[v], at)
}

// work is the form over all axes of a store, atomic or scatter, that of its first value; nil where that is a scalar.
func (p *placer) work(o *ir.Op) *form {
	f, ok := p.at[o]
	if !ok {
		if o.Code == ir.Scatter {
			f = p.home[o.Operands[2]]
		} else {
			f = p.stored(o)
		}
		p.at[o] = f
	}
	return f
}

// need is the form in which an operation needs a tile; nil: any.
func (p *placer) need(o *ir.Op, i int) *form {
	v := o.Operands[i]
	switch o.Code {
	case ir.Yield:
		return p.yielded(o, i)
	case ir.For:
		return p.home[o.Results[i-2]]
	case ir.While:
		return p.home[o.Results[i]]
	case ir.Bcast, ir.Load, ir.Unpack:
		return p.projected(o.Result(), v.Type)
	case ir.Lookup:
		if i == 0 {
			return nil
		}
		return p.projected(o.Result(), v.Type)
	case ir.Scan:
		return p.home[o.Results[i]]
	case ir.Store, ir.Atomic:
		at, _ := axesIn(o.Stored()[0].Type, v.Type.Axes)
		return p.forms.project(p.work(o), at)
	case ir.PinTo:
		return p.home[o.Result()]
	case ir.Scatter:
		if i == 0 {
			return nil
		}
		at, _ := axesIn(o.Operands[2].Type, v.Type.Axes)
		return p.forms.project(p.work(o), at)
	case ir.Contract:
		if _, _, _, _, acc := o.ContractParts(); acc != nil && i == len(o.Operands)-1 {
			return p.home[o.Result()]
		}
		if c := p.cover[o]; c != nil {
			return [...]*form{c.a, c.b}[i]
		}
		if k := p.flat(o); k >= 0 && k == 1-i {
			return p.projected(o.Operands[k], v.Type)
		}
		return nil
	}
	if o.Code.Spec().Elementwise() {
		return p.home[o.Result()]
	}
	return nil
}

// yielded is the form in which a region's yield gives a value.
func (p *placer) yielded(y *ir.Op, i int) *form {
	o := y.Parent.Parent
	switch {
	case o.Code == ir.Scan:
		return p.home[o.Regions[0].Args[i]]
	case slices.Contains([]ir.Code{ir.If, ir.Turn, ir.For, ir.While}, o.Code) && i < len(o.Results):
		return p.home[o.Results[i]]
	}
	return nil
}
