package passes_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
	for _, root := range []string{"../kernels", "../tests/spec", "../tests/spec_numbers"} {
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

// errPlaced ends a test once its kernel is placed.
var errPlaced = errors.New("placed")

// TestPrograms places every kernel of every program for sm_80; ir.Verify holds what comes out to the rules of layouts, and what
// those of tests/spec and kernels/gemm compute stays what it is.
func TestPrograms(t *testing.T) {
	functions, misfits, longest, slow, runs := 0, 0, time.Duration(0), "", false
	load := func(_ context.Context, fn *ir.Func) (*rt.Kernel, error) {
		placed := fn.Clone()
		passes.HoistLoads(placed)
		passes.Edges(placed)
		began := time.Now()
		err := passes.Place(placed, passes.Machine{Target: "sm_80"})
		if took := time.Since(began); took > longest {
			longest, slow = took, fn.Name
		}
		functions++
		if err == nil {
			if err := passes.CheckChannels(placed); err != nil {
				t.Errorf("%s: %v\n%s", fn.Name, err, placed)
			}
		}
		if !runs && err == nil {
			if err := ir.Verify(placed); err != nil {
				t.Errorf("%s: %v\n%s\n%s", fn.Name, err, fn, placed)
			}
			return nil, errPlaced
		}
		var misfit *passes.Misfit
		if errors.As(err, &misfit) {
			misfits++
			t.Logf("%s: %v", fn.Name, err)
			return rt.New(fn)
		} else if err != nil {
			t.Errorf("%s: %v", fn.Name, err)
		} else if err := ir.Verify(placed); err != nil {
			t.Errorf("%s: %v\n%s\n%s", fn.Name, err, fn, placed)
		}
		for _, o := range placed.Body.Ops {
			if o.Code != ir.Parallel && o.Code != ir.Require && o.AllEffects()&(ir.Writes|ir.IO|ir.Asserts) != 0 {
				t.Errorf("%s stands at the top\n%s", o, placed)
			}
		}
		return rt.New(placed)
	}
	for _, dir := range suites(t) {
		prog, list := check.Load(check.Config{Bundled: kernels.FS}, dir)
		if list.HasErrors() {
			t.Fatal(list)
		}
		runs = strings.Contains(dir, "spec") || strings.HasSuffix(dir, "gemm")
		err := suite.Run(t.Context(), prog, suite.Options{Target: "sm_80", Load: load}, func(r *suite.Result) {
			if runs && r.Failed() {
				t.Errorf("%s: %s [%s]: %v %v", dir, r.Name, r.Case, r.Err, r.Diags)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d functions, %d misfits; the longest took %v: %s", functions, misfits, longest, slow)
}
