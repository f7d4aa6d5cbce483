package cpu

import (
	"fmt"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir/dtype"
)

// lineKernel adds lines of B, which run along the columns, times elements of few rows of A to C.
type lineKernel struct {
	product
	level      *Level
	elem       dtype.Type // of B in memory
	lanes      int        // elements of C in a vector
	rows       int
	rowA, rowC int64
	columns    int64 // in C, 0 where that is not known
	// Where there are several sides: their distance in A and in C.
	together     bool
	sideA, sideC int64
}

// linesAtOnce is how many lines pass a tile of C before the next tile: they stay in the first cache meanwhile.
const linesAtOnce = 32

// besideAtOnce is the same where they lie side by side with others.
const besideAtOnce = 16

// lineSums emits C[row][column] = or += Σ A[row][line]·B[line][column].
func (c *contraction) lineSums(p *point, list, n, atC, add llx.Value, s sides) {
	e, f := c.e, c.few
	per := int64(c.per())
	columns := e.span(c.cols[0]).n
	first := p
	if f.beside != nil {
		first = p.inside(f.beside, llx.C64(0))
	}
	var sideA int64
	a, ok := c.direct(first)
	if ok && f.beside != nil {
		sideA = e.tileOf(c.a.v).stride(f.beside) * e.tileOf(c.a.v).size
		if live, known := llx.ConstInt(n); per > 1 && !(known && live%per == 0) {
			// So are the last steps of the others filled up.
			e.For(llx.C64(1), s.n, 1, func(i llx.Value) { c.direct(p.inside(f.beside, i)) })
		}
	}
	if !ok {
		steps := (c.k.Type.Width + per - 1) / per
		c.depth = (steps + 15) / 16 * 16
		c.rowA = c.depth*c.step() + 64
		sideA = int64(f.rows) * c.rowA
		width := int64(1)
		if f.beside != nil {
			width = f.beside.Type.Width
		}
		a = e.room(width * sideA)
		c.eachSide(p, s, func(p *point, i llx.Value) {
			e.scope(func() {
				c.packRows(p, e.Offset(a, e.Mul(i, llx.C64(sideA))), llx.C64(0), llx.C64(int64(f.rows)), llx.C64(0), n)
			})
		})
	}
	if live, known := llx.ConstInt(n); per > 1 && !(known && live%per == 0) {
		// The last line's partner, of which nothing is to count, even if the line after it were infinite.
		bytes := (c.cols[0].Type.Width*int64(f.elem.Bits()/8) + 63) / 64 * 64
		if apart, known := llx.ConstInt(s.line); known && f.beside != nil {
			bytes += (apart*(f.beside.Type.Width-1) + 63) / 64 * 64
		}
		zeros := e.room(bytes)
		e.If(e.ICmp("ne", e.And(n, llx.C64(per-1)), llx.C64(0)), func() {
			e.For(llx.C64(0), llx.C64(bytes), 64, func(i llx.Value) {
				e.Store(llx.Zero(llx.Vec(llx.I8, 64)), e.Offset(zeros, i), 16)
			})
			e.Store(zeros, e.Index(llx.I64, list, n), 8)
		}, nil)
	}
	k := lineKernel{product: c.product, level: e.level, elem: f.elem, lanes: c.lanes, rows: f.rows, rowA: c.rowA, rowC: c.sums.stride(c.rows[0]) * c.step()}
	k.columns, _ = llx.ConstInt(columns)
	if k.together = s.together; k.together {
		k.sideA, k.sideC = sideA, s.c
	}
	e.Call(e.g.library().lines(k), llx.Void, list, e.divUp(n, per), a, atC, columns, add, s.n, s.line)
}

// shape cuts rows into equal parts and gives the vectors of columns whose sums fit the registers beside those.
func (k lineKernel) shape() (rows, vectors int) {
	budget := dotKernel{level: k.level}.budget()
	parts := (2*k.rows + budget - 1) / budget
	rows = (k.rows + parts - 1) / parts
	vectors = 8
	for vectors > 2 && rows*vectors > budget {
		vectors /= 2
	}
	return rows, vectors
}

// unit is the vectors of C that a load of each of per() lines serves.
func (k lineKernel) unit() int { return k.per() }

// lines emits the function, once a module, and gives its name:
//
//	void (ptr list, i64 steps, ptr a, ptr c, i64 columns, i64 add, i64 sides, i64 apart)
//
// The list has as many lines as the steps take. Rows of C have room for whole vectors. Unless add is 0 the products are
// added to C. Lines to come, fewAhead further in the list, or besideAhead, are asked for.
func (l *library) lines(k lineKernel) string {
	name := fmt.Sprintf("lines.%s.%s.%dx%d.a%d.c%d.n%d", k.product, k.elem, k.rows, k.lanes, k.rowA, k.rowC, k.columns)
	if k.together {
		name += fmt.Sprintf(".s%d.%d", k.sideA, k.sideC)
	}
	if l.made[name] {
		return name
	}
	l.made[name] = true
	b := l.function("noinline", name, llx.Param("list", llx.Ptr, "noalias", "nocapture", "readonly"), llx.Param("steps", llx.I64),
		llx.Param("a", llx.Ptr, "noalias", "nocapture", "readonly"), llx.Param("c", llx.Ptr, "noalias", "nocapture"), llx.Param("columns", llx.I64), llx.Param("add", llx.I64),
		llx.Param("sides", llx.I64), llx.Param("apart", llx.I64))
	p := b.Fn.Params
	list, steps, a, c, columns, add := llx.Value(p[0]), llx.Value(p[1]), llx.Value(p[2]), llx.Value(p[3]), llx.Value(p[4]), llx.Value(p[5])
	if k.columns > 0 {
		columns = llx.C64(k.columns)
	}
	high, vectors := k.shape()
	atOnce := int64(linesAtOnce / k.per())
	var next *cursor
	if k.together {
		atOnce = int64(besideAtOnce / k.per())
		line := b.Mul(columns, llx.C64(int64(k.elem.Bits()/8)))
		next = newCursor(b, list, b.Mul(steps, llx.C64(int64(k.per()))), b.Mul(p[6], line), k.share())
	}
	b.For(llx.C64(0), b.Max(steps, llx.C64(1)), atOnce, func(first llx.Value) {
		end := b.Min(b.Add(first, llx.C64(atOnce)), steps)
		again := b.Or(b.ICmp("ne", add, llx.C64(0)), b.ICmp("ne", first, llx.C64(0)))
		if next != nil {
			next.begin(b.Add(b.Mul(first, llx.C64(int64(k.per()))), llx.C64(besideAhead)))
		}
		side := func(apart, a, c llx.Value) {
			pass := func(j llx.Value, vectors int, live llx.Value) {
				for r := 0; r < k.rows; r += high {
					l.linesTile(b, k, lineTile{list: list, first: first, end: end, a: b.Offset(a, llx.C64(int64(r)*k.rowA)), c: b.Offset(c, llx.C64(int64(r)*k.rowC)),
						again: again, j: j, live: live, rows: min(high, k.rows-r), vectors: vectors, chunk: r / high, apart: apart, next: next})
				}
			}
			at := llx.Value(llx.C64(0))
			sizes := []int{vectors, k.unit()}
			for _, v := range sizes[:1+b2i(vectors > k.unit())] {
				width := int64(v * k.lanes)
				whole := b.Add(at, k.whole(b, b.Sub(columns, at), width))
				b.For(at, whole, width, func(j llx.Value) { pass(j, v, nil) })
				at = whole
			}
			if n, ok := llx.ConstInt(b.Sub(columns, at)); ok && n == 0 {
				return
			}
			b.If(b.ICmp("slt", at, columns), func() { pass(at, k.unit(), b.Sub(columns, at)) }, nil)
		}
		if next == nil {
			side(llx.C64(0), a, c)
			return
		}
		b.For(llx.C64(0), p[6], 1, func(i llx.Value) {
			side(b.Mul(i, p[7]), b.Offset(a, b.Mul(i, llx.C64(k.sideA))), b.Offset(c, b.Mul(i, llx.C64(k.sideC))))
		})
	})
	b.Ret(nil)
	return name
}

// lineTile is a part of C that some lines pass.
type lineTile struct {
	list, first, end llx.Value // the lines, counted in steps
	a, c             llx.Value // of the tile's first row
	again            llx.Value // whether to add to C
	j, live          llx.Value // the first column, and how many there are; nil for all
	rows, vectors    int
	chunk            int       // of rows
	apart            llx.Value // how far the lines lie from where the list says
	next             *cursor   // lines to come, where sides lie together
}

func (l *library) linesTile(b *llx.B, k lineKernel, t lineTile) {
	u := &unit{B: b, level: k.level}
	vec := k.sum().typ(k.lanes)
	width := int64(k.lanes) * k.step()
	sums := make([][]llx.Value, t.rows)
	for r := range sums {
		sums[r] = make([]llx.Value, t.vectors)
		for v := range sums[r] {
			sums[r][v] = b.Alloca(vec, 1, 64)
		}
	}
	at := func(r, v int) llx.Value {
		return b.Offset(b.Offset(t.c, llx.C64(int64(r)*k.rowC+int64(v)*width)), b.Mul(t.j, llx.C64(k.step())))
	}
	// Where fewer columns than the vectors have are left, a row of C may end after the first.
	inRow := func(v int, f func()) {
		if t.live == nil || v == 0 {
			f()
			return
		}
		b.If(b.ICmp("sgt", t.live, llx.C64(int64(v*k.lanes))), f, nil)
	}
	for r := range sums {
		for v := range sums[r] {
			b.Store(llx.Zero(vec), sums[r][v], 64)
		}
	}
	b.If(t.again, func() {
		for r := range sums {
			for v := range sums[r] {
				inRow(v, func() { b.Store(b.Load(vec, at(r, v), int(k.step())), sums[r][v], 64) })
			}
			k.exchange(b, sums[r], true)
		}
	}, nil)
	bytes := int64(k.elem.Bits() / 8)
	b.For(t.first, t.end, 1, func(i llx.Value) {
		n := b.Mul(i, llx.C64(int64(k.per())))
		lines := make([]llx.Value, k.per())
		for q := range lines {
			lines[q] = b.Offset(b.Load(llx.Ptr, b.Index(llx.I64, t.list, b.Add(n, llx.C64(int64(q)))), 8), b.Add(t.apart, b.Mul(t.j, llx.C64(bytes))))
		}
		if t.next != nil {
			t.next.ask()
		} else {
			k.ask(b, t, i)
		}
		y := k.load(u, lines, t.vectors, t.live)
		for r := range sums {
			x := b.Splat(b.Load(k.sum().scalar(), b.Offset(t.a, b.Add(llx.C64(int64(r)*k.rowA), b.Mul(i, llx.C64(k.step())))), int(k.step())/k.per()), k.lanes)
			for v, s := range sums[r] {
				b.Store(l.multiplyAdd(b, micro{product: k.product}, b.Load(vec, s, 64), x, y[v]), s, 64)
			}
		}
	})
	for r := range sums {
		k.exchange(b, sums[r], false)
		for v := range sums[r] {
			inRow(v, func() { b.Store(b.Load(vec, sums[r][v], 64), at(r, v), int(k.step())) })
		}
	}
}

// share is the bytes that are asked for in a turn of a tile, where sides lie together: what is read, shared among the rows
// that pass it, or a little more.
func (k lineKernel) share() int64 {
	high, vectors := k.shape()
	chunks := int64((k.rows + high - 1) / high)
	bytes := int64(k.per()*vectors*k.lanes) * int64(k.elem.Bits()/8)
	return max(bytes/chunks/64, 1) * 64
}

// whole is n rounded down to a multiple.
func (k lineKernel) whole(b *llx.B, n llx.Value, of int64) llx.Value {
	if c, ok := llx.ConstInt(n); ok {
		return llx.C64(c / of * of)
	}
	return b.Mul(b.UDiv(n, llx.C64(of)), llx.C64(of))
}

// ask asks in a turn of a tile for its share of lines to come. Where the shape is known, that is line after line, as
// memory is faster in order, each turn of each tile as much.
func (k lineKernel) ask(b *llx.B, t lineTile, i llx.Value) {
	bytes := int64(k.elem.Bits() / 8)
	per := int64(k.per())
	high, vectors := k.shape()
	chunks, width := int64((k.rows+high-1)/high), int64(vectors*k.lanes)
	soon := func(row llx.Value) llx.Value {
		return b.Load(llx.Ptr, b.Index(llx.I64, t.list, b.Add(row, llx.C64(fewAhead))), 8)
	}
	passes, lines := k.columns/width*chunks, k.columns*bytes/64
	if passes == 0 || lines == 0 || k.columns*bytes%64 != 0 || per*lines < passes || k.columns%width != 0 || per*lines%passes != 0 || lines%(per*lines/passes) != 0 && per%passes != 0 {
		if t.chunk > 0 {
			return
		}
		for q := range per {
			from := b.Offset(soon(b.Add(b.Mul(i, llx.C64(per)), llx.C64(q))), b.Mul(t.j, llx.C64(bytes)))
			for at := int64(0); at < int64(t.vectors*k.lanes)*bytes; at += 64 {
				prefetch(b, b.Offset(from, llx.C64(at)), false, 2)
			}
		}
		return
	}
	pass := b.Add(b.Mul(b.UDiv(t.j, llx.C64(width)), llx.C64(chunks)), llx.C64(int64(t.chunk)))
	turn := b.Add(b.Mul(pass, llx.C64(linesAtOnce/per)), b.Sub(i, t.first))
	first := b.Mul(t.first, llx.C64(per))
	share := per * lines / passes
	if share < lines {
		parts := lines / share
		row := b.UDiv(turn, llx.C64(parts))
		from := b.Offset(soon(b.Add(first, row)), b.Mul(b.Sub(turn, b.Mul(row, llx.C64(parts))), llx.C64(64*share)))
		for q := range share {
			prefetch(b, b.Offset(from, llx.C64(64*q)), false, 2)
		}
		return
	}
	rows := share / lines
	for r := range rows {
		from := soon(b.Add(first, b.Add(b.Mul(turn, llx.C64(rows)), llx.C64(r))))
		for q := range lines {
			prefetch(b, b.Offset(from, llx.C64(64*q)), false, 2)
		}
	}
}

// load gives vectors of steps of the lines: of one line, its elements; of two, pairs of their elements. These are taken
// from each 16 bytes of both, whose first half goes to one vector and whose second to the next.
func (k lineKernel) load(u *unit, lines []llx.Value, vectors int, live llx.Value) []llx.Value {
	y := make([]llx.Value, 0, vectors)
	bytes := int64(k.elem.Bits() / 8)
	if k.per() == 1 {
		for v := range vectors {
			y = append(y, u.loadRun(k.elem, lines[0], llx.C64(int64(v*k.lanes)), k.lanes, live))
		}
		return y
	}
	n := 2 * k.lanes
	low, high := make([]int, n), make([]int, n)
	for i := range n {
		low[i] = i/8*8 + i%8/2 + i%2*n
		high[i] = low[i] + 4
	}
	for v := 0; v < vectors; v += 2 {
		var x [2]llx.Value
		for q, line := range lines {
			x[q] = k.codes(u, u.Offset(line, llx.C64(int64(v*k.lanes)*bytes)), live)
		}
		for _, half := range [][]int{low, high} {
			y = append(y, u.Bitcast(u.Shuffle(x[0], x[1], half), k.sum().typ(k.lanes)))
		}
	}
	return y
}

// codes are the elements of a line for two vectors of C, as bf16.
func (k lineKernel) codes(u *unit, line, live llx.Value) llx.Value {
	n := 2 * k.lanes
	if k.elem == dtype.BF16 {
		return u.loadCodes(llx.I16, line, n, live)
	}
	x := u.Bitcast(u.loadRun(k.elem, line, llx.C64(0), n, live), llx.Vec(llx.I32, n))
	return u.Trunc(u.LShr(x, u.Splat(llx.C32(16), n)), llx.Vec(llx.I16, n))
}

// exchange puts the sums of a row from the order of columns into that of load, or back.
func (k lineKernel) exchange(b *llx.B, sums []llx.Value, in bool) {
	if k.per() == 1 {
		return
	}
	vec := k.sum().typ(k.lanes)
	n := k.lanes
	first, second := make([]int, n), make([]int, n)
	for i := range n {
		if in {
			first[i] = i/4*8 + i%4
			second[i] = first[i] + 4
		} else {
			first[i] = i/8*4 + i%4 + i/4%2*n
			second[i] = first[i] + n/2
		}
	}
	for v := 0; v < len(sums); v += 2 {
		x, y := b.Load(vec, sums[v], 64), b.Load(vec, sums[v+1], 64)
		b.Store(b.Shuffle(x, y, first), sums[v], 64)
		b.Store(b.Shuffle(x, y, second), sums[v+1], 64)
	}
}
