package check

import (
	"fmt"
	"strings"

	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// ArgInfo is what is known of an argument before a kernel runs.
type ArgInfo struct {
	// Elem is its element type; the zero Type binds no generic.
	Elem dtype.Type
	// Dims are its extents, nil for a scalar (a tensor of rank 0 has an empty, not nil, list).
	Dims []int64
	// From names the argument in messages; the parameter's name if it is empty.
	From string
}

// ParamInfo describes a parameter of a kernel as it is written.
type ParamInfo struct {
	Name   string
	Type   string // as written: "f16", "u{W}", "T"
	Rank   int    // -1 for a scalar
	Role   ir.Role
	Packed bool
	Span   diag.Span
}

// Params describes the parameters in the order of the text.
func (k *Kernel) Params() []ParamInfo {
	var all []ParamInfo
	for n, list := range []*dsl.ParamList{k.ast.Inputs, k.ast.Outputs} {
		if list == nil {
			continue
		}
		for i, p := range list.List {
			t := list.Typed(i)
			info := ParamInfo{Name: p.Name.Name, Rank: -1, Span: p.Span()}
			if t != nil && t.Type != nil {
				head := t.Type.Span()
				if t.Type.Dims != nil {
					info.Rank = len(t.Type.Dims.List)
					head.End = t.Type.Dims.Span().Start
				}
				info.Type = snippet(k.Package.prog, head)
				for _, a := range t.Attrs {
					info.Packed = info.Packed || a.Word == "packed"
				}
			}
			switch {
			case p.Inout:
				info.Role = ir.InOut
			case n == 1:
				info.Role = ir.Out
			}
			all = append(all, info)
		}
	}
	return all
}

// inputs are the inputs and inouts with the parameters that give their types.
func (k *Kernel) inputs() (params, types []*dsl.Param) {
	for n, list := range []*dsl.ParamList{k.ast.Inputs, k.ast.Outputs} {
		if list == nil {
			continue
		}
		for i, p := range list.List {
			if n == 0 || p.Inout {
				params, types = append(params, p), append(types, list.Typed(i))
			}
		}
	}
	return params, types
}

// binder finds generics and sizes from arguments.
type binder struct {
	k      *Kernel
	e      *elab
	diags  diag.List
	vals   map[string]int64 // integers known so far: generics and sizes
	where  map[string]string
	gens   map[string]Value
	params []*dsl.Param
	types  []*dsl.Param
	args   []ArgInfo
}

// BindArgs adds to b the generics that the arguments bind: a type by the element type of a parameter that has it, an
// integer by the first dimension that it is alone, or by one that can be solved for it. Arguments are the inputs and
// inouts in the order of [Kernel.Params]. The error names an argument that does not fit, and both places where two
// disagree; what is still unbound afterwards and has no default is an error too.
func (k *Kernel) BindArgs(args []ArgInfo, b Bindings) (Bindings, error) {
	bd := k.binder(args, b)
	if err := bd.bind(); err != nil {
		return b, err
	}
	out := b
	out.Generics = bd.gens
	if err := bd.unbound(); err != nil {
		return b, err
	}
	return out, nil
}

// unbound is the error of the first generic without a value.
func (b *binder) unbound() error {
	for _, g := range b.k.generics {
		if _, ok := b.gens[g.name]; ok || g.ast.Default != nil {
			continue
		}
		kind := ""
		if g.ast.Kind != nil {
			kind = snippet(b.k.Package.prog, g.ast.Kind.Span())
		}
		return &Unbound{Kernel: b.k.Name, Generic: g.name, Kind: kind}
	}
	return nil
}

// Unbound is the error of a generic that neither arguments nor a default bind.
type Unbound struct {
	Kernel, Generic string
	Kind            string // as written, empty if it is not
}

func (u *Unbound) Error() string {
	kind := ""
	if u.Kind != "" {
		kind = " (" + u.Kind + ")"
	}
	return fmt.Sprintf("nothing binds generic %s%s of kernel %s: give it, as %s=…", u.Generic, kind, u.Kernel, u.Generic)
}

func (k *Kernel) binder(args []ArgInfo, b Bindings) *binder {
	bd := &binder{k: k, args: args, vals: map[string]int64{}, where: map[string]string{}, gens: map[string]Value{}}
	bd.e = newElab(k.Package.prog, k.file, &bd.diags)
	bd.params, bd.types = k.inputs()
	for name, v := range b.Generics {
		bd.gens[name] = v
		if v.kind == intGeneric {
			bd.know(name, v.n, "the value given")
		}
	}
	return bd
}

func (b *binder) know(name string, n int64, where string) {
	b.vals[name], b.where[name] = n, where
	at := diag.Span{}
	if b.e.scope.names == nil {
		b.e.scope.names = map[string]*entity{}
	}
	b.e.scope.names[name] = &entity{name: name, kind: entValue, val: constVal(intConst(n), at)}
}

func (b *binder) bind() (err error) {
	if len(b.args) != len(b.params) {
		return fmt.Errorf("kernel %s takes %s, and %s", b.k.Name, plural(len(b.params), "argument"), thereAre(len(b.args), ""))
	}
	for i, p := range b.params {
		t := b.types[i]
		if t == nil || t.Type == nil {
			return fmt.Errorf("parameter %s of %s has no type", p.Name.Name, b.k.Name)
		}
		b.elem(t.Type, b.args[i], p)
		rank := -1
		if t.Type.Dims != nil {
			rank = len(t.Type.Dims.List)
		}
		switch a := b.args[i]; {
		case rank < 0 && a.Dims != nil:
			return fmt.Errorf("parameter %s of %s is a scalar, and %s has %s", p.Name.Name, b.k.Name, b.from(i), plural(len(a.Dims), "dimension"))
		case rank >= 0 && a.Dims == nil:
			return fmt.Errorf("parameter %s of %s is a tensor of %s, and %s is a scalar", p.Name.Name, b.k.Name, plural(rank, "dimension"), b.from(i))
		case rank >= 0 && rank != len(a.Dims):
			return fmt.Errorf("parameter %s of %s has %s (%s), and %s has %d %s", p.Name.Name, b.k.Name, plural(rank, "dimension"),
				snippet(b.k.Package.prog, t.Type.Dims.Span()), b.from(i), len(a.Dims), shapeText(a.Dims))
		}
	}
	// Bare names first, left to right; then what can be solved, until nothing more can.
	for i := range b.params {
		b.eachDim(i, func(d dsl.Expr, n int64, where string) {
			if id, is := d.(*dsl.Ident); is && !b.known(id.Name) && b.binds(id.Name) {
				b.set(id.Name, n, where)
			}
		})
	}
	for before := -1; len(b.vals) > before; {
		before = len(b.vals)
		for i := range b.params {
			b.eachDim(i, func(d dsl.Expr, n int64, where string) { b.solve(d, n, where) })
		}
		b.defaults()
	}
	return b.agree()
}

// from names argument i.
func (b *binder) from(i int) string {
	if b.args[i].From != "" {
		return b.args[i].From
	}
	return b.params[i].Name.Name
}

func shapeText(dims []int64) string {
	s := make([]string, len(dims))
	for i, d := range dims {
		s[i] = itoa(d)
	}
	return "[" + strings.Join(s, ", ") + "]"
}

// eachDim visits the dimensions of tensor argument i.
func (b *binder) eachDim(i int, f func(d dsl.Expr, n int64, where string)) {
	t := b.types[i].Type
	if t.Dims == nil || b.args[i].Dims == nil {
		return
	}
	for j, d := range t.Dims.List {
		f(d, b.args[i].Dims[j], fmt.Sprintf("dimension %d of %s", j+1, b.from(i)))
	}
}

// known reports a name with a value, be it a constant of the package.
func (b *binder) known(name string) bool {
	if _, ok := b.vals[name]; ok {
		return true
	}
	_, ok := b.e.packageName(b.k.Package, name, diag.Span{})
	return ok
}

// binds reports whether a name is bound by dimensions: a size, or an integer generic that no type takes.
func (b *binder) binds(name string) bool {
	g := named(b.k.generics, name)
	if g == nil {
		return true
	}
	_, given := b.gens[name]
	return !given && (g.kind == intGeneric || g.kind == anyGeneric)
}

func (b *binder) set(name string, n int64, where string) {
	b.know(name, n, where)
	if named(b.k.generics, name) != nil {
		b.gens[name] = IntValue(n)
	}
}

// elem binds a type generic, or the width of one, by an element type.
func (b *binder) elem(t *dsl.Type, a ArgInfo, p *dsl.Param) {
	if !a.Elem.Valid() {
		return
	}
	if t.Name != nil && t.Pkg == nil && len(t.Args) == 0 {
		if g := named(b.k.generics, t.Name.Name); g != nil {
			if _, have := b.gens[g.name]; !have {
				b.gens[g.name] = TypeValue(a.Elem)
			}
		}
		return
	}
	if t.Width == nil || widthFamily(a.Elem) != t.Width.Family {
		return
	}
	if id, is := t.Width.Bits.(*dsl.Ident); is && named(b.k.generics, id.Name) != nil && b.binds(id.Name) && !b.known(id.Name) {
		b.set(id.Name, int64(a.Elem.Bits()), "the type of "+p.Name.Name)
	}
}

// defaults gives integer generics that nothing has bound their defaults, in order, where those are known.
func (b *binder) defaults() {
	for _, g := range b.k.generics {
		if _, have := b.gens[g.name]; have || g.ast.Default == nil {
			continue
		}
		if n, ok := b.eval(g.ast.Default); ok && !b.known(g.name) {
			b.know(g.name, n, "the default of "+g.name)
		}
	}
}

// eval computes an integer expression whose names are all known.
func (b *binder) eval(d dsl.Expr) (int64, bool) {
	ok := true
	dsl.Walk(d, func(n dsl.Node) bool {
		if id, is := n.(*dsl.Ident); is && !b.known(id.Name) {
			if _, builtin := universe(id.Name, id.Span()); !builtin {
				ok = false
			}
		}
		return ok
	})
	if !ok {
		return 0, false
	}
	var n int64
	ok = false
	was := len(b.diags)
	protect(func() {
		v := b.e.expr(d)
		n, ok = v.constInt()
	})
	b.diags = b.diags[:was]
	return n, ok
}

// solve finds the one unknown name of a dimension.
func (b *binder) solve(d dsl.Expr, n int64, where string) {
	switch d := d.(type) {
	case *dsl.Ident:
		if !b.known(d.Name) && b.binds(d.Name) {
			b.set(d.Name, n, where)
		}
	case *dsl.Paren:
		b.solve(d.X, n, where)
	case *dsl.Binary:
		x, xok := b.eval(d.X)
		y, yok := b.eval(d.Y)
		switch {
		case xok == yok:
		case d.Op == "+" && xok:
			b.solve(d.Y, n-x, where)
		case d.Op == "+":
			b.solve(d.X, n-y, where)
		case d.Op == "-" && xok:
			b.solve(d.Y, x-n, where)
		case d.Op == "-":
			b.solve(d.X, n+y, where)
		case d.Op == "*" && xok && x != 0 && n%x == 0:
			b.solve(d.Y, n/x, where)
		case d.Op == "*" && yok && y != 0 && n%y == 0:
			b.solve(d.X, n/y, where)
		case d.Op == "/" && xok && n != 0 && x != 0 && x%n == 0:
			b.solve(d.Y, x/n, where)
		case d.Op == "/" && yok:
			b.solve(d.X, n*y, where)
		case d.Op == "<<" && xok && x == 1 && n > 0 && n&(n-1) == 0:
			k := int64(0)
			for n>>k > 1 {
				k++
			}
			b.solve(d.Y, k, where)
		}
	}
}

// agree holds every dimension to what its names were bound to.
func (b *binder) agree() error {
	var err error
	for i := range b.params {
		b.eachDim(i, func(d dsl.Expr, n int64, where string) {
			if err != nil {
				return
			}
			if n < 0 || n > maxSize {
				err = fmt.Errorf("%s is %d, and may be at most %d", where, n, int64(maxSize))
				return
			}
			text := snippet(b.k.Package.prog, d.Span())
			if bin, is := d.(*dsl.Binary); is && bin.Op == "/" {
				x, ok1 := b.eval(bin.X)
				y, ok2 := b.eval(bin.Y)
				if ok1 && ok2 && (y == 0 || x%y != 0) {
					err = fmt.Errorf("%s is %s, and %d is not a multiple of %d%s", where, text, x, y, b.because(d))
					return
				}
			}
			if name := b.unsolved(d); name != "" {
				if err = b.unbound(); err != nil {
					return // with it there might be one
				}
				err = fmt.Errorf("%s is %d, and no %s makes that of %s%s", where, n, name, text, b.because(d))
				if bin, is := d.(*dsl.Binary); is && bin.Op == "/" && n == 0 {
					err = fmt.Errorf("%s is %d, which says nothing about %s in %s: make %s a generic, `[%s: int]`, and give it", where, n, name, text, name, name)
				}
				return
			}
			if want, ok := b.eval(d); ok && want != n {
				err = fmt.Errorf("%s is %d, and %s is %d%s", where, n, text, want, b.because(d))
			}
		})
	}
	for _, name := range sortedKeys(b.vals) {
		if n := b.vals[name]; n < 0 && err == nil && named(b.k.generics, name) == nil {
			err = fmt.Errorf("dimension %s would be %d, by %s", name, n, b.where[name])
		}
	}
	return err
}

// unsolved is a dimension in d that stayed without a value.
func (b *binder) unsolved(d dsl.Expr) string {
	name := ""
	dsl.Walk(d, func(n dsl.Node) bool {
		if id, is := n.(*dsl.Ident); is && !b.known(id.Name) && named(b.k.generics, id.Name) == nil {
			if _, builtin := universe(id.Name, id.Span()); !builtin {
				name = id.Name
			}
		}
		return true
	})
	return name
}

// because says where the names of a dimension got their values.
func (b *binder) because(d dsl.Expr) string {
	var parts []string
	dsl.Walk(d, func(n dsl.Node) bool {
		if id, is := n.(*dsl.Ident); is {
			if w := b.where[id.Name]; w != "" {
				if _, bare := d.(*dsl.Ident); bare {
					parts = append(parts, w)
				} else {
					parts = append(parts, fmt.Sprintf("%s = %d by %s", id.Name, b.vals[id.Name], w))
				}
			}
		}
		return true
	})
	if len(parts) == 0 {
		return ""
	}
	return ", by " + strings.Join(parts, ", ")
}

// Sizes computes the sizes of a variant (in the order of k.Sizes) from the extents of its inputs and inouts: dims has
// one list for each such parameter, in order, nil for scalars. Errors are for extents that do not fit the shapes; the
// shapes of outputs are then [OutputDims].
func Sizes(k *typed.Kernel, dims [][]int64) ([]int64, error) {
	sizes := make([]int64, len(k.Sizes))
	where := make([]string, len(k.Sizes))
	n := 0
	type extent struct {
		d    *ir.Dim
		n    int64
		name string
	}
	var all []extent
	for _, p := range k.Params {
		if p.Role == ir.Out {
			continue
		}
		if n >= len(dims) {
			return nil, fmt.Errorf("kernel %s takes more than %s", k.Name, plural(len(dims), "argument"))
		}
		list := dims[n]
		n++
		if p.Tensor == nil {
			continue
		}
		if len(list) != len(p.Tensor.Dims) {
			return nil, fmt.Errorf("%s has %s, not %d", p.Name, plural(len(p.Tensor.Dims), "dimension"), len(list))
		}
		for i, d := range p.Tensor.Dims {
			all = append(all, extent{d, list[i], fmt.Sprintf("dimension %d of %s", i+1, p.Name)})
			if d.Op == ir.DimSize && where[d.Size] == "" && k.Sizes[d.Size].Def == nil {
				sizes[d.Size], where[d.Size] = list[i], all[len(all)-1].name
			}
		}
	}
	for i, s := range k.Sizes {
		if s.Def != nil {
			v, ok := s.Def.Eval(sizes)
			if !ok {
				return nil, fmt.Errorf("dimension %s cannot be computed: it divides by zero or overflows", s.Name)
			}
			if v < 0 {
				return nil, fmt.Errorf("dimension %s would be %d", s.Name, v)
			}
			sizes[i] = v
		}
	}
	for _, x := range all {
		want, ok := x.d.Eval(sizes)
		if !ok {
			return nil, fmt.Errorf("%s cannot be computed: it divides by zero or overflows", x.name)
		}
		if want != x.n {
			by := ""
			if x.d.Op == ir.DimSize && where[x.d.Size] != "" {
				by = ", by " + where[x.d.Size]
			}
			return nil, fmt.Errorf("%s is %d, and must be %d%s", x.name, x.n, want, by)
		}
	}
	return sizes, nil
}

// OutputDims are the extents of a tensor parameter for the given sizes. The error says which is negative or undefined.
func OutputDims(p *typed.Param, sizes []int64) ([]int64, error) {
	out := make([]int64, len(p.Tensor.Dims))
	for i, d := range p.Tensor.Dims {
		n, ok := d.Eval(sizes)
		if !ok {
			return nil, fmt.Errorf("dimension %d of %s cannot be computed: it divides by zero or overflows", i+1, p.Name)
		}
		if n < 0 {
			return nil, fmt.Errorf("dimension %d of %s would be %d", i+1, p.Name, n)
		}
		out[i] = n
	}
	return out, nil
}
