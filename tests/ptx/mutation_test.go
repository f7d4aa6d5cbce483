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
	// cost is the instructions that it executes, lines how often each line of the text is.
	cost  uint64
	lines map[int]uint64
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
			l := launch{sizes: sizes, lines: map[int]uint64{}}
			for _, a := range given {
				l.args = append(l.args, runtime.Arg{Tensor: a.Tensor, Int: a.Int, Float: a.Float})
			}
			if loaded[k] == nil {
				if loaded[k], err = device.Load(fn, s.artefact); err != nil {
					return nil, err
				}
			}
			outs, err := loaded[k].Launch(ctx, sizes, l.args, runtime.Options{Emulated: func(r *emu.Report) {
				l.cost += r.Instructions
				for _, x := range r.Lines {
					l.lines[x.Pos.Line] += x.Instructions
				}
			}})
			if err == nil {
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

// covers is the share of a subject's sites that its launches reach, in thousandths.
func (s *subject) covers() int {
	all := sites(strings.Split(string(s.artefact.Code), "\n"))
	n := 0
	for _, i := range all {
		if len(s.reaching(i)) > 0 {
			n++
		}
	}
	return 1000 * n / max(len(all), 1)
}

// reaching are the launches that execute a line: the shortest of all, and the shortest that do so at least twice and eight
// times as often.
func (s *subject) reaching(line int) []launch {
	var list []launch
	least := uint64(1)
	for _, l := range s.launches {
		if n := l.lines[line+1]; n >= least {
			list = append(list, l)
			least = max(2*n, least*4)
		}
		if len(list) == 3 {
			break
		}
	}
	return list
}

// found reports whether the emulator reports a mutant on one of the launches, under every seed.
func (s *subject) found(ctx context.Context, target string, a *codegen.Artefact, launches []launch) (bool, error) {
	for _, l := range launches {
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
	// Of the mutants some are reported; of the others some are spare, some not reached by any launch, and some silent.
	mutants, reported, spare, unreached int
	// others tells of those that are not reported.
	others []string
}

// silent is how many mutants nothing is known of but that the emulator finds nothing without them.
func (o *outcome) silent() int { return o.mutants - o.reported - o.spare - o.unreached }

func (o *outcome) add(x outcome) {
	o.mutants += x.mutants
	o.reported += x.reported
	o.spare += x.spare
	o.unreached += x.unreached
	o.others = append(o.others, x.others...)
}

// mutate deletes each site of a subject in turn. A mutant that is not reported is spare where another synchronisation does
// the same: without both, the emulator reports; it is not reached where no launch executes it.
func (s *subject) mutate(t *testing.T, target string) (o outcome) {
	lines := strings.Split(string(s.artefact.Code), "\n")
	all := sites(lines)
	for n, i := range all {
		o.mutants++
		note := func(why string) {
			o.others = append(o.others, fmt.Sprintf("%s: line %d, %s %s", s.name, i+1, strings.TrimSpace(lines[i]), why))
		}
		launches := s.reaching(i)
		if len(launches) == 0 {
			o.unreached++
			note("is not reached by any launch")
			continue
		}
		ok, err := s.found(t.Context(), target, s.without(lines, i), launches)
		if err != nil {
			t.Errorf("%s without line %d: %v", s.name, i+1, err)
		}
		if ok {
			o.reported++
			continue
		}
		other := -1
		for _, j := range []int{n + 1, n - 1} {
			if j < 0 || j >= len(all) {
				continue
			}
			both, err := s.found(t.Context(), target, s.without(lines, i, all[j]), launches)
			if err != nil || !both {
				continue
			}
			if alone, err := s.found(t.Context(), target, s.without(lines, all[j]), launches); err == nil && !alone {
				other = all[j]
				break
			}
		}
		if other >= 0 {
			o.spare++
			note(fmt.Sprintf("is spare: line %d does the same, and without both the launch is reported", other+1))
			continue
		}
		note("orders nothing in these launches: without it nothing is reported")
	}
	return o
}

// TestFences: the emulator reports each deletion of a fence or of a barrier around the count of blocks that share a tile's
// sums.
func TestFences(t *testing.T) {
	to := target(t, "sm_80")
	list := subjects(t, "../../kernels/gemm/skinny.tile", to)
	if len(list) == 0 {
		t.Fatal("no variants")
	}
	s := list[0]
	slices.SortStableFunc(s.launches, func(a, b launch) int { return cmp.Compare(a.cost, b.cost) })
	lines := strings.Split(string(s.artefact.Code), "\n")
	n := 0
	for i, line := range lines {
		if !strings.Contains(line, "atom.relaxed.gpu.global.inc.u32") {
			continue
		}
		var sites []int
		for at := i - 1; len(sites) < 2; at-- { // what stands before it
			if strings.Contains(lines[at], "fence.acq_rel") && len(sites) == 0 || strings.Contains(lines[at], "bar.sync") && len(sites) == 1 {
				sites = append(sites, at)
			}
		}
		for at := i + 1; len(sites) < 4; at++ { // and behind
			if strings.Contains(lines[at], "fence.acq_rel") && len(sites) == 2 || strings.Contains(lines[at], "bar.sync") && len(sites) == 3 {
				sites = append(sites, at)
			}
		}
		launches := s.reaching(i)
		if len(launches) == 0 { // of two forms of the kernel, one is for rows that begin at multiples of 16 bytes
			continue
		}
		n++
		for _, at := range sites {
			ok, err := s.found(t.Context(), to.Name(), s.without(lines, at), launches)
			if err != nil {
				t.Error(err)
			}
			if !ok {
				t.Errorf("line %d: without %s nothing is reported", at+1, strings.TrimSpace(lines[at]))
			}
		}
	}
	if n == 0 {
		t.Error("no launch counts blocks")
	}
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
		here := map[string][]*subject{}
		var names []string
		for _, s := range subjects(t, f, to) {
			slices.SortStableFunc(s.launches, func(a, b launch) int { return cmp.Compare(a.cost, b.cost) })
			if len(s.launches) > 0 {
				if here[s.kernel] == nil {
					names = append(names, s.kernel)
				}
				here[s.kernel] = append(here[s.kernel], s)
			}
		}
		for _, name := range names { // the first variant, and that of which the launches reach the most
			first, largest := here[name][0], slices.MaxFunc(here[name], func(a, b *subject) int {
				return cmp.Compare(a.covers(), b.covers())
			})
			list = append(list, first)
			if largest != first {
				list = append(list, largest)
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
				outcomes[i] = list[i].mutate(t, to.Name())
			}
		})
	}
	wait.Wait()
	var total outcome
	for i, o := range outcomes {
		t.Logf("| %s | %d | %d | %d | %d | %d |", list[i].name, o.mutants, o.reported, o.spare, o.unreached, o.silent())
		total.add(o)
	}
	t.Logf("| all | %d | %d | %d | %d | %d |", total.mutants, total.reported, total.spare, total.unreached, total.silent())
	for _, s := range total.others {
		t.Log(s)
	}
	if total.mutants == 0 {
		t.Error("nothing was deleted")
	}
	if n := total.silent(); 20*n > total.mutants {
		t.Errorf("%d of %d deletions are not reported", n, total.mutants)
	}
}
