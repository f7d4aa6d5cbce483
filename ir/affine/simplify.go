package affine

// Simplify rebuilds e from what the facts say: symbols that equal others, exact
// quotients, multiples of a divisor that leave a quotient, a quotient whose
// dividend stays below its divisor, operands that never win a min or max. The
// result equals e wherever the facts hold.
func (f *Facts) Simplify(e Expr) Expr {
	if f.dead || e.unknown {
		return e
	}
	out := f.normal(e).rewrite(map[*Term]Expr{}, f.simplifyTerm)
	if out.unknown {
		return e
	}
	return f.reduce(out)
}

func (f *Facts) simplifyTerm(t *Term, args []Expr) Expr {
	for i := range args {
		args[i] = f.reduce(args[i])
	}
	switch t.kind {
	case Symbol:
		return t.Expr()
	case Div:
		return f.simplifyDiv(args[0], args[1])
	}
	var keep []Expr
	for i, x := range args {
		lost := false
		for j, y := range args {
			if i == j {
				continue
			}
			d := x.Sub(y) // x never beats y in a min where x >= y
			if t.kind == Max {
				d = d.Neg()
			}
			// Of two equal operands the first stays.
			if f.atLeast(d, 1) || f.atLeast(d, 0) && (j < i || !f.atLeast(d.Neg(), 0)) {
				lost = true
				break
			}
		}
		if !lost {
			keep = append(keep, x)
		}
	}
	if len(keep) == 0 {
		return rebuild(t.kind, args)
	}
	return rebuild(t.kind, keep)
}

func (f *Facts) simplifyDiv(n, d Expr) Expr {
	plain := rebuild(Div, []Expr{n, d})
	if plain.unknown || !f.isNonzero(d) || !f.defined(d) {
		return plain
	}
	if q, ok := f.quotient(n, d); ok {
		return q
	}
	// Take out the monomials that d divides.
	var whole, rest Expr
	for _, m := range n.m {
		x := Expr{m: []mono{m}}
		if q, ok := f.quotient(x, d); ok {
			whole = whole.Add(q)
		} else {
			rest = rest.Add(x)
		}
	}
	switch {
	case f.atLeast(rest, 0) && f.atLeast(d.Sub(rest), 1), f.atLeast(rest.Neg(), 0) && f.atLeast(rest.Sub(d), 1):
		return whole // 0 ≤ rest < d, or d < rest ≤ 0
	case f.atLeast(rest.Neg(), 1) && f.atLeast(rest.Add(d), 0):
		return whole.AddConst(-1) // −d ≤ rest < 0
	}
	q := rebuild(Div, []Expr{rest, d})
	if q.unknown {
		return plain
	}
	return whole.Add(q)
}
