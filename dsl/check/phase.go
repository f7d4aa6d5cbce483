package check

import (
	"slices"

	"math/bits"

	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/affine"
	"github.com/tilec/tilec/ir/dtype"
)

// topStmt elaborates what has a meaning of its own at the top of a kernel. It gives true for statements that mean there
// what they mean everywhere.
func (e *elab) topStmt(s dsl.Stmt) bool {
	switch s := s.(type) {
	case *dsl.Parallel:
		e.parallelStmt(s)
		return false
	case *dsl.For:
		e.inPhase(s, func() { e.forStmt(s) })
		return false
	case *dsl.Temp:
		e.tempStmt(s)
		return false
	case *dsl.Require:
		e.requireStmt(s)
		return false
	case *dsl.If:
		e.topIf(s)
		return false
	case *dsl.Const, *dsl.Axis, *dsl.BadStmt, *dsl.ExprStmt:
		return true
	case *dsl.Assign:
		for _, l := range s.Lhs {
			if _, is := l.(*dsl.Ident); !is && s.Op != ":=" {
				e.errorf(codeTop, s.Span(), "stores stand inside a phase: in parallel, or in a for at the top")
				return false
			}
		}
		if s.Op != ":=" {
			e.errorf(codeTop, s.Span(), "names at the top of a kernel are computed once: declare another with :=")
			return false
		}
		return true
	}
	e.errorf(codeTop, s.Span(), "the top of a kernel has phases (parallel, for), temp, require, const, axis and names; this stands inside a phase")
	return false
}

// topIf is an if at the top of a kernel: its condition is known when compiling.
func (e *elab) topIf(s *dsl.If) {
	cond, ok := e.condition(s.Cond, "if")
	if !ok {
		return
	}
	if cond.kind != vConst {
		e.errorf(codeTop, s.Cond.Span(), "at the top of a kernel the condition of if is known when compiling; elsewhere it stands inside a phase")
		return
	}
	if cond.k.bool() {
		if s.Else != nil {
			e.resolveOnly(s.Else)
		}
		e.inScope(func() { e.stmts(s.Then) })
		return
	}
	e.resolveOnly(s.Then)
	switch n := s.Else.(type) {
	case *dsl.Block:
		e.inScope(func() { e.stmts(n) })
	case *dsl.If:
		e.topIf(n)
	}
}

// inPhase runs f as one phase.
func (e *elab) inPhase(s dsl.Stmt, f func()) {
	ks := e.kernel
	ks.top = false
	ks.phase = ks.phases[s]
	ks.uses = nil
	ks.roles, ks.touches = nil, nil
	f()
	e.conflicts()
	ks.binds = nil
	ks.top = true
}

func (e *elab) parallelStmt(s *dsl.Parallel) {
	e.inPhase(s, func() {
		e.inScope(func() {
			out := &typed.Parallel{S: typed.S{At: s.Span()}}
			if s.Name != nil {
				out.Name = s.Name.Name
				e.wantLower(s.Name, "phase")
			}
			ok := true
			for _, b := range s.Binds {
				t, from, to, good := e.bind(b.Name, b.Lo, b.Hi, b.By, true)
				if !good {
					e.declare(b.Name, &entity{kind: entValue, val: bad(b.Name.Span())})
					ok = false
					continue
				}
				out.Binds = append(out.Binds, t)
				e.noteBind(b, t, from, to)
			}
			if len(out.Binds) > 62 {
				e.errorf(codeParallel, s.Span(), "parallel has %d bindings, and 62 are the most", len(out.Binds))
				return
			}
			body := e.collect(func() {
				e.kernel.body = e.out
				e.stmts(s.Body)
				e.kernel.body = nil
			})
			out.Body = body
			e.endRoles(body)
			for i, b := range out.Binds {
				if !b.Depends(out.Binds[:i]) {
					continue
				}
				for _, st := range body {
					switch st.(type) {
					case *typed.ChanDecl, *typed.Role:
						e.errorf(codeExplicit, st.Span(), "channels and roles stand in a parallel whose bindings do not depend on each other").Note(s.Binds[i].Name.Span(), "this one does")
						return
					}
				}
			}
			if ok {
				e.emit(out)
			}
		})
	})
}

// noteBind records a binding of a parallel, for what blocks may do to each other.
func (e *elab) noteBind(b *dsl.Bind, t *typed.Bind, from, to affine.Expr) {
	ks := e.kernel
	n := len(ks.binds)
	bb := &blockBind{name: b.Name.Name, at: b.Span()}
	ent := e.local(b.Name.Name)
	if ent == nil {
		return
	}
	if t.Axis != nil {
		a := e.axes[t.Axis]
		bb.ix, bb.span = a.ix, true
		bb.one = e.facts.ProveLE(to.Sub(from), affine.Const(t.By))
		a.bound = n
	} else {
		bb.ix = ent.val.ix
		bb.one = e.facts.ProveLE(to.Sub(from), affine.Const(1))
	}
	ks.binds = append(ks.binds, bb)
	if sym, ok := bb.ix.IsSym(); ok && n < 62 {
		// Indices along a binding vary with what its range depends on, too.
		ks.deps[sym] = 1<<n | e.depends(from) | e.depends(to)
	}
}

// opaqueDeps says of a value that it may depend on anything.
const opaqueDeps = ^uint64(0)

// depends is the set of parallel bindings that an index may depend on; opaqueDeps if nobody knows.
func (e *elab) depends(ix affine.Expr) uint64 {
	if !ix.Known() {
		return opaqueDeps
	}
	var d uint64
	for _, s := range ix.Syms() {
		d |= e.symDeps(s, 0)
	}
	return d
}

func (e *elab) symDeps(s affine.Sym, depth int) uint64 {
	if d, ok := e.kernel.deps[s]; ok {
		return d
	}
	if depth > 8 {
		return opaqueDeps
	}
	// The index of an axis varies within its block, and with what its range depends on.
	for _, a := range e.axes {
		is, ok := a.ix.IsSym()
		if !ok || is != s {
			continue
		}
		if !a.lo.Known() || !a.hi.Known() {
			return opaqueDeps
		}
		var d uint64
		if a.bound >= 0 && a.bound < 62 {
			d = 1 << a.bound
		}
		for _, r := range append(a.lo.Syms(), a.hi.Syms()...) {
			d |= e.symDeps(r, depth+1)
		}
		return d
	}
	return opaqueDeps
}

// memoryUse is a load or plain store of a tensor that blocks may share, in the phase being read.
type memoryUse struct {
	t     *tensor
	ixs   []affine.Expr
	store bool
	at    diag.Span
}

// readsOwn notes a load of a tensor that the same phase may write.
func (e *elab) readsOwn(t *tensor, ix indices, at diag.Span) {
	if e.kernel == nil || t.input || t.local || e.guards > 0 || e.ret != nil && e.ret.depth > 0 {
		return
	}
	e.kernel.uses = append(e.kernel.uses, memoryUse{t: t, ixs: ix.ixs, at: at})
}

// wrote notes a write to a tensor, and reports one that every block of a binding does to the same elements.
func (e *elab) wrote(t *tensor, ix indices, at diag.Span, adds bool) {
	if e.kernel == nil || t.local || adds {
		return
	}
	ks := e.kernel
	if e.guards > 0 || len(e.wheres) > 0 {
		return
	}
	ks.uses = append(ks.uses, memoryUse{t: t, ixs: ix.ixs, store: true, at: at})
	var d uint64
	for _, i := range ix.ixs {
		d |= e.depends(i)
	}
	if d == opaqueDeps {
		return
	}
	for n, b := range ks.binds {
		if n < 62 && d&(1<<n) == 0 && !b.one {
			e.errorf(codeRace, at, "every block along %s stores to the same elements of %s: subscript with %s, or add with += to what an earlier phase cleared", b.name, t.t.Name, b.name).
				Note(b.at, "the blocks are made here")
			return
		}
	}
}

// conflicts reports loads of a phase that for certain read what another block of it stores.
func (e *elab) conflicts() {
	ks := e.kernel
	for _, l := range ks.uses {
		if l.store {
			continue
		}
		for _, s := range ks.uses {
			if !s.store || s.t != l.t || len(s.ixs) != len(l.ixs) {
				continue
			}
			if b := e.otherBlock(s, l); b != nil {
				e.errorf(codeRaceRead, l.at, "this reads what another block along %s of the same phase stores: read it in a later phase", b.name).
					Note(s.at, "%s is stored here", l.t.t.Name)
				break
			}
		}
	}
}

// otherBlock finds a scalar binding p such that one dimension is stored at p + c, and read at p + d or without p.
func (e *elab) otherBlock(s, l memoryUse) *blockBind {
	for n, b := range e.kernel.binds {
		if b.span || b.one || n >= 62 {
			continue
		}
		for i := range s.ixs {
			if !s.ixs[i].Known() || !l.ixs[i].Known() {
				continue
			}
			if _, ok := s.ixs[i].Sub(b.ix).IsConst(); !ok {
				continue
			}
			if d, ok := l.ixs[i].Sub(s.ixs[i]).IsConst(); ok {
				if d != 0 {
					return b
				}
				continue
			}
			if _, ok := l.ixs[i].IsConst(); ok {
				return b
			}
		}
	}
	return nil
}

// reads notes that a value decides or becomes part of the result.
func (e *elab) reads(v value) {
	if !v.tile || e.kernel == nil || e.kernel.warned {
		return
	}
	e.kernel.warned = true
	e.diags.Warn(codeTileRead, v.at, "this depends on a tile size or on the bounds of a span, so the result may depend on the schedule; a literal tile, as `by 64`, makes it part of the algorithm")
}

// readable reports a load of a tensor that nothing has written yet.
func (e *elab) readable(t *tensor, at diag.Span) {
	if e.kernel == nil || t.input || t.local || t.t.Role == ir.InOut && !t.t.Temp {
		return
	}
	first, ok := e.kernel.any[t.t.Name]
	if !ok || first > e.kernel.phase {
		e.errorf(codeUnwritten, at, "%s is undefined here, since nothing has written it yet: store to it before, in this phase or an earlier one", t.t.Name).
			Note(t.t.Span, "%s is declared here", t.t.Name)
	}
}

// addable reports a tensor that nothing has given a value to add to.
func (e *elab) addable(t *tensor, at diag.Span) {
	if e.kernel == nil || t.local || t.t.Role == ir.InOut && !t.t.Temp {
		return
	}
	if first, ok := e.kernel.plain[t.t.Name]; !ok || first > e.kernel.phase {
		e.errorf(codeUnwritten, at, "%s starts undefined, so nothing can be added to it: clear it in an earlier phase, or take it as inout", t.t.Name).
			Note(t.t.Span, "%s is declared here", t.t.Name)
	}
}

// writable reports a store to a tensor that may not be written.
func (e *elab) writable(t *tensor, at diag.Span) bool {
	if t.local {
		return true
	}
	if e.test != nil {
		e.errorf(codeTestStmt, at, "a test does not store into tensors: define a new one with :=")
		return false
	}
	if t.input {
		e.errorf(codeReadOnly, at, "%s is an input, and inputs are read-only; declare it `inout %s`", t.t.Name, t.t.Name).
			Note(t.t.Span, "%s is declared here", t.t.Name)
		return false
	}
	if e.kernel.top {
		e.errorf(codeTop, at, "stores stand inside a phase: in parallel, or in a for at the top")
		return false
	}
	return true
}

// store is t[i] = v, t[i] += v.
func (e *elab) store(t *tensor, n *dsl.Index, g edge, v value, op string, at diag.Span) {
	if !e.writable(t, n.Span()) {
		return
	}
	facts := e.facts
	if e.masks != nil {
		facts = e.masks
	}
	ix, ok := e.subscripts(t, n, g, facts)
	if !ok {
		return
	}
	elem := t.t.Elem
	add := false
	switch op {
	case "=":
	case "+=", "-=":
		add = true
		if !elem.Arithmetic() {
			e.errorf(codeNoArithmetic, at, "%s has no arithmetic, so nothing is added to %s", elem, t.t.Name)
			return
		}
		e.addable(t, at)
		if op == "-=" {
			if v = e.negateTyped(v, elem, at); v.bad() {
				return
			}
		}
	default:
		e.errorf(codeAssign, at, "a tensor takes = and +=, not %s: read, compute and store", op)
		return
	}
	v, ok = e.rvalue(v)
	if !ok {
		return
	}
	x, ok := e.to(v, elem, t.t.Name)
	if !ok {
		return
	}
	if extra := minus(x.Type().Axes, ix.axes); len(extra) > 0 {
		e.errorf(codeExtraAxes, v.at, "the value is over %s, and the subscripts of %s over %s: reduce it, as sum[%s](…) or dot[%s](…), or subscript with %s", axisNames(x.Type().Axes), t.t.Name, orNothing(ix.axes), axisNames(extra), axisNames(extra), axisNames(extra))
		return
	}
	if !e.effectAxes(ix.axes, at) {
		return
	}
	if !add {
		e.wholeBytes(t, n, ix, facts)
	}
	e.reads(v)
	if ix.tile {
		tv := v
		tv.tile, tv.at = true, n.Span()
		e.reads(tv)
	}
	e.wrote(t, ix, at, add)
	if r := e.inRole; r != nil && r.groups > 1 && !t.t.Shared && !slices.Contains(ix.axes, r.split) {
		e.errorf(codeRoles, at, "each group of role %s would store to the same elements of %s: subscript with %s, of which they have parts", r.name, t.t.Name, r.split.Name).Note(r.at, "the role is here")
		return
	}
	e.touched(t, true, at)
	e.emit(&typed.Store{S: typed.S{At: at}, Tensor: t.t, Index: ix.exprs, Value: x, Mode: ix.mode, Add: add})
}

// negateTyped is -v in the type it is stored as.
func (e *elab) negateTyped(v value, t dtype.Type, at diag.Span) value {
	v, ok := e.rvalue(v)
	if !ok {
		return bad(at)
	}
	if v.kind == vConst {
		k, err := v.k.unary("-")
		if err != nil {
			e.errorf(codeConst, at, "%v", err)
			return bad(at)
		}
		return constVal(k, v.at)
	}
	x, ok := e.to(v, t, "")
	if !ok {
		return bad(at)
	}
	r := exprVal(e.mapOp(ir.Neg, t, v.at, x))
	r.tile = v.tile
	return r
}

// wholeBytes refuses a store of elements narrower than a byte that would share a byte with another tile: the last
// subscript must be one axis that begins at a whole byte and covers whole bytes, or ends with the row.
func (e *elab) wholeBytes(t *tensor, n *dsl.Index, ix indices, facts *affine.Facts) {
	width := int64(t.t.Elem.Bits())
	if width >= 8 || len(ix.ixs) == 0 || t.local {
		return
	}
	per := int64(8) >> bits.TrailingZeros64(uint64(width)&7|8) // elements that fill whole bytes
	last := len(ix.ixs) - 1
	refuse := func(format string, args ...any) {
		d := e.errorf(codeBytes, n.Entries[last].Span(), format, args...)
		d.Note(t.t.Span, "%s has %d-bit elements", t.t.Name, width)
	}
	axes := ix.exprs[last].Type().Axes
	if len(axes) != 1 {
		refuse("a store into %d-bit elements covers whole bytes: its last subscript runs along one axis, and this one along %d", width, len(axes))
		return
	}
	a := e.axes[axes[0]]
	e.edges(a)
	rest := ix.ixs[last].Sub(a.ix)
	if !ix.ixs[last].Known() || rest.Has(symOf(a.ix)) {
		refuse("a store into %d-bit elements covers whole bytes, and this subscript does not step by one", width)
		return
	}
	if len(ix.ixs) > 1 && !facts.Prove(affine.Divides(affine.Const(per), t.dims[last])) {
		refuse("a row of %s must be whole bytes: require %s %% %d == 0", t.t.Name, t.dims[last], per)
		return
	}
	if !facts.Prove(affine.Divides(affine.Const(per), rest.Add(a.start))) {
		refuse("this begins inside a byte: a tile here is %s, of %s each", plural(int(a.t.Extent), "element"), plural(int(width), "bit"))
		return
	}
	whole := facts.Prove(affine.Divides(affine.Const(per), a.end.Sub(a.start))) || a.t.Extent%per == 0
	toEnd := a.hi.Known() && (facts.ProveEq(rest.Add(a.hi), t.dims[last]) || facts.Prove(affine.Divides(affine.Const(per), a.hi.Sub(a.lo))))
	if !whole || a.t.Kind == typed.SpanAxis && !toEnd {
		refuse("a tile of %s of %s is %s, not whole bytes", plural(int(a.t.Extent), "element"), plural(int(width), "bit"), plural(int(a.t.Extent*width), "bit"))
	}
}

func symOf(ix affine.Expr) affine.Sym {
	s, _ := ix.IsSym()
	return s
}

// tempStmt is temp part f32[S, M, N].
func (e *elab) tempStmt(s *dsl.Temp) {
	t := &typed.Tensor{Name: s.Name.Name, Role: ir.InOut, Temp: true, Span: s.Name.Span()}
	ten := &tensor{t: t, out: true}
	e.wantLower(s.Name, "temp")
	elem, ok := e.typeOf(s.Type)
	t.Elem = elem
	if s.Type == nil || s.Type.Dims == nil {
		if ok {
			e.errorf(codeShape, s.Span(), "a temp has dimensions, as temp %s f32[M, N]", s.Name.Name)
		}
		ok = false
	} else {
		for _, d := range s.Type.Dims.List {
			if !e.shapeDim(d, t, ten, false) {
				ok = false
			}
		}
	}
	if !ok {
		e.declare(s.Name, &entity{kind: entValue, val: bad(s.Span())})
		return
	}
	e.kernel.tensors = append(e.kernel.tensors, ten)
	e.declare(s.Name, &entity{kind: entTensor, ten: ten})
	e.emit(&typed.TempDecl{S: typed.S{At: s.Span()}, Tensor: t})
}

// requireStmt is a launch contract, assumed from here on.
func (e *elab) requireStmt(s *dsl.Require) {
	for _, c := range s.Conds {
		v, ok := e.rvalue(e.expr(c))
		if !ok {
			continue
		}
		text := e.text(c.Span())
		if v.kind == vConst {
			switch {
			case !v.k.isBool():
				e.errorf(codeOperand, c.Span(), "require takes a bool, not %s", v.k)
			case !v.k.bool():
				e.errorf(codeRequire, c.Span(), "this variant breaks `require %s`%s", text, e.bindsText())
			}
			continue
		}
		if v.elem() != dtype.Bool || len(v.axes()) > 0 {
			e.errorf(codeOperand, c.Span(), "require takes a bool of scalars and dimensions, not %s", describe(v.e.Type()))
			continue
		}
		e.facts.Require(v.yes)
		if !e.settled(c) {
			e.emit(&typed.Require{S: typed.S{At: s.Span()}, Cond: v.e, Text: text})
		}
	}
}

// settled reports `P == …` where P was defined by it.
func (e *elab) settled(c dsl.Expr) bool {
	b, is := dsl.Unparen(c).(*dsl.Binary)
	if !is || b.Op != "==" {
		return false
	}
	for _, side := range []dsl.Expr{b.X, b.Y} {
		id, is := side.(*dsl.Ident)
		if !is {
			continue
		}
		ent := e.kernel.sizes[id.Name]
		if ent != nil && ent.val.e != nil {
			if s := ent.val.e.(*typed.SizeRef).Size; s.Def != nil && s.Span == id.Span() {
				return true
			}
		}
	}
	return false
}

// bindsText lists the generics of the variant for a message.
func (e *elab) bindsText() string {
	text := ""
	for _, b := range e.kernel.out.Binds {
		text += ", " + b.Name + " = " + b.Value
	}
	if text == "" {
		return ""
	}
	return " with " + text[2:]
}

// storedPhases numbers the phases of a kernel and finds, by name, the first that plainly stores to a tensor, and the
// first that writes it in any way.
func storedPhases(body *dsl.Block) (phases map[dsl.Stmt]int, plain, anyWrite map[string]int) {
	phases, plain, anyWrite = map[dsl.Stmt]int{}, map[string]int{}, map[string]int{}
	phase := 0
	note := func(m map[string]int, n dsl.Expr) {
		if ed, ok := n.(*dsl.Edge); ok {
			n = ed.X
		}
		if ix, ok := n.(*dsl.Index); ok {
			n = ix.X
		}
		if id, ok := n.(*dsl.Ident); ok {
			if _, have := m[id.Name]; !have {
				m[id.Name] = phase
			}
		}
	}
	var top func(b *dsl.Block)
	scan := func(s dsl.Stmt) {
		dsl.Walk(s, func(n dsl.Node) bool {
			switch n := n.(type) {
			case *dsl.Assign:
				for _, l := range n.Lhs {
					if n.Op == "=" {
						note(plain, l)
					}
					if n.Op != ":=" {
						note(anyWrite, l)
					}
				}
			case *dsl.Call:
				// A tensor may be written where it is handed to a function or an atomic.
				for _, a := range n.Args {
					note(anyWrite, a.X)
					if _, whole := a.X.(*dsl.Ident); whole {
						note(plain, a.X)
					}
				}
			}
			return true
		})
	}
	top = func(b *dsl.Block) {
		if b == nil {
			return
		}
		for _, s := range b.Stmts {
			switch s := s.(type) {
			case *dsl.If:
				before := phase
				top(s.Then)
				after := phase
				if s.Else != nil {
					phase = before
					top(&dsl.Block{Stmts: []dsl.Stmt{s.Else}})
				}
				phase = max(phase, after)
			case *dsl.Block:
				top(s)
			case *dsl.Parallel, *dsl.For:
				phases[s] = phase
				scan(s)
				phase++
			default:
				scan(s)
			}
		}
	}
	top(body)
	return phases, plain, anyWrite
}
