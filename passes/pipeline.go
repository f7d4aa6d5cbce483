// Package passes rewrites the tile IR: functions of the value stage go in, equivalent ones come out. A pass may make a
// function faster, smaller or easier to read; it never changes a result, and never makes an error appear that the
// function as written does not have. One file holds a pass; the table in this one shows all of them in order.
package passes

import (
	"fmt"

	"github.com/tilec/tilec/ir"
)

// Pass is one entry of the table.
type Pass struct {
	Name string
	Why  string
	Run  func(fn *ir.Func, opts *Options) error
}

// table is the pipeline. A pass may stand in it more than once, under different names.
var table = []Pass{
	{"specialise", "known sizes and scalars become constants", func(fn *ir.Func, opts *Options) error {
		return specialise(fn, opts.Known)
	}},
	{"fold", "constants are computed, exact identities applied, conditions and loops that are decided vanish", plain(Fold)},
	{"cse", "the same pure operation on the same values is done once", plain(CSE)},
	{"licm", "what does not change in a loop is computed before it", plain(LICM)},
	{"late cse", "what came out of different loops meets", plain(CSE)},
	{"dce", "what nothing needs goes", plain(DCE)},
}

func plain(run func(*ir.Func)) func(*ir.Func, *Options) error {
	return func(fn *ir.Func, _ *Options) error {
		run(fn)
		return nil
	}
}

// order holds why one pass stands before another. A test checks that the table obeys.
var order = []struct{ before, after, because string }{
	{"specialise", "fold", "a known size is a constant to compute with"},
	{"fold", "cse", "expressions that fold to one form are one expression"},
	{"fold", "licm", "an arm that is never taken need not be hoisted from, one that always is can be"},
	{"cse", "licm", "one of several equal operations is hoisted, not each"},
	{"licm", "late cse", "siblings hoisted from different loops stand in one region"},
	{"late cse", "dce", "merged operations leave dead ones behind: spans that only their axes used"},
}

// Table is the list of all passes, in the order they run.
func Table() []Pass { return append([]Pass(nil), table...) }

// Options say how to run the pipeline. The zero value runs it plainly.
type Options struct {
	// Known are sizes and scalars whose values are known; nil: none.
	Known *Known
	// VerifyEach checks the function before the first pass and after each.
	VerifyEach bool
	// Dump, if not nil, sees the function after each pass.
	Dump func(pass string, fn *ir.Func)
}

// Run applies all passes to fn, in place, and numbers it. An error is either a value of opts.Known that does not fit,
// or, with VerifyEach, a fault of the pass it names.
func Run(fn *ir.Func, opts Options) error {
	verify := func(after string) error {
		if !opts.VerifyEach {
			return nil
		}
		if err := ir.Verify(fn); err != nil {
			return fmt.Errorf("after %s: %w", after, err)
		}
		return nil
	}
	if err := verify("lower"); err != nil {
		return err
	}
	for _, p := range table {
		if err := p.Run(fn, &opts); err != nil {
			return err
		}
		if opts.Dump != nil {
			opts.Dump(p.Name, fn)
		}
		if err := verify(p.Name); err != nil {
			return err
		}
	}
	fn.Number()
	return nil
}
