package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/eval"
	"github.com/tilec/tilec/dsl/suite"
	"github.com/tilec/tilec/ir/interp"
)

func testCommand() *command {
	return &command{
		name:  "test",
		args:  "[FILE | DIR | ./...]",
		short: "run test blocks",
		long: `Runs the test blocks of .tile files: every expectation is compared with its float64 meaning, within a bound that
follows from the types. Free generics run over a covering set of their alternatives. With -fuzz N each test runs N
rounds instead, with sizes, generics and tile sizes drawn at random; the seed is printed, and -seed repeats it.`,
		flags: func(fs *flag.FlagSet) func(*environment, []string) error {
			target := fs.String("target", "interp", "the target `name`")
			on := fs.String("on", "", "the `device` to run on")
			pattern := fs.String("run", "", "run only tests whose package.kernel/name matches this `regexp`")
			verbose := fs.Bool("v", false, "print every test, with its cases and times, and what it prints")
			fs.Bool("race", true, "report races between blocks (always on: the interpreter checks every run)")
			fuzz := fs.Int("fuzz", 0, "run `N` rounds of drawn sizes, generics and tile sizes")
			seed := fs.Uint64("seed", 0, "the `seed` of drawn data (default: 0; with -fuzz: from the clock)")
			asJSON := fs.Bool("json", false, "print one JSON object for each result")
			return func(env *environment, args []string) error {
				if err := checkTarget(*target, *on); err != nil {
					return err
				}
				o := suite.Options{Fuzz: *fuzz, Seed: *seed}
				if *fuzz < 0 {
					return misusef("-fuzz %d: the number of rounds is not negative", *fuzz)
				}
				if *pattern != "" {
					match, err := regexp.Compile(*pattern)
					if err != nil {
						return misusef("-run: %v", err)
					}
					o.Match = match
				}
				seedGiven := false
				fs.Visit(func(f *flag.Flag) { seedGiven = seedGiven || f.Name == "seed" })
				if *fuzz > 0 && !seedGiven {
					o.Seed = uint64(time.Now().UnixNano()) % 1_000_000_007
				}
				files, err := expand(args)
				if err != nil {
					return err
				}
				report := newReporter(env, *asJSON)
				prog, err := load(report, files...)
				if err != nil {
					return err
				}
				for _, f := range files {
					o.Files = append(o.Files, filepath.Clean(f))
				}
				if *verbose {
					o.Print = func(test, text string) { fmt.Fprintf(env.stdout, "    %s: %s", test, text) }
				}
				if *fuzz > 0 && !*asJSON {
					fmt.Fprintf(env.stdout, "%d rounds with seed %d\n", *fuzz, o.Seed)
				}
				return runTests(env, report, prog, o, *verbose, *asJSON)
			}
		},
	}
}

// failuresShown is how many failing results are printed whole.
const failuresShown = 20

// tally counts results by test.
type tally struct{ passed, failed, skipped, expects int }

func runTests(env *environment, report *reporter, prog *check.Program, o suite.Options, verbose, asJSON bool) error {
	bar := newProgress(env, "test")
	began := time.Now()
	var all tally
	current, of := "", tally{}
	var spent time.Duration
	flush := func() {
		if current == "" || asJSON {
			return
		}
		bar.clear()
		word := "ok  "
		switch {
		case of.failed > 0:
			word = "FAIL"
		case of.passed == 0:
			word = "none"
		}
		if verbose || of.failed > 0 || of.passed == 0 {
			fmt.Fprintf(env.stdout, "%s %s (%d cases, %.2f s)\n", word, current, of.passed+of.failed, spent.Seconds())
		}
	}
	encoder := json.NewEncoder(env.stdout)
	err := suite.Run(env.ctx, prog, o, func(r *suite.Result) {
		if r.Name != current {
			flush()
			current, of, spent = r.Name, tally{}, 0
		}
		spent += r.Elapsed
		switch {
		case r.Skipped != "":
			of.skipped++
			all.skipped++
		case r.Failed():
			of.failed++
			all.failed++
		default:
			of.passed++
			all.passed++
		}
		all.expects += r.Expects
		if asJSON {
			message := ""
			if r.Err != nil {
				message = r.Err.Error()
			} else if e := r.Diags.Err(); e != nil {
				message = e.Error()
			}
			encoder.Encode(map[string]any{
				"test": r.Name, "case": r.Case, "ok": !r.Failed(), "skipped": r.Skipped, "expects": r.Expects, "ns": r.Elapsed.Nanoseconds(), "error": message,
			})
			return
		}
		bar.show(fmt.Sprintf("test: %d passed, %d failed: %s", all.passed, all.failed, r.Name))
		if verbose && r.Case != "" && !r.Failed() {
			note := ""
			if r.Skipped != "" {
				note = ": " + r.Skipped
			}
			fmt.Fprintf(env.stdout, "     %s [%s] %.2f s%s\n", r.Name, r.Case, r.Elapsed.Seconds(), note)
		}
		if r.Failed() && all.failed <= failuresShown {
			bar.clear()
			where := ""
			if r.Case != "" {
				where = " with " + r.Case
			}
			fmt.Fprintf(env.stdout, "---- %s%s\n", r.Name, where)
			report.all(failure(r))
		}
	})
	flush()
	bar.clear()
	if err != nil {
		return fmt.Errorf("interrupted: %w", err)
	}
	if all.failed+all.passed+all.skipped == 0 {
		return misusef("no test matches")
	}
	if !asJSON {
		skipped := ""
		if all.skipped > 0 {
			skipped = fmt.Sprintf(", %d skipped (no such variant)", all.skipped)
		}
		fmt.Fprintf(env.stdout, "%d passed, %d failed%s; %d expectations held, %.1f s\n", all.passed, all.failed, skipped, all.expects, time.Since(began).Seconds())
	}
	if all.failed > 0 {
		return errSilent
	}
	return nil
}

// failure is a failed result as diagnostics.
func failure(r *suite.Result) diag.List {
	list := r.Diags
	if r.Err == nil {
		return list
	}
	var fault *interp.Fault
	var wrong *eval.Failure
	var other *eval.Error
	switch {
	case errors.As(r.Err, &wrong):
		d := list.Add("E0610", wrong.Span, "%s", wrong.Message())
		for _, line := range wrong.Lines() {
			d.Note(diag.Span{}, "%s", line)
		}
	case errors.As(r.Err, &fault) && fault.Kind != interp.Internal:
		list = append(list, faultList(fault)...)
	case errors.As(r.Err, &other):
		list.Add("E0611", other.Span, "%s", strings.TrimPrefix(other.Error(), other.Span.String()+": "))
	default:
		list.Add("E0611", r.Test.Span(), "%v", r.Err)
	}
	return list
}
