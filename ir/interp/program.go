package interp

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/tilec/tilec/ir"
)

// Program is a function ready to run, any number of times and at once.
type Program struct {
	fn     *ir.Func
	cells  map[*ir.Value]int
	types  []ir.Type // of each cell
	consts []constant
	phases []phase
	temps  []temp
	// sites are the operations that reach memory, as shadows name them, and plans how they do.
	sites []*ir.Op
	plans []*accessPlan
	// ownerBits are the bits of a shadow word that name a block.
	ownerBits uint
}

// Func is the function that the program runs.
func (p *Program) Func() *ir.Func { return p.fn }

type constant struct {
	cell int
	val  any // int64 or float64
}

// phase is one operation at the top of the function.
type phase struct {
	step step
	// grid is set where blocks run in parallel.
	grid *grid
	uses []tensorUse
}

// tensorUse is what a phase does with a tensor.
type tensorUse struct {
	cell          int
	tensor        *ir.Value
	reads, writes bool
	marks         bool // a store may meet itself
}

// grid is a parallel operation.
type grid struct {
	op     *ir.Op
	name   string
	bounds []int // cells of lo, hi of each binding
	by     []int64
	body   *block
	// channels are the cells of the channels that the body makes.
	channels []int
	// captures are the cells that the body reads and that are made outside it.
	captures []int
}

// temp is scratch memory to be made when a run begins.
type temp struct {
	cell int
	op   *ir.Op
}

// step is one operation, ready to run.
type step struct {
	op  *ir.Op
	run func(w *worker) error
	// kill are the tiles whose last use this is.
	kill []int
}

// block is a region, ready to run.
type block struct {
	args   []int
	steps  []step
	yields []int
	stop   int // the cell of the yield's bool that ends the loop, or -1
	// mine says of each yield whether it was made in the region, so that it may be forgotten there.
	mine []bool
	// empty is set where a run of the region does nothing and yields nothing: its loops need not turn.
	empty bool
}

// compiler decodes a function.
type compiler struct {
	p     *Program
	cells map[*ir.Value]int
	chans map[*ir.Value]*channelPlan
}

// Compile decodes a function. It fails for what [ir.Verify] rejects and for what the interpreter cannot run.
func Compile(fn *ir.Func) (*Program, error) {
	if err := ir.Verify(fn); err != nil {
		return nil, err
	}
	c := &compiler{p: &Program{fn: fn, cells: map[*ir.Value]int{}}, chans: map[*ir.Value]*channelPlan{}}
	c.cells = c.p.cells
	fn.Values(func(v *ir.Value) {
		c.cells[v] = len(c.p.types)
		c.p.types = append(c.p.types, v.Type)
	})
	b, err := c.block(fn.Body, true)
	if err != nil {
		return nil, err
	}
	for _, s := range b.steps {
		ph := phase{step: s, uses: c.uses(s.op)}
		if s.op.Code == ir.Parallel {
			if ph.grid, err = c.grid(s.op); err != nil {
				return nil, err
			}
		}
		c.p.phases = append(c.p.phases, ph)
	}
	c.p.ownerBits = 27 - uint(bits.Len(uint(min(len(c.p.sites), maxSites-1))))
	for _, p := range c.p.plans {
		p.site <<= c.p.ownerBits
	}
	return c.p, nil
}

func (c *compiler) cell(v *ir.Value) int { return c.cells[v] }

func (c *compiler) cellsOf(vs []*ir.Value) []int {
	cells := make([]int, len(vs))
	for i, v := range vs {
		cells[i] = c.cells[v]
	}
	return cells
}

// spans are the cells of the spans of a type's axes.
func (c *compiler) spans(t ir.Type) []int {
	cells := make([]int, len(t.Axes))
	for i, a := range t.Axes {
		cells[i] = c.cells[a.Span]
	}
	return cells
}

// block decodes a region.
func (c *compiler) block(r *ir.Region, top bool) (*block, error) {
	b := &block{args: c.cellsOf(r.Args), stop: -1}
	last := lastUses(r)
	for i, o := range r.Ops {
		if o.Code == ir.Yield {
			continue
		}
		var s step
		switch {
		case o.Code == ir.Const:
			c.p.consts = append(c.p.consts, constant{c.cell(o.Result()), o.Attr("value")})
			continue
		case o.Code == ir.Temp:
			c.p.temps = append(c.p.temps, temp{c.cell(o.Result()), o})
			continue
		case o.Code == ir.Parallel && top:
			s = step{op: o, kill: c.kills(last, i)}
		default:
			kill := c.kills(last, i)
			run, err := c.step(o, kill)
			if err != nil {
				return nil, err
			}
			s = step{op: o, run: run, kill: kill}
		}
		b.steps = append(b.steps, s)
	}
	y := r.Yield()
	vs := y.Operands
	if y.Flag("breaks") {
		b.stop = c.cell(vs[len(vs)-1])
		vs = vs[:len(vs)-1]
	}
	b.yields = c.cellsOf(vs)
	b.mine = make([]bool, len(vs))
	for i, v := range vs {
		b.mine[i] = v.Region == r || v.Def != nil && v.Def.Parent == r
	}
	b.empty = len(b.steps) == 0 && len(b.yields) == 0 && b.stop < 0
	return b, nil
}

// lastUses gives for each operation of a region the tiles made in the region of which it, or what is inside it, is the
// last user. The yield is no step, so that values which it yields live on.
func lastUses(r *ir.Region) [][]*ir.Value {
	last := map[*ir.Value]int{}
	for _, a := range r.Args {
		if a.Type.Kind == ir.Tile {
			last[a] = 0
		}
	}
	for i, o := range r.Ops {
		for _, v := range o.Results {
			if v.Type.Kind == ir.Tile {
				last[v] = i
			}
		}
		touch := func(o *ir.Op) {
			for _, v := range o.Operands {
				if _, ok := last[v]; ok {
					last[v] = i
				}
			}
		}
		touch(o)
		for _, q := range o.Regions {
			q.Walk(touch)
		}
	}
	uses := make([][]*ir.Value, len(r.Ops))
	add := func(v *ir.Value) {
		if i, ok := last[v]; ok {
			uses[i] = append(uses[i], v)
		}
	}
	for _, a := range r.Args {
		add(a)
	}
	for _, o := range r.Ops {
		for _, v := range o.Results {
			add(v)
		}
	}
	return uses
}

func (c *compiler) kills(last [][]*ir.Value, i int) []int { return c.cellsOf(last[i]) }

// grid decodes a parallel operation.
func (c *compiler) grid(o *ir.Op) (*grid, error) {
	name, _ := o.Attr("name").(string)
	g := &grid{op: o, name: name, bounds: c.cellsOf(o.Operands), by: o.Ints("by")}
	var err error
	if g.body, err = c.block(o.Regions[0], false); err != nil {
		return nil, err
	}
	g.captures = c.captured(o.Operands, o.Regions[0])
	o.Regions[0].Walk(func(q *ir.Op) {
		if q.Code == ir.ChanOf {
			g.channels = append(g.channels, c.cell(q.Result()))
		}
	})
	return g, nil
}

// captured are the cells of what a region and some values beside it need and that is made outside of the region.
func (c *compiler) captured(vs []*ir.Value, r *ir.Region) (captures []int) {
	inside := map[*ir.Value]bool{}
	seen := map[int]bool{}
	define := func(vs []*ir.Value) {
		for _, v := range vs {
			inside[v] = true
		}
	}
	use := func(vs ...*ir.Value) {
		for _, v := range vs {
			if k := c.cell(v); !inside[v] && !seen[k] && (v.Def == nil || v.Def.Code != ir.Const) {
				seen[k] = true
				captures = append(captures, k)
			}
		}
	}
	use(vs...)
	define(r.Args)
	r.Walk(func(q *ir.Op) {
		for _, r := range q.Regions {
			define(r.Args)
		}
		use(q.Operands...)
		use(q.Axes...)
		define(q.Results)
		for _, v := range q.Results {
			if v.Type.Kind == ir.Tile {
				for _, a := range v.Type.Axes {
					use(a.Span)
				}
			}
		}
	})
	return captures
}

// uses finds what an operation at the top of the function does with tensors.
func (c *compiler) uses(o *ir.Op) []tensorUse {
	var uses []tensorUse
	find := func(v *ir.Value) *tensorUse {
		k := c.cell(v)
		for i := range uses {
			if uses[i].cell == k {
				return &uses[i]
			}
		}
		uses = append(uses, tensorUse{cell: k, tensor: v})
		return &uses[len(uses)-1]
	}
	visit := func(o *ir.Op) {
		switch o.Code {
		case ir.Load, ir.Copy, ir.Store, ir.Atomic:
			if d := o.Tensor().Def; d != nil && d.Code == ir.SharedOf { // a block's own
				return
			}
		}
		switch o.Code {
		case ir.Load, ir.Copy:
			find(o.Tensor()).reads = true
		case ir.Store:
			u := find(o.Operands[0])
			u.writes = true
			u.marks = u.marks || gathers(o)
		case ir.Atomic:
			u := find(o.Operands[0])
			u.reads, u.writes = true, true
		}
	}
	visit(o)
	for _, r := range o.Regions {
		r.Walk(visit)
	}
	return uses
}

// gathers reports whether a subscript is a tile, so that two elements may have one index.
func gathers(o *ir.Op) bool {
	return slices.ContainsFunc(o.Subscripts(), func(v *ir.Value) bool { return v.Type.Kind == ir.Tile })
}

// step decodes one operation; kill are the cells whose last use it is.
func (c *compiler) step(o *ir.Op, kill []int) (func(w *worker) error, error) {
	switch o.Code {
	case ir.For:
		return c.loop(o)
	case ir.While:
		return c.while(o)
	case ir.If:
		return c.branch(o)
	case ir.Require, ir.Assert:
		return c.condition(o), nil
	case ir.Print:
		return c.print(o), nil
	case ir.SpanOf, ir.SpanCopy, ir.SpanCat, ir.SpanLo, ir.SpanHi:
		return c.span(o), nil
	case ir.Iota, ir.Affine:
		return c.affine(o), nil
	case ir.Load:
		return c.load(o), nil
	case ir.Store:
		return c.store(o), nil
	case ir.Atomic:
		return c.atomic(o), nil
	case ir.Arrive:
		return c.arrive(o), nil
	case ir.Resident:
		return c.resident(o), nil
	case ir.Bcast:
		return c.bcast(o), nil
	case ir.Rebind:
		return c.rebind(o), nil
	case ir.Lookup:
		return c.lookup(o), nil
	case ir.Scatter:
		return c.scatter(o), nil
	case ir.Cat:
		return c.cat(o), nil
	case ir.Reduce:
		return c.reduce(o)
	case ir.Scan:
		return c.scan(o)
	case ir.Topk, ir.Sort:
		return c.rank(o), nil
	case ir.Contract:
		return c.contract(o, kill)
	case ir.Pack:
		return c.packBits(o), nil
	case ir.Unpack:
		return c.unpackBits(o), nil
	case ir.SharedOf:
		return c.sharedTensor(o), nil
	case ir.PinTo:
		in, out := c.cell(o.Operands[0]), c.cell(o.Result())
		return func(w *worker) error {
			w.share(&w.cells[out], &w.cells[in])
			return nil
		}, nil
	case ir.AsmOf:
		return c.asm(o), nil
	case ir.Convert, ir.ChanOf, ir.Acquire, ir.Copy, ir.Put, ir.Commit, ir.Take, ir.View, ir.Release:
		return c.channel(o), nil
	case ir.RoleOf:
		return c.roles(o)
	case ir.Turn:
		return c.turn(o)
	}
	if s := o.Code.Spec(); s != nil && s.Elementwise() {
		return c.elementwise(o, kill)
	}
	return nil, fmt.Errorf("%s: the interpreter has no operation %s", o.Pos, o.Code)
}

// elementwise decodes an elementwise operation.
func (c *compiler) elementwise(o *ir.Op, kill []int) (func(w *worker) error, error) {
	m, err := mapperOf(o)
	if err != nil {
		return nil, err
	}
	d, axes, operands := c.cell(o.Result()), c.spans(o.Result().Type), c.cellsOf(o.Operands)
	var dying []int
	for _, k := range operands {
		if slices.Contains(kill, k) {
			dying = append(dying, k)
		}
	}
	return func(w *worker) error {
		var buf [3]*cell
		x := buf[:len(operands)]
		for i, k := range operands {
			x[i] = &w.cells[k]
			if err := w.force(x[i]); err != nil {
				return err
			}
		}
		r := &w.cells[d]
		if err := w.result(r, axes, dying); err != nil {
			return err
		}
		return m(w, r, x)
	}, nil
}

// plan decodes the subscripts of a load, store or atomic operation.
func (c *compiler) plan(o *ir.Op) *accessPlan {
	subs := o.Subscripts()
	p := &accessPlan{op: o, tensor: c.cell(o.Tensor()), edge: edgeOf(o.Str("mode")), gathers: gathers(o)}
	c.p.sites, c.p.plans = append(c.p.sites, o), append(c.p.plans, p)
	if n := len(c.p.sites); n < maxSites {
		p.site = uint32(n)
	}
	axes := unionAxes(subs)
	p.axes = c.cellsOf(axes)
	for _, v := range subs {
		p.subs = append(p.subs, subPlan{c.cell(v), places(axes, v.SubscriptAxes())})
	}
	return p
}

// unionAxes are the spans of subscripts' axes in order of first appearance.
func unionAxes(subs []*ir.Value) []*ir.Value {
	var spans []*ir.Value
	for _, v := range subs {
		for _, a := range v.SubscriptAxes() {
			if !slices.Contains(spans, a.Span) {
				spans = append(spans, a.Span)
			}
		}
	}
	return spans
}

// places gives for each span its position in axes, or -1.
func places(spans []*ir.Value, axes []ir.Axis) []int {
	at := make([]int, len(spans))
	for i, s := range spans {
		at[i] = slices.IndexFunc(axes, func(a ir.Axis) bool { return a.Span == s })
	}
	return at
}

func (c *compiler) load(o *ir.Op) func(w *worker) error {
	p, d := c.plan(o), c.cell(o.Result())
	outside := -1
	if v := o.Outside(); v != nil {
		outside = c.cell(v)
	}
	kind := classOf(o.Result().Type.Elem)
	return func(w *worker) error {
		r := &w.cells[d]
		if err := w.fresh(r, p.axes); err != nil {
			return err
		}
		var other *cell
		if outside >= 0 {
			other = &w.cells[outside]
		}
		switch kind {
		case f32Class:
			return load[float32](w, p, r, other)
		case f64Class:
			return load[float64](w, p, r, other)
		case intClass:
			return load[int64](w, p, r, other)
		}
		return load[bool](w, p, r, other)
	}
}

// storedPlan is the values and the mask of a store or atomic operation, with their axes by the plan's.
type storedPlan struct {
	values []int
	at     [][]int
	mask   int // -1 for none
	maskAt []int
}

func (c *compiler) stored(o *ir.Op) storedPlan {
	axes := unionAxes(o.Subscripts())
	s := storedPlan{mask: -1}
	for _, v := range o.Stored() {
		s.values = append(s.values, c.cell(v))
		s.at = append(s.at, places(axes, v.Type.Axes))
	}
	if v := o.Mask(); v != nil {
		s.mask, s.maskAt = c.cell(v), places(axes, v.Type.Axes)
	}
	return s
}

// cellsIn are the cells of the values and the mask, filled in.
func (s *storedPlan) cellsIn(w *worker) (v, v2, mask *cell, err error) {
	v = &w.cells[s.values[0]]
	err = w.force(v)
	if len(s.values) > 1 && err == nil {
		v2 = &w.cells[s.values[1]]
		err = w.force(v2)
	}
	if s.mask >= 0 {
		mask = &w.cells[s.mask]
	}
	return v, v2, mask, err
}

func (c *compiler) store(o *ir.Op) func(w *worker) error {
	p, s := c.plan(o), c.stored(o)
	kind := classOf(o.Stored()[0].Type.Elem)
	return func(w *worker) error {
		v, _, mask, err := s.cellsIn(w)
		switch {
		case err != nil:
			return err
		case kind == f32Class:
			return store[float32](w, p, v, s.at[0], mask, s.maskAt)
		case kind == f64Class:
			return store[float64](w, p, v, s.at[0], mask, s.maskAt)
		case kind == intClass:
			return store[int64](w, p, v, s.at[0], mask, s.maskAt)
		}
		return store[bool](w, p, v, s.at[0], mask, s.maskAt)
	}
}

func (c *compiler) atomic(o *ir.Op) func(w *worker) error {
	p, s, kind := c.plan(o), c.stored(o), o.Str("kind")
	t := o.Stored()[0].Type.Elem
	old := -1
	if len(o.Results) > 0 {
		old = c.cell(o.Result())
	}
	act := actAtomic
	if kind == "xchg" && old < 0 {
		act = actExchange
	}
	at2 := s.at[len(s.at)-1]
	var run func(w *worker, v, v2, mask, r *cell) error
	switch classOf(t) {
	case f32Class:
		f := floatAtomic[float32](kind, t)
		run = func(w *worker, v, v2, mask, r *cell) error {
			return update(w, p, v, v2, s.at[0], at2, mask, s.maskAt, r, act, f)
		}
	case f64Class:
		f := floatAtomic[float64](kind, t)
		run = func(w *worker, v, v2, mask, r *cell) error {
			return update(w, p, v, v2, s.at[0], at2, mask, s.maskAt, r, act, f)
		}
	case intClass:
		f := intAtomic(kind, t)
		run = func(w *worker, v, v2, mask, r *cell) error {
			return update(w, p, v, v2, s.at[0], at2, mask, s.maskAt, r, act, f)
		}
	default:
		f := boolAtomic(kind)
		run = func(w *worker, v, v2, mask, r *cell) error {
			return update(w, p, v, v2, s.at[0], at2, mask, s.maskAt, r, act, f)
		}
	}
	return func(w *worker) error {
		v, v2, mask, err := s.cellsIn(w)
		if err != nil {
			return err
		}
		var r *cell
		if old >= 0 {
			r = &w.cells[old]
			if err := w.fresh(r, p.axes); err != nil {
				return err
			}
		}
		return run(w, v, v2, mask, r)
	}
}

// extents evaluates a tensor's dimensions; ok is false where one is negative or cannot be computed.
func extents(dims []*ir.Dim, sizes []int64) ([]int64, bool) {
	shape := make([]int64, len(dims))
	for i, d := range dims {
		k, ok := d.Eval(sizes)
		if !ok || k < 0 {
			return nil, false
		}
		shape[i] = k
	}
	return shape, true
}
