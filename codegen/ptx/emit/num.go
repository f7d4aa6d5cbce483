package emit

import (
	"math"

	"github.com/tilec/tilec/codegen/ptx/asm"
)

// num writes arithmetic on f32 or f64, and on integers of the same width: the words in which functions are written. Floats
// are registers or constants made by n; integers are registers or asm.Int.
type num struct {
	b *asm.Builder
	c asm.Class
}

func (e *emitter) f32() num { return num{e.b, asm.W} }
func (e *emitter) f64() num { return num{e.b, asm.D} }

func (v num) wide() bool { return v.c == asm.D }

// pure is an instruction on the floats.
func (v num) pure(op string, x ...asm.Arg) asm.Arg {
	return asm.R(v.b.Pure(op+".f"+v.c.Suffix(), v.c, x...))
}

// n is a constant.
func (v num) n(x float64) asm.Arg {
	if v.wide() {
		return asm.F64(x)
	}
	return asm.F32(float32(x))
}

func (v num) add(x, y asm.Arg) asm.Arg    { return v.pure("add.rn", x, y) }
func (v num) sub(x, y asm.Arg) asm.Arg    { return v.pure("sub.rn", x, y) }
func (v num) mul(x, y asm.Arg) asm.Arg    { return v.pure("mul.rn", x, y) }
func (v num) div(x, y asm.Arg) asm.Arg    { return v.pure("div.rn", x, y) }
func (v num) fma(x, y, z asm.Arg) asm.Arg { return v.pure("fma.rn", x, y, z) }
func (v num) sqrt(x asm.Arg) asm.Arg      { return v.pure("sqrt.rn", x) }
func (v num) neg(x asm.Arg) asm.Arg       { return v.pure("neg", x) }
func (v num) abs(x asm.Arg) asm.Arg       { return v.pure("abs", x) }

// min and max take the number over NaN; -0 is less than 0.
func (v num) min(x, y asm.Arg) asm.Arg { return v.pure("min", x, y) }
func (v num) max(x, y asm.Arg) asm.Arg { return v.pure("max", x, y) }

// atMost and atLeast keep NaN.
func (v num) atMost(x asm.Arg, hi float64) asm.Arg {
	if !v.wide() {
		return v.pure("min.NaN", x, v.n(hi))
	}
	return v.sel(v.is("gt", x, v.n(hi)), v.n(hi), x)
}

func (v num) atLeast(x asm.Arg, lo float64) asm.Arg {
	if !v.wide() {
		return v.pure("max.NaN", x, v.n(lo))
	}
	return v.sel(v.is("lt", x, v.n(lo)), v.n(lo), x)
}

// is compares: eq, lt and the like are false of NaN, neu and the like are true, nan asks for it.
func (v num) is(test string, x, y asm.Arg) asm.Reg { return v.b.SetP(test, "f"+v.c.Suffix(), x, y) }

// sel is x where p holds, else y; both floats, or both integers.
func (v num) sel(p asm.Reg, x, y asm.Arg) asm.Arg { return asm.R(v.b.Select(v.c, p, x, y)) }

// signed is the magnitude of y with the sign of x.
func (v num) signed(y, x asm.Arg) asm.Arg { return v.pure("copysign", x, y) }

// The integers.

func (v num) iadd(x, y asm.Arg) asm.Arg { return v.b.Add(v.c, x, y) }
func (v num) isub(x, y asm.Arg) asm.Arg { return v.b.Sub(v.c, x, y) }
func (v num) and(x, y asm.Arg) asm.Arg  { return v.b.And(v.c, x, y) }
func (v num) or(x, y asm.Arg) asm.Arg   { return v.b.Or(v.c, x, y) }
func (v num) xor(x, y asm.Arg) asm.Arg  { return v.b.Xor(v.c, x, y) }

func (v num) shl(x asm.Arg, n int) asm.Arg { return v.b.Shl(v.c, x, n) }
func (v num) shr(x asm.Arg, n int) asm.Arg { return v.b.Shr(v.c, x, n) }
func (v num) sar(x asm.Arg, n int) asm.Arg {
	return asm.R(v.b.Pure("shr.s"+v.c.Suffix(), v.c, x, asm.Int(int64(n))))
}

// isInt compares integers with sign, isUint without.
func (v num) isInt(test string, x, y asm.Arg) asm.Reg { return v.b.SetP(test, "s"+v.c.Suffix(), x, y) }
func (v num) isUint(test string, x, y asm.Arg) asm.Reg {
	return v.b.SetP(test, "u"+v.c.Suffix(), x, y)
}

// i is an integer of the width.
func (v num) i(k int64) asm.Arg {
	if v.wide() {
		return asm.Int(k)
	}
	return word(uint32(k))
}

// bitsOf are the bits of a float constant.
func (v num) bitsOf(x float64) asm.Arg {
	if v.wide() {
		return asm.Int(int64(math.Float64bits(x)))
	}
	return word(math.Float32bits(float32(x)))
}

// poly is the polynomial with the given coefficients, the constant one first, by Horner's rule.
func (v num) poly(x asm.Arg, c ...float64) asm.Arg {
	y := v.n(c[len(c)-1])
	for k := len(c) - 2; k >= 0; k-- {
		y = v.fma(y, x, v.n(c[k]))
	}
	return y
}
