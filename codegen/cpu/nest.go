package cpu

import (
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
)

// nestOf is a nest of loops over axes, outermost first; along vec it takes a vector at a time.
type nestOf struct {
	axes []*ir.Value
	vec  *ir.Value
	// refs are what is evaluated inside: what of it does not depend on an inner loop is evaluated outside that.
	refs []*ir.Value
	// parts is how many vectors along vec are taken in one turn, 0 standing for 1; p.part numbers them.
	parts int
	// after are axes over which body loops itself.
	after []*ir.Value
}

// unrolled is the number of turns up to which a nest of known extents is unrolled whole, so that small tiles stay in
// registers.
const unrolled = 16

// nest runs body at every point of the nest.
func (e *emitter) nest(n nestOf, body func(p *point)) {
	e.scope(func() { e.nestFrom(e.point(), n, body) })
}

// nestFrom is nest from a point that has other positions already.
func (e *emitter) nestFrom(p *point, n nestOf, body func(p *point)) {
	turns := int64(1)
	for _, a := range append(n.axes[:len(n.axes):len(n.axes)], n.after...) {
		k, ok := e.span(a).fixed()
		if !ok {
			turns = unrolled + 1
			break
		}
		if a == n.vec {
			lanes := int64(e.lanesAlong(a))
			k = (k + lanes - 1) / lanes
		}
		turns = min(turns*k, unrolled+1)
	}
	w := walker{e: e, nestOf: n, unroll: turns <= unrolled}
	w.walk(p, n.axes, body)
}

// lanesAlong is the number of lanes for an axis: those of a register, or fewer where the axis is shorter.
func (e *emitter) lanesAlong(a *ir.Value) int {
	lanes := e.level.Lanes
	for lanes > 1 && int64(lanes/2) >= a.Type.Width {
		lanes /= 2
	}
	return lanes
}

type walker struct {
	e *emitter
	nestOf
	unroll bool
}

// each runs body for every step of a loop, in the text or in a loop.
func (w *walker) each(lo, hi llx.Value, step int64, body func(i llx.Value)) {
	l, okL := llx.ConstInt(lo)
	h, okH := llx.ConstInt(hi)
	if w.unroll && okL && okH {
		for i := l; i < h; i += step {
			w.e.scope(func() { body(llx.C64(i)) })
		}
		return
	}
	w.e.For(lo, hi, step, body)
}

// walk emits the loops over the axes left.
func (w *walker) walk(p *point, axes []*ir.Value, body func(p *point)) {
	if len(axes) == 0 {
		if len(w.after) > 0 {
			w.hoist(p, w.after)
		}
		body(p)
		return
	}
	e, a := w.e, axes[0]
	w.hoist(p, append(axes[:len(axes):len(axes)], w.after...))
	s := e.span(a)
	if a != w.vec {
		w.each(llx.C64(0), s.n, 1, func(i llx.Value) {
			q := p.inside(a, i)
			w.walk(q, axes[1:], body)
		})
		return
	}
	lanes := e.lanesAlong(a)
	at := func(i llx.Value, part int, live llx.Value) {
		q := p.inside(a, i)
		q.vec, q.lanes, q.live, q.part = a, lanes, live, part
		if lanes == 1 {
			q.vec, q.live = nil, nil
		}
		w.walk(q, axes[1:], body)
	}
	from := llx.C64(0)
	if w.parts > 1 {
		step := int64(w.parts * lanes)
		whole := e.whole(s.n, step)
		w.each(from, whole, step, func(i llx.Value) {
			for part := range w.parts {
				at(e.Add(i, llx.C64(int64(part*lanes))), part, nil)
			}
		})
		from = whole
	}
	whole := e.whole(s.n, int64(lanes))
	w.each(from, whole, int64(lanes), func(i llx.Value) { at(i, 0, nil) })
	if lanes == 1 {
		return
	}
	if n, ok := llx.ConstInt(s.n); ok {
		if n%int64(lanes) != 0 {
			e.scope(func() { at(whole, 0, llx.C64(n%int64(lanes))) })
		}
		return
	}
	e.If(e.ICmp("slt", whole, s.n), func() { at(whole, 0, e.Sub(s.n, whole)) }, nil)
}

// whole is n rounded down to a multiple of a power of two.
func (e *emitter) whole(n llx.Value, step int64) llx.Value {
	if c, ok := llx.ConstInt(n); ok {
		return llx.C64(c / step * step)
	}
	if step&(step-1) != 0 {
		return e.Mul(e.UDiv(n, llx.C64(step)), llx.C64(step))
	}
	return e.And(n, llx.C64(-step))
}

// inside is p with a position along one more axis; what is known at p is known there.
func (p *point) inside(a *ir.Value, i llx.Value) *point {
	q := p.clone()
	q.pos[a] = i
	q.part = p.part
	q.outer = p
	return q
}

// hoist evaluates at p what the nest needs and what does not depend on the axes left.
func (w *walker) hoist(p *point, left []*ir.Value) {
	seen := map[*ir.Value]bool{}
	for _, v := range w.refs {
		w.hoistFrom(v, p, left, seen)
	}
}

func (w *walker) hoistFrom(v *ir.Value, p *point, left []*ir.Value, seen map[*ir.Value]bool) {
	e := w.e
	v = e.resolve(v)
	if seen[v] || v.Type.Kind == ir.Tensor {
		return
	}
	seen[v] = true
	if v.Type.Kind == ir.Scalar {
		e.scalar(v)
		return
	}
	if v.Type.Kind != ir.Tile {
		return
	}
	if !dependsOn(v.Type, left) {
		for _, a := range v.Type.Axes {
			if _, ok := p.pos[a.Span]; !ok {
				return // an axis that the operation itself walks over
			}
		}
		if e.known(p, v) == nil {
			e.at(v, p)
		}
		return
	}
	if e.tileOf(v) != nil || v.Def == nil || v.Def.Code == ir.Rebind {
		return
	}
	for _, x := range v.Def.Operands {
		w.hoistFrom(x, p, left, seen)
	}
}

func dependsOn(t ir.Type, axes []*ir.Value) bool {
	for _, a := range axes {
		if t.Axis(a) >= 0 {
			return true
		}
	}
	return false
}

// vecScore weighs the axes of a nest as the one to take vectors along: values in memory should be contiguous along it.
type vecScore struct {
	e     *emitter
	axes  []*ir.Value
	score map[*ir.Value]float64
	seen  map[*ir.Value]bool
}

// bestVec chooses the axis to take vectors along.
func (e *emitter) bestVec(axes []*ir.Value, g *group) *ir.Value {
	if len(axes) == 0 {
		return nil
	}
	s := vecScore{e: e, axes: axes, score: map[*ir.Value]float64{}, seen: map[*ir.Value]bool{}}
	for _, r := range g.roots {
		for _, v := range r.refs() {
			s.visit(v)
		}
		switch {
		case r.op != nil && r.op.Code == ir.Store:
			s.access(r.op.Operands[0], r.op.Subscripts(), 2)
		case r.dest != nil && r.dest.last() != nil:
			s.tile(r.dest, 2)
		}
	}
	var best *ir.Value
	value := 0.0
	for i, a := range axes {
		lanes := int64(e.level.Lanes)
		width := a.Type.Width
		use := float64(width) / float64((width+lanes-1)/lanes*lanes)
		v := (2+s.score[a])*use + 1e-3*float64(i)
		if s.score[a] < -1 {
			v = use*0.5 + 1e-3*float64(i)
		}
		if width == 1 {
			v = -1
		}
		if best == nil || v > value {
			best, value = a, v
		}
	}
	return best
}

func (s *vecScore) visit(v *ir.Value) {
	v = s.e.resolve(v)
	if s.seen[v] || v.Type.Kind != ir.Tile {
		return
	}
	s.seen[v] = true
	if t := s.e.tileOf(v); t != nil {
		s.tile(t, 1)
		return
	}
	if v.Def == nil {
		return
	}
	if v.Def.Code == ir.Load {
		s.access(v.Def.Operands[0], v.Def.Subscripts(), 1)
	}
	if v.Def.Code == ir.Rebind {
		return
	}
	for _, x := range v.Def.Operands {
		s.visit(x)
	}
}

func (s *vecScore) tile(t *tile, weight float64) {
	for _, a := range t.axes {
		if a == t.last() {
			s.score[a] += weight
		} else {
			s.score[a] -= 2 * weight
		}
	}
}

// access weighs a tensor's subscripts: an axis of stride 1 in the last dimension is good, one anywhere else is not.
func (s *vecScore) access(tensor *ir.Value, subs []*ir.Value, weight float64) {
	for i, v := range subs {
		v = s.e.resolve(v)
		last := i == len(subs)-1
		switch {
		case v.Type.Kind == ir.Span:
			if last {
				s.score[v] += weight
			} else {
				s.score[v] -= 3 * weight
			}
		case v.Type.Kind == ir.Tile:
			unit := map[*ir.Value]bool{}
			if last && v.Def != nil && v.Def.Code == ir.Affine && s.e.tiles[v] == nil {
				coef, factor := v.Def.Ints("coef"), v.Def.Ints("factor")
				for k, c := range coef {
					unit[s.e.resolve(v.Def.Operands[k])] = c == 1 && factor[k] < 0 && v.Def.Int("mod") == 0
				}
			}
			if last && v.Def != nil && v.Def.Code == ir.Iota {
				unit[v.Def.Axes[0]] = true
			}
			for _, a := range v.Type.Axes {
				if unit[a.Span] {
					s.score[a.Span] += weight
				} else {
					s.score[a.Span] -= 3 * weight
				}
			}
		}
	}
}
