package main

import (
	"bytes"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/array"
	"github.com/tilec/tilec/runtime/jit"
)

func packCommand() *command {
	return &command{
		name:  "pack",
		args:  "IN.npy OUT.packed | -unpack IN.packed OUT.npy",
		short: "pack a tensor for a kernel, once",
		long: `Packs a tensor for a 'packed' parameter: converts an array to elements of -type and, with -for, brings it into the
layout in which the kernel of that file takes the parameter on the target. 'tilec run' and 'tilec bench' take the file as
an operand, w=OUT.packed, in place of the array, and need not pack it each time. Another kernel, or another target, may
take another layout: what is in the wrong one is packed anew when it is used. -unpack writes the array again.`,
		flags: func(fs *flag.FlagSet) func(*environment, []string) error {
			name := fs.String("type", "", "the element `type`, as u4")
			kernel := fs.String("for", "", "`FILE[:KERNEL]` that is to take the tensor")
			param := fs.String("param", "", "the `parameter` of the kernel, where several are packed")
			target := fs.String("target", "cpu", "the target `name`, cpu:LEVEL for a level")
			unpack := fs.Bool("unpack", false, "the inverse")
			raw := fs.Bool("bits", false, "the array has raw codes, as unsigned integers, not values")
			var defs defines
			fs.Var(&defs, "D", "give a generic, a tile size or a schedule word of the kernel, `name=value` (repeatable)")
			return func(env *environment, args []string) error {
				if len(args) != 2 {
					return misusef("name the file to read and the file to write")
				}
				if *unpack {
					return unpackFile(env, args[0], args[1])
				}
				if !strings.HasSuffix(args[1], packedExt) {
					return misusef("%s: the name of a packed tensor ends in %s", args[1], packedExt)
				}
				if *name == "" {
					return misusef("give the type of the elements with -type")
				}
				elem, err := dtype.Parse(*name)
				if err != nil {
					return misusef("-type: %v", err)
				}
				layout := ""
				if *kernel == "" && (*param != "" || len(defs.names) > 0) {
					return misusef("-param and -D go with -for")
				}
				if *kernel != "" {
					if err := checkCompiled(*target); err != nil {
						return err
					}
					if layout, err = layoutFor(env, *kernel, *param, elem, &defs, *target); err != nil {
						return err
					}
				}
				a, err := array.ReadNpy(args[0], runtime.FreeMemory())
				if err != nil {
					return err
				}
				if *raw {
					a, err = a.Bits(elem)
				} else {
					a, err = a.Tensor(elem)
				}
				if err != nil {
					return fmt.Errorf("%s: %w", args[0], err)
				}
				b, err := runtime.Pack(a, layout)
				if err != nil {
					return fmt.Errorf("%s: %w", args[0], err)
				}
				var text bytes.Buffer
				if _, err := b.WriteTo(&text); err != nil {
					return err
				}
				env.files.Lock()
				defer env.files.Unlock()
				if err := replaceFile(args[1], text.Bytes()); err != nil {
					return err
				}
				if layout == "" {
					layout = "dense"
				}
				_, err = fmt.Fprintf(env.stdout, "wrote %s: %d bytes, %s\n", args[1], b.Size(), layout)
				return err
			}
		},
	}
}

// layoutFor is the layout in which a kernel takes a packed parameter with elements of a type.
func layoutFor(env *environment, arg, name string, elem dtype.Type, defs *defines, target string) (string, error) {
	report := newReporter(env, false)
	k, err := loadKernel(report, arg)
	if err != nil {
		return "", err
	}
	var params []check.ParamInfo
	var packed []string
	at := -1
	for _, p := range k.Params() {
		if p.Packed {
			packed = append(packed, p.Name)
			if name == "" || p.Name == name {
				at = len(params)
			}
		}
		params = append(params, p)
	}
	switch {
	case len(packed) == 0:
		return "", misusef("kernel %s has no packed parameter", k.Name)
	case at < 0:
		return "", misusef("kernel %s has no packed parameter %s%s: it has %s", k.Name, name, nearest(name, packed), listed(packed))
	case name == "" && len(packed) > 1:
		return "", misusef("kernel %s has several packed parameters: name one with -param (of %s)", k.Name, listed(packed))
	}
	// The generic in the parameter's type, as W of W or of u{W}, follows from the elements.
	targetName, level := levelOf(target)
	for _, g := range k.Generics() {
		value := ""
		switch _, inside, ok := strings.Cut(params[at].Type, "{"); {
		case params[at].Type == g.Name:
			value = elem.String()
		case ok && strings.TrimSuffix(inside, "}") == g.Name:
			value = strconv.Itoa(elem.Bits())
		}
		if value != "" && !slices.Contains(defs.names, g.Name) {
			defs.names, defs.values = append(defs.names, g.Name), append(defs.values, value)
		}
	}
	variant, err := instantiate(report, k, defs, targetName)
	if err != nil {
		return "", err
	}
	if t := variant.Params[at].Tensor; t.Elem != elem {
		return "", misusef("-type %v: parameter %s of kernel %s has elements of %v", elem, params[at].Name, k.Name, t.Elem)
	}
	fn, _, err := compile.Func(variant, compile.Options{})
	if err != nil {
		return "", err
	}
	a, err := jit.New().Compile(env.ctx, targetName, fn, codegen.Options{Level: level})
	if err != nil {
		return "", err
	}
	for _, s := range a.Manifest.Slots {
		if s.Kind == codegen.TensorSlot && s.Index == at {
			return s.Layout, nil
		}
	}
	return "", nil
}

// unpackFile writes a packed tensor as an array.
func unpackFile(env *environment, in, out string) error {
	b, err := runtime.ReadBuffer(in, runtime.FreeMemory())
	if err != nil {
		return err
	}
	a, err := b.Dense()
	if err != nil {
		return fmt.Errorf("%s: %w", in, err)
	}
	env.files.Lock()
	defer env.files.Unlock()
	if err := array.WriteNpy(out, a); err != nil {
		return err
	}
	_, err = fmt.Fprintf(env.stdout, "wrote %s: %v %v\n", out, b.Elem, b.Shape)
	return err
}
