package cpu

import (
	"fmt"
	"math"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// floatOp are the operations of floats; count is the type of the last operand.
func (u *unit) floatOp(code ir.Code, t, r dtype.Type, x []llx.Value, count dtype.Type, lanes int) llx.Value {
	c := classOf(t)
	a := x[0]
	var b llx.Value
	if len(x) > 1 {
		b = x[1]
	}
	// What the exact operations give is t's already.
	switch code {
	case ir.Neg:
		return u.FNeg(a)
	case ir.Abs:
		return u.Intrinsic("fabs", a.Type(), a)
	case ir.Copysign:
		return u.Intrinsic("copysign", a.Type(), a, b)
	case ir.Min:
		return u.least(a, b, c, lanes)
	case ir.Max:
		return u.most(a, b, c, lanes)
	case ir.MinNan:
		m := u.Select(u.FCmp("olt", a, b), a, b)
		m = u.Select(u.FCmp("oeq", a, b), u.eitherBit(a, b, c, lanes), m)
		return u.Select(u.isNaN(a), a, m)
	case ir.MaxNan:
		m := u.Select(u.FCmp("ogt", a, b), a, b)
		m = u.Select(u.FCmp("oeq", a, b), u.bothBits(a, b, c, lanes), m)
		return u.Select(u.isNaN(a), a, m)
	case ir.Relu:
		zero := u.kf(c, 0, lanes)
		return u.Select(u.FCmp("ole", a, zero), zero, a) // keeps NaN, makes 0 of -0
	case ir.Floor:
		return u.whole(down, a, c, lanes)
	case ir.Ceil:
		return u.whole(up, a, c, lanes)
	case ir.Rint:
		return u.whole(even, a, c, lanes)
	case ir.Trunc:
		return u.whole(inward, a, c, lanes)
	case ir.Isnan:
		return u.isNaN(a)
	case ir.Finite:
		return u.FCmp("olt", u.Intrinsic("fabs", a.Type(), a), u.kf(c, math.Inf(1), lanes))
	case ir.Exponent:
		return u.exponent(a, c, r, lanes)
	case ir.Ldexp:
		return u.scaled(t, a, b, count, lanes)
	case ir.Fma:
		return u.fma(t, a, b, x[2], lanes)
	case ir.Mul:
		return u.times(t, a, b, lanes)
	case ir.Div:
		return u.over(t, a, b, lanes)
	case ir.Recip:
		return u.over(t, u.kf(c, 1, lanes), a, lanes)
	case ir.Mod:
		return u.floatModulus(t, a, b, lanes)
	}
	var v llx.Value
	switch code {
	case ir.Add:
		v = u.FAdd(a, b)
	case ir.Sub:
		v = u.FSub(a, b)
	case ir.Sqrt:
		v = u.Intrinsic("sqrt", a.Type(), a)
	case ir.Rsqrt:
		v = u.inverseRoot(a, c, lanes)
	default:
		v = u.math(code, x, c, lanes)
		if v == nil {
			return nil
		}
	}
	return u.nearest(t, v, lanes)
}

// inverseRoot is 1/√x, of f32 by way of f64 and rounded once.
func (u *unit) inverseRoot(a llx.Value, c class, lanes int) llx.Value {
	single := a.Type()
	if c == f32Class {
		a = u.FPExt(a, llx.Vec(llx.Double, lanes))
	}
	v := u.FDiv(u.kf(f64Class, 1, lanes), u.Intrinsic("sqrt", a.Type(), a))
	if c == f32Class {
		return u.FPTrunc(v, single)
	}
	return v
}

// bothBits and eitherBit combine the bits of two equal floats: of zeros of both signs 0 and -0.
func (u *unit) bothBits(a, b llx.Value, c class, lanes int) llx.Value {
	w := u.wordType(c, lanes)
	return u.Bitcast(u.And(u.Bitcast(a, w), u.Bitcast(b, w)), a.Type())
}

func (u *unit) eitherBit(a, b llx.Value, c class, lanes int) llx.Value {
	w := u.wordType(c, lanes)
	return u.Bitcast(u.Or(u.Bitcast(a, w), u.Bitcast(b, w)), a.Type())
}

// wordType is the type of the bits of lanes of a class of floats.
func (u *unit) wordType(c class, lanes int) llx.Type {
	if c == f64Class {
		return llx.Vec(llx.I64, lanes)
	}
	return llx.Vec(llx.I32, lanes)
}

// ranged is the greater of two (or the lesser), the number over a quiet NaN, -0 being less than 0, by the instruction that
// does just that; ok is false where there is none. Of a signalling NaN it makes a quiet one: [unit.quiet] goes before.
func (u *unit) ranged(greater bool, a, b llx.Value, c class, lanes int) (m llx.Value, ok bool) {
	bits := 32 * lanes
	kind := "ps"
	if c == f64Class {
		bits, kind = 64*lanes, "pd"
	}
	if !u.level.AVX512 || bits < 128 || bits > 512 {
		return nil, false
	}
	how := int64(4) // the lesser; with the sign that the comparison has
	if greater {
		how = 5
	}
	mask := llx.IntType(max(lanes, 8))
	args := []llx.Value{a, b, llx.C32(how), llx.Zero(a.Type()), llx.Int(mask, -1)}
	if bits == 512 {
		args = append(args, llx.C32(4))
	}
	return u.Call(fmt.Sprintf("llvm.x86.avx512.mask.range.%s.%d", kind, bits), a.Type(), args...), true
}

// quiet makes a signalling NaN a quiet one.
func (u *unit) quiet(a llx.Value, c class, lanes int) llx.Value {
	if _, ok := llx.ConstReal(a); ok {
		return a
	}
	if m, ok := u.ranged(true, a, a, c, lanes); ok {
		return m
	}
	return a
}

// most and least take the number over NaN; -0 is less than 0.
func (u *unit) most(a, b llx.Value, c class, lanes int) llx.Value {
	if _, ok := llx.ConstReal(a); ok {
		a, b = b, a
	}
	m := u.Select(u.FCmp("ogt", a, b), a, b) // b where a is NaN
	if k, ok := llx.ConstReal(b); ok && k == k && k != 0 {
		return m
	}
	if m, ok := u.ranged(true, u.quiet(a, c, lanes), u.quiet(b, c, lanes), c, lanes); ok {
		return m
	}
	m = u.Select(u.FCmp("oeq", a, b), u.bothBits(a, b, c, lanes), m)
	return u.Select(u.isNaN(b), a, m)
}

func (u *unit) least(a, b llx.Value, c class, lanes int) llx.Value {
	if _, ok := llx.ConstReal(a); ok {
		a, b = b, a
	}
	m := u.Select(u.FCmp("olt", a, b), a, b)
	if k, ok := llx.ConstReal(b); ok && k == k && k != 0 {
		return m
	}
	if m, ok := u.ranged(false, u.quiet(a, c, lanes), u.quiet(b, c, lanes), c, lanes); ok {
		return m
	}
	m = u.Select(u.FCmp("oeq", a, b), u.eitherBit(a, b, c, lanes), m)
	return u.Select(u.isNaN(b), a, m)
}

// direction is which whole number whole takes.
type direction uint8

const (
	down direction = iota
	up
	even
	inward
)

// whole rounds to a whole number, with the sign of its operand.
func (u *unit) whole(d direction, v llx.Value, c class, lanes int) llx.Value {
	if u.level.Name != "sse2" {
		return u.Intrinsic([]string{"floor", "ceil", "roundeven", "trunc"}[d], v.Type(), v)
	}
	// Adding a number whose last bit is worth 1 rounds to even; what is as large is whole.
	lift := 0x1p23
	if c == f64Class {
		lift = 0x1p52
	}
	f := func(x float64) llx.Value { return u.kf(c, x, lanes) }
	abs := u.Intrinsic("fabs", v.Type(), v)
	near := u.FSub(u.FAdd(abs, f(lift)), f(lift))
	sign := func(x llx.Value) llx.Value { return u.Intrinsic("copysign", v.Type(), x, v) }
	r := near
	switch d {
	case inward:
		r = u.Select(u.FCmp("ogt", near, abs), u.FSub(near, f(1)), near)
	case down:
		r = sign(near)
		r = u.Select(u.FCmp("ogt", r, v), u.FSub(r, f(1)), r)
	case up:
		r = sign(near)
		r = u.Select(u.FCmp("olt", r, v), u.FAdd(r, f(1)), r)
	}
	return u.Select(u.FCmp("olt", abs, f(lift)), sign(r), v)
}

// times is a·b rounded once to t. An f32 holds all that matters of a product of narrower floats, but of one of tf32 that
// is subnormal: of bf16 it keeps every bit of what does not round to 0.
func (u *unit) times(t dtype.Type, a, b llx.Value, lanes int) llx.Value {
	p := u.FMul(a, b)
	if t != dtype.TF32 {
		return u.nearest(t, p, lanes)
	}
	// Added to a number whose last bit is worth t's smallest value, an exact product is rounded as t's subnormals are.
	quantum := math.Ilogb(t.SmallestSubnormal())
	var small llx.Value
	if u.level.FMA {
		lift := u.kf(f32Class, math.Ldexp(1.5, quantum+23), lanes)
		small = u.FSub(u.Intrinsic("fma", p.Type(), a, b, lift), lift)
	} else {
		lift := u.kf(f64Class, math.Ldexp(1.5, quantum+52), lanes)
		double := llx.Vec(llx.Double, lanes)
		exact := u.FMul(u.FPExt(a, double), u.FPExt(b, double))
		small = u.FPTrunc(u.FSub(u.FAdd(exact, lift), lift), p.Type())
	}
	small = u.Intrinsic("copysign", p.Type(), small, p)
	tiny := u.FCmp("ole", u.Intrinsic("fabs", p.Type(), p), u.kf(f32Class, 0x1p-126, lanes))
	return u.Select(tiny, small, u.round(t, p, lanes))
}

// nearest is a result of the class of t rounded to t.
func (u *unit) nearest(t dtype.Type, v llx.Value, lanes int) llx.Value {
	if classOf(t) == f64Class {
		return v
	}
	return u.round(t, v, lanes)
}

// over is a/b rounded once to t. Of narrow floats a quotient that is not halfway between two values is so far from there
// that rounding it to f32 first, subnormal or not, does not get there.
func (u *unit) over(t dtype.Type, a, b llx.Value, lanes int) llx.Value {
	return u.nearest(t, u.FDiv(a, b), lanes)
}

// rare is fast, but what slow gives in the lanes where c holds. It runs only where there are such.
func (u *unit) rare(c, fast llx.Value, slow func() llx.Value) llx.Value {
	return u.Choose(u.Any(c), func() llx.Value { return u.Select(c, slow(), fast) }, func() llx.Value { return fast })
}

// exponent is ⌊log2 |x|⌋: of 0 the least value of r, of inf and NaN the greatest.
func (u *unit) exponent(v llx.Value, c class, r dtype.Type, lanes int) llx.Value {
	w, typ := llx.Type(llx.I32), dtype.I32
	man, bias, inf := int64(23), int64(127), int64(infBits)
	if c == f64Class {
		w, typ = llx.I64, dtype.I64
		man, bias, inf = 52, 1023, 0x7ff<<52
	}
	k := func(x int64) llx.Value { return u.k(w, x, lanes) }
	abs := u.Intrinsic("fabs", v.Type(), v)
	a := u.Bitcast(abs, llx.Vec(w, lanes))
	// Subnormals are scaled to normal numbers.
	lifted := u.FMul(abs, u.kf(c, math.Ldexp(1, int(man)+1), lanes))
	small := u.Sub(u.LShr(u.Bitcast(lifted, a.Type()), k(man)), k(bias+man+1))
	e := u.Sub(u.LShr(a, k(man)), k(bias))
	e = u.Select(u.ICmp("slt", a, k(1<<man)), small, e)
	out := classOf(r)
	x := u.castInt(typ, r, dtype.Default, e, lanes)
	x = u.Select(u.ICmp("eq", a, k(0)), u.k(out.scalar(), r.MinInt(), lanes), x)
	return u.Select(u.ICmp("sge", a, k(inf)), u.k(out.scalar(), r.MaxInt(), lanes), x)
}

// scaled is a·2^n rounded once to t.
func (u *unit) scaled(t dtype.Type, a, n llx.Value, count dtype.Type, lanes int) llx.Value {
	k := func(x int64) llx.Value { return u.k(llx.I64, x, lanes) }
	n = u.castInt(count, dtype.I64, dtype.Default, n, lanes)
	double := llx.Vec(llx.Double, lanes)
	power := func(n llx.Value) llx.Value { return u.Bitcast(u.Shl(u.Add(n, k(1023)), k(52)), double) }
	if t != dtype.F64 { // beyond 2^±300 the result is 0 or inf
		n = u.Min(u.Max(n, k(-300)), k(300))
		return u.narrow(t, u.FMul(u.FPExt(a, double), power(n)), nearest, lanes)
	}
	// In steps, of which only one rounds: those down leave the 53 bits that the last one takes.
	n = u.Min(u.Max(n, k(-2200)), k(2200))
	f := func(x float64) llx.Value { return u.kf(f64Class, x, lanes) }
	for range 2 {
		far, near := u.ICmp("sgt", n, k(1023)), u.ICmp("slt", n, k(-1022))
		a = u.FMul(a, u.Select(far, f(0x1p1023), u.Select(near, f(0x1p-969), f(1))))
		n = u.Sub(n, u.Select(far, k(1023), u.Select(near, k(-969), k(0))))
	}
	n = u.Min(u.Max(n, k(-1022)), k(1023))
	return u.FMul(a, power(n))
}
