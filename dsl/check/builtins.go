package check

import (
	"math"

	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/affine"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/maths"
)

// builtin is a function of the language.
type builtin struct {
	run  func(e *elab, c *call) value
	axes bool // takes axes in brackets
	test bool // exists in tests only
}

// builtins is the table of all functions of the language; it is filled once, below.
var builtins map[string]builtin

func init() {
	builtins = map[string]builtin{
		"select": {run: (*elab).selectCall},
		"clamp":  {run: (*elab).clampCall},
		"fma":    {run: (*elab).fmaCall},
		"pow":    {run: (*elab).powCall}, "copysign": {run: (*elab).copysignCall},
		"ldexp": {run: (*elab).ldexpCall}, "exponent": {run: (*elab).exponentCall},
		"isnan": {run: (*elab).floatTest}, "finite": {run: (*elab).floatTest},
		"cdiv": {run: (*elab).cdivCall},
		"abs":  {run: (*elab).absCall}, "none": {run: (*elab).noneCall}, "relu": {run: (*elab).reluCall},
		"wide": {run: (*elab).wideCall}, "bitsof": {run: (*elab).bitsofCall},
		"bit": {run: (*elab).bitCall}, "pack": {run: (*elab).packCall, axes: true}, "unpack": {run: (*elab).unpackCall, axes: true},
		"popcount": {run: (*elab).countBits}, "clz": {run: (*elab).countBits}, "ctz": {run: (*elab).countBits},
		"rotl": {run: (*elab).rotlCall},
		"rand": {run: (*elab).randomCall}, "normal": {run: (*elab).randomCall}, "uniform": {run: (*elab).uniformCall},
		"dot":  {run: (*elab).dotCall, axes: true},
		"scan": {run: (*elab).scanCall, axes: true}, "cumsum": {run: (*elab).cumCall, axes: true},
		"cumprod": {run: (*elab).cumCall, axes: true}, "cummax": {run: (*elab).cumCall, axes: true},
		"topk": {run: (*elab).rankCall, axes: true}, "sort": {run: (*elab).rankCall, axes: true},
		"cat":   {run: (*elab).catCall, axes: true},
		"print": {run: (*elab).printCall}, "assert": {run: (*elab).assertCall},
		"acquire": {run: (*elab).slotCall}, "commit": {run: (*elab).slotCall}, "take": {run: (*elab).slotCall}, "release": {run: (*elab).slotCall},
		"signal": {run: (*elab).peerCall}, "wait": {run: (*elab).peerCall}, "rank": {run: (*elab).peerCall},
		"same": {run: (*elab).sameCall, test: true}, "edges": {run: (*elab).edgesCall, test: true},
	}
	for _, name := range []string{"sum", "prod", "mean", "any", "all", "argmax", "argmin", "last"} {
		builtins[name] = builtin{run: (*elab).reduceCall, axes: true}
	}
	for _, name := range []string{"max", "min", "maxnan", "minnan"} {
		builtins[name] = builtin{run: (*elab).extremeCall, axes: true}
	}
	for name := range floatMaps {
		builtins[name] = builtin{run: (*elab).floatMap}
	}
	for _, name := range []string{"add", "max", "min", "and", "or", "xor", "xchg", "cas"} {
		builtins["atomic."+name] = builtin{run: (*elab).atomicCall}
	}
	for _, name := range []string{"randn", "zeros", "ones", "iota", "randint", "randcode", "full", "randperm"} {
		builtins[name] = builtin{run: (*elab).generate, test: true}
	}
}

// floatMaps are the elementwise functions of one float, and their values on constants.
var floatMaps = map[string]struct {
	op   ir.Code
	eval func(float64) float64
}{
	"sqrt":     {ir.Sqrt, math.Sqrt},
	"rsqrt":    {ir.Rsqrt, func(x float64) float64 { return 1 / math.Sqrt(x) }},
	"recip":    {ir.Recip, func(x float64) float64 { return 1 / x }},
	"exp":      {ir.Exp, maths.Exp},
	"exp2":     {ir.Exp2, maths.Exp2},
	"log":      {ir.Log, maths.Log},
	"log2":     {ir.Log2, maths.Log2},
	"sin":      {ir.Sin, maths.Sin},
	"cos":      {ir.Cos, maths.Cos},
	"tanh":     {ir.Tanh, maths.Tanh},
	"erf":      {ir.Erf, maths.Erf},
	"sigmoid":  {ir.Sigmoid, maths.Sigmoid},
	"gelu":     {ir.Gelu, maths.Gelu},
	"silu":     {ir.Silu, maths.Silu},
	"softplus": {ir.Softplus, maths.Softplus},
	"floor":    {ir.Floor, math.Floor},
	"ceil":     {ir.Ceil, math.Ceil},
	"rint":     {ir.Rint, math.RoundToEven},
	"trunc":    {ir.Trunc, math.Trunc},
}

// floatArg is an argument that must be a float with arithmetic; a number made of dimensions becomes one.
func (e *elab) floatArg(v value, name string) (value, bool) {
	v, ok := e.rvalue(v)
	if !ok {
		return v, false
	}
	if v.kind == vConst || v.loose {
		t := dtype.F32
		if e.test != nil {
			t = dtype.F64
		}
		x, ok := e.to(v, t, "an argument of "+name)
		if !ok {
			return v, false
		}
		r := exprVal(x)
		r.tile = v.tile
		return r, true
	}
	t := v.elem()
	if t.IsFloat() && t.Arithmetic() {
		return v, true
	}
	to := dtype.F32
	if e.test != nil {
		to = dtype.F64
	}
	d := e.errorf(codeOperand, v.at, "%s takes a float of 16 bits or more, not %s", name, t)
	if t != dtype.Bool {
		e.suggestCast(d, v.at, to)
	}
	return v, false
}

// floatMap is a function of one float.
func (e *elab) floatMap(c *call) value {
	vs, ok := e.rvalues(c, 1, 1)
	if !ok {
		return bad(c.at)
	}
	m := floatMaps[c.name]
	if vs[0].kind == vConst {
		f, ok := vs[0].k.float64()
		if !ok || !vs[0].k.isNumber() {
			e.errorf(codeOperand, c.at, "%s takes a number", c.name)
			return bad(c.at)
		}
		return constVal(floatConst(m.eval(f)), c.at)
	}
	v, ok := e.floatArg(vs[0], c.name)
	if !ok {
		return bad(c.at)
	}
	r := exprVal(e.mapOp(m.op, v.elem(), c.at, v.e))
	r.tile = v.tile
	return r
}

// numberArg is an argument that must have arithmetic.
func (e *elab) numberArg(v value, name string) (value, bool) {
	v, ok := e.typedOf(v)
	if !ok {
		return v, false
	}
	if !v.elem().Arithmetic() {
		return v, e.arithmetic(v.elem(), name, v.at, v)
	}
	return v, true
}

func (e *elab) absCall(c *call) value {
	vs, ok := e.rvalues(c, 1, 1)
	if !ok {
		return bad(c.at)
	}
	if vs[0].kind == vConst && vs[0].k.isNumber() {
		return e.fold(c, func() (konst, error) {
			neg, err := vs[0].k.binary("<", intConst(0))
			if err != nil || !neg.bool() {
				return vs[0].k, err
			}
			return vs[0].k.unary("-")
		})
	}
	v, ok := e.numberArg(vs[0], c.name)
	if !ok {
		return bad(c.at)
	}
	r := exprVal(e.mapOp(ir.Abs, v.elem(), c.at, v.e))
	r.tile = v.tile
	if v.elem().IsInt() {
		r.ix = e.fitted(affine.MaxOf(v.ix, v.ix.Neg()), v.elem())
	}
	return r
}

// fold gives a constant computed from constants.
func (e *elab) fold(c *call, f func() (konst, error)) value {
	k, err := f()
	if err != nil {
		e.errorf(codeConst, c.at, "%v", err)
		return bad(c.at)
	}
	return constVal(k, c.at)
}

func (e *elab) noneCall(c *call) value {
	vs, ok := e.rvalues(c, 1, 1)
	if !ok {
		return bad(c.at)
	}
	return vs[0]
}

func (e *elab) reluCall(c *call) value {
	vs, ok := e.rvalues(c, 1, 1)
	if !ok {
		return bad(c.at)
	}
	v, ok := e.numberArg(vs[0], c.name)
	if !ok {
		return bad(c.at)
	}
	r := exprVal(e.mapOp(ir.Relu, v.elem(), c.at, v.e))
	r.tile = v.tile
	if v.elem().IsInt() {
		r.ix = affine.MaxOf(v.ix, affine.Const(0))
	}
	return r
}

// extremeCall is max, min and their NaN forms: a reduction of one argument, elementwise of more.
func (e *elab) extremeCall(c *call) value {
	if c.square || len(c.args) == 1 {
		return e.reduceCall(c)
	}
	vs, ok := e.rvalues(c, 2, -1)
	if !ok {
		return bad(c.at)
	}
	r := vs[0]
	for _, v := range vs[1:] {
		if r = e.extreme(c.name, r, v, c.at); r.bad() {
			return r
		}
	}
	return r
}

var extremeCodes = map[string]ir.Code{"max": ir.Max, "min": ir.Min, "maxnan": ir.MaxNan, "minnan": ir.MinNan}

// extreme is max(v, w) or one of its kin, elementwise.
func (e *elab) extreme(name string, v, w value, at diag.Span) value {
	least := name == "min" || name == "minnan"
	if v.kind == vConst && w.kind == vConst && v.k.sp != lowest && v.k.sp != highest && w.k.sp != lowest && w.k.sp != highest {
		if v.k.sp == notNum || w.k.sp == notNum {
			number := v
			if v.k.sp == notNum {
				number = w
			}
			if name == "maxnan" || name == "minnan" {
				number = constVal(konst{sp: notNum}, at)
			}
			number.at = at
			return number
		}
		less, err := v.k.binary("<", w.k)
		if err != nil {
			e.errorf(codeConst, at, "%v", err)
			return bad(at)
		}
		if less.bool() == least {
			return constVal(v.k, at)
		}
		return constVal(w.k, at)
	}
	a, b, t, ok := e.unify(v, w, name, at)
	if !ok {
		return bad(at)
	}
	if !t.Arithmetic() {
		e.arithmetic(t, name, at, v)
		return bad(at)
	}
	r := exprVal(e.mapOp(extremeCodes[name], t, at, a, b))
	r.loose = (v.loose || v.kind == vConst) && (w.loose || w.kind == vConst) && t == dtype.I64
	r.tile = v.tile || w.tile
	if !t.IsInt() || t == dtype.U64 {
		return r
	}
	x, y := v.index(), w.index()
	switch {
	case x.Known() && y.Known() && least:
		r.ix = affine.MinOf(x, y)
	case x.Known() && y.Known():
		r.ix = affine.MaxOf(x, y)
	default:
		r.ix = e.opaque("", t)
		for _, z := range []affine.Expr{x, y} {
			if !z.Known() {
				continue
			}
			if least {
				e.assume(affine.LE(r.ix, z))
			} else {
				e.assume(affine.GE(r.ix, z))
			}
		}
	}
	return r
}

func (e *elab) clampCall(c *call) value {
	vs, ok := e.rvalues(c, 3, 3)
	if !ok {
		return bad(c.at)
	}
	r := e.extreme("max", vs[0], vs[1], c.at)
	if r.bad() {
		return r
	}
	return e.extreme("min", r, vs[2], c.at)
}

// selectCall is select(c, x, y). A compile-time condition chooses before anything else is looked at.
func (e *elab) selectCall(c *call) value {
	if !e.countArgs(c, 3, 3) {
		return bad(c.at)
	}
	for _, a := range c.args {
		if a.Scaled != nil {
			e.errorf(codeScaled, a.Span(), "`scaled` stands in the arguments of dot only")
			return bad(c.at)
		}
	}
	cond, ok := e.rvalue(e.expr(c.args[0].X))
	if !ok {
		return bad(c.at)
	}
	if cond.kind == vConst {
		if !cond.k.isBool() {
			e.errorf(codeOperand, cond.at, "select chooses by a bool, not %s", cond.k)
			return bad(c.at)
		}
		take, leave := c.args[1].X, c.args[2].X
		if !cond.k.bool() {
			take, leave = leave, take
		}
		e.resolveOnly(leave)
		v, ok := e.rvalue(e.expr(take))
		if !ok {
			return bad(c.at)
		}
		return v
	}
	v, ok1 := e.rvalue(e.expr(c.args[1].X))
	w, ok2 := e.rvalue(e.expr(c.args[2].X))
	if !ok1 || !ok2 {
		return bad(c.at)
	}
	if cond.elem() != dtype.Bool {
		e.errorf(codeOperand, cond.at, "select chooses by a bool, not %s", cond.elem())
		return bad(c.at)
	}
	if v.kind == vConst && w.kind == vConst {
		// Both untyped: the type of a variable made of them.
		t := e.defaultType(v.k)
		if u := e.defaultType(w.k); u.IsFloat() {
			t = u
		}
		a, ok1 := e.to(v, t, "")
		b, ok2 := e.to(w, t, "")
		if !ok1 || !ok2 {
			return bad(c.at)
		}
		r := e.chosen(c, cond, v, w, a, b, t)
		r.loose = t == dtype.I64
		r.remake = func(t dtype.Type) (typed.Expr, bool) {
			a, ok1 := e.to(v, t, "")
			b, ok2 := e.to(w, t, "")
			if !ok1 || !ok2 {
				return nil, false
			}
			return e.mapOp(ir.Select, t, c.at, cond.e, a, b), true
		}
		return r
	}
	a, b, t, ok := e.unify(v, w, "select", c.at)
	if !ok {
		return bad(c.at)
	}
	return e.chosen(c, cond, v, w, a, b, t)
}

func (e *elab) chosen(c *call, cond, v, w value, a, b typed.Expr, t dtype.Type) value {
	r := exprVal(e.mapOp(ir.Select, t, c.at, cond.e, a, b))
	r.tile = cond.tile || v.tile || w.tile
	untyped := (v.kind == vConst || v.loose || v.lit) && (w.kind == vConst || w.loose || w.lit)
	r.lit = untyped && t.IsFloat()
	if t.IsInt() && t != dtype.U64 {
		x, y := v.index(), w.index()
		if x.Known() && y.Known() && x.Equal(y) {
			r.ix = x
			return r
		}
		if !x.Known() || !y.Known() {
			r.ix = e.opaque("", t)
			return r
		}
		if r.ix = e.tame(); e.isWild(x) || e.isWild(y) {
			r.ix = e.opaque("", t)
		}
		e.assume(affine.And(affine.GE(r.ix, affine.MinOf(x, y)), affine.LE(r.ix, affine.MaxOf(x, y))))
	}
	return r
}

// floats brings arguments to one float type.
func (e *elab) floats(c *call, vs []value) ([]typed.Expr, dtype.Type, bool) {
	var t dtype.Type
	for _, v := range vs {
		if v.kind == vConst || v.loose {
			continue
		}
		v, ok := e.floatArg(v, c.name)
		if !ok {
			return nil, t, false
		}
		switch u := v.elem(); {
		case !t.Valid() || dtype.Widens(t, u):
			t = u
		case dtype.Widens(u, t):
		default:
			e.errorf(codeMixed, c.at, "%s of %s and %s: neither type holds every value of the other, so convert one with `as`", c.name, t, u)
			return nil, t, false
		}
	}
	if !t.Valid() {
		t = dtype.F32
		if e.test != nil {
			t = dtype.F64
		}
	}
	xs := make([]typed.Expr, len(vs))
	for i, v := range vs {
		x, ok := e.to(v, t, "an argument of "+c.name)
		if !ok {
			return nil, t, false
		}
		xs[i] = x
	}
	return xs, t, true
}

func (e *elab) floatsCall(c *call, n int, op ir.Code) value {
	vs, ok := e.rvalues(c, n, n)
	if !ok {
		return bad(c.at)
	}
	xs, t, ok := e.floats(c, vs)
	if !ok {
		return bad(c.at)
	}
	r := exprVal(e.mapOp(op, t, c.at, xs...))
	for _, v := range vs {
		r.tile = r.tile || v.tile
	}
	return r
}

func (e *elab) fmaCall(c *call) value      { return e.floatsCall(c, 3, ir.Fma) }
func (e *elab) copysignCall(c *call) value { return e.floatsCall(c, 2, ir.Copysign) }

func (e *elab) powCall(c *call) value {
	vs, ok := e.rvalues(c, 2, 2)
	if !ok {
		return bad(c.at)
	}
	if vs[0].kind == vConst && vs[1].kind == vConst {
		x, ok1 := vs[0].k.float64()
		y, ok2 := vs[1].k.float64()
		if ok1 && ok2 {
			return constVal(floatConst(maths.Pow(x, y)), c.at)
		}
	}
	xs, t, ok := e.floats(c, vs)
	if !ok {
		return bad(c.at)
	}
	r := exprVal(e.mapOp(ir.Pow, t, c.at, xs...))
	r.tile = vs[0].tile || vs[1].tile
	return r
}

func (e *elab) ldexpCall(c *call) value {
	vs, ok := e.rvalues(c, 2, 2)
	if !ok {
		return bad(c.at)
	}
	v, ok1 := e.floatArg(vs[0], c.name)
	n, ok2 := e.toInt(vs[1], "the exponent")
	if !ok1 || !ok2 {
		return bad(c.at)
	}
	r := exprVal(e.mapOp(ir.Ldexp, v.elem(), c.at, v.e, n))
	r.tile = vs[0].tile || vs[1].tile
	return r
}

func (e *elab) exponentCall(c *call) value {
	vs, ok := e.rvalues(c, 1, 1)
	if !ok {
		return bad(c.at)
	}
	v, ok := e.floatArg(vs[0], c.name)
	if !ok {
		return bad(c.at)
	}
	return intVal(e.mapOp(ir.Exponent, dtype.I32, c.at, v.e), e.opaque("", dtype.I32))
}

func (e *elab) floatTest(c *call) value {
	vs, ok := e.rvalues(c, 1, 1)
	if !ok {
		return bad(c.at)
	}
	v, ok := e.floatArg(vs[0], c.name)
	if !ok {
		return bad(c.at)
	}
	op := ir.Isnan
	if c.name == "finite" {
		op = ir.Finite
	}
	return exprVal(e.mapOp(op, dtype.Bool, c.at, v.e))
}

// cdivCall is ⌈x/y⌉.
func (e *elab) cdivCall(c *call) value {
	vs, ok := e.rvalues(c, 2, 2)
	if !ok {
		return bad(c.at)
	}
	for _, v := range vs {
		if v.kind == vConst && !v.k.isInt() || v.kind == vExpr && !v.elem().IsInt() {
			e.errorf(codeNotInteger, v.at, "cdiv takes integers, not %s", describeValue(v))
			return bad(c.at)
		}
	}
	var r value
	if vs[1].elem().Kind == dtype.UintKind || e.least(vs[0], vs[1].elem()) {
		// ⌊x/y⌋ and one more where a remainder is left: -x may not be there.
		q, m := e.binary("/", vs[0], vs[1], c.at), e.binary("%", vs[0], vs[1], c.at)
		if q.bad() || m.bad() {
			return bad(c.at)
		}
		more := e.binary("!=", m, constVal(intConst(0), c.at), c.at)
		one := e.mapOp(ir.Select, m.elem(), c.at, more.e, intExpr(1, m.elem(), c.at), intExpr(0, m.elem(), c.at))
		r = e.binary("+", q, intVal(one, e.opaque("", m.elem())), c.at)
	} else {
		// -((-x) / y) does not overflow where x + y - 1 would.
		neg := e.negate(vs[0], c.at)
		if neg.bad() {
			return neg
		}
		q := e.binary("/", neg, vs[1], c.at)
		if q.bad() {
			return q
		}
		r = e.negate(q, c.at)
	}
	if r.kind == vExpr {
		if x, y := vs[0].index(), vs[1].index(); x.Known() && y.Known() && r.elem() == dtype.I64 {
			if ix, err := affine.CeilDiv(x, y); err == nil && e.facts.ProveGE0(y.AddConst(-1)) {
				r.ix = ix
			}
		}
		if e.cdivs == nil {
			e.cdivs = map[typed.Expr][2]value{}
		}
		e.cdivs[r.e] = [2]value{vs[0], vs[1]}
	}
	return r
}

// least reports whether v may be the least value of its type, of which there is no negative; t is the type that a
// constant takes. Sizes and indices are far from it.
func (e *elab) least(v value, t dtype.Type) bool {
	switch {
	case v.kind == vConst:
		n, ok := v.k.int64()
		return ok && t.IsInt() && n == t.MinInt()
	case v.loose || v.elem() == dtype.I64 && v.ix.Known() && !e.isWild(v.ix):
		return false
	}
	lo, _, ok := e.rangeOf(v.ix)
	return !ok || lo <= v.elem().MinInt()
}

func (e *elab) negate(v value, at diag.Span) value {
	return e.binary("-", constVal(intConst(0), at), v, at)
}

func (e *elab) typeArg(c *call) (dtype.Type, bool) {
	vs, ok := e.plainArgs(c, 1, 1)
	if !ok {
		return dtype.Type{}, false
	}
	if vs[0].kind != vType {
		e.errorf(codeType, vs[0].at, "%s takes a type", c.name)
		return dtype.Type{}, false
	}
	return vs[0].typ, true
}

func (e *elab) wideCall(c *call) value {
	t, ok := e.typeArg(c)
	if !ok {
		return bad(c.at)
	}
	return value{kind: vType, typ: t.Wide(), at: c.at}
}

func (e *elab) bitsofCall(c *call) value {
	t, ok := e.typeArg(c)
	if !ok {
		return bad(c.at)
	}
	return constVal(intConst(int64(t.Bits())), c.at)
}

func (e *elab) bitCall(c *call) value {
	vs, ok := e.rvalues(c, 2, 2)
	if !ok {
		return bad(c.at)
	}
	v, ok1 := e.typedOf(vs[0])
	j, ok2 := e.toInt(vs[1], "the number of a bit")
	if !ok1 || !ok2 {
		return bad(c.at)
	}
	if v.elem() == dtype.Bool {
		e.errorf(codeOperand, v.at, "a bool has no bits")
		return bad(c.at)
	}
	return exprVal(e.mapOp(ir.BitOf, dtype.Bool, c.at, v.e, j))
}

// oneAxis is the single axis in brackets.
func (e *elab) oneAxis(c *call) (*axis, bool) {
	axes, ok := e.bracketAxes(c)
	if !ok {
		return nil, false
	}
	if len(axes) != 1 {
		e.errorf(codeCall, c.at, "%s takes one axis in brackets, as %s[n](…)", c.name, c.name)
		return nil, false
	}
	return axes[0], true
}

// overAxis checks that a value varies over an axis.
func (e *elab) overAxis(v value, a *axis, c *call) bool {
	if contains(v.axes(), a.t) {
		return true
	}
	e.errorf(codeNoAxis, v.at, "%s is over %s, and this is not over it; %s", c.name, a.t.Name, have(v))
	return false
}

func (e *elab) packCall(c *call) value {
	a, ok1 := e.oneAxis(c)
	vs, ok2 := e.rvalues(c, 1, 1)
	if !ok1 || !ok2 {
		return bad(c.at)
	}
	v := vs[0]
	if v.elem() != dtype.Bool {
		e.errorf(codeOperand, v.at, "pack takes bools, not %s", describeValue(v))
		return bad(c.at)
	}
	if !e.overAxis(v, a, c) {
		return bad(c.at)
	}
	t := dtype.Uint(int(min(a.t.Extent, 128)))
	if !t.Valid() || a.t.Kind == typed.SpanAxis {
		e.errorf(codePack, c.at, "pack makes a u1 to u8, u16, u32 or u64, and axis %s is %d long", a.t.Name, a.t.Extent)
		return bad(c.at)
	}
	r := exprVal(&typed.Pack{X: x(t, minus(v.axes(), []*typed.Axis{a.t}), c.at), Value: v.e, Axis: a.t})
	r.ix = e.opaque("", t)
	return r
}

func (e *elab) unpackCall(c *call) value {
	a, ok1 := e.oneAxis(c)
	vs, ok2 := e.plainArgs(c, 2, 2)
	if !ok1 || !ok2 {
		return bad(c.at)
	}
	if vs[1].kind != vType {
		e.errorf(codeType, vs[1].at, "the second argument of unpack is a type")
		return bad(c.at)
	}
	v, ok := e.typedOf(vs[0])
	if !ok {
		return bad(c.at)
	}
	t := vs[1].typ
	if !v.elem().IsInt() {
		e.errorf(codeNotInteger, v.at, "unpack takes an integer, not %s", v.elem())
		return bad(c.at)
	}
	if a.t.Extent > 64 || a.t.Extent*int64(t.Bits()) > int64(v.elem().Bits()) || a.t.Kind == typed.SpanAxis || t == dtype.Bool {
		e.errorf(codePack, c.at, "unpack takes %s of %s from %s, which has only %s", plural(int(a.t.Extent), "element"), t, v.elem(), plural(v.elem().Bits(), "bit"))
		return bad(c.at)
	}
	if contains(v.axes(), a.t) {
		e.errorf(codeExtraAxes, c.at, "the value is over %s already", a.t.Name)
		return bad(c.at)
	}
	axes := union(v.axes(), a.t)
	if !e.tileOf(axes, c.at) {
		return bad(c.at)
	}
	r := exprVal(&typed.Unpack{X: x(t, axes, c.at), Value: v.e, Axis: a.t})
	r.ix = e.loaded(t, "")
	return r
}

// intArg is an argument that must be an integer with arithmetic.
func (e *elab) intArg(v value, name string) (value, bool) {
	v, ok := e.typedOf(v)
	if !ok {
		return v, false
	}
	if !v.elem().IsInt() {
		e.errorf(codeNotInteger, v.at, "%s takes an integer, not %s", name, v.elem())
		return v, false
	}
	return v, e.arithmetic(v.elem(), name, v.at, v)
}

func (e *elab) countBits(c *call) value {
	vs, ok := e.rvalues(c, 1, 1)
	if !ok {
		return bad(c.at)
	}
	v, ok := e.intArg(vs[0], c.name)
	if !ok {
		return bad(c.at)
	}
	op := map[string]ir.Code{"popcount": ir.Popcount, "clz": ir.Clz, "ctz": ir.Ctz}[c.name]
	r := intVal(e.mapOp(op, dtype.I32, c.at, v.e), e.opaque("", dtype.I32))
	r.tile = v.tile
	e.assume(affine.And(affine.GE0(r.ix), affine.LE(r.ix, affine.Const(int64(v.elem().Bits())))))
	return r
}

func (e *elab) rotlCall(c *call) value {
	vs, ok := e.rvalues(c, 2, 2)
	if !ok {
		return bad(c.at)
	}
	v, ok1 := e.intArg(vs[0], c.name)
	n, ok2 := e.toWord(vs[1], "the number of bits")
	if !ok1 || !ok2 {
		return bad(c.at)
	}
	r := intVal(e.mapOp(ir.Rotl, v.elem(), c.at, v.e, n), e.opaque("", v.elem()))
	r.tile = vs[0].tile || vs[1].tile
	return r
}

// uniformCall is a number of the generator in kernels, and a tensor of random data in tests if its first argument is a type.
func (e *elab) uniformCall(c *call) value {
	if e.test != nil && len(c.args) > 0 {
		if v := e.expr(c.args[0].X); v.kind == vType {
			return e.generate(c)
		}
	}
	return e.randomCall(c)
}

// randomCall is rand, uniform or normal of a seed and a number.
func (e *elab) randomCall(c *call) value {
	vs, ok := e.rvalues(c, 2, 2)
	if !ok {
		return bad(c.at)
	}
	seed, ok1 := e.toWord(vs[0], "a seed")
	i, ok2 := e.toWord(vs[1], "the number of a random value")
	if !ok1 || !ok2 {
		return bad(c.at)
	}
	switch c.name {
	case "rand":
		return intVal(e.mapOp(ir.Rand, dtype.U32, c.at, seed, i), e.opaque("", dtype.U32))
	case "uniform":
		return exprVal(e.mapOp(ir.Uniform, dtype.F32, c.at, seed, i))
	}
	return exprVal(e.mapOp(ir.Normal, dtype.F32, c.at, seed, i))
}

func (e *elab) printCall(c *call) value {
	text := ""
	var args []typed.Expr
	for i, a := range c.args {
		v := e.expr(a.X)
		if v.bad() {
			return v
		}
		if i > 0 {
			text += " "
		}
		if v.kind == vConst && v.k.isString() {
			text += stringValue(a.X)
			continue
		}
		v, ok := e.typedOf(v)
		if !ok {
			return bad(c.at)
		}
		text += "%v"
		args = append(args, v.e)
	}
	e.effect(c.at)
	e.emit(&typed.Print{S: typed.S{At: c.at}, Text: text, Args: args})
	return value{kind: vNone, at: c.at}
}

// stringValue is a literal's meaning, fit for a format: a percent sign is doubled.
func stringValue(x dsl.Expr) string {
	s, ok := dsl.Unparen(x).(*dsl.String)
	if !ok {
		return ""
	}
	out := ""
	for _, r := range s.Value {
		if r == '%' {
			out += "%"
		}
		out += string(r)
	}
	return out
}

func (e *elab) assertCall(c *call) value {
	vs, ok := e.rvalues(c, 1, 1)
	if !ok {
		return bad(c.at)
	}
	v, ok := e.typedOf(vs[0])
	if !ok {
		return bad(c.at)
	}
	if v.elem() != dtype.Bool {
		e.errorf(codeOperand, v.at, "assert takes a bool, not %s", v.elem())
		return bad(c.at)
	}
	e.effect(c.at)
	e.emit(&typed.Assert{S: typed.S{At: c.at}, Cond: v.e, Text: e.text(c.args[0].Span())})
	if len(v.axes()) == 0 {
		e.assume(v.yes)
	}
	return value{kind: vNone, at: c.at}
}
