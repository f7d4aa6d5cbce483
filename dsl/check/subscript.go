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

// edge is the word behind a subscript.
type edge struct {
	out       dsl.Expr // else out
	unchecked bool
	store     bool // the subscript stands where something is stored
	at        diag.Span
}

func (g edge) given() bool { return g.out != nil || g.unchecked }

// skip reports `else skip`.
func (g edge) skip() bool {
	id, ok := g.out.(*dsl.Ident)
	return ok && id.Name == "skip"
}

// index elaborates x[…] where it is read.
func (e *elab) index(n *dsl.Index, g edge) value {
	at := n.Span()
	base := e.expr(n.X)
	switch base.kind {
	case vBad:
		for _, entry := range n.Entries {
			e.expr(entry.X)
		}
		return base
	case vTensor:
		if e.test != nil && len(n.Entries) > 0 && n.Entries[0].Colon != nil {
			return e.lookup(e.wholeTensor(base), n, g)
		}
		return e.load(base.ten, n, g)
	case vHandle:
		return e.slotRead(base.handle, n)
	case vExpr, vAxis:
		return e.lookup(base, n, g)
	case vConst:
		e.errorf(codeSubscript, at, "a constant has no elements")
	case vType:
		e.errorf(codeSubscript, at, "a tile is made by %s[axes](value)", base.typ)
	case vFunc:
		e.errorf(codeSubscript, at, "%s is a function: call it, as %s[…](…)", base.fn.name(), base.fn.name())
	case vKernel:
		e.errorf(codeSubscript, at, "%s is a kernel: call it, as %s[…](…)", base.kern.Name, base.kern.Name)
	case vMulti:
		e.errorf(codeSubscript, at, "this gives %d results: name them first", len(base.multi))
	default:
		e.errorf(codeSubscript, at, "this has no elements")
	}
	return bad(at)
}

// load reads elements of a tensor.
func (e *elab) load(t *tensor, n *dsl.Index, g edge) value {
	at := n.Span()
	if g.skip() {
		e.errorf(codeEdge, g.at, "`else skip` stands left of an assignment only")
		return bad(at)
	}
	e.readable(t, at)
	ix, ok := e.subscripts(t, n, g, e.facts)
	if !ok {
		return bad(at)
	}
	elem := t.t.Elem
	if e.test != nil {
		elem = typed.ReadType(elem)
	}
	load := &typed.Load{X: x(elem, ix.axes, at), Tensor: t.t, Index: ix.exprs, Mode: ix.mode}
	if ix.mode == typed.Else {
		load.Out = e.outside(g, elem)
		if load.Out == nil {
			return bad(at)
		}
	}
	e.readsOwn(t, ix, at)
	e.touched(t, false, at)
	v := exprVal(load)
	v.ix = e.loaded(elem, t.t.Name)
	return e.inTurn(v)
}

// outside is the value after `else`: a scalar of the element type.
func (e *elab) outside(g edge, elem dtype.Type) typed.Expr {
	v := e.expr(g.out)
	if v.bad() {
		return nil
	}
	out, ok := e.to(v, elem, "an element outside")
	if !ok {
		return nil
	}
	if len(out.Type().Axes) > 0 {
		e.errorf(codeEdge, g.out.Span(), "the value after `else` is a scalar, not a tile over %s: read with a scalar there, and choose with select(inside, …, %s)",
			axisNames(out.Type().Axes), e.text(dsl.Unparen(g.out).Span()))
		return nil
	}
	return out
}

// loaded is the symbol of a loaded integer: its type's range is all that is known.
func (e *elab) loaded(t dtype.Type, name string) affine.Expr {
	if !t.IsInt() && t.Kind != dtype.BipolarKind {
		return affine.Unknown()
	}
	return e.opaque(name+"[…]", t)
}

// indices are the elaborated subscripts of a tensor.
type indices struct {
	exprs []typed.Expr
	ixs   []affine.Expr
	axes  []*typed.Axis
	mode  typed.BoundsMode
	tile  bool
}

// subscripts elaborates the subscripts of a tensor and proves them inside, or demands a word.
func (e *elab) subscripts(t *tensor, n *dsl.Index, g edge, facts *affine.Facts) (indices, bool) {
	at := n.Span()
	var r indices
	if len(n.Entries) != len(t.dims) {
		e.errorf(codeRank, at, "%s has %s, and %s", t.t.Name, plural(len(t.dims), "dimension"), thereAre(len(n.Entries), "subscript")).
			Note(t.t.Span, "%s is declared here", t.t.Name)
		return r, false
	}
	ok := true
	proven := true
	for i, entry := range n.Entries {
		if entry.Colon != nil || entry.Eq != nil {
			e.errorf(codeSubscript, entry.Span(), "a tensor is subscripted by position; `e: i` is for tiles, by axis")
			ok = false
			continue
		}
		if t.t.Shared {
			p, a, good := e.sharedPosition(t, i, entry.X)
			if !good {
				ok = false
				continue
			}
			r.exprs, r.ixs, r.axes = append(r.exprs, p), append(r.ixs, affine.Unknown()), union(r.axes, a)
			continue
		}
		x, ix, good := e.subscript(entry.X)
		if !good {
			ok = false
			continue
		}
		r.exprs = append(r.exprs, x.e)
		r.ixs = append(r.ixs, ix)
		r.axes = union(r.axes, x.axes()...)
		r.tile = r.tile || x.tile
		if e.test != nil && !g.given() && e.outOfRange(t, i, n, ix) {
			ok = false
			continue
		}
		if e.test == nil && !t.local && !e.inside(ix, t.dims[i], facts) {
			proven = false
			if !g.given() {
				e.outsideError(t, i, entry.X, ix, facts, n, g)
				ok = false
			}
		}
	}
	if !ok || !e.tileOf(r.axes, at) {
		return r, false
	}
	switch {
	case g.unchecked && !proven:
		r.mode = typed.Unchecked
	case g.out != nil && (!proven || e.test != nil):
		r.mode = typed.Else
	case e.test != nil:
		r.mode = typed.Unchecked
	}
	return r, true
}

// outOfRange reports a subscript of a test that is known, and outside, when the test is read.
func (e *elab) outOfRange(t *tensor, i int, x *dsl.Index, ix affine.Expr) bool {
	c, known := ix.IsConst()
	n, fixed := t.dims[i].IsConst()
	if !known || !fixed || c >= 0 && c < n {
		return false
	}
	sub := x.Entries[i].X.Span()
	name := e.text(x.X.Span())
	e.errorf(codeBounds, sub, "%s is outside dimension %d of %s, which is %d long: say what is outside with `else`", e.text(sub), i+1, name, n).
		Note(t.t.Span, "%s is made here", name)
	return true
}

// inside proves 0 ≤ ix < dim.
func (e *elab) inside(ix, dim affine.Expr, facts *affine.Facts) bool {
	return ix.Known() && dim.Known() && facts.ProveGE0(ix) && facts.ProveLT(ix, dim)
}

// outsideError says which bound is not shown, and how far outside the subscript may be as far as is known.
func (e *elab) outsideError(t *tensor, i int, sub dsl.Expr, ix affine.Expr, facts *affine.Facts, n *dsl.Index, g edge) {
	text := e.text(sub.Span())
	dim := "dimension " + itoa(int64(i)+1)
	if t.dims[i].Known() {
		dim = t.dims[i].String()
	}
	var why string
	switch {
	case !ix.Known():
		why = "nothing is known about it"
	case !facts.ProveGE0(ix):
		why = "it may be below 0"
		if lo, _, _ := facts.Range(ix); lo < 0 && lo > -1<<40 {
			why = fmt.Sprintf("it may be as low as %d", lo)
		}
	default:
		why = "it may reach " + dim
		if gap := t.dims[i].Sub(ix); gap.Known() {
			if lo, _, _ := facts.Range(gap); lo <= 0 && lo > -1<<40 {
				why = fmt.Sprintf("it may be %s", t.dims[i].AddConst(-lo).String())
			}
		}
		if lo, _, _ := facts.Range(t.dims[i]); lo <= 0 {
			if c, ok := ix.IsConst(); ok {
				why = fmt.Sprintf("%s may be %d", dim, max(0, min(lo, c)))
			}
		}
	}
	note := func(d *diag.Diagnostic) {
		if i < len(t.t.Dims) && t.t.Span.IsValid() {
			d.Note(t.t.Span, "%s is declared here", t.t.Name)
		}
	}
	if r, from, to := e.rangeAround(sub); r.IsValid() {
		d := e.errorf(codeBounds, sub.Span(), "cannot show 0 <= %s < %s, since %s runs over %s: bound that range, or say what is outside with %s", text, dim, text, e.text(r), g.words())
		note(d)
		if t.dims[i].Known() {
			d.Suggest(r, e.bounded(from, to, t.dims[i], facts), "bound the range")
		}
		return
	}
	d := e.errorf(codeBounds, sub.Span(), "cannot show 0 <= %s < %s: %s; say what is outside with %s", text, dim, why, g.words())
	note(d)
	g.suggest(d, n.Span().End, t.t.Elem)
}

// words are the words that say what is outside.
func (g edge) words() string {
	if g.store {
		return "`else skip`, or promise with `unchecked`"
	}
	return "`else`, or promise with `unchecked`"
}

// suggest proposes the word behind a subscript that ends at a place.
func (g edge) suggest(d *diag.Diagnostic, end diag.Pos, elem dtype.Type) {
	at := diag.Span{File: d.Span.File, Start: end, End: end}
	switch {
	case g.store:
		d.Suggest(at, " else skip", "store nothing outside")
	case elem == dtype.Bool:
		d.Suggest(at, " else false", "give the value outside")
	case elem.Kind == dtype.BipolarKind || elem.IsFloat() && elem.Lowest() > 0:
		d.Suggest(at, " else 1", "give the value outside")
	default:
		d.Suggest(at, " else 0", "give the value outside")
	}
}

// rangeAround is the range of the loop or parallel that binds a subscript which is nothing but its name, if data bounds
// it: the whole range, and its ends.
func (e *elab) rangeAround(sub dsl.Expr) (at diag.Span, from, to loopEnd) {
	id, is := dsl.Unparen(sub).(*dsl.Ident)
	if !is {
		return at, from, to
	}
	ent := e.local(id.Name)
	if ent == nil || !ent.data {
		return at, from, to
	}
	return ent.from.at.To(ent.to.at), ent.from, ent.to
}

// bounded is a range cut to 0..dim where it is not shown to lie there.
func (e *elab) bounded(from, to loopEnd, dim affine.Expr, facts *affine.Facts) string {
	lo, hi := "", snippet(e.prog, to.at)
	if from.at.IsValid() {
		lo = snippet(e.prog, from.at)
		if !from.ix.Known() || !facts.ProveGE0(from.ix) {
			lo = "max(0, " + lo + ")"
		}
		lo += ".."
	}
	if !to.ix.Known() || !facts.ProveLE(to.ix, dim) {
		hi = "min(" + hi + ", " + dim.String() + ")"
	}
	return lo + hi
}

// text is a piece of the source, on one line.
func (e *elab) text(at diag.Span) string {
	src := e.prog.sources[at.File]
	if !at.IsValid() || at.Start.Offset > at.End.Offset || at.End.Offset > len(src) {
		return "it"
	}
	s := strings.Join(strings.Fields(string(src[at.Start.Offset:at.End.Offset])), " ")
	if len(s) > 60 {
		s = s[:57] + "…"
	}
	return s
}

// subscript elaborates one subscript: an i64 expression and its value.
func (e *elab) subscript(n dsl.Expr) (value, affine.Expr, bool) {
	v := e.expr(n)
	if v.bad() {
		return v, affine.Unknown(), false
	}
	if a, isAxis, ok := e.dimAxis(v, n); isAxis {
		if !ok {
			return bad(v.at), affine.Unknown(), false
		}
		v = value{kind: vAxis, ax: a, at: v.at}
	}
	v, ok := e.rvalue(v)
	if !ok {
		return v, affine.Unknown(), false
	}
	ix := v.index()
	x, ok := e.toInt(v, "a subscript")
	if !ok {
		return bad(v.at), affine.Unknown(), false
	}
	r := intVal(x, ix)
	r.tile = v.tile
	return r, ix, true
}

// dimAxis is the axis of a dimension named as a whole subscript. isAxis is false where v is something else.
func (e *elab) dimAxis(v value, n dsl.Expr) (a *axis, isAxis, ok bool) {
	if v.dim == "" {
		return nil, false, false
	}
	if e.test != nil {
		if v.kind != vConst || !upper(lastPart(v.dim)) {
			return nil, false, false
		}
		a := e.testAxis(v)
		return a, true, a != nil
	}
	if e.kernel == nil {
		return nil, false, false
	}
	if v.kind == vExpr {
		// A dimension known at launch only.
		if !v.loose {
			return nil, false, false
		}
		name := e.text(n.Span())
		if e.kernel.told[v.dim] {
			return nil, true, false // once a kernel is enough
		}
		if e.kernel.told == nil {
			e.kernel.told = map[string]bool{}
		}
		e.kernel.told[v.dim] = true
		d := e.errorf(codeRuntimeAxis, v.at, "dimension %s is known at launch only, so it is no axis: write a loop, `for %s in %s by %s { … }`",
			name, lowerFirst(name), name, "B"+name)
		if e.kernel.keys[v.dim].IsValid() {
			d.Note(e.kernel.keys[v.dim], "%s stands in a shape here; a generic %s: int would be known when compiling", name, name)
		}
		return nil, true, false
	}
	if _, is := e.kernel.keys[v.dim]; !is {
		return nil, false, false
	}
	a = e.kernelAxis(v)
	return a, true, a != nil
}

func lastPart(key string) string {
	return key[strings.LastIndexByte(key, '.')+1:]
}

// axisOf elaborates an expression that must be an axis: a name of one, or of a compile-time dimension.
func (e *elab) axisOf(n dsl.Expr) (*axis, bool) {
	v := e.expr(n)
	return e.asAxis(v, n)
}

func (e *elab) asAxis(v value, n dsl.Expr) (*axis, bool) {
	switch v.kind {
	case vBad:
		return nil, false
	case vAxis:
		if v.ax.dead {
			e.deadAxis(v.ax, v.at)
			return nil, false
		}
		return v.ax, true
	}
	if a, isAxis, ok := e.dimAxis(v, n); isAxis {
		return a, ok
	}
	if v.kind == vConst && v.dim != "" && e.test == nil {
		e.errorf(codeNotAxis, v.at, "%s is an integer, and no tensor here has it as a dimension; make an axis with `axis %s = %s`",
			e.text(v.at), lowerFirst(lastPart(v.dim)), e.text(v.at))
		return nil, false
	}
	e.errorf(codeNotAxis, n.Span(), "%s is not an axis", e.text(n.Span()))
	return nil, false
}

// lookup is a tile subscripted by axis.
func (e *elab) lookup(base value, n *dsl.Index, g edge) value {
	at := n.Span()
	v, ok := e.rvalue(base)
	if !ok {
		return bad(at)
	}
	if len(n.Entries) == 0 {
		e.errorf(codeSubscript, at, "a tile is subscripted by axis, as t[e: i]")
		return bad(at)
	}
	if g.skip() {
		e.errorf(codeEdge, g.at, "`else skip` stands left of an assignment only")
		return bad(at)
	}
	for k, entry := range n.Entries {
		l, ok := e.lookupEntry(v, entry, at.End, g, e.facts)
		if !ok {
			return bad(at)
		}
		for _, later := range n.Entries[k+1:] {
			if a, ok := e.axisOf(later.X); ok && contains(l.index.Type().Axes, a.t) {
				e.errorf(codeSubscript, later.Span(), "%s is replaced here and an axis of an earlier index: look up in two steps", a.t.Name)
				return bad(at)
			}
		}
		axes := union(minus(v.axes(), []*typed.Axis{l.axis.t}), l.index.Type().Axes...)
		if !e.tileOf(axes, at) {
			return bad(at)
		}
		elem := v.elem()
		t := &typed.Lookup{X: x(elem, axes, at), Tile: v.e, Axis: l.axis.t, Index: l.index, Mode: l.mode}
		if l.mode == typed.Else {
			if t.Out = e.outside(g, elem); t.Out == nil {
				return bad(at)
			}
		}
		tile := v.tile || l.tile
		v = exprVal(t)
		v.ix = e.loaded(elem, "")
		v.tile = tile
	}
	return v
}

// lookupIndex is one `e: i`.
type lookupIndex struct {
	axis  *axis
	index typed.Expr
	mode  typed.BoundsMode
	tile  bool
}

// lookupEntry elaborates `e: i` on a tile and proves i among the indices of e; the subscript ends at end.
func (e *elab) lookupEntry(v value, entry *dsl.IndexEntry, end diag.Pos, g edge, facts *affine.Facts) (lookupIndex, bool) {
	var r lookupIndex
	if entry.Colon == nil {
		e.errorf(codeSubscript, entry.Span(), "a tile is subscripted by axis, as t[e: i]; %s", have(v))
		return r, false
	}
	a, ok := e.axisOf(entry.X)
	if !ok {
		return r, false
	}
	if !contains(v.axes(), a.t) {
		e.errorf(codeNoAxis, entry.X.Span(), "the tile has no axis %s; %s", a.t.Name, have(v))
		return r, false
	}
	i, ix, ok := e.subscript(entry.Colon)
	if !ok {
		return r, false
	}
	r.axis, r.index, r.tile = a, i.e, i.tile
	if e.test != nil {
		r.mode = typed.Unchecked
		if g.out != nil {
			r.mode = typed.Else
		}
		return r, true
	}
	e.edges(a)
	for _, other := range i.axes() {
		if o := e.axes[other]; o != nil && o.t.Kind != typed.ConstAxis {
			e.edges(o)
		}
	}
	inside := ix.Known() && facts.ProveLE(a.start, ix) && facts.ProveLT(ix, a.end)
	switch {
	case inside:
	case g.unchecked:
		r.mode = typed.Unchecked
	case g.out != nil:
		r.mode = typed.Else
	default:
		d := e.errorf(codeBounds, entry.Colon.Span(), "cannot show that %s is an index of axis %s (%s to %s): say what is outside with %s",
			e.text(entry.Colon.Span()), a.t.Name, a.start, a.end.AddConst(-1), g.words())
		g.suggest(d, end, v.elem())
		return r, false
	}
	if d, ok := ix.Sub(a.ix).IsConst(); ok && d != 0 && r.mode != typed.Proven {
		// What is beside an element depends on where its span ends.
		r.tile = r.tile || a.tile
	}
	return r, true
}

func have(v value) string {
	if len(v.axes()) == 0 {
		return "this is a scalar"
	}
	return "it is over " + axisNames(v.axes())
}

func contains(axes []*typed.Axis, a *typed.Axis) bool {
	for _, b := range axes {
		if a == b {
			return true
		}
	}
	return false
}
