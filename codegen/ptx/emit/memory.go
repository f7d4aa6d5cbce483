package emit

import (
	"fmt"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// memory emits what reaches tensors, and what leaves the kernel otherwise.
func (e *emitter) memory(o *ir.Op) {
	switch o.Code {
	case ir.Load:
		e.load(o)
	case ir.Store:
		e.store(o)
	case ir.Atomic:
		e.atomic(o)
	case ir.Assert:
		e.assert(o)
	case ir.Print:
		e.print(o)
	}
}

// access is a load, store or atomic: where each element of a tile, or the scalar, lies in a tensor.
type access struct {
	o *ir.Op
	// t is the type that holds the elements; p its place, nil of a scalar.
	t ir.Type
	p *place
	x *tensor
	// bits are those of an element. Offsets are counted in units: of a byte, or of a bit where elements are narrower.
	bits, unit int64
	// terms are the uniform part of the offset, by the factor of each axis of t; doubles in units.
	terms, by []asm.Arg
	subs      []sub
	// first are, for each slot, the slot that stands for all that a load has the same element for: where an axis does not
	// matter, the first along it, as that is there if any is.
	first []int
}

// sub is a subscript that is looked at itself: because it is no linear form, or because it may be outside.
type sub struct {
	linear *linear
	v      *value
	slots  []int // of v for each slot
	dim    int
}

// newAccess prepares an access; t is the type of the elements in registers.
func (e *emitter) newAccess(o *ir.Op, t ir.Type) *access {
	a := &access{o: o, t: t, x: e.value(o.Operands[0]).tensor, bits: int64(t.Elem.Bits())}
	a.unit = a.bits / 8
	if a.bits < 8 {
		a.unit = a.bits
	}
	if t.Kind == ir.Tile {
		a.p = e.place(t)
		a.by = make([]asm.Arg, len(t.Axes))
		for i := range a.by {
			a.by[i] = asm.Int(0)
		}
	}
	if a.bits >= 8 {
		a.terms = []asm.Arg{a.x.base}
	}
	b := e.b
	for d, v := range o.Subscripts() {
		stride := b.Mul(asm.D, a.x.strides[d], asm.Int(a.unit))
		l := e.form(v)
		s := sub{linear: l, dim: d}
		if l == nil {
			s.v, s.slots = e.value(v), e.slotsOf(v.Type, t)
			a.subs = append(a.subs, s)
			continue
		}
		a.subs = append(a.subs, s)
		a.terms = append(a.terms, e.scaled(l.terms, stride)...)
		for i, axis := range t.Axes {
			a.by[i] = b.Add(asm.D, a.by[i], b.Mul(asm.D, l.factor(axis.Span), stride))
		}
	}
	if a.p != nil {
		a.first = a.firsts(e)
	}
	return a
}

// firsts finds which slots stand for which. Subscripts along one axis alone count by what they are, so that an axis matters
// as far as these differ.
func (a *access) firsts(e *emitter) []int {
	matters := make([]bool, len(a.by))
	alone := make([][]*sub, len(a.by)) // the subscripts along each axis
	for i, by := range a.by {
		k, ok := by.IntValue()
		matters[i] = a.o.Code != ir.Load || !ok || k != 0
		for j := range a.subs {
			s := &a.subs[j]
			switch {
			case s.linear != nil:
				k, ok := s.linear.factor(a.t.Axes[i].Span).IntValue()
				matters[i] = matters[i] || !ok || k != 0
			case s.v.t.Axis(a.t.Axes[i].Span) < 0:
			case len(s.v.t.Axes) == 1 && s.v.at != nil:
				alone[i] = append(alone[i], s)
			default:
				matters[i] = true
			}
		}
	}
	first := make([]int, a.p.slots)
	numbers := map[string]int64{}
	lowest := map[int64]int{}
	for s, c := range a.p.coords {
		key, rest := int64(0), int64(0)
		for i, x := range c {
			switch {
			case matters[i]:
				key = key*a.p.d.Tile()[i] + x
				continue
			case len(alone[i]) > 0:
				name := ""
				for _, at := range alone[i] {
					name += fmt.Sprint(e.elem(at.v, at.slots[s]), ",")
				}
				n, ok := numbers[name]
				if !ok {
					n = int64(len(numbers))
					numbers[name] = n
				}
				key = key*int64(a.p.slots*len(c)) + n
			}
			rest += x
		}
		if old, ok := lowest[key]; !ok || rest < a.rest(old, matters) {
			lowest[key] = s
		}
		first[s] = int(key)
	}
	for s, key := range first {
		first[s] = lowest[int64(key)]
	}
	return first
}

// rest is the sum of a slot's coordinates along the axes that do not matter.
func (a *access) rest(slot int, matters []bool) int64 {
	sum := int64(0)
	for i, x := range a.p.coords[slot] {
		if !matters[i] {
			sum += x
		}
	}
	return sum
}

// scaled is a sum times a factor, as terms: what is known in the same loop is added before it is multiplied.
func (e *emitter) scaled(terms []asm.Arg, by asm.Arg) []asm.Arg {
	var list []asm.Arg
	byDepth := map[int][]asm.Arg{}
	deepest := 0
	for _, x := range terms {
		d := e.b.Depth(x)
		byDepth[d] = append(byDepth[d], x)
		deepest = max(deepest, d)
	}
	for d := range deepest + 1 {
		if len(byDepth[d]) > 0 {
			list = append(list, e.b.Mul(asm.D, e.b.Sum(asm.D, byDepth[d]...), by))
		}
	}
	return list
}

// farthest is the largest offset in an address that is left to the instruction.
const farthest = 1 << 22

// offset is where the element in a slot lies: a double in units, and what is to be added to it.
func (e *emitter) offset(a *access, slot int) (asm.Arg, int64) {
	b := e.b
	terms := append([]asm.Arg{}, a.terms...)
	imm := int64(0)
	if a.p != nil {
		for i, by := range a.by {
			terms = append(terms, e.along(a.p, i, by))
			at := b.Mul(asm.D, by, asm.Int(a.p.coords[slot][i]))
			if k, ok := at.IntValue(); ok {
				imm += k
			} else {
				terms = append(terms, at)
			}
		}
	}
	for _, s := range a.subs {
		if s.linear == nil {
			stride := b.Mul(asm.D, a.x.strides[s.dim], asm.Int(a.unit))
			terms = append(terms, b.Mul(asm.D, e.elem(s.v, s.slots[slot]), stride))
		}
	}
	if imm < -farthest || imm > farthest {
		terms, imm = append(terms, asm.Int(imm)), 0
	}
	sum := b.Sum(asm.D, terms...)
	return sum, imm
}

// address is the address of the element in a slot, of a byte and more.
func (e *emitter) address(a *access, slot int) asm.Arg {
	sum, imm := e.offset(a, slot)
	if a.x.swizzle > 0 {
		return e.swizzled(a.x.swizzle, sum, imm)
	}
	return asm.At(e.b.Move(asm.D, sum), imm)
}

// swizzled is an address in shared memory whose pieces of 16 bytes change places within so many bytes, as [ir.SharedOf] says. What is a
// multiple of 1024 moves all pieces alike, and is left to the instruction.
func (e *emitter) swizzled(within int64, sum asm.Arg, imm int64) asm.Arg {
	b := e.b
	far := imm &^ 1023
	at := b.Add(asm.D, sum, asm.Int(imm-far))
	line := b.And(asm.D, b.Shr(asm.D, at, 3), asm.Int(within-16))
	return asm.At(b.Move(asm.D, b.Xor(asm.D, at, line)), far)
}

// guard is a predicate that holds where the element in a slot exists, and its subscripts are inside as far as that is
// not proven; ok is false where it always holds.
type guard struct {
	p  asm.Reg
	ok bool
}

func (e *emitter) and(g guard, p asm.Reg) guard {
	if g.ok {
		p = e.b.AndP(g.p, p)
	}
	return guard{p, true}
}

func (g guard) emit(b *asm.Builder, op string, args ...asm.Arg) {
	if g.ok {
		b.EmitIf(asm.R(g.p), op, args...)
	} else {
		b.Emit(op, args...)
	}
}

func (e *emitter) guard(a *access, slot int) guard {
	var g guard
	if a.p != nil {
		g.p, g.ok = e.live(a.t, slot, nil)
	}
	if mode := a.o.Str("mode"); mode != "else" && mode != "skip" {
		return g
	}
	for _, s := range a.subs {
		at := asm.Arg{}
		if s.linear != nil {
			at = e.index(s.linear, a.t, slot)
		} else {
			at = e.elem(s.v, s.slots[slot])
		}
		extent := a.x.dims[s.dim]
		if k, ok := at.IntValue(); ok {
			if n, ok := extent.IntValue(); ok && k >= 0 && k < n {
				continue
			}
		}
		g = e.and(g, e.b.SetP("lt", "u64", e.double(at), extent))
	}
	return g
}

// double is an operand in a register.
func (e *emitter) double(x asm.Arg) asm.Arg { return asm.R(e.b.Move(asm.D, x)) }

// suffixes of loads, by the width of an element; small integers extend their sign.
func loadKind(t dtype.Type) string {
	switch n := t.Bits(); {
	case n >= 32:
		return fmt.Sprintf(".b%d", n)
	case t.IsInt() && t.Signed:
		return fmt.Sprintf(".s%d", n)
	default:
		return fmt.Sprintf(".u%d", n)
	}
}

func (e *emitter) load(o *ir.Op) {
	e.meets(o)
	t := o.Result().Type
	a := e.newAccess(o, t)
	n := 1
	if a.p != nil {
		n = a.p.slots
	}
	var outside asm.Arg
	if o.Str("mode") == "else" {
		outside = e.scalar(o.Operands[len(o.Operands)-1])
	}
	if a.p != nil {
		if v := e.vector(a, func([]int) bool { return true }); v != nil {
			e.set(o.Result(), e.loadVector(a, v, outside))
			return
		}
		if v := e.stream(a); v != nil {
			e.set(o.Result(), v)
			return
		}
	}
	list := make([]asm.Arg, n)
	for slot := range list {
		if a.p == nil || a.first[slot] == slot {
			list[slot] = e.loadOne(a, slot, outside)
		}
	}
	for slot := range list {
		if a.p != nil {
			list[slot] = list[a.first[slot]]
		}
	}
	if t.Kind == ir.Scalar {
		e.set(o.Result(), &value{scalar: list[0]})
	} else {
		e.set(o.Result(), &value{elems: list})
	}
}

// loadOne loads the element in a slot.
func (e *emitter) loadOne(a *access, slot int, outside asm.Arg) asm.Arg {
	b, t := e.b, a.t.Elem
	g := e.guard(a, slot)
	if a.bits < 8 {
		return e.loadBits(a, slot, g, outside)
	}
	class := classOf(t)
	if t == dtype.Bool {
		class = asm.W
	}
	r := b.Reg(class)
	if g.ok {
		pad := asm.Int(0)
		if a.o.Str("mode") == "else" {
			pad = e.code(t, outside)
		}
		e.move(r, pad)
	}
	b.In(a.place(b), func() { g.emit(b, e.loadOp(a)+loadKind(t), asm.R(r), e.address(a, slot)) })
	if t == dtype.Bool {
		return asm.R(b.SetP("ne", "s32", asm.R(r), asm.Int(0)))
	}
	return asm.R(r)
}

// space is the memory in which the tensor lies.
func (a *access) space() string {
	if a.x.shared {
		return "shared"
	}
	return "global"
}

// place is where the tensor lies in the order check, which does not follow the shared tiles of the text.
func (a *access) place(b *asm.Builder) asm.Place {
	if a.x.shared {
		return asm.Place{}
	}
	return b.Now
}

func (e *emitter) loadOp(a *access) string {
	if a.x.shared {
		return "ld.shared"
	}
	switch {
	case !e.written[a.o.Operands[0]]:
		return "ld.global.nc"
	case a.bits < 8: // whose stores are atomic
		return "ld.relaxed.gpu.global"
	}
	return "ld.global"
}

func (e *emitter) store(o *ir.Op) {
	e.meets(o)
	v := o.Stored()[0]
	t := v.Type
	a := e.newAccess(o, t)
	x := e.value(v)
	masked := e.masks(o, t)
	if a.p != nil {
		if v := e.vector(a, e.maskAlike(o, t)); v != nil {
			e.storeVector(a, v, x, masked)
			return
		}
	}
	e.each(a, func(slot int, own guard) {
		g, some := masked(e.guard(a, slot), slot)
		if own.ok {
			g = e.and(g, own.p)
		}
		if !some {
			return
		}
		if a.bits < 8 {
			e.storeBits(a, slot, g, e.elem(x, slot))
			return
		}
		data := e.elem(x, slot)
		class := classOf(t.Elem)
		if t.Elem == dtype.Bool {
			data, class = e.code(t.Elem, data), asm.W
		}
		e.b.In(a.place(e.b), func() {
			g.emit(e.b, fmt.Sprintf("st.%s.b%d", a.space(), a.bits), e.address(a, slot), asm.R(e.b.Move(class, data)))
		})
	})
}

// masks gives a function that adds the mask of a store or atomic to a guard; its second result is false where nothing is left.
func (e *emitter) masks(o *ir.Op, t ir.Type) func(g guard, slot int) (guard, bool) {
	m := o.Mask()
	if m == nil {
		return func(g guard, _ int) (guard, bool) { return g, true }
	}
	mask := e.value(m)
	var slots []int
	if t.Kind == ir.Tile {
		slots = e.slotsOf(m.Type, t)
	}
	return func(g guard, slot int) (guard, bool) {
		x := mask.scalar
		if slots != nil {
			x = e.elem(mask, slots[slot])
		}
		if k, ok := x.IntValue(); ok {
			return g, k != 0
		}
		return e.and(g, e.reg(dtype.Bool, x)), true
	}
}

// maskAlike reports whether the mask of a store is the same for all slots of a run.
func (e *emitter) maskAlike(o *ir.Op, t ir.Type) func(run []int) bool {
	m := o.Mask()
	if m == nil {
		return func([]int) bool { return true }
	}
	mask, slots := e.value(m), e.slotsOf(m.Type, t)
	return func(run []int) bool {
		for _, s := range run {
			if !mask.same(slots[s], slots[run[0]]) {
				return false
			}
		}
		return true
	}
}

// same reports whether two slots of a tile of bools hold the same operand.
func (v *value) same(i, j int) bool {
	if i == j {
		return true
	}
	if v.elems == nil {
		return false
	}
	x, ok := v.elems[i].Reg()
	y, also := v.elems[j].Reg()
	if ok || also {
		return ok && also && x == y
	}
	k, _ := v.elems[i].IntValue()
	l, _ := v.elems[j].IntValue()
	return k == l
}

// each visits the slots whose elements this thread gives on: each element once in the block. The predicate says whether
// this thread is the one.
func (e *emitter) each(a *access, visit func(slot int, own guard)) {
	if a.p == nil {
		own := e.first()
		visit(0, guard{own, true})
		return
	}
	var own guard
	own.p, own.ok = e.owner(a.p)
	for slot := range a.p.slots {
		if a.p.twin[slot] == slot {
			visit(slot, own)
		}
	}
}

// loadBits loads an element of less than a byte. Of a tensor that the phase writes it loads the words that storeBits changes:
// then the two are morally strong (PTX ISA, memory consistency model), and what another thread does to a neighbour in the word
// is no race.
func (e *emitter) loadBits(a *access, slot int, g guard, outside asm.Arg) asm.Arg {
	b, t := e.b, a.t.Elem
	unit, kind, at, shift := int64(8), ".u8", asm.Reg{}, asm.Arg{}
	if e.written[a.o.Operands[0]] {
		unit, kind = 32, ".b32"
		at, shift = e.wordAddress(a, slot)
	} else {
		at, shift = e.byteAddress(a, slot)
	}
	load := func(g guard, off int64) asm.Arg {
		r := b.Reg(asm.W)
		if g.ok {
			e.move(r, asm.Int(0))
		}
		g.emit(b, e.loadOp(a)+kind, asm.R(r), asm.At(at, off))
		return asm.R(r)
	}
	word := load(g, 0)
	if unit%a.bits != 0 {
		// It may go on in the next one.
		high := load(e.and(g, b.SetP("gt", "s32", e.word(shift), asm.Int(unit-a.bits))), unit/8)
		if unit == 8 {
			word = asm.R(b.Pure("prmt.b32", asm.W, word, high, asm.Int(0x1140)))
		} else {
			word, shift = asm.R(b.Pure("shf.r.wrap.b32", asm.W, word, high, shift)), asm.Int(0)
		}
	}
	extract := "bfe.u32"
	if t.IsInt() && t.Signed {
		extract = "bfe.s32"
	}
	x := asm.R(b.Pure(extract, asm.W, word, shift, asm.Int(a.bits)))
	if a.o.Str("mode") == "else" && g.ok {
		x = asm.R(b.Select(asm.W, g.p, x, outside))
	}
	return x
}

func (e *emitter) word(x asm.Arg) asm.Arg { return asm.R(e.b.Move(asm.W, x)) }

// byteAddress is the address of the byte in which the element in a slot begins, and the bit of it, a word.
func (e *emitter) byteAddress(a *access, slot int) (asm.Reg, asm.Arg) {
	b := e.b
	sum, imm := e.offset(a, slot)
	sum = b.Add(asm.D, sum, asm.Int(imm))
	byteAt := b.Add(asm.D, a.x.base, b.Shr(asm.D, sum, 3))
	return b.Move(asm.D, byteAt), b.And(asm.W, b.Narrow(sum), asm.Int(7))
}

// wordAddress is the address of the word in which the element in a slot begins, and the bit of it, a word.
func (e *emitter) wordAddress(a *access, slot int) (asm.Reg, asm.Arg) {
	b := e.b
	sum, imm := e.offset(a, slot)
	sum = b.Add(asm.D, sum, asm.Int(imm))
	at := b.Move(asm.D, b.Add(asm.D, a.x.base, b.Shl(asm.D, b.Shr(asm.D, sum, 5), 2)))
	return at, b.And(asm.W, b.Narrow(sum), asm.Int(31))
}

// storeBits stores an element of less than a byte: into its word, as what stands beside it may be of another thread.
func (e *emitter) storeBits(a *access, slot int, g guard, x asm.Arg) {
	b := e.b
	at, shift := e.wordAddress(a, slot)
	all := int64(1)<<a.bits - 1
	code := e.word(b.And(asm.W, e.word(x), asm.Int(all)))
	put := func(g guard, off int64, mask, bits asm.Arg) {
		g.emit(b, "red.global.and.b32", asm.At(at, off), asm.R(b.Pure("not.b32", asm.W, mask)))
		g.emit(b, "red.global.or.b32", asm.At(at, off), bits)
	}
	left := func(x asm.Arg) asm.Arg { return asm.R(b.Pure("shl.b32", asm.W, x, shift)) }
	put(g, 0, left(e.word(asm.Int(all))), left(code))
	if 32%a.bits != 0 {
		// What is left of it goes to the next word.
		over := b.SetP("gt", "s32", e.word(shift), asm.Int(32-a.bits))
		rest := b.Sub(asm.W, asm.Int(32), shift)
		right := func(x asm.Arg) asm.Arg { return asm.R(b.Pure("shr.u32", asm.W, x, rest)) }
		put(e.and(g, over), 4, right(e.word(asm.Int(all))), right(code))
	}
}
