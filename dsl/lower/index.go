package lower

import (
	"slices"

	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// subscripts lowers the subscripts of a tensor.
func (l *lowerer) subscripts(list []typed.Expr) []*ir.Value {
	out := make([]*ir.Value, len(list))
	for i, e := range list {
		out[i] = l.subscript(e)
	}
	return out
}

// subscript lowers one subscript: an axis alone to its span, so that what reads the program sees the axis itself.
func (l *lowerer) subscript(e typed.Expr) *ir.Value {
	if i, ok := e.(*typed.Iota); ok {
		return l.span(i.Axis)
	}
	v := l.expr(e)
	if d := v.Def; d != nil && d.Code == ir.Iota {
		return d.Axes[0]
	}
	return v
}

// subscriptAxes are the axes of several subscripts, in order of first appearance.
func subscriptAxes(index []*ir.Value) []ir.Axis {
	var axes []ir.Axis
	for _, v := range index {
		axes = with(axes, v.SubscriptAxes())
	}
	return axes
}

// linear is ⌊(Σ terms + k) / div⌋ mod mod; div 1 and mod 0 leave those out.
type linear struct {
	terms       []ir.Term
	k, div, mod int64
}

// affine reports whether an i64 expression is linear in axes and scalars, with at most a division and then a modulus by
// positive constants around it. It makes no operation.
func (l *lowerer) affine(e typed.Expr) bool {
	if m, ok := e.(*typed.Map); ok && m.Op == ir.Mod && positive(m.Args[1]) {
		e = m.Args[0]
	}
	if m, ok := e.(*typed.Map); ok && m.Op == ir.Div && positive(m.Args[1]) {
		e = m.Args[0]
	}
	return l.sum(e)
}

// positive reports whether e is an integer constant above 0.
func positive(e typed.Expr) bool {
	c, ok := e.(*typed.Const)
	return ok && c.Int > 0
}

// sum reports whether an i64 expression is a linear form, without division. A scalar always is.
func (l *lowerer) sum(e typed.Expr) bool {
	if e.Type().Elem != dtype.I64 {
		return false
	}
	if len(e.Type().Axes) == 0 {
		return true
	}
	switch e := e.(type) {
	case *typed.Iota:
		return true
	case *typed.Ref:
		b, ok := l.vars[e.Var]
		return ok && linearValue(b.val)
	case *typed.Map:
		switch e.Op {
		case ir.Neg:
			return l.sum(e.Args[0])
		case ir.Add, ir.Sub:
			return l.sum(e.Args[0]) && l.sum(e.Args[1])
		case ir.Mul:
			x, y := e.Args[0], e.Args[1]
			if len(y.Type().Axes) > 0 {
				x, y = y, x
			}
			return len(y.Type().Axes) == 0 && l.sum(x) && (constant(y) || !l.factored(x))
		}
	}
	return false
}

func constant(e typed.Expr) bool { _, ok := e.(*typed.Const); return ok }

// linearValue reports whether a tile is an axis' indices, or an affine form of them that ends without a division.
func linearValue(v *ir.Value) bool {
	d := v.Def
	for d != nil && d.Code == ir.Bcast {
		d = d.Operands[0].Def
	}
	return d != nil && (d.Code == ir.Iota || d.Code == ir.Affine && d.Int("div") == 1 && d.Int("mod") == 0)
}

// factored reports whether a linear form has a term with a factor known only at run time: it cannot take another.
func (l *lowerer) factored(e typed.Expr) bool {
	switch e := e.(type) {
	case *typed.Ref:
		b := l.vars[e.Var]
		if b.val == nil || len(e.T.Axes) == 0 {
			return false
		}
		d := b.val.Def
		for d.Code == ir.Bcast {
			d = d.Operands[0].Def
		}
		return d.Code == ir.Affine && slices.ContainsFunc(d.Ints("factor"), func(f int64) bool { return f >= 0 })
	case *typed.Map:
		if len(e.T.Axes) == 0 {
			return false
		}
		if e.Op == ir.Mul && !constant(e.Args[0]) && !constant(e.Args[1]) {
			return true
		}
		return slices.ContainsFunc(e.Args, l.factored)
	}
	return false
}

// linear makes the form of an expression that affine accepts.
func (l *lowerer) linear(e typed.Expr) linear {
	f := linear{div: 1}
	if m, ok := e.(*typed.Map); ok && m.Op == ir.Mod && positive(m.Args[1]) {
		f.mod, e = m.Args[1].(*typed.Const).Int, m.Args[0]
	}
	if m, ok := e.(*typed.Map); ok && m.Op == ir.Div && positive(m.Args[1]) {
		f.div, e = m.Args[1].(*typed.Const).Int, m.Args[0]
	}
	l.collect(&f, e, 1, nil)
	return f
}

// collect adds coef·factor·e to a form. A scalar is a variable of its own, less what is constant about it.
func (l *lowerer) collect(f *linear, e typed.Expr, coef int64, factor *ir.Value) {
	defer l.within(e.Span())()
	if m, ok := e.(*typed.Map); ok {
		scalar := len(e.Type().Axes) == 0
		switch m.Op {
		case ir.Neg:
			l.collect(f, m.Args[0], -coef, factor)
			return
		case ir.Add, ir.Sub:
			if scalar && !constant(m.Args[0]) && !constant(m.Args[1]) {
				break
			}
			l.collect(f, m.Args[0], coef, factor)
			if m.Op == ir.Sub {
				coef = -coef
			}
			l.collect(f, m.Args[1], coef, factor)
			return
		case ir.Mul:
			x, y := m.Args[0], m.Args[1]
			if len(y.Type().Axes) > 0 || constant(x) {
				x, y = y, x
			}
			if c, ok := y.(*typed.Const); ok {
				l.collect(f, x, coef*c.Int, factor)
				return
			}
			if !scalar {
				l.collect(f, x, coef, l.expr(y))
				return
			}
		}
	}
	if i, ok := e.(*typed.Iota); ok {
		f.add(ir.Term{Var: l.span(i.Axis), Coef: coef, Factor: factor})
		return
	}
	if c, ok := e.(*typed.Const); ok {
		f.constant(c.Int*coef, factor)
		return
	}
	v := l.expr(e)
	if v.Type.Kind == ir.Scalar {
		f.add(ir.Term{Var: v, Coef: coef, Factor: factor})
		return
	}
	for v.Def.Code == ir.Bcast {
		v = v.Def.Operands[0]
	}
	if v.Def.Code == ir.Iota {
		f.add(ir.Term{Var: v.Def.Axes[0], Coef: coef, Factor: factor})
		return
	}
	terms, k, _, _ := v.Def.AffineTerms()
	for _, t := range terms {
		t.Coef *= coef
		if factor != nil {
			t.Factor = factor
		}
		f.add(t)
	}
	f.constant(k*coef, factor)
}

// constant adds k·factor.
func (f *linear) constant(k int64, factor *ir.Value) {
	if factor == nil {
		f.k += k
		return
	}
	f.add(ir.Term{Var: factor, Coef: k})
}

// add adds a term to the one of the same variable and factor.
func (f *linear) add(t ir.Term) {
	for i := range f.terms {
		if f.terms[i].Var == t.Var && f.terms[i].Factor == t.Factor {
			f.terms[i].Coef += t.Coef
			return
		}
	}
	f.terms = append(f.terms, t)
}

// emit makes the operation: scalars first, then axes, those of larger strides outermost.
func (l *lowerer) emit(f linear) *ir.Value {
	terms := slices.DeleteFunc(f.terms, func(t ir.Term) bool { return t.Coef == 0 })
	weight := func(t ir.Term) uint64 {
		switch {
		case t.Var.Type.Kind != ir.Span || t.Factor != nil:
			return 1 << 63
		case t.Coef < 0:
			return uint64(-t.Coef)
		}
		return uint64(t.Coef)
	}
	slices.SortStableFunc(terms, func(a, b ir.Term) int {
		if x, y := a.Var.Type.Kind == ir.Span, b.Var.Type.Kind == ir.Span; x != y {
			if y {
				return -1
			}
			return 1
		}
		switch x, y := weight(a), weight(b); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	if len(terms) == 0 {
		k := ir.FloorDiv(f.k, f.div)
		if f.mod > 0 {
			k = ir.FloorMod(k, f.mod)
		}
		return l.b.Index(k)
	}
	if f.div == 1 && f.mod == 0 && f.k == 0 && len(terms) == 1 && terms[0].Coef == 1 && terms[0].Factor == nil {
		if v := terms[0].Var; v.Type.Kind == ir.Span {
			return l.b.Iota(v)
		}
		return terms[0].Var
	}
	return l.b.Affine(terms, f.k, f.div, f.mod)
}
