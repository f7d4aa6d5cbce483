package emit

import (
	"slices"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// contract emits a product of matrices, or an operation on a channel.
func (e *emitter) contract(o *ir.Op) {
	switch o.Code {
	case ir.Contract:
		if overNothing(o) {
			e.nothing(o)
		} else if o.Str("atom") != "" {
			e.mma(o)
		} else if !e.dot(o) {
			e.product(o)
		}
	case ir.ChanOf:
		e.channel(o)
	case ir.Acquire:
		e.acquire(o)
	case ir.Copy:
		e.copyIn(o)
	case ir.Commit:
		e.commit(o)
	case ir.Take:
		e.take(o)
	case ir.View:
		e.seen(o)
	case ir.Release:
		e.release(o)
	default:
		e.fail("%s is not compiled", o.Code)
	}
}

// overNothing reports whether a contraction sums over an axis without indices.
func overNothing(o *ir.Op) bool {
	for _, v := range o.Operands[:2] {
		for _, a := range v.Type.Axes {
			if a.Extent == 0 && slices.Contains(o.Axes, a.Span) {
				return true
			}
		}
	}
	return false
}

// nothing emits a contraction that adds nothing.
func (e *emitter) nothing(o *ir.Op) {
	if _, _, _, _, acc := o.ContractParts(); acc != nil {
		e.set(o.Result(), e.copyOf(e.value(acc)))
		return
	}
	elems := make([]asm.Arg, e.place(o.Result().Type).slots)
	for i := range elems {
		elems[i] = code(o.Result().Type.Elem, 0)
	}
	e.set(o.Result(), &value{elems: elems})
}

// sumType is the type that a contraction multiplies and adds in: f32 or f64, or a signed integer of 32 or 64 bits, whose low
// bits are those of the exact sum.
func sumType(o *ir.Op) dtype.Type {
	t := o.Result().Type.Elem
	if t.IsFloat() {
		for _, v := range o.Operands {
			if v.Type.Elem == dtype.F64 {
				return dtype.F64
			}
		}
		if t == dtype.F64 {
			return t
		}
		return dtype.F32
	}
	if t.Bits() > 32 {
		return dtype.I64
	}
	return dtype.I32
}

// converted is an element of a type as one of a sum's type, which holds it, or its low bits.
func (e *emitter) converted(x asm.Arg, from, to dtype.Type) asm.Arg {
	b := e.b
	if k, ok := x.IntValue(); ok && to == dtype.F32 && from.IsFloat() {
		return asm.F32(float32(from.Decode(uint64(k))))
	}
	switch {
	case from == to:
		return x
	case to.IsInt() && from.IsInt() && from.Bits() > 32 && to.Bits() <= 32:
		return b.Narrow(x)
	case to.IsInt() && from.IsInt() && (from.Bits() <= 32) == (to.Bits() <= 32):
		return x
	case to == dtype.I64 && from.IsInt() && from.Signed:
		return b.Widen(x)
	case to == dtype.I64 && from.IsInt():
		return asm.R(b.Pure("cvt.u64.u32", asm.D, x))
	case from == dtype.BF16 && to == dtype.F32:
		return b.Shl(asm.W, x, 16)
	}
	return e.cast(from, to, dtype.Default, x)
}

// wrapped is a sum as an element of an integer type: its low bits, extended.
func (e *emitter) wrapped(x asm.Arg, t dtype.Type) asm.Arg {
	n := t.Bits()
	if n >= 32 {
		return x
	}
	if k, ok := x.IntValue(); ok {
		return asm.Int(t.DecodeInt(uint64(k) & (1<<n - 1)))
	}
	kind := "u32"
	if t.Signed {
		kind = "s32"
	}
	return asm.R(e.b.Pure("bfe."+kind, asm.W, x, asm.Int(0), asm.Int(int64(n))))
}
