package emu

import (
	"math/bits"

	"github.com/tilec/tilec/codegen/ptx/syntax"
)

// status is what an instruction did to its warp.
type status uint8

const (
	going   status = iota
	yielded        // another warp's turn
	blocked        // waits at a barrier
	ended          // all its threads have ended
	stopped        // the launch ends
)

// split is a part of a warp that waits to go on.
type split struct {
	pc     int
	mask   uint32
	parked bool   // at an instruction that needs more lanes
	alive  uint32 // the warp's lanes when it was parked
}

// warp is 32 threads.
type warp struct {
	run    *run
	block  *block
	k      *kernel
	index  int
	pc     int
	mask   uint32 // the lanes that run now
	alive  uint32 // the lanes that have not ended
	splits []split
	turns  int
	state  status
	waitAt int // the barrier where it is blocked
	waitOp *op

	regs  []vec
	def   []uint32 // lanes of each slot that hold a value
	preds []uint32
	pdef  []uint32
	tmp   []vec // two, for results under a mask
	addr  wide
	local *region

	clock    clock
	fenced   *clock // what it knew at its last fence
	outward  *clock // what it knew at its last fence for other blocks
	heard    *clock // what relaxed reads brought from its block, to be known at the next fence
	inward   *clock // what relaxed reads brought from other blocks, to be known at the next fence for other blocks
	copies   []copyGroup
	cpGroup  [lanes]uint32
	carry    uint32 // of add.cc and its kin
	checking bool
}

// pred is a predicate, negated where not.
func (w *warp) pred(i int32, not bool) uint32 {
	if not {
		return ^w.preds[i]
	}
	return w.preds[i]
}

// setPred writes the lanes of m; i < 0 is _.
func (w *warp) setPred(i int32, v, m uint32) {
	if i >= 0 {
		w.preds[i] = w.preds[i]&^m | v&m
		w.pdef[i] |= m
	}
}

// execute runs at most budget instructions.
func (w *warp) execute(budget int) status {
	code := w.k.code
	r := w.run
	for ; budget > 0; budget-- {
		if len(w.splits) > 0 {
			w.regroup()
		}
		if w.pc >= len(code) {
			r.executed++
			if s := exitRun(w, nil, w.mask); s != going {
				return s
			}
			continue
		}
		o := &code[w.pc]
		m := w.mask
		if o.guard >= 0 {
			if w.checking && m&^w.pdef[o.guard] != 0 {
				w.undefined(o, m&^w.pdef[o.guard])
			}
			m &= w.pred(o.guard, o.not)
		}
		hit := &r.hits[w.pc]
		hit.instructions++
		hit.lanes += uint64(bits.OnesCount32(m))
		r.executed++
		w.pc++
		if m == 0 {
			continue
		}
		if w.checking {
			for _, s := range o.reads {
				if m&^w.def[s] != 0 {
					w.undefined(o, m)
					break
				}
			}
			for _, s := range o.preads {
				if m&^w.pdef[s] != 0 {
					w.undefined(o, m)
					break
				}
			}
		}
		switch o.kind {
		case aluOp:
			d := &w.regs[o.d]
			if m == full {
				o.fn(d, &w.regs[o.a], &w.regs[o.b], &w.regs[o.c])
			} else {
				o.fn(&w.tmp[0], &w.regs[o.a], &w.regs[o.b], &w.regs[o.c])
				merge(d, &w.tmp[0], m)
			}
			w.def[o.d] |= m
		case aluWideOp:
			d := &w.regs[o.d]
			if m == full {
				o.fn(d, &w.regs[o.a], &w.regs[o.b], &w.regs[o.c])
			} else {
				o.fn(&w.tmp[0], &w.regs[o.a], &w.regs[o.b], &w.regs[o.c])
				mergeWide(w64(d), w64(&w.tmp[0]), m)
			}
			w.def[o.d] |= m
		case predOp:
			x := o.cmp(&w.regs[o.a], &w.regs[o.b])
			y := ^x
			if o.ps >= 0 {
				p := w.pred(o.ps, o.psNot)
				x, y = combine(o.bool, x, p), combine(o.bool, y, p)
			}
			w.setPred(o.pd, x, m)
			w.setPred(o.pd2, y, m)
		case branchOp:
			if m == w.mask {
				w.pc = o.target
			} else {
				w.splits = append(w.splits, split{pc: o.target, mask: m})
				w.mask &^= m
			}
			if r.executed >= r.limit {
				w.report(o, m, TooLong, "%d warp instructions were executed without an end", r.executed)
				return stopped
			}
		default:
			if o.sync && !w.gathered(o, m) {
				w.pc--
				hit.instructions--
				hit.lanes -= uint64(bits.OnesCount32(m))
				if s := w.park(o, m); s != going {
					return s
				}
				continue
			}
			if s := o.run(w, o, m); s != going {
				return s
			}
		}
	}
	return yielded
}

// regroup joins the parts of the warp that are at the same place, and lets the earliest in the text run: so parts meet where
// branches join. A part that spins must not keep the others from what it waits for; so for every other period of turns
// another part runs, wherever it is.
func (w *warp) regroup() {
	const period = 1 << 11
	lowest, other := -1, -1
	for i := 0; i < len(w.splits); i++ {
		s := &w.splits[i]
		switch {
		case s.pc == w.pc:
			w.mask |= s.mask
			w.splits = append(w.splits[:i], w.splits[i+1:]...)
			i--
		case s.parked:
		default:
			other = i
			if s.pc < w.pc && (lowest < 0 || s.pc < w.splits[lowest].pc) {
				lowest = i
			}
		}
	}
	w.turns++
	switch {
	case w.turns%(2*period) == period:
		lowest = other
	case w.turns&period != 0:
		return
	}
	if lowest >= 0 {
		s := &w.splits[lowest]
		s.pc, w.pc = w.pc, s.pc
		s.mask, w.mask = w.mask, s.mask
	}
}

// switchOver goes on with another part when the present one has ended or is parked: one that can run, else one that waited
// for lanes that have ended since.
func (w *warp) switchOver() status {
	best := -1
	for i := range w.splits {
		s := &w.splits[i]
		if s.parked && s.alive == w.alive {
			continue
		}
		if best < 0 || w.splits[best].parked && !s.parked || w.splits[best].parked == s.parked && s.pc < w.splits[best].pc {
			best = i
		}
	}
	if best < 0 {
		return blocked
	}
	s := w.splits[best]
	w.splits = append(w.splits[:best], w.splits[best+1:]...)
	w.pc, w.mask = s.pc, s.mask
	return going
}

// gathered reports whether the lanes that a .sync or .aligned instruction names are all here.
func (w *warp) gathered(o *op, m uint32) bool {
	if o.members == 0 {
		return m == w.alive
	}
	masks := &w.regs[o.members]
	for l := m; l != 0; l &= l - 1 {
		if masks[bits.TrailingZeros32(l)&31]&w.alive&^m != 0 {
			return false
		}
	}
	return true
}

// needed is the lanes that the instruction waits for.
func (w *warp) needed(o *op, m uint32) uint32 {
	if o.members == 0 {
		return w.alive
	}
	need := uint32(0)
	for l := m; l != 0; l &= l - 1 {
		need |= w.regs[o.members][bits.TrailingZeros32(l)&31] & w.alive
	}
	return need
}

// park waits for lanes that are elsewhere. Lanes that are here but do not take part, for their guard is false, never come.
func (w *warp) park(o *op, m uint32) status {
	need := w.needed(o, m)
	if missing := need &^ m; missing&w.mask != 0 {
		w.report(o, m, MissingLanes, "%s must be executed by %s together; %s pass it by, their guard is false", o.in.Name(), laneList(need), laneList(missing&w.mask))
		return stopped
	}
	w.splits = append(w.splits, split{w.pc, w.mask, true, w.alive})
	w.mask = 0
	if s := w.switchOver(); s == going {
		return going
	}
	text := ""
	for _, s := range w.splits {
		if s.mask&m == 0 && s.pc < len(w.k.code) {
			in := w.k.code[s.pc].in
			text += "; " + laneList(s.mask) + " wait at " + in.Pos.String() + " " + in.Name()
		}
	}
	w.report(o, m, MissingLanes, "%s must be executed by %s together, and %s do not come%s", o.in.Name(), laneList(need), laneList(need&^m), text)
	return stopped
}

// exitRun ends threads.
func exitRun(w *warp, _ *op, m uint32) status {
	w.finishCopies(m)
	w.alive &^= m
	w.mask &^= m
	if w.alive == 0 {
		w.splits = w.splits[:0]
		return ended
	}
	if w.mask != 0 {
		return going
	}
	if s := w.switchOver(); s == going {
		return going
	}
	// Only parked parts are left, and none of them waits for a lane that has ended.
	s := w.splits[0]
	if s.pc < len(w.k.code) {
		o := &w.k.code[s.pc]
		w.report(o, s.mask, MissingLanes, "%s must be executed by %s together", o.in.Name(), laneList(w.needed(o, s.mask)))
	}
	return stopped
}

// undefined reports reads of registers that nothing wrote.
func (w *warp) undefined(o *op, m uint32) {
	names := ""
	lanesOf := uint32(0)
	name := func(slot uint32, isPred bool) {
		for i, r := range w.k.fn.Regs {
			if w.k.regs[i] == slot && (r.Type.String() == "pred") == isPred {
				if names != "" {
					names += ", "
				}
				names += r.Name
			}
		}
	}
	for _, s := range o.reads {
		if x := m &^ w.def[s]; x != 0 {
			name(s, false)
			lanesOf |= x
			w.def[s] |= x
		}
	}
	for _, s := range o.preads {
		if x := m &^ w.pdef[s]; x != 0 {
			name(s, true)
			lanesOf |= x
			w.pdef[s] |= x
		}
	}
	if o.guard >= 0 {
		if x := m &^ w.pdef[o.guard]; x != 0 {
			name(uint32(o.guard), true)
			lanesOf |= x
			w.pdef[o.guard] |= x
		}
	}
	w.report(o, lanesOf, Uninitialised, "%s is read before anything is written to it", names)
}

// report notes a finding; those of one kind at one instruction are counted together.
func (w *warp) report(o *op, m uint32, kind Kind, format string, args ...any) {
	var in *syntax.Instr
	pc := -1
	if o != nil {
		in, pc = o.in, o.pc
	}
	w.run.find(kind, pc, in, w.block.index, w.index, m, format, args...)
}
