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
	var axes []Axis
	for i, v := range o.Subscripts() {
		if err := isSubscript(v); err != nil {
			return nil, ruleErr("P3", "subscript %d %s", i, err.(*Error).Msg)
		}
		axes = union(axes, v.SubscriptAxes())
	}
	if own := AxesOf(o.Axes...); !sameAxisSet(own, axes) {
		return nil, ruleErr("P3", "the subscripts are over %s, the slot over %s", Type{Kind: Tile, Elem: s.Elem, Axes: axes}, Type{Kind: Tile, Elem: s.Elem, Axes: own})
	}
	return nil, slotAxes(o.Axes, s)
}

func rulePut(o *Op) ([]Type, error) {
	s, x := o.Operands[0].Type, o.Operands[1].Type
	if s.Kind != Slot || x.Kind != Tile || s.Elem != x.Elem {
		return nil, ruleErr("P3", "put of a %s into a %s", x, s)
	}
	spans := make([]*Value, len(x.Axes))
	for i, a := range x.Axes {
		spans[i] = a.Span
	}
	return nil, slotAxes(spans, s)
}

// rulePass is the rule of operations that end the use of a slot.
func rulePass(o *Op) ([]Type, error) {
	c, s := o.Operands[0].Type, o.Operands[1].Type
	if c.Kind != Chan || s.Kind != Slot {
		return nil, ruleErr("P3", "%s of a %s to a %s", o.Code, s, c)
	}
	return nil, nil
}

func ruleView(o *Op) ([]Type, error) {
	s := o.Operands[0].Type
	if s.Kind != Slot {
		return nil, ruleErr("P3", "view of a %s", s)
	}
	t := TileType(s.Elem, AxesOf(o.Axes...)...)
	t.Shared = s.Shared
	return []Type{t}, slotAxes(o.Axes, s)
}

// slotAxes checks that spans fit the axes of a slot.
func slotAxes(spans []*Value, s Type) error {
	if len(spans) != len(s.Axes) {
		return ruleErr("P3", "%d axes for a %s", len(spans), s)
	}
	for i, a := range spans {
		if a.Type.Kind != Span || a.Type.Width > s.Axes[i].Extent {
			return ruleErr("P3", "axis %s does not fit axis %d of a %s", nameOf(a), i, s)
		}
	}
	return nil
}
