package runtime

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	goruntime "runtime"
	"slices"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/interp"
	"github.com/tilec/tilec/runtime/cpu"
	"github.com/tilec/tilec/runtime/cuda"
)

// hosted is a loaded artefact of a GPU target as a kernel's engine: the function without its phases runs in the
// interpreter, and has the phases' kernels launched.
type hosted struct {
	device   Device
	fn       *ir.Func
	code     code
	manifest *codegen.Manifest
	host     *ir.Func
	program  *interp.Program
	prints   [][]ir.Type
	phases   map[*ir.Op]*codegen.Phase // by their parallel operation in the host program
	touched  map[*ir.Value]bool        // the tensors that the host program itself reads or writes
}

// code is an artefact's kernels on a device.
type code interface {
	// entry checks that there is the kernel of a phase, and that it can be launched.
	entry(p *codegen.Phase) error
	// machine is where a launch with these arguments runs, any number of times.
	machine(fn *ir.Func, b *binding) (machine, error)
}

// machine is a device's memory during one launch, and what runs there. It is for one goroutine at a time.
type machine interface {
	// begin begins a run.
	begin(ctx context.Context, o Options) error
	// memoryLimit bounds what the host program may take in bytes.
	memoryLimit() int64
	// tensor is the memory of argument i, with its values where the kernel reads them.
	tensor(i int, p *ir.Param) (memory, error)
	// temp is the memory of a temp: zeros where it says so, else nothing has written it; host asks for what the host program sees of it.
	temp(o *ir.Op, bytes int, host bool) (memory, error)
	// block is memory of the launch's own, whose first bytes are as given and the others zero.
	block(name string, first []byte, bytes int) (memory, error)
	// resident is how many blocks of a phase the device holds at a time.
	resident(p *codegen.Phase) (int64, error)
	// launch runs a kernel to its end. What was wrong in it, though it ended, is found.
	launch(l *kernelLaunch) (found, err error)
	// close frees the memory.
	close()
}

// memory is an allocation on a machine.
type memory interface {
	// host is what the host program sees, nil where it was not asked for.
	host() []byte
	// pull brings the first bytes of the device's memory to the host, all for -1; push brings the host's to the device.
	pull(n int) error
	push() error
	// result copies the memory to an argument's.
	result(to []byte) error
}

// kernelLaunch is one launch of a phase's kernel: in args are memories, and scalars as u32 or u64.
type kernelLaunch struct {
	op     *ir.Op
	phase  *codegen.Phase
	blocks int64
	args   []any
}

// load makes a kernel of an artefact; open gives its code to the device.
func load(d Device, fn *ir.Func, a *codegen.Artefact, open func(text string) (code, error)) (*Kernel, error) {
	if a == nil {
		return nil, fmt.Errorf("kernel %s: device %s runs artefacts, and there is none", fn.Name, d.Name())
	}
	m := &a.Manifest
	if m.Kernel != fn.Name {
		return nil, fmt.Errorf("the artefact is of kernel %s, not of %s", m.Kernel, fn.Name)
	}
	if m.Target != d.Target() {
		return nil, fmt.Errorf("kernel %s is for target %s, not for %s", m.Kernel, m.Target, d.Target())
	}
	damaged := func(err error) (*Kernel, error) {
		return nil, &interp.Fault{Kind: interp.Internal, Pos: fn.Pos, Message: fmt.Sprintf("kernel %s for %s: %v", m.Kernel, m.Target, err), Err: err}
	}
	c, err := open(string(a.Code))
	if err != nil {
		return damaged(fmt.Errorf("its PTX: %w", err))
	}
	host, err := ir.ParseFunc(m.Kernel+" (host)", []byte(m.Host))
	if err != nil {
		return damaged(fmt.Errorf("its host program: %w", err))
	}
	program, err := interp.Compile(host)
	if err != nil {
		return damaged(fmt.Errorf("its host program: %w", err))
	}
	e := &hosted{device: d, fn: fn, code: c, manifest: m, host: host, program: program, prints: prints(fn, m), phases: map[*ir.Op]*codegen.Phase{}, touched: touched(host)}
	if err := e.link(); err != nil {
		return damaged(err)
	}
	return &Kernel{fn: fn, device: d, engine: e}, nil
}

// touched finds the tensors that a host program itself reads or writes.
func touched(host *ir.Func) map[*ir.Value]bool {
	set := map[*ir.Value]bool{}
	host.Walk(func(o *ir.Op) {
		for _, v := range o.Operands {
			if v.Type.Kind == ir.Tensor {
				set[v] = true
			}
		}
	})
	return set
}

// link finds the kernel of each parallel operation, and checks that its parameters are ones that there are.
func (e *hosted) link() error {
	next := 0
	for _, o := range e.host.Body.Ops {
		if o.Code != ir.Parallel {
			continue
		}
		if next == len(e.manifest.Phases) {
			return fmt.Errorf("its manifest has %d phases, and its host program more", next)
		}
		p := &e.manifest.Phases[next]
		next++
		e.phases[o] = p
		if err := e.code.entry(p); err != nil {
			return err
		}
		for i, s := range p.Params {
			if !e.known(o, s) {
				return fmt.Errorf("parameter %d of kernel %s is %s %d.%d, which there is not", i+1, p.Entry, s.Kind, s.Index, s.Dim)
			}
		}
	}
	if next != len(e.manifest.Phases) {
		return fmt.Errorf("its manifest has %d phases, and its host program %d", len(e.manifest.Phases), next)
	}
	return nil
}

// known reports whether a slot of a phase is one that a launch can fill.
func (e *hosted) known(phase *ir.Op, s codegen.Slot) bool {
	in := func(i, n int) bool { return i >= 0 && i < n }
	switch s.Kind {
	case codegen.SizeSlot:
		return in(s.Index, len(e.host.Sizes))
	case codegen.TensorSlot:
		return in(s.Index, len(e.host.Params)) && e.host.Params[s.Index].Type.Kind == ir.Tensor
	case codegen.StrideSlot:
		return in(s.Index, len(e.host.Params)) && e.host.Params[s.Index].Type.Kind == ir.Tensor && in(s.Dim, len(e.host.Params[s.Index].Type.Dims))
	case codegen.ScalarSlot:
		return in(s.Index, len(e.host.Params)) && e.host.Params[s.Index].Type.Kind == ir.Scalar
	case codegen.TempSlot:
		return in(s.Index, len(e.host.Body.Ops)) && e.host.Body.Ops[s.Index].Code == ir.Temp
	case codegen.HostSlot:
		ops := e.host.Body.Ops
		return in(s.Index, len(ops)) && in(s.Dim, len(ops[s.Index].Results)) && ops[s.Index].Results[s.Dim].Type.Kind == ir.Scalar &&
			s.Index < slices.Index(ops, phase)
	case codegen.CountSlot:
		return in(s.Index, len(phase.Operands)/2)
	case codegen.FaultSlot, codegen.PrintSlot:
		return true
	}
	return false
}

func (e *hosted) bind(b *binding) (runner, error) {
	found, err := interp.Bind(e.fn, b.args)
	if err != nil {
		return nil, err
	}
	if err := agree(e.fn, b.sizes, found); err != nil {
		return nil, err
	}
	m, err := e.code.machine(e.fn, b)
	if err != nil {
		return nil, err
	}
	r := &hostedRun{e, b, m}
	goruntime.AddCleanup(r, machine.close, m)
	return r, nil
}

// hostedRun is a bound launch.
type hostedRun struct {
	engine  *hosted
	binding *binding
	machine machine
}

func (r *hostedRun) close() { r.machine.close() }

// run brings the arguments to the machine, and back what is written.
func (r *hostedRun) run(ctx context.Context, o Options) error {
	defer goruntime.KeepAlive(r)
	e, b := r.engine, r.binding
	if o.Multiplies != nil {
		if n, ok := Multiplies(e.fn, b.sizes, b.args); ok {
			o.Multiplies.Add(n)
		}
	}
	if ctx == nil {
		ctx = context.Background()
	}
	h := &host{engine: e, ctx: ctx, options: o, machine: r.machine, memories: map[*ir.Value]memory{}}
	if err := r.machine.begin(ctx, o); err != nil {
		return faultOf(err, e.fn.Pos, "")
	}
	own := *b
	own.args = slices.Clone(b.args)
	h.b = &own
	for i, p := range e.host.Params {
		t := own.args[i].Tensor
		if t == nil {
			continue
		}
		m, err := r.machine.tensor(i, p)
		if err != nil {
			return faultOf(err, p.Pos, p.Name+": ")
		}
		h.memories[e.tensor(i)] = m
		seen := *t
		seen.Data = m.host()
		own.args[i].Tensor = &seen
	}
	err := e.program.Run(own.args, interp.Options{Context: ctx, Workers: 1, Print: o.Print, MaxMemory: r.machine.memoryLimit(), Device: h})
	for i, p := range e.host.Params {
		if t := b.args[i].Tensor; t != nil && p.Role != ir.In {
			// After an error of the run there may be nothing to bring back.
			if back := h.memories[e.tensor(i)].result(t.Data); err == nil && back != nil {
				return faultOf(back, p.Pos, p.Name+": ")
			}
		}
	}
	return err
}

// tensor is a parameter's value in the host program.
func (e *hosted) tensor(param int) *ir.Value { return e.host.Body.Args[len(e.host.Sizes)+param] }

// kindOfError is a machine's error as the kind of a fault.
func kindOfError(err error) interp.Kind {
	var much *tooMuch
	if errors.As(err, &much) {
		return interp.Limit
	}
	var refused *cuda.Error
	if errors.As(err, &refused) {
		return gpuKind(refused.Code)
	}
	return interp.Internal
}

// faultOf is an error of a machine as a fault.
func faultOf(err error, pos ir.Pos, what string) error {
	var f *interp.Fault
	if errors.As(err, &f) {
		return err
	}
	return &interp.Fault{Kind: kindOfError(err), Pos: pos, Message: what + err.Error(), Err: err}
}

// host launches the phases of one run.
type host struct {
	engine   *hosted
	ctx      context.Context
	options  Options
	b        *binding // its tensors are what the host program sees
	machine  machine
	memories map[*ir.Value]memory // of tensors and temps
}

// Temp is an interp.Device's.
func (h *host) Temp(o *ir.Op, bytes int) ([]byte, error) {
	m, err := h.machine.temp(o, bytes, h.engine.touched[o.Result()])
	if err != nil {
		return nil, err
	}
	h.memories[o.Result()] = m
	return m.host(), nil
}

// Resident is an interp.Device's.
func (h *host) Resident(o *ir.Op) (int64, error) {
	ops := h.engine.host.Body.Ops
	for _, q := range ops[slices.Index(ops, o):] {
		if p := h.engine.phases[q]; p != nil {
			n, err := h.machine.resident(p)
			if err != nil {
				return 0, faultOf(err, q.Pos, "")
			}
			return n, nil
		}
	}
	return 1, nil
}

// Reads is an interp.Device's.
func (h *host) Reads(tensor *ir.Value) error { return h.moved(tensor, h.memories[tensor].pull(-1)) }

// Wrote is an interp.Device's.
func (h *host) Wrote(tensor *ir.Value) error { return h.moved(tensor, h.memories[tensor].push()) }

func (h *host) moved(tensor *ir.Value, err error) error {
	if err == nil {
		return nil
	}
	return faultOf(err, h.engine.fn.Pos, tensor.Name+": ")
}

// maxGrid is the most blocks of a launch (CUDA C++ Programming Guide, "Technical Specifications per Compute Capability").
const maxGrid = math.MaxInt32

// printHead are the first bytes of a print buffer without records.
var printHead = binary.LittleEndian.AppendUint64(nil, 8)

// Launch is an interp.Device's: it launches a phase's kernel.
func (h *host) Launch(g *interp.Grid) error {
	e, o := h.engine, g.Op
	p := e.phases[o]
	if g.Blocks > maxGrid {
		return &interp.Fault{Kind: interp.Limit, Pos: o.Pos,
			Message: fmt.Sprintf("the grid of %v blocks is too large: a launch on %s has at most %d", g.Counts, e.device.Target(), maxGrid)}
	}
	if h.ctx.Err() != nil {
		return cancelled(h.ctx, o)
	}
	l := &kernelLaunch{op: o, phase: p, blocks: g.Blocks}
	var failed, printed memory
	for _, s := range p.Params {
		var arg any
		var err error
		switch s.Kind {
		case codegen.FaultSlot:
			failed, err = h.machine.block("the fault's number", nil, 4)
			arg = failed
		case codegen.PrintSlot:
			printed, err = h.machine.block("the print buffer", printHead, codegen.PrintBytes)
			arg = printed
		default:
			arg = h.argument(g, s)
		}
		if err != nil {
			return faultOf(err, o.Pos, "")
		}
		l.args = append(l.args, arg)
	}
	found, err := h.machine.launch(l)
	if err != nil {
		return faultOf(err, o.Pos, "")
	}
	if printed != nil {
		if err := h.print(o, printed); err != nil {
			return faultOf(err, o.Pos, "")
		}
	}
	if failed != nil {
		if err := failed.pull(-1); err != nil {
			return faultOf(err, o.Pos, "")
		}
		if n := binary.LittleEndian.Uint32(failed.host()); n > 0 {
			return h.asserted(o, n)
		}
	}
	if found != nil {
		return found
	}
	if h.options.Progress != nil {
		h.options.Progress(p.Name, g.Blocks, g.Blocks)
	}
	return nil
}

// cancelled is the fault of a run whose context is done.
func cancelled(ctx context.Context, o *ir.Op) error {
	cause := context.Cause(ctx)
	return &interp.Fault{Kind: interp.Cancelled, Pos: o.Pos, Message: "the run was cancelled: " + cause.Error(), Err: cause}
}

// argument is the value of a parameter of a phase's kernel.
func (h *host) argument(g *interp.Grid, s codegen.Slot) any {
	host := h.engine.host
	switch s.Kind {
	case codegen.SizeSlot:
		return h.b.sizes[s.Index]
	case codegen.TensorSlot:
		return h.memories[host.Body.Args[len(host.Sizes)+s.Index]]
	case codegen.StrideSlot:
		t := h.b.args[s.Index].Tensor
		if t.Strides == nil {
			return denseStrides(t.Shape)[s.Dim]
		}
		return t.Strides[s.Dim]
	case codegen.ScalarSlot:
		return elementArg(host.Params[s.Index].Type.Elem, h.b.args[s.Index])
	case codegen.TempSlot:
		return h.memories[host.Body.Ops[s.Index].Result()]
	case codegen.HostSlot:
		v := host.Body.Ops[s.Index].Results[s.Dim]
		return elementArg(v.Type.Elem, g.Scalar(v))
	case codegen.CountSlot:
		return uint32(g.Counts[s.Index])
	}
	return nil // link refuses all others
}

// elementArg is a scalar as a kernel's parameter: a u32 or u64, integers extended and smaller floats as their codes.
func elementArg(t dtype.Type, a interp.Arg) any {
	code := uint64(a.Int)
	switch {
	case t.IsFloat():
		x := t.Round64(a.Float)
		overflow := t.Overflow()
		if math.IsInf(x, 0) {
			overflow = dtype.ToInf
		}
		code = t.Encode(x, dtype.NearestEven, overflow)
	case t != dtype.Bool:
		code = uint64(t.IntOfInt(dtype.I64, a.Int, dtype.Wrap))
	}
	if t.Bits() > 32 {
		return code
	}
	return uint32(code)
}

// print writes what a phase printed.
func (h *host) print(o *ir.Op, buffer memory) error {
	if h.options.Print == nil {
		return nil
	}
	if err := buffer.pull(len(printHead)); err != nil {
		return err
	}
	if used := binary.LittleEndian.Uint64(buffer.host()); used <= codegen.PrintBytes {
		if err := buffer.pull(int(used)); err != nil {
			return err
		}
	}
	m := h.engine.manifest
	err := cpu.ReadPrints(buffer.host(), len(m.Prints), func(p cpu.Printed) error {
		return writePrint(h.options.Print, m.Prints[p.Print], h.engine.prints[p.Print], p)
	})
	if errors.Is(err, cpu.ErrDamaged) {
		return &interp.Fault{Kind: interp.Internal, Pos: o.Pos, Message: err.Error(), Err: err}
	}
	return err
}

// asserted is the fault that a kernel has named.
func (h *host) asserted(o *ir.Op, n uint32) error {
	list := h.engine.manifest.Faults
	if int64(n) > int64(len(list)) {
		return &interp.Fault{Kind: interp.Internal, Pos: o.Pos, Message: fmt.Sprintf("the kernel ended with fault %d, and its manifest has %d", n, len(list))}
	}
	f := list[n-1]
	return &interp.Fault{Kind: kindOf(f.Kind), Pos: f.Pos, Message: f.Text}
}
