package emit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/codegen/ptx/emu"
	"github.com/tilec/tilec/codegen/ptx/syntax"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
	"github.com/tilec/tilec/ir/layout/fragment"
)

// bench is a kernel around single operations: tiles come from memory element by element and go there, whatever their layout.
type bench struct {
	t      *testing.T
	e      *emitter
	params []asm.Param
	args   []any
	m      *emu.Machine
}

func newBench(t *testing.T, warps int, seed uint64) *bench {
	fn := &ir.Func{Name: "k", Binds: []ir.Bind{{Name: "warps", Value: fmt.Sprint(warps)}}, Body: &ir.Region{}}
	x := &bench{t: t, m: emu.New(emu.Options{Seed: seed}), e: newEmitter(Target{SM: ptx.Target{SM: 80}}, fn, nil, &codegen.Manifest{})}
	tid := x.e.b.Pure("mov.u32", asm.W, asm.Text("%tid.x"))
	x.e.lane, x.e.warp = x.e.b.And(asm.W, asm.R(tid), asm.Int(31)), x.e.b.Shr(asm.W, asm.R(tid), 5)
	return x
}

// buffer is a parameter that points to data.
func (x *bench) buffer(name string, data []byte) (*emu.Buffer, asm.Reg) {
	b, err := x.m.Upload(name, data)
	if err != nil {
		x.t.Fatal(err)
	}
	x.args = append(x.args, b)
	x.params = append(x.params, asm.Param{Name: paramName(len(x.params)), Bits: 64})
	return b, x.e.b.Pure("ld.param.b64", asm.D, asm.Sym(x.params[len(x.params)-1].Name, 0))
}

// span is an axis of which n indices live; the emitter may know n or not.
func (x *bench) span(width, n int64, known bool) *ir.Value {
	v := &ir.Value{Name: "s", Type: ir.SpanType(width)}
	live := asm.Int(n)
	if !known {
		live = asm.R(x.e.b.Do("mov.b32", asm.W, live))
	}
	x.e.values[v] = &value{t: v.Type, lo: asm.Int(0), n: live, full: known && n == width}
	return v
}

// bytes of an element in memory: a whole number of them.
func bytesOf(t dtype.Type) int { return max(8, t.Bits()) / 8 }

// each visits the slots of a tile: with the address of the slot's element, and whether it is there.
func (x *bench) each(t ir.Type, base asm.Reg, visit func(slot int, at asm.Arg, p asm.Reg, guarded bool)) {
	b, p := x.e.b, x.e.place(t)
	for slot := range p.slots {
		sum := asm.Int(0)
		for i, a := range t.Axes {
			sum = b.Add(asm.W, b.Mul(asm.W, sum, asm.Int(a.Extent)), x.e.coord(p, slot, i))
		}
		live, ok := x.e.live(t, slot, nil)
		at := b.Add(asm.D, asm.R(base), b.Widen(b.Mul(asm.W, sum, asm.Int(int64(bytesOf(t.Elem))))))
		visit(slot, asm.At(b.Move(asm.D, at), 0), live, ok)
	}
}

// tile reads a tile from memory; what is absent is anything.
func (x *bench) tile(t ir.Type, data []byte) *ir.Value {
	_, base := x.buffer("in", data)
	v := &ir.Value{Name: "x", Type: t}
	list := make([]asm.Arg, x.e.place(t).slots)
	op := "ld.global.b" + fmt.Sprint(8*bytesOf(t.Elem))
	if t.Elem.IsInt() {
		op = map[bool]string{true: "ld.global.s", false: "ld.global.u"}[t.Elem.Signed] + fmt.Sprint(8*bytesOf(t.Elem))
	}
	x.each(t, base, func(slot int, at asm.Arg, p asm.Reg, guarded bool) {
		r := x.e.b.Reg(classOf(t.Elem))
		x.e.move(r, asm.Int([]int64{0x7fffffff, 0x12345678, 0x7e007fff}[slot%3]))
		to := asm.R(r)
		if bytesOf(t.Elem) == 2 && !t.Elem.IsInt() {
			op = "ld.global.u16"
		}
		if guarded {
			x.e.b.EmitIf(asm.R(p), op, to, at)
		} else {
			x.e.b.Emit(op, to, at)
		}
		list[slot] = to
	})
	x.e.set(v, &value{elems: list})
	return v
}

// out writes a tile to memory.
func (x *bench) out(v *ir.Value, size int) *emu.Buffer {
	buf, base := x.buffer("out", make([]byte, size))
	own, some := x.e.owner(x.e.place(v.Type))
	x.each(v.Type, base, func(slot int, at asm.Arg, p asm.Reg, guarded bool) {
		if some && guarded {
			p = x.e.b.AndP(own, p)
		} else if some {
			p, guarded = own, true
		}
		op := "st.global.b" + fmt.Sprint(8*bytesOf(v.Type.Elem))
		if guarded {
			x.e.b.EmitIf(asm.R(p), op, at, x.e.elem(x.e.value(v), slot))
		} else {
			x.e.b.Emit(op, at, x.e.elem(x.e.value(v), slot))
		}
	})
	return buf
}

// run runs the kernel and gives its text and what the emulator counted.
func (x *bench) run() (string, *emu.Report) {
	x.t.Helper()
	x.e.b.Emit("ret")
	k := &asm.Kernel{Name: "k", Params: x.params, Threads: 32 * x.e.warps, Shared: x.e.shared.high > 0, Builder: x.e.b}
	text, _ := asm.Module(x.e.target.SM, 70, []*asm.Kernel{k})
	mod, err := syntax.Parse(text)
	if err != nil {
		x.t.Fatalf("%v\n%s", err, text)
	}
	p, err := x.m.Load(mod)
	if err != nil {
		x.t.Fatal(err)
	}
	rep, err := p.Launch(emu.Launch{Kernel: "k", Block: [3]int{k.Threads}, Shared: int(x.e.shared.high), Args: x.args})
	if err == nil {
		err = rep.Err()
	}
	if err != nil {
		x.t.Fatalf("%v\n%s", err, text)
	}
	return text, rep
}

// spread is a random distribution of a tile of at least these extents over the lanes of so many warps.
func spread(rng *rand.Rand, warps int, extents ...int64) *layout.Distribution {
	type bit struct {
		axis   int
		stride int64
	}
	var bits []bit
	tile := make([]int64, len(extents))
	for i, n := range extents {
		tile[i] = 1
		for tile[i] < n {
			bits = append(bits, bit{i, tile[i]})
			tile[i] *= 2
		}
	}
	rng.Shuffle(len(bits), func(i, j int) { bits[i], bits[j] = bits[j], bits[i] })
	var digits []layout.Digit
	take := func(u layout.Unit, n int) {
		for range n {
			if len(bits) == 0 || rng.IntN(8) == 0 {
				digits = append(digits, layout.Digit{Size: 2, Unit: u, Axis: layout.Replica})
				continue
			}
			digits = append(digits, layout.Digit{Size: 2, Unit: u, Axis: bits[0].axis, Stride: bits[0].stride})
			bits = bits[1:]
		}
	}
	take(layout.Lane, 5)
	take(layout.Warp, log2(int64(warps)))
	for _, b := range bits {
		digits = append(digits, layout.Digit{Size: 2, Unit: layout.Register, Axis: b.axis, Stride: b.stride})
	}
	d, err := layout.Distribute(tile, digits...)
	if err != nil {
		panic(err)
	}
	return &d
}

// TestContract draws the roles of axes, live lengths, types and layouts. The factors are small integers, so that every order of
// summation gives the same.
func TestContract(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(6, 1))
	types := []struct{ a, b, r dtype.Type }{
		{dtype.F32, dtype.F32, dtype.F32}, {dtype.BF16, dtype.BF16, dtype.F32}, {dtype.F64, dtype.F64, dtype.F64},
		{dtype.I32, dtype.I32, dtype.I32}, {dtype.I64, dtype.I64, dtype.I64}, {dtype.I8, dtype.U8, dtype.I32}, {dtype.I16, dtype.I8, dtype.I16},
		{dtype.I32, dtype.I32, dtype.I64},
	}
	for n := range 60 {
		ts := types[n%len(types)]
		warps := 1 << rng.IntN(3)
		x := newBench(t, warps, uint64(n))
		// Roles: 0 of a, 1 of b, 2 of both, 3 summed.
		roles := []int{3}
		for range 1 + rng.IntN(3) {
			roles = append(roles, rng.IntN(4))
		}
		var spans [4][]*ir.Value
		live := map[*ir.Value]int64{}
		for _, r := range roles {
			width := 1 + rng.Int64N([]int64{40, 20, 12, 7}[len(roles)-1]*2)
			k := width
			if rng.IntN(2) == 0 {
				k = rng.Int64N(width + 1)
			}
			s := x.span(width, k, rng.IntN(2) == 0)
			live[s] = k
			spans[r] = append(spans[r], s)
		}
		axes := func(roles ...int) []*ir.Value {
			var list []*ir.Value
			for _, r := range roles {
				list = append(list, spans[r]...)
			}
			rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
			return list
		}
		data := func(v []*ir.Value, elem dtype.Type) (ir.Type, []int64, []byte) {
			ty := ir.TileType(elem, ir.AxesOf(v...)...)
			var extents []int64
			for _, a := range ty.Axes {
				extents = append(extents, a.Extent)
			}
			list := make([]int64, ty.Len())
			raw := make([]byte, len(list)*bytesOf(elem))
			for i := range list {
				list[i] = rng.Int64N(7)
				if elem.Signed {
					list[i] -= 3
				}
				putCode(elem, raw[i*bytesOf(elem):], list[i])
			}
			if len(v) > 0 {
				ty = ty.In(spread(rng, warps, extents...))
			}
			return ty, list, raw
		}
		result := axes(0, 1, 2)
		if len(result) == 0 {
			continue
		}
		ta, a, rawA := data(axes(0, 2, 3), ts.a)
		tb, b, rawB := data(axes(1, 2, 3), ts.b)
		tr, c, rawC := data(result, ts.r)
		va, vb, vc := x.tile(ta, rawA), x.tile(tb, rawB), x.tile(tr, rawC)
		r := &ir.Value{Name: "r", Type: tr}
		x.e.contract(&ir.Op{Code: ir.Contract, Operands: []*ir.Value{va, vb, vc}, Axes: spans[3], Attrs: []ir.Attr{{Key: "acc", Val: true}}, Results: []*ir.Value{r}})
		buf := x.out(r, len(rawC))
		text, _ := x.run()
		// Each product goes to its result.
		at := map[*ir.Value]int64{}
		index := func(ty ir.Type) (i int64) {
			for _, a := range ty.Axes {
				i = i*a.Extent + at[a.Span]
			}
			return i
		}
		all := axes(0, 1, 2, 3)
		var walk func(i int)
		walk = func(i int) {
			if i == len(all) {
				c[index(tr)] += a[index(ta)] * b[index(tb)]
				return
			}
			for k := range live[all[i]] {
				at[all[i]] = k
				walk(i + 1)
			}
		}
		walk(0)
		var check func(i int)
		check = func(i int) {
			if i == len(result) {
				k := index(tr)
				got := getCode(ts.r, buf.Bytes[int(k)*bytesOf(ts.r):])
				if want := float64(c[k]); got != want {
					t.Fatalf("case %d, %v, roles %v: %v instead of %v at %d\n%s", n, ts, roles, got, want, k, text)
				}
				return
			}
			for k := range live[result[i]] {
				at[result[i]] = k
				check(i + 1)
			}
		}
		check(0)
	}
}

// fragmentOf is the distribution of a tile of so many elements by an operand of an instruction, of which the first axis
// repeats first; warps lie along one axis, and the other warps hold the same.
func fragmentOf(t *testing.T, name string, extents [2]int64, warps, axis int, swap bool) *layout.Distribution {
	f, err := fragment.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	digits, _ := f.Distribution.Digits()
	size := f.Distribution.Tile()
	var list, last []layout.Digit
	count := int64(1)
	for i := range 2 {
		n := extents[i] / size[i]
		if axis == i {
			n /= int64(warps)
			last = append(last, layout.Digit{Size: int64(warps), Unit: layout.Warp, Axis: i, Stride: size[i] * n})
		}
		list = append(list, layout.Digit{Size: n, Unit: layout.Register, Axis: i, Stride: size[i]})
		count *= n
	}
	if axis < 0 {
		last = append(last, layout.Digit{Size: int64(warps), Unit: layout.Warp, Axis: layout.Replica})
	}
	at := 0
	for at < len(digits) && digits[at].Unit == layout.Register {
		at++
	}
	all := slices.Concat(digits[:at], list, digits[at:], last)
	tile := extents
	if swap {
		tile[0], tile[1] = tile[1], tile[0]
		for i := range all {
			if all[i].Axis != layout.Replica {
				all[i].Axis = 1 - all[i].Axis
			}
		}
	}
	d, err := layout.Distribute(tile[:], all...)
	if err != nil {
		t.Fatal(err)
	}
	return &d
}

// TestMatrixInstructions multiplies small integers by every instruction, of ragged extents, and with axes in both orders.
func TestMatrixInstructions(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(6, 2))
	atoms := []struct {
		name string
		a, b dtype.Type
		c    dtype.Type
	}{
		{"mma_m16n8k16_bf16", dtype.BF16, dtype.BF16, dtype.F32}, {"mma_m16n8k16_f16", dtype.F16, dtype.F16, dtype.F32},
		{"mma_m16n8k16_f16_f16", dtype.F16, dtype.F16, dtype.F16}, {"mma_m16n8k32_s8", dtype.I8, dtype.I8, dtype.I32},
		{"mma_m16n8k32_u8xs8", dtype.U8, dtype.I8, dtype.I32}, {"mma_m8n8k4_f64", dtype.F64, dtype.F64, dtype.F64},
	}
	for n := range 24 {
		c := atoms[n%len(atoms)]
		atom, err := fragment.Find(c.name)
		if err != nil {
			t.Fatal(err)
		}
		const warps = 2
		x := newBench(t, warps, uint64(n))
		M, N, K := atom.M*warps*2, atom.N*3, atom.K*2
		lm, ln, lk := M-rng.Int64N(9), N-rng.Int64N(9), K
		if n%2 == 0 {
			lk = 1 + rng.Int64N(K)
		}
		m, nn, k := x.span(M, lm, true), x.span(N, ln, false), x.span(K, lk, n%4 == 0)
		swapA, swapB, swapC := rng.IntN(2) == 0, rng.IntN(2) == 0, rng.IntN(2) == 0
		make2 := func(elem dtype.Type, d *layout.Distribution, swap bool, s ...*ir.Value) (ir.Type, []byte, func(i, j int64) int64) {
			if swap {
				s[0], s[1] = s[1], s[0]
			}
			ty := ir.TileType(elem, ir.AxesOf(s...)...).In(d)
			list := make([]int64, ty.Len())
			raw := make([]byte, len(list)*bytesOf(elem))
			for i := range list {
				list[i] = rng.Int64N(7)
				if elem.Signed {
					list[i] -= 3
				}
				putCode(elem, raw[i*bytesOf(elem):], list[i])
			}
			return ty, raw, func(i, j int64) int64 {
				if swap {
					i, j = j, i
				}
				return list[i*ty.Axes[1].Extent+j]
			}
		}
		ta, rawA, a := make2(c.a, fragmentOf(t, c.name+".a", [2]int64{M, K}, warps, 0, swapA), swapA, m, k)
		tb, rawB, b := make2(c.b, fragmentOf(t, c.name+".b", [2]int64{K, N}, warps, -1, swapB), swapB, k, nn)
		tc, rawC, acc := make2(c.c, fragmentOf(t, c.name+".c", [2]int64{M, N}, warps, 0, swapC), swapC, m, nn)
		va, vb, vc := x.tile(ta, rawA), x.tile(tb, rawB), x.tile(tc, rawC)
		r := &ir.Value{Name: "r", Type: tc}
		o := &ir.Op{Code: ir.Contract, Operands: []*ir.Value{va, vb, vc}, Axes: []*ir.Value{k}, Results: []*ir.Value{r},
			Attrs: []ir.Attr{{Key: "acc", Val: true}, {Key: "atom", Val: c.name}}}
		x.e.contract(o)
		buf := x.out(r, len(rawC))
		text, _ := x.run()
		for i := range lm {
			for j := range ln {
				want := acc(i, j)
				for s := range lk {
					want += a(i, s) * b(s, j)
				}
				at := i*N + j
				if swapC {
					at = j*M + i
				}
				if got := getCode(c.c, buf.Bytes[int(at)*bytesOf(c.c):]); got != float64(want) {
					t.Fatalf("%s, case %d: %v instead of %v at %d, %d\n%s", c.name, n, got, want, i, j, text)
				}
			}
		}
	}
}

// putCode and getCode write and read an element in memory.
func putCode(t dtype.Type, to []byte, v int64) {
	code := uint64(v)
	if t.IsFloat() {
		code = t.Encode(float64(v), 0, 0)
	}
	for j := range bytesOf(t) {
		to[j] = byte(code >> (8 * j))
	}
}

func getCode(t dtype.Type, from []byte) float64 {
	code := uint64(0)
	for j := range bytesOf(t) {
		code |= uint64(from[j]) << (8 * j)
	}
	if t.IsFloat() {
		return t.Decode(code)
	}
	return float64(t.DecodeInt(code))
}
