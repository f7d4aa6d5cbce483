package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/dsl/eval"
	"github.com/tilec/tilec/ir/interp"
)

// faulty is standard output that breaks the program that writes to it.
type faulty struct{}

func (faulty) Write([]byte) (int, error) { panic("the writer is broken") }

// TestFault: a panic anywhere below Main is told as tilec's own fault, with a file that has all that shows it.
func TestFault(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	t.Chdir(t.TempDir())
	write(t, "k.tile", "package k\n\nconst a = 1\n")
	var stderr bytes.Buffer
	env := &environment{ctx: context.Background(), stdin: strings.NewReader(""), stdout: faulty{}, stderr: &stderr}
	if code := Main(env, []string{"check", "k.tile"}); code != exitFault {
		t.Errorf("exit code %d", code)
	}
	said := regexp.MustCompile(`^tilec: a fault inside tilec: the writer is broken\nThis is a defect of tilec, .* was written to (\S+); please report it with that file.\n$`)
	m := said.FindStringSubmatch(stderr.String())
	if m == nil {
		t.Fatalf("stderr: %s", stderr.String())
	}
	report, err := os.ReadFile(m[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"tilec check k.tile\n", "fault: the writer is broken\n", "faulty.Write", "-- k.tile --\npackage k\n\nconst a = 1\n"} {
		if !strings.Contains(string(report), want) {
			t.Errorf("no %q in\n%s", want, report)
		}
	}
}

func TestIsFault(t *testing.T) {
	for _, test := range []struct {
		err  error
		want bool
	}{
		{nil, false}, {errSilent, false}, {errors.New("anything"), false},
		{&compile.Fault{Kernel: "k", Err: errors.New("no such value")}, true},
		{&interp.Fault{Kind: interp.Internal}, true}, {&interp.Fault{Kind: interp.Bounds}, false},
		{errors.Join(errors.New("first"), &compile.Fault{}), true},
		{&eval.Error{Msg: "internal error: x has no value"}, true}, {&eval.Error{Msg: "x is too large"}, false},
		{&eval.Error{Err: &interp.Fault{Kind: interp.Bounds}}, false}, {&eval.Error{Err: &interp.Fault{Kind: interp.Internal}}, true},
	} {
		if got := isFault(test.err); got != test.want {
			t.Errorf("%v: %v", test.err, got)
		}
	}
	if err := errors.New("as it is"); unbound(err) != err {
		t.Error("another error is changed")
	}
}

// TestProgress: nothing in the first second, then a line that is replaced and taken away; nothing where no terminal is.
func TestProgress(t *testing.T) {
	var out bytes.Buffer
	bar := newProgress(&environment{stderr: &out, progress: true}, "gemm")
	bar.update("", 1, 10)
	if out.Len() > 0 {
		t.Errorf("at once: %q", out.String())
	}
	bar.began = bar.began.Add(-2 * time.Second)
	bar.update("merge", 12, 100)
	bar.update("merge", 13, 100) // too soon after the other
	bar.shown = bar.shown.Add(-time.Second)
	bar.show("short")
	bar.clear()
	bar.clear()
	line := "gemm, merge: 12 of 100 blocks"
	if got, want := out.String(), "\r"+line+"\rshort"+strings.Repeat(" ", len(line)-5)+"\r"+strings.Repeat(" ", len("short"))+"\r"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	out.Reset()
	bar = newProgress(&environment{stderr: &out}, "gemm")
	bar.began = bar.began.Add(-2 * time.Second)
	bar.update("", 1, 10)
	bar.clear()
	if out.Len() > 0 {
		t.Errorf("without a terminal: %q", out.String())
	}
}

func TestSplitKernel(t *testing.T) {
	for arg, want := range map[string][2]string{
		"k.tile": {"k.tile", ""}, "k.tile:mm": {"k.tile", "mm"}, "a:b/k.tile": {"a:b/k.tile", ""}, "a:b/k.tile:mm": {"a:b/k.tile", "mm"},
		`c:\k.tile`: {`c:\k.tile`, ""}, `c:\k.tile:mm`: {`c:\k.tile`, "mm"}, ":mm": {":mm", ""}, "k.tile:": {"k.tile", ""},
	} {
		if file, kernel := splitKernel(arg); file != want[0] || kernel != want[1] {
			t.Errorf("%s: %q and %q", arg, file, kernel)
		}
	}
}

func TestNearest(t *testing.T) {
	for _, test := range []struct{ name, from, want string }{
		{"tset", "run test", "test"}, {"foo", "run fmt test", ""}, {"X", "x y", "x"}, {"y", "x z", ""}, {"scael", "scale cap", "scale"},
		{"", "x", ""}, {"anything", "", ""}, {"sm_81", "sm_80 sm_89", "sm_80"},
	} {
		want := ""
		if test.want != "" {
			want = ` (did you mean "` + test.want + `"?)`
		}
		if got := nearest(test.name, strings.Fields(test.from)); got != want {
			t.Errorf("%s among %s: %q", test.name, test.from, got)
		}
	}
}

func TestQuote(t *testing.T) {
	got := strings.Join(quoteAll([]string{"run", "", "a b", "it's", "q=randn:1x8:1", "$HOME"}), " ")
	if want := `run '' 'a b' 'it'\''s' q=randn:1x8:1 '$HOME'`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestParseAnywhere(t *testing.T) {
	for _, test := range []struct{ args, rest, json string }{
		{"k.tile x=1", "k.tile x=1", "false"}, {"-json k.tile", "k.tile", "true"}, {"k.tile -json x=1", "k.tile x=1", "true"},
		{"k.tile x=1 -json", "k.tile x=1", "true"}, {"-- -json", "-json", "false"}, {"k.tile -- -json x", "k.tile -json x", "false"}, {"", "", "false"},
	} {
		fs, _ := checkCommand().flagSet()
		rest, err := parseAnywhere(fs, strings.Fields(test.args))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(rest, " "); got != test.rest || fs.Lookup("json").Value.String() != test.json {
			t.Errorf("%s: rest %q, json %v", test.args, got, fs.Lookup("json").Value)
		}
	}
}

// TestWriter keeps the first error of several.
func TestWriter(t *testing.T) {
	first := errors.New("first")
	errs := []error{nil, first, errors.New("second")}
	w := &writer{to: writerFunc(func([]byte) (int, error) { err := errs[0]; errs = errs[1:]; return 0, err })}
	for range 3 {
		io.WriteString(w, "x")
	}
	if w.err != first {
		t.Error(w.err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(text []byte) (int, error) { return f(text) }
