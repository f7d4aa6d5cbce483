package passes

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// Known holds values for sizes and scalar parameters, by name. A scalar is an int64 (integers, bool as 0 or 1, u64 by
// its bits) or a float64, of which its type must hold the exact value.
type Known struct {
	Sizes   map[string]int64
	Scalars map[string]any
}

// Specialise is fn with what is known put in: a known size is gone from the function's sizes and stands as a number in
// the extents of its tensors; a known scalar stays a parameter, which nothing reads. Sizes computed from known ones
// become known. It fails for names the function does not have and values that do not fit.
func Specialise(fn *ir.Func, known Known) (*ir.Func, error) {
	c := fn.Clone()
	if err := specialise(c, &known); err != nil {
		return nil, err
	}
	c.Number()
	return c, nil
}

// specialise works in place; after an error fn is as it was.
func specialise(fn *ir.Func, known *Known) error {
	if known == nil || len(known.Sizes)+len(known.Scalars) == 0 {
		return nil
	}
	dims, left, err := bindSizes(fn, known.Sizes)
	if err != nil {
		return err
	}
	scalars, err := checkScalars(fn, known.Scalars)
	if err != nil {
		return err
	}

	// Constants come first, sizes before scalars, each where something may read it.
	n := fn.Number()
	with := make([]*ir.Value, n)
	b := ir.NewBuilder(fn).At(fn.Pos)
	if len(fn.Body.Ops) > 0 {
		b.Before(fn.Body.Ops[0])
	}
	define := func(v, c *ir.Value) {
		c.ID, c.Name = n, v.Name // an ID past the table: it replaces and is not replaced
		with[v.ID] = c
	}
	for i, d := range dims {
		if d.Op == ir.DimConst {
			define(fn.SizeArg(i), b.Index(d.K))
		}
	}
	for _, s := range scalars {
		arg := fn.ParamArg(s.param)
		if k, ok := s.value.(int64); ok {
			define(arg, b.ConstInt(arg.Type.Elem, k))
		} else {
			define(arg, b.ConstFloat(arg.Type.Elem, s.value.(float64)))
		}
	}
	fn.Replace(with)

	subst := func(t *ir.Type) {
		if t.Kind != ir.Tensor {
			return
		}
		ds := make([]*ir.Dim, len(t.Dims))
		for i, d := range t.Dims {
			ds[i] = d.Subst(dims)
		}
		t.Dims = ds
	}
	for _, p := range fn.Params {
		subst(&p.Type)
	}
	fn.Values(func(v *ir.Value) { subst(&v.Type) })

	var args []*ir.Value
	var sizes []*ir.Size
	for _, i := range left {
		s := *fn.Sizes[i]
		if s.Def != nil {
			s.Def = s.Def.Subst(dims)
		}
		sizes = append(sizes, &s)
		args = append(args, fn.SizeArg(i))
	}
	args = append(args, fn.Body.Args[len(fn.Sizes):]...)
	for i, s := range fn.Sizes {
		if d := dims[i]; d.Op == ir.DimConst {
			fn.Binds = append(fn.Binds, ir.Bind{Name: s.Name, Value: strconv.FormatInt(d.K, 10)})
		}
	}
	fn.Sizes, fn.Body.Args = sizes, args
	for i, v := range args {
		v.Index = i
	}
	return nil
}

// bindSizes gives for each size what stands for it afterwards: a constant or a size of the new function; left lists
// the old numbers of those.
func bindSizes(fn *ir.Func, known map[string]int64) (dims []*ir.Dim, left []int, err error) {
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if fn.Size(name) < 0 {
			return nil, nil, fmt.Errorf("@%s has no size %s", fn.Name, name)
		}
		if known[name] < 0 {
			return nil, nil, fmt.Errorf("size %s of @%s cannot be %d", name, fn.Name, known[name])
		}
	}
	dims = make([]*ir.Dim, len(fn.Sizes))
	for i, s := range fn.Sizes {
		k, ok := known[s.Name]
		if s.Def != nil {
			// Without sizes to look up, only what is constant has a value.
			if is, all := s.Def.Subst(dims).Eval(nil); all {
				if ok && k != is {
					return nil, nil, fmt.Errorf("size %s of @%s cannot be %d: it is computed as %d", s.Name, fn.Name, k, is)
				}
				if is < 0 {
					return nil, nil, fmt.Errorf("size %s of @%s is computed as %d", s.Name, fn.Name, is)
				}
				k, ok = is, true
			} else if ok {
				return nil, nil, fmt.Errorf("size %s of @%s is computed from others and cannot be given alone", s.Name, fn.Name)
			}
		}
		if ok {
			dims[i] = ir.ConstDim(k)
		} else {
			dims[i] = ir.SizeDim(len(left))
			left = append(left, i)
		}
	}
	return dims, left, nil
}

type knownScalar struct {
	param int
	value any
}

// checkScalars lists the known scalars in the order of parameters.
func checkScalars(fn *ir.Func, known map[string]any) ([]knownScalar, error) {
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if i := fn.Param(name); i < 0 || fn.Params[i].Type.Kind != ir.Scalar {
			return nil, fmt.Errorf("@%s has no scalar parameter %s", fn.Name, name)
		}
	}
	var list []knownScalar
	for i, p := range fn.Params {
		val, ok := known[p.Name]
		if !ok {
			continue
		}
		if !holds(p.Type.Elem, val) {
			return nil, fmt.Errorf("%v is no value of %s, the type of %s of @%s", val, p.Type.Elem, p.Name, fn.Name)
		}
		list = append(list, knownScalar{i, val})
	}
	return list, nil
}

// holds reports whether val is exactly a value of type t.
func holds(t dtype.Type, val any) bool {
	switch x := val.(type) {
	case int64:
		return !t.IsFloat() && t.IntOfInt(dtype.I64, x, dtype.Wrap) == x
	case float64:
		return t.IsFloat() && t.Has64(x)
	}
	return false
}
