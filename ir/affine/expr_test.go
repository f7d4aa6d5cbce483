package affine

import (
	"errors"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestString(t *testing.T) {
	s := NewSpace()
	sym := func(n string) Expr { return s.Sym(n).Expr() }
	K, G, H := sym("K"), sym("G"), sym("H")
	g, q, j, h := sym("g"), sym("q"), sym("j"), sym("h")
	tests := []struct {
		e    Expr
		want string
	}{
		{Expr{}, "0"},
		{c(-7), "-7"},
		{Unknown(), "unknown"},
		{g.Mul(G).Add(q.MulConst(4)).Add(j), "G*g + 4*q + j"},
		{g.MulConst(128).Add(q.MulConst(4)).Add(j).Sub(K).AddConst(1), "128*g - K + 4*q + j + 1"},
		{c(3).Sub(g), "3 - g"},
		{g.Neg().AddConst(-1), "-g - 1"},
		{q.MulConst(2).Add(j).AddConst(-1), "2*q + j - 1"},
		{div(K, G), "K/G"},
		{div(h, div(H, G)), "h/(H/G)"},
		{div(h.AddConst(1), c(4)), "(h + 1)/4"},
		{div(K, G).MulConst(3), "3*(K/G)"},
		{div(K, G).Neg(), "-(K/G)"},
		{div(K, G).Mul(h), "(K/G)*h"},
		{ceil(K, c(16)), "(K + 15)/16"},
		{mod(h, c(4)), "h % 4"},
		{mod(h, c(4)).MulConst(2).AddConst(1), "2*(h % 4) + 1"},
		{mod(h, c(4)).Neg(), "-(h % 4)"},
		{c(3).Sub(mod(h, c(4))), "3 - h % 4"},
		{mod(h.Add(j), G), "(j + h) % G"},
		{mod(h, G).Mul(K), "K*(h % G)"},
		{MinOf(K, g.AddConst(64)), "min(K, g + 64)"},
		{MaxOf(c(0), g.Sub(K)), "max(0, g - K)"},
		{div(MinOf(K, G), c(2)), "min(K, G)/2"},
	}
	for _, tt := range tests {
		if got := tt.e.String(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

func TestCanonicalForms(t *testing.T) {
	s := NewSpace()
	sym := func(n string) Expr { return s.Sym(n).Expr() }
	x, y, d := sym("x"), sym("y"), sym("d")
	tests := []struct {
		name      string
		got, want Expr
	}{
		{"sum of a product", x.Add(y).Mul(x.Sub(y)), x.Mul(x).Sub(y.Mul(y))},
		{"whole multiples leave a quotient", div(x.MulConst(6).Add(y), c(3)), x.MulConst(2).Add(div(y, c(3)))},
		{"constant leaves a quotient", div(x.AddConst(9), c(4)), div(x.AddConst(1), c(4)).AddConst(2)},
		{"quotient in lowest terms", div(x.MulConst(4).AddConst(3), c(6)), div(x.MulConst(2).AddConst(1), c(3))},
		{"quotient of a quotient", div(div(x, c(3)).AddConst(1), c(5)), div(x.AddConst(3), c(15))},
		{"negative divisor", div(x, c(-3)), div(x.Neg(), c(3))},
		{"negative symbolic divisor", div(x, d.Neg()), div(x.Neg(), d)},
		{"common factor", div(x.MulConst(2), d.MulConst(2)), div(x, d)},
		{"remainder and quotient", div(x, c(7)).MulConst(7).Add(mod(x, c(7))), x},
		{"symbolic remainder and quotient", div(x, d).Mul(d).Add(mod(x, d)), x},
		{"remainder by 1", mod(x, c(1)), Expr{}},
		{"remainder of a multiple", mod(x.MulConst(12), c(4)), Expr{}},
		{"nested min", MinOf(x, MinOf(y, d)), MinOf(MinOf(d, x), y)},
		{"shifted nested min", MinOf(MinOf(x, y).AddConst(2), d), MinOf(x.AddConst(2), y.AddConst(2), d)},
		{"common factor of a min", MinOf(x.MulConst(4), c(8)), MinOf(x, c(2)).MulConst(4)},
		{"scaled nested min", MinOf(MinOf(x, y).MulConst(4), d), MinOf(x.MulConst(4), y.MulConst(4), d)},
		{"negated nested max", MinOf(MaxOf(x, y).Neg(), d), MinOf(x.Neg(), y.Neg(), d)},
		{"min of neighbours", MinOf(x.AddConst(1), x, x.AddConst(5)), x},
		{"max of constants", MaxOf(c(3), c(8), c(-2)), c(8)},
		{"max of itself", MaxOf(x, x), x},
		{"clamp of a constant", Clamp(c(9), c(0), c(5)), c(5)},
		{"floor of negatives", div(c(-7), c(2)), c(-4)},
		{"remainder of negatives", mod(c(-7), c(2)), c(1)},
		{"remainder by a negative", mod(c(7), c(-2)), c(-1)},
	}
	for _, tt := range tests {
		if !tt.got.Equal(tt.want) {
			t.Errorf("%s: got %s, want %s", tt.name, tt.got, tt.want)
		}
	}
}

func TestDivisionByZero(t *testing.T) {
	x := NewSpace().Sym("x").Expr()
	for name, f := range map[string]func(a, b Expr) (Expr, error){"FloorDiv": FloorDiv, "Mod": Mod, "CeilDiv": CeilDiv} {
		if e, err := f(x, Expr{}); !errors.Is(err, ErrZero) || e.Known() {
			t.Errorf("%s: %s, %v", name, e, err)
		}
	}
	q := div(c(1), x)
	if _, err := q.Eval(func(Sym) (int64, bool) { return 0, true }); !errors.Is(err, ErrZero) {
		t.Errorf("1/0 evaluates with error %v", err)
	}
	if e := q.Subst(func(Sym) (Expr, bool) { return Expr{}, true }); e.Known() {
		t.Errorf("1/x with x = 0 is %s", e)
	}
}

// Past the limits an expression is unknown, and stays so.
func TestLimits(t *testing.T) {
	s := NewSpace()
	x := s.Sym("x").Expr()
	power, sum, nest, wide := x, Expr{}, x, x
	for i := range int64(200) {
		power = power.Mul(x)
		sum = sum.Add(s.Sym("").Expr())
		nest = div(nest.AddConst(1).Mul(x), x.AddConst(i))
		wide = MinOf(wide, s.Sym("").Expr())
	}
	for name, e := range map[string]Expr{
		"degree": power, "terms": sum, "nesting": nest, "operands": wide,
		"coefficient": x.MulConst(math.MaxInt64).MulConst(2),
		"constant":    c(math.MaxInt64).AddConst(1),
		"least":       c(math.MinInt64),
		"difference":  c(-math.MaxInt64).AddConst(-1),
		"divisor":     div(x, x.MulConst(math.MaxInt64).Add(x)),
	} {
		if e.Known() {
			t.Errorf("%s: still known", name)
		}
		if got := e.Mul(x).AddConst(1); got.Known() {
			t.Errorf("%s: known again", name)
		}
		f := NewFacts()
		f.Assume(EQ0(e))
		if f.ProveGE0(e) || f.ProveEq(e, e) || f.ProveDivides(c(1), e) {
			t.Errorf("%s: something proven", name)
		}
		if _, _, ok := f.Range(e); ok {
			t.Errorf("%s: has a range", name)
		}
	}
	big := func(Sym) (int64, bool) { return math.MaxInt64, true }
	if _, err := x.Mul(x).Eval(big); !errors.Is(err, ErrOverflow) {
		t.Errorf("overflow evaluates with error %v", err)
	}
	if _, err := x.Eval(func(Sym) (int64, bool) { return 0, false }); err == nil {
		t.Error("a symbol without value evaluates")
	}
}

func TestLinear(t *testing.T) {
	s := NewSpace()
	G, b, g, q, j := s.Sym("G"), s.Sym("b"), s.Sym("g"), s.Sym("q"), s.Sym("j")
	axes := []Sym{g, q, j}
	e := g.Expr().Mul(G.Expr()).Add(q.Expr().MulConst(4)).Add(div(b.Expr(), c(2))).AddConst(-1)
	coef, rest, ok := e.Linear(axes)
	var got []string
	for _, x := range append(coef, rest) {
		got = append(got, x.String())
	}
	if diff := cmp.Diff([]string{"G", "4", "0", "b/2 - 1"}, got); diff != "" || !ok {
		t.Errorf("ok %v, %s", ok, diff)
	}
	for _, e := range []Expr{
		div(q.Expr(), c(2)),
		q.Expr().Mul(j.Expr()),
		q.Expr().Mul(q.Expr()),
		g.Expr().Mul(div(q.Expr(), c(2))),
		Unknown(),
	} {
		if _, _, ok := e.Linear(axes); ok {
			t.Errorf("%s is called linear", e)
		}
	}
}

func TestSubst(t *testing.T) {
	s := NewSpace()
	K, G := s.Sym("K"), s.Sym("G")
	e := div(K.Expr(), G.Expr()).Add(MaxOf(K.Expr(), G.Expr()))
	got := e.Subst(func(x Sym) (Expr, bool) { return c(32), x == G })
	want := div(K.Expr(), c(32)).Add(MaxOf(K.Expr(), c(32)))
	if !got.Equal(want) {
		t.Errorf("got %s, want %s", got, want)
	}
	swapped := K.Expr().AddConst(1).Mul(G.Expr()).Subst(func(x Sym) (Expr, bool) {
		if x == K {
			return G.Expr(), true
		}
		return K.Expr(), true
	})
	if want := G.Expr().AddConst(1).Mul(K.Expr()); !swapped.Equal(want) {
		t.Errorf("got %s, want %s", swapped, want)
	}
	var names []string
	for _, x := range e.Syms() {
		names = append(names, x.Name())
	}
	for _, a := range e.Atoms() {
		names = append(names, a.String())
	}
	if diff := cmp.Diff([]string{"K", "G", "K/G", "max(K, G)"}, names); diff != "" {
		t.Error(diff)
	}
}
