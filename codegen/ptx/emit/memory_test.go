package emit_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestCopy loads and stores every width of element.
func TestCopy(t *testing.T) {
	t.Parallel()
	for i, elem := range []string{"f32", "i8", "u16", "bf16", "f64", "bool", "u8", "i64", "f8e4m3"} {
		text := strings.ReplaceAll(`
kernel @copy[%M, %N](%x: tensor<T,[%M,%N]>) -> (%y: tensor<T,[%M,%N]>) {
  %0 = const 0 : i64
  parallel %m in %0 .. %M by 4, %n in %0 .. %N by 32 {
    %v = load.in %x[%m, %n] : tile<T,[%m:4,%n:32]>
    store.in %y[%m, %n] = %v
    yield
  }
  yield
}
`, "T", elem)
		for _, n := range [][2]int64{{8, 64}, {5, 37}, {1, 1}} {
			t.Run(fmt.Sprint(elem, n), func(t *testing.T) {
				newCall(t, text, uint64(i), n[0], n[1]).check(scattered, exact)
			})
		}
	}
}

// TestNarrow loads and stores elements of less than a byte, with rows that begin within one.
func TestNarrow(t *testing.T) {
	t.Parallel()
	for i, elem := range []string{"u1", "u2", "i3", "u4", "i4", "u5", "f6e3m2", "i7", "f4e2m1", "bp3"} {
		text := strings.ReplaceAll(`
kernel @copy[%M, %N](%x: tensor<T,[%M,%N]>) -> (%y: tensor<T,[%M,%N]>) {
  %0 = const 0 : i64
  parallel %m in %0 .. %M by 4, %n in %0 .. %N by 16 {
    %v = load.in %x[%m, %n] : tile<T,[%m:4,%n:16]>
    store.in %y[%m, %n] = %v
    yield
  }
  yield
}
`, "T", elem)
		for _, n := range [][2]int64{{8, 32}, {5, 19}} {
			t.Run(fmt.Sprint(elem, n), func(t *testing.T) {
				newCall(t, text, uint64(i), n[0], n[1]).check(scattered, exact)
			})
		}
	}
}

// TestNarrowWithin changes elements of less than a byte in place, where blocks have elements of one word, and where a block's
// loads may go by words.
func TestNarrowWithin(t *testing.T) {
	t.Parallel()
	for i, elem := range []string{"u1", "i2", "i3", "u4", "f6e3m2"} {
		for _, width := range []string{"2", "8", "32"} {
			text := strings.NewReplacer("T", elem, "W", width).Replace(`
kernel @change[%M, %N](inout %y: tensor<T,[%M,%N]>) -> () {
  %0 = const 0 : i64
  parallel %m in %0 .. %M by 2, %n in %0 .. %N by W {
    %v = load.in %y[%m, %n] : tile<T,[%m:2,%n:W]>
    %f = cast.rne.sat %v : tile<f32,[%m:2,%n:W]>
    %one = const 1.0 : f32
    %ones = bcast %one : tile<f32,[%m:2,%n:W]>
    %g = add %f, %ones : tile<f32,[%m:2,%n:W]>
    %w = cast.rne.sat %g : tile<T,[%m:2,%n:W]>
    store.in %y[%m, %n] = %w
    yield
  }
  yield
}
`)
			for _, n := range [][2]int64{{4, 32}, {5, 16}} {
				t.Run(fmt.Sprint(elem, width, n), func(t *testing.T) {
					newCall(t, text, uint64(i), n[0], n[1]).check(scattered, exact)
				})
			}
		}
	}
}

// TestAtomics adds, compares and swaps, with equal indices and indices outside.
func TestAtomics(t *testing.T) {
	t.Parallel()
	text := `
kernel @k[%N, %M](%x: tensor<T,[%N]>, %at: tensor<i64,[%N]>, inout %y: tensor<T,[%M]>) -> () {
  %0 = const 0 : i64
  parallel %n in %0 .. %N by 32 {
    %v = load.in %x[%n] : tile<T,[%n:32]>
    %i = load.in %at[%n] : tile<i64,[%n:32]>
    atomic.KIND.skip %y[%i] = %v
    yield
  }
  yield
}
`
	for i, elem := range []string{"i32", "u8", "i16", "f32", "f16", "bf16", "u64", "f64", "i8"} {
		for _, kind := range []string{"add", "max", "min"} {
			t.Run(elem+kind, func(t *testing.T) {
				c := newCall(t, strings.NewReplacer("T", elem, "KIND", kind).Replace(text), uint64(i), 75, 21)
				c.set("x", 1, 2, 0.5, -3, 7, 4, 0, 8)
				c.set("y", 0, 1, -1, 5)
				c.check(scattered, exact)
			})
		}
	}
	for i, elem := range []string{"i32", "u8", "bool", "u64"} {
		for _, kind := range []string{"and", "or", "xor"} {
			t.Run(elem+kind, func(t *testing.T) {
				newCall(t, strings.NewReplacer("T", elem, "KIND", kind).Replace(text), uint64(i), 75, 21).check(scattered, exact)
			})
		}
	}
}

// TestOldValues holds the old values of atomics: each element is another one, so that they do not depend on an order.
func TestOldValues(t *testing.T) {
	t.Parallel()
	text := `
kernel @k[%N](%x: tensor<T,[%N]>, %b: tensor<bool,[%N]>, inout %y: tensor<T,[%N]>, inout %s: tensor<T,[1]>) -> (%old: tensor<T,[%N]>, %one: tensor<T,[1]>) {
  %0 = const 0 : i64
  parallel %n in %0 .. %N by 32 {
    %v = load.in %x[%n] : tile<T,[%n:32]>
    %m = load.in %b[%n] : tile<bool,[%n:32]>
    %o = atomic.KIND.in %y[%n] = %v if %m : tile<T,[%n:32]>
    store.in %old[%n] = %o
    yield
  }
  %1 = const 1 : i64
  parallel %z in %0 .. %1 by 0 {
    %c = load.in %x[%z] : T
    %w = atomic.KIND.in %s[%z] = %c : T
    store.in %one[%z] = %w
    yield
  }
  yield
}
`
	for i, elem := range []string{"i32", "u8", "i16", "f32", "u64", "f16", "f64"} {
		for _, kind := range []string{"add", "xchg", "max"} {
			t.Run(elem+kind, func(t *testing.T) {
				c := newCall(t, strings.NewReplacer("T", elem, "KIND", kind).Replace(text), uint64(i), 75)
				c.set("x", 1, 2, 0.5, -3, 7, 4, 0, 8)
				c.set("y", 0, 1, -1, 5)
				c.check(scattered, exact)
			})
		}
	}
}

// TestPrint prints scalars, spans and tiles with absent elements.
func TestPrint(t *testing.T) {
	t.Parallel()
	text := `
kernel @k[%M, %N](%x: tensor<f16,[%M,%N]>, %b: tensor<bool,[%N]>) -> (%y: tensor<f16,[%M,%N]>) {
  %0 = const 0 : i64
  parallel %m in %0 .. %M by 4, %n in %0 .. %N by 8 {
    %v = load.in %x[%m, %n] : tile<f16,[%m:4,%n:8]>
    %c = load.in %b[%n] : tile<bool,[%n:8]>
    print "at %v: %v and %v" %n, %v, %M
    print "%v" %c
    store.in %y[%m, %n] = %v
    yield
  }
  yield
}
`
	c := newCall(t, text, 3, 6, 11)
	c.check(scattered, exact)
	if !strings.Contains(c.prints[1], "and 6") {
		t.Errorf("printed %q", c.prints[1])
	}
}

// TestAssert fails for what exists alone.
func TestAssert(t *testing.T) {
	t.Parallel()
	text := `
kernel @k[%N](%x: tensor<i32,[%N]>) -> (%y: tensor<i32,[%N]>) {
  %0 = const 0 : i64
  %one = const 1 : i32
  parallel %n in %0 .. %N by 8 {
    %v = load.in %x[%n] : tile<i32,[%n:8]>
    %o = bcast %one : tile<i32,[%n:8]>
    %c = ge %v, %o : tile<bool,[%n:8]>
    assert %c "all are positive"
    store.in %y[%n] = %v
    yield
  }
  yield
}
`
	c := newCall(t, text, 3, 11)
	c.set("x", 1, 2, 3)
	c.check(scattered, exact)
	c.set("x", 1, 2, 3, 4, 5, 0, 7, 8, 9, 10, 11)
	if _, err := c.run(scattered); err == nil || !strings.Contains(err.Error(), "all are positive") {
		t.Errorf("%v", err)
	}
}

// TestOrder reads what other threads of the block have written, in loops and branches too.
func TestOrder(t *testing.T) {
	t.Parallel()
	text := `
kernel @k[%N](inout %y: tensor<f32,[%N]>, %s: i64) -> (%z: tensor<f32,[%N]>) binds("warps" = "4") {
  %0 = const 0 : i64
  %1 = const 1 : i64
  %3 = const 3 : i64
  parallel %p in %0 .. %1 by 0 {
    for %i in %0 .. %3 by 0 {
      for %n in %0 .. %N by 64 {
        %a = load.in %y[%n] : tile<f32,[%n:64]>
        %r = affine %N + -1*%n + -1 : tile<i64,[%n:64]>
        %b = load.in %y[%r] : tile<f32,[%n:64]>
        %c = add %a, %b : tile<f32,[%n:64]>
        store.in %y[%n] = %c
        yield
      }
      %d = load.in %y[%i] : f32
      store.in %y[%0] = %d
      %more = gt %s, %i : bool
      if %more {
        store.in %y[%3] = %d
        yield
      } else {
        yield
      }
      yield
    }
    for %m in %0 .. %N by 64 {
      %r2 = affine %N + -1*%m + -1 : tile<i64,[%m:64]>
      %e = load.in %y[%r2] : tile<f32,[%m:64]>
      store.in %z[%m] = %e
      yield
    }
    yield
  }
  yield
}
`
	for seed := range uint64(6) {
		for _, n := range []int64{50, 128, 199} {
			c := newCall(t, text, seed, n)
			c.set("y", 1, 2, 3, 4, 5, 6, 7)
			c.set("s", float64(seed)-2)
			c.check(scattered, exact)
			c.check(placed, exact)
		}
	}
}
