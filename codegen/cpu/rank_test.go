package cpu_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/runtime"
)

// rankKernel ranks the rows of x, of elements of a type, by tiles of up to columns, and stores the first k of each.
func rankKernel(elem dtype.Type, rows, columns, k int64, sort bool) *ir.Func {
	dims := []*ir.Dim{ir.SizeDim(0), ir.SizeDim(1)}
	best := []*ir.Dim{ir.SizeDim(0), ir.ConstDim(k)}
	f := ir.NewFunc("rank", []*ir.Size{{Name: "M"}, {Name: "N"}}, []*ir.Param{
		{Name: "x", Type: ir.TensorType(elem, ir.Dense, dims...)},
		{Name: "v", Role: ir.Out, Type: ir.TensorType(elem, ir.Dense, best...)},
		{Name: "i", Role: ir.Out, Type: ir.TensorType(dtype.I64, ir.Dense, best...)},
	}, ir.Pos{})
	b := ir.NewBuilder(f)
	b.Parallel("", []ir.Binding{{Name: "m", Lo: b.Index(0), Hi: f.SizeArg(0), By: rows}}, func(args []*ir.Value) {
		m := args[0]
		n := b.SpanOf(b.Index(0), f.SizeArg(1), columns, "n")
		j := b.SpanOf(b.Index(0), b.Index(k), k, "j")
		x := b.Load(f.ParamArg(0), []*ir.Value{m, n}, "in", nil)
		rank := b.Topk
		if sort {
			rank = b.Sort
		}
		v, i := rank(x, n, j)
		b.Store(f.ParamArg(1), []*ir.Value{m, j}, v, "in", nil)
		b.Store(f.ParamArg(2), []*ir.Value{m, j}, i, "in", nil)
	})
	return b.Finish()
}

// TestRank holds topk and sort: NaN last, equal elements by their index, both zeros equal, and what fills up where there
// are too few. Data are special values and small numbers, so that many are equal.
func TestRank(t *testing.T) {
	types := append([]dtype.Type{dtype.Bool, dtype.F8E4M3, dtype.F4E2M1, dtype.E8M0, dtype.U4, dtype.Bipolar(2)}, arithmetic...)
	for i, elem := range types {
		for _, c := range []struct{ rows, columns, k int64 }{{3, 64, 5}, {2, 40, 33}} {
			if elem.Bits() < 8 {
				c.k = (c.k + 7) / 8 * 8 // rows of whole bytes
			}
			t.Run(fmt.Sprint(elem, c), func(t *testing.T) {
				for _, sort := range []bool{false, true} {
					if i%2 == 0 && sort && c.rows == 3 {
						continue
					}
					f := rankKernel(elem, c.rows, c.columns, c.k, sort)
					run := both(t, f)
					for _, n := range []int64{0, 1, 4, c.columns} {
						if elem.Bits() < 8 {
							n = n / 8 * 8
						}
						run([]int64{5, n}, []runtime.Arg{special(uint64(n), elem, 5, n)})
					}
				}
			})
		}
	}
}

// TestRankFine ranks numbers that differ in their last bits.
func TestRankFine(t *testing.T) {
	for _, elem := range []dtype.Type{dtype.F32, dtype.F64} {
		x := grid(1, elem, 3, 64)
		v := make([]float64, x.Tensor.Len())
		elem.DecodeF64(v, x.Tensor.Data, 0)
		for i := range v {
			for range i * 37 % 11 {
				if elem == dtype.F64 {
					v[i] = math.Nextafter(v[i], 100)
				} else {
					v[i] = float64(math.Nextafter32(float32(v[i]), 100))
				}
			}
		}
		elem.EncodeF64(x.Tensor.Data, 0, v)
		for _, sort := range []bool{false, true} {
			both(t, rankKernel(elem, 3, 64, 64, sort))([]int64{3, 64}, []runtime.Arg{x})
			both(t, rankKernel(elem, 3, 64, 6, sort))([]int64{3, 64}, []runtime.Arg{x})
		}
	}
}

// TestLongSort sorts lines longer than a cache, of which many elements are equal.
func TestLongSort(t *testing.T) {
	for _, elem := range []dtype.Type{dtype.F32, dtype.I64} {
		f := rankKernel(elem, 1, 1<<17, 1<<17, true)
		both(t, f)([]int64{1, 100_003}, []runtime.Arg{special(1, elem, 1, 100_003)})
	}
}
