package passes

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tilec/tilec/ir"
)

var update = flag.Bool("update", false, "write what the passes give to the golden files")

// TestGolden runs each pass alone on the texts of testdata/<pass>.txtar: name.in goes in, name.out comes out. The first
// line of an input for specialise says what is known.
func TestGolden(t *testing.T) {
	for _, p := range table {
		path := filepath.Join("testdata", p.Name+".txtar")
		a, err := txtar.ParseFile(path)
		if errors.Is(err, os.ErrNotExist) && strings.HasPrefix(p.Name, "late ") {
			continue // the same pass again
		}
		if err != nil {
			t.Error(err)
			continue
		}
		out := map[string]string{}
		for _, file := range a.Files {
			if name, ok := strings.CutSuffix(file.Name, ".out"); ok {
				out[name] = string(file.Data)
			}
		}
		var rewritten []txtar.File
		for _, file := range a.Files {
			name, ok := strings.CutSuffix(file.Name, ".in")
			if !ok {
				continue
			}
			fn, err := ir.ParseFunc(file.Name, file.Data)
			if err != nil {
				t.Errorf("%s: %v", p.Name, err)
				continue
			}
			if err := ir.Verify(fn); err != nil {
				t.Errorf("%s: %s: %v", p.Name, file.Name, err)
				continue
			}
			opts := &Options{}
			if p.Name == "specialise" {
				opts.Known = knownFrom(t, fn, string(file.Data))
			}
			if err := p.Run(fn, opts); err != nil {
				t.Errorf("%s: %s: %v", p.Name, file.Name, err)
				continue
			}
			if err := ir.Verify(fn); err != nil {
				t.Errorf("%s: %s: after it: %v\n%s", p.Name, file.Name, err, fn)
			}
			got := fn.String()
			rewritten = append(rewritten, file, txtar.File{Name: name + ".out", Data: []byte(got)})
			if diff := cmp.Diff(out[name], got); diff != "" && !*update {
				t.Errorf("%s: %s: (-want +got)\n%s", p.Name, name, diff)
			}
			before := fn.String()
			if err := p.Run(fn, opts.again()); err != nil {
				t.Errorf("%s: %s again: %v", p.Name, file.Name, err)
			}
			if diff := cmp.Diff(before, fn.String()); diff != "" {
				t.Errorf("%s: %s: a second run changes more (-first +second)\n%s", p.Name, name, diff)
			}
		}
		if *update {
			text := txtar.Format(&txtar.Archive{Comment: a.Comment, Files: rewritten})
			if err := os.WriteFile(path, text, 0o666); err != nil {
				t.Error(err)
			}
		}
	}
}

// again is opts for a second run: what was known is gone.
func (o *Options) again() *Options {
	c := *o
	c.Known = nil
	return &c
}

// knownFrom reads name=value pairs from a text's first line.
func knownFrom(t *testing.T, fn *ir.Func, text string) *Known {
	t.Helper()
	first, _, _ := strings.Cut(text, "\n")
	k := &Known{Sizes: map[string]int64{}, Scalars: map[string]any{}}
	for _, pair := range strings.Fields(strings.TrimPrefix(first, "//")) {
		name, val, _ := strings.Cut(pair, "=")
		i, err := strconv.ParseInt(val, 10, 64)
		switch x, ferr := strconv.ParseFloat(val, 64); {
		case fn.Size(name) >= 0 && err == nil:
			k.Sizes[name] = i
		case err == nil:
			k.Scalars[name] = i
		case ferr == nil:
			k.Scalars[name] = x
		default:
			t.Fatalf("no value: %s", pair)
		}
	}
	return k
}

func TestSpecialiseErrors(t *testing.T) {
	const text = `kernel @f[%M, %P = (%M - 4), %Q = (%M / %P)](%a: tensor<f32,[%M]>, %b: bool, %u: u4, %x: f16) -> () {
  yield
}
`
	for _, c := range []struct {
		known Known
		want  string
	}{
		{Known{Sizes: map[string]int64{"Z": 1}}, "@f has no size Z"},
		{Known{Sizes: map[string]int64{"M": -1}}, "size M of @f cannot be -1"},
		{Known{Sizes: map[string]int64{"M": 6, "P": 3}}, "size P of @f cannot be 3: it is computed as 2"},
		{Known{Sizes: map[string]int64{"P": 3}}, "size P of @f is computed from others and cannot be given alone"},
		{Known{Sizes: map[string]int64{"M": 3}}, "size P of @f is computed as -1"},
		{Known{Scalars: map[string]any{"a": int64(1)}}, "@f has no scalar parameter a"},
		{Known{Scalars: map[string]any{"y": int64(1)}}, "@f has no scalar parameter y"},
		{Known{Scalars: map[string]any{"b": int64(2)}}, "2 is no value of bool, the type of b of @f"},
		{Known{Scalars: map[string]any{"u": int64(16)}}, "16 is no value of u4, the type of u of @f"},
		{Known{Scalars: map[string]any{"x": 0.1}}, "0.1 is no value of f16, the type of x of @f"},
		{Known{Scalars: map[string]any{"x": int64(1)}}, "1 is no value of f16, the type of x of @f"},
		{Known{Scalars: map[string]any{"x": "1"}}, "1 is no value of f16, the type of x of @f"},
	} {
		fn, err := ir.ParseFunc("f", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		_, err = Specialise(fn, c.known)
		if err == nil || err.Error() != c.want {
			t.Errorf("%v; want %s", err, c.want)
		}
		if fn.String() != text {
			t.Errorf("the function changed:\n%s", fn)
		}
	}
	fn, err := ir.ParseFunc("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	// A division by zero in an extent is found at launch, not here.
	if fn, err = Specialise(fn, Known{Sizes: map[string]int64{"M": 4}}); err != nil || len(fn.Sizes) != 1 {
		t.Errorf("%v: %s", err, fn)
	}
}

// TestOrder holds the table to the reasons for its order.
func TestOrder(t *testing.T) {
	at := map[string]int{}
	for i, p := range table {
		if _, twice := at[p.Name]; twice || p.Why == "" || p.Run == nil {
			t.Errorf("entry %d, %s, is not complete or not the first of its name", i, p.Name)
		}
		at[p.Name] = i
	}
	reasons := map[string]bool{}
	for _, o := range order {
		i, ok := at[o.before]
		j, is := at[o.after]
		if !ok || !is || i >= j || o.because == "" {
			t.Errorf("%s before %s: the table has them at %d and %d", o.before, o.after, i, j)
		}
		reasons[o.before], reasons[o.after] = true, true
	}
	for _, p := range table {
		if !reasons[p.Name] {
			t.Errorf("nothing says why %s stands where it does", p.Name)
		}
	}
}

// TestRun runs the pipeline on every text of testdata with the verifier between passes.
func TestRun(t *testing.T) {
	texts(t, func(name string, fn *ir.Func) {
		var dumped []string
		opts := Options{VerifyEach: true, Dump: func(pass string, _ *ir.Func) { dumped = append(dumped, pass) }}
		if err := Run(fn, opts); err != nil {
			t.Errorf("%s: %v\n%s", name, err, fn)
		}
		if len(dumped) != len(table) {
			t.Errorf("%s: %d dumps", name, len(dumped))
		}
	})
	// What is broken is named with the pass that left it.
	fn, err := ir.ParseFunc("f", []byte("kernel @f[%N]() -> () {\n  %x = add %N, %N : f32\n  yield\n}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := Run(fn, Options{VerifyEach: true}); err == nil || !strings.HasPrefix(err.Error(), "after lower: ") {
		t.Errorf("%v", err)
	}
}

// texts hands out every valid text of testdata, freshly read.
func texts(t testing.TB, use func(name string, fn *ir.Func)) {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal(err, paths)
	}
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range a.Files {
			if !bytes.Contains(file.Data, []byte("kernel")) {
				continue
			}
			fn, err := ir.ParseFunc(file.Name, file.Data)
			if err != nil {
				t.Errorf("%s: %v", path, err)
				continue
			}
			use(fmt.Sprintf("%s/%s", path, file.Name), fn)
		}
	}
}

// FuzzRun holds that the pipeline takes every valid function to a valid one, without a panic.
func FuzzRun(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range append(paths, "../ir/testdata/texts.txtar") {
		a, err := txtar.ParseFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range a.Files {
			f.Add(string(file.Data))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		fn, err := ir.ParseFunc("fuzz", []byte(text))
		if err != nil || ir.Verify(fn) != nil {
			return
		}
		if fn.Placed() {
			_ = CheckChannels(fn) // whatever it finds, it ends
			return
		}
		if err := Run(fn, Options{VerifyEach: true}); err != nil {
			t.Fatalf("%v\n%s", err, fn)
		}
	})
}
