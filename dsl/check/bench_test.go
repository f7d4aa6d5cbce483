package check

import (
	"testing"

	"github.com/tilec/tilec/ir/dtype"
)

// BenchmarkInstantiate is the cost of one variant.
func BenchmarkInstantiate(b *testing.B) {
	prog, list := Load(Config{}, "../../kernels/attention")
	report(b, list)
	k := prog.Packages[0].Kernel("attention")
	bind := Bindings{Generics: map[string]Value{"T": TypeValue(dtype.F32), "D": IntValue(64), "causal": BoolValue(true), "left": IntValue(5)}}
	for b.Loop() {
		if v, list := k.Instantiate(bind); v == nil {
			report(b, list)
		}
	}
}
