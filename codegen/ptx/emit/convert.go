package emit

import (
	"fmt"
	"math/bits"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
	"github.com/tilec/tilec/ir/layout/convert"
)

type planKey struct {
	from, to *layout.Distribution
	bits     int
}

// convert is a tile in another layout.
func (e *emitter) convert(x *value, t ir.Type) *value {
	from := x.t.Layout
	if from == t.Layout || from.Equal(*t.Layout) {
		y := e.copyOf(x)
		y.t = t
		return y
	}
	p := e.plan(from, t.Layout, movedBits(t.Elem))
	if p.Kind <= convert.InThread && (p.Kind == convert.Rename || x.words == nil) {
		if slots, ok := e.within(x.t, t); ok {
			return e.rename(x, t, slots)
		}
	}
	return e.unpacked(t, e.run(p, e.packed(x)))
}

// movedBits is how wide elements are while they move.
func movedBits(t dtype.Type) int { return max(t.Bits(), 8) }

// plan is the plan of a conversion.
func (e *emitter) plan(from, to *layout.Distribution, bits int) *convert.Plan {
	key := planKey{from, to, bits}
	if p, ok := e.plans[key]; ok {
		return p
	}
	m := convert.NVIDIA()
	p, err := convert.New(*from, *to, bits, m)
	if err != nil {
		e.fail("a conversion from %s to %s: %v", from, to, err)
	}
	e.plans[key] = p
	return p
}

// within gives for each slot of a tile the slot of another one in which every thread holds the same element.
func (e *emitter) within(from, to ir.Type) ([]int, bool) {
	p, q := e.place(from), e.place(to)
	slots := map[int64][]int{}
	for s := range p.slots {
		n := p.d.Element(int64(s), 0, 0, 0)
		slots[n] = append(slots[n], s)
	}
	list := make([]int, q.slots)
	for s := range list {
		found := false
		for _, f := range slots[q.d.Element(int64(s), 0, 0, 0)] {
			same := true
			for thread := int64(0); same && thread < int64(32*e.warps); thread++ {
				same = p.d.Element(int64(f), thread%32, thread/32, 0) == q.d.Element(int64(s), thread%32, thread/32, 0)
			}
			if same {
				list[s], found = f, true
				break
			}
		}
		if !found {
			return nil, false
		}
	}
	return list, true
}

// packed are a tile's elements in words without gaps, as conversions take them. Bools are bytes of 0 and 1, elements of less
// than a byte lie in one.
func (e *emitter) packed(x *value) []asm.Arg {
	b, t := e.b, x.t.Elem
	slots := e.place(x.t).slots
	if packs(t, slots) {
		return e.words(x)
	}
	elems := e.elems(x)
	switch width := movedBits(t); {
	case width == 64:
		var list []asm.Arg
		for _, d := range elems {
			lo, hi := b.Reg(asm.W), b.Reg(asm.W)
			b.Emit("mov.b64", asm.Regs(lo, hi), d)
			list = append(list, asm.R(lo), asm.R(hi))
		}
		return list
	case width == 32:
		return elems
	default:
		per := 32 / width
		codes := make([]asm.Arg, (slots+per-1)/per*per)
		for i := range codes {
			codes[i] = asm.Int(0)
			if i < slots {
				codes[i] = e.code(t, elems[i])
			}
		}
		list := make([]asm.Arg, len(codes)/per)
		for i := range list {
			list[i] = e.pack(width, codes[i*per:(i+1)*per])
		}
		return list
	}
}

// code is an element that is no double as a word with its bits; what stands above them is not said.
func (e *emitter) code(t dtype.Type, x asm.Arg) asm.Arg {
	if t != dtype.Bool {
		return x
	}
	if _, ok := x.IntValue(); ok {
		return x
	}
	p, _ := x.Reg()
	return asm.R(e.b.Select(asm.W, p, asm.Int(1), asm.Int(0)))
}

// unpacked is a tile of packed words.
func (e *emitter) unpacked(t ir.Type, words []asm.Arg) *value {
	b := e.b
	slots := e.place(t).slots
	if packs(t.Elem, slots) {
		return &value{t: t, words: words}
	}
	list := make([]asm.Arg, slots)
	width := movedBits(t.Elem)
	for i := range list {
		switch {
		case width == 64:
			list[i] = asm.R(b.Pure("mov.b64", asm.D, asm.Vec(words[2*i], words[2*i+1])))
		case width == 32:
			list[i] = words[i]
		default:
			per := 32 / width
			list[i] = e.fromByte(t.Elem, words[i/per], i%per)
		}
	}
	return &value{t: t, elems: list}
}

// fromByte is element i of a word of packed ones, where elements below a byte take one.
func (e *emitter) fromByte(t dtype.Type, word asm.Arg, i int) asm.Arg {
	switch {
	case t == dtype.Bool:
		x := e.unpack(dtype.Uint(8), word, i)
		if _, ok := x.IntValue(); ok {
			return x
		}
		return asm.R(e.b.SetP("ne", "s32", x, asm.Int(0)))
	case t.Bits() < 8 && t.IsInt() && t.Signed:
		return e.unpack(dtype.Int(8), word, i)
	case t.Bits() < 8:
		return e.unpack(dtype.Uint(8), word, i)
	}
	return e.unpack(t, word, i)
}

// run emits the steps of a plan on the words of a tile.
func (e *emitter) run(p *convert.Plan, words []asm.Arg) []asm.Arg {
	b := e.b
	regs := make([]asm.Arg, p.Registers)
	copy(regs, words)
	var base asm.Reg
	at := int64(0)
	if p.Cost.Scratch > 0 {
		at, base = e.scratch(int64(p.Cost.Scratch))
		b.Now.Area.Among = e.among(p)
	}
	word := func(i int32) asm.Reg { return b.Move(asm.W, regs[i]) }
	for i := range p.Steps {
		s := &p.Steps[i]
		switch s.Op {
		case convert.Select:
			regs[s.To] = asm.R(b.Select(asm.W, e.holds(s.By), regs[s.B], regs[s.A]))
		case convert.Permute:
			regs[s.To] = asm.R(b.Pure("prmt.b32", asm.W, regs[s.A], regs[s.B], e.number(s.By)))
		case convert.Rotate:
			regs[s.To] = asm.R(b.Pure("shf.l.wrap.b32", asm.W, regs[s.A], regs[s.A], e.number(s.By)))
		case convert.Merge: // mask ? B : A, bit by bit
			regs[s.To] = asm.R(b.Pure("lop3.b32", asm.W, regs[s.A], regs[s.B], e.number(s.By), asm.Int(0xf0&^0xaa|0xcc&0xaa)))
		case convert.Shuffle:
			regs[s.To] = asm.R(e.fromLane(s.By, regs[s.A]))
		case convert.Transpose:
			regs[s.To] = asm.R(b.Do("movmatrix.sync.aligned.m8n8.trans.b16", asm.W, asm.R(word(s.A))))
		case convert.Store, convert.Load:
			addr, imm := e.sharedAddress(base, at, s.By)
			e.exchange(s, asm.At(addr, imm), regs)
		case convert.Barrier:
			e.meet(s)
		}
	}
	list := make([]asm.Arg, len(p.Result))
	for i, r := range p.Result {
		list[i] = regs[r]
	}
	return list
}

// exchange emits a store or load of shared memory of a plan.
func (e *emitter) exchange(s *convert.Step, at asm.Arg, regs []asm.Arg) {
	b := e.b
	n := max(1, int(s.Width)/4)
	op := "st.shared"
	if s.Op == convert.Load {
		op = "ld.shared"
	}
	list := make([]asm.Arg, n)
	for i := range list {
		r := s.Vector[i]
		if s.Op == convert.Store {
			list[i] = asm.R(b.Move(asm.W, regs[r]))
			continue
		}
		// A register that several loads fill, each in some of the threads, is one.
		old, shared := regs[r].Reg()
		if !shared || s.Off == nil {
			old = b.Reg(asm.W)
		}
		if s.Off != nil && !shared {
			b.Emit("mov.b32", asm.R(old), asm.Int(0))
		}
		regs[r], list[i] = asm.R(old), asm.R(old)
	}
	data := list[0]
	if n > 1 {
		op += fmt.Sprintf(".v%d", n)
		data = asm.Vec(list...)
	}
	kind := ".b32"
	if s.Width < 4 {
		kind = fmt.Sprintf(".b%d", 8*s.Width)
		if s.Op == convert.Load {
			kind = fmt.Sprintf(".u%d", 8*s.Width)
		}
	}
	args := []asm.Arg{data, at}
	if s.Op == convert.Store {
		args[0], args[1] = args[1], args[0]
	}
	if s.Off == nil {
		b.Emit(op+kind, args...)
	} else {
		b.EmitIf(asm.Not(e.holds(*s.Off)), op+kind, args...)
	}
}

// among says between which threads a plan exchanges words.
func (e *emitter) among(p *convert.Plan) asm.Among {
	for i := range p.Steps {
		if s := &p.Steps[i]; s.Op == convert.Barrier {
			return e.scope(s)
		}
	}
	return asm.Block
}

// scope is that of the barrier that a step of a plan becomes.
func (e *emitter) scope(s *convert.Step) asm.Among {
	switch {
	case s.Scope == convert.Warp:
		return asm.Warp
	case s.Scope == convert.Group && e.warps/int(s.Warps) < 16:
		return asm.Warps
	}
	return asm.Block
}

// meet emits a barrier of a plan.
func (e *emitter) meet(s *convert.Step) {
	b := e.b
	warps := int64(s.Warps)
	switch e.scope(s) {
	case asm.Warp:
		b.Emit("bar.warp.sync", asm.Int(-1))
	case asm.Warps:
		group := b.Shr(asm.W, e.warp, bits.TrailingZeros8(s.Warps))
		b.Emit("bar.sync", b.Add(asm.W, group, asm.Int(1)), asm.Int(32*warps))
	default:
		e.barrier()
	}
}

// fromLane is a word of another lane.
func (e *emitter) fromLane(by convert.Number, x asm.Arg) asm.Reg {
	b := e.b
	kind, lane := "idx", asm.Arg{}
	if flip, ok := flips(by); ok {
		kind, lane = "bfly", asm.Int(flip)
	} else {
		lane = e.number(by)
	}
	return b.Do("shfl.sync."+kind+".b32", asm.W, asm.R(b.Move(asm.W, x)), lane, asm.Int(31), asm.Int(-1))
}

// flips reports whether a number is the lane's, with some bits inverted.
func flips(n convert.Number) (int64, bool) {
	if n.By == nil || n.By.Table != nil || len(n.By.Warp) > 0 || len(n.By.Lane) != 5 {
		return 0, false
	}
	for k, v := range n.By.Lane {
		if v != 1<<k {
			return 0, false
		}
	}
	return int64(n.Base), true
}

// holds is a predicate: that a number is not 0.
func (e *emitter) holds(n convert.Number) asm.Reg {
	b := e.b
	if n.Uniform() {
		return b.SetP("ne", "s32", asm.R(b.Move(asm.W, asm.Int(int64(n.Base)))), asm.Int(0))
	}
	if n.Base == 1 {
		// Its lowest bit is all it has.
		if x := e.terms(n.By); n.By.Table == nil {
			return b.SetP("eq", "s32", x, asm.Int(0))
		}
	}
	return b.SetP("ne", "s32", e.number(n), asm.Int(0))
}

// sharedAddress is the address that a number of bytes beyond an offset in shared memory has.
func (e *emitter) sharedAddress(base asm.Reg, offset int64, n convert.Number) (asm.Reg, int64) {
	if n.Uniform() {
		return base, offset + int64(n.Base)
	}
	// Bits of the base that no term has stay outside of the sum, as what differs between accesses.
	apart := n.Base &^ reach(n.By)
	n.Base &^= apart
	return e.b.Move(asm.W, e.b.Add(asm.W, asm.R(base), e.number(n))), offset + int64(apart)
}

// reach has every bit that terms may set.
func reach(t *convert.Terms) uint32 {
	all := uint32(0)
	for _, list := range [][]uint32{t.Lane, t.Warp, t.Table} {
		for _, v := range list {
			all |= v
		}
	}
	return all
}

// number is a plan's number in a word.
func (e *emitter) number(n convert.Number) asm.Arg {
	if n.Uniform() {
		return asm.Int(int64(int32(n.Base)))
	}
	return e.b.Xor(asm.W, e.terms(n.By), asm.Int(int64(int32(n.Base))))
}

// terms is what terms make of the thread.
func (e *emitter) terms(t *convert.Terms) asm.Arg {
	b := e.b
	sum := e.spread(e.lane, 5, t.Lane)
	sum = b.Xor(asm.W, sum, e.spread(e.warp, log2(int64(e.warps))+1, t.Warp))
	for bit := 0; len(t.Table) > 0 && bit < 32; bit++ {
		// Bit by bit: a word has this bit of all lanes' entries.
		var mask asm.Arg
		last := uint32(0)
		for w := range len(t.Table) / 32 {
			m := uint32(0)
			for lane, v := range t.Table[32*w:][:32] {
				m |= v >> bit & 1 << lane
			}
			k := asm.R(b.Move(asm.W, asm.Int(int64(int32(m)))))
			if w == 0 {
				mask = k
			} else if m != last { // a warp from this one on
				mask = asm.R(b.Select(asm.W, b.SetP("ge", "s32", e.warp, asm.Int(int64(w))), k, mask))
			}
			last = m
		}
		one := b.And(asm.W, asm.R(b.Pure("shr.u32", asm.W, mask, e.lane)), asm.Int(1))
		sum = b.Xor(asm.W, sum, b.Shl(asm.W, one, bit))
	}
	return sum
}

// spread is the exclusive or of the entries whose bits are set in x, of so many bits: of x's bits, all that move by the
// same distance move together.
func (e *emitter) spread(x asm.Arg, width int, list []uint32) asm.Arg {
	b := e.b
	sum := asm.Int(0)
	for by := -width; by < 32; by++ {
		mask := int64(0)
		for k, v := range list {
			if to := k + by; to >= 0 && to < 32 && v>>to&1 != 0 {
				mask |= 1 << k
			}
		}
		if mask == 0 {
			continue
		}
		y := x
		if mask != 1<<width-1 {
			y = b.And(asm.W, x, asm.Int(mask))
		}
		if by < 0 {
			y = b.Shr(asm.W, y, -by)
		} else {
			y = b.Shl(asm.W, y, by)
		}
		sum = b.Xor(asm.W, sum, y)
	}
	return sum
}
