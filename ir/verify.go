package ir

import (
	"errors"
	"slices"

	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
)

// Verify checks everything that always holds of a function, of the value stage or placed. It returns nil or the first few
// [*Error]s, joined, in the order of the text. The rules of both stages; those of the placed one stand in
// verify_placed.go:
//
//	V0   the operation exists and may stand in this stage
//	V1   an operand is defined before it is used, in the same region or one around it
//	V2   an axis names a span in scope, has its width, and occurs once in a type; a tile has at most MaxTile positions
//	V3   operands are what the operations table asks for, and result types are those of its rule
//	V4   a stored value's axes are exactly those of the subscripts
//	V5   no value that leaves a region is over an axis made inside it
//	V6   a contraction's axes are summed (of both operands), shared, or of one operand; scales and accumulator fit
//	V7   element types are known, and small types only where they are allowed
//	V8   load, store, atomic, lookup and scatter say what happens outside
//	V9   what a region yields has the types that are carried or given
//	V10  parallel, temp and require stand at the top of a function only
//	V11  attributes are complete, known, of their kind, and in order
//	V12  counts are those of the table, regions end with their only yield, links between parts agree
//	V13  inputs are never written, and the function of a scan only computes
//	V14  sizes, parameters and arguments agree, names are unique, and extents name sizes that exist
func Verify(f *Func) error {
	v := &verifier{f: f, seen: map[*Value]bool{}}
	v.signature()
	if len(v.errs) == 0 {
		v.placed = f.Placed()
	}
	if len(v.errs) == 0 {
		v.region(f.Body, nil)
	}
	if len(v.errs) == 0 && len(f.Body.Yield().Operands) > 0 {
		v.fail(f.Body.Yield(), ruleErr("V9", "a function yields nothing"))
	}
	errs := make([]error, len(v.errs))
	for i, e := range v.errs {
		errs[i] = e
	}
	return errors.Join(errs...)
}

// maxErrors is where Verify stops.
const maxErrors = 10

type verifier struct {
	f    *Func
	seen map[*Value]bool // values in scope
	errs []*Error
	// placed says that the function is one of the placed stage; warps is the number of warps of its layouts, 0 before
	// the first, and sound are the layouts that break no rule by themselves.
	placed bool
	warps  int64
	sound  map[*layout.Distribution]bool
	role   *Op // around what is checked
}

// fail records an error about o, or about the function where o is nil.
func (v *verifier) fail(o *Op, err error) {
	e := *err.(*Error)
	e.Func, e.Pos = v.f.Name, v.f.Pos
	if o != nil {
		e.Op, e.Pos = o.String(), o.Pos
	}
	v.errs = append(v.errs, &e)
}

func (v *verifier) full() bool { return len(v.errs) >= maxErrors }

func (v *verifier) signature() {
	f := v.f
	if f.Body == nil {
		v.fail(nil, ruleErr("V12", "no body"))
		return
	}
	if len(f.Body.Args) != len(f.Sizes)+len(f.Params) {
		v.fail(nil, ruleErr("V14", "%d arguments for %d sizes and %d parameters", len(f.Body.Args), len(f.Sizes), len(f.Params)))
		return
	}
	names := map[string]bool{}
	name := func(s string) {
		if names[s] {
			v.fail(nil, ruleErr("V14", "the name %s is given twice", s))
		}
		names[s] = true
	}
	for i, s := range f.Sizes {
		name(s.Name)
		if !f.Body.Args[i].Type.IsIndex() {
			v.fail(nil, ruleErr("V14", "size %s is a %s, not an i64", s.Name, f.Body.Args[i].Type))
		}
		if s.Def != nil {
			v.dim(nil, s.Def, i)
		}
	}
	for i, p := range f.Params {
		name(p.Name)
		if !f.ParamArg(i).Type.Equal(p.Type) {
			v.fail(nil, ruleErr("V14", "parameter %s is a %s, its argument a %s", p.Name, p.Type, f.ParamArg(i).Type))
		}
		switch p.Type.Kind {
		case Tensor:
		case Scalar:
			if p.Role != In {
				v.fail(nil, ruleErr("V14", "parameter %s, a scalar, is an output", p.Name))
			}
		default:
			v.fail(nil, ruleErr("V14", "parameter %s is a %s", p.Name, p.Type))
		}
	}
}

// dim checks that an extent names sizes below limit only and is well formed.
func (v *verifier) dim(o *Op, d *Dim, limit int) {
	switch {
	case d == nil || d.Op > DimCdiv:
		v.fail(o, ruleErr("V14", "an extent is malformed"))
	case d.Op == DimSize && (d.Size < 0 || d.Size >= limit):
		v.fail(o, ruleErr("V14", "an extent names size %d of %d", d.Size, limit))
	case d.Op > DimSize:
		v.dim(o, d.X, limit)
		v.dim(o, d.Y, limit)
	}
}

// region checks a region, whose arguments' types it checks where owner, the operation around it, stands.
func (v *verifier) region(r *Region, owner *Op) {
	if r.Parent != owner {
		v.fail(owner, ruleErr("V12", "a region's parent is another operation"))
	}
	var mine []*Value
	define := func(x *Value) {
		v.seen[x] = true
		mine = append(mine, x)
	}
	for i, a := range r.Args {
		if a.Region != r || a.Index != i || a.Def != nil {
			v.fail(owner, ruleErr("V12", "argument %d of a region is linked to another place", i))
		}
		v.typ(owner, a.Type, "V2")
		define(a)
	}
	for i, o := range r.Ops {
		if v.full() {
			break
		}
		if o.Parent != r {
			v.fail(o, ruleErr("V12", "its parent is another region"))
		}
		if (o.Code == Yield) != (i == len(r.Ops)-1) {
			v.fail(o, ruleErr("V12", "a region ends with its only yield"))
		}
		v.op(o)
		for _, x := range o.Results {
			define(x)
		}
	}
	if len(r.Ops) == 0 {
		v.fail(owner, ruleErr("V12", "a region without yield"))
	}
	for _, x := range mine {
		delete(v.seen, x)
	}
}

// typ checks the axes and extents of a type where o stands; rule is the rule that a span out of scope breaks.
func (v *verifier) typ(o *Op, t Type, rule string) {
	switch t.Kind {
	case Tile:
		n := int64(1)
		for i, a := range t.Axes {
			switch {
			case a.Span == nil || a.Span.Type.Kind != Span:
				v.fail(o, ruleErr("V2", "axis %d of %s is no span", i, t))
				return
			case !v.seen[a.Span]:
				v.fail(o, ruleErr(rule, "axis %s of %s is not in scope", nameOf(a.Span), t))
			case a.Extent != a.Span.Type.Width:
				v.fail(o, ruleErr("V2", "axis %s of %s has width %d", nameOf(a.Span), t, a.Span.Type.Width))
			case t.Axis(a.Span) != i:
				v.fail(o, ruleErr("V2", "axis %s occurs twice in %s", nameOf(a.Span), t))
			}
			if a.Extent > 0 && n > MaxTile/a.Extent {
				v.fail(o, ruleErr("V2", "%s has more than %d positions", t, int64(MaxTile)))
				return
			}
			n *= max(a.Extent, 1)
		}
		if len(t.Axes) == 0 {
			v.fail(o, ruleErr("V2", "a tile without axes"))
		}
		v.place(o, t)
	case Tensor:
		for _, d := range t.Dims {
			v.dim(o, d, len(v.f.Sizes))
		}
	case Span:
		if t.Width < 0 || t.Width > MaxTile {
			v.fail(o, ruleErr("V2", "%s is wider than %d", t, int64(MaxTile)))
		}
	case Scalar:
	case Chan, Slot:
		v.ring(o, t)
	default:
		v.fail(o, ruleErr("V3", "a value without type"))
	}
	if t.Kind != Span && t.Kind != None && !t.Elem.Valid() {
		v.fail(o, ruleErr("V7", "an unknown element type"))
	}
}

// op checks one operation and what is inside it.
func (v *verifier) op(o *Op) {
	s := o.Code.Spec()
	if s == nil || s.Stages&ValueStage == 0 && !v.placed {
		v.fail(o, ruleErr("V0", "no operation of the value stage"))
		return
	}
	before := len(v.errs)
	if err := checkCounts(o); err != nil {
		v.fail(o, err)
		return
	}
	for _, x := range o.Operands {
		if !v.seen[x] {
			v.fail(o, ruleErr("V1", "operand %s is not defined here", nameOf(x)))
		}
	}
	for _, x := range o.Axes {
		if !v.seen[x] {
			v.fail(o, ruleErr("V2", "axis %s is not in scope", nameOf(x)))
		}
	}
	if o.Parent != v.f.Body && (o.Code == Parallel || o.Code == Temp || o.Code == Resident || o.Code == Require) {
		v.fail(o, ruleErr("V10", "%s stands at the top of a function only", s.Name))
	}
	if len(v.errs) > before {
		return
	}
	rule := "V2"
	if len(o.Regions) > 0 {
		rule = "V5"
	}
	for i, x := range o.Results {
		if x.Def != o || x.Index != i || x.Region != nil {
			v.fail(o, ruleErr("V12", "result %d is linked to another place", i))
		}
		v.typ(o, x.Type, rule)
	}
	types, err := s.Rule(o)
	switch {
	case err != nil:
		v.fail(o, err)
	case len(types) != len(o.Results):
		v.fail(o, ruleErr("V12", "%d results, %d expected", len(o.Results), len(types)))
	default:
		for i, t := range types {
			if !fits(o, t, o.Results[i].Type) {
				v.fail(o, ruleErr("V3", "result %d is a %s and must be a %s", i, o.Results[i].Type, t))
			}
		}
	}
	if o.Code == Store || o.Code == Atomic {
		if p := v.f.ParamOf(o.Operands[0]); p != nil && p.Role == In {
			v.fail(o, ruleErr("V13", "%s is an input", p.Name))
		}
	}
	if len(v.errs) > before {
		return
	}
	around, warps := v.role, v.warps
	if o.Code == RoleOf {
		v.role, v.warps = o, o.Int("warps")
	}
	for _, r := range o.Regions {
		v.region(r, o)
	}
	v.role, v.warps = around, warps
	if len(v.errs) == before && o.Code == Scan && o.AllEffects()&(Reads|Writes|IO|Asserts) != 0 {
		v.fail(o, ruleErr("V13", "the function of a scan does more than compute"))
	}
	if s.Verify != nil && len(v.errs) == before {
		if err := s.Verify(o); err != nil {
			v.fail(o, err)
		}
	}
	if v.placed && len(v.errs) == before {
		v.placedOp(o)
	}
	if len(v.errs) == before {
		v.channelOp(o)
	}
}

// checkCounts checks what result rules rely on: counts, no part missing, axes that are spans, and attributes.
func checkCounts(o *Op) error {
	s := o.Code.Spec()
	switch {
	case slices.Contains(o.Operands, nil) || slices.Contains(o.Axes, nil) || slices.Contains(o.Results, nil) || slices.Contains(o.Regions, nil):
		return ruleErr("V12", "a part is missing")
	case len(o.Operands) < s.Min || s.Max >= 0 && len(o.Operands) > s.Max:
		return ruleErr("V12", "%d operands", len(o.Operands))
	case s.Axes >= 0 && len(o.Axes) != s.Axes || s.Axes < 0 && len(o.Axes) == 0:
		return ruleErr("V12", "%d axes", len(o.Axes))
	case s.Results >= 0 && len(o.Results) != s.Results:
		return ruleErr("V12", "%d results", len(o.Results))
	case s.Regions >= 0 && len(o.Regions) != s.Regions || len(o.Regions) > 2:
		return ruleErr("V12", "%d regions", len(o.Regions))
	}
	for _, x := range o.Axes {
		if x.Type.Kind != Span {
			return ruleErr("V2", "axis %s is a %s, not a span", nameOf(x), x.Type)
		}
	}
	return checkAttrs(o, s)
}

func checkAttrs(o *Op, s *Spec) error {
	for i, a := range o.Attrs {
		spec := s.attr(a.Key)
		if spec == nil {
			return ruleErr("V11", "unknown attribute %s", a.Key)
		}
		if i > 0 && o.Attrs[i-1].Key >= a.Key {
			return ruleErr("V11", "attributes are not in the order of their keys")
		}
		rule := "V11"
		if a.Key == "mode" {
			rule = "V8"
		}
		if !spec.Kind.holds(a.Val) {
			return ruleErr(rule, "attribute %s is a %T", a.Key, a.Val)
		}
		if w, ok := a.Val.(string); ok && spec.Words != nil && !slices.Contains(spec.Words, w) {
			return ruleErr(rule, "attribute %s is %q, not one of %v", a.Key, w, spec.Words)
		}
	}
	for _, spec := range s.Attrs {
		if spec.Required && o.Attr(spec.Key) == nil {
			rule := "V11"
			if spec.Key == "mode" {
				rule = "V8"
			}
			return ruleErr(rule, "attribute %s is missing", spec.Key)
		}
	}
	return nil
}

// holds reports whether val is an attribute value of the kind.
func (k AttrKind) holds(val any) bool {
	switch val.(type) {
	case int64:
		return k == IntAttr || k == NumberAttr
	case float64:
		return k == FloatAttr || k == NumberAttr
	case bool:
		return k == BoolAttr
	case string:
		return k == StrAttr
	case []int64:
		return k == IntsAttr
	case dtype.Type:
		return k == TypeAttr
	}
	return false
}

// bounds checks operands lo, hi of a loop or phase.
func bounds(vs []*Value) error {
	for _, x := range vs {
		if !x.Type.IsIndex() {
			return ruleErr("V3", "a bound is a %s, not an i64", x.Type)
		}
	}
	return nil
}

// bindings checks what binds: args are the first of a region, by their widths.
func bindings(args []*Value, by []int64) error {
	for i, w := range by {
		if w < 0 || w > MaxTile {
			return ruleErr("V11", "by %d", w)
		}
		if !args[i].Type.Equal(bound(w)) {
			return ruleErr("V9", "argument %d is a %s and must be a %s", i, args[i].Type, bound(w))
		}
	}
	return nil
}

func verifyParallel(o *Op) error {
	by := o.Ints("by")
	args := o.Regions[0].Args
	if len(o.Operands) != 2*len(by) || len(args) != len(by) {
		return ruleErr("V12", "%d bounds and %d arguments for %d bindings", len(o.Operands), len(args), len(by))
	}
	if err := bounds(o.Operands); err != nil {
		return err
	}
	if err := bindings(args, by); err != nil {
		return err
	}
	return yields(o.Regions[0], nil, false)
}

func verifyFor(o *Op) error {
	args := o.Regions[0].Args
	if err := bounds(o.Operands[:2]); err != nil {
		return err
	}
	if len(args) == 0 {
		return ruleErr("V12", "the region has no index")
	}
	if err := bindings(args, []int64{o.Int("by")}); err != nil {
		return err
	}
	return carries(o, o.Operands[2:], args[1:], o.Regions[0])
}

func verifyWhile(o *Op) error {
	cond := o.Regions[0]
	if err := sameTypes("argument of the condition", cond.Args, o.Results); err != nil {
		return err
	}
	if y := cond.Yield(); len(y.Operands) != 1 || !y.Operands[0].Type.IsBool() || y.Flag("breaks") {
		return ruleErr("V9", "the condition yields a bool")
	}
	return carries(o, o.Operands, o.Regions[1].Args, o.Regions[1])
}

// carries checks initial values, region arguments, yielded values and results against one another.
func carries(o *Op, inits, args []*Value, r *Region) error {
	if err := sameTypes("initial value", inits, o.Results); err != nil {
		return err
	}
	if err := sameTypes("carried argument", args, o.Results); err != nil {
		return err
	}
	return yields(r, o.Results, true)
}

func verifyIf(o *Op) error {
	if !o.Operands[0].Type.IsBool() {
		return ruleErr("V3", "the condition is a %s, not a bool", o.Operands[0].Type)
	}
	for _, r := range o.Regions {
		if len(r.Args) != 0 {
			return ruleErr("V12", "an arm has arguments")
		}
		if err := yields(r, o.Results, false); err != nil {
			return err
		}
	}
	return nil
}

func verifyScan(o *Op) error {
	if len(o.Regions) == 0 {
		return nil
	}
	var elems []*Value // what the region takes is what it gives
	elems = append(elems, o.Regions[0].Args[:len(o.Operands)]...)
	return yields(o.Regions[0], elems, false)
}

func verifyYield(o *Op) error {
	if o.Flag("breaks") {
		if n := len(o.Operands); n == 0 || !o.Operands[n-1].Type.IsBool() {
			return ruleErr("V9", "the operand that breaks is no bool")
		}
	}
	return nil
}

func verifyCondition(o *Op) error {
	t := o.Operands[0].Type
	if !t.Data() || t.Elem != dtype.Bool || o.Code == Require && t.Kind != Scalar {
		return ruleErr("V3", "the condition is a %s", t)
	}
	return nil
}

func verifyPrint(o *Op) error {
	for _, x := range o.Operands {
		if !x.Type.Data() && x.Type.Kind != Span {
			return ruleErr("V3", "print of a %s", x.Type)
		}
	}
	return nil
}

// yields checks that a region's yield gives values of the types of vs.
func yields(r *Region, vs []*Value, mayBreak bool) error {
	given, stop := r.Yield().Yielded()
	if stop != nil && !mayBreak {
		return ruleErr("V9", "only a loop's yield breaks")
	}
	return sameTypes("yielded value", given, vs)
}

func sameTypes(what string, have, need []*Value) error {
	if len(have) != len(need) {
		return ruleErr("V9", "%d of %s, %d expected", len(have), what, len(need))
	}
	for i := range have {
		if !have[i].Type.Equal(need[i].Type) {
			return ruleErr("V9", "%s %d is a %s and must be a %s", what, i, have[i].Type, need[i].Type)
		}
	}
	return nil
}
