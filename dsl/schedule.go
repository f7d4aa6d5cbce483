package dsl

import (
	"github.com/alecthomas/participle/v2/lexer"

	"github.com/tilec/tilec/dsl/diag"
)

// parseSchedule reads `schedule k { … }`. What is wrong inside is kept beside
// and the rest read on.
func parseSchedule(lex *lexer.PeekingLexer) (*Schedule, error) {
	first := lex.Next()
	s := &Schedule{}
	var err error
	if s.Kernels, err = parseIdents(lex); err != nil {
		return nil, err
	}
	open := lex.Peek()
	if !accept(lex, "{") {
		return nil, expected(open, "`{`")
	}
	list := body{lex: lex, open: open, errs: &s.errs, commas: false}
	for list.next() {
		start := lex.MakeCheckpoint()
		sec, err := parseSection(lex)
		list.item(start, err)
		if err == nil {
			s.Sections = append(s.Sections, sec)
		}
	}
	s.span = since(lex, first)
	return s, nil
}

func parseSection(lex *lexer.PeekingLexer) (*Section, error) {
	first := lex.Peek()
	s := &Section{Tune: is(lex, "tune")}
	if !s.Tune && first.Type != tokIdent {
		return nil, expected(first, "the name of a target, `default` or `tune`")
	}
	s.Name = ident(lex.Next())
	open := lex.Peek()
	if !accept(lex, "{") {
		return nil, expected(open, "`{`")
	}
	list := body{lex: lex, open: open, errs: &s.errs, commas: !s.Tune}
	for list.next() {
		start := lex.MakeCheckpoint()
		if s.Tune {
			c, err := parseChoice(lex)
			list.item(start, err)
			if err == nil {
				s.Choices = append(s.Choices, c)
			}
			continue
		}
		e, err := parseEntry(lex, &s.errs)
		list.item(start, err)
		if err == nil {
			s.Entries = append(s.Entries, e)
		}
	}
	s.span = since(lex, first)
	return s, nil
}

func parseEntry(lex *lexer.PeekingLexer, errs *diag.List) (*Entry, error) {
	first := lex.Peek()
	name, err := parseIdent(lex)
	if err != nil {
		return nil, err
	}
	e := &Entry{Words: []*Ident{name}}
	if open := lex.Peek(); accept(lex, "{") {
		e.Phase = true
		list := body{lex: lex, open: open, errs: errs, commas: true}
		for list.next() {
			start := lex.MakeCheckpoint()
			sub, err := parseEntry(lex, errs)
			list.item(start, err)
			if err == nil {
				e.Entries = append(e.Entries, sub)
			}
		}
		e.span = since(lex, first)
		return e, nil
	}
	for lex.Peek().Type == tokIdent {
		e.Words = append(e.Words, ident(lex.Next()))
	}
	switch {
	case accept(lex, "="):
		if e.Value, err = parseOperand(lex); err != nil {
			return nil, err
		}
		if lex.Peek().Type == tokIdent {
			e.Unit = ident(lex.Next())
		}
	case accept(lex, "in"):
		if t := lex.Peek(); t.Type != tokIdent && !is(lex, "shared") {
			return nil, expected(t, "`registers`, `shared` or another place")
		}
		e.Place = ident(lex.Next())
	}
	e.span = since(lex, first)
	return e, nil
}

func parseChoice(lex *lexer.PeekingLexer) (*Choice, error) {
	first := lex.Peek()
	c := &Choice{}
	var err error
	if c.Name, err = parseIdent(lex); err != nil {
		return nil, err
	}
	if !accept(lex, "in") {
		return nil, expected(lex.Peek(), "`in`")
	}
	for {
		at := lex.Peek()
		r := &Range{}
		if r.Lo, r.Hi, err = parseRange(lex); err != nil {
			return nil, err
		}
		r.span = since(lex, at)
		c.Ranges = append(c.Ranges, r)
		if !accept(lex, ",") {
			break
		}
	}
	c.span = since(lex, first)
	return c, nil
}

// body walks over the items of a bracketed list of a schedule.
type body struct {
	lex    *lexer.PeekingLexer
	open   *lexer.Token
	errs   *diag.List
	commas bool // separate items too
}

// between reports whether t separates items.
func (b *body) between(t *lexer.Token) bool {
	return separator(t) || b.commas && t.Type == tokOp && t.Value == ","
}

// next goes to the next item and reports whether there is one; if not it takes
// the closing brace.
func (b *body) next() bool {
	for b.between(b.lex.Peek()) {
		b.lex.Next()
	}
	t := b.lex.Peek()
	switch {
	case accept(b.lex, "}"):
		return false
	case t.EOF() || startsDecl(t):
		*b.errs = append(*b.errs, diagnose(unclosed(b.lex, "}", b.open)))
		return false
	case len(*b.errs) >= MaxErrors:
		skipTo(b.lex, 0, func(*lexer.Token) bool { return false })
		return b.next()
	}
	return true
}

// item records what went wrong in an item that begins at start and goes on to
// its end.
func (b *body) item(start lexer.Checkpoint, err error) {
	t := b.lex.Peek()
	if err == nil {
		if b.between(t) || is(b.lex, "}") || t.EOF() || startsDecl(t) {
			return
		}
		if b.commas {
			err = expected(t, "`,`, `}` or a new line")
		} else {
			err = expected(t, "`;`, `}` or a new line")
		}
	} else {
		b.lex.LoadCheckpoint(start)
	}
	d := diagnose(err)
	*b.errs = append(*b.errs, d)
	skipTo(b.lex, d.Span.Start.Offset, b.between)
}

// skipTo goes to the first token at or behind offset that stops, or to a
// closing brace that was not opened on the way, or to a declaration.
func skipTo(lex *lexer.PeekingLexer, offset int, stops func(*lexer.Token) bool) {
	depth := 0
	for {
		t := lex.Peek()
		if t.EOF() || startsDecl(t) {
			return
		}
		if depth == 0 && (is(lex, "}") || t.Pos.Offset >= offset && stops(t)) {
			return
		}
		switch {
		case t.Type == tokWidth || is(lex, "{"):
			depth++
		case is(lex, "}"):
			depth--
		}
		lex.Next()
	}
}
