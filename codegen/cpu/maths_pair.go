package cpu

import "github.com/tilec/tilec/codegen/internal/llx"

// A pair is the sum of two floats of a lane, the first of which is the sum rounded: twice the bits.
type pair struct{ hi, lo llx.Value }

// sum is x + y exactly.
func (v fv) sum(x, y llx.Value) pair {
	s := v.FAdd(x, y)
	t := v.FSub(s, x)
	return pair{s, v.FAdd(v.FSub(x, v.FSub(s, t)), v.FSub(y, t))}
}

// quick is x + y exactly where |x| ≥ |y| or x is 0.
func (v fv) quick(x, y llx.Value) pair {
	s := v.FAdd(x, y)
	return pair{s, v.FSub(y, v.FSub(s, x))}
}

// product is x·y exactly, unless it is so small that its last bits are lost, or within 2^28 of the largest f64.
func (v fv) product(x, y llx.Value) pair {
	p := v.FMul(x, y)
	if v.level.FMA {
		return pair{p, v.fma(x, y, v.FNeg(p))}
	}
	// Each factor is cut into halves whose products are exact.
	cut := func(x llx.Value) (hi, lo llx.Value) {
		t := v.FMul(x, v.n(1<<27+1))
		hi = v.FSub(t, v.FSub(t, x))
		return hi, v.FSub(x, hi)
	}
	a, b := cut(x)
	c, d := cut(y)
	e := v.FSub(p, v.FMul(a, c))
	e = v.FSub(v.FSub(e, v.FMul(a, d)), v.FMul(b, c))
	return pair{p, v.FSub(v.FMul(b, d), e)}
}

// times is a·b.
func (v fv) times(a, b pair) pair {
	p := v.product(a.hi, b.hi)
	return v.quick(p.hi, v.FAdd(p.lo, v.fma(a.hi, b.lo, v.FMul(a.lo, b.hi))))
}

// plus is a + x.
func (v fv) plus(a pair, x llx.Value) pair {
	s := v.sum(a.hi, x)
	return v.quick(s.hi, v.FAdd(s.lo, a.lo))
}

// quotient is a/b.
func (v fv) quotient(a, b pair) pair {
	q := v.FDiv(a.hi, b.hi)
	p := v.product(q, b.hi)
	rest := v.FSub(v.FSub(a.hi, p.hi), p.lo)
	rest = v.FAdd(rest, v.fma(v.FNeg(q), b.lo, a.lo))
	return v.quick(q, v.FDiv(rest, b.hi))
}

// over is a/b rounded.
func (v fv) over(a, b pair) llx.Value { return v.quotient(a, b).hi }
