package passes

import (
	"strings"
	"testing"

	"github.com/tilec/tilec/ir"
)

// A loop over a span is parted into whole steps and one that may be short; loads that do not depend on it stand before it.
func TestEdges(t *testing.T) {
	fn, err := ir.ParseFunc("t.tir", []byte(`kernel @k[%M, %K](%a: tensor<f32,[%M,%K]>, %b: tensor<f32,[%M,%K]>) -> (%c: tensor<f32,[%M]>) {
  %0 = const 0 : i64
  parallel %m in %0 .. %M by 16 {
    %z = const 0.0 : f32
    %s = bcast %z : tile<f32,[%m:16]>
    %r = for %k in %0 .. %K by 8 carry (%x = %s) : tile<f32,[%m:16]> {
      %w = load.in %b[%m, %0] : tile<f32,[%m:16]>
      %v = load.in %a[%m, %k] : tile<f32,[%m:16,%k:8]>
      %q = reduce.sum %v [%k] : tile<f32,[%m:16]>
      %u = mul %q, %w : tile<f32,[%m:16]>
      %y = add %x, %u : tile<f32,[%m:16]>
      yield %y
    }
    store.in %c[%m] = %r
    yield
  }
  yield
}
`))
	if err != nil {
		t.Fatal(err)
	}
	HoistLoads(fn)
	Edges(fn)
	if err := ir.Verify(fn); err != nil {
		t.Fatalf("%v\n%s", err, fn)
	}
	text := fn.String()
	if n := strings.Count(text, "for %"); n != 2 {
		t.Errorf("%d loops, 2 expected:\n%s", n, text)
	}
	if n := strings.Count(text, "whole = true"); n != 1 {
		t.Errorf("%d loops of whole steps, 1 expected:\n%s", n, text)
	}
	if n := strings.Count(text, "load.else %b"); n != 1 || strings.Index(text, "load.else %b") > strings.Index(text, "for %") {
		t.Errorf("the load that does not change stands in the loop:\n%s", text)
	}
	again, err := ir.ParseFunc("again.tir", []byte(text))
	if err != nil || again.String() != text {
		t.Errorf("the text does not read back: %v", err)
	}
}
