package emit

import (
	"math/bits"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// wrap keeps the low bits of a register as an integer of type t.
func (e *emitter) wrap(t dtype.Type, x asm.Arg) asm.Arg {
	b, n := e.b, t.Bits()
	if k, ok := x.IntValue(); ok {
		return asm.Int(t.DecodeInt(uint64(k)))
	}
	switch {
	case n >= 32:
		return x
	case t.Kind == dtype.UintKind:
		return b.And(asm.W, x, asm.Int(1<<n-1))
	case n == 8 || n == 16:
		return asm.R(b.Pure("cvt.s32.s"+map[int]string{8: "8", 16: "16"}[n], asm.W, x))
	}
	return asm.R(b.Pure("bfe.s32", asm.W, x, asm.Int(0), asm.Int(int64(n))))
}

// intOp are the operations of integers; count is the type of the last operand.
func (e *emitter) intOp(code ir.Code, t, r, count dtype.Type, x []asm.Arg) (asm.Arg, bool) {
	b, c := e.b, classOf(t)
	if !t.IsInt() {
		return asm.Arg{}, false
	}
	pure := func(op string, x ...asm.Arg) asm.Arg { return asm.R(b.Pure(op+e.intKind(t), c, x...)) }
	signed := t.Kind == dtype.IntKind
	a := x[0]
	var y asm.Arg
	if len(x) > 1 {
		y = x[1]
	}
	switch code {
	case ir.Neg:
		return e.wrap(t, b.Sub(c, asm.Int(0), a)), true
	case ir.Not:
		y := b.Xor(c, a, asm.Int(-1))
		if signed {
			return y, true
		}
		return e.wrap(t, y), true
	case ir.Abs:
		if !signed {
			return a, true
		}
		return e.wrap(t, asm.R(b.Pure("abs.s"+c.Suffix(), c, a))), true
	case ir.Add:
		return e.wrap(t, b.Add(c, a, y)), true
	case ir.Sub:
		return e.wrap(t, b.Sub(c, a, y)), true
	case ir.Mul:
		return e.wrap(t, b.Mul(c, a, y)), true
	case ir.Div:
		return e.wrap(t, e.floorDiv(t, a, y)), true
	case ir.Mod:
		return e.floorMod(t, a, y), true
	case ir.And:
		return b.And(c, a, y), true
	case ir.Or:
		return b.Or(c, a, y), true
	case ir.Xor:
		return b.Xor(c, a, y), true
	case ir.Min, ir.MinNan, ir.Max, ir.MaxNan:
		less := ir.Lt
		op := "min."
		if code == ir.Max || code == ir.MaxNan {
			less, op = ir.Gt, "max."
		}
		if k, ok := known(t, a); ok {
			if l, ok := known(t, y); ok {
				if ordered(less, t, k, l) {
					return a, true
				}
				return y, true
			}
		}
		return pure(op, a, y), true
	case ir.Relu:
		if !signed {
			return a, true
		}
		return pure("max.", a, asm.Int(0)), true
	case ir.Shl, ir.Shr:
		return e.shift(code, t, a, y, count), true
	case ir.Rotl:
		return e.rotate(t, a, y, count), true
	case ir.Popcount, ir.Clz, ir.Ctz:
		return e.countBits(code, t, r, a), true
	}
	return asm.Arg{}, false
}

// powerOfTwo is the exponent of an element that is a constant power of two.
func powerOfTwo(t dtype.Type, x asm.Arg) (int, bool) {
	k, ok := known(t, x)
	if !ok || k&(k-1) != 0 || k == 0 || k < 0 && t.Kind == dtype.IntKind {
		return 0, false
	}
	return bits.TrailingZeros64(uint64(k)), true
}

// floorDiv rounds down; by 0 it is any value.
func (e *emitter) floorDiv(t dtype.Type, x, y asm.Arg) asm.Arg {
	b, c := e.b, classOf(t)
	kind := e.intKind(t)
	if k, ok := known(t, x); ok {
		if l, ok := known(t, y); ok && l != 0 {
			if t == dtype.U64 {
				return asm.Int(int64(uint64(k) / uint64(l)))
			}
			return asm.Int(ir.FloorDiv(k, l))
		}
	}
	if n, ok := powerOfTwo(t, y); ok {
		if n == 0 {
			return x
		}
		return asm.R(b.Pure("shr."+kind, c, x, asm.Int(int64(n))))
	}
	q := asm.R(b.Pure("div."+kind, c, x, y))
	if t.Kind != dtype.IntKind {
		return q
	}
	// The quotient was truncated: it is one less where the remainder is not 0 and has not the divisor's sign.
	rest := b.Sub(c, x, b.Mul(c, q, y))
	return asm.R(b.Select(c, e.uneven(c, rest, y), b.Sub(c, q, asm.Int(1)), q))
}

// uneven says that a remainder is not 0 and has another sign than the divisor.
func (e *emitter) uneven(c asm.Class, rest, y asm.Arg) asm.Reg {
	b, s := e.b, "s"+c.Suffix()
	some := b.SetP("ne", s, rest, asm.Int(0))
	var other asm.Reg
	if k, ok := y.IntValue(); ok {
		if other = b.SetP("lt", s, rest, asm.Int(0)); k < 0 {
			other = b.SetP("gt", s, rest, asm.Int(0))
		}
		return other
	}
	other = b.SetP("lt", s, b.Xor(c, rest, y), asm.Int(0))
	return b.AndP(some, other)
}

// floorMod has the divisor's sign; by 0 it is any value.
func (e *emitter) floorMod(t dtype.Type, x, y asm.Arg) asm.Arg {
	b, c := e.b, classOf(t)
	kind := e.intKind(t)
	if k, ok := known(t, x); ok {
		if l, ok := known(t, y); ok && l != 0 {
			if t == dtype.U64 {
				return asm.Int(int64(uint64(k) % uint64(l)))
			}
			return asm.Int(ir.FloorMod(k, l))
		}
	}
	if n, ok := powerOfTwo(t, y); ok {
		return b.And(c, x, asm.Int(1<<n-1))
	}
	rest := asm.R(b.Pure("rem."+kind, c, x, y))
	if t.Kind != dtype.IntKind {
		return rest
	}
	return asm.R(b.Select(c, e.uneven(c, rest, y), b.Add(c, rest, y), rest))
}

// amount is a shift's count as a word: what is negative or too large is at least 64.
func (e *emitter) amount(x asm.Arg, t dtype.Type) asm.Arg {
	if k, ok := known(t, x); ok {
		if k < 0 || k > 64 {
			k = 64
		}
		return asm.Int(k)
	}
	if t.Bits() == 64 {
		return e.b.Narrow(asm.R(e.b.Pure("min.u64", asm.D, x, asm.Int(64))))
	}
	return x // as an unsigned number, which PTX clamps
}

// shift gives 0, or to the right the sign, where the count is the width or more, or negative.
func (e *emitter) shift(code ir.Code, t dtype.Type, x, n asm.Arg, count dtype.Type) asm.Arg {
	b, c := e.b, classOf(t)
	n = e.amount(n, count)
	k, fixed := n.IntValue()
	v, whole := known(t, x)
	switch {
	case fixed && k == 0:
		return x
	case code == ir.Shl && fixed && k >= int64(t.Bits()):
		return asm.Int(0)
	case code == ir.Shl && fixed && whole:
		return e.wrap(t, asm.Int(v<<k))
	case code == ir.Shl:
		return e.wrap(t, asm.R(b.Pure("shl.b"+c.Suffix(), c, x, n)))
	case fixed && whole && t.Kind == dtype.IntKind:
		return asm.Int(v >> min(k, 63))
	case fixed && whole:
		return asm.Int(int64(uint64(v) >> k))
	}
	return asm.R(b.Pure("shr."+e.intKind(t), c, x, n))
}

// rotate rotates to the left by the count modulo the width.
func (e *emitter) rotate(t dtype.Type, x, n asm.Arg, count dtype.Type) asm.Arg {
	b := e.b
	if classOf(count) == asm.D {
		n = b.Narrow(n)
	}
	if k, ok := n.IntValue(); ok {
		n = asm.Int(k & int64(t.Bits()-1))
	}
	x = asm.R(e.reg(t, x))
	switch t.Bits() {
	case 32:
		return asm.R(b.Pure("shf.l.wrap.b32", asm.W, x, x, n))
	case 64:
		n = b.And(asm.W, n, asm.Int(63))
		left := asm.R(b.Pure("shl.b64", asm.D, x, n))
		right := asm.R(b.Pure("shr.u64", asm.D, x, b.Sub(asm.W, asm.Int(64), n)))
		return b.Or(asm.D, left, right)
	}
	// Of copies side by side, shifted, the uppermost is the result.
	w := int64(t.Bits())
	n = b.And(asm.W, n, asm.Int(w-1))
	selector := int64(0x1010)
	if w == 8 {
		selector = 0
	}
	all := asm.R(b.Pure("prmt.b32", asm.W, x, asm.Int(0), asm.Int(selector)))
	kind := "u32"
	if t.Kind == dtype.IntKind {
		kind = "s32"
	}
	return asm.R(b.Pure("shr."+kind, asm.W, asm.R(b.Pure("shl.b32", asm.W, all, n)), asm.Int(32-w)))
}

// countBits is popcount, clz or ctz, in type r.
func (e *emitter) countBits(code ir.Code, t, r dtype.Type, x asm.Arg) asm.Arg {
	b, c, n := e.b, classOf(t), int64(t.Bits())
	x = asm.R(e.reg(t, x))
	if code == ir.Ctz && n < 32 {
		x = b.Or(c, x, asm.Int(1<<n))
	} else {
		x = e.encode(t, x)
	}
	op := "clz.b"
	switch code {
	case ir.Popcount:
		op = "popc.b"
	case ir.Ctz:
		x = asm.R(b.Pure("brev.b"+c.Suffix(), c, x))
	}
	y := asm.R(b.Pure(op+c.Suffix(), asm.W, x))
	if code == ir.Clz && n < 32 {
		y = b.Sub(asm.W, y, asm.Int(32-n))
	}
	if classOf(r) == asm.D {
		return b.Widen(y)
	}
	return y
}
