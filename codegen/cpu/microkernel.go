package cpu

import (
	"fmt"

	"github.com/llir/llvm/ir"
	"github.com/llir/llvm/ir/enum"

	"github.com/tilec/tilec/codegen/internal/llx"
)

// product is how a micro-kernel multiplies: what a step of its panels holds, and the instruction.
type product uint8

const (
	f32Product  product = iota // one f32 by one f32, fused, in f32
	f64Product                 // one f64 by one f64, fused, in f64
	bf16Product                // two bf16 by two bf16, in f32
	i8Product                  // four u8 by four s8 (by four s8 where the matrix unit does it), in i32 that wraps
	i16Product                 // two i16 by two i16, in i32 that wraps
	i32Product                 // one i32 by one i32, wrapping
	i64Product                 // one i64 by one i64, wrapping
)

func (p product) String() string {
	return [...]string{"f32", "f64", "bf16", "i8", "i16", "i32", "i64"}[p]
}

// per is the number of k that one step of a panel holds for one row or column.
func (p product) per() int { return [...]int{1, 1, 2, 4, 2, 1, 1}[p] }

// step is the bytes of a step for one row or column, which are also the bytes of an element of C.
func (p product) step() int64 {
	if p == f64Product || p == i64Product {
		return 8
	}
	return 4
}

// sum is the class in which products are summed.
func (p product) sum() class {
	return [...]class{f32Class, f64Class, f32Class, i32Class, i32Class, i32Class, i64Class}[p]
}

// micro is a micro-kernel: C[rows][columns] = or += Σ A[rows][k]·B[k][columns], where C stays in registers throughout.
//
// A is read an element at a time, a row's step i at a + row·rowA + i·stepA. B is a sliver: for each step the columns'
// elements behind each other, 64-byte aligned. Rows and columns beyond what is live are computed like the rest; they may
// hold anything.
//
// VNNI multiplies bytes without sign by bytes with one. Where both have one, it is B's that are 128 too great: B is
// packed in any case, and A may lie in memory as it is. Then a row's sums start from -128 times the sum of the row.
type micro struct {
	product
	rows, vectors int // the tile: rows of so many vectors
	wide          int // vectors in a step of the sliver, of which the first are computed
	lanes         int // elements of C in a vector
	rowA, stepA   int64
	biased        bool // i8: B is 128 too great
	matrix        bool // by the matrix unit, in tiles of 16 rows of 64 bytes
}

// sliver is the bytes of a step of B.
func (m micro) sliver() int64 { return int64(m.wide*m.lanes) * m.step() }

// alignA is the alignment of A's elements: rows that are read where they lie begin at any element.
func (m micro) alignA() int {
	if m.rowA == 0 {
		return int(m.step()) / m.per()
	}
	return int(m.step())
}

func (m micro) name() string {
	s := fmt.Sprintf("micro.%s.%dx%d.w%d.a%d.%d", m.product, m.rows, m.vectors*m.lanes, m.wide, m.rowA, m.stepA)
	if m.biased {
		s += ".s"
	}
	if m.matrix {
		s += ".m"
	}
	return s
}

// stepsAtOnce is how many steps one turn of the inner loop does, at most.
const stepsAtOnce = 4

// library emits the functions that a module needs once, however often they are called.
type library struct {
	m     *llx.Module
	level *Level
	attrs []ir.FuncAttribute // of every function: the instructions that it may use
	made  map[string]bool
}

// function begins a function of the library, local to the module; how says whether it becomes part of those that call it.
func (l *library) function(how, name string, params ...*ir.Param) *llx.B {
	b := l.m.Func(name, llx.Void, params, append([]ir.FuncAttribute{llx.Word(how)}, l.attrs...)...)
	b.Fn.Linkage = enum.LinkageInternal
	return b
}

// micro emits a micro-kernel, once a module, and gives its name:
//
//	void (ptr a, ptr b, i64 steps, ptr c, i64 add, ptr next, i64 pitch, ptr starts, ptr out, i64 pitchOut, i64 pitchC)
//
// The sums are stored at out, which may be C, and unless add is 0 what C holds is added to them. Starts are what the sums of each row start from, where B is biased. From next on lies what will be wanted soon: memory is asked for a line of
// it in every turn, and it may be anywhere, as that is no access. Pitch is the distance of A's rows where rowA is 0, pitchC that
// of C's.
func (l *library) micro(m micro) string {
	name := m.name()
	if l.made[name] {
		return name
	}
	l.made[name] = true
	if m.matrix {
		l.matrixMicro(m, name)
	} else {
		l.vectorMicro(m, name)
	}
	return name
}

// microParams are the parameters of every micro-kernel.
func microParams() []*ir.Param {
	return []*ir.Param{
		llx.Param("a", llx.Ptr, "noalias", "nocapture", "readonly"), llx.Param("b", llx.Ptr, "noalias", "nocapture", "readonly"),
		llx.Param("steps", llx.I64), llx.Param("c", llx.Ptr, "nocapture"), llx.Param("add", llx.I64),
		llx.Param("next", llx.Ptr, "nocapture"), llx.Param("pitch", llx.I64),
		llx.Param("starts", llx.Ptr, "noalias", "nocapture", "readonly"),
		llx.Param("out", llx.Ptr, "nocapture"), llx.Param("pitchOut", llx.I64), llx.Param("pitchC", llx.I64),
	}
}

func (l *library) vectorMicro(m micro, name string) {
	b := l.function("noinline", name, microParams()...)
	p := b.Fn.Params
	a, sliver, steps, c, add, ahead := llx.Value(p[0]), llx.Value(p[1]), llx.Value(p[2]), llx.Value(p[3]), llx.Value(p[4]), llx.Value(p[5])
	t := m.sum().typ(m.lanes)
	width := int64(m.lanes) * m.step()
	sums := make([][]llx.Value, m.rows)
	for r := range sums {
		sums[r] = make([]llx.Value, m.vectors)
		for v := range sums[r] {
			s := b.Alloca(t, 1, 64)
			if m.biased {
				b.Store(b.Splat(b.Load(llx.I32, b.Offset(p[7], llx.C64(int64(4*r))), 4), m.lanes), s, 64)
			} else {
				b.Store(llx.Zero(t), s, 64)
			}
			sums[r][v] = s
		}
	}
	// Where the sums go is wanted when they are done.
	out := llx.Value(p[8])
	for range m.rows {
		for at := int64(0); at < int64(m.vectors)*width; at += 64 {
			prefetch(b, b.Offset(out, llx.C64(at)), true, 3)
		}
		out = b.Offset(out, p[9])
	}
	// Rows a pitch apart are reached from pointers three rows apart: one row beside each, and one two rows further.
	groups := 1
	pitch := llx.Value(p[6])
	if m.rowA == 0 {
		groups = (m.rows + 2) / 3
	}
	atA := make([]llx.Value, groups)
	for g := range atA {
		atA[g] = b.Alloca(llx.Ptr, 1, 8)
		b.Store(b.Offset(a, b.Mul(llx.C64(int64(3*g)), pitch)), atA[g], 8)
	}
	twice := b.Mul(llx.C64(2), pitch)
	atB := b.Alloca(llx.Ptr, 1, 8)
	atNext := b.Alloca(llx.Ptr, 1, 8)
	b.Store(sliver, atB, 8)
	b.Store(ahead, atNext, 8)
	turns := stepsAtOnce
	if m.sum() != f32Class && m.sum() != f64Class && !(l.level.VNNI && (m.product == i8Product || m.product == i16Product)) {
		// LLVM would reorder the additions of several steps until there are more sums than registers.
		turns = 1
	}
	if m.rowA == 0 {
		// It would also read a row for several steps at once.
		turns = 1
	}
	turn := func(n int) {
		pb := b.Load(llx.Ptr, atB, 8)
		row := func(r int) llx.Value {
			if m.rowA != 0 {
				return b.Offset(b.Load(llx.Ptr, atA[0], 8), llx.C64(int64(r)*m.rowA))
			}
			return b.Offset(b.Load(llx.Ptr, atA[r/3], 8), []llx.Value{llx.C64(0), pitch, twice}[r%3])
		}
		for i := range n {
			columns := make([]llx.Value, m.vectors)
			for v := range columns {
				columns[v] = b.Load(t, b.Offset(pb, llx.C64(int64(i)*m.sliver()+int64(v)*width)), int(width))
			}
			for r := range m.rows {
				x := b.Splat(b.Load(m.sum().scalar(), b.Offset(row(r), llx.C64(int64(i)*m.stepA)), m.alignA()), m.lanes)
				for v, y := range columns {
					b.Store(l.multiplyAdd(b, m, b.Load(t, sums[r][v], 64), x, y), sums[r][v], 64)
				}
			}
		}
		if n == turns {
			next := b.Load(llx.Ptr, atNext, 8)
			prefetch(b, next, false, 2)
			b.Store(b.Offset(next, llx.C64(int64(64*n/stepsAtOnce))), atNext, 8)
		}
		for _, at := range atA {
			b.Store(b.Offset(b.Load(llx.Ptr, at, 8), llx.C64(int64(n)*m.stepA)), at, 8)
		}
		b.Store(b.Offset(pb, llx.C64(int64(n)*m.sliver())), atB, 8)
	}
	whole := b.And(steps, llx.C64(int64(-turns)))
	b.For(llx.C64(0), whole, int64(turns), func(llx.Value) { turn(turns) })
	if turns > 1 {
		b.For(whole, steps, 1, func(llx.Value) { turn(1) })
	}
	b.If(b.ICmp("ne", add, llx.C64(0)), func() {
		for r := range m.rows {
			if r > 0 {
				c = b.Offset(c, p[10])
			}
			for v := range m.vectors {
				old := b.Load(t, b.Offset(c, llx.C64(int64(v)*width)), int(m.step()))
				s := b.Load(t, sums[r][v], 64)
				if m.sum() == f32Class || m.sum() == f64Class {
					s = b.FAdd(old, s)
				} else {
					s = b.Add(old, s)
				}
				b.Store(s, sums[r][v], 64)
			}
		}
	}, nil)
	out = p[8]
	for r := range m.rows {
		for v := range m.vectors {
			b.Store(b.Load(t, sums[r][v], 64), b.Offset(out, llx.C64(int64(v)*width)), int(m.step()))
		}
		out = b.Offset(out, p[9])
	}
	b.Ret(nil)
}

// prefetch asks for the line at p, in all caches but the first 3 - locality of them.
func prefetch(b *llx.B, p llx.Value, write bool, locality int64) {
	rw := int64(0)
	if write {
		rw = 1
	}
	b.Call("llvm.prefetch.p0", llx.Void, p, llx.C32(rw), llx.C32(locality), llx.C32(1))
}

// multiplyAdd is s + x·y for a vector of steps each.
func (l *library) multiplyAdd(b *llx.B, m micro, s, x, y llx.Value) llx.Value {
	lanes := llx.Lanes(s.Type())
	switch m.product {
	case f32Product, f64Product:
		if l.level.FMA {
			return b.Intrinsic("fma", s.Type(), x, y, s)
		}
		// Without fused multiply-add the product is rounded, which the sum's own freedom covers.
		return b.FAdd(s, b.FMul(x, y))
	case bf16Product:
		pairs := llx.Vec(llx.BFloat, 2*lanes)
		return b.Call(fmt.Sprintf("llvm.x86.avx512bf16.dpbf16ps.%d", 32*lanes), s.Type(), s, b.Bitcast(x, pairs), b.Bitcast(y, pairs))
	case i8Product:
		if m.biased {
			x, y = y, x
		}
		return b.Call(fmt.Sprintf("llvm.x86.avx512.vpdpbusd.%d", 32*lanes), s.Type(), s, x, y)
	case i16Product:
		pairs := llx.Vec(llx.I16, 2*lanes)
		var name string
		switch lanes {
		case 4:
			name = "llvm.x86.sse2.pmadd.wd"
		case 8:
			name = "llvm.x86.avx2.pmadd.wd"
		case 16:
			if l.level.VNNI {
				return b.Call("llvm.x86.avx512.vpdpwssd.512", s.Type(), s, x, y)
			}
			name = "llvm.x86.avx512.pmaddw.d.512"
		}
		return b.Add(s, b.Call(name, s.Type(), b.Bitcast(x, pairs), b.Bitcast(y, pairs)))
	}
	return b.Add(s, b.Mul(x, y))
}

// matrixMicro emits the micro-kernel of the matrix unit: its tiles of C stay in registers, two of A and two of B are read
// for each step of a tile, 16 steps of a panel.
func (l *library) matrixMicro(m micro, name string) {
	// The unit is set up once in each function that uses it, which takes as long as a small tile.
	b := l.function("alwaysinline", name, microParams()...)
	p := b.Fn.Params
	a, sliver, steps, c, add, ahead := llx.Value(p[0]), llx.Value(p[1]), llx.Value(p[2]), llx.Value(p[3]), llx.Value(p[4]), llx.Value(p[5])
	op := "llvm.x86.tdpbf16ps.internal"
	if m.product == i8Product {
		op = "llvm.x86.tdpbssd.internal"
	}
	const side, row = 16, 64
	size := []llx.Value{llx.Int(llx.I16, side), llx.Int(llx.I16, row)}
	load := func(p, stride llx.Value) llx.Value {
		return b.Call("llvm.x86.tileloadd64.internal", llx.AMX, size[0], size[1], p, stride)
	}
	tileC := func(r, v int) llx.Value {
		return b.Offset(b.Offset(c, b.Mul(p[10], llx.C64(int64(r*side)))), llx.C64(int64(v)*row))
	}
	high := m.rows / side
	// The sums begin as C or as 0; one loop serves both, as a value of the matrix unit stands in few places.
	first := b.Cur
	begin := func(f func(r, v int) llx.Value) (blk *ir.Block, list []llx.Value) {
		blk = b.Block("begin")
		b.Cur = blk
		for r := range high {
			for v := range m.vectors {
				list = append(list, f(r, v))
			}
		}
		return blk, list
	}
	old, olds := begin(func(r, v int) llx.Value { return load(tileC(r, v), p[10]) })
	zero, zeros := begin(func(r, v int) llx.Value { return b.Call("llvm.x86.tilezero.internal", llx.AMX, size[0], size[1]) })
	b.Cur = first
	b.Branch(b.ICmp("ne", add, llx.C64(0)), old, zero)
	head, in, out := b.Block("steps"), b.Block("step"), b.Block("done")
	for _, blk := range []*ir.Block{old, zero} {
		b.Cur = blk
		b.Jump(head)
	}
	b.Cur = head
	phi := func(t llx.Type, from ...llx.Value) *ir.InstPhi {
		x := &ir.InstPhi{Incs: []*ir.Incoming{ir.NewIncoming(from[0], old), ir.NewIncoming(from[1], zero)}, Typ: t}
		b.Cur.Insts = append(b.Cur.Insts, x)
		return x
	}
	// Pointers go on by themselves, so that each address is one of them and a constant.
	left := phi(llx.I64, steps, steps)
	pa, pb, soon := phi(llx.Ptr, a, a), phi(llx.Ptr, sliver, sliver), phi(llx.Ptr, ahead, ahead)
	var sums []*ir.InstPhi
	for k := range olds {
		sums = append(sums, phi(llx.AMX, olds[k], zeros[k]))
	}
	b.Branch(b.ICmp("sgt", left, llx.C64(0)), in, out)
	b.Cur = in
	for line := range int64(side / stepsAtOnce) {
		prefetch(b, b.Offset(soon, llx.C64(64*line)), false, 2)
	}
	columns := make([]llx.Value, m.vectors)
	next2 := make([]llx.Value, 0, len(sums))
	for r := range high {
		x := load(b.Offset(pa, llx.C64(int64(r)*side*m.rowA)), llx.C64(m.rowA))
		for v := range m.vectors {
			if r == 0 {
				columns[v] = load(b.Offset(pb, llx.C64(int64(v)*row)), llx.C64(m.sliver()))
			}
			next2 = append(next2, b.Call(op, llx.AMX, size[0], size[1], size[1], sums[r*m.vectors+v], x, columns[v]))
		}
	}
	for k, s := range sums {
		s.Incs = append(s.Incs, ir.NewIncoming(next2[k], b.Cur))
	}
	goOn := func(x *ir.InstPhi, bytes int64) {
		x.Incs = append(x.Incs, ir.NewIncoming(b.Offset(x, llx.C64(bytes)), b.Cur))
	}
	left.Incs = append(left.Incs, ir.NewIncoming(b.Sub(left, llx.C64(side)), b.Cur))
	goOn(pa, side*m.stepA)
	goOn(pb, side*m.sliver())
	goOn(soon, 64*side/stepsAtOnce)
	b.Jump(head)
	b.Cur = out
	for r := range high {
		for v := range m.vectors {
			at := b.Offset(p[8], b.Add(b.Mul(p[9], llx.C64(int64(r)*side)), llx.C64(int64(v)*row)))
			b.Call("llvm.x86.tilestored64.internal", llx.Void, size[0], size[1], at, p[9], sums[r*m.vectors+v])
		}
	}
	b.Ret(nil)
}

// starts emits the function that finds what the sums of biased products start from, once a module, and gives its name:
//
//	void (ptr a, i64 rows, i64 pitch, i64 bytes, ptr starts)
//
// Of each row, a pitch apart, so many bytes are summed.
func (l *library) starts() string {
	const name = "starts.i8"
	if l.made[name] {
		return name
	}
	l.made[name] = true
	b := l.function("noinline", name, llx.Param("a", llx.Ptr, "noalias"), llx.Param("rows", llx.I64), llx.Param("pitch", llx.I64),
		llx.Param("bytes", llx.I64), llx.Param("starts", llx.Ptr, "noalias"))
	p := b.Fn.Params
	lanes := l.level.Lanes
	t, line := llx.Vec(llx.I32, lanes), llx.Vec(llx.I8, 4*lanes)
	width := int64(4 * lanes)
	one := micro{product: i8Product}
	ones := b.Splat(llx.C32(0x01010101), lanes)
	whole := b.And(p[3], llx.C64(-width))
	left := b.Sub(p[3], whole)
	mask := b.ICmp("slt", b.Steps(llx.I8, 4*lanes), b.Splat(b.Trunc(left, llx.I8), 4*lanes))
	b.For(llx.C64(0), p[1], 1, func(r llx.Value) {
		row := b.Offset(p[0], b.Mul(r, p[2]))
		sum := b.Alloca(t, 1, 64)
		b.Store(llx.Zero(t), sum, 64)
		add := func(v llx.Value) { b.Store(l.multiplyAdd(b, one, b.Load(t, sum, 64), ones, v), sum, 64) }
		b.For(llx.C64(0), whole, width, func(i llx.Value) { add(b.Load(t, b.Offset(row, i), 1)) })
		b.If(b.ICmp("ne", left, llx.C64(0)), func() {
			v := b.Call("llvm.masked.load."+llx.Suffix(line)+".p0", line, b.Offset(row, whole), llx.C32(1), mask, llx.Zero(line))
			add(b.Bitcast(v, t))
		}, nil)
		total := b.Call("llvm.vector.reduce.add."+llx.Suffix(t), llx.I32, b.Load(t, sum, 64))
		b.Store(b.Mul(total, llx.C32(-128)), b.Offset(p[4], b.Mul(r, llx.C64(4))), 4)
	})
	b.Ret(nil)
	return name
}

// library emits the functions of the module that several kernels share.
func (g *gen) library() *library {
	return &library{m: g.m, level: g.level, attrs: g.attributes(), made: g.made}
}
