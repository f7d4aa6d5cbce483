package cpu_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/cpu"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/runtime"
)

// product is c[m, n] = Σ a·b over k in blocks of a grid, in the many ways a text can say it.
type product struct {
	a, b, c        dtype.Type
	bm, bn, bk     int64
	turnA, turnB   bool // a is [K, M], b is [K, N]
	turnC          bool // c is [N, M]
	swapped        bool // contract b, a
	whole          bool // k is one span of the whole width, and there is no accumulator
	mapA, mapB     bool // the operand is an expression
	scaleA, scaleB bool // times an f32 of each row, of each column
	batch          bool // a, b and c have a leading dimension L of the grid's block
	causal         bool // k ends at the last row
}

func (p product) name() string {
	s := fmt.Sprintf("%v %v %v %dx%dx%d", p.a, p.b, p.c, p.bm, p.bn, p.bk)
	for _, f := range []struct {
		name string
		is   bool
	}{{"turnA", p.turnA}, {"turnB", p.turnB}, {"turnC", p.turnC}, {"swapped", p.swapped}, {"whole", p.whole}, {"mapA", p.mapA}, {"mapB", p.mapB},
		{"scaleA", p.scaleA}, {"scaleB", p.scaleB}, {"batch", p.batch}, {"causal", p.causal}} {
		if f.is {
			s += " " + f.name
		}
	}
	return s
}

// text is the function. Its sizes are M, N, K and, with batches, L.
func (p product) text() string {
	lead, leadTile, leadIndex := "", "", ""
	if p.batch {
		lead, leadTile, leadIndex = "%L,", "%l:3,", "%l, "
	}
	dims := func(turned bool, x, y string) string {
		if turned {
			x, y = y, x
		}
		return lead + x + "," + y
	}
	axes := func(turned bool, x, y string) string {
		if turned {
			x, y = y, x
		}
		return leadTile + x + "," + y
	}
	subs := func(turned bool, x, y string) string {
		if turned {
			x, y = y, x
		}
		return leadIndex + x + ", " + y
	}
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	m, n, k := fmt.Sprintf("%%m:%d", p.bm), fmt.Sprintf("%%n:%d", p.bn), fmt.Sprintf("%%k:%d", p.bk)
	params := fmt.Sprintf("%%a: tensor<%v,[%s]>, %%b: tensor<%v,[%s]>", p.a, dims(p.turnA, "%M", "%K"), p.b, dims(p.turnB, "%N", "%K"))
	if p.scaleA {
		params += ", %sa: tensor<f32,[%M]>"
	}
	if p.scaleB {
		params += ", %sb: tensor<f32,[%N]>"
	}
	sizes := "%M, %K, %N"
	if p.batch {
		sizes += ", %L"
	}
	line("kernel @p[%s](%s) -> (%%c: tensor<%v,[%s]>) {", sizes, params, p.c, dims(p.turnC, "%M", "%N"))
	line("  %%0 = const 0 : i64")
	out := fmt.Sprintf("tile<%v,[%s]>", p.c, axes(p.swapped, m, n))
	if p.batch {
		line("  %%l = span %%0, %%L {width = 3} : span<3>")
	}
	line("  parallel %%m in %%0 .. %%M by %d, %%n in %%0 .. %%N by %d {", p.bm, p.bn)
	end := "%K"
	if p.causal {
		line("    %%last = spanhi [%%m] : i64")
		line("    %%end = min %%K, %%last : i64")
		end = "%end"
	}
	if p.scaleA {
		line("    %%xa = load.in %%sa[%%m] : tile<f32,[%s]>", m)
	}
	if p.scaleB {
		line("    %%xb = load.in %%sb[%%n] : tile<f32,[%s]>", n)
	}
	operand := func(v string, t dtype.Type, turned, mapped bool, x string) {
		line("      %%%s0 = load.in %%%s[%s] : tile<%v,[%s]>", v, v, subs(turned, "%"+x, "%k"), t, axes(turned, map[string]string{"m": m, "n": n}[x], k))
		if mapped {
			line("      %%%s1 = neg %%%s0 : tile<%v,[%s]>", v, v, t, axes(turned, map[string]string{"m": m, "n": n}[x], k))
		}
	}
	contract := func(acc string) string {
		a, c := "%a0", "%b0"
		if p.mapA {
			a = "%a1"
		}
		if p.mapB {
			c = "%b1"
		}
		if p.scaleA {
			a += " scaled %xa"
		}
		if p.scaleB {
			c += " scaled %xb"
		}
		if p.swapped {
			a, c = c, a
		}
		return fmt.Sprintf("contract %s, %s%s [%%k] : %s", a, c, acc, out)
	}
	if p.whole {
		line("    %%k = span %%0, %s {width = %d} : span<%d>", end, p.bk, p.bk)
		operand("a", p.a, p.turnA, p.mapA, "m")
		operand("b", p.b, p.turnB, p.mapB, "n")
		line("    %%r = %s", contract(""))
	} else {
		zero := "0"
		if p.c.IsFloat() {
			zero = "0.0"
		}
		line("    %%1 = const %s : %v", zero, p.c)
		line("    %%z = bcast %%1 : %s", out)
		line("    %%r = for %%k in %%0 .. %s by %d carry (%%acc = %%z) : %s {", end, p.bk, out)
		operand("a", p.a, p.turnA, p.mapA, "m")
		operand("b", p.b, p.turnB, p.mapB, "n")
		line("      %%next = %s", contract(" acc %acc"))
		line("      yield %%next")
		line("    }")
	}
	line("    store.in %%c[%s] = %%r", subs(p.turnC, "%m", "%n"))
	line("    yield\n  }\n  yield\n}")
	return b.String()
}

// check runs the product for some sizes.
func (p product) check(t *testing.T, sizes ...[3]int64) {
	t.Helper()
	f := parse(t, p.text())
	for _, s := range sizes {
		m, n, k := s[0], s[1], s[2]
		shape := func(turned bool, x, y int64) []int64 {
			if turned {
				x, y = y, x
			}
			if p.batch {
				return []int64{3, x, y}
			}
			return []int64{x, y}
		}
		args := []runtime.Arg{grid(1, p.a, shape(p.turnA, m, k)...), grid(2, p.b, shape(p.turnB, n, k)...)}
		if p.scaleA {
			args = append(args, grid(3, dtype.F32, m))
		}
		if p.scaleB {
			args = append(args, grid(4, dtype.F32, n))
		}
		launch := []int64{m, k, n}
		if p.batch {
			launch = append(launch, 3)
		}
		agree(t, f, launch, args)
	}
}

func TestContract(t *testing.T) {
	f32, bf16, i8, i32 := dtype.F32, dtype.BF16, dtype.I8, dtype.I32
	all := [][3]int64{{50, 70, 45}, {1, 3, 1}, {24, 33, 80}, {13, 64, 0}}
	for _, p := range []product{
		{a: f32, b: f32, c: f32, bm: 24, bn: 32, bk: 32},
		{a: f32, b: f32, c: f32, bm: 24, bn: 32, bk: 32, turnA: true},
		{a: f32, b: f32, c: f32, bm: 24, bn: 32, bk: 32, turnB: true, swapped: true},
		{a: f32, b: f32, c: f32, bm: 13, bn: 20, bk: 17, turnA: true, turnB: true, turnC: true},
		{a: f32, b: f32, c: f32, bm: 64, bn: 64, bk: 80, whole: true},
		{a: f32, b: f32, c: f32, bm: 16, bn: 64, bk: 40, mapA: true, mapB: true},
		{a: f32, b: f32, c: f32, bm: 16, bn: 64, bk: 40, scaleA: true, scaleB: true},
		{a: f32, b: f32, c: f32, bm: 12, bn: 32, bk: 16, batch: true},
		{a: f32, b: f32, c: f32, bm: 12, bn: 32, bk: 16, causal: true, turnB: true},
		{a: f32, b: f32, c: f32, bm: 2, bn: 64, bk: 64},
		{a: f32, b: f32, c: f32, bm: 64, bn: 1, bk: 64},
		{a: bf16, b: bf16, c: f32, bm: 17, bn: 33, bk: 31, turnA: true, turnB: true},
		{a: bf16, b: bf16, c: f32, bm: 24, bn: 32, bk: 18, causal: true},
		{a: bf16, b: bf16, c: f32, bm: 24, bn: 32, bk: 18, causal: true, turnB: true, swapped: true},
		{a: bf16, b: bf16, c: f32, bm: 64, bn: 64, bk: 128, whole: true, mapA: true},
		{a: dtype.F16, b: dtype.F16, c: f32, bm: 24, bn: 32, bk: 32, turnB: true},
		{a: dtype.F8E4M3, b: bf16, c: f32, bm: 24, bn: 32, bk: 32},
		{a: dtype.F8E5M2, b: dtype.F8E4M3, c: f32, bm: 24, bn: 32, bk: 32, turnA: true},
		{a: dtype.F64, b: dtype.F64, c: dtype.F64, bm: 7, bn: 12, bk: 32, turnA: true, turnB: true},
		{a: i8, b: i8, c: i32, bm: 24, bn: 32, bk: 32},
		{a: i8, b: i8, c: i32, bm: 19, bn: 50, bk: 37, turnA: true, turnB: true},
		{a: i8, b: i8, c: i32, bm: 24, bn: 32, bk: 18, causal: true},
		{a: i8, b: i8, c: i32, bm: 24, bn: 32, bk: 18, causal: true, turnB: true, turnC: true},
		{a: dtype.U8, b: i8, c: i32, bm: 24, bn: 32, bk: 64},
		{a: dtype.Int(4), b: i8, c: i32, bm: 24, bn: 32, bk: 64},
		{a: dtype.U4, b: dtype.Bipolar(2), c: i32, bm: 24, bn: 32, bk: 64},
		{a: dtype.I16, b: dtype.I16, c: i32, bm: 24, bn: 32, bk: 31, turnB: true},
		{a: i32, b: i32, c: i32, bm: 24, bn: 32, bk: 32},
		{a: dtype.U32, b: dtype.U16, c: dtype.U32, bm: 24, bn: 32, bk: 32, turnA: true},
		{a: i32, b: i8, c: dtype.I64, bm: 24, bn: 32, bk: 32},
		{a: i8, b: i8, c: dtype.I16, bm: 24, bn: 32, bk: 32},
		{a: i8, b: i8, c: f32, bm: 24, bn: 32, bk: 32, scaleA: true},
	} {
		t.Run(p.name(), func(t *testing.T) { p.check(t, all...) })
	}
}

// Sums in a narrow type, which here are exact in it.
func TestContractNarrow(t *testing.T) {
	for _, elem := range []dtype.Type{dtype.F16, dtype.BF16} {
		p := product{a: elem, b: elem, c: elem, bm: 24, bn: 32, bk: 32}
		t.Run(p.name(), func(t *testing.T) { p.check(t, [3]int64{50, 70, 1}) })
	}
}

// Panels of more than one chunk, tiles of more rows than are packed at once, and shared ones.
func TestContractLong(t *testing.T) {
	f32, i8 := dtype.F32, dtype.I8
	for _, p := range []product{
		{a: f32, b: f32, c: f32, bm: 320, bn: 48, bk: 700},
		{a: f32, b: f32, c: f32, bm: 320, bn: 48, bk: 700, turnA: true, turnB: true, whole: true},
		{a: i8, b: i8, c: dtype.I32, bm: 300, bn: 40, bk: 2100},
	} {
		t.Run(p.name(), func(t *testing.T) { p.check(t, [3]int64{330, 50, 1000 % (p.bk + 1)}, [3]int64{400, 33, 690}) })
	}
}

// Dot products of bf16 are taken where they are fast: with the matrix unit, they are not, and what it does not serve is
// multiplied as f32.
func TestContractRates(t *testing.T) {
	bf16 := dtype.BF16
	for _, c := range []struct {
		level  string
		rows   int64
		dot    bool
		matrix bool
	}{{"avx512", 24, true, false}, {"avx512", 32, true, false}, {"amx", 24, false, false}, {"amx", 32, false, true}, {"avx2", 24, false, false}} {
		p := product{a: bf16, b: bf16, c: dtype.F32, bm: c.rows, bn: 32, bk: 64}
		text, _, err := cpu.Module(parse(t, p.text()), codegen.Options{Level: c.level})
		if err != nil {
			t.Fatal(err)
		}
		if dot, matrix := strings.Contains(text, "dpbf16ps.512"), strings.Contains(text, "tdpbf16ps"); dot != c.dot || matrix != c.matrix {
			t.Errorf("%d rows at %s: vdpbf16ps %v, tdpbf16ps %v", c.rows, c.level, dot, matrix)
		}
	}
}
