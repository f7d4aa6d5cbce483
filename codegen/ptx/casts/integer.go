package casts

import (
	"math"

	"github.com/tilec/tilec/ir/dtype"
)

// fields are bits low to low+n of the code of an element, brought to bit dst of a register: by plane, cut where they do not lie together.
func (s *Sequence) fields(element, low, n, dst int, parts [][]field) {
	for bit := low; bit < low+n; {
		plane := s.plane(bit)
		f := field{src: s.Bit(element, bit), dst: dst + bit - low, width: 1}
		for next := bit + 1; next < low+n && s.plane(next) == plane && s.Bit(element, next) == f.src+f.width && (f.src+f.width)%32 != 0; next++ {
			f.width++
		}
		parts[plane] = append(parts[plane], f)
		bit += f.width
	}
}

// gatherForm is what one register gathers of its elements: n bits of each code from bit low on, brought to bit at[lane] of its
// lane. Bits of one plane want to come from one copy.
func (s *Sequence) gatherForm(elements []int, low, n int, at []int, flip uint32, tag int) form {
	parts := make([][]field, len(s.Planes))
	width := 32 / len(elements)
	for lane, e := range elements {
		s.fields(e, low, n, lane*width+at[lane], parts)
	}
	f := form{flip: flip, tag: tag}
	for _, p := range parts {
		if len(p) > 0 {
			f.parts = append(f.parts, p)
		}
	}
	return f
}

// lanesOf are the elements of a register of the given number of lanes.
func lanesOf(k, lanes int) []int {
	out := make([]int, lanes)
	for i := range out {
		out[i] = k*lanes + i
	}
	return out
}

// repeat is n times x.
func repeat(x, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = x
	}
	return out
}

// integer describes the codes of an integer or bipolar type: the value is weight * (code ^ flip) - offset.
type integer struct {
	flip, weight, offset int
}

func integerOf(t dtype.Type) integer {
	w := int(t.Width)
	switch t.Kind {
	case dtype.IntKind:
		return integer{1 << (w - 1), 1, 1 << (w - 1)}
	case dtype.BipolarKind:
		return integer{0, 2, 1<<w - 1}
	}
	return integer{0, 1, 0}
}

// magic is a place for codes in the mantissa of a float: the field's lowest bit at bit at, under the bits of a power of two
// whose bit at is worth the codes' weight. Subtracting the value of sub leaves the code's.
type magic struct {
	at        []int
	flip, sub uint32
}

// magics are the places in which codes of w bits can stand, for the lanes of a register.
func magics(t, to dtype.Type, lanes int, uniform bool) []magic {
	n := integerOf(t)
	man, w := int(to.Man), int(t.Width)
	type place struct {
		at        int
		flip, sub uint32
	}
	var single []place
	for p := 0; p+w <= man; p++ {
		exp := man - p
		if n.weight == 2 {
			exp++
		}
		sub := math.Ldexp(1, exp) + float64(n.offset)
		if !to.Has64(sub) {
			continue
		}
		single = append(single, place{p, uint32(exp+int(to.Bias))<<man | uint32(n.flip)<<p, uint32(to.Encode(sub, dtype.NearestEven, dtype.ToInf))})
	}
	var out []magic
	for _, a := range single {
		if lanes == 1 {
			out = append(out, magic{[]int{a.at}, a.flip, a.sub})
			continue
		}
		for _, c := range single {
			if !uniform || a == c {
				out = append(out, magic{[]int{a.at, c.at}, a.flip | c.flip<<16, a.sub | c.sub<<16})
			}
		}
	}
	return out
}

// integers are the recipes from integers to f16, bf16 and f32.
func integers(from, to dtype.Type, order Order) []recipe {
	if to == dtype.F32 {
		return []recipe{func(b *builder) {
			b.finish(b.magicRegisters(to, singly(b.s)))
		}}
	}
	var all []recipe
	add := func(pairs func(b *builder, pairs [][]int) []Operand) {
		all = append(all, func(b *builder) { b.finish(pairs(b, adjacent(b.s))) })
		if order == Stream {
			all = append(all, func(b *builder) { b.restore(pairs) })
		}
	}
	if len(magics(from, to, 2, true)) > 0 {
		add(func(b *builder, pairs [][]int) []Operand { return b.magicRegisters(to, pairs) })
	}
	if to == dtype.BF16 && (from == dtype.U8 || from == dtype.I8 || from == dtype.Bipolar(7)) {
		add(topBit)
	}
	if to == dtype.BF16 && from.Width >= 7 {
		all = append(all, func(b *builder) {
			// Through f32, whose upper half is what a bf16 of the same value is.
			regs := b.magicRegisters(dtype.F32, singly(b.s))
			for k := range b.s.Outputs() {
				b.output(k, b.do("prmt.b32", regs[2*k], regs[2*k+1], literal(0x7632)))
			}
		})
	}
	return all
}

// singly is each element for itself.
func singly(s *Sequence) [][]int {
	out := make([][]int, s.Elements)
	for e := range out {
		out[e] = []int{e}
	}
	return out
}

// magicRegisters gathers codes into mantissas and takes the powers of two away, for registers of the given elements.
func (b *builder) magicRegisters(to dtype.Type, registers [][]int) []Operand {
	s := b.s
	lanes, aligned := len(registers[0]), true
	for _, es := range registers {
		aligned = aligned && (lanes == 1 || (s.Bit(es[0], 0)-s.Bit(es[1], 0))%16 == 0)
	}
	ms := magics(s.From, to, lanes, aligned)
	items := make([]item, len(registers))
	add := func(k, i int) {
		items[k] = append(items[k], s.gatherForm(registers[k], 0, int(s.From.Width), ms[i].at, ms[i].flip, i))
	}
	for k, es := range registers {
		for i, m := range ms {
			if aligned || s.near(es, m.at) {
				add(k, i)
			}
		}
		for i := range ms {
			if len(items[k]) <= i && !s.near(es, ms[i].at) && !aligned && len(items[k]) < maxFar {
				add(k, i)
			}
		}
	}
	regs, tags := b.gather(items)
	for k := range regs {
		regs[k] = b.minus(to, regs[k], ms[tags[k]].sub)
	}
	return regs
}

// maxFar bounds the places that are tried although no permutation of bytes brings both elements there.
const maxFar = 12

// near reports whether one permutation of bytes may bring two elements to bits at of their lanes: they move by the same
// number of bits, but for whole bytes.
func (s *Sequence) near(es, at []int) bool {
	return (s.Bit(es[0], 0)-at[0]-s.Bit(es[1], 0)+at[1])%8 == 0
}

// minus is x less the constant c, whose lanes are values of t.
func (b *builder) minus(t dtype.Type, x Operand, c uint32) Operand {
	switch {
	case t == dtype.F32:
		return b.do("sub.rn.f32", x, Operand{Kind: Float, Value: c})
	case t == dtype.F16:
		return b.do("sub.f16x2", x, b.constant(c))
	}
	return b.plus(x, b.constant(c^0x80008000))
}

// plus is the sum of two registers of bf16: before sm_90 there is fma alone.
func (b *builder) plus(x, y Operand) Operand {
	if b.s.Target.SM >= 90 {
		return b.do("add.bf16x2", x, y)
	}
	return b.do("fma.rn.bf16x2", x, b.constant(0x3f803f80), y)
}

// times is the product of two registers of f16 or bf16, the sign of a zero kept.
func (b *builder) times(t dtype.Type, x, y Operand) Operand {
	switch {
	case t == dtype.F16:
		return b.do("mul.f16x2", x, y)
	case b.s.Target.SM >= 90:
		return b.do("mul.bf16x2", x, y)
	}
	return b.do("fma.rn.bf16x2", x, y, b.constant(0x80008000))
}

// topBit is the recipe for codes of 8 bits to bf16, whose mantissa holds 7: the low seven bits (of 2u+1 for bp7) over 128,
// plus a register that the top bit makes one of two constants.
//
// For i8 and bp7 the two are -128 and -256, the bits 0xc300 and 0xc380. For u8 they are -128 and, the top bit being that
// of the exponent, -2^-121: too small to change a sum.
func topBit(b *builder, pairs [][]int) []Operand {
	s := b.s
	w := int(s.From.Width)
	low, at, over, top, flip := w-1, 0, uint32(0x4300), 7, uint32(0xc300)
	switch s.From.Kind {
	case dtype.UintKind:
		top = 14
	case dtype.BipolarKind:
		at, over, flip = 1, 0x4301, 0xc380
	}
	items := make([]item, 2*len(pairs))
	for k, es := range pairs {
		items[2*k] = item{s.gatherForm(es, 0, low, repeat(at, 2), splat(over, 2), 0)}
		items[2*k+1] = item{s.gatherForm(es, low, 1, repeat(top, 2), splat(flip, 2), 0)}
	}
	regs, _ := b.gather(items)
	out := make([]Operand, len(pairs))
	for k := range out {
		out[k] = b.plus(regs[2*k], regs[2*k+1])
	}
	return out
}

// integerBytes are the recipes from integers to i8 and u8.
func integerBytes(from dtype.Type, order Order) []recipe {
	all := []recipe{func(b *builder) {
		quads := make([][]int, b.s.Outputs())
		for k := range quads {
			quads[k] = lanesOf(k, 4)
		}
		b.finish(b.byteRegisters(quads))
	}}
	if w := int(from.Width); order == Stream && 8%w == 0 && w < 8 {
		all = append(all, func(b *builder) { b.transposed(8 / w) })
	}
	return all
}

// transposed gathers elements that lie in one place of the four bytes of a word, n apart, and brings them into order by
// permutations of bytes.
func (b *builder) transposed(n int) {
	quads := make([][]int, n)
	for j := range quads {
		quads[j] = []int{j, j + n, j + 2*n, j + 3*n}
	}
	regs := b.byteRegisters(quads)
	prmt := func(x, y Operand, sel uint32) Operand { return b.do("prmt.b32", x, y, literal(sel)) }
	if n == 2 {
		b.finish([]Operand{prmt(regs[0], regs[1], 0x5140), prmt(regs[0], regs[1], 0x7362)})
		return
	}
	// Four registers at a time: byte i of each goes to output i, or where there are eight registers, to every second.
	for h := 0; h < n; h += 4 {
		r := regs[h : h+4]
		lo01, hi01 := prmt(r[0], r[1], 0x5140), prmt(r[0], r[1], 0x7362)
		lo23, hi23 := prmt(r[2], r[3], 0x5140), prmt(r[2], r[3], 0x7362)
		for i, x := range []Operand{prmt(lo01, lo23, 0x5410), prmt(lo01, lo23, 0x7632), prmt(hi01, hi23, 0x5410), prmt(hi01, hi23, 0x7632)} {
			b.output((i*n+h)/4, x)
		}
	}
}

// byteRegisters gathers four elements a register and makes bytes of them. A signed value below 8 bits is gathered with its
// top bit inverted under 0x80, so that subtracting from all four bytes borrows from none; the last step inverts the top bits
// again.
func (b *builder) byteRegisters(quads [][]int) []Operand {
	s := b.s
	n := integerOf(s.From)
	bits, at, flip := int(s.From.Width), 0, uint32(n.flip)
	if s.From.Kind == dtype.BipolarKind {
		// 2u+1 is a number of one bit more, whose offset is half its range.
		bits, at, flip = bits+1, 1, 1
	}
	unsigned := s.From.Kind == dtype.UintKind
	switch {
	case unsigned:
	case bits == 8:
		flip ^= 0x80
	default:
		flip |= 0x80
	}
	items := make([]item, len(quads))
	for k, es := range quads {
		items[k] = item{s.gatherForm(es, 0, int(s.From.Width), repeat(at, 4), splat(flip, 4), 0)}
	}
	regs, _ := b.gather(items)
	if !unsigned && bits < 8 {
		for k, r := range regs {
			r = b.do("sub.u32", r, literal(splat(1<<(bits-1), 4)))
			regs[k] = b.do("xor.b32", r, literal(0x80808080))
		}
	}
	return regs
}
