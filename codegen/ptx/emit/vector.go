package emit

import (
	"fmt"
	"math/bits"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
)

// vector is how the slots of an access go together: runs of slots whose elements lie behind each other in memory, all
// there or all absent, each run moved in chunks of so many bits.
type vector struct {
	runs  [][]int
	chunk int64
}

// vector finds the widest way; nil where each element goes alone. Alike says that what else the access depends on is the
// same for all slots of a run.
func (e *emitter) vector(a *access, alike func(run []int) bool) *vector {
	axis, ok := a.inner()
	if !ok || a.x.shared || a.p.slots < 2 {
		return nil
	}
	if a.bits < 8 && a.o.Code == ir.Store {
		return nil // all by words and atomically: neighbours in a word may be another block's
	}
	// Threads begin at multiples of the run.
	longest := int64(1) << bits.TrailingZeros64(uint64(a.p.d.Tile()[axis]))
	for _, list := range [][]layout.Digit{a.p.lane, a.p.warp} {
		for _, g := range list {
			if g.Axis == axis && g.Size > 1 {
				longest = min(longest, g.Stride&-g.Stride)
			}
		}
	}
	for n := min(longest, int64(a.p.slots), 128); n > 1; n /= 2 {
		width := n * a.bits
		v := &vector{chunk: min(128, width&-width)}
		least := int64(8)
		if a.bits >= 8 {
			least = max(32, 2*a.bits)
		} else if e.written[a.o.Operands[0]] {
			least = 32 // the words that stores change, see loadBits
		}
		if v.chunk < least || v.chunk < 32 && width > v.chunk || a.bits&(a.bits-1) == 0 && width > 128 {
			continue
		}
		if v.runs = a.p.runs(axis, n, a.first); v.runs == nil {
			continue
		}
		c := claims{e: e}
		good := e.steady(a, axis, n, v.chunk, &c)
		for _, run := range v.runs {
			good = good && alike(run) && a.alike(run)
		}
		if good {
			e.assume(c)
			return v
		}
	}
	return nil
}

// inner is the axis along which elements lie behind each other in memory.
func (a *access) inner() (int, bool) {
	for i, by := range a.by {
		if k, ok := by.IntValue(); ok && k == a.unit {
			return i, true
		}
	}
	return 0, false
}

// runs are the slots that stand for others, in runs of n that follow each other along an axis, beginning at a multiple; nil where there are
// others.
func (p *place) runs(axis int, n int64, first []int) [][]int {
	var list [][]int
	at := map[int64]int{}
	number := func(c []int64, i int64) int64 {
		k := int64(0)
		for j, x := range c {
			if j == axis {
				x = i
			}
			k = k*p.d.Tile()[j] + x
		}
		return k
	}
	total := 0
	for s, c := range p.coords {
		if first[s] == s {
			at[number(c, c[axis])] = s
			total++
		}
	}
	for s, c := range p.coords {
		if c[axis]%n != 0 || first[s] != s {
			continue
		}
		run := []int{s}
		for i := int64(1); i < n; i++ {
			next, ok := at[number(c, c[axis]+i)]
			if !ok {
				return nil
			}
			run = append(run, next)
		}
		list = append(list, run)
	}
	if len(list)*int(n) != total {
		return nil
	}
	return list
}

// alike reports whether all slots of a run have the same indices from index tiles.
func (a *access) alike(run []int) bool {
	for _, s := range a.subs {
		if s.linear == nil {
			for _, slot := range run {
				if s.slots[slot] != s.slots[run[0]] {
					return false
				}
			}
		}
	}
	return true
}

// steady claims that each run of n elements begins at a multiple of a chunk in memory, and that its elements exist together
// and are inside of the tensor together.
func (e *emitter) steady(a *access, axis int, n, chunk int64, c *claims) bool {
	b := e.b
	log, of := log2(n), log2(chunk)
	if a.bits >= 8 {
		of -= 3
	}
	for _, x := range a.terms {
		if !c.multiple(x, of) {
			return false
		}
	}
	for i, by := range a.by {
		if i != axis && a.p.d.Tile()[i] > 1 && !c.multiple(by, of) {
			return false
		}
	}
	span := a.t.Axes[axis].Span
	s := e.value(span)
	if a.t.Axes[axis].Extent%n != 0 {
		return false
	}
	if k, known := s.n.IntValue(); !s.full && (!known || k%n != 0) {
		if s.ends {
			if !c.multiple(s.lo, log) || !c.multiple(s.hi, log) {
				return false
			}
		} else if !c.multiple(s.n, log) {
			return false
		}
	}
	outside := a.o.Str("mode") == "else" || a.o.Str("mode") == "skip"
	for _, s := range a.subs {
		if s.linear == nil {
			if !c.multiple(b.Mul(asm.D, a.x.strides[s.dim], asm.Int(a.unit)), of) {
				return false
			}
			continue
		}
		if by, ok := s.linear.factor(span).IntValue(); !outside || ok && by == 0 {
			continue
		}
		// Its index begins at a multiple too, and the extent is one.
		if !c.multiple(a.x.dims[s.dim], log) {
			return false
		}
		for _, x := range s.linear.terms {
			if !c.multiple(x, log) {
				return false
			}
		}
		for i, axis2 := range a.t.Axes {
			if i != axis && a.p.d.Tile()[i] > 1 && !c.multiple(s.linear.factor(axis2.Span), log) {
				return false
			}
		}
	}
	return true
}

// wordsOf is how many registers, of how many bits, a chunk takes.
func (v *vector) wordsOf(t dtype.Type) (n, width int64) {
	switch {
	case t.Bits() == 64:
		return v.chunk / 64, 64
	case v.chunk < 32:
		return 1, v.chunk
	}
	return v.chunk / 32, 32
}

// follow reports whether the slots of each run follow each other, beginning at a multiple of n.
func (v *vector) follow(n int) bool {
	for _, run := range v.runs {
		for i, slot := range run {
			if slot != run[0]+i || run[0]%n != 0 {
				return false
			}
		}
	}
	return true
}

// suffix is the ending of the instruction that moves a chunk.
func (v *vector) suffix(t dtype.Type, unsigned bool) string {
	n, width := v.wordsOf(t)
	kind := "b"
	if width < 32 && unsigned {
		kind = "u"
	}
	if n > 1 {
		return fmt.Sprintf(".v%d.%s%d", n, kind, width)
	}
	return fmt.Sprintf(".%s%d", kind, width)
}

// runAddress is the address of a run's first element.
func (e *emitter) runAddress(a *access, run []int) (asm.Reg, int64) {
	b := e.b
	sum, imm := e.offset(a, run[0])
	if a.bits < 8 {
		sum, imm = b.Add(asm.D, a.x.base, b.Shr(asm.D, sum, 3)), imm/8
	}
	return b.Move(asm.D, sum), imm
}

// loadVector loads the elements of a tile in vectors.
func (e *emitter) loadVector(a *access, v *vector, outside asm.Arg) *value {
	b, t := e.b, a.t.Elem
	class := asm.W
	if a.bits == 64 {
		class = asm.D
	}
	per, _ := v.wordsOf(t)
	elems := make([]asm.Arg, a.p.slots)
	var packed []asm.Arg // the words of the tile, where the slots of each run follow each other
	if all := len(v.runs)*len(v.runs[0]) == a.p.slots; all && packs(t, a.p.slots) && v.follow(32/t.Bits()) ||
		all && t.Bits() < 8 && len(v.runs[0])*t.Bits()%32 == 0 && v.follow(len(v.runs[0])) {
		packed = make([]asm.Arg, a.p.slots*t.Bits()/32)
	}
	for _, run := range v.runs {
		g := e.guard(a, run[0])
		base, imm := e.runAddress(a, run)
		size := int64(len(run)) * a.bits
		pads := e.filled(a, len(run), outside)
		words := make([]asm.Arg, 0, 4)
		for at := int64(0); at < size; at += v.chunk {
			list := make([]asm.Arg, per)
			for i := range list {
				r := b.Reg(class)
				if g.ok {
					e.move(r, pads[len(words)+i])
				}
				list[i] = asm.R(r)
			}
			data := list[0]
			if per > 1 {
				data = asm.Vec(list...)
			}
			g.emit(b, e.loadOp(a)+v.suffix(t, true), data, asm.At(base, imm+at/8))
			words = append(words, list...)
		}
		if packed != nil {
			copy(packed[run[0]*t.Bits()/32:], words)
			continue
		}
		for i, slot := range run {
			elems[slot] = e.cut(t, words, i)
		}
	}
	if packed != nil {
		return &value{words: packed}
	}
	for slot := range elems {
		elems[slot] = elems[a.first[slot]]
	}
	return &value{elems: elems}
}

// filled are words of n elements that stand for what is not loaded: zeros, or the value outside.
func (e *emitter) filled(a *access, n int, outside asm.Arg) []asm.Arg {
	count := (int64(n)*a.bits + 31) / 32
	if a.bits == 64 {
		count = int64(n)
	}
	list := make([]asm.Arg, count)
	for i := range list {
		list[i] = asm.Int(0)
	}
	if a.o.Str("mode") != "else" {
		return list
	}
	if a.bits >= 32 {
		for i := range list {
			list[i] = outside
		}
		return list
	}
	elems := make([]asm.Arg, n)
	for i := range elems {
		elems[i] = outside
	}
	return e.joined(a.t.Elem, elems)
}

// cut is element i of words in which elements lie without gaps.
func (e *emitter) cut(t dtype.Type, words []asm.Arg, i int) asm.Arg {
	b := e.b
	n := int64(t.Bits())
	if n >= 32 {
		return words[i]
	}
	at := int64(i) * n
	if n >= 8 {
		return e.fromByte(t, words[at/32], int(at%32/n))
	}
	word, shift := words[at/32], at%32
	if shift+n > 32 {
		word = asm.R(b.Pure("shf.r.wrap.b32", asm.W, word, words[at/32+1], asm.Int(shift)))
		shift = 0
	}
	kind := "bfe.u32"
	if t.IsInt() && t.Signed {
		kind = "bfe.s32"
	}
	return asm.R(b.Pure(kind, asm.W, word, asm.Int(shift), asm.Int(n)))
}

// joined are elements below 32 bits in words without gaps.
func (e *emitter) joined(t dtype.Type, elems []asm.Arg) []asm.Arg {
	b := e.b
	n := t.Bits()
	list := make([]asm.Arg, (len(elems)*n+31)/32)
	if n >= 8 {
		per := 32 / n
		for i := range list {
			codes := make([]asm.Arg, per)
			for j := range codes {
				codes[j] = asm.Int(0)
				if k := i*per + j; k < len(elems) {
					codes[j] = e.code(t, elems[k])
				}
			}
			list[i] = e.pack(n, codes)
		}
		return list
	}
	for i := range list {
		list[i] = asm.Int(0)
	}
	for i, x := range elems {
		w, at := i*n/32, i*n%32
		code := b.And(asm.W, e.word(x), asm.Int(1<<n-1))
		list[w] = b.Or(asm.W, list[w], b.Shl(asm.W, code, at))
		if at+n > 32 {
			list[w+1] = b.Shr(asm.W, code, 32-at)
		}
	}
	return list
}

// storeVector stores the elements of a tile in vectors.
func (e *emitter) storeVector(a *access, v *vector, x *value, masked func(g guard, slot int) (guard, bool)) {
	b, t := e.b, a.t.Elem
	var own guard
	own.p, own.ok = e.owner(a.p)
	per, _ := v.wordsOf(t)
	class := asm.W
	if a.bits == 64 {
		class = asm.D
	}
	for _, run := range v.runs {
		g, some := masked(e.guard(a, run[0]), run[0])
		if own.ok {
			g = e.and(g, own.p)
		}
		if !some {
			continue
		}
		words := e.runWords(x, run)
		base, imm := e.runAddress(a, run)
		for i := 0; i < len(words); i += int(per) {
			list := make([]asm.Arg, per)
			for j := range list {
				list[j] = asm.R(b.Move(class, words[i+j]))
			}
			data := list[0]
			if per > 1 {
				data = asm.Vec(list...)
			}
			g.emit(b, "st.global"+v.suffix(t, false), asm.At(base, imm+int64(i)/per*v.chunk/8), data)
		}
	}
}

// runWords are the elements of a run as words (doubles, of 64 bits), without gaps.
func (e *emitter) runWords(x *value, run []int) []asm.Arg {
	t := x.t.Elem
	if x.words != nil && run[0]*t.Bits()%32 == 0 {
		follow := true
		for i, slot := range run {
			follow = follow && slot == run[0]+i
		}
		if follow {
			return x.words[run[0]*t.Bits()/32:][:len(run)*t.Bits()/32]
		}
	}
	elems := make([]asm.Arg, len(run))
	for i, slot := range run {
		elems[i] = e.elem(x, slot)
	}
	if t.Bits() >= 32 {
		return elems
	}
	return e.joined(t, elems)
}
