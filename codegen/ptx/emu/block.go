package emu

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"strings"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/syntax"
)

// run is one launch.
type run struct {
	m        *Machine
	p        *Program
	k        *kernel
	launch   Launch
	params   *region
	threads  int
	warps    int
	executed uint64
	limit    uint64
	hits     []hit
	rng      *rand.Rand
	findings []*Finding
	index    map[findingKey]*Finding
	halted   bool
	pool     []*block
	released map[uint64]*published // by address; shared memory of block b is above sharedKey
	checking bool
	products *tiles // scratch of mma, once one has run
}

type hit struct{ instructions, lanes, wavefronts, conflicts uint64 }

type findingKey struct {
	kind Kind
	pc   int
}

// block is a thread block.
type block struct {
	run      *run
	index    int
	id       [3]int
	warps    []*warp
	live     uint32 // warps that have not ended
	shared   *region
	barriers [16]barrier
}

// barrier is one of the 16 of a block.
type barrier struct {
	arrived uint32 // warps that came in this phase
	waiting uint32 // those of them that wait
	threads int    // that came
	want    int    // threads that must come; 0 all
	count   int    // lanes whose predicate holds, for bar.red
	lanes   int
	reduces bool
	clock   clock
}

func newRun(p *Program, k *kernel, l Launch, params []byte, threads int) *run {
	r := &run{m: p.m, p: p, k: k, launch: l, threads: threads, warps: (threads + lanes - 1) / lanes, hits: make([]hit, len(k.code)),
		index: map[findingKey]*Finding{}, released: map[uint64]*published{}, limit: p.m.opts.MaxInstructions, checking: !p.m.opts.NoChecks}
	r.params = &region{name: "the parameters", space: "param", size: uint64(len(params)), data: params, readOnly: true}
	if s := p.m.opts.Seed; s != 0 {
		r.rng = rand.New(rand.NewPCG(s, 0x7469_6c65_63))
	}
	for _, g := range p.m.regions { // launches are ordered
		g.global = nil
	}
	return r
}

// residents is the most blocks that run at once, as far as they fit into residentBytes.
const (
	residents     = 64
	residentBytes = 1 << 30
)

// footprint is about the bytes that a block takes here.
func (r *run) footprint() int {
	perWarp := r.k.slots*132 + 64*r.k.local
	shared := r.k.shared + r.launch.Shared
	return r.warps*perWarp + shared*2 + shared>>r.k.sharedShift*(12+8*r.warps)
}

// all runs the blocks. One runs to its end, unless it takes long: then others begin, for it may wait for them. It gives
// false where the launch's Progress ended it.
func (r *run) all(blocks int) bool {
	var active []*block
	next := 0
	most := min(residents, max(1, residentBytes/max(1, r.footprint())))
	if r.launch.InOrder {
		most = 1
	}
	for !r.halted && (next < blocks || len(active) > 0) {
		if len(active) == 0 || next < blocks && len(active) < most {
			active = append(active, r.begin(next))
			next++
		}
		for i := 0; i < len(active) && !r.halted; i++ {
			quantum := 1 << 18
			if r.rng != nil {
				quantum = 1 << (10 + r.rng.IntN(8))
			}
			if active[i].turn(quantum) {
				r.pool = append(r.pool, active[i])
				active = append(active[:i], active[i+1:]...)
				i--
			}
			if r.executed >= r.limit && !r.halted && (next < blocks || len(active) > 0) {
				r.find(TooLong, -1, nil, 0, 0, 0, "%d warp instructions were executed without an end", r.executed)
				r.halted = true
			}
			if p := r.launch.Progress; p != nil && !p(next-len(active)) {
				return false
			}
		}
	}
	return true
}

// begin makes a block ready.
func (r *run) begin(index int) *block {
	var b *block
	if n := len(r.pool); n > 0 {
		b, r.pool = r.pool[n-1], r.pool[:n-1]
	} else {
		b = r.newBlock()
	}
	b.index = index
	b.id = [3]int{index % r.launch.Grid[0], index / r.launch.Grid[0] % r.launch.Grid[1], index / r.launch.Grid[0] / r.launch.Grid[1]}
	b.live = 0
	b.barriers = [16]barrier{}
	if r.checking {
		clear(b.shared.init)
		if b.shared.shared != nil {
			b.shared.shared.reset()
		}
	}
	for i := range b.shared.data {
		b.shared.data[i] = 0xff // NaN in every float
	}
	for i, w := range b.warps {
		n := min(r.threads-i*lanes, lanes)
		w.alive = full >> (lanes - n)
		w.mask, w.pc, w.splits, w.state = w.alive, 0, w.splits[:0], going
		w.turns, w.carry = 0, 0
		w.copies, w.cpGroup = w.copies[:0], [lanes]uint32{}
		w.fenced, w.outward, w.heard, w.inward = nil, nil, nil, nil
		w.clock = clock{}
		w.clock.near[i] = 1
		b.live |= 1 << i
		clear(w.def)
		clear(w.pdef)
		w.pdef[0] = full
		if w.local != nil {
			clear(w.local.init)
		}
		w.fill()
	}
	return b
}

func (r *run) newBlock() *block {
	b := &block{run: r}
	n := r.k.shared + r.launch.Shared
	b.shared = &region{name: "shared memory", space: "shared", size: uint64(n), data: alignedBytes(n + vectorPad)[:n]}
	if r.checking {
		b.shared.init = make([]byte, n+vectorPad)
		b.shared.shared = newSharedShadow(uint64(n), r.k.sharedShift, r.warps)
	}
	for i := range r.warps {
		w := &warp{run: r, block: b, k: r.k, index: i, checking: r.checking,
			regs: newFile(r.k.slots), def: make([]uint32, r.k.slots), preds: make([]uint32, r.k.preds), pdef: make([]uint32, r.k.preds), tmp: newFile(2)}
		if r.k.local > 0 {
			n := r.k.local * lanes
			w.local = &region{name: "local memory", space: "local", size: uint64(n), data: alignedBytes(n + vectorPad)[:n]}
			if r.checking {
				w.local.init = make([]byte, n+vectorPad)
			}
		}
		for _, c := range r.k.consts {
			for l := range lanes {
				if c.wide {
					w64(&w.regs[c.slot])[l] = c.bits
				} else {
					w.regs[c.slot][l] = uint32(c.bits)
				}
			}
		}
		b.warps = append(b.warps, w)
	}
	return b
}

// fill writes the special registers, which stand in the register file.
func (w *warp) fill() {
	r, b := w.run, w.block
	for _, s := range w.k.specials {
		for l := range lanes {
			t := w.index*lanes + l
			tid := [3]int{t % r.launch.Block[0], t / r.launch.Block[0] % r.launch.Block[1], t / r.launch.Block[0] / r.launch.Block[1]}
			axis := 0
			name, component, ok := strings.Cut(s.name, ".")
			if ok {
				axis = int(component[0] - 'x')
			}
			v := uint64(0)
			switch name {
			case "%tid":
				v = uint64(tid[axis])
			case "%ntid":
				v = uint64(r.launch.Block[axis])
			case "%ctaid", "%clusterid":
				v = uint64(b.id[axis])
			case "%nctaid", "%nclusterid":
				v = uint64(r.launch.Grid[axis])
			case "%cluster_nctaid", "%cluster_nctarank", "%nsmid":
				v = 1
			case "%laneid":
				v = uint64(l)
			case "%warpid":
				v = uint64(w.index)
			case "%nwarpid":
				v = maxWarps
			case "%lanemask_eq":
				v = 1 << l
			case "%lanemask_lt":
				v = 1<<l - 1
			case "%lanemask_le":
				v = 2<<l - 1
			case "%lanemask_gt":
				v = uint64(full &^ (2<<l - 1))
			case "%lanemask_ge":
				v = uint64(full &^ (1<<l - 1))
			case "%dynamic_smem_size":
				v = uint64(r.launch.Shared)
			case "%total_smem_size", "%aggr_smem_size":
				v = b.shared.size
			}
			if s.wide {
				w64(&w.regs[s.slot])[l] = v
			} else {
				w.regs[s.slot][l] = uint32(v)
			}
		}
	}
}

// turn runs a block's warps in turn for about as many instructions; done says that all have ended.
func (b *block) turn(quantum int) (done bool) {
	r := b.run
	start := r.executed
	for r.executed-start < uint64(quantum) {
		ready := 0
		for _, w := range b.warps {
			if w.state == going {
				ready++
			}
		}
		if ready == 0 {
			if b.live == 0 {
				return true
			}
			b.deadlock()
			r.halted = true
			return false
		}
		if r.rng != nil {
			k := r.rng.IntN(ready)
			for _, w := range b.warps {
				if w.state == going {
					if k == 0 {
						b.step(w, 1+r.rng.IntN(200))
						break
					}
					k--
				}
			}
			if r.halted {
				return false
			}
			continue
		}
		for _, w := range b.warps {
			if w.state == going {
				b.step(w, 1<<12)
			}
			if r.halted {
				return false
			}
		}
	}
	return b.live == 0
}

func (b *block) step(w *warp, budget int) {
	switch w.execute(budget) {
	case blocked:
		if w.state == going {
			w.state = blocked
		}
	case ended:
		w.state = ended
		b.live &^= 1 << w.index
		for i := range b.barriers { // barriers of all threads do not wait for those that have ended
			b.complete(i)
		}
	case stopped:
		b.run.halted = true
	}
}

// deadlock says who waits for what.
func (b *block) deadlock() {
	var parts []string
	for i := range b.barriers {
		x := &b.barriers[i]
		if x.waiting == 0 {
			continue
		}
		want := x.want / lanes
		what := fmt.Sprintf("%d of %d warps came", bits.OnesCount32(x.arrived), want)
		if want == 0 {
			want = bits.OnesCount32(b.live)
			what = fmt.Sprintf("%d of %d warps came, %s did not", bits.OnesCount32(x.arrived), want, warpList(b.live&^x.arrived))
		}
		w := b.warps[bits.TrailingZeros32(x.waiting)]
		parts = append(parts, fmt.Sprintf("%s at barrier %d (ptx %s): %s", warpList(x.waiting), i, w.waitOp.in.Pos, what))
	}
	var o *op
	index := 0
	for _, w := range b.warps {
		if w.state == blocked {
			o, index = w.waitOp, w.index
			break
		}
	}
	pc := -1
	var in *syntax.Instr
	if o != nil {
		pc, in = o.pc, o.in
	}
	b.run.find(Deadlock, pc, in, b.index, index, full, "no warp can go on: %s", strings.Join(parts, "; "))
}

func warpList(m uint32) string {
	return strings.Replace(strings.Replace(laneList(m), "all lanes", "lanes 0-31", 1), "lane", "warp", 1)
}

// find notes a finding.
func (r *run) find(kind Kind, pc int, in *syntax.Instr, block, warp int, m uint32, format string, args ...any) {
	key := findingKey{kind, pc}
	if f := r.index[key]; f != nil {
		f.Times++
		return
	}
	if len(r.findings) >= r.m.opts.MaxFindings {
		return
	}
	f := &Finding{Kind: kind, Block: block, Warp: warp, Lanes: m, Text: fmt.Sprintf(format, args...), Times: 1}
	if in != nil {
		f.Pos, f.Loc, f.Instr, f.File = in.Pos, in.Loc, in.Name(), r.p.mod.Files[in.Loc.File]
	}
	r.index[key] = f
	r.findings = append(r.findings, f)
}

// finish makes the report.
func (r *run) finish() *Report {
	rep := &Report{Findings: r.findings, Instructions: r.executed, ByClass: map[Class]uint64{}}
	for pc, h := range r.hits {
		if h.instructions == 0 {
			continue
		}
		in := r.k.code[pc].in
		rep.Lanes += h.lanes
		rep.ByClass[ClassOf(in)] += h.instructions
		rep.SharedWavefronts += h.wavefronts
		rep.SharedConflicts += h.conflicts
		rep.Lines = append(rep.Lines, LineCount{in.Pos, in.Loc, in.Name(), h.instructions, h.lanes, h.wavefronts, h.conflicts})
	}
	return rep
}

// barrier decodes bar, barrier, membar and fence.
func (d *decoder) barrier(o *op) bool {
	in := o.in
	o.kind = runOp
	switch {
	case in.Opcode == "membar" || in.Opcode == "fence":
		if in.Has(".proxy") || in.Has(".mbarrier_init") {
			return false
		}
		for _, m := range in.Mods {
			if strings.HasPrefix(m, ".sync_restrict") || strings.HasPrefix(m, ".proxy") {
				return false
			}
		}
		o.run = fenceRun
		if in.Has(".cta") || in.Has(".cluster") { // without clusters, a cluster is a block
			o.run = fenceBlockRun
		}
		return true
	case in.Has(".cluster"):
		return false
	case in.Has(".warp"):
		o.sync = true
		o.members = d.slot(o, &in.Args[0], ptx.B32)
		o.run = func(w *warp, o *op, m uint32) status {
			w.checkMembers(o, m)
			w.clock.near[w.index]++
			return going
		}
		return true
	}
	o.sync = true
	args := in.Args
	red := in.Has(".red")
	if red {
		if in.Has(".popc") {
			o.d = d.destination(&args[0], false)
		} else {
			o.pd = d.result(&args[0])
		}
		o.ps, o.psNot = d.predicate(o, &args[len(args)-1])
		args = args[1 : len(args)-1]
	}
	o.a = d.slot(o, &args[0], ptx.U32)
	all := len(args) < 2
	if !all {
		o.b = d.slot(o, &args[1], ptx.U32)
	}
	waits := !in.Has(".arrive")
	o.run = func(w *warp, o *op, m uint32) status {
		return w.arrive(o, m, all, waits, red)
	}
	return true
}

// arrive brings a warp to a barrier.
func (w *warp) arrive(o *op, m uint32, all, waits, red bool) status {
	first := bits.TrailingZeros32(m) & 31
	id := w.regs[o.a][first]
	want := 0
	if !all {
		want = int(w.regs[o.b][first])
	}
	for l := m; l != 0; l &= l - 1 {
		i := bits.TrailingZeros32(l) & 31
		if w.regs[o.a][i] != id || !all && int(w.regs[o.b][i]) != want {
			w.report(o, m, BarrierMisuse, "the lanes name different barriers or counts")
			return stopped
		}
	}
	if id > 15 || want%lanes != 0 || want < 0 || !all && want == 0 {
		w.report(o, m, BarrierMisuse, "barrier %d for %d threads: there are 0 to 15, for a multiple of %d", id, want, lanes)
		return stopped
	}
	b := w.block
	x := &b.barriers[id]
	switch {
	case x.arrived != 0 && x.want != want:
		w.report(o, m, BarrierMisuse, "barrier %d is for %s here, %s came for %s", id, threadCount(want), warpList(x.arrived), threadCount(x.want))
		return stopped
	case x.arrived>>w.index&1 == 1:
		w.report(o, m, BarrierMisuse, "barrier %d: warp %d comes a second time before the others came", id, w.index)
		return stopped
	case x.arrived != 0 && x.reduces != red:
		w.report(o, m, BarrierMisuse, "barrier %d: some warps reduce and others do not", id)
		return stopped
	case want/lanes > len(b.warps):
		w.report(o, m, BarrierMisuse, "barrier %d waits for %d threads, the block has %d", id, want, len(b.warps)*lanes)
		return stopped
	}
	x.arrived |= 1 << w.index
	x.threads += lanes
	x.want, x.reduces = want, red
	if red {
		p := w.pred(o.ps, o.psNot) & m
		x.count += bits.OnesCount32(p)
		x.lanes += bits.OnesCount32(m)
	}
	if w.checking {
		x.clock.join(&w.clock)
		w.clock.near[w.index]++
	}
	if waits {
		x.waiting |= 1 << w.index
		w.state, w.waitAt, w.waitOp = blocked, int(id), o
	}
	b.complete(int(id))
	if w.state == blocked {
		return blocked
	}
	if waits {
		return yielded
	}
	return going
}

func threadCount(n int) string {
	if n == 0 {
		return "all threads"
	}
	return fmt.Sprintf("%d threads", n)
}

// complete opens a barrier at which all that it waits for have come.
func (b *block) complete(id int) {
	x := &b.barriers[id]
	if x.arrived == 0 || x.want == 0 && b.live&^x.arrived != 0 || x.want > 0 && x.threads < x.want {
		return
	}
	for m := x.waiting; m != 0; m &= m - 1 {
		w := b.warps[bits.TrailingZeros32(m)]
		w.state = going
		if w.checking {
			w.clock.join(&x.clock)
		}
		if !x.reduces {
			continue
		}
		o := w.waitOp
		switch in := o.in; {
		case in.Has(".popc"):
			for l := w.alive; l != 0; l &= l - 1 {
				w.regs[o.d][bits.TrailingZeros32(l)&31] = uint32(x.count)
			}
			w.def[o.d] |= w.alive
		case in.Has(".and"):
			w.setPred(o.pd, -bit(x.count == x.lanes), w.alive)
		default:
			w.setPred(o.pd, -bit(x.count > 0), w.alive)
		}
	}
	*x = barrier{}
}

// fenceRun is membar and fence: what was read before is known after it, and later relaxed writes publish what is known now.
// This is so for warps of all blocks.
func fenceRun(w *warp, o *op, m uint32) status {
	if !w.checking {
		return going
	}
	if w.inward != nil {
		w.clock.join(w.inward)
		w.inward = nil
	}
	fenceBlockRun(w, o, m)
	w.outward = w.fenced
	return going
}

// fenceBlockRun is a fence among the warps of one block.
func fenceBlockRun(w *warp, _ *op, _ uint32) status {
	if !w.checking {
		return going
	}
	if w.heard != nil {
		w.clock.join(w.heard)
		w.heard = nil
	}
	c := w.clock
	w.fenced = &c
	w.clock.near[w.index]++
	return going
}
