package cpu

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unsafe"

	lir "github.com/llir/llvm/ir"

	"github.com/tilec/tilec/codegen/internal/llvm"
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
	runtime "github.com/tilec/tilec/runtime/cpu"
)

// blockCase is a product of panels that are packed from matrices of the class's elements.
type blockCase struct {
	product
	rows, cols, k  int
	deep           int64 // k that a panel has room for
	alongA, alongB bool  // the matrix is contiguous along k
	tight          bool  // C has room for no more rows than there are
	unsigned       bool  // i8: A is of u8
}

func (c blockCase) name() string {
	return fmt.Sprintf("%v.%dx%dx%d.%v.%v.%v.%v", c.product, c.rows, c.cols, c.k, c.alongA, c.alongB, c.tight, c.unsigned)
}

// plan is the block's shape at a level.
func (c blockCase) plan(l *Level) block {
	k := block{micro: micro{product: c.product}}
	k.micro.rows, k.wide, k.lanes = shapeOf(l, c.product, int64(c.rows), int64(c.cols))
	k.micro.vectors = k.wide
	k.depth = ((c.deep+int64(c.per())-1)/int64(c.per()) + 15) / 16 * 16
	k.extent = int64(c.rows+3) / 4 * 4
	if c.tight {
		k.extent = int64(c.rows)
	}
	k.vectors = int64(c.cols+k.lanes-1) / int64(k.lanes)
	k.biased = c.product == i8Product && !c.unsigned
	k.rowA, k.stepA, k.rowC = k.depth*k.step()+64, k.step(), k.vectors*int64(k.lanes)*k.step()
	return k
}

// blockFunc adds a function name(a, b, panel of a, slivers, c) that packs and multiplies.
func blockFunc(m *llx.Module, lib *library, l *Level, c blockCase) block {
	k := c.plan(l)
	product := lib.block(k)
	params := []*lir.Param{llx.Param("a", llx.Ptr), llx.Param("b", llx.Ptr), llx.Param("pa", llx.Ptr), llx.Param("pb", llx.Ptr), llx.Param("c", llx.Ptr)}
	// Lengths are unknown to the code, as they are where tiles are ragged.
	params = append(params, llx.Param("rows", llx.I64), llx.Param("cols", llx.I64), llx.Param("k", llx.I64), llx.Param("starts", llx.Ptr))
	f := m.Func(c.name(), llx.I64, params, lib.attrs...)
	e := &emitter{unit: unit{f, l}, spans: map[*ir.Value]*span{}}
	arg := func(i int) llx.Value { return f.Fn.Params[i] }
	elem := c.factorClass()
	source := func(base llx.Value, other int64, along bool) *packer {
		p := &packer{unit: &e.unit, product: c.product, lanes: k.lanes, alongK: along}
		p.at = func(o, at, live llx.Value) llx.Value {
			i := e.Add(e.Mul(o, llx.C64(int64(c.k))), at)
			if !along {
				i = e.Add(e.Mul(at, llx.C64(other)), o)
			}
			return e.Load(elem.typ(k.lanes), e.Index(elem.scalar(), base, i), 4)
		}
		return p
	}
	rows, cols, depth := arg(5), arg(6), arg(7)
	a := &rowPanel{packer: source(arg(0), int64(c.rows), c.alongA), block: k, base: arg(2), first: llx.C64(0), from: llx.C64(0)}
	a.fill(e, rows, depth)
	b := &columnPanel{packer: source(arg(1), int64(c.cols), c.alongB), block: k, base: arg(3), first: llx.C64(0)}
	b.bias = k.biased
	b.fill(e, cols, depth)
	if k.biased {
		e.Call(lib.starts(), llx.Void, arg(2), rows, llx.C64(k.rowA), depth, arg(8))
	}
	steps := e.divUp(depth, int64(c.per()))
	for add := range int64(2) {
		e.Call(product, llx.Void, arg(2), arg(3), arg(4), rows, e.divUp(cols, int64(k.lanes)), steps, llx.C64(add), arg(0), llx.C64(64), llx.C64(256), arg(8), arg(4), llx.C64(k.rowC), llx.C64(k.rowC))
	}
	e.Ret(llx.C64(0))
	return k
}

// factorClass is the class of the values that are packed.
func (p product) factorClass() class {
	switch p {
	case f32Product, bf16Product:
		return f32Class
	}
	return p.sum()
}

// put and get access an element of a class as a float64, which holds all values of these tests.
func (c class) put(mem []byte, i int, v float64) {
	at := unsafe.Pointer(&mem[0])
	switch c {
	case f32Class:
		*(*float32)(unsafe.Add(at, 4*i)) = float32(v)
	case f64Class:
		*(*float64)(unsafe.Add(at, 8*i)) = v
	case i64Class:
		*(*int64)(unsafe.Add(at, 8*i)) = int64(v)
	default:
		*(*int32)(unsafe.Add(at, 4*i)) = int32(v)
	}
}

func (c class) get(mem []byte, i int) float64 {
	at := unsafe.Pointer(&mem[0])
	switch c {
	case f32Class:
		return float64(*(*float32)(unsafe.Add(at, 4*i)))
	case f64Class:
		return *(*float64)(unsafe.Add(at, 8*i))
	case i64Class:
		return float64(*(*int64)(unsafe.Add(at, 8*i)))
	}
	return float64(*(*int32)(unsafe.Add(at, 4*i)))
}

// products are those of a level without its matrix unit.
func productsOf(l *Level) []product {
	list := []product{f32Product, f64Product, i32Product, i64Product}
	if l.BF16 {
		list = append(list, bf16Product)
	}
	if l.VNNI {
		list = append(list, i8Product)
	}
	if l.Arch == "amd64" {
		list = append(list, i16Product)
	}
	return list
}

// Packed products of every kind on every level of this machine, against Go, on integers, whose sums are exact in any order:
// ragged rows and columns, all remainders of k, both orders of memory.
func TestBlock(t *testing.T) {
	tools := lowbitTools(t)
	for _, l := range Levels() {
		if _, ok := runtime.Supports(l.Name); !ok || l.AMX {
			continue
		}
		t.Run(l.Name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(1, 2))
			m := llx.NewModule(l.Triple())
			lib := &library{m: m, level: l, attrs: lowbitAttributes(l), made: map[string]bool{}}
			var list []blockCase
			var plans []block
			for _, p := range productsOf(l) {
				shapes := [][3]int{{1, 40, 5}, {29, 33, 64}, {12, 16, 17}, {7, 70, 130}, {24, 9, 31}, {13, 64, 6}, {8, 31, 3}, {5, 48, 96}}
				for i, s := range shapes {
					c := blockCase{product: p, rows: s[0], cols: s[1], k: s[2], deep: int64(s[2] + i%3*20), alongA: i%2 == 0, alongB: i/2%2 == 0, tight: i%3 == 1, unsigned: i%4 == 3}
					list = append(list, c)
					plans = append(plans, blockFunc(m, lib, l, c))
				}
			}
			mod, err := runtime.Load(lowbitObject(t, tools, m, l))
			if err != nil {
				t.Fatal(err)
			}
			defer mod.Close()
			pool := &runtime.Pool{}
			for i, c := range list {
				fn, ok := mod.Symbol(c.name())
				if !ok {
					t.Fatalf("no function %s", c.name())
				}
				c.check(t, fn, plans[i], pool, rnd)
			}
		})
	}
}

func (c blockCase) check(t *testing.T, fn uintptr, k block, pool *runtime.Pool, rnd *rand.Rand) {
	t.Helper()
	in := c.factorClass()
	size := int(c.step())
	limit := 40
	fill := func(n int, lo, hi int) (*runtime.Memory, []float64) {
		mem := lowbitMemory(t, pool, make([]byte, (n+64)*8))
		values := make([]float64, n)
		for i := range n + 64 {
			// What is read past the end must not count.
			v := 1e30
			if in != f32Class && in != f64Class {
				v = 77
			} else if i%2 == 0 {
				v = math.NaN()
			}
			if i < n {
				v = float64(lo + rnd.IntN(hi-lo))
				values[i] = v
			}
			in.put(mem.Bytes(), i, v)
		}
		return mem, values
	}
	lo, hi := -limit, limit
	if c.product == i8Product {
		lo, hi = -128, 128
	}
	loA, hiA := lo, hi
	if c.unsigned {
		loA, hiA = 0, 128
		if c.product == i8Product {
			hiA = 256
		}
	}
	ma, a := fill(c.rows*c.k, loA, hiA)
	mb, b := fill(c.cols*c.k, lo, hi)
	pa := lowbitMemory(t, pool, make([]byte, int64(c.rows+32)*k.rowA))
	slivers := (k.vectors + int64(k.wide) - 1) / int64(k.wide)
	pb := lowbitMemory(t, pool, make([]byte, slivers*k.sliverBytes()+64))
	ms := lowbitMemory(t, pool, make([]byte, (c.rows+16)*4))
	// Past C stands something that must stay.
	rowBytes := int(k.rowC)
	mc := lowbitMemory(t, pool, make([]byte, int(k.extent)*rowBytes+64))
	const mark = 0x5a
	tail := mc.Bytes()[int(k.extent)*rowBytes:]
	for i := range tail {
		tail[i] = mark
	}
	at := func(m *runtime.Memory) uintptr { return uintptr(unsafe.Pointer(&m.Bytes()[0])) }
	runtime.Call(fn, at(ma), at(mb), at(pa), at(pb), at(mc), uintptr(c.rows), uintptr(c.cols), uintptr(c.k), at(ms))
	index := func(i, k, n int, along bool) int {
		if along {
			return i*c.k + k
		}
		return k*n + i
	}
	bad := 0
	for i := range c.rows {
		for j := range c.cols {
			want := 0.0
			for q := range c.k {
				want += a[index(i, q, c.rows, c.alongA)] * b[index(j, q, c.cols, c.alongB)]
			}
			want *= 2
			if got := c.sum().get(mc.Bytes(), i*rowBytes/size+j); got != want && bad < 3 {
				t.Errorf("%s [%d, %d] is %v instead of %v", c.name(), i, j, got, want)
				bad++
			}
		}
	}
	for i, x := range tail {
		if x != mark {
			t.Fatalf("%s writes %d bytes past its result", c.name(), i)
		}
	}
	for _, m := range []*runtime.Memory{ma, mb, pa, pb, ms, mc} {
		m.Free()
	}
}

// No micro-kernel keeps a sum in memory, on any level, and none has an instruction above its level: LLVM would fail.
func TestMicroSpills(t *testing.T) {
	tools := lowbitTools(t)
	for _, l := range Levels() {
		t.Run(l.Name, func(t *testing.T) {
			m := llx.NewModule(l.Triple())
			lib := &library{m: m, level: l, attrs: lowbitAttributes(l), made: map[string]bool{}}
			for _, p := range productsOf(l) {
				c := blockCase{product: p, rows: 96, cols: 384, k: 512, deep: 512}
				k := c.plan(l)
				if l.AMX && (p == bf16Product || p == i8Product) {
					k.matrix, k.biased, k.micro.rows = true, false, 32
				}
				lib.block(k)
				f := m.Func("use."+k.name(), llx.Void, []*lir.Param{llx.Param("p", llx.Ptr)}, lib.attrs...)
				q := llx.Value(f.Fn.Params[0])
				f.Call(k.name(), llx.Void, q, q, q, llx.C64(1), llx.C64(1), llx.C64(1), llx.C64(1), q, llx.C64(1), llx.C64(1), q, q, llx.C64(1), llx.C64(1))
				f.Ret(nil)
			}
			text, err := tools.Assembly(t.Context(), []byte(m.String()), optionsOf(l))
			if err != nil {
				t.Fatal(err)
			}
			name, kernels := "", 0
			for line := range strings.Lines(string(text)) {
				first, _, _ := strings.Cut(line, " ")
				if head, ok := strings.CutSuffix(strings.TrimSpace(first), ":"); ok && strings.Contains(head, "micro.") && !strings.HasPrefix(head, ".") {
					name = head
					kernels++
				}
				if !strings.Contains(name, "micro.") {
					continue
				}
				if stack := strings.Contains(line, "Spill") || strings.Contains(line, "Reload"); stack && vectorRegister(line) {
					t.Errorf("%s spills: %s", name, strings.TrimSpace(line))
				}
			}
			if kernels < 4 {
				t.Errorf("only %d micro-kernels in the assembly", kernels)
			}
		})
	}
}

// vectorRegister reports whether a line of assembly names a vector or matrix register.
func vectorRegister(line string) bool {
	for _, s := range []string{"%xmm", "%ymm", "%zmm", "%tmm", " q", " d", " v"} {
		if strings.Contains(line, s) {
			return true
		}
	}
	return false
}

func optionsOf(l *Level) llvm.Options {
	return llvm.Options{Triple: l.Triple(), CPU: l.CPU(), Tune: l.Tune(), Features: l.Features}
}
