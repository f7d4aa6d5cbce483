package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/eval"
	"github.com/tilec/tilec/dsl/suite"
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
			device := addDeviceFlags(fs)
			pattern := fs.String("run", "", "run only tests whose package.kernel/name matches this `regexp`")
			verbose := fs.Bool("v", false, "print every test, with its cases and times, and what it prints")
			race := fs.Bool("race", true, "report races and reads of nothing (the interpreter always does, the CPU never)")
			fuzz := fs.Int("fuzz", 0, "run `N` rounds of drawn sizes, generics and tile sizes")
			seed := fs.Uint64("seed", 0, "the `seed` of drawn data (default: 0; with -fuzz: from the clock)")
			timeout := fs.Duration("timeout", 10*time.Minute, "how `long` one case of a test may take (0: as long as it likes)")
			asJSON := fs.Bool("json", false, "print one JSON object for each result")
			return func(env *environment, args []string) error {
				x, err := device.open(env, *race)
				if err != nil {
					return err
				}
				defer x.Close()
				x.verify = true
				o := suite.Options{Target: x.Target(), Load: x.load, Fuzz: *fuzz, Seed: *seed, Timeout: *timeout}
				if *fuzz < 0 || *fuzz > maxRounds {
					return misusef("-fuzz %d: a number of rounds from 0 to %d", *fuzz, maxRounds)
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
				if *fuzz > 0 && !*asJSON {
					fmt.Fprintf(env.stdout, "%d rounds with seed %d\n", *fuzz, o.Seed)
				}
				if err := runTests(env, report, prog, o, *verbose, *asJSON); err != nil {
					return err
				}
				// A kernel that no test runs is checked, too.
				if list := prog.Check(); list.HasErrors() {
					return report.all(list)
				}
				return nil
			}
		},
	}
}

// maxRounds bounds -fuzz: all rounds of all tests are drawn before the first runs.
const maxRounds = 100000

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
			fmt.Fprintf(env.stdout, "%s %s (%s, %.2f s)\n", word, current, counted(of.passed+of.failed, "case"), spent.Seconds())
		}
	}
	encoder := json.NewEncoder(env.stdout)
	encoder.SetEscapeHTML(false)
	results := report.to(env.stdout, env.colourOut)
	var fault error
	o.Print = verbose && !asJSON
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
		if fault == nil && isFault(r.Err) {
			fault = fmt.Errorf("%s: %w", r.Name, r.Err)
		}
		var list diag.List
		if r.Failed() {
			list = report.failure(r)
		}
		if asJSON {
			encoder.Encode(testJSON(r, list))
			return
		}
		if r.Printed != "" {
			bar.clear()
			for line := range strings.Lines(r.Printed) {
				fmt.Fprintf(env.stdout, "     | %s", line)
			}
		}
		bar.show(fmt.Sprintf("test: %d passed, %d failed: %s", all.passed, all.failed, r.Name))
		if verbose && r.Case != "" && !r.Failed() {
			note := ""
			if r.Skipped != "" {
				note = ": " + r.Skipped
			}
			fmt.Fprintf(env.stdout, "     %s [%s] %.2f s%s\n", r.Name, r.Case, r.Elapsed.Seconds(), note)
		}
		if r.Failed() && r.Err == nil {
			list = r.New // what is wrong with the text is said once, not for every case
		}
		if r.Failed() && len(list) > 0 && all.failed <= failuresShown {
			bar.clear()
			where := ""
			if r.Case != "" {
				where = " with " + r.Case
			}
			fmt.Fprintf(env.stdout, "---- %s%s\n", r.Name, where)
			results.all(list)
		}
	})
	flush()
	bar.clear()
	switch {
	case err != nil:
		return errInterrupted
	case fault != nil:
		return fault
	case all.failed+all.passed+all.skipped == 0 && o.Match != nil:
		return misusef("no test matches -run %s", o.Match)
	}
	if !asJSON {
		if all.failed > failuresShown {
			fmt.Fprintf(env.stdout, "%d more failed\n", all.failed-failuresShown)
		}
		skipped := ""
		if all.skipped > 0 {
			skipped = fmt.Sprintf(", %d skipped (no such variant)", all.skipped)
		}
		fmt.Fprintf(env.stdout, "%d passed, %d failed%s; %s held, %.1f s\n", all.passed, all.failed, skipped, counted(all.expects, "expectation"), time.Since(began).Seconds())
		if all.failed > 0 && o.Fuzz > 0 {
			fmt.Fprintf(env.stdout, "-fuzz %d -seed %d repeats these rounds\n", o.Fuzz, o.Seed)
		}
	}
	if all.failed > 0 {
		return errSilent
	}
	return nil
}

// testJSON is a result as -json prints it: error is the first sentence of what is wrong, errors are the diagnostics in
// the form in which every command prints them.
func testJSON(r *suite.Result, list diag.List) map[string]any {
	message, errors := "", []json.RawMessage{}
	if list.HasErrors() {
		message = list.Sorted()[0].Error()
		var lines bytes.Buffer
		if err := diag.RenderJSON(&lines, list); err == nil { // a buffer takes all
			for line := range bytes.Lines(lines.Bytes()) {
				errors = append(errors, bytes.TrimSpace(line))
			}
		}
	}
	return map[string]any{
		"test": r.Name, "case": r.Case, "ok": !r.Failed(), "skipped": r.Skipped, "expects": r.Expects, "ns": r.Elapsed.Nanoseconds(),
		"error": message, "errors": errors,
	}
}

// counted is "1 test", "2 tests"; a plural that does not end in s is given.
func counted(n int, what string, plural ...string) string {
	switch {
	case n == 1:
	case len(plural) > 0:
		what = plural[0]
	default:
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// failure is a failed result as diagnostics.
func (r *reporter) failure(result *suite.Result) diag.List {
	list := result.Diags
	if result.Err == nil {
		return list
	}
	var wrong *eval.Failure
	var other *eval.Error
	var unsupported *codegen.Unsupported
	fault := faultOf(result.Err)
	switch {
	case errors.As(result.Err, &wrong):
		d := list.Add("E0610", wrong.Span, "%s", wrong.Message())
		for _, line := range wrong.Lines() {
			d.Note(diag.Span{}, "%s", line)
		}
	case fault != nil:
		faults := r.faultList(fault)
		if errors.As(result.Err, &other) && other.Span.IsValid() {
			faults[0].Note(other.Span, "in this call")
		}
		list = append(list, faults...)
	case errors.As(result.Err, &unsupported) && unsupported.Pos.File != "":
		at := diag.Pos{Line: unsupported.Pos.Line, Col: unsupported.Pos.Col}
		d := list.Add("E0611", diag.Span{File: unsupported.Pos.File, Start: at, End: at}, "target %s: %s", unsupported.Target, unsupported.What)
		if errors.As(result.Err, &other) && other.Span.IsValid() {
			d.Note(other.Span, "in this call")
		}
	case errors.As(result.Err, &other):
		list.Add("E0611", other.Span, "%s", strings.TrimPrefix(other.Error(), other.Span.String()+": "))
	default:
		list.Add("E0611", result.Test.Span(), "%v", result.Err)
	}
	return list
}
