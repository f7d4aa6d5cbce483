package check

import (
	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/typed"
)

// Functions are inlined: their statements stand before the one that calls them. Where a function stores or updates
// something, what the calling statement reads before the call must therefore have been read already. Such a statement
// is eager: each element that is read and each atomic operation gets a name where it stands.

// inOrder makes the elaboration of a statement eager where it must be, and gives what ends it. What a function returns
// belongs to the statement that calls it.
func (e *elab) inOrder(s dsl.Stmt) func() {
	was := e.eager
	_, returns := s.(*dsl.Return)
	e.eager = e.test == nil && (returns && was || e.mentionsEffect(s, e.scope.root, e.scope.file))
	return func() { e.eager = was }
}

// inTurn is v, in an eager statement computed here and now.
func (e *elab) inTurn(v value) value {
	if e.eager {
		return e.hold(v)
	}
	return v
}

// unheld is x, or where x is the name that the last statement gave to a value, that value, and the statement is gone.
func (e *elab) unheld(x typed.Expr) typed.Expr {
	ref, ok := x.(*typed.Ref)
	if n := len(*e.out); ok && e.eager && n > 0 {
		if a, is := (*e.out)[n-1].(*typed.Assign); is && len(a.Vars) == 1 && a.Vars[0] == ref.Var {
			if _, atomic := a.Values[0].(*typed.Atomic); atomic {
				*e.out = (*e.out)[:n-1]
				return a.Values[0]
			}
		}
	}
	return x
}

// mentionsEffect reports whether a node names a function that has an effect on memory, outside of blocks in it.
func (e *elab) mentionsEffect(n dsl.Node, pkg *Package, f *file) bool {
	found := false
	check := func(pkg *Package, name string) {
		if d := pkg.names[name]; d != nil && d.fn != nil {
			found = found || e.hasEffect(d.fn)
		}
	}
	dsl.Walk(n, func(n dsl.Node) bool {
		switch n := n.(type) {
		case *dsl.Block:
			return false
		case *dsl.Selector:
			if id, ok := n.X.(*dsl.Ident); ok && f != nil && f.imports[id.Name] != nil {
				check(f.imports[id.Name], n.Sel.Name)
				return false
			}
		case *dsl.Ident:
			if ent := e.local(n.Name); ent != nil {
				if fn := ent.val.fn; ent.kind == entValue && ent.val.kind == vFunc && fn.fn != nil {
					found = found || e.hasEffect(fn.fn)
				}
			} else if pkg != nil {
				check(pkg, n.Name)
			}
		}
		return !found
	})
	return found
}

// hasEffect reports whether a function may store to a tensor or update one, itself or by what it calls.
func (e *elab) hasEffect(fn *Func) bool {
	if has, known := e.effects[fn]; known {
		return has
	}
	if e.effects == nil {
		e.effects = map[*Func]bool{}
	}
	e.effects[fn] = false // while it is being looked at: functions do not recur
	tensors := map[string]bool{}
	if fn.ast.Params != nil {
		for i, p := range fn.ast.Params.List {
			if t := fn.ast.Params.Typed(i); t != nil && t.Type != nil && t.Type.Dims != nil && p.Name != nil {
				tensors[p.Name.Name] = true
			}
		}
	}
	has := false
	dsl.Walk(fn.ast, func(n dsl.Node) bool {
		switch n := n.(type) {
		case *dsl.Assign:
			for _, l := range n.Lhs {
				if _, name := l.(*dsl.Ident); !name {
					has = has || names(l, tensors)
				}
			}
		case *dsl.Selector:
			id, ok := n.X.(*dsl.Ident)
			has = has || ok && id.Name == "atomic"
			if ok && fn.file != nil && fn.file.imports[id.Name] != nil {
				if d := fn.file.imports[id.Name].names[n.Sel.Name]; d != nil && d.fn != nil {
					has = has || e.hasEffect(d.fn)
				}
			}
		case *dsl.Ident:
			if d := fn.Package.names[n.Name]; d != nil && d.fn != nil && d.fn != fn {
				has = has || e.hasEffect(d.fn)
			}
		}
		return !has
	})
	e.effects[fn] = has
	return has
}

// names reports whether a node has one of the names in it.
func names(n dsl.Node, list map[string]bool) bool {
	found := false
	dsl.Walk(n, func(n dsl.Node) bool {
		if id, ok := n.(*dsl.Ident); ok {
			found = found || list[id.Name]
		}
		return !found
	})
	return found
}
