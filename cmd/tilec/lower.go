package main

import (
	"flag"
	"fmt"
	"slices"

	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/ir"
)

func lowerCommand() *command {
	return &command{
		name:  "lower",
		args:  "FILE[:KERNEL]",
		short: "print the IR of a kernel",
		long: `Prints the tile IR of a kernel: -raw as it is lowered, otherwise after the passes. Generics that have no default are
bound with -D.`,
		flags: func(fs *flag.FlagSet) func(*environment, []string) error {
			stage := fs.String("stage", "value", "the `stage`: value (placed and target are not there yet)")
			explicit := fs.Bool("explicit", false, "print the explicit form as a .tile file (not there yet)")
			raw := fs.Bool("raw", false, "before any pass")
			locations := fs.Bool("loc", false, "with the source position of every operation")
			target := fs.String("target", "interp", "the target `name` whose schedule refines default")
			asJSON := fs.Bool("json", false, "print diagnostics as JSON")
			var defs defines
			fs.Var(&defs, "D", "give a generic, a tile size or a schedule word, `name=value` (repeatable)")
			return func(env *environment, args []string) error {
				if len(args) != 1 {
					return misusef("name one .tile file")
				}
				switch {
				case *explicit:
					return misusef("-explicit needs the placed stage, which is not there yet")
				case *stage == "placed" || *stage == "target":
					return misusef("there is no %s stage yet; the stage there is: value", *stage)
				case !slices.Contains(check.Targets, *target):
					return misusef("no target %q%s: there are %s", *target, nearest(*target, check.Targets), listed(check.Targets))
				case *stage != "value":
					return misusef("no stage %q; the stages are value, placed and target", *stage)
				}
				report := newReporter(env, *asJSON)
				k, err := loadKernel(report, args[0])
				if err != nil {
					return err
				}
				b, err := defs.bindings(k, *target)
				if err != nil {
					return err
				}
				for _, g := range k.Generics() {
					if _, bound := b.Generics[g.Name]; !bound && !g.Default {
						return unbound(&check.Unbound{Kernel: k.Name, Generic: g.Name, Kind: g.Kind})
					}
				}
				variant, diags := k.Instantiate(b)
				if diags.HasErrors() {
					return report.all(diags)
				}
				fn, _, err := compile.Func(variant, compile.Options{Raw: *raw})
				if err != nil {
					return err
				}
				where := ir.NoLoc
				if *locations {
					where = ir.WithLoc
				}
				_, err = fmt.Fprint(env.stdout, fn.Text(where))
				return err
			}
		},
	}
}
