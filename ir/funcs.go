package ir

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/tilec/tilec/ir/dtype"
)

// NewFunc makes a function with an argument for each size (i64) and parameter, and an empty body.
func NewFunc(name string, sizes []*Size, params []*Param, pos Pos) *Func {
	f := &Func{Name: name, Sizes: sizes, Params: params, Body: &Region{}, Pos: pos}
	for _, s := range sizes {
		f.Body.AddArg(s.Name, ScalarType(dtype.I64))
	}
	for _, p := range params {
		f.Body.AddArg(p.Name, p.Type)
	}
	return f
}

// SizeArg is the i64 argument that holds size i.
func (f *Func) SizeArg(i int) *Value { return f.Body.Args[i] }

// ParamArg is the argument that holds parameter i.
func (f *Func) ParamArg(i int) *Value { return f.Body.Args[len(f.Sizes)+i] }

// Size finds a size by its name, or returns -1.
func (f *Func) Size(name string) int {
	return slices.IndexFunc(f.Sizes, func(s *Size) bool { return s.Name == name })
}

// Param finds a parameter by its name, or returns -1.
func (f *Func) Param(name string) int {
	return slices.IndexFunc(f.Params, func(p *Param) bool { return p.Name == name })
}

// ParamOf is the parameter whose argument v is, nil if v is anything else (a temp, say).
func (f *Func) ParamOf(v *Value) *Param {
	if v.Region != f.Body || v.Def != nil {
		return nil
	}
	if i := v.Index - len(f.Sizes); i >= 0 && i < len(f.Params) {
		return f.Params[i]
	}
	return nil
}

// Number gives every value its ID, 0, 1, … in the order of definition, arguments of a region before its operations,
// and returns how many there are.
func (f *Func) Number() int {
	n := 0
	var walk func(r *Region)
	walk = func(r *Region) {
		for _, v := range r.Args {
			v.ID = n
			n++
		}
		for _, o := range r.Ops {
			for _, q := range o.Regions {
				walk(q)
			}
			for _, v := range o.Results {
				v.ID = n
				n++
			}
		}
	}
	walk(f.Body)
	return n
}

// AddArg appends an argument to the region.
func (r *Region) AddArg(name string, t Type) *Value {
	v := &Value{Name: name, Type: t, Region: r, Index: len(r.Args)}
	r.Args = append(r.Args, v)
	return v
}

// Yield is the operation that ends the region, nil while it is being built.
func (r *Region) Yield() *Op {
	if n := len(r.Ops); n > 0 && r.Ops[n-1].Code == Yield {
		return r.Ops[n-1]
	}
	return nil
}

// Yielded are the values that a Yield passes out and, if it has attr breaks, the bool that ends the loop, else nil.
func (o *Op) Yielded() (values []*Value, stop *Value) {
	if n := len(o.Operands); n > 0 && o.Flag("breaks") {
		return o.Operands[:n-1], o.Operands[n-1]
	}
	return o.Operands, nil
}

// Walk calls visit for every operation of the region and of the regions inside it, an operation before what is in it.
// The region being walked may not be changed by visit.
func (r *Region) Walk(visit func(*Op)) {
	for _, o := range r.Ops {
		visit(o)
		for _, q := range o.Regions {
			q.Walk(visit)
		}
	}
}

// Walk calls visit for every operation of the function.
func (f *Func) Walk(visit func(*Op)) { f.Body.Walk(visit) }

// Values calls visit for every value of the function, in the order of Number.
func (f *Func) Values(visit func(*Value)) { f.Body.values(visit) }

func (r *Region) values(visit func(*Value)) {
	for _, v := range r.Args {
		visit(v)
	}
	for _, o := range r.Ops {
		for _, q := range o.Regions {
			q.values(visit)
		}
		for _, v := range o.Results {
			visit(v)
		}
	}
}

// Result is the operation's only result.
func (o *Op) Result() *Value { return o.Results[0] }

// Attr is the value of an attribute, nil if the operation lacks it.
func (o *Op) Attr(key string) any {
	for i := range o.Attrs {
		if o.Attrs[i].Key == key {
			return o.Attrs[i].Val
		}
	}
	return nil
}

// Int is an int64 attribute, 0 if absent.
func (o *Op) Int(key string) int64 {
	v, _ := o.Attr(key).(int64)
	return v
}

// Float is a float64 attribute, 0 if absent.
func (o *Op) Float(key string) float64 {
	v, _ := o.Attr(key).(float64)
	return v
}

// Str is a string attribute, empty if absent.
func (o *Op) Str(key string) string {
	v, _ := o.Attr(key).(string)
	return v
}

// Flag is a bool attribute, false if absent.
func (o *Op) Flag(key string) bool {
	v, _ := o.Attr(key).(bool)
	return v
}

// Ints is a []int64 attribute, nil if absent. The slice belongs to the operation.
func (o *Op) Ints(key string) []int64 {
	v, _ := o.Attr(key).([]int64)
	return v
}

// SetAttr adds or replaces an attribute and keeps the order of keys.
func (o *Op) SetAttr(key string, val any) {
	i, found := slices.BinarySearchFunc(o.Attrs, key, func(a Attr, k string) int { return cmp.Compare(a.Key, k) })
	if found {
		o.Attrs[i].Val = val
		return
	}
	o.Attrs = slices.Insert(o.Attrs, i, Attr{key, val})
}

// DropAttr removes an attribute.
func (o *Op) DropAttr(key string) {
	o.Attrs = slices.DeleteFunc(o.Attrs, func(a Attr) bool { return a.Key == key })
}

// ConstInt is the value of an integer or bool constant; ok is false for anything else.
func (v *Value) ConstInt() (k int64, ok bool) {
	if v.Def == nil || v.Def.Code != Const {
		return 0, false
	}
	k, ok = v.Def.Attr("value").(int64)
	return k, ok
}

// ConstFloat is the value of a float constant; ok is false for anything else.
func (v *Value) ConstFloat() (x float64, ok bool) {
	if v.Def == nil || v.Def.Code != Const {
		return 0, false
	}
	x, ok = v.Def.Attr("value").(float64)
	return x, ok
}

// IsZero reports whether v is the constant 0, all of whose bits are 0, or a tile of it.
func (v *Value) IsZero() bool {
	for v.Def != nil && v.Def.Code == Bcast {
		v = v.Def.Operands[0]
	}
	if k, ok := v.ConstInt(); ok {
		return k == 0
	}
	x, ok := v.ConstFloat()
	return ok && math.Float64bits(x) == 0
}

// SubscriptAxes are the axes that v brings as a subscript: none for a scalar, itself for a span, its own for a tile.
func (v *Value) SubscriptAxes() []Axis {
	switch v.Type.Kind {
	case Span:
		return []Axis{AxisOf(v)}
	case Tile:
		return v.Type.Axes
	}
	return nil
}

// String is file:line:col, as much of it as is known.
func (p Pos) String() string {
	switch {
	case p.Line == 0 && p.File == "":
		return "-"
	case p.Line == 0:
		return p.File
	case p.Col == 0:
		return p.File + ":" + strconv.Itoa(p.Line)
	}
	return p.File + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Col)
}

// Error is something wrong with a function: what the verifier finds and what the builder panics with. Rule is the
// verifier's rule (V1 …); Op the operation's text, if one is to blame.
type Error struct {
	Rule string
	Func string
	Op   string
	Pos  Pos
	Msg  string
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s: %s: %s", e.Pos, e.Rule, e.Msg)
	if e.Func != "" {
		s += " in @" + e.Func
	}
	if e.Op != "" {
		s += ": " + e.Op
	}
	return s
}

// ruleErr is an Error without a place, as the rules in the operations table return it; who called them adds the place.
func ruleErr(rule, format string, args ...any) *Error {
	return &Error{Rule: rule, Msg: fmt.Sprintf(format, args...)}
}
