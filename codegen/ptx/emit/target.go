// Package emit compiles functions of the tile IR to PTX.
//
// In goes a function of the value stage; out comes the text of a module with a kernel for each phase, and the manifest by
// which a launcher calls them. The function is placed first (passes.Place): every tile gets a register layout, and
// what has to move between threads is an operation. Then each operation becomes the code of one thread: a tile is a
// register for each slot of its layout. It always holds that the text is one that codegen/ptx/syntax takes, and that it computes
// what ir/interp computes, but for the order of sums and the last bits of functions.
//
// Absence: elements of a tile past the live length of a span are unspecified in registers, and known to be absent by
// coordinate alone ([emitter.live]): loads and stores leave them out, and what crosses an axis puts its neutral value
// in their place. Shared memory holds zeros for them.
package emit

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/passes"
)

// Target compiles for NVIDIA processors.
type Target struct {
	SM ptx.Target
}

// Name is the processor's name: sm_80.
func (t Target) Name() string { return t.SM.String() }

// Compile compiles a function. The error is a [*codegen.Unsupported] for what the target cannot do, or a
// [*passes.Misfit] for a schedule that does not fit it.
func (t Target) Compile(ctx context.Context, fn *ir.Func, o codegen.Options) (*codegen.Artefact, error) {
	began := time.Now()
	a := &codegen.Artefact{Manifest: codegen.Manifest{Kernel: fn.Name, Target: t.Name()}}
	step := func(name string) {
		now := time.Now()
		a.Report.Steps = append(a.Report.Steps, codegen.Step{Name: name, Nanos: now.Sub(began).Nanoseconds()})
		began = now
	}
	for _, b := range fn.Binds {
		a.Manifest.Binds = append(a.Manifest.Binds, b.Name+"="+b.Value)
	}
	placed, notes, err := t.placed(fn)
	if err != nil {
		return nil, err
	}
	for _, o := range placed.Body.Ops {
		if o.Code == ir.Parallel && explicit(o) {
			if err := passes.CheckChannels(placed); err != nil {
				return nil, err
			}
			break
		}
	}
	step("place")
	if o.Verify {
		if err := verify(placed); err != nil {
			return nil, fmt.Errorf("%s placed for %s: %w", fn.Name, t.Name(), err)
		}
		step("verify")
	}
	kernels, open, err := t.kernels(placed, &a.Manifest)
	if err != nil {
		return nil, err
	}
	step("emit")
	if err := t.registers(fn, kernels, &a.Manifest); err != nil {
		return nil, err
	}
	step("registers")
	a.Report.Plans = slices.Concat(notes, passes.Promises(placed), plans(placed), open)
	text, places := asm.Module(t.SM, t.version(kernels), kernels)
	a.Code = []byte(text)
	step("text")
	if o.Text {
		a.Stages = []codegen.Stage{
			codegen.IRStage("ir", fn, o.Places),
			codegen.IRStage("placed", placed, o.Places),
			{Name: "ptx", Ext: ".ptx", Text: text, Places: places},
		}
	}
	return a, ctx.Err()
}

// verify checks a placed function.
func verify(fn *ir.Func) error {
	if err := ir.Verify(fn); err != nil {
		return err
	}
	return passes.CheckChannels(fn)
}

// Placed is a function of the value stage as it is placed for the target. The function is not changed. The error is a
// [*passes.Misfit] for a schedule that does not fit.
func (t Target) Placed(fn *ir.Func) (*ir.Func, error) {
	placed, _, err := t.placed(fn)
	return placed, err
}

// placed is Placed; the notes say how the schedule's words were obeyed.
func (t Target) placed(fn *ir.Func) (placed *ir.Func, notes []string, err error) {
	placed, notes, err = prepared(fn, true)
	if err != nil {
		return placed, nil, err
	}
	return placed, notes, passes.Place(placed, passes.Machine{Target: t.Name(), Shared: int64(t.SM.Shared())})
}

// Derived is what placing finds for a function of the value stage, which is not changed. Blocks are in the text's order: the
// schedule's words for that are none of the kernel's text. The error is that of [Target.Placed].
func (t Target) Derived(fn *ir.Func) (*passes.Derived, error) {
	placed, _, err := prepared(fn, false)
	if err != nil {
		return nil, err
	}
	return passes.Derive(placed, passes.Machine{Target: t.Name(), Shared: int64(t.SM.Shared())})
}

// prepared is a copy of a function after the passes of the value stage that come before it is placed.
func prepared(fn *ir.Func, order bool) (placed *ir.Func, notes []string, err error) {
	placed = fn.Clone()
	passes.Ahead(placed)
	passes.HoistLoads(placed)
	passes.LICM(placed)
	if order {
		if notes, err = passes.Order(placed); err != nil {
			return placed, nil, err
		}
	}
	passes.Edges(placed)
	passes.Fold(placed)
	passes.CSE(placed)
	passes.LICM(placed) // the bounds of parted loops
	passes.CSE(placed)
	passes.DCE(placed)
	return placed, notes, nil
}

// version is the lowest version of PTX that has what the kernels use.
func (t Target) version(kernels []*asm.Kernel) ptx.Version {
	v := t.SM.Since("ret")
	seen := map[string]bool{}
	for _, k := range kernels {
		for _, in := range k.Code() {
			if in.Op != "" && !seen[in.Op] {
				seen[in.Op] = true
				v = max(v, t.SM.Since(in.Op))
			}
		}
	}
	return v
}

// kernels emits the phases of a placed function; the notes say what is not proven of them.
func (t Target) kernels(fn *ir.Func, m *codegen.Manifest) (list []*asm.Kernel, notes []string, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case *codegen.Unsupported:
			err = r
		case *passes.Misfit:
			err = r
		case *asm.Disorder:
			err = fmt.Errorf("the compiler emitted wrong code: %w", r)
		default:
			panic(r)
		}
	}()
	host := hostProgram(fn)
	m.Host = host.Text(ir.WithLoc)
	for _, o := range fn.Body.Ops {
		if o.Code != ir.Parallel {
			continue
		}
		e := newEmitter(t, fn, o, m)
		e.phase(len(list))
		list, notes = append(list, e.kernel), append(notes, e.notes...)
	}
	return list, notes, nil
}

// hostProgram is the function with empty phases.
func hostProgram(fn *ir.Func) *ir.Func {
	host := fn.Clone()
	for _, o := range host.Body.Ops {
		if o.Code == ir.Parallel {
			r := o.Regions[0]
			r.Ops = r.Ops[len(r.Ops)-1:]
		}
	}
	return host
}

// fail ends the compilation: the target cannot do something.
func (e *emitter) fail(format string, args ...any) {
	panic(&codegen.Unsupported{Target: e.target.Name(), What: fmt.Sprintf(format, args...), Pos: e.b.Pos})
}
