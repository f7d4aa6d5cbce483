package interp

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// FuzzRun runs whatever parses and verifies, on small tensors: it may fail in any way but by a panic or by taking for ever.
func FuzzRun(f *testing.F) {
	f.Add(gemm(4, 4, 4).String())
	f.Add(attention(4, 4).String())
	for _, op := range []string{
		"%v = load.in %x[%n] : tile<f32,[%n:4]>\n    %w = exp2 %v : tile<f32,[%n:4]>\n    store.in %y[%n] = %w",
		"%k = affine 3*%n + -2 div 2 mod 5 : tile<i64,[%n:4]>\n    %v = load.unchecked %x[%k] : tile<f32,[%n:4]>\n    atomic.add.skip %y[%k] = %v",
		"%v = load.in %x[%n] : tile<f32,[%n:4]>\n    %j = spancopy [%n] : span<4>\n    %a, %b = topk %v [%n, %j] : tile<f32,[%j:4]>, tile<i64,[%j:4]>\n    store.in %y[%j] = %a",
		"%v = load.in %x[%n] : tile<f32,[%n:4]>\n    %s = reduce.sum %v [%n] : f32\n    store.in %y[%0] = %s",
		"%v = load.in %x[%n] : tile<f32,[%n:4]>\n    %t = lookup.unchecked %v[%n: %0] : f32\n    store.in %y[%0] = %t",
		"%v = load.in %x[%n] : tile<f32,[%n:4]>\n    %s = scan.max %v [%n] : tile<f32,[%n:4]>\n    store.in %y[%n] = %s",
	} {
		f.Add("kernel @k[%N](%x: tensor<f32,[%N]>) -> (inout %y: tensor<f32,[%N]>) {\n  %0 = const 0 : i64\n  parallel %n in %0 .. %N by 4 {\n    " + op +
			"\n    yield\n  }\n  yield\n}\n")
	}
	texts, err := txtar.ParseFile("../testdata/texts.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range texts.Files {
		f.Add(string(file.Data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		fn, err := ir.ParseFunc("fuzz.tir", []byte(text))
		if err != nil {
			return
		}
		p, err := Compile(fn)
		if err != nil {
			return
		}
		sizes := make([]int64, len(fn.Sizes))
		for i, s := range fn.Sizes {
			sizes[i] = int64(3 + i)
			if s.Def != nil {
				k, ok := s.Def.Eval(sizes)
				if !ok {
					return
				}
				sizes[i] = k
			}
		}
		args := make([]Arg, len(fn.Params))
		for i, q := range fn.Params {
			args[i] = Arg{Int: 3, Float: 0.5}
			if q.Type.Kind != ir.Tensor {
				continue
			}
			shape, err := Shape(fn, i, sizes)
			if err != nil {
				return
			}
			if n, _ := volume(shape); n > 1<<16 {
				return
			}
			x := blank(q.Type.Elem, shape...)
			for k := range x.Data {
				x.Data[k] = byte(k * 37)
			}
			if q.Type.Elem == dtype.I64 {
				for k := range x.Data {
					x.Data[k] = byte(k & 1)
				}
			}
			args[i].Tensor = x
		}
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		start := time.Now()
		err = p.Run(args, Options{Workers: 2, Context: ctx, MaxSteps: 5000, MaxMemory: 64 << 20})
		if err != nil && strings.Contains(err.Error(), "internal error in") {
			t.Fatalf("%v\n%v\n%s", err, err.(*Fault).Err, text)
		}
		if d := time.Since(start); d > 10*time.Second {
			t.Fatalf("took %v\n%s", d, text)
		}
	})
}
