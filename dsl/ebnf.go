package dsl

import (
	"strings"
)

// ruleOrder is the order of the grammar's rules on the page; "" leaves a line
// free.
var ruleOrder = []string{
	"File", "Import", "Decl", "Const", "Func", "Kernel", "Test", "",
	"Generics", "GenericList", "Generic", "Kind", "Alt", "Limit",
	"ParamList", "Params", "Param", "ParamAttr",
	"Type", "Elem", "Name", "Width", "Dims", "",
	"Block", "Stmts", "Stmt", "Simple", "AssignOp", "Parallel", "Bind", "Over", "Range", "For",
	"While", "Where", "If", "Axis", "Temp", "Require", "Expect", "Return", "",
	"Role", "Turn", "Shared", "Pin", "Option", "",
	"Expr", "And", "Rel", "Sum", "Term", "Cast", "Unary", "Make", "Primary", "Edge", "Operand",
	"Suffix", "Indices", "Index", "Args", "Arg", "List", "Exprs", "Idents", "",
	"Schedule", "Section", "Entries", "Entry", "Value", "Choice",
}

// EBNF returns the grammar: the rules that participle holds, as they stand in
// the tags of the tree, and those read by hand, as they stand beside their
// functions.
func EBNF() string {
	rules := map[string]string{}
	for _, text := range []string{exprRules, stmtRules} {
		for line := range strings.Lines(text) {
			if name, body, ok := strings.Cut(strings.TrimSuffix(line, " .\n"), " = "); ok {
				rules[name] = body
			}
		}
	}
	g := theGrammar()
	for _, text := range []string{
		g.imports.String(), g.consts.String(), g.funcs.String(), g.kernels.String(),
		g.tests.String(), g.generics.String(), g.params.String(), g.whiles.String(),
		g.wheres.String(), g.axes.String(), g.roles.String(), g.turns.String(), g.pins.String(),
		g.requires.String(), g.expects.String(),
	} {
		for line := range strings.Lines(text) {
			name, body, _ := strings.Cut(strings.TrimSuffix(strings.TrimSuffix(line, "\n"), " ."), " = ")
			r := &tagRule{rest: body}
			rules[name] = r.choice()
		}
	}
	var b strings.Builder
	for _, name := range ruleOrder {
		if name != "" {
			writeRule(&b, name, rules[name])
			delete(rules, name)
			continue
		}
		b.WriteByte('\n')
	}
	for name := range rules {
		panic("dsl: rule " + name + " has no place in ruleOrder")
	}
	return b.String()
}

// writeRule writes `Name = body .`, broken before 100 columns.
func writeRule(b *strings.Builder, name, body string) {
	const indent, width = 13, 100
	line := name + strings.Repeat(" ", indent-1-len(name)) + "="
	for _, word := range strings.Fields(body + " .") {
		if len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = strings.Repeat(" ", indent)
		}
		line += " " + word
	}
	b.WriteString(line + "\n")
}

// tagRule rewrites a rule in participle's notation, `( x y )* z?`, into ours,
// `{ x y } [ z ]`.
type tagRule struct {
	rest string
}

func (r *tagRule) skip() { r.rest = strings.TrimLeft(r.rest, " ") }

func (r *tagRule) choice() string {
	out := r.sequence()
	for strings.HasPrefix(r.rest, "|") {
		r.rest = r.rest[1:]
		out += " | " + r.sequence()
	}
	return out
}

func (r *tagRule) sequence() string {
	var terms []string
	for r.skip(); r.rest != "" && r.rest[0] != '|' && r.rest[0] != ')'; r.skip() {
		terms = append(terms, r.term())
	}
	if len(terms) == 1 {
		// A group alone between bars needs no parentheses.
		if inner, ok := strings.CutPrefix(terms[0], "( "); ok {
			return strings.TrimSuffix(inner, " )")
		}
	}
	return strings.Join(terms, " ")
}

func (r *tagRule) term() string {
	var out string
	group := false
	switch r.rest[0] {
	case '(':
		r.rest = r.rest[1:]
		out = r.choice()
		r.rest = r.rest[1:]
		group = true
	case '"':
		end := strings.IndexByte(r.rest[1:], '"') + 2
		out, r.rest = r.rest[:end], r.rest[end:]
	default:
		end := strings.IndexAny(r.rest, " ()|*?+")
		if end < 0 {
			end = len(r.rest)
		}
		out, r.rest = r.rest[:end], r.rest[end:]
		switch out {
		case "Ident":
			out = "ident"
		case "String":
			out = "string"
		}
	}
	switch {
	case strings.HasPrefix(r.rest, "*"):
		r.rest = r.rest[1:]
		return "{ " + out + " }"
	case strings.HasPrefix(r.rest, "?"):
		r.rest = r.rest[1:]
		return "[ " + out + " ]"
	case group:
		return "( " + out + " )"
	}
	return out
}
