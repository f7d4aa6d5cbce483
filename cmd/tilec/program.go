package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/kernels"
)

// load reads the packages of files and prints what is wrong with their text.
func load(report *reporter, files ...string) (*check.Program, error) {
	prog, list := check.Load(check.Config{Bundled: kernels.FS}, files...)
	report.program = prog
	if list.HasErrors() {
		return nil, report.all(list)
	}
	return prog, nil
}

// loadKernel reads the package of FILE or FILE:KERNEL and finds the kernel: without a name, the only one of the file,
// or the one named like it. A kernel that is named may stand in another file of the package.
func loadKernel(report *reporter, arg string) (*check.Kernel, error) {
	file, name := splitKernel(arg)
	if err := checkSource(file); err != nil {
		return nil, err
	}
	prog, err := load(report, file)
	if err != nil {
		return nil, err
	}
	var here []*check.Kernel
	var names, all []string
	for _, k := range prog.Packages[0].Kernels {
		if k.Name == name {
			return k, nil
		}
		all = append(all, k.Name)
		if filepath.Clean(k.Span().File) == filepath.Clean(file) {
			here, names = append(here, k), append(names, k.Name)
		}
	}
	base := strings.TrimSuffix(filepath.Base(file), ".tile")
	switch {
	case name != "" && len(all) > 0:
		return nil, misusef("%s has no kernel %s%s: it has %s", file, name, nearest(name, all), listed(all))
	case len(here) == 0:
		return nil, misusef("%s has no kernel", file)
	case len(here) == 1:
		return here[0], nil
	case slices.Contains(names, base):
		return here[slices.Index(names, base)], nil
	}
	return nil, misusef("%s has several kernels: name one as %s:%s (of %s)", file, file, names[0], listed(names))
}

// listed joins names; of very many it gives the first.
func listed(names []string) string {
	const most = 12
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// defines are the values of repeated -D name=value flags, in order.
type defines struct {
	names, values []string
	taken         []bool // by a kernel that [defines.of] was asked about
}

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

// of are the flags that a kernel has a use for. What no kernel has a use for, used tells.
func (d *defines) of(k *check.Kernel) *defines {
	own := new(defines)
	known := map[string]bool{}
	for _, g := range k.Generics() {
		known[g.Name] = true
	}
	for _, t := range k.Tiles() {
		known[t.Name] = true
	}
	d.taken = append(d.taken, make([]bool, len(d.names)-len(d.taken))...)
	for i, name := range d.names {
		if known[name] || check.IsWord(name) {
			own.names, own.values = append(own.names, name), append(own.values, d.values[i])
			d.taken[i] = true
		}
	}
	return own
}

// used refuses a flag that no kernel had a use for.
func (d *defines) used() error {
	for i, taken := range d.taken {
		if !taken {
			return misusef("-D %s: no kernel has a generic or tile size %s", d.names[i], d.names[i])
		}
	}
	return nil
}

// maxTile is the largest tile size.
const maxTile = 1 << 24

// bindings reads the flags as generics, tile sizes and schedule words of a kernel.
func (d *defines) bindings(k *check.Kernel, target string) (check.Bindings, error) {
	b := check.Bindings{Generics: map[string]check.Value{}, Tiles: map[string]int64{}, Target: target}
	var names []string
	generics, tiles := map[string]bool{}, map[string]bool{}
	for _, g := range k.Generics() {
		generics[g.Name] = true
		names = append(names, g.Name)
	}
	for _, t := range k.Tiles() {
		tiles[t.Name] = true
		names = append(names, t.Name)
	}
	for i, name := range d.names {
		text := d.values[i]
		switch {
		case generics[name]:
			v, err := k.ParseGeneric(name, text)
			if err != nil {
				return b, misusef("-D %s=%s: %s", name, text, strings.TrimPrefix(err.Error(), name+"="+text+": "))
			}
			b.Generics[name] = v
		case tiles[name]:
			n, err := parseCount(text)
			if err != nil || n < 1 || n > maxTile {
				return b, misusef("-D %s=%s: a tile size is an integer from 1 to %d", name, text, maxTile)
			}
			b.Tiles[name] = n
		case check.IsWord(name):
			w, err := k.ParseWord(name, text, target)
			if err != nil {
				return b, misusef("-D %s=%s: %v", name, text, err)
			}
			b.Words = append(b.Words, w)
		case len(names) == 0:
			return b, misusef("-D %s: kernel %s has no generics and no tile sizes", name, k.Name)
		default:
			return b, misusef("-D %s: kernel %s has no generic or tile size %s%s: it has %s", name, k.Name, name, nearest(name, names), listed(names))
		}
	}
	return b, nil
}

// unbound turns the error of a generic without a value into one that says how to give it.
func unbound(err error) error {
	var u *check.Unbound
	if !errors.As(err, &u) {
		return err
	}
	kind := ""
	if u.Kind != "" {
		kind = " (" + u.Kind + ")"
	}
	return misusef("nothing binds generic %s%s of kernel %s: give it with -D %s=VALUE", u.Generic, kind, u.Kernel, u.Generic)
}
