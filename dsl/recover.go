package dsl

import (
	"cmp"
	"slices"

	"github.com/alecthomas/participle/v2"
	"github.com/alecthomas/participle/v2/lexer"

	"github.com/tilec/tilec/dsl/diag"
)

// Parse reads a file. The File is always there; the list holds every
// independent error of the text, in its order, and is empty exactly when the
// tree has no Bad nodes. filename is used in positions alone.
func Parse(filename string, src []byte) (*File, diag.List) {
	s := newScanner(filename, string(src))
	lex, err := lexer.Upgrade(s)
	if err != nil {
		// The scanner reports by itself and returns no error.
		panic(err)
	}
	f := &File{Name: filename}
	bad := parseFile(lex, f)
	f.span = diag.Span{File: filename, Start: diag.Pos{Line: 1, Col: 1}, End: s.pos(s.off)}
	f.Comments = s.comments
	attachDocs(f)
	errs := s.errs
	if bad > 0 {
		errs = append(errs, gather(f, s)...)
	}
	return f, errs.Sorted()
}

// gather collects the errors of the Bad nodes. Where the scanner stopped
// early, nothing is missing behind.
func gather(f *File, s *scanner) diag.List {
	var all diag.List
	Walk(f, func(n Node) bool {
		switch n := n.(type) {
		case *BadDecl:
			all = append(all, n.Err)
		case *BadStmt:
			all = append(all, n.Err)
		case *Schedule:
			all = append(all, n.errs...)
		case *Section:
			all = append(all, n.errs...)
		}
		return true
	})
	return slices.DeleteFunc(all, func(d *diag.Diagnostic) bool {
		return s.cut && d.Span.Start.Offset >= s.end
	})
}

// parseFile reads the declarations and returns how many errors they hold.
func parseFile(lex *lexer.PeekingLexer, f *File) int {
	bad := parsePackage(lex, f)
	others := false
	for {
		for separator(lex.Peek()) {
			lex.Next()
		}
		t := lex.Peek()
		if t.EOF() || bad >= MaxErrors {
			return bad
		}
		d := parseDeclRecovering(lex)
		if d == nil {
			continue
		}
		f.Decls = append(f.Decls, d)
		bad += declErrors(d)
		if _, ok := d.(*Import); ok && others {
			err := failSpan("E0016", d.Span(), "imports stand before all other declarations")
			f.Decls = append(f.Decls, &BadDecl{node: node{d.Span()}, Err: diagnose(err)})
			bad++
		} else if !ok {
			others = true
		}
		if next := lex.Peek(); declErrors(d) == 0 && !separator(next) && !next.EOF() {
			b := recoverDecl(lex, lex.MakeCheckpoint(), diagnose(afterDecl(next)))
			f.Decls = append(f.Decls, b)
			bad += declErrors(b)
		}
	}
}

// parsePackage reads the package clause and returns the number of its errors.
func parsePackage(lex *lexer.PeekingLexer, f *File) int {
	first := lex.Peek()
	if !accept(lex, "package") {
		d := diagnose(fail("E0015", first, "a file begins with `package` and a name"))
		if first.EOF() {
			at := diag.Pos{Line: 1, Col: 1}
			d.Span = diag.Span{File: f.Name, Start: at, End: at}
		}
		f.Decls = append(f.Decls, &BadDecl{node: node{d.Span}, Err: d})
		return 1
	}
	var err error
	if f.Package, err = parseIdent(lex); err == nil {
		if t := lex.Peek(); separator(t) || t.EOF() {
			return 0
		}
		err = expected(lex.Peek(), "a new line")
	}
	f.Decls = append(f.Decls, recoverDecl(lex, lex.MakeCheckpoint(), diagnose(err)))
	return 1
}

func parseDeclRecovering(lex *lexer.PeekingLexer) Decl {
	first := lex.Peek()
	start := lex.MakeCheckpoint()
	word := ""
	if first.Type == tokKeyword {
		word = first.Value
	}
	d, known, err := parseDecl(lex, word)
	switch {
	case !known:
		err = notDecl(first)
	case err == nil:
		return d
	}
	return recoverDecl(lex, start, diagnose(err))
}

// startsDecl reports whether t is a declaration's keyword in the first column:
// whatever brackets are open, a declaration begins there.
func startsDecl(t *lexer.Token) bool {
	return t.Pos.Column == 1 && declKeyword(t)
}

func declKeyword(t *lexer.Token) bool {
	if t.Type != tokKeyword {
		return false
	}
	switch t.Value {
	case "import", "const", "func", "kernel", "schedule", "test", "bench":
		return true
	}
	return false
}

// stmtKeyword reports whether t begins a statement and nothing else.
func stmtKeyword(t *lexer.Token) bool {
	if t.Type != tokKeyword {
		return false
	}
	switch t.Value {
	case "parallel", "for", "while", "where", "if", "temp", "role", "turn", "pin", "require",
		"expect", "return", "break", "continue":
		return true
	}
	return false
}

// separator reports whether t is a ";" or a line end.
func separator(t *lexer.Token) bool {
	return t.Type == tokNewline || t.Type == tokOp && t.Value == ";"
}

// recoverDecl makes a BadDecl of what begins at start and goes on behind it:
// to a declaration in the first column, or on a new line outside of braces.
// The block of a declaration whose head is broken is read for its own errors.
func recoverDecl(lex *lexer.PeekingLexer, start lexer.Checkpoint, err *diag.Diagnostic) *BadDecl {
	lex.LoadCheckpoint(start)
	first := lex.Peek()
	bad := &BadDecl{Err: err}
	block := first.Type == tokKeyword && declKeyword(first) && first.Value != "schedule" ||
		err.Fix != nil && first.Type == tokIdent && err.Fix.NewText != "schedule"
	depth := 0
	last := first
	for n := 0; ; n++ {
		t := lex.Peek()
		past := t.Pos.Offset >= err.Span.Start.Offset
		if t.EOF() || n > 0 && (startsDecl(t) || (declKeyword(t) || t.Pos.Column == 1 && t.Type != tokOp) && depth == 0 && past && separator(last)) {
			break
		}
		if is(lex, "{") && block && past && depth == 0 && bad.Body == nil {
			bad.Body = &Block{}
			bad.Body.parse(lex)
			continue
		}
		switch {
		case t.Type == tokWidth || is(lex, "{"):
			depth++
		case is(lex, "}"):
			depth = max(depth-1, 0)
		}
		last = t
		lex.Next()
	}
	bad.span = behind(lex)
	if lex.RawCursor() > start.RawCursor() {
		bad.span = since(lex, first)
	}
	return bad
}

// Parse reads a block and goes on behind what is wrong in it.
func (b *Block) Parse(lex *lexer.PeekingLexer) error {
	if !is(lex, "{") {
		return participle.NextMatch
	}
	b.parse(lex)
	return nil
}

func parseBlock(lex *lexer.PeekingLexer) (*Block, error) {
	if !is(lex, "{") {
		return nil, expected(lex.Peek(), "`{`")
	}
	b := &Block{}
	b.parse(lex)
	return b, nil
}

func (b *Block) parse(lex *lexer.PeekingLexer) {
	open := lex.Next()
	for {
		for separator(lex.Peek()) {
			lex.Next()
		}
		t := lex.Peek()
		switch {
		case accept(lex, "}"):
			b.span = since(lex, open)
			return
		case t.EOF() || startsDecl(t) && t.Value != "const":
			d := diagnose(unclosed(lex, "}", open))
			b.add(&BadStmt{node: node{behind(lex)}, Err: d})
			b.span = since(lex, open)
			return
		case b.bad >= MaxErrors:
			skipTo(lex, 0, func(*lexer.Token) bool { return false })
			if !is(lex, "}") {
				b.span = since(lex, open)
				return
			}
			continue
		}
		start := lex.MakeCheckpoint()
		s, err := parseStmt(lex)
		if err != nil {
			b.add(recoverStmt(lex, start, diagnose(err)))
			continue
		}
		b.add(s)
		if next := lex.Peek(); !separator(next) && !is(lex, "}") && !next.EOF() {
			if stmtErrors(s) > 0 && startsLine(lex) {
				continue
			}
			b.add(recoverStmt(lex, lex.MakeCheckpoint(), diagnose(afterStmt(s, next))))
		}
	}
}

func (b *Block) add(s Stmt) {
	b.Stmts = append(b.Stmts, s)
	b.bad += stmtErrors(s)
}

// recoverStmt makes a BadStmt of what begins at start and goes on behind it:
// to a separator or a closing brace at or behind the error, or to a statement's
// keyword on a new line. A block on the way is read for its own errors.
func recoverStmt(lex *lexer.PeekingLexer, start lexer.Checkpoint, err *diag.Diagnostic) *BadStmt {
	lex.LoadCheckpoint(start)
	first := lex.Peek()
	bad := &BadStmt{Err: err}
	block := stmtKeyword(first) || err.Fix != nil && first.Type == tokIdent
	depth := 0
	last := first
	for n := 0; ; n++ {
		t := lex.Peek()
		past := t.Pos.Offset >= err.Span.Start.Offset
		if t.EOF() || startsDecl(t) && t.Value != "const" {
			break
		}
		if depth == 0 {
			if is(lex, "}") || past && n > 0 && t.Pos.Line > last.Pos.Line &&
				(stmtKeyword(t) || last.Value == "++") {
				break
			}
			if past && separator(t) {
				next := second(lex)
				if next != ")" && next != "]" && !(next == "{" && block && err.Code == "E0013") {
					break
				}
			}
			if past && is(lex, "{") && (block || opensLine(lex)) {
				b := &Block{}
				b.parse(lex)
				if bad.Body == nil {
					bad.Body = b
				} else {
					bad.Body.add(b)
					bad.Body.span = bad.Body.span.To(b.span)
				}
				last = previous(lex)
				continue
			}
		}
		switch {
		case t.Type == tokWidth || is(lex, "{"):
			depth++
		case is(lex, "}"):
			depth--
		}
		last = t
		lex.Next()
	}
	bad.span = behind(lex)
	if lex.RawCursor() > start.RawCursor() {
		bad.span = since(lex, first)
	}
	return bad
}

// startsLine reports whether the next token is the first of its line.
func startsLine(lex *lexer.PeekingLexer) bool {
	last := previous(lex)
	return last == nil || last.Pos.Line < lex.Peek().Pos.Line
}

// second returns the text of the operator behind the next token, "" if it is
// none.
func second(lex *lexer.PeekingLexer) string {
	here := lex.MakeCheckpoint()
	defer lex.LoadCheckpoint(here)
	lex.Next()
	if t := lex.Peek(); t.Type == tokOp {
		return t.Value
	}
	return ""
}

// opensLine reports whether the next token is the last of its line.
func opensLine(lex *lexer.PeekingLexer) bool {
	here := lex.MakeCheckpoint()
	defer lex.LoadCheckpoint(here)
	line := lex.Next().Pos.Line
	return lex.Peek().Pos.Line > line
}

// declErrors returns how many errors d holds.
func declErrors(d Decl) int {
	switch d := d.(type) {
	case *Func:
		return d.Body.bad
	case *Kernel:
		return d.Body.bad
	case *Test:
		return d.Body.bad
	case *Schedule:
		n := len(d.errs)
		for _, s := range d.Sections {
			n += len(s.errs)
		}
		return n
	case *BadDecl:
		if d.Body != nil {
			return 1 + d.Body.bad
		}
		return 1
	}
	return 0
}

// stmtErrors returns how many errors s holds.
func stmtErrors(s Stmt) int {
	switch s := s.(type) {
	case *Block:
		return s.bad
	case *Parallel:
		return s.Body.bad
	case *For:
		return s.Body.bad
	case *While:
		return s.Body.bad
	case *Where:
		return s.Body.bad
	case *Role:
		return s.Body.bad
	case *Turn:
		return s.Body.bad
	case *If:
		n := 0
		var e Stmt = s
		for {
			i, ok := e.(*If)
			if !ok {
				break
			}
			n += i.Then.bad
			e = i.Else
		}
		if e != nil {
			n += stmtErrors(e)
		}
		return n
	case *BadStmt:
		if s.Body != nil {
			return 1 + s.Body.bad
		}
		return 1
	}
	return 0
}

// attachDocs hangs on each declaration the comments right above it, unless
// another one begins its line.
func attachDocs(f *File) {
	last := 0
	if f.Package != nil {
		last = f.Package.span.Start.Line
		f.setDoc(commentsAbove(f.Comments, last))
	}
	for _, d := range f.Decls {
		if s := d.Span(); s.Start.Line > last {
			d.setDoc(commentsAbove(f.Comments, s.Start.Line))
			last = s.End.Line
		}
	}
}

// commentsAbove returns the comments on lines of their own that end right
// above line, nil if there are none.
func commentsAbove(all []*Comment, line int) *CommentGroup {
	end, _ := slices.BinarySearchFunc(all, line, func(c *Comment, line int) int {
		return cmp.Compare(c.span.Start.Line, line)
	})
	begin := end
	for begin > 0 && all[begin-1].Own && all[begin-1].span.Start.Line == line-1 {
		begin--
		line--
	}
	if begin == end {
		return nil
	}
	g := &CommentGroup{List: all[begin:end:end]}
	g.span = g.List[0].span.To(g.List[len(g.List)-1].span)
	return g
}
