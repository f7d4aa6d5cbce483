package cpu_test

import (
	"fmt"
	"testing"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/runtime"
)

// atomicKernel updates h by values at subscripts, in one block, and stores the old values.
func atomicKernel(kind string, elem dtype.Type, masked bool) *ir.Func {
	n := ir.SizeDim(0)
	f := ir.NewFunc("update", []*ir.Size{{Name: "N"}}, []*ir.Param{
		{Name: "i", Type: ir.TensorType(dtype.I64, ir.Dense, n)},
		{Name: "v", Type: ir.TensorType(elem, ir.Dense, n)},
		{Name: "w", Type: ir.TensorType(elem, ir.Dense, n)},
		{Name: "h", Role: ir.InOut, Type: ir.TensorType(elem, ir.Dense, ir.ConstDim(7))},
		{Name: "old", Role: ir.Out, Type: ir.TensorType(elem, ir.Dense, n)},
	}, ir.Pos{})
	b := ir.NewBuilder(f)
	b.For("n", b.Index(0), f.SizeArg(0), 20, nil, func(s *ir.Value, _ []*ir.Value) ([]*ir.Value, *ir.Value) {
		load := func(k int) *ir.Value { return b.Load(f.ParamArg(k), []*ir.Value{s}, "in", nil) }
		i, values := load(0), []*ir.Value{load(1)}
		var mask *ir.Value
		if masked {
			mask = b.Ne(values[0], load(2))
		}
		if kind == "cas" {
			values = append(values, load(2))
		}
		old := b.Atomic(kind, f.ParamArg(3), []*ir.Value{i}, values, "skip", mask, true)
		b.Store(f.ParamArg(4), []*ir.Value{s}, old, "in", nil)
		return nil, nil
	})
	return b.Finish()
}

// TestAtomics holds each kind on each type that has it, with subscripts that meet and lie outside.
func TestAtomics(t *testing.T) {
	types := append([]dtype.Type{dtype.Bool, dtype.U8, dtype.I16, dtype.F8E4M3, dtype.E8M0, dtype.TF32}, arithmetic...)
	for i, elem := range types {
		kinds := []string{"xchg", "cas"}
		if elem.Arithmetic() {
			kinds = append(kinds, "add", "max", "min")
		}
		if elem == dtype.Bool || elem.IsInt() {
			kinds = append(kinds, "and", "or", "xor")
		}
		for k, kind := range kinds {
			t.Run(fmt.Sprint(elem, kind), func(t *testing.T) {
				f := atomicKernel(kind, elem, (i+k)%2 == 0)
				both(t, f)([]int64{53}, []runtime.Arg{grid(1, dtype.I64, 53), special(2, elem, 53), special(3, elem, 53), special(4, elem, 7)})
			})
		}
	}
}

// TestAtomicBlocks adds from many blocks at once to few elements: every addition counts.
func TestAtomicBlocks(t *testing.T) {
	for _, elem := range []dtype.Type{dtype.I8, dtype.I32, dtype.F16, dtype.F32, dtype.F64} {
		n := ir.SizeDim(0)
		f := ir.NewFunc("count", []*ir.Size{{Name: "N"}}, []*ir.Param{
			{Name: "i", Type: ir.TensorType(dtype.I64, ir.Dense, n)},
			{Name: "h", Role: ir.InOut, Type: ir.TensorType(elem, ir.Dense, ir.ConstDim(50))},
		}, ir.Pos{})
		b := ir.NewBuilder(f)
		b.Parallel("", []ir.Binding{{Name: "n", Lo: b.Index(0), Hi: f.SizeArg(0), By: 4}}, func(args []*ir.Value) {
			i := b.Load(f.ParamArg(0), []*ir.Value{args[0]}, "in", nil)
			one := b.ConstInt
			var x *ir.Value
			if elem.IsFloat() {
				x = b.ConstFloat(elem, 0.125)
			} else {
				x = one(elem, 1)
			}
			b.Atomic("add", f.ParamArg(1), []*ir.Value{i}, []*ir.Value{b.Bcast(x, ir.AxesOf(args[0]))}, "skip", nil, false)
		})
		b.Finish()
		both(t, f)([]int64{3000}, []runtime.Arg{grid(1, dtype.I64, 3000), grid(2, elem, 50)})
	}
}
