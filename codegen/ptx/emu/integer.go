package emu

import (
	"math/bits"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/syntax"
)

// integerOp is the integer arithmetic of a type, nil where it is not executed.
func integerOp(in *syntax.Instr) lanesOp {
	t := in.Type("T")
	if in.Has(".sat") || in.Has(".s32") && t == ptx.NoType {
		t = ptx.S32
	}
	if in.Has(".cc") || in.Opcode == "addc" || in.Opcode == "subc" || in.Opcode == "madc" {
		return nil // carries are state: see carryOp
	}
	switch t.Bits() {
	case 16:
		return integer16(in, t)
	case 32:
		if t == ptx.U16x2 || t == ptx.S16x2 {
			return integerPair(in, t)
		}
		return integer32(in, t)
	case 64:
		return integer64(in, t)
	}
	return nil
}

func integer32(in *syntax.Instr, t ptx.Type) lanesOp {
	signed := t.Signed()
	switch in.Opcode {
	case "add":
		if in.Has(".sat") {
			return two32(func(a, b uint32) uint32 { return sat32(int64(int32(a)) + int64(int32(b))) })
		}
		return func(d, a, b, _ *vec) {
			for i := range d {
				d[i] = a[i] + b[i]
			}
		}
	case "sub":
		if in.Has(".sat") {
			return two32(func(a, b uint32) uint32 { return sat32(int64(int32(a)) - int64(int32(b))) })
		}
		return func(d, a, b, _ *vec) {
			for i := range d {
				d[i] = a[i] - b[i]
			}
		}
	case "mul":
		switch {
		case in.Has(".wide"):
			return mulWide32(signed)
		case in.Has(".lo"):
			return func(d, a, b, _ *vec) {
				for i := range d {
					d[i] = a[i] * b[i]
				}
			}
		}
		return two32(high32(signed))
	case "mad":
		switch {
		case in.Has(".wide"):
			return madWide32(signed)
		case in.Has(".lo"):
			return func(d, a, b, c *vec) {
				for i := range d {
					d[i] = a[i]*b[i] + c[i]
				}
			}
		case in.Has(".sat"):
			return three32(func(a, b, c uint32) uint32 {
				return sat32(int64(int32(high32(true)(a, b))) + int64(int32(c)))
			})
		}
		h := high32(signed)
		return three32(func(a, b, c uint32) uint32 { return h(a, b) + c })
	case "mul24", "mad24":
		p := mul24(signed, in.Has(".hi"))
		if in.Opcode == "mul24" {
			return two32(p)
		}
		return three32(func(a, b, c uint32) uint32 { return p(a, b) + c })
	case "sad":
		return three32(func(a, b, c uint32) uint32 {
			if signed && int32(a) < int32(b) || !signed && a < b {
				a, b = b, a
			}
			return c + a - b
		})
	case "div":
		if signed {
			return two32(func(a, b uint32) uint32 {
				switch b {
				case 0:
					return full // PTX leaves it open; ptxas folds quotients and remainders so
				case full:
					return -a
				}
				return uint32(int32(a) / int32(b))
			})
		}
		return two32(func(a, b uint32) uint32 {
			if b == 0 {
				return full
			}
			return a / b
		})
	case "rem":
		if signed {
			return two32(func(a, b uint32) uint32 {
				switch b {
				case 0:
					return full
				case full:
					return 0
				}
				return uint32(int32(a) % int32(b))
			})
		}
		return two32(func(a, b uint32) uint32 {
			if b == 0 {
				return full
			}
			return a % b
		})
	case "abs":
		return one32(func(a uint32) uint32 { return uint32(max(int32(a), -int32(a))) })
	case "neg":
		return one32(func(a uint32) uint32 { return -a })
	case "min", "max":
		return minMax32(in.Opcode == "max", signed, in.Has(".relu"))
	}
	return nil
}

func sat32(x int64) uint32 { return uint32(int32(min(max(x, -1<<31), 1<<31-1))) }

func high32(signed bool) func(a, b uint32) uint32 {
	if signed {
		return func(a, b uint32) uint32 { return uint32(int64(int32(a)) * int64(int32(b)) >> 32) }
	}
	return func(a, b uint32) uint32 { return uint32(uint64(a) * uint64(b) >> 32) }
}

func mul24(signed, high bool) func(a, b uint32) uint32 {
	return func(a, b uint32) uint32 {
		var p uint64
		if signed {
			p = uint64(int64(int32(a<<8)>>8) * int64(int32(b<<8)>>8))
		} else {
			p = uint64(a&0xffffff) * uint64(b&0xffffff)
		}
		if high {
			return uint32(p >> 16)
		}
		return uint32(p)
	}
}

func mulWide32(signed bool) lanesOp {
	if signed {
		return func(d, a, b, _ *vec) {
			d64 := w64(d)
			for i := lanes - 1; i >= 0; i-- {
				d64[i] = uint64(int64(int32(a[i])) * int64(int32(b[i])))
			}
		}
	}
	return func(d, a, b, _ *vec) {
		d64 := w64(d)
		for i := lanes - 1; i >= 0; i-- {
			d64[i] = uint64(a[i]) * uint64(b[i])
		}
	}
}

func madWide32(signed bool) lanesOp {
	if signed {
		return func(d, a, b, c *vec) {
			d64, c64 := w64(d), w64(c)
			for i := range d64 {
				d64[i] = uint64(int64(int32(a[i]))*int64(int32(b[i]))) + c64[i]
			}
		}
	}
	return func(d, a, b, c *vec) {
		d64, c64 := w64(d), w64(c)
		for i := range d64 {
			d64[i] = uint64(a[i])*uint64(b[i]) + c64[i]
		}
	}
}

func minMax32(isMax, signed, relu bool) lanesOp {
	switch {
	case relu:
		return two32(func(a, b uint32) uint32 {
			if isMax {
				return uint32(max(int32(a), int32(b), 0))
			}
			return uint32(max(min(int32(a), int32(b)), 0))
		})
	case signed && isMax:
		return func(d, a, b, _ *vec) {
			for i := range d {
				d[i] = uint32(max(int32(a[i]), int32(b[i])))
			}
		}
	case signed:
		return func(d, a, b, _ *vec) {
			for i := range d {
				d[i] = uint32(min(int32(a[i]), int32(b[i])))
			}
		}
	case isMax:
		return func(d, a, b, _ *vec) {
			for i := range d {
				d[i] = max(a[i], b[i])
			}
		}
	}
	return func(d, a, b, _ *vec) {
		for i := range d {
			d[i] = min(a[i], b[i])
		}
	}
}

// integer16 goes through 32 bits, with the operands extended.
func integer16(in *syntax.Instr, t ptx.Type) lanesOp {
	signed := t.Signed()
	ext := func(a uint32) uint32 {
		if signed {
			return uint32(int32(int16(a)))
		}
		return a & 0xffff
	}
	switch in.Opcode {
	case "mul", "mad":
		isMad := in.Opcode == "mad"
		switch {
		case in.Has(".wide"):
			return three32(func(a, b, c uint32) uint32 {
				if !isMad {
					c = 0
				}
				return ext(a)*ext(b) + c
			})
		case in.Has(".hi"):
			return three32(func(a, b, c uint32) uint32 {
				if !isMad {
					c = 0
				}
				return (ext(a)*ext(b)>>16 + c) & 0xffff
			})
		}
	case "div", "rem":
		whole := integer32(in, map[bool]ptx.Type{true: ptx.S32, false: ptx.U32}[signed])
		return narrow(func(d, a, b, c *vec) {
			var x, y vec
			for i := range x {
				x[i], y[i] = ext(a[i]), ext(b[i])
			}
			whole(d, &x, &y, c)
		})
	}
	whole := integer32(in, map[bool]ptx.Type{true: ptx.S32, false: ptx.U32}[signed])
	if whole == nil {
		return nil
	}
	return narrow(func(d, a, b, c *vec) {
		var x, y vec
		for i := range x {
			x[i], y[i] = ext(a[i]), ext(b[i])
		}
		whole(d, &x, &y, c)
	})
}

// integerPair is on two integers of 16 bits each.
func integerPair(in *syntax.Instr, t ptx.Type) lanesOp {
	var f func(a, b int32) int32
	switch in.Opcode {
	case "add":
		f = func(a, b int32) int32 { return a + b }
	case "min":
		f = func(a, b int32) int32 { return min(a, b) }
	case "max":
		f = func(a, b int32) int32 { return max(a, b) }
	default:
		return nil
	}
	relu := in.Has(".relu")
	ext := func(a uint32) int32 { return int32(a & 0xffff) }
	if t == ptx.S16x2 {
		ext = func(a uint32) int32 { return int32(int16(a)) }
	}
	half := func(a, b uint32) uint32 {
		r := f(ext(a), ext(b))
		if relu {
			r = max(r, 0)
		}
		return uint32(r) & 0xffff
	}
	return two32(func(a, b uint32) uint32 { return half(a>>16, b>>16)<<16 | half(a, b) })
}

func integer64(in *syntax.Instr, t ptx.Type) lanesOp {
	signed := t.Signed()
	switch in.Opcode {
	case "add":
		return func(d, a, b, _ *vec) {
			d64, a64, b64 := w64(d), w64(a), w64(b)
			for i := range d64 {
				d64[i] = a64[i] + b64[i]
			}
		}
	case "sub":
		return func(d, a, b, _ *vec) {
			d64, a64, b64 := w64(d), w64(a), w64(b)
			for i := range d64 {
				d64[i] = a64[i] - b64[i]
			}
		}
	case "mul":
		if in.Has(".lo") {
			return two64(func(a, b uint64) uint64 { return a * b })
		}
		return two64(high64(signed))
	case "mad":
		if in.Has(".lo") {
			return three64(func(a, b, c uint64) uint64 { return a*b + c })
		}
		h := high64(signed)
		return three64(func(a, b, c uint64) uint64 { return h(a, b) + c })
	case "sad":
		return three64(func(a, b, c uint64) uint64 {
			if signed && int64(a) < int64(b) || !signed && a < b {
				a, b = b, a
			}
			return c + a - b
		})
	case "div", "rem":
		return two64(divide64(signed, in.Opcode == "rem"))
	case "abs":
		return one64(func(a uint64) uint64 { return uint64(max(int64(a), -int64(a))) })
	case "neg":
		return one64(func(a uint64) uint64 { return -a })
	case "min", "max":
		isMax := in.Opcode == "max"
		return two64(func(a, b uint64) uint64 {
			less := a < b
			if signed {
				less = int64(a) < int64(b)
			}
			if less != isMax {
				return a
			}
			return b
		})
	}
	return nil
}

func high64(signed bool) func(a, b uint64) uint64 {
	return func(a, b uint64) uint64 {
		h, _ := bits.Mul64(a, b)
		if signed {
			h -= uint64(int64(a)>>63)&b + uint64(int64(b)>>63)&a
		}
		return h
	}
}

func divide64(signed, rem bool) func(a, b uint64) uint64 {
	return func(a, b uint64) uint64 {
		switch {
		case b == 0:
			return ^uint64(0)
		case !signed && rem:
			return a % b
		case !signed:
			return a / b
		case b == ^uint64(0) && rem:
			return 0
		case b == ^uint64(0):
			return -a
		case rem:
			return uint64(int64(a) % int64(b))
		}
		return uint64(int64(a) / int64(b))
	}
}

// dotOp is dp4a and dp2a: bytes of a by bytes, or halves of a by bytes of b.
func dotOp(in *syntax.Instr) lanesOp {
	as, bs := in.Type("A") == ptx.S32, in.Type("B") == ptx.S32
	field := func(x uint32, n, width int, signed bool) uint32 {
		shift := 32 - width
		if signed {
			return uint32(int32(x>>(n*width)<<shift) >> shift)
		}
		return x >> (n * width) << shift >> shift
	}
	if in.Opcode == "dp4a" {
		return three32(func(a, b, c uint32) uint32 {
			for i := range 4 {
				c += field(a, i, 8, as) * field(b, i, 8, bs)
			}
			return c
		})
	}
	first := 0
	if in.Has(".hi") {
		first = 2
	}
	return three32(func(a, b, c uint32) uint32 {
		for i := range 2 {
			c += field(a, i, 16, as) * field(b, first+i, 8, bs)
		}
		return c
	})
}
