package affine

import (
	"math"
	"math/bits"
	"slices"
)

// FloorDiv is ⌊a/b⌋. The error is [ErrZero], for a divisor that is the constant 0;
// a divisor that may be 0 is the caller's to rule out. The canonical form keeps the
// quotient whole, so that [Facts] see such a divisor, until it cancels in a sum.
func FloorDiv(a, b Expr) (Expr, error) {
	if n, ok := b.IsConst(); ok && n == 0 {
		return Unknown(), ErrZero
	}
	if a.unknown || b.unknown {
		return Unknown(), nil
	}
	if n, ok := b.IsConst(); ok {
		if n < 0 {
			if n == math.MinInt64 {
				return Unknown(), nil
			}
			a, n = a.Neg(), -n
		}
		return a.floorDivConst(n), nil
	}
	// The sign of the divisor's first coefficient and common constant factors are
	// free to choose: the rational quotient stays the same.
	if b.m[0].coef < 0 {
		a, b = a.Neg(), b.Neg()
		if a.unknown || b.unknown {
			return Unknown(), nil
		}
	}
	if g := gcd(a.content(), b.content()); g > 1 {
		a, b = a.divConst(g), b.divConst(g)
	}
	t, ok := b.space().atom(Div, []Expr{a, b})
	if !ok {
		return Unknown(), nil
	}
	return t.Expr(), nil
}

// floorDivConst is ⌊a/n⌋, n > 0: whole multiples of n leave the quotient, what is
// left shares no factor with n, and ⌊⌊x/m⌋/n⌋ becomes ⌊x/(mn)⌋.
func (e Expr) floorDivConst(n int64) Expr {
	if e.unknown || n == 1 {
		return e
	}
	var out, rem []mono
	for _, m := range e.m {
		switch {
		case m.coef%n == 0:
			out = append(out, mono{m.coef / n, m.f})
		case len(m.f) == 0:
			q := floorDiv(m.coef, n)
			if q != 0 {
				out = append(out, mono{q, nil})
			}
			rem = append(rem, mono{m.coef - q*n, nil})
		default:
			rem = append(rem, m)
		}
	}
	whole := Expr{m: out}
	r, k := Expr{m: rem}.split()
	if len(r.m) == 0 {
		return whole // 0 ≤ k < n
	}
	if g := gcd(r.content(), n); g > 1 {
		r, k, n = r.divConst(g), k/g, n/g
	}
	if t := r.term(); t != nil && t.kind == Div {
		if d, ok := t.args[1].IsConst(); ok {
			kd, ok1 := mul64(k, d)
			nd, ok2 := mul64(n, d)
			if ok1 && ok2 {
				return whole.Add(t.args[0].AddConst(kd).floorDivConst(nd))
			}
		}
	}
	r = r.AddConst(k)
	if r.unknown {
		return r
	}
	t, ok := r.space().atom(Div, []Expr{r, Const(n)})
	if !ok {
		return Unknown()
	}
	return whole.Add(t.Expr())
}

// CeilDiv is ⌈a/b⌉ for a positive b: ⌊(a + b − 1)/b⌋.
func CeilDiv(a, b Expr) (Expr, error) { return FloorDiv(a.Add(b).AddConst(-1), b) }

// Mod is a % b with the divisor's sign, a − b·⌊a/b⌋, which is also its canonical
// form: b·(a/b) + a%b is a without a proof. Errors as for [FloorDiv].
func Mod(a, b Expr) (Expr, error) {
	q, err := FloorDiv(a, b)
	if err != nil {
		return Unknown(), err
	}
	return a.Sub(b.Mul(q)), nil
}

// MinOf is the least of its arguments, of which there must be one or more.
func MinOf(args ...Expr) Expr { return extreme(Min, args) }

// MaxOf is the greatest of its arguments, of which there must be one or more.
func MaxOf(args ...Expr) Expr { return extreme(Max, args) }

// Clamp is x, but at least lo and then at most hi.
func Clamp(x, lo, hi Expr) Expr { return MinOf(MaxOf(x, lo), hi) }

// extreme flattens, drops an argument that differs from another by a constant on
// the losing side, sorts, and takes out a common factor.
func extreme(kind Kind, args []Expr) Expr {
	var list []Expr
	add := func(x Expr) bool {
		for i, y := range list {
			d, ok := x.Sub(y).IsConst()
			if !ok {
				continue
			}
			if kind == Min && d < 0 || kind == Max && d > 0 {
				list[i] = x
			}
			return true
		}
		list = append(list, x)
		return len(list) <= maxArgs
	}
	for _, x := range args {
		if x.unknown {
			return Unknown()
		}
		inner, k := x.split()
		if t, n := inner.multiple(); t != nil && (n > 0 && t.kind == kind || n < 0 && t.kind == opposite(kind)) {
			for _, y := range t.args {
				z := y.MulConst(n).AddConst(k)
				if z.unknown || !add(z) {
					return Unknown()
				}
			}
			continue
		}
		if !add(x) {
			return Unknown()
		}
	}
	switch len(list) {
	case 0:
		return Unknown()
	case 1:
		return list[0]
	}
	slices.SortFunc(list, Expr.compare)
	var s *Space
	var g int64
	for _, x := range list {
		g = gcd(g, x.content())
		if s == nil {
			s = x.space()
		}
	}
	if g > 1 { // min(4x, 8) is 4·min(x, 2)
		for i := range list {
			list[i] = list[i].divConst(g)
		}
	}
	if s == nil {
		return Unknown() // constants so far apart that their difference overflows
	}
	t, ok := s.atom(kind, list)
	if !ok {
		return Unknown()
	}
	return t.Expr().MulConst(max(g, 1))
}

// multiple gives t and n of an expression n·t.
func (e Expr) multiple() (*Term, int64) {
	if len(e.m) == 1 && len(e.m[0].f) == 1 {
		return e.m[0].f[0], e.m[0].coef
	}
	return nil, 0
}

func opposite(k Kind) Kind {
	if k == Min {
		return Max
	}
	return Min
}

// compare is a total order of canonical forms.
func (e Expr) compare(o Expr) int {
	for i := 0; i < len(e.m) && i < len(o.m); i++ {
		if c := compareFactors(e.m[i].f, o.m[i].f); c != 0 {
			return c
		}
		if a, b := e.m[i].coef, o.m[i].coef; a != b {
			if a < b {
				return -1
			}
			return 1
		}
	}
	return len(e.m) - len(o.m)
}

// add64 and mul64 report overflow. The least int64 counts as overflow, so that
// every coefficient can change its sign.
func add64(a, b int64) (int64, bool) {
	s := a + b
	return s, ((a >= 0) != (b >= 0) || (s >= 0) == (a >= 0)) && s != math.MinInt64
}

func mul64(a, b int64) (int64, bool) {
	if a == 0 || b == 0 {
		return 0, true
	}
	if a == math.MinInt64 || b == math.MinInt64 {
		return 0, false
	}
	hi, lo := bits.Mul64(uint64(max(a, -a)), uint64(max(b, -b)))
	return a * b, hi == 0 && lo <= math.MaxInt64
}

// floorDiv is ⌊a/b⌋ for b ≠ 0.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

// ceilDiv is ⌈a/b⌉ for b > 0.
func ceilDiv(a, b int64) int64 {
	q := a / b
	if a%b > 0 {
		q++
	}
	return q
}

// gcd is that of the absolute values; 0 is neutral. The least int64 counts as 1,
// for its absolute value does not fit.
func gcd(a, b int64) int64 {
	if a == math.MinInt64 || b == math.MinInt64 {
		return 1
	}
	a, b = max(a, -a), max(b, -b)
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
