package random

import (
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/passes"
)

// Shrink gives a smaller function that still fails: it leaves out effects, and takes constants or operands for results,
// as long as that helps.
func Shrink(f *ir.Func, fails func(*ir.Func) bool) *ir.Func {
	for {
		smaller := false
		for i := count(f) - 1; i >= 0; i-- {
			for way := 0; ; way++ {
				g, ok := cut(f, i, way)
				if !ok {
					break
				}
				if g != nil && count(g) < count(f) && fails(g) {
					f, smaller = g, true
					break
				}
			}
			i = min(i, count(f))
		}
		if !smaller {
			return f
		}
	}
}

// count is the number of operations.
func count(f *ir.Func) int {
	n := 0
	f.Walk(func(*ir.Op) { n++ })
	return n
}

// cut changes the i-th operation of a copy in one of several ways; ok is false where there are no more ways, the copy nil
// where it is not valid.
func cut(f *ir.Func, i, way int) (g *ir.Func, ok bool) {
	g = f.Clone()
	var o *ir.Op
	n := 0
	g.Walk(func(p *ir.Op) {
		if n == i {
			o = p
		}
		n++
	})
	defer func() {
		if g == nil {
			return
		}
		passes.DCE(g)
		g.Number()
		if ir.Verify(g) != nil {
			g = nil
		}
	}()
	switch {
	case o == nil || o.Code == ir.Yield || o.Code == ir.Const:
		return nil, false
	case len(o.Results) == 0:
		if way > 0 {
			return nil, false
		}
		o.Remove()
		return g, true
	}
	if way > len(o.Operands)+len(o.Regions) {
		return nil, false
	}
	pairs := map[*ir.Value]*ir.Value{}
	for k, v := range o.Results {
		if !v.Type.Data() {
			return nil, false
		}
		switch {
		case way == 0:
			b := ir.NewBuilder(g)
			b.Before(o)
			var x *ir.Value
			if v.Type.Elem.IsFloat() {
				x = b.ConstFloat(v.Type.Elem, v.Type.Elem.Round64(1))
			} else {
				x = b.ConstInt(v.Type.Elem, 1)
			}
			pairs[v] = b.Bcast(x, v.Type.Axes)
		case way <= len(o.Operands):
			x := o.Operands[way-1]
			if len(o.Results) > 1 && k+way-1 < len(o.Operands) {
				x = o.Operands[k+way-1]
			}
			if !x.Type.Equal(v.Type) {
				return nil, true
			}
			pairs[v] = x
		default:
			// What an arm gives, where it is made outside.
			values, _ := o.Regions[way-1-len(o.Operands)].Yield().Yielded()
			if k >= len(values) || !values[k].Type.Equal(v.Type) {
				return nil, true
			}
			pairs[v] = values[k]
		}
	}
	with := make([]*ir.Value, g.Number())
	for v, x := range pairs {
		with[v.ID] = x
	}
	g.Replace(with)
	return g, true
}
