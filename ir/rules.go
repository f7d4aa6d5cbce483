package ir

import (
	"slices"

	"github.com/tilec/tilec/ir/dtype"
)

// The functions of this file are the result rules of the operations table. Each computes the types of an operation's
// results from its operands, axes and attributes. Where the maker of an operation has a choice (the element type of a
// cast, the axes of a broadcast) the rule reads it from the result that is there and checks it. A rule may assume what
// the table says of counts and attributes, and nothing else.

// MaxTile is the largest number of element positions of a tile.
const MaxTile = 1 << 31

type rule = func(o *Op) ([]Type, error)

func one(t Type) ([]Type, error) { return []Type{t}, nil }

// want is the type that the maker of the operation gave result i.
func want(o *Op, i int) Type {
	if i < len(o.Results) {
		return o.Results[i].Type
	}
	return Type{}
}

// none is the rule of operations without results.
func none(o *Op) ([]Type, error) { return nil, nil }

// given is the rule of operations whose result types are their regions' business: they stay what they are.
func given(o *Op) ([]Type, error) {
	types := make([]Type, len(o.Results))
	for i, v := range o.Results {
		types[i] = v.Type
	}
	return types, nil
}

// of is the rule of operations with one result of a fixed type.
func of(t Type) rule { return func(*Op) ([]Type, error) { return one(t) } }

// anElem says which element types an operation takes.
type anElem struct {
	words string
	ok    func(dtype.Type) bool
}

var (
	anyElem   = anElem{"an element type", dtype.Type.Valid}
	arithElem = anElem{"a type with arithmetic", dtype.Type.Arithmetic}
	intElem   = anElem{"an integer type with arithmetic", func(t dtype.Type) bool { return t.IsInt() && t.Arithmetic() }}
	floatElem = anElem{"a float type with arithmetic", func(t dtype.Type) bool { return t.IsFloat() && t.Arithmetic() }}
	bitsElem  = anElem{"bool or an integer type with arithmetic", func(t dtype.Type) bool { return t == dtype.Bool || t.IsInt() && t.Arithmetic() }}
)

// elementwise is the rule of the operations that work element by element. The signature has a letter for each operand,
// a colon, and one for the result: T the common element type, of class elem; n any integer type with arithmetic;
// b bool; i i64; u u32; f f32; ? any integer type with arithmetic, the maker's choice.
func elementwise(signature string, elem anElem) rule {
	colon := len(signature) - 2
	return func(o *Op) ([]Type, error) {
		var t dtype.Type
		for i, v := range o.Operands {
			if !v.Type.Data() {
				return nil, ruleErr("V3", "operand %d is a %s, not a scalar or tile", i, v.Type)
			}
			if !sameAxes(v.Type, o.Operands[0].Type) {
				return nil, ruleErr("V3", "operands are over different axes: %s and %s", o.Operands[0].Type, v.Type)
			}
			e := v.Type.Elem
			switch signature[i] {
			case 'T':
				if t.Valid() && t != e {
					return nil, ruleErr("V3", "operands have different element types %s and %s", t, e)
				}
				t = e
				if !elem.ok(e) {
					return nil, ruleErr("V7", "operand %d is of type %s and must be of %s", i, e, elem.words)
				}
			case 'n':
				if !intElem.ok(e) {
					return nil, ruleErr("V7", "operand %d is of type %s and must be of %s", i, e, intElem.words)
				}
			default:
				if need := letter(signature[i]); e != need {
					return nil, ruleErr("V3", "operand %d is of type %s and must be %s", i, e, need)
				}
			}
		}
		r := o.Operands[0].Type
		switch c := signature[colon+1]; c {
		case 'T':
			r.Elem = t
		case '?':
			r.Elem = want(o, 0).Elem
			if !intElem.ok(r.Elem) {
				return nil, ruleErr("V7", "the result is of type %s and must be of %s", r.Elem, intElem.words)
			}
		default:
			r.Elem = letter(c)
		}
		return one(r)
	}
}

// letter is the element type of a signature's letter.
func letter(c byte) dtype.Type {
	switch c {
	case 'b':
		return dtype.Bool
	case 'i':
		return dtype.I64
	case 'u':
		return dtype.U32
	case 'f':
		return dtype.F32
	}
	return dtype.Type{}
}

func sameAxes(t, u Type) bool { return slices.Equal(t.Axes, u.Axes) }

// sameAxisSet reports whether two axis lists hold the same axes in any order. An axis occurs once in a list.
func sameAxisSet(a, b []Axis) bool {
	if len(a) != len(b) {
		return false
	}
	for _, x := range a {
		if !slices.Contains(b, x) {
			return false
		}
	}
	return true
}

// union appends to axes those of more that are not there yet.
func union(axes, more []Axis) []Axis {
	for _, a := range more {
		if !slices.Contains(axes, a) {
			axes = append(axes, a)
		}
	}
	return axes
}

// without is axes less those over the given spans, each of which must be there.
func without(axes []Axis, spans []*Value) ([]Axis, error) {
	for i, s := range spans {
		if !slices.ContainsFunc(axes, func(a Axis) bool { return a.Span == s }) {
			return nil, ruleErr("V3", "axis %s is not one of %s", nameOf(s), Type{Kind: Tile, Axes: axes})
		}
		if slices.Contains(spans[:i], s) {
			return nil, ruleErr("V3", "axis %s is named twice", nameOf(s))
		}
	}
	var rest []Axis
	for _, a := range axes {
		if !slices.Contains(spans, a.Span) {
			rest = append(rest, a)
		}
	}
	return rest, nil
}

// nameOf is a value's hint for a message.
func nameOf(v *Value) string {
	if v.Name == "" {
		return "%?"
	}
	return "%" + v.Name
}

func ruleConst(o *Op) ([]Type, error) {
	t := want(o, 0)
	if t.Kind != Scalar || !t.Elem.Valid() {
		return nil, ruleErr("V3", "a constant is a scalar, not %s", t)
	}
	switch x := o.Attr("value").(type) {
	case int64:
		if t.Elem.IsFloat() {
			return nil, ruleErr("V3", "an integer value for a %s", t)
		}
		if t.Elem.IntOfInt(dtype.I64, x, dtype.Wrap) != x {
			return nil, ruleErr("V7", "%d is no value of %s", x, t)
		}
	case float64:
		if !t.Elem.IsFloat() {
			return nil, ruleErr("V3", "a float value for a %s", t)
		}
		if !t.Elem.Has64(x) {
			return nil, ruleErr("V7", "%v is no value of %s", x, t)
		}
	}
	return one(t)
}

func ruleTemp(o *Op) ([]Type, error) {
	t := want(o, 0)
	if t.Kind != Tensor || !t.Elem.Valid() {
		return nil, ruleErr("V3", "a temp is a tensor, not %s", t)
	}
	return one(t)
}

func ruleArrive(o *Op) ([]Type, error) {
	t := o.Operands[0].Type
	if t.Kind != Tensor || t.Elem != dtype.U32 || len(o.Operands) != 1+len(t.Dims) {
		return nil, ruleErr("V3", "arrive at a %s by %d subscripts", t, len(o.Operands)-1)
	}
	for i, v := range o.Subscripts() {
		if !v.Type.IsIndex() {
			return nil, ruleErr("V3", "subscript %d is a %s, not an i64", i, v.Type)
		}
	}
	if o.Int("of") < 1 {
		return nil, ruleErr("V3", "arrive of %d blocks", o.Int("of"))
	}
	return one(ScalarType(dtype.Bool))
}

func ruleSpanOf(o *Op) ([]Type, error) {
	for i, v := range o.Operands {
		if !v.Type.IsIndex() {
			return nil, ruleErr("V3", "bound %d is a %s, not an i64", i, v.Type)
		}
	}
	w := o.Int("width")
	if w < 0 || w > MaxTile {
		return nil, ruleErr("V3", "width %d is not between 0 and %d", w, int64(MaxTile))
	}
	return one(SpanType(w))
}

func ruleSpanCopy(o *Op) ([]Type, error) { return one(SpanType(o.Axes[0].Type.Width)) }

func ruleSpanCat(o *Op) ([]Type, error) {
	return one(SpanType(o.Axes[0].Type.Width + o.Axes[1].Type.Width))
}

func ruleIota(o *Op) ([]Type, error) { return one(TileType(dtype.I64, AxisOf(o.Axes[0]))) }

func ruleAffine(o *Op) ([]Type, error) {
	coef, factor := o.Ints("coef"), o.Ints("factor")
	n := len(coef)
	if len(factor) != n || len(o.Operands) < n {
		return nil, ruleErr("V11", "%d coefficients, %d factors, %d operands", n, len(factor), len(o.Operands))
	}
	next := int64(n)
	for _, f := range factor {
		if f >= 0 && f != next {
			return nil, ruleErr("V11", "factors are operands %d, %d, … in the order of their variables, not %v", n, n+1, factor)
		}
		if f >= 0 {
			next++
		}
	}
	if int64(len(o.Operands)) != next {
		return nil, ruleErr("V11", "%d operands, %d used", len(o.Operands), next)
	}
	if o.Int("div") < 1 || o.Int("mod") < 0 {
		return nil, ruleErr("V11", "div %d, mod %d", o.Int("div"), o.Int("mod"))
	}
	var axes []Axis
	for i, v := range o.Operands {
		switch {
		case v.Type.IsIndex():
		case i < n && v.Type.Kind == Span:
			axes = union(axes, []Axis{AxisOf(v)})
		default:
			return nil, ruleErr("V3", "operand %d is a %s", i, v.Type)
		}
	}
	return one(TileType(dtype.I64, axes...))
}

// Tensor is the tensor of a Load, Store, Atomic or Copy.
func (o *Op) Tensor() *Value {
	if o.Code == Copy {
		return o.Operands[1]
	}
	return o.Operands[0]
}

// Subscripts are the subscript operands of a Load, Store, Atomic, Arrive or Copy, one for each dimension of its tensor.
func (o *Op) Subscripts() []*Value {
	rest := o.Operands[1:]
	if o.Code == Copy {
		rest = o.Operands[2:]
	}
	return rest[:min(len(o.Tensor().Type.Dims), len(rest))]
}

// Stored are the value operands of a Store (one) or Atomic (one, two for cas).
func (o *Op) Stored() []*Value {
	rest := o.Operands[min(1+len(o.Operands[0].Type.Dims), len(o.Operands)):]
	if o.Flag("masked") && len(rest) > 0 {
		rest = rest[:len(rest)-1]
	}
	return rest
}

// Mask is the mask operand of a masked Store, Atomic or Scatter, else nil.
func (o *Op) Mask() *Value {
	if !o.Flag("masked") {
		return nil
	}
	return o.Operands[len(o.Operands)-1]
}

// Outside is the operand that a Load or Lookup of mode "else" gives for what is outside, else nil.
func (o *Op) Outside() *Value {
	if o.Str("mode") != "else" {
		return nil
	}
	return o.Operands[len(o.Operands)-1]
}

// ruleAccess checks tensor and subscripts and gives the union of the subscripts' axes and the remaining operands.
func ruleAccess(o *Op) (axes []Axis, rest []*Value, err error) {
	t := o.Operands[0].Type
	if t.Kind != Tensor {
		return nil, nil, ruleErr("V3", "a subscript of a %s, not a tensor", t)
	}
	n := len(t.Dims)
	if len(o.Operands) < 1+n {
		return nil, nil, ruleErr("V3", "%d subscripts for %d dimensions", len(o.Operands)-1, n)
	}
	for i, v := range o.Operands[1 : 1+n] {
		if err := isSubscript(v); err != nil {
			return nil, nil, ruleErr("V3", "subscript %d %s", i, err.(*Error).Msg)
		}
		axes = union(axes, v.SubscriptAxes())
	}
	return axes, o.Operands[1+n:], nil
}

func isSubscript(v *Value) error {
	if v.Type.Kind == Span || v.Type.Data() && v.Type.Elem == dtype.I64 {
		return nil
	}
	return ruleErr("V3", "is a %s, not an i64, a span or a tile of i64", v.Type)
}

// isOutside checks the operands after the subscripts of a Load or Lookup.
func isOutside(o *Op, rest []*Value, elem dtype.Type) error {
	switch {
	case o.Str("mode") != "else" && len(rest) == 0:
		return nil
	case o.Str("mode") != "else":
		return ruleErr("V3", "%d operands too many", len(rest))
	case len(rest) != 1 || !rest[0].Type.Equal(ScalarType(elem)):
		return ruleErr("V3", "mode else takes one scalar of type %s as last operand", elem)
	}
	return nil
}

func ruleLoad(o *Op) ([]Type, error) {
	axes, rest, err := ruleAccess(o)
	if err != nil {
		return nil, err
	}
	elem := o.Operands[0].Type.Elem
	if err := isOutside(o, rest, elem); err != nil {
		return nil, err
	}
	return one(TileType(elem, axes...))
}

// isStored checks the value operands of a Store, Atomic or Scatter: n values of type elem over exactly axes, and the
// mask, if there is one.
func isStored(o *Op, rest []*Value, n int, elem dtype.Type, axes []Axis) error {
	if o.Flag("masked") {
		n++
	}
	if len(rest) != n {
		return ruleErr("V3", "%d operands after the subscripts, %d expected", len(rest), n)
	}
	for i, v := range rest {
		need := elem
		if o.Flag("masked") && i == n-1 {
			need = dtype.Bool
		}
		if !v.Type.Data() || v.Type.Elem != need {
			return ruleErr("V3", "the value is a %s and must be of %s", v.Type, need)
		}
		if !sameAxisSet(v.Type.Axes, axes) {
			return ruleErr("V4", "the value is a %s, its axes must be those of the subscripts, %s", v.Type, Type{Kind: Tile, Elem: need, Axes: axes})
		}
	}
	return nil
}

func ruleStore(o *Op) ([]Type, error) {
	axes, rest, err := ruleAccess(o)
	if err != nil {
		return nil, err
	}
	return nil, isStored(o, rest, 1, o.Operands[0].Type.Elem, axes)
}

func ruleAtomic(o *Op) ([]Type, error) {
	axes, rest, err := ruleAccess(o)
	if err != nil {
		return nil, err
	}
	elem, n := o.Operands[0].Type.Elem, 1
	switch kind := o.Str("kind"); kind {
	case "cas":
		n = 2
	case "add", "max", "min":
		if !elem.Arithmetic() {
			return nil, ruleErr("V7", "atomic %s of %s, which has no arithmetic", kind, elem)
		}
	case "and", "or", "xor":
		if !bitsElem.ok(elem) {
			return nil, ruleErr("V7", "atomic %s of %s, which must be %s", kind, elem, bitsElem.words)
		}
	}
	if err := isStored(o, rest, n, elem, axes); err != nil {
		return nil, err
	}
	if len(o.Results) == 0 {
		return nil, nil
	}
	return one(TileType(elem, axes...))
}

func ruleBcast(o *Op) ([]Type, error) {
	x, t := o.Operands[0].Type, want(o, 0)
	if !x.Data() || !t.Data() {
		return nil, ruleErr("V3", "broadcast of a %s to a %s", x, t)
	}
	for _, a := range x.Axes {
		if !slices.Contains(t.Axes, a) {
			return nil, ruleErr("V3", "broadcast of %s loses axis %s", x, nameOf(a.Span))
		}
	}
	return one(TileType(x.Elem, t.Axes...))
}

func ruleRebind(o *Op) ([]Type, error) {
	x, from, to := o.Operands[0].Type, o.Axes[0], o.Axes[1]
	i := x.Axis(from)
	if x.Kind != Tile || i < 0 {
		return nil, ruleErr("V3", "%s has no axis %s", x, nameOf(from))
	}
	if from != to && x.Axis(to) >= 0 {
		return nil, ruleErr("V3", "%s has axis %s already", x, nameOf(to))
	}
	if from.Type.Width != to.Type.Width {
		return nil, ruleErr("V3", "spans of widths %d and %d", from.Type.Width, to.Type.Width)
	}
	x.Axes = slices.Clone(x.Axes)
	x.Axes[i] = AxisOf(to)
	return one(x)
}

// lookupAxes are the axes of t subscripted at axis e by i: t's others, then i's that are not among them.
func lookupAxes(o *Op) ([]Axis, error) {
	t, i := o.Operands[0], o.Operands[1]
	if t.Type.Kind != Tile {
		return nil, ruleErr("V3", "lookup in a %s, not a tile", t.Type)
	}
	if err := isSubscript(i); err != nil {
		return nil, ruleErr("V3", "the subscript %s", err.(*Error).Msg)
	}
	rest, err := without(t.Type.Axes, o.Axes)
	if err != nil {
		return nil, err
	}
	return union(rest, i.SubscriptAxes()), nil
}

func ruleLookup(o *Op) ([]Type, error) {
	axes, err := lookupAxes(o)
	if err != nil {
		return nil, err
	}
	elem := o.Operands[0].Type.Elem
	if err := isOutside(o, o.Operands[2:], elem); err != nil {
		return nil, err
	}
	return one(TileType(elem, axes...))
}

func ruleScatter(o *Op) ([]Type, error) {
	axes, err := lookupAxes(o)
	if err != nil {
		return nil, err
	}
	t := o.Operands[0].Type
	if err := isStored(o, o.Operands[2:], 1, t.Elem, axes); err != nil {
		return nil, err
	}
	return one(t)
}

func ruleCat(o *Op) ([]Type, error) {
	x, y := o.Operands[0].Type, o.Operands[1].Type
	a, b, u := o.Axes[0], o.Axes[1], o.Axes[2]
	i, j := x.Axis(a), y.Axis(b)
	if x.Kind != Tile || y.Kind != Tile || i < 0 || j < 0 {
		return nil, ruleErr("V3", "%s and %s have no axes %s and %s", x, y, nameOf(a), nameOf(b))
	}
	if x.Elem != y.Elem {
		return nil, ruleErr("V3", "parts of types %s and %s", x.Elem, y.Elem)
	}
	if x.Axis(u) >= 0 {
		return nil, ruleErr("V3", "%s has axis %s already", x, nameOf(u))
	}
	if u.Type.Width != a.Type.Width+b.Type.Width {
		return nil, ruleErr("V3", "axis %s has width %d, its parts %d and %d", nameOf(u), u.Type.Width, a.Type.Width, b.Type.Width)
	}
	xs, ys := slices.Clone(x.Axes), slices.Clone(y.Axes)
	xs[i], ys[j] = AxisOf(u), AxisOf(u)
	if !slices.Equal(xs, ys) {
		return nil, ruleErr("V3", "parts over different axes: %s and %s", x, y)
	}
	x.Axes = xs
	return one(x)
}

func ruleCast(o *Op) ([]Type, error) {
	x, t := o.Operands[0].Type, want(o, 0)
	if !x.Data() || !t.Elem.Valid() {
		return nil, ruleErr("V7", "cast of a %s to a %s", x, t)
	}
	mode := dtype.Default
	if o.Str("round") == "rz" {
		mode = dtype.RZ
	}
	if o.Str("overflow") == "wrap" {
		if mode == dtype.RZ {
			return nil, ruleErr("V7", "a cast either rounds toward zero or wraps")
		}
		mode = dtype.Wrap
	}
	if err := dtype.CheckMode(x.Elem, t.Elem, mode); err != nil {
		return nil, ruleErr("V7", "%v", err)
	}
	return one(x.WithElem(t.Elem))
}

func ruleBits(o *Op) ([]Type, error) {
	x, t := o.Operands[0].Type, want(o, 0)
	if !x.Data() || !t.Elem.Valid() || x.Elem.Bits() != t.Elem.Bits() || x.Elem == dtype.Bool || t.Elem == dtype.Bool {
		return nil, ruleErr("V7", "the bits of a %s are no %s", x, t)
	}
	return one(x.WithElem(t.Elem))
}

// sums are the reductions that need arithmetic; they are done in a type that holds their operands.
func sums(kind string) bool { return kind == "sum" || kind == "prod" || kind == "mean" }

// reducible reports whether a reduction of elements of type x can be done in type elem: sums in any type of the same
// family (a mean in any float), choices among elements only where every element has a place.
func reducible(x, elem dtype.Type, kind string) bool {
	switch {
	case !sums(kind):
		return dtype.Widens(x, elem)
	case kind == "mean":
		return true
	}
	return x != dtype.Bool && x.IsFloat() == elem.IsFloat()
}

func ruleReduce(o *Op) ([]Type, error) {
	x, t, kind := o.Operands[0].Type, want(o, 0), o.Str("kind")
	if x.Kind != Tile {
		return nil, ruleErr("V3", "reduction of a %s, not a tile", x)
	}
	axes, err := without(x.Axes, o.Axes)
	if err != nil {
		return nil, err
	}
	elem := t.Elem
	switch kind {
	case "argmax", "argmin":
		elem = dtype.I64
		if len(o.Axes) != 1 {
			return nil, ruleErr("V3", "%s over %d axes: it needs one", kind, len(o.Axes))
		}
	case "any", "all":
		elem = dtype.Bool
		if x.Elem != dtype.Bool {
			return nil, ruleErr("V7", "%s of %s, which must be bool", kind, x.Elem)
		}
	case "last":
		if len(o.Axes) != 1 {
			return nil, ruleErr("V3", "last over %d axes: it needs one", len(o.Axes))
		}
	}
	if !elem.Valid() || sums(kind) && !elem.Arithmetic() || kind == "mean" && !elem.IsFloat() {
		return nil, ruleErr("V7", "%s cannot be done in %s", kind, elem)
	}
	if kind != "argmax" && kind != "argmin" && kind != "any" && kind != "all" && !reducible(x.Elem, elem, kind) {
		return nil, ruleErr("V7", "%s of %s cannot be done in %s", kind, x.Elem, elem)
	}
	return one(TileType(elem, axes...))
}

func ruleScan(o *Op) ([]Type, error) {
	n := o.Axes[0]
	types := make([]Type, len(o.Operands))
	for i, v := range o.Operands {
		if v.Type.Kind != Tile || v.Type.Axis(n) < 0 {
			return nil, ruleErr("V3", "operand %d, a %s, has no axis %s", i, v.Type, nameOf(n))
		}
		if !sameAxes(v.Type, o.Operands[0].Type) {
			return nil, ruleErr("V3", "operands are over different axes: %s and %s", o.Operands[0].Type, v.Type)
		}
		types[i] = v.Type
	}
	if kind := o.Str("kind"); kind != "func" {
		if len(o.Operands) != 1 || len(o.Regions) != 0 {
			return nil, ruleErr("V3", "scan %s takes one operand and no region", kind)
		}
		if e := o.Operands[0].Type.Elem; !e.Arithmetic() {
			return nil, ruleErr("V7", "scan %s of %s, which has no arithmetic", kind, e)
		}
		return types, nil
	}
	if len(o.Regions) != 1 || len(o.Regions[0].Args) != 2*len(types) {
		return nil, ruleErr("V3", "scan func takes a region with %d arguments", 2*len(types))
	}
	for i, a := range o.Regions[0].Args {
		t := types[i%len(types)]
		rest, _ := without(t.Axes, o.Axes)
		if !a.Type.Unplaced().Equal(TileType(t.Elem, rest...)) {
			return nil, ruleErr("V9", "argument %d of the region is a %s and must be a %s", i, a.Type, TileType(t.Elem, rest...))
		}
	}
	return types, nil
}

func ruleRanked(o *Op) ([]Type, error) {
	x, n, j := o.Operands[0].Type, o.Axes[0], o.Axes[1]
	if x.Kind != Tile || x.Axis(n) < 0 {
		return nil, ruleErr("V3", "%s has no axis %s", x, nameOf(n))
	}
	if x.Axis(j) >= 0 {
		return nil, ruleErr("V3", "%s has axis %s already", x, nameOf(j))
	}
	axes, err := without(x.Axes, []*Value{n})
	if err != nil {
		return nil, err
	}
	axes = append(axes, AxisOf(j))
	return []Type{TileType(x.Elem, axes...), TileType(dtype.I64, axes...)}, nil
}

// ContractParts are the operands of a Contract by their meaning; scaleA, scaleB and acc may be nil.
func (o *Op) ContractParts() (a, b, scaleA, scaleB, acc *Value) {
	a, b = o.Operands[0], o.Operands[1]
	rest := o.Operands[2:]
	take := func(have bool) *Value {
		if !have || len(rest) == 0 {
			return nil
		}
		v := rest[0]
		rest = rest[1:]
		return v
	}
	s := o.Int("scaled")
	scaleA, scaleB = take(s&1 != 0), take(s&2 != 0)
	acc = take(o.Flag("acc"))
	return a, b, scaleA, scaleB, acc
}

func ruleContract(o *Op) ([]Type, error) {
	s := o.Int("scaled")
	if s < 0 || s > 3 {
		return nil, ruleErr("V11", "scaled is %d", s)
	}
	n := 2 + int(s&1) + int(s>>1)
	if o.Flag("acc") {
		n++
	}
	if len(o.Operands) != n {
		return nil, ruleErr("V3", "%d operands, %d expected", len(o.Operands), n)
	}
	a, b, sa, sb, acc := o.ContractParts()
	for _, v := range []*Value{a, b} {
		if v.Type.Kind != Tile || v.Type.Elem == dtype.Bool {
			return nil, ruleErr("V6", "contraction of a %s", v.Type)
		}
		if _, err := without(v.Type.Axes, o.Axes); err != nil {
			return nil, ruleErr("V6", "a summed axis must be one of both operands, %s and %s", a.Type, b.Type)
		}
	}
	elem := want(o, 0).Elem
	if !elem.Arithmetic() || a.Type.Elem.IsFloat() != b.Type.Elem.IsFloat() {
		return nil, ruleErr("V7", "contraction of %s and %s in %s", a.Type.Elem, b.Type.Elem, elem)
	}
	for i, scale := range []*Value{sa, sb} {
		if scale == nil {
			continue
		}
		if !scale.Type.Data() {
			return nil, ruleErr("V6", "a scale is a %s", scale.Type)
		}
		for _, x := range scale.Type.Axes {
			if !slices.Contains(o.Operands[i].Type.Axes, x) {
				return nil, ruleErr("V6", "the scale %s has an axis that its operand %s lacks", scale.Type, o.Operands[i].Type)
			}
		}
		if !scale.Type.Elem.IsFloat() || !elem.IsFloat() {
			return nil, ruleErr("V7", "scales of type %s in %s", scale.Type.Elem, elem)
		}
	}
	if !a.Type.Elem.IsFloat() == elem.IsFloat() && s == 0 {
		return nil, ruleErr("V7", "contraction of %s and %s in %s", a.Type.Elem, b.Type.Elem, elem)
	}
	ra, _ := without(a.Type.Axes, o.Axes)
	rb, _ := without(b.Type.Axes, o.Axes)
	t := TileType(elem, union(ra, rb)...)
	if acc != nil && !acc.Type.Unplaced().Equal(t) {
		return nil, ruleErr("V6", "the accumulator is a %s, the result a %s", acc.Type, t)
	}
	return one(t)
}

func rulePack(o *Op) ([]Type, error) {
	x, j := o.Operands[0].Type, o.Axes[0]
	if x.Kind != Tile || x.Elem != dtype.Bool {
		return nil, ruleErr("V7", "pack of a %s, which must be a tile of bool", x)
	}
	axes, err := without(x.Axes, o.Axes)
	if err != nil {
		return nil, err
	}
	if j.Type.Width > 64 || !dtype.Uint(int(j.Type.Width)).Valid() {
		return nil, ruleErr("V7", "pack of %d bits: there is no u%d", j.Type.Width, j.Type.Width)
	}
	return one(TileType(dtype.Uint(int(j.Type.Width)), axes...))
}

func ruleUnpack(o *Op) ([]Type, error) {
	x, j, elem := o.Operands[0].Type, o.Axes[0], want(o, 0).Elem
	if !x.Data() || !x.Elem.IsInt() {
		return nil, ruleErr("V7", "unpack of a %s, which must be of integers", x)
	}
	if !elem.Valid() || j.Type.Width > 64 || int64(elem.Bits())*j.Type.Width > int64(x.Elem.Bits()) {
		return nil, ruleErr("V7", "%d elements of %s do not fit in %s", j.Type.Width, elem, x.Elem)
	}
	if x.Axis(j) >= 0 {
		return nil, ruleErr("V3", "%s has axis %s already", x, nameOf(j))
	}
	return one(TileType(elem, append(slices.Clone(x.Axes), AxisOf(j))...))
}
