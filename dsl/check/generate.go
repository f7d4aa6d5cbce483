package check

import (
	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/affine"
	"github.com/tilec/tilec/ir/dtype"
)

// maxTestElements bounds the tensors of tests.
const maxTestElements = 1 << 28

// newTensor makes a tensor of a test with the dimensions given by arguments.
func (e *elab) newTensor(name string, elem dtype.Type, args []*dsl.Arg, at diag.Span) (*tensor, bool) {
	ns := make([]dsl.Expr, len(args))
	for i, a := range args {
		ns[i] = a.X
	}
	return e.tensorOf(name, elem, ns, at)
}

func (e *elab) tensorOf(name string, elem dtype.Type, dims []dsl.Expr, at diag.Span) (*tensor, bool) {
	t := &typed.Tensor{Name: name, Elem: elem, Span: at}
	ten := &tensor{t: t, memory: true}
	total := int64(1)
	for _, d := range dims {
		v := e.expr(d)
		if v.bad() {
			return nil, false
		}
		n, ok := v.constInt()
		if !ok || n < 0 {
			e.errorf(codeNotConst, d.Span(), "a dimension of a tensor in a test is an integer from 0 that is known when the test is read")
			return nil, false
		}
		if n > 0 && total > maxTestElements/n {
			e.errorf(codeTooLarge, at, "this tensor has more than %d elements", maxTestElements)
			return nil, false
		}
		total *= max(n, 1)
		key := ""
		if v.dim != "" && upper(lastPart(v.dim)) {
			key = lastPart(v.dim)
		}
		t.Dims = append(t.Dims, ir.ConstDim(n))
		ten.bare = append(ten.bare, n)
		ten.dims = append(ten.dims, affine.Const(n))
		ten.keys = append(ten.keys, key)
	}
	return ten, true
}

// generate is randn, zeros and the like: a tensor of a test.
func (e *elab) generate(c *call) value {
	least := map[string]int{"randint": 3, "uniform": 3, "full": 2, "randperm": 2}[c.name]
	if !e.countArgs(c, max(least, 1), -1) {
		return bad(c.at)
	}
	for _, a := range c.args {
		if a.Scaled != nil {
			e.errorf(codeScaled, a.Span(), "`scaled` stands in the arguments of dot only")
			return bad(c.at)
		}
	}
	t := e.expr(c.args[0].X)
	if t.kind != vType {
		if !t.bad() {
			e.errorf(codeType, t.at, "the first argument of %s is the type of the tensor", c.name)
		}
		return bad(c.at)
	}
	g := &typed.Gen{S: typed.S{At: c.at}, Kind: c.name}
	rest := c.args[1:]
	ok := true
	number := func(n dsl.Expr) float64 {
		v := e.expr(n)
		f, isNumber := v.k.float64()
		if v.kind != vConst || !isNumber {
			if !v.bad() {
				e.errorf(codeNotConst, n.Span(), "the numbers that %s takes are known when the test is read, and this is not", c.name)
			}
			ok = false
		}
		return f
	}
	switch c.name {
	case "randint", "uniform":
		g.Lo, g.Hi = number(rest[0].X), number(rest[1].X)
		if ok && !(g.Lo < g.Hi) {
			e.errorf(codeTestStmt, c.at, "%s draws from lo <= x < hi, and %v to %v is empty", c.name, g.Lo, g.Hi)
			ok = false
		}
		rest = rest[2:]
	case "randcode":
		// Two literals before at least one dimension are bounds.
		if len(rest) >= 3 && literal(rest[0].X) && literal(rest[1].X) {
			g.Lo, g.Hi = number(rest[0].X), number(rest[1].X)
			rest = rest[2:]
		}
	case "randperm":
		g.Hi = number(rest[0].X)
		rest = rest[1:]
	case "full":
		v := e.expr(rest[0].X)
		if v.bad() {
			return bad(c.at)
		}
		x, good := e.to(v, typed.ReadType(t.typ), "the elements")
		if !good {
			return bad(c.at)
		}
		if len(x.Type().Axes) > 0 {
			e.errorf(codeExtraAxes, v.at, "full takes one value, and this is over %s", axisNames(x.Type().Axes))
			return bad(c.at)
		}
		g.Values = []typed.Expr{x}
		rest = rest[1:]
	}
	if !ok {
		return bad(c.at)
	}
	ten, ok := e.newTensor(c.name, t.typ, rest, c.at)
	if !ok {
		return bad(c.at)
	}
	e.test.seed++
	g.Tensor, g.Seed = ten.t, e.test.seed
	e.emit(g)
	return value{kind: vTensor, ten: ten, at: c.at}
}

// literal reports a number as it is written, or its negative.
func literal(n dsl.Expr) bool {
	if u, is := n.(*dsl.Unary); is && u.Op == "-" {
		n = u.X
	}
	_, is := n.(*dsl.Number)
	return is
}

// castDims is [1, 2, 3] as i32[N] in a test: a tensor of those values.
func (e *elab) castDims(n *dsl.Cast) value {
	at := n.Span()
	list, is := dsl.Unparen(n.X).(*dsl.List)
	if !is || e.test == nil {
		e.errorf(codeType, n.Type.Span(), "`as T[dims]` makes a tensor of a list, in tests only")
		return bad(at)
	}
	if n.Mode != nil {
		e.errorf(codeCastMode, n.Mode.Span(), "the values of a list are converted exactly: leave %s out", n.Mode.Name)
		return bad(at)
	}
	t, ok := e.typeOf(n.Type)
	if !ok {
		return bad(at)
	}
	ten, ok := e.tensorOf("list", t, n.Type.Dims.List, at)
	if !ok {
		return bad(at)
	}
	total := int64(1)
	for _, d := range ten.bare {
		total *= d
	}
	if total != int64(len(list.Elems)) {
		e.errorf(codeCount, at, "%s for a tensor of %s", plural(len(list.Elems), "value"), plural(int(total), "element")).Note(n.Type.Dims.Span(), "its dimensions")
		return bad(at)
	}
	g := &typed.Gen{S: typed.S{At: at}, Kind: "values", Tensor: ten.t}
	for _, el := range list.Elems {
		v := e.expr(el)
		if v.bad() {
			return bad(at)
		}
		if v.kind == vConst {
			if _, _, err := v.k.convert(t); err != nil {
				e.errorf(codeNotRepresentable, v.at, "%v", err)
				return bad(at)
			}
		}
		x, good := e.to(v, typed.ReadType(t), "an element")
		if !good {
			return bad(at)
		}
		if len(x.Type().Axes) > 0 {
			e.errorf(codeExtraAxes, v.at, "an element is one value, and this is over %s", axisNames(x.Type().Axes))
			return bad(at)
		}
		g.Values = append(g.Values, x)
	}
	e.test.seed++
	g.Seed = e.test.seed
	e.emit(g)
	return value{kind: vTensor, ten: ten, at: at}
}

// callKernel is a call of a kernel in a test: a statement of its own, and its results.
func (e *elab) callKernel(k *Kernel, c *call) value {
	c.name = k.Name
	at := c.at
	if e.ret != nil {
		e.errorf(codeTestStmt, at, "kernels are called in tests themselves, not in functions")
		return bad(at)
	}
	params, types := k.inputs()
	if !e.countArgs(c, len(params), len(params)) {
		return bad(at)
	}
	vs, ok := e.plainArgs(c, 0, -1)
	given, ok2 := e.bracketValues(k.generics, c)
	if !ok || !ok2 {
		return bad(at)
	}
	b := Bindings{Generics: map[string]Value{}, Target: e.test.opts.Target, Tiles: map[string]int64{}}
	for name, v := range given {
		gv, ok := genericValue(v)
		if !ok {
			e.errorf(codeGenericKind, v.at, "generic %s of %s is known when the test is read, and this is not", name, k.Name)
			return bad(at)
		}
		b.Generics[name] = gv
	}
	for _, name := range k.tileNames() {
		if n := e.test.tiles[name]; n > 0 {
			b.Tiles[name] = n
		}
	}
	infos := make([]ArgInfo, len(vs))
	keys := make([][]string, len(vs))
	for i, v := range vs {
		isTensor := types[i] != nil && types[i].Type != nil && types[i].Type.Dims != nil
		switch {
		case v.kind == vTensor:
			infos[i] = ArgInfo{Elem: v.ten.t.Elem, Dims: notNil(v.ten.bare)}
			if v.ten.define != nil && !v.ten.memory {
				infos[i].Elem = dtype.Type{}
			}
			keys[i] = v.ten.keys
		case isTensor:
			w, ok := e.typedOf(v)
			if !ok {
				return bad(at)
			}
			vs[i] = w
			dims := []int64{}
			for _, a := range w.axes() {
				dims = append(dims, a.Extent)
				key := ""
				if e.isDimAxis(a) {
					key = a.Name
				}
				keys[i] = append(keys[i], key)
			}
			infos[i] = ArgInfo{Dims: dims}
		default:
			w, ok := e.rvalue(v)
			if !ok {
				return bad(at)
			}
			vs[i] = w
		}
		infos[i].From = params[i].Name.Name
	}
	if !e.scopeGenerics(k, infos, &b) {
		return bad(at)
	}
	bound, err := k.BindArgs(infos, b)
	if err != nil {
		e.errorf(codeCallArgs, at, "%v", err).Note(k.Span(), "%s is declared here", k.Name)
		return bad(at)
	}
	variant := e.variant(k, bound, at)
	if variant == nil {
		return bad(at)
	}
	return e.emitCall(k, variant, vs, infos, keys, c)
}

func notNil(dims []int64) []int64 {
	if dims == nil {
		return []int64{}
	}
	return dims
}

// isDimAxis reports an axis that an upper-case name of the test stands for.
func (e *elab) isDimAxis(a *typed.Axis) bool {
	for _, d := range e.test.axes {
		if d.t == a {
			return true
		}
	}
	return false
}

// tileNames are the tile sizes of the kernel's default.
func (k *Kernel) tileNames() []string {
	var out []string
	for _, t := range k.Tiles() {
		out = append(out, t.Name)
	}
	return out
}

// scopeGenerics takes generics that neither brackets nor arguments bind from the names of the test.
func (e *elab) scopeGenerics(k *Kernel, infos []ArgInfo, b *Bindings) bool {
	bd := k.binder(infos, *b)
	// Disagreements are reported by BindArgs; here only what gets bound counts.
	_ = bd.bind()
	for _, g := range k.generics {
		if _, have := bd.gens[g.name]; have {
			continue
		}
		ent := e.local(g.name)
		if ent == nil || ent.kind != entValue || ent.soft {
			continue
		}
		if v, ok := genericValue(ent.val); ok {
			b.Generics[g.name] = v
		}
	}
	return true
}

// variant makes, or finds, the variant of a kernel that a test calls.
func (e *elab) variant(k *Kernel, b Bindings, at diag.Span) *typed.Kernel {
	key := k.Package.Dir + "\x00" + k.Name
	for _, n := range sortedKeys(b.Generics) {
		key += "\x00" + n + "=" + b.Generics[n].String()
	}
	if v, ok := e.test.variants[key]; ok {
		return v
	}
	v, diags := k.Instantiate(b)
	e.test.variants[key] = v
	for _, d := range diags {
		if d.Severity != diag.Error {
			continue
		}
		if d.Code == codeRequire {
			// A variant that a require over generics excludes does not exist: the test leaves it out.
			if e.test.err == nil && !e.diags.HasErrors() {
				e.test.err = ErrNoVariant
			}
			panic(bailout{})
		}
		switch d.Code {
		case codeGenericKind, codeAlternative, codeUnbound:
			// What is wrong is the call, and the generic the second place.
			e.errorf(d.Code, at, "%s", d.Message).Note(d.Span, "the generic is declared here")
		default:
			*e.diags = append(*e.diags, d)
		}
	}
	return v
}

// emitCall makes the Call statement and its results.
func (e *elab) emitCall(k *Kernel, variant *typed.Kernel, vs []value, infos []ArgInfo, keys [][]string, c *call) value {
	at := c.at
	dims := make([][]int64, len(infos))
	for i, a := range infos {
		dims[i] = a.Dims
	}
	sizes, err := Sizes(variant, dims)
	if err != nil {
		e.errorf(codeCallArgs, at, "%s: %v", k.Name, err).Note(k.Span(), "%s is declared here", k.Name)
		return bad(at)
	}
	// Results have dimensions under the caller's names where an argument bound them.
	names := map[string]string{}
	_, types := k.inputs()
	for i, t := range types {
		if t.Type.Dims == nil {
			continue
		}
		for j, d := range t.Type.Dims.List {
			if id, is := d.(*dsl.Ident); is && j < len(keys[i]) && keys[i][j] != "" && names[id.Name] == "" {
				names[id.Name] = keys[i][j]
			}
		}
	}
	call := &typed.Call{S: typed.S{At: at}, Kernel: variant, Sizes: sizes}
	var outs []value
	n := 0
	for _, p := range variant.Params {
		if p.Role != ir.Out {
			arg, ok := e.kernelArg(p, vs[n], c)
			if !ok {
				return bad(at)
			}
			call.Args = append(call.Args, arg)
			n++
		}
		if p.Role != ir.In {
			outs = append(outs, value{})
		}
	}
	outs = outs[:0]
	for _, p := range variant.Params {
		if p.Role == ir.In {
			continue
		}
		ext, err := OutputDims(p, sizes)
		if err != nil {
			e.errorf(codeCallArgs, at, "%s: %v", k.Name, err).Note(k.Span(), "%s is declared here", k.Name)
			return bad(at)
		}
		ten := &tensor{t: &typed.Tensor{Name: p.Name, Elem: p.Tensor.Elem, Span: at}, bare: ext, memory: true}
		shape := k.shapeOf(p.Name)
		total := int64(1)
		for i, x := range ext {
			if x > 0 && total > maxTestElements/x {
				e.errorf(codeTooLarge, at, "result %s has more than %d elements", p.Name, maxTestElements)
				return bad(at)
			}
			total *= max(x, 1)
			ten.t.Dims = append(ten.t.Dims, ir.ConstDim(x))
			ten.dims = append(ten.dims, affine.Const(x))
			key := ""
			if i < len(shape) {
				if id, is := shape[i].(*dsl.Ident); is {
					key = names[id.Name]
				}
			}
			ten.keys = append(ten.keys, key)
		}
		call.Outs = append(call.Outs, ten.t)
		outs = append(outs, value{kind: vTensor, ten: ten, at: at})
	}
	e.emit(call)
	switch len(outs) {
	case 0:
		return value{kind: vNone, at: at}
	case 1:
		return outs[0]
	}
	return value{kind: vMulti, multi: outs, at: at}
}

// shapeOf is the written shape of a parameter.
func (k *Kernel) shapeOf(name string) []dsl.Expr {
	for _, list := range []*dsl.ParamList{k.ast.Inputs, k.ast.Outputs} {
		if list == nil {
			continue
		}
		for i, p := range list.List {
			if t := list.Typed(i); p.Name.Name == name && t != nil && t.Type != nil && t.Type.Dims != nil {
				return t.Type.Dims.List
			}
		}
	}
	return nil
}

// kernelArg is one argument of a call.
func (e *elab) kernelArg(p *typed.Param, v value, c *call) (typed.Arg, bool) {
	if p.Scalar != nil {
		v, ok := e.rvalue(v)
		if !ok {
			return typed.Arg{}, false
		}
		if v.kind == vConst {
			if _, _, err := v.k.convert(p.Scalar.Type.Elem); err != nil {
				e.errorf(codeNotRepresentable, v.at, "%v, for parameter %s", err, p.Name).Note(p.Scalar.Span, "%s is declared here", p.Name)
				return typed.Arg{}, false
			}
		}
		x, ok := e.to(v, typed.ReadType(p.Scalar.Type.Elem), "parameter "+p.Name)
		if !ok {
			return typed.Arg{}, false
		}
		if len(x.Type().Axes) > 0 {
			e.errorf(codeArgType, v.at, "parameter %s is a scalar, and this is over %s", p.Name, axisNames(x.Type().Axes)).Note(p.Scalar.Span, "%s is declared here", p.Name)
			return typed.Arg{}, false
		}
		return typed.Arg{Value: x}, true
	}
	if v.kind == vTensor {
		if v.ten.define != nil && !v.ten.memory {
			// A tile of the test, which takes the parameter's type as `as` converts.
			return typed.Arg{Tensor: v.ten.t}, true
		}
		if v.ten.t.Elem != p.Tensor.Elem {
			e.errorf(codeArgType, v.at, "parameter %s is of %s, and this is a tensor of %s; as an expression over its dimensions it would be converted", p.Name, p.Tensor.Elem, v.ten.t.Elem).
				Note(p.Tensor.Span, "%s is declared here", p.Name)
			return typed.Arg{}, false
		}
		return typed.Arg{Tensor: v.ten.t}, true
	}
	return typed.Arg{Value: v.e, Axes: v.axes()}, true
}
