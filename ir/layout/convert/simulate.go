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
	shared        []memory  // by block
	clock         [][]int32 // by warp of the grid: how many barriers, and 1, of each warp of its block it knows to be past
	trace         Trace
}

// A memory is the shared memory of a block, by byte.
type memory struct {
	bytes []cell
	reads []reading // by byte and warp
}

type cell struct {
	value, known byte
	written      bool
	writer, at   int32 // the thread that wrote last, and its warp's clock
}

// A reading is the last read of a byte by a warp: its clock then, and the thread; -1 for several. The zero value is
// none.
type reading struct {
	clock, thread int32
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
	m.shared = make([]memory, p.Blocks)
	m.clock = make([][]int32, p.Blocks*p.Warps)
	for w := range m.clock {
		m.clock[w] = make([]int32, p.Warps)
		m.clock[w][w%p.Warps] = 1
	}
	mask := ^uint64(0) >> (64 - p.Bits)
	p.each(src, func(thread, slot int, element int64) error {
		v := value(element) & mask
		for i := 0; i < p.Bits; {
			at := slot*p.Bits + i
			n := min(32-at%32, p.Bits-i)
			k, here := thread*p.Registers+at/32, ^uint32(0)>>(32-n)<<(at%32)
			m.values[k] = m.values[k]&^here | uint32(v>>i)<<(at%32)&here
			m.known[k] |= here
			i += n
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
		for i := 0; i < p.Bits; {
			at := slot*p.Bits + i
			k := thread*p.Registers + int(p.Result[at/32])
			got |= uint64(m.values[k]>>(at%32)) << i & mask
			known |= uint64(m.known[k]>>(at%32)) << i & mask
			i += 32 - at%32
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
	for shift := 0; err == nil && (size-1)>>shift != 0; shift += p.Bits {
		trace, err = p.Move(src, dst, func(e int64) uint64 { return uint64(e) >> shift })
	}
	return trace, err
}

// each visits the positions of a distribution.
func (p *Plan) each(d layout.Distribution, do func(thread, slot int, element int64) error) error {
	slots, lanes, warps := int(d.Count(layout.Register)), int(d.Count(layout.Lane)), int(d.Count(layout.Warp))
	for i, e := range d.Layout().Values() {
		t := i / slots
		w := t / lanes
		if err := do((w/warps*p.Warps+w%warps)*p.Machine.Lanes+t%lanes, i%slots, e); err != nil {
			return err
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
		if s.Idle(w, lane, lanes) {
			return nil
		}
		if by%uint32(s.Width) != 0 {
			return fault("a %v of %d bytes at %d", s.Op, s.Width, by)
		}
		if int(by)+int(s.Width) > m.Cost.Scratch {
			return fault("a %v of %d bytes at %d, of %d", s.Op, s.Width, by, m.Cost.Scratch)
		}
		if s.Op == Load {
			for k := range max(1, int(s.Width)/4) {
				to := base + int(s.Vector[k])
				m.values[to], m.known[to] = 0, 0
			}
		}
		for k := range int(s.Width) {
			if text := m.access(s, w, lane, int(by)+k, base+int(s.Vector[k/4]), k%4*8); text != "" {
				return fault("%s", text)
			}
		}
	}
	return nil
}

// access stores or loads one byte of a register, and says what is wrong with it.
func (m *machine) access(s *Step, w, lane, at, register, shift int) string {
	lanes, block, thread := m.Machine.Lanes, &m.shared[w/m.Warps], int32(w*m.Machine.Lanes+lane)
	if block.bytes == nil {
		block.bytes, block.reads = make([]cell, m.Cost.Scratch), make([]reading, m.Cost.Scratch*m.Warps)
	}
	c, reads := &block.bytes[at], block.reads[at*m.Warps:(at+1)*m.Warps]
	// An access is ordered behind one of another thread if a barrier was between them that both passed.
	if c.written && c.writer != thread && m.clock[w][int(c.writer)/lanes%m.Warps] <= c.at {
		return text("a %v of byte %d, which thread %d wrote without a barrier between", s.Op, at, c.writer)
	}
	now := m.clock[w][w%m.Warps]
	if s.Op == Load {
		if !c.written {
			return text("a load of byte %d, which nothing wrote", at)
		}
		m.values[register] |= uint32(c.value) << shift
		m.known[register] |= uint32(c.known) << shift
		if r := &reads[w%m.Warps]; r.clock == now && r.thread != thread {
			r.thread = -1
		} else {
			*r = reading{now, thread}
		}
		return ""
	}
	for u, r := range reads {
		if r.clock != 0 && r.thread != thread && m.clock[w][u] <= r.clock {
			return text("a store to byte %d, which warp %d read without a barrier between", at, u)
		}
	}
	clear(reads)
	*c = cell{byte(m.values[register] >> shift), byte(m.known[register] >> shift), true, thread, now}
	return ""
}

// barrier lets each warp know how far those of its scope are, and moves all of them on.
func (m *machine) barrier(s *Step) {
	group := 1
	switch s.Scope {
	case Group:
		group = int(s.Warps)
	case Block:
		group = m.Warps
	}
	for block := range m.Blocks {
		for first := 0; first < m.Warps; first += group {
			warps := m.clock[block*m.Warps+first : block*m.Warps+min(first+group, m.Warps)]
			all := make([]int32, m.Warps)
			for i, clock := range warps {
				clock[first+i]++
				for u, c := range clock {
					all[u] = max(all[u], c)
				}
			}
			for _, clock := range warps {
				copy(clock, all)
			}
		}
	}
}
