package convert

import (
	"testing"

	"github.com/tilec/tilec/ir/layout"
)

func must(t testing.TB, fs ...layout.Distribution) layout.Distribution {
	t.Helper()
	d := fs[0]
	for _, e := range fs[1:] {
		var err error
		if d, err = d.Mul(e); err != nil {
			t.Fatal(err)
		}
	}
	return d
}

func local(n ...int64) layout.Distribution         { return layout.Must(layout.Local(n...)) }
func columnLocal(n ...int64) layout.Distribution   { return layout.Must(layout.ColumnLocal(n...)) }
func spatial(n ...int64) layout.Distribution       { return layout.Must(layout.Spatial(n...)) }
func columnSpatial(n ...int64) layout.Distribution { return layout.Must(layout.ColumnSpatial(n...)) }
func warps(n ...int64) layout.Distribution         { return layout.Must(layout.Grid(layout.Warp, true, n...)) }

// A known is a conversion with what its plan should be.
type known struct {
	name     string
	src, dst layout.Distribution
	bits     int
}

// cOf is the accumulator fragment of mma.m16n8 (row g+8i, columns 2t, 2t+1), aOf the A operand of 16-bit m16n8k16 (rows
// g, g+8, then k further by 8), bOf the B operand (k, n) of m16n8k8.
func cOf(t testing.TB) layout.Distribution { return must(t, local(2, 1), spatial(8, 4), local(1, 2)) }
func aOf(t testing.TB) layout.Distribution {
	return must(t, columnLocal(2, 2), spatial(8, 4), local(1, 2))
}
func bOf(t testing.TB) layout.Distribution { return must(t, columnSpatial(4, 8), local(2, 1)) }

func benchmarks(t testing.TB) []known {
	return []known{
		{"256x256 f32 rows to mma C, 8 warps", must(t, local(8, 8), warps(8, 1), spatial(4, 8), local(1, 4)), must(t, local(8, 8), warps(2, 4), cOf(t)), 32},
		{"256x256 f16 rows to mma C, 8 warps", must(t, local(16, 4), warps(8, 1), spatial(2, 16), local(1, 4)), must(t, local(8, 8), warps(2, 4), cOf(t)), 16},
		{"256x256 f16 rows to columns, 8 warps", must(t, local(16, 2), warps(8, 1), spatial(2, 16), local(1, 8)), must(t, local(2, 16), warps(1, 8), columnSpatial(16, 2), columnLocal(8, 1)), 16},
		{"256x256 i8 rows to columns, 8 warps", must(t, local(16, 1), warps(8, 1), spatial(2, 16), local(1, 16)), must(t, local(1, 16), warps(1, 8), columnSpatial(16, 2), columnLocal(16, 1)), 8},
		{"128x256 f16 mma C to A, 4 warps", must(t, warps(4, 1), columnLocal(2, 32), spatial(8, 4), local(1, 2)), must(t, warps(4, 1), local(2, 16), columnLocal(1, 2), spatial(8, 4), local(1, 2)), 16},
		{"128x64 f16 shuffled columns, 4 warps", must(t, warps(4, 1), local(4, 8), spatial(8, 4), local(1, 2)), must(t, warps(4, 1), local(4, 4), spatial(8, 4), local(1, 4)), 16},
		{"48x40 f16 rows to columns", must(t, local(6, 5), spatial(8, 4), local(1, 2)), must(t, local(3, 10), columnSpatial(8, 4), local(2, 1)), 16},
		{"240x240 f32 rows to mma C, 5 warps", must(t, local(12, 15), warps(5, 1), spatial(4, 8), local(1, 2)), must(t, local(3, 30), warps(5, 1), cOf(t)), 32},
	}
}

func BenchmarkPlan(b *testing.B) {
	for _, k := range benchmarks(b) {
		b.Run(k.name, func(b *testing.B) {
			b.ReportAllocs()
			var p *Plan
			for b.Loop() {
				p, _ = New(k.src, k.dst, k.bits, NVIDIA())
			}
			if p == nil {
				b.Fatal("no plan")
			}
			b.Log(p)
		})
	}
}
