package dsl

import (
	"github.com/alecthomas/participle/v2/lexer"

	"github.com/tilec/tilec/dsl/diag"
)

// Node is any part of the tree. Span runs from its first token to its last;
// a doc comment is not part of it.
type Node interface {
	Span() diag.Span
}

// Decl is a declaration: *Import, *Const, *Func, *Kernel, *Schedule, *Test or
// *BadDecl.
type Decl interface {
	Node
	decl()
	// DocText returns the text of the comment right above the declaration,
	// "" if there is none.
	DocText() string
	setDoc(*CommentGroup)
}

// Stmt is a statement: *Parallel, *For, *While, *Where, *If, *Axis, *Temp,
// *Const, *Role, *Turn, *Shared, *Pin, *Require, *Expect, *Return, *Break,
// *Continue, *Assign, *Send, *ExprStmt, *Block (only as an else branch) or
// *BadStmt.
type Stmt interface {
	Node
	stmt()
}

// Expr is an expression; expr_ast.go lists them.
type Expr interface {
	Node
	expr()
}

// syntax is embedded in the nodes that participle builds; it fills Tokens with
// the tokens of the node.
type syntax struct {
	Tokens []lexer.Token
}

// Span returns the place of the node, nowhere if it was not read from a text.
func (s *syntax) Span() diag.Span {
	if len(s.Tokens) == 0 {
		return diag.Span{}
	}
	return tokenSpan(&s.Tokens[0]).To(tokenSpan(&s.Tokens[len(s.Tokens)-1]))
}

// node is embedded in the nodes that are built by hand.
type node struct {
	span diag.Span
}

// Span returns the place of the node, nowhere if it was not read from a text.
func (n *node) Span() diag.Span { return n.span }

// Comment is one `//` comment. Text includes the slashes and no line end.
type Comment struct {
	node
	Text string
	// Own is true when nothing but blanks stands before the comment on its
	// line.
	Own bool
}

// CommentGroup is a run of comments on their own on adjacent lines.
type CommentGroup struct {
	node
	List []*Comment
}

// doc is embedded in declarations.
type doc struct {
	// Doc is the comment right above the declaration, nil if there is none.
	Doc *CommentGroup
}

// DocText returns the text of the comment right above the declaration, without
// slashes, "" if there is none.
func (d *doc) DocText() string {
	if d.Doc == nil {
		return ""
	}
	return d.Doc.Text()
}

func (d *doc) setDoc(g *CommentGroup) { d.Doc = g }

// File is one parsed source file. It is always there, however broken the text.
type File struct {
	node
	doc
	Name     string     // the file's name as it was given to Parse
	Package  *Ident     // nil if the package clause is missing or broken
	Decls    []Decl     // imports first, in the order of the text
	Comments []*Comment // all of them, in the order of the text
}

// Import is `import "a/b"`.
type Import struct {
	syntax
	doc
	Path *String `parser:"\"import\" @@"`
}

// Const is `const a, b = x, y`, a declaration or a statement.
type Const struct {
	syntax
	doc
	Names  []*Ident `parser:"\"const\" @@ ( \",\" @@ )*"`
	Values []Expr   `parser:"\"=\" @@ ( \",\" @@ )*"`
}

// Func is `func f[generics](params) results { … }`. The results are either one
// unnamed Result, or Results, or neither.
type Func struct {
	syntax
	doc
	Name     *Ident     `parser:"\"func\" @@"`
	Generics *Generics  `parser:"@@?"`
	Params   *ParamList `parser:"@@"`
	Result   *Type      `parser:"( @@"`
	Results  *ParamList `parser:"| @@ )?"`
	Body     *Block     `parser:"@@"`
}

// Kernel is `kernel k[generics](inputs) (outputs) { … }`.
type Kernel struct {
	syntax
	doc
	Name     *Ident     `parser:"\"kernel\" @@"`
	Generics *Generics  `parser:"@@?"`
	Inputs   *ParamList `parser:"@@"`
	Outputs  *ParamList `parser:"@@"`
	Body     *Block     `parser:"@@"`
}

// Test is `test k "name" { … }` or `bench k "name" { … }`.
type Test struct {
	syntax
	doc
	Bench   bool     `parser:"( \"test\" | @\"bench\" )"`
	Kernels []*Ident `parser:"@@ ( \",\" @@ )*"`
	Name    *String  `parser:"@@"`
	Body    *Block   `parser:"@@"`
}

// Schedule is `schedule k { … }`.
type Schedule struct {
	node
	doc
	Kernels  []*Ident
	Sections []*Section
	errs     diag.List // what could not be read between the sections
}

// BadDecl stands where no declaration could be read. Err says why. Body is the
// block of a declaration whose head is broken, else nil. Later passes skip it.
type BadDecl struct {
	node
	doc
	Err  *diag.Diagnostic
	Body *Block
}

func (*Import) decl()   {}
func (*Const) decl()    {}
func (*Func) decl()     {}
func (*Kernel) decl()   {}
func (*Schedule) decl() {}
func (*Test) decl()     {}
func (*BadDecl) decl()  {}

// Generics is `[T: f16 | f32, D: int, n: axis, causal: bool = false]`.
type Generics struct {
	node
	List []*Generic // at least one
}

// Generic is one compile-time parameter. Kind nil: an integer or whatever its
// use says.
type Generic struct {
	syntax
	Name    *Ident `parser:"@@"`
	Kind    *Kind  `parser:"( \":\" @@ )?"`
	Default Expr   `parser:"( \"=\" @@ )?"`
}

// Kind is what a generic may be. Word is "type", "axis" or ""; with "" there
// is at least one alternative.
type Kind struct {
	syntax
	Word string `parser:"@( \"type\" | \"axis\" )"`
	Alts []*Alt `parser:"| @@ ( \"|\" @@ )*"`
}

// Alt is one alternative of a Kind: a name (`f16`, `int`, `relu`, `pkg.f`), a
// number, a width, or the range Lo..Hi, both ends included. Hi is nil unless
// it is a range. Lo and Hi are *Ident, *Selector, *Number, *Width or a *Unary
// minus over a *Number.
type Alt struct {
	syntax
	Lo Limit `parser:"@@"`
	Hi Limit `parser:"( \"..\" @@ )?"`
}

// Limit is the Expr of an Alt.
type Limit interface{ Expr }

// ParamList is `(a T[M, K], b, c f32)`.
type ParamList struct {
	node
	List []*Param
}

// Param is a parameter. Type nil: the type is that of the next parameter that
// has one, as in Go (see ParamList.Typed).
type Param struct {
	syntax
	Inout bool         `parser:"@\"inout\"?"`
	Name  *Ident       `parser:"@@"`
	Peer  bool         `parser:"( @\"peer\"?"`
	Type  *Type        `parser:"  @@"`
	Attrs []*ParamAttr `parser:"  @@* )?"`
}

// ParamAttr is `packed`, `packed(name)` or `strided` behind a parameter's type.
type ParamAttr struct {
	node
	Word string // "packed" or "strided"
	Name *Ident // of packed(name), else nil
}

// Typed returns the parameter that gives parameter i its type, attributes
// included: itself or a later one, nil if there is none.
func (l *ParamList) Typed(i int) *Param {
	for _, p := range l.List[i:] {
		if p.Type != nil {
			return p
		}
	}
	return nil
}

// Type is a type as it is written: a name, possibly of another package, with
// arguments (`wide(T)`), or a width (`u{W}`), and dimensions (`[M, K/G]`).
type Type struct {
	node
	Pkg   *Ident // of pkg.Name, else nil
	Name  *Ident // nil for a width
	Args  []Expr // of wide(T)
	Width *Width
	Dims  *Dims // nil when there are none written
}

// Dims is `[M, K/G]` behind a type or `[q, j]` behind `pin x`. It may be empty.
type Dims struct {
	node
	List []Expr
}

// Section is one section of a schedule: `default { … }`, `sm_90a { … }`, or,
// when Tune is true, `tune { … }`.
type Section struct {
	node
	Name    *Ident // its Name is "tune" for a tune section
	Tune    bool
	Entries []*Entry
	Choices []*Choice // of a tune section
	errs    diag.List // what could not be read in it
}

// Entry is one entry of a section: words (`persistent`, `use wgmma`,
// `split n`), then a value (`= 4`, `= 2 warpgroups`), a place (`in registers`),
// the entries of a named phase (`merge { warps = 1 }`), or nothing.
type Entry struct {
	node
	Words   []*Ident // at least one
	Value   Expr     // of `= v`, else nil
	Unit    *Ident   // of `= 2 warpgroups`, else nil
	Place   *Ident   // of `in registers`, `in shared`, else nil
	Phase   bool     // `merge { … }`
	Entries []*Entry // of a phase
}

// Choice is `BM in 64, 128` or `stages in 2..5` of a tune section.
type Choice struct {
	node
	Name   *Ident
	Ranges []*Range
}

// Range is `Hi` (then Lo is nil and stands for 0) or `Lo..Hi`. In a Choice a
// Range without Lo is the one value Hi, and Hi of a range is included.
type Range struct {
	node
	Lo, Hi Expr
}

// Block is `{ … }`.
type Block struct {
	node
	Stmts []Stmt
	bad   int // errors in it
}

// Parallel is `parallel name: m in M by BM, n in N by BN { … }`.
type Parallel struct {
	node
	Name  *Ident // nil unless the phase is named
	Binds []*Bind
	Body  *Block
}

// Bind is `m in Lo..Hi by By`; Lo nil is 0, By nil makes m a scalar.
type Bind struct {
	node
	Name   *Ident
	Lo, Hi Expr
	By     Expr
}

// For is `for a, b in Lo..Hi by By { … }`; in a test Hi may be a call of edges
// for several names.
type For struct {
	node
	Names  []*Ident
	Lo, Hi Expr
	By     Expr
	Body   *Block
}

// While is `while c { … }`.
type While struct {
	syntax
	Cond Expr   `parser:"\"while\" @@"`
	Body *Block `parser:"@@"`
}

// Where is `where c { … }`.
type Where struct {
	syntax
	Cond Expr   `parser:"\"where\" @@"`
	Body *Block `parser:"@@"`
}

// If is `if c { … } else …`. Else is nil, *Block, *If or *BadStmt.
type If struct {
	node
	Cond Expr
	Then *Block
	Else Stmt
}

// Axis is `axis j = 4`, `axis j = 1..4`, `axis u = t` or `axis u = a ++ b`.
// At most one of Hi and Cat is there; with neither, X is an extent or a span.
type Axis struct {
	syntax
	Name *Ident `parser:"\"axis\" @@ \"=\""`
	X    Expr   `parser:"@@"`
	Hi   Expr   `parser:"( \"..\" @@"`
	Cat  Expr   `parser:"| \"++\" @@ )?"`
}

// Temp is `temp part f32[S, M, N]`.
type Temp struct {
	node
	Name *Ident
	Type *Type // has dimensions
}

// Option is a word with an operand: `depth 2`, `split m`, `regs 240`.
type Option struct {
	node
	Word  *Ident
	Value Operand
}

// Operand is the Expr of an Option and of the counts of Role and Turn: *Ident,
// *Number, *String, *Width, *Paren or *List.
type Operand interface{ Expr }

// Role is `role consumer on 2 warpgroups split m regs 240 { … }`.
type Role struct {
	syntax
	Name    *Ident    `parser:"\"role\" @@ \"on\""`
	Count   Operand   `parser:"@@"`
	Unit    *Ident    `parser:"@@"`
	Options []*Option `parser:"@@*"`
	Body    *Block    `parser:"@@"`
}

// Turn is `turn t of 2 { … }`.
type Turn struct {
	syntax
	Name  *Ident  `parser:"\"turn\" @@ \"of\""`
	Count Operand `parser:"@@"`
	Body  *Block  `parser:"@@"`
}

// Shared is `shared t T[BM, BN] swizzle 128`.
type Shared struct {
	node
	Name    *Ident
	Type    *Type // has dimensions
	Options []*Option
}

// Pin is `pin s[m, n] layout local(2,1) * spatial(8,4)`.
type Pin struct {
	syntax
	Name   *Ident `parser:"\"pin\" @@"`
	Axes   *Dims  `parser:"@@"`
	Layout Expr   `parser:"\"layout\" @@"`
}

// Require is `require a == b, c`.
type Require struct {
	syntax
	Conds []Expr `parser:"\"require\" @@ ( \",\" @@ )*"`
}

// Expect is `expect x == y within t`. Within is nil when it is not written.
type Expect struct {
	syntax
	X      Expr `parser:"\"expect\" @@"`
	Within Expr `parser:"( \"within\" @@ )?"`
}

// Return is `return a, b`.
type Return struct {
	node
	Values []Expr
}

// Break is `break`.
type Break struct{ node }

// Continue is `continue`.
type Continue struct{ node }

// Assign is `a, b := x, y` and its kin. Op is ":=", "=", "+=", "-=", "*=",
// "/=", "%=", "&=", "|=", "^=", "<<=" or ">>=".
type Assign struct {
	node
	Lhs   []Expr
	Op    string
	OpPos diag.Pos
	Rhs   []Expr
}

// Send is `ch[n, D] <- x`.
type Send struct {
	node
	Chan  Expr
	OpPos diag.Pos
	Value Expr
}

// ExprStmt is an expression for its effect.
type ExprStmt struct {
	node
	X Expr
}

// BadStmt stands where no statement could be read. Err says why. Body is the
// block of a statement whose head is broken, else nil. Later passes skip it.
type BadStmt struct {
	node
	Err  *diag.Diagnostic
	Body *Block
}

func (*Parallel) stmt() {}
func (*For) stmt()      {}
func (*While) stmt()    {}
func (*Where) stmt()    {}
func (*If) stmt()       {}
func (*Axis) stmt()     {}
func (*Temp) stmt()     {}
func (*Const) stmt()    {}
func (*Role) stmt()     {}
func (*Turn) stmt()     {}
func (*Shared) stmt()   {}
func (*Pin) stmt()      {}
func (*Require) stmt()  {}
func (*Expect) stmt()   {}
func (*Return) stmt()   {}
func (*Break) stmt()    {}
func (*Continue) stmt() {}
func (*Assign) stmt()   {}
func (*Send) stmt()     {}
func (*ExprStmt) stmt() {}
func (*Block) stmt()    {}
func (*BadStmt) stmt()  {}
