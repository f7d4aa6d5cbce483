package maths

import "math"

// A pair is the sum of two float64, the first of which is the sum rounded: some 106 bits.
type pair struct{ hi, lo float64 }

// sum is x + y exactly.
func sum(x, y float64) pair {
	s := x + y
	v := s - x
	return pair{s, (x - (s - v)) + (y - v)}
}

// product is x·y exactly, unless it is so small that its last bits are lost.
func product(x, y float64) pair {
	p := float64(x * y)
	return pair{p, math.FMA(x, y, -p)}
}

// plus is a + b.
func (a pair) plus(b pair) pair {
	s, t := sum(a.hi, b.hi), sum(a.lo, b.lo)
	s = sum(s.hi, s.lo+t.hi)
	return sum(s.hi, s.lo+t.lo)
}

// plusFloat is a + x.
func (a pair) plusFloat(x float64) pair {
	s := sum(a.hi, x)
	return sum(s.hi, s.lo+a.lo)
}

// times is a·b.
func (a pair) times(b pair) pair {
	p := product(a.hi, b.hi)
	return sum(p.hi, p.lo+float64(a.hi*b.lo)+float64(a.lo*b.hi))
}

// timesFloat is a·x.
func (a pair) timesFloat(x float64) pair {
	p := product(a.hi, x)
	return sum(p.hi, p.lo+float64(a.lo*x))
}

// over is a/b.
func (a pair) over(b pair) pair {
	q := a.hi / b.hi
	r := a.plus(b.timesFloat(-q))
	p := r.hi / b.hi
	r = r.plus(b.timesFloat(-p))
	s := sum(q, p)
	return sum(s.hi, s.lo+r.hi/b.hi)
}

// scaled is a·2^k.
func (a pair) scaled(k int) pair { return pair{math.Ldexp(a.hi, k), math.Ldexp(a.lo, k)} }
