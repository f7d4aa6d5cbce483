package convert

import (
	"math/bits"

	"github.com/tilec/tilec/ir/layout"
)

// A linear is a pair of distributions that are linear over F2: every bit of a position contributes a vector of bits of
// the element. Plans are made from these few vectors, without visiting elements. Elements of 64 bits are two fields,
// numbered by one more bit below the element's.
type linear struct {
	m             Machine
	bits, field   int
	fields        int // of a word
	inner         int // the bits of the number of a field in its word
	warps, blocks int
	src, dst      columns
}

// columns are the vectors of the bits of fields, lanes, warps and blocks.
type columns struct {
	reg, lane, warp, block []uint64
}

// laneBit is where the bits of lanes begin in sets of position bits; those of fields begin at 0.
const laneBit = 32

func linearOf(src, dst layout.Distribution, width int, m Machine) (*linear, bool) {
	l := &linear{m: m, bits: width, field: fieldOf(width)}
	parts := width / l.field
	if parts&(parts-1) != 0 || src.Element(0, 0, 0, 0) != dst.Element(0, 0, 0, 0) {
		return nil, false
	}
	l.fields = 32 / l.field
	l.inner = bits.TrailingZeros(uint(l.fields))
	n, k := counts(src), counts(dst)
	l.warps, l.blocks = int(max(n[layout.Warp], k[layout.Warp])), int(max(n[layout.Block], k[layout.Block]))
	var ok bool
	if l.src, ok = columnsOf(src, parts); !ok {
		return nil, false
	}
	l.dst, ok = columnsOf(dst, parts)
	return l, ok
}

func columnsOf(d layout.Distribution, parts int) (columns, bool) {
	f, ok := d.Layout().Matrix()
	if !ok || f.Rows() > maxElementBits-2 || f.Bits() > 28 {
		return columns{}, false
	}
	low := bits.TrailingZeros(uint(parts))
	all := make([]uint64, low+f.Bits())
	for k := range low {
		all[k] = 1 << k
	}
	for k, c := range f.Columns() {
		all[low+k] = uint64(c) << low
	}
	var c columns
	count := counts(d)
	for u, part := range []*[]uint64{&c.reg, &c.lane, &c.warp, &c.block} {
		n := bits.TrailingZeros64(uint64(count[u]))
		if u == 0 {
			n += low
		}
		*part, all = all[:n:n], all[n:]
	}
	return c, true
}

// stays tells whether the bits from a certain one on of a unit mean the same in src and dst.
func stays(src, dst []uint64, from int) bool {
	for k := from; k < len(dst); k++ {
		if k >= len(src) || src[k] != dst[k] {
			return false
		}
	}
	return true
}

// plan is the plan of the linear pair; nil where it takes less regular means, or none exists.
func (l *linear) plan() *Plan {
	if !stays(l.src.block, l.dst.block, 0) {
		return nil
	}
	warps, lanes := stays(l.src.warp, l.dst.warp, 0), stays(l.src.lane, l.dst.lane, 0)
	if warps && lanes {
		if p := l.local(); p != nil {
			return p.priced()
		}
	}
	shared := l.shared()
	if shared == nil {
		return nil
	}
	shared.priced()
	if !warps {
		if l.small() && l.inWarps() {
			return nil
		}
		return shared
	}
	shuffled, estimate := l.shuffled(shared.Cost.Cycles)
	transposed := l.transposed()
	if shuffled == nil && transposed == nil && estimate.Free() && l.small() {
		return nil
	}
	p, _ := cheapest(transposed, shuffled, shared)
	if p.Other == nil {
		p.Estimate = estimate
	}
	return p
}

// small tells whether the pair may as well be written out element by element, to find plans of less regular means.
func (l *linear) small() bool {
	return len(l.dst.reg)+len(l.dst.lane)+len(l.dst.warp)+len(l.dst.block) <= 13
}

// inWarps tells whether every warp has what it wants.
func (l *linear) inWarps() bool {
	have := spaceOf(l.src.reg, l.src.lane)
	for _, vs := range [][]uint64{l.dst.reg, l.dst.lane} {
		for _, v := range vs {
			if !have.has(v) {
				return false
			}
		}
	}
	for k, v := range l.dst.warp {
		if k >= len(l.src.warp) || !have.has(v^l.src.warp[k]) {
			return false
		}
	}
	return true
}

func (l *linear) finish(b *builder, result []int32) *Plan {
	return &Plan{Machine: l.m, Bits: l.bits, Warps: l.warps, Blocks: l.blocks, Source: l.words(l.src), Steps: b.steps, Registers: int(b.next), Result: result}
}

func (l *linear) words(c columns) int { return max(1, 1<<len(c.reg)/l.fields) }

func (l *linear) builder() *builder {
	return newBuilder(l.field, l.m.Lanes, int32(l.words(l.src)))
}

func (l *linear) refOf(slot uint64) ref {
	return ref{int32(slot >> l.inner), int32(slot) & int32(l.fields-1)}
}

// sums are all sums of vectors: entry i is that of the vectors at the bits of i.
func sums(vectors []uint64) []uint64 {
	all := make([]uint64, 1<<len(vectors))
	for i := 1; i < len(all); i++ {
		all[i] = all[i&(i-1)] ^ vectors[bits.TrailingZeros(uint(i))]
	}
	return all
}

// results are the wishes for the words of dst, given where each of its fields is by the vector of its element.
func (l *linear) results(at func(element uint64) ref) []wish {
	elements := sums(l.dst.reg)
	all := make(wish, max(len(elements), l.fields))
	for i := range all {
		all[i] = anything
	}
	for i, e := range elements {
		all[i] = at(e)
	}
	wishes := make([]wish, len(all)/l.fields)
	for k := range wishes {
		wishes[k] = all[k*l.fields : (k+1)*l.fields]
	}
	return wishes
}

// local is the plan within threads; nil if something is not there.
func (l *linear) local() *Plan {
	have := spaceOf(l.src.reg)
	from := make([]uint64, len(l.dst.reg))
	for k, v := range l.dst.reg {
		rest, marks := have.reduce(v)
		if rest != 0 {
			return nil
		}
		from[k] = marks
	}
	// Words that stay whole are renamed without looking into them.
	whole := len(from) >= l.inner
	for k := range from {
		if k < l.inner && from[k] != 1<<k || k >= l.inner && from[k]&uint64(l.fields-1) != 0 {
			whole = false
		}
	}
	b := l.builder()
	if whole {
		slots := sums(from[l.inner:])
		result := make([]int32, len(slots))
		for k, s := range slots {
			result[k] = int32(s >> l.inner)
		}
		return l.finish(b, result)
	}
	return l.finish(b, b.make(l.results(func(e uint64) ref {
		_, slot := have.reduce(e)
		return l.refOf(slot)
	})))
}

// together is a basis of what travels as one word: vectors that are bits of fields of both sides, at most n, those
// first that lie within words already; and independent of those of a space.
func (l *linear) together(n int, s space) []uint64 {
	in := func(c columns) []uint64 { return c.reg[:min(l.inner, len(c.reg))] }
	var v []uint64
	for _, pair := range [][2][]uint64{{in(l.src), in(l.dst)}, {in(l.src), l.dst.reg}, {l.src.reg, in(l.dst)}, {l.src.reg, l.dst.reg}} {
		for _, x := range meet(pair[0], pair[1]) {
			if len(v) < n && s.add(x, 0) {
				v = append(v, x)
			}
		}
	}
	return v
}

// besides completes basis v of a subspace to one of the span of the columns, and returns what it adds: columns that
// tell words first, then those within words.
func (l *linear) besides(v, columns []uint64) []uint64 {
	s := spaceOf(v)
	var more []uint64
	k := min(l.inner, len(columns))
	for _, part := range [][]uint64{columns[k:], columns[:k]} {
		for _, x := range part {
			if s.add(x, 0) {
				more = append(more, x)
			}
		}
	}
	return more
}

// fieldBit is where, in sets of bits of words and lanes, those within a word begin.
const fieldBit = 48

func laneOf(position uint64) uint64 { return position >> laneBit & 0xffff }

const wordMask = 1<<laneBit - 1

// shuffled is the plan of shuffles. What goes from one lane to another is first packed into words. Then word t of
// every lane, t being a number that a lane adds a linear function of its own number to, comes from a lane that is a
// permutation of the lanes: so each round moves a full word to every lane, and words whose lane does not change take
// no round. Choosing by lane which word to offer and which to take are selects in as many stages as lane bits go to
// words. nil if the layouts do not fit
// this scheme; and, with an estimate of shuffles and selects, where these alone take more than so many cycles.
func (l *linear) shuffled(cycles int) (*Plan, Cost) {
	inWord := l.together(l.inner, space{})
	srcWords, dstWords := l.besides(inWord, l.src.reg), l.besides(inWord, l.dst.reg)
	have := new(space)
	for k, v := range inWord {
		have.add(v, 1<<(fieldBit+k))
	}
	for j, v := range srcWords {
		have.add(v, 1<<j)
	}
	kernel := new(space) // of lane parts, with whole positions as marks: where copies of the same word are
	for k, v := range l.src.lane {
		if !have.add(v, 1<<(laneBit+k)) {
			_, m := have.reduce(v)
			if m>>fieldBit != 0 {
				continue
			}
			m ^= 1 << (laneBit + k)
			kernel.add(laneOf(m), m)
		}
	}
	// The nearest position that holds a vector, seen from a lane.
	find := func(v, lane uint64) (uint64, bool) {
		rest, p := have.reduce(v)
		if rest != 0 {
			return 0, false
		}
		_, m := kernel.reduce(laneOf(p) ^ lane)
		p ^= m
		return p, p>>fieldBit == 0
	}
	fromWord := make([]uint64, len(dstWords))
	for j, v := range dstWords {
		// A vector of the same coset of what is within a word, with no part there.
		_, p := have.reduce(v)
		for k, x := range inWord {
			v ^= x & -(p >> (fieldBit + k) & 1)
		}
		dstWords[j] = v
		var ok bool
		if fromWord[j], ok = find(v, 0); !ok {
			return nil, Cost{}
		}
	}
	lanes := new(space) // that words of one lane come from, with words as marks
	for j, p := range fromWord {
		lanes.add(laneOf(p), 1<<j)
	}
	// own[k] says which words of dst lane bit k turns over, so that the lane that is read is a permutation of lanes.
	n := len(l.dst.lane)
	own, lane, word := make([]uint64, n), make([]uint64, n), make([]uint64, n)
	wordsOf, stay := sums(fromWord), true
	reached := new(space) // lanes read, with the words they offer as marks
	for k, v := range l.dst.lane {
		p, ok := uint64(0), false
		if k < len(l.src.lane) {
			p, ok = find(v, 1<<k)
		} else {
			p, ok = find(v, 0)
		}
		if !ok {
			return nil, Cost{}
		}
		turn := uint64(0)
		if rest, m := lanes.reduce(laneOf(p) ^ 1<<k); rest == 0 && k < len(l.src.lane) {
			turn = m
		} else {
			// Any words will do that lead to a lane not reached yet; else those that lead to the same word there.
			stay = false
			turn, ok = l.turn(p, wordsOf, reached)
			if !ok {
				return nil, Cost{}
			}
		}
		p ^= wordsOf[turn]
		own[k], lane[k], word[k] = turn, laneOf(p), p&wordMask
		if rest, m := reached.reduce(lane[k]); rest == 0 {
			if m != word[k] {
				return nil, Cost{}
			}
		} else {
			reached.add(lane[k], word[k])
		}
	}
	rounds := len(wordsOf)
	if stay {
		rounds -= len(wordsOf) >> lanes.size
	}
	least := l.m.Far
	for _, price := range []int{l.m.Near, l.m.Swap} {
		if price > 0 {
			least = min(least, price)
		}
	}
	estimate := Cost{Shuffles: rounds}
	if len(wordsOf) > 8 {
		estimate.Selects = len(wordsOf) * (spaceOf(word).size + spaceOf(own).size)
		if stay && lanes.size == 1 {
			estimate.Selects = len(wordsOf) * 3 / 2
		}
	}
	if (rounds*least+estimate.Selects*l.m.Logic)*l.warps > 4*cycles {
		return nil, estimate
	}
	b := l.builder()
	b.splits = append(splitsOf(reachedMap(reached, l.m.Lanes), l.m.Lanes), append(splitsOf(sums(own), l.m.Lanes), b.splits...)...)
	offered, ownOf, laneAt := reachedMap(reached, l.m.Lanes), sums(own), sums(lane)
	for k := n; stay && 1<<k < l.m.Lanes; k++ {
		lane = append(lane, 1<<k)
	}
	toLane := make([]uint32, len(lane))
	for k := range lane {
		toLane[k] = uint32(lane[k])
	}
	x := exchange{l, inWord, srcWords, dstWords, wordsOf, offered, ownOf, laneAt, termsOf(trimmed(toLane), nil), stay, lanes.size}
	plan := l.finish(b, x.staged(b))
	if l.field < 32 && len(wordsOf) <= 8 {
		// Few words out of parts: choosing parts by lane may take less than packing words and choosing among them.
		c := l.builder()
		if parts := l.finish(c, x.direct(c)); parts.priced().Cost.Cycles < plan.priced().Cost.Cycles {
			plan = parts
		}
	}
	return plan, Cost{}
}

// An exchange is what shuffled finds out: word t of dst, turned over by ownOf its lane, comes from the lane laneAt its
// lane, and its element is in word wordsOf[t], turned over by what is offered there.
type exchange struct {
	*linear
	inWord, srcWords, dstWords []uint64
	wordsOf, offered           []uint64
	ownOf, laneAt              []uint64
	toLane                     *Terms
	stay                       bool // words whose lane is 0 stay in their lanes
	mixed                      int  // bits of lanes that come from words
}

func (x *exchange) stays(t uint64) bool { return x.stay && laneOf(x.wordsOf[t]) == 0 }

// offer is the word that a lane offers in round t; false if nothing reads the lane.
func (x *exchange) offer(t uint64, lane int) (uint64, bool) {
	p := x.wordsOf[t]
	from := x.offered[uint64(lane)^laneOf(p)]
	return p&wordMask ^ from, from != unreached
}

func (x *exchange) shuffle(b *builder, t uint64, word int32) int32 {
	return b.emit(Step{Op: Shuffle, A: word, By: Number{uint32(laneOf(x.wordsOf[t])), x.toLane}})
}

// staged packs words, and chooses among whole words by lane.
func (x *exchange) staged(b *builder) []int32 {
	words := x.packed(b, x.inWord, x.srcWords)
	received := make([]int32, len(x.wordsOf))
	choice := make([]int32, x.m.Lanes)
	for t := range received {
		received[t] = -1
		if x.stays(uint64(t)) && x.mixed < 2 {
			continue // a lane takes its own word itself, and saves a select
		}
		for at := range choice {
			choice[at] = -1
			if w, ok := x.offer(uint64(t), at); ok {
				choice[at] = words[w]
			}
		}
		received[t] = b.choose(choice)
	}
	for t, r := range received {
		if r >= 0 && !x.stays(uint64(t)) {
			received[t] = x.shuffle(b, uint64(t), r)
		}
	}
	result := make([]int32, len(received))
	for r := range result {
		for at := range choice {
			choice[at] = -1
			if at >= len(x.ownOf) {
				continue
			}
			t := uint64(r) ^ x.ownOf[at]
			if choice[at] = received[t]; choice[at] < 0 {
				choice[at] = words[x.wordsOf[t]&wordMask^x.offered[x.laneAt[at]]]
			}
		}
		result[r] = b.choose(choice)
	}
	return b.make(x.results(x.within(x.inWord, x.dstWords, result)))
}

// direct chooses parts of words by lane while it packs and unpacks them.
func (x *exchange) direct(b *builder) []int32 {
	have, elements, inside := spaceOf(x.src.reg), sums(x.srcWords), sums(x.inWord)
	at := func(word uint64, f int) ref {
		_, slot := have.reduce(elements[word] ^ inside[f])
		return x.refOf(slot)
	}
	blank := func() wish { return b.blank(x.m.Lanes * x.fields) }
	received := make([]int32, len(x.wordsOf))
	var offers []wish
	for t := range received {
		if x.stays(uint64(t)) {
			continue
		}
		w := blank()
		for lane := range x.m.Lanes {
			if word, ok := x.offer(uint64(t), lane); ok {
				for f := range inside {
					w[lane*x.fields+f] = at(word, f)
				}
			}
		}
		offers = append(offers, w)
	}
	made := b.make(offers)
	for t := range received {
		if !x.stays(uint64(t)) {
			received[t], made = x.shuffle(b, uint64(t), made[0]), made[1:]
		}
	}
	// Where the fields of the packed words of dst go: their registers stand for the words' numbers.
	numbers := make([]int32, len(received))
	for r := range numbers {
		numbers[r] = int32(r)
	}
	wishes := x.results(x.within(x.inWord, x.dstWords, numbers))
	for i, once := range wishes {
		w := blank()
		for lane := range x.ownOf {
			for f, r := range once {
				if r.reg < 0 {
					continue
				}
				t := uint64(r.reg) ^ x.ownOf[lane]
				if w[lane*x.fields+f] = (ref{received[t], r.at}); x.stays(t) {
					w[lane*x.fields+f] = at(x.wordsOf[t]&wordMask^x.offered[x.laneAt[lane]], int(r.at))
				}
			}
		}
		wishes[i] = w
	}
	return b.make(wishes)
}

// turn finds words of dst that lead, beside position p, to a lane not reached yet, or to a word that is offered there.
func (l *linear) turn(p uint64, wordsOf []uint64, reached *space) (uint64, bool) {
	for t, q := range wordsOf {
		if rest, m := reached.reduce(laneOf(p ^ q)); rest == 0 && m == (p^q)&wordMask {
			return uint64(t), true
		}
	}
	for t, q := range wordsOf {
		if !reached.has(laneOf(p ^ q)) {
			return uint64(t), true
		}
	}
	return 0, false
}

const unreached = 1 << 40

// reachedMap is, for every lane, the words that it turns over; unreached where nothing reads the lane.
func reachedMap(reached *space, lanes int) []uint64 {
	of := make([]uint64, lanes)
	for at := range of {
		rest, m := reached.reduce(uint64(at))
		if of[at] = m; rest != 0 {
			of[at] = unreached
		}
	}
	return of
}

// splitsOf are predicates of lanes in which a linear function of lanes is a function of independent bits.
func splitsOf(of []uint64, lanes int) []split {
	image, kernel := new(space), []int{}
	var flips []int
	for k := 1; k < lanes && k < len(of); k <<= 1 {
		v := of[k]
		if v == unreached {
			continue
		}
		if rest, m := image.reduce(v); rest == 0 {
			kernel = append(kernel, k^int(m))
		} else {
			image.add(v, uint64(k))
			flips = append(flips, k)
		}
	}
	var splits []split
	for i, u := range flips {
		for mask := 1; mask < lanes; mask++ {
			fits := true
			for j, v := range flips {
				fits = fits && bits.OnesCount(uint(mask&v))&1 == int(b2u(i == j))
			}
			for _, v := range kernel {
				fits = fits && bits.OnesCount(uint(mask&v))&1 == 0
			}
			if fits {
				splits = append(splits, splitOf(mask, u))
				break
			}
		}
	}
	return splits
}

func b2u(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// packed makes the words that travel: word i has the elements of sum i of the vectors, plus sums of those within a word.
func (l *linear) packed(b *builder, inWord, vectors []uint64) []int32 {
	have := spaceOf(l.src.reg)
	within := sums(inWord)
	all := sums(vectors)
	wishes := make([]wish, len(all))
	fields := make(wish, len(all)*l.fields)
	for i, e := range all {
		wishes[i] = fields[i*l.fields : (i+1)*l.fields]
		for f := range wishes[i] {
			wishes[i][f] = anything
		}
		for f, v := range within {
			_, slot := have.reduce(e ^ v)
			wishes[i][f] = l.refOf(slot)
		}
	}
	return b.make(wishes)
}

// within tells where an element is once packed words of dst are in registers.
func (l *linear) within(inWord, vectors []uint64, registers []int32) func(element uint64) ref {
	s := new(space)
	for k, v := range inWord {
		s.add(v, 1<<(laneBit+k))
	}
	for k, v := range vectors {
		s.add(v, 1<<k)
	}
	return func(e uint64) ref {
		_, m := s.reduce(e)
		return ref{registers[m&wordMask], int32(m >> laneBit)}
	}
}

// transposed is the plan of movmatrix, if every word is a row of a transposed 8x8 matrix.
func (l *linear) transposed() *Plan {
	if !l.m.Matrix || l.field != 16 || l.m.Lanes != 32 || len(l.src.lane) != 5 || len(l.dst.lane) != 5 || len(l.src.reg) == 0 || len(l.dst.reg) == 0 {
		return nil
	}
	// A row is in 4 lanes: the half and lane bits 0 and 1 number the column, 2 to 4 the row. These three change places.
	word := spaceOf(l.src.reg)
	if _, m := word.reduce(l.src.reg[0]); m != 1 {
		return nil
	}
	if l.dst.reg[0] != l.src.lane[2] || l.dst.lane[0] != l.src.lane[3] || l.dst.lane[1] != l.src.lane[4] || l.dst.lane[2] != l.src.reg[0] || l.dst.lane[3] != l.src.lane[0] || l.dst.lane[4] != l.src.lane[1] {
		return nil
	}
	b := l.builder()
	result := make([]int32, 0, 1<<(len(l.dst.reg)-1))
	for _, e := range sums(l.dst.reg[1:]) {
		rest, m := word.reduce(e)
		if rest != 0 || m&1 != 0 {
			return nil
		}
		result = append(result, b.once(Transpose, int32(m>>1), 0, 0))
	}
	return l.finish(b, result)
}
