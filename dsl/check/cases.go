package check

import (
	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/ir/dtype"
)

// sampleTypes are the types that stand for all in a generic of kind `type`.
var sampleTypes = []dtype.Type{
	dtype.U1, dtype.Uint(3), dtype.U4, dtype.I4, dtype.I8, dtype.Bipolar(2), dtype.F4E2M1, dtype.F6E3M2, dtype.F8E4M3, dtype.F16, dtype.F32,
}

// sampleInts stand for all integers in a generic without alternatives.
var sampleInts = []int64{64, 24, 1}

// values are the alternatives of a generic: each type, function and number that is listed, the ends and the middle of a
// range, both bools, all sample types. An integer without alternatives has none.
func (k *Kernel) values(g *generic) []Value {
	var diags diag.List
	e := newElab(k.Package.prog, k.file, &diags)
	var out []Value
	switch g.kind {
	case typeGeneric:
		if g.alts == nil {
			for _, t := range sampleTypes {
				out = append(out, TypeValue(t))
			}
			return out
		}
	case boolGeneric:
		return []Value{BoolValue(false), BoolValue(true)}
	case anyGeneric, axisGeneric:
		return nil
	}
	protect(func() {
		for _, a := range g.alts {
			if g.kind != intGeneric {
				if v, ok := genericValue(e.expr(a.Lo)); ok {
					out = append(out, v)
				}
				continue
			}
			lo, ok1 := e.limit(a.Lo)
			hi, ok2 := lo, ok1
			if a.Hi != nil {
				hi, ok2 = e.limit(a.Hi)
			}
			if !ok1 || !ok2 {
				continue
			}
			for _, n := range []int64{lo, lo + (hi-lo)/2, hi} {
				if len(out) == 0 || out[len(out)-1].n != n {
					out = append(out, IntValue(n))
				}
			}
		}
	})
	return out
}

// cover combines columns into rows so that every value of each column appears.
func cover(cols [][]Value) [][]Value {
	most := 0
	for _, c := range cols {
		most = max(most, len(c))
	}
	rows := make([][]Value, most)
	for r := range rows {
		rows[r] = make([]Value, len(cols))
		for i, c := range cols {
			if len(c) > 0 {
				rows[r][i] = c[(r+r/len(c)*i)%len(c)]
			}
		}
	}
	return rows
}

// constNames are the names that constants of the test declare.
func (t *Test) constNames() map[string]bool {
	out := map[string]bool{}
	dsl.Walk(t.ast.Body, func(n dsl.Node) bool {
		if c, is := n.(*dsl.Const); is {
			for _, id := range c.Names {
				out[id.Name] = true
			}
		}
		return true
	})
	return out
}

// FreeGeneric is a generic of the tested kernels over whose alternatives a test runs.
type FreeGeneric struct {
	Name   string
	Values []Value
}

// Free lists the free generics: those that neither a constant of the test nor a default binds, and that the text reads
// or no argument can bind. The list of diagnostics has an error for one without alternatives.
func (t *Test) Free() ([]FreeGeneric, diag.List) {
	var diags diag.List
	var out []FreeGeneric
	consts := t.constNames()
	loops := map[string]bool{}
	reads := map[string]diag.Span{}
	given := map[string]bool{}
	dsl.Walk(t.ast.Body, func(n dsl.Node) bool {
		switch n := n.(type) {
		case *dsl.For:
			for _, id := range n.Names {
				loops[id.Name] = true
			}
		case *dsl.IndexEntry:
			if n.Eq != nil {
				if id, is := n.X.(*dsl.Ident); is {
					given[id.Name] = true
				}
				dsl.Walk(n.Eq, func(m dsl.Node) bool {
					if id, is := m.(*dsl.Ident); is {
						note(reads, id)
					}
					return true
				})
				return false
			}
		case *dsl.Ident:
			note(reads, n)
		}
		return true
	})
	seen := map[string]bool{}
	for _, k := range t.Kernels {
		for _, g := range k.generics {
			at, read := reads[g.name]
			switch {
			case seen[g.name], consts[g.name], loops[g.name], g.ast.Default != nil:
				continue
			case !read && (given[g.name] || k.bindable(g)):
				continue
			}
			seen[g.name] = true
			vals := k.values(g)
			if g.kind == typeGeneric && g.alts == nil {
				vals = k.goodTypes(g)
			}
			if len(vals) == 0 {
				diags.Add(codeFree, orSpan(at, t.ast.Name.Span()), "generic %s of %s has no alternatives to run over: bind it, as `const %s = 32`", g.name, k.Name, g.name).
					Note(g.at, "%s is declared here", g.name)
				continue
			}
			out = append(out, FreeGeneric{g.name, vals})
		}
	}
	return out, diags
}

func note(m map[string]diag.Span, id *dsl.Ident) {
	if _, have := m[id.Name]; !have {
		m[id.Name] = id.Span()
	}
}

// bindable reports whether the arguments of a kernel bind a generic.
func (k *Kernel) bindable(g *generic) bool {
	found := false
	_, types := k.inputs()
	for _, t := range types {
		if t == nil || t.Type == nil {
			continue
		}
		dsl.Walk(t.Type, func(n dsl.Node) bool {
			if id, is := n.(*dsl.Ident); is && id.Name == g.name {
				found = true
			}
			return true
		})
	}
	return found
}

// Cases is a covering set over the free generics of a test: each value of each appears, and not their product.
func (t *Test) Cases() ([]Case, diag.List) {
	free, diags := t.Free()
	if len(free) == 0 {
		return []Case{{Generics: map[string]Value{}}}, diags
	}
	cols := make([][]Value, len(free))
	names := make([]string, len(free))
	for i, f := range free {
		cols[i], names[i] = f.Values, f.Name
	}
	var out []Case
	for _, row := range cover(cols) {
		c := Case{Generics: map[string]Value{}, names: names}
		for i, v := range row {
			c.Generics[names[i]] = v
		}
		out = append(out, c)
	}
	return out, diags
}
