package lower

import (
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
)

// writeMode is the IR's word for why a store is allowed.
func writeMode(m typed.BoundsMode) string { return [...]string{"in", "skip", "unchecked"}[m] }

// store lowers a store, or for += an atomic sum.
func (l *lowerer) store(s *typed.Store) {
	value := l.expr(s.Value)
	index := l.subscripts(s.Index)
	axes := subscriptAxes(index)
	value, mask := l.over(value, axes), l.effect(axes)
	if s.Add {
		l.b.Atomic("add", l.tensor(s.Tensor), index, []*ir.Value{value}, writeMode(s.Mode), mask, false)
		return
	}
	l.b.Store(l.tensor(s.Tensor), index, value, writeMode(s.Mode), mask)
}

// atomic lowers an atomic operation; with old it gives the old values.
func (l *lowerer) atomic(e *typed.Atomic, old bool) *ir.Value {
	defer l.within(e.At)()
	index := l.subscripts(e.Index)
	axes := subscriptAxes(index)
	args := make([]*ir.Value, len(e.Args))
	for i, x := range e.Args {
		args[i] = l.over(l.expr(x), axes)
	}
	return l.b.Atomic(e.Kind, l.tensor(e.Tensor), index, args, writeMode(e.Mode), l.effect(axes), old)
}

// effect is the mask of all enclosing wheres over axes, nil outside any.
func (l *lowerer) effect(axes []ir.Axis) *ir.Value {
	m := l.mask(0)
	if m == nil {
		return nil
	}
	return l.over(m, axes)
}

// scatter lowers a replacement of elements of a tile variable. Conditions over axes of the contributions mask those;
// one over the replaced axis itself decides element by element between the old tile and the new.
func (l *lowerer) scatter(s *typed.Scatter) {
	b, ok := l.vars[s.Var]
	if !ok {
		l.fail("%s has no value here", s.Var.Name)
	}
	value, index := l.expr(s.Value), l.subscript(s.Index)
	e := l.span(s.Axis)
	axes := with(without(b.val.Type.Axes, []*ir.Value{e}), index.SubscriptAxes())
	masks := l.masks
	var contributions, elements []*ir.Value
	for _, m := range masks[min(b.depth, len(masks)):] {
		if subset(m.Type.Axes, axes) {
			contributions = append(contributions, m)
		} else {
			elements = append(elements, m)
		}
	}
	defer func() { l.masks = masks }()
	l.masks = contributions
	v := l.b.Scatter(b.val, e, index, l.over(value, axes), writeMode(s.Mode), l.effect(axes))
	l.masks = elements
	if m := l.mask(0); m != nil {
		v = l.b.Select(l.over(m, v.Type.Axes), v, b.val)
	}
	l.set(s.Var, v)
}
