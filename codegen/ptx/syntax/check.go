package syntax

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tilec/tilec/codegen/ptx"
)

// check finds the form of an instruction, or says what is wrong with it: a modifier, an operand, or that the version or the
// processor lacks the form.
func (p *parser) check(in *Instr, places []Pos, end Pos) {
	forms := ptx.Forms(in.Opcode)
	if forms == nil {
		p.fail(in.Pos, "%s is no instruction that is known", in.Opcode)
	}
	var (
		deepest  = -1
		want     []string
		problem  *Error
		progress = -1
		missing  bool
		since    ptx.Version
		where    ptx.Where
		fitting  *ptx.Form
	)
	for _, f := range forms {
		pick, ok, fitted, expected := f.Match(in.Mods)
		if !ok {
			if fitted > deepest {
				deepest, want = fitted, nil
			}
			if fitted == deepest {
				want = append(want, expected...)
			}
			continue
		}
		fitting = f
		in.Form, in.Pick = f, pick
		at, err := p.operands(in)
		switch {
		case err != nil && at > progress:
			progress, problem = at, err
		case err != nil:
		case !p.has(f, pick):
			v, w := f.Needs(pick)
			if !missing || !where.Has(p.mod.Target) && w.Has(p.mod.Target) {
				missing, since, where = true, v, w
			}
		default:
			if err := p.ranges(in); err != nil {
				p.fail(err.Pos, "%s", err.Msg)
			}
			return
		}
	}
	switch {
	case missing && !where.Has(p.mod.Target):
		p.fail(in.Pos, "%s needs %s, the text is for %s", in.Name(), where, p.mod.Target)
	case missing:
		p.fail(in.Pos, "%s needs .version %s, the text says %s", in.Name(), since, p.mod.Version)
	case fitting != nil:
		p.fail(problem.Pos, "%s: %s", in.Name(), problem.Msg)
	}
	// No form has these modifiers.
	var words []string
	over := false
	for _, w := range want {
		if w == "" {
			over = true
		} else if !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	slices.Sort(words)
	if len(words) > 12 {
		words = append(words[:12], "others")
	}
	if over {
		words = append(words, "the operands")
	}
	if deepest < len(places) {
		p.fail(places[deepest], "%s%s does not take %s here: %s can stand there", in.Opcode, strings.Join(in.Mods[:deepest], ""), in.Mods[deepest], list(words))
	}
	p.fail(end, "%s is not complete: %s must follow", in.Name(), list(words))
}

// has reports whether the text's version and processor have the form with these modifiers.
func (p *parser) has(f *ptx.Form, pick ptx.Pick) bool {
	v, w := f.Needs(pick)
	return p.mod.Version >= v && w.Has(p.mod.Target)
}

// operands fits the arguments to the operands of the form; at is how many fitted before an error.
func (p *parser) operands(in *Instr) (at int, err *Error) {
	f := in.Form
	in.Slots = make([]int8, len(f.Operands))
	next := 0
	for i := range f.Operands {
		o := &f.Operands[i]
		in.Slots[i] = -1
		switch {
		case o.With != "" && in.Word(o.With) == "":
			continue
		case next == len(in.Args):
			if o.Optional {
				continue
			}
			pos := in.Pos
			if next > 0 {
				pos = in.Args[next-1].Pos
			}
			return next, &Error{pos, fmt.Sprintf("operand %d is missing, %s", next+1, p.expected(in, o))}
		}
		if msg, pos := p.operandFits(in, o, &in.Args[next]); msg != "" {
			return next, &Error{pos, fmt.Sprintf("operand %d: %s", next+1, msg)}
		}
		in.Slots[i] = int8(next)
		next++
	}
	if next < len(in.Args) {
		return next, &Error{in.Args[next].Pos, fmt.Sprintf("%d operands, %d are expected", len(in.Args), next)}
	}
	return next, nil
}

// expected describes an operand for a message.
func (p *parser) expected(in *Instr, o *ptx.Operand) string {
	t := in.Form.TypeOf(o, in.Pick)
	one := ""
	switch o.Kind {
	case ptx.Value, ptx.Symbolic:
		one = "a register or constant of type " + t.String()
		if t == ptx.Pred {
			one = "a predicate"
		} else if c := t.Class(); c == ptx.PackedClass || t == ptx.F16 {
			one = "a register for " + t.String()
		}
	case ptx.Register, ptx.Result:
		one = "a register for " + t.String()
	case ptx.Constant:
		one = "a constant of type " + t.String()
	case ptx.Address:
		one = "an address in brackets"
	case ptx.Tensor:
		one = fmt.Sprintf("[address, {%d coordinates}]", max(1, in.Form.Count(o, in.Pick)))
	case ptx.Label:
		one = "a label"
	case ptx.Targets:
		one = "the name of a .branchtargets"
	case ptx.Callee:
		one = "a function"
	case ptx.SharedRef:
		one = "a descriptor or an address"
	}
	if n := in.Form.Count(o, in.Pick); n > 0 && o.Kind != ptx.Tensor {
		one = fmt.Sprintf("%d in braces, each %s,", n, one)
	}
	return one + " is expected"
}

// operandFits is empty where the argument fits, else what is wrong with it and where.
func (p *parser) operandFits(in *Instr, o *ptx.Operand, a *Operand) (string, Pos) {
	if a.Pair != nil {
		if !o.Pair && !o.MustPair {
			return "no second result can stand behind a bar here", a.Pair.Pos
		}
		if a.Pair.Kind != SinkOperand && (a.Pair.Kind != RegOperand || a.Pair.Not || p.fn.Regs[a.Pair.Reg].Type != ptx.Pred) {
			return "a predicate is expected behind the bar", a.Pair.Pos
		}
	} else if o.MustPair {
		return "a predicate must follow behind a bar", a.Pos
	}
	t := in.Form.TypeOf(o, in.Pick)
	bad := func() (string, Pos) {
		return p.expected(in, o), a.Pos
	}
	switch o.Kind {
	case ptx.Address:
		if a.Kind != AddressOperand {
			return bad()
		}
		return p.addressFits(in, o, a)
	case ptx.Tensor:
		if a.Kind != TensorOperand || len(a.Elems)-1 != in.Form.Count(o, in.Pick) {
			return bad()
		}
		for i := range a.Elems[1:] {
			if msg := p.valueFits(o, t, &a.Elems[1+i]); msg != "" {
				return msg, a.Elems[1+i].Pos
			}
		}
		return p.addressFits(in, o, a)
	case ptx.Label:
		if a.Kind != LabelOperand {
			return bad()
		}
		return "", Pos{}
	case ptx.Targets:
		if a.Kind != ListOperand {
			return bad()
		}
		return "", Pos{}
	case ptx.Callee:
		return "", Pos{}
	case ptx.SharedRef:
		if a.Kind == AddressOperand {
			return p.addressFits(in, o, a)
		}
	}
	if n := in.Form.Count(o, in.Pick); n > 0 {
		if a.Kind != VectorOperand || len(a.Elems) != n {
			return bad()
		}
		for i := range a.Elems {
			if msg := p.valueFits(o, t, &a.Elems[i]); msg != "" {
				return msg, a.Elems[i].Pos
			}
		}
		return "", Pos{}
	}
	return p.valueFits(o, t, a), a.Pos
}

// valueFits holds a register or constant against a type.
func (p *parser) valueFits(o *ptx.Operand, t ptx.Type, a *Operand) string {
	switch a.Kind {
	case RegOperand:
		r := p.fn.Regs[a.Reg]
		switch {
		case o.Kind == ptx.Constant:
			return "a constant is expected"
		case a.Not && o.Kind == ptx.Result:
			return "a result cannot be negated"
		case !t.Takes(r.Type, o.Wider):
			return fmt.Sprintf("%s has type %s, which cannot stand where %s is expected", r.Name, r.Type, t)
		}
		return ""
	case SinkOperand:
		if !o.Sink {
			return "_ cannot stand here"
		}
		return ""
	case SpecialOperand:
		s := specials[strings.SplitN(a.Name, ".", 2)[0]]
		if o.Kind != ptx.Symbolic && !(t == ptx.Pred && s.t == ptx.Pred) {
			return "a special register can only be moved"
		}
		if c := t.Class(); c != ptx.BitsClass && c != s.t.Class() || t.Bits() > s.t.Bits() || t.Bits() < 16 && t != ptx.Pred {
			return fmt.Sprintf("%s cannot be read as %s", a.Name, t)
		}
		return ""
	case VarOperand:
		if o.Kind != ptx.Symbolic {
			return "the address of a variable cannot stand here"
		}
		if t.Bits() != 32 && t.Bits() != 64 || t.Class() != ptx.BitsClass && t.Class() != ptx.IntClass {
			return fmt.Sprintf("an address cannot be moved as %s", t)
		}
		return ""
	case IntOperand, FloatOperand:
		if o.Kind == ptx.Result || o.Kind == ptx.Register || o.Kind == ptx.SharedRef {
			return "a register is expected"
		}
		if t == ptx.Pred {
			if a.Kind == IntOperand {
				return ""
			}
			return "a predicate is expected"
		}
		if t.Class() == ptx.PackedClass || t == ptx.F16 {
			return fmt.Sprintf("a constant cannot stand for %s", t)
		}
		_, msg := constant{float: a.Kind == FloatOperand, bits: a.Bits, floatBits: a.FloatBits}.as(t)
		return msg
	}
	return fmt.Sprintf("a register%s is expected", map[bool]string{true: " or constant"}[o.Kind == ptx.Value])
}

// stateSpace is the space of an operand without its sub-space: .shared of .shared::cta; empty where any will do.
func stateSpace(in *Instr, o *ptx.Operand) string {
	s := o.Space
	if s != "" && s[0] != '.' {
		s = in.Word(s)
	}
	s, _, _ = strings.Cut(s, "::")
	return s
}

func (p *parser) addressFits(in *Instr, o *ptx.Operand, a *Operand) (string, Pos) {
	space := stateSpace(in, o)
	base := &a.Elems[0]
	switch base.Kind {
	case RegOperand:
		r := p.fn.Regs[base.Reg]
		if c := r.Type.Class(); c != ptx.IntClass && c != ptx.BitsClass || r.Type.Bits() < 16 || r.Type.Bits() > 64 {
			return fmt.Sprintf("%s has type %s, which is no address", r.Name, r.Type), base.Pos
		}
		if base.Not {
			return "an address cannot be negated", base.Pos
		}
		if r.Type.Bits() < 64 && (space == ".global" || space == ".const" || space == "" && o.Kind == ptx.Address && (in.Opcode == "ld" || in.Opcode == "st" || in.Opcode == "atom" || in.Opcode == "red")) {
			return fmt.Sprintf("%s has %d bits, an address in this space has 64", r.Name, r.Type.Bits()), base.Pos
		}
	case VarOperand:
		v := base.Var.Space
		if v == ".reg" {
			return "a register parameter is no address", base.Pos
		}
		if v == ".param" && p.fn.Entry && slices.Contains(p.fn.Params, base.Var) && (in.Opcode == "st" || strings.HasSuffix(in.Word(o.Space), "::func")) {
			return fmt.Sprintf("%s is a parameter of the kernel, which can only be read, as .param", base.Var.Name), base.Pos
		}
		if space != "" && space != v {
			return fmt.Sprintf("%s is in %s, the instruction is for %s", base.Var.Name, v, space), base.Pos
		}
		if space == "" && v == ".param" && o.Space != "" {
			return fmt.Sprintf("%s is a parameter: .param must be said", base.Var.Name), base.Pos
		}
	case IntOperand:
		if space != ".local" && space != "" {
			return "a constant is no address here: a register or a variable is expected", base.Pos
		}
	}
	return "", Pos{}
}

// ranges checks what the values of constants must be.
func (p *parser) ranges(in *Instr) *Error {
	num := func(i int) (uint64, Pos, bool) {
		if i < len(in.Args) && in.Args[i].Kind == IntOperand {
			return in.Args[i].Bits, in.Args[i].Pos, true
		}
		return 0, Pos{}, false
	}
	bad := func(pos Pos, format string, args ...any) *Error {
		return &Error{pos, in.Name() + ": " + fmt.Sprintf(format, args...)}
	}
	switch in.Opcode {
	case "bar", "barrier":
		if in.Has(".warp") || in.Has(".cluster") {
			return nil
		}
		at := 0
		if in.Has(".red") {
			at = 1
		}
		if n, pos, ok := num(at); ok && n > 15 {
			return bad(pos, "barrier %d: there are 0 to 15", int64(n))
		}
		if n, pos, ok := num(at + 1); ok && (n%32 != 0 || n > 1024 || n == 0 && in.Has(".arrive")) {
			return bad(pos, "%d threads: a multiple of 32 is expected", int64(n))
		}
	case "cp":
		return p.copyRanges(in, num, bad)
	case "mbarrier":
		if in.Word("S") == ".shared::cluster" && in.Args[0].Kind == RegOperand {
			return bad(in.Args[0].Pos, "_ is expected: a barrier of another block gives no state")
		}
	case "setmaxnreg":
		if n, pos, ok := num(0); ok && (n < 24 || n > 256 || n%8 != 0) {
			return bad(pos, "%d registers: a multiple of 8 from 24 to 256 is expected", int64(n))
		}
	case "cvt":
		if in.Has(".sat") && in.Type("D") == in.Type("A") && in.Type("D").Class() == ptx.IntClass {
			return bad(in.Pos, ".sat does nothing between equal types")
		}
	case "wgmma":
		if in.Has(".mma_async") {
			for i := range in.Form.Operands {
				o := in.Arg(i)
				if o == nil || o.Kind != IntOperand || i < 4 || in.Has(".sp") && i < 6 {
					continue
				}
				first := 4
				if in.Has(".sp") {
					first = 6
				}
				if n := int64(o.Bits); i < first+2 && n != 1 && n != -1 {
					return bad(o.Pos, "a scale of %d: 1 and -1 are expected", n)
				} else if i >= first+2 && n != 0 && n != 1 {
					return bad(o.Pos, "a transpose of %d: 0 and 1 are expected", n)
				}
			}
		}
		if in.Has(".wait_group") {
			if n, pos, ok := num(0); ok && n > 7 {
				return bad(pos, "0 to 7 groups are expected")
			}
		}
	}
	return nil
}

func (p *parser) copyRanges(in *Instr, num func(int) (uint64, Pos, bool), bad func(Pos, string, ...any) *Error) *Error {
	if len(in.Mods) < 2 || in.Mods[0] != ".async" || in.Mods[1] != ".ca" && in.Mods[1] != ".cg" {
		return nil
	}
	n, pos, _ := num(2)
	switch {
	case in.Has(".cg") && n != 16:
		return bad(pos, "%d bytes: .cg copies 16", int64(n))
	case n != 4 && n != 8 && n != 16:
		return bad(pos, "%d bytes: 4, 8 or 16 are expected", int64(n))
	}
	if k, pos, ok := num(3); ok && k > n && in.Form.Operands[3].Type == ptx.U32 {
		return bad(pos, "%d bytes are read, %d copied", int64(k), int64(n))
	}
	return nil
}
