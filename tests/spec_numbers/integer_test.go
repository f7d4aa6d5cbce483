package numbers

import (
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/tilec/tilec/ir/dtype"
)

// integers are the types with integer arithmetic.
var integers = []string{"i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64"}

// An operation of two integers: its text, its result type where that is not the operands', and its meaning on
// exact numbers; the result is reduced to its type.
type integerOp struct {
	text, result string
	of           func(t dtype.Type, a, b *big.Int) *big.Int
}

var integerOps = []integerOp{
	{"a + b", "", func(_ dtype.Type, a, b *big.Int) *big.Int { return new(big.Int).Add(a, b) }},
	{"a - b", "", func(_ dtype.Type, a, b *big.Int) *big.Int { return new(big.Int).Sub(a, b) }},
	{"a * b", "", func(_ dtype.Type, a, b *big.Int) *big.Int { return new(big.Int).Mul(a, b) }},
	{"a / select(b == 0, 1, b)", "", func(_ dtype.Type, a, b *big.Int) *big.Int { return floorDiv(a, b) }},
	{"a % select(b == 0, 1, b)", "", func(_ dtype.Type, a, b *big.Int) *big.Int { return floorMod(a, b) }},
	{"cdiv(a, select(b == 0, 1, b))", "", func(_ dtype.Type, a, b *big.Int) *big.Int {
		q := floorDiv(new(big.Int).Neg(a), b)
		return q.Neg(q)
	}},
	{"a & b", "", func(_ dtype.Type, a, b *big.Int) *big.Int { return new(big.Int).And(a, b) }},
	{"a | b", "", func(_ dtype.Type, a, b *big.Int) *big.Int { return new(big.Int).Or(a, b) }},
	{"a ^ b", "", func(_ dtype.Type, a, b *big.Int) *big.Int { return new(big.Int).Xor(a, b) }},
	{"-a", "", func(_ dtype.Type, a, _ *big.Int) *big.Int { return new(big.Int).Neg(a) }},
	{"~a", "", func(_ dtype.Type, a, _ *big.Int) *big.Int { return new(big.Int).Not(a) }},
	{"abs(a)", "", func(_ dtype.Type, a, _ *big.Int) *big.Int { return new(big.Int).Abs(a) }},
	{"relu(a)", "", func(_ dtype.Type, a, _ *big.Int) *big.Int { return greater(a, new(big.Int)) }},
	{"none(a)", "", func(_ dtype.Type, a, _ *big.Int) *big.Int { return a }},
	{"max(a, b)", "", func(_ dtype.Type, a, b *big.Int) *big.Int { return greater(a, b) }},
	{"min(a, b)", "", func(_ dtype.Type, a, b *big.Int) *big.Int { return lesser(a, b) }},
	{"maxnan(a, b)", "", func(_ dtype.Type, a, b *big.Int) *big.Int { return greater(a, b) }},
	{"minnan(a, b)", "", func(_ dtype.Type, a, b *big.Int) *big.Int { return lesser(a, b) }},
	{"clamp(a, 3, b)", "", func(_ dtype.Type, a, b *big.Int) *big.Int { return lesser(greater(a, big.NewInt(3)), b) }},
	{"a == b", "bool", func(_ dtype.Type, a, b *big.Int) *big.Int { return truth(a.Cmp(b) == 0) }},
	{"a != b", "bool", func(_ dtype.Type, a, b *big.Int) *big.Int { return truth(a.Cmp(b) != 0) }},
	{"a < b", "bool", func(_ dtype.Type, a, b *big.Int) *big.Int { return truth(a.Cmp(b) < 0) }},
	{"a <= b", "bool", func(_ dtype.Type, a, b *big.Int) *big.Int { return truth(a.Cmp(b) <= 0) }},
	{"a > b", "bool", func(_ dtype.Type, a, b *big.Int) *big.Int { return truth(a.Cmp(b) > 0) }},
	{"a >= b", "bool", func(_ dtype.Type, a, b *big.Int) *big.Int { return truth(a.Cmp(b) >= 0) }},
	// A count of bits is at least 0 in a kernel that means anything, and may be the width or more.
	{"a << max(b, 0)", "", func(t dtype.Type, a, b *big.Int) *big.Int { return new(big.Int).Lsh(a, count(b)) }},
	{"a >> max(b, 0)", "", func(t dtype.Type, a, b *big.Int) *big.Int { return new(big.Int).Rsh(a, count(b)) }},
	{"rotl(a, b)", "", func(t dtype.Type, a, b *big.Int) *big.Int {
		n := t.Bits()
		s := int(floorMod(b, big.NewInt(int64(n))).Int64())
		c := pattern(t, a)
		return new(big.Int).SetUint64(c<<s | c>>(n-s))
	}},
	{"popcount(a)", "i32", func(t dtype.Type, a, _ *big.Int) *big.Int {
		return big.NewInt(int64(strings.Count(digits(t, a), "1")))
	}},
	{"clz(a)", "i32", func(t dtype.Type, a, _ *big.Int) *big.Int {
		return big.NewInt(int64(len(digits(t, a)) - len(strings.TrimLeft(digits(t, a), "0"))))
	}},
	{"ctz(a)", "i32", func(t dtype.Type, a, _ *big.Int) *big.Int {
		return big.NewInt(int64(len(digits(t, a)) - len(strings.TrimRight(digits(t, a), "0"))))
	}},
	{"bit(a, b & 127)", "bool", func(t dtype.Type, a, b *big.Int) *big.Int {
		s := digits(t, a)
		k := int(new(big.Int).And(b, big.NewInt(127)).Int64())
		return truth(k < len(s) && s[len(s)-1-k] == '1')
	}},
}

func floorDiv(a, b *big.Int) *big.Int {
	if b.Sign() == 0 {
		return a
	}
	q, m := new(big.Int).QuoRem(a, b, new(big.Int))
	if m.Sign() != 0 && (m.Sign() < 0) != (b.Sign() < 0) {
		q.Sub(q, big.NewInt(1))
	}
	return q
}

func floorMod(a, b *big.Int) *big.Int {
	if b.Sign() == 0 {
		return new(big.Int)
	}
	return new(big.Int).Sub(a, new(big.Int).Mul(floorDiv(a, b), b))
}

func greater(a, b *big.Int) *big.Int {
	if a.Cmp(b) > 0 {
		return a
	}
	return b
}

func lesser(a, b *big.Int) *big.Int {
	if a.Cmp(b) < 0 {
		return a
	}
	return b
}

func truth(b bool) *big.Int {
	if b {
		return big.NewInt(1)
	}
	return new(big.Int)
}

func count(b *big.Int) uint {
	return uint(greater(lesser(b, big.NewInt(200)), new(big.Int)).Int64())
}

// pattern is the code of an integer.
func pattern(t dtype.Type, a *big.Int) uint64 {
	m := new(big.Int).Lsh(big.NewInt(1), uint(t.Bits()))
	return floorMod(a, m).Uint64()
}

// digits is the code of an integer in base 2, all digits.
func digits(t dtype.Type, a *big.Int) string { return fmt.Sprintf("%0*b", t.Bits(), pattern(t, a)) }

func exactly(t dtype.Type, code uint64) *big.Int {
	v := decode(t, code)
	x := new(big.Int).SetUint64(v.mag)
	if v.neg {
		x.Neg(x)
	}
	return x
}

// TestIntegers computes every operation of two integers for all pairs of 8 bits, and of wider ones for pairs of what lies
// at the ends, at powers of two and anywhere.
func TestIntegers(t *testing.T) {
	var outputs []string
	for _, name := range integers {
		e := parse(t, name)
		outputs = outputs[:0]
		for _, op := range integerOps {
			r := op.result
			if r == "" {
				r = name
			}
			outputs = append(outputs, r+" = "+op.text)
		}
		x, y := pairs(e)
		out := load(t, elementwise([]string{name, name}, outputs)).run(t, vector(e, x), vector(e, y))
		for j, op := range integerOps {
			bad := 0
			for i, got := range codes(out[j]) {
				a, b := exactly(e, x[i]), exactly(e, y[i])
				if want := pattern(out[j].Elem, op.of(e, a, b)); got != want {
					if bad++; bad < 5 {
						t.Errorf("%s: %s for a = %s, b = %s: code %#x, want %#x", name, op.text, a, b, got, want)
					}
				}
			}
		}
	}
}

// pairs are codes of two operands.
func pairs(e dtype.Type) (x, y []uint64) {
	var list []uint64
	if e.Bits() == 8 {
		for c := range uint64(256) {
			if c < 6 || c > 250 || c > 124 && c < 132 || c%5 == 0 {
				list = append(list, c)
			}
		}
	} else {
		list = edges(e)
	}
	for _, a := range list {
		for _, b := range list {
			x, y = append(x, a), append(y, b)
		}
	}
	return x, y
}

// edges are codes of integers at the ends, near 0 and the type's width, and some more.
func edges(e dtype.Type) []uint64 {
	n := e.Bits()
	mask := ^uint64(0) >> (64 - n)
	r := seeded(e.String())
	list := []uint64{0, 1, 2, 3, 7, uint64(n) - 1, uint64(n), uint64(n) + 1, 64, 65, 100}
	half := uint64(1) << (n - 1)
	list = append(list, half-2, half-1, half, half+1, half+2, mask, mask-1, mask-2, mask-6, half>>1, half>>1*3, 1<<(n/2), 1<<(n/2)-1)
	for range 12 {
		list = append(list, r.Uint64()&mask, r.Uint64()&mask>>r.IntN(n), -(r.Uint64()&mask>>r.IntN(n))&mask)
	}
	return list
}

// TestIntegerConstants computes the same with constants, which passes fold: as lowered, after the passes, and the
// meaning agree.
func TestIntegerConstants(t *testing.T) {
	for _, name := range integers {
		e := parse(t, name)
		list := edges(e)[:24]
		r := seeded("constants of " + name)
		var b strings.Builder
		b.WriteString("kernel fold() (")
		var want []uint64
		n := 0
		var body strings.Builder
		for i, op := range integerOps {
			result := op.result
			if result == "" {
				result = name
			}
			for range 12 {
				x, y := list[r.IntN(len(list))], list[r.IntN(len(list))]
				p, q := exactly(e, x), exactly(e, y)
				fmt.Fprintf(&body, "\t\tx%d, y%d := %s(%s), %s(%s)\n", n, n, name, p, name, q)
				fmt.Fprintf(&body, "\t\to%d[%d] = %s\n", i, len(want)%12, operands(op.text, fmt.Sprintf("x%d", n), fmt.Sprintf("y%d", n)))
				rt := parse(t, result)
				want = append(want, pattern(rt, op.of(e, p, q)))
				n++
			}
			fmt.Fprintf(&b, "o%d %s[12], ", i, result)
		}
		b.WriteString(") {\n\tparallel i in 1 {\n" + body.String() + "\t}\n}\n")
		out := load(t, b.String()).run(t)
		for j, op := range integerOps {
			for i, got := range codes(out[j]) {
				if got != want[j*12+i] {
					t.Errorf("%s: %s of constants, number %d: code %#x, want %#x", name, op.text, i, got, want[j*12+i])
				}
			}
		}
	}
}

// operands puts names in the place of the words a and b.
func operands(text, a, b string) string {
	var out strings.Builder
	word := ""
	flush := func() {
		switch word {
		case "a":
			word = a
		case "b":
			word = b
		}
		out.WriteString(word)
		word = ""
	}
	for _, r := range text {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			word += string(r)
			continue
		}
		flush()
		out.WriteRune(r)
	}
	flush()
	return out.String()
}

// TestPack packs and unpacks bools and pieces of every width that there is.
func TestPack(t *testing.T) {
	for _, n := range []int{1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 64} {
		var words []uint64
		r := seeded(fmt.Sprint("pack", n))
		for range 64 {
			words = append(words, r.Uint64()>>(64-n))
		}
		text := fmt.Sprintf("kernel repack(x u%d[N]) (y u%d[N]) {\n\tparallel n in N by 64 {\n\t\taxis j = %d\n\t\ty[n] = pack[j](bit(x[n], j))\n\t}\n}\n", n, n, n)
		e := dtype.Uint(n)
		if d := differ(words, codes(load(t, text).run(t, vector(e, words))[0])); d != "" {
			t.Errorf("u%d packed of its bits: %s", n, d)
		}
		for _, piece := range []string{"u1", "u2", "i2", "u3", "u4", "i4", "i7", "u8", "i8", "bp1", "bp2", "f4e2m1", "f8e4m3", "u16", "i16", "f16", "bf16", "u32", "f32", "i64", "f64"} {
			p := parse(t, piece)
			k := n / p.Bits()
			if k == 0 {
				continue
			}
			text := fmt.Sprintf("kernel pieces(x u%d[64]) (y %s[%d, 64]) {\n\tparallel n in 64 by 64 {\n\t\taxis j = %d\n\t\ty[j, n] = unpack[j](x[n], %s)\n\t}\n}\n", n, piece, k, k, piece)
			out := load(t, text).run(t, vector(e, words))[0]
			got := codes(out)
			for i, w := range words {
				for j := range k {
					c := w >> (j * p.Bits()) & (^uint64(0) >> (64 - p.Bits()))
					if g, want := decode(p, got[j*len(words)+i]), decode(p, c); !g.same(want) {
						t.Fatalf("unpack of u%d to %s: element %d of %#x is %v, want %v", n, piece, j, w, g, want)
					}
				}
			}
		}
	}
}

func differ(want, got []uint64) string {
	for i, w := range want {
		if got[i] != w {
			return fmt.Sprintf("element %d is %#x, want %#x", i, got[i], w)
		}
	}
	return ""
}

// TestBits reinterprets codes between types of one width: all codes of up to 8 bits. A NaN stays a NaN, but which one is
// not said.
func TestBits(t *testing.T) {
	all := map[int][]string{}
	for _, name := range append([]string{"i5", "i6", "u6", "u7", "bp5"}, types...) {
		if e := parse(t, name); e != dtype.Bool {
			all[e.Bits()] = append(all[e.Bits()], name)
		}
	}
	for _, n := range []int{1, 2, 3, 4, 5, 6, 7, 8, 16, 32, 64} {
		for _, name := range all[n] {
			from := parse(t, name)
			var outputs []string
			for _, other := range all[n] {
				outputs = append(outputs, fmt.Sprintf("%s = a bits %s", other, other))
			}
			in := samples(from)
			for i, a := range load(t, elementwise([]string{name}, outputs)).run(t, vector(from, in)) {
				for k, got := range codes(a) {
					want := in[k]
					if a.Elem == dtype.TF32 {
						want = want >> 13 << 13 // the rest is ignored
					}
					ok := got == want
					switch {
					case isNaN(from, in[k]):
						ok = isNaN(from, got) || a.Elem.IsFloat() && from != a.Elem
					case isNaN(a.Elem, want):
						ok = isNaN(a.Elem, got)
					}
					if !ok {
						t.Fatalf("%s of %s: %#x became %#x", outputs[i], name, in[k], got)
					}
				}
			}
		}
	}
}

func isNaN(t dtype.Type, code uint64) bool {
	v := decode(t, code)
	return v.float && v.f != v.f
}
