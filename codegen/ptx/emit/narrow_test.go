package emit_test

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
)

// castProduct is c = (a as T)·(b as T)ᵀ in tiles of 32 by 32 by 32, by two warps; a·bᵀ without T.
func castProduct(a, b, as string) string {
	casts, factors := fmt.Sprintf(`
      %%7 = cast.rne.sat %%5 : tile<%[1]s,[%%m:32,%%k:32]>
      %%8 = cast.rne.sat %%6 : tile<%[1]s,[%%n:32,%%k:32]>`, as), "%7, %8"
	if as == "" {
		casts, factors = "", "%5, %6"
	}
	return fmt.Sprintf(`kernel @product[%%M, %%K, %%N](%%a: tensor<%[1]s,[%%M,%%K]>, %%b: tensor<%[2]s,[%%N,%%K]>) -> (%%c: tensor<f32,[%%M,%%N]>) binds("warps" = "2", "stages" = "2") {
  %%0 = const 0 : i64
  parallel %%m in %%0 .. %%M by 32, %%n in %%0 .. %%N by 32 {
    %%1 = const 0.0 : f32
    %%2 = bcast %%1 : tile<f32,[%%m:32,%%n:32]>
    %%3 = for %%k in %%0 .. %%K by 32 carry (%%4 = %%2) : tile<f32,[%%m:32,%%n:32]> {
      %%5 = load.in %%a[%%m, %%k] : tile<%[1]s,[%%m:32,%%k:32]>
      %%6 = load.in %%b[%%n, %%k] : tile<%[2]s,[%%n:32,%%k:32]>%[3]s
      %%9 = contract %[4]s acc %%4 [%%k] : tile<f32,[%%m:32,%%n:32]>
      yield %%9
    }
    store.in %%c[%%m, %%n] = %%3
    yield
  }
  yield
}
`, a, b, casts, factors)
}

// TestNarrowFactors: factors of 8 bits in shared memory are read by ldmatrix and cast step by step, in one order for both, with
// their infinities and NaN; code 0 of a bipolar integer is no 0, and so what is absent would not be.
func TestNarrowFactors(t *testing.T) {
	t.Parallel()
	bytewise := regexp.MustCompile(`ld\.shared\.[us]8`)
	for _, x := range []struct {
		a, b, as string
		stepwise bool
	}{
		{"f8e4m3", "f8e4m3", "f16", true}, {"f8e5m2", "f8e4m3", "f16", true}, {"f8e5m2", "f8e5m2", "bf16", true},
		{"i8", "u8", "f16", true}, {"u8", "f8e3m4", "bf16", true}, {"bp8", "i8", "bf16", false}, {"f16", "f8e4m3", "f16", false},
	} {
		for i, size := range [][]int64{{40, 96, 40}, {37, 88, 24}, {5, 33, 70}, {1, 7, 1}} {
			c := newCall(t, castProduct(x.a, x.b, x.as), uint64(i), size...)
			values := []float64{-3, 1, 2, 0.5, 3, -1, 2}
			if i == 0 && strings.HasPrefix(x.a, "f8") {
				values = append(values, math.NaN())
			}
			c.set("a", values...)
			c.set("b", 1, -2, 4, 3, -3, 2, 1, 1, -1, 2, 3)
			c.check(placed, 0)
			if got := !bytewise.MatchString(c.ptx) && strings.Contains(c.ptx, "ldmatrix"); got != x.stepwise {
				t.Errorf("%s by %s: read step by step: %v", x.a, x.b, got)
			}
		}
	}
}

// TestByteFloats: from sm_89 on floats of 8 bits are multiplied as they are, and of other types nothing changes.
func TestByteFloats(t *testing.T) {
	for i, size := range [][]int64{{40, 96, 40}, {37, 88, 24}, {5, 33, 70}, {1, 7, 1}} {
		for _, x := range []struct {
			sm         int
			a, b, want string
		}{
			{80, "f8e4m3", "f8e5m2", "m16n8k16.row.col.f32.f16.f16.f32"}, {89, "f8e4m3", "f8e5m2", "m16n8k32.row.col.f32.e4m3.e5m2.f32"},
			{89, "f8e4m3", "f8e4m3", "m16n8k32.row.col.f32.e4m3.e4m3.f32"}, {120, "f8e5m2", "f8e5m2", "m16n8k32.row.col.f32.e5m2.e5m2.f32"},
			{89, "f8e4m3", "f16", "m16n8k16.row.col.f32.f16.f16.f32"}, {120, "f8e3m4", "f8e4m3", "m16n8k16.row.col.f32.f16.f16.f32"},
		} {
			c := newCall(t, castProduct(x.a, x.b, ""), uint64(i), size...)
			c.sm = x.sm
			values := []float64{-3, 1, 2, 0.5, 3, -1, 2}
			if i == 0 {
				values = append(values, math.NaN())
			}
			c.set("a", values...)
			c.set("b", 1, -2, 4, 3, -3, 2, 1, 1, -1, 2, 3)
			c.check(placed, 0)
			if !strings.Contains(c.ptx, x.want) || !strings.Contains(c.ptx, fmt.Sprintf(".target sm_%d", x.sm)) {
				t.Errorf("%s by %s on sm_%d: no %s", x.a, x.b, x.sm, x.want)
			}
		}
	}
}

// codeProduct is c = a·bᵀ of integers in tiles of 32 by 32 by some step, by two warps; a lies across k where along is false.
func codeProduct(a, b string, step int, along bool) string {
	dims, sub, tile := "%M,%K", "%m, %k", fmt.Sprintf("%%m:32,%%k:%d", step)
	if !along {
		dims, sub, tile = "%K,%M", "%k, %m", fmt.Sprintf("%%k:%d,%%m:32", step)
	}
	return fmt.Sprintf(`kernel @product[%%M, %%K, %%N](%%a: tensor<%[1]s,[%[4]s]>, %%b: tensor<%[2]s,[%%N,%%K]>) -> (%%c: tensor<i32,[%%M,%%N]>) binds("warps" = "2", "stages" = "2") {
  %%0 = const 0 : i64
  parallel %%m in %%0 .. %%M by 32, %%n in %%0 .. %%N by 32 {
    %%1 = const 7 : i32
    %%2 = bcast %%1 : tile<i32,[%%m:32,%%n:32]>
    %%3 = for %%k in %%0 .. %%K by %[3]d carry (%%4 = %%2) : tile<i32,[%%m:32,%%n:32]> {
      %%5 = load.in %%a[%[5]s] : tile<%[1]s,[%[6]s]>
      %%6 = load.in %%b[%%n, %%k] : tile<%[2]s,[%%n:32,%%k:%[3]d]>
      %%7 = contract %%5, %%6 acc %%4 [%%k] : tile<i32,[%%m:32,%%n:32]>
      yield %%7
    }
    store.in %%c[%%m, %%n] = %%3
    yield
  }
  yield
}
`, a, b, step, dims, sub, tile)
}

// TestCodes: codes of one bit are multiplied by the instruction of single bits, others of up to 8 bits by that of bytes, any code
// and of any extents, to the bit.
func TestCodes(t *testing.T) {
	for i, size := range [][]int64{{40, 512, 40}, {37, 392, 24}, {5, 333, 70}, {33, 7, 1}} {
		for _, x := range []struct {
			a, b  string
			step  int
			along bool
			want  string
		}{
			{"u1", "u1", 256, true, "m16n8k256.row.col.s32.b1.b1.s32.and.popc"}, {"u1", "u1", 32, true, "m16n8k128.row.col.s32.b1.b1.s32.and.popc"},
			{"u1", "u1", 256, false, "m16n8k256.row.col.s32.b1.b1.s32.and.popc"}, {"u1", "i4", 64, true, "m16n8k32.row.col.s32.s8.s8.s32"},
			{"i4", "i4", 64, true, "m16n8k32.row.col.s32.s8.s8.s32"}, {"u4", "u8", 64, true, "m16n8k32.row.col.s32."},
			{"i3", "u2", 64, true, "m16n8k32.row.col.s32.s8.s8.s32"},
		} {
			c := newCall(t, codeProduct(x.a, x.b, x.step, x.along), uint64(i), size...)
			c.check(placed, exact)
			if !strings.Contains(c.ptx, x.want) {
				t.Errorf("%s by %s: no %s", x.a, x.b, x.want)
			}
		}
	}
}
