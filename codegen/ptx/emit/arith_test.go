package emit

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

var long = flag.Bool("long", false, "sweeps of minutes")

var (
	intTypes   = []dtype.Type{dtype.I8, dtype.U8, dtype.I16, dtype.U16, dtype.I32, dtype.U32, dtype.I64, dtype.U64}
	floatTypes = []dtype.Type{dtype.F16, dtype.BF16, dtype.TF32, dtype.F32, dtype.F64}
)

// withConstants adds to mappings of two operands those where either is one of some constants.
func withConstants(r *rand.Rand, m []mapping, in [][][]uint64, n int) ([]mapping, [][][]uint64) {
	for i, k := range m {
		for side := range k.types {
			for range n {
				lists := append([][]uint64{}, in[i]...)
				lists[side] = []uint64{in[i][side][r.IntN(len(in[i][side]))]}
				m, in = append(m, k), append(in, lists)
			}
		}
		if len(k.types) > 1 {
			var all [][]uint64
			for side := range k.types {
				all = append(all, []uint64{in[i][side][r.IntN(len(in[i][side]))]})
			}
			m, in = append(m, k), append(in, all)
		}
	}
	return m, in
}

// TestIntegers: all operations on integers, with constants and without.
func TestIntegers(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	n, constants := 512, 1
	if *long {
		n, constants = 1<<14, 8
	}
	for at, u := range intTypes {
		var m []mapping
		var in [][][]uint64
		add := func(k mapping) {
			var lists [][]uint64
			for i, v := range k.types {
				list := codes(v, n, uint64(len(m)*3+i))
				for j, c := range list {
					if c == 0 && i == 1 {
						list[j] = 1 + uint64(r.IntN(20)) // nothing is divided by 0
					}
				}
				lists = append(lists, list)
			}
			m, in = append(m, k), append(in, lists)
		}
		for _, code := range []ir.Code{ir.Neg, ir.Not, ir.Abs, ir.Relu} {
			add(mapOf(code, u, u))
		}
		for _, code := range []ir.Code{ir.Add, ir.Sub, ir.Mul, ir.Div, ir.Mod, ir.And, ir.Or, ir.Xor, ir.Min, ir.Max, ir.MinNan, ir.MaxNan} {
			add(mapOf(code, u, u, u))
		}
		for code := ir.Eq; code <= ir.Ge; code++ {
			add(mapOf(code, dtype.Bool, u, u))
		}
		for i, count := range intTypes {
			if !*long && (i+at)%3 != 0 {
				continue
			}
			for _, code := range []ir.Code{ir.Shl, ir.Shr, ir.Rotl} {
				add(mapOf(code, u, u, count))
			}
		}
		for _, result := range []dtype.Type{dtype.I32, dtype.U8, dtype.I64} {
			for _, code := range []ir.Code{ir.Popcount, ir.Clz, ir.Ctz} {
				add(mapOf(code, result, u))
			}
		}
		m, in = withConstants(r, m, in, constants)
		exactly(t, m, in)
	}
}

// TestBools: predicates, their constants, and what is chosen by them.
func TestBools(t *testing.T) {
	t.Parallel()
	b := dtype.Bool
	var m []mapping
	for _, code := range []ir.Code{ir.And, ir.Or, ir.Xor, ir.Eq, ir.Ne, ir.Lt, ir.Le, ir.Gt, ir.Ge} {
		m = append(m, mapOf(code, b, b, b))
	}
	m = append(m, mapOf(ir.Not, b, b))
	for _, u := range dtype.All() {
		m = append(m, mapOf(ir.Select, u, b, u, u))
	}
	in := make([][][]uint64, len(m))
	for i, k := range m {
		for j, u := range k.types {
			in[i] = append(in[i], codes(u, 256, uint64(3*i+j)))
		}
	}
	m, in = withConstants(rand.New(rand.NewPCG(2, 2)), m, in, 2)
	exactly(t, m, in)
}

// TestFloats: the operations of floats that have one right answer.
func TestFloats(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 3))
	for _, u := range floatTypes {
		var m []mapping
		for _, code := range []ir.Code{ir.Neg, ir.Abs, ir.Sqrt, ir.Recip, ir.Relu, ir.Floor, ir.Ceil, ir.Rint, ir.Trunc} {
			m = append(m, mapOf(code, u, u))
		}
		for _, code := range []ir.Code{ir.Add, ir.Sub, ir.Mul, ir.Div, ir.Min, ir.Max, ir.MinNan, ir.MaxNan, ir.Copysign} {
			m = append(m, mapOf(code, u, u, u))
		}
		m = append(m, mapOf(ir.Fma, u, u, u, u), mapOf(ir.Isnan, dtype.Bool, u), mapOf(ir.Finite, dtype.Bool, u))
		for _, result := range intTypes {
			m = append(m, mapOf(ir.Exponent, result, u), mapOf(ir.Ldexp, u, u, result))
		}
		in := make([][][]uint64, len(m))
		for i, k := range m {
			n := 1024
			if *long && len(k.types) == 1 && u.Bits() == 16 {
				n = 1 << 16
			}
			for j, v := range k.types {
				in[i] = append(in[i], codes(v, n, uint64(3*i+j)))
			}
		}
		m, in = withConstants(r, m, in, 1)
		exactly(t, m, in)
	}
}

// TestComparisons of all types, bits and single bits.
func TestComparisons(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 4))
	var m []mapping
	for i, u := range dtype.All() {
		for code := ir.Eq; code <= ir.Ge; code++ {
			if *long || u.Bits() >= 16 || (i+int(code))%6 == 0 {
				m = append(m, mapOf(code, dtype.Bool, u, u))
			}
		}
		m = append(m, mapOf(ir.BitOf, dtype.Bool, u, dtype.I64))
		for _, v := range dtype.All() {
			if u.Bits() == v.Bits() && u != dtype.Bool && v != dtype.Bool && (*long || u.Bits() >= 16 || r.IntN(8) == 0) {
				m = append(m, mapping{name: fmt.Sprintf("bits of %s as %s", u, v), types: []dtype.Type{u}, result: v,
					ir: func(b *ir.Builder, x []*ir.Value) *ir.Value { return b.Bits(x[0], v) }})
			}
		}
	}
	in := make([][][]uint64, len(m))
	for i, k := range m {
		for j, v := range k.types {
			list := codes(v, 512, uint64(3*i+j))
			for l, c := range list {
				if x := v.Decode(c); v.IsFloat() && x != x { // whose bits mean nothing
					list[l] = v.Encode(x, dtype.NearestEven, dtype.ToInf)
				}
			}
			in[i] = append(in[i], list)
		}
		if len(k.types) == 2 && k.types[1] == dtype.I64 && k.types[0] != dtype.I64 {
			for j := range in[i][1] {
				in[i][1][j] = uint64(int64(r.IntN(70) - 3))
			}
		}
	}
	m, in = withConstants(r, m, in, 1)
	exactly(t, m, in)
}

// castOf is the mapping of a cast.
func castOf(from, to dtype.Type, mode dtype.Mode) mapping {
	round, overflow := "rne", "sat"
	switch mode {
	case dtype.RZ:
		round = "rz"
	case dtype.Wrap:
		overflow = "wrap"
	}
	return mapping{name: fmt.Sprintf("cast of %s to %s %s", from, to, mode), types: []dtype.Type{from}, result: to,
		ir: func(b *ir.Builder, x []*ir.Value) *ir.Value { return b.Cast(x[0], to, round, overflow) }}
}

// TestCasts between all types in all modes: of those of up to 16 bits all codes.
func TestCasts(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, 5))
	all := dtype.All()
	for _, from := range all {
		var m []mapping
		var in [][][]uint64
		for _, to := range all {
			for _, mode := range []dtype.Mode{dtype.Default, dtype.RZ, dtype.Wrap} {
				wide := from.Bits() >= 16 && to.Bits() >= 16 || from.Bits() >= 32 && to.IsFloat() && to.Bits() >= 8
				if from == to || dtype.CheckMode(from, to, mode) != nil || !*long && !wide && r.IntN(24) != 0 {
					continue
				}
				m = append(m, castOf(from, to, mode))
				n := 1024
				if from.Bits() == 16 && *long {
					n = 1 << 16
				}
				in = append(in, [][]uint64{codes(from, n, uint64(len(m)))})
				if r.IntN(4) == 0 {
					m, in = append(m, m[len(m)-1]), append(in, [][]uint64{codes(from, 1, uint64(len(m)))})
				}
			}
		}
		exactly(t, m, in)
	}
}
