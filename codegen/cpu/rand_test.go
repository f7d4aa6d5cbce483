package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/philox"
	runcpu "github.com/tilec/tilec/runtime/cpu"
)

// TestRandom holds random numbers to package ir/philox, bit for bit.
func TestRandom(t *testing.T) {
	refs := map[ir.Code]func(seed, i int64) uint32{
		ir.Rand:    philox.Rand,
		ir.Uniform: func(seed, i int64) uint32 { return math.Float32bits(philox.Uniform(seed, i)) },
		ir.Normal:  func(seed, i int64) uint32 { return math.Float32bits(philox.Normal(seed, i)) },
	}
	const n = 1 << 12
	r := rand.New(rand.NewPCG(5, 6))
	for _, level := range runnable(t) {
		for _, lanes := range []int{1, level.Lanes} {
			m := llx.NewModule(level.Triple())
			for code := range refs {
				for _, shared := range []bool{false, true} {
					loopOver(m, level, fmt.Sprintf("%s_%v", code, shared), lanes, llx.I32, []llx.Type{llx.I64, llx.I64}, func(u *unit, x []llx.Value) llx.Value {
						seed := x[0]
						if shared && lanes > 1 {
							seed = u.Extract(seed, llx.C64(0))
						}
						return u.Bitcast(u.random(code, seed, x[1], lanes), llx.Vec(llx.I32, lanes))
					})
				}
			}
			mod := compiled(t, m, level)
			for code, ref := range refs {
				for _, shared := range []bool{false, true} {
					seed, index, got := make([]int64, n), make([]int64, n), make([]uint32, n)
					start, one := int64(r.Uint64()), int64(r.Uint64())
					for k := range n {
						seed[k], index[k] = int64(r.Uint64()>>r.IntN(64)), int64(r.Uint64())>>r.IntN(64)
						if k < n/2 {
							index[k] = start + int64(k)
						}
						if k < 64 {
							index[k] = int64(k) - 9
						}
						if shared {
							seed[k] = one
						}
					}
					fn, ok := mod.Symbol(fmt.Sprintf("%s_%v", code, shared))
					if !ok {
						t.Fatalf("no symbol of %s", code)
					}
					runcpu.Call(fn, uintptr(unsafe.Pointer(&got[0])), n, uintptr(unsafe.Pointer(&seed[0])), uintptr(unsafe.Pointer(&index[0])))
					for k, y := range got {
						if want := ref(seed[k], index[k]); y != want {
							t.Fatalf("%s of %s over %d lanes: %s(%d, %d) is %#x, not %#x", code, level.Name, lanes, code, seed[k], index[k], y, want)
						}
					}
				}
			}
		}
	}
}
