package ptx

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/ptx/emit"
	"github.com/tilec/tilec/codegen/ptx/emu"
	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/dsl/eval"
	"github.com/tilec/tilec/dsl/suite"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/interp"
	"github.com/tilec/tilec/kernels"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/array"
)

// subject is a compiled variant with launches of it.
type subject struct {
	kernel   string // package.kernel
	binds    string
	fn       *ir.Func
	artefact *codegen.Artefact
	lines    []string // of its text
	source   []string // the lines of the file that it comes from
	launches []launch
}

func (s *subject) String() string { return s.kernel + " " + s.binds }

// launch is a launch of a variant, or of one whose kernels do not look whether sizes and addresses are multiples of something, but
// always take the code for where they are not.
type launch struct {
	sizes   []int64
	args    []runtime.Arg
	general bool
	// cost is the instructions that it executes, executed how often each line of the text is.
	cost     uint64
	executed map[int]uint64
}

// looks is the branch to the code that assumes nothing.
var looks = regexp.MustCompile(`^(\s*)@!%p\d+ (bra\.uni \$unaligned)`)

// text is the text of a launch without some lines.
func (s *subject) text(general bool, gone ...int) string {
	kept := slices.Clone(s.lines)
	for _, i := range gone {
		kept[i] = "" // the numbers of the others stay
	}
	if general {
		for i, line := range kept {
			kept[i] = looks.ReplaceAllString(line, "$1$2")
		}
	}
	return strings.Join(kept, "\n")
}

// launch runs a text of the subject.
func (s *subject) launch(ctx context.Context, target, text string, l launch, o emu.Options, report func(*emu.Report)) ([]*array.Array, error) {
	device, err := runtime.Emulator(target, o)
	if err != nil {
		return nil, err
	}
	a := *s.artefact
	a.Code = []byte(text)
	k, err := device.Load(s.fn, &a)
	if err != nil {
		return nil, err
	}
	return k.Launch(ctx, l.sizes, l.args, runtime.Options{Emulated: report})
}

// all are the places of all that the emulator reports of a text on a launch, with what it is.
func (s *subject) all(ctx context.Context, target, text string, l launch, seed uint64) (map[string]bool, error) {
	places := map[string]bool{}
	_, err := s.launch(ctx, target, text, l, emu.Options{Seed: seed, MaxInstructions: 1 << 26, MaxFindings: 1 << 10}, func(r *emu.Report) {
		for _, f := range r.Findings {
			places[fmt.Sprint(f.Kind, f.Pos)] = true
		}
	})
	if f := (*interp.Fault)(nil); err != nil && !errors.As(err, &f) {
		return nil, err
	}
	return places, nil
}

// found is what the emulator reports of a text on a launch, "" if nothing.
func (s *subject) found(ctx context.Context, target, text string, l launch, seed uint64) (string, error) {
	_, err := s.launch(ctx, target, text, l, emu.Options{Seed: seed, MaxInstructions: 1 << 26}, nil)
	var f *interp.Fault
	if errors.As(err, &f) {
		return f.Message, nil
	}
	return "", err
}

// calling are the bundled kernels, those of the explicit level's tests, and the launches of a package's.
func calling(t *testing.T, pkg string) (files fstest.MapFS, own string) {
	t.Helper()
	files = fstest.MapFS{}
	for _, s := range kernels.List() {
		text, err := kernels.FS.ReadFile(s.Path())
		if err != nil {
			t.Fatal(err)
		}
		files[s.Path()] = &fstest.MapFile{Data: text}
	}
	own = pkg + "/launches.tile"
	paths := map[string]string{filepath.Join("testdata", "launches", pkg+".tile"): own}
	explicit, err := filepath.Glob("../spec/explicit/*.tile")
	if err != nil || len(explicit) == 0 {
		t.Fatalf("no programs of the explicit level: %v", err)
	}
	for _, p := range explicit {
		paths[p] = "explicit/" + filepath.Base(p)
	}
	for from, to := range paths {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		files[to] = &fstest.MapFile{Data: text}
	}
	return files, own
}

// runBenches runs the benches of a file, whose launches run makes.
func runBenches(t *testing.T, prog *check.Program, file string, to emit.Target, run eval.Launch) {
	t.Helper()
	for _, test := range prog.Packages[0].Tests {
		if test.Span().File != file {
			continue
		}
		cases, list := test.Cases()
		runner := &eval.Runner{Context: t.Context(), Launch: run}
		for _, c := range cases {
			more, err := test.Run(c, check.RunOptions{Target: to.Name()}, runner.Exec)
			list = append(list, more...)
			if err != nil {
				t.Errorf("%s: %v", suite.Name(test), err)
			}
		}
		if list.HasErrors() {
			t.Errorf("%s: %v", suite.Name(test), list.Err())
		}
	}
}

// subjects are the variants that the benches of testdata/launches call of a package's kernels, with these calls. They are run
// on the emulator, as later calls may take what earlier ones gave.
func subjects(t *testing.T, pkg string, to emit.Target) []*subject {
	t.Helper()
	files, own := calling(t, pkg)
	prog, list := check.Load(check.Config{FS: files}, own)
	if list.HasErrors() {
		t.Fatal(list.Err())
	}
	var all []*subject
	known := map[string]*subject{}
	run := func(ctx context.Context, k *typed.Kernel, sizes []int64, given []eval.Arg) ([]*array.Array, error) {
		fn, _, err := compile.Func(k, compile.Options{})
		if err != nil {
			return nil, err
		}
		text := fn.Text(ir.NoLoc)
		s := known[text]
		if s == nil {
			v := variant{fn: fn}
			a, err := v.build(t, to)
			if err != nil {
				return nil, err
			}
			s = &subject{kernel: pkg + "." + fn.Name, fn: fn, artefact: a, lines: strings.Split(string(a.Code), "\n"),
				source: strings.Split(string(files[fn.Pos.File].Data), "\n")}
			for i, b := range fn.Binds {
				if i > 0 {
					s.binds += " "
				}
				s.binds += b.Name
				if b.Value != "" {
					s.binds += "=" + b.Value
				}
			}
			known[text] = s
			all = append(all, s)
		}
		l := launch{sizes: sizes}
		for _, a := range given {
			l.args = append(l.args, runtime.Arg{Tensor: a.Tensor, Int: a.Int, Float: a.Float})
		}
		var outs []*array.Array
		for _, general := range []bool{false, true} {
			l.general, l.cost, l.executed = general, 0, map[int]uint64{}
			text := s.text(general)
			if general && text == string(s.artefact.Code) {
				continue
			}
			outs, err = s.launch(ctx, to.Name(), text, l, emu.Options{NoChecks: true}, func(r *emu.Report) {
				l.cost += r.Instructions
				for _, x := range r.Lines {
					l.executed[x.Pos.Line] += x.Instructions
				}
			})
			if err != nil {
				return nil, err
			}
			s.launches = append(s.launches, l)
		}
		return outs, nil
	}
	runBenches(t, prog, own, to, run)
	for _, k := range prog.Packages[0].Kernels {
		if !slices.ContainsFunc(all, func(s *subject) bool { return s.fn.Name == k.Name }) {
			t.Errorf("no launch of %s.%s", pkg, k.Name)
		}
	}
	for _, s := range all {
		slices.SortStableFunc(s.launches, func(a, b launch) int { return cmp.Compare(a.cost, b.cost) })
	}
	return all
}

// reaching are the launches that execute a line, the shortest first.
func (s *subject) reaching(line int) []launch {
	var list []launch
	for _, l := range s.launches {
		if l.executed[line+1] > 0 {
			list = append(list, l)
		}
	}
	return list
}

// sourceLine is the line of the source that a line of the text comes from, the function's if none.
func (s *subject) sourceLine(line int) int {
	for i := line; i >= 0; i-- {
		var file, at, column int
		if n, err := fmt.Sscanf(strings.TrimSpace(s.lines[i]), ".loc %d %d %d", &file, &at, &column); n == 3 && err == nil {
			return at
		}
	}
	return s.fn.Pos.Line
}

// place is the line of the source that a line of the text comes from.
func (s *subject) place(line int) string {
	return fmt.Sprintf("%s:%d", filepath.Base(s.fn.Pos.File), s.sourceLine(line))
}
