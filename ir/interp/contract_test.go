package interp

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// TestContract draws the roles of four axes, the types, an accumulator and scales, and compares with a chain of exact
// multiply-adds for each element.
func TestContract(t *testing.T) {
	small := dtype.Bipolar(3)
	rapid.Check(t, func(t *rapid.T) {
		names := []string{"p", "q", "r", "s"}
		x := newTileTest(t, names...)
		// 0 batch, 1 of a, 2 of b, 3 summed
		var inA, inB, sum, kept []int
		for i := range names {
			role := rapid.IntRange(0, 3).Draw(t, "role")
			if i == 3 {
				role = 3
				if rapid.IntRange(0, 3).Draw(t, "long") == 0 {
					x.axes[i].width, x.axes[i].n = 21, rapid.Int64Range(15, 21).Draw(t, "k")
				}
			}
			if i == 2 && rapid.IntRange(0, 3).Draw(t, "wide") == 0 {
				x.axes[i].width, x.axes[i].n = 40, rapid.Int64Range(15, 40).Draw(t, "n")
			}
			if role != 2 {
				inA = append(inA, i)
			}
			if role != 1 {
				inB = append(inB, i)
			}
			if role == 3 {
				sum = append(sum, i)
			} else {
				kept = append(kept, i)
			}
		}
		type types struct{ a, b, in dtype.Type }
		ts := rapid.SampledFrom([]types{
			{dtype.F32, dtype.F32, dtype.F32}, {dtype.F16, dtype.F16, dtype.F32}, {dtype.BF16, dtype.F8E4M3, dtype.F32},
			{dtype.F64, dtype.F64, dtype.F64}, {dtype.F32, dtype.F64, dtype.F64}, {dtype.F16, dtype.F16, dtype.F16},
			{dtype.F64, dtype.F32, dtype.F32}, {dtype.I8, dtype.I8, dtype.I32}, {dtype.U16, dtype.I4, dtype.I32},
			{small, dtype.U1, dtype.I32}, {dtype.I32, dtype.I32, dtype.I64}, {dtype.I8, dtype.U8, dtype.I16},
		}).Draw(t, "types")
		a, b := x.draw(ts.a, "a", inA...), x.draw(ts.b, "b", inB...)
		for _, d := range []*drawn{a, b} {
			if d.elem == small {
				for i, v := range d.vals {
					d.vals[i] = float64(small.IntOfInt(dtype.I64, int64(v), dtype.Default))
				}
			}
		}
		inputs := []*drawn{a, b}
		var acc, sa, sb *drawn
		if rapid.Bool().Draw(t, "acc") {
			acc = x.draw(ts.in, "acc", kept...)
			inputs = append(inputs, acc)
		}
		if ts.in == dtype.F32 && rapid.Bool().Draw(t, "scale a") {
			sa = x.draw(dtype.E8M0, "scale a", inA[len(inA)-1])
			inputs = append(inputs, sa)
		}
		if ts.in == dtype.F32 && rapid.Bool().Draw(t, "scale b") {
			sb = x.draw(dtype.F16, "scale b", slices.Clone(inB)...)
			inputs = append(inputs, sb)
		}
		out := &drawn{elem: ts.in, axes: kept}
		x.open(inputs, []*drawn{out})
		va, vb := x.load(a), x.load(b)
		var vacc, vsa, vsb *ir.Value
		if sa != nil {
			vsa = x.load(sa)
		}
		if sb != nil {
			vsb = x.load(sb)
		}
		if acc != nil {
			// The accumulator's axes are in the order of the result.
			var order []int
			for _, ax := range append(slices.Clone(va.Type.Axes), vb.Type.Axes...) {
				k := slices.Index(x.spans, ax.Span)
				if slices.Contains(kept, k) && !slices.Contains(order, k) {
					order = append(order, k)
				}
			}
			vacc = x.load(acc)
			if len(order) > 0 {
				vacc = x.b.Bcast(vacc, x.axesOf(order))
			}
		}
		var spans []*ir.Value
		for _, k := range sum {
			spans = append(spans, x.spans[k])
		}
		x.store(out, x.b.Contract(ts.in, va, vb, vsa, vsb, vacc, spans...))
		if err := x.run(); err != nil {
			t.Fatal(err)
		}
		// The sum ascends in a's order of axes.
		var order []int
		for _, ax := range va.Type.Axes {
			if k := slices.Index(x.spans, ax.Span); slices.Contains(sum, k) {
				order = append(order, k)
			}
		}
		ra, rb := x.ref(a), x.ref(b)
		x.compare(out, func(at map[string]int) float64 {
			here := map[string]int{}
			for k, p := range at {
				here[k] = p
			}
			total, isum := 0.0, int64(0)
			if acc != nil {
				total = x.ref(acc).f(at)
				isum = int64(total)
			}
			x.each(order, func(inner map[string]int) {
				for k, p := range inner {
					here[k] = p
				}
				u, v := ra.f(here), rb.f(here)
				if !ts.in.IsFloat() {
					isum += int64(u) * int64(v)
					return
				}
				if sa != nil {
					u *= x.ref(sa).f(here)
				}
				if sb != nil {
					v *= x.ref(sb).f(here)
				}
				total = exactFMA(ts.in, u, v, total)
			})
			if !ts.in.IsFloat() {
				return float64(ts.in.IntOfInt(dtype.I64, isum, dtype.Wrap))
			}
			return total
		}, 0)
	})
}
