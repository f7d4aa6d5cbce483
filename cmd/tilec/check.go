package main

import (
	"flag"
	"fmt"
)

func checkCommand() *command {
	return &command{
		name:  "check",
		args:  "[FILE | DIR | ./...]",
		short: "check .tile files",
		long: `Checks the packages of .tile files: types, axes, bounds of every subscript, schedules, tests. Kernels are checked for
a covering set of their generics. Prints every error it finds; exit 1 if there is one.`,
		flags: func(fs *flag.FlagSet) func(*environment, []string) error {
			asJSON := fs.Bool("json", false, "print diagnostics as JSON, one a line")
			return func(env *environment, args []string) error {
				files, err := expand(args)
				if err != nil {
					return err
				}
				report := newReporter(env, *asJSON)
				prog, err := load(report, files...)
				if err != nil {
					return err
				}
				if err := report.all(prog.Check()); err != nil {
					return err
				}
				if !*asJSON {
					kernels, tests := 0, 0
					for _, pkg := range prog.Packages[:prog.Asked] {
						kernels += len(pkg.Kernels)
						tests += len(pkg.Tests)
					}
					fmt.Fprintf(env.stdout, "%s, %s, %s: no errors\n", counted(prog.Asked, "package"), counted(kernels, "kernel"), counted(tests, "test or bench", "tests and benches"))
				}
				return nil
			}
		},
	}
}
