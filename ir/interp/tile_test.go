package interp

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"testing"

	"pgregory.net/rapid"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// The tests of this file draw tiles over a few ragged axes in any order, run one operation on them, and compare every
// element that exists with a reference that goes element by element.

// axisDraw is one axis of a test: indices lo … lo+n-1 in a span of a larger width.
type axisDraw struct {
	name  string
	lo, n int64
	width int64
}

// tileTest is a function under construction, with the tensors that it takes.
type tileTest struct {
	t     *rapid.T
	f     *ir.Func
	b     *ir.Builder
	axes  []axisDraw
	spans []*ir.Value
	args  []Arg
}

// ref is a tile as the reference sees it: a function of positions along named axes.
type ref struct {
	elem dtype.Type
	axes []string
	f    func(at map[string]int) float64
}

// newTileTest draws axes; widths 0 excluded, live lengths 0 included.
func newTileTest(t *rapid.T, names ...string) *tileTest {
	x := &tileTest{t: t}
	for _, n := range names {
		w := rapid.Int64Range(1, 6).Draw(t, "width "+n)
		x.axes = append(x.axes, axisDraw{n, rapid.Int64Range(-3, 3).Draw(t, "lo "+n), rapid.Int64Range(0, w).Draw(t, "live "+n), w})
	}
	return x
}

// tensor draws a tensor over axes, in their order and over their widths.
type drawn struct {
	param int
	axes  []int
	elem  dtype.Type
	vals  []float64
}

// open makes the function: a tensor parameter for each input, a tensor for each output, and the spans.
func (x *tileTest) open(inputs []*drawn, outputs []*drawn) {
	var params []*ir.Param
	add := func(d *drawn, role ir.Role, name string) {
		var dims []*ir.Dim
		var shape []int64
		for _, a := range d.axes {
			dims = append(dims, ir.ConstDim(x.axes[a].width))
			shape = append(shape, x.axes[a].width)
		}
		d.param = len(params)
		params = append(params, &ir.Param{Name: name, Role: role, Type: ir.TensorType(d.elem, ir.Dense, dims...)})
		if d.vals == nil {
			x.args = append(x.args, Arg{Tensor: blank(d.elem, shape...)})
		} else {
			x.args = append(x.args, Arg{Tensor: floats(d.elem, d.vals, shape...)})
		}
	}
	for i, d := range inputs {
		add(d, ir.In, fmt.Sprintf("x%d", i))
	}
	for i, d := range outputs {
		add(d, ir.Out, fmt.Sprintf("y%d", i))
	}
	x.f = ir.NewFunc("test", nil, params, ir.Pos{})
	x.b = ir.NewBuilder(x.f)
	for _, a := range x.axes {
		x.spans = append(x.spans, x.b.SpanOf(x.b.Index(a.lo), x.b.Index(a.lo+a.n), a.width, a.name))
	}
}

// sub is the subscript of an axis: its position.
func (x *tileTest) sub(a int) *ir.Value {
	return x.b.Affine([]ir.Term{{Var: x.spans[a], Coef: 1}}, -x.axes[a].lo, 1, 0)
}

func (x *tileTest) subs(axes []int) []*ir.Value {
	var s []*ir.Value
	for _, a := range axes {
		s = append(s, x.sub(a))
	}
	return s
}

// load reads a drawn tensor as a tile, its axes in a drawn order.
func (x *tileTest) load(d *drawn) *ir.Value {
	v := x.b.Load(x.f.ParamArg(d.param), x.subs(d.axes), "in", nil)
	if len(d.axes) < 2 {
		return v
	}
	order := rapid.Permutation(slices.Clone(d.axes)).Draw(x.t, "order")
	return x.b.Bcast(v, x.axesOf(order))
}

func (x *tileTest) axesOf(order []int) []ir.Axis {
	var axes []ir.Axis
	for _, a := range order {
		axes = append(axes, ir.AxisOf(x.spans[a]))
	}
	return axes
}

// store writes a value into an output over all of the value's axes.
func (x *tileTest) store(d *drawn, v *ir.Value) {
	x.b.Store(x.f.ParamArg(d.param), x.subs(d.axes), v, "in", nil)
}

// ref is the drawn tensor for the reference.
func (x *tileTest) ref(d *drawn) ref {
	return ref{d.elem, x.names(d.axes), func(at map[string]int) float64 {
		k := 0
		for _, a := range d.axes {
			k = k*int(x.axes[a].width) + at[x.axes[a].name]
		}
		return d.vals[k]
	}}
}

func (x *tileTest) names(axes []int) []string {
	var names []string
	for _, a := range axes {
		names = append(names, x.axes[a].name)
	}
	return names
}

// run runs the function with one worker and returns the fault, if any.
func (x *tileTest) run() error {
	p, err := Compile(x.b.Finish())
	if err != nil {
		x.t.Fatalf("%v\n%s", err, x.f)
	}
	return p.Run(x.args, Options{Workers: 1})
}

// each calls f for all positions of the axes that exist.
func (x *tileTest) each(axes []int, f func(at map[string]int)) {
	at := map[string]int{}
	var walk func(i int)
	walk = func(i int) {
		if i == len(axes) {
			f(at)
			return
		}
		a := x.axes[axes[i]]
		for k := range int(a.n) {
			at[a.name] = k
			walk(i + 1)
		}
	}
	walk(0)
}

// compare checks an output against the reference everywhere it exists.
func (x *tileTest) compare(d *drawn, want func(at map[string]int) float64, tol float64) {
	got := floatsOf(x.args[d.param].Tensor)
	x.each(d.axes, func(at map[string]int) {
		k := 0
		for _, a := range d.axes {
			k = k*int(x.axes[a].width) + at[x.axes[a].name]
		}
		w := want(at)
		if !sameFloat(got[k], w) && got[k] != w && !(math.Abs(got[k]-w) <= tol*math.Abs(w)) {
			x.t.Fatalf("at %v: %v, want %v\n%s", at, got[k], w, x.f)
		}
	})
}

// draw draws a tensor over axes: small numbers, and now and then what breaks things.
func (x *tileTest) draw(elem dtype.Type, label string, axes ...int) *drawn {
	d := &drawn{elem: elem, axes: rapid.Permutation(axes).Draw(x.t, "memory order of "+label)}
	n := int64(1)
	for _, a := range axes {
		n *= x.axes[a].width
	}
	for range n {
		v := float64(rapid.IntRange(-12, 12).Draw(x.t, label)) / 4
		if !elem.IsFloat() {
			v = float64(elem.IntOfInt(dtype.I64, int64(v*40), dtype.Wrap))
		} else if s := rapid.IntRange(0, 30).Draw(x.t, label+" special"); s < 6 {
			v = []float64{math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1), 1e30, 3e-5}[s]
		}
		if elem.IsFloat() {
			v = elem.Round64(v)
		}
		d.vals = append(d.vals, v)
	}
	return d
}

var elemGen = rapid.SampledFrom([]dtype.Type{dtype.F32, dtype.F16, dtype.F64, dtype.I32, dtype.I8, dtype.U16, dtype.BF16, dtype.F8E4M3, dtype.I4})

// subset draws which of n axes are chosen, at least one.
func subset(t *rapid.T, n int) (in, out []int) {
	bits := rapid.IntRange(1, 1<<n-1).Draw(t, "axes")
	for i := range n {
		if bits>>i&1 != 0 {
			in = append(in, i)
		} else {
			out = append(out, i)
		}
	}
	return in, out
}

func TestReduce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newTileTest(t, "a", "b", "c")
		kind := rapid.SampledFrom([]string{"sum", "prod", "max", "min", "maxnan", "minnan", "mean"}).Draw(t, "kind")
		from := elemGen.Draw(t, "elem")
		elem := from
		switch kind {
		case "sum", "prod", "mean":
			elem = dtype.F32
			if !from.IsFloat() && kind != "mean" {
				elem = rapid.SampledFrom([]dtype.Type{dtype.I32, dtype.I16}).Draw(t, "in")
			} else if from == dtype.F64 {
				elem = dtype.F64
			} else if from == dtype.F16 {
				elem = rapid.SampledFrom([]dtype.Type{dtype.F32, dtype.F16}).Draw(t, "in")
			}
		}
		in := x.draw(from, "x", 0, 1, 2)
		reduced, kept := subset(t, 3)
		out := &drawn{elem: elem, axes: kept}
		x.open([]*drawn{in}, []*drawn{out})
		v := x.load(in)
		var spans []*ir.Value
		for _, a := range reduced {
			spans = append(spans, x.spans[a])
		}
		x.store(out, x.b.Reduce(kind, elem, v, spans...))
		if err := x.run(); err != nil {
			t.Fatal(err)
		}
		// The order of the sum is that of the tile's axes, which the order of reduced ones in its type gives.
		var order []int
		for _, ax := range v.Type.Axes {
			for _, a := range reduced {
				if x.spans[a] == ax.Span {
					order = append(order, a)
				}
			}
		}
		r := x.ref(in)
		x.compare(out, func(at map[string]int) float64 {
			here := map[string]int{}
			for k, p := range at {
				here[k] = p
			}
			var vals []float64
			x.each(order, func(inner map[string]int) {
				for k, p := range inner {
					here[k] = p
				}
				vals = append(vals, r.f(here))
			})
			return fold1(kind, elem, vals)
		}, 0)
	})
}

// fold1 reduces values one by one, rounding to t.
func fold1(kind string, t dtype.Type, vals []float64) float64 {
	round := func(v float64) float64 {
		if t.IsFloat() {
			return t.Round64(v)
		}
		return float64(t.IntOfInt(dtype.I64, int64(v), dtype.Wrap))
	}
	acc := map[string]float64{"sum": 0, "mean": 0, "prod": 1, "max": math.Inf(-1), "maxnan": math.Inf(-1), "min": math.Inf(1), "minnan": math.Inf(1)}[kind]
	if !t.IsFloat() || !t.HasInf() {
		switch kind {
		case "max", "maxnan":
			acc = t.Lowest()
		case "min", "minnan":
			acc = t.Max()
		}
	}
	for _, v := range vals {
		switch kind {
		case "sum", "mean":
			acc = round(acc + v)
		case "prod":
			if t.IsFloat() {
				acc = round(acc * v)
			} else {
				acc = float64(t.IntOfInt(dtype.I64, int64(acc)*int64(v), dtype.Wrap))
			}
		case "max":
			acc = number32(acc, v)
		case "min":
			acc = -number32(-acc, -v)
		case "maxnan":
			acc = exact[ir.MaxNan](acc, v, 0)
		case "minnan":
			acc = exact[ir.MinNan](acc, v, 0)
		}
	}
	if kind == "mean" {
		acc = round(acc / float64(len(vals)))
	}
	return acc
}

func TestArgAndLast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newTileTest(t, "a", "b", "c")
		from := elemGen.Draw(t, "elem")
		kind := rapid.SampledFrom([]string{"argmax", "argmin", "last"}).Draw(t, "kind")
		elem := dtype.I64
		if kind == "last" {
			elem = from
			if !from.Arithmetic() {
				elem = map[bool]dtype.Type{true: dtype.F32, false: dtype.I32}[from.IsFloat()]
			}
		}
		axis := rapid.IntRange(0, 2).Draw(t, "axis")
		in := x.draw(from, "x", 0, 1, 2)
		out := &drawn{elem: elem, axes: slices.Delete([]int{0, 1, 2}, axis, axis+1)}
		x.open([]*drawn{in}, []*drawn{out})
		x.store(out, x.b.Reduce(kind, elem, x.load(in), x.spans[axis]))
		if err := x.run(); err != nil {
			t.Fatal(err)
		}
		r, a := x.ref(in), x.axes[axis]
		x.compare(out, func(at map[string]int) float64 {
			line := x.line(r, at, a)
			switch {
			case kind == "last" && len(line) == 0:
				return 0
			case kind == "last":
				return line[len(line)-1]
			case len(line) == 0:
				return -1
			}
			best := ordered(line, kind == "argmax")[0]
			return float64(a.lo + int64(best))
		}, 0)
	})
}

// line are the elements along an axis.
func (x *tileTest) line(r ref, at map[string]int, a axisDraw) []float64 {
	here := map[string]int{}
	for k, p := range at {
		here[k] = p
	}
	var line []float64
	for k := range int(a.n) {
		here[a.name] = k
		line = append(line, r.f(here))
	}
	return line
}

// ordered are the positions of a line's elements in order, NaN last, equal ones by position.
func ordered(line []float64, down bool) []int {
	order := make([]int, len(line))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool {
		u, v := line[order[i]], line[order[j]]
		switch {
		case u != u:
			return false
		case v != v:
			return true
		case down:
			return u > v
		}
		return u < v
	})
	return order
}

func TestRanked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newTileTest(t, "a", "n", "c", "j")
		from := elemGen.Draw(t, "elem")
		down := rapid.Bool().Draw(t, "down")
		in := x.draw(from, "x", 0, 1, 2)
		values, index := &drawn{elem: from, axes: []int{0, 2, 3}}, &drawn{elem: dtype.I64, axes: []int{3, 0, 2}}
		x.open([]*drawn{in}, []*drawn{values, index})
		rank := x.b.Sort
		if down {
			rank = x.b.Topk
		}
		v, i := rank(x.load(in), x.spans[1], x.spans[3])
		x.store(values, v)
		x.store(index, i)
		if err := x.run(); err != nil {
			t.Fatal(err)
		}
		r, n := x.ref(in), x.axes[1]
		pick := func(at map[string]int) (line []float64, k int) {
			line = x.line(r, at, n)
			order := ordered(line, down)
			if j := at["j"]; j < len(order) {
				return line, order[j]
			}
			return line, -1
		}
		x.compare(values, func(at map[string]int) float64 {
			line, k := pick(at)
			if k >= 0 {
				return line[k]
			}
			if from.HasInf() {
				return math.Inf(-1)
			}
			return from.Lowest()
		}, 0)
		x.compare(index, func(at map[string]int) float64 {
			_, k := pick(at)
			if k < 0 {
				return -1
			}
			return float64(n.lo + int64(k))
		}, 0)
	})
}

// TestTopkLong draws from a line long enough for the short cut of a few wanted.
func TestTopkLong(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newTileTest(t, "n", "j")
		x.axes[0].width, x.axes[0].n = 200, rapid.Int64Range(0, 200).Draw(t, "n")
		in := x.draw(dtype.F32, "x", 0)
		values, index := &drawn{elem: dtype.F32, axes: []int{1}}, &drawn{elem: dtype.I64, axes: []int{1}}
		x.open([]*drawn{in}, []*drawn{values, index})
		v, i := x.b.Topk(x.load(in), x.spans[0], x.spans[1])
		x.store(values, v)
		x.store(index, i)
		if err := x.run(); err != nil {
			t.Fatal(err)
		}
		line := in.vals[:x.axes[0].n]
		order := ordered(line, true)
		x.compare(index, func(at map[string]int) float64 {
			if j := at["j"]; j < len(order) {
				return float64(x.axes[0].lo + int64(order[j]))
			}
			return -1
		}, 0)
	})
}

func TestScan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newTileTest(t, "a", "n", "c")
		from := rapid.SampledFrom([]dtype.Type{dtype.F32, dtype.F16, dtype.F64, dtype.I32, dtype.I8, dtype.U16}).Draw(t, "elem")
		kind := rapid.SampledFrom([]string{"sum", "prod", "max"}).Draw(t, "kind")
		in, out := x.draw(from, "x", 0, 1, 2), &drawn{elem: from, axes: []int{0, 1, 2}}
		x.open([]*drawn{in}, []*drawn{out})
		x.store(out, x.b.Scan(kind, x.load(in), x.spans[1]))
		if err := x.run(); err != nil {
			t.Fatal(err)
		}
		r := x.ref(in)
		x.compare(out, func(at map[string]int) float64 {
			line := x.line(r, at, x.axes[1])[:at["n"]+1]
			if kind == "max" { // starts from the first element, NaN or not
				best := line[0]
				for _, v := range line {
					best = number32(best, v)
				}
				return best
			}
			return fold1(kind, from, line)
		}, 0)
	})
}

// TestScanFunc composes x -> g·x + h along an axis, which is associative and not commutative, and which swaps what it
// yields in a way that needs cells between.
func TestScanFunc(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newTileTest(t, "a", "n", "c")
		g, h := x.draw(dtype.I32, "g", 0, 1, 2), x.draw(dtype.I32, "h", 0, 1, 2)
		outs := []*drawn{{elem: dtype.I32, axes: []int{0, 1, 2}}, {elem: dtype.I32, axes: []int{2, 1, 0}}}
		x.open([]*drawn{g, h}, outs)
		all := x.axesOf([]int{0, 1, 2})
		r := x.b.ScanFunc([]*ir.Value{x.b.Bcast(x.load(g), all), x.b.Bcast(x.load(h), all)}, x.spans[1], func(e, l []*ir.Value) []*ir.Value {
			return []*ir.Value{x.b.Mul(e[0], l[0]), x.b.Add(x.b.Mul(e[1], l[0]), l[1])}
		})
		x.store(outs[0], r[0])
		x.store(outs[1], r[1])
		if err := x.run(); err != nil {
			t.Fatal(err)
		}
		rg, rh := x.ref(g), x.ref(h)
		state := func(at map[string]int) (int32, int32) {
			p, q := int32(1), int32(0)
			gs, hs := x.line(rg, at, x.axes[1]), x.line(rh, at, x.axes[1])
			for i := range at["n"] + 1 {
				p, q = p*int32(gs[i]), q*int32(gs[i])+int32(hs[i])
			}
			return p, q
		}
		x.compare(outs[0], func(at map[string]int) float64 { p, _ := state(at); return float64(p) }, 0)
		x.compare(outs[1], func(at map[string]int) float64 { _, q := state(at); return float64(q) }, 0)
	})
}

func TestLookup(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// table over e and a, index over a and i: a is shared.
		x := newTileTest(t, "e", "a", "i")
		elem := elemGen.Draw(t, "elem")
		table := x.draw(elem, "table", 0, 1)
		index := x.draw(dtype.I64, "index", 1, 2)
		e := x.axes[0]
		outside := false
		for k := range index.vals {
			index.vals[k] = float64(rapid.Int64Range(e.lo-1, e.lo+e.n).Draw(t, "i"))
		}
		mode := rapid.SampledFrom([]string{"else", "unchecked"}).Draw(t, "mode")
		out := &drawn{elem: elem, axes: []int{2, 1}}
		x.open([]*drawn{table, index}, []*drawn{out})
		var other *ir.Value
		if mode == "else" {
			if other = x.b.ConstInt(dtype.I64, 1); true {
				other = x.b.Cast(other, elem, "rne", "sat")
			}
		}
		x.store(out, x.b.Lookup(x.load(table), x.spans[0], x.load(index), mode, other))
		err := x.run()
		rt, ri := x.ref(table), x.ref(index)
		x.each(out.axes, func(at map[string]int) {
			k := int64(ri.f(at)) - e.lo
			outside = outside || k < 0 || k >= e.n
		})
		if mode == "unchecked" && outside {
			if f, ok := err.(*Fault); !ok || f.Kind != Bounds {
				t.Fatalf("no bounds fault but %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		x.compare(out, func(at map[string]int) float64 {
			k := int64(ri.f(at)) - e.lo
			if k < 0 || k >= e.n {
				return 1
			}
			return rt.f(map[string]int{"e": int(k), "a": at["a"]})
		}, 0)
	})
}

// TestLookupBySpan shifts along an axis: a tile over e, indexed by another span and by itself through an index tile.
func TestLookupBySpan(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newTileTest(t, "e", "u")
		in := x.draw(dtype.I32, "x", 0)
		byU, reversed := &drawn{elem: dtype.I32, axes: []int{1}}, &drawn{elem: dtype.I32, axes: []int{0}}
		scalar := &drawn{elem: dtype.I32}
		x.open([]*drawn{in}, []*drawn{byU, reversed, scalar})
		e, u := x.axes[0], x.axes[1]
		v, minus := x.load(in), x.b.ConstInt(dtype.I32, -99)
		x.store(byU, x.b.Lookup(v, x.spans[0], x.spans[1], "else", minus))
		x.store(reversed, x.b.Lookup(v, x.spans[0], x.b.Affine([]ir.Term{{Var: x.spans[0], Coef: -1}}, 2*e.lo+e.n-1, 1, 0), "in", nil))
		x.store(scalar, x.b.Lookup(v, x.spans[0], x.b.Index(e.lo), "else", minus))
		if err := x.run(); err != nil {
			t.Fatal(err)
		}
		at0 := func(k int64) float64 {
			if k < 0 || k >= e.n {
				return -99
			}
			return in.vals[k]
		}
		x.compare(byU, func(at map[string]int) float64 { return at0(u.lo + int64(at["u"]) - e.lo) }, 0)
		x.compare(reversed, func(at map[string]int) float64 { return at0(e.n - 1 - int64(at["e"])) }, 0)
		x.compare(scalar, func(map[string]int) float64 { return at0(0) }, 0)
	})
}

func TestScatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newTileTest(t, "e", "a", "i")
		elem := elemGen.Draw(t, "elem")
		tile := x.draw(elem, "tile", 0, 1)
		index := x.draw(dtype.I64, "index", 1, 2)
		value := x.draw(elem, "value", 1, 2)
		mask := x.draw(dtype.Bool, "mask", 1, 2)
		e := x.axes[0]
		for k := range index.vals {
			index.vals[k] = float64(rapid.Int64Range(e.lo-1, e.lo+e.n).Draw(t, "i"))
			mask.vals[k] = float64(rapid.IntRange(0, 1).Draw(t, "m"))
		}
		out := &drawn{elem: elem, axes: []int{0, 1}}
		x.open([]*drawn{tile, index, value, mask}, []*drawn{out})
		var m *ir.Value
		masked := rapid.Bool().Draw(t, "masked")
		tv, iv, vv := x.load(tile), x.load(index), x.load(value)
		if masked {
			m = x.load(mask)
		}
		x.store(out, x.b.Scatter(tv, x.spans[0], iv, vv, "skip", m))
		if err := x.run(); err != nil {
			t.Fatal(err)
		}
		rt, ri, rv, rm := x.ref(tile), x.ref(index), x.ref(value), x.ref(mask)
		x.compare(out, func(at map[string]int) float64 {
			w := rt.f(at)
			for i := range int(x.axes[2].n) {
				here := map[string]int{"a": at["a"], "i": i}
				if int64(ri.f(here))-e.lo == int64(at["e"]) && (!masked || rm.f(here) != 0) {
					w = rv.f(here)
				}
			}
			return w
		}, 0)
	})
}

func TestCat(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newTileTest(t, "a", "b", "c")
		elem := elemGen.Draw(t, "elem")
		p, q := x.draw(elem, "x", 0, 2), x.draw(elem, "y", 1, 2)
		a, b := x.axes[0], x.axes[1]
		x.axes = append(x.axes, axisDraw{"u", 0, a.n + b.n, a.width + b.width})
		out := &drawn{elem: elem, axes: []int{3, 2}}
		whole := x.axes
		x.axes = x.axes[:4]
		x.open([]*drawn{p, q}, []*drawn{out})
		x.axes = whole
		x.spans[3] = x.b.SpanCat(x.spans[0], x.spans[1], "u")
		first := rapid.Bool().Draw(t, "first")
		order := func(k int) []ir.Axis {
			if first {
				return x.axesOf([]int{k, 2})
			}
			return x.axesOf([]int{2, k})
		}
		v := x.b.Cat(x.b.Bcast(x.load(p), order(0)), x.b.Bcast(x.load(q), order(1)), x.spans[0], x.spans[1], x.spans[3])
		x.store(out, v)
		if err := x.run(); err != nil {
			t.Fatal(err)
		}
		rp, rq := x.ref(p), x.ref(q)
		x.compare(out, func(at map[string]int) float64 {
			if u := at["u"]; u < int(a.n) {
				return rp.f(map[string]int{"a": u, "c": at["c"]})
			}
			return rq.f(map[string]int{"b": at["u"] - int(a.n), "c": at["c"]})
		}, 0)
	})
}

func TestPackUnpack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		x := newTileTest(t, "a", "j", "k")
		x.axes[2].width, x.axes[2].n = 3, rapid.Int64Range(0, 3).Draw(t, "pieces")
		in, codes := x.draw(dtype.Bool, "x", 0, 1), x.draw(dtype.U8, "codes", 0)
		for i := range in.vals {
			in.vals[i] = float64(rapid.IntRange(0, 1).Draw(t, "bit"))
		}
		piece := rapid.SampledFrom([]dtype.Type{dtype.U2, dtype.I2, dtype.Bipolar(2), dtype.U1}).Draw(t, "piece")
		packed := &drawn{elem: dtype.Uint(int(x.axes[1].width)), axes: []int{0}}
		pieces := &drawn{elem: piece, axes: []int{0, 2}}
		x.open([]*drawn{in, codes}, []*drawn{packed, pieces})
		x.store(packed, x.b.Pack(x.load(in), x.spans[1]))
		x.store(pieces, x.b.Unpack(x.load(codes), x.spans[2], piece))
		if err := x.run(); err != nil {
			t.Fatal(err)
		}
		r, rc := x.ref(in), x.ref(codes)
		x.compare(packed, func(at map[string]int) float64 {
			w := 0.0
			for j, v := range x.line(r, at, x.axes[1]) {
				w += v * math.Exp2(float64(j))
			}
			return w
		}, 0)
		x.compare(pieces, func(at map[string]int) float64 {
			n := piece.Bits()
			return float64(piece.DecodeInt(uint64(rc.f(at)) >> (n * at["k"])))
		}, 0)
	})
}
