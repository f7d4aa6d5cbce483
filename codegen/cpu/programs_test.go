package cpu_test

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/suite"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/kernels"
	"github.com/tilec/tilec/runtime"
)

var (
	everyProgram = flag.Bool("programs", false, "run the tests of all packages on every level, not the language's own on the best one")
	rounds       = flag.Int("rounds", 0, "rounds of drawn sizes and tile sizes")
)

// TestPrograms runs the tests of the language and the programs that once went wrong, and with -programs those of the bundled kernels and of the examples too.
func TestPrograms(t *testing.T) {
	c, list := target(t)
	patterns := []string{"../../tests/spec/*", "../../tests/fixedbugs"}
	if *everyProgram {
		patterns = append(patterns, "../../kernels/*", "../../examples")
	} else {
		list = list[len(list)-1:]
	}
	var dirs []string
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range found {
			if info, err := os.Stat(dir); err == nil && info.IsDir() && !slices.Contains([]string{"errors", "faults", "explicit"}, filepath.Base(dir)) {
				dirs = append(dirs, dir)
			}
		}
	}
	for _, d := range list {
		o := suite.Options{Fuzz: *rounds, Seed: 1, Load: func(ctx context.Context, fn *ir.Func) (*runtime.Kernel, error) { return load(ctx, c, d, fn) }}
		for _, dir := range dirs {
			t.Run(fmt.Sprint(d.Name(), "/", filepath.Base(dir)), func(t *testing.T) {
				prog, diags := check.Load(check.Config{Bundled: kernels.FS}, dir)
				if diags.HasErrors() {
					t.Fatal(diags.Err())
				}
				ran := 0
				err := suite.Run(t.Context(), prog, o, func(r *suite.Result) {
					ran++
					if r.Failed() {
						t.Errorf("%s %s: %v %v", r.Name, r.Case, r.Err, r.Diags.Err())
					}
				})
				if err != nil {
					t.Fatal(err)
				}
				if ran == 0 {
					t.Error("no test ran")
				}
			})
		}
	}
}
