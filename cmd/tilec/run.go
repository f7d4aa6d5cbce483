package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tilec/tilec/dsl/check"
	"github.com/tilec/tilec/dsl/compile"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/interp"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/array"
)

func runCommand() *command {
	return &command{
		name:  "run",
		args:  "FILE[:KERNEL] [name=value ...]",
		short: "run one kernel on your arrays",
		long: `Runs one kernel. Operands are name=value, one for each input:

  q=path.npy                 an array file; q=path.safetensors#tensor; w=bits:path.npy for raw codes
  q=randn:1x8x512x64:1       generated data, KIND:SHAPE or KIND:SHAPE:SEED, of kind randn, uniform,
                             randcode (any code of the type), zeros, ones, iota
  scale=0.125                a scalar

Types and dimensions are bound from the operands; what they leave open is given with -D. A type that only generated
operands could bind is f32 where the kernel takes it. Outputs go to .npy files with -o, else a summary is printed.
-check compares with the same program computed in float64 from the same inputs.`,
		flags: func(fs *flag.FlagSet) func(*environment, []string) error {
			target := fs.String("target", "interp", "the target `name`")
			on := fs.String("on", "", "the `device` to run on")
			checked := fs.Bool("check", false, "compare the result with float64")
			asJSON := fs.Bool("json", false, "print diagnostics and the result as JSON")
			var defs, outs defines
			fs.Var(&defs, "D", "bind a generic or tile size, `name=value` (repeatable)")
			fs.Var(&outs, "o", "write an output to a .npy file, `name=path` (repeatable)")
			return func(env *environment, args []string) error {
				if len(args) == 0 {
					return misusef("name a .tile file")
				}
				if err := checkTarget(*target, *on); err != nil {
					return err
				}
				report := newReporter(env, *asJSON)
				l, err := newLaunch(env, report, args[0], args[1:], &defs, *target)
				if err != nil {
					return err
				}
				if err := l.checkOutputs(&outs); err != nil {
					return err
				}
				results, elapsed, err := l.run(compile.Options{})
				if err != nil {
					return l.fault(err)
				}
				var compared []comparison
				if *checked {
					exact, _, err := l.run(compile.Options{Float64: true})
					if err != nil {
						return l.fault(err)
					}
					compared = l.compare(results, exact)
				}
				for i, name := range outs.names {
					if err := array.WriteNpy(outs.values[i], results[l.output(name)].Numpy()); err != nil {
						return err
					}
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
	kernel *check.Kernel
	typed  *typed.Kernel
	chosen []string // what was bound without being asked for
	sizes  []int64
	args   []runtime.Arg
	outs   []*typed.Param // inouts and outputs
}

// newLaunch loads a kernel and its operands.
func newLaunch(env *environment, report *reporter, file string, operands []string, defs *defines, target string) (*launch, error) {
	file, name := splitKernel(file)
	given, err := parseOperands(operands)
	if err != nil {
		return nil, err
	}
	prog, err := load(report, file)
	if err != nil {
		return nil, err
	}
	l := &launch{env: env, report: report}
	if l.kernel, err = pickKernel(prog, file, name); err != nil {
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
	b, err := defs.bindings(l.kernel, target)
	if err != nil {
		return nil, err
	}
	arrays, err := l.read(list)
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
		return nil, err
	}
	var problems = report.all
	k, diags := l.kernel.Instantiate(b)
	if diags.HasErrors() {
		return nil, problems(diags)
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
			return nil, misusef("kernel %s has no input %s%s; its inputs are %s", k.Name, o.name, nearest(o.name, names), strings.Join(names, ", "))
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
			return nil, misusef("input %s of kernel %s is a tensor of %d dimensions, and %s is a number", p.Name, k.Name, p.Rank, o.text)
		}
	}
	if len(missing) > 0 {
		return nil, misusef("kernel %s needs a value for %s", k.Name, strings.Join(missing, ", "))
	}
	return list, nil
}

// read reads the array files among the operands.
func (l *launch) read(list []*operand) ([]*array.Array, error) {
	arrays := make([]*array.Array, len(list))
	for i, o := range list {
		if o.path == "" {
			continue
		}
		a, err := readArray(o)
		if err != nil {
			return nil, fmt.Errorf("operand %s: %w", o.name, err)
		}
		arrays[i] = a
	}
	return arrays, nil
}

func readArray(o *operand) (*array.Array, error) {
	if o.tensor == "" {
		return array.ReadNpy(o.path)
	}
	file, err := array.OpenSafetensors(o.path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return file.Tensor(o.tensor)
}

// chooseTypes gives generated operands an element type where nothing else says which: f32 if the kernel takes it.
func (l *launch) chooseTypes(params []check.ParamInfo, list []*operand, infos []check.ArgInfo, b check.Bindings) {
	for _, g := range l.kernel.Generics() {
		if _, bound := b.Generics[g.Name]; bound || g.Default || g.Kind == "type" {
			continue
		}
		var open []int
		for i, p := range params {
			if p.Type != g.Name {
				continue
			}
			if infos[i].Elem.Valid() {
				open = nil
				break
			}
			if list[i].kind != "" {
				open = append(open, i)
			}
		}
		if open == nil {
			continue
		}
		first, _, _ := strings.Cut(g.Kind, "|")
		for _, name := range []string{"f32", strings.TrimSpace(first)} {
			v, err := l.kernel.ParseGeneric(g.Name, name)
			if t, ok := v.Type(); err == nil && ok {
				infos[open[0]].Elem = t
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

// scalarOf reads a scalar operand as a value of type t; a value that does not fit is an error.
func scalarOf(t dtype.Type, o *operand) (runtime.Arg, error) {
	text := strings.ReplaceAll(o.text, "_", "")
	if t.IsFloat() {
		x, err := strconv.ParseFloat(text, 64)
		if err != nil && !isRange(err) {
			n, intErr := parseCount(text)
			if intErr != nil {
				return runtime.Arg{}, fmt.Errorf("%s is not a number", o.text)
			}
			x = float64(n)
		}
		if math.IsInf(x, 0) && !strings.Contains(strings.ToLower(text), "inf") {
			return runtime.Arg{}, fmt.Errorf("%s does not fit %v", o.text, t)
		}
		y := t.Round64(x)
		if math.IsInf(y, 0) != math.IsInf(x, 0) || math.IsNaN(y) != math.IsNaN(x) {
			return runtime.Arg{}, fmt.Errorf("%s does not fit %v", o.text, t)
		}
		return runtime.Arg{Float: y}, nil
	}
	if t == dtype.Bool {
		switch text {
		case "true", "1":
			return runtime.Arg{Int: 1}, nil
		case "false", "0":
			return runtime.Arg{}, nil
		}
		return runtime.Arg{}, fmt.Errorf("%s is not true or false", o.text)
	}
	if t == dtype.U64 {
		n, err := strconv.ParseUint(text, 0, 64)
		if err != nil {
			return runtime.Arg{}, fmt.Errorf("%s does not fit %v", o.text, t)
		}
		return runtime.Arg{Int: int64(n)}, nil
	}
	n, err := parseCount(text)
	if err != nil || n < t.MinInt() || n > t.MaxInt() {
		return runtime.Arg{}, fmt.Errorf("%s does not fit %v", o.text, t)
	}
	return runtime.Arg{Int: n}, nil
}

func parseCount(text string) (int64, error) { return strconv.ParseInt(text, 0, 64) }

// checkOutputs refuses names of -o that are no outputs, before anything runs.
func (l *launch) checkOutputs(outs *defines) error {
	var names []string
	for _, p := range l.outs {
		names = append(names, p.Name)
	}
	for _, name := range outs.names {
		if l.output(name) < 0 {
			return misusef("-o %s: kernel %s has no output %s%s; its outputs are %s", name, l.kernel.Name, name, nearest(name, names), strings.Join(names, ", "))
		}
	}
	return nil
}

func (l *launch) output(name string) int {
	return slices.IndexFunc(l.outs, func(p *typed.Param) bool { return p.Name == name })
}

// run compiles and launches.
func (l *launch) run(o compile.Options) ([]*array.Array, time.Duration, error) {
	kernel, _, err := prepare(l.typed, o)
	if err != nil {
		return nil, 0, err
	}
	bar := newProgress(l.env, l.kernel.Name)
	defer bar.clear()
	options := runtime.Options{Print: l.env.stdout, Progress: bar.update}
	if o.Float64 {
		options.Print = nil
	}
	began := time.Now()
	results, err := kernel.Launch(l.env.ctx, l.sizes, l.args, options)
	return results, time.Since(began), err
}

// fault tells of a run that ended early, with the line it is about.
func (l *launch) fault(err error) error {
	var f *interp.Fault
	if !errors.As(err, &f) || f.Kind == interp.Internal {
		return err
	}
	return l.report.all(faultList(f))
}

// comparison is how an output differs from float64.
type comparison struct {
	worst   float64 // |x − y| / (1 + |y|); +Inf where only one of them is finite
	allowed float64
	at      int
}

// compare holds results to float64. What is allowed is rounding: 16 half units of the narrowest float the kernel
// stores or casts to, and never less than 2⁻¹³, for sums of many terms in f32. Integers may differ by 1, where a
// float was rounded to them.
func (l *launch) compare(results, exact []*array.Array) []comparison {
	allowed := math.Ldexp(1, -13)
	for _, t := range floatsOf(l.typed) {
		allowed = max(allowed, 16*t.UnitRoundoff())
	}
	out := make([]comparison, len(results))
	for i, a := range results {
		x, y := values(a), values(exact[i])
		out[i] = comparison{allowed: allowed, at: -1}
		for j := range x {
			want := y[j]
			if a.Elem.IsFloat() {
				if rounded := a.Elem.Round64(want); math.IsInf(rounded, 0) || math.Abs(want) > a.Elem.Max() {
					want = rounded
				}
			}
			d := math.Abs(x[j]-want) / (1 + math.Abs(want))
			switch {
			case x[j] == want || math.IsNaN(x[j]) && math.IsNaN(want):
				d = 0
			case math.IsNaN(d) || math.IsInf(d, 0) || math.IsInf(want, 0):
				d = math.Inf(1)
			case !a.Elem.IsFloat() && math.Abs(x[j]-want) <= 1:
				d = 0
			}
			if d > out[i].worst {
				out[i].worst, out[i].at = d, j
			}
		}
	}
	return out
}

// floatsOf are the float types narrower than f32 that a kernel computes with or stores.
func floatsOf(k *typed.Kernel) []dtype.Type {
	var list []dtype.Type
	add := func(t dtype.Type) {
		if t.IsFloat() && t.Arithmetic() && t.Bits() < 32 && !slices.Contains(list, t) {
			list = append(list, t)
		}
	}
	for _, p := range k.Params {
		if p.Tensor != nil && (p.Role != ir.In || p.Tensor.Elem.Arithmetic()) {
			add(p.Tensor.Elem)
		}
	}
	return list
}

// values are an array's elements in float64.
func values(a *array.Array) []float64 {
	out := make([]float64, a.Len())
	a.Elem.DecodeF64(out, a.Data, 0)
	return out
}

// summary describes an output.
type summary struct {
	Name  string   `json:"name"`
	Type  string   `json:"type"`
	Shape []int64  `json:"shape"`
	Min   *float64 `json:"min"` // of the finite elements; nil if there is none
	Max   *float64 `json:"max"`
	Mean  *float64 `json:"mean"`
	NaN   int      `json:"nan"`
	Inf   int      `json:"inf"`
	Path  string   `json:"path,omitempty"`
	Error *float64 `json:"error,omitempty"`   // with -check: the largest |x − y| / (1 + |y|), nil if not finite
	Bound *float64 `json:"allowed,omitempty"` // with -check
	Agree *bool    `json:"agree,omitempty"`   // with -check
	first []float64
}

func summarise(name string, a *array.Array) summary {
	s := summary{Name: name, Type: a.Elem.String(), Shape: a.Shape}
	x := values(a)
	lo, hi, sum, n := math.Inf(1), math.Inf(-1), 0.0, 0
	for _, v := range x {
		switch {
		case math.IsNaN(v):
			s.NaN++
		case math.IsInf(v, 0):
			s.Inf++
		default:
			lo, hi, sum, n = min(lo, v), max(hi, v), sum+v, n+1
		}
	}
	if n > 0 {
		mean := sum / float64(n)
		s.Min, s.Max, s.Mean = &lo, &hi, &mean
	}
	s.first = x[:min(len(x), 6)]
	return s
}

func (s summary) text() string {
	var b strings.Builder
	extents := make([]string, len(s.Shape))
	for i, d := range s.Shape {
		extents[i] = strconv.FormatInt(d, 10)
	}
	fmt.Fprintf(&b, "%s %s[%s]", s.Name, s.Type, strings.Join(extents, ", "))
	if s.Min != nil {
		fmt.Fprintf(&b, "  min %.6g  max %.6g  mean %.6g", *s.Min, *s.Max, *s.Mean)
	}
	if s.NaN > 0 {
		fmt.Fprintf(&b, "  %d NaN", s.NaN)
	}
	if s.Inf > 0 {
		fmt.Fprintf(&b, "  %d inf", s.Inf)
	}
	if s.Path != "" {
		fmt.Fprintf(&b, "  -> %s", s.Path)
	} else if len(s.first) > 0 {
		b.WriteString("\n  [")
		for i, v := range s.first {
			if i > 0 {
				b.WriteString(" ")
			}
			fmt.Fprintf(&b, "%.6g", v)
		}
		n := int64(1)
		for _, d := range s.Shape {
			n *= d
		}
		if n > int64(len(s.first)) {
			b.WriteString(" ...")
		}
		b.WriteString("]")
	}
	return b.String()
}

// print shows the results; it fails if a comparison did.
func (l *launch) print(results []*array.Array, compared []comparison, elapsed time.Duration, outs *defines, asJSON bool) error {
	failed := false
	list := make([]summary, len(results))
	for i, a := range results {
		list[i] = summarise(l.outs[i].Name, a)
		if n := slices.Index(outs.names, l.outs[i].Name); n >= 0 {
			list[i].Path = outs.values[n]
		}
		if compared != nil {
			c := compared[i]
			agree := c.worst <= c.allowed
			failed = failed || !agree
			if !math.IsInf(c.worst, 0) {
				list[i].Error = &c.worst
			}
			list[i].Bound, list[i].Agree = &c.allowed, &agree
		}
	}
	var binds []string
	for _, b := range l.typed.Binds {
		binds = append(binds, b.Name+" = "+b.Value)
	}
	if asJSON {
		err := json.NewEncoder(l.env.stdout).Encode(map[string]any{
			"kernel": l.typed.Package + "." + l.typed.Name, "target": "interp", "binds": binds, "ns": elapsed.Nanoseconds(), "outputs": list,
		})
		if err == nil && failed {
			err = errSilent
		}
		return err
	}
	fmt.Fprintf(l.env.stdout, "%s.%s on interp: %s\n", l.typed.Package, l.typed.Name, elapsed.Round(10*time.Microsecond))
	if len(binds) > 0 {
		fmt.Fprintf(l.env.stdout, "  with %s\n", strings.Join(binds, ", "))
	}
	if len(l.chosen) > 0 {
		fmt.Fprintf(l.env.stdout, "  (%s was chosen for the generated operands; -D says otherwise)\n", strings.Join(l.chosen, ", "))
	}
	for i, s := range list {
		fmt.Fprintln(l.env.stdout, s.text())
		if compared == nil {
			continue
		}
		verdict := "agrees with float64"
		if !*s.Agree {
			verdict = fmt.Sprintf("DIFFERS from float64 at element %d", compared[i].at)
		}
		fmt.Fprintf(l.env.stdout, "  %s: largest error %.2g of 1 + |value|, %.2g allowed\n", verdict, compared[i].worst, compared[i].allowed)
	}
	if failed {
		return errSilent
	}
	return nil
}
