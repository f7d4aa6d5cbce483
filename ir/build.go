package ir

import (
	"slices"

	"github.com/tilec/tilec/ir/dtype"
)

// A Builder appends operations to a region. It computes every result type by the operations table and panics with an
// [*Error] where operands do not fit: that is a fault of the compiler, never of its user, and carries the position set
// by At. Names of values are hints, which a caller may set on what it gets back.
type Builder struct {
	fn     *Func
	region *Region
	index  int // where the next operation goes; -1: at the end
	pos    Pos
}

// NewBuilder appends to the body of fn.
func NewBuilder(fn *Func) *Builder {
	if fn.Body == nil {
		fn.Body = &Region{}
	}
	return &Builder{fn: fn, region: fn.Body, index: -1, pos: fn.Pos}
}

// Func is the function being built.
func (b *Builder) Func() *Func { return b.fn }

// At sets the position of what is built from now on.
func (b *Builder) At(pos Pos) *Builder {
	b.pos = pos
	return b
}

// Pos is the current position.
func (b *Builder) Pos() Pos { return b.pos }

// Into appends to r from now on and gives a function that goes back to where the builder was.
func (b *Builder) Into(r *Region) (back func()) {
	region, index := b.region, b.index
	b.region, b.index = r, -1
	return func() { b.region, b.index = region, index }
}

// Before inserts before o from now on.
func (b *Builder) Before(o *Op) {
	b.region, b.index = o.Parent, slices.Index(o.Parent.Ops, o)
}

// Region is the region that the next operation goes to.
func (b *Builder) Region() *Region { return b.region }

// Emit inserts an operation whose Code, Operands, Axes, Attrs and Regions are set. Results that are there keep what
// their rule leaves open; missing ones are made. It gives o its parent, position and result types.
func (b *Builder) Emit(o *Op) *Op {
	if o.Pos == (Pos{}) {
		o.Pos = b.pos
	}
	s := o.Code.Spec()
	if s == nil {
		panic(&Error{Rule: "V0", Func: b.fn.Name, Pos: o.Pos, Msg: "no such operation"})
	}
	b.adopt(o)
	for len(o.Results) < s.Results {
		o.Results = append(o.Results, &Value{})
	}
	for i, v := range o.Results {
		v.Def, v.Index = o, i
	}
	types, err := resultTypes(o)
	if err != nil {
		e := *err.(*Error)
		e.Func, e.Pos, e.Op = b.fn.Name, o.Pos, o.String()
		panic(&e)
	}
	for i, t := range types {
		if i == len(o.Results) {
			o.Results = append(o.Results, &Value{Def: o, Index: i})
		}
		o.Results[i].Type = t
	}
	if b.index < 0 {
		b.region.Ops = append(b.region.Ops, o)
	} else {
		b.region.Ops = slices.Insert(b.region.Ops, b.index, o)
		b.index++
	}
	return o
}

// adopt puts o where the builder is and its regions under it, so that scopes can be walked while they are being built.
func (b *Builder) adopt(o *Op) {
	o.Parent = b.region
	for _, r := range o.Regions {
		r.Parent = o
	}
}

// resultTypes checks the counts that the rule relies on and applies it.
func resultTypes(o *Op) ([]Type, error) {
	if err := checkCounts(o); err != nil {
		return nil, err
	}
	return o.Code.Spec().Rule(o)
}

// Op1 emits an operation with one result of the rule's type; want holds what the rule leaves open.
func (b *Builder) op1(code Code, want Type, attrs []Attr, axes []*Value, operands ...*Value) *Value {
	o := &Op{Code: code, Operands: operands, Axes: axes, Attrs: attrs, Results: []*Value{{Type: want}}}
	return b.Emit(o).Results[0]
}

// ConstInt is an integer, bipolar or bool constant; u64 by its bits.
func (b *Builder) ConstInt(elem dtype.Type, k int64) *Value {
	return b.op1(Const, ScalarType(elem), []Attr{{"value", k}}, nil)
}

// ConstFloat is a float constant, already rounded to its type.
func (b *Builder) ConstFloat(elem dtype.Type, x float64) *Value {
	return b.op1(Const, ScalarType(elem), []Attr{{"value", x}}, nil)
}

// ConstBool is a bool constant.
func (b *Builder) ConstBool(x bool) *Value {
	if x {
		return b.ConstInt(dtype.Bool, 1)
	}
	return b.ConstInt(dtype.Bool, 0)
}

// Index is an i64 constant.
func (b *Builder) Index(k int64) *Value { return b.ConstInt(dtype.I64, k) }

// Temp is a scratch tensor.
func (b *Builder) Temp(t Type, name string) *Value {
	v := b.op1(Temp, t, nil, nil)
	v.Name = name
	return v
}

// Resident is how many blocks of the next phase the device holds.
func (b *Builder) Resident(name string) *Value {
	v := b.op1(Resident, Type{}, nil, nil)
	v.Name = name
	return v
}

// SpanOf is a new axis of at most width indices lo … hi-1.
func (b *Builder) SpanOf(lo, hi *Value, width int64, name string) *Value {
	v := b.op1(SpanOf, Type{}, []Attr{{"width", width}}, nil, lo, hi)
	v.Name = name
	return v
}

// SpanCopy is a new axis over the indices of s.
func (b *Builder) SpanCopy(s *Value, name string) *Value {
	v := b.op1(SpanCopy, Type{}, nil, []*Value{s})
	v.Name = name
	return v
}

// SpanCat is a new axis, x's positions before y's.
func (b *Builder) SpanCat(x, y *Value, name string) *Value {
	v := b.op1(SpanCat, Type{}, nil, []*Value{x, y})
	v.Name = name
	return v
}

// SpanLo is the first index of s (i64).
func (b *Builder) SpanLo(s *Value) *Value { return b.op1(SpanLo, Type{}, nil, []*Value{s}) }

// SpanHi is one past the last index of s (i64).
func (b *Builder) SpanHi(s *Value) *Value { return b.op1(SpanHi, Type{}, nil, []*Value{s}) }

// Iota is the indices of s, tile<i64,[s]>.
func (b *Builder) Iota(s *Value) *Value { return b.op1(Iota, Type{}, nil, []*Value{s}) }

// Term is Coef·Var·Factor, a part of an affine expression. Var is an i64 scalar or a span; Factor an i64 scalar, nil
// for 1.
type Term struct {
	Var    *Value
	Coef   int64
	Factor *Value
}

// Affine is ⌊(Σ terms + k) / div⌋ mod m: div 1 and mod 0 leave those steps out. The result is an i64, or a tile of i64
// over the spans in order of first appearance.
func (b *Builder) Affine(terms []Term, k, div, mod int64) *Value {
	coef, factor := make([]int64, len(terms)), make([]int64, len(terms))
	operands := make([]*Value, len(terms), 2*len(terms))
	for i, t := range terms {
		coef[i], factor[i], operands[i] = t.Coef, -1, t.Var
		if t.Factor != nil {
			factor[i] = int64(len(operands))
			operands = append(operands, t.Factor)
		}
	}
	return b.op1(Affine, Type{}, affineAttrs(coef, factor, k, div, mod), nil, operands...)
}

func affineAttrs(coef, factor []int64, k, div, mod int64) []Attr {
	return []Attr{{"coef", coef}, {"const", k}, {"div", div}, {"factor", factor}, {"mod", mod}}
}

// AffineTerms are the parts of an Affine operation.
func (o *Op) AffineTerms() (terms []Term, k, div, mod int64) {
	coef, factor := o.Ints("coef"), o.Ints("factor")
	terms = make([]Term, min(len(coef), len(factor), len(o.Operands)))
	for i := range terms {
		terms[i] = Term{Var: o.Operands[i], Coef: coef[i]}
		if f := factor[i]; f >= 0 && f < int64(len(o.Operands)) {
			terms[i].Factor = o.Operands[f]
		}
	}
	return terms, o.Int("const"), o.Int("div"), o.Int("mod")
}

// Load reads a tensor. Mode is "in", "else" (out, a scalar, is the value outside) or "unchecked". The result's axes are
// the subscripts', in order of first appearance.
func (b *Builder) Load(tensor *Value, index []*Value, mode string, out *Value) *Value {
	return b.op1(Load, Type{}, []Attr{{"mode", mode}}, nil, join(tensor, index, out)...)
}

// Store writes a value over exactly the axes of the subscripts, in any order. Mode is "in", "skip" or "unchecked"; mask,
// a bool over the same axes, may be nil.
func (b *Builder) Store(tensor *Value, index []*Value, value *Value, mode string, mask *Value) {
	b.Emit(&Op{Code: Store, Operands: join(tensor, index, value, mask), Attrs: maskAttrs(mask, Attr{"mode", mode})})
}

// Atomic applies kind to the named elements; values are one, or expected and new for "cas". With old it gives their
// old values, over the subscripts' axes in order of first appearance; otherwise nil.
func (b *Builder) Atomic(kind string, tensor *Value, index, values []*Value, mode string, mask *Value, old bool) *Value {
	o := &Op{Code: Atomic, Operands: append(join(tensor, index), values...), Attrs: maskAttrs(mask, Attr{"kind", kind}, Attr{"mode", mode})}
	if mask != nil {
		o.Operands = append(o.Operands, mask)
	}
	if !old {
		b.Emit(o)
		return nil
	}
	o.Results = []*Value{{}}
	return b.Emit(o).Results[0]
}

// Arrive counts blocks at an element of a tensor of u32, and is true in the last of them.
func (b *Builder) Arrive(tensor *Value, index []*Value, of int64) *Value {
	return b.op1(Arrive, Type{}, []Attr{{"of", of}}, nil, join(tensor, index)...)
}

func maskAttrs(mask *Value, attrs ...Attr) []Attr {
	o := Op{Attrs: attrs}
	if mask != nil {
		o.SetAttr("masked", true)
	}
	return o.Attrs
}

// join is first, index and those of more that are not nil.
func join(first *Value, index []*Value, more ...*Value) []*Value {
	all := make([]*Value, 0, 1+len(index)+len(more))
	all = append(append(all, first), index...)
	for _, v := range more {
		if v != nil {
			all = append(all, v)
		}
	}
	return all
}

// Bcast is x over axes, any superset of its own in any order; x itself if they are the same.
func (b *Builder) Bcast(x *Value, axes []Axis) *Value {
	if x.Type.Data() && slices.Equal(x.Type.Axes, axes) {
		return x
	}
	return b.op1(Bcast, TileType(x.Type.Elem, axes...), nil, nil, x)
}

// Rebind is x with axis from under another span.
func (b *Builder) Rebind(x, from, to *Value) *Value {
	return b.op1(Rebind, Type{}, nil, []*Value{from, to}, x)
}

// Lookup is t with axis e subscripted by index (i64, span or tile of i64). Mode and out as in Load. The result's axes
// are t's others, then those of index that are not among them.
func (b *Builder) Lookup(t, e, index *Value, mode string, out *Value) *Value {
	operands := []*Value{t, index}
	if out != nil {
		operands = append(operands, out)
	}
	return b.op1(Lookup, Type{}, []Attr{{"mode", mode}}, []*Value{e}, operands...)
}

// Scatter is t with the elements at index along e replaced by value, over t's other axes and those of index, in any
// order. Mode and mask as in Store.
func (b *Builder) Scatter(t, e, index, value *Value, mode string, mask *Value) *Value {
	operands := []*Value{t, index, value}
	if mask != nil {
		operands = append(operands, mask)
	}
	return b.op1(Scatter, Type{}, maskAttrs(mask, Attr{"mode", mode}), []*Value{e}, operands...)
}

// Cat is x, whose axis xa comes first, and y, whose axis ya comes second, over u = xa ++ ya. Their other axes agree.
func (b *Builder) Cat(x, y, xa, ya, u *Value) *Value {
	return b.op1(Cat, Type{}, nil, []*Value{xa, ya, u}, x, y)
}

// Map is an elementwise operation. Operands are over the same axes in the same order. Operations that count or measure
// (popcount, clz, ctz, exponent) give i32; MapTo chooses.
func (b *Builder) Map(code Code, args ...*Value) *Value { return b.MapTo(dtype.I32, code, args...) }

// MapTo is Map with the result's element type, where that is free.
func (b *Builder) MapTo(elem dtype.Type, code Code, args ...*Value) *Value {
	return b.op1(code, Type{Elem: elem}, nil, nil, args...)
}

// Arithmetic by name; see Map.
func (b *Builder) Neg(x *Value) *Value          { return b.Map(Neg, x) }
func (b *Builder) Add(x, y *Value) *Value       { return b.Map(Add, x, y) }
func (b *Builder) Sub(x, y *Value) *Value       { return b.Map(Sub, x, y) }
func (b *Builder) Mul(x, y *Value) *Value       { return b.Map(Mul, x, y) }
func (b *Builder) Div(x, y *Value) *Value       { return b.Map(Div, x, y) }
func (b *Builder) Mod(x, y *Value) *Value       { return b.Map(Mod, x, y) }
func (b *Builder) Min(x, y *Value) *Value       { return b.Map(Min, x, y) }
func (b *Builder) Max(x, y *Value) *Value       { return b.Map(Max, x, y) }
func (b *Builder) And(x, y *Value) *Value       { return b.Map(And, x, y) }
func (b *Builder) Or(x, y *Value) *Value        { return b.Map(Or, x, y) }
func (b *Builder) Not(x *Value) *Value          { return b.Map(Not, x) }
func (b *Builder) Eq(x, y *Value) *Value        { return b.Map(Eq, x, y) }
func (b *Builder) Ne(x, y *Value) *Value        { return b.Map(Ne, x, y) }
func (b *Builder) Lt(x, y *Value) *Value        { return b.Map(Lt, x, y) }
func (b *Builder) Le(x, y *Value) *Value        { return b.Map(Le, x, y) }
func (b *Builder) Gt(x, y *Value) *Value        { return b.Map(Gt, x, y) }
func (b *Builder) Ge(x, y *Value) *Value        { return b.Map(Ge, x, y) }
func (b *Builder) Select(c, x, y *Value) *Value { return b.Map(Select, c, x, y) }

// Cast converts; round is "rne" or "rz", overflow "sat" or "wrap". A cast to x's own type is x.
func (b *Builder) Cast(x *Value, elem dtype.Type, round, overflow string) *Value {
	if x.Type.Elem == elem {
		return x
	}
	return b.op1(Cast, Type{Elem: elem}, []Attr{{"overflow", overflow}, {"round", round}}, nil, x)
}

// Bits reinterprets x as elements of the same width.
func (b *Builder) Bits(x *Value, elem dtype.Type) *Value {
	return b.op1(Bits, Type{Elem: elem}, nil, nil, x)
}

// Reduce reduces x over axes in type elem (i64 for argmax and argmin, bool for any and all).
func (b *Builder) Reduce(kind string, elem dtype.Type, x *Value, axes ...*Value) *Value {
	return b.op1(Reduce, Type{Elem: elem}, []Attr{{"kind", kind}}, axes, x)
}

// Scan is an inclusive ascending scan of x along n: "sum", "prod", "max".
func (b *Builder) Scan(kind string, x, n *Value) *Value {
	return b.op1(Scan, Type{}, []Attr{{"kind", kind}}, []*Value{n}, x)
}

// ScanFunc scans several values over the same axes along n with an associative function, which gets values of their
// types less axis n.
func (b *Builder) ScanFunc(xs []*Value, n *Value, f func(earlier, later []*Value) []*Value) []*Value {
	r := &Region{}
	for _, name := range []string{"x", "y"} {
		for _, x := range xs {
			rest, _ := without(x.Type.Axes, []*Value{n})
			r.AddArg(name, TileType(x.Type.Elem, rest...))
		}
	}
	o := &Op{Code: Scan, Operands: slices.Clone(xs), Axes: []*Value{n}, Attrs: []Attr{{"kind", "func"}}, Regions: []*Region{r}, Pos: b.pos}
	b.adopt(o)
	b.fill(r, func() []*Value { return f(r.Args[:len(xs)], r.Args[len(xs):]) })
	return b.Emit(o).Results
}

// Topk are the largest elements of x along n, descending, as many as axis j has, and their index values along n. Their
// axes are x's others, then j.
func (b *Builder) Topk(x, n, j *Value) (values, indices *Value) { return b.ranked(Topk, x, n, j) }

// Sort is Topk from the least up.
func (b *Builder) Sort(x, n, j *Value) (values, indices *Value) { return b.ranked(Sort, x, n, j) }

func (b *Builder) ranked(code Code, x, n, j *Value) (values, indices *Value) {
	o := b.Emit(&Op{Code: code, Operands: []*Value{x}, Axes: []*Value{n, j}})
	return o.Results[0], o.Results[1]
}

// Contract sums products of x and y over axes in type elem. scaleX, scaleY and acc may be nil. The result's axes are
// x's that are not summed, then y's that are neither summed nor x's; acc has the same.
func (b *Builder) Contract(elem dtype.Type, x, y, scaleX, scaleY, acc *Value, axes ...*Value) *Value {
	o := &Op{Code: Contract, Operands: join(x, []*Value{y}, scaleX, scaleY, acc), Axes: axes, Results: []*Value{{Type: Type{Elem: elem}}}}
	if acc != nil {
		o.SetAttr("acc", true)
	}
	scaled := int64(0)
	if scaleX != nil {
		scaled |= 1
	}
	if scaleY != nil {
		scaled |= 2
	}
	if scaled != 0 {
		o.SetAttr("scaled", scaled)
	}
	return b.Emit(o).Results[0]
}

// Pack joins the bits of x along j to an integer of as many bits.
func (b *Builder) Pack(x, j *Value) *Value { return b.op1(Pack, Type{}, nil, []*Value{j}, x) }

// Unpack takes elements of type elem out of the integers of x, over x's axes, then j.
func (b *Builder) Unpack(x, j *Value, elem dtype.Type) *Value {
	return b.op1(Unpack, Type{Elem: elem}, nil, []*Value{j}, x)
}

// Require checks a bool scalar before later phases run.
func (b *Builder) Require(cond *Value, text string) {
	b.Emit(&Op{Code: Require, Operands: []*Value{cond}, Attrs: []Attr{{"text", text}}})
}

// Assert checks a bool scalar or tile.
func (b *Builder) Assert(cond *Value, text string) {
	b.Emit(&Op{Code: Assert, Operands: []*Value{cond}, Attrs: []Attr{{"text", text}}})
}

// Print shows values in a format with one %v for each.
func (b *Builder) Print(format string, values ...*Value) {
	b.Emit(&Op{Code: Print, Operands: values, Attrs: []Attr{{"text", format}}})
}

// Binding is one binding of Parallel: a span of width By, or with By 0 a scalar.
type Binding struct {
	Name   string
	Lo, Hi *Value
	By     int64
}

// bound is the type of what a binding binds.
func bound(by int64) Type {
	if by == 0 {
		return ScalarType(dtype.I64)
	}
	return SpanType(by)
}

// Parallel is a phase: body is called once with an argument for each binding.
func (b *Builder) Parallel(name string, binds []Binding, body func(args []*Value)) {
	o := &Op{Code: Parallel, Regions: []*Region{{}}, Pos: b.pos}
	b.adopt(o)
	by := make([]int64, len(binds))
	for i, x := range binds {
		by[i] = x.By
		o.Operands = append(o.Operands, x.Lo, x.Hi)
		o.Regions[0].AddArg(x.Name, bound(x.By))
	}
	o.SetAttr("by", by)
	if name != "" {
		o.SetAttr("name", name)
	}
	b.fill(o.Regions[0], func() []*Value {
		body(o.Regions[0].Args)
		return nil
	})
	b.Emit(o)
}

// For is a loop over lo … hi by spans of width by, or with by 0 over scalars. The body gets the index and what is
// carried and gives the next values; stop, if not nil, is a bool that ends the loop. The results are the last values.
func (b *Builder) For(name string, lo, hi *Value, by int64, inits []*Value, body func(index *Value, carried []*Value) (next []*Value, stop *Value)) []*Value {
	r := &Region{}
	o := &Op{Code: For, Operands: join(lo, []*Value{hi}, inits...), Attrs: []Attr{{"by", by}}, Regions: []*Region{r}, Pos: b.pos}
	b.adopt(o)
	r.AddArg(name, bound(by))
	b.carry(o, r, inits)
	b.loop(r, func() ([]*Value, *Value) { return body(r.Args[0], r.Args[1:]) })
	return b.Emit(o).Results
}

// While loops as long as cond gives true. What is carried, and body, as in For.
func (b *Builder) While(inits []*Value, cond func(carried []*Value) *Value, body func(carried []*Value) (next []*Value, stop *Value)) []*Value {
	c, r := &Region{}, &Region{}
	o := &Op{Code: While, Operands: slices.Clone(inits), Regions: []*Region{c, r}, Pos: b.pos}
	b.adopt(o)
	for _, v := range inits {
		c.AddArg(v.Name, v.Type)
	}
	b.carry(o, r, inits)
	b.fill(c, func() []*Value { return []*Value{cond(c.Args)} })
	b.loop(r, func() ([]*Value, *Value) { return body(r.Args) })
	return b.Emit(o).Results
}

// carry adds a region argument and a result for each initial value.
func (b *Builder) carry(o *Op, r *Region, inits []*Value) {
	for _, v := range inits {
		r.AddArg(v.Name, v.Type)
		o.Results = append(o.Results, &Value{Name: v.Name, Type: v.Type})
	}
}

// If gives the results of then where cond is true, else those of els; both give values of the same types.
func (b *Builder) If(cond *Value, then, els func() []*Value) []*Value {
	t, e := &Region{}, &Region{}
	o := &Op{Code: If, Operands: []*Value{cond}, Regions: []*Region{t, e}, Pos: b.pos}
	b.adopt(o)
	b.fill(t, then)
	b.fill(e, els)
	for _, v := range t.Yield().Operands {
		o.Results = append(o.Results, &Value{Name: v.Name, Type: v.Type})
	}
	return b.Emit(o).Results
}

// fill builds a region and ends it with a yield of what build gives.
func (b *Builder) fill(r *Region, build func() []*Value) {
	b.loop(r, func() ([]*Value, *Value) {
		var vs []*Value
		if build != nil {
			vs = build()
		}
		return vs, nil
	})
}

func (b *Builder) loop(r *Region, build func() (next []*Value, stop *Value)) {
	pos := b.pos
	back := b.Into(r)
	next, stop := build()
	b.pos = pos
	b.Yield(next, stop)
	back()
}

// Yield ends the current region; stop, if not nil, is the bool that ends a loop. Parallel, For, While, If and ScanFunc
// do it themselves.
func (b *Builder) Yield(values []*Value, stop *Value) {
	o := &Op{Code: Yield, Operands: slices.Clone(values)}
	if stop != nil {
		o.Operands = append(o.Operands, stop)
		o.SetAttr("breaks", true)
	}
	b.Emit(o)
}

// Finish ends the function's body and numbers its values.
func (b *Builder) Finish() *Func {
	back := b.Into(b.fn.Body)
	b.pos = b.fn.Pos
	b.Yield(nil, nil)
	back()
	b.fn.Number()
	return b.fn
}
