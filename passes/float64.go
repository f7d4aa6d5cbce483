package passes

import (
	"slices"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// Float64 turns a function in place into the one that computes the same in float64: every float that is computed,
// stored or kept in a temp becomes f64, and so do float outputs; inputs keep their type. Conversions between floats
// disappear, conversions to integers stay, and bits are taken from values rounded to the type the text takes them of.
// What it computes is what a function would give if nothing but its inputs were rounded.
func Float64(fn *ir.Func) {
	w := &widener{b: ir.NewBuilder(fn), now: map[*ir.Value]*ir.Value{}, bits: map[*ir.Value]dtype.Type{}}
	var scalars []*ir.Value
	for i, p := range fn.Params {
		arg := fn.ParamArg(i)
		if !narrow(p.Type.Elem) {
			continue
		}
		switch {
		case p.Type.Kind == ir.Tensor && p.Role != ir.In:
			p.Type.Elem, arg.Type.Elem = dtype.F64, dtype.F64
		case p.Type.Kind == ir.Scalar:
			scalars = append(scalars, arg)
		}
	}
	// The casts of scalars stand first, and are not themselves to be widened.
	w.b.At(fn.Pos).Before(fn.Body.Ops[0])
	for _, arg := range scalars {
		w.now[arg] = w.b.Cast(arg, dtype.F64, "rne", "sat")
	}
	w.ops(fn.Body, slices.Clone(fn.Body.Ops[len(scalars):]))
	fn.Number()
}

// narrow reports a float type other than f64.
func narrow(t dtype.Type) bool { return t.IsFloat() && t != dtype.F64 }

type widener struct {
	b *ir.Builder
	// now maps a value to the f64 one that stands for it.
	now map[*ir.Value]*ir.Value
	// bits has the type that a value had in the text.
	bits map[*ir.Value]dtype.Type
}

func (w *widener) region(r *ir.Region) {
	for _, arg := range r.Args {
		w.widen(arg)
	}
	w.ops(r, slices.Clone(r.Ops))
}

// ops widens operations of r.
func (w *widener) ops(r *ir.Region, list []*ir.Op) {
	for _, o := range list {
		w.b.At(o.Pos).Before(o)
		written := slices.Clone(o.Operands)
		for i, v := range o.Operands {
			if to, ok := w.now[v]; ok {
				o.Operands[i] = to
			}
		}
		switch o.Code {
		case ir.Load:
			if elem := o.Operands[0].Type.Elem; narrow(elem) {
				if o.Str("mode") == "else" {
					last := len(o.Operands) - 1
					o.Operands[last] = w.round(o.Operands[last], elem)
				}
				w.castAfter(o)
			} else {
				w.widenResults(o)
			}
		case ir.Uniform, ir.Normal:
			w.castAfter(o)
		case ir.Bits:
			o.Operands[0] = w.round(o.Operands[0], w.textType(written[0]))
			if narrow(o.Result().Type.Elem) {
				w.castAfter(o)
			}
		case ir.Cast:
			x, result := o.Operands[0], o.Result()
			if narrow(result.Type.Elem) && x.Type.Elem == dtype.F64 {
				w.now[result], w.bits[result] = x, result.Type.Elem
				r.Ops = slices.DeleteFunc(r.Ops, func(other *ir.Op) bool { return other == o })
				continue
			}
			w.widenResults(o)
		default:
			w.widenResults(o)
		}
		for _, inner := range o.Regions {
			w.region(inner)
		}
	}
}

func (w *widener) widenResults(o *ir.Op) {
	for _, v := range o.Results {
		w.widen(v)
	}
}

func (w *widener) widen(v *ir.Value) {
	if narrow(v.Type.Elem) {
		w.bits[v] = v.Type.Elem
		v.Type.Elem = dtype.F64
	}
}

// textType is the type that a value had before anything was widened.
func (w *widener) textType(v *ir.Value) dtype.Type {
	if t, ok := w.bits[v]; ok {
		return t
	}
	return v.Type.Elem
}

// round brings an f64 value to type t; a value of another type is left alone.
func (w *widener) round(v *ir.Value, t dtype.Type) *ir.Value {
	if v.Type.Elem != dtype.F64 || t == dtype.F64 {
		return v
	}
	return w.b.Cast(v, t, "rne", "sat")
}

// castAfter lets a float result keep its type and puts its f64 value in its place. A region ends with a yield, so
// there is an operation after o.
func (w *widener) castAfter(o *ir.Op) {
	region := o.Parent
	w.b.Before(region.Ops[slices.Index(region.Ops, o)+1])
	for _, v := range o.Results {
		if narrow(v.Type.Elem) {
			w.now[v] = w.b.Cast(v, dtype.F64, "rne", "sat")
		}
	}
}
