package ir

// Rules of the placed stage. Layouts of registers are free but for what Verify asks: a rule gives the operand's or none.

func ruleConvert(o *Op) ([]Type, error) {
	t := o.Operands[0].Type
	if t.Kind != Tile {
		return nil, ruleErr("P1", "convert of a %s", t)
	}
	t.Shared, t.Layout = nil, want(o, 0).Layout
	return one(t)
}

func ruleSlot(o *Op) ([]Type, error) {
	t := o.Operands[0].Type
	if t.Kind != Chan {
		return nil, ruleErr("P3", "%s of a %s", o.Code, t)
	}
	t.Kind, t.Depth = Slot, 0
	return one(t)
}

func ruleCopy(o *Op) ([]Type, error) {
	s, x := o.Operands[0].Type, o.Operands[1].Type
	if s.Kind != Slot || x.Kind != Tensor || s.Elem != x.Elem || len(o.Operands) != 2+len(x.Dims) {
		return nil, ruleErr("P3", "copy to a %s from a %s by %d subscripts", s, x, len(o.Operands)-2)
	}
	return nil, slotAxes(o, s)
}

func ruleView(o *Op) ([]Type, error) {
	s := o.Operands[0].Type
	if s.Kind != Slot {
		return nil, ruleErr("P3", "view of a %s", s)
	}
	t := TileType(s.Elem, AxesOf(o.Axes...)...)
	t.Shared = s.Shared
	return []Type{t}, slotAxes(o, s)
}

// slotAxes checks that the axes of an operation fit those of a slot.
func slotAxes(o *Op, s Type) error {
	if len(o.Axes) != len(s.Axes) {
		return ruleErr("P3", "%d axes for a %s", len(o.Axes), s)
	}
	for i, a := range o.Axes {
		if a.Type.Kind != Span || a.Type.Width > s.Axes[i].Extent {
			return ruleErr("P3", "axis %s does not fit axis %d of a %s", nameOf(a), i, s)
		}
	}
	return nil
}
