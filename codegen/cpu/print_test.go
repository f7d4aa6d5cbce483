package cpu_test

import (
	"errors"
	"testing"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/interp"
	"github.com/tilec/tilec/runtime"
)

// TestPrint prints scalars, tiles with and without elements, tiles of more elements than are shown, and spans, in the
// order of the blocks.
func TestPrint(t *testing.T) {
	types := []dtype.Type{dtype.Bool, dtype.I4, dtype.U8, dtype.I32, dtype.U32, dtype.U64, dtype.F8E5M2, dtype.BF16, dtype.F32, dtype.F64}
	for _, elem := range types {
		f := tileKernel(3, 600, []dtype.Type{elem}, nil, func(b *ir.Builder, m, n *ir.Value, x []*ir.Value) []*ir.Value {
			one := b.Lookup(b.Lookup(x[0], n, b.Index(1), "else", b.Lookup(b.Lookup(x[0], n, b.Index(0), "unchecked", nil), m, b.SpanLo(m), "in", nil)), m, b.SpanLo(m), "in", nil)
			b.Print("of %v rows, 100%% of %v: %v then %v", m, b.SpanHi(n), one, x[0])
			b.Print("columns\n", n)
			b.If(b.Gt(b.SpanLo(m), b.Index(2)), func() []*ir.Value {
				b.Print("%v", b.Bcast(x[0], ir.AxesOf(n, m)))
				return nil
			}, func() []*ir.Value { return nil })
			return nil
		})
		run := both(t, f)
		for _, n := range []int64{2, 8, 600} {
			run([]int64{8, n}, []runtime.Arg{special(1, elem, 8, n)})
		}
	}
}

// TestPrintFull ends a kernel that prints more than its buffer holds.
func TestPrintFull(t *testing.T) {
	c, list := target(t)
	f := ir.NewFunc("chatter", nil, []*ir.Param{{Name: "x", Type: ir.TensorType(dtype.F64, ir.Dense, ir.ConstDim(1000))}}, ir.Pos{})
	b := ir.NewBuilder(f)
	b.For("i", b.Index(0), b.Index(10_000), 0, nil, func(i *ir.Value, _ []*ir.Value) ([]*ir.Value, *ir.Value) {
		n := b.SpanOf(b.Index(0), b.Index(1000), 1000, "n")
		b.Print("%v %v", i, b.Load(f.ParamArg(0), []*ir.Value{n}, "in", nil))
		return nil, nil
	})
	b.Finish()
	k, err := load(t.Context(), c, list[0], f)
	if err != nil {
		t.Fatal(err)
	}
	got := launch(t.Context(), k, 0, nil, []runtime.Arg{grid(1, dtype.F64, 1000)})
	var fault *interp.Fault
	if !errors.As(got.err, &fault) || fault.Kind != interp.Limit {
		t.Errorf("ends with %v", got.err)
	}
	if len(got.printed) < 1<<20 {
		t.Errorf("%d bytes are printed before the buffer is full", len(got.printed))
	}
}
