package asm

import (
	"slices"
	"strconv"

	"github.com/tilec/tilec/ir"
)

// Builder builds one kernel.
type Builder struct {
	// Pos is the place in the source of what is written from now on.
	Pos    ir.Pos
	count  [D + 1]int32
	depth  [D + 1][]int32 // of each register: the scope that it is known in
	scopes []*scope
	rare   []Instr // behind all else
	root   int     // the scope that nothing leaves
	facts  map[Reg]fact
	labels int
	vars   map[Reg]bool // written more than once
	// Now is the shared memory that what is written now reaches.
	Now Place
}

// scope is the function's body, a loop's or a branch's.
type scope struct {
	list []Instr
	loop bool // what is invariant leaves it
	// apart says that it is no loop, but what leaves it goes before it; open that it is a branch that is taken nearly always.
	apart, open bool
	pure        map[string]Reg
	once        map[string][]Reg
}

// NewBuilder is a builder of an empty kernel.
func NewBuilder() *Builder {
	return &Builder{scopes: []*scope{{pure: map[string]Reg{}}}, facts: map[Reg]fact{}, vars: map[Reg]bool{}}
}

func (b *Builder) top() int { return len(b.scopes) - 1 }

func (b *Builder) reg(c Class, depth int) Reg {
	b.count[c]++
	b.depth[c] = append(b.depth[c], int32(depth))
	return Reg{c, b.count[c] - 1}
}

// Reg is a new register, for an instruction that is written next.
func (b *Builder) Reg(c Class) Reg { return b.reg(c, b.top()) }

// Regs are n new registers.
func (b *Builder) Regs(c Class, n int) []Reg {
	list := make([]Reg, n)
	for i := range list {
		list[i] = b.Reg(c)
	}
	return list
}

// Var is a register that is written more than once. Inside of a loop that writes it, which must begin after the call,
// nothing that depends on it is taken for invariant: call [Builder.Changes] in the loop's body first.
func (b *Builder) Var(c Class) Reg {
	r := b.Reg(c)
	b.vars[r] = true
	return r
}

// Changes says that the innermost loop or branch writes these registers.
func (b *Builder) Changes(list ...Reg) {
	for _, r := range list {
		b.depth[r.class][r.id] = int32(b.top())
	}
}

// Depth is how many loops and branches stand around the outermost place where an operand is known.
func (b *Builder) Depth(x Arg) int {
	at := 0
	x.regs(func(r Reg) { at = max(at, int(b.depth[r.class][r.id])) })
	return min(at, b.top())
}

// Emit writes an instruction where the builder is.
func (b *Builder) Emit(op string, args ...Arg) {
	s := b.scopes[b.top()]
	s.list = append(s.list, b.mark(Instr{Op: op, Args: args, Pos: b.Pos}))
}

// EmitIf writes an instruction under a predicate.
func (b *Builder) EmitIf(guard Arg, op string, args ...Arg) {
	s := b.scopes[b.top()]
	s.list = append(s.list, b.mark(Instr{Op: op, Args: args, Guard: guard, Pos: b.Pos}))
}

// Do is Emit with a new register of class c for the result, before the other arguments.
func (b *Builder) Do(op string, c Class, args ...Arg) Reg {
	r := b.Reg(c)
	b.Emit(op, append([]Arg{R(r)}, args...)...)
	return r
}

// Pure is the result of an instruction that depends on its operands alone: of an earlier one that is the same, or of one
// that is written in the outermost loop that knows all operands.
func (b *Builder) Pure(op string, c Class, args ...Arg) Reg {
	key := make([]byte, 0, 64)
	key = append(key, op...)
	for _, a := range args {
		key = append(key, ',')
		key = a.write(key)
	}
	known, at := b.outermost(args...)
	for i := b.top(); i >= known; i-- {
		if r, ok := b.scopes[i].pure[string(key)]; ok {
			return r
		}
	}
	r := b.reg(c, at)
	s := b.scopes[at]
	s.list = append(s.list, Instr{Op: op, Args: append([]Arg{R(r)}, args...), Pos: b.Pos, pure: true})
	s.pure[string(key)] = r
	b.learn(r, op, args)
	return r
}

// outermost is the outermost scope that knows all operands, and where what depends on them is written.
func (b *Builder) outermost(args ...Arg) (known, at int) {
	for _, a := range args {
		a.regs(func(r Reg) { known = max(known, int(b.depth[r.class][r.id])) })
	}
	known = min(known, b.top())
	at = known
	// A branch is not left: its instructions may be for nothing. An open one is, for the front of a loop around it.
	for i := b.top(); i > at; i-- {
		if s := b.scopes[i]; !s.loop && !(s.open && b.leaves(at, i)) {
			at = i
		}
	}
	return known, at
}

// Split gives the halves of a word, as Pure does.
func (b *Builder) Split(w Reg) (lo, hi Reg) {
	name := "split," + w.String()
	known, at := b.outermost(R(w))
	for i := b.top(); i >= known; i-- {
		if list, ok := b.scopes[i].once[name]; ok {
			return list[0], list[1]
		}
	}
	lo, hi = b.reg(H, at), b.reg(H, at)
	s := b.scopes[at]
	s.list = append(s.list, Instr{Op: "mov.b32", Args: []Arg{Regs(lo, hi), R(w)}, Pos: b.Pos})
	s.keep(name, lo, hi)
	return lo, hi
}

func (s *scope) keep(name string, list ...Reg) {
	if s.once == nil {
		s.once = map[string][]Reg{}
	}
	s.once[name] = list
}

// Once is what f writes and returns: the first time that it is asked for under a name, where the builder is, and from then
// on for as long as that is known. It is Pure for code that branches.
func (b *Builder) Once(name string, f func() []Reg) []Reg {
	for i := b.top(); i >= 0; i-- {
		if list, ok := b.scopes[i].once[name]; ok {
			return list
		}
	}
	list := f()
	b.scopes[b.top()].keep(name, list...)
	return list
}

// Outermost writes code outside of all loops and branches, before them.
func (b *Builder) Outermost(f func()) {
	scopes := b.scopes
	b.scopes = slices.Clip(scopes[:b.root+1])
	f()
	b.scopes = scopes
}

// leaves reports whether there is a loop between two scopes.
func (b *Builder) leaves(outer, inner int) bool {
	for _, s := range b.scopes[outer+1 : inner] {
		if s.loop && !s.apart {
			return true
		}
	}
	return false
}

// Label is a new name for a label.
func (b *Builder) Label(hint string) string {
	b.labels++
	return "$" + hint + strconv.Itoa(b.labels)
}

// Place writes a label where the builder is. Nothing that is known before it may be forgotten behind it: a label in the
// middle of a scope is reached from within that scope only.
func (b *Builder) Place(label string) {
	s := b.scopes[b.top()]
	s.list = append(s.list, Instr{Label: label})
}

// Loop writes a loop: body, which is run in a scope of its own and branches to begin or end itself. What is invariant goes
// before the loop: the loop's body must be reached once at least, or what it computes purely must be harmless.
func (b *Builder) Loop(body func(begin, end string)) {
	begin, end := b.Label("loop"), b.Label("done")
	b.scopes = append(b.scopes, &scope{loop: true, pure: map[string]Reg{}})
	b.Place(begin)
	body(begin, end)
	b.close()
	b.Place(end)
}

// Scope writes a branch's body: what is computed in it is not known behind it.
func (b *Builder) Scope(body func()) { b.arm(body, false) }

func (b *Builder) arm(body func(), open bool) {
	b.scopes = append(b.scopes, &scope{open: open, pure: map[string]Reg{}})
	body()
	b.close()
}

func (b *Builder) close() {
	s := b.scopes[b.top()]
	b.scopes = b.scopes[:b.top()]
	p := b.scopes[b.top()]
	p.list = append(p.list, s.list...)
}

// If writes code that runs where p is true (or, negated, false) for all threads of the block.
func (b *Builder) If(p Arg, then func()) {
	b.IfElse(p, then, nil)
}

// IfElse writes two arms, of which all threads of the block take the same.
func (b *Builder) IfElse(p Arg, then, els func()) { b.ifElse(p, then, els, false) }

// IfOften is IfElse whose first arm is taken nearly always: what in it does not change in the loop around goes before that, and
// the other arm stands behind the kernel's end.
func (b *Builder) IfOften(p Arg, then, els func()) { b.ifElse(p, then, els, true) }

func (b *Builder) ifElse(p Arg, then, els func(), open bool) {
	not := p
	not.wide = !p.wide
	other, end := b.Label("else"), ""
	b.Apart(func() {
		b.EmitIf(not, "bra.uni", Text(other))
		b.arm(then, open)
		if open && els != nil {
			end = b.Label("end")
			b.Place(end)
			b.aside(func() {
				b.Place(other)
				b.Scope(els)
				b.Emit("bra.uni", Text(end))
			})
			return
		}
		if els != nil {
			end = b.Label("end")
			b.Emit("bra.uni", Text(end))
		}
		b.Place(other)
		if els != nil {
			b.Scope(els)
			b.Place(end)
		}
	})
}

// aside writes code behind the kernel's end, which is reached by branches alone.
func (b *Builder) aside(body func()) {
	at := &scope{loop: true, apart: true, pure: map[string]Reg{}}
	b.scopes = append(b.scopes, at)
	body()
	b.scopes = b.scopes[:b.top()]
	b.rare = append(b.rare, at.list...)
}

// Apart writes code that branches within itself: what goes outside of it goes before all of it.
func (b *Builder) Apart(body func()) {
	b.scopes = append(b.scopes, &scope{loop: true, apart: true, pure: map[string]Reg{}})
	body()
	b.close()
}

// needed is the instructions without those whose results nothing reads.
func (b *Builder) needed() []Instr {
	var reads [D + 1][]int32
	for c := range reads {
		reads[c] = make([]int32, b.count[c])
	}
	count := func(in *Instr, by int32) {
		args := in.Args
		if in.pure {
			args = args[1:]
		}
		for _, a := range args {
			a.regs(func(r Reg) { reads[r.class][r.id] += by })
		}
		in.Guard.regs(func(r Reg) { reads[r.class][r.id] += by })
	}
	all := b.Code()
	for i := range all {
		count(&all[i], 1)
	}
	// What a pure instruction reads stands before it.
	drop := make([]bool, len(all))
	n := len(all)
	for i := len(all) - 1; i >= 0; i-- {
		if r := all[i].Args; all[i].pure && reads[r[0].reg.class][r[0].reg.id] == 0 {
			drop[i] = true
			n--
			count(&all[i], -1)
		}
	}
	list := make([]Instr, 0, n)
	for i, in := range all {
		if !drop[i] {
			list = append(list, in)
		}
	}
	return list
}

// Code is the instructions so far.
func (b *Builder) Code() []Instr { return append(slices.Clip(b.scopes[0].list), b.rare...) }

// Registers is how many registers of a class there are.
func (b *Builder) Registers(c Class) int { return int(b.count[c]) }
