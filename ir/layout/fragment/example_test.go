package fragment_test

import (
	"fmt"

	"github.com/tilec/tilec/ir/layout"
	"github.com/tilec/tilec/ir/layout/fragment"
)

// Which element of A slot 4 of lane 13 holds.
func ExampleLookup() {
	a, err := fragment.Lookup("mma_m16n8k16_bf16.a")
	if err != nil {
		fmt.Println(err)
		return
	}
	register, bit := a.Place(4)
	fmt.Println(a.Distribution)
	fmt.Println("register", register, "from bit", bit, a.Axes, a.Distribution.Coordinates(a.Distribution.Element(4, 13, 0, 0)))
	// Output:
	// register (2,2,2):(1@1,8@0,8@1), lane (4,8):(2@1,1@0) over (16,16)
	// register 2 from bit 0 [m k] [3 10]
}

// How wgmma reads 64 rows of 128 bf16 that bulk copies with the 128-byte swizzle have put into shared memory.
func ExampleDescribe() {
	operand := layout.Must(fragment.Panels(fragment.MajorK, fragment.Swizzle128, 16, 64, 128))
	reading, err := fragment.Describe(operand, 16)
	if err != nil {
		fmt.Println(err)
		return
	}
	d := layout.Must(reading.Descriptor(0x2000, 5))
	fmt.Println(operand)
	fmt.Println(reading.Form.Major, reading.Form.Mode, reading.Form.SBO, reading.Starts)
	fmt.Printf("%#x\n", layout.Must(d.Encode()))

	padded := layout.Must(layout.New(layout.Ints(64, 64), layout.Ints(72*16, 16)))
	_, err = fragment.Describe(padded, 16)
	fmt.Println(err)
	// Output:
	// swizzle(3,7,3) o (64,(64,2)):(1024,(16,65536))
	// k 128b 1024 [0 32 64 96 8192 8224 8256 8288]
	// 0x4000004000010402
	// descriptor: row 1 lies 1152 bits behind row 0; k-major with swizzle none has it at 128
}
