package cpu

import (
	"fmt"
	"slices"

	lir "github.com/llir/llvm/ir"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// gen makes the module of one function.
type gen struct {
	m     *llx.Module
	fn    *ir.Func
	level *Level
	opts  codegen.Options

	manifest codegen.Manifest
	report   codegen.Report
	// slots are the context slots of values: arguments, temps, and what one phase computes for later ones.
	slots map[*ir.Value]int
	// strides are the slots of a strided tensor's strides, by dimension; the last one is 1.
	strides map[*ir.Value][]int
	// kept are tiles that a serial phase leaves in a buffer for later phases.
	kept    map[*ir.Value]*keptTile
	cancel  int // slot, or -1
	print   int
	written map[*ir.Value]bool // tensors that the phase at hand writes
	uses    map[*ir.Value][]*ir.Op
	made    map[string]bool // helper functions that the module has
	// packed are the layouts of packed parameters.
	packed map[*ir.Value]Layout
	// hoisted are contractions whose columns a phase before packs for all blocks.
	hoisted map[*ir.Op]*hoist
}

// keptTile is where a tile of a serial phase lies.
type keptTile struct {
	slot int
	tile *tile
}

// unsupported stops the generation; [gen.module] turns it into an error.
type unsupported struct{ err error }

// fail stops with what the target cannot do.
func (g *gen) fail(pos ir.Pos, format string, args ...any) {
	panic(unsupported{&codegen.Unsupported{Target: "cpu", What: fmt.Sprintf(format, args...), Pos: pos}})
}

// newGen prepares the slots of arguments.
func newGen(fn *ir.Func, level *Level, o codegen.Options) *gen {
	g := &gen{m: llx.NewModule(level.Triple()), fn: fn, level: level, opts: o, slots: map[*ir.Value]int{}, strides: map[*ir.Value][]int{},
		kept: map[*ir.Value]*keptTile{}, cancel: -1, print: -1, uses: map[*ir.Value][]*ir.Op{}, made: map[string]bool{},
		packed: map[*ir.Value]Layout{}, hoisted: map[*ir.Op]*hoist{}}
	if o.Places {
		g.m.KeepPlaces()
	}
	g.manifest.Kernel, g.manifest.Target, g.manifest.Level = fn.Name, "cpu", level.Name
	for _, b := range fn.Binds {
		g.manifest.Binds = append(g.manifest.Binds, b.Name+"="+b.Value)
	}
	for i, s := range fn.Sizes {
		g.slots[fn.SizeArg(i)] = g.slot(codegen.Slot{Kind: codegen.SizeSlot, Name: s.Name, Index: i})
	}
	for i, p := range fn.Params {
		v := fn.ParamArg(i)
		if p.Type.Kind == ir.Scalar {
			g.slots[v] = g.slot(codegen.Slot{Kind: codegen.ScalarSlot, Name: p.Name, Index: i})
			continue
		}
		g.slots[v] = g.slot(codegen.Slot{Kind: codegen.TensorSlot, Name: p.Name, Index: i})
		if p.Type.Mem == ir.Strided {
			for d := range len(p.Type.Dims) - 1 {
				g.strides[v] = append(g.strides[v], g.slot(codegen.Slot{Kind: codegen.StrideSlot, Name: p.Name, Index: i, Dim: d}))
			}
		}
	}
	fn.Walk(func(o *ir.Op) {
		for _, v := range o.Operands {
			g.uses[v] = append(g.uses[v], o)
		}
	})
	return g
}

// slot adds a slot to the context.
func (g *gen) slot(s codegen.Slot) int {
	g.manifest.Slots = append(g.manifest.Slots, s)
	return len(g.manifest.Slots) - 1
}

// fault numbers a way to fail.
func (g *gen) fault(kind, text string, pos ir.Pos) int64 {
	g.manifest.Faults = append(g.manifest.Faults, codegen.Fault{Kind: kind, Text: text, Pos: pos})
	return int64(len(g.manifest.Faults))
}

// generate makes the module: for each phase a function that counts its blocks and one that runs some of them.
func (g *gen) generate() (err error) {
	defer func() {
		if r := recover(); r != nil {
			u, ok := r.(unsupported)
			if !ok {
				panic(r)
			}
			err = u.err
		}
	}()
	g.layouts()
	var serial []*ir.Op
	flush := func() {
		if slices.ContainsFunc(serial, func(o *ir.Op) bool { return !g.pure(o) }) {
			g.serialPhase(serial)
		}
		serial = nil
	}
	for _, o := range g.fn.Body.Ops {
		switch {
		case o.Code == ir.Yield:
		case o.Code == ir.Temp:
			t := o.Result().Type
			g.slots[o.Result()] = g.slot(codegen.Slot{Kind: codegen.TempSlot, Name: o.Result().Name, Dims: t.Dims, Bits: t.Elem.Bits()})
		case o.Code == ir.Parallel:
			flush()
			g.hoistPacks(o)
			g.parallelPhase(o)
		default: // what is pure each phase that needs it computes again
			serial = append(serial, o)
		}
	}
	flush()
	return nil
}

// pure reports whether an operation at the top of the function is cheap and always gives the same, so that phases may
// compute it where they need it.
func (g *gen) pure(o *ir.Op) bool {
	switch o.Code {
	case ir.SpanOf, ir.SpanCopy, ir.SpanCat, ir.SpanLo, ir.SpanHi, ir.Iota, ir.Affine, ir.Const, ir.Bcast, ir.Rebind:
		return true
	}
	return o.Code.Spec().Elementwise() && o.Result().Type.Kind != ir.Tensor
}

// function begins a function of the phase: i64 name(ptr ctx, …).
func (g *gen) function(name string, params ...*lir.Param) *emitter {
	all := append([]*lir.Param{llx.Param("ctx", llx.Ptr, "noalias", "nocapture")}, params...)
	b := g.m.Func(name, llx.I64, all, g.attributes()...)
	e := &emitter{unit: unit{b, g.level}, g: g, ctx: b.Fn.Params[0], scalars: map[*ir.Value]llx.Value{}, spans: map[*ir.Value]*span{},
		tiles: map[*ir.Value]*tile{}, tensors: map[*ir.Value]*tensor{}, alias: map[*ir.Value]*ir.Value{}, taken: map[*ir.Value]bool{}, dest: map[*ir.Value]*tile{}, outlets: map[*ir.Op]*outlet{}}
	b.Scope = e.scope
	return e
}

// attributes are those of every function: the instructions that it may use.
func (g *gen) attributes() []lir.FuncAttribute {
	var features string
	for i, f := range g.level.Features {
		if i > 0 {
			features += ","
		}
		features += f
	}
	list := []lir.FuncAttribute{llx.Word("nounwind"), llx.Attr("target-cpu", g.level.CPU()), llx.Attr("tune-cpu", g.level.Tune())}
	if features != "" {
		list = append(list, llx.Attr("target-features", features))
	}
	if g.level.AVX512 {
		list = append(list, llx.Attr("prefer-vector-width", "512"), llx.Attr("min-legal-vector-width", "512"))
	}
	return list
}

// phase adds a phase to the manifest and names its functions.
func (g *gen) phase(name string) *codegen.Phase {
	i := len(g.manifest.Phases)
	g.manifest.Phases = append(g.manifest.Phases, codegen.Phase{Name: name, Grid: fmt.Sprintf("%s.g%d", g.fn.Name, i), Run: fmt.Sprintf("%s.p%d", g.fn.Name, i)})
	return &g.manifest.Phases[i]
}

// serialPhase makes a phase of one block out of operations at the top.
func (g *gen) serialPhase(ops []*ir.Op) {
	p := g.phase("")
	p.Serial = true
	for _, o := range ops {
		p.Ordered = p.Ordered || g.ordered(o)
	}
	grid := g.function(p.Grid)
	grid.Ret(llx.C64(1))
	g.findWrites(ops)
	e := g.function(p.Run, llx.Param("lo", llx.I64), llx.Param("hi", llx.I64), llx.Param("scratch", llx.Ptr, "noalias"))
	e.scratch = e.Fn.Params[3]
	e.region(ops)
	// What later phases use is left in slots.
	inside := map[*ir.Op]bool{}
	var mark func(o *ir.Op)
	mark = func(o *ir.Op) {
		inside[o] = true
		for _, r := range o.Regions {
			for _, q := range r.Ops {
				mark(q)
			}
		}
	}
	for _, o := range ops {
		mark(o)
	}
	top := map[*ir.Op]bool{}
	for _, o := range ops {
		top[o] = true
	}
	known := map[*ir.Value]bool{}
	var later func(v *ir.Value) bool
	later = func(v *ir.Value) bool {
		if is, ok := known[v]; ok {
			return is
		}
		is := v.Type.Kind == ir.Span // an axis of tiles
		for _, u := range g.uses[v] {
			is = is || !inside[u] || top[u] && g.pure(u) && slices.ContainsFunc(u.Results, later)
		}
		known[v] = is
		return is
	}
	for _, o := range ops {
		if g.pure(o) {
			continue
		}
		for _, v := range o.Results {
			if later(v) {
				e.keep(v)
			}
		}
	}
	e.finish(p)
}

// keep stores a value for later phases.
func (e *emitter) keep(v *ir.Value) {
	switch v.Type.Kind {
	case ir.Scalar:
		s := e.g.slot(codegen.Slot{Kind: codegen.ValueSlot, Name: v.Name})
		e.g.slots[v] = s
		e.Store(e.toSlot(v.Type.Elem, e.scalar(v)), e.slotAddress(s), 8)
	case ir.Tile:
		t := e.newTileShape(v.Type)
		s := e.g.slot(codegen.Slot{Kind: codegen.BufferSlot, Name: v.Name, Size: t.bytes()})
		t.base = e.Load(llx.Ptr, e.slotAddress(s), 8)
		e.copyTo(t, v)
		e.g.kept[v] = &keptTile{slot: s, tile: t}
	case ir.Span:
		// A span's bounds are scalars that are kept or computed again.
	}
}

// parallelPhase makes the phase of a parallel operation.
func (g *gen) parallelPhase(o *ir.Op) {
	name, _ := o.Attr("name").(string)
	p := g.phase(name)
	p.Ordered = g.ordered(o)
	g.findWrites([]*ir.Op{o})
	by := o.Ints("by")
	body := o.Regions[0]

	// The grid: for each binding its first index and its number of blocks, left in slots.
	los, counts := make([]int, len(by)), make([]int, len(by))
	grid := g.function(p.Grid)
	total := llx.C64(1)
	for i, w := range by {
		lo, hi := grid.scalar(o.Operands[2*i]), grid.scalar(o.Operands[2*i+1])
		n := grid.count(lo, hi, max(w, 1))
		los[i], counts[i] = g.slot(codegen.Slot{Kind: codegen.ValueSlot}), g.slot(codegen.Slot{Kind: codegen.ValueSlot})
		grid.Store(lo, grid.slotAddress(los[i]), 8)
		grid.Store(n, grid.slotAddress(counts[i]), 8)
		total = grid.product(total, n, g.fault("grid", "the grid has more than 2^62 blocks", o.Pos))
	}
	grid.Ret(total)

	e := g.function(p.Run, llx.Param("lo", llx.I64), llx.Param("hi", llx.I64), llx.Param("scratch", llx.Ptr, "noalias"))
	e.scratch = e.Fn.Params[3]
	his := make([]llx.Value, len(by))
	for i := range by {
		his[i] = e.scalar(o.Operands[2*i+1])
	}
	e.For(e.Fn.Params[1], e.Fn.Params[2], 1, func(block llx.Value) {
		rest := block
		index := make([]llx.Value, len(by))
		for i := len(by) - 1; i >= 0; i-- {
			n := e.slotValue(counts[i])
			if i == 0 {
				index[i] = rest
				continue
			}
			index[i] = e.URem(rest, n)
			rest = e.UDiv(rest, n)
		}
		full := llx.Value(llx.Int(llx.I1, 1))
		type bound struct{ lo, n llx.Value }
		bounds := make([]bound, len(by))
		anySpan := false
		for i, w := range by {
			lo := e.Add(e.slotValue(los[i]), e.Mul(index[i], llx.C64(max(w, 1))))
			bounds[i].lo = lo
			if w > 0 {
				left := e.Sub(his[i], lo)
				bounds[i].n = e.Min(left, llx.C64(w))
				if w > 1 {
					whole := e.ICmp("sge", left, llx.C64(w))
					if anySpan {
						whole = e.And(full, whole)
					}
					full, anySpan = whole, true
				}
			}
		}
		run := func(isFull, ragged bool) func() {
			return func() {
				e.scope(func() {
					for i, w := range by {
						if w == 0 {
							set(e, e.scalars, body.Args[i], bounds[i].lo)
							continue
						}
						n := bounds[i].n
						if isFull || w == 1 {
							n = llx.C64(w)
						}
						s := &span{lo: bounds[i].lo, n: n, width: w, align: 1}
						if c, ok := o.Operands[2*i].ConstInt(); ok {
							s.align = alignOf(c, w)
						}
						set(e, e.spans, body.Args[i], s)
					}
					e.ragged = ragged
					if !ragged {
						e.unswitch(body, func() { e.region(body.Ops) })
					} else {
						e.region(body.Ops)
					}
				})
			}
		}
		// A copy of the code for full spans pays where it can keep tiles in registers.
		if anySpan && e.worthPeeling(body) {
			e.If(full, run(true, false), run(false, true))
		} else {
			run(false, false)()
		}
	})
	e.finish(p)
}

// alignOf is the greatest power of two, at most 2^20, that divides both.
func alignOf(a, b int64) int64 {
	n := int64(1)
	for n < 1<<20 && a%(2*n) == 0 && b%(2*n) == 0 {
		n *= 2
	}
	return n
}

// finish ends a phase's run function.
func (e *emitter) finish(p *codegen.Phase) {
	e.Ret(llx.C64(0))
	e.g.manifest.Scratch = max(e.g.manifest.Scratch, e.scratchMax)
}

// count is the number of steps of w from lo below hi.
func (e *emitter) count(lo, hi llx.Value, w int64) llx.Value {
	n := e.Max(e.Sub(hi, lo), llx.C64(0))
	if w == 1 {
		return n
	}
	return e.UDiv(e.Add(n, llx.C64(w-1)), llx.C64(w))
}

// product is x·y, which must stay below 2^62; the function returns -fault where it does not.
func (e *emitter) product(x, y llx.Value, fault int64) llx.Value {
	if c, ok := llx.ConstInt(x); ok && c == 1 {
		return y
	}
	wide := e.FMul(e.SIToFP(x, llx.Double), e.SIToFP(y, llx.Double))
	e.If(e.FCmp("ogt", wide, llx.F64(1<<62)), func() {
		e.Ret(llx.C64(-fault))
	}, nil)
	return e.Mul(x, y)
}

// findWrites finds the tensors that a phase writes.
func (g *gen) findWrites(ops []*ir.Op) {
	g.written = map[*ir.Value]bool{}
	visit := func(o *ir.Op) {
		if o.Code == ir.Store || o.Code == ir.Atomic {
			g.written[o.Operands[0]] = true
		}
	}
	for _, o := range ops {
		visit(o)
		for _, r := range o.Regions {
			r.Walk(visit)
		}
	}
}

// ordered reports whether blocks must run one after the other: they print, or they add floats to what other blocks add to
// and the order of these additions is to be the same in every run.
func (g *gen) ordered(o *ir.Op) bool {
	if o.AllEffects()&ir.IO != 0 {
		return true
	}
	fixed := g.opts.Deterministic
	for _, b := range g.fn.Binds {
		fixed = fixed || b.Name == "deterministic"
	}
	if !fixed {
		return false
	}
	adds := false
	for _, r := range o.Regions {
		r.Walk(func(q *ir.Op) {
			adds = adds || q.Code == ir.Atomic && q.Operands[0].Type.Elem.IsFloat() && q.Str("kind") == "add"
		})
	}
	return adds
}

// toSlot is a scalar as eight bytes.
func (e *emitter) toSlot(t dtype.Type, v llx.Value) llx.Value {
	switch classOf(t) {
	case f32Class:
		return e.ZExt(e.Bitcast(v, llx.I32), llx.I64)
	case f64Class:
		return e.Bitcast(v, llx.I64)
	case i32Class:
		return e.SExt(v, llx.I64)
	case boolClass:
		return e.ZExt(v, llx.I64)
	}
	return v
}

// fromSlot is the reverse.
func (e *emitter) fromSlot(t dtype.Type, v llx.Value) llx.Value {
	switch classOf(t) {
	case f32Class:
		return e.Bitcast(e.Trunc(v, llx.I32), llx.Float)
	case f64Class:
		return e.Bitcast(v, llx.Double)
	case i32Class:
		return e.Trunc(v, llx.I32)
	case boolClass:
		return e.Trunc(v, llx.I1)
	}
	return v
}

func (e *emitter) slotAddress(i int) llx.Value { return e.Offset(e.ctx, llx.C64(int64(8*i))) }

func (e *emitter) slotValue(i int) llx.Value { return e.Load(llx.I64, e.slotAddress(i), 8) }
