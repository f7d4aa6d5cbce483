// Package inspect tells of PTX what it will cost: what its main loops consist of, and what NVIDIA's assembler and
// disassembler, where they are found, say of registers, spills and machine code.
//
// In go modules and texts, out come counts. It always holds that nothing is run but the two tools, and that without them
// everything is told that the text itself tells.
package inspect

import (
	"cmp"
	"slices"
	"strings"

	"github.com/tilec/tilec/codegen/ptx/emu"
	"github.com/tilec/tilec/codegen/ptx/syntax"
)

// Kernel is what the text of a kernel consists of.
type Kernel struct {
	Name string `json:"name"`
	// Instructions counts all, Matrix those that multiply matrices.
	Instructions int `json:"instructions"`
	Matrix       int `json:"matrix"`
	// Loop is the main loop; nil where there is none.
	Loop *Loop `json:"loop,omitempty"`
}

// Loop is the main loop of a kernel: of those without loops inside the first with the most matrix instructions, or where there are none the
// longest.
type Loop struct {
	Instructions int `json:"instructions"`
	Matrix       int `json:"matrix"`
	// Classes counts instructions by what they do, the most frequent first.
	Classes []Count `json:"classes"`
}

// Count is how many instructions are of a class.
type Count struct {
	Class string `json:"class"`
	N     int    `json:"n"`
}

// Kernels tells of the kernels of a module, in their order.
func Kernels(mod *syntax.Module) []Kernel {
	var list []Kernel
	for _, f := range mod.Funcs {
		if !f.Entry || !f.HasBody {
			continue
		}
		k := Kernel{Name: f.Name}
		code := make([]instr, len(f.Body))
		for i, in := range f.Body {
			code[i] = instr{class: string(emu.ClassOf(in)), target: -1, ends: in.Guard == nil && (in.Opcode == "ret" || in.Opcode == "exit")}
			if in.Opcode == "bra" && len(in.Args) > 0 && in.Args[0].Kind == syntax.LabelOperand {
				code[i].target = in.Args[0].Target
			}
			k.Instructions++
			if code[i].class == matrixClass {
				k.Matrix++
			}
		}
		k.Loop = mainLoop(code)
		list = append(list, k)
	}
	return list
}

const matrixClass = string(emu.MatrixClass)

// instr is an instruction with where it jumps to, -1 for nowhere. Ends says that nothing follows it.
type instr struct {
	class  string
	target int
	ends   bool
}

// mainLoop finds the main loop of some code.
func mainLoop(code []instr) *Loop {
	type span struct{ first, last int }
	var loops []span
	for i, in := range code {
		// A jump to itself is what stands behind the end of machine code; what stands behind an end and jumps back from there is
		// an arm of a branch that is seldom taken.
		if in.target >= 0 && in.target < i && !slices.ContainsFunc(code[in.target:i], func(x instr) bool { return x.ends }) {
			loops = append(loops, span{in.target, i})
		}
	}
	var best *Loop
	for i, l := range loops {
		inner := slices.ContainsFunc(loops[:i], func(o span) bool { return o.first >= l.first && o.last <= l.last && o != l })
		if inner {
			continue
		}
		x := &Loop{Instructions: l.last - l.first + 1}
		for _, in := range code[l.first : l.last+1] {
			if in.class == matrixClass {
				x.Matrix++
			}
			at := slices.IndexFunc(x.Classes, func(c Count) bool { return c.Class == in.class })
			if at < 0 {
				at = len(x.Classes)
				x.Classes = append(x.Classes, Count{Class: in.class})
			}
			x.Classes[at].N++
		}
		if best == nil || x.Matrix > best.Matrix || x.Matrix == 0 && best.Matrix == 0 && x.Instructions > best.Instructions {
			best = x
		}
	}
	if best != nil {
		slices.SortFunc(best.Classes, func(a, b Count) int {
			return cmp.Or(cmp.Compare(b.N, a.N), strings.Compare(a.Class, b.Class))
		})
	}
	return best
}
