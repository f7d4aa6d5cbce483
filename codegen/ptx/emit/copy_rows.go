package emit

import (
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
)

// gathered is a copy of rows that lie anywhere: along several axes, or where tiles of indices say. Each thread copies pieces of
// rows as a layout of the slot's pieces deals them out; indices are in projections of it, so that a thread has those of its own
// rows in registers.
type gathered struct {
	p *place // of pieces, over the slot's axes
	// slots are, for each dimension of the tensor whose subscript is a tile, its slots by those of p.
	slots [][]int
	// axis is, for each dimension, the slot's axis that its subscript is a span of, else -1.
	axis []int
}

// gathers reports whether a copy is one of rows that are not simply those of the tensor.
func gathers(o *ir.Op) bool {
	n := 0
	for _, s := range o.Subscripts() {
		switch s.Type.Kind {
		case ir.Tile:
			return true
		case ir.Span:
			n++
		}
	}
	return n != 2 || len(o.Axes) != 2
}

// gather prepares such a copy.
func (c *copying) gather() {
	e, f := c.e, c.v.form
	d := f.Deal(int64(e.warps))
	t := ir.TileType(c.o.Tensor().Type.Elem, ir.AxesOf(c.o.Axes...)...).In(&d)
	g := &gathered{p: e.place(t)}
	for i, s := range c.subs {
		var list []int
		axis := -1
		switch s.Type.Kind {
		case ir.Tile:
			list = e.slotsOf(s.Type, t)
		case ir.Span:
			if axis = t.Axis(s); axis < 0 || (axis == f.Inner) != (i == len(c.subs)-1) {
				e.fail("a copy of %s along %s", c.o.Tensor().Type, s.Name)
			}
		}
		g.slots, g.axis = append(g.slots, list), append(g.axis, axis)
	}
	c.inner = e.value(c.o.Axes[f.Inner])
	c.rowsOf = g
}

// wideRows is [copying.wide] for gathered rows.
func (c *copying) wideRows(and func(q asm.Reg)) {
	b, g := c.e.b, c.rowsOf
	and(b.SetP("eq", "s64", b.And(asm.D, c.x.base, asm.Int(15)), asm.Int(0)))
	for i, s := range c.x.strides[:len(c.x.strides)-1] {
		if k, ok := s.IntValue(); !ok || k*c.size%16 != 0 {
			and(b.SetP("eq", "s64", b.And(asm.D, s, asm.Int(c.per-1)), asm.Int(0)))
		}
		if g.slots[i] == nil {
			continue
		}
		// An index and the bytes from one to the next are words.
		if k, ok := s.IntValue(); !ok || k*c.size >= 1<<31 {
			and(b.SetP("lt", "u64", s, asm.Int(1<<31/c.size)))
		}
		if k, ok := c.x.dims[i].IntValue(); !ok || k >= 1<<31 {
			and(b.SetP("lt", "u64", c.x.dims[i], asm.Int(1<<31)))
		}
	}
	if k, ok := c.inner.lo.IntValue(); !ok || k%c.per != 0 {
		if c.e.facts.Divisor(c.o.Axes[c.v.form.Inner])%c.per != 0 {
			and(b.SetP("eq", "s64", b.And(asm.D, c.inner.lo, asm.Int(c.per-1)), asm.Int(0)))
		}
	}
}

// rowShare is one piece of a thread: where it goes, which threads have it, and what of it exists.
type rowShare struct {
	slot    int
	to      asm.Reg
	offset  int64
	in      guard
	live    guard   // its row
	piece   asm.Arg // a word
	partial bool    // some of its elements may be absent
	left    asm.Arg // how many elements there are from its first on, where it is partial
}

// rowShares are the pieces of a thread.
func (c *copying) rowShares() []rowShare {
	e, b, f, p := c.e, c.e.b, c.v.form, c.rowsOf.p
	var own guard
	own.p, own.ok = e.owner(p)
	inner := c.inner.n
	if c.inner.full {
		inner = asm.Int(c.o.Axes[f.Inner].Type.Width)
	}
	var list []rowShare
	for slot, at := range p.coords {
		s := rowShare{slot: slot, in: own, piece: e.coord(p, slot, f.Inner)}
		if p.d.Tile()[f.Inner] > f.Pieces() && at[f.Inner]+p.most[f.Inner] >= f.Pieces() {
			s.in = e.and(s.in, b.SetP("lt", "s32", e.word(s.piece), asm.Int(f.Pieces())))
		}
		rows, part := int64(0), asm.Int(0)
		for _, i := range f.Order {
			rows += f.Step(i) * at[i]
			part = b.Mad(asm.W, e.part(p, i), asm.Int(f.Step(i)), part)
			span := c.o.Axes[i]
			n := e.value(span).n
			if e.value(span).full {
				n = asm.Int(span.Type.Width)
			}
			if k, known := n.IntValue(); !known || at[i]+p.most[i] >= k {
				s.live = e.and(s.live, b.SetP("lt", "s32", e.word(e.coord(p, slot, i)), n))
			}
		}
		if rows%8 == 0 {
			s.to, s.offset = e.pieceAt(c.v, part, b.And(asm.W, part, asm.Int(7)), s.piece, rows, 0)
		} else {
			row := b.Add(asm.W, part, asm.Int(rows))
			s.to, s.offset = e.pieceAt(c.v, row, b.And(asm.W, row, asm.Int(7)), s.piece, 0, 0)
		}
		if k, known := inner.IntValue(); !known || k < f.Pieces()*c.per {
			s.partial, s.left = true, b.Sub(asm.W, inner, b.Mul(asm.W, s.piece, asm.Int(c.per)))
		}
		list = append(list, s)
	}
	return list
}

// rowFrom is the address of a piece. Fits says that indices, and the bytes from one to the next, are words.
func (c *copying) rowFrom(s rowShare, fits bool) asm.Reg {
	e, b, g := c.e, c.e.b, c.rowsOf
	terms := []asm.Arg{c.x.base, b.Mul(asm.D, c.inner.lo, asm.Int(c.size)), b.Mul(asm.D, b.Widen(s.piece), asm.Int(16))}
	for i, v := range c.subs[:len(c.subs)-1] {
		switch {
		case g.axis[i] >= 0:
			span := e.value(v)
			terms = append(terms, b.Mul(asm.D, span.lo, c.bytes(i)), b.Mul(asm.D, b.Widen(e.part(g.p, g.axis[i])), c.bytes(i)),
				b.Mul(asm.D, asm.Int(g.p.coords[s.slot][g.axis[i]]), c.bytes(i)))
		case g.slots[i] == nil:
			terms = append(terms, b.Mul(asm.D, e.scalar(v), c.bytes(i)))
		}
	}
	at := b.Sum(asm.D, terms...)
	for i, v := range c.subs[:len(c.subs)-1] {
		if g.slots[i] == nil {
			continue
		}
		x := e.elem(e.value(v), g.slots[i][s.slot])
		if !fits {
			at = b.Add(asm.D, at, b.Mul(asm.D, x, c.bytes(i)))
		} else if k, ok := x.IntValue(); ok {
			at = b.Add(asm.D, at, b.Mul(asm.D, asm.Int(k), c.bytes(i)))
		} else {
			at = asm.R(b.Pure("mad.wide.s32", asm.D, b.Narrow(x), b.Narrow(c.bytes(i)), at))
		}
	}
	return b.Move(asm.D, at)
}

// rowPieces copies pieces at once.
func (c *copying) rowPieces() {
	b := c.e.b
	for _, s := range c.rowShares() {
		args := []asm.Arg{asm.At(s.to, s.offset), asm.At(c.rowFrom(s, true), 0), asm.Int(16)}
		size := asm.Int(16)
		if s.partial {
			left := b.Mul(asm.W, s.left, asm.Int(c.size))
			size = asm.R(b.Pure("max.s32", asm.W, asm.R(b.Pure("min.s32", asm.W, left, asm.Int(16))), asm.Int(0)))
		}
		if s.live.ok {
			size = asm.R(b.Select(asm.W, s.live.p, size, asm.Int(0)))
		}
		if s.partial || s.live.ok {
			args = append(args, size)
		}
		s.in.emit(b, "cp.async.cg.shared.global", args...)
	}
}

// rowElements copies element by element, through registers.
func (c *copying) rowElements() {
	b := c.e.b
	for _, s := range c.rowShares() {
		from := c.rowFrom(s, false)
		live := s.live
		if s.in.ok {
			live = c.e.and(live, s.in.p)
		}
		c.oneByOne(s.to, s.offset, s.in, func(i int64) (asm.Arg, guard) {
			g := live
			if s.partial {
				g = c.e.and(g, b.SetP("gt", "s32", c.e.word(s.left), asm.Int(i)))
			}
			return asm.At(from, i*c.size), g
		})
	}
}
