package cpu_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/dsl/eval"
	"github.com/tilec/tilec/dsl/suite"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/kernels"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/array"
)

// launcher compiles the kernels that a test calls and launches them on a device.
type launcher struct {
	target codegen.Target
	device runtime.Device
	ready  map[*typed.Kernel]*runtime.Kernel
}

func (l *launcher) launch(ctx context.Context, k *typed.Kernel, sizes []int64, args []eval.Arg) ([]*array.Array, error) {
	kernel := l.ready[k]
	if kernel == nil {
		fn, _, err := compile.Func(k, compile.Options{Verify: true})
		if err != nil {
			return nil, err
		}
		if kernel, err = load(ctx, l.target, l.device, fn); err != nil {
			return nil, err
		}
		l.ready[k] = kernel
	}
	list := make([]runtime.Arg, len(args))
	for i, a := range args {
		list[i] = runtime.Arg{Tensor: a.Tensor, Int: a.Int, Float: a.Float}
	}
	return kernel.Launch(ctx, sizes, list, runtime.Options{})
}

// runTests runs all tests of a package on a device.
func runTests(t *testing.T, prog *check.Program, c codegen.Target, d runtime.Device) {
	for _, pkg := range prog.Packages[:prog.Asked] {
		for _, test := range pkg.Tests {
			if test.Bench {
				continue
			}
			cases, diags := test.Cases()
			if diags.HasErrors() {
				t.Fatal(diags.Err())
			}
			for _, one := range cases {
				name := suite.Name(test)
				if text := one.String(); text != "" {
					name += " " + text
				}
				t.Run(name, func(t *testing.T) { runCase(t, test, one, c, d) })
			}
		}
	}
}

func runCase(t *testing.T, test *check.Test, one check.Case, c codegen.Target, d runtime.Device) {
	defer func() {
		if r := recover(); r != nil {
			t.Errorf("panic: %v\n%s", r, debug.Stack())
		}
	}()
	l := &launcher{target: c, device: d, ready: map[*typed.Kernel]*runtime.Kernel{}}
	runner := &eval.Runner{Seed: 1, Context: t.Context(), Launch: l.launch}
	diags, err := test.Run(one, check.RunOptions{}, runner.Exec)
	if errors.Is(err, check.ErrNoVariant) {
		t.Skip(err)
	}
	if err != nil || diags.HasErrors() {
		t.Error(err, diags.Err())
	}
}

// TestPrograms runs the tests of the language, of the bundled kernels and of the examples on every level.
func TestPrograms(t *testing.T) {
	c, list := target(t)
	var dirs []string
	for _, pattern := range []string{"../../tests/spec/*", "../../kernels/*", "../../examples"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, dir := range found {
			if info, err := os.Stat(dir); err == nil && info.IsDir() && filepath.Base(dir) != "errors" && filepath.Base(dir) != "faults" {
				dirs = append(dirs, dir)
			}
		}
	}
	for _, d := range list {
		for _, dir := range dirs {
			t.Run(fmt.Sprint(d.Name(), "/", filepath.Base(dir)), func(t *testing.T) {
				prog, diags := check.Load(check.Config{Bundled: kernels.FS}, dir)
				if diags.HasErrors() {
					t.Fatal(diags.Err())
				}
				runTests(t, prog, c, d)
			})
		}
	}
}
