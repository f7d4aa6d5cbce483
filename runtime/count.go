package runtime

import (
	"math/bits"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/interp"
)

// Multiplies counts the multiply-adds of all contractions of a function, of elements that exist, without computing them:
// only the bounds of loops, and what they follow from, are evaluated. Args are the function's arguments, on whose scalars
// and integers bounds may depend; tensors may be left out. ok is false where only running the kernel could tell, or there are too many iterations.
func Multiplies(fn *ir.Func, sizes []int64, args []interp.Arg) (n int64, ok bool) {
	if fn.Body == nil {
		return 0, false
	}
	c := newCounter(fn)
	for i, k := range sizes {
		c.set(fn.Body.Args[i], k)
	}
	for i, p := range fn.Params[:min(len(fn.Params), len(args))] {
		v := fn.Body.Args[len(sizes)+i]
		switch {
		case p.Type.Elem.IsFloat():
		case p.Type.Kind == ir.Scalar:
			c.set(v, args[i].Int)
		case p.Role == ir.In && p.Type.Mem == ir.Dense && args[i].Tensor != nil:
			c.tensors[v] = args[i].Tensor
		}
	}
	n = c.region(fn.Body)
	return n, !c.unknown
}

// counter evaluates what of a function its number of multiply-adds depends on.
type counter struct {
	counts map[*ir.Op]bool // contractions, and operations with some in their regions
	needed map[*ir.Value]bool
	known  map[*ir.Value]span
	// tensors are the inputs that scalars may be loaded from.
	tensors map[*ir.Value]*interp.Tensor
	// unknown says that the count depends on what is not known.
	unknown bool
	steps   int
}

// span is a known value: the indices lo … hi-1 of a span, or a scalar, which is lo.
type span struct{ lo, hi int64 }

// maxCounted is how many operations are evaluated at most: some tenths of a second.
const maxCounted = 2 << 20

func newCounter(fn *ir.Func) *counter {
	c := &counter{counts: map[*ir.Op]bool{}, needed: map[*ir.Value]bool{}, known: map[*ir.Value]span{}, tensors: map[*ir.Value]*interp.Tensor{}}
	c.mark(fn.Body)
	for more := true; more; {
		before := len(c.needed)
		fn.Walk(c.need)
		more = len(c.needed) > before
	}
	return c
}

// mark finds the operations that contractions stand in; it reports whether the region has one.
func (c *counter) mark(r *ir.Region) bool {
	any := false
	for _, o := range r.Ops {
		has := o.Code == ir.Contract
		for _, q := range o.Regions {
			has = c.mark(q) || has
		}
		if has {
			c.counts[o] = true
			any = true
		}
	}
	return any
}

// need adds what an operation needs for its part of the count.
func (c *counter) need(o *ir.Op) {
	all := func(list []*ir.Value) {
		for _, v := range list {
			c.needed[v] = true
		}
	}
	result := func(i int) bool { return i < len(o.Results) && c.needed[o.Results[i]] }
	wanted := false
	for i := range o.Results {
		wanted = wanted || result(i)
	}
	switch {
	case o.Code == ir.Contract:
		for _, v := range o.Operands[:2] {
			for _, a := range v.Type.Axes {
				c.needed[a.Span] = true
			}
		}
	case o.Code == ir.Parallel && c.counts[o]:
		all(o.Operands)
	case o.Code == ir.For && (c.counts[o] || wanted):
		all(o.Operands[:2])
		c.carried(o.Regions[0], o.Regions[0].Args[1:], o.Operands[2:], o.Results)
	case o.Code == ir.While && (c.counts[o] || wanted):
		c.needed[last(o.Regions[0]).Operands[0]] = true
		for i, a := range o.Regions[0].Args {
			if c.needed[a] || c.needed[o.Regions[1].Args[i]] {
				c.needed[a], c.needed[o.Regions[1].Args[i]] = true, true
			}
		}
		c.carried(o.Regions[1], o.Regions[1].Args, o.Operands, o.Results)
	case o.Code == ir.If && (c.counts[o] || wanted):
		c.needed[o.Operands[0]] = true
		for i := range o.Results {
			if result(i) {
				for _, r := range o.Regions {
					c.needed[last(r).Operands[i]] = true
				}
			}
		}
	case wanted && len(o.Regions) == 0:
		all(o.Operands)
		all(o.Axes)
	}
}

// carried adds what the carried values of a loop need.
func (c *counter) carried(r *ir.Region, args, inits, results []*ir.Value) {
	yield := last(r)
	if yield.Flag("breaks") {
		c.needed[yield.Operands[len(yield.Operands)-1]] = true
	}
	for i, a := range args {
		if c.needed[a] || c.needed[results[i]] {
			c.needed[a], c.needed[inits[i]], c.needed[yield.Operands[i]] = true, true, true
		}
	}
}

// last is the yield of a region.
func last(r *ir.Region) *ir.Op { return r.Ops[len(r.Ops)-1] }

func (c *counter) set(v *ir.Value, k int64) { c.known[v] = span{k, k + 1} }

// scalar is a known scalar; a count that asks for another is unknown.
func (c *counter) scalar(v *ir.Value) int64 {
	s, ok := c.known[v]
	c.unknown = c.unknown || !ok
	return s.lo
}

// copyAll gives values the values of others.
func (c *counter) copyAll(to, from []*ir.Value) {
	list := make([]span, len(from))
	have := make([]bool, len(from))
	for i, v := range from {
		list[i], have[i] = c.known[v]
	}
	for i, v := range to {
		if have[i] {
			c.known[v] = list[i]
		} else {
			delete(c.known, v)
		}
	}
}

// region counts what one run of a region does.
func (c *counter) region(r *ir.Region) int64 {
	total := int64(0)
	for _, o := range r.Ops {
		if c.unknown {
			return 0
		}
		wanted := c.counts[o]
		for _, v := range o.Results {
			wanted = wanted || c.needed[v]
		}
		if !wanted {
			continue
		}
		if c.steps++; c.steps > maxCounted {
			c.unknown = true
			return 0
		}
		total = c.add(total, c.op(o))
	}
	return total
}

func (c *counter) add(a, b int64) int64 {
	if a > 1<<62-b {
		c.unknown = true
		return 0
	}
	return a + b
}

func (c *counter) times(a, b int64) int64 {
	high, low := bits.Mul64(uint64(a), uint64(b))
	if high != 0 || low >= 1<<62 {
		c.unknown = true
		return 0
	}
	return int64(low)
}

// op evaluates an operation, and counts what stands in it.
func (c *counter) op(o *ir.Op) int64 {
	switch o.Code {
	case ir.Contract:
		return c.contract(o)
	case ir.Parallel:
		return c.grid(o, 0)
	case ir.For:
		return c.loop(o)
	case ir.While:
		return c.while(o)
	case ir.If:
		r := o.Regions[1]
		if c.scalar(o.Operands[0]) != 0 {
			r = o.Regions[0]
		}
		if c.unknown {
			return 0
		}
		n := c.region(r)
		c.copyAll(o.Results, last(r).Operands[:len(o.Results)])
		return n
	}
	if len(o.Results) == 1 {
		if s, ok := c.value(o); ok {
			c.known[o.Result()] = s
		} else {
			delete(c.known, o.Result())
		}
	}
	return 0
}

// contract is the product of the extents of all axes.
func (c *counter) contract(o *ir.Op) int64 {
	n := int64(1)
	a, b := o.Operands[0].Type, o.Operands[1].Type
	for i, axes := range [][]ir.Axis{a.Axes, b.Axes} {
		for _, x := range axes {
			if i == 1 && a.Axis(x.Span) >= 0 {
				continue
			}
			s, ok := c.known[x.Span]
			if !ok {
				c.unknown = true
				return 0
			}
			n = c.times(n, s.hi-s.lo)
		}
	}
	return n
}

// lengthOnly reports that nothing needed looks at more of a binding than how many indices it has: then all of one
// length count the same.
func (c *counter) lengthOnly(r *ir.Region, arg *ir.Value) bool {
	only := true
	r.Walk(func(o *ir.Op) {
		wanted := false
		for _, v := range o.Results {
			wanted = wanted || c.needed[v]
		}
		if !wanted && !(c.counts[o] && o.Code != ir.Contract) || o.Code == ir.Contract {
			return
		}
		for _, list := range [][]*ir.Value{o.Operands, o.Axes} {
			for _, v := range list {
				only = only && v != arg
			}
		}
	})
	return only
}

// each counts over the values that a binding takes from lo to hi by a width (0: one scalar at a time), called one after the
// other, or where the count of the region depends on their lengths alone one for all of a length.
func (c *counter) each(r *ir.Region, arg *ir.Value, lo, hi, by int64, count func() int64) int64 {
	if hi <= lo || by < 0 {
		return 0
	}
	width := max(by, 1)
	at := func(lo int64) int64 {
		c.known[arg] = span{lo, min(lo+width, hi)}
		return count()
	}
	if c.lengthOnly(r, arg) {
		full := (hi - lo) / width
		total := int64(0)
		if full > 0 {
			total = c.times(full, at(lo))
		}
		if (hi-lo)%width > 0 {
			total = c.add(total, at(lo+full*width))
		}
		return total
	}
	total := int64(0)
	for ; lo < hi && !c.unknown; lo += width {
		total = c.add(total, at(lo))
	}
	return total
}

// grid counts the blocks of a phase, from binding number i on.
func (c *counter) grid(o *ir.Op, i int) int64 {
	r, by := o.Regions[0], o.Ints("by")
	if i == len(by) {
		return c.region(r)
	}
	lo, hi := c.scalar(o.Operands[2*i]), c.scalar(o.Operands[2*i+1])
	if c.unknown {
		return 0
	}
	return c.each(r, r.Args[i], lo, hi, by[i], func() int64 { return c.grid(o, i+1) })
}

func (c *counter) loop(o *ir.Op) int64 {
	r := o.Regions[0]
	lo, hi, by := c.scalar(o.Operands[0]), c.scalar(o.Operands[1]), o.Int("by")
	if c.unknown {
		return 0
	}
	yield, args := last(r), r.Args[1:]
	stateful := yield.Flag("breaks")
	for _, a := range args {
		stateful = stateful || c.needed[a]
	}
	if !stateful {
		for i := range o.Results {
			delete(c.known, o.Results[i])
		}
		return c.each(r, r.Args[0], lo, hi, by, func() int64 { return c.region(r) })
	}
	c.copyAll(args, o.Operands[2:])
	total, width := int64(0), max(by, 1)
	for ; lo < hi && !c.unknown; lo += width {
		c.known[r.Args[0]] = span{lo, min(lo+width, hi)}
		total = c.add(total, c.region(r))
		c.copyAll(args, yield.Operands[:len(args)])
		if yield.Flag("breaks") && c.scalar(yield.Operands[len(args)]) != 0 {
			break
		}
	}
	c.copyAll(o.Results, args)
	return total
}

func (c *counter) while(o *ir.Op) int64 {
	cond, body := o.Regions[0], o.Regions[1]
	yield := last(body)
	c.copyAll(body.Args, o.Operands)
	total := int64(0)
	for !c.unknown {
		c.copyAll(cond.Args, body.Args)
		total = c.add(total, c.region(cond))
		if c.scalar(last(cond).Operands[0]) == 0 || c.unknown {
			break
		}
		total = c.add(total, c.region(body))
		c.copyAll(body.Args, yield.Operands[:len(body.Args)])
		if yield.Flag("breaks") && c.scalar(yield.Operands[len(body.Args)]) != 0 {
			break
		}
		if c.steps++; c.steps > maxCounted {
			c.unknown = true
		}
	}
	c.copyAll(o.Results, body.Args)
	return total
}

// value evaluates an operation that makes a span or a scalar of integers; ok is false for all others, and where an
// operand is not known.
func (c *counter) value(o *ir.Op) (s span, ok bool) {
	if o.Code == ir.Load {
		return c.load(o)
	}
	var x []int64
	for _, v := range o.Operands {
		k, known := c.known[v]
		if !known {
			return s, false
		}
		x = append(x, k.lo)
	}
	var axes []span
	for _, v := range o.Axes {
		k, known := c.known[v]
		if !known {
			return s, false
		}
		axes = append(axes, k)
	}
	switch o.Code {
	case ir.SpanOf:
		lo, hi := x[0], max(x[0], x[1])
		if width := o.Int("width"); uint64(hi)-uint64(lo) > uint64(width) {
			hi = lo + width
		}
		return span{lo, hi}, true
	case ir.SpanCopy:
		return axes[0], true
	case ir.SpanCat:
		return span{0, axes[0].hi - axes[0].lo + axes[1].hi - axes[1].lo}, true
	}
	t := o.Result().Type
	if t.Kind != ir.Scalar || t.Elem.IsFloat() {
		return s, false
	}
	k, ok := scalarValue(o, x, axes)
	if !ok {
		return s, false
	}
	return span{k, k + 1}, true
}

// load evaluates the load of one integer of an input.
func (c *counter) load(o *ir.Op) (s span, ok bool) {
	t, r := c.tensors[o.Operands[0]], o.Result().Type
	if t == nil || r.Kind != ir.Scalar {
		return s, false
	}
	at := int64(0)
	for i, n := range t.Shape {
		k, known := c.known[o.Operands[1+i]]
		if !known {
			return s, false
		}
		if k.lo < 0 || k.lo >= n {
			if v := o.Outside(); v != nil {
				s, ok = c.known[v]
			}
			return s, ok
		}
		at = at*n + k.lo
	}
	if t.Strides != nil {
		return s, false
	}
	width := t.Elem.Bits()
	k := t.Elem.DecodeInt(dtype.ReadCode(t.Data, t.BitOffset+int(at)*width, width))
	return span{k, k + 1}, true
}

// scalarValue evaluates an operation on integers and bools.
func scalarValue(o *ir.Op, x []int64, axes []span) (k int64, ok bool) {
	t := o.Result().Type.Elem
	truth := func(b bool) (int64, bool) {
		if b {
			return 1, true
		}
		return 0, true
	}
	// As u64 has its bits in an int64, what orders or divides is left alone there.
	unsigned := len(o.Operands) > 0 && o.Operands[0].Type.Elem == dtype.U64
	for _, v := range o.Operands {
		if v.Type.Kind == ir.Scalar && v.Type.Elem.IsFloat() {
			return 0, false
		}
	}
	switch o.Code {
	case ir.Const:
		return o.Int("value"), true
	case ir.SpanLo:
		return axes[0].lo, true
	case ir.SpanHi:
		return axes[0].hi, true
	case ir.Affine:
		k := o.Int("const")
		factors := o.Ints("factor")
		for i, c := range o.Ints("coef") {
			if f := factors[i]; f >= 0 {
				c *= x[f]
			}
			k += c * x[i]
		}
		if d := o.Int("div"); d != 1 {
			k = ir.FloorDiv(k, d)
		}
		if m := o.Int("mod"); m != 0 {
			k = ir.FloorMod(k, m)
		}
		return k, true
	case ir.Cast:
		mode := dtype.Default
		if o.Str("overflow") == "wrap" {
			mode = dtype.Wrap
		}
		return t.IntOfInt(o.Operands[0].Type.Elem, x[0], mode), true
	case ir.Select:
		if x[0] != 0 {
			return x[1], true
		}
		return x[2], true
	case ir.Eq:
		return truth(x[0] == x[1])
	case ir.Ne:
		return truth(x[0] != x[1])
	case ir.And:
		return x[0] & x[1], true
	case ir.Or:
		return x[0] | x[1], true
	case ir.Not:
		if t == dtype.Bool {
			return x[0] ^ 1, true
		}
		return 0, false
	}
	if unsigned {
		return 0, false
	}
	switch o.Code {
	case ir.Lt:
		return truth(x[0] < x[1])
	case ir.Le:
		return truth(x[0] <= x[1])
	case ir.Gt:
		return truth(x[0] > x[1])
	case ir.Ge:
		return truth(x[0] >= x[1])
	case ir.Min:
		return min(x[0], x[1]), true
	case ir.Max:
		return max(x[0], x[1]), true
	case ir.Neg:
		k = -x[0]
	case ir.Add:
		k = x[0] + x[1]
	case ir.Sub:
		k = x[0] - x[1]
	case ir.Mul:
		k = x[0] * x[1]
	case ir.Div, ir.Mod:
		if x[1] == 0 {
			return 0, false
		}
		if k = ir.FloorDiv(x[0], x[1]); o.Code == ir.Mod {
			k = ir.FloorMod(x[0], x[1])
		}
	default:
		return 0, false
	}
	return t.IntOfInt(dtype.I64, k, dtype.Wrap), true
}
