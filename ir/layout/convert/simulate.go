package convert

import (
	"fmt"
	"math/bits"

	"github.com/tilec/tilec/ir/layout"
)

// A Fault is what the simulator found wrong.
type Fault struct {
	Step       int // -1: in the result
	Warp, Lane int
	Text       string
}

func (f *Fault) Error() string {
	if f.Step < 0 {
		return fmt.Sprintf("result in lane %d of warp %d: %s", f.Lane, f.Warp, f.Text)
	}
	return fmt.Sprintf("step %d, lane %d of warp %d: %s", f.Step, f.Lane, f.Warp, f.Text)
}

// A Trace is what the simulator counted.
type Trace struct {
	Wavefronts, Conflicts int // over all blocks, under the worst phase model
}

// machine is the state of a simulation: registers by thread, of which bits that hold no data are not known.
type machine struct {
	*Plan
	values, known []uint32
	shared        []cells // by block
	clock         [][]int // by warp of the grid: how many barriers of each warp it knows to be past
	trace         Trace
}

// cells are the bytes of a block's shared memory.
type cells []cell

type cell struct {
	value, known byte
	written      bool
	writer       int // thread
	at           int // the writer's clock
	readers      map[int]int
}

// Move fills registers with the elements that src gives them, runs the plan, and compares what dst should hold with
// what is there, bit by bit. The error is a *Fault: a wrong or unknown bit, a read of bytes that nothing wrote, accesses
// of two threads without a barrier between them, a misaligned access, or one outside of the scratch memory.
func (p *Plan) Move(src, dst layout.Distribution, value func(element int64) uint64) (Trace, error) {
	m := &machine{Plan: p}
	lanes, threads := p.Machine.Lanes, p.Blocks*p.Warps*p.Machine.Lanes
	if p.Registers*threads > 1<<26 {
		return Trace{}, &layout.Error{Op: "move", Reason: layout.Overflow, Text: text("%d registers of %d threads are too many to simulate", p.Registers, threads)}
	}
	m.values, m.known = make([]uint32, p.Registers*threads), make([]uint32, p.Registers*threads)
	for i := range m.values {
		m.values[i] = 0xdeadbeef
	}
	m.shared = make([]cells, p.Blocks)
	m.clock = make([][]int, p.Blocks*p.Warps)
	for w := range m.clock {
		m.clock[w] = make([]int, p.Blocks*p.Warps)
	}
	mask := ^uint64(0) >> (64 - p.Bits)
	p.each(src, func(thread, slot int, element int64) error {
		v := value(element) & mask
		for i := range p.Bits {
			at := slot*p.Bits + i
			k, bit := thread*p.Registers+at/32, uint32(1)<<(at%32)
			m.values[k] &^= bit
			if v>>i&1 != 0 {
				m.values[k] |= bit
			}
			m.known[k] |= bit
		}
		return nil
	})
	for i := range p.Steps {
		if err := m.step(i); err != nil {
			return m.trace, err
		}
	}
	err := p.each(dst, func(thread, slot int, element int64) error {
		v := value(element) & mask
		got, known := uint64(0), uint64(0)
		for i := range p.Bits {
			at := slot*p.Bits + i
			if at/32 >= len(p.Result) {
				break
			}
			k := thread*p.Registers + int(p.Result[at/32])
			got |= uint64(m.values[k]>>(at%32)&1) << i
			known |= uint64(m.known[k]>>(at%32)&1) << i
		}
		if got != v || known != mask {
			return &Fault{-1, thread / lanes, thread % lanes, text("slot %d, element %v: %#x (known bits %#x), want %#x", slot, dst.Coordinates(element), got, known, v)}
		}
		return nil
	})
	return m.trace, err
}

// Check moves elements that tell by their values which they are, in as many passes as their width needs.
func (p *Plan) Check(src, dst layout.Distribution) (Trace, error) {
	size := uint64(1)
	for _, n := range src.Tile() {
		size *= uint64(n)
	}
	trace, err := p.Move(src, dst, func(e int64) uint64 { return mix(uint64(e) + 1) })
	for shift := 0; err == nil && size-1>>shift != 0; shift += p.Bits {
		trace, err = p.Move(src, dst, func(e int64) uint64 { return uint64(e) >> shift })
	}
	return trace, err
}

// each visits the positions of a distribution.
func (p *Plan) each(d layout.Distribution, do func(thread, slot int, element int64) error) error {
	for b := range d.Count(layout.Block) {
		for w := range d.Count(layout.Warp) {
			for l := range d.Count(layout.Lane) {
				thread := (int(b)*p.Warps+int(w))*p.Machine.Lanes + int(l)
				for r := range d.Count(layout.Register) {
					if err := do(thread, int(r), d.Element(r, l, w, b)); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

func (m *machine) step(i int) error {
	s := &m.Steps[i]
	lanes := m.Machine.Lanes
	if s.Op == Barrier {
		m.barrier(s)
		return nil
	}
	if s.Op == Store || s.Op == Load {
		n, free := m.countAll(s)
		m.trace.Wavefronts += n
		m.trace.Conflicts += n - free
	}
	for w := range m.Blocks * m.Warps {
		for lane := range lanes {
			if err := m.thread(i, s, w, lane); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *machine) countAll(s *Step) (n, free int) {
	all := *m.Plan
	all.Warps *= all.Blocks
	return all.wavefronts(s)
}

func (m *machine) thread(i int, s *Step, w, lane int) error {
	lanes := m.Machine.Lanes
	base := (w*lanes + lane) * m.Registers
	a, b, to := base+int(s.A), base+int(s.B), base+int(s.To)
	by := s.By.At(w, lane, lanes)
	fault := func(format string, args ...any) error { return &Fault{i, w, lane, text(format, args...)} }
	switch s.Op {
	case Select:
		if by == 1 {
			a = b
		}
		m.values[to], m.known[to] = m.values[a], m.known[a]
	case Permute:
		value, known := uint64(m.values[b])<<32|uint64(m.values[a]), uint64(m.known[b])<<32|uint64(m.known[a])
		m.values[to], m.known[to] = 0, 0
		for k := range 4 {
			from := by >> (4 * k) & 15
			if from > 7 {
				return fault("a permute of byte %d of 8", from)
			}
			m.values[to] |= uint32(value>>(8*from)&255) << (8 * k)
			m.known[to] |= uint32(known>>(8*from)&255) << (8 * k)
		}
	case Rotate:
		m.values[to], m.known[to] = bits.RotateLeft32(m.values[a], int(by)), bits.RotateLeft32(m.known[a], int(by))
	case Merge:
		m.values[to] = m.values[a]&^by | m.values[b]&by
		m.known[to] = m.known[a]&^by | m.known[b]&by
	case Shuffle:
		if by >= uint32(lanes) {
			return fault("a shuffle from lane %d of %d", by, lanes)
		}
		a += (int(by) - lane) * m.Registers
		m.values[to], m.known[to] = m.values[a], m.known[a]
	case Transpose:
		if !m.Machine.Matrix {
			return fault("%s has no movmatrix", m.Machine.Name)
		}
		// Row r of the matrix is in lanes 4r to 4r+3, two elements in each.
		m.values[to], m.known[to] = 0, 0
		for half := range 2 {
			from := a + ((2*(lane%4)+half)*4+lane/8-lane)*m.Registers
			shift := lane / 4 % 2 * 16
			m.values[to] |= m.values[from] >> shift & 0xffff << (16 * half)
			m.known[to] |= m.known[from] >> shift & 0xffff << (16 * half)
		}
	case Store, Load:
		if s.Off.At(w, lane, lanes) != 0 {
			return nil
		}
		if by%uint32(s.Width) != 0 {
			return fault("a %v of %d bytes at %d", s.Op, s.Width, by)
		}
		if int(by)+s.Width > m.Cost.Scratch {
			return fault("a %v of %d bytes at %d, of %d", s.Op, s.Width, by, m.Cost.Scratch)
		}
		if s.Op == Load {
			for k := range max(1, s.Width/4) {
				to := base + int(s.Vector[k])
				m.values[to], m.known[to] = 0, 0
			}
		}
		for k := range s.Width {
			if text := m.access(s, w, lane, int(by)+k, base+int(s.Vector[k/4]), k%4*8); text != "" {
				return fault("%s", text)
			}
		}
	}
	return nil
}

// access stores or loads one byte of a register, and says what is wrong with it.
func (m *machine) access(s *Step, w, lane, at, register, shift int) string {
	block, thread := w/m.Warps, w*m.Machine.Lanes+lane
	if m.shared[block] == nil {
		m.shared[block] = make(cells, m.Cost.Scratch)
	}
	c := &m.shared[block][at]
	// An access is ordered behind one of another thread if a barrier was between them that both passed.
	unordered := func(other, clock int) bool {
		return other != thread && m.clock[w][other/m.Machine.Lanes] <= clock
	}
	if c.written && unordered(c.writer, c.at) {
		return text("a %v of byte %d, which thread %d wrote without a barrier between", s.Op, at, c.writer)
	}
	if s.Op == Load {
		if !c.written {
			return text("a load of byte %d, which nothing wrote", at)
		}
		m.values[register] |= uint32(c.value) << shift
		m.known[register] |= uint32(c.known) << shift
		if c.readers == nil {
			c.readers = map[int]int{}
		}
		c.readers[thread] = m.clock[w][w]
		return ""
	}
	for reader, clock := range c.readers {
		if unordered(reader, clock) {
			return text("a store to byte %d, which thread %d read without a barrier between", at, reader)
		}
	}
	*c = cell{byte(m.values[register] >> shift), byte(m.known[register] >> shift), true, thread, m.clock[w][w], nil}
	return ""
}

// barrier lets each warp know how far those of its scope are, and moves all of them on.
func (m *machine) barrier(s *Step) {
	group := 1
	switch s.Scope {
	case Group:
		group = s.Warps
	case Block:
		group = m.Warps
	}
	for block := range m.Blocks {
		for first := 0; first < m.Warps; first += group {
			last := min(first+group, m.Warps)
			all := make([]int, m.Blocks*m.Warps)
			for w := block*m.Warps + first; w < block*m.Warps+last; w++ {
				m.clock[w][w]++
				for u, c := range m.clock[w] {
					all[u] = max(all[u], c)
				}
			}
			for w := block*m.Warps + first; w < block*m.Warps+last; w++ {
				copy(m.clock[w], all)
			}
		}
	}
}
