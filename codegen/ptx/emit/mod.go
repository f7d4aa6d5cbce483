package emit

import "github.com/tilec/tilec/codegen/ptx/asm"

func (e *emitter) floatMod(v num, x, y asm.Arg) asm.Arg {
	e.fail("the modulus of floats is not compiled")
	return x
}
