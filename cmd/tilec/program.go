package main

import (
	"path/filepath"
	"strings"

	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/kernels"
	"github.com/tilec/tilec/runtime"
)

// load reads the packages of files and prints what is wrong with their text.
func load(report *reporter, files ...string) (*check.Program, error) {
	prog, list := check.Load(check.Config{Bundled: kernels.FS}, files...)
	for _, f := range files {
		report.sources[f] = prog.Source(f)
	}
	if list.HasErrors() {
		return nil, report.all(list)
	}
	return prog, nil
}

// pickKernel finds the kernel of FILE or FILE:KERNEL: without a name, the only one of the file, or the one named like it.
func pickKernel(prog *check.Program, file, name string) (*check.Kernel, error) {
	var here []*check.Kernel
	var names []string
	for _, k := range prog.Packages[0].Kernels {
		if k.Name == name {
			return k, nil
		}
		if filepath.Clean(k.Span().File) == filepath.Clean(file) {
			here = append(here, k)
			names = append(names, k.Name)
		}
	}
	if name != "" {
		return nil, misusef("%s has no kernel %s%s; it has %s", file, name, nearest(name, names), strings.Join(names, ", "))
	}
	base := strings.TrimSuffix(filepath.Base(file), ".tile")
	for _, k := range here {
		if len(here) == 1 || k.Name == base {
			return k, nil
		}
	}
	if len(here) == 0 {
		return nil, misusef("%s has no kernel", file)
	}
	return nil, misusef("%s has several kernels, name one as %s:%s (of %s)", file, file, here[0].Name, strings.Join(names, ", "))
}

// defines are the values of repeated -D name=value flags, in order.
type defines struct{ names, values []string }

func (d *defines) String() string { return "" }

func (d *defines) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" || value == "" {
		return misusef("%q is not of the form name=value", text)
	}
	for _, n := range d.names {
		if n == name {
			return misusef("%s is given twice", name)
		}
	}
	d.names, d.values = append(d.names, name), append(d.values, value)
	return nil
}

// bindings reads the flags as generics and tile sizes of a kernel.
func (d *defines) bindings(k *check.Kernel, target string) (check.Bindings, error) {
	b := check.Bindings{Generics: map[string]check.Value{}, Tiles: map[string]int64{}, Target: target}
	for i, name := range d.names {
		isTile := false
		for _, t := range k.Tiles() {
			isTile = isTile || t.Name == name
		}
		if !isTile {
			v, err := k.ParseGeneric(name, d.values[i])
			if err != nil {
				return b, misusef("-D %s=%s: %v", name, d.values[i], err)
			}
			b.Generics[name] = v
			continue
		}
		n, err := parseCount(d.values[i])
		if err != nil || n < 1 {
			return b, misusef("-D %s=%s: a tile size is a positive integer", name, d.values[i])
		}
		b.Tiles[name] = n
	}
	return b, nil
}

// checkTarget refuses what cannot run here yet.
func checkTarget(target, on string) error {
	switch target {
	case "", "interp":
	case "cpu", "sm_80", "sm_89", "sm_90a", "sm_100a", "sm_120", "gfx942", "gfx950":
		return misusef("target %s does not run yet; the target there is: interp", target)
	default:
		return misusef("no target %q%s; the target there is: interp", target, nearest(target, targets()))
	}
	if on != "" {
		return misusef("-on %s: the interpreter runs on this machine's CPU only", on)
	}
	return nil
}

// prepare compiles a checked kernel for the interpreter.
func prepare(k *typed.Kernel, o compile.Options) (*runtime.Kernel, *ir.Func, error) {
	fn, _, err := compile.Func(k, o)
	if err != nil {
		return nil, nil, err
	}
	kernel, err := runtime.New(fn)
	return kernel, fn, err
}
