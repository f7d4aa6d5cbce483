package cpu

import (
	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// tile is a value in memory of the worker's own. Elements are codes in containers of whole bytes. The axis that is last
// in order is contiguous, and its extent is rounded up, so that whole vectors may be read and written at its end.
type tile struct {
	elem    dtype.Type
	axes    []*ir.Value
	extents []int64 // padded
	strides []int64 // elements
	base    llx.Value
	size    int64 // bytes of an element
	// unset, if not nil, is a variable that is 1 while the tile stands for zeros that are not there yet; see lateZeros.
	unset llx.Value
}

// padding is the number of elements to which the last axis of a tile is rounded up.
const padding = 16

// newTileShape lays out a tile with its axes in the given order, or in its type's order.
func (e *emitter) newTileShape(t ir.Type, order ...*ir.Value) *tile {
	if order == nil {
		for _, a := range t.Axes {
			order = append(order, a.Span)
		}
	}
	x := &tile{elem: t.Elem, axes: order, size: int64(container(t.Elem))}
	x.extents, x.strides = make([]int64, len(order)), make([]int64, len(order))
	n := int64(1)
	for i := len(order) - 1; i >= 0; i-- {
		extent := order[i].Type.Width
		if i == len(order)-1 {
			extent = (extent + padding - 1) / padding * padding
		}
		x.extents[i], x.strides[i] = extent, n
		n *= extent
	}
	return x
}

// count is the number of elements, padding included.
func (t *tile) count() int64 {
	n := int64(1)
	for _, k := range t.extents {
		n *= k
	}
	return n
}

func (t *tile) bytes() int64 { return t.count() * t.size }

// last is the contiguous axis, nil of a tile without axes.
func (t *tile) last() *ir.Value {
	if len(t.axes) == 0 {
		return nil
	}
	return t.axes[len(t.axes)-1]
}

// stride is the distance of neighbours along an axis, in elements.
func (t *tile) stride(axis *ir.Value) int64 {
	for i, a := range t.axes {
		if a == axis {
			return t.strides[i]
		}
	}
	return 0
}

// smallTile is the number of bytes up to which a tile is a variable of the function, which LLVM may hold in registers.
const smallTile = 2048

// newTile makes room for a tile.
func (e *emitter) newTile(t ir.Type, order ...*ir.Value) *tile {
	x := e.newTileShape(t, order...)
	x.base = e.room(x.bytes())
	return x
}

// room is memory of the worker's own until the scope ends, aligned to 64 bytes.
func (e *emitter) room(bytes int64) llx.Value {
	if bytes <= smallTile || e.scratch == nil {
		return e.Alloca(llx.Vec(llx.I8, 64), int((bytes+63)/64), 64)
	}
	at := e.scratchTop
	// A skew of three lines between buffers keeps rows of several from falling into one cache set.
	e.scratchTop = (at + bytes + 64 + 255) / 64 * 64
	e.scratchMax = max(e.scratchMax, e.scratchTop)
	if e.scratchTop > maxScratch {
		e.g.fail(e.g.fn.Pos, "its tiles need more than %d MiB for each worker: make tile sizes smaller", maxScratch>>20)
	}
	return e.Offset(e.scratch, llx.C64(at))
}

// maxScratch bounds the memory of each worker.
const maxScratch = 1 << 30

// tileOf is where v is stored, nil if it is evaluated where it is used.
func (e *emitter) tileOf(v *ir.Value) *tile {
	if t := e.tiles[v]; t != nil {
		return t
	}
	if k := e.g.kept[v]; k != nil {
		t := *k.tile
		t.base = e.Load(llx.Ptr, e.slotAddress(k.slot), 8)
		set(e, e.tiles, v, &t)
		return &t
	}
	return nil
}

// offset is a tile's element at p, in elements, without the lanes.
func (e *emitter) offset(t *tile, p *point) llx.Value {
	at := llx.C64(0)
	for i, a := range t.axes {
		pos, ok := p.pos[a]
		if !ok {
			panic("cpu: no position along " + a.Name + " of a tile")
		}
		at = e.Add(at, e.Mul(pos, llx.C64(t.strides[i])))
	}
	return at
}

// address is the address of the element at p.
func (e *emitter) address(t *tile, p *point) llx.Value {
	return e.Offset(t.base, e.Mul(e.offset(t, p), llx.C64(t.size)))
}

// read is the value of a stored tile at p.
func (e *emitter) read(t *tile, p *point, lanes int) llx.Value {
	if lanes == 1 || p.vec == t.last() {
		return e.loadTile(t.elem, e.address(t, p), lanes)
	}
	// Along another axis the lanes lie apart.
	stride := t.stride(p.vec) * t.size
	x := llx.Zero(classOf(t.elem).typ(lanes))
	a := e.address(t, p)
	for i := range lanes {
		at := llx.C64(int64(i) * stride)
		if p.live != nil {
			// Lanes past the end may lie past the tile: they read the first one instead.
			if n, ok := llx.ConstInt(p.live); ok && int64(i) >= n {
				break
			} else if !ok {
				at = e.Select(e.ICmp("slt", llx.C64(int64(i)), p.live), at, llx.C64(0))
			}
		}
		x = e.Insert(x, e.loadTile(t.elem, e.Offset(a, at), 1), llx.C64(int64(i)))
	}
	return x
}

// write stores a value of a tile at p; v is a vector where the tile is over the vector axis.
func (e *emitter) write(t *tile, p *point, v llx.Value) {
	lanes := llx.Lanes(v.Type())
	if lanes == 1 || p.vec == t.last() {
		e.storeTile(t.elem, e.address(t, p), v, lanes)
		return
	}
	stride := t.stride(p.vec) * t.size
	a := e.address(t, p)
	put := func(i int) {
		e.storeTile(t.elem, e.Offset(a, llx.C64(int64(i)*stride)), e.Extract(v, llx.C64(int64(i))), 1)
	}
	for i := range lanes {
		// Lanes past the end would lie in the rows of others.
		if n, ok := llx.ConstInt(or(p.live, llx.C64(int64(lanes)))); ok {
			if int64(i) < n {
				put(i)
			}
			continue
		}
		e.If(e.ICmp("slt", llx.C64(int64(i)), p.live), func() { put(i) }, nil)
	}
}

// copyTo stores v into a tile.
func (e *emitter) copyTo(t *tile, v *ir.Value) {
	e.nest(nestOf{axes: t.axes, vec: t.last(), refs: []*ir.Value{v}}, func(p *point) {
		x := e.at(v, p)
		if p.lanes > 1 && llx.Lanes(x.Type()) == 1 {
			x = e.Splat(x, p.lanes)
		}
		e.write(t, p, x)
	})
}

func or(x, y llx.Value) llx.Value {
	if x == nil {
		return y
	}
	return x
}
