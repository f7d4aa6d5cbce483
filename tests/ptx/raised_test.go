package ptx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/dsl/eval"
	"github.com/tilec/tilec/dsl/raise"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/interp"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/array"
)

// TestRaised: the explicit form of a kernel, read as the .tile text that it is, gives the same results in the interpreter as the kernel
// does, bit for bit, on two launches of each variant of testdata/launches.
func TestRaised(t *testing.T) {
	files, err := filepath.Glob("testdata/launches/*.tile")
	if err != nil || len(files) == 0 {
		t.Fatalf("no launches: %v", err)
	}
	to := target(t, "sm_80")
	ran, unsaid := 0, 0
	for _, f := range files {
		pkg := strings.TrimSuffix(filepath.Base(f), ".tile")
		if pkg == "explicit" {
			continue // is explicit
		}
		texts, own := calling(t, pkg)
		prog, list := check.Load(check.Config{FS: texts}, own)
		if list.HasErrors() {
			t.Fatal(list.Err())
		}
		forms := map[string]*ir.Func{}
		times := map[string]int{}
		run := func(ctx context.Context, k *typed.Kernel, sizes []int64, given []eval.Arg) ([]*array.Array, error) {
			fn, _, err := compile.Func(k, compile.Options{})
			if err != nil {
				return nil, err
			}
			var args []runtime.Arg
			for _, a := range given {
				args = append(args, runtime.Arg{Tensor: a.Tensor, Int: a.Int, Float: a.Float})
			}
			want, err := launched(ctx, fn, sizes, args)
			if err != nil {
				return nil, err
			}
			text := fn.Text(ir.NoLoc)
			if times[text]++; times[text] > 2 {
				return want, nil
			}
			form, tried := forms[text]
			if !tried {
				v := &variant{name: pkg + "." + fn.Name, fn: fn, words: k.Words}
				_, form, err = explicitForm(v, to)
				var no *raise.Unsaid
				if err != nil && !errors.As(err, &no) {
					return nil, err
				}
				if err != nil {
					unsaid++
				}
				forms[text] = form
			}
			if form == nil {
				return want, nil
			}
			got, err := launched(ctx, form, sizes, args)
			var fault *interp.Fault
			if errors.As(err, &fault) {
				return nil, fmt.Errorf("its explicit form: %w", err)
			} else if err != nil {
				return nil, err
			}
			ran++
			for i := range want {
				if !bytes.Equal(want[i].Data, got[i].Data) {
					t.Errorf("%s.%s %v: output %d is another in its explicit form", pkg, fn.Name, sizes, i)
				}
			}
			return want, nil
		}
		runBenches(t, prog, own, to, run)
	}
	t.Logf("%d launches; %d variants have no explicit form", ran, unsaid)
	if ran == 0 {
		t.Error("nothing ran")
	}
}

// launched are the results of a launch in the interpreter.
func launched(ctx context.Context, fn *ir.Func, sizes []int64, args []runtime.Arg) ([]*array.Array, error) {
	k, err := runtime.New(fn)
	if err != nil {
		return nil, err
	}
	return k.Launch(ctx, sizes, args, runtime.Options{})
}
