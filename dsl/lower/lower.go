// Package lower turns a checked kernel into value-stage tile IR.
//
// In goes one variant of a kernel as dsl/check made it: names resolved, types and axes known, conversions explicit,
// subscripts proven or marked. Out comes one function of the IR. It always holds that
//
//   - the function is valid for ir.Verify, and means what language.md says the text means;
//   - every operation carries the place in the text it was made for;
//   - every operand of an elementwise operation has exactly the axes of the result, in its order: broadcasts and
//     permutations are operations of their own;
//   - only variables that are read again are carried by loops and conditions, break and continue have become flags,
//     and the masks of `where` have become selects and masked stores;
//   - the same tree gives the same function, to the last operation.
//
// A correct tree cannot fail to lower: an [*InternalError] is a fault of the compiler.
package lower

import (
	"fmt"
	"slices"

	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// InternalError says that the tree broke a promise of package typed, or that lowering is wrong, and where the text
// stands that was being lowered.
type InternalError struct {
	Kernel string
	Span   diag.Span
	Msg    string
}

func (e *InternalError) Error() string {
	return fmt.Sprintf("%s: internal error while lowering %s: %s", e.Span, e.Kernel, e.Msg)
}

// Lower makes the function of one variant. The error is an [*InternalError].
func Lower(k *typed.Kernel) (f *ir.Func, err error) {
	l := &lowerer{
		kernel:  k,
		place:   k.Span,
		sizes:   map[*typed.Size]*ir.Value{},
		tensors: map[*typed.Tensor]*ir.Value{},
		spans:   map[*typed.Axis]*ir.Value{},
		ranks:   map[*typed.Axis]int{},
		vars:    map[*typed.Var]local{},
		orders:  map[*typed.Var][]*typed.Axis{},
		multis:  map[*typed.Multi][]*ir.Value{},
		flows:   map[typed.Stmt]*flow{},
		chans:   map[*typed.Chan]*ir.Value{},
		slots:   map[*typed.Slot]*ir.Value{},
	}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *InternalError:
			f, err = nil, r
		case *ir.Error:
			f, err = nil, l.internal("%s", r)
		case error:
			f, err = nil, l.internal("%s", r)
		default:
			f, err = nil, l.internal("%v", r)
		}
	}()
	return l.function(), nil
}

// lowerer holds what is known at one point of the text.
type lowerer struct {
	kernel *typed.Kernel
	b      *ir.Builder
	place  diag.Span // what is being lowered

	sizes   map[*typed.Size]*ir.Value
	tensors map[*typed.Tensor]*ir.Value
	multis  map[*typed.Multi][]*ir.Value
	// chans are the channels of the phase, and slots those in use.
	chans map[*typed.Chan]*ir.Value
	slots map[*typed.Slot]*ir.Value
	// before is what stands before the roles of a phase, and group the number of the group of the role being lowered.
	before []typed.Stmt
	group  *ir.Value

	// spans are the axes in scope and vars the variables that have a value here; leaving a region takes both back to
	// what they were (undo).
	spans map[*typed.Axis]*ir.Value
	vars  map[*typed.Var]local
	undo  []saved

	// orders is the axis order of each variable that ever had a value: its first value's. ranks orders axes where no
	// value does: outer axes before inner ones.
	orders map[*typed.Var][]*typed.Axis
	ranks  map[*typed.Axis]int

	masks  []*ir.Value // the conditions of the enclosing wheres
	flows  map[typed.Stmt]*flow
	homes  *homes
	around around // the statement being lowered
}

// local is a variable's value and the number of wheres around its definition.
type local struct {
	val   *ir.Value
	depth int
}

// saved is what a variable or an axis was before it was set.
type saved struct {
	v     *typed.Var
	local local
	axis  *typed.Axis
	span  *ir.Value
}

// internal is a fault at the place being lowered.
func (l *lowerer) internal(format string, args ...any) *InternalError {
	return &InternalError{Kernel: l.kernel.Name, Span: l.place, Msg: fmt.Sprintf(format, args...)}
}

// fail gives up; Lower returns the error.
func (l *lowerer) fail(format string, args ...any) { panic(l.internal(format, args...)) }

// within sets the place being lowered, for messages and for the operations made, and gives back what restores it.
func (l *lowerer) within(s diag.Span) func() {
	was, pos := l.place, l.b.Pos()
	if s.IsValid() {
		l.place = s
		l.b.At(position(s))
	}
	return func() {
		l.place = was
		l.b.At(pos)
	}
}

// position is a span's start in the IR.
func position(s diag.Span) ir.Pos { return ir.Pos{File: s.File, Line: s.Start.Line, Col: s.Start.Col} }

// function lowers the whole kernel.
func (l *lowerer) function() *ir.Func {
	k := l.kernel
	sizes := make([]*ir.Size, len(k.Sizes))
	for i, s := range k.Sizes {
		sizes[i] = &ir.Size{Name: s.Name, Def: s.Def}
	}
	params := make([]*ir.Param, len(k.Params))
	for i, p := range k.Params {
		params[i] = &ir.Param{Name: p.Name, Role: p.Role, Pos: position(k.Span)}
		if p.Tensor != nil {
			params[i].Type, params[i].Pos = tensorType(p.Tensor), position(p.Tensor.Span)
		} else {
			params[i].Type, params[i].Pos = ir.ScalarType(p.Scalar.Type.Elem), position(p.Scalar.Span)
		}
	}
	f := ir.NewFunc(k.Name, sizes, params, position(k.Span))
	f.Binds = slices.Clone(k.Binds)
	for _, w := range k.Words {
		name := w.Name
		if w.Phase != "" {
			name = w.Phase + "." + w.Name
		}
		f.Binds = append(f.Binds, ir.Bind{Name: name, Value: w.Value, Pos: position(w.Span)})
	}
	l.b = ir.NewBuilder(f)
	for i, s := range k.Sizes {
		l.sizes[s] = f.SizeArg(i)
	}
	for i, p := range k.Params {
		if p.Tensor != nil {
			l.tensors[p.Tensor] = f.ParamArg(i)
		} else {
			l.set(p.Scalar, f.ParamArg(i))
		}
	}
	l.homes = findHomes(k.Body)
	for _, a := range l.homes.axes {
		l.declare(a)
	}
	l.block(k.Body, vars{})
	return l.b.Finish()
}

func tensorType(t *typed.Tensor) ir.Type {
	typ := ir.TensorType(t.Elem, t.Mem, t.Dims...)
	typ.PackName = t.PackName
	return typ
}

// set gives a variable a value, whatever mask there is.
func (l *lowerer) set(v *typed.Var, val *ir.Value) {
	was, ok := l.vars[v]
	l.undo = append(l.undo, saved{v: v, local: was})
	depth := was.depth
	if !ok {
		depth = len(l.masks)
	}
	l.vars[v] = local{val, depth}
	if val.Name == "" && val.Type.Data() {
		val.Name = v.Name
	}
}

// bind makes an axis known.
func (l *lowerer) bind(a *typed.Axis, span *ir.Value) {
	if span.Type.Width != a.Extent {
		l.fail("axis %s of extent %d got a span of width %d", a.Name, a.Extent, span.Type.Width)
	}
	l.undo = append(l.undo, saved{axis: a, span: l.spans[a]})
	l.spans[a] = span
	if _, ok := l.ranks[a]; !ok {
		l.ranks[a] = len(l.ranks)
	}
	if span.Name == "" {
		span.Name = a.Name
	}
}

// region runs body with operations going to r, then forgets the variables and axes that it set.
func (l *lowerer) region(r *ir.Region, body func()) {
	back, mark := l.b.Into(r), len(l.undo)
	body()
	back()
	for i := len(l.undo) - 1; i >= mark; i-- {
		s := l.undo[i]
		switch {
		case s.axis != nil && s.span == nil:
			delete(l.spans, s.axis)
		case s.axis != nil:
			l.spans[s.axis] = s.span
		case s.local.val == nil:
			delete(l.vars, s.v)
		default:
			l.vars[s.v] = s.local
		}
	}
	l.undo = l.undo[:mark]
}

// constant is a scalar of any type; floats take x, all else k.
func (l *lowerer) constant(t dtype.Type, k int64, x float64) *ir.Value {
	if t.IsFloat() {
		return l.b.ConstFloat(t, x)
	}
	return l.b.ConstInt(t, k)
}
