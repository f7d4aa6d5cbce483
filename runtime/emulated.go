package runtime

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/emu"
	"github.com/tilec/tilec/codegen/ptx/syntax"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/interp"
	"github.com/tilec/tilec/runtime/array"
)

// emulator is the device that executes PTX on this machine's cores, one block after the other.
type emulator struct {
	target  ptx.Target
	options emu.Options
}

// emulated are the processors that kernels are compiled for and the emulator executes.
var emulated = []string{"sm_80", "sm_89", "sm_120"}

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
	return load(d, fn, a, func(text string) (code, error) {
		mod, err := syntax.Parse(text)
		return &emulatedCode{d, mod}, err
	})
}

// emulatedCode is a module that is emulated.
type emulatedCode struct {
	device emulator
	module *syntax.Module
}

func (c *emulatedCode) entry(p *codegen.Phase) error {
	f := c.module.Entry(p.Entry)
	if f == nil {
		return fmt.Errorf("its PTX has no kernel %q", p.Entry)
	}
	if len(f.Params) != len(p.Params) {
		return fmt.Errorf("kernel %s has %d parameters, and the manifest %d", p.Entry, len(f.Params), len(p.Params))
	}
	return nil
}

func (c *emulatedCode) machine(fn *ir.Func, b *binding) (machine, error) {
	need := int64(0)
	for _, a := range b.args {
		if a.Tensor != nil {
			need += 2 * int64(len(a.Tensor.Data)) // the copy, and what is known of its bytes
		}
	}
	limit := max(b.limit, leastMemory)
	if need > limit {
		return nil, &interp.Fault{Kind: interp.Limit, Pos: fn.Pos,
			Message: fmt.Sprintf("the emulator needs %s for copies of the arguments, and %s are free", bytesText(need), bytesText(limit))}
	}
	return &emulatedMachine{code: c, args: b.args, limit: limit - need}, nil
}

// emulatedMachine is a machine of the emulator, a new one for each run.
type emulatedMachine struct {
	code    *emulatedCode
	args    []interp.Arg
	limit   int64
	ctx     context.Context
	options Options
	machine *emu.Machine
	program *emu.Program
}

// emulatedMemory is an allocation there; the host sees the same bytes.
type emulatedMemory struct{ *emu.Buffer }

func (m emulatedMemory) host() []byte   { return m.Bytes }
func (m emulatedMemory) pull(int) error { return nil }

func (m emulatedMemory) push() error {
	m.Written()
	return nil
}

func (m emulatedMemory) result(to []byte) error {
	copy(to, m.Bytes)
	return nil
}

func (m *emulatedMachine) begin(ctx context.Context, o Options) (err error) {
	m.ctx, m.options = ctx, o
	m.machine = emu.New(m.code.device.options)
	m.program, err = m.machine.Load(m.code.module)
	return err
}

func (m *emulatedMachine) memoryLimit() int64 { return m.limit }

func (m *emulatedMachine) close() {}

// memoryOf is what an allocation gave; that it failed is a limit.
func memoryOf(b *emu.Buffer, err error) (memory, error) {
	if err != nil {
		return nil, &tooMuch{err}
	}
	return emulatedMemory{b}, nil
}

// tooMuch is the error of what there is not enough memory for.
type tooMuch struct{ error }

func (m *emulatedMachine) tensor(i int, p *ir.Param) (memory, error) {
	data := m.args[i].Tensor.Data
	if p.Role == ir.Out {
		return memoryOf(m.machine.Alloc(p.Name, len(data)))
	}
	return memoryOf(m.machine.Upload(p.Name, data))
}

func (m *emulatedMachine) temp(o *ir.Op, bytes int, _ bool) (memory, error) {
	if o.Flag("zero") {
		return memoryOf(m.machine.Zeros(o.Result().Name, bytes))
	}
	return memoryOf(m.machine.Alloc(o.Result().Name, bytes))
}

func (m *emulatedMachine) block(name string, first []byte, bytes int) (memory, error) {
	b, err := m.machine.Zeros(name, bytes)
	if err == nil {
		copy(b.Bytes, first)
	}
	return memoryOf(b, err)
}

func (m *emulatedMachine) resident(*codegen.Phase) (int64, error) {
	return int64(m.machine.Resident()), nil
}

func (m *emulatedMachine) launch(k *kernelLaunch) (found, err error) {
	p := k.phase
	l := emu.Launch{Kernel: p.Entry, Grid: [3]int{int(k.blocks), 1, 1}, Block: [3]int{p.Threads, 1, 1}, Shared: int(p.Shared), InOrder: p.Ordered}
	for _, a := range k.args {
		if b, ok := a.(emulatedMemory); ok {
			a = b.Buffer
		}
		l.Args = append(l.Args, a)
	}
	told := time.Now()
	l.Progress = func(done int) bool {
		if now := time.Now(); m.options.Progress != nil && now.Sub(told) > 100*time.Millisecond {
			told = now
			m.options.Progress(p.Name, int64(done), k.blocks)
		}
		return m.ctx.Err() == nil
	}
	report, err := m.program.Launch(l)
	switch {
	case errors.Is(err, emu.ErrEnded):
		return nil, cancelled(m.ctx, k.op)
	case err != nil:
		return nil, err
	}
	if m.options.Emulated != nil {
		m.options.Emulated(report)
	}
	if len(report.Findings) > 0 {
		return emulatorFault(k.op, report.Findings[0]), nil
	}
	return nil, nil
}

// emulatorFault is what the emulator found, as a fault. What no program in the language can do is a failure of the compiler.
func emulatorFault(o *ir.Op, f *emu.Finding) error {
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
	return &interp.Fault{Kind: kind, Pos: pos, Message: f.Message()}
}
