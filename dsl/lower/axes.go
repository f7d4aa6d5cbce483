package lower

import (
	"slices"

	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
)

// span is the span of an axis in scope.
func (l *lowerer) span(a *typed.Axis) *ir.Value {
	s, ok := l.spans[a]
	if !ok {
		l.fail("axis %s is not in scope", a.Name)
	}
	return s
}

func (l *lowerer) spansOf(axes []*typed.Axis) []*ir.Value {
	out := make([]*ir.Value, len(axes))
	for i, a := range axes {
		out[i] = l.span(a)
	}
	return out
}

// axesOf are axes in the order given.
func (l *lowerer) axesOf(axes []*typed.Axis) []ir.Axis { return ir.AxesOf(l.spansOf(axes)...) }

// innermost is a rank above those of axes that blocks and loops make.
const innermost = 1 << 30

// declare makes the span of an axis that is not bound by a loop.
func (l *lowerer) declare(a *typed.Axis) {
	if a.Span.IsValid() {
		defer l.within(a.Span)()
	}
	var v *ir.Value
	switch a.Kind {
	case typed.ConstAxis:
		v = l.b.SpanOf(l.b.Index(a.Lo), l.b.Index(a.Lo+a.Extent), a.Extent, a.Name)
	case typed.CopyAxis:
		v = l.b.SpanCopy(l.span(a.Of), a.Name)
	case typed.CatAxis:
		v = l.b.SpanCat(l.span(a.A), l.span(a.B), a.Name)
	default:
		l.fail("axis %s is bound by a loop, not declared", a.Name)
	}
	l.bind(a, v)
	if l.b.Region() == l.b.Func().Body { // the axis of a whole dimension
		l.ranks[a] |= innermost
	}
}

// order puts the axes of a type in the order of the first of the values that has them all, or else by rank.
func (l *lowerer) order(t typed.Type, vals ...*ir.Value) []ir.Axis {
	for _, v := range vals {
		if v.Type.Kind == ir.Tile && len(v.Type.Axes) == len(t.Axes) {
			return v.Type.Axes
		}
	}
	return l.axesOf(l.ranked(t.Axes))
}

// ranked sorts axes: those declared first outermost, whole dimensions innermost.
func (l *lowerer) ranked(axes []*typed.Axis) []*typed.Axis {
	out := slices.Clone(axes)
	slices.SortStableFunc(out, func(a, b *typed.Axis) int { return l.ranks[a] - l.ranks[b] })
	return out
}

// over brings a value to exactly these axes in this order.
func (l *lowerer) over(v *ir.Value, axes []ir.Axis) *ir.Value {
	if len(axes) == 0 && v.Type.Kind == ir.Scalar || v.Type.Kind == ir.Tile && slices.Equal(v.Type.Axes, axes) {
		return v
	}
	t := ir.TileType(v.Type.Elem, axes...)
	for _, a := range v.Type.Axes {
		if t.Axis(a.Span) < 0 {
			l.fail("a value over %%%s cannot leave that axis", a.Span.Name)
		}
	}
	// A repetition of a repetition is one repetition.
	if d := v.Def; d != nil && d.Code == ir.Bcast {
		return l.over(d.Operands[0], axes)
	}
	return l.b.Bcast(v, axes)
}

// with is axes and what of more is not among them.
func with(axes, more []ir.Axis) []ir.Axis {
	out := slices.Clone(axes)
	for _, a := range more {
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// without is axes less those over the spans.
func without(axes []ir.Axis, spans []*ir.Value) []ir.Axis {
	return slices.DeleteFunc(slices.Clone(axes), func(a ir.Axis) bool { return slices.Contains(spans, a.Span) })
}

// subset reports whether all of part are among whole.
func subset(part, whole []ir.Axis) bool {
	return !slices.ContainsFunc(part, func(a ir.Axis) bool { return !slices.Contains(whole, a) })
}

// sameIndices reports whether two axes run over the same indices whatever the sizes, so that a position of one is the
// same index of the other.
func sameIndices(a, b *typed.Axis) bool {
	for a.Kind == typed.CopyAxis {
		a = a.Of
	}
	for b.Kind == typed.CopyAxis {
		b = b.Of
	}
	return a == b || a.Kind == typed.ConstAxis && b.Kind == typed.ConstAxis && a.Lo == b.Lo && a.Extent == b.Extent
}

// assign gives a variable a value under the masks of the wheres inside which it is not declared, over the variable's
// own axes.
func (l *lowerer) assign(v *typed.Var, val *ir.Value) {
	old, defined := l.vars[v]
	if val.Type.Elem != v.Type.Elem {
		l.fail("%s is %s and got %s", v.Name, v.Type.Elem, val.Type.Elem)
	}
	if _, ok := l.orders[v]; !ok {
		l.orders[v] = l.typedOrder(v.Type.Axes, val)
	}
	axes := l.axesOf(l.orders[v])
	val = l.over(val, axes)
	if defined && old.depth < len(l.masks) {
		mask := l.over(l.mask(old.depth), axes)
		val = l.b.Select(mask, val, old.val)
	}
	l.set(v, val)
}

// typedOrder is the order that a value's axes have, where they are all of axes, or else by rank.
func (l *lowerer) typedOrder(axes []*typed.Axis, val *ir.Value) []*typed.Axis {
	if len(val.Type.Axes) != len(axes) {
		return l.ranked(axes)
	}
	out := slices.Clone(axes)
	slices.SortFunc(out, func(a, b *typed.Axis) int {
		return val.Type.Axis(l.span(a)) - val.Type.Axis(l.span(b))
	})
	return out
}

// mask is the conjunction of the conditions of the wheres from depth inward, nil if there is none.
func (l *lowerer) mask(depth int) *ir.Value {
	var m *ir.Value
	for _, c := range l.masks[min(depth, len(l.masks)):] {
		if m == nil {
			m = c
			continue
		}
		axes := with(m.Type.Axes, c.Type.Axes)
		m = l.b.And(l.over(m, axes), l.over(c, axes))
	}
	return m
}

// nothing is the value of a variable on a path where it has none: code that no read can follow.
func (l *lowerer) nothing(v *typed.Var) *ir.Value {
	order, ok := l.orders[v]
	if !ok {
		order = l.ranked(v.Type.Axes)
		l.orders[v] = order
	}
	return l.over(l.constant(v.Type.Elem, 0, 0), l.axesOf(order))
}

// inScope reports whether all axes of a variable exist here.
func (l *lowerer) inScope(v *typed.Var) bool {
	return !slices.ContainsFunc(v.Type.Axes, func(a *typed.Axis) bool { return l.spans[a] == nil })
}
