package affine

import (
	"slices"
	"strconv"
	"strings"
)

// piece is one summand in print: a signed product.
type piece struct {
	coef int64
	text string // the factors, "" for a constant
	bare bool   // a lone quotient or remainder: in parentheses after a sign or number
}

// String prints e as a person writes it: products first, then single terms, the
// constant last, a positive summand in front where there is one; a − d·(a/d)
// prints as a % d.
func (e Expr) String() string {
	if e.unknown {
		return "unknown"
	}
	if len(e.m) == 0 {
		return "0"
	}
	var pieces []piece
	for _, r := range e.findMods() {
		for _, m := range r.times.m {
			if len(m.f) == 0 {
				pieces = append(pieces, piece{m.coef, r.text, true})
			} else {
				pieces = append(pieces, piece{m.coef, factorText(m.f) + "*(" + r.text + ")", false})
			}
		}
		e = r.rest
	}
	for _, m := range e.m {
		pieces = append(pieces, piece{m.coef, factorText(m.f), len(m.f) == 1 && m.f[0].kind == Div})
	}
	// A leading minus reads badly: start with the first positive summand.
	if i := slices.IndexFunc(pieces, func(p piece) bool { return p.coef > 0 }); i > 0 {
		p := pieces[i]
		pieces = slices.Insert(slices.Delete(pieces, i, i+1), 0, p)
	}
	var b strings.Builder
	for i, p := range pieces {
		neg := p.coef < 0
		switch {
		case i == 0 && neg:
			b.WriteString("-")
		case neg:
			b.WriteString(" - ")
		case i > 0:
			b.WriteString(" + ")
		}
		abs := strings.TrimPrefix(strconv.FormatInt(p.coef, 10), "-")
		if p.bare && (abs != "1" || i == 0 && neg) {
			p.text = "(" + p.text + ")"
		}
		switch {
		case p.text == "":
			b.WriteString(abs)
		case abs == "1":
			b.WriteString(p.text)
		default:
			b.WriteString(abs + "*" + p.text)
		}
	}
	return b.String()
}

// factorText joins factors with *, quotients last and in parentheses where they
// follow another factor.
func factorText(f []*Term) string {
	var b strings.Builder
	for i, t := range f {
		if i > 0 {
			b.WriteByte('*')
		}
		s := t.text()
		if t.kind == Div && len(f) > 1 {
			s = "(" + s + ")"
		}
		b.WriteString(s)
	}
	return b.String()
}

func (t *Term) text() string {
	switch t.kind {
	case Symbol:
		return t.name
	case Div:
		return operandText(t.args[0]) + "/" + operandText(t.args[1])
	}
	var b strings.Builder
	b.WriteString(map[Kind]string{Min: "min(", Max: "max("}[t.kind])
	for i, a := range t.args {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(a.String())
	}
	b.WriteByte(')')
	return b.String()
}

// operandText puts parentheses round all but names, numbers and calls.
func operandText(e Expr) string {
	s := e.String()
	if t := e.term(); t != nil && t.kind != Div {
		return s
	}
	if n, ok := e.IsConst(); ok && n >= 0 {
		return s
	}
	return "(" + s + ")"
}

// modulus is a part times·(a % d) of an expression whose other part is rest.
type modulus struct {
	times, rest Expr
	text        string
}

// findMods finds parts k·a − k·d·(a/d). Each next one is found in the rest of the
// one before.
func (e Expr) findMods() []modulus {
	var found []modulus
	for _, t := range e.topTerms(nil) {
		if t.kind != Div {
			continue
		}
		c, r, linear := e.coefficient(t)
		if !linear {
			continue
		}
		k, ok := c.Neg().over(t.args[1])
		if !ok {
			continue
		}
		rest := r.Sub(k.Mul(t.args[0]))
		if rest.unknown || len(rest.m) >= len(r.m) {
			continue
		}
		found = append(found, modulus{k, rest, operandText(t.args[0]) + " % " + operandText(t.args[1])})
		e = rest
	}
	return found
}
