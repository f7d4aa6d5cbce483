package check

import (
	"maps"
	"slices"

	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/affine"
	"github.com/tilec/tilec/ir/dtype"
)

// Bindings say which variant of a kernel is wanted.
type Bindings struct {
	// Generics by name; those left out take their defaults.
	Generics map[string]Value
	// Target names the section of the schedule that refines default; "" and "interp" take default alone.
	Target string
	// Tiles override tile sizes of the schedule.
	Tiles map[string]int64
	// Words refine the schedule further; [Kernel.ParseWord] makes them.
	Words []Word
}

// Word is a word of a schedule with its value.
type Word = typed.Word

// kernelState is what elaborating a kernel's variant keeps.
type kernelState struct {
	k       *Kernel
	out     *typed.Kernel
	root    *scope // generics, dimensions, parameters
	top     bool   // between phases
	phase   int
	phases  map[dsl.Stmt]int
	tiles   *tiles
	sizes   map[string]*entity
	keys    map[string]diag.Span // compile-time integers that stand in a shape, and where
	dimAxes map[string]*axis
	told    map[string]bool // dimensions known at launch that were used as axes
	dims    []typed.Stmt    // where the axes of dimensions begin to exist
	tensors []*tensor
	binds   []*blockBind // of the parallel around the text
	deps    map[affine.Sym]uint64
	uses    []memoryUse
	plain   map[string]int // the first phase that plainly stores to a tensor
	any     map[string]int // the first phase that writes to it at all
	warned  bool
	// Of the phase being read: its statements, and what the explicit level has in it.
	body    *[]typed.Stmt
	roles   []*roleState
	touches []touch
}

// blockBind is one binding of a parallel.
type blockBind struct {
	name string
	at   diag.Span
	ix   affine.Expr // the scalar, or the index of the span
	span bool
	one  bool // for certain a single block
}

// Instantiate checks one variant of a kernel and gives it as a typed tree, nil if it has an error. The list has the
// errors and warnings of this variant only. What it depends on is b, nothing else.
func (k *Kernel) Instantiate(b Bindings) (*typed.Kernel, diag.List) {
	var diags diag.List
	e := newElab(k.Package.prog, k.file, &diags)
	var out *typed.Kernel
	protect(func() { out = e.instantiate(k, b) })
	if diags.HasErrors() {
		return nil, diags.Sorted()
	}
	if out != nil {
		out.Again = func(tiles map[string]int64, words []Word) (*typed.Kernel, error) {
			other := b
			other.Tiles = maps.Clone(b.Tiles)
			if other.Tiles == nil {
				other.Tiles = map[string]int64{}
			}
			maps.Copy(other.Tiles, tiles)
			other.Words = slices.Concat(b.Words, words)
			v, list := k.Instantiate(other)
			return v, list.Err()
		}
	}
	return out, diags.Sorted()
}

// Pins are the register layouts that the kernel's text fixes, for one variant of it.
func (k *Kernel) Pins(b Bindings) ([]typed.Pin, diag.List) {
	var diags diag.List
	e := newElab(k.Package.prog, k.file, &diags)
	var out *typed.Kernel
	protect(func() { out = e.instantiate(k, b) })
	if diags.HasErrors() || out == nil {
		return nil, diags.Sorted()
	}
	return out.Pins, diags.Sorted()
}

// instantiate elaborates a variant.
func (e *elab) instantiate(k *Kernel, b Bindings) *typed.Kernel {
	given := map[string]value{}
	for _, name := range sortedKeys(b.Generics) {
		if named(k.generics, name) == nil {
			e.errorf(codeGenericName, k.Span(), "kernel %s has no generic %s", k.Name, name)
			return nil
		}
		given[name] = b.Generics[name].value(named(k.generics, name).at)
	}
	ks := &kernelState{
		k: k, top: true, sizes: map[string]*entity{}, keys: map[string]diag.Span{}, dimAxes: map[string]*axis{},
		deps: map[affine.Sym]uint64{},
		out:  &typed.Kernel{Package: k.Package.Name, Name: k.Name, Span: k.Span()},
	}
	e.kernel = ks
	ks.root = e.scope
	if !e.bindGenerics(k.generics, given, k.Name, k.Span()) {
		return nil
	}
	for _, g := range k.generics {
		if v, ok := genericValue(e.local(g.name).val); ok {
			ks.out.Binds = append(ks.out.Binds, ir.Bind{Name: g.name, Value: v.String()})
		}
	}
	if ks.tiles = e.tilesOf(k, b); ks.tiles == nil {
		return nil
	}
	ks.out.Words = ks.tiles.words
	for _, name := range ks.tiles.names {
		ks.out.Tiles = append(ks.out.Tiles, typed.TileSize{Name: name, Value: ks.tiles.vals[name]})
	}
	ks.phases, ks.plain, ks.any = storedPhases(k.ast.Body)
	if !e.params(k) {
		return nil
	}
	e.push()
	body := e.collect(func() { e.stmts(k.ast.Body) })
	e.pop()
	ks.out.Body = append(ks.dims, body...)
	for _, t := range ks.tensors {
		if t.out && !t.t.Temp && t.t.Role == ir.Out {
			if _, ok := ks.any[t.t.Name]; !ok {
				e.errorf(codeNeverWritten, t.t.Span, "output %s is never written: store to it, or leave it out", t.t.Name)
			}
		}
	}
	ks.out.Binds = append(ks.out.Binds, ks.tiles.binds()...)
	return ks.out
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// paramInfo is a parameter being declared.
type paramInfo struct {
	p    *dsl.Param
	typ  *dsl.Param // the parameter that gives the type
	role ir.Role
	elem dtype.Type
}

// paramInfos lists the parameters of a kernel in the order of the text.
func (e *elab) paramInfos(k *Kernel) ([]*paramInfo, bool) {
	var all []*paramInfo
	ok := true
	for n, list := range []*dsl.ParamList{k.ast.Inputs, k.ast.Outputs} {
		if list == nil {
			continue
		}
		for i, p := range list.List {
			info := &paramInfo{p: p, typ: list.Typed(i)}
			if info.typ == nil || info.typ.Type == nil {
				e.errorf(codeParam, p.Span(), "parameter %s has no type: write it behind the name, as %s f32[N]", p.Name.Name, p.Name.Name)
				ok = false
				continue
			}
			switch {
			case p.Inout:
				info.role = ir.InOut
			case n == 1:
				info.role = ir.Out
			}
			e.wantLower(p.Name, "parameter")
			var good bool
			if info.elem, good = e.typeOf(info.typ.Type); !good {
				ok = false
				continue
			}
			if info.typ.Peer {
				e.errorf(codePeer, p.Span(), "tensors of other devices (peer) are reserved and not supported")
				ok = false
			}
			if info.role != ir.In && info.typ.Type.Dims == nil {
				e.errorf(codeParam, p.Span(), "output %s is a scalar: outputs are tensors, write %s %s[] for a single number", p.Name.Name, p.Name.Name, info.elem)
				ok = false
				continue
			}
			all = append(all, info)
		}
	}
	return all, ok
}

// params binds dimensions and declares parameters.
func (e *elab) params(k *Kernel) bool {
	infos, ok := e.paramInfos(k)
	if !ok {
		return false
	}
	// Compile-time integers that stand bare in a shape are dimensions with an axis.
	for _, info := range infos {
		if info.typ.Type.Dims != nil {
			for _, d := range info.typ.Type.Dims.List {
				e.noteKey(d)
			}
		}
	}
	for _, s := range k.ast.Body.Stmts {
		if t, is := s.(*dsl.Temp); is && t.Type != nil && t.Type.Dims != nil {
			for _, d := range t.Type.Dims.List {
				e.noteKey(d)
			}
		}
	}
	// Sizes: bare names of inputs first, in order; then those that must be solved for.
	for _, info := range infos {
		if info.role == ir.Out || info.typ.Type.Dims == nil {
			continue
		}
		for _, d := range info.typ.Type.Dims.List {
			if id, is := d.(*dsl.Ident); is && e.unbound(id) {
				e.addSize(id, nil)
			}
		}
	}
	hidden := e.solveSizes(infos)
	e.requiredSizes(k)
	for _, info := range infos {
		if !e.declareParam(info, hidden) {
			ok = false
		}
	}
	return ok
}

// noteKey records a bare compile-time integer of a shape, and its axis.
func (e *elab) noteKey(d dsl.Expr) {
	id, is := d.(*dsl.Ident)
	if !is {
		return
	}
	ks := e.kernel
	if ent := e.local(id.Name); ent != nil {
		if _, have := ks.keys[ent.dim]; !have && ent.dim != "" {
			ks.keys[ent.dim] = id.Span()
		}
		return
	}
	if v, ok := e.packageName(e.scope.root, id.Name, id.Span()); ok && v.dim != "" {
		if _, have := ks.keys[v.dim]; !have {
			ks.keys[v.dim] = id.Span()
		}
		return
	}
	if _, have := ks.keys[id.Name]; !have {
		ks.keys[id.Name] = id.Span()
	}
}

// kernelAxis is the axis of a compile-time dimension, one a kernel.
func (e *elab) kernelAxis(v value) *axis {
	ks := e.kernel
	if a := ks.dimAxes[v.dim]; a != nil {
		if a.told != e.facts {
			// The range was learnt where the axis was first used, maybe in another branch.
			e.within(a, a.lo, a.hi)
			a.told = e.facts
		}
		return a
	}
	n, ok := v.constInt()
	if !ok || n > maxExtent || n < 0 {
		e.errorf(codeTooLarge, v.at, "dimension %s is %s, and an axis has 0 to %d indices", lastPart(v.dim), v.k, maxExtent)
		return nil
	}
	was := e.scope
	e.scope = ks.root
	a := e.constAxis(lastPart(v.dim), 0, n, ks.keys[v.dim])
	e.scope = was
	if a == nil {
		return nil
	}
	ks.dimAxes[v.dim] = a
	ks.dims = append(ks.dims, &typed.AxisDecl{S: typed.S{At: ks.keys[v.dim]}, Axis: a.t})
	return a
}

// unbound reports a name that nothing declares yet: a dimension known at launch.
func (e *elab) unbound(id *dsl.Ident) bool {
	if e.local(id.Name) != nil {
		return false
	}
	if _, ok := e.packageName(e.scope.root, id.Name, id.Span()); ok {
		return false
	}
	_, ok := universe(id.Name, id.Span())
	return !ok
}

// maxSize bounds dimensions: no memory holds more, and index arithmetic on them does not overflow.
const maxSize = 1 << 48

// addSize declares a dimension known at launch; def, if not nil, computes it.
func (e *elab) addSize(id *dsl.Ident, def *ir.Dim) *entity {
	ks := e.kernel
	if !upper(id.Name) {
		e.errorf(codeCase, id.Span(), "dimension %s must begin with an upper-case letter", id.Name).
			Suggest(id.Span(), upperFirst(id.Name), "begin it upper-case")
	}
	s := &typed.Size{Name: id.Name, Def: def, Span: id.Span()}
	ks.out.Sizes = append(ks.out.Sizes, s)
	sym := e.space.Sym(id.Name)
	ks.deps[sym] = 0
	ix := sym.Expr()
	e.assume(affine.And(affine.GE0(ix), affine.LE(ix, affine.Const(maxSize))))
	v := intVal(&typed.SizeRef{X: x(dtype.I64, nil, id.Span()), Size: s}, ix)
	v.loose = true
	ent := &entity{kind: entValue, val: v, dim: id.Name}
	e.declare(id, ent)
	ks.sizes[id.Name] = ent
	if _, have := ks.keys[id.Name]; !have {
		ks.keys[id.Name] = id.Span()
	}
	return ent
}

func upperFirst(s string) string {
	if s == "" || s[0] < 'a' || s[0] > 'z' {
		return s
	}
	return string(s[0]-'a'+'A') + s[1:]
}

// sizeIndex is the position of a size among the kernel's.
func (e *elab) sizeIndex(s *typed.Size) int { return slices.Index(e.kernel.out.Sizes, s) }

// solveSizes handles the dimensions of inputs with a size in them that no input has bare, in the order in which they can
// be solved: one may need what another gives.
func (e *elab) solveSizes(infos []*paramInfo) map[dsl.Expr]*entity {
	var open []dsl.Expr
	for _, info := range infos {
		if info.role != ir.Out && info.typ.Type.Dims != nil {
			open = append(open, info.typ.Type.Dims.List...)
		}
	}
	hidden := map[dsl.Expr]*entity{}
	for last := false; len(open) > 0; {
		var left []dsl.Expr
		for _, d := range open {
			unknown := e.unknownSizes(d)
			if len(unknown) == 0 {
				continue
			}
			if h := e.solveSize(d, unknown[0]); h != nil {
				hidden[d] = h
				continue
			}
			left = append(left, d)
			if last {
				name := unknown[0].Name
				e.errorf(codeUnsolvable, d.Span(), "cannot solve %s for %s: let %s stand alone as a dimension of some input, or make it a generic, `[%s: int]`", e.text(d.Span()), name, name, name)
				for _, id := range unknown {
					if e.unbound(id) {
						e.declare(id, &entity{kind: entValue, val: bad(id.Span())})
					}
				}
			}
		}
		last = len(left) == len(open)
		open = left
	}
	return hidden
}

// unknownSizes are the sizes in a dimension that nothing binds yet.
func (e *elab) unknownSizes(d dsl.Expr) []*dsl.Ident {
	var list []*dsl.Ident
	dsl.Walk(d, func(n dsl.Node) bool {
		if id, is := n.(*dsl.Ident); is && e.unbound(id) && upper(id.Name) && !e.kernel.tiles.has(id.Name) {
			list = append(list, id)
		}
		return true
	})
	return list
}

// solveSize solves a dimension of an input for the one size in it that no input has bare: an extent without a name is
// bound, and the size is computed from it. It gives nil where that cannot be, or not yet.
func (e *elab) solveSize(d dsl.Expr, unknown *dsl.Ident) *entity {
	ks := e.kernel
	s := &typed.Size{Name: e.text(d.Span()), Span: d.Span()}
	def, ok := e.invert(d, ir.SizeDim(len(ks.out.Sizes)))
	if !ok {
		return nil
	}
	ks.out.Sizes = append(ks.out.Sizes, s)
	e.addSize(unknown, def)
	v := intVal(&typed.SizeRef{X: x(dtype.I64, nil, d.Span()), Size: s}, affine.Unknown())
	v.loose = true
	return &entity{name: unknown.Name, kind: entValue, val: v}
}

// invert solves d == from for the one name in d that nothing binds yet.
func (e *elab) invert(d dsl.Expr, from *ir.Dim) (*ir.Dim, bool) {
	switch d := d.(type) {
	case *dsl.Ident:
		return from, e.unbound(d)
	case *dsl.Paren:
		return e.invert(d.X, from)
	case *dsl.Binary:
		left, right := e.hasUnbound(d.X), e.hasUnbound(d.Y)
		if left == right {
			return nil, false
		}
		known, inner := d.Y, d.X
		if right {
			known, inner = d.X, d.Y
		}
		k, ok := e.dim(e.expr(known))
		if !ok {
			return nil, false
		}
		switch {
		case d.Op == "+":
			return e.invert(inner, ir.DimOf(ir.DimSub, from, k))
		case d.Op == "-" && left:
			return e.invert(inner, ir.DimOf(ir.DimAdd, from, k))
		case d.Op == "-":
			return e.invert(inner, ir.DimOf(ir.DimSub, k, from))
		case d.Op == "*":
			return e.invert(inner, ir.DimOf(ir.DimDiv, from, k))
		case d.Op == "/" && left:
			return e.invert(inner, ir.DimOf(ir.DimMul, from, k))
		case d.Op == "/":
			return e.invert(inner, ir.DimOf(ir.DimDiv, k, from))
		}
	}
	return nil, false
}

func (e *elab) hasUnbound(n dsl.Node) bool {
	found := false
	dsl.Walk(n, func(n dsl.Node) bool {
		if id, is := n.(*dsl.Ident); is && e.unbound(id) {
			found = true
		}
		return true
	})
	return found
}

// requiredSizes defines dimensions found only in outputs by `require P == …`.
func (e *elab) requiredSizes(k *Kernel) {
	for _, s := range k.ast.Body.Stmts {
		r, is := s.(*dsl.Require)
		if !is {
			continue
		}
		for _, c := range r.Conds {
			b, is := dsl.Unparen(c).(*dsl.Binary)
			if !is || b.Op != "==" {
				continue
			}
			id, is := b.X.(*dsl.Ident)
			def := b.Y
			if !is || !e.unbound(id) || !upper(id.Name) {
				id, is = b.Y.(*dsl.Ident)
				def = b.X
			}
			if !is || !e.unbound(id) || !upper(id.Name) || !inShape(k.ast.Outputs, id.Name) || e.hasUnbound(def) {
				continue
			}
			v := e.expr(def)
			d, ok := e.dim(v)
			if !ok {
				if !v.bad() {
					e.errorf(codeUnsolvable, def.Span(), "dimension %s is computed from dimensions and constants alone, with + - * / %% min max cdiv", id.Name)
				}
				continue
			}
			ent := e.addSize(id, d)
			if ix := v.index(); ix.Known() {
				e.facts.Require(affine.EQ(ent.val.ix, ix))
			}
		}
	}
}

// inShape reports whether a name stands bare in a shape of a list of parameters.
func inShape(list *dsl.ParamList, name string) bool {
	if list == nil {
		return false
	}
	for _, p := range list.List {
		if p.Type == nil || p.Type.Dims == nil {
			continue
		}
		for _, d := range p.Type.Dims.List {
			if id, is := d.(*dsl.Ident); is && id.Name == name {
				return true
			}
		}
	}
	return false
}

// dim turns an integer made of constants and sizes into an extent.
func (e *elab) dim(v value) (*ir.Dim, bool) {
	if n, ok := v.constInt(); ok {
		return ir.ConstDim(n), true
	}
	if v.kind != vExpr {
		return nil, false
	}
	return e.dimExpr(v.e)
}

var dimOps = map[ir.Code]ir.DimOp{
	ir.Add: ir.DimAdd, ir.Sub: ir.DimSub, ir.Mul: ir.DimMul, ir.Div: ir.DimDiv, ir.Mod: ir.DimMod, ir.Min: ir.DimMin, ir.Max: ir.DimMax,
}

func (e *elab) dimExpr(n typed.Expr) (*ir.Dim, bool) {
	switch n := n.(type) {
	case *typed.Const:
		return ir.ConstDim(n.Int), n.T.Elem.IsInt()
	case *typed.SizeRef:
		i := e.sizeIndex(n.Size)
		return ir.SizeDim(i), i >= 0
	case *typed.Map:
		if xy, is := e.cdivs[n]; is {
			x, ok1 := e.dim(xy[0])
			y, ok2 := e.dim(xy[1])
			if !ok1 || !ok2 {
				return nil, false
			}
			return ir.DimOf(ir.DimCdiv, x, y), true
		}
		op, ok := dimOps[n.Op]
		if n.Op == ir.Neg {
			d, ok := e.dimExpr(n.Args[0])
			if !ok {
				return nil, false
			}
			return ir.DimOf(ir.DimSub, ir.ConstDim(0), d), true
		}
		if !ok || len(n.Args) != 2 {
			return nil, false
		}
		a, ok1 := e.dimExpr(n.Args[0])
		b, ok2 := e.dimExpr(n.Args[1])
		if !ok1 || !ok2 {
			return nil, false
		}
		return ir.DimOf(op, a, b), true
	}
	return nil, false
}

// declareParam declares one parameter.
func (e *elab) declareParam(info *paramInfo, hidden map[dsl.Expr]*entity) bool {
	ks := e.kernel
	p := &typed.Param{Name: info.p.Name.Name, Role: info.role}
	at := info.p.Name.Span()
	if info.typ.Type.Dims == nil {
		if len(info.typ.Attrs) > 0 {
			e.errorf(codeParam, info.typ.Span(), "packed and strided are for tensors")
			return false
		}
		v := &typed.Var{Name: p.Name, Type: typed.Type{Elem: info.elem}, Span: at}
		p.Scalar = v
		val := exprVal(&typed.Ref{X: typed.X{T: v.Type, At: at}, Var: v})
		if info.elem.IsInt() {
			val.ix = e.opaque(p.Name, info.elem)
			ks.deps[symOf(val.ix)] = 0
		}
		ks.out.Params = append(ks.out.Params, p)
		e.declare(info.p.Name, &entity{kind: entVar, v: v, val: val, input: true})
		return true
	}
	t := &typed.Tensor{Name: p.Name, Elem: info.elem, Role: info.role, Span: at}
	for _, a := range info.typ.Attrs {
		switch {
		case a.Word == "strided":
			t.Mem = ir.Strided
		case t.Mem == ir.Strided || info.role != ir.In:
			e.errorf(codeParam, a.Span(), "packed is for inputs, and not with strided")
			return false
		default:
			t.Mem = ir.Packed
			if a.Name != nil {
				t.PackName = a.Name.Name
			}
		}
	}
	ten := &tensor{t: t, input: info.role == ir.In, out: info.role != ir.In}
	ok := true
	for _, d := range info.typ.Type.Dims.List {
		if h := hidden[d]; h != nil {
			// The extent is bound as it is, and held to the expression in which the size stands.
			v := e.expr(d)
			i := e.sizeIndex(h.val.e.(*typed.SizeRef).Size)
			t.Dims = append(t.Dims, ir.SizeDim(i))
			ten.dims = append(ten.dims, v.index())
			ten.keys = append(ten.keys, "")
			if !v.bad() {
				e.assume(affine.GE0(v.index()))
				e.requireExact(d, h.name)
				e.exactDivisions(d)
				cond := e.binary("==", h.val, v, d.Span())
				if !cond.bad() {
					ks.dims = append(ks.dims, &typed.Require{S: typed.S{At: d.Span()}, Cond: cond.e, Text: "dimension " + itoa(int64(len(t.Dims))) + " of " + t.Name + " == " + e.text(d.Span())})
				}
			}
			continue
		}
		if !e.shapeDim(d, t, ten, info.role == ir.Out) {
			ok = false
		}
	}
	if !ok {
		return false
	}
	p.Tensor = t
	ks.out.Params = append(ks.out.Params, p)
	ks.tensors = append(ks.tensors, ten)
	e.declare(info.p.Name, &entity{kind: entTensor, ten: ten})
	return true
}

// shapeDim elaborates one dimension of a shape.
func (e *elab) shapeDim(d dsl.Expr, t *typed.Tensor, ten *tensor, output bool) bool {
	if id, is := d.(*dsl.Ident); is && output && e.unbound(id) && (e.kernel.tiles == nil || !e.kernel.tiles.has(id.Name)) {
		e.errorf(codeOutputDim, id.Span(), "dimension %s stands only in outputs, so nothing binds it: define it with `require %s == …`, or make it a generic", id.Name, id.Name)
		e.declare(id, &entity{kind: entValue, val: bad(id.Span())})
		return false
	}
	v := e.expr(d)
	if v.bad() {
		return false
	}
	if n, ok := v.constInt(); ok && n < 0 {
		e.errorf(codeNegativeDim, d.Span(), "a dimension of %s would be %d", t.Name, n)
		return false
	}
	x, ok := e.dim(v)
	if !ok {
		e.errorf(codeShape, d.Span(), "a dimension is made of names of dimensions, constants, and + - * / %% min max cdiv of them")
		return false
	}
	ix := v.index()
	t.Dims = append(t.Dims, x)
	ten.dims = append(ten.dims, ix)
	ten.keys = append(ten.keys, v.dim)
	if t.Temp {
		e.requireExact(d, "")
	}
	if ix.Known() {
		e.exactDivisions(d)
		e.facts.Require(affine.GE0(ix))
	}
	return true
}

// requireExact makes the launch check divisions that binding arguments does not: those in the shape of a temp, and those
// in a dimension that was solved for a size, since its extent is bound as it is. One with that size in its numerator is
// exact where the extent agrees.
func (e *elab) requireExact(d dsl.Expr, solved string) {
	dsl.Walk(d, func(n dsl.Node) bool {
		b, is := n.(*dsl.Binary)
		if !is || b.Op != "/" {
			return true
		}
		inside := false
		dsl.Walk(b.X, func(n dsl.Node) bool {
			id, is := n.(*dsl.Ident)
			inside = inside || is && id.Name == solved
			return true
		})
		if inside {
			return true
		}
		x, y := e.expr(b.X), e.expr(b.Y)
		if x.index().Known() && y.index().Known() && e.facts.Prove(affine.Divides(y.index(), x.index())) {
			return true
		}
		rest := e.binary("%", x, y, b.Span())
		if rest.bad() || rest.kind == vConst {
			return true
		}
		cond := e.binary("==", rest, constVal(intConst(0), b.Span()), b.Span())
		if !cond.bad() {
			e.kernel.dims = append(e.kernel.dims, &typed.Require{S: typed.S{At: b.Span()}, Cond: cond.e, Text: e.text(b.X.Span()) + " % " + e.text(b.Y.Span()) + " == 0"})
		}
		return true
	})
}

// exactDivisions assumes that divisions in a shape leave no remainder: the launch checks it.
func (e *elab) exactDivisions(d dsl.Expr) {
	dsl.Walk(d, func(n dsl.Node) bool {
		b, is := n.(*dsl.Binary)
		if !is || b.Op != "/" {
			return true
		}
		was := e.diags
		e.diags = new(diag.List)
		x, y := e.expr(b.X), e.expr(b.Y)
		e.diags = was
		num, ok1 := x.constInt()
		den, ok2 := y.constInt()
		if ok1 && ok2 && den != 0 && num%den != 0 {
			name := e.freshSize()
			e.errorf(codeRequire, b.Span(), "a division in a shape is exact, and %s is %d/%d%s; for a rounded quotient name the dimension %s and `require %s == %s`",
				e.text(b.Span()), num, den, e.bindsText(), name, name, e.text(d.Span()))
			return false
		}
		if x.index().Known() && y.index().Known() {
			e.facts.Require(affine.Divides(y.index(), x.index()))
		}
		return true
	})
}

// freshSize is a name for a dimension that the kernel does not use.
func (e *elab) freshSize() string {
	for name := 'P'; name <= 'Z'; name++ {
		id := string(name)
		if e.local(id) == nil && e.scope.root.names[id] == nil && !e.kernel.tiles.has(id) {
			return id
		}
	}
	return "P"
}

// dimValue is the extent of a dimension of a tensor as a value.
func (e *elab) dimValue(ten *tensor, i int, at diag.Span) value {
	if e.test != nil {
		return constVal(intConst(ten.bare[i]), at)
	}
	if i < len(ten.t.Dims) {
		if v, ok := e.dimBack(ten.t.Dims[i], ten.dims[i], at); ok {
			return v
		}
	}
	return bad(at)
}

// dimBack is an extent as an expression.
func (e *elab) dimBack(d *ir.Dim, ix affine.Expr, at diag.Span) (value, bool) {
	if d.Op == ir.DimConst {
		return constVal(intConst(d.K), at), true
	}
	n, ok := e.dimTree(d, at)
	if !ok {
		return value{}, false
	}
	v := intVal(n, ix)
	v.loose = true
	return v, true
}

func (e *elab) dimTree(d *ir.Dim, at diag.Span) (typed.Expr, bool) {
	switch d.Op {
	case ir.DimConst:
		return intExpr(d.K, dtype.I64, at), true
	case ir.DimSize:
		return &typed.SizeRef{X: x(dtype.I64, nil, at), Size: e.kernel.out.Sizes[d.Size]}, true
	}
	a, ok1 := e.dimTree(d.X, at)
	b, ok2 := e.dimTree(d.Y, at)
	if d.Op == ir.DimCdiv && ok1 && ok2 {
		zero := intExpr(0, dtype.I64, at)
		q := e.mapOp(ir.Div, dtype.I64, at, e.mapOp(ir.Sub, dtype.I64, at, zero, a), b)
		return e.mapOp(ir.Sub, dtype.I64, at, zero, q), true
	}
	for code, op := range dimOps {
		if op == d.Op && ok1 && ok2 {
			return e.mapOp(code, dtype.I64, at, a, b), true
		}
	}
	return nil, false
}
