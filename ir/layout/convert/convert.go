// Package convert plans how the elements of a tile move from one register layout to another.
//
// Two [layout.Distribution] of the same tile go in, the width of an element in bits, and a [Machine]; out comes a
// [Plan]: the steps that one warp runs, each of them one instruction, and their cost. Elements are packed into 32-bit
// registers without gaps, slot 0 in the lowest bits. In order of price a conversion takes nothing, other names for
// registers, permutes within registers, shuffles within a warp, or shared memory. [Plan.Move] moves real elements as
// the hardware would, and reports whatever it finds wrong.
package convert

import (
	"fmt"
	"slices"

	"github.com/tilec/tilec/ir/layout"
	"github.com/tilec/tilec/ir/layout/bank"
)

// A Kind is the dearest thing that a plan does.
type Kind uint8

// The kinds of plans, the cheapest first.
const (
	Nothing   Kind = iota // every word is where it should be
	Rename                // whole registers under other names
	InThread              // permutes within a thread's registers
	InWarp                // shuffles between the lanes of a warp
	InShared              // stores and loads of shared memory
	kindCount = iota
)

func (k Kind) String() string {
	return [...]string{"nothing", "rename", "permutes", "shuffles", "shared memory"}[k]
}

// A Plan is a conversion as data. All warps of all blocks run its steps in order. Its scratch memory must be free when
// it starts: a barrier behind earlier users of the same bytes, and before later ones, is the caller's.
type Plan struct {
	Machine       Machine
	Kind          Kind
	Bits          int // of an element
	Warps, Blocks int
	Source        int     // 32-bit registers of a lane that hold the source: registers 0 to Source-1
	Registers     int     // that the steps name
	Result        []int32 // the register in which each word of the destination is, in the end
	Steps         []Step
	Cost          Cost
	Other         *Plan // the alternative that was weighed and is dearer, or nil
	Estimate      Cost  // if Other is nil: the shuffles and selects of an alternative that was not written out, as these alone are dearer

	scratch, rounds int
	known           bool // Kind and Cost are
}

// maxWords bounds the 32-bit registers of a lane that either side takes: a wave alone on a SIMD of CDNA has 512.
const maxWords = 512

// New plans the conversion of a tile of elements of so many bits, 1 to 64, from one distribution to another. Every
// element that dst holds must be held by src in the same block. The error is a *layout.Error.
func New(src, dst layout.Distribution, bits int, m Machine) (*Plan, error) {
	if bits < 1 || bits > 64 {
		return nil, &layout.Error{Op: "convert", Reason: layout.Range, Text: text("elements of %d bits; they have 1 to 64", bits)}
	}
	if m.access == nil || m.Lanes != m.lanes() || m.Scratch < 0 {
		return nil, &layout.Error{Op: "convert", Reason: layout.Range, Text: text("machine %q is none that NVIDIA, GFX942 or GFX950 make, with other prices or scratch memory", m.Name)}
	}
	if !slices.Equal(src.Tile(), dst.Tile()) {
		return nil, &layout.Error{Op: "convert", Reason: layout.Profile, Text: text("the source is a tile of %v, the destination one of %v", layout.Ints(src.Tile()...), layout.Ints(dst.Tile()...))}
	}
	for _, d := range []layout.Distribution{src, dst} {
		n := counts(d)
		if n[layout.Lane] > int64(m.Lanes) {
			return nil, &layout.Error{Op: "convert", Reason: layout.Range, Text: text("%d lanes; a warp of %s has %d", n[layout.Lane], m.Name, m.Lanes)}
		}
		if n[layout.Warp] > 64 || n[layout.Register] > 1<<14 || n[layout.Block] > 1<<16 || d.Layout().Size() > maxPositions {
			return nil, &layout.Error{Op: "convert", Reason: layout.Overflow, Text: text("%d registers, %d warps and %d blocks; conversions are planned for at most 16384, 64 and 65536, and %d positions in all", n[layout.Register], n[layout.Warp], n[layout.Block], maxPositions)}
		}
		if words := (n[layout.Register]*int64(bits) + 31) / 32; words > maxWords {
			return nil, &layout.Error{Op: "convert", Reason: layout.Overflow, Text: text("%d elements of %d bits take %d registers of a lane, and no machine has more than %d", n[layout.Register], bits, words, maxWords)}
		}
	}
	size, ok := layout.Ints(src.Tile()...).Product()
	n, k := counts(src), counts(dst)
	blocks := max(n[layout.Block], k[layout.Block])
	threads := blocks * max(n[layout.Warp], k[layout.Warp]) * int64(m.Lanes)
	if !ok || size > maxElements || blocks*size > 4*maxElements || threads*max(n[layout.Register], k[layout.Register]) > maxElements {
		return nil, &layout.Error{Op: "convert", Reason: layout.Overflow, Text: text("a tile of %v in %d threads; conversions are planned for at most %d elements and registers", layout.Ints(src.Tile()...), threads, maxElements)}
	}
	if src.Equal(dst) {
		words := (int(n[layout.Register])*bits + 31) / 32
		p := &Plan{Machine: m, Bits: bits, Warps: int(n[layout.Warp]), Blocks: int(blocks), Source: words, Registers: words}
		for k := range words {
			p.Result = append(p.Result, int32(k))
		}
		return p.priced(), nil
	}
	if l, ok := linearOf(src, dst, bits, m); ok {
		if p := l.plan(); p != nil {
			return p, nil
		}
	}
	if r, ok := repeatedOf(src, dst, bits, m); ok {
		if p := r.plan(); p != nil {
			return p, nil
		}
	}
	p, err := newTable(src, dst, bits, m)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// counts are how many positions each unit has.
func counts(d layout.Distribution) (n [layout.Units]int64) {
	for u := range n {
		n[u] = d.Count(layout.Unit(u))
	}
	return n
}

func newTable(src, dst layout.Distribution, bits int, m Machine) (*Plan, error) {
	t, err := tableOf(src, dst, bits, m)
	if err != nil {
		return nil, err
	}
	if t.reach == 0 {
		return t.local().priced(), nil
	}
	var plans []*Plan
	if t.reach == 1 {
		plans = append(plans, t.transposed(), t.shuffled())
	}
	return cheapest(append(plans, t.shared())...)
}

// cheapest is the plan of the fewest cycles, which remembers the next.
func cheapest(plans ...*Plan) (*Plan, error) {
	var best, next *Plan
	for _, p := range plans {
		switch {
		case p == nil:
			continue
		case best == nil || p.priced().Cost.Cycles < best.Cost.Cycles:
			best, next = p.priced(), best
		case next == nil || p.Cost.Cycles < next.Cost.Cycles:
			next = p
		}
	}
	if best == nil {
		return nil, &layout.Error{Op: "convert", Reason: layout.Range, Text: "not even one register of every thread fits the scratch memory"}
	}
	best.Other = next
	return best, nil
}

func text(format string, args ...any) string { return fmt.Sprintf(format, args...) }

// priced fills in the kind and the cost of a plan that is complete, once.
func (p *Plan) priced() *Plan {
	if p.known {
		return p
	}
	p.known = true
	c := Cost{Scratch: p.scratch, Rounds: p.rounds}
	quarters, warps := 0, p.Warps
	// The store and the load that were counted last.
	var last [2]struct {
		step    *Step
		n, free int
	}
	for k, r := range p.Result {
		if int(r) != k {
			p.Kind = max(p.Kind, Rename)
		}
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		kind := InThread
		switch s.Op {
		case Select:
			c.Selects++
			quarters += warps * p.Machine.Logic
		case Permute, Rotate, Merge:
			c.Permutes++
			quarters += warps * p.Machine.Logic
		case Shuffle:
			kind = InWarp
			c.Shuffles++
			quarters += warps * p.Machine.shuffle(s.By)
		case Transpose:
			kind = InWarp
			c.Shuffles++
			c.Matrices++
			quarters += warps * 2 * p.Machine.Far
		case Store, Load:
			kind = InShared
			x := &last[s.Op-Store]
			if x.step == nil || !s.alike(x.step) {
				x.n, x.free = p.wavefronts(s)
				x.step = s
			}
			c.Wavefronts += x.n
			c.Conflicts += x.n - x.free
			if s.Op == Store {
				c.Stores++
			} else {
				c.Loads++
			}
			quarters += warps*p.Machine.Access + 4*x.n
		case Barrier:
			kind = InShared
			c.Barriers++
			quarters += p.Machine.Barriers[s.Scope]
		}
		p.Kind = max(p.Kind, kind)
	}
	c.Cycles = (quarters + 3) / 4
	p.Cost = c
	return p
}

// shuffle is the price of a shuffle by what reads from where: exchanges with a lane at a fixed xor within 16 lanes, or
// 16 or 32 lanes away, have cheaper forms on some machines.
func (m Machine) shuffle(by Number) int {
	if by.By == nil || by.By.Warp != nil || by.By.Table != nil {
		return m.Far
	}
	for k := 0; 1<<k < m.Lanes; k++ {
		if k >= len(by.By.Lane) || by.By.Lane[k] != 1<<k {
			return m.Far
		}
	}
	switch x := by.Base; {
	case m.Near > 0 && (x <= 3 || x == 7 || x == 8 || x == 15):
		return m.Near // quad_perm, row_half_mirror, row_ror:8, row_mirror
	case m.Near > 0 && x < 16:
		return 2 * m.Near // two of these
	case m.Swap > 0 && (x == 16 || x == 32):
		return m.Swap
	}
	return m.Far
}

// wavefronts counts the passes of shared memory that an access takes in a block, and those that it would take without
// conflicts, under the worst of the machine's phase models.
func (p *Plan) wavefronts(s *Step) (n, free int) {
	var off [4]uint32 // what warps that were counted have as part of Off
	var counts [4][2]int
	known := 0
	for w := range p.Warps {
		if s.By.tabled() || s.Off != nil && s.Off.tabled() {
			got, least := p.passes(s, w)
			n, free = n+got, free+least
			continue
		}
		// Addresses of warps that leave out the same lanes differ by a constant xor, which permutes banks.
		x := uint32(0)
		if s.Off != nil {
			x = s.Off.At(w, 0, p.Machine.Lanes)
		}
		k := slices.Index(off[:known], x)
		if k < 0 {
			k = min(known, len(off)-1)
			known = k + 1
			off[k] = x
			counts[k][0], counts[k][1] = p.passes(s, w)
		}
		n, free = n+counts[k][0], free+counts[k][1]
	}
	return n, free
}

// alike tells whether two accesses take the same wavefronts: their addresses differ by a constant xor, which permutes
// banks and rows.
func (s *Step) alike(t *Step) bool {
	return s.Op == t.Op && s.Width == t.Width && s.By.By == t.By.By && !s.By.tabled() && s.Off == t.Off
}

func (p *Plan) passes(s *Step, w int) (n, free int) {
	width := int(s.Width)
	var buffer [64]int64
	address := buffer[:p.Machine.Lanes]
	for l := range address {
		address[l] = -1
		if !s.Idle(w, l, len(address)) {
			address[l] = int64(s.By.At(w, l, len(address)))
		}
	}
	for _, m := range p.Machine.models(s.Op == Store, width) {
		got, least := passes(&m, address, width)
		if got-least > n-free || n == 0 {
			n, free = got, least
		}
	}
	return n, free
}

// passes counts the wavefronts of one access of a warp, and how many phases of it do anything. Lanes of a negative
// address do nothing.
func passes(m *bank.Model, address []int64, width int) (n, phases int) {
	var seen [64][]int64 // words by bank
	var room [64][4]int64
	for _, lanes := range m.Phases {
		most := 0
		for b := range m.Banks {
			seen[b] = room[b][:0]
		}
		for _, lane := range lanes {
			a := address[lane]
			if a < 0 {
				continue
			}
			for w := a / 4; w <= (a+int64(width)-1)/4; w++ {
				b := w % int64(m.Banks)
				if m.Serial || !slices.Contains(seen[b], w) {
					seen[b] = append(seen[b], w)
					most = max(most, len(seen[b]))
				}
			}
		}
		if most > 0 {
			n, phases = n+most, phases+1
		}
	}
	return n, phases
}

// String is the plan's cost in a line, and behind it that of the alternative.
func (p *Plan) String() string {
	s := p.Kind.String()
	if !p.Cost.Free() {
		s = p.Cost.String()
	}
	switch {
	case p.Other != nil:
		s += "; or " + p.Other.Cost.String()
	case !p.Estimate.Free():
		s += "; or about " + p.Estimate.String()
	}
	return s
}
