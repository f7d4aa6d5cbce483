package format

import (
	"flag"
	"fmt"
	"maps"
	"math/rand"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tilec/tilec/dsl"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// holds reports what does not always hold: the program and its comments are
// the same after formatting, and formatting again changes nothing. ok is false
// if the text has errors.
func holds(src []byte) (out []byte, ok bool, err error) {
	before, errs := dsl.Parse("x.tile", src)
	out, formatErrs := Source("x.tile", src)
	if errs.HasErrors() != formatErrs.HasErrors() {
		return nil, false, fmt.Errorf("Parse says %v, Source says %v", errs.Err(), formatErrs.Err())
	}
	if errs.HasErrors() {
		return nil, false, nil
	}
	after, errs := dsl.Parse("x.tile", out)
	if err := errs.Err(); err != nil {
		return out, true, fmt.Errorf("the result has errors:\n%w", err)
	}
	if diff := cmp.Diff(dsl.Dump(before), dsl.Dump(after)); diff != "" {
		return out, true, fmt.Errorf("the program changed (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(comments(before), comments(after)); diff != "" {
		return out, true, fmt.Errorf("the comments changed (-before +after):\n%s", diff)
	}
	again, errs := Source("x.tile", out)
	if err := errs.Err(); err != nil {
		return out, true, err
	}
	if diff := cmp.Diff(string(out), string(again)); diff != "" {
		return out, true, fmt.Errorf("formatting again changes it (-once +twice):\n%s", diff)
	}
	return out, true, nil
}

// comments returns the texts of all comments, and the doc comments of the
// declarations.
func comments(f *dsl.File) []string {
	var list []string
	for _, c := range f.Comments {
		list = append(list, c.Text)
	}
	list = append(list, "package: "+f.DocText())
	for _, d := range f.Decls {
		list = append(list, "doc: "+d.DocText())
	}
	return list
}

// TestGolden formats each in.tile of testdata/*.txtar and compares the result
// with the file out.tile behind it.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no goldens", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			ar, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			want := txtar.Format(ar)
			out := &txtar.Archive{Comment: ar.Comment}
			for _, f := range ar.Files {
				if f.Name != "in.tile" {
					continue
				}
				text, ok, err := holds(f.Data)
				if err != nil {
					t.Error(err)
				}
				if !ok {
					_, errs := dsl.Parse(f.Name, f.Data)
					t.Fatal(errs.Err())
				}
				out.Files = append(out.Files, f, txtar.File{Name: "out.tile", Data: text})
			}
			got := txtar.Format(out)
			if *update {
				if err := os.WriteFile(path, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// corpus returns programs: the goldens of the parser, the bundled kernels, and
// the goldens here.
func corpus(t testing.TB) map[string][]byte {
	t.Helper()
	texts := map[string][]byte{}
	archives, err := filepath.Glob("../testdata/*/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	own, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range append(archives, own...) {
		ar, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range ar.Files {
			if strings.HasSuffix(f.Name, ".tile") {
				texts[path+":"+f.Name] = f.Data
			}
		}
	}
	for _, pattern := range []string{"../../kernels/*/*.tile", "../../examples/*.tile", "../../examples/*/*.tile"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			src, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			texts[path] = src
		}
	}
	return texts
}

// TestCorpus formats real programs, as they are and squeezed in several ways.
func TestCorpus(t *testing.T) {
	squeezes := map[string]func(string) string{
		"as it is":  func(s string) string { return s },
		"no indent": func(s string) string { return eachLine(s, func(l string) string { return strings.TrimLeft(l, " ") }) },
		"tabs":      func(s string) string { return strings.ReplaceAll(s, "    ", "\t") },
		"CRLF":      func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
		"one blank": func(s string) string {
			return eachLine(s, func(l string) string { return strings.Join(strings.Fields(l), " ") })
		},
		"free lines": func(s string) string { return strings.ReplaceAll(s, "\n", "\n\n\n") },
		"far comments": func(s string) string {
			return strings.ReplaceAll(s, "//", strings.Repeat(" ", 90)+"//")
		},
	}
	formatted := 0
	for name, src := range corpus(t) {
		for how, squeeze := range squeezes {
			_, ok, err := holds([]byte(squeeze(string(src))))
			if err != nil {
				t.Errorf("%s, %s: %v", name, how, err)
			}
			if ok {
				formatted++
			}
		}
	}
	if formatted < 50 {
		t.Errorf("only %d texts were formatted", formatted)
	}
}

func eachLine(s string, f func(string) string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = f(l)
	}
	return strings.Join(lines, "\n")
}

// TestPage holds the programs of docs/language.md to the canonical form.
func TestPage(t *testing.T) {
	src, err := os.ReadFile("../../docs/language.md")
	if err != nil {
		t.Fatal(err)
	}
	programs := 0
	for _, m := range regexp.MustCompile("(?s)```tile\n(package .*?)```").FindAllSubmatch(src, -1) {
		programs++
		out, errs := Source("page.tile", m[1])
		if err := errs.Err(); err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(string(m[1]), string(out)); diff != "" {
			t.Errorf("not in canonical form (-page +formatted):\n%s", diff)
		}
	}
	if programs == 0 {
		t.Error("the page has no programs")
	}
}

func TestErrors(t *testing.T) {
	out, errs := Source("x.tile", []byte("package p\nfunc f( {\n"))
	if out != nil || !errs.HasErrors() {
		t.Errorf("got %q, %v", out, errs)
	}
}

func FuzzFormat(f *testing.F) {
	for _, src := range corpus(f) {
		f.Add(src)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		if _, _, err := holds(src); err != nil {
			t.Error(err)
		}
	})
}

func BenchmarkSource(b *testing.B) {
	ar, err := txtar.ParseFile("../testdata/trees/examples.txtar")
	if err != nil {
		b.Fatal(err)
	}
	src := ar.Files[2].Data
	lines := strings.Count(string(src), "\n")
	for b.Loop() {
		Source("x.tile", src)
	}
	b.ReportMetric(float64(lines*b.N)/b.Elapsed().Seconds(), "lines/s")
}

// TestRandomLayout formats real programs with other blanks, line ends and
// comments between their tokens, as far as they are still programs.
func TestRandomLayout(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	gaps := []string{"", " ", "  ", "\t", "\n", "\n\n", "\n\n\n", " // c\n", "//d\n", "   // e\n", "\n// f\n", "\n\n// g\n\n", ";", "; ", ";;"}
	texts := corpus(t)
	names := slices.Sorted(maps.Keys(texts))
	rounds := 2000 / len(names)
	if testing.Short() {
		rounds = 1
	}
	valid := 0
	for _, name := range names {
		src := texts[name]
		tokens := dsl.Tokens(name, src)
		if len(tokens) == 0 {
			continue
		}
		for range rounds {
			changes := map[int]string{}
			for range 1 + rng.Intn(6) {
				changes[rng.Intn(len(tokens))] = gaps[rng.Intn(len(gaps))]
			}
			var b strings.Builder
			end := 0
			for i, tok := range tokens {
				between := string(src[end:tok.Span.Start.Offset])
				if gap, ok := changes[i]; ok {
					between = gap
				}
				b.WriteString(between + tok.Text)
				end = tok.Span.End.Offset
			}
			b.Write(src[end:])
			_, ok, err := holds([]byte(b.String()))
			if err != nil {
				t.Errorf("%s: %v", name, err)
				if os.Getenv("SHOW") != "" {
					t.Fatal(b.String())
				}
			}
			if ok {
				valid++
			}
		}
	}
	if valid < rounds*len(names)/10 {
		t.Errorf("only %d of %d texts were programs", valid, rounds*len(names))
	}
}

// TestLarge formats texts of which a part is very long; a pass that is not
// linear in it would not end.
func TestLarge(t *testing.T) {
	const n = 12000
	in := func(body string) string { return "package p\nfunc f() {\n" + body + "\n}\n" }
	for name, src := range map[string]string{
		"declarations": "package p\n" + strings.Repeat("const a=1;", n),
		"comments":     "package p\n" + strings.Repeat("//\n", n) + "\nconst a = 1\n" + strings.Repeat("//\n", n),
		"semicolons":   in(strings.Repeat(";", n) + strings.Repeat("x;;;", n/4)),
		"statements":   in(strings.Repeat("x  = 1 // c\n", n)),
		"list":         in("x = [" + strings.Repeat("1, ", n) + "]"),
		"rows":         "package p\nschedule k {\n" + strings.Repeat("a { b = 1, c }\n", n) + "}\n",
		"cells": "package p\nschedule k {\n a {" + strings.Repeat("b = 1, ", n) + "}\n" +
			" a {" + strings.Repeat("b = 1, ", n) + "}\n" + strings.Repeat(" a { b = 1, b }\n", n) + "}\n",
		"under": "package p\nschedule k {\n a {" + strings.Repeat("b = 1, ", n) + strings.Repeat("\nb = 1, ", n) + "}\n}\n",
		"lines": in("x = f(" + strings.Repeat("1, ", n) + strings.Repeat("\n1,", n) + ")"),
	} {
		_, ok, err := holds([]byte(src))
		if err != nil || !ok {
			t.Errorf("%s: %v %v", name, ok, err)
		}
	}
}
