package cpu

import (
	"fmt"

	"github.com/tilec/tilec/codegen/internal/llx"
)

// block is a product of panels: a block of C in memory of the worker's own = or += rows of A by slivers of B, micro-kernel
// by micro-kernel. A sliver stays in the first cache while the rows pass it.
type block struct {
	micro         // the largest tile; rowA and so on are those of all
	depth   int64 // steps that a sliver has room for
	extent  int64 // rows that C has room for, and A where it is no panel
	vectors int64 // vectors that a row of C has room for
	rowC    int64 // bytes from a row of C to the next: an argument, so that one function serves blocks that differ in it
}

// sliverBytes is the distance of slivers.
func (k block) sliverBytes() int64 { return k.depth * k.sliver() }

// sameSlivers reports whether slivers for one block serve another.
func (k block) sameSlivers(o block) bool {
	return k.product == o.product && k.wide == o.wide && k.lanes == o.lanes && k.depth == o.depth && k.biased == o.biased &&
		k.vectors == o.vectors && k.matrix == o.matrix
}

func (k block) name() string {
	return fmt.Sprintf("block.%s.d%d.e%d.v%d", k.micro.name(), k.depth, k.extent%4, k.vectors%int64(k.wide))
}

// padded reports whether up to 3 rows beyond the last may be computed.
func (k block) padded() bool { return k.extent%4 == 0 && k.rows%4 == 0 }

// heights are the heights of the tiles that rows are cut into, descending; the last one is 1.
func (k block) heights() []int {
	if k.matrix {
		return []int{k.rows, 16}
	}
	list := []int{k.rows}
	for _, h := range []int{8, 4, 1} {
		if h < k.rows {
			list = append(list, h)
		}
	}
	return list
}

// block emits the function, once a module, and gives its name:
//
//	void (ptr a, ptr b, ptr c, i64 rows, i64 columns, i64 steps, i64 add, ptr soon, i64 pitch, i64 bytes, ptr starts, ptr out, i64 pitchOut, i64 pitchC)
//
// Columns are counted in vectors. Unless add is 0 the products are added to C. Where rows are padded to a multiple of 4,
// up to 3 rows beyond the last are computed too. As many bytes of as many rows from soon on, a pitch apart, are asked for
// while the products are under way: what the next rows are packed from, which may lie anywhere. Bytes is 0 for nothing.
// Where rowA is 0, pitch is also that of A's rows. Starts are what sums of rows start from, where B is biased.
// The sums are stored at out, rows a pitch of their own apart: C itself, whose rows are pitchC apart, or where they
// go when they are done.
func (l *library) block(k block) string {
	name := k.name()
	if l.made[name] {
		return name
	}
	l.made[name] = true
	heights := k.heights()
	kernels := map[[2]int]string{}
	for i, h := range heights {
		if i > 0 && h == 1 && k.padded() {
			continue
		}
		for v := 1; v <= k.wide; v++ {
			if v < k.wide && k.vectors%int64(k.wide) == 0 {
				continue
			}
			m := k.micro
			m.rows, m.vectors = h, v
			kernels[[2]int{h, v}] = l.micro(m)
		}
	}
	b := l.function("noinline", name, llx.Param("a", llx.Ptr, "noalias"), llx.Param("b", llx.Ptr, "noalias"), llx.Param("c", llx.Ptr),
		llx.Param("rows", llx.I64), llx.Param("columns", llx.I64), llx.Param("steps", llx.I64), llx.Param("add", llx.I64), llx.Param("soon", llx.Ptr), llx.Param("pitch", llx.I64), llx.Param("bytes", llx.I64),
		llx.Param("starts", llx.Ptr, "noalias"), llx.Param("out", llx.Ptr), llx.Param("pitchOut", llx.I64), llx.Param("pitchC", llx.I64))
	p := b.Fn.Params
	a, slivers, c, rows, columns, steps, add := llx.Value(p[0]), llx.Value(p[1]), llx.Value(p[2]), llx.Value(p[3]), llx.Value(p[4]), llx.Value(p[5]), llx.Value(p[6])
	width := int64(k.lanes) * k.step()
	// The next sliver is asked for while the rows pass this one, each tile its share: a line for each turn.
	share := b.Mul(b.LShr(steps, llx.C64(2)), llx.C64(64))
	// Each sliver's share of the rows to come, in whole lines.
	soon, pitch := llx.Value(p[7]), llx.Value(p[8])
	passes := b.UDiv(b.Add(columns, llx.C64(int64(k.wide-1))), llx.C64(int64(k.wide)))
	part := b.And(b.Add(b.UDiv(p[9], b.Max(passes, llx.C64(1))), llx.C64(63)), llx.C64(-64))
	ask := func(j, i llx.Value, h int) {
		from := b.Mul(b.UDiv(j, llx.C64(int64(k.wide))), part)
		b.For(from, b.Min(b.Add(from, part), p[9]), 64, func(at llx.Value) {
			line := b.Offset(b.Offset(soon, b.Mul(i, pitch)), at)
			for range h {
				prefetch(b, line, false, 2)
				line = b.Offset(line, pitch)
			}
		})
	}
	pass := func(j, sliver, atC, out llx.Value, v int) {
		call := func(h int, i llx.Value) {
			ask(j, i, h)
			next := b.Offset(b.Offset(sliver, llx.C64(k.sliverBytes())), b.Mul(b.UDiv(i, llx.C64(int64(k.rows))), share))
			rowA := llx.Value(llx.C64(k.rowA))
			if k.rowA == 0 {
				rowA = pitch
			}
			b.Call(kernels[[2]int{h, v}], llx.Void, b.Offset(a, b.Mul(i, rowA)), sliver, steps, b.Offset(atC, b.Mul(i, p[13])), add, next, pitch, b.Offset(p[10], b.Mul(i, llx.C64(4))), b.Offset(out, b.Mul(i, p[12])), p[12], p[13])
		}
		at := llx.Value(llx.C64(0))
		for n, h := range heights {
			h := h
			step := llx.C64(int64(h))
			left := b.Sub(rows, at)
			last := n == len(heights)-1
			switch {
			case h == 4 && k.padded():
				b.For(at, rows, 4, func(i llx.Value) { call(h, i) })
				at = rows
			case n == 0:
				whole := b.Mul(b.UDiv(rows, step), step)
				b.For(llx.C64(0), whole, int64(h), func(i llx.Value) { call(h, i) })
				at = whole
			case k.matrix:
				b.If(b.ICmp("sgt", left, llx.C64(0)), func() {
					call(h, at)
					// With one more row than fits, the rest takes another tile.
					b.If(b.ICmp("sgt", left, step), func() { call(h, b.Add(at, step)) }, nil)
				}, nil)
			case last && !k.padded():
				b.For(at, rows, 1, func(i llx.Value) { call(h, i) })
			case last:
			default:
				fits := b.ICmp("sge", left, step)
				b.If(fits, func() { call(h, at) }, nil)
				at = b.Select(fits, b.Add(at, step), at)
			}
		}
	}
	b.For(llx.C64(0), columns, int64(k.wide), func(j llx.Value) {
		sliver := b.Offset(slivers, b.Mul(b.UDiv(j, llx.C64(int64(k.wide))), llx.C64(k.sliverBytes())))
		atC, out := b.Offset(c, b.Mul(j, llx.C64(width))), b.Offset(p[11], b.Mul(j, llx.C64(width)))
		if k.vectors%int64(k.wide) == 0 {
			pass(j, sliver, atC, out, k.wide)
			return
		}
		left := b.Sub(columns, j)
		for v := 1; v < k.wide; v++ {
			b.If(b.ICmp("eq", left, llx.C64(int64(v))), func() { pass(j, sliver, atC, out, v) }, nil)
		}
		b.If(b.ICmp("sge", left, llx.C64(int64(k.wide))), func() { pass(j, sliver, atC, out, k.wide) }, nil)
	})
	b.Ret(nil)
	return name
}
