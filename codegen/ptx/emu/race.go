package emu

import (
	"maps"
	"math/bits"
)

// maxWarps is the most warps of a block.
const maxWarps = 32

// clock is a warp's knowledge of the warps of its block: what warp i did up to clock[i] comes before. far is what it knows of
// warps of other blocks, by the block's number; a far clock never changes.
type clock struct {
	near [maxWarps]uint32
	far  map[int]*[maxWarps]uint32
}

// join adds what the other knows.
func (c *clock) join(o *clock) {
	for i := range c.near {
		c.near[i] = max(c.near[i], o.near[i])
	}
	if len(o.far) > 0 {
		c.joinFar(o.far)
	}
}

func (c *clock) joinFar(far map[int]*[maxWarps]uint32) {
	fresh := make(map[int]*[maxWarps]uint32, len(c.far)+len(far))
	maps.Copy(fresh, c.far)
	for b, t := range far {
		old := fresh[b]
		if old == nil || old == t {
			fresh[b] = t
			continue
		}
		both := *old
		for i := range both {
			both[i] = max(both[i], t[i])
		}
		fresh[b] = &both
	}
	c.far = fresh
}

// published is what a release left at an address for an acquire of another warp, perhaps of another block: warps of other
// blocks learn only what was released for them, by a scope wider than the block.
type published struct {
	block int
	warp  int
	clock clock
	out   *clock // nil: nothing for other blocks
}

// acquire adds what was published for the block.
func (c *clock) acquire(block int, p *published) {
	if p.block == block {
		c.join(&p.clock)
		return
	}
	if p.out == nil {
		return
	}
	near := p.out.near
	c.joinFar(map[int]*[maxWarps]uint32{p.block: &near})
	c.joinFar(p.out.far)
	if own := c.far[block]; own != nil { // of its own block, through others
		for i := range c.near {
			c.near[i] = max(c.near[i], own[i])
		}
		delete(c.far, block)
	}
}

// An event is when something was accessed, and where in the text: clock in the upper half, in the lower the warp, whether
// it was atomic, the lane, and the instruction.
type event uint64

const (
	eventAtomic = 1 << 26
	eventLane   = 20
	eventPC     = 1<<20 - 1
	// allLanes stands for a lane where several access something, anyLane where they have written the same by one instruction.
	allLanes = 32
	anyLane  = 33
)

func newEvent(clock uint32, warp int, atomic bool, pc int) event {
	e := event(clock)<<32 | event(warp)<<27 | event(pc)&eventPC
	if atomic {
		e |= eventAtomic
	}
	return e
}

func (e event) clock() uint32 { return uint32(e >> 32) }
func (e event) warp() int     { return int(e>>27) & 31 }
func (e event) atomic() bool  { return e&eventAtomic != 0 }
func (e event) pc() int       { return int(e & eventPC) }
func (e event) lane() int     { return int(e>>eventLane) & 63 }

// by is the event in a lane.
func (e event) by(lane int) event { return e&^(63<<eventLane) | event(lane)<<eventLane }

// again is a write after the last one: lanes that write to one address by one instruction write the same.
func (e event) again(last event) event {
	if e.clock() == last.clock() && e.warp() == last.warp() && e.pc() == last.pc() && e.lane() != last.lane() {
		return e.by(anyLane)
	}
	return e
}

// alone reports whether two events of one warp, at the same time of its clock, are in one lane or of one instruction, whose
// lanes are looked at elsewhere.
func (e event) alone(o event) bool {
	return e.lane() == o.lane() && e.lane() != allLanes || e.lane() == anyLane || e.pc() == o.pc()
}

// ordered reports whether an event of a warp of the block is ordered before what the warp does now, which is e.
func (w *warp) ordered(x, e event) bool {
	if x.warp() == w.index {
		return x.clock() < w.clock.near[w.index] || x.alone(e)
	}
	return x.clock() <= w.clock.near[x.warp()]
}

// strong reports whether an event of a block and what the warp does now, which is e, are morally strong (PTX ISA, memory
// consistency model): both strong, each in the other's scope, and of the same bytes wherever they meet, which are those of
// elements that lie at multiples of one size. Two such are no race.
func (w *warp) strong(block int, x, e event) bool {
	if !x.atomic() || !e.atomic() {
		return false
	}
	a, b := w.k.code[x.pc()].mem, w.k.code[e.pc()].mem
	return a.size == b.size && (block == w.block.index || !a.local && !b.local)
}

// sharedShadow knows for each cell of shared memory, a few bytes, the last write and each warp's last read since.
type sharedShadow struct {
	shift   uint // log2 of a cell's bytes
	write   []event
	readers []uint32 // a bit for each warp that read since the last write
	read    [][]event
	strong  []event // the last strong read since the last write; nil where there was none
}

func newSharedShadow(size uint64, shift uint, warps int) *sharedShadow {
	n := int(size>>shift) + 1
	s := &sharedShadow{shift: shift, write: make([]event, n), readers: make([]uint32, n), read: make([][]event, warps)}
	for i := range s.read {
		s.read[i] = make([]event, n)
	}
	return s
}

// reset forgets everything; stale read events do not matter, as readers has no bit for them.
func (s *sharedShadow) reset() {
	clear(s.write)
	clear(s.readers)
	clear(s.strong)
}

// readCells notes a read and returns a write that is not ordered before it.
func (s *sharedShadow) readCells(w *warp, off, n uint64, e event) (event, bool) {
	var clash event
	found := false
	own, mine := s.read[w.index], uint32(1)<<w.index
	for c, end := off>>s.shift, (off+n-1)>>s.shift; c <= end; c++ {
		if x := s.write[c]; x != 0 && !w.ordered(x, e) && !w.strong(w.block.index, x, e) {
			clash, found = x, true
		}
		if e.atomic() {
			if s.strong == nil {
				s.strong = make([]event, len(s.write))
			}
			s.strong[c] = e
		} else {
			if x := own[c]; s.readers[c]&mine != 0 && x.clock() == e.clock() && x.lane() != e.lane() {
				own[c] = e.by(allLanes)
			} else {
				own[c] = e
			}
			s.readers[c] |= mine
		}
	}
	return clash, found
}

// writeCells notes a write and returns an access that is not ordered before it.
func (s *sharedShadow) writeCells(w *warp, off, n uint64, e event) (clash event, wasRead, found bool) {
	for c, end := off>>s.shift, (off+n-1)>>s.shift; c <= end; c++ {
		if x := s.write[c]; x != 0 && !w.ordered(x, e) && !w.strong(w.block.index, x, e) {
			clash, wasRead, found = x, false, true
		}
		for m := s.readers[c]; m != 0; m &= m - 1 {
			r := bits.TrailingZeros32(m) & 31
			if x := s.read[r][c]; !w.ordered(x, e) {
				clash, wasRead, found = x, true, true
			}
		}
		if s.strong != nil {
			if x := s.strong[c]; x != 0 && !w.ordered(x, e) && !w.strong(w.block.index, x, e) {
				clash, wasRead, found = x, true, true
			}
			s.strong[c] = 0
		}
		s.write[c], s.readers[c] = e.again(s.write[c]), 0
	}
	return clash, wasRead, found
}

// globalCell is what is known of a few bytes of an allocation. Readers that are not ordered among themselves share the cell: of
// one block as a mask of warps with the lowest of their clocks, of several blocks as one flag.
type globalCell struct {
	write      event
	writeBlock int32 // plus one; 0 is never written
	readBlock  int32 // plus one; manyBlocks
	readers    uint32
	readClock  uint32
	readPC     uint32
	readLane   int32 // allLanes: several of the warp
}

const manyBlocks = -1

// globalShadow has the cells of an allocation, in pages that are made when they are first touched.
type globalShadow struct {
	shift  uint
	pages  []*[pageCells]globalCell
	strong map[uint64]strongRead // the last strong read of a cell since its last write
}

// strongRead is a strong read by a warp of a block.
type strongRead struct {
	event event
	block int
}

const pageCells = 512

func newGlobalShadow(size uint64, shift uint) *globalShadow {
	return &globalShadow{shift: shift, pages: make([]*[pageCells]globalCell, int(size>>shift)/pageCells+1), strong: map[uint64]strongRead{}}
}

func (g *globalShadow) cell(c uint64) *globalCell {
	p := &g.pages[c/pageCells]
	if *p == nil {
		*p = new([pageCells]globalCell)
	}
	return &(*p)[c%pageCells]
}

// before reports whether an event of a block is ordered before what the warp does now.
func (w *warp) before(block int, e, now event) bool {
	if block == w.block.index {
		return w.ordered(e, now)
	}
	far := w.clock.far[block]
	return far != nil && e.clock() <= far[e.warp()]
}

func (g *globalShadow) readCells(w *warp, off, n uint64, e event) (event, int, bool) {
	var clash event
	block, found := 0, false
	me := int32(w.block.index + 1)
	for c, end := off>>g.shift, (off+n-1)>>g.shift; c <= end; c++ {
		x := g.cell(c)
		if x.writeBlock != 0 && !w.before(int(x.writeBlock-1), x.write, e) && !w.strong(int(x.writeBlock-1), x.write, e) {
			clash, block, found = x.write, int(x.writeBlock-1), true
		}
		if e.atomic() {
			g.strong[c] = strongRead{e, w.block.index}
			continue
		}
		mine := uint32(1) << w.index
		switch {
		case x.readBlock == me && x.readers == mine && x.readClock == e.clock() && int(x.readLane) != e.lane():
			x.readPC, x.readLane = uint32(e.pc()), allLanes
		case x.readBlock == 0 || x.readBlock == me && x.readers == mine:
			x.readBlock, x.readers, x.readClock, x.readPC, x.readLane = me, mine, e.clock(), uint32(e.pc()), int32(e.lane())
		case x.readBlock == me:
			ordered := true
			for m := x.readers &^ mine; m != 0; m &= m - 1 {
				ordered = ordered && x.readClock <= w.clock.near[bits.TrailingZeros32(m)&31]
			}
			if ordered {
				x.readers, x.readClock, x.readPC, x.readLane = mine, e.clock(), uint32(e.pc()), int32(e.lane())
			} else {
				x.readers |= mine
				x.readClock = min(x.readClock, e.clock())
			}
		default:
			x.readBlock = manyBlocks
		}
	}
	return clash, block, found
}

func (g *globalShadow) writeCells(w *warp, off, n uint64, e event) (clash event, block int, wasRead, found bool) {
	me := int32(w.block.index + 1)
	for c, end := off>>g.shift, (off+n-1)>>g.shift; c <= end; c++ {
		x := g.cell(c)
		if x.writeBlock != 0 && !w.before(int(x.writeBlock-1), x.write, e) && !w.strong(int(x.writeBlock-1), x.write, e) {
			clash, block, wasRead, found = x.write, int(x.writeBlock-1), false, true
		}
		switch {
		case x.readBlock == 0:
		case x.readBlock == me:
			for m := x.readers; m != 0; m &= m - 1 {
				r := bits.TrailingZeros32(m) & 31
				if r == w.index && x.readers&(x.readers-1) != 0 {
					continue // the clock and the lane may be another warp's
				}
				if y := newEvent(x.readClock, r, false, int(x.readPC)).by(int(x.readLane)); !w.ordered(y, e) {
					clash, block, wasRead, found = y, w.block.index, true, true
				}
			}
		case len(w.clock.far) == 0:
			b := max(int(x.readBlock)-1, 0)
			clash, block, wasRead, found = newEvent(x.readClock, 0, false, int(x.readPC)), b, true, true
		}
		if len(g.strong) > 0 {
			if x, ok := g.strong[c]; ok {
				if !w.before(x.block, x.event, e) && !w.strong(x.block, x.event, e) {
					clash, block, wasRead, found = x.event, x.block, true, true
				}
				delete(g.strong, c)
			}
		}
		last := e
		if x.writeBlock == me {
			last = e.again(x.write)
		}
		x.write, x.writeBlock = last, me
		x.readBlock, x.readers = 0, 0
	}
	return clash, block, wasRead, found
}
