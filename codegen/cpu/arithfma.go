package cpu

import (
	"math"

	lir "github.com/llir/llvm/ir"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir/dtype"
)

// fma is x·y + z rounded once to t.
func (u *unit) fma(t dtype.Type, x, y, z llx.Value, lanes int) llx.Value {
	double := llx.Vec(llx.Double, lanes)
	switch {
	case (t == dtype.F32 || t == dtype.F64) && u.level.FMA:
		return u.Intrinsic("fma", x.Type(), x, y, z)
	case t == dtype.F64:
		return u.fmaDouble(x, y, z, lanes)
	}
	// Products of f32 are exact in f64, and a sum rounded to odd there may be rounded again.
	wide := func() llx.Value {
		p := u.FMul(u.FPExt(x, double), u.FPExt(y, double))
		return u.narrow(t, u.sumToOdd(p, u.FPExt(z, double), f64Class, lanes), nearest, lanes)
	}
	if t == dtype.F32 {
		return wide()
	}
	// Those of narrower floats are exact in f32, where neither subnormal nor beyond.
	p := u.FMul(x, y)
	fast := u.round(t, u.sumToOdd(p, z, f32Class, lanes), lanes)
	if t == dtype.F16 {
		return fast
	}
	k := func(v int64) llx.Value { return u.k32(v, lanes) }
	magnitude := u.And(u.bitsOf(p, lanes), k(signBit-1))
	zero := u.kf(f32Class, 0, lanes)
	far := u.ICmp("uge", u.Sub(magnitude, k(1<<23)), k(0xfe<<23))
	some := u.And(u.FCmp("une", x, zero), u.FCmp("une", y, zero))
	return u.rare(u.And(far, some), fast, wide)
}

// sum is x + y rounded to nearest, and its rounding error (Knuth's).
func (u *unit) sum(x, y llx.Value) (s, e llx.Value) {
	s = u.FAdd(x, y)
	v := u.FSub(s, x)
	return s, u.FAdd(u.FSub(x, u.FSub(s, v)), u.FSub(y, v))
}

// sumToOdd is x + y rounded to odd: where it is not exact, the neighbour whose last bit is one.
func (u *unit) sumToOdd(x, y llx.Value, c class, lanes int) llx.Value {
	s, e := u.sum(x, y)
	return u.toOdd(s, e, c, lanes)
}

// toOdd is the round-to-odd of s + e, where s is that sum rounded to nearest; of infinities and NaN s.
func (u *unit) toOdd(s, e llx.Value, c class, lanes int) llx.Value {
	w := u.wordType(c, lanes)
	k := func(v int64) llx.Value { return u.k(llx.Elem(w), v, lanes) }
	zero := u.kf(c, 0, lanes)
	b := u.Bitcast(s, w)
	even := u.ICmp("eq", u.And(b, k(1)), k(0))
	// An even s that is not exact steps to the neighbour on e's side. Of an infinite s e is NaN.
	outward := u.ICmp("sge", u.Xor(b, u.Bitcast(e, w)), k(0))
	step := u.Select(outward, k(1), k(-1))
	move := u.And(even, u.FCmp("one", e, zero))
	return u.Bitcast(u.Add(b, u.Select(move, step, k(0))), s.Type())
}

// fmaDouble is fma of f64 without the instruction: the product and the sum each as a number and its rounding error
// (Dekker's, Knuth's), of which the lesser parts are added to odd (Boldo and Melquiond). Exponents near the limits go the
// long way.
func (u *unit) fmaDouble(x, y, z llx.Value, lanes int) llx.Value {
	f := func(v float64) llx.Value { return u.kf(f64Class, v, lanes) }
	abs := func(v llx.Value) llx.Value { return u.Intrinsic("fabs", v.Type(), v) }
	split := func(v llx.Value) (high, low llx.Value) {
		g := u.FMul(v, f(1<<27+1))
		high = u.FSub(g, u.FSub(g, v))
		return high, u.FSub(v, high)
	}
	p := u.FMul(x, y)
	xh, xl := split(x)
	yh, yl := split(y)
	e := u.FAdd(u.FSub(u.FMul(xh, yh), p), u.FMul(xh, yl))
	e = u.FAdd(u.FAdd(e, u.FMul(xl, yh)), u.FMul(xl, yl))
	zh, zl := u.sum(z, e)
	s, t := u.sum(p, zh)
	fast := u.FAdd(s, u.sumToOdd(t, zl, f64Class, lanes))

	zero := f(0)
	none := u.Or(u.FCmp("oeq", x, zero), u.FCmp("oeq", y, zero))
	fast = u.Select(none, u.FAdd(p, z), fast)
	in := u.And(u.FCmp("olt", abs(x), f(0x1p900)), u.FCmp("olt", abs(y), f(0x1p900)))
	in = u.And(in, u.And(u.FCmp("olt", abs(z), f(0x1p1000)), u.FCmp("olt", abs(p), f(0x1p1000))))
	in = u.And(in, u.Or(none, u.FCmp("ogt", abs(p), f(0x1p-900))))
	slow := u.Xor(in, u.k(llx.I1, 1, lanes))
	return u.rare(slow, fast, func() llx.Value { return u.perLane(fmaName, defineFMA, lanes, x, y, z) })
}

// perLane calls a function of doubles, one of the module's own, for each lane.
func (u *unit) perLane(name string, define func(b *llx.B, args []llx.Value) llx.Value, lanes int, x ...llx.Value) llx.Value {
	var params []*lir.Param
	for _, n := range []string{"x", "y", "z"}[:len(x)] {
		params = append(params, llx.Param(n, llx.Double))
	}
	u.M.Local(name, llx.Double, params, func(b *llx.B) {
		args := make([]llx.Value, len(params))
		for i, p := range params {
			args[i] = p
		}
		b.Ret(define(b, args))
	})
	if lanes == 1 {
		return u.Call(name, llx.Double, x...)
	}
	r := llx.Undef(llx.Vec(llx.Double, lanes))
	for i := range lanes {
		at := llx.C64(int64(i))
		args := make([]llx.Value, len(x))
		for j, v := range x {
			args[j] = u.Extract(v, at)
		}
		r = u.Insert(r, u.Call(name, llx.Double, args...), at)
	}
	return r
}

const (
	fmaName = "tilec.fma"
	modName = "tilec.mod"
)

// parts takes a finite double apart: its significand, below 2^53, and the exponent of its last bit.
func parts(b *llx.B, bits llx.Value) (sig, exp llx.Value) {
	field := b.And(b.LShr(bits, llx.C64(52)), llx.C64(0x7ff))
	sub := b.ICmp("eq", field, llx.C64(0))
	frac := b.And(bits, llx.C64(1<<52-1))
	sig = b.Select(sub, frac, b.Or(frac, llx.C64(1<<52)))
	return sig, b.Sub(b.Select(sub, llx.C64(1), field), llx.C64(1075))
}

// defineFMA is x·y + z of any doubles in integers of 192 bits at most: the product, 106 bits, and the addend stand 54
// bits or more above the lowest bit of an i256 word, below which what is shifted out sticks.
func defineFMA(b *llx.B, args []llx.Value) llx.Value {
	x, y, z := args[0], args[1], args[2]
	wide := llx.IntType(256)
	word := func(v llx.Value) llx.Value { return b.Bitcast(v, llx.I64) }
	k := func(v int64) llx.Value { return llx.Int(wide, v) }
	finite := func(v llx.Value) llx.Value {
		return b.FCmp("olt", b.Intrinsic("fabs", llx.Double, v), llx.F64(math.Inf(1)))
	}
	sx, ex := parts(b, word(x))
	sy, ey := parts(b, word(y))
	sz, ez := parts(b, word(z))
	zero := b.Or(b.ICmp("eq", sx, llx.C64(0)), b.ICmp("eq", sy, llx.C64(0)))
	some := b.And(b.And(finite(x), finite(y)), b.Xor(zero, llx.Int(llx.I1, 1)))
	return b.Choose(b.And(some, finite(z)), func() llx.Value {
		// The greater exponent rules; the other operand is shifted down to it, by at most what leaves it sticky.
		ep := b.Add(ex, ey)
		p := b.ZExt(b.Mul(b.ZExt(sx, llx.IntType(128)), b.ZExt(sy, llx.IntType(128))), wide)
		q := b.ZExt(sz, wide)
		// z at ez, p at ep. Both move up by 64 (z by 118 bits, to stand as high as p), then one of them down.
		const up = 64
		p = b.Shl(p, k(up))
		q = b.Shl(q, k(up+53))
		ep, ez = b.Sub(ep, llx.C64(up)), b.Sub(ez, llx.C64(up+53))
		low := b.Min(ep, ez)
		high := b.Max(ep, ez)
		isP := b.ICmp("slt", ep, ez)
		gap := b.Sub(high, low)
		down := b.Select(isP, p, q)
		stay := b.Select(isP, q, p)
		// A z of 0 must not rule.
		none := b.ICmp("eq", sz, llx.C64(0))
		stay = b.Select(none, p, stay)
		down = b.Select(none, k(0), down)
		exp := b.Select(none, ep, high)
		shift := b.ZExt(b.Min(gap, llx.C64(255)), wide)
		kept := b.LShr(down, shift)
		lost := b.ICmp("ne", b.Shl(kept, shift), down)
		kept = b.Or(kept, b.ZExt(lost, wide))
		signP := b.ICmp("slt", b.Xor(word(x), word(y)), llx.C64(0))
		signZ := b.ICmp("slt", word(z), llx.C64(0))
		swap := b.And(isP, b.Xor(none, llx.Int(llx.I1, 1)))
		negStay, negKept := b.Select(swap, signZ, signP), b.Select(swap, signP, signZ)
		signed := func(v, neg llx.Value) llx.Value { return b.Select(neg, b.Sub(k(0), v), v) }
		sum := b.Add(signed(stay, negStay), signed(kept, negKept))
		neg := b.ICmp("slt", sum, k(0))
		mag := signed(sum, neg)
		// Exact cancellation gives 0.
		return b.Choose(b.ICmp("eq", mag, k(0)), func() llx.Value { return llx.F64(0) }, func() llx.Value {
			lead := b.Sub(llx.C64(255), b.Trunc(b.Call("llvm.ctlz.i256", wide, mag, llx.Int(llx.I1, 1)), llx.I64))
			// 55 bits and a sticky one make a double of 53 after a rounding; subnormals keep fewer.
			lastExp := b.Max(b.Sub(b.Add(exp, lead), llx.C64(52)), llx.C64(-1074))
			cut := b.Sub(lastExp, exp) // of mag's bits this many go
			// Up where negative: exact.
			left := b.ZExt(b.Max(b.Sub(llx.C64(0), cut), llx.C64(0)), wide)
			m := b.Shl(mag, left)
			right := b.ZExt(b.Min(b.Max(cut, llx.C64(0)), llx.C64(254)), wide)
			q := b.LShr(m, right)
			rest := b.Sub(m, b.Shl(q, right))
			half := b.LShr(b.Shl(k(1), right), k(1))
			odd := b.And(q, k(1))
			some := b.ICmp("ugt", right, k(0))
			more := b.And(some, b.ICmp("ugt", b.Add(rest, odd), half))
			q = b.Add(q, b.ZExt(more, wide))
			// The code: the significand over the exponent field, less the bit that it implies; a carry is right.
			sig := b.Trunc(q, llx.I64)
			field := b.Add(lastExp, llx.C64(1074))
			bits := b.Add(sig, b.Shl(field, llx.C64(52)))
			beyond := b.Or(b.ICmp("sge", field, llx.C64(0x7fe)), b.ICmp("uge", bits, llx.C64(0x7ff<<52)))
			bits = b.Select(beyond, llx.C64(0x7ff<<52), bits)
			bits = b.Or(bits, b.Shl(b.ZExt(neg, llx.I64), llx.C64(63)))
			return b.Bitcast(bits, llx.Double)
		})
	}, func() llx.Value { return b.Select(some, z, b.FAdd(b.FMul(x, y), z)) })
}

// floatModulus is x - y·⌊x/y⌋, exactly but for one rounding, with the divisor's sign.
func (u *unit) floatModulus(t dtype.Type, x, y llx.Value, lanes int) llx.Value {
	double := llx.Vec(llx.Double, lanes)
	if t != dtype.F64 {
		x, y = u.FPExt(x, double), u.FPExt(y, double)
	}
	zero := u.kf(f64Class, 0, lanes)
	r := u.perLane(modName, defineMod, lanes, x, y)
	other := u.Xor(u.FCmp("olt", r, zero), u.FCmp("olt", y, zero))
	m := u.Select(other, u.FAdd(r, y), r)
	m = u.Select(u.FCmp("oeq", r, zero), u.Intrinsic("copysign", double, zero, y), m)
	if t == dtype.F64 {
		return m
	}
	return u.round(t, u.FPTrunc(m, llx.Vec(llx.Float, lanes)), lanes)
}

// defineMod is the remainder of x/y toward zero, exactly, with the sign of x: division of the significands, 11 bits of the
// quotient at a time.
func defineMod(b *llx.B, args []llx.Value) llx.Value {
	x, y := args[0], args[1]
	ax, ay := b.Intrinsic("fabs", llx.Double, x), b.Intrinsic("fabs", llx.Double, y)
	inf := llx.F64(math.Inf(1))
	ok := b.And(b.FCmp("olt", ax, inf), b.FCmp("ogt", ay, llx.F64(0)))
	return b.Choose(ok, func() llx.Value {
		return b.Choose(b.FCmp("olt", ax, ay), func() llx.Value { return x }, func() llx.Value {
			sx, ex := parts(b, b.Bitcast(ax, llx.I64))
			sy, ey := parts(b, b.Bitcast(ay, llx.I64))
			rest, left := b.Alloca(llx.I64, 1, 8), b.Alloca(llx.I64, 1, 8)
			load := func(p llx.Value) llx.Value { return b.Load(llx.I64, p, 8) }
			b.Store(b.URem(sx, sy), rest, 8)
			b.Store(b.Sub(ex, ey), left, 8)
			b.While(func() llx.Value { return b.ICmp("sgt", load(left), llx.C64(0)) }, func() {
				n := b.Min(load(left), llx.C64(11))
				b.Store(b.URem(b.Shl(load(rest), n), sy), rest, 8)
				b.Store(b.Sub(load(left), n), left, 8)
			})
			// The exponent in two steps, neither of which rounds.
			power := func(n llx.Value) llx.Value {
				return b.Bitcast(b.Shl(b.Add(n, llx.C64(1023)), llx.C64(52)), llx.Double)
			}
			high := b.Max(ey, llx.C64(-1000))
			r := b.FMul(b.SIToFP(load(rest), llx.Double), power(b.Sub(ey, high)))
			return b.Intrinsic("copysign", llx.Double, b.FMul(r, power(high)), x)
		})
	}, func() llx.Value {
		// Infinite y leaves x; the others have no remainder, nor has y of NaN.
		p := b.FMul(x, y)
		return b.FDiv(p, p)
	})
}
