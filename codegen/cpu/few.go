package cpu

import (
	"fmt"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// few is a contraction of few rows with an operand that is used for them only: packing that would cost as much as the
// products. It is read where it lies, once, in its own order, through a list of where its lines begin; memory is asked
// for lines to come from the same list. Lines run along the summed axis (dots: a product of a row and a line is one
// element of C) or along the columns (each line is added to C, times an element of A).
type few struct {
	load  *ir.Op // what reads the operand
	lines *ir.Value
	dots  bool
	rows  int // of A and C
	elem  dtype.Type
	// beside is an axis outside along which lines lie side by side, so that they are read together; nil for none.
	beside *ir.Value
	side   int // its subscript
}

// fewRows is the number of rows up to which they are few: for more, packing makes up for itself.
const fewRows = 16

// mostLines bounds the list of lines, and mostFew the bytes of A's panel.
const (
	mostLines = 1 << 12
	mostFew   = 256 << 10
)

// mostSide is the number of elements that lines that lie side by side may be apart.
const mostSide = 1 << 10

// besideAhead is the same where lines lie side by side and memory is read in one piece, into the first cache.
const besideAhead = 16

// fewAhead is how many lines before its use a line is asked for, into the second cache: they lie in as many places as
// memory needs to be busy.
const fewAhead = 64

// fewOf is the plan of a contraction for few rows, nil where that is none.
func (c *contraction) fewOf(rows int64) *few {
	e := c.e
	if rows > fewRows || len(c.rows) != 1 || len(c.cols) != 1 || c.b.scale != nil || !fullSpan(c.rows[0]) {
		return nil
	}
	switch c.product {
	case f32Product, f64Product, bf16Product:
	default:
		return nil
	}
	o := c.b.v.Def
	if o == nil || o.Code != ir.Load || o.Str("mode") == "else" || e.tileOf(c.b.v) != nil || e.g.written[o.Operands[0]] {
		return nil
	}
	t := o.Operands[0].Type
	if t.Mem == ir.Packed || t.Elem.Bits() < 8 || c.product == f64Product && t.Elem != dtype.F64 {
		return nil
	}
	f := &few{load: o, rows: int(rows), elem: t.Elem}
	subs := o.Subscripts()
	along := e.resolve(subs[len(subs)-1])
	switch along {
	case c.k:
		f.dots, f.lines = true, c.cols[0]
	case c.cols[0]:
		f.lines = c.k
	default:
		return nil
	}
	for _, s := range subs[:len(subs)-1] {
		if s = e.resolve(s); s == along || s.Type.Kind == ir.Tile && s.Type.Axis(along) >= 0 {
			return nil
		}
	}
	if f.lines.Type.Width > mostLines {
		return nil
	}
	if n := len(subs) - 2; n >= 0 && len(c.outer) == 1 && e.resolve(subs[n]) == c.outer[0] && t.Dims[n+1].Op == ir.DimConst && t.Dims[n+1].K <= mostSide {
		f.beside, f.side = c.outer[0], n
		for _, s := range subs[:n] {
			if s = e.resolve(s); s == f.beside || s.Type.Kind == ir.Tile && s.Type.Axis(f.beside) >= 0 {
				f.beside = nil
			}
		}
	}
	if f.dots {
		d := c.dotsOf(f)
		if d.groups > d.budget() || d.panelBytes(c.k.Type.Width) > mostFew {
			return nil
		}
	}
	return f
}

func (c *contraction) fewText() string {
	how := "columns"
	if c.few.dots {
		how = "rows"
	}
	return fmt.Sprintf("products of %s with %d rows, the other operand read in place along its %s", c.product, c.few.rows, how)
}

// list makes the list of where lines begin: of all lines there are, of those a loop around has later, as far as they are
// asked for, and so many more that may be touched but do not count. It gives the number of lines.
func (c *contraction) list(p *point) (list, n llx.Value) {
	e, f := c.e, c.few
	const spare = linesAtOnce
	axis := f.lines
	list = e.room((axis.Type.Width + fewAhead + 2*spare) * 8)
	s := e.span(axis)
	n = s.n
	t := f.load.Operands[0]
	size := int64(t.Type.Elem.Bits() / 8)
	base := e.PtrToInt(e.tensorOf(t).base, llx.I64)
	begin := func(from, to llx.Value) {
		lanes := e.level.Lanes / 2
		some := func(i, live llx.Value) {
			q := p.clone()
			q.outer = p
			q.pos[axis] = i
			for _, other := range []*ir.Value{c.k, c.cols[0], f.beside} {
				if other != nil && other != axis {
					q.pos[other] = llx.C64(0)
				}
			}
			q.vec, q.lanes, q.live = axis, lanes, live
			at := e.placeOf(t, f.load.Subscripts(), q, lanes, false)
			place := at.lanes
			if place == nil {
				place = e.Add(e.Splat(at.base, lanes), e.Mul(e.Splat(llx.C64(at.step), lanes), e.Steps(llx.I64, lanes)))
			}
			line := e.Add(e.Splat(base, lanes), e.Mul(place, e.Splat(llx.C64(size), lanes)))
			e.Store(line, e.Index(llx.I64, list, i), 8)
		}
		whole := e.Add(from, e.whole(e.Sub(to, from), int64(lanes)))
		e.For(from, whole, int64(lanes), func(i llx.Value) { some(i, nil) })
		e.If(e.ICmp("slt", whole, to), func() { some(whole, e.Sub(to, whole)) }, nil)
	}
	begin(llx.C64(0), n)
	m := n
	if stored, ok := e.mayLookAhead(f.load); ok && s.end != nil && axis.Region == c.o.Parent {
		m = e.Max(e.Min(e.Sub(s.end, s.lo), e.Add(n, llx.C64(fewAhead))), n)
		e.scope(func() {
			for _, v := range stored {
				set(e, e.tiles, v, nil)
			}
			begin(n, m)
		})
	}
	lanes := e.level.Lanes / 2
	last := e.Splat(e.Load(llx.I64, e.Index(llx.I64, list, e.Max(e.Sub(m, llx.C64(1)), llx.C64(0))), 8), lanes)
	e.For(m, e.Add(n, llx.C64(fewAhead+spare)), int64(lanes), func(i llx.Value) { e.Store(last, e.Index(llx.I64, list, i), 8) })
	return list, n
}

// mayLookAhead reports whether a load's subscripts may be evaluated at positions past the span's end, where the values
// that are stored for the span alone are evaluated too.
func (e *emitter) mayLookAhead(o *ir.Op) (stored []*ir.Value, ok bool) {
	var plain func(v *ir.Value) bool
	plain = func(v *ir.Value) bool {
		v = e.resolve(v)
		if v.Type.Kind != ir.Tile {
			return true
		}
		if v.Def == nil || !inlined(v.Def) || e.g.kept[v] != nil {
			return false
		}
		switch v.Def.Code {
		case ir.Rebind, ir.Lookup, ir.Pack, ir.Unpack:
			return false
		case ir.Load:
			if e.g.written[v.Def.Operands[0]] {
				return false
			}
		}
		if e.tileOf(v) != nil {
			stored = append(stored, v)
		}
		for _, x := range v.Def.Operands {
			if x.Type.Kind != ir.Tensor && !plain(x) {
				return false
			}
		}
		return true
	}
	for _, s := range o.Subscripts() {
		if !plain(s) {
			return nil, false
		}
	}
	return stored, true
}

// products of few rows at one place outside.
func (c *contraction) fewProducts(p *point, add llx.Value) {
	e, f := c.e, c.few
	list, n := c.list(p)
	atC := c.sums.base
	for a, i := range p.pos {
		if s := c.sums.stride(a); s != 0 {
			atC = e.Offset(atC, e.Mul(i, llx.C64(s*c.step())))
		}
	}
	s := sides{n: llx.C64(1), line: llx.C64(0)}
	if f.beside != nil {
		s.n = e.span(f.beside).n
		t := f.load.Operands[0]
		s.line = e.Mul(e.tensorOf(t).strides[f.side], llx.C64(int64(t.Type.Elem.Bits()/8)))
		s.c = c.sums.stride(f.beside) * c.step()
		s.together = f.beside.Type.Width > 1
	}
	if f.dots {
		c.dots(p, list, n, atC, add, s)
		return
	}
	c.lineSums(p, list, n, atC, add, s)
}

// sides are the places along the axis beside: how many there are, how far lines of neighbours are apart, and C.
type sides struct {
	n, line  llx.Value
	c        int64
	together bool // there may be several
}

// each runs f for each side, with the point and what is to be added to C's address.
func (c *contraction) eachSide(p *point, s sides, f func(p *point, i llx.Value)) {
	if c.few.beside == nil {
		f(p, llx.C64(0))
		return
	}
	c.e.For(llx.C64(0), s.n, 1, func(i llx.Value) { f(p.inside(c.few.beside, i), i) })
}

// cursor goes through lines to come that lie side by side, each as long as all sides together, some lines of the cache at
// a time.
type cursor struct {
	b              *llx.B
	list           llx.Value
	row, at        llx.Value // variables
	bytes, advance llx.Value // of a line of all sides; lines to go on by at its end
	last           llx.Value // that the list has
	share          int64     // bytes at a time
}

func newCursor(b *llx.B, list, lines, bytes llx.Value, share int64) *cursor {
	return &cursor{b: b, list: list, last: b.Add(lines, llx.C64(fewAhead)), row: b.Alloca(llx.I64, 1, 8), at: b.Alloca(llx.I64, 1, 8), bytes: bytes, share: share,
		advance: b.Max(b.UDiv(llx.C64(share), b.Max(bytes, llx.C64(1))), llx.C64(1))}
}

// begin puts the cursor before a line.
func (c *cursor) begin(row llx.Value) {
	c.b.Store(row, c.row, 8)
	c.b.Store(llx.C64(0), c.at, 8)
}

// ask asks for the next share.
func (c *cursor) ask() {
	b := c.b
	row, at := b.Load(llx.I64, c.row, 8), b.Load(llx.I64, c.at, 8)
	from := b.Offset(b.Load(llx.Ptr, b.Index(llx.I64, c.list, row), 8), at)
	for i := int64(0); i < c.share; i += 64 {
		prefetch(b, b.Offset(from, llx.C64(i)), false, 3)
	}
	next := b.Add(at, llx.C64(c.share))
	done := b.ICmp("sge", next, c.bytes)
	b.Store(b.Min(b.Select(done, b.Add(row, c.advance), row), c.last), c.row, 8)
	b.Store(b.Select(done, llx.C64(0), next), c.at, 8)
}

// dotKernel multiplies lines of B by few rows of A. A vector holds a piece of as many rows as there are, beside each other, and
// meets the same piece of a line in each of its parts, so that sums over a part's lanes are left for all rows at once.
type dotKernel struct {
	product
	level  *Level
	lanes  int   // elements of C in a vector
	parts  int   // rows in a vector
	groups int   // vectors for all rows
	rows   int   // of C
	rowC   int64 // bytes from a row of C to the next
	align  int   // of lines
	pieces int64 // in a line, 0 where that is not known
	// Where there are several sides: their distance in A's panel and in C.
	together     bool
	sideA, sideC int64
}

func (c *contraction) dotsOf(f *few) dotKernel {
	d := dotKernel{product: c.product, level: c.e.level, lanes: c.lanes, parts: 1, rows: f.rows, rowC: c.sums.stride(c.rows[0]) * c.step(),
		align: int(c.step()) / c.per()}
	// Pieces are lines of the cache: each is read at once, and few loads stand beside what is asked for.
	for d.parts < f.rows && int64(d.lanes)*d.step() > 64*int64(d.parts) {
		d.parts *= 2
	}
	d.groups = (f.rows + d.parts - 1) / d.parts
	return d
}

// piece is the number of steps of a line that a part of a vector holds, and pieceBytes their bytes.
func (d dotKernel) piece() int        { return d.lanes / d.parts }
func (d dotKernel) pieceBytes() int64 { return int64(d.piece()) * d.step() }

// stride is the distance of pieces in A's panel.
func (d dotKernel) stride() int64 { return int64(d.groups*d.lanes) * d.step() }

// panelBytes is the size of A's panel for so many k.
func (d dotKernel) panelBytes(k int64) int64 {
	whole := int64(d.lanes * d.per())
	return (k + whole - 1) / whole * int64(d.parts) * d.stride()
}

// budget is how many sums registers hold beside the factors.
func (d dotKernel) budget() int {
	switch {
	case d.level.Registers == 32:
		return 24
	case d.level.FMA:
		return 10
	}
	return 8
}

// lines is how many lines a turn takes.
func (d dotKernel) lines() int {
	n := 8
	for n > 1 && n*d.groups > d.budget() {
		n /= 2
	}
	return n
}

// sets is how many sums a line and a group of rows have, to hide the latency of an addition.
func (d dotKernel) sets() int {
	if 2*d.lines()*d.groups <= d.budget() {
		return 2
	}
	return 1
}

// dots emits C[row][line] = or += Σ A[row][k]·B[line][k].
func (c *contraction) dots(p *point, list, n, atC, add llx.Value, s sides) {
	e, f := c.e, c.few
	d := c.dotsOf(f)
	whole := int64(d.lanes * d.per())
	bytes, width := d.panelBytes(c.k.Type.Width), int64(1)
	if f.beside != nil {
		width = f.beside.Type.Width
	}
	panel := e.room(bytes * width)
	live := e.span(c.k).n
	if f.rows%d.parts != 0 {
		e.For(llx.C64(0), llx.C64(bytes*width), 64, func(i llx.Value) {
			e.Store(llx.Zero(llx.Vec(llx.I8, 64)), e.Offset(panel, i), 16)
		})
	}
	c.eachSide(p, s, func(p *point, side llx.Value) {
		rows := c.packer(c.a, p, c.rows[0], llx.C64(0))
		rows.alongK = true
		e.For(llx.C64(0), llx.C64(int64(f.rows)), 1, func(i llx.Value) {
			at := e.Offset(panel, e.Add(e.Mul(side, llx.C64(bytes)), e.Mul(i, llx.C64(d.pieceBytes()))))
			rows.blocks(e, live, func(k, liveK llx.Value) {
				v := rows.steps(i, k, liveK, nil)
				first := e.Offset(at, e.Mul(k, llx.C64(d.stride()*int64(d.parts)/whole)))
				for q := range d.parts {
					lanes := make([]int, d.piece())
					for l := range lanes {
						lanes[l] = q*d.piece() + l
					}
					e.Store(e.Shuffle(v, llx.Undef(v.Type()), lanes), e.Offset(first, llx.C64(int64(q)*d.stride())), int(d.step()))
				}
			})
		})
	})
	perPiece := int64(d.piece() * d.per())
	pieces := e.divUp(live, perPiece)
	d.pieces, _ = llx.ConstInt(pieces)
	if k, ok := llx.ConstInt(live); ok && k%perPiece == 0 && c.holds(f.elem) {
		if d.together = s.together; d.together {
			d.sideA, d.sideC = bytes, s.c
		}
		e.Call(e.g.library().dots(d), llx.Void, list, n, pieces, panel, atC, add, s.n, s.line)
		return
	}
	name := e.g.library().dots(d)
	// Lines are copied, a few at a time, into steps of the product, filled up with zeros.
	const some = 16
	pitch := (c.k.Type.Width+whole-1)/whole*int64(d.lanes)*d.step() + 64
	stage := e.room(some * pitch)
	copies := e.room((some + fewAhead + 16) * 8)
	e.For(llx.C64(0), llx.C64(some+fewAhead+16), 1, func(i llx.Value) {
		e.Store(e.Offset(stage, e.Mul(e.Min(i, llx.C64(some-1)), llx.C64(pitch))), e.Index(llx.I64, copies, i), 8)
	})
	e.For(llx.C64(0), llx.C64(some*pitch), 64, func(i llx.Value) {
		e.Store(llx.Zero(llx.Vec(llx.I8, 64)), e.Offset(stage, i), 16)
	})
	c.eachSide(p, s, func(_ *point, side llx.Value) {
		e.For(llx.C64(0), n, some, func(j llx.Value) {
			count := e.Min(e.Sub(n, j), llx.C64(some))
			e.For(llx.C64(0), count, 1, func(i llx.Value) {
				line := e.Offset(e.Load(llx.Ptr, e.Index(llx.I64, list, e.Add(j, i)), 8), e.Mul(side, s.line))
				soon := e.Offset(e.Load(llx.Ptr, e.Index(llx.I64, list, e.Add(e.Add(j, i), llx.C64(fewAhead))), 8), e.Mul(side, s.line))
				e.For(llx.C64(0), e.Mul(live, llx.C64(int64(f.elem.Bits()/8))), 64, func(at llx.Value) { prefetch(e.B, e.Offset(soon, at), false, 2) })
				k := &packer{unit: &e.unit, product: c.product, lanes: c.lanes, alongK: true}
				k.at = func(_, place, live llx.Value) llx.Value { return e.loadRun(f.elem, line, place, c.lanes, live) }
				k.blocks(e, live, func(place, liveK llx.Value) {
					e.Store(k.steps(llx.C64(0), place, liveK, nil), e.Offset(stage, e.Add(e.Mul(i, llx.C64(pitch)), e.Mul(e.divUp(place, int64(d.per())), llx.C64(d.step())))), int(d.step()))
				})
			})
			e.Call(name, llx.Void, copies, count, pieces, e.Offset(panel, e.Mul(side, llx.C64(bytes))), e.Offset(atC, e.Add(e.Mul(side, llx.C64(s.c)), e.Mul(j, llx.C64(d.step())))), add, llx.C64(1), llx.C64(0))
		})
	})
}

// dots emits the function, once a module, and gives its name:
//
//	void (ptr list, i64 lines, i64 pieces, ptr a, ptr c, i64 add, i64 sides, i64 apart)
//
// Up to a multiple of 8 lines are computed: the list has them, and rows of C have room. Unless add is 0 the products are
// added to C. Lines to come, fewAhead further in the list, are asked for.
func (l *library) dots(d dotKernel) string {
	name := fmt.Sprintf("dots.%s.%dx%d.p%d.c%d.k%d", d.product, d.rows, d.lanes, d.parts, d.rowC, d.pieces)
	if d.together {
		name += fmt.Sprintf(".s%d.%d", d.sideA, d.sideC)
	}
	if l.made[name] {
		return name
	}
	l.made[name] = true
	b := l.function("noinline", name, llx.Param("list", llx.Ptr, "noalias", "nocapture", "readonly"), llx.Param("lines", llx.I64), llx.Param("pieces", llx.I64),
		llx.Param("a", llx.Ptr, "noalias", "nocapture", "readonly"), llx.Param("c", llx.Ptr, "noalias", "nocapture"), llx.Param("add", llx.I64), llx.Param("sides", llx.I64), llx.Param("apart", llx.I64))
	p := b.Fn.Params
	list, lines, pieces, panel0, c0, add := llx.Value(p[0]), llx.Value(p[1]), llx.Value(p[2]), llx.Value(p[3]), llx.Value(p[4]), llx.Value(p[5])
	if d.pieces > 0 {
		pieces = llx.C64(d.pieces)
	}
	t := d.sum().typ(d.lanes)
	count, sets := d.lines(), d.sets()
	// A turn of the inner loop is a line of the cache of each line.
	turn := int(max(64/d.pieceBytes(), 1))
	spread := make([]int, d.lanes)
	for i := range spread {
		spread[i] = i % d.piece()
	}
	sums := make([][]llx.Value, count) // of a line: set by set, the groups of rows
	for j := range sums {
		for range sets * d.groups {
			sums[j] = append(sums[j], b.Alloca(t, 1, 64))
		}
	}
	var next *cursor
	if d.together {
		next = newCursor(b, list, lines, b.Mul(p[6], b.Mul(pieces, llx.C64(d.pieceBytes()))), int64(64*count))
	}
	side := func(j, side llx.Value) {
		panel, c, apart := b.Offset(panel0, b.Mul(side, llx.C64(d.sideA))), b.Offset(c0, b.Mul(side, llx.C64(d.sideC))), b.Mul(side, p[7])
		at, soon := make([]llx.Value, count), make([]llx.Value, count)
		for i := range count {
			at[i] = b.Offset(b.Load(llx.Ptr, b.Index(llx.I64, list, b.Add(j, llx.C64(int64(i)))), 8), apart)
			soon[i] = b.Index(llx.I64, list, b.Add(j, llx.C64(int64(i+fewAhead))))
			for _, s := range sums[i] {
				b.Store(llx.Zero(t), s, 64)
			}
		}
		step := func(n llx.Value, turns int) {
			x := make([][]llx.Value, turns)
			for q := range x {
				pa := b.Offset(panel, b.Mul(b.Add(n, llx.C64(int64(q))), llx.C64(d.stride())))
				for g := range d.groups {
					x[q] = append(x[q], b.Load(t, b.Offset(pa, llx.C64(int64(g*d.lanes)*d.step())), int(d.step())))
				}
			}
			// All of a line of the cache is read before the next: the first cache has few places for lines at these distances.
			for i := range count {
				for q := range x {
					y := b.Load(llx.Vec(d.sum().scalar(), d.piece()), b.Offset(at[i], b.Mul(b.Add(n, llx.C64(int64(q))), llx.C64(d.pieceBytes()))), d.align)
					if d.parts > 1 {
						y = b.Shuffle(y, llx.Undef(y.Type()), spread)
					}
					for g := range d.groups {
						s := sums[i][q%sets*d.groups+g]
						b.Store(l.multiplyAdd(b, micro{product: d.product}, b.Load(t, s, 64), x[q][g], y), s, 64)
					}
				}
			}
		}
		whole := b.And(pieces, llx.C64(int64(-turn)))
		b.For(llx.C64(0), whole, int64(turn), func(n llx.Value) {
			if next != nil {
				next.ask()
			} else {
				d.ask(b, soon, n, turn, count)
			}
			step(n, turn)
		})
		if turn > 1 {
			b.For(whole, pieces, 1, func(n llx.Value) { step(n, 1) })
		}
		for g := range d.groups {
			list := make([]llx.Value, count)
			for i := range list {
				for s := range sets {
					v := b.Load(t, sums[i][s*d.groups+g], 64)
					if list[i] != nil {
						v = b.FAdd(list[i], v)
					}
					list[i] = v
				}
			}
			for i, v := range l.addLanes(b, list, d.piece()) {
				n := min(d.piece(), count) // lines in v
				for part := range min(d.parts, d.rows-g*d.parts) {
					lanes := make([]int, n)
					for k := range lanes {
						lanes[k] = part*d.piece() + k
					}
					x := b.Shuffle(v, llx.Undef(t), lanes)
					to := b.Offset(c, b.Add(b.Mul(b.Add(j, llx.C64(int64(i*n))), llx.C64(d.step())), llx.C64(int64(g*d.parts+part)*d.rowC)))
					b.If(b.ICmp("ne", add, llx.C64(0)), func() {
						b.Store(b.FAdd(b.Load(x.Type(), to, int(d.step())), x), to, int(d.step()))
					}, func() { b.Store(x, to, int(d.step())) })
				}
			}
		}
	}
	b.For(llx.C64(0), lines, int64(count), func(j llx.Value) {
		if next == nil {
			side(j, llx.C64(0))
			return
		}
		next.begin(b.Add(j, llx.C64(besideAhead)))
		b.For(llx.C64(0), p[6], 1, func(i llx.Value) { side(j, i) })
	})
	b.Ret(nil)
	return name
}

// ask asks in a turn, which begins at piece n of count lines of B, for as many lines of the cache as it reads: of one line
// of B after the other where that can be, as memory is faster in order.
func (d dotKernel) ask(b *llx.B, soon []llx.Value, n llx.Value, turn, count int) {
	line := func(row llx.Value, at llx.Value) {
		prefetch(b, b.Offset(b.Load(llx.Ptr, b.Index(llx.I64, soon[0], row), 8), at), false, 2)
	}
	turns := int(d.pieces) / turn
	if turns == 0 || int(d.pieces)%turn != 0 || count%turns != 0 {
		for i := range count {
			line(llx.C64(int64(i)), b.Mul(n, llx.C64(d.pieceBytes())))
		}
		return
	}
	some := count / turns
	first := b.Mul(b.LShr(n, llx.C64(int64(log2(int64(turn))))), llx.C64(int64(some)))
	for i := range some {
		from := b.Load(llx.Ptr, b.Index(llx.I64, soon[0], b.Add(first, llx.C64(int64(i)))), 8)
		for q := range turns {
			prefetch(b, b.Offset(from, llx.C64(int64(64*q))), false, 2)
		}
	}
}

// addLanes adds up the lanes of each part of vectors, so many lanes each. Of as many vectors as a part has lanes it makes
// one: in each part the sums of the first vector, of the second, and so on.
func (l *library) addLanes(b *llx.B, list []llx.Value, part int) []llx.Value {
	lanes := llx.Lanes(list[0].Type())
	// In each part are runs of so many sums to be added up, one of each vector that went into it.
	for run := part; run > 1; run /= 2 {
		var next []llx.Value
		for i := 0; i < len(list); i += 2 {
			x, y := list[i], llx.Undef(list[0].Type())
			if i+1 < len(list) {
				y = list[i+1]
			}
			var low, high []int
			for p := 0; p < lanes; p += part {
				for _, from := range []int{0, lanes} {
					for r := 0; r < part; r += run {
						for q := range run / 2 {
							low, high = append(low, from+p+r+q), append(high, from+p+r+run/2+q)
						}
					}
				}
			}
			next = append(next, b.FAdd(b.Shuffle(x, y, low), b.Shuffle(x, y, high)))
		}
		list = next
	}
	return list
}
