package asm

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/tilec/tilec/ir"
)

// Among says which threads exchange words through shared memory: those of the block, of some of its warps, or of one.
type Among uint8

const (
	Block Among = iota
	Warps
	Warp
)

// Area is shared memory in one use, from one offset to another. Areas that overlap are used one after the other.
type Area struct {
	Lo, Hi int64
	// Ring says that what is found of it is an error: its stages are filled and read in an order that all its loops keep.
	Ring bool
	// Among are the threads that share a part of it: a barrier of theirs is enough between its own accesses.
	Among Among
}

// Place is what accesses of an area reach.
type Place struct {
	Area *Area
	// At tells the stages of a ring apart: the offset of one, or its number, a word that is the same in all threads. The zero Arg is
	// that of an area with one.
	At Arg
	// Fill tells apart the times that a stage is filled.
	Fill int
	// Apart says that until [Builder.Ends] each thread reads and writes words that no other does.
	Apart bool
}

func (p Place) same(q Place) bool {
	return p.Area == q.Area && p.Fill == q.Fill && p.Apart == q.Apart && p.At.kind == q.At.kind && p.At.reg == q.At.reg && p.At.num == q.At.num
}

// In marks what body writes: its accesses of shared memory are of a place. [Builder.Disorder] looks at these.
func (b *Builder) In(at Place, body func()) {
	old := b.Now
	b.Now = at
	body()
	b.Now = old
}

// Barrier writes a barrier of all threads that share the memory.
func (b *Builder) Barrier(op string, args ...Arg) {
	b.Emit(op, args...)
	s := b.scopes[b.top()]
	s.list[len(s.list)-1].all = true
}

// Ends says that with the last instruction that was written the words that each thread has for itself change.
func (b *Builder) Ends() {
	s := b.scopes[b.top()]
	s.list[len(s.list)-1].ends = true
}

// mark gives an access its place.
func (b *Builder) mark(in Instr) Instr {
	if strings.Contains(in.Op, ".shared") {
		in.place = b.Now
	}
	return in
}

// Disorder is an access of a stage that nothing orders behind an earlier one.
type Disorder struct {
	// First and Second are the places of the two; What says what is wrong.
	First, Second ir.Pos
	What          string
}

func (d *Disorder) Error() string {
	return fmt.Sprintf("%s: the access of line %d is not ordered behind that of line %d: %s", d.Second, d.Second.Line, d.First.Line, d.What)
}

// stageState is what threads may have under way in a stage.
type stageState struct {
	area int
	at   int64
	// age is that of the newest copy: 1 of no group yet, 2 of the newest group, and so on; 0 is none.
	age int8
	// arrived says that copies are known to have arrived by their own threads alone; wrote and read that other threads of
	// the area may have stores and reads under way, wroteFar and readFar that other threads of the block may.
	arrived, wrote, read, wroteFar, readFar bool
	// apart says that threads may have accesses under way of words that are their own for now.
	apart bool
}

func (t *stageState) order(x *stageState) int {
	return cmp.Or(cmp.Compare(t.area, x.area), cmp.Compare(t.at, x.at))
}

// idle reports whether nothing is under way.
func (t *stageState) idle() bool { return *t == stageState{area: t.area, at: t.at} }

// where are the last accesses of a stage, for what is told of them; fill is the one that the last store or copy is of.
type where struct {
	copy, write, read ir.Pos
	fill              int
}

// step is an instruction that matters for order.
type step struct {
	kind   stepKind
	to     int // of a branch
	n      int64
	always bool
	in     *Instr
}

type stepKind uint8

const (
	calcStep stepKind = iota
	branchStep
	endStep
	barrierStep
	commitStep
	waitStep
	copyStep
	writeStep
	readStep
	atomStep
	endsStep
)

// maxSteps bounds the work of a proof; kernels need some thousands.
const maxSteps = 1 << 18

// Disorder proves of the shared memory whose accesses are marked ([Builder.In]) that what is copied and stored there is there for all
// threads before it is read, and is read no more when other things are put there, or gives two accesses for which that does not
// follow. It reads what is emitted and goes through
// all states that the offsets of stages, the groups of copies and the accesses since the last barrier can be in: every
// branch goes both ways, so loops run any number of times. Where it cannot decide, open says why.
func (b *Builder) Disorder() (found *Disorder, open string) { return DisorderOf(b.Code()) }

// DisorderOf is [Builder.Disorder] of instructions. What is found of other areas than rings is not proven, no more: a loop that always has
// a step is taken for one that may have none.
func DisorderOf(code []Instr) (found *Disorder, open string) {
	rings := slices.Clone(code)
	for i := range rings {
		if p := &rings[i].place; p.Area != nil && !p.Area.Ring {
			*p = Place{}
		}
	}
	if found, open = disorder(rings); found != nil || open != "" {
		return found, open
	}
	if found, open = disorder(code); found != nil {
		return nil, found.Error()
	}
	return nil, open
}

func disorder(code []Instr) (found *Disorder, open string) {
	known := map[Reg]int{}
	track := func(a Arg) { a.regs(func(r Reg) { known[r] = 0 }) }
	some := false
	for i := range code {
		if p := &code[i].place; p.Area != nil {
			some = true
			track(p.At)
		}
	}
	if !some {
		return nil, ""
	}
	for n := -1; n != len(known); {
		n = len(known)
		for i := range code {
			if r, ok := code[i].result(); ok {
				if _, ok := known[r]; ok {
					for _, a := range code[i].Args[1:] {
						track(a)
					}
				}
			}
		}
	}
	list := make([]Reg, 0, len(known))
	for r := range known {
		list = append(list, r)
	}
	slices.SortFunc(list, func(x, y Reg) int { return int(x.class)<<24 + int(x.id) - int(y.class)<<24 - int(y.id) })
	for i, r := range list {
		known[r] = i
	}
	p := &proof{known: known, seen: map[string]bool{}, where: map[stageKey]*where{}, oldest: 2}
	p.steps = steps(code, known)
	p.findAreas()
	for i := range p.steps {
		if s := &p.steps[i]; s.kind == waitStep {
			p.oldest = max(p.oldest, int8(min(s.n+2, 100)))
		}
	}
	p.findLive()
	return p.run(), p.open
}

// result is the register that an instruction writes.
func (in *Instr) result() (Reg, bool) {
	if len(in.Args) == 0 || in.Args[0].kind != regArg {
		return Reg{}, false
	}
	return in.Args[0].reg, !strings.HasPrefix(in.Op, "bar.") && !strings.HasPrefix(in.Op, "st.")
}

// steps are the instructions that matter.
func steps(code []Instr, known map[Reg]int) []step {
	labels := map[string]int{}
	var list []step
	for i := range code {
		in := &code[i]
		s := step{in: in, always: in.Guard.kind == 0}
		switch {
		case in.Label != "":
			labels[in.Label] = len(list)
			continue
		case strings.HasPrefix(in.Op, "bra"):
			s.kind = branchStep
		case in.Op == "ret" || in.Op == "exit":
			s.kind = endStep
		case in.ends:
			s.kind = endsStep
		case in.all:
			s.kind = barrierStep
		case in.Op == "bar.sync":
			s.kind, s.n = barrierStep, int64(Warps)
		case in.Op == "bar.warp.sync":
			s.kind, s.n = barrierStep, int64(Warp)
		case in.Op == "cp.async.commit_group":
			s.kind = commitStep
		case in.Op == "cp.async.wait_group":
			s.kind, s.n = waitStep, in.Args[0].num
		case in.place.Area != nil && strings.HasPrefix(in.Op, "cp.async"):
			s.kind = copyStep
		case in.place.Area != nil && strings.HasPrefix(in.Op, "st."):
			s.kind = writeStep
		case in.place.Area != nil && strings.HasPrefix(in.Op, "red."):
			s.kind = atomStep
		case in.place.Area != nil:
			s.kind = readStep
		default:
			r, ok := in.result()
			if _, is := known[r]; !ok || !is {
				continue
			}
		}
		if n := len(list); s.kind >= copyStep && s.kind <= atomStep && n > 0 && list[n-1].kind == s.kind && list[n-1].in.place.same(in.place) && !labelled(labels, n) {
			continue // one of a row
		}
		list = append(list, s)
	}
	for i := range list {
		if s := &list[i]; s.kind == branchStep {
			s.to = labels[s.in.Args[0].text]
		}
	}
	return list
}

func labelled(labels map[string]int, at int) bool {
	for _, n := range labels {
		if n == at {
			return true
		}
	}
	return false
}

// machine is a state: the registers, and the stages that something is under way in, in order.
type machine struct {
	at     int
	regs   []int64
	stages []stageState
}

type proof struct {
	steps []step
	known map[Reg]int
	seen  map[string]bool
	where map[stageKey]*where
	// areas are the numbers of areas, meets those of the others that each overlaps.
	areas map[*Area]int
	list  []*Area
	meets [][]int
	// live are the registers, by step, whose values may still be read.
	live [][]bool
	// oldest is the age of copies behind which all are alike, as every wait is for them.
	oldest int8
	// open is what keeps it from being decided.
	open string
}

// stageKey is a stage of an area.
type stageKey struct {
	area int
	at   int64
}

// findAreas numbers the areas.
func (p *proof) findAreas() {
	p.areas = map[*Area]int{}
	for i := range p.steps {
		if s := &p.steps[i]; s.kind >= copyStep && s.kind <= atomStep {
			if _, ok := p.areas[s.in.place.Area]; !ok {
				p.areas[s.in.place.Area] = len(p.list)
				p.list = append(p.list, s.in.place.Area)
			}
		}
	}
	p.meets = make([][]int, len(p.list))
	for i, x := range p.list {
		for j, y := range p.list {
			if i != j && x.Lo < y.Hi && y.Lo < x.Hi {
				p.meets[i] = append(p.meets[i], j)
			}
		}
	}
}

// findLive finds what may be read from each step on.
func (p *proof) findLive() {
	n := len(p.steps)
	p.live = make([][]bool, n+1)
	for i := range p.live {
		p.live[i] = make([]bool, len(p.known))
	}
	for changed := true; changed; {
		changed = false
		for i := n - 1; i >= 0; i-- {
			s, now := &p.steps[i], make([]bool, len(p.known))
			if s.kind != endStep && (s.kind != branchStep || !s.always) || s.kind == endStep && !s.always {
				copy(now, p.live[i+1])
			}
			read := func(a Arg) { a.regs(func(r Reg) { now[p.known[r]] = true }) }
			switch s.kind {
			case branchStep:
				for k, is := range p.live[s.to] {
					now[k] = now[k] || is
				}
			case calcStep:
				now[p.known[s.in.Args[0].reg]] = false
				for _, a := range s.in.Args[1:] {
					read(a)
				}
			case copyStep, writeStep, readStep, atomStep:
				read(s.in.place.At)
			}
			if !slices.Equal(now, p.live[i]) {
				p.live[i], changed = now, true
			}
		}
	}
}

func (p *proof) run() *Disorder {
	work := []machine{{regs: make([]int64, len(p.known))}}
	count := 0
	for len(work) > 0 {
		m := work[len(work)-1]
		work = work[:len(work)-1]
		for m.at < len(p.steps) {
			s := &p.steps[m.at]
			if count++; count > maxSteps {
				p.open = "there are too many states for a proof"
				return nil
			}
			m.at++
			if s.kind == endStep {
				if s.always {
					break
				}
				continue
			}
			if s.kind == branchStep {
				if !s.always {
					other := machine{m.at, slices.Clone(m.regs), slices.Clone(m.stages)}
					if p.fresh(&other) {
						work = append(work, other)
					}
				}
				if m.at = s.to; !p.fresh(&m) {
					break
				}
				continue
			}
			if d := p.do(&m, s); d != nil || p.open != "" {
				return d
			}
		}
	}
	return nil
}

// fresh reports whether a state is reached for the first time.
func (p *proof) fresh(m *machine) bool {
	key := binary.AppendVarint(nil, int64(m.at))
	for i, x := range m.regs {
		if !p.live[m.at][i] {
			continue
		}
		key = binary.AppendVarint(key, x)
	}
	for _, s := range m.stages {
		key = binary.AppendVarint(binary.AppendVarint(key, int64(s.area)), s.at)
		bits := byte(0)
		for i, b := range []bool{s.arrived, s.wrote, s.read, s.wroteFar, s.readFar, s.apart} {
			if b {
				bits |= 1 << i
			}
		}
		key = append(key, byte(s.age), bits)
	}
	if p.seen[string(key)] {
		return false
	}
	p.seen[string(key)] = true
	return true
}

func (p *proof) eval(m *machine, a Arg) int64 {
	switch i, ok := p.known[a.reg]; {
	case a.kind != regArg:
		return a.num
	case ok && a.wide:
		return 1 - m.regs[i]
	case ok:
		return m.regs[i]
	}
	panic("asm: a register that is not followed")
}

// do does a step.
func (p *proof) do(m *machine, s *step) *Disorder {
	in := s.in
	switch s.kind {
	case calcStep:
		x := func(i int) int64 { return p.eval(m, in.Args[i]) }
		to := &m.regs[p.known[in.Args[0].reg]]
		switch {
		case !s.always:
			p.open = "the offset of a stage depends on a predicate"
		case in.Op == "mov.b32" || in.Op == "mov.u32":
			*to = x(1)
		case in.Op == "add.s32":
			*to = x(1) + x(2)
		case in.Op == "setp.eq.s32":
			equal := x(1) == x(2)
			if *to = 0; equal {
				*to = 1
			}
		case in.Op == "selp.b32":
			if x(3) != 0 {
				*to = x(1)
			} else {
				*to = x(2)
			}
		default:
			p.open = "the offset of a stage is made by " + in.Op
		}
		return nil
	case barrierStep:
		for i := range m.stages {
			t := &m.stages[i]
			if Among(s.n) <= p.list[t.area].Among {
				t.arrived, t.wrote, t.read, t.apart = false, false, false, false
			}
			if Among(s.n) == Block {
				t.wroteFar, t.readFar = false, false
			}
		}
	case endsStep:
		for i := range m.stages {
			if t := &m.stages[i]; t.apart {
				t.wrote, t.read, t.apart = true, true, false
			}
		}
	case commitStep:
		for i := range m.stages {
			if t := &m.stages[i]; t.age > 0 && t.age < p.oldest {
				t.age++
			}
		}
	case waitStep:
		for i := range m.stages {
			if t := &m.stages[i]; t.age > 1 && int64(t.age)-1 > s.n {
				t.age, t.arrived = 0, true
			}
		}
	default:
		return p.access(m, s)
	}
	m.stages = slices.DeleteFunc(m.stages, func(t stageState) bool { return t.idle() })
	return nil
}

// access does an access of a stage.
func (p *proof) access(m *machine, s *step) *Disorder {
	pos := s.in.Pos
	key := stageKey{p.areas[s.in.place.Area], p.eval(m, s.in.place.At)}
	for i := range m.stages {
		t := &m.stages[i]
		if !slices.Contains(p.meets[key.area], t.area) {
			continue
		}
		w := p.where[stageKey{t.area, t.at}]
		switch {
		case t.age == 1: // older ones may be of steps that there are none of: whether a loop has them is not known
			return &Disorder{w.copy, pos, "no wait and barrier stand between a copy and another use of its memory"}
		case t.wroteFar:
			return &Disorder{w.write, pos, "no barrier stands between a store and another use of its memory"}
		case t.readFar && s.kind != readStep:
			return &Disorder{w.read, pos, "no barrier stands between a read and another use of its memory"}
		}
	}
	state := stageState{area: key.area, at: key.at}
	i, ok := slices.BinarySearchFunc(m.stages, &state, func(t stageState, x *stageState) int { return t.order(x) })
	if !ok {
		m.stages = slices.Insert(m.stages, i, state)
	}
	t, w := &m.stages[i], p.where[key]
	if w == nil {
		w = &where{}
		p.where[key] = w
	}
	if s.kind == readStep || s.kind == atomStep {
		switch {
		case t.age == 1:
			return &Disorder{w.copy, pos, "a copy that is in no group is read"}
		case t.age > 1:
			return &Disorder{w.copy, pos, "a copy is read that nothing waited for"}
		case t.arrived:
			return &Disorder{w.copy, pos, "no barrier stands between the wait for a copy and its being read"}
		case t.wrote:
			return &Disorder{w.write, pos, "no barrier stands between a store and its being read"}
		}
	}
	if s.in.place.Apart {
		if t.read {
			return &Disorder{w.read, pos, "no barrier stands between a read by one thread and a store by another"}
		}
		if t.apart, t.wroteFar, t.readFar = true, true, true; s.kind == readStep {
			w.read = pos
		} else {
			if t.wrote {
				return &Disorder{w.write, pos, "no barrier stands between the stores of two threads"}
			}
			w.write = pos
		}
		return nil
	}
	if t.apart {
		return &Disorder{w.write, pos, "no barrier stands between the accesses of two threads"}
	}
	fill := s.in.place.Fill
	switch {
	case s.kind == readStep:
		t.read, t.readFar, w.read = true, true, pos
		return nil
	case t.read:
		return &Disorder{w.read, pos, "no barrier stands between the last read of a stage and its being filled"}
	case (t.age == 1 || t.arrived) && w.fill != fill:
		return &Disorder{w.copy, pos, "no wait and barrier stand between a copy and the next time that the stage is filled"}
	case t.wrote && w.fill != fill:
		return &Disorder{w.write, pos, "no barrier stands between two stores to a stage"}
	}
	if w.fill = fill; s.kind == copyStep {
		t.age, w.copy = 1, pos
	} else {
		t.wrote, t.wroteFar, w.write = true, true, pos
	}
	return nil
}
