package kernels_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"testing/fstest"

	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/suite"
	"github.com/tilec/tilec/kernels"
)

// TestKernels checks every variant of the bundled kernels and runs their tests, as they stand and with a few rounds
// of drawn sizes, types and tile sizes.
func TestKernels(t *testing.T) {
	for _, dir := range families(t) {
		t.Run(dir, func(t *testing.T) {
			run(t, check.Config{Bundled: kernels.FS}, suite.Options{}, dir)
			if !testing.Short() {
				run(t, check.Config{Bundled: kernels.FS}, suite.Options{Fuzz: 3, Seed: 1}, dir)
			}
		})
	}
}

// TestExamples holds the programs of examples/.
func TestExamples(t *testing.T) {
	run(t, check.Config{}, suite.Options{}, "../examples")
}

// TestPage holds the complete programs of docs/language.md: each passes its own tests.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../docs/language.md")
	if err != nil {
		t.Fatal(err)
	}
	programs := regexp.MustCompile("(?s)```tile\n(.*?)```").FindAllSubmatch(page, -1)
	if len(programs) == 0 {
		t.Fatal("the page has no programs")
	}
	fsys := fstest.MapFS{}
	for i, p := range programs {
		dir := fmt.Sprintf("program%d", i)
		fsys[dir+"/k.tile"] = &fstest.MapFile{Data: p[1]}
		t.Run(dir, func(t *testing.T) { run(t, check.Config{FS: fsys}, suite.Options{}, dir) })
	}
}

func families(t *testing.T) []string {
	t.Helper()
	dirs, err := filepath.Glob("*/*.tile")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no kernels: %v", err)
	}
	var list []string
	for _, path := range dirs {
		if dir := filepath.Dir(path); len(list) == 0 || list[len(list)-1] != dir {
			list = append(list, dir)
		}
	}
	return list
}

// run checks a package and runs its tests; each must pass, and hold at least one expectation in some case. Warnings
// count as errors: what is shown to readers has none.
func run(t *testing.T, cfg check.Config, o suite.Options, dir string) {
	t.Helper()
	prog, list := check.Load(cfg, dir)
	if !list.HasErrors() {
		list = append(list, prog.Check()...)
	}
	fail(t, list)
	held := map[string]int{}
	err := suite.Run(t.Context(), prog, o, func(r *suite.Result) {
		held[r.Name] += r.Expects
		if r.Failed() {
			t.Errorf("%s [%s]: %v", r.Name, r.Case, r.Err)
			fail(t, r.Diags)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(held) == 0 {
		t.Errorf("%s has no test", dir)
	}
	for name, n := range held {
		if n == 0 {
			t.Errorf("%s expects nothing", name)
		}
	}
}

func fail(t *testing.T, list diag.List) {
	t.Helper()
	for _, d := range list {
		t.Errorf("%v", d)
	}
	if t.Failed() {
		t.FailNow()
	}
}
