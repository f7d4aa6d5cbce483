package random

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/interp"
)

// Function is a random function of the tile IR, with sizes and arguments for it. Every operation that computes in one way
// only may stand in it: no sum depends on its order, and what is not rounded correctly everywhere is left out. So any two
// machines agree on its results bit for bit, but for the payloads of NaNs.
type Function struct {
	Func  *ir.Func
	Sizes []int64
	Args  []interp.Arg // for each parameter
}

// GenerateFunction gives the function of a seed.
func GenerateFunction(seed uint64) *Function {
	g := &functions{r: rand.New(rand.NewPCG(seed, 0x6972)), joined: map[*ir.Value][2]*ir.Value{}, most: 60}
	if seed%8 == 7 {
		g.most = 200
	}
	return g.function()
}

// functions is a function under construction. What is at hand in a region is in the lists, which are cut back at its end.
type functions struct {
	r      *rand.Rand
	f      *ir.Func
	b      *ir.Builder
	sizes  []int64
	inputs []*ir.Value
	values []*ir.Value // to be used again
	spans  []*ir.Value
	joined map[*ir.Value][2]*ir.Value // the parts of spans that are two in a row
	count  int                        // operations so far
	most   int                        // which bounds them
}

const deepest = 4 // expressions in expressions

func (g *functions) pick(n int) int    { return g.r.IntN(n) }
func (g *functions) chance(n int) bool { return g.r.IntN(n) == 0 }

var (
	wholeTypes = []dtype.Type{dtype.I8, dtype.I16, dtype.I32, dtype.I64, dtype.U8, dtype.U16, dtype.U32, dtype.U64}
	realTypes  = []dtype.Type{dtype.F32, dtype.F32, dtype.F32, dtype.F16, dtype.BF16, dtype.F64}
	smallTypes = []dtype.Type{dtype.U1, dtype.U2, dtype.U4, dtype.I2, dtype.I4, dtype.Int(3), dtype.Uint(5), dtype.Int(6), dtype.Uint(7), dtype.Bipolar(1),
		dtype.Bipolar(2), dtype.Bipolar(4), dtype.F8E4M3, dtype.F8E5M2, dtype.F8E4M3FNUZ, dtype.F6E3M2, dtype.F6E2M3, dtype.F4E2M1, dtype.E8M0, dtype.TF32}
)

func (g *functions) whole() dtype.Type { return choose2(g, wholeTypes) }
func (g *functions) real() dtype.Type  { return choose2(g, realTypes) }

func choose2[T any](g *functions, list []T) T { return list[g.pick(len(list))] }

func (g *functions) elem() dtype.Type {
	switch g.pick(8) {
	case 0, 1, 2:
		return g.real()
	case 3, 4, 5:
		return g.whole()
	case 6:
		return dtype.Bool
	}
	return choose2(g, smallTypes)
}

// function makes the whole.
func (g *functions) function() *Function {
	names := []string{"N", "M"}
	var sizes []*ir.Size
	for _, n := range names {
		sizes = append(sizes, &ir.Size{Name: n})
		g.sizes = append(g.sizes, choose2(g, []int64{0, 1, 2, 3, 5, 8, 15, 16, 17, 31, 32, 33, 40, 64, 65}))
	}
	n, m := ir.SizeDim(0), ir.SizeDim(1)
	params := []*ir.Param{
		{Name: "s0", Type: ir.TensorType(dtype.I32, ir.Dense, n)}, // bind the sizes
		{Name: "s1", Type: ir.TensorType(dtype.F32, ir.Dense, m)},
		{Name: "k", Type: ir.ScalarType(choose2(g, []dtype.Type{dtype.I64, dtype.I32, dtype.U8}))},
		{Name: "c", Type: ir.ScalarType(g.real())},
	}
	for i := range 3 {
		dims := []*ir.Dim{m, n, ir.ConstDim(int64(1 + g.pick(20)))}
		g.r.Shuffle(3, func(i, j int) { dims[i], dims[j] = dims[j], dims[i] })
		mem := ir.Dense
		params = append(params, &ir.Param{Name: fmt.Sprintf("x%d", i), Type: ir.TensorType(g.elem(), mem, dims[:1+g.pick(3)]...)})
	}
	inputs := len(params)
	// Outputs: over the blocks' axis, then at most two more.
	for i := range 2 {
		dims := []*ir.Dim{n}
		for range g.pick(3) {
			dims = append(dims, ir.ConstDim(int64(1+g.pick(24))))
		}
		if g.chance(2) {
			dims = slices.Insert(dims, 1+g.pick(len(dims)), m)
		}
		elem := g.elem()
		if elem.Bits() < 8 {
			dims = append(dims, ir.ConstDim(int64(8*(1+g.pick(3))))) // rows of whole bytes
		}
		role := ir.Out
		if g.chance(2) {
			role = ir.InOut
		}
		params = append(params, &ir.Param{Name: fmt.Sprintf("y%d", i), Role: role, Type: ir.TensorType(elem, ir.Dense, dims...)})
	}
	params = append(params, &ir.Param{Name: "h", Role: ir.InOut, Type: ir.TensorType(choose2(g, append([]dtype.Type{dtype.Bool}, wholeTypes...)), ir.Dense, ir.ConstDim(9))})
	g.f = ir.NewFunc("random", sizes, params, ir.Pos{})
	g.b = ir.NewBuilder(g.f)
	for i := range inputs {
		if v := g.f.ParamArg(i); v.Type.Kind == ir.Tensor {
			g.inputs = append(g.inputs, v)
		} else {
			g.values = append(g.values, v)
		}
	}
	if g.chance(2) {
		g.inputs = append(g.inputs, g.scratch())
	}
	for i := range 2 {
		g.phase(g.f.ParamArg(inputs + i))
	}
	if g.chance(2) {
		g.phase(nil)
	}
	g.b.Finish()
	out := &Function{Func: g.f, Sizes: g.sizes}
	for _, p := range params {
		out.Args = append(out.Args, g.argument(p))
	}
	return out
}

// argument draws a value for a parameter.
func (g *functions) argument(p *ir.Param) interp.Arg {
	if p.Type.Kind == ir.Scalar {
		return interp.Arg{Int: int64(g.pick(11)), Float: float64(g.pick(33)-16) / 8}
	}
	var shape []int64
	for _, d := range p.Type.Dims {
		k, _ := d.Eval(g.sizes)
		shape = append(shape, k)
	}
	t, err := interp.NewTensor(p.Type.Elem, shape...)
	if err != nil {
		panic(err)
	}
	for i := range int(t.Len()) {
		code := g.r.Uint64()
		if e := p.Type.Elem; e == dtype.Bool {
			code &= 1
		} else if e.IsFloat() && e.Bits() > 8 && !g.chance(6) {
			code = e.Encode(float64(g.pick(65)-32)/8, dtype.NearestEven, e.Overflow())
		} else if e.IsFloat() {
			x := e.Decode(code >> (64 - e.Bits()))
			code = e.Encode(x, dtype.NearestEven, dtype.ToInf) // one NaN only
		} else if !g.chance(4) {
			code = e.EncodeInt(int64(g.pick(21)-10), true)
		}
		dtype.WriteCode(t.Data, i*p.Type.Elem.Bits(), p.Type.Elem.Bits(), code&(^uint64(0)>>(64-p.Type.Elem.Bits())))
	}
	return interp.Arg{Tensor: t}
}

// scope runs f; what it leaves at hand is forgotten.
func (g *functions) scope(f func()) {
	values, spans := len(g.values), len(g.spans)
	f()
	g.values, g.spans = g.values[:values], g.spans[:spans]
}

// phase is a parallel operation that stores to a tensor, or, with none, one block that may do what order matters to.
func (g *functions) phase(to *ir.Value) {
	b := g.b
	if to == nil {
		body := func() {
			g.scope(func() {
				h := g.f.ParamArg(len(g.f.Params) - 1)
				for range 1 + g.pick(2) {
					g.atomic(h, true)
				}
				var list []*ir.Value
				format := "shown"
				for range 1 + g.pick(3) {
					list = append(list, g.expr(g.elem(), g.axes(2), 2))
					format += " %v"
				}
				if len(g.spans) > 0 && g.chance(2) {
					list, format = append(list, choose2(g, g.spans)), format+" in %v"
				}
				b.Print(format, list...)
			})
		}
		if g.chance(2) {
			b.Parallel("one", nil, func([]*ir.Value) { body() })
		} else {
			body()
		}
		return
	}
	g.scope(func() {
		binds := []ir.Binding{{Name: "n", Lo: b.Index(0), Hi: g.f.SizeArg(0), By: int64(g.pick(20))}}
		if d := to.Type.Dims; len(d) > 1 && d[1].Op == ir.DimSize && (to.Type.Elem.Bits() >= 8 || len(d) > 2) && g.chance(2) {
			binds = append(binds, ir.Binding{Name: "m", Lo: b.Index(0), Hi: g.f.SizeArg(1), By: int64(g.pick(20))})
		}
		if g.chance(4) {
			g.keep(g.expr(choose2(g, []dtype.Type{dtype.F32, dtype.I32}), nil, 2)) // made by a serial phase
		}
		b.Parallel("", binds, func(args []*ir.Value) {
			g.scope(func() {
				for _, v := range args {
					if v.Type.Kind == ir.Span {
						g.spans = append(g.spans, v)
					} else {
						g.keep(v)
					}
				}
				for range 1 + g.pick(2) {
					g.store(to, args)
				}
				if h := g.f.ParamArg(len(g.f.Params) - 1); g.chance(3) {
					g.atomic(h, false)
				}
			})
		})
	})
}

// scratch is a tensor that a phase of its own fills.
func (g *functions) scratch() *ir.Value {
	b := g.b
	k := int64(1 + g.pick(20))
	elem := g.elem()
	for elem.Bits() < 8 {
		elem = g.elem()
	}
	v := b.Temp(ir.TensorType(elem, ir.Dense, ir.SizeDim(0), ir.ConstDim(k)), "t")
	b.Parallel("fill", []ir.Binding{{Name: "n", Lo: b.Index(0), Hi: g.f.SizeArg(0), By: int64(1 + g.pick(20))}}, func(args []*ir.Value) {
		g.scope(func() {
			s := b.SpanOf(b.Index(0), b.Index(k), k+int64(g.pick(3)), "")
			axes := []*ir.Value{args[0], s}
			g.spans = append(g.spans, axes...)
			b.Store(v, axes, g.expr(elem, g.shuffled(axes), 2), "in", nil)
		})
	})
	return v
}

// store stores an expression over a block's part of a tensor, which it may read before.
func (g *functions) store(to *ir.Value, blocks []*ir.Value) {
	b := g.b
	subs := slices.Clone(blocks)
	var axes []*ir.Value
	for _, v := range blocks {
		if v.Type.Kind == ir.Span {
			axes = append(axes, v)
		}
	}
	mode := "in"
	for i, d := range to.Type.Dims {
		switch {
		case i < len(blocks):
		case to.Type.Elem.Bits() < 8 && i == len(to.Type.Dims)-1:
			s := b.SpanOf(b.Index(0), b.Index(d.K), 8*int64(1+g.pick(4)), "")
			g.spans = append(g.spans, s)
			axes, subs = append(axes, s), append(subs, s)
		case d.Op == ir.DimConst && g.chance(3):
			subs = append(subs, b.Index(int64(g.pick(int(d.K)))))
		default:
			hi := g.f.SizeArg(1)
			if d.Op == ir.DimConst {
				hi = b.Index(d.K)
			}
			var s *ir.Value
			lo := int64(0)
			if g.chance(3) {
				lo, mode = int64(g.pick(4))-2, "skip"
			}
			s = b.SpanOf(b.Index(lo), hi, int64(1+g.pick(24)), "")
			g.spans = append(g.spans, s)
			axes, subs = append(axes, s), append(subs, s)
		}
	}
	g.r.Shuffle(len(axes), func(i, j int) { axes[i], axes[j] = axes[j], axes[i] })
	if p := g.f.Params[len(g.f.Params)-3:]; (to == g.f.ParamArg(len(g.f.Params)-3) && p[0].Role == ir.InOut || to == g.f.ParamArg(len(g.f.Params)-2) && p[1].Role == ir.InOut) && g.chance(2) {
		if mode == "in" {
			g.keep(b.Load(to, subs, "in", nil))
		} else {
			g.keep(b.Load(to, subs, "else", g.constant(to.Type.Elem)))
		}
	}
	v := g.expr(to.Type.Elem, axes, deepest)
	var mask *ir.Value
	if g.chance(4) {
		mask = g.expr(dtype.Bool, axes, 2)
	}
	b.Store(to, subs, v, mode, mask)
}

// atomic updates the tensor h; in order says that the old values are the same in every run.
func (g *functions) atomic(h *ir.Value, inOrder bool) {
	kinds := []string{"and", "or", "xor"}
	if h.Type.Elem.Arithmetic() {
		kinds = append(kinds, "add", "max", "min")
	}
	if inOrder {
		kinds = append(kinds, "xchg", "cas")
	}
	kind := choose2(g, kinds)
	axes := g.axes(2)
	var index *ir.Value
	if len(axes) == 1 && g.chance(2) {
		index = g.b.Affine([]ir.Term{{Coef: 1, Var: axes[0]}}, int64(g.pick(3)), 1, 0) // no two the same
	} else {
		index = g.expr(dtype.I64, axes, 1)
	}
	var values []*ir.Value
	for range 1 + b2i(kind == "cas") {
		values = append(values, g.expr(h.Type.Elem, axes, 2))
	}
	var mask *ir.Value
	if g.chance(3) {
		mask = g.expr(dtype.Bool, axes, 1)
	}
	old := g.b.Atomic(kind, h, []*ir.Value{index}, values, "skip", mask, inOrder && g.chance(2))
	if old != nil {
		g.keep(old)
	}
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// keep puts a value where others find it.
func (g *functions) keep(v *ir.Value) *ir.Value {
	if v.Type.Data() {
		g.values = append(g.values, v)
	}
	return v
}

// span makes an axis of at most most positions.
func (g *functions) span(most int64) *ir.Value {
	b := g.b
	w := int64(1 + g.pick(int(most)))
	var s *ir.Value
	switch g.pick(6) {
	case 0:
		s = b.SpanOf(b.Index(int64(g.pick(4))-2), g.f.SizeArg(g.pick(2)), w, "")
	case 1:
		if len(g.spans) > 0 {
			if x := choose2(g, g.spans); x.Type.Width <= most {
				s = b.SpanCopy(x, "")
			}
		}
	case 2:
		if len(g.spans) > 1 {
			x, y := choose2(g, g.spans), choose2(g, g.spans)
			if x.Type.Width+y.Type.Width <= most {
				s = b.SpanCat(x, y, "")
				g.joined[s] = [2]*ir.Value{x, y}
			}
		}
	}
	if s == nil {
		lo := int64(g.pick(5)) - 2
		hi := lo + w
		if g.chance(3) {
			hi -= int64(g.pick(int(w)))
		}
		s = b.SpanOf(b.Index(lo), b.Index(hi), w, "")
	}
	g.spans = append(g.spans, s)
	return s
}

// axes picks at most n axes, some of them new.
func (g *functions) axes(n int) []*ir.Value {
	var list []*ir.Value
	for range g.pick(n + 1) {
		var s *ir.Value
		if len(g.spans) > 0 && !g.chance(3) {
			s = choose2(g, g.spans)
		} else {
			s = g.span(20)
		}
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// without is the list less one axis.
func less(list []*ir.Value, drop ...*ir.Value) []*ir.Value {
	var out []*ir.Value
	for _, v := range list {
		if !slices.Contains(drop, v) {
			out = append(out, v)
		}
	}
	return out
}

// some is a part of the list in any order.
func (g *functions) some(list []*ir.Value) []*ir.Value {
	var out []*ir.Value
	for _, v := range list {
		if !g.chance(3) {
			out = append(out, v)
		}
	}
	return g.shuffled(out)
}

func (g *functions) shuffled(list []*ir.Value) []*ir.Value {
	out := slices.Clone(list)
	g.r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

// positions bounds the elements of a tile over the axes.
func positions(list []*ir.Value) int64 {
	n := int64(1)
	for _, v := range list {
		n *= v.Type.Width
	}
	return n
}

// over is x over exactly the axes in their order.
func (g *functions) over(x *ir.Value, axes []*ir.Value) *ir.Value {
	return g.b.Bcast(x, ir.AxesOf(axes...))
}

func (g *functions) constant(t dtype.Type) *ir.Value {
	if t.IsFloat() {
		return g.b.ConstFloat(t, t.Round64(float64(g.pick(33)-16)/8))
	}
	if t.Kind == dtype.BipolarKind {
		return g.b.ConstInt(t, t.DecodeInt(uint64(g.pick(1<<t.Bits()))))
	}
	if t == dtype.Bool {
		return g.b.ConstInt(t, int64(g.pick(2)))
	}
	return g.b.ConstInt(t, t.IntOfInt(dtype.I64, int64(g.pick(21)-10), dtype.Wrap))
}

// cast converts in a mode that there is.
func (g *functions) cast(x *ir.Value, to dtype.Type) *ir.Value {
	from := x.Type.Elem
	if from == to {
		return x
	}
	type mode struct{ round, overflow string }
	modes := []mode{{"rne", "sat"}, {"rz", "sat"}, {"rne", "wrap"}}
	g.r.Shuffle(3, func(i, j int) { modes[i], modes[j] = modes[j], modes[i] })
	for _, m := range modes {
		k := dtype.Default
		switch {
		case m.round == "rz":
			k = dtype.RZ
		case m.overflow == "wrap":
			k = dtype.Wrap
		}
		if dtype.CheckMode(from, to, k) == nil {
			return g.b.Cast(x, to, m.round, m.overflow)
		}
	}
	return g.constantLike(x, to)
}

// constantLike is a constant over the axes of x, for what cannot be converted.
func (g *functions) constantLike(x *ir.Value, to dtype.Type) *ir.Value {
	return g.b.Bcast(g.constant(to), x.Type.Axes)
}

// expr makes a value of an element type over axes in the given order.
func (g *functions) expr(t dtype.Type, axes []*ir.Value, depth int) *ir.Value {
	g.count++
	if depth <= 0 || g.count > g.most {
		return g.leaf(t, axes)
	}
	var v *ir.Value
	if g.chance(4) && positions(axes) < 2000 {
		v = g.shaped(t, axes, depth-1)
	}
	if v == nil && g.chance(4) && positions(axes) < 2000 {
		v = g.across(t, axes, depth-1)
	}
	if v == nil && g.chance(9) {
		v = g.control(t, axes, depth-1)
	}
	if v == nil {
		v = g.elementwise(t, axes, depth-1)
	}
	v = g.over(v, axes)
	if g.chance(3) {
		g.keep(v)
	}
	return v
}

// leaf is a constant, an input, an index or what is at hand.
func (g *functions) leaf(t dtype.Type, axes []*ir.Value) *ir.Value {
	var fit []*ir.Value
	for _, v := range g.values {
		ok := true
		for _, a := range v.Type.Axes {
			ok = ok && slices.Contains(axes, a.Span)
		}
		if ok && v.Type.Elem == t {
			fit = append(fit, v)
		}
	}
	switch k := g.pick(6); {
	case k < 3 && len(fit) > 0:
		return g.over(choose2(g, fit), axes)
	case k < 5:
		return g.over(g.cast(g.load(axes), t), axes)
	case k == 5 && len(axes) > 0:
		return g.over(g.cast(g.b.Iota(choose2(g, axes)), t), axes)
	}
	return g.over(g.constant(t), axes)
}

// load reads an input over some of the axes.
func (g *functions) load(axes []*ir.Value) *ir.Value {
	b := g.b
	x := choose2(g, g.inputs)
	var subs []*ir.Value
	for range x.Type.Dims {
		switch k := g.pick(5); {
		case k == 0 || len(axes) == 0:
			subs = append(subs, b.Index(int64(g.pick(20)-2)))
		case k < 4:
			subs = append(subs, choose2(g, axes))
		default:
			subs = append(subs, g.affine(axes))
		}
	}
	return b.Load(x, subs, "else", g.constant(x.Type.Elem))
}

// affine is an index expression over some of the axes.
func (g *functions) affine(axes []*ir.Value) *ir.Value {
	var terms []ir.Term
	seen := []*ir.Value{}
	for range 1 + g.pick(2) {
		v := choose2(g, axes)
		if !slices.Contains(seen, v) {
			seen = append(seen, v)
			terms = append(terms, ir.Term{Var: v, Coef: int64(g.pick(5) - 1)})
		}
	}
	div, mod := int64(1), int64(0)
	if g.chance(3) {
		div = int64(1 + g.pick(8))
	}
	if g.chance(3) {
		mod = int64(1 + g.pick(16))
	}
	return g.b.Affine(terms, int64(g.pick(7)-3), div, mod)
}

// quantised is x of a float type as a small multiple of 1/8, so that sums of few are exact in f32.
func (g *functions) quantised(x *ir.Value) *ir.Value {
	b := g.b
	n := b.Cast(x, dtype.I8, "rz", "sat")
	m := b.Cast(n, x.Type.Elem, "rne", "sat")
	return b.Mul(m, g.b.Bcast(b.ConstFloat(x.Type.Elem, 0.125), x.Type.Axes))
}

// tame replaces NaN, whose sign and payload are not defined, by 1.
func (g *functions) tame(x *ir.Value) *ir.Value {
	b := g.b
	t := x.Type.Elem
	if !t.IsFloat() || !t.HasNaN() {
		return x
	}
	one := b.Bcast(b.ConstFloat(t, 1), x.Type.Axes)
	return b.Select(b.Eq(x, x), x, one)
}

// elementwise is an operation on operands over the same axes.
func (g *functions) elementwise(t dtype.Type, axes []*ir.Value, depth int) *ir.Value {
	b := g.b
	e := func(t dtype.Type) *ir.Value { return g.expr(t, axes, depth) }
	if t != dtype.Bool && g.chance(6) && t.Kind != dtype.BipolarKind {
		return g.cast(e(g.elem()), t)
	}
	if g.chance(8) {
		return b.Select(e(dtype.Bool), e(t), e(t))
	}
	if !t.Arithmetic() && t != dtype.Bool {
		if g.chance(4) {
			for _, from := range slices.Concat(wholeTypes, realTypes, smallTypes) {
				if from != t && from.Bits() == t.Bits() && g.chance(2) {
					return b.Bits(g.tame(e(from)), t)
				}
			}
		}
		return g.leaf(t, axes)
	}
	m := func(code ir.Code, n int) *ir.Value {
		args := make([]*ir.Value, n)
		for i := range args {
			args[i] = e(t)
		}
		return b.MapTo(t, code, args...)
	}
	switch {
	case t == dtype.Bool:
		switch g.pick(6) {
		case 0:
			return m(ir.Not, 1)
		case 1:
			return m(choose2(g, []ir.Code{ir.And, ir.Or, ir.Xor}), 2)
		case 2:
			x := g.tame(e(g.elem()))
			return b.Map(ir.BitOf, x, e(dtype.I64))
		case 3:
			return b.Map(choose2(g, []ir.Code{ir.Isnan, ir.Finite}), e(g.real()))
		}
		u := g.elem()
		return b.Map(choose2(g, []ir.Code{ir.Eq, ir.Ne, ir.Lt, ir.Le, ir.Gt, ir.Ge}), e(u), e(u))
	case t.IsFloat():
		switch g.pick(5) {
		case 0:
			return m(choose2(g, []ir.Code{ir.Neg, ir.Abs, ir.Sqrt, ir.Relu, ir.Floor, ir.Ceil, ir.Rint, ir.Trunc, ir.Recip}), 1)
		case 1:
			return m(choose2(g, []ir.Code{ir.Min, ir.Max, ir.MinNan, ir.MaxNan, ir.Div, ir.Mod}), 2)
		case 2:
			switch g.pick(3) {
			case 0:
				return m(ir.Fma, 3)
			case 1:
				return b.Map(ir.Copysign, e(t), g.tame(e(t)))
			}
			return b.Map(ir.Ldexp, e(t), e(g.whole()))
		}
		return m(choose2(g, []ir.Code{ir.Add, ir.Sub, ir.Mul}), 2)
	}
	switch g.pick(8) {
	case 0:
		return m(choose2(g, []ir.Code{ir.Neg, ir.Abs, ir.Not, ir.Relu}), 1)
	case 1:
		return b.Map(choose2(g, []ir.Code{ir.Shl, ir.Shr, ir.Rotl}), e(t), e(g.whole()))
	case 2:
		y := e(t)
		zero, one := g.over(b.ConstInt(t, 0), axes), g.over(b.ConstInt(t, 3), axes)
		return b.Map(choose2(g, []ir.Code{ir.Div, ir.Mod}), e(t), b.Select(b.Eq(y, zero), one, y))
	case 3:
		return b.MapTo(t, choose2(g, []ir.Code{ir.Popcount, ir.Clz, ir.Ctz}), e(g.whole()))
	case 4:
		if g.chance(2) {
			return b.MapTo(t, ir.Exponent, e(g.real()))
		}
		if t == dtype.U32 {
			return b.Map(ir.Rand, e(dtype.I64), e(dtype.I64))
		}
		return m(choose2(g, []ir.Code{ir.Min, ir.Max, ir.MinNan, ir.MaxNan}), 2)
	case 5:
		return m(choose2(g, []ir.Code{ir.And, ir.Or, ir.Xor}), 2)
	}
	return m(choose2(g, []ir.Code{ir.Add, ir.Sub, ir.Mul}), 2)
}

// shaped is an operation that moves elements, nil where none fits.
func (g *functions) shaped(t dtype.Type, axes []*ir.Value, depth int) *ir.Value {
	b := g.b
	switch g.pick(6) {
	case 0: // lookup
		s := g.span(20)
		own := less(g.some(axes), s)
		table := g.expr(t, g.shuffled(append(slices.Clone(own), s)), depth)
		var index *ir.Value
		switch g.pick(4) {
		case 0:
			index = b.Index(int64(g.pick(12) - 2))
		case 1:
			if len(axes) > 0 {
				index = choose2(g, axes)
				break
			}
			fallthrough
		default:
			index = g.expr(dtype.I64, g.some(axes), depth-1)
		}
		return b.Lookup(table, s, index, "else", g.constant(t))
	case 1: // scatter
		if len(axes) == 0 {
			return nil
		}
		s := choose2(g, axes)
		from := g.expr(t, g.shuffled(axes), depth)
		over := g.axes(1)
		if g.chance(2) && len(axes) > 1 {
			over = append(over, less(axes, s, last(over))...)[:1]
		}
		over = less(over, s)
		index := g.expr(dtype.I64, over, depth-1)
		all := append(less(axes, s), less(over, axes...)...)
		if positions(all) > 2000 {
			return nil
		}
		value := g.expr(t, g.shuffled(all), depth-1)
		var mask *ir.Value
		if g.chance(3) {
			mask = g.expr(dtype.Bool, g.shuffled(all), depth-1)
		}
		return b.Scatter(from, s, index, value, "skip", mask)
	case 2: // cat
		for _, u := range axes {
			if parts, ok := g.joined[u]; ok {
				rest := less(axes, u)
				if slices.Contains(rest, parts[0]) || slices.Contains(rest, parts[1]) {
					continue
				}
				at := g.pick(len(rest) + 1)
				x := g.expr(t, slices.Insert(slices.Clone(rest), at, parts[0]), depth)
				y := g.expr(t, slices.Insert(slices.Clone(rest), at, parts[1]), depth)
				return b.Cat(x, y, parts[0], parts[1], u)
			}
		}
	case 3: // rebind
		if len(axes) == 0 {
			return nil
		}
		s := choose2(g, axes)
		copied := b.SpanCopy(s, "")
		g.spans = append(g.spans, copied)
		return b.Rebind(g.expr(t, g.shuffled(append(less(axes, s), copied)), depth), copied, s)
	case 4: // pack
		if t.Kind == dtype.UintKind && t.Bits() <= 32 {
			j := b.SpanOf(b.Index(0), b.Index(int64(t.Bits())), int64(t.Bits()), "")
			return b.Pack(g.expr(dtype.Bool, g.shuffled(append(slices.Clone(axes), j)), depth), j)
		}
	case 5: // unpack
		for _, j := range axes {
			for _, from := range wholeTypes {
				if int64(t.Bits())*j.Type.Width <= int64(from.Bits()) && t != dtype.Bool && g.chance(3) {
					return g.tameSmall(b.Unpack(g.expr(from, g.shuffled(less(axes, j)), depth), j, t))
				}
			}
		}
	}
	return nil
}

// tameSmall is x without the NaNs that its bits may give.
func (g *functions) tameSmall(x *ir.Value) *ir.Value { return g.tame(x) }

func last(list []*ir.Value) *ir.Value {
	if len(list) == 0 {
		return nil
	}
	return list[len(list)-1]
}

// across is an operation along an axis, nil where none fits.
func (g *functions) across(t dtype.Type, axes []*ir.Value, depth int) *ir.Value {
	b := g.b
	switch g.pick(7) {
	case 0, 1: // reduce
		s := g.span(24)
		all := g.shuffled(append(g.some(axes), s))
		reduced := []*ir.Value{s}
		if g.chance(3) {
			if u := g.span(6); !slices.Contains(all, u) && positions(all) < 500 {
				all = g.shuffled(append(all, u))
				reduced = append(reduced, u)
			}
		}
		switch {
		case t == dtype.I64 && g.chance(2):
			return b.Reduce(choose2(g, []string{"argmax", "argmin"}), t, g.expr(g.elem2(), g.shuffled(less(all, reduced[1:]...)), depth), s)
		case t == dtype.Bool:
			return b.Reduce(choose2(g, []string{"any", "all"}), t, g.expr(t, all, depth), reduced...)
		case g.chance(4):
			return b.Reduce("last", t, g.expr(t, g.shuffled(less(all, reduced[1:]...)), depth), s)
		case t.Arithmetic() && g.chance(2):
			kind := choose2(g, []string{"max", "min", "maxnan", "minnan"})
			return b.Reduce(kind, t, g.expr(t, all, depth), reduced...)
		case t == dtype.F32 || t == dtype.F64:
			return b.Reduce(choose2(g, []string{"sum", "mean"}), t, g.quantised(g.expr(choose2(g, []dtype.Type{dtype.F16, dtype.F32, t}), all, depth)), reduced...)
		case t.IsInt() && t.Arithmetic():
			return b.Reduce(choose2(g, []string{"sum", "prod"}), t, g.expr(t, all, depth), reduced...)
		}
	case 2: // scan
		if len(axes) == 0 || !t.Arithmetic() {
			return nil
		}
		s := choose2(g, axes)
		if t.IsFloat() {
			if t != dtype.F32 && t != dtype.F64 || g.chance(2) {
				return b.Scan("max", g.expr(t, g.shuffled(axes), depth), s)
			}
			return b.Scan("sum", g.quantised(g.expr(t, g.shuffled(axes), depth)), s)
		}
		return b.Scan(choose2(g, []string{"sum", "prod", "max"}), g.expr(t, g.shuffled(axes), depth), s)
	case 3: // scan by a function
		if len(axes) == 0 || !t.Arithmetic() {
			return nil
		}
		s := choose2(g, axes)
		order := g.shuffled(axes)
		if g.chance(2) || t.IsFloat() {
			return b.ScanFunc([]*ir.Value{g.expr(t, order, depth)}, s, func(x, y []*ir.Value) []*ir.Value {
				return []*ir.Value{b.Map(choose2(g, []ir.Code{ir.Max, ir.Min}), x[0], y[0])}
			})[0]
		}
		// a·x + b, composed.
		return b.ScanFunc([]*ir.Value{g.expr(t, order, depth), g.expr(t, order, depth-1)}, s, func(x, y []*ir.Value) []*ir.Value {
			return []*ir.Value{b.Add(b.Mul(x[0], y[1]), y[0]), b.Mul(x[1], y[1])}
		})[g.pick(2)]
	case 4: // topk, sort
		if len(axes) == 0 {
			return nil
		}
		j := choose2(g, axes)
		n := g.span(60)
		x := t
		if t == dtype.I64 {
			x = g.elem2()
		}
		from := g.expr(x, g.shuffled(append(less(axes, j), n)), depth)
		rank := b.Topk
		if g.chance(2) {
			rank = b.Sort
		}
		values, indices := rank(from, n, j)
		if t == dtype.I64 {
			g.keep(values)
			return indices
		}
		g.keep(indices)
		return values
	case 5, 6: // contract
		if t != dtype.F32 && t != dtype.F64 && (!t.IsInt() || !t.Arithmetic()) {
			return nil
		}
		s := g.span(20)
		left := g.some(axes)
		right := less(axes, left...)
		right = append(right, g.some(left)...)
		if positions(left)*s.Type.Width > 2000 || positions(right)*s.Type.Width > 2000 {
			return nil
		}
		if !t.IsFloat() {
			x, y := choose2(g, []dtype.Type{dtype.I8, dtype.U8, t}), choose2(g, []dtype.Type{dtype.I8, dtype.I4, t})
			return b.Contract(t, g.expr(x, g.shuffled(append(left, s)), depth), g.expr(y, g.shuffled(append(right, s)), depth), nil, nil, nil, s)
		}
		x, y := choose2(g, realTypes), choose2(g, realTypes)
		return b.Contract(t, g.quantised(g.expr(x, g.shuffled(append(left, s)), depth)), g.quantised(g.expr(y, g.shuffled(append(right, s)), depth)), nil, nil, nil, s)
	}
	return nil
}

// elem2 is a type whose elements have an order that a rank can tell.
func (g *functions) elem2() dtype.Type {
	if g.chance(2) {
		return g.real()
	}
	return g.whole()
}

// control is a value that an if or a loop gives.
func (g *functions) control(t dtype.Type, axes []*ir.Value, depth int) *ir.Value {
	b := g.b
	within := func(f func() *ir.Value) []*ir.Value {
		var v *ir.Value
		g.scope(func() { v = f() })
		return []*ir.Value{v}
	}
	switch g.pick(4) {
	case 0:
		cond := g.expr(dtype.Bool, nil, 1)
		arm := func() []*ir.Value {
			return within(func() *ir.Value { return g.expr(t, axes, depth) })
		}
		return b.If(cond, arm, arm)[0]
	case 1: // by number
		init := g.expr(t, axes, depth-1)
		var stop *ir.Value
		return b.For("", b.Index(0), b.Index(int64(g.pick(4))), 0, []*ir.Value{init}, func(i *ir.Value, c []*ir.Value) ([]*ir.Value, *ir.Value) {
			v := within(func() *ir.Value {
				g.keep(i)
				g.keep(c[0])
				x := g.expr(t, axes, depth)
				if g.chance(3) {
					stop = g.expr(dtype.Bool, nil, 1)
				}
				return x
			})
			return v, stop
		})[0]
	case 2: // by spans
		hi := g.f.SizeArg(g.pick(2))
		if g.chance(2) {
			hi = b.Index(int64(g.pick(30)))
		}
		inits := []*ir.Value{g.expr(t, axes, depth-1), g.expr(t, axes, depth-1)}
		return b.For("", b.Index(0), hi, int64(1+g.pick(17)), inits, func(s *ir.Value, c []*ir.Value) ([]*ir.Value, *ir.Value) {
			var next []*ir.Value
			g.scope(func() {
				g.spans = append(g.spans, s)
				g.keep(c[0])
				g.keep(c[1])
				next = []*ir.Value{g.expr(t, axes, depth), g.expr(t, axes, depth)}
				if g.chance(3) {
					next[0] = c[1]
				}
			})
			return next, nil
		})[g.pick(2)]
	}
	inits := []*ir.Value{b.Index(int64(g.pick(4))), g.expr(t, axes, depth-1)}
	return b.While(inits, func(c []*ir.Value) *ir.Value {
		return b.Gt(c[0], b.Index(0))
	}, func(c []*ir.Value) ([]*ir.Value, *ir.Value) {
		v := within(func() *ir.Value {
			g.keep(c[0])
			g.keep(c[1])
			return g.expr(t, axes, depth)
		})
		return []*ir.Value{b.Sub(c[0], b.Index(1)), v[0]}, nil
	})[1]
}
