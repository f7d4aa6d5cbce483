package cpu

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

func castMap(from, to dtype.Type, round, overflow string) *mapping {
	return &mapping{name: fmt.Sprintf("cast.%s.%s to %s", round, overflow, to), operands: []dtype.Type{from}, result: to,
		build: func(b *ir.Builder, x []*ir.Value) *ir.Value { return b.Cast(x[0], to, round, overflow) }}
}

// casts are the casts from one type to another that the language has.
func casts(from, to dtype.Type) []*mapping {
	if from == to {
		return nil // the builder makes none
	}
	maps := []*mapping{castMap(from, to, "rne", "sat")}
	if dtype.CheckMode(from, to, dtype.RZ) == nil {
		maps = append(maps, castMap(from, to, "rz", "sat"))
	}
	if dtype.CheckMode(from, to, dtype.Wrap) == nil {
		maps = append(maps, castMap(from, to, "rne", "wrap"))
	}
	return maps
}

// TestCasts has every type as source and as target: of those that a class holds alike one stands for all.
func TestCasts(t *testing.T) {
	plain := []dtype.Type{dtype.F32, dtype.F64, dtype.F16, dtype.BF16, dtype.Bool, dtype.I8, dtype.U8, dtype.I16, dtype.U16, dtype.I32, dtype.U32, dtype.I64, dtype.U64,
		dtype.Bipolar(1), dtype.Bipolar(8), dtype.I2, dtype.U1}
	labs(t, func(t *testing.T, l *lab) {
		// Each level has its share of the pairs: all of them at every level would take long.
		share := func(n, of int) bool { return n%of == slices.Index(levels, l.level)%of }
		var maps, scalar []*mapping
		for i, from := range plain {
			for j, to := range plain {
				if share(i+j, 2) {
					maps = append(maps, casts(from, to)...)
				}
				if share(i+j, 3) {
					scalar = append(scalar, casts(from, to)...)
				}
			}
		}
		for i, e := range dtype.All() {
			if slices.Contains(plain, e) || !share(i, 3) {
				continue
			}
			for _, p := range []dtype.Type{dtype.F32, dtype.F64, dtype.I64, dtype.I16} {
				maps = append(maps, casts(p, e)...)
			}
			maps = append(maps, casts(e, dtype.F16)...)
			maps = append(maps, casts(e, dtype.I4)...)
		}
		l.compare(maps, []int{l.level.Lanes}, samples, mapArgs(3, samples))
		l.again().compare(scalar, []int{1}, samples, mapArgs(4, samples))
	})
}

// TestBits reinterprets the codes of each type as those of each other of its width that has arithmetic or none.
func TestBits(t *testing.T) {
	labs(t, func(t *testing.T, l *lab) {
		var maps []*mapping
		for _, from := range dtype.All() {
			for _, to := range []dtype.Type{dtype.F32, dtype.F64, dtype.TF32, dtype.F16, dtype.BF16, dtype.F8E4M3, dtype.I8, dtype.U16, dtype.I16, dtype.U32, dtype.I32, dtype.I64,
				dtype.U64, dtype.U4, dtype.I4, dtype.Uint(6), dtype.Bipolar(4)} {
				if from.Bits() != to.Bits() || from == dtype.Bool || from == to {
					continue
				}
				maps = append(maps, &mapping{name: "bits to " + to.String(), operands: []dtype.Type{from}, result: to,
					build: func(b *ir.Builder, x []*ir.Value) *ir.Value { return b.Bits(x[0], to) }})
			}
		}
		l.compare(maps, []int{16}, samples, func(m *mapping) [][]uint64 {
			// The code of a NaN is any NaN's.
			args := mapArgs(6, samples)(m)
			from := m.operands[0]
			for i, c := range args[0] {
				if x := from.Decode(c); from.IsFloat() && x != x {
					args[0][i] = 0
				}
			}
			return args
		})
	})
}
