package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/tilec/tilec/codegen"
)

func reportCommand() *command {
	return &command{
		name:  "report",
		args:  "FILE[:KERNEL]",
		short: "tell how kernels are compiled",
		long: `Compiles the kernels of a file, or one, and tells of each: how its contractions are computed, the width of its vectors,
its instructions, how many instructions of its innermost loops spill registers, the memory that each thread needs, its
phases, and how long each part of the compilation took. For a GPU it tells of each phase's kernel its threads and shared
memory, and what its main loop consists of; where NVIDIA's ptxas is found (or PTXAS names it) its registers and spills, and where
nvdisasm is (or NVDISASM names it) what its main loop is in machine code.`,
		flags: func(fs *flag.FlagSet) func(*environment, []string) error {
			target := fs.String("target", "cpu", "the targets, as `cpu,cpu:avx2,sm_80,sm_89`")
			asJSON := fs.Bool("json", false, "print one JSON object a kernel")
			var defs defines
			fs.Var(&defs, "D", "give a generic, a tile size or a schedule word, `name=value` (repeatable)")
			return func(env *environment, args []string) error {
				if len(args) != 1 {
					return misusef("name one .tile file")
				}
				names, err := targetList(*target, "")
				if err != nil {
					return err
				}
				report := newReporter(env, *asJSON)
				for _, name := range names {
					list, err := compileAll(env, report, args[0], &defs, name, codegen.Options{Text: true})
					if err != nil {
						return err
					}
					if err := defs.used(); err != nil {
						return err
					}
					for _, c := range list {
						if err := c.print(env, *asJSON); err != nil {
							return err
						}
					}
				}
				return nil
			}
		},
	}
}

// print tells how a kernel was compiled.
func (c *compiled) print(env *environment, asJSON bool) error {
	r, m := c.artefact.Report, c.artefact.Manifest
	var steps []codegen.Step
	for _, s := range c.steps {
		steps = append(steps, codegen.Step{Name: s.Name, Nanos: s.Time.Nanoseconds()})
	}
	r.Steps = append(steps, r.Steps...)
	var ptx *ptxReport
	if !levelled(c) {
		var err error
		if ptx, err = inspectPTX(env.ctx, c); err != nil {
			return err
		}
	}
	if asJSON && ptx != nil {
		return json.NewEncoder(env.stdout).Encode(map[string]any{
			"kernel": c.kernel.Package.Name + "." + c.kernel.Name, "target": m.Target, "binds": append([]string{}, m.Binds...),
			"bytes": len(c.artefact.Code), "phases": m.Phases, "steps": r.Steps, "ptx": ptx,
		})
	}
	if asJSON {
		return json.NewEncoder(env.stdout).Encode(map[string]any{
			"kernel": c.kernel.Package.Name + "." + c.kernel.Name, "target": m.Target, "level": m.Level, "binds": append([]string{}, m.Binds...),
			"bytes": len(c.artefact.Code), "phases": m.Phases, "report": r,
		})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s.%s for %s\n", c.kernel.Package.Name, c.kernel.Name, c.target)
	if len(m.Binds) > 0 {
		fmt.Fprintf(&b, "  with          %s\n", strings.Join(m.Binds, ", "))
	}
	for i, plan := range r.Plans {
		name := ""
		if i == 0 {
			name = "plans"
		}
		fmt.Fprintf(&b, "  %-13s %s\n", name, plan)
	}
	if ptx != nil {
		ptx.print(&b, m.Phases)
	} else {
		c.printNative(&b)
	}
	var total time.Duration
	var parts []string
	for _, s := range r.Steps {
		d := time.Duration(s.Nanos)
		total += d
		parts = append(parts, fmt.Sprintf("%s %.1f", s.Name, d.Seconds()*1e3))
	}
	fmt.Fprintf(&b, "  compiled in   %.1f ms: %s\n", total.Seconds()*1e3, strings.Join(parts, ", "))
	_, err := fmt.Fprint(env.stdout, b.String())
	return err
}

// printNative tells of machine code for the CPU.
func (c *compiled) printNative(b *strings.Builder) {
	r, m := c.artefact.Report, c.artefact.Manifest
	fmt.Fprintf(b, "  vectors       %d bits\n", r.Vectors)
	fmt.Fprintf(b, "  instructions  %d in %d bytes\n", r.Instructions, len(c.artefact.Code))
	fmt.Fprintf(b, "  spills        %d in innermost loops\n", r.Spills)
	fmt.Fprintf(b, "  scratch       %d bytes a thread\n", r.Scratch)
	for i, p := range m.Phases {
		name, what := "", "blocks in any order"
		if i == 0 {
			name = "phases"
		}
		switch {
		case p.Serial:
			what = "one block"
		case p.Ordered:
			what = "blocks one after the other, as they print"
		}
		if p.Workspace != "" {
			what += ", with a workspace"
		}
		fmt.Fprintf(b, "  %-13s %s: %s\n", name, phaseName(p), what)
	}
}

// phaseName is how a phase is called: by its symbol where the text gives it no name.
func phaseName(p codegen.Phase) string {
	if p.Name != "" {
		return p.Name
	}
	return p.Run
}
