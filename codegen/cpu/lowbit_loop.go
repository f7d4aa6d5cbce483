package cpu

import (
	"maps"
	"math"

	"github.com/tilec/tilec/codegen/internal/llvm"
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
)

// lowbitLoop is a loop over groups whose body multiplies groups of packed codes by groups of i8, and adds what it makes of
// the sums to carried tiles:
//
//	for g { d[m, n] = Σ_j x[m, g·G + j]·w[n, g·G + j]; acc[m, n] = f(acc[m, n], d[m, n], s[n, g], …) }
//
// Its body is evaluated a panel at a time: the products come from [unit.lowbitDot], the rest from the emitter, in vectors
// along n. For each panel the loop takes some turns before the next panel has its.
type lowbitLoop struct {
	o          *ir.Op
	products   []lowbitUse
	made       map[*ir.Value]bool // their results
	rows, cols *ir.Value          // m, nil where there is none, and n
	turned     []*turnedLoad
}

// lowbitLoopOf matches a loop whose packed parameters lie in panels.
func (e *emitter) lowbitLoopOf(o *ir.Op) (l *lowbitLoop, ok bool) {
	if o.Int("by") != 0 || len(o.Results) == 0 {
		return nil, false
	}
	r := o.Regions[0]
	values, stop := r.Yield().Yielded()
	if stop != nil {
		return nil, false
	}
	l = &lowbitLoop{o: o, made: map[*ir.Value]bool{}, turned: e.turnedLoads(o)}
	for _, q := range r.Ops {
		switch {
		case q.Code == ir.Contract:
			u, ok := lowbitOf(e.level, q)
			if !ok || e.g.packed[u.weight.Operands[0]].Dense() || len(l.products) > 0 && (u.n != l.cols || u.m != l.rows) {
				return nil, false
			}
			l.cols, l.rows = u.n, u.m
			l.products = append(l.products, u)
			l.made[q.Result()] = true
		case len(q.Regions) > 0 || q.AllEffects()&(ir.Writes|ir.IO|ir.Asserts) != 0:
			return nil, false
		}
	}
	if len(l.products) == 0 {
		return nil, false
	}
	seen := map[*ir.Value]bool{}
	for i, v := range values {
		t := o.Results[i].Type
		if t.Kind != ir.Tile || t.Axis(l.cols) < 0 || len(t.Axes) != 1+b2i(l.rows != nil) || !l.pointwise(v, seen) {
			return nil, false
		}
	}
	return l, true
}

// pointwise reports whether v is computed from the products element by element, over rows and columns alone.
func (l *lowbitLoop) pointwise(v *ir.Value, seen map[*ir.Value]bool) bool {
	if seen[v] || l.made[v] || v.Type.Kind == ir.Tensor || v.Type.Kind == ir.Span {
		return true
	}
	seen[v] = true
	for _, a := range v.Type.Axes {
		if a.Span != l.rows && a.Span != l.cols {
			return false
		}
	}
	o := v.Def
	if o == nil || o.Parent != l.o.Regions[0] {
		return true
	}
	switch o.Code {
	case ir.Load:
		for _, q := range l.turned {
			if q.o == o {
				return true
			}
		}
	case ir.Bcast, ir.Affine, ir.Iota, ir.Const:
	default:
		if !o.Code.Spec().Elementwise() {
			return false
		}
	}
	for _, x := range o.Operands {
		if !l.pointwise(x, seen) {
			return false
		}
	}
	return true
}

// lowbitLoop emits a loop over groups; ok is false where it is none.
func (e *emitter) lowbitLoop(o *ir.Op) (ok bool) {
	l, ok := e.lowbitLoopOf(o)
	if !ok {
		return false
	}
	lo, hi := e.scalar(o.Operands[0]), e.scalar(o.Operands[1])
	c := e.homes(o.Results)
	e.begin(c, o.Operands[2:])
	if l.rows == nil {
		e.Fn.FuncAttrs = append(e.Fn.FuncAttrs, llx.Attr(llvm.Reduce, "")) // each weight is read once
	}
	e.someTurns(l.turned, lo, hi, func(first, n llx.Value) {
		some := &groups{lowbitLoop: l, c: c, lo: lo, first: first, n: n}
		if l.products[0].plan.holds {
			some.batch(e)
			return
		}
		e.eachRows(l, func(row llx.Value, rows int) { some.rows(e, row, rows) })
	})
	e.bind(c, o.Results)
	for _, u := range l.products {
		e.plans(u.o, u.plan.String()+", with what follows")
	}
	return true
}

// groups are some turns of a loop over groups.
type groups struct {
	*lowbitLoop
	c            *carried
	lo, first, n llx.Value
}

// eachRows runs body for runs of as many rows as a plan takes, then for what is left in powers of two.
func (e *emitter) eachRows(l *lowbitLoop, body func(first llx.Value, rows int)) {
	if l.rows == nil {
		body(nil, 1)
		return
	}
	most := l.products[0].plan.rows
	n := e.span(l.rows).n
	whole := e.whole(n, int64(most))
	e.For(llx.C64(0), whole, int64(most), func(i llx.Value) { body(i, most) })
	first, left := whole, e.Sub(n, whole)
	for k := 1 << log2(int64(most)-1); most > 1 && k >= 1; k /= 2 {
		has := e.ICmp("ne", e.And(left, llx.C64(int64(k))), llx.C64(0))
		if c, ok := llx.ConstInt(left); ok {
			has = llx.Int(llx.I1, int64(b2i(c&int64(k) != 0)))
		}
		at := first
		e.If(has, func() { body(at, k) }, nil)
		first = e.Add(first, e.and(left, int64(k)))
	}
}

// and is n & k.
func (e *emitter) and(n llx.Value, k int64) llx.Value {
	if c, ok := llx.ConstInt(n); ok {
		return llx.C64(c & k)
	}
	return e.And(n, llx.C64(k))
}

// rows emits the turns for some rows and all columns.
func (s *groups) rows(e *emitter, first llx.Value, rows int) {
	plans := make([]lowbit, len(s.products))
	offsets := make([]llx.Value, len(s.products)) // [row][turn], i32
	together := 1
	for k, u := range s.products {
		plans[k], _ = planLowbit(e.level, u.plan.elem, u.plan.group, rows)
		together = plans[k].panels
		if _, b := plans[k].worth(); b != 0 {
			offsets[k] = s.offsets(e, u, plans[k], first, rows)
		}
	}
	if len(plans) > 1 {
		together = 1
	}
	s.eachPanels(e, together, func(at llx.Value, n int, live llx.Value) {
		e.For(llx.C64(0), s.n, 1, func(j llx.Value) { s.turnOf(e, plans, offsets, j, first, rows, at, n, live, nil) })
	})
}

// eachPanels runs body for runs of so many panels, for each one that is left, and for one that is not whole, of which live
// columns are there.
func (s *groups) eachPanels(e *emitter, together int, body func(at llx.Value, n int, live llx.Value)) {
	lanes := int64(e.level.Lanes)
	n := e.span(s.cols).n
	from := llx.C64(0)
	for _, k := range []int{together, 1} {
		whole := e.whole(n, int64(k)*lanes)
		e.For(from, whole, int64(k)*lanes, func(i llx.Value) { body(i, k, nil) })
		from = whole
		if k == 1 {
			break
		}
	}
	if k, ok := llx.ConstInt(n); ok {
		if k%lanes != 0 {
			body(from, 1, llx.C64(k%lanes))
		}
		return
	}
	e.If(e.ICmp("slt", from, n), func() { body(from, 1, e.Sub(n, from)) }, nil)
}

// offsets are b·Σx of rows in each turn: i32 [row][turn]. Where they are the same in all blocks, a worker keeps those of
// the last runs of turns.
func (s *groups) offsets(e *emitter, u lowbitUse, p lowbit, first llx.Value, rows int) llx.Value {
	size := turnsAtOnce * 4 * int64(rows)
	if first == nil {
		first = llx.C64(0)
	}
	n := llx.C64(int64(rows))
	if s.lowbitLoop.rows != nil || !e.sameInBlocks(u.x, s.o) {
		list := e.room(size)
		s.sumRows(e, p, u, list, first, n)
		return list
	}
	const kept = 16
	lists, firsts := e.Alloca(llx.I8, int(kept*size), 64), e.Alloca(llx.I64, kept, 64)
	e.StoreFirst(e.Splat(llx.C64(math.MinInt64), kept), firsts, 64)
	place := e.and(e.LShr(e.Sub(s.first, s.lo), llx.C64(int64(log2(turnsAtOnce)))), kept-1)
	list, of := e.Offset(lists, e.Mul(place, llx.C64(size))), e.Index(llx.I64, firsts, place)
	e.If(e.ICmp("ne", e.Load(llx.I64, of, 8), s.first), func() {
		s.sumRows(e, p, u, list, first, n)
		e.Store(s.first, of, 8)
	}, nil)
	return list
}

// sameInBlocks reports whether a load in a loop gives, in each turn, the same in all blocks of the phase.
func (e *emitter) sameInBlocks(load, loop *ir.Op) bool {
	seen := map[*ir.Value]bool{loop.Regions[0].Args[0]: true}
	var same func(v *ir.Value) bool
	same = func(v *ir.Value) bool {
		if seen[v] {
			return true
		}
		if v.Def == nil {
			return v.Region == e.g.fn.Body
		}
		if v.Def.Parent != e.g.fn.Body && !e.g.pure(v.Def) {
			return false
		}
		for _, x := range v.Def.Operands {
			if v.Def.Parent != e.g.fn.Body && !same(x) {
				return false
			}
		}
		seen[v] = true
		return true
	}
	if e.g.written[load.Operands[0]] {
		return false
	}
	for _, v := range append([]*ir.Value{loop.Operands[0], loop.Operands[1]}, load.Operands...) {
		if !same(v) {
			return false
		}
	}
	return true
}

// rowsOf are the addresses of rows of x, in the turn at hand.
func (s *groups) rowsOf(e *emitter, u lowbitUse, first llx.Value, rows int) []llx.Value {
	t := e.tensorOf(u.x.Operands[0])
	list := make([]llx.Value, rows)
	for i := range list {
		at := e.placeOf(u.x.Operands[0], u.x.Subscripts(), s.rowPoint(e, first, i).inside(u.j, llx.C64(0)), 1, false)
		list[i] = e.Offset(t.base, at.base)
	}
	return list
}

// rowPoint is the point of a row.
func (s *groups) rowPoint(e *emitter, first llx.Value, i int) *point {
	p := e.point()
	if s.lowbitLoop.rows != nil {
		p = p.inside(s.lowbitLoop.rows, e.Add(first, llx.C64(int64(i))))
	}
	return p
}

// turnOf emits turn number j for some rows and n panels from a column on.
func (s *groups) turnOf(e *emitter, plans []lowbit, offsets []llx.Value, j, first llx.Value, rows int, at llx.Value, n int, live llx.Value, h *held) {
	r := s.o.Regions[0]
	yields, _ := r.Yield().Yielded()
	lanes := e.level.Lanes
	set(e, e.scalars, r.Args[0], e.Add(s.first, j))
	e.bind(s.c, r.Args[1:])
	e.bindTurn(s.turned, j)
	sums := make([][][]llx.Value, len(plans))
	for k, u := range s.products {
		var offset []llx.Value
		if offsets[k] != nil {
			for i := range rows {
				from := e.Index(llx.I32, offsets[k], e.Add(j, llx.C64(int64(i*turnsAtOnce))))
				offset = append(offset, e.Splat(e.Load(llx.I32, from, 4), lanes))
			}
		}
		sums[k] = e.lowbitDot(plans[k], e.panelsAt(u, at, n), s.rowsOf(e, u, first, rows), offset)
	}
	// What is the same for all rows is evaluated once for each panel.
	shared := make([]*point, n)
	w := walker{e: e, nestOf: nestOf{refs: yields}}
	for q := range shared {
		shared[q] = s.panelPoint(e.point(), e.Add(at, llx.C64(int64(q*lanes))), lanes, live)
		if s.lowbitLoop.rows != nil {
			w.hoist(shared[q], []*ir.Value{s.lowbitLoop.rows})
		}
	}
	for i := range rows {
		row := s.rowPoint(e, first, i)
		w.hoist(row, []*ir.Value{s.cols})
		for q := range n {
			p := s.panelPoint(row, shared[q].pos[s.cols], lanes, live)
			maps.Copy(p.memo, shared[q].memo)
			for k, u := range s.products {
				p.memo[u.o.Result()] = sums[k][q][i]
			}
			if h != nil {
				h.recall(e, s, p, q, i)
			}
			values := make([]llx.Value, len(yields))
			for k, v := range yields {
				values[k] = e.fill(e.at(v, p), v.Type, p)
			}
			if h != nil {
				h.keep(e, s, values, q, i)
				continue
			}
			for k, v := range values {
				e.write(s.c.tiles[k], p, v)
			}
		}
	}
}

// panelPoint is the point of a panel, of which live columns are there, nil standing for all.
func (s *groups) panelPoint(p *point, at llx.Value, lanes int, live llx.Value) *point {
	p = p.inside(s.cols, at)
	p.vec, p.lanes, p.live = s.cols, lanes, live
	return p
}

// panelsAt are the addresses of the group at hand in panels from a column on.
func (e *emitter) panelsAt(u lowbitUse, at llx.Value, n int) []llx.Value {
	w, layout := e.tensorOf(u.weight.Operands[0]), u.plan.layout
	panel := e.Mul(e.divUp(w.dims[1], int64(layout.Group)), llx.C64(layout.GroupBytes()))
	first := e.LShr(e.Add(e.span(u.n).lo, at), llx.C64(int64(log2(int64(layout.Rows)))))
	p := e.point().inside(u.j, llx.C64(0))
	k, _ := e.subscript(u.weight.Subscripts()[1], p, 1)
	group := e.Mul(e.UDiv(k.base, llx.C64(int64(layout.Group))), llx.C64(layout.GroupBytes()))
	base := e.Offset(w.base, e.Add(e.Mul(first, panel), group))
	list := make([]llx.Value, n)
	for i := range list {
		list[i] = e.Offset(base, e.Mul(panel, llx.C64(int64(i))))
	}
	return list
}
