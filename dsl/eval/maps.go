package eval

import (
	"math"
	"math/bits"

	"github.com/tilec/tilec/dsl/typed"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/philox"
)

// opError is what the bound allows one operation of a kernel, relative to its magnitude.
const opError = 0x1p-22

// function is a float function of one argument: its value, and the magnitude of its derivative from argument and value.
type function struct {
	f func(x float64) float64
	d func(x, f float64) float64
}

var functions = map[ir.Code]function{
	ir.Sqrt:     {math.Sqrt, func(x, f float64) float64 { return 0.5 / f }},
	ir.Rsqrt:    {func(x float64) float64 { return 1 / math.Sqrt(x) }, func(x, f float64) float64 { return 0.5 * f / x }},
	ir.Recip:    {func(x float64) float64 { return 1 / x }, func(x, f float64) float64 { return f * f }},
	ir.Exp:      {math.Exp, func(x, f float64) float64 { return f }},
	ir.Exp2:     {math.Exp2, func(x, f float64) float64 { return f * math.Ln2 }},
	ir.Log:      {math.Log, func(x, f float64) float64 { return 1 / x }},
	ir.Log2:     {math.Log2, func(x, f float64) float64 { return 1 / (x * math.Ln2) }},
	ir.Sin:      {math.Sin, func(x, f float64) float64 { return math.Cos(x) }},
	ir.Cos:      {math.Cos, func(x, f float64) float64 { return math.Sin(x) }},
	ir.Tanh:     {math.Tanh, func(x, f float64) float64 { return 1 - f*f }},
	ir.Erf:      {math.Erf, func(x, f float64) float64 { return 2 / math.Sqrt(math.Pi) * math.Exp(-x*x) }},
	ir.Sigmoid:  {sigmoid, func(x, f float64) float64 { return f * (1 - f) }},
	ir.Gelu:     {gelu, func(x, f float64) float64 { return normalCDF(x) + x*math.Exp(-x*x/2)/math.Sqrt(2*math.Pi) }},
	ir.Silu:     {func(x float64) float64 { return gated(x, sigmoid(x)) }, siluSlope},
	ir.Softplus: {softplus, func(x, f float64) float64 { return sigmoid(x) }},
}

func sigmoid(x float64) float64   { return 1 / (1 + math.Exp(-x)) }
func normalCDF(x float64) float64 { return 0.5 * math.Erfc(-x/math.Sqrt2) }
func gelu(x float64) float64      { return gated(x, normalCDF(x)) }
func softplus(x float64) float64  { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

// gated is x·g, where g falls to 0 faster than x grows: 0 at −inf.
func gated(x, g float64) float64 {
	if g == 0 && x < 0 {
		return 0
	}
	return x * g
}

func siluSlope(x, f float64) float64 {
	s := sigmoid(x)
	return s + f*(1-s)
}

// steps are the functions that jump: the error is how far the result moves within the argument's.
var steps = map[ir.Code]func(float64) float64{
	ir.Floor: math.Floor, ir.Ceil: math.Ceil, ir.Rint: math.RoundToEven, ir.Trunc: math.Trunc,
}

// apply is an elementwise operation on values over the same axes.
func apply(e *typed.Map, args []*values, track bool) *values {
	x := args[0]
	out := &values{axes: x.axes, n: x.n}
	elem := e.Args[0].Type().Elem
	switch e.Op {
	case ir.Select:
		return selected(x, args[1], args[2])
	case ir.Isnan:
		out.i = make([]int64, len(x.f))
		for k, v := range x.f {
			out.i[k] = truth(v != v)
		}
		return out
	case ir.Finite:
		out.i = make([]int64, len(x.f))
		for k, v := range x.f {
			out.i[k] = truth(v-v == 0)
		}
		return out
	case ir.Exponent:
		out.i = make([]int64, len(x.f))
		for k, v := range x.f {
			out.i[k] = exponent(v, e.T.Elem)
		}
		return out
	case ir.Rand, ir.Uniform, ir.Normal:
		return random(e.Op, x, args[1], out)
	case ir.BitOf:
		return bitOf(elem, x, args[1], out)
	case ir.Ldexp:
		return scaled(x, args[1], out)
	case ir.Eq, ir.Ne, ir.Lt, ir.Le, ir.Gt, ir.Ge:
		y := args[1]
		out.i = make([]int64, x.size())
		switch {
		case x.f != nil:
			compare(e.Op, x.f, y.f, out.i)
		case elem == dtype.U64:
			compare(e.Op, unsigned(x.i), unsigned(y.i), out.i)
		default:
			compare(e.Op, x.i, y.i, out.i)
		}
		return out
	}
	if x.f == nil {
		out.i = intOp(e, elem, args)
		return out
	}
	floatOp(e, args, out, track)
	return out
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func unsigned(v []int64) []uint64 {
	out := make([]uint64, len(v))
	for k, x := range v {
		out[k] = uint64(x)
	}
	return out
}

func compare[T int64 | uint64 | float64](op ir.Code, x, y []T, out []int64) {
	for k, a := range x {
		b := y[k]
		var r bool
		switch op {
		case ir.Eq:
			r = a == b
		case ir.Ne:
			r = a != b
		case ir.Lt:
			r = a < b
		case ir.Le:
			r = a <= b
		case ir.Gt:
			r = a > b
		case ir.Ge:
			r = a >= b
		}
		if r {
			out[k] = 1
		}
	}
}

// exponent is ⌊log2 |v|⌋: of 0 the least number of the type, of what is not finite the greatest.
func exponent(v float64, t dtype.Type) int64 {
	switch {
	case v == 0:
		return t.MinInt()
	case v-v != 0:
		return t.MaxInt()
	}
	return t.IntOfInt(dtype.I64, int64(math.Ilogb(v)), dtype.Default)
}

func random(op ir.Code, seed, index, out *values) *values {
	switch op {
	case ir.Rand:
		out.i = make([]int64, len(index.i))
		for k, i := range index.i {
			out.i[k] = int64(philox.Rand(seed.i[k], i))
		}
		return out
	case ir.Uniform:
		out.f = make([]float64, len(index.i))
		for k, i := range index.i {
			out.f[k] = float64(philox.Uniform(seed.i[k], i))
		}
		return out
	}
	out.f = make([]float64, len(index.i))
	for k, i := range index.i {
		out.f[k] = float64(philox.Normal(seed.i[k], i))
	}
	return out
}

func bitOf(elem dtype.Type, x, j, out *values) *values {
	out.i = make([]int64, x.size())
	for k := range out.i {
		var code uint64
		if x.f != nil {
			code = elem.Encode(x.f[k], dtype.NearestEven, dtype.ToInf)
		} else {
			code = elem.EncodeInt(x.i[k], true)
		}
		if b := j.i[k]; b >= 0 && b < 64 {
			out.i[k] = int64(code >> b & 1)
		}
	}
	return out
}

// scaled is x·2^n, exact but for the ends of the range.
func scaled(x, n, out *values) *values {
	by := func(f []float64) []float64 {
		if f == nil {
			return nil
		}
		z := make([]float64, len(f))
		for k, v := range f {
			z[k] = math.Ldexp(v, int(min(max(n.i[k], -5000), 5000)))
		}
		return z
	}
	out.f, out.a, out.e = by(x.f), by(x.a), by(x.e)
	return out
}

// times is d·e where no slope or no error is none, whatever the other is.
func times(d, e float64) float64 {
	if d == 0 || e == 0 {
		return 0
	}
	return math.Abs(d * e)
}

// floatOp is an operation on floats with a float result: value, and with track its magnitude and error.
func floatOp(e *typed.Map, args []*values, out *values, track bool) {
	x := args[0]
	n := len(x.f)
	out.f = make([]float64, n)
	switch e.Op {
	case ir.Neg:
		for k, v := range x.f {
			out.f[k] = -v
		}
		out.a, out.e = x.a, x.e
		return
	case ir.Abs:
		for k, v := range x.f {
			out.f[k] = math.Abs(v)
		}
		out.a, out.e = x.a, x.e
		return
	case ir.Relu:
		zero := &values{axes: x.axes, n: x.n, f: make([]float64, n)}
		extreme(x, zero, out, func(a, b float64) bool { return a > b || a != a })
		return
	case ir.Min:
		extreme(x, args[1], out, func(a, b float64) bool { return a < b || b != b })
		return
	case ir.Max:
		extreme(x, args[1], out, func(a, b float64) bool { return a > b || b != b })
		return
	case ir.MinNan:
		extreme(x, args[1], out, func(a, b float64) bool { return a < b || a != a })
		return
	case ir.MaxNan:
		extreme(x, args[1], out, func(a, b float64) bool { return a > b || a != a })
		return
	case ir.Fma:
		product := &values{axes: x.axes, n: x.n, f: make([]float64, n)}
		arith(ir.Mul, x, args[1], product, track)
		arith(ir.Add, product, args[2], out, track)
		for k := range out.f {
			out.f[k] = math.FMA(x.f[k], args[1].f[k], args[2].f[k])
		}
		return
	case ir.Add, ir.Sub, ir.Mul, ir.Div:
		arith(e.Op, x, args[1], out, track)
		return
	}
	if f, ok := steps[e.Op]; ok {
		for k, v := range x.f {
			out.f[k] = f(v)
		}
		if track && x.e != nil {
			out.e = make([]float64, n)
			for k, v := range x.f {
				d := x.e[k]
				if out.f[k]-out.f[k] == 0 {
					out.e[k] = max(math.Abs(f(v+d)-out.f[k]), math.Abs(f(v-d)-out.f[k]))
				}
			}
		}
		return
	}
	if f, ok := functions[e.Op]; ok {
		for k, v := range x.f {
			out.f[k] = f.f(v)
		}
		if track {
			out.e = make([]float64, n)
			for k, v := range out.f {
				if v-v != 0 {
					continue
				}
				out.e[k] = opError * math.Abs(v)
				if x.e != nil && x.e[k] != 0 {
					moved := times(f.d(x.f[k], v), x.e[k])
					if e.Op == ir.Sqrt {
						moved = min(moved, math.Sqrt(x.e[k]))
					}
					out.e[k] += moved
				}
			}
		}
		return
	}
	binary(e, x, args[1], out, track)
}

// arith is + − · / with magnitude and error by the rules of the bound.
func arith(op ir.Code, x, y, out *values, track bool) {
	n := len(x.f)
	a, b, z := x.f, y.f[:n], out.f[:n]
	switch op {
	case ir.Add:
		for k, v := range a {
			z[k] = v + b[k]
		}
	case ir.Sub:
		for k, v := range a {
			z[k] = v - b[k]
		}
	case ir.Mul:
		for k, v := range a {
			z[k] = v * b[k]
		}
	case ir.Div:
		for k, v := range a {
			z[k] = v / b[k]
		}
	}
	if !track {
		return
	}
	out.a, out.e = make([]float64, n), make([]float64, n)
	for k, v := range z {
		if v-v != 0 {
			continue
		}
		ax, ay := math.Abs(a[k]), math.Abs(b[k])
		var ex, ey, m, d float64
		if x.e != nil {
			ex = x.e[k]
		}
		if y.e != nil {
			ey = y.e[k]
		}
		ma, mb := ax, ay
		if x.a != nil {
			ma = x.a[k]
		}
		if y.a != nil {
			mb = y.a[k]
		}
		switch op {
		case ir.Add, ir.Sub:
			m, d = ma+mb, ex+ey
		case ir.Mul:
			m, d = ma*mb, times(ay, ex)+times(ax, ey)
		case ir.Div:
			m, d = ma/ay, times(1/ay, ex)+times(ax/(ay*ay), ey)
			if ay-ay != 0 {
				m, d = 0, 0
			}
		}
		out.a[k], out.e[k] = m, d+opError*m
	}
}

// extreme is x where first(x, y) says so, else y; its error is the larger of the two, since either may be the one that a
// kernel takes.
func extreme(x, y, out *values, first func(a, b float64) bool) {
	n := len(x.f)
	took := &values{axes: x.axes, n: x.n, i: make([]int64, n)}
	for k, v := range x.f {
		took.i[k] = truth(first(v, y.f[k]))
	}
	*out = *selected(took, x, y)
	if out.e == nil {
		return
	}
	ex, ey := errorsOf(x), errorsOf(y)
	for k, v := range out.f {
		other, e := y.f[k], ey[k]
		if took.i[k] == 0 {
			other, e = x.f[k], ex[k]
		}
		// What was not taken counts as far as it may reach beyond what was.
		if reach := e - math.Abs(v-other); v-v == 0 && reach > out.e[k] {
			out.e[k] = reach
		}
	}
}

// binary are the other float operations of two operands.
func binary(e *typed.Map, x, y, out *values, track bool) {
	for k, a := range x.f {
		b := y.f[k]
		switch e.Op {
		case ir.Pow:
			out.f[k] = math.Pow(a, b)
		case ir.Mod:
			out.f[k] = a - b*math.Floor(a/b)
		case ir.Copysign:
			out.f[k] = math.Copysign(a, b)
		default:
			panic(failf(e.At, "internal error: no meaning for %s in a test", e.Op))
		}
	}
	if e.Op == ir.Copysign {
		out.a, out.e = x.a, x.e
		return
	}
	if !track {
		return
	}
	ex, ey := errorsOf(x), errorsOf(y)
	out.e = make([]float64, len(out.f))
	for k, f := range out.f {
		if f-f != 0 {
			continue
		}
		a, b := x.f[k], y.f[k]
		da, db := 1.0, math.Floor(a/b)
		if e.Op == ir.Pow {
			da, db = b*math.Pow(a, b-1), f*math.Log(math.Abs(a))
		}
		out.e[k] = times(da, ex[k]) + times(db, ey[k]) + opError*math.Abs(f)
	}
}

// intOp is an operation on integers or bools, wrapped to the element type.
func intOp(e *typed.Map, elem dtype.Type, args []*values) []int64 {
	x := args[0].i
	var y []int64
	if len(args) > 1 {
		y = args[1].i
	}
	out := make([]int64, len(x))
	f := intFunc(e, elem)
	for k, a := range x {
		var b int64
		if y != nil {
			b = y[k]
		}
		out[k] = f(a, b)
	}
	if to := e.T.Elem; to.Bits() < 64 && to != dtype.Bool {
		for k, v := range out {
			out[k] = to.DecodeInt(to.EncodeInt(v, true))
		}
	}
	return out
}

func intFunc(e *typed.Map, t dtype.Type) func(a, b int64) int64 {
	wide := t == dtype.U64
	width := int64(t.Bits())
	code := func(a int64) uint64 { return t.EncodeInt(a, true) }
	less := func(a, b int64) bool {
		if wide {
			return uint64(a) < uint64(b)
		}
		return a < b
	}
	switch e.Op {
	case ir.Neg:
		return func(a, _ int64) int64 { return -a }
	case ir.Not:
		if t == dtype.Bool {
			return func(a, _ int64) int64 { return 1 - a }
		}
		return func(a, _ int64) int64 { return ^a }
	case ir.Abs:
		return func(a, _ int64) int64 {
			if less(a, 0) {
				return -a
			}
			return a
		}
	case ir.Relu:
		return func(a, _ int64) int64 {
			if less(a, 0) {
				return 0
			}
			return a
		}
	case ir.Add:
		return func(a, b int64) int64 { return a + b }
	case ir.Sub:
		return func(a, b int64) int64 { return a - b }
	case ir.Mul:
		return func(a, b int64) int64 { return a * b }
	case ir.Div, ir.Mod:
		return func(a, b int64) int64 {
			if b == 0 {
				panic(failf(e.At, "integer division by zero"))
			}
			switch {
			case wide && e.Op == ir.Div:
				return int64(uint64(a) / uint64(b))
			case wide:
				return int64(uint64(a) % uint64(b))
			case e.Op == ir.Div:
				return ir.FloorDiv(a, b)
			}
			return ir.FloorMod(a, b)
		}
	case ir.And:
		return func(a, b int64) int64 { return a & b }
	case ir.Or:
		return func(a, b int64) int64 { return a | b }
	case ir.Xor:
		return func(a, b int64) int64 { return a ^ b }
	case ir.Shl:
		return func(a, b int64) int64 {
			if b < 0 || b >= width {
				return 0
			}
			return a << b
		}
	case ir.Shr:
		return func(a, b int64) int64 {
			switch {
			case !t.Signed && (b < 0 || b >= width):
				return 0
			case !t.Signed:
				return int64(code(a) >> b)
			case b < 0 || b >= width:
				return a >> 63
			}
			return a >> b
		}
	case ir.Min, ir.MinNan:
		return func(a, b int64) int64 {
			if less(b, a) {
				return b
			}
			return a
		}
	case ir.Max, ir.MaxNan:
		return func(a, b int64) int64 {
			if less(a, b) {
				return b
			}
			return a
		}
	case ir.Popcount:
		return func(a, _ int64) int64 { return int64(bits.OnesCount64(code(a))) }
	case ir.Clz:
		return func(a, _ int64) int64 { return int64(bits.LeadingZeros64(code(a))) - (64 - width) }
	case ir.Ctz:
		return func(a, _ int64) int64 { return min(int64(bits.TrailingZeros64(code(a))), width) }
	case ir.Rotl:
		return func(a, b int64) int64 {
			n := uint(ir.FloorMod(b, width))
			c := code(a)
			return t.DecodeInt(c<<n | c>>(uint(width)-n))
		}
	}
	panic(failf(e.At, "internal error: no meaning for %s in a test", e.Op))
}
