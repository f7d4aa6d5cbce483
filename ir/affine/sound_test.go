package affine

import (
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// Symbols of the property tests take all values from boxLo to boxHi.
const boxLo, boxHi = -3, 4

// tree is an expression as written, evaluated without any of the package's
// simplifications.
type tree struct {
	op   string // "n", "s", "+", "-", "*", "/", "%", "min", "max", "clamp"
	n    int64
	args []*tree
}

func (t *tree) expr(syms []Sym) Expr {
	var a []Expr
	for _, x := range t.args {
		a = append(a, x.expr(syms))
	}
	switch t.op {
	case "n":
		return Const(t.n)
	case "s":
		return syms[t.n].Expr()
	case "+":
		return a[0].Add(a[1])
	case "-":
		return a[0].Sub(a[1])
	case "*":
		return a[0].Mul(a[1])
	case "min":
		return MinOf(a...)
	case "max":
		return MaxOf(a...)
	case "clamp":
		return Clamp(a[0], a[1], a[2])
	}
	e, err := FloorDiv(a[0], a[1])
	if t.op == "%" {
		e, err = Mod(a[0], a[1])
	}
	if err != nil {
		return Unknown()
	}
	return e
}

// eval computes the tree's value; ok is false where it divides by zero.
func (t *tree) eval(point []int64) (v int64, ok bool) {
	var a []int64
	for _, x := range t.args {
		y, ok := x.eval(point)
		if !ok {
			return 0, false
		}
		a = append(a, y)
	}
	switch t.op {
	case "n":
		return t.n, true
	case "s":
		return point[t.n], true
	case "+":
		return a[0] + a[1], true
	case "-":
		return a[0] - a[1], true
	case "*":
		return a[0] * a[1], true
	case "min":
		return min(a[0], a[1]), true
	case "max":
		return max(a[0], a[1]), true
	case "clamp":
		return min(max(a[0], a[1]), a[2]), true
	}
	if a[1] == 0 {
		return 0, false
	}
	q := a[0] / a[1]
	if a[0]%a[1] != 0 && (a[0] < 0) != (a[1] < 0) {
		q--
	}
	if t.op == "/" {
		return q, true
	}
	return a[0] - q*a[1], true
}

func drawTree(t *rapid.T, syms, depth int) *tree {
	if depth == 0 || rapid.IntRange(0, 3).Draw(t, "leaf") == 0 {
		if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
			return &tree{op: "n", n: rapid.Int64Range(-4, 5).Draw(t, "n")}
		}
		return &tree{op: "s", n: rapid.Int64Range(0, int64(syms-1)).Draw(t, "sym")}
	}
	op := rapid.SampledFrom([]string{"+", "-", "+", "-", "*", "/", "%", "min", "max", "clamp"}).Draw(t, "op")
	args := 2
	if op == "clamp" {
		args = 3
	}
	x := &tree{op: op}
	for range args {
		x.args = append(x.args, drawTree(t, syms, depth-1))
	}
	return x
}

func drawCond(t *rapid.T, syms []Sym) Cond {
	e := func() Expr { return drawTree(t, len(syms), 2).expr(syms) }
	switch rapid.IntRange(0, 7).Draw(t, "cond") {
	case 0:
		return EQ(e(), e())
	case 1:
		return NE0(e())
	case 2:
		return Divides(e(), e())
	case 3:
		return Or(GE0(e()), LT(e(), e()))
	case 4:
		return Not(Divides(e(), e()))
	case 5:
		return And(LE(e(), e()), NE(e(), e()))
	}
	return GE(e(), e())
}

// points calls visit for every point of the box.
func points(n int, visit func([]int64)) {
	p := make([]int64, n)
	var fill func(int)
	fill = func(i int) {
		if i == n {
			visit(p)
			return
		}
		for p[i] = boxLo; p[i] <= boxHi; p[i]++ {
			fill(i + 1)
		}
	}
	fill(0)
}

// world is facts over a box of points, and the points that satisfy them.
type world struct {
	f      *Facts
	syms   []Sym
	allow  [][]int64
	record string
}

func drawWorld(t *rapid.T) *world {
	s := NewSpace()
	w := &world{f: NewFacts()}
	n := rapid.IntRange(1, 3).Draw(t, "syms")
	for i := range n {
		w.syms = append(w.syms, s.Sym(string(rune('x'+i))))
	}
	var keep []func(func(Sym) (int64, bool)) bool
	for _, x := range w.syms {
		w.f.Assume(And(GE(x.Expr(), Const(boxLo)), LE(x.Expr(), Const(boxHi))))
	}
	for range rapid.IntRange(0, 4).Draw(t, "facts") {
		c := drawCond(t, w.syms)
		checked := rapid.Bool().Draw(t, "checked")
		if checked {
			w.f.Require(c)
		} else {
			w.f.Assume(c)
		}
		w.record += fmt.Sprintf("%s (checked %v)\n", c, checked)
		keep = append(keep, func(v func(Sym) (int64, bool)) bool { return possible(c, checked, v) })
		if rapid.Bool().Draw(t, "fork") {
			old := w.f
			w.f = old.Fork()
			old.Assume(EQ0(w.syms[0].Expr())) // must not be seen by the fork
		}
	}
	points(n, func(p []int64) {
		for _, k := range keep {
			if !k(w.at(p)) {
				return
			}
		}
		w.allow = append(w.allow, append([]int64(nil), p...))
	})
	return w
}

// possible reports whether c may come out true: undefined values may make any
// assumption true, and a check fail.
func possible(c Cond, checked bool, v func(Sym) (int64, bool)) bool {
	if len(c.sub) == 0 {
		ok, err := c.Eval(v)
		if err != nil {
			return !errors.Is(err, ErrZero) || !checked
		}
		return ok
	}
	for _, s := range c.sub {
		if possible(s, checked, v) != (c.kind == condAnd) {
			return c.kind == condOr
		}
	}
	return c.kind == condAnd
}

func (w *world) at(p []int64) func(Sym) (int64, bool) {
	return func(s Sym) (int64, bool) {
		for i, x := range w.syms {
			if x == s {
				return p[i], true
			}
		}
		return 0, false
	}
}

// TestSound: whatever the prover claims holds at every point that satisfies the
// facts, and what it refutes is refuted by a point.
func TestSound(t *testing.T) {
	proofs, claims := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		if w.f.Contradictory() {
			if len(w.allow) > 0 {
				t.Fatalf("facts called contradictory hold at %v\n%s", w.allow[0], w.record)
			}
			return
		}
		for range 12 {
			c := drawCond(t, w.syms)
			claims++
			if !w.f.Prove(c) {
				continue
			}
			proofs++
			for _, p := range w.allow {
				if ok, err := c.Eval(w.at(p)); err != nil || !ok {
					t.Fatalf("proved %s, but at %v it is %v, %v\n%s", c, p, ok, err, w.record)
				}
			}
		}
		e := drawTree(t, len(w.syms), 3).expr(w.syms)
		if !e.Known() {
			return
		}
		lo, hi, _ := w.f.Range(e)
		simple := w.f.Simplify(e)
		values, found := w.f.Counter(e)
		confirmed := false
		for _, p := range w.allow {
			v, err := e.Eval(w.at(p))
			if err == nil && (v < lo || v > hi) {
				t.Fatalf("range of %s is %d..%d, but at %v it is %d\n%s", e, lo, hi, p, v, w.record)
			}
			if u, err2 := simple.Eval(w.at(p)); err == nil && (err2 != nil || u != v) {
				t.Fatalf("%s simplified to %s: %d and %d, %v at %v\n%s", e, simple, v, u, err2, p, w.record)
			}
			match := true
			for _, x := range values {
				if y, _ := w.at(p)(x.Sym); y != x.N {
					match = false
				}
			}
			confirmed = confirmed || match && (v < 0 || err != nil)
		}
		if found && !confirmed && len(w.allow) > 0 {
			t.Fatalf("no point of the facts has the counterexample %v of %s\n%s", values, e, w.record)
		}
	})
	if proofs*20 < claims {
		t.Errorf("only %d of %d random claims proven: the test shows little", proofs, claims)
	}
}

// TestCanonical: an expression has the value of the tree it was built from.
func TestCanonical(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewSpace()
		syms := []Sym{s.Sym("x"), s.Sym("y")}
		tr := drawTree(t, len(syms), 4)
		e := tr.expr(syms)
		if !e.Known() {
			// Only a constant zero divisor may lose an expression this small.
			points(len(syms), func(p []int64) {
				if _, ok := tr.eval(p); ok && !constantZero(tr, syms) {
					t.Fatalf("unknown, but defined at %v", p)
				}
			})
			return
		}
		again := e.Subst(func(x Sym) (Expr, bool) { return Expr{}, false })
		if !again.Equal(e) {
			t.Fatalf("%s rebuilds as %s", e, again)
		}
		points(len(syms), func(p []int64) {
			at := func(x Sym) (int64, bool) { return p[x.ID()], true }
			want, ok := tr.eval(p)
			got, err := e.Eval(at)
			if ok && (err != nil || got != want) {
				t.Fatalf("%s at %v: got %d, %v, want %d", e, p, got, err, want)
			}
		})
	})
}

// constantZero reports whether some divisor of the tree is identically 0.
func constantZero(t *tree, syms []Sym) bool {
	for _, a := range t.args {
		if constantZero(a, syms) {
			return true
		}
	}
	if t.op != "/" && t.op != "%" {
		return false
	}
	n, ok := t.args[1].expr(syms).IsConst()
	return ok && n == 0
}
