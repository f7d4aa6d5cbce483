// Package compile turns a checked kernel into the IR that targets take.
//
// In goes a variant of a kernel; out comes its function in the value stage after all passes, with the time each step
// took. It always holds that the function verifies: a failure in here is a fault of tilec, located in the source.
package compile

import (
	"fmt"
	"time"

	"github.com/tilec/tilec/dsl/lower"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/passes"
)

// Options of a compilation. The zero value is what users get.
type Options struct {
	// Verify checks the IR after every pass, not only at the end.
	Verify bool
	// Float64 makes the function compute in float64 (see passes.Float64).
	Float64 bool
	// Raw stops after lowering, before any pass.
	Raw bool
}

// Step is a part of a compilation and how long it took.
type Step struct {
	Name string
	Time time.Duration
}

// Fault is a failure of tilec to compile a kernel that was checked.
type Fault struct {
	Kernel string
	Err    error
}

func (f *Fault) Error() string {
	return fmt.Sprintf("kernel %s cannot be compiled: %v", f.Kernel, f.Err)
}

// Unwrap is the cause.
func (f *Fault) Unwrap() error { return f.Err }

// Func lowers a kernel and runs the passes. The error is a [*Fault].
func Func(k *typed.Kernel, o Options) (*ir.Func, []Step, error) {
	fn, steps, err := run(k, o)
	if err != nil {
		return nil, nil, &Fault{k.Name, err}
	}
	return fn, steps, nil
}

func run(k *typed.Kernel, o Options) (*ir.Func, []Step, error) {
	var steps []Step
	began := time.Now()
	done := func(name string) {
		now := time.Now()
		steps = append(steps, Step{name, now.Sub(began)})
		began = now
	}
	fn, err := lower.Lower(k)
	if err != nil {
		return nil, nil, err
	}
	done("lower")
	if o.Float64 {
		passes.Float64(fn)
		done("float64")
	}
	if !o.Raw {
		if err := passes.Run(fn, passes.Options{VerifyEach: o.Verify}); err != nil {
			return nil, nil, err
		}
		done("passes")
	}
	if err := ir.Verify(fn); err != nil {
		return nil, nil, fmt.Errorf("what it became is not valid: %w", err)
	}
	done("verify")
	return fn, steps, nil
}
