package emu

import (
	"fmt"
	"math/bits"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/syntax"
)

// Program is a module loaded into a machine: its variables have addresses, its kernels are decoded.
type Program struct {
	m       *Machine
	mod     *syntax.Module
	kernels map[string]*kernel
	vars    map[*syntax.Var]*region
}

// kernel is decoded code.
type kernel struct {
	fn       *syntax.Func
	code     []op
	regs     []uint32 // slot of each register of fn; of a predicate its index among predicates
	slots    int      // vecs of a warp's file: registers, constants, special registers
	preds    int
	consts   []constSlot
	specials []specialSlot
	shared   int // bytes of static shared memory, rounded up so that dynamic memory follows aligned
	local    int // bytes of local memory of a thread
	offsets  map[*syntax.Var]uint64
	// Cells of the shadows, as log2 of bytes: the smallest access there is.
	sharedShift, globalShift uint
}

type constSlot struct {
	slot uint32
	bits uint64
	wide bool
}

type specialSlot struct {
	slot uint32
	name string
	wide bool
}

type opKind uint8

const (
	aluOp     opKind = iota // fn on vecs
	aluWideOp               // fn with a wide result
	predOp                  // cmp into predicates
	branchOp
	runOp // run does it all
)

// op is one decoded instruction. Operands are slots of the register file; those that are left out are slot 0.
type op struct {
	kind       opKind
	not        bool
	sync       bool  // waits for lanes: all, or those of the mask in slot members
	guard      int32 // -1 without
	d, a, b, c uint32
	members    uint32
	fn         lanesOp
	cmp        compareOp
	run        func(w *warp, o *op, m uint32) status
	reads      []uint32 // slots of registers that are read
	preads     []uint32
	pd, pd2    int32 // predicates that are written, -1 without
	ps         int32 // predicate that is read, -1 without
	psNot      bool
	target     int
	imm        uint64
	mem        *access
	mat        *matrix
	bool       string // of setp
	pc         int
	in         *syntax.Instr
}

// maxLocal bounds a thread's local memory (PTX ISA: 512 KiB) and static shared memory.
const maxLocal = 512 << 10

// maxSlots bounds a kernel's registers and constants.
const maxSlots = 1 << 16

// maxCode bounds a kernel's instructions: what the history of memory holds of where an access was.
const maxCode = eventPC + 1

// maxVars bounds the bytes of a module's variables.
const maxVars = 1 << 30

// Load gives a module's variables addresses and decodes its kernels.
func (m *Machine) Load(mod *syntax.Module) (*Program, error) {
	p := &Program{m: m, mod: mod, kernels: map[string]*kernel{}, vars: map[*syntax.Var]*region{}}
	total := int64(0)
	for _, v := range mod.Vars {
		if v.Space != ".global" && v.Space != ".const" {
			continue
		}
		total += max(v.Size, 0)
		if v.Size < 0 {
			return nil, fmt.Errorf("%s is declared in another module, which is not read", v.Name)
		}
		if v.Size > maxVars || total > maxVars {
			return nil, fmt.Errorf("the module's variables up to %s have %d bytes, %d are the most", v.Name, total, maxVars)
		}
		m.next = (m.next + uint64(v.Align) - 1) &^ uint64(v.Align-1)
		r, err := m.allocate(v.Name, int(v.Size))
		if err != nil {
			return nil, err
		}
		r.readOnly = v.Space == ".const"
		p.vars[v] = r
	}
	for _, v := range mod.Vars {
		r := p.vars[v]
		if r == nil {
			continue
		}
		for _, in := range v.Init {
			x := in.Bits
			if in.Var != nil {
				if t := p.vars[in.Var]; t != nil {
					x += t.base
				}
			}
			for i := range int64(v.Type.Bits() / 8) {
				r.data[in.Offset+i] = byte(x >> (8 * i))
			}
		}
	}
	for _, f := range mod.Funcs {
		if f.Entry && f.HasBody {
			k, err := p.decode(f)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.Name, err)
			}
			p.kernels[f.Name] = k
		}
	}
	return p, nil
}

func (p *Program) kernel(name string) (*kernel, error) {
	k := p.kernels[name]
	if k == nil {
		return nil, fmt.Errorf("there is no kernel %q", name)
	}
	return k, nil
}

// NotExecuted lists the instructions of a kernel that are read but not executed, with their lines: reaching one is a finding
// that ends the launch.
func (p *Program) NotExecuted(kernel string) []string {
	var list []string
	if k := p.kernels[kernel]; k != nil {
		for i := range k.code {
			if o := &k.code[i]; o.kind == runOp && o.imm == unsupportedMark {
				list = append(list, fmt.Sprintf("%s %s", o.in.Pos, o.in.Name()))
			}
		}
	}
	return list
}

// Variable is a .global or .const variable of the module as a buffer; nil where there is none of that name.
func (p *Program) Variable(name string) *Buffer {
	for _, v := range p.mod.Vars {
		if r := p.vars[v]; r != nil && v.Name == name {
			return &Buffer{r.base, r.data, r}
		}
	}
	return nil
}

// unsupportedMark stands in imm of operations that only say that they are not executed.
const unsupportedMark = ^uint64(0)

type decoder struct {
	p       *Program
	k       *kernel
	byConst map[constSlot]uint32
	byName  map[string]uint32
}

func (p *Program) decode(f *syntax.Func) (*kernel, error) {
	k := &kernel{fn: f, regs: make([]uint32, len(f.Regs)), offsets: map[*syntax.Var]uint64{}, sharedShift: 2, globalShift: 2, preds: 1}
	d := &decoder{p: p, k: k, byConst: map[constSlot]uint32{}, byName: map[string]uint32{}}
	k.slots = 2 // slot 0 stands for operands that are left out
	for i, r := range f.Regs {
		switch {
		case r.Type == ptx.Pred:
			k.regs[i] = uint32(k.preds)
			k.preds++
		default:
			k.regs[i] = d.alloc(r.Type.Bits() > 32)
			if r.Type.Bits() > 64 {
				d.alloc(true)
			}
		}
	}
	if err := d.layout(); err != nil {
		return nil, err
	}
	registers := uint32(k.slots)
	if len(f.Body) > maxCode {
		return nil, fmt.Errorf("a kernel of %d instructions, %d are the most", len(f.Body), maxCode)
	}
	k.code = make([]op, len(f.Body))
	for i, in := range f.Body {
		o := &k.code[i]
		*o = op{guard: -1, pd: -1, pd2: -1, ps: -1, pc: i, in: in}
		if in.Guard != nil {
			o.guard, o.not = int32(k.regs[in.Guard.Reg]), in.Guard.Not
		}
		d.instr(o)
		keep := o.reads[:0]
		for _, s := range o.reads {
			if s < registers && s >= 2 {
				keep = append(keep, s)
			}
		}
		o.reads = keep
		if k.slots > maxSlots {
			return nil, fmt.Errorf("more than %d registers and constants", maxSlots)
		}
	}
	return k, nil
}

func (d *decoder) alloc(wide bool) uint32 {
	if wide {
		d.k.slots += d.k.slots & 1
		s := uint32(d.k.slots)
		d.k.slots += 2
		return s
	}
	d.k.slots++
	return uint32(d.k.slots - 1)
}

// layout places the shared and local variables of the kernel and of the module.
func (d *decoder) layout() error {
	place := func(at *int, v *syntax.Var) error {
		n := (uint64(*at) + uint64(v.Align) - 1) &^ uint64(v.Align-1)
		d.k.offsets[v] = n
		if v.Size > 0 {
			if v.Size > maxLocal || n+uint64(v.Size) > maxLocal {
				return fmt.Errorf("%s has %d bytes of %s memory, which is too much", v.Name, v.Size, v.Space)
			}
			*at = int(n) + int(v.Size)
		}
		return nil
	}
	var dynamic []*syntax.Var
	for _, v := range append(append([]*syntax.Var(nil), d.p.mod.Vars...), d.k.fn.Vars...) {
		switch {
		case v.Space == ".shared" && v.Size < 0:
			dynamic = append(dynamic, v)
		case v.Space == ".shared":
			if err := place(&d.k.shared, v); err != nil {
				return err
			}
		case v.Space == ".local":
			if err := place(&d.k.local, v); err != nil {
				return err
			}
		case v.Space != ".global" && v.Space != ".const":
			// .param inside a body is for calls, which are not executed.
		}
	}
	align := int64(16)
	for _, v := range dynamic {
		align = max(align, v.Align)
	}
	d.k.shared = int((int64(d.k.shared) + align - 1) &^ (align - 1))
	for _, v := range dynamic {
		d.k.offsets[v] = uint64(d.k.shared)
	}
	for _, v := range d.k.fn.Params {
		d.k.offsets[v] = uint64(v.Offset)
	}
	if d.k.shared > ptx.MaxShared {
		return fmt.Errorf("%d bytes of shared memory, %d are the most", d.k.shared, ptx.MaxShared)
	}
	return nil
}

// address is a variable's address in its own space.
func (d *decoder) address(v *syntax.Var) uint64 {
	if r := d.p.vars[v]; r != nil {
		return r.base
	}
	return d.k.offsets[v]
}

func (d *decoder) constant(bits uint64, wide bool) uint32 {
	if !wide {
		bits &= 0xffffffff
	}
	key := constSlot{bits: bits, wide: wide}
	if s, ok := d.byConst[key]; ok {
		return s
	}
	s := d.alloc(wide)
	d.byConst[key] = s
	d.k.consts = append(d.k.consts, constSlot{s, bits, wide})
	return s
}

func (d *decoder) special(name string) uint32 {
	if s, ok := d.byName[name]; ok {
		return s
	}
	wide := name == "%clock64" || name == "%globaltimer" || name == "%gridid"
	s := d.alloc(wide)
	d.byName[name] = s
	d.k.specials = append(d.k.specials, specialSlot{s, name, wide})
	return s
}

// slot is where an operand of type t stands. Integer constants of 16 bits and fewer are cut to them.
func (d *decoder) slot(o *op, a *syntax.Operand, t ptx.Type) uint32 {
	wide := t.Bits() == 64
	switch a.Kind {
	case syntax.RegOperand:
		s := d.k.regs[a.Reg]
		o.reads = append(o.reads, s)
		return s
	case syntax.IntOperand, syntax.FloatOperand:
		return d.constant(constantBits(a, t), wide)
	case syntax.VarOperand:
		return d.constant(d.address(a.Var)+uint64(a.Offset), wide)
	case syntax.SpecialOperand:
		return d.special(a.Name)
	}
	return 0
}

// constantBits is a constant as type t holds it.
func constantBits(a *syntax.Operand, t ptx.Type) uint64 {
	if a.Kind == syntax.IntOperand {
		if n := t.Bits(); n < 64 {
			return a.Bits & (1<<n - 1)
		}
		return a.Bits
	}
	switch {
	case a.FloatBits != 0 && a.FloatBits == t.Bits():
		return a.Bits
	case t.Bits() == 32:
		x := f64(a.Bits)
		if a.FloatBits == 32 {
			x = float64(f32(uint32(a.Bits)))
		}
		return uint64(bits32(float32(x)))
	}
	if a.FloatBits == 32 {
		return bits64(float64(f32(uint32(a.Bits))))
	}
	return a.Bits
}

// width is the number of bits of the register that an operand is, or of its type.
func (d *decoder) width(a *syntax.Operand, t ptx.Type) int {
	if a.Kind == syntax.RegOperand {
		return d.k.fn.Regs[a.Reg].Type.Bits()
	}
	return t.Bits()
}

// typeOf is the type of the i-th operand of the form.
func typeOf(in *syntax.Instr, i int) ptx.Type {
	return in.Form.TypeOf(&in.Form.Operands[i], in.Pick)
}

// predicate is the index of a predicate operand; constants are predicate 0, which is false, perhaps negated.
func (d *decoder) predicate(o *op, a *syntax.Operand) (index int32, not bool) {
	switch a.Kind {
	case syntax.RegOperand:
		i := d.k.regs[a.Reg]
		o.preads = append(o.preads, i)
		return int32(i), a.Not
	case syntax.IntOperand:
		return 0, a.Bits != 0
	}
	return 0, false
}

// destination is the slot of a result, or a scratch slot for _.
func (d *decoder) destination(a *syntax.Operand, wide bool) uint32 {
	if a == nil || a.Kind != syntax.RegOperand {
		name := "_"
		if wide {
			name = "_wide"
		}
		s, ok := d.byName[name]
		if !ok {
			s = d.alloc(wide)
			d.byName[name] = s
		}
		return s
	}
	return d.k.regs[a.Reg]
}

func (d *decoder) pairPredicate(a *syntax.Operand) int32 {
	if a != nil && a.Pair != nil && a.Pair.Kind == syntax.RegOperand {
		return int32(d.k.regs[a.Pair.Reg])
	}
	return -1
}

// instr decodes one instruction.
func (d *decoder) instr(o *op) {
	in := o.in
	ok := false
	switch in.Opcode {
	case "ld", "ldu", "st", "atom", "red":
		ok = d.memory(o)
	case "cp":
		ok = d.copy(o)
	case "ldmatrix", "mma", "movmatrix":
		ok = d.matrixOp(o)
	case "shfl", "vote", "match", "redux", "activemask", "elect":
		ok = d.collective(o)
	case "bar", "barrier", "membar", "fence":
		ok = d.barrier(o)
	case "bra":
		o.kind, o.target, ok = branchOp, in.Args[0].Target, true
	case "brx":
		ok = d.indexed(o)
	case "exit", "ret":
		o.kind, o.run, ok = runOp, exitRun, true
	case "trap", "brkpt":
		o.kind, ok = runOp, true
		o.run = func(w *warp, o *op, m uint32) status {
			w.report(o, m, Trapped, "%s was reached", o.in.Opcode)
			return stopped
		}
	case "nanosleep":
		d.slot(o, &in.Args[0], ptx.U32)
		o.kind, o.run, ok = runOp, func(w *warp, o *op, m uint32) status { return yielded }, true
	case "pmevent", "prefetch", "prefetchu", "discard", "applypriority":
		for i := range in.Args {
			if in.Args[i].Kind == syntax.AddressOperand {
				d.slot(o, &in.Args[i].Elems[0], ptx.U64)
			}
		}
		o.kind, o.run, ok = runOp, func(*warp, *op, uint32) status { return going }, true
	case "createpolicy":
		o.kind, ok = aluWideOp, true
		o.d = d.destination(&in.Args[0], true)
		o.fn = func(d, _, _, _ *vec) { *w64(d) = wide{} }
	default:
		ok = d.arithmetic(o)
	}
	if !ok {
		o.kind, o.imm, o.reads, o.preads = runOp, unsupportedMark, nil, nil
		o.run = func(w *warp, o *op, m uint32) status {
			w.report(o, m, Unsupported, "%s is read but not executed by the emulator", o.in.Name())
			return stopped
		}
	}
}

// indexed is brx.idx.
func (d *decoder) indexed(o *op) bool {
	o.a = d.slot(o, &o.in.Args[0], ptx.U32)
	targets := o.in.Args[1].Targets
	if len(targets) == 0 {
		return false
	}
	o.kind = runOp
	o.run = func(w *warp, o *op, m uint32) status {
		index := &w.regs[o.a]
		rest := m
		for rest != 0 {
			i := index[bits.TrailingZeros32(rest)&31]
			if int(i) >= len(targets) {
				w.report(o, rest, OutOfBounds, "index %d of %d targets", i, len(targets))
				return stopped
			}
			group := uint32(0)
			for l := rest; l != 0; l &= l - 1 {
				k := bits.TrailingZeros32(l) & 31
				group |= bit(index[k] == i) << k
			}
			rest &^= group
			w.splits = append(w.splits, split{pc: targets[i], mask: group})
		}
		w.mask &^= m
		if w.mask == 0 {
			return w.switchOver()
		}
		return going
	}
	return true
}

// arithmetic decodes what works lane by lane, or on predicates.
func (d *decoder) arithmetic(o *op) bool {
	in := o.in
	switch in.Opcode {
	case "setp":
		return d.setp(o)
	case "set":
		return d.set(o)
	case "testp", "isspacep":
		return d.test(o)
	case "selp", "slct":
		return d.selects(o)
	case "mov":
		return d.move(o)
	case "cvta":
		return d.toAddress(o)
	case "bfi", "fns":
		return d.fourOperands(o)
	case "lop3":
		return d.lop3(o)
	case "add", "sub", "addc", "subc":
		if in.Has(".cc") || in.Opcode == "addc" || in.Opcode == "subc" {
			return d.carrying(o)
		}
	case "and", "or", "xor", "not":
		if in.Type("T") == ptx.Pred {
			return d.predicates(o)
		}
	}
	if len(in.Args) == 0 || in.Form.Operands[0].Kind != ptx.Result || in.Args[0].Kind == syntax.VectorOperand {
		return false
	}
	dst := &in.Args[0]
	width := d.width(dst, typeOf(in, 0))
	switch in.Opcode {
	case "cvt":
		source := 32
		if in.Args[1].Kind != syntax.VectorOperand {
			source = d.width(&in.Args[1], typeOf(in, 1))
		}
		o.fn = convertOp(in, width, source)
	case "dp4a", "dp2a":
		o.fn = dotOp(in)
	case "bfe":
		o.fn = extractOp(in.Type("T"))
	default:
		for _, build := range []func(*syntax.Instr) lanesOp{logicOp, halfOp, floatOp, integerOp} {
			if o.fn = build(in); o.fn != nil {
				break
			}
		}
	}
	if o.fn == nil || len(in.Args) > 4 || dst.Pair != nil {
		return false
	}
	o.d = d.destination(dst, width > 32)
	to := [...]*uint32{&o.a, &o.b, &o.c}
	for i := 1; i < len(in.Args); i++ {
		if in.Args[i].Kind == syntax.VectorOperand {
			return false
		}
		*to[i-1] = d.slot(o, &in.Args[i], typeOf(in, i))
	}
	if width > 32 {
		o.kind = aluWideOp
	}
	return true
}
