package check

import (
	"slices"

	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/affine"
	"github.com/tilec/tilec/ir/dtype"
)

// Check finds what is wrong with the packages that were asked for, as far as it shows without running anything: each
// kernel over a covering set of its generics and with the tile sizes of each section of its schedule, each test and
// bench in each case, and functions that none of them uses by themselves. An error that several variants have is
// reported once. Errors that [Load] reported are not repeated.
func (p *Program) Check() diag.List {
	var all diag.List
	for _, pkg := range p.Packages[:p.Asked] {
		all = append(all, pkg.Check()...)
	}
	return all.Sorted()
}

// Check is [Program.Check] of one package.
func (pkg *Package) Check() diag.List {
	var all diag.List
	broken := map[*Kernel]bool{}
	used := map[*Func]bool{}
	for _, k := range pkg.Kernels {
		list := k.check(used)
		all = append(all, list...)
		broken[k] = list.HasErrors()
	}
	for _, t := range pkg.Tests {
		skip := t.bad
		for _, k := range t.Kernels {
			skip = skip || broken[k]
		}
		if !skip {
			all = append(all, t.check(used)...)
		}
	}
	for _, fn := range pkg.funcs {
		if !used[fn] {
			all = append(all, fn.check()...)
		}
	}
	return all.Sorted()
}

// check instantiates a kernel over a covering set.
func (k *Kernel) check(used map[*Func]bool) diag.List {
	var all diag.List
	rows := k.rows()
	real := 0
	for i, row := range rows {
		for j, target := range k.sections() {
			if i > 0 && j > 0 {
				break
			}
			list := k.try(Bindings{Generics: row, Target: target}, used)
			if slices.ContainsFunc(list, func(d *diag.Diagnostic) bool { return d.Code == codeRequire }) {
				continue
			}
			real++
			all = append(all, list...)
			if list.HasErrors() && j == 0 {
				break
			}
		}
		if len(all) >= maxErrors || costly(all) {
			break
		}
	}
	if real == 0 && !all.HasErrors() {
		all.Add(codeNoVariant, k.Span(), "no variant of %s was found that its requires over generics allow", k.Name)
	}
	return all.Sorted()
}

// costly reports a text that expands too far: its other variants would, too.
func costly(list diag.List) bool {
	return slices.ContainsFunc(list, func(d *diag.Diagnostic) bool { return d.Code == codeBudget })
}

// try instantiates one variant for its diagnostics, noting the functions it uses.
func (k *Kernel) try(b Bindings, used map[*Func]bool) diag.List {
	var diags diag.List
	e := newElab(k.Package.prog, k.file, &diags)
	e.used = used
	protect(func() { e.instantiate(k, b) })
	return diags.Sorted()
}

// sections names the sections of the schedule with different tile sizes, default first.
func (k *Kernel) sections() []string {
	out := []string{""}
	if k.sched == nil {
		return out
	}
	for _, s := range k.sched.sections {
		if s.name != "default" && s.name != "interp" && len(s.tiles) > 0 {
			out = append(out, s.name)
		}
	}
	return out
}

// rows is a covering set of the kernel's generics.
func (k *Kernel) rows() []map[string]Value {
	var gens []*generic
	var cols [][]Value
	for _, g := range k.generics {
		vals := k.values(g)
		switch {
		case g.ast.Default != nil && g.kind == intGeneric && g.alts == nil:
			vals = []Value{{}, IntValue(3)} // the default, and something else
		case g.ast.Default != nil && len(vals) == 0:
			continue
		case g.ast.Default != nil && g.kind == typeGeneric && g.alts == nil:
			continue
		case g.kind == typeGeneric && g.alts == nil:
			vals = k.goodTypes(g)
		case len(vals) == 0:
			for _, n := range sampleInts {
				vals = append(vals, IntValue(n))
			}
		}
		gens, cols = append(gens, g), append(cols, vals)
	}
	if len(gens) == 0 {
		return []map[string]Value{{}}
	}
	var out []map[string]Value
	for _, row := range cover(cols) {
		m := map[string]Value{}
		for i, v := range row {
			if v != (Value{}) {
				m[gens[i].name] = v
			}
		}
		out = append(out, m)
	}
	return out
}

// base binds every generic that needs a value to its first, but one.
func (k *Kernel) base(but *generic, v Value, ints int64) map[string]Value {
	m := map[string]Value{}
	for _, g := range k.generics {
		switch vals := k.values(g); {
		case g == but:
			m[g.name] = v
		case g.ast.Default != nil:
		case g.kind == typeGeneric && g.alts == nil:
			// Another free type: one that most texts take.
			m[g.name] = TypeValue(sampleTypes[len(sampleTypes)-1])
			if but.kind == typeGeneric && but.alts == nil {
				m[g.name] = v
			}
		case len(vals) > 0:
			m[g.name] = vals[0]
		default:
			m[g.name] = IntValue(ints)
		}
	}
	return m
}

// goodTypes are the sample types with which a kernel checks; all of them if it checks with none.
func (k *Kernel) goodTypes(g *generic) []Value {
	var out []Value
	for _, v := range k.values(g) {
		if list := k.try(Bindings{Generics: k.base(g, v, sampleInts[0])}, map[*Func]bool{}); !list.HasErrors() {
			out = append(out, v)
		}
	}
	if out == nil {
		return k.values(g)[:1]
	}
	return out
}

// check elaborates a test in each of its cases without running it.
func (t *Test) check(used map[*Func]bool) diag.List {
	cases, all := t.Cases()
	if all.HasErrors() {
		return all
	}
	for _, c := range cases {
		list, _ := t.run(c, RunOptions{}, nil, used)
		all = append(all, list...)
		if len(all) >= maxErrors || costly(all) {
			break
		}
	}
	return all.Sorted()
}

// check elaborates a function that nothing uses, on arguments made up for it: generics take their first alternative,
// f32 or 16, tiles are over an axis for each axis generic, or one of 16. Made-up arguments may break what real ones do
// not, in axes and bounds; so only names, types, constants and calls are held to the rules.
func (fn *Func) check() diag.List {
	var diags diag.List
	e := newElab(fn.Package.prog, fn.file, &diags)
	e.kernel = &kernelState{k: &Kernel{Name: fn.Name, Package: fn.Package, file: fn.file}, out: &typed.Kernel{}, tiles: &tiles{vals: map[string]int64{}, used: map[string]bool{}},
		sizes: map[string]*entity{}, keys: map[string]diag.Span{}, dimAxes: map[string]*axis{}, deps: map[affine.Sym]uint64{}, root: e.scope,
		plain: map[string]int{}, any: map[string]int{}, phases: map[dsl.Stmt]int{}}
	protect(func() { e.madeUp(fn) })
	return slices.DeleteFunc(diags, func(d *diag.Diagnostic) bool {
		switch d.Code {
		case codeArgType, codeDims, codeUnbound, codeGenericKind, codeAlternative, codeNotConst, codeNotRepresentable, codeTooLarge:
			return true
		}
		return d.Code >= codeNotAxis
	}).Sorted()
}

// madeUp applies a function to arguments made up for its parameters.
func (e *elab) madeUp(fn *Func) {
	at := fn.ast.Name.Span()
	owner := &Kernel{Name: fn.Name, Package: fn.Package, file: fn.file}
	e.scope = &scope{root: fn.Package, file: fn.file}
	given := map[string]value{}
	var axes []*typed.Axis
	for _, g := range fn.generics {
		vals := owner.values(g)
		switch {
		case g.ast.Default != nil:
		case g.kind == axisGeneric:
			a := e.constAxis(g.name, 0, 16, at)
			axes = append(axes, a.t)
			given[g.name] = value{kind: vAxis, ax: a, at: at}
		case g.kind == typeGeneric && g.alts == nil:
			given[g.name] = TypeValue(dtype.F32).value(at)
		case len(vals) > 0:
			given[g.name] = vals[0].value(at)
		case g.kind == intGeneric:
			given[g.name] = IntValue(16).value(at)
		default:
			// What kind of thing it is, only its use says.
			return
		}
	}
	if axes == nil {
		axes = []*typed.Axis{e.constAxis("n", 0, 16, at).t}
	}
	e.push()
	if !e.bindGenerics(fn.generics, given, fn.Name, at) {
		return
	}
	var args []value
	for i, p := range fn.ast.Params.List {
		t := fn.ast.Params.Typed(i)
		if t == nil || t.Type == nil {
			break
		}
		elem, ok := e.typeOf(t.Type)
		if !ok {
			return
		}
		if t.Type.Dims == nil {
			v := &typed.Var{Name: p.Name.Name, Type: typed.Type{Elem: elem, Axes: axes}, Span: p.Span()}
			arg := exprVal(&typed.Ref{X: typed.X{T: v.Type, At: p.Span()}, Var: v})
			if elem.IsInt() {
				arg.ix = e.opaque(p.Name.Name, elem)
			}
			args = append(args, arg)
			continue
		}
		ten := &tensor{t: &typed.Tensor{Name: p.Name.Name, Elem: elem, Span: p.Span()}, local: true}
		for _, d := range t.Type.Dims.List {
			n := int64(16)
			if v, ok := e.tryConst(d); ok {
				n = v
			}
			ten.t.Dims = append(ten.t.Dims, ir.ConstDim(n))
			ten.dims = append(ten.dims, affine.Const(n))
			ten.keys = append(ten.keys, "")
		}
		args = append(args, value{kind: vTensor, ten: ten, at: p.Span()})
	}
	e.pop()
	if len(args) == len(fn.ast.Params.List) {
		e.apply(fn, &call{name: fn.Name, at: at}, args, given)
	}
}

// tryConst is an integer that is known already.
func (e *elab) tryConst(n dsl.Expr) (int64, bool) {
	if e.hasUnbound(n) {
		return 0, false
	}
	return e.expr(n).constInt()
}
