package passes

import "github.com/tilec/tilec/ir"

// LICM moves out of for and while loops what does not depend on them, innermost loops first. A loop may run no times, so
// what moves is what can do no harm there: pure operations, axes over bounds from outside, loads with a value for what
// is outside, and loads of inputs that are proven inside where the loop is known to run. Out of a top-level for, which is
// a phase, only scalars move: what stands between phases is a kernel's common values, not its tiles.
func LICM(fn *ir.Func) {
	l := &licm{fn: fn, depth: make([]int, fn.Number())}
	l.region(fn.Body, 0)
}

type licm struct {
	fn *ir.Func
	// depth is, by the value's ID, how many regions are around its definition.
	depth []int
}

func (l *licm) define(v *ir.Value, depth int) { l.depth[v.ID] = depth }

// region works on the operations of r, which stands depth regions deep.
func (l *licm) region(r *ir.Region, depth int) {
	for _, v := range r.Args {
		l.define(v, depth)
	}
	ops := make([]*ir.Op, 0, len(r.Ops))
	for _, o := range r.Ops {
		for _, q := range o.Regions {
			l.region(q, depth+1)
		}
		if o.Code == ir.For || o.Code == ir.While {
			for _, q := range o.Regions {
				ops = l.hoist(o, q, depth, ops)
			}
		}
		for _, v := range o.Results {
			l.define(v, depth)
		}
		ops = append(ops, o)
	}
	r.Ops = ops
}

// hoist moves what can go from body, a region of loop, to the end of ops.
func (l *licm) hoist(loop *ir.Op, body *ir.Region, depth int, ops []*ir.Op) []*ir.Op {
	kept := body.Ops[:0]
	for _, o := range body.Ops {
		if !l.movable(loop, o, depth) {
			kept = append(kept, o)
			continue
		}
		o.Parent = loop.Parent
		for _, v := range o.Results {
			l.define(v, depth)
		}
		ops = append(ops, o)
	}
	clear(body.Ops[len(kept):])
	body.Ops = kept
	return ops
}

// movable reports whether o, in the body of loop, can stand before it.
func (l *licm) movable(loop, o *ir.Op, depth int) bool {
	if len(o.Regions) > 0 || len(o.Results) == 0 {
		return false
	}
	outside := func(vs []*ir.Value) bool {
		for _, v := range vs {
			if l.depth[v.ID] > depth {
				return false
			}
		}
		return true
	}
	if !outside(o.Operands) || !outside(o.Axes) {
		return false
	}
	for _, v := range o.Results {
		for _, a := range v.Type.Axes {
			if a.Span != nil && l.depth[a.Span.ID] > depth {
				return false
			}
		}
		if loop.Parent == l.fn.Body && v.Type.Kind != ir.Scalar {
			return false
		}
	}
	switch o.Effects() {
	case 0:
		// A subscript that is proven inside may be so only because the loop runs.
		return o.Code != ir.Lookup && o.Code != ir.Scatter || o.Str("mode") != "in" || runs(loop)
	case ir.Identity:
		return o.Code != ir.Temp
	case ir.Reads:
		return loop.Parent != l.fn.Body && o.Code == ir.Load && isInput(l.fn, o.Operands[0]) && (o.Str("mode") == "else" || runs(loop))
	}
	return false
}

// runs reports whether a loop is known to run its body at least once.
func runs(loop *ir.Op) bool {
	if loop.Code != ir.For {
		return false
	}
	lo, ok := loop.Operands[0].ConstInt()
	hi, is := loop.Operands[1].ConstInt()
	return ok && is && lo < hi
}
