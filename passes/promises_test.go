package passes

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/tilec/tilec/ir"
)

// product is a kernel of a matrix product of elements of a type, tiles of 32 by 32, with steps of k.
func product(elem, sum, zero string, k int) string {
	return fmt.Sprintf(`kernel @product[%%M, %%N, %%K](%%a: tensor<%[1]s,[%%M,%%K]>, %%b: tensor<%[1]s,[%%N,%%K]>) -> (%%c: tensor<%[2]s,[%%M,%%N]>) {
  %%zero = const 0 : i64
  parallel %%m in %%zero .. %%M by 32, %%n in %%zero .. %%N by 32 {
    %%z = const %[3]s : %[2]s
    %%acc = bcast %%z : tile<%[2]s,[%%m:32,%%n:32]>
    %%s = for %%k in %%zero .. %%K by %[4]d carry (%%x = %%acc) : tile<%[2]s,[%%m:32,%%n:32]> {
      %%1 = load.in %%a[%%m, %%k] : tile<%[1]s,[%%m:32,%%k:%[4]d]>
      %%2 = load.in %%b[%%n, %%k] : tile<%[1]s,[%%n:32,%%k:%[4]d]>
      %%3 = contract %%1, %%2 acc %%x [%%k] : tile<%[2]s,[%%m:32,%%n:32]>
      yield %%3
    }
    store.in %%c[%%m, %%n] = %%s
    yield
  }
  yield
}
`, elem, sum, zero, k)
}

// TestPromises asks for plans, and against them: what is kept holds of the placed function, what cannot be is refused.
func TestPromises(t *testing.T) {
	bf16, f32, i8 := product("bf16", "f32", "0.0", 32), product("f32", "f32", "0.0", 32), product("i8", "i32", "0", 32)
	thin := product("bf16", "f32", "0.0", 8)
	for _, c := range []struct {
		text  string
		words []string
		atom  string // of the contraction that is made, or
		want  string // the error
		ahead bool
	}{
		{bf16, nil, "mma_m16n8k16_bf16", "", true},
		{thin, nil, "mma_m16n8k8_bf16", "", true},
		{bf16, []string{"use mma", "use async"}, "mma_m16n8k16_bf16", "", true},
		{bf16, []string{"use mma_m16n8k8_bf16"}, "mma_m16n8k8_bf16", "", true},
		{thin, []string{"use mma_m16n8k16_bf16"}, "mma_m16n8k16_bf16", "", true},
		{bf16, []string{"use mma_m16n8k8_bf16", "use mma_m16n8k16_bf16"}, "mma_m16n8k16_bf16", "", true},
		{bf16, []string{"forbid mma_m16n8k16_bf16"}, "mma_m16n8k8_bf16", "", true},
		{bf16, []string{"forbid async"}, "mma_m16n8k16_bf16", "", false},
		{bf16, []string{"use fma"}, "", "", false},
		{bf16, []string{"forbid mma"}, "", "", false},
		{i8, []string{"use mma"}, "mma_m16n8k32_s8", "", true},
		{bf16, []string{"forbid fma"}, "mma_m16n8k16_bf16", "", true},
		{f32, []string{"forbid fma"}, "", "forbid fma: the contraction at - is made of them: no instruction multiplies f32 by f32 exactly and sums in f32", false},
		{f32, []string{"use mma"}, "", "use mma: the contraction at - cannot be made of it: no instruction multiplies f32 by f32 exactly and sums in f32", false},
		{bf16, []string{"use mma_m16n8k16_f16"}, "", "use mma_m16n8k16_f16: the contraction at - cannot be made of it: for its types there are mma_m16n8k16_bf16, mma_m16n8k8_bf16", false},
		{product("bf16", "f32", "0.0", 1), []string{"use mma"}, "mma_m16n8k8_bf16", "", true},
		{strings.NewReplacer(":32", ":1", "by 32", "by 1").Replace(bf16), []string{"use mma"}, "", "use mma: the contraction at - cannot be made of it: it is 1x1x1, and mma_m16n8k8_bf16 would compute 1024 times as much", false},
		{bf16, []string{"use wgmma"}, "", "use wgmma: there is no such promise on sm_80: there are mma, fma, async, convert, and for contractions mma_m8n8k4_f64", false},
		{bf16, []string{"use wgmma_m64n256k16_bf16"}, "", "use wgmma_m64n256k16_bf16: sm_80 does not have it; contractions there are made of mma_m8n8k4_f64", false},
		{bf16, []string{"forbid tensorcores"}, "", "forbid tensorcores: there is no such promise on sm_80", false},
		{bf16, []string{"use mma", "forbid mma"}, "", "use mma: forbid mma says the contrary", false},
		{bf16, []string{"use fma", "use mma"}, "", "use fma: use mma says the contrary", false},
		{bf16, []string{"use convert"}, "", "use convert: it can only be forbidden", false},
		{bf16, []string{"forbid convert"}, "mma_m16n8k16_bf16", "", true},
		{bf16, []string{"forbid convert", "forbid async"}, "", "forbid convert: the tile<bf16,[%m:32,%k:32]> at - moves from one register layout to another: 2048 bytes", false},
		{product("f64", "f64", "0.0", 8), []string{"use async", "forbid async"}, "", "use async: forbid async says the contrary", false},
	} {
		fn, err := ir.ParseFunc("f", []byte(c.text))
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range c.words {
			name, value, _ := strings.Cut(w, " ")
			fn.Binds = append(fn.Binds, ir.Bind{Name: name, Value: value, Pos: ir.Pos{File: "f.tile", Line: 2 + i, Col: 3}})
		}
		err = Place(fn, Machine{Target: "sm_80"})
		if c.want != "" {
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "f.tile:2:3: ") {
				t.Errorf("%v: %v, not %s", c.words, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%v: %v", c.words, err)
			continue
		}
		var atoms []string
		ahead := false
		fn.Walk(func(o *ir.Op) {
			if o.Code == ir.Contract {
				atoms = append(atoms, o.Str("atom"))
			}
			ahead = ahead || o.Code == ir.ChanOf
		})
		if !slices.Equal(atoms, []string{c.atom}) || ahead != c.ahead {
			t.Errorf("%v: made of %q, copies ahead %v", c.words, atoms, ahead)
		}
		if got := Promises(fn); len(got) != len(c.words) {
			t.Errorf("%v: %q", c.words, got)
		}
	}
}
