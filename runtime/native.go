package runtime

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	goruntime "runtime"
	"unsafe"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/interp"
	"github.com/tilec/tilec/runtime/array"
	"github.com/tilec/tilec/runtime/cpu"
)

// native is the device that runs machine code on this machine's cores.
type native struct {
	level  string
	memory *cpu.Pool
	team   *cpu.Team
}

func openCPU(level string) *native {
	memory := &cpu.Pool{Free: FreeMemory}
	// Launches hold on to the pool as long as they have memory of it: it may outlive the device.
	goruntime.SetFinalizer(memory, (*cpu.Pool).Close)
	return &native{level: level, memory: memory, team: cpu.NewTeam(memory)}
}

func (d *native) Name() string   { return "cpu:" + d.level }
func (d *native) Target() string { return "cpu" }
func (d *native) Level() string  { return d.level }
func (d *native) About() string  { return cores() }

func (d *native) Limits() Limits {
	return Limits{Workers: goruntime.GOMAXPROCS(0), Memory: FreeMemory()}
}

// Close ends the threads. The memory of launches that still exist goes with them, not with the device.
func (d *native) Close() error {
	d.team.Close()
	return nil
}

func (d *native) Load(fn *ir.Func, a *codegen.Artefact) (*Kernel, error) {
	if a == nil {
		return nil, fmt.Errorf("kernel %s: device %s runs artefacts, and there is none", fn.Name, d.Name())
	}
	if a.Manifest.Kernel != fn.Name {
		return nil, fmt.Errorf("the artefact is of kernel %s, not of %s", a.Manifest.Kernel, fn.Name)
	}
	k, err := cpu.LoadKernel(a)
	if err != nil {
		return nil, err
	}
	layouts := make([]string, len(fn.Params))
	for _, s := range a.Manifest.Slots {
		if s.Kind == codegen.TensorSlot && s.Index < len(layouts) {
			layouts[s.Index] = s.Layout
		}
	}
	return &Kernel{fn: fn, device: d, layouts: layouts, engine: &compiled{fn, k, d.team, prints(fn, &a.Manifest)}}, nil
}

func (d *native) Upload(a *array.Array, layout string) (*Buffer, error) {
	return Pack(a, layout)
}

// compiled is a loaded artefact as a kernel's engine.
type compiled struct {
	fn     *ir.Func
	kernel *cpu.Kernel
	team   *cpu.Team
	prints [][]ir.Type // the types of the values of each print statement
}

// prints finds the types of what print statements print: a manifest that was stored lacks them.
func prints(fn *ir.Func, m *codegen.Manifest) [][]ir.Type {
	types := make([][]ir.Type, len(m.Prints))
	for i, p := range m.Prints {
		types[i] = p.Types
	}
	if fn.Body == nil {
		return types
	}
	fn.Walk(func(o *ir.Op) {
		if o.Code != ir.Print {
			return
		}
		for i, p := range m.Prints {
			if types[i] == nil && p.Pos == o.Pos && p.Text == o.Str("text") {
				for _, v := range o.Operands {
					types[i] = append(types[i], v.Type)
				}
			}
		}
	})
	return types
}

// bind checks the arguments, once for all runs.
func (c *compiled) bind(b *binding) (runner, error) {
	sizes, args, layouts := b.sizes, b.args, b.layouts
	found, err := interp.Bind(c.fn, args)
	if err != nil {
		return nil, err
	}
	if err := agree(c.fn, sizes, found); err != nil {
		return nil, err
	}
	values := make([]cpu.Value, len(args))
	for i, p := range c.fn.Params {
		if p.Type.Kind == ir.Scalar {
			values[i].Bits = scalarBits(p.Type.Elem, args[i])
			continue
		}
		t := args[i].Tensor
		data := t.Data
		if layouts[i] == "" && misaligned(data, t.Elem) {
			if p.Role != ir.In {
				return nil, &interp.Fault{Kind: interp.BadArgs, Pos: p.Pos,
					Message: fmt.Sprintf("the argument of %s, which is written, does not begin at a multiple of the size of its elements, %s", p.Name, t.Elem)}
			}
			data = append(make([]byte, 0, len(data)), data...)
		}
		values[i] = cpu.Value{Data: data, Strides: t.Strides}
		if t.Strides == nil {
			values[i].Strides = denseStrides(t.Shape)
		}
	}
	l, err := c.kernel.Bind(c.team, sizes, values)
	if err != nil {
		return nil, &interp.Fault{Kind: interp.Limit, Pos: c.fn.Pos, Message: err.Error(), Err: err}
	}
	return &compiledRun{c, l, sizes, args}, nil
}

// agree refuses sizes that are not those which the arguments have.
func agree(fn *ir.Func, sizes, found []int64) error {
	for i, n := range found {
		if sizes[i] != n {
			return &interp.Fault{Kind: interp.BadArgs, Pos: fn.Pos,
				Message: fmt.Sprintf("the dimension %s is given as %d, and is %d in the arguments", fn.Sizes[i].Name, sizes[i], n)}
		}
	}
	return nil
}

// misaligned reports whether memory does not begin where elements of a type may.
func misaligned(data []byte, t dtype.Type) bool {
	return len(data) > 0 && uintptr(unsafe.Pointer(unsafe.SliceData(data)))%uintptr(max(1, t.Bits()/8)) != 0
}

// denseStrides are the strides of a row-major tensor without gaps.
func denseStrides(shape []int64) []int64 {
	strides := make([]int64, len(shape))
	n := int64(1)
	for i := len(shape) - 1; i >= 0; i-- {
		strides[i] = n
		n *= max(shape[i], 1)
	}
	return strides
}

// scalarBits is a scalar as a context has it: integers extended, floats up to 32 bits as an f32.
func scalarBits(t dtype.Type, a interp.Arg) uint64 {
	switch {
	case t == dtype.F64:
		return math.Float64bits(a.Float)
	case t.IsFloat():
		return uint64(math.Float32bits(float32(t.Round64(a.Float))))
	}
	return uint64(t.IntOfInt(dtype.I64, a.Int, dtype.Wrap))
}

// compiledRun is a launch of machine code.
type compiledRun struct {
	engine *compiled
	launch *cpu.Launch
	sizes  []int64
	args   []interp.Arg
}

func (r *compiledRun) close() { r.launch.Close() }

func (r *compiledRun) run(ctx context.Context, o Options) error {
	if o.Multiplies != nil {
		if n, ok := Multiplies(r.engine.fn, r.sizes, r.args); ok {
			o.Multiplies.Add(n)
		}
	}
	options := cpu.Run{Workers: o.Workers, Fixed: o.Fixed, Progress: o.Progress}
	if o.Print != nil && len(r.engine.prints) > 0 {
		options.Print = func(p cpu.Printed) error { return r.engine.print(o.Print, p) }
	}
	err := r.launch.Run(ctx, options)
	if err == nil {
		return nil
	}
	return r.engine.fault(ctx, err)
}

// print writes what a print statement printed.
func (c *compiled) print(to io.Writer, p cpu.Printed) error {
	return writePrint(to, c.kernel.Manifest().Prints[p.Print], c.prints[p.Print], p)
}

// writePrint writes what a print statement printed of values of some types.
func writePrint(to io.Writer, statement codegen.Print, types []ir.Type, p cpu.Printed) error {
	values := make([]interp.PrintValue, len(p.Values))
	for i, v := range p.Values {
		values[i] = interp.PrintValue{Elem: dtype.I64, Dims: v.Lengths, Data: v.Data}
		if i < len(types) {
			values[i].Elem, values[i].Span = types[i].Elem, types[i].Kind == ir.Span
		}
	}
	if _, err := io.WriteString(to, interp.PrintText(statement.Text, values)); err != nil {
		return &interp.Fault{Kind: interp.Limit, Pos: statement.Pos, Message: "cannot print: " + err.Error(), Err: err}
	}
	return nil
}

// fault is the end of a launch as the interpreter tells it.
func (c *compiled) fault(ctx context.Context, err error) error {
	var own *cpu.Fault
	var told *interp.Fault
	switch {
	case errors.As(err, &told):
		return told
	case errors.As(err, &own):
		return &interp.Fault{Kind: kindOf(own.Kind), Pos: own.Pos, Message: own.Text}
	case ctx != nil && ctx.Err() != nil && errors.Is(err, context.Cause(ctx)):
		return &interp.Fault{Kind: interp.Cancelled, Pos: c.fn.Pos, Message: "the run was cancelled: " + err.Error(), Err: err}
	case errors.Is(err, cpu.ErrDamaged):
		return &interp.Fault{Kind: interp.Internal, Pos: c.fn.Pos, Message: err.Error(), Err: err}
	}
	return &interp.Fault{Kind: interp.Limit, Pos: c.fn.Pos, Message: err.Error(), Err: err}
}

// kindOf is a fault's kind by the name that a manifest has for it.
func kindOf(name string) interp.Kind {
	for k := interp.Internal; k <= interp.Cancelled; k++ {
		if k.String() == name {
			return k
		}
	}
	return interp.Limit // grids and print buffers that are too large
}
