package bank

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/tilec/tilec/ir/layout"
)

// A Form is a kind of layout of a tile.
type Form uint8

// The forms, the simplest first.
const (
	Plain    Form = 1 << iota // the tile's own strides
	Swizzled                  // an XOR swizzle behind them
	Padded                    // rows further apart
	Rotated                   // chunks of a row rotated by its number
)

func (f Form) String() string {
	switch f {
	case Plain:
		return "plain"
	case Swizzled:
		return "swizzled"
	case Padded:
		return "padded"
	case Rotated:
		return "rotated"
	}
	return fmt.Sprintf("forms %04b", uint8(f))
}

// Options constrain what Solve may do. The zero value lets it do all.
type Options struct {
	// Forms are those that it may use, added up; 0: all. Plain is always one.
	Forms Form
	// Chunk is how many bytes a swizzle and a padding keep together, a power of two up to 128; 0: what the widest access
	// needs.
	Chunk int64
	// Canonical asks for one of the forms that TMA and the descriptors of matrix instructions know: no swizzle, or that
	// of 32, 64 or 128 bytes, which is XOR(1|2|3,4,3) on the address in shared memory.
	Canonical bool
	// Wave asks for a swizzle that is its own inverse and stays within 1 KiB, in chunks of 16 bytes: that a wave whose
	// lanes write at lane·16 (buffer loads to LDS) can apply to the addresses that it reads from.
	Wave bool
	// MaxWaste is the most bytes that padding may add to the tile; 0: no bound.
	MaxWaste int64
}

// A Result is the layout that Solve found, and what it costs.
type Result struct {
	Layout  layout.Layout  // from the tile's elements to offsets in bits
	Form    Form           //
	Swizzle layout.Swizzle // of Swizzled and Rotated: on offsets in bytes
	Padding int64          // of Padded: bytes that each row is longer
	Bytes   int64          // that the tile takes
	Wasted  int64          // of them, those that hold no element
	Align   int64          // bytes of which the tile's address is a multiple, so that a swizzle is that of the address too
	Reports []Report       // by access
	Cost    int64          // extra wavefronts, each access times its weight
	// Minimal says that no layout has a lower cost, among those that Proof names.
	Minimal bool
	Proof   string
}

// String is the result in a line: "swizzle(3,4,3), 1x 1x".
func (r Result) String() string {
	s := r.Form.String()
	switch r.Form {
	case Swizzled, Rotated:
		s = r.Swizzle.String()
	case Padded:
		s = fmt.Sprintf("rows padded by %d bytes (%d in all)", r.Padding, r.Wasted)
	}
	for i, a := range r.Reports {
		if i == 0 {
			s += ":"
		} else {
			s += ","
		}
		s += " " + a.String()
	}
	return s
}

// searchSteps bounds the search for a swizzle: about a millisecond.
const searchSteps = 50_000

// maxPadded bounds the bytes of tiles whose rows are padded, so that their strides fit.
const maxPadded = 1 << 40

// heavyWork is the number of addresses from which on few swizzles are counted: about a millisecond for one.
const heavyWork = 50_000

// canonicalBits are the low bits of an address that the swizzles of descriptors touch.
const canonicalBits = 10

// rotateWork bounds the addresses that rotations are counted for: about a millisecond.
const rotateWork = 100_000

// refineWork bounds the addresses that refine looks at: about a millisecond.
const refineWork = 50_000

// A solver is a problem and the best layout so far.
type solver struct {
	machine *Machine
	base    layout.Layout
	access  []Access
	streams []*stream
	options Options
	forms   Form
	chunk   int64
	best    Result
	floor   int64   // below which no layout that keeps chunks together costs
	rest    []int64 // by access: the same of it and those after it
}

// Solve finds the layout of a tile with the fewest bank conflicts over all accesses, by weight: of base, a layout from
// the tile's elements to offsets in bits without a swizzle, itself, with an XOR swizzle, with padded rows, or with
// rotated rows. Of layouts that cost the same it takes the simplest: base as it is, then the swizzles of 32, 64 and 128
// bytes, then swizzles that move one field of bits, then others; where a pitch is no power of two, padding with the
// fewest wasted bytes comes before swizzles; rotations come last. The result is the same every time. It refuses what
// Degree refuses for base.
func Solve(m *Machine, base layout.Layout, accesses []Access, o Options) (Result, error) {
	const op = "solve"
	p := &solver{machine: m, base: base, access: slices.Clone(accesses), options: o, forms: o.Forms, chunk: o.Chunk}
	switch {
	case base.Size() == 0:
		return Result{}, failf(op, layout.Profile, "there is no layout to start from")
	case !base.Swizzle().IsIdentity():
		return Result{}, failf(op, layout.Nonlinear, "%v has a swizzle already", base)
	case len(accesses) == 0 || len(accesses) > maxAccesses:
		return Result{}, failf(op, layout.Range, "%d accesses; there are 1 to %d", len(accesses), maxAccesses)
	case o.Chunk < 0 || o.Chunk > 128 || o.Chunk&(o.Chunk-1) != 0:
		return Result{}, failf(op, layout.Range, "chunks of %d bytes; a chunk is a power of two up to 128", o.Chunk)
	case o.MaxWaste < 0:
		return Result{}, failf(op, layout.Range, "at most %d wasted bytes", o.MaxWaste)
	case o.Forms >= Rotated<<1:
		return Result{}, failf(op, layout.Range, "%v, of which some are not known", o.Forms)
	}
	if p.forms == 0 {
		p.forms = Plain | Swizzled | Padded | Rotated
	}
	if o.Canonical || o.Wave {
		p.forms &= Plain | Swizzled
		p.chunk = max(p.chunk, 16)
	}
	for i := range p.access {
		s, err := open(op, m, &p.access[i], base)
		if err != nil {
			return Result{}, err
		}
		if s.bits != 0 && i > 0 && s.bits != p.streams[0].bits {
			return Result{}, failf(op, layout.Divisibility, "%s has elements of %d bits, %s of %d", s.access.name(), s.bits, p.streams[0].access.name(), p.streams[0].bits)
		}
		if s.pieces > 1 {
			// What is no power of two stays whole under a swizzle only where it lies within a chunk.
			p.chunk = max(p.chunk, 16)
			if !s.within(16) {
				p.forms &^= Swizzled | Rotated
			}
		}
		p.chunk = max(p.chunk, s.granule)
		p.streams = append(p.streams, s)
	}
	if !undivided(base, p.streams[0].bits, 8*p.chunk) {
		p.forms &^= Swizzled | Rotated
	}
	p.rest = make([]int64, len(p.streams)+1)
	for i := len(p.streams) - 1; i >= 0; i-- {
		s := p.streams[i]
		p.rest[i] = p.rest[i+1] + s.floor(p.chunk)*s.weight
	}
	p.floor = p.rest[0]
	if p.plain(); p.done() {
		return p.best, nil
	}
	steps := []func() error{p.swizzle, p.pad, p.rotate}
	if !p.powers() {
		steps = []func() error{p.pad, p.swizzle, p.rotate}
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return Result{}, err
		}
		if p.done() {
			break
		}
	}
	return p.best, nil
}

// undivided tells whether no element of so many bits, touched or not, lies in two chunks.
func undivided(l layout.Layout, width, chunk int64) bool {
	sizes, strides := l.Leaves()
	whole := chunk%width == 0 && l.Offset()%width == 0
	for i, d := range strides {
		whole = whole && (sizes[i] == 1 || d%width == 0)
	}
	if whole {
		return true
	}
	at := []int64{l.Offset() % chunk}
	for i, n := range sizes {
		step := (strides[i]%chunk + chunk) % chunk
		seen := make([]bool, chunk)
		var next []int64
		for _, x := range at {
			for range min(n, chunk) {
				if !seen[x] {
					seen[x] = true
					next = append(next, x)
				}
				x = (x + step) % chunk
			}
		}
		at = next
	}
	return !slices.ContainsFunc(at, func(x int64) bool { return x+width > chunk })
}

// done tells whether the best can not be bettered, and says so in it.
func (p *solver) done() bool {
	switch {
	case p.best.Cost == 0:
		p.prove("every phase takes one wavefront")
	case p.best.Cost == p.floor:
		p.prove(fmt.Sprintf("of all layouts that keep chunks of %d bytes together: words at one place of a chunk have only so many banks", p.chunk))
	}
	return p.best.Cost == p.floor
}

// floor is the number of extra wavefronts that no layout which keeps chunks together goes below: the words at one place
// in their chunks share one bank of each line's chunks.
func (s *stream) floor(chunk int64) int64 {
	classes := s.classes(func(at int64) int64 { return at & (chunk - 1) })
	worst := int64(0)
	for i := range s.in.Models {
		m := &s.in.Models[i]
		total := int64(0)
		places := int64(m.Banks) * WordBytes / chunk
		if places == 0 {
			continue
		}
		for _, c := range classes {
			for _, lanes := range m.Phases {
				var count [128 / WordBytes]int64
				most := int64(1)
				for _, g := range s.distinct(m, lanes, c) {
					k := g & (chunk - 1) / WordBytes
					count[k]++
					most = max(most, (count[k]+places-1)/places)
				}
				total += c.times * (most - 1)
			}
		}
		worst = max(worst, total)
	}
	return worst
}

func (p *solver) prove(why string) { p.best.Minimal, p.best.Proof = true, why }

// powers tells whether all strides of the base are powers of two.
func (p *solver) powers() bool {
	sizes, strides := p.base.Leaves()
	for i, d := range strides {
		if sizes[i] > 1 && d&(d-1) != 0 {
			return false
		}
	}
	return true
}

// offer makes a candidate the best if it costs less, or wastes less where both pad rows. Its reports say what it costs.
func (p *solver) offer(r Result) {
	r.Cost = 0
	for i, a := range r.Reports {
		r.Cost += a.Extra * p.streams[i].weight
	}
	thrifty := r.Form == Padded && p.best.Form == Padded && r.Wasted < p.best.Wasted
	if p.best.Form == 0 || r.Cost < p.best.Cost || r.Cost == p.best.Cost && thrifty {
		p.best = r
	}
}

// span is the number of bytes of a layout, and how many hold nothing.
func (p *solver) span(l layout.Layout) (bytes, wasted int64) {
	last := l.Offset() + p.streams[0].bits
	sizes, strides := l.Leaves()
	for i, n := range sizes {
		last += (n - 1) * max(strides[i], 0)
	}
	bytes = (last + 7) / 8
	return bytes, bytes - (l.Size()*p.streams[0].bits+7)/8
}

func (p *solver) plain() {
	r := Result{Layout: p.base, Form: Plain, Align: p.align()}
	r.Bytes, r.Wasted = p.span(p.base)
	for _, s := range p.streams {
		r.Reports = append(r.Reports, s.report(nil, s.classes(s.moved), unbounded))
	}
	p.offer(r)
}

// align is what the accesses' own addresses need.
func (p *solver) align() int64 {
	n := int64(1)
	for _, s := range p.streams {
		n = max(n, int64(s.in.Align))
	}
	return n
}

// slack is the most that the next report of a candidate may have extra, so that it can still cost less than the best.
func (p *solver) slack(r *Result) int64 {
	i := len(r.Reports)
	return (p.best.Cost - r.Cost - p.rest[i+1] - 1) / p.streams[i].weight
}

// count asks for the reports of a candidate one by one, as long as it can still cost less than the best.
func (p *solver) count(r *Result, report func(i int) Report) bool {
	for i, s := range p.streams {
		a := report(i)
		r.Reports = append(r.Reports, a)
		if r.Cost += a.Extra * s.weight; r.Cost+p.rest[i+1] >= p.best.Cost {
			return false
		}
	}
	return true
}

// swizzled offers the base behind a linear swizzle of addresses in bytes.
func (p *solver) swizzled(columns []int64) error {
	bytes, err := layout.Linear(columns)
	if err != nil {
		return err
	}
	low := max(bytes.Bits(), bits.Len(uint(p.machine.Line)-1))
	r := Result{Form: Swizzled, Swizzle: bytes}
	at := linear(columns)
	if !p.count(&r, func(i int) Report { return p.streams[i].report(at, p.streams[i].below(low), p.slack(&r)) }) {
		return nil
	}
	inBits := make([]int64, 0, len(columns)+3)
	for k := range 3 {
		inBits = append(inBits, 1<<k)
	}
	for _, c := range columns {
		inBits = append(inBits, c<<3)
	}
	swizzle, err := layout.Linear(inBits)
	if err != nil {
		return err
	}
	if r.Layout, err = layout.WithSwizzle(swizzle, p.base); err != nil {
		return err
	}
	// A swizzle moves bytes within a row of the banks: the last one it needs whole.
	r.Bytes, r.Wasted = p.span(p.base)
	touched := int64(0)
	for k, c := range columns {
		touched |= c &^ (1 << k)
	}
	row := int64(1) << bits.Len64(uint64(touched))
	whole := (r.Bytes + row - 1) / row * row
	r.Bytes, r.Wasted = whole, r.Wasted+whole-r.Bytes
	r.Align = 1 << bytes.Bits()
	p.offer(r)
	return nil
}

// columns are those of the XOR swizzle that adds count bits from base+shift on to those from base on.
func columns(count, base, shift int) []int64 {
	list := make([]int64, count+base+shift)
	for k := range list {
		list[k] = 1 << k
		if k >= base+shift {
			list[k] |= 1 << (k - shift)
		}
	}
	return list
}

// swizzle looks for an XOR swizzle.
func (p *solver) swizzle() error {
	if p.forms&Swizzled == 0 {
		return nil
	}
	// Where every repetition is another case, only what looks best by differences is counted, further down.
	if p.chunk <= 16 && (p.options.Canonical || p.work(canonicalBits) <= heavyWork) {
		for count := 1; count <= 3; count++ {
			if err := p.swizzled(columns(count, 4, 3)); err != nil || p.done() {
				return err
			}
		}
	}
	if p.options.Canonical {
		p.prove("of no swizzle and those of 32, 64 and 128 bytes")
		return nil
	}
	top := maxTable
	if p.options.Wave {
		top = 10
	}
	q := newSearch(p.streams, p.chunk, int64(p.machine.Line), top)
	q.involution = p.options.Wave
	heavy := p.work(q.high) > heavyWork
	if len(q.sources) == 0 {
		p.prove(fmt.Sprintf("of all swizzles by bits from %d on of an address in bytes: lanes of a phase agree in them", firstSource))
		return nil
	}
	// One field of bits moved by one distance, first what is known to be free, or the cheapest.
	most := q.sources[len(q.sources)-1]
	low, line := bits.TrailingZeros64(uint64(p.chunk)), bits.TrailingZeros(uint(p.machine.Line))
	cheapest := q.cost(make([]int64, len(q.sources)), unbounded)
	var field []int64
	trial := make([]int64, len(q.sources))
	try := func(count, base, shift int) {
		for k, j := range q.sources {
			trial[k] = 0
			if j >= base+shift && j < base+shift+count {
				trial[k] = 1 << (j - shift)
			}
		}
		if cost := q.cost(trial, cheapest); cost < cheapest {
			cheapest, field = cost, columns(count, base, shift)
		}
	}
	for count := 1; heavy && p.chunk <= 16 && count <= 3; count++ {
		try(count, 4, 3)
	}
	for count := 1; count <= line-low && cheapest > 0; count++ {
		for shift := max(count, 1); shift <= most-low; shift++ {
			for base := low; base+count <= line && base+count+shift-1 <= most; base++ {
				if base+shift < firstSource || p.options.Wave && base+count > firstSource {
					continue
				}
				try(count, base, shift)
			}
		}
	}
	if field != nil {
		if err := p.swizzled(field); err != nil || p.done() {
			return err
		}
	}
	complete := q.run(cheapest, searchSteps)
	for i := len(q.found) - 1; i >= 0 && i >= len(q.found)-4 && (!heavy || i == len(q.found)-1); i-- {
		if err := p.swizzled(q.list(q.found[i])); err != nil {
			return err
		}
		if p.done() {
			return nil
		}
	}
	if !q.exact() && !p.options.Wave {
		if err := p.refine(q); err != nil || p.done() {
			return err
		}
	}
	if !complete || !q.exact() || p.best.Cost*share != q.least {
		return nil
	}
	p.prove(fmt.Sprintf("of the swizzles that add bits %d to %d of an address in bytes to bits %d to %d", q.sources[0], most, low, line-1))
	if p.options.Wave {
		return nil
	}
	return p.permute(q)
}

// permute looks for a linear swizzle of any kind, where adding to the bank's bits does not do.
func (p *solver) permute(q *search) error {
	least, budget := q.least, searchSteps
	if least > q.total(make([]int64, len(q.constraints))) {
		if bytes, _ := p.span(p.base); bytes%(2<<q.sources[len(q.sources)-1]) != 0 {
			return nil // bits would leave the tile
		}
		arranging := 100 // steps that one arrangement is worth
		for _, list := range q.lists {
			arranging += 3 * len(list)
		}
		for _, place := range q.arrangements() {
			q.arrange(place)
			if !q.run(least, budget) {
				return nil
			}
			budget = q.budget - arranging
			if q.best == nil {
				continue
			}
			least = q.least
			if err := p.swizzled(q.list(q.best)); err != nil || p.done() {
				return err
			}
		}
	}
	p.prove(fmt.Sprintf("of all swizzles that are linear and keep chunks of %d bytes together", p.chunk))
	return nil
}

// whole tells whether a pitch in bits cuts the base into rows: what is below it stays within a row, and the rest is a
// number of rows.
func (p *solver) whole(pitch int64) bool {
	sizes, strides := p.base.Leaves()
	reach := p.base.Offset() + p.streams[0].bits
	for i, d := range strides {
		switch {
		case d >= pitch && d%pitch != 0 && sizes[i] > 1:
			return false
		case d < pitch:
			reach += (sizes[i] - 1) * d
		}
	}
	return reach <= pitch
}

// list are the columns of all bits, of which those of the sources are the bits and what is added to them.
func (q *search) list(columns []int64) []int64 {
	list := make([]int64, q.high)
	for k := range list {
		j := q.place[k]
		list[k] = 1 << j
		if i, ok := slices.BinarySearch(q.sources, j); ok {
			list[k] |= columns[i]
		}
	}
	return list
}

// refine changes one column after the other for as long as that is cheaper: where phases are not spaces, collisions are
// a measure of the wavefronts, but not their number.
func (p *solver) refine(q *search) error {
	tries := refineWork / p.work(q.high)
	current := make([]int64, len(q.sources))
	for better := true; better; {
		better = false
		if p.best.Form == Swizzled {
			for k, j := range q.sources {
				current[k] = p.best.Swizzle.Column(j) &^ (1 << j)
			}
		}
		for k := range q.sources {
			before := current[k]
			for n := range int64(1) << bits.OnesCount64(uint64(q.allowed[k])) {
				if current[k] = n << bits.TrailingZeros64(uint64(q.allowed[k])); current[k] == before {
					continue
				}
				if tries--; tries < 0 {
					return nil
				}
				cost := p.best.Cost
				if err := p.swizzled(q.list(current)); err != nil {
					return err
				}
				if p.best.Cost < cost {
					if p.done() {
						return nil
					}
					before, better = current[k], true
				}
			}
			current[k] = before
		}
	}
	return nil
}

// work is the number of addresses that it takes to count a swizzle of so many low bits.
func (p *solver) work(low int) int {
	n := 0
	for _, s := range p.streams {
		n += 100 + len(s.below(low))*s.in.Lanes*len(s.in.Models)
	}
	return n
}

// pad looks for rows further apart.
func (p *solver) pad() error {
	if bytes, _ := p.span(p.base); p.forms&Padded == 0 || bytes > maxPadded {
		return nil
	}
	sizes, strides := p.base.Leaves()
	var pitches []int64
	for i, d := range strides {
		if sizes[i] > 1 && d > 0 && d%8 == 0 {
			pitches = append(pitches, d)
		}
	}
	slices.Sort(pitches)
	for _, pitch := range slices.Compact(pitches) {
		if !p.whole(pitch) {
			continue
		}
	paddings:
		for extra := p.chunk; extra < int64(p.machine.Line); extra += p.chunk {
			moved := slices.Clone(strides)
			for i, d := range strides {
				if d >= pitch {
					moved[i] = d / pitch * (pitch + 8*extra)
				}
			}
			l, err := layout.New(p.base.Shape(), p.base.Shape().With(moved))
			if err == nil {
				l, err = layout.Shift(l, p.base.Offset())
			}
			if err != nil {
				break // too large
			}
			r := Result{Layout: l, Form: Padded, Padding: extra, Align: p.align()}
			r.Bytes, r.Wasted = p.span(l)
			if bytes, _ := p.span(p.base); p.options.MaxWaste > 0 && r.Bytes-bytes > p.options.MaxWaste {
				break
			}
			if p.best.Form == Padded && p.best.Cost == 0 && r.Wasted >= p.best.Wasted {
				break
			}
			cost := int64(0)
			for i := range p.access {
				s, err := open("solve", p.machine, &p.access[i], l)
				if err != nil {
					break paddings // this pitch is one inside of what a lane touches
				}
				report := s.report(nil, s.classes(s.moved), (p.best.Cost-cost)/s.weight)
				r.Reports = append(r.Reports, report)
				if cost += report.Extra * s.weight; cost > p.best.Cost {
					break
				}
			}
			if len(r.Reports) == len(p.access) {
				p.offer(r)
			}
		}
	}
	return nil
}

// rotate looks for a rotation of the chunks of rows.
func (p *solver) rotate() error {
	if p.forms&Rotated == 0 || p.base.Offset() != 0 {
		return nil
	}
	sizes, strides := p.base.Leaves()
	var pitches []int64
	for i, d := range strides {
		if sizes[i] > 1 && d > 0 && d%(8*p.chunk) == 0 && d/(8*p.chunk) > 1 {
			pitches = append(pitches, d/8)
		}
	}
	slices.Sort(pitches)
	total, _ := p.span(p.base)
	work := rotateWork
	for _, pitch := range slices.Compact(pitches) {
		if total/pitch > maxElements {
			continue
		}
		whole := p.whole(8 * pitch)
		for unit := p.chunk; unit <= 4*p.chunk && pitch%unit == 0 && pitch/unit > 1; unit *= 2 {
			for step := int64(1); step <= 8; step *= 2 {
				bytes, err := layout.Rotation(unit, pitch/unit, step)
				if err != nil {
					return err
				}
				r := Result{Form: Rotated, Swizzle: bytes, Align: p.align()}
				if work < 0 {
					return nil
				}
				if !p.count(&r, func(i int) Report {
					s := p.streams[i]
					like := func(at int64) int64 { return at }
					if whole {
						like = s.turned(unit, pitch/unit, step)
					}
					classes := s.classes(like)
					work -= int(s.repetitions) + len(classes)*s.in.Lanes*len(s.in.Models)
					return s.report(bytes.At, classes, p.slack(&r))
				}) {
					continue
				}
				inBits, err := layout.Rotation(8*unit, pitch/unit, step)
				if err != nil {
					return err
				}
				if r.Layout, err = layout.WithSwizzle(inBits, p.base); err != nil {
					return err
				}
				// Chunks turn round within their row: the last one is needed whole.
				r.Bytes = (total + pitch - 1) / pitch * pitch
				_, r.Wasted = p.span(p.base)
				r.Wasted += r.Bytes - total
				if p.offer(r); p.done() {
					return nil
				}
			}
		}
	}
	return nil
}

// exact tells whether costs are numbers of extra wavefronts.
func (q *search) exact() bool {
	for i := range q.constraints {
		if !q.constraints[i].exact {
			return false
		}
	}
	return true
}
