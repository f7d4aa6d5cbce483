package passes_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/suite"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/kernels"
	"github.com/tilec/tilec/passes"
	rt "github.com/tilec/tilec/runtime"
)

// suites are the folders of programs whose tests pass.
func suites(t *testing.T) []string {
	t.Helper()
	var dirs []string
	for _, root := range []string{"../kernels", "../tests/spec"} {
		entries, err := os.ReadDir(root)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if e.IsDir() && e.Name() != "errors" && e.Name() != "faults" {
				dirs = append(dirs, filepath.Join(root, e.Name()))
			}
		}
	}
	return dirs
}

// programs runs the tests of all programs with kernels that load makes, and calls done for each result.
func programs(t *testing.T, target string, load func(ctx context.Context, fn *ir.Func) (*rt.Kernel, error), done func(dir string, r *suite.Result)) {
	t.Helper()
	for _, dir := range suites(t) {
		prog, list := check.Load(check.Config{Bundled: kernels.FS}, dir)
		if list.HasErrors() {
			t.Fatal(list)
		}
		err := suite.Run(t.Context(), prog, suite.Options{Target: target, Load: load}, func(r *suite.Result) { done(dir, r) })
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestPhases runs every program with all that is at the top moved into phases: results stay what they are.
func TestPhases(t *testing.T) {
	load := func(_ context.Context, fn *ir.Func) (*rt.Kernel, error) {
		fn = fn.Clone()
		before := fn.String()
		passes.Phases(fn)
		if err := ir.Verify(fn); err != nil {
			t.Errorf("%s: %v\n%s\n%s", fn.Name, err, before, fn)
		}
		for _, o := range fn.Body.Ops {
			if o.Code != ir.Parallel && o.Code != ir.Require && o.AllEffects()&(ir.Writes|ir.IO|ir.Asserts) != 0 {
				t.Errorf("%s stands at the top\n%s", o, fn)
			}
		}
		return rt.New(fn)
	}
	programs(t, "", load, func(dir string, r *suite.Result) {
		if r.Failed() {
			t.Errorf("%s: %s [%s]: %v %v", dir, r.Name, r.Case, r.Err, r.Diags)
		}
	})
}
