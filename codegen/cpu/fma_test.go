package cpu

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// TestFusedCorners has products that almost cancel the addend, and exponents at both ends of the range.
func TestFusedCorners(t *testing.T) {
	labs(t, func(t *testing.T, l *lab) {
		var maps []*mapping
		for _, e := range []dtype.Type{dtype.F64, dtype.F32, dtype.TF32, dtype.BF16, dtype.F16} {
			maps = append(maps, mapOf(ir.Fma, e, e, e, e))
		}
		l.compare(maps, testLanes(l.level), 2*samples, func(m *mapping) [][]uint64 {
			e := m.operands[0]
			r := rand.New(rand.NewPCG(8, uint64(e.Bits())))
			codes := [][]uint64{values(r, e, 2*samples), values(r, e, 2*samples), values(r, e, 2*samples)}
			code := func(x float64) uint64 { return e.Encode(x, dtype.NearestEven, dtype.ToInf) }
			span := int(-math.Log2(e.SmallestSubnormal()))
			for i := range 2 * samples {
				// A magnitude for the product, also beyond the range, which the factors share.
				to := r.IntN(2*span+100) - span - 50
				if i%3 == 0 {
					to = -span + r.IntN(60) - 10
				}
				part := to/2 + r.IntN(21) - 10
				x := e.Decode(code(math.Ldexp(1+r.Float64(), part)))
				y := e.Decode(code(math.Ldexp(-1-r.Float64(), to-part)))
				z := -x * y
				switch i % 5 {
				case 1: // a few of its last places off
					z *= 1 + float64(r.IntN(9)-4)*2*e.UnitRoundoff()
				case 2: // far below, or above
					z = math.Ldexp(z, r.IntN(140)-70)
				case 3: // halfway
					z = math.Ldexp(1, to+int(e.Man)+1)
				case 4:
					if i%2 == 0 {
						continue
					}
					z = math.Ldexp(r.Float64(), -span+r.IntN(8))
				}
				if i%7 == 6 { // the product halfway between two values, and next to nothing added
					odd := int64(1)<<e.Man | r.Int64N(1<<e.Man/6)<<1 | 1
					x, y = math.Ldexp(3, part), math.Ldexp(float64(odd), to-part-int(e.Man))
					z = math.Ldexp(float64(r.IntN(3)-1), -span+r.IntN(9))
				}
				codes[0][i], codes[1][i], codes[2][i] = code(x), code(y), code(z)
			}
			return codes
		})
	})
}

// TestTinyProducts has products and quotients that are subnormal, halfway between neighbours and beside it.
func TestTinyProducts(t *testing.T) {
	labs(t, func(t *testing.T, l *lab) {
		var maps []*mapping
		for _, e := range []dtype.Type{dtype.TF32, dtype.BF16, dtype.F16, dtype.F32, dtype.F64} {
			maps = append(maps, mapOf(ir.Mul, e, e, e), mapOf(ir.Div, e, e, e), mapOf(ir.Recip, e, e))
		}
		l.compare(maps, testLanes(l.level), 2*samples, func(m *mapping) [][]uint64 {
			e := m.operands[0]
			r := rand.New(rand.NewPCG(9, uint64(e.Bits())))
			code := func(x float64) uint64 { return e.Encode(x, dtype.NearestEven, dtype.ToInf) }
			span := int(-math.Log2(e.SmallestSubnormal()))
			top := math.Ilogb(e.Max())
			codes := make([][]uint64, len(m.operands))
			for i := range 2 * samples {
				to := -span + r.IntN(int(e.Man)+8) - 3
				part := to/2 + r.IntN(9) - 4
				sign := float64(1 - r.IntN(2)*2)
				x, y := math.Ldexp(sign*(1+r.Float64()), part), math.Ldexp(1+r.Float64(), to-part)
				switch {
				case len(codes) == 1: // a reciprocal
					x = math.Ldexp(sign*(1+r.Float64()), top-r.IntN(4))
				case i%2 == 0: // as a quotient
					y = math.Ldexp(1+r.Float64(), min(top, part-to))
				}
				if len(codes) == 2 && i%2 == 1 {
					x, y = nearTie(r, e, to)
				}
				for k, v := range []float64{x, y}[:len(codes)] {
					codes[k] = append(codes[k], code(v))
				}
			}
			return codes
		})
	})
}

// nearTie are numbers of e whose product, about 2^to, lies beside the middle of two subnormals, as close as is found.
func nearTie(r *rand.Rand, e dtype.Type, to int) (x, y float64) {
	bits := int(e.Man) + 1
	// The product of the significands has the value of the smallest subnormal at this bit.
	low := min(max(2*bits+int(math.Log2(e.SmallestSubnormal()))-to, 1), 2*bits)
	best := math.Inf(1)
	var bx, by int64
	for range 200 {
		a := int64(1)<<(bits-1) | r.Int64N(1<<(bits-1))
		b := int64(1)<<(bits-1) | r.Int64N(1<<(bits-1))
		if d := math.Abs(float64(a*b&(1<<low-1) - 1<<(low-1))); d > 0 && d < best {
			best, bx, by = d, a, b
		}
	}
	part := (to - 2*bits) / 2
	return math.Ldexp(float64(bx), part), math.Ldexp(float64(by), to-2*bits-part)
}
