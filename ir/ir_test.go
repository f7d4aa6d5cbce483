package ir

import (
	"testing"

	"github.com/tilec/tilec/ir/dtype"
)

// buildGemm is c = a·bᵀ with tiles of 64×64×32.
func buildGemm() *Func {
	m, n, k := SizeDim(0), SizeDim(1), SizeDim(2)
	f := NewFunc("gemm", []*Size{{Name: "M"}, {Name: "N"}, {Name: "K"}}, []*Param{
		{Name: "a", Type: TensorType(dtype.BF16, Dense, m, k)},
		{Name: "b", Type: TensorType(dtype.BF16, Dense, n, k)},
		{Name: "c", Role: Out, Type: TensorType(dtype.BF16, Dense, m, n)},
	}, Pos{"gemm.tile", 4, 1})
	b := NewBuilder(f).At(Pos{"gemm.tile", 5, 3})
	zero := b.Index(0)
	binds := []Binding{{"m", zero, f.SizeArg(0), 64}, {"n", zero, f.SizeArg(1), 64}}
	b.Parallel("", binds, func(args []*Value) {
		m, n := args[0], args[1]
		acc := b.Bcast(b.ConstFloat(dtype.F32, 0), AxesOf(m, n))
		acc.Name = "acc"
		r := b.For("k", zero, f.SizeArg(2), 32, []*Value{acc}, func(k *Value, c []*Value) ([]*Value, *Value) {
			x := b.Load(f.ParamArg(0), []*Value{m, k}, "in", nil)
			y := b.Load(f.ParamArg(1), []*Value{n, k}, "in", nil)
			return []*Value{b.Contract(dtype.F32, x, y, nil, nil, c[0], k)}, nil
		})
		b.Store(f.ParamArg(2), []*Value{m, n}, b.Cast(r[0], dtype.BF16, "rne", "sat"), "in", nil)
	})
	return b.Finish()
}

func TestBuild(t *testing.T) {
	f := buildGemm()
	if err := Verify(f); err != nil {
		t.Fatal(err)
	}
	const want = `kernel @gemm[%M, %N, %K](%a: tensor<bf16,[%M,%K]>, %b: tensor<bf16,[%N,%K]>) -> (%c: tensor<bf16,[%M,%N]>) {
  %0 = const 0 : i64
  parallel %m in %0 .. %M by 64, %n in %0 .. %N by 64 {
    %1 = const 0.0 : f32
    %acc = bcast %1 : tile<f32,[%m:64,%n:64]>
    %acc_1 = for %k in %0 .. %K by 32 carry (%acc_2 = %acc) : tile<f32,[%m:64,%n:64]> {
      %2 = load.in %a[%m, %k] : tile<bf16,[%m:64,%k:32]>
      %3 = load.in %b[%n, %k] : tile<bf16,[%n:64,%k:32]>
      %4 = contract %2, %3 acc %acc_2 [%k] : tile<f32,[%m:64,%n:64]>
      yield %4
    }
    %5 = cast.rne.sat %acc_1 : tile<bf16,[%m:64,%n:64]>
    store.in %c[%m, %n] = %5
    yield
  }
  yield
}
`
	if got := f.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
