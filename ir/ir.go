// Package ir is the tile IR: what dsl/lower produces, passes rewrite, ir/interp runs and back ends consume.
//
// A [Module] holds one [Func] for each variant of a kernel. A function is SSA with regions: control is structured
// (parallel, for, while, if), every region has one block and one exit, and values that a loop changes are carried
// explicitly. Tiles are values; memory is reached only through tensors. An axis of a tile is a span value, not a
// number: two tiles share an axis if and only if they name the same span, and the elements of a tile beyond the live
// length of a span are absent, not zero.
//
// Operations stand in one table (op.go). What always holds is checked by [Verify] (verify.go) and lists there.
package ir

import (
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
)

// Pos is a place in a source text, carried by every operation through all passes, so that whatever happens later can
// name the line it is about. The zero Pos is unknown.
type Pos struct {
	File      string
	Line, Col int // one-based; 0 is unknown
}

// Module is a set of functions that were compiled together.
type Module struct {
	Funcs []*Func
}

// Func is one variant of a kernel: generics, tile sizes and element types are bound, sizes and data are not.
type Func struct {
	Name string
	// Binds are the generics and schedule words this variant was made for, in declaration order, for people and for
	// the manifest; they have no meaning left in the body.
	Binds []Bind
	// Sizes are the dimensions known at launch. Size i is Body.Args[i], an i64 scalar.
	Sizes []*Size
	// Params are the kernel's arguments, inputs before outputs. Param i is Body.Args[len(Sizes)+i].
	Params []*Param
	Body   *Region
	Pos    Pos
}

// Bind is a name and its value as text, such as T = bf16 or BM = 64.
type Bind struct {
	Name, Value string
	// Pos is where a schedule word stands; the text of a function does not have it.
	Pos Pos
}

// Size is a dimension known at launch.
type Size struct {
	Name string
	// Def, if not nil, computes the size from earlier ones (a dimension found only in outputs, defined by `require`).
	// Otherwise the size is bound by the first parameter, left to right, that has it as a bare dimension.
	Def *Dim
}

// Role says how a kernel may use a parameter.
type Role uint8

const (
	In    Role = iota // read-only
	Out               // starts undefined
	InOut             // read and written
)

func (r Role) String() string { return [...]string{"in", "out", "inout"}[r] }

// Param is a kernel parameter: a tensor or a scalar. Inputs and outputs never overlap in memory.
type Param struct {
	Name string
	Role Role
	Type Type // Scalar or Tensor
	Pos  Pos
}

// DimOp is the operator of a [Dim].
type DimOp uint8

const (
	DimConst DimOp = iota // K
	DimSize               // Func.Sizes[Size]
	DimAdd
	DimSub
	DimMul
	DimDiv // floors; of a tensor's extent it is exact, checked at launch
	DimMod
	DimMin
	DimMax
	DimCdiv
)

// Dim is an extent of a tensor: an expression over the function's sizes.
type Dim struct {
	Op   DimOp
	K    int64 // DimConst
	Size int   // DimSize: index into Func.Sizes
	X, Y *Dim
}

// Kind is the kind of a [Type].
type Kind uint8

const (
	None   Kind = iota
	Scalar      // Elem
	Tile        // Elem over Axes, in order
	Tensor      // Elem in memory, Dims, Mem
	Span        // a run of at most Width consecutive indices
	Chan        // a ring of Depth slots in shared memory (placed stage)
	Slot        // one of its slots
)

// Mem is the memory form of a tensor.
type Mem uint8

const (
	Dense   Mem = iota // row-major and contiguous; elements narrower than a byte in little-endian bit order, last dimension fastest
	Strided            // any strides, the last one 1
	Packed             // the compiler's own layout; PackName names it where kernels share it
)

// Type is the type of a value in the value stage. Types are compared with [Type.Equal].
type Type struct {
	Kind     Kind
	Elem     dtype.Type
	Axes     []Axis // Tile; Chan and Slot, whose axes have an extent and no span
	Dims     []*Dim // Tensor
	Mem      Mem    // Tensor
	PackName string // Tensor, Packed
	Width    int64  // Span: the largest number of indices
	// Layout says which elements of a tile each register of each lane and warp of a block holds; nil in the value stage, where
	// nothing has a place yet. Its tile has the axes in the same order, each of at least the extent; the rest is absent,
	// as is what lies past a span's live length.
	Layout *layout.Distribution
	// Shared says where in shared memory the elements of a slot or of a tile that lies in one are: from the coordinates,
	// the first axis first, to bits from the slot's beginning. Nil for all other types.
	Shared *layout.Layout
	Depth  int64 // Chan: slots
}

// Axis is one axis of a tile type: the span it runs over and that span's width, which is the axis's static extent.
// Elements at positions at or past the span's live length are absent.
type Axis struct {
	Span   *Value
	Extent int64
}

// Region is one block of operations with arguments. Its last operation is a yield.
type Region struct {
	Args []*Value
	Ops  []*Op
	// Parent is the operation that holds the region, nil for a function's body.
	Parent *Op
}

// Value is defined once: by an operation (Def, result number Index) or as argument Index of Region.
type Value struct {
	ID     int // dense in its function, assigned by Func.Number; for printing and for tables
	Name   string
	Type   Type
	Def    *Op
	Region *Region
	Index  int
}

// Op is one operation. What its parts mean stands in the operations table under Code.
type Op struct {
	Code     Code
	Operands []*Value
	// Axes are spans the operation names as axes: what a reduction reduces, what an iota runs over.
	Axes    []*Value
	Attrs   []Attr // by key, ascending
	Results []*Value
	Regions []*Region
	Parent  *Region
	Pos     Pos
}

// Attr is a named constant of an operation. Val is an int64, float64, bool, string, []int64 or dtype.Type.
type Attr struct {
	Key string
	Val any
}
