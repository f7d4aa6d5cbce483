package cpu_test

import (
	"fmt"
	"testing"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/runtime"
)

// tileKernel makes a function that reads tensors over [M, N] as tiles of rows × columns, in blocks of rows, and stores what
// body makes of them, which is over the same axes, to as many tensors.
func tileKernel(rows, columns int64, in, out []dtype.Type, body func(b *ir.Builder, m, n *ir.Value, x []*ir.Value) []*ir.Value) *ir.Func {
	dims := []*ir.Dim{ir.SizeDim(0), ir.SizeDim(1)}
	var params []*ir.Param
	for i, t := range in {
		params = append(params, &ir.Param{Name: fmt.Sprintf("x%d", i), Type: ir.TensorType(t, ir.Dense, dims...)})
	}
	for i, t := range out {
		params = append(params, &ir.Param{Name: fmt.Sprintf("y%d", i), Role: ir.Out, Type: ir.TensorType(t, ir.Dense, dims...)})
	}
	f := ir.NewFunc("k", []*ir.Size{{Name: "M"}, {Name: "N"}}, params, ir.Pos{})
	b := ir.NewBuilder(f)
	b.Parallel("", []ir.Binding{{Name: "m", Lo: b.Index(0), Hi: f.SizeArg(0), By: rows}}, func(args []*ir.Value) {
		m := args[0]
		n := b.SpanOf(b.Index(0), f.SizeArg(1), columns, "n")
		var x []*ir.Value
		for i := range in {
			x = append(x, b.Load(f.ParamArg(i), []*ir.Value{m, n}, "in", nil))
		}
		for i, y := range body(b, m, n, x) {
			b.Store(f.ParamArg(len(in)+i), []*ir.Value{m, n}, y, "in", nil)
		}
	})
	return b.Finish()
}

var arithmetic = []dtype.Type{dtype.I8, dtype.U16, dtype.I32, dtype.U32, dtype.I64, dtype.U64, dtype.F16, dtype.BF16, dtype.F32, dtype.F64}

func TestScans(t *testing.T) {
	for _, elem := range arithmetic {
		kinds := []string{"sum", "max"}
		if elem.Bits() != 16 {
			kinds = append(kinds, "prod")
		}
		for _, kind := range kinds {
			t.Run(fmt.Sprint(elem, kind), func(t *testing.T) {
				f := tileKernel(8, 40, []dtype.Type{elem}, []dtype.Type{elem, elem}, func(b *ir.Builder, m, n *ir.Value, x []*ir.Value) []*ir.Value {
					return []*ir.Value{b.Scan(kind, x[0], n), b.Scan(kind, x[0], m)}
				})
				run := both(t, f)
				for _, shape := range [][2]int64{{0, 5}, {1, 1}, {8, 40}, {19, 33}, {5, 0}} {
					x := grid(1, elem, shape[0], shape[1])
					if kind == "max" {
						x = special(1, elem, shape[0], shape[1])
					}
					run(shape[:], []runtime.Arg{x})
				}
			})
		}
	}
}

// TestScanFunc scans by functions: one that works element by element, and one that looks at whole tiles.
func TestScanFunc(t *testing.T) {
	pointwise := tileKernel(8, 24, []dtype.Type{dtype.F32, dtype.I32}, []dtype.Type{dtype.F32, dtype.I32}, func(b *ir.Builder, m, n *ir.Value, x []*ir.Value) []*ir.Value {
		// The greatest so far, and how often a new one came.
		return b.ScanFunc(x, n, func(x, y []*ir.Value) []*ir.Value {
			return []*ir.Value{b.Max(x[0], y[0]), b.Select(b.Gt(y[0], x[0]), b.Add(x[1], y[1]), x[1])}
		})
	})
	whole := tileKernel(8, 24, []dtype.Type{dtype.I32}, []dtype.Type{dtype.I32}, func(b *ir.Builder, m, n *ir.Value, x []*ir.Value) []*ir.Value {
		return b.ScanFunc(x, n, func(x, y []*ir.Value) []*ir.Value {
			most := b.Reduce("max", dtype.I32, x[0], m)
			return []*ir.Value{b.Add(y[0], b.Bcast(most, ir.AxesOf(m)))}
		})
	})
	lines := tileKernel(8, 24, []dtype.Type{dtype.F64}, []dtype.Type{dtype.F64}, func(b *ir.Builder, m, n *ir.Value, x []*ir.Value) []*ir.Value {
		row := b.Lookup(x[0], m, b.SpanLo(m), "else", b.ConstFloat(dtype.F64, 0))
		s := b.ScanFunc([]*ir.Value{row}, n, func(x, y []*ir.Value) []*ir.Value { return []*ir.Value{b.Add(x[0], y[0])} })
		return []*ir.Value{b.Bcast(s[0], ir.AxesOf(m, n))}
	})
	runPointwise, runWhole, runLines := both(t, pointwise), both(t, whole), both(t, lines)
	for _, shape := range [][2]int64{{1, 1}, {8, 24}, {11, 17}, {3, 0}} {
		m, n := shape[0], shape[1]
		runPointwise(shape[:], []runtime.Arg{special(1, dtype.F32, m, n), grid(2, dtype.I32, m, n)})
		runWhole(shape[:], []runtime.Arg{grid(3, dtype.I32, m, n)})
		runLines(shape[:], []runtime.Arg{grid(4, dtype.F64, m, n)})
	}
}
