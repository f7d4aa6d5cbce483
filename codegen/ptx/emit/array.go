package emit

import (
	"fmt"
	"slices"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// array is a tile in shared memory: its elements by their coordinates.
type array struct {
	t       dtype.Type
	at      int64   // bytes from the beginning of shared memory
	extents []int64 // along its axes
	stride  []int64 // in elements
	size    int64   // bytes
	held    interval
	area    *asm.Area
	// apart says that each thread reads and writes elements that are its own for now.
	apart bool
	fill  int // how often it was filled again
}

// newArray is an array in row-major order; its place is not yet known.
func newArray(t dtype.Type, extents []int64) *array {
	a := &array{t: t, extents: extents, stride: make([]int64, len(extents)), size: room(t)}
	n := int64(1)
	for i := len(extents) - 1; i >= 0; i-- {
		a.stride[i] = n
		n *= extents[i]
	}
	a.size *= n
	return a
}

// arrayOf is an array for the tiles of a type.
func (e *emitter) arrayOf(t ir.Type) *array { return newArray(t.Elem, e.place(t).d.Tile()) }

// inScratch gives arrays their places, one behind the other.
func (e *emitter) inScratch(list ...*array) {
	size := int64(0)
	for _, a := range list {
		a.at = size
		size += (a.size + 15) &^ 15
	}
	at, _ := e.scratch(size)
	for _, a := range list {
		a.at += at
		a.area = &asm.Area{Lo: a.at, Hi: a.at + a.size}
	}
}

// offset is how far an element is from the array's beginning, in bytes.
func (a *array) offset(at []int64) int64 {
	n := int64(0)
	for i, c := range at {
		n += c * a.stride[i]
	}
	return n * room(a.t)
}

// keep gives an array its place until it is given back.
func (a *array) keep(e *emitter) {
	a.held = e.hold(a.size)
	a.at, a.area = a.held.lo, a.held.area()
}

// store stores an element of a type at an address in the array, where a predicate holds.
func (a *array) store(e *emitter, t dtype.Type, guard asm.Arg, at asm.Reg, offset int64, x asm.Arg) {
	e.b.In(a.place(e), func() { e.storeShared(t, guard, at, offset, x) })
}

// load loads an element of a type from an address in the array; where a predicate does not hold it is another one.
func (a *array) load(e *emitter, t dtype.Type, guard asm.Arg, at asm.Reg, offset int64, other asm.Arg) (x asm.Arg) {
	e.b.In(a.place(e), func() { x = e.loadOr(t, guard, at, offset, other) })
	return x
}

// place is the array in the order check. One without an area is what is marked already.
func (a *array) place(e *emitter) asm.Place {
	if a.area == nil {
		return e.b.Now
	}
	return asm.Place{Area: a.area, Fill: a.fill, Apart: a.apart}
}

// own is the address of the element of an array at the thread's part of the coordinates of a tile's axes: axes says
// which axis of the array each is, -1 for none.
func (e *emitter) own(a *array, p *place, axes []int) asm.Arg {
	part := asm.Int(0)
	if p != nil {
		part = e.linear(p, func(g threadDigit) int64 {
			if g.Axis < 0 || axes != nil && axes[g.Axis] < 0 {
				return 0
			}
			i := g.Axis
			if axes != nil {
				i = axes[i]
			}
			return g.Stride * a.stride[i] * room(a.t)
		})
	}
	return e.b.Add(asm.W, asm.R(e.sharedBase()), part)
}

// put stores a tile, whose axes are the array's, so many bytes behind the array's beginning. One of the threads that hold
// the same elements does.
func (e *emitter) put(a *array, v *value, shift int64) {
	p := e.place(v.t)
	var guard asm.Arg
	if own, ok := e.owner(p); ok {
		guard = asm.R(own)
	}
	to := e.b.Move(asm.W, e.own(a, p, nil))
	for i, at := range p.coords {
		if p.twin[i] == i {
			a.store(e, a.t, guard, to, a.at+shift+a.offset(at), e.elem(v, i))
		}
	}
}

// get reads a tile that lies in an array whose axes it has. Elements beyond the array are absent; sparse says that no
// other absent ones are in the array either.
func (e *emitter) get(a *array, t ir.Type, sparse bool) *value {
	if t.Kind == ir.Scalar {
		return &value{scalar: a.load(e, a.t, asm.Arg{}, e.sharedBase(), a.at, asm.Int(0))}
	}
	from := e.b.Move(asm.W, e.own(a, e.place(t), nil))
	return &value{elems: e.elements(a, t, from, a.at, sparse)}
}

// elements loads a thread's elements of a tile from an array that begins at a number of bytes behind from.
func (e *emitter) elements(a *array, t ir.Type, from asm.Reg, begin int64, sparse bool) []asm.Arg {
	p := e.place(t)
	for i, n := range p.d.Tile() {
		sparse = sparse || n > a.extents[i]
	}
	list := make([]asm.Arg, p.slots)
	for i, at := range p.coords {
		if p.twin[i] != i {
			list[i] = list[p.twin[i]]
			continue
		}
		var guard asm.Arg
		if sparse {
			guard = e.liveArg(t, i)
		}
		list[i] = a.load(e, a.t, guard, from, begin+a.offset(at), asm.Int(0))
	}
	return list
}

// liveArg is live as a guard: the zero Arg where an element always is.
func (e *emitter) liveArg(t ir.Type, slot int) asm.Arg {
	if t.Kind == ir.Scalar {
		return asm.Arg{}
	}
	if p, ok := e.live(t, slot, nil); ok {
		return asm.R(p)
	}
	return asm.Arg{}
}

// both is the conjunction of guards.
func (e *emitter) both(x, y asm.Arg) asm.Arg {
	p, ok := x.Reg()
	if !ok {
		return y
	}
	q, ok := y.Reg()
	if !ok {
		return x
	}
	return asm.R(e.b.AndP(p, q))
}

// rearranged is a tile in another layout.
func (e *emitter) rearranged(v *value, to ir.Type) *value {
	if v.t.Layout.Equal(*to.Layout) || slices.Equal(v.t.Layout.Tile(), to.Layout.Tile()) {
		return e.convert(v, to)
	}
	a := e.arrayOf(v.t)
	e.inScratch(a)
	e.put(a, v, 0)
	e.barrier()
	r := e.get(a, to, false)
	r.t = to
	return r
}

// storeShared stores an element to shared memory, where a predicate holds.
func (e *emitter) storeShared(t dtype.Type, guard asm.Arg, at asm.Reg, offset int64, x asm.Arg) {
	c, x := e.asWord(classOf(t), x)
	e.emitIf(guard, fmt.Sprint("st.shared.b", 8*room(t)), asm.At(at, offset), asm.R(e.b.Move(c, x)))
}

// loadOr loads an element from shared memory; where a predicate does not hold it is another one.
func (e *emitter) loadOr(t dtype.Type, guard asm.Arg, at asm.Reg, offset int64, other asm.Arg) asm.Arg {
	c, other := e.asWord(classOf(t), other)
	kind := "b"
	if n := room(t); n < 4 {
		kind = "u"
		if t.IsInt() && t.Signed {
			kind = "s"
		}
	}
	r := e.b.Reg(c)
	if _, ok := guard.Reg(); ok {
		e.move(r, other)
	}
	e.emitIf(guard, fmt.Sprint("ld.shared.", kind, 8*room(t)), asm.R(r), asm.At(at, offset))
	return e.ofWord(classOf(t), r)
}
