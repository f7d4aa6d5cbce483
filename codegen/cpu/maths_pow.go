package cpu

import (
	"math"

	"github.com/tilec/tilec/codegen/internal/llx"
)

// log2e64 is 1/ln 2.
const log2e64 = 0x1.71547652b82fep+0

// exp2Near32 is 2^x for -126 ≤ x ≤ 0.
func (v fv) exp2Near32(x llx.Value) llx.Value {
	k, pow := v.power(x, v.n(1))
	// 2^f for |f| ≤ 1/2: error 2^-28.32.
	p := v.poly(v.FSub(x, k), 1, 0x1.62e430p-1, 0x1.ebfbdcp-3, 0x1.c6af7cp-5, 0x1.3b2de0p-7, 0x1.5f082ep-10, 0x1.416b60p-13)
	return v.FMul(p, pow)
}

// exp2Near64 is 2^x in lanes of f64 for |x| ≤ 1000, for a result of f32: error 2^-29.
func (v fv) exp2Near64(x llx.Value) llx.Value {
	if v.level.AVX512 {
		f := v.x86("reduce", x, llx.C32(1), nil)
		return v.scalef(v.poly(f, 0x1.00000007f8eddp+0, 0x1.62e42955b2d4cp-1, 0x1.ebfd9ed8ccb34p-3, 0x1.c684fffa0c1c3p-5,
			0x1.3d28044167f71p-7, 0x1.46193b9ff4706p-10, 0x1.c7215cea1d4e7p-13), x)
	}
	k, pow := v.power(x, v.n(1))
	p := v.poly(v.FSub(x, k), 0x1.000000026116ep+0, 0x1.62e430c7eb277p-1, 0x1.ebfbdadd3388fp-3, 0x1.c6aed4b826311p-5,
		0x1.3b2dbb7181d86p-7, 0x1.5f456aadf5e74p-10, 0x1.41d36374bb26cp-13)
	return v.FMul(p, pow)
}

// parts is a > 0 as m·2^e with m from √½ to √2, in lanes of f64 and for normal a. Of 0 and inf it is anything finite.
func (v fv) parts(a llx.Value) (m, e llx.Value) {
	bits := v.bits(a)
	d := v.Sub(bits, v.i(int64(math.Float64bits(math.Sqrt2/2))))
	m = v.float(v.Sub(bits, v.And(d, v.i(-1<<52))))
	const bias = 1024 // keeps the number whole and positive
	return m, v.FSub(v.smallInt(v.LShr(v.Add(d, v.i(bias<<52)), v.i(52))), v.n(bias))
}

// pow32 is x^y by way of f64.
func (v fv) pow32(x, y llx.Value) llx.Value {
	d := fv{v.unit, f64Class, v.lanes}
	x, y = d.FPExt(x, d.floats()), d.FPExt(y, d.floats())
	a := d.abs(x)
	m, e := d.parts(a)
	// log2 m = s·p(s²) with s = (m - 1)/(m + 1): error 2^-45.09.
	s := d.FDiv(d.FSub(m, d.n(1)), d.FAdd(m, d.n(1)))
	p := d.poly(d.FMul(s, s), 0x1.71547652b8250p+1, 0x1.ec709dc53e6d5p-1, 0x1.2776c290c0c58p-1, 0x1.a61a30e5e77b8p-2, 0x1.4794fa360a7adp-2,
		0x1.21b655bcbaa90p-2)
	l := d.fma(s, p, e)
	l = d.Select(d.FCmp("oeq", a, d.n(0)), d.n(math.Inf(-1)), l)
	l = d.Select(d.FCmp("oeq", a, d.n(math.Inf(1))), a, l)
	t := d.atMost(d.atLeast(d.FMul(y, l), -500), 500)
	return v.FPTrunc(d.powSpecial(x, y, d.exp2Near64(t)), v.floats())
}

// powSpecial is x^y, where r is |x|^y but for NaN operands and where y is 0 or |x| is 1.
func (v fv) powSpecial(x, y, r llx.Value) llx.Value {
	a, b := v.abs(x), v.abs(y)
	infinite := v.FCmp("oeq", b, v.n(math.Inf(1)))
	whole := v.FCmp("oeq", v.rint(b), b)
	half := v.FMul(b, v.n(0.5))
	odd := v.And(whole, v.FCmp("one", v.rint(half), half))
	below := v.ICmp("slt", v.bits(x), v.i(0)) // -0 too
	r = v.Select(v.And(below, odd), v.FNeg(r), r)
	// A finite negative x wants a whole y.
	negative := v.And(v.FCmp("olt", x, v.n(0)), v.FCmp("ogt", x, v.n(math.Inf(-1))))
	r = v.Select(v.Or(v.FCmp("uno", x, y), v.And(negative, v.Xor(whole, v.yes()))), v.n(math.NaN()), r)
	same := v.Or(v.FCmp("oeq", y, v.n(0)), v.FCmp("oeq", x, v.n(1)))
	same = v.Or(same, v.And(v.FCmp("oeq", a, v.n(1)), infinite))
	return v.Select(same, v.n(1), r)
}

// yes is a mask of all lanes.
func (v fv) yes() llx.Value { return v.Splat(llx.Int(llx.I1, 1), v.lanes) }

// rint is the nearest whole number of x ≥ 0, to even; infinities stay.
func (v fv) rint(x llx.Value) llx.Value {
	if v.level.FMA { // which no level has without an instruction that rounds
		return v.Intrinsic("rint", v.floats(), x)
	}
	big := v.n(1 << 23)
	if v.wide() {
		big = v.n(1 << 52)
	}
	return v.Select(v.FCmp("olt", x, big), v.FSub(v.FAdd(x, big), big), x)
}
