package casts

import (
	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/ir/dtype"
)

// floatBytes are the recipes to f8e4m3 and f8e5m2: by a shift, where the exponents agree; by tables of up to 16 bytes, which
// prmt reads; and from sm_89 on through f16.
func floatBytes(from, to dtype.Type, target ptx.Target, order Order) []recipe {
	codes := codesOf(from, to)
	var all []recipe
	if up, ok := shifted(from, to, codes); ok {
		all = append(all, func(b *builder) { b.shiftBytes(up) })
	}
	switch {
	case from.Width <= 3:
		all = append(all, func(b *builder) { b.tableBytes(codes) })
	case from.Width == 4 && positive(codes):
		all = append(all, func(b *builder) { b.wideTableBytes(codes) })
	case from.Width == 4 && mirrored(from, to, codes):
		all = append(all, func(b *builder) { b.signedTableBytes(codes) })
	}
	if target.SM >= 89 && exact(from, dtype.F16) == nil {
		op := "cvt.rn.satfinite.e4m3x2.f16x2"
		if to == dtype.F8E5M2 {
			op = "cvt.rn.satfinite.e5m2x2.f16x2"
		}
		finite := from.Kind != dtype.FloatKind || !from.HasInf() // infinities would saturate
		if from.Kind != dtype.FloatKind {
			all = append(all, func(b *builder) { b.narrow(op, b.magicRegisters(dtype.F16, adjacent(b.s))) })
		} else if finite {
			for _, pairs := range halfRecipes(from, dtype.F16, target, order) {
				all = append(all, func(b *builder) { b.narrow(op, pairs.make(b, adjacent(b.s))) })
			}
		}
	}
	return all
}

// codesOf are the destination's codes of the values of the source's codes.
func codesOf(from, to dtype.Type) []uint32 {
	codes := make([]uint32, 1<<from.Width)
	for c := range codes {
		codes[c] = uint32(to.Encode(from.Decode(uint64(c)), dtype.NearestEven, dtype.ToInf))
	}
	return codes
}

// floatByteLanes is the number of lanes of interleaved codes: bytes for a shift, nibbles for a table, halves for what goes through f16.
func floatByteLanes(from, to dtype.Type) int {
	codes := codesOf(from, to)
	if _, ok := shifted(from, to, codes); ok {
		return 4
	}
	if from.Width <= 3 || from.Width == 4 && (positive(codes) || mirrored(from, to, codes)) {
		return 8
	}
	return 2
}

// narrow makes bytes of registers of two f16.
func (b *builder) narrow(op string, regs []Operand) {
	for k := range len(regs) / 2 {
		lo, hi := b.emit(op, b.half(), regs[2*k]), b.emit(op, b.half(), regs[2*k+1])
		b.output(k, b.do(joinOp, lo, hi))
	}
}

// shifted is by how many bits the magnitude of every code goes up to be that of the destination.
func shifted(from, to dtype.Type, codes []uint32) (int, bool) {
	if from.Kind != dtype.FloatKind || !from.Signed || from.Man > to.Man || from.Exp > to.Exp {
		return 0, false
	}
	up := int(to.Man - from.Man)
	mag := from.Width - 1
	for c, want := range codes {
		got := uint64(c>>mag&1)<<7 | uint64(c&(1<<mag-1))<<up
		x, y := to.Decode(got), to.Decode(uint64(want))
		if x != y && (x == x || y == y) || x == 0 && got != uint64(want) {
			return 0, false
		}
	}
	return up, true
}

func (b *builder) shiftBytes(up int) {
	s := b.s
	mag := int(s.From.Width) - 1
	items := make([]item, s.Outputs())
	for k := range items {
		es := lanesOf(k, 4)
		m, sign := s.gatherForm(es, 0, mag, repeat(up, 4), 0, 0), s.gatherForm(es, mag, 1, repeat(7, 4), 0, 0)
		if up+mag == 7 {
			items[k] = item{s.gatherForm(es, 0, mag+1, repeat(up, 4), 0, 0)}
			continue
		}
		items[k] = item{form{parts: append(m.parts, sign.parts...)}}
	}
	regs, _ := b.gather(items)
	for k, r := range regs {
		b.output(k, r)
	}
}

// selectors gathers n bits of the codes of four elements into the nibbles that prmt reads: those of the lower half.
func (s *Sequence) selectors(k, low, n int, flip uint32) form {
	parts := make([][]field, len(s.Planes))
	for i, e := range lanesOf(k, 4) {
		s.fields(e, low, n, 4*i, parts)
	}
	f := form{flip: flip, loose: 0xffff0000}
	for _, p := range parts {
		if len(p) > 0 {
			f.parts = append(f.parts, p)
		}
	}
	return f
}

// table is the pair of words that hold bytes for prmt.
func table(codes []uint32) (lo, hi Operand) {
	var w [2]uint32
	for i, c := range codes {
		w[i/4] |= c << (8 * (i % 4))
	}
	return literal(w[0]), literal(w[1])
}

// tableBytes looks codes of up to 3 bits up.
func (b *builder) tableBytes(codes []uint32) {
	items := make([]item, b.s.Outputs())
	for k := range items {
		items[k] = item{b.s.selectors(k, 0, int(b.s.From.Width), 0)}
	}
	regs, _ := b.gather(items)
	lo, hi := table(codes)
	for k, r := range regs {
		b.output(k, b.do("prmt.b32", lo, b.tableWord(hi), r))
	}
}

// tableWord keeps the second word of a table in a register: an instruction holds one constant.
func (b *builder) tableWord(x Operand) Operand { return b.constant(x.Value) }

// positive reports whether no code has its top bit set.
func positive(codes []uint32) bool {
	for _, c := range codes {
		if c&0x80 != 0 {
			return false
		}
	}
	return true
}

// mirrored reports whether the upper half of the codes is the lower half with the sign set. The sign of a NaN does not matter.
func mirrored(from, to dtype.Type, codes []uint32) bool {
	if from.Kind != dtype.FloatKind {
		return false
	}
	half := len(codes) / 2
	for i, c := range codes[:half] {
		d := codes[half+i]
		if v := to.Decode(uint64(c)); c&0x80 != 0 || v == v && d != c|0x80 || v != v && d&0x7f != c&0x7f {
			return false
		}
	}
	return true
}

// wideTableBytes looks codes of 4 bits up in two tables. A selector with its top bit set gives the top bit of the byte it
// names, eight times: zero in both tables. So each table gives zero where the other is meant.
func (b *builder) wideTableBytes(codes []uint32) {
	items := make([]item, 2*b.s.Outputs())
	for k := range b.s.Outputs() {
		items[2*k] = item{b.s.selectors(k, 0, 4, 0)}
		items[2*k+1] = item{b.s.selectors(k, 0, 4, 0x8888)}
	}
	regs, _ := b.gather(items)
	lo, hi := table(codes[:8])
	lo2, hi2 := table(codes[8:])
	for k := range b.s.Outputs() {
		x := b.do("prmt.b32", lo, b.tableWord(hi), regs[2*k])
		y := b.do("prmt.b32", lo2, b.tableWord(hi2), regs[2*k+1])
		b.output(k, b.do("or.b32", x, y))
	}
}

// signedTableBytes looks the magnitudes of 4-bit floats up and sets their signs. A table of bytes 0x80 gives 0xff for a
// selector with its top bit set, so that bit 0 of each byte is a sign.
func (b *builder) signedTableBytes(codes []uint32) {
	items := make([]item, 2*b.s.Outputs())
	for k := range b.s.Outputs() {
		items[2*k] = item{b.s.selectors(k, 0, 3, 0)}
		items[2*k+1] = item{b.s.selectors(k, 0, 4, 0)}
	}
	regs, _ := b.gather(items)
	lo, hi := table(codes[:8])
	signs := b.constant(0x80808080)
	for k := range b.s.Outputs() {
		x := b.do("prmt.b32", lo, b.tableWord(hi), regs[2*k])
		y := b.do("prmt.b32", signs, signs, regs[2*k+1])
		y = b.do("shl.b32", y, literal(7))
		b.output(k, b.masked(y, 0x80808080, 0, &x))
	}
}
