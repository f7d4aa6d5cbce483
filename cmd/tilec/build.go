package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/runtime/jit"
)

func buildCommand() *command {
	return &command{
		name:  "build",
		args:  "FILE[:KERNEL] ...",
		short: "compile kernels to files",
		long: `Compiles kernels ahead of time: each kernel of the files, or those named, for each target. For cpu and each level it
writes KERNEL.cpu.LEVEL.ll (LLVM IR), .s (assembly) and .o (an object), and beside them one manifest.json that says how
the objects are called. The same text and flags give the same files, byte for byte. Levels need not be this machine's:
cpu:neon makes objects for arm64. For a GPU, as sm_80, it writes KERNEL.sm_80.ptx, which a driver compiles when it loads it, and in the
manifest the host program that launches its kernels.`,
		flags: func(fs *flag.FlagSet) func(*environment, []string) error {
			target := fs.String("target", "cpu", "the targets, as `cpu,cpu:avx2,sm_80,sm_89`")
			levels := fs.String("level", "", "the levels of targets that name none, as `avx2,avx512` (default: this machine's best)")
			out := fs.String("o", ".", "the `folder` to write to, which is made if it is not there")
			deterministic := fs.Bool("deterministic", false, "keep the order of every sum the same for any number of threads")
			asJSON := fs.Bool("json", false, "print the manifest, and diagnostics, as JSON")
			var defs defines
			fs.Var(&defs, "D", "give a generic, a tile size or a schedule word, `name=value` (repeatable)")
			return func(env *environment, args []string) error {
				if len(args) == 0 {
					return misusef("name .tile files")
				}
				names, err := targetList(*target, *levels)
				if err != nil {
					return err
				}
				b := &builder{env: env, report: newReporter(env, *asJSON), folder: *out, options: codegen.Options{Text: true, Deterministic: *deterministic}, files: map[string]string{}}
				for _, name := range names {
					for _, arg := range args {
						if err := b.file(arg, &defs, name); err != nil {
							return err
						}
					}
				}
				if err := defs.used(); err != nil {
					return err
				}
				if err := b.write(); err != nil {
					return err
				}
				return b.print(*asJSON)
			}
		},
	}
}

// targetList is what -target and -level name: targets with their levels, each once.
func targetList(target, levels string) ([]string, error) {
	var names []string
	for _, name := range strings.Split(target, ",") {
		list := []string{name}
		if levels != "" && name == "cpu" {
			list = nil
			for _, level := range strings.Split(levels, ",") {
				list = append(list, name+":"+level)
			}
		}
		for _, n := range list {
			if err := checkCompiled(n); err != nil {
				return nil, err
			}
			if slices.Contains(names, n) {
				return nil, misusef("target %s is given twice", n)
			}
			names = append(names, n)
		}
	}
	return names, nil
}

// kernelsOf are the kernels that FILE or FILE:KERNEL names: all that stand in the file.
func kernelsOf(report *reporter, arg string) ([]*check.Kernel, error) {
	file, name := splitKernel(arg)
	if name != "" {
		k, err := loadKernel(report, arg)
		return []*check.Kernel{k}, err
	}
	if err := checkSource(file); err != nil {
		return nil, err
	}
	prog, err := load(report, file)
	if err != nil {
		return nil, err
	}
	var list []*check.Kernel
	for _, k := range prog.Packages[0].Kernels {
		if filepath.Clean(k.Span().File) == filepath.Clean(file) {
			list = append(list, k)
		}
	}
	if len(list) == 0 {
		return nil, misusef("%s has no kernel", file)
	}
	return list, nil
}

// compiled is a kernel for a target, and how it came about.
type compiled struct {
	kernel   *check.Kernel
	fn       *ir.Func
	target   string // with its level
	steps    []compile.Step
	artefact *codegen.Artefact
}

// compileAll compiles the kernels that an argument names.
func compileAll(env *environment, report *reporter, arg string, defs *defines, target string, o codegen.Options) ([]*compiled, error) {
	kernels, err := kernelsOf(report, arg)
	if err != nil {
		return nil, err
	}
	var list []*compiled
	name, level := levelOf(target)
	o.Level = level
	for _, k := range kernels {
		variant, err := instantiate(report, k, defs.of(k), name)
		if err != nil {
			return nil, err
		}
		fn, steps, err := compile.Func(variant, compile.Options{})
		if err != nil {
			return nil, err
		}
		a, err := new(jit.Compiler).Compile(env.ctx, name, fn, o)
		if err != nil {
			return nil, compile.Nearest(env.ctx, variant, err, func(fn *ir.Func) error {
				_, err := new(jit.Compiler).Compile(env.ctx, name, fn, codegen.Options{})
				return err
			})
		}
		full := name
		if a.Manifest.Level != "" {
			full += ":" + a.Manifest.Level
		}
		list = append(list, &compiled{k, fn, full, steps, a})
	}
	return list, nil
}

// levelled reports whether a kernel is for the CPU: machine code of an instruction level, and not PTX.
func levelled(c *compiled) bool { return c.artefact.Manifest.Level != "" }

// built is an entry of manifest.json.
type built struct {
	codegen.Manifest
	Package string            `json:"package"`
	Sizes   []string          `json:"sizes"`
	Params  []builtParam      `json:"params"`
	Files   map[string]string `json:"files"` // by what they are: llvm, assembly, object; ptx
}

type builtParam struct {
	Name string `json:"name"`
	Role string `json:"role"`
	Type string `json:"type"` // as the tile IR writes it
}

// builder collects what a build writes.
type builder struct {
	env     *environment
	report  *reporter
	folder  string
	options codegen.Options
	list    []built
	files   map[string]string // contents by name
}

// file compiles the kernels of one argument.
func (b *builder) file(arg string, defs *defines, target string) error {
	list, err := compileAll(b.env, b.report, arg, defs, target, b.options)
	if err != nil {
		return err
	}
	for _, c := range list {
		if err := b.add(c); err != nil {
			return err
		}
	}
	return nil
}

func (b *builder) add(c *compiled) error {
	stem := c.kernel.Name + "." + strings.ReplaceAll(c.target, ":", ".")
	entry := built{Manifest: c.artefact.Manifest, Package: c.kernel.Package.Name, Sizes: []string{}, Params: []builtParam{}, Files: map[string]string{}}
	for _, s := range c.fn.Sizes {
		entry.Sizes = append(entry.Sizes, s.Name)
	}
	for _, p := range c.fn.Params {
		entry.Params = append(entry.Params, builtParam{p.Name, p.Role.String(), p.Type.String()})
	}
	if slices.ContainsFunc(b.list, func(o built) bool {
		return o.Kernel == c.kernel.Name && o.Target == entry.Target && o.Level == entry.Level
	}) {
		return misusef("two kernels are called %s: build them into folders of their own", c.kernel.Name)
	}
	if levelled(c) {
		entry.Files["object"] = stem + ".o"
		b.files[stem+".o"] = string(c.artefact.Code)
	}
	for _, s := range c.artefact.Stages {
		if s.Name == "ir" || s.Name == "placed" {
			continue
		}
		entry.Files[s.Name] = stem + s.Ext
		b.files[stem+s.Ext] = s.Text
	}
	b.list = append(b.list, entry)
	return nil
}

// manifest is the text of manifest.json.
func (b *builder) manifest() ([]byte, error) {
	text, err := json.MarshalIndent(map[string]any{"tilec": versionText(), "kernels": b.list}, "", "  ")
	return append(text, '\n'), err
}

// write writes all files, the manifest last.
func (b *builder) write() error {
	text, err := b.manifest()
	if err != nil {
		return err
	}
	b.env.files.Lock()
	defer b.env.files.Unlock()
	if b.env.ctx.Err() != nil {
		return errInterrupted
	}
	if err := os.MkdirAll(b.folder, 0o777); err != nil {
		return fmt.Errorf("-o %s: %w", b.folder, cause(err))
	}
	names := make([]string, 0, len(b.files))
	for name := range b.files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := replaceFile(filepath.Join(b.folder, name), []byte(b.files[name])); err != nil {
			return err
		}
	}
	return replaceFile(filepath.Join(b.folder, "manifest.json"), text)
}

// replaceFile writes a file whole or not at all.
func replaceFile(path string, data []byte) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), ".tilec-*")
	if err != nil {
		return fmt.Errorf("%s: cannot write: %w", path, cause(err))
	}
	_, err = temporary.Write(data)
	if e := temporary.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Chmod(temporary.Name(), 0o644)
	}
	if err == nil {
		err = os.Rename(temporary.Name(), path)
	}
	if err != nil {
		os.Remove(temporary.Name())
		return fmt.Errorf("%s: cannot write: %w", path, cause(err))
	}
	return nil
}

// print tells what was written.
func (b *builder) print(asJSON bool) error {
	if asJSON {
		text, err := b.manifest()
		if err == nil {
			_, err = b.env.stdout.Write(text)
		}
		return err
	}
	for _, k := range b.list {
		var names []string
		for _, name := range k.Files {
			names = append(names, name)
		}
		slices.Sort(names)
		target := k.Target
		if k.Level != "" {
			target += ":" + k.Level
		}
		fmt.Fprintf(b.env.stdout, "%s.%s for %s: %s\n", k.Package, k.Kernel, target, strings.Join(names, " "))
	}
	fmt.Fprintf(b.env.stdout, "wrote %s\n", filepath.Join(b.folder, "manifest.json"))
	return nil
}
