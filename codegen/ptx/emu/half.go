package emu

import (
	"math"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/syntax"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/maths"
)

// fromF16 is the value of the low 16 bits as f16.
func fromF16(h uint32) float32 {
	mag := h & 0x7fff
	if mag >= 0x7c00 {
		if mag > 0x7c00 {
			return float32(math.NaN())
		}
		return math.Float32frombits(h&0x8000<<16 | 0x7f800000)
	}
	// The exponent's bias is put right by a multiplication, which makes subnormal numbers normal too.
	return math.Float32frombits(h&0x8000<<16|mag<<13) * (1 << 112)
}

func fromBF16(h uint32) float32 { return math.Float32frombits(h << 16) }

// toF16 rounds a float64 that is exact, or rounded to odd, to f16.
func toF16(x float64, r rounding) uint32 { return toSmall(dtype.F16, x, r) }

func toBF16(x float64, r rounding) uint32 { return toSmall(dtype.BF16, x, r) }

// toSmall is the code of x in a float of up to 16 bits with infinities.
func toSmall(t dtype.Type, x float64, r rounding) uint32 {
	if x != x {
		return nan16
	}
	switch {
	case r == down && x < 0, r == up && x > 0:
		// Away from zero: the code above the one toward zero, unless that is exact. A carry from the largest finite code gives infinity's.
		c := uint32(t.Encode(x, dtype.TowardZero, dtype.ToInf))
		if t.Decode(uint64(c)) != x {
			c++
		}
		return c
	case r != nearest:
		return uint32(t.Encode(x, dtype.TowardZero, dtype.ToInf))
	}
	return uint32(t.Encode(x, dtype.NearestEven, dtype.ToInf))
}

// halfFormat is f16 or bf16.
type halfFormat struct {
	from func(uint32) float32
	to   func(float64, rounding) uint32
	one  uint32
}

var (
	formatF16  = halfFormat{fromF16, toF16, 0x3c00}
	formatBF16 = halfFormat{fromBF16, toBF16, 0x3f80}
)

// halfOp is the arithmetic of f16, bf16 and pairs of them, nil for others.
func halfOp(in *syntax.Instr) lanesOp {
	t := in.Type("T")
	var h halfFormat
	switch t {
	case ptx.F16, ptx.F16x2:
		h = formatF16
	case ptx.BF16, ptx.BF16x2:
		h = formatBF16
	default:
		return nil
	}
	f := h.scalar(in)
	if f == nil {
		return nil
	}
	if t.Bits() == 16 {
		return three32(f)
	}
	return three32(func(a, b, c uint32) uint32 { return f(a>>16, b>>16, c>>16)<<16 | f(a&0xffff, b&0xffff, c&0xffff) })
}

// scalar is the operation on one number a register.
func (h halfFormat) scalar(in *syntax.Instr) func(a, b, c uint32) uint32 {
	get := func(x uint32) float64 { return float64(h.from(x)) }
	ftz, sat, relu := in.Has(".ftz"), in.Has(".sat"), in.Has(".relu")
	if ftz {
		plain := get
		get = func(x uint32) float64 { return plain(h.flush(x)) }
	}
	put := func(x float64) uint32 {
		switch {
		case x != x && sat:
			return 0
		case x != x:
			return nan16
		case relu && (x < 0 || x == 0):
			return 0
		case sat:
			x = min(max(x, 0), 1)
		}
		c := h.to(x, nearest)
		if ftz {
			c = h.flush(c)
		}
		return c
	}
	switch in.Opcode {
	case "add":
		return func(a, b, _ uint32) uint32 { return put(addOdd(get(a), get(b))) }
	case "sub":
		return func(a, b, _ uint32) uint32 { return put(addOdd(get(a), -get(b))) }
	case "mul":
		return func(a, b, _ uint32) uint32 { return put(get(a) * get(b)) }
	case "fma":
		if in.Has(".oob") {
			return nil
		}
		return func(a, b, c uint32) uint32 { return put(addOdd(get(a)*get(b), get(c))) }
	case "neg":
		return func(a, _, _ uint32) uint32 { return h.flushIf(ftz, a) ^ 0x8000 }
	case "abs":
		return func(a, _, _ uint32) uint32 { return h.flushIf(ftz, a) &^ 0x8000 & 0xffff }
	case "min", "max":
		isMax, nan, xorsign := in.Opcode == "max", in.Has(".NaN"), in.Has(".xorsign")
		return func(a, b, _ uint32) uint32 {
			x, y := get(a), get(b)
			if !xorsign {
				return put(extremum(isMax, nan, x, y))
			}
			r := put(extremum(isMax, nan, math.Abs(x), math.Abs(y)))
			if r == nan16 {
				return r
			}
			return r | (a^b)&0x8000
		}
	case "ex2":
		return func(a, _, _ uint32) uint32 { return put(maths.Exp2(get(a))) }
	case "tanh":
		return func(a, _, _ uint32) uint32 { return put(maths.Tanh(get(a))) }
	}
	return nil
}

// flush makes a subnormal a zero of its sign.
func (h halfFormat) flush(x uint32) uint32 {
	exp := uint32(0x7c00)
	if h.one == formatBF16.one {
		exp = 0x7f80
	}
	if x&exp == 0 {
		return x & 0x8000
	}
	return x
}

func (h halfFormat) flushIf(ftz bool, x uint32) uint32 {
	if ftz {
		return h.flush(x)
	}
	return x
}
