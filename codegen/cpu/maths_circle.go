package cpu

import (
	"encoding/binary"
	"math"

	"github.com/llir/llvm/ir"
	"github.com/llir/llvm/ir/enum"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/codegen/internal/minimax"
)

// π/2 as a sum of four, the first two of 30 bits: their products with whole numbers below 2^23 are exact.
const (
	halfPi0 = 0x1.921fb54p+0
	halfPi1 = 0x1.10b46118p-30
	halfPi2 = 0x1.313198a2e0370p-61
	halfPi3 = 0x1.cd129024e088ap-115
)

// turnLimit is where the arguments of sin and cos become so large that a function reduces them one by one.
const turnLimit = 1 << 22

// circle32 is the sine, or with quarter 1 the cosine.
func (v fv) circle32(x llx.Value, quarter int64) llx.Value {
	d := fv{v.unit, f64Class, v.lanes}
	hi, _, q := d.reduced(v.FPExt(x, d.floats()), v.FCmp("ogt", v.abs(x), v.n(turnLimit)), false)
	r := v.FPTrunc(hi, v.floats())
	k := v.Add(v.Trunc(q, v.ints()), v.i(quarter))
	z := v.FMul(r, r)
	// sin r = r + r³·p(r²), cos r = 1 - r²/2 + r⁴·p(r²) for |r| ≤ π/4: errors 2^-32.52 and 2^-32.99.
	s := v.fma(v.FMul(r, z), v.poly(z, minimax.Sine32...), r)
	c := v.fma(v.FMul(z, z), v.poly(z, minimax.Cosine32...), v.fma(z, v.n(-0.5), v.n(1)))
	s = v.signed(s, r) // which -0 has lost
	return v.turned(s, c, k)
}

// circle64 is the sine, or with quarter 1 the cosine.
func (v fv) circle64(x llx.Value, quarter int64) llx.Value {
	r, lo, k := v.reduced(x, v.FCmp("ogt", v.abs(x), v.n(turnLimit)), true)
	k = v.Add(k, v.i(quarter))
	z := v.FMul(r, r)
	half := v.FMul(z, v.n(0.5))
	// sin r = r + r³·p(r²), cos r = 1 - r²/2 + r⁴·p(r²) for |r| ≤ π/4: errors 2^-63.23 and 2^-63.93.
	p := v.poly(z, minimax.Sine64...)
	s := v.FAdd(r, v.fma(v.FMul(r, z), p, v.fma(v.FNeg(lo), half, lo)))
	p = v.poly(z, minimax.Cosine64...)
	c := v.quick(v.n(1), v.FNeg(half))
	cos := v.FAdd(c.hi, v.FAdd(c.lo, v.fma(v.FMul(z, z), p, v.FNeg(v.FMul(r, lo)))))
	y := v.turned(s, cos, k)
	if quarter == 0 { // the sine of -0 has lost its sign
		y = v.Select(v.FCmp("oeq", x, v.n(0)), x, y)
	}
	return y
}

// turned is the sine of k quarters of a turn and an angle whose sine and cosine are s and c.
func (v fv) turned(s, c, k llx.Value) llx.Value {
	y := v.bits(v.Select(v.ICmp("ne", v.And(k, v.i(1)), v.i(0)), c, s))
	top := int64(31)
	if v.wide() {
		top = 63
	}
	return v.float(v.Xor(y, v.Shl(v.LShr(k, v.i(1)), v.i(top))))
}

// reduced is x, of lanes of f64, less a multiple of a quarter turn, at most an eighth and a little in magnitude, as the
// sum of hi and, where precise, lo; and which multiple, modulo 4. Where large holds, |x| is above turnLimit, and below that elsewhere.
func (v fv) reduced(x, large llx.Value, precise bool) (hi, lo, quarter llx.Value) {
	big := v.n(v.rounder())
	t := v.fma(x, v.n(2/math.Pi), big)
	n := v.FSub(t, big)
	// Both differences are exact: what x and the products share cancels, and the second is of bits that f64 holds.
	a := v.fma(n, v.n(-halfPi0), x)
	slots := []llx.Value{nil, nil, v.bits(t)}
	if precise {
		s := v.sum(a, v.FMul(n, v.n(-halfPi1))) // an exact product
		c := v.product(n, v.n(-halfPi2))
		t := v.sum(s.hi, c.hi)
		r := v.quick(t.hi, v.FAdd(t.lo, v.FAdd(s.lo, v.fma(n, v.n(-halfPi3), c.lo))))
		slots[0], slots[1] = r.hi, r.lo
	} else {
		slots[0] = v.fma(n, v.n(-(halfPi1 + halfPi2)), a)
		slots[1] = v.n(0)
	}
	vars := make([]llx.Value, len(slots))
	for k, s := range slots {
		vars[k] = v.Alloca(s.Type(), 1, 64)
		v.Store(s, vars[k], 64)
	}
	v.If(v.some(large), func() {
		at := []llx.Value{v.Alloca(v.floats(), 1, 64), vars[0], vars[1], vars[2]}
		v.Store(x, at[0], 64)
		for k, s := range slots { // copies, as variables whose address is known elsewhere do not become registers
			at[1+k] = v.Alloca(s.Type(), 1, 64)
			v.Store(s, at[1+k], 64)
		}
		v.Call(v.turnFunction(), llx.Void, append(at, llx.C64(int64(v.lanes)))...)
		for k, s := range slots {
			v.Store(v.Load(s.Type(), at[1+k], 64), vars[k], 64)
		}
	}, nil)
	for k, s := range slots {
		slots[k] = v.Load(s.Type(), vars[k], 64)
	}
	return slots[0], slots[1], slots[2]
}

// some reports whether any lane of a mask is set.
func (v fv) some(mask llx.Value) llx.Value {
	if v.lanes == 1 {
		return mask
	}
	t := llx.IntType(v.lanes)
	return v.ICmp("ne", v.Bitcast(mask, t), llx.Int(t, 0))
}

// twoOverPi are the first 1216 bits of 2/π behind the point, behind a word of zeros.
var twoOverPi = [...]uint64{
	0,
	0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561, 0xb7246e3a424dd2e0,
	0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41, 0x3991d639835339f4,
	0x9c845f8bbdf9283b, 0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d,
	0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab,
}

// turnFunction is the name of the module's function (ptr x, ptr hi, ptr lo, ptr quarter, i64 lanes) that reduces those of
// x's lanes that are large, infinities to NaN, by as many bits of 2/π as matter. It is made where it is first asked for.
func (v fv) turnFunction() string {
	const name = "math.turns" // no phase of a kernel is called so
	for _, f := range v.M.M.Funcs {
		if f.Name() == name {
			return name
		}
	}
	table := make([]byte, 0, 8*len(twoOverPi))
	for _, w := range twoOverPi {
		table = binary.LittleEndian.AppendUint64(table, w)
	}
	words := v.M.Table("math.two_over_pi", table)
	b := v.M.Func(name, llx.Void, []*ir.Param{llx.Param("x", llx.Ptr), llx.Param("hi", llx.Ptr), llx.Param("lo", llx.Ptr),
		llx.Param("quarter", llx.Ptr), llx.Param("lanes", llx.I64)}, llx.Word("nounwind"), llx.Word("noinline"), llx.Word("cold"))
	b.Fn.Linkage = enum.LinkageInternal
	w := fv{&unit{B: b, level: v.level}, f64Class, 1}
	place := func(k int, i llx.Value) llx.Value { return b.Index(llx.I64, b.Fn.Params[k], i) }
	b.For(llx.C64(0), b.Fn.Params[4], 1, func(i llx.Value) {
		x := b.Load(llx.Double, place(0, i), 8)
		b.If(b.FCmp("ogt", w.abs(x), llx.F64(turnLimit)), func() {
			r, q := w.reducedLarge(x, words)
			b.Store(r.hi, place(1, i), 8)
			b.Store(r.lo, place(2, i), 8)
			b.Store(q, place(3, i), 8)
		}, nil)
	})
	b.Ret(nil)
	return name
}

// reducedLarge reduces a scalar above turnLimit.
func (v fv) reducedLarge(x, table llx.Value) (r pair, quarter llx.Value) {
	I128 := llx.IntType(128)
	bits := v.bits(x)
	exp := v.And(v.LShr(bits, llx.C64(52)), llx.C64(0x7ff))
	m := v.Or(v.And(bits, llx.C64(1<<52-1)), llx.C64(1<<52)) // |x| = m·2^(exp-1075)
	// From the bit of weight 2^(1075-exp+1) on 192 bits of 2/π: those above give multiples of 4. In the table it is:
	start := v.Sub(exp, llx.C64(1013))
	at := v.LShr(start, llx.C64(6))
	shift := v.And(start, llx.C64(63))
	word := func(k int64) llx.Value {
		a := v.Load(llx.I64, v.Index(llx.I64, table, v.Add(at, llx.C64(k))), 8)
		b := v.Load(llx.I64, v.Index(llx.I64, table, v.Add(at, llx.C64(k+1))), 8)
		return v.Intrinsic("fshl", llx.I64, a, b, shift)
	}
	w0, w1, w2 := word(0), word(1), word(2)
	// The product's low 192 bits are x·2/π modulo 4, its upper two the quarter.
	wide := func(a llx.Value) llx.Value { return v.ZExt(a, I128) }
	upper := func(a llx.Value) llx.Value { return v.LShr(a, llx.Int(I128, 64)) }
	mid := v.Add(v.Mul(wide(m), wide(w1)), upper(v.Mul(wide(m), wide(w2))))
	low := v.Mul(m, w2)
	high := v.Add(v.Mul(m, w0), v.Trunc(upper(mid), llx.I64))
	middle := v.Trunc(mid, llx.I64)
	f1 := v.Intrinsic("fshl", llx.I64, high, middle, llx.C64(2))
	f0 := v.Intrinsic("fshl", llx.I64, middle, low, llx.C64(2))
	// The nearest quarter is the next one where the fraction is a half or more: as a signed number it is negative then.
	quarter = v.Add(v.LShr(high, llx.C64(62)), v.LShr(f1, llx.C64(63)))
	part := func(k llx.Value, scale float64) llx.Value { return v.FMul(v.SIToFP(k, llx.Double), llx.F64(scale)) }
	const half = 1<<32 - 1
	s := v.sum(part(v.AShr(f1, llx.C64(32)), 0x1p-32), part(v.And(f1, llx.C64(half)), 0x1p-64))
	rest := v.FAdd(part(v.LShr(f0, llx.C64(32)), 0x1p-96), part(v.And(f0, llx.C64(half)), 0x1p-128))
	s2 := v.sum(s.hi, v.FAdd(s.lo, rest))
	r = v.times(s2, pair{llx.F64(halfPiHi), llx.F64(halfPiLo)})
	negative := v.ICmp("slt", bits, llx.C64(0))
	turn := func(y llx.Value) llx.Value { return v.Select(negative, v.FNeg(y), y) }
	none := v.ICmp("eq", exp, llx.C64(0x7ff))
	r.hi = v.Select(none, llx.F64(math.NaN()), turn(r.hi))
	r.lo = turn(r.lo)
	return r, v.Select(negative, v.Sub(llx.C64(0), quarter), quarter)
}

// π/2 as a pair.
const (
	halfPiHi = 0x1.921fb54442d18p+0
	halfPiLo = 0x1.1a62633145c07p-54
)
