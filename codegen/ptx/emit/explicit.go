package emit

import (
	"fmt"
	gomaps "maps"
	"slices"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/codegen/ptx/syntax"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/passes"
)

// The explicit level. Outside of roles a barrier of the block stands before slots are filled and before they are read. From
// role to role each slot has two named barriers for each group that takes from the channel: one at which that group waits
// until the slot is filled, and one at which the sender waits until the group has released it.

// group is a group of a role that is being emitted.
type group struct {
	role   *ir.Op
	number int64
	warps  int64
	own    int // its barrier, 0 of one warp
	thread asm.Arg
	ends   map[*ir.Value]*slotEnds
	turns  map[*ir.Op]int // the first barriers of turns
	// rounds counts the rounds of sends of a role that gives slots on late, up to so many.
	rounds asm.Reg
}

// slots are those of a channel.
type slots struct {
	chain               *ir.Value
	form                passes.SlotForm // of one slot that has one
	a                   *array          // of one slot, nil where it has a form
	depth, first, stage int64
	area                *asm.Area
	sender              *ir.Op    // a role, nil outside of roles
	copies              bool      // that are asynchronous, into some slot
	readers             []reader  // none but of a lead
	ends                *slotEnds // outside of roles
	// lead is the first of those that a role sends in step, which share their barriers and the numbers of their slots: a slot of
	// each in every round. Of others it is the channel itself, alone.
	lead  *slots
	alone bool
	// now are the slots of a lead that were acquired and taken last.
	now [2]asm.Arg
	// fresh are the slots that nothing has been in yet: some of a channel outside of roles, before its first take.
	fresh int64
}

// reader is a group that takes from a channel, with the first of its barriers for full and empty slots.
type reader struct {
	role        *ir.Op
	number      int64
	full, empty int
}

// slotEnds are the numbers of the next slots to be filled and read: registers.
type slotEnds struct{ write, read asm.Reg }

// maxBarriers is how many barriers a block has.
const maxBarriers = 16

// explicit reports whether a phase is of the explicit level.
func explicit(phase *ir.Op) bool {
	found := false
	phase.Regions[0].Walk(func(o *ir.Op) {
		switch o.Code {
		case ir.ChanOf:
			found = found || o.Attr("ring") == nil
		case ir.RoleOf, ir.SharedOf:
			found = true
		}
	})
	return found
}

// named takes so many named barriers.
func (e *emitter) named(n int64) int {
	first := e.barriers
	if e.barriers += int(n); e.barriers > maxBarriers {
		panic(&passes.Misfit{Text: fmt.Sprintf("channels, turns and roles need %d barriers, and a block has %d: give channels fewer slots, or roles fewer groups", e.barriers, maxBarriers), Pos: e.b.Pos})
	}
	return first
}

// roleOf is the role around an operation, nil where there is none.
func roleOf(o *ir.Op) *ir.Op {
	for ; o != nil; o = o.Parent.Parent {
		if o.Code == ir.RoleOf {
			return o
		}
	}
	return nil
}

// slotOperation emits an operation on a channel of the text; false where it is one that the compiler made.
func (e *emitter) slotOperation(o *ir.Op) bool {
	if o.Code == ir.ChanOf {
		if o.Attr("ring") != nil {
			return false
		}
		e.openSlots(o)
		return true
	}
	if o.Code == ir.Put || o.Code == ir.View {
		x := e.value(o.Operands[0])
		if x.slots == nil {
			return false
		}
		if o.Code == ir.View {
			e.set(o.Result(), e.copyOf(x))
		} else {
			e.fillSlot(x, e.value(o.Operands[1]))
		}
		return true
	}
	s := e.slots[o.Operands[0]]
	if s == nil {
		return false
	}
	switch o.Code {
	case ir.Acquire:
		e.set(o.Result(), e.beginSlot(s, o, e.endsOf(s).write))
	case ir.Take:
		if s.own(e.crew) {
			s.wait(e)
		}
		e.set(o.Result(), e.beginSlot(s, o, e.endsOf(s).read))
	case ir.Commit:
		if g := e.crew; g != nil && g.role.Attr("late") != nil {
			e.sent(o)
			return true
		}
		if s.copies {
			e.b.Emit("cp.async.commit_group")
		}
		if !s.own(e.crew) {
			s.wait(e)
		}
		e.passSlot(s, e.value(o.Operands[1]), false)
	default:
		if _, last := e.ofRound(s, o); last && (e.crew == nil || !final(o, func(q *ir.Op) bool { return q.Code == ir.Take && q.Operands[0] == s.chain })) {
			e.passSlot(s, e.value(o.Operands[1]), true)
		}
	}
	return true
}

// final reports whether an operation of a role runs once at most, with none of a kind behind it. All that is sent is taken: so nothing
// waits for the slot that the last release of a role gives back, nor for the turn that its last one gives on.
func final(o *ir.Op, kind func(*ir.Op) bool) bool {
	for ; o.Code != ir.RoleOf; o = o.Parent.Parent {
		if repeats(o) {
			return false
		}
		ops := o.Parent.Ops
		for _, q := range ops[slices.Index(ops, o)+1:] {
			found := kind(q)
			for _, r := range q.Regions {
				r.Walk(func(x *ir.Op) { found = found || kind(x) })
			}
			if found {
				return false
			}
		}
	}
	return true
}

// wait waits for the copies of this thread into the slots of a channel.
func (s *slots) wait(e *emitter) {
	if s.copies {
		e.b.Emit("cp.async.wait_group", asm.Int(0))
	}
}

// openSlots gives a channel its memory and barriers, and with it those that go in step with it.
func (e *emitter) openSlots(o *ir.Op) {
	if e.slots[o.Result()] != nil {
		return
	}
	list := []*slots{e.newSlots(o)}
	if role := list[0].sender; role != nil && role.Flag("joint") {
		for _, q := range o.Parent.Ops {
			if q == o || q.Code != ir.ChanOf || q.Attr("ring") != nil {
				continue
			}
			if s := e.newSlots(q); s.sender == role {
				list = append(list, s)
			}
		}
	}
	lead, size := list[0], int64(0)
	for _, s := range list {
		s.lead, s.alone = lead, len(list) == 1
		s.first = size
		size += (s.stage + 127) &^ 127
		e.slots[s.chain] = s
	}
	held := e.hold(size * lead.depth)
	area := held.area()
	for _, s := range list {
		s.first, s.stage, s.area = held.lo+s.first, size, area
	}
	for _, u := range e.users(lead.chain) {
		role := roleOf(u)
		if u.Code != ir.Take || role == nil || role == lead.sender || len(lead.readers) > 0 && lead.reads(role, 0) != nil {
			continue
		}
		for g := range role.Int("groups") {
			lead.readers = append(lead.readers, reader{role, g, e.named(lead.depth), e.named(lead.depth)})
		}
	}
	if lead.sender == nil && len(lead.readers) == 0 {
		lead.ends = e.newEnds()
	}
}

// newSlots are the slots of a channel; stage is the size of one of them.
func (e *emitter) newSlots(o *ir.Op) *slots {
	c := o.Result()
	t := c.Type
	s := &slots{chain: c, depth: t.Depth, fresh: t.Depth}
	if f, ok := passes.SlotFormOf(t); ok {
		s.form, s.stage = f, f.Bytes()
	} else {
		s.stage = s.rows(t)
	}
	for _, u := range e.users(c) {
		if u.Code != ir.Acquire {
			continue
		}
		s.copies = s.copies || slices.ContainsFunc(e.users(u.Result()), func(q *ir.Op) bool {
			return q.Code == ir.Copy && e.arrivesLate(q)
		})
		if role := roleOf(u); role != nil {
			s.sender = role
		}
	}
	return s
}

// ofRound reports whether an operation on a channel is the first, and the last, of its kind in a round of those that go in step.
func (e *emitter) ofRound(s *slots, o *ir.Op) (first, last bool) {
	if s.alone {
		return true, true
	}
	var list []*ir.Op
	for _, q := range o.Parent.Ops {
		if q.Code == o.Code && e.slots[q.Operands[0]] != nil && e.slots[q.Operands[0]].lead == s.lead {
			list = append(list, q)
		}
	}
	return o == list[0], o == list[len(list)-1]
}

// rows makes the array of a slot without a form, and gives its size in bytes.
func (s *slots) rows(t ir.Type) int64 {
	s.a = &array{t: t.Elem}
	end, step := int64(0), int64(1)
	for _, x := range t.Axes {
		stride := t.Shared.At(step%t.Shared.Size()) / 8 / room(t.Elem)
		if x.Extent == 1 {
			stride = 0
		}
		s.a.extents, s.a.stride = append(s.a.extents, x.Extent), append(s.a.stride, stride)
		end += (x.Extent - 1) * stride
		step *= x.Extent
	}
	return (end + 1) * room(t.Elem)
}

// reads is a group as a reader of the channel, nil where it is none.
func (s *slots) reads(role *ir.Op, number int64) *reader {
	for i := range s.lead.readers {
		if r := &s.lead.readers[i]; r.role == role && r.number == number {
			return r
		}
	}
	return nil
}

func (e *emitter) newEnds() *slotEnds {
	x := &slotEnds{e.b.Var(asm.W), e.b.Var(asm.W)}
	e.move(x.write, asm.Int(0))
	e.move(x.read, asm.Int(0))
	return x
}

func (e *emitter) endsOf(s *slots) *slotEnds {
	if e.crew == nil {
		return s.ends
	}
	return e.crew.ends[s.lead.chain]
}

// beginSlot waits for the next slot at one of a channel's ends, for which o acquires or takes it, and gives it.
func (e *emitter) beginSlot(s *slots, o *ir.Op, at asm.Reg) *value {
	b, empty := e.b, o.Code == ir.Acquire
	now := &s.lead.now[0]
	if empty {
		now = &s.lead.now[1]
	}
	if first, _ := e.ofRound(s, o); first {
		b.Changes(at)
		*now = asm.R(b.Do("mov.b32", asm.W, asm.R(at)))
		next := b.Do("add.s32", asm.W, *now, asm.Int(1))
		wraps := b.Do("setp.eq.s32", asm.P, asm.R(next), asm.Int(s.depth))
		b.Emit("selp.b32", asm.R(at), asm.Int(0), asm.R(next), asm.R(wraps))
		if !empty || again(o) {
			s.fresh = 0
		}
		if s.fresh--; s.fresh < 0 || !s.own(e.crew) {
			e.meetAt(s, *now, empty, "bar.sync")
		}
	}
	x := &value{slots: s, slot: *now}
	if s.a == nil {
		x.view = &view{form: s.form, slot: b.Mul(asm.W, *now, asm.Int(s.stage)), base: s.first, place: s.place(*now)}
	}
	return x
}

// place is a slot in the order check, which does not follow what goes from role to role.
func (s *slots) place(slot asm.Arg) asm.Place {
	if s.sender != nil && len(s.lead.readers) > 0 {
		return asm.Place{}
	}
	return asm.Place{Area: s.area, At: slot}
}

// again reports whether an operation may run more than once in its phase or role.
func again(o *ir.Op) bool {
	for ; o != nil && o.Code != ir.RoleOf && o.Code != ir.Parallel; o = o.Parent.Parent {
		if repeats(o) && !short(o) {
			return true
		}
	}
	return false
}

// short reports whether a loop is from a constant to the least of something and a constant, which are no more than a step apart.
func short(o *ir.Op) bool {
	if o.Code != ir.For || o.Operands[1].Def == nil || o.Operands[1].Def.Code != ir.Min {
		return false
	}
	first, ok := o.Operands[0].ConstInt()
	for _, v := range o.Operands[1].Def.Operands {
		if end, is := v.ConstInt(); ok && is && end-first <= max(1, o.Int("by")) {
			return true
		}
	}
	return false
}

// passSlot gives a slot on.
func (e *emitter) passSlot(s *slots, x *value, released bool) {
	if s.own(e.crew) {
		return // the barrier of the next operation that waits
	}
	e.meetAt(s, x.slot, released, "bar.arrive")
}

// sent ends a round of sends with its last commit: what was begun some rounds before has arrived, and is given on.
func (e *emitter) sent(o *ir.Op) {
	b, late := e.b, e.crew.role.Int("late")
	var round []*ir.Op
	for _, q := range o.Parent.Ops {
		if q.Code == ir.Commit {
			round = append(round, q)
		}
	}
	if o != round[len(round)-1] {
		return
	}
	b.Emit("cp.async.commit_group")
	b.Emit("cp.async.wait_group", asm.Int(late))
	var there asm.Arg
	if late > 0 {
		rounds := e.crew.rounds
		b.Changes(rounds)
		there = asm.R(b.Do("setp.ge.s32", asm.P, asm.R(rounds), asm.Int(late)))
		b.Emit("min.s32", asm.R(rounds), asm.R(b.Do("add.s32", asm.W, asm.R(rounds), asm.Int(1))), asm.Int(late))
	}
	for _, q := range round {
		s := e.slots[q.Operands[0]]
		if s != s.lead {
			continue
		}
		e.handOver(s, s.before(e, e.value(q.Operands[1]).slot, late), there)
	}
}

// sentAll gives on what a group has sent and not yet given on.
func (e *emitter) sentAll() {
	g, b := e.crew, e.b
	late := g.role.Int("late")
	if late == 0 {
		return
	}
	b.Emit("cp.async.wait_group", asm.Int(0))
	b.Changes(g.rounds)
	for k := late; k > 0; k-- {
		there := b.Do("setp.ge.s32", asm.P, asm.R(g.rounds), asm.Int(k))
		for _, o := range e.op.Regions[0].Ops {
			if s := e.slots[resultOf(o)]; s != nil && s == s.lead && s.sender == g.role {
				next := g.ends[s.chain].write
				b.Changes(next)
				e.handOver(s, s.before(e, asm.R(b.Do("mov.b32", asm.W, asm.R(next))), k), asm.R(there))
			}
		}
	}
}

// resultOf is the result of an operation that has one, else nil.
func resultOf(o *ir.Op) *ir.Value {
	if len(o.Results) != 1 {
		return nil
	}
	return o.Results[0]
}

// before is the slot that comes so many before another, at most as many as there are.
func (s *slots) before(e *emitter, slot asm.Arg, n int64) asm.Arg {
	b := e.b
	if n == 0 {
		return slot
	}
	at := b.Sub(asm.W, slot, asm.Int(n))
	return asm.R(b.Select(asm.W, b.SetP("lt", "s32", at, asm.Int(0)), b.Add(asm.W, at, asm.Int(s.depth)), at))
}

// handOver comes to the barriers of a slot that is filled, where a predicate holds.
func (e *emitter) handOver(s *slots, slot, there asm.Arg) {
	for _, r := range s.readers {
		at := e.b.Move(asm.W, e.b.Add(asm.W, slot, asm.Int(int64(r.full))))
		e.emitIf(there, "bar.arrive", asm.R(at), asm.Int(s.threads(&r)))
	}
}

// threads are those that come to the barriers of a reader.
func (s *slots) threads(r *reader) int64 { return 32 * (s.sender.Int("warps") + r.role.Int("warps")) }

// own reports whether the threads at hand are at both ends of a channel.
func (s *slots) own(g *group) bool {
	return g == nil || s.sender == g.role && len(s.lead.readers) == 0
}

// meetAt waits at, or comes to, the barriers of a slot: those for empty slots or for full ones.
func (e *emitter) meetAt(s *slots, slot asm.Arg, empty bool, op string) {
	if s.own(e.crew) {
		e.barrier()
		return
	}
	for _, r := range s.lead.readers {
		if e.crew.role != s.sender && (r.role != e.crew.role || r.number != e.crew.number) {
			continue
		}
		first := r.full
		if empty {
			first = r.empty
		}
		e.b.Emit(op, asm.R(e.b.Move(asm.W, e.b.Add(asm.W, slot, asm.Int(int64(first))))), asm.Int(s.threads(&r)))
	}
}

// slotAt is the address of the thread's part of a tile in a slot.
func (e *emitter) slotAt(x *value, p *place) asm.Reg {
	s := x.slots
	at := e.b.Add(asm.W, e.own(s.a, p, nil), e.b.Mul(asm.W, x.slot, asm.Int(s.stage)))
	return e.b.Move(asm.W, at)
}

// fillSlot puts a tile into a slot; what is absent becomes 0.
func (e *emitter) fillSlot(x, v *value) {
	p := e.place(v.t)
	var owner asm.Arg
	if own, ok := e.owner(p); ok {
		owner = asm.R(own)
	}
	t := x.slots.chain.Type.Elem
	to := func(at []int64) (asm.Reg, int64) { return e.elementAt(x.view, p, at) }
	if a := x.slots.a; a != nil {
		first := e.slotAt(x, p)
		to = func(at []int64) (asm.Reg, int64) { return first, x.slots.first + a.offset(at) }
	}
	in := func(body func()) { e.b.In(x.slots.place(x.slot), body) }
	for i, at := range p.coords {
		if p.twin[i] != i {
			continue
		}
		guard := owner
		inside := true
		for k, axis := range x.slots.chain.Type.Axes {
			n := axis.Extent
			if at[k]+p.most[k] >= n {
				if at[k] >= n {
					inside = false
					break
				}
				guard = e.both(guard, asm.R(e.b.SetP("lt", "s32", e.coord(p, i, k), asm.Int(n))))
			}
		}
		if !inside {
			continue
		}
		elem := e.elem(v, i)
		base, offset := to(at)
		if live, ok := e.live(v.t, i, nil); ok {
			c, word := e.asWord(classOf(t), elem)
			elem = asm.R(e.b.Select(c, live, asm.R(e.b.Move(c, word)), asm.Int(0)))
			in(func() { e.storeWord(t, c, guard, base, offset, elem) })
			continue
		}
		in(func() { e.storeShared(t, guard, base, offset, elem) })
	}
}

// storeWord stores an element that is in a register of a class of integers.
func (e *emitter) storeWord(t dtype.Type, c asm.Class, guard asm.Arg, at asm.Reg, offset int64, x asm.Arg) {
	e.emitIf(guard, fmt.Sprint("st.shared.b", 8*room(t)), asm.At(at, offset), asm.R(e.b.Move(c, x)))
}

// readSlot emits Convert of a tile that lies in a slot.
func (e *emitter) readSlot(o *ir.Op, x *value) {
	t := o.Result().Type
	from := e.slotAt(x, e.place(t))
	e.b.In(x.slots.place(x.slot), func() {
		e.set(o.Result(), &value{elems: e.elements(x.slots.a, t, from, x.slots.first, false)})
	})
}

// sharedTensor gives a tensor of the block's own its memory.
func (e *emitter) sharedTensor(o *ir.Op) {
	t := o.Result().Type
	bits := int64(t.Elem.Bits())
	if bits < 8 {
		e.fail("a shared tile of elements of %d bits", bits)
	}
	x := &tensor{shared: true, swizzle: o.Int("swizzle")}
	n := int64(1)
	x.strides = make([]asm.Arg, len(t.Dims))
	for i := len(t.Dims) - 1; i >= 0; i-- {
		x.strides[i] = asm.Int(n)
		n *= t.Dims[i].K
	}
	for _, d := range t.Dims {
		x.dims = append(x.dims, asm.Int(d.K))
	}
	at := e.hold(n * bits / 8).lo // a multiple of ir.MaxSharedAlign, as swizzles want it too
	x.base = e.b.Add(asm.D, asm.R(e.b.Pure("cvt.u64.u32", asm.D, asm.R(e.sharedBase()))), asm.Int(at))
	e.set(o.Result(), &value{tensor: x})
}

// roles emits the roles of a phase, at the first of them.
func (e *emitter) roles(o *ir.Op) {
	var list []*ir.Op
	for _, q := range o.Parent.Ops {
		if q.Code == ir.RoleOf {
			list = append(list, q)
		}
	}
	if list[0] != o {
		return
	}
	e.shared.close()
	if len(e.shared.busy)+len(e.shared.due)+len(e.order.pending) > 0 {
		e.barrier()
	}
	warps, warp, tid, outer := e.warps, e.warp, e.thread(), e.shared
	base, high, first := outer.top(), outer.high, int64(0)
	for _, role := range list {
		turns := map[*ir.Op]int{}
		role.Regions[0].Walk(func(q *ir.Op) {
			if q.Code == ir.Turn && q.Int("of") > 1 {
				turns[q] = e.named(q.Int("of"))
			}
		})
		for number := range role.Int("groups") {
			g := &group{role: role, number: number, warps: role.Int("warps"), ends: map[*ir.Value]*slotEnds{}, turns: turns}
			if g.warps > 1 {
				g.own = e.named(1)
			}
			in := e.b.SetP("lt", "u32", e.b.Sub(asm.W, warp, asm.Int(first)), asm.Int(g.warps))
			e.b.If(asm.R(in), func() {
				values := gomaps.Clone(e.values)
				e.crew, e.warps = g, int(g.warps)
				e.warp, g.thread = e.b.Sub(asm.W, warp, asm.Int(first)), e.b.Sub(asm.W, tid, asm.Int(32*first))
				e.shared = arena{base: base, high: base}
				e.order = order{}
				e.set(role.Regions[0].Args[0], &value{scalar: asm.Int(number)})
				e.enterRole(o)
				e.region(role.Regions[0])
				e.sentAll()
				high, base = max(high, e.shared.high), (e.shared.high+1023)&^1023
				e.values = values
			})
			first += g.warps
			e.crew, e.warps, e.warp = nil, warps, warp
		}
	}
	e.shared, e.order = outer, order{}
	e.shared.high = high
}

// enterRole is the beginning of a group: its slots are free, and the first turn is that of group 0.
func (e *emitter) enterRole(first *ir.Op) {
	g := e.crew
	if g.role.Int("late") > 0 {
		g.rounds = e.b.Var(asm.W)
		e.move(g.rounds, asm.Int(0))
	}
	for _, o := range first.Parent.Ops {
		if o.Code != ir.ChanOf || o.Attr("ring") != nil {
			continue
		}
		s := e.slots[o.Result()]
		r := s.reads(g.role, g.number)
		if s != s.lead || s.sender != g.role && r == nil {
			continue
		}
		g.ends[s.chain] = e.newEnds()
		if r != nil {
			for k := range s.depth {
				e.b.Emit("bar.arrive", asm.Int(int64(r.empty)+k), asm.Int(s.threads(r)))
			}
		}
	}
	g.role.Regions[0].Walk(func(q *ir.Op) {
		if at, ok := g.turns[q]; ok && g.number == q.Int("of")-1 {
			e.b.Emit("bar.arrive", asm.Int(int64(at)), asm.Int(64*g.warps))
		}
	})
}

// turn emits a section that groups enter in turn.
func (e *emitter) turn(o *ir.Op) {
	g := e.crew
	at, several := g.turns[o]
	if several {
		e.b.Emit("bar.sync", asm.Int(int64(at)+g.number), asm.Int(64*g.warps))
	}
	e.region(o.Regions[0])
	for i, v := range o.Regions[0].Yield().Operands {
		e.set(o.Results[i], e.copyOf(e.value(v)))
	}
	next := (g.number + 1) % o.Int("of")
	if several && (next > 0 || !final(o, func(q *ir.Op) bool { return q == o })) {
		e.b.Emit("bar.arrive", asm.Int(int64(at)+next), asm.Int(64*g.warps))
	}
}

// instructions emits what the text says for each element.
func (e *emitter) instructions(o *ir.Op) {
	if o.Str("target") != "ptx" {
		e.fail("asm %s", o.Str("target"))
	}
	t := o.Result().Type
	e.valid(o)
	one := func(slot int) asm.Arg {
		list := make([]asm.Arg, 1+len(o.Operands))
		list[0] = asm.R(e.b.Reg(e.asmClass(t.Elem)))
		for i, v := range o.Operands {
			x := e.value(v).scalar
			if t.Kind == ir.Tile {
				x = e.elem(e.value(v), slot)
			}
			list[i+1] = asm.R(e.b.Move(e.asmClass(v.Type.Elem), x))
		}
		e.b.Inline(o.Str("text"), list)
		return list[0]
	}
	if t.Kind == ir.Scalar {
		e.set(o.Result(), &value{scalar: one(0)})
		return
	}
	p := e.place(t)
	elems := make([]asm.Arg, p.slots)
	for i := range elems {
		if elems[i] = elems[p.twin[i]]; p.twin[i] == i {
			elems[i] = one(i)
		}
	}
	e.set(o.Result(), &value{elems: elems})
}

// valid refuses a text that is none of instructions, or that has wrong operands.
func (e *emitter) valid(o *ir.Op) {
	b := asm.NewBuilder()
	list := []asm.Arg{asm.R(b.Reg(e.asmClass(o.Result().Type.Elem)))}
	for _, v := range o.Operands {
		list = append(list, asm.R(b.Reg(e.asmClass(v.Type.Elem))))
	}
	b.Inline(o.Str("text"), list)
	b.Emit("ret")
	text, _ := asm.Module(e.target.SM, ptx.NewestVersion, []*asm.Kernel{{Name: "text", Threads: 32, Builder: b}})
	if _, err := syntax.Parse(text); err != nil {
		message := err.Error()
		if list, ok := err.(syntax.Errors); ok {
			message = list[0].Msg
		}
		e.fail("asm %q: %s", o.Str("text"), message)
	}
}

func (e *emitter) asmClass(t dtype.Type) asm.Class {
	c := classOf(t)
	if c == asm.P {
		e.fail("asm with a bool: give it as u8")
	}
	return c
}
