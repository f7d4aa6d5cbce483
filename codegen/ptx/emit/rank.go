package emit

import (
	"slices"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
)

// ranking is a sort of the lines of a tile along an axis, in shared memory: of each element its key, and its position,
// by which equal keys are ordered. Absent elements come last.
type ranking struct {
	e    *emitter
	o    *ir.Op
	x    ir.Type
	axis int
	n    int64 // of a line, a power of two
	// values is the tile itself, keys its keys: as doubles with the position below them, or, of 64-bit types, beside pos.
	values, keys, pos *array
	wide              bool
}

// rank emits topk and sort.
func (e *emitter) rank(o *ir.Op) {
	x := o.Operands[0].Type
	p := e.place(x)
	r := &ranking{e: e, o: o, x: x, axis: x.Axis(o.Axes[0]), n: 1, wide: classOf(x.Elem) == asm.D}
	for r.n < p.d.Tile()[r.axis] {
		r.n *= 2
	}
	// In keys the axis runs fastest.
	extents := append(slices.Delete(slices.Clone(p.d.Tile()), r.axis, r.axis+1), r.n)
	r.values, r.keys, r.pos = e.arrayOf(x), newArray(dtype.U64, extents), newArray(dtype.U32, extents)
	if r.wide {
		e.inScratch(r.values, r.keys, r.pos)
	} else {
		e.inScratch(r.values, r.keys)
	}
	e.put(r.values, e.value(o.Operands[0]), 0)
	r.fill()
	r.sort()
	e.barrier()
	var first []asm.Arg
	for i, v := range o.Results {
		if i == 0 || !v.Type.Layout.Equal(*o.Results[0].Type.Layout) {
			first = r.places(v.Type)
		}
		list := make([]asm.Arg, len(first))
		for k, at := range first {
			if i == 0 {
				list[k] = r.element(v.Type, k, at)
			} else {
				list[k] = r.index(at)
			}
		}
		e.set(v, &value{elems: list})
	}
}

// keyAxes says which axis of the keys each axis of a tile is whose axis along runs fastest there.
func keyAxes(rank, along int) []int {
	axes := make([]int, rank)
	k := 0
	for i := range axes {
		if i == along {
			axes[i] = rank - 1
		} else {
			axes[i] = k
			k++
		}
	}
	return axes
}

// permuted is where an element is by the coordinates of a tile whose axes are those of the array.
func (a *array) permuted(at []int64, axes []int) int64 {
	n := int64(0)
	for i, c := range at {
		n += c * a.stride[axes[i]]
	}
	return a.at + n*room(a.t)
}

// fill writes the keys.
func (r *ranking) fill() {
	e, b := r.e, r.e.b
	v := e.value(r.o.Operands[0])
	p := e.place(r.x)
	axes := keyAxes(len(r.x.Axes), r.axis)
	var guard asm.Arg
	if own, ok := e.owner(p); ok {
		guard = asm.R(own)
	}
	keys, pos := b.Move(asm.W, e.own(r.keys, p, axes)), asm.Reg{}
	if r.wide {
		pos = b.Move(asm.W, e.own(r.pos, p, axes))
	}
	for i, at := range p.coords {
		if p.twin[i] != i {
			continue
		}
		c, k := e.key(r.x.Elem, e.elem(v, i), r.o.Code == ir.Topk, -1)
		if live, ok := e.live(r.x, i, []int{r.axis}); ok {
			k = e.pick(c, live, k, asm.Int(-1))
		}
		number := e.coord(p, i, r.axis)
		if r.wide {
			r.pos.store(e, dtype.U32, guard, pos, r.pos.permuted(at, axes), number)
		} else {
			k = e.join(number, k)
		}
		r.keys.store(e, dtype.U64, guard, keys, r.keys.permuted(at, axes), k)
	}
	// What the layout lacks of a line is absent.
	more := r.n - p.d.Tile()[r.axis]
	if more == 0 {
		return
	}
	r.each(r.lines()*more, func(i asm.Arg, guard asm.Arg) {
		line := asm.R(b.Pure("div.u32", asm.W, i, asm.Int(more)))
		number := b.Add(asm.W, b.Sub(asm.W, i, b.Mul(asm.W, line, asm.Int(more))), asm.Int(r.n-more))
		at := b.Add(asm.W, b.Mul(asm.W, line, asm.Int(r.n)), number)
		if r.wide {
			r.pos.store(e, dtype.U32, guard, r.address(at, 4), r.pos.at, number)
			r.keys.store(e, dtype.U64, guard, r.address(at, 8), r.keys.at, asm.Int(-1))
		} else {
			r.keys.store(e, dtype.U64, guard, r.address(at, 8), r.keys.at, e.join(number, asm.Int(-1)))
		}
	})
}

// lines is how many lines there are.
func (r *ranking) lines() int64 { return r.keys.size / (8 * r.n) }

// address is an address in shared memory: so many elements of so many bytes from the beginning.
func (r *ranking) address(at asm.Arg, size int64) asm.Reg {
	b := r.e.b
	return b.Move(asm.W, b.Add(asm.W, asm.R(r.e.sharedBase()), b.Mul(asm.W, at, asm.Int(size))))
}

// each emits code for each of n numbers; the threads share them. Where there are many of them it is a loop.
func (r *ranking) each(n int64, body func(i, guard asm.Arg)) {
	e, b := r.e, r.e.b
	threads := int64(32 * e.warps)
	tid := b.Mad(asm.W, e.warp, asm.Int(32), e.lane)
	if n <= 4*threads {
		for first := int64(0); first < n; first += threads {
			var guard asm.Arg
			if n-first < threads {
				guard = asm.R(b.SetP("lt", "s32", tid, asm.Int(n-first)))
			}
			body(b.Add(asm.W, tid, asm.Int(first)), guard)
		}
		return
	}
	i := b.Var(asm.W)
	e.move(i, tid)
	b.Loop(func(begin, end string) {
		b.Changes(i)
		var guard asm.Arg
		if n%threads != 0 {
			guard = asm.R(b.SetP("lt", "s32", asm.R(i), asm.Int(n)))
		}
		body(asm.R(i), guard)
		b.Emit("add.s32", asm.R(i), asm.R(i), asm.Int(threads))
		// All threads of a warp go on as long as its first does.
		first := b.Sub(asm.W, asm.R(i), tid)
		b.EmitIf(asm.R(b.SetP("lt", "s32", first, asm.Int(n))), "bra.uni", asm.Text(begin))
	})
}

// sort puts the lines in order. In a step every element is compared with the one whose number in the line differs in one
// bit, or, where sorted pieces of so many elements are first joined, in all bits from one down. The smaller goes first.
func (r *ranking) sort() {
	e, b := r.e, r.e.b
	if r.n == 1 {
		return
	}
	piece, bit := b.Var(asm.W), b.Var(asm.W)
	e.move(piece, asm.Int(1))
	e.move(bit, asm.Int(1))
	r.keys.apart, r.pos.apart = true, true
	b.Loop(func(begin, end string) {
		b.Changes(piece, bit)
		e.barrier()
		all := b.Sub(asm.W, b.Shl(asm.W, asm.R(bit), 1), asm.Int(1))
		joins := b.SetP("eq", "s32", asm.R(piece), asm.R(bit))
		flip := b.Select(asm.W, joins, all, asm.R(bit))
		above := b.Sub(asm.W, asm.Int(0), asm.R(bit))
		r.each(r.lines()*r.n/2, func(i, guard asm.Arg) {
			lo := b.Add(asm.W, i, b.And(asm.W, i, above)) // with a 0 where the bit is
			hi := b.Xor(asm.W, lo, asm.R(flip))
			r.exchange(lo, hi, guard)
		})
		b.Emit("shr.u32", asm.R(bit), asm.R(bit), asm.Int(1))
		b.Ends()
		next := b.Do("setp.eq.s32", asm.P, asm.R(bit), asm.Int(0))
		b.EmitIf(asm.R(next), "shl.b32", asm.R(piece), asm.R(piece), asm.Int(1))
		b.EmitIf(asm.R(next), "mov.b32", asm.R(bit), asm.R(piece))
		more := b.Do("setp.lt.s32", asm.P, asm.R(piece), asm.Int(r.n))
		b.EmitIf(asm.R(more), "bra.uni", asm.Text(begin))
	})
	r.keys.apart, r.pos.apart = false, false
}

// exchange puts two keys in order.
func (r *ranking) exchange(lo, hi, guard asm.Arg) {
	e, b := r.e, r.e.b
	at := [2]asm.Reg{r.address(lo, 8), r.address(hi, 8)}
	var key [2]asm.Arg
	for i := range at {
		key[i] = r.keys.load(e, dtype.U64, guard, at[i], r.keys.at, asm.Int(0))
	}
	if !r.wide {
		for i, op := range []string{"min.u64", "max.u64"} {
			r.keys.store(e, dtype.U64, guard, at[i], r.keys.at, asm.R(b.Do(op, asm.D, key[0], key[1])))
		}
		return
	}
	posAt := [2]asm.Reg{r.address(lo, 4), r.address(hi, 4)}
	var pos [2]asm.Arg
	for i := range posAt {
		pos[i] = r.pos.load(e, dtype.U32, guard, posAt[i], r.pos.at, asm.Int(0))
	}
	less := b.SetP("lt", "u64", key[1], key[0])
	before := b.AndP(b.SetP("eq", "s64", key[1], key[0]), b.SetP("lt", "u32", pos[1], pos[0]))
	swap := e.both(guard, asm.R(b.OrP(less, before)))
	for i := range at {
		r.keys.store(e, dtype.U64, swap, at[i], r.keys.at, key[1-i])
		r.pos.store(e, dtype.U32, swap, posAt[i], r.pos.at, pos[1-i])
	}
}

// places are the positions in their lines of the elements of a result, words; of missing ones at least the live length.
func (r *ranking) places(t ir.Type) []asm.Arg {
	e, b := r.e, r.e.b
	p := e.place(t)
	a := r.keys
	if r.wide {
		a = r.pos
	}
	from := b.Move(asm.W, e.own(a, p, nil))
	last := len(t.Axes) - 1
	beyond := false
	for i, n := range p.d.Tile() {
		beyond = beyond || n > a.extents[i]
	}
	list := make([]asm.Arg, p.slots)
	for i, at := range p.coords {
		if p.twin[i] != i {
			list[i] = list[p.twin[i]]
			continue
		}
		var guard asm.Arg
		if beyond {
			guard = e.liveArg(t, i)
			if at[last]+p.most[last] >= r.n {
				guard = e.both(guard, asm.R(b.SetP("lt", "s32", e.coord(p, i, last), asm.Int(r.n))))
			}
		}
		// The position is the low word of a key.
		list[i] = a.load(e, dtype.U32, guard, from, a.at+a.offset(at), asm.Int(-1))
	}
	return list
}

// there is a predicate: that a position is one of an element.
func (r *ranking) there(at asm.Arg) asm.Reg {
	return r.e.b.SetP("lt", "u32", at, r.e.live32(r.e.value(r.o.Axes[0])))
}

// index is the index value of a position, -1 of a missing element.
func (r *ranking) index(at asm.Arg) asm.Arg {
	e, b := r.e, r.e.b
	wide := asm.R(b.Pure("cvt.u64.u32", asm.D, at))
	return e.pick(asm.D, r.there(at), b.Add(asm.D, wide, e.value(r.o.Axes[0]).lo), asm.Int(-1))
}

// element is the element at a position in the line of a result's slot, the type's least where it is missing.
func (r *ranking) element(t ir.Type, slot int, at asm.Arg) asm.Arg {
	e, b := r.e, r.e.b
	p := e.place(t)
	a := r.values
	// The result's axes are the tile's others and one more.
	step := func(i int) int64 {
		switch {
		case i == len(t.Axes)-1:
			return 0
		case i < r.axis:
			return a.stride[i] * room(a.t)
		}
		return a.stride[i+1] * room(a.t)
	}
	offset := a.at
	for i, c := range p.coords[slot] {
		offset += c * step(i)
	}
	part := e.linear(p, func(g threadDigit) int64 {
		if g.Axis == layout.Replica {
			return 0
		}
		return g.Stride * step(g.Axis)
	})
	from := b.Sum(asm.W, asm.R(e.sharedBase()), part, b.Mul(asm.W, at, asm.Int(a.stride[r.axis]*room(a.t))))
	return a.load(e, a.t, asm.R(r.there(at)), b.Move(asm.W, from), offset, lowest(a.t))
}
