package affine_test

import (
	"fmt"

	"github.com/tilec/tilec/ir/affine"
)

// A kernel reads x[g*G + q*4 + j] from x [K] and its scale from s [K/G].
func Example() {
	space, facts := affine.NewSpace(), affine.NewFacts()
	dim := func(name string) affine.Expr {
		d := space.Sym(name).Expr()
		facts.Assume(affine.GE0(d))
		return d
	}
	K, G := dim("K"), dim("G")
	groups, _ := affine.FloorDiv(K, G)
	quads, _ := affine.FloorDiv(G, affine.Const(4))
	// The shape K/G and `require G % 4 == 0` are checked at launch.
	facts.Require(affine.And(affine.Divides(G, K), affine.Divides(affine.Const(4), G)))

	body := facts.Fork() // the scope of the loops
	loop := func(name string, end affine.Expr) affine.Expr {
		i := space.Sym(name).Expr()
		body.Within(i, affine.Const(0), end)
		return i
	}
	g, q, j := loop("g", groups), loop("q", quads), loop("j", affine.Const(4))

	at := g.Mul(G).Add(q.MulConst(4)).Add(j)
	fmt.Println(at, "inside:", body.ProveGE0(at) && body.ProveLT(at, K))
	next := at.AddConst(1)
	fmt.Println(next, "inside:", body.ProveLT(next, K))
	fmt.Println(body.WhyOutside(next, K))

	back, _ := affine.FloorDiv(at, G)
	fmt.Println(back, "=", body.Simplify(back))
	fmt.Println(body.ProveDivides(affine.Const(4), at.Sub(j)))
	// Output:
	// G*g + 4*q + j inside: true
	// G*g + 4*q + j + 1 inside: false
	// G*g + 4*q + j + 1 can be 4 where K is 4 (G = 4, g = 0, q = 0, j = 3)
	// (G*g + 4*q + j)/G = g
	// true
}
