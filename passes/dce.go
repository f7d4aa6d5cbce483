package passes

import "github.com/tilec/tilec/ir"

// DCE removes what no store, print, check or assertion needs: operations, loops, arms and phases without effect, and
// single carried values of loops, even where they only keep themselves alive.
func DCE(fn *ir.Func) {
	d := &dce{values: make([]bool, fn.Number()), ops: map[*ir.Op]bool{}, slots: map[slot]bool{}}
	fn.Walk(func(o *ir.Op) {
		if o.Effects()&(ir.Writes|ir.IO|ir.Asserts) != 0 {
			d.op(o)
		}
	})
	for len(d.todo) > 0 {
		v := d.todo[len(d.todo)-1]
		d.todo = d.todo[:len(d.todo)-1]
		d.reach(v)
	}
	d.sweep(fn.Body)
}

// slot is one carried value of a loop, or one result of an if.
type slot struct {
	op *ir.Op
	i  int
}

type dce struct {
	values []bool // by ID: something needs it
	ops    map[*ir.Op]bool
	slots  map[slot]bool
	todo   []*ir.Value
}

// need marks values; what they need in turn is found later.
func (d *dce) need(vs ...*ir.Value) {
	for _, v := range vs {
		if !d.values[v.ID] {
			d.values[v.ID] = true
			d.todo = append(d.todo, v)
		}
	}
}

// op marks an operation that must run, with what decides whether and how it does; carried values only as they are
// needed.
func (d *dce) op(o *ir.Op) {
	if o == nil || d.ops[o] {
		return
	}
	d.ops[o] = true
	d.op(o.Parent.Parent)
	d.need(o.Axes...)
	switch o.Code {
	case ir.For:
		d.need(o.Operands[:2]...)
		d.stop(o.Regions[0])
	case ir.While:
		d.need(o.Regions[0].Yield().Operands...)
		d.stop(o.Regions[1])
	case ir.Yield:
	default:
		d.need(o.Operands...)
		for _, r := range o.Regions {
			if o.Code == ir.Scan {
				d.need(r.Args...)
				d.need(r.Yield().Operands...)
			}
		}
	}
	if !carries(o) {
		d.need(o.Results...)
	}
}

// stop marks what ends a loop early.
func (d *dce) stop(r *ir.Region) {
	if _, stop := r.Yield().Yielded(); stop != nil {
		d.need(stop)
	}
}

// carries reports whether an operation's results stand for slots that are needed one by one.
func carries(o *ir.Op) bool {
	return o.Code == ir.For || o.Code == ir.While || o.Code == ir.If || o.Code == ir.Turn
}

// reach marks what a needed value needs.
func (d *dce) reach(v *ir.Value) {
	if v.Type.Kind == ir.Tile {
		for _, a := range v.Type.Axes {
			d.need(a.Span)
		}
	}
	o := v.Def
	if o == nil {
		o = v.Region.Parent
	}
	if o == nil {
		return // an argument of the function
	}
	d.op(o)
	if !carries(o) {
		return
	}
	i := v.Index
	if v.Def == nil && o.Code == ir.For {
		i-- // the index comes first
	}
	if i < 0 || d.slots[slot{o, i}] {
		return
	}
	d.slots[slot{o, i}] = true
	switch o.Code {
	case ir.For:
		d.need(o.Operands[2+i], o.Regions[0].Yield().Operands[i], o.Results[i], o.Regions[0].Args[1+i])
	case ir.While:
		d.need(o.Operands[i], o.Regions[1].Yield().Operands[i], o.Results[i], o.Regions[0].Args[i], o.Regions[1].Args[i])
	case ir.Turn:
		d.need(o.Regions[0].Yield().Operands[i], o.Results[i])
	case ir.If:
		d.need(o.Regions[0].Yield().Operands[i], o.Regions[1].Yield().Operands[i], o.Results[i])
	}
}

// sweep drops what is not marked.
func (d *dce) sweep(r *ir.Region) {
	kept := r.Ops[:0]
	for _, o := range r.Ops {
		if o.Code != ir.Yield && !d.ops[o] {
			continue
		}
		if carries(o) {
			d.shrink(o)
		}
		for _, q := range o.Regions {
			d.sweep(q)
		}
		kept = append(kept, o)
	}
	clear(r.Ops[len(kept):])
	r.Ops = kept
}

// shrink drops the slots of o that are not marked.
func (d *dce) shrink(o *ir.Op) {
	n := len(o.Results)
	live := make([]bool, n)
	all := true
	for i := range live {
		live[i] = d.slots[slot{o, i}]
		all = all && live[i]
	}
	if all {
		return
	}
	// pick drops from vs, after the first skip of them, those whose slot is dead; what follows the slots stays.
	pick := func(vs []*ir.Value, skip int) []*ir.Value {
		var kept []*ir.Value
		for i, v := range vs {
			if j := i - skip; j < 0 || j >= n || live[j] {
				kept = append(kept, v)
			}
		}
		return kept
	}
	args := func(r *ir.Region, skip int) {
		r.Args = pick(r.Args, skip)
		for i, v := range r.Args {
			v.Index = i
		}
	}
	o.Results = pick(o.Results, 0)
	for i, v := range o.Results {
		v.Index = i
	}
	switch o.Code {
	case ir.For:
		o.Operands = pick(o.Operands, 2)
		args(o.Regions[0], 1)
	case ir.While:
		o.Operands = pick(o.Operands, 0)
		args(o.Regions[0], 0)
		args(o.Regions[1], 0)
	}
	for i, r := range o.Regions {
		if o.Code == ir.While && i == 0 {
			continue // the condition
		}
		y := r.Yield()
		y.Operands = pick(y.Operands, 0)
	}
}
