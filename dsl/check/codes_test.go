package check

import (
	"flag"
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
	prog, list := Load(Config{FS: memory{"k.tile": text}, Bundled: memory{"lib/lib.tile": "package lib\n"}}, ".")
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
	for _, m := range regexp.MustCompile(`diag.Code = "(E0\d\d\d)"`).FindAllStringSubmatch(string(src), -1) {
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

var update = flag.Bool("update", false, "rewrite the tables that tests hold")

// TestPageTable holds the table of rules in docs/language.md to the codes.
func TestPageTable(t *testing.T) {
	const page = "../../docs/language.md"
	src, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	const head = "| code | rule that is broken |\n|---|---|\n"
	before, rest, ok := strings.Cut(string(src), head)
	if !ok {
		t.Fatalf("%s has no table of codes", page)
	}
	end := strings.Index(rest, "\n\n") + 1
	if want := Rules(); rest[:end] != want {
		if *update {
			if err := os.WriteFile(page, []byte(before+head+want+rest[end:]), 0o644); err != nil {
				t.Fatal(err)
			}
			return
		}
		t.Errorf("the table of codes is not that of the checker; -update writes it:\n%s", want)
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
