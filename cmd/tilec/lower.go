package main

import (
	"errors"
	"flag"
	"fmt"
	"slices"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/dsl/raise"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/jit"
)

func lowerCommand() *command {
	return &command{
		name:  "lower",
		args:  "FILE[:KERNEL]",
		short: "print the IR of a kernel",
		long: `Prints the tile IR of a kernel: -raw as it is lowered, otherwise after the passes. With -stage target it prints what
the target makes of it: for cpu the LLVM IR, or with -asm the assembly that LLVM makes of that; for a GPU the PTX. With
-stage placed it prints what the passes make of it before, for a GPU: the tile IR with a register layout for every tile.
With -explicit it prints that as a kernel of the explicit level: a .tile file whose text says what the compiler derived
for a GPU, layouts as pins and pipelines as channels, and that compiles to the same code. Generics that have no
default are bound with -D.`,
		flags: func(fs *flag.FlagSet) func(*environment, []string) error {
			stage := fs.String("stage", "value", "the `stage`: value, placed or target")
			explicit := fs.Bool("explicit", false, "print the explicit form that the compiler derives for a GPU, as a .tile file")
			raw := fs.Bool("raw", false, "before any pass")
			asm := fs.Bool("asm", false, "the assembly, with -stage target")
			locations := fs.Bool("loc", false, "with the source position of every operation")
			target := fs.String("target", "", "the target `name` whose schedule refines default, cpu:LEVEL for a level (default: interp; cpu with -stage target)")
			asJSON := fs.Bool("json", false, "print diagnostics as JSON")
			var defs defines
			fs.Var(&defs, "D", "give a generic, a tile size or a schedule word, `name=value` (repeatable)")
			return func(env *environment, args []string) error {
				if len(args) != 1 {
					return misusef("name one .tile file")
				}
				native, placed := *stage == "target", *stage == "placed"
				if *target == "" {
					*target = "interp"
					switch {
					case native:
						*target = "cpu"
					case placed || *explicit:
						*target = runtime.Emulated()[0]
					}
				}
				switch {
				case *explicit && (native || placed || *raw || *locations):
					return misusef("-explicit prints a .tile file, of no stage and without -raw and -loc")
				case (placed || *explicit) && !slices.Contains(runtime.Emulated(), *target):
					return misusef("target %s has no placed stage: those that have are %s", *target, listed(runtime.Emulated()))
				case *stage != "value" && !native && !placed:
					return misusef("no stage %q; the stages are value, placed and target", *stage)
				case *raw && (native || placed):
					return misusef("-raw is before any pass, and -stage %s after them", *stage)
				case *asm && !native:
					return misusef("-asm goes with -stage target")
				}
				if err := checkSchedule(*target); err != nil {
					return err
				}
				if native {
					if err := checkCompiled(*target); err != nil {
						return err
					}
				}
				report := newReporter(env, *asJSON)
				k, err := loadKernel(report, args[0])
				if err != nil {
					return err
				}
				variant, err := instantiate(report, k, &defs, targetOf(*target))
				if err != nil {
					return err
				}
				fn, _, err := compile.Func(variant, compile.Options{Raw: *raw})
				if err != nil {
					return err
				}
				if native {
					return lowerTarget(env, fn, *target, *asm)
				}
				if *explicit {
					return lowerExplicit(env, fn, k.Package.Name, *target, variant.Words)
				}
				if placed {
					if fn, err = jit.Placed(*target, fn); err != nil {
						return err
					}
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

// lowerExplicit prints the explicit form of a function.
func lowerExplicit(env *environment, fn *ir.Func, name, target string, words []typed.Word) error {
	d, err := jit.Derived(target, fn)
	if err != nil {
		return err
	}
	text, err := raise.Text(raise.Source{Package: name, Target: target, Derived: d, Words: words})
	if err == nil {
		_, err = fmt.Fprint(env.stdout, text)
	}
	return err
}

// lowerTarget prints what a target makes of a function.
func lowerTarget(env *environment, fn *ir.Func, name string, asm bool) error {
	target, level := levelOf(name)
	if !asm {
		text, err := jit.Text(env.ctx, target, fn, codegen.Options{Level: level})
		if err == nil {
			_, err = fmt.Fprint(env.stdout, text)
		}
		return err
	}
	a, err := new(jit.Compiler).Compile(env.ctx, target, fn, codegen.Options{Level: level, Text: true})
	if err != nil {
		return err
	}
	for _, s := range a.Stages {
		if s.Name == "assembly" {
			_, err := fmt.Fprint(env.stdout, s.Text)
			return err
		}
	}
	return errors.New("the target has no assembly")
}
