package cpu

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	lir "github.com/llir/llvm/ir"

	"github.com/tilec/tilec/codegen/internal/llvm"
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir/dtype"
	runtime "github.com/tilec/tilec/runtime/cpu"
)

// lowbitTools is the machine's LLVM; without one the test is skipped.
func lowbitTools(t testing.TB) llvm.Toolchain {
	t.Helper()
	tools, err := llvm.Find()
	if err != nil {
		var absent *llvm.Absent
		if errors.As(err, &absent) {
			t.Skip("there is no LLVM on this machine")
		}
		t.Fatal(err)
	}
	return tools
}

// lowbitObject compiles a module for a level.
func lowbitObject(t testing.TB, tools llvm.Toolchain, m *llx.Module, l *Level) []byte {
	t.Helper()
	obj, err := tools.Compile(context.Background(), []byte(m.String()), llvm.Options{Triple: l.Triple(), CPU: l.CPU(), Tune: l.Tune(), Features: l.Features})
	if err != nil {
		t.Fatal(err)
	}
	return obj
}

// lowbitAttributes let a function use the level's instructions.
func lowbitAttributes(l *Level) []lir.FuncAttribute {
	list := []lir.FuncAttribute{llx.Word("nounwind"), llx.Attr("target-cpu", l.CPU()), llx.Attr("tune-cpu", l.Tune())}
	if len(l.Features) > 0 {
		list = append(list, llx.Attr("target-features", strings.Join(l.Features, ",")))
	}
	if l.AVX512 {
		list = append(list, llx.Attr("prefer-vector-width", "512"), llx.Attr("min-legal-vector-width", "512"))
	}
	return list
}

// lowTypes are the element types that panels hold.
func lowTypes() []dtype.Type {
	var list []dtype.Type
	for n := 1; n <= 8; n++ {
		list = append(list, dtype.Uint(n), dtype.Bipolar(n))
		if n > 1 {
			list = append(list, dtype.Int(n))
		}
	}
	return list
}

// lowbitFunc adds a function name(w, panel bytes, x, row bytes, y) that stores the products of one group, [panel][row][lane].
func lowbitFunc(m *llx.Module, name string, l *Level, p lowbit, panels, rows int) {
	b := m.Func(name, llx.Void, []*lir.Param{llx.Param("w", llx.Ptr), llx.Param("stride", llx.I64), llx.Param("x", llx.Ptr),
		llx.Param("pitch", llx.I64), llx.Param("y", llx.Ptr)}, lowbitAttributes(l)...)
	u := &unit{b, l}
	arg := func(i int) llx.Value { return b.Fn.Params[i] }
	var w, x []llx.Value
	for i := range panels {
		w = append(w, u.Offset(arg(0), u.Mul(arg(1), llx.C64(int64(i)))))
	}
	for i := range rows {
		x = append(x, u.Offset(arg(2), u.Mul(arg(3), llx.C64(int64(i)))))
	}
	for i, list := range u.lowbitDot(p, w, x, u.lowbitOffsets(p, x)) {
		for r, d := range list {
			u.Store(d, u.Offset(arg(4), llx.C64(int64((i*rows+r)*l.Lanes*4))), 4)
		}
	}
	b.Ret(nil)
}

// lowbitMemory is bytes outside of Go's heap.
func lowbitMemory(t testing.TB, pool *runtime.Pool, data []byte) *runtime.Memory {
	t.Helper()
	m, err := pool.Alloc(int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	copy(m.Bytes(), data)
	return m
}

// The products of every type on every level of this machine, against Go, for groups of whole units and of less.
func TestLowbitDot(t *testing.T) {
	tools := lowbitTools(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, l := range Levels() {
		if _, ok := runtime.Supports(l.Name); !ok || l.AMX {
			continue
		}
		t.Run(l.Name, func(t *testing.T) {
			m := llx.NewModule(l.Triple())
			type variant struct {
				p            lowbit
				panels, rows int
				name         string
			}
			var list []variant
			// Whole units, parts of them, less than one, and a loop; all rows of a plan and fewer.
			shapes := []struct{ group, rows int }{{32, 1}, {4, 2}, {128, 8}, {36, 3}, {384, 1}, {64, 4}}
			for i, elem := range lowTypes() {
				for j := range 3 {
					s := shapes[(i/3+2*j+j/2)%len(shapes)]
					p, ok := planLowbit(l, elem, s.group, s.rows)
					if !ok {
						t.Fatalf("no plan for %v in groups of %d", elem, s.group)
					}
					p.prefetch = i % 2 * 1024
					v := variant{p, p.panels, p.rows, fmt.Sprintf("%v.%d", elem, s.group)}
					lowbitFunc(m, v.name, l, v.p, v.panels, v.rows)
					list = append(list, v)
				}
			}
			long, _ := planLowbit(l, dtype.Bipolar(3), 4*1024+8, 8)
			lowbitFunc(m, "long", l, long, 1, long.rows)
			list = append(list, variant{long, 1, long.rows, "long"})
			module, err := runtime.Load(lowbitObject(t, tools, m, l))
			if err != nil {
				t.Fatal(err)
			}
			defer module.Close()
			var pool runtime.Pool
			defer pool.Close()
			for _, v := range list {
				fn, ok := module.Symbol(v.name)
				if !ok {
					t.Fatalf("no function %s", v.name)
				}
				lowbitCheck(t, rnd, &pool, fn, v.name, v.p, v.panels, v.rows)
			}
		})
	}
}

func lowbitCheck(t *testing.T, rnd *rand.Rand, pool *runtime.Pool, fn uintptr, name string, p lowbit, panels, rows int) {
	n, k := panels*p.layout.Rows, p.group
	codes := make([]uint64, n*k)
	for i := range codes {
		codes[i] = rnd.Uint64() & (1<<p.elem.Bits() - 1)
	}
	dense := make([]byte, Layout{}.Size(p.elem.Bits(), int64(n), int64(k)))
	dtype.Pack(dense, 0, codes, p.elem.Bits())
	packed, err := p.layout.Pack(dense, p.elem, n, k)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]byte, rows*k)
	for i := range x {
		x[i] = byte(rnd.Uint32())
		if i%3 == 0 {
			x[i] = 0x80
		}
	}
	w, xm, y := lowbitMemory(t, pool, packed), lowbitMemory(t, pool, x), lowbitMemory(t, pool, make([]byte, n*rows*4))
	defer w.Free()
	defer xm.Free()
	defer y.Free()
	runtime.Call(fn, w.Pointer(), uintptr(p.layout.PanelBytes(int64(k))), xm.Pointer(), uintptr(k), y.Pointer())
	bad := 0
	for i := range n {
		for r := range rows {
			var want int32
			for j := range k {
				want += int32(p.elem.DecodeInt(codes[i*k+j])) * int32(int8(x[r*k+j]))
			}
			at := ((i/p.layout.Rows*rows+r)*p.layout.Rows + i%p.layout.Rows) * 4
			b := y.Bytes()[at:]
			got := int32(uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16 | uint32(b[3])<<24)
			if got != want {
				if bad++; bad < 4 {
					t.Errorf("%s: weight row %d, x row %d: %d, want %d", name, i, r, got, want)
				}
			}
		}
	}
}
