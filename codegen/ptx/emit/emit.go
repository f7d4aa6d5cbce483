package emit

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
	"github.com/tilec/tilec/ir/layout/convert"
	"github.com/tilec/tilec/passes"
)

// emitter emits one phase.
type emitter struct {
	notes  []string // what is not proven of the phase
	target Target
	fn     *ir.Func
	op     *ir.Op // the phase
	m      *codegen.Manifest
	b      *asm.Builder
	kernel *asm.Kernel
	warps  int
	// fast says that the hardware's approximations may be used.
	fast bool
	// lane and warp are the numbers of the thread in its warp and of its warp in the block, words.
	lane, warp asm.Arg
	// crew is the group of a role that is being emitted, nil outside of roles; barriers counts the named barriers of the block.
	crew     *group
	barriers int
	slots    map[*ir.Value]*slots
	values   map[*ir.Value]*value
	places   map[*layout.Distribution]*place
	params   []codegen.Slot
	// written are the tensors that the phase writes.
	written map[*ir.Value]bool
	shared  arena
	// assumes says that sizes and the like may be assumed to be multiples of powers of two, where that makes accesses wider:
	// assumed are these assumptions, for which the kernel looks first.
	assumes bool
	assumed []even
	// supposed are predicates that it looks for too.
	supposed []asm.Reg
	maps     map[mapKey][]int
	plans    map[planKey]*convert.Plan
	order    order
	// tables are the tiles that lookups find in shared memory.
	tables map[*ir.Value]*array
	rings  map[*ir.Value]*ring
	// opens and closes are the rings that get their memory before an operation, and give it back behind one.
	opens, closes map[*ir.Op][]*ring
	// copied are the operations on channels that were emitted with an earlier one.
	copied map[*ir.Op]bool
	ahead  ahead
	// partial are the reductions whose parts stay in their threads.
	partial map[*ir.Op]bool
	// uses are the operations of the phase by operand, once they have been looked for.
	uses map[*ir.Value][]*ir.Op
	// facts are those of the function.
	facts *passes.Facts
}

func newEmitter(t Target, fn *ir.Func, op *ir.Op, m *codegen.Manifest) *emitter {
	return &emitter{target: t, fn: fn, op: op, m: m, b: asm.NewBuilder(), warps: passes.PhaseWarps(fn, op), fast: isFast(fn),
		values: map[*ir.Value]*value{}, places: map[*layout.Distribution]*place{}, written: map[*ir.Value]bool{},
		maps: map[mapKey][]int{}, tables: map[*ir.Value]*array{}, plans: map[planKey]*convert.Plan{}, rings: map[*ir.Value]*ring{}, opens: map[*ir.Op][]*ring{}, closes: map[*ir.Op][]*ring{}, copied: map[*ir.Op]bool{}, partial: map[*ir.Op]bool{}, facts: passes.FactsOf(fn)}
}

// phase emits the kernel of the phase.
func (e *emitter) phase(number int) {
	name := e.fn.Name
	if number > 0 || e.op.Str("name") != "" {
		name = fmt.Sprintf("%s_%d", name, number)
		if s := e.op.Str("name"); s != "" {
			name = e.fn.Name + "_" + s
		}
	}
	e.kernel = &asm.Kernel{Name: name, Threads: 32 * e.warps, Builder: e.b}
	b := e.b
	b.Pos = e.op.Pos
	e.op.Regions[0].Walk(func(o *ir.Op) {
		if o.Code == ir.Store || o.Code == ir.Atomic {
			e.written[o.Operands[0]] = true
		}
	})
	e.assumes = !explicit(e.op)
	e.block()
	if len(e.assumed)+len(e.supposed) > 0 {
		e.otherwise()
	}
	d, open := b.Disorder()
	if d != nil {
		panic(d)
	}
	if open != "" {
		e.notes = append(e.notes, e.op.Pos.String()+": that shared memory is written and read in order is not proven: "+open)
	}
	e.kernel.Shared = e.shared.high > 0
	for _, s := range e.params {
		e.kernel.Params = append(e.kernel.Params, asm.Param{Name: paramName(len(e.kernel.Params)), Bits: e.paramBits(s)})
	}
	e.m.Phases = append(e.m.Phases, codegen.Phase{Name: e.op.Str("name"), Entry: name, Threads: e.kernel.Threads,
		Shared: e.shared.high, Params: e.params, Ordered: prints(e.op)})
}

// block emits what a block of the phase does.
func (e *emitter) block() {
	b := e.b
	tid := e.thread()
	e.lane = b.And(asm.W, tid, asm.Int(31))
	e.warp = asm.Int(0)
	if e.warps > 1 {
		e.warp = b.Shr(asm.W, tid, 5)
	}
	e.barriers, e.slots = 1, map[*ir.Value]*slots{}
	e.bindings()
	e.region(e.op.Regions[0])
	b.Emit("ret")
}

// thread is the number of the thread in the block, or in the group of its role, a word.
func (e *emitter) thread() asm.Arg {
	if e.crew != nil {
		return e.crew.thread
	}
	return asm.R(e.b.Pure("mov.u32", asm.W, asm.Text("%tid.x")))
}

// prints reports whether a phase prints.
func prints(phase *ir.Op) bool { return phase.AllEffects()&ir.IO != 0 }

func paramName(i int) string { return fmt.Sprintf("p%d", i) }

func (e *emitter) paramBits(s codegen.Slot) int {
	switch s.Kind {
	case codegen.ScalarSlot:
		return max(32, asm.ClassOf(e.fn.Params[s.Index].Type.Elem.Bits()).Bits())
	case codegen.HostSlot:
		return max(32, asm.ClassOf(e.fn.Body.Ops[s.Index].Results[s.Dim].Type.Elem.Bits()).Bits())
	case codegen.CountSlot:
		return 32
	}
	return 64
}

// param is a parameter of the kernel, in a register.
func (e *emitter) param(s codegen.Slot) asm.Reg {
	i := slices.IndexFunc(e.params, func(p codegen.Slot) bool {
		return p.Kind == s.Kind && p.Index == s.Index && p.Dim == s.Dim
	})
	if i < 0 {
		i = len(e.params)
		e.params = append(e.params, s)
	}
	c, bits := asm.D, "64"
	if e.paramBits(s) == 32 {
		c, bits = asm.W, "32"
	}
	return e.b.Pure("ld.param.b"+bits, c, asm.Sym(paramName(i), 0))
}

// paramElem is a scalar parameter as an element of its type.
func (e *emitter) paramElem(s codegen.Slot, t dtype.Type) asm.Arg {
	r := e.param(s)
	if t == dtype.Bool {
		return asm.R(e.b.SetP("ne", "s32", asm.R(r), asm.Int(0)))
	}
	if t.Kind == dtype.BipolarKind { // launchers give the value, elements are codes
		return e.b.Shr(asm.W, e.b.Add(asm.W, asm.R(r), asm.Int(t.MaxInt())), 1)
	}
	return asm.R(r)
}

// bindings gives the region's arguments their values, of which each block has its own.
func (e *emitter) bindings() {
	b, args := e.b, e.op.Regions[0].Args
	left := asm.R(b.Pure("mov.u32", asm.W, asm.Text("%ctaid.x")))
	for i := len(args) - 1; i >= 0; i-- {
		index := left
		if i > 0 {
			count := asm.R(e.param(codegen.Slot{Kind: codegen.CountSlot, Index: i}))
			index = asm.R(b.Pure("rem.u32", asm.W, left, count))
			left = asm.R(b.Pure("div.u32", asm.W, left, count))
		}
		by := e.op.Ints("by")[i]
		lo := e.scalar(e.op.Operands[2*i])
		wide := asm.R(b.Pure("cvt.u64.u32", asm.D, index))
		at := b.Add(asm.D, b.Mul(asm.D, wide, asm.Int(max(by, 1))), lo)
		if by == 0 {
			e.values[args[i]] = &value{t: args[i].Type, scalar: at}
			continue
		}
		hi := e.scalar(e.op.Operands[2*i+1])
		v := e.span(args[i].Type, at, hi)
		if first, ok := lo.IntValue(); ok {
			if last, ok := hi.IntValue(); ok && (last-first)%by == 0 {
				v.n, v.full = asm.Int(by), true
			}
		}
		e.values[args[i]] = v
	}
}

// span is a value of the indices from lo on, at most to hi, both doubles.
func (e *emitter) span(t ir.Type, lo, hi asm.Arg) *value {
	b := e.b
	v := &value{t: t, lo: lo, hi: hi, ends: true}
	left := b.Sub(asm.D, hi, lo)
	if k, ok := left.IntValue(); ok {
		v.n = asm.Int(max(0, min(k, t.Width)))
		v.full = k >= t.Width
		return v
	}
	// Clamped to 0 … width.
	n := b.Pure("min.s64", asm.D, left, asm.Int(t.Width))
	n = b.Pure("max.s64", asm.D, asm.R(n), asm.Int(0))
	v.n = b.Narrow(asm.R(n))
	return v
}

// value is the value of v in the kernel. What stands outside of the phase is a parameter, or computed again.
func (e *emitter) value(v *ir.Value) *value {
	if x, ok := e.values[v]; ok {
		return x
	}
	var x *value
	e.b.Outermost(func() { x = e.outer(v) })
	e.values[v] = x
	return x
}

// outer makes a value of the function's body.
func (e *emitter) outer(v *ir.Value) *value {
	if i := slices.Index(e.fn.Body.Args, v); i >= 0 {
		if i < len(e.fn.Sizes) {
			r := e.param(codegen.Slot{Kind: codegen.SizeSlot, Index: i, Name: e.fn.Sizes[i].Name})
			e.b.SetZeros(r, bits.TrailingZeros64(uint64(e.facts.Divisor(v))))
			return &value{t: v.Type, scalar: asm.R(r)}
		}
		i -= len(e.fn.Sizes)
		p := e.fn.Params[i]
		if p.Type.Kind == ir.Scalar {
			return &value{t: v.Type, scalar: e.paramElem(codegen.Slot{Kind: codegen.ScalarSlot, Index: i, Name: p.Name}, p.Type.Elem)}
		}
		return &value{t: v.Type, tensor: e.tensorOf(v.Type, asm.R(e.param(codegen.Slot{Kind: codegen.TensorSlot, Index: i, Name: p.Name})), i)}
	}
	o := v.Def
	if o == nil || o.Parent != e.fn.Body {
		panic(fmt.Sprintf("emit: %s is used where it is not known", v.Name))
	}
	switch {
	case o.Code == ir.Const:
		e.operation(o)
		return e.values[v]
	case o.Code == ir.Temp:
		return &value{t: v.Type, tensor: e.tensorOf(v.Type, asm.R(e.param(codegen.Slot{Kind: codegen.TempSlot, Index: slices.Index(e.fn.Body.Ops, o),
			Name: v.Name, Dims: v.Type.Dims, Bits: v.Type.Elem.Bits()})), -1)}
	case v.Type.Kind == ir.Scalar:
		at := slices.Index(e.fn.Body.Ops, o)
		return &value{t: v.Type, scalar: e.paramElem(codegen.Slot{Kind: codegen.HostSlot, Index: at, Dim: v.Index}, v.Type.Elem)}
	}
	if o.Effects()&^(ir.Identity|ir.Checks|ir.Reads) != 0 || len(o.Regions) > 0 && o.Code != ir.Scan {
		e.fail("%s gives a value to a phase that stands behind it", o.Code)
	}
	e.operation(o)
	return e.values[v]
}

// scalar is a scalar's element.
func (e *emitter) scalar(v *ir.Value) asm.Arg { return e.value(v).scalar }

// tensorAlign is the number of bytes of which the addresses of dense tensors and temps are multiples: a launcher sees to it.
const tensorAlign = 16

// tensorOf is a tensor at an address; param is its number, or -1.
func (e *emitter) tensorOf(t ir.Type, base asm.Arg, param int) *tensor {
	x := &tensor{base: base}
	if r, ok := base.Reg(); ok && t.Mem == ir.Dense {
		e.b.SetZeros(r, log2(tensorAlign))
	}
	for _, d := range t.Dims {
		x.dims = append(x.dims, e.dim(d))
	}
	x.strides = make([]asm.Arg, len(t.Dims))
	stride := asm.Int(1)
	for i := len(t.Dims) - 1; i >= 0; i-- {
		x.strides[i] = stride
		if t.Mem == ir.Strided && param >= 0 && i < len(t.Dims)-1 {
			x.strides[i] = asm.R(e.param(codegen.Slot{Kind: codegen.StrideSlot, Index: param, Dim: i}))
		}
		if i > 0 {
			stride = e.b.Mul(asm.D, stride, x.dims[i])
		}
	}
	return x
}

// dim is an extent, a double.
func (e *emitter) dim(d *ir.Dim) asm.Arg {
	b := e.b
	switch d.Op {
	case ir.DimConst:
		return asm.Int(d.K)
	case ir.DimSize:
		return e.scalar(e.fn.SizeArg(d.Size))
	}
	x, y := e.dim(d.X), e.dim(d.Y)
	switch d.Op {
	case ir.DimAdd:
		return b.Add(asm.D, x, y)
	case ir.DimSub:
		return b.Sub(asm.D, x, y)
	case ir.DimMul:
		return b.Mul(asm.D, x, y)
	case ir.DimMin:
		return asm.R(b.Pure("min.s64", asm.D, x, y))
	case ir.DimMax:
		return asm.R(b.Pure("max.s64", asm.D, x, y))
	case ir.DimDiv: // of extents, which are not negative
		return asm.R(b.Pure("div.s64", asm.D, x, y))
	case ir.DimMod:
		return asm.R(b.Pure("rem.s64", asm.D, x, y))
	}
	// Rounded up.
	return asm.R(b.Pure("div.s64", asm.D, b.Sub(asm.D, b.Add(asm.D, x, y), asm.Int(1)), y))
}

// fault ends the block with a fault where p holds.
func (e *emitter) fault(p asm.Reg, f codegen.Fault) {
	e.m.Faults = append(e.m.Faults, f)
	at := e.param(codegen.Slot{Kind: codegen.FaultSlot})
	old := e.b.Reg(asm.W)
	e.b.EmitIf(asm.R(p), "atom.global.cas.b32", asm.R(old), asm.At(at, 0), asm.Int(0), asm.Int(int64(len(e.m.Faults))))
}

// set gives a value.
func (e *emitter) set(v *ir.Value, x *value) {
	x.t = v.Type
	e.values[v] = x
}
