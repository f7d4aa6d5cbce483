// Package runtime launches compiled kernels on arrays in memory.
//
// In go a function of the tile IR, what a target made of it, and arrays for its inputs; out come arrays for its outputs.
// It always holds that arguments are checked against the function's shapes, types and launch contracts before anything
// runs, and that inputs are not changed. A [Device] runs kernels: the interpreter, which also checks what a kernel does
// while it runs, this machine's cores, a GPU, or the emulator of one. Package jit compiles functions for a device.
package runtime

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tilec/tilec/codegen/ptx/emu"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/interp"
	"github.com/tilec/tilec/runtime/array"
)

// Arg is an argument of a launch: Tensor or Buffer for a tensor, Int for a scalar of integers or bool, Float for one of
// floats.
type Arg struct {
	Tensor *array.Array
	Buffer *Buffer
	Int    int64
	Float  float64
}

// Kernel is a function ready to be launched on a device, any number of times and from several goroutines.
type Kernel struct {
	fn      *ir.Func
	device  Device
	layouts []string // of each parameter, nil where all are dense
	engine  engine
}

// engine is how a device runs a kernel.
type engine interface {
	bind(b *binding) (runner, error)
}

// binding is what a kernel is bound to: arguments for all parameters, in the layouts that the kernel has, the buffers
// that they came in, nil where they are arrays, and the bytes of this machine's memory that may be taken besides.
type binding struct {
	sizes   []int64
	args    []interp.Arg
	buffers []*Buffer
	layouts []string
	limit   int64
}

// runner is a bound kernel.
type runner interface {
	run(ctx context.Context, o Options) error
	close()
}

// Options of a launch.
type Options struct {
	Print    io.Writer                             // where print statements write, nil for nowhere
	Progress func(phase string, done, total int64) // told now and then how many blocks are done
	Workers  int                                   // blocks run at once, 0 for one a core
	// Fixed gives each of the workers the same blocks in every launch.
	Fixed bool
	// Multiplies, if set, is added the multiply-adds of all contractions; nothing where only running the kernel could
	// tell and the device does not count.
	Multiplies *atomic.Int64
	// Emulated, if set, is told what each phase's kernel did, on a device that is emulated.
	Emulated func(r *emu.Report)
	// Took, if set, is told the time of each phase's kernel, on a device that measures it: a GPU. What a launch takes
	// besides, such as to bring arrays there and back, is not in it.
	Took func(phase string, d time.Duration)
}

// New prepares a function for the interpreter. It fails only where the function is not valid: the error is a
// [*interp.Fault] of kind Internal.
func New(fn *ir.Func) (*Kernel, error) { return interpreter{}.Load(fn, nil) }

// Func is the function that a launch runs.
func (k *Kernel) Func() *ir.Func { return k.fn }

// Device is where the kernel runs.
func (k *Kernel) Device() Device { return k.device }

// Layout is the layout in which the kernel takes a parameter, "" for the dense one. An input in another layout is brought
// into it each time that it is bound; [Device.Upload] does it once for all.
func (k *Kernel) Layout(param int) string {
	if k.layouts == nil {
		return ""
	}
	return k.layouts[param]
}

// Launch runs the kernel. Args are its inputs and inouts in the order of its parameters; the result has its inouts and
// outputs in that order, as new arrays. Sizes are the values of the function's sizes.
func (k *Kernel) Launch(ctx context.Context, sizes []int64, args []Arg, o Options) ([]*array.Array, error) {
	l, outs, err := k.prepare(sizes, args)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	if err := l.Run(ctx, o); err != nil {
		return nil, err
	}
	return outs, nil
}

// Prepare makes the output arrays of a launch and gives a function that runs it, any number of times; an inout goes on
// from what the run before left.
func (k *Kernel) Prepare(sizes []int64, args []Arg) (run func(context.Context, Options) error, outs []*array.Array, err error) {
	l, outs, err := k.prepare(sizes, args)
	if err != nil {
		return nil, nil, err
	}
	return l.Run, outs, nil
}

// Bound is a kernel bound to its arguments, which it reads and writes in place. It can run any number of times.
type Bound struct{ runner runner }

// Run runs the kernel. The error is a [*interp.Fault], whatever the device.
func (b *Bound) Run(ctx context.Context, o Options) error { return b.runner.run(ctx, o) }

// Close frees what the launch took besides its arguments, sooner than Go would. It may not run again.
func (b *Bound) Close() { b.runner.close() }

// Bind binds the kernel to arguments for all its parameters, inputs and outputs, which are used where they are. Inputs may
// share memory with each other; what is written may share it with nothing.
func (k *Kernel) Bind(sizes []int64, args []Arg) (*Bound, error) {
	if err := k.sized(sizes); err != nil {
		return nil, err
	}
	if len(args) != len(k.fn.Params) {
		return nil, fmt.Errorf("kernel %s: %d arguments for %d parameters", k.fn.Name, len(args), len(k.fn.Params))
	}
	list, buffers := make([]interp.Arg, len(args)), make([]*Buffer, len(args))
	for i, p := range k.fn.Params {
		if p.Type.Kind == ir.Scalar {
			list[i] = interp.Arg{Int: args[i].Int, Float: args[i].Float}
			continue
		}
		t, err := k.tensor(i, args[i])
		if err != nil {
			return nil, err
		}
		list[i].Tensor, buffers[i] = t, args[i].Buffer
	}
	r, err := k.engine.bind(&binding{sizes, list, buffers, k.layouts, FreeMemory()})
	if err != nil {
		return nil, err
	}
	return &Bound{r}, nil
}

func (k *Kernel) sized(sizes []int64) error {
	if len(sizes) != len(k.fn.Sizes) {
		return fmt.Errorf("kernel %s has %d sizes, not %d", k.fn.Name, len(k.fn.Sizes), len(sizes))
	}
	return nil
}

// tensor is an argument for a parameter in the layout that the kernel takes.
func (k *Kernel) tensor(param int, a Arg) (*interp.Tensor, error) {
	p, layout := k.fn.Params[param], k.Layout(param)
	b := a.Buffer
	if b == nil {
		if a.Tensor == nil {
			return nil, fmt.Errorf("kernel %s: the argument for %s is not a tensor", k.fn.Name, p.Name)
		}
		if layout == "" {
			return view(a.Tensor), nil
		}
		if a.Tensor.Elem != p.Type.Elem || len(a.Tensor.Shape) != len(p.Type.Dims) {
			return view(a.Tensor), nil // to be refused
		}
		var err error
		if b, err = k.device.Upload(a.Tensor, layout); err != nil {
			return nil, fmt.Errorf("kernel %s: the argument for %s: %w", k.fn.Name, p.Name, err)
		}
	}
	if d, ok := k.device.(*gpu); b.remote != nil && (!ok || !b.on(d)) {
		if p.Role != ir.In {
			return nil, fmt.Errorf("kernel %s runs on %s, and its argument for %s is on %s", k.fn.Name, k.device.Name(), p.Name, b.remote.device.Name())
		}
		a, err := b.Array()
		if err != nil {
			return nil, fmt.Errorf("kernel %s: the argument for %s: %w", k.fn.Name, p.Name, err)
		}
		return k.tensor(param, Arg{Tensor: a})
	}
	if b.Layout != layout {
		if p.Role != ir.In || layout == "" && p.Type.Mem != ir.Packed {
			return nil, fmt.Errorf("kernel %s takes %s %s, and its argument is %s", k.fn.Name, p.Name, layoutText(layout), layoutText(b.Layout))
		}
		a, err := b.Dense()
		if err != nil {
			return nil, fmt.Errorf("kernel %s: the argument for %s: %w", k.fn.Name, p.Name, err)
		}
		return k.tensor(param, Arg{Tensor: a})
	}
	return &interp.Tensor{Elem: b.Elem, Shape: b.Shape, Data: b.data}, nil
}

func layoutText(layout string) string {
	if layout == "" {
		return "dense"
	}
	return "in layout " + layout
}

// prepare is Prepare, with the launch itself.
func (k *Kernel) prepare(sizes []int64, args []Arg) (*Bound, []*array.Array, error) {
	if err := k.sized(sizes); err != nil {
		return nil, nil, err
	}
	list, buffers := make([]interp.Arg, len(k.fn.Params)), make([]*Buffer, len(k.fn.Params))
	var outs []*array.Array
	next := 0
	free, need := FreeMemory(), int64(0)
	for i, p := range k.fn.Params {
		var given *interp.Tensor
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
			var err error
			if b := arg.Buffer; b != nil && b.remote != nil && p.Role != ir.In {
				if arg.Tensor, err = b.Array(); err != nil {
					return nil, nil, fmt.Errorf("inout %s: %w", p.Name, err)
				}
				arg.Buffer = nil
			}
			if given, err = k.tensor(i, arg); err != nil {
				return nil, nil, err
			}
			if p.Role == ir.In {
				list[i].Tensor, buffers[i] = given, arg.Buffer
			}
		}
		if p.Role == ir.In {
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
		out := &array.Array{Elem: p.Type.Elem, Shape: shape, Data: array.Bytes(int(size))}
		list[i].Tensor = view(out)
		if given != nil {
			if err := fill(out, &array.Array{Elem: given.Elem, Shape: given.Shape, Data: given.Data}); err != nil {
				return nil, nil, fmt.Errorf("inout %s: %w", p.Name, err)
			}
		} else {
			interp.Poison(list[i].Tensor) // so that what is never written is easy to see
		}
		outs = append(outs, out)
	}
	if next != len(args) {
		return nil, nil, fmt.Errorf("kernel %s: %d arguments for %d inputs", k.fn.Name, len(args), next)
	}
	r, err := k.engine.bind(&binding{sizes, list, buffers, k.layouts, free - need})
	if err != nil {
		return nil, nil, err
	}
	return &Bound{r}, outs, nil
}

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
