package suite

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/eval"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	rt "github.com/tilec/tilec/runtime"
)

// Timing is what a bench measured of one call of a kernel.
type Timing struct {
	Kernel string // package.kernel
	Bench  string
	Case   string
	Times  []time.Duration // of every run after the first, ascending
	Bytes  int64           // of all tensors, each once
	Flops  int64           // two a multiply-add of the contractions
	// Type is what the contractions multiply: i8 where all factors are integers of at most 8 bits, bf16 where all are
	// values that bf16 has, else f32.
	Type string
}

// Median is the median time.
func (t *Timing) Median() time.Duration { return t.Times[len(t.Times)/2] }

// BenchOptions say how long to measure. Threads is the number of blocks run at once, 0 for one a core.
type BenchOptions struct {
	Options
	Threads int
	// Least is how long a call is repeated at least; it is run at least three times after one that is not counted.
	Least time.Duration
	// Cold evicts the caches before each run.
	Cold bool
}

// Bench runs the bench blocks of a program, one after the other, and calls report for each call of a kernel.
func Bench(ctx context.Context, prog *check.Program, o BenchOptions, report func(*Timing)) (diag.List, error) {
	for _, pkg := range prog.Packages[:prog.Asked] {
		for _, t := range pkg.Tests {
			if !t.Bench || !selected(t, o.Options) {
				continue
			}
			cases, list := t.Cases()
			if list.HasErrors() {
				return list, nil
			}
			for _, c := range cases {
				l := NewLauncher(1, o.Load)
				l.Around = func(launch *Launched) error {
					timing, err := Measure(ctx, launch, o)
					if err == nil {
						timing.Bench, timing.Case = t.Name(), c.String()
						report(timing)
					}
					return err
				}
				runner := &eval.Runner{Seed: mix(o.Seed, Name(t)), Context: ctx, Launch: l.Launch}
				list, err := t.Run(c, check.RunOptions{Target: o.Target}, func(s typed.Stmt) error { return runner.Exec(s) })
				if list.HasErrors() || err != nil {
					return list, err
				}
			}
		}
	}
	return nil, nil
}

// Measure times a launch.
func Measure(ctx context.Context, l *Launched, o BenchOptions) (*Timing, error) {
	var multiplies atomic.Int64
	t := &Timing{Kernel: l.Kernel.Package + "." + l.Kernel.Name, Bytes: l.Bytes, Type: factorType(l.Func)}
	options := rt.Options{Workers: o.Threads, Multiplies: &multiplies}
	if err := l.Once(options); err != nil {
		return nil, err
	}
	t.Flops = 2 * multiplies.Load()
	options.Multiplies = nil
	// A device that measures its kernels leaves out what brings arrays there and back.
	var kernels time.Duration
	options.Took = func(_ string, d time.Duration) { kernels += d }
	var spent time.Duration
	for len(t.Times) < 3 || spent < o.Least && len(t.Times) < 1000 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if o.Cold && !l.Apart {
			evict()
		}
		kernels = 0
		began := time.Now()
		if err := l.Once(options); err != nil {
			return nil, err
		}
		elapsed := max(time.Since(began), 1)
		spent += elapsed
		if kernels > 0 {
			elapsed = kernels
		}
		t.Times = append(t.Times, elapsed)
	}
	slices.Sort(t.Times)
	return t, nil
}

// factorType is the narrowest of i8, bf16 and f32 that holds the factors of all contractions.
func factorType(fn *ir.Func) string {
	whole, short := true, true
	fn.Walk(func(o *ir.Op) {
		if o.Code != ir.Contract {
			return
		}
		for _, v := range o.Operands[:2] {
			e := v.Type.Elem
			integer := e.Class() == dtype.ClassInt
			whole = whole && integer && e.Bits() <= 8
			short = short && (e.Bits() <= 8 || e == dtype.BF16)
		}
	})
	switch {
	case whole:
		return "i8"
	case short:
		return "bf16"
	}
	return "f32"
}

// evictBytes is more than a last-level cache holds.
const evictBytes = 256 << 20

// evict walks over more memory than a cache holds.
func evict() {
	memory := make([]byte, evictBytes)
	for i := 0; i < len(memory); i += 64 {
		memory[i]++
	}
}
