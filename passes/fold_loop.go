package passes

import (
	"slices"

	"github.com/tilec/tilec/ir"
)

// fold is what a loop makes of a carried value: x becomes x ∘ e, where e does not depend on what is carried and ∘ is
// associative; or, with a scale, x·f(top − top') + e, as online softmax has it: top' is the next value of a running maximum, f
// an exponential, and e made of values f(s − top') alone, in sums and products with other values.
type fold struct {
	code  ir.Code // Add, Mul, Max, Min, MaxNan, MinNan, And, Or, Xor
	scale *scale
}

type scale struct {
	top  int // the carried value that is the maximum
	code ir.Code
}

// folding are the operations that folds are made of.
var folding = []ir.Code{ir.Add, ir.Mul, ir.Max, ir.Min, ir.MaxNan, ir.MinNan, ir.And, ir.Or, ir.Xor}

// foldOf finds the fold of a carried value.
func (s *splitLoop) foldOf(i int) (fold, bool) {
	body := s.loop.Regions[0]
	c := &carriedFold{s.loop}
	arg, next := body.Args[1+i], body.Yield().Operands[i]
	for _, code := range folding {
		if c.chain(next, arg, code) {
			return fold{code: code}, true
		}
	}
	return c.scaled(arg, next)
}

// carriedFold looks at the body of a loop.
type carriedFold struct{ loop *ir.Op }

// chain reports whether a value is made from a carried one by operations of a code alone, one after the other, with values
// that do not depend on what is carried.
func (c *carriedFold) chain(v, arg *ir.Value, code ir.Code) bool {
	if v == arg {
		return true
	}
	o := v.Def
	if o == nil || o.Parent != c.loop.Regions[0] {
		return false
	}
	for _, x := range accumulated(o, code) {
		if !c.chain(x, arg, code) {
			continue
		}
		n := 0
		for _, y := range o.Operands {
			if y == x {
				n++
			} else if c.depends(y) {
				return false
			}
		}
		return n == 1
	}
	return false
}

// accumulated are the operands of an operation to which it adds, or whatever the code is.
func accumulated(o *ir.Op, code ir.Code) []*ir.Value {
	switch {
	case o.Code == code:
		return o.Operands
	case code != ir.Add:
	case o.Code == ir.Sub:
		return o.Operands[:1]
	case o.Code == ir.Fma:
		return o.Operands[2:]
	case o.Code == ir.Contract:
		if _, _, _, _, acc := o.ContractParts(); acc != nil {
			return []*ir.Value{acc}
		}
	}
	return nil
}

// scaled finds the fold of a value that is scaled as a maximum grows.
func (c *carriedFold) scaled(arg, next *ir.Value) (fold, bool) {
	body := c.loop.Regions[0]
	for top := range c.loop.Results {
		m, grown := body.Args[1+top], body.Yield().Operands[top]
		if m == arg || !c.chain(grown, m, ir.Max) {
			continue
		}
		if code, ok := c.rescaled(next, arg, m, grown); ok {
			return fold{scale: &scale{top, code}}, true
		}
	}
	return fold{}, false
}

// rescaled reports whether a value is arg times the factor, plus what is made of exponentials; it gives the exponential.
func (c *carriedFold) rescaled(v, arg, m, grown *ir.Value) (ir.Code, bool) {
	o := v.Def
	if o == nil || o.Parent != c.loop.Regions[0] {
		return 0, false
	}
	switch o.Code {
	case ir.Mul:
		for i, x := range o.Operands {
			if code, ok := factor(o.Operands[1-i], m, grown); ok && x == arg {
				return code, true
			}
		}
	case ir.Fma:
		for i, x := range o.Operands[:2] {
			if code, ok := factor(o.Operands[1-i], m, grown); ok && x == arg {
				return code, c.linear(o.Operands[2], grown, code)
			}
		}
		if code, ok := c.rescaled(o.Operands[2], arg, m, grown); ok {
			return code, c.product(o.Operands[0], o.Operands[1], grown, code)
		}
	case ir.Add:
		for i, x := range o.Operands {
			if code, ok := c.rescaled(x, arg, m, grown); ok {
				return code, c.linear(o.Operands[1-i], grown, code)
			}
		}
	case ir.Contract:
		a, b, sa, sb, acc := o.ContractParts()
		if acc != nil && sa == nil && sb == nil {
			if code, ok := c.rescaled(acc, arg, m, grown); ok {
				return code, c.product(a, b, grown, code)
			}
		}
	}
	return 0, false
}

// factor reports whether a value is an exponential of m − grown.
func factor(v, m, grown *ir.Value) (ir.Code, bool) {
	v = unspread(v)
	if v.Def == nil || v.Def.Code != ir.Exp && v.Def.Code != ir.Exp2 {
		return 0, false
	}
	x := v.Def.Operands[0].Def
	return v.Def.Code, x != nil && x.Code == ir.Sub && unspread(x.Operands[0]) == m && unspread(x.Operands[1]) == grown
}

// unspread is what a value is a broadcast of.
func unspread(v *ir.Value) *ir.Value {
	for v.Def != nil && v.Def.Code == ir.Bcast {
		v = v.Def.Operands[0]
	}
	return v
}

// linear reports whether a value is made of exponentials of something minus grown, each exactly once in every product.
func (c *carriedFold) linear(v, grown *ir.Value, code ir.Code) bool {
	o := v.Def
	if o == nil || o.Parent != c.loop.Regions[0] {
		return false
	}
	switch x := o.Operands; o.Code {
	case code:
		d := x[0].Def
		return d != nil && d.Code == ir.Sub && unspread(d.Operands[1]) == grown && !c.depends(d.Operands[0])
	case ir.Bcast, ir.Neg, ir.Rebind:
		return c.linear(x[0], grown, code)
	case ir.Cast:
		return o.Result().Type.Elem.IsFloat() && c.linear(x[0], grown, code)
	case ir.Reduce:
		return o.Str("kind") == "sum" && c.linear(x[0], grown, code)
	case ir.Add, ir.Sub:
		return c.linear(x[0], grown, code) && c.linear(x[1], grown, code)
	case ir.Mul:
		return c.product(x[0], x[1], grown, code)
	case ir.Select:
		return !c.depends(x[0]) && (x[1].IsZero() || c.linear(x[1], grown, code)) && (x[2].IsZero() || c.linear(x[2], grown, code))
	case ir.Contract:
		a, b, sa, sb, acc := o.ContractParts()
		return acc == nil && sa == nil && sb == nil && c.product(a, b, grown, code)
	}
	return false
}

// product reports whether one of two values is linear, and the other has nothing to do with what is carried.
func (c *carriedFold) product(a, b, grown *ir.Value, code ir.Code) bool {
	return c.linear(a, grown, code) && !c.depends(b) || c.linear(b, grown, code) && !c.depends(a)
}

// depends reports whether a value is made of what the loop carries.
func (c *carriedFold) depends(v *ir.Value) bool {
	seen := map[*ir.Value]bool{}
	var visit func(v *ir.Value) bool
	visit = func(v *ir.Value) bool {
		if seen[v] {
			return false
		}
		seen[v] = true
		body := c.loop.Regions[0]
		if v.Def == nil {
			return v.Region == body && v.Index > 0
		}
		if !within(v, body) {
			return false
		}
		if slices.ContainsFunc(v.Def.Operands, visit) {
			return true
		}
		found := false
		for _, r := range v.Def.Regions {
			r.Walk(func(o *ir.Op) { found = found || slices.ContainsFunc(o.Operands, visit) })
		}
		return found
	}
	return visit(v)
}

// begins is what a part begins with: the first with the loop's initial value, the others with what changes nothing.
func (f fold) begins(b *ir.Builder, first, init *ir.Value) *ir.Value {
	elem := init.Type.Elem
	neutral := 0.0
	switch f.code {
	case ir.Max, ir.Min, ir.MaxNan, ir.MinNan, ir.And, ir.Or:
		return init // twice is as once
	case ir.Mul:
		neutral = 1
	default:
		if init.IsZero() {
			return init
		}
	}
	var x *ir.Value
	if elem.IsFloat() {
		x = b.ConstFloat(elem, neutral)
	} else {
		x = b.ConstInt(elem, int64(neutral))
	}
	if init.Type.Kind == ir.Tile {
		x = b.Bcast(x, init.Type.Axes)
		first = b.Bcast(first, init.Type.Axes)
	}
	return b.Select(first, init, x)
}
