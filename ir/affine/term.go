// Package affine is exact integer index algebra with a sound prover.
//
// In go integer expressions over named symbols (dimensions, generics, spans,
// loop scalars, opaque run-time scalars) and facts about them. Out come
// canonical forms, linear views, constant ranges, and proofs of inequalities,
// equalities and divisibility.
//
// What always holds: an [Expr] is immutable and in canonical form; an operation
// whose result would overflow int64 or grow past a limit gives the unknown
// expression, never a wrong one; whatever [Facts] claims to prove is true for
// every assignment of integers to the symbols that satisfies the facts. A claim
// about an expression with a division includes that its divisor is not zero.
// The prover is incomplete: "not proven" says nothing. Its effort is bounded by
// a step count, so results do not depend on the machine, and no input hangs it.
//
// Values are mathematical integers. A caller whose arithmetic wraps has to make
// sure that it does not, or give the wrapping value as a symbol of its own.
//
// A [Space] and everything made from it belongs to one goroutine at a time.
package affine

import (
	"encoding/binary"
	"strconv"
)

// Limits on the size of an expression. Past them an operation gives Unknown.
const (
	maxMonos  = 96   // monomials of one polynomial
	maxDegree = 8    // factors of one monomial
	maxDepth  = 24   // nesting of quotients, minima and maxima
	maxSize   = 1024 // terms of an expression, those inside atoms included
	maxArgs   = 16   // arguments of one min or max
)

// Kind tells what a [Term] is.
type Kind uint8

// The kinds of terms.
const (
	Symbol Kind = iota // a named integer
	Div                // floor division: Args are the dividend and the divisor
	Min                // the least of Args
	Max                // the greatest of Args
)

// Term is what monomials are products of: a symbol, or an interned atom (floor
// division, min, max) over canonical expressions. Terms of one space are equal
// exactly when their pointers are.
type Term struct {
	kind   Kind
	id     int // dense in its space
	name   string
	space  *Space
	args   []Expr
	last   int  // the greatest id of a symbol inside; the symbol's own id
	depth  int  // 0 for a symbol
	size   int  // terms inside, this one included
	symDiv bool // some divisor inside is not constant
}

// Sym is a term of kind [Symbol].
type Sym = *Term

// Kind tells what the term is.
func (t *Term) Kind() Kind { return t.kind }

// Name is the name of a symbol; an atom has none.
func (t *Term) Name() string { return t.name }

// ID is the term's number, dense among the terms of its space.
func (t *Term) ID() int { return t.id }

// Args are the canonical arguments of an atom: dividend and divisor of a Div, the
// operands of a Min or Max in canonical order. The caller must not change them.
func (t *Term) Args() []Expr { return t.args }

// Expr is the term as an expression.
func (t *Term) Expr() Expr { return Expr{m: []mono{{coef: 1, f: []*Term{t}}}} }

// String prints the symbol's name or the atom.
func (t *Term) String() string { return t.Expr().String() }

// compare orders terms outermost first: by the latest symbol inside, then
// symbols before the atoms over them, then by creation.
func (t *Term) compare(u *Term) int {
	switch {
	case t == u:
		return 0
	case t.last != u.last:
		return t.last - u.last
	case t.depth != u.depth:
		return t.depth - u.depth
	}
	return t.id - u.id
}

// Space makes symbols and interns the atoms over them. Expressions of different
// spaces must not meet.
type Space struct {
	terms    []*Term
	interned map[string]*Term
}

// NewSpace makes an empty space.
func NewSpace() *Space { return &Space{interned: map[string]*Term{}} }

// Sym makes a new symbol. Names are for printing; two symbols may share one. A
// symbol should be made after those that bound it: an axis after its dimension,
// an inner loop's scalar after the outer one's. Proofs go innermost first.
func (s *Space) Sym(name string) Sym {
	if name == "" {
		name = "_" + strconv.Itoa(len(s.terms))
	}
	t := &Term{kind: Symbol, id: len(s.terms), name: name, space: s, last: len(s.terms), size: 1}
	s.terms = append(s.terms, t)
	return t
}

// atom interns an atom; ok is false past the limits.
func (s *Space) atom(kind Kind, args []Expr) (*Term, bool) {
	t := &Term{kind: kind, space: s, args: args, size: 1, symDiv: false}
	key := []byte{byte(kind)}
	for _, a := range args {
		key = binary.AppendUvarint(key, uint64(len(a.m)))
		for _, m := range a.m {
			key = binary.AppendVarint(key, m.coef)
			key = binary.AppendUvarint(key, uint64(len(m.f)))
			for _, u := range m.f {
				key = binary.AppendUvarint(key, uint64(u.id))
				t.size += u.size
				t.last = max(t.last, u.last)
				t.depth = max(t.depth, u.depth)
				t.symDiv = t.symDiv || u.symDiv
			}
		}
	}
	if old := s.interned[string(key)]; old != nil {
		return old, true
	}
	t.depth++
	if t.depth > maxDepth || t.size > maxSize {
		return nil, false
	}
	if kind == Div {
		if _, c := args[1].IsConst(); !c {
			t.symDiv = true
		}
	}
	t.id = len(s.terms)
	s.terms = append(s.terms, t)
	s.interned[string(key)] = t
	return t, true
}
