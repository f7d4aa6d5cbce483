package bank

import (
	"cmp"
	"fmt"
	"math/bits"
	"slices"

	"github.com/tilec/tilec/ir/layout"
)

// An Access is one instruction of a warp that reads or writes a tile in shared memory, and how often it runs.
type Access struct {
	Name        string // for reports; empty: the instruction's
	Instruction string // of the machine
	Weight      int64  // how often it runs, compared with the other accesses of the tile; 0 counts as 1
	// Elements says which elements of the tile the lanes address. Its first mode are the elements of one lane, as many
	// as fill the instruction's bytes; its second mode are the lanes; all others are repetitions: registers, warps,
	// steps of a loop. Its offsets number the tile's elements, the first axis fastest.
	Elements layout.Layout
}

// Bounds of what is counted: more is refused.
const (
	maxElements = 1 << 22
	maxWeight   = 1 << 20
	maxAccesses = 64
)

func failf(op string, r layout.Reason, format string, args ...any) error {
	return &layout.Error{Op: op, Reason: r, Text: fmt.Sprintf(format, args...)}
}

// A digit is a factor of an index, and how many bytes (bits, before division) one step of it is apart.
type digit struct{ size, step int64 }

// A stream is an access over a layout: the addresses of its lanes, in bytes.
type stream struct {
	access  *Access
	in      *Instruction
	bits    int64 // of an element
	granule int64 // bytes of which an address is a multiple, that lie in one row of the banks, and at least a word
	pieces  int64 // granules that a lane touches
	weight  int64

	// Where the addresses are sums: those of the lanes at the first repetition, and the digits of the repetitions.
	lanes []int64
	start int64
	steps []digit
	// Where they are not: the lanes' addresses by repetition.
	table [][]int64

	repetitions int64
	known       [][]class // by low of below
}

// open finds the addresses of an access over a layout whose offsets are bits. It leaves out the layout's swizzle.
func open(op string, m *Machine, a *Access, l layout.Layout) (*stream, error) {
	in, ok := m.Instruction(a.Instruction)
	if !ok {
		return nil, failf(op, layout.Range, "%s has no instruction %q for shared memory", m.Name, a.Instruction)
	}
	e := a.Elements
	if e.Size() == 0 || l.Size() == 0 {
		return nil, failf(op, layout.Profile, "%s has no layout", a.name())
	}
	if e.Rank() < 2 || e.Shape().IsInt() {
		return nil, failf(op, layout.Profile, "%v has one mode; an access has the elements of a lane, the lanes, and repetitions", e)
	}
	s := &stream{access: a, in: in, weight: max(a.Weight, 1), repetitions: 1}
	if a.Weight < 0 || a.Weight > maxWeight {
		return nil, failf(op, layout.Range, "%s has weight %d, which is not within [0, %d]", a.name(), a.Weight, maxWeight)
	}
	if e.Size() > maxElements {
		return nil, failf(op, layout.Range, "%s touches %d elements; at most %d are counted", a.name(), e.Size(), maxElements)
	}
	vector, lanes := e.Mode(0).Size(), e.Mode(1).Size()
	if lanes != int64(in.Lanes) {
		return nil, failf(op, layout.Range, "%s has %d lanes; %d give an address to %s", a.name(), lanes, in.Lanes, in.Name)
	}
	if int64(in.Bytes)*8%vector != 0 {
		return nil, failf(op, layout.Divisibility, "%s has %d elements in the %d bytes of %s", a.name(), vector, in.Bytes, in.Name)
	}
	s.bits = int64(in.Bytes) * 8 / vector
	s.granule = max(int64(in.Align), WordBytes)
	s.pieces = max(int64(in.Bytes)/s.granule, 1)
	s.repetitions = e.Size() / vector / lanes

	low := l.Offset()
	sizes, strides := l.Leaves()
	for i, d := range strides {
		low += (sizes[i] - 1) * min(d, 0)
	}
	if low < 0 {
		return nil, failf(op, layout.Range, "%v reaches down to the offset %d", l, low)
	}
	done, err := s.affine(op, l)
	if err != nil || done {
		return s, err
	}
	plain, err := withoutSwizzle(l)
	if err == nil {
		err = s.evaluate(op, plain)
	}
	return s, err
}

// openSwizzled is open, with the swizzle that is still to be applied. What the strides alone tear apart the swizzle may
// put together again: then the addresses are those behind it.
func openSwizzled(op string, m *Machine, a *Access, l layout.Layout) (*stream, layout.Swizzle, error) {
	s, err := open(op, m, a, l)
	if err != nil && s != nil && !l.Swizzle().IsIdentity() {
		s.lanes, s.steps = nil, nil
		return s, layout.Swizzle{}, s.evaluate(op, l)
	}
	return s, l.Swizzle(), err
}

// withoutSwizzle is the layout before its swizzle.
func withoutSwizzle(l layout.Layout) (layout.Layout, error) {
	if l.Swizzle().IsIdentity() {
		return l, nil
	}
	plain, err := layout.New(l.Shape(), l.Stride())
	if err != nil {
		return layout.Layout{}, err
	}
	return layout.Shift(plain, l.Offset())
}

func (a *Access) name() string {
	if a.Name != "" {
		return a.Name
	}
	return a.Instruction
}

// affine finds the addresses as a sum of a part for the lane and one for the repetition. It says false where digits of
// the access cross extents of the layout with a carry, so that there may be no such sum.
func (s *stream) affine(op string, l layout.Layout) (bool, error) {
	e := s.access.Elements
	if !e.Swizzle().IsIdentity() || e.Offset() < 0 {
		return false, nil
	}
	t := newTarget(l)
	constant, ok := t.add(2, e.Offset()) // the offset is a digit of two positions, of which the second is taken
	if !ok || len(constant) > 1 {
		return false, nil
	}
	at := l.Offset()
	for _, d := range constant {
		at += d.step
	}
	sizes, strides := e.Leaves()
	var parts [3][]digit // elements, lanes, repetitions
	leaf := 0
	for mode := range e.Rank() {
		for range e.Shape().Mode(mode).Leaves() {
			digits, ok := t.add(sizes[leaf], strides[leaf])
			if !ok {
				return false, nil
			}
			parts[min(mode, 2)] = append(parts[min(mode, 2)], digits...)
			leaf++
		}
	}
	for k, n := range t.sizes {
		if t.reach[k] >= n {
			return false, nil
		}
	}
	run := s.bits
	for _, d := range parts[0] {
		if d.step != run {
			return false, s.apart(op, l)
		}
		run *= d.size
	}
	unit := 8 * int64(s.in.Align)
	for _, ds := range [][]digit{parts[1], parts[2], {{2, at}}} {
		for i := range ds {
			if ds[i].step%unit != 0 {
				return false, s.misaligned(op, l)
			}
			ds[i].step /= 8
		}
	}
	s.start = at / 8
	s.steps = parts[2]
	s.lanes = expand(parts[1])
	return true, nil
}

func (s *stream) apart(op string, l layout.Layout) error {
	return failf(op, layout.Divisibility, "the elements of a lane of %s do not lie side by side in %v", s.access.name(), l)
}

func (s *stream) misaligned(op string, l layout.Layout) error {
	return failf(op, layout.Divisibility, "an address of %s in %v is no multiple of %d bytes", s.access.name(), l, s.in.Align)
}

// expand lists the sums of digits, the first fastest.
func expand(digits []digit) []int64 {
	values := []int64{0}
	for _, d := range digits {
		n := len(values)
		for i := int64(1); i < d.size; i++ {
			for _, v := range values[:n] {
				values = append(values, v+i*d.step)
			}
		}
	}
	return values
}

// A target is a layout in whose coordinates the digits of an access are written.
type target struct {
	sizes, strides []int64
	reach          []int64 // the largest coordinate along each extent
}

func newTarget(l layout.Layout) *target {
	sizes, strides := l.Leaves()
	return &target{sizes, strides, make([]int64, len(sizes))}
}

// add splits a digit, whose step counts elements, into digits that each stay within the layout's extents.
func (t *target) add(size, step int64) ([]digit, bool) {
	if size == 1 {
		return nil, true
	}
	if step == 0 {
		return []digit{{size, 0}}, true
	}
	if step < 0 {
		return nil, false
	}
	count, last := 0, 0
	var coefficients [16]int64
	if len(t.sizes) > len(coefficients) {
		return nil, false
	}
	rest := step
	for k, n := range t.sizes {
		if coefficients[k] = rest % n; coefficients[k] != 0 {
			count, last = count+1, k
		}
		rest /= n
	}
	if rest != 0 {
		return nil, false
	}
	if count == 1 {
		k := last
		if a, n := coefficients[k], t.sizes[k]; (size-1)*a >= n {
			if n%a != 0 || size%(n/a) != 0 || k == len(t.sizes)-1 {
				return nil, false
			}
			room := n / a
			t.reach[k] += (room - 1) * a
			more, ok := t.add(size/room, step*room)
			if room == 1 {
				return more, ok
			}
			return append([]digit{{room, a * t.strides[k]}}, more...), ok
		}
	}
	d := digit{size: size}
	for k := range t.sizes {
		if coefficients[k] != 0 {
			if (size - 1) > t.sizes[k]/coefficients[k] {
				return nil, false
			}
			t.reach[k] += (size - 1) * coefficients[k]
			d.step += coefficients[k] * t.strides[k]
		}
	}
	return []digit{d}, true
}

// evaluate finds the addresses one by one, and refuses what affine could not judge.
func (s *stream) evaluate(op string, l layout.Layout) error {
	e := s.access.Elements
	vector, lanes := e.Mode(0).Size(), int64(s.in.Lanes)
	unit := 8 * int64(s.in.Align)
	values := e.Values()
	s.table = make([][]int64, s.repetitions)
	flat := make([]int64, s.repetitions*lanes)
	for r := range s.table {
		s.table[r], flat = flat[:lanes:lanes], flat[lanes:]
		for lane := range s.table[r] {
			first := int64(0)
			for v := range vector {
				x := values[v]
				if x < 0 || x >= l.Size() {
					return failf(op, layout.Range, "%s touches element %d; the tile has %d", s.access.name(), x, l.Size())
				}
				if at := l.At(x); v == 0 {
					first = at
				} else if at != first+v*s.bits {
					return s.apart(op, l)
				}
			}
			values = values[vector:]
			if first%unit != 0 {
				return s.misaligned(op, l)
			}
			s.table[r][lane] = first / 8
		}
	}
	return nil
}

// A class is a set of repetitions that meet the same conflicts.
type class struct {
	lanes []int64 // addresses of the lanes, without what the repetition adds
	shift
}

// classes are the repetitions by the conflicts they meet: those of which like gives one number. Addresses that are not
// sums are all looked at.
func (s *stream) classes(like func(at int64) int64) []class {
	if s.table != nil {
		list := make([]class, len(s.table))
		for r, row := range s.table {
			list[r] = class{row, shift{0, 1, int64(r)}}
		}
		return list
	}
	shifts := s.shifts(like)
	list := make([]class, len(shifts))
	for i, x := range shifts {
		list[i] = class{s.lanes, x}
	}
	return list
}

// A shift is the part of an address that a repetition adds, with how many repetitions add the like of it and which is
// the first.
type shift struct {
	at, times, first int64
}

// shifts are the repetitions' parts, of which those that like maps to the same number count as one.
func (s *stream) shifts(like func(at int64) int64) []shift {
	var list []shift
	index := make([]int64, len(s.steps))
	at := s.start
	for r := range s.repetitions {
		if x := like(at); len(list) > 0 && list[len(list)-1].at == x {
			list[len(list)-1].times++
		} else {
			list = append(list, shift{x, 1, r})
		}
		for k, d := range s.steps {
			index[k]++
			at += d.step
			if index[k] < d.size {
				break
			}
			at -= d.size * d.step
			index[k] = 0
		}
	}
	slices.SortFunc(list, func(a, b shift) int {
		if a.at != b.at {
			return cmp.Compare(a.at, b.at)
		}
		return cmp.Compare(a.first, b.first)
	})
	merged := list[:0]
	for _, x := range list {
		if n := len(merged); n > 0 && merged[n-1].at == x.at {
			merged[n-1].times += x.times
		} else {
			merged = append(merged, x)
		}
	}
	return merged
}

// alike says which repetitions meet the same conflicts under every linear swizzle of the low bits of an address: bits
// above do not reach the banks, and a part without a carry into a lane's address moves all lanes alike.
func (s *stream) alike(low int) func(int64) int64 {
	var used, most int64
	for _, x := range s.lanes {
		used |= x
		most = max(most, x)
	}
	mask := int64(1)<<low - 1
	return func(at int64) int64 {
		at &= mask
		if at&used == 0 {
			if s.in.Bytes < WordBytes {
				return at & (WordBytes - 1)
			}
			return 0
		}
		for k := bits.Len64(uint64(most)); k < low; k++ {
			if x := at & (1<<k - 1); most+x < 1<<k {
				return x
			}
		}
		return at
	}
}

// below are the classes by alike, which are found once.
func (s *stream) below(low int) []class {
	for len(s.known) <= low {
		s.known = append(s.known, nil)
	}
	if s.known[low] == nil {
		s.known[low] = s.classes(s.alike(low))
	}
	return s.known[low]
}

// moved is like alike without a swizzle: then every move by whole words turns the banks round.
func (s *stream) moved(at int64) int64 { return at & (WordBytes - 1) }

// turned is like alike under a rotation of the chunks of rows. A repetition adds some rows and columns: how far chunks
// turn depends on the sum of its columns' chunks and its steps of rows, and unless a lane's chunk comes past the end of
// its row all lanes move alike. No sum of columns may reach beyond the row.
func (s *stream) turned(unit, radix, step int64) func(int64) int64 {
	pitch := unit * radix
	most := int64(0)
	for _, x := range s.lanes {
		most = max(most, x%pitch/unit+(x/pitch+step-1)/step+1) // one for a carry within chunks
	}
	return func(at int64) int64 {
		row, column := at/pitch, at%pitch
		turn := (row/step + column/unit) % radix
		if turn+most < radix {
			turn = 0
		}
		return (row%step+turn*step)*pitch + column%unit
	}
}

// Of is the access by which the lanes move the elements that a distribution gives them, from or to a tile of this
// layout, whose offsets are bits and whose elements have so many bits: by the widest instruction, of at most limit
// bytes, for which the elements of registers lie side by side. The registers that are left, and the warps, are its
// repetitions, in this order; replicas in registers move once. Of several blocks the first counts.
func Of(m *Machine, write bool, d layout.Distribution, tile layout.Layout, elementBits int64, limit int) (Access, error) {
	const op = "access"
	if elementBits < 1 || elementBits > 128 {
		return Access{}, failf(op, layout.Range, "elements of %d bits", elementBits)
	}
	size := int64(1)
	for _, n := range d.Tile() {
		size *= n
	}
	if size != tile.Size() {
		return Access{}, failf(op, layout.Profile, "%v has %d elements and %v has %d", d, size, tile, tile.Size())
	}
	l := d.Layout()
	if !l.Swizzle().IsIdentity() {
		return Access{}, failf(op, layout.Nonlinear, "%v has a swizzle", d)
	}
	// The digits of the registers, of which those that go on side by side make up the vector.
	sizes, strides := l.Mode(int(layout.Register)).Leaves()
	var register []digit
	for i, n := range sizes {
		if n > 1 && strides[i] != 0 {
			register = append(register, digit{n, strides[i]})
		}
	}
	var why error // of the narrowest access that there is
	for bytes := limit; bytes > 0; {
		in, ok := m.Widest(write, bytes)
		if !ok {
			break
		}
		bytes = in.Bytes - 1
		vector, rest, ok := cut(register, tile, elementBits, int64(in.Bytes)*8)
		if !ok {
			continue
		}
		shape := []layout.Tuple{tuple(vector, 0), l.Shape().Mode(int(layout.Lane)), tuple(rest, 0), l.Shape().Mode(int(layout.Warp))}
		stride := []layout.Tuple{tuple(vector, 1), l.Stride().Mode(int(layout.Lane)), tuple(rest, 1), l.Stride().Mode(int(layout.Warp))}
		e, err := layout.New(layout.List(shape...), layout.List(stride...))
		if err != nil {
			return Access{}, err
		}
		if e, err = layout.Shift(e, l.Offset()); err != nil {
			return Access{}, err
		}
		a := Access{Instruction: in.Name, Elements: e}
		if _, err := open(op, m, &a, tile); err != nil {
			why = err
			continue // narrower accesses need less alignment
		}
		return a, nil
	}
	if why != nil {
		return Access{}, why
	}
	return Access{}, failf(op, layout.Divisibility, "no instruction of %s of at most %d bytes moves elements of %d bits of %v", m.Name, limit, elementBits, tile)
}

// cut takes the digits out of a register that make up a vector of so many bits.
func cut(register []digit, tile layout.Layout, elementBits, vectorBits int64) (vector, rest []digit, ok bool) {
	if vectorBits%elementBits != 0 {
		return nil, nil, false
	}
	rest = slices.Clone(register)
	for need := vectorBits / elementBits; need > 1; {
		run := elementBits * (vectorBits / elementBits / need)
		i := slices.IndexFunc(rest, func(d digit) bool { return tile.At(d.step)-tile.At(0) == run })
		if i < 0 {
			return nil, nil, false
		}
		d := rest[i]
		take := min(d.size, need)
		if need%take != 0 || d.size%take != 0 {
			return nil, nil, false
		}
		vector = append(vector, digit{take, d.step})
		if d.size == take {
			rest = slices.Delete(rest, i, i+1)
		} else {
			rest[i] = digit{d.size / take, d.step * take}
		}
		need /= take
	}
	return vector, rest, true
}

// tuple is the list of the sizes (0) or steps (1) of digits; at least one.
func tuple(digits []digit, which int) layout.Tuple {
	list := make([]int64, 0, len(digits)+1)
	for _, d := range digits {
		list = append(list, [2]int64{d.size, d.step}[which])
	}
	if len(list) == 0 {
		list = append(list, int64(1-which))
	}
	if len(list) == 1 {
		return layout.Int(list[0])
	}
	return layout.Ints(list...)
}
