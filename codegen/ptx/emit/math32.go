package emit

import (
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
)

// math32 are the functions of f32 that round more than once.
func (v num) math32(e *emitter, code ir.Code, x []asm.Arg) (y asm.Arg, ok bool) {
	switch code {
	case ir.Exp2:
		return v.pure("ex2.approx", x[0]), true
	}
	return y, false
}
