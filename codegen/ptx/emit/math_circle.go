package emit

import (
	"math"
	"slices"

	"github.com/tilec/tilec/codegen/internal/minimax"
	"github.com/tilec/tilec/codegen/ptx/asm"
)

// π/2 as a sum of four, the first two of 30 bits: their products with whole numbers below 2^23 are exact. And as a pair.
const (
	halfPi0  = 0x1.921fb54p+0
	halfPi1  = 0x1.10b46118p-30
	halfPi2  = 0x1.313198a2e0370p-61
	halfPi3  = 0x1.cd129024e088ap-115
	halfPiHi = 0x1.921fb54442d18p+0
	halfPiLo = 0x1.1a62633145c07p-54
)

// turnLimit is where the arguments of sin and cos become so large that they are reduced by the bits of 2/π.
const turnLimit = 1 << 22

// circle32 is the sine, or with quarter 1 the cosine.
func (v num) circle32(e *emitter, x asm.Arg, quarter int64) asm.Arg {
	b := v.b
	d := num{b, asm.D}
	hi, _, q := d.reduced(e, v.widened(x), false)
	r := v.narrowed(hi)
	z := v.mul(r, r)
	// sin r = r + r³·p(r²), cos r = 1 - r²/2 + r⁴·p(r²) for |r| ≤ π/4: errors 2^-32.52 and 2^-32.99.
	s := v.fma(v.mul(r, z), v.poly(z, minimax.Sine32...), r)
	c := v.fma(v.mul(z, z), v.poly(z, minimax.Cosine32...), v.fma(z, v.n(-0.5), v.n(1)))
	s = v.signed(s, r) // which -0 has lost
	return v.turned(s, c, b.Add(asm.W, q, asm.Int(quarter)))
}

// circle64 is the sine, or with quarter 1 the cosine.
func (v num) circle64(e *emitter, x asm.Arg, quarter int64) asm.Arg {
	r, lo, k := v.reduced(e, x, true)
	k = v.b.Add(asm.W, k, asm.Int(quarter))
	z := v.mul(r, r)
	half := v.mul(z, v.n(0.5))
	// sin r = r + r³·p(r²), cos r = 1 - r²/2 + r⁴·p(r²) for |r| ≤ π/4: errors 2^-63.23 and 2^-63.93.
	p := v.poly(z, minimax.Sine64...)
	s := v.add(r, v.fma(v.mul(r, z), p, v.fma(v.neg(lo), half, lo)))
	p = v.poly(z, minimax.Cosine64...)
	c := v.quick(v.n(1), v.neg(half))
	cos := v.add(c.hi, v.add(c.lo, v.fma(v.mul(z, z), p, v.neg(v.mul(r, lo)))))
	y := v.turned(s, cos, k)
	if quarter == 0 { // the sine of -0 has lost its sign
		y = v.sel(v.is("eq", x, v.n(0)), x, y)
	}
	return y
}

// turned is the sine of k quarters of a turn, a word, and an angle whose sine and cosine are s and c.
func (v num) turned(s, c, k asm.Arg) asm.Arg {
	b := v.b
	y := v.sel(b.SetP("ne", "s32", b.And(asm.W, k, asm.Int(1)), asm.Int(0)), c, s)
	minus := b.SetP("ne", "s32", b.And(asm.W, k, asm.Int(2)), asm.Int(0))
	return v.sel(minus, v.neg(y), y)
}

// reduced is an f64 less a multiple of a quarter turn, at most an eighth and a little in magnitude, as the sum of hi and,
// where precise, lo; and which multiple, modulo 4, a word.
func (v num) reduced(e *emitter, x asm.Arg, precise bool) (hi, lo, quarter asm.Arg) {
	b := v.b
	name := "turn"
	if precise {
		name = "exact turn"
	}
	list := b.Once(name+b.Move(asm.D, x).String(), func() []asm.Reg {
		t := v.fma(x, v.n(2/math.Pi), v.n(v.rounder()))
		n := v.sub(t, v.n(v.rounder()))
		// Both differences are exact: what x and the products share cancels, and the second is of bits that f64 holds.
		a := v.fma(n, v.n(-halfPi0), x)
		near := []asm.Arg{{}, v.n(0), b.Narrow(t)}
		if precise {
			s := v.sum(a, v.mul(n, v.n(-halfPi1))) // an exact product
			c := v.product(n, v.n(-halfPi2))
			t := v.sum(s.hi, c.hi)
			r := v.quick(t.hi, v.add(t.lo, v.add(s.lo, v.fma(n, v.n(-halfPi3), c.lo))))
			near[0], near[1] = r.hi, r.lo
		} else {
			near[0] = v.fma(n, v.n(-(halfPi1 + halfPi2)), a)
		}
		vars := []asm.Reg{b.Var(asm.D), b.Var(asm.D), b.Var(asm.W)}
		for i, y := range near {
			b.Emit("mov.b"+vars[i].Class().Suffix(), asm.R(vars[i]), y)
		}
		// Large ones are rare: all threads of a warp leave them out where none has one.
		large := v.is("gt", v.abs(x), v.n(turnLimit))
		some := b.Do("vote.sync.any.pred", asm.P, asm.R(large), asm.Int(0xffffffff))
		b.If(asm.R(some), func() {
			r, q := e.reducedLarge(x)
			for i, y := range []asm.Arg{r.hi, r.lo, q} {
				b.EmitIf(asm.R(large), "mov.b"+vars[i].Class().Suffix(), asm.R(vars[i]), y)
			}
		})
		return vars
	})
	return asm.R(list[0]), asm.R(list[1]), asm.R(list[2])
}

// twoOverPi are the first 1216 bits of 2/π behind the point, behind a word of zeros.
var twoOverPi = asm.Table{Name: "two_over_pi", Words: []uint64{
	0,
	0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561, 0xb7246e3a424dd2e0,
	0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4,
	0x9c845f8bbdf9283b, 0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d,
	0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab,
}}

// reducedLarge reduces an f64 above turnLimit, inf and NaN to NaN; of others it is anything.
func (e *emitter) reducedLarge(x asm.Arg) (r pair, quarter asm.Arg) {
	if !slices.ContainsFunc(e.kernel.Tables, func(t asm.Table) bool { return t.Name == twoOverPi.Name }) {
		e.kernel.Tables = append(e.kernel.Tables, twoOverPi)
	}
	b, v := e.b, e.f64()
	exp := b.And(asm.W, b.Narrow(v.shr(x, 52)), asm.Int(0x7ff))
	m := v.or(v.and(x, asm.Int(1<<52-1)), asm.Int(1<<52)) // |x| = m·2^(exp-1075)
	// From the bit of weight 2^(1075-exp+1) on 192 bits of 2/π: those above give multiples of 4. In the table it is:
	start := asm.R(b.Pure("max.s32", asm.W, b.Sub(asm.W, exp, asm.Int(1013)), asm.Int(0)))
	shift := b.And(asm.W, start, asm.Int(63))
	table := asm.R(b.Pure("mov.u64", asm.D, asm.Text(twoOverPi.Name)))
	base := b.Pure("mad.wide.s32", asm.D, b.Shr(asm.W, start, 6), asm.Int(8), table)
	var words [4]asm.Arg
	for i := range words {
		words[i] = asm.R(b.Pure("ld.const.b64", asm.D, asm.At(base, int64(8*i))))
	}
	shl := func(x, n asm.Arg) asm.Arg { return asm.R(b.Pure("shl.b64", asm.D, x, n)) }
	funnel := func(hi, lo, n asm.Arg) asm.Arg { // shifts of 64 give 0
		down := asm.R(b.Pure("shr.u64", asm.D, lo, b.Sub(asm.W, asm.Int(64), n)))
		return v.or(shl(hi, n), down)
	}
	w0, w1, w2 := funnel(words[0], words[1], shift), funnel(words[1], words[2], shift), funnel(words[2], words[3], shift)
	// The product's low 192 bits are x·2/π modulo 4, its upper two the quarter.
	mul := func(part string, x, y asm.Arg) asm.Arg { return asm.R(b.Pure("mul."+part+".u64", asm.D, x, y)) }
	low := mul("lo", m, w2)
	carry := mul("hi", m, w2)
	middle := v.iadd(mul("lo", m, w1), carry)
	over := asm.R(b.Select(asm.D, v.isUint("lt", middle, carry), asm.Int(1), asm.Int(0)))
	high := v.iadd(v.iadd(mul("lo", m, w0), mul("hi", m, w1)), over)
	f1, f0 := funnel(high, middle, asm.Int(2)), funnel(middle, low, asm.Int(2))
	// The nearest quarter is the next one where the fraction is a half or more: as a signed number it is negative then.
	quarter = b.Narrow(v.iadd(v.shr(high, 62), v.shr(f1, 63)))
	part := func(k asm.Arg, scale float64) asm.Arg {
		return v.mul(asm.R(b.Pure("cvt.rn.f64.s64", asm.D, k)), v.n(scale))
	}
	half := asm.Int(1<<32 - 1)
	s := v.sum(part(v.sar(f1, 32), 0x1p-32), part(v.and(f1, half), 0x1p-64))
	rest := v.add(part(v.shr(f0, 32), 0x1p-96), part(v.and(f0, half), 0x1p-128))
	s = v.sum(s.hi, v.add(s.lo, rest))
	r = v.times(s, pair{hi: v.n(halfPiHi), lo: v.n(halfPiLo)})
	negative := v.isInt("lt", x, asm.Int(0))
	turn := func(y asm.Arg) asm.Arg { return v.sel(negative, v.neg(y), y) }
	none := b.SetP("eq", "s32", exp, asm.Int(0x7ff))
	r.hi = v.sel(none, v.n(math.NaN()), turn(r.hi))
	r.lo = turn(r.lo)
	return r, asm.R(b.Select(asm.W, negative, b.Sub(asm.W, asm.Int(0), quarter), quarter))
}
