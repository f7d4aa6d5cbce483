package cpu

import (
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
)

// outlet is where the sums of a contraction go when a loop has added up all of them: straight into the tensor in which
// they are stored next, and not into a tile that is copied then.
type outlet struct {
	loop, store *ir.Op
	// done is a variable that is 1 where the sums have gone there.
	done llx.Value
}

// findOutlets finds the loops of a region that do nothing but add a contraction's products to a tile of which a store into
// a tensor, next to the loop, is the only use.
func (e *emitter) findOutlets(p *plan) {
	for i := range len(p.steps) - 1 {
		loop, next := p.steps[i].op, p.steps[i+1].group
		if loop == nil || loop.Code != ir.For || len(loop.Results) != 1 || next == nil || len(next.roots) != 1 {
			continue
		}
		o, store := e.addsOnly(loop), next.roots[0].op
		if o == nil || store == nil || store.Code != ir.Store || store.Str("mode") != "in" || store.Mask() != nil {
			continue
		}
		v, t := loop.Results[0], store.Operands[0]
		uses := e.g.uses[v]
		if len(uses) != 1 || uses[0] != store || store.Stored()[0] != v || t.Type.Elem != v.Type.Elem || v.Type.Elem.Bits() != 32 {
			continue
		}
		// What the loop reads must not be what it writes.
		free := len(e.turnedLoads(loop)) == 0
		loop.Regions[0].Walk(func(q *ir.Op) {
			for _, x := range q.Operands {
				free = free && x != t
			}
		})
		for _, s := range store.Subscripts() {
			free = free && e.resolve(s).Type.Kind != ir.Tile
		}
		if !free {
			continue
		}
		x := &outlet{loop: loop, store: store, done: e.Alloca(llx.I64, 1, 8)}
		set(e, e.outlets, o, x)
		set(e, e.outlets, loop, x)
		set(e, e.outlets, store, x)
	}
}

// addsOnly is the contraction whose products a loop adds to what it carries, where it does nothing else with that.
func (e *emitter) addsOnly(loop *ir.Op) *ir.Op {
	r := loop.Regions[0]
	values, stop := r.Yield().Yielded()
	if stop != nil || len(values) != 1 || loop.Int("by") < 1 {
		return nil
	}
	o := values[0].Def
	if o == nil || o.Code != ir.Contract || o.Parent != r || len(o.Axes) != 1 || o.Axes[0] != r.Args[0] {
		return nil
	}
	if _, _, _, _, acc := o.ContractParts(); acc != r.Args[1] || len(e.g.uses[acc]) != 1 {
		return nil
	}
	return o
}

// open begins a loop: nothing has gone out.
func (e *emitter) open(loop *ir.Op) {
	if x := e.outlets[loop]; x != nil {
		e.Store(llx.C64(0), x.done, 8)
	}
}

// unlessOut emits what stores a group's values, for where they have not gone out already.
func (e *emitter) unlessOut(g *group, emit func()) {
	if len(g.roots) == 1 && g.roots[0].op != nil {
		if x := e.outlets[g.roots[0].op]; x != nil {
			e.If(e.ICmp("eq", e.Load(llx.I64, x.done, 8), llx.C64(0)), emit, nil)
			return
		}
	}
	emit()
}

// outletOf is the contraction's outlet if its plan serves: whole vectors of columns, each row behind the other.
func (c *contraction) outletOf() *outlet {
	x := c.e.outlets[c.o]
	if x == nil || c.sums != c.dest || len(c.rows) != 1 || len(c.cols) != 1 || len(c.outer) > 0 {
		return nil
	}
	subs := x.store.Subscripts()
	if c.e.resolve(subs[len(subs)-1]) != c.cols[0] || c.cols[0].Type.Width%int64(c.wide*c.lanes) != 0 {
		return nil
	}
	return x
}

// out is where the sums go that a chunk from some place along k on ends with, and the distance of their rows: into the
// tensor, if nothing is to be added after it, else into C.
func (c *contraction) out(p *point, x *outlet, atC, from llx.Value) (out, pitch llx.Value) {
	e := c.e
	span := e.span(c.k)
	fits := e.ICmp("eq", e.span(c.cols[0]).n, llx.C64(c.cols[0].Type.Width))
	if c.matrix {
		fits = e.And(fits, e.ICmp("eq", e.And(e.span(c.rows[0]).n, llx.C64(15)), llx.C64(0)))
	}
	last := e.And(e.ICmp("sge", e.Add(from, llx.C64(c.chunk)), span.n), e.ICmp("sge", e.hi(span), e.scalar(x.loop.Operands[1])))
	fits = e.And(fits, last)
	e.Store(e.ZExt(fits, llx.I64), x.done, 8)
	place := func(row int64) llx.Value {
		q := p.clone()
		q.pos[c.rows[0]], q.pos[c.cols[0]] = llx.C64(row), llx.C64(0)
		q.vec, q.lanes, q.live = nil, 1, nil
		return c.placeAt(x.store, q)
	}
	at := place(0)
	far := e.Sub(e.PtrToInt(place(1), llx.I64), e.PtrToInt(at, llx.I64))
	return e.Select(fits, at, atC), e.Select(fits, far, llx.C64(c.rowC))
}
