package cpu_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/cpu"
	"github.com/tilec/tilec/codegen/toolchain"
	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/kernels"
)

// generics are the values that the bundled kernels are compiled with, where they have no defaults.
var generics = map[string]string{"T": "f32", "O": "f32", "D": "64", "R": "4", "G": "128", "W": "u4"}

// bundled are the bundled kernels for the CPU, in order of their names, each with generics that are common.
func bundled(t testing.TB) []*ir.Func {
	t.Helper()
	dirs, err := filepath.Glob("../../kernels/*")
	if err != nil {
		t.Fatal(err)
	}
	var list []*ir.Func
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			continue
		}
		prog, diags := check.Load(check.Config{Bundled: kernels.FS}, dir)
		if diags.HasErrors() {
			t.Fatal(diags.Err())
		}
		for _, k := range prog.Packages[0].Kernels {
			b := check.Bindings{Generics: map[string]check.Value{}, Target: "cpu"}
			for _, g := range k.Generics() {
				text := generics[g.Name]
				if g.Name == "T" && strings.Contains(dir, "lowbit") {
					text = "bf16"
				}
				if text == "" || g.Default {
					continue
				}
				v, err := k.ParseGeneric(g.Name, text)
				if err != nil {
					v, err = k.ParseGeneric(g.Name, strings.TrimPrefix(text, "u")) // a number of bits
				}
				if err != nil {
					t.Fatal(err)
				}
				b.Generics[g.Name] = v
			}
			variant, diags := k.Instantiate(b)
			if diags.HasErrors() {
				t.Fatalf("%s: %v", k.Name, diags.Err())
			}
			fn, _, err := compile.Func(variant, compile.Options{})
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, fn)
		}
	}
	slices.SortFunc(list, func(a, b *ir.Func) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// BenchmarkCompile takes the time from a function of the tile IR to its object, for each bundled kernel at the machine's
// best level, and last the median of the kernels. TILEC_LLVM names another toolchain than the one that is found.
func BenchmarkCompile(b *testing.B) {
	tool, err := toolchain.LLVM()
	if err != nil {
		b.Skip(err)
	}
	c := cpu.Target{Toolchain: tool}
	var medians []float64
	for _, fn := range bundled(b) {
		b.Run(fn.Name, func(b *testing.B) {
			text, _, err := cpu.Module(fn, codegen.Options{})
			if err != nil {
				b.Fatal(err)
			}
			read, err := c.Compile(b.Context(), fn, codegen.Options{Text: true}) // and the toolchain has begun
			if err != nil {
				b.Fatal(err)
			}
			var emit, whole []float64
			for b.Loop() {
				began := time.Now()
				a, err := c.Compile(context.Background(), fn, codegen.Options{})
				if err != nil {
					b.Fatal(err)
				}
				whole = append(whole, time.Since(began).Seconds()*1e3)
				emit = append(emit, float64(a.Report.Steps[0].Nanos)/1e6)
			}
			b.ReportMetric(middle(whole), "ms")
			b.ReportMetric(middle(emit), "emit-ms")
			b.ReportMetric(float64(strings.Count(text, "\n")), "lines")
			b.ReportMetric(float64(read.Report.Instructions), "instructions")
			medians = append(medians, middle(whole))
		})
	}
	b.Run("p50", func(b *testing.B) {
		for b.Loop() {
		}
		b.ReportMetric(middle(medians), "ms")
		b.ReportMetric(0, "ns/op")
	})
}

// middle is the median.
func middle(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	if len(s) == 0 {
		return 0
	}
	return s[len(s)/2]
}
