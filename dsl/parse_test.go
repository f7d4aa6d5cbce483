package dsl

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/diag/expect"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// golden compares got with a file, or rewrites the file.
func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	want, err := os.ReadFile(path)
	if *update && string(want) != string(got) {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// TestDump parses each k.tile of testdata/trees/*.txtar and compares its dump
// with the file k.dump behind it.
func TestDump(t *testing.T) {
	files, err := filepath.Glob("testdata/trees/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, path := range files {
		t.Run(filepath.Base(path), func(t *testing.T) {
			ar, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			out := &txtar.Archive{Comment: ar.Comment}
			for _, f := range ar.Files {
				if !strings.HasSuffix(f.Name, ".tile") {
					continue
				}
				file, errs := Parse(f.Name, f.Data)
				if err := errs.Err(); err != nil {
					t.Error(err)
				}
				checkTree(t, file, f.Data)
				out.Files = append(out.Files, f, txtar.File{
					Name: strings.TrimSuffix(f.Name, ".tile") + ".dump",
					Data: []byte(Dump(file)),
				})
			}
			golden(t, path, txtar.Format(out))
		})
	}
}

// TestErrors parses each file of testdata/errors/*.txtar and compares the
// errors with the comments in it.
func TestErrors(t *testing.T) {
	for _, f := range errorFiles(t) {
		t.Run(f.Name, func(t *testing.T) {
			file, errs := Parse(f.Name, f.Data)
			for _, bad := range expect.Check(f.Data, errs) {
				t.Error(bad)
			}
			checkTree(t, file, f.Data)
		})
	}
}

func errorFiles(t testing.TB) []txtar.File {
	return archive(t, "testdata/errors/*.txtar")
}

// treeFiles returns the texts of the goldens, without their dumps.
func treeFiles(t testing.TB) []txtar.File {
	return slices.DeleteFunc(archive(t, "testdata/trees/*.txtar"), func(f txtar.File) bool {
		return !strings.HasSuffix(f.Name, ".tile")
	})
}

// archive returns the files of all archives that match.
func archive(t testing.TB, pattern string) []txtar.File {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatal("no archives", err)
	}
	var all []txtar.File
	for _, path := range paths {
		ar, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, ar.Files...)
	}
	return all
}

// checkTree checks what always holds of a tree: spans lie in the file and in
// the parent's span, and their text is where they say it is.
func checkTree(t *testing.T, f *File, src []byte) {
	t.Helper()
	var visit func(parent diag.Span, n Node)
	visit = func(parent diag.Span, n Node) {
		s := n.Span()
		if !s.IsValid() || s.End.Offset < s.Start.Offset {
			t.Errorf("%T has span %v–%v", n, s.Start, s.End)
			return
		}
		if s.Start.Offset < parent.Start.Offset || s.End.Offset > parent.End.Offset {
			t.Errorf("%T at %v–%v leaves its parent %v–%v", n, s.Start, s.End, parent.Start, parent.End)
		}
		if id, ok := n.(*Ident); ok && string(src[s.Start.Offset:s.End.Offset]) != id.Name {
			t.Errorf("name %s is not at %v", id.Name, s.Start)
		}
		for _, p := range []diag.Pos{s.Start, s.End} {
			line := 1 + strings.Count(string(src[:p.Offset]), "\n")
			col := p.Offset - strings.LastIndexByte(string(src[:p.Offset]), '\n')
			if line != p.Line || col != p.Col {
				t.Errorf("%T: offset %d is %d:%d, not %v", n, p.Offset, line, col, p)
			}
		}
		for _, c := range Children(n) {
			visit(s, c)
		}
	}
	visit(f.Span(), f)
}

// big returns texts that only a program writes, and the code each is refused
// with.
func big() map[diag.Code]string {
	in := func(body string) string { return "package p\nfunc f() {\n" + body + "\n}\n" }
	return map[diag.Code]string{
		"E0006": "package p\n" + strings.Repeat("//\n", MaxSource/3),
		"E0007": in("x = " + strings.Repeat("(", 100000) + "1" + strings.Repeat(")", 100000)),
		"E0008": in("x = 1" + strings.Repeat(" + 1", 100000)),
		"E0005": in("x = 1" + strings.Repeat("0", 100000)),
	}
}

func TestLimits(t *testing.T) {
	for code, src := range big() {
		_, errs := Parse("big.tile", []byte(src))
		if len(errs) != 1 || errs[0].Code != code {
			t.Errorf("%s: got %v", code, errs.Err())
		}
	}
	for name, body := range map[string]string{
		"unary":    "x = " + strings.Repeat("-", 100000) + "1",
		"suffixes": "x = a" + strings.Repeat("[0]", 100000),
		"casts":    "x = a" + strings.Repeat(" as T", 100000),
		"else if":  "if a {}" + strings.Repeat(" else if a {}", 100000),
		"blocks":   strings.Repeat("while a {\n", 10000) + strings.Repeat("}\n", 10000),
		"widths":   "x = " + strings.Repeat("u{", 100000),
		"lists":    "x = " + strings.Repeat("[", 100000),
	} {
		_, errs := Parse("big.tile", []byte("package p\nfunc f() {\n"+body+"\n}\n"))
		if len(errs) == 0 || errs[0].Code != "E0007" && errs[0].Code != "E0008" {
			t.Errorf("%s: got %v", name, errs.Err())
		}
	}
	// What stays below the limits is fine, however long.
	for name, body := range map[string]string{
		"list": "x = [" + strings.Repeat("-1, ", 100000) + "]",
		"sum":  "x = 1" + strings.Repeat(" + 1", MaxChain-1),
		"nest": "x = " + strings.Repeat("(", MaxNesting-1) + "1" + strings.Repeat(")", MaxNesting-1),
	} {
		_, errs := Parse("big.tile", []byte("package p\nfunc f() {\n"+body+"\n}\n"))
		if err := errs.Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Errors are bounded too.
	for name, src := range map[string]string{
		"statements": "package p\nfunc f() {\n" + strings.Repeat(")\n", 200000) + "}\n",
		"decls":      "package p\n" + strings.Repeat("kernel (\n", 200000),
		"bytes":      "package p\n" + strings.Repeat("\x00 a ", 200000),
		"schedule":   "package p\nschedule k { default { " + strings.Repeat("= ,", 200000) + "} }",
		"nested":     "package p\nfunc f() {\n" + strings.Repeat("while x {\n)\n)\n}\n", 100000) + "}\n",
	} {
		_, errs := Parse("big.tile", []byte(src))
		if len(errs) == 0 || len(errs) > 2*MaxErrors {
			t.Errorf("%s: %d errors", name, len(errs))
		}
	}
}

// TestExplained holds the explanations of the parser's codes to the parser:
// each wrong text has its error, each right one has none.
func TestExplained(t *testing.T) {
	contexts := []string{"%", "package p\n%\n", "package p\nfunc f() {\n%\n}\n"}
	for _, e := range diag.Table() {
		if e.Code >= "E0200" || e.Wrong == "" {
			continue
		}
		ok := slices.ContainsFunc(contexts, func(c string) bool {
			_, right := Parse("right.tile", []byte(strings.Replace(c, "%", e.Right, 1)))
			_, wrong := Parse("wrong.tile", []byte(strings.Replace(c, "%", e.Wrong, 1)))
			return len(right) == 0 && slices.ContainsFunc(wrong, func(d *diag.Diagnostic) bool {
				return d.Code == e.Code
			})
		})
		if !ok {
			t.Errorf("%s: the examples of its explanation do not show it", e.Code)
		}
	}
}

// TestPage parses the programs and pieces of programs of docs/language.md: each
// is a file, declarations or statements. What has an ellipsis is left out.
func TestPage(t *testing.T) {
	src, err := os.ReadFile("../docs/language.md")
	if err != nil {
		t.Fatal(err)
	}
	contexts := []string{"%", "package p\n%\n", "package p\nfunc f() {\n%\n}\n"}
	blocks := regexp.MustCompile("(?s)```tile\n(.*?)```").FindAllSubmatch(src, -1)
	if len(blocks) == 0 {
		t.Fatal("the page has no examples")
	}
	for _, m := range blocks {
		text := string(m[1])
		if strings.Contains(text, "…") {
			continue
		}
		ok := slices.ContainsFunc(contexts, func(c string) bool {
			_, errs := Parse("page.tile", []byte(strings.Replace(c, "%", text, 1)))
			return len(errs) == 0
		})
		if !ok {
			t.Errorf("an example does not parse:\n%s", text)
		}
	}
}

// TestCodes holds codes, explanations and tests of the parser together.
func TestCodes(t *testing.T) {
	tested := map[diag.Code]bool{}
	for _, f := range errorFiles(t) {
		for _, c := range expect.Codes(f.Data) {
			tested[c] = true
		}
	}
	for c := range big() {
		tested[c] = true
	}
	used := map[diag.Code]bool{}
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		src, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`"(E0[01][0-9]{2})"`).FindAllSubmatch(src, -1) {
			used[diag.Code(m[1])] = true
		}
	}
	explained := map[diag.Code]bool{}
	for _, e := range diag.Table() {
		if e.Code < "E0200" {
			explained[e.Code] = true
			if !used[e.Code] {
				t.Errorf("%s is explained and never used", e.Code)
			}
		}
	}
	for c := range used {
		if !explained[c] {
			t.Errorf("%s has no explanation", c)
		}
		if !tested[c] {
			t.Errorf("%s has no test", c)
		}
	}
}

// TestDocs reads the comments right above declarations.
func TestDocs(t *testing.T) {
	src := "// about p\npackage p\n\n// lost\n\n// one\n//two\nconst a = 1 // behind\n// three\n\nconst b = 2\n"
	f, errs := Parse("p.tile", []byte(src))
	if err := errs.Err(); err != nil {
		t.Fatal(err)
	}
	got := []string{f.DocText(), f.Decls[0].DocText(), f.Decls[1].DocText()}
	if diff := cmp.Diff([]string{"about p", "one\ntwo", ""}, got); diff != "" {
		t.Error(diff)
	}
	if len(f.Comments) != 6 {
		t.Errorf("%d comments", len(f.Comments))
	}
}

// TestForeignBytes reads line ends and marks of other systems.
func TestForeignBytes(t *testing.T) {
	plain := "package p\n\nconst a = 1 // c\nkernel k() () {\n    x = 1\n}\n"
	want, errs := Parse("p.tile", []byte(plain))
	if err := errs.Err(); err != nil {
		t.Fatal(err)
	}
	for name, src := range map[string]string{
		"CRLF": strings.ReplaceAll(plain, "\n", "\r\n"),
		"BOM":  "\ufeff" + plain,
		"tabs": strings.ReplaceAll(plain, "    ", "\t"),
		"end":  strings.TrimSuffix(plain, "\n"),
	} {
		got, errs := Parse("p.tile", []byte(src))
		if err := errs.Err(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(Dump(want), Dump(got)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if got.Comments[0].Text != "// c" {
			t.Errorf("%s: comment %q", name, got.Comments[0].Text)
		}
	}
}
