package emit_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestCopy loads and stores every width of element.
func TestCopy(t *testing.T) {
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
