package interp

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// run is one run of a program.
type run struct {
	prog      *Program
	opts      Options
	sizes     []int64
	main      *worker
	others    []*worker // made when a phase needs them
	ownerMask uint32
	memory    int64 // limit
	used      atomic.Int64
	steps     atomic.Int64
	printing  sync.Mutex

	// stop ends everything: the context is done, or the steps are used up.
	stop atomic.Bool
	// limit is the lowest block of the phase that failed: blocks from it on need not run.
	limit atomic.Int64
	mu    sync.Mutex
	fault *Fault // of block limit, or what stopped the run

	arriving sync.Mutex
	arrived  map[arrival][]uint32 // the blocks, as shadows name them

	reported time.Time
}

// Run binds the arguments, one for each parameter, runs the function on them, and leaves its outputs in their tensors,
// which it first fills with NaN (integers: a pattern of bits), so that what is never written is easy to see. The error
// is a *Fault. Concurrent runs of a program do not disturb each other unless they share outputs.
func (p *Program) Run(args []Arg, opts Options) error {
	sizes, err := Bind(p.fn, args)
	if err != nil {
		return err
	}
	r := &run{prog: p, opts: opts, sizes: sizes, memory: opts.MaxMemory, ownerMask: 1<<p.ownerBits - 1}
	if r.memory <= 0 {
		r.memory = defaultMemory
	}
	if ctx := opts.Context; ctx != nil {
		if ctx.Err() != nil {
			return r.cancelled()
		}
		defer context.AfterFunc(ctx, func() { r.stop.Store(true) })()
	}
	r.main = r.worker()
	if err := r.bind(args); err != nil {
		return err
	}
	for i := range p.phases {
		if err := r.phase(&p.phases[i]); err != nil {
			return err
		}
	}
	return nil
}

// worker makes a worker with all constants.
func (r *run) worker() *worker {
	w := &worker{run: r, cells: make([]cell, len(r.prog.types))}
	for i, t := range r.prog.types {
		w.cells[i].init(t)
	}
	for _, k := range r.prog.consts {
		switch v := k.val.(type) {
		case int64:
			w.cells[k.cell].setInt(v)
		case float64:
			w.cells[k.cell].setFloat(v)
		}
	}
	return w
}

// bind puts sizes, arguments and temps into the main worker's cells.
func (r *run) bind(args []Arg) error {
	fn := r.prog.fn
	for i, k := range r.sizes {
		r.main.cells[i].oi64[0] = k
	}
	for i, p := range fn.Params {
		c := &r.main.cells[len(r.sizes)+i]
		if p.Type.Kind == ir.Scalar {
			if p.Type.Elem.IsFloat() {
				c.setFloat(p.Type.Elem.Round64(args[i].Float))
			} else {
				c.setInt(p.Type.Elem.IntOfInt(dtype.I64, args[i].Int, dtype.Wrap))
			}
			continue
		}
		t := args[i].Tensor
		m := &memory{name: p.Name, elem: t.Elem, dims: t.Shape, data: t.Data, bit: t.BitOffset, poisoned: p.Role == ir.Out}
		m.layout(t.Strides)
		c.mem = m
		if m.poisoned {
			m.poison()
		}
	}
	for _, t := range r.prog.temps {
		typ := t.op.Result().Type
		shape, ok := extents(typ.Dims, r.sizes)
		n, fits := volume(shape)
		text := strings.ReplaceAll(fmt.Sprint(shape), " ", ", ")
		if !ok || !fits || n > math.MaxInt/64 {
			return faultf(Limit, t.op.Pos, "temp %s of shape %s has an impossible size", t.op.Result().Name, text)
		}
		bytes := dtype.StreamBytes(typ.Elem.Bits(), int(n))
		if limit := t.op.Int("limit"); limit > 0 && int64(bytes) > limit {
			return faultf(Limit, t.op.Pos, "%s: a workspace of %d MiB exceeds the limit of %d MiB", t.op.Str("why"), (bytes+1<<20-1)>>20, limit>>20)
		}
		if r.reserve(int64(bytes), t.op) != nil {
			return faultf(Limit, t.op.Pos, "temp %s of shape %s needs %d MiB, more than is left of the memory limit of %d MiB",
				t.op.Result().Name, text, bytes>>20, r.memory>>20)
		}
		m := &memory{name: t.op.Result().Name, elem: typ.Elem, dims: shape, poisoned: !t.op.Flag("zero")}
		if r.opts.Device == nil {
			m.data = make([]byte, bytes)
		} else {
			var err error
			if m.data, err = r.opts.Device.Temp(t.op, bytes); err != nil {
				return faultf(Limit, t.op.Pos, "temp %s: %v", m.name, err)
			}
		}
		m.layout(nil)
		if m.data != nil && m.poisoned {
			m.poison()
		}
		r.main.cells[t.cell].mem = m
	}
	return nil
}

// layout computes what follows from the memory's shape and strides; nil strides are dense.
func (m *memory) layout(strides []int64) {
	m.class, m.width = classOf(m.elem), m.elem.Bits()
	m.strides = make([]int, len(m.dims))
	s := 1
	m.size = 1
	for i := len(m.dims) - 1; i >= 0; i-- {
		m.strides[i] = s
		if strides != nil {
			m.strides[i] = int(strides[i])
		}
		s *= int(m.dims[i])
		m.size += (m.dims[i] - 1) * int64(m.strides[i])
	}
	for _, d := range m.dims {
		if d == 0 {
			m.size = 0
		}
	}
}

// reserve counts bytes against the memory limit.
func (r *run) reserve(bytes int64, at *ir.Op) error {
	if r.used.Add(bytes) > r.memory || bytes < 0 {
		return r.tooMuch(at)
	}
	return nil
}

func (r *run) tooMuch(at *ir.Op) error {
	var pos ir.Pos
	if at != nil {
		pos = at.Pos
	}
	return faultf(Limit, pos, "temps and tiles need more than the memory limit of %d MiB: smaller tile sizes need less", r.memory>>20)
}

// tick counts an iteration of a loop, or a block, and ends the run where it must end.
func (w *worker) tick(o *ir.Op) error {
	r := w.run
	if r.stop.Load() || r.limit.Load() <= w.block {
		return w.stopped(o)
	}
	if r.opts.MaxSteps > 0 {
		if w.ticks++; w.ticks >= 64 || r.opts.MaxSteps < 1<<12 {
			if r.steps.Add(w.ticks) > r.opts.MaxSteps {
				return faultf(Limit, o.Pos, "the run took more than %d blocks and loop iterations", r.opts.MaxSteps)
			}
			w.ticks = 0
		}
	}
	return nil
}

// errAbandoned ends a block whose outcome does not matter any more.
var errAbandoned = fmt.Errorf("a lower block has failed")

func (w *worker) stopped(o *ir.Op) error {
	if w.run.stop.Load() {
		f := w.run.cancelled().(*Fault)
		f.Pos = o.Pos
		return f
	}
	return errAbandoned
}

func (r *run) cancelled() error {
	err := context.Cause(r.opts.Context)
	if err == nil {
		err = context.Canceled
	}
	return &Fault{Kind: Cancelled, Message: "the run was cancelled: " + err.Error(), Err: err}
}

// phase runs one operation at the top of the function.
func (r *run) phase(p *phase) error {
	r.limit.Store(math.MaxInt64)
	r.main.block, r.main.at = 0, p.step.op
	var blocks int64 = 1
	var counts []int64
	if p.grid != nil {
		var err error
		if counts, blocks, err = r.counts(p.grid); err != nil || blocks == 0 {
			return err
		}
	}
	if r.opts.Device != nil {
		return r.hosted(p, counts, blocks)
	}
	for _, u := range p.uses {
		m := r.main.cells[u.cell].mem
		mode := untracked
		switch {
		case u.writes && blocks > 1:
			mode = shared
		case m.poisoned || u.marks:
			mode = defined
		}
		if err := m.alloc(r, mode, p.step.op); err != nil {
			return err
		}
	}
	var err error
	if p.grid != nil {
		err = r.grid(p.grid, counts, blocks)
	} else {
		err = r.guard(r.main, func() error { return p.step.run(r.main) })
		if err == nil && r.stop.Load() {
			err = r.main.stopped(p.step.op)
		}
	}
	if err != nil {
		return err
	}
	for _, k := range p.step.kill {
		r.main.drop(&r.main.cells[k])
	}
	for _, u := range p.uses {
		r.main.cells[u.cell].mem.settle()
	}
	return nil
}

// hosted is phase where a device runs the blocks.
func (r *run) hosted(p *phase, counts []int64, blocks int64) error {
	if p.grid != nil {
		return r.opts.Device.Launch(&Grid{p.step.op, counts, blocks, r})
	}
	for _, u := range p.uses {
		if err := r.opts.Device.Reads(u.tensor); err != nil {
			return err
		}
	}
	err := r.guard(r.main, func() error { return p.step.run(r.main) })
	if err == nil && r.stop.Load() {
		err = r.main.stopped(p.step.op)
	}
	if err != nil {
		return err
	}
	for _, k := range p.step.kill {
		r.main.drop(&r.main.cells[k])
	}
	for _, u := range p.uses {
		if u.writes {
			if err := r.opts.Device.Wrote(u.tensor); err != nil {
				return err
			}
		}
	}
	return nil
}

// guard runs f on a worker and makes a fault of a panic, which is a failure of the interpreter or of the IR.
func (r *run) guard(w *worker, f func() error) (err error) {
	defer func() {
		if x := recover(); x != nil {
			var pos ir.Pos
			what := "?"
			if w.at != nil {
				pos, what = w.at.Pos, w.at.Code.String()
			}
			err = &Fault{Kind: Internal, Pos: pos, Message: fmt.Sprintf("internal error in %s: %v", what, x),
				Err: fmt.Errorf("%v\n%s", x, debug.Stack())}
		}
	}()
	return f()
}

// counts are the numbers of blocks along each binding, and their product.
func (r *run) counts(g *grid) (counts []int64, blocks int64, err error) {
	counts, blocks = make([]int64, len(g.by)), 1
	for i, by := range g.by {
		lo, hi := r.main.cells[g.bounds[2*i]].oi64[0], r.main.cells[g.bounds[2*i+1]].oi64[0]
		if hi <= lo || g.by[i] < 0 {
			return nil, 0, nil
		}
		n := uint64(hi) - uint64(lo)
		if by > 0 {
			n = (n-1)/uint64(by) + 1
		}
		counts[i] = int64(n)
		if n > math.MaxInt64 {
			blocks = math.MaxInt64
			counts[i] = math.MaxInt64
		}
	}
	for _, n := range counts {
		high, low := bits.Mul64(uint64(blocks), uint64(n))
		if high != 0 || low >= math.MaxInt64 {
			return nil, 0, faultf(Limit, g.op.Pos, "the grid of %v blocks is too large", counts)
		}
		blocks = int64(low)
	}
	return counts, blocks, nil
}

// grid runs the blocks of a parallel operation.
func (r *run) grid(g *grid, counts []int64, blocks int64) error {
	if g.body.empty {
		return nil
	}
	r.fault = nil
	n := int(min(int64(r.opts.workers()), blocks))
	for len(r.others) < n-1 {
		r.others = append(r.others, r.worker())
	}
	q := &queue{run: r, grid: g, counts: counts, blocks: blocks, chunk: max(1, min(64, blocks/int64(16*n)))}
	var wg sync.WaitGroup
	for _, w := range r.others[:n-1] {
		for _, k := range g.captures {
			w.borrow(&w.cells[k], &r.main.cells[k])
		}
		wg.Go(func() { q.work(w) })
	}
	q.work(r.main)
	wg.Wait()
	if r.opts.Progress != nil && r.fault == nil {
		r.opts.Progress(g.name, blocks, blocks)
	}
	if r.fault != nil {
		return r.fault
	}
	return nil
}

// borrow makes d hold what s, a cell of another worker, holds; the elements stay the other's.
func (w *worker) borrow(d, s *cell) {
	w.drop(d)
	switch s.kind {
	case ir.Tile:
		d.f32, d.f64, d.i64, d.b = s.f32, s.f64, s.i64, s.b
		copy(d.dims, s.dims)
		d.shareAffine(s)
	default:
		w.share(d, s)
	}
}

// queue hands out the blocks of a phase in ascending order.
type queue struct {
	run    *run
	grid   *grid
	counts []int64
	blocks int64
	chunk  int64
	next   atomic.Int64
	done   atomic.Int64
}

// work runs blocks until there are none left.
func (q *queue) work(w *worker) {
	r := q.run
	index := make([]int64, len(q.counts))
	for {
		first := q.next.Add(q.chunk) - q.chunk
		if first >= q.blocks || first < 0 || r.stop.Load() && r.fail(r.cancelled(), q.blocks) {
			return
		}
		end := min(first+q.chunk, q.blocks)
		k := first
		for i := len(index) - 1; i >= 0; i-- {
			index[i] = k % q.counts[i]
			k /= q.counts[i]
		}
		for b := first; b < end; b++ {
			if b >= r.limit.Load() {
				return
			}
			w.block, w.seen = b, nil
			q.place(w, index)
			if err := r.guard(w, func() error {
				if err := w.tick(q.grid.op); err != nil {
					return err
				}
				if err := w.exec(q.grid.body); err != nil {
					return err
				}
				return w.settled(q.grid)
			}); err != nil {
				r.fail(err, b)
				break
			}
			for i := len(index) - 1; i >= 0; i-- {
				if index[i]++; index[i] < q.counts[i] {
					break
				}
				index[i] = 0
			}
		}
		q.report(end - first)
	}
}

// place gives the worker's bindings the values of the block at an index.
func (q *queue) place(w *worker, index []int64) {
	g := q.grid
	for i, k := range g.body.args {
		lo, hi := w.cells[g.bounds[2*i]].oi64[0], w.cells[g.bounds[2*i+1]].oi64[0]
		c := &w.cells[k]
		if by := g.by[i]; by == 0 {
			c.oi64[0] = lo + index[i]
		} else {
			c.lo = lo + index[i]*by
			c.hi = hi
			if uint64(hi)-uint64(c.lo) > uint64(by) {
				c.hi = c.lo + by
			}
		}
	}
}

// fail records that a block failed, and keeps the fault of the lowest one. It gives true.
func (r *run) fail(err error, block int64) bool {
	if err == errAbandoned {
		return true
	}
	f, ok := err.(*Fault)
	if !ok {
		f = &Fault{Kind: Internal, Message: err.Error(), Err: err}
	}
	block = max(block, f.block)
	r.mu.Lock()
	defer r.mu.Unlock()
	if block < r.limit.Load() || r.fault == nil {
		r.fault = f
		r.limit.Store(block)
	}
	return true
}

// report tells the caller about blocks done, ten times a second at most.
func (q *queue) report(n int64) {
	done := q.done.Add(n)
	r := q.run
	if r.opts.Progress == nil || !r.mu.TryLock() {
		return
	}
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.reported) > 100*time.Millisecond {
		r.reported = now
		r.opts.Progress(q.grid.name, done, q.blocks)
	}
}
