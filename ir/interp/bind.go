package interp

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unsafe"

	"github.com/tilec/tilec/ir"
)

// Bind finds the sizes of a function from its arguments, one for each parameter, and checks the launch contract as far
// as shapes go: element types, ranks, extents that agree, exact divisions, and storage that is long enough and not
// shared between outputs and anything else. The tensor of an output may be nil, if the sizes follow from the others.
// The error is a *Fault that names the parameters.
func Bind(fn *ir.Func, args []Arg) (sizes []int64, err error) {
	if len(args) != len(fn.Params) {
		return nil, faultf(BadArgs, fn.Pos, "%s takes %s, not %d", fn.Name, plural(len(fn.Params), "argument"), len(args))
	}
	for i, p := range fn.Params {
		if err := fits(p, args[i].Tensor); err != nil {
			return nil, err
		}
	}
	b := &binder{fn: fn, args: args, sizes: make([]int64, len(fn.Sizes)), from: make([]*ir.Param, len(fn.Sizes))}
	for i, s := range fn.Sizes {
		if err := b.size(i, s); err != nil {
			return nil, err
		}
	}
	for i, p := range fn.Params {
		if t := args[i].Tensor; t != nil {
			if err := b.check(p, t); err != nil {
				return nil, err
			}
		}
	}
	return b.sizes, b.overlap()
}

// Shape computes the shape of a parameter's tensor from the sizes that [Bind] found, to make an output of.
func Shape(fn *ir.Func, param int, sizes []int64) ([]int64, error) {
	p := fn.Params[param]
	shape, ok := extents(p.Type.Dims, sizes)
	if _, fit := volume(shape); !ok || !fit {
		return nil, faultf(BadArgs, p.Pos, "%s has an impossible shape %s", p.Name, dimsText(fn, p))
	}
	return shape, nil
}

// fits checks what does not depend on sizes.
func fits(p *ir.Param, t *Tensor) error {
	if p.Type.Kind == ir.Scalar {
		if t != nil {
			return faultf(BadArgs, p.Pos, "%s is a scalar, and its argument a tensor", p.Name)
		}
		return nil
	}
	switch {
	case t == nil && p.Role == ir.Out:
		return nil
	case t == nil:
		return faultf(BadArgs, p.Pos, "%s is a tensor, and its argument is none", p.Name)
	case t.Elem != p.Type.Elem:
		return faultf(BadArgs, p.Pos, "%s has elements of %s, and its argument of %s", p.Name, p.Type.Elem, t.Elem)
	case len(t.Shape) != len(p.Type.Dims):
		return faultf(BadArgs, p.Pos, "%s has %s, and its argument %d", p.Name, plural(len(p.Type.Dims), "dimension"), len(t.Shape))
	case t.Strides != nil && len(t.Strides) != len(t.Shape):
		return faultf(BadArgs, p.Pos, "the argument of %s has %s for %s", p.Name, plural(len(t.Strides), "stride"), plural(len(t.Shape), "dimension"))
	case t.BitOffset < 0:
		return faultf(BadArgs, p.Pos, "the argument of %s starts before its data", p.Name)
	}
	n, ok := volume(t.Shape)
	if !ok || n > math.MaxInt64/64 {
		return faultf(BadArgs, p.Pos, "the argument of %s has an impossible shape %v", p.Name, t.Shape)
	}
	last := n - 1
	if t.Strides != nil && n > 0 {
		last = 0
		for i, s := range t.Strides {
			d := t.Shape[i] - 1
			if s < 0 || d > 0 && s > (math.MaxInt64/64-1-last)/d { // its number of bits is an int64
				return faultf(BadArgs, p.Pos, "the argument of %s has impossible strides %v", p.Name, t.Strides)
			}
			last += d * s
		}
		if p.Type.Mem != ir.Strided && !denseStrides(t) {
			return faultf(BadArgs, p.Pos, "%s must be row-major without gaps, and its argument has strides %v", p.Name, t.Strides)
		}
	}
	if need, have := (last+1)*int64(t.Elem.Bits()), int64(len(t.Data))*8-int64(t.BitOffset); need > have {
		return faultf(BadArgs, p.Pos, "the argument of %s needs %s of data and has %d", p.Name, plural(int(need), "bit"), have)
	}
	return nil
}

// denseStrides reports whether the strides are those of a row-major tensor without gaps.
func denseStrides(t *Tensor) bool {
	s := int64(1)
	for i := len(t.Shape) - 1; i >= 0; i-- {
		if t.Shape[i] > 1 && t.Strides[i] != s {
			return false
		}
		s *= t.Shape[i]
	}
	return true
}

type binder struct {
	fn    *ir.Func
	args  []Arg
	sizes []int64
	from  []*ir.Param // the parameter that bound each size
}

// size finds size i: from its definition, or from the first tensor that has it as a bare dimension.
func (b *binder) size(i int, s *ir.Size) error {
	if s.Def != nil {
		k, ok := s.Def.Eval(b.sizes)
		if !ok || k < 0 {
			return faultf(BadArgs, b.fn.Pos, "the dimension %s = %s cannot be computed for %s", s.Name, dimText(b.fn, s.Def), b.known(s.Def))
		}
		b.sizes[i] = k
		return nil
	}
	for k, p := range b.fn.Params {
		t := b.args[k].Tensor
		if t == nil {
			continue
		}
		for j, d := range p.Type.Dims {
			if d.Op == ir.DimSize && d.Size == i {
				b.sizes[i], b.from[i] = t.Shape[j], p
				return nil
			}
		}
	}
	return faultf(BadArgs, b.fn.Pos, "nothing gives the dimension %s: no argument has it as a dimension of its own", s.Name)
}

// check compares a tensor's shape with the parameter's.
func (b *binder) check(p *ir.Param, t *Tensor) error {
	for j, d := range p.Type.Dims {
		if err := b.exact(p, d, d); err != nil {
			return err
		}
		k, ok := d.Eval(b.sizes)
		if ok && k == t.Shape[j] {
			continue
		}
		if d.Op == ir.DimSize && b.from[d.Size] != nil && b.from[d.Size] != p {
			q := b.from[d.Size]
			f := faultf(BadArgs, p.Pos, "the dimension %s is %d in %s and %d in %s", b.fn.Sizes[d.Size].Name, k, q.Name, t.Shape[j], p.Name)
			f.Other = q.Pos
			return f
		}
		if !ok {
			return faultf(BadArgs, p.Pos, "dimension %d of %s, %s, cannot be computed for %s", j+1, p.Name, dimText(b.fn, d), b.known(d))
		}
		if d.Op == ir.DimConst {
			return faultf(BadArgs, p.Pos, "dimension %d of %s is %d, and must be %d", j+1, p.Name, t.Shape[j], k)
		}
		return faultf(BadArgs, p.Pos, "dimension %d of %s is %d, and must be %s = %d with %s", j+1, p.Name, t.Shape[j], dimText(b.fn, d), k, b.known(d))
	}
	return nil
}

// exact checks that divisions in d, a part of an extent, leave no rest.
func (b *binder) exact(p *ir.Param, extent, d *ir.Dim) error {
	if d == nil || d.X == nil {
		return nil
	}
	if err := b.exact(p, extent, d.X); err != nil {
		return err
	}
	if err := b.exact(p, extent, d.Y); err != nil {
		return err
	}
	if d.Op != ir.DimDiv {
		return nil
	}
	x, okX := d.X.Eval(b.sizes)
	y, okY := d.Y.Eval(b.sizes)
	switch {
	case okX && okY && y != 0 && x%y == 0:
		return nil
	case okX && okY && y != 0:
		name := b.fresh()
		return faultf(BadArgs, p.Pos, "%s in the shape of %s must divide exactly, and %d is not a multiple of %d; for a rounded quotient name the dimension %s and `require %s == %s`",
			dimText(b.fn, d), p.Name, x, y, name, name, dimText(b.fn, extent))
	}
	return faultf(BadArgs, p.Pos, "%s in the shape of %s cannot be computed for %s", dimText(b.fn, d), p.Name, b.known(d))
}

// plural is n and the noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// fresh is a name that no size has.
func (b *binder) fresh() string {
	for name := 'P'; ; name++ {
		if name > 'Z' || !slices.ContainsFunc(b.fn.Sizes, func(s *ir.Size) bool { return s.Name == string(name) }) {
			return string(name)
		}
	}
}

// known writes the sizes in an extent with their values.
func (b *binder) known(d *ir.Dim) string {
	var parts []string
	seen := map[int]bool{}
	var walk func(d *ir.Dim)
	walk = func(d *ir.Dim) {
		switch {
		case d == nil:
		case d.Op == ir.DimSize && !seen[d.Size]:
			seen[d.Size] = true
			parts = append(parts, fmt.Sprintf("%s = %d", b.fn.Sizes[d.Size].Name, b.sizes[d.Size]))
		default:
			walk(d.X)
			walk(d.Y)
		}
	}
	walk(d)
	if len(parts) == 0 {
		return "any size"
	}
	return strings.Join(parts, ", ")
}

// overlap checks that what is written shares no memory with anything else.
func (b *binder) overlap() error {
	for i, p := range b.fn.Params {
		if p.Role == ir.In {
			continue
		}
		for j, q := range b.fn.Params {
			if j != i && meet(b.args[i].Tensor, b.args[j].Tensor) {
				return faultf(BadArgs, p.Pos, "the arguments of %s and %s overlap in memory, and %s is written", p.Name, q.Name, p.Name)
			}
		}
	}
	return nil
}

// meet reports whether two tensors share bytes, going by the ends of their data.
func meet(t, u *Tensor) bool {
	if t == nil || u == nil || t.Len() == 0 || u.Len() == 0 {
		return false
	}
	ta, tb := ends(t)
	ua, ub := ends(u)
	return ta < ub && ua < tb
}

func ends(t *Tensor) (first, end uintptr) {
	bits := int64(t.Elem.Bits())
	last := t.Len() - 1
	if t.Strides != nil {
		last = 0
		for i, s := range t.Strides {
			last += (t.Shape[i] - 1) * s
		}
	}
	base := uintptr(unsafe.Pointer(unsafe.SliceData(t.Data)))
	return base + uintptr(t.BitOffset/8), base + uintptr((int64(t.BitOffset)+(last+1)*bits+7)/8)
}

func dimsText(fn *ir.Func, p *ir.Param) string {
	parts := make([]string, len(p.Type.Dims))
	for i, d := range p.Type.Dims {
		parts[i] = dimText(fn, d)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// dimText writes an extent as the language does.
func dimText(fn *ir.Func, d *ir.Dim) string {
	switch d.Op {
	case ir.DimConst:
		return strconv.FormatInt(d.K, 10)
	case ir.DimSize:
		return fn.Sizes[d.Size].Name
	}
	x, y := dimText(fn, d.X), dimText(fn, d.Y)
	// Operators bind to the left, and * / % closer than + and -.
	sum := func(d *ir.Dim) bool { return d.Op == ir.DimAdd || d.Op == ir.DimSub }
	product := func(d *ir.Dim) bool { return d.Op == ir.DimMul || d.Op == ir.DimDiv || d.Op == ir.DimMod }
	if product(d) && sum(d.X) {
		x = "(" + x + ")"
	}
	if sum(d) && sum(d.Y) || product(d) && (sum(d.Y) || product(d.Y)) {
		y = "(" + y + ")"
	}
	switch d.Op {
	case ir.DimMin:
		return fmt.Sprintf("min(%s, %s)", x, y)
	case ir.DimMax:
		return fmt.Sprintf("max(%s, %s)", x, y)
	case ir.DimCdiv:
		return fmt.Sprintf("cdiv(%s, %s)", x, y)
	}
	sign := map[ir.DimOp]string{ir.DimAdd: "+", ir.DimSub: "-", ir.DimMul: "*", ir.DimDiv: "/", ir.DimMod: "%"}[d.Op]
	return x + sign + y
}
