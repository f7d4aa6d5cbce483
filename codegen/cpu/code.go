package cpu

import (
	"math"

	"github.com/llir/llvm/ir/types"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir/dtype"
)

// Bits of an f32.
const (
	signBit = 1 << 31
	infBits = 0xff << 23
	nanBits = infBits | 1<<22
)

// k is an integer constant in all lanes; of v the low bits count.
func (u *unit) k(t llx.Type, v int64, lanes int) llx.Value {
	if w, ok := t.(*types.IntType); ok && w.BitSize > 1 && w.BitSize < 64 {
		v = v << (64 - w.BitSize) >> (64 - w.BitSize)
	}
	return u.Splat(llx.Int(t, v), lanes)
}

// k32 is an i32 constant in all lanes.
func (u *unit) k32(v int64, lanes int) llx.Value { return u.k(llx.I32, v, lanes) }

// kf is a constant of a class of floats in all lanes.
func (u *unit) kf(c class, v float64, lanes int) llx.Value {
	if c == f64Class {
		return u.Splat(llx.F64(v), lanes)
	}
	return u.Splat(llx.F32(v), lanes)
}

// bitsOf and floatOf reinterpret lanes of f32 as i32 and back.
func (u *unit) bitsOf(v llx.Value, lanes int) llx.Value {
	return u.Bitcast(v, llx.Vec(llx.I32, lanes))
}

func (u *unit) floatOf(v llx.Value, lanes int) llx.Value {
	return u.Bitcast(v, llx.Vec(llx.Float, lanes))
}

// isNaN is the mask of lanes that are no numbers.
func (u *unit) isNaN(v llx.Value) llx.Value { return u.FCmp("uno", v, v) }

// codeType is the integer type of a container of codes.
func codeType(t dtype.Type) llx.Type { return llx.IntType(8 * container(t)) }

// tally is what arithmetic on the codes of a float of at most 16 bits needs. As in package dtype, codes grow with
// magnitude and a carry out of the mantissa moves to the next exponent, so rounding a code rounds the value.
type tally struct {
	man, drop int    // mantissa bits that the type has, and lacks beside f32
	minExp    int    // exponent of the smallest normal value
	sign      int    // position of the sign bit
	mag       uint32 // mask of the magnitude bits
	top       uint32 // magnitude of the largest finite value
	over, nan uint32 // codes of what a conversion finds beyond it, and of NaN
}

func tallyOf(t dtype.Type) tally {
	code := func(x float64) uint32 { return uint32(t.Encode(x, dtype.NearestEven, t.Overflow())) }
	bits := int(t.Exp) + int(t.Man)
	return tally{
		man: int(t.Man), drop: 23 - int(t.Man), minExp: math.Ilogb(t.MinNormal()), sign: bits, mag: 1<<bits - 1,
		top: code(t.Max()), over: code(math.Inf(1)), nan: code(math.NaN()),
	}
}

// halfValue is valueOf, of codes in i8 lanes, by way of the hardware's f16, which has subnormals at full speed: sign,
// exponent and mantissa go to their places, and what differs is the bias.
func (u *unit) halfValue(t dtype.Type, c llx.Value, lanes int) llx.Value {
	k := func(x int64) llx.Value { return u.k(llx.I16, x, lanes) }
	n, y := t.Bits(), tallyOf(t)
	c = u.ZExt(c, llx.Vec(llx.I16, lanes))
	h := u.Shl(c, k(int64(16-n)))
	if t.Exp < 5 {
		h = u.And(u.AShr(h, k(int64(5-t.Exp))), k(1<<15|int64(y.mag)<<(10-y.man)))
	}
	f := u.FPExt(u.Bitcast(h, llx.Vec(llx.Half, lanes)), llx.Vec(llx.Float, lanes))
	if t.Bias != 15 {
		f = u.FMul(f, u.kf(f32Class, math.Ldexp(1, 15-int(t.Bias)), lanes))
	}
	if t.Exp == 5 {
		return f
	}
	mag := u.And(c, k(int64(y.mag)))
	nan := u.kf(f32Class, math.NaN(), lanes)
	switch t.Specials {
	case dtype.IEEE:
		f = u.Select(u.ICmp("eq", mag, k(int64(y.top+1))), u.Intrinsic("copysign", f.Type(), u.kf(f32Class, math.Inf(1), lanes), f), f)
		return u.Select(u.ICmp("ugt", mag, k(int64(y.top+1))), nan, f)
	case dtype.FN:
		return u.Select(u.ICmp("eq", mag, k(int64(y.mag))), nan, f)
	case dtype.FNUZ:
		return u.Select(u.ICmp("eq", u.And(c, k(int64(y.mag<<1|1))), k(int64(y.mag+1))), nan, f)
	}
	return f
}

// looksUp reports whether a register of the level holds the values of all codes of t, or of those without sign.
func (u *unit) looksUp(t dtype.Type, lanes int) bool {
	switch {
	case t.Bits() > 4 || t.Kind == dtype.UintKind:
		return false
	case u.level.AVX512:
		return lanes%16 == 0
	}
	return u.level.Name == "avx2" && lanes%8 == 0 && t.Bits() == 4 && t.HasNegZero()
}

// lookUp is decode from a register; of the codes, in i8 lanes, the instructions take the low bits alone.
func (u *unit) lookUp(t dtype.Type, c llx.Value, lanes int) llx.Value {
	width, bits := 16, t.Bits()
	name := "llvm.x86.avx512.permvar.sf.512"
	switch {
	case !u.level.AVX512:
		width, bits = 8, 3
		name = "llvm.x86.avx2.permps"
	case !t.IsFloat():
		name = "llvm.x86.avx512.permvar.si.512"
	}
	table := make([]llx.Value, width)
	for i := range table {
		code := uint64(i) & (1<<bits - 1)
		if t.IsFloat() {
			table[i] = llx.F32(t.Decode(code))
		} else {
			table[i] = llx.C32(t.DecodeInt(code))
		}
	}
	at := u.ZExt(c, llx.Vec(llx.I32, lanes))
	out := llx.Vec(classOf(t).scalar(), width)
	parts := make([]llx.Value, 0, lanes/width)
	for i := 0; i < lanes; i += width {
		order := make([]int, width)
		for j := range order {
			order[j] = i + j
		}
		part := at
		if lanes > width {
			part = u.Shuffle(at, llx.Undef(at.Type()), order)
		}
		parts = append(parts, u.Call(name, out, llx.VecConst(table), part))
	}
	v := u.joinedParts(parts)
	if u.level.AVX512 {
		return v
	}
	sign := u.And(u.Shl(at, u.k32(28, lanes)), u.k32(signBit, lanes))
	return u.floatOf(u.Or(u.bitsOf(v, lanes), sign), lanes)
}

// joinedParts is one vector of several equally long ones.
func (u *unit) joinedParts(parts []llx.Value) llx.Value {
	for len(parts) > 1 {
		var next []llx.Value
		for i := 0; i+1 < len(parts); i += 2 {
			order := make([]int, 2*llx.Lanes(parts[i].Type()))
			for j := range order {
				order[j] = j
			}
			next = append(next, u.Shuffle(parts[i], parts[i+1], order))
		}
		parts = next
	}
	return parts[0]
}

// rounding is how a value that a type lacks becomes one of the type's.
type rounding uint8

const (
	nearest rounding = iota // to even, overflow as the type says
	toZero
	exactly // there is nothing to round: the value is one of the type's
)

// codeOf gives the codes, in i32 lanes, of values in f32 lanes, for the floats of up to 16 bits.
func (u *unit) codeOf(t dtype.Type, v llx.Value, how rounding, lanes int) llx.Value {
	k := func(x uint32) llx.Value { return u.k32(int64(x), lanes) }
	b := u.bitsOf(v, lanes)
	switch t {
	case dtype.BF16:
		return u.LShr(u.bitsOf(u.rounded(t, v, how, lanes), lanes), k(16))
	case dtype.E8M0:
		return u.scaleCode(v, how, lanes)
	}
	y := tallyOf(t)
	a := u.And(b, k(signBit-1))
	abs := u.floatOf(a, lanes)
	// Normal values: exponent and mantissa, less what the type's exponents start at.
	d := u.Sub(a, k(uint32(y.minExp-1+127)<<23))
	if how == nearest {
		odd := u.And(u.LShr(d, k(uint32(y.drop))), k(1))
		d = u.Add(u.Add(d, k(1<<(y.drop-1)-1)), odd)
	}
	c := u.LShr(d, k(uint32(y.drop)))
	// Subnormal ones: adding a number whose last bit is worth the smallest value leaves their count in the low bits.
	lift := math.Ldexp(1, y.minExp-y.man+23)
	sum := u.FAdd(abs, u.kf(f32Class, lift, lanes))
	small := u.Sub(u.bitsOf(sum, lanes), k(math.Float32bits(float32(lift))))
	if how == toZero {
		up := u.FCmp("ogt", u.FSub(sum, u.kf(f32Class, lift, lanes)), abs)
		small = u.Sub(small, u.ZExt(up, llx.Vec(llx.I32, lanes)))
	}
	c = u.Select(u.ICmp("ult", a, k(uint32(y.minExp+127)<<23)), small, c)
	switch how {
	case nearest:
		c = u.Select(u.ICmp("ugt", c, k(y.top)), k(y.over), c)
	case toZero:
		c = u.Select(u.ICmp("ugt", c, k(y.top)), k(y.top), c)
		if y.over != y.top {
			c = u.Select(u.ICmp("eq", a, k(infBits)), k(y.over), c)
		}
	case exactly:
		if t.HasInf() {
			c = u.Select(u.ICmp("eq", a, k(infBits)), k(y.top+1), c)
		}
	}
	s := u.LShr(u.And(b, k(signBit)), k(uint32(31-y.sign)))
	if !t.HasNegZero() {
		s = u.Select(u.ICmp("eq", c, k(0)), k(0), s)
	}
	return u.Select(u.ICmp("ugt", a, k(infBits)), k(y.nan), u.Or(c, s))
}

// scaleCode is codeOf for e8m0, which has neither zero nor sign: the exponent field, 2^-127 being a subnormal f32.
func (u *unit) scaleCode(v llx.Value, how rounding, lanes int) llx.Value {
	k := func(x uint32) llx.Value { return u.k32(int64(x), lanes) }
	b := u.bitsOf(v, lanes)
	field := func(b llx.Value) llx.Value { return u.LShr(b, k(23)) }
	if how == exactly {
		return u.And(field(b), k(255))
	}
	c := field(b)
	if how == nearest {
		c = field(u.Add(u.Add(b, k(1<<22-1)), u.And(field(b), k(1))))
		first := u.ZExt(u.ICmp("ugt", b, k(3<<21)), llx.Vec(llx.I32, lanes))
		c = u.Select(u.ICmp("ult", b, k(1<<23)), first, c)
	}
	c = u.Select(u.ICmp("ugt", c, k(254)), k(254), c)
	c = u.Select(u.ICmp("slt", b, k(0)), k(0), c)
	return u.Select(u.isNaN(v), k(255), c)
}

// valueOf gives the values, in f32 lanes, of codes in i32 lanes, for the floats of up to 16 bits. Bits above the type's
// mean nothing.
func (u *unit) valueOf(t dtype.Type, c llx.Value, lanes int) llx.Value {
	k := func(x uint32) llx.Value { return u.k32(int64(x), lanes) }
	switch t {
	case dtype.BF16:
		return u.floatOf(u.Shl(c, k(16)), lanes)
	case dtype.E8M0:
		c = u.And(c, k(255))
		edge := u.Or(u.ICmp("eq", c, k(0)), u.ICmp("eq", c, k(255))) // 2^-127 and NaN
		b := u.Shl(c, k(23))
		return u.floatOf(u.Select(edge, u.Or(b, k(1<<22)), b), lanes)
	}
	y := tallyOf(t)
	mag := u.And(c, k(y.mag))
	s := u.And(u.Shl(c, k(uint32(31-y.sign))), k(signBit))
	b := u.Shl(mag, k(uint32(y.drop)))
	// A subnormal is what its mantissa adds to the smallest normal value.
	low := math.Ldexp(1, y.minExp)
	small := u.FSub(u.floatOf(u.Add(b, k(math.Float32bits(float32(low)))), lanes), u.kf(f32Class, low, lanes))
	normal := u.Add(b, k(uint32(y.minExp-1+127)<<23))
	r := u.Or(u.Select(u.ICmp("ult", mag, k(1<<y.man)), u.bitsOf(small, lanes), normal), s)
	switch t.Specials {
	case dtype.IEEE:
		r = u.Select(u.ICmp("ugt", mag, k(y.top)), u.Or(u.Or(b, s), k(infBits)), r)
	case dtype.FN:
		r = u.Select(u.ICmp("eq", mag, k(y.mag)), k(nanBits), r)
	case dtype.FNUZ:
		r = u.Select(u.ICmp("eq", u.And(c, k(y.mag<<1|1)), k(y.mag+1)), k(nanBits), r)
	}
	return u.floatOf(r, lanes)
}

// round rounds values in f32 lanes to the float t, of the class f32, as a cast to nearest does.
func (u *unit) round(t dtype.Type, v llx.Value, lanes int) llx.Value {
	return u.rounded(t, v, nearest, lanes)
}

func (u *unit) rounded(t dtype.Type, v llx.Value, how rounding, lanes int) llx.Value {
	switch {
	case t == dtype.F32 || how == exactly:
		return v
	case t == dtype.BF16:
		return u.roundHigh(v, 16, how, lanes)
	case t == dtype.TF32:
		return u.roundHigh(v, 13, how, lanes)
	case t == dtype.F16 && how == nearest && u.level.F16C:
		return u.FPExt(u.FPTrunc(v, llx.Vec(llx.Half, lanes)), llx.Vec(llx.Float, lanes))
	case how == nearest && t.Man > 0 && t.Exp <= 6:
		return u.roundGrid(t, v, lanes)
	}
	return u.valueOf(t, u.codeOf(t, v, how, lanes), lanes)
}

// roundHigh rounds to formats that are the high bits of an f32: adding just under half of the last kept bit, and one
// more where that bit is odd, carries exactly when rounding goes up.
func (u *unit) roundHigh(v llx.Value, drop int, how rounding, lanes int) llx.Value {
	k := func(x uint32) llx.Value { return u.k32(int64(x), lanes) }
	b := u.bitsOf(v, lanes)
	r := b
	if how == nearest {
		odd := u.And(u.LShr(b, k(uint32(drop))), k(1))
		r = u.Add(u.Add(b, k(1<<(drop-1)-1)), odd)
	}
	r = u.And(r, k(^uint32(0)<<drop))
	return u.floatOf(u.Select(u.isNaN(v), k(nanBits), r), lanes)
}

// roundGrid rounds to floats with a mantissa and few exponents. With q the distance of neighbouring values around |x| and
// m = 2^23 q, adding m to |x| rounds |x| to a multiple of q, ties to even, as m's last bit is worth q. Clamping the
// exponent at the smallest normal one gives subnormals their q, at the largest one keeps m finite.
func (u *unit) roundGrid(t dtype.Type, v llx.Value, lanes int) llx.Value {
	k := func(x uint32) llx.Value { return u.k32(int64(x), lanes) }
	y := tallyOf(t)
	val := func(x float64) uint32 { return math.Float32bits(float32(t.Round64(x))) }
	low := uint32(y.minExp+127) << 23
	most := math.Float32bits(float32(t.Max()))
	high := max(most&infBits, low)
	b := u.bitsOf(v, lanes)
	a := u.And(b, k(signBit-1))
	s := u.And(b, k(signBit))
	m := u.Max(u.And(a, k(infBits)), k(low))
	m = u.floatOf(u.Add(u.Min(m, k(high)), k(uint32(y.drop)<<23)), lanes)
	r := u.bitsOf(u.FSub(u.FAdd(u.floatOf(a, lanes), m), m), lanes)
	r = u.Select(u.ICmp("sgt", r, k(most)), k(val(math.Inf(1))), r)
	if !t.HasNegZero() {
		s = u.Select(u.ICmp("eq", r, k(0)), k(0), s)
	}
	r = u.Select(u.isNaN(v), k(val(math.NaN())), u.Or(r, s))
	return u.floatOf(r, lanes)
}

// decode gives the values of codes in lanes of the container's integer type. Bits above the type's mean nothing.
func (u *unit) decode(t dtype.Type, code llx.Value, lanes int) llx.Value {
	n := t.Bits()
	word := llx.Vec(llx.I32, lanes)
	switch {
	case t.Kind == dtype.BoolKind:
		return u.ICmp("ne", code, u.k(llx.I8, 0, lanes))
	case t == dtype.F64:
		return u.Bitcast(code, llx.Vec(llx.Double, lanes))
	case t == dtype.F32:
		return u.floatOf(code, lanes)
	case t == dtype.TF32:
		return u.floatOf(u.And(code, u.k32(^0x1fff, lanes)), lanes)
	case t == dtype.F16 && u.level.F16C:
		return u.FPExt(u.Bitcast(code, llx.Vec(llx.Half, lanes)), llx.Vec(llx.Float, lanes))
	case u.looksUp(t, lanes):
		return u.lookUp(t, code, lanes)
	case t.IsFloat() && n <= 8 && u.level.F16C && (t.Exp < 5 || t.Exp == 5 && t.HasInf()):
		return u.halfValue(t, code, lanes)
	case t.IsFloat():
		return u.valueOf(t, u.ZExt(code, word), lanes)
	case n >= 32:
		return code
	case t.Kind == dtype.BipolarKind:
		c := u.And(u.ZExt(code, word), u.k32(1<<n-1, lanes))
		return u.Sub(u.Shl(c, u.k32(1, lanes)), u.k32(1<<n-1, lanes))
	case t.Kind == dtype.UintKind:
		if n < 8 {
			code = u.And(code, u.k(llx.I8, 1<<n-1, lanes))
		}
		return u.ZExt(code, word)
	case n < 8: // sign extension: flip the sign bit, and take its worth off again
		c := u.Xor(u.And(code, u.k(llx.I8, 1<<n-1, lanes)), u.k(llx.I8, 1<<(n-1), lanes))
		return u.Sub(u.ZExt(c, word), u.k32(1<<(n-1), lanes))
	}
	return u.SExt(code, word)
}

// encode gives the codes, in lanes of the container's integer type, of values of t. Bits above the type's are 0.
func (u *unit) encode(t dtype.Type, v llx.Value, lanes int) llx.Value {
	n := t.Bits()
	to := llx.Vec(codeType(t), lanes)
	switch {
	case t.Kind == dtype.BoolKind:
		return u.ZExt(v, to)
	case t.IsFloat() && n >= 32:
		return u.Bitcast(v, to)
	case t == dtype.F16 && u.level.F16C:
		return u.Bitcast(u.FPTrunc(v, llx.Vec(llx.Half, lanes)), to)
	case t == dtype.BF16:
		return u.Trunc(u.LShr(u.bitsOf(v, lanes), u.k32(16, lanes)), to)
	case t.IsFloat():
		return u.Trunc(u.codeOf(t, v, exactly, lanes), to)
	case n >= 32:
		return v
	case t.Kind == dtype.BipolarKind:
		v = u.LShr(u.Add(v, u.k32(1<<n-1, lanes)), u.k32(1, lanes))
	case n < 8:
		v = u.And(v, u.k32(1<<n-1, lanes))
	}
	return u.Trunc(v, to)
}
