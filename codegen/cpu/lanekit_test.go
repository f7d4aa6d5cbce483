package cpu

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	lir "github.com/llir/llvm/ir"

	"github.com/tilec/tilec/codegen/internal/llvm"
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/interp"
	"github.com/tilec/tilec/runtime/cpu"
)

// lab compiles small functions for one level and runs them.
type lab struct {
	t     testing.TB
	tools llvm.Toolchain
	level *Level
	m     *llx.Module
	code  *cpu.Module
}

// labs gives a lab for each level that the machine runs.
func labs(t *testing.T, f func(t *testing.T, l *lab)) {
	tools, err := llvm.Find()
	if err != nil {
		t.Skip("there is no LLVM: ", err)
	}
	for _, level := range levels {
		if level.Arch != runtime.GOARCH || level.AMX { // amx has the vectors of avx512
			continue
		}
		t.Run(level.Name, func(t *testing.T) {
			t.Parallel()
			if missing, ok := level.Runs(); !ok {
				t.Skipf("the machine lacks %s", missing)
			}
			f(t, &lab{t: t, tools: tools, level: level, m: llx.NewModule(level.Triple())})
		})
	}
}

// again is an empty lab for the same level.
func (l *lab) again() *lab {
	return &lab{t: l.t, tools: l.tools, level: l.level, m: llx.NewModule(l.level.Triple())}
}

// function adds a function: body is run with i = 0, step, … below n, and the addresses that call is given.
func (l *lab) function(name string, step, pointers int, body func(u *unit, p []llx.Value, i llx.Value)) {
	b := l.m.Func(name, llx.Void, []*lir.Param{llx.Param("args", llx.Ptr), llx.Param("n", llx.I64)}, llx.Word("nounwind"))
	u := &unit{B: b, level: l.level}
	var p []llx.Value
	for k := range pointers {
		p = append(p, u.IntToPtr(u.Load(llx.I64, u.Offset(b.Fn.Params[0], llx.C64(int64(8*k))), 8)))
	}
	u.For(llx.C64(0), b.Fn.Params[1], int64(step), func(i llx.Value) { body(u, p, i) })
	b.Cur.Term = lir.NewRet(nil)
}

// build compiles what was added.
func (l *lab) build() {
	l.t.Helper()
	obj, err := l.tools.Compile(context.Background(), []byte(l.m.String()), llvm.Options{Triple: l.level.Triple(), CPU: l.level.CPU(), Tune: l.level.Tune(), Features: l.level.Features})
	if err != nil {
		l.t.Fatal(err)
	}
	l.within(obj)
	m, err := cpu.Load(obj)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { m.Close() })
	l.code = m
}

// above are instructions, or registers, that a level must not have.
var above = map[string]*regexp.Regexp{
	"sse2": regexp.MustCompile(`\s(v[a-z]\w+|popcnt\w*|lzcnt\w*|[a-z]*(pshufb|pmulld|pm(in|ax)(sb|uw|[su]d)|round[ps][sd]|blend\w+|ptest|pextr[bdq]|pinsr[bdq]|pmov[sz]x\w+|packusdw|pcmp(eq|gt)q|insertps|extractps|palignr|pabs[bwd]|ph(add|sub)\w+|h(add|sub)p[sd]|mov[a-z]*dup))\s|%[yz]mm`),
	"avx2": regexp.MustCompile(`%zmm|%k[0-7]|%[xy]mm(1[6-9]|2[0-9]|3[01])|\{1to`),
}

// within holds that no instruction of an object is above the level, where there is a tool to tell.
func (l *lab) within(obj []byte) {
	l.t.Helper()
	words := above[l.level.Name]
	tool, err := exec.LookPath("llvm-objdump-19")
	if words == nil || err != nil {
		return
	}
	file := filepath.Join(l.t.TempDir(), "m.o")
	if err := os.WriteFile(file, obj, 0o644); err != nil {
		l.t.Fatal(err)
	}
	text, err := exec.Command(tool, "-d", "--no-show-raw-insn", file).Output()
	if err != nil {
		l.t.Fatal(err)
	}
	if i := words.FindIndex(text); i != nil {
		line := text[bytes.LastIndexByte(text[:i[0]+1], '\n')+1:]
		l.t.Errorf("above %s: %s", l.level.Name, line[:bytes.IndexByte(line, '\n')])
	}
}

// call runs a function over n elements.
func (l *lab) call(name string, n int, args ...[]byte) {
	l.t.Helper()
	f, ok := l.code.Symbol(name)
	if !ok {
		l.t.Fatalf("there is no function %s", name)
	}
	p := make([]uintptr, len(args)+1)
	var pin runtime.Pinner
	defer pin.Unpin()
	for i, a := range args {
		if len(a) > 0 {
			pin.Pin(&a[0])
		}
		p[i] = uintptr(unsafe.Pointer(unsafe.SliceData(a)))
	}
	pin.Pin(&p[0])
	cpu.Call(f, uintptr(unsafe.Pointer(&p[0])), uintptr(n))
}

// widest is the type that shows lanes of t's class as they are.
func widest(t dtype.Type) dtype.Type {
	return [...]dtype.Type{f32Class: dtype.F32, f64Class: dtype.F64, i32Class: dtype.I32, i64Class: dtype.I64, boolClass: dtype.Bool}[classOf(t)]
}

// values makes n codes of t: special values and random ones.
func values(r *rand.Rand, t dtype.Type, n int) []uint64 {
	mask := ^uint64(0) >> (64 - t.Bits())
	special := specials(t)
	codes := make([]uint64, n)
	for i := range codes {
		switch {
		case t == dtype.Bool:
			codes[i] = uint64(r.IntN(2))
		case i < len(special):
			codes[i] = special[i]
		case i%4 == 0:
			codes[i] = special[r.IntN(len(special))]
		case i%4 == 1 && t.IsFloat():
			codes[i] = t.Encode(r.NormFloat64()*math.Exp2(float64(r.IntN(12)-6)), dtype.NearestEven, t.Overflow())
		case i%4 == 2 && !t.IsFloat():
			codes[i] = uint64(int64(r.Uint64())>>r.IntN(64)) & mask
		default:
			codes[i] = r.Uint64() & mask
		}
		if t == dtype.TF32 {
			codes[i] &^= 0x1fff
		}
	}
	return codes
}

// specials are codes that every operation meets.
func specials(t dtype.Type) []uint64 {
	mask := ^uint64(0) >> (64 - t.Bits())
	var codes []uint64
	if t.IsFloat() {
		for _, x := range []float64{0, 1, 2, 0.5, 3, 2.5, 1.5, 10, 100, 0.1, math.Inf(1), math.NaN(), 65504, 65519, 65520, 6e-8, 3e-8, 6.1e-5, 3e38, 3.4e38, 1e-38,
			1.2e-38, 1e-45, 1e-44, 1e-40, 0x1p-126, 0x1p-127, 0x1p-133, 0x1p-134, 1e300, 1e-300, 7, 0.25, 1e-20, 1e20, 0x1p31, 0x1p32, 0x1p63, 0x1p64, 0x1p-1022, 5e-324,
			0x1p53 + 1, 0x1.fffffep30, 0x1.fffffffffffffp62, 0x1.fffffffffffffp63, 127, 128, 255, 255.5, 256, 32767.5, 32768, 65535, 8388607.5, 4503599627370495.5, 1.7e308} {
			c := t.Encode(x, dtype.NearestEven, t.Overflow())
			codes = append(codes, c, t.Encode(-x, dtype.NearestEven, t.Overflow()))
		}
		return codes
	}
	for _, v := range []int64{0, 1, 2, 3, 7, 8, 15, 16, 31, 32, 63, 64, 65, 127, 128, 255, 256, 1<<15 - 1, 1 << 15, 1<<16 - 1, 1 << 16, 1<<24 + 1, 1<<31 - 1, 1 << 31, 1<<32 - 1,
		1 << 32, 1<<53 + 1, 1<<54 + 3, 1<<62 + 1, 1<<63 - 1, 1 << 62, math.MinInt64, math.MinInt64 + 1} {
		codes = append(codes, uint64(v)&mask, uint64(-v)&mask)
	}
	return codes
}

// containers packs codes as temporaries of the compiler hold them.
func containers(t dtype.Type, codes []uint64) []byte {
	size := container(t)
	b := make([]byte, size*len(codes))
	for i, c := range codes {
		dtype.WriteCode(b, 8*size*i, 8*size, c)
	}
	return b
}

// stream packs codes as tensors hold them.
func stream(t dtype.Type, codes []uint64) []byte {
	b := make([]byte, dtype.StreamBytes(t.Bits(), len(codes)))
	for i, c := range codes {
		dtype.WriteCode(b, t.Bits()*i, t.Bits(), c)
	}
	return b
}

// same reports whether lanes of t's class hold the value of a code of t: the lane as a code of widest(t).
func same(t dtype.Type, lane, code uint64) bool {
	switch classOf(t) {
	case f32Class, f64Class:
		x, y := widest(t).Decode(lane), t.Decode(code)
		return math.Float64bits(x) == math.Float64bits(y) || x != x && y != y
	case i32Class:
		return uint32(lane) == uint32(t.DecodeInt(code))
	case boolClass:
		return lane == code
	}
	return lane == code
}

// show is a code for people.
func show(t dtype.Type, code uint64) string {
	if t.IsFloat() {
		return fmt.Sprintf("%v (%#x)", t.Decode(code), code)
	}
	return fmt.Sprint(t.DecodeInt(code))
}

// mapping is an elementwise operation under test.
type mapping struct {
	name     string
	operands []dtype.Type
	result   dtype.Type
	build    func(b *ir.Builder, x []*ir.Value) *ir.Value
	// ulps is how many units in the last place of the result the interpreter may be missed by.
	ulps float64
}

// holds reports whether a lane, as a code of widest, is what the interpreter's code of the result says.
func (m *mapping) holds(lane, code uint64) bool {
	if same(m.result, lane, code) {
		return true
	}
	if m.ulps == 0 || !m.result.IsFloat() {
		return false
	}
	x, y := widest(m.result).Decode(lane), m.result.Decode(code)
	unit := math.Ldexp(1, max(math.Ilogb(y), math.Ilogb(m.result.MinNormal()))-int(m.result.Man))
	return math.Abs(x-y) <= m.ulps*unit
}

// function makes the operation over one-dimensional tensors.
func (m *mapping) fn() *ir.Func {
	var params []*ir.Param
	n := ir.SizeDim(0)
	for i, t := range m.operands {
		params = append(params, &ir.Param{Name: fmt.Sprintf("x%d", i), Type: ir.TensorType(t, ir.Dense, n)})
	}
	params = append(params, &ir.Param{Name: "y", Role: ir.Out, Type: ir.TensorType(m.result, ir.Dense, n)})
	f := ir.NewFunc("f", []*ir.Size{{Name: "N"}}, params, ir.Pos{})
	b := ir.NewBuilder(f)
	b.Parallel("", []ir.Binding{{Name: "n", Lo: b.Index(0), Hi: f.SizeArg(0), By: 64}}, func(a []*ir.Value) {
		var x []*ir.Value
		for i := range m.operands {
			x = append(x, b.Load(f.ParamArg(i), a, "in", nil))
		}
		b.Store(f.ParamArg(len(m.operands)), a, m.build(b, x), "in", nil)
	})
	return b.Finish()
}

// op is the operation in the function.
func (m *mapping) op(f *ir.Func) *ir.Op {
	for _, p := range f.Body.Ops {
		if p.Code != ir.Parallel {
			continue
		}
		for _, o := range p.Regions[0].Ops {
			if o.Code.Spec().Elementwise() {
				return o
			}
		}
	}
	return nil
}

// reference runs the operation in the interpreter.
func (m *mapping) reference(t testing.TB, codes [][]uint64) []uint64 {
	t.Helper()
	p, err := interp.Compile(m.fn())
	if err != nil {
		t.Fatalf("%s: %v", m.name, err)
	}
	n := len(codes[0])
	var args []interp.Arg
	for i, e := range m.operands {
		args = append(args, interp.Arg{Tensor: &interp.Tensor{Elem: e, Shape: []int64{int64(n)}, Data: stream(e, codes[i])}})
	}
	out, err := interp.NewTensor(m.result, int64(n))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Run(append(args, interp.Arg{Tensor: out}), interp.Options{Workers: 1}); err != nil {
		t.Fatalf("%s: %v", m.name, err)
	}
	y := make([]uint64, n)
	for i := range y {
		y[i] = dtype.ReadCode(out.Data, i*m.result.Bits(), m.result.Bits())
	}
	return y
}

// compare runs mappings at lanes, over n elements of operands that args gives, and holds them against the interpreter.
func (l *lab) compare(maps []*mapping, lanes []int, n int, args func(m *mapping) [][]uint64) {
	l.t.Helper()
	for k, m := range maps {
		f := m.fn()
		for _, w := range lanes {
			l.function(fmt.Sprintf("f%d.%d", k, w), w, len(m.operands)+1, func(u *unit, p []llx.Value, i llx.Value) {
				var x []llx.Value
				for j, t := range m.operands {
					x = append(x, u.loadTile(t, u.Index(codeType(t), p[j], i), w))
				}
				y, err := u.elementwise(m.op(f), x, w)
				if err != nil {
					l.t.Fatal(err)
				}
				wide := widest(m.result)
				u.storeTile(wide, u.Index(codeType(wide), p[len(p)-1], i), y, w)
			})
		}
	}
	l.build()
	for k, m := range maps {
		codes := args(m)
		want := m.reference(l.t, codes)
		wide := widest(m.result)
		var in [][]byte
		for i, t := range m.operands {
			in = append(in, containers(t, codes[i]))
		}
		for _, w := range lanes {
			out := make([]byte, n*container(wide))
			l.call(fmt.Sprintf("f%d.%d", k, w), n, append(in, out)...)
			bad := 0
			for i := range want {
				got := dtype.ReadCode(out, i*8*container(wide), 8*container(wide))
				if m.holds(got, want[i]) {
					continue
				}
				if bad++; bad > 3 {
					break
				}
				var ops []string
				for j, t := range m.operands {
					ops = append(ops, show(t, codes[j][i]))
				}
				l.t.Errorf("%s at %d lanes of %s: %s, want %s", m.name, w, strings.Join(ops, ", "), show(wide, got), show(m.result, want[i]))
			}
		}
	}
}
