package cpu

import (
	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
)

// carried is where values live that a loop or an if passes on: scalars in variables, tiles at home in memory.
type carried struct {
	vars  []llx.Value // of scalars, nil for tiles
	tiles []*tile     // of tiles, nil for scalars
}

// homes makes places for values of some types.
func (e *emitter) homes(values []*ir.Value) *carried {
	c := &carried{vars: make([]llx.Value, len(values)), tiles: make([]*tile, len(values))}
	for i, v := range values {
		if v.Type.Kind == ir.Tile {
			c.tiles[i] = e.destination(v)
		} else {
			k := classOf(v.Type.Elem)
			c.vars[i] = e.Alloca(varType(k, 1), 1, 8)
		}
	}
	return c
}

// setVar stores a scalar in its variable.
func (e *emitter) setVar(home llx.Value, t ir.Type, v llx.Value) {
	e.Store(e.toVar(classOf(t.Elem), v, 1), home, 8)
}

func (e *emitter) getVar(home llx.Value, t ir.Type) llx.Value {
	c := classOf(t.Elem)
	return e.fromVar(c, e.Load(varType(c, 1), home, 8), 1)
}

// begin gives the homes their first values.
func (e *emitter) begin(c *carried, inits []*ir.Value) {
	for i, v := range inits {
		if t := c.tiles[i]; t != nil {
			if t.unset != nil {
				continue
			}
			if have := e.tileOf(e.resolve(v)); have == nil || have.base != t.base {
				e.copyTo(t, v)
			}
		} else {
			e.setVar(c.vars[i], v.Type, e.scalar(v))
		}
	}
}

// bind makes values stand for what is at home.
func (e *emitter) bind(c *carried, values []*ir.Value) {
	for i, v := range values {
		if c.tiles[i] != nil {
			e.store(v, c.tiles[i])
		} else {
			set(e, e.scalars, v, e.getVar(c.vars[i], v.Type))
		}
	}
}

// pass emits a region whose results go to homes, from which its arguments came where args is not nil. Then, with the
// results in place, it runs after, which is given the region's last bool where its yield has one.
func (e *emitter) pass(r *ir.Region, c *carried, args []*ir.Value, after func(stop llx.Value)) {
	yield := r.Yield()
	values, stop := yield.Yielded()
	var p *plan
	e.regionWith(r.Ops, func(made *plan) {
		p = made
		for i, v := range values {
			if c.tiles[i] != nil && e.direct(p, i, values, args, c) {
				set(e, e.dest, e.resolve(v), c.tiles[i])
			}
		}
	})
	// Scalars first: none of them reads a home that is being overwritten once they are computed.
	scalars := make([]llx.Value, len(values))
	for i, v := range values {
		if c.tiles[i] == nil {
			scalars[i] = e.scalar(v)
		}
	}
	var flag llx.Value
	if stop != nil {
		flag = e.scalar(stop)
	}
	e.bringHome(p, values, args, c)
	for i, v := range values {
		if c.tiles[i] == nil {
			e.setVar(c.vars[i], v.Type, scalars[i])
		}
	}
	after(flag)
}

// direct reports whether the i-th result may be stored at its home as soon as it is made: it is made once, by this region,
// and what is at home already is read by nothing after that, and at no other point by what makes it.
func (e *emitter) direct(p *plan, i int, values, args []*ir.Value, c *carried) bool {
	v := e.resolve(values[i])
	if v.Def == nil || !p.inside[v.Def] || !p.stored[v] || e.dest[v] != nil {
		return false
	}
	for j, w := range values {
		if j != i && e.resolve(w) == v {
			return false
		}
	}
	if args == nil {
		return true
	}
	arg := args[i]
	at := -1
	for k, s := range p.steps {
		if s.group != nil && s.group.makes(v) || s.op == v.Def {
			at = k
		}
	}
	if at < 0 {
		return false
	}
	reads := func(s *step) bool {
		found := false
		e.readsOf(p, s, func(x *ir.Value) { found = found || x == arg })
		return found
	}
	for _, s := range p.steps[at+1:] {
		if reads(s) {
			return false
		}
	}
	seen := map[*ir.Value]bool{}
	late := false
	for j, w := range values {
		if j != i {
			e.leaves(p, w, seen, func(x *ir.Value) { late = late || x == arg })
		}
	}
	if late {
		return false
	}
	s := p.steps[at]
	if !reads(s) {
		return true
	}
	made, here := map[*ir.Value]bool{}, map[*ir.Value]bool{arg: true}
	pointwise := func(x *ir.Value) bool {
		return !e.touches(p, x, made, here, true, map[*ir.Value]bool{})
	}
	if s.group != nil {
		for _, r := range s.group.roots {
			for _, x := range r.refs() {
				if !pointwise(x) {
					return false
				}
			}
		}
		for _, r := range s.group.roots {
			// A reduction's result is written when the values it came from have been read, but not those of its neighbours.
			if r.op != nil && r.op.Code == ir.Reduce && r.op.Result() == v && e.readsAcross(p, s, arg) {
				return false
			}
		}
		return true
	}
	aside := func(list ...*ir.Value) bool {
		found := false
		for _, x := range list {
			if x != nil {
				e.leaves(p, x, map[*ir.Value]bool{}, func(y *ir.Value) { found = found || y == arg })
			}
		}
		return !found
	}
	switch s.op.Code {
	case ir.Contract:
		a, b, sa, sb, acc := s.op.ContractParts()
		return aside(a, b, sa, sb) && acc != nil && pointwise(acc)
	case ir.Scatter:
		return e.resolve(s.op.Operands[0]) == arg && aside(s.op.Operands[1:]...)
	}
	return false
}

// readsAcross reports whether a group reads arg, which has other axes than the reduction's result.
func (e *emitter) readsAcross(p *plan, s *step, arg *ir.Value) bool {
	return !sameSet(spansOf(arg.Type), without(s.group.axes, s.group.reduced))
}

// makes reports whether the group stores v or is the reduction that makes it.
func (g *group) makes(v *ir.Value) bool {
	for _, r := range g.roots {
		if r.keep == v || r.op != nil && len(r.op.Results) == 1 && r.op.Result() == v {
			return true
		}
	}
	return false
}

// bringHome stores the results that are not at home yet.
func (e *emitter) bringHome(p *plan, values, args []*ir.Value, c *carried) {
	type move struct {
		v    *ir.Value
		home *tile
		via  *tile
	}
	var moves []*move
	for i, v := range values {
		if c.tiles[i] == nil {
			continue
		}
		if t := e.tileOf(e.resolve(v)); t != nil && t == c.tiles[i] {
			continue
		}
		moves = append(moves, &move{v: v, home: c.tiles[i]})
	}
	// Values over the same axes move together: at each point all are read, then all stored. A home that values over other
	// axes read, or that one reads at other points, is written last.
	var groups []*group
	owner := map[*move]*group{}
	for _, m := range moves {
		axes := spansOf(m.v.Type)
		var g *group
		for _, h := range groups {
			if sameSet(h.axes, axes) {
				g = h
			}
		}
		if g == nil {
			g = &group{axes: axes}
			groups = append(groups, g)
		}
		owner[m] = g
	}
	homeArg := map[*tile]*ir.Value{}
	for i, t := range c.tiles {
		if t != nil && args != nil {
			homeArg[t] = args[i]
		}
	}
	for _, m := range moves {
		arg := homeArg[m.home]
		if arg == nil {
			continue
		}
		for _, n := range moves {
			here := owner[n] == owner[m]
			reads := false
			e.leaves(p, n.v, map[*ir.Value]bool{}, func(x *ir.Value) {
				reads = reads || x == arg || e.tileOf(x) != nil && e.tileOf(x) == m.home
			})
			if reads && (!here || e.touches(p, n.v, nil, map[*ir.Value]bool{arg: true}, true, map[*ir.Value]bool{})) {
				m.via = e.newTile(m.v.Type)
			}
		}
	}
	for _, m := range moves {
		g := owner[m]
		dest := m.home
		if m.via != nil {
			dest = m.via
		}
		g.roots = append(g.roots, &root{keep: m.v, dest: dest, axes: g.axes})
	}
	for _, g := range groups {
		e.moveGroup(g)
	}
	for _, m := range moves {
		if m.via != nil {
			e.copyTile(m.home, m.via)
		}
	}
}

// moveGroup stores values at their homes, point by point.
func (e *emitter) moveGroup(g *group) {
	vec := e.bestVec(g.axes, g)
	var refs []*ir.Value
	for _, r := range g.roots {
		refs = append(refs, r.keep)
	}
	e.nest(nestOf{axes: order(g.axes, vec), vec: vec, refs: refs}, func(p *point) {
		values := make([]llx.Value, len(g.roots))
		for i, r := range g.roots {
			values[i] = e.fill(e.at(r.keep, p), r.keep.Type, p)
		}
		for i, r := range g.roots {
			e.write(r.dest, p, values[i])
		}
	})
}

// copyTile copies a tile of the same shape.
func (e *emitter) copyTile(to, from *tile) {
	e.nest(nestOf{axes: to.axes, vec: to.last()}, func(p *point) {
		lanes := 1
		if p.vec != nil {
			lanes = p.lanes
		}
		e.write(to, p, e.read(from, p, lanes))
	})
}

// forLoop emits a loop. One over spans runs whole spans first, whose length is known, then what is left.
func (e *emitter) forLoop(o *ir.Op) {
	e.open(o)
	if e.lowbitLoop(o) {
		return
	}
	r := o.Regions[0]
	index, args := r.Args[0], r.Args[1:]
	lo, hi, by := e.scalar(o.Operands[0]), e.scalar(o.Operands[1]), o.Int("by")
	c := e.homes(o.Results)
	e.lateZeros(o, c)
	e.begin(c, o.Operands[2:])
	step := max(by, 1)
	align := int64(1)
	if k, ok := llx.ConstInt(lo); ok {
		align = alignOf(k, step)
	}
	_, stop := r.Yield().Yielded()
	var broken llx.Value
	if stop != nil {
		broken = e.Alloca(llx.I8, 1, 1)
		e.Store(llx.Int(llx.I8, 0), broken, 1)
	}
	turn := func(i, n llx.Value) {
		if by > 0 {
			s := &span{lo: i, n: n, width: by, align: align}
			if broken == nil {
				s.end = hi
			}
			set(e, e.spans, index, s)
		} else {
			set(e, e.scalars, index, i)
		}
		e.bind(c, args)
		e.pass(r, c, args, func(flag llx.Value) {
			if flag != nil {
				e.Store(e.ZExt(flag, llx.I8), broken, 1)
			}
		})
	}
	if list := e.turnedLoads(o); len(list) > 0 && broken == nil {
		e.someTurns(list, lo, hi, func(first, n llx.Value) {
			e.For(llx.C64(0), n, 1, func(j llx.Value) {
				e.bindTurn(list, j)
				turn(e.Add(first, j), llx.C64(1))
			})
		})
		e.settleAll(c)
		e.bind(c, o.Results)
		return
	}
	peel := by > 1 && !e.ragged && e.worthPeeling(r)
	whole := func(i llx.Value) llx.Value {
		switch {
		case by <= 1 || peel:
			return llx.C64(step)
		}
		return e.Min(e.Sub(hi, i), llx.C64(by))
	}
	end := hi
	if peel {
		// lo + the whole spans; an empty range has none.
		n := e.Max(e.Sub(hi, lo), llx.C64(0))
		end = e.Add(lo, e.whole(n, step))
	}
	if broken == nil {
		e.For(lo, end, step, func(i llx.Value) { turn(i, whole(i)) })
	} else {
		e.breakable(lo, end, step, broken, func(i llx.Value) { turn(i, whole(i)) })
	}
	if peel {
		more := e.ICmp("slt", end, hi)
		if broken != nil {
			more = e.And(more, e.ICmp("eq", e.Load(llx.I8, broken, 1), llx.Int(llx.I8, 0)))
		}
		ragged := e.ragged
		e.ragged = true
		e.If(more, func() { turn(end, e.Sub(hi, end)) }, nil)
		e.ragged = ragged
	}
	e.settleAll(c)
	e.bind(c, o.Results)
}

// breakable is a loop that ends early where a flag is set.
func (e *emitter) breakable(lo, hi llx.Value, step int64, broken llx.Value, body func(i llx.Value)) {
	at := e.Alloca(llx.I64, 1, 8)
	e.Store(lo, at, 8)
	e.While(func() llx.Value {
		i := e.Load(llx.I64, at, 8)
		return e.And(e.ICmp("slt", i, hi), e.ICmp("eq", e.Load(llx.I8, broken, 1), llx.Int(llx.I8, 0)))
	}, func() {
		e.scope(func() {
			i := e.Load(llx.I64, at, 8)
			body(i)
			e.Store(e.Add(i, llx.C64(step)), at, 8)
		})
	})
}

// worthPeeling reports whether a region gains from a copy of its own for spans of full width: its tiles are of so few
// vectors that they are kept in registers where their length is known.
func (e *emitter) worthPeeling(r *ir.Region) bool {
	worth, small := false, true
	r.Walk(func(o *ir.Op) {
		for _, v := range o.Operands {
			small = small && (v.Type.Kind != ir.Tile || e.turns(spansOf(v.Type)) <= 2*unrolled)
		}
		switch o.Code {
		case ir.Reduce, ir.Contract, ir.Lookup, ir.Scan, ir.For, ir.While:
			for _, v := range o.Operands {
				worth = worth || v.Type.Kind == ir.Tile
			}
		}
	})
	return worth && small
}

// turns is the number of vectors of a tile of full spans.
func (e *emitter) turns(axes []*ir.Value) int64 {
	n := int64(1)
	for i, a := range axes {
		k := a.Type.Width
		if i == len(axes)-1 {
			k = (k + int64(e.level.Lanes) - 1) / int64(e.level.Lanes)
		}
		n = min(n*k, 1<<20)
	}
	return n
}

// whileLoop emits a loop with a condition. It gives up where the launcher asks for that.
func (e *emitter) whileLoop(o *ir.Op) {
	cond, body := o.Regions[0], o.Regions[1]
	c := e.homes(o.Results)
	e.begin(c, o.Operands)
	_, stop := body.Yield().Yielded()
	var broken llx.Value
	if stop != nil {
		broken = e.Alloca(llx.I8, 1, 1)
		e.Store(llx.Int(llx.I8, 0), broken, 1)
	}
	if e.g.cancel < 0 {
		e.g.cancel = e.g.slot(codegen.Slot{Kind: codegen.CancelSlot})
	}
	e.While(func() llx.Value {
		var holds llx.Value
		e.scope(func() {
			e.bind(c, cond.Args)
			e.region(cond.Ops)
			values, _ := cond.Yield().Yielded()
			holds = e.scalar(values[0])
		})
		if broken != nil {
			holds = e.And(holds, e.ICmp("eq", e.Load(llx.I8, broken, 1), llx.Int(llx.I8, 0)))
		}
		return e.And(holds, e.ICmp("eq", e.Volatile(llx.I64, e.slotAddress(e.g.cancel), 8), llx.C64(0)))
	}, func() {
		e.scope(func() {
			e.bind(c, body.Args)
			e.pass(body, c, body.Args, func(flag llx.Value) {
				if flag != nil {
					e.Store(e.ZExt(flag, llx.I8), broken, 1)
				}
			})
		})
	})
	e.bind(c, o.Results)
}

// branch emits an if. Of one whose outcome is known the arm that is taken joins the code around it.
func (e *emitter) branch(o *ir.Op) {
	if taken, ok := e.taken[e.resolve(o.Operands[0])]; ok {
		r := o.Regions[1-b2i(taken)]
		e.region(r.Ops)
		values, _ := r.Yield().Yielded()
		for i, v := range values {
			if e.wanted(o.Results[i]) {
				e.store(o.Results[i], e.memoryOf(v))
			} else {
				set(e, e.alias, o.Results[i], v)
			}
		}
		return
	}
	c := e.homes(o.Results)
	arm := func(r *ir.Region) func() {
		return func() { e.pass(r, c, nil, func(llx.Value) {}) }
	}
	e.If(e.scalar(o.Operands[0]), arm(o.Regions[0]), arm(o.Regions[1]))
	e.bind(c, o.Results)
}

// wanted reports whether an operation needs a tile in memory.
func (e *emitter) wanted(v *ir.Value) bool {
	for _, u := range e.g.uses[v] {
		if v.Type.Kind == ir.Tile && contains(needsWhole(u), v) {
			return true
		}
	}
	return false
}

// mostUnswitched is how many ifs are decided outside all loops.
const mostUnswitched = 1

// unswitch runs body once for each outcome of an if inside that yields tiles and whose condition is known outside.
func (e *emitter) unswitch(r *ir.Region, body func()) {
	var conds []*ir.Value
	r.Walk(func(o *ir.Op) {
		if o.Code != ir.If || len(conds) == mostUnswitched || contains(conds, o.Operands[0]) {
			return
		}
		for _, v := range o.Results {
			if v.Type.Kind == ir.Tile && e.invariant(o.Operands[0]) {
				conds = append(conds, o.Operands[0])
				return
			}
		}
	})
	if len(conds) == 0 {
		body()
		return
	}
	c := e.scalar(conds[0])
	both := func(outcome bool) func() {
		return func() {
			set(e, e.taken, conds[0], outcome)
			body()
		}
	}
	e.If(c, both(true), both(false))
}

// invariant reports whether a scalar is computed from arguments alone.
func (e *emitter) invariant(v *ir.Value) bool {
	if v.Type.Kind != ir.Scalar {
		return false
	}
	if _, ok := e.g.slots[v]; ok {
		return true
	}
	if v.Def == nil || v.Def.Code != ir.Const && !v.Def.Code.Spec().Elementwise() {
		return false
	}
	for _, x := range v.Def.Operands {
		if !e.invariant(x) {
			return false
		}
	}
	return true
}
