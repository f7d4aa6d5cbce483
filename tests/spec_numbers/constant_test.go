package numbers

import (
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"

	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/ir/dtype"
)

// untyped are numbers as the text writes them; what they are worth is computed here again, as fractions.
var untyped = []string{
	"0", "1", "-1", "2", "3", "7", "-8", "15", "16", "127", "128", "-128", "-129", "255", "256", "300", "-300", "32767", "65535", "65536", "2147483647",
	"4294967296", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "18446744073709551615", "18446744073709551616",
	"-9223372036854775809", "123456789012345678901234567890", "-123456789012345678901234567890",
	"0.5", "-0.5", "0.25", "1.5", "2.5", "-2.5", "0.1", "0x1p-10", "-0x1p-10", "3.999999999999999999999", "-3.999999999999999999999", "0x1.8p4", "1e-50", "1e30", "-1e30", "1e39", "1e300", "65519.99", "65520", "-65520", "464", "465", "449.5",
	// Between two values of a type and no float64 themselves: rounding to float64 on the way would make ties of them.
	"1 + 0x1p-24 + 0x1p-80", "1 + 0x1p-24 - 0x1p-80", "1 + 0x1p-11 + 0x1p-80", "1 + 0x1p-8 - 0x1p-80", "1 + 0x1p-4 + 0x1p-70", "1 - 0x1p-80", "1 + 0x1p-53 + 0x1p-90", "0x1p-25 + 0x1p-100", "0x1p-150 + 0x1p-220",
	"1 / 3.0", "2 / 3.0", "-1 / 3.0", "16777217", "16777219", "-16777217", "9007199254740993", "2 * 0x1p127 - 0x1p103", "2 * 0x1p127 - 0x1p103 - 0x1p20",
}

// worth is the exact value of one of them.
func worth(t *testing.T, text string) *big.Rat {
	t.Helper()
	sum := new(big.Rat)
	sign := "+"
	for _, word := range strings.Fields(text) {
		x, ok := new(big.Rat).SetString(word)
		if f, _, err := big.ParseFloat(word, 0, 2000, big.ToNearestEven); strings.Contains(word, "x") && err == nil {
			x, _ = f.Rat(nil)
			ok = true
		}
		switch {
		case !ok:
			sign = word
		case sign == "+":
			sum.Add(sum, x)
		case sign == "-":
			sum.Sub(sum, x)
		case sign == "*":
			sum.Mul(sum, x)
		case sign == "/":
			sum.Quo(sum, x)
		}
	}
	return sum
}

// fromRat is an exact number as a type has it, by `as`.
func fromRat(t dtype.Type, x *big.Rat, mode string) value {
	switch {
	case t.Kind == dtype.FloatKind && mode == modeRZ:
		// Toward zero by way of a float64 toward zero.
		f := new(big.Float).SetPrec(53).SetMode(big.ToZero).SetRat(x)
		y, _ := f.Float64()
		return float(toFloat(t, min(max(y, -math.MaxFloat64), math.MaxFloat64), true))
	case t.Kind == dtype.FloatKind:
		f := new(big.Float).SetPrec(2000).SetRat(x)
		return float(fromBig(t, f, 0))
	case t.Kind == dtype.BoolKind:
		return integer(int64(x.Sign() * x.Sign()))
	case t.Kind == dtype.BipolarKind:
		f := new(big.Float).SetPrec(2000).SetRat(x)
		return toBipolarBig(f, t, mode)
	}
	n := new(big.Int).Quo(x.Num(), x.Denom())
	if mode == modeWrap {
		return decode(t, pattern(t, n))
	}
	least, most := limits(t)
	lo, hi := new(big.Int).SetUint64(least.mag), new(big.Int).SetUint64(most.mag)
	if least.neg {
		lo.Neg(lo)
	}
	return decode(t, pattern(t, greater(lesser(n, hi), lo)))
}

// TestCastConstants converts untyped numbers to every type, in every mode.
func TestCastConstants(t *testing.T) {
	for _, name := range types {
		e := parse(t, name)
		for _, mode := range []string{"", modeRZ, modeWrap} {
			m := map[string]dtype.Mode{"": dtype.Default, modeRZ: dtype.RZ, modeWrap: dtype.Wrap}[mode]
			var body strings.Builder
			var told []string
			var want []value
			for _, text := range untyped {
				x := worth(t, text)
				from := dtype.F64
				if x.IsInt() && !strings.Contains(text, "x") && !strings.Contains(text, ".") && !strings.Contains(text, "e") {
					from = dtype.I64
				}
				if dtype.CheckMode(from, e, m) != nil {
					continue
				}
				told = append(told, fmt.Sprintf("(%s) as %s %s", text, name, mode))
				want = append(want, fromRat(e, x, mode))
				fmt.Fprintf(&body, "\t\to[%d, j] = (%s) as %s %s\n", len(told)-1, text, name, mode)
			}
			if len(told) == 0 {
				continue
			}
			text := fmt.Sprintf("kernel cast() (o %s[%d, 8]) {\n\tparallel i in 1 {\n\t\taxis j = 8\n%s\t}\n}\n", name, len(told), body.String())
			got := codes(load(t, text).run(t)[0])
			for i, w := range want {
				if g := decode(e, got[8*i]); !g.same(w) {
					t.Errorf("%s = %v, want %v", told[i], g, w)
				}
			}
		}
	}
}

// TestRepresentable: a number takes a type without `as` where the type has it; floats round, but not beyond their ends.
func TestRepresentable(t *testing.T) {
	words := append([]string{"inf", "-inf", "nan", "lowest", "highest", "true", "pi", "log2e", "1.0", "2.0"}, untyped...)
	for _, name := range types {
		e := parse(t, name)
		for _, text := range words {
			want, ok := implied(t, e, text)
			prog, list := check.LoadText(map[string]string{"k.tile": fmt.Sprintf("package numbers\n\nkernel take() (o %s[8]) {\n\tparallel i in 1 {\n\t\taxis j = 8\n\t\to[j] = %s(%s)\n\t}\n}\n", name, name, text)})
			if list.HasErrors() {
				t.Fatal(list.Err())
			}
			_, list = prog.Packages[0].Kernels[0].Instantiate(check.Bindings{})
			if list.HasErrors() != !ok || !ok && list[0].Code != "E0223" {
				t.Errorf("%s(%s): %v, want a value: %v", name, text, list.Err(), ok)
				continue
			}
			if !ok {
				continue
			}
			src := fmt.Sprintf("kernel take() (o %s[8]) {\n\tparallel i in 1 {\n\t\taxis j = 8\n\t\to[j] = %s(%s)\n\t}\n}\n", name, name, text)
			if g := decode(e, codes(load(t, src).run(t)[0])[0]); !g.same(want) {
				t.Errorf("%s(%s) = %v, want %v", name, text, g, want)
			}
		}
	}
}

// implied is the value of an untyped constant in a type that has it.
func implied(t *testing.T, e dtype.Type, text string) (value, bool) {
	if text == "true" || e == dtype.Bool {
		return integer(1), text == "true" && e == dtype.Bool
	}
	isFloat := e.Kind == dtype.FloatKind
	switch text {
	case "inf", "-inf":
		x := math.Inf(1)
		if text[0] == '-' {
			x = -x
		}
		return float(x), isFloat && e.Specials == dtype.IEEE
	case "nan":
		return float(math.NaN()), isFloat && e.Specials != dtype.Finite
	case "lowest", "highest":
		up := text == "highest"
		switch {
		case isFloat && up:
			return float(greatest(e)), true
		case e == dtype.E8M0:
			return float(0x1p-127), true
		case isFloat:
			return float(-greatest(e)), true
		case e.Kind == dtype.BipolarKind:
			x := int64(1)<<e.Bits() - 1
			if !up {
				x = -x
			}
			return integer(x), true
		}
		least, most := limits(e)
		if up {
			return most, true
		}
		return least, true
	}
	x, _ := bigPi.to(300).Rat(nil)
	switch text {
	case "pi":
	case "log2e":
		x, _ = quo(one(), bigLn2.to(300)).Rat(nil)
	default:
		x = worth(t, text)
	}
	if isFloat {
		f := new(big.Float).SetPrec(2000).SetRat(x)
		// Rounded as if exponents had no end, it must not be beyond the end.
		top := new(big.Float).SetPrec(2000).SetFloat64(greatest(e))
		_, exp := math.Frexp(greatest(e))
		half := new(big.Float).SetMantExp(big.NewFloat(1), exp-1-int(e.Man)-1)
		top.Add(top, half)
		inside := new(big.Float).Abs(f).Cmp(top) < 0
		return fromRat(e, x, ""), inside && (e.Signed || x.Sign() >= 0)
	}
	if !x.IsInt() {
		return value{}, false
	}
	v := fromRat(e, x, "")
	back := new(big.Int).SetUint64(v.mag)
	if v.neg {
		back.Neg(back)
	}
	return v, back.Cmp(x.Num()) == 0
}
