package dsl

import (
	"strings"
)

// Dump prints a tree as S-expressions, one line a declaration or statement,
// without positions and comments: two texts of the same program have the same
// dump.
func Dump(n Node) string {
	var d dumper
	d.node(n, 0)
	return d.b.String()
}

type dumper struct {
	b strings.Builder
}

func (d *dumper) line(depth int, words ...string) {
	for range depth {
		d.b.WriteString("  ")
	}
	first := true
	for _, w := range words {
		if w == "" {
			continue
		}
		if !first {
			d.b.WriteByte(' ')
		}
		first = false
		d.b.WriteString(w)
	}
	d.b.WriteByte('\n')
}

// node prints a node that has lines of its own.
func (d *dumper) node(n Node, depth int) {
	switch n := n.(type) {
	case *File:
		d.line(depth, "package", named(n.Package))
		for _, c := range n.Decls {
			d.node(c, depth)
		}
	case *Import:
		d.line(depth, "import", n.Path.Raw)
	case *Const:
		d.line(depth, "const", list(n.Names), "=", list(n.Values))
	case *Func:
		d.line(depth, "func", named(n.Name), generics(n.Generics), params(n.Params), typ(n.Result), params(n.Results))
		d.block(n.Body, depth)
	case *Kernel:
		d.line(depth, "kernel", named(n.Name), generics(n.Generics), params(n.Inputs), params(n.Outputs))
		d.block(n.Body, depth)
	case *Test:
		word := "test"
		if n.Bench {
			word = "bench"
		}
		d.line(depth, word, list(n.Kernels), n.Name.Raw)
		d.block(n.Body, depth)
	case *Schedule:
		d.line(depth, "schedule", list(n.Kernels))
		for _, s := range n.Sections {
			d.node(s, depth+1)
		}
	case *Section:
		d.line(depth, "section", named(n.Name))
		for _, e := range n.Entries {
			d.node(e, depth+1)
		}
		for _, c := range n.Choices {
			d.line(depth+1, "choice", named(c.Name), list(c.Ranges))
		}
	case *Entry:
		words := []string{"entry", list(n.Words)}
		if n.Value != nil {
			words = append(words, "=", sexpr(n.Value), named(n.Unit))
		}
		if n.Place != nil {
			words = append(words, "in", named(n.Place))
		}
		d.line(depth, words...)
		for _, e := range n.Entries {
			d.node(e, depth+1)
		}
	case *BadDecl:
		d.line(depth, "bad", string(n.Err.Code))
		d.block(n.Body, depth)
	case Stmt:
		d.stmt(n, depth)
	default:
		d.line(depth, sexpr(n))
	}
}

func (d *dumper) block(b *Block, depth int) {
	if b == nil {
		return
	}
	for _, s := range b.Stmts {
		d.node(s, depth+1)
	}
}

func (d *dumper) stmt(n Stmt, depth int) {
	switch n := n.(type) {
	case *Block:
		d.line(depth, "block")
		d.block(n, depth)
	case *Parallel:
		d.line(depth, "parallel", named(n.Name), list(n.Binds))
		d.block(n.Body, depth)
	case *For:
		d.line(depth, "for", list(n.Names), over(n.Lo, n.Hi, n.By))
		d.block(n.Body, depth)
	case *While:
		d.line(depth, "while", sexpr(n.Cond))
		d.block(n.Body, depth)
	case *Where:
		d.line(depth, "where", sexpr(n.Cond))
		d.block(n.Body, depth)
	case *If:
		d.line(depth, "if", sexpr(n.Cond))
		d.block(n.Then, depth)
		if n.Else != nil {
			d.line(depth, "else")
			d.node(n.Else, depth+1)
		}
	case *Axis:
		words := []string{"axis", named(n.Name), sexpr(n.X)}
		if n.Hi != nil {
			words = append(words, "..", sexpr(n.Hi))
		}
		if n.Cat != nil {
			words = append(words, "++", sexpr(n.Cat))
		}
		d.line(depth, words...)
	case *Temp:
		d.line(depth, "temp", named(n.Name), typ(n.Type))
	case *Role:
		d.line(depth, "role", named(n.Name), sexpr(n.Count), named(n.Unit), list(n.Options))
		d.block(n.Body, depth)
	case *Turn:
		d.line(depth, "turn", named(n.Name), sexpr(n.Count))
		d.block(n.Body, depth)
	case *Shared:
		d.line(depth, "shared", named(n.Name), typ(n.Type), list(n.Options))
	case *Pin:
		d.line(depth, "pin", named(n.Name), sexpr(n.Axes), sexpr(n.Layout))
	case *Require:
		d.line(depth, "require", list(n.Conds))
	case *Expect:
		words := []string{"expect", sexpr(n.X)}
		if n.Within != nil {
			words = append(words, "within", sexpr(n.Within))
		}
		d.line(depth, words...)
	case *Return:
		d.line(depth, "return", list(n.Values))
	case *Break:
		d.line(depth, "break")
	case *Continue:
		d.line(depth, "continue")
	case *Assign:
		d.line(depth, n.Op, list(n.Lhs), list(n.Rhs))
	case *Send:
		d.line(depth, "<-", sexpr(n.Chan), sexpr(n.Value))
	case *ExprStmt:
		d.line(depth, sexpr(n.X))
	case *BadStmt:
		d.line(depth, "bad", string(n.Err.Code))
		d.block(n.Body, depth)
	}
}

// sexpr prints a node that stands in a line.
func sexpr(n Node) string {
	switch n := n.(type) {
	case *Ident:
		return n.Name
	case *Number:
		return n.Raw
	case *String:
		return n.Raw
	case *Width:
		return form("width", n.Family, sexpr(n.Bits))
	case *Paren:
		return form("paren", sexpr(n.X))
	case *List:
		return list(n.Elems)
	case *Selector:
		return form(".", sexpr(n.X), n.Sel.Name)
	case *Index:
		words := []string{"index", sexpr(n.X)}
		for _, e := range n.Entries {
			words = append(words, sexpr(e))
		}
		return form(words...)
	case *IndexEntry:
		switch {
		case n.Colon != nil:
			return form(":", sexpr(n.X), sexpr(n.Colon))
		case n.Eq != nil:
			return form("=", sexpr(n.X), sexpr(n.Eq))
		}
		return sexpr(n.X)
	case *Call:
		return form(append([]string{"call", sexpr(n.Fun)}, each(n.Args)...)...)
	case *Arg:
		if n.Scaled != nil {
			return form("scaled", sexpr(n.X), sexpr(n.Scaled))
		}
		return sexpr(n.X)
	case *Unary:
		return form(n.Op, sexpr(n.X))
	case *Recv:
		return form("<-", sexpr(n.X))
	case *Binary:
		return form(n.Op, sexpr(n.X), sexpr(n.Y))
	case *Cast:
		return form("as", sexpr(n.X), typ(n.Type), named(n.Mode))
	case *BitCast:
		return form("bits", sexpr(n.X), typ(n.Type))
	case *InType:
		return form("in", sexpr(n.X), typ(n.Type))
	case *Edge:
		if n.Unchecked {
			return form("unchecked", sexpr(n.X))
		}
		return form("else", sexpr(n.X), sexpr(n.Else))
	case *Chan:
		return form("chan", typ(n.Type), list(n.Options))
	case *Asm:
		return form(append([]string{"asm", n.Target.Name, n.Text.Raw}, each(n.Args)...)...)
	case *Option:
		return form(n.Word.Name, sexpr(n.Value))
	case *Type:
		return typ(n)
	case *Dims:
		return list(n.List)
	case *Range:
		return over(n.Lo, n.Hi, nil)
	case *Bind:
		return form(n.Name.Name, over(n.Lo, n.Hi, n.By))
	case *Generics:
		return generics(n)
	case *Generic:
		word := ""
		if n.Kind != nil {
			word = sexpr(n.Kind)
		}
		if n.Default != nil {
			return form("generic", n.Name.Name, word, "=", sexpr(n.Default))
		}
		return form("generic", n.Name.Name, word)
	case *Kind:
		if n.Word != "" {
			return n.Word
		}
		return form(append([]string{"|"}, each(n.Alts)...)...)
	case *Alt:
		if n.Hi == nil {
			return sexpr(n.Lo)
		}
		return over(n.Lo, n.Hi, nil)
	case *ParamList:
		return params(n)
	case *Param:
		words := []string{"param"}
		if n.Inout {
			words = append(words, "inout")
		}
		words = append(words, n.Name.Name)
		if n.Peer {
			words = append(words, "peer")
		}
		words = append(words, typ(n.Type))
		return form(append(words, each(n.Attrs)...)...)
	case *ParamAttr:
		if n.Name != nil {
			return form(n.Word, n.Name.Name)
		}
		return n.Word
	}
	return strings.TrimSuffix(Dump(n), "\n")
}

// form joins the words that are not empty in parentheses.
func form(words ...string) string {
	var b strings.Builder
	b.WriteByte('(')
	for _, w := range words {
		if w == "" {
			continue
		}
		if b.Len() > 1 {
			b.WriteByte(' ')
		}
		b.WriteString(w)
	}
	b.WriteByte(')')
	return b.String()
}

func each[N Node](nodes []N) []string {
	words := make([]string, len(nodes))
	for i, n := range nodes {
		words[i] = sexpr(n)
	}
	return words
}

func list[N Node](nodes []N) string {
	return "[" + strings.Join(each(nodes), " ") + "]"
}

func over(lo, hi, by Expr) string {
	out := sexpr(hi)
	if lo != nil {
		out = form("..", sexpr(lo), out)
	}
	if by != nil {
		out = form("by", out, sexpr(by))
	}
	return out
}

func named(n *Ident) string {
	if n == nil {
		return ""
	}
	return n.Name
}

func typ(t *Type) string {
	if t == nil {
		return ""
	}
	var out string
	switch {
	case t.Width != nil:
		out = sexpr(t.Width)
	case t.Pkg != nil:
		out = form(".", t.Pkg.Name, t.Name.Name)
	default:
		out = t.Name.Name
	}
	if len(t.Args) > 0 {
		out = form(append([]string{"of", out}, each(t.Args)...)...)
	}
	if t.Dims != nil {
		out = form("tile", out, list(t.Dims.List))
	}
	return out
}

func generics(g *Generics) string {
	if g == nil {
		return ""
	}
	return list(g.List)
}

func params(p *ParamList) string {
	if p == nil {
		return ""
	}
	return list(p.List)
}
