package passes

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// Order puts the blocks of phases in the order that the schedule asks for, by its words raster, persistent and split, and
// says in words what it did. What it makes are operations of the value stage: the interpreter runs it. The error is a
// [*Misfit].
//
//	raster = W   the last two bindings of a phase are gone through in bands: W steps of the first of them, for each all of the
//	             second, the first running faster (the last band may have fewer). Blocks that run at the same time then
//	             share what they read
//	persistent   as many blocks as the device holds, each of which goes on with what a later one would have done
//	split k = S  the loop over k in S parts, each a block's ([splitLoop])
//
// It comes before loops are parted (Edges) and tiles are placed, as both have to do with loops that it makes. A phase that
// prints keeps its order.
func Order(fn *ir.Func) (notes []string, err error) {
	o := &orderer{fn: fn}
	if err := o.loops(); err != nil {
		return nil, err
	}
	for _, phase := range slices.Clone(fn.Body.Ops) {
		if phase.Code == ir.Parallel {
			if err := o.phase(phase); err != nil {
				return nil, err
			}
		}
	}
	for _, w := range words(fn, "raster") {
		if !o.obeyed[w.text()] && o.printing == 0 {
			return nil, w.misfit("no phase has two bindings, whose blocks bands could be of")
		}
	}
	fn.Number()
	return o.notes, nil
}

type orderer struct {
	fn    *ir.Func
	notes []string
	// parts is in how many parts each phase's loop is split: its last binding counts them.
	parts map[*ir.Op]int64
	// obeyed are the words that some phase obeys; printing counts phases whose blocks keep their order.
	obeyed   map[string]bool
	printing int
}

func (o *orderer) note(phase *ir.Op, format string, args ...any) {
	o.notes = append(o.notes, fmt.Sprintf("%s: ", phase.Pos)+fmt.Sprintf(format, args...))
}

// maxBlocks is the most blocks that a number of a block is meant for.
const maxBlocks = 1 << 31

// phase puts the blocks of one phase in order.
func (o *orderer) phase(phase *ir.Op) error {
	raster, banded := wordFor(o.fn, phase, "raster")
	stay, persistent := wordFor(o.fn, phase, "persistent")
	n := len(phase.Ints("by"))
	parts := o.parts[phase]
	if parts > 0 {
		n--
	}
	banded = banded && n >= 2
	if !banded && !persistent || n == 0 && parts == 0 {
		return nil
	}
	if phase.AllEffects()&ir.IO != 0 {
		o.printing++
		o.note(phase, "the phase prints, and its blocks keep their order")
		return nil
	}
	if persistent {
		var own *ir.Op
		phase.Regions[0].Walk(func(q *ir.Op) {
			if own == nil && slices.Contains([]ir.Code{ir.RoleOf, ir.ChanOf, ir.SharedOf}, q.Code) {
				own = q
			}
		})
		if own != nil {
			return stay.misfit("the phase has a %s of its own, at %s, which is made once a block; without persistent it fits", own.Code, own.Pos)
		}
	}
	if o.obeyed == nil {
		o.obeyed = map[string]bool{}
	}
	g := newGrid(o.fn, phase, parts)
	if banded {
		width, err := strconv.ParseInt(raster.value, 10, 64)
		if err != nil || width < 1 {
			return raster.misfit("a band is at least one wide")
		}
		g.band = width
		o.obeyed[raster.text()] = true
		o.note(phase, "blocks in bands of %d", width)
	}
	g.rewrite(persistent)
	if persistent {
		o.note(phase, "as many blocks as the device holds, each loops")
	}
	return nil
}

// grid is the grid of a phase as it is rewritten: one binding, the number of a block, stands for all.
type grid struct {
	fn    *ir.Func
	phase *ir.Op
	b     *ir.Builder
	// counts are the numbers of steps of the bindings: scalars of the function's top.
	counts []*ir.Value
	// parts is how many parts the last binding counts, 0 where there are none: it is no part of bands.
	parts int64
	// band is the width of bands, 0 for none.
	band int64
	// stands are what stands for the bindings.
	stands map[*ir.Value]*ir.Value
}

func newGrid(fn *ir.Func, phase *ir.Op, parts int64) *grid {
	g := &grid{fn: fn, phase: phase, b: ir.NewBuilder(fn).At(phase.Pos), parts: parts, stands: map[*ir.Value]*ir.Value{}}
	g.b.Before(phase)
	for i, by := range phase.Ints("by") {
		g.counts = append(g.counts, g.count(phase.Operands[2*i], phase.Operands[2*i+1], max(by, 1)))
	}
	return g
}

// count is the number of steps from lo to hi.
func (g *grid) count(lo, hi *ir.Value, step int64) *ir.Value {
	first, ok1 := lo.ConstInt()
	last, ok2 := hi.ConstInt()
	if ok1 && ok2 {
		return g.b.Index(max(0, (last-first+step-1)/step))
	}
	terms := []ir.Term{{Var: hi, Coef: 1}}
	if !ok1 {
		first = 0
		terms = append(terms, ir.Term{Var: lo, Coef: -1})
	}
	return g.b.Max(g.b.Affine(terms, step-1-first, step, 0), g.b.Index(0))
}

// times is the product of some counts, right as far as it is less than maxBlocks, and at least that where it is not.
func (g *grid) times(counts []*ir.Value) *ir.Value {
	b := g.b
	var all *ir.Value
	for _, c := range counts {
		if all == nil {
			all = c
			continue
		}
		all = b.Mul(b.Min(all, b.Index(maxBlocks)), b.Min(c, b.Index(maxBlocks)))
	}
	return all
}

// rewrite makes the bindings of the phase functions of a number.
func (g *grid) rewrite(persistent bool) {
	b, phase := g.b, g.phase
	r := phase.Regions[0]
	args, by, bounds := r.Args, phase.Ints("by"), phase.Operands
	total := g.times(g.counts)
	blocks := total
	if persistent {
		b.Require(b.Lt(total, b.Index(maxBlocks)), fmt.Sprintf("fewer than %d blocks in a phase", int64(maxBlocks)))
		blocks = b.Min(total, b.Resident("blocks"))
	}
	zero := b.Index(0)
	// What the numbers of blocks are divided by, in words: 64 bits take many times as long.
	inner := g.counts
	if g.parts > 0 {
		inner = inner[:len(inner)-1]
	}
	d := divisors{blocks: g.word(blocks)}
	for _, c := range inner {
		d.counts = append(d.counts, g.word(c))
	}
	if n := len(inner); g.band > 0 {
		d.plane = g.word(g.times(inner[n-2:]))
		d.strip = g.word(b.Mul(b.Index(g.band), b.Min(inner[n-1], b.Index(maxBlocks))))
	}
	number := r.AddArg("block", ir.ScalarType(total.Type.Elem))
	ops := r.Ops
	r.Ops = nil
	back := b.Into(r)
	body := func(at *ir.Value) {
		index := g.decode(g.word(at), d)
		for i, v := range args {
			if by[i] == 0 {
				g.stands[v] = b.Add(bounds[2*i], index[i])
				continue
			}
			lo := b.Mul(index[i], b.Index(by[i]))
			if k, ok := bounds[2*i].ConstInt(); !ok || k != 0 {
				lo = b.Add(bounds[2*i], lo)
			}
			hi := bounds[2*i+1]
			first, ok1 := bounds[2*i].ConstInt()
			last, ok2 := hi.ConstInt()
			if ok1 && ok2 && (last-first)%by[i] == 0 {
				hi = b.Add(lo, b.Index(by[i]))
			}
			g.stands[v] = b.SpanOf(lo, hi, by[i], v.Name)
		}
	}
	if persistent {
		// The last one is the number of steps that are left behind this block's first.
		steps := b.Add(b.Cast(b.Div(g.word(b.Sub(b.Sub(total, b.Index(1)), number)), d.blocks), dtype.I64, "rne", "wrap"), b.Index(1))
		b.For("round", zero, steps, 0, nil, func(round *ir.Value, _ []*ir.Value) ([]*ir.Value, *ir.Value) {
			body(b.Add(number, b.Mul(round, blocks)))
			in := b.Region()
			for _, q := range ops[:len(ops)-1] {
				q.Parent = in
			}
			in.Ops = append(in.Ops, ops[:len(ops)-1]...)
			return nil, nil
		})
	} else {
		body(number)
		r.Ops = append(r.Ops, ops[:len(ops)-1]...)
	}
	r.Ops = append(r.Ops, ops[len(ops)-1])
	back()
	// The bindings go.
	g.fn.Number()
	with := make([]*ir.Value, g.fn.Number())
	for _, v := range args {
		with[v.ID] = g.stands[v]
	}
	g.fn.Replace(with)
	r.Args = []*ir.Value{number}
	number.Index = 0
	phase.Operands = []*ir.Value{zero, blocks}
	phase.SetAttr("by", []int64{0})
	g.fn.Number()
}

// divisors are what numbers of blocks are divided by: words.
type divisors struct {
	// counts are the steps of the bindings, plane those of the last two together, and strip those of a band; blocks is how many
	// there are.
	counts       []*ir.Value
	plane, strip *ir.Value
	blocks       *ir.Value
}

// word is a number from 0 to maxBlocks-1 as a word; what is greater becomes the last of these, and no number of a block
// reaches it.
func (g *grid) word(v *ir.Value) *ir.Value {
	if v.Def != nil && v.Def.Parent == g.fn.Body || slices.Contains(g.counts, v) {
		v = g.b.Min(v, g.b.Index(maxBlocks-1))
	}
	return g.b.Cast(v, dtype.U32, "rne", "wrap")
}

// decode is the step of each binding in the block of a number, a word.
func (g *grid) decode(at *ir.Value, d divisors) []*ir.Value {
	b := g.b
	index := make([]*ir.Value, len(g.counts))
	rest := at
	next := func(by *ir.Value) *ir.Value { // takes the last digit of rest
		q := b.Div(rest, by)
		digit := b.Sub(rest, b.Mul(q, by))
		rest = q
		return digit
	}
	if g.parts > 0 { // parts of one tile stand side by side
		index[len(index)-1] = next(b.ConstInt(dtype.U32, g.parts))
	}
	n := len(d.counts)
	if d.plane != nil {
		in := rest
		if n > 2 {
			in = next(d.plane)
		}
		width := b.ConstInt(dtype.U32, min(g.band, maxBlocks-1))
		band := b.Div(in, d.strip)
		in = b.Sub(in, b.Mul(band, d.strip))
		first := b.Mul(band, width)
		rows := b.Min(b.Sub(d.counts[n-2], first), width)
		column := b.Div(in, rows)
		index[n-2], index[n-1] = b.Add(first, b.Sub(in, b.Mul(column, rows))), column
		n -= 2
	}
	for i := n - 1; i > 0; i-- {
		index[i] = next(d.counts[i])
	}
	if n > 0 {
		index[0] = rest
	}
	for i, v := range index {
		index[i] = b.Cast(v, dtype.I64, "rne", "wrap")
	}
	return index
}
