package emit

import (
	"fmt"
	"slices"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/passes"
)

// arena hands out shared memory. What is held (the slots of channels, tables) has its bytes until it is given back; scratch is
// above all that is held, and shared by all that need some for a moment ([emitter.scratch]).
//
// A barrier stands between two uses of the same bytes. Each use has barriers of its own, behind which what was used
// before is free: uses that follow each other take different bytes where there is room, and need no other barrier.
type arena struct {
	// base is where it begins, high the end of all that was ever used.
	base, high int64
	// held are the bytes that are held, ascending.
	held []interval
	// open is the scratch in use.
	open interval
	// busy is scratch that other warps may still use, no barrier being behind its last use.
	busy []interval
	// due are the stages that were taken without a barrier: before the first read of one there has to be one.
	due   []interval
	loops []*sharedLoop
}

// interval are bytes of shared memory.
type interval struct{ lo, hi int64 }

func (x interval) meets(list []interval) bool {
	return slices.ContainsFunc(list, func(y interval) bool { return x.lo < y.hi && y.lo < x.hi })
}

// sharedLoop is a loop that is being emitted.
type sharedLoop struct {
	before []interval // busy when it began
	exits  []interval // busy where it is left
	// early is scratch that a step uses before its first barrier.
	early  []interval
	barred bool
	held   []interval // when it began
	outer  []bool     // whether the loops around it had met a barrier
	// some says that the loop has a step.
	some bool
}

// area is memory in the order check.
func (x interval) area() *asm.Area { return &asm.Area{Lo: x.lo, Hi: x.hi} }

// spare is how much shared memory is taken rather than a barrier.
const spare = 16 << 10

// top is the end of what is held.
func (a *arena) top() int64 {
	if n := len(a.held); n > 0 {
		return a.held[n-1].hi
	}
	return a.base
}

// hold takes shared memory until it is given back ([arena.free]), free to write for all threads.
func (e *emitter) hold(size int64) interval {
	a := &e.shared
	a.close()
	x := interval{a.base, a.base + (size+1023)&^1023}
	at := 0
	for ; at < len(a.held) && a.held[at].lo < x.hi; at++ {
		x = interval{a.held[at].hi, a.held[at].hi + x.hi - x.lo}
	}
	a.held = slices.Insert(slices.Clone(a.held), at, x)
	e.room(x.hi)
	a.use(e, x)
	return x
}

// free gives back what was held. Other warps may be using it still.
func (a *arena) free(x interval) {
	a.close()
	a.held = slices.DeleteFunc(slices.Clone(a.held), func(y interval) bool { return x == y })
	a.busy = union(a.busy, []interval{x})
}

func (e *emitter) room(high int64) {
	e.shared.high = max(e.shared.high, high)
	if limit := int64(e.target.SM.Shared()); e.shared.high > limit {
		panic(&passes.Misfit{Text: fmt.Sprintf("%d bytes of shared memory are needed, and a block has %d", e.shared.high, limit), Hint: "make the tiles smaller", Pos: e.b.Pos})
	}
}

// scratch is so many bytes of shared memory, free to write for all threads, until the next call of it. The offset is
// from the beginning of shared memory; base is that as an address, a word.
func (e *emitter) scratch(size int64) (offset int64, base asm.Reg) {
	a := &e.shared
	a.close()
	size = (size + 127) &^ 127
	top := a.top()
	at := top
	for _, x := range a.busy { // ascending
		if at+size > x.lo {
			at = max(at, x.hi)
		}
	}
	if at > top && at+size > max(a.high, top+spare) {
		e.barrier()
		at = top
	}
	a.open = interval{at, at + size}
	e.b.Now = asm.Place{Area: a.open.area()}
	e.room(a.open.hi)
	a.early(a.open)
	return at, e.sharedBase()
}

// early notes that bytes are written, for the loops whose step has met no barrier.
func (a *arena) early(x interval) {
	for _, l := range a.loops {
		if !l.barred {
			l.early = append(l.early, x)
		}
	}
}

// use lets held bytes be written anew.
func (a *arena) use(e *emitter, x interval) {
	if x.meets(a.busy) || x.meets(a.due) {
		e.barrier()
	}
	a.early(x)
}

// arrived puts the barrier that is due before stages that were taken are read, if none stands there for another reason.
func (e *emitter) arrived() {
	if len(e.shared.due) > 0 {
		e.barrier()
	}
}

// close says that the scratch in use is used no more.
func (a *arena) close() {
	if a.open.hi > a.open.lo {
		a.busy = union(a.busy, []interval{a.open})
	}
	a.open = interval{}
}

// union are the intervals of two lists, those that begin first first.
func union(x, y []interval) []interval {
	list := slices.Concat(x, y)
	slices.SortFunc(list, func(x, y interval) int { return int(x.lo - y.lo) })
	return slices.Compact(list)
}

// enter begins the body of a loop, which has a step or may have none.
func (a *arena) enter(some bool) {
	a.close()
	a.loops = append(a.loops, &sharedLoop{before: a.busy, held: a.held, outer: a.barred(), some: some})
}

// exit says that the loop may be left here.
func (a *arena) exit() {
	a.close()
	l := a.loops[len(a.loops)-1]
	l.exits = union(l.exits, a.busy)
}

// again emits what has to be at the end of a step, before the next one begins, and ends the loop. Breaks says that the loop may be
// left before that, else it is left behind it.
func (e *emitter) again(breaks bool) {
	a := &e.shared
	if a.close(); breaks {
		a.exit()
	}
	l := a.loops[len(a.loops)-1]
	busy := a.busy
	for _, x := range a.held { // in the step, for good
		if !slices.Contains(l.held, x) {
			busy = union(busy, []interval{x})
		}
	}
	for _, x := range l.early {
		if x.meets(busy) {
			e.barrier()
			break
		}
	}
	a.exit()
	a.loops = a.loops[:len(a.loops)-1]
	a.busy = l.exits
	if l.some {
		return
	}
	for i, o := range a.loops {
		o.barred = l.outer[i]
	}
	a.busy = union(l.before, l.exits)
}

// barred are the loops of which a step has met a barrier.
func (a *arena) barred() []bool {
	list := make([]bool, len(a.loops))
	for i, l := range a.loops {
		list[i] = l.barred
	}
	return list
}

// sharedArms are the arms of a branch.
type sharedArms struct {
	busy   []interval
	barred []bool
	// after is what all arms leave behind that are done.
	after []interval
	both  []bool
}

// arms begins a branch.
func (a *arena) arms() *sharedArms {
	a.close()
	s := &sharedArms{busy: a.busy, barred: a.barred(), both: make([]bool, len(a.loops))}
	for i := range s.both {
		s.both[i] = true
	}
	return s
}

// arm emits an arm.
func (a *arena) arm(s *sharedArms, emit func()) {
	a.busy = s.busy
	for i, l := range a.loops {
		l.barred = s.barred[i]
	}
	emit()
	a.close()
	s.after = union(s.after, a.busy)
	for i, b := range a.barred() {
		s.both[i] = s.both[i] && b
	}
}

// join ends a branch.
func (a *arena) join(s *sharedArms) {
	a.busy = s.after
	for i, l := range a.loops {
		l.barred = s.both[i]
	}
}

// sharedBase is the address of shared memory, a word.
func (e *emitter) sharedBase() asm.Reg {
	return e.b.Pure("mov.u32", asm.W, asm.Text(asm.SharedName))
}

// barrier lets all threads of the block wait for each other; what they wrote is seen by all of them.
func (e *emitter) barrier() {
	switch g := e.crew; {
	case g == nil:
		e.b.Barrier("bar.sync", asm.Int(0))
	case g.warps == 1:
		e.b.Barrier("bar.warp.sync", asm.Int(-1))
	default:
		e.b.Barrier("bar.sync", asm.Int(int64(g.own)), asm.Int(32*g.warps))
	}
	e.order.settle()
	e.shared.busy, e.shared.due = nil, nil
	for _, l := range e.shared.loops {
		l.barred = true
	}
}
