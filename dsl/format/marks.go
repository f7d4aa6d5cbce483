package format

import (
	"sort"

	"github.com/tilec/tilec/dsl"
)

// marks is what the tree says about the tokens, by the offsets of the tokens.
type marks struct {
	block  map[int]bool // braces of blocks and schedules
	start  map[int]bool // first tokens of statements, declarations, items of schedules
	decl   map[int]bool // first tokens of declarations and the package clause
	unary  map[int]bool // prefix operators
	tight  map[int]bool // binary operators without blanks
	spaced map[int]bool // ( and [ that are no suffix of what stands before
	tune   map[int]bool // semicolons between choices that the author set wide apart

	assign   map[int]token   // statements that assign, by their first token: the operator
	oneLine  map[int]token   // statements with a one-line block: the brace
	sections []*dsl.Schedule // the tables
}

// token is a place in the list of tokens and a word that says what kind of line
// it makes: only lines of the same kind are aligned.
type token struct {
	offset int
	kind   string
}

// marker walks over the tree.
type marker struct {
	*marks
	tokens []dsl.Token
}

func mark(file *dsl.File, src []byte) *marks {
	m := &marker{
		marks: &marks{
			block: map[int]bool{}, start: map[int]bool{}, decl: map[int]bool{}, unary: map[int]bool{},
			tight: map[int]bool{}, spaced: map[int]bool{}, tune: map[int]bool{},
			assign: map[int]token{}, oneLine: map[int]token{},
		},
		tokens: dsl.Tokens(file.Name, src),
	}
	m.decl[m.tokens[0].Span.Start.Offset] = true
	m.start[m.tokens[0].Span.Start.Offset] = true
	for _, d := range file.Decls {
		m.decl[from(d)] = true
		m.start[from(d)] = true
		m.walk(d)
	}
	return m.marks
}

func from(n dsl.Node) int { return n.Span().Start.Offset }

// after returns the first token at or behind the end of n that has the text,
// "" for any.
func (m *marker) after(n dsl.Node, text string) dsl.Token {
	end := n.Span().End.Offset
	i := sort.Search(len(m.tokens), func(i int) bool { return m.tokens[i].Span.Start.Offset >= end })
	for text != "" && m.tokens[i].Text != text {
		i++
	}
	return m.tokens[i]
}

// walk marks what is below n.
func (m *marker) walk(n dsl.Node) {
	switch n := n.(type) {
	case *dsl.Block:
		m.block[from(n)] = true
		for _, s := range n.Stmts {
			m.stmt(s)
		}
		return
	case *dsl.Schedule:
		m.schedule(n)
		return
	case *dsl.Func:
		if n.Results != nil {
			m.spaced[from(n.Results)] = true
		}
	case *dsl.Kernel:
		m.spaced[from(n.Outputs)] = true
	case *dsl.Paren:
		m.spaced[from(n)] = true
	case *dsl.List:
		m.spaced[from(n)] = true
	case *dsl.Asm:
		m.spaced[m.after(n.Text, "").Span.Start.Offset] = true
	case *dsl.Unary:
		m.unary[from(n)] = true
	case *dsl.Recv:
		m.unary[from(n)] = true
	case *dsl.Binary:
		m.binary(n)
		return
	}
	for _, c := range dsl.Children(n) {
		m.walk(c)
	}
}

// binary marks an expression and reports whether its operator stands without
// blanks: the author wrote none, and neither operand has any outside of
// brackets.
func (m *marker) binary(n *dsl.Binary) bool {
	x, y := m.operand(n.X), m.operand(n.Y)
	if _, minus := n.Y.(*dsl.Unary); minus || !x || !y {
		return false
	}
	switch n.Op {
	case "*", "/", "%", "+", "-", "<<", ">>", "&", "|", "^":
		at := n.OpPos.Offset
		if n.X.Span().End.Offset == at && from(n.Y) == at+len(n.Op) {
			m.tight[at] = true
			return true
		}
	}
	return false
}

// operand marks an operand and reports whether it has no blanks outside of
// brackets.
func (m *marker) operand(n dsl.Expr) bool {
	if b, ok := n.(*dsl.Binary); ok {
		return m.binary(b)
	}
	m.walk(n)
	switch n := n.(type) {
	case *dsl.Ident, *dsl.Number, *dsl.Paren, *dsl.Selector, *dsl.Index, *dsl.Call:
		return true
	case *dsl.Unary:
		switch n.X.(type) {
		case *dsl.Ident, *dsl.Number, *dsl.Paren, *dsl.Selector, *dsl.Index, *dsl.Call:
			return true
		}
	}
	return false
}

// stmt marks a statement of a block.
func (m *marker) stmt(s dsl.Stmt) {
	m.start[from(s)] = true
	span := s.Span()
	oneLine := span.Start.Line == span.End.Line
	switch s := s.(type) {
	case *dsl.Assign:
		m.assign[from(s)] = token{s.OpPos.Offset, s.Op}
	case *dsl.Const:
		m.assign[from(s)] = token{m.after(s.Names[len(s.Names)-1], "=").Span.Start.Offset, "const"}
	case *dsl.If:
		if oneLine && s.Else == nil {
			m.oneLine[from(s)] = token{from(s.Then), "if"}
		}
	case *dsl.For:
		if oneLine {
			m.oneLine[from(s)] = token{from(s.Body), "for"}
		}
	case *dsl.Where:
		if oneLine {
			m.oneLine[from(s)] = token{from(s.Body), "where"}
		}
	case *dsl.Role:
		if oneLine {
			m.oneLine[from(s)] = token{from(s.Body), "role"}
		}
	}
	m.walk(s)
}

// schedule marks the items of a schedule.
func (m *marker) schedule(s *dsl.Schedule) {
	m.sections = append(m.sections, s)
	m.block[m.after(s.Kernels[len(s.Kernels)-1], "{").Span.Start.Offset] = true
	for _, sec := range s.Sections {
		m.start[from(sec)] = true
		for _, e := range sec.Entries {
			m.entry(e)
		}
		var between []int
		wide := false
		for i, c := range sec.Choices {
			m.start[from(c)] = true
			for _, r := range c.Ranges {
				m.walk(r)
			}
			if i+1 < len(sec.Choices) {
				semicolon, next := m.after(c, "").Span, sec.Choices[i+1].Span().Start
				between = append(between, semicolon.Start.Offset)
				wide = wide || next.Line == semicolon.Start.Line && next.Offset > semicolon.End.Offset+1
			}
		}
		for _, at := range between {
			m.tune[at] = wide
		}
	}
}

func (m *marker) entry(e *dsl.Entry) {
	m.start[from(e)] = true
	if e.Value != nil {
		m.walk(e.Value)
	}
	for _, sub := range e.Entries {
		m.entry(sub)
	}
}
