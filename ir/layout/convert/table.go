package convert

import (
	"cmp"
	"slices"

	"github.com/tilec/tilec/ir/layout"
)

// A table is a pair of distributions written out: which element each slot of each thread holds and wants, and from
// where it is taken. Threads are numbered by lane, then warp, then block; a warp has the machine's lanes.
type table struct {
	m             Machine
	bits          int // of an element
	field, parts  int // bits of a field of a register; fields of an element
	warps, blocks int
	threads       int
	size          int // elements of the tile
	src, dst      side
	from          []int32 // for each slot of dst: the position in src
	reach         int     // 0: every thread has what it wants; 1: its warp has; 2: its block
	room          room
}

// A side is one distribution: slots elements a thread.
type side struct {
	slots    int
	words    int
	elements []int32 // by thread and slot; negative: the thread does not exist
}

// Bounds of what is planned for: positions of a distribution; elements of a tile, and registers of all threads.
const (
	maxPositions = 1 << 22
	maxElements  = 1 << 24
)

func (t *table) side(d layout.Distribution, size int64) (side, error) {
	s := side{slots: int(d.Count(layout.Register))}
	s.words = (s.slots*t.bits + 31) / 32
	s.elements = make([]int32, t.threads*s.slots)
	for i := range s.elements {
		s.elements[i] = -1
	}
	l := d.Layout()
	var values [layout.Units][]int64
	for u := range layout.Units {
		values[u] = l.Mode(u).Values()
	}
	swizzle, plain := l.Swizzle(), l.Swizzle().IsIdentity()
	for b, vb := range values[layout.Block] {
		for w, vw := range values[layout.Warp] {
			for lane, vl := range values[layout.Lane] {
				at := ((b*t.warps+w)*t.m.Lanes + lane) * s.slots
				base := l.Offset() + vb + vw + vl
				for r, vr := range values[layout.Register] {
					e := base + vr
					if !plain {
						e = swizzle.At(e)
					}
					if e < 0 || e >= size {
						return s, &layout.Error{Op: "convert", Reason: layout.Range, Text: text("%v holds element %d of %d", d, e, size)}
					}
					s.elements[at+r] = int32(e)
				}
			}
		}
	}
	return s, nil
}

// tableOf writes out two distributions and finds a source for everything wanted: the own thread, else the nearest lane
// of the own warp, else the nearest warp of the own block.
func tableOf(src, dst layout.Distribution, bits int, m Machine) (*table, error) {
	t := &table{m: m, bits: bits, field: fieldOf(bits)}
	t.parts = bits / t.field
	t.warps = int(max(src.Count(layout.Warp), dst.Count(layout.Warp)))
	t.blocks = int(max(src.Count(layout.Block), dst.Count(layout.Block)))
	t.threads = t.blocks * t.warps * m.Lanes
	size := int64(1)
	for _, n := range src.Tile() {
		size *= n
	}
	t.size = int(size)
	var err error
	if t.src, err = t.side(src, size); err != nil {
		return nil, err
	}
	if t.dst, err = t.side(dst, size); err != nil {
		return nil, err
	}
	// Positions of src by element.
	start := make([]int32, size+1)
	for _, e := range t.src.elements {
		if e >= 0 {
			start[e+1]++
		}
	}
	for i := range size {
		start[i+1] += start[i]
	}
	owners := make([]int32, start[size])
	fill := slices.Clone(start[:size])
	for p, e := range t.src.elements {
		if e >= 0 {
			owners[fill[e]] = int32(p)
			fill[e]++
		}
	}
	t.from = make([]int32, len(t.dst.elements))
	perBlock := t.warps * m.Lanes
	for p, e := range t.dst.elements {
		if e < 0 {
			continue
		}
		thread := p / t.dst.slots
		best, distance := int32(-1), 1<<30
		for _, o := range owners[start[e]:start[e+1]] {
			u := int(o) / t.src.slots
			if u/perBlock != thread/perBlock {
				continue
			}
			// Lanes in the low bits: another warp is farther than any lane.
			d := (u % perBlock) ^ (thread % perBlock)
			if d < distance || d == 0 && t.moved(o, p) < t.moved(best, p) {
				best, distance = o, d
			}
		}
		if best < 0 {
			if start[e] == start[e+1] {
				return nil, &layout.Error{Op: "convert", Reason: layout.Range, Text: text("the source holds no element %v, which the destination wants", src.Coordinates(int64(e)))}
			}
			return nil, &layout.Error{Op: "convert", Reason: layout.Range, Text: text("element %v would have to come from another block to block %d", src.Coordinates(int64(e)), thread/perBlock)}
		}
		t.from[p] = best
		switch {
		case distance >= m.Lanes:
			t.reach = 2
		case distance > 0:
			t.reach = max(t.reach, 1)
		}
	}
	return t, nil
}

// moved tells how far a position of src is from one of dst in the same thread: 0 where it is the same slot, 1 where it
// is the same part of another register, 2 where bits have to move.
func (t *table) moved(from int32, to int) int {
	slot, wanted := int(from)%t.src.slots, to%t.dst.slots
	switch {
	case slot == wanted:
		return 0
	case (slot-wanted)*t.bits%32 == 0:
		return 1
	}
	return 2
}

// fieldOf is the largest part of an element of so many bits that always lies within a register: elements are packed
// without gaps, and those of 6 bits, say, as three fields of 2.
func fieldOf(bits int) int {
	return min(bits&-bits, 32)
}

// ref is field f of the element at a slot of src.
func (t *table) ref(slot, f int) ref {
	at := slot*t.parts + f
	per := 32 / t.field
	return ref{int32(at / per), int32(at % per)}
}

// wants calls do for every field that a thread wants, with the number of the field in the thread and its source.
func (t *table) wants(thread int, do func(field int, from int32, f int)) {
	for s := range t.dst.slots {
		p := thread*t.dst.slots + s
		if t.dst.elements[p] < 0 {
			return
		}
		for f := range t.parts {
			do(s*t.parts+f, t.from[p], f)
		}
	}
}

// blank are wishes for all words of dst and all threads in which nothing matters.
func (t *table) blank(words int) []wish {
	wishes := make([]wish, words)
	per := 32 / t.field
	all := make(wish, words*t.threads*per)
	for i := range all {
		all[i] = anything
	}
	for k := range wishes {
		wishes[k] = all[k*t.threads*per : (k+1)*t.threads*per]
	}
	return wishes
}

// local is the plan where every thread has what it wants.
func (t *table) local() *Plan {
	b := newBuilder(t.field, t.m.Lanes, int32(t.src.words))
	wishes := t.blank(t.dst.words)
	for thread := range t.threads {
		t.wants(thread, func(field int, from int32, f int) {
			wishes[field/b.fields][thread*b.fields+field%b.fields] = t.ref(int(from)%t.src.slots, f)
		})
	}
	return t.plan(b, b.make(wishes))
}

func (t *table) plan(b *builder, result []int32) *Plan {
	return &Plan{Machine: t.m, Bits: t.bits, Warps: t.warps, Blocks: t.blocks, Source: t.src.words, Steps: b.steps, Registers: int(b.next), Result: result}
}

// transposed is the plan of movmatrix: each word wanted either lies in its own thread or is a row of a transposed 8x8
// matrix of 16-bit elements; nil if there is none.
func (t *table) transposed() *Plan {
	if !t.m.Matrix || t.field != 16 || t.m.Lanes != 32 {
		return nil
	}
	b := newBuilder(t.field, t.m.Lanes, int32(t.src.words))
	wishes := t.blank(t.dst.words)
	rows := make([]int32, t.dst.words) // the source word whose transpose the word is
	for i := range rows {
		rows[i] = -2
	}
	fits := true
	for thread := range t.threads {
		lane := thread % 32
		t.wants(thread, func(field int, from int32, f int) {
			word, half := field/2, field%2
			at := t.ref(int(from)%t.src.slots, f)
			source := int32(-1)
			if u := int(from) / t.src.slots; u == thread && rows[word] < 0 {
				wishes[word][thread*2+half] = at
			} else if u == thread-lane+(2*(lane%4)+half)*4+lane/8 && int(at.at) == lane/4%2 {
				source = at.reg
			} else {
				fits = false
			}
			if rows[word] == -2 {
				rows[word] = source
			}
			fits = fits && rows[word] == source
		})
	}
	if !fits {
		return nil
	}
	for word, r := range rows {
		if r >= 0 {
			to := b.once(Transpose, r, 0, 0)
			wishes[word] = wish{{to, 0}, {to, 1}}
		}
	}
	return t.plan(b, b.make(wishes))
}

// A parcel is a word that a lane offers in one round, and the lanes that read it.
type parcel struct {
	warp, lane int
	fields     []ref
	next       int       // the parcel before of the same hash, and 1
	to         []int     // lanes
	places     [][][]int // for each of these lanes and each field: the fields of the lane that it becomes
}

// shuffled is the plan of shuffles within a warp.
func (t *table) shuffled() *Plan {
	b := newBuilder(t.field, t.m.Lanes, int32(t.src.words))
	wishes := t.blank(t.dst.words)
	parcels, several := t.parcels(b.fields, wishes)
	// The rounds of every warp are a colouring of the graph of its lanes that offer and read.
	rounds := 0
	round := make([]int, len(parcels))
	lanes := t.m.Lanes
	for i := 0; i < len(parcels); {
		j := i
		in, out := make([]int, lanes), make([]int, lanes)
		need := 0
		for ; j < len(parcels) && parcels[j].warp == parcels[i].warp; j++ {
			out[parcels[j].lane]++
			need = max(need, out[parcels[j].lane])
			for _, l := range parcels[j].to {
				in[l]++
				need = max(need, in[l])
			}
		}
		if several {
			need = greedy(parcels[i:j], round[i:j], lanes)
		} else {
			edges := make([]edge, j-i)
			nth := make([]int32, lanes)
			for k, p := range parcels[i:j] {
				edges[k] = edge{int32(p.lane), int32(p.to[0]), nth[p.to[0]]}
				nth[p.to[0]]++
			}
			copy(round[i:j], colours(edges, lanes, lanes, need))
		}
		rounds = max(rounds, need)
		i = j
	}
	offers := t.blank(rounds)
	from := make([][]uint32, rounds)
	for c := range from {
		from[c] = make([]uint32, t.threads)
		for thread := range from[c] {
			from[c][thread] = uint32(thread % lanes)
		}
	}
	for i, p := range parcels {
		c := round[i]
		copy(offers[c][(p.warp*lanes+p.lane)*b.fields:], p.fields)
		for _, l := range p.to {
			from[c][p.warp*lanes+l] = uint32(p.lane)
		}
	}
	words := b.make(offers)
	for c, w := range words {
		words[c] = b.emit(Step{Op: Shuffle, A: w, By: numberOf(from[c], lanes)})
	}
	for i, p := range parcels {
		for k, l := range p.to {
			thread := p.warp*lanes + l
			for f, places := range p.places[k] {
				for _, at := range places {
					wishes[at/b.fields][thread*b.fields+at%b.fields] = ref{words[round[i]], int32(f)}
				}
			}
		}
	}
	return t.plan(b, b.make(wishes))
}

// parcels packs what goes between each two lanes into words, and enters into the wishes what threads take from
// themselves. Lanes that want the same word of a lane read it together; several tells whether there are such.
func (t *table) parcels(fields int, wishes []wish) (parcels []parcel, several bool) {
	lanes := t.m.Lanes
	type item struct {
		at     ref
		places []int
	}
	// Room for many short slices at once.
	var refs []ref
	var ints []int
	var lists [][]int
	var readers [][][]int
	parcels = make([]parcel, 0, t.dst.words*lanes)
	byLane := make([][]item, lanes)
	index := map[uint64]int{} // by hash of lane and fields: the last parcel, and 1
	for warp := range t.blocks * t.warps {
		first := len(parcels)
		clear(index)
		for lane := range lanes {
			thread := warp*lanes + lane
			for a := range byLane {
				byLane[a] = byLane[a][:0]
			}
			t.wants(thread, func(field int, from int32, f int) {
				at := t.ref(int(from)%t.src.slots, f)
				u := int(from) / t.src.slots
				if u == thread {
					wishes[field/fields][thread*fields+field%fields] = at
					return
				}
				items := byLane[u%lanes]
				if i := slices.IndexFunc(items, func(x item) bool { return x.at == at }); i >= 0 {
					items[i].places = append(items[i].places, field)
				} else {
					places := carve(&ints, 1)
					places[0] = field
					byLane[u%lanes] = append(items, item{at, places})
				}
			})
			// Nearby lanes first, by the difference that most layouts have in common.
			for d := 1; d < lanes; d++ {
				a := lane ^ d
				for items := byLane[a]; len(items) > 0; {
					n := min(len(items), fields)
					p := parcel{warp: warp, lane: a, fields: carve(&refs, fields), to: carve(&ints, 1), places: carve(&readers, 1)}
					p.to[0], p.places[0] = lane, carve(&lists, fields)
					for f := range p.fields {
						p.fields[f] = anything
					}
					// A field keeps its place where that is free.
					for _, x := range items[:n] {
						f := x.places[0] % fields
						for p.fields[f].reg >= 0 {
							f = (f + 1) % fields
						}
						p.fields[f] = x.at
						p.places[0][f] = x.places
					}
					items = items[n:]
					hash := uint64(a)
					for _, r := range p.fields {
						hash = mix(hash + uint64(uint32(r.reg))<<8 + uint64(r.at))
					}
					p.next = index[hash]
					i := p.next
					for i != 0 && (parcels[i-1].lane != a || !slices.Equal(parcels[i-1].fields, p.fields)) {
						i = parcels[i-1].next
					}
					if i != 0 {
						q := &parcels[i-1]
						q.to, q.places = append(q.to, lane), append(q.places, p.places[0])
						several = true
						continue
					}
					parcels = append(parcels, p)
					index[hash] = len(parcels)
				}
			}
		}
		// Those with most readers are hardest to place.
		slices.SortStableFunc(parcels[first:], func(p, q parcel) int { return cmp.Compare(len(q.to), len(p.to)) })
	}
	return parcels, several
}

// carve is a slice of n zeros out of a longer one.
func carve[T any](from *[]T, n int) []T {
	if len(*from) < n {
		*from = make([]T, max(n, 256))
	}
	s := (*from)[:n:n]
	*from = (*from)[n:]
	return s
}

// greedy gives every parcel the first round in which its lane offers nothing yet and none of its readers reads.
func greedy(parcels []parcel, round []int, lanes int) int {
	var busy [][]bool // by round: lanes that offer, and lanes that read
	for i, p := range parcels {
		c := 0
	search:
		for ; c < len(busy); c++ {
			if busy[c][p.lane] {
				continue
			}
			for _, l := range p.to {
				if busy[c][lanes+l] {
					continue search
				}
			}
			break
		}
		if c == len(busy) {
			busy = append(busy, make([]bool, 2*lanes))
		}
		busy[c][p.lane] = true
		for _, l := range p.to {
			busy[c][lanes+l] = true
		}
		round[i] = c
	}
	return len(busy)
}
