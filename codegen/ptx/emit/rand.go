package emit

import (
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
)

func (e *emitter) random(code ir.Code, seed, i asm.Arg) asm.Arg {
	e.fail("%s is not compiled", code)
	return seed
}
