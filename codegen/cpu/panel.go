package cpu

import (
	"github.com/llir/llvm/ir"

	"github.com/tilec/tilec/codegen/internal/llx"
)

// packer fills the panels of a micro-kernel with an operand's values. A panel's element is a step: as many k of one row
// (of A) or column (of B) as an instruction multiplies at once, four bytes or eight.
//
// Values come a vector at a time, along k or along the other axis, whichever way they lie in memory, and are turned where
// the panel runs the other way. Positions are counted from the panel's begin.
type packer struct {
	*unit
	product
	lanes  int  // steps in a vector
	alongK bool // vectors run along k
	// at gives lanes values from a position on: along k at one place of the other axis, or the reverse. They are of the
	// product's class for factors (f32, f64, i32, i64) and hold what the product does exactly. Live is how many are
	// there, the rest anything; nil for all of them.
	at func(other, k, live llx.Value) llx.Value
	// raw is where the steps from a place on lie as they are wanted, along k; nil where values are converted or computed.
	raw func(other, k llx.Value) llx.Value
	// ahead asks the memory for a factor's place that is wanted soon, and may lie anywhere; nil where that is no use.
	ahead func(other, k llx.Value)
	// bias is set where 128 is to be added to factors of i8Product.
	bias bool
	// prefetch asks for the line of memory that has the value at a place, where the hardware would not know to; nil where
	// it does. A line holds so many values.
	prefetch func(other, k llx.Value)
	line     int64
}

// rowsAhead is how many rows before its use a row of scattered ones is asked for: a core waits for some fifty lines at once.
const rowsAhead = 16

// ask asks for rows that are used later: of columns, count from the given one on, along k.
func (p *packer) ask(e *emitter, from llx.Value, count int64, last, length llx.Value) {
	if p.prefetch == nil {
		return
	}
	e.For(llx.C64(0), llx.C64(count), 1, func(i llx.Value) {
		row := e.Min(e.Add(from, i), e.Sub(last, llx.C64(1)))
		e.For(llx.C64(0), length, p.line, func(at llx.Value) {
			if p.alongK {
				p.prefetch(row, at)
			} else {
				p.prefetch(at, row)
			}
		})
	})
}

// bits is the type of a vector of steps.
func (p *packer) bits() llx.Type {
	if p.step() == 8 {
		return llx.Vec(llx.I64, p.lanes)
	}
	return llx.Vec(llx.I32, p.lanes)
}

// soon asks for a place that is wanted soon.
func (p *packer) soon(other, k llx.Value) {
	if p.ahead != nil {
		p.ahead(other, k)
	}
}

// zeroed is v with 0 from lane live on.
func (p *packer) zeroed(v, live llx.Value) llx.Value {
	if live == nil {
		return v
	}
	mask := p.ICmp("slt", p.Steps(llx.I32, p.lanes), p.Splat(p.Trunc(live, llx.I32), p.lanes))
	return p.Select(mask, v, llx.Zero(v.Type()))
}

// narrow is the low bits of each lane that a factor takes in a step, as integers.
func (p *packer) narrow(v llx.Value) llx.Value {
	switch p.product {
	case bf16Product:
		high := p.LShr(p.Bitcast(v, llx.Vec(llx.I32, p.lanes)), p.Splat(llx.C32(16), p.lanes))
		return p.Trunc(high, llx.Vec(llx.I16, p.lanes))
	case i16Product:
		return p.Trunc(v, llx.Vec(llx.I16, p.lanes))
	case i8Product:
		return p.Trunc(v, llx.Vec(llx.I8, p.lanes))
	}
	return p.Bitcast(v, p.bits())
}

// concat is vectors behind each other.
func (p *packer) concat(list []llx.Value) llx.Value {
	for len(list) > 1 {
		var next []llx.Value
		for i := 0; i < len(list); i += 2 {
			n := llx.Lanes(list[i].Type())
			next = append(next, p.Shuffle(list[i], list[i+1], sequence(2*n)))
		}
		list = next
	}
	return list[0]
}

func sequence(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// steps is a vector of steps: along k, from the value at k on, or along the other axis. LiveK is how many k are there
// from k on, live how many places of the other axis from other on; nil where they are surely enough.
func (p *packer) steps(other, k, liveK, live llx.Value) llx.Value {
	per := p.per()
	list := make([]llx.Value, per)
	if p.alongK {
		for q := range list {
			var left llx.Value
			if liveK != nil {
				left = p.Sub(liveK, llx.C64(int64(q*p.lanes)))
			}
			list[q] = p.narrow(p.fetch(other, p.Add(k, llx.C64(int64(q*p.lanes))), left))
		}
		return p.biased(p.Bitcast(p.concat(list), p.bits()))
	}
	for q := range list {
		at := p.Add(k, llx.C64(int64(q)))
		if liveK == nil || q == 0 {
			list[q] = p.narrow(p.fetch(other, at, live))
			continue
		}
		s := p.Alloca(p.narrowType(), 1, 64)
		p.If(p.ICmp("sgt", liveK, llx.C64(int64(q))), func() {
			p.Store(p.narrow(p.fetch(other, at, live)), s, 64)
		}, func() { p.Store(llx.Zero(p.narrowType()), s, 64) })
		list[q] = p.Load(p.narrowType(), s, 64)
	}
	if per == 1 {
		return list[0]
	}
	// Step i is the i-th of each.
	v := llx.Value(nil)
	for q, x := range list {
		wide := p.ZExt(x, p.bits())
		if q > 0 {
			wide = p.Shl(wide, p.Splat(llx.C32(int64(32/per*q)), p.lanes))
			v = p.Or(v, wide)
		} else {
			v = wide
		}
	}
	return p.biased(v)
}

func (p *packer) narrowType() llx.Type {
	switch p.per() {
	case 2:
		return llx.Vec(llx.I16, p.lanes)
	case 4:
		return llx.Vec(llx.I8, p.lanes)
	}
	return p.bits()
}

func (p *packer) biased(v llx.Value) llx.Value {
	if p.product != i8Product || !p.bias {
		return v
	}
	return p.Xor(v, p.Splat(llx.C32(-0x7f7f7f80), p.lanes)) // 0x80808080
}

// fetch is at with 0 where nothing is; nothing is read where nothing at all is.
func (p *packer) fetch(other, k, live llx.Value) llx.Value {
	if live == nil {
		return p.at(other, k, nil)
	}
	var t llx.Type
	switch p.product {
	case f32Product, bf16Product:
		t = llx.Vec(llx.Float, p.lanes)
	case f64Product:
		t = llx.Vec(llx.Double, p.lanes)
	case i64Product:
		t = llx.Vec(llx.I64, p.lanes)
	default:
		t = llx.Vec(llx.I32, p.lanes)
	}
	s := p.Alloca(t, 1, 64)
	p.If(p.ICmp("sge", live, llx.C64(int64(p.lanes))), func() {
		p.Store(p.at(other, k, nil), s, 64)
	}, func() {
		p.If(p.ICmp("sgt", live, llx.C64(0)), func() {
			p.Store(p.zeroed(p.at(other, k, live), live), s, 64)
		}, func() { p.Store(llx.Zero(t), s, 64) })
	})
	return p.Load(t, s, 64)
}

// columnPanel is a panel of columns: slivers.
type columnPanel struct {
	*packer
	block
	base  llx.Value
	first llx.Value // number of the first column, a multiple of the lanes
}

// sliver is where the first step of a vector of columns lies.
func (c *columnPanel) sliver(column llx.Value) llx.Value {
	width := int64(c.packer.lanes) * c.packer.step()
	v := c.divide(c.Add(c.first, column), int64(c.packer.lanes))
	n := c.divide(v, int64(c.wide))
	at := c.Add(c.Mul(n, llx.C64(c.sliverBytes())), c.Mul(c.Sub(v, c.Mul(n, llx.C64(int64(c.wide)))), llx.C64(width)))
	return c.Offset(c.base, at)
}

func (c *columnPanel) divide(n llx.Value, by int64) llx.Value {
	if k, ok := llx.ConstInt(n); ok {
		return llx.C64(k / by)
	}
	if by&(by-1) == 0 {
		return c.LShr(n, llx.C64(int64(log2(by))))
	}
	return c.UDiv(n, llx.C64(by))
}

// fill packs columns of n places along k. Steps up to a multiple of 16 are written, what is not there as 0.
func (c *columnPanel) fill(e *emitter, columns, n llx.Value) {
	lanes := int64(c.packer.lanes)
	per := int64(c.per())
	if !c.alongK {
		group := func(k, liveK llx.Value, put func(column, v llx.Value)) {
			whole := e.whole(columns, lanes)
			e.For(llx.C64(0), whole, lanes, func(j llx.Value) { put(j, c.steps(j, k, liveK, nil)) })
			e.If(e.ICmp("slt", whole, columns), func() { put(whole, c.steps(whole, k, liveK, e.Sub(columns, whole))) }, nil)
		}
		step := func(k, liveK llx.Value) {
			c.ask(e, e.Add(k, llx.C64(rowsAhead)), per, n, columns)
			at := e.Mul(c.divide(k, per), llx.C64(c.block.sliver()))
			group(k, liveK, func(j, v llx.Value) {
				e.Store(v, e.Offset(c.sliver(j), at), int(c.packer.step()))
			})
		}
		whole := e.whole(n, per)
		e.For(llx.C64(0), whole, per, func(k llx.Value) { step(k, nil) })
		if per > 1 {
			e.If(e.ICmp("slt", whole, n), func() { step(whole, e.Sub(n, whole)) }, nil)
		}
		if c.matrix {
			e.For(e.divUp(n, per), e.And(e.Add(e.divUp(n, per), llx.C64(15)), llx.C64(-16)), 1, func(s llx.Value) {
				e.For(llx.C64(0), columns, lanes, func(j llx.Value) {
					e.Store(llx.Zero(c.bits()), e.Offset(c.sliver(j), e.Mul(s, llx.C64(c.block.sliver()))), 4)
				})
			})
		}
		return
	}
	room := c.square(squaresAtOnce)
	e.For(llx.C64(0), columns, lanes, func(j llx.Value) {
		first := c.sliver(j)
		some := e.Min(e.Sub(columns, j), llx.C64(lanes))
		c.ask(e, e.Add(j, llx.C64(lanes)), lanes, columns, n)
		// Several squares of a row are read at once, as memory is faster in longer runs.
		length := lanes * per
		squares := func(k, liveK llx.Value, count int64) {
			c.gather(e, room, some, int(count), func(i llx.Value, q int64) llx.Value {
				c.soon(e.Add(j, i), e.Add(k, llx.C64((2*count+q)*length)))
				return c.steps(e.Add(j, i), e.Add(k, llx.C64(q*length)), liveK, nil)
			})
			e.For(llx.C64(0), llx.C64(count), 1, func(q llx.Value) {
				at := e.Mul(e.Add(c.divide(k, per), e.Mul(q, llx.C64(lanes))), llx.C64(c.block.sliver()))
				c.turn(c.row(room, e.Mul(q, llx.C64(lanes))), e.Offset(first, at), c.block.sliver())
			})
		}
		many := e.whole(n, squaresAtOnce*length)
		if c.raw == nil {
			e.For(llx.C64(0), many, squaresAtOnce*length, func(k llx.Value) { squares(k, nil, squaresAtOnce) })
		} else {
			// What needs no conversion is turned from memory to memory.
			e.If(e.ICmp("eq", some, llx.C64(lanes)), func() {
				e.For(llx.C64(0), many, length, func(k llx.Value) { c.transfer(e, first, j, k) })
			}, func() {
				e.For(llx.C64(0), many, length, func(k llx.Value) { squares(k, nil, 1) })
			})
		}
		whole := e.whole(n, length)
		e.For(many, whole, length, func(k llx.Value) { squares(k, nil, 1) })
		e.If(e.ICmp("slt", whole, n), func() { squares(whole, e.Sub(n, whole), 1) }, nil)
	})
}

// transfer packs a whole square of columns from j on and steps from k on.
func (c *columnPanel) transfer(e *emitter, first, j, k llx.Value) {
	lanes, per := int64(c.packer.lanes), int64(c.per())
	rows := make([]llx.Value, lanes)
	for i := range rows {
		other := e.Add(j, llx.C64(int64(i)))
		if c.matrix {
			// What has a matrix unit has slow memory beside it.
			c.soon(other, e.Add(k, llx.C64(linesAhead*lanes*per)))
		}
		rows[i] = e.Load(c.bits(), c.raw(other, k), int(c.packer.step())/c.per())
		if c.bias {
			rows[i] = c.biased(rows[i])
		}
	}
	at := e.Mul(c.divide(k, per), llx.C64(c.block.sliver()))
	for i, v := range e.turn(rows) {
		e.Store(v, e.Offset(first, e.Add(at, llx.C64(int64(i)*c.block.sliver()))), int(c.packer.step()))
	}
}

// linesAhead is how many squares before its use a square's lines are asked for.
const linesAhead = 8

// blocks runs f for every vector of steps along k; liveK is nil in whole ones.
func (p *packer) blocks(e *emitter, n llx.Value, f func(k, liveK llx.Value)) {
	length := int64(p.lanes * p.per())
	whole := e.whole(n, length)
	e.For(llx.C64(0), whole, length, func(k llx.Value) { f(k, nil) })
	e.If(e.ICmp("slt", whole, n), func() { f(whole, e.Sub(n, whole)) }, nil)
}

// squaresAtOnce is how many squares of a row are read before the next row's.
const squaresAtOnce = 4

// square is room for squares: each has as many vectors of steps as one has lanes.
func (p *packer) square(count int) llx.Value { return p.Alloca(p.bits(), count*p.lanes, 64) }

func (p *packer) row(room, i llx.Value) llx.Value {
	return p.Offset(room, p.Mul(i, llx.C64(int64(p.lanes)*p.step())))
}

// gather fills the first n rows of squares, the rest with zeros; f gives row i of square q.
func (p *packer) gather(e *emitter, room, n llx.Value, count int, f func(i llx.Value, q int64) llx.Value) {
	put := func(i llx.Value, value func(q int64) llx.Value) {
		for q := range int64(count) {
			e.Store(value(q), p.row(room, e.Add(i, llx.C64(q*int64(p.lanes)))), 64)
		}
	}
	e.For(llx.C64(0), n, 1, func(i llx.Value) { put(i, func(q int64) llx.Value { return f(i, q) }) })
	e.For(n, llx.C64(int64(p.lanes)), 1, func(i llx.Value) { put(i, func(int64) llx.Value { return llx.Zero(p.bits()) }) })
}

// turn stores the columns of a square, each stride bytes behind the one before.
func (p *packer) turn(room, to llx.Value, stride int64) {
	if p.lanes <= 4 {
		p.turnHere(p.unit, room, to, llx.C64(stride))
		return
	}
	// A function, as a kernel has many places that turn squares of a hundred instructions.
	name := "turn." + llx.Suffix(p.bits())
	params := []*ir.Param{llx.Param("room", llx.Ptr, "noalias", "nocapture"), llx.Param("to", llx.Ptr, "noalias", "nocapture"), llx.Param("stride", llx.I64)}
	p.M.Local(name, llx.Void, params, func(b *llx.B) {
		b.Fn.FuncAttrs = append([]ir.FuncAttribute{llx.Word("noinline")}, p.Fn.FuncAttrs...)
		p.turnHere(&unit{b, p.level}, params[0], params[1], params[2])
		b.Ret(nil)
	})
	p.Call(name, llx.Void, room, to, llx.C64(stride))
}

func (p *packer) turnHere(u *unit, room, to, stride llx.Value) {
	rows := make([]llx.Value, p.lanes)
	for i := range rows {
		rows[i] = u.Load(p.bits(), u.Offset(room, llx.C64(int64(i*p.lanes)*p.step())), 64)
	}
	for i, v := range u.turn(rows) {
		u.Store(v, u.Offset(to, u.Mul(stride, llx.C64(int64(i)))), 4)
	}
}

// rowPanel is a panel of rows, each behind the other.
type rowPanel struct {
	*packer
	block
	base  llx.Value
	first llx.Value // number of the first row in the panel
	from  llx.Value // the place of the first row along its axis
}

func (r *rowPanel) row(i llx.Value) llx.Value {
	return r.Offset(r.base, r.Mul(r.Add(r.first, i), llx.C64(r.rowA)))
}

// fill packs rows of n places along k. Whole vectors of steps are written, what is not there as 0.
func (r *rowPanel) fill(e *emitter, rows, n llx.Value) {
	lanes := int64(r.packer.lanes)
	per := int64(r.per())
	at := func(row, k llx.Value) llx.Value {
		return e.Offset(row, e.Mul(e.divUp(k, per), llx.C64(r.packer.step())))
	}
	if r.alongK {
		e.For(llx.C64(0), rows, 1, func(i llx.Value) {
			row := r.row(i)
			r.blocks(e, n, func(k, liveK llx.Value) {
				r.soon(e.Add(r.from, e.Add(i, llx.C64(8))), k)
				e.Store(r.steps(e.Add(r.from, i), k, liveK, nil), at(row, k), 4)
			})
		})
		return
	}
	room := r.square(1)
	group := func(i, live llx.Value) {
		r.blocks(e, n, func(k, liveK llx.Value) {
			some := llx.Value(llx.C64(lanes))
			if liveK != nil {
				some = e.divUp(liveK, per)
			}
			r.gather(e, room, some, 1, func(s llx.Value, _ int64) llx.Value {
				r.soon(e.Add(r.from, i), e.Add(k, e.Mul(e.Add(s, llx.C64(lanes)), llx.C64(per))))
				left := liveK
				if left != nil {
					left = e.Sub(left, e.Mul(s, llx.C64(per)))
				}
				return r.steps(e.Add(r.from, i), e.Add(k, e.Mul(s, llx.C64(per))), left, live)
			})
			r.turn(room, at(r.row(i), k), r.rowA)
		})
	}
	whole := e.whole(rows, lanes)
	e.For(llx.C64(0), whole, lanes, func(i llx.Value) { group(i, nil) })
	e.If(e.ICmp("slt", whole, rows), func() { group(whole, e.Sub(rows, whole)) }, nil)
}

// turn transposes as many vectors as each has lanes.
func (u *unit) turn(rows []llx.Value) []llx.Value {
	n := len(rows)
	x := append([]llx.Value(nil), rows...)
	for d := n / 2; d >= 1; d /= 2 {
		low, high := make([]int, n), make([]int, n)
		for l := range n {
			if l&d == 0 {
				low[l], high[l] = l, l+d
			} else {
				low[l], high[l] = n+l-d, n+l
			}
		}
		for i := range n {
			if i&d == 0 {
				x[i], x[i+d] = u.Shuffle(x[i], x[i+d], low), u.Shuffle(x[i], x[i+d], high)
			}
		}
	}
	return x
}
