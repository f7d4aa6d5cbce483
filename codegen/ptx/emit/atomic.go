package emit

import (
	"fmt"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
)

// atomic emits an atomic operation: each element of the tile once, by one of the threads that hold it.
func (e *emitter) atomic(o *ir.Op) {
	e.meets(o)
	stored := o.Stored()
	t := stored[0].Type
	if t.Elem.Bits() < 8 {
		e.fail("an atomic operation on elements of type %s, which share bytes", t.Elem)
	}
	a := e.newAccess(o, t)
	if a.x.shared {
		e.fail("an atomic operation on a shared tile")
	}
	x := e.value(stored[0])
	// The second value of cas may have its axes in another order.
	var y *value
	var ySlots []int
	if len(stored) > 1 {
		y = e.value(stored[1])
		if t.Kind == ir.Tile {
			ySlots = e.slotsOf(stored[1].Type, t)
		}
	}
	masked := e.masks(o, t)
	n := 1
	if a.p != nil {
		n = a.p.slots
	}
	olds := make([]asm.Arg, n)
	u := update{kind: o.Str("kind"), t: t.Elem, result: len(o.Results) > 0}
	e.each(a, func(slot int, own guard) {
		old := asm.Int(0)
		olds[slot] = old
		g, some := masked(e.guard(a, slot), slot)
		if own.ok {
			g = e.and(g, own.p)
		}
		if !some {
			return
		}
		args := []asm.Arg{e.elem(x, slot)}
		if y != nil && ySlots == nil {
			args = append(args, y.scalar)
		} else if y != nil {
			args = append(args, e.elem(y, ySlots[slot]))
		}
		olds[slot] = e.update(&u, g, a, slot, args)
	})
	if !u.result {
		return
	}
	if a.p == nil {
		e.set(o.Result(), &value{scalar: e.fromOwner(t.Elem, nil, olds)[0]})
		return
	}
	if a.p.replicated {
		var list []asm.Arg
		for slot, x := range olds {
			if a.p.twin[slot] == slot {
				list = append(list, x)
			}
		}
		list = e.fromOwner(t.Elem, a.p, list)
		for slot := range olds {
			if a.p.twin[slot] == slot {
				olds[slot], list = list[0], list[1:]
			}
		}
	}
	for slot := range olds {
		olds[slot] = olds[a.p.twin[slot]]
	}
	v := &value{t: t, elems: olds}
	if r := o.Result().Type; r.Layout != t.Layout || !sameAxes(r, t) {
		// The result has its axes in the order of the subscripts.
		v = e.rename(v, r, e.slotsOf(t, r))
	}
	e.set(o.Result(), v)
}

func sameAxes(x, y ir.Type) bool {
	for i, a := range x.Axes {
		if y.Axes[i].Span != a.Span {
			return false
		}
	}
	return true
}

// update is one kind of atomic operation.
type update struct {
	kind   string
	t      dtype.Type
	result bool // the old value is asked for
}

// native is the instruction that does it, without atom and space; empty where there is none.
func (u *update) native() string {
	t := u.t
	bits := t.Bits()
	switch u.kind {
	case "add":
		switch {
		case t == dtype.F32 || t == dtype.F64:
			return "add." + t.String()
		case t == dtype.F16:
			return "add.noftz.f16"
		case t == dtype.I32 || t == dtype.U32:
			return "add.u32"
		case t == dtype.I64 || t == dtype.U64:
			return "add.u64"
		}
	case "max", "min":
		if t.IsInt() && bits >= 32 {
			return fmt.Sprintf("%s.%s%d", u.kind, map[bool]string{true: "s", false: "u"}[t.Signed], bits)
		}
	case "and", "or", "xor":
		if bits >= 32 {
			return fmt.Sprintf("%s.b%d", u.kind, bits)
		}
	case "xchg":
		if bits >= 32 {
			return fmt.Sprintf("exch.b%d", bits)
		}
	case "cas":
		if bits >= 16 {
			return fmt.Sprintf("cas.b%d", bits)
		}
	}
	return ""
}

// update does an atomic operation where g holds, and gives the old value, 0 elsewhere.
func (e *emitter) update(u *update, g guard, a *access, slot int, args []asm.Arg) asm.Arg {
	b, t := e.b, u.t
	op := u.native()
	if op == "" {
		return e.updateLoop(u, g, a, slot, args)
	}
	at := e.address(a, slot)
	class := asm.ClassOf(t.Bits())
	data := make([]asm.Arg, len(args))
	for i, x := range args {
		data[i] = e.sized(class, x)
	}
	if !u.result && u.kind != "xchg" && u.kind != "cas" {
		g.emit(b, "red.global."+op, append([]asm.Arg{at}, data...)...)
		return asm.Int(0)
	}
	if !u.result {
		g.emit(b, "atom.global."+op, append([]asm.Arg{asm.Text("_"), at}, data...)...)
		return asm.Int(0)
	}
	old := b.Reg(class)
	e.move(old, asm.Int(0))
	g.emit(b, "atom.global."+op, append([]asm.Arg{asm.R(old), at}, data...)...)
	return e.widened(t, asm.R(old))
}

// sized is an element in a register of its width, where that is 16 bits.
func (e *emitter) sized(c asm.Class, x asm.Arg) asm.Arg {
	b := e.b
	if c != asm.H {
		return asm.R(b.Move(c, x))
	}
	return asm.R(b.Pure("cvt.u16.u32", asm.H, asm.R(b.Move(asm.W, x))))
}

// widened is what a register of an element's width holds, as an element.
func (e *emitter) widened(t dtype.Type, x asm.Arg) asm.Arg {
	if t.Bits() != 16 {
		return x
	}
	kind := "cvt.u32.u16"
	if t.IsInt() && t.Signed {
		kind = "cvt.s32.s16"
	}
	return asm.R(e.b.Pure(kind, asm.W, x))
}

// updateLoop does an atomic operation by comparing and swapping. Elements of a byte are swapped within their word.
func (e *emitter) updateLoop(u *update, g guard, a *access, slot int, args []asm.Arg) asm.Arg {
	b, t := e.b, u.t
	bits := int64(t.Bits())
	class := asm.ClassOf(t.Bits())
	if bits == 8 {
		class = asm.W
	}
	at, shift := e.address(a, slot), asm.Int(0)
	if bits == 8 {
		sum, imm := e.offset(a, slot)
		sum = b.Add(asm.D, sum, asm.Int(imm))
		at = asm.At(b.Move(asm.D, b.And(asm.D, sum, asm.Int(-4))), 0)
		shift = b.Shl(asm.W, b.And(asm.W, b.Narrow(sum), asm.Int(3)), 3)
	}
	seen := b.Var(class) // what stood there when it was last looked at
	e.move(seen, asm.Int(0))
	after := b.Label("after")
	swap := func() {
		b.Changes(seen)
		width := class.Suffix()
		if bits == 8 {
			// The bytes beside it need not have been written, so that no load may look at the word.
			b.Emit("atom.global.cas.b32", asm.R(seen), at, asm.Int(0), asm.Int(0))
		} else {
			b.Emit("ld.relaxed.gpu.global.b"+width, asm.R(seen), at)
		}
		b.Loop(func(begin, _ string) {
			b.Changes(seen)
			old := e.seenElement(t, asm.R(seen), shift)
			next := e.code(t, e.updated(u, old, args))
			var swap asm.Arg
			if bits == 8 {
				swap = asm.R(b.Pure("bfi.b32", asm.W, e.word(next), asm.R(seen), shift, asm.Int(8)))
			} else {
				swap = e.sized(class, next)
			}
			was := b.Do("atom.global.cas.b"+width, class, at, asm.R(seen), swap)
			lost := b.Reg(asm.P)
			b.Emit("setp.ne.b"+width, asm.R(lost), asm.R(was), asm.R(seen))
			e.move(seen, asm.R(was))
			b.EmitIf(asm.R(lost), "bra", asm.Text(begin))
		})
	}
	b.Apart(func() {
		if g.ok {
			b.EmitIf(asm.Not(g.p), "bra", asm.Text(after))
		}
		b.Scope(swap)
		b.Place(after)
	})
	b.Emit("bar.warp.sync", asm.Int(-1))
	if !u.result {
		return asm.Int(0)
	}
	return e.seenElement(t, asm.R(seen), shift)
}

// seenElement is the element in what a swap looks at.
func (e *emitter) seenElement(t dtype.Type, x, shift asm.Arg) asm.Arg {
	b := e.b
	switch {
	case t == dtype.Bool:
		return asm.R(b.SetP("ne", "s32", asm.R(b.Pure("bfe.u32", asm.W, x, shift, asm.Int(8))), asm.Int(0)))
	case t.Bits() == 8 && t.IsInt() && t.Signed:
		return asm.R(b.Pure("bfe.s32", asm.W, x, shift, asm.Int(8)))
	case t.Bits() == 8:
		return asm.R(b.Pure("bfe.u32", asm.W, x, shift, asm.Int(8)))
	}
	return e.widened(t, x)
}

// updated is the new value of an element.
func (e *emitter) updated(u *update, old asm.Arg, args []asm.Arg) asm.Arg {
	code := map[string]ir.Code{"add": ir.Add, "max": ir.Max, "min": ir.Min, "and": ir.And, "or": ir.Or, "xor": ir.Xor}[u.kind]
	switch u.kind {
	case "xchg":
		return args[0]
	case "cas":
		return e.choose(u.t, e.compareCodes(u.t, old, args[0]), args[1], old)
	}
	return e.calc(code, u.t, old, args[0])
}

// compareCodes is whether two elements of up to 32 bits are the same, bit by bit.
func (e *emitter) compareCodes(t dtype.Type, x, y asm.Arg) asm.Arg {
	return asm.R(e.b.SetP("eq", "s32", e.word(e.code(t, x)), e.code(t, y)))
}

// fromOwner gives all threads what the one that owns an element has: of a tile the elements of its slots, or, where p is nil,
// a scalar that the first thread has.
func (e *emitter) fromOwner(t dtype.Type, p *place, list []asm.Arg) []asm.Arg {
	b := e.b
	// The number of the owner: the thread's, without the digits of replicas.
	lane, warp := asm.Int(0), asm.Int(0)
	across := p == nil && e.warps > 1
	if p != nil {
		before := map[layout.Unit]int64{layout.Lane: 1, layout.Warp: 1}
		e.digits(p, func(g layout.Digit, value func() asm.Arg) {
			if g.Axis != layout.Replica && g.Size > 1 {
				k := b.Mul(asm.W, value(), asm.Int(before[g.Unit]))
				if g.Unit == layout.Lane {
					lane = b.Add(asm.W, lane, k)
				} else {
					warp = b.Add(asm.W, warp, k)
				}
			}
			across = across || g.Unit == layout.Warp && g.Axis == layout.Replica && g.Size > 1
			before[g.Unit] *= g.Size
		})
	}
	words := func(x asm.Arg) []asm.Arg {
		if t.Bits() < 64 {
			return []asm.Arg{e.word(e.code(t, x))}
		}
		lo, hi := b.Reg(asm.W), b.Reg(asm.W)
		b.Emit("mov.b64", asm.Regs(lo, hi), e.double(x))
		return []asm.Arg{asm.R(lo), asm.R(hi)}
	}
	join := func(w []asm.Arg) asm.Arg {
		switch {
		case t.Bits() == 64:
			return asm.R(b.Pure("mov.b64", asm.D, asm.Vec(w...)))
		case t == dtype.Bool:
			return asm.R(b.SetP("ne", "s32", w[0], asm.Int(0)))
		}
		return w[0]
	}
	result := make([]asm.Arg, len(list))
	if !across {
		for i, x := range list {
			w := words(x)
			for k := range w {
				w[k] = asm.R(b.Do("shfl.sync.idx.b32", asm.W, w[k], lane, asm.Int(31), asm.Int(-1)))
			}
			result[i] = join(w)
		}
		return result
	}
	// Through shared memory, some slots at a time: a word of each thread.
	per := 1
	if t.Bits() == 64 {
		per = 2
	}
	threads := int64(32 * e.warps)
	round := max(1, int(16<<10/(4*threads)/int64(per)))
	self := b.Shl(asm.W, e.thread(), 2)
	source := b.Shl(asm.W, b.Add(asm.W, b.Shl(asm.W, warp, 5), lane), 2)
	for first := 0; first < len(list); first += round {
		part := list[first:min(first+round, len(list))]
		offset, base := e.scratch(4 * threads * int64(len(part)*per))
		to, from := b.Move(asm.W, b.Add(asm.W, asm.R(base), self)), b.Move(asm.W, b.Add(asm.W, asm.R(base), source))
		place := func(i, k int) int64 { return offset + 4*threads*int64(i*per+k) }
		for i, x := range part {
			for k, w := range words(x) {
				b.Emit("st.shared.b32", asm.At(to, place(i, k)), w)
			}
		}
		e.barrier()
		for i := range part {
			w := make([]asm.Arg, per)
			for k := range w {
				w[k] = asm.R(b.Do("ld.shared.b32", asm.W, asm.At(from, place(i, k))))
			}
			result[first+i] = join(w)
		}
	}
	return result
}
