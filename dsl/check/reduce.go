package check

import (
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/affine"
	"github.com/tilec/tilec/ir/dtype"
)

// small is the type in which values of t are added up: types narrower than 32 bits take i32 or f32.
func small(t dtype.Type) dtype.Type {
	switch {
	case t.IsFloat() && (t.Bits() < 32 || t == dtype.TF32):
		return dtype.F32
	case !t.IsFloat() && (t.Bits() < 32 || t.Kind == dtype.BipolarKind):
		return dtype.I32
	}
	return t
}

// reduceType is the type a reduction of t is done in, the type of its result.
func reduceType(kind string, t dtype.Type) dtype.Type {
	switch kind {
	case "argmax", "argmin":
		return dtype.I64
	case "any", "all":
		return dtype.Bool
	case "sum", "prod":
		return small(t)
	case "mean":
		if !t.IsFloat() {
			return dtype.F32
		}
		return small(t)
	}
	if t == dtype.Bool && kind == "last" || t.Arithmetic() {
		return t
	}
	return small(t)
}

// reduceCall is sum[n](x) and its kin.
func (e *elab) reduceCall(c *call) value {
	axes, ok1 := e.bracketAxes(c)
	vs, ok2 := e.rvalues(c, 1, 1)
	if !ok1 || !ok2 {
		return bad(c.at)
	}
	v, ok := e.typedOf(vs[0])
	if !ok {
		return bad(c.at)
	}
	kind := c.name
	list := axesOf(axes)
	if !c.square {
		list = v.axes()
	}
	if len(list) == 0 {
		if e.test != nil && !c.square {
			return e.reduceScalar(kind, v, c)
		}
		e.errorf(codeNoAxis, c.at, "%s reduces a tile, and this is a scalar", kind)
		return bad(c.at)
	}
	for _, a := range axes {
		if !e.overAxis(v, a, c) {
			return bad(c.at)
		}
	}
	one := kind == "argmax" || kind == "argmin" || kind == "last"
	if one && len(list) != 1 {
		e.errorf(codeCall, c.at, "%s takes one axis in brackets, as %s[n](…)", kind, kind)
		return bad(c.at)
	}
	t := v.elem()
	switch kind {
	case "any", "all":
		if t != dtype.Bool {
			e.errorf(codeOperand, v.at, "%s takes bools, not %s", kind, t)
			return bad(c.at)
		}
	case "max", "min", "maxnan", "minnan", "argmax", "argmin", "prod":
		if t == dtype.Bool {
			e.errorf(codeOperand, v.at, "bools have no order and no product; use any or all")
			return bad(c.at)
		}
	}
	arg := v.e
	result := reduceType(kind, t)
	if kind == "mean" && e.test != nil {
		result = dtype.F64
	}
	if kind == "mean" && !t.IsFloat() || (kind == "sum" || kind == "prod") && t == dtype.Bool {
		arg = &typed.Cast{X: x(result, v.axes(), v.at), Value: v.e, Round: "rne", Overflow: "sat"}
	}
	r := exprVal(&typed.Reduce{X: x(result, minus(v.axes(), list), c.at), Kind: kind, Value: arg, Axes: list})
	r.tile = v.tile
	if result.IsInt() {
		r.ix = e.reduced(kind, v, list, result)
	}
	return r
}

// reduceScalar is a reduction of a scalar in a test, where a whole tensor may have no dimensions.
func (e *elab) reduceScalar(kind string, v value, c *call) value {
	switch kind {
	case "argmax", "argmin", "last":
		e.errorf(codeNoAxis, c.at, "%s reduces a tile, and this is a scalar", kind)
		return bad(c.at)
	}
	return v
}

// reduced is what is known of an integer reduction: extremes lie in the range of what they are taken from, unless
// nothing exists.
func (e *elab) reduced(kind string, v value, axes []*typed.Axis, t dtype.Type) affine.Expr {
	if kind == "argmax" || kind == "argmin" {
		ix := e.tame()
		a := e.axes[axes[0]]
		if a == nil {
			return e.opaque("", t)
		}
		// −1 where nothing exists.
		e.assume(affine.GE(ix, affine.Const(-1)))
		if a.t.Kind == typed.SpanAxis && a.hi.Known() {
			e.assume(affine.LT(ix, affine.MaxOf(a.hi, affine.Const(0))))
		} else if a.t.Kind == typed.ConstAxis {
			e.assume(affine.LT(ix, affine.Const(max(0, a.t.Lo+a.t.Extent))))
			if a.t.Extent > 0 {
				e.assume(affine.GE(ix, affine.Const(a.t.Lo)))
			}
		}
		return ix
	}
	ix := e.opaque("", t)
	switch kind {
	case "max", "min", "last":
		lo, hi, ok := e.rangeOf(v.ix)
		if ok && e.alive(axes) {
			e.assume(affine.And(affine.GE(ix, affine.Const(lo)), affine.LE(ix, affine.Const(hi))))
		}
	case "sum":
		n := int64(1)
		for _, a := range axes {
			n *= a.Extent
		}
		if lo, hi, ok := e.rangeOf(v.ix); ok && n > 0 && lo > -(1<<40) && hi < 1<<40 {
			l, h := min(lo, 0)*n, max(hi, 0)*n
			if t == dtype.I64 || l >= t.MinInt() && h <= t.MaxInt() {
				e.assume(affine.And(affine.GE(ix, affine.Const(l)), affine.LE(ix, affine.Const(h))))
			}
		}
	}
	return ix
}

// alive reports whether axes have an index for certain: spans inside their loop have, constant ones if they are long.
func (e *elab) alive(axes []*typed.Axis) bool {
	for _, a := range axes {
		for a.Kind == typed.CopyAxis {
			a = a.Of
		}
		if a.Kind == typed.CatAxis || a.Kind == typed.ConstAxis && a.Extent == 0 {
			return false
		}
	}
	return true
}

// dotCall is dot[k…](a scaled s, b scaled t) in T.
func (e *elab) dotCall(c *call) value {
	axes, ok := e.bracketAxes(c)
	if !e.countArgs(c, 2, 2) || !ok {
		return bad(c.at)
	}
	if len(axes) == 0 {
		e.errorf(codeCall, c.at, "dot contracts over axes: name them, as dot[k](…)")
		return bad(c.at)
	}
	var operands, scales [2]value
	for i, a := range c.args {
		v, ok1 := e.rvalue(e.expr(a.X))
		operands[i] = v
		ok = ok && ok1
		if a.Scaled != nil {
			s, ok1 := e.rvalue(e.expr(a.Scaled))
			scales[i] = s
			ok = ok && ok1
		}
	}
	if !ok {
		return bad(c.at)
	}
	for i := range operands {
		// An untyped operand takes the other's type.
		v, w := operands[i], operands[1-i]
		if v.kind != vConst && !v.loose {
			continue
		}
		t := dtype.F32
		if w.kind == vExpr {
			t = w.elem()
		}
		x, ok := e.to(v, t, "an operand of dot")
		if !ok {
			return bad(c.at)
		}
		operands[i] = exprVal(x)
	}
	a, b := operands[0], operands[1]
	for i, v := range operands {
		for _, k := range axes {
			if !contains(v.axes(), k.t) {
				e.errorf(codeNoAxis, v.at, "dot sums over %s, and its %s operand is not over it; %s", k.t.Name, [...]string{"first", "second"}[i], have(v))
				return bad(c.at)
			}
		}
		if v.elem() == dtype.Bool {
			e.errorf(codeOperand, v.at, "dot takes numbers, not bool")
			return bad(c.at)
		}
	}
	if a.elem().IsFloat() != b.elem().IsFloat() {
		d := e.errorf(codeMixed, c.at, "dot takes two floats or two others, not %s and %s", a.elem(), b.elem())
		if a.elem().IsFloat() {
			e.suggestCast(d, b.at, a.elem())
		} else {
			e.suggestCast(d, a.at, b.elem())
		}
		return bad(c.at)
	}
	t := a.elem().Wide()
	if w := b.elem().Wide(); w.Bits() > t.Bits() {
		t = w
	}
	scaled := scales[0].kind != vBad || scales[1].kind != vBad
	if scaled && !t.IsFloat() {
		t = dtype.F32
	}
	if c.in != nil {
		in, ok := e.typeOf(c.in)
		if !ok {
			return bad(c.at)
		}
		if in.IsFloat() != t.IsFloat() || !in.Arithmetic() {
			e.errorf(codeInType, c.in.Span(), "dot of %s and %s cannot sum in %s", a.elem(), b.elem(), in)
			return bad(c.at)
		}
		t = in
	}
	list := axesOf(axes)
	d := &typed.Dot{A: a.e, B: b.e, Axes: list}
	for i, s := range scales {
		if s.kind == vBad {
			continue
		}
		x, ok := e.scale(s, operands[i], t)
		if !ok {
			return bad(c.at)
		}
		if i == 0 {
			d.ScaleA = x
		} else {
			d.ScaleB = x
		}
	}
	out := union(minus(a.axes(), list), minus(b.axes(), list)...)
	if !e.tileOf(out, c.at) {
		return bad(c.at)
	}
	d.X = x(t, out, c.at)
	r := exprVal(d)
	r.tile = a.tile || b.tile
	if t.IsInt() {
		r.ix = e.opaque("", t)
	}
	return r
}

// scale checks the scale of an operand: a float over axes that the operand has.
func (e *elab) scale(s, operand value, t dtype.Type) (typed.Expr, bool) {
	if s.kind == vConst || s.loose {
		x, ok := e.to(s, t, "a scale")
		return x, ok
	}
	if !s.elem().IsFloat() {
		e.errorf(codeScaled, s.at, "a scale is a float, not %s", s.elem())
		return nil, false
	}
	if !subset(s.axes(), operand.axes()) {
		e.errorf(codeExtraAxes, s.at, "the scale is over %s, and its operand over %s", axisNames(s.axes()), orNothing(operand.axes()))
		return nil, false
	}
	return s.e, true
}

// addDo emits an operation with several results and gives them.
func (e *elab) addDo(m *typed.Multi, c *call) []value {
	e.emit(&typed.Do{S: typed.S{At: c.at}, Op: m})
	out := make([]value, len(m.Types))
	for i, t := range m.Types {
		out[i] = exprVal(&typed.Result{X: typed.X{T: t, At: c.at}, Of: m, N: i})
		if t.Elem.IsInt() {
			out[i].ix = e.opaque("", t.Elem)
		}
	}
	return out
}

// cumCall is cumsum, cumprod, cummax.
func (e *elab) cumCall(c *call) value {
	a, ok1 := e.oneAxis(c)
	vs, ok2 := e.rvalues(c, 1, 1)
	if !ok1 || !ok2 {
		return bad(c.at)
	}
	v, ok := e.typedOf(vs[0])
	if !ok || !e.overAxis(v, a, c) {
		return bad(c.at)
	}
	kind := c.name[len("cum"):]
	t := reduceType(kind, v.elem())
	if v.elem() == dtype.Bool && kind != "sum" {
		e.errorf(codeOperand, v.at, "%s takes numbers, not bool", c.name)
		return bad(c.at)
	}
	arg := v.e
	if v.elem() != t {
		arg = &typed.Cast{X: x(t, v.axes(), v.at), Value: v.e, Round: "rne", Overflow: "sat"}
	}
	m := &typed.Multi{Op: ir.Scan, Kind: kind, Args: []typed.Expr{arg}, Axis: a.t,
		Types: []typed.Type{{Elem: t, Axes: v.axes()}}, Source: c.at}
	return e.addDo(m, c)[0]
}

// scanCall is scan[n](op, x…).
func (e *elab) scanCall(c *call) value {
	a, ok1 := e.oneAxis(c)
	vs, ok2 := e.plainArgs(c, 2, -1)
	if !ok1 || !ok2 {
		return bad(c.at)
	}
	op := vs[0]
	if op.kind != vFunc {
		e.errorf(codeCall, op.at, "the first argument of scan is a function")
		return bad(c.at)
	}
	k := len(vs) - 1
	args := make([]typed.Expr, k)
	var axes []*typed.Axis
	types := make([]typed.Type, k)
	for i, v := range vs[1:] {
		v, ok := e.typedOf(v)
		if !ok {
			return bad(c.at)
		}
		args[i] = v.e
		axes = union(axes, v.axes()...)
	}
	if !contains(axes, a.t) {
		e.errorf(codeNoAxis, c.at, "scan goes along %s, and none of its tiles is over it", a.t.Name)
		return bad(c.at)
	}
	if !e.tileOf(axes, c.at) {
		return bad(c.at)
	}
	// The types of parameters decide: what is scanned widens to them.
	want, ok := e.scanTypes(op, args, c)
	if !ok {
		return bad(c.at)
	}
	for i := range args {
		args[i] = widen(args[i], want[i])
		types[i] = typed.Type{Elem: want[i], Axes: axes}
	}
	m := &typed.Multi{Op: ir.Scan, Kind: "func", Args: args, Axis: a.t, Types: types, Source: c.at}
	if m.Func, ok = e.lambda(op, want, minus(axes, []*typed.Axis{a.t}), c); !ok {
		return bad(c.at)
	}
	out := e.addDo(m, c)
	if k == 1 {
		return out[0]
	}
	return value{kind: vMulti, multi: out, at: c.at}
}

// scanTypes are the element types in which a function scans: those of its parameters where they are written, which
// must hold the values.
func (e *elab) scanTypes(op value, args []typed.Expr, c *call) ([]dtype.Type, bool) {
	k := len(args)
	want := make([]dtype.Type, k)
	for i, a := range args {
		want[i] = a.Type().Elem
	}
	fn := op.fn.fn
	if fn == nil {
		return want, true
	}
	params := fn.ast.Params.List
	if len(params) != 2*k {
		e.errorf(codeArgs, c.at, "%s has %s, and a scan of %s needs %d: the earlier values, then the later ones", fn.Name, plural(len(params), "parameter"), plural(k, "tile"), 2*k)
		return nil, false
	}
	for i := range want {
		p := fn.ast.Params.Typed(i)
		if p == nil || p.Type == nil || p.Type.Name == nil || named(fn.generics, p.Type.Name.Name) != nil {
			continue
		}
		was := e.scope
		e.scope = &scope{root: fn.Package, file: fn.file}
		t, ok := e.typeOf(p.Type)
		e.scope = was
		if !ok {
			return nil, false
		}
		if e.test != nil {
			t = typed.ReadType(t)
		}
		if !dtype.Widens(want[i], t) {
			e.errorf(codeImplicit, args[i].Span(), "%s does not become %s by itself for parameter %s; only exact widening is implicit", want[i], t, fn.ast.Params.List[i].Name.Name)
			return nil, false
		}
		want[i] = t
	}
	return want, true
}

// lambda instantiates the function of a scan.
func (e *elab) lambda(op value, types []dtype.Type, axes []*typed.Axis, c *call) (*typed.Lambda, bool) {
	l := &typed.Lambda{}
	ok := true
	l.Body = e.collect(func() {
		e.inScope(func() {
			args := make([]value, 2*len(types))
			for i := range args {
				t := typed.Type{Elem: types[i%len(types)], Axes: axes}
				p := &typed.Var{Name: [...]string{"earlier", "later"}[i/len(types)] + itoa(int64(i%len(types))), Type: t, Span: c.at}
				l.Params = append(l.Params, p)
				args[i] = exprVal(&typed.Ref{X: typed.X{T: t, At: c.at}, Var: p})
				if t.Elem.IsInt() {
					args[i].ix = e.opaque("", t.Elem)
				}
			}
			r := e.combine(op, args, c)
			if r.bad() {
				ok = false
				return
			}
			results := []value{r}
			if r.kind == vMulti {
				results = r.multi
			}
			if len(results) != len(types) || r.kind == vNone {
				e.errorf(codeCount, c.at, "%s gives %s, and a scan of %s needs as many", op.fn.name(), plural(len(results), "result"), plural(len(types), "tile"))
				ok = false
				return
			}
			for i, v := range results {
				x, good := e.to(v, types[i], "a result of "+op.fn.name())
				ok = ok && good
				l.Results = append(l.Results, x)
			}
		})
	})
	return l, ok
}

// combine applies the function of a scan.
func (e *elab) combine(op value, args []value, c *call) value {
	if fn := op.fn.fn; fn != nil {
		return e.apply(fn, &call{n: c.n, name: fn.Name, at: c.at}, args, map[string]value{})
	}
	if _, ok := extremeCodes[op.fn.builtin]; ok && len(args) == 2 {
		return e.extreme(op.fn.builtin, args[0], args[1], c.at)
	}
	e.errorf(codeCall, op.at, "scan takes a function of the program, or one of max, min, maxnan, minnan with one tile")
	return bad(c.at)
}

// rankCall is topk[n, j](x) and sort[n, j](x).
func (e *elab) rankCall(c *call) value {
	axes, ok1 := e.bracketAxes(c)
	vs, ok2 := e.rvalues(c, 1, 1)
	if !ok1 || !ok2 {
		return bad(c.at)
	}
	if len(axes) != 2 {
		e.errorf(codeCall, c.at, "%s takes two axes in brackets: what is ranked, and what the results are over", c.name)
		return bad(c.at)
	}
	v, ok := e.typedOf(vs[0])
	if !ok {
		return bad(c.at)
	}
	n, j := axes[0], axes[1]
	if !e.overAxis(v, n, c) {
		return bad(c.at)
	}
	if contains(v.axes(), j.t) {
		e.errorf(codeExtraAxes, v.at, "the value is over %s already", j.t.Name)
		return bad(c.at)
	}
	t := v.elem()
	if t == dtype.Bool {
		e.errorf(codeOperand, v.at, "bools have no order: convert them first, with `as u8`")
		return bad(c.at)
	}
	arg := v.e
	if !t.Arithmetic() {
		t = small(t)
		arg = widen(arg, t)
	}
	out := union(minus(v.axes(), []*typed.Axis{n.t}), j.t)
	if !e.tileOf(out, c.at) {
		return bad(c.at)
	}
	m := &typed.Multi{Op: ir.Topk, Args: []typed.Expr{arg}, Axis: n.t, To: j.t, Source: c.at,
		Types: []typed.Type{{Elem: t, Axes: out}, {Elem: dtype.I64, Axes: out}}}
	if c.name == "sort" {
		m.Op = ir.Sort
	}
	results := e.addDo(m, c)
	results[1].ix = e.reduced("argmax", v, []*typed.Axis{n.t}, dtype.I64)
	if n.t.Kind == typed.ConstAxis {
		// Unlike argmax, −1 appears also where something exists but too little of it.
		results[1].ix = e.tame()
		e.assume(affine.And(affine.GE(results[1].ix, affine.Const(min(-1, n.t.Lo))), affine.LT(results[1].ix, affine.Const(max(0, n.t.Lo+n.t.Extent)))))
	}
	return value{kind: vMulti, multi: results, at: c.at}
}

// catCall is cat[u](x, y).
func (e *elab) catCall(c *call) value {
	u, ok1 := e.oneAxis(c)
	vs, ok2 := e.rvalues(c, 2, 2)
	if !ok1 || !ok2 {
		return bad(c.at)
	}
	if u.t.Kind != typed.CatAxis {
		e.errorf(codeCat, c.at, "%s does not join two axes; make it with `axis %s = a ++ b`", u.t.Name, u.t.Name).Note(u.t.Span, "%s is made here", u.t.Name)
		return bad(c.at)
	}
	a, b, t, ok := e.unify(vs[0], vs[1], "cat", c.at)
	if !ok {
		return bad(c.at)
	}
	for i, p := range []struct {
		x typed.Expr
		n *typed.Axis
	}{{a, u.t.A}, {b, u.t.B}} {
		if !contains(p.x.Type().Axes, p.n) {
			e.errorf(codeNoAxis, vs[i].at, "%s joins %s and %s, and the %s part is not over %s", u.t.Name, u.t.A.Name, u.t.B.Name, [...]string{"first", "second"}[i], p.n.Name)
			return bad(c.at)
		}
	}
	out := union(union(minus(a.Type().Axes, []*typed.Axis{u.t.A}), minus(b.Type().Axes, []*typed.Axis{u.t.B})...), u.t)
	if !e.tileOf(out, c.at) {
		return bad(c.at)
	}
	r := exprVal(&typed.Cat{X: x(t, out, c.at), A: a, B: b, Axis: u.t})
	r.tile = vs[0].tile || vs[1].tile
	if t.IsInt() {
		r.ix = e.opaque("", t)
		if x, y := vs[0].index(), vs[1].index(); x.Known() && y.Known() {
			lx, hx, okx := e.rangeOf(x)
			ly, hy, oky := e.rangeOf(y)
			if okx && oky {
				e.assume(affine.And(affine.GE(r.ix, affine.Const(min(lx, ly))), affine.LE(r.ix, affine.Const(max(hx, hy)))))
			}
		}
	}
	return r
}
