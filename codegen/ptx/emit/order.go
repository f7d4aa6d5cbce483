package emit

import (
	"math"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// key is a number without a sign for an element: numbers are in the order of elements, or with down in the contrary
// one; the zeros are equal, and NaN is as given. It is a word, of 64-bit types a double.
func (e *emitter) key(t dtype.Type, x asm.Arg, down bool, nan int64) (asm.Class, asm.Arg) {
	b := e.b
	if t.IsFloat() && t.Bits() < 32 {
		x, t = e.casting(t, dtype.F32, false)(x), dtype.F32
	}
	c, x := e.asWord(classOf(t), x)
	top := asm.Int(math.MinInt32)
	if c == asm.D {
		top = asm.Int(math.MinInt64)
	}
	switch {
	case t.IsFloat():
		f, suffix := "f32", "32"
		zero, sign := asm.F32(0), asm.Int(31)
		if c == asm.D {
			f, suffix, zero, sign = "f64", "64", asm.F64(0), asm.Int(63)
		}
		is := b.SetP("nan", f, x, x)
		x = asm.R(b.Pure("add."+f, c, x, zero)) // -0 is 0
		signs := b.Pure("shr.s"+suffix, c, x, sign)
		flip := b.Or(c, asm.R(signs), top)
		x = b.Xor(c, x, flip)
		if down {
			x = asm.R(b.Pure("not.b"+suffix, c, x))
		}
		return c, asm.R(b.Select(c, is, asm.Int(nan), x))
	case t.IsInt() && t.Signed:
		x = b.Xor(c, x, top)
	}
	if down {
		x = b.Xor(c, x, asm.Int(-1))
	}
	return c, x
}

// best is the reduction to the index of the greatest or least element, the first of equals, -1 of nothing; NaN is
// chosen only where there is nothing else.
func (e *emitter) best(o *ir.Op, axis int, least bool) *reduction {
	b := e.b
	x := o.Operands[0]
	t := x.Type.Elem
	p := e.place(x.Type)
	r := &reduction{}
	// Of a position the complement counts: the greatest is the first.
	at := func(slot int) asm.Arg { return b.Xor(asm.W, e.coord(p, slot, axis), asm.Int(-1)) }
	index := func(complement asm.Arg, none asm.Reg) asm.Arg {
		pos := asm.R(b.Pure("cvt.u64.u32", asm.D, b.Xor(asm.W, complement, asm.Int(-1))))
		return e.pick(asm.D, none, asm.Int(-1), b.Add(asm.D, pos, e.value(o.Axes[0]).lo))
	}
	if classOf(t) != asm.D {
		r.fold = simple(asm.D, asm.Int(0), func(x ...asm.Arg) asm.Arg { return asm.R(b.Pure("max.u64", asm.D, x[0], x[1])) })
		r.first = func(slot int, v asm.Arg) []asm.Arg {
			_, k := e.key(t, v, least, 0)
			return []asm.Arg{e.join(at(slot), k)}
		}
		r.last = func(x []asm.Arg) asm.Arg {
			lo, _ := e.halves(asm.R(b.Move(asm.D, x[0])))
			return index(asm.R(lo), b.SetP("eq", "s32", asm.R(lo), asm.Int(0)))
		}
		return r
	}
	r.fold = &fold{classes: []asm.Class{asm.D, asm.W}, neutral: []asm.Arg{asm.Int(0), asm.Int(0)},
		combine: func(x, y []asm.Arg) []asm.Arg {
			more := b.SetP("gt", "u64", x[0], y[0])
			first := b.AndP(b.SetP("eq", "s64", x[0], y[0]), b.SetP("gt", "u32", x[1], y[1]))
			take := b.OrP(more, first)
			return []asm.Arg{asm.R(b.Pure("max.u64", asm.D, x[0], y[0])), e.pick(asm.W, take, x[1], y[1])}
		}}
	r.first = func(slot int, v asm.Arg) []asm.Arg {
		_, k := e.key(t, v, least, 0)
		return []asm.Arg{k, at(slot)}
	}
	r.last = func(x []asm.Arg) asm.Arg {
		return index(x[1], b.SetP("eq", "s32", x[1], asm.Int(0)))
	}
	return r
}

// join is a double of two words.
func (e *emitter) join(lo, hi asm.Arg) asm.Arg {
	b := e.b
	return asm.R(b.Pure("mov.b64", asm.D, asm.Regs(b.Move(asm.W, lo), b.Move(asm.W, hi))))
}
