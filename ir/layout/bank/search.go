package bank

import (
	"cmp"
	"math/bits"
	"slices"
)

// The search for an XOR swizzle rests on differences. A swizzle that adds to an address x the sum, over F2, of a column
// c(j) for every bit j of x sends two addresses to one bank if and only if it does so with their difference f = x xor y:
// if f xor the columns of f's bits is 0 in the bank's bits. So it is enough to know which differences occur inside
// phases; and if the columns are chosen from the lowest source bit up, each difference is decided by the column of its
// highest source bit. That makes an exact search: column by column, each choice adds the differences that it makes
// collide, and a choice without any is free of conflicts. Where the addresses of every phase are a coset of one linear
// space, each difference that collides is one extra wavefront of each phase, so that the sum is what the layout
// costs, not only a measure of it.

// A difference is one between two lanes of a phase, by how often it occurs.
type difference struct {
	bits  int64
	cost  int64
	moved int64 // its bits behind the permutation
	which int   // its sources, as a set
}

// A constraint are the differences that one model of one access wants apart.
type constraint struct {
	access int
	mask   int64          // bits of an address that choose its bank
	fixed  int64          // cost that no swizzle changes
	still  int64          // cost that no columns change
	floor  int64          // cost below which no swizzle comes, for want of bits
	levels [][]difference // by the highest source bit
	exact  bool           // cost is the number of extra wavefronts, times share
}

// share is the cost of one extra wavefront of weight 1: a number that those of addresses in a phase divide.
const share = 192

// A search is for the columns of an XOR swizzle.
type search struct {
	constraints []constraint
	chunk, line int64
	high        int            // bits of an address that it looks at
	lists       [][]difference // by constraint
	place       []int          // of each bit: where a permutation before the columns puts it
	sources     []int          // bits, ascending
	allowed     []int64        // by source: the bits that its column may have
	involution  bool

	columns []int64 // of the sources
	sums    []int64 // of the columns of a set of sources
	best    []int64 // the columns of the least cost so far
	least   int64
	found   [][]int64 // every best so far, the last the best
	budget  int       // of differences to look at
}

// newSearch collects the differences of the streams. Columns may touch the bits from chunk (a power of two of bytes) up
// to line; sources lie below top.
func newSearch(streams []*stream, chunk, line int64, top int) *search {
	q := &search{chunk: chunk, line: line}
	high := 8
	for _, s := range streams {
		rows := s.table
		if rows == nil {
			rows = [][]int64{s.lanes}
		}
		for _, row := range rows {
			for _, x := range row {
				high = max(high, bits.Len64(uint64(x))+1) // one more for the carry of a repetition's part
			}
		}
	}
	high = min(high, top, maxTable+2)
	q.high = high
	times := make([]int64, 1<<(high-2))
	var seen []int64
	for i, s := range streams {
		classes := s.below(high)
		for k := range s.in.Models {
			m := &s.in.Models[k]
			pairs := len(classes) * s.in.Lanes * len(m.Phases[0]) / 2
			sample := 1 + pairs*len(streams)*len(s.in.Models)/pairWork // of so many classes one is looked at
			c := constraint{access: i, mask: int64(m.Banks)*WordBytes - s.granule, exact: sample == 1}
			size, points := 0, 0 // the most addresses in a phase, and of them those that differ below high
			for n, class := range classes {
				if n%sample != 0 {
					continue
				}
				for _, lanes := range m.Phases {
					granules := s.distinct(m, lanes, class)
					same, different := 0, 0
					for a, x := range granules {
						before := same
						for _, y := range granules[:a] {
							f := (x ^ y) & (1<<high - 1) >> 2
							if times[f] == 0 {
								seen = append(seen, f)
							}
							times[f] += class.times
							if f == 0 {
								same++
							}
						}
						if same == before {
							different++
						}
					}
					if size == 0 {
						size, points = len(granules), different
					}
					// As many at every point: pairs at one point are fewest so.
					each := len(granules) / different
					c.exact = c.exact && len(granules) == size && different == points && size%points == 0 && same == points*each*(each-1)/2
					size = max(size, len(granules))
				}
			}
			slices.Sort(seen)
			list := make([]difference, 0, len(seen))
			for _, f := range seen {
				cost := times[f] * 2 * share / int64(size) * s.weight * int64(sample)
				times[f] = 0
				if f == 0 {
					c.fixed += cost
					continue
				}
				list = append(list, difference{bits: f << 2, cost: cost})
			}
			// The points of every phase are a coset of one linear space if their differences are as many as they, less
			// one for none.
			c.exact = c.exact && len(list) == points-1
			seen = seen[:0]
			q.lists = append(q.lists, list)
			q.constraints = append(q.constraints, c)
		}
	}
	place := make([]int, high)
	for k := range place {
		place[k] = k
	}
	q.arrange(place)
	return q
}

// arrange prepares the search for columns behind a permutation of the bits of addresses.
func (q *search) arrange(place []int) {
	q.place = place
	q.sources, q.allowed = nil, nil
	var used, sources int64
	for _, list := range q.lists {
		for i := range list {
			f := &list[i]
			f.moved, f.which = 0, 0
			for x := f.bits; x != 0; x &= x - 1 {
				f.moved |= 1 << place[bits.TrailingZeros64(uint64(x))]
			}
			used |= f.moved
		}
	}
	lineBit := bits.Len64(uint64(q.line)) - 1
	for j := firstSource; j < q.high; j++ {
		if used>>j&1 != 0 {
			q.sources = append(q.sources, j)
			q.allowed = append(q.allowed, (q.line-1)&^(q.chunk-1)&(1<<min(j, lineBit)-1))
			sources |= 1 << j
		}
	}
	for i := range q.constraints {
		c := &q.constraints[i]
		c.levels = make([][]difference, len(q.sources))
		c.still = c.fixed
		for _, f := range q.lists[i] {
			if f.moved&sources == 0 {
				if f.moved&c.mask == 0 {
					c.still += f.cost
				}
				continue
			}
			for k, j := range q.sources {
				f.which |= int(f.moved>>j&1) << k
			}
			k := bits.Len(uint(f.which)) - 1
			c.levels[k] = append(c.levels[k], f)
		}
		c.floor = c.fixed
		if c.exact && len(q.lists[i]) > 0 {
			// The differences that agree in the bank's bits below the chunk's are a space, whose image lies in the
			// bank's other bits: what does not fit into them collides, whatever the linear swizzle.
			room := (q.line - 1) &^ (q.chunk - 1) & c.mask
			space := 1
			for _, f := range q.lists[i] {
				if f.bits&c.mask&^room == 0 {
					space++
				}
			}
			c.floor = max(c.floor, q.lists[i][0].cost*int64(space>>bits.OnesCount64(uint64(room))-1))
		}
	}
	q.columns = make([]int64, len(q.sources))
	q.sums = make([]int64, 1<<len(q.sources))
}

// arrangements are the ways to choose which bits come to be the bank's, but for their order, in the order of how many
// change places: every linear swizzle that keeps chunks together costs what some columns behind one of them cost. Of
// AMD's two halves of a line the lower are the banks of some instructions, so that the bit between them counts apart.
func (q *search) arrangements() [][]int {
	low, line := bits.TrailingZeros64(uint64(q.chunk)), bits.TrailingZeros64(uint64(q.line))
	pool := []int{} // bits that may come to be the bank's
	used := int64(0)
	for _, list := range q.lists {
		for _, f := range list {
			used |= f.bits
		}
	}
	for j := low; j < q.high; j++ {
		if j < line || used>>j&1 != 0 {
			pool = append(pool, j)
		}
	}
	half := min(firstSource, line) - low // of the bank's bits
	var all [][]int
	for set := range 1 << len(pool) {
		if bits.OnesCount(uint(set)) != half {
			continue
		}
		place := make([]int, q.high)
		for k := range place {
			place[k] = k
		}
		var come, leave []int // bits from outside that come in, and bits that leave
		for i, j := range pool {
			switch in, was := set>>i&1 != 0, j < low+half; {
			case in && !was:
				come = append(come, j)
			case !in && was:
				leave = append(leave, j)
			}
		}
		for i := range come {
			place[come[i]], place[leave[i]] = leave[i], come[i]
		}
		if line == low+half {
			all = append(all, place)
			continue
		}
		// One of the others becomes the line's highest bit: it changes places with what is there.
		for i, j := range pool {
			if set>>i&1 == 0 {
				other := slices.Clone(place)
				there := slices.Index(place, line-1)
				other[j], other[there] = other[there], other[j]
				all = append(all, other)
			}
		}
	}
	moves := func(place []int) (n int) {
		for k, x := range place {
			if k != x {
				n++
			}
		}
		return n
	}
	slices.SortStableFunc(all, func(a, b []int) int { return moves(a) - moves(b) })
	return all
}

// firstSource is the lowest bit that columns are chosen for: 128 bytes are the row of 32 banks, and bits below only
// change places within it.
const firstSource = 7

// pairWork bounds the pairs of lanes that are compared: half a millisecond.
const pairWork = 1 << 18

// maxTable is how many bits differences of words are told apart by.
const maxTable = 18

// distinct are the addresses of the granules that lanes of a phase touch; those that are served together once.
func (s *stream) distinct(m *Model, lanes []int, c class) []int64 {
	granules := make([]int64, 0, 64)
	for _, lane := range lanes {
		for p := range s.pieces {
			g := (c.lanes[lane] + c.at + p*s.granule) &^ (s.granule - 1)
			if m.Serial || !slices.Contains(granules, g) {
				granules = append(granules, g)
			}
		}
	}
	return granules
}

// choose sets the column of a source, of which those below are chosen.
func (q *search) choose(level int, column int64) {
	q.columns[level] = column
	for i, x := range q.sums[:1<<level] {
		q.sums[1<<level+i] = x ^ column
	}
}

// cost is what columns cost: the sum over the accesses of their worst models. It stops where it reaches the bound.
func (q *search) cost(columns []int64, bound int64) int64 {
	for k, c := range columns {
		q.choose(k, c)
	}
	total, worst, access := int64(0), int64(0), 0
	for i := range q.constraints {
		c := &q.constraints[i]
		if c.access != access {
			total, worst, access = total+worst, 0, c.access
		}
		sum := c.still
		for _, list := range c.levels {
			for _, f := range list {
				if (f.moved^q.sums[f.which])&c.mask == 0 {
					sum += f.cost
				}
			}
			if total+max(worst, sum) >= bound {
				return bound
			}
		}
		worst = max(worst, sum)
	}
	return total + worst
}

// run looks for the columns of the least cost below least, within a budget of steps. It tells whether it saw
// all: then there is nothing cheaper than best.
func (q *search) run(least int64, budget int) bool {
	q.least, q.budget, q.found, q.best = least, budget, nil, nil
	partial := make([]int64, len(q.constraints))
	for i := range q.constraints {
		partial[i] = q.constraints[i].still
	}
	return q.descend(0, partial)
}

// total is the least that columns can cost whose first ones cost the constraints so much: the sum over the accesses of
// their worst models.
func (q *search) total(partial []int64) int64 {
	total, worst, access := int64(0), int64(0), 0
	for i := range q.constraints {
		if a := q.constraints[i].access; a != access {
			total, worst, access = total+worst, 0, a
		}
		worst = max(worst, partial[i], q.constraints[i].floor)
	}
	return total + worst
}

// descend chooses the column of a source. It returns false when the budget is spent.
func (q *search) descend(level int, partial []int64) bool {
	if q.total(partial) >= q.least {
		return true
	}
	if level == len(q.sources) {
		q.least = q.total(partial)
		q.best = slices.Clone(q.columns)
		q.found = append(q.found, q.best)
		return true
	}
	allowed := q.allowed[level]
	if q.involution {
		// Sources come in order, and columns lie below them: so it is enough not to add to a bit that is a source.
		for k := range level {
			if q.columns[k] != 0 {
				allowed &^= 1 << q.sources[k]
			}
		}
	}
	// The columns are numbered by their bits among those allowed.
	low := bits.TrailingZeros64(uint64(allowed))
	count := 1 << bits.OnesCount64(uint64(allowed))
	// costs[i][c] is what column c costs constraint i.
	costs := make([]int64, count*len(q.constraints))
	for i := range q.constraints {
		c := &q.constraints[i]
		row := costs[i*count : (i+1)*count]
		for _, f := range c.levels[level] {
			q.budget--
			v := (f.moved ^ q.sums[f.which&^(1<<level)]) & c.mask
			if v&^allowed != 0 {
				continue // whatever the column, they differ in a bit that it does not touch
			}
			// Columns that agree with v in the mask collide; those bits of a column outside of it are free.
			free := allowed &^ c.mask
			for extra := free; ; extra = (extra - 1) & free {
				if column := int((v | extra) >> low); column < count {
					row[column] += f.cost
				}
				if extra == 0 {
					break
				}
			}
		}
	}
	if q.budget < 0 {
		return false
	}
	type choice struct {
		column int64
		cost   int64
	}
	choices := make([]choice, count)
	next := make([]int64, len(partial))
	sum := func(column int) {
		for i := range partial {
			next[i] = partial[i] + costs[i*count+column]
		}
	}
	for c := range choices {
		sum(c)
		choices[c] = choice{int64(c) << low, q.total(next)} // column 0 where none is allowed
	}
	// The cheapest first; of those, the one with the fewest bits.
	slices.SortStableFunc(choices, func(a, b choice) int {
		if a.cost != b.cost {
			return cmp.Compare(a.cost, b.cost)
		}
		return bits.OnesCount64(uint64(a.column)) - bits.OnesCount64(uint64(b.column))
	})
	for _, c := range choices {
		if c.cost >= q.least {
			break
		}
		q.choose(level, c.column)
		sum(int(c.column >> low))
		if !q.descend(level+1, slices.Clone(next)) {
			return false
		}
		if q.least == 0 {
			break
		}
	}
	return true
}
