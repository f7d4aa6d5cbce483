package affine

import (
	"math"
	"slices"
)

// Effort of one proof. Steps count the expressions looked at, over all fuels.
const (
	proofSteps = 2000
	rangeSteps = 600
	proofFuel  = 3 // steps that go outward-in, or start at another than the innermost term
)

const (
	none     = math.MinInt64 // no bound found
	anything = math.MaxInt64 // the target that asks for the best bound
)

// prover searches for lower bounds. To bound e from below it takes the innermost
// term t of e = a·t + r, finds the sign of a, and subtracts a non-negative multiple
// of a known inequality in which t stands with the same sign, so that t cancels;
// and so on with what is left, until a constant remains. Quotients bring the
// inequalities that define them, a minimum or maximum splits the goal. It goes
// innermost first, since bounds of inner terms speak of outer ones; a step that
// goes the other way costs fuel.
type prover struct {
	f     *Facts
	steps int
	memo  map[memoKey]memoValue
	ctx   int // the number of the current case
	cases int
	extra []ineq // what the current case assumes
	stack []Expr
	cut   int  // the least stack index at which a search was cut as circular
	signs int  // how many coefficients' signs are being looked for, one inside another
	stuck Expr // the simplest expression for which the search found no bound
}

type memoKey struct {
	hash uint64
	ctx  int
}

type memoValue struct {
	e      Expr
	target int64
	bound  int64
	fuel   int
}

// atLeast proves e >= n for a normalised e.
func (f *Facts) atLeast(e Expr, n int64) bool {
	if e.unknown {
		return false
	}
	if c, ok := e.IsConst(); ok {
		return c >= n
	}
	p := prover{f: f, steps: proofSteps}
	for fuel := range proofFuel + 1 {
		if v := p.bound(e, n, fuel); v != none && v >= n {
			return true
		}
		if p.steps <= 0 {
			break
		}
	}
	return false
}

// lower gives the best constant lower bound it finds of a normalised e.
func (f *Facts) lower(e Expr) (int64, bool) {
	if e.unknown {
		return 0, false
	}
	p := prover{f: f, steps: rangeSteps}
	best := int64(none)
	for fuel := range 2 {
		best = max(best, p.bound(e, anything, fuel))
	}
	return best, best != none
}

// bound gives a lower bound of e, as good as target where it can, or none.
func (p *prover) bound(e Expr, target int64, fuel int) int64 {
	if e.unknown {
		return none
	}
	r, k := e.split()
	if len(r.m) == 0 {
		return k
	}
	g := r.content()
	if g > 1 {
		r = r.divConst(g)
	}
	if target != anything {
		t, ok := add64(target, -k)
		if !ok || k == math.MinInt64 {
			return none
		}
		target = ceilDiv(t, g)
	}
	b := p.primitive(r, target, fuel)
	if b == none {
		return none
	}
	b, ok := mul64(b, g)
	if !ok {
		return none
	}
	if b, ok = add64(b, k); !ok {
		return none
	}
	return b
}

// primitive is bound for an expression without a constant whose coefficients have
// no common factor.
func (p *prover) primitive(e Expr, target int64, fuel int) int64 {
	if p.steps--; p.steps < 0 {
		return none
	}
	key := memoKey{e.hash(), p.ctx}
	if v, ok := p.memo[key]; ok && v.e.Equal(e) {
		if v.bound != none && v.bound >= target || v.fuel >= fuel && v.target <= target {
			return v.bound
		}
	}
	if i := slices.IndexFunc(p.stack, e.Equal); i >= 0 {
		p.cut = min(p.cut, i)
		return none
	}
	depth := len(p.stack)
	outer := p.cut
	p.cut = math.MaxInt
	p.stack = append(p.stack, e)
	best := int64(none)
	var buf [8]*Term
	for i, t := range e.topTerms(buf[:0]) {
		left := fuel - min(i, 1)
		if left < 0 {
			break
		}
		best = max(best, p.eliminate(e, t, target, left))
		if best != none && best >= target {
			break
		}
	}
	p.stack = p.stack[:depth]
	for _, x := range p.f.nonzero {
		// e + k is not 0, nor is −e − k.
		r, k := x.split()
		if r.Equal(e) && best == -k || r.Equal(e.Neg()) && best == k {
			best++
		}
	}
	if best != none && best >= target || p.cut >= depth {
		if p.memo == nil {
			p.memo = make(map[memoKey]memoValue, 16)
		}
		p.memo[key] = memoValue{e, target, best, fuel}
	}
	p.cut = min(outer, p.cut)
	if best == none && p.signs == 0 {
		p.noteStuck(e)
	}
	return best
}

// noteStuck remembers the expression without a bound that has the fewest terms,
// the outermost of them.
func (p *prover) noteStuck(e Expr) {
	if len(p.stuck.m) == 0 || len(e.m) < len(p.stuck.m) ||
		len(e.m) == len(p.stuck.m) && e.topTerms(nil)[0].compare(p.stuck.topTerms(nil)[0]) < 0 {
		p.stuck = e
	}
}

// sign proves the sign of a coefficient.
func (p *prover) sign(a Expr, fuel int) (pos, neg bool) {
	if n, ok := a.IsConst(); ok {
		return n >= 0, n <= 0
	}
	p.signs++
	defer func() { p.signs-- }()
	if v := p.bound(a, 0, fuel); v != none && v >= 0 {
		return true, false
	}
	v := p.bound(a.Neg(), 0, fuel)
	return false, v != none && v >= 0
}

// eliminate bounds e from below by way of its term t.
func (p *prover) eliminate(e Expr, t *Term, target int64, fuel int) int64 {
	a, r, _ := e.coefficient(t)
	pos, neg := p.sign(a, fuel)
	best := int64(none)
	found := func(v int64) bool {
		best = max(best, v)
		return best != none && best >= target
	}
	switch t.kind {
	case Min, Max:
		if found(p.extreme(t, a, r, pos, neg, target, fuel)) {
			return best
		}
	case Div:
		if found(p.quotient(e, t, a, r, pos, neg, target, fuel)) {
			return best
		}
	}
	if !pos && !neg {
		return best
	}
	try := func(u use) bool {
		cost := 0
		if u.raising {
			cost = 1
		}
		return cost <= fuel && found(p.subtract(e, a, pos, neg, u, target, fuel-cost))
	}
	if t.id < len(p.f.uses) {
		uses := p.f.uses[t.id]
		for _, raising := range []bool{false, true} {
			for i := len(uses) - 1; i >= 0; i-- { // the newest facts are the closest
				if uses[i].raising == raising && try(uses[i]) {
					return best
				}
			}
		}
	}
	for _, c := range p.extra {
		if b, _, linear := c.e.coefficient(t); linear && len(b.m) > 0 {
			if try(use{e: c.e, a: b, raising: c.top.compare(t) > 0}) {
				return best
			}
		}
	}
	return best
}

// subtract takes a multiple of u.e >= 0 from e that cancels the term with
// coefficients a in e and u.a in u.e.
func (p *prover) subtract(e, a Expr, pos, neg bool, u use, target int64, fuel int) int64 {
	if n, ok := u.a.IsConst(); ok {
		if n > 0 && !pos || n < 0 && !neg || n == math.MinInt64 {
			return none
		}
		abs := max(n, -n)
		scale := abs / gcd(a.content(), abs)
		times := a.MulConst(scale)
		if times.unknown {
			return none
		}
		goal := e.MulConst(scale).Sub(times.divConst(n).Mul(u.e))
		return p.scaled(goal, scale, u.def, target, fuel)
	}
	if times, ok := a.over(u.a); ok {
		if v := p.bound(times, 0, fuel); v == none || v < 0 {
			return none
		}
		return p.scaled(e.Sub(times.Mul(u.e)), 1, u.def, target, fuel)
	}
	ua := u.a
	if neg {
		a, ua = a.Neg(), ua.Neg()
	}
	if v := p.bound(ua, 1, fuel); v == none || v < 1 {
		return none
	}
	if target == anything {
		target = 0
	}
	return p.reaches(ua.Mul(e.AddConst(-target)).Sub(a.Mul(u.e)), target, fuel)
}

// scaled turns a bound of goal, at most scale·e, into one of e.
func (p *prover) scaled(goal Expr, scale int64, def bool, target int64, fuel int) int64 {
	if !def {
		goal = p.f.reduce(goal)
	}
	if target != anything && scale != 1 {
		t, ok := mul64(target-1, scale)
		if !ok || target == math.MinInt64 || t == math.MaxInt64 {
			return none
		}
		target = t + 1
	}
	v := p.bound(goal, target, fuel)
	if v == none {
		return none
	}
	return ceilDiv(v, scale)
}

// reaches gives n where goal >= 0, which says that e >= n.
func (p *prover) reaches(goal Expr, n int64, fuel int) int64 {
	if v := p.bound(p.f.reduce(goal), 0, fuel); v != none && v >= 0 {
		return n
	}
	return none
}

// extreme bounds a·t + r for a minimum or maximum t.
func (p *prover) extreme(t *Term, a, r Expr, pos, neg bool, target int64, fuel int) int64 {
	best := int64(none)
	if t.kind == Min && neg || t.kind == Max && pos { // each operand gives a bound
		for _, x := range t.args {
			best = max(best, p.bound(p.f.reduce(r.Add(a.Mul(x))), target, fuel))
			if best != none && best >= target {
				return best
			}
		}
		if fuel == 0 {
			return best
		}
		fuel--
	}
	// t is one of its operands: the goal must hold for each, where it is the one.
	all := int64(anything)
	outer, mark := p.ctx, len(p.extra)
	for i, x := range t.args {
		p.cases++
		p.ctx = p.cases
		for j, y := range t.args {
			d := y.Sub(x)
			if t.kind == Max {
				d = d.Neg()
			}
			if i != j && d.Known() {
				if terms := d.topTerms(nil); len(terms) > 0 {
					p.extra = append(p.extra, ineq{e: d, top: terms[0]})
				}
			}
		}
		v := p.bound(p.f.reduce(r.Add(a.Mul(x))), target, fuel)
		p.extra = p.extra[:mark]
		p.ctx = outer
		if all = min(all, v); all == none {
			break
		}
	}
	return max(best, all)
}

// quotient bounds e = a·t + r for a quotient t = n/d.
func (p *prover) quotient(e Expr, t *Term, a, r Expr, pos, neg bool, target int64, fuel int) int64 {
	n, d := t.args[0], t.args[1]
	size, isConst := d.IsConst()
	if !isConst {
		if dp, dn := p.positive(d, fuel); dn {
			n, d = n.Neg(), d.Neg()
		} else if !dp {
			return none
		}
	}
	best := int64(none)
	unit, _ := a.IsConst()
	switch {
	case unit != 1 && unit != -1:
	case isConst:
		// q + r = ⌊(n + d·r)/d⌋, and r − q = ⌊(d·r − n + d − 1)/d⌋.
		goal := d.Mul(r).Add(n)
		if unit < 0 {
			goal = d.Mul(r).Sub(n).AddConst(size - 1)
		}
		sub := target
		if target != anything {
			var ok bool
			if sub, ok = mul64(target, size); !ok {
				return none
			}
		}
		if v := p.bound(p.f.reduce(goal), sub, fuel); v != none {
			best = floorDiv(v, size)
		}
	default:
		// q >= s exactly where n >= d·s, q <= s where n <= d·s + d − 1.
		goal := target
		if goal == anything {
			goal = 0
		}
		s := r.AddConst(-goal)
		x := d.Mul(s).Add(n)
		if unit < 0 {
			x = d.Mul(s).Add(d).AddConst(-1).Sub(n)
		}
		best = p.reaches(x, goal, fuel)
	}
	if best != none && best >= target {
		return best
	}
	q := t.Expr()
	leaves := slices.ContainsFunc(p.f.exacts, func(x exact) bool { return x.q == t })
	if neg { // d·q <= n
		u := n.Sub(d.Mul(q))
		best = max(best, p.subtract(e, a, pos, neg, use{e: u, a: d.Neg(), def: true}, target, fuel))
	}
	if pos { // d·q >= n − d + 1
		u := d.Mul(q).Sub(n)
		if !leaves {
			u = u.Add(d).AddConst(-1)
		}
		best = max(best, p.subtract(e, a, pos, neg, use{e: u, a: d, def: true}, target, fuel))
		// An exact quotient of positive numbers is at least 1.
		if leaves && (best == none || best < target) {
			if v := p.bound(n, 1, fuel); v != none && v >= 1 {
				best = max(best, p.subtract(e, a, pos, neg, use{e: q.AddConst(-1), a: Const(1)}, target, fuel))
			}
		}
	}
	return best
}

// positive proves d > 0, or d < 0.
func (p *prover) positive(d Expr, fuel int) (pos, neg bool) {
	if v := p.bound(d, 1, fuel); v != none && v >= 1 {
		return true, false
	}
	v := p.bound(d.Neg(), 1, fuel)
	return false, v != none && v >= 1
}
