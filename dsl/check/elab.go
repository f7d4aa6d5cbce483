package check

import (
	"fmt"
	"strings"

	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir/affine"
	"github.com/tilec/tilec/ir/dtype"
)

// Limits on what one variant may cost. A text that passes them gets an error, not a long wait.
const (
	maxSteps  = 500_000 // nodes elaborated, inlined and unrolled ones included
	maxInline = 64      // depth of calls
	maxExtent = 1 << 24 // indices of an axis, elements of a tile
	// maxTestTile is the number of elements of an expression of a test, which is evaluated a part at a time.
	maxTestTile = 1 << 28
	maxErrors   = 200 // errors of one variant
)

// elab elaborates one body with all compile-time names bound: a variant of a kernel, or a case of a test. It reads the
// program and writes nothing but itself, so that variants may be made at the same time.
type elab struct {
	prog  *Program
	diags *diag.List
	steps int

	space *affine.Space
	facts *affine.Facts       // what holds where the text is being read
	wild  map[affine.Sym]bool // symbols of which nothing bounds the size
	masks *affine.Facts       // facts with the conditions of enclosing wheres: what holds for effects; nil outside of where

	scope *scope
	out   *[]typed.Stmt  // where statements go
	calls []*Func        // functions being inlined, outermost first
	ret   *returnState   // of the innermost of them
	used  map[*Func]bool // the functions inlined so far; nil if nobody asks

	eager   bool           // reads of the statement being read happen where they stand
	effects map[*Func]bool // which functions store, as far as that is known

	axes   map[*typed.Axis]*axis
	cdivs  map[typed.Expr][2]value // calls of cdiv, which shapes keep as one operation
	kernel *kernelState            // nil in tests
	test   *testState              // nil in kernels
	loops  []*loopState
	wheres []*whereState
	guards int // run-time conditions around the text

	// Of the explicit level: the role around the text, the slots that are in use, those that the statement being read has
	// received, whether the text is the condition of a while, and one more than the loops around the innermost turn.
	inRole   *roleState
	slots    []*slotState
	received []*slotState
	inCond   bool
	inTurnOf int
}

// axis is what the checker knows about an axis beside its identity.
type axis struct {
	t     *typed.Axis
	ix    affine.Expr // the index of an element: a symbol
	start affine.Expr // m.lo of a span, made when first asked for
	end   affine.Expr // m.hi
	lo    affine.Expr // the range the axis runs over: lo ≤ index < hi
	hi    affine.Expr
	made  bool          // start and end are there
	told  *affine.Facts // the facts that know start and end
	dead  bool          // the text where it was made has been left
	bound int           // the number of the parallel binding, else -1
	tile  bool          // which indices it has depends on a tile size
}

// loopState is a loop around the text being read.
type loopState struct {
	wheres   int  // how many wheres stand around the loop
	unrolled bool // a loop of a test
}

// whereState is a where around the text being read: its axes, and where it begins in the scopes.
type whereState struct {
	axes  []*typed.Axis
	depth int
	at    diag.Span
}

// returnState collects what an inlined function gives.
type returnState struct {
	fn     *Func
	named  []*entity // its named results
	values []value
	done   bool
	depth  int // nesting of run-time control around the statement being read
}

// scope is one level of names.
type scope struct {
	parent *scope
	names  map[string]*entity
	axes   []*axis // made in it, dead after it
	depth  int
	root   *Package // of the outermost scope of a body: where package names are looked up
	file   *file
}

type entityKind uint8

const (
	entValue  entityKind = iota // a constant, a generic, a dimension, a type, a function: val
	entVar                      // a local value: v, with val its meaning now
	entAxis                     // a span or axis: ax
	entTensor                   // a parameter or temp, or a tensor of a test: ten
	entResult                   // a named result before its first assignment: val.typ
	entHandle                   // a channel, a slot, a shared tile of the explicit level
)

// entity is what a name of a body stands for.
type entity struct {
	name  string
	kind  entityKind
	at    diag.Span
	depth int // of its scope
	val   value
	v     *typed.Var
	ax    *axis
	ten   *tensor
	dim   string // of a dimension or an integer generic: the key of its axis
	tile  bool   // a tile size
	soft  bool   // in a test, the default of a generic
	input bool   // a parameter, not to be assigned
	loop  bool   // bound by a loop, not to be assigned

	from, to loopEnd // of a span or loop variable: the ends of its range
	data     bool    // and one of them is not made of dimensions and constants alone
}

// loopEnd is an end of a range: where it is written, if it is, and what it is.
type loopEnd struct {
	at diag.Span
	ix affine.Expr
}

// tensor is what the checker knows about memory beside its type.
type tensor struct {
	t      *typed.Tensor
	dims   []affine.Expr
	keys   []string // the key of each dimension's axis: its bare name in a shape; "" if it has none
	bare   []int64  // in a test: the extents
	input  bool
	out    bool
	local  bool
	define []*typed.Axis // in a test, the axes under which it is read whole; nil before it is
	memory bool          // in a test, generated or a kernel's result, not a tile held in a tensor
}

// bad is the value of an expression that has an error; everything made of it is bad, silently.
func bad(at diag.Span) value { return value{kind: vBad, at: at} }

// errorf reports an error at a node.
func (e *elab) errorf(code diag.Code, at diag.Span, format string, args ...any) *diag.Diagnostic {
	if len(*e.diags) >= maxErrors {
		panic(bailout{})
	}
	return e.diags.Add(code, at, format, args...)
}

// bailout ends an elaboration that has reported enough or costs too much.
type bailout struct{}

// step counts work.
func (e *elab) step(at diag.Span) {
	e.steps++
	if e.steps > maxSteps {
		e.diags.Add(codeBudget, at, "this takes more than %d steps to expand: loops over constants and calls multiply", maxSteps)
		panic(bailout{})
	}
}

// protect runs f and stops at a bailout.
func protect(f func()) {
	defer func() {
		if r := recover(); r != nil {
			if _, ok := r.(bailout); !ok {
				panic(r)
			}
		}
	}()
	f()
}

// push opens a scope.
func (e *elab) push() {
	e.scope = &scope{parent: e.scope, depth: e.scope.depth + 1, root: e.scope.root, file: e.scope.file}
}

// pop closes it: its axes cease to exist.
func (e *elab) pop() {
	for _, a := range e.scope.axes {
		a.dead = true
	}
	e.scope = e.scope.parent
}

// inScope runs f in a scope and with facts of its own.
func (e *elab) inScope(f func()) {
	facts, masks := e.facts, e.masks
	e.facts = facts.Fork()
	if masks != nil {
		e.masks = masks.Fork()
	}
	e.push()
	f()
	e.pop()
	e.facts, e.masks = facts, masks
}

// collect runs f and gives the statements it made instead of appending them.
func (e *elab) collect(f func()) []typed.Stmt {
	var list []typed.Stmt
	was := e.out
	e.out = &list
	f()
	e.leaveBlock(&list)
	e.out = was
	return list
}

func (e *elab) emit(s typed.Stmt) { *e.out = append(*e.out, s) }

// declare adds a name to the innermost scope. A live local of the same name is an error; `_` is never declared.
func (e *elab) declare(id *dsl.Ident, ent *entity) {
	if id.Name == "_" {
		return
	}
	if old := e.local(id.Name); old != nil && !old.soft {
		e.errorf(codeRedeclared, id.Span(), "%s is already a name here, and a local name hides no live local: choose another name", id.Name).
			Note(old.at, "%s was declared here", id.Name)
		if old.depth == e.scope.depth {
			return
		}
		if old.kind == entTensor {
			// Uses of the name may mean either: neither gives a second error.
			*ent = entity{kind: entValue, val: bad(id.Span())}
		}
	}
	ent.name, ent.at, ent.depth = id.Name, id.Span(), e.scope.depth
	if e.scope.names == nil {
		e.scope.names = map[string]*entity{}
	}
	e.scope.names[id.Name] = ent
}

// local finds a name of the body.
func (e *elab) local(name string) *entity {
	for s := e.scope; s != nil; s = s.parent {
		if ent := s.names[name]; ent != nil {
			return ent
		}
	}
	return nil
}

// upper reports whether a name begins with an upper-case letter.
func upper(name string) bool { return name != "" && name[0] >= 'A' && name[0] <= 'Z' }

// wantLower holds variables, spans and axes to lower case.
func (e *elab) wantLower(id *dsl.Ident, what string) {
	if upper(id.Name) {
		e.errorf(codeCase, id.Span(), "%s %s must begin with a lower-case letter; upper-case names are dimensions and tile sizes", what, id.Name).
			Suggest(id.Span(), strings.ToLower(id.Name[:1])+id.Name[1:], "begin it lower-case")
	}
}

// newAxis makes an axis that lives to the end of the innermost scope.
func (e *elab) newAxis(name string, kind typed.AxisKind, lo, extent int64, at diag.Span) *axis {
	if extent < 0 {
		extent = 0
	}
	a := &axis{
		t:     &typed.Axis{Name: name, Kind: kind, Lo: lo, Extent: extent, Span: at},
		ix:    e.space.Sym(name).Expr(),
		bound: -1,
	}
	e.axes[a.t] = a
	e.scope.axes = append(e.scope.axes, a)
	return a
}

// within sets the range of an axis.
func (e *elab) within(a *axis, lo, hi affine.Expr) {
	a.lo, a.hi = lo, hi
	e.assume(affine.And(affine.GE(a.ix, lo), affine.LT(a.ix, hi)))
}

// assume adds a fact that holds from here to the end of the scope.
func (e *elab) assume(c affine.Cond) {
	e.facts.Assume(c)
	if e.masks != nil {
		e.masks.Assume(c)
	}
}

// tame is a new symbol for an integer that is far from the ends of int.
func (e *elab) tame() affine.Expr { return e.space.Sym("").Expr() }

// isWild reports an integer that may lie anywhere in int, so that arithmetic on it may wrap.
func (e *elab) isWild(ix affine.Expr) bool {
	if len(e.wild) == 0 || !ix.Known() {
		return false
	}
	for _, s := range ix.Syms() {
		if e.wild[s] {
			return true
		}
	}
	return false
}

// opaque is a new symbol for an integer value of which only the type's range is known.
func (e *elab) opaque(name string, t dtype.Type) affine.Expr {
	sym := e.space.Sym(name)
	s := sym.Expr()
	if t.Bits() == 64 {
		if e.wild == nil {
			e.wild = map[affine.Sym]bool{}
		}
		e.wild[sym] = true
	}
	if t.Class() == dtype.ClassInt && t.Bits() < 64 || t == dtype.Bool {
		e.assume(affine.And(affine.GE(s, affine.Const(t.MinInt())), affine.LE(s, affine.Const(t.MaxInt()))))
	}
	return s
}

// describe names a type for a message: `f32 over m, n`.
func describe(t typed.Type) string {
	if len(t.Axes) == 0 {
		return t.Elem.String()
	}
	return t.Elem.String() + " over " + axisNames(t.Axes)
}

func axisNames(axes []*typed.Axis) string {
	names := make([]string, len(axes))
	for i, a := range axes {
		names[i] = a.Name
	}
	return strings.Join(names, ", ")
}

// thereAre says how many of a noun there are, for the end of a message; the noun may be empty.
func thereAre(n int, noun string) string {
	verb := "are"
	if n == 1 {
		verb = "is"
	}
	if noun == "" {
		return fmt.Sprintf("there %s %d", verb, n)
	}
	return "there " + verb + " " + plural(n, noun)
}

// plural is n and the noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
