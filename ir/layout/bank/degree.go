package bank

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/tilec/tilec/ir/layout"
)

// A Count is what an access costs under one model of its phases.
type Count struct {
	Model      string
	Degree     int   // the most wavefronts that a phase takes; 1: no conflict
	Wavefronts int64 // of all phases of all repetitions
	Extra      int64 // wavefronts beyond one for each phase
	Repetition int64 // the first in which a phase has the degree
}

// A Report is the bank conflicts of an access over a layout. The embedded Count is that of the worst model.
type Report struct {
	Access      string
	Instruction string
	Count
	Models []Count // all, in the machine's order
}

// String is the report in one line: "st.shared.v2 4x (6144 extra wavefronts)".
func (r Report) String() string {
	s := r.Access
	if r.Access != r.Instruction {
		s += " (" + r.Instruction + ")"
	}
	s += fmt.Sprintf(" %dx", r.Degree)
	if r.Extra > 0 {
		s += fmt.Sprintf(", %d extra wavefronts of %d", r.Extra, r.Wavefronts)
	}
	return s
}

// Degree counts the conflicts of an access over a layout from a tile's elements to offsets in bits, in all repetitions.
// It refuses elements outside of the tile, elements of a lane that the layout tears apart, and addresses that are no
// multiple of what the instruction needs.
func Degree(m *Machine, a Access, l layout.Layout) (Report, error) {
	const op = "degree"
	s, swizzle, err := openSwizzled(op, m, &a, l)
	if err != nil {
		return Report{}, err
	}
	if swizzle.IsIdentity() {
		return s.report(nil, s.classes(s.moved), unbounded), nil
	}
	if low, ok := s.whole(swizzle); ok && low <= maxBits {
		columns := make([]int64, low)
		for k := range columns {
			columns[k] = swizzle.Column(k+3) >> 3
		}
		return s.report(linear(columns), s.classes(s.alike(max(low, bits.Len(uint(m.Line)-1)))), unbounded), nil
	}
	// A swizzle that may tear elements apart, or is not linear: look at each.
	s.lanes, s.steps = nil, nil
	if err := s.evaluate(op, l); err != nil {
		return Report{}, err
	}
	return s.report(nil, s.classes(s.moved), unbounded), nil
}

// linear is the linear map of these columns, by tables.
func linear(columns []int64) func(int64) int64 {
	const part = 10
	tables := make([][1 << part]int64, (len(columns)+part-1)/part)
	for i := range tables {
		for k := range part {
			column := int64(1) << (i*part + k)
			if i*part+k < len(columns) {
				column = columns[i*part+k]
			}
			for n, x := range tables[i][:1<<k] {
				tables[i][1<<k+n] = x ^ column
			}
		}
	}
	above := len(tables) * part
	return func(x int64) int64 {
		y := x >> above << above
		for i := range tables {
			y ^= tables[i][x>>(i*part)&(1<<part-1)]
		}
		return y
	}
}

// unbounded is a limit of report that stops nothing.
const unbounded = 1 << 62

// maxBits bounds the bits of an address that a swizzle may touch and repetitions are still told apart by.
const maxBits = 40

// whole tells whether a linear swizzle of offsets in bits keeps each lane's elements side by side, and how many low
// bits of an address in bytes it touches.
func (s *stream) whole(swizzle layout.Swizzle) (low int, ok bool) {
	if !swizzle.IsLinear() {
		return 0, false
	}
	keep := bits.TrailingZeros64(uint64(s.granule)) + 3
	if s.pieces > 1 {
		if keep = 7; !s.within(16) {
			return 0, false
		}
	}
	for k := range swizzle.Bits() {
		if c := swizzle.Column(k); k < keep && c != 1<<k || k >= keep && c&(1<<keep-1) != 0 {
			return 0, false
		}
	}
	return max(swizzle.Bits()-3, 0), true
}

// within tells whether what a lane touches never crosses a multiple of so many bytes.
func (s *stream) within(chunk int64) bool {
	for _, c := range s.classes(func(at int64) int64 { return at & (chunk - 1) }) {
		for _, x := range c.lanes {
			if (x+c.at)%chunk+int64(s.in.Bytes) > chunk {
				return false
			}
		}
	}
	return true
}

// report counts the conflicts of the stream under a map of addresses (nil: none) that keeps what lanes touch whole, and
// under which the classes meet the same ones. It stops where a model has more than limit extra wavefronts; Extra then is
// more than limit, but not all.
func (s *stream) report(move func(int64) int64, classes []class, limit int64) Report {
	r := Report{Access: s.access.name(), Instruction: s.in.Name}
	addresses := make([]int64, s.in.Lanes)
	over := false
	for i := range s.in.Models {
		r.Models = append(r.Models, Count{Model: s.in.Models[i].Name})
	}
	for _, c := range classes {
		if over {
			break
		}
		for i, x := range c.lanes {
			addresses[i] = x + c.at
			if move != nil {
				addresses[i] = move(addresses[i])
			}
		}
		for i := range s.in.Models {
			m, n := &s.in.Models[i], &r.Models[i]
			for _, lanes := range m.Phases {
				d := s.phase(m, lanes, addresses)
				n.Wavefronts += c.times * int64(d)
				n.Extra += c.times * int64(d-1)
				if d > n.Degree || d == n.Degree && c.first < n.Repetition {
					n.Degree, n.Repetition = d, c.first
				}
			}
			over = over || n.Extra > limit
		}
	}
	r.Count = r.Models[0]
	for _, n := range r.Models[1:] {
		if n.Extra > r.Extra || n.Extra == r.Extra && n.Degree > r.Degree {
			r.Count = n
		}
	}
	return r
}

// phase is the number of wavefronts that lanes of one phase need at these addresses.
func (s *stream) phase(m *Model, lanes []int, addresses []int64) int {
	// Granules that share banks are kept in a list each.
	var head, next [64]int8
	var seen [64]int64
	var count [64]int8
	size := bits.TrailingZeros64(uint64(s.granule))
	slots := int64(m.Banks) * WordBytes >> size
	for i := range slots {
		head[i] = -1
	}
	n, most := int8(0), int8(0)
	for _, lane := range lanes {
	pieces:
		for p := range s.pieces {
			g := addresses[lane]>>size + p
			slot := g & (slots - 1)
			if !m.Serial {
				for j := head[slot]; j >= 0; j = next[j] {
					if seen[j] == g {
						continue pieces
					}
				}
			}
			seen[n], next[n], head[slot] = g, head[slot], n
			n++
			count[slot]++
			most = max(most, count[slot])
		}
	}
	return int(most)
}

// A Phase is one step in which an instruction is served.
type Phase struct {
	Lanes     []int
	Addresses []int64 // in bytes, of the lanes in their order
	Banks     [][]int // by bank: the lanes that touch a word of it, in order
	Words     []int   // by bank: the wavefronts it takes: its different words
	Degree    int     // the most of them
}

// Phases shows which banks an access touches in one repetition, by the model of this number of its instruction, whose
// names and order are those of Report.Models.
func Phases(m *Machine, a Access, l layout.Layout, model int, repetition int64) ([]Phase, error) {
	const op = "phases"
	s, _, err := openSwizzled(op, m, &a, l)
	if err != nil {
		return nil, err
	}
	if model < 0 || model >= len(s.in.Models) {
		return nil, failf(op, layout.Range, "%s has no model %d", s.in.Name, model)
	}
	if repetition < 0 || repetition >= s.repetitions {
		return nil, failf(op, layout.Range, "%s has no repetition %d", s.access.name(), repetition)
	}
	vector := a.Elements.Mode(0).Size()
	of := &s.in.Models[model]
	phases := make([]Phase, len(of.Phases))
	for i, lanes := range of.Phases {
		p := Phase{Lanes: slices.Clone(lanes), Banks: make([][]int, of.Banks), Words: make([]int, of.Banks)}
		words := make([][]int64, of.Banks)
		for _, lane := range lanes {
			first := vector * (int64(lane) + int64(s.in.Lanes)*repetition)
			at := l.At(a.Elements.At(first))
			if at%(8*int64(s.in.Align)) != 0 {
				return nil, s.misaligned(op, l)
			}
			for v := range vector {
				if l.At(a.Elements.At(first+v)) != at+v*s.bits {
					return nil, s.apart(op, l)
				}
			}
			at /= 8
			p.Addresses = append(p.Addresses, at)
			for w := at / WordBytes; w <= (at+int64(s.in.Bytes)-1)/WordBytes; w++ {
				bank := int(w % int64(of.Banks))
				p.Banks[bank] = append(p.Banks[bank], lane)
				if of.Serial || !slices.Contains(words[bank], w) {
					words[bank] = append(words[bank], w)
				}
			}
		}
		for bank, list := range words {
			p.Words[bank] = len(list)
			p.Degree = max(p.Degree, len(list))
		}
		phases[i] = p
	}
	return phases, nil
}
