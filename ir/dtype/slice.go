package dtype

import (
	"encoding/binary"
	"math"
	"sync/atomic"
)

const (
	signF32 = 1 << 31
	infF32  = 0xff << 23
	nanF32  = infF32 | 1<<22
)

// grid holds what rounding a float32 onto a float of at most 16 bits with a mantissa takes.
//
// With q the distance of neighbouring values of the type around |x|, and m = 2^23 q, adding m to |x|
// in float32 rounds |x| to a multiple of q, ties to even, as m's last bit is worth q. The sum's
// bits less m's count the multiples: the magnitude bits of the code, but for what lower binades hold.
// Clamping the exponent at the smallest normal one gives subnormals their q, at the largest one keeps m finite.
type grid struct {
	low, high uint32 // exponent fields of the smallest and largest normal value, in place
	lift      uint32 // from an exponent field to that of m
	drop      uint32 // mantissa bits that the type lacks
	top       uint32 // largest finite magnitude: code
	over, nan uint32 // codes for magnitudes beyond top, and for NaN
	sign      uint32 // position of the sign bit in a code
	max       uint32 // largest finite magnitude, and values for what is beyond and NaN, as float32 bits
	overVal   uint32
	nanVal    uint32
	negZero   uint32 // signF32 where -0 exists, else 0
}

// gridded reports whether grid serves t.
func gridded(t Type) bool { return t.Kind == FloatKind && t.Man > 0 && t.Exp <= 6 }

func gridOf(t Type) grid {
	code := func(v float64) uint32 { return uint32(t.encodeFloat(v, NearestEven, t.Overflow())) }
	val := func(v float64) uint32 { return math.Float32bits(float32(t.Round64(v))) }
	g := grid{
		low:  uint32(t.minExp()+127) << 23,
		high: math.Float32bits(float32(t.Max())) & infF32,
		lift: uint32(23-t.Man) << 23,
		drop: uint32(23 - t.Man),
		top:  uint32(t.maxMag()),
		over: code(math.Inf(1)), nan: code(math.NaN()),
		sign: uint32(t.Exp + t.Man),
		max:  math.Float32bits(float32(t.Max())), overVal: val(math.Inf(1)), nanVal: val(math.NaN()),
	}
	g.high = max(g.high, g.low) // f8e1m6 and the like have no normal values
	if t.HasNegZero() {
		g.negZero = signF32
	}
	return g
}

// RoundSlice sets each dst[i] to the value of the float t nearest to src[i], as RoundF32 does; t is
// of ClassF32. dst and src have one length and may be the same.
func (t Type) RoundSlice(dst, src []float32) {
	src = src[:len(dst)]
	switch {
	case t == F32:
		copy(dst, src)
	case t == BF16:
		roundHigh(dst, src, 16)
	case t == TF32:
		roundHigh(dst, src, 13)
	case gridded(t):
		gridOf(t).round(dst, src)
	case t == E8M0:
		var buf [chunk]uint16
		tab := t.table()
		for len(src) > 0 {
			k := min(chunk, len(src))
			scaleCodes(&buf, src[:k])
			for i, c := range buf[:k] {
				dst[i] = tab[c&255]
			}
			dst, src = dst[k:], src[k:]
		}
	default:
		for i, x := range src {
			dst[i] = t.RoundF32(x)
		}
	}
}

// roundHigh rounds to formats that are the high bits of a float32: adding just under half of the last
// kept bit, and one more where that bit is odd, carries exactly when rounding goes up.
func roundHigh(dst, src []float32, drop uint32) {
	src = src[:len(dst)]
	half, keep := uint32(1)<<(drop&31-1)-1, ^uint32(0)<<(drop&31)
	for i := range dst {
		b := math.Float32bits(src[i])
		r := (b + half + b>>(drop&31)&1) & keep
		if b&^signF32 > infF32 {
			r = nanF32
		}
		dst[i] = math.Float32frombits(r)
	}
}

func (g grid) round(dst, src []float32) {
	src = src[:len(dst)]
	for i := range dst {
		b := math.Float32bits(src[i])
		a, s := b&^signF32, b&signF32
		m := math.Float32frombits(min(max(a&infF32, g.low), g.high) + g.lift)
		sum := math.Float32frombits(a) + m
		r := math.Float32bits(sum - m)
		if r > g.max {
			r = g.overVal
		}
		if a > infF32 {
			r, s = g.nanVal, 0
		}
		s &= (r + 1<<31 - 1) | g.negZero // r + 2^31 - 1 has the top bit unless r is 0
		dst[i] = math.Float32frombits(r | s)
	}
}

// chunk is how many elements the two-step paths hold at a time.
const chunk = 256

// codes sets each dst[i] to the code of src[i], at most chunk of them.
func (g grid) codes(dst *[chunk]uint16, src []float32) {
	low, high, lift, drop, top := g.low, g.high, g.lift, g.drop&31, g.top
	over, nan, sign, negZero := g.over, g.nan, g.sign&31, g.negZero>>31
	out := dst[:len(src)]
	for i, x := range src {
		b := math.Float32bits(x)
		a, s := b&^signF32, b>>31
		e := min(max(a&infF32, low), high)
		m := e + lift
		c := (e-low)>>drop + math.Float32bits(math.Float32frombits(a)+math.Float32frombits(m)) - m
		if c > top {
			if c = over; a > infF32 {
				c, s = nan, 0
			}
		}
		s &= (c+1<<31-1)>>31 | negZero
		out[i] = uint16(c | s<<sign)
	}
}

// scaleCodes is codes for e8m0: the exponent field, rounded up beyond 1.5 times its power of two, to
// the even one at it. The field 0, 2^-127, is float32's subnormals from their half on.
func scaleCodes(dst *[chunk]uint16, src []float32) {
	out := dst[:len(src)]
	for i, x := range src {
		b := math.Float32bits(x)
		c := min((b+1<<22-1+b>>23&1)>>23, 254)
		switch {
		case b&^signF32 > infF32:
			c = 255
		case b >= signF32:
			c = 0
		case b < 1<<23:
			c = 0
			if b > 3<<21 {
				c = 1
			}
		}
		out[i] = uint16(c)
	}
}

// tables memoises the values of all codes of the floats of up to 8 bits, by exponent, mantissa and
// policy: a pure function's results, whichever goroutine stores them first.
var tables [1 << 9]atomic.Pointer[[256]float32]

// table is the values of all codes of a float of up to 8 bits.
func (t Type) table() *[256]float32 {
	slot := &tables[int(t.Exp&15)<<5|int(t.Man&7)<<2|int(t.Specials&3)]
	if p := slot.Load(); p != nil {
		return p
	}
	p := new([256]float32)
	for c := range p {
		p[c] = float32(t.decodeFloat(uint64(c)))
	}
	slot.Store(p)
	return p
}

// DecodeF32 reads len(dst) values of t from a stream, from the given bit on. Values of i32 and up
// and of f64 round to float32.
func (t Type) DecodeF32(dst []float32, src []byte, bit int) {
	n := int(t.Width)
	switch {
	case t.Kind != FloatKind || t.Width == 64:
		viaF64(dst, func(buf []float64, i int) { t.DecodeF64(buf, src, bit+i*n) })
	case t.Width <= 8:
		decodeTable(dst, src, bit, n, t.table())
	case bit&7 != 0:
		for i := range dst {
			dst[i] = float32(t.decodeFloat(ReadCode(src, bit+i*n, n)))
		}
	default:
		t.decodeBytes(dst, src[bit>>3:])
	}
}

// decodeBytes is DecodeF32 of f32, tf32, f16 and bf16 at a byte boundary.
func (t Type) decodeBytes(dst []float32, src []byte) {
	src = src[:len(dst)*int(t.Width>>3)]
	switch t {
	case F16:
		for i := range dst {
			h := uint32(binary.LittleEndian.Uint16(src[2*i:]))
			// Exponent and mantissa in float32's places are the value less the difference of the
			// biases, subnormals included; the exponent of inf and NaN must be filled up.
			a := h & 0x7fff << 13
			r := math.Float32bits(math.Float32frombits(a) * 0x1p112)
			if a >= 0x1f<<23 {
				r |= infF32
			}
			dst[i] = math.Float32frombits(r | h&0x8000<<16)
		}
	case BF16:
		for i := range dst {
			dst[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(src[2*i:])) << 16)
		}
	case F32:
		if littleEndian {
			copy(bytesOf(dst), src)
			return
		}
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]))
		}
	default: // tf32
		for i := range dst {
			dst[i] = math.Float32frombits(binary.LittleEndian.Uint32(src[4*i:]) &^ 0x1fff)
		}
	}
}

func decodeTable(dst []float32, src []byte, bit, n int, tab *[256]float32) {
	if n == 8 && bit&7 == 0 {
		src = src[bit>>3:][:len(dst)]
		for i, c := range src {
			dst[i] = tab[c]
		}
		return
	}
	mask := uint64(1)<<n - 1
	groups := windows(len(dst)/8, len(src), bit, 8*n)
	for g := range groups {
		w := groupAt(src, bit, n, g)
		d := dst[8*g : 8*g+8 : 8*g+8]
		for j := range d {
			d[j] = tab[w&mask&255]
			w >>= n & 63
		}
	}
	for i := 8 * groups; i < len(dst); i++ {
		dst[i] = tab[ReadCode(src, bit+i*n, n)&255]
	}
}

// groupAt is the 64 bits of a stream that begin with the g-th group of 8 codes of n bits.
func groupAt(src []byte, bit, n, g int) uint64 {
	pos := uint(bit + 8*g*n)
	return binary.LittleEndian.Uint64(src[pos>>3:]) >> (pos & 7)
}

// viaF64 fills dst through float64 in chunks: read is given a buffer and the index of its first element.
func viaF64(dst []float32, read func(buf []float64, i int)) {
	var buf [chunk]float64
	for i := 0; i < len(dst); i += chunk {
		b := buf[:min(chunk, len(dst)-i)]
		read(b, i)
		for j, x := range b {
			dst[i+j] = float32(x)
		}
	}
}

// DecodeF64 reads len(dst) values of any t from a stream, from the given bit on. Integers beyond
// 2^53 round.
func (t Type) DecodeF64(dst []float64, src []byte, bit int) {
	n := int(t.Width)
	switch {
	case t == F64 && bit&7 == 0:
		src = src[bit>>3:][:8*len(dst)]
		if littleEndian {
			copy(bytesOf(dst), src)
			return
		}
		for i := range dst {
			dst[i] = math.Float64frombits(binary.LittleEndian.Uint64(src[8*i:]))
		}
	case t.Class() == ClassF32:
		var buf [chunk]float32
		for i := 0; i < len(dst); i += chunk {
			b := buf[:min(chunk, len(dst)-i)]
			t.DecodeF32(b, src, bit+i*n)
			for j, x := range b {
				dst[i+j] = float64(x)
			}
		}
	default:
		for i := range dst {
			dst[i] = t.Decode(ReadCode(src, bit+i*n, n))
		}
	}
}

// DecodeInts reads len(dst) values of t, of ClassInt, from a stream, from the given bit on. Floats
// are read as `as i64` gives them.
func (t Type) DecodeInts(dst []int64, src []byte, bit int) {
	n := int(t.Width)
	switch {
	case t.Kind == FloatKind:
		for i := range dst {
			dst[i] = I64.IntOfFloat(t.Decode(ReadCode(src, bit+i*n, n)), Default)
		}
	case n < 8:
		t.decodeSmallInts(dst, src, bit)
	case bit&7 != 0:
		for i := range dst {
			dst[i] = t.DecodeInt(ReadCode(src, bit+i*n, n))
		}
	default:
		t.decodeIntBytes(dst, src[bit>>3:])
	}
}

// decodeIntBytes is DecodeInts of types of 8 bits and up at a byte boundary.
func (t Type) decodeIntBytes(dst []int64, src []byte) {
	src = src[:len(dst)*int(t.Width>>3)]
	switch t {
	case I8:
		for i, b := range src {
			dst[i] = int64(int8(b))
		}
	case U8:
		for i, b := range src {
			dst[i] = int64(b)
		}
	case Bool:
		for i, b := range src {
			dst[i] = int64((uint(b) + 255) >> 8)
		}
	case Bipolar(8):
		for i, b := range src {
			dst[i] = int64(b)*2 - 255
		}
	case I16:
		for i := range dst {
			dst[i] = int64(int16(binary.LittleEndian.Uint16(src[2*i:])))
		}
	case U16:
		for i := range dst {
			dst[i] = int64(binary.LittleEndian.Uint16(src[2*i:]))
		}
	case I32:
		for i := range dst {
			dst[i] = int64(int32(binary.LittleEndian.Uint32(src[4*i:])))
		}
	case U32:
		for i := range dst {
			dst[i] = int64(binary.LittleEndian.Uint32(src[4*i:]))
		}
	default: // i64, u64
		if littleEndian {
			copy(bytesOf(dst), src)
			return
		}
		for i := range dst {
			dst[i] = int64(binary.LittleEndian.Uint64(src[8*i:]))
		}
	}
}

// decodeSmallInts is DecodeInts of types under 8 bits: value = low + scale*(code, sign-extended or not).
func (t Type) decodeSmallInts(dst []int64, src []byte, bit int) {
	n := int(t.Width)
	groups := windows(len(dst)/8, len(src), bit, 8*n)
	s := uint(64-n) & 63
	for g := range groups {
		w := groupAt(src, bit, n, g)
		d := dst[8*g : 8*g+8 : 8*g+8]
		switch t.Kind {
		case IntKind:
			for j := range d {
				d[j] = int64(w<<s) >> s
				w >>= n & 63
			}
		case UintKind:
			for j := range d {
				d[j] = int64(w << s >> s)
				w >>= n & 63
			}
		default:
			low := t.MinInt()
			for j := range d {
				d[j] = int64(w<<s>>s)*2 + low
				w >>= n & 63
			}
		}
	}
	for i := 8 * groups; i < len(dst); i++ {
		dst[i] = t.DecodeInt(ReadCode(src, bit+i*n, n))
	}
}

// EncodeF32 writes src to a stream as t, from the given bit on, and touches no other bit. Values
// that t lacks are rounded as RoundF32 rounds them, for integers as Encode does to nearest even.
func (t Type) EncodeF32(dst []byte, bit int, src []float32) {
	n := int(t.Width)
	switch {
	case gridded(t) && !(t == F16 && bit&7 == 0), t == E8M0:
		var g grid
		if t != E8M0 {
			g = gridOf(t)
		}
		var buf [chunk]uint16
		for i := 0; i < len(src); i += chunk {
			s := src[i:min(i+chunk, len(src))]
			if t == E8M0 {
				scaleCodes(&buf, s)
			} else {
				g.codes(&buf, s)
			}
			packCodes(dst, bit+i*n, n, buf[:len(s)])
		}
	case bit&7 != 0 || t.Class() != ClassF32 || t.Width <= 8:
		for i, x := range src {
			WriteCode(dst, bit+i*n, n, t.Encode(float64(x), NearestEven, t.Overflow()))
		}
	default:
		t.encodeBytes(dst[bit>>3:], src)
	}
}

// encodeBytes is EncodeF32 of f32, tf32, f16 and bf16 at a byte boundary.
func (t Type) encodeBytes(dst []byte, src []float32) {
	dst = dst[:len(src)*int(t.Width>>3)]
	switch {
	case t == F16: // what grid does, with constants for its variables
		for i, x := range src {
			b := math.Float32bits(x)
			a := b &^ signF32
			c := (a - 112<<23 + 0xfff + a>>13&1) >> 13
			if a < 113<<23 { // subnormal: ½ has an ulp of 2^-24
				c = math.Float32bits(math.Float32frombits(a)+0.5) - 126<<23
			} else if a >= 0x477ff000 { // 65520, halfway beyond the largest
				if c = 0x7c00; a > infF32 {
					c, b = 0x7e00, 0
				}
			}
			binary.LittleEndian.PutUint16(dst[2*i:], uint16(c|b>>16&0x8000))
		}
	case t == BF16:
		for i, x := range src {
			b := math.Float32bits(x)
			r := (b + 0x7fff + b>>16&1) >> 16
			if b&^signF32 > infF32 {
				r = nanF32 >> 16
			}
			binary.LittleEndian.PutUint16(dst[2*i:], uint16(r))
		}
	case t == TF32:
		var buf [chunk]float32
		for i := 0; i < len(src); i += chunk {
			s := src[i:min(i+chunk, len(src))]
			roundHigh(buf[:len(s)], s, 13)
			F32.encodeBytes(dst[4*i:], buf[:len(s)])
		}
	case littleEndian:
		copy(dst, bytesOf(src))
	default:
		for i, x := range src {
			binary.LittleEndian.PutUint32(dst[4*i:], math.Float32bits(x))
		}
	}
}

// packCodes writes codes of n bits, at most 16, at the given bit.
func packCodes(dst []byte, bit, n int, codes []uint16) {
	i := 0
	if bit&7 == 0 {
		out := dst[bit>>3:][:len(codes)*n>>3] // the bytes that the codes fill entirely
		switch {
		case n == 8:
			for i, c := range codes {
				out[i] = byte(c)
			}
			return
		case n == 16:
			for i, c := range codes {
				binary.LittleEndian.PutUint16(out[2*i:], c)
			}
			return
		}
		// 8 codes are n bytes. Where 8 bytes fit, what is written beyond the n is overwritten next.
		for ; len(out) >= 8 && i+8 <= len(codes); i += 8 {
			c := codes[i : i+8 : i+8]
			w := uint64(c[7])
			for j := 6; j >= 0; j-- {
				w = w<<(n&63) | uint64(c[j])
			}
			binary.LittleEndian.PutUint64(out, w)
			out = out[n:]
		}
	}
	w := newWriter(dst, bit+i*n)
	for _, c := range codes[i:] {
		w.put(uint64(c), uint(n))
	}
	w.close()
}

// EncodeF64 writes src to a stream as any t, from the given bit on, rounding each value once as
// Round64 does.
func (t Type) EncodeF64(dst []byte, bit int, src []float64) {
	if t == F64 && bit&7 == 0 {
		dst = dst[bit>>3:][:8*len(src)]
		if littleEndian {
			copy(dst, bytesOf(src))
			return
		}
	}
	n := int(t.Width)
	for i, x := range src {
		WriteCode(dst, bit+i*n, n, t.Encode(x, NearestEven, t.Overflow()))
	}
}

// EncodeInts writes src to a stream as t, of ClassInt, from the given bit on. The values are t's:
// of others the low bits are kept (bool: v != 0). Floats take `v as t`, v an i64.
func (t Type) EncodeInts(dst []byte, bit int, src []int64) {
	n := int(t.Width)
	switch {
	case t.Kind == FloatKind:
		for i, v := range src {
			WriteCode(dst, bit+i*n, n, t.Encode(t.FloatOfInt(I64, v, Default), NearestEven, t.Overflow()))
		}
	case n <= 16:
		var buf [chunk]uint16
		for i := 0; i < len(src); i += chunk {
			s := src[i:min(i+chunk, len(src))]
			t.intCodes(&buf, s)
			packCodes(dst, bit+i*n, n, buf[:len(s)])
		}
	case bit&7 != 0:
		for i, v := range src {
			WriteCode(dst, bit+i*n, n, uint64(v))
		}
	case n == 32:
		dst = dst[bit>>3:][:4*len(src)]
		for i, v := range src {
			binary.LittleEndian.PutUint32(dst[4*i:], uint32(v))
		}
	case littleEndian:
		copy(dst[bit>>3:][:8*len(src)], bytesOf(src))
	default:
		for i, v := range src {
			binary.LittleEndian.PutUint64(dst[bit>>3+8*i:], uint64(v))
		}
	}
}

// intCodes sets each dst[i] to the code of src[i] in a type of up to 16 bits, at most chunk of them.
func (t Type) intCodes(dst *[chunk]uint16, src []int64) {
	mask := uint16(t.codeMask())
	out := dst[:len(src)]
	switch t.Kind {
	case BoolKind:
		for i, v := range src {
			out[i] = uint16(uint64(v|-v) >> 63)
		}
	case BipolarKind:
		high := t.MaxInt()
		for i, v := range src {
			out[i] = uint16((v+high+1)>>1) & mask
		}
	default:
		for i, v := range src {
			out[i] = uint16(v) & mask
		}
	}
}
