package cpu_test

import (
	"fmt"
	"testing"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/runtime"
)

// TestScatter replaces elements of tiles by subscripts that lie outside and meet: rows of a tile, and single elements.
func TestScatter(t *testing.T) {
	for _, elem := range []dtype.Type{dtype.Bool, dtype.I8, dtype.BF16, dtype.F32, dtype.I64, dtype.F64} {
		t.Run(fmt.Sprint(elem), func(t *testing.T) {
			f := tileKernel(6, 20, []dtype.Type{elem, elem, dtype.I64}, []dtype.Type{elem, elem, elem}, func(b *ir.Builder, m, n *ir.Value, x []*ir.Value) []*ir.Value {
				out := b.ConstInt(dtype.I64, 3)
				rows := b.Lookup(x[2], n, b.Index(0), "else", out) // over m
				mask := b.Gt(x[0], x[1])
				return []*ir.Value{
					b.Scatter(x[0], m, rows, x[1], "skip", nil),
					b.Scatter(x[0], n, x[2], x[1], "skip", mask),
					b.Scatter(x[0], n, b.Index(2), b.Lookup(x[1], n, b.Index(1), "else", b.Lookup(b.Lookup(x[0], n, b.SpanLo(n), "in", nil), m, b.SpanLo(m), "in", nil)), "skip", nil),
				}
			})
			run := both(t, f)
			for _, shape := range [][2]int64{{6, 20}, {13, 9}, {1, 1}} {
				m, n := shape[0], shape[1]
				run(shape[:], []runtime.Arg{special(1, elem, m, n), special(2, elem, m, n), grid(3, dtype.I64, m, n)})
			}
		})
	}
}

// TestCat puts tiles of every pair of live lengths behind each other, along the contiguous axis and along another.
func TestCat(t *testing.T) {
	for _, first := range []bool{false, true} {
		f := ir.NewFunc("cat", []*ir.Size{{Name: "M"}, {Name: "A"}, {Name: "B"}}, []*ir.Param{
			{Name: "x", Type: ir.TensorType(dtype.F32, ir.Dense, ir.SizeDim(0), ir.SizeDim(1))},
			{Name: "y", Type: ir.TensorType(dtype.F32, ir.Dense, ir.SizeDim(0), ir.SizeDim(2))},
			{Name: "z", Role: ir.Out, Type: ir.TensorType(dtype.F32, ir.Dense, ir.SizeDim(0), ir.ConstDim(32))},
		}, ir.Pos{})
		b := ir.NewBuilder(f)
		b.Parallel("", []ir.Binding{{Name: "m", Lo: b.Index(0), Hi: f.SizeArg(0), By: 5}}, func(args []*ir.Value) {
			m := args[0]
			p := b.SpanOf(b.Index(0), f.SizeArg(1), 15, "p")
			q := b.SpanOf(b.Index(0), f.SizeArg(2), 17, "q")
			u := b.SpanCat(p, q, "u")
			x := b.Load(f.ParamArg(0), []*ir.Value{m, p}, "in", nil)
			y := b.Load(f.ParamArg(1), []*ir.Value{m, q}, "in", nil)
			if first {
				x, y = b.Bcast(x, ir.AxesOf(p, m)), b.Bcast(y, ir.AxesOf(q, m))
			}
			z := b.Cat(x, y, p, q, u)
			b.Store(f.ParamArg(2), []*ir.Value{m, u}, b.Bcast(z, ir.AxesOf(m, u)), "skip", nil)
		})
		b.Finish()
		run := both(t, f)
		for a := int64(0); a <= 15; a += 3 {
			for _, c := range []int64{0, 1, 8, 16, 17} {
				run([]int64{7, a, c}, []runtime.Arg{grid(1, dtype.F32, 7, a), grid(2, dtype.F32, 7, c)})
			}
		}
	}
}

// TestScatterCarried replaces elements of a tile that a loop carries, where it lies: by values from outside, by what is
// read from the tile itself, and with the tile read later on.
func TestScatterCarried(t *testing.T) {
	f := tileKernel(6, 20, []dtype.Type{dtype.F32, dtype.I64}, []dtype.Type{dtype.F32, dtype.F32, dtype.F32}, func(b *ir.Builder, m, n *ir.Value, x []*ir.Value) []*ir.Value {
		outside := b.ConstInt(dtype.I64, -1)
		zero := b.ConstFloat(dtype.F32, 0)
		turn := func(body func(i, at, c *ir.Value) *ir.Value) *ir.Value {
			return b.For("i", b.Index(0), b.Index(7), 0, []*ir.Value{x[0]}, func(i *ir.Value, c []*ir.Value) ([]*ir.Value, *ir.Value) {
				at := b.Lookup(x[1], n, i, "else", outside)
				return []*ir.Value{body(i, at, c[0])}, nil
			})[0]
		}
		return []*ir.Value{
			turn(func(i, at, c *ir.Value) *ir.Value {
				return b.Scatter(c, n, at, b.Bcast(b.Cast(i, dtype.F32, "rne", "sat"), ir.AxesOf(m)), "skip", nil)
			}),
			turn(func(i, at, c *ir.Value) *ir.Value {
				return b.Scatter(c, n, at, b.Lookup(c, n, b.Add(i, b.Index(1)), "else", zero), "skip", nil)
			}),
			turn(func(i, at, c *ir.Value) *ir.Value {
				return b.Add(b.Scatter(c, n, at, b.Bcast(zero, ir.AxesOf(m)), "skip", nil), c)
			}),
		}
	})
	run := both(t, f)
	for _, shape := range [][2]int64{{6, 20}, {9, 3}} {
		run(shape[:], []runtime.Arg{grid(1, dtype.F32, shape[0], shape[1]), grid(2, dtype.I64, shape[0], shape[1])})
	}
}
