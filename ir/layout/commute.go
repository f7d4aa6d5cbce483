package layout

import "math/bits"

// outside is the swizzle t with a∘s = t∘a at all offsets of b, where a goes without its own swizzle; it names the
// condition that a does not meet.
func (a Layout) outside(s Swizzle, b Layout) (Swizzle, error) {
	if !s.IsLinear() {
		return a.turned(s, b)
	}
	touched := s.touched()
	lowest, highest := bits.TrailingZeros64(uint64(touched)), bits.Len64(uint64(touched))
	// The index in parts: what lies below the bits that s touches, these one by one, what lies above.
	shape := []int64{1 << lowest}
	step := []int64{1}
	for k := lowest; k < highest; k++ {
		shape, step = append(shape, 2), append(step, 1<<k)
	}
	high := b.high | touched
	if above := high >> highest; above > 0 {
		shape, step = append(shape, above+1), append(step, 1<<highest)
	}
	parts, err := a.parts(shape, step, high>>highest > 0)
	if err != nil {
		return Swizzle{}, failf(Nonlinear, "%v moves index bits %d to %d of %v, which does not keep them apart: %v", s, lowest, highest-1, a, err)
	}
	place := make([]int, highest)
	for k := lowest; k < highest; k++ {
		if touched>>k&1 == 0 {
			continue
		}
		stride := parts.strides[k-lowest+parts.skip]
		if stride <= 0 || stride&(stride-1) != 0 {
			return Swizzle{}, failf(Nonlinear, "%v moves index bit %d of %v, whose stride there is %d, no power of two", s, k, a, stride)
		}
		place[k] = bits.TrailingZeros64(uint64(stride))
		// Nothing else changes that bit of the offset, or carries into it.
		modulus := stride * 2
		sum := modulo(a.offset, modulus)
		for i, size := range parts.sizes {
			if i == k-lowest+parts.skip {
				continue
			}
			far, ok := multiply(size-1, modulo(parts.strides[i], modulus))
			if ok {
				sum, ok = add(sum, far)
			}
			if !ok || sum >= stride {
				return Swizzle{}, failf(Nonlinear, "%v moves index bit %d of %v, whose stride is %d, and other strides or the offset change that bit of the sum", s, k, a, stride)
			}
		}
	}
	top := 0
	for k := lowest; k < highest; k++ {
		if touched>>k&1 != 0 {
			top = max(top, place[k]+1)
		}
	}
	columns := make([]int64, top)
	for p := range columns {
		columns[p] = 1 << p
	}
	for k := lowest; k < highest; k++ {
		for moved := s.Column(k) ^ 1<<k; moved != 0; moved &= moved - 1 {
			columns[place[k]] ^= 1 << place[bits.TrailingZeros64(uint64(moved))]
		}
	}
	return Linear(columns)
}

// parts are the strides of a, without its swizzle, of parts of the index that add without a carry. The first part of
// the index may have become several: skip is the number of leaves before the second.
type parts struct {
	sizes, strides []int64
	skip           int
}

// parts splits the index of a by shape and step. An open last part, which does not split like a's extents, is made
// longer, up to a's size.
func (a Layout) parts(shape, step []int64, open bool) (parts, error) {
	split := func() (Layout, error) {
		b, err := New(Ints(shape...), Ints(step...))
		if err != nil {
			return Layout{}, err
		}
		return composeStrides(a, b)
	}
	l, err := split()
	if last := len(shape) - 1; err != nil && open && a.size%step[last] == 0 && a.size/step[last] > shape[last] {
		shape[last] = a.size / step[last]
		l, err = split()
	}
	if err != nil {
		return parts{}, err
	}
	return parts{l.sizes, l.strides, len(l.shape.Mode(0).Leaves())}, nil
}

// turned is outside for a rotation: chunks and rows of a's index become chunks and rows of its offsets.
func (a Layout) turned(s Swizzle, b Layout) (Swizzle, error) {
	r := s.rotation
	row := r.unit * r.radix
	rows := b.high/row/r.step + 1
	p, err := a.parts([]int64{r.unit, r.radix, r.step, rows}, []int64{1, r.unit, row, row * r.step}, true)
	if err != nil {
		return Swizzle{}, failf(Nonlinear, "%v does not keep apart the chunks and rows of %v: %v", a, s, err)
	}
	chunk := p.skip // the leaf of chunks within a row
	unit := p.strides[chunk]
	if unit < 1 || p.sizes[chunk] != r.radix {
		return Swizzle{}, failf(Nonlinear, "the %d chunks of %v do not lie at one stride in %v", r.radix, s, a)
	}
	// Within a chunk all offsets stay below the next.
	inner := int64(0)
	for i := range chunk {
		far, ok := multiply(p.sizes[i]-1, p.strides[i])
		if ok {
			inner, ok = add(inner, far)
		}
		if !ok || p.strides[i] < 0 || inner >= unit {
			return Swizzle{}, failf(Nonlinear, "a chunk of %v reaches into the next one in %v", s, a)
		}
	}
	wide, ok := multiply(unit, r.radix)
	if !ok {
		return Swizzle{}, failf(Overflow, "the rows of %v in %v do not fit", s, a)
	}
	// Rows lie at multiples of the row's width; every step rows turn by one chunk.
	var within, step int64
	size := int64(1)
	for i := chunk + 1; i < len(p.sizes); i++ {
		v := p.strides[i] / wide
		if p.strides[i]%wide != 0 || v < 0 {
			return Swizzle{}, failf(Nonlinear, "the rows of %v lie at the stride %d in %v, no multiple of their width %d there", s, p.strides[i], a, wide)
		}
		if size < r.step {
			within += v * (p.sizes[i] - 1)
		} else if p.sizes[i] > 1 {
			if step == 0 {
				step = v
			}
			if v == 0 || v%step != 0 || (v/step-size/r.step)%r.radix != 0 {
				return Swizzle{}, failf(Nonlinear, "the rows of %v turn by one chunk every %d, and lie unevenly in %v", s, r.step, a)
			}
		}
		size *= p.sizes[i]
	}
	if step == 0 {
		return Swizzle{}, nil
	}
	t, err := Rotation(unit, r.radix, step)
	if err != nil {
		return Swizzle{}, err
	}
	if within >= step {
		return Swizzle{}, failf(Nonlinear, "rows of %v that turn alike lie too far apart in %v", s, a)
	}
	if period := t.period(); period == 0 || a.offset%period != 0 {
		return Swizzle{}, failf(Nonlinear, "the offset %d of %v is no multiple of the period of %v there", a.offset, a, t)
	}
	return t, nil
}
