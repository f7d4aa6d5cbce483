package cpu

import (
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir/dtype"
)

// class is how a value of an element type is held in a register.
type class uint8

const (
	f32Class  class = iota // every float but f64, as exactly its value
	f64Class               // f64
	i32Class               // integers and bipolar types of up to 32 bits, as the value; u32 as its bits
	i64Class               // integers of 64 bits
	boolClass              // bool, a lane of a mask
)

// classOf is the class of an element type.
func classOf(t dtype.Type) class {
	switch {
	case t.Kind == dtype.BoolKind:
		return boolClass
	case t == dtype.F64:
		return f64Class
	case t.Class() == dtype.ClassF32:
		return f32Class
	case t.Bits() > 32:
		return i64Class
	}
	return i32Class
}

// scalar is the class's LLVM type of one lane.
func (c class) scalar() llx.Type {
	return [...]llx.Type{llx.Float, llx.Double, llx.I32, llx.I64, llx.I1}[c]
}

// typ is the class's LLVM type of some lanes, a scalar type for one.
func (c class) typ(lanes int) llx.Type { return llx.Vec(c.scalar(), lanes) }

// container is the number of bytes of a code in a temporary of the compiler's: whole bytes, a power of two.
func container(t dtype.Type) int {
	switch n := t.Bits(); {
	case n <= 8:
		return 1
	case n <= 16:
		return 2
	case n <= 32:
		return 4
	}
	return 8
}
