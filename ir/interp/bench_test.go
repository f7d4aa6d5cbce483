package interp

import (
	"math"
	"testing"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// gemm is c = a·bᵀ in f32.
func gemm(bm, bn, bk int64) *ir.Func {
	m, n, k := ir.SizeDim(0), ir.SizeDim(1), ir.SizeDim(2)
	f := ir.NewFunc("gemm", []*ir.Size{{Name: "M"}, {Name: "N"}, {Name: "K"}}, []*ir.Param{
		{Name: "a", Type: ir.TensorType(dtype.F32, ir.Dense, m, k)},
		{Name: "b", Type: ir.TensorType(dtype.F32, ir.Dense, n, k)},
		{Name: "c", Role: ir.Out, Type: ir.TensorType(dtype.F32, ir.Dense, m, n)},
	}, ir.Pos{})
	b := ir.NewBuilder(f)
	zero := b.Index(0)
	b.Parallel("", []ir.Binding{{Name: "m", Lo: zero, Hi: f.SizeArg(0), By: bm}, {Name: "n", Lo: zero, Hi: f.SizeArg(1), By: bn}}, func(args []*ir.Value) {
		m, n := args[0], args[1]
		acc := b.Bcast(b.ConstFloat(dtype.F32, 0), ir.AxesOf(m, n))
		r := b.For("k", zero, f.SizeArg(2), bk, []*ir.Value{acc}, func(k *ir.Value, c []*ir.Value) ([]*ir.Value, *ir.Value) {
			x := b.Load(f.ParamArg(0), []*ir.Value{m, k}, "in", nil)
			y := b.Load(f.ParamArg(1), []*ir.Value{n, k}, "in", nil)
			return []*ir.Value{b.Contract(dtype.F32, x, y, nil, nil, c[0], k)}, nil
		})
		b.Store(f.ParamArg(2), []*ir.Value{m, n}, r[0], "in", nil)
	})
	return b.Finish()
}

// attention is causal attention of D = E = 64 over f32[B,H,M,64], with online softmax.
func attention(bm, bn int64) *ir.Func {
	const d = 64
	sb, sh, sm, sn := ir.SizeDim(0), ir.SizeDim(1), ir.SizeDim(2), ir.SizeDim(3)
	cd := ir.ConstDim(d)
	f := ir.NewFunc("attention", []*ir.Size{{Name: "B"}, {Name: "H"}, {Name: "M"}, {Name: "N"}}, []*ir.Param{
		{Name: "q", Type: ir.TensorType(dtype.F32, ir.Dense, sb, sh, sm, cd)},
		{Name: "k", Type: ir.TensorType(dtype.F32, ir.Dense, sb, sh, sn, cd)},
		{Name: "v", Type: ir.TensorType(dtype.F32, ir.Dense, sb, sh, sn, cd)},
		{Name: "scale", Type: ir.ScalarType(dtype.F32)},
		{Name: "o", Role: ir.Out, Type: ir.TensorType(dtype.F32, ir.Dense, sb, sh, sm, cd)},
		{Name: "lse", Role: ir.Out, Type: ir.TensorType(dtype.F32, ir.Dense, sb, sh, sm)},
	}, ir.Pos{})
	b := ir.NewBuilder(f)
	zero := b.Index(0)
	f32 := func(x float64) *ir.Value { return b.ConstFloat(dtype.F32, float64(float32(x))) }
	b.Parallel("", []ir.Binding{{Name: "b", Lo: zero, Hi: f.SizeArg(0)}, {Name: "h", Lo: zero, Hi: f.SizeArg(1)},
		{Name: "m", Lo: zero, Hi: f.SizeArg(2), By: bm}}, func(args []*ir.Value) {
		bi, h, m := args[0], args[1], args[2]
		e := b.SpanOf(zero, b.Index(d), d, "E")
		dd := b.SpanOf(zero, b.Index(d), d, "D")
		shift := b.Sub(f.SizeArg(3), f.SizeArg(2))
		pos := b.Affine([]ir.Term{{Var: m, Coef: 1}, {Var: shift, Coef: 1}}, 0, 1, 0)
		hi := b.Min(f.SizeArg(3), b.Add(b.SpanHi(m), shift))
		top := b.Bcast(f32(-math.MaxFloat32), ir.AxesOf(m))
		den := b.Bcast(f32(0), ir.AxesOf(m))
		acc := b.Bcast(f32(0), ir.AxesOf(m, e))
		r := b.For("n", zero, hi, bn, []*ir.Value{top, den, acc}, func(n *ir.Value, c []*ir.Value) ([]*ir.Value, *ir.Value) {
			top, den, acc := c[0], c[1], c[2]
			mn := ir.AxesOf(m, n)
			q := b.Load(f.ParamArg(0), []*ir.Value{bi, h, m, dd}, "in", nil)
			k := b.Load(f.ParamArg(1), []*ir.Value{bi, h, n, dd}, "in", nil)
			s := b.Contract(dtype.F32, q, k, nil, nil, nil, dd)
			s = b.Mul(s, b.Bcast(f.ParamArg(3), mn))
			s = b.Mul(s, b.Bcast(f32(math.Log2E), mn))
			s = b.Select(b.Le(b.Bcast(b.Iota(n), mn), b.Bcast(pos, mn)), s, b.Bcast(f32(math.Inf(-1)), mn))
			t := b.Max(top, b.Reduce("max", dtype.F32, s, n))
			p := b.Map(ir.Exp2, b.Sub(s, b.Bcast(t, mn)))
			r := b.Map(ir.Exp2, b.Sub(top, t))
			den = b.Add(b.Mul(den, r), b.Reduce("sum", dtype.F32, p, n))
			v := b.Load(f.ParamArg(2), []*ir.Value{bi, h, n, e}, "in", nil)
			acc = b.Add(b.Mul(acc, b.Bcast(r, ir.AxesOf(m, e))), b.Contract(dtype.F32, p, v, nil, nil, nil, n))
			return []*ir.Value{t, den, acc}, nil
		})
		top, den, acc = r[0], r[1], r[2]
		me := ir.AxesOf(m, e)
		o := b.Select(b.Gt(b.Bcast(den, me), b.Bcast(f32(0), me)), b.Div(acc, b.Bcast(den, me)), b.Bcast(f32(0), me))
		b.Store(f.ParamArg(4), []*ir.Value{bi, h, m, e}, o, "in", nil)
		lse := b.Div(b.Add(top, b.Map(ir.Log2, den)), b.Bcast(f32(math.Log2E), ir.AxesOf(m)))
		b.Store(f.ParamArg(5), []*ir.Value{bi, h, m}, lse, "in", nil)
	})
	return b.Finish()
}

func BenchmarkGemm512(b *testing.B) {
	p, err := Compile(gemm(64, 64, 32))
	if err != nil {
		b.Fatal(err)
	}
	args := tensors(randn(1, dtype.F32, 512, 512), randn(2, dtype.F32, 512, 512), blank(dtype.F32, 512, 512))
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Run(args, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAttention(b *testing.B) {
	p, err := Compile(attention(64, 64))
	if err != nil {
		b.Fatal(err)
	}
	args := tensors(randn(1, dtype.F32, 1, 8, 512, 64), randn(2, dtype.F32, 1, 8, 512, 64), randn(3, dtype.F32, 1, 8, 512, 64), nil,
		blank(dtype.F32, 1, 8, 512, 64), blank(dtype.F32, 1, 8, 512))
	args[3].Float = 0.125
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Run(args, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTiny is what a kernel of a few elements costs, compilation included.
func BenchmarkTiny(b *testing.B) {
	f := attention(64, 64)
	args := tensors(randn(1, dtype.F32, 1, 1, 2, 64), randn(2, dtype.F32, 1, 1, 2, 64), randn(3, dtype.F32, 1, 1, 2, 64), nil,
		blank(dtype.F32, 1, 1, 2, 64), blank(dtype.F32, 1, 1, 2))
	b.ReportAllocs()
	for b.Loop() {
		p, err := Compile(f)
		if err != nil {
			b.Fatal(err)
		}
		if err := p.Run(args, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkExp2(b *testing.B) {
	x, y := make([]float32, 4096), make([]float32, 4096)
	for i := range x {
		x[i] = float32(i)/100 - 30
	}
	for b.Loop() {
		exp2F32(y, x)
	}
	b.ReportMetric(float64(len(x))*float64(b.N)/b.Elapsed().Seconds()/1e6, "M/s")
}

func BenchmarkFmaGo(b *testing.B) {
	const k = 64
	x, y, c := make([]float32, 4*k), make([]float32, k*panel), make([]float32, 4*panel)
	for i := range y {
		y[i] = float32(i%7) * 0.37
	}
	for i := range x {
		x[i] = float32(i%5) * 0.11
	}
	for b.Loop() {
		fmaBlockGo(4, c, panel, x, k, 1, y, panel, k)
	}
	b.ReportMetric(4*k*panel*float64(b.N)/b.Elapsed().Seconds()/1e6, "M/s")
}
