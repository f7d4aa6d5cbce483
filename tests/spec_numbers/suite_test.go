package numbers

import (
	"os"
	"testing"

	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/suite"
)

// TestPackages checks each package here, without warnings, and runs its tests: as they stand, and with drawn tile sizes.
func TestPackages(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	packages := 0
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		packages++
		t.Run(e.Name(), func(t *testing.T) {
			prog, list := check.Load(check.Config{}, e.Name())
			if !list.HasErrors() {
				list = append(list, prog.Check()...)
			}
			for _, d := range list {
				t.Error(d.Error())
			}
			if t.Failed() {
				return
			}
			for _, o := range []suite.Options{{}, {Fuzz: 2, Seed: 3}} {
				runAll(t, prog, o)
			}
		})
	}
	if packages == 0 {
		t.Fatal("no packages")
	}
}

// runAll runs the tests of a program; each must hold something.
func runAll(t *testing.T, prog *check.Program, o suite.Options) {
	t.Helper()
	held := map[string]int{}
	err := suite.Run(t.Context(), prog, o, func(r *suite.Result) {
		held[r.Name] += r.Expects
		for _, d := range r.Diags {
			t.Errorf("%s [%s]: %s", r.Name, r.Case, d.Error())
		}
		if r.Err != nil {
			t.Errorf("%s [%s]: %v", r.Name, r.Case, r.Err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, n := range held {
		if n == 0 {
			t.Errorf("%s expects nothing", name)
		}
	}
}
