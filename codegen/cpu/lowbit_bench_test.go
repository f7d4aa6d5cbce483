package cpu

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	lir "github.com/llir/llvm/ir"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir/dtype"
	runtime "github.com/tilec/tilec/runtime/cpu"
)

// lowbitGemm adds a function name(w, x, s, xs, y, n, k): y[n/panel][m][lane] = Σ_g (Σ w·x)·s·xs, with scales s f16 of the panels
// [panel][g][lane] and xs f32[row][g].
func lowbitGemm(m *llx.Module, name string, l *Level, p lowbit) {
	var params []*lir.Param
	for i := range 5 {
		params = append(params, llx.Param("p"+strconv.Itoa(i), llx.Ptr, "noalias"))
	}
	b := m.Func(name, llx.Void, append(params, llx.Param("n", llx.I64), llx.Param("k", llx.I64)), lowbitAttributes(l)...)
	u := &unit{b, l}
	arg := func(i int) llx.Value { return b.Fn.Params[i] }
	lanes := l.Lanes
	f := llx.Vec(llx.Float, lanes)
	groups := u.SDiv(arg(6), llx.C64(int64(p.group)))
	panel := u.Mul(groups, llx.C64(p.layout.GroupBytes()*int64(p.group/p.layout.Group)))
	cells := make([]llx.Value, p.panels*p.rows)
	for i := range cells {
		cells[i] = u.Alloca(f, 1, 64)
	}
	u.For(llx.C64(0), arg(5), int64(p.panels*lanes), func(n llx.Value) {
		first := u.SDiv(n, llx.C64(int64(lanes)))
		for _, c := range cells {
			u.Store(llx.Zero(f), c, 64)
		}
		u.For(llx.C64(0), groups, 1, func(i llx.Value) {
			var w, x []llx.Value
			for q := range p.panels {
				at := u.Mul(u.Add(first, llx.C64(int64(q))), panel)
				w = append(w, u.Offset(arg(0), u.Add(at, u.Mul(i, llx.C64(p.layout.GroupBytes()*int64(p.group/p.layout.Group))))))
			}
			for r := range p.rows {
				x = append(x, u.Offset(arg(1), u.Add(u.Mul(arg(6), llx.C64(int64(r))), u.Mul(i, llx.C64(int64(p.group))))))
			}
			d := u.lowbitDot(p, w, x, u.lowbitOffsets(p, x))
			for q := range p.panels {
				at := u.Mul(u.Add(u.Mul(u.Add(first, llx.C64(int64(q))), groups), i), llx.C64(int64(2*lanes)))
				s := u.FPExt(u.Load(llx.Vec(llx.Half, lanes), u.Offset(arg(2), at), 2), f)
				for r := range p.rows {
					xs := u.Load(llx.Float, u.Index(llx.Float, arg(3), u.Add(u.Mul(groups, llx.C64(int64(r))), i)), 4)
					cell := cells[q*p.rows+r]
					old := u.Load(f, cell, 64)
					v := u.Intrinsic("fma", f, u.SIToFP(d[q][r], f), u.FMul(s, u.Splat(xs, lanes)), old)
					u.Store(v, cell, 64)
				}
			}
		})
		for q := range p.panels {
			for r := range p.rows {
				at := u.Add(u.Mul(u.Mul(u.Add(first, llx.C64(int64(q))), llx.C64(int64(p.rows))), llx.C64(int64(4*lanes))), llx.C64(int64(4*lanes*r)))
				u.Store(u.Load(f, cells[q*p.rows+r], 64), u.Offset(arg(4), at), 4)
			}
		}
	})
	b.Ret(nil)
}

// BenchmarkLowbit times products with a matrix of 4096 x 4096 in groups of 128, which stays in the cache.
func BenchmarkLowbit(b *testing.B) {
	tools := lowbitTools(b)
	l := Host(false)
	if !l.VNNI {
		b.Skip("this machine has no dot products of bytes")
	}
	const n, k, group = 4096, 4096, 128
	var pool runtime.Pool
	defer pool.Close()
	rnd := rand.NewChaCha8([32]byte{1})
	drawn := func(n int64) []byte {
		data := make([]byte, n)
		_, _ = rnd.Read(data)
		return data
	}
	x, s, xs, y := lowbitMemory(b, &pool, drawn(16*k)), lowbitMemory(b, &pool, make([]byte, n*k/group*2)), lowbitMemory(b, &pool, make([]byte, 16*k/group*4)), lowbitMemory(b, &pool, make([]byte, 16*n*4))
	for _, elem := range []dtype.Type{dtype.U1, dtype.U2, dtype.Uint(3), dtype.U4, dtype.Uint(5), dtype.Uint(6), dtype.Uint(7), dtype.U8, dtype.Bipolar(1), dtype.I4} {
		for _, rows := range []int{1, 4, 8} {
			for _, panels := range benchPanels {
				for _, prefetch := range benchPrefetch {
					p, _ := planLowbit(l, elem, group, rows)
					p.rows = rows
					if panels > 0 {
						p.panels = panels
					}
					p.prefetch = prefetch
					m := llx.NewModule(l.Triple())
					lowbitGemm(m, "gemm", l, p)
					module, err := runtime.Load(lowbitObject(b, tools, m, l))
					if err != nil {
						b.Fatal(err)
					}
					fn, _ := module.Symbol("gemm")
					w := lowbitMemory(b, &pool, drawn(p.layout.Size(elem.Bits(), n, k)))
					b.Run(fmt.Sprintf("%v/m%d/p%d/f%d", elem, rows, p.panels, prefetch), func(b *testing.B) {
						var times []time.Duration
						for b.Loop() {
							start := time.Now()
							runtime.Call(fn, w.Pointer(), x.Pointer(), s.Pointer(), xs.Pointer(), y.Pointer(), n, k)
							times = append(times, time.Since(start))
						}
						slices.Sort(times)
						us := float64(times[len(times)/2].Nanoseconds()) / 1e3
						b.ReportMetric(float64(times[0].Nanoseconds())/1e3, "us-best")
						b.ReportMetric(us, "us-median")
						b.ReportMetric(2*n*k*float64(rows)/us/1e6, "TOP/s")
						b.ReportMetric(float64(len(w.Bytes()))/us/1e3, "GB/s")
					})
					w.Free()
					module.Close()
				}
			}
		}
	}
}

var benchPanels, benchPrefetch = []int{0}, []int{0}
