package ptx

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

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

var allMutants = flag.Bool("mutants", false, "delete every barrier, wait and commit of every kernel, not a sample of them")

// subject is a compiled variant with launches that tests make of it.
type subject struct {
	name     string
	kernel   string // package.kernel
	fn       *ir.Func
	artefact *codegen.Artefact
	launches []launch
}

type launch struct {
	sizes []int64
	args  []runtime.Arg
	bytes int64
}

// subjects records what the tests of a package launch: of each kernel the variants that the first case of each of its tests
// calls. It runs the calls on the emulator, as later calls may take what earlier ones gave.
func subjects(t *testing.T, file string, to emit.Target) []*subject {
	prog, list := check.Load(check.Config{Bundled: kernels.FS}, file)
	if list.HasErrors() {
		t.Fatal(list.Err())
	}
	device, err := runtime.Emulator(to.Name(), emu.Options{NoChecks: true})
	if err != nil {
		t.Fatal(err)
	}
	var all []*subject
	known := map[string]*subject{}
	for _, test := range prog.Packages[0].Tests {
		cases, list := test.Cases()
		if test.Bench || list.HasErrors() || filepath.Base(test.Span().File) != filepath.Base(file) {
			continue
		}
		loaded := map[*typed.Kernel]*runtime.Kernel{}
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
				s = &subject{kernel: prog.Packages[0].Name + "." + fn.Name, fn: fn, artefact: a}
				s.name = s.kernel
				for _, b := range fn.Binds {
					s.name += " " + b.Name + "=" + b.Value
				}
				known[text] = s
				all = append(all, s)
			}
			l := launch{sizes: sizes}
			for _, a := range given {
				l.args = append(l.args, runtime.Arg{Tensor: a.Tensor, Int: a.Int, Float: a.Float})
			}
			if loaded[k] == nil {
				if loaded[k], err = device.Load(fn, s.artefact); err != nil {
					return nil, err
				}
			}
			outs, err := loaded[k].Launch(ctx, sizes, l.args, runtime.Options{})
			if err == nil {
				l.bytes = suite.Bytes(l.args, outs)
				s.launches = append(s.launches, l)
			}
			return outs, err
		}
		runner := &eval.Runner{Context: t.Context(), Launch: run}
		list, err := test.Run(cases[0], check.RunOptions{Target: to.Name()}, func(s typed.Stmt) error {
			if _, is := s.(*typed.Expect); is {
				return nil
			}
			return runner.Exec(s)
		})
		if list.HasErrors() || err != nil && !errors.Is(err, check.ErrNoVariant) {
			t.Logf("%s: %v%v", suite.Name(test), err, list.Err()) // the tests themselves tell
		}
	}
	return all
}

// synchronisation are the instructions that are deleted.
var synchronisation = []string{"bar.sync", "barrier.sync", "bar.warp.sync", "cp.async.wait_group", "cp.async.wait_all", "cp.async.commit_group"}

// sites are the lines of a text that synchronise.
func sites(lines []string) []int {
	var list []int
	for i, line := range lines {
		word := strings.TrimSuffix(strings.Fields(line + " -")[0], ";")
		if slices.Contains(synchronisation, word) {
			list = append(list, i)
		}
	}
	return list
}

// without is the artefact without some lines of its text.
func (s *subject) without(lines []string, gone ...int) *codegen.Artefact {
	kept := slices.Clone(lines)
	for _, i := range gone {
		kept[i] = "" // the numbers of the others stay
	}
	a := *s.artefact
	a.Code = []byte(strings.Join(kept, "\n"))
	return &a
}

// seeds are the orders of warps under which a mutant runs: in turn, and drawn.
var seeds = []uint64{0, 1, 2}

// reported runs an artefact on a launch, and gives what the emulator says of it.
func (s *subject) reported(ctx context.Context, target string, a *codegen.Artefact, l launch, seed uint64) (string, error) {
	device, err := runtime.Emulator(target, emu.Options{Seed: seed, MaxInstructions: 1 << 26})
	if err != nil {
		return "", err
	}
	k, err := device.Load(s.fn, a)
	if err != nil {
		return "", err
	}
	_, err = k.Launch(ctx, l.sizes, l.args, runtime.Options{})
	var f *interp.Fault
	if errors.As(err, &f) {
		return f.Message, nil
	}
	return "", err
}

// found reports whether the emulator reports a mutant on one of the launches, the smallest first, under every seed.
func (s *subject) found(ctx context.Context, target string, a *codegen.Artefact) (bool, error) {
	for _, l := range s.launches {
		hits := 0
		for _, seed := range seeds {
			said, err := s.reported(ctx, target, a, l, seed)
			if err != nil {
				return false, err
			}
			if said == "" {
				break
			}
			hits++
		}
		if hits == len(seeds) {
			return true, nil
		}
	}
	return false, nil
}

// outcome is what became of a kernel's mutants.
type outcome struct {
	kernel                   string
	mutants, reported, spare int
	silent                   []string
}

// mutate deletes each of some sites of a subject in turn. A mutant that is not reported is spare where another
// synchronisation does the same: without both, the emulator reports.
func (s *subject) mutate(t *testing.T, target string, every int) outcome {
	o := outcome{kernel: s.kernel}
	lines := strings.Split(string(s.artefact.Code), "\n")
	all := sites(lines)
	for n := 0; n < len(all); n += every {
		i := all[n]
		o.mutants++
		ok, err := s.found(t.Context(), target, s.without(lines, i))
		if err != nil {
			t.Errorf("%s without line %d: %v", s.name, i+1, err)
		}
		if ok {
			o.reported++
			continue
		}
		other := -1
		for _, j := range []int{n + 1, n - 1, n + 2, n - 2} {
			if j < 0 || j >= len(all) {
				continue
			}
			alone, err1 := s.found(t.Context(), target, s.without(lines, all[j]))
			both, err2 := s.found(t.Context(), target, s.without(lines, i, all[j]))
			if err1 == nil && err2 == nil && both && !alone {
				other = all[j]
				break
			}
		}
		if other >= 0 {
			o.spare++
			o.silent = append(o.silent, fmt.Sprintf("%s: line %d, %s: line %d does the same; without both it is reported", s.name, i+1, strings.TrimSpace(lines[i]), other+1))
			continue
		}
		o.silent = append(o.silent, fmt.Sprintf("%s: line %d, %s: nothing is reported", s.name, i+1, strings.TrimSpace(lines[i])))
	}
	return o
}

// TestMutants: the emulator reports each deletion of a barrier, a wait or a commit from the PTX of the bundled kernels, under
// several orders of the warps.
func TestMutants(t *testing.T) {
	files, err := filepath.Glob("../../kernels/*/*.tile")
	if err != nil || len(files) == 0 {
		t.Fatalf("no kernels: %v", err)
	}
	to := target(t, "sm_80")
	var list []*subject
	for _, f := range files {
		if !*allMutants && f != filepath.Clean("../../kernels/lowbit/gemv_i8.tile") {
			continue
		}
		kernels := map[string]int{}
		for _, s := range subjects(t, f, to) {
			// The launches that have something to do, from the smallest on.
			s.launches = slices.DeleteFunc(s.launches, func(l launch) bool { return slices.Contains(l.sizes, 0) })
			slices.SortStableFunc(s.launches, func(a, b launch) int { return cmp.Compare(a.bytes, b.bytes) })
			if n := len(s.launches); n > 8 { // loops turn more than once in the largest
				s.launches = append(s.launches[:4:4], s.launches[n-4:]...)
			}
			if kernels[s.kernel]++; kernels[s.kernel] <= 2 && len(s.launches) > 0 {
				list = append(list, s)
			}
		}
	}
	outcomes := make([]outcome, len(list))
	var wait sync.WaitGroup
	next := make(chan int, len(list))
	for i := range list {
		next <- i
	}
	close(next)
	for range 2 {
		wait.Go(func() {
			for i := range next {
				outcomes[i] = list[i].mutate(t, to.Name(), 1)
			}
		})
	}
	wait.Wait()
	var total outcome
	for i, o := range outcomes {
		t.Logf("%s: %d mutants, %d reported, %d spare", list[i].name, o.mutants, o.reported, o.spare)
		total.mutants += o.mutants
		total.reported += o.reported
		total.spare += o.spare
		total.silent = append(total.silent, o.silent...)
	}
	t.Logf("all: %d mutants, %d reported, %d spare", total.mutants, total.reported, total.spare)
	for _, s := range total.silent {
		t.Log(s)
	}
	if total.mutants == 0 {
		t.Error("nothing was deleted")
	}
	if silent := len(total.silent); 20*silent > total.mutants {
		t.Errorf("%d of %d deletions are not reported", silent, total.mutants)
	}
}
