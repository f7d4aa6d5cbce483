package emit

import (
	"math"
	"sync"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/codegen/ptx/casts"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// This file has the operations on whole tiles of packed elements: arithmetic of f16 and bf16 two by two, and casts.

// packedMap is an elementwise operation on packed elements, nil where there is no code that is better than one element after
// the other.
func (e *emitter) packedMap(o *ir.Op) *value {
	r := o.Result().Type
	slots := e.place(r).slots
	if o.Code == ir.Cast {
		return e.packedCast(o, slots)
	}
	t := o.Operands[0].Type.Elem
	if t != r.Elem || t != dtype.F16 && t != dtype.BF16 || !packs(t, slots) {
		return nil
	}
	switch o.Code {
	case ir.Neg, ir.Abs, ir.Copysign, ir.Min, ir.Max, ir.MinNan, ir.MaxNan, ir.Relu, ir.Fma, ir.Add, ir.Sub, ir.Mul:
	default:
		return nil
	}
	some := false
	x := make([]*value, len(o.Operands))
	for i, v := range o.Operands {
		if x[i] = e.value(v); v.Type.Elem != t {
			return nil
		}
		some = some || x[i].words != nil
	}
	if !some {
		return nil
	}
	list := make([]asm.Arg, slots/2)
	args := make([]asm.Arg, len(x))
	packed := make([][]asm.Arg, len(x))
	for i, v := range x {
		packed[i] = e.words(v)
	}
	for k := range list {
		for i := range x {
			args[i] = packed[i][k]
		}
		y, ok := e.halfOp(o.Code, t, 2, args)
		if !ok {
			return nil
		}
		list[k] = y
	}
	return &value{words: list}
}

// packedCast is a cast of all elements of a tile at once.
func (e *emitter) packedCast(o *ir.Op, slots int) *value {
	from, to := o.Operands[0].Type.Elem, o.Result().Type.Elem
	x := e.value(o.Operands[0])
	if x.words != nil && from.Bits() <= 8 {
		if v := e.sequence(from, to, x.words, slots); v != nil {
			return v
		}
	}
	half := to == dtype.F16 || to == dtype.BF16
	switch {
	case half && packs(to, slots):
		list := e.singles(from, x, slots)
		if list == nil {
			return nil
		}
		how := "cvt.rn"
		if o.Str("round") == "rz" {
			how = "cvt.rz"
		}
		kind := ".f16x2.f32"
		if to == dtype.BF16 {
			kind = ".bf16x2.f32"
		}
		words := make([]asm.Arg, slots/2)
		for i := range words {
			words[i] = asm.R(e.b.Pure(how+kind, asm.W, list[2*i+1], list[2*i]))
		}
		return &value{words: words}
	case (to == dtype.I8 || to == dtype.U8) && packs(to, slots):
		if list := e.bytes(from, to, o.Str("overflow") == "wrap", x, slots); list != nil {
			return &value{words: list}
		}
	case to == dtype.F32 && x.words != nil && (from == dtype.F16 || from == dtype.BF16):
		return &value{elems: e.singles(from, x, slots)}
	}
	return nil
}

// bytes are the elements of a tile as packed bytes; nil of types that do not become words first.
func (e *emitter) bytes(from, to dtype.Type, wrap bool, x *value, slots int) []asm.Arg {
	float := from.IsFloat() && from != dtype.F64
	if !float && !from.IsInt() || from.Bits() > 32 || wrap && float || from == dtype.U32 && !wrap {
		return nil
	}
	b := e.b
	kind := "s8"
	if to == dtype.U8 {
		kind = "u8"
	}
	words := make([]asm.Arg, slots/4)
	for i := range words {
		var four [4]asm.Arg
		for j := range four {
			y := e.elem(x, 4*i+j)
			if float { // which saturates, and makes 0 of NaN
				y = asm.R(b.Pure("cvt.rzi.s32.f32", asm.W, e.single(from, y)))
			}
			four[j] = y
		}
		if wrap {
			words[i] = e.pack(8, four[:])
			continue
		}
		// Two saturate in one instruction, which shifts a third operand in above them.
		high := b.Pure("cvt.pack.sat."+kind+".s32.b32", asm.W, four[3], four[2], asm.Int(0))
		words[i] = asm.R(b.Pure("cvt.pack.sat."+kind+".s32.b32", asm.W, four[1], four[0], asm.R(high)))
	}
	return words
}

// singles are the elements of a tile as f32, exactly; nil of types of which f32 does not hold all values, and of f16 and
// bf16 that become each other.
func (e *emitter) singles(t dtype.Type, x *value, slots int) []asm.Arg {
	if !t.IsFloat() && (t.Bits() > 16 || !t.IsInt()) || t == dtype.F64 {
		return nil
	}
	b := e.b
	list := make([]asm.Arg, slots)
	for i := range list {
		if x.words != nil && t.Bits() == 16 && t.IsFloat() {
			w := x.words[i/2]
			r, isReg := w.Reg()
			switch {
			case !isReg:
			case t == dtype.BF16 && i%2 == 0:
				list[i] = b.Shl(asm.W, w, 16)
				continue
			case t == dtype.BF16:
				list[i] = b.And(asm.W, w, word(0xffff0000))
				continue
			default:
				lo, hi := b.Split(r)
				list[i] = asm.R(b.Pure("cvt.f32.f16", asm.W, asm.R([]asm.Reg{lo, hi}[i%2])))
				continue
			}
		}
		y := e.elem(x, i)
		if t.IsFloat() {
			list[i] = e.single(t, y)
		} else {
			list[i] = e.cast(t, dtype.F32, dtype.Default, y)
		}
	}
	return list
}

// sequences are the casts that were asked for; nil are those that there are none of.
var sequences sync.Map

type sequenceKey struct {
	from, to dtype.Type
	target   ptx.Target
	order    casts.Order
}

// sequenceOf is the exact cast of codes in an order, nil where there is none.
func sequenceOf(from, to dtype.Type, target ptx.Target, order casts.Order) *casts.Sequence {
	key := sequenceKey{from, to, target, order}
	if s, ok := sequences.Load(key); ok {
		return s.(*casts.Sequence)
	}
	s, err := casts.Make(from, to, target, order, casts.Options{})
	if err != nil || from.HasInf() && to.Overflow() == dtype.Saturate { // sequences keep infinities
		s = nil
	}
	sequences.Store(key, s)
	return s
}

// sequence casts the codes of a number of slots, in stream order; nil where that is not exact.
func (e *emitter) sequence(from, to dtype.Type, words []asm.Arg, slots int) *value {
	s := sequenceOf(from, to, e.target.SM, casts.Stream)
	if s == nil || to.Bits() < 32 && !packs(to, slots) {
		return nil
	}
	var out []asm.Arg
	for at := 0; len(out)*s.Lanes < slots; at += s.Words {
		in := make([]asm.Arg, s.Words)
		for i := range in {
			in[i] = asm.R(e.b.Move(asm.W, asm.Int(0)))
			if at+i < len(words) {
				in[i] = asm.R(e.b.Move(asm.W, words[at+i]))
			}
		}
		out = append(out, e.runSequence(s, in)...)
	}
	out = out[:slots/s.Lanes]
	if to.Bits() == 32 {
		return &value{elems: out}
	}
	return &value{words: out}
}

// runSequence writes a sequence's instructions.
func (e *emitter) runSequence(s *casts.Sequence, in []asm.Arg) []asm.Arg {
	b := e.b
	type name struct {
		kind  casts.Kind
		index int
	}
	regs := map[name]asm.Reg{}
	arg := func(o casts.Operand) asm.Arg {
		switch o.Kind {
		case casts.Input:
			return in[o.Index]
		case casts.Constant:
			return asm.R(b.Move(asm.W, word(s.Constants[o.Index])))
		case casts.Literal:
			return asm.Int(int64(o.Value))
		case casts.Float:
			return asm.F32(math.Float32frombits(o.Value))
		}
		return asm.R(regs[name{o.Kind, o.Index}])
	}
	for _, c := range s.Code {
		args := make([]asm.Arg, len(c.Src))
		for i, o := range c.Src {
			args[i] = arg(o)
		}
		set := func(o casts.Operand, r asm.Reg) { regs[name{o.Kind, o.Index}] = r }
		switch {
		case c.Splits():
			r, _ := args[0].Reg()
			lo, hi := b.Split(r)
			set(c.Dst[0], lo)
			set(c.Dst[1], hi)
		case c.Joins():
			set(c.Dst[0], b.Pure("mov.b32", asm.W, asm.Vec(args...)))
		default:
			class := asm.W
			if c.Dst[0].Kind == casts.Half {
				class = asm.H
			}
			set(c.Dst[0], b.Pure(c.Op, class, args...))
		}
	}
	out := make([]asm.Arg, s.Outputs())
	for i := range out {
		out[i] = asm.R(regs[name{casts.Output, i}])
	}
	return out
}
