// Package interp is the meaning of the tile IR, of the value stage and of the placed one: it runs a function on real
// arrays.
//
// In go a verified [ir.Func], decoded once by [Compile], and tensors in memory; out come the tensors that the function
// writes, or a [Fault] that names the line of the .tile text. It always holds that
//
//   - every result of an operation is rounded to its element type before anything sees it, in one step;
//   - elements at or past the live length of a span do not exist: tiles are stored without them;
//   - blocks of a phase run in any order on all cores, and yet the outcome is the same on every run, but for the order
//     in which floats are added atomically, and which of several races is reported (and not even that with one worker);
//   - a subscript outside its tensor, a read of what nothing has written, two blocks of one phase writing one element,
//     and a block reading what another block of the phase writes are found, and end the run;
//   - where tiles have layouts of registers nothing else is computed; what goes through a channel goes through memory
//     laid out as its slots are, under the rules of package ring;
//   - a run ends when its context does, and stays within its memory limit.
//
// What is where: program.go decodes operations into steps, run.go runs phases and blocks, frame.go holds the values of
// a worker, memory.go and access.go reach tensors, channel.go runs channels,
// role.go roles, and the other files have the operations by family.
package interp

import (
	"context"
	"fmt"
	"io"
	"math"
	"runtime"
	"sync/atomic"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// Tensor is an array in memory: elements of Elem bits each in a little-endian bit stream that starts at bit BitOffset
// of Data, the last dimension fastest. Strides, in elements and not negative, say otherwise; nil is dense.
type Tensor struct {
	Elem      dtype.Type
	Shape     []int64
	Strides   []int64
	Data      []byte
	BitOffset int
}

// NewTensor makes a dense tensor of zero bits. It fails where the size does not fit in memory.
func NewTensor(elem dtype.Type, shape ...int64) (*Tensor, error) {
	n, ok := volume(shape)
	if !ok || n > math.MaxInt/64 {
		return nil, fmt.Errorf("a tensor of shape %v has too many elements", shape)
	}
	return &Tensor{Elem: elem, Shape: shape, Data: make([]byte, dtype.StreamBytes(elem.Bits(), int(n)))}, nil
}

// Len is the number of elements.
func (t *Tensor) Len() int64 {
	n, _ := volume(t.Shape)
	return n
}

// volume is the number of elements of a shape; ok is false where it overflows or an extent is negative.
func volume(shape []int64) (n int64, ok bool) {
	n, ok = 1, true
	for _, d := range shape {
		switch {
		case d < 0:
			return 0, false
		case d == 0:
			return 0, true
		case n > math.MaxInt64/d:
			ok = false
		default:
			n *= d
		}
	}
	return n, ok
}

// Arg is the value of a parameter: Tensor for a tensor, Int for a scalar of integers or bool (0, 1; u64 as its bits),
// Float for a scalar of floats.
type Arg struct {
	Tensor *Tensor
	Int    int64
	Float  float64
}

// Options say how to run. The zero value runs on all cores, without limits but that of memory.
type Options struct {
	// Workers is the number of blocks that run at once, 0 for one a core. With one worker a run is deterministic even
	// where blocks add floats atomically.
	Workers int
	// Context ends the run early when it is done; nil is never.
	Context context.Context
	// Progress, if set, is told now and then how many blocks of the named phase are done. Calls do not overlap.
	Progress func(phase string, done, total int64)
	// Print is where print statements write, nil for nowhere.
	Print io.Writer
	// Multiplies, if set, is added the multiply-adds of all contractions, of elements that exist.
	Multiplies *atomic.Int64
	// MaxSteps bounds the blocks and loop iterations of a run, 0 for no bound.
	MaxSteps int64
	// Schedule is the seed of the order in which the roles of a block run.
	Schedule uint64
	// MaxMemory bounds the bytes of temps, shadows and tiles, 0 for 8 GiB.
	MaxMemory int64
	// Instructions runs those that a program writes for a target; without it they are an error.
	Instructions Instructions
	// Resident is how many blocks of a phase are held at a time, as far as a function asks; 0 is 3.
	Resident int64
	// Device, if set, runs the blocks of parallel operations. What is initialised, and who races, is then its to check.
	Device Device
}

// Device runs parallel operations in the interpreter's place, which is left with what stands around them.
type Device interface {
	// Temp makes the memory of a temp, of so many bytes. What it gives may be nil if the function itself, outside of
	// parallel operations, has no loads and stores of it.
	Temp(o *ir.Op, bytes int) ([]byte, error)
	// Resident is how many blocks of the phase behind an operation the device holds at a time.
	Resident(o *ir.Op) (int64, error)
	// Launch runs the blocks of a parallel operation. There is at least one.
	Launch(g *Grid) error
	// Reads comes before the function itself reads or writes elements of a tensor: a parameter or the result of a temp.
	Reads(tensor *ir.Value) error
	// Wrote tells of a tensor that the function itself has written to.
	Wrote(tensor *ir.Value) error
}

// Grid is a parallel operation that a run has reached.
type Grid struct {
	Op *ir.Op
	// Counts are the numbers of blocks along each binding, Blocks their product.
	Counts []int64
	Blocks int64

	run *run
}

// Scalar is the value of a scalar of the function's body that is known here.
func (g *Grid) Scalar(v *ir.Value) Arg {
	c := &g.run.main.cells[g.run.prog.cells[v]]
	switch c.class {
	case f32Class:
		return Arg{Float: float64(c.f32[0])}
	case f64Class:
		return Arg{Float: c.f64[0]}
	case intClass:
		return Arg{Int: c.i64[0]}
	}
	if c.b[0] {
		return Arg{Int: 1}
	}
	return Arg{}
}

const defaultMemory = 8 << 30

func (o Options) workers() int {
	if o.Workers > 0 {
		return o.Workers
	}
	return runtime.GOMAXPROCS(0)
}

// Kind is a class of faults.
type Kind uint8

// The kinds.
const (
	Internal      Kind = iota // the IR breaks its own rules: a failure of the compiler
	BadArgs                   // the caller's arguments do not fit the function
	Required                  // a launch contract does not hold
	Bounds                    // a subscript outside its tensor or tile
	Uninitialised             // a read of what nothing has written
	Race                      // two blocks of a phase meet in one element
	DivideByZero              // integer division or modulus by zero
	Asserted                  // an assertion that does not hold
	Limit                     // memory or steps
	Cancelled                 // the context ended
	Deadlock                  // a wait that nothing can end
)

func (k Kind) String() string {
	return [...]string{"internal", "arguments", "require", "bounds", "uninitialised", "race", "division", "assert", "limit",
		"cancelled", "deadlock"}[k]
}

// Fault is why a run ended early: what was wrong, where in the .tile text, and, where two places disagree, the other.
type Fault struct {
	Kind    Kind
	Pos     ir.Pos
	Message string // one sentence, without a place
	Other   ir.Pos // the zero Pos where there is none
	Err     error  // the cause, for errors.Is: of Cancelled the context's error

	block int64 // the block it happened in, or the later of two
}

// Error is the place, the message, and the other place.
func (f *Fault) Error() string {
	s := f.Message
	if f.Pos != (ir.Pos{}) {
		s = f.Pos.String() + ": " + s
	}
	if f.Other != (ir.Pos{}) {
		s += " (the other place: " + f.Other.String() + ")"
	}
	return s
}

// Unwrap is the cause, nil where the fault is its own.
func (f *Fault) Unwrap() error { return f.Err }

func faultf(kind Kind, pos ir.Pos, format string, args ...any) *Fault {
	return &Fault{Kind: kind, Pos: pos, Message: fmt.Sprintf(format, args...)}
}
