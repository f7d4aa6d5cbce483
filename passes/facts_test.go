package passes

import (
	"testing"

	"github.com/tilec/tilec/ir"
)

// TestFacts: what divides sizes, indices and what is computed of them, and that loops over what steps divide are whole.
func TestFacts(t *testing.T) {
	fn, err := ir.ParseFunc("t.tir", []byte(`kernel @k[%M, %K, %N](%a: tensor<f16,[%M,%K]>, %s: tensor<f16,[%N,(%K / 96)]>) -> (%c: tensor<f32,[%M]>) {
  %0 = const 0 : i64
  %8 = const 8 : i64
  %r = mod %M, %8 : i64
  %e = eq %r, %0 : bool
  require %e "M % 8 == 0"
  parallel %m in %0 .. %M by 64 {
    %z = const 0.0 : f32
    %x = bcast %z : tile<f32,[%m:64]>
    %y = for %k in %0 .. %K by 32 carry (%p = %x) : tile<f32,[%m:64]> {
      %lo = spanlo [%k] : i64
      %four = mul %lo, %8 : i64
      %t = load.in %a[%m, %k] : tile<f16,[%m:64,%k:32]>
      %f = cast.rne.sat %t : tile<f32,[%m:64,%k:32]>
      %u = reduce.sum %f [%k] : tile<f32,[%m:64]>
      %q = add %p, %u : tile<f32,[%m:64]>
      yield %q
    }
    %w = for %k2 in %0 .. %K by 64 carry (%p2 = %y) : tile<f32,[%m:64]> {
      %t2 = load.in %a[%m, %k2] : tile<f16,[%m:64,%k2:64]>
      %f2 = cast.rne.sat %t2 : tile<f32,[%m:64,%k2:64]>
      %u2 = reduce.sum %f2 [%k2] : tile<f32,[%m:64]>
      %q2 = add %p2, %u2 : tile<f32,[%m:64]>
      yield %q2
    }
    store.in %c[%m] = %w
    yield
  }
  yield
}
`))
	if err != nil {
		t.Fatal(err)
	}
	f := FactsOf(fn)
	want := map[string]int64{"M": 8, "K": 96, "N": 1, "m": 64, "k": 32, "lo": 32, "four": 256}
	seen := 0
	check := func(v *ir.Value) {
		n, ok := want[v.Name]
		if !ok {
			return
		}
		seen++
		if got := f.Divisor(v); got != n {
			t.Errorf("%s is known to be a multiple of %d, not of %d", v.Name, got, n)
		}
	}
	for _, v := range fn.Body.Args[:3] {
		check(v)
	}
	fn.Body.Walk(func(o *ir.Op) {
		for _, v := range o.Results {
			check(v)
		}
		for _, r := range o.Regions {
			for _, v := range r.Args {
				check(v)
			}
		}
	})
	if seen != len(want) {
		t.Errorf("%d of %d values are there", seen, len(want))
	}
	Edges(fn)
	whole, once := 0, 0
	fn.Body.Walk(func(o *ir.Op) {
		if o.Code == ir.For && o.Flag("whole") {
			whole++
		}
		if o.Code == ir.For && o.Flag("once") {
			once++
		}
	})
	if whole != 2 || once != 1 {
		t.Errorf("%d loops have whole steps alone, and %d at most one: of the two loops the second may end in a part of one", whole, once)
	}
}
