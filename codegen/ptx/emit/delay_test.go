package emit_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// sums adds the rows of x to a beginning, in steps of 32 columns, and after each step doubles what there is where twice says so.
func sums(elem, beginning string, twice bool) string {
	mul, old := "", "%s"
	if twice {
		mul, old = fmt.Sprintf(`      %%2 = const 2.0 : %s
      %%3 = bcast %%2 : tile<%[1]s,[%%m:16]>
      %%d = mul %%3, %%s : tile<%[1]s,[%%m:16]>
`, elem), "%d"
	}
	return fmt.Sprintf(`kernel @sums[%%M, %%N](%%x: tensor<%[1]s,[%%M,%%N]>) -> (%%y: tensor<%[1]s,[%%M]>) binds("warps" = "4", "fast" = "") {
  %%0 = const 0 : i64
  parallel %%m in %%0 .. %%M by 16 {
    %%1 = const %[2]s : %[1]s
    %%b = bcast %%1 : tile<%[1]s,[%%m:16]>
    %%r = for %%n in %%0 .. %%N by 32 carry (%%s = %%b) : tile<%[1]s,[%%m:16]> {
      %%t = load.in %%x[%%m, %%n] : tile<%[1]s,[%%m:16,%%n:32]>
      %%u = reduce.sum %%t [%%n] : tile<%[1]s,[%%m:16]>
%[3]s      %%v = add %[4]s, %%u : tile<%[1]s,[%%m:16]>
      yield %%v
    }
    store.in %%y[%%m] = %%r
    yield
  }
  yield
}
`, elem, beginning, mul, old)
}

var innerLoop = regexp.MustCompile(`(?s)\n(\$loop\d+):\n.*?bra.uni (\$loop\d+);`)

// TestDelayedSums: what a loop adds up stays in the threads until it ends, counts its beginning once, and is the beginning where
// there are no steps.
func TestDelayedSums(t *testing.T) {
	t.Parallel()
	for i, k := range []struct {
		elem, beginning string
		twice           bool
	}{{"f32", "0.0", false}, {"f32", "3.0", false}, {"f64", "-5.0", false}, {"i32", "7", false}, {"f32", "3.0", true}} {
		for _, size := range [][]int64{{16, 0}, {16, 32}, {5, 7}, {33, 96}, {17, 161}} {
			for _, place := range []placer{placed, scattered} {
				c := newCall(t, sums(k.elem, k.beginning, k.twice), uint64(i), size...)
				c.set("x", 1, 2, -3, 4, 5, 0, 7, -8, 2, 2, 3)
				c.check(place, 0)
			}
		}
		c := newCall(t, sums(k.elem, k.beginning, k.twice), uint64(i), 16, 64)
		c.set("x", 1)
		c.check(placed, 0)
		loop := innerLoop.FindString(c.ptx)
		if !strings.Contains(c.ptx, "shfl") || loop == "" || strings.Contains(loop, "shfl") {
			t.Errorf("%s: lanes are folded in the loop, or nowhere:\n%s", k.elem, c.ptx)
		}
	}
}
