package emit

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/codegen/ptx/emu"
	"github.com/tilec/tilec/codegen/ptx/syntax"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
)

// A tiling is a mapping of tiles of so many slots, of which some operands are packed.
type tiling struct {
	mapping
	slots  int
	packed []bool
}

// onTiles runs tilings over codes, each a kernel of one warp. It gives the results, by thread and slot, and the
// instructions of each between loads and stores.
func onTiles(t *testing.T, list []tiling, in [][][]uint64) (out [][]uint64, instructions []int) {
	t.Helper()
	var kernels []*asm.Kernel
	for i, k := range list {
		b := asm.NewBuilder()
		d := &layout.Distribution{}
		e := &emitter{target: Target{SM: ptx.Target{SM: 80}}, fn: &ir.Func{}, m: &codegen.Manifest{}, b: b, values: map[*ir.Value]*value{},
			places: map[*layout.Distribution]*place{d: {slots: k.slots}}, warps: 1}
		e.kernel = &asm.Kernel{Name: fmt.Sprintf("k%d", i), Threads: 32, Builder: b}
		tid := b.Pure("mov.u32", asm.W, asm.Text("%tid.x"))
		param := func(bytes int) asm.Reg {
			name := paramName(len(e.kernel.Params))
			e.kernel.Params = append(e.kernel.Params, asm.Param{Name: name, Bits: 64})
			base := b.Pure("ld.param.b64", asm.D, asm.Sym(name, 0))
			return b.Pure("mad.wide.s32", asm.D, asm.R(tid), asm.Int(int64(bytes)), asm.R(base))
		}
		f := ir.NewFunc("f", nil, nil, ir.Pos{})
		fb := ir.NewBuilder(f)
		var x []*ir.Value
		for _, u := range k.types {
			x = append(x, oneOf(fb, u))
		}
		o := k.ir(fb, x).Def
		o.Operands = nil
		for j, u := range k.types {
			v := &ir.Value{Name: "x", Type: ir.Type{Kind: ir.Tile, Elem: u, Layout: d}}
			o.Operands = append(o.Operands, v)
			if k.packed[j] {
				bytes := k.slots * u.Bits() / 8
				at := param(bytes)
				var words []asm.Arg
				for w := range bytes / 4 {
					words = append(words, asm.R(b.Do("ld.global.b32", asm.W, asm.At(at, int64(4*w)))))
				}
				e.set(v, &value{words: words})
				continue
			}
			at := param(8 * k.slots)
			var elems []asm.Arg
			for s := range k.slots {
				elems = append(elems, asm.R(b.Do("ld.global.b"+classOf(u).Suffix(), classOf(u), asm.At(at, int64(8*s)))))
			}
			e.set(v, &value{elems: elems})
		}
		r := o.Results[0]
		r.Type = ir.Type{Kind: ir.Tile, Elem: k.result, Layout: d}
		at := param(8 * k.slots)
		before := len(b.Code())
		e.elementwise(o)
		instructions = append(instructions, len(b.Code())-before)
		for s := range k.slots {
			x := b.Move(classOf(k.result), e.elem(e.value(r), s))
			if classOf(k.result) == asm.W {
				x = b.Pure("cvt.u64.u32", asm.D, asm.R(x))
			}
			b.Emit("st.global.b64", asm.At(at, int64(8*s)), asm.R(x))
		}
		b.Emit("ret")
		kernels = append(kernels, e.kernel)
	}
	text, _ := asm.Module(ptx.Target{SM: 80}, 80, kernels)
	mod, err := syntax.Parse(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	machine := emu.New(emu.Options{})
	p, err := machine.Load(mod)
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range list {
		var args []any
		for j, u := range k.types {
			n := 32 * k.slots
			var data []byte
			if k.packed[j] {
				data = make([]byte, n*u.Bits()/8)
				for s, c := range in[i][j] {
					dtype.WriteCode(data, s*u.Bits(), u.Bits(), c)
				}
			} else {
				for _, c := range in[i][j] {
					data = binary.LittleEndian.AppendUint64(data, register(u, c))
				}
			}
			buf, err := machine.Upload("x", data)
			if err != nil {
				t.Fatal(err)
			}
			args = append(args, buf)
		}
		buf, err := machine.Alloc("y", 8*32*k.slots)
		if err != nil {
			t.Fatal(err)
		}
		rep, err := p.Launch(emu.Launch{Kernel: kernels[i].Name, Block: [3]int{32}, Args: append(args, buf)})
		if err == nil {
			err = rep.Err()
		}
		if err != nil {
			t.Fatalf("%s: %v", k.name, err)
		}
		y := make([]uint64, 32*k.slots)
		for j := range y {
			y[j] = binary.LittleEndian.Uint64(buf.Bytes[8*j:])
		}
		out = append(out, y)
	}
	return out, instructions
}

// TestPackedArithmetic of f16 and bf16, two by two, with operands of both forms.
func TestPackedArithmetic(t *testing.T) {
	t.Parallel()
	var list []tiling
	var in [][][]uint64
	const slots = 16
	for _, u := range []dtype.Type{dtype.F16, dtype.BF16} {
		for _, code := range []ir.Code{ir.Neg, ir.Abs, ir.Relu, ir.Copysign, ir.Min, ir.Max, ir.MinNan, ir.MaxNan, ir.Add, ir.Sub, ir.Mul, ir.Fma} {
			for form := range 3 {
				k := tiling{mapping: mapOf(code, u, []dtype.Type{u, u, u}[:code.Spec().Min]...), slots: slots}
				var lists [][]uint64
				for j := range k.types {
					k.packed = append(k.packed, form != j || len(k.types) == 1)
					lists = append(lists, codes(u, 32*slots, uint64(7*len(list)+j)))
				}
				list, in = append(list, k), append(in, lists)
			}
		}
	}
	out, instructions := onTiles(t, list, in)
	for i, k := range list {
		same(t, k.mapping, in[i], out[i])
		all := true
		for _, p := range k.packed {
			all = all && p
		}
		if all && instructions[i] > slots/2+1 { // and a constant
			t.Errorf("%s: %d instructions for %d elements", k.name, instructions[i], slots)
		}
	}
}

// TestPackedCasts: those of packed codes, and those to f16 and bf16.
func TestPackedCasts(t *testing.T) {
	t.Parallel()
	var list []tiling
	var in [][][]uint64
	add := func(from, to dtype.Type, mode dtype.Mode, slots int, packed bool) {
		if from != to && dtype.CheckMode(from, to, mode) == nil {
			list = append(list, tiling{castOf(from, to, mode), slots, []bool{packed}})
			in = append(in, [][]uint64{codes(from, 32*slots, uint64(len(list)))})
		}
	}
	small := []dtype.Type{dtype.F16, dtype.BF16, dtype.F32, dtype.F8E4M3, dtype.F8E5M2, dtype.I8, dtype.U8}
	for i, from := range dtype.All() {
		switch {
		case from == dtype.Bool:
		case from.Bits() <= 8:
			for j, to := range small {
				if *long || (i+j)%9 == 0 {
					add(from, to, dtype.Default, 32, true)
				}
			}
			if *long || i%5 == 0 {
				add(from, dtype.F16, dtype.RZ, 16*(1+i%2), from.Bits()%2 == 0 || i%2 == 1)
			}
		default:
			add(from, dtype.F16, dtype.Default, 8, false)
			add(from, dtype.BF16, dtype.RZ, 8, false)
			for _, to := range []dtype.Type{dtype.I8, dtype.U8} {
				add(from, to, dtype.Default, 8, false)
				add(from, to, dtype.Wrap, 8, false)
			}
			if from.Bits() == 16 {
				for _, to := range small {
					add(from, to, dtype.Default, 16, true)
				}
			}
		}
	}
	out, instructions := onTiles(t, list, in)
	for i, k := range list {
		same(t, k.mapping, in[i], out[i])
		t.Logf("%s: %.2f instructions for an element", k.name, float64(instructions[i])/float64(k.slots))
	}
}
