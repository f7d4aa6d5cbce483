package interp

import (
	"strings"
	"testing"

	"github.com/tilec/tilec/ir/dtype"
)

// TestReadAndUpdate: a block that reads what it updates, before or after, meets one that only updates, whichever of
// them is first.
func TestReadAndUpdate(t *testing.T) {
	const text = `
kernel @b[%N](%x: tensor<i32,[%N]>) -> (inout %y: tensor<i32,[%N]>) {
  %0 = const 0 : i64
  %1 = const 1 : i64
  %2 = const 2 : i64
  %one = const 1 : i32
  parallel %b in %0 .. %2 {
    %c = eq %b, WHICH : bool
    if %c {
      FIRST
      SECOND
      yield
    } else {
      atomic.add.in %y[%2] = %one @14
      yield
    }
    yield
  }
  yield
}
`
	x, y := blank(dtype.I32, 8), blank(dtype.I32, 8)
	read, add := "%v = load.in %y[%2] : i32 @11\n", "atomic.add.in %y[%2] = %one @12\n"
	for _, order := range [][2]string{{read, add}, {add, read}} {
		for _, which := range []string{"%0", "%1"} {
			faultOf(t, strings.NewReplacer("FIRST", order[0], "SECOND", order[1], "WHICH", which).Replace(text),
				tensors(x, y), Race, "reads", "y[2]", "k.tile:11:1")
		}
	}
	// Alone it may.
	mustRun(t, strings.NewReplacer("FIRST", add, "SECOND", read, "WHICH", "%b", "%2 {", "%1 {").Replace(text), x, y)
}
