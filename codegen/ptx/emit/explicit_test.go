package emit_test

import (
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/emit"
	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/passes"
)

// TestExplicit compiles kernels of the explicit level: what stands in their text, or why there is none.
func TestExplicit(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, body, want string }{
		{"asm", `y[n] = asm ptx "add.f32 $0, $1, $2; add.f32 $0, $0, $1;" (x[n], x[n] * 2)`, "add.f32"},
		{"no instruction", `y[n] = asm ptx "addd.f32 $0, $1, $1;" (x[n])`, "addd is no instruction"},
		{"operands", `y[n] = asm ptx "add.f32 $0, $1;" (x[n])`, "operand 3 is missing"},
		{"lanes", "v := x[n]\npin v[n] layout spatial(64)\ny[n] = v", "has 64 lanes, and a warp 32"},
		{"warps", "c := chan f32[64]\nrole a on 20 warps { c[n] <- x[n] }\nrole b on 20 warps { y[n] = <-c[n] }", "40 warps together, and a block has at most 32"},
		{"held", "c := chan f32[64] depth 2\nc[n] <- x[n]\nc[n] <- x[n]\ny[n] = <-c[n]", "1 slots are held at the end"},
		{"swizzle", "shared t f32[64] swizzle 64 align 256\nt[n] = x[n]\ny[n] = t[n]", "xor.b64"},
		{"roles", "c := chan f32[64] depth 2\nrole a on 1 warp { c[n] <- x[n] }\nrole b on 2 warps { y[n] = <-c[n] }", "bar.arrive"},
	} {
		src := "package k\nkernel k(x f32[N]) (y f32[N]) {\nparallel n in N by 64 {\n" + tt.body + "\n}\n}\n"
		prog, diags := check.Load(check.Config{FS: fstest.MapFS{"k/k.tile": {Data: []byte(src)}}}, "k")
		if diags.HasErrors() {
			t.Fatalf("%s: %v", tt.name, diags.Err())
		}
		tree, diags := prog.Packages[0].Kernels[0].Instantiate(check.Bindings{})
		if diags.HasErrors() {
			t.Fatalf("%s: %v", tt.name, diags.Err())
		}
		fn, _, err := compile.Func(tree, compile.Options{Verify: true})
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		sm, err := ptx.ParseTarget("sm_80")
		if err != nil {
			t.Fatal(err)
		}
		a, err := emit.Target{SM: sm}.Compile(t.Context(), fn, codegen.Options{Verify: true})
		got := ""
		if err != nil {
			got = err.Error()
			var misfit *passes.Misfit
			var unsupported *codegen.Unsupported
			var fault *passes.ChannelFault
			if !errors.As(err, &misfit) && !errors.As(err, &unsupported) && !errors.As(err, &fault) {
				t.Errorf("%s: %T: %v", tt.name, err, err)
			}
		} else {
			got = string(a.Code)
		}
		if !strings.Contains(got, tt.want) {
			t.Errorf("%s: %s, want %q", tt.name, got, tt.want)
		}
	}
}

// TestExplicitPlans: what a report says of pins that disagree, with both places and the price, and of words without effect.
func TestExplicitPlans(t *testing.T) {
	for _, tt := range []struct{ name, body, want string }{
		{"pins", "v := x[n]\npin v[n] layout warps(4) * local(4) * spatial(32)\nw := v * 2\npin w[n] layout warps(4) * spatial(32) * local(4)\ny[n] = w", "k.tile:5:1: this pin disagrees with k.tile:6:6, which has or wants another layout: a conversion of tile<f32,[%n:512]>, 2 KiB scratch"},
		{"agree", "v := x[n]\npin v[n] layout warps(4) * spatial(32) * local(4)\nw := v * 2\npin w[n] layout warps(4) * spatial(32) * local(4)\ny[n] = w", ""},
		{"regs", "c := chan f32[512]\nrole a on 1 warp { c[n] <- x[n] }\nrole b on 2 warps regs 240 { y[n] = <-c[n] }", "regs 240 has no effect"},
	} {
		src := "package k\nkernel k(x f32[N]) (y f32[N]) {\nparallel n in N by 512 {\n" + tt.body + "\n}\n}\n"
		prog, diags := check.LoadText(map[string]string{"k.tile": src})
		if diags.HasErrors() {
			t.Fatalf("%s: %v", tt.name, diags.Err())
		}
		tree, diags := prog.Packages[0].Kernels[0].Instantiate(check.Bindings{})
		if diags.HasErrors() {
			t.Fatalf("%s: %v", tt.name, diags.Err())
		}
		fn, _, err := compile.Func(tree, compile.Options{Verify: true})
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		sm, err := ptx.ParseTarget("sm_80")
		if err != nil {
			t.Fatal(err)
		}
		a, err := emit.Target{SM: sm}.Compile(t.Context(), fn, codegen.Options{Verify: true})
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		all := strings.Join(a.Report.Plans, "\n")
		if tt.want == "" && strings.Contains(all, "disagrees") || !strings.Contains(all, tt.want) {
			t.Errorf("%s: %s, want %q", tt.name, all, tt.want)
		}
	}
}
