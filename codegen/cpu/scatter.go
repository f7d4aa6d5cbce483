package cpu

import (
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
)

// memoryOf is the tile that holds v, which is stored now if it is not yet.
func (e *emitter) memoryOf(v *ir.Value) *tile {
	v = e.resolve(v)
	if t := e.tileOf(v); t != nil {
		return t
	}
	t := e.newTile(v.Type)
	e.copyTo(t, v)
	return t
}

// scatterTile emits a scatter: a copy of the tile, in which the named elements are replaced. Where two subscripts are
// equal the later one wins, so lanes run along an axis that the subscript lacks.
func (e *emitter) scatterTile(o *ir.Op) {
	from, index, value, mask := o.Operands[0], o.Operands[1], o.Operands[2], o.Mask()
	axis := o.Axes[0]
	var axes []*ir.Value
	for _, a := range index.SubscriptAxes() {
		axes = append(axes, a.Span)
	}
	own := without(without(spansOf(from.Type), []*ir.Value{axis}), axes)
	var vec *ir.Value
	dest := e.dest[o.Result()]
	if dest == nil {
		dest = e.newTile(o.Result().Type)
	}
	for _, a := range own {
		if a.Type.Width > 1 && (vec == nil || a == dest.last()) {
			vec = a
		}
	}
	if have := e.tileOf(e.resolve(from)); have == nil || have.base != dest.base {
		e.copyTo(dest, from)
	}
	s := e.span(axis)
	refs := []*ir.Value{index, value}
	if mask != nil {
		refs = append(refs, mask)
	}
	e.nest(nestOf{axes: append(axes, order(own, vec)...), vec: vec, refs: refs}, func(p *point) {
		var at llx.Value
		if i := e.resolve(index); i.Type.Kind == ir.Span {
			at = e.indices(i, p)
		} else {
			at = e.at(i, p)
		}
		at = e.Sub(at, s.lo)
		x := e.fill(e.at(value, p), value.Type, p)
		put := func() {
			q := p.inside(axis, at)
			if mask == nil {
				e.write(dest, q, x)
				return
			}
			m := e.at(mask, p)
			if llx.Lanes(m.Type()) == 1 {
				e.If(m, func() { e.write(dest, q, x) }, nil)
				return
			}
			e.write(dest, q, e.Select(m, x, e.read(dest, q, llx.Lanes(x.Type()))))
		}
		if o.Str("mode") == "in" {
			put()
			return
		}
		e.If(e.ICmp("ult", at, s.n), put, nil)
	})
	e.store(o.Result(), dest)
}

// catTile emits a concatenation: two copies into one tile, the second behind the first.
func (e *emitter) catTile(o *ir.Op) {
	r := o.Result()
	dest := e.destination(r)
	joined := o.Axes[2]
	at := llx.Value(llx.C64(0))
	for i, v := range o.Operands {
		part := o.Axes[i]
		axes := make([]*ir.Value, len(dest.axes))
		for k, a := range dest.axes {
			axes[k] = a
			if a == joined {
				axes[k] = part
			}
		}
		vec := last(axes)
		e.nest(nestOf{axes: axes, vec: vec, refs: []*ir.Value{v}}, func(p *point) {
			x := e.fill(e.at(v, p), v.Type, p)
			q := p.inside(joined, e.Add(at, p.pos[part]))
			if q.vec == part {
				q.vec = joined
			}
			if q.live != nil && q.vec == joined {
				e.writeLive(dest, q, x)
				return
			}
			e.write(dest, q, x)
		})
		at = e.span(part).n
	}
	e.store(r, dest)
}

// writeLive is write of the live lanes alone, along the tile's contiguous axis: behind them lie elements of others.
func (e *emitter) writeLive(t *tile, p *point, v llx.Value) {
	lanes := llx.Lanes(v.Type())
	a := e.address(t, p)
	for i := range lanes {
		k := llx.C64(int64(i))
		e.If(e.ICmp("slt", k, p.live), func() {
			e.storeTile(t.elem, e.Offset(a, llx.C64(int64(i)*t.size)), e.Extract(v, k), 1)
		}, nil)
	}
}
