package ir

// Code names an operation. The table in this file is the only place that says what an operation is.
type Code uint16

// The operations of the value stage. In the comments: s is a scalar, t a tile, x either; [m, n] an axis list.
// Elementwise operations ("map") take operands and give a result over exactly the same axes in the same order, all
// scalars or all tiles: broadcasts and permutations are explicit (Bcast).
const (
	Invalid Code = iota

	// Control.

	// Parallel runs its region once for every combination of its bindings, as independent blocks, in any order.
	// Operands: lo0, hi0, lo1, hi1, … (i64); attr by []int64: 0 binds a scalar (i64), w > 0 binds a span of width w
	// starting at lo, lo+w, …; attr name: the phase's name. Region arguments: one for each binding. No results.
	// Only at the top of a function. Later bindings may not depend on earlier ones.
	Parallel
	// For: operands lo, hi (i64), then the initial values of what is carried; attr by int64 as in Parallel.
	// Region arguments: the index (i64 or span), then the carried values. Its yield gives the next values.
	// Results: the last values. With attr breaks on the yield, the yield's last operand is a bool: true ends the loop.
	For
	// While: operands are initial values; region 0 (arguments: carried) yields a bool; region 1 (arguments: carried)
	// yields the next values (attr breaks as in For). Results: the last values.
	While
	// If: operand a bool; region 0 if true, region 1 if false; both yield the results.
	If
	// Yield ends a region and passes its operands out.
	Yield
	// Require checks an operand (bool) before later phases run; attr text: the condition as written. A failed one is
	// an error of the caller's arguments.
	Require
	// Assert: operand a bool scalar or tile; attr text. A failed one is an error of the kernel.
	Assert
	// Print: operands are values; attr text: a format with one %v for each.
	Print
	// Temp is scratch shared by all blocks, undefined at first. Result: a tensor. Only at the top of a function.
	Temp

	// Spans and indices.

	// SpanOf: operands lo, hi (i64); result span of attr width: indices lo … min(lo+width, hi)-1. Each is a new axis,
	// even where operands agree: never merged, never duplicated.
	SpanOf
	// SpanCopy: a new axis over the indices of Axes[0].
	SpanCopy
	// SpanCat: a new axis with indices 0 … live(Axes[0])+live(Axes[1])-1.
	SpanCat
	// SpanLo and SpanHi: the first index of Axes[0] and one past its last (i64 scalars).
	SpanLo
	SpanHi
	// Iota: the indices of Axes[0], tile<i64,[axis]>.
	Iota
	// Affine: operands are variables (i64 scalars or spans, a span standing for its indices), then factors (i64
	// scalars); attrs coef []int64 and factor []int64, one for each variable (factor: the operand number of a runtime
	// factor or -1), const int64, div int64 (floor division afterwards, 1 for none), mod int64 (modulus afterwards, 0
	// for none). Result: scalar i64, or tile<i64> over the spans in order of first appearance.
	Affine

	// Memory. A subscript operand of a tensor dimension is an i64 scalar, a span (its indices), or tile<i64>.

	// Load: operands tensor, one subscript a dimension, then for mode "else" the value outside (scalar). Attr mode:
	// "in" (proven inside), "else", "unchecked" (the author's promise). Result: scalar or tile whose axes are the
	// union of the subscripts' axes.
	Load
	// Store: operands tensor, subscripts, value (over exactly the union of the subscripts' axes), then with attr
	// masked a bool over the same axes. Attr mode: "in", "skip" (outside: no effect), "unchecked".
	Store
	// Atomic: operands as Store; for kind "cas" the value operands are expected, new. Attr kind: add max min and or
	// xor xchg cas. Result (optional): the old values. Every element applies once, also for equal subscripts.
	Atomic

	// Shape.

	// Bcast: operand x; result over any superset of its axes in any order; missing axes repeat. Also splats a scalar
	// and permutes.
	Bcast
	// Rebind: Axes [from, to]: the same positions under another span of the same width and live length.
	Rebind
	// Lookup: operands tile t, subscript i (scalar i64, span or tile<i64>: index values of axis Axes[0]), for mode
	// "else" a scalar; Axes [e]. Result: t's other axes and i's axes. Shared axes meet. An index is an index value of
	// the span, not a position: lookup subtracts the span's lo.
	Lookup
	// Scatter: operands tile t, subscript i, value v, with attr masked a bool; Axes [e]; attr mode "in", "skip",
	// "unchecked". Result: t with the named elements replaced (equal subscripts: the last in row-major order).
	Scatter
	// Cat: operands x (over the first part), y (over the second); Axes [a, b, u].
	Cat

	// Elementwise.

	Const // attr value int64 (all integers and bool, u64 as its bits) or float64; result a scalar
	Neg
	Not // bitwise; logical for bool
	Abs
	Add
	Sub
	Mul
	Div // integers floor
	Mod // divisor's sign
	Fma
	And
	Or
	Xor
	Shl
	Shr
	Min // the number over NaN
	Max
	MinNan
	MaxNan
	Eq
	Ne
	Lt
	Le
	Gt
	Ge
	Select // bool, x, y
	Cast   // attr round "rne" or "rz"; attr overflow "sat" or "wrap"
	Bits   // reinterpret as the result's type, of the same width
	BitOf  // x, j (i64): bool
	Sqrt
	Rsqrt
	Recip
	Exp
	Exp2
	Log
	Log2
	Sin
	Cos
	Tanh
	Erf
	Sigmoid
	Gelu
	Silu
	Softplus
	Relu
	Floor
	Ceil
	Rint
	Trunc
	Pow
	Copysign
	Ldexp
	Exponent
	Isnan
	Finite
	Popcount
	Clz
	Ctz
	Rotl
	Rand    // seed (i64), i (i64): u32
	Uniform // seed, i: f32
	Normal  // seed, i: f32

	// Across an axis.

	// Reduce: operand x; Axes: what is reduced; attr kind: sum prod max min maxnan minnan mean any all argmax argmin
	// last. The result's element type is the type the reduction is done in (argmax, argmin: i64 index values).
	Reduce
	// Scan: operands; Axes [n]; attr kind: sum prod max func; inclusive, ascending. For func, region 0 has 2k
	// arguments (earlier…, later…) over the operands' axes without n, and yields k values; k results.
	Scan
	// Topk: operand x; Axes [n, j]; results the values, descending, and their index values along n (i64), over x's
	// other axes and j. Where x has too few: −inf (the type's least) and −1.
	Topk
	// Sort: as Topk, ascending.
	Sort
	// Contract: operands a, b; with attr scaled 1 (a), 2 (b) or 3 (both) their scales; with attr acc the accumulator
	// last. Axes: what is summed over. Products are exact (f32 and f64: fused) and summed, ascending, in the result's
	// element type. Axes both operands share and that are not summed are batch axes.
	Contract
	// Pack: operand bool over Axes [j], at most 64 of them; result u{width}: bit 0 from the axis's first index.
	Pack
	// Unpack: operand x (an integer); Axes [j]; result element j of x's bits as the result's type, lowest first.
	Unpack

	numCodes
)
