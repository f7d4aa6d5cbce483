// Package runtime launches compiled kernels on arrays in memory.
//
// In go a function of the tile IR and arrays for its inputs; out come arrays for its outputs. It always holds that
// arguments are checked against the function's shapes, types and launch contracts before anything runs, and that
// inputs are not changed. The one device there is, the interpreter, also checks what the kernel does while it runs.
package runtime

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/interp"
	"github.com/tilec/tilec/runtime/array"
)

// Arg is an argument of a launch: Tensor for a tensor, Int for a scalar of integers or bool, Float for one of floats.
type Arg struct {
	Tensor *array.Array
	Int    int64
	Float  float64
}

// Kernel is a function ready to be launched, any number of times and from several goroutines.
type Kernel struct {
	fn      *ir.Func
	program *interp.Program
}

// Options of a launch.
type Options struct {
	Print    io.Writer                             // where print statements write, nil for nowhere
	Progress func(phase string, done, total int64) // told now and then how many blocks are done
	Workers  int                                   // blocks run at once, 0 for one a core
	// Multiplies, if set, is added the multiply-adds of all contractions.
	Multiplies *atomic.Int64
}

// New prepares a function for the interpreter. It fails only where the function is not valid: the error is a
// [*interp.Fault] of kind Internal.
func New(fn *ir.Func) (*Kernel, error) {
	program, err := interp.Compile(fn)
	if err != nil {
		return nil, &interp.Fault{Kind: interp.Internal, Message: err.Error(), Err: err}
	}
	return &Kernel{fn: fn, program: program}, nil
}

// Func is the function that a launch runs.
func (k *Kernel) Func() *ir.Func { return k.fn }

// Launch runs the kernel. Args are its inputs and inouts in the order of its parameters; the result has its inouts and
// outputs in that order, as new arrays. Sizes are the values of the function's sizes.
func (k *Kernel) Launch(ctx context.Context, sizes []int64, args []Arg, o Options) ([]*array.Array, error) {
	run, outs, err := k.Prepare(sizes, args)
	if err != nil {
		return nil, err
	}
	if err := run(ctx, o); err != nil {
		return nil, err
	}
	return outs, nil
}

// Prepare makes the output arrays of a launch and gives a function that runs it, any number of times; an inout goes on
// from what the run before left.
func (k *Kernel) Prepare(sizes []int64, args []Arg) (run func(context.Context, Options) error, outs []*array.Array, err error) {
	if len(sizes) != len(k.fn.Sizes) {
		return nil, nil, fmt.Errorf("kernel %s has %d sizes, not %d", k.fn.Name, len(k.fn.Sizes), len(sizes))
	}
	list := make([]interp.Arg, len(k.fn.Params))
	next := 0
	free, need := FreeMemory(), int64(0)
	for i, p := range k.fn.Params {
		var given *array.Array
		if p.Role != ir.Out {
			if next == len(args) {
				return nil, nil, fmt.Errorf("kernel %s: no argument for %s", k.fn.Name, p.Name)
			}
			arg := args[next]
			next++
			if p.Type.Kind == ir.Scalar {
				list[i] = interp.Arg{Int: arg.Int, Float: arg.Float}
				continue
			}
			if given = arg.Tensor; given == nil {
				return nil, nil, fmt.Errorf("kernel %s: the argument for %s is not a tensor", k.fn.Name, p.Name)
			}
		}
		if p.Role == ir.In {
			list[i].Tensor = view(given)
			continue
		}
		shape, err := extents(k.fn, p, sizes)
		if err != nil {
			return nil, nil, err
		}
		n, err := array.Count(p.Type.Elem, shape)
		if err != nil {
			return nil, nil, fmt.Errorf("output %s: %w", p.Name, err)
		}
		size := int64(dtype.StreamBytes(p.Type.Elem.Bits(), n))
		// Memory that is made is not yet taken: what the outputs before this one need is still counted as free.
		if size > free-need {
			return nil, nil, fmt.Errorf("output %s needs %s for %s, and %s are free", p.Name, bytesText(size), sizesText(k.fn, sizes), bytesText(free-need))
		}
		need += size
		out := &array.Array{Elem: p.Type.Elem, Shape: shape, Data: make([]byte, size)}
		if given != nil {
			if err := fill(out, given); err != nil {
				return nil, nil, fmt.Errorf("inout %s: %w", p.Name, err)
			}
		}
		list[i].Tensor = view(out)
		outs = append(outs, out)
	}
	if next != len(args) {
		return nil, nil, fmt.Errorf("kernel %s: %d arguments for %d inputs", k.fn.Name, len(args), next)
	}
	limit := max(free-need, leastMemory)
	return func(ctx context.Context, o Options) error {
		return k.program.Run(list, interp.Options{
			Workers: o.Workers, Context: ctx, Progress: o.Progress, Print: o.Print, Multiplies: o.Multiplies, MaxMemory: limit,
		})
	}, outs, nil
}

// leastMemory is what a run may always take, in bytes, for temps, tiles and the records of who wrote what.
const leastMemory = 64 << 20

// fill gives an inout its values: those of the argument in the parameter's own type, or, where a function computes in
// f64 what the text computes in another float, in f64.
func fill(out, given *array.Array) error {
	if out.Elem == dtype.F64 && given.Elem.IsFloat() && given.Elem != dtype.F64 {
		var values [512]float64
		for i, n := 0, given.Len(); i < n; i += len(values) {
			part := values[:min(len(values), n-i)]
			given.Elem.DecodeF64(part, given.Data, i*given.Elem.Bits())
			out.Elem.EncodeF64(out.Data, i*out.Elem.Bits(), part)
		}
		return nil
	}
	given, err := given.Tensor(out.Elem)
	if err != nil {
		return err
	}
	copy(out.Data, given.Data)
	return nil
}

// bytesText is a number of bytes for people.
func bytesText(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d bytes", max(n, 0))
}

// sizesText lists the sizes of a launch.
func sizesText(fn *ir.Func, sizes []int64) string {
	list := make([]string, len(sizes))
	for i, n := range sizes {
		list[i] = fmt.Sprintf("%s = %d", fn.Sizes[i].Name, n)
	}
	return strings.Join(list, ", ")
}

// view is an array as the interpreter takes it; they share memory.
func view(a *array.Array) *interp.Tensor {
	return &interp.Tensor{Elem: a.Elem, Shape: a.Shape, Data: a.Data}
}

func extents(fn *ir.Func, p *ir.Param, sizes []int64) ([]int64, error) {
	shape := make([]int64, len(p.Type.Dims))
	for i, d := range p.Type.Dims {
		n, ok := d.Eval(sizes)
		if !ok || n < 0 {
			return nil, fmt.Errorf("output %s: its dimension %d is negative, overflows or divides by zero for %s", p.Name, i+1, sizesText(fn, sizes))
		}
		shape[i] = n
	}
	return shape, nil
}
