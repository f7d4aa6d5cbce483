package passes

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// maxWorkspace is the most bytes that the partial results of one split loop may take.
const maxWorkspace = 1 << 30

// maxParts is the most parts of a loop.
const maxParts = 1 << 10

// loops splits the loops that the schedule names. A phase becomes one of S times as many blocks:
//
//	what stands before the loop           by each block
//	the loop, a part of its steps         part z has steps z·⌈steps/S⌉ up to the next one's
//	the partial results                   to a workspace
//	the merge, part 0 first, and          by the block of a tile that arrives last, whichever it is: so the result does not
//	what stands behind the loop           depend on the order of arrival
func (o *orderer) loops() error {
	for _, w := range splits(o.fn) {
		name, number, _ := strings.Cut(w.value, " = ")
		n, err := strconv.ParseInt(number, 10, 64)
		if err != nil || n < 1 || n > maxParts {
			return w.misfit("a loop has 1 to %d parts", maxParts)
		}
		found := false
		for _, phase := range slices.Clone(o.fn.Body.Ops) {
			if phase.Code != ir.Parallel {
				continue
			}
			if mine, ok := wordFor(o.fn, phase, "split"); !ok || mine != w {
				continue
			}
			list := loopsOver(phase, name)
			if len(list) == 0 {
				continue
			}
			found = true
			if len(list) > 1 {
				return w.misfit("two loops of one phase go over %s, at %s and %s", name, list[0].Pos, list[1].Pos)
			}
			s := &splitLoop{fn: o.fn, w: w, phase: phase, loop: list[0], parts: n}
			if err := s.check(); err != nil {
				err.Text += "; " + o.splittable(w)
				return err
			}
			if err := s.room(); err != nil {
				return err
			}
			if n == 1 {
				continue
			}
			s.rewrite()
			if o.parts == nil {
				o.parts = map[*ir.Op]int64{}
			}
			o.parts[phase] = n
			text := fmt.Sprintf("the loop over %s in %d parts, merged in order", name, n)
			if bytes, known := s.bytes(); known {
				text += fmt.Sprintf(" from %d bytes", bytes)
			} else {
				text += fmt.Sprintf(" from %d bytes a tile", s.tileBytes())
			}
			o.note(phase, "%s", text)
		}
		if !found {
			return o.noLoop(w, name)
		}
	}
	return nil
}

// splits are the words split, without those of which a later one, as from the command line, says the same loop's parts.
func splits(fn *ir.Func) []word {
	var list []word
	for _, w := range words(fn, "split") {
		loop, _, _ := strings.Cut(w.value, " = ")
		list = append(slices.DeleteFunc(list, func(x word) bool { return x.phase == w.phase && strings.HasPrefix(x.value, loop+" = ") }), w)
	}
	return list
}

// loopsOver are the loops over a name in a phase.
func loopsOver(phase *ir.Op, name string) []*ir.Op {
	var list []*ir.Op
	phase.Regions[0].Walk(func(q *ir.Op) {
		if q.Code == ir.For && q.Regions[0].Args[0].Name == name {
			list = append(list, q)
		}
	})
	return list
}

// noLoop is the error of a split of what is no loop. It names the loops that can be split.
func (o *orderer) noLoop(w word, name string) error {
	binding := false
	for _, phase := range o.fn.Body.Ops {
		if phase.Code != ir.Parallel {
			continue
		}
		for _, v := range phase.Regions[0].Args {
			binding = binding || v.Name == name
		}
	}
	what := "no loop goes over " + name
	if binding {
		what = name + " is what blocks are of, and no loop goes over it"
	}
	return w.misfit("%s; %s", what, o.splittable(w))
}

// splittable says which loops can be split in two.
func (o *orderer) splittable(w word) string {
	var loops []string
	for _, phase := range o.fn.Body.Ops {
		if phase.Code != ir.Parallel {
			continue
		}
		for _, q := range phase.Regions[0].Ops {
			if q.Code != ir.For {
				continue
			}
			name := q.Regions[0].Args[0].Name
			s := &splitLoop{fn: o.fn, w: w, phase: phase, loop: q, parts: 2}
			if len(loopsOver(phase, name)) == 1 && !slices.Contains(loops, name) && s.check() == nil {
				loops = append(loops, name)
			}
		}
	}
	if len(loops) == 0 {
		return "no loop of this kernel can be split, and without split it fits"
	}
	return "loops that can be split are over " + strings.Join(loops, ", ")
}

// splitLoop is a loop that is split.
type splitLoop struct {
	fn    *ir.Func
	w     word
	phase *ir.Op
	loop  *ir.Op
	parts int64
	// folds say how the carried values of two parts become one.
	folds []fold
	// tiles are the numbers of steps of the phase's bindings, as extents.
	tiles []*ir.Dim
}

// check sees whether the loop can be split, and says why not.
func (s *splitLoop) check() *Misfit {
	l := s.loop
	name := l.Regions[0].Args[0].Name
	refuse := func(format string, args ...any) *Misfit {
		return s.w.misfit("the loop over %s at %s %s", name, l.Pos, fmt.Sprintf(format, args...))
	}
	if l.Parent != s.phase.Regions[0] {
		return refuse("stands in another loop or branch")
	}
	if l.Regions[0].Yield().Flag("breaks") {
		return refuse("may end early")
	}
	if l.AllEffects()&(ir.Writes|ir.IO) != 0 {
		return refuse("stores")
	}
	if len(l.Results) == 0 {
		return refuse("carries nothing")
	}
	for _, q := range s.phase.Regions[0].Ops {
		if q == l {
			break
		}
		if q.AllEffects()&(ir.Writes|ir.IO) != 0 {
			return refuse("stands behind what the block stores, at %s", q.Pos)
		}
	}
	for i := range l.Results {
		f, ok := s.foldOf(i)
		if !ok {
			return refuse("carries %s, and what it makes of it is no sum, product, maximum or minimum, nor an online softmax: parts cannot be merged",
				l.Regions[0].Args[1+i].Name)
		}
		s.folds = append(s.folds, f)
		if t := l.Results[i].Type; t.Kind == ir.Tile && !slices.ContainsFunc(t.Axes, func(a ir.Axis) bool { return a.Span == nil }) || t.Kind == ir.Scalar {
			if bits := t.Elem.Bits(); t.Elem != dtype.Bool && bits%8 == 0 {
				continue
			}
		}
		return refuse("carries a %s, which cannot be put into a workspace", l.Results[i].Type)
	}
	for i, by := range s.phase.Ints("by") {
		lo, ok1 := dimOf(s.fn, s.phase.Operands[2*i])
		hi, ok2 := dimOf(s.fn, s.phase.Operands[2*i+1])
		if !ok1 || !ok2 {
			return refuse("is of a phase whose blocks are not counted by sizes alone, so that its workspace is not known")
		}
		if lo.Op != ir.DimConst || lo.K != 0 {
			hi = &ir.Dim{Op: ir.DimSub, X: hi, Y: lo}
		}
		if hi.Op == ir.DimConst {
			s.tiles = append(s.tiles, ir.ConstDim((max(hi.K, 0)+max(by, 1)-1)/max(by, 1)))
			continue
		}
		if by > 1 {
			hi = &ir.Dim{Op: ir.DimCdiv, X: hi, Y: ir.ConstDim(by)}
		}
		s.tiles = append(s.tiles, hi)
	}
	return nil
}

// room sees whether the workspace of a loop that can be split is not too large.
func (s *splitLoop) room() error {
	if bytes, known := s.bytes(); known && bytes > maxWorkspace {
		return s.w.misfit("a workspace of %d MiB exceeds the limit of %d MiB; %d parts fit", (bytes+1<<20-1)>>20, maxWorkspace>>20, maxWorkspace/(bytes/s.parts))
	}
	return nil
}

// tileBytes are the bytes of one tile's partial results.
func (s *splitLoop) tileBytes() int64 {
	n := int64(0)
	for _, v := range s.loop.Results {
		k := int64(v.Type.Elem.Bits() / 8)
		for _, a := range v.Type.Axes {
			k *= a.Extent
		}
		n += k
	}
	return n * s.parts
}

// bytes are the bytes of the workspace, known where the number of tiles is.
func (s *splitLoop) bytes() (n int64, known bool) {
	n = s.tileBytes()
	for _, d := range s.tiles {
		if d.Op != ir.DimConst {
			return 0, false
		}
		n *= min(d.K, maxWorkspace)
		if n > maxWorkspace {
			n = min(n, 1<<50) // of which the product with the next is far below the largest integer
			n = min(n, maxWorkspace<<20)
		}
	}
	return n, true
}

// dimOf is a scalar of the function's top as an extent.
func dimOf(fn *ir.Func, v *ir.Value) (*ir.Dim, bool) {
	if k, ok := v.ConstInt(); ok {
		return ir.ConstDim(k), true
	}
	if i := slices.Index(fn.Body.Args, v); i >= 0 {
		return ir.SizeDim(i), i < len(fn.Sizes)
	}
	ops := map[ir.Code]ir.DimOp{ir.Add: ir.DimAdd, ir.Sub: ir.DimSub, ir.Mul: ir.DimMul, ir.Div: ir.DimDiv, ir.Min: ir.DimMin, ir.Max: ir.DimMax}
	if v.Def == nil || v.Type.Elem != dtype.I64 {
		return nil, false
	}
	if v.Def.Code == ir.Affine {
		return affineDim(fn, v.Def)
	}
	op, ok := ops[v.Def.Code]
	if !ok {
		return nil, false
	}
	x, ok1 := dimOf(fn, v.Def.Operands[0])
	y, ok2 := dimOf(fn, v.Def.Operands[1])
	if op == ir.DimDiv && (y == nil || y.Op != ir.DimConst || y.K < 1) {
		return nil, false
	}
	return &ir.Dim{Op: op, X: x, Y: y}, ok1 && ok2
}

func affineDim(fn *ir.Func, o *ir.Op) (*ir.Dim, bool) {
	terms, k, div, mod := o.AffineTerms()
	sum := ir.ConstDim(k)
	for _, t := range terms {
		x, ok := dimOf(fn, t.Var)
		if !ok {
			return nil, false
		}
		x = &ir.Dim{Op: ir.DimMul, X: ir.ConstDim(t.Coef), Y: x}
		if t.Factor != nil {
			y, ok := dimOf(fn, t.Factor)
			if !ok {
				return nil, false
			}
			x = &ir.Dim{Op: ir.DimMul, X: x, Y: y}
		}
		sum = &ir.Dim{Op: ir.DimAdd, X: sum, Y: x}
	}
	if div > 1 {
		sum = &ir.Dim{Op: ir.DimDiv, X: sum, Y: ir.ConstDim(div)}
	}
	if mod > 0 {
		sum = &ir.Dim{Op: ir.DimMod, X: sum, Y: ir.ConstDim(mod)}
	}
	return sum, true
}

// rewrite splits the loop.
func (s *splitLoop) rewrite() {
	fn, phase, l := s.fn, s.phase, s.loop
	b := ir.NewBuilder(fn).At(l.Pos)
	b.Before(phase)
	temp := func(name string, elem dtype.Type, zero bool, dims ...*ir.Dim) *ir.Value {
		t := b.Temp(ir.TensorType(elem, ir.Dense, dims...), name)
		t.Def.SetAttr("limit", int64(maxWorkspace))
		t.Def.SetAttr("why", s.w.text())
		if zero {
			t.Def.SetAttr("zero", true)
		}
		return t
	}
	counter := temp("arrived", dtype.U32, true, s.tiles...)
	var spaces []*ir.Value
	for _, v := range l.Results {
		dims := append(slices.Clone(s.tiles), ir.ConstDim(s.parts))
		for _, a := range v.Type.Axes {
			dims = append(dims, ir.ConstDim(a.Extent))
		}
		spaces = append(spaces, temp("part_"+v.Name, v.Type.Elem, false, dims...))
	}
	zero, parts := b.Index(0), b.Index(s.parts)
	phase.Operands = append(phase.Operands, zero, parts)
	r := phase.Regions[0]
	var tile []*ir.Value // the indices of the phase's tile
	b.Before(l)
	for i, by := range phase.Ints("by") {
		at, lo := r.Args[i], phase.Operands[2*i]
		if by > 0 {
			at = b.SpanLo(at)
		}
		terms := []ir.Term{{Var: at, Coef: 1}}
		if k, ok := lo.ConstInt(); !ok || k != 0 {
			terms = append(terms, ir.Term{Var: lo, Coef: -1})
		}
		tile = append(tile, b.Affine(terms, 0, max(by, 1), 0))
	}
	phase.SetAttr("by", append(slices.Clone(phase.Ints("by")), 0))
	z := r.AddArg("part", ir.ScalarType(dtype.I64))
	// The loop's part.
	step := max(l.Int("by"), 1)
	lo, hi := l.Operands[0], l.Operands[1]
	if s.top(lo) && s.top(hi) { // once for all blocks
		b.Before(phase)
	}
	steps := b.Affine([]ir.Term{{Var: hi, Coef: 1}, {Var: lo, Coef: -1}}, step-1, step, 0)
	each := b.Max(b.Affine([]ir.Term{{Var: steps, Coef: 1}}, s.parts-1, s.parts, 0), zero)
	stride := b.Index(step)
	length := b.Mul(each, stride)
	b.Before(l)
	begin := b.Mul(b.Mul(z, each), stride)
	if k, ok := lo.ConstInt(); !ok || k != 0 {
		begin = b.Add(lo, begin)
	}
	l.Operands[0], l.Operands[1] = begin, b.Min(hi, b.Add(begin, length))
	first := b.Eq(z, zero)
	for i, f := range s.folds {
		l.Operands[2+i] = f.begins(b, first, l.Operands[2+i])
	}
	// The rest goes to the block that is the last.
	at := slices.Index(r.Ops, l) + 1
	rest := r.Ops[at : len(r.Ops)-1]
	end := r.Ops[len(r.Ops)-1]
	r.Ops = slices.Clone(r.Ops[:at])
	back := b.Into(r)
	index := func(z *ir.Value, t ir.Type) []*ir.Value {
		list := append(slices.Clone(tile), z)
		if t.Kind == ir.Tile {
			list = append(list, positions(b, t)...)
		}
		return list
	}
	for i, v := range l.Results {
		b.Store(spaces[i], index(z, v.Type), v, "in", nil)
	}
	last := b.Arrive(counter, tile, s.parts)
	var merged []*ir.Value
	b.If(last, func() []*ir.Value {
		load := func(z *ir.Value) []*ir.Value {
			var list []*ir.Value
			for i, v := range l.Results {
				x := b.Load(spaces[i], index(z, v.Type), "in", nil)
				if v.Type.Kind == ir.Tile {
					x = b.Bcast(x, v.Type.Axes)
				}
				list = append(list, x)
			}
			return list
		}
		merged = b.For("part", b.Index(1), parts, 0, load(zero), func(z *ir.Value, have []*ir.Value) ([]*ir.Value, *ir.Value) {
			return s.merge(b, have, load(z)), nil
		})
		in := b.Region()
		for _, q := range rest {
			q.Parent = in
		}
		in.Ops = append(in.Ops, rest...)
		return nil
	}, nil)
	back()
	r.Ops = append(r.Ops, end)
	to := map[*ir.Value]*ir.Value{}
	for i, v := range l.Results {
		merged[i].Name = v.Name
		to[v] = merged[i]
	}
	for _, q := range rest {
		one := &ir.Region{Ops: []*ir.Op{q}}
		substitute(one, to)
	}
	fn.Number()
}

// top reports whether a value is one of the function's top.
func (s *splitLoop) top(v *ir.Value) bool {
	return v.Region == s.fn.Body || v.Def != nil && v.Def.Parent == s.fn.Body
}

// merge are the carried values of a part and of all before it, as one.
func (s *splitLoop) merge(b *ir.Builder, have, next []*ir.Value) []*ir.Value {
	out := make([]*ir.Value, len(have))
	for i, f := range s.folds {
		if f.scale == nil {
			out[i] = b.Map(f.code, have[i], next[i])
		}
	}
	for i, f := range s.folds {
		if f.scale == nil {
			continue
		}
		factor := func(top *ir.Value) *ir.Value {
			x := b.Map(f.scale.code, b.Sub(top, out[f.scale.top]))
			if t := have[i].Type; t.Kind == ir.Tile {
				x = b.Bcast(x, t.Axes)
			}
			return x
		}
		top := f.scale.top
		out[i] = b.Add(b.Mul(have[i], factor(have[top])), b.Mul(next[i], factor(next[top])))
	}
	return out
}
