// Package spec holds the language to its page, docs/language.md.
//
// Each folder here is a package of kernels with tests, for a chapter or a decision of the page: what a program can
// observe of a sentence is an expectation that fails if the sentence is false. Three folders are different: in errors
// each file is a package of its own whose wrong lines say which error they are, in faults each test fails, on the line
// that says how, and print holds what is printed to a text.
package spec

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/diag/expect"
	"github.com/tilec/tilec/dsl/eval"
	"github.com/tilec/tilec/dsl/suite"
	"github.com/tilec/tilec/ir/interp"
	"github.com/tilec/tilec/kernels"
)

// rounds is how often each test runs with drawn tile sizes, extents and generics.
var rounds = flag.Int("rounds", 4, "rounds of drawn sizes")

// folders lists the packages whose tests pass.
func folders(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		if e.IsDir() && e.Name() != "errors" && e.Name() != "faults" {
			all = append(all, e.Name())
		}
	}
	if len(all) == 0 {
		t.Fatal("no packages")
	}
	return all
}

// load reads a folder, which has neither errors nor warnings.
func load(t *testing.T, dir string) *check.Program {
	t.Helper()
	prog, list := check.Load(check.Config{Bundled: kernels.FS}, dir)
	if !list.HasErrors() {
		list = append(list, prog.Check()...)
	}
	for _, d := range list {
		t.Error(d.Error())
	}
	if len(list) > 0 {
		t.FailNow()
	}
	return prog
}

// runAll runs all tests of a program, each of which must run and hold something.
func runAll(t *testing.T, prog *check.Program, o suite.Options) {
	t.Helper()
	held := map[*check.Test]int{}
	err := suite.Run(context.Background(), prog, o, func(r *suite.Result) {
		held[r.Test] += r.Expects
		what := r.Name
		if r.Case != "" {
			what += " [" + r.Case + "]"
		}
		for _, d := range r.Diags {
			t.Errorf("%s: %s", what, d.Error())
		}
		if r.Err != nil {
			t.Errorf("%s: %v", what, r.Err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	tests := 0
	for _, test := range prog.Packages[0].Tests {
		if test.Bench {
			continue
		}
		tests++
		if held[test] == 0 && o.Fuzz == 0 && !t.Failed() {
			t.Errorf("%s expects nothing", suite.Name(test))
		}
	}
	if tests == 0 {
		t.Error("no tests")
	}
}

// TestPackages runs every package as its text says, then with tile sizes and extents drawn, which must not matter.
func TestPackages(t *testing.T) {
	for _, dir := range folders(t) {
		t.Run(dir, func(t *testing.T) {
			prog := load(t, dir)
			runAll(t, prog, suite.Options{})
			if !t.Failed() {
				runAll(t, prog, suite.Options{Fuzz: *rounds, Seed: 1})
			}
		})
	}
}

// TestTargets runs the kernels under the schedules of targets: only speed may differ.
func TestTargets(t *testing.T) {
	prog := load(t, "schedules")
	for _, target := range []string{"interp", "cpu", "sm_80", "sm_89", "sm_90a", "sm_120", "gfx942", "gfx950"} {
		t.Run(target, func(t *testing.T) { runAll(t, prog, suite.Options{Target: target}) })
	}
}

// TestErrors checks the texts of errors: each error stands on the line that says so.
func TestErrors(t *testing.T) {
	files, err := filepath.Glob("errors/*.tile")
	if err != nil || len(files) == 0 {
		t.Fatalf("no texts: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".tile"), func(t *testing.T) {
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			prog, list := check.LoadText(map[string]string{filepath.Base(f): string(src)})
			list = append(list, prog.Check()...)
			for _, bad := range expect.Check(src, list) {
				t.Error(bad)
			}
		})
	}
}

// fault is what a line of a text says about the tests that fail on it.
type fault struct {
	kind  string
	match *regexp.Regexp
	met   bool
}

var faultComment = regexp.MustCompile(`// FAULT ([a-z]+): (.*)$`)

// faults reads the comments of a text, by line.
func faults(t *testing.T, src string) map[int]*fault {
	t.Helper()
	all := map[int]*fault{}
	for i, line := range strings.Split(src, "\n") {
		m := faultComment.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		re, err := regexp.Compile(m[2])
		if err != nil {
			t.Fatalf("line %d: %v", i+1, err)
		}
		all[i+1] = &fault{kind: m[1], match: re}
	}
	return all
}

// place gives the line and the kind of what failed a test: a kind of the interpreter, "expect" for an expectation
// that does not hold, "test" for a statement of the test that cannot run, or the code of an error of the text.
func place(r *suite.Result) (line int, kind, text string) {
	for _, d := range r.Diags {
		return d.Span.Start.Line, strings.ToLower(string(d.Code)), d.Message
	}
	var stopped *interp.Fault
	var failure *eval.Failure
	var other *eval.Error
	switch {
	case errors.As(r.Err, &stopped):
		return int(stopped.Pos.Line), stopped.Kind.String(), stopped.Message
	case errors.As(r.Err, &failure):
		return failure.Span.Start.Line, "expect", failure.Error()
	case errors.As(r.Err, &other):
		return other.Span.Start.Line, "test", other.Error()
	}
	return 0, "", fmt.Sprint(r.Err)
}

// TestFaults runs the texts of faults: every test fails, on the line that says how, and every such line has its test.
func TestFaults(t *testing.T) {
	files, err := filepath.Glob("faults/*.tile")
	if err != nil || len(files) == 0 {
		t.Fatalf("no texts: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".tile"), func(t *testing.T) {
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			wants := faults(t, string(src))
			prog, list := check.LoadText(map[string]string{filepath.Base(f): string(src)})
			for _, d := range append(list, prog.Check()...) {
				t.Error(d.Error())
			}
			err = suite.Run(context.Background(), prog, suite.Options{}, func(r *suite.Result) {
				if !r.Failed() {
					t.Errorf("%s passes", r.Name)
					return
				}
				line, kind, text := place(r)
				want := wants[line]
				if want == nil || want.kind != kind || !want.match.MatchString(text) {
					t.Errorf("%s: unexpected: line %d: %s: %s", r.Name, line, kind, text)
					return
				}
				want.met = true
			})
			if err != nil {
				t.Fatal(err)
			}
			for line, want := range wants {
				if !want.met {
					t.Errorf("line %d: no test has the fault %s: %s", line, want.kind, want.match)
				}
			}
		})
	}
}

// TestPrint holds what print writes, axes in order of first appearance.
func TestPrint(t *testing.T) {
	var got strings.Builder
	runAll(t, load(t, "print"), suite.Options{Print: func(test, text string) {
		fmt.Fprintf(&got, "%s: %s", test, text)
	}})
	want, err := os.ReadFile("print/want.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("printed:\n%s\nwant:\n%s", got.String(), want)
	}
}
