package passes

import (
	"slices"

	"github.com/tilec/tilec/ir"
)

// Edges parts loops over spans into the steps that are whole and the one that may be short, so that what is emitted for
// the first needs no test of what is absent. A loop is parted where something inside crosses or reads its span, and no
// other loop over spans stands in it: what is doubled is the innermost loop alone. A loop whose steps are all whole, by
// its bounds or by what is known of sizes ([Facts]), is marked and not parted, as is what such a loop leaves.
func Edges(fn *ir.Func) {
	e := &edges{fn: fn, b: ir.NewBuilder(fn), facts: FactsOf(fn)}
	e.region(fn.Body)
	fn.Number()
}

// maxParted is the most operations of a loop that is doubled.
const maxParted = 500

type edges struct {
	fn    *ir.Func
	b     *ir.Builder
	facts *Facts
}

// region parts the loops of a region; it reports whether there is one over a span in it.
func (e *edges) region(r *ir.Region) bool {
	found := false
	for _, o := range append([]*ir.Op(nil), r.Ops...) {
		inner := false
		for _, q := range o.Regions {
			inner = e.region(q) || inner
		}
		if o.Code == ir.For && o.Int("by") > 1 && !o.Flag("whole") && !o.Flag("once") {
			if !inner {
				e.loop(o)
			}
			inner = true
		}
		found = found || inner
	}
	return found
}

func (e *edges) loop(o *ir.Op) {
	by := o.Int("by")
	lo, hi := o.Operands[0], o.Operands[1]
	first, ok1 := lo.ConstInt()
	last, ok2 := hi.ConstInt()
	if ok1 && ok2 && (last <= first || (last-first)%by == 0) || e.facts.Divisor(lo)%by == 0 && e.facts.Divisor(hi)%by == 0 {
		o.SetAttr("whole", true)
		return
	}
	switch length := linearOf(hi).minus(linearOf(lo)); {
	case length.multiple(by):
		o.SetAttr("whole", true)
		return
	case length.short(by):
		o.SetAttr("once", true)
		return
	}
	if count, stops := size(o.Regions[0]); stops || count > maxParted || o.Regions[0].Yield().Flag("breaks") || !spanMatters(o) {
		return
	}
	b := e.b
	b.At(o.Pos).Before(o)
	zero, step := b.Index(0), b.Index(by)
	left := b.Max(b.Sub(hi, lo), zero)
	middle := b.Add(lo, b.Mul(b.Div(left, step), step))
	tail := o.Clone(map[*ir.Value]*ir.Value{})
	o.SetAttr("whole", true)
	o.Operands[1] = middle
	tail.Operands[0] = middle
	tail.SetAttr("once", true)
	// What used the loop's results uses the tail's; the tail begins with the loop's.
	e.fn.Number()
	with := make([]*ir.Value, e.fn.Number())
	for i, v := range o.Results {
		with[v.ID] = tail.Results[i]
	}
	e.fn.Replace(with)
	copy(tail.Operands[2:], o.Results)
	at := 0
	for i, q := range o.Parent.Ops {
		if q == o {
			at = i + 1
		}
	}
	tail.Parent = o.Parent
	o.Parent.Ops = append(o.Parent.Ops[:at:at], append([]*ir.Op{tail}, o.Parent.Ops[at:]...)...)
}

// size counts the operations of a region; stops says that it has some that must not stand twice.
func size(r *ir.Region) (count int, stops bool) {
	r.Walk(func(o *ir.Op) {
		count++
		stops = stops || o.Code == ir.Print || o.Code == ir.Assert
	})
	return count, stops
}

// spanMatters reports whether the body of a loop loads, stores or crosses elements along the loop's span, or, in a role, copies them.
func spanMatters(o *ir.Op) bool {
	span, matters := o.Regions[0].Args[0], false
	role := o
	for role != nil && role.Code != ir.RoleOf {
		role = role.Parent.Parent
	}
	o.Regions[0].Walk(func(q *ir.Op) {
		switch q.Code {
		case ir.Copy:
			matters = matters || role != nil && slices.Contains(q.Operands, span)
		case ir.Load, ir.Store, ir.Reduce, ir.Contract, ir.Scan:
			for _, v := range append(append([]*ir.Value(nil), q.Operands...), q.Results...) {
				matters = matters || v == span || v.Type.Axis(span) >= 0
			}
		}
	})
	return matters
}

// multiple reports whether a form is a multiple of n whatever its values are.
func (f linearForm) multiple(n int64) bool {
	for _, k := range f.terms {
		if k%n != 0 {
			return false
		}
	}
	return f.k%n == 0
}

// short reports whether a form is less than n, as what is left of x behind x / n * n is.
func (f linearForm) short(n int64) bool {
	for v, k := range f.terms {
		if k != -n || v.Def == nil || v.Def.Code != ir.Div {
			continue
		}
		if by, ok := v.Def.Operands[1].ConstInt(); !ok || by != n {
			continue
		}
		x := v.Def.Operands[0]
		rest := f.minus(linearForm{terms: map[*ir.Value]int64{v: k}})
		if x.Def != nil && x.Def.Code == ir.Max {
			for i, y := range x.Def.Operands {
				if k, ok := y.ConstInt(); ok && k == 0 && linearOf(x.Def.Operands[1-i]).equal(rest) {
					return true
				}
			}
		}
		if linearOf(x).equal(rest) {
			return true
		}
	}
	return false
}
