package convert

import "slices"

// A grouping says how elements travel through shared memory: units of count elements that lie side by side in a
// container of width bytes. Slots of a unit are the same in all threads that store, and in all that load.
type grouping struct {
	count, width int
	stores       [][]int // by unit of a thread: its slots of src
	loads        []load
}

// A load is what brings one unit to a thread: slot slots[i] of dst becomes element at[i] of the unit.
type load struct {
	slots, at []int
}

// shared is the plan of stores and loads of shared memory; nil if not even a single unit of every thread fits. Where
// wide accesses meet conflicts, narrower ones are tried.
func (t *table) shared() *Plan {
	owner := t.owners()
	var best *Plan
	last := 0 // elements of a unit that was tried
	classes := t.classes(owner)
	for limit := 16; limit >= 4; limit /= 2 {
		if last == 1 || last > 0 && last <= 8*limit/t.bits {
			continue // the units would be the same
		}
		g := t.grouping(classes, owner, 8*limit)
		last, t.room = g.count, room{}
		p := t.through(g, owner)
		if p == nil {
			break
		}
		if best == nil || p.priced().Cost.Cycles < best.Cost.Cycles {
			best = p.priced()
		}
		if p.Cost.Conflicts == 0 {
			break
		}
	}
	return best
}

// through is the plan with units of a kind.
func (t *table) through(g grouping, owner []int32) *Plan {
	storeOf := make([]int, t.src.slots)
	for i, slots := range g.stores {
		for _, s := range slots {
			storeOf[s] = i
		}
	}
	// unit is that which a thread loads: the thread and number of its store.
	unit := func(thread, load int) int {
		l := g.loads[load]
		p := t.from[thread*t.dst.slots+l.slots[0]]
		e := owner[p]
		store := storeOf[int(e)%t.src.slots]
		return store*t.threads + int(e)/t.src.slots
	}
	units := make([][]int32, len(g.loads))
	for j := range units {
		units[j] = make([]int32, t.threads)
		for thread := range units[j] {
			units[j][thread] = -1
			if t.dst.elements[thread*t.dst.slots] >= 0 {
				units[j][thread] = int32(unit(thread, j))
			}
		}
	}
	distinct := 0 // in all blocks
	seen := make([]bool, len(g.stores)*t.threads)
	for _, us := range units {
		for _, u := range us {
			if u >= 0 && !seen[u] {
				seen[u] = true
				distinct++
			}
		}
	}
	least := (distinct*g.width/t.blocks + t.m.Scratch - 1) / max(1, t.m.Scratch)
	for rounds := max(1, least); rounds <= len(g.loads); rounds++ {
		if p := t.inRounds(g, units, rounds); p != nil {
			return p
		}
	}
	return nil
}

// owners maps each position of src that something is taken from to the one position that stores the element: the first
// in its block that is taken from.
func (t *table) owners() []int32 {
	owner := make([]int32, len(t.src.elements))
	for i := range owner {
		owner[i] = -1
	}
	perBlock := t.warps * t.m.Lanes * t.src.slots
	first := make([]int32, t.blocks*t.size) // by block and element: the position, and 1
	at := func(p int, e int32) *int32 { return &first[int(t.from[p])/perBlock*t.size+int(e)] }
	for p, e := range t.dst.elements {
		if e < 0 {
			continue
		}
		if o := at(p, e); *o == 0 || t.from[p] < *o-1 {
			*o = t.from[p] + 1
		}
	}
	for p, e := range t.dst.elements {
		if e >= 0 {
			owner[t.from[p]] = *at(p, e) - 1
		}
	}
	return owner
}

func mix(x uint64) uint64 {
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	x ^= x >> 32
	x *= 0xd6e8feb86659fd93
	return x ^ x>>32
}

// classes are the slots of src that something is taken from, those together whose elements have the same readers in
// every thread.
func (t *table) classes(owner []int32) [][]int {
	readers := make([]uint64, len(owner))
	for p, e := range t.dst.elements {
		if e >= 0 {
			readers[owner[t.from[p]]] += mix(uint64(p/t.dst.slots) + 1)
		}
	}
	class, taken := make([]uint64, t.src.slots), make([]bool, t.src.slots)
	for q, o := range owner {
		if int(o) == q {
			class[q%t.src.slots] += mix(readers[q] + 3*mix(uint64(q/t.src.slots)+1))
			taken[q%t.src.slots] = true
		}
	}
	var classes [][]int
	index := map[uint64]int{}
	for s, c := range class {
		if !taken[s] {
			continue
		}
		i, ok := index[c]
		if !ok {
			i = len(classes)
			index[c] = i
			classes = append(classes, nil)
		}
		classes[i] = append(classes[i], s)
	}
	return classes
}

// grouping finds the largest units of at most so many bits, or of one element, within classes of slots of src. Whether
// their elements are together in dst too is checked.
func (t *table) grouping(classes [][]int, owner []int32, limit int) grouping {
	common := 0
	for _, c := range classes {
		common = gcd(common, len(c))
	}
	for count := min(common, limit/t.bits); count > 1; count-- {
		if common%count != 0 {
			continue
		}
		if g, ok := t.grouped(classes, count, owner); ok {
			return g
		}
	}
	g, _ := t.grouped(classes, 1, owner)
	return g
}

// grouped is the grouping with units of so many elements, if dst has them too.
func (t *table) grouped(classes [][]int, count int, owner []int32) (grouping, bool) {
	g := grouping{count: count, width: 1}
	for 8*g.width < count*t.bits {
		g.width *= 2
	}
	store, at := make([]int32, t.src.slots), make([]int32, t.src.slots)
	for _, c := range classes {
		for i := 0; i < len(c); i += count {
			for k, s := range c[i : i+count] {
				store[s], at[s] = int32(len(g.stores)), int32(k)
			}
			g.stores = append(g.stores, c[i:i+count:i+count])
		}
	}
	group := make([]int, t.dst.slots)
	var held []int64
	first := true
	for thread := range t.threads {
		base := thread * t.dst.slots
		if t.dst.elements[base] < 0 {
			continue
		}
		if first {
			first = false
			for s := range t.dst.slots {
				o := owner[t.from[base+s]]
				u := int64(store[int(o)%t.src.slots])<<32 | int64(int(o)/t.src.slots)
				k := slices.Index(held, u)
				if k < 0 {
					k = len(held)
					held = append(held, u)
					g.loads = append(g.loads, load{})
				}
				group[s] = k
				g.loads[k].slots = append(g.loads[k].slots, s)
				g.loads[k].at = append(g.loads[k].at, int(at[int(o)%t.src.slots]))
			}
			continue
		}
		for _, l := range g.loads {
			o := owner[t.from[base+l.slots[0]]]
			thread, unit := int(o)/t.src.slots, store[int(o)%t.src.slots]
			for i, s := range l.slots {
				o := owner[t.from[base+s]]
				slot := int(o) % t.src.slots
				if int(o)/t.src.slots != thread || store[slot] != unit || int(at[slot]) != l.at[i] {
					return g, false
				}
			}
		}
	}
	return g, true
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// inRounds is the plan that fills scratch so many times; nil if that does not fit.
func (t *table) inRounds(g grouping, units [][]int32, rounds int) *Plan {
	b := newBuilder(t.field, t.m.Lanes, int32(t.src.words))
	wishes := make([]wish, t.dst.words)
	for k := range wishes {
		wishes[k] = b.blank(b.fields)
	}
	scope, warps := t.scope(units)
	if rounds > 1 && t.warps > 1 {
		scope, warps = Block, t.warps // the bytes of one group of warps may be another's in the next round
	}
	scratch := 0
	by, off := make([]uint32, t.threads), make([]uint32, t.threads)
	for r := range rounds {
		loads := units[r*len(units)/rounds : (r+1)*len(units)/rounds]
		address, size := t.place(g.width, len(g.stores), loads)
		if scratch = max(scratch, size); scratch > t.m.Scratch {
			return nil
		}
		if r > 0 {
			b.emit(Step{Op: Barrier, Scope: scope, Warps: uint8(warps)})
		}
		for i, slots := range g.stores {
			address := address[i*t.threads : (i+1)*t.threads]
			if !slices.ContainsFunc(address, func(a int32) bool { return a >= 0 }) {
				continue
			}
			for thread, a := range address {
				if off[thread] = 0; a < 0 {
					off[thread] = 1
					by[thread] = before(by, thread)
				} else {
					by[thread] = uint32(a)
				}
			}
			words := b.make(t.container(b, g, slots))
			s := Step{Op: Store, Width: uint8(g.width), By: numberOf(by, t.m.Lanes), Off: numberUnlessZero(numberOf(off, t.m.Lanes))}
			copy(s.Vector[:], words)
			b.emit(s)
		}
		b.emit(Step{Op: Barrier, Scope: scope, Warps: uint8(warps)})
		for j, units := range loads {
			for thread, u := range units {
				if off[thread] = 0; u < 0 {
					off[thread] = 1
					by[thread] = before(by, thread)
				} else {
					by[thread] = uint32(address[u])
				}
			}
			s := Step{Op: Load, Width: uint8(g.width), By: numberOf(by, t.m.Lanes), Off: numberUnlessZero(numberOf(off, t.m.Lanes))}
			for k := range max(1, g.width/4) {
				s.Vector[k] = b.next
				b.next++
			}
			b.steps = append(b.steps, s)
			l := g.loads[r*len(g.loads)/rounds+j]
			for i, slot := range l.slots {
				for f := range t.parts {
					from, to := l.at[i]*t.parts+f, slot*t.parts+f
					wishes[to/b.fields][to%b.fields] = ref{s.Vector[from/b.fields], int32(from % b.fields)}
				}
			}
		}
	}
	p := t.plan(b, b.make(wishes))
	p.scratch, p.rounds = scratch, rounds
	return p
}

// before is the entry before one, and 0 before the first.
func before(by []uint32, i int) uint32 {
	if i == 0 {
		return 0
	}
	return by[i-1]
}

// container are the words of a unit: the elements at these slots, packed from the lowest bit on.
func (t *table) container(b *builder, g grouping, slots []int) []wish {
	words := make([]wish, max(1, g.width/4))
	for k := range words {
		words[k] = b.blank(b.fields)
	}
	for i, slot := range slots {
		for f := range t.parts {
			at := i*t.parts + f
			words[at/b.fields][at%b.fields] = t.ref(slot, f)
		}
	}
	return words
}

// scope is the narrowest barrier that orders the stores of every unit before its loads, and the warps of its group.
func (t *table) scope(units [][]int32) (Scope, int) {
	warps := 1
	for _, us := range units {
		for thread, u := range us {
			if u < 0 {
				continue
			}
			a, b := thread/t.m.Lanes%t.warps, int(u)%t.threads/t.m.Lanes%t.warps
			for a/warps != b/warps {
				warps *= 2
			}
		}
	}
	switch {
	case warps == 1:
		return Warp, 1
	case warps >= t.warps:
		return Block, t.warps
	}
	return Group, warps
}

// A room is what place takes for one round after the other of the same units.
type room struct {
	address, index, ids []int32
	edges               []edge
}

// place gives every unit that is loaded an address. Units of one store of one phase, and those of one load of one
// phase, must lie in different banks: they are edges between phases, and banks a colouring of them, so that as many
// banks suffice as a phase has lanes, whatever the distributions. Units that several phases read are placed greedily.
func (t *table) place(width, stores int, loads [][]int32) ([]int32, int) {
	cell := max(width, 4) // what a lane takes of a row of banks
	load, store := t.m.models(false, width)[0], t.m.models(true, width)[0]
	banks := min(load.Banks, store.Banks) * 4 / cell
	if t.room.address == nil {
		t.room.address, t.room.index = make([]int32, stores*t.threads), make([]int32, stores*t.threads)
	}
	address, index := t.room.address, t.room.index
	for i := range address {
		address[i] = -1
	}
	clear(index)
	byLoad, byStore := phaseOf(load, t.m.Lanes), phaseOf(store, t.m.Lanes)
	lanes := t.m.Lanes
	// Vertices are phases: those of a store, and those of a load.
	warps, stored, read := t.threads/lanes, len(store.Phases), len(load.Phases)
	as, bs := stores*warps*stored, len(loads)*warps*read
	if t.room.edges == nil {
		n := min(len(loads), stores) * t.threads
		t.room.edges, t.room.ids = make([]edge, 0, n), make([]int32, 0, n)
	}
	edges, ids := t.room.edges[:0], t.room.ids[:0] // ids are the units of edges
	also := map[int32][]int32{}                    // further phases that read the unit of an edge
	halves := load.Banks / min(load.Banks, store.Banks)
	for j, units := range loads {
		for thread, u := range units {
			if u < 0 {
				continue
			}
			v := int32((j*warps+thread/lanes)*read + byLoad[thread%lanes])
			if k := index[u] - 1; k >= 0 {
				if edges[k].b != v && !slices.Contains(also[k], v) {
					also[k] = append(also[k], v)
				}
				continue
			}
			ids = append(ids, u)
			index[u] = int32(len(ids))
			edges = append(edges, edge{int32(int(u)/lanes*stored + byStore[int(u)%lanes]), v, -1})
		}
	}
	t.room.edges, t.room.ids = edges, ids
	// With twice the banks for loads, their phases are of two halves, which take different rows of the stores' banks.
	half := make([]int, len(edges))
	count := make([]int, bs)
	for i := range edges {
		k := edges[i].b
		edges[i].b = k*int32(halves) + int32(count[k]/banks%halves)
		count[k]++
	}
	need := int32(0)
	degreeA, degreeB := make([]int32, as), make([]int32, bs*halves)
	for _, e := range edges {
		degreeA[e.a]++
		degreeB[e.b]++
		need = max(need, degreeA[e.a], degreeB[e.b])
	}
	var bank []int
	if len(also) > 0 || int(need) > banks {
		taken := make([]bool, (as+bs)*banks) // by phase and bank
		bank = make([]int, len(edges))
		var phases []int32
		for i, e := range edges {
			phases = append(append(phases[:0], e.a, int32(as)+e.b/int32(halves)), also[int32(i)]...)
			for k := range phases[2:] {
				phases[2+k] += int32(as)
			}
			best, least := 0, 1<<30
			for c := 0; c < banks && least > 0; c++ {
				clash := 0
				for _, v := range phases {
					if taken[int(v)*banks+c] {
						clash++
					}
				}
				if clash < least {
					best, least = c, clash
				}
			}
			bank[i] = best
			for _, v := range phases {
				taken[int(v)*banks+best] = true
			}
		}
	} else {
		bank = colours(edges, as, bs*halves, max(int(need), min(banks, len(edges))))
	}
	if halves == 2 {
		n := max(int(need), banks)
		seen := make([]uint8, bs*n) // by phase of a load and bank
		for i, e := range edges {
			k := int(e.b/2)*n + bank[i]
			half[i] = int(seen[k])
			seen[k] ^= 1
		}
	}
	perBlock := t.warps * lanes
	size := 0
	rows := make([]int, t.blocks*banks*halves) // that a bank has in use, by block
	inCell := cell / width
	for i, u := range ids {
		c := half[i]*banks + bank[i]
		row := &rows[int(u)%t.threads/perBlock*banks*halves+c]
		n := *row
		*row++
		address[u] = int32((n/inCell*banks*halves+c)*cell + n%inCell*width)
		size = max(size, int(address[u])+width)
	}
	return address, size
}
