package emit

import (
	"slices"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// delayed is a sum that a loop carries and adds to in each step, what a tile sums to along some axes: its parts stay in the threads
// that have them, and are added behind the loop. Between steps it may be multiplied where the schedule is fast, as rounding is
// another then.
type delayed struct {
	at   int // the number of the carried value
	x    ir.Type
	axes []int
	f    *fold
}

// delays are the carried values of a loop that are such sums. Their initial values are left to one thread of those whose parts
// are added.
func (e *emitter) delays(o *ir.Op, list []*carried) []delayed {
	var late []delayed
	r := o.Regions[0]
	y := r.Yield()
	if y.Flag("breaks") {
		return nil
	}
	for i, a := range r.Args[1:] {
		sum := e.addedTo(a, y.Operands[i])
		if sum == nil {
			continue
		}
		x := sum.Operands[0].Type
		var axes []int
		for _, s := range sum.Axes {
			axes = append(axes, x.Axis(s))
		}
		p := e.place(x)
		others := func(g threadDigit) int64 {
			if contains(axes, g.Axis) {
				return g.before
			}
			return 0
		}
		if !slices.ContainsFunc(p.threads(), func(g threadDigit) bool { return others(g) > 0 }) {
			continue
		}
		t := a.Type.Elem
		late = append(late, delayed{at: i, x: x, axes: axes, f: e.folding(sum, "sum", t).fold})
		e.partial[sum] = true
		if o.Operands[2+i].IsZero() {
			continue
		}
		// Adding -0 changes nothing.
		neutral := asm.Int(0)
		if t.IsFloat() {
			neutral = code(t, 1<<(t.Bits()-1))
		}
		first := e.b.SetP("eq", "s32", e.word(e.linear(p, others)), asm.Int(0))
		for _, v := range list[i].vars {
			e.b.Emit("selp.b"+v.Class().Suffix(), asm.R(v), asm.R(v), neutral, asm.R(first))
		}
	}
	return late
}

// addedTo is the sum of a tile that a step of a loop adds to the carried value a to give the next one, where nothing else reads
// any of these; else nil.
func (e *emitter) addedTo(a, next *ir.Value) *ir.Op {
	t := a.Type.Elem
	if next.Def == nil || next.Def.Code != ir.Add || next.Def.Parent != a.Region || !e.readOnce(next) || !e.readOnce(a) ||
		t != dtype.F32 && t != dtype.F64 && !(t.IsInt() && t.Bits() >= 32) {
		return nil
	}
	for i, v := range next.Def.Operands {
		sum, old := v.Def, next.Def.Operands[1-i]
		if sum == nil || sum.Code != ir.Reduce || sum.Str("kind") != "sum" || sum.Parent != a.Region || !e.readOnce(v) {
			continue
		}
		if m := old.Def; m != nil && m.Code == ir.Mul && e.fast && m.Parent == a.Region && e.readOnce(old) {
			if old = m.Operands[0]; old != a {
				old = m.Operands[1]
			}
		}
		if old == a {
			return sum
		}
	}
	return nil
}

// readOnce reports whether a value is an operand once.
func (e *emitter) readOnce(v *ir.Value) bool { return len(e.users(v)) == 1 }

// settle adds the parts of delayed sums behind their loop.
func (e *emitter) settle(o *ir.Op, late []delayed) {
	for _, d := range late {
		v := e.value(o.Results[d.at])
		p := e.place(d.x)
		parts := []asm.Arg{v.scalar}
		if v.t.Kind == ir.Tile {
			parts = e.elems(v)
		}
		list := make([][]asm.Arg, len(parts))
		for i, x := range parts {
			list[i] = []asm.Arg{x}
		}
		e.foldLanes(p, d.axes, d.f, list)
		e.foldWarps(p, d.axes, d.f, list)
		for i := range list {
			parts[i] = list[i][0]
		}
		x := &value{elems: parts}
		if v.t.Kind == ir.Scalar {
			x = &value{scalar: parts[0]}
		}
		e.set(o.Results[d.at], x)
	}
}
