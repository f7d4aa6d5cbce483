package runtime

import (
	"context"
	"fmt"
	goruntime "runtime"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/ptx/inline"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/interp"
	"github.com/tilec/tilec/runtime/array"
)

// interpreter is the device that runs the IR itself, and checks every access on the way.
type interpreter struct{}

func (interpreter) Name() string   { return "interp" }
func (interpreter) Target() string { return "interp" }
func (interpreter) Level() string  { return "" }
func (interpreter) About() string  { return cores() }
func (interpreter) Close() error   { return nil }

func (interpreter) Limits() Limits {
	return Limits{Workers: goruntime.GOMAXPROCS(0), Memory: FreeMemory()}
}

// Load takes no artefact.
func (d interpreter) Load(fn *ir.Func, _ *codegen.Artefact) (*Kernel, error) {
	program, err := interp.Compile(fn)
	if err != nil {
		return nil, &interp.Fault{Kind: interp.Internal, Message: err.Error(), Err: err}
	}
	return &Kernel{fn: fn, device: d, engine: interpreted{program, &inline.Runner{}}}, nil
}

func (interpreter) Upload(a *array.Array, layout string) (*Buffer, error) {
	if layout != "" {
		return nil, fmt.Errorf("the interpreter has no layout %s: it takes dense tensors", layout)
	}
	return share(a)
}

// interpreted is a program as a kernel's engine.
type interpreted struct {
	program      *interp.Program
	instructions *inline.Runner
}

// bind leaves the checks to each run.
func (e interpreted) bind(b *binding) (runner, error) {
	return &interpretedRun{e, b.args, max(b.limit, leastMemory)}, nil
}

// leastMemory is what a run may always take, in bytes, for temps, tiles and the records of who wrote what.
const leastMemory = 64 << 20

type interpretedRun struct {
	engine interpreted
	args   []interp.Arg
	limit  int64
}

func (r *interpretedRun) run(ctx context.Context, o Options) error {
	return r.engine.program.Run(r.args, interp.Options{
		Workers: o.Workers, Context: ctx, Progress: o.Progress, Print: o.Print, Multiplies: o.Multiplies, MaxMemory: r.limit,
		Instructions: r.engine.instructions.Run,
	})
}

func (r *interpretedRun) close() {}
