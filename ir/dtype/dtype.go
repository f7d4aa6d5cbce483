// Package dtype describes every number format of the language as one small descriptor.
//
// In go codes (the bits of one element), packed little-endian bit streams of codes, and values:
// float32 for every float but f64, float64 for f64, int64 for integers and booleans (u64 by its
// bit pattern). Out come values, codes and streams. It always holds that
//
//   - a Type is a comparable value, equal exactly when the formats are equal, and
//     Parse(t.String()) is t for every valid t;
//   - rounding is correct from the given value in one step, never through a narrower type first;
//   - every function is pure: the same input gives the same bits on every machine. NaNs are the
//     one exception to "same bits in, same bits out": encoding gives the canonical NaN, payloads
//     and signs of NaNs mean nothing.
//
// # Special values
//
// The policy of a float says which codes are not numbers:
//
//	IEEE    exponent all ones: inf and NaN             f64 f32 tf32 f16 bf16 f8e5m2
//	FN      all-ones magnitude is NaN, no inf           f8e4m3 (OCP E4M3FN), e8m0 (255)
//	FNUZ    bias one higher, the code of -0 is the NaN  f8e4m3fnuz, f8e5m2fnuz
//	Finite  every code is a number                      floats under 8 bits (OCP MX FP6, FP4)
//
// A float without suffix has the policy that the field gives that name: 8 bits follow OCP OFP8,
// LLVM and ml_dtypes (f8e4m3 is FN, every other split is IEEE-like, as f8e5m2 and f8e3m4 are;
// f8e7m0 has no mantissa for inf beside NaN and is FN); under 8 bits every code is a number.
// LLVM and ml_dtypes call those Float4E2M1FN and float6_e3m2fn, so under 8 bits the suffix fn
// names the same finite format and not one with a NaN.
//
// # Overflow, NaN, zero
//
// Conversion to a float of up to 8 bits saturates: what lies beyond the largest finite value,
// infinities included, becomes that value with its sign, as cvt.satfinite of PTX and the saturating mode
// of OCP OFP8 do. Wider floats overflow to inf. NaN becomes NaN where there is one, and the largest
// positive value in a Finite format (PTX ISA, cvt to e2m1, e2m3, e3m2). Formats with -0 keep the
// sign of a zero and of what rounds to zero; FNUZ has one zero. e8m0 has neither zero nor sign:
// what is below its smallest value, 2^-127, becomes that (ml_dtypes makes NaN of what is negative).
package dtype

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Kind is the family of a Type.
type Kind uint8

// The families.
const (
	Invalid     Kind = iota // the zero Type
	BoolKind                // false, true
	IntKind                 // two's complement
	UintKind                // unsigned integers
	FloatKind               // sign, exponent, mantissa
	BipolarKind             // code u of N bits is worth 2u - (2^N - 1)
)

var kindNames = [...]string{"invalid", "bool", "int", "uint", "float", "bipolar"}

// String is the family's name, for messages.
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Specials is a float's policy for codes that are not numbers; the package comment has the table.
type Specials uint8

// The policies.
const (
	Finite Specials = iota
	IEEE
	FN
	FNUZ
)

// Class is how the interpreter holds the values of a Type.
type Class uint8

// The storage classes.
const (
	NoClass  Class = iota
	ClassF32       // float32: every float but f64
	ClassF64       // float64: f64
	ClassInt       // int64: integers, bipolar, bool (0, 1); u64 as its bit pattern
)

// Type is one number format. It is comparable and fit to be a map key; the zero value is invalid.
// Make one with Parse, Int, Uint, Bipolar, Float or take a named one.
type Type struct {
	Kind     Kind
	Width    uint8 // bits of an element in a tensor; Bits() as an int
	Exp, Man uint8 // exponent and mantissa bits of a float, else 0
	Bias     int16 // a normal float is worth (1 + man/2^Man) * 2^(exp - Bias)
	Specials Specials
	Signed   bool // has values below zero
}

// The named formats. Bool takes a byte in a tensor, as numpy's does: zero is false, anything else
// true (u1 is the packed bit). TF32 is 1+8+10 bits stored in the high bits of 32; the low 13 are
// written as zero and ignored when read, as tensor cores do.
var (
	Bool = Type{Kind: BoolKind, Width: 8}

	I8, I16, I32, I64  = Int(8), Int(16), Int(32), Int(64)
	U8, U16, U32, U64  = Uint(8), Uint(16), Uint(32), Uint(64)
	I2, I4, U1, U2, U4 = Int(2), Int(4), Uint(1), Uint(2), Uint(4)

	F64  = Type{FloatKind, 64, 11, 52, 1023, IEEE, true}
	F32  = Type{FloatKind, 32, 8, 23, 127, IEEE, true}
	TF32 = Type{FloatKind, 32, 8, 10, 127, IEEE, true}
	F16  = Type{FloatKind, 16, 5, 10, 15, IEEE, true}
	BF16 = Type{FloatKind, 16, 8, 7, 127, IEEE, true}

	F8E4M3     = Type{FloatKind, 8, 4, 3, 7, FN, true}    // OCP E4M3FN
	F8E5M2     = Type{FloatKind, 8, 5, 2, 15, IEEE, true} // OCP E5M2
	F8E4M3FNUZ = Type{FloatKind, 8, 4, 3, 8, FNUZ, true}  // CDNA3
	F8E5M2FNUZ = Type{FloatKind, 8, 5, 2, 16, FNUZ, true}
	F6E3M2     = Type{FloatKind, 6, 3, 2, 3, Finite, true}
	F6E2M3     = Type{FloatKind, 6, 2, 3, 1, Finite, true}
	F4E2M1     = Type{FloatKind, 4, 2, 1, 1, Finite, true}
	E8M0       = Type{FloatKind, 8, 8, 0, 127, FN, false} // OCP MX scale: 2^(code-127), 255 is NaN
)

// Int is iN for N of 2 to 8, 16, 32 and 64, else the invalid Type.
func Int(n int) Type {
	if n >= 2 && n <= 8 || n == 16 || n == 32 || n == 64 {
		return Type{Kind: IntKind, Width: uint8(n), Signed: true}
	}
	return Type{}
}

// Uint is uN for N of 1 to 8, 16, 32 and 64, else the invalid Type.
func Uint(n int) Type {
	if n >= 1 && n <= 8 || n == 16 || n == 32 || n == 64 {
		return Type{Kind: UintKind, Width: uint8(n)}
	}
	return Type{}
}

// Bipolar is bpN for N of 1 to 8, else the invalid Type. Its values are the odd integers from
// -(2^N-1) to 2^N-1.
func Bipolar(n int) Type {
	if n >= 1 && n <= 8 {
		return Type{Kind: BipolarKind, Width: uint8(n), Signed: true}
	}
	return Type{}
}

// Float is the signed small float of the given exponent and mantissa bits, 3 to 8 bits in all with
// at least one of exponent, under the given policy. It is an error to ask for what has no name:
// Finite in 8 bits, FN under 8 bits, IEEE without a mantissa bit to tell NaN from inf.
func Float(exp, man int, s Specials) (Type, error) {
	n := 1 + exp + man
	if exp < 1 || man < 0 || n < 3 || n > 8 {
		return Type{}, fmt.Errorf("no float has %d exponent and %d mantissa bits: small floats have 3 to 8 bits with the sign, at least one of them exponent", exp, man)
	}
	switch {
	case s == IEEE && man == 0:
		return Type{}, fmt.Errorf("f%de%dm0 cannot be ieee: without a mantissa bit NaN and inf are one code", n, exp)
	case s == Finite && n == 8:
		return Type{}, fmt.Errorf("f8e%dm%d has no all-finite form", exp, man)
	case s == FN && n < 8:
		return Type{}, fmt.Errorf("f%de%dm%d: fn under 8 bits is the finite format", n, exp, man)
	case s > FNUZ:
		return Type{}, fmt.Errorf("unknown special-value policy %d", s)
	}
	bias := 1<<(exp-1) - 1
	if s == FNUZ {
		bias++
	}
	return Type{FloatKind, uint8(n), uint8(exp), uint8(man), int16(bias), s, true}, nil
}

// defaultSpecials is the policy of fNeXmY without suffix.
func defaultSpecials(exp, man int) Specials {
	switch {
	case exp+man < 7:
		return Finite
	case exp == 4 || man == 0:
		return FN
	}
	return IEEE
}

var named = map[string]Type{
	"bool": Bool, "f64": F64, "f32": F32, "tf32": TF32, "f16": F16, "bf16": BF16, "e8m0": E8M0,
}

// Parse reads a type's name as language.md spells it: bool, i2..i8 i16 i32 i64, u1..u8 u16 u32 u64,
// f64 f32 tf32 f16 bf16, fNeXmY with an optional fn, fnuz or ieee, e8m0, bp1..bp8. The error says
// what is wrong with a name that looks like a type; ErrUnknown is in its chain where nothing does.
func Parse(name string) (Type, error) {
	if t, ok := named[name]; ok {
		return t, nil
	}
	for _, f := range families {
		digits, ok := strings.CutPrefix(name, f.prefix)
		if !ok || !isNumber(digits) {
			continue
		}
		n, err := strconv.Atoi(digits)
		if err == nil {
			if t := f.of(n); t.Kind != Invalid {
				return t, nil
			}
		}
		return Type{}, fmt.Errorf("there is no type %s: %s", name, f.have)
	}
	if t, ok, err := parseFloat(name); ok {
		return t, err
	}
	return Type{}, fmt.Errorf("%w %q", ErrUnknown, name)
}

// ErrUnknown is the error of Parse for a name that is not formed like a type's.
var ErrUnknown = fmt.Errorf("unknown type")

var families = []struct {
	prefix string
	of     func(int) Type
	have   string
}{
	{"bp", Bipolar, "bipolar types are bp1 to bp8"},
	{"i", Int, "signed integers are i2 to i8, i16, i32, i64"},
	{"u", Uint, "unsigned integers are u1 to u8, u16, u32, u64"},
}

// isNumber reports whether s is a decimal number without a leading zero.
func isNumber(s string) bool {
	if s == "" || s[0] == '0' {
		return false
	}
	return strings.Trim(s, "0123456789") == ""
}

// parseFloat reads fNeXmY and its suffix; ok is false where the name is not of that form at all.
func parseFloat(name string) (t Type, ok bool, err error) {
	var n, x, y int
	rest := name
	for _, part := range []struct {
		letter byte
		to     *int
	}{{'f', &n}, {'e', &x}, {'m', &y}} {
		if len(rest) < 2 || rest[0] != part.letter || rest[1] < '0' || rest[1] > '9' {
			return Type{}, false, nil
		}
		*part.to = int(rest[1] - '0')
		rest = rest[2:]
	}
	s := defaultSpecials(x, y)
	switch rest {
	case "":
	case "fn":
		if n == 8 {
			s = FN
		} else {
			s = Finite
		}
	case "fnuz":
		s = FNUZ
	case "ieee":
		s = IEEE
	default:
		return Type{}, false, nil
	}
	if n != 1+x+y {
		return Type{}, true, fmt.Errorf("there is no type %s: sign, %d exponent and %d mantissa bits are %d bits, not %d", name, x, y, 1+x+y, n)
	}
	t, err = Float(x, y, s)
	if err != nil {
		return Type{}, true, fmt.Errorf("there is no type %s: %w", name, err)
	}
	return t, true, nil
}

// String is the name that Parse reads; "invalid" for the zero Type.
func (t Type) String() string {
	switch t.Kind {
	case BoolKind:
		return "bool"
	case IntKind:
		return "i" + strconv.Itoa(int(t.Width))
	case UintKind:
		return "u" + strconv.Itoa(int(t.Width))
	case BipolarKind:
		return "bp" + strconv.Itoa(int(t.Width))
	case FloatKind:
		switch t {
		case F64:
			return "f64"
		case F32:
			return "f32"
		case TF32:
			return "tf32"
		case F16:
			return "f16"
		case BF16:
			return "bf16"
		case E8M0:
			return "e8m0"
		}
		s := fmt.Sprintf("f%de%dm%d", t.Width, t.Exp, t.Man)
		if t.Specials != defaultSpecials(int(t.Exp), int(t.Man)) {
			s += [...]string{Finite: "finite", IEEE: "ieee", FN: "fn", FNUZ: "fnuz"}[t.Specials&3]
		}
		return s
	}
	return "invalid"
}

// All lists every valid Type once, in a fixed order: for tests and tables.
func All() []Type {
	out := []Type{Bool}
	for n := 1; n <= 64; n++ {
		for _, t := range []Type{Int(n), Uint(n), Bipolar(n)} {
			if t.Kind != Invalid {
				out = append(out, t)
			}
		}
	}
	out = append(out, F64, F32, TF32, F16, BF16, E8M0)
	for n := 3; n <= 8; n++ {
		for x := 1; x < n; x++ {
			for s := Finite; s <= FNUZ; s++ {
				if t, err := Float(x, n-1-x, s); err == nil {
					out = append(out, t)
				}
			}
		}
	}
	return out
}

// Valid reports whether t is a format at all.
func (t Type) Valid() bool { return t.Kind != Invalid }

// Bits is the width of an element in a tensor.
func (t Type) Bits() int { return int(t.Width) }

// IsFloat reports whether t is a float.
func (t Type) IsFloat() bool { return t.Kind == FloatKind }

// IsInt reports whether t is a signed or unsigned integer (bool and bipolar are not).
func (t Type) IsInt() bool { return t.Kind == IntKind || t.Kind == UintKind }

// Class is how values of t are held.
func (t Type) Class() Class {
	switch {
	case t.Kind == Invalid:
		return NoClass
	case t.Kind != FloatKind:
		return ClassInt
	case t.Width == 64:
		return ClassF64
	}
	return ClassF32
}

// Wide is the accumulation type of `dot` on t, language.md's wide(T): f64 for f64, f32 for other
// floats, i32 for bipolar, bool and integers of up to 16 bits, else i64.
func (t Type) Wide() Type {
	switch {
	case t.Kind == Invalid:
		return Type{}
	case t.Kind == FloatKind && t.Width == 64:
		return F64
	case t.Kind == FloatKind:
		return F32
	case t.Width <= 16:
		return I32
	}
	return I64
}

// Arithmetic reports whether + - * / and the like exist on t: not on bool, bipolar, types under
// 8 bits, and 8-bit floats.
func (t Type) Arithmetic() bool {
	switch t.Kind {
	case IntKind, UintKind:
		return t.Width >= 8
	case FloatKind:
		return t.Width >= 16
	}
	return false
}

// Widens reports whether a value of from becomes one of to without a cast: the two are equal, or
// they are of one family and `x as to` keeps every value, NaN, inf and -0 included. (So an inf never
// widens into 8 bits, where it would saturate.) Bipolar values are integers and widen to signed ones;
// integers never widen to floats, bool to nothing.
func Widens(from, to Type) bool {
	switch {
	case from.Kind == Invalid || to.Kind == Invalid:
		return false
	case from == to:
		return true
	case from.Kind == FloatKind && to.Kind == FloatKind:
		return floatWidens(from, to)
	case from.Kind == FloatKind || to.Kind == FloatKind || from.Kind == BoolKind || to.Kind == BoolKind:
		return false
	case to.Kind == BipolarKind:
		return from.Kind == BipolarKind && from.Width <= to.Width
	case from.Kind == BipolarKind:
		return to.Kind == IntKind && to.Width > from.Width
	case from.Kind == to.Kind:
		return from.Width <= to.Width
	}
	return from.Kind == UintKind && from.Width < to.Width
}

// floatWidens decides Widens for two different floats. Wide formats nest by exponent and mantissa;
// small ones are few enough to ask every code.
func floatWidens(from, to Type) bool {
	if from.Width > 8 {
		return to.Exp >= from.Exp && to.Man >= from.Man && to.Width > 8
	}
	if from.HasInf() && to.Overflow() == Saturate || from.HasNaN() && !to.HasNaN() || from.HasNegZero() && !to.HasNegZero() {
		return false
	}
	for c := uint64(0); c < 1<<from.Width; c++ {
		x := from.Decode(c)
		if y := to.Decode(to.Encode(x, TowardZero, to.Overflow())); x != y && x == x {
			return false
		}
	}
	return true
}

// HasInf reports whether t has infinities.
func (t Type) HasInf() bool { return t.Kind == FloatKind && t.Specials == IEEE }

// HasNaN reports whether t has a NaN.
func (t Type) HasNaN() bool { return t.Kind == FloatKind && t.Specials != Finite }

// HasNegZero reports whether t tells -0 from 0.
func (t Type) HasNegZero() bool { return t.Kind == FloatKind && t.Signed && t.Specials != FNUZ }

// Max is the largest finite value of t; of i64 and u64 as a float64, so rounded up (MaxInt is exact).
func (t Type) Max() float64 {
	switch t.Kind {
	case FloatKind:
		return t.Decode(t.maxMag() << t.pad())
	case UintKind:
		return math.Ldexp(1, int(t.Width)) - 1
	case IntKind, BoolKind, BipolarKind:
		return float64(t.MaxInt())
	}
	return math.NaN()
}

// Lowest is the most negative finite value of t, for an unsigned one the smallest.
func (t Type) Lowest() float64 {
	switch t.Kind {
	case FloatKind:
		if t.Signed {
			return -t.Max()
		}
		return t.Decode(0)
	case Invalid:
		return math.NaN()
	}
	return float64(t.MinInt())
}

// MaxInt is the largest value of an integer, bipolar or boolean type; of u64 its bit pattern, -1.
func (t Type) MaxInt() int64 {
	switch t.Kind {
	case BoolKind:
		return 1
	case IntKind:
		return int64(1)<<(t.Width-1) - 1
	case UintKind, BipolarKind:
		return int64(^uint64(0) >> (64 - t.Width))
	}
	return 0
}

// MinInt is the smallest value of an integer, bipolar or boolean type.
func (t Type) MinInt() int64 {
	switch t.Kind {
	case IntKind:
		return -1 << (t.Width - 1)
	case BipolarKind:
		return -t.MaxInt()
	}
	return 0
}

// MinNormal is the smallest positive value of full precision of a float, else 1.
func (t Type) MinNormal() float64 {
	if t.Kind != FloatKind {
		return 1
	}
	return math.Ldexp(1, t.minExp())
}

// SmallestSubnormal is the smallest positive value of t: 2^-127 for e8m0, which has no subnormals.
func (t Type) SmallestSubnormal() float64 {
	if t.Kind != FloatKind {
		return 1
	}
	return math.Ldexp(1, t.minExp()-int(t.Man))
}

// UnitRoundoff is half the distance from 1 to the next larger float of t (2^-(Man+1), but for the
// few formats in which 1 is subnormal), the h of the error bounds in testing.md; 0 for other types.
func (t Type) UnitRoundoff() float64 {
	if t.Kind != FloatKind {
		return 0
	}
	return math.Ldexp(1, max(0, t.minExp())-int(t.Man)-1)
}

// Overflow is what conversion to t does beyond its range when the text does not say: floats wider
// than 8 bits become inf, all else saturates.
func (t Type) Overflow() Overflow {
	if t.Kind == FloatKind && t.Width > 8 {
		return ToInf
	}
	return Saturate
}
