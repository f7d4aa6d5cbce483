package emit

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/codegen/ptx/emu"
	"github.com/tilec/tilec/codegen/ptx/syntax"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/interp"
)

// A mapping is an elementwise operation on elements of some types, and how it is written in the IR.
type mapping struct {
	name   string
	types  []dtype.Type
	result dtype.Type
	ir     func(b *ir.Builder, x []*ir.Value) *ir.Value
}

// mapOf is the mapping of an operation.
func mapOf(code ir.Code, result dtype.Type, types ...dtype.Type) mapping {
	return mapping{name: fmt.Sprintf("%s of %v", code, types), types: types, result: result,
		ir: func(b *ir.Builder, x []*ir.Value) *ir.Value { return b.MapTo(result, code, x...) }}
}

// maps runs mappings over lists of codes in one module, which the assembler that $PTXAS names must take too: m[i] on inputs[i], which holds a list for each operand. The results
// are registers, as 64 bits. An operand with one code only is a constant.
func maps(t testing.TB, m []mapping, inputs [][][]uint64) (out [][]uint64, instructions []int) {
	t.Helper()
	return mapsOf(t, false, m, inputs)
}

// fastMaps is maps with the word fast in the schedule.
func fastMaps(t testing.TB, m []mapping, inputs [][][]uint64) (out [][]uint64, instructions []int) {
	t.Helper()
	return mapsOf(t, true, m, inputs)
}

func mapsOf(t testing.TB, fast bool, m []mapping, inputs [][][]uint64) (out [][]uint64, instructions []int) {
	t.Helper()
	const threads = 256
	var kernels []*asm.Kernel
	for i, k := range m {
		e := &emitter{target: Target{SM: ptx.Target{SM: 80}}, fn: &ir.Func{}, m: &codegen.Manifest{}, b: asm.NewBuilder(), values: map[*ir.Value]*value{}, warps: threads / 32, fast: fast}
		b := e.b
		n := 1
		for _, list := range inputs[i] {
			n = max(n, len(list))
		}
		kernel := &asm.Kernel{Name: fmt.Sprintf("k%d", i), Threads: threads, Builder: b}
		e.kernel = kernel
		param := func(bits int) asm.Reg {
			name := paramName(len(kernel.Params))
			kernel.Params = append(kernel.Params, asm.Param{Name: name, Bits: bits})
			return b.Pure(fmt.Sprintf("ld.param.b%d", bits), asm.ClassOf(bits), asm.Sym(name, 0))
		}
		tid := b.Pure("mov.u32", asm.W, asm.Text("%tid.x"))
		block := b.Pure("mov.u32", asm.W, asm.Text("%ctaid.x"))
		index := b.Mad(asm.W, asm.R(block), asm.Int(threads), asm.R(tid))
		in := asm.R(b.Pure("min.s32", asm.W, index, asm.Int(int64(n-1))))
		at := func(index asm.Arg) asm.Arg {
			return asm.At(b.Pure("mad.wide.s32", asm.D, index, asm.Int(8), asm.R(param(64))), 0)
		}
		o := &ir.Op{}
		{
			f := ir.NewFunc("f", nil, nil, ir.Pos{})
			fb := ir.NewBuilder(f)
			var x []*ir.Value
			for _, u := range k.types {
				x = append(x, oneOf(fb, u))
			}
			o = k.ir(fb, x).Def
		}
		var x []asm.Arg
		for j, u := range k.types {
			if len(inputs[i][j]) == 1 {
				x = append(x, e.decode(u, constCode(u, inputs[i][j][0])))
				continue
			}
			c := classOf(u)
			a := at(in)
			if c == asm.P {
				r := b.Do("ld.global.b32", asm.W, a)
				x = append(x, asm.R(b.SetP("ne", "s32", asm.R(r), asm.Int(0))))
				continue
			}
			x = append(x, asm.R(b.Do("ld.global.b"+c.Suffix(), c, a)))
		}
		to := at(index)
		before := len(b.Code())
		y := e.apply(o, x)
		instructions = append(instructions, len(b.Code())-before)
		c := classOf(k.result)
		if c == asm.P {
			if p, ok := y.Reg(); ok {
				y = asm.R(b.Select(asm.W, p, asm.Int(1), asm.Int(0)))
			}
			c = asm.W
		}
		r := b.Move(c, y)
		if c == asm.W {
			r = b.Pure("cvt.u64.u32", asm.D, asm.R(r))
		}
		b.Emit("st.global.b64", to, asm.R(r))
		b.Emit("ret")
		kernels = append(kernels, kernel)
	}
	text, _ := asm.Module(ptx.Target{SM: 80}, 80, kernels)
	mod, err := syntax.Parse(text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if tool := os.Getenv("PTXAS"); tool != "" {
		file := filepath.Join(t.TempDir(), "k.ptx")
		if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(tool, "-arch=sm_80", file, "-o", os.DevNull).CombinedOutput(); err != nil {
			t.Errorf("%s", out)
		}
	}
	machine := emu.New(emu.Options{})
	p, err := machine.Load(mod)
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range m {
		n := 1
		var args []any
		for j, u := range k.types {
			n = max(n, len(inputs[i][j]))
			if len(inputs[i][j]) == 1 {
				continue
			}
			var data []byte
			for _, c := range inputs[i][j] {
				data = binary.LittleEndian.AppendUint64(data, register(u, c))
			}
			buf, err := machine.Upload("x", data)
			if err != nil {
				t.Fatal(err)
			}
			args = append(args, buf)
		}
		buf, err := machine.Alloc("y", 8*threads*((n+threads-1)/threads))
		if err != nil {
			t.Fatal(err)
		}
		rep, err := p.Launch(emu.Launch{Kernel: kernels[i].Name, Grid: [3]int{(n + threads - 1) / threads}, Block: [3]int{threads}, Args: append(args, buf)})
		if err == nil {
			err = rep.Err()
		}
		if err != nil {
			t.Fatalf("%s: %v", k.name, err)
		}
		list := make([]uint64, n)
		for j := range list {
			list[j] = binary.LittleEndian.Uint64(buf.Bytes[8*j:])
		}
		out = append(out, list)
	}
	return out, instructions
}

// oneOf is the constant 1 of a type, for operations of which the type alone counts.
func oneOf(b *ir.Builder, t dtype.Type) *ir.Value {
	switch {
	case t == dtype.Bool:
		return b.ConstBool(true)
	case t.IsFloat():
		return b.ConstFloat(t, 1)
	}
	return b.ConstInt(t, 1)
}

// constCode is a code as a constant.
func constCode(t dtype.Type, code uint64) asm.Arg {
	if t.Bits() == 64 {
		return asm.Int(int64(code))
	}
	return asm.Int(int64(code & (1<<t.Bits() - 1)))
}

// register is what a register has of an element with a code.
func register(t dtype.Type, code uint64) uint64 {
	switch {
	case t == dtype.TF32:
		return code &^ 0x1fff
	case t.IsInt() && t.Bits() <= 32:
		return uint64(uint32(t.DecodeInt(code)))
	}
	return code
}

// meant are the codes that the interpreter gives.
func meant(t testing.TB, m mapping, in [][]uint64) []uint64 {
	t.Helper()
	n := 1
	for _, list := range in {
		n = max(n, len(list))
	}
	size := ir.ConstDim(int64(n))
	var params []*ir.Param
	var args []interp.Arg
	for i, e := range m.types {
		params = append(params, &ir.Param{Name: fmt.Sprintf("x%d", i), Type: ir.TensorType(e, ir.Dense, size)})
		x, err := interp.NewTensor(e, int64(n))
		if err != nil {
			t.Fatal(err)
		}
		for j := range n {
			dtype.WriteCode(x.Data, j*e.Bits(), e.Bits(), in[i][j%len(in[i])])
		}
		args = append(args, interp.Arg{Tensor: x})
	}
	params = append(params, &ir.Param{Name: "y", Role: ir.Out, Type: ir.TensorType(m.result, ir.Dense, size)})
	f := ir.NewFunc("f", nil, params, ir.Pos{})
	b := ir.NewBuilder(f)
	b.Parallel("", []ir.Binding{{Name: "i", Lo: b.Index(0), Hi: b.Index(int64(n)), By: 1024}}, func(a []*ir.Value) {
		var x []*ir.Value
		for i := range m.types {
			x = append(x, b.Load(f.ParamArg(i), a, "in", nil))
		}
		b.Store(f.ParamArg(len(x)), a, m.ir(b, x), "in", nil)
	})
	p, err := interp.Compile(b.Finish())
	if err != nil {
		t.Fatalf("%s: %v", m.name, err)
	}
	y, err := interp.NewTensor(m.result, int64(n))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(append(args, interp.Arg{Tensor: y}), interp.Options{}); err != nil {
		t.Fatalf("%s: %v", m.name, err)
	}
	out := make([]uint64, n)
	for j := range out {
		out[j] = dtype.ReadCode(y.Data, j*m.result.Bits(), m.result.Bits())
	}
	return out
}

// exactly compares mappings with the interpreter bit for bit, but for NaN.
func exactly(t *testing.T, m []mapping, in [][][]uint64) {
	t.Helper()
	out, _ := maps(t, m, in)
	for i, k := range m {
		same(t, k, in[i], out[i])
	}
}

// same compares the results of a mapping, as registers, with the interpreter's bit for bit, but for NaN.
func same(t *testing.T, k mapping, in [][]uint64, out []uint64) {
	t.Helper()
	bad := 0
	for j, want := range meant(t, k, in) {
		got := out[j]
		if k.result == dtype.TF32 {
			got &^= 0x1fff
		}
		if got == register(k.result, want) {
			continue
		}
		if k.result.IsFloat() && got>>k.result.Bits()%(1<<32) == 0 {
			if g, w := k.result.Decode(got), k.result.Decode(want); g != g && w != w {
				continue
			}
		}
		if bad++; bad > 3 {
			break
		}
		var x []string
		for o, u := range k.types {
			c := in[o][j%len(in[o])]
			x = append(x, fmt.Sprintf("%#x (%v)", c, u.Decode(c)))
		}
		t.Errorf("%s: of %v it is %#x, want %#x (%v)", k.name, x, got, register(k.result, want), k.result.Decode(want))
	}
}

// codes are n codes of a type: all of those of up to 16 bits where they fit, else special ones and random ones.
func codes(t dtype.Type, n int, seed uint64) []uint64 {
	r := rand.New(rand.NewPCG(seed, uint64(t.Bits())))
	list := make([]uint64, n)
	if t == dtype.Bool {
		for i := range list {
			list[i] = r.Uint64() & 1
		}
		return list
	}
	if t.Bits() <= 16 && n >= 1<<t.Bits() {
		for i, p := range r.Perm(n) {
			list[i] = uint64(p) & (1<<t.Bits() - 1)
		}
		return list
	}
	for i := range list {
		list[i] = someCode(r, t)
	}
	return list
}

// someCode is a code with something special about it, or any.
func someCode(r *rand.Rand, t dtype.Type) uint64 {
	n := t.Bits()
	mask := ^uint64(0) >> (64 - n)
	if !t.IsFloat() {
		switch r.IntN(4) {
		case 0:
			return r.Uint64() & mask
		case 1: // near 0
			return uint64(int64(r.IntN(40)-20)) & mask
		case 2: // near a power of two, of either sign
			x := int64(1)<<r.IntN(n) + int64(r.IntN(3)) - 1
			if r.IntN(2) == 0 {
				x = -x
			}
			return uint64(x) & mask
		}
		return uint64(int64(r.Uint64())>>r.IntN(64)) & mask
	}
	sign := uint64(r.IntN(2)) << (n - 1)
	switch r.IntN(5) {
	case 0:
		return r.Uint64() & mask
	case 1: // of middle size
		return t.Encode(r.NormFloat64()*math.Exp2(float64(r.IntN(12)-6)), dtype.NearestEven, dtype.ToInf)
	case 2: // whole and half numbers
		return t.Encode(float64(r.IntN(600)-300)/2, dtype.NearestEven, dtype.ToInf)
	case 3: // the ends of binades
		if n >= 32 {
			man := 23
			if n == 64 {
				man = 52
			}
			mantissa := []uint64{0, 1, 2, 3, 1 << (man - 1), 1<<(man-1) + 1, 1<<(man-1) - 1, 1<<man - 1, 1<<man - 2, 0xfff, 0x1000, 0x1001, 0x3000}
			return sign | r.Uint64()&(mask>>1)>>man<<man | mantissa[r.IntN(len(mantissa))]
		}
	}
	special := []float64{0, 1, 2, 0.5, math.Inf(1), math.NaN(), t.Max(), t.MinNormal(), t.SmallestSubnormal(), 65504, 65520, 3e38, 0x1p-126, 448, 57344, 0x1p31, 0x1p32, 0x1p63, 0x1p64}
	x := special[r.IntN(len(special))]
	if r.IntN(2) == 0 {
		x = -x
	}
	return t.Encode(x, dtype.NearestEven, dtype.ToInf)
}
