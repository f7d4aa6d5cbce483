package cpu

import "github.com/tilec/tilec/codegen/internal/llx"

// Products of several rows at a level with dot products of bytes. What a group adds to is held in registers from group to
// group, beside the sums of the group at hand: a store of a whole register takes as long as two dot products, and so does
// every other use of the multipliers. Two panels by six rows are twelve sums, enough for the latency of a dot product, and
// twelve results.

// batched is the plan for several rows at a level with dot products of bytes.
func (p lowbit) batched(rows int) lowbit {
	p.panels, p.rows, p.longest = 2, min(rows, 6), 64
	return p
}

// holds reports whether what a group adds to is held in registers.
func (p lowbit) holds() bool { return p.longest < 512 }

// chains is how many sums each of so many has, which are added to in turn: sums that do not wait for each other keep the
// pipes of the dot product busy.
func (p lowbit) chains(sums int) int {
	if p.holds() {
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

// sumRows stores b·Σx of each group of rows of x: to [row][turn].
func (s *groups) sumRows(e *emitter, p lowbit, u lowbitUse, to, first llx.Value, rows int) {
	turn := func(j llx.Value) []llx.Value {
		set(e, e.scalars, s.o.Regions[0].Args[0], e.Add(s.first, j))
		return s.rowsOf(e, u, first, rows)
	}
	lanes := e.level.Lanes
	if !p.holds() || lanes != 16 || p.group%64 != 0 || p.group > 512 {
		e.For(llx.C64(0), s.n, 1, func(j llx.Value) {
			for i, x := range turn(j) {
				e.Store(e.lowbitOffset(p, x), e.Index(llx.I32, to, e.Add(j, llx.C64(int64(i*turnsAtOnce)))), 4)
			}
		})
		return
	}
	// As many turns as a vector has lanes at once, whose sums fold into one vector. Turns past the end are the last one again.
	_, b := p.worth()
	t := llx.Vec(llx.I32, lanes)
	last := e.Sub(s.n, llx.C64(1))
	e.For(llx.C64(0), s.n, int64(lanes), func(j llx.Value) {
		parts := make([][]llx.Value, rows)
		for k := range lanes {
			for i, x := range turn(e.Min(e.Add(j, llx.C64(int64(k))), last)) {
				sum := llx.Zero(t)
				for at := 0; at < p.group; at += 64 {
					sum = e.bytesDot(sum, e.Splat(llx.C32(0x01010101), lanes), []llx.Value{e.Load(t, e.Offset(x, llx.C64(int64(at))), 1)})
				}
				parts[i] = append(parts[i], sum)
			}
		}
		for i, list := range parts {
			v := e.Mul(e.fold(list), e.Splat(llx.C32(b), lanes))
			e.Store(v, e.Index(llx.I32, to, e.Add(j, llx.C64(int64(i*turnsAtOnce)))), 4)
		}
	})
}

// fold adds the lanes of each of sixteen vectors of sixteen: lane i of the result is the sum of vector i.
func (u *unit) fold(list []llx.Value) llx.Value {
	// Two vectors become one by adding the halves of each block of lanes, the first one's before the second one's: blocks of
	// four dwords first, two dwords at a time, then those of sixteen.
	halves := [][2][]int{
		{{0, 16, 1, 17}, {2, 18, 3, 19}}, {{0, 1, 16, 17}, {2, 3, 18, 19}},
	}
	for _, h := range halves {
		lo, hi := make([]int, 16), make([]int, 16)
		for i := range lo {
			lo[i], hi[i] = h[0][i%4]+i/4*4, h[1][i%4]+i/4*4
		}
		list = u.pairs(list, lo, hi)
	}
	lo, hi := make([]int, 16), make([]int, 16)
	for i := range lo {
		lo[i], hi[i] = i/4*8+i%4, i/4*8+i%4+4
	}
	return u.pairs(u.pairs(list, lo, hi), lo, hi)[0]
}

// pairs adds the lanes lo and hi of each pair of vectors.
func (u *unit) pairs(list []llx.Value, lo, hi []int) []llx.Value {
	var out []llx.Value
	for i := 0; i < len(list); i += 2 {
		out = append(out, u.Add(u.Shuffle(list[i], list[i+1], lo), u.Shuffle(list[i], list[i+1], hi)))
	}
	return out
}
