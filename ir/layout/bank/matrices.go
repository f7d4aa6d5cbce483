package bank

import (
	"strings"

	"github.com/tilec/tilec/ir/layout"
)

// Matrices is the access by which ldmatrix or stmatrix moves the elements that a distribution gives the lanes of a warp,
// from or to a tile of this layout, whose offsets are bits and whose elements have so many bits. The instruction is one
// of the machine's, such as ldmatrix.x4, or ldmatrix or stmatrix for the one of the most matrices that fits. Where the
// rows of the 8x8 matrices of 16 bits do not lie side by side in memory, but their columns do, it is the transposing
// form (.trans), which reads the same banks otherwise. Registers that are left, and warps, are repetitions.
//
// Register m of lane l holds bits 32(l%4) to 32(l%4)+31 of row l/4 of matrix m, whose 16 bytes lane 8m + l/4 addresses;
// in the transposing form the elements of rows 2(l%4) and 2(l%4)+1 in column l/4. (PTX ISA, ldmatrix.)
func Matrices(m *Machine, instruction string, d layout.Distribution, tile layout.Layout, elementBits int64) (Access, error) {
	const op = "access"
	var names []string
	if base, count, ok := strings.Cut(instruction, "."); ok {
		names = []string{base + "." + count}
	} else {
		names = []string{base + ".x4", base + ".x2", base + ".x1"}
	}
	if elementBits < 1 || elementBits > 32 || 32%elementBits != 0 {
		return Access{}, failf(op, layout.Divisibility, "%s moves registers of 32 bits, which elements of %d bits do not fill", instruction, elementBits)
	}
	if size, ok := layout.Ints(d.Tile()...).Product(); !ok || size != tile.Size() {
		return Access{}, failf(op, layout.Profile, "the tile of %v does not have the %d elements of %v", d, tile.Size(), tile)
	}
	l := d.Layout()
	if !l.Swizzle().IsIdentity() {
		return Access{}, failf(op, layout.Nonlinear, "%v has a swizzle", d)
	}
	register, lane := digitsOf(l.Mode(int(layout.Register)), false), digitsOf(l.Mode(int(layout.Lane)), true)
	slots, registers, ok := take(register, 32/elementBits)
	quad, rows, also := take(lane, 4)
	if !ok || !also || d.Count(layout.Lane) != 32 {
		return Access{}, failf(op, layout.Divisibility, "%v does not give registers of 32 bits to 8 rows of 4 lanes", d)
	}
	var first error
	for _, name := range names {
		in, ok := m.Instruction(name)
		if !ok {
			return Access{}, failf(op, layout.Range, "%s has no instruction %q for shared memory", m.Name, name)
		}
		matrices, rest, ok := take(registers, int64(in.Lanes)/8)
		if !ok {
			if first == nil {
				first = failf(op, layout.Divisibility, "%v has no whole number of registers for the %d matrices of %s", d, in.Lanes/8, name)
			}
			continue
		}
		forms := [][2][]digit{{join(slots, quad), join(rows, matrices)}}
		if elementBits == 16 {
			forms = append(forms, [2][]digit{rows, join(slots, quad, matrices)})
		}
		for i, form := range forms {
			warps := l.Mode(int(layout.Warp))
			shape := layout.List(tuple(form[0], 0), tuple(form[1], 0), tuple(rest, 0), warps.Shape())
			stride := layout.List(tuple(form[0], 1), tuple(form[1], 1), tuple(rest, 1), warps.Stride())
			e, err := layout.New(shape, stride)
			if err == nil {
				e, err = layout.Shift(e, l.Offset())
			}
			if err != nil {
				return Access{}, err
			}
			a := Access{Instruction: name, Elements: e}
			if i > 0 {
				a.Name = name + ".trans"
			}
			if _, err = Degree(m, a, tile); err == nil {
				return a, nil
			}
			if first == nil {
				first = err
			}
		}
	}
	return Access{}, first
}

// digitsOf are the digits of a mode, with or without those along which all positions are the same.
func digitsOf(l layout.Layout, replicas bool) []digit {
	var digits []digit
	sizes, strides := l.Leaves()
	for i, n := range sizes {
		if n > 1 && (replicas || strides[i] != 0) {
			digits = append(digits, digit{n, strides[i]})
		}
	}
	return digits
}

// take splits digits into those of the first n positions and the others.
func take(digits []digit, n int64) (head, rest []digit, ok bool) {
	for i, d := range digits {
		switch {
		case n == 1:
			return head, digits[i:], true
		case n%d.size == 0:
			head = append(head, d)
			n /= d.size
		case d.size%n == 0:
			head = append(head, digit{n, d.step})
			return head, append([]digit{{d.size / n, d.step * n}}, digits[i+1:]...), true
		default:
			return nil, nil, false
		}
	}
	return head, nil, n == 1
}

func join(lists ...[]digit) []digit {
	var all []digit
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}
