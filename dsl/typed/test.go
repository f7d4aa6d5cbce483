package typed

import "github.com/tilec/tilec/ir/dtype"

// Statements of tests and benches. All dimensions are known, loops over integers are unrolled by the checker, and
// functions are inlined, so what is left is straight-line: generated tensors, kernel calls, float64 (or integer)
// expressions over whole tensors, and expectations. A tensor of a test is a [Tensor] with constant Dims, read by
// [Load]: element types without arithmetic and all floats are read as f64, other integers as i64 (bool stays bool).
type (
	// Gen makes a tensor. Kind: randn uniform randint randcode randperm zeros ones full iota values. Lo and Hi are
	// the arguments of uniform, randint, randcode, randperm (Hi only); Values those of full (one) and values (all, row-major).
	// Seed is distinct for each Gen of a test and the same in every run with the same seed.
	Gen struct {
		S
		Tensor *Tensor
		Kind   string
		Lo, Hi float64
		Values []Expr
		Seed   uint64
	}
	// Call runs a kernel variant. Args are its inputs and inouts, Outs its outputs and inouts, in the order of Kernel.Params; an
	// inout tensor is copied in and its result is in Outs.
	Call struct {
		S
		Kernel *Kernel
		Args   []Arg
		Outs   []*Tensor
		// Sizes are the values of Kernel.Sizes for this call.
		Sizes []int64
	}
	// Define gives a tensor of the test the values of an expression over Axes, which are its dimensions in order.
	Define struct {
		S
		Tensor *Tensor
		Axes   []*Axis
		Value  Expr
	}
	// Expect holds a result to an expected value. Op is "==", "same" (bits) or "" (X is a bool that must be true
	// everywhere; comparisons other than == are written so).
	Expect struct {
		S
		Op     string
		X, Y   Expr
		Within Expr   // nil, or the t of |x − y| ≤ t·(1 + |y|)
		Text   string // as written
	}
)

// Arg is an argument of a Call: a whole tensor, a scalar, or an expression over Axes rounded to the parameter's type.
type Arg struct {
	Tensor *Tensor
	Value  Expr
	Axes   []*Axis // with Value, for a tensor parameter: its dimensions in order
}

// ReadType is the element type a test reads elements of type t as.
func ReadType(t dtype.Type) dtype.Type {
	switch {
	case t == dtype.Bool:
		return t
	case t.IsInt() && t.Arithmetic():
		return dtype.I64
	}
	return dtype.F64
}
