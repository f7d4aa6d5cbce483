package emit

import (
	"slices"
	"strings"
	"testing"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/kernels"
)

// TestDisorder leaves each wait, commit and barrier out of the instructions of some kernels: all are found by the check that each
// compilation makes.
func TestDisorder(t *testing.T) {
	sm, err := ptx.ParseTarget("sm_80")
	if err != nil {
		t.Fatal(err)
	}
	target := Target{SM: sm}
	for _, x := range []struct {
		file, kernel string
		generics     map[string]string
	}{
		{"gemm/gemm.tile", "gemm", map[string]string{"T": "bf16"}},
		{"gemm/gemm.tile", "gemm", map[string]string{"T": "f32"}},
		{"attention/attention.tile", "attention", map[string]string{"T": "f16", "D": "64"}},
		{"attention/attention.tile", "attention", map[string]string{"T": "bf16", "D": "128", "causal": "true"}},
		{"attention/backward.tile", "backward", map[string]string{"T": "f16", "D": "64"}},
		{"lowbit/gemm_wx.tile", "gemm_wx", map[string]string{"T": "f16", "W": "u4", "G": "128"}},
	} {
		prog, list := check.Load(check.Config{Bundled: kernels.FS}, "../../../kernels/"+x.file)
		if list.HasErrors() {
			t.Fatal(list.Err())
		}
		k := prog.Packages[0].Kernel(x.kernel)
		b := check.Bindings{Generics: map[string]check.Value{}, Target: "sm_80"}
		for n, text := range x.generics {
			if b.Generics[n], err = k.ParseGeneric(n, text); err != nil {
				t.Fatal(err)
			}
		}
		typed, list := k.Instantiate(b)
		if list.HasErrors() {
			t.Fatal(list.Err())
		}
		fn, _, err := compile.Func(typed, compile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		placed, err := target.Placed(fn)
		if err != nil {
			t.Fatal(err)
		}
		var m codegen.Manifest
		compiled, _, err := target.kernels(placed, &m)
		if err != nil {
			t.Fatal(err)
		}
		found, silent := 0, 0
		for _, k := range compiled {
			code := k.Code()
			for i := range code {
				op := code[i].Op
				if op != "bar.sync" && op != "bar.warp.sync" && !strings.HasPrefix(op, "cp.async.wait") && op != "cp.async.commit_group" {
					continue
				}
				if d, open := asm.DisorderOf(slices.Delete(slices.Clone(code), i, i+1)); d != nil || strings.Contains(open, "is not ordered behind") {
					found++
				} else {
					silent++
					t.Errorf("%s %v: %s of line %d is not found %s", x.kernel, x.generics, op, code[i].Pos.Line, open)
				}
			}
		}
		t.Logf("%s %v: %d found, %d not", x.kernel, x.generics, found, silent)
		if found == 0 {
			t.Errorf("%s %v: there is nothing to find", x.kernel, x.generics)
		}
	}
}
