package cpu_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/cpu"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/runtime"
	"github.com/tilec/tilec/runtime/array"
)

// packedText is a function of testdata/packed.txtar with its names put in.
func packedText(t *testing.T, name string, elem dtype.Type, group int) *ir.Func {
	t.Helper()
	ar, err := txtar.ParseFile("testdata/packed.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range ar.Files {
		if f.Name == name {
			r := strings.NewReplacer("TYPE", elem.String(), "BITS", strconv.Itoa(elem.Bits()), "GROUP", strconv.Itoa(group), "QUADS", strconv.Itoa(group/4))
			return parse(t, r.Replace(string(f.Data)))
		}
	}
	t.Fatalf("no text %s", name)
	return nil
}

// layoutOf is the layout of the parameter w for a level.
func layoutOf(t *testing.T, fn *ir.Func, level string) string {
	t.Helper()
	_, a, err := cpu.Module(fn, codegen.Options{Level: level})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range a.Manifest.Slots {
		if s.Kind == codegen.TensorSlot && s.Name == "w" {
			return s.Layout
		}
	}
	t.Fatal("there is no parameter w")
	return ""
}

// argsOf draws arguments for sizes: any codes, and values on a grid, of which sums are exact.
func argsOf(fn *ir.Func, sizes []int64) []runtime.Arg {
	var args []runtime.Arg
	for i, p := range fn.Params {
		if p.Role != ir.In {
			continue
		}
		shape := make([]int64, len(p.Type.Dims))
		for j, d := range p.Type.Dims {
			shape[j], _ = d.Eval(sizes)
		}
		arg := grid(uint64(i+1), p.Type.Elem, shape...)
		if p.Type.Mem == ir.Packed {
			a := &array.Array{Elem: p.Type.Elem, Shape: shape, Data: make([]byte, len(arg.Tensor.Data))}
			src := rand.NewChaCha8([32]byte{byte(i)})
			_, _ = src.Read(a.Data)
			arg.Tensor = a
		}
		args = append(args, arg)
	}
	return args
}

// Products with codes in panels and lookups by codes in quads are those of the interpreter, bit for bit, for groups of
// whole units and others, ragged blocks, and numbers of groups around those that scales are copied for at once.
func TestPacked(t *testing.T) {
	cases := []struct {
		text   string
		elem   dtype.Type
		group  int
		layout string // its beginning, on avx2
	}{
		{"product.tir", dtype.Uint(3), 36, "panels1 rows 8 bits 3 group 36"},
		{"product.tir", dtype.I4, 128, "panels1 rows 8 bits 4 group 8"},
		{"vector.tir", dtype.Bipolar(1), 32, "panels1 rows 8 bits 1 group 32"},
		{"vector.tir", dtype.U8, 8, "panels1 rows 8 bits 8 group 4"},
		{"vector.tir", dtype.Int(5), 6, ""},
		{"lookups.tir", dtype.U2, 64, "quads1 rows 8 bits 2 group 32"},
		{"lookups.tir", dtype.U1, 36, "quads1 rows 8 bits 1 group 36"},
		{"bytes.tir", dtype.Uint(3), 20, "quads1 rows 8 bits 3 group 20"},
		{"bytes.tir", dtype.U4, 128, "quads1 rows 8 bits 4 group 32"},
	}
	for _, c := range cases {
		t.Run(fmt.Sprintf("%s/%v/%d", c.text, c.elem, c.group), func(t *testing.T) {
			target(t)
			fn := packedText(t, c.text, c.elem, c.group)
			if got := layoutOf(t, fn, "avx2"); got != c.layout {
				t.Errorf("layout %q, want %q", got, c.layout)
			}
			for _, n := range []struct{ m, n, groups int64 }{{1, 1, 1}, {3, 48, 3}, {21, 70, 2}, {8, 33, 35}, {16, 96, 32}, {2, 0, 1}, {5, 17, 0}} {
				sizes := make([]int64, len(fn.Sizes))
				for i, s := range fn.Sizes {
					sizes[i] = map[string]int64{"M": n.m, "N": n.n, "K": n.groups * int64(c.group)}[s.Name]
				}
				agree(t, fn, sizes, argsOf(fn, sizes))
			}
		})
	}
}

// A parameter that one product reads in panels and something else element by element is dense.
func TestPackedElsewhere(t *testing.T) {
	fn := packedText(t, "vector.tir", dtype.U4, 32)
	text := fn.String()
	text = strings.Replace(text, "-> (%y: tensor<f32,[%N]>", "-> (%y: tensor<f32,[%N]>, %z: tensor<u4,[%N]>", 1)
	end := strings.LastIndex(text, "  yield\n}")
	text = text[:end] + `  parallel %row in %0 .. %N by 48 {
    %zero = const 0 : i64
    %one = load.in %w[%row, %zero] : tile<u4,[%row:48]>
    store.in %z[%row] = %one
    yield
  }
` + text[end:]
	fn = parse(t, text)
	if got := layoutOf(t, fn, "avx2"); got != "" {
		t.Errorf("layout %q of a parameter that is read element by element", got)
	}
	sizes := make([]int64, len(fn.Sizes))
	for i, s := range fn.Sizes {
		sizes[i] = map[string]int64{"N": 60, "K": 96}[s.Name]
	}
	agree(t, fn, sizes, argsOf(fn, sizes))
}
