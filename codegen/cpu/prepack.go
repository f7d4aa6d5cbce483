package cpu

import (
	"slices"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
)

// hoist is a contraction whose columns a phase of their own packs, once for all blocks that need them: those that differ
// only in bindings of the grid that the columns do not depend on.
//
// A panel stands for one place in the grid that is made of the bindings and loops which the columns do depend on. It holds
// every place along them that the tensors have, so a block whose loop ends earlier finds what it needs too.
type hoist struct {
	dims  []hoistDim
	block block // of the plan for which the panels were made
	bytes int64 // of a panel
	slot  int   // of the workspace
	use   int   // slot: not 0 where the panels are there
}

// hoistDim is a binding of the grid or a loop.
type hoistDim struct {
	arg    *ir.Value // the region's argument: a span, or an i64
	lo, hi *ir.Value
	ends   []extent // of tensors that the span must not leave
	width  int64
	count  int // slot of the number of its places
	end    int // slot of hi, as the panels have it
}

// extent is a dimension of a tensor.
type extent struct {
	tensor *ir.Value
	dim    int
}

// mostPanels bounds the memory that the panels of one contraction take in a launch.
const mostPanels = 1 << 30

// leastSharing is how many blocks must share a panel for it to be made ahead.
const leastSharing = 2

// hoistPacks adds a phase for each contraction of a parallel operation whose columns may be packed ahead.
func (g *gen) hoistPacks(o *ir.Op) {
	g.findWrites([]*ir.Op{o})
	o.Regions[0].Walk(func(q *ir.Op) {
		if q.Code != ir.Contract || !plainly(q, o) || g.inPanels(q) {
			return
		}
		e := g.emptyEmitter()
		c, ok := e.planContraction(q, nil)
		if !ok || len(c.outer) > 0 || c.few != nil && c.extent < 4 {
			return
		}
		f := g.newHoistFinder(o)
		if !f.value(c.b.v) || c.b.scale != nil && !f.value(c.b.scale) || !f.axes(c) {
			return
		}
		if h, ok := f.hoist(c); ok {
			g.hoistPhase(q, h, c.block, f.free)
			g.hoisted[q] = h
		}
	})
}

// plainly reports whether nothing but loops stands between an operation and the parallel operation around it: then what it
// computes may be computed whatever the data.
func plainly(q, top *ir.Op) bool {
	for r := q.Parent; r.Parent != top; r = r.Parent.Parent {
		if r.Parent.Code != ir.For {
			return false
		}
	}
	return true
}

// emptyEmitter is an emitter for questions about plans; nothing is emitted by it.
func (g *gen) emptyEmitter() *emitter {
	return &emitter{unit: unit{level: g.level}, g: g, scalars: map[*ir.Value]llx.Value{}, spans: map[*ir.Value]*span{},
		tiles: map[*ir.Value]*tile{}, tensors: map[*ir.Value]*tensor{}, alias: map[*ir.Value]*ir.Value{}, taken: map[*ir.Value]bool{},
		dest: map[*ir.Value]*tile{}}
}

// hoistFinder finds out what a value inside a parallel operation is computed from.
type hoistFinder struct {
	g    *gen
	top  *ir.Op
	seen map[*ir.Value]bool
	args []*ir.Value // bindings of the grid and indices of loops, in the order found
	free []*ir.Value // bindings of the grid that are not among args: their number is that of the blocks that share
	// The dimensions that spans are subscripts of, and what else stands in subscripts.
	ends  map[*ir.Value][]extent
	loose map[*ir.Value]bool
}

func (g *gen) newHoistFinder(top *ir.Op) *hoistFinder {
	return &hoistFinder{g: g, top: top, seen: map[*ir.Value]bool{}, ends: map[*ir.Value][]extent{}, loose: map[*ir.Value]bool{}}
}

// value reports whether v is computed from the grid, from loops' indices, from what is known before the phase, and from
// tensors that the phase does not write, by operations that can be done again elsewhere.
func (f *hoistFinder) value(v *ir.Value) bool {
	if f.seen[v] {
		return true
	}
	f.seen[v] = true
	if v.Type.Kind == ir.Tensor {
		return !f.g.written[v]
	}
	if r := v.Region; r != nil {
		switch {
		case r.Parent == nil:
			return true
		case r.Parent == f.top, r.Parent.Code == ir.For && v.Index == 0:
			f.args = append(f.args, v)
			return true
		}
		return false
	}
	o := v.Def
	if !f.inside(o) {
		return f.g.pure(o) && v.Type.Kind != ir.Tensor && f.operands(o) || f.kept(v)
	}
	if !inlined(o) && o.Code != ir.Const && o.Code != ir.SpanOf && o.Code != ir.SpanCopy && o.Code != ir.SpanLo && o.Code != ir.SpanHi {
		return false
	}
	if o.Code == ir.Lookup {
		return false // it reads a tile that is stored where the text stands
	}
	if o.Code == ir.Load {
		if o.Str("mode") == "unchecked" {
			return false
		}
		for i, s := range o.Subscripts() {
			if s.Region != nil && s.Type.Kind == ir.Span {
				f.ends[s] = append(f.ends[s], extent{o.Operands[0], i})
				continue
			}
			inner := f.g.newHoistFinder(f.top)
			inner.value(s)
			for _, a := range inner.args {
				f.loose[a] = true
			}
		}
	}
	return f.operands(o)
}

// kept reports whether an earlier phase leaves v for later ones.
func (f *hoistFinder) kept(v *ir.Value) bool {
	_, slot := f.g.slots[v]
	return slot || f.g.kept[v] != nil
}

func (f *hoistFinder) operands(o *ir.Op) bool {
	for _, x := range slices.Concat(o.Operands, o.Axes) {
		if !f.value(x) {
			return false
		}
	}
	for _, r := range o.Results {
		for _, a := range r.Type.Axes {
			if !f.value(a.Span) {
				return false
			}
		}
	}
	return true
}

// inside reports whether an operation stands in the parallel operation.
func (f *hoistFinder) inside(o *ir.Op) bool {
	for r := o.Parent; r != nil && r.Parent != nil; r = r.Parent.Parent {
		if r.Parent == f.top {
			return true
		}
	}
	return false
}

// axes takes the columns' axes and the summed one into account.
func (f *hoistFinder) axes(c *contraction) bool {
	for _, a := range append([]*ir.Value{c.k}, c.cols...) {
		if !f.value(a) {
			return false
		}
	}
	return true
}

// hoist is the grid of panels, if it can be counted before the phase and is smaller than that of the blocks.
func (f *hoistFinder) hoist(c *contraction) (h *hoist, ok bool) {
	h = &hoist{block: c.block}
	for _, a := range f.top.Regions[0].Args {
		if !slices.Contains(f.args, a) {
			f.free = append(f.free, a)
		}
	}
	if len(f.free) == 0 {
		return nil, false
	}
	for _, a := range f.args {
		o := a.Region.Parent
		d := hoistDim{arg: a}
		if o == f.top {
			d.lo, d.hi, d.width = o.Operands[2*a.Index], o.Operands[2*a.Index+1], o.Ints("by")[a.Index]
		} else {
			// A loop may end earlier in some blocks; the panels go on as far as in any.
			d.lo, d.width = o.Operands[0], o.Int("by")
			if d.hi, ok = f.most(o.Operands[1]); !ok || !f.early(d.lo) {
				return nil, false
			}
			if d.hi != o.Operands[1] {
				// What is past the end of every block's loop may be past the end of a tensor.
				if d.ends = f.ends[a]; f.loose[a] || len(d.ends) == 0 {
					return nil, false
				}
			}
		}
		h.dims = append(h.dims, d)
	}
	h.bytes = c.panelBytes() * ((c.k.Type.Width + c.chunk - 1) / c.chunk)
	return h, true
}

// most is a value that v never exceeds and that is known before the phase.
func (f *hoistFinder) most(v *ir.Value) (*ir.Value, bool) {
	if f.early(v) {
		return v, true
	}
	if v.Def != nil && v.Def.Code == ir.Min {
		for _, x := range v.Def.Operands {
			if y, ok := f.most(x); ok {
				return y, true
			}
		}
	}
	return nil, false
}

// early reports whether a scalar is known before the phase.
func (f *hoistFinder) early(v *ir.Value) bool {
	g := f.g.newHoistFinder(f.top)
	return v.Type.Kind == ir.Scalar && g.value(v) && len(g.args) == 0
}

// hoistPhase adds the phase that packs.
func (g *gen) hoistPhase(o *ir.Op, h *hoist, k block, free []*ir.Value) {
	p := g.phase("pack")
	p.Workspace = p.Grid + ".w"
	h.slot = g.slot(codegen.Slot{Kind: codegen.WorkspaceSlot, Name: "panels"})
	h.use = g.slot(codegen.Slot{Kind: codegen.ValueSlot})
	p.WorkspaceSlot = h.slot
	for i := range h.dims {
		h.dims[i].count, h.dims[i].end = g.slot(codegen.Slot{Kind: codegen.ValueSlot}), g.slot(codegen.Slot{Kind: codegen.ValueSlot})
	}

	// The number of panels, 0 where too few blocks would share one or the panels would take too much memory.
	count := func(e *emitter) llx.Value {
		total, share := llx.Value(llx.C64(1)), llx.Value(llx.C64(1))
		limit := llx.C64(mostPanels / h.bytes)
		for _, d := range h.dims {
			hi := e.scalar(d.hi)
			for _, x := range d.ends {
				hi = e.Min(hi, e.tensorOf(x.tensor).dims[x.dim])
			}
			n := e.count(e.scalar(d.lo), hi, max(d.width, 1))
			// Products stay small: each factor is at most a little above the limit.
			total = e.Min(e.Mul(e.Min(total, e.Add(limit, llx.C64(1))), e.Min(n, e.Add(limit, llx.C64(1)))), llx.C64(mostPanels))
			e.Store(n, e.slotAddress(d.count), 8)
			e.Store(hi, e.slotAddress(d.end), 8)
		}
		for _, a := range free {
			q := a.Region.Parent
			n := e.count(e.scalar(q.Operands[2*a.Index]), e.scalar(q.Operands[2*a.Index+1]), max(q.Ints("by")[a.Index], 1))
			share = e.Mul(share, e.Min(n, llx.C64(leastSharing)))
		}
		worth := e.And(e.ICmp("sge", share, llx.C64(leastSharing)), e.ICmp("sle", total, limit))
		return e.Select(worth, total, llx.C64(0))
	}
	w := g.function(p.Workspace)
	w.Ret(w.Add(w.Mul(count(w), llx.C64(h.bytes)), llx.C64(64)))
	grid := g.function(p.Grid)
	total := count(grid)
	grid.Store(total, grid.slotAddress(h.use), 8)
	grid.Ret(total)

	e := g.function(p.Run, llx.Param("lo", llx.I64), llx.Param("hi", llx.I64), llx.Param("scratch", llx.Ptr, "noalias"))
	e.scratch = e.Fn.Params[3]
	base := e.Load(llx.Ptr, e.slotAddress(h.slot), 8)
	e.For(e.Fn.Params[1], e.Fn.Params[2], 1, func(panel llx.Value) {
		rest := panel
		full := llx.Value(llx.Int(llx.I1, 1))
		los := make([]llx.Value, len(h.dims))
		lefts := make([]llx.Value, len(h.dims))
		for i := len(h.dims) - 1; i >= 0; i-- {
			d := h.dims[i]
			index := rest
			if i > 0 {
				n := e.slotValue(d.count)
				index, rest = e.URem(rest, n), e.UDiv(rest, n)
			}
			los[i] = e.Add(e.scalar(d.lo), e.Mul(index, llx.C64(max(d.width, 1))))
			if d.width > 0 {
				lefts[i] = e.Sub(e.slotValue(d.end), los[i])
				full = e.And(full, e.ICmp("sge", lefts[i], llx.C64(d.width)))
			}
		}
		at := e.Offset(base, e.Mul(panel, llx.C64(h.bytes)))
		pack := func(isFull bool) func() {
			return func() {
				for i, d := range h.dims {
					if d.width == 0 {
						set(e, e.scalars, d.arg, los[i])
						continue
					}
					n := llx.Value(llx.C64(d.width))
					if !isFull {
						n = e.Min(lefts[i], n)
					}
					s := &span{lo: los[i], n: n, width: d.width, align: 1}
					if c, ok := d.lo.ConstInt(); ok {
						s.align = alignOf(c, d.width)
					}
					set(e, e.spans, d.arg, s)
				}
				c, ok := e.planContraction(o, nil)
				if !ok {
					panic("cpu: a contraction has lost its plan")
				}
				live := e.span(c.k).n
				e.For(llx.C64(0), live, c.chunk, func(from llx.Value) {
					n := e.Min(e.Sub(live, from), llx.C64(c.chunk))
					if c.k.Type.Width <= c.chunk {
						n = live
					}
					c.packColumns(e.point(), e.Offset(at, e.Mul(c.chunkNumber(from), llx.C64(c.panelBytes()))), from, n)
				})
			}
		}
		e.If(full, pack(true), pack(false))
	})
	e.finish(p)
}

// shared is the panel that a phase before has packed for the block at hand, and whether it is there; nil where there is no
// such phase.
func (c *contraction) shared(p *point) (panel, have llx.Value) {
	e := c.e
	h := e.g.hoisted[c.o]
	if h == nil || !h.block.sameSlivers(c.block) {
		return nil, nil
	}
	have = e.ICmp("ne", e.slotValue(h.use), llx.C64(0))
	index := llx.Value(llx.C64(0))
	for i, d := range h.dims {
		lo := llx.Value(nil)
		if d.width == 0 {
			lo = e.scalar(d.arg)
		} else {
			lo = e.span(d.arg).lo
		}
		at := e.Sub(lo, e.scalar(d.lo))
		if d.width > 1 {
			at = e.UDiv(at, llx.C64(d.width))
		}
		if i > 0 {
			index = e.Mul(index, e.slotValue(d.count))
		}
		index = e.Add(index, at)
		if d.arg == c.k {
			have = e.And(have, c.endsAlike(d))
		}
	}
	panel = e.Offset(e.Load(llx.Ptr, e.slotAddress(h.slot), 8), e.Mul(index, llx.C64(h.bytes)))
	return panel, have
}

// endsAlike reports whether a panel that may go on past the end of k serves: the last step must be whole.
func (c *contraction) endsAlike(d hoistDim) llx.Value {
	e := c.e
	s := e.span(d.arg)
	if k, ok := s.fixed(); ok && k == d.width {
		return llx.Int(llx.I1, 1)
	}
	same := e.ICmp("eq", s.n, e.Min(e.Sub(e.slotValue(d.end), s.lo), llx.C64(d.width)))
	per := int64(c.per())
	if c.matrix {
		per *= 16
	}
	return e.Or(same, e.ICmp("eq", e.And(s.n, llx.C64(per-1)), llx.C64(0)))
}
