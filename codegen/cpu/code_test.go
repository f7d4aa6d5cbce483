package cpu

import (
	"math"
	"testing"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir/dtype"
)

// TestEveryCode decodes every code of the types of up to 16 bits and encodes it again.
func TestEveryCode(t *testing.T) {
	labs(t, func(t *testing.T, l *lab) {
		const w = 16
		for _, e := range dtype.All() {
			if e.Bits() > 16 {
				continue
			}
			l.function(e.String(), w, 3, func(u *unit, p []llx.Value, i llx.Value) {
				v := u.loadTile(e, u.Index(codeType(e), p[0], i), w)
				wide := widest(e)
				u.storeTile(wide, u.Index(codeType(wide), p[1], i), v, w)
				u.storeTile(e, u.Index(codeType(e), p[2], i), v, w)
			})
		}
		l.build()
		for _, e := range dtype.All() {
			if e.Bits() > 16 {
				continue
			}
			size := 8 * container(e)
			n := 1 << size // with bits above the type's
			in, out, wide := make([]byte, n*size/8), make([]byte, n*size/8), make([]byte, n*container(widest(e)))
			for c := range n {
				dtype.WriteCode(in, c*size, size, uint64(c))
			}
			l.call(e.String(), n, in, wide, out)
			bad := 0
			for c := range n {
				code := uint64(c) & (1<<e.Bits() - 1)
				if e == dtype.Bool && code != 0 {
					code = 1
				}
				x := e.Decode(code)
				lane := dtype.ReadCode(wide, c*8*container(widest(e)), 8*container(widest(e)))
				back := dtype.ReadCode(out, c*size, size)
				y := e.Decode(back)
				if same(e, lane, code) && (back == code || x != x && y != y) {
					continue
				}
				if bad++; bad < 4 {
					t.Errorf("%s: code %#x is %s, and back %#x; want %v", e, c, show(widest(e), lane), back, x)
				}
			}
		}
	})
}

// TestTies rounds what lies halfway between neighbouring values, and beside it, and beyond the greatest.
func TestTies(t *testing.T) {
	labs(t, func(t *testing.T, l *lab) {
		const w = 16
		var types []dtype.Type
		for _, e := range dtype.All() {
			if e.Class() == dtype.ClassF32 && e.Bits() <= 16 {
				types = append(types, e)
				l.function(e.String(), w, 2, func(u *unit, p []llx.Value, i llx.Value) {
					v := u.loadTile(dtype.F32, u.Index(llx.I32, p[0], i), w)
					u.storeTile(dtype.F32, u.Index(llx.I32, p[1], i), u.round(e, v, w), w)
				})
			}
		}
		l.build()
		for _, e := range types {
			var x []uint64
			add := func(v float64) {
				b := math.Float32bits(float32(v))
				for d := range uint32(5) {
					x = append(x, uint64(b+d-2), uint64(b+d-2)^1<<31)
				}
			}
			step := max(1, 1<<e.Bits()>>11)
			for c := 0; c < 1<<e.Bits(); c += step {
				v, next := e.Decode(uint64(c)), e.Decode(uint64(c+1))
				if v == v && next == next && !math.IsInf(next-v, 0) {
					add(v)
					add((v + next) / 2)
				}
			}
			beyond := math.Nextafter(e.Max(), math.Inf(1))
			for _, v := range []float64{e.Max(), beyond, e.Max() * (1 + e.UnitRoundoff()), 2 * e.Max(), math.Inf(1), math.NaN(), 0, e.SmallestSubnormal() / 2} {
				add(v)
			}
			for len(x)%w != 0 {
				x = append(x, 0)
			}
			out := make([]byte, 4*len(x))
			l.call(e.String(), len(x), containers(dtype.F32, x), out)
			bad := 0
			for i, c := range x {
				got, want := dtype.F32.Decode(dtype.ReadCode(out, 32*i, 32)), e.Round64(dtype.F32.Decode(c))
				if math.Float64bits(got) == math.Float64bits(want) || got != got && want != want {
					continue
				}
				if bad++; bad < 4 {
					t.Errorf("%s: %s rounds to %v, want %v", e, show(dtype.F32, c), got, want)
				}
			}
		}
	})
}
