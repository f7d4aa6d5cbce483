package passes

import (
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// Facts are what is known of the integers of a function whatever it is launched with: from its constants, from what it
// requires of its sizes (`require K % 8 == 0`), and from extents that are quotients, which are exact (`s f16[N, K/128]`).
type Facts struct {
	fn *ir.Func
	// sizes are numbers that divide sizes.
	sizes map[*ir.Value]int64
}

// FactsOf finds the facts of a function.
func FactsOf(fn *ir.Func) *Facts {
	f := &Facts{fn: fn, sizes: map[*ir.Value]int64{}}
	for i := range fn.Sizes {
		f.sizes[fn.SizeArg(i)] = 1
	}
	for _, p := range fn.Params {
		for _, d := range p.Type.Dims {
			f.exact(d)
		}
	}
	for _, o := range fn.Body.Ops {
		if o.Code == ir.Parallel { // what is required behind it does not hold in it
			break
		}
		if o.Code != ir.Require {
			continue
		}
		eq := o.Operands[0].Def
		if eq == nil || eq.Code != ir.Eq {
			continue
		}
		mod := eq.Operands[0].Def
		zero, known := eq.Operands[1].ConstInt()
		if mod == nil || mod.Code != ir.Mod || !known || zero != 0 {
			continue
		}
		if k, ok := mod.Operands[1].ConstInt(); ok {
			f.divides(mod.Operands[0], k)
		}
	}
	return f
}

// exact notes what the quotients in an extent say.
func (f *Facts) exact(d *ir.Dim) {
	if d.X == nil || d.Y == nil {
		return
	}
	f.exact(d.X)
	f.exact(d.Y)
	if d.Op == ir.DimDiv && d.X.Op == ir.DimSize && d.Y.Op == ir.DimConst {
		f.divides(f.fn.SizeArg(d.X.Size), d.Y.K)
	}
}

// divides notes that k divides a size.
func (f *Facts) divides(size *ir.Value, k int64) {
	if old := f.sizes[size]; old > 0 && k > 0 && k < 1<<31 && old < 1<<31 {
		f.sizes[size] = old / gcd(old, k) * k
	}
}

// Divisor is a number of which a scalar integer is a multiple, or the first index of a span: the greatest that is known, 0 for 0
// itself.
func (f *Facts) Divisor(v *ir.Value) int64 {
	if k, ok := v.ConstInt(); ok {
		return magnitude(k)
	}
	if v.Type.Kind != ir.Span && v.Type.Elem != dtype.I64 {
		return 1
	}
	if n := f.sizes[v]; n > 0 {
		return n
	}
	if v.Def == nil {
		if v.Region == nil || v.Region.Parent == nil {
			return 1
		}
		switch o := v.Region.Parent; {
		case o.Code == ir.For && v.Index == 0:
			return gcd(max(o.Int("by"), 1), f.Divisor(o.Operands[0]))
		case o.Code == ir.Parallel:
			return gcd(max(o.Ints("by")[v.Index], 1), f.Divisor(o.Operands[2*v.Index]))
		}
		return 1
	}
	switch x := v.Def.Operands; v.Def.Code {
	case ir.SpanOf:
		return f.Divisor(x[0])
	case ir.SpanLo, ir.SpanCopy:
		return f.Divisor(v.Def.Axes[0])
	case ir.Min, ir.Max:
		return gcd(f.Divisor(x[0]), f.Divisor(x[1]))
	case ir.Add, ir.Sub:
		return even(gcd(f.Divisor(x[0]), f.Divisor(x[1])))
	case ir.Mul:
		return even(multiplied(f.Divisor(x[0]), f.Divisor(x[1])))
	case ir.Affine:
		terms, k, div, mod := v.Def.AffineTerms()
		if div != 1 || mod != 0 || v.Type.Kind != ir.Scalar {
			return 1
		}
		all := magnitude(k)
		for _, t := range terms {
			n := multiplied(f.Divisor(t.Var), magnitude(t.Coef))
			if t.Factor != nil {
				n = multiplied(n, f.Divisor(t.Factor))
			}
			all = gcd(all, n)
		}
		return even(all)
	}
	return 1
}

// even is the power of two in a divisor, which it stays where a result wraps around.
func even(n int64) int64 { return n & -n }

func magnitude(k int64) int64 {
	if k == -1<<63 {
		return 1 << 62
	}
	return max(k, -k)
}

// multiplied is a divisor of a product by those of its factors.
func multiplied(x, y int64) int64 {
	if x < 0 || y < 0 || x >= 1<<31 || y >= 1<<31 {
		return 1
	}
	return x * y
}
