package emu

import (
	"math/bits"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/syntax"
)

// logicOp is the operations on bits that need no more than their lanes, nil for others.
func logicOp(in *syntax.Instr) lanesOp {
	t := in.Type("T")
	if t == ptx.Pred {
		return nil
	}
	big := t.Bits() == 64
	switch in.Opcode {
	case "and":
		if big {
			return two64(func(a, b uint64) uint64 { return a & b })
		}
		return func(d, a, b, _ *vec) {
			d2, a2, b2 := asPairs(d), asPairs(a), asPairs(b)
			for i := range d2 {
				d2[i] = a2[i] & b2[i]
			}
		}
	case "or":
		if big {
			return two64(func(a, b uint64) uint64 { return a | b })
		}
		return func(d, a, b, _ *vec) {
			d2, a2, b2 := asPairs(d), asPairs(a), asPairs(b)
			for i := range d2 {
				d2[i] = a2[i] | b2[i]
			}
		}
	case "xor":
		if big {
			return two64(func(a, b uint64) uint64 { return a ^ b })
		}
		return func(d, a, b, _ *vec) {
			d2, a2, b2 := asPairs(d), asPairs(a), asPairs(b)
			for i := range d2 {
				d2[i] = a2[i] ^ b2[i]
			}
		}
	case "not":
		switch t.Bits() {
		case 64:
			return one64(func(a uint64) uint64 { return ^a })
		case 16:
			return one32(func(a uint32) uint32 { return a ^ 0xffff })
		}
		return one32(func(a uint32) uint32 { return ^a })
	case "cnot":
		if big {
			return one64(func(a uint64) uint64 { return uint64(bit(a == 0)) })
		}
		return one32(func(a uint32) uint32 { return bit(a == 0) })
	case "shl", "shr":
		return shiftOp(in.Opcode == "shl", t)
	case "shf":
		return funnelOp(in.Has(".l"), in.Has(".wrap"))
	case "prmt":
		return permuteOp(in.Word("M"))
	case "popc":
		if big {
			return toNarrow(func(a uint64) uint32 { return uint32(bits.OnesCount64(a)) })
		}
		return one32(func(a uint32) uint32 { return uint32(bits.OnesCount32(a)) })
	case "clz":
		if big {
			return toNarrow(func(a uint64) uint32 { return uint32(bits.LeadingZeros64(a)) })
		}
		return one32(func(a uint32) uint32 { return uint32(bits.LeadingZeros32(a)) })
	case "brev":
		if big {
			return one64(bits.Reverse64)
		}
		return one32(bits.Reverse32)
	case "bfind":
		return findOp(t, in.Has(".shiftamt"))
	case "szext":
		return extendOp(t.Signed(), in.Has(".clamp"))
	case "bmsk":
		return maskOp(in.Has(".clamp"))
	}
	return nil
}

func bit(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

// toNarrow applies f to a wide operand, with a result of up to 32 bits. d may overlap a.
func toNarrow(f func(a uint64) uint32) lanesOp {
	return func(d, a, _, _ *vec) {
		a64 := w64(a)
		for i := range d {
			d[i] = f(a64[i])
		}
	}
}

func shiftOp(left bool, t ptx.Type) lanesOp {
	width := uint32(t.Bits())
	switch {
	case width == 64:
		return func(d, a, b, _ *vec) {
			d64, a64 := w64(d), w64(a)
			for i := range d64 {
				switch n := b[i]; {
				case left:
					d64[i] = a64[i] << n
				case t.Signed():
					d64[i] = uint64(int64(a64[i]) >> n)
				default:
					d64[i] = a64[i] >> n
				}
			}
		}
	case left && width == 32:
		return func(d, a, b, _ *vec) {
			for i := range d {
				d[i] = a[i] << b[i]
			}
		}
	case left:
		return narrow(two32(func(a, b uint32) uint32 { return a << b }))
	case t == ptx.S16:
		return narrow(two32(func(a, b uint32) uint32 { return uint32(int32(int16(a)) >> b) }))
	case t == ptx.S32:
		return func(d, a, b, _ *vec) {
			for i := range d {
				d[i] = uint32(int32(a[i]) >> b[i])
			}
		}
	}
	return func(d, a, b, _ *vec) {
		for i := range d {
			d[i] = a[i] >> b[i]
		}
	}
}

// funnelOp shifts {b, a} left and takes the upper half, or right and takes the lower.
func funnelOp(left, wrap bool) lanesOp {
	return three32(func(a, b, c uint32) uint32 {
		if wrap {
			c &= 31
		} else {
			c = min(c, 32)
		}
		v := uint64(b)<<32 | uint64(a)
		if left {
			return uint32(v << c >> 32)
		}
		return uint32(v >> c)
	})
}

// permuteOp picks bytes of {b, a} (PTX ISA, prmt).
func permuteOp(mode string) lanesOp {
	if mode == "" {
		return func(d, a, b, c *vec) {
			for i := range d {
				d[i] = permute(uint64(b[i])<<32|uint64(a[i]), c[i])
			}
		}
	}
	return three32(func(a, b, c uint32) uint32 {
		v := uint64(b)<<32 | uint64(a)
		c &= 3
		var r uint32
		for i := range uint32(4) {
			var s uint32
			switch mode {
			case ".f4e":
				s = i + c
			case ".b4e":
				s = c - i
			case ".rc8":
				s = c
			case ".ecl":
				s = max(i, c)
			case ".ecr":
				s = min(i, c)
			case ".rc16":
				s = 2*(c&1) + i&1
			}
			r |= uint32(v>>(8*(s&7))) & 0xff << (8 * i)
		}
		return r
	})
}

// permute takes for each nibble of s the byte s&7 of v, or its sign bit eight times where s&8.
func permute(v uint64, s uint32) uint32 {
	var r uint32
	for i := uint32(0); i < 32; i += 8 {
		b := uint32(v>>(8*(s&7))) & 0xff
		if s&8 != 0 {
			b = uint32(int32(int8(b))>>7) & 0xff
		}
		r |= b << i
		s >>= 4
	}
	return r
}

// lop3Op is the table of three bits: index a<<2 | b<<1 | c.
func lop3Op(table uint32) lanesOp {
	var m [8]uint64
	for k := range m {
		m[k] = -uint64(table >> k & 1)
	}
	if f := lop3Common[table&0xff]; f != nil {
		return f
	}
	return func(d, a, b, c *vec) {
		d2, a2, b2, c2 := asPairs(d), asPairs(a), asPairs(b), asPairs(c)
		for i := range d2 {
			x, y, z := a2[i], b2[i], c2[i]
			n0 := m[0] ^ (m[0]^m[1])&z
			n1 := m[2] ^ (m[2]^m[3])&z
			n2 := m[4] ^ (m[4]^m[5])&z
			n3 := m[6] ^ (m[6]^m[7])&z
			n0 ^= (n0 ^ n1) & y
			n2 ^= (n2 ^ n3) & y
			d2[i] = n0 ^ (n0^n2)&x
		}
	}
}

// lop3Common are the commonest tables as expressions.
var lop3Common = map[uint32]lanesOp{
	0xea: func(d, a, b, c *vec) { // a and b, or c
		d2, a2, b2, c2 := asPairs(d), asPairs(a), asPairs(b), asPairs(c)
		for i := range d2 {
			d2[i] = a2[i]&b2[i] | c2[i]
		}
	},
	0x6a: func(d, a, b, c *vec) { // a and b, xor c
		d2, a2, b2, c2 := asPairs(d), asPairs(a), asPairs(b), asPairs(c)
		for i := range d2 {
			d2[i] = a2[i]&b2[i] ^ c2[i]
		}
	},
	0x96: func(d, a, b, c *vec) { // xor of three
		d2, a2, b2, c2 := asPairs(d), asPairs(a), asPairs(b), asPairs(c)
		for i := range d2 {
			d2[i] = a2[i] ^ b2[i] ^ c2[i]
		}
	},
	0xe8: func(d, a, b, c *vec) { // majority
		d2, a2, b2, c2 := asPairs(d), asPairs(a), asPairs(b), asPairs(c)
		for i := range d2 {
			d2[i] = a2[i]&b2[i] | c2[i]&(a2[i]|b2[i])
		}
	},
}

// extractOp is bfe: len bits from pos on, extended by the sign or zeros.
func extractOp(t ptx.Type) lanesOp {
	width, signed := uint32(t.Bits()), t.Signed()
	f := func(a uint64, pos, n uint32) uint64 {
		pos, n = pos&0xff, n&0xff
		var sign uint64
		if signed && n > 0 {
			sign = a >> min(pos+n-1, width-1) & 1
		}
		r := -sign
		for i := uint32(0); i < n && pos+i < width; i++ {
			r = r&^(1<<i) | (a>>(pos+i)&1)<<i
			if i == width-1 {
				break
			}
		}
		return r
	}
	if width == 64 {
		return func(d, a, b, c *vec) {
			d64, a64 := w64(d), w64(a)
			for i := range d64 {
				d64[i] = f(a64[i], b[i], c[i])
			}
		}
	}
	return func(d, a, b, c *vec) {
		for i := range d {
			p, n := b[i]&0xff, c[i]&0xff
			if !signed || n == 0 {
				d[i] = uint32(uint64(a[i]) >> p & (1<<min(n, 32) - 1))
				continue
			}
			d[i] = uint32(f(uint64(a[i]), p, n))
		}
	}
}

// insertOp is bfi without its operands: n bits of a at pos of b.
func insert(a, b uint64, pos, n, width uint32) uint64 {
	pos, n = pos&0xff, n&0xff
	for i := uint32(0); i < n && pos+i < width; i++ {
		b = b&^(1<<(pos+i)) | (a>>i&1)<<(pos+i)
	}
	return b
}

// findOp is the place of the topmost bit that is not the sign's, or -1; with shiftamt how far it is from the top.
func findOp(t ptx.Type, shift bool) lanesOp {
	width := t.Bits()
	f := func(a uint64) uint32 {
		if t.Signed() && a>>(width-1)&1 == 1 {
			a = ^a
		}
		if width == 32 {
			a &= 0xffffffff
		}
		if a == 0 {
			return full
		}
		n := bits.Len64(a) - 1
		if shift {
			n = width - 1 - n
		}
		return uint32(n)
	}
	if width == 64 {
		return toNarrow(f)
	}
	return one32(func(a uint32) uint32 { return f(uint64(a)) })
}

// extendOp is szext: the low n bits, extended by the sign or zeros.
func extendOp(signed, clamp bool) lanesOp {
	return two32(func(a, n uint32) uint32 {
		if !clamp {
			n &= 31
		}
		switch {
		case n >= 32:
			return a
		case n == 0:
			return 0
		case signed:
			return uint32(int32(a<<(32-n)) >> (32 - n))
		}
		return a << (32 - n) >> (32 - n)
	})
}

// maskOp is bmsk: b ones from bit a on.
func maskOp(clamp bool) lanesOp {
	return two32(func(a, b uint32) uint32 {
		if !clamp {
			a, b = a&31, b&31
		}
		a, b = min(a, 32), min(b, 32)
		return uint32((uint64(1)<<b - 1) << a)
	})
}

// nthSet is fns: the place of the n-th set bit of mask from base on, upwards where n > 0, downwards where n < 0; base itself
// where n is 0 and the bit is set; -1 where there is none.
func nthSet(mask, base uint32, n int32) uint32 {
	base &= 31
	if n == 0 {
		if mask>>base&1 == 1 {
			return base
		}
		return full
	}
	step := int32(1)
	if n < 0 {
		step, n = -1, -n
	}
	for p := int32(base); p >= 0 && p < 32; p += step {
		if mask>>p&1 == 1 {
			if n--; n == 0 {
				return uint32(p)
			}
		}
	}
	return full
}
