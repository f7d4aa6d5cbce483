// Package llx builds LLVM IR with llir/llvm, adding the little that llir lacks: opaque pointers, bfloat and AMX types,
// float constants that are rounded rather than cut, attributes, intrinsics declared where they are called, and
// structured loops.
//
// In go calls on a [B], which appends to the current block of one function; out comes a module whose text LLVM 16 and
// later read. It always holds that integer arithmetic on constants is done here, so that what is known when compiling
// is a constant in the text.
package llx

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/llir/llvm/ir"
	"github.com/llir/llvm/ir/constant"
	"github.com/llir/llvm/ir/types"
	"github.com/llir/llvm/ir/value"
)

// Value is an operand of an instruction.
type Value = value.Value

// Type is an LLVM type.
type Type = types.Type

// textType is a type that llir does not have, known by its text.
type textType struct{ text string }

func (t *textType) String() string      { return t.text }
func (t *textType) LLString() string    { return t.text }
func (t *textType) Name() string        { return "" }
func (t *textType) SetName(name string) {}
func (t *textType) Equal(u types.Type) bool {
	o, ok := u.(*textType)
	return ok && o.text == t.text
}

// The scalar types.
var (
	Ptr    Type = &textType{"ptr"}
	BFloat Type = &textType{"bfloat"}
	AMX    Type = &textType{"x86_amx"}
	Void        = types.Void
	I1          = types.I1
	I8          = types.I8
	I16         = types.I16
	I32         = types.I32
	I64         = types.I64
	Half        = types.Half
	Float       = types.Float
	Double      = types.Double
)

// IntType is the integer type of n bits.
func IntType(n int) *types.IntType { return types.NewInt(uint64(n)) }

// Vec is t for one lane, else a vector of lanes of t.
func Vec(t Type, lanes int) Type {
	if lanes == 1 {
		return t
	}
	if x, ok := t.(*textType); ok {
		return &textType{fmt.Sprintf("<%d x %s>", lanes, x.text)}
	}
	return types.NewVector(uint64(lanes), t)
}

// Lanes is the number of elements of a vector type, 1 of any other.
func Lanes(t Type) int {
	if v, ok := t.(*types.VectorType); ok {
		return int(v.Len)
	}
	if v, ok := t.(*textType); ok && strings.HasPrefix(v.text, "<") {
		n := 0
		fmt.Sscanf(v.text, "<%d", &n)
		return n
	}
	return 1
}

// Elem is the element type of a vector type, t itself of any other.
func Elem(t Type) Type {
	if v, ok := t.(*types.VectorType); ok {
		return v.ElemType
	}
	if v, ok := t.(*textType); ok && strings.HasPrefix(v.text, "<") {
		_, elem, _ := strings.Cut(strings.TrimSuffix(v.text, ">"), " x ")
		return &textType{elem}
	}
	return t
}

// pointer presents a value that llir types as a typed pointer as an opaque one.
type pointer struct{ value.Value }

func (p pointer) Type() types.Type { return Ptr }
func (p pointer) String() string   { return "ptr " + p.Value.Ident() }

// Int is a constant of an integer type.
func Int(t Type, v int64) constant.Constant {
	if t.Equal(I1) {
		return constant.NewBool(v&1 != 0)
	}
	return constant.NewInt(t.(*types.IntType), v)
}

// C64 is an i64 constant.
func C64(v int64) Value { return constant.NewInt(types.I64, v) }

// C32 is an i32 constant.
func C32(v int64) Value { return constant.NewInt(types.I32, v) }

// floatText is a float or double constant as LLVM writes one exactly: the bits of the double of the same value.
type floatText struct {
	t    Type
	bits uint64
}

func (c *floatText) IsConstant()      {}
func (c *floatText) Type() types.Type { return c.t }
func (c *floatText) Ident() string    { return fmt.Sprintf("0x%016X", c.bits) }
func (c *floatText) String() string   { return c.t.String() + " " + c.Ident() }

// F32 is a float constant, rounded to nearest even.
func F32(v float64) Value {
	return &floatText{types.Float, math.Float64bits(float64(float32(v)))}
}

// F64 is a double constant.
func F64(v float64) Value { return &floatText{types.Double, math.Float64bits(v)} }

// splatText is a vector constant whose lanes are one constant.
type splatText struct {
	t    Type
	elem constant.Constant
}

func (c *splatText) IsConstant()      {}
func (c *splatText) Type() types.Type { return c.t }
func (c *splatText) Ident() string {
	one := c.elem.Type().String() + " " + c.elem.Ident()
	return "<" + strings.TrimSuffix(strings.Repeat(one+", ", Lanes(c.t)), ", ") + ">"
}
func (c *splatText) String() string { return c.t.String() + " " + c.Ident() }

// vectorText is a vector constant of any lanes.
type vectorText struct {
	t    Type
	list []Value
}

func (c *vectorText) IsConstant()      {}
func (c *vectorText) Type() types.Type { return c.t }
func (c *vectorText) Ident() string {
	parts := make([]string, len(c.list))
	for i, v := range c.list {
		parts[i] = v.Type().String() + " " + v.Ident()
	}
	return "<" + strings.Join(parts, ", ") + ">"
}
func (c *vectorText) String() string { return c.t.String() + " " + c.Ident() }

// maskText is the constant of the lanes that a shuffle picks, -1 for any.
type maskText struct {
	t     Type
	lanes []int
}

func (c *maskText) IsConstant()      {}
func (c *maskText) Type() types.Type { return c.t }
func (c *maskText) String() string   { return c.t.String() + " " + c.Ident() }
func (c *maskText) Ident() string {
	text, zero := []byte("<"), true
	for i, k := range c.lanes {
		if i > 0 {
			text = append(text, ", "...)
		}
		zero = zero && k == 0
		if k < 0 {
			text = append(text, "i32 poison"...)
			continue
		}
		text = strconv.AppendInt(append(text, "i32 "...), int64(k), 10)
	}
	if zero {
		return "zeroinitializer"
	}
	return string(append(text, '>'))
}

// VecConst is a constant vector of the given scalar constants, all of one type; of one, that itself.
func VecConst(list []Value) Value {
	if len(list) == 1 {
		return list[0]
	}
	return &vectorText{Vec(list[0].Type(), len(list)), list}
}

// Ints is a constant vector of integers.
func Ints(t Type, list ...int64) Value {
	vs := make([]Value, len(list))
	for i, v := range list {
		vs[i] = Int(t, v)
	}
	return VecConst(vs)
}

// Undef is an undefined value.
func Undef(t Type) Value { return &wordText{t, "poison"} }

// Zero is the value of t whose bits are all 0.
func Zero(t Type) Value { return &wordText{t, "zeroinitializer"} }

// Null is the null pointer.
func Null() Value { return &wordText{Ptr, "null"} }

type wordText struct {
	t    Type
	word string
}

func (c *wordText) IsConstant()      {}
func (c *wordText) Type() types.Type { return c.t }
func (c *wordText) Ident() string    { return c.word }
func (c *wordText) String() string   { return c.t.String() + " " + c.word }

// ConstInt is the value of an integer constant.
func ConstInt(v Value) (int64, bool) {
	switch c := v.(type) {
	case *constant.Int:
		if !c.X.IsInt64() {
			return 0, false
		}
		return c.X.Int64(), true
	case *splatText:
		return 0, false
	}
	return 0, false
}

// Module is a module under construction.
type Module struct {
	M        *ir.Module
	declared map[string]*ir.Func
	places   *places // nil if nothing is said of them
}

// NewModule makes an empty module.
func NewModule(triple string) *Module {
	m := &Module{M: ir.NewModule(), declared: map[string]*ir.Func{}}
	m.M.TargetTriple = triple
	return m
}

// declare finds or makes the declaration of a function.
func (m *Module) declare(name string, ret Type, args []Value) *ir.Func {
	if f := m.declared[name]; f != nil {
		return f
	}
	params := make([]*ir.Param, len(args))
	for i, a := range args {
		params[i] = ir.NewParam("", a.Type())
	}
	f := m.M.NewFunc(name, ret, params...)
	m.declared[name] = f
	return f
}

// Func begins the definition of a function. Its parameters are fn.Params. Attributes are strings such as
// "alwaysinline", or key and value as "target-cpu"="x86-64-v3".
func (m *Module) Func(name string, ret Type, params []*ir.Param, attrs ...ir.FuncAttribute) *B {
	f := m.M.NewFunc(name, ret, params...)
	f.FuncAttrs = append(f.FuncAttrs, attrs...)
	m.declared[name] = f
	b := &B{M: m, Fn: f}
	b.entry = f.NewBlock("entry")
	b.Cur = b.entry
	return b
}

// Param is a parameter of a function with attributes such as "noalias".
func Param(name string, t Type, attrs ...string) *ir.Param {
	p := ir.NewParam(name, t)
	for _, a := range attrs {
		p.Attrs = append(p.Attrs, word(a))
	}
	return p
}

// word is an attribute that is one word.
type word string

func (w word) String() string    { return string(w) }
func (w word) IsParamAttribute() {}
func (w word) IsFuncAttribute()  {}

// Word is a function attribute that is one word, such as nounwind.
func Word(s string) ir.FuncAttribute { return word(s) }

// Attr is a function attribute of a key and a value.
func Attr(key, val string) ir.FuncAttribute { return ir.AttrPair{Key: key, Value: val} }

// Table makes a private constant array of bytes, aligned to 64, and gives its address.
func (m *Module) Table(name string, data []byte) Value {
	g := m.M.NewGlobalDef(name, constant.NewCharArray(data))
	g.Immutable = true
	g.Align = 64
	g.Linkage = 0
	return globalPointer{g}
}

type globalPointer struct{ g *ir.Global }

func (p globalPointer) IsConstant()      {}
func (p globalPointer) Type() types.Type { return Ptr }
func (p globalPointer) Ident() string    { return p.g.Ident() }
func (p globalPointer) String() string   { return "ptr " + p.g.Ident() }
