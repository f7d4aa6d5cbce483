package emit_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/emit"
	"github.com/tilec/tilec/ir"
)

// added is c = a·b by multiply-adds in steps of width; the rows of a run along k, or along m, and those of b along k or n.
func added(elem string, stages, width, warps int, aAlong, bAlong bool) string {
	turned := func(along bool, name string) (dims, sub, tile string) {
		upper, w := strings.ToUpper(name), 32
		if along {
			return "%" + upper + ",%K", "%" + name + ", %k", fmt.Sprintf("%%%s:%d,%%k:%d", name, w, width)
		}
		return "%K,%" + upper, "%k, %" + name, fmt.Sprintf("%%k:%d,%%%s:%d", width, name, w)
	}
	ad, as, at := turned(aAlong, "m")
	bd, bs, bt := turned(bAlong, "n")
	zero := "0.0"
	if elem == "i32" {
		zero = "0"
	}
	return fmt.Sprintf(`kernel @added[%%M, %%K, %%N](%%a: tensor<%[1]s,[%[5]s]>, %%b: tensor<%[1]s,[%[8]s]>) -> (%%c: tensor<%[1]s,[%%M,%%N]>) binds("warps" = "%[3]d", "stages" = "%[2]d") {
  %%0 = const 0 : i64
  parallel %%m in %%0 .. %%M by 32, %%n in %%0 .. %%N by 32 {
    %%1 = const %[11]s : %[1]s
    %%2 = bcast %%1 : tile<%[1]s,[%%m:32,%%n:32]>
    %%3 = for %%k in %%0 .. %%K by %[4]d carry (%%4 = %%2) : tile<%[1]s,[%%m:32,%%n:32]> {
      %%5 = load.in %%a[%[6]s] : tile<%[1]s,[%[7]s]>
      %%6 = load.in %%b[%[9]s] : tile<%[1]s,[%[10]s]>
      %%7 = contract %%5, %%6 acc %%4 [%%k] : tile<%[1]s,[%%m:32,%%n:32]>
      yield %%7
    }
    store.in %%c[%%m, %%n] = %%3
    yield
  }
  yield
}
`, elem, stages, warps, width, ad, as, at, bd, bs, bt, zero)
}

// TestMultiplyAddsFromSlots multiplies by multiply-adds what was copied ahead, whichever way its rows run, in steps that are whole and
// not; the interpreter runs what was placed, too.
func TestMultiplyAddsFromSlots(t *testing.T) {
	n := 0
	for _, elem := range []string{"f32", "i32"} {
		for way := range 4 {
			for stages := 1; stages <= 3; stages++ {
				for i, size := range [][]int64{{40, 96, 40}, {37, 77, 35}, {5, 8, 8}, {32, 160, 32}} {
					width, warps := []int{32, 16, 20, 6, 64}[n%5], []int{1, 2, 4}[n%3]
					if n++; elem == "i32" && n%4 != 0 {
						continue
					}
					c := newCall(t, added(elem, stages, width, warps, way&1 == 0, way&2 == 0), uint64(i), size...)
					c.set("a", -3, 1, 2, 0, 3, -1, 2)
					c.set("b", 1, -2, 0, 3, -3, 2, 1, 1, -1, 2, 3)
					c.check(placed, 0)
					if !strings.Contains(c.ptx, "cp.async.cg") {
						t.Fatal("nothing is copied ahead")
					}
					c.interpretPlaced()
				}
			}
		}
	}
}

// TestMultiplyAddsLoop: the loop of a product in f32 has multiply-adds, loads of 16 bytes without bank conflicts, and little else.
func TestMultiplyAddsLoop(t *testing.T) {
	for way := range 4 {
		text := added("f32", 2, 32, 1, way&1 == 0, way&2 == 0)
		fn, err := ir.ParseFunc("added.tir", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		a, err := emit.Target{SM: ptx.Target{SM: 80}}.Compile(t.Context(), fn, codegen.Options{})
		if err != nil {
			t.Fatal(err)
		}
		rep := launch(t, string(a.Code), a.Manifest.Phases[0], fn, []int64{32, 256, 32}, 1)
		if err := rep.Err(); err != nil {
			t.Fatal(err)
		}
		adds, all := uint64(0), uint64(0)
		for _, l := range rep.Lines {
			all += l.Instructions
			switch {
			case strings.HasPrefix(l.Instr, "fma"):
				adds += l.Instructions
			case strings.HasPrefix(l.Instr, "ld.shared") && !strings.HasPrefix(l.Instr, "ld.shared.v4"):
				t.Errorf("%d: %s", way, l.Instr)
			}
			if l.Conflicts > 0 && strings.HasPrefix(l.Instr, "ld.shared") {
				t.Errorf("%d: %d bank conflicts: %s", way, l.Conflicts, l.Instr)
			}
		}
		if want := uint64(32 * 256 * 32 / 32); adds != want { // of a warp
			t.Errorf("%d: %d multiply-adds, not %d", way, adds, want)
		}
		if all*10 > adds*17 { // what stands around the loop counts, too
			t.Errorf("%d: %d instructions for %d multiply-adds", way, all, adds)
		}
	}
}

// TestConstantRows: rows of a constant number of bytes, no multiple of 16, are copied ahead element by element, and waited for.
func TestConstantRows(t *testing.T) {
	text := strings.NewReplacer("[%M, %K, %N]", "[%M, %N]", "%M,%K", "%M,34", "%N,%K", "%N,34", "%0 .. %K", "%0 .. %34",
		"%0 = const 0 : i64", "%0 = const 0 : i64\n  %34 = const 34 : i64").Replace(added("f32", 3, 16, 2, true, true))
	c := newCall(t, text, 1, 40, 33)
	c.set("a", -3, 1, 2, 0, 3, -1, 2)
	c.set("b", 1, -2, 0, 3, -3, 2, 1, 1, -1, 2, 3)
	c.check(placed, 0)
	if !strings.Contains(c.ptx, "cp.async.ca") || strings.Contains(c.ptx, "cp.async.cg") {
		t.Error("the rows are not copied element by element")
	}
}
