package emu

import (
	"fmt"
	"testing"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/internal/sample"
	"github.com/tilec/tilec/codegen/ptx/syntax"
)

// Instances of every form run, with operands that nothing wrote, or say that they are not executed; none panics.
func TestEveryFormRuns(t *testing.T) {
	executed, not := 0, map[string]bool{}
	for _, f := range ptx.All() {
		for _, s := range sample.Instances(f) {
			mod, err := syntax.Parse(s.Module())
			if err != nil {
				continue // the parser's tests say whether that is right
			}
			for _, o := range []Options{{MaxInstructions: 1000}, {MaxInstructions: 1000, NoChecks: true}} {
				m := New(o)
				p, err := m.Load(mod)
				if err != nil {
					t.Errorf("%s: %v", s.Text, err)
					continue
				}
				buffer, _ := m.Upload("buffer", make([]byte, 4096))
				rep, err := p.Launch(Launch{Kernel: "k", Block: [3]int{64}, Args: []any{make([]byte, 64), buffer}})
				if err != nil {
					t.Errorf("%s: %v", s.Text, err)
					continue
				}
				if len(p.NotExecuted("k")) == 0 {
					executed++
					continue
				}
				not[f.Opcode] = true
				if n := len(rep.Findings); n == 0 || rep.Findings[n-1].Kind != Unsupported {
					t.Errorf("%s is not executed, but what was found is %v", s.Text, rep.Findings)
				}
			}
		}
	}
	t.Log(executed, "executed; not all of", fmt.Sprint(not))
	if executed < 2000 {
		t.Errorf("%d executed", executed)
	}
}
