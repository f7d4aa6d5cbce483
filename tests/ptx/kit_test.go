// Package ptx holds the PTX of all bundled kernels to NVIDIA's assembler, and the emulator's checks to what happens when
// something that keeps threads in step is left out.
package ptx

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/emit"
	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/dsl/suite"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/kernels"
)

// variant is a kernel with its generics and schedule bound, and the calls that tests make of it.
type variant struct {
	name  string // package.kernel and what is bound
	fn    *ir.Func
	words []typed.Word
	calls []*typed.Call
}

// variants are all variants of bundled kernels that tests call, with the schedules of a target.
func variants(t testing.TB, target string) []*variant {
	t.Helper()
	files, err := filepath.Glob("../../kernels/*/*.tile")
	if err != nil || len(files) == 0 {
		t.Fatalf("no kernels: %v", err)
	}
	prog, list := check.Load(check.Config{Bundled: kernels.FS}, files...)
	if list.HasErrors() {
		t.Fatal(list.Err())
	}
	calls, list := suite.Calls(prog, suite.Options{Target: target})
	if list.HasErrors() {
		t.Fatal(list.Err())
	}
	var all []*variant
	seen := map[string]*variant{}
	lowered := map[*typed.Kernel]*variant{}
	for _, c := range calls {
		if v := lowered[c.Call.Kernel]; v != nil {
			v.calls = append(v.calls, c.Call)
			continue
		}
		fn, _, err := compile.Func(c.Call.Kernel, compile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		text := fn.Text(ir.WithLoc)
		v := seen[text]
		if v == nil {
			name := filepath.Base(filepath.Dir(fn.Pos.File)) + "." + fn.Name
			for _, b := range fn.Binds {
				name += fmt.Sprintf(" %s=%s", b.Name, b.Value)
			}
			v = &variant{name: name, fn: fn, words: c.Call.Kernel.Words}
			seen[text] = v
			all = append(all, v)
		}
		lowered[c.Call.Kernel] = v
		v.calls = append(v.calls, c.Call)
	}
	return all
}

// target is the compiler for a processor.
func target(t testing.TB, name string) emit.Target {
	t.Helper()
	sm, err := ptx.ParseTarget(name)
	if err != nil {
		t.Fatal(err)
	}
	return emit.Target{SM: sm}
}

// build compiles a variant.
func (v *variant) build(t testing.TB, to emit.Target) (a *codegen.Artefact, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return to.Compile(t.Context(), v.fn, codegen.Options{})
}
