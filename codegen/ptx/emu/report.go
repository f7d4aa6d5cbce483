package emu

import (
	"fmt"
	"math/bits"
	"strings"

	"github.com/tilec/tilec/codegen/ptx/syntax"
)

// Kind is what is wrong.
type Kind string

// The kinds of findings.
const (
	OutOfBounds    Kind = "out of bounds"
	Misaligned     Kind = "misaligned"
	Uninitialised  Kind = "uninitialised"
	NotArrived     Kind = "not arrived" // bytes of a cp.async that was not waited for
	Race           Kind = "race"
	MissingLanes   Kind = "missing lanes"
	BarrierMisuse  Kind = "barrier"
	Deadlock       Kind = "deadlock"
	Unsupported    Kind = "not executed"
	Trapped        Kind = "trap"
	TooLong        Kind = "too long"
	UndefinedValue Kind = "undefined"
)

// Finding is one thing that is wrong, once for each instruction.
type Finding struct {
	Kind  Kind
	Pos   syntax.Pos // in the PTX text; zero where it is no instruction's
	Loc   syntax.Loc // in the source, where .loc said
	File  string
	Instr string
	Block int // the linear index
	Warp  int
	Lanes uint32
	Text  string
	Times int // how often it happened
}

// String is the finding in one line: the source line where it is known, then the line of PTX.
func (f *Finding) String() string {
	var b strings.Builder
	if f.Loc.Line > 0 {
		fmt.Fprintf(&b, "%s:%d: ", f.File, f.Loc.Line)
	}
	b.WriteString(f.Message())
	return b.String()
}

// Message is String without the place in the source.
func (f *Finding) Message() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", f.Kind, f.Text)
	if f.Pos.Line > 0 {
		fmt.Fprintf(&b, " [ptx %s %s]", f.Pos, f.Instr)
	}
	if f.Lanes != 0 {
		fmt.Fprintf(&b, " (block %d, warp %d, %s)", f.Block, f.Warp, laneList(f.Lanes))
	}
	if f.Times > 1 {
		fmt.Fprintf(&b, ", %d times", f.Times)
	}
	return b.String()
}

// laneList is a mask as text: "lanes 0-15, 31".
func laneList(m uint32) string {
	if m == full {
		return "all lanes"
	}
	var parts []string
	for rest := m; rest != 0; {
		lo := bits.TrailingZeros32(rest)
		hi := lo + bits.TrailingZeros32(^(rest >> lo)) - 1
		if lo == hi {
			parts = append(parts, fmt.Sprint(lo))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", lo, hi))
		}
		if hi >= 31 {
			break
		}
		rest &^= 1<<(hi+1) - 1
	}
	word := "lanes "
	if bits.OnesCount32(m) == 1 {
		word = "lane "
	}
	return word + strings.Join(parts, ", ")
}

// Report is what a launch did.
type Report struct {
	Findings []*Finding
	// Instructions counts warp instructions, Lanes the lanes that executed them, ByClass the warp instructions of each class.
	Instructions uint64
	Lanes        uint64
	ByClass      map[Class]uint64
	// SharedWavefronts counts passes over the banks of shared memory, SharedConflicts how many of them would not be without
	// bank conflicts.
	SharedWavefronts uint64
	SharedConflicts  uint64
	// Lines are the counts of each instruction of the text that ran, in order.
	Lines []LineCount
}

// LineCount is how often an instruction ran.
type LineCount struct {
	Pos          syntax.Pos
	Loc          syntax.Loc
	Instr        string
	Instructions uint64
	Lanes        uint64
	Wavefronts   uint64
	Conflicts    uint64
}

// Err is nil where there are no findings, else an error that tells the first ones.
func (r *Report) Err() error {
	if len(r.Findings) == 0 {
		return nil
	}
	var b strings.Builder
	for i, f := range r.Findings {
		if i == 3 {
			fmt.Fprintf(&b, "\nand %d more", len(r.Findings)-i)
			break
		}
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(f.String())
	}
	return fmt.Errorf("%s", b.String())
}

// Class groups instructions for counting.
type Class string

// The classes.
const (
	IntegerClass Class = "integer"
	FloatClass   Class = "float"
	ConvertClass Class = "convert"
	MoveClass    Class = "move"
	MemoryClass  Class = "memory"
	CopyClass    Class = "async copy"
	MatrixClass  Class = "matrix"
	SyncClass    Class = "sync"
	ControlClass Class = "control"
)

// ClassOf is the class of an instruction.
func ClassOf(in *syntax.Instr) Class {
	switch in.Opcode {
	case "ld", "ldu", "st", "atom", "red", "ldmatrix", "stmatrix", "prefetch", "prefetchu", "discard", "applypriority", "createpolicy":
		return MemoryClass
	case "cp":
		return CopyClass
	case "mma", "wgmma":
		return MatrixClass
	case "bar", "barrier", "membar", "fence", "mbarrier", "shfl", "vote", "match", "redux", "activemask", "elect", "griddepcontrol":
		return SyncClass
	case "bra", "brx", "call", "ret", "exit", "trap", "brkpt", "nanosleep", "pmevent":
		return ControlClass
	case "cvt", "cvta":
		return ConvertClass
	case "mov", "selp", "slct", "movmatrix":
		return MoveClass
	}
	for _, m := range in.Mods {
		switch m {
		case ".f32", ".f64", ".f16", ".f16x2", ".bf16", ".bf16x2", ".f32x2":
			return FloatClass
		}
	}
	return IntegerClass
}
