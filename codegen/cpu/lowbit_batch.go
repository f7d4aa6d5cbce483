package cpu

import (
	"slices"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
)

// Products of several rows at a level with dot products of bytes. What a group adds to is held in registers from group to
// group, beside the sums of the group at hand: measured, a store of a whole register takes the time of two dot products, while
// masks, shifts, conversions and additions take none. Two panels by six rows are twelve sums, enough for the latency of a dot
// product, and twelve results.

// batched is the plan for several rows at a level with dot products of bytes.
func (p lowbit) batched(rows int) lowbit {
	p.panels, p.rows, p.longest, p.holds = 2, min(rows, 6), 64, true
	return p
}

// chains is how many sums each of so many has, which are added to in turn: sums that do not wait for each other keep the
// pipes of the dot product busy.
func (p lowbit) chains(sums int) int {
	if p.holds {
		return max(1, (9+sums)/sums)
	}
	return max(1, 8/sums)
}

// held are the values that a loop over groups carries, for some rows and panels, in variables that become registers.
type held struct {
	cells [][][]llx.Value // [value][panel][row]
}

// hold reads what the loop carries for some rows and n panels. It gives nil where that would not fit into registers.
func (s *groups) hold(e *emitter, first llx.Value, rows int, at llx.Value, n int, live llx.Value) *held {
	sums := (len(s.products) + len(s.c.tiles)) * rows * n
	if s.lowbitLoop.rows == nil || sums > e.level.Registers*7/8 {
		return nil
	}
	h := &held{cells: make([][][]llx.Value, len(s.c.tiles))}
	for k := range h.cells {
		h.cells[k] = make([][]llx.Value, n)
		for q := range h.cells[k] {
			h.cells[k][q] = make([]llx.Value, rows)
		}
	}
	s.eachHeld(e, h, first, at, live, func(t *tile, p *point, cell *llx.Value) {
		c := classOf(t.elem)
		*cell = e.Alloca(varType(c, e.level.Lanes), 1, 64)
		e.Store(e.toVar(c, e.read(t, p, e.level.Lanes), e.level.Lanes), *cell, 64)
	})
	return h
}

// release stores what is held where it belongs.
func (s *groups) release(e *emitter, h *held, first, at, live llx.Value) {
	s.eachHeld(e, h, first, at, live, func(t *tile, p *point, cell *llx.Value) { e.write(t, p, e.heldIn(t, *cell)) })
}

// eachHeld runs body for every vector of what is held: its tile, its place there, its variable.
func (s *groups) eachHeld(e *emitter, h *held, first, at, live llx.Value, body func(t *tile, p *point, cell *llx.Value)) {
	for k, panels := range h.cells {
		for q, rows := range panels {
			for i := range rows {
				p := s.panelPoint(s.rowPoint(e, first, i), e.Add(at, llx.C64(int64(q*e.level.Lanes))), e.level.Lanes, live)
				body(s.c.tiles[k], p, &rows[i])
			}
		}
	}
}

// recall makes the loop's arguments stand for what is held of a panel and a row.
func (h *held) recall(e *emitter, s *groups, p *point, panel, row int) {
	for k, v := range s.o.Regions[0].Args[1:] {
		p.memo[v] = e.heldIn(s.c.tiles[k], h.cells[k][panel][row])
	}
}

// keep replaces what is held of a panel and a row.
func (h *held) keep(e *emitter, s *groups, values []llx.Value, panel, row int) {
	for k, v := range values {
		e.Store(e.toVar(classOf(s.c.tiles[k].elem), v, e.level.Lanes), h.cells[k][panel][row], 64)
	}
}

// heldIn is what a variable holds of a tile.
func (e *emitter) heldIn(t *tile, cell llx.Value) llx.Value {
	c := classOf(t.elem)
	return e.fromVar(c, e.Load(varType(c, e.level.Lanes), cell, 64), e.level.Lanes)
}

// batch emits the turns for all rows and columns.
func (s *groups) batch(e *emitter) {
	n := e.span(s.lowbitLoop.rows).n
	offsets := make([]llx.Value, len(s.products)) // [row][turn], i32
	together := s.products[0].plan.panels
	if len(s.products) > 1 {
		together = 1
	}
	for k, u := range s.products {
		if _, b := u.plan.worth(); b != 0 {
			offsets[k] = s.sumsOf(e, u, n)
		}
	}
	e.eachRows(s.lowbitLoop, func(first llx.Value, rows int) {
		plans, mine := make([]lowbit, len(s.products)), make([]llx.Value, len(s.products))
		for k, u := range s.products {
			plans[k] = u.plan.batched(rows)
			if offsets[k] != nil {
				mine[k] = e.Index(llx.I32, offsets[k], e.Mul(first, llx.C64(turnsAtOnce)))
			}
		}
		s.eachPanels(e, together, func(at llx.Value, panels int, live llx.Value) {
			h := s.hold(e, first, rows, at, panels, live)
			e.For(llx.C64(0), s.n, 1, func(j llx.Value) { s.turnOf(e, plans, mine, j, first, rows, at, panels, live, h) })
			if h != nil {
				s.release(e, h, first, at, live)
			}
		})
	})
}

// mostSums is how many bytes of sums are kept from one block of the grid to the next.
const mostSums = 64 << 10

// sumsOf is b·Σx of each group of all n rows, [row][turn]. Blocks of the grid that follow each other often have the same
// rows: then it is there already, as no block writes what it reads.
func (s *groups) sumsOf(e *emitter, u lowbitUse, n llx.Value) llx.Value {
	bytes := turnsAtOnce * 4 * s.lowbitLoop.rows.Type.Width
	make := func(to llx.Value) { s.sumRows(e, u.plan, u, to, llx.C64(0), n) }
	if bytes > mostSums || e.g.written[u.x.Operands[0]] || !steady(u.x, s.o) {
		to := e.room(bytes)
		make(to)
		return to
	}
	to := e.Alloca(llx.Vec(llx.I8, 64), int(bytes/64), 64)
	t := e.tensorOf(u.x.Operands[0])
	set(e, e.scalars, s.o.Regions[0].Args[0], s.first)
	p := e.point().inside(u.j, llx.C64(0)).inside(s.lowbitLoop.rows, llx.C64(0))
	now := []llx.Value{e.PtrToInt(e.Offset(t.base, e.placeOf(u.x.Operands[0], u.x.Subscripts(), p, 1, false).base), llx.I64), n, s.n}
	same := llx.Value(llx.Int(llx.I1, 1))
	cells := []llx.Value{}
	for _, v := range now {
		c := e.Alloca(llx.I64, 1, 8)
		e.StoreFirst(llx.C64(-1), c, 8)
		same = e.And(same, e.ICmp("eq", v, e.Load(llx.I64, c, 8)))
		cells = append(cells, c)
	}
	e.If(same, func() {}, func() {
		make(to)
		for i, v := range now {
			e.Store(v, cells[i], 8)
		}
	})
	return to
}

// steady reports whether what a loop's turns load lies at equal distances, so that where the first lies says where all lie.
func steady(load, loop *ir.Op) bool {
	r := loop.Regions[0]
	var linear func(v *ir.Value) bool
	linear = func(v *ir.Value) bool {
		switch {
		case v == r.Args[0] || v.Type.Kind == ir.Span:
			return true
		case v.Def == nil:
			return v.Region != r
		case v.Def.Parent != r:
			return true
		case v.Def.Code != ir.Affine || v.Def.Int("div") != 1 || v.Def.Int("mod") != 0:
			return false
		}
		return !slices.ContainsFunc(v.Def.Operands, func(x *ir.Value) bool { return !linear(x) })
	}
	return !slices.ContainsFunc(load.Subscripts(), func(s *ir.Value) bool { return !linear(s) })
}

// sumRows stores b·Σx of each group of rows of x, from the first on: to [row][turn].
func (s *groups) sumRows(e *emitter, p lowbit, u lowbitUse, to, first, rows llx.Value) {
	lanes := e.level.Lanes
	tensor := e.tensorOf(u.x.Operands[0])
	place := func(i, turn llx.Value) llx.Value {
		set(e, e.scalars, s.o.Regions[0].Args[0], e.Add(s.first, turn))
		p := e.point().inside(u.j, llx.C64(0))
		if s.lowbitLoop.rows != nil {
			p = p.inside(s.lowbitLoop.rows, e.Add(first, i))
		}
		return e.Offset(tensor.base, e.placeOf(u.x.Operands[0], u.x.Subscripts(), p, 1, false).base)
	}
	cell := func(i, turn llx.Value) llx.Value {
		return e.Index(llx.I32, to, e.Add(turn, e.Mul(i, llx.C64(turnsAtOnce))))
	}
	if !p.holds || lanes != 16 || p.group%64 != 0 || p.group > 512 {
		e.For(llx.C64(0), rows, 1, func(i llx.Value) {
			e.For(llx.C64(0), s.n, 1, func(j llx.Value) { e.Store(e.lowbitOffset(p, place(i, j)), cell(i, j), 4) })
		})
		return
	}
	// As many turns as a vector has lanes at once, whose sums fold into one vector. Turns past the end are the last one again.
	_, b := p.worth()
	t := llx.Vec(llx.I32, lanes)
	last := e.Sub(s.n, llx.C64(1))
	e.For(llx.C64(0), rows, 1, func(i llx.Value) {
		e.For(llx.C64(0), s.n, int64(lanes), func(j llx.Value) {
			v := e.fold(0, lanes, func(k int) llx.Value {
				x := place(i, e.Min(e.Add(j, llx.C64(int64(k))), last))
				sum := llx.Zero(t)
				for at := 0; at < p.group; at += 64 {
					sum = e.bytesDot(sum, e.Splat(llx.C32(0x01010101), lanes), []llx.Value{e.Load(t, e.Offset(x, llx.C64(int64(at))), 1)})
				}
				return sum
			})
			e.Store(e.Mul(v, e.Splat(llx.C32(b), lanes)), cell(i, j), 4)
		})
	})
}

// fold adds the lanes of each of sixteen vectors of sixteen, n of them from the first on: lane i of the result is the sum of
// vector i. Few of them are at hand at any time.
func (u *unit) fold(first, n int, vector func(i int) llx.Value) llx.Value {
	if n == 1 {
		return vector(first)
	}
	x, y := u.fold(first, n/2, vector), u.fold(first+n/2, n/2, vector)
	// Two vectors become one by adding the halves of their blocks of lanes, of which the first vector's stand before the
	// second one's: blocks of four first, then of all.
	lo, hi := make([]int, 16), make([]int, 16)
	for i := range 16 {
		switch block, at := i/4*4, i%4; n {
		case 2:
			lo[i] = block + at/2 + at%2*16
			hi[i] = lo[i] + 2
		case 4:
			lo[i] = block + at%2 + at/2*16
			hi[i] = lo[i] + 2
		default:
			lo[i] = 2*block + at
			hi[i] = lo[i] + 4
		}
	}
	return u.Add(u.Shuffle(x, y, lo), u.Shuffle(x, y, hi))
}
