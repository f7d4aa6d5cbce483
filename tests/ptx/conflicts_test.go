package ptx

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tilec/tilec/codegen/ptx/emu"
	"github.com/tilec/tilec/codegen/ptx/syntax"
	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/kernels"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/array"
)

// TestAligned: on tensors whose rows are multiples of 16 bytes products and attention have no bank conflicts, and touch matrices
// in global memory 16 bytes at a time.
func TestAligned(t *testing.T) {
	gemm := map[string]int64{"M": 256, "N": 128, "K": 96}
	long := map[string]int64{"B": 1, "H": 2, "G": 1, "M": 128, "N": 192}
	const files, explicit = "../../kernels/", "../../tests/spec/explicit/"
	list := []struct {
		file, kernel string
		generics     map[string]string
		sizes        map[string]int64
		narrow       int // places in the source that touch less: a number a row, or sums as instructions leave them
	}{
		{"gemm/gemm.tile", "gemm", map[string]string{"T": "bf16"}, gemm, 0},
		{"gemm/gemm.tile", "gemm", map[string]string{"T": "f16"}, gemm, 0},
		{"gemm/gemm.tile", "gemm", map[string]string{"T": "f32"}, gemm, 1},
		{"gemm/gemm.tile", "gemm", map[string]string{"T": "i8"}, gemm, 0},
		{"gemm/gemm.tile", "gemm", map[string]string{"T": "i8", "O": "i32"}, gemm, 1},
		{"gemm/gemm.tile", "gemm", map[string]string{"T": "bf16", "O": "f32"}, gemm, 1},
		{"attention/attention.tile", "attention", map[string]string{"T": "bf16", "D": "64"}, long, 1},
		{"attention/attention.tile", "attention", map[string]string{"T": "f16", "D": "64", "causal": "true"}, long, 1},
		{"attention/attention.tile", "attention", map[string]string{"T": "bf16", "D": "128"}, long, 1},
		{"attention/attention.tile", "attention", map[string]string{"T": "bf16", "D": "128", "causal": "true"}, long, 1},
		{"attention/backward.tile", "backward", map[string]string{"T": "bf16", "D": "64"}, long, 5},
		{"attention/backward.tile", "backward", map[string]string{"T": "bf16", "D": "64", "causal": "true"}, long, 5},
		{explicit + "gemm.tile", "gemm", map[string]string{"T": "bf16"}, gemm, 1},
		{explicit + "gemm.tile", "gemm", map[string]string{"T": "i8"}, gemm, 1},
		{explicit + "gemm.tile", "across", map[string]string{"T": "f16"}, gemm, 1},
		{explicit + "roles.tile", "product", map[string]string{"T": "f16"}, gemm, 1},
		{explicit + "ahead.tile", "ahead", map[string]string{"T": "f16"}, gemm, 1},
	}
	to := target(t, "sm_80")
	device, err := runtime.Emulator("sm_80", emu.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range list {
		name := fmt.Sprint(x.kernel, x.generics)
		path := files + x.file
		if strings.HasPrefix(x.file, explicit) {
			path = x.file
		}
		prog, diags := check.Load(check.Config{Bundled: kernels.FS}, path)
		if diags.HasErrors() {
			t.Fatal(diags.Err())
		}
		var k *check.Kernel
		for _, c := range prog.Packages[0].Kernels {
			if c.Name == x.kernel {
				k = c
			}
		}
		b := check.Bindings{Generics: map[string]check.Value{}, Target: "sm_80"}
		for n, text := range x.generics {
			if b.Generics[n], err = k.ParseGeneric(n, text); err != nil {
				t.Fatal(err)
			}
		}
		typed, diags := k.Instantiate(b)
		if diags.HasErrors() {
			t.Fatal(diags.Err())
		}
		fn, _, err := compile.Func(typed, compile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		v := variant{fn: fn}
		a, err := v.build(t, to)
		if err != nil {
			t.Fatal(err)
		}
		code, err := device.Load(fn, a)
		if err != nil {
			t.Fatal(err)
		}
		var sizes []int64
		for _, s := range fn.Sizes {
			sizes = append(sizes, x.sizes[s.Name])
		}
		var args []runtime.Arg
		for i, p := range fn.Params {
			switch {
			case p.Role == ir.Out:
			case p.Type.Kind == ir.Scalar:
				args = append(args, runtime.Arg{Float: 0.125})
			default:
				var shape []int64
				for _, d := range p.Type.Dims {
					n, _ := d.Eval(sizes)
					shape = append(shape, n)
				}
				data, err := array.Generate("randn", p.Type.Elem, shape, uint64(i), 1<<24)
				if err != nil {
					t.Fatal(err)
				}
				args = append(args, runtime.Arg{Tensor: data})
			}
		}
		narrow := map[syntax.Loc]bool{}
		_, err = code.Launch(t.Context(), sizes, args, runtime.Options{Emulated: func(r *emu.Report) {
			for _, l := range r.Lines {
				if l.Conflicts > 0 {
					t.Errorf("%s: %d bank conflicts in %d wavefronts of %s, line %d of the text", name, l.Conflicts, l.Wavefronts, l.Instr, l.Pos.Line)
				}
				touches := strings.HasPrefix(l.Instr, "ld.global") || strings.HasPrefix(l.Instr, "st.global") || strings.HasPrefix(l.Instr, "cp.async.ca")
				if touches && !strings.HasSuffix(l.Instr, ".v4.b32") && !strings.HasSuffix(l.Instr, ".v2.b64") {
					narrow[l.Loc] = true
				}
			}
		}})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(narrow) > x.narrow {
			t.Errorf("%s: %d places touch less than 16 bytes of global memory at a time, want %d", name, len(narrow), x.narrow)
		}
	}
}
