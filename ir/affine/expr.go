package affine

import (
	"errors"
	"fmt"
	"math"
	"slices"
)

// mono is one monomial: a coefficient that is not 0 and its factors, outermost
// first, repeated for powers.
type mono struct {
	coef int64
	f    []*Term
}

// compareFactors orders monomials by falling degree, then by their factors, so
// that the constant comes last.
func compareFactors(a, b []*Term) int {
	if len(a) != len(b) {
		return len(b) - len(a)
	}
	for i := range a {
		if c := a[i].compare(b[i]); c != 0 {
			return c
		}
	}
	return 0
}

// Expr is an integer expression in canonical form: a sum of monomials with int64
// coefficients over the terms of one space. Two expressions of one space with the
// same canonical form are equal; the converse need not hold. The zero Expr is 0.
type Expr struct {
	m       []mono // sorted by compareFactors, no two alike
	unknown bool
}

// Unknown is the expression about which nothing is known. Every operation on it
// gives it back, and no proof about it succeeds.
func Unknown() Expr { return Expr{unknown: true} }

// Const is the constant n. The least int64, which has no negative, is Unknown.
func Const(n int64) Expr {
	switch n {
	case 0:
		return Expr{}
	case math.MinInt64:
		return Unknown()
	}
	return Expr{m: []mono{{coef: n}}}
}

// Known is false for the unknown expression.
func (e Expr) Known() bool { return !e.unknown }

// IsConst gives the value of a constant expression.
func (e Expr) IsConst() (n int64, ok bool) {
	switch {
	case e.unknown:
		return 0, false
	case len(e.m) == 0:
		return 0, true
	case len(e.m) == 1 && len(e.m[0].f) == 0:
		return e.m[0].coef, true
	}
	return 0, false
}

// IsSym gives the symbol of an expression that is nothing but a symbol.
func (e Expr) IsSym() (Sym, bool) {
	t := e.term()
	if t == nil || t.kind != Symbol {
		return nil, false
	}
	return t, true
}

// IsTerm gives the term of an expression that is nothing but one symbol or atom.
func (e Expr) IsTerm() (*Term, bool) {
	t := e.term()
	return t, t != nil
}

func (e Expr) term() *Term {
	if len(e.m) == 1 && e.m[0].coef == 1 && len(e.m[0].f) == 1 {
		return e.m[0].f[0]
	}
	return nil
}

// Equal reports whether both have the same canonical form. The unknown
// expression equals nothing.
func (e Expr) Equal(o Expr) bool {
	if e.unknown || o.unknown || len(e.m) != len(o.m) {
		return false
	}
	for i, m := range e.m {
		if m.coef != o.m[i].coef || !slices.Equal(m.f, o.m[i].f) {
			return false
		}
	}
	return true
}

// space is that of any term inside, nil for a constant.
func (e Expr) space() *Space {
	for _, m := range e.m {
		if len(m.f) > 0 {
			return m.f[0].space
		}
	}
	return nil
}

// Add is e + o.
func (e Expr) Add(o Expr) Expr {
	if e.unknown || o.unknown {
		return Unknown()
	}
	if len(e.m) == 0 {
		return o
	}
	if len(o.m) == 0 {
		return e
	}
	out := make([]mono, 0, len(e.m)+len(o.m))
	a, b := e.m, o.m
	for len(a) > 0 && len(b) > 0 {
		switch c := compareFactors(a[0].f, b[0].f); {
		case c < 0:
			out, a = append(out, a[0]), a[1:]
		case c > 0:
			out, b = append(out, b[0]), b[1:]
		default:
			s, ok := add64(a[0].coef, b[0].coef)
			if !ok {
				return Unknown()
			}
			if s != 0 {
				out = append(out, mono{s, a[0].f})
			}
			a, b = a[1:], b[1:]
		}
	}
	out = append(append(out, a...), b...)
	if len(out) > maxMonos {
		return Unknown()
	}
	return Expr{m: out}
}

// AddConst is e + n.
func (e Expr) AddConst(n int64) Expr { return e.Add(Const(n)) }

// Sub is e − o.
func (e Expr) Sub(o Expr) Expr { return e.Add(o.Neg()) }

// Neg is −e.
func (e Expr) Neg() Expr { return e.MulConst(-1) }

// MulConst is n·e.
func (e Expr) MulConst(n int64) Expr {
	if e.unknown || n == 1 {
		return e
	}
	if n == 0 || len(e.m) == 0 {
		return Expr{}
	}
	out := make([]mono, len(e.m))
	for i, m := range e.m {
		c, ok := mul64(m.coef, n)
		if !ok {
			return Unknown()
		}
		out[i] = mono{c, m.f}
	}
	return Expr{m: out}
}

// Mul is e·o, multiplied out.
func (e Expr) Mul(o Expr) Expr {
	if e.unknown || o.unknown {
		return Unknown()
	}
	if n, ok := o.IsConst(); ok {
		return e.MulConst(n)
	}
	if n, ok := e.IsConst(); ok {
		return o.MulConst(n)
	}
	if len(e.m)*len(o.m) > 8*maxMonos {
		return Unknown()
	}
	out := make([]mono, 0, len(e.m)*len(o.m))
	for _, a := range e.m {
		for _, b := range o.m {
			c, ok := mul64(a.coef, b.coef)
			if !ok || len(a.f)+len(b.f) > maxDegree {
				return Unknown()
			}
			out = append(out, mono{c, mergeFactors(a.f, b.f)})
		}
	}
	return collect(out)
}

// mergeFactors is the product of two sorted factor lists.
func mergeFactors(a, b []*Term) []*Term {
	if len(a) == 0 {
		return b
	}
	if len(b) == 0 {
		return a
	}
	out := make([]*Term, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if a[0].compare(b[0]) <= 0 {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// collect sorts and joins like monomials. It owns m.
func collect(m []mono) Expr {
	slices.SortFunc(m, func(a, b mono) int { return compareFactors(a.f, b.f) })
	out := m[:0]
	for i := 0; i < len(m); {
		c, ok := m[i].coef, true
		j := i + 1
		for ; j < len(m) && compareFactors(m[i].f, m[j].f) == 0; j++ {
			if c, ok = add64(c, m[j].coef); !ok {
				return Unknown()
			}
		}
		if c != 0 {
			out = append(out, mono{c, m[i].f})
		}
		i = j
	}
	if len(out) > maxMonos {
		return Unknown()
	}
	return Expr{m: out}
}

// split gives the expression without its constant, and the constant.
func (e Expr) split() (Expr, int64) {
	if n := len(e.m); n > 0 && len(e.m[n-1].f) == 0 {
		return Expr{m: e.m[:n-1], unknown: e.unknown}, e.m[n-1].coef
	}
	return e, 0
}

// content is the greatest common divisor of the coefficients, 0 for 0.
func (e Expr) content() int64 {
	var g int64
	for _, m := range e.m {
		g = gcd(g, m.coef)
		if g == 1 {
			break
		}
	}
	return g
}

// divConst divides every coefficient by n, which must divide them all.
func (e Expr) divConst(n int64) Expr {
	if n == 1 {
		return e
	}
	out := make([]mono, len(e.m))
	for i, m := range e.m {
		out[i] = mono{m.coef / n, m.f}
	}
	return Expr{m: out, unknown: e.unknown}
}

// coefficient writes e as a·t + r. r is free of t in its monomials; a is too where
// linear. Occurrences of t inside other atoms do not count.
func (e Expr) coefficient(t *Term) (a, r Expr, linear bool) {
	linear = true
	var am, rm []mono
	for _, m := range e.m {
		i := slices.Index(m.f, t)
		if i < 0 {
			rm = append(rm, m)
			continue
		}
		var f []*Term
		if len(m.f) > 1 {
			f = append(slices.Clone(m.f[:i]), m.f[i+1:]...)
			linear = linear && !slices.Contains(f, t)
		}
		am = append(am, mono{m.coef, f})
	}
	// Taking one factor out of each keeps the order: degrees fall alike, and equal
	// prefixes stay equal only up to t, so sort again where there is more than one.
	if len(am) > 1 {
		return collect(am), Expr{m: rm}, linear
	}
	return Expr{m: am}, Expr{m: rm}, linear
}

// overMono gives q with e = q·d for a single monomial d, where there is one.
func (e Expr) overMono(d mono) (Expr, bool) {
	out := make([]mono, 0, len(e.m))
	for _, m := range e.m {
		if m.coef%d.coef != 0 {
			return Expr{}, false
		}
		f, ok := takeFactors(m.f, d.f)
		if !ok {
			return Expr{}, false
		}
		out = append(out, mono{m.coef / d.coef, f})
	}
	return collect(out), true
}

// over gives q with e = q·d where e's first monomials allow it: exact polynomial
// division, by leading terms.
func (e Expr) over(d Expr) (Expr, bool) {
	if e.unknown || d.unknown || len(d.m) == 0 {
		return Expr{}, false
	}
	if len(d.m) == 1 {
		return e.overMono(d.m[0])
	}
	var q Expr
	for range maxMonos {
		if len(e.m) == 0 {
			return q, true
		}
		s, ok := (Expr{m: e.m[:1]}).overMono(d.m[0])
		if !ok {
			return Expr{}, false
		}
		q, e = q.Add(s), e.Sub(s.Mul(d))
		if q.unknown || e.unknown {
			return Expr{}, false
		}
	}
	return Expr{}, false
}

// takeFactors removes d's factors from f's.
func takeFactors(f, d []*Term) ([]*Term, bool) {
	if len(d) == 0 {
		return f, true
	}
	if len(d) > len(f) {
		return nil, false
	}
	out := make([]*Term, 0, len(f)-len(d))
	for _, t := range f {
		if len(d) > 0 && t == d[0] {
			d = d[1:]
		} else {
			out = append(out, t)
		}
	}
	return out, len(d) == 0
}

// hash mixes the canonical form.
func (e Expr) hash() uint64 {
	h := uint64(14695981039346656037)
	for _, m := range e.m {
		h = (h ^ uint64(m.coef)) * 1099511628211
		for _, t := range m.f {
			h = (h ^ uint64(t.id+1)) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211
		h ^= h >> 29
	}
	return h
}

// topTerms are the different terms of the monomials, innermost first. Terms
// inside atoms do not count.
func (e Expr) topTerms(buf []*Term) []*Term {
	for _, m := range e.m {
		for _, t := range m.f {
			if !slices.Contains(buf, t) {
				buf = append(buf, t)
			}
		}
	}
	slices.SortFunc(buf, func(a, b *Term) int { return b.compare(a) })
	return buf
}

// Syms are the symbols of e, those inside atoms included, in the order of their
// making.
func (e Expr) Syms() []Sym {
	var out []Sym
	e.walk(func(t *Term) {
		if t.kind == Symbol {
			out = append(out, t)
		}
	})
	slices.SortFunc(out, func(a, b Sym) int { return a.id - b.id })
	return out
}

// Atoms are the quotients, minima and maxima inside e, nested ones included, each
// after those inside it.
func (e Expr) Atoms() []*Term {
	var out []*Term
	e.walk(func(t *Term) {
		if t.kind != Symbol {
			out = append(out, t)
		}
	})
	return out
}

// Has reports whether s occurs in e, inside an atom or not.
func (e Expr) Has(s *Term) bool {
	found := false
	e.walk(func(t *Term) { found = found || t == s })
	return found
}

// walk visits every different term once, arguments first.
func (e Expr) walk(visit func(*Term)) {
	var seen map[*Term]bool
	var expr func(Expr)
	expr = func(e Expr) {
		for _, m := range e.m {
			for _, t := range m.f {
				if seen[t] {
					continue
				}
				if seen == nil {
					seen = map[*Term]bool{}
				}
				seen[t] = true
				for _, a := range t.args {
					expr(a)
				}
				visit(t)
			}
		}
	}
	expr(e)
}

// Monomials calls visit with each coefficient and its factors, the constant last
// with none. The factors must not be changed.
func (e Expr) Monomials(visit func(coef int64, factors []*Term)) {
	for _, m := range e.m {
		visit(m.coef, m.f)
	}
}

// Subst replaces symbols by expressions, all at once. It gives Unknown where a
// divisor becomes 0.
func (e Expr) Subst(by func(Sym) (Expr, bool)) Expr {
	return e.rewrite(map[*Term]Expr{}, func(t *Term, args []Expr) Expr {
		if t.kind == Symbol {
			if x, ok := by(t); ok {
				return x
			}
			return t.Expr()
		}
		return rebuild(t.kind, args)
	})
}

// rebuild makes an atom anew from changed arguments.
func rebuild(k Kind, args []Expr) Expr {
	switch k {
	case Div:
		q, err := FloorDiv(args[0], args[1])
		if err != nil {
			return Unknown()
		}
		return q
	case Min:
		return MinOf(args...)
	default:
		return MaxOf(args...)
	}
}

// rewrite rebuilds e from the inside out; term gets a term and its rewritten
// arguments.
func (e Expr) rewrite(done map[*Term]Expr, term func(*Term, []Expr) Expr) Expr {
	if e.unknown {
		return e
	}
	var sum Expr
	for _, m := range e.m {
		p := Const(m.coef)
		for _, t := range m.f {
			x, ok := done[t]
			if !ok {
				args := make([]Expr, len(t.args))
				for i, a := range t.args {
					args[i] = a.rewrite(done, term)
				}
				x = term(t, args)
				done[t] = x
			}
			p = p.Mul(x)
		}
		sum = sum.Add(p)
	}
	return sum
}

// ErrZero is the error of a division by zero.
var ErrZero = errors.New("division by zero")

// ErrOverflow is the error of a value outside ±(2⁶³ − 1).
var ErrOverflow = errors.New("integer overflow")

// Eval computes e from the symbols' values. Errors: [ErrZero], [ErrOverflow], a
// symbol for which value reports false, the unknown expression.
func (e Expr) Eval(value func(Sym) (int64, bool)) (int64, error) {
	if e.unknown {
		return 0, errors.New("unknown expression")
	}
	var sum int64
	for _, m := range e.m {
		p := m.coef
		for _, t := range m.f {
			v, err := t.eval(value)
			if err != nil {
				return 0, err
			}
			var ok bool
			if p, ok = mul64(p, v); !ok {
				return 0, ErrOverflow
			}
		}
		var ok bool
		if sum, ok = add64(sum, p); !ok {
			return 0, ErrOverflow
		}
	}
	return sum, nil
}

func (t *Term) eval(value func(Sym) (int64, bool)) (int64, error) {
	if t.kind == Symbol {
		v, ok := value(t)
		if !ok {
			return 0, fmt.Errorf("no value for %s", t.name)
		}
		return v, nil
	}
	var acc int64
	for i, a := range t.args {
		v, err := a.Eval(value)
		switch {
		case err != nil:
			return 0, err
		case i == 0:
			acc = v
		case t.kind == Min:
			acc = min(acc, v)
		case t.kind == Max:
			acc = max(acc, v)
		case v == 0:
			return 0, ErrZero
		case v == -1 && acc == math.MinInt64:
			return 0, ErrOverflow
		default:
			acc = floorDiv(acc, v)
		}
	}
	return acc, nil
}

// Linear writes e as Σ coef[i]·syms[i] + rest, with coefficients and rest free of
// syms. It fails where a symbol stands inside an atom or is multiplied with one of
// syms.
func (e Expr) Linear(syms []Sym) (coef []Expr, rest Expr, ok bool) {
	if e.unknown {
		return nil, Expr{}, false
	}
	coef = make([]Expr, len(syms))
	rest = e
	for i, s := range syms {
		var linear bool
		coef[i], rest, linear = rest.coefficient(s)
		if !linear {
			return nil, Expr{}, false
		}
	}
	for _, x := range append(slices.Clone(coef), rest) {
		for _, s := range syms {
			if x.Has(s) {
				return nil, Expr{}, false
			}
		}
	}
	return coef, rest, true
}
