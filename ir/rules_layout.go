package ir

import (
	"slices"

	"github.com/tilec/tilec/ir/layout"
	"github.com/tilec/tilec/ir/layout/fragment"
)

// Project is the layout of a tile over some of the axes of another, in any order, of which every thread holds exactly
// the elements that it meets there: digits of lanes and warps along other axes become replicas, registers along them
// and replicas in registers vanish. at[i] is the axis of d that axis i of the result is. It is an error if d is not made
// of digits, or at names an axis that it lacks.
func Project(d *layout.Distribution, at []int) (layout.Distribution, error) {
	digits, ok := d.Digits()
	if !ok {
		return layout.Distribution{}, ruleErr("P2", "%s is not made of digits", d)
	}
	tile := make([]int64, len(at))
	to := make([]int, len(d.Tile()))
	for i := range to {
		to[i] = layout.Replica
	}
	for i, a := range at {
		if a < 0 || a >= len(to) {
			return layout.Distribution{}, ruleErr("P2", "%s has no axis %d", d, a)
		}
		tile[i], to[a] = d.Tile()[a], i
	}
	var list []layout.Digit
	for _, g := range digits {
		if g.Axis != layout.Replica {
			g.Axis = to[g.Axis]
		}
		if g.Axis != layout.Replica || g.Unit != layout.Register {
			list = append(list, g)
		}
	}
	return layout.Distribute(tile, list...)
}

// layoutRule checks where the tiles of an operation are, against one another (rule P2):
//
//	elementwise, rebind      operands and results in one layout
//	for, while, if           carried values, arguments, yielded values and results in one layout (V9)
//	scan                     operands and results in one layout, arguments of a function in its projection
//	bcast                    the operand in the projection of the result's layout to its axes
//	reduce                   the result in the projection of the operand's
//	load, lookup             subscripts in projections of the result's layout
//	store, atomic            values, mask, subscripts and results in projections of the first value's layout
//	scatter                  subscript and mask in projections of the value's layout
//	contract                 the accumulator in the result's layout; with an atom, all of them made of its fragments
//	others                   any
//
// Projection is [Project]. Scalars have no place, and fit everything.
func layoutRule(o *Op) error {
	switch {
	case o.Code.Spec().Elementwise() || o.Code == Rebind || o.Code == PinTo:
		for _, v := range o.Operands {
			if err := alike(v.Type, o.Results[0].Type); err != nil {
				return err
			}
		}
		return nil
	}
	switch o.Code {
	case Bcast:
		return projects(o.Operands[0].Type, o.Results[0].Type)
	case Reduce:
		return projects(o.Results[0].Type, o.Operands[0].Type)
	case Load:
		return allProject(o.Subscripts(), o.Results[0].Type)
	case Lookup:
		return projects(o.Operands[1].Type, o.Results[0].Type)
	case Store, Atomic:
		whole := o.Stored()[0].Type
		if err := allProject(o.Operands[1:], whole); err != nil {
			return err
		}
		return allProject(o.Results, whole)
	case Scatter:
		whole := o.Operands[2].Type
		if err := projects(o.Operands[1].Type, whole); err != nil {
			return err
		}
		return allProject(o.Operands[3:], whole)
	case Scan:
		t := o.Operands[0].Type
		for _, v := range slices.Concat(o.Operands, o.Results) {
			if err := alike(v.Type, t); err != nil {
				return err
			}
		}
		for _, r := range o.Regions {
			if err := allProject(r.Args, t); err != nil {
				return err
			}
		}
	case Contract:
		return contractLayouts(o)
	}
	return nil
}

// alike checks that two tiles over the same axes, which may have other spans, are in one layout.
func alike(t, u Type) error {
	if t.Kind != Tile || u.Kind != Tile || t.Layout == u.Layout {
		return nil
	}
	if !t.Layout.Equal(*u.Layout) {
		return ruleErr("P2", "%s is not in the layout of %s", t, u)
	}
	return nil
}

// projects checks that a tile is in the projection of another one's layout to its axes.
func projects(t, whole Type) error {
	if t.Kind != Tile {
		return nil
	}
	at := make([]int, len(t.Axes))
	for i, a := range t.Axes {
		at[i] = whole.Axis(a.Span)
	}
	d, err := Project(whole.Layout, at)
	if err != nil {
		return ruleErr("P2", "%s and %s: %v", t, whole, err)
	}
	if !d.Equal(*t.Layout) {
		return ruleErr("P2", "%s is not in the projection of the layout of %s, which is %s", t, whole, d)
	}
	return nil
}

func allProject(vs []*Value, whole Type) error {
	for _, v := range vs {
		if err := projects(v.Type, whole); err != nil {
			return err
		}
	}
	return nil
}

// contractLayouts checks the layouts of a contraction.
func contractLayouts(o *Op) error {
	a, b, _, _, acc := o.ContractParts()
	r := o.Results[0].Type
	if acc != nil {
		if err := alike(acc.Type, r); err != nil {
			return err
		}
	}
	name := o.Str("atom")
	if name == "" {
		return nil
	}
	atom, err := fragment.Find(name)
	if err != nil {
		return ruleErr("P2", "%v", err)
	}
	batch, m, n, k := contractAxes(o)
	for _, part := range []struct {
		operand string
		t       Type
		groups  [3][]*Value
	}{{"a", a.Type, [3][]*Value{m, k, batch}}, {"b", b.Type, [3][]*Value{k, n, batch}}, {"d", r, [3][]*Value{m, n, batch}}} {
		f, ok := atom.Operand(part.operand)
		if !ok {
			return ruleErr("P2", "%s has no operand %s", name, part.operand)
		}
		if int64(part.t.Elem.Bits()) > f.Slot {
			return ruleErr("P2", "%s.%s has slots of %d bits, too few for a %s", name, part.operand, f.Slot, part.t.Elem)
		}
		d, err := grouped(part.t, part.groups)
		if err == nil {
			digits, _ := f.Distribution.Digits()
			var one layout.Distribution
			if one, err = layout.Distribute(append(slices.Clone(f.Distribution.Tile()), 1), digits...); err == nil {
				_, err = d.RightDivide(one)
			}
		}
		if err != nil {
			return ruleErr("P2", "%s is not made of %s.%s: %v", part.t, name, part.operand, err)
		}
	}
	return nil
}

// grouped is the layout of a tile in which the axes of each group are one, the last of them the fastest.
func grouped(t Type, groups [3][]*Value) (layout.Distribution, error) {
	digits, _ := t.Layout.Digits()
	tile := [3]int64{1, 1, 1}
	to, step := make([]int, len(t.Axes)), make([]int64, len(t.Axes))
	for g, spans := range groups {
		for _, s := range slices.Backward(spans) {
			i := t.Axis(s)
			if i < 0 {
				return layout.Distribution{}, ruleErr("P2", "%s has no axis %s", t, nameOf(s))
			}
			to[i], step[i] = g, tile[g]
			tile[g] *= t.Layout.Tile()[i]
		}
	}
	for i, d := range digits {
		if d.Axis != layout.Replica {
			digits[i].Axis, digits[i].Stride = to[d.Axis], d.Stride*step[d.Axis]
		}
	}
	return layout.Distribute(tile[:], digits...)
}

// contractAxes are the spans of a contraction by group: those that both operands have and that are not summed, those that its
// first operand has alone, its second alone, and those summed, in the order of the first operand's axes.
func contractAxes(o *Op) (batch, m, n, k []*Value) {
	a, b := o.Operands[0].Type, o.Operands[1].Type
	for _, x := range a.Axes {
		switch {
		case slices.Contains(o.Axes, x.Span):
			k = append(k, x.Span)
		case b.Axis(x.Span) >= 0:
			batch = append(batch, x.Span)
		default:
			m = append(m, x.Span)
		}
	}
	for _, x := range b.Axes {
		if a.Axis(x.Span) < 0 {
			n = append(n, x.Span)
		}
	}
	return batch, m, n, k
}
