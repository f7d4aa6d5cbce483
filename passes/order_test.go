package passes

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/interp"
)

// inOrder is the function of a text under a schedule of some words.
func inOrder(t *testing.T, text string, words ...ir.Bind) (*ir.Func, []string, error) {
	t.Helper()
	fn, err := ir.ParseFunc("f", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	fn.Binds = append(fn.Binds, words...)
	notes, err := Order(fn)
	return fn, notes, err
}

// TestOrderMeaning runs the programs of testdata/run.txtar under words that order their blocks: outputs agree to the bit.
func TestOrderMeaning(t *testing.T) {
	a, err := txtar.ParseFile("testdata/run.txtar")
	if err != nil {
		t.Fatal(err)
	}
	banded := 0
	for _, file := range a.Files {
		fn, err := ir.ParseFunc(file.Name, file.Data)
		if err != nil {
			t.Fatal(err)
		}
		for _, words := range [][]ir.Bind{{{Name: "raster", Value: "3"}}, {{Name: "persistent"}}, {{Name: "raster", Value: "1"}, {Name: "persistent"}}} {
			g := fn.Clone()
			g.Binds = words
			_, err := Order(g)
			if err != nil && strings.Contains(err.Error(), "no phase has two bindings") {
				continue
			} else if err != nil {
				t.Errorf("%s: %v", file.Name, err)
				continue
			}
			banded++
			for _, scale := range []int64{0, 1, 2, 5, 9, 13} {
				call := newCall(fn, scale, uint64(scale))
				want, err := call.run(fn)
				if err != nil {
					t.Fatal(err)
				}
				for _, what := range []string{"ordered", "placed"} {
					if what == "placed" {
						if strings.Contains(string(file.Data), " contract ") || scale != 9 {
							break
						}
						if err := Place(g, Machine{Target: "sm_80"}); err != nil {
							t.Fatal(err)
						}
					}
					if err := ir.Verify(g); err != nil {
						t.Fatalf("%s %s: %v\n%s", file.Name, what, err, g)
					}
					got, err := call.run(g)
					if err != nil {
						t.Errorf("%s, %v: %s: %v\n%s", file.Name, call.known.Sizes, what, err, g)
					} else if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("%s, %v: %s: (-want +got)\n%s\n%s", file.Name, call.known.Sizes, what, diff, g)
					}
				}
			}
		}
	}
	if banded < 10 {
		t.Errorf("%d programs are ordered", banded)
	}
}

const sums = `kernel @sums[%M, %N, %K](%a: tensor<i32,[%M,%K]>, %b: tensor<i32,[%N,%K]>, %bias: tensor<i32,[%N]>) -> (%c: tensor<i32,[%M,%N]>, %d: tensor<i32,[%M]>) {
  %zero = const 0 : i64
  parallel "product" %m in %zero .. %M by 4, %n in %zero .. %N by 4 {
    %bn = load.in %bias[%n] : tile<i32,[%n:4]>
    %z = bcast %bn : tile<i32,[%m:4,%n:4]>
    %s, %t = for %k in %zero .. %K by 2 carry (%x = %z, %u = %zero) : tile<i32,[%m:4,%n:4]>, i64 {
      %1 = load.in %a[%m, %k] : tile<i32,[%m:4,%k:2]>
      %2 = load.in %b[%n, %k] : tile<i32,[%n:4,%k:2]>
      %3 = contract %1, %2 acc %x [%k] : tile<i32,[%m:4,%n:4]>
      %4 = spanhi [%k] : i64
      %5 = max %u, %4 : i64
      yield %3, %5
    }
    %6 = cast.rne.wrap %t : i32
    %7 = bcast %6 : tile<i32,[%m:4,%n:4]>
    %8 = add %s, %7 : tile<i32,[%m:4,%n:4]>
    store.in %c[%m, %n] = %8
    yield
  }
  parallel "rows" %r in %zero .. %M {
    %i = const 0 : i32
    %rs = for %q in %zero .. %K carry (%y = %i) : i32 {
      %11 = load.in %a[%r, %q] : i32
      %12 = add %y, %11 : i32
      yield %12
    }
    store.in %d[%r] = %rs
    yield
  }
  yield
}
`

// TestSplit splits loops of integer sums, whose parts are merged to the same bits.
func TestSplit(t *testing.T) {
	for _, parts := range []int{1, 2, 3, 7, 40} {
		for _, more := range []string{"", "raster", "persistent"} {
			words := []ir.Bind{{Name: "split", Value: fmt.Sprintf("k = %d", parts)}}
			if more != "" {
				words = append(words, ir.Bind{Name: more, Value: "2"})
			}
			fn, notes, err := inOrder(t, sums, words...)
			if err != nil {
				t.Fatal(err)
			}
			if parts > 1 && len(notes) == 0 {
				t.Errorf("%d parts: %q", parts, notes)
			}
			if err := ir.Verify(fn); err != nil {
				t.Fatalf("%v\n%s", err, fn)
			}
			plain, _ := ir.ParseFunc("f", []byte(sums))
			placed := fn.Clone()
			Edges(placed)
			if err := Place(placed, Machine{Target: "sm_80"}); err != nil {
				t.Fatal(err)
			}
			if err := ir.Verify(placed); err != nil {
				t.Fatalf("%v\n%s", err, placed)
			}
			for _, scale := range []int64{0, 1, 2, 5, 9, 13, 30} {
				call := newCall(plain, scale, uint64(scale))
				want, err := call.run(plain)
				if err != nil {
					t.Fatal(err)
				}
				for _, g := range []*ir.Func{fn, placed} {
					got, err := call.run(g)
					if err != nil {
						t.Fatalf("%d parts %s, %v: %v\n%s", parts, more, call.known.Sizes, err, g)
					}
					if diff := cmp.Diff(want, got); diff != "" {
						t.Fatalf("%d parts %s, %v: (-want +got)\n%s\n%s", parts, more, call.known.Sizes, diff, g)
					}
				}
			}
		}
	}
}

// TestOrderRefused asks for orders that there are not.
func TestOrderRefused(t *testing.T) {
	const loop = `kernel @k[%%N](%%x: tensor<f32,[%%N]>, %%at: tensor<i64,[1]>) -> (%%y: tensor<f32,[%%N]>) {
  %%zero = const 0 : i64
  %%none = const 0.0 : f32
  %%one = const 1.0 : f32
  %%bound = %s
  parallel %%m in %%zero .. %%bound {
    %s
    store.in %%y[%%m] = %%s
    yield
  }
  yield
}
`
	size := "add %N, %zero : i64"
	body := func(step string) string {
		return "%s = for %k in %zero .. %N carry (%a = %none) : f32 {\n %x1 = load.in %x[%k] : f32\n " + step + "\n yield %a1\n}"
	}
	for _, c := range []struct{ bound, body, word, value, want string }{
		{size, body("%a1 = add %a, %x1 : f32"), "split", "k = 2", ""},
		{size, body("%a1 = sub %a, %x1 : f32"), "split", "k = 2", ""},
		{size, body("%a1 = sub %x1, %a : f32"), "split", "k = 2", "carries a, and what it makes of it is no sum, product, maximum or minimum, nor an online softmax"},
		{size, body("%a1 = add %a, %a : f32"), "split", "k = 2", "carries a, and what it makes of it is no sum"},
		{size, body("%h = mul %a, %x1 : f32\n%a1 = add %a, %h : f32"), "split", "k = 2", "carries a, and what it makes of it is no sum"},
		{size, body("%a1 = max %a, %x1 : f32"), "split", "m = 2", "split m = 2: m is what blocks are of, and no loop goes over it; loops that can be split are over k"},
		{size, body("%a1 = max %a, %x1 : f32"), "split", "n = 2", "split n = 2: no loop goes over n; loops that can be split are over k"},
		{size, body("%a1 = max %a, %x1 : f32"), "split", "k = 2000", "split k = 2000: a loop has 1 to 1024 parts"},
		{size, body("store.in %y[%k] = %x1\n%a1 = add %a, %x1 : f32"), "split", "k = 2", "stores; no loop of this kernel can be split, and without split it fits"},
		{size, "store.in %y[%m] = %one\n" + body("%a1 = add %a, %x1 : f32"), "split", "k = 2", "stands behind what the block stores"},
		{size, "%s = for %i in %zero .. %N carry (%b = %none) : f32 {\n" + strings.Replace(body("%a1 = add %a, %x1 : f32"), "%s", "%s1", 1) + "\n yield %s1\n}",
			"split", "k = 2", "stands in another loop or branch; no loop of this kernel can be split, and without split it fits"},
		{"load.in %at[%zero] : i64", body("%a1 = add %a, %x1 : f32"), "split", "k = 2", "is of a phase whose blocks are not counted by sizes alone"},
		{"const 100000000 : i64", body("%a1 = add %a, %x1 : f32"), "split", "k = 6", "split k = 6: a workspace of 2289 MiB exceeds the limit of 1024 MiB; 2 parts fit"},
		{size, body("%a1 = add %a, %x1 : f32"), "raster", "4", "raster = 4: no phase has two bindings, whose blocks bands could be of"},
		{size, body("%a1 = add %a, %x1 : f32"), "persistent", "", ""},
		{size, "%c = chan : chan<f32,[4],depth 1>\n" + body("%a1 = add %a, %x1 : f32"), "persistent", "", "persistent: the phase has a chan of its own"},
	} {
		_, _, err := inOrder(t, fmt.Sprintf(loop, c.bound, c.body), ir.Bind{Name: c.word, Value: c.value, Pos: ir.Pos{File: "f.tile", Line: 7, Col: 3}})
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s %s: %v", c.word, c.value, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "f.tile:7:3: "+c.word)):
			t.Errorf("%s %s: %v, not %s", c.word, c.value, err, c.want)
		}
	}
}

// TestSplitAgain: a later word says the parts of a loop anew, as one of the command line does; one of another loop is not taken for it.
func TestSplitAgain(t *testing.T) {
	for _, c := range []struct {
		values []string
		notes  string // empty: none
		err    string
	}{
		{[]string{"k = 4", "k = 2"}, "the loop over k in 2 parts", ""},
		{[]string{"k = 4", "k = 1"}, "", ""},
		{[]string{"k = 4", "j = 2"}, "", "split k = 4: no loop goes over k"},
	} {
		var words []ir.Bind
		for _, v := range c.values {
			words = append(words, ir.Bind{Name: "split", Value: v})
		}
		_, notes, err := inOrder(t, sums, words...)
		switch all := strings.Join(notes, "\n"); {
		case c.err == "" && err != nil, c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)):
			t.Errorf("%q: %v, not %q", c.values, err, c.err)
		case err == nil && (!strings.Contains(all, c.notes) || c.notes == "" && all != ""):
			t.Errorf("%q: %q, not %q", c.values, all, c.notes)
		}
	}
}

// TestRaster holds that bands go over every tile once, in their order: each tile stores the number of its block.
func TestRaster(t *testing.T) {
	const text = `kernel @k[%M, %N]() -> (%y: tensor<i64,[%M,%N]>) {
  %zero = const 0 : i64
  parallel %b in %zero .. %M, %n in %zero .. %N {
    store.in %y[%b, %n] = %zero
    yield
  }
  yield
}
`
	const m = 7
	for n := range int64(6) {
		for width := int64(1); width < 10; width++ {
			fn, _, err := inOrder(t, text, ir.Bind{Name: "raster", Value: fmt.Sprint(width)})
			if err != nil {
				t.Fatal(err)
			}
			fn.Walk(func(o *ir.Op) {
				if o.Code == ir.Store {
					o.Operands[3] = o.Parent.Args[0]
				}
			})
			p, err := interp.Compile(fn)
			if err != nil {
				t.Fatal(err)
			}
			y, err := interp.NewTensor(dtype.I64, m, n)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Run([]interp.Arg{{Tensor: y}}, interp.Options{}); err != nil {
				t.Fatal(err)
			}
			for i := range int64(m) * n {
				row, column := i/n, i%n
				band := row / width
				rows := min(width, m-band*width)
				want := band*width*n + column*rows + row%width
				if got := int64(binary.LittleEndian.Uint64(y.Data[8*i:])); got != want {
					t.Fatalf("tile %d, %d of %dx%d in bands of %d is block %d's, not %d's", row, column, m, n, width, got, want)
				}
			}
		}
	}
}
