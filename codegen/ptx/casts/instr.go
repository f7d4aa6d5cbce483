package casts

import (
	"fmt"
	"math/bits"
	"strings"
)

// Kind is where an operand's value is.
type Kind uint8

// The kinds.
const (
	Input    Kind = iota // an input word
	Temp                 // a temporary 32-bit register, written once
	Half                 // a temporary 16-bit register, written once
	Output               // an output register, written once
	Constant             // a register with a constant: Sequence.Constants
	Literal              // the value itself
	Float                // the value itself, the bits of an f32
)

// Operand is a register or a constant.
type Operand struct {
	Kind  Kind
	Index int    // of a register
	Value uint32 // of a literal
}

// Instr is an instruction: the opcode with its modifiers, what it writes and what it reads, in the order of the PTX text.
type Instr struct {
	Op  string
	Dst []Operand
	Src []Operand
}

// splitOp is the move that names the halves of a register, joinOp the one that makes a register of two halves, the low one
// first. Neither is an instruction of the machine.
const (
	splitOp = "mov.b32 {}"
	joinOp  = "mov.b32 ={}"
)

// Splits reports whether it is the move of a register to two halves, Joins whether it is that of two halves to a register,
// the low one first. Their opcodes are not PTX.
func (in Instr) Splits() bool { return in.Op == splitOp }
func (in Instr) Joins() bool  { return in.Op == joinOp }

// Names gives the registers of a sequence names.
type Names func(Operand) string

// Text is the sequence as PTX, one instruction a line.
func (s *Sequence) Text(names Names) string {
	var b strings.Builder
	name := func(o Operand) string {
		switch o.Kind {
		case Literal:
			if o.Value < 256 {
				return fmt.Sprint(o.Value)
			}
			return fmt.Sprintf("0x%08x", o.Value)
		case Float:
			return fmt.Sprintf("0f%08X", o.Value)
		}
		return names(o)
	}
	for _, in := range s.Code {
		var dst, src []string
		for _, o := range in.Dst {
			dst = append(dst, name(o))
		}
		for _, o := range in.Src {
			src = append(src, name(o))
		}
		op, d, from := in.Op, strings.Join(dst, ", "), strings.Join(src, ", ")
		switch {
		case op == splitOp:
			op, d = "mov.b32", "{"+d+"}"
		case op == joinOp:
			op, from = "mov.b32", "{"+from+"}"
		}
		fmt.Fprintf(&b, "%s %s, %s;\n", op, d, from)
	}
	return b.String()
}

// builder appends instructions to a sequence. Equal constants share a register.
type builder struct {
	s     *Sequence
	words []Operand // that are gathered from
}

func newBuilder(s *Sequence) *builder {
	b := &builder{s: s}
	for i := range s.Words {
		b.words = append(b.words, Operand{Kind: Input, Index: i})
	}
	return b
}

func literal(v uint32) Operand { return Operand{Kind: Literal, Value: v} }

func (b *builder) temp() Operand {
	b.s.Temps++
	return Operand{Kind: Temp, Index: b.s.Temps - 1}
}

func (b *builder) constant(v uint32) Operand {
	for i, c := range b.s.Constants {
		if c == v {
			return Operand{Kind: Constant, Index: i}
		}
	}
	b.s.Constants = append(b.s.Constants, v)
	return Operand{Kind: Constant, Index: len(b.s.Constants) - 1}
}

func (b *builder) emit(op string, dst Operand, src ...Operand) Operand {
	b.s.Code = append(b.s.Code, Instr{op, []Operand{dst}, src})
	return dst
}

// do emits into a new temporary.
func (b *builder) do(op string, src ...Operand) Operand { return b.emit(op, b.temp(), src...) }

// halves names the halves of a register, the low one first.
func (b *builder) halves(x Operand) (lo, hi Operand) {
	lo, hi = Operand{Kind: Half, Index: b.s.Halves}, Operand{Kind: Half, Index: b.s.Halves + 1}
	b.s.Halves += 2
	b.s.Code = append(b.s.Code, Instr{splitOp, []Operand{lo, hi}, []Operand{x}})
	return lo, hi
}

// half is a new 16-bit register.
func (b *builder) half() Operand {
	b.s.Halves++
	return Operand{Kind: Half, Index: b.s.Halves - 1}
}

// output makes the register that was written last, x, output k.
func (b *builder) output(k int, x Operand) {
	out := Operand{Kind: Output, Index: k}
	if x.Kind != Temp {
		b.emit("mov.b32", out, x)
		return
	}
	for i := range b.s.Code {
		for _, ops := range [][]Operand{b.s.Code[i].Dst, b.s.Code[i].Src} {
			for j := range ops {
				if ops[j] == x {
					ops[j] = out
				}
			}
		}
	}
}

// The tables of lop3 that are used: the first operand is a, the second b, the third c (PTX ISA, lop3: a is 0xf0, b 0xcc, c 0xaa).
const (
	lutA, lutB, lutC = 0xf0, 0xcc, 0xaa

	lutAndXor = lutA&lutB ^ lutC
	lutSelect = lutA&lutB | lutC&^lutB
)

// masked is (x & mask) ^ flip in at most one instruction; acc, where it is given, stands for flip.
func (b *builder) masked(x Operand, mask, flip uint32, acc *Operand) Operand {
	switch {
	case acc != nil:
		return b.do("lop3.b32", x, literal(mask), *acc, literal(lutAndXor))
	case mask == ^uint32(0) && flip == 0:
		return x
	case flip == 0:
		return b.do("and.b32", x, literal(mask))
	case mask == ^uint32(0):
		return b.do("xor.b32", x, literal(flip))
	}
	return b.do("lop3.b32", x, literal(mask), literal(flip), literal(lutAndXor))
}

// splat puts a value into each lane of a register.
func splat(v uint32, lanes int) uint32 {
	width := 32 / lanes
	out := v
	for i := 1; i < lanes; i++ {
		out |= v << (i * width)
	}
	return out
}

// span are n ones from bit low on.
func span(low, n int) uint32 { return uint32(uint64(1)<<n-1) << low }

// compactTemps numbers the temporaries that are left anew, in the order in which they are written.
func (s *Sequence) compactTemps() {
	number := make(map[int]int)
	for i := range s.Code {
		for _, o := range s.Code[i].Dst {
			if o.Kind == Temp {
				number[o.Index] = len(number)
			}
		}
	}
	for i := range s.Code {
		for _, ops := range [][]Operand{s.Code[i].Dst, s.Code[i].Src} {
			for j := range ops {
				if ops[j].Kind == Temp {
					ops[j].Index = number[ops[j].Index]
				}
			}
		}
	}
	s.Temps = len(number)
}

// shiftOf is the place of the lowest bit of a mask.
func shiftOf(mask uint32) int { return bits.TrailingZeros32(mask) }
