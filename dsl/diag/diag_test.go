package diag

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// source is a text with a tab, wide and combining characters, and a long line.
var source = []byte("package p\n" +
	"\tx := a  <b // tab\n" +
	"größe := 表[i] + e\u0301 * y\n" +
	strings.Repeat("a + ", 60) + "HERE" + strings.Repeat(" + b", 60) + "\n" +
	"bell \x07 and \xff end")

// at returns the span of the n-th occurrence of text in source.
func at(n int, text string) Span {
	off := -1
	for range n {
		off += 1 + bytes.Index(source[off+1:], []byte(text))
	}
	pos := func(off int) Pos {
		line := 1 + bytes.Count(source[:off], []byte("\n"))
		return Pos{off, line, off - bytes.LastIndexByte(source[:off], '\n')}
	}
	return Span{"p.tile", pos(off), pos(off + len(text))}
}

func sample() List {
	var l List
	l.Add("E0021", at(1, "HERE"), "in a long line")
	l.Add("E0020", at(1, "<b"), "tabs and blanks").Suggest(at(1, "<b"), "< b", "put a blank")
	l.Add("E0010", at(1, "表[i]"), "wide characters").Note(at(1, "größe"), "more of them here")
	l.Warn("E0010", at(1, "e\u0301"), "a combining one")
	l.Add("E0001", at(1, "\x07"), "control characters \x1b[31m act on nothing")
	l.Add("E0014", Span{"p.tile", at(1, "x :=").Start, at(1, "größe").End}, "over two lines")
	l.Add("E0002", Span{File: "other.tile", Start: Pos{3, 1, 4}, End: Pos{5, 1, 6}}, "in a file without a text")
	l.Add("E0003", Span{File: "none.tile"}, "of a whole file")
	l.Add("E0004", Span{}, "of nowhere")
	l.Add("E0010", at(1, "表[i]"), "the same finding again")
	return l
}

func TestRender(t *testing.T) {
	for _, c := range []struct {
		name string
		r    Renderer
	}{
		{"plain", Renderer{}},
		{"color", Renderer{Color: true}},
		{"limit", Renderer{Max: 2}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.r.Source = Sources(map[string][]byte{"p.tile": source})
			var out bytes.Buffer
			if err := c.r.Render(&out, sample()); err != nil {
				t.Fatal(err)
			}
			golden(t, "testdata/"+c.name+".txt", out.Bytes())
		})
	}
	t.Run("json", func(t *testing.T) {
		var out bytes.Buffer
		if err := RenderJSON(&out, sample()); err != nil {
			t.Fatal(err)
		}
		golden(t, "testdata/json.txt", out.Bytes())
	})
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestWriterErrors(t *testing.T) {
	if err := (&Renderer{}).Render(brokenWriter{}, sample()); err == nil {
		t.Error("Render lost the error of its writer")
	}
	if err := RenderJSON(brokenWriter{}, sample()); err == nil {
		t.Error("RenderJSON lost the error of its writer")
	}
}

// TestRenderAnything renders spans that fit no text.
func TestRenderAnything(t *testing.T) {
	r := Renderer{Source: Sources(map[string][]byte{"p.tile": source})}
	for line := -1; line < 8; line++ {
		for col := -1; col < 700; col += 3 {
			for _, end := range []Pos{{0, line, col + 5}, {0, line, col - 5}, {0, line + 1, 1}, {}} {
				var l List
				s := Span{"p.tile", Pos{0, line, col}, end}
				l.Add("E0001", s, "x").Suggest(s, "y", "z")
				var out bytes.Buffer
				if err := r.Render(&out, l); err != nil {
					t.Fatal(err)
				}
				for l := range strings.Lines(out.String()) {
					if columns(l) > 200 {
						t.Fatalf("%v: a line of %d columns", s, columns(l))
					}
				}
			}
		}
	}
}

func TestList(t *testing.T) {
	var l List
	if l.Err() != nil || l.HasErrors() {
		t.Error("an empty list is no error")
	}
	l.Warn("E0002", at(1, "x"), "w")
	if l.Err() != nil || l.HasErrors() {
		t.Error("a warning is no error")
	}
	l.Add("E0001", at(1, "package"), "e")
	err := l.Err()
	if err == nil || err.Error() != "p.tile:1:1: error E0001: e\np.tile:2:2: warning E0002: w" {
		t.Errorf("got %v", err)
	}
	if short, left := l.Limit(1); len(short) != 1 || left != 1 {
		t.Errorf("Limit(1) = %v, %d", short, left)
	}
	if short, left := l.Limit(2); len(short) != 2 || left != 0 {
		t.Errorf("Limit(2) = %v, %d", short, left)
	}
	var none Span
	if got := none.To(at(1, "x")); got != at(1, "x") {
		t.Errorf("To of nowhere is %v", got)
	}
	if got := at(1, "x").To(none); got != at(1, "x") {
		t.Errorf("To nowhere is %v", got)
	}
}

// TestTable holds the explanations to their form and order.
func TestTable(t *testing.T) {
	table := Table()
	if !slices.IsSortedFunc(table, func(a, b Entry) int { return strings.Compare(string(a.Code), string(b.Code)) }) {
		t.Error("the codes are not in ascending order")
	}
	for i, e := range table {
		if !e.Code.Valid() {
			t.Errorf("%q is no code", e.Code)
		}
		if i > 0 && table[i-1].Code == e.Code {
			t.Errorf("%s stands twice", e.Code)
		}
		if e.Title == "" || strings.HasSuffix(e.Title, ".") {
			t.Errorf("%s: title %q", e.Code, e.Title)
		}
		if len(e.Explanation) < 40 || !strings.HasSuffix(e.Explanation, ".") {
			t.Errorf("%s: explanation %q", e.Code, e.Explanation)
		}
		if (e.Wrong == "") != (e.Right == "") || e.Wrong != "" && e.Wrong == e.Right {
			t.Errorf("%s: its examples do not go together", e.Code)
		}
		got, ok := Lookup(strings.ToLower(string(e.Code)))
		if !ok || got != e {
			t.Errorf("Lookup(%s) = %v", e.Code, got)
		}
	}
	for _, code := range []string{"", "E", "E9999", "x", "E001", "99999"} {
		if e, ok := Lookup(code); ok {
			t.Errorf("Lookup(%q) = %v", code, e)
		}
	}
	if e, ok := Lookup("10"); !ok || e.Code != "E0010" {
		t.Errorf(`Lookup("10") = %v`, e)
	}
	golden(t, "testdata/explain.txt", []byte(must(Lookup("E0013")).String()))
}

func must(e Entry, _ bool) Entry { return e }
