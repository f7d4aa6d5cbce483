package interp

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// TestAccess draws tensors with any layout and subscripts of every form (scalars, spans, affine forms of spans and
// scalars, affine forms divided, gathers), loads with a value outside, stores with skip, and compares with arithmetic
// on indices.
func TestAccess(t *testing.T) {
	for range 5 { // many forms, each of which must meet an edge
		rapid.Check(t, func(t *rapid.T) {
			elem := rapid.SampledFrom([]dtype.Type{dtype.I32, dtype.Int(3), dtype.U8, dtype.I64, dtype.I16}).Draw(t, "elem")
			x := newTileTest(t, "a", "b")
			rank := rapid.SampledFrom([]int{1, 1, 2, 2, 3}).Draw(t, "rank")
			var dims []*ir.Dim
			var shape []int64
			for i := range rank {
				d := rapid.SampledFrom([]int64{0, 1, 4, 6, 9, 12}).Draw(t, fmt.Sprint("dim", i))
				dims, shape = append(dims, ir.ConstDim(d)), append(shape, d)
			}
			// Two index tiles for gathers, over a and over both axes.
			idx := []*drawn{x.draw(dtype.I64, "i", 0), x.draw(dtype.I64, "j", 0, 1)}
			for _, d := range idx {
				for k := range d.vals {
					d.vals[k] = float64(rapid.IntRange(-2, 8).Draw(t, "index"))
				}
			}
			strided := rapid.Bool().Draw(t, "strided")
			mem := ir.Dense
			if strided {
				mem = ir.Strided
			}
			source := randomTensor(t, elem, shape, strided)
			target := randomTensor(t, elem, shape, strided)
			tensorType := ir.TensorType(elem, mem, dims...)
			scalar := rapid.Int64Range(-1, 4).Draw(t, "scalar")

			// Parameters: the two index tensors, the source, a scalar, and the target.
			out := &drawn{elem: elem, axes: []int{0, 1}}
			x.open(idx, []*drawn{out})
			f := x.f
			addParam := func(p *ir.Param, a Arg) *ir.Value {
				f.Params = append(f.Params, p)
				x.args = append(x.args, a)
				return f.Body.AddArg(p.Name, p.Type)
			}
			src := addParam(&ir.Param{Name: "src", Type: tensorType}, Arg{Tensor: source})
			s := addParam(&ir.Param{Name: "s", Type: ir.ScalarType(dtype.I64)}, Arg{Int: scalar})
			dst := addParam(&ir.Param{Name: "dst", Role: ir.InOut, Type: tensorType}, Arg{Tensor: target})

			ri, rj := x.ref(idx[0]), x.ref(idx[1])
			vi, vj := x.load(idx[0]), x.load(idx[1])
			a, b := x.axes[0], x.axes[1]
			var subs []*ir.Value
			var index []func(at map[string]int) int64
			for range rank {
				c := rapid.SliceOfN(rapid.Int64Range(-2, 3), 4, 4).Draw(t, "coefficients")
				pos := func(d axisDraw, at map[string]int) int64 { return d.lo + int64(at[d.name]) }
				switch rapid.IntRange(0, 6).Draw(t, "form") {
				case 0:
					subs = append(subs, s)
					index = append(index, func(map[string]int) int64 { return scalar })
				case 1:
					subs = append(subs, x.spans[0])
					index = append(index, func(at map[string]int) int64 { return pos(a, at) })
				case 2:
					subs = append(subs, x.b.Affine([]ir.Term{{Var: x.spans[0], Coef: c[0]}, {Var: x.spans[1], Coef: c[1]}, {Var: s, Coef: c[2]}}, c[3], 1, 0))
					index = append(index, func(at map[string]int) int64 { return c[0]*pos(a, at) + c[1]*pos(b, at) + c[2]*scalar + c[3] })
				case 3:
					subs = append(subs, x.b.Affine([]ir.Term{{Var: x.spans[1], Coef: c[1], Factor: s}}, c[3], 2, 5))
					index = append(index, func(at map[string]int) int64 {
						return ir.FloorMod(ir.FloorDiv(c[1]*scalar*pos(b, at)+c[3], 2), 5)
					})
				case 4:
					subs = append(subs, vi)
					index = append(index, func(at map[string]int) int64 { return int64(ri.f(at)) })
				case 5:
					subs = append(subs, vj)
					index = append(index, func(at map[string]int) int64 { return int64(rj.f(at)) })
				default:
					// b alone, far away and backwards
					subs = append(subs, x.b.Affine([]ir.Term{{Var: x.spans[1], Coef: -1}}, b.lo+b.n-1+c[3], 1, 0))
					index = append(index, func(at map[string]int) int64 { return b.lo + b.n - 1 + c[3] - pos(b, at) })
				}
			}
			other := x.b.Cast(x.b.ConstInt(dtype.I64, 2), elem, "rne", "sat")
			v := x.b.Load(src, subs, "else", other)
			all := x.axesOf([]int{0, 1})
			x.store(out, x.b.Bcast(v, all))
			one := x.b.Bcast(x.b.Cast(x.b.ConstInt(dtype.I64, 1), elem, "rne", "sat"), v.Type.Axes)
			if elem.Arithmetic() {
				x.b.Atomic("add", dst, subs, []*ir.Value{one}, "skip", nil, false)
			} else {
				x.b.Atomic("xchg", dst, subs, []*ir.Value{one}, "skip", nil, false)
			}
			before := elements(target)
			if err := x.run(); err != nil {
				t.Fatal(err)
			}
			offset := func(at map[string]int) (k int64, inside bool) {
				for i, f := range index {
					j := f(at)
					if j < 0 || j >= shape[i] {
						return 0, false
					}
					k = k*shape[i] + j
				}
				return k, true
			}
			data := elements(source)
			x.compare(out, func(at map[string]int) float64 {
				k, inside := offset(at)
				if !inside {
					return 2
				}
				return float64(data[k])
			}, 0)
			// What the atomic operation did: one for each element of the tile, whose axes are those of the subscripts.
			var axes []int
			for _, ax := range v.Type.Axes {
				axes = append(axes, slices.Index(x.spans, ax.Span))
			}
			x.each(axes, func(at map[string]int) {
				if k, inside := offset(at); inside {
					before[k]++
					if !elem.Arithmetic() {
						before[k] = 1
					}
					before[k] = elem.IntOfInt(dtype.I64, before[k], dtype.Wrap)
				}
			})
			if got := elements(target); !slices.Equal(got, before) {
				t.Fatalf("after the update %v, want %v\n%s", got, before, f)
			}
		})
	}
}

// randomTensor draws elements in any layout: strides in any order with gaps, and a start inside a byte.
func randomTensor(t *rapid.T, elem dtype.Type, shape []int64, strided bool) *Tensor {
	x := &Tensor{Elem: elem, Shape: shape}
	n := int64(1)
	if strided {
		x.Strides = make([]int64, len(shape))
		for i := len(shape) - 1; i >= 0; i-- {
			x.Strides[i] = n
			n *= shape[i] + rapid.Int64Range(0, 1).Draw(t, "gap")
		}
		x.BitOffset = rapid.IntRange(0, 17).Draw(t, "start")
	} else {
		n, _ = volume(shape)
	}
	x.Data = make([]byte, (x.BitOffset+int(n+8)*elem.Bits()+7)/8)
	for i := range x.Data {
		x.Data[i] = byte(rapid.IntRange(0, 255).Draw(t, "byte"))
	}
	return x
}

// elements are a tensor's elements in row-major order.
func elements(x *Tensor) []int64 {
	var v []int64
	m := &memory{elem: x.Elem, dims: x.Shape, data: x.Data, bit: x.BitOffset}
	m.layout(x.Strides)
	m.each(0, 0, func(off int) {
		v = append(v, x.Elem.DecodeInt(dtype.ReadCode(x.Data, x.BitOffset+off*x.Elem.Bits(), x.Elem.Bits())))
	})
	return v
}

// TestStore scatters distinct elements, so that plain stores are right, with masks and skips.
func TestStore(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newTileTest(t, "a", "b")
		elem := rapid.SampledFrom([]dtype.Type{dtype.F32, dtype.F16, dtype.F64, dtype.F8E4M3, dtype.F4E2M1, dtype.Bool, dtype.I32}).Draw(t, "elem")
		in, mask := x.draw(elem, "x", 0, 1), x.draw(dtype.Bool, "m", 0, 1)
		for k := range mask.vals {
			mask.vals[k] = float64(rapid.IntRange(0, 1).Draw(t, "m"))
			if elem == dtype.Bool {
				in.vals[k] = float64(rapid.IntRange(0, 1).Draw(t, "x"))
			}
		}
		a, b := x.axes[0], x.axes[1]
		shift := rapid.Int64Range(-3, 3).Draw(t, "shift")
		x.open([]*drawn{in, mask}, nil)
		y := &Tensor{Elem: elem, Shape: []int64{b.width, a.width}, Data: make([]byte, dtype.StreamBytes(elem.Bits(), int(a.width*b.width)))}
		p := &ir.Param{Name: "y", Role: ir.InOut, Type: ir.TensorType(elem, ir.Dense, ir.ConstDim(b.width), ir.ConstDim(a.width))}
		x.f.Params = append(x.f.Params, p)
		x.args = append(x.args, Arg{Tensor: y})
		dst := x.f.Body.AddArg("y", p.Type)
		var m *ir.Value
		if rapid.Bool().Draw(t, "masked") {
			m = x.load(mask)
		}
		sub := x.b.Affine([]ir.Term{{Var: x.spans[1], Coef: 1}}, shift-b.lo, 1, 0)
		x.b.Store(dst, []*ir.Value{sub, x.sub(0)}, x.load(in), "skip", m)
		if err := x.run(); err != nil {
			t.Fatal(err)
		}
		want := make([]float64, a.width*b.width)
		if elem == dtype.F8E4M3 || elem == dtype.F4E2M1 {
			clear(want)
		}
		r, rm := x.ref(in), x.ref(mask)
		x.each([]int{0, 1}, func(at map[string]int) {
			if k := int64(at["b"]) + shift; k >= 0 && k < b.width && (m == nil || rm.f(at) != 0) {
				want[k*a.width+int64(at["a"])] = r.f(at)
			}
		})
		for k, got := range floatsOf(y) {
			if !sameFloat(got, want[k]) && math.Abs(got-want[k]) != 0 {
				t.Fatalf("%v, want %v\n%s", floatsOf(y), want, x.f)
			}
		}
	})
}
