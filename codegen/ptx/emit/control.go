package emit

import (
	"slices"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
)

// region emits the operations of a region, but for its yield.
func (e *emitter) region(r *ir.Region) {
	for _, o := range r.Ops {
		if o.Code == ir.Yield {
			continue
		}
		for _, ring := range e.opens[o] {
			ring.open(e)
		}
		if len(o.Regions) > 0 {
			e.arrived()
		}
		e.operation(o)
		for _, ring := range e.closes[o] {
			e.shared.free(ring.held)
		}
	}
	e.arrived()
}

// carried is a value that is written more than once: a register for each of its parts.
type carried struct {
	t    ir.Type
	vars []asm.Reg
}

// parts are the operands that a value consists of: packed words where its type packs, else elements.
func (e *emitter) parts(t ir.Type, v *value) []asm.Arg {
	switch t.Kind {
	case ir.Scalar:
		return []asm.Arg{v.scalar}
	case ir.Tile:
		if t.Shared == nil && packs(t.Elem, e.place(t).slots) {
			return e.words(v)
		} else if t.Shared == nil {
			return e.elems(v)
		}
	}
	e.fail("a %s is carried", t)
	return nil
}

// carry makes registers for values of a type.
func (e *emitter) carry(t ir.Type) *carried {
	c := &carried{t: t}
	n, class := 1, classOf(t.Elem)
	if t.Kind == ir.Tile {
		n = e.place(t).slots
		if packs(t.Elem, n) {
			n, class = n*t.Elem.Bits()/32, asm.W
		}
	}
	for range n {
		c.vars = append(c.vars, e.b.Var(class))
	}
	return c
}

// value is the carried value.
func (c *carried) value() *value {
	args := make([]asm.Arg, len(c.vars))
	for i, r := range c.vars {
		args[i] = asm.R(r)
	}
	v := &value{t: c.t}
	switch {
	case c.t.Kind == ir.Scalar:
		v.scalar = args[0]
	case c.vars[0].Class() == asm.W && c.t.Elem.Bits() < 32 && packs(c.t.Elem, len(args)*32/c.t.Elem.Bits()) && c.packed():
		v.words = args
	default:
		v.elems = args
	}
	return v
}

// packed reports whether the registers are packed words.
func (c *carried) packed() bool {
	return int64(len(c.vars)) != c.t.Layout.Count(0)
}

// assign writes values to the registers of several carried ones, all at once.
func (e *emitter) assign(to []*carried, from []*value) {
	b := e.b
	written := map[asm.Reg]bool{}
	for _, c := range to {
		for _, r := range c.vars {
			written[r] = true
		}
	}
	type move struct {
		to   asm.Reg
		from asm.Arg
	}
	var moves []move
	for i, c := range to {
		for j, x := range e.parts(c.t, from[i]) {
			if r, ok := x.Reg(); ok && r == c.vars[j] {
				continue
			} else if ok && written[r] {
				x = asm.R(e.move(b.Reg(r.Class()), x)) // its old value, before another is written
			}
			moves = append(moves, move{c.vars[j], x})
		}
	}
	for _, m := range moves {
		e.move(m.to, m.from)
	}
}

// move writes a register.
func (e *emitter) move(to asm.Reg, x asm.Arg) asm.Reg {
	switch c := to.Class(); {
	case c != asm.P:
		e.b.Emit("mov.b"+[...]string{asm.H: "16", asm.W: "32", asm.D: "64"}[c], asm.R(to), x)
	default:
		if k, ok := x.IntValue(); ok {
			e.b.Emit("setp.ne.s32", asm.R(to), asm.Int(k), asm.Int(0))
		} else {
			e.b.Emit("mov.pred", asm.R(to), x)
		}
	}
	return to
}

// bring gives carried values for the initial ones and names them in a region.
func (e *emitter) bring(inits []*ir.Value) []*carried {
	list := make([]*carried, len(inits))
	from := make([]*value, len(inits))
	for i, v := range inits {
		list[i], from[i] = e.carry(v.Type), e.value(v)
	}
	e.assign(list, from)
	return list
}

// changes tells the builder that the innermost loop writes carried values, and names them.
func (e *emitter) changes(list []*carried, args []*ir.Value) {
	for i, c := range list {
		e.b.Changes(c.vars...)
		e.set(args[i], c.value())
	}
}

// yield writes the next values, and leaves the loop where it says so.
func (e *emitter) yield(r *ir.Region, list []*carried, end string) {
	y := r.Yield()
	values, stop := y.Yielded()
	var p asm.Arg
	if stop != nil {
		p = e.scalar(stop)
		if _, ok := p.Reg(); !ok {
			p = asm.R(e.b.Move(asm.P, p))
		}
	}
	from := make([]*value, len(values))
	for i, v := range values {
		from[i] = e.value(v)
	}
	e.assign(list, from)
	if stop != nil {
		e.b.EmitIf(p, "bra.uni", asm.Text(end))
	}
}

func (e *emitter) loop(o *ir.Op) {
	if o.Flag("once") {
		e.once(o)
		return
	}
	if ring := e.ringOf(o); ring != nil {
		e.ringLoop(o, ring)
		return
	}
	b, r := e.b, o.Regions[0]
	lo, hi, by := e.scalar(o.Operands[0]), e.scalar(o.Operands[1]), o.Int("by")
	tables := e.keepTables(o)
	defer e.dropTables(tables)
	list := e.bring(o.Operands[2:])
	late := e.delays(o, list)
	index := b.Var(asm.D)
	e.move(index, lo)
	b.Loop(func(begin, end string) {
		b.Changes(index)
		b.SetZeros(index, min(b.Zeros(lo), b.Zeros(asm.Int(max(by, 1)))))
		e.changes(list, r.Args[1:])
		done := b.SetP("ge", "s64", asm.R(index), hi)
		b.EmitIf(asm.R(done), "bra.uni", asm.Text(end))
		e.shared.enter(less(lo, hi))
		at := asm.R(index)
		if by == 0 {
			e.set(r.Args[0], &value{scalar: at})
		} else {
			s := &value{lo: at, n: asm.Int(by), full: true}
			if !o.Flag("whole") {
				s = e.span(r.Args[0].Type, at, hi)
			}
			e.set(r.Args[0], s)
		}
		e.region(r)
		e.yield(r, list, end)
		e.again(r.Yield().Flag("breaks"))
		if !o.Flag("whole") && !e.bounded(o.Operands[1]) { // the next index may be none
			left := b.Do("sub.s64", asm.D, hi, asm.R(index))
			b.EmitIf(asm.R(b.Do("setp.le.u64", asm.P, asm.R(left), asm.Int(max(by, 1)))), "bra.uni", asm.Text(end))
		}
		b.Emit("add.s64", asm.R(index), asm.R(index), asm.Int(max(by, 1)))
		b.Emit("bra.uni", asm.Text(begin))
	})
	e.results(o, list)
	e.settle(o, late)
}

// once emits a loop of at most one step: a branch.
func (e *emitter) once(o *ir.Op) {
	lo, hi := e.scalar(o.Operands[0]), e.scalar(o.Operands[1])
	list := e.bring(o.Operands[2:])
	switch {
	case less(lo, hi):
		e.step(o, list)
		fallthrough
	case less(hi, e.b.Add(asm.D, lo, asm.Int(1))):
		e.results(o, list)
		return
	}
	before, shared := e.order.pending, e.shared.arms()
	e.b.If(asm.R(e.b.SetP("lt", "s64", lo, hi)), func() {
		e.shared.arm(shared, func() {
			e.order.pending = before
			e.step(o, list)
		})
	})
	e.shared.arm(shared, func() {})
	e.shared.join(shared)
	e.results(o, list)
}

// less reports whether it is known that x < y.
func less(x, y asm.Arg) bool {
	j, ok := x.IntValue()
	k, known := y.IntValue()
	return ok && known && j < k
}

// step emits the one step of a loop.
func (e *emitter) step(o *ir.Op, list []*carried) {
	r := o.Regions[0]
	e.changes(list, r.Args[1:])
	e.set(r.Args[0], e.span(r.Args[0].Type, e.scalar(o.Operands[0]), e.scalar(o.Operands[1])))
	e.region(r)
	e.yield(r, list, "")
}

// bounded reports whether an index is known to be far below the greatest integer: it is made of sizes and small numbers.
func (e *emitter) bounded(v *ir.Value) bool {
	if k, ok := v.ConstInt(); ok {
		return k < 1<<60
	}
	if v.Def == nil {
		return slices.Contains(e.fn.Body.Args[:len(e.fn.Sizes)], v)
	}
	switch x := v.Def.Operands; v.Def.Code {
	case ir.Min:
		return e.bounded(x[0]) || e.bounded(x[1])
	case ir.Affine:
		terms, k, _, _ := v.Def.AffineTerms()
		for _, t := range terms {
			if t.Factor != nil || t.Coef < 0 || t.Coef > 1<<10 || t.Coef > 1 && t.Var.Def != nil || len(terms) > 4 || t.Var.Type.Kind != ir.Scalar || !e.bounded(t.Var) {
				return false
			}
		}
		return k < 1<<60
	case ir.Div:
		k, ok := x[1].ConstInt()
		return ok && k > 0 && e.bounded(x[0])
	}
	return false
}

func (e *emitter) while(o *ir.Op) {
	b, cond, body := e.b, o.Regions[0], o.Regions[1]
	tables := e.keepTables(o)
	defer e.dropTables(tables)
	list := e.bring(o.Operands)
	b.Loop(func(begin, end string) {
		e.shared.enter(false)
		e.changes(list, cond.Args)
		e.region(cond)
		p := e.reg(o.Regions[0].Yield().Operands[0].Type.Elem, e.scalar(cond.Yield().Operands[0]))
		b.EmitIf(asm.Not(p), "bra.uni", asm.Text(end))
		e.shared.exit()
		e.changes(list, body.Args)
		e.region(body)
		e.yield(body, list, end)
		e.again(body.Yield().Flag("breaks"))
		b.Emit("bra.uni", asm.Text(begin))
	})
	e.results(o, list)
}

func (e *emitter) branch(o *ir.Op) {
	p := e.scalar(o.Operands[0])
	if k, ok := p.IntValue(); ok {
		r := o.Regions[1-k]
		e.region(r)
		for i, v := range r.Yield().Operands {
			e.set(o.Results[i], e.copyOf(e.value(v)))
		}
		e.commitsIn(o)
		return
	}
	if r, ok := p.Reg(); ok && e.optional(o) && e.suppose(e.b.NotP(r)) {
		e.values[o.Operands[0]] = &value{t: o.Operands[0].Type, scalar: asm.Int(0)}
		e.branch(o)
		return
	}
	list := make([]*carried, len(o.Results))
	for i, v := range o.Results {
		list[i] = e.carry(v.Type)
	}
	before, shared := e.order.pending, e.shared.arms()
	arm := func(r *ir.Region) func() {
		return func() {
			e.shared.arm(shared, func() {
				e.order.pending = before
				e.region(r)
				e.yield(r, list, "")
			})
		}
	}
	if len(o.Regions[1].Ops) == 1 && len(list) == 0 {
		if copies(o.Regions[0]) { // ahead of a loop, nearly always
			if e.ahead.region == o.Parent {
				p = asm.R(e.ahead.more)
			}
			e.b.IfOften(p, arm(o.Regions[0]), nil)
		} else {
			e.b.If(p, arm(o.Regions[0]))
		}
		e.shared.arm(shared, func() {})
	} else {
		e.b.IfElse(p, arm(o.Regions[0]), arm(o.Regions[1]))
	}
	e.shared.join(shared)
	e.commitsIn(o)
	e.results(o, list)
}

// optional reports whether a branch in a loop of matrix instructions does something to tiles or nothing. The kernel has a version
// without what is switched off by its parameters: even where it is not taken it costs the loop moves and registers.
func (e *emitter) optional(o *ir.Op) bool {
	if !looped(o) || len(o.Regions[1].Ops) != 1 || len(o.Results) == 0 || !slices.ContainsFunc(o.Results, func(v *ir.Value) bool { return v.Type.Kind == ir.Tile }) {
		return false
	}
	return slices.ContainsFunc(o.Parent.Ops, func(q *ir.Op) bool { return q.Code == ir.Contract && q.Str("atom") != "" })
}

func (e *emitter) results(o *ir.Op, list []*carried) {
	for i, c := range list {
		e.set(o.Results[i], c.value())
	}
}

func (e *emitter) copyOf(v *value) *value {
	x := *v
	return &x
}

// copies reports whether a region begins copies.
func copies(r *ir.Region) bool {
	return slices.ContainsFunc(r.Ops, func(o *ir.Op) bool { return o.Code == ir.Copy })
}

// ahead is a loop that takes stages of a ring, and whether the step exists whose copies the current one begins.
type ahead struct {
	region *ir.Region
	more   asm.Reg
}

// ringOf is the ring from which each step of a loop takes a stage, nil where there is none.
func (e *emitter) ringOf(o *ir.Op) *ring {
	for _, p := range o.Regions[0].Ops {
		if p.Code == ir.Take {
			if e.slots[p.Operands[0]] != nil { // a channel of the text
				continue
			}
			r, _ := e.of(p.Operands[0])
			return r
		}
	}
	return nil
}

// ringLoop emits a loop that takes a stage of a ring in each step. Tiles of each step are in memory, so that there are no 2^31
// indices, and words count them.
func (e *emitter) ringLoop(o *ir.Op, ring *ring) {
	b, r := e.b, o.Regions[0]
	lo, hi, step := e.scalar(o.Operands[0]), e.scalar(o.Operands[1]), max(o.Int("by"), 1)
	list := e.bring(o.Operands[2:])
	late := e.delays(o, list)
	count := b.Sub(asm.D, hi, lo)
	if _, ok := count.IntValue(); !ok {
		b.EmitIf(asm.R(b.SetP("ge", "s64", count, asm.Int(1<<31-1<<16))), "trap")
		count = asm.R(b.Pure("max.s64", asm.D, count, asm.Int(0)))
	}
	limit := b.Narrow(count)
	at := b.Var(asm.W)
	e.move(at, asm.Int(0))
	b.Loop(func(begin, end string) {
		b.Changes(at)
		e.changes(list, r.Args[1:])
		b.EmitIf(asm.R(b.Do("setp.ge.s32", asm.P, asm.R(at), limit)), "bra.uni", asm.Text(end))
		e.shared.enter(less(lo, hi))
		copied := b.Do("mov.b32", asm.W, asm.R(at))
		b.SetZeros(copied, b.Zeros(asm.Int(step)))
		now := asm.R(copied)
		index := b.Add(asm.D, lo, asm.R(b.Pure("cvt.u64.u32", asm.D, now)))
		if o.Int("by") == 0 {
			e.set(r.Args[0], &value{scalar: index})
		} else {
			s := e.span(r.Args[0].Type, index, hi)
			if o.Flag("whole") {
				s.n, s.full = asm.Int(step), true
			}
			e.set(r.Args[0], s)
		}
		more := b.Do("setp.lt.s32", asm.P, asm.R(at), b.Sub(asm.W, limit, asm.Int((ring.depth-1)*step)))
		outer := e.ahead
		e.ahead = ahead{r, more}
		e.region(r)
		e.ahead = outer
		e.yield(r, list, end)
		e.again(r.Yield().Flag("breaks"))
		b.Emit("add.s32", asm.R(at), asm.R(at), asm.Int(step))
		b.Emit("bra.uni", asm.Text(begin))
	})
	e.results(o, list)
	e.settle(o, late)
}
