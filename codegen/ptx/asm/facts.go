package asm

import (
	"math/bits"
	"strings"
)

// fact is what is known of a register.
type fact struct {
	zeros int // its lowest bits that are 0
	// early says that it depends on nothing but the kernel's parameters and the numbers of thread and block; op and args
	// make it.
	early bool
	op    string
	args  []Arg
}

// Zeros is how many of the lowest bits of an operand are known to be 0.
func (b *Builder) Zeros(x Arg) int {
	switch x.kind {
	case intArg:
		return bits.TrailingZeros64(uint64(x.num))
	case regArg:
		return b.facts[x.reg].zeros
	}
	return 0
}

// SetZeros says that so many of the lowest bits of a register are always 0.
func (b *Builder) SetZeros(r Reg, n int) {
	f := b.facts[r]
	f.zeros = n
	b.facts[r] = f
}

// learn notes what a pure instruction tells of its result.
func (b *Builder) learn(r Reg, op string, args []Arg) {
	f := fact{early: !strings.HasPrefix(op, "ld.") || strings.HasPrefix(op, "ld.param."), op: op, args: args}
	for _, a := range args {
		a.regs(func(x Reg) { f.early = f.early && b.facts[x].early })
	}
	if r.class == W || r.class == D {
		f.zeros = b.zerosOf(op, args)
	}
	b.facts[r] = f
}

func (b *Builder) zerosOf(op string, args []Arg) int {
	z := func(i int) int { return b.Zeros(args[i]) }
	name, _, _ := strings.Cut(op, ".")
	switch {
	case name == "add" || name == "sub" || name == "or" || name == "xor" || name == "min" || name == "max" || name == "selp":
		return min(z(0), z(1))
	case name == "and":
		return max(z(0), z(1))
	case name == "mul" && !strings.HasPrefix(op, "mul.hi"):
		return z(0) + z(1)
	case strings.HasPrefix(op, "mad.lo"):
		return min(z(0)+z(1), z(2))
	case name == "shl":
		if k, ok := args[1].IntValue(); ok {
			return z(0) + int(k)
		}
	case op == "cvt.s64.s32" || op == "cvt.u64.u32" || op == "cvt.u32.u64" || name == "mov" && args[0].kind != textArg:
		return z(0)
	}
	return 0
}

// Early reports whether an operand depends on nothing but the kernel's parameters and the numbers of thread and block, so
// that [Builder.Again] can compute it anywhere.
func (b *Builder) Early(x Arg) bool {
	r, ok := x.Reg()
	return ok && b.facts[r].early
}

// Again is an early operand, computed where the builder is.
func (b *Builder) Again(x Arg) Arg {
	if x.kind != regArg || x.wide {
		return x
	}
	f := b.facts[x.reg]
	args := make([]Arg, len(f.args))
	for i, a := range f.args {
		args[i] = b.Again(a)
	}
	return R(b.Pure(f.op, x.reg.class, args...))
}

// Before writes code before all that has been written, which may jump behind it; what that computes is not known any more.
func (b *Builder) Before(f func()) {
	old := b.scopes[0]
	b.scopes[0] = &scope{pure: map[string]Reg{}}
	f()
	b.scopes[0].list = append(b.scopes[0].list, old.list...)
}

// Inside is a Scope that nothing leaves, not even what stands outside of all loops and branches.
func (b *Builder) Inside(body func()) {
	root := b.root
	b.root = b.top() + 1
	b.Scope(body)
	b.root = root
}

// Plus is x as a sum: of what it was added to and a number of 0 or more; x and 0 where nothing is known of such a sum.
func (b *Builder) Plus(x Arg) (Arg, int64) {
	f, ok := b.facts[x.reg]
	if x.kind != regArg || !ok || f.op != "add.s64" && f.op != "add.s32" || !b.still(f) {
		return x, 0
	}
	if k, ok := f.args[1].IntValue(); ok && k > 0 {
		return f.args[0], k
	}
	return x, 0
}

// still reports whether the operands of an instruction are what they were.
func (b *Builder) still(f fact) bool {
	for _, a := range f.args {
		if r, ok := a.Reg(); ok && b.vars[r] {
			return false
		}
	}
	return true
}
