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

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/ptx/emu"
	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/diag/expect"
	"github.com/tilec/tilec/dsl/eval"
	"github.com/tilec/tilec/dsl/suite"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/interp"
	"github.com/tilec/tilec/kernels"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/jit"
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

// runAll runs all tests of a program, each of which must run and hold something, and gives what they print.
func runAll(t *testing.T, prog *check.Program, o suite.Options) (printed string) {
	t.Helper()
	held := map[*check.Test]int{}
	err := suite.Run(context.Background(), prog, o, func(r *suite.Result) {
		held[r.Test] += r.Expects
		printed += r.Printed
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
	return printed
}

// TestEmulated runs every package as sm_80's code on the emulator, under all its checks.
func TestEmulated(t *testing.T) {
	device, err := runtime.Emulator("sm_80", emu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	load80 := func(ctx context.Context, fn *ir.Func) (*runtime.Kernel, error) {
		return new(jit.Compiler).Kernel(ctx, device, fn, codegen.Options{Verify: true})
	}
	for _, dir := range folders(t) {
		t.Run(dir, func(t *testing.T) {
			runAll(t, load(t, dir), suite.Options{Target: "sm_80", Load: load80})
		})
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
	got := runAll(t, load(t, "print"), suite.Options{Print: true})
	want, err := os.ReadFile("print/want.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("printed:\n%s\nwant:\n%s", got, want)
	}
}

// printed runs the tests of a text and gives the lines that they print and the cases that ran.
func printed(t *testing.T, src string, o suite.Options) (out []string, cases []string) {
	t.Helper()
	prog, list := check.LoadText(map[string]string{"k.tile": src})
	for _, d := range append(list, prog.Check()...) {
		t.Fatal(d.Error())
	}
	o.Print = true
	err := suite.Run(context.Background(), prog, o, func(r *suite.Result) {
		if r.Failed() {
			t.Errorf("%s: %v %v", r.Name, r.Err, r.Diags.Err())
		}
		out = append(out, strings.Split(strings.TrimSuffix(r.Printed, "\n"), "\n")...)
		if r.Skipped == "" {
			cases = append(cases, r.Case)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return out, cases
}

const copyKernel = `package p

kernel copy(x f32[N]) (y f32[N]) { parallel n in N by BN { y[n] = x[n] } }

schedule copy { default { BN = 8 } }
`

// TestEdges holds edges to its sizes: 0, 1, t-1, t, t+1, 2t+1 and a prime for each argument, not their product.
func TestEdges(t *testing.T) {
	out, _ := printed(t, copyKernel+`
test copy "one" { for N in edges(BN) { print(N); expect N == N } }

test copy "two" { for M, N in edges(5, BN) { print(M); expect M == M } }
`, suite.Options{})
	count := map[string]int{}
	for _, s := range out {
		count[s]++
	}
	for _, want := range []string{"0", "1", "7", "8", "9", "17", "4", "5", "6", "11"} {
		if count[want] == 0 {
			t.Errorf("no size %s among %v", want, out)
		}
	}
	one, _ := printed(t, copyKernel+`
test copy "one" { for N in edges(BN) { print(N); expect N == N } }
`, suite.Options{})
	if len(one) != 7 {
		t.Errorf("edges of one tile size gives %v, not 7 sizes", one)
	}
	both, _ := printed(t, copyKernel+`
test copy "both" { for M, N in edges(5, BN) { print(M * 100 + N); expect N == N } }
`, suite.Options{})
	if len(both) < 7 || len(both) > 20 {
		t.Errorf("edges of two tile sizes gives %d pairs: a covering set has from 7 to 20, the product 49", len(both))
	}
}

// TestSeeds holds data to be the same in every run, and others for another seed.
func TestSeeds(t *testing.T) {
	src := copyKernel + `
test copy "data" {
    x, y := randn(f32, 5), randn(f32, 5)
    print(x, y, randint(i32, 0, 1000000, 3), uniform(f32, 0, 1, 2), randperm(i32, 100, 4), randcode(u7, 3))
    expect any(x != y)
}
`
	first, _ := printed(t, src, suite.Options{})
	again, _ := printed(t, src, suite.Options{})
	other, _ := printed(t, src, suite.Options{Seed: 1})
	if len(first) != 1 || first[0] != again[0] {
		t.Errorf("two runs with one seed differ: %v, %v", first, again)
	}
	if first[0] == other[0] {
		t.Errorf("two seeds give the same data: %v", first)
	}
}

// TestAlternatives holds the cases of free generics to a covering set: each alternative, both ends of a range and a
// middle, all types that check for `type`, and not the product.
func TestAlternatives(t *testing.T) {
	_, cases := printed(t, `package p

kernel k[T: f16 | f32 | i32, W: 1..8, B: bool, act: none | relu](x f32[N]) (y f32[N], z i64[N]) {
    parallel n in N by 4 {
        y[n] = act(x[n])
        z[n] = W + bitsof(T) + select(B, 1, 0)
    }
}

test k "all" {
    x := ones(f32, 3)
    y, z := k[T, W, B, act](x)
    expect y == 1
    expect z == W + bitsof(T) + select(B, 1, 0)
}
`, suite.Options{})
	for _, want := range []string{"T = f16", "T = f32", "T = i32", "W = 1", "W = 8", "B = false", "B = true", "act = none", "act = relu"} {
		if !strings.Contains(strings.Join(cases, ";")+";", want) {
			t.Errorf("no case with %s among %q", want, cases)
		}
	}
	if !regexp.MustCompile(`W = [2-7]`).MatchString(strings.Join(cases, ";")) {
		t.Errorf("no case with a middle of W among %q", cases)
	}
	if len(cases) > 18 {
		t.Errorf("%d cases: a covering set of 3 × 3 × 2 × 2 has fewer than half as many", len(cases))
	}
	_, types := printed(t, `package p

kernel any_[T: type](x T[N]) (y f32[N]) {
    require N % 8 == 0
    parallel n in N by 8 { y[n] = x[n] as f32 }
}

kernel sums[T: type](x T[N]) (y T[N]) { parallel n in N by 8 { y[n] = x[n] + x[n] } }

test any_ "types" {
    x := randcode(T, 16)
    expect any_(x) == x as f64
}

test sums "with arithmetic" {
    x := randint(T, 0, 5, 16)
    expect sums(x) == 2 * x
}
`, suite.Options{})
	want := []string{"u1", "u3", "u4", "i4", "i8", "bp2", "f4e2m1", "f6e3m2", "f8e4m3", "f16", "f32", "i8", "f16", "f32"}
	for i := range want {
		want[i] = "T = " + want[i]
	}
	if got := strings.Join(types, "; "); got != strings.Join(want, "; ") {
		t.Errorf("types are %s, want %s", got, strings.Join(want, "; "))
	}
}
