package emit

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
)

// copying is a Copy: pieces of 16 bytes of a slot, dealt out to the threads of the block in turn.
type copying struct {
	e    *emitter
	o    *ir.Op
	v    *view
	x    *tensor
	subs []*ir.Value
	// size is that of an element in bytes, per how many are in a piece.
	size, per int64
	// rows and inner are the spans that run over rows and within them.
	rows, inner *value
	// rowDim is the dimension of the tensor along which rows lie.
	rowDim int
	// free says that what is absent along the rows may hold anything.
	free bool
	// rowsOf is set where rows lie anywhere.
	rowsOf *gathered
}

// copyIn emits Copy, and with it those that follow it for the same stage of their ring: under one branch.
func (e *emitter) copyIn(o *ir.Op) {
	if e.copied[o] {
		return
	}
	ops := o.Parent.Ops
	var list []*copying
	fast, always := asm.Reg{}, true
	ops = ops[slices.Index(ops, o):]
	if e.value(o.Operands[0]).slots != nil {
		ops = ops[:1]
	}
	for _, p := range ops {
		switch p.Code {
		case ir.Acquire:
			if r, i := e.of(p.Operands[0]); i == 0 || r != e.rings[o.Operands[0].Def.Operands[0]] {
				p = nil
			} else {
				e.acquire(p)
				continue
			}
		case ir.Commit:
			continue
		case ir.Copy:
		default:
			p = nil
		}
		if p == nil {
			break
		}
		e.copied[p] = true
		c := e.copying(p)
		if unaligned(c.x, c.size) {
			e.b.In(c.v.place, c.elements)
			continue
		}
		list = append(list, c)
		if q, all := c.wide(); !all && always {
			fast, always = q, false
		} else if !all {
			fast = e.b.AndP(fast, q)
		}
	}
	each := func(do func(c *copying)) func() {
		return func() {
			for _, c := range list {
				e.b.In(c.v.place, func() { do(c) })
			}
		}
	}
	if always {
		each((*copying).pieces)()
		return
	}
	e.b.IfOften(asm.R(fast), each((*copying).pieces), each((*copying).elements))
}

// copying prepares a Copy.
func (e *emitter) copying(o *ir.Op) *copying {
	c := &copying{e: e, o: o, v: e.value(o.Operands[0]).view, x: e.value(o.Operands[1]).tensor, subs: o.Operands[2:], rowDim: -1}
	t := o.Operands[1].Type
	c.size = int64(t.Elem.Bits()) / 8
	f := c.v.form
	last := len(c.subs) - 1
	if t.Elem.Bits()%8 != 0 || c.subs[last] != o.Axes[f.Inner] {
		e.fail("a copy of %s along its rows", t)
	}
	c.per = 16 / c.size
	if gathers(o) {
		c.gather()
		return c
	}
	for i, s := range c.subs[:last] {
		if s == o.Axes[f.Order[0]] {
			c.rowDim = i
		} else if s.Type.Kind != ir.Scalar {
			e.fail("a copy of %s by a %s", t, s.Type)
		}
	}
	if c.rowDim < 0 {
		e.fail("a copy of %s without rows", t)
	}
	c.rows, c.inner = e.value(o.Axes[f.Order[0]]), e.value(o.Axes[f.Inner])
	c.free = e.freeRows(o, f.Inner)
	return c
}

// freeRows reports whether nothing looks at rows of a slot that are absent: if all its readers are factors of contractions that
// keep the rows' axis, and have the spans of the copy.
func (e *emitter) freeRows(o *ir.Op, inner int) bool {
	if e.value(o.Operands[0]).slots != nil {
		return false // readers may have other spans
	}
	r, i := e.of(o.Operands[0].Def.Operands[0])
	for _, take := range e.users(r.members[i].Result()) {
		if take.Code != ir.Take {
			continue
		}
		for _, see := range e.users(take.Result()) {
			if see.Code != ir.View {
				continue
			}
			for _, conv := range e.users(see.Result()) {
				for _, u := range e.users(conv.Result()) {
					if u.Code != ir.Contract || slices.Contains(u.Axes, see.Axes[1-inner]) {
						return false
					}
				}
			}
		}
	}
	return true
}

// unaligned reports whether rows of a tensor of elements of so many bytes are known to begin at other addresses than multiples of
// 16 bytes, so that no piece can be copied at once.
func unaligned(x *tensor, size int64) bool {
	return slices.ContainsFunc(x.strides[:len(x.strides)-1], func(s asm.Arg) bool {
		k, ok := s.IntValue()
		return ok && k*size%16 != 0
	})
}

// arrivesLate reports whether a copy may be asynchronous, at once or element by element: elements of less than 4 bytes go through registers.
func (e *emitter) arrivesLate(o *ir.Op) bool {
	size := int64(o.Tensor().Type.Elem.Bits()) / 8
	return size >= 4 || !unaligned(e.value(o.Tensor()).tensor, size)
}

// synchronous reports whether all copies into the slots of a ring are known to go through registers: then a barrier is all that they
// need.
func (e *emitter) synchronous(r *ring) bool {
	for _, m := range r.members {
		for _, acquire := range e.users(m.Result()) {
			if acquire.Code != ir.Acquire {
				continue
			}
			for _, o := range e.users(acquire.Result()) {
				if o.Code == ir.Copy && e.arrivesLate(o) {
					return false
				}
			}
		}
	}
	return true
}

// wide is a predicate under which pieces may be copied at once: they are aligned, numbers fit words, and where absent rows
// repeat the last one, there is one. Always says that this is so.
func (c *copying) wide() (p asm.Reg, always bool) {
	b := c.e.b
	always = true
	and := func(q asm.Reg) {
		if c.e.suppose(q) {
			return
		}
		if always {
			p, always = q, false
			return
		}
		p = b.AndP(p, q)
	}
	if c.rowsOf != nil {
		c.wideRows(and)
		return p, always
	}
	// All rows of the slot lie within 2^31 bytes, and each begins at a multiple of 16.
	fits := func(stride asm.Arg) {
		rows := int64(1) << bits.Len64(uint64(c.v.form.Rows()))
		if k, ok := stride.IntValue(); !ok || k*c.size*rows >= 1<<31 {
			and(b.SetP("lt", "u64", stride, asm.Int(1<<31/(c.size*rows))))
		}
		if b.Zeros(stride) < log2(c.per) {
			and(b.SetP("eq", "s64", b.And(asm.D, stride, asm.Int(c.per-1)), asm.Int(0)))
		}
	}
	and(b.SetP("eq", "s64", b.And(asm.D, c.x.base, asm.Int(15)), asm.Int(0)))
	for i, s := range c.x.strides[:len(c.x.strides)-1] {
		if i == c.rowDim {
			fits(s)
		} else if b.Zeros(s) < log2(c.per) {
			and(b.SetP("eq", "s64", b.And(asm.D, s, asm.Int(c.per-1)), asm.Int(0)))
		}
	}
	for _, d := range []asm.Arg{c.x.dims[c.rowDim], c.x.dims[len(c.x.dims)-1]} {
		if k, ok := d.IntValue(); !ok || k >= 1<<31 {
			and(b.SetP("lt", "u64", d, asm.Int(1<<31)))
		}
	}
	// A row of pieces begins at a multiple of them.
	if k, ok := c.inner.lo.IntValue(); !ok || k%c.per != 0 {
		if c.e.facts.Divisor(c.o.Axes[c.v.form.Inner])%c.per != 0 {
			and(b.SetP("eq", "s64", b.And(asm.D, c.inner.lo, asm.Int(c.per-1)), asm.Int(0)))
		}
	}
	if _, ok := c.rows.n.IntValue(); !ok && c.free && !c.rows.full && !occupied(c.o, c.o.Axes[c.v.form.Order[0]]) {
		and(b.SetP("gt", "s32", c.rows.n, asm.Int(0)))
	}
	return p, always
}

// occupied reports whether a span is known to have an index where an operation stands: that of a loop or a block, or one that
// begins at such an index and ends with it, or whose bounds a branch around the operation has compared.
func occupied(o *ir.Op, span *ir.Value) bool {
	if span.Def == nil {
		return span.Region != nil && span.Region.Parent != nil && (span.Region.Parent.Code == ir.For || span.Region.Parent.Code == ir.Parallel)
	}
	if span.Def.Code != ir.SpanOf {
		return false
	}
	lo, hi := span.Def.Operands[0], span.Def.Operands[1]
	if d := lo.Def; d != nil && d.Code == ir.SpanLo && d.Axes[0].Def == nil && d.Axes[0].Region != nil {
		if l := d.Axes[0].Region.Parent; l != nil && l.Code == ir.For && l.Operands[1] == hi {
			return true
		}
	}
	for r := o.Parent; r.Parent != nil; r = r.Parent.Parent {
		if p := r.Parent; p.Code == ir.If && p.Regions[0] == r {
			if c := p.Operands[0].Def; c != nil && c.Code == ir.Lt && c.Operands[0] == lo && c.Operands[1] == hi {
				return true
			}
		}
	}
	return false
}

// share is one piece of a thread.
type share struct {
	row, piece asm.Arg // words
	// row is first and a constant.
	first   asm.Arg
	rows    int64
	to      asm.Reg
	offset  int64
	in      asm.Reg // where some threads have none
	guarded bool
	// many says that a thread has more pieces than it has registers for an address of each.
	many bool
}

// shares are the pieces of a thread.
func (c *copying) shares() []share {
	e, b, f := c.e, c.e.b, c.v.form
	threads := int64(32 * e.warps)
	tid := e.thread()
	pieces := f.Pieces()
	total := pieces * f.Rows()
	var list []share
	for j := int64(0); j*threads < total; j++ {
		s := share{many: total > 4*threads}
		if (j+1)*threads > total {
			s.in, s.guarded = b.SetP("lt", "u32", tid, asm.Int(total-j*threads)), true
		}
		if pieces&(pieces-1) == 0 && threads%pieces == 0 {
			first := b.Shr(asm.W, tid, log2(pieces))
			rows := j * (threads / pieces)
			s.piece = b.And(asm.W, tid, asm.Int(pieces-1))
			s.row, s.first, s.rows = b.Add(asm.W, first, asm.Int(rows)), first, rows
			if rows%8 == 0 {
				s.to, s.offset = e.pieceAt(c.v, first, b.And(asm.W, first, asm.Int(7)), s.piece, rows, 0)
				list = append(list, s)
				continue
			}
		} else {
			n := b.Add(asm.W, tid, asm.Int(j*threads))
			s.row = asm.R(b.Pure("div.u32", asm.W, n, asm.Int(pieces)))
			s.first = s.row
			s.piece = b.Sub(asm.W, n, b.Mul(asm.W, s.row, asm.Int(pieces)))
		}
		s.to, s.offset = e.pieceAt(c.v, s.row, b.And(asm.W, s.row, asm.Int(7)), s.piece, 0, 0)
		list = append(list, s)
	}
	return list
}

// start is the address of the tensor's element with all spans at 0, the same in all threads.
func (c *copying) start() asm.Arg {
	at := c.x.base
	for i, s := range c.subs[:len(c.subs)-1] {
		if i != c.rowDim {
			at = c.e.b.Add(asm.D, at, c.e.b.Mul(asm.D, c.e.scalar(s), c.bytes(i)))
		}
	}
	return at
}

// copyReach is how far behind an address in a register an asynchronous copy can read: machine code has 12 bits for it, with a sign.
const copyReach = 1<<11 - 1

// from is the address of a piece, by its row and its first element, as far as numbers fit words: a register and an offset. What
// changes in the loop is a product that all pieces share, and added to what the thread knows before it: an assembler makes one
// instruction of the product and the sum. Numbers that are known are added to words, from where it does not take them back.
func (c *copying) from(s share, row, col asm.Arg, clamped bool) (asm.Reg, int64) {
	b := c.e.b
	by, size := c.bytes(c.rowDim), asm.Int(c.size)
	offset := int64(0)
	if k, ok := by.IntValue(); ok && !clamped && k*s.rows <= copyReach {
		offset, row = k*s.rows, s.first
	}
	apart := asm.Int(0)
	if !clamped && offset == 0 && s.many { // what all threads have alike takes few registers
		apart, row = b.Mul(asm.D, asm.Int(s.rows), by), s.first
	}
	at := c.start()
	plus := func(x, by asm.Arg) { at = b.Add(asm.D, at, b.Mul(asm.D, x, by)) }
	wide := func(x, by asm.Arg) {
		if _, known := x.IntValue(); known {
			plus(x, by)
		} else if n, known := by.IntValue(); known && n == 1 {
			plus(b.Unsigned(x), by)
		} else {
			at = asm.R(b.Pure("mad.wide.u32", asm.D, x, b.Narrow(by), at))
		}
	}
	lo, scale := c.rows.lo, by
	inner := b.Depth(c.inner.lo) > b.Depth(c.rows.lo)
	if inner {
		lo, scale = c.inner.lo, size
		plus(c.rows.lo, by)
	} else {
		plus(c.inner.lo, size)
	}
	lo, k := b.Plus(lo)
	if inner {
		col = b.Add(asm.W, col, asm.Int(k))
	} else {
		row = b.Add(asm.W, row, asm.Int(k))
	}
	wide(col, size)
	wide(row, by)
	step, whole := b.Narrow(lo), scale
	if n, ok := scale.IntValue(); ok && n == 1 && k%c.per == 0 { // pieces begin at multiples of their length
		step, scale = asm.R(b.Pure("shr.s32", asm.W, c.e.word(step), asm.Int(int64(log2(c.per))))), asm.Int(c.per)
	}
	if _, known := step.IntValue(); known || b.Depth(step) == b.Depth(at) {
		plus(lo, whole)
	} else {
		at = b.Add(asm.D, at, asm.R(b.Pure("mul.wide.s32", asm.D, step, b.Narrow(scale))))
	}
	return b.Move(asm.D, b.Add(asm.D, at, apart)), offset
}

// bytes are those between neighbours along a dimension, a double.
func (c *copying) bytes(dim int) asm.Arg {
	return c.e.b.Mul(asm.D, c.x.strides[dim], asm.Int(c.size))
}

// pieces copies pieces at once.
func (c *copying) pieces() {
	if c.rowsOf != nil {
		c.rowPieces()
		return
	}
	b, f := c.e.b, c.v.form
	rowType, innerType := c.o.Axes[f.Order[0]].Type, c.o.Axes[f.Inner].Type
	rows, inner := c.rows.n, c.inner.n
	if c.rows.full {
		rows = asm.Int(rowType.Width)
	}
	if c.inner.full {
		inner = asm.Int(innerType.Width)
	}
	for _, s := range c.shares() {
		row, clamped := s.row, false
		size := asm.Arg{} // of what exists, in bytes; none where all does
		some := false
		k, known := rows.IntValue()
		switch {
		case known && k >= f.Rows():
		case c.free:
			row, clamped = asm.R(b.Pure("min.s32", asm.W, row, b.Sub(asm.W, rows, asm.Int(1)))), true
		default:
			size, some = asm.R(b.Select(asm.W, b.SetP("lt", "s32", row, rows), asm.Int(16), asm.Int(0))), true
		}
		col := b.Mul(asm.W, s.piece, asm.Int(c.per))
		if k, known := inner.IntValue(); !known || k < f.Pieces()*c.per {
			left := b.Mul(asm.W, b.Sub(asm.W, inner, col), asm.Int(c.size))
			left = asm.R(b.Pure("max.s32", asm.W, asm.R(b.Pure("min.s32", asm.W, left, asm.Int(16))), asm.Int(0)))
			if some {
				left = asm.R(b.Pure("min.s32", asm.W, left, size))
			}
			size, some = left, true
		}
		from, offset := c.from(s, row, col, clamped)
		args := []asm.Arg{asm.At(s.to, s.offset), asm.At(from, offset), asm.Int(16)}
		if some {
			args = append(args, size)
		}
		guard{s.in, s.guarded}.emit(b, "cp.async.cg.shared.global", args...)
	}

}

// elements copies element by element, through registers.
func (c *copying) elements() {
	if c.rowsOf != nil {
		c.rowElements()
		return
	}
	b, f := c.e.b, c.v.form
	rows, inner := c.rows.n, c.inner.n
	if c.rows.full {
		rows = asm.Int(c.o.Axes[f.Order[0]].Type.Width)
	}
	if c.inner.full {
		inner = asm.Int(c.o.Axes[f.Inner].Type.Width)
	}
	start := b.Add(asm.D, c.start(), b.Mul(asm.D, c.rows.lo, c.bytes(c.rowDim)))
	start = b.Add(asm.D, start, b.Mul(asm.D, c.inner.lo, asm.Int(c.size)))
	for _, s := range c.shares() {
		col := b.Mul(asm.W, s.piece, asm.Int(c.per))
		at := b.Add(asm.D, start, b.Mul(asm.D, b.Widen(s.first), c.bytes(c.rowDim)))
		at = b.Add(asm.D, at, b.Mul(asm.D, b.Widen(col), asm.Int(c.size)))
		at = b.Add(asm.D, at, b.Mul(asm.D, asm.Int(s.rows), c.bytes(c.rowDim)))
		from := b.Move(asm.D, at)
		live := b.SetP("lt", "s32", s.row, rows)
		if s.guarded {
			live = b.AndP(live, s.in)
		}
		left := b.Sub(asm.W, inner, col)
		own := guard{s.in, s.guarded}
		c.oneByOne(s.to, s.offset, own, func(i int64) (asm.Arg, guard) {
			return asm.At(from, i*c.size), guard{b.AndP(live, b.SetP("gt", "s32", left, asm.Int(i))), true}
		})
	}
}

// oneByOne copies a piece element by element, through registers where these are smaller than a word; at gives the address of each
// and where it exists.
func (c *copying) oneByOne(to asm.Reg, offset int64, own guard, at func(i int64) (asm.Arg, guard)) {
	b := c.e.b
	if c.size >= 4 {
		for i := range c.per {
			from, live := at(i)
			args := []asm.Arg{asm.At(to, offset+i*c.size), from, asm.Int(c.size)}
			if live.ok {
				args = append(args, asm.R(b.Select(asm.W, live.p, asm.Int(c.size), asm.Int(0))))
			}
			own.emit(b, "cp.async.ca.shared.global", args...)
		}
		return
	}
	op := fmt.Sprintf("ld.global.%s%d", map[bool]string{true: "u", false: "b"}[c.size < 4], 8*c.size)
	class := asm.W
	if c.size == 8 {
		class = asm.D
	}
	list := make([]asm.Arg, c.per)
	for i := range list {
		r := b.Reg(class)
		c.e.move(r, asm.Int(0))
		from, live := at(int64(i))
		live.emit(b, op, asm.R(r), from)
		list[i] = asm.R(r)
	}
	kind, n := "v4.b32", max(1, int(4/c.size))
	if c.size == 8 {
		kind = "v2.b64"
	}
	var words []asm.Arg
	for i := 0; i < len(list); i += n {
		if n == 1 {
			words = append(words, list[i])
		} else {
			words = append(words, c.e.pack(int(8*c.size), list[i:i+n]))
		}
	}
	own.emit(b, "st.shared."+kind, asm.At(to, offset), asm.Vec(words...))
}
