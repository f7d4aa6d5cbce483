package cpu

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// mapArgs pairs the special values of the operands, and random ones.
func mapArgs(seed uint64, n int) func(m *mapping) [][]uint64 {
	return func(m *mapping) [][]uint64 {
		r := rand.New(rand.NewPCG(seed, 7))
		var codes [][]uint64
		for _, t := range m.operands {
			codes = append(codes, values(r, t, n))
		}
		for i := range codes {
			// Every two special values of the first two operands meet in the first half, of random ones in the rest.
			s := specials(m.operands[i])
			for k := range n / 2 {
				switch i {
				case 0:
					codes[0][k] = s[k/7%len(s)]
				case 1:
					codes[1][k] = s[(k%7+k/7*3+k/(7*len(s))*7)%len(s)]
				}
			}
			if m.operands[i] == dtype.Bool {
				for k := range codes[i] {
					codes[i][k] &= 1
				}
			}
		}
		if e := m.operands[0]; strings.HasPrefix(m.name, "bitof") && e.IsFloat() {
			for k, c := range codes[0] { // the bits of a NaN are any NaN's
				if x := e.Decode(c); x != x {
					codes[0][k] = 0
				}
			}
		}
		if strings.HasPrefix(m.name, "div") || strings.HasPrefix(m.name, "mod") {
			for k, c := range codes[1] {
				if c == 0 && !m.operands[1].IsFloat() {
					codes[1][k] = 1
				}
			}
		}
		return codes
	}
}

func mapOf(code ir.Code, r dtype.Type, operands ...dtype.Type) *mapping {
	return &mapping{name: fmt.Sprint(code, " of ", operands), operands: operands, result: r,
		build: func(b *ir.Builder, x []*ir.Value) *ir.Value { return b.MapTo(r, code, x...) }}
}

// testLanes are scalars, whole registers, and more than one, shared out among the levels.
func testLanes(l *Level) []int {
	if l.Name == "avx2" {
		return []int{l.Lanes, 16}
	}
	return []int{1, l.Lanes}
}

const samples = 4096

func TestFloatOps(t *testing.T) {
	labs(t, func(t *testing.T, l *lab) {
		var maps []*mapping
		for _, e := range []dtype.Type{dtype.F32, dtype.F64, dtype.F16, dtype.BF16, dtype.TF32} {
			for _, code := range []ir.Code{ir.Neg, ir.Abs, ir.Sqrt, ir.Rsqrt, ir.Recip, ir.Relu, ir.Floor, ir.Ceil, ir.Rint, ir.Trunc} {
				maps = append(maps, mapOf(code, e, e))
			}
			for _, code := range []ir.Code{ir.Add, ir.Sub, ir.Mul, ir.Div, ir.Mod, ir.Min, ir.Max, ir.MinNan, ir.MaxNan, ir.Copysign} {
				maps = append(maps, mapOf(code, e, e, e))
			}
			maps = append(maps, mapOf(ir.Fma, e, e, e, e))
			for _, code := range []ir.Code{ir.Eq, ir.Ne, ir.Lt, ir.Le, ir.Gt, ir.Ge} {
				maps = append(maps, mapOf(code, dtype.Bool, e, e))
			}
			maps = append(maps, mapOf(ir.Isnan, dtype.Bool, e), mapOf(ir.Finite, dtype.Bool, e), mapOf(ir.Select, e, dtype.Bool, e, e))
			for _, r := range []dtype.Type{dtype.I8, dtype.I16, dtype.I32, dtype.I64, dtype.U8, dtype.U32, dtype.U64} {
				maps = append(maps, mapOf(ir.Exponent, r, e), mapOf(ir.Ldexp, e, e, r))
			}
			maps = append(maps, mapOf(ir.BitOf, dtype.Bool, e, dtype.I64))
		}
		l.compare(maps, testLanes(l.level), samples, mapArgs(1, samples))
	})
}

func TestIntOps(t *testing.T) {
	labs(t, func(t *testing.T, l *lab) {
		var maps []*mapping
		all := []dtype.Type{dtype.I8, dtype.U8, dtype.I16, dtype.U16, dtype.I32, dtype.U32, dtype.I64, dtype.U64}
		for _, e := range all {
			for _, code := range []ir.Code{ir.Neg, ir.Not, ir.Abs, ir.Relu} {
				maps = append(maps, mapOf(code, e, e))
			}
			for _, code := range []ir.Code{ir.Add, ir.Sub, ir.Mul, ir.Div, ir.Mod, ir.And, ir.Or, ir.Xor, ir.Min, ir.Max, ir.MinNan, ir.MaxNan} {
				maps = append(maps, mapOf(code, e, e, e))
			}
			for _, code := range []ir.Code{ir.Eq, ir.Ne, ir.Lt, ir.Le, ir.Gt, ir.Ge} {
				maps = append(maps, mapOf(code, dtype.Bool, e, e))
			}
			for i, n := range all {
				if n == e || n == dtype.I32 || n == dtype.U64 {
					maps = append(maps, mapOf(ir.Shl, e, e, n), mapOf(ir.Shr, e, e, n), mapOf(ir.Rotl, e, e, n))
				}
				if i%3 == 1 || n == dtype.I32 {
					maps = append(maps, mapOf(ir.Popcount, n, e), mapOf(ir.Clz, n, e), mapOf(ir.Ctz, n, e))
				}
			}
			maps = append(maps, mapOf(ir.BitOf, dtype.Bool, e, dtype.I64), mapOf(ir.Select, e, dtype.Bool, e, e))
		}
		b := dtype.Bool
		for _, code := range []ir.Code{ir.And, ir.Or, ir.Xor, ir.Eq, ir.Ne, ir.Lt, ir.Le, ir.Gt, ir.Ge} {
			maps = append(maps, mapOf(code, b, b, b))
		}
		maps = append(maps, mapOf(ir.Not, b, b), mapOf(ir.Select, b, b, b, b), mapOf(ir.BitOf, b, b, dtype.I64))
		l.compare(maps, testLanes(l.level), samples, mapArgs(2, samples))
	})
}

// TestFunctions has the functions that are not exact, rounded to each type, and random numbers. Tests of their own say how
// near the functions of f32 and f64 come.
func TestFunctions(t *testing.T) {
	labs(t, func(t *testing.T, l *lab) {
		var maps []*mapping
		for _, e := range []dtype.Type{dtype.F16, dtype.BF16, dtype.TF32, dtype.F32} {
			near := func(m *mapping) {
				m.ulps = 4
				if e.Bits() == 16 || e == dtype.TF32 {
					m.ulps = 1
				}
				maps = append(maps, m)
			}
			for _, code := range []ir.Code{ir.Exp, ir.Exp2, ir.Log, ir.Log2, ir.Sin, ir.Cos, ir.Tanh, ir.Erf, ir.Sigmoid, ir.Gelu, ir.Silu, ir.Softplus} {
				near(mapOf(code, e, e))
			}
			near(mapOf(ir.Pow, e, e, e))
		}
		i := dtype.I64
		maps = append(maps, mapOf(ir.Rand, dtype.U32, i, i), mapOf(ir.Uniform, dtype.F32, i, i))
		normal := mapOf(ir.Normal, dtype.F32, i, i)
		normal.ulps = 1
		maps = append(maps, normal)
		l.compare(maps, []int{l.level.Lanes}, samples, mapArgs(10, samples))
	})
}

// TestEveryMap holds that each elementwise operation has code for some type.
func TestEveryMap(t *testing.T) {
	labs(t, func(t *testing.T, l *lab) {
		for _, code := range ir.Codes() {
			if !code.Spec().Elementwise() || code == ir.AsmOf { // asm is refused
				continue
			}
			var o *ir.Op
			for _, e := range []dtype.Type{dtype.F32, dtype.I64, dtype.Bool} {
				if o = opOf(code, e); o != nil {
					break
				}
			}
			if o == nil {
				t.Errorf("%s: no operation is known", code)
				continue
			}
			l.function(code.String(), 1, 0, func(u *unit, _ []llx.Value, _ llx.Value) {
				var x []llx.Value
				for _, v := range o.Operands {
					x = append(x, llx.Zero(classOf(v.Type.Elem).typ(4)))
				}
				if _, err := u.elementwise(o, x, 4); err != nil {
					t.Error(err)
				}
			})
		}
	})
}

// opOf makes an operation on scalars of type e, nil where there is none.
func opOf(code ir.Code, e dtype.Type) *ir.Op {
	s := code.Spec()
	o := &ir.Op{Code: code, Results: []*ir.Value{{Type: ir.ScalarType(dtype.I32)}}}
	if code == ir.Cast {
		o.Attrs = []ir.Attr{{Key: "overflow", Val: "sat"}, {Key: "round", Val: "rne"}}
	}
	for k := range s.Min {
		t := e
		switch {
		case code == ir.Select && k == 0:
			t = dtype.Bool
		case (code == ir.Ldexp || code == ir.BitOf) && k == 1:
			t = dtype.I64
		}
		o.Operands = append(o.Operands, &ir.Value{Type: ir.ScalarType(t)})
	}
	types, err := s.Rule(o)
	if err != nil {
		return nil
	}
	o.Results[0] = &ir.Value{Type: types[0], Def: o}
	return o
}
