package check

import (
	"errors"
	"fmt"
	"go/constant"
	"go/token"
	"math"
	"math/big"
	"strconv"

	"github.com/tilec/tilec/ir/dtype"
)

// special is a constant that is no number of any size, or whose number depends on the type it takes.
type special uint8

const (
	plain   special = iota
	posInf          // inf
	negInf          // -inf
	notNum          // nan
	lowest          // the least finite value of the type it takes
	highest         // the greatest
)

var specialNames = [...]string{posInf: "inf", negInf: "-inf", notNum: "nan", lowest: "lowest", highest: "highest"}

// konst is an untyped, exact compile-time constant: an integer, a number, a bool or a string, or a special. The zero
// konst is invalid.
type konst struct {
	v  constant.Value
	sp special
}

// maxConstBits bounds integer constants, so that no text makes the compiler compute without end.
const maxConstBits = 1 << 12

func intConst(n int64) konst     { return konst{v: constant.MakeInt64(n)} }
func boolConst(b bool) konst     { return konst{v: constant.MakeBool(b)} }
func stringConst(s string) konst { return konst{v: constant.MakeString(s)} }

// floatConst is x as a constant of float kind.
func floatConst(x float64) konst {
	switch {
	case math.IsNaN(x):
		return konst{sp: notNum}
	case math.IsInf(x, 1):
		return konst{sp: posInf}
	case math.IsInf(x, -1):
		return konst{sp: negInf}
	}
	return konst{v: constant.ToFloat(constant.MakeFloat64(x))}
}

func (k konst) valid() bool    { return k.sp != plain || k.v != nil }
func (k konst) isBool() bool   { return k.sp == plain && k.v != nil && k.v.Kind() == constant.Bool }
func (k konst) isString() bool { return k.sp == plain && k.v != nil && k.v.Kind() == constant.String }
func (k konst) isNumber() bool { return k.valid() && !k.isBool() && !k.isString() }

// isInt reports whether k is an integer constant, as its text or the operations that made it say: 1.0 is not.
func (k konst) isInt() bool { return k.sp == plain && k.v != nil && k.v.Kind() == constant.Int }

// bool is the value of a boolean constant.
func (k konst) bool() bool { return constant.BoolVal(k.v) }

// int64 is the value of a constant that is a whole number, however written, and fits.
func (k konst) int64() (int64, bool) {
	if !k.isNumber() || k.sp != plain {
		return 0, false
	}
	n := constant.ToInt(k.v)
	if n.Kind() != constant.Int {
		return 0, false
	}
	return constant.Int64Val(n)
}

// float64 is the nearest float64 of a number; lowest and highest have none.
func (k konst) float64() (float64, bool) {
	switch k.sp {
	case posInf:
		return math.Inf(1), true
	case negInf:
		return math.Inf(-1), true
	case notNum:
		return math.NaN(), true
	case lowest, highest:
		return 0, false
	}
	if !k.isNumber() {
		return 0, false
	}
	f, _ := constant.Float64Val(constant.ToFloat(k.v))
	return f, true
}

// String is the constant as a person writes it.
func (k konst) String() string {
	switch {
	case k.sp != plain:
		return specialNames[k.sp]
	case k.v == nil:
		return "invalid"
	case k.v.Kind() == constant.Int:
		s := k.v.ExactString()
		if len(s) > 40 {
			s = s[:20] + "… (" + fmt.Sprint(len(s)) + " digits)"
		}
		return s
	}
	return k.v.String()
}

// equal reports whether two constants are the same value.
func (k konst) equal(l konst) bool {
	if k.sp != plain || l.sp != plain {
		return k.sp == l.sp
	}
	if k.v == nil || l.v == nil || k.isBool() != l.isBool() || k.isString() != l.isString() {
		return k.v == nil && l.v == nil
	}
	return constant.Compare(k.v, token.EQL, l.v)
}

// errConst is why a constant operation has no value.
type errConst string

func (e errConst) Error() string { return string(e) }

// unary computes -k, !k, ~k.
func (k konst) unary(op string) (konst, error) {
	switch op {
	case "!":
		if k.isBool() {
			return boolConst(!k.bool()), nil
		}
		return konst{}, errConst("! takes a bool")
	case "~":
		if k.isInt() {
			return konst{v: constant.UnaryOp(token.XOR, k.v, 0)}, nil
		}
		return konst{}, errConst("~ takes an integer")
	}
	switch {
	case k.sp == posInf:
		return konst{sp: negInf}, nil
	case k.sp == negInf:
		return konst{sp: posInf}, nil
	case k.sp == notNum:
		return k, nil
	case k.sp != plain:
		return konst{}, errConst(specialNames[k.sp] + " has no value before it has a type")
	case !k.isNumber():
		return konst{}, errConst("- takes a number")
	}
	return konst{v: constant.UnaryOp(token.SUB, k.v, 0)}, nil
}

var compareTokens = map[string]token.Token{
	"==": token.EQL, "!=": token.NEQ, "<": token.LSS, "<=": token.LEQ, ">": token.GTR, ">=": token.GEQ,
}

var arithTokens = map[string]token.Token{
	"+": token.ADD, "-": token.SUB, "*": token.MUL, "&": token.AND, "|": token.OR, "^": token.XOR,
}

// binary computes k op l by the language's rules: exact, integers floor, % has the divisor's sign.
func (k konst) binary(op string, l konst) (konst, error) {
	switch {
	case op == "&&" || op == "||":
		if !k.isBool() || !l.isBool() {
			return konst{}, errConst(op + " takes two bools")
		}
		if op == "&&" {
			return boolConst(k.bool() && l.bool()), nil
		}
		return boolConst(k.bool() || l.bool()), nil
	case k.isBool() || l.isBool() || k.isString() || l.isString():
		same := k.isBool() && l.isBool() || k.isString() && l.isString()
		if !same || op != "==" && op != "!=" {
			return konst{}, errConst(fmt.Sprintf("no operator %s on %s and %s", op, k.kindName(), l.kindName()))
		}
		return boolConst(k.equal(l) == (op == "==")), nil
	case k.sp == lowest || k.sp == highest || l.sp == lowest || l.sp == highest:
		return konst{}, errConst("lowest and highest have no value before they have a type")
	case k.sp != plain || l.sp != plain:
		return k.binaryFloat64(op, l)
	}
	if t, ok := compareTokens[op]; ok {
		return boolConst(constant.Compare(k.v, t, l.v)), nil
	}
	ints := k.isInt() && l.isInt()
	switch op {
	case "&", "|", "^":
		if !ints {
			return konst{}, errConst(op + " takes integers")
		}
		return konst{v: constant.BinaryOp(k.v, arithTokens[op], l.v)}, nil
	case "<<", ">>":
		return k.shift(op, l)
	case "/", "%":
		if constant.Sign(l.v) == 0 {
			return konst{}, errConst("division by zero")
		}
		if !ints {
			if op == "%" {
				return konst{}, errConst("% takes integers")
			}
			return number(constant.BinaryOp(constant.ToFloat(k.v), token.QUO, constant.ToFloat(l.v)))
		}
		return floorDivMod(op, k.v, l.v)
	case "+", "-", "*":
		if ints && op == "*" && constant.BitLen(k.v)+constant.BitLen(l.v) > maxConstBits {
			return konst{}, errConst("the constant is too large")
		}
		return number(constant.BinaryOp(k.v, arithTokens[op], l.v))
	}
	return konst{}, errConst("no operator " + op + " on constants")
}

// number guards a result against growing without bound.
func number(v constant.Value) (konst, error) {
	switch {
	case v.Kind() == constant.Int && constant.BitLen(v) > maxConstBits:
		return konst{}, errConst("the constant is too large")
	case v.Kind() == constant.Int || v.Kind() == constant.Float:
		return konst{v: v}, nil
	}
	return konst{}, errConst("the constant is too large")
}

func (k konst) shift(op string, l konst) (konst, error) {
	n, ok := l.int64()
	if !k.isInt() || !l.isInt() {
		return konst{}, errConst(op + " takes integers")
	}
	if !ok || n < 0 {
		return konst{}, errConst(fmt.Sprintf("the shift count %s is not in 0..%d", l, maxConstBits))
	}
	if op == ">>" {
		return konst{v: constant.Shift(k.v, token.SHR, uint(min(n, 2*maxConstBits)))}, nil
	}
	if n > maxConstBits || n+int64(constant.BitLen(k.v)) > maxConstBits {
		return konst{}, errConst("the constant is too large")
	}
	return konst{v: constant.Shift(k.v, token.SHL, uint(n))}, nil
}

// floorDivMod is floor division and the modulus with the divisor's sign, exactly.
func floorDivMod(op string, x, y constant.Value) (konst, error) {
	a, b := bigInt(x), bigInt(y)
	q, m := new(big.Int).DivMod(a, b, new(big.Int)) // Euclidean: 0 ≤ m < |b|
	if b.Sign() < 0 && m.Sign() != 0 {
		m.Add(m, b)
		q.Sub(q, big.NewInt(1))
	}
	if op == "%" {
		q = m
	}
	return konst{v: constant.Make(normalInt(q))}, nil
}

// normalInt is what constant.Make wants of an integer.
func normalInt(n *big.Int) any {
	if n.IsInt64() {
		return n.Int64()
	}
	return n
}

func bigInt(v constant.Value) *big.Int {
	switch n := constant.Val(v).(type) {
	case int64:
		return big.NewInt(n)
	case *big.Int:
		return n
	}
	return new(big.Int)
}

// binaryFloat64 computes with infinities and NaN, as float64 does.
func (k konst) binaryFloat64(op string, l konst) (konst, error) {
	x, _ := k.float64()
	y, _ := l.float64()
	switch op {
	case "+":
		return floatConst(x + y), nil
	case "-":
		return floatConst(x - y), nil
	case "*":
		return floatConst(x * y), nil
	case "/":
		if y == 0 {
			return konst{}, errConst("division by zero")
		}
		return floatConst(x / y), nil
	case "==":
		return boolConst(x == y), nil
	case "!=":
		return boolConst(x != y), nil
	case "<":
		return boolConst(x < y), nil
	case "<=":
		return boolConst(x <= y), nil
	case ">":
		return boolConst(x > y), nil
	case ">=":
		return boolConst(x >= y), nil
	}
	return konst{}, errConst(op + " takes integers")
}

func (k konst) kindName() string {
	switch {
	case k.isBool():
		return "bool"
	case k.isString():
		return "a string"
	case k.isInt():
		return "an integer"
	}
	return "a number"
}

// convert gives the value that k has in type t: i for bool, integers and bipolar (u64 as its bits), f for floats. The
// error says why k is not a value of t. Floats round, as Go's constants do.
func (k konst) convert(t dtype.Type) (i int64, f float64, err error) {
	bad := func(why string) (int64, float64, error) {
		return 0, 0, errConst(fmt.Sprintf("%s is not a value of %s%s", k, t, why))
	}
	if !k.valid() || k.isString() {
		return bad("")
	}
	switch t.Kind {
	case dtype.BoolKind:
		if !k.isBool() {
			return bad("")
		}
		if k.bool() {
			return 1, 0, nil
		}
		return 0, 0, nil
	case dtype.FloatKind:
		return k.toFloat(t, bad)
	}
	if k.isBool() {
		return bad("")
	}
	switch k.sp {
	case lowest:
		return t.MinInt(), 0, nil
	case highest:
		return t.MaxInt(), 0, nil
	case plain:
	default:
		return bad("")
	}
	n := constant.ToInt(k.v)
	if n.Kind() != constant.Int {
		return bad(": it is not a whole number")
	}
	if t == dtype.U64 {
		u, ok := constant.Uint64Val(n)
		if !ok {
			return bad(": it is outside 0..2^64-1")
		}
		return int64(u), 0, nil
	}
	v, ok := constant.Int64Val(n)
	if !ok || v < t.MinInt() || v > t.MaxInt() {
		return bad(fmt.Sprintf(": it is outside %d..%d", t.MinInt(), t.MaxInt()))
	}
	if t.Kind == dtype.BipolarKind && v&1 == 0 {
		return bad(": bipolar values are odd")
	}
	return v, 0, nil
}

// roundTo is the float64 that, rounded to the float t by a mode, gives what the exact number of k gives: of the two
// float64 around it the one whose last bit is set, but for f64 itself the nearest, or that toward zero.
func (k konst) roundTo(t dtype.Type, mode dtype.Mode) float64 {
	v := constant.ToFloat(k.v)
	f, exact := constant.Float64Val(v)
	if exact || math.IsInf(f, 0) {
		return f
	}
	below, other := constant.Compare(constant.MakeFloat64(f), token.LSS, v), math.Inf(1)
	if !below {
		other = math.Inf(-1)
	}
	other = math.Nextafter(f, other)
	switch {
	case t == dtype.F64 && (mode != dtype.RZ || math.Abs(f) < math.Abs(other)):
		return f
	case t != dtype.F64 && math.Float64bits(f)&1 == 1:
		return f
	}
	return other
}

// whole is the integer that `as t` makes of a number before it looks at its range, invalid where that is not so simple.
func (k konst) whole(t dtype.Type) konst {
	if k.sp != plain || !k.isNumber() {
		return konst{}
	}
	n := constant.ToInt(k.v)
	if n.Kind() == constant.Int {
		return konst{v: n}
	}
	p, q := constant.Num(k.v), constant.Denom(k.v)
	if !t.IsInt() || p.Kind() != constant.Int || q.Kind() != constant.Int {
		return konst{}
	}
	return konst{v: constant.BinaryOp(p, token.QUO_ASSIGN, q)} // truncates
}

// castInt is an integer of any size as the integer, bipolar or boolean type t, saturated or modulo 2^N.
func (k konst) castInt(t dtype.Type, mode dtype.Mode) int64 {
	n, ok := k.int64()
	switch {
	case ok:
		return t.IntOfInt(dtype.I64, n, mode)
	case mode == dtype.Wrap:
		low := new(big.Int).And(bigInt(k.v), new(big.Int).SetUint64(math.MaxUint64))
		return t.IntOfInt(dtype.U64, int64(low.Uint64()), mode)
	case constant.Sign(k.v) < 0 && t != dtype.Bool:
		return t.MinInt()
	}
	if u, ok := constant.Uint64Val(k.v); ok {
		return t.IntOfInt(dtype.U64, int64(u), mode)
	}
	return t.MaxInt()
}

func (k konst) toFloat(t dtype.Type, bad func(string) (int64, float64, error)) (int64, float64, error) {
	if k.isBool() {
		return bad("")
	}
	switch k.sp {
	case lowest:
		return 0, t.Lowest(), nil
	case highest:
		return 0, t.Max(), nil
	case posInf, negInf:
		if !t.HasInf() {
			return bad(": it has no infinity")
		}
		f, _ := k.float64()
		return 0, f, nil
	case notNum:
		if !t.HasNaN() {
			return bad(": it has no NaN")
		}
		return 0, math.NaN(), nil
	}
	f := k.roundTo(t, dtype.Default)
	// What rounds past the greatest finite value is not representable; saturation is for casts.
	_, exp := math.Frexp(t.Max())
	half := math.Ldexp(1, exp-int(t.Man)-2)
	if math.IsInf(f, 0) || math.Abs(f) >= t.Max()+half && t != dtype.F64 || !t.Signed && f < 0 {
		return bad(fmt.Sprintf(": it is outside %g..%g", t.Lowest(), t.Max()))
	}
	return 0, t.Round64(f), nil
}

func isUnknownType(err error) bool { return errors.Is(err, dtype.ErrUnknown) }

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// digits is a constant with many digits.
func digits(s string) konst { return konst{v: constant.MakeFromLiteral(s, token.FLOAT, 0)} }
