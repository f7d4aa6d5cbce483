package interp

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// exec runs the steps of a block.
func (w *worker) exec(b *block) error {
	for i := range b.steps {
		s := &b.steps[i]
		w.at = s.op
		if err := s.run(w); err != nil {
			return err
		}
		if w.run.stop.Load() { // long operations give up in the middle
			return w.stopped(s.op)
		}
		for _, k := range s.kill {
			w.drop(&w.cells[k])
		}
	}
	return nil
}

// moves is how the values that a region yields become its next arguments.
type moves struct {
	from []int
	to   []int
	via  []int // cells between, where a yielded value is itself an argument that another value replaces
	drop []int // yielded values made in the region, forgotten there
}

func (c *compiler) moves(b *block, to []int) moves {
	m := moves{from: b.yields, to: to}
	crossed := false
	for i, f := range m.from {
		for j, t := range to {
			crossed = crossed || f == t && i != j
		}
		isArg := false
		for _, t := range to {
			isArg = isArg || f == t
		}
		if b.mine[i] && !isArg {
			m.drop = append(m.drop, f)
		}
	}
	if crossed {
		for _, t := range to {
			m.via = append(m.via, len(c.p.types))
			c.p.types = append(c.p.types, c.p.types[t])
		}
	}
	return m
}

func (m *moves) do(w *worker) {
	from := m.from
	if m.via != nil {
		w.shareAll(m.via, from)
		from = m.via
	}
	w.shareAll(m.to, from)
	for _, k := range m.via {
		w.drop(&w.cells[k])
	}
	for _, k := range m.drop {
		w.drop(&w.cells[k])
	}
}

// shareAll is share for lists of cells.
func (w *worker) shareAll(to, from []int) {
	for i, t := range to {
		if f := from[i]; f != t {
			w.share(&w.cells[t], &w.cells[f])
		}
	}
}

func (w *worker) dropAll(cells []int) {
	for _, k := range cells {
		w.drop(&w.cells[k])
	}
}

// stops reports whether the block's yield ends the loop around it.
func (w *worker) stops(b *block) bool { return b.stop >= 0 && w.cells[b.stop].ob[0] }

func (c *compiler) loop(o *ir.Op) (func(w *worker) error, error) {
	b, err := c.block(o.Regions[0], false)
	if err != nil {
		return nil, err
	}
	lo, hi, by := c.cell(o.Operands[0]), c.cell(o.Operands[1]), o.Int("by")
	whole, once := o.Flag("whole"), o.Flag("once")
	inits, results := c.cellsOf(o.Operands[2:]), c.cellsOf(o.Results)
	index, carried := b.args[0], b.args[1:]
	next := c.moves(b, carried)
	return func(w *worker) error {
		w.shareAll(carried, inits)
		i, end := w.cells[lo].oi64[0], w.cells[hi].oi64[0]
		for i < end && !b.empty {
			if err := w.tick(o); err != nil {
				return err
			}
			left := uint64(end) - uint64(i)
			x := &w.cells[index]
			step := uint64(1)
			if by == 0 {
				x.oi64[0] = i
			} else {
				step = min(uint64(by), left)
				if once && left > step {
					return &Fault{Kind: Internal, Pos: o.Pos, Message: fmt.Sprintf("a loop of one step of %d has %d indices", by, left)}
				}
				if whole && step < uint64(by) {
					return &Fault{Kind: Internal, Pos: o.Pos, Message: fmt.Sprintf("a loop of whole steps of %d has one of %d", by, step)}
				}
				x.lo, x.hi = i, i+int64(step)
			}
			if err := w.exec(b); err != nil {
				return err
			}
			next.do(w)
			if left <= step || w.stops(b) {
				break
			}
			i += int64(step)
		}
		w.shareAll(results, carried)
		w.dropAll(carried)
		return nil
	}, nil
}

func (c *compiler) while(o *ir.Op) (func(w *worker) error, error) {
	cond, err := c.block(o.Regions[0], false)
	if err != nil {
		return nil, err
	}
	body, err := c.block(o.Regions[1], false)
	if err != nil {
		return nil, err
	}
	inits, results := c.cellsOf(o.Operands), c.cellsOf(o.Results)
	next := c.moves(body, body.args)
	holds := cond.yields[0]
	return func(w *worker) error {
		w.shareAll(body.args, inits)
		for {
			if err := w.tick(o); err != nil {
				return err
			}
			w.shareAll(cond.args, body.args)
			if err := w.exec(cond); err != nil {
				return err
			}
			w.dropAll(cond.args)
			if !w.cells[holds].ob[0] {
				break
			}
			if err := w.exec(body); err != nil {
				return err
			}
			next.do(w)
			if w.stops(body) {
				break
			}
		}
		w.shareAll(results, body.args)
		w.dropAll(body.args)
		return nil
	}, nil
}

func (c *compiler) branch(o *ir.Op) (func(w *worker) error, error) {
	var arms [2]*block
	var give [2]moves
	cond, results := c.cell(o.Operands[0]), c.cellsOf(o.Results)
	for i, r := range o.Regions {
		b, err := c.block(r, false)
		if err != nil {
			return nil, err
		}
		arms[i], give[i] = b, c.moves(b, results)
	}
	return func(w *worker) error {
		i := 1
		if w.cells[cond].ob[0] {
			i = 0
		}
		if err := w.exec(arms[i]); err != nil {
			return err
		}
		give[i].do(w)
		return nil
	}, nil
}

// condition decodes a require or an assert.
func (c *compiler) condition(o *ir.Op) func(w *worker) error {
	k, spans := c.cell(o.Operands[0]), c.spans(o.Operands[0].Type)
	text := o.Str("text")
	return func(w *worker) error {
		x := &w.cells[k]
		index, all := x.firstFalse()
		if all {
			return nil
		}
		if o.Code == ir.Require {
			return faultf(Required, o.Pos, "the arguments do not meet the kernel's requirement %s", text)
		}
		var where []string
		for i, s := range spans {
			where = append(where, fmt.Sprintf("%s = %d", o.Operands[0].Type.Axes[i].Span.Name, w.cells[s].lo+int64(index[i])))
		}
		if len(where) == 0 {
			return faultf(Asserted, o.Pos, "assertion failed: %s", text)
		}
		return faultf(Asserted, o.Pos, "assertion failed at %s: %s", strings.Join(where, ", "), text)
	}
}

// firstFalse is the position of the first element, in row-major order, that is false; all says that there is none.
func (c *cell) firstFalse() (index []int, all bool) {
	index = make([]int, len(c.dims))
	for n := c.count(); n > 0; n-- {
		k := 0
		for i, p := range index {
			k += p * c.dims[i].s
		}
		if !c.b[k] {
			return index, false
		}
		for i := len(index) - 1; i >= 0; i-- {
			if index[i]++; index[i] < c.dims[i].n {
				break
			}
			index[i] = 0
		}
	}
	return nil, true
}

// maxPrinted bounds the elements of a tile that a print statement shows.
const maxPrinted = 1000

func (c *compiler) print(o *ir.Op) func(w *worker) error {
	cells, text := c.cellsOf(o.Operands), o.Str("text")
	return func(w *worker) error {
		out := w.run.opts.Print
		if out == nil {
			return nil
		}
		line, err := printText(text, len(cells), func(i int, b *strings.Builder) error {
			x := &w.cells[cells[i]]
			if err := w.force(x); err != nil {
				return err
			}
			x.write(b)
			return nil
		})
		if err != nil {
			return err
		}
		w.run.printing.Lock()
		defer w.run.printing.Unlock()
		if _, err := io.WriteString(out, line); err != nil {
			return &Fault{Kind: Limit, Pos: o.Pos, Message: "cannot print: " + err.Error(), Err: err}
		}
		return nil
	}
}

// write shows a value: a tile as nested lists, a span as its bounds.
func (c *cell) write(b *strings.Builder) {
	if c.kind == ir.Span {
		fmt.Fprintf(b, "%d..%d", c.lo, c.hi)
		return
	}
	left := maxPrinted
	c.writeFrom(b, 0, 0, &left)
	if left < 0 {
		fmt.Fprintf(b, " (%d elements)", c.count())
	}
}

func (c *cell) writeFrom(b *strings.Builder, axis, off int, left *int) {
	if axis == len(c.dims) {
		b.WriteString(c.text(off))
		return
	}
	b.WriteByte('[')
	for i := range c.dims[axis].n {
		if i > 0 {
			b.WriteByte(' ')
		}
		if *left--; *left < 0 {
			b.WriteString("…")
			break
		}
		c.writeFrom(b, axis+1, off+i*c.dims[axis].s, left)
	}
	b.WriteByte(']')
}

// text is one element as a literal of the language writes it.
func (c *cell) text(off int) string {
	switch {
	case c.class == f64Class:
		return floatText(c.f64[off], 64)
	case c.class == f32Class:
		return floatText(float64(c.f32[off]), 32)
	case c.class == boolClass:
		return strconv.FormatBool(c.b[off])
	case c.elem == dtype.U64:
		return strconv.FormatUint(uint64(c.i64[off]), 10)
	}
	return strconv.FormatInt(c.i64[off], 10)
}

func floatText(x float64, bits int) string {
	switch {
	case x != x:
		return "nan"
	case math.IsInf(x, 0):
		return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(x, 'g', -1, 64), "+"))
	}
	return strconv.FormatFloat(x, 'g', -1, bits)
}

// span decodes the operations that make spans and look at them.
func (c *compiler) span(o *ir.Op) func(w *worker) error {
	d := c.cell(o.Result())
	operands, axes := c.cellsOf(o.Operands), c.cellsOf(o.Axes)
	width := o.Int("width")
	switch o.Code {
	case ir.SpanOf:
		return func(w *worker) error {
			r, lo, hi := &w.cells[d], w.cells[operands[0]].oi64[0], w.cells[operands[1]].oi64[0]
			if hi < lo {
				hi = lo
			}
			if uint64(hi)-uint64(lo) > uint64(width) {
				hi = lo + width
			}
			r.lo, r.hi = lo, hi
			return nil
		}
	case ir.SpanCopy:
		return func(w *worker) error {
			r, s := &w.cells[d], &w.cells[axes[0]]
			r.lo, r.hi = s.lo, s.hi
			return nil
		}
	case ir.SpanCat:
		return func(w *worker) error {
			r := &w.cells[d]
			r.lo, r.hi = 0, int64(w.cells[axes[0]].live()+w.cells[axes[1]].live())
			return nil
		}
	case ir.SpanLo:
		return func(w *worker) error {
			w.cells[d].oi64[0] = w.cells[axes[0]].lo
			return nil
		}
	}
	return func(w *worker) error {
		w.cells[d].oi64[0] = w.cells[axes[0]].hi
		return nil
	}
}

// affine decodes index expressions. Their tiles are kept as base and steps until something needs the elements.
func (c *compiler) affine(o *ir.Op) func(w *worker) error {
	r := o.Result()
	d, spans := c.cell(r), c.spans(r.Type)
	if o.Code == ir.Iota {
		return func(w *worker) error {
			x := &w.cells[d]
			w.drop(x)
			w.shape(x, spans)
			x.affine, x.base, x.coef = true, w.cells[spans[0]].lo, append(x.coef[:0], 1)
			return nil
		}
	}
	type term struct {
		coef         int64
		cell, factor int // factor is a cell or -1
		axis         int // of the result, -1 for a scalar
	}
	var terms []term
	operands := c.cellsOf(o.Operands)
	factors := o.Ints("factor")
	for i, k := range o.Ints("coef") {
		t := term{coef: k, cell: operands[i], factor: -1, axis: r.Type.Axis(o.Operands[i])}
		if factors[i] >= 0 {
			t.factor = operands[factors[i]]
		}
		terms = append(terms, t)
	}
	constant, div, mod := o.Int("const"), o.Int("div"), o.Int("mod")
	return func(w *worker) error {
		x := &w.cells[d]
		w.drop(x)
		x.coef = x.coef[:0]
		for range spans {
			x.coef = append(x.coef, 0)
		}
		base := constant
		for _, t := range terms {
			k := t.coef
			if t.factor >= 0 {
				k *= w.cells[t.factor].oi64[0]
			}
			v := &w.cells[t.cell]
			if t.axis < 0 {
				base += k * v.oi64[0]
				continue
			}
			base += k * v.lo
			x.coef[t.axis] += k
		}
		if len(spans) == 0 {
			x.oi64[0] = divMod(base, div, mod)
			return nil
		}
		w.shape(x, spans)
		x.affine, x.base = true, base
		if div == 1 && mod == 0 {
			return nil
		}
		if err := w.force(x); err != nil {
			return err
		}
		for i, v := range x.i64 {
			x.i64[i] = divMod(v, div, mod)
		}
		return nil
	}
}

func divMod(v, div, mod int64) int64 {
	if div != 1 {
		v = ir.FloorDiv(v, div)
	}
	if mod != 0 {
		v = ir.FloorMod(v, mod)
	}
	return v
}
