package emit

import (
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
)

// operation emits one operation. Files: control.go, memory.go (tensors), arith.go and math.go (elementwise), shape.go
// (broadcasts, indices, conversions of layout), across.go (along an axis), contract.go (matrix products, channels).
func (e *emitter) operation(o *ir.Op) {
	if o.Pos.Line > 0 {
		e.b.Pos = o.Pos
	}
	switch o.Code {
	case ir.For:
		e.around(o, func() { e.loop(o) })
	case ir.While:
		e.around(o, func() { e.while(o) })
	case ir.If:
		e.around(o, func() { e.branch(o) })
	case ir.Const:
		e.constant(o)
	case ir.SpanOf:
		v := e.span(o.Result().Type, e.scalar(o.Operands[0]), e.scalar(o.Operands[1]))
		if wholeSpan(o) {
			v.n, v.full = asm.Int(o.Result().Type.Width), true
		}
		e.set(o.Result(), v)
	case ir.SpanCopy:
		e.set(o.Result(), e.copyOf(e.value(o.Axes[0])))
	case ir.Convert:
		if x := e.value(o.Operands[0]); x.slots != nil && x.view == nil {
			e.readSlot(o, x)
		} else if o.Operands[0].Type.Shared != nil {
			e.fromShared(o)
		} else {
			e.shape(o)
		}
	case ir.SpanCat, ir.SpanLo, ir.SpanHi, ir.Iota, ir.Affine, ir.Bcast, ir.Rebind:
		e.shape(o)
	case ir.Load, ir.Store, ir.Atomic, ir.Assert, ir.Print:
		e.memory(o)
	case ir.Arrive:
		e.arrive(o)
	case ir.Reduce, ir.Scan, ir.Topk, ir.Sort, ir.Lookup, ir.Scatter, ir.Cat, ir.Pack, ir.Unpack:
		e.across(o)
	case ir.SharedOf:
		e.sharedTensor(o)
	case ir.PinTo:
		e.set(o.Result(), e.copyOf(e.value(o.Operands[0])))
	case ir.AsmOf:
		e.instructions(o)
	case ir.RoleOf:
		e.roles(o)
	case ir.Turn:
		e.around(o, func() { e.turn(o) })
	case ir.ChanOf, ir.Acquire, ir.Put, ir.Commit, ir.Take, ir.View, ir.Release:
		if e.slotOperation(o) {
			return
		}
		e.contract(o)
	case ir.Contract, ir.Copy:
		e.contract(o)
	default:
		if !o.Code.Spec().Elementwise() {
			e.fail("%s is not compiled", o.Code)
		}
		e.elementwise(o)
	}
}

// wholeSpan reports whether a span ends at its beginning plus at least its width, as it is written.
func wholeSpan(o *ir.Op) bool {
	lo, hi := o.Operands[0], o.Operands[1]
	if hi.Def == nil || hi.Def.Code != ir.Add || hi.Def.Operands[0] != lo {
		return false
	}
	k, ok := hi.Def.Operands[1].ConstInt()
	return ok && k >= o.Result().Type.Width
}
