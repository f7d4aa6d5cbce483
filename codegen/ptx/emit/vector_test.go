package emit_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestVectors loads and stores rows whose length is a multiple of a vector's, and is not: with values outside, gathered rows,
// and a mask for each row.
func TestVectors(t *testing.T) {
	t.Parallel()
	text := `
kernel @k[%M, %N, %P](%x: tensor<T,[%P,%N]>, %at: tensor<i64,[%M]>, %b: tensor<bool,[%M]>, %z: tensor<T,[1]>) -> (%y: tensor<T,[%M,%N]>, %w: tensor<T,[%M,%N]>) {
  %0 = const 0 : i64
  parallel %m in %0 .. %M by 4 {
    %i = load.in %at[%m] : tile<i64,[%m:4]>
    %c = load.in %b[%m] : tile<bool,[%m:4]>
    %o = load.in %z[%0] : T
    for %n in %0 .. %N by 128 {
      %v = load.in %x[%i, %n] : tile<T,[%m:4,%n:128]>
      %q = bcast %c : tile<bool,[%m:4,%n:128]>
      store.in %y[%m, %n] = %v if %q
      %j = affine %n + 8 : tile<i64,[%n:128]>
      %u = load.else %x[%m, %j] else %o : tile<T,[%m:4,%n:128]>
      store.in %w[%m, %n] = %u
      yield
    }
    yield
  }
  yield
}
`
	for i, elem := range []string{"f32", "bf16", "i8", "f64", "bool", "u4", "i3", "f8e5m2", "u1", "i6"} {
		for _, n := range []int64{128, 131, 264} {
			t.Run(fmt.Sprint(elem, n), func(t *testing.T) {
				c := newCall(t, strings.ReplaceAll(text, "T", elem), uint64(i), 6, n, 5)
				c.set("at", 3, 0, 4, 1, 1, 2)
				c.check(placed, exact)
				wide := map[string]string{"f32": ".v4.b32", "bf16": ".v2.b32", "i8": ".b32", "f64": ".v2.b64", "bool": ".b32", "u4": ".u16", "f8e5m2": ".b32"}[elem]
				if !strings.Contains(c.ptx, "ld.global.nc"+wide) || wide != "" && !strings.Contains(c.ptx, "$unaligned") {
					t.Errorf("no vectors\n%s", c.ptx)
				}
				c.check(scattered, exact)
			})
		}
	}
}

// TestKnownWidth needs no look at the sizes: the rows are known to be multiples.
func TestKnownWidth(t *testing.T) {
	t.Parallel()
	c := newCall(t, `
kernel @k[%M](%x: tensor<f16,[%M,64]>) -> (%y: tensor<f16,[%M,64]>) {
  %0 = const 0 : i64
  %64 = const 64 : i64
  parallel %m in %0 .. %M by 16, %n in %0 .. %64 by 64 {
    %v = load.in %x[%m, %n] : tile<f16,[%m:16,%n:64]>
    store.in %y[%m, %n] = %v
    yield
  }
  yield
}
`, 1, 21)
	c.check(placed, exact)
	if strings.Contains(c.ptx, "$unaligned") || strings.Contains(c.ptx, "ld.global.nc.u16") || !strings.Contains(c.ptx, "st.global.v4.b32") {
		t.Error(c.ptx)
	}
}

// TestGroups loads a scale for each group of 64 columns once: the index is the same for all columns of a tile. Of another
// group size each column has its own.
func TestGroups(t *testing.T) {
	t.Parallel()
	text := `
kernel @k[%M, %N, %G](%s: tensor<f32,[%M,%G]>, %x: tensor<f32,[DIV]>) -> (%y: tensor<f32,[%M,%N]>) {
  %0 = const 0 : i64
  parallel %m in %0 .. %M by 4, %n in %0 .. %N by 64 {
    %g = affine %n div DIV : tile<i64,[%n:64]>
    %r = affine %n mod DIV : tile<i64,[%n:64]>
    %v = load.in %s[%m, %g] : tile<f32,[%m:4,%n:64]>
    %u = load.in %x[%r] : tile<f32,[%n:64]>
    %w = bcast %u : tile<f32,[%m:4,%n:64]>
    %z = add %v, %w : tile<f32,[%m:4,%n:64]>
    store.in %y[%m, %n] = %z
    yield
  }
  yield
}
`
	for _, div := range []string{"64", "128", "32", "48"} {
		c := newCall(t, strings.ReplaceAll(text, "DIV", div), 7, 6, 200, 7)
		c.check(scattered, exact)
		c.check(placed, exact)
		if n := strings.Count(c.ptx, "ld.global.nc"); div == "64" && n > 8 {
			t.Errorf("%d loads\n%s", n, c.ptx)
		}
	}
}
