package cpu_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/runtime"
)

// fewRows is c[r, n] = Σ a[r, k]·b over k for so many rows in all, where b is [lines, along]: its lines are those of n
// (dots) or of k, and may lie in any order.
type fewRows struct {
	elem   dtype.Type
	rows   int64
	k, n   int64 // the widths of the spans
	dots   bool
	gather bool
}

func (p fewRows) name() string {
	s := fmt.Sprintf("%v %d rows %d by %d", p.elem, p.rows, p.k, p.n)
	if p.dots {
		s += " dots"
	}
	if p.gather {
		s += " gather"
	}
	return s
}

// text is the function: of dots, the blocks share the lines, else one loop goes through them. Its sizes are K and N.
func (p fewRows) text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	dims, subs, axis := "%K,%N", "%k, %n", "%k"
	if p.dots {
		dims, subs, axis = "%N,%K", "%n, %k", "%n"
	}
	index := "%K"
	if p.dots {
		index = "%N"
	}
	line("kernel @p[%%K, %%N](%%a: tensor<%v,[%d,%%K]>, %%b: tensor<%v,[%s]>, %%i: tensor<i64,[%s]>) -> (%%c: tensor<f32,[%d,%%N]>) {", p.elem, p.rows, p.elem, dims, index, p.rows)
	line("  %%0 = const 0 : i64")
	line("  %%R = const %d : i64", p.rows)
	line("  parallel %%n in %%0 .. %%N by %d {", p.n)
	line("    %%r = span %%0, %%R {width = %d} : span<%d>", p.rows, p.rows)
	out := fmt.Sprintf("tile<f32,[%%r:%d,%%n:%d]>", p.rows, p.n)
	line("    %%1 = const 0.0 : f32")
	line("    %%z = bcast %%1 : %s", out)
	line("    %%s = for %%k in %%0 .. %%K by %d carry (%%acc = %%z) : %s {", p.k, out)
	line("      %%x = load.in %%a[%%r, %%k] : tile<%v,[%%r:%d,%%k:%d]>", p.elem, p.rows, p.k)
	width, axes := p.k, fmt.Sprintf("%%k:%d,%%n:%d", p.k, p.n)
	if p.dots {
		width, axes = p.n, fmt.Sprintf("%%n:%d,%%k:%d", p.n, p.k)
	}
	if p.gather {
		line("      %%j = load.in %%i[%s] : tile<i64,[%s:%d]>", axis, axis, width)
		subs = strings.Replace(subs, axis, "%j", 1)
		line("      %%y = load.unchecked %%b[%s] : tile<%v,[%s]>", subs, p.elem, axes)
	} else {
		line("      %%y = load.in %%b[%s] : tile<%v,[%s]>", subs, p.elem, axes)
	}
	line("      %%next = contract %%x, %%y acc %%acc [%%k] : %s", out)
	line("      yield %%next\n    }")
	line("    store.in %%c[%%r, %%n] = %%s")
	line("    yield\n  }\n  yield\n}")
	return b.String()
}

func TestFewRows(t *testing.T) {
	f32, bf16, f16 := dtype.F32, dtype.BF16, dtype.F16
	for _, p := range []fewRows{
		{elem: bf16, rows: 4, k: 64, n: 64, dots: true},
		{elem: bf16, rows: 4, k: 96, n: 128, gather: true},
		{elem: bf16, rows: 1, k: 64, n: 48, dots: true, gather: true},
		{elem: bf16, rows: 1, k: 64, n: 40},
		{elem: bf16, rows: 2, k: 24, n: 32, dots: true},
		{elem: bf16, rows: 7, k: 33, n: 80},
		{elem: bf16, rows: 16, k: 40, n: 24, dots: true, gather: true},
		{elem: bf16, rows: 16, k: 40, n: 24, gather: true},
		{elem: f32, rows: 3, k: 32, n: 40, dots: true},
		{elem: f32, rows: 8, k: 50, n: 128, gather: true},
		{elem: f32, rows: 13, k: 20, n: 33, dots: true, gather: true},
		{elem: f16, rows: 4, k: 64, n: 32, dots: true},
		{elem: f16, rows: 5, k: 30, n: 33, gather: true},
		{elem: dtype.F8E4M3, rows: 4, k: 40, n: 48, dots: true},
		{elem: dtype.F8E4M3, rows: 4, k: 40, n: 80},
	} {
		t.Run(p.name(), func(t *testing.T) {
			run := both(t, parse(t, p.text()))
			for _, s := range [][2]int64{{64, 64}, {1, 1}, {100, 131}, {0, 5}, {257, 90}} {
				k, n := s[0], s[1]
				shape := []int64{k, n}
				lines := k
				if p.dots {
					shape, lines = []int64{n, k}, n
				}
				order := runtime.Arg{Tensor: grid(1, dtype.I64, lines).Tensor}
				list := make([]int64, lines)
				for i := range list {
					list[i] = (int64(i)*7 + 3) % lines
				}
				dtype.I64.EncodeInts(order.Tensor.Data, 0, list)
				run([]int64{k, n}, []runtime.Arg{grid(2, p.elem, p.rows, k), grid(3, p.elem, shape...), order})
				// What is not finite counts where it is and nowhere else.
				run([]int64{k, n}, []runtime.Arg{grid(2, p.elem, p.rows, k), special(3, p.elem, shape...), order})
			}
		})
	}
}
