package llx

import (
	"math"

	"github.com/llir/llvm/ir"
	"github.com/llir/llvm/ir/constant"
	"github.com/llir/llvm/ir/enum"
	"github.com/llir/llvm/ir/types"
	"github.com/llir/llvm/ir/value"
)

// Choose gives what yes gives where the scalar c holds, else what no gives, and runs only that one. Both give values of
// one type.
func (b *B) Choose(c Value, yes, no func() Value) Value {
	if k, ok := c.(*constant.Int); ok {
		if k.X.Sign() != 0 {
			return yes()
		}
		return no()
	}
	then, other, end := b.Block("then"), b.Block("else"), b.Block("end")
	b.Branch(c, then, other)
	var x, y Value
	b.Cur = then
	b.scoped(func() { x = yes() })
	thenEnd := b.Cur
	b.Jump(end)
	b.Cur = other
	b.scoped(func() { y = no() })
	otherEnd := b.Cur
	b.Jump(end)
	b.Cur = end
	t := x.Type()
	phi := add(b, &ir.InstPhi{Incs: []*ir.Incoming{ir.NewIncoming(x, thenEnd), ir.NewIncoming(y, otherEnd)}, Typ: t})
	return asVector{phi, t}
}

// Indices is p + i·(size of t) for each lane of i: a vector of pointers.
func (b *B) Indices(t Type, p, i Value) Value {
	lanes := Lanes(i.Type())
	if lanes == 1 {
		return b.Index(t, p, i)
	}
	return asVector{add(b, &ir.InstGetElementPtr{ElemType: t, Src: p, Indices: []value.Value{i}, Typ: types.I8Ptr}), Vec(Ptr, lanes)}
}

// Any reports whether one of the lanes of an i1 vector holds.
func (b *B) Any(c Value) Value {
	n := Lanes(c.Type())
	if n == 1 {
		return c
	}
	t := IntType(n)
	return b.ICmp("ne", b.Bitcast(c, t), Int(t, 0))
}

// ConstLanes is the value of an integer constant, scalar or the same in all lanes.
func ConstLanes(v Value) (int64, bool) {
	if s, ok := v.(*splatText); ok {
		return ConstInt(s.elem)
	}
	return ConstInt(v)
}

// ConstReal is the value of a float constant, scalar or the same in all lanes.
func ConstReal(v Value) (float64, bool) {
	if s, ok := v.(*splatText); ok {
		v = s.elem
	}
	if f, ok := v.(*floatText); ok {
		return math.Float64frombits(f.bits), true
	}
	return 0, false
}

// Local finds the module's own function of a name, or makes it: define is given its builder, whose block it must end.
// What it makes is not seen outside of the module.
func (m *Module) Local(name string, ret Type, params []*ir.Param, define func(b *B)) {
	if m.declared[name] != nil {
		return
	}
	b := m.Func(name, ret, params, word("nounwind"))
	b.Fn.Linkage = enum.LinkageInternal
	define(b)
}
