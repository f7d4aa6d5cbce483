package affine

import "strings"

// Cond is a condition on integer expressions. The zero Cond is true.
type Cond struct {
	kind condKind
	a, b Expr
	sub  []Cond
}

type condKind uint8

const (
	condTrue condKind = iota
	condGE            // a >= 0
	condEQ            // a == 0
	condNE            // a != 0
	condDiv           // a != 0 and a divides b
	condNDiv          // not that
	condAnd
	condOr
)

// GE0 says e ≥ 0.
func GE0(e Expr) Cond { return Cond{kind: condGE, a: e} }

// EQ0 says e = 0.
func EQ0(e Expr) Cond { return Cond{kind: condEQ, a: e} }

// NE0 says e ≠ 0.
func NE0(e Expr) Cond { return Cond{kind: condNE, a: e} }

// GE says a ≥ b.
func GE(a, b Expr) Cond { return GE0(a.Sub(b)) }

// GT says a > b.
func GT(a, b Expr) Cond { return GE0(a.Sub(b).AddConst(-1)) }

// LE says a ≤ b.
func LE(a, b Expr) Cond { return GE(b, a) }

// LT says a < b.
func LT(a, b Expr) Cond { return GT(b, a) }

// EQ says a = b.
func EQ(a, b Expr) Cond { return EQ0(a.Sub(b)) }

// NE says a ≠ b.
func NE(a, b Expr) Cond { return NE0(a.Sub(b)) }

// Divides says that d is not 0 and divides e.
func Divides(d, e Expr) Cond { return Cond{kind: condDiv, a: d, b: e} }

// And says that all of them hold; without any it is true.
func And(c ...Cond) Cond { return Cond{kind: condAnd, sub: c} }

// Or says that one of them holds; without any it is false.
func Or(c ...Cond) Cond { return Cond{kind: condOr, sub: c} }

// Not says the opposite.
func Not(c Cond) Cond {
	switch c.kind {
	case condTrue:
		return Or()
	case condGE:
		return GE0(c.a.Neg().AddConst(-1))
	case condEQ:
		return NE0(c.a)
	case condNE:
		return EQ0(c.a)
	case condDiv:
		return Cond{kind: condNDiv, a: c.a, b: c.b}
	case condNDiv:
		return Divides(c.a, c.b)
	}
	sub := make([]Cond, len(c.sub))
	for i, s := range c.sub {
		sub[i] = Not(s)
	}
	if c.kind == condAnd {
		return Or(sub...)
	}
	return And(sub...)
}

// String prints the condition.
func (c Cond) String() string {
	switch c.kind {
	case condTrue:
		return "true"
	case condGE:
		return relation(c.a, ">=")
	case condEQ:
		return relation(c.a, "==")
	case condNE:
		return relation(c.a, "!=")
	case condDiv:
		return operandText(c.b) + " % " + operandText(c.a) + " == 0"
	case condNDiv:
		return operandText(c.b) + " % " + operandText(c.a) + " != 0"
	}
	if len(c.sub) == 0 {
		return map[condKind]string{condAnd: "true", condOr: "false"}[c.kind]
	}
	var parts []string
	for _, s := range c.sub {
		t := s.String()
		if len(c.sub) > 1 && (s.kind == condAnd || s.kind == condOr) && len(s.sub) > 1 {
			t = "(" + t + ")"
		}
		parts = append(parts, t)
	}
	return strings.Join(parts, map[condKind]string{condAnd: " && ", condOr: " || "}[c.kind])
}

// relation prints e op 0 with what is negative moved to the right.
func relation(e Expr, op string) string {
	if e.unknown {
		return "unknown " + op + " 0"
	}
	var l, r Expr
	for _, m := range e.m {
		if m.coef > 0 {
			l.m = append(l.m, m)
		} else {
			r.m = append(r.m, m)
		}
	}
	r = r.Neg()
	if r.unknown || len(l.m) == 0 && len(r.m) == 0 {
		return e.String() + " " + op + " 0"
	}
	return l.String() + " " + op + " " + r.String()
}

// holds evaluates the condition; any undefined value is an error.
func (c Cond) holds(value func(Sym) (int64, bool)) (bool, error) {
	switch c.kind {
	case condTrue:
		return true, nil
	case condGE, condEQ, condNE:
		v, err := c.a.Eval(value)
		if err != nil {
			return false, err
		}
		return c.kind == condGE && v >= 0 || c.kind == condEQ && v == 0 || c.kind == condNE && v != 0, nil
	case condDiv, condNDiv:
		d, err := c.a.Eval(value)
		if err != nil {
			return false, err
		}
		v, err := c.b.Eval(value)
		if err != nil {
			return false, err
		}
		return (d != 0 && v%d == 0) == (c.kind == condDiv), nil
	}
	for _, s := range c.sub {
		ok, err := s.holds(value)
		if err != nil {
			return false, err
		}
		if ok == (c.kind == condOr) {
			return ok, nil
		}
	}
	return c.kind == condAnd, nil
}

// Eval evaluates the condition. Errors as for [Expr.Eval].
func (c Cond) Eval(value func(Sym) (int64, bool)) (bool, error) { return c.holds(value) }
