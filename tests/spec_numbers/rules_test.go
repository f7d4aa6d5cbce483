package numbers

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/ir/dtype"
)

// errorsOf are the errors of the one kernel of a text.
func errorsOf(t *testing.T, text string) diag.List {
	t.Helper()
	prog, list := check.LoadText(map[string]string{"k.tile": "package numbers\n\n" + text})
	if !list.HasErrors() {
		_, list = prog.Packages[0].Kernels[0].Instantiate(check.Bindings{})
	}
	var out diag.List
	for _, d := range list {
		if d.Severity == diag.Error {
			out = append(out, d)
		}
	}
	return out
}

// widens says which types become which by themselves: those that keep every value, within integers or within floats.
func widens(from, to dtype.Type) bool {
	isFloat := from.Kind == dtype.FloatKind
	if from == to || from == dtype.Bool || to == dtype.Bool || isFloat != (to.Kind == dtype.FloatKind) {
		return from == to
	}
	for _, c := range samples(from) {
		if v := decode(from, c); !convert(v, to, "").same(v) {
			return false
		}
	}
	return true
}

// TestWidening stores every type into every type: what keeps all values needs no word, all else is refused.
func TestWidening(t *testing.T) {
	for _, name := range types {
		from := parse(t, name)
		var outputs []string
		for _, other := range types {
			outputs = append(outputs, other+" = a")
		}
		refused := map[int]diag.Code{}
		text := elementwise([]string{name}, outputs)
		first := strings.Count(text[:strings.Index(text, "o0[n]")], "\n") + 3 // behind the package clause
		for _, d := range errorsOf(t, text) {
			refused[d.Span.Start.Line-first] = d.Code
		}
		for i, other := range types {
			code, no := refused[i]
			if want := widens(from, parse(t, other)); want == no || no && code != "E0241" {
				t.Errorf("%s into %s: %q, want it to be allowed: %v", name, other, code, want)
			}
		}
	}
}

// TestCommonType adds every two types that have arithmetic: the result has the wider one's type, where one holds the other.
func TestCommonType(t *testing.T) {
	list := append(slices.Clone(integers), arithmetic...)
	for _, x := range list {
		for _, y := range list {
			a, b := parse(t, x), parse(t, y)
			result := ""
			switch {
			case widens(a, b):
				result = y
			case widens(b, a):
				result = x
			}
			r := result
			if r == "" {
				r = "f64"
			}
			e := parse(t, r)
			bits := fmt.Sprintf("u%d", e.Bits())
			if e == dtype.Uint(e.Bits()) {
				bits = fmt.Sprintf("i%d", e.Bits())
			}
			errs := errorsOf(t, fmt.Sprintf("kernel both(x %s[N], y %s[N]) (z %s[N]) {\n\tparallel n in N by 64 {\n\t\tz[n] = (x[n] + y[n]) bits %s\n\t}\n}\n", x, y, bits, bits))
			switch {
			case result != "" && len(errs) > 0:
				t.Errorf("%s + %s: %v", x, y, errs.Err())
			case result == "" && (len(errs) == 0 || errs[0].Code != "E0242"):
				t.Errorf("%s + %s: %v, want E0242", x, y, errs.Err())
			}
		}
	}
}

// TestRefused lists what the types refuse, each with its code.
func TestRefused(t *testing.T) {
	for _, c := range []struct{ expr, code string }{
		{"w + w", "E0243"}, {"w * 2", "E0243"}, {"-w", "E0243"}, {"~w", "E0243"}, {"w << 1", "E0243"}, {"max(w, w)", "E0243"}, {"abs(w)", "E0243"}, {"popcount(w)", "E0243"},
		{"f + f", "E0243"}, {"b + b", "E0243"}, {"p * p", "E0243"}, {"exp(f)", "E0244"}, {"exp(i)", "E0244"}, {"sqrt(w)", "E0244"},
		{"i + h", "E0242"}, {"i + x", "E0242"}, {"i == x", "E0242"}, {"select(b, i, x)", "E0242"}, {"max(i, x)", "E0242"}, {"h + k", "E0242"},
		{"i & x", "E0242"}, {"x & x", "E0244"}, {"x % x", "E0244"}, {"x << 1", "E0244"}, {"i << x", "E0245"}, {"~x", "E0244"}, {"!i", "E0244"}, {"b && i", "E0244"}, {"i || i", "E0244"},
		{"b < b", "E0244"}, {"select(i, x, x)", "E0244"}, {"any[n](i)", "E0244"}, {"max[n](b)", "E0244"}, {"prod[n](b)", "E0244"}, {"cummax[n](b)", "E0244"},
		{"i / 0", "E0220"}, {"i % 0", "E0220"}, {"1 / 0", "E0220"}, {"1 % 2.5", "E0220"}, {"1 << -1", "E0220"}, {"i << -1", "E0220"}, {"lowest + 1", "E0220"},
		{"i + 1.5", "E0223"}, {"i + 3000000000", "E0223"}, {"x + 1e39", "E0223"}, {"i + inf", "E0223"}, {"u8(256)", "E0223"}, {"u8(-1)", "E0223"}, {"bp2(2)", "E0223"}, {"f4e2m1(nan)", "E0223"}, {"f8e4m3(inf)", "E0223"}, {"f16(65520)", "E0223"}, {"i + true", "E0223"}, {"i32(lowest - 1)", "E0220"},
		{"i as u8 rz", "E0246"}, {"x as f16 wrap", "E0246"}, {"i as bool wrap", "E0246"}, {"i as f32 wrap", "E0246"}, {"x as i32 up", "E0246"},
		{"x bits u16", "E0247"}, {"b bits u8", "E0247"}, {"w bits u8", "E0247"},
		{"dot[n](x, i)", "E0242"}, {"dot[n](i, i) in f32", "E0248"}, {"dot[n](x, x) in i32", "E0248"}, {"dot[n](x, x) in f8e4m3", "E0248"}, {"sum[n](x) in f64", "E0248"}, {"dot[n](b, b)", "E0244"},
		{"dot[n](x scaled i, x)", "E0249"}, {"max(x scaled x, x)", "E0249"},
		{"bit(b, 0)", "E0244"}, {"bit(x, 0.5)", "E0223"}, {"bit(i, x)", "E0245"}, {"rotl(x, 1)", "E0245"}, {"clz(x)", "E0245"}, {"cdiv(x, 2)", "E0245"}, {"ldexp(x, 0.5)", "E0223"}, {"isnan(i)", "E0244"}, {"rand(x, 1)", "E0245"},
	} {
		errs := errorsOf(t, "kernel refused(ww u4[64], ff f8e4m3[64], pp bp2[64], bb bool[64], ii i32[64], hh f16[64], kk bf16[64], xx f32[64]) (o f32[64]) {\n\tparallel n in 64 by 64 {\n\t\tw, f, p, b := ww[n], ff[n], pp[n], bb[n]\n\t\ti, h, k, x := ii[n], hh[n], kk[n], xx[n]\n\t\to[n] = 0\n\t\t_ = "+c.expr+"\n\t}\n}\n")
		if len(errs) != 1 || string(errs[0].Code) != c.code {
			t.Errorf("%s: %v, want %s", c.expr, errs.Err(), c.code)
		}
	}
}

// TestWideAndBits: wide(T) and bitsof(T) of every type.
func TestWideAndBits(t *testing.T) {
	for _, name := range types {
		e := parse(t, name)
		wide := "i64"
		switch {
		case name == "f64":
			wide = "f64"
		case e.IsFloat():
			wide = "f32"
		case e.Bits() <= 16:
			wide = "i32"
		}
		text := fmt.Sprintf("kernel of() (o i32[2]) {\n\tparallel i in 1 {\n\t\to[0] = bitsof(%s)\n\t\to[1] = select(wide(%s) == %s, 1, 0)\n\t}\n}\n", name, name, wide)
		got := codes(load(t, text).run(t)[0])
		if got[0] != uint64(e.Bits()) || got[1] != 1 {
			t.Errorf("bitsof(%s) = %d; wide is %s: %d", name, got[0], wide, got[1])
		}
	}
}
