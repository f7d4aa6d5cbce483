package emit_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/layout"
	"github.com/tilec/tilec/passes"
)

// wandering is scattered, with every loaded tile converted to another layout and back.
func wandering(c *call, fn *ir.Func) error {
	if err := scattered(c, fn); err != nil {
		return err
	}
	var loads []*ir.Op
	fn.Walk(func(o *ir.Op) {
		if o.Code == ir.Load && o.Result().Type.Kind == ir.Tile {
			loads = append(loads, o)
		}
	})
	for _, o := range loads {
		v := o.Result()
		r := o.Parent
		convert := func(x *ir.Value, d *layout.Distribution) *ir.Op {
			t := x.Type
			t.Layout = d
			q := &ir.Op{Code: ir.Convert, Operands: []*ir.Value{x}, Parent: r, Pos: o.Pos}
			q.Results = []*ir.Value{{Name: "there", Type: t, Def: q}}
			return q
		}
		there := convert(v, drawLayout(c.rng, passes.Warps(fn), v.Type.Layout.Tile()))
		back := convert(there.Result(), v.Type.Layout)
		with := map[*ir.Value]*ir.Value{v: back.Result()}
		fn.Walk(func(q *ir.Op) {
			for i, x := range q.Operands {
				if with[x] != nil {
					q.Operands[i] = with[x]
				}
			}
		})
		there.Operands[0] = v
		var ops []*ir.Op
		for _, q := range r.Ops {
			if ops = append(ops, q); q == o {
				ops = append(ops, there, back)
			}
		}
		r.Ops = ops
	}
	fn.Number()
	return nil
}

// drawLayout is a layout of a tile of extents that are powers of two: its bits, replicas too, by registers, lanes and warps at
// random.
func drawLayout(rng *rand.Rand, warps int, tile []int64) *layout.Distribution {
	type bit struct {
		axis   int
		stride int64
	}
	var bits []bit
	for i, n := range tile {
		for s := int64(1); s < n; s *= 2 {
			bits = append(bits, bit{i, s})
		}
	}
	rng.Shuffle(len(bits), func(i, j int) { bits[i], bits[j] = bits[j], bits[i] })
	var digits []layout.Digit
	take := func(u layout.Unit, n int) {
		for ; n > 1; n /= 2 {
			if len(bits) == 0 || rng.IntN(6) == 0 {
				digits = append(digits, layout.Digit{Size: 2, Unit: u, Axis: layout.Replica})
				continue
			}
			digits = append(digits, layout.Digit{Size: 2, Unit: u, Axis: bits[0].axis, Stride: bits[0].stride})
			bits = bits[1:]
		}
	}
	take(layout.Lane, 32)
	take(layout.Warp, warps)
	for _, b := range bits {
		digits = append(digits, layout.Digit{Size: 2, Unit: layout.Register, Axis: b.axis, Stride: b.stride})
	}
	d := layout.Must(layout.Distribute(tile, digits...))
	return &d
}

// TestConvert moves tiles of all widths between layouts.
func TestConvert(t *testing.T) {
	t.Parallel()
	text := `
kernel @k[%M, %N](%x: tensor<T,[%M,%N]>) -> (%y: tensor<T,[%M,%N]>, %z: tensor<T,[%N,%M]>) binds("warps" = "W") {
  %0 = const 0 : i64
  parallel %m in %0 .. %M by 8, %n in %0 .. %N by 16 {
    %v = load.in %x[%m, %n] : tile<T,[%m:8,%n:16]>
    store.in %y[%m, %n] = %v
    %t = bcast %v : tile<T,[%n:16,%m:8]>
    store.in %z[%n, %m] = %t
    yield
  }
  yield
}
`
	for i, elem := range []string{"f32", "i16", "f16", "u8", "i8", "f64", "i64", "bool", "u3", "i4", "u1", "f8e4m3", "bp2"} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprint(elem, seed), func(t *testing.T) {
				text := strings.NewReplacer("T", elem, `"W"`, fmt.Sprintf(`"%d"`, 1<<seed)).Replace(text)
				newCall(t, text, uint64(i)*8+seed, 11, 37).check(wandering, exact)
			})
		}
	}
}

// TestRename holds that a conversion that only renames registers is nothing.
func TestRename(t *testing.T) {
	t.Parallel()
	text := `
kernel @k[%M](%x: tensor<f32,[%M,4]>) -> (%y: tensor<f32,[%M,4]>) binds("warps" = "1") {
  %0 = const 0 : i64
  %4 = const 4 : i64
  parallel %m in %0 .. %M by 32, %n in %0 .. %4 by 4 {
    %v = load.in %x[%m, %n] : tile<f32,[%m:32,%n:4]>
    store.in %y[%m, %n] = %v
    yield
  }
  yield
}
`
	c := newCall(t, text, 1, 32)
	rows := func(strides ...int64) *layout.Distribution {
		digits := []layout.Digit{{Size: 32, Unit: layout.Lane, Axis: 0, Stride: 1}}
		for _, s := range strides {
			digits = append(digits, layout.Digit{Size: 2, Unit: layout.Register, Axis: 1, Stride: s})
		}
		d := layout.Must(layout.Distribute([]int64{32, 4}, digits...))
		return &d
	}
	c.check(func(c *call, fn *ir.Func) error {
		fn.Walk(func(o *ir.Op) {
			if o.Code != ir.Load {
				return
			}
			o.Result().Type.Layout = rows(1, 2)
			q := &ir.Op{Code: ir.Convert, Operands: []*ir.Value{o.Result()}, Parent: o.Parent}
			t := o.Result().Type
			t.Layout = rows(2, 1)
			q.Results = []*ir.Value{{Name: "there", Type: t, Def: q}}
			for i, p := range o.Parent.Ops {
				if p.Code == ir.Store {
					p.Operands[3] = q.Result()
					o.Parent.Ops = append(o.Parent.Ops[:i:i], append([]*ir.Op{q}, o.Parent.Ops[i:]...)...)
					break
				}
			}
		})
		fn.Number()
		return nil
	}, exact)
	for _, word := range []string{"shfl", "prmt", "shared", "selp"} {
		if strings.Contains(c.ptx, word) {
			t.Errorf("%s in\n%s", word, c.ptx)
		}
	}
}
