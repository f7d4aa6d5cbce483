package lower

import (
	"slices"

	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// explicit lowers a statement of the explicit level.
func (l *lowerer) explicit(s typed.Stmt) {
	switch s := s.(type) {
	case *typed.ChanDecl: // made where the phase begins
	case *typed.SharedDecl:
		v := l.b.Shared(tensorType(s.Tensor), s.Tensor.Name)
		if n := s.Tensor.Swizzle; n > 0 {
			v.Def.SetAttr("swizzle", n)
		}
		if n := s.Tensor.Align; n > 0 {
			v.Def.SetAttr("align", n)
		}
		l.tensors[s.Tensor] = v
	case *typed.Acquire:
		l.slots[s.Slot] = named(l.b.Acquire(l.ring(s.Slot)), s.Slot.Name)
	case *typed.Take:
		l.slots[s.Slot] = named(l.b.Take(l.ring(s.Slot)), s.Slot.Name)
	case *typed.FillSlot:
		l.fill(s)
	case *typed.Commit:
		l.b.Commit(l.ring(s.Slot), l.slots[s.Slot])
	case *typed.Release:
		l.b.Release(l.ring(s.Slot), l.slots[s.Slot])
	case *typed.Role:
		l.role(s)
	case *typed.PinTo:
		v := l.over(l.vars[s.Var].val, l.axesOf(s.Axes))
		p, ok := l.b.Pin(v, s.Layout)
		if !ok {
			l.fail("a pinned layout that is not made of digits")
		}
		l.set(s.Var, l.over(p, l.vars[s.Var].val.Type.Axes))
	default:
		l.fail("unknown statement %T", s)
	}
}

// role lowers a role. What stands before roles each of them, and each of its groups, does for itself.
func (l *lowerer) role(s *typed.Role) {
	o := l.control(ir.RoleOf, 1)
	o.SetAttr("name", s.Name)
	o.SetAttr("groups", s.Groups)
	o.SetAttr("warps", s.Warps)
	if s.Regs > 0 {
		o.SetAttr("regs", s.Regs)
	}
	r := o.Regions[0]
	l.region(r, func() {
		was := l.group
		l.group = r.AddArg("group", ir.ScalarType(dtype.I64))
		if a := s.Split; a != nil {
			// The group's part of the axis.
			span := l.span(a)
			width := a.Extent / s.Groups
			lo := l.b.Add(l.b.SpanLo(span), l.b.Mul(l.group, l.b.Index(width)))
			part := l.b.SpanOf(lo, l.b.SpanHi(span), width, a.Name)
			l.undo = append(l.undo, saved{axis: a, span: span})
			l.spans[a] = part
		}
		l.block(append(slices.Clone(l.before), s.Body...), vars{})
		l.b.Yield(nil, nil)
		l.group = was
	})
	l.b.Emit(o)
}

// turn lowers a section that the groups of a role enter in turn.
func (l *lowerer) turn(s *typed.Turn, after vars) {
	o := l.control(ir.Turn, 1, l.group)
	o.SetAttr("of", s.Of)
	list := l.carried(l.flow(s).writes, nil, after)
	var ends []*ir.Value
	l.region(o.Regions[0], func() {
		l.block(s.Body, after)
		ends = l.current(list)
		l.b.Yield(ends, nil)
	})
	l.finish(o, list, ends)
}

// apart parts the statements of a phase with roles: what stands before them, and them.
func apart(body []typed.Stmt) (before, roles []typed.Stmt) {
	i := slices.IndexFunc(body, func(s typed.Stmt) bool { _, ok := s.(*typed.Role); return ok })
	if i < 0 {
		return nil, body
	}
	return body[:i], body[i:]
}

func named(v *ir.Value, name string) *ir.Value {
	v.Name = name
	return v
}

// ring is the channel of a slot.
func (l *lowerer) ring(s *typed.Slot) *ir.Value {
	c, ok := l.chans[s.Chan]
	if !ok {
		l.fail("channel %s is not known here", s.Chan.Name)
	}
	return c
}

// openChans makes the channels that a phase declares.
func (l *lowerer) openChans(body []typed.Stmt) {
	for _, s := range body {
		d, ok := s.(*typed.ChanDecl)
		if !ok {
			continue
		}
		back := l.within(d.At)
		l.chans[d.Chan] = l.b.Chan(d.Chan.Name, d.Chan.Elem, d.Chan.Depth, d.Chan.Extents...)
		back()
	}
}

// fill puts a value into slots. Elements that are loaded for that alone are copied.
func (l *lowerer) fill(s *typed.FillSlot) {
	spans := l.spansOf(s.Axes)
	if load, ok := s.Value.(*typed.Load); ok && load.Mode != typed.Else && copied(load, s.Axes) {
		index := l.subscripts(load.Index)
		l.b.Copy(l.slots[s.Slot], l.tensor(load.Tensor), index, spans, load.Mode.Name())
		return
	}
	l.b.Put(l.slots[s.Slot], l.over(l.expr(s.Value), l.axesOf(s.Axes)))
}

// copied reports whether a load gives the elements of a slot as they are: one for each of the axes' positions, from global memory.
func copied(e *typed.Load, axes []*typed.Axis) bool {
	return !e.Tensor.Shared && e.T.Elem == e.Tensor.Elem && len(e.T.Axes) == len(axes)
}
