package affine

import (
	"fmt"
	"math"
	"testing"
	"time"
)

func TestRange(t *testing.T) {
	s := newScene()
	M, N, x := s.dim("M"), s.dim("N"), s.opaque("x")
	i := s.in("i", c(0), c(64))
	lo := s.in("lo", c(0), M)
	m := s.in("m", lo, MinOf(lo.AddConst(32), M))
	tests := []struct {
		e      Expr
		lo, hi int64
	}{
		{c(5), 5, 5},
		{i, 0, 63},
		{i.MulConst(3).AddConst(1), 1, 190},
		{c(10).Sub(i), -53, 10},
		{div(i, c(8)), 0, 7},
		{mod(i, c(8)), 0, 7},
		{mod(x, c(8)), 0, 7},
		{m.Sub(lo), 0, 31},
		{Clamp(x, c(-3), c(12)), -3, 12},
		{MinOf(i, c(10)), 0, 10},
		{MaxOf(i, c(10)), 10, 63},
		{i.Mul(i), 0, 63 * 63},
		{M, 1, math.MaxInt64}, // there is a lo below it
		{N, 0, math.MaxInt64},
		{x, math.MinInt64, math.MaxInt64},
		{m.Sub(M), math.MinInt64, -1},
	}
	for _, tt := range tests {
		lo, hi, ok := s.f.Range(tt.e)
		if lo != tt.lo || hi != tt.hi || ok != (lo != math.MinInt64 && hi != math.MaxInt64) {
			t.Errorf("%s: %d..%d %v, want %d..%d", tt.e, lo, hi, ok, tt.lo, tt.hi)
		}
	}
}

func TestSimplify(t *testing.T) {
	s := newScene()
	K, G := s.dim("K"), s.opaque("G")
	s.f.Require(And(GE(G, c(1)), Divides(G, K)))
	g := s.in("g", c(0), div(K, G))
	j := s.in("j", c(0), G)
	x, z := s.opaque("x"), s.dim("z")
	tests := []struct{ e, want Expr }{
		{div(g.Mul(G).Add(j), G), g},
		{mod(g.Mul(G).Add(j), G), j},
		{div(K, G).Mul(G), K},
		{div(K.Mul(x), G), div(K, G).Mul(x)},
		{div(K.Add(j), G), div(K, G)},
		{div(x.Add(g.Mul(G)), G), g.Add(div(x, G))},
		{MinOf(g, div(K, G)), g},
		{MaxOf(j, G, c(0)), G},
		{MinOf(x, j), MinOf(x, j)},
		{div(j.Neg().AddConst(-1), G), c(-1)},
		{div(x, z), div(x, z)}, // z may be 0
		{mod(z.MulConst(0), x), mod(c(0), x)},
	}
	for _, tt := range tests {
		if got := s.f.Simplify(tt.e); !got.Equal(tt.want) {
			t.Errorf("%s: got %s, want %s", tt.e, got, tt.want)
		}
	}
}

func TestWhy(t *testing.T) {
	s := newScene()
	H, Y, K, P := s.dim("H"), s.dim("Y"), s.dim("K"), s.dim("P")
	s.f.Require(Divides(c(128), K))
	y, r := s.in("y", c(0), Y), s.in("r", c(0), c(3))
	k := s.in("k", c(0), K)
	id := s.opaque("ids[t]")
	fixed := s.in("f", c(0), c(16))
	tests := []struct {
		index, size Expr
		want        string
	}{
		{y.MulConst(2).Add(r).AddConst(-1), H, "2*y + r - 1 can be -1 (y = 0, r = 0)"},
		{y.MulConst(2).Add(r), H, "2*y + r can be 2 where H is 1 (y = 0, r = 2)"},
		{y, Y, ""},
		{y.AddConst(1), Y, "y + 1 can be 1 where Y is 1 (y = 0)"},
		{id, H, "ids[t] can be -1"},
		{fixed.AddConst(1), c(16), "f + 1 can be 16, past the end at 16 (f = 15)"},
		{fixed.AddConst(-3), c(16), "f - 3 can be -3 (f = 0)"},
		{k.AddConst(1), K, "k + 1 can be 128 where K is 128 (k = 127)"},
		{k, P, "k can be 127 where P is 1"},
		{mod(k, P), P, "k % P divides by 0 (P = 0, k = 0)"},
		{c(16), c(16), "16 is past the end at 16"},
		{c(0), H, "H can be 0"},
		{c(-1), c(16), "-1 is negative"},
	}
	for _, tt := range tests {
		if got := s.f.WhyOutside(tt.index, tt.size); got != tt.want {
			t.Errorf("%s in %s:\ngot  %q\nwant %q", tt.index, tt.size, got, tt.want)
		}
	}
	// True, but out of reach: x² − x is never negative.
	x := s.opaque("x")
	if got, want := s.f.Why(x.Mul(x).Sub(x)), "nothing shows that x*x - x is at least 0"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := s.f.Why(Unknown()); got == "" {
		t.Error("no reason for the unknown expression")
	}
}

func TestFork(t *testing.T) {
	s := newScene()
	M := s.dim("M")
	i := s.in("i", c(0), M)
	a, b := s.f.Fork(), s.f.Fork()
	a.Assume(LE(M, c(8)))
	b.Assume(LE(M, c(4)))
	s.f.Assume(LE(M, c(2)))
	for n, f := range map[int64]*Facts{8: a, 4: b, 2: s.f} {
		if !f.ProveLT(i, c(n)) || f.ProveLT(i, c(n-1)) {
			t.Errorf("facts with M <= %d have been mixed up with others", n)
		}
	}
}

func TestContradiction(t *testing.T) {
	s := newScene()
	x := s.opaque("x")
	s.f.Assume(Or())
	if !s.f.Contradictory() || !s.f.ProveGE0(x) {
		t.Error("after `false` everything is true")
	}
	f := NewFacts()
	f.Assume(Or(LT(c(1), c(0)), GE(x, c(3))))
	if !f.ProveGE0(x.AddConst(-3)) || f.Contradictory() {
		t.Error("the only open alternative is not taken")
	}
}

// No goal and no facts keep the prover busy: a clique of variables, each bounded by
// every other, over a product of minima.
func TestEffort(t *testing.T) {
	s := newScene()
	var v []Expr
	for i := range 12 {
		v = append(v, s.opaque(fmt.Sprint("v", i)))
	}
	for i, a := range v {
		for j, b := range v {
			if i != j {
				s.f.Assume(GE(a.MulConst(int64(i+2)), b.Mul(v[(i+j)%12]).AddConst(int64(j))))
			}
		}
	}
	goal := c(1)
	for i := 0; i+2 < len(v); i += 3 {
		goal = goal.Add(MinOf(v[i], v[i+1], div(v[i+2], c(3))).Mul(v[(i+5)%12]))
	}
	start := time.Now()
	if s.f.ProveGE0(goal) {
		t.Error("proven")
	}
	s.f.Range(goal)
	s.f.Simplify(goal)
	_ = s.f.Why(goal)
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %v", d)
	} else {
		t.Log(d)
	}
}

func TestCond(t *testing.T) {
	s := newScene()
	x, y := s.opaque("x"), s.opaque("y")
	tests := []struct {
		c    Cond
		want string
	}{
		{Cond{}, "true"},
		{GE(x, y), "x >= y"},
		{LT(x, y.AddConst(3)), "y + 2 >= x"},
		{EQ(x, c(4)), "x == 4"},
		{Not(EQ(x, y)), "x != y"},
		{Divides(c(4), x), "x % 4 == 0"},
		{Not(Divides(y, x.AddConst(1))), "(x + 1) % y != 0"},
		{And(GE0(x), Or(GE0(y), NE0(x))), "x >= 0 && (y >= 0 || x != 0)"},
		{Not(And(GE0(x), GE0(y))), "0 >= x + 1 || 0 >= y + 1"},
	}
	for _, tt := range tests {
		if got := tt.c.String(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
		if got := Not(Not(tt.c)); tt.c.String() != "true" && got.String() != tt.want {
			t.Errorf("twice negated: got %q, want %q", got, tt.want)
		}
	}
}
