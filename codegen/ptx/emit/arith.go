package emit

import (
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// constant makes the element of a constant.
func (e *emitter) constant(o *ir.Op) {
	t := o.Result().Type.Elem
	var x asm.Arg
	switch k := o.Attr("value").(type) {
	case int64:
		x = asm.Int(k)
	case float64:
		switch t {
		case dtype.F64:
			x = asm.F64(k)
		case dtype.F32:
			x = asm.F32(float32(k))
		default:
			x = asm.Int(int64(t.Encode(k, 0, 0)))
		}
	}
	e.set(o.Result(), &value{scalar: x})
}

// elementwise emits an operation for each slot.
func (e *emitter) elementwise(o *ir.Op) {
	args := make([]asm.Arg, len(o.Operands))
	at := func(slot int) asm.Arg {
		for i, v := range o.Operands {
			args[i] = e.elem(e.value(v), slot)
		}
		return e.apply(o, args)
	}
	if o.Result().Type.Kind == ir.Scalar {
		e.set(o.Result(), &value{scalar: at(0)})
		return
	}
	list := make([]asm.Arg, e.place(o.Result().Type).slots)
	for i := range list {
		list[i] = at(i)
	}
	e.set(o.Result(), &value{elems: list})
}

// apply is an elementwise operation on elements.
func (e *emitter) apply(o *ir.Op, x []asm.Arg) asm.Arg {
	e.fail("%s is not compiled", o.Code)
	return asm.Arg{}
}
