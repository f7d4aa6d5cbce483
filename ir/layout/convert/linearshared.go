package convert

import (
	"math/bits"
	"slices"
)

// A placing is how a linear pair goes through shared memory.
type placing struct {
	*linear
	unit          []uint64 // vectors within a unit: what lies side by side in registers of both sides
	width, widest int      // bytes of a unit's container; of an access at most
	more          []uint64 // vectors by which the accesses of one side are wider
	wideStores    bool     // that side is the stores
	rounds        []uint64 // masks of elements: their parities number the round
	split         int      // of these, the last that differ between warps of dst
	offset        *space   // of elements, with addresses as marks
	all, threads  *space
	parts         *space   // of elements: which vectors of a unit, of more, and others they are sums of
	idleLane      []uint32 // by src lane bit: not 0 where the lanes that have it hold copies
	idleWarp      []uint32
	noLane, noWar []uint32 // the same for dst: bits that dst does not have
}

const (
	unitPart = 32 // where the marks of parts begin
	morePart = 40
)

// shared is the plan by shared memory; nil where src holds more than dst wants, or scratch is too small for rounds of
// this kind.
//
// What both sides have in registers travels as one unit. Addresses are linear too, so an access is free of conflicts if
// no sum of its unit's vectors and the lanes of a phase is a sum of the vectors that number rows of the banks. For two
// accesses whose phases are of the same size such vectors always exist: one that is outside of both, or the sum of one
// outside of the first and one outside of the second. One side may access several units at once.
func (l *linear) shared() *Plan {
	p := &placing{linear: l}
	p.all = spaceOf(l.src.reg, l.src.lane, l.src.warp)
	want := spaceOf(l.dst.reg, l.dst.lane, l.dst.warp)
	if p.all.size != want.size || p.all.size > 24 {
		return nil
	}
	for _, v := range want.pivot {
		if !p.all.has(v) {
			return nil
		}
	}
	p.threads = spaceOf(l.src.lane, l.src.warp, l.dst.lane, l.dst.warp)
	p.idle()
	// Narrower accesses, and other choices among equals, where the widest meet conflicts: with three phase models and
	// more there need be no vector outside of all.
	var first *placing
	for widest := 16; widest >= 4; widest /= 2 {
		for turn := range 3 {
			q := *p
			q.widest = widest
			switch q.lay(0, turn) {
			case impossible:
				return nil
			case shared:
				// Lanes would take turns to write parts of a word: a word for each unit.
				wide := *p
				wide.widest = widest
				if wide.lay(4, turn) == free {
					return wide.emit()
				}
			case free:
				return q.emit()
			}
			if first == nil {
				first = &q
			}
		}
	}
	return first.emit()
}

// An outcome says whether addresses are free of conflicts.
type outcome uint8

const (
	free       outcome = iota
	shared             // lanes write parts of one word
	conflicted         // phases meet in a bank
	impossible         // scratch is too small
)

// lay finds units of at least so many bytes, rounds and addresses.
func (p *placing) lay(width, turn int) outcome {
	// A thread must not permute the elements of a unit: its own vectors have no part within.
	p.unit = p.together(bits.TrailingZeros(uint(8*p.widest/p.field)), *p.threads)
	p.width = max(1, width, p.field<<len(p.unit)/8)
	p.widen()
	if !p.cut() {
		return impossible
	}
	return p.place(turn)
}

// idle finds the lanes and warps that hold copies of what others store, or do not exist.
func (p *placing) idle() {
	s := spaceOf(p.src.reg)
	mark := func(columns []uint64, n int, base int) []uint32 {
		var off []uint32
		for k := range n {
			off = append(off, 0)
			if k >= len(columns) || !s.add(columns[k], 0) {
				off[k] = 1 << (base + k)
			}
		}
		return trimmed(off)
	}
	lanes, warps := bits.Len(uint(p.m.Lanes-1)), bits.Len(uint(p.warps-1))
	p.idleLane, p.idleWarp = mark(p.src.lane, lanes, 0), mark(p.src.warp, warps, 8)
	beyond := func(have, n, base int) []uint32 {
		off := make([]uint32, n)
		for k := have; k < n; k++ {
			off[k] = 1 << (base + k)
		}
		return trimmed(off)
	}
	p.noLane, p.noWar = beyond(len(p.dst.lane), lanes, 0), beyond(len(p.dst.warp), warps, 8)
}

// widen lets one side take several units in one access: those that differ by what it has in registers and the phases of
// the other side's accesses spread over. The side that gains most does.
func (p *placing) widen() {
	p.more, p.wideStores = p.wider(p.src, p.dst, false), true
	if loads := p.wider(p.dst, p.src, true); len(loads) > len(p.more) && p.width<<len(p.more) < p.widest && (p.width<<len(p.more) < 4 || len(p.more) == 0) {
		p.more, p.wideStores = loads, false
	}
}

func (p *placing) wider(wide, narrow columns, store bool) []uint64 {
	var more []uint64
	own := spaceOf(wide.lane, wide.warp, p.unit)
	all := union(p.threads, nil)
	both := union(p.threads, p.unit)
	turns := new(space) // lanes that take turns where they write parts of a word
	if store && p.width < 4 {
		for _, m := range p.m.models(true, p.width) {
			if m.Serial {
				turns = union(turns, p.lanesOf(narrow, m.Phases[0]))
			}
		}
	}
	add := func(x uint64) {
		if p.width<<len(more) >= p.widest || p.width<<len(more) < 4 && turns.has(x) || own.has(x) || !all.has(x) && both.has(x) {
			return
		}
		turns.add(x, 0)
		own.add(x, 0)
		all.add(x, 0)
		both.add(x, 0)
		more = append(more, x)
	}
	for _, x := range p.besides(p.unit, wide.reg) {
		if p.width<<len(more) < 4 {
			add(x)
		}
	}
	var phases []uint64
	for i, m := range p.m.models(store, p.width) {
		lanes := p.lanesOf(narrow, m.Phases[0])
		if i == 0 {
			phases = lanes
		} else {
			phases = meet(phases, lanes)
		}
	}
	if p.width<<len(more) >= 4 {
		for _, x := range meet(wide.reg, append(append(phases, p.unit...), more...)) {
			add(x)
		}
	}
	return more
}

// lanesOf are the vectors of some lanes.
func (p *placing) lanesOf(c columns, lanes []int) []uint64 {
	var s space
	var out []uint64
	for _, lane := range lanes {
		v := uint64(0)
		for k, x := range c.lane {
			v ^= x & -uint64(lane>>k&1)
		}
		if s.add(v, 0) {
			out = append(out, v)
		}
	}
	return out
}

// cut finds the rounds: halves of the tile that lie in different registers of every thread, and if these are not
// enough, those that different warps of dst load.
func (p *placing) cut() bool {
	need := 0
	for p.width<<(p.all.size-len(p.unit))>>need > p.m.Scratch {
		need++
	}
	if need == 0 {
		return true
	}
	try := func() bool {
		p.rounds, p.split = nil, 0
		seen := new(space)
		take := func(keep *space, split int) {
			for _, mask := range annihilator(keep, p.all) {
				if len(p.rounds) < need && seen.add(p.values(mask), 0) {
					p.rounds = append(p.rounds, mask)
					p.split += split
				}
			}
		}
		take(spaceOf(p.unit, p.more, p.src.lane, p.src.warp, p.dst.lane, p.dst.warp), 0)
		take(spaceOf(p.unit, p.more, p.src.lane, p.src.warp, p.dst.reg, p.dst.lane), 1)
		return len(p.rounds) == need
	}
	for !try() {
		switch {
		case len(p.more) > 0:
			p.more = p.more[:len(p.more)-1]
		case len(p.unit) > 0 && p.width > 4:
			p.unit = p.unit[:len(p.unit)-1]
			p.width /= 2
		default:
			return false
		}
	}
	return true
}

// annihilator is a basis of the masks of elements that have parity 0 with all of keep.
func annihilator(keep, all *space) []uint64 {
	top := 0
	for q := range all.pivot {
		if all.pivot[q] != 0 {
			top = q + 1
		}
	}
	var masks []uint64
	for q := range top {
		if keep.pivot[q] != 0 {
			continue
		}
		mask := uint64(1) << q
		for at := q + 1; at < top; at++ {
			if v := keep.pivot[at]; v != 0 && bits.OnesCount64(v&mask)&1 != 0 {
				mask |= 1 << at
			}
		}
		masks = append(masks, mask)
	}
	return masks
}

// values are the parities of a mask with a basis of all elements.
func (p *placing) values(mask uint64) uint64 {
	x := uint64(0)
	for q, v := range p.all.pivot {
		x |= uint64(bits.OnesCount64(v&mask)&1) << q
	}
	return x
}

func (p *placing) round(element uint64) uint64 {
	x := uint64(0)
	for k, mask := range p.rounds {
		x |= uint64(bits.OnesCount64(element&mask)&1) << k
	}
	return x
}

// An accessor is an instruction in one of its phase models: what it touches in one phase, and the bytes of a row of
// its banks.
type accessor struct {
	phase  *space
	row    int // log2
	serial bool
}

func (p *placing) accessors(store bool, within []uint64) []accessor {
	c, width := p.dst, p.width
	if store {
		c = p.src
	}
	if store == p.wideStores {
		width <<= len(p.more)
	}
	var list []accessor
	for _, m := range p.m.models(store, width) {
		s := spaceOf(p.unit)
		for k, v := range p.more {
			if store == p.wideStores || p.width<<k < 4 {
				s.add(v, 0)
			}
		}
		for _, v := range within {
			s.add(v, 0)
		}
		for _, v := range p.lanesOf(c, m.Phases[0]) {
			s.add(v, 0)
		}
		list = append(list, accessor{s, bits.TrailingZeros(uint(m.Banks * 4)), m.Serial && width < 4})
	}
	return list
}

// place finds the addresses. Vectors for the bits of the address are chosen from the highest down: above a row of the
// banks they must be outside of what a phase touches. Of candidates that serve alike, turn says
// which are tried first.
func (p *placing) place(turn int) outcome {
	result := free
	low := bits.TrailingZeros(uint(p.width))
	fixed := new(space)
	p.offset = new(space)
	for _, v := range p.unit {
		fixed.add(v, 0)
		p.offset.add(v, 0)
	}
	at := low
	for _, v := range p.more {
		fixed.add(v, 0)
		p.offset.add(v, 1<<at)
		at++
	}
	// What numbers the rounds has no part in the address.
	inRound := p.all.size - len(p.rounds)
	turns := p.turns()
	for _, v := range turns {
		fixed.add(v, 0)
		p.offset.add(v, 0)
	}
	// All else is a sum of vectors that the wide side's threads come first in, so that their addresses have no part
	// within an access, then the other's, and then registers.
	wide, narrow := p.src, p.dst
	if !p.wideStores {
		wide, narrow = narrow, wide
	}
	var rest []uint64
	left := union(fixed, nil)
	for _, vs := range [][]uint64{wide.lane, wide.warp, narrow.lane, narrow.warp, narrow.reg, wide.reg} {
		for _, v := range vs {
			for x, k := p.round(v), 0; x != 0; x, k = x>>1, k+1 {
				v ^= turns[k] & -(x & 1)
			}
			if left.add(v, 0) {
				rest = append(rest, v)
			}
		}
	}
	p.parts = new(space)
	for k, v := range p.unit {
		p.parts.add(v, 1<<(unitPart+k))
	}
	for k, v := range p.more {
		p.parts.add(v, 1<<(morePart+k))
	}
	for _, v := range turns {
		p.parts.add(v, 0)
	}
	for k, v := range rest {
		p.parts.add(v, 1<<k)
	}
	var candidates []uint64
	for _, vs := range [][]uint64{narrow.lane, wide.lane, narrow.warp, wide.warp, rest} {
		for _, v := range vs {
			_, m := p.parts.reduce(v)
			v = 0
			for k, x := range rest {
				v ^= x & -(m >> k & 1)
			}
			if v != 0 && !slices.Contains(candidates, v) {
				candidates = append(candidates, v)
			}
		}
	}
	if n := turn * len(candidates) / 3; n > 0 {
		candidates = append(candidates[n:len(candidates):len(candidates)], candidates[:n]...)
	}
	top := low + inRound - len(p.unit)
	// Within a word, lanes that write parts of it may not take turns: vectors outside of a phase of stores.
	var within []uint64
	for ; at < 2 && at < top; at++ {
		avoid := []*space{fixed}
		for _, a := range p.accessors(true, within) {
			if a.serial {
				avoid = append(avoid, a.phase)
			}
		}
		v, ok := outside(avoid, candidates)
		if !ok {
			result = shared
			v, _ = outside(avoid[:1], candidates)
		}
		within = append(within, v)
		fixed.add(v, 0)
		p.offset.add(v, 1<<at)
	}
	list := append(p.accessors(true, within), p.accessors(false, within)...)
	var rows []uint64
	for bit := top - 1; bit >= at; bit-- {
		avoid := []*space{fixed}
		for _, a := range list {
			if a.row <= bit {
				avoid = append(avoid, a.phase)
			}
		}
		if len(avoid) == 1 {
			break
		}
		v, ok := outside(avoid, candidates)
		if !ok {
			v, _ = outside(avoid[:1], candidates)
			result = max(result, conflicted)
		}
		rows = append(rows, v)
		fixed.add(v, 0)
		for _, a := range list {
			a.phase.add(v, 0)
		}
		p.offset.add(v, 1<<bit)
	}
	for _, v := range candidates {
		if at < top-len(rows) && fixed.add(v, 0) {
			p.offset.add(v, 1<<at)
			at++
		}
	}
	return result
}

// turns are vectors that lead from one round to another, one for each bit of its number.
func (p *placing) turns() []uint64 {
	basis := new(space) // of numbers of rounds, with elements as marks
	for _, vs := range [][]uint64{p.dst.warp, p.src.reg, p.dst.reg} {
		for _, v := range vs {
			basis.add(p.round(v), v)
		}
	}
	out := make([]uint64, len(p.rounds))
	for k := range out {
		_, out[k] = basis.reduce(1 << k)
	}
	return out
}

func union(s *space, more []uint64) *space {
	t := *s
	for _, v := range more {
		t.add(v, 0)
	}
	return &t
}

// outside is a vector outside of all spaces: a candidate, or a sum of two or three.
func outside(avoid []*space, candidates []uint64) (uint64, bool) {
	free := func(v uint64) bool {
		for _, s := range avoid {
			if s.has(v) {
				return false
			}
		}
		return true
	}
	for _, v := range candidates {
		if free(v) {
			return v, true
		}
	}
	for i, v := range candidates {
		for _, w := range candidates[:i] {
			if free(v ^ w) {
				return v ^ w, true
			}
		}
	}
	for i, v := range candidates {
		for j, w := range candidates[:i] {
			for _, x := range candidates[:j] {
				if free(v ^ w ^ x) {
					return v ^ w ^ x, true
				}
			}
		}
	}
	return 0, false
}

// accesses are vectors of registers that tell the accesses of a thread apart, and have no part within one.
func (p *placing) accesses(more, columns []uint64) []uint64 {
	vs := p.besides(append(append([]uint64(nil), p.unit...), more...), columns)
	for i, v := range vs {
		_, m := p.parts.reduce(v)
		for k, x := range p.unit {
			vs[i] ^= x & -(m >> (unitPart + k) & 1)
		}
		for k, x := range more {
			vs[i] ^= x & -(m >> (morePart + k) & 1)
		}
	}
	return vs
}

func (p *placing) address(v uint64) uint32 {
	_, m := p.offset.reduce(v)
	return uint32(m)
}

func (p *placing) addresses(vs []uint64) []uint32 {
	out := make([]uint32, len(vs))
	for k, v := range vs {
		out[k] = p.address(v)
	}
	return trimmed(out)
}

// emit is the plan of the rounds.
func (p *placing) emit() *Plan {
	b := p.builder()
	var wideStores, wideLoads []uint64
	if p.wideStores {
		wideStores = p.more
	} else {
		wideLoads = p.more
	}
	stores := sums(p.accesses(wideStores, p.src.reg))
	loads := sums(p.accesses(wideLoads, p.dst.reg))
	scope, warps := p.scope()
	storeBy := termsOf(p.addresses(p.src.lane), p.addresses(p.src.warp))
	loadBy := termsOf(p.addresses(p.dst.lane), p.addresses(p.dst.warp))
	have := spaceOf(p.src.reg)
	units, inUnit := sums(wideStores), sums(p.unit)
	storeWidth, loadWidth := p.width<<len(wideStores), p.width<<len(wideLoads)

	// Registers of every load, and where their elements go.
	loaded := make([][4]int32, len(loads))
	for j := range loaded {
		loaded[j][0] = -1
	}
	uniform := len(p.rounds) - p.split
	// Warps of dst that load in other rounds do nothing in this one.
	otherWarp := append([]uint32(nil), p.noWar...)
	for k, v := range p.dst.warp {
		if x := uint32(p.round(v)>>uniform) << 16; x != 0 {
			for len(otherWarp) <= k {
				otherWarp = append(otherWarp, 0)
			}
			otherWarp[k] |= x
		}
	}
	otherBy := termsOf(p.noLane, otherWarp)
	idle := numberUnlessZero(Number{By: termsOf(p.idleLane, p.idleWarp)})
	roomy := false
	wishes := make([]wish, max(1, storeWidth/4))
	all := make(wish, len(wishes)*p.fields)
	for r := range uint64(1) << len(p.rounds) {
		other := numberUnlessZero(Number{uint32(r>>uniform) << 16, otherBy})
		if r > 0 {
			b.emit(Step{Op: Barrier, Scope: scope, Warps: uint8(warps)})
		}
		for _, e := range stores {
			if p.round(e) != r {
				continue
			}
			for k := range wishes {
				wishes[k] = all[k*p.fields : (k+1)*p.fields : (k+1)*p.fields]
			}
			for i := range all {
				all[i] = anything
			}
			for u, x := range units {
				for f, v := range inUnit {
					_, slot := have.reduce(e ^ x ^ v)
					at := u*p.width*8/p.field + f
					wishes[at/p.fields][at%p.fields] = p.refOf(slot)
				}
			}
			s := Step{Op: Store, Width: uint8(storeWidth), By: Number{p.address(e), storeBy}, Off: idle}
			copy(s.Vector[:], b.make(wishes))
			if !roomy { // the other stores are made in the same way, and often what is loaded
				roomy = true
				n := len(b.steps) * 2 * len(stores)
				b.made = slices.Grow(b.made, n)
				b.steps = slices.Grow(b.steps, n+len(stores)+len(loads)<<p.split+2<<len(p.rounds))
			}
			b.emit(s)
		}
		b.emit(Step{Op: Barrier, Scope: scope, Warps: uint8(warps)})
		for j, e := range loads {
			if p.round(e) != r&(1<<uniform-1) {
				continue
			}
			if loaded[j][0] < 0 {
				for k := range max(1, loadWidth/4) {
					loaded[j][k] = b.next
					b.next++
				}
			}
			b.steps = append(b.steps, Step{Op: Load, Width: uint8(loadWidth), Vector: loaded[j], By: Number{p.address(e), loadBy}, Off: other})
		}
	}
	where := new(space)
	for k, v := range p.unit {
		where.add(v, 1<<k)
	}
	for k, v := range wideLoads {
		where.add(v, 1<<(8+k))
	}
	for k, v := range p.accesses(wideLoads, p.dst.reg) {
		where.add(v, 1<<(16+k))
	}
	result := b.make(p.results(func(e uint64) ref {
		_, m := where.reduce(e)
		at := int(m>>8&0xff)*p.width*8/p.field + int(m&0xff)
		return ref{loaded[m>>16][at/p.fields], int32(at % p.fields)}
	}))
	plan := p.finish(b, result)
	plan.scratch = p.width << (p.all.size - len(p.unit) - len(p.rounds))
	plan.rounds = 1 << len(p.rounds)
	return plan
}

// scope is the narrowest barrier: the smallest aligned groups of warps that hold all that their warps want.
func (p *placing) scope() (Scope, int) {
	n := max(len(p.src.warp), len(p.dst.warp))
	j := len(p.idleWarp)
	for ; j < n; j++ {
		if !stays(p.src.warp, p.dst.warp, j) || len(p.src.warp) < j {
			continue
		}
		s := spaceOf(p.src.reg, p.src.lane, p.src.warp[:j])
		fits := true
		for _, vs := range [][]uint64{p.dst.reg, p.dst.lane, p.dst.warp[:min(j, len(p.dst.warp))]} {
			for _, v := range vs {
				fits = fits && s.has(v)
			}
		}
		if fits {
			break
		}
	}
	switch {
	case j == 0:
		return Warp, 1
	case 1<<j >= p.warps:
		return Block, p.warps
	}
	return Group, 1 << j
}
