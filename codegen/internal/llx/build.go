package llx

import (
	"fmt"
	"strings"

	"github.com/llir/llvm/ir"
	"github.com/llir/llvm/ir/constant"
	"github.com/llir/llvm/ir/metadata"
	"github.com/llir/llvm/ir/types"
	"github.com/llir/llvm/ir/value"
)

// B appends instructions to the current block of a function.
type B struct {
	M     *Module
	Fn    *ir.Func
	Cur   *ir.Block
	entry *ir.Block
	vars  int // allocas at the head of entry
	names int
	// Scope, if set, runs what emits a block that may not run: what it finds out holds in that block only.
	Scope func(emit func())
	place *metadata.Attachment // where what is emitted comes from, nil if that is not asked for
}

// scoped emits a block.
func (b *B) scoped(emit func()) {
	if b.Scope == nil {
		emit()
		return
	}
	b.Scope(emit)
}

// Block makes a block that nothing jumps to yet.
func (b *B) Block(name string) *ir.Block {
	b.names++
	return b.Fn.NewBlock(fmt.Sprintf("%s.%d", name, b.names))
}

// add appends an instruction and gives it back.
func add[I ir.Instruction](b *B, i I) I {
	b.Cur.Insts = append(b.Cur.Insts, i)
	if b.place != nil {
		b.mark(i)
	}
	return i
}

// fold2 does integer arithmetic on two constants of at most 64 bits.
func fold2(x, y Value, f func(x, y int64) int64) (Value, bool) {
	t, ok := x.Type().(*types.IntType)
	if !ok || t.BitSize > 64 || t.BitSize == 1 {
		return nil, false
	}
	a, okA := ConstInt(x)
	c, okC := ConstInt(y)
	if !okA || !okC {
		return nil, false
	}
	k := f(a, c)
	if s := 64 - t.BitSize; s > 0 {
		k = k << s >> s
	}
	return constant.NewInt(t, k), true
}

func isInt(v Value, k int64) bool {
	c, ok := ConstInt(v)
	return ok && c == k
}

// Add, Sub and Mul wrap.
func (b *B) Add(x, y Value) Value {
	if v, ok := fold2(x, y, func(x, y int64) int64 { return x + y }); ok {
		return v
	}
	switch {
	case isInt(x, 0):
		return y
	case isInt(y, 0):
		return x
	}
	return add(b, ir.NewAdd(x, y))
}

func (b *B) Sub(x, y Value) Value {
	if v, ok := fold2(x, y, func(x, y int64) int64 { return x - y }); ok {
		return v
	}
	if isInt(y, 0) {
		return x
	}
	return add(b, ir.NewSub(x, y))
}

func (b *B) Mul(x, y Value) Value {
	if v, ok := fold2(x, y, func(x, y int64) int64 { return x * y }); ok {
		return v
	}
	switch {
	case isInt(x, 1):
		return y
	case isInt(y, 1):
		return x
	case isInt(x, 0):
		return x
	case isInt(y, 0):
		return y
	}
	return add(b, ir.NewMul(x, y))
}

// SDiv, SRem, UDiv and URem round toward zero; of constants by a constant other than 0 they are done here.
func (b *B) SDiv(x, y Value) Value {
	if c, ok := ConstInt(y); ok && c > 0 {
		if v, ok := fold2(x, y, func(x, y int64) int64 { return x / y }); ok {
			return v
		}
		if c == 1 {
			return x
		}
	}
	return add(b, ir.NewSDiv(x, y))
}

func (b *B) SRem(x, y Value) Value {
	if c, ok := ConstInt(y); ok && c > 0 {
		if v, ok := fold2(x, y, func(x, y int64) int64 { return x % y }); ok {
			return v
		}
	}
	return add(b, ir.NewSRem(x, y))
}

func (b *B) UDiv(x, y Value) Value { return add(b, ir.NewUDiv(x, y)) }
func (b *B) URem(x, y Value) Value { return add(b, ir.NewURem(x, y)) }

func (b *B) Shl(x, y Value) Value  { return add(b, ir.NewShl(x, y)) }
func (b *B) LShr(x, y Value) Value { return add(b, ir.NewLShr(x, y)) }
func (b *B) AShr(x, y Value) Value { return add(b, ir.NewAShr(x, y)) }
func (b *B) And(x, y Value) Value  { return add(b, ir.NewAnd(x, y)) }
func (b *B) Or(x, y Value) Value   { return add(b, ir.NewOr(x, y)) }
func (b *B) Xor(x, y Value) Value  { return add(b, ir.NewXor(x, y)) }

func (b *B) FAdd(x, y Value) Value { return add(b, ir.NewFAdd(x, y)) }
func (b *B) FSub(x, y Value) Value { return add(b, ir.NewFSub(x, y)) }
func (b *B) FMul(x, y Value) Value { return add(b, ir.NewFMul(x, y)) }
func (b *B) FDiv(x, y Value) Value { return add(b, ir.NewFDiv(x, y)) }
func (b *B) FRem(x, y Value) Value { return add(b, ir.NewFRem(x, y)) }
func (b *B) FNeg(x Value) Value    { return add(b, ir.NewFNeg(x)) }

// ICmp and FCmp compare; the predicate is LLVM's word: "slt", "oeq", ….
func (b *B) ICmp(pred string, x, y Value) Value {
	return add(b, ir.NewICmp(lookup(ipreds, pred), x, y))
}

func (b *B) FCmp(pred string, x, y Value) Value {
	return add(b, ir.NewFCmp(lookup(fpreds, pred), x, y))
}

// Select takes a scalar condition or one of as many lanes as x and y have.
func (b *B) Select(c, x, y Value) Value { return add(b, ir.NewSelect(c, x, y)) }

// Min and Max of signed integers.
func (b *B) Min(x, y Value) Value {
	if v, ok := fold2(x, y, func(x, y int64) int64 { return min(x, y) }); ok {
		return v
	}
	return b.Select(b.ICmp("slt", x, y), x, y)
}

func (b *B) Max(x, y Value) Value {
	if v, ok := fold2(x, y, func(x, y int64) int64 { return max(x, y) }); ok {
		return v
	}
	return b.Select(b.ICmp("sgt", x, y), x, y)
}

// Conversions; the type is that of the result, a vector type where x is a vector.
func (b *B) Trunc(x Value, t Type) Value {
	if x.Type().Equal(t) {
		return x
	}
	return add(b, ir.NewTrunc(x, t))
}

func (b *B) ZExt(x Value, t Type) Value {
	if x.Type().Equal(t) {
		return x
	}
	return add(b, ir.NewZExt(x, t))
}

func (b *B) SExt(x Value, t Type) Value {
	if x.Type().Equal(t) {
		return x
	}
	if c, ok := ConstInt(x); ok {
		if i, ok := t.(*types.IntType); ok && !x.Type().Equal(I1) {
			return constant.NewInt(i, c)
		}
	}
	return add(b, ir.NewSExt(x, t))
}

func (b *B) FPTrunc(x Value, t Type) Value  { return add(b, ir.NewFPTrunc(x, t)) }
func (b *B) FPExt(x Value, t Type) Value    { return add(b, ir.NewFPExt(x, t)) }
func (b *B) FPToSI(x Value, t Type) Value   { return add(b, ir.NewFPToSI(x, t)) }
func (b *B) FPToUI(x Value, t Type) Value   { return add(b, ir.NewFPToUI(x, t)) }
func (b *B) SIToFP(x Value, t Type) Value   { return add(b, ir.NewSIToFP(x, t)) }
func (b *B) UIToFP(x Value, t Type) Value   { return add(b, ir.NewUIToFP(x, t)) }
func (b *B) PtrToInt(x Value, t Type) Value { return add(b, ir.NewPtrToInt(x, t)) }
func (b *B) IntToPtr(x Value) Value         { return add(b, ir.NewIntToPtr(x, Ptr)) }

// Bitcast reinterprets x as a type of as many bits.
func (b *B) Bitcast(x Value, t Type) Value {
	if x.Type().Equal(t) {
		return x
	}
	return add(b, ir.NewBitCast(x, t))
}

// Freeze makes an undefined value some value.
func (b *B) Freeze(x Value) Value { return add(b, ir.NewInstFreeze(x)) }

// Splat repeats a scalar in all lanes; of one lane it is x.
func (b *B) Splat(x Value, lanes int) Value {
	if lanes == 1 {
		return x
	}
	t := Vec(x.Type(), lanes)
	if c, ok := x.(constant.Constant); ok {
		if isInt(x, 0) {
			return Zero(t)
		}
		if f, ok := x.(*floatText); ok && f.bits == 0 {
			return Zero(t)
		}
		return &splatText{t, c}
	}
	one := add(b, &ir.InstInsertElement{X: Undef(t), Elem: x, Index: C64(0), Typ: vectorType(t)})
	return b.Shuffle(asVector{one, t}, Undef(t), make([]int, lanes))
}

// vectorType is a vector type as llir wants one in its instructions; types known by their text get a stand-in of as many
// lanes, which asVector covers.
func vectorType(t Type) *types.VectorType {
	if v, ok := t.(*types.VectorType); ok {
		return v
	}
	return types.NewVector(uint64(Lanes(t)), I16)
}

// asVector presents a value under a type that llir could not give it.
type asVector struct {
	value.Value
	t Type
}

func (v asVector) Type() types.Type { return v.t }
func (v asVector) String() string   { return v.t.String() + " " + v.Ident() }

// Extract is lane i; Insert is v with lane i replaced.
func (b *B) Extract(v Value, i Value) Value {
	return asVector{add(b, &ir.InstExtractElement{X: v, Index: i, Typ: Elem(v.Type())}), Elem(v.Type())}
}

func (b *B) Insert(v, x Value, i Value) Value {
	return asVector{add(b, &ir.InstInsertElement{X: v, Elem: x, Index: i, Typ: vectorType(v.Type())}), v.Type()}
}

// Shuffle picks lanes of x and y by constant indices; -1 is any.
func (b *B) Shuffle(x, y Value, lanes []int) Value {
	m := &maskText{types.NewVector(uint64(len(lanes)), I32), lanes}
	t := types.Type(types.NewVector(uint64(len(lanes)), Elem(x.Type())))
	if _, ok := Elem(x.Type()).(*textType); ok {
		t = Vec(Elem(x.Type()), len(lanes))
	}
	return asVector{add(b, &ir.InstShuffleVector{X: x, Y: y, Mask: m, Typ: vectorType(t)}), t}
}

// Lane numbers 0, 1, … as a constant vector of t.
func (b *B) Steps(t Type, lanes int) Value {
	list := make([]int64, lanes)
	for i := range list {
		list[i] = int64(i)
	}
	return Ints(t, list...)
}

// Var is memory of a function for one value, which LLVM turns into registers. Count is the number of values.
func (b *B) Alloca(t Type, count int, align int) Value {
	a := ir.NewAlloca(t)
	if count != 1 {
		a.NElems = C64(int64(count))
	}
	a.Align = ir.Align(align)
	a.Typ = types.I8Ptr
	b.entry.Insts = append(b.entry.Insts, nil)
	copy(b.entry.Insts[b.vars+1:], b.entry.Insts[b.vars:])
	b.entry.Insts[b.vars] = a
	b.vars++
	return pointer{a}
}

// Index is p + i·(size of t), Offset p + i bytes.
func (b *B) Index(t Type, p, i Value) Value {
	if isInt(i, 0) {
		return p
	}
	return pointer{add(b, &ir.InstGetElementPtr{ElemType: t, Src: p, Indices: []value.Value{i}, Typ: types.I8Ptr})}
}

func (b *B) Offset(p, i Value) Value { return b.Index(I8, p, i) }

// Load and Store with an alignment in bytes.
func (b *B) Load(t Type, p Value, align int) Value {
	return add(b, &ir.InstLoad{ElemType: t, Src: p, Align: ir.Align(align)})
}

func (b *B) Store(v, p Value, align int) {
	add(b, &ir.InstStore{Src: v, Dst: p, Align: ir.Align(align)})
}

// StoreFirst stores a constant at the start of the function.
func (b *B) StoreFirst(v, p Value, align int) {
	b.entry.Insts = append(b.entry.Insts, nil)
	copy(b.entry.Insts[b.vars+1:], b.entry.Insts[b.vars:])
	b.entry.Insts[b.vars] = &ir.InstStore{Src: v, Dst: p, Align: ir.Align(align)}
}

// StoreNT stores past the caches.
func (b *B) StoreNT(v, p Value, align int) {
	s := add(b, &ir.InstStore{Src: v, Dst: p, Align: ir.Align(align)})
	s.Metadata = append(s.Metadata, nontemporal())
}

// Volatile is a load that always happens.
func (b *B) Volatile(t Type, p Value, align int) Value {
	return add(b, &ir.InstLoad{ElemType: t, Src: p, Align: ir.Align(align), Volatile: true})
}

// Atomic does a read-modify-write, sequentially consistent, and gives the old value. Op is LLVM's word: add, and, or, xor,
// xchg, max, min, umax, umin.
func (b *B) Atomic(op string, p, v Value) Value {
	return asVector{add(b, &ir.InstAtomicRMW{Op: lookup(atomicOps, op), Dst: p, X: v, Ordering: orderMonotonic, Typ: v.Type()}), v.Type()}
}

// CmpXchg compares and swaps; it gives the old value and whether it swapped.
func (b *B) CmpXchg(p, expected, next Value) (old, ok Value) {
	x := add(b, &ir.InstCmpXchg{Ptr: p, Cmp: expected, New: next, SuccessOrdering: orderMonotonic, FailureOrdering: orderMonotonic,
		Typ: types.NewStruct(expected.Type(), I1)})
	return add(b, ir.NewExtractValue(x, 0)), add(b, ir.NewExtractValue(x, 1))
}

// Call calls a function by name, declared on the way: an intrinsic, or one of the module.
func (b *B) Call(name string, ret Type, args ...Value) Value {
	f := b.M.declare(name, ret, args)
	c := &ir.InstCall{Callee: f, Args: args, Typ: ret}
	add(b, c)
	return asVector{c, ret}
}

// Intrinsic calls llvm.name.T, where T is the suffix of the first overloaded type: Intrinsic("fma", t, x, y, z).
func (b *B) Intrinsic(name string, t Type, args ...Value) Value {
	return b.Call("llvm."+name+"."+Suffix(t), t, args...)
}

// Suffix is a type's name in an overloaded intrinsic, such as v16f32.
func Suffix(t Type) string {
	n := Lanes(t)
	e := Elem(t)
	var s string
	switch {
	case e.Equal(Float):
		s = "f32"
	case e.Equal(Double):
		s = "f64"
	case e.Equal(Half):
		s = "f16"
	case e.Equal(BFloat):
		s = "bf16"
	case e.Equal(Ptr):
		s = "p0"
	default:
		s = strings.TrimSpace(e.String())
	}
	if n > 1 {
		return fmt.Sprintf("v%d%s", n, s)
	}
	return s
}

// Asm is inline assembly.
func (b *B) Asm(text, constraints string, sideEffect bool, ret Type, args ...Value) Value {
	params := make([]types.Type, len(args))
	for i, a := range args {
		params[i] = a.Type()
	}
	f := ir.NewInlineAsm(types.NewPointer(types.NewFunc(ret, params...)), text, constraints)
	f.SideEffect = sideEffect
	c := &ir.InstCall{Callee: f, Args: args, Typ: ret}
	add(b, c)
	return asVector{c, ret}
}

// Ret ends the function.
func (b *B) Ret(v Value) {
	b.Cur.Term = ir.NewRet(v)
}

// Jump ends the current block and goes on in to.
func (b *B) Jump(to *ir.Block) {
	if b.Cur.Term == nil {
		b.Cur.Term = ir.NewBr(to)
	}
}

// Branch ends the current block.
func (b *B) Branch(c Value, yes, no *ir.Block) { b.Cur.Term = ir.NewCondBr(c, yes, no) }

// If runs yes where the scalar c holds, else no, which may be nil. A constant condition leaves one of them.
func (b *B) If(c Value, yes, no func()) {
	if k, ok := c.(*constant.Int); ok {
		if k.X.Sign() != 0 {
			b.scoped(yes)
		} else if no != nil {
			b.scoped(no)
		}
		return
	}
	then, end := b.Block("then"), b.Block("end")
	other := end
	if no != nil {
		other = b.Block("else")
	}
	b.Branch(c, then, other)
	b.Cur = then
	b.scoped(yes)
	b.Jump(end)
	if no != nil {
		b.Cur = other
		b.scoped(no)
		b.Jump(end)
	}
	b.Cur = end
}

// For runs body for i = lo, lo+step, … below hi, i64 all. A loop that a constant shows to run once or never is none.
func (b *B) For(lo, hi Value, step int64, body func(i Value)) {
	l, okL := ConstInt(lo)
	h, okH := ConstInt(hi)
	if okL && okH {
		if l >= h {
			return
		}
		if h-l <= step {
			b.scoped(func() { body(lo) })
			return
		}
	}
	// The condition stands at the end of the body, and once before it where the constants do not show that the body runs:
	// passes over loops want it there, and would copy it.
	in, out := b.Block("body"), b.Block("done")
	from := b.Cur
	if okL && okH {
		b.Jump(in)
	} else {
		b.Branch(b.ICmp("slt", lo, hi), in, out)
	}
	b.Cur = in
	i := &ir.InstPhi{Incs: []*ir.Incoming{ir.NewIncoming(lo, from)}, Typ: I64}
	add(b, i)
	b.scoped(func() { body(i) })
	next := add(b, &ir.InstAdd{X: i, Y: C64(step), Typ: I64, OverflowFlags: noWrap})
	i.Incs = append(i.Incs, ir.NewIncoming(next, b.Cur))
	b.Branch(b.ICmp("slt", next, hi), in, out)
	b.Cur = out
}

// Unroll runs body for each i when compiling.
func (b *B) Unroll(n int, body func(i int)) {
	for i := range n {
		body(i)
	}
}

// While runs body as long as cond, emitted before each turn, holds.
func (b *B) While(cond func() Value, body func()) {
	head, in, out := b.Block("while"), b.Block("body"), b.Block("done")
	b.Jump(head)
	b.Cur = head
	b.Branch(cond(), in, out)
	b.Cur = in
	b.scoped(body)
	b.Jump(head)
	b.Cur = out
}
