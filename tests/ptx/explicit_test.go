package ptx

import (
	"fmt"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/ptx/emit"
	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/dsl/raise"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
)

// places are what the PTX of two texts may have otherwise: the files and lines that it was made of.
var places = regexp.MustCompile(`(?m)^\s*\.(loc|file) .*\n|[ \t]*//.*$`)

// explicitForm is the explicit form of a variant, and the function that it becomes.
func explicitForm(v *variant, to emit.Target) (text string, fn *ir.Func, err error) {
	d, err := to.Derived(v.fn)
	if err != nil {
		return "", nil, err
	}
	name, _, _ := strings.Cut(v.name, ".")
	text, err = raise.Text(raise.Source{Package: name, Target: to.Name(), Derived: d, Words: v.words})
	if err != nil {
		return text, nil, err
	}
	prog, list := check.LoadText(map[string]string{name + ".tile": text})
	if list.HasErrors() {
		return text, nil, list.Err()
	}
	tree, list := prog.Packages[0].Kernels[0].Instantiate(check.Bindings{Target: to.Name()})
	if list.HasErrors() {
		return text, nil, list.Err()
	}
	fn, _, err = compile.Func(tree, compile.Options{Verify: true})
	return text, fn, err
}

// TestExplicit: the explicit form of every bundled kernel compiles to the very code that the kernel has. One of eight of the variants
// that tests call is tried, all of them where EXPLICIT=all; each kernel's first is.
func TestExplicit(t *testing.T) {
	to := target(t, "sm_80")
	first := map[string]bool{}
	var list []*variant
	for i, v := range variants(t, "sm_80") {
		name, _, _ := strings.Cut(v.name, " ")
		if !first[name] || i%8 == 0 || os.Getenv("EXPLICIT") == "all" {
			first[name] = true
			list = append(list, v)
		}
	}
	errs := make([]error, len(list))
	each(len(list), func(i int) { errs[i] = alike(t, list[i], to) })
	for i, err := range errs {
		if err != nil {
			t.Errorf("%s: %v", list[i].name, err)
		}
	}
	t.Logf("%d variants of %d kernels", len(list), len(first))
}

// alike compares the code of a variant with that of its explicit form.
func alike(t *testing.T, v *variant, to emit.Target) error {
	a, err := v.build(t, to)
	if err != nil {
		return err
	}
	_, fn, err := explicitForm(v, to)
	if slices.ContainsFunc(v.words, func(w typed.Word) bool { return w.Name == "split" }) {
		if _, ok := err.(*raise.Unsaid); !ok || !strings.Contains(err.Error(), "split k = 4 makes it; with split k = 1 it can") {
			return fmt.Errorf("a loop that is split: %v", err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	b, err := to.Compile(t.Context(), fn, codegen.Options{})
	if err != nil {
		return err
	}
	if x, y := places.ReplaceAllString(string(a.Code), ""), places.ReplaceAllString(string(b.Code), ""); x != y {
		return fmt.Errorf("its explicit form compiles to another code: %s", differ(x, y))
	}
	return nil
}

// each does something for each of n numbers, on all cores.
func each(n int, do func(i int)) {
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	wait.Wait()
}

// differ is the first line in which two texts differ.
func differ(x, y string) string {
	a, b := strings.Split(x, "\n"), strings.Split(y, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("line %d of %d and %d: %q, and %q", i+1, len(a), len(b), a[i], b[i])
		}
	}
	return fmt.Sprintf("%d and %d lines", len(a), len(b))
}
