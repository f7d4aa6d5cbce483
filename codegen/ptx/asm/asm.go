// Package asm writes PTX: a kernel over virtual registers goes in, instruction by instruction, and its text comes out.
//
// Code is built inside out: a loop's body is a list of its own until the loop ends. So an instruction that depends on
// nothing but its operands ([Builder.Pure]) is written once, in the outermost loop that knows all its operands: common
// subexpressions and loop invariants cost nothing, whoever writes them. It always holds that a register is written before
// it is read on every path, where the caller writes registers of its own ([Builder.Var]) before it reads them.
package asm

import (
	"fmt"
	"math"
	"strconv"

	"github.com/tilec/tilec/ir"
)

// Class is the kind of a register.
type Class uint8

// The classes: a predicate, and registers of 16, 32 and 64 bits without a type.
const (
	None Class = iota
	P
	H
	W
	D
)

// Bits is the width of a register.
func (c Class) Bits() int { return [...]int{0, 1, 16, 32, 64}[c] }

// ClassOf is the class that holds so many bits: 1 is a predicate, 16 a half, up to 32 a word, up to 64 a double.
func ClassOf(bits int) Class {
	switch {
	case bits == 1:
		return P
	case bits == 16:
		return H
	case bits <= 32:
		return W
	}
	return D
}

var prefixes = [...]string{"", "%p", "%h", "%r", "%d"}

// Reg is a virtual register; the zero Reg is none.
type Reg struct {
	class Class
	id    int32
}

// Class is the register's class.
func (r Reg) Class() Class { return r.class }

// Valid reports whether it is a register at all.
func (r Reg) Valid() bool { return r.class != None }

func (r Reg) String() string { return prefixes[r.class] + strconv.Itoa(int(r.id)) }

type kind uint8

const (
	regArg kind = iota + 1
	intArg
	floatArg // the bits of an f32 or f64
	textArg
	addrArg
	vecArg
	pairArg // dst|predicate
)

// Arg is an operand of an instruction.
type Arg struct {
	kind kind
	wide bool // a floatArg of 64 bits; a predicate that is negated
	reg  Reg
	num  int64
	text string
	list []Arg
}

// R is a register.
func R(r Reg) Arg {
	if !r.Valid() {
		panic("asm: no register")
	}
	return Arg{kind: regArg, reg: r}
}

// Not is a predicate, negated.
func Not(r Reg) Arg { return Arg{kind: regArg, reg: r, wide: true} }

// Int is an integer constant.
func Int(k int64) Arg { return Arg{kind: intArg, num: k} }

// F32 and F64 are constants, bit for bit.
func F32(x float32) Arg { return Arg{kind: floatArg, num: int64(math.Float32bits(x))} }
func F64(x float64) Arg { return Arg{kind: floatArg, wide: true, num: int64(math.Float64bits(x))} }

// Text is what stands in the text as it is: a special register, a label, a symbol.
func Text(s string) Arg { return Arg{kind: textArg, text: s} }

// At is the address base+offset; Sym is symbol+offset.
func At(base Reg, offset int64) Arg { return Arg{kind: addrArg, reg: base, num: offset} }
func Sym(symbol string, offset int64) Arg {
	return Arg{kind: addrArg, text: symbol, num: offset}
}

// Vec is {a, b, …}; Regs is Vec of registers.
func Vec(list ...Arg) Arg { return Arg{kind: vecArg, list: list} }
func Regs(list ...Reg) Arg {
	args := make([]Arg, len(list))
	for i, r := range list {
		args[i] = R(r)
	}
	return Vec(args...)
}

// Pair is d|p, a result with a predicate beside it.
func Pair(d, p Reg) Arg { return Arg{kind: pairArg, list: []Arg{R(d), R(p)}} }

// Reg is the argument's register, if it is one, not negated.
func (a Arg) Reg() (Reg, bool) { return a.reg, a.kind == regArg && !a.wide }

// IntValue is the argument's value, if it is an integer constant.
func (a Arg) IntValue() (int64, bool) { return a.num, a.kind == intArg }

// FloatBits are the argument's bits, if it is a constant made by F32 or F64.
func (a Arg) FloatBits() (uint64, bool) { return uint64(a.num), a.kind == floatArg }

func (a Arg) write(b []byte) []byte {
	switch a.kind {
	case regArg:
		if a.wide {
			b = append(b, '!')
		}
		b = append(b, prefixes[a.reg.class]...)
		return strconv.AppendInt(b, int64(a.reg.id), 10)
	case intArg:
		return strconv.AppendInt(b, a.num, 10)
	case floatArg:
		if a.wide {
			return fmt.Appendf(b, "0d%016X", uint64(a.num))
		}
		return fmt.Appendf(b, "0f%08X", uint32(a.num))
	case textArg:
		return append(b, a.text...)
	case addrArg:
		b = append(b, '[')
		if a.reg.Valid() {
			b = append(b, prefixes[a.reg.class]...)
			b = strconv.AppendInt(b, int64(a.reg.id), 10)
		} else {
			b = append(b, a.text...)
		}
		if a.num != 0 {
			b = append(b, '+') // before a minus too
			b = strconv.AppendInt(b, a.num, 10)
		}
		return append(b, ']')
	case vecArg:
		b = append(b, '{')
		for i, x := range a.list {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = x.write(b)
		}
		return append(b, '}')
	case pairArg:
		b = a.list[0].write(b)
		b = append(b, '|')
		return a.list[1].write(b)
	}
	panic("asm: an argument of no kind")
}

// regs visits the registers that an argument names.
func (a Arg) regs(visit func(Reg)) {
	if a.reg.Valid() {
		visit(a.reg)
	}
	for _, x := range a.list {
		x.regs(visit)
	}
}

// Instr is one instruction, or a label.
type Instr struct {
	Op    string // with modifiers; empty for a label
	Args  []Arg
	Guard Arg // the zero Arg: always
	Label string
	Pos   ir.Pos
	// Note is a comment behind the instruction.
	Note string
	// pure says that all it does is to write its first operand.
	pure bool
	// place is the shared memory that it reads or writes.
	place Place
	// all says that it is a barrier of all threads that share memory.
	all bool
	// ends says that the threads' own accesses end with it ([Place]).
	ends bool
}

// Param is a parameter of the kernel.
type Param struct {
	Name string
	Bits int // 32 or 64
}
