// Package eval is the meaning of tests: it runs the statements of a test block on whole tensors in float64.
//
// In go the checked statements of a test, one by one, and a function that launches a kernel variant; out come nothing,
// or the error of the statement: an expectation that fails is a [*Failure], which names the elements. It always holds
// that
//
//   - floats, and types without arithmetic, are evaluated in float64, other integers in int64 and exactly;
//   - beside each float v stand its magnitude a and its error e, from which the bound of an expectation follows as
//     design/testing.md derives it (bound.go);
//   - whole-tensor expressions are evaluated in blocks: no temporary is much larger than a result;
//   - the same statements with the same seed give the same result, on any number of cores.
package eval

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"

	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/runtime/array"
)

// Arg is an argument of a launch: Tensor for a tensor, Int for a scalar of integers or bool, Float for one of floats.
type Arg struct {
	Tensor *array.Array
	Int    int64
	Float  float64
}

// Launch runs a kernel variant on a target. The sizes are those of k.Sizes; args has the inputs and inouts of k.Params in
// order, and the result is the inouts and outputs in order. Inputs must not be changed.
type Launch func(ctx context.Context, k *typed.Kernel, sizes []int64, args []Arg) ([]*array.Array, error)

// Runner runs the statements of one test. A Runner serves one test; it must not be copied or used from two goroutines.
type Runner struct {
	// Seed is mixed into every generator of the test.
	Seed uint64
	// Launch runs the kernels that the test calls.
	Launch Launch
	// Context ends a run early; nil is never.
	Context context.Context
	// Print receives what print statements of the test write; nil is nowhere.
	Print func(text string)

	tensors map[*typed.Tensor]*tensor
	vars    map[*typed.Var]*values
	homes   map[*typed.Var]int // the number of wheres around a variable's first assignment
	spans   map[*typed.Axis]interval
	multis  map[*typed.Multi][]*values
	masks   []*values
	weights map[*typed.Kernel]map[*typed.Tensor]float64

	elements int // in a block; 0: blockElements
}

// Error is a statement that cannot be run: a subscript outside its tensor, a tensor too large, a kernel that failed.
type Error struct {
	Span diag.Span
	Msg  string
	Err  error // the cause, nil if this is it
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Err.Error()
	}
	return fmt.Sprintf("%s: %s", e.Span, e.Msg)
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

func failf(at diag.Span, format string, args ...any) *Error {
	return &Error{Span: at, Msg: fmt.Sprintf(format, args...)}
}

// flow is how a statement ended.
type flow uint8

const (
	normal flow = iota
	breaks
	continues
)

// Exec runs a statement of the test.
func (r *Runner) Exec(s typed.Stmt) (err error) {
	if r.tensors == nil {
		r.tensors = map[*typed.Tensor]*tensor{}
		r.vars = map[*typed.Var]*values{}
		r.homes = map[*typed.Var]int{}
		r.spans = map[*typed.Axis]interval{}
		r.multis = map[*typed.Multi][]*values{}
		r.weights = map[*typed.Kernel]map[*typed.Tensor]float64{}
	}
	if r.Context == nil {
		r.Context = context.Background()
	}
	defer func() {
		if x := recover(); x != nil {
			e, ok := x.(*Error)
			if !ok {
				e = failf(s.Span(), "internal error while evaluating: %v", x)
			}
			if !e.Span.IsValid() {
				e.Span = s.Span()
			}
			err = e
		}
	}()
	_, err = r.stmt(s)
	return err
}

func (r *Runner) workers() int { return max(1, runtime.GOMAXPROCS(0)) }

// cancelled gives up if the run's context is done.
func (r *Runner) cancelled(at diag.Span) {
	if err := r.Context.Err(); err != nil {
		panic(&Error{Span: at, Err: err})
	}
}

func (r *Runner) block(list []typed.Stmt) (flow, error) {
	for _, s := range list {
		if f, err := r.stmt(s); err != nil || f != normal {
			return f, err
		}
	}
	return normal, nil
}

func (r *Runner) stmt(s typed.Stmt) (flow, error) {
	r.cancelled(s.Span())
	switch s := s.(type) {
	case *typed.Gen:
		return normal, r.generate(s)
	case *typed.Call:
		return normal, r.call(s)
	case *typed.Define:
		return normal, r.define(s)
	case *typed.Expect:
		return normal, r.expect(s)
	case *typed.Assign:
		r.assign(s)
	case *typed.AxisDecl:
	case *typed.Do:
		r.multi(s.Op)
	case *typed.Scatter:
		r.scatter(s)
	case *typed.If:
		arm := s.Else
		if r.truth(s.Cond) {
			arm = s.Then
		}
		return r.block(arm)
	case *typed.Where:
		r.masks = append(r.masks, r.whole(s.Cond))
		f, err := r.block(s.Body)
		r.masks = r.masks[:len(r.masks)-1]
		return f, err
	case *typed.For:
		return normal, r.loop(s)
	case *typed.While:
		for r.truth(s.Cond) {
			r.cancelled(s.Span()) // the body may be empty
			if f, err := r.block(s.Body); err != nil || f == breaks {
				return normal, err
			}
		}
	case *typed.Break:
		return breaks, nil
	case *typed.Continue:
		return continues, nil
	case *typed.Require:
		return normal, r.hold(s.At, "require", s.Text, s.Cond)
	case *typed.Assert:
		return normal, r.hold(s.At, "assert", s.Text, s.Cond)
	case *typed.Print:
		r.print(s)
	default:
		return normal, failf(s.Span(), "internal error: %T in a test", s)
	}
	return normal, nil
}

// truth is the value of a bool scalar.
func (r *Runner) truth(e typed.Expr) bool { return r.whole(e).i[0] != 0 }

// integer is the value of an integer scalar.
func (r *Runner) integer(e typed.Expr) int64 { return r.whole(e).i[0] }

// hold is an assertion.
func (r *Runner) hold(at diag.Span, word, text string, cond typed.Expr) error {
	for _, v := range r.whole(cond).i {
		if v == 0 {
			return failf(at, "%s does not hold: %s", word, text)
		}
	}
	return nil
}

// loop is a for over scalars or spans.
func (r *Runner) loop(s *typed.For) error {
	b := s.Bind
	lo, hi := r.integer(b.Lo), r.integer(b.Hi)
	step := max(b.By, 1)
	for i := lo; i < hi; i += step {
		r.cancelled(s.At)
		if b.By == 0 {
			r.vars[b.Var] = integers(nil, nil, []int64{i})
		} else {
			r.spans[b.Axis] = interval{i, min(b.By, hi-i)}
		}
		if f, err := r.block(s.Body); err != nil || f == breaks {
			return err
		}
		if hi-i <= step {
			break
		}
	}
	return nil
}

// assign gives variables values over all of their axes. All values are computed before any variable changes.
func (r *Runner) assign(s *typed.Assign) {
	vals := make([]*values, len(s.Vars))
	for i, e := range s.Values {
		vals[i] = r.full(e, s.Vars[i].Type.Axes, true)
	}
	for i, v := range s.Vars {
		r.set(v, vals[i])
	}
}

// set gives a variable a value, where the masks inside which it is not declared allow.
func (r *Runner) set(v *typed.Var, val *values) {
	old, defined := r.vars[v]
	if !defined {
		r.homes[v] = len(r.masks)
	}
	if defined {
		for _, m := range r.masks[min(r.homes[v], len(r.masks)):] {
			val = r.choose(m, val, old)
		}
	}
	r.vars[v] = val
}

// define makes a tensor of the test.
func (r *Runner) define(s *typed.Define) error {
	val := r.full(s.Value, s.Axes, true)
	t := newTensor(s.Tensor, s.At)
	if !t.floats() {
		t.i = val.i
		if val.i == nil {
			t.i = toInts(t.elem, val.f)
		}
	} else {
		t.f, t.a, t.e = val.f, val.a, val.e
		if val.f == nil {
			t.f = toFloats(s.Value.Type().Elem, val.i)
		}
		if s.Tensor.Elem != dtype.F64 && s.Tensor.Elem.IsFloat() {
			for i, x := range t.f {
				t.f[i] = s.Tensor.Elem.Round64(x)
			}
		}
	}
	r.tensors[s.Tensor] = t
	return nil
}

// call launches a kernel.
func (r *Runner) call(s *typed.Call) error {
	if r.Launch == nil {
		return failf(s.At, "there is nothing to run kernels with")
	}
	args, n := []Arg{}, 0
	for _, p := range s.Kernel.Params {
		if p.Role == ir.Out {
			continue
		}
		a, err := r.arg(s, p, s.Args[n])
		if err != nil {
			return err
		}
		args = append(args, a)
		n++
	}
	outs, err := r.Launch(r.Context, s.Kernel, s.Sizes, args)
	if err != nil {
		return &Error{Span: s.At, Err: err}
	}
	if len(outs) != len(s.Outs) {
		return failf(s.At, "internal error: %d results of %s, which has %d", len(outs), s.Kernel.Name, len(s.Outs))
	}
	weights, ok := r.weights[s.Kernel]
	if !ok {
		weights = roundings(s.Kernel)
		r.weights[s.Kernel] = weights
	}
	n = 0
	for _, p := range s.Kernel.Params {
		if p.Role == ir.In {
			continue
		}
		t := newTensor(s.Outs[n], s.At)
		if err := t.take(outs[n]); err != nil {
			return failf(s.At, "internal error: result %s of %s: %v", p.Name, s.Kernel.Name, err)
		}
		t.result, t.weight = true, weights[p.Tensor]
		r.tensors[s.Outs[n]] = t
		n++
	}
	return nil
}

// arg is the argument of a parameter, in the parameter's own type.
func (r *Runner) arg(s *typed.Call, p *typed.Param, a typed.Arg) (Arg, error) {
	switch {
	case a.Tensor != nil:
		t, ok := r.tensors[a.Tensor]
		if !ok {
			return Arg{}, failf(s.At, "internal error: %s has no value", a.Tensor.Name)
		}
		return Arg{Tensor: t.encode(p.Tensor.Elem)}, nil
	case p.Scalar != nil:
		v := r.whole(a.Value)
		elem := p.Scalar.Type.Elem
		switch {
		case v.f != nil && elem.IsFloat():
			return Arg{Float: elem.Round64(v.f[0])}, nil
		case v.f != nil:
			return Arg{Int: elem.IntOfFloat(v.f[0], dtype.Default)}, nil
		case elem.IsFloat():
			return Arg{Float: elem.FloatOfInt(a.Value.Type().Elem, v.i[0], dtype.Default)}, nil
		}
		return Arg{Int: elem.IntOfInt(a.Value.Type().Elem, v.i[0], dtype.Default)}, nil
	}
	v := r.full(a.Value, a.Axes, false)
	t := &tensor{elem: a.Value.Type().Elem, f: v.f, i: v.i, at: s.At}
	for _, x := range a.Axes {
		t.shape = append(t.shape, r.interval(x).n)
	}
	return Arg{Tensor: t.encode(p.Tensor.Elem)}, nil
}

// maxPrinted bounds the elements of a tile that a print statement shows.
const maxPrinted = 1000

// print writes a line: tiles as nested lists, numbers as the language writes them, as kernels do.
func (r *Runner) print(s *typed.Print) {
	if r.Print == nil {
		return
	}
	args := make([]any, len(s.Args))
	for i, e := range s.Args {
		var b strings.Builder
		v := r.whole(e)
		left := maxPrinted
		writeFrom(&b, v, e.Type().Elem, 0, 0, len(v.f)+len(v.i), &left)
		if left < 0 {
			fmt.Fprintf(&b, " (%d elements)", len(v.f)+len(v.i))
		}
		args[i] = b.String()
	}
	text := fmt.Sprintf(s.Text, args...)
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	r.Print(text)
}

// writeFrom shows the size elements of a tile from off, which are over its axes from the given one.
func writeFrom(b *strings.Builder, v *values, elem dtype.Type, axis, off, size int, left *int) {
	if axis == len(v.axes) {
		b.WriteString(element(v, elem, off))
		return
	}
	b.WriteByte('[')
	for i := range v.n[axis] {
		if i > 0 {
			b.WriteByte(' ')
		}
		if *left--; *left < 0 {
			b.WriteString("…")
			break
		}
		part := size / v.n[axis]
		writeFrom(b, v, elem, axis+1, off+i*part, part, left)
	}
	b.WriteByte(']')
}

func element(v *values, elem dtype.Type, i int) string {
	switch {
	case v.f == nil && elem == dtype.Bool:
		return strconv.FormatBool(v.i[i] != 0)
	case v.f == nil:
		return strconv.FormatInt(v.i[i], 10)
	case v.f[i] != v.f[i]:
		return "nan"
	case math.IsInf(v.f[i], 0):
		return strings.ToLower(strings.TrimPrefix(strconv.FormatFloat(v.f[i], 'g', -1, 64), "+"))
	}
	return strconv.FormatFloat(v.f[i], 'g', -1, 64)
}
