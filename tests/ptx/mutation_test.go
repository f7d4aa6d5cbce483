package ptx

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

var (
	allMutants = flag.Bool("mutants", false, "delete every barrier, wait and commit of every kernel, not a sample of them")
	writeDoc   = flag.Bool("document", false, "with -mutants: write the result to docs/mutation.md")
)

// synchronisation are the instructions that are deleted.
var synchronisation = []string{"bar.sync", "bar.arrive", "barrier.sync", "bar.warp.sync", "cp.async.wait_group", "cp.async.wait_all", "cp.async.commit_group"}

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

// seeds are the orders of warps under which a mutant runs: in turn, and drawn.
var seeds = []uint64{0, 1, 2}

// reported reports whether the emulator reports a subject without some lines on one of the launches, under every seed.
func (s *subject) reported(ctx context.Context, target string, launches []launch, gone ...int) (bool, error) {
	for _, l := range launches {
		text := s.text(l.general, gone...)
		hits := 0
		for _, seed := range seeds {
			said, err := s.found(ctx, target, text, l, seed)
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

// fate is what becomes of a mutant.
type fate int

const (
	reported  fate = iota
	spare          // others do the same: without it and them the emulator reports what it does not without them
	apart          // without any barrier of the block it reports nothing: its warps touch no bytes of each other
	order          // it is of a turn, which orders warps and no accesses
	unreached      // no launch executes the line
	silent
)

// mutant is a subject without one of its lines.
type mutant struct {
	s    *subject
	line int
	fate fate
	// other is a line that does the same.
	other int
	err   error
}

// instruction is the line that is left out.
func (m *mutant) instruction() string {
	return strings.TrimSuffix(strings.TrimSpace(m.s.lines[m.line]), ";")
}

func (m *mutant) String() string {
	return fmt.Sprintf("%s: %s (%s, line %d of the PTX)", m.s, m.instruction(), m.s.place(m.line), m.line+1)
}

// run finds out what becomes of the mutant; all are the lines of the text that synchronise.
func (m *mutant) run(ctx context.Context, target string, all []int) {
	launches := m.s.reaching(m.line)
	if len(launches) == 0 {
		m.fate = unreached
		return
	}
	ok, err := m.s.reported(ctx, target, launches, m.line)
	if m.err = err; ok || err != nil {
		return
	}
	m.fate = silent
	if strings.HasPrefix(m.instruction(), "bar.sync") && strings.HasPrefix(strings.TrimSpace(m.s.source[m.s.sourceLine(m.line)-1]), "turn ") {
		m.fate = order
		return
	}
	var barriers []int
	for _, j := range all {
		if strings.Contains(m.s.lines[j], "bar.sync 0;") {
			barriers = append(barriers, j)
		}
	}
	if slices.Contains(barriers, m.line) {
		if ok, err := m.s.silent(ctx, target, m.s.launches, barriers...); err != nil || ok {
			m.fate, m.err = apart, err
			return
		}
	}
	n := slices.Index(all, m.line)
	slices.SortFunc(all, func(i, j int) int { // the nearest first
		return cmp.Compare(abs(slices.Index(all, i)-n), abs(slices.Index(all, j)-n))
	})
	others := make([][]int, 0, len(all))
	for _, j := range all {
		if j != m.line {
			others = append(others, []int{j})
		}
	}
	rest := slices.DeleteFunc(all, func(j int) bool { return j == m.line || !strings.Contains(m.s.lines[j], "bar.sync") })
	for _, list := range append(others, rest) {
		if len(list) == 0 {
			continue
		}
		more, err := m.s.more(ctx, target, launches, m.line, list)
		if err != nil {
			m.err = err
			return
		}
		if more {
			m.fate, m.other = spare, list[0]
			return
		}
	}
}

func abs(x int) int { return max(x, -x) }

// silent reports whether nothing is reported of a subject without some lines, on any of the launches and under any seed.
func (s *subject) silent(ctx context.Context, target string, launches []launch, gone ...int) (bool, error) {
	for _, l := range launches {
		for _, seed := range seeds {
			if said, err := s.found(ctx, target, s.text(l.general, gone...), l, seed); err != nil || said != "" {
				return false, err
			}
		}
	}
	return true, nil
}

// more reports whether on one of the launches, under one of the seeds, more is reported without a line and some others than without these
// others. A barrier of a few warps of which these leave out the wait is still come to, so that nobody waits there for ever.
func (s *subject) more(ctx context.Context, target string, launches []launch, line int, others []int) (bool, error) {
	x := *s
	x.lines = slices.Clone(s.lines)
	for _, j := range others {
		if old := x.lines[j]; strings.Contains(old, "bar.sync") && !strings.Contains(old, "bar.sync 0;") {
			x.lines[j] = strings.Replace(old, "bar.sync", "bar.arrive", 1)
		} else {
			x.lines[j] = ""
		}
	}
	for _, l := range launches {
		for _, seed := range seeds {
			without, err := s.all(ctx, target, x.text(l.general), l, seed)
			if err != nil {
				return false, err
			}
			both, err := s.all(ctx, target, x.text(l.general, line), l, seed)
			if err != nil {
				return false, err
			}
			for p := range both {
				if !without[p] {
					return true, nil
				}
			}
		}
	}
	return false, nil
}

// TestFences: the emulator reports each deletion of a fence or of a barrier around the count of blocks that share a tile's
// sums.
func TestFences(t *testing.T) {
	to := target(t, "sm_80")
	list := slices.DeleteFunc(subjects(t, "gemm", to), func(s *subject) bool { return s.fn.Name != "skinny" })
	if len(list) == 0 {
		t.Fatal("no variants")
	}
	s := list[0]
	lines := s.lines
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
			ok, err := s.reported(t.Context(), to.Name(), launches, at)
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
	files, err := filepath.Glob("testdata/launches/*.tile")
	if err != nil || len(files) == 0 {
		t.Fatalf("no launches: %v", err)
	}
	to := target(t, "sm_80")
	each := 1
	if !*allMutants {
		files, each = []string{"testdata/launches/gemm.tile", "testdata/launches/explicit.tile"}, 8
	}
	var list []*subject
	for _, f := range files {
		list = append(list, subjects(t, strings.TrimSuffix(filepath.Base(f), ".tile"), to)...)
	}
	var mutants []*mutant
	all := map[*subject][]int{}
	for _, s := range list {
		all[s] = sites(s.lines)
		for _, i := range all[s] {
			mutants = append(mutants, &mutant{s: s, line: i})
		}
	}
	var wait sync.WaitGroup
	next := make(chan *mutant, len(mutants))
	for i, m := range mutants {
		if i%each == 0 {
			next <- m
		}
	}
	close(next)
	for range 2 {
		wait.Go(func() {
			for m := range next {
				m.run(t.Context(), to.Name(), slices.Clone(all[m.s]))
			}
		})
	}
	wait.Wait()
	var total tally
	by := map[*subject]*tally{}
	for i, m := range mutants {
		if i%each > 0 {
			continue
		}
		if by[m.s] == nil {
			by[m.s] = &tally{}
		}
		by[m.s].add(m)
		total.add(m)
		switch {
		case m.err != nil:
			t.Errorf("without %s: %v", m, m.err)
		case m.fate == unreached:
			t.Errorf("no launch reaches %s", m)
		case m.fate == silent:
			t.Errorf("nothing is reported without %s", m)
		case m.fate != reported:
			t.Logf("%s", m)
		}
	}
	t.Logf("%d mutants: %d reported, %d spare, %d of warps apart, %d of turns", total.all(), total[reported], total[spare], total[apart], total[order])
	if total.all() == 0 {
		t.Error("nothing was deleted")
	}
	if n := total.all() - total[reported]; 20*n > total.all() && *allMutants {
		t.Errorf("%d of %d deletions are not reported", n, total.all())
	}
	if *allMutants && *writeDoc && !t.Failed() {
		if err := document(list, mutants, by, total); err != nil {
			t.Error(err)
		}
	}
}

// tally counts mutants by what becomes of them.
type tally [silent + 1]int

func (x *tally) add(m *mutant) { x[m.fate]++ }

func (x *tally) all() (n int) {
	for _, k := range x {
		n += k
	}
	return n
}

// documentHead is the text of docs/mutation.md before its table.
const documentHead = `# Barriers, waits and commits left out

Each ${bar.sync}, ${bar.arrive}, ${bar.warp.sync}, ${cp.async.wait_group} and ${cp.async.commit_group} of the PTX of each bundled kernel, in
several variants each, and of each kernel of the explicit level's tests (${tests/spec/explicit}: channels, roles, turns, shared tiles), is deleted in turn, and what is left runs on the emulator under three orders of the warps, on the launches of ${tests/ptx/testdata/launches}:
some whole steps and a ragged one, which takes over the slot of the last whole one, rows that are aligned and rows that are not, loops without a
step. Where a kernel looks at its sizes and has code
for the aligned ones and for all, each launch runs as it is and with that look taken out. ${go test ./tests/ptx -run Mutants} does it for a sample,
with ${-mutants} for all of them, in a few minutes on two cores; ${-mutants -document} writes this page.

The fences and barriers around the count of blocks that share a tile's sums (${split}) are deleted by ${go test ./tests/ptx -run Fences}, which fails
unless each is reported.

* **reported**: the emulator reports a race, a byte that has not arrived, a read of nothing or a deadlock, on one of the launches, under each of the orders.
* **spare**: other lines do the same: nothing is reported without it, but without it and another one, or all other barriers, something that is
  not reported without these others alone.
* **apart**: nothing is reported without any of the block's barriers: each warp reads what it has itself copied or stored.
* **turn**: the wait of a turn, in the last step, behind which no wait follows: a turn orders warps, and no accesses.

A line that no launch reaches, or without which nothing is reported though it is none of these, fails the test, and so do more than one in
twenty that are not reported.

| variant | deleted | reported | spare | apart | turn |
|---|---|---|---|---|---|
`

// document writes docs/mutation.md.
func document(list []*subject, mutants []*mutant, by map[*subject]*tally, total tally) error {
	var b strings.Builder
	b.WriteString(strings.NewReplacer("${", "`", "}", "`").Replace(documentHead))
	row := func(name string, x *tally) {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d | %d |\n", name, x.all(), x[reported], x[spare], x[apart], x[order])
	}
	for _, s := range list {
		x := by[s]
		if x == nil {
			x = &tally{}
		}
		row(s.String(), x)
	}
	row("all", &total)
	var rest []string
	for _, m := range mutants {
		if m.fate == spare {
			rest = append(rest, fmt.Sprintf("* %s: %s is spare, %s does the same.\n", m.s, m.instruction(), m.s.place(m.other)))
		}
	}
	if len(rest) > 0 {
		b.WriteString("\nSpare:\n\n" + strings.Join(rest, ""))
	}
	return os.WriteFile("../../docs/mutation.md", []byte(b.String()), 0o644)
}
