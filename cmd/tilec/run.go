package main

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/array"
)

func runCommand() *command {
	return &command{
		name:  "run",
		args:  "FILE[:KERNEL] [name=value ...]",
		short: "run one kernel on your arrays",
		long: `Runs one kernel. Operands are name=value, one for each input:

  q=path.npy                 an array file, or q=path.safetensors#tensor
  w=path.packed              what 'tilec pack' wrote, for a packed parameter
  w=bits:path.npy            raw codes, as unsigned integers, of a type that numpy lacks
  q=randn:1x8x512x64:1       generated data, KIND:SHAPE or KIND:SHAPE:SEED, of kind randn, uniform,
                             randcode (any code of the type), zeros, ones, iota
  scale=0.125                a scalar

A type that numpy has takes arrays of its own; any other takes arrays of values, which must fit exactly. Types and
dimensions are bound from the operands; what they leave open is given with -D. A type that only generated operands could
bind is f32 where the kernel takes it. Outputs go to .npy files with -o, else a summary is printed.

Kernels run as machine code, compiled through LLVM, or, where that is not found or with -target interp, on the
interpreter, which checks every access. -check compares with the same program computed in float64 from the same inputs, and fails where more than rounding lies
between them: 2^-13, or four half ulps of a narrower float that the kernel computes with, of the element's size and of
the output's root mean square.`,
		flags: func(fs *flag.FlagSet) func(*environment, []string) error {
			device := addDeviceFlags(fs)
			checked := fs.Bool("check", false, "compare the result with float64")
			asJSON := fs.Bool("json", false, "print diagnostics and the result as JSON")
			var defs, outs defines
			fs.Var(&defs, "D", "give a generic, a tile size or a schedule word, `name=value` (repeatable)")
			fs.Var(&outs, "o", "write an output to a .npy file, `name=path` (repeatable)")
			return func(env *environment, args []string) error {
				if len(args) == 0 {
					return misusef("name a .tile file")
				}
				x, err := device.open(env, true)
				if err != nil {
					return err
				}
				defer x.Close()
				report := newReporter(env, *asJSON)
				l, err := newLaunch(env, report, args[0], args[1:], &defs, x)
				if err != nil {
					return err
				}
				if err := l.checkOutputs(&outs); err != nil {
					return err
				}
				results, elapsed, fn, err := l.run(x, compile.Options{})
				if err != nil {
					return report.fault(err)
				}
				var compared []comparison
				if *checked {
					exact, _, _, err := l.run(reference(), compile.Options{Float64: true})
					if err != nil {
						return report.fault(err)
					}
					compared = compare(fn, results, exact)
				}
				if err := l.write(&outs, results); err != nil {
					return err
				}
				return l.print(results, compared, elapsed, &outs, *asJSON)
			}
		},
	}
}

// launch is one kernel with its operands, ready to run.
type launch struct {
	env    *environment
	report *reporter
	on     *executor
	kernel *check.Kernel
	typed  *typed.Kernel
	chosen []string // what was bound without being asked for
	sizes  []int64
	args   []runtime.Arg
	outs   []*typed.Param // inouts and outputs
}

// newLaunch loads a kernel and its operands.
func newLaunch(env *environment, report *reporter, file string, operands []string, defs *defines, on *executor) (*launch, error) {
	given, err := parseOperands(operands)
	if err != nil {
		return nil, err
	}
	l := &launch{env: env, report: report, on: on}
	if l.kernel, err = loadKernel(report, file); err != nil {
		return nil, err
	}
	var params []check.ParamInfo
	for _, p := range l.kernel.Params() {
		if p.Role != ir.Out {
			params = append(params, p)
		}
	}
	list, err := matchOperands(l.kernel, params, given)
	if err != nil {
		return nil, err
	}
	b, err := defs.bindings(l.kernel, on.Target())
	if err != nil {
		return nil, err
	}
	arrays, buffers, err := l.read(params, list)
	if err != nil {
		return nil, err
	}
	infos := make([]check.ArgInfo, len(list))
	dims := make([][]int64, len(list))
	for i, o := range list {
		switch {
		case o.scalar:
			continue
		case o.kind != "":
			dims[i] = o.shape
		case o.packed:
			dims[i], infos[i].Elem = buffers[i].Shape, buffers[i].Elem
		default:
			dims[i] = arrays[i].Shape
			if !o.bits {
				infos[i].Elem = arrays[i].Elem
			}
		}
		infos[i].Dims = dims[i]
	}
	l.chooseTypes(params, list, infos, b)
	if b, err = l.kernel.BindArgs(infos, b); err != nil {
		return nil, unbound(err)
	}
	k, diags := l.kernel.Instantiate(b)
	if diags.HasErrors() {
		return nil, report.all(diags)
	}
	l.typed = k
	if l.sizes, err = check.Sizes(k, dims); err != nil {
		return nil, err
	}
	for i, n := 0, 0; i < len(k.Params); i++ {
		p := k.Params[i]
		if p.Role != ir.In {
			l.outs = append(l.outs, p)
		}
		if p.Role == ir.Out {
			continue
		}
		if list[n].packed {
			l.args = append(l.args, runtime.Arg{Buffer: buffers[n]})
			n++
			continue
		}
		arg, err := l.argument(p, list[n], arrays[n])
		if err != nil {
			return nil, err
		}
		l.args = append(l.args, arg)
		n++
	}
	return l, nil
}

// matchOperands puts the operands into the order of the parameters.
func matchOperands(k *check.Kernel, params []check.ParamInfo, given []*operand) ([]*operand, error) {
	names := make([]string, len(params))
	for i, p := range params {
		names[i] = p.Name
	}
	for _, o := range given {
		if !slices.Contains(names, o.name) {
			if len(names) == 0 {
				return nil, misusef("kernel %s has no inputs, so none is called %s", k.Name, o.name)
			}
			return nil, misusef("kernel %s has no input %s%s: it has %s", k.Name, o.name, nearest(o.name, names), listed(names))
		}
	}
	list := make([]*operand, len(params))
	var missing []string
	for i, p := range params {
		for _, o := range given {
			if o.name == p.Name {
				list[i] = o
			}
		}
		switch o := list[i]; {
		case o == nil:
			missing = append(missing, p.Name)
		case p.Rank < 0 && !o.scalar:
			return nil, misusef("input %s of kernel %s is a scalar (%s), and %s is a tensor", p.Name, k.Name, p.Type, o.text)
		case p.Rank >= 0 && o.scalar:
			return nil, misusef("input %s of kernel %s is a tensor of %s, and %s is a number", p.Name, k.Name, counted(p.Rank, "dimension"), o.text)
		}
	}
	if len(missing) > 0 {
		return nil, misusef("kernel %s needs a value for %s", k.Name, strings.Join(missing, ", "))
	}
	return list, nil
}

// read reads the files among the operands: arrays, and packed tensors.
func (l *launch) read(params []check.ParamInfo, list []*operand) ([]*array.Array, []*runtime.Buffer, error) {
	arrays, buffers := make([]*array.Array, len(list)), make([]*runtime.Buffer, len(list))
	for i, o := range list {
		if o.path == "" {
			continue
		}
		var err error
		switch {
		case !o.packed:
			arrays[i], err = readArray(o)
		case !params[i].Packed:
			err = errors.New("the parameter is not packed: it takes an array")
		default:
			buffers[i], err = runtime.ReadBuffer(o.path, runtime.FreeMemory())
		}
		if err != nil {
			return nil, nil, fmt.Errorf("operand %s: %w", o.name, err)
		}
	}
	return arrays, buffers, nil
}

func readArray(o *operand) (*array.Array, error) {
	if o.tensor == "" {
		return array.ReadNpy(o.path, runtime.FreeMemory())
	}
	file, err := array.OpenSafetensors(o.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return file.Tensor(o.tensor, runtime.FreeMemory())
}

// chooseTypes gives generated operands an element type where nothing else says which: f32 if the kernel takes it, else
// the first of the generic's alternatives. Raw codes come from a file whose type only -D can tell, so a generic that
// they have is left open.
func (l *launch) chooseTypes(params []check.ParamInfo, list []*operand, infos []check.ArgInfo, b check.Bindings) {
	for _, g := range l.kernel.Generics() {
		if _, bound := b.Generics[g.Name]; bound || g.Default || g.Kind == "type" {
			continue
		}
		first, open := -1, true
		for i, p := range params {
			if p.Type != g.Name {
				continue
			}
			open = open && !infos[i].Elem.Valid() && !list[i].bits
			if list[i].kind != "" && first < 0 {
				first = i
			}
		}
		if !open || first < 0 {
			continue
		}
		alternative, _, _ := strings.Cut(g.Kind, "|")
		for _, name := range []string{"f32", strings.TrimSpace(alternative)} {
			v, err := l.kernel.ParseGeneric(g.Name, name)
			if t, ok := v.Type(); err == nil && ok {
				infos[first].Elem = t
				l.chosen = append(l.chosen, g.Name+" = "+name)
				break
			}
		}
	}
}

// argument converts an operand to the type of its parameter.
func (l *launch) argument(p *typed.Param, o *operand, file *array.Array) (runtime.Arg, error) {
	if p.Scalar != nil {
		arg, err := scalarOf(p.Scalar.Type.Elem, o)
		if err != nil {
			return arg, fmt.Errorf("operand %s: %w", o.name, err)
		}
		return arg, nil
	}
	var a *array.Array
	var err error
	switch {
	case o.kind != "":
		a, err = array.Generate(o.kind, p.Tensor.Elem, o.shape, o.seed, runtime.FreeMemory())
	case o.bits:
		a, err = file.Bits(p.Tensor.Elem)
	default:
		a, err = file.Tensor(p.Tensor.Elem)
	}
	if err != nil {
		return runtime.Arg{}, fmt.Errorf("operand %s: %w", o.name, err)
	}
	return runtime.Arg{Tensor: a}, nil
}

// scalarOf reads a scalar operand as a value of type t; a value that does not fit is an error. A float rounds to the
// nearest value of its type.
func scalarOf(t dtype.Type, o *operand) (runtime.Arg, error) {
	text := strings.ReplaceAll(o.text, "_", "")
	misfit := func(why string) (runtime.Arg, error) {
		return runtime.Arg{}, fmt.Errorf("%s does not fit %v%s", o.text, t, why)
	}
	switch {
	case t == dtype.Bool:
		switch text {
		case "true", "1":
			return runtime.Arg{Int: 1}, nil
		case "false", "0":
			return runtime.Arg{}, nil
		}
		return misfit(", which is true or false")
	case t.IsFloat():
		x, err := strconv.ParseFloat(text, 64)
		if err != nil && !isRange(err) {
			n, intErr := parseCount(text)
			if intErr != nil {
				return misfit(", which is a number")
			}
			x = float64(n)
		}
		y := t.Round64(x)
		asked := strings.Contains(strings.ToLower(text), "inf")
		if math.IsInf(y, 0) != asked || math.IsNaN(y) != math.IsNaN(x) {
			return misfit(fmt.Sprintf(", whose largest value is %g", t.Max()))
		}
		return runtime.Arg{Float: y}, nil
	case t == dtype.U64:
		n, err := strconv.ParseUint(text, 0, 64)
		if err != nil {
			return misfit(": the integers from 0 to 18446744073709551615")
		}
		return runtime.Arg{Int: int64(n)}, nil
	}
	n, err := parseCount(text)
	if err != nil || n < t.MinInt() || n > t.MaxInt() {
		return misfit(fmt.Sprintf(": the integers from %d to %d", t.MinInt(), t.MaxInt()))
	}
	return runtime.Arg{Int: n}, nil
}

func parseCount(text string) (int64, error) { return strconv.ParseInt(text, 0, 64) }

// checkOutputs refuses what -o cannot do, before anything runs.
func (l *launch) checkOutputs(outs *defines) error {
	var names []string
	for _, p := range l.outs {
		names = append(names, p.Name)
	}
	files := map[string]string{}
	for i, name := range outs.names {
		path := outs.values[i]
		if l.output(name) < 0 {
			return misusef("-o %s: kernel %s has no output %s%s: it has %s", name, l.kernel.Name, name, nearest(name, names), listed(names))
		}
		clean := filepath.Clean(path)
		if other, twice := files[clean]; twice {
			return misusef("-o %s and -o %s both name %s", other, name, path)
		}
		files[clean] = name
		if info, err := os.Stat(path); err == nil {
			if info.IsDir() {
				return misusef("-o %s: %s is a folder; name a .npy file", name, path)
			}
			if !info.Mode().IsRegular() {
				continue
			}
		}
		if strings.HasSuffix(clean, ".safetensors") {
			return misusef("-o %s: outputs are written as .npy files, not as %s", name, path)
		}
		trial, err := os.CreateTemp(filepath.Dir(path), ".tilec-*")
		if err != nil {
			return fmt.Errorf("-o %s: cannot write into %s: %w", name, filepath.Dir(path), cause(err))
		}
		trial.Close()
		os.Remove(trial.Name())
	}
	return nil
}

// write writes outputs to their files. Where one cannot be written none is there that was not there before: all are
// written beside their places first.
func (l *launch) write(outs *defines, results []*array.Array) (err error) {
	l.env.files.Lock()
	defer l.env.files.Unlock()
	if l.env.ctx.Err() != nil {
		return errInterrupted
	}
	var staged []*array.Staged
	defer func() {
		for _, s := range staged {
			s.Discard()
		}
	}()
	for i, name := range outs.names {
		s, err := array.StageNpy(outs.values[i], results[l.output(name)])
		if err != nil {
			return err
		}
		staged = append(staged, s)
	}
	for _, s := range staged {
		if err := s.Commit(); err != nil {
			return err
		}
	}
	return nil
}

func (l *launch) output(name string) int {
	return slices.IndexFunc(l.outs, func(p *typed.Param) bool { return p.Name == name })
}

// run compiles and launches.
func (l *launch) run(x *executor, o compile.Options) ([]*array.Array, time.Duration, *ir.Func, error) {
	kernel, fn, err := x.prepare(l.env.ctx, l.typed, o)
	if err != nil {
		return nil, 0, nil, err
	}
	what := l.kernel.Name
	if o.Float64 {
		what += " in float64"
	}
	bar := newProgress(l.env, what)
	defer bar.clear()
	options := runtime.Options{Print: l.env.stdout, Progress: bar.update}
	if o.Float64 {
		options.Print = nil
	}
	began := time.Now()
	results, err := kernel.Launch(l.env.ctx, l.sizes, l.args, options)
	return results, time.Since(began), fn, err
}
