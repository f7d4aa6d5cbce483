// Package codegen is what all targets share: how a target is asked to compile, and what it gives back.
//
// In goes a function of the tile IR after the passes; out comes an artefact: text for people, code for a machine, and a
// manifest that says all a launcher must know. It always holds that an artefact depends on nothing but the function, the
// target and its options, so that it may be kept under a key made of these.
package codegen

import (
	"context"
	"fmt"

	"github.com/tilec/tilec/ir"
)

// Target compiles functions for one kind of machine.
type Target interface {
	// Name is the target's name, such as cpu or sm_80.
	Name() string
	// Compile compiles a function. The function is not changed.
	Compile(ctx context.Context, fn *ir.Func, o Options) (*Artefact, error)
}

// Options of a compilation.
type Options struct {
	// Level names the instruction set within the target, such as avx2; empty takes the best that this machine runs.
	Level string
	// Deterministic keeps the order of every sum the same for any number of threads.
	Deterministic bool
	// Text asks for the readable stages too, and Places for what their lines come from.
	Text, Places bool
	// Verify checks the function at the stages in between: a test of the compiler, not of what it compiles.
	Verify bool
}

// Artefact is a compiled kernel.
type Artefact struct {
	Manifest Manifest
	// Code is what the machine loads: an ELF object, a cubin, a code object.
	Code []byte
	// Stages are the readable texts, in the order they are made.
	Stages []Stage
	Report Report
}

// Stage is the text of a kernel at one stage of its compilation.
type Stage struct {
	Name string // ir, llvm, assembly, ptx
	Ext  string // the file name's extension: .tir, .ll, .s, .ptx
	Text string
	// Places are where in the sources the lines come from, one for each, the zero Pos for nowhere. Nil if they were not
	// asked for.
	Places []ir.Pos
}

// Manifest says all that a launcher must know of a kernel.
type Manifest struct {
	Kernel  string   `json:"kernel"`
	Target  string   `json:"target"`
	Level   string   `json:"level,omitempty"`
	Binds   []string `json:"binds,omitempty"` // name=value
	Slots   []Slot   `json:"slots"`
	Phases  []Phase  `json:"phases"`
	Scratch int64    `json:"scratch,omitempty"` // bytes of memory of its own that each worker needs
	Faults  []Fault  `json:"faults,omitempty"`
	Prints  []Print  `json:"prints,omitempty"`
	// Host is the text of the function with empty phases: what a launcher of a GPU target runs (ir/interp does), launching
	// the phases' kernels in turn, with one block for each combination of a phase's bindings. TempSlot's Index is that of
	// the operation in the host program's body.
	Host string `json:"host,omitempty"`
}

// SlotKind says what a slot of a launch's context holds.
type SlotKind string

const (
	SizeSlot      SlotKind = "size"      // Func.Sizes[Index]
	TensorSlot    SlotKind = "tensor"    // the address of Func.Params[Index]
	ScalarSlot    SlotKind = "scalar"    // the value of Func.Params[Index]
	StrideSlot    SlotKind = "stride"    // the stride in elements of dimension Dim of Func.Params[Index], which is strided
	TempSlot      SlotKind = "temp"      // the address of scratch memory of Bytes(sizes) bytes, shared by all blocks
	ValueSlot     SlotKind = "value"     // eight bytes of the kernel's own, zero at first
	BufferSlot    SlotKind = "buffer"    // the address of Size bytes of the kernel's own
	WorkspaceSlot SlotKind = "workspace" // the address of a workspace, made before the phase that asks for it
	PrintSlot     SlotKind = "print"     // the address of a print buffer of PrintBytes
	CancelSlot    SlotKind = "cancel"    // set to 1 by the launcher to end the kernel early
	// Of GPU targets, whose launcher runs Manifest.Host:
	HostSlot  SlotKind = "host"  // the value of result Dim of operation Index of the host program's body, a scalar
	CountSlot SlotKind = "count" // the number of steps (u32) of binding Index of the phase
	FaultSlot SlotKind = "fault" // the address of a u32, zero at first: 1 + the number of the fault that ended the kernel
)

// Slot is eight bytes of a launch's context.
type Slot struct {
	Kind  SlotKind `json:"kind"`
	Name  string   `json:"name,omitempty"`
	Index int      `json:"index,omitempty"`
	Dim   int      `json:"dim,omitempty"`
	Size  int64    `json:"size,omitempty"`
	// Dims and Bits give a temp's extent and its elements' width.
	Dims []*ir.Dim `json:"dims,omitempty"`
	Bits int       `json:"bits,omitempty"`
	// Layout is how a packed tensor lies in memory; empty is dense, as all others.
	Layout string `json:"layout,omitempty"`
}

// Phase is a part of a kernel that ends before the next begins.
type Phase struct {
	Name string `json:"name,omitempty"`
	// Grid is the symbol of the function that counts the blocks, Run of the one that runs some.
	Grid string `json:"grid"`
	Run  string `json:"run"`
	// Workspace is the symbol of the function that gives the bytes of the workspace in slot WorkspaceSlot; empty for none.
	Workspace     string `json:"workspace,omitempty"`
	WorkspaceSlot int    `json:"workspaceSlot,omitempty"`
	// Serial phases have one block.
	Serial bool `json:"serial,omitempty"`
	// Ordered phases print: their blocks run one after the other on one thread.
	Ordered bool `json:"ordered,omitempty"`
	// Entry is the kernel that runs one block of a GPU target's phase, of so many threads, with so many bytes of dynamic
	// shared memory. Its parameters are the slots, in order, of 4 bytes where their value has at most 32 bits, else of 8. The blocks
	// stand in a row (grid dimension x): the number of a block counts the bindings of the phase, the last fastest.
	Entry   string `json:"entry,omitempty"`
	Threads int    `json:"threads,omitempty"`
	Shared  int64  `json:"shared,omitempty"`
	Params  []Slot `json:"params,omitempty"`
	// Registers is how many 32-bit registers of a thread of a GPU hold values at once at least.
	Registers int `json:"registers,omitempty"`
}

// Fault is a way in which a kernel ends with an error. Its number stands in the manifest's order.
type Fault struct {
	Kind string `json:"kind"` // assert, require, grid
	Text string `json:"text"`
	Pos  ir.Pos `json:"pos"`
}

// PrintBytes is the size of a print buffer. It begins with an i64, the bytes in use, itself included. A record is an i64,
// the number of the print statement, an i64, the bytes of the record, and for each value its rank, its live lengths and
// its elements in row-major order, the first PrintElements of them: floats as a float64, all else as an i64. A span is its
// first index and one past its last, of rank 1 and length 2. What does not fit is a fault.
const PrintBytes = 64 << 20

// PrintElements is how many elements of a value a record has at most; no more are shown.
const PrintElements = 1000

// Print is a print statement: records of the print buffer name it by its number.
type Print struct {
	Text  string    `json:"text"`
	Types []ir.Type `json:"-"`
	Pos   ir.Pos    `json:"pos"`
}

// Report is what a person asks of a compiled kernel.
type Report struct {
	// Plans are how each contraction is computed, a line each.
	Plans []string `json:"plans,omitempty"`
	// Vectors is the width of the vectors in bits, Instructions the number of instructions in the code.
	Vectors      int `json:"vectors,omitempty"`
	Instructions int `json:"instructions,omitempty"`
	// Spills are the instructions in innermost loops that save a register or take it back, as there are too few.
	Spills int `json:"spills"`
	// Scratch and Workspace are bytes.
	Scratch int64 `json:"scratch"`
	// Steps are the parts of the compilation and their time in nanoseconds.
	Steps []Step `json:"steps,omitempty"`
}

// Step is a part of a compilation.
type Step struct {
	Name  string `json:"name"`
	Nanos int64  `json:"ns"`
}

// Unsupported is what a target cannot compile.
type Unsupported struct {
	Target string
	What   string
	Pos    ir.Pos
}

func (u *Unsupported) Error() string {
	if u.Pos.File == "" {
		return fmt.Sprintf("target %s: %s", u.Target, u.What)
	}
	return fmt.Sprintf("%s:%d:%d: target %s: %s", u.Pos.File, u.Pos.Line, u.Pos.Col, u.Target, u.What)
}
