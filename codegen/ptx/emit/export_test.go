package emit

import (
	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
)

// EmitPlaced compiles a function that is placed already.
func (t Target) EmitPlaced(fn *ir.Func) (*codegen.Artefact, error) {
	if err := verify(fn); err != nil {
		return nil, err
	}
	a := &codegen.Artefact{Manifest: codegen.Manifest{Kernel: fn.Name, Target: t.Name()}}
	kernels, _, err := t.kernels(fn, &a.Manifest)
	if err != nil {
		return nil, err
	}
	text, _ := asm.Module(t.SM, t.version(kernels), kernels)
	a.Code = []byte(text)
	return a, nil
}
