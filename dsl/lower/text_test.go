package lower_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/dsl/eval"
	"github.com/tilec/tilec/dsl/lower"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/array"
)

// TestText lowers the kernels of testdata and runs their tests: k.tile is the text, want the IR of its kernels with
// their default schedules.
func TestText(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if filepath.Base(name) == "trees.txtar" {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			prog, diags := check.Load(check.Config{FS: fstest.MapFS{"k/k.tile": {Data: a.Files[0].Data}}}, "k")
			if diags.HasErrors() {
				t.Fatal(diags.Err())
			}
			got := lowered(t, prog.Packages[0])
			for _, test := range prog.Packages[0].Tests {
				runTest(t, test)
			}
			if *update {
				a.Files[1].Data = []byte(got)
				if err := os.WriteFile(name, txtar.Format(a), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(string(a.Files[1].Data), got); d != "" {
				t.Errorf("IR differs (-want +got):\n%s", d)
			}
		})
	}
}

// lowered is the IR of all kernels of a package.
func lowered(t *testing.T, p *check.Package) string {
	t.Helper()
	var b strings.Builder
	for _, k := range p.Kernels {
		tree, diags := k.Instantiate(check.Bindings{})
		if diags.HasErrors() {
			t.Error(diags.Err())
			continue
		}
		f, err := lower.Lower(tree)
		if err != nil {
			t.Error(err)
			continue
		}
		if err := ir.Verify(f); err != nil {
			t.Errorf("%v\n%s", err, f)
		}
		b.WriteString(f.String())
	}
	return b.String()
}

// runTest runs a test block in all its cases, its kernels both as lowered and after the passes.
func runTest(t *testing.T, test *check.Test) {
	t.Helper()
	cases, diags := test.Cases()
	if diags.HasErrors() {
		t.Error(diags.Err())
	}
	for _, c := range cases {
		for _, raw := range []bool{true, false} {
			r := &eval.Runner{Launch: launcher(compile.Options{Raw: raw, Verify: true})}
			diags, err := test.Run(c, check.RunOptions{}, r.Exec)
			if diags.HasErrors() {
				t.Errorf("%s: %v", test.Name(), diags.Err())
			}
			if err != nil && !errors.Is(err, check.ErrNoVariant) {
				t.Errorf("%s: %s: %v", test.Name(), c, err)
			}
		}
	}
}

// launcher runs kernels on the interpreter.
func launcher(o compile.Options) eval.Launch {
	kernels := map[*typed.Kernel]*runtime.Kernel{}
	return func(ctx context.Context, k *typed.Kernel, sizes []int64, args []eval.Arg) ([]*array.Array, error) {
		prepared, ok := kernels[k]
		if !ok {
			f, _, err := compile.Func(k, o)
			if err != nil {
				return nil, err
			}
			if prepared, err = runtime.New(f); err != nil {
				return nil, err
			}
			kernels[k] = prepared
		}
		list := make([]runtime.Arg, len(args))
		for i, a := range args {
			list[i] = runtime.Arg{Tensor: a.Tensor, Int: a.Int, Float: a.Float}
		}
		return prepared.Launch(ctx, sizes, list, runtime.Options{})
	}
}
