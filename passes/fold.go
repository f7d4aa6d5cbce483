package passes

import (
	"slices"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// Fold computes what is constant, with the rounding of each type, applies identities that hold exactly for every value,
// and settles control that is decided: arms never taken, loops that run no times or once, carried values that never
// change. Float arithmetic is never reassociated, and x + 0 is not x where x may be −0.
func Fold(fn *ir.Func) {
	f := &folder{fn: fn, b: ir.NewBuilder(fn), to: map[*ir.Value]*ir.Value{}}
	f.region(fn.Body)
	fn.Number()
}

type folder struct {
	fn *ir.Func
	b  *ir.Builder
	// to maps a value that is gone to the one that stands for it.
	to map[*ir.Value]*ir.Value
	// spans counts entries of to that are spans, which stand in types too.
	spans int
}

func (f *folder) find(v *ir.Value) *ir.Value {
	for {
		w, ok := f.to[v]
		if !ok {
			return v
		}
		v = w
	}
}

func (f *folder) replace(v, by *ir.Value) {
	f.to[v] = by
	if v.Type.Kind == ir.Span {
		f.spans++
	}
}

// retype rewrites the types of values that name a span which is gone.
func (f *folder) retype(vs []*ir.Value) {
	if f.spans == 0 {
		return
	}
	for _, v := range vs {
		for i, a := range v.Type.Axes {
			if s := f.find(a.Span); s != a.Span {
				v.Type.Axes = slices.Clone(v.Type.Axes)
				v.Type.Axes[i].Span = s
			}
		}
	}
}

// region folds the operations of r in order, into a new list.
func (f *folder) region(r *ir.Region) {
	f.retype(r.Args)
	ops := r.Ops
	r.Ops = make([]*ir.Op, 0, len(ops))
	f.into(r, ops)
}

// into folds ops and appends what is left to r.
func (f *folder) into(r *ir.Region, ops []*ir.Op) {
	defer f.b.Into(r)()
	for _, o := range ops {
		for i, v := range o.Operands {
			o.Operands[i] = f.find(v)
		}
		for i, v := range o.Axes {
			o.Axes[i] = f.find(v)
		}
		f.retype(o.Results)
		o.Parent = r
		f.b.At(o.Pos)
		if f.control(r, o) {
			continue
		}
		for _, q := range o.Regions {
			f.region(q)
			f.b.At(o.Pos)
		}
		if len(o.Results) == 1 && len(o.Regions) == 0 {
			if v := f.value(o); v != nil {
				if v.Name == "" {
					v.Name = o.Results[0].Name
				}
				f.replace(o.Results[0], v)
				continue
			}
		}
		if (o.Code == ir.Assert || o.Code == ir.Require) && isTrue(o.Operands[0]) {
			continue
		}
		r.Ops = append(r.Ops, o)
	}
}

// isTrue reports whether v is true everywhere.
func isTrue(v *ir.Value) bool {
	c, ok := constant(v)
	return ok && c.i == 1
}

// control settles an if, for or while that is decided; it reports whether o is gone. What stays has its unchanging
// carried values replaced.
func (f *folder) control(r *ir.Region, o *ir.Op) bool {
	switch o.Code {
	case ir.If:
		c, ok := o.Operands[0].ConstInt()
		if !ok {
			return false
		}
		arm := o.Regions[0]
		if c == 0 {
			arm = o.Regions[1]
		}
		f.inline(r, arm, o.Results)
		return true
	case ir.For:
		inits, args := o.Operands[2:], o.Regions[0].Args[1:]
		f.unchanging(o, inits, o.Regions[0].Yield(), args)
		lo, ok := o.Operands[0].ConstInt()
		hi, is := o.Operands[1].ConstInt()
		switch {
		case o.Operands[0] == o.Operands[1] || ok && is && lo >= hi:
			for i, v := range o.Results {
				f.replace(v, inits[i])
			}
			return true
		case ok && is && r != f.fn.Body && once(lo, hi, o.Int("by")):
			index := o.Regions[0].Args[0]
			if o.Int("by") == 0 {
				f.replace(index, o.Operands[0])
			} else {
				f.replace(index, f.b.SpanOf(o.Operands[0], o.Operands[1], o.Int("by"), index.Name))
			}
			for i, v := range args {
				f.replace(v, inits[i])
			}
			f.inline(r, o.Regions[0], o.Results)
			return true
		}
	case ir.While:
		f.unchanging(o, o.Operands, o.Regions[1].Yield(), o.Regions[0].Args, o.Regions[1].Args)
	}
	return false
}

// once reports whether lo … hi by steps of by (0: one) is one step.
func once(lo, hi, by int64) bool { return lo < hi && uint64(hi)-uint64(lo) <= uint64(max(by, 1)) }

// inline puts the operations of q, which runs exactly once, into r; results become what it yields.
func (f *folder) inline(r, q *ir.Region, results []*ir.Value) {
	yield := q.Yield()
	f.into(r, q.Ops[:len(q.Ops)-1])
	for i, v := range results {
		f.replace(v, f.find(yield.Operands[i]))
	}
}

// unchanging replaces carried values that each turn passes on as they are.
func (f *folder) unchanging(o *ir.Op, inits []*ir.Value, yield *ir.Op, args ...[]*ir.Value) {
	last := args[len(args)-1]
	for i, init := range inits {
		if y := yield.Operands[i]; y != last[i] && f.find(y) != init {
			continue
		}
		f.replace(o.Results[i], init)
		for _, as := range args {
			f.replace(as[i], init)
		}
	}
}

// value is what o's only result is equal to, an existing value or a new constant, or nil.
func (f *folder) value(o *ir.Op) *ir.Value {
	s := o.Code.Spec()
	switch {
	case o.Code == ir.Const:
		return nil
	case s.Elementwise():
		if v := f.compute(o); v != nil {
			return v
		}
		return f.identity(o)
	}
	switch o.Code {
	case ir.Bcast:
		x := o.Operands[0]
		if x.Type.Equal(o.Results[0].Type) {
			return x
		}
		if d := x.Def; d != nil && d.Code == ir.Bcast {
			return f.b.Bcast(d.Operands[0], o.Results[0].Type.Axes)
		}
	case ir.Affine:
		return f.affine(o)
	case ir.SpanLo:
		switch d := o.Axes[0].Def; {
		case d == nil:
		case d.Code == ir.SpanOf:
			return d.Operands[0]
		case d.Code == ir.SpanCat:
			return f.b.Index(0)
		}
	case ir.SpanHi:
		if d := o.Axes[0].Def; d != nil && d.Code == ir.SpanOf {
			lo, ok := d.Operands[0].ConstInt()
			hi, is := d.Operands[1].ConstInt()
			if w := d.Int("width"); ok && is && lo <= hi {
				if uint64(hi)-uint64(lo) > uint64(w) {
					hi = lo + w
				}
				return f.b.Index(hi)
			}
		}
	}
	return nil
}

// identity is the operand that o, elementwise, gives back unchanged, or nil.
func (f *folder) identity(o *ir.Op) *ir.Value {
	x := o.Operands[0]
	var y *ir.Value
	if len(o.Operands) > 1 {
		y = o.Operands[1]
	}
	isInt := !x.Type.Elem.IsFloat()
	// is reports whether v is the constant k everywhere; a float zero has its sign asked for.
	is := func(v *ir.Value, k float64, negative bool) bool {
		c, ok := constant(v)
		return ok && c.is(v.Type.Elem, k, negative)
	}
	zero := func(v *ir.Value) bool { return isInt && is(v, 0, false) }
	switch o.Code {
	case ir.Add:
		switch {
		case zero(y) || !isInt && is(y, 0, true):
			return x
		case zero(x) || !isInt && is(x, 0, true):
			return y
		}
	case ir.Sub:
		switch {
		case is(y, 0, false):
			return x
		case isInt && x == y:
			return f.splat(x.Type, number{})
		}
	case ir.Mul:
		switch {
		case is(y, 1, false) || zero(x):
			return x
		case is(x, 1, false) || zero(y):
			return y
		}
	case ir.Div:
		if is(y, 1, false) {
			return x
		}
	case ir.Mod:
		if isInt && is(y, 1, false) {
			return f.splat(x.Type, number{})
		}
	case ir.And:
		switch {
		case zero(x) || x == y:
			return x
		case zero(y):
			return y
		case x.Type.Elem == dtype.Bool && is(x, 1, false):
			return y
		case x.Type.Elem == dtype.Bool && is(y, 1, false):
			return x
		}
	case ir.Or:
		switch {
		case zero(y) || x == y:
			return x
		case zero(x):
			return y
		case x.Type.Elem == dtype.Bool && is(x, 1, false):
			return x
		case x.Type.Elem == dtype.Bool && is(y, 1, false):
			return y
		}
	case ir.Xor:
		switch {
		case zero(y):
			return x
		case zero(x):
			return y
		}
	case ir.Shl, ir.Shr, ir.Rotl:
		if is(y, 0, false) {
			return x
		}
	case ir.Min, ir.Max, ir.MinNan, ir.MaxNan:
		if x == y {
			return x
		}
	case ir.Not:
		if d := x.Def; d != nil && d.Code == ir.Not {
			return d.Operands[0]
		}
	case ir.Neg:
		if d := x.Def; d != nil && d.Code == ir.Neg {
			return d.Operands[0]
		}
	case ir.Eq, ir.Le, ir.Ge:
		if isInt && x == y {
			return f.splat(o.Results[0].Type, number{i: 1})
		}
	case ir.Ne, ir.Lt, ir.Gt:
		if isInt && x == y {
			return f.splat(o.Results[0].Type, number{})
		}
	case ir.Select:
		if c, ok := constant(x); ok && c.i != 0 || y == o.Operands[2] {
			return y
		} else if ok {
			return o.Operands[2]
		}
	case ir.Cast:
		if x.Type.Elem == o.Results[0].Type.Elem {
			return x
		}
		// There and back is the value itself where the way there is exact and the way back keeps inf.
		if d := x.Def; d != nil && d.Code == ir.Cast {
			w := d.Operands[0]
			t := w.Type.Elem
			if t == o.Results[0].Type.Elem && dtype.Widens(t, x.Type.Elem) && (!t.IsFloat() || t.Bits() > 8) {
				return w
			}
		}
	case ir.Bits:
		if x.Type.Elem == o.Results[0].Type.Elem {
			return x
		}
	}
	return nil
}

// splat is the constant c over the axes of t.
func (f *folder) splat(t ir.Type, c number) *ir.Value {
	var v *ir.Value
	if t.Elem.IsFloat() {
		v = f.b.ConstFloat(t.Elem, c.f)
	} else {
		v = f.b.ConstInt(t.Elem, c.i)
	}
	return f.b.Bcast(v, t.Axes)
}

// maxTerms is how many terms an affine expression may grow to by taking in others.
const maxTerms = 16

// affine simplifies an affine expression: constants join the constant, scalars that are affine themselves are taken
// in, equal variables are added up. All of it is exact modulo 2⁶⁴, before div and mod.
func (f *folder) affine(o *ir.Op) *ir.Value {
	terms, k, div, mod := o.AffineTerms()
	changed := false
	var list []ir.Term
	var add func(t ir.Term)
	add = func(t ir.Term) {
		if t.Factor != nil {
			if c, ok := t.Factor.ConstInt(); ok {
				t.Coef, t.Factor, changed = t.Coef*c, nil, true
			}
		}
		if c, ok := t.Var.ConstInt(); ok {
			changed = true
			if t.Factor == nil {
				k += t.Coef * c
				return
			}
			t = ir.Term{Var: t.Factor, Coef: t.Coef * c}
		}
		if d := t.Var.Def; d != nil && d.Code == ir.Affine && t.Var.Type.Kind == ir.Scalar && t.Factor == nil && len(list) < maxTerms {
			inner, ik, idiv, imod := d.AffineTerms()
			if idiv == 1 && imod == 0 && len(inner) < maxTerms {
				changed = true
				k += t.Coef * ik
				for _, u := range inner {
					add(ir.Term{Var: u.Var, Coef: t.Coef * u.Coef, Factor: u.Factor})
				}
				return
			}
		}
		for i, u := range list {
			if u.Var == t.Var && u.Factor == t.Factor {
				list[i].Coef += t.Coef
				changed = true
				return
			}
		}
		list = append(list, t)
	}
	for _, t := range terms {
		add(t)
	}
	// A scalar times 0 adds nothing; a span times 0 still brings its axis.
	n := len(list)
	list = slices.DeleteFunc(list, func(t ir.Term) bool { return t.Coef == 0 && t.Var.Type.Kind == ir.Scalar })
	changed = changed || len(list) < n
	switch {
	case len(list) == 0:
		k = ir.FloorDiv(k, div)
		if mod > 0 {
			k = ir.FloorMod(k, mod)
		}
		return f.b.Index(k)
	case len(list) == 1 && list[0].Coef == 1 && list[0].Factor == nil && k == 0 && div == 1 && mod == 0:
		if v := list[0].Var; v.Type.Kind == ir.Scalar {
			return v
		}
		return f.b.Iota(list[0].Var)
	case changed:
		return f.b.Affine(list, k, div, mod)
	}
	return nil
}
