package lower

import (
	"slices"

	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// expr lowers an expression to a scalar or a tile over its type's axes, in the order that suits the operation: a load's
// as subscripted, an elementwise operation's as its first full operand has them.
func (l *lowerer) expr(e typed.Expr) *ir.Value {
	defer l.within(e.Span())()
	v := l.compute(e)
	t := e.Type()
	if v.Type.Elem != t.Elem || len(v.Type.Axes) != len(t.Axes) {
		l.fail("%T of type %s over %d axes became %s", e, t.Elem, len(t.Axes), v.Type)
	}
	return v
}

func (l *lowerer) compute(e typed.Expr) *ir.Value {
	switch e := e.(type) {
	case *typed.Const:
		return l.constant(e.T.Elem, e.Int, e.Float)
	case *typed.Ref:
		b, ok := l.vars[e.Var]
		if !ok {
			l.fail("%s has no value here", e.Var.Name)
		}
		return b.val
	case *typed.SizeRef:
		v, ok := l.sizes[e.Size]
		if !ok {
			l.fail("size %s is not the kernel's", e.Size.Name)
		}
		return v
	case *typed.Iota:
		return l.b.Iota(l.span(e.Axis))
	case *typed.Bound:
		if e.Hi {
			return l.b.SpanHi(l.span(e.Axis))
		}
		return l.b.SpanLo(l.span(e.Axis))
	case *typed.Load:
		index := l.subscripts(e.Index)
		return l.b.Load(l.tensor(e.Tensor), index, e.Mode.Name(), l.outside(e.Mode, e.Out))
	case *typed.Lookup:
		return l.lookup(e)
	case *typed.Map:
		return l.mapped(e)
	case *typed.Cast:
		return l.b.Cast(l.expr(e.Value), e.T.Elem, or(e.Round, "rne"), or(e.Overflow, "sat"))
	case *typed.BitCast:
		return l.b.Bits(l.expr(e.Value), e.T.Elem)
	case *typed.Fill:
		return l.over(l.expr(e.Value), l.axesOf(e.T.Axes))
	case *typed.Reduce:
		x := l.including(l.expr(e.Value), e.Axes)
		return l.b.Reduce(e.Kind, e.T.Elem, x, l.spansOf(e.Axes)...)
	case *typed.Dot:
		return l.dot(e, nil)
	case *typed.Pack:
		return l.b.Pack(l.including(l.expr(e.Value), []*typed.Axis{e.Axis}), l.span(e.Axis))
	case *typed.Unpack:
		return l.b.Unpack(l.expr(e.Value), l.span(e.Axis), e.T.Elem)
	case *typed.Cat:
		return l.cat(e)
	case *typed.SlotRead:
		return l.b.View(l.slots[e.Slot], l.spansOf(e.Axes)...)
	case *typed.Asm:
		args := make([]*ir.Value, len(e.Args))
		for i, x := range e.Args {
			args[i] = l.expr(x)
		}
		axes := l.order(e.T, args...)
		for i, v := range args {
			args[i] = l.over(v, axes)
		}
		return l.b.Asm(e.Target, e.Text, args...)
	case *typed.Atomic:
		return l.atomic(e, true)
	case *typed.Result:
		vals, ok := l.multis[e.Of]
		if !ok || e.N >= len(vals) {
			l.fail("result %d of an operation that has not run", e.N)
		}
		return vals[e.N]
	case *typed.Let:
		after := vars{}
		if l.around.stmt != nil {
			after.add(l.around.after)
			after.add(l.flow(l.around.stmt).reads)
		}
		l.reads(e.Value, after)
		l.block(e.Body, after)
		return l.expr(e.Value)
	}
	l.fail("unknown expression %T", e)
	return nil
}

func or(word, otherwise string) string {
	if word == "" {
		return otherwise
	}
	return word
}

func (l *lowerer) tensor(t *typed.Tensor) *ir.Value {
	v, ok := l.tensors[t]
	if !ok {
		l.fail("tensor %s is not known here", t.Name)
	}
	return v
}

// outside lowers the value for what is outside, nil where there is none.
func (l *lowerer) outside(m typed.BoundsMode, out typed.Expr) *ir.Value {
	if m != typed.Else {
		return nil
	}
	return l.expr(out)
}

// including repeats a value along those of axes that it lacks.
func (l *lowerer) including(v *ir.Value, axes []*typed.Axis) *ir.Value {
	return l.over(v, with(v.Type.Axes, l.axesOf(axes)))
}

// mapped lowers an elementwise operation. Sums and products of indices become one affine operation; adding to a
// contraction gives it its accumulator.
func (l *lowerer) mapped(e *typed.Map) *ir.Value {
	if e.T.Elem == dtype.I64 && len(e.T.Axes) > 0 && l.affine(e) {
		v := l.emit(l.linear(e))
		return l.over(v, l.order(e.T, v))
	}
	if e.Op == ir.Add {
		for i, x := range e.Args {
			if d, ok := x.(*typed.Dot); ok && l.accumulates(e.Args[1-i], d) {
				return l.dot(d, e.Args[1-i])
			}
		}
	}
	args := make([]*ir.Value, len(e.Args))
	for i, x := range e.Args {
		args[i] = l.expr(x)
	}
	prefer := args
	if e.Op == ir.Select { // the order of what is selected, not of the condition
		prefer = append(slices.Clone(args[1:]), args[0])
	}
	axes := l.order(e.T, prefer...)
	for i, v := range args {
		args[i] = l.over(v, axes)
	}
	return l.b.MapTo(e.T.Elem, e.Op, args...)
}

// accumulates reports whether x + d may start d's sum at x: they are of one type over the same axes.
func (l *lowerer) accumulates(x typed.Expr, d *typed.Dot) bool {
	t, u := x.Type(), d.T
	if t.Elem != u.Elem || len(t.Axes) != len(u.Axes) {
		return false
	}
	for _, a := range t.Axes {
		if !slices.Contains(u.Axes, a) {
			return false
		}
	}
	return true
}

// dot lowers a contraction, with the value that its sum starts at, or nil. The result has the axes of the first
// operand before those of the second, so the operands change places where that suits the accumulator.
func (l *lowerer) dot(e *typed.Dot, start typed.Expr) *ir.Value {
	var acc *ir.Value
	if start != nil {
		acc = l.expr(start)
		defer l.within(e.At)()
	}
	spans := l.spansOf(e.Axes)
	a, b := l.including(l.expr(e.A), e.Axes), l.including(l.expr(e.B), e.Axes)
	var sa, sb *ir.Value
	if e.ScaleA != nil {
		sa = l.expr(e.ScaleA)
		a = l.over(a, with(a.Type.Axes, sa.Type.Axes))
	}
	if e.ScaleB != nil {
		sb = l.expr(e.ScaleB)
		b = l.over(b, with(b.Type.Axes, sb.Type.Axes))
	}
	axes := func(a, b *ir.Value) []ir.Axis {
		return with(without(a.Type.Axes, spans), without(b.Type.Axes, spans))
	}
	if acc == nil {
		return l.b.Contract(e.T.Elem, a, b, sa, sb, nil, spans...)
	}
	want := acc.Type.Axes
	if !slices.Equal(axes(a, b), want) && slices.Equal(axes(b, a), want) {
		a, b, sa, sb = b, a, sb, sa
	}
	return l.over(l.b.Contract(e.T.Elem, a, b, sa, sb, l.over(acc, axes(a, b)), spans...), want)
}

// lookup lowers a tile subscripted by an axis. One that only renames the axis moves nothing.
func (l *lowerer) lookup(e *typed.Lookup) *ir.Value {
	t := l.including(l.expr(e.Tile), []*typed.Axis{e.Axis})
	span := l.span(e.Axis)
	if i, ok := e.Index.(*typed.Iota); ok && sameIndices(e.Axis, i.Axis) {
		to := l.span(i.Axis)
		if to == span {
			return t
		}
		if t.Type.Axis(to) < 0 {
			return l.b.Rebind(t, span, to)
		}
	}
	return l.b.Lookup(t, span, l.subscript(e.Index), e.Mode.Name(), l.outside(e.Mode, e.Out))
}

// cat lowers the join of two values. Where one is also over the part that the other is joined along, that part becomes
// an axis of its own first, as it stays where it is not joined.
func (l *lowerer) cat(e *typed.Cat) *ir.Value {
	a, b, u := l.span(e.Axis.A), l.span(e.Axis.B), l.span(e.Axis)
	x := l.including(l.expr(e.A), []*typed.Axis{e.Axis.A})
	y := l.including(l.expr(e.B), []*typed.Axis{e.Axis.B})
	if a != b && (x.Type.Axis(b) >= 0 || y.Type.Axis(a) >= 0) {
		to := l.b.SpanCopy(b, b.Name)
		y, b = l.b.Rebind(y, b, to), to
		to = l.b.SpanCopy(a, a.Name)
		x, a = l.b.Rebind(x, a, to), to
	}
	x = l.over(x, with(x.Type.Axes, without(y.Type.Axes, []*ir.Value{b})))
	order := slices.Clone(x.Type.Axes)
	order[x.Type.Axis(a)] = ir.AxisOf(b)
	return l.b.Cat(x, l.over(y, order), a, b, u)
}

// multi lowers an operation with several results.
func (l *lowerer) multi(m *typed.Multi) {
	defer l.within(m.Source)()
	n := []*typed.Axis{m.Axis}
	args := make([]*ir.Value, len(m.Args))
	var axes []ir.Axis
	for i, e := range m.Args {
		args[i] = l.including(l.expr(e), n)
		axes = with(axes, args[i].Type.Axes)
	}
	if m.Op == ir.Scan && m.Kind == "func" {
		for i, t := range m.Types { // a function may give more axes than it got
			for _, a := range t.Axes {
				axes = with(axes, []ir.Axis{ir.AxisOf(l.span(a))})
			}
			if t.Elem != args[i].Type.Elem {
				l.fail("a scan of %s gives %s", args[i].Type.Elem, t.Elem)
			}
		}
	}
	for i, v := range args {
		args[i] = l.over(v, axes)
	}
	span := l.span(m.Axis)
	switch {
	case m.Op == ir.Topk:
		x, i := l.b.Topk(args[0], span, l.span(m.To))
		l.multis[m] = []*ir.Value{x, i}
	case m.Op == ir.Sort:
		x, i := l.b.Sort(args[0], span, l.span(m.To))
		l.multis[m] = []*ir.Value{x, i}
	case m.Kind == "func":
		l.multis[m] = l.scan(m.Func, args, span)
	default:
		l.multis[m] = []*ir.Value{l.b.Scan(m.Kind, args[0], span)}
	}
}

// scan lowers a scan with a function of its own. The function is plain code: no mask is on it.
func (l *lowerer) scan(fn *typed.Lambda, args []*ir.Value, n *ir.Value) []*ir.Value {
	masks := l.masks
	l.masks = nil
	defer func() { l.masks = masks }()
	o := l.control(ir.Scan, 1, args...)
	o.Axes = []*ir.Value{n}
	o.SetAttr("kind", "func")
	r := o.Regions[0]
	for range 2 {
		for _, x := range args {
			r.AddArg("", ir.TileType(x.Type.Elem, without(x.Type.Axes, []*ir.Value{n})...))
		}
	}
	l.region(r, func() {
		for i, p := range fn.Params {
			l.set(p, r.Args[i])
		}
		after := vars{}
		for _, e := range fn.Results {
			l.reads(e, after)
		}
		l.block(fn.Body, after)
		out := make([]*ir.Value, len(fn.Results))
		for i, e := range fn.Results {
			v := l.compute(e) // over some of the region's axes, whatever the function was checked for
			out[i] = l.over(v, r.Args[i].Type.Axes)
		}
		l.b.Yield(out, nil)
	})
	return l.b.Emit(o).Results
}
