package emu

import (
	"math"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/syntax"
	"github.com/tilec/tilec/ir/dtype"
)

// convertOp is cvt between registers of the given widths, which may exceed the types'; nil where it is not executed.
func convertOp(in *syntax.Instr, width, source int) lanesOp {
	d, a := in.Type("D"), in.Type("A")
	if in.Has(".pack") {
		return packIntegers(in)
	}
	if in.Has(".rs") {
		return nil
	}
	switch {
	case isInt(d) && isInt(a):
		return integerToInteger(d, a, width, source, in.Has(".sat"))
	case isInt(d):
		return floatToInteger(in, d, a, width, source)
	case isInt(a):
		return integerToFloat(in, d, a, width, source)
	case d == ptx.TF32:
		return toTF32(in)
	}
	switch d {
	case ptx.F16x2, ptx.BF16x2:
		if a == ptx.F32 {
			return packHalves(in, d)
		}
		return unpackEights(in, d, a)
	case ptx.E4M3x2, ptx.E5M2x2, ptx.E2M1x2, ptx.E2M3x2, ptx.E3M2x2:
		return packEights(in, d, a)
	case ptx.UE8M0x2:
		return nil
	}
	return floatToFloat(in, d, a, width, source)
}

func isInt(t ptx.Type) bool { return t.Class() == ptx.IntClass }

// extend reads the low bits of x as an integer of type t.
func extend(x uint64, t ptx.Type) int64 {
	s := 64 - t.Bits()
	if t.Signed() {
		return int64(x<<s) >> s
	}
	return int64(x << s >> s)
}

// lanewise is an operation from a to d of any widths. Registers of different widths do not overlap.
func lanewise(fromWide, toWide bool, f func(uint64) uint64) lanesOp {
	switch {
	case fromWide && toWide:
		return one64(f)
	case fromWide:
		return toNarrow(func(x uint64) uint32 { return uint32(f(x)) })
	case toWide:
		return func(d, a, _, _ *vec) {
			d64 := w64(d)
			for i := range d64 {
				d64[i] = f(uint64(a[i]))
			}
		}
	}
	return one32(func(x uint32) uint32 { return uint32(f(uint64(x))) })
}

// integerToInteger narrows by dropping bits, or saturates; the result is extended to the register's width by the sign of its type.
func integerToInteger(d, a ptx.Type, width, source int, sat bool) lanesOp {
	if !sat && a == ptx.U32 && d.Bits() == 64 && source == 32 {
		return func(d, a, _, _ *vec) {
			d64 := w64(d)
			for i := range d64 {
				d64[i] = uint64(a[i])
			}
		}
	}
	f := func(x uint64) uint64 {
		v := extend(x, a)
		if sat {
			v = clampInteger(v, a, d)
		}
		return toWidth(uint64(extend(uint64(v), d)), width)
	}
	return lanewise(source == 64, width == 64, f)
}

func toWidth(x uint64, width int) uint64 {
	if width >= 64 {
		return x
	}
	return x & (1<<width - 1)
}

// clampInteger is v, a value of type a, in the range of d.
func clampInteger(v int64, a, d ptx.Type) int64 {
	n := d.Bits()
	if d.Signed() {
		top := int64(1)<<(n-1) - 1
		if a == ptx.U64 && v < 0 {
			return top
		}
		return min(max(v, -top-1), top)
	}
	if a.Signed() && v < 0 {
		return 0
	}
	if n < 64 && (uint64(v) > 1<<n-1) {
		return 1<<n - 1
	}
	return v
}

// valueOf reads a float of type a as a float64, flushed where ftz.
func valueOf(a ptx.Type, ftz bool) func(uint64) float64 {
	switch a {
	case ptx.F64:
		return f64
	case ptx.F32:
		if ftz {
			return func(x uint64) float64 { return float64(f32(flush32(uint32(x)))) }
		}
		return func(x uint64) float64 { return float64(f32(uint32(x))) }
	case ptx.F16:
		return func(x uint64) float64 { return float64(fromF16(uint32(x) & 0xffff)) }
	}
	return func(x uint64) float64 { return float64(fromBF16(uint32(x) & 0xffff)) }
}

// integral rounds to an integer.
func integral(x float64, r rounding) float64 {
	switch r {
	case toZero:
		return math.Trunc(x)
	case down:
		return math.Floor(x)
	case up:
		return math.Ceil(x)
	}
	return math.RoundToEven(x)
}

func floatToInteger(in *syntax.Instr, d, a ptx.Type, width, source int) lanesOp {
	r, value := roundingOf(in.Word("R")), valueOf(a, in.Has(".ftz"))
	n := d.Bits()
	f := func(x uint64) uint64 {
		v := value(x)
		if v != v {
			// PTX ISA: 0, but where a source of f64 or a result of 64 bits keeps only the top bit.
			if a == ptx.F64 || n == 64 {
				return toWidth(uint64(extend(1<<(n-1), d)), width)
			}
			return 0
		}
		v = integral(v, r)
		var i int64
		switch {
		case d.Signed() && v >= math.Ldexp(1, n-1):
			i = math.MaxInt64 >> (64 - n)
		case d.Signed() && v < -math.Ldexp(1, n-1):
			i = math.MinInt64 >> (64 - n)
		case d.Signed():
			i = int64(v)
		case v <= 0:
			i = 0
		case v >= math.Ldexp(1, n):
			i = -1
		default:
			i = int64(uint64(v))
		}
		return toWidth(uint64(extend(uint64(i), d)), width)
	}
	return lanewise(source == 64, width == 64, f)
}

func integerToFloat(in *syntax.Instr, d, a ptx.Type, width, source int) lanesOp {
	r, sat := roundingOf(in.Word("R")), in.Has(".sat")
	f := func(x uint64) uint64 {
		neg := false
		u := uint64(extend(x, a))
		if a.Signed() && int64(u) < 0 {
			neg, u = true, -u
		}
		if sat {
			return floatBits(d, min(float64(u), map[bool]float64{true: 0, false: 1}[neg]), nearest)
		}
		// 53 bits hold all but the longest; of those the upper part keeps a sticky bit below, as if rounded to odd.
		hi, lo := float64(u&^0x7ff), float64(u&0x7ff)
		if neg {
			hi, lo = -hi, -lo
		}
		if d == ptx.F64 {
			return bits64(add64(hi, lo, r))
		}
		return floatBits(d, addOdd(hi, lo), r)
	}
	return lanewise(source == 64, width == 64, f)
}

// floatBits rounds a float64 that is exact or rounded to odd to type d.
func floatBits(d ptx.Type, x float64, r rounding) uint64 {
	switch d {
	case ptx.F64:
		return bits64(x)
	case ptx.F32:
		return uint64(bits32(to32(x, r)))
	case ptx.F16:
		return uint64(toF16(x, r))
	}
	return uint64(toBF16(x, r))
}

func floatToFloat(in *syntax.Instr, d, a ptx.Type, width, source int) lanesOp {
	r := roundingOf(in.Word("R"))
	ftz, sat, relu, satfinite := in.Has(".ftz"), in.Has(".sat"), in.Has(".relu"), in.Has(".satfinite")
	value := valueOf(a, ftz)
	toInt := d == a && in.Word("R") != ""
	if d == ptx.F32 && a == ptx.BF16 && !sat && width == 32 && source <= 32 {
		return one32(func(x uint32) uint32 { return bits32(fromBF16(x & 0xffff)) })
	}
	if d == ptx.BF16 && a == ptx.F32 && r == nearest && !relu && !satfinite && source == 32 {
		return one32(nearestBF16)
	}
	f := func(x uint64) uint64 {
		v := value(x)
		if toInt {
			v = integral(v, r)
		}
		v = limit(v, sat, relu)
		if satfinite {
			v = finite(v, d)
		}
		y := floatBits(d, v, r)
		if ftz && d == ptx.F32 {
			y = uint64(flush32(uint32(y)))
		}
		return y
	}
	return lanewise(source == 64, width == 64, f)
}

// limit applies .sat and .relu.
func limit(v float64, sat, relu bool) float64 {
	switch {
	case sat && !(v > 0):
		return 0
	case sat:
		return min(v, 1)
	case relu && v <= 0:
		return 0
	}
	return v
}

// finite stops at the largest number of d; NaN stays.
func finite(v float64, d ptx.Type) float64 {
	top := dtype.F16.Max()
	switch d {
	case ptx.BF16, ptx.BF16x2:
		top = dtype.BF16.Max()
	case ptx.TF32:
		top = dtype.TF32.Max()
	}
	if v != v {
		return v
	}
	return min(max(v, -top), top)
}

// nearestBF16 rounds the bits of an f32 to nearest, ties to even.
func nearestBF16(x uint32) uint32 {
	if x&0x7fffffff > 0x7f800000 {
		return nan16
	}
	return (x + 0x7fff + x>>16&1) >> 16
}

// packHalves is cvt to f16x2 or bf16x2: the first source is the upper half.
func packHalves(in *syntax.Instr, d ptx.Type) lanesOp {
	r, relu, satfinite := roundingOf(in.Word("R")), in.Has(".relu"), in.Has(".satfinite")
	if d == ptx.BF16x2 && r == nearest && !relu && !satfinite {
		return func(d, a, b, _ *vec) {
			for i := range d {
				d[i] = nearestBF16(a[i])<<16 | nearestBF16(b[i])
			}
		}
	}
	one := func(x uint32) uint32 {
		v := limit(float64(f32(x)), false, relu)
		if satfinite {
			v = finite(v, d)
		}
		if d == ptx.F16x2 {
			return toF16(v, r)
		}
		return toBF16(v, r)
	}
	return two32(func(a, b uint32) uint32 { return one(a)<<16 | one(b) })
}

func toTF32(in *syntax.Instr) lanesOp {
	satfinite, relu, word := in.Has(".satfinite"), in.Has(".relu"), in.Word("R")
	return one32(func(x uint32) uint32 {
		if x&0x7fffffff > 0x7f800000 {
			return nan32
		}
		if relu && x>>31 == 1 {
			return 0
		}
		y := x
		switch word {
		case ".rz":
		case ".rn":
			y += 0xfff + x>>13&1
		default: // .rna: ties away from zero
			y += 0x1000
		}
		y &^= 0x1fff
		if satfinite && y&0x7fffffff >= 0x7f800000 {
			y = x&(1<<31) | 0x7f7fe000
		}
		return y
	})
}

// small is the format of one element of a pair of small floats, and where the upper one stands.
func small(t ptx.Type) (dtype.Type, uint) {
	switch t {
	case ptx.E4M3x2:
		return dtype.F8E4M3, 8
	case ptx.E5M2x2:
		return dtype.F8E5M2, 8
	case ptx.E2M1x2:
		return dtype.F4E2M1, 4
	case ptx.E2M3x2:
		return dtype.F6E2M3, 8
	case ptx.E3M2x2:
		return dtype.F6E3M2, 8
	}
	return dtype.Type{}, 0
}

// packEights is cvt.satfinite to pairs of 8, 6 and 4 bits: from two f32, the first the upper, or from a pair of 16 bits.
func packEights(in *syntax.Instr, d, a ptx.Type) lanesOp {
	t, shift := small(d)
	relu := in.Has(".relu")
	one := func(v float64) uint32 {
		if v != v {
			switch t {
			case dtype.F8E4M3, dtype.F8E5M2:
				return 0x7f
			}
			return uint32(t.Encode(v, dtype.NearestEven, dtype.Saturate))
		}
		return uint32(t.Encode(limit(v, false, relu), dtype.NearestEven, dtype.Saturate))
	}
	switch a {
	case ptx.F32:
		return two32(func(a, b uint32) uint32 { return one(float64(f32(a)))<<shift | one(float64(f32(b))) })
	case ptx.F16x2:
		return one32(func(x uint32) uint32 {
			return one(float64(fromF16(x>>16)))<<shift | one(float64(fromF16(x&0xffff)))
		})
	case ptx.BF16x2:
		return one32(func(x uint32) uint32 {
			return one(float64(fromBF16(x>>16)))<<shift | one(float64(fromBF16(x&0xffff)))
		})
	}
	return nil
}

// unpackEights is cvt from pairs of 8, 6 and 4 bits, which are all numbers of f16 and bf16.
func unpackEights(in *syntax.Instr, d, a ptx.Type) lanesOp {
	t, shift := small(a)
	if shift == 0 {
		return nil
	}
	relu := in.Has(".relu")
	mask := uint64(1)<<t.Width - 1
	one := func(x uint32) uint32 {
		v := limit(t.Decode(uint64(x)&mask), false, relu)
		if d == ptx.F16x2 {
			return toF16(v, nearest)
		}
		return toBF16(v, nearest)
	}
	return one32(func(x uint32) uint32 { return one(x>>shift)<<16 | one(x) })
}

// packIntegers is cvt.pack.sat: two integers saturated and joined, above what c has.
func packIntegers(in *syntax.Instr) lanesOp {
	n, signed := 0, false
	switch in.Word("D") {
	case ".u16", ".s16":
		n = 16
	case ".u8", ".s8":
		n = 8
	case ".u4", ".s4":
		n = 4
	default:
		n = 2
	}
	signed = in.Word("D")[1] == 's'
	one := func(x uint32) uint32 {
		v := int32(x)
		if signed {
			v = min(max(v, -(1<<(n-1))), 1<<(n-1)-1)
		} else {
			v = min(max(v, 0), 1<<n-1)
		}
		return uint32(v) & (1<<n - 1)
	}
	return three32(func(a, b, c uint32) uint32 {
		r := one(a)<<n | one(b)
		if n == 16 {
			return r
		}
		return c<<(2*n) | r
	})
}
