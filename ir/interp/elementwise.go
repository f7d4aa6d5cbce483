package interp

import (
	"fmt"
	"math"
	"slices"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/philox"
)

// A mapper runs an elementwise operation: it fills the row-major d from operands over the same axes.
type mapper func(w *worker, d *cell, x []*cell) error

func unary[D, A elem](k func(d []D, a []A)) mapper {
	return func(w *worker, d *cell, x []*cell) error {
		map1(w, d, x[0], k)
		return nil
	}
}

func binary[D, A, B elem](k func(d []D, a []A, b []B)) mapper {
	return func(w *worker, d *cell, x []*cell) error {
		map2(w, d, x[0], x[1], k)
		return nil
	}
}

func ternary[D, A, B, C elem](k func(d []D, a []A, b []B, c []C)) mapper {
	return func(w *worker, d *cell, x []*cell) error {
		map3(w, d, x[0], x[1], x[2], k)
		return nil
	}
}

// then is m, then a function of the whole result.
func (m mapper) then(f func(d *cell)) mapper {
	if m == nil {
		return nil
	}
	return func(w *worker, d *cell, x []*cell) error {
		err := m(w, d, x)
		f(d)
		return err
	}
}

// rounded is m, then the rounding of each element to t.
func (m mapper) rounded(t dtype.Type) mapper {
	if t == dtype.F32 || t == dtype.F64 {
		return m
	}
	return m.then(func(d *cell) { t.RoundSlice(d.f32, d.f32) })
}

// wrapped is m, then the wrapping of each element to t.
func (m mapper) wrapped(t dtype.Type) mapper {
	if t.Bits() == 64 {
		return m
	}
	return m.then(func(d *cell) { wrapAll(t, d.i64) })
}

// nonzero is m where no element of the second operand is 0.
func (m mapper) nonzero(o *ir.Op) mapper {
	what := "division"
	if o.Code == ir.Mod {
		what = "modulus"
	}
	return func(w *worker, d *cell, x []*cell) error {
		if x[1].any(w, func(a []int64) bool { return slices.Contains(a, 0) }) {
			return faultf(DivideByZero, o.Pos, "%s by zero", what)
		}
		return m(w, d, x)
	}
}

// any reports whether f holds of a stretch of c, a scalar or tile of integers.
func (c *cell) any(w *worker, f func([]int64) bool) bool {
	wk := &w.wk
	wk.begin()
	for _, x := range c.dims {
		if x.s == 0 {
			x.n = min(x.n, 1)
		}
		wk.axis(x.n, x.s, 0, 0, 0)
	}
	for more := wk.start(); more; more = wk.next() {
		if wk.s[0] == 1 && f(c.i64[wk.off[0]:][:wk.n]) {
			return true
		}
		for i := 0; wk.s[0] != 1 && i < wk.n; i++ {
			if k := wk.off[0] + i*wk.s[0]; f(c.i64[k : k+1]) {
				return true
			}
		}
	}
	return false
}

// mapperOf makes the mapper of an elementwise operation.
func mapperOf(o *ir.Op) (mapper, error) {
	t := o.Operands[0].Type.Elem
	r := o.Result().Type.Elem
	var m mapper
	switch o.Code {
	case ir.Select:
		m = selectOf(r)
	case ir.Cast:
		m = castOf(o, t, r)
	case ir.Bits:
		m = bitsOf(t, r)
	case ir.BitOf:
		m = bitOf(t)
	case ir.Eq, ir.Ne, ir.Lt, ir.Le, ir.Gt, ir.Ge:
		m = compareOf(o.Code, t)
	case ir.Rand, ir.Uniform, ir.Normal:
		m = randomOf(o.Code)
	default:
		switch classOf(t) {
		case f32Class:
			m = floatOf[float32](o, t, r)
			if k := f32Of(o.Code, t); k != nil {
				m = k
			}
			if r == t {
				m = m.rounded(t)
			}
		case f64Class:
			m = floatOf[float64](o, t, r)
		case intClass:
			m = intOf(o, t)
		default:
			m = boolOf(o.Code)
		}
	}
	if m == nil {
		return nil, fmt.Errorf("%s: the interpreter has no %s of %s", o.Pos, o.Code, t)
	}
	return m, nil
}

// f32Of are the operations of floats held as float32 that have a form of their own.
func f32Of(code ir.Code, t dtype.Type) mapper {
	if k := fast1[code]; k != nil {
		return unary(k)
	}
	narrow := t != dtype.F32 && t != dtype.F16 // f16's products and quotients are exact enough even where subnormal
	switch {
	case code == ir.Fma && t == dtype.F32:
		return ternary(fmaF32)
	case code == ir.Fma:
		return ternary(fmaNarrow(t))
	case code == ir.Mul && narrow:
		return binary(narrowMul(t))
	case code == ir.Div && narrow:
		return binary(narrowDiv(t))
	case code == ir.Recip && narrow:
		return unary(each1[float32](func(x float64) float64 { return t.Round64(1 / x) }))
	}
	return nil
}

// floatOf are the operations of floats, without rounding to a type narrower than T.
func floatOf[T float](o *ir.Op, t, r dtype.Type) mapper {
	switch o.Code {
	case ir.Neg:
		return unary(negate[T])
	case ir.Abs:
		return unary(absolute[T])
	case ir.Add:
		return binary(plus[T])
	case ir.Sub:
		return binary(subtract[T])
	case ir.Mul:
		return binary(times[T])
	case ir.Div:
		return binary(divide[T])
	case ir.Mod:
		return binary(modFloat[T])
	case ir.Fma:
		return ternary(fmaF64) // f32Of has the others
	case ir.Min:
		return binary(minFloat[T])
	case ir.Max:
		return binary(maxFloat[T])
	case ir.MinNan:
		return binary(minAll[T])
	case ir.MaxNan:
		return binary(maxAll[T])
	case ir.Sqrt:
		return unary(sqrt[T])
	case ir.Rsqrt:
		return unary(rsqrt[T])
	case ir.Recip:
		return unary(recip[T])
	case ir.Relu:
		return unary(relu[T])
	case ir.Pow:
		return binary(each2[T](powOf[T]()))
	case ir.Copysign:
		return binary(copysign[T])
	case ir.Ldexp:
		return binary(ldexp[T](t, o.Operands[1].Type.Elem == dtype.U64))
	case ir.Exponent:
		return exponentOf[T](r)
	case ir.Isnan:
		return unary(isnan[T])
	case ir.Finite:
		return unary(finite[T])
	}
	if f := functionOf[T](o.Code); f != nil {
		return unary(each1[T](f))
	}
	return nil
}

// intOf are the operations of integers.
func intOf(o *ir.Op, t dtype.Type) mapper {
	unsigned := t == dtype.U64 // narrower unsigned values are not negative as int64
	pick := func(signed, big func(d, a, b []int64)) mapper {
		if unsigned {
			return binary(big)
		}
		return binary(signed)
	}
	switch o.Code {
	case ir.Neg:
		return unary(negate[int64]).wrapped(t)
	case ir.Not:
		return unary(func(d, a []int64) {
			for i, v := range a {
				d[i] = ^v
			}
		}).wrapped(t)
	case ir.Abs:
		if t.Kind == dtype.UintKind {
			return unary(func(d, a []int64) { copy(d, a) })
		}
		return unary(func(d, a []int64) {
			for i, v := range a {
				d[i] = max(v, -v)
			}
		}).wrapped(t)
	case ir.Add:
		return binary(plus[int64]).wrapped(t)
	case ir.Sub:
		return binary(subtract[int64]).wrapped(t)
	case ir.Mul:
		return binary(times[int64]).wrapped(t)
	case ir.Div:
		return pick(floorDiv, divUint).wrapped(t).nonzero(o)
	case ir.Mod:
		return pick(floorMod, modUint).nonzero(o)
	case ir.And:
		return binary(func(d, a, b []int64) {
			for i := range d {
				d[i] = a[i] & b[i]
			}
		})
	case ir.Or:
		return binary(func(d, a, b []int64) {
			for i := range d {
				d[i] = a[i] | b[i]
			}
		})
	case ir.Xor:
		return binary(func(d, a, b []int64) {
			for i := range d {
				d[i] = a[i] ^ b[i]
			}
		})
	case ir.Shl:
		return binary(shiftLeft(t)).wrapped(t)
	case ir.Shr:
		return binary(shiftRight(t))
	case ir.Rotl:
		return binary(rotateLeft(t)).wrapped(t)
	case ir.Min, ir.MinNan:
		return pick(minAll[int64], minUint)
	case ir.Max, ir.MaxNan:
		return pick(maxAll[int64], maxUint)
	case ir.Relu:
		if t.Kind == dtype.UintKind {
			return unary(func(d, a []int64) { copy(d, a) })
		}
		return unary(relu[int64])
	case ir.Popcount:
		return unary(popcount(t))
	case ir.Clz:
		return unary(leadingZeros(t))
	case ir.Ctz:
		return unary(trailingZeros(t))
	}
	return nil
}

func boolOf(code ir.Code) mapper {
	switch code {
	case ir.Not:
		return unary(func(d, a []bool) {
			for i, v := range a {
				d[i] = !v
			}
		})
	case ir.And:
		return binary(func(d, a, b []bool) {
			for i := range d {
				d[i] = a[i] && b[i]
			}
		})
	case ir.Or:
		return binary(func(d, a, b []bool) {
			for i := range d {
				d[i] = a[i] || b[i]
			}
		})
	case ir.Xor:
		return binary(func(d, a, b []bool) {
			for i := range d {
				d[i] = a[i] != b[i]
			}
		})
	}
	return nil
}

func compareOf(code ir.Code, t dtype.Type) mapper {
	switch classOf(t) {
	case f32Class:
		return orderOf[float32](code)
	case f64Class:
		return orderOf[float64](code)
	case boolClass:
		// false is less than true.
		lessBool := func(d, a, b []bool) {
			for i := range d {
				d[i] = !a[i] && b[i]
			}
		}
		lessEqualBool := func(d, a, b []bool) {
			for i := range d {
				d[i] = !a[i] || b[i]
			}
		}
		return comparison(code, equal[bool], unequal[bool], lessBool, lessEqualBool)
	}
	if t == dtype.U64 {
		return comparison(code, equal[int64], unequal[int64], lessUint, lessEqualUint)
	}
	return orderOf[int64](code)
}

func orderOf[T number](code ir.Code) mapper {
	return comparison(code, equal[T], unequal[T], less[T], lessEqual[T])
}

func comparison[T elem](code ir.Code, eq, ne, lt, le func(d []bool, a, b []T)) mapper {
	switch code {
	case ir.Eq:
		return binary(eq)
	case ir.Ne:
		return binary(ne)
	case ir.Lt:
		return binary(lt)
	case ir.Le:
		return binary(le)
	case ir.Gt:
		return binary(swap(lt))
	}
	return binary(swap(le))
}

func selectOf(t dtype.Type) mapper {
	switch classOf(t) {
	case f32Class:
		return ternary(selectTile[float32])
	case f64Class:
		return ternary(selectTile[float64])
	case intClass:
		return ternary(selectTile[int64])
	}
	return ternary(selectTile[bool])
}

// castOf converts elements of type t to type r.
func castOf(o *ir.Op, t, r dtype.Type) mapper {
	mode := dtype.Default
	switch {
	case o.Str("round") == "rz":
		mode = dtype.RZ
	case o.Str("overflow") == "wrap":
		mode = dtype.Wrap
	}
	return convert(t, r, mode)
}

// convert makes the mapper of `x as r` for x of type t.
func convert(t, r dtype.Type, mode dtype.Mode) mapper {
	switch from, to := classOf(t), classOf(r); {
	case from == f32Class && to == f32Class:
		if mode == dtype.Default && dtype.Widens(t, r) {
			return unary(func(d, a []float32) { copy(d, a) })
		}
		return unary(func(d, a []float32) { r.ConvertF32F32(d, a, mode) })
	case from == f32Class && to == f64Class:
		return unary(dtype.ConvertF32F64)
	case from == f32Class && to == intClass:
		return unary(func(d []int64, a []float32) { r.ConvertF32Int(d, a, mode) })
	case from == f64Class && to == f32Class:
		return unary(func(d []float32, a []float64) { r.ConvertF64F32(d, a, mode) })
	case from == f64Class && to == f64Class:
		return unary(func(d, a []float64) { copy(d, a) })
	case from == f64Class && to == intClass:
		return unary(func(d []int64, a []float64) { r.ConvertF64Int(d, a, mode) })
	case from == intClass && to == f32Class:
		return unary(func(d []float32, a []int64) { r.ConvertIntF32(d, t, a, mode) })
	case from == intClass && to == f64Class:
		return unary(func(d []float64, a []int64) { dtype.ConvertIntF64(d, t, a, mode) })
	case from == intClass && to == intClass:
		return unary(func(d, a []int64) { r.ConvertIntInt(d, t, a, mode) })
	case from == f32Class: // to bool, which NaN is true of
		return unary(truth[float32])
	case from == f64Class:
		return unary(truth[float64])
	case from == intClass:
		return unary(truth[int64])
	case to == f32Class:
		one := float32(r.FloatOfInt(dtype.Bool, 1, mode))
		zero := float32(r.FloatOfInt(dtype.Bool, 0, mode)) // not 0 in e8m0
		return unary(func(d []float32, a []bool) { fromBool(d, a, zero, one) })
	case to == f64Class:
		return unary(func(d []float64, a []bool) { fromBool(d, a, 0, 1) })
	case to == intClass:
		zero, one := r.IntOfInt(dtype.Bool, 0, mode), r.IntOfInt(dtype.Bool, 1, mode)
		return unary(func(d []int64, a []bool) { fromBool(d, a, zero, one) })
	}
	return unary(func(d, a []bool) { copy(d, a) })
}

func truth[T number](d []bool, a []T) {
	for i, x := range a {
		d[i] = x != 0
	}
}

func fromBool[T number](d []T, a []bool, zero, one T) {
	for i, x := range a {
		v := zero
		if x {
			v = one
		}
		d[i] = v
	}
}

// codesOf gives the code of each element of type t, held as T. Elements are values of t, so that none overflows.
func codesOf[T elem](t dtype.Type) func(d []uint64, a []T) {
	var z T
	switch any(z).(type) {
	case float32:
		if t == dtype.F32 || t == dtype.TF32 {
			return func(d []uint64, a []T) {
				for i, x := range any(a).([]float32) {
					d[i] = uint64(math.Float32bits(x))
				}
			}
		}
		return func(d []uint64, a []T) {
			for i, x := range any(a).([]float32) {
				d[i] = t.Encode(float64(x), dtype.NearestEven, dtype.ToInf)
			}
		}
	case float64:
		return func(d []uint64, a []T) {
			for i, x := range any(a).([]float64) {
				d[i] = t.Encode(x, dtype.NearestEven, dtype.ToInf)
			}
		}
	case int64:
		return func(d []uint64, a []T) {
			for i, x := range any(a).([]int64) {
				d[i] = t.EncodeInt(x, true)
			}
		}
	}
	return func(d []uint64, a []T) {
		for i, x := range any(a).([]bool) {
			d[i] = 0
			if x {
				d[i] = 1
			}
		}
	}
}

// bitsOf reinterprets elements of type t as type r.
func bitsOf(t, r dtype.Type) mapper {
	switch classOf(t) {
	case f32Class:
		return bitsFrom[float32](t, r)
	case f64Class:
		return bitsFrom[float64](t, r)
	case intClass:
		return bitsFrom[int64](t, r)
	}
	return nil
}

func bitsFrom[A elem](t, r dtype.Type) mapper {
	codes := codesOf[A](t)
	switch classOf(r) {
	case f32Class:
		return unary(func(d []float32, a []A) {
			inChunks(d, a, codes, func(c uint64) float32 { return float32(r.Decode(c)) })
		})
	case f64Class:
		return unary(func(d []float64, a []A) { inChunks(d, a, codes, r.Decode) })
	case intClass:
		return unary(func(d []int64, a []A) { inChunks(d, a, codes, r.DecodeInt) })
	}
	return nil
}

// inChunks sets each d[i] to decode of the code of a[i].
func inChunks[D, A elem](d []D, a []A, codes func([]uint64, []A), decode func(uint64) D) {
	var buf [64]uint64
	for i := 0; i < len(d); i += len(buf) {
		n := min(len(buf), len(d)-i)
		codes(buf[:n], a[i:i+n])
		for j, c := range buf[:n] {
			d[i+j] = decode(c)
		}
	}
}

// bitOf is bit j of the code of x; there is no bit beyond the width.
func bitOf(t dtype.Type) mapper {
	switch classOf(t) {
	case f32Class:
		return binary(bitFrom[float32](t))
	case f64Class:
		return binary(bitFrom[float64](t))
	case intClass:
		if t.Kind == dtype.UintKind {
			n := uint64(t.Bits())
			return binary(func(d []bool, a, j []int64) {
				for i := range d {
					d[i] = uint64(j[i]) < n && a[i]>>(uint64(j[i])&63)&1 != 0
				}
			})
		}
		return binary(bitFrom[int64](t))
	}
	return binary(bitFrom[bool](t))
}

func bitFrom[A elem](t dtype.Type) func(d []bool, a []A, j []int64) {
	codes := codesOf[A](t)
	n := uint64(t.Bits())
	return func(d []bool, a []A, j []int64) {
		var buf [64]uint64
		for i := 0; i < len(d); i += len(buf) {
			m := min(len(buf), len(d)-i)
			codes(buf[:m], a[i:i+m])
			for k, c := range buf[:m] {
				s := uint64(j[i+k])
				d[i+k] = s < n && c>>(s&63)&1 != 0
			}
		}
	}
}

func exponentOf[T float](r dtype.Type) mapper {
	if classOf(r) != intClass {
		return nil
	}
	return unary(exponentInt[T](r))
}

func randomOf(code ir.Code) mapper {
	switch code {
	case ir.Rand:
		return binary(func(d, seed, i []int64) {
			for k := range d {
				d[k] = int64(philox.Rand(seed[k], i[k]))
			}
		})
	case ir.Uniform:
		return binary(func(d []float32, seed, i []int64) {
			for k := range d {
				d[k] = philox.Uniform(seed[k], i[k])
			}
		})
	}
	return binary(func(d []float32, seed, i []int64) {
		for k := range d {
			d[k] = philox.Normal(seed[k], i[k])
		}
	})
}
