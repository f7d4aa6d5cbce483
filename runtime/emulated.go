package runtime

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/emu"
	"github.com/tilec/tilec/codegen/ptx/syntax"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/interp"
	"github.com/tilec/tilec/runtime/array"
	"github.com/tilec/tilec/runtime/cpu"
)

// emulator is the device that executes PTX on this machine's cores, one block after the other.
type emulator struct {
	target  ptx.Target
	options emu.Options
}

// emulated are the processors that kernels are compiled for and the emulator executes.
var emulated = []string{"sm_80"}

// Emulated are the targets that are emulated.
func Emulated() []string { return slices.Clone(emulated) }

// Emulator is the device emu:TARGET, whose machines have some options.
func Emulator(target string, o emu.Options) (Device, error) {
	if !slices.Contains(emulated, target) {
		return nil, fmt.Errorf("there is no device emu:%s: there is emu:%s", target, strings.Join(emulated, ", emu:"))
	}
	t, err := ptx.ParseTarget(target)
	if err != nil {
		return nil, err
	}
	return emulator{t, o}, nil
}

func (d emulator) Name() string   { return "emu:" + d.target.String() }
func (d emulator) Target() string { return d.target.String() }
func (d emulator) Level() string  { return "" }
func (d emulator) About() string  { return "emulated on " + cores() }
func (d emulator) Close() error   { return nil }

func (d emulator) Limits() Limits { return Limits{Workers: 1, Memory: FreeMemory()} }

func (d emulator) Upload(a *array.Array, layout string) (*Buffer, error) {
	if layout != "" {
		return nil, fmt.Errorf("device %s has no layout %s: it takes dense tensors", d.Name(), layout)
	}
	return share(a)
}

// Load reads the artefact's PTX and the program that launches its kernels.
func (d emulator) Load(fn *ir.Func, a *codegen.Artefact) (*Kernel, error) {
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
	mod, err := syntax.Parse(string(a.Code))
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
	e := &emulation{device: d, fn: fn, module: mod, manifest: m, host: host, program: program, prints: prints(fn, m), phases: map[*ir.Op]*codegen.Phase{}}
	if err := e.link(); err != nil {
		return damaged(err)
	}
	return &Kernel{fn: fn, device: d, engine: e}, nil
}

// emulation is a loaded artefact as a kernel's engine.
type emulation struct {
	device   emulator
	fn       *ir.Func
	module   *syntax.Module
	manifest *codegen.Manifest
	host     *ir.Func
	program  *interp.Program
	prints   [][]ir.Type
	phases   map[*ir.Op]*codegen.Phase // by their parallel operation in the host program
}

// link finds the kernel of each parallel operation, and checks that its parameters are ones that there are.
func (e *emulation) link() error {
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
		f := e.module.Entry(p.Entry)
		if f == nil {
			return fmt.Errorf("its PTX has no kernel %q", p.Entry)
		}
		if len(f.Params) != len(p.Params) {
			return fmt.Errorf("kernel %s has %d parameters, and the manifest %d", p.Entry, len(f.Params), len(p.Params))
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
func (e *emulation) known(phase *ir.Op, s codegen.Slot) bool {
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

func (e *emulation) bind(sizes []int64, args []interp.Arg, _ []string, limit int64) (runner, error) {
	found, err := interp.Bind(e.fn, args)
	if err != nil {
		return nil, err
	}
	if err := agree(e.fn, sizes, found); err != nil {
		return nil, err
	}
	need := int64(0)
	for _, a := range args {
		if a.Tensor != nil {
			need += 2 * int64(len(a.Tensor.Data)) // the copy, and what is known of its bytes
		}
	}
	limit = max(limit, leastMemory)
	if need > limit {
		return nil, &interp.Fault{Kind: interp.Limit, Pos: e.fn.Pos,
			Message: fmt.Sprintf("the emulator needs %s for copies of the arguments, and %s are free", bytesText(need), bytesText(limit))}
	}
	return &emulatedRun{e, sizes, args, limit - need}, nil
}

// emulatedRun is a launch on the emulator.
type emulatedRun struct {
	engine *emulation
	sizes  []int64
	args   []interp.Arg
	limit  int64
}

func (r *emulatedRun) close() {}

// run copies the arguments into the memory of a machine of its own, and what is written back.
func (r *emulatedRun) run(ctx context.Context, o Options) error {
	e := r.engine
	if o.Multiplies != nil {
		if n, ok := Multiplies(e.fn, r.sizes, r.args); ok {
			o.Multiplies.Add(n)
		}
	}
	if ctx == nil {
		ctx = context.Background()
	}
	machine := emu.New(e.device.options)
	h := &emulatedHost{engine: e, ctx: ctx, options: o, sizes: r.sizes, machine: machine, buffers: map[*ir.Value]*emu.Buffer{}}
	var err error
	if h.program, err = machine.Load(e.module); err != nil {
		return h.fault(interp.Internal, e.fn.Pos, err.Error(), err)
	}
	args := slices.Clone(r.args)
	for i, p := range e.host.Params {
		t := args[i].Tensor
		if t == nil {
			continue
		}
		var b *emu.Buffer
		if p.Role == ir.Out {
			b, err = machine.Alloc(p.Name, len(t.Data))
		} else {
			b, err = machine.Upload(p.Name, t.Data)
		}
		if err != nil {
			return h.fault(interp.Limit, p.Pos, p.Name+": "+err.Error(), err)
		}
		h.buffers[e.host.Body.Args[len(e.host.Sizes)+i]] = b
		own := *t
		own.Data = b.Bytes
		args[i].Tensor = &own
	}
	h.args = args
	err = e.program.Run(args, interp.Options{Context: ctx, Workers: 1, Print: o.Print, MaxMemory: r.limit, Device: h})
	for i, p := range e.host.Params {
		if t := r.args[i].Tensor; t != nil && p.Role != ir.In {
			copy(t.Data, args[i].Tensor.Data)
		}
	}
	return err
}

// emulatedHost launches the phases of one run.
type emulatedHost struct {
	engine  *emulation
	ctx     context.Context
	options Options
	sizes   []int64
	args    []interp.Arg // in the machine's memory
	machine *emu.Machine
	program *emu.Program
	buffers map[*ir.Value]*emu.Buffer // of tensors and temps
}

func (h *emulatedHost) fault(kind interp.Kind, pos ir.Pos, text string, err error) error {
	return &interp.Fault{Kind: kind, Pos: pos, Message: text, Err: err}
}

// Temp is an interp.Device's.
func (h *emulatedHost) Temp(o *ir.Op, bytes int) ([]byte, error) {
	b, err := h.machine.Alloc(o.Result().Name, bytes)
	if err != nil {
		return nil, err
	}
	h.buffers[o.Result()] = b
	return b.Bytes, nil
}

// Wrote is an interp.Device's.
func (h *emulatedHost) Wrote(tensor *ir.Value) { h.buffers[tensor].Written() }

// maxGrid is the most blocks of a launch (CUDA C++ Programming Guide, "Technical Specifications per Compute Capability").
const maxGrid = math.MaxInt32

// Launch is an interp.Device's: it launches a phase's kernel.
func (h *emulatedHost) Launch(g *interp.Grid) error {
	e, o := h.engine, g.Op
	p := e.phases[o]
	if g.Blocks > maxGrid {
		return h.fault(interp.Limit, o.Pos, fmt.Sprintf("the grid of %v blocks is too large: a launch on %s has at most %d", g.Counts, e.device.target, maxGrid), nil)
	}
	l := emu.Launch{Kernel: p.Entry, Grid: [3]int{int(g.Blocks), 1, 1}, Block: [3]int{p.Threads, 1, 1}, Shared: int(p.Shared), InOrder: p.Ordered}
	var failed, printed *emu.Buffer
	for _, s := range p.Params {
		var arg any
		var err error
		switch s.Kind {
		case codegen.FaultSlot:
			failed, err = h.machine.Zeros("the fault's number", 4)
			arg = failed
		case codegen.PrintSlot:
			if printed, err = h.machine.Zeros("the print buffer", codegen.PrintBytes); err == nil {
				binary.LittleEndian.PutUint64(printed.Bytes, 8)
			}
			arg = printed
		default:
			arg = h.argument(g, s)
		}
		if err != nil {
			return h.fault(interp.Limit, o.Pos, err.Error(), err)
		}
		l.Args = append(l.Args, arg)
	}
	told := time.Now()
	l.Progress = func(done int) bool {
		if now := time.Now(); h.options.Progress != nil && now.Sub(told) > 100*time.Millisecond {
			told = now
			h.options.Progress(p.Name, int64(done), g.Blocks)
		}
		return h.ctx.Err() == nil
	}
	report, err := h.program.Launch(l)
	switch {
	case errors.Is(err, emu.ErrEnded):
		cause := context.Cause(h.ctx)
		return h.fault(interp.Cancelled, o.Pos, "the run was cancelled: "+cause.Error(), cause)
	case err != nil:
		return h.fault(interp.Internal, o.Pos, err.Error(), err)
	}
	if h.options.Emulated != nil {
		h.options.Emulated(report)
	}
	if printed != nil {
		if err := h.print(o, printed.Bytes); err != nil {
			return err
		}
	}
	if failed != nil {
		if n := binary.LittleEndian.Uint32(failed.Bytes); n > 0 {
			return h.asserted(o, n)
		}
	}
	if len(report.Findings) > 0 {
		return h.finding(o, report.Findings[0])
	}
	if h.options.Progress != nil {
		h.options.Progress(p.Name, g.Blocks, g.Blocks)
	}
	return nil
}

// argument is the value of a parameter of a phase's kernel.
func (h *emulatedHost) argument(g *interp.Grid, s codegen.Slot) any {
	host := h.engine.host
	switch s.Kind {
	case codegen.SizeSlot:
		return h.sizes[s.Index]
	case codegen.TensorSlot:
		return h.buffers[host.Body.Args[len(host.Sizes)+s.Index]]
	case codegen.StrideSlot:
		t := h.args[s.Index].Tensor
		if t.Strides == nil {
			return denseStrides(t.Shape)[s.Dim]
		}
		return t.Strides[s.Dim]
	case codegen.ScalarSlot:
		return elementArg(host.Params[s.Index].Type.Elem, h.args[s.Index])
	case codegen.TempSlot:
		return h.buffers[host.Body.Ops[s.Index].Result()]
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
func (h *emulatedHost) print(o *ir.Op, buffer []byte) error {
	if h.options.Print == nil {
		return nil
	}
	m := h.engine.manifest
	err := cpu.ReadPrints(buffer, len(m.Prints), func(p cpu.Printed) error {
		return writePrint(h.options.Print, m.Prints[p.Print], h.engine.prints[p.Print], p)
	})
	if errors.Is(err, cpu.ErrDamaged) {
		return h.fault(interp.Internal, o.Pos, err.Error(), err)
	}
	return err
}

// asserted is the fault that a kernel has named.
func (h *emulatedHost) asserted(o *ir.Op, n uint32) error {
	list := h.engine.manifest.Faults
	if int64(n) > int64(len(list)) {
		return h.fault(interp.Internal, o.Pos, fmt.Sprintf("the kernel ended with fault %d, and its manifest has %d", n, len(list)), nil)
	}
	f := list[n-1]
	return h.fault(kindOf(f.Kind), f.Pos, f.Text, nil)
}

// finding is what the emulator found, as a fault. What no program in the language can do is a failure of the compiler.
func (h *emulatedHost) finding(o *ir.Op, f *emu.Finding) error {
	pos := o.Pos
	if f.Loc.Line > 0 {
		pos = ir.Pos{File: f.File, Line: f.Loc.Line, Col: f.Loc.Col}
	}
	kind := interp.Internal
	switch f.Kind {
	case emu.OutOfBounds:
		kind = interp.Bounds
	case emu.Uninitialised:
		kind = interp.Uninitialised
	case emu.Race:
		kind = interp.Race
	case emu.TooLong:
		kind = interp.Limit
	}
	return h.fault(kind, pos, f.Message(), nil)
}
