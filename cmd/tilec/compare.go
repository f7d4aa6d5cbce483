package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/runtime/array"
)

// comparison is how an output differs from the same computed in float64.
type comparison struct {
	differ int     // elements that differ by more than is allowed
	at     int     // the element that comes closest to what is allowed, or exceeds it most; -1 if all are equal
	got    float64 // it
	want   float64
	off    float64 // |got − want|; +Inf where only one of them is a number
	may    float64 // what is allowed there
	shape  []int64
}

// compare holds results to float64. Allowed is t·(|y| + r) + h·|y| + the smallest subnormal: r is the root mean square
// of the output, so that the scale of the data does not matter; h is half an ulp of the output's type; and t is 2⁻¹³
// for the rounding of sums of many terms in f32, or four half ulps of the narrowest float to which the kernel rounds
// what it computes with afterwards. That holds for data of one scale and a mild kernel; a test's own bound follows from
// the text. Integers are exact, but for a step of 1 where a float was rounded to one.
func compare(fn *ir.Func, results, exact []*array.Array) []comparison {
	t, steps := roundings(fn)
	out := make([]comparison, len(results))
	for i, a := range results {
		c := comparison{at: -1, shape: a.Shape}
		scale := rms(exact[i])
		nearest := 0.0
		pairs(a, exact[i], func(at int, x, y float64) {
			if a.Elem.IsFloat() && math.Abs(y) > a.Elem.Max() {
				y = a.Elem.Round64(y)
			}
			if x == y || math.IsNaN(x) && math.IsNaN(y) {
				return
			}
			off, may := math.Abs(x-y), 0.0
			switch {
			case math.IsNaN(off) || math.IsInf(y, 0):
				off = math.Inf(1)
			case a.Elem.IsFloat():
				may = t*(math.Abs(y)+scale) + a.Elem.UnitRoundoff()*math.Abs(y) + subnormal(a.Elem)
			case steps && a.Elem != dtype.Bool:
				may = 1
			}
			if !(off <= may) {
				c.differ++
			}
			ratio := math.Inf(1)
			if may > 0 {
				ratio = off / may
			}
			if c.at < 0 || ratio > nearest {
				c.at, c.got, c.want, c.off, c.may, nearest = at, x, y, off, may, ratio
			}
		})
		out[i] = c
	}
	return out
}

// roundings are the relative error that a kernel's roundings bring, and whether it rounds floats to integers. A value
// that is rounded only to be stored counts with the output's type instead.
func roundings(fn *ir.Func) (t float64, steps bool) {
	t = math.Ldexp(1, -13)
	stored := map[*ir.Value]bool{}
	fn.Walk(func(o *ir.Op) {
		if o.Code == ir.Store {
			stored[o.Operands[len(o.Operands)-1]] = true
		}
	})
	fn.Walk(func(o *ir.Op) {
		if o.Code == ir.Load {
			return
		}
		for _, v := range o.Results {
			if e := v.Type.Elem; v.Type.Data() && e.IsFloat() && e.Bits() < 32 && !stored[v] {
				t = max(t, 4*e.UnitRoundoff())
			}
		}
		if o.Code == ir.Cast && o.Operands[0].Type.Elem.IsFloat() && !o.Result().Type.Elem.IsFloat() {
			steps = true
		}
	})
	return t, steps
}

// subnormal is the smallest positive value of a float type.
func subnormal(t dtype.Type) float64 {
	for code := uint64(1); code < 4; code++ {
		if x := t.Decode(code); x > 0 {
			return x
		}
	}
	return 0
}

// rms is the root mean square of the finite elements, 0 of none.
func rms(a *array.Array) float64 {
	sum, n := 0.0, 0
	values(a, func(_ int, part []float64) {
		for _, x := range part {
			if !math.IsNaN(x) && !math.IsInf(x, 0) {
				sum += x * x
				n++
			}
		}
	})
	return math.Sqrt(sum / float64(max(n, 1)))
}

// values hands out an array's elements in float64, a part at a time, with the number of the first.
func values(a *array.Array, use func(at int, part []float64)) {
	var buf [1024]float64
	for at, n := 0, a.Len(); at < n; at += len(buf) {
		part := buf[:min(len(buf), n-at)]
		a.Elem.DecodeF64(part, a.Data, at*a.Elem.Bits())
		use(at, part)
	}
}

// pairs hands out the elements of two arrays of one shape.
func pairs(a, b *array.Array, use func(at int, x, y float64)) {
	var buf [1024]float64
	values(a, func(at int, part []float64) {
		b.Elem.DecodeF64(buf[:len(part)], b.Data, at*b.Elem.Bits())
		for j, x := range part {
			use(at+j, x, buf[j])
		}
	})
}

// text tells of a comparison in one line.
func (c comparison) text() string {
	if c.at < 0 {
		return "agrees with float64 exactly"
	}
	where := place(c.shape, c.at)
	if c.differ > 0 {
		n := 1
		for _, d := range c.shape {
			n *= int(d)
		}
		return fmt.Sprintf("DIFFERS from float64 in %d of %d elements, most at %s: got %s, want %s, off by %.2g where %.2g is allowed",
			c.differ, n, where, number(c.got), number(c.want), c.off, c.may)
	}
	return fmt.Sprintf("agrees with float64: off by %.2g at %s, where %.2g is allowed", c.off, where, c.may)
}

// place is the index of element k.
func place(shape []int64, k int) string {
	at := make([]string, len(shape))
	for i := len(shape) - 1; i >= 0; i-- {
		at[i] = fmt.Sprint(k % int(shape[i]))
		k /= int(shape[i])
	}
	return "[" + strings.Join(at, ", ") + "]"
}
