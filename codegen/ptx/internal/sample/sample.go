// Package sample writes instructions from rows of the instruction table, for tests of the parser, the emulator and an
// assembler: each row with each of its modifiers at least once, over the registers of Module.
package sample

import (
	"fmt"
	"strings"

	"github.com/tilec/tilec/codegen/ptx"
)

// Instances are instructions of a form: as many as its largest group has words, and with the optional modifiers both there
// and left out.
func Instances(f *ptx.Form) []Instance {
	most := 2
	for _, g := range f.Groups {
		n := len(g.Words)
		if g.Optional {
			n++
		}
		most = max(most, n)
	}
	var out []Instance
	seen := map[string]bool{}
	for i := range most {
		s, p := instance(f, i)
		if !seen[s] {
			seen[s] = true
			v, t := home(f, p)
			out = append(out, Instance{s, v, t})
		}
	}
	return out
}

// Instance is an instruction's text, with a version and a processor that have it: sm_80 where it does, else the first one.
type Instance struct {
	Text    string
	Version ptx.Version
	Target  ptx.Target
}

// Module is the text of a kernel around it.
func (i Instance) Module() string { return module(i.Version, i.Target, i.Text) }

func instance(f *ptx.Form, i int) (string, ptx.Pick) {
	p := make(ptx.Pick, len(f.Groups))
	var b strings.Builder
	b.WriteString(f.Opcode)
	for k, g := range f.Groups {
		n := len(g.Words)
		if g.Optional {
			p[k] = int8(i%(n+1)) - 1
		} else {
			p[k] = int8(i % n)
		}
		if p[k] >= 0 {
			b.WriteString(g.Words[p[k]])
		}
	}
	sep := " "
	for k := range f.Operands {
		o := &f.Operands[k]
		if o.With != "" && f.Word(p, o.With) == "" || o.Optional && i%2 == 0 {
			if o.Optional {
				break
			}
			continue
		}
		b.WriteString(sep + operand(f, o, p, k, i))
		sep = ", "
	}
	return b.String(), p
}

func operand(f *ptx.Form, o *ptx.Operand, p ptx.Pick, k, i int) string {
	t := f.TypeOf(o, p)
	if o.Wider && i%3 == 2 { // a register wider than the type
		t = ptx.B64
	}
	switch o.Kind {
	case ptx.Address, ptx.Tensor:
		base := address(f, o, p)
		if o.Kind == ptx.Address {
			return "[" + base + "]"
		}
		var c []string
		for i := range f.Count(o, p) {
			c = append(c, fmt.Sprintf("%%b32_%d", i))
		}
		return "[" + base + ", {" + strings.Join(c, ", ") + "}]"
	case ptx.Label:
		return "NEXT"
	case ptx.Targets:
		return "TABLE"
	case ptx.Callee:
		return "nothing"
	case ptx.Constant:
		return constant(f, k, t)
	}
	if f.Opcode == "mbarrier" && o.Kind == ptx.Result && f.Word(p, "S") == ".shared::cluster" {
		return "_"
	}
	if n := f.Count(o, p); n > 0 {
		var c []string
		for i := range n {
			c = append(c, register(t, 8*k+i))
		}
		return "{" + strings.Join(c, ", ") + "}"
	}
	if o.Kind == ptx.Result && t != ptx.Pred {
		k += 140 // apart from the elements of vectors
	}
	s := register(t, k)
	if o.Pair || o.MustPair {
		s += fmt.Sprintf("|%%pred_%d", (k+4)%8)
	}
	return s
}

func register(t ptx.Type, i int) string {
	switch t {
	case ptx.Pred:
		return fmt.Sprintf("%%pred_%d", i%8)
	case ptx.F32, ptx.F64:
		return fmt.Sprintf("%%%s_%d", t, i%160)
	}
	return fmt.Sprintf("%%b%d_%d", t.Bits(), i%160)
}

func address(f *ptx.Form, o *ptx.Operand, p ptx.Pick) string {
	space := o.Space
	if space != "" && space[0] != '.' {
		space = f.Word(p, space)
	}
	switch {
	case f.Opcode == "tcgen05":
		return "%b32_0"
	case strings.HasPrefix(f.String(), "st.bulk"):
		return "%b64_0"
	case strings.HasPrefix(space, ".shared"):
		return "sm"
	case space == ".local":
		return "lm"
	case space == ".const":
		return "cm"
	case strings.HasPrefix(space, ".param"):
		return "pa"
	}
	return "%b64_0"
}

func constant(f *ptx.Form, k int, t ptx.Type) string {
	switch {
	case t == ptx.F32:
		return "1.0"
	case f.Opcode == "cp" && k == 2:
		return "16"
	case f.Opcode == "lop3":
		return "0xe8"
	case f.Opcode == "setmaxnreg":
		return "24"
	case f.Opcode == "discard", f.Opcode == "applypriority", f.Opcode == "fence":
		return "128"
	case f.Opcode == "st", f.Opcode == "mma", f.Opcode == "wgmma" && k == 4 && strings.Contains(f.String(), ".sp."):
		return "0"
	}
	return "1"
}

// module is a kernel around an instruction, with the registers, variables and labels that instances name.
func module(version ptx.Version, t ptx.Target, instr string) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".version %s\n.target %s\n.address_size 64\n.const .align 16 .b8 cm[64];\n.func nothing() { ret; }\n", version, t)
	b.WriteString(".visible .entry k(.param .align 16 .b8 pa[64], .param .u64 buffer)\n{\n.reg .pred %pred_<8>;\n.shared .align 128 .b8 sm[4096];\n.local .align 16 .b8 lm[64];\n")
	for _, r := range []string{"b8", "b16", "b32", "b64", "f32", "f64"} {
		fmt.Fprintf(&b, ".reg .%s %%%s_<160>;\n", r, r)
	}
	if version >= 83 {
		b.WriteString(".reg .b128 %b128_<160>;\n")
	}
	if strings.Contains(instr, "TABLE") {
		b.WriteString("TABLE: .branchtargets NEXT;\n")
	}
	b.WriteString("ld.param.u64 %b64_0, [buffer];\nmov.u32 %b32_0, %tid.x;\n")
	fmt.Fprintf(&b, "%s;\nNEXT:\nret;\n}\n", instr)
	return b.String()
}

func home(f *ptx.Form, p ptx.Pick) (ptx.Version, ptx.Target) {
	v, w := f.Needs(p)
	t := ptx.Target{SM: max(80, w.From)}
	if len(w.Only) > 0 {
		t = w.Only[0]
	}
	v = max(v, 80)
	for t.CheckVersion(v) != nil {
		v++
	}
	return v, t
}
