package emit

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/codegen/ptx/emu"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/interp"
	"github.com/tilec/tilec/ir/layout"
)

// along is a test of one operation: a function of the value stage, which the interpreter runs, around an operation that
// is emitted in random layouts. Every slot of every thread that holds an element is compared with the element.
type along struct {
	t     *testing.T
	rng   *rand.Rand
	x     *bench
	f     *ir.Func
	b     *ir.Builder
	spans []*ir.Value
	live  []int64
	lo    []int64
	args  []interp.Arg
	// inputs are the loaded tiles in order, results what was stored.
	inputs, results []*ir.Value
	outs            []*ir.Param
	tol             float64
	// first are operations that come before the one under test.
	first []*ir.Op
	// packed gives inputs in words where they can be.
	packed bool
}

// axis is an axis of a test.
type axis struct{ lo, n, width int64 }

// newAlong makes a function with an input over axes for each type in ins, and an output over axes for each in outs.
func newAlong(t *testing.T, seed uint64, warps int, axes []axis, ins, outs []data) *along {
	a := &along{t: t, rng: rand.New(rand.NewPCG(seed, 7)), x: newBench(t, warps, seed)}
	var params []*ir.Param
	for i, d := range append(append([]data{}, ins...), outs...) {
		var dims []*ir.Dim
		shape := []int64{}
		for _, k := range d.axes {
			dims = append(dims, ir.ConstDim(axes[k].width))
			shape = append(shape, axes[k].width)
		}
		x, err := interp.NewTensor(d.elem, shape...)
		if err != nil {
			t.Fatal(err)
		}
		role := ir.Out
		if i < len(ins) {
			role = ir.In
			for k := range x.Len() {
				dtype.WriteCode(x.Data, int(k)*d.elem.Bits(), d.elem.Bits(), d.draw(a.rng))
			}
		}
		params = append(params, &ir.Param{Name: fmt.Sprint("p", i), Role: role, Type: ir.TensorType(d.elem, ir.Dense, dims...)})
		a.args = append(a.args, interp.Arg{Tensor: x})
	}
	a.f = ir.NewFunc("test", nil, params, ir.Pos{})
	a.b = ir.NewBuilder(a.f)
	a.outs = params[len(ins):]
	for i, k := range axes {
		a.spans = append(a.spans, a.b.SpanOf(a.b.Index(k.lo), a.b.Index(k.lo+k.n), k.width, fmt.Sprint("s", i)))
		a.live, a.lo = append(a.live, k.n), append(a.lo, k.lo)
	}
	for i, d := range ins {
		v := a.b.Load(a.f.ParamArg(i), a.subs(d.axes), "in", nil)
		a.inputs = append(a.inputs, v)
	}
	return a
}

// data is a tensor of a test.
type data struct {
	elem dtype.Type
	axes []int
	draw func(rng *rand.Rand) uint64
}

func (a *along) subs(axes []int) []*ir.Value {
	var list []*ir.Value
	for _, k := range axes {
		list = append(list, a.b.Affine([]ir.Term{{Var: a.spans[k], Coef: 1}}, -a.lo[k], 1, 0))
	}
	return list
}

// store makes a value a result, over the axes of the output.
func (a *along) store(v *ir.Value, axes ...int) {
	k := len(a.inputs) + len(a.results)
	a.b.Store(a.f.ParamArg(k), a.subs(axes), v, "in", nil)
	a.results = append(a.results, v)
}

// repr is an element as the registers have it, from its code.
func repr(t dtype.Type, code uint64) uint64 {
	if t.IsInt() && t.Bits() <= 32 {
		return uint64(uint32(t.DecodeInt(code)))
	}
	return code
}

// finish runs the interpreter, then emits op in the layouts that place gives its values, and compares.
func (a *along) finish(op *ir.Op, place func()) (string, *emu.Report) {
	t := a.t
	t.Helper()
	fn := a.b.Finish()
	p, err := interp.Compile(fn.Clone())
	if err != nil {
		t.Fatalf("%v\n%s", err, fn)
	}
	if err := p.Run(a.args, interp.Options{Workers: 1}); err != nil {
		t.Fatal(err)
	}
	place()
	x, e, b := a.x, a.x.e, a.x.e.b
	for i, s := range a.spans {
		v := &value{t: s.Type, lo: asm.Int(a.lo[i]), n: asm.Int(a.live[i])}
		v.full = a.live[i] == s.Type.Width && a.rng.IntN(2) == 0
		if !v.full && a.rng.IntN(3) > 0 {
			v.lo, v.n = asm.R(b.Do("mov.b64", asm.D, v.lo)), asm.R(b.Do("mov.b32", asm.W, v.n))
		}
		e.values[s] = v
	}
	threads := 32 * e.warps
	// at visits the elements of a tile: slot, thread, place in the tensor (-1: none).
	at := func(ty ir.Type, visit func(slot, thread, i int)) {
		if ty.Kind == ir.Scalar {
			for n := range threads {
				visit(0, n, 0)
			}
			return
		}
		for slot := range e.place(ty).slots {
			for n := range threads {
				i := 0
				for k, c := range ty.Layout.Coordinates(ty.Layout.Element(int64(slot), int64(n%32), int64(n/32), 0)) {
					for j, s := range a.spans {
						if s == ty.Axes[k].Span && c >= a.live[j] {
							i = -1
						}
					}
					if i >= 0 {
						i = i*int(ty.Axes[k].Extent) + int(c)
					}
				}
				visit(slot, n, i)
			}
		}
	}
	index := b.Pure("mov.u32", asm.W, asm.Text("%tid.x"))
	offset := asm.R(b.Pure("mul.wide.u32", asm.D, asm.R(index), asm.Int(8)))
	slots := func(ty ir.Type) int {
		if ty.Kind == ir.Scalar {
			return 1
		}
		return e.place(ty).slots
	}
	for i, v := range a.inputs {
		raw := make([]byte, 8*threads*slots(v.Type))
		in := a.args[i].Tensor
		at(v.Type, func(slot, n, k int) {
			w := a.rng.Uint64() // absent: anything that is an element
			if k >= 0 {
				w = dtype.ReadCode(in.Data, k*in.Elem.Bits(), in.Elem.Bits())
			} else if in.Elem.Bits() < 64 {
				w &= 1<<in.Elem.Bits() - 1
			}
			binary.LittleEndian.PutUint64(raw[8*(slot*threads+n):], repr(in.Elem, w))
		})
		_, base := x.buffer("in", raw)
		from := b.Move(asm.D, b.Add(asm.D, asm.R(base), offset))
		list := make([]asm.Arg, slots(v.Type))
		for slot := range list {
			c, op := classOf(in.Elem), "ld.global.b32"
			if c == asm.D {
				op = "ld.global.b64"
			}
			list[slot] = e.ofWord(c, b.Do(op, max(c, asm.W), asm.At(from, int64(8*threads*slot))))
		}
		if v.Type.Kind == ir.Scalar {
			e.set(v, &value{scalar: list[0]})
		} else {
			e.set(v, &value{elems: list})
			if a.packed && packs(in.Elem, len(list)) {
				e.set(v, &value{words: e.words(e.value(v))})
			}
		}
	}
	for _, o := range a.first {
		e.operation(o)
	}
	e.operation(op)
	bufs := make([]*emu.Buffer, len(a.results))
	for i, v := range a.results {
		buf, base := x.buffer("out", make([]byte, 8*threads*slots(v.Type)))
		bufs[i] = buf
		to := b.Move(asm.D, b.Add(asm.D, asm.R(base), offset))
		for slot := range slots(v.Type) {
			c, w := e.asWord(classOf(v.Type.Elem), e.elem(e.value(v), slot))
			op := map[asm.Class]string{asm.W: "st.global.b32", asm.D: "st.global.b64"}[c]
			b.Emit(op, asm.At(to, int64(8*threads*slot)), asm.R(b.Move(c, w)))
		}
	}
	text, rep := x.run()
	for i, v := range a.results {
		out := a.args[len(a.inputs)+i].Tensor
		bad := false
		at(v.Type, func(slot, n, k int) {
			if k < 0 || bad {
				return
			}
			want := repr(out.Elem, dtype.ReadCode(out.Data, k*out.Elem.Bits(), out.Elem.Bits()))
			got := binary.LittleEndian.Uint64(bufs[i].Bytes[8*(slot*threads+n):])
			if got == want {
				return
			}
			if out.Elem.IsFloat() && got>>out.Elem.Bits() == 0 {
				g, w := out.Elem.Decode(got), out.Elem.Decode(want)
				if g != g && w != w || math.Abs(g-w) <= a.tol*math.Abs(w) {
					return
				}
			}
			bad = true
			t.Errorf("%v: result %d, %v, element %d in slot %d of thread %d is %#x instead of %#x (%v instead of %v)\n%s\n%v", op, i, v.Type, k, slot, n,
				got, want, out.Elem.Decode(got), out.Elem.Decode(want), v.Type.Layout, a.live)
		})
		if bad {
			t.Fatalf("operand in %v\n%s", op.Operands[0].Type.Layout, text)
		}
	}
	return text, rep
}

// layout gives a tile a random layout.
func (a *along) layout(list ...*ir.Value) {
	for _, v := range list {
		if v.Type.Kind == ir.Tile {
			v.Type = v.Type.In(a.random(v.Type))
		}
	}
}

// random is a random layout of a tile: its axes padded to powers of two or three times those, digits anywhere, odd ones
// in registers.
func (a *along) random(t ir.Type) *layout.Distribution {
	var extents []int64
	var odd []layout.Digit
	for i, x := range t.Axes {
		n := int64(1)
		for n < x.Extent {
			n *= 2
		}
		if k := n / 4 * 3; k >= x.Extent && k > 0 && a.rng.IntN(2) == 0 { // three times a power of two
			stride := int64(1)
			for stride < n/4 && a.rng.IntN(2) == 0 {
				stride *= 2
			}
			odd = append(odd, layout.Digit{Size: 3, Unit: layout.Register, Axis: i, Stride: stride})
			n = k
		} else if a.rng.IntN(8) == 0 && n < 64 {
			n *= 2
		}
		extents = append(extents, n)
	}
	var digits []layout.Digit
	for i, n := range extents {
		for at := int64(1); at < n; {
			if k := indexOf(odd, i); k >= 0 && odd[k].Stride == at {
				digits = append(digits, odd[k])
				at *= 3
				continue
			}
			digits = append(digits, layout.Digit{Size: 2, Unit: layout.Register, Axis: i, Stride: at})
			at *= 2
		}
	}
	a.rng.Shuffle(len(digits), func(i, j int) { digits[i], digits[j] = digits[j], digits[i] })
	k := 0
	var replicas []layout.Digit
	take := func(u layout.Unit, n int) {
		for range n {
			for k < len(digits) && digits[k].Size != 2 {
				k++
			}
			if k == len(digits) || a.rng.IntN(6) == 0 {
				replicas = append(replicas, layout.Digit{Size: 2, Unit: u, Axis: layout.Replica})
				continue
			}
			digits[k].Unit = u
			k++
		}
	}
	take(layout.Lane, 5)
	warps := int64(a.x.e.warps)
	for warps%2 == 0 {
		take(layout.Warp, 1)
		warps /= 2
	}
	if warps > 1 {
		replicas = append(replicas, layout.Digit{Size: warps, Unit: layout.Warp, Axis: layout.Replica})
	}
	digits = append(digits, replicas...)
	a.rng.Shuffle(len(digits), func(i, j int) { digits[i], digits[j] = digits[j], digits[i] })
	d, err := layout.Distribute(extents, digits...)
	if err != nil {
		a.t.Fatal(err)
	}
	return &d
}

func indexOf(list []layout.Digit, axis int) int {
	for i, g := range list {
		if g.Axis == axis {
			return i
		}
	}
	return -1
}

// part gives x the layout that it has as a part of a tile of type r.
func part(x *ir.Value, r ir.Type) {
	if x.Type.Kind == ir.Tile {
		x.Type = x.Type.In(partOf(r, x.Type))
	}
}

// exact draws elements of which sums and products in any order are exact, unless something special is among them.
func exact(t dtype.Type, kind string) func(rng *rand.Rand) uint64 {
	return func(rng *rand.Rand) uint64 {
		if !t.IsFloat() && kind == "mean" && t != dtype.Bool {
			return t.EncodeInt(rng.Int64N(8), false)
		} else if !t.IsFloat() {
			return rng.Uint64() & (1<<(t.Bits()-1) - 1 | 1<<(t.Bits()-1))
		}
		if rng.IntN(40) == 0 {
			v := []float64{math.NaN(), math.Inf(1), math.Inf(-1)}[rng.IntN(3)]
			if t.Has64(v) {
				return t.Encode(v, dtype.NearestEven, dtype.ToInf)
			}
		}
		v := float64(rng.IntN(9)-4) / 4
		if kind == "prod" {
			v = []float64{1, -1, 1, 1, -1, 0.5, 2}[rng.IntN(7)]
		} else if v == 0 && rng.IntN(2) == 0 {
			v = math.Copysign(0, -1)
		}
		return t.Encode(v, dtype.NearestEven, dtype.Saturate)
	}
}

// drawAxes draws axes with lengths that are whole, ragged or none.
func drawAxes(rng *rand.Rand, n int, most int64) []axis {
	var list []axis
	for range n {
		w := 1 + rng.Int64N(most)
		k := w
		switch rng.IntN(4) {
		case 0, 1:
			k = rng.Int64N(w + 1)
		}
		list = append(list, axis{rng.Int64N(7) - 3, k, w})
	}
	return list
}

var reduceTypes = []dtype.Type{dtype.F32, dtype.F16, dtype.F64, dtype.I32, dtype.I8, dtype.U16, dtype.BF16, dtype.F8E4M3, dtype.I4, dtype.U64, dtype.I64,
	dtype.U32, dtype.TF32, dtype.Bool}

func TestReduce(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	kinds := []string{"sum", "prod", "max", "min", "maxnan", "minnan", "mean", "any", "all", "argmax", "argmin", "last"}
	for n := range 144 {
		kind := kinds[n%len(kinds)]
		from := reduceTypes[rng.IntN(len(reduceTypes))]
		elem := from
		switch kind {
		case "any", "all":
			from, elem = dtype.Bool, dtype.Bool
		case "argmax", "argmin":
			elem = dtype.I64
		case "sum", "prod":
			if from == dtype.Bool {
				from, elem = dtype.I32, dtype.I32
			} else if !from.Arithmetic() || rng.IntN(2) == 0 {
				elem = from.Wide()
			}
		case "mean":
			if elem != dtype.F64 {
				elem = []dtype.Type{dtype.F32, dtype.F16, dtype.BF16}[rng.IntN(3)]
			}
		}
		rank := 1 + rng.IntN(3)
		axes := drawAxes(rng, rank, []int64{700, 40, 14}[rank-1])
		var all, reduced, kept []int
		for i := range rank {
			all = append(all, i)
		}
		for _, i := range rng.Perm(rank) {
			if len(reduced) == 0 || kind[0] != 'l' && kind[:2] != "ar" && rng.IntN(2) == 0 {
				reduced = append(reduced, i)
			}
		}
		for i := range rank {
			if !contains(reduced, i) {
				kept = append(kept, i)
			}
		}
		warps := []int{1, 2, 4, 8, 6, 3}[rng.IntN(6)]
		a := newAlong(t, uint64(n), warps, axes, []data{{from, all, exact(from, kind)}}, []data{{elem, kept, nil}})
		if elem.Bits() <= 16 && kind == "mean" || elem.Bits() <= 16 && (kind == "sum" || kind == "prod") && elem.IsFloat() {
			a.tol = 40 * elem.UnitRoundoff()
		}
		var over []*ir.Value
		for _, k := range reduced {
			over = append(over, a.spans[k])
		}
		r := a.b.Reduce(kind, elem, a.inputs[0], over...)
		a.store(r, kept...)
		a.finish(r.Def, func() {
			a.layout(a.inputs[0])
			part(r, a.inputs[0].Type)
		})
	}
}

// indexes draws index values of an axis, and some beside it where they may be.
func indexes(x axis, beside bool) func(rng *rand.Rand) uint64 {
	return func(rng *rand.Rand) uint64 {
		k := x.lo
		if x.n > 0 {
			k += rng.Int64N(x.n)
		}
		if beside && rng.IntN(4) == 0 {
			k = x.lo - 2 + rng.Int64N(x.width+4)
			if rng.IntN(8) == 0 {
				k += 1 << 32
			}
		}
		return uint64(k)
	}
}

func anything(t dtype.Type) func(rng *rand.Rand) uint64 {
	return exact(t, "")
}

func TestLookup(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 2))
	for n := range 60 {
		elem := reduceTypes[rng.IntN(len(reduceTypes))]
		axes := drawAxes(rng, 3, []int64{40, 12}[rng.IntN(2)]) // e, a, i
		if axes[0].n == 0 {
			axes[0].n = 1
		}
		inTable := [][]int{{0}, {0, 1}, {1, 0}}[rng.IntN(3)]
		inIndex := [][]int{{}, {2}, {1}, {1, 2}, {2, 1}, {0}, {0, 2}}[rng.IntN(7)]
		mode := []string{"in", "else", "unchecked"}[rng.IntN(3)]
		var outAxes []int
		for _, k := range inTable {
			if k != 0 {
				outAxes = append(outAxes, k)
			}
		}
		for _, k := range inIndex {
			if !contains(outAxes, k) {
				outAxes = append(outAxes, k)
			}
		}
		bySpan := len(inIndex) == 1 && inIndex[0] == 2 && rng.IntN(2) == 0
		if bySpan {
			mode = "else"
		}
		a := newAlong(t, uint64(n), []int{1, 2, 4, 8}[rng.IntN(4)], axes, []data{{elem, inTable, anything(elem)},
			{dtype.I64, inIndex, indexes(axes[0], mode == "else")}}, []data{{elem, outAxes, nil}})
		var other *ir.Value
		if mode == "else" {
			switch {
			case elem.IsFloat():
				other = a.b.ConstFloat(elem, 1)
			default:
				other = a.b.ConstInt(elem, 1)
			}
			a.x.e.constant(other.Def)
		}
		index := a.inputs[1]
		if bySpan {
			index = a.spans[2]
		}
		r := a.b.Lookup(a.inputs[0], a.spans[0], index, mode, other)
		a.store(r, outAxes...)
		a.finish(r.Def, func() {
			a.layout(a.inputs[0], r)
			if r.Type.Kind == ir.Tile {
				part(a.inputs[1], r.Type)
			}
		})
	}
}

func TestScatter(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(4, 2))
	for n := range 60 {
		elem := reduceTypes[rng.IntN(len(reduceTypes))]
		axes := drawAxes(rng, 4, []int64{20, 7}[rng.IntN(2)]) // e, a, i, k
		if axes[0].n == 0 {
			axes[0].n = 1
		}
		inTable := [][]int{{0}, {0, 1}, {1, 0}}[rng.IntN(3)]
		inIndex := [][]int{{}, {2}, {1}, {1, 2}, {2, 1}, {3, 2}, {3, 1, 2}}[rng.IntN(7)]
		mode := []string{"in", "skip", "unchecked"}[rng.IntN(3)]
		var union []int
		for _, k := range append(append([]int{}, inTable...), inIndex...) {
			if k != 0 && !contains(union, k) {
				union = append(union, k)
			}
		}
		rng.Shuffle(len(union), func(i, j int) { union[i], union[j] = union[j], union[i] })
		bySpan := len(inIndex) == 1 && inIndex[0] == 2 && rng.IntN(2) == 0
		if bySpan {
			mode = "skip"
		}
		a := newAlong(t, uint64(n), []int{1, 2, 4, 8}[rng.IntN(4)], axes, []data{{elem, inTable, anything(elem)},
			{dtype.I64, inIndex, indexes(axes[0], mode == "skip")}, {elem, union, anything(elem)}, {dtype.Bool, union, anything(dtype.Bool)}},
			[]data{{elem, inTable, nil}})
		index, mask := a.inputs[1], a.inputs[3]
		if bySpan {
			index = a.spans[2]
		}
		if rng.IntN(2) == 0 {
			mask = nil
		}
		r := a.b.Scatter(a.inputs[0], a.spans[0], index, a.inputs[2], mode, mask)
		a.store(r, inTable...)
		a.finish(r.Def, func() {
			a.layout(a.inputs[0], a.inputs[2], r)
			if rng.IntN(2) == 0 {
				r.Type = r.Type.In(a.inputs[0].Type.Layout)
			}
			if len(union) > 0 {
				part(a.inputs[1], a.inputs[2].Type)
				part(a.inputs[3], a.inputs[2].Type)
			}
		})
	}
}

func TestCat(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(5, 2))
	for n := range 60 {
		elem := reduceTypes[rng.IntN(len(reduceTypes))]
		axes := drawAxes(rng, 3, []int64{40, 9}[rng.IntN(2)])
		u := axis{0, axes[0].n + axes[1].n, axes[0].width + axes[1].width}
		axes = append(axes, u)
		x, y, out := []int{0, 2}, []int{1, 2}, []int{3, 2}
		switch rng.IntN(3) {
		case 0:
			x, y, out = []int{2, 0}, []int{2, 1}, []int{2, 3}
		case 1:
			x, y, out = []int{0}, []int{1}, []int{3}
		}
		a := newAlong(t, uint64(n), []int{1, 2, 4, 8}[rng.IntN(4)], axes, []data{{elem, x, anything(elem)}, {elem, y, anything(elem)}}, []data{{elem, out, nil}})
		a.spans[3] = a.b.SpanCat(a.spans[0], a.spans[1], "u")
		r := a.b.Cat(a.inputs[0], a.inputs[1], a.spans[0], a.spans[1], a.spans[3])
		a.store(r, out...)
		a.finish(r.Def, func() { a.layout(a.inputs[0], a.inputs[1], r) })
	}
}

func TestPack(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(6, 2))
	for n := range 80 {
		axes := drawAxes(rng, 3, 9)
		width := []int64{1, 2, 3, 4, 5, 8, 16, 32, 64}[rng.IntN(9)]
		axes[1].width, axes[1].n = width, width
		if rng.IntN(2) == 0 {
			axes[1].n = rng.Int64N(width + 1)
		}
		in, out := []int{0, 1, 2}, []int{0, 2}
		if rng.IntN(4) == 0 {
			in, out = []int{1}, nil
		}
		warps := []int{1, 2, 4, 8}[rng.IntN(4)]
		a := newAlong(t, uint64(n), warps, axes, []data{{dtype.Bool, in, anything(dtype.Bool)}}, []data{{dtype.Uint(int(width)), out, nil}})
		r := a.b.Pack(a.inputs[0], a.spans[1])
		a.store(r, out...)
		a.finish(r.Def, func() {
			a.layout(a.inputs[0], r)
			if rng.IntN(2) == 0 {
				part(r, a.inputs[0].Type)
			}
		})
	}
}

func TestUnpack(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(7, 2))
	for n := range 80 {
		axes := drawAxes(rng, 2, 12)
		from := []dtype.Type{dtype.U8, dtype.I8, dtype.U32, dtype.U64, dtype.I64, dtype.U4, dtype.I16}[rng.IntN(7)]
		to := []dtype.Type{dtype.Bool, dtype.U2, dtype.I4, dtype.Bipolar(2), dtype.U8, dtype.F8E4M3, dtype.F16, dtype.I16, dtype.F32, dtype.I32, dtype.F64}[rng.IntN(11)]
		if to.Bits() > from.Bits() {
			continue
		}
		width := int64(from.Bits() / to.Bits())
		width = 1 + rng.Int64N(width)
		axes[1] = axis{0, rng.Int64N(width + 1), width}
		in, out := []int{0}, []int{0, 1}
		if rng.IntN(4) == 0 {
			in, out = nil, []int{1}
		}
		a := newAlong(t, uint64(n), []int{1, 2, 4, 8}[rng.IntN(4)], axes, []data{{from, in, func(rng *rand.Rand) uint64 { return rng.Uint64() }}}, []data{{to, out, nil}})
		r := a.b.Unpack(a.inputs[0], a.spans[1], to)
		a.store(r, out...)
		a.finish(r.Def, func() {
			a.layout(a.inputs[0], r)
			if rng.IntN(2) == 0 {
				part(a.inputs[0], r.Type)
			}
		})
	}
}

func TestScan(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(8, 2))
	for n := range 80 {
		elem := []dtype.Type{dtype.F32, dtype.F16, dtype.F64, dtype.I32, dtype.I8, dtype.U16, dtype.BF16, dtype.I64}[rng.IntN(8)]
		kind := []string{"sum", "prod", "max", "func"}[n%4]
		if kind == "func" {
			elem = dtype.I32
		}
		rank := 1 + rng.IntN(3)
		axes := drawAxes(rng, rank, []int64{300, 40, 10}[rank-1])
		all := []int{0, 1, 2}[:rank]
		axis := rng.IntN(rank)
		ins := []data{{elem, all, exact(elem, kind)}}
		if kind == "func" {
			ins = append(ins, ins[0])
		}
		a := newAlong(t, uint64(n), []int{1, 2, 4, 8}[rng.IntN(4)], axes, ins, ins)
		if kind != "func" && elem.Bits() <= 16 && elem.IsFloat() {
			a.tol = 60 * elem.UnitRoundoff()
		}
		var results []*ir.Value
		if kind == "func" { // functions x -> g·x + h, one behind the other
			results = a.b.ScanFunc(a.inputs, a.spans[axis], func(e, l []*ir.Value) []*ir.Value {
				return []*ir.Value{a.b.Mul(e[0], l[0]), a.b.Add(a.b.Mul(e[1], l[0]), l[1])}
			})
		} else {
			results = []*ir.Value{a.b.Scan(kind, a.inputs[0], a.spans[axis])}
		}
		for _, r := range results {
			a.store(r, all...)
		}
		op := results[0].Def
		a.finish(op, func() {
			a.layout(a.inputs[0])
			in := a.inputs[0].Type
			for _, v := range append(append([]*ir.Value{}, a.inputs...), results...) {
				v.Type = v.Type.In(in.Layout)
			}
			for _, r := range op.Regions {
				for _, v := range r.Args {
					part(v, in)
				}
				for _, q := range r.Ops {
					for _, v := range q.Results {
						part(v, in)
					}
				}
			}
		})
	}
}

func TestRank(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(9, 2))
	for n := range 60 {
		elem := reduceTypes[rng.IntN(len(reduceTypes))]
		rank := 1 + rng.IntN(3)
		axes := append(drawAxes(rng, rank, []int64{500, 30, 9}[rank-1]), drawAxes(rng, 1, 40)...)
		all := rng.Perm(rank)
		axis := rng.IntN(rank)
		var out []int
		for _, k := range all {
			if k != axis {
				out = append(out, k)
			}
		}
		out = append(out, rank)
		a := newAlong(t, uint64(n), []int{1, 2, 4, 8}[rng.IntN(4)], axes, []data{{elem, all, anything(elem)}}, []data{{elem, out, nil}, {dtype.I64, out, nil}})
		f := a.b.Topk
		if n%2 == 1 {
			f = a.b.Sort
		}
		v, i := f(a.inputs[0], a.spans[axis], a.spans[rank])
		a.store(v, out...)
		a.store(i, out...)
		a.finish(v.Def, func() {
			a.layout(a.inputs[0], v, i)
			if rng.IntN(2) == 0 {
				i.Type = i.Type.In(v.Type.Layout)
			}
		})
	}
}

// TestPackPlane packs one bit of each of several numbers, which bit is not known before.
func TestPackPlane(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(10, 2))
	for n := range 40 {
		axes := drawAxes(rng, 2, 20)
		width := []int64{1, 2, 3, 4, 5, 8, 16, 32}[rng.IntN(8)]
		axes[1] = axis{0, width, width}
		elem := dtype.Uint(1 + rng.IntN(8))
		a := newAlong(t, uint64(n), []int{1, 2, 4, 8}[rng.IntN(4)], axes, []data{{elem, []int{0, 1}, anything(elem)},
			{dtype.I64, nil, func(rng *rand.Rand) uint64 { return uint64(rng.Int64N(12)) }}}, []data{{dtype.Uint(int(width)), []int{0}, nil}})
		x := a.inputs[0]
		which := a.b.Bcast(a.inputs[1], x.Type.Axes)
		bits := a.b.Map(ir.BitOf, x, which)
		r := a.b.Pack(bits, a.spans[1])
		a.store(r, 0)
		a.first = []*ir.Op{which.Def, bits.Def}
		a.finish(r.Def, func() {
			a.layout(x, r)
			if n%2 == 0 { // numbers side by side in a thread
				d := layout.Must(layout.Distribute([]int64{256, width}, layout.Digit{Size: width, Unit: layout.Register, Axis: 1, Stride: 1},
					layout.Digit{Size: 32, Unit: layout.Lane, Axis: 0, Stride: 1}, layout.Digit{Size: int64(a.x.e.warps), Unit: layout.Warp, Axis: 0, Stride: 32}))
				x.Type = x.Type.In(&d)
			}
			which.Type, bits.Type = which.Type.In(x.Type.Layout), bits.Type.In(x.Type.Layout)
		})
	}
}

// TestDot multiplies rows by vectors and rows by rows, in words and out of them.
func TestDot(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(11, 2))
	types := []struct{ x, y, r dtype.Type }{{dtype.I8, dtype.I8, dtype.I32}, {dtype.U8, dtype.I8, dtype.I32}, {dtype.F32, dtype.F32, dtype.F32},
		{dtype.BF16, dtype.BF16, dtype.F32}, {dtype.I16, dtype.I8, dtype.I32}, {dtype.F64, dtype.F64, dtype.F64}}
	bytes := 0
	for n := range 60 {
		ts := types[n%len(types)]
		axes := drawAxes(rng, 2, 60)
		if n%4 < 2 {
			axes[0].n = axes[0].width
			axes[1] = axis{0, 64, 64}
		}
		inY := [][]int{{1}, {0, 1}, {1, 0}}[rng.IntN(3)]
		small := func(t dtype.Type) func(rng *rand.Rand) uint64 {
			return func(rng *rand.Rand) uint64 {
				if t.IsFloat() {
					return t.Encode(float64(rng.IntN(9)-4)/4, dtype.NearestEven, dtype.Saturate)
				}
				return rng.Uint64()
			}
		}
		a := newAlong(t, uint64(n), []int{1, 2, 4}[rng.IntN(3)], axes, []data{{ts.x, []int{0, 1}, small(ts.x)}, {ts.y, inY, small(ts.y)}, {ts.r, []int{0}, small(ts.r)}},
			[]data{{ts.r, []int{0}, nil}})
		a.packed = n%3 > 0
		var acc *ir.Value
		if n%2 == 0 {
			acc = a.inputs[2]
		}
		r := a.b.Contract(ts.r, a.inputs[0], a.inputs[1], nil, nil, acc, a.spans[1])
		a.store(r, 0)
		text, _ := a.finish(r.Def, func() {
			a.layout(a.inputs[0], a.inputs[1], a.inputs[2])
			if axes[1].n == 64 { // four in a row, as loads give them
				d := layout.Must(layout.Distribute([]int64{64, 64}, layout.Digit{Size: 4, Unit: layout.Register, Axis: 1, Stride: 1},
					layout.Digit{Size: 4, Unit: layout.Register, Axis: 0, Stride: 16}, layout.Digit{Size: 16, Unit: layout.Lane, Axis: 1, Stride: 4},
					layout.Digit{Size: 2, Unit: layout.Lane, Axis: 0, Stride: 1}, layout.Digit{Size: int64(a.x.e.warps), Unit: layout.Warp, Axis: 0, Stride: 2},
					layout.Digit{Size: 8 / int64(a.x.e.warps), Unit: layout.Register, Axis: 0, Stride: 2 * int64(a.x.e.warps)}))
				a.inputs[0].Type = a.inputs[0].Type.In(&d)
			}
			part(r, a.inputs[0].Type)
			part(a.inputs[2], a.inputs[0].Type)
		})
		bytes += strings.Count(text, "dp4a")
	}
	if bytes == 0 {
		t.Error("no product of bytes, four at once")
	}
}
