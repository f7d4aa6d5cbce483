package fragment

import "github.com/tilec/tilec/ir/layout"

// A Reading is how a run of wgmma reads an operand that lies in shared memory: the form of one instruction, and where
// each step along k starts.
type Reading struct {
	Form   Canonical
	Starts []int64 // bytes from the operand's base, one a step of 32 bytes of k
}

// Descriptor is the descriptor of a step for an operand whose base is at a shared address, which must be a multiple of
// the mode's alignment.
func (r Reading) Descriptor(base int64, step int) (Descriptor, error) {
	if step < 0 || step >= len(r.Starts) {
		return Descriptor{}, failf("descriptor", layout.Range, "step %d of %d", step, len(r.Starts))
	}
	if a := r.Form.Mode.Alignment(); base%a != 0 {
		return Descriptor{}, failf("descriptor", Alignment, "the base %d of a matrix with swizzle %v is no multiple of %d", base, r.Form.Mode, a)
	}
	d := Descriptor{Start: base + r.Starts[step], LBO: r.Form.LBO, SBO: r.Form.SBO, Mode: r.Form.Mode}
	_, err := d.Encode()
	return d, err
}

// maxEvaluated bounds the indices that Describe evaluates one by one.
const maxEvaluated = 1 << 20

// Describe finds how wgmma reads an operand of elements of so many bits by descriptors. The layout has two modes, rows
// of m or n (64 for A, the instruction's n for B) and elements along k, a multiple of 256/bits; its offsets are in bits
// from a base that is a multiple of the mode's alignment. The answer is exact: at every step the descriptor's form,
// moved to the step's start, is the layout on that step's elements. The error names the first condition that fails.
func Describe(l layout.Layout, bits int64) (Reading, error) {
	const op = "descriptor"
	if l.Rank() != 2 {
		return Reading{}, failf(op, layout.Profile, "%v has %d modes; an operand has rows and k", l, l.Rank())
	}
	if bits != 1 && bits != 8 && bits != 16 && bits != 32 {
		return Reading{}, failf(op, layout.Range, "wgmma reads no elements of %d bits from shared memory", bits)
	}
	mn, k := l.Mode(0).Size(), l.Mode(1).Size()
	if k%(256/bits) != 0 {
		return Reading{}, failf(op, layout.Divisibility, "%d elements of %d bits along k are no multiple of the %d of an instruction", k, bits, 256/bits)
	}
	if mn%8 != 0 || mn > 256 {
		return Reading{}, failf(op, layout.Divisibility, "%d rows: an instruction takes a multiple of 8 up to 256", mn)
	}
	if k > maxEvaluated/256 {
		return Reading{}, failf(op, Limit, "%d elements along k exceed %d", k, maxEvaluated/256)
	}
	var first error
	tried := [len(modes)]bool{}
	for i, m := range modes {
		if l.Swizzle().Equal(m.OfBits()) {
			tried[i] = true
			rows, along, err := sides(l)
			var r Reading
			if err == nil {
				r, err = describe(m, bits, rows, along)
			}
			if err == nil {
				return r, nil
			}
			first = err
		}
	}
	// The same function may be written with another swizzle, where bits that it reads are never set.
	values := l.Values()
	for i, m := range modes {
		if tried[i] {
			continue
		}
		rows, along, ok := separate(values, m, int(mn))
		if !ok {
			continue
		}
		if r, err := describe(m, bits, rows, along); err == nil {
			return r, nil
		} else if first == nil {
			first = err
		}
	}
	if first == nil {
		first = failf(op, NoForm, "%v is not the swizzle of a mode, swizzle(b,7,3) of bits with b up to 3, and no mode's undoes it", l.Swizzle())
	}
	return Reading{}, first
}

// sides are the offsets before the swizzle of the first column and of the first row.
func sides(l layout.Layout) (rows, along []int64, err error) {
	_, strides := l.Leaves()
	for _, s := range strides {
		if s < 0 {
			return nil, nil, failf("descriptor", layout.Range, "%v has the negative stride %d", l, s)
		}
	}
	rows, along = l.Mode(0).Values(), l.Mode(1).Values()
	for _, side := range [][]int64{rows, along} {
		for i := range side {
			side[i] += l.Offset()
		}
	}
	return rows, along, nil
}

// separate undoes a mode's swizzle in the offsets of all indices, the rows fastest, and returns the first column and
// row; false where the others are not their sums.
func separate(values []int64, m Mode, mn int) (rows, along []int64, ok bool) {
	s := m.OfBits()
	linear := make([]int64, len(values))
	for i, v := range values {
		if v < 0 {
			return nil, nil, false
		}
		linear[i] = s.At(v)
	}
	rows = linear[:mn]
	for i := 0; i < len(linear); i += mn {
		along = append(along, linear[i])
		for j := range mn {
			if linear[i+j]-linear[i] != rows[j]-rows[0] {
				return nil, nil, false
			}
		}
	}
	return rows, along, true
}

// describe finds the form of a mode whose sides these are, in bits before the swizzle.
func describe(m Mode, bits int64, rows, along []int64) (Reading, error) {
	const op = "descriptor"
	mn, perStep := int64(len(rows)), 256/bits
	c := Canonical{Mode: m, Bits: bits, MN: mn, K: perStep, LBO: 16, SBO: 8 * m.Span()}
	t := 128 / bits
	switch {
	case contiguous(along[:t], bits):
	case bits == 16 && contiguous(rows[:t], bits):
		c.Major = MajorMN
	case contiguous(rows[:min(t, mn)], bits):
		return Reading{}, failf(op, NoForm, "elements of %d bits lie side by side along the rows; only those of 16 bits may", bits)
	default:
		return Reading{}, failf(op, NoForm, "no 16 bytes lie side by side: along the rows elements are %d bits apart, along k %d", rows[1]-rows[0], along[1]-along[0])
	}
	// The two distances, where the operand reaches that far; others are not read.
	distance := func(side []int64, at int64, to *int64) error {
		if at >= int64(len(side)) {
			return nil
		}
		d := side[at] - side[0]
		if d%128 != 0 || d < 0 {
			return failf(op, Alignment, "elements %d and 0 lie %d bits apart; the distance is a multiple of 16 bytes", at, d)
		}
		if *to = d / 8; *to >= fieldBytes {
			return failf(op, Limit, "a distance of %d bytes does not fit the descriptor, which holds up to %d", *to, fieldBytes-16)
		}
		return nil
	}
	var err error
	switch {
	case c.Major == MajorK && m == NoSwizzle:
		c.SBO = 128
		if err = distance(rows, 8, &c.SBO); err == nil {
			err = distance(along, t, &c.LBO)
		}
	case c.Major == MajorK:
		err = distance(rows, 8, &c.SBO)
	case m == NoSwizzle:
		c.SBO = 128
		if err = distance(rows, t, &c.SBO); err == nil {
			err = distance(along, 8, &c.LBO)
		}
	default:
		if err = distance(rows, 8*m.Span()/bits, &c.LBO); err == nil {
			err = distance(along, 8, &c.SBO)
		}
	}
	if err != nil {
		return Reading{}, err
	}
	form, err := c.linear()
	if err != nil {
		return Reading{}, err
	}
	if i := mismatch(rows, form.Mode(0).Values()); i >= 0 {
		return Reading{}, failf(op, NoForm, "row %d lies %d bits behind row 0; %s-major with swizzle %v has it at %d", i, rows[i]-rows[0], c.Major, m, form.Mode(0).At(int64(i)))
	}
	r := Reading{Form: c, Starts: make([]int64, 0, len(along)/int(perStep))}
	inside := form.Mode(1).Values()
	for at := int64(0); at < int64(len(along)); at += perStep {
		if i := mismatch(along[at:at+perStep], inside); i >= 0 {
			return Reading{}, failf(op, NoForm, "element %d along k lies %d bits behind element %d; %s-major with swizzle %v has it at %d", at+int64(i), along[at+int64(i)]-along[at], at, c.Major, m, inside[i])
		}
		start := rows[0] + along[at] - along[0]
		if start%128 != 0 || start < 0 {
			return Reading{}, failf(op, Alignment, "element %d along k starts at bit %d, no multiple of 16 bytes", at, start)
		}
		// The pattern is that of the absolute address: a start may move within the span, or by whole patterns.
		if start/8%m.Alignment() >= m.Span() && m != NoSwizzle {
			return Reading{}, failf(op, Alignment, "element %d along k starts at byte %d, which is neither in the first span of %d bytes nor a multiple of %d", at, start/8, m.Span(), m.Alignment())
		}
		r.Starts = append(r.Starts, start/8)
	}
	return r, nil
}

// contiguous tells whether elements lie side by side.
func contiguous(side []int64, bits int64) bool {
	for i, v := range side {
		if v-side[0] != int64(i)*bits {
			return false
		}
	}
	return true
}

// mismatch is the first index at which a side is not a form's, which starts at 0; -1 where there is none.
func mismatch(side, form []int64) int {
	for i, v := range form {
		if side[i]-side[0] != v {
			return i
		}
	}
	return -1
}
