// Package syntax reads PTX text.
//
// In goes the text of a module, out comes a Module whose instructions have each been held against the table of codegen/ptx:
// modifiers, number and kinds of operands, register types, ranges of constants, the .version and the processor. It always
// holds that what Parse returns without an error names only registers, variables, labels and functions that are
// declared, and that any text at all gives a Module or errors with their line and column, in time and memory linear in it.
//
// Modifiers must stand in the manual's order, where ptxas allows several. Textures, surfaces, vector registers, the video
// instructions and wmma are not read.
package syntax

import (
	"fmt"
	"strings"

	"github.com/tilec/tilec/codegen/ptx"
)

// Module is one text.
type Module struct {
	Version ptx.Version
	Target  ptx.Target
	Vars    []*Var  // of the module's scope, in order
	Funcs   []*Func // with a body or only declared, in order
	Files   map[int]string
}

// Entry is the kernel of that name, nil where there is none.
func (m *Module) Entry(name string) *Func {
	for _, f := range m.Funcs {
		if f.Entry && f.Name == name && f.HasBody {
			return f
		}
	}
	return nil
}

// Var is a variable or a parameter.
type Var struct {
	Pos     Pos
	Name    string
	Space   string // .global, .shared, .const, .local, .param
	Linkage string // .extern, .visible, .weak, .common or empty
	Type    ptx.Type
	Vector  int   // elements of a vector type, else 1
	Align   int64 // bytes
	Size    int64 // bytes; -1 where an .extern array has no size
	Offset  int64 // of a parameter in the parameter block
	Init    []InitValue
}

// InitValue is one element of an initialiser: a number's bits, or the address of Var plus them.
type InitValue struct {
	Offset int64 // bytes from the variable's beginning
	Bits   uint64
	Var    *Var
}

// Reg is a register that a function uses.
type Reg struct {
	Name string
	Type ptx.Type
}

// Func is a kernel (.entry) or a function.
type Func struct {
	Pos      Pos
	Name     string
	Entry    bool
	HasBody  bool
	Linkage  string
	Params   []*Var
	Returns  []*Var
	Regs     []Reg  // those that occur, numbered as Operand.Reg
	Vars     []*Var // declared inside
	Body     []*Instr
	ReqNTid  [3]int // zeros where not given
	MaxNTid  [3]int
	MinNCTA  int
	MaxNReg  int
	Cluster  [3]int
	Pragmas  []string
	LabelPos map[string]int // outermost labels: index into Body of what follows
}

// Loc is the source position that a .loc gave.
type Loc struct{ File, Line, Col int }

// Guard is @p or @!p.
type Guard struct {
	Reg int
	Not bool
}

// Instr is one instruction.
type Instr struct {
	Pos    Pos
	Guard  *Guard
	Opcode string
	Mods   []string // with their dots
	Form   *ptx.Form
	Pick   ptx.Pick
	Args   []Operand // as written
	// Slots holds, for each operand of Form, the index of its argument in Args, -1 where it is left out.
	Slots []int8
	Loc   Loc // zero without a .loc
}

// Name is the opcode with its modifiers.
func (in *Instr) Name() string { return in.Opcode + strings.Join(in.Mods, "") }

// Has reports whether the instruction has the modifier, written with its dot.
func (in *Instr) Has(mod string) bool { return in.Form.Has(in.Pick, mod) }

// Word is the modifier in the group of that name, "" where there is none.
func (in *Instr) Word(group string) string { return in.Form.Word(in.Pick, group) }

// Type is the type in the group of that name, NoType where there is none.
func (in *Instr) Type(group string) ptx.Type { return ptx.ParseType(in.Word(group)) }

// Arg is the argument of the form's i-th operand, nil where it is left out or there is none.
func (in *Instr) Arg(i int) *Operand {
	if i >= len(in.Slots) || in.Slots[i] < 0 {
		return nil
	}
	return &in.Args[in.Slots[i]]
}

// OperandKind is what was written as an operand.
type OperandKind uint8

// The kinds.
const (
	RegOperand     OperandKind = iota
	IntOperand                 // Bits
	FloatOperand               // Bits and FloatBits: 32 or 64 where written as 0f or 0d, 0 where decimal and then in Bits as f64
	VarOperand                 // Var + Offset
	SpecialOperand             // Name, with its component
	VectorOperand              // Elems
	AddressOperand             // [Elems[0] + Offset]
	TensorOperand              // [Elems[0], {Elems[1:]}]
	LabelOperand               // Target
	SinkOperand                // _
	FuncOperand                // Callee
	ListOperand                // Targets
)

// Operand is one operand.
type Operand struct {
	Kind      OperandKind
	Pos       Pos
	Not       bool // !p
	Reg       int
	Bits      uint64
	FloatBits int
	Var       *Var
	Offset    int64
	Name      string
	Elems     []Operand
	Pair      *Operand // the predicate behind a bar
	Target    int      // index into Func.Body; len(Body) is the end
	Targets   []int
	Callee    *Func
}

// Error is one thing wrong with a text.
type Error struct {
	Pos Pos
	Msg string
}

// Error is line:column: message.
func (e *Error) Error() string { return e.Pos.String() + ": " + e.Msg }

// Errors is all that is wrong with a text, in its order, at most 20.
type Errors []*Error

// Error is the first of them and how many more there are.
func (e Errors) Error() string {
	if len(e) == 1 {
		return e[0].Error()
	}
	return fmt.Sprintf("%s (and %d more)", e[0].Error(), len(e)-1)
}
