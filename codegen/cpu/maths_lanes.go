package cpu

import (
	"fmt"
	"slices"

	"github.com/tilec/tilec/codegen/internal/llx"
)

// fv emits arithmetic on some lanes of one float class: the words in which the functions of maths*.go are written.
type fv struct {
	*unit
	c     class // f32Class or f64Class
	lanes int
}

func (v fv) wide() bool { return v.c == f64Class }

// floats and ints are the types of the lanes, and of integers of the same width.
func (v fv) floats() llx.Type { return v.c.typ(v.lanes) }

func (v fv) ints() llx.Type {
	if v.wide() {
		return llx.Vec(llx.I64, v.lanes)
	}
	return llx.Vec(llx.I32, v.lanes)
}

// n is a float constant in every lane.
func (v fv) n(x float64) llx.Value {
	if v.wide() {
		return v.Splat(llx.F64(x), v.lanes)
	}
	return v.Splat(llx.F32(x), v.lanes)
}

// i is an integer constant in every lane.
func (v fv) i(x int64) llx.Value { return v.Splat(llx.Int(llx.Elem(v.ints()), x), v.lanes) }

func (v fv) bits(x llx.Value) llx.Value  { return v.Bitcast(x, v.ints()) }
func (v fv) float(x llx.Value) llx.Value { return v.Bitcast(x, v.floats()) }

// fma is x·y + z, fused where the level has that: callers must not depend on either.
func (v fv) fma(x, y, z llx.Value) llx.Value {
	if v.level.FMA {
		return v.Intrinsic("fma", v.floats(), x, y, z)
	}
	return v.FAdd(v.FMul(x, y), z)
}

// poly is the polynomial with the given coefficients, the constant one first, by Horner's rule.
func (v fv) poly(x llx.Value, c ...float64) llx.Value {
	y := v.n(c[len(c)-1])
	for k := len(c) - 2; k >= 0; k-- {
		y = v.fma(y, x, v.n(c[k]))
	}
	return y
}

// atMost and atLeast keep NaN.
func (v fv) atMost(x llx.Value, hi float64) llx.Value {
	return v.Select(v.FCmp("ogt", x, v.n(hi)), v.n(hi), x)
}

func (v fv) atLeast(x llx.Value, lo float64) llx.Value {
	return v.Select(v.FCmp("olt", x, v.n(lo)), v.n(lo), x)
}

func (v fv) abs(x llx.Value) llx.Value { return v.Intrinsic("fabs", v.floats(), x) }

// signed is the magnitude of y with the sign of x.
func (v fv) signed(y, x llx.Value) llx.Value {
	return v.Intrinsic("copysign", v.floats(), y, x)
}

// x86 calls the AVX-512 instruction llvm.x86.avx512.mask.NAME, unmasked, on as many lanes as there are: pieces of at most a
// register, or a part of the smallest. Operands of vector type are those of lanes; others are given as they are, and so
// is the place of the register that masked lanes would keep, which nil marks.
func (v fv) x86(name string, args ...llx.Value) llx.Value {
	most, least, suffix := 16, 4, "ps"
	if v.wide() {
		most, least, suffix = 8, 2, "pd"
	}
	isLanes := func(a llx.Value) bool { return a != nil && a.Type().Equal(v.floats()) }
	each := func(f func(a llx.Value) llx.Value) []llx.Value {
		out := make([]llx.Value, len(args))
		for k, a := range args {
			if out[k] = a; isLanes(a) {
				out[k] = f(a)
			}
		}
		return out
	}
	switch {
	case v.lanes > most:
		half := fv{v.unit, v.c, v.lanes / 2}
		part := func(from int) llx.Value {
			return half.x86(name, each(func(a llx.Value) llx.Value { return v.Shuffle(a, a, laneNumbers(from, v.lanes/2)) })...)
		}
		return v.Shuffle(part(0), part(v.lanes/2), laneNumbers(0, v.lanes))
	case v.lanes == 1:
		w := fv{v.unit, v.c, least}
		y := w.x86(name, each(func(a llx.Value) llx.Value { return v.Insert(llx.Undef(w.floats()), a, llx.C64(0)) })...)
		return v.Extract(y, llx.C64(0))
	case v.lanes < least:
		w := fv{v.unit, v.c, least}
		y := w.x86(name, each(func(a llx.Value) llx.Value {
			return v.Shuffle(a, llx.Undef(v.floats()), append(laneNumbers(0, v.lanes), slices.Repeat([]int{-1}, least-v.lanes)...))
		})...)
		return v.Shuffle(y, llx.Undef(w.floats()), laneNumbers(0, v.lanes))
	}
	width := v.lanes * 128 / least
	mask := llx.Type(llx.I8)
	if v.lanes == 16 {
		mask = llx.I16
	}
	for k, a := range args {
		if a == nil {
			args[k] = llx.Zero(v.floats())
		}
	}
	args = append(args, llx.Int(mask, -1))
	if width == 512 {
		args = append(args, llx.C32(4)) // round as the machine is set
	}
	return v.Call(fmt.Sprintf("llvm.x86.avx512.mask.%s.%s.%d", name, suffix, width), v.floats(), args...)
}

// scalef is x·2^⌊k⌋, rounded once; infinite and NaN k give what x·2^k tends to, even where x is NaN.
func (v fv) scalef(x, k llx.Value) llx.Value { return v.x86("scalef", x, k, nil) }

// laneNumbers are n lane numbers from one on.
func laneNumbers(from, n int) []int {
	list := make([]int, n)
	for k := range list {
		list[k] = from + k
	}
	return list
}

// rounder is what rounds a number to a whole one that is added to it, in the low bits of the sum.
func (v fv) rounder() float64 {
	if v.wide() {
		return 3 << 51
	}
	return 3 << 22
}

// mantissa and bias are the exponent's place and its bias.
func (v fv) mantissa() int64 {
	if v.wide() {
		return 52
	}
	return 23
}

func (v fv) bias() float64 {
	if v.wide() {
		return 1023
	}
	return 127
}

// power is x·scale + something turned into a whole number k: k as a float, and 2^k, for |k| so small that this is a
// normal number.
func (v fv) power(x, scale llx.Value) (k, pow llx.Value) { return v.powerUp(x, scale, 0) }

// powerUp is power with 2^(k + up).
func (v fv) powerUp(x, scale llx.Value, up float64) (k, pow llx.Value) {
	// The number's low bits are k and the exponent's bias: shifted up they are the power.
	big := v.n(v.rounder() + v.bias() + up)
	t := v.fma(x, scale, big)
	return v.FSub(t, big), v.float(v.Shl(v.bits(t), v.i(v.mantissa())))
}
