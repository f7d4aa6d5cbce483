package ir

import "slices"

// Uses counts, for each value by its ID, how often it is named: as an operand, as an axis of an operation, and as the
// span of an axis in the type of a result or argument. It numbers the function first.
func (f *Func) Uses() []int {
	uses := make([]int, f.Number())
	count := func(t Type) {
		if t.Kind == Tile {
			for _, a := range t.Axes {
				uses[a.Span.ID]++
			}
		}
	}
	f.Values(func(v *Value) { count(v.Type) })
	f.Walk(func(o *Op) {
		for _, v := range o.Operands {
			uses[v.ID]++
		}
		for _, v := range o.Axes {
			uses[v.ID]++
		}
	})
	return uses
}

// Replace puts values in the place of others throughout a function, spans inside types included: with[v.ID], where it
// is not nil, replaces v. Chains are followed. IDs are those of the last Number. The definitions of what is replaced
// stay where they are.
func (f *Func) Replace(with []*Value) {
	find := func(v *Value) *Value {
		for v.ID < len(with) && with[v.ID] != nil {
			v = with[v.ID]
		}
		return v
	}
	values := func(vs []*Value) {
		for i, v := range vs {
			vs[i] = find(v)
		}
	}
	f.Values(func(v *Value) { v.Type = v.Type.mapSpans(find) })
	f.Walk(func(o *Op) {
		values(o.Operands)
		values(o.Axes)
	})
}

// mapSpans is t with each axis's span replaced; t's own axes stay as they are.
func (t Type) mapSpans(to func(*Value) *Value) Type {
	if t.Kind != Tile { // the axes of channels and slots have no spans
		return t
	}
	for i, a := range t.Axes {
		s := to(a.Span)
		if s == a.Span {
			continue
		}
		axes := slices.Clone(t.Axes)
		for ; i < len(axes); i++ {
			axes[i].Span = to(axes[i].Span)
		}
		t.Axes = axes
		break
	}
	return t
}

// Remove takes an operation out of its region.
func (o *Op) Remove() {
	r := o.Parent
	if i := slices.Index(r.Ops, o); i >= 0 {
		r.Ops = slices.Delete(r.Ops, i, i+1)
	}
}

// Clone is a copy of the function that shares nothing with it but extents and constants, which no one changes.
func (f *Func) Clone() *Func {
	c := *f
	c.Binds = slices.Clone(f.Binds)
	c.Sizes = make([]*Size, len(f.Sizes))
	for i, s := range f.Sizes {
		t := *s
		c.Sizes[i] = &t
	}
	c.Params = make([]*Param, len(f.Params))
	for i, p := range f.Params {
		q := *p
		c.Params[i] = &q
	}
	c.Body = f.Body.Clone(nil, map[*Value]*Value{})
	return &c
}

// Clone copies a region under another operation. Values named in it that to maps are replaced; those defined in it get
// copies, which are added to the map; others stay.
func (r *Region) Clone(parent *Op, to map[*Value]*Value) *Region {
	c := &Region{Parent: parent, Args: make([]*Value, len(r.Args)), Ops: make([]*Op, len(r.Ops))}
	find := func(v *Value) *Value {
		if w := to[v]; w != nil {
			return w
		}
		return v
	}
	for i, a := range r.Args {
		c.Args[i] = &Value{ID: a.ID, Name: a.Name, Type: a.Type.mapSpans(find), Region: c, Index: i}
		to[a] = c.Args[i]
	}
	for i, o := range r.Ops {
		c.Ops[i] = o.clone(c, to, find)
	}
	return c
}

// Clone copies an operation, with its regions and results, into no region yet; see [Region.Clone].
func (o *Op) Clone(to map[*Value]*Value) *Op {
	return o.clone(nil, to, func(v *Value) *Value {
		if w := to[v]; w != nil {
			return w
		}
		return v
	})
}

func (o *Op) clone(parent *Region, to map[*Value]*Value, find func(*Value) *Value) *Op {
	c := &Op{Code: o.Code, Attrs: slices.Clone(o.Attrs), Parent: parent, Pos: o.Pos}
	c.Operands = make([]*Value, len(o.Operands))
	for i, v := range o.Operands {
		c.Operands[i] = find(v)
	}
	for _, v := range o.Axes {
		c.Axes = append(c.Axes, find(v))
	}
	for _, r := range o.Regions {
		c.Regions = append(c.Regions, r.Clone(c, to))
	}
	for i, v := range o.Results {
		w := &Value{ID: v.ID, Name: v.Name, Type: v.Type.mapSpans(find), Def: c, Index: i}
		c.Results = append(c.Results, w)
		to[v] = w
	}
	return c
}
