// Package suite runs the test and bench blocks of a program.
//
// In go a loaded program and a way to make kernels for a device; out come results, one for each test and binding of its free
// generics, in the order of the text. It always holds that a test sees the same data in every run with the same seed,
// whatever runs beside it, and that every result says how to repeat it.
package suite

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/eval"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	rt "github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/array"
)

// Options of a run.
type Options struct {
	// Target names the sections of schedules that refine default.
	Target string
	// Load makes a kernel of a function for the device that is to run it; nil is the interpreter.
	Load func(ctx context.Context, fn *ir.Func) (*rt.Kernel, error)
	// Match selects tests by "package.kernel/name"; nil selects all.
	Match *regexp.Regexp
	// Files selects tests by the file they stand in; empty selects all.
	Files []string
	// Fuzz is the number of rounds with drawn sizes, generics and tile sizes; 0 runs what the text says.
	Fuzz int
	// Seed is mixed into all data, and into what is drawn.
	Seed uint64
	// Print keeps what print statements write.
	Print bool
	// Timeout ends a case that takes longer, 0 for none.
	Timeout time.Duration
}

// Result is the outcome of a test for one case.
type Result struct {
	Test *check.Test
	Name string // package.kernel/name
	// Case lists what was bound: free generics, and when fuzzing the round and its tile sizes.
	Case    string
	Elapsed time.Duration
	Expects int    // expectations held
	Printed string // what print statements wrote, if that was asked for
	// Diags are errors of the test's text or of a kernel's variant; Err is anything else that failed it.
	Diags diag.List
	// New are those of Diags that no result before had: what is wrong with a text is wrong in every case of it.
	New diag.List
	Err error
	// Skipped says why there was nothing to run; empty if it ran.
	Skipped string
}

// Failed reports whether the test did not pass.
func (r *Result) Failed() bool { return r.Err != nil || r.Diags.HasErrors() }

// Name is how results and Match call a test.
func Name(t *check.Test) string {
	var kernels []string
	for _, k := range t.Kernels {
		kernels = append(kernels, k.Name)
	}
	return t.Package.Name + "." + strings.Join(kernels, ",") + "/" + t.Name()
}

// job is one run of a test.
type job struct {
	test  *check.Test
	name  string
	what  check.Case
	label string
	opts  check.RunOptions
	seed  uint64
	drawn bool
}

// Run runs the tests of a program on all cores and calls report for each result, in order. It ends early, with the
// context's error, if that is done.
func Run(ctx context.Context, prog *check.Program, o Options, report func(*Result)) error {
	jobs, early := plan(prog, o)
	told := told{}
	for _, r := range early {
		told.mark(r)
		report(r)
	}
	results := make([]*Result, len(jobs))
	done := make([]chan struct{}, len(jobs))
	for i := range done {
		done[i] = make(chan struct{})
	}
	next := make(chan int, len(jobs))
	for i := range jobs {
		next <- i
	}
	close(next)
	workers := max(1, min(runtime.GOMAXPROCS(0), len(jobs)))
	var wait sync.WaitGroup
	for range workers {
		wait.Go(func() {
			for i := range next {
				if ctx.Err() == nil {
					results[i] = run(ctx, jobs[i], o, workers)
				}
				close(done[i])
			}
		})
	}
	for i := range jobs {
		<-done[i]
		if results[i] != nil && ctx.Err() == nil {
			told.mark(results[i])
			report(results[i])
		}
	}
	wait.Wait()
	return ctx.Err()
}

// told are the diagnostics that have been reported: as in a list, one code at one place is one finding.
type told map[finding]bool

type finding struct {
	code  diag.Code
	file  string
	start diag.Pos
}

// mark sets what is new in a result.
func (t told) mark(r *Result) {
	for _, d := range r.Diags {
		if f := (finding{d.Code, d.Span.File, d.Span.Start}); !t[f] {
			t[f] = true
			r.New = append(r.New, d)
		}
	}
}

// plan lists what is to be run; what cannot even be planned is a result already.
func plan(prog *check.Program, o Options) (jobs []job, early []*Result) {
	for _, pkg := range prog.Packages[:prog.Asked] {
		for _, t := range pkg.Tests {
			if t.Bench || !selected(t, o) {
				continue
			}
			name := Name(t)
			cases, diags := t.Cases()
			if diags.HasErrors() {
				early = append(early, &Result{Test: t, Name: name, Diags: diags})
				continue
			}
			if o.Fuzz == 0 {
				for _, c := range cases {
					jobs = append(jobs, job{test: t, name: name, what: c, label: c.String(), opts: check.RunOptions{Target: o.Target}, seed: mix(o.Seed, name)})
				}
				continue
			}
			for round := range o.Fuzz {
				jobs = append(jobs, draw(t, name, round, o))
			}
		}
	}
	return jobs, early
}

func selected(t *check.Test, o Options) bool {
	if o.Match != nil && !o.Match.MatchString(Name(t)) {
		return false
	}
	for _, f := range o.Files {
		if f == t.Span().File {
			return true
		}
	}
	return len(o.Files) == 0
}

// mix gives a test data of its own.
func mix(seed uint64, name string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(name))
	return h.Sum64() ^ seed*0x9e3779b97f4a7c15
}

// tileChoices are the tile sizes that fuzzing draws besides those of the schedule.
var tileChoices = []int64{1, 2, 3, 4, 5, 7, 8, 12, 16, 17, 24, 32}

// draw makes a round of fuzzing: free generics, tile sizes, and the sizes that edges gives.
func draw(t *check.Test, name string, round int, o Options) job {
	r := rand.New(rand.NewPCG(mix(o.Seed, name), uint64(round)))
	j := job{test: t, name: name, drawn: true, seed: r.Uint64()}
	free, _ := t.Free() // its errors are reported with the cases
	var names []string
	drawn := map[string]check.Value{}
	for _, f := range free {
		names = append(names, f.Name)
		drawn[f.Name] = f.Values[r.IntN(len(f.Values))]
	}
	j.what = check.NewCase(names, drawn)
	j.opts = check.RunOptions{Target: o.Target, Tiles: map[string]int64{}}
	label := []string{fmt.Sprintf("round %d", round)}
	if s := j.what.String(); s != "" {
		label = append(label, s)
	}
	for _, k := range t.Kernels {
		for _, tile := range k.Tiles() {
			if _, have := j.opts.Tiles[tile.Name]; have || r.IntN(4) == 0 {
				continue
			}
			n := tileChoices[r.IntN(len(tileChoices))]
			j.opts.Tiles[tile.Name] = n
			label = append(label, fmt.Sprintf("%s = %d", tile.Name, n))
		}
	}
	sizes := r.Uint64()
	j.opts.Edges = func(at diag.Span, tiles []int64) [][]int64 {
		r := rand.New(rand.NewPCG(sizes, uint64(at.Start.Offset)))
		rows := make([][]int64, 2)
		for i := range rows {
			for _, tile := range tiles {
				rows[i] = append(rows[i], drawSize(r, tile))
			}
		}
		return rows
	}
	j.label = strings.Join(label, ", ")
	return j
}

// drawSize draws a size around multiples of a tile size, at most some more than twice it.
func drawSize(r *rand.Rand, tile int64) int64 {
	switch r.IntN(4) {
	case 0:
		return max(0, tile*int64(r.IntN(3))+int64(r.IntN(3))-1)
	case 1:
		return int64(r.IntN(4))
	default:
		return r.Int64N(2*tile + 6)
	}
}

// run runs one job.
func run(ctx context.Context, j job, o Options, beside int) *Result {
	began := time.Now()
	result := &Result{Test: j.test, Name: j.name, Case: j.label}
	defer func() {
		if r := recover(); r != nil { // on a goroutine of its own nobody else would catch it
			result.Err = &compile.Fault{Kernel: j.name, Err: fmt.Errorf("%v\n%s", r, debug.Stack())}
		}
		result.Elapsed = time.Since(began)
	}()
	if o.Timeout > 0 {
		whole := ctx
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Timeout)
		defer cancel()
		defer func() {
			if whole.Err() == nil && errors.Is(result.Err, context.DeadlineExceeded) {
				result.Err = fmt.Errorf("the test takes longer than %v", o.Timeout)
			}
		}()
	}
	l := NewLauncher(beside, o.Load)
	runner := &eval.Runner{Seed: j.seed, Context: ctx, Launch: l.Launch}
	if o.Print {
		l.print = new(printer)
		runner.Print = func(text string) { l.print.Write([]byte(text)) }
		defer func() { result.Printed = l.print.text.String() }()
	}
	result.Diags, result.Err = j.test.Run(j.what, j.opts, func(s typed.Stmt) error {
		err := runner.Exec(s)
		if _, is := s.(*typed.Expect); is && err == nil {
			result.Expects++
		}
		return err
	})
	if result.Err == nil && !result.Diags.HasErrors() && result.Expects == 0 && !j.drawn {
		result.Err = errors.New("the test ends without having held a single expectation")
	}
	switch {
	case errors.Is(result.Err, check.ErrNoVariant):
		result.Err, result.Skipped = nil, "a require over generics excludes this case"
	case j.drawn && result.Err == nil && refused(result.Diags):
		result.Diags, result.Skipped = nil, "the drawn tile sizes are refused"
	}
	return result
}

// refused reports that the only errors are those of a schedule that cannot be, which drawn tile sizes may give.
func refused(list diag.List) bool {
	n := 0
	for _, d := range list {
		if d.Severity != diag.Error {
			continue
		}
		n++
		if !check.RefusedSchedule(d.Code) {
			return false
		}
	}
	return n > 0
}

// printer collects text; the blocks of a kernel print at any time.
type printer struct {
	mu   sync.Mutex
	text strings.Builder
	full bool
}

// maxPrinted is how many bytes of what a test prints are kept.
const maxPrinted = 1 << 20

func (p *printer) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.full:
	case p.text.Len()+len(text) > maxPrinted:
		p.full = true
		p.text.WriteString("(and more than can be kept)\n")
	default:
		p.text.Write(text)
	}
	return len(text), nil
}

// Launcher compiles the variants that a test calls, each once, and launches them.
type Launcher struct {
	print   *printer // nil for nowhere
	workers int
	load    func(ctx context.Context, fn *ir.Func) (*rt.Kernel, error)
	ready   map[*typed.Kernel]*rt.Kernel
	// Around, if set, gets each launch to run, as often as it likes, in place of one run.
	Around func(l *Launched) error
}

// Launched is a launch with its operands in place.
type Launched struct {
	Kernel *typed.Kernel
	Func   *ir.Func // what runs
	Bytes  int64    // of all tensors, each once
	Once   func(o rt.Options) error
	// Apart says that calls of Once in turn are on data apart from each other, more than caches hold.
	Apart bool
}

// NewLauncher makes a launcher that shares the cores with a number of others. Load makes kernels of functions; nil is the
// interpreter.
func NewLauncher(beside int, load func(ctx context.Context, fn *ir.Func) (*rt.Kernel, error)) *Launcher {
	if load == nil {
		load = func(_ context.Context, fn *ir.Func) (*rt.Kernel, error) { return rt.New(fn) }
	}
	return &Launcher{workers: max(1, runtime.GOMAXPROCS(0)/max(1, beside)), load: load, ready: map[*typed.Kernel]*rt.Kernel{}}
}

// Launch is an eval.Launch.
func (l *Launcher) Launch(ctx context.Context, k *typed.Kernel, sizes []int64, args []eval.Arg) ([]*array.Array, error) {
	kernel := l.ready[k]
	if kernel == nil {
		fn, _, err := compile.Func(k, compile.Options{Verify: true})
		if err != nil {
			return nil, err
		}
		if kernel, err = l.load(ctx, fn); err != nil {
			return nil, compile.Nearest(ctx, k, err, func(fn *ir.Func) error {
				_, err := l.load(ctx, fn)
				return err
			})
		}
		l.ready[k] = kernel
	}
	list := make([]rt.Arg, len(args))
	for i, a := range args {
		list[i] = rt.Arg{Tensor: a.Tensor, Int: a.Int, Float: a.Float}
	}
	launch, outs, err := kernel.Prepare(sizes, list)
	if err != nil {
		return nil, err
	}
	options := rt.Options{Workers: l.workers}
	if l.print != nil {
		options.Print = l.print
	}
	if l.Around != nil {
		return outs, l.Around(&Launched{Kernel: k, Func: kernel.Func(), Bytes: Bytes(list, outs), Once: func(o rt.Options) error { return launch(ctx, o) }})
	}
	return outs, launch(ctx, options)
}

// Bytes counts the bytes of all tensors of a launch, each once.
func Bytes(args []rt.Arg, outs []*array.Array) int64 {
	var n int64
	for _, a := range args {
		switch {
		case a.Buffer != nil:
			n += a.Buffer.Size()
		case a.Tensor != nil:
			n += int64(len(a.Tensor.Data))
		}
	}
	for _, a := range outs {
		n += int64(len(a.Data))
	}
	return n
}
