package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"

	unified "github.com/rogpeppe/go-internal/diff"
	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/format"
)

func fmtCommand() *command {
	return &command{
		name:  "fmt",
		args:  "[FILE | DIR | ./...]",
		short: "put .tile files into the canonical format",
		long: `Formats .tile files: prints the result, or with -w writes it back, with -l lists the files that would change,
with -d shows how. A file with a syntax error is left as it is. Without an argument it formats the current folder;
"-" reads standard input. Comments and the program's meaning are never changed.`,
		flags: func(fs *flag.FlagSet) func(*environment, []string) error {
			write := fs.Bool("w", false, "write the result to the file instead of printing it")
			list := fs.Bool("l", false, "list files whose format differs; exit 1 if there is one")
			diff := fs.Bool("d", false, "print differences instead of the result; exit 1 if there is one")
			asJSON := fs.Bool("json", false, "print diagnostics as JSON, one a line")
			return func(env *environment, args []string) error {
				report := newReporter(env, *asJSON)
				if len(args) == 1 && args[0] == "-" {
					source, err := io.ReadAll(io.LimitReader(env.stdin, dsl.MaxSource+1))
					if err != nil {
						return err
					}
					report.sources["<stdin>"] = source
					formatted, problems := format.Source("<stdin>", source)
					if problems.HasErrors() {
						return report.all(problems)
					}
					_, err = env.stdout.Write(formatted)
					return err
				}
				files, err := expand(args)
				if err != nil {
					return err
				}
				differs, failed := false, false
				for _, file := range files {
					source, err := dsl.ReadSource(file)
					if err != nil {
						fmt.Fprintf(env.stderr, "tilec fmt: %s: cannot read: %v\n", file, cause(err))
						failed = true
						continue
					}
					report.sources[file] = source
					formatted, problems := format.Source(file, source)
					if problems.HasErrors() {
						report.all(problems)
						failed = true
						continue
					}
					same := bytes.Equal(source, formatted)
					differs = differs || !same
					if *list && !same {
						fmt.Fprintln(env.stdout, file)
					}
					if *diff && !same {
						env.stdout.Write(unified.Diff(file, source, file+" (formatted)", formatted))
					}
					if *write && !same {
						if err := writeBeside(env, file, formatted); err != nil {
							return err
						}
					}
					if !*write && !*list && !*diff {
						env.stdout.Write(formatted)
					}
				}
				if failed || differs && (*list || *diff) && !*write {
					return errSilent
				}
				return nil
			}
		},
	}
}
