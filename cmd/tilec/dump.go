package main

import (
	_ "embed"
	"flag"
	"fmt"
	"html/template"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/ir"
)

func dumpCommand() *command {
	return &command{
		name:  "dump",
		args:  "FILE[:KERNEL]",
		short: "show every stage of a kernel on one page",
		long: `Writes one HTML page, which needs nothing else, with every stage of the kernels of a file side by side: the text, the
tile IR, the LLVM IR, the assembly; for a GPU the placed tile IR and the PTX. Lines that come from the same line of the text are marked together under the mouse;
a click keeps the mark and brings the others into view.`,
		flags: func(fs *flag.FlagSet) func(*environment, []string) error {
			target := fs.String("target", "cpu", "the target `name`: cpu, cpu:LEVEL for a level, sm_80, sm_89 or sm_120")
			out := fs.String("o", "", "the `file` to write (default: standard output)")
			var defs defines
			fs.Var(&defs, "D", "give a generic, a tile size or a schedule word, `name=value` (repeatable)")
			return func(env *environment, args []string) error {
				if len(args) != 1 {
					return misusef("name one .tile file")
				}
				if err := checkCompiled(*target); err != nil {
					return err
				}
				report := newReporter(env, false)
				list, err := compileAll(env, report, args[0], &defs, *target, codegen.Options{Text: true, Places: true})
				if err != nil {
					return err
				}
				if err := defs.used(); err != nil {
					return err
				}
				var text strings.Builder
				if err := dumpPage(&text, report, list); err != nil {
					return err
				}
				if *out == "" {
					_, err := io.WriteString(env.stdout, text.String())
					return err
				}
				env.files.Lock()
				defer env.files.Unlock()
				if info, err := os.Stat(*out); err == nil && info.IsDir() {
					return misusef("-o %s is a folder; name an .html file", *out)
				}
				if err := replaceFile(*out, []byte(text.String())); err != nil {
					return err
				}
				_, err = fmt.Fprintf(env.stdout, "wrote %s\n", *out)
				return err
			}
		},
	}
}

//go:embed dump.html
var dumpTemplate string

// dumpKernel is a kernel on the page.
type dumpKernel struct {
	Name, Target string
	Facts        []string
	Panels       []dumpPanel
}

// dumpPanel is a stage: a text by lines.
type dumpPanel struct {
	Title string
	Lines []dumpLine
}

// dumpLine is a line; Keys name the lines of sources that it comes from, by numbers with blanks between.
type dumpLine struct {
	Number     int
	Text, Keys string
}

// dumpPage writes the page of some kernels.
func dumpPage(w io.Writer, report *reporter, list []*compiled) error {
	page, err := template.New("dump").Parse(dumpTemplate)
	if err != nil {
		return err
	}
	keys := map[string]int{}
	key := func(at ir.Pos) string {
		if at.Line == 0 {
			return ""
		}
		place := fmt.Sprintf("%s:%d", at.File, at.Line)
		if _, ok := keys[place]; !ok {
			keys[place] = len(keys)
		}
		return strconv.Itoa(keys[place])
	}
	var kernels []dumpKernel
	for _, c := range list {
		k := dumpKernel{Name: c.kernel.Package.Name + "." + c.kernel.Name, Target: c.target}
		k.Facts = append(k.Facts, c.artefact.Manifest.Binds...)
		k.Facts = append(k.Facts, c.artefact.Report.Plans...)
		if levelled(c) {
			k.Facts = append(k.Facts, fmt.Sprintf("%d instructions", c.artefact.Report.Instructions), fmt.Sprintf("%d spills in innermost loops", c.artefact.Report.Spills))
		} else {
			for _, p := range c.artefact.Manifest.Phases {
				k.Facts = append(k.Facts, fmt.Sprintf("%s: %d threads, %d bytes of shared memory", p.Entry, p.Threads, p.Shared))
			}
		}
		for _, file := range sourcesOf(c) {
			panel := dumpPanel{Title: file}
			for i, line := range strings.Split(strings.TrimSuffix(string(report.source(file)), "\n"), "\n") {
				panel.Lines = append(panel.Lines, dumpLine{i + 1, line, key(ir.Pos{File: file, Line: i + 1})})
			}
			k.Panels = append(k.Panels, panel)
		}
		titles := map[string]string{"ir": "Tile IR", "llvm": "LLVM IR", "assembly": "Assembly", "placed": "Placed tile IR", "ptx": "PTX"}
		for _, s := range c.artefact.Stages {
			panel := dumpPanel{Title: titles[s.Name]}
			for i, line := range strings.Split(strings.TrimSuffix(s.Text, "\n"), "\n") {
				at := ir.Pos{}
				if i < len(s.Places) {
					at = s.Places[i]
				}
				panel.Lines = append(panel.Lines, dumpLine{i + 1, line, key(at)})
			}
			k.Panels = append(k.Panels, panel)
		}
		kernels = append(kernels, k)
	}
	return page.Execute(w, kernels)
}

// sourcesOf are the files that a kernel's operations come from, its own first.
func sourcesOf(c *compiled) []string {
	files := []string{c.kernel.Span().File}
	c.fn.Walk(func(o *ir.Op) {
		if o.Pos.File != "" && !slices.Contains(files, o.Pos.File) {
			files = append(files, o.Pos.File)
		}
	})
	return files
}
