package emu

import (
	"math"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/syntax"
	"github.com/tilec/tilec/ir/maths"
)

// floatOp is the arithmetic of f32 and f64, nil for others.
func floatOp(in *syntax.Instr) lanesOp {
	t := in.Type("T")
	switch {
	case t == ptx.NoType && in.Has(".f32"):
		t = ptx.F32
	case t == ptx.NoType && in.Has(".f64"):
		t = ptx.F64
	}
	switch t {
	case ptx.F32:
		return finish32(in, float32Op(in))
	case ptx.F64:
		return float64Op(in)
	}
	return nil
}

// finish32 puts .ftz around an operation, and .sat behind it.
func finish32(in *syntax.Instr, f lanesOp) lanesOp {
	ftz, sat := in.Has(".ftz"), in.Has(".sat")
	if f == nil || !ftz && !sat {
		return f
	}
	return func(d, a, b, c *vec) {
		if ftz {
			var x, y, z vec
			for i := range x {
				x[i], y[i], z[i] = flush32(a[i]), flush32(b[i]), flush32(c[i])
			}
			f(d, &x, &y, &z)
			for i := range d {
				d[i] = flush32(d[i])
			}
		} else {
			f(d, a, b, c)
		}
		if sat {
			for i := range d {
				d[i] = saturate32(d[i])
			}
		}
	}
}

// saturate32 clamps to 0 … 1; NaN is 0.
func saturate32(x uint32) uint32 {
	v := f32(x)
	switch {
	case !(v > 0):
		return 0
	case v > 1:
		return 0x3f800000
	}
	return x
}

func float32Op(in *syntax.Instr) lanesOp {
	r := roundingOf(in.Word("R"))
	switch in.Opcode {
	case "add":
		if r == nearest {
			return func(d, a, b, _ *vec) {
				for i := range d {
					d[i] = bits32(f32(a[i]) + f32(b[i]))
				}
			}
		}
		return two32(func(a, b uint32) uint32 { return bits32(add32(f32(a), f32(b), r)) })
	case "sub":
		if r == nearest {
			return func(d, a, b, _ *vec) {
				for i := range d {
					d[i] = bits32(f32(a[i]) - f32(b[i]))
				}
			}
		}
		return two32(func(a, b uint32) uint32 { return bits32(add32(f32(a), -f32(b), r)) })
	case "mul":
		if r == nearest {
			return func(d, a, b, _ *vec) {
				for i := range d {
					d[i] = bits32(f32(a[i]) * f32(b[i]))
				}
			}
		}
		return two32(func(a, b uint32) uint32 { return bits32(mul32(f32(a), f32(b), r)) })
	case "fma", "mad":
		if r == nearest {
			return fmaNearest
		}
		return three32(func(a, b, c uint32) uint32 { return bits32(fma32(f32(a), f32(b), f32(c), r)) })
	case "div":
		if in.Has(".approx") || in.Has(".full") {
			return two32(func(a, b uint32) uint32 { return bits32(float32(float64(f32(a)) / float64(f32(b)))) })
		}
		return two32(func(a, b uint32) uint32 { return bits32(to32(divOdd(float64(f32(a)), float64(f32(b))), r)) })
	case "rcp":
		if in.Has(".approx") {
			return one32(func(a uint32) uint32 { return bits32(float32(1 / float64(f32(a)))) })
		}
		return one32(func(a uint32) uint32 { return bits32(to32(divOdd(1, float64(f32(a))), r)) })
	case "sqrt":
		if in.Has(".approx") {
			return one32(func(a uint32) uint32 { return bits32(float32(math.Sqrt(float64(f32(a))))) })
		}
		return one32(func(a uint32) uint32 { return bits32(to32(sqrtOdd(float64(f32(a))), r)) })
	case "rsqrt":
		return one32(func(a uint32) uint32 { return bits32(float32(1 / math.Sqrt(float64(f32(a))))) })
	case "sin":
		return function32(maths.Sin)
	case "cos":
		return function32(maths.Cos)
	case "lg2":
		return function32(maths.Log2)
	case "ex2":
		return function32(maths.Exp2)
	case "tanh":
		return function32(maths.Tanh)
	case "neg":
		return one32(func(a uint32) uint32 { return a ^ 1<<31 })
	case "abs":
		return one32(func(a uint32) uint32 { return a &^ (1 << 31) })
	case "copysign":
		return two32(func(a, b uint32) uint32 { return a&(1<<31) | b&^(1<<31) })
	case "min", "max":
		return floatMinMax(in)
	}
	return nil
}

// fmaNearest is a·b + c of each lane: see fma32, whose quick way stands here.
func fmaNearest(d, a, b, c *vec) {
	for i := range d {
		s := float64(f32(a[i]))*float64(f32(b[i])) + float64(f32(c[i]))
		n := math.Float64bits(s)
		if n&(1<<29-1) != 1<<28 && n<<1-(1023-126)<<53 < (1023+127-(1023-126))<<53 {
			d[i] = math.Float32bits(float32(s))
		} else {
			d[i] = bits32(fma32(f32(a[i]), f32(b[i]), f32(c[i]), nearest))
		}
	}
}

// function32 is a function in float64, rounded. Hardware's approximations differ from it by their bounds (PTX ISA).
func function32(f func(float64) float64) lanesOp {
	return one32(func(a uint32) uint32 { return bits32(float32(f(float64(f32(a))))) })
}

// extremum is the minimum or maximum of numbers in order: of a number and NaN the number, unless nan; -0 is below +0.
func extremum(isMax, nan bool, a, b float64) float64 {
	switch {
	case a != a || b != b:
		if nan || a != a && b != b {
			return math.NaN()
		}
		if a != a {
			return b
		}
		return a
	case a == b:
		if math.Signbit(a) != isMax {
			return a
		}
		return b
	case (a > b) == isMax:
		return a
	}
	return b
}

func floatMinMax(in *syntax.Instr) lanesOp {
	isMax, nan, xorsign := in.Opcode == "max", in.Has(".NaN"), in.Has(".xorsign")
	if !xorsign && !nan && len(in.Args) == 3 {
		return func(d, a, b, _ *vec) {
			for i := range d {
				x, y := f32(a[i]), f32(b[i])
				switch {
				case x > y:
					if isMax {
						d[i] = a[i]
					} else {
						d[i] = b[i]
					}
				case x < y:
					if isMax {
						d[i] = b[i]
					} else {
						d[i] = a[i]
					}
				default:
					d[i] = bits32(float32(extremum(isMax, nan, float64(x), float64(y))))
				}
			}
		}
	}
	if len(in.Args) != 3 {
		return nil
	}
	return two32(func(a, b uint32) uint32 {
		if !xorsign {
			return bits32(float32(extremum(isMax, nan, float64(f32(a)), float64(f32(b)))))
		}
		r := bits32(float32(extremum(isMax, nan, math.Abs(float64(f32(a))), math.Abs(float64(f32(b))))))
		if r == nan32 {
			return r
		}
		return r | (a^b)&(1<<31)
	})
}

func float64Op(in *syntax.Instr) lanesOp {
	r := roundingOf(in.Word("R"))
	two := func(f func(a, b float64) float64) lanesOp {
		return two64(func(a, b uint64) uint64 { return bits64(f(f64(a), f64(b))) })
	}
	one := func(f func(a float64) float64) lanesOp {
		return one64(func(a uint64) uint64 { return bits64(f(f64(a))) })
	}
	switch in.Opcode {
	case "add":
		return two(func(a, b float64) float64 { return add64(a, b, r) })
	case "sub":
		return two(func(a, b float64) float64 { return add64(a, -b, r) })
	case "mul":
		return two(func(a, b float64) float64 { return mul64(a, b, r) })
	case "fma", "mad":
		return three64(func(a, b, c uint64) uint64 { return bits64(fma64(f64(a), f64(b), f64(c), r)) })
	case "div":
		return two(func(a, b float64) float64 { return div64(a, b, r) })
	case "rcp":
		if in.Has(".approx") {
			return nil // its low word is zero and its error not promised
		}
		return one(func(a float64) float64 { return div64(1, a, r) })
	case "sqrt":
		return one(func(a float64) float64 { return sqrt64(a, r) })
	case "neg":
		return one64(func(a uint64) uint64 { return a ^ 1<<63 })
	case "abs":
		return one64(func(a uint64) uint64 { return a &^ (1 << 63) })
	case "copysign":
		return two64(func(a, b uint64) uint64 { return a&(1<<63) | b&^(1<<63) })
	case "min", "max":
		isMax := in.Opcode == "max"
		return two(func(a, b float64) float64 { return extremum(isMax, false, a, b) })
	}
	return nil
}
