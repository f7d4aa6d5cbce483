package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tilec/tilec/ir/layout/expr"
)

// tilec runs a command line, and gives what it prints and its exit code.
func tilec(in string, args ...string) (out string, code int) {
	var b bytes.Buffer
	code = Main(&environment{ctx: context.Background(), stdin: strings.NewReader(in), stdout: &b, stderr: &b}, args)
	return b.String(), code
}

// words splits a command line at blanks, but within quotes.
func words(line string) []string {
	var list []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			list = append(list, part)
		} else {
			list = append(list, strings.Fields(part)...)
		}
	}
	return list
}

// TestLayoutsPage runs the commands of docs/layouts.md and holds what it shows to what comes out, and its table of
// operations to theirs.
func TestLayoutsPage(t *testing.T) {
	t.Setenv("COLUMNS", "")
	name := filepath.Join("..", "..", "docs", "layouts.md")
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	shown := 0
	for _, old := range block(t, page, "console") {
		fresh := ""
		for _, one := range strings.Split(old, "$ tilec ")[1:] {
			line, _, _ := strings.Cut(one, "\n")
			out, _ := tilec("", words(line)...)
			fresh += "$ tilec " + line + "\n" + out
			shown++
		}
		if diff := cmp.Diff(old, fresh); diff != "" && !*update {
			t.Errorf("(-shown +printed)\n%s", diff)
		}
		page = strings.Replace(page, "```console\n"+old+"```", "```console\n"+fresh+"```", 1)
	}
	if shown < 10 {
		t.Errorf("%d commands", shown)
	}
	if !strings.Contains(page, "\n```\n"+expr.Grammar+"```\n") {
		t.Errorf("the page lacks the grammar:\n%s", expr.Grammar)
	}
	const head, end = "| operation | gives |\n|---|---|\n", "\n\n## Pictures"
	before, rest, _ := strings.Cut(page, head)
	old, after, ok := strings.Cut(rest, end)
	if !ok {
		t.Fatal("no table of operations")
	}
	var rows []string
	for _, f := range expr.Functions() {
		forms := strings.Split(f.Args, " | ")
		for i, args := range forms {
			forms[i] = "`" + f.Name + "(" + args + ")`"
		}
		rows = append(rows, "| "+strings.Join(forms, ", ")+" | "+f.Text+" |")
	}
	fresh := strings.Join(rows, "\n")
	if diff := cmp.Diff(old, fresh); diff != "" && !*update {
		t.Errorf("operations (-documented +there)\n%s", diff)
	}
	if *update {
		write(t, name, before+head+fresh+end+after)
	}
}

// layoutAnswer is an object that tilec layout -json prints.
type layoutAnswer struct {
	Layout, Error, Reason string
	Values                []int64
	Offset                int
}

// TestLayoutCases asks for the cases of the algebra's fixture as texts, all in one stream, and holds the values to those
// that are expected.
func TestLayoutCases(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "ir", "layout", "testdata", "layout_cases.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	type fixture struct {
		ID, Op                string
		A, Profile, B, Target json.RawMessage
		N, Cotarget           int64
		Swizzle               struct{ Bits, Base, Shift int }
		Expected              json.RawMessage
		Values                []int64         `json:"expected_values"`
		First                 []int64         `json:"expected_values_first64"`
		Shape                 json.RawMessage `json:"expected_shape"`
		Stride                json.RawMessage `json:"expected_stride"`
	}
	tuple := func(raw json.RawMessage) string {
		return strings.NewReplacer("[", "(", "]", ")", " ", "").Replace(string(raw))
	}
	one := func(raw json.RawMessage) string {
		var l struct{ Shape, Stride json.RawMessage }
		if err := json.Unmarshal(raw, &l); err != nil {
			t.Fatal(err)
		}
		return tuple(l.Shape) + ":" + tuple(l.Stride)
	}
	second := func(raw json.RawMessage) string {
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			return one(raw)
		}
		texts := make([]string, len(list))
		for i, l := range list {
			texts[i] = one(l)
		}
		return "[" + strings.Join(texts, ", ") + "]"
	}
	names := map[string]string{
		"composition": "compose", "right_inverse": "right_inverse", "left_inverse": "left_inverse", "logical_divide": "divide", "logical_divide_by_mode": "divide",
		"zipped_divide": "zipped_divide", "tiled_divide": "tiled_divide", "flat_divide": "flat_divide", "logical_product": "product", "blocked_product": "blocked_product",
		"raked_product": "raked_product", "zipped_product": "zipped_product", "coalesce": "coalesce", "filter": "filter", "nullspace": "nullspace", "max_common_layout": "common",
	}
	var cases []fixture
	var lines []string
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		var c fixture
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		asked := ""
		switch name := names[c.Op]; {
		case name != "" && c.B != nil:
			asked = fmt.Sprintf("%s(%s, %s)", name, one(c.A), second(c.B))
		case name != "":
			asked = fmt.Sprintf("%s(%s)", name, one(c.A))
		case c.Op == "coalesce_by_mode":
			asked = fmt.Sprintf("coalesce(%s, %s)", one(c.A), tuple(c.Profile))
		case c.Op == "complement":
			asked = fmt.Sprintf("complement(%s, %d)", one(c.A), c.Cotarget)
		case c.Op == "tile_to_shape":
			asked = fmt.Sprintf("tile_to_shape(%s, %s)", one(c.A), tuple(c.Target))
		case c.Op == "upcast":
			asked = fmt.Sprintf("recast(%s, 1, %d)", one(c.A), c.N)
		case c.Op == "downcast":
			asked = fmt.Sprintf("recast(%s, %d, 1)", one(c.A), c.N)
		case c.Op == "swizzle_composed":
			asked = fmt.Sprintf("swizzle(%d,%d,%d) o %s", c.Swizzle.Bits, c.Swizzle.Base, c.Swizzle.Shift, one(c.A))
		default:
			continue // cases about shapes alone
		}
		cases = append(cases, c)
		lines = append(lines, asked)
	}
	if len(cases) < 140 {
		t.Fatalf("%d cases", len(cases))
	}
	out, code := tilec(strings.Join(lines, "\n"), "layout", "-json", "-")
	answers := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if code != exitFine || len(answers) != len(cases) {
		t.Fatalf("exit code %d, %d answers to %d cases", code, len(answers), len(cases))
	}
	rejected := 0
	for i, c := range cases {
		var got layoutAnswer
		if err := json.Unmarshal([]byte(answers[i]), &got); err != nil {
			t.Fatalf("%v: %s", err, answers[i])
		}
		want := c.Values
		if want == nil {
			want = c.First
		}
		if want == nil && c.Shape != nil { // the fixture has the layout alone
			out, _ := tilec("", "layout", "-json", tuple(c.Shape)+":"+tuple(c.Stride))
			var l layoutAnswer
			if err := json.Unmarshal([]byte(out), &l); err != nil {
				t.Fatal(err)
			}
			want = l.Values
		}
		switch {
		case c.Expected != nil:
			rejected++
			if got.Error == "" || got.Reason == "" {
				t.Errorf("%s: %s is %s; it should be rejected", c.ID, lines[i], got.Layout)
			}
		case got.Error != "":
			t.Errorf("%s: %s: %s", c.ID, lines[i], got.Error)
		case c.Op == "left_inverse": // not unique; its law is tested with the algebra
		case len(want) == 0 || len(got.Values) < len(want) || !slices.Equal(got.Values[:len(want)], want):
			t.Errorf("%s: %s is %s with %v, not %v", c.ID, lines[i], got.Layout, got.Values, want)
		}
	}
	if rejected == 0 {
		t.Error("no case is to be rejected")
	}
}

// endless is input without an end, and without the end of a line.
type endless struct{ left int }

func (e *endless) Read(to []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := min(len(to), e.left)
	for i := range to[:n] {
		to[i] = '4'
	}
	e.left -= n
	return n, nil
}

// TestLayoutStream: lines of any length, and each answer written before the next line is read.
func TestLayoutStream(t *testing.T) {
	var out bytes.Buffer
	env := &environment{ctx: context.Background(), stdin: io.MultiReader(strings.NewReader("4\n"), &endless{100 << 20}, strings.NewReader("\n8\n")), stdout: &out, stderr: &out}
	if code := Main(env, []string{"layout", "-json", "-"}); code != exitFine {
		t.Errorf("exit code %d", code)
	}
	want := `{"layout":"4:1","values":[0,1,2,3]}
{"error":"the line has more than 16384 bytes","reason":"overflow","offset":16384}
{"layout":"8:1","values":[0,1,2,3,4,5,6,7]}
`
	if out.String() != want {
		t.Errorf("%.300s", out.String())
	}

	in, ask := io.Pipe()
	answers, to := io.Pipe()
	done := make(chan int)
	go func() {
		code := Main(&environment{ctx: context.Background(), stdin: in, stdout: to, stderr: io.Discard}, []string{"layout", "-json", "-"})
		to.Close()
		done <- code
	}()
	buffer := make([]byte, 100)
	for _, line := range []string{"2:3", "x", "2:5"} {
		io.WriteString(ask, line+"\n")
		if n, err := answers.Read(buffer); err != nil || n == 0 {
			t.Fatal(err)
		}
	}
	ask.Close()
	if rest, err := io.ReadAll(answers); len(rest) > 0 || err != nil || <-done != exitFine {
		t.Errorf("%q, %v", rest, err)
	}

	// A text as long as may be, and one byte more.
	long := "4" + strings.Repeat(" ", expr.MaxText-1)
	for text, want := range map[string]string{long: `{"layout"`, long + " ": `{"error"`} {
		if got, _ := tilec(text+"\n", "layout", "-json", "-"); !strings.HasPrefix(got, want) {
			t.Errorf("%d bytes: %s", len(text), got)
		}
	}
	broken := &environment{ctx: context.Background(), stdin: io.MultiReader(strings.NewReader("4\n"), brokenReader{}), stdout: io.Discard, stderr: &out}
	out.Reset()
	if code := Main(broken, []string{"layout", "-json", "-"}); code != exitWrong || !strings.Contains(out.String(), "cannot read the expressions: broken") {
		t.Errorf("%d: %s", code, out.String())
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("broken") }
