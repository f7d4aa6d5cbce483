package affine

import (
	"math"
	"slices"
)

// Facts is a set of conditions taken to hold. Forking is cheap: a scope forks the
// facts around it and assumes more. The zero Facts, or [NewFacts], knows nothing.
type Facts struct {
	conds   []Cond     // as given, for counterexamples
	ineqs   []ineq     // normalised inequalities
	uses    [][]use    // by term id: the inequalities in which the term is linear
	exacts  []exact    // quotients without remainder
	subst   []equality // symbols replaced by others
	nonzero []Expr     // primitive expressions that are not 0
	dead    bool       // the facts contradict each other
}

// ineq says e >= 0. Its coefficients have no common factor.
type ineq struct {
	e   Expr
	top *Term // the innermost term of its monomials
	def bool  // says that an exact quotient is one; not to be reduced away
}

// use is a term's place in an inequality e = a·t + r >= 0.
type use struct {
	e, a    Expr
	def     bool
	raising bool // r has terms further in than t
}

// exact says that the atom q = num/den leaves no remainder and den is not 0.
type exact struct {
	q        *Term
	num, den Expr
}

// equality replaces a symbol.
type equality struct {
	s  Sym
	by Expr
}

// NewFacts knows nothing yet.
func NewFacts() *Facts { return &Facts{} }

// Fork copies the facts: what either learns later, the other does not see.
func (f *Facts) Fork() *Facts {
	g := *f
	g.conds = slices.Clip(g.conds)
	g.ineqs = slices.Clip(g.ineqs)
	g.uses = slices.Clone(g.uses)
	for i := range g.uses {
		g.uses[i] = slices.Clip(g.uses[i])
	}
	g.exacts = slices.Clip(g.exacts)
	g.subst = slices.Clip(g.subst)
	g.nonzero = slices.Clip(g.nonzero)
	// The parent's slices must not grow into shared arrays either.
	f.conds, f.ineqs, f.exacts = g.conds, g.ineqs, g.exacts
	f.subst, f.nonzero = g.subst, g.nonzero
	for i := range f.uses {
		f.uses[i] = slices.Clip(f.uses[i])
	}
	return &g
}

// Contradictory reports that the facts were seen to exclude each other: this code
// never runs, and every proof succeeds.
func (f *Facts) Contradictory() bool { return f.dead }

// Assume adds a condition that holds from here on. Where it divides by something
// that may be 0 its value says nothing, and it is dropped; so are disjunctions
// that the other facts do not settle, and unknown expressions.
func (f *Facts) Assume(c Cond) { f.add(c, false) }

// Require adds a condition that was computed where a division by zero is an error:
// a `require`, the shape of a tensor. So its divisors are not 0 besides.
func (f *Facts) Require(c Cond) { f.add(c, true) }

// Within assumes lo ≤ e < hi.
func (f *Facts) Within(e, lo, hi Expr) { f.Assume(And(GE(e, lo), LT(e, hi))) }

func (f *Facts) add(c Cond, checked bool) {
	if c.kind != condAnd {
		f.conds = append(f.conds, c) // counterexamples heed even what is dropped below
	}
	switch c.kind {
	case condAnd:
		for _, s := range c.sub {
			f.add(s, checked)
		}
		return
	case condOr:
		open := slices.DeleteFunc(slices.Clone(c.sub), func(s Cond) bool { return f.Prove(Not(s)) })
		switch len(open) {
		case 0:
			f.dead = true
		case 1:
			f.add(open[0], checked)
		}
		return
	case condTrue:
		return
	}
	if c.a.unknown || c.b.unknown {
		return
	}
	for _, e := range []Expr{c.a, c.b} {
		if checked {
			f.addDivisors(e)
		} else if !f.defined(e) {
			return
		}
	}
	switch c.kind {
	case condGE:
		f.addGE(f.normal(c.a), false)
	case condEQ:
		f.addEQ(f.normal(c.a))
	case condNE:
		f.addNE(f.normal(c.a))
	case condDiv:
		f.addDivides(f.normal(c.a), f.normal(c.b))
	case condNDiv:
		if m, err := Mod(c.b, c.a); err == nil && f.isNonzero(f.normal(c.a)) {
			f.addNE(f.normal(m))
		}
	}
}

// addDivisors learns that the divisors inside e are not 0.
func (f *Facts) addDivisors(e Expr) {
	for _, t := range e.Atoms() {
		if t.kind == Div {
			if _, c := t.args[1].IsConst(); !c {
				f.add(NE0(t.args[1]), false)
			}
		}
	}
}

// addGE learns e >= 0.
func (f *Facts) addGE(e Expr, def bool) {
	if e.unknown {
		return
	}
	r, k := e.split()
	if len(r.m) == 0 {
		f.dead = f.dead || k < 0
		return
	}
	g := r.content()
	e = r.divConst(g).AddConst(floorDiv(k, g))
	c := ineq{e: e, def: def}
	terms := e.topTerms(nil)
	c.top = terms[0]
	for _, t := range terms {
		a, _, linear := e.coefficient(t)
		if !linear {
			continue
		}
		for len(f.uses) <= t.id {
			f.uses = append(f.uses, nil)
		}
		if slices.ContainsFunc(f.uses[t.id], func(u use) bool { return u.def == def && u.e.Equal(e) }) {
			return
		}
		f.uses[t.id] = append(f.uses[t.id], use{e: e, a: a, def: def, raising: c.top.compare(t) > 0})
	}
	f.ineqs = append(f.ineqs, c)
}

// addEQ learns e == 0.
func (f *Facts) addEQ(e Expr) {
	if e.unknown {
		return
	}
	r, k := e.split()
	if len(r.m) == 0 {
		f.dead = f.dead || k != 0
		return
	}
	g := r.content()
	if k%g != 0 {
		f.dead = true
		return
	}
	e = e.divConst(g)
	terms := e.topTerms(nil)
	for _, t := range terms { // e says that a remainder is 0
		if t.kind == Div {
			z := t.args[0].Sub(t.args[1].Mul(t.Expr()))
			if z.Equal(e) || z.Neg().Equal(e) {
				f.addExact(t)
				return
			}
		}
	}
	for _, t := range terms {
		a, r, linear := e.coefficient(t)
		n, c := a.IsConst()
		if t.kind != Symbol || !linear || !c || n != 1 && n != -1 || r.Has(t) {
			continue
		}
		by := r.MulConst(-n)
		if by.unknown {
			continue
		}
		f.replace(equality{t, by})
		return
	}
	f.addGE(e, false)
	f.addGE(e.Neg(), false)
}

// replace learns that a symbol equals an expression and rewrites all facts.
func (f *Facts) replace(q equality) {
	old := *f
	one := &Facts{subst: []equality{q}}
	f.subst = nil
	for _, s := range old.subst {
		if by := one.normal(s.by); by.Known() {
			f.subst = append(f.subst, equality{s.s, by})
		}
	}
	f.subst = append(f.subst, q)
	f.ineqs, f.uses, f.exacts, f.nonzero = nil, nil, nil, nil
	for _, x := range old.exacts {
		f.addDivides(f.normal(x.den), f.normal(x.num))
	}
	for _, e := range old.nonzero {
		f.addNE(f.normal(e))
	}
	for _, c := range old.ineqs {
		f.addGE(f.normal(c.e), false)
	}
}

// addNE learns e != 0.
func (f *Facts) addNE(e Expr) {
	if e.unknown {
		return
	}
	r, k := e.split()
	if len(r.m) == 0 {
		f.dead = f.dead || k == 0
		return
	}
	g := r.content()
	if k%g != 0 {
		return // never 0 anyway
	}
	e = e.divConst(g)
	if f.atLeast(e, 0) {
		f.addGE(e.AddConst(-1), false)
		return
	}
	if f.atLeast(e.Neg(), 0) {
		f.addGE(e.Neg().AddConst(-1), false)
		return
	}
	f.nonzero = append(f.nonzero, e)
	if len(e.m) == 1 && len(e.m[0].f) > 1 { // no factor of a product is 0
		for _, t := range e.m[0].f {
			f.addNE(t.Expr())
		}
	}
}

// addDivides learns that d is not 0 and divides e.
func (f *Facts) addDivides(d, e Expr) {
	f.addNE(d)
	q, err := FloorDiv(e, d)
	if err != nil {
		f.dead = true
		return
	}
	if q.unknown {
		return
	}
	for _, t := range q.topTerms(nil) {
		if t.kind != Div {
			continue
		}
		// e = d·whole + s·num where q = whole + num/den and d = s·den.
		if c, whole, linear := q.coefficient(t); linear && c.Equal(Const(1)) {
			left := e.Sub(whole.Mul(d))
			if s, ok := left.over(t.args[0]); ok && s.Mul(t.args[1]).Equal(d) {
				f.addExact(t)
				return
			}
		}
	}
	z := e.Sub(d.Mul(q))
	f.addGE(z, true)
	f.addGE(z.Neg(), true)
}

// addExact learns that a quotient, whose divisor is not 0, leaves no remainder.
func (f *Facts) addExact(t *Term) {
	if slices.ContainsFunc(f.exacts, func(x exact) bool { return x.q == t }) {
		return
	}
	f.exacts = append(f.exacts, exact{t, t.args[0], t.args[1]})
	z := t.args[0].Sub(t.args[1].Mul(t.Expr()))
	f.addGE(z, true)
	f.addGE(z.Neg(), true)
}

// normal replaces symbols known to equal others, everywhere, and den·(num/den) by
// num in the products of exact quotients.
func (f *Facts) normal(e Expr) Expr {
	if e.unknown {
		return e
	}
	if len(f.subst) > 0 {
		hit := false
		e.walk(func(t *Term) {
			hit = hit || slices.ContainsFunc(f.subst, func(q equality) bool { return q.s == t })
		})
		if hit {
			e = e.Subst(func(s Sym) (Expr, bool) {
				i := slices.IndexFunc(f.subst, func(q equality) bool { return q.s == s })
				if i < 0 {
					return Expr{}, false
				}
				return f.subst[i].by, true
			})
		}
	}
	return f.reduce(e)
}

// reduce replaces den·(num/den) by num where the quotient is exact and den a
// single monomial, in e's own monomials.
func (f *Facts) reduce(e Expr) Expr {
	for range maxDegree {
		changed := false
		for i := range f.exacts {
			x := &f.exacts[i]
			if len(x.den.m) != 1 {
				continue
			}
			den := x.den.m[0]
			for j, m := range e.m {
				if m.coef%den.coef != 0 || !slices.Contains(m.f, x.q) {
					continue
				}
				rest, ok := takeFactors(m.f, mergeFactors(den.f, []*Term{x.q}))
				if !ok {
					continue
				}
				p := Expr{m: []mono{{m.coef / den.coef, rest}}}
				out := Expr{m: slices.Delete(slices.Clone(e.m), j, j+1)}.Add(p.Mul(x.num))
				if out.unknown {
					continue
				}
				e, changed = out, true
				break
			}
		}
		if !changed {
			break
		}
	}
	return e
}

// Prove reports whether the facts were seen to imply c, divisors included.
func (f *Facts) Prove(c Cond) bool {
	switch c.kind {
	case condTrue:
		return true
	case condGE:
		return f.ProveGE0(c.a)
	case condEQ:
		return f.ProveEq(c.a, Expr{})
	case condNE:
		return f.ProveNE0(c.a)
	case condDiv:
		return f.ProveDivides(c.a, c.b)
	case condNDiv:
		if !f.defined(c.a) || !f.defined(c.b) {
			return f.dead
		}
		m, err := Mod(c.b, c.a)
		return err != nil || f.ProveNE0(m) // nothing divides by the constant 0
	case condAnd:
		for _, s := range c.sub {
			if !f.Prove(s) {
				return false
			}
		}
		return true
	}
	for _, s := range c.sub { // as evaluated: the first that holds ends it
		if f.Prove(s) {
			return true
		}
		if slices.ContainsFunc(s.exprs(nil), func(e Expr) bool { return !f.defined(e) }) {
			break
		}
	}
	return f.dead
}

// ProveGE0 proves e ≥ 0.
func (f *Facts) ProveGE0(e Expr) bool {
	if f.dead {
		return true
	}
	return f.atLeast(f.normal(e), 0) && f.defined(e)
}

// ProveLT proves a < b.
func (f *Facts) ProveLT(a, b Expr) bool { return f.ProveGE0(b.Sub(a).AddConst(-1)) }

// ProveLE proves a ≤ b.
func (f *Facts) ProveLE(a, b Expr) bool { return f.ProveGE0(b.Sub(a)) }

// ProveEq proves a = b.
func (f *Facts) ProveEq(a, b Expr) bool {
	if f.dead {
		return true
	}
	e := a.Sub(b)
	n := f.normal(e)
	return f.atLeast(n, 0) && f.atLeast(n.Neg(), 0) && f.defined(e)
}

// ProveNE0 proves e ≠ 0.
func (f *Facts) ProveNE0(e Expr) bool {
	if f.dead {
		return true
	}
	return f.isNonzero(f.normal(e)) && f.defined(e)
}

// isNonzero proves e ≠ 0 for a normalised e, wherever e is defined.
func (f *Facts) isNonzero(e Expr) bool {
	if e.unknown {
		return false
	}
	if g := e.content(); g > 1 {
		e = e.divConst(g)
	}
	n := e.Neg()
	if slices.ContainsFunc(f.nonzero, func(x Expr) bool { return x.Equal(e) || x.Equal(n) }) {
		return true
	}
	return f.atLeast(e, 1) || f.atLeast(n, 1)
}

// defined proves that no divisor inside e is 0. It wants e as given: normalising may
// make a quotient vanish.
func (f *Facts) defined(e Expr) bool {
	if e.unknown {
		return false
	}
	risky := false
	for _, m := range e.m {
		for _, t := range m.f {
			risky = risky || t.symDiv
		}
	}
	if !risky {
		return true
	}
	ok := true
	e.walk(func(t *Term) {
		if ok && t.kind == Div {
			_, c := t.args[1].IsConst()
			ok = c || f.isNonzero(f.normal(t.args[1]))
		}
	})
	return ok
}

// ProveDivides proves that d ≠ 0 and d divides e.
func (f *Facts) ProveDivides(d, e Expr) bool {
	if f.dead {
		return true
	}
	if !f.defined(d) || !f.defined(e) {
		return false
	}
	d, e = f.normal(d), f.normal(e)
	if !f.isNonzero(d) {
		return false
	}
	_, ok := f.quotient(e, d)
	if ok {
		return true
	}
	m, err := Mod(e, d)
	return err == nil && f.ProveEq(m, Expr{})
}

// quotient gives q with e = q·d by looking at the form alone, using known exact
// quotients for the factors.
func (f *Facts) quotient(e, d Expr) (Expr, bool) {
	if q, ok := e.over(d); ok {
		return q, true
	}
	if len(d.m) != 1 {
		return Expr{}, false
	}
	var q Expr
	for _, m := range e.m {
		p, ok := f.monoQuotient(m, d, 3)
		if !ok {
			return Expr{}, false
		}
		q = q.Add(p)
	}
	return q, q.Known()
}

func (f *Facts) monoQuotient(m mono, d Expr, depth int) (Expr, bool) {
	e := Expr{m: []mono{m}}
	if q, ok := e.overMono(d.m[0]); ok {
		return q, true
	}
	if depth == 0 {
		return Expr{}, false
	}
	for _, x := range f.exacts {
		t := x.num.term()
		if t == nil || len(x.den.m) != 1 || !slices.Contains(m.f, t) {
			continue
		}
		a, _, _ := e.coefficient(t)
		p := a.Mul(x.den).Mul(x.q.Expr())
		if p.unknown || len(p.m) != 1 {
			continue
		}
		if q, ok := f.monoQuotient(p.m[0], d, depth-1); ok {
			return q, true
		}
	}
	return Expr{}, false
}

// Range gives constants lo ≤ e ≤ hi. Where one was not found it is the least or
// the greatest int64, and ok is false.
func (f *Facts) Range(e Expr) (lo, hi int64, ok bool) {
	lo, hi = math.MinInt64, math.MaxInt64
	if f.dead || !f.defined(e) {
		return lo, hi, false
	}
	e = f.normal(e)
	if l, found := f.lower(e); found {
		lo = l
	}
	if h, found := f.lower(e.Neg()); found {
		hi = -h
	}
	return lo, hi, lo != math.MinInt64 && hi != math.MaxInt64
}
