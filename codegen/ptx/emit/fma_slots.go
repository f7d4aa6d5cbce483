package emit

import (
	"fmt"
	"slices"

	"github.com/tilec/tilec/codegen/ptx/asm"
)

// Contractions by multiply-adds whose factors lie in slots. A factor whose rows run along the summed axis is read in vectors of
// so many steps, each of one row of the factor; one whose rows run along another axis in vectors of one step, of as many of its
// rows. What lies in scratch is as the first.

// fromSlots reports whether a factor is read from slots.
func (c *chain) fromSlots() bool { return c.list[0].view != nil || c.list[1].view != nil }

// across reports whether a factor's vectors are of one step.
func (f *factor) across() bool { return f.view != nil && f.sumAxis[f.view.form.Inner] < 0 }

// unit is how many steps are emitted together at least: the places of pieces repeat behind 8 rows.
func (c *chain) unit() int64 {
	for _, f := range c.list {
		if f.across() && f.view.form.Swizzle > 0 {
			return 8
		}
	}
	return c.wide
}

// held is how many vectors, or elements of as many steps, are in registers at a time.
func (c *chain) held() int64 {
	x, y := c.list[0], c.list[1]
	m, n := int64(len(x.first)), int64(len(y.first))
	switch {
	case x.across() && y.across():
		return (m + n) / c.wide
	case x.across():
		return n + m/c.wide
	case y.across():
		return m + n/c.wide
	}
	return min(m, n) + 2
}

// vectors are registers that hold elements of a factor, by its row and by step from some one on.
type vectors map[[2]int64]asm.Arg

// streamed emits the steps of a chunk of which a factor at least lies in a slot.
func (c *chain) streamed(from, to int64) {
	b := c.e.b
	n := to - from
	slots := int64(0)
	for i := range c.acc {
		if c.p.twin[i] == i {
			slots++
		}
	}
	unroll := c.unit()
	for unroll*slots < 128 && n%(2*unroll) == 0 {
		unroll *= 2
	}
	for _, f := range c.list {
		if f.across() {
			f.piece = c.here(b.Shr(asm.W, c.e.part(c.p, f.axis[f.view.form.Inner]), log2(128/f.view.form.Bits)))
			continue
		}
		for _, slot := range f.first {
			if f.view != nil {
				part, _ := c.rowsOf(f, slot)
				c.here(part)
			}
		}
	}
	if n%unroll != 0 || n <= unroll {
		for k := int64(0); k < n; k += c.wide {
			c.group(from, k, asm.Int(0))
		}
		return
	}
	at := b.Var(asm.W)
	c.e.move(at, asm.Int(0))
	b.Loop(func(begin, end string) {
		b.Changes(at)
		for _, x := range c.acc {
			r, _ := x.Reg()
			b.Changes(r)
		}
		b.SetZeros(at, log2(unroll*c.size()&-(unroll*c.size())))
		for k := int64(0); k < unroll; k += c.wide {
			c.group(from, k, asm.R(at))
		}
		b.Emit("add.s32", asm.R(at), asm.R(at), asm.Int(unroll*c.size()))
		more := b.Do("setp.lt.s32", asm.P, asm.R(at), asm.Int(n*c.size()))
		b.EmitIf(asm.R(more), "bra.uni", asm.Text(begin))
	})
}

// group emits as many steps as a vector has. They are those from k on, behind the first of the chunk and so many bytes of a row along the
// summed axis.
func (c *chain) group(first, k int64, at asm.Arg) {
	x, y := c.list[0], c.list[1]
	last := c.counts[0]
	steps := min(c.wide, last-first-k)
	if x.across() || y.across() {
		var rows [2]vectors
		for i, f := range c.list {
			rows[i] = vectors{}
			for row := range f.first {
				if !f.across() {
					c.row(f, rows[i], int64(row), first, k, at)
				}
			}
		}
		for j := range steps {
			for i, f := range c.list {
				if f.across() {
					c.column(f, rows[i], first, k, j, at)
				}
			}
			c.step(-1, func(i, row int) asm.Arg { return rows[i][[2]int64{int64(row), j}] })
		}
		return
	}
	// The factor with fewer rows is held, and the other one read row by row.
	held, other := 0, 1
	if len(y.first) < len(x.first) {
		held, other = 1, 0
	}
	rows := [2]vectors{{}, {}}
	for row := range c.list[held].first {
		c.row(c.list[held], rows[held], int64(row), first, k, at)
	}
	for row := range c.list[other].first {
		c.row(c.list[other], rows[other], int64(row), first, k, at)
		for j := range steps {
			c.part(func(slot int) bool { return c.list[other].row[slot] == row },
				func(i, row int) asm.Arg { return rows[i][[2]int64{int64(row), j}] })
		}
	}
}

// row reads a row of a factor, the steps of a vector.
func (c *chain) row(f *factor, to vectors, row, first, k int64, at asm.Arg) {
	b := c.e.b
	slot := f.first[row]
	var list []asm.Arg
	if f.view == nil {
		r, offset := c.rowAddress(f, slot)
		if _, known := at.IntValue(); !known {
			r = b.Move(asm.W, b.Add(asm.W, asm.R(r), at))
		}
		list = c.loads(asm.At(r, offset+k*c.size()), c.wide)
	} else {
		form := f.view.form
		part, rows := c.rowsOf(f, slot)
		line := b.Add(asm.W, c.here(part), asm.Int(rows%8))
		// The piece of the row, exchanged with others.
		in := b.Add(asm.W, at, asm.Int((first+k)*c.size()))
		if first == 0 { // its bits are below those of what is added
			in = b.Or(asm.W, at, asm.Int(k*c.size()))
		}
		if form.Swizzle > 0 {
			x := b.Shl(asm.W, b.Shr(asm.W, b.And(asm.W, line, asm.Int(7)), 3-form.Swizzle), 4)
			if k, ok := in.IntValue(); ok {
				in = b.Xor(asm.W, x, asm.Int(k))
			} else {
				in = b.Xor(asm.W, in, x)
			}
		}
		from := b.Add(asm.W, b.Mul(asm.W, line, asm.Int(form.Pitch)), asm.R(c.e.sharedBase()))
		from = b.Add(asm.W, b.Add(asm.W, from, f.view.slot), in)
		r := b.Move(asm.W, from)
		b.In(f.view.place, func() { list = c.loads(asm.At(r, f.view.base+(rows-rows%8)*form.Pitch), c.wide) })
	}
	for j, x := range list {
		to[[2]int64{row, int64(j)}] = x
	}
}

// here is a word that is known from where the thread begins on, and what depends on it from here on only: it would take registers
// in between.
func (c *chain) here(x asm.Arg) asm.Arg {
	r, ok := x.Reg()
	if !ok {
		return x
	}
	if c.near == nil {
		c.near = map[asm.Reg]asm.Arg{}
	}
	if _, ok := c.near[r]; !ok {
		c.near[r] = asm.R(c.e.b.Do("mov.b32", asm.W, x))
	}
	return c.near[r]
}

// rowsOf is the row of a slot's form in which the factor's element for a slot of the result lies, but for what the summed axis
// adds: the thread's part, and what is constant.
func (c *chain) rowsOf(f *factor, slot int) (part asm.Arg, rows int64) {
	b, form := c.e.b, f.view.form
	part = asm.Int(0)
	for i, axis := range f.axis {
		if i != form.Inner && axis >= 0 {
			part = b.Mad(asm.W, c.e.part(c.p, axis), asm.Int(form.Step(i)), part)
			rows += form.Step(i) * c.p.coords[slot][axis]
		}
	}
	return part, rows
}

// column reads all rows of a factor at a step, in vectors along them.
func (c *chain) column(f *factor, to vectors, first, k, j int64, at asm.Arg) {
	b, form := c.e.b, f.view.form
	axis := f.axis[form.Inner]
	per := 128 / form.Bits
	// Threads begin at multiples of a vector.
	wide := per
	for wide > 1 && !c.multiples(axis, wide) {
		wide /= 2
	}
	// Rows of one vector have one name.
	name := func(i int) string {
		key := ""
		for _, a := range f.axis {
			if a == axis {
				key += fmt.Sprint(c.p.coords[f.first[i]][a]/wide, " ")
			} else if a >= 0 {
				key += fmt.Sprint(c.p.coords[f.first[i]][a], " ")
			}
		}
		return key
	}
	regs := map[string][]asm.Arg{}
	for row := range f.first {
		key := name(row)
		x := c.p.coords[f.first[row]][axis]
		if regs[key] == nil {
			part, rows := c.rowsOf(f, f.first[row])
			step := k + j
			if n, ok := at.IntValue(); ok {
				step += n / c.size()
			} else {
				part = b.Add(asm.W, part, b.Shr(asm.W, at, log2(c.size())))
			}
			rows += first + step
			begin := x / wide * wide
			r, offset := c.e.pieceAt(f.view, part, asm.Int(rows&7), f.piece, rows, begin/per)
			if wide < per {
				below := b.And(asm.W, c.e.part(c.p, axis), asm.Int(per-1))
				r = b.Move(asm.W, b.Add(asm.W, asm.R(r), b.Mul(asm.W, below, asm.Int(c.size()))))
			}
			b.In(f.view.place, func() { regs[key] = c.loads(asm.At(r, offset+begin%per*c.size()), wide) })
		}
		to[[2]int64{int64(row), j}] = regs[key][x%wide]
	}
}

// multiples reports whether the parts of threads along an axis of the result are multiples of a number.
func (c *chain) multiples(axis int, n int64) bool {
	for _, g := range slices.Concat(c.p.lane, c.p.warp) {
		if g.Axis == axis && g.Size > 1 && g.Stride%n != 0 {
			return false
		}
	}
	return true
}
