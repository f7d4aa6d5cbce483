package fragment_test

import (
	"strings"
	"testing"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/ir/layout/fragment"
)

// Every NVIDIA instruction of the table is in the instruction set of the PTX back end: for the same targets, with
// vectors of as many registers as the fragments have.
func TestFormsAreInPTX(t *testing.T) {
	order := map[string][]string{
		"mma.sync": {"d", "a", "b", "c"}, "wgmma": {"d", "a"}, "ldmatrix": {"d", "rows"}, "stmatrix": {"rows", "a"}, "movmatrix": {"d", "a"},
	}
	compared := 0
	for _, a := range fragment.Atoms() {
		shorts, ok := order[a.ISA]
		if !ok {
			continue
		}
		opcode, rest, _ := strings.Cut(a.Form, ".")
		var mods []string
		for _, m := range strings.Split(rest, ".") {
			mods = append(mods, "."+m)
		}
		found := false
		for _, f := range ptx.Forms(opcode) {
			pick, ok, _, _ := f.Match(mods)
			if !ok || a.ISA == "wgmma" && f.Operands[1].Vector == "" {
				continue // the form with both operands in shared memory
			}
			found = true
			for _, arch := range []string{"sm_80", "sm_86", "sm_89", "sm_90a", "sm_120", "sm_120a"} {
				target, err := ptx.ParseTarget(arch)
				if err != nil {
					t.Fatal(err)
				}
				if f.Where.Has(target) != a.Has(arch) {
					t.Errorf("%s on %s: %v, PTX has it on %v", a.Name, arch, a.Has(arch), f.Where)
				}
			}
			for i, short := range shorts {
				o := &f.Operands[i]
				if o.Kind == ptx.Address {
					continue
				}
				frag, _ := a.Operand(short)
				bits := max(f.TypeOf(o, pick).Bits(), 32)
				if n := max(f.Count(o, pick), 1) * bits / 32; int64(n) != frag.Registers {
					t.Errorf("%s has %d registers, PTX %d (%v)", frag.Name, frag.Registers, n, f)
				}
				compared++
			}
		}
		if !found {
			t.Errorf("%s: PTX has no %s", a.Name, a.Form)
		}
	}
	if compared < 1000 {
		t.Errorf("only %d operands compared", compared)
	}
}
