package emit_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/interp"
	"github.com/tilec/tilec/passes"
)

// paged is c[g, m, d] = Σ a[g, m, k] · b[rows[k], k mod 4, g, d]: tiles of three axes, of which the second is gathered by indices
// that each step loads.
func paged(stages, groups int, d int64) string {
	return fmt.Sprintf(`kernel @paged[%%M, %%K, %%P](%%a: tensor<bf16,[4,%%M,%%K]>, %%b: tensor<bf16,[%%P,4,4,%[3]d]>, %%rows: tensor<i32,[%%K]>) -> (%%c: tensor<f32,[4,%%M,%[3]d]>) binds("warps" = "2", "stages" = "%[1]d") {
  %%0 = const 0 : i64
  %%1 = const 4 : i64
  %%2 = const %[3]d : i64
  %%d = span %%0, %%2 {width = %[3]d} : span<%[3]d>
  parallel %%m in %%0 .. %%M by 32, %%g in %%0 .. %%1 by %[2]d {
    %%3 = const 0.0 : f32
    %%4 = bcast %%3 : tile<f32,[%%g:%[2]d,%%m:32,%%d:%[3]d]>
    %%5 = for %%k in %%0 .. %%K by 32 carry (%%6 = %%4) : tile<f32,[%%g:%[2]d,%%m:32,%%d:%[3]d]> {
      %%7 = load.in %%a[%%g, %%m, %%k] : tile<bf16,[%%g:%[2]d,%%m:32,%%k:32]>
      %%8 = load.in %%rows[%%k] : tile<i32,[%%k:32]>
      %%9 = cast.rne.sat %%8 : tile<i64,[%%k:32]>
      %%10 = affine %%k mod 4 : tile<i64,[%%k:32]>
      %%11 = load.unchecked %%b[%%9, %%10, %%g, %%d] : tile<bf16,[%%k:32,%%g:%[2]d,%%d:%[3]d]>
      %%12 = contract %%7, %%11 acc %%6 [%%k] : tile<f32,[%%g:%[2]d,%%m:32,%%d:%[3]d]>
      yield %%12
    }
    store.in %%c[%%g, %%m, %%d] = %%5
    yield
  }
  yield
}
`, stages, groups, d)
}

// TestGatheredCopies copies rows ahead that tiles of indices name, in steps that are whole and not, by rows that are multiples of
// 16 bytes and not. The interpreter runs what was placed, too.
func TestGatheredCopies(t *testing.T) {
	t.Parallel()
	for stages := 1; stages <= 4; stages++ {
		for i, size := range [][]int64{{40, 160, 11}, {33, 77, 5}, {5, 32, 7}, {32, 31, 3}, {3, 0, 4}} {
			c := newCall(t, paged(stages, 1<<((i+stages)%3), []int64{16, 24, 9}[(i+2*stages)%3]), uint64(i), size...)
			c.set("a", -3, 1, 2, 0, 3, -1, 2)
			c.set("b", 1, -2, 0, 3, -3, 2, 1, 1, -1, 2, 3)
			rows := make([]float64, 160)
			for k := range rows {
				rows[k] = float64(c.rng.Int64N(size[2]))
			}
			c.set("rows", rows...)
			c.check(placed, 0)
			if !strings.Contains(c.ptx, "cp.async.cg") || !strings.Contains(c.ptx, "ldmatrix") {
				t.Fatal("no channels")
			}
			c.interpretPlaced()
		}
	}
}

// interpretPlaced compares what the interpreter makes of the function before and after placing.
func (c *call) interpretPlaced() {
	c.t.Helper()
	want, err := c.interpret()
	if err != nil {
		c.t.Fatal(err)
	}
	fn := c.fn.Clone()
	if err := placed(c, fn); err != nil {
		c.t.Fatal(err)
	}
	if err := ir.Verify(fn); err != nil {
		c.t.Fatalf("%v\n%s", err, fn)
	}
	if err := passes.CheckChannels(fn); err != nil {
		c.t.Fatalf("%v\n%s", err, fn)
	}
	p, err := interp.Compile(fn)
	if err != nil {
		c.t.Fatal(err)
	}
	args := c.copies()
	if err := p.Run(args, interp.Options{Workers: 1}); err != nil {
		c.t.Fatalf("%v\n%s", err, fn)
	}
	for i, a := range args {
		if a.Tensor != nil && !bytes.Equal(a.Tensor.Data, want[i].Tensor.Data) {
			c.t.Fatalf("%s differs after placing\n%s", c.fn.Params[i].Name, fn)
		}
	}
}
