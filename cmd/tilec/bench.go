package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/tilec/tilec/codegen/toolchain"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/dsl/suite"
	"github.com/tilec/tilec/ir"
	rt "github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/array"
	"github.com/tilec/tilec/runtime/cpu"
)

func benchCommand() *command {
	return &command{
		name:  "bench",
		args:  "[FILE | DIR | ./...] | FILE:KERNEL name=value ...",
		short: "time kernels",
		long: `Runs the bench blocks of .tile files, or one kernel with operands as in 'tilec run', and times each call of a kernel:
the median of its runs, GB/s (each tensor once) and GFLOP/s (two a multiply-add of its contractions). On the CPU each
figure stands beside the limit of the machine that the call runs into, as it was measured here (once, and kept): the
time that the call's bytes, or its multiply-adds, take at least, and what share of the time measured that is. The lines
can be read by benchstat. The interpreter checks every access, so its times say nothing of a compiled kernel's.`,
		flags: func(fs *flag.FlagSet) func(*environment, []string) error {
			device := addDeviceFlags(fs)
			pattern := fs.String("run", "", "run only benches whose package.kernel/name matches this `regexp`")
			threads := fs.Int("threads", 0, "the `number` of blocks run at once (default: one a core)")
			least := fs.Duration("time", time.Second, "how `long` each call is repeated at least")
			cold := fs.Bool("cold", false, "evict the caches before each call")
			asJSON := fs.Bool("json", false, "print one JSON object for each call")
			var defs defines
			fs.Var(&defs, "D", "give a generic, a tile size or a schedule word, `name=value` (with FILE:KERNEL; repeatable)")
			return func(env *environment, args []string) error {
				if *threads < 0 || *threads > 1024 {
					return misusef("-threads %d: a number from 1 to 1024", *threads)
				}
				x, err := device.open(env, true)
				if err != nil {
					return err
				}
				defer x.Close()
				o := suite.BenchOptions{Options: suite.Options{Target: x.Target(), Load: x.load}, Threads: *threads, Least: *least, Cold: *cold}
				if *pattern != "" {
					match, err := regexp.Compile(*pattern)
					if err != nil {
						return misusef("-run: %v", err)
					}
					o.Match = match
				}
				report := newReporter(env, *asJSON)
				b := &benchReport{env: env, on: x, threads: *threads, cold: *cold, asJSON: *asJSON}
				if b.threads == 0 {
					b.threads = runtime.GOMAXPROCS(0)
				}
				b.measure()
				show := b.print
				if len(args) > 0 && isCall(args) {
					return benchCall(env, report, args, &defs, x, o, show)
				}
				if len(defs.names) > 0 {
					return misusef("-D goes with FILE:KERNEL and operands")
				}
				files, err := expand(args)
				if err != nil {
					return err
				}
				prog, err := load(report, files...)
				if err != nil {
					return err
				}
				for _, f := range files {
					o.Files = append(o.Files, filepath.Clean(f))
				}
				n := 0
				list, err := suite.Bench(env.ctx, prog, o, func(t *suite.Timing) { n++; show(t) })
				if isFault(err) || env.ctx.Err() != nil {
					return err
				}
				if err != nil {
					return report.all(report.failure(&suite.Result{Diags: list, Err: err}))
				}
				if err := report.all(list); err != nil {
					return err
				}
				if n == 0 && o.Match != nil {
					return misusef("no bench matches -run %s", o.Match)
				}
				return nil
			}
		},
	}
}

// isCall tells FILE:KERNEL name=value … from files.
func isCall(args []string) bool {
	_, kernel := splitKernel(args[0])
	if kernel != "" {
		_, err := os.Stat(args[0])
		return err != nil
	}
	return len(args) > 1 && strings.Contains(args[1], "=")
}

// benchCall times one kernel with operands.
func benchCall(env *environment, report *reporter, args []string, defs *defines, on *executor, o suite.BenchOptions, show func(*suite.Timing)) error {
	l, err := newLaunch(env, report, args[0], args[1:], defs, on)
	if err != nil {
		return err
	}
	kernel, fn, err := on.prepare(env.ctx, l.typed, compile.Options{})
	if err != nil {
		return err
	}
	launches, size, err := prepareApart(env.ctx, kernel, l, o.Cold)
	if err != nil {
		return err
	}
	next := 0
	t, err := suite.Measure(env.ctx, &suite.Launched{Kernel: l.typed, Func: fn, Bytes: size, Apart: o.Cold, Once: func(options rt.Options) error {
		launch := launches[next%len(launches)]
		next++
		return launch(env.ctx, options)
	}}, o)
	if err != nil {
		return report.fault(err)
	}
	t.Bench = strings.Join(args[1:], " ")
	show(t)
	return nil
}

// coldBytes is how much is read before the same bytes are read again, in a bench of cold data: several times what any
// cache holds. At most coldTurns launches share it.
const (
	coldBytes = 512 << 20
	coldTurns = 512
)

// prepareApart prepares a launch; for cold data as many as no cache holds, each on copies of
// its own: evicting caches between two calls would also put the workers to sleep. Size is the bytes of one.
func prepareApart(ctx context.Context, kernel *rt.Kernel, l *launch, cold bool) (launches []func(context.Context, rt.Options) error, size int64, err error) {
	turns := 1
	for i := 0; i < turns; i++ {
		args := slices.Clone(l.args)
		j := 0
		for param, p := range kernel.Func().Params {
			if p.Role == ir.Out {
				continue
			}
			// What is packed is packed anew for each launch.
			if a := args[j]; a.Tensor != nil && kernel.Layout(param) == "" {
				if i > 0 {
					own := *a.Tensor
					own.Data = array.Bytes(len(a.Tensor.Data))
					copy(own.Data, a.Tensor.Data)
					args[j].Tensor = &own
				}
			}
			j++
		}
		launch, outs, err := kernel.Prepare(l.sizes, args)
		if err != nil {
			return nil, 0, err
		}
		launches = append(launches, launch)
		if size = suite.Bytes(l.args, outs); i == 0 && cold {
			turns = int(min(max(coldBytes/max(size, 1)+1, 2), coldTurns, max(rt.FreeMemory()/4/max(size, 1), 2)))
		}
		if ctx.Err() != nil {
			return nil, 0, ctx.Err()
		}
	}
	return launches, size, nil
}

// benchReport prints timings, beside what the machine can do.
type benchReport struct {
	env     *environment
	on      *executor
	threads int
	cold    bool
	asJSON  bool
	limits  *cpu.Limits // nil where they are not known
}

// measure finds the machine's limits. Where they cannot be had, the figures stand alone.
func (b *benchReport) measure() {
	if b.on.Target() != "cpu" {
		return
	}
	limits, err := cpu.LoadLimits(b.env.ctx, toolchain.Object, 0, false)
	if err != nil {
		fmt.Fprintf(b.env.stderr, "tilec bench: no limits: %v\n", err)
		return
	}
	b.limits = limits
}

// bound is the limit that a call runs into, and the share of it that is reached.
func (b *benchReport) bound(t *suite.Timing) (limit string, share float64, ok bool) {
	if b.limits == nil {
		return "", 0, false
	}
	least, limit := b.limits.Bound(cpu.Work{Bytes: t.Bytes, Cold: b.cold, Flops: t.Flops, Type: t.Type}, b.threads)
	if limit == "" {
		return "", 0, false
	}
	return limit, least / t.Median().Seconds(), true
}

func (b *benchReport) print(t *suite.Timing) {
	ns := float64(t.Median().Nanoseconds())
	gbps, gflops := float64(t.Bytes)/ns, float64(t.Flops)/ns
	limit, share, bounded := b.bound(t)
	if b.asJSON {
		line := map[string]any{
			"kernel": t.Kernel, "bench": t.Bench, "case": t.Case, "target": b.on.Target(), "device": fmt.Sprintf("%s, %d threads", b.on.Name(), b.threads), "ns": ns,
			"ns_min": t.Times[0].Nanoseconds(), "flops": t.Flops, "bytes": t.Bytes, "gflops": gflops, "gbps": gbps, "limit": nil, "share": nil,
		}
		if bounded {
			line["limit"], line["share"] = limit, share
		}
		json.NewEncoder(b.env.stdout).Encode(line) // a failing writer is seen at the end
		return
	}
	name := t.Kernel + "/" + t.Bench
	if t.Case != "" {
		name += "/" + t.Case
	}
	clean := strings.Map(func(r rune) rune {
		if r == ' ' || r == '\t' {
			return '_'
		}
		return r
	}, strings.ReplaceAll(strings.ReplaceAll(name, " = ", "="), ", ", ","))
	fmt.Fprintf(b.env.stdout, "Benchmark%s-%d\t%8d\t%14.0f ns/op\t%10.3f GB/s", clean, b.threads, len(t.Times), ns, gbps)
	if t.Flops > 0 {
		fmt.Fprintf(b.env.stdout, "\t%10.3f GFLOP/s", gflops)
	}
	if bounded {
		fmt.Fprintf(b.env.stdout, "\t%8.1f %%%s", 100*share, limit)
	}
	fmt.Fprintln(b.env.stdout)
}
