package affine

import "testing"

// scene builds expressions for tests tersely.
type scene struct {
	*Space
	f *Facts
}

func newScene() *scene { return &scene{NewSpace(), NewFacts()} }

// dim is a dimension: a symbol that is not negative.
func (s *scene) dim(name string) Expr {
	e := s.Sym(name).Expr()
	s.f.Assume(GE0(e))
	return e
}

// in is a symbol in lo ≤ x < hi.
func (s *scene) in(name string, lo, hi Expr) Expr {
	e := s.Sym(name).Expr()
	s.f.Within(e, lo, hi)
	return e
}

func (s *scene) opaque(name string) Expr { return s.Sym(name).Expr() }

func div(a, b Expr) Expr {
	q, err := FloorDiv(a, b)
	if err != nil {
		panic(err)
	}
	return q
}

func mod(a, b Expr) Expr {
	q, err := Mod(a, b)
	if err != nil {
		panic(err)
	}
	return q
}

func ceil(a, b Expr) Expr {
	q, err := CeilDiv(a, b)
	if err != nil {
		panic(err)
	}
	return q
}

var c = Const

// inside proves 0 ≤ e < n.
func inside(e, n Expr) Cond { return And(GE0(e), LT(e, n)) }

func TestProve(t *testing.T) {
	tests := []struct {
		name string
		goal func(s *scene) Cond
		want bool
	}{
		{"axis", func(s *scene) Cond {
			M := s.dim("M")
			return inside(s.in("i", c(0), M), M)
		}, true},
		{"axis past its end", func(s *scene) Cond {
			M := s.dim("M")
			return inside(s.in("i", c(0), M).AddConst(1), M)
		}, false},
		{"axis of another dimension", func(s *scene) Cond {
			M, N := s.dim("M"), s.dim("N")
			return inside(s.in("i", c(0), M), N)
		}, false},
		{"causal window", window, true},
		{"causal window, lower end not clamped", func(s *scene) Cond {
			M, N := s.dim("M"), s.dim("N")
			m := s.in("m.lo", c(0), M)
			n := s.in("n", m.Add(N).Sub(M), N)
			return inside(n, N)
		}, false},
		{"groups, symbolic", func(s *scene) Cond { return groups(s, s.opaque("G")) }, true},
		{"groups of 128", func(s *scene) Cond { return groups(s, c(128)) }, true},
		{"groups without divisibility of G", func(s *scene) Cond {
			K, G := s.dim("K"), s.opaque("G")
			s.f.Require(And(GE(G, c(1)), Divides(G, K)))
			g := s.in("g", c(0), div(K, G))
			q := s.in("q", c(0), ceil(G, c(4)))
			j := s.in("j", c(0), c(4))
			return inside(g.Mul(G).Add(q.MulConst(4)).Add(j), K)
		}, false},
		{"scale of a group", func(s *scene) Cond {
			K, G := s.dim("K"), s.opaque("G")
			s.f.Require(And(GE(G, c(1)), Divides(G, K)))
			k := s.in("k", c(0), K)
			return inside(div(k, G), div(K, G))
		}, true},
		{"scale of a group of 32", func(s *scene) Cond {
			K := s.dim("K")
			s.f.Require(Divides(c(32), K))
			k := s.in("k", c(0), K)
			return inside(div(k, c(32)), div(K, c(32)))
		}, true},
		{"scale of a group that does not divide", func(s *scene) Cond {
			K := s.dim("K")
			k := s.in("k", c(0), K)
			return inside(div(k, c(32)), div(K, c(32)))
		}, false},
		{"scale of a group that does not divide, rounded up", func(s *scene) Cond {
			K := s.dim("K")
			k := s.in("k", c(0), K)
			return inside(div(k, c(32)), ceil(K, c(32)))
		}, true},
		{"key head of a query head", func(s *scene) Cond {
			H, G := s.dim("H"), s.dim("G")
			s.f.Require(EQ0(mod(H, G)))
			h := s.in("h", c(0), H)
			return inside(div(h, div(H, G)), G)
		}, true},
		{"key head of a query head, G fixed", func(s *scene) Cond {
			H := s.dim("H")
			s.f.Require(EQ0(mod(H, c(8))))
			h := s.in("h", c(0), H)
			return inside(div(h, div(H, c(8))), c(8))
		}, true},
		{"key head of a query head, G does not divide", func(s *scene) Cond {
			H, G := s.dim("H"), s.dim("G")
			s.f.Assume(GE(G, c(1)))
			h := s.in("h", c(0), H)
			return inside(div(h, div(H, G)), G)
		}, false},
		{"clamped offset", func(s *scene) Cond {
			P := s.dim("P")
			off := Clamp(s.opaque("x"), c(0), P)
			return And(GE0(off), LE(off, P))
		}, true},
		{"ragged rows", func(s *scene) Cond {
			P := s.dim("P")
			lo := MaxOf(s.opaque("off"), c(0))
			p := s.in("p", lo, MinOf(s.opaque("end"), P))
			return inside(p, P)
		}, true},
		{"ragged rows, end not clamped", func(s *scene) Cond {
			P := s.dim("P")
			p := s.in("p", MaxOf(s.opaque("off"), c(0)), s.opaque("end"))
			return inside(p, P)
		}, false},
		{"convolution", func(s *scene) Cond {
			H, Y := s.dim("H"), s.dim("Y")
			y, r := s.in("y", c(0), Y), s.in("r", c(0), c(3))
			return inside(y.MulConst(2).Add(r).AddConst(-1), H)
		}, false},
		{"convolution, lower end", func(s *scene) Cond {
			Y := s.dim("Y")
			y, r := s.in("y", c(0), Y), s.in("r", c(0), c(3))
			return GE0(y.MulConst(2).Add(r).AddConst(-1))
		}, false},
		{"guarded convolution", func(s *scene) Cond {
			H, Y := s.dim("H"), s.dim("Y")
			y, r := s.in("y", c(0), Y), s.in("r", c(0), c(3))
			e := y.MulConst(2).Add(r).AddConst(-1)
			s.f.Assume(inside(e, H))
			return inside(e, H)
		}, true},
		{"padded convolution", func(s *scene) Cond {
			Y := s.dim("Y")
			H := Y.MulConst(2).AddConst(1)
			y, r := s.in("y", c(0), Y), s.in("r", c(0), c(3))
			return inside(y.MulConst(2).Add(r), H)
		}, true},
		{"remainder", func(s *scene) Cond {
			d := s.opaque("d")
			s.f.Assume(GT(d, c(0)))
			return inside(mod(s.opaque("e"), d), d)
		}, true},
		{"remainder by 8", func(s *scene) Cond { return inside(mod(s.opaque("e"), c(8)), c(8)) }, true},
		{"remainder by a negative", func(s *scene) Cond {
			r := mod(s.opaque("e"), c(-8))
			return And(GE(c(0), r), GT(r, c(-8)))
		}, true},
		{"remainder by what may be 0", func(s *scene) Cond {
			d := s.dim("d")
			return inside(mod(s.opaque("e"), d), d)
		}, false},
		{"min and max", func(s *scene) Cond {
			x, y := s.opaque("x"), s.opaque("y")
			return And(LE(MinOf(x, y), x), LE(x, MaxOf(x, y)), EQ(MinOf(x, y).Add(MaxOf(x, y)), x.Add(y)))
		}, true},
		{"half of odd", func(s *scene) Cond {
			i := s.opaque("i")
			return EQ(div(i.MulConst(2).AddConst(1), c(2)), i)
		}, true},
		{"page start", func(s *scene) Cond {
			L, S := s.dim("L"), s.opaque("S")
			s.f.Assume(GE(S, c(1)))
			t := s.in("t", c(0), ceil(L, S))
			return inside(t.Mul(S), L)
		}, true},
		{"page start, S = 16", func(s *scene) Cond {
			L := s.dim("L")
			t := s.in("t", c(0), ceil(L, c(16)))
			return inside(t.MulConst(16), L)
		}, true},
		{"inside a page", func(s *scene) Cond {
			L, S := s.dim("L"), s.opaque("S")
			s.f.Assume(GE(S, c(1)))
			t, j := s.in("t", c(0), ceil(L, S)), s.in("j", c(0), S)
			return inside(t.Mul(S).Add(j), L)
		}, false},
		{"inside full pages", func(s *scene) Cond {
			L, S := s.dim("L"), s.opaque("S")
			s.f.Assume(GE(S, c(1)))
			t, j := s.in("t", c(0), div(L, S)), s.in("j", c(0), S)
			return inside(t.Mul(S).Add(j), L)
		}, true},
		{"rope, halves", func(s *scene) Cond {
			D := s.dim("D")
			s.f.Require(Divides(c(2), D))
			p := s.in("p", c(0), div(D, c(2)))
			return And(inside(p.Add(div(D, c(2))), D), inside(p, D))
		}, true},
		{"rope, interleaved", func(s *scene) Cond {
			D := s.dim("D")
			p := s.in("p", c(0), div(D, c(2)))
			return And(inside(p.MulConst(2).AddConst(1), D), inside(p.MulConst(2), D))
		}, true},
		{"span of a tile", func(s *scene) Cond {
			M := s.dim("M")
			lo := s.in("m.lo", c(0), M)
			hi := MinOf(lo.AddConst(64), M)
			m := s.in("m", lo, hi)
			return And(inside(m, M), inside(m.Sub(lo), c(64)))
		}, true},
		{"flattened index", func(s *scene) Cond {
			H, W := s.dim("H"), s.dim("W")
			y, x := s.in("y", c(0), H), s.in("x", c(0), W)
			return inside(y.Mul(W).Add(x), H.Mul(W))
		}, true},
		{"three flattened axes", func(s *scene) Cond {
			A, B, C := s.dim("A"), s.dim("B"), s.dim("C")
			a, b, d := s.in("a", c(0), A), s.in("b", c(0), B), s.in("c", c(0), C)
			return inside(a.Mul(B).Add(b).Mul(C).Add(d), A.Mul(B).Mul(C))
		}, true},
		{"unflattened index", func(s *scene) Cond {
			H, W := s.dim("H"), s.dim("W")
			i := s.in("i", c(0), H.Mul(W))
			s.f.Assume(GE(W, c(1)))
			return And(inside(div(i, W), H), inside(mod(i, W), W))
		}, true},
		{"dimension defined by a requirement", func(s *scene) Cond {
			L, P := s.dim("L"), s.dim("P")
			s.f.Require(EQ(P, L.MulConst(2).AddConst(3)))
			l := s.in("l", c(0), L)
			return inside(l.MulConst(2).AddConst(4), P)
		}, true},
		{"equal dimensions", func(s *scene) Cond {
			A, B := s.dim("A"), s.dim("B")
			s.f.Require(EQ(A, B))
			return inside(s.in("i", c(0), A), B)
		}, true},
		{"divisibility of a sum", func(s *scene) Cond {
			K, G := s.dim("K"), s.opaque("G")
			s.f.Require(Divides(G, K))
			x := s.opaque("x")
			return Divides(G, K.Mul(x).Add(G.MulConst(3)))
		}, true},
		{"divisibility through two divisors", func(s *scene) Cond {
			K, G := s.dim("K"), s.opaque("G")
			s.f.Require(And(Divides(G, K), Divides(c(8), G)))
			return And(Divides(c(4), K), Divides(c(8), K.MulConst(3).AddConst(16)))
		}, true},
		{"no divisibility", func(s *scene) Cond {
			K := s.dim("K")
			s.f.Require(Divides(c(4), K))
			return Divides(c(8), K)
		}, false},
		{"exact quotient back", func(s *scene) Cond {
			K, G := s.dim("K"), s.opaque("G")
			s.f.Require(Divides(G, K))
			return EQ(div(K, G).Mul(G), K)
		}, true},
		{"divisibility of a clipped end", func(s *scene) Cond {
			t := s.opaque("t")
			return Divides(c(4), MinOf(t.MulConst(64).AddConst(64), s.dim("Q").MulConst(8)))
		}, true},
		{"split of a dimension", func(s *scene) Cond {
			K, S := s.dim("K"), s.dim("S")
			p := s.in("p", c(0), S)
			C := ceil(K, S)
			k := s.in("k", p.Mul(C), MinOf(p.AddConst(1).Mul(C), K))
			return And(inside(k, K), inside(k.Sub(p.Mul(C)), C))
		}, true},
		{"select of two bounds", func(s *scene) Cond {
			N := s.dim("N")
			lo, hi := s.opaque("lo"), s.opaque("hi")
			a, b := MaxOf(c(0), s.opaque("a")), MinOf(N, s.opaque("b"))
			s.f.Assume(And(GE(lo, MinOf(c(0), a)), LE(lo, MaxOf(c(0), a))))
			s.f.Assume(And(GE(hi, MinOf(N, b)), LE(hi, MaxOf(N, b))))
			return inside(s.in("n", lo, hi), N)
		}, true},
		{"span in a span", func(s *scene) Cond {
			K, G := s.dim("K"), s.opaque("G")
			s.f.Require(And(GE(G, c(1)), Divides(G, K), Divides(c(4), G)))
			g := s.in("g", c(0), div(K, G))
			lo := s.in("q.lo", c(0), div(G, c(4)))
			q := s.in("q", lo, MinOf(lo.AddConst(8), div(G, c(4))))
			return inside(g.Mul(G).Add(q.MulConst(4)).AddConst(3), K)
		}, true},
		{"backwards", func(s *scene) Cond {
			N := s.dim("N")
			return inside(N.AddConst(-1).Sub(s.in("i", c(0), N)), N)
		}, true},
		{"history", func(s *scene) Cond {
			T := s.dim("T")
			t, j := s.in("t", c(0), T), s.in("j", c(0), c(4))
			return inside(t.Sub(j), T)
		}, false},
		{"ring", func(s *scene) Cond {
			L := s.dim("L")
			i := s.in("i", c(0), L)
			return inside(mod(i.Add(s.opaque("t")), L), L)
		}, true},
		{"non-empty dimension", func(s *scene) Cond {
			K := s.dim("K")
			s.f.Assume(NE0(K))
			return GE(K, c(1))
		}, true},
		{"loop that runs", func(s *scene) Cond {
			K := s.dim("K")
			s.in("k", c(0), K)
			return GE(K, c(1))
		}, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newScene()
			goal := tt.goal(s)
			if got := s.f.Prove(goal); got != tt.want {
				t.Errorf("proof of %s: %v, want %v", goal, got, tt.want)
			}
		})
	}
}

func window(s *scene) Cond {
	M, N := s.dim("M"), s.dim("N")
	left, R := s.opaque("left"), s.opaque("R")
	mlo := s.in("m.lo", c(0), M)
	mhi := MinOf(mlo.AddConst(64), M)
	lo := MaxOf(c(0), mlo.Add(N.Sub(M)).Sub(left))
	hi := MinOf(N, mhi.Add(N.Sub(M)).Add(R))
	n := s.in("n", lo, hi)
	return inside(n, N)
}

func groups(s *scene, G Expr) Cond {
	K := s.dim("K")
	s.f.Require(And(GE(G, c(1)), Divides(G, K), Divides(c(4), G)))
	g := s.in("g", c(0), div(K, G))
	q := s.in("q", c(0), div(G, c(4)))
	j := s.in("j", c(0), c(4))
	return inside(g.Mul(G).Add(q.MulConst(4)).Add(j), K)
}

func convolution(s *scene) Cond {
	H, Y := s.dim("H"), s.dim("Y")
	y, r := s.in("y", c(0), Y), s.in("r", c(0), c(3))
	return LT(y.MulConst(2).Add(r).AddConst(-1), H)
}

func BenchmarkProve(b *testing.B) {
	for _, bb := range []struct {
		name string
		goal func(s *scene) Cond
		want bool
	}{
		{"window", window, true},
		{"groups", func(s *scene) Cond { return groups(s, s.opaque("G")) }, true},
		{"unprovable", convolution, false},
	} {
		b.Run(bb.name, func(b *testing.B) {
			s := newScene()
			goal := bb.goal(s)
			b.ReportAllocs()
			for b.Loop() {
				if s.f.Prove(goal) != bb.want {
					b.Fatal("wrong answer")
				}
			}
		})
	}
}

func BenchmarkScope(b *testing.B) {
	s := newScene()
	window(s)
	M := s.dim("M")
	i := s.Sym("i").Expr()
	b.ReportAllocs()
	for b.Loop() {
		f := s.f.Fork()
		f.Within(i, c(0), M)
	}
}
