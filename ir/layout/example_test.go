package layout_test

import (
	"fmt"

	"github.com/tilec/tilec/ir/layout"
)

// A tile of 8 by 8 elements out of a matrix of 16 by 32, rows of which lie one behind another.
func ExampleZippedDivide() {
	matrix := layout.Must(layout.RowMajor(16, 32))
	tile := layout.Must(layout.Compact(layout.Int(8)))
	fmt.Println(layout.Must(layout.ZippedDivide(matrix, tile, tile)))
	// Output: ((8,8),(2,4)):((32,1),(256,8))
}

// CuTe answers (2,2):(2,101) here, which is wrong at two of four indices: no layout of this profile is right.
func ExampleCompose() {
	a := layout.Must(layout.New(layout.Ints(3, 3), layout.Ints(1, 101)))
	_, err := layout.Compose(a, layout.Must(layout.New(layout.Int(4), layout.Int(2))))
	fmt.Println(err)
	// Output: compose: the parts of index 3 of 4:2 add up to 6 with a carry in (3,3):(1,101): its offset there is 202, and the strides give 104
}

// The swizzle of 128-byte rows in 16-byte chunks, of 2-byte elements, and of the same rows in bytes.
func ExampleRecast() {
	chunks := layout.Must(layout.XOR(3, 3, 3))
	rows := layout.Must(layout.WithSwizzle(chunks, layout.Must(layout.RowMajor(8, 64))))
	fmt.Println(layout.Must(layout.Recast(rows, 16, 8)))
	fmt.Println(rows.Vector(1), "elements side by side")
	// Output:
	// swizzle(3,4,3) o (8,128):(128,1)
	// 8 elements side by side
}

// The registers of a warp group are made of the accumulators of one matrix instruction.
func ExampleDistribution_RightDivide() {
	accumulator := layout.Must(layout.Must(layout.Must(layout.Local(2, 1)).Mul(layout.Must(layout.Spatial(8, 4)))).Mul(layout.Must(layout.Local(1, 2))))
	tile := layout.Must(layout.Must(layout.Must(layout.Atom("warps", 4, 1)).Mul(layout.Must(layout.Local(1, 8)))).Mul(accumulator))
	fmt.Println(tile.Factors())
	fmt.Println(layout.Must(tile.RightDivide(accumulator)).Factors())
	// Output:
	// warps(4,1) * column_local(2,8) * spatial(8,4) * local(1,2) true
	// warps(4,1) * local(1,8) true
}
