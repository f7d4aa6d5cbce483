package emit

import (
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
)

// math64 are the functions of f64 that round more than once.
func (v num) math64(e *emitter, code ir.Code, x []asm.Arg) (y asm.Arg, ok bool) {
	return y, false
}
