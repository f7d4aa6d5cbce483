package emit

import (
	"math"

	"github.com/tilec/tilec/codegen/ptx/asm"
)

// floatMod is x - y·⌊x/y⌋, exact but for what the divisor's sign adds: the remainder of the mantissas as integers, some
// bits of the quotient at a time.
func (e *emitter) floatMod(v num, x, y asm.Arg) asm.Arg {
	b := e.b
	man, step, unsigned := 23, int64(40), "cvt.rn.f32.u64"
	if v.wide() {
		man, step, unsigned = 52, 11, "cvt.rn.f64.u64"
	}
	x, y = asm.R(b.Move(v.c, x)), asm.R(b.Move(v.c, y))
	// |x| is mx·2^ex but for a constant; subnormals have the exponent 1.
	parts := func(x asm.Arg) (m, exp asm.Arg) {
		m, field := v.and(x, v.i(1<<man-1)), v.shr(v.abs(x), man)
		m = v.sel(v.isInt("ne", field, asm.Int(0)), v.or(m, v.i(1<<man)), m)
		if v.wide() {
			field = b.Narrow(field)
		} else {
			m = asm.R(b.Pure("cvt.u64.u32", asm.D, m))
		}
		return m, asm.R(b.Pure("max.s32", asm.W, field, asm.Int(1)))
	}
	mx, ex := parts(x)
	my, ey := parts(y)
	my = asm.R(b.Pure("max.u64", asm.D, my, asm.Int(1)))
	m, left := b.Var(asm.D), b.Var(asm.W)
	b.Emit("rem.u64", asm.R(m), mx, my)
	less := b.SetP("lt", "s32", ex, ey)
	b.Emit("sub.s32", asm.R(left), ex, ey)
	b.Loop(func(begin, end string) {
		b.Changes(m, left)
		more := b.SetP("gt", "s32", asm.R(left), asm.Int(0))
		some := b.Do("vote.sync.any.pred", asm.P, asm.R(more), asm.Int(0xffffffff))
		b.EmitIf(asm.Not(some), "bra.uni", asm.Text(end))
		n := asm.R(b.Pure("max.s32", asm.W, asm.R(left), asm.Int(0)))
		n = asm.R(b.Pure("min.s32", asm.W, n, asm.Int(step)))
		next := asm.R(b.Pure("shl.b64", asm.D, asm.R(m), n))
		b.Emit("rem.u64", asm.R(m), next, my)
		b.Emit("sub.s32", asm.R(left), asm.R(left), n)
		b.Emit("bra.uni", asm.Text(begin))
	})
	// Both products are exact: the remainder is a multiple of the divisor's last bit.
	r := asm.R(b.Pure(unsigned, v.c, asm.R(m)))
	power := ey
	if v.wide() {
		power = b.Widen(ey)
	}
	r = v.mul(v.mul(r, v.n(math.Ldexp(1, -man))), v.shl(power, man))
	r = v.sel(less, v.abs(x), r)
	infinite := v.is("eq", v.abs(y), v.n(math.Inf(1)))
	r = v.signed(v.sel(infinite, v.abs(x), r), x)
	// It has the divisor's sign.
	other := v.isInt("lt", v.xor(r, y), asm.Int(0))
	r = v.sel(v.is("eq", r, v.n(0)), v.signed(v.n(0), y), v.sel(other, v.add(r, y), r))
	none := b.OrP(v.is("eq", y, v.n(0)), v.is("nan", y, y))
	none = b.OrP(none, b.NotP(v.is("lt", v.abs(x), v.n(math.Inf(1)))))
	return v.sel(none, v.n(math.NaN()), r)
}
