package casts_test

import (
	"fmt"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/casts"
	"github.com/tilec/tilec/ir/dtype"
)

// Eight signed integers of 4 bits in a word, elements 0, 2, 4, 6 in its lower half and 1, 3, 5, 7 in its upper one, become
// four registers of two f16.
func ExampleMake() {
	s, err := casts.Make(dtype.I4, dtype.F16, ptx.Target{SM: 80}, casts.Interleaved, casts.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Print(s.Text(func(o casts.Operand) string {
		return fmt.Sprintf("%%%c%d", map[casts.Kind]rune{casts.Input: 'w', casts.Temp: 't', casts.Output: 'd', casts.Constant: 'c'}[o.Kind], o.Index)
	}))
	fmt.Printf("constants %#x, %d instructions for %d elements\n", s.Constants, s.Instructions(), s.Elements)
	// Output:
	// lop3.b32 %t0, %w0, 0x000f000f, 0x64086408, 106;
	// lop3.b32 %t1, %w0, 0x00f000f0, 0x54805480, 106;
	// shr.b32 %t2, %w0, 8;
	// lop3.b32 %t3, %t2, 0x000f000f, 0x64086408, 106;
	// lop3.b32 %t4, %t2, 0x00f000f0, 0x54805480, 106;
	// sub.f16x2 %d0, %t0, %c0;
	// sub.f16x2 %d1, %t1, %c1;
	// sub.f16x2 %d2, %t3, %c0;
	// sub.f16x2 %d3, %t4, %c1;
	// constants [0x64086408 0x54805480], 9 instructions for 8 elements
}
