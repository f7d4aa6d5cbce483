package check

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
)

// applied is a text with a suggestion followed.
func applied(text string, fix *diag.Edit) string {
	return text[:fix.Span.Start.Offset] + fix.NewText + text[fix.Span.End.Offset:]
}

// TestSuggestions follows suggestions: the line becomes what stands behind it.
func TestSuggestions(t *testing.T) {
	const head = "package p\n\nkernel k(x f32[M, N], h f16[M, N], ids i32[M], off i32[M+1], w u4[M, N], c bool[M], u bp2[M], emb f32[V], v f32[V]) (y f32[M, N]) {\n" +
		"    parallel m in M by 16, n in N by 16 {\n        y[m, n] = 0\n        acc := i32[m](0)\n"
	tests := []struct{ line, want string }{
		{"y[m, n] = x[m, n] * (w[m, n] as i32 - ids[m])", "y[m, n] = x[m, n] * ((w[m, n] as i32 - ids[m]) as f32)"},
		{"y[m, n] = (ids[m] * 2) * h[m, n]", "y[m, n] = ((ids[m] * 2) as f16) * h[m, n]"},
		{"y[m, n] = -ids[m] * x[m, n]", "y[m, n] = -ids[m] as f32 * x[m, n]"},
		{"y[m, n] = ids[m] << 1", "y[m, n] = (ids[m] << 1) as f32"},
		{"acc += sum[n](x[m, n])", "acc += sum[n](x[m, n]) as i32"},
		{"acc -= sum[n](x[m, n]) * 2", "acc -= (sum[n](x[m, n]) * 2) as i32"},
		{"acc[m: m.lo] += sum[n](x[m.lo, n])", "acc[m: m.lo] += sum[n](x[m.lo, n]) as i32"},
		{"y[m + 1, n] = 0", "y[m + 1, n] else skip = 0"},
		{"y[m + 1, n] += 1", "y[m + 1, n] else skip += 1"},
		{"acc[m: ids[m]] = 1", "acc[m: ids[m]] else skip = 1"},
		{"q := acc[m: ids[m]]", "q := acc[m: ids[m]] else 0"},
		{"q := c[m + 1]", "q := c[m + 1] else false"},
		{"q := u[m + 1]", "q := u[m + 1] else 1"},
		{"for p in off[m.lo]..off[m.lo+1] by 4 { q := v[p] }", "for p in max(0, off[m.lo])..min(off[m.lo+1], V) by 4 { q := v[p] }"},
		{"for p in off[m.lo] { q := v[p] }", "for p in min(off[m.lo], V) { q := v[p] }"},
		{"for p in 0..off[m.lo] { q := v[p] }", "for p in 0..min(off[m.lo], V) { q := v[p] }"},
		{"for p in max(0, off[m.lo])..M { q := v[p] }", "for p in max(0, off[m.lo])..min(M, V) { q := v[p] }"},
		{"for p in 0..M { q := v[p] }", "for p in 0..M { q := v[p] else 0 }"},
		{"K := 2 * 3", "const K = 2 * 3"},
		{"K := acc * 3", "k := acc * 3"},
		{"acc := 3", "acc = 3"},
		{"acc, q := 3, 4", ""},
	}
	for _, test := range tests {
		text := head + test.line + "\n    }\n}\n"
		list := checkText(text)
		switch {
		case len(list) != 1:
			t.Errorf("%s: %v", test.line, lines(list))
		case list[0].Fix == nil:
			if test.want != "" {
				t.Errorf("%s: no suggestion: %v", test.line, list[0])
			}
		default:
			got := strings.TrimSuffix(strings.TrimPrefix(applied(text, list[0].Fix), head), "\n    }\n}\n")
			if got != test.want {
				t.Errorf("%s: suggested\n%s, want\n%s", test.line, got, test.want)
			}
			for _, d := range checkText(head + got + "\n    }\n}\n") {
				if d.Code == list[0].Code && d.Span.Start == list[0].Span.Start {
					t.Errorf("%s: the suggestion has the same error: %v", got, d)
				}
			}
		}
	}
}

// TestSuggestionsParse follows every suggestion for the texts of dsl/testdata/check: none makes a text that does not parse.
func TestSuggestionsParse(t *testing.T) {
	files, err := filepath.Glob("../testdata/check/*.tile")
	if err != nil || len(files) == 0 {
		t.Fatalf("no texts: %v", err)
	}
	followed := 0
	for _, f := range files {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range checkText(string(src)) {
			if d.Fix == nil {
				continue
			}
			followed++
			if _, list := dsl.Parse("k.tile", []byte(applied(string(src), d.Fix))); list.HasErrors() {
				t.Errorf("%s: %v: with %q: %v", filepath.Base(f), d, d.Fix.NewText, list[0])
			}
		}
	}
	if followed == 0 {
		t.Error("nothing is suggested")
	}
}
