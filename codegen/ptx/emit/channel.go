package emit

import (
	"fmt"
	"slices"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/passes"
)

// ring is the shared memory of channels that go in step: a stage has a slot of each of them. The slots of the first are acquired,
// committed, taken and released before those of the others, which are there with it.
type ring struct {
	members []*ir.Op
	offsets []int64 // of each member in a stage
	depth   int64
	region  *ir.Region
	held    interval
	area    *asm.Area
	first   int64 // the offset of the first stage in shared memory
	stage   int64 // bytes
	// read is the offset of the next stage to be taken, last that of the one that was taken last: registers.
	read, last asm.Reg
	// taken and acquired are the stages of the last operations; free is the one that the next acquire gets. How many operations
	// of its members there were so far.
	taken, acquired, free asm.Arg
	takes, acquires, puts int
	// plain says that no copy into its slots is asynchronous.
	plain bool
}

// view is a tile in shared memory.
type view struct {
	form passes.SlotForm
	slot asm.Arg // the stage's offset in shared memory, a word
	base int64   // what is added to it
	// place is the stage, for the proof that its accesses are in order.
	place asm.Place
}

// channel emits the making of a channel: its ring gets shared memory before the first operation that uses it, and gives it back
// behind the last ([emitter.region]).
func (e *emitter) channel(o *ir.Op) {
	if e.rings[o.Result()] != nil {
		return
	}
	r := e.newRing(o)
	r.read, r.last = e.b.Var(asm.W), e.b.Var(asm.W)
	if first, last := r.extent(e); first != nil {
		e.opens[first] = append(e.opens[first], r)
		e.closes[last] = append(e.closes[last], r)
	}
}

// extent sets the region in which the ring lives, the innermost one around all that uses it, and gives the first and the last
// operation of that region that do, or have something in them that does. In a loop that takes stages the ring outlives the steps.
func (r *ring) extent(e *emitter) (first, last *ir.Op) {
	var uses []*ir.Op
	for _, o := range r.members {
		uses = append(uses, e.users(o.Result())...)
	}
	for r.region = r.members[0].Parent; ; {
		first, last = nil, nil
		var inner []*ir.Region
		for _, o := range r.region.Ops {
			at := slices.IndexFunc(uses, func(u *ir.Op) bool { return o == ancestor(u, r.region) })
			if at < 0 {
				continue
			}
			if last = o; first == nil {
				first = o
			}
			for _, q := range o.Regions {
				if slices.ContainsFunc(uses, func(u *ir.Op) bool { return ancestor(u, q) != nil }) {
					inner = append(inner, q)
				}
			}
		}
		takes := func(o *ir.Op) bool { return o.Code == ir.Take && slices.Contains(uses, o) }
		if first != last || len(inner) != 1 || repeats(first) && slices.ContainsFunc(inner[0].Ops, takes) {
			return first, last
		}
		r.region = inner[0]
	}
}

// ancestor is the operation of a region that is o or has it in it, nil where there is none.
func ancestor(o *ir.Op, r *ir.Region) *ir.Op {
	for o.Parent != r {
		if o = o.Parent.Parent; o == nil || o.Parent == nil {
			return nil
		}
	}
	return o
}

// repeats reports whether an operation is a loop of more than one step.
func repeats(o *ir.Op) bool {
	return o.Code == ir.While || o.Code == ir.For && !o.Flag("once")
}

// open gives the ring its shared memory.
func (r *ring) open(e *emitter) {
	r.held = e.hold(r.stage * r.depth)
	r.first, r.area = r.held.lo, r.held.area()
	r.area.Ring = true
	e.b.Changes(r.read, r.last)
	r.begin(e)
}

// again reports whether an operation on the ring is run more than once while it has its memory.
func (r *ring) again(o *ir.Op) bool {
	for ; o.Parent != r.region; o = o.Parent.Parent {
		if repeats(o.Parent.Parent) {
			return true
		}
	}
	return false
}

// newRing puts together a channel and those of its ring.
func (e *emitter) newRing(o *ir.Op) *ring {
	r := &ring{depth: o.Result().Type.Depth}
	for _, p := range o.Parent.Ops {
		if p == o || p.Code == ir.ChanOf && o.Attr("ring") != nil && p.Attr("ring") != nil && p.Int("ring") == o.Int("ring") {
			f, ok := passes.SlotFormOf(p.Result().Type)
			if !ok {
				e.fail("a channel of %s: the layout of its slots is none that is known", p.Result().Type)
			}
			if p.Result().Type.Depth != r.depth {
				e.fail("channels of one ring with %d and %d slots", r.depth, p.Result().Type.Depth)
			}
			r.members = append(r.members, p)
			r.offsets = append(r.offsets, r.stage)
			r.stage += (f.Bytes() + 1023) &^ 1023
			e.rings[p.Result()] = r
		}
	}
	r.plain = e.synchronous(r)
	return r
}

// of is the ring of a channel, and the channel's place in it.
func (e *emitter) of(c *ir.Value) (*ring, int) {
	r := e.rings[c]
	if r == nil {
		e.fail("a channel that is used before it is made")
	}
	return r, slices.IndexFunc(r.members, func(o *ir.Op) bool { return o.Result() == c })
}

// next takes a stage, and gives with it the one before, which is the last that was released.
func (r *ring) next(e *emitter) {
	b := e.b
	if r.depth == 1 {
		r.taken = asm.Int(r.first)
		return
	}
	b.Changes(r.read, r.last)
	now, was := b.Do("mov.b32", asm.W, asm.R(r.read)), b.Do("mov.b32", asm.W, asm.R(r.last))
	next := b.Do("add.s32", asm.W, asm.R(now), asm.Int(r.stage))
	wraps := b.Do("setp.eq.s32", asm.P, asm.R(next), asm.Int(r.first+r.stage*r.depth))
	b.Emit("selp.b32", asm.R(r.read), asm.Int(r.first), asm.R(next), asm.R(wraps))
	e.move(r.last, asm.R(now))
	r.taken, r.free = asm.R(now), asm.R(was)
}

// begin is before the first stage is taken.
func (r *ring) begin(e *emitter) {
	e.move(r.read, asm.Int(r.first))
	e.move(r.last, asm.Int(r.first+(r.depth-1)*r.stage))
}

// slot is the slot of a member in a stage.
func (r *ring) slot(o *ir.Op, i int, stage asm.Arg) *value {
	form, _ := passes.SlotFormOf(r.members[i].Result().Type)
	return &value{slot: stage, view: &view{form: form, slot: stage, base: r.offsets[i], place: asm.Place{Area: r.area, At: stage, Fill: (r.acquires - 1) / len(r.members)}}}
}

// acquire emits Acquire. Before the loop that takes them stages are acquired in turn, from the first one on. In it the stage is
// the one that was released last: the barrier of this step's take is behind its reads. In a ring of one stage, and for the first
// stage of a loop that runs more than once, a barrier has to stand between the last reads and this.
func (e *emitter) acquire(o *ir.Op) {
	if e.copied[o] {
		return
	}
	e.copied[o] = true
	r, i := e.of(o.Operands[0])
	if r.acquires%len(r.members) == 0 {
		n := int64(r.acquires / len(r.members))
		switch {
		case r.depth == 1:
			e.shared.use(e, r.held)
			r.acquired = asm.Int(r.first)
		case r.takes > 0:
			r.acquired = r.free
		default:
			if n >= r.depth {
				e.fail("more slots acquired than the %d of a channel", r.depth)
			}
			if n == 0 && r.again(o) {
				e.shared.use(e, r.held)
				e.b.Changes(r.read, r.last)
				r.begin(e)
			}
			r.acquired = asm.Int(r.first + n*r.stage)
		}
	}
	r.acquires++
	e.set(o.Result(), r.slot(o, i, r.acquired))
}

// looped reports whether an operation stands in a loop.
func looped(o *ir.Op) bool {
	for p := o.Parent.Parent; p != nil; p = p.Parent.Parent {
		if p.Code == ir.For || p.Code == ir.While {
			return true
		}
		if p.Parent == nil {
			break
		}
	}
	return false
}

// commit emits Commit: one group of copies for the whole stage. Inside of a branch the group is that of the branch, which has it,
// empty, even where it is not taken: so the number of groups that a take waits for is always the same.
func (e *emitter) commit(o *ir.Op) {
	if p := o.Parent.Parent; p != nil && p.Code == ir.If {
		return
	}
	e.group(o)
}

// group ends the group of copies of a stage, where a commit is its last.
func (e *emitter) group(o *ir.Op) {
	if e.slots[o.Operands[0]] != nil {
		return
	}
	r, _ := e.of(o.Operands[0])
	if r.puts++; r.puts%len(r.members) == 0 && !r.plain {
		e.b.Emit("cp.async.commit_group")
	}
}

// commitsIn ends the groups of the commits in the arms of a branch.
func (e *emitter) commitsIn(o *ir.Op) {
	for _, r := range o.Regions {
		for _, p := range r.Ops {
			if p.Code == ir.Commit {
				e.group(p)
			}
		}
	}
}

// take emits Take: the copies of this thread into the oldest stage have arrived, and then, behind a barrier, those of all. In a ring
// of more than one stage the barrier also says that the stage that comes next to be filled is read. In one of a single stage
// [emitter.acquire] sees to that, and the barrier stands where the stage is first read, or is one that stands before that anyway.
func (e *emitter) take(o *ir.Op) {
	r, i := e.of(o.Operands[0])
	if r.takes%len(r.members) == 0 {
		if !r.plain {
			e.b.Emit("cp.async.wait_group", asm.Int(max(0, r.depth-2)))
		}
		if r.depth == 1 && e.crew == nil {
			e.shared.due = union(e.shared.due, []interval{r.held})
		} else {
			e.barrier()
		}
		r.next(e)
	}
	r.takes++
	e.set(o.Result(), r.slot(o, i, r.taken))
}

// release emits Release: until the next barrier other warps may read the stage.
func (e *emitter) release(o *ir.Op) {
	r, _ := e.of(o.Operands[0])
	e.shared.busy = union(e.shared.busy, []interval{r.held})
}

// seen emits View.
func (e *emitter) seen(o *ir.Op) {
	e.set(o.Result(), &value{view: e.value(o.Operands[0]).view})
}

// pieceAt is the address of the piece that holds an element, by the row and the piece of the thread and the constant part of both,
// which have no bits in common where pieces are exchanged: a register and an offset. Row8 is the thread's row modulo 8;
// constant rows are multiples of 8.
func (e *emitter) pieceAt(v *view, row, row8, piece asm.Arg, rows, pieces int64) (asm.Reg, int64) {
	b, f := e.b, v.form
	mask := int64(1)<<f.Swizzle - 1
	low := pieces & mask
	if f.Swizzle > 0 {
		x := b.Shr(asm.W, row8, 3-f.Swizzle)
		if f.Swizzle == 3 {
			x = row8
		}
		piece = b.Xor(asm.W, b.Xor(asm.W, piece, x), asm.Int(low))
	} else {
		low = 0
	}
	at := b.Add(asm.W, b.Mul(asm.W, row, asm.Int(f.Pitch)), b.Shl(asm.W, piece, 4))
	at = b.Add(asm.W, at, asm.R(e.sharedBase()))
	return b.Move(asm.W, b.Add(asm.W, at, v.slot)), v.base + rows*f.Pitch + (pieces-low)*16
}

// warpPart is the warp's part of a coordinate along an axis.
func (e *emitter) warpPart(p *place, axis int) asm.Arg {
	sum, before := asm.Int(0), int64(1)
	for _, g := range p.warp {
		if g.Axis == axis && g.Size > 1 && g.Stride > 0 {
			sum = e.b.Mad(asm.W, e.digit(e.warp, before, g.Size, int64(e.warps)), asm.Int(g.Stride), sum)
		}
		before *= g.Size
	}
	return sum
}

// fragments are the registers of the fragments of an operand that lies in shared memory, at a step along the summed axis,
// for some repeats along the other, of a batch; or, of one that is cast, the words with its codes.
func (e *emitter) fragments(x *operand, sum int, step int64, repeats []int64, batch int64) [][]asm.Arg {
	b, f := e.b, x.view.form
	rowAxis := x.groups[sum][0]
	if rowAxis == f.Inner {
		rowAxis = x.groups[1-sum][0]
	}
	along := x.groups[sum][0] == f.Inner // the summed axis runs within rows
	list := make([][]asm.Arg, len(repeats))
	if x.v.cast == nil && (x.frag.Slot != 16 && !(x.frag.Slot == 8 && along) || f.Bits != x.frag.Slot) {
		e.fail("%s read from shared memory", x)
	}
	per := 128 / f.Bits
	// Matrices of 8 rows of 16 bytes: where they lie along the other axis and the summed one.
	type matrix struct{ rows, sums int64 }
	var ms []matrix
	size := x.frag.Distribution.Tile()
	for _, r := range repeats {
		for k := int64(0); k < size[sum]; k += per {
			for i := int64(0); i < size[1-sum]; i += 8 { // of A two below each other, and behind them two more
				ms = append(ms, matrix{r + i, step + k})
			}
		}
	}
	regs := make([]asm.Arg, len(ms))
	lane := e.lane
	row8 := b.And(asm.W, lane, asm.Int(7))
	bit3, bit4 := b.And(asm.W, b.Shr(asm.W, lane, 3), asm.Int(1)), b.Shr(asm.W, lane, 4)
	warpRow, warpPiece := e.warpPart(x.p, rowAxis), e.warpPart(x.p, f.Inner)
	first := int64(0) // row of the batch
	for _, i := range slices.Backward(x.groups[2]) {
		n := x.p.d.Tile()[i]
		first += batch % n * f.Step(i)
		warpRow = b.Mad(asm.W, e.warpPart(x.p, i), asm.Int(f.Step(i)), warpRow)
		batch /= n
	}
	if k, ok := warpPiece.IntValue(); ok {
		warpPiece = asm.Int(k / per)
	} else {
		warpPiece = b.Shr(asm.W, warpPiece, log2(per))
	}
	for i := 0; i < len(ms); {
		// As many as lie at sums of distances, each in bits of its own.
		n := 1
		for n < 4 && i+2*n <= len(ms) {
			by := matrix{ms[i+n].rows - ms[i].rows, ms[i+n].sums - ms[i].sums}
			fits := by.rows >= 0 && by.sums >= 0 && (by.rows&ms[i].rows|by.sums&ms[i].sums) == 0
			for j := range n {
				fits = fits && ms[i+n+j] == matrix{ms[i+j].rows + by.rows, ms[i+j].sums + by.sums}
			}
			if !fits {
				break
			}
			n *= 2
		}
		group := ms[i : i+n]
		// Lane l points to row l mod 8 of matrix l / 8.
		deltaRow, deltaPiece := asm.Int(0), asm.Int(0)
		for bit, digit := range []asm.Arg{bit3, bit4} {
			if 1<<bit >= n {
				break
			}
			next := group[1<<bit]
			rows, sums := next.rows-group[0].rows, next.sums-group[0].sums
			if !along {
				rows, sums = sums, rows
			}
			// rows are now along the form's rows, in elements; sums within a row.
			deltaRow = b.Add(asm.W, deltaRow, b.Mul(asm.W, digit, asm.Int(rows)))
			deltaPiece = b.Add(asm.W, deltaPiece, b.Mul(asm.W, digit, asm.Int(sums/per)))
		}
		rows, pieces := group[0].rows, group[0].sums
		if !along {
			rows, pieces = pieces, rows
		}
		row := b.Add(asm.W, b.Add(asm.W, row8, deltaRow), warpRow)
		at, offset := e.pieceAt(x.view, row, row8, b.Add(asm.W, deltaPiece, warpPiece), first+rows, pieces/per)
		op := fmt.Sprintf("ldmatrix.sync.aligned.m8n8.x%d", n)
		if !along {
			op += ".trans"
		}
		to := b.Regs(asm.W, n)
		b.In(x.view.place, func() { b.Emit(op+".shared.b16", asm.Regs(to...), asm.At(at, offset)) })
		for j, r := range to {
			regs[i+j] = asm.R(r)
		}
		i += n
	}
	each := len(ms) / len(repeats)
	for i := range list {
		list[i] = regs[i*each : (i+1)*each]
	}
	return list
}

// fromShared emits Convert of a tile in shared memory. Where contractions alone want it, they read it themselves, step by step.
func (e *emitter) fromShared(o *ir.Op) {
	x := e.value(o.Operands[0]).view
	t := o.Result().Type
	if _, cast := e.stepwiseCast(o); cast || e.readStepwise(o, x) {
		e.set(o.Result(), &value{view: x})
		return
	}
	e.arrived()
	b, p, f := e.b, e.place(t), x.form
	bytes := f.Bits / 8
	if bytes == 0 || f.Bits%8 != 0 {
		e.fail("elements of %d bits in shared memory", f.Bits)
	}
	elems := make([]asm.Arg, p.slots)
	class := classOf(t.Elem)
	op := "ld.shared."
	switch {
	case t.Elem.IsInt() && t.Elem.Signed && bytes < 4:
		op += "s"
	case bytes < 4:
		op += "u"
	default:
		op += "b"
	}
	op += []string{1: "8", 2: "16", 4: "32", 8: "64"}[bytes]
	for i, at := range p.coords {
		if p.twin[i] != i {
			elems[i] = elems[p.twin[i]]
			continue
		}
		from, offset := e.elementAt(x, p, at)
		b.In(x.place, func() { elems[i] = asm.R(b.Do(op, class, asm.At(from, offset))) })
	}
	e.set(o.Result(), &value{elems: elems})
}

// elementAt is the address of the thread's element at some coordinates of a tile that lies in shared memory, a register and an offset.
// Layouts may reach further than the slot, where all is absent.
func (e *emitter) elementAt(x *view, p *place, at []int64) (asm.Reg, int64) {
	b, f := e.b, x.form
	per := 128 / f.Bits
	within := func(axis int) asm.Arg {
		k := b.Add(asm.W, e.part(p, axis), asm.Int(at[axis]))
		if n := f.Extents[axis]; p.d.Tile()[axis] > n {
			k = asm.R(b.Pure("min.s32", asm.W, k, asm.Int(n-1)))
		}
		return k
	}
	row, col := asm.Int(0), within(f.Inner)
	for _, axis := range f.Order {
		row = b.Mad(asm.W, within(axis), asm.Int(f.Step(axis)), row)
	}
	from, offset := e.pieceAt(x, row, b.And(asm.W, row, asm.Int(7)), b.Shr(asm.W, col, log2(per)), 0, 0)
	place := b.Mul(asm.W, b.And(asm.W, col, asm.Int(per-1)), asm.Int(f.Bits/8))
	return b.Move(asm.W, b.Add(asm.W, asm.R(from), place)), offset
}

// readStepwise reports whether all users of a tile from shared memory are contractions that can read it there, by ldmatrix or in
// vectors, in the same region.
func (e *emitter) readStepwise(o *ir.Op, x *view) bool {
	for _, u := range e.users(o.Result()) {
		if !e.readsSlot(o, u) {
			return false
		}
		if u.Parent == o.Parent && passes.AddsFromSlots(u, o.Result(), x.form) {
			continue
		}
		if u.Code != ir.Contract || u.Str("atom") == "" || u.Parent != o.Parent || len(u.Axes) != 1 {
			return false
		}
		for i, v := range u.Operands {
			if v != o.Result() {
				continue
			}
			along := o.Result().Type.Axis(u.Axes[0]) == x.form.Inner
			if i > 1 || x.form.Bits != 16 && !(x.form.Bits == 8 && along) || !inRows(u, i, x.form) {
				return false
			}
		}
	}
	return true
}

// readsSlot reports whether a contraction may read a slot in the place of the conversion of what is seen of it. A slot of a channel of the
// text may have been given back by then, and may hold what is absent along the summed axis.
func (e *emitter) readsSlot(convert, contract *ir.Op) bool {
	x := e.value(convert.Operands[0])
	if x.slots == nil {
		return true
	}
	seen, t := convert.Operands[0], convert.Result().Type
	for i, a := range t.Axes {
		if slices.Contains(contract.Axes, a.Span) && !e.value(a.Span).full || t.Layout.Tile()[i] > x.view.form.Extents[i] {
			return false
		}
	}
	take := seen.Def.Operands[0].Def
	ops := take.Parent.Ops
	at := ancestor(contract, take.Parent)
	return at != nil && slices.ContainsFunc(ops[slices.Index(ops, at):], func(o *ir.Op) bool { return o.Code == ir.Release && o.Operands[1] == take.Result() })
}

// inRows reports whether a factor of a contraction over one axis, which lies in a slot, is a matrix whose rows follow each other
// there: of its axes one is summed, one is not, and the others, batches, are multiples of 8 rows apart.
func inRows(o *ir.Op, i int, f passes.SlotForm) bool {
	t, other := o.Operands[i].Type, o.Operands[1-i].Type
	for axis, a := range t.Axes {
		batch := a.Span != o.Axes[0] && other.Axis(a.Span) >= 0
		if batch && (axis == f.Inner || f.Step(axis)%8 != 0) || !batch && axis != f.Inner && f.Step(axis) != 1 {
			return false
		}
	}
	return true
}
