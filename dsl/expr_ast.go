package dsl

import (
	"go/constant"

	"github.com/tilec/tilec/dsl/diag"
)

// Ident is a name.
type Ident struct {
	node
	Name string
}

// Number is a literal. Raw is its text; Value is its exact value, of kind
// constant.Int or constant.Float (by how it is written: 1.0 is a Float
// literal, see IsFloat, even where the value is whole).
type Number struct {
	node
	Raw   string
	Value constant.Value
}

// String is a literal. Raw is its text with quotes, Value what it means.
type String struct {
	node
	Raw   string
	Value string
}

// Width is a type whose width is an expression: `u{W}`, `i{W}`, `bp{W}`.
// Family is "u", "i" or "bp".
type Width struct {
	node
	Family string
	Bits   Expr
}

// Paren is `(x)`.
type Paren struct {
	node
	X Expr
}

// List is `[1, 2]`.
type List struct {
	node
	Elems []Expr
}

// Selector is `x.Sel`: a bound of a span (`m.lo`), a name of a package.
type Selector struct {
	node
	X   Expr
	Sel *Ident
}

// Index is `x[…]`: a subscript, a lookup, named generics, the axes of a
// reduction or of a made tile; the checker tells which.
type Index struct {
	node
	X       Expr
	Entries []*IndexEntry // may be empty
}

// IndexEntry is one entry of an Index: `X`, `X: Colon` or `X = Eq`.
type IndexEntry struct {
	node
	X     Expr
	Colon Expr // of `e: i`, else nil
	Eq    Expr // of `O = f32`, else nil
}

// Call is `f(…)`. `f32[m](0)` is the Call of an Index.
type Call struct {
	node
	Fun  Expr
	Args []*Arg
}

// Arg is one argument, `X` or `X scaled Scaled`.
type Arg struct {
	node
	X      Expr
	Scaled Expr // nil unless written
}

// Unary is `-x`, `!x` or `~x`; Op is "-", "!" or "~".
type Unary struct {
	node
	Op string
	X  Expr
}

// Recv is `<-ch`.
type Recv struct {
	node
	X Expr
}

// Binary is `x op y`.
type Binary struct {
	node
	Op    string
	OpPos diag.Pos
	X, Y  Expr
}

// Cast is `x as T[dims] mode`.
type Cast struct {
	node
	X    Expr
	Type *Type
	Mode *Ident // `wrap`, `rz`; nil when none is written
}

// BitCast is `x bits T`.
type BitCast struct {
	node
	X    Expr
	Type *Type
}

// InType is `dot[k](a, b) in f16`.
type InType struct {
	node
	X    Expr
	Type *Type
}

// Edge is `x[i] else v` or `x[i] unchecked`: what a subscript gives outside.
// `else skip` has the Ident skip as Else.
type Edge struct {
	node
	X         Expr
	Else      Expr // nil when Unchecked
	Unchecked bool
}

// Chan is `chan T[BN, D] depth 2`.
type Chan struct {
	node
	Type    *Type
	Options []*Option
}

// Asm is `asm ptx "…" (x)`.
type Asm struct {
	node
	Target *Ident
	Text   *String
	Args   []*Arg
}

func (*Ident) expr()    {}
func (*Number) expr()   {}
func (*String) expr()   {}
func (*Width) expr()    {}
func (*Paren) expr()    {}
func (*List) expr()     {}
func (*Selector) expr() {}
func (*Index) expr()    {}
func (*Call) expr()     {}
func (*Unary) expr()    {}
func (*Recv) expr()     {}
func (*Binary) expr()   {}
func (*Cast) expr()     {}
func (*BitCast) expr()  {}
func (*InType) expr()   {}
func (*Edge) expr()     {}
func (*Chan) expr()     {}
func (*Asm) expr()      {}

// IsFloat reports whether n is written as a floating-point literal.
func (n *Number) IsFloat() bool { return floatLiteral(n.Raw) }

// Unparen returns e without the parentheses around it.
func Unparen(e Expr) Expr {
	for {
		p, ok := e.(*Paren)
		if !ok {
			return e
		}
		e = p.X
	}
}
