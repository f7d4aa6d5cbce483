package emit_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/emit"
	"github.com/tilec/tilec/codegen/ptx/emu"
	"github.com/tilec/tilec/codegen/ptx/syntax"
	"github.com/tilec/tilec/ir"
)

// product is c = a·bᵀ in tiles of 32 by 32 by 32, by two warps; b's rows lie along k, or, in the second text, along n.
func product(stages int, elem, out string, along bool) string {
	dims, sub := "%N,%K", "%n, %k"
	tile := "%n:32,%k:32"
	if !along {
		dims, sub, tile = "%K,%N", "%k, %n", "%k:32,%n:32"
	}
	return fmt.Sprintf(`kernel @product[%%M, %%K, %%N](%%a: tensor<%[2]s,[%%M,%%K]>, %%b: tensor<%[2]s,[%[4]s]>) -> (%%c: tensor<%[3]s,[%%M,%%N]>) binds("warps" = "2", "stages" = "%[1]d") {
  %%0 = const 0 : i64
  parallel %%m in %%0 .. %%M by 32, %%n in %%0 .. %%N by 32 {
    %%1 = const %[7]s : %[3]s
    %%2 = bcast %%1 : tile<%[3]s,[%%m:32,%%n:32]>
    %%3 = for %%k in %%0 .. %%K by 32 carry (%%4 = %%2) : tile<%[3]s,[%%m:32,%%n:32]> {
      %%5 = load.in %%a[%%m, %%k] : tile<%[2]s,[%%m:32,%%k:32]>
      %%6 = load.in %%b[%[5]s] : tile<%[2]s,[%[6]s]>
      %%7 = contract %%5, %%6 acc %%4 [%%k] : tile<%[3]s,[%%m:32,%%n:32]>
      yield %%7
    }
    store.in %%c[%%m, %%n] = %%3
    yield
  }
  yield
}
`, stages, elem, out, dims, sub, tile, map[string]string{"f32": "0.0", "i32": "0"}[out])
}

// TestChannels multiplies through rings of one to four stages: of rows that are aligned and not, with and without a last step that
// is short.
func TestChannels(t *testing.T) {
	t.Parallel()
	for stages := 1; stages <= 4; stages++ {
		for i, size := range [][]int64{{40, 96, 40}, {37, 88, 24}, {33, 77, 35}, {5, 32, 8}, {64, 8, 32}, {32, 352, 32}} {
			for _, x := range []struct {
				elem, out string
				along     bool
			}{{"bf16", "f32", true}, {"f16", "f32", false}, {"i8", "i32", true}, {"f8e4m3", "f32", true}} {
				c := newCall(t, product(stages, x.elem, x.out, x.along), uint64(i), size...)
				c.set("a", -3, 1, 2, 0, 3, -1, 2)
				c.set("b", 1, -2, 0, 3, -3, 2, 1, 1, -1, 2, 3)
				c.check(placed, 0)
				if !strings.Contains(c.ptx, "cp.async.cg") || !strings.Contains(c.ptx, "ldmatrix") {
					t.Fatalf("%s: no channels", x.elem)
				}
			}
		}
	}
}

// launch runs the kernel of a text in one block, whose arguments all hold ones.
func launch(t *testing.T, text string, phase codegen.Phase, fn *ir.Func, sizes []int64, seed uint64) *emu.Report {
	t.Helper()
	mod, err := syntax.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	m := emu.New(emu.Options{Seed: seed})
	p, err := m.Load(mod)
	if err != nil {
		t.Fatal(err)
	}
	var args []any
	for _, s := range phase.Params {
		switch s.Kind {
		case codegen.TensorSlot:
			b, err := m.Upload(s.Name, make([]byte, 4*64*512))
			if err != nil {
				t.Fatal(err)
			}
			args = append(args, b)
		case codegen.SizeSlot:
			args = append(args, sizes[s.Index])
		case codegen.CountSlot:
			args = append(args, int32(1))
		default:
			t.Fatalf("parameter %s", s.Name)
		}
	}
	rep, err := p.Launch(emu.Launch{Kernel: phase.Entry, Block: [3]int{phase.Threads}, Shared: int(phase.Shared), Args: args})
	if err != nil {
		t.Fatal(err)
	}
	return rep
}

// TestRingNeedsAll deletes every barrier and wait of a ring's loop; without any of them something is found. With all of them
// there is neither a finding nor a bank conflict.
func TestRingNeedsAll(t *testing.T) {
	t.Parallel()
	for _, along := range []bool{true, false} {
		for stages := 1; stages <= 3; stages++ {
			fn, err := ir.ParseFunc("product.tir", []byte(product(stages, "bf16", "f32", along)))
			if err != nil {
				t.Fatal(err)
			}
			a, err := emit.Target{SM: ptx.Target{SM: 80}}.Compile(t.Context(), fn, codegen.Options{})
			if err != nil {
				t.Fatal(err)
			}
			phase := a.Manifest.Phases[0]
			sizes := []int64{32, 256, 32}
			lines := strings.Split(string(a.Code), "\n")
			rep := launch(t, string(a.Code), phase, fn, sizes, 1)
			if err := rep.Err(); err != nil {
				t.Fatal(err)
			}
			conflicts := uint64(0)
			ran := map[int]bool{} // lines; the short step does not
			for _, l := range rep.Lines {
				ran[l.Pos.Line] = l.Instructions > 0
				if strings.HasPrefix(l.Instr, "ldmatrix") || strings.HasPrefix(l.Instr, "cp.async") {
					conflicts += l.Conflicts
				}
			}
			if conflicts > 0 {
				t.Errorf("%d stages: %d bank conflicts", stages, conflicts)
			}
			loop, deleted := false, 0
			for i, line := range lines {
				word := strings.TrimSpace(line)
				loop = loop || strings.HasPrefix(word, "$loop")
				if !loop || !ran[i+1] || !strings.HasPrefix(word, "bar.sync") && !strings.HasPrefix(word, "cp.async.wait_group") && !strings.HasPrefix(word, "cp.async.commit_group") {
					continue
				}
				deleted++
				text := strings.Join(append(append([]string(nil), lines[:i]...), lines[i+1:]...), "\n")
				found := false
				for seed := range uint64(3) {
					found = found || len(launch(t, text, phase, fn, sizes, seed).Findings) > 0
				}
				if !found {
					t.Errorf("%d stages: nothing was found without line %d, %s", stages, i+1, word)
				}
			}
			if deleted < 3 {
				t.Errorf("%d stages: %d deleted", stages, deleted)
			}
		}
	}
}
