package check

import (
	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
)

// resolveOnly checks that the names of a text which is not part of this variant exist; nothing else of it is looked at.
func (e *elab) resolveOnly(n dsl.Node) {
	if n == nil {
		return
	}
	inside := map[string]bool{}
	declare := func(id *dsl.Ident) {
		if id != nil {
			inside[id.Name] = true
		}
	}
	dsl.Walk(n, func(n dsl.Node) bool {
		switch n := n.(type) {
		case *dsl.Assign:
			if n.Op == ":=" {
				for _, l := range n.Lhs {
					declare(definedName(l))
				}
			}
		case *dsl.Const:
			for _, id := range n.Names {
				declare(id)
			}
		case *dsl.Axis:
			declare(n.Name)
		case *dsl.Temp:
			declare(n.Name)
		case *dsl.Shared:
			declare(n.Name)
		case *dsl.For:
			for _, id := range n.Names {
				declare(id)
			}
		case *dsl.Parallel:
			declare(n.Name)
			for _, b := range n.Binds {
				declare(b.Name)
			}
		case *dsl.Role:
			declare(n.Name)
			declare(n.Unit)
			for _, o := range n.Options {
				declare(o.Word)
			}
		case *dsl.Turn:
			declare(n.Name)
		case *dsl.Pin, *dsl.Asm, *dsl.Chan, *dsl.BadStmt:
			return false
		}
		return true
	})
	e.resolveNames(n, inside)
}

// resolveNames reports identifiers of expressions that nothing declares.
func (e *elab) resolveNames(n dsl.Node, inside map[string]bool) {
	dsl.Walk(n, func(n dsl.Node) bool {
		switch n := n.(type) {
		case *dsl.Pin, *dsl.Asm, *dsl.Chan, *dsl.BadStmt:
			return false
		case *dsl.Selector:
			e.resolveNames(n.X, inside)
			return false
		case *dsl.Cast:
			e.resolveNames(n.X, inside)
			if n.Type != nil {
				e.resolveNames(n.Type, inside)
			}
			return false
		case *dsl.IndexEntry:
			if n.Eq != nil {
				e.resolveNames(n.Eq, inside)
				return false
			}
		case *dsl.Edge:
			e.resolveNames(n.X, inside)
			if id, ok := n.Else.(*dsl.Ident); n.Else != nil && !(ok && id.Name == "skip") {
				e.resolveNames(n.Else, inside)
			}
			return false
		case *dsl.Ident:
			if n.Name != "_" && !inside[n.Name] && !e.declared(n) {
				d := e.errorf(codeUndefined, n.Span(), "%s is not declared", n.Name)
				if near := diag.Nearest(n.Name, e.names()); near != "" {
					d.Suggest(n.Span(), near, "did you mean %s", near)
				}
			}
		}
		return true
	})
}

// declared reports whether a name means something here.
func (e *elab) declared(id *dsl.Ident) bool {
	if e.local(id.Name) != nil || e.scope.root.names[id.Name] != nil || e.scope.file.imports[id.Name] != nil {
		return true
	}
	if _, ok := universe(id.Name, id.Span()); ok {
		return true
	}
	return upper(id.Name) && e.hasTile(id.Name)
}
