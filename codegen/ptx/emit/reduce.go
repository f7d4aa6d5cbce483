package emit

import (
	"fmt"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
)

// fold is how partial results of a reduction are combined: a function of tuples of elements that is associative and
// commutative.
type fold struct {
	classes []asm.Class
	combine func(x, y []asm.Arg) []asm.Arg
	// neutral is what absent elements count as: integers, which are their bits.
	neutral []asm.Arg
	// vote is "any" or "all" where the elements are predicates, of which lanes can vote.
	vote string
}

// simple is a fold of single elements.
func simple(c asm.Class, neutral asm.Arg, f func(x ...asm.Arg) asm.Arg) *fold {
	return &fold{classes: []asm.Class{c}, neutral: []asm.Arg{neutral}, combine: func(x, y []asm.Arg) []asm.Arg {
		return []asm.Arg{f(x[0], y[0])}
	}}
}

// reduction says how a reduction is done: from an element of the operand to what is folded, and from that to the result.
type reduction struct {
	*fold
	first func(slot int, x asm.Arg) []asm.Arg
	last  func(x []asm.Arg) asm.Arg
}

func (e *emitter) reduce(o *ir.Op) {
	x, t := o.Operands[0], o.Result().Type
	axes := make([]int, len(o.Axes))
	for i, a := range o.Axes {
		axes[i] = x.Type.Axis(a)
	}
	var r *reduction
	switch kind := o.Str("kind"); kind {
	case "argmax", "argmin":
		r = e.best(o, axes[0], kind == "argmin")
	case "last":
		r = e.lastOf(o, axes[0])
	default:
		r = e.folding(o, kind, t.Elem)
	}
	in := e.value(x)
	slots := make([][]asm.Arg, e.place(x.Type).slots)
	for i := range slots {
		if e.place(x.Type).twin[i] != i {
			continue
		}
		slots[i] = r.first(i, e.elem(in, i))
		if live, ok := e.live(x.Type, i, axes); ok {
			for k, c := range r.classes {
				slots[i][k] = e.pick(c, live, slots[i][k], r.neutral[k])
			}
		}
	}
	folded := e.foldOwn(x.Type, t, r.fold, slots)
	if !e.partial[o] {
		e.foldLanes(e.place(x.Type), axes, r.fold, folded)
		e.foldWarps(e.place(x.Type), axes, r.fold, folded)
	}
	list := make([]asm.Arg, len(folded))
	for i, f := range folded {
		list[i] = r.last(f)
	}
	if t.Kind == ir.Scalar {
		e.set(o.Result(), &value{scalar: list[0]})
	} else {
		e.set(o.Result(), &value{elems: list})
	}
}

// folding is the reduction of a kind that is a function of two elements, done in type t.
func (e *emitter) folding(o *ir.Op, kind string, t dtype.Type) *reduction {
	from := o.Operands[0].Type.Elem
	c := classOf(t)
	// Sums of small integers are words until the end.
	in := t
	if (kind == "sum" || kind == "prod") && t.IsInt() && t.Bits() < 32 {
		in = dtype.I32
	}
	wraps := from.IsInt() && t.IsInt()
	cast := e.casting(from, in, wraps)
	r := &reduction{first: func(_ int, x asm.Arg) []asm.Arg { return []asm.Arg{cast(x)} }, last: func(x []asm.Arg) asm.Arg { return x[0] }}
	zero := number(t, 0)
	switch kind {
	case "sum", "mean":
		add := e.function(ir.Add, in, in)
		r.fold = simple(c, zero, add)
		back := e.casting(in, t, true)
		r.last = func(x []asm.Arg) asm.Arg {
			if t.IsFloat() && t.HasNegZero() && !positive(o.Operands[0]) {
				return add(x[0], e.operand(t, zero)) // not -0
			}
			return back(x[0])
		}
		if kind == "mean" {
			sum := r.last
			divide := e.quotient(o, t)
			r.last = func(x []asm.Arg) asm.Arg { return divide(sum(x)) }
		}
	case "prod":
		r.fold = simple(c, number(t, 1), e.function(ir.Mul, in, in))
		back := e.casting(in, t, true)
		r.last = func(x []asm.Arg) asm.Arg { return back(x[0]) }
	case "max", "maxnan", "min", "minnan", "any", "all":
		code := map[string]ir.Code{"max": ir.Max, "maxnan": ir.MaxNan, "min": ir.Min, "minnan": ir.MinNan}[kind]
		neutral := lowest(t)
		if kind == "min" || kind == "minnan" || kind == "all" {
			neutral = highest(t)
		}
		if t == dtype.Bool {
			vote := "any"
			code = ir.Or
			if k, _ := neutral.IntValue(); k == 1 {
				vote, code = "all", ir.And
			}
			r.fold = simple(c, neutral, e.function(code, t, t))
			r.vote = vote
			break
		}
		f := e.function(code, t, t)
		r.fold = simple(c, neutral, f)
		if t.HasNaN() && (kind == "max" || kind == "min") { // of NaN alone it is what it is of nothing
			r.last = func(x []asm.Arg) asm.Arg { return f(x[0], e.operand(t, neutral)) }
		}
	}
	return r
}

// positive reports whether elements of a float are known not to be -0: a sum of some is none either.
func positive(v *ir.Value) bool {
	o := v.Def
	if o == nil {
		return false
	}
	switch o.Code {
	case ir.Exp, ir.Exp2, ir.Abs:
		return true
	case ir.Mul:
		return o.Operands[0] == o.Operands[1]
	case ir.Bcast, ir.Convert, ir.Rebind:
		return positive(o.Operands[0])
	case ir.Cast:
		return o.Operands[0].Type.Elem.IsFloat() && positive(o.Operands[0])
	case ir.Select:
		return positive(o.Operands[1]) && positive(o.Operands[2])
	}
	return false
}

// operand is an element given by its bits as an operand of arithmetic.
func (e *emitter) operand(t dtype.Type, x asm.Arg) asm.Arg {
	if k, ok := x.IntValue(); ok {
		switch t {
		case dtype.F32:
			return asm.F32(float32(t.Decode(uint64(k))))
		case dtype.F64:
			return asm.F64(t.Decode(uint64(k)))
		}
	}
	return x
}

// quotient divides a sum in type t by the number of elements.
func (e *emitter) quotient(o *ir.Op, t dtype.Type) func(sum asm.Arg) asm.Arg {
	n := asm.Int(1)
	for _, a := range o.Axes {
		n = e.b.Mul(asm.W, n, e.live32(e.value(a)))
	}
	in := t
	if t != dtype.F64 {
		in = dtype.F32
	}
	widen, narrow := e.casting(t, in, false), e.casting(in, t, false)
	if k, ok := n.IntValue(); ok && k > 0 && k&(k-1) == 0 {
		times := e.function(ir.Mul, in, in)
		share := number(in, 1/float64(k))
		return func(sum asm.Arg) asm.Arg { return narrow(times(widen(sum), e.operand(in, share))) }
	}
	count := e.casting(dtype.I32, in, false)(n)
	over := e.function(ir.Div, in, in)
	return func(sum asm.Arg) asm.Arg { return narrow(over(widen(sum), count)) }
}

// lastOf is the reduction to the element at the last live index, 0 of nothing.
func (e *emitter) lastOf(o *ir.Op, axis int) *reduction {
	x, t := o.Operands[0], o.Result().Type.Elem
	from := x.Type.Elem
	c := classOf(from)
	p := e.place(x.Type)
	n := e.live32(e.value(o.Axes[0]))
	cast := e.casting(from, t, false)
	word := c
	if c == asm.P {
		word = asm.W
	}
	// All but one element are zeros.
	r := &reduction{fold: simple(word, asm.Int(0), func(x ...asm.Arg) asm.Arg { return e.b.Or(word, x[0], x[1]) })}
	r.first = func(slot int, v asm.Arg) []asm.Arg {
		_, v = e.asWord(c, v)
		at, end := e.part(p, axis), e.b.Add(asm.W, n, asm.Int(-1-p.coords[slot][axis]))
		if k, ok := at.IntValue(); ok {
			if m, known := end.IntValue(); known {
				if k != m {
					v = asm.Int(0)
				}
				return []asm.Arg{v}
			}
			at, end = end, at
		}
		return []asm.Arg{e.pick(word, e.b.SetP("eq", "s32", at, end), v, asm.Int(0))}
	}
	r.last = func(x []asm.Arg) asm.Arg {
		if c == asm.P {
			return cast(e.ofWord(c, e.b.Move(word, x[0])))
		}
		return cast(x[0])
	}
	return r
}

// foldAlong folds the slots of a tile of type x along some axes; slots that are nil take no part. The results are
// those of the slots of a tile of type t, in all threads that hold them.
func (e *emitter) foldAlong(x ir.Type, axes []int, t ir.Type, f *fold, slots [][]asm.Arg) [][]asm.Arg {
	list := e.foldOwn(x, t, f, slots)
	e.foldLanes(e.place(x), axes, f, list)
	e.foldWarps(e.place(x), axes, f, list)
	return list
}

// foldOwn folds the slots of each thread.
func (e *emitter) foldOwn(x, t ir.Type, f *fold, slots [][]asm.Arg) [][]asm.Arg {
	list := make([][]asm.Arg, 0, 1)
	for _, group := range e.groups(x, t) {
		var parts [][]asm.Arg
		for _, i := range group {
			if slots[i] != nil {
				parts = append(parts, slots[i])
			}
		}
		list = append(list, f.tree(parts))
	}
	return list
}

// tree folds a list.
func (f *fold) tree(list [][]asm.Arg) []asm.Arg {
	for len(list) > 1 {
		var next [][]asm.Arg
		for i := 0; i+1 < len(list); i += 2 {
			next = append(next, f.combine(list[i], list[i+1]))
		}
		if len(list)%2 == 1 {
			next = append(next, list[len(list)-1])
		}
		list = next
	}
	return list[0]
}

// groups are, for each slot of a tile of type t, the slots of one of type x, which has its axes, that agree with it along
// them.
func (e *emitter) groups(x, t ir.Type) [][]int {
	p := e.place(x)
	kept := make([]int, len(t.Axes))
	for i, a := range t.Axes {
		kept[i] = x.Axis(a.Span)
	}
	by := map[string][]int{}
	for i, at := range p.coords {
		k := ""
		for _, a := range kept {
			k += fmt.Sprint(at[a], ",")
		}
		by[k] = append(by[k], i)
	}
	if t.Kind == ir.Scalar {
		return [][]int{by[""]}
	}
	r := e.place(t)
	list := make([][]int, r.slots)
	for i := range list {
		k := ""
		for _, at := range r.coords[i] {
			k += fmt.Sprint(at, ",")
		}
		if list[i] = by[k]; list[i] == nil {
			panic(fmt.Sprintf("emit: the layout %v of a reduction's result is not that of its operand, %v", r.d, p.d))
		}
	}
	return list
}

// foldLanes folds each element of a list over the lanes that differ along the axes.
func (e *emitter) foldLanes(p *place, axes []int, f *fold, list [][]asm.Arg) {
	b := e.b
	var bits int64
	for _, g := range p.threads() {
		if g.Unit == layout.Lane && contains(axes, g.Axis) {
			bits |= (g.Size - 1) * g.before
		}
	}
	if bits == 0 {
		return
	}
	if f.vote != "" {
		e.vote(f.vote, bits, list)
		return
	}
	for bit := int64(1); bit < 32; bit <<= 1 {
		if bits&bit == 0 {
			continue
		}
		for i, x := range list {
			y := make([]asm.Arg, len(x))
			for k, c := range f.classes {
				y[k] = e.shuffle("bfly", c, asm.R(b.Move(c, x[k])), asm.Int(bit))
			}
			list[i] = f.combine(x, y)
		}
	}
}

// vote folds predicates over the lanes that differ in some bits of their numbers.
func (e *emitter) vote(kind string, bits int64, list [][]asm.Arg) {
	b := e.b
	for i, x := range list {
		p := b.Move(asm.P, x[0])
		if bits == 31 {
			list[i] = []asm.Arg{asm.R(b.Do("vote.sync."+kind+".pred", asm.P, asm.R(p), everyone))}
			continue
		}
		mask := int64(0)
		for lane := int64(0); lane < 32; lane++ {
			if lane&^bits == 0 {
				mask |= 1 << lane
			}
		}
		mine := b.Pure("shl.b32", asm.W, asm.Int(int64(int32(mask))), b.And(asm.W, e.lane, asm.Int(31&^bits)))
		arg := asm.R(p)
		if kind == "all" {
			arg = asm.R(b.NotP(p))
		}
		votes := b.Do("vote.sync.ballot.b32", asm.W, arg, everyone)
		test := map[string]string{"any": "ne", "all": "eq"}[kind]
		list[i] = []asm.Arg{asm.R(b.SetP(test, "s32", b.And(asm.W, asm.R(votes), asm.R(mine)), asm.Int(0)))}
	}
}

// foldWarps folds each element of a list over the warps that differ along the axes, through shared memory.
func (e *emitter) foldWarps(p *place, axes []int, f *fold, list [][]asm.Arg) {
	b := e.b
	// Lanes that hold different results, warps that do, and warps that are folded.
	lanes, kept, folded, same := int64(1), int64(1), int64(1), int64(31)
	for _, g := range p.threads() {
		switch along := contains(axes, g.Axis); {
		case g.Unit == layout.Lane && !along && g.Axis != layout.Replica:
			lanes *= g.Size
			same &^= (g.Size - 1) * g.before
		case g.Unit == layout.Warp && along:
			folded *= g.Size
		case g.Unit == layout.Warp:
			kept *= g.Size
		}
	}
	if folded == 1 {
		return
	}
	// A result's parts lie in a row where the lanes that store them do not meet in a bank, else the lanes do.
	lane, warp := folded, int64(1)
	if lanes*folded > 32 {
		lane, warp = 1, lanes
	}
	slot := lanes * folded
	n := int64(len(list))
	offsets := make([]int64, len(f.classes))
	var size int64
	for k, c := range f.classes {
		offsets[k] = size
		size += (roomOf(c)*n*slot*kept + 15) &^ 15
	}
	start, base := e.scratch(size)
	// at is where the thread's part of the first result is, or the first of all parts.
	at := func(c asm.Class, part bool) asm.Reg {
		nl, nk, nf := int64(1), int64(1), int64(1)
		off := e.linear(p, func(g threadDigit) int64 {
			w := int64(0)
			switch along := contains(axes, g.Axis); {
			case g.Unit == layout.Lane && !along && g.Axis != layout.Replica:
				w = nl * lane
				nl *= g.Size
			case g.Unit == layout.Warp && along:
				if part {
					w = nf * warp
				}
				nf *= g.Size
			case g.Unit == layout.Warp:
				w = nk * n * slot
				nk *= g.Size
			}
			return w * roomOf(c)
		})
		return b.Move(asm.W, b.Add(asm.W, asm.R(base), off))
	}
	var first asm.Arg // of the lanes that hold the same
	if same != 0 {
		first = asm.R(b.SetP("eq", "s32", b.And(asm.W, e.lane, asm.Int(same)), asm.Int(0)))
	}
	for k, c := range f.classes {
		to := at(c, true)
		for i, x := range list {
			e.keep(c, first, to, start+offsets[k]+int64(i)*slot*roomOf(c), x[k])
		}
	}
	e.barrier()
	parts := make([][][]asm.Arg, n)
	for i := range parts {
		parts[i] = make([][]asm.Arg, folded)
	}
	for k, c := range f.classes {
		from := at(c, false)
		for i := range list {
			first := start + offsets[k] + int64(i)*slot*roomOf(c)
			var row []asm.Arg
			if warp == 1 {
				row = e.fetch(c, from, first, folded)
			} else {
				for w := range folded {
					row = append(row, e.fetch(c, from, first+w*warp*roomOf(c), 1)...)
				}
			}
			for w, x := range row {
				parts[i][w] = append(parts[i][w], x)
			}
		}
	}
	for i := range list {
		list[i] = f.tree(parts[i])
	}
}
