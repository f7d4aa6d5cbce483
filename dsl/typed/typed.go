// Package typed is a checked program: what dsl/check produces and dsl/lower and dsl/eval consume.
//
// Names are resolved, generics and tile sizes bound, functions inlined, implicit conversions explicit, subscripts
// proven or marked, and every expression has its type: an element type and the set of axes it varies over. One
// [Kernel] is one variant. Statements of a test are handed out one by one, with all dimensions known.
package typed

import (
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
)

// AxisKind says where an axis comes from.
type AxisKind uint8

const (
	SpanAxis  AxisKind = iota // bound by parallel or for … by: starts at run time, at most Extent indices
	ConstAxis                 // axis j = lo..hi, or a dimension's own axis: indices Lo … Lo+Extent-1, all live
	CopyAxis                  // axis u = t: the indices of Of
	CatAxis                   // axis u = a ++ b: 0 … live(A)+live(B)-1
)

// Axis is an identity: two values share an axis if they hold the same pointer.
type Axis struct {
	Name   string
	Kind   AxisKind
	Lo     int64 // ConstAxis
	Extent int64 // static number of indices, live or not
	Of     *Axis // CopyAxis
	A, B   *Axis // CatAxis
	Span   diag.Span
}

// Type is an element type over a set of axes, listed in order of first appearance. No axes: a scalar.
type Type struct {
	Elem dtype.Type
	Axes []*Axis
}

// Size is a dimension known at launch. Sizes of a kernel come in the order they are bound.
type Size struct {
	Name string
	Def  *ir.Dim // see ir.Size
	Span diag.Span
}

// Tensor is memory: a parameter or a temp.
type Tensor struct {
	Name     string
	Elem     dtype.Type
	Dims     []*ir.Dim // over Kernel.Sizes
	Mem      ir.Mem
	PackName string
	Role     ir.Role // temps: InOut
	Temp     bool
	Shared   bool // the block's own, of the explicit level
	// Swizzle and Align are words of a shared tile, 0 without: see ir.SharedOf.
	Swizzle, Align int64
	Span           diag.Span
}

// Var is a local value or a scalar parameter. Its type never changes.
type Var struct {
	Name string
	Type Type
	Span diag.Span
}

// Param is a kernel parameter: exactly one of Tensor and Scalar is set.
type Param struct {
	Name   string
	Role   ir.Role
	Tensor *Tensor
	Scalar *Var
}

// Kernel is one checked variant of a kernel.
type Kernel struct {
	Package, Name string
	Binds         []ir.Bind // generics, then tile sizes, in declaration order
	Words         []Word    // the schedule's other words, for the target
	Sizes         []*Size
	Params        []*Param
	Body          []Stmt // top level: Require, Assign, AxisDecl, TempDecl, Parallel, For (a phase of one block)
	Pins          []Pin
	Span          diag.Span
	// Tiles are the tile sizes of the schedule, by name, in its order. Again is the kernel with some other ones, and with more words.
	Tiles []TileSize
	Again func(tiles map[string]int64, words []Word) (*Kernel, error)
}

// TileSize is a tile size of a schedule.
type TileSize struct {
	Name  string
	Value int64
}

// Pin fixes the register layout of a tile. The coordinates of the layout are the axes in their order.
type Pin struct {
	Value  string
	Axes   []*Axis
	Layout layout.Distribution
	Span   diag.Span
}

// Word is one schedule entry that is not a tile size: stages = 4, persistent, keep q in registers. Phase is the
// named phase it refines, or empty.
type Word struct {
	Phase, Name string
	Value       string
	Span        diag.Span
}

// Expr is an expression with its type.
type Expr interface {
	Type() Type
	Span() diag.Span
	expr()
}

// X is embedded in every expression.
type X struct {
	T  Type
	At diag.Span
}

func (x *X) Type() Type      { return x.T }
func (x *X) Span() diag.Span { return x.At }
func (x *X) expr()           {}

// BoundsMode says why a subscript may be used.
type BoundsMode uint8

const (
	Proven    BoundsMode = iota // inside, by proof
	Else                        // outside: the value after else, or skip for a store
	Unchecked                   // the author's promise
)

// Name gives the mode's spelling in the IR for loads ("in", "else", "unchecked").
func (m BoundsMode) Name() string { return [...]string{"in", "else", "unchecked"}[m] }

type (
	// Const is a scalar constant: Int for bool, integers and bipolar (u64 as its bits), Float otherwise, already
	// rounded to the type.
	Const struct {
		X
		Int   int64
		Float float64
	}
	// Ref reads a variable.
	Ref struct {
		X
		Var *Var
	}
	// SizeRef reads a dimension (i64).
	SizeRef struct {
		X
		Size *Size
	}
	// Iota is an axis as a value: its indices (i64).
	Iota struct {
		X
		Axis *Axis
	}
	// Bound is m.lo or m.hi (i64 scalar).
	Bound struct {
		X
		Axis *Axis
		Hi   bool
	}
	// Load reads a tensor. Index has one i64 expression for each dimension; the type's axes are their union.
	Load struct {
		X
		Tensor *Tensor
		Index  []Expr
		Mode   BoundsMode
		Out    Expr // Mode Else: the value outside, a scalar of the element type
	}
	// Lookup is a tile subscripted by an axis: Tile[Axis: Index], Index an i64 expression of index values of Axis.
	Lookup struct {
		X
		Tile  Expr
		Axis  *Axis
		Index Expr
		Mode  BoundsMode
		Out   Expr
	}
	// Map is an elementwise operation. Op is an elementwise ir.Code (not Const, Cast, Bits). Operands have the
	// operation's operand types; their axes are subsets of the result's.
	Map struct {
		X
		Op   ir.Code
		Args []Expr
	}
	// Cast converts; Explicit is false for the widenings the language inserts.
	Cast struct {
		X
		Value    Expr
		Round    string // "rne", "rz"
		Overflow string // "sat", "wrap"
		Explicit bool
	}
	// BitCast reinterprets.
	BitCast struct {
		X
		Value Expr
	}
	// Fill is T[a, b](v): v repeated over the type's axes. Axes of v, if it has any, are among them.
	Fill struct {
		X
		Value Expr
	}
	// Reduce reduces Value over Axes. Kind as in ir.Reduce; the type's Elem is what it is done in.
	Reduce struct {
		X
		Kind  string
		Value Expr
		Axes  []*Axis
	}
	// Dot contracts A and B over Axes; ScaleA and ScaleB may be nil. The sum is done in the type's Elem.
	Dot struct {
		X
		A, B           Expr
		ScaleA, ScaleB Expr
		Axes           []*Axis
	}
	// Pack and Unpack: see ir.
	Pack struct {
		X
		Value Expr
		Axis  *Axis
	}
	Unpack struct {
		X
		Value Expr
		Axis  *Axis
	}
	// Cat joins A (over Axis.A) and B (over Axis.B).
	Cat struct {
		X
		A, B Expr
		Axis *Axis
	}
	// Atomic is atomic.kind(t[i], v) used for its old value, or alone in an Eval statement.
	Atomic struct {
		X
		Tensor *Tensor
		Index  []Expr
		Kind   string // as ir.Atomic
		Args   []Expr
		Mode   BoundsMode
	}
	// Result is result number N of a Multi that stands in an earlier Do statement of the same block.
	Result struct {
		X
		Of *Multi
		N  int
	}
	// Let runs statements, then gives Value: an inlined function.
	Let struct {
		X
		Body  []Stmt
		Value Expr
	}
)

// Multi is an operation with several results: scan, topk, sort.
type Multi struct {
	Op     ir.Code // Scan, Topk, Sort
	Kind   string  // Scan: sum prod max func
	Args   []Expr
	Axis   *Axis // what is scanned, or ranked
	To     *Axis // Topk, Sort: the axis of the results
	Func   *Lambda
	Types  []Type
	Source diag.Span
}

// Lambda is the function of a scan, instantiated: Params are the earlier values, then the later ones.
type Lambda struct {
	Params  []*Var
	Body    []Stmt
	Results []Expr
}

// Stmt is a statement.
type Stmt interface {
	Span() diag.Span
	stmt()
}

// S is embedded in every statement.
type S struct{ At diag.Span }

func (s *S) Span() diag.Span { return s.At }
func (s *S) stmt()           {}

// Bind is one binding of parallel or for. With By 0 Var is a scalar, otherwise Axis a span of width By.
type Bind struct {
	Lo, Hi Expr // i64 scalars
	By     int64
	Var    *Var
	Axis   *Axis
}

type (
	// Assign gives all variables their values at once: every value is computed before any is assigned. A value's
	// axes are a subset of its variable's: missing axes repeat. The first assignment of a variable is its definition.
	Assign struct {
		S
		Vars   []*Var
		Values []Expr
	}
	// Do computes a Multi; Result expressions read it.
	Do struct {
		S
		Op *Multi
	}
	// Eval evaluates an Atomic for its effect.
	Eval struct {
		S
		Value *Atomic
	}
	// Store writes Value to a tensor. Add: atomically added (+=).
	Store struct {
		S
		Tensor *Tensor
		Index  []Expr
		Value  Expr // axes a subset of the subscripts'
		Mode   BoundsMode
		Add    bool
	}
	// Scatter replaces elements of a tile variable: Var[Axis: Index] = Value.
	Scatter struct {
		S
		Var   *Var
		Axis  *Axis
		Index Expr
		Value Expr
		Mode  BoundsMode
	}
	// AxisDecl is where a ConstAxis, CopyAxis or CatAxis begins to exist.
	AxisDecl struct {
		S
		Axis *Axis
	}
	// TempDecl is where a temp begins to exist.
	TempDecl struct {
		S
		Tensor *Tensor
	}
	// Parallel is a phase.
	Parallel struct {
		S
		Name  string
		Binds []*Bind
		Body  []Stmt
	}
	// For is a loop with one binding, ascending.
	For struct {
		S
		Bind *Bind
		Body []Stmt
	}
	// While loops while a block-uniform scalar is true.
	While struct {
		S
		Cond Expr
		Body []Stmt
	}
	// If takes a block-uniform scalar. A constant condition leaves only the arm taken.
	If struct {
		S
		Cond       Expr
		Then, Else []Stmt
	}
	// Where masks effects: stores, atomics, and assignments to variables declared outside it.
	Where struct {
		S
		Cond Expr
		Body []Stmt
	}
	Break    struct{ S }
	Continue struct{ S }
	// Require is a launch contract; Text is the condition as written.
	Require struct {
		S
		Cond Expr
		Text string
	}
	// Assert, Print: Text is the condition, or a format with one %v for each argument.
	Assert struct {
		S
		Cond Expr
		Text string
	}
	Print struct {
		S
		Text string
		Args []Expr
	}
)
