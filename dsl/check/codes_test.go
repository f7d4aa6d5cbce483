package check

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/diag/expect"
)

// program makes a whole text of an example of the table of codes: declarations stand alone, statements in a phase.
func program(text string) string {
	if regexp.MustCompile(`(?m)^(kernel|const [a-zA-Z]+ = .*\n\nkernel|import) `).MatchString(text) || strings.HasPrefix(text, "func ") || strings.HasPrefix(text, "const a = b") {
		return "package p\n\n" + text + "\n"
	}
	body, with, _ := strings.Cut(text, "\n\n// with\n\n")
	return "package p\n\n" + with + "\n\nkernel k(x f32[M, N], ids i32[M], s f16[M], w u4[M, N], a f32) (y f32[M, N]) {\n" +
		"    parallel m in M by 64, n in N by 64 {\n        y[m, n] = 0\n" + body + "\n    }\n}\n"
}

// checkText loads and checks a text.
func checkText(text string) diag.List {
	prog, list := LoadText(map[string]string{"k.tile": text})
	return append(list, prog.Check()...).Sorted()
}

// TestExplainedCodes holds every example of the table: the wrong text has its error and no other, the right one has none.
func TestExplainedCodes(t *testing.T) {
	for _, entry := range diag.Table() {
		if entry.Code < "E0200" || entry.Code > "E0599" {
			continue
		}
		if entry.Wrong != "" {
			list := checkText(program(entry.Wrong))
			if len(list) == 0 {
				t.Errorf("%s: the wrong text has no error:\n%s", entry.Code, entry.Wrong)
			}
			for _, d := range list {
				if d.Code != entry.Code {
					t.Errorf("%s: the wrong text has %v", entry.Code, d)
				}
			}
		}
		if entry.Right != "" {
			for _, d := range checkText(program(entry.Right)) {
				t.Errorf("%s: the right text has %v", entry.Code, d)
			}
		}
	}
}

// TestCodesAreExplained holds the codes of this package to the table, in both directions.
func TestCodesAreExplained(t *testing.T) {
	src, err := os.ReadFile("codes.go")
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, m := range regexp.MustCompile(`"(E0\d\d\d)"`).FindAllStringSubmatch(string(src), -1) {
		have = append(have, m[1])
	}
	for _, c := range have {
		if _, ok := diag.Lookup(c); !ok {
			t.Errorf("%s is not explained", c)
		}
	}
	for _, e := range diag.Table() {
		if c := string(e.Code); c >= "E0200" && c <= "E0599" && !slices.Contains(have, c) {
			t.Errorf("%s is explained, and nothing reports it", c)
		}
	}
}

// TestErrors runs the texts of dsl/testdata/check: each error stands beside the line it is about.
func TestErrors(t *testing.T) {
	files, err := filepath.Glob("../testdata/check/*.tile")
	if err != nil || len(files) == 0 {
		t.Fatalf("no texts: %v", err)
	}
	for _, f := range files {
		t.Run(strings.TrimSuffix(filepath.Base(f), ".tile"), func(t *testing.T) {
			src, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			for _, bad := range expect.Check(src, checkText(string(src))) {
				t.Error(bad)
			}
		})
	}
}
