package ir

import "github.com/tilec/tilec/ir/dtype"

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
	// With attr whole every span of the loop has its full width; with attr once there is at most one step.
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
	// Temp is scratch shared by all blocks, undefined at first, or with attr zero all zeros, which its function leaves it
	// too. Attr limit: more bytes than this are an error of the schedule word that attr why names. Result: a tensor. Only
	// at the top of a function.
	Temp
	// Resident is the number of blocks of the next phase that the device holds at a time, at least 1. No result of the
	// function depends on it. Only at the top of a function.
	Resident

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
	// union of the subscripts' axes. With attr stages the text reads it through a channel of so many slots, which are filled
	// ahead.
	Load
	// Store: operands tensor, subscripts, value (over exactly the union of the subscripts' axes), then with attr
	// masked a bool over the same axes. Attr mode: "in", "skip" (outside: no effect), "unchecked".
	Store
	// Atomic: operands as Store; for kind "cas" the value operands are expected, new. Attr kind: add max min and or
	// xor xchg cas. Result (optional): the old values. Every element applies once, also for equal subscripts,
	// in any order.
	Atomic
	// Arrive counts the blocks that have come here: operands a tensor of u32 that begins as zeros, and one scalar subscript
	// a dimension. Result: a bool, true in the last of attr of blocks alone. What blocks have written before they arrive, in
	// tensors that nothing else of the phase reads, the last one sees. The element is 0 again once all have arrived.
	Arrive

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
	Exponent // an integer type, i32 in the language, as popcount clz ctz
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

	// The placed stage.

	// Convert: operand x, a tile; result the same tile in another register layout, or, where x lies in a slot (Shared), in
	// registers. Attrs pin and use: the places of a pin that asks for it, and of what has or wants the tile otherwise.
	Convert
	// ChanOf makes a ring of slots in shared memory, all free. Result: a chan. Channels of a phase with the same attr ring go in
	// step: whatever is done to the first of them is done to the others right after.
	ChanOf
	// Acquire: operand chan; waits until its next slot is free, and gives it, to be filled. Slots come in turn.
	Acquire
	// Copy: operands slot, tensor, one subscript a dimension; Axes: for each axis of the slot the span that runs over
	// it; attr mode "in" or "unchecked". Begins to copy the elements that a load of the same would give into the slot;
	// what is absent becomes 0. The slot's bytes must not be read before they are committed and taken.
	Copy
	// Put: operands slot, tile (in registers, over the slot's axes in their order); stores the tile into the slot; what is absent becomes 0.
	Put
	// Commit: operands chan, slot: the slot of the last Acquire is given on once what was begun into it has arrived.
	Commit
	// Take: operand chan; waits until its next slot is filled, and gives it, to be read.
	Take
	// View: operand slot; Axes: a span for each axis; result: its contents along these, as a tile in shared memory, or, in the
	// value stage, as a tile. Where the spans reach further than what was put into the slot, there is 0.
	View
	// Release: operands chan, slot: the slot of the oldest Take that is not yet released is free again, once all of its
	// readers are done.
	Release
	// RoleOf runs its region beside the other roles of its phase, on warps of its own: once for each of its groups of attr
	// warps warps, attr groups of them; the region's argument is the group's number (i64). Roles stand at the end of a
	// phase; they begin together, and the phase ends when all have ended. What stands before them each does for itself.
	// Attr regs: registers of a thread, 0 or absent for as many as there are. Attr late, in the placed stage, of a role that sends
	// to the same channels in the same order wherever it sends, and takes nothing: what it commits it gives on behind the last commit
	// of a round of them, so many rounds later, and the rest at its end; absent, each commit by itself. Attr joint: those channels are in step, a round is
	// acquired, given on, taken and released as one.
	RoleOf
	// Turn: operand the number of a group; the groups of a role run the region one at a time, in turn: 0, 1, …, of-1, 0, …
	// Results: what it yields.
	Turn
	// SharedOf is a tensor of the block's own (in a role, of the group's own) in shared memory, undefined whenever it is
	// reached. Result: a tensor whose extents are constant. Only inside of a phase. Both attrs may be absent, and change no
	// result. Attr align: the address is a multiple of it, a power of two up to 1024 bytes. Attr swizzle, 32, 64 or 128:
	// the address is a multiple of 1024, and of each 128 bytes, line l, the pieces of 16 bytes change places within so
	// many: piece p is at p XOR (l mod (swizzle/16)).
	SharedOf
	// PinTo: operand a tile, which is also the result; attrs digits and tile are the register layout in which targets that
	// have warps hold it from here on: four numbers for each digit, size, unit, axis (-1: replica) and stride, as in
	// layout.Digit, and the extents. What the digits leave of the tile's extents is repeated in registers.
	PinTo
	// AsmOf: operands over the same axes; result of the first one's type. Attrs target, and text: instructions of that target
	// that compute an element, $0, from those of the operands, $1 and so on.
	AsmOf

	numCodes
)

// Stage says where in the compiler an operation may stand.
type Stage uint8

const (
	// ValueStage: tiles are values, axes are spans; what dsl/lower makes and ir/interp defines.
	ValueStage Stage = 1 << iota
	// PlacedStage: tiles have layouts, and channels exist. Axes are still spans: what is absent is known by type up to the
	// target's own code.
	PlacedStage
)

// Effect is a set of what running an operation may do beyond giving its results.
type Effect uint8

const (
	// Reads and Writes: a tensor's memory.
	Reads Effect = 1 << iota
	Writes
	// IO: something a person sees (print), or an order among such things.
	IO
	// Checks: it may stop the program with an error. It may run less often than written, or not at all where nothing
	// needs it, but never where the program as written would not have run it.
	Checks
	// Asserts: it exists to stop the program; it must run exactly where written.
	Asserts
	// Identity: each run makes something new (an axis, a buffer). Two such operations are never the same, even where
	// operands agree: never merged, never duplicated within one scope.
	Identity
	// Control: it holds or ends regions; what they do it does too, see [Op.Effects].
	Control
)

// AttrKind is the Go type of an attribute's value.
type AttrKind uint8

const (
	IntAttr    AttrKind = iota // int64
	FloatAttr                  // float64
	NumberAttr                 // int64 or float64
	BoolAttr                   // bool
	StrAttr                    // string
	IntsAttr                   // []int64
	TypeAttr                   // dtype.Type
)

// AttrSpec is one attribute that an operation may have.
type AttrSpec struct {
	Key      string
	Kind     AttrKind
	Required bool
	Words    []string // a StrAttr's permitted values; nil: any
}

// form is how an operation's text is laid out; the printer and the parser have a function for each. The zero form is
// name.words operands [axes] {attrs} : types, then regions (arguments) { … }.
type form uint8

const (
	// const value : type
	constForm form = iota + 1
	// affine c*%v*%f + c div d mod m : type
	affineForm
	// load.mode %t[subscripts] else %v : type
	loadForm
	// store.mode %t[subscripts] = values if %mask : types
	storeForm
	// lookup.mode %t[%e: %i] else %v : type
	lookupForm
	// scatter.mode %t[%e: %i] = %v if %mask : type
	scatterForm
	// contract %a scaled %s, %b scaled %s acc %c [axes] : type
	contractForm
	// assert %c "text"; print "text" operands
	textForm
	// parallel "name" %i in %lo .. %hi by w, … { … }
	parallelForm
	// for %i in %lo .. %hi by w carry (%x = %init, …) : types { … }
	forForm
	// while carry (%x = %init, …) : types { … } do (%y, …) { … }
	whileForm
	// if %c : types { … } else { … }
	ifForm
	// yield operands breaks
	yieldForm
)

// Spec is what the table says of an operation. The interpreter's function stands in package ir/interp under the same
// code; a test there holds the two complete.
type Spec struct {
	Name     string
	Stages   Stage
	Operands string // what they are, for people
	Min, Max int    // how many; Max -1: any number
	Axes     int    // how many; -1: one or more
	Results  int    // how many; -1: given by its maker
	Regions  int    // how many; -1: none or one
	Effects  Effect
	Attrs    []AttrSpec // by key, ascending
	// Words are the keys of the attributes that are written as dotted words after the name: reduce.sum.
	Words []string
	// Rule computes the result types from everything else; it checks operands and axes on the way.
	Rule rule
	// Verify checks what is not about types, nil where there is nothing.
	Verify func(o *Op) error

	form   form
	family string // "map" for the elementwise operations
}

// Elementwise reports whether the operation works element by element over the axes of its operands.
func (s *Spec) Elementwise() bool { return s.family == "map" }

// attr finds the entry of an attribute.
func (s *Spec) attr(key string) *AttrSpec {
	for i := range s.Attrs {
		if s.Attrs[i].Key == key {
			return &s.Attrs[i]
		}
	}
	return nil
}

// Spec is the code's entry in the table, nil for a code that is none.
func (c Code) Spec() *Spec {
	if c == Invalid || c >= numCodes {
		return nil
	}
	return &specs[c]
}

// String is the operation's name in the text form.
func (c Code) String() string {
	if s := c.Spec(); s != nil {
		return s.Name
	}
	return "invalid"
}

// Codes lists every code in order.
func Codes() []Code {
	codes := make([]Code, 0, numCodes-1)
	for c := Invalid + 1; c < numCodes; c++ {
		codes = append(codes, c)
	}
	return codes
}

// CodeByName finds a code by its name in the text form; ok is false if there is none.
func CodeByName(name string) (c Code, ok bool) {
	for c := Invalid + 1; c < numCodes; c++ {
		if specs[c].Name == name {
			return c, true
		}
	}
	return Invalid, false
}

// Effects are what the operation may do, given its attributes and types. Those of a Control operation leave out what
// stands in its regions; [Op.AllEffects] has it.
func (o *Op) Effects() Effect {
	s := o.Code.Spec()
	if s == nil {
		return 0
	}
	e := s.Effects
	switch o.Code {
	case Load:
		if o.Str("mode") == "unchecked" {
			e |= Checks
		}
	case Store, Atomic:
		if o.Str("mode") == "unchecked" {
			e |= Checks
		}
	case Lookup, Scatter:
		if o.Str("mode") != "unchecked" {
			e &^= Checks
		}
	case Div, Mod:
		if o.Operands[0].Type.Elem.IsFloat() || nonzero(o.Operands[1]) {
			e &^= Checks
		}
	}
	return e
}

// nonzero reports whether v is an integer constant other than 0, splat or not.
func nonzero(v *Value) bool {
	for v.Def != nil && v.Def.Code == Bcast {
		v = v.Def.Operands[0]
	}
	k, ok := v.ConstInt()
	return ok && k != 0
}

// AllEffects are the operation's effects and those of everything in its regions.
func (o *Op) AllEffects() Effect {
	e := o.Effects()
	for _, r := range o.Regions {
		for _, p := range r.Ops {
			e |= p.AllEffects()
		}
	}
	return e
}

// Attributes that several operations share.
var (
	maskedAttr = AttrSpec{Key: "masked", Kind: BoolAttr}
	textAttr   = AttrSpec{Key: "text", Kind: StrAttr, Required: true}
	reads      = modeAttr("in", "else", "unchecked")
	writes     = modeAttr("in", "skip", "unchecked")
)

func modeAttr(words ...string) AttrSpec {
	return AttrSpec{Key: "mode", Kind: StrAttr, Required: true, Words: words}
}

func kindAttr(words ...string) AttrSpec {
	return AttrSpec{Key: "kind", Kind: StrAttr, Required: true, Words: words}
}

// ew is the entry of an elementwise operation; see elementwise for the signature.
func ew(name, signature string, elem anElem) Spec {
	n := len(signature) - 2
	return Spec{Name: name, Stages: ValueStage | PlacedStage, Operands: signature[:n] + " of " + elem.words, Min: n, Max: n,
		Results: 1, Rule: elementwise(signature, elem), family: "map"}
}

// checked is s with the effect Checks.
func checked(s Spec) Spec {
	s.Effects |= Checks
	return s
}

// specs is the table. What an operation means stands beside its code, above.
var specs = [numCodes]Spec{
	Parallel: {Name: "parallel", Stages: ValueStage | PlacedStage, Operands: "lo, hi for each binding", Min: 0, Max: -1, Regions: 1,
		Effects: Control, Rule: none, Verify: verifyParallel, form: parallelForm,
		Attrs: []AttrSpec{{Key: "by", Kind: IntsAttr, Required: true}, {Key: "name", Kind: StrAttr}}},
	For: {Name: "for", Stages: ValueStage | PlacedStage, Operands: "lo, hi, initial values", Min: 2, Max: -1, Results: -1, Regions: 1,
		Effects: Control, Rule: given, Verify: verifyFor, form: forForm,
		Attrs: []AttrSpec{{Key: "by", Kind: IntAttr, Required: true}, {Key: "once", Kind: BoolAttr}, {Key: "whole", Kind: BoolAttr}}},
	While: {Name: "while", Stages: ValueStage | PlacedStage, Operands: "initial values", Min: 0, Max: -1, Results: -1, Regions: 2,
		Effects: Control, Rule: given, Verify: verifyWhile, form: whileForm},
	If: {Name: "if", Stages: ValueStage | PlacedStage, Operands: "condition", Min: 1, Max: 1, Results: -1, Regions: 2,
		Effects: Control, Rule: given, Verify: verifyIf, form: ifForm},
	Yield: {Name: "yield", Stages: ValueStage | PlacedStage, Operands: "values, [break]", Min: 0, Max: -1,
		Effects: Control, Rule: none, Verify: verifyYield, form: yieldForm,
		Attrs: []AttrSpec{{Key: "breaks", Kind: BoolAttr}}},
	Require: {Name: "require", Stages: ValueStage | PlacedStage, Operands: "condition", Min: 1, Max: 1, Effects: Asserts,
		Rule: none, Verify: verifyCondition, form: textForm, Attrs: []AttrSpec{textAttr}},
	Assert: {Name: "assert", Stages: ValueStage | PlacedStage, Operands: "condition, scalar or tile", Min: 1, Max: 1, Effects: Asserts,
		Rule: none, Verify: verifyCondition, form: textForm, Attrs: []AttrSpec{textAttr}},
	Print: {Name: "print", Stages: ValueStage | PlacedStage, Operands: "values", Min: 0, Max: -1, Effects: IO,
		Rule: none, Verify: verifyPrint, form: textForm, Attrs: []AttrSpec{textAttr}},
	Temp: {Name: "temp", Stages: ValueStage | PlacedStage, Operands: "", Results: 1, Effects: Identity, Rule: ruleTemp,
		Attrs: []AttrSpec{{Key: "limit", Kind: IntAttr}, {Key: "why", Kind: StrAttr}, {Key: "zero", Kind: BoolAttr}}},
	Resident: {Name: "resident", Stages: ValueStage | PlacedStage, Results: 1, Effects: Identity, Rule: of(ScalarType(dtype.I64))},

	SpanOf: {Name: "span", Stages: ValueStage | PlacedStage, Operands: "lo, hi", Min: 2, Max: 2, Results: 1, Effects: Identity, Rule: ruleSpanOf,
		Attrs: []AttrSpec{{Key: "width", Kind: IntAttr, Required: true}}},
	SpanCopy: {Name: "spancopy", Stages: ValueStage | PlacedStage, Axes: 1, Results: 1, Effects: Identity, Rule: ruleSpanCopy},
	SpanCat:  {Name: "spancat", Stages: ValueStage | PlacedStage, Axes: 2, Results: 1, Effects: Identity, Rule: ruleSpanCat},
	SpanLo:   {Name: "spanlo", Stages: ValueStage | PlacedStage, Axes: 1, Results: 1, Rule: of(ScalarType(dtype.I64))},
	SpanHi:   {Name: "spanhi", Stages: ValueStage | PlacedStage, Axes: 1, Results: 1, Rule: of(ScalarType(dtype.I64))},
	Iota:     {Name: "iota", Stages: ValueStage | PlacedStage, Axes: 1, Results: 1, Rule: ruleIota},
	Affine: {Name: "affine", Stages: ValueStage | PlacedStage, Operands: "variables, factors", Min: 0, Max: -1, Results: 1, Rule: ruleAffine, form: affineForm,
		Attrs: []AttrSpec{{Key: "coef", Kind: IntsAttr, Required: true}, {Key: "const", Kind: IntAttr, Required: true},
			{Key: "div", Kind: IntAttr, Required: true}, {Key: "factor", Kind: IntsAttr, Required: true}, {Key: "mod", Kind: IntAttr, Required: true}}},

	Load: {Name: "load", Stages: ValueStage | PlacedStage, Operands: "tensor, subscripts, [outside]", Min: 1, Max: -1, Results: 1,
		Effects: Reads, Rule: ruleLoad, form: loadForm, Attrs: []AttrSpec{reads, {Key: "stages", Kind: IntAttr}}, Words: []string{"mode"}},
	Store: {Name: "store", Stages: ValueStage | PlacedStage, Operands: "tensor, subscripts, value, [mask]", Min: 2, Max: -1,
		Effects: Writes, Rule: ruleStore, form: storeForm, Attrs: []AttrSpec{maskedAttr, writes}, Words: []string{"mode"}},
	Atomic: {Name: "atomic", Stages: ValueStage | PlacedStage, Operands: "tensor, subscripts, values, [mask]", Min: 2, Max: -1, Results: -1,
		Effects: Reads | Writes, Rule: ruleAtomic, form: storeForm, Words: []string{"kind", "mode"},
		Attrs: []AttrSpec{kindAttr("add", "max", "min", "and", "or", "xor", "xchg", "cas"), maskedAttr, writes}},

	Arrive: {Name: "arrive", Stages: ValueStage | PlacedStage, Operands: "tensor, subscripts", Min: 1, Max: -1, Results: 1,
		Effects: Reads | Writes, Rule: ruleArrive, Attrs: []AttrSpec{{Key: "of", Kind: IntAttr, Required: true}}},

	Bcast:  {Name: "bcast", Stages: ValueStage | PlacedStage, Operands: "x", Min: 1, Max: 1, Results: 1, Rule: ruleBcast},
	Rebind: {Name: "rebind", Stages: ValueStage | PlacedStage, Operands: "x", Min: 1, Max: 1, Axes: 2, Results: 1, Rule: ruleRebind},
	Lookup: {Name: "lookup", Stages: ValueStage | PlacedStage, Operands: "tile, subscript, [outside]", Min: 2, Max: 3, Axes: 1, Results: 1,
		Effects: Checks, Rule: ruleLookup, form: lookupForm, Attrs: []AttrSpec{reads}, Words: []string{"mode"}},
	Scatter: {Name: "scatter", Stages: ValueStage | PlacedStage, Operands: "tile, subscript, value, [mask]", Min: 3, Max: 4, Axes: 1, Results: 1,
		Effects: Checks, Rule: ruleScatter, form: scatterForm, Attrs: []AttrSpec{maskedAttr, writes}, Words: []string{"mode"}},
	Cat: {Name: "cat", Stages: ValueStage | PlacedStage, Operands: "x, y", Min: 2, Max: 2, Axes: 3, Results: 1, Rule: ruleCat},

	Const: {Name: "const", Stages: ValueStage | PlacedStage, Results: 1, Rule: ruleConst, form: constForm,
		Attrs: []AttrSpec{{Key: "value", Kind: NumberAttr, Required: true}}},
	Neg:      ew("neg", "T:T", arithElem),
	Not:      ew("not", "T:T", bitsElem),
	Abs:      ew("abs", "T:T", arithElem),
	Add:      ew("add", "TT:T", arithElem),
	Sub:      ew("sub", "TT:T", arithElem),
	Mul:      ew("mul", "TT:T", arithElem),
	Div:      checked(ew("div", "TT:T", arithElem)),
	Mod:      checked(ew("mod", "TT:T", arithElem)),
	Fma:      ew("fma", "TTT:T", floatElem),
	And:      ew("and", "TT:T", bitsElem),
	Or:       ew("or", "TT:T", bitsElem),
	Xor:      ew("xor", "TT:T", bitsElem),
	Shl:      ew("shl", "Tn:T", intElem),
	Shr:      ew("shr", "Tn:T", intElem),
	Min:      ew("min", "TT:T", arithElem),
	Max:      ew("max", "TT:T", arithElem),
	MinNan:   ew("minnan", "TT:T", arithElem),
	MaxNan:   ew("maxnan", "TT:T", arithElem),
	Eq:       ew("eq", "TT:b", anyElem),
	Ne:       ew("ne", "TT:b", anyElem),
	Lt:       ew("lt", "TT:b", anyElem),
	Le:       ew("le", "TT:b", anyElem),
	Gt:       ew("gt", "TT:b", anyElem),
	Ge:       ew("ge", "TT:b", anyElem),
	Select:   ew("select", "bTT:T", anyElem),
	Cast:     castSpec(),
	Bits:     {Name: "bits", Stages: ValueStage | PlacedStage, Operands: "x", Min: 1, Max: 1, Results: 1, Rule: ruleBits, family: "map"},
	BitOf:    ew("bitof", "Ti:b", anyElem),
	Sqrt:     ew("sqrt", "T:T", floatElem),
	Rsqrt:    ew("rsqrt", "T:T", floatElem),
	Recip:    ew("recip", "T:T", floatElem),
	Exp:      ew("exp", "T:T", floatElem),
	Exp2:     ew("exp2", "T:T", floatElem),
	Log:      ew("log", "T:T", floatElem),
	Log2:     ew("log2", "T:T", floatElem),
	Sin:      ew("sin", "T:T", floatElem),
	Cos:      ew("cos", "T:T", floatElem),
	Tanh:     ew("tanh", "T:T", floatElem),
	Erf:      ew("erf", "T:T", floatElem),
	Sigmoid:  ew("sigmoid", "T:T", floatElem),
	Gelu:     ew("gelu", "T:T", floatElem),
	Silu:     ew("silu", "T:T", floatElem),
	Softplus: ew("softplus", "T:T", floatElem),
	Relu:     ew("relu", "T:T", arithElem),
	Floor:    ew("floor", "T:T", floatElem),
	Ceil:     ew("ceil", "T:T", floatElem),
	Rint:     ew("rint", "T:T", floatElem),
	Trunc:    ew("trunc", "T:T", floatElem),
	Pow:      ew("pow", "TT:T", floatElem),
	Copysign: ew("copysign", "TT:T", floatElem),
	Ldexp:    ew("ldexp", "Tn:T", floatElem),
	Exponent: ew("exponent", "T:?", floatElem),
	Isnan:    ew("isnan", "T:b", floatElem),
	Finite:   ew("finite", "T:b", floatElem),
	Popcount: ew("popcount", "T:?", intElem),
	Clz:      ew("clz", "T:?", intElem),
	Ctz:      ew("ctz", "T:?", intElem),
	Rotl:     ew("rotl", "Tn:T", intElem),
	Rand:     ew("rand", "ii:u", anyElem),
	Uniform:  ew("uniform", "ii:f", anyElem),
	Normal:   ew("normal", "ii:f", anyElem),

	Reduce: {Name: "reduce", Stages: ValueStage | PlacedStage, Operands: "x", Min: 1, Max: 1, Axes: -1, Results: 1, Rule: ruleReduce, Words: []string{"kind"},
		Attrs: []AttrSpec{kindAttr("sum", "prod", "max", "min", "maxnan", "minnan", "mean", "any", "all", "argmax", "argmin", "last")}},
	Scan: {Name: "scan", Stages: ValueStage | PlacedStage, Operands: "values", Min: 1, Max: -1, Axes: 1, Results: -1, Regions: -1, Effects: Control,
		Rule: ruleScan, Verify: verifyScan, Attrs: []AttrSpec{kindAttr("sum", "prod", "max", "func")}, Words: []string{"kind"}},
	Topk: {Name: "topk", Stages: ValueStage | PlacedStage, Operands: "x", Min: 1, Max: 1, Axes: 2, Results: 2, Rule: ruleRanked},
	Sort: {Name: "sort", Stages: ValueStage | PlacedStage, Operands: "x", Min: 1, Max: 1, Axes: 2, Results: 2, Rule: ruleRanked},
	Contract: {Name: "contract", Stages: ValueStage | PlacedStage, Operands: "a, b, [scales], [accumulator]", Min: 2, Max: 5, Axes: -1, Results: 1,
		Rule: ruleContract, form: contractForm, Attrs: []AttrSpec{{Key: "acc", Kind: BoolAttr}, {Key: "atom", Kind: StrAttr}, {Key: "scaled", Kind: IntAttr}}},
	Convert: {Name: "convert", Stages: PlacedStage, Operands: "x", Min: 1, Max: 1, Results: 1, Rule: ruleConvert,
		Attrs: []AttrSpec{{Key: "pin", Kind: StrAttr}, {Key: "use", Kind: StrAttr}}},
	ChanOf: {Name: "chan", Stages: ValueStage | PlacedStage, Results: 1, Effects: Identity, Rule: given,
		Attrs: []AttrSpec{{Key: "ring", Kind: IntAttr}}},
	Acquire: {Name: "acquire", Stages: ValueStage | PlacedStage, Operands: "chan", Min: 1, Max: 1, Results: 1, Effects: Writes | Identity, Rule: ruleSlot},
	Copy: {Name: "copy", Stages: ValueStage | PlacedStage, Operands: "slot, tensor, subscripts", Min: 2, Max: -1, Axes: -1, Effects: Reads | Writes, Rule: ruleCopy,
		Attrs: []AttrSpec{modeAttr("in", "unchecked")}, Words: []string{"mode"}},
	Put:    {Name: "put", Stages: ValueStage | PlacedStage, Operands: "slot, tile", Min: 2, Max: 2, Effects: Writes, Rule: rulePut},
	Commit: {Name: "commit", Stages: ValueStage | PlacedStage, Operands: "chan, slot", Min: 2, Max: 2, Effects: Writes, Rule: rulePass},
	Take:   {Name: "take", Stages: ValueStage | PlacedStage, Operands: "chan", Min: 1, Max: 1, Results: 1, Effects: Writes | Identity, Rule: ruleSlot},
	View:   {Name: "view", Stages: ValueStage | PlacedStage, Operands: "slot", Min: 1, Max: 1, Axes: -1, Results: 1, Effects: Reads, Rule: ruleView},
	SharedOf: {Name: "shared", Stages: ValueStage | PlacedStage, Results: 1,
		Attrs: []AttrSpec{{Key: "align", Kind: IntAttr}, {Key: "swizzle", Kind: IntAttr}}, Effects: Identity, Rule: ruleShared},
	PinTo: {Name: "pin", Stages: ValueStage | PlacedStage, Operands: "x", Min: 1, Max: 1, Results: 1, Rule: rulePin,
		Attrs: []AttrSpec{{Key: "digits", Kind: IntsAttr, Required: true}, {Key: "tile", Kind: IntsAttr, Required: true}}},
	AsmOf: {Name: "asm", Stages: ValueStage | PlacedStage, Operands: "values", Min: 1, Max: -1, Results: 1, Rule: ruleAsm, family: "map",
		Attrs: []AttrSpec{{Key: "target", Kind: StrAttr, Required: true}, textAttr}},
	RoleOf: {Name: "role", Stages: ValueStage | PlacedStage, Regions: 1, Effects: Control, Rule: none, Verify: verifyRole,
		Attrs: []AttrSpec{{Key: "groups", Kind: IntAttr, Required: true}, {Key: "joint", Kind: BoolAttr}, {Key: "late", Kind: IntAttr}, {Key: "name", Kind: StrAttr, Required: true}, {Key: "regs", Kind: IntAttr},
			{Key: "warps", Kind: IntAttr, Required: true}}},
	Turn: {Name: "turn", Stages: ValueStage | PlacedStage, Operands: "group", Min: 1, Max: 1, Results: -1, Regions: 1, Effects: Control, Rule: given, Verify: verifyTurn,
		Attrs: []AttrSpec{{Key: "of", Kind: IntAttr, Required: true}}},
	Release: {Name: "release", Stages: ValueStage | PlacedStage, Operands: "chan, slot", Min: 2, Max: 2, Effects: Writes, Rule: rulePass},

	Pack:   {Name: "pack", Stages: ValueStage | PlacedStage, Operands: "bits", Min: 1, Max: 1, Axes: 1, Results: 1, Rule: rulePack},
	Unpack: {Name: "unpack", Stages: ValueStage | PlacedStage, Operands: "x", Min: 1, Max: 1, Axes: 1, Results: 1, Rule: ruleUnpack},
}

func castSpec() Spec {
	return Spec{Name: "cast", Stages: ValueStage | PlacedStage, Operands: "x", Min: 1, Max: 1, Results: 1, Rule: ruleCast, family: "map",
		Attrs: []AttrSpec{{Key: "overflow", Kind: StrAttr, Required: true, Words: []string{"sat", "wrap"}},
			{Key: "round", Kind: StrAttr, Required: true, Words: []string{"rne", "rz"}}},
		Words: []string{"round", "overflow"}}
}
