package cpu

import (
	"fmt"
	"slices"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/codegen/packed"
	"github.com/tilec/tilec/ir/dtype"
)

// Layout is how the codes of a packed matrix lie in memory.
type Layout = packed.Layout

// lowbit is a plan for the exact products, in i32, of codes in panels with rows of i8, over one group.
//
// Every level multiplies bytes without sign (the codes) by bytes with one (the activations) and adds four products to a
// lane. What a code is worth is a·code + b, so a sum is a·Σ code·x + b·Σx, and Σx is found once for all panels.
//
// Fields of codes are used where they lie, times a power of two: each power has sums of its own, which a shift puts right
// at the end of the group. With many rows there are too few registers for that, and the fields are shifted instead, once
// for all rows.
type lowbit struct {
	layout Layout
	elem   dtype.Type
	group  int // codes along K
	panels int // computed together, sharing what is loaded of x
	rows   int // of x
	// prefetch is how many bytes ahead of the panels memory is asked for, 0 for not at all.
	prefetch int
	// longest is how many products of vectors stand behind each other in the code; longer groups are loops.
	longest int
	// holds is set where what a loop adds the sums of its groups to is held in registers beside them.
	holds bool
}

// planLowbit is a plan for a group of codes of elem by a number of rows of i8. ok is false where no plan fits: the layout is
// then dense. A call takes as many panels and rows as the plan says, or fewer; what is more is for other calls.
func planLowbit(l *Level, elem dtype.Type, group, rows int) (p lowbit, ok bool) {
	layout, ok := packed.Panels(l.Lanes, elem, group)
	if !ok || rows < 1 {
		return lowbit{}, false
	}
	// Measured: alone, a panel's sums at their own powers of two keep the pipes busy; from some rows on two panels share what
	// is broadcast. More than eight rows that lie a power of two apart do not fit the ways of a cache of the first level.
	p = lowbit{layout: layout, elem: elem, group: group, panels: 1, rows: min(rows, 8), prefetch: prefetchDistance(l, elem.Bits(), rows), longest: 512}
	if l.VNNI && rows > 1 {
		return p.batched(rows), true
	}
	if p.rows > 4 {
		p.panels = 2
	}
	for p.rows > 1 && p.panels*p.rows > l.Registers/2 {
		p.rows /= 2
	}
	return p, true
}

// prefetchDistance is how many bytes ahead codes are asked for. The hardware follows a panel, but not far enough for memory,
// and begins anew at each page. Measured on Zen 5 for one row, from 0 to 16 KiB: with 4 KiB a matrix from memory takes 70 to
// 95 % of the time, one that the last cache holds 90 to 100 %; at 8 bits, where loads are what the core is busy with, the same
// and 105 to 110 %. Rows that share the codes keep the core busy for long enough, but where it waits for few cache lines at a
// time, as processors that have the matrix unit do.
func prefetchDistance(l *Level, bits, rows int) int {
	switch {
	case rows == 1 && (bits < 8 || l.AMX):
		return 4096
	case l.AMX:
		return 2048
	}
	return 0
}

// String is the plan's line in a report.
func (p lowbit) String() string {
	return fmt.Sprintf("%v in %s, groups of %d: %d panels by %d rows of i8", p.elem, p.layout, p.group, p.panels, p.rows)
}

// worth is what a stored code c is worth: a·c + b.
func (p lowbit) worth() (a, b int64) {
	switch p.elem.Kind {
	case dtype.IntKind:
		return 1, -1 << (p.elem.Bits() - 1)
	case dtype.BipolarKind:
		return 2, 1 - 1<<p.elem.Bits()
	}
	return 1, 0
}

// scales are the powers of two at which the slots' fields lie, ascending from 0, or 0 alone where they are shifted.
func (p lowbit) scales(l *Level) []int {
	var list []int
	for _, s := range p.layout.Unit().Slots {
		if !slices.Contains(list, s.Scale) {
			list = append(list, s.Scale)
		}
	}
	slices.Sort(list)
	kinds := len(list)
	if p.holds {
		kinds++
	}
	if kinds*p.panels*p.rows > l.Registers*3/4 {
		return []int{0}
	}
	return list
}

// lowbitOffset is b·Σx of a row of x, which is the same for all panels: an i32.
func (u *unit) lowbitOffset(p lowbit, x llx.Value) llx.Value {
	_, b := p.worth()
	lanes := u.level.Lanes
	t := llx.Vec(llx.I32, lanes)
	var sum llx.Value = llx.Zero(t)
	at := 0
	for ; at+4*lanes <= p.group; at += 4 * lanes {
		v := u.Load(t, u.Offset(x, llx.C64(int64(at))), 1)
		sum = u.bytesDot(sum, u.Splat(llx.C32(0x01010101), lanes), u.factors(v))
	}
	total := u.Call("llvm.vector.reduce.add."+llx.Suffix(t), llx.I32, sum)
	for ; at < p.group; at += 4 {
		four := u.SExt(u.Load(llx.Vec(llx.I8, 4), u.Offset(x, llx.C64(int64(at))), 1), llx.Vec(llx.I32, 4))
		total = u.Add(total, u.Call("llvm.vector.reduce.add.v4i32", llx.I32, four))
	}
	return u.Mul(total, llx.C32(b))
}

// lowbitOffsets are those of rows, in every lane; nil where b is 0.
func (u *unit) lowbitOffsets(p lowbit, x []llx.Value) []llx.Value {
	if _, b := p.worth(); b == 0 {
		return nil
	}
	list := make([]llx.Value, len(x))
	for i, row := range x {
		list[i] = u.Splat(u.lowbitOffset(p, row), u.level.Lanes)
	}
	return list
}

// lowbitDot is Σ w·x over a group: result [panel][row] has a lane for each row of the panel. w are the panels' addresses of
// the group, x the addresses of the rows of i8, offset what lowbitOffsets gives for these.
func (u *unit) lowbitDot(p lowbit, w, x, offset []llx.Value) [][]llx.Value {
	g := &groupDot{unit: u, lowbit: p, w: w, x: x, scales: p.scales(u.level)}
	a, _ := p.worth()
	lanes := u.level.Lanes
	t := llx.Vec(llx.I32, lanes)
	// Sums that do not wait for each other keep the pipes of the dot product busy.
	g.turns = make([]int, len(g.scales))
	g.chains = p.chains(len(w) * len(x) * len(g.scales))
	sums := make([]llx.Value, len(w)*len(x)*len(g.scales)*g.chains)
	for i := range sums {
		sums[i] = llx.Zero(t)
	}
	if a == 1 && offset != nil {
		for i := range w {
			for r := range x {
				sums[g.sum(i, r, 0, 0)] = offset[r]
			}
		}
	}
	sums = g.run(sums)
	result := make([][]llx.Value, len(w))
	for i := range w {
		result[i] = make([]llx.Value, len(x))
		for r := range x {
			d := g.total(sums, i, r)
			if a != 1 {
				d = u.Shl(d, u.Splat(llx.C32(1), lanes))
				if offset != nil {
					d = u.Add(d, offset[r])
				}
			}
			result[i][r] = d
		}
	}
	return result
}

// groupDot emits the products of one group.
type groupDot struct {
	*unit
	lowbit
	w, x   []llx.Value
	scales []int
	chains int   // of sums for each scale, taken in turn
	turns  []int // for each scale
}

// sum is the place of a sum in the list of all.
func (g *groupDot) sum(panel, row, scale, chain int) int {
	return ((panel*len(g.x)+row)*len(g.scales)+scale)*g.chains + chain
}

// run adds the products of the group to the sums.
func (g *groupDot) run(sums []llx.Value) []llx.Value {
	per := g.layout.Unit().Codes()
	whole := g.group / per
	perUnit := per / 4 * len(g.w) * len(g.x)
	if whole*perUnit <= g.longest {
		for i := range whole {
			sums = g.add(sums, llx.C64(int64(i)), per)
		}
	} else {
		t := sums[0].Type()
		cells := make([]llx.Value, len(sums))
		for i, s := range sums {
			cells[i] = g.Alloca(t, 1, 64)
			g.Store(s, cells[i], 64)
		}
		step := max(1, min(g.longest, 128)/perUnit)
		for g.holds && whole%step != 0 {
			step--
		}
		body := func(i llx.Value, n int) {
			now := make([]llx.Value, len(sums))
			for j := range now {
				now[j] = g.Load(t, cells[j], 64)
			}
			for j := range n {
				now = g.add(now, g.Add(i, llx.C64(int64(j))), per)
			}
			for j := range now {
				g.Store(now[j], cells[j], 64)
			}
		}
		even := whole / step * step
		g.For(llx.C64(0), llx.C64(int64(even)), int64(step), func(i llx.Value) { body(i, step) })
		if even < whole {
			body(llx.C64(int64(even)), whole-even)
		}
		for j := range sums {
			sums[j] = g.Load(t, cells[j], 64)
		}
	}
	if rest := g.group - whole*per; rest > 0 {
		sums = g.add(sums, llx.C64(int64(whole)), rest)
	}
	return sums
}

// add adds the products of a unit, of which codes are there.
func (g *groupDot) add(sums []llx.Value, index llx.Value, codes int) []llx.Value {
	sums = slices.Clone(sums)
	u := g.layout.Unit()
	t := llx.Vec(llx.I32, g.level.Lanes)
	vecs := make([]*fields, len(g.w))
	for i, w := range g.w {
		at := g.Offset(w, g.Mul(index, llx.C64(int64(u.Vecs*g.layout.Vector()))))
		f := &fields{unit: g.unit, shifted: map[[2]int]llx.Value{}}
		for v := range u.Vecs {
			here := g.Offset(at, llx.C64(int64(v*g.layout.Vector())))
			f.vecs = append(f.vecs, g.Load(t, here, 1))
			if g.prefetch > 0 && v*g.layout.Vector()%64 == 0 {
				g.Call("llvm.prefetch.p0", llx.Void, g.Offset(here, llx.C64(int64(g.prefetch))), llx.C32(0), llx.C32(3), llx.C32(1))
			}
		}
		vecs[i] = f
	}
	for s := range codes / 4 {
		one := &u.Slots[s]
		scale := slices.Index(g.scales, one.Scale)
		shift := 0
		if scale < 0 || len(g.scales) == 1 {
			scale, shift = 0, one.Scale
		}
		codes := make([]llx.Value, len(g.w))
		for i := range g.w {
			codes[i] = vecs[i].slot(one, shift)
		}
		for r, row := range g.x {
			at := g.Offset(row, g.Add(g.Mul(index, llx.C64(int64(u.Codes()))), llx.C64(int64(4*s))))
			x := g.factors(g.Splat(g.Load(llx.I32, at, 1), g.level.Lanes))
			for i := range g.w {
				k := g.sum(i, r, scale, g.turns[scale]%g.chains)
				sums[k] = g.bytesDot(sums[k], codes[i], x)
			}
		}
		g.turns[scale]++
	}
	return sums
}

// total is the sum over chains and scales.
func (g *groupDot) total(sums []llx.Value, panel, row int) llx.Value {
	scales := g.scales
	list := make([]llx.Value, len(scales))
	for s := range list {
		list[s] = sums[g.sum(panel, row, s, 0)]
		for c := 1; c < g.chains; c++ {
			list[s] = g.Add(list[s], sums[g.sum(panel, row, s, c)])
		}
	}
	// Neighbours first, as a chain of shifts and additions would wait for itself.
	for len(list) > 1 {
		var next []llx.Value
		var left []int
		for i := 0; i < len(list); i += 2 {
			v := list[i]
			if i+1 < len(list) {
				v = g.Add(v, g.AShr(list[i+1], g.Splat(llx.C32(int64(scales[i+1]-scales[i])), g.level.Lanes)))
			}
			next, left = append(next, v), append(left, scales[i])
		}
		list, scales = next, left
	}
	return list[0]
}

// fields takes slots out of the vectors of a unit.
type fields struct {
	*unit
	vecs    []llx.Value
	shifted map[[2]int]llx.Value
}

// slot is the codes of a slot, in bytes: at its scale, or shifted down by as much as is asked.
func (f *fields) slot(s *packed.Slot, down int) llx.Value {
	var codes llx.Value
	for _, p := range s.Parts {
		v := f.moved(p.Vec, p.Shift)
		if p.Mask != 0xff {
			v = f.And(v, f.Splat(llx.C32(int64(int32(uint32(p.Mask)*0x01010101))), f.level.Lanes))
		}
		if codes == nil {
			codes = v
		} else {
			codes = f.Or(codes, v)
		}
	}
	return f.shift(codes, down)
}

// moved is a vector shifted to the right, to the left where by is negative, once for all slots that want it.
func (f *fields) moved(vec, by int) llx.Value {
	key := [2]int{vec, by}
	if v, ok := f.shifted[key]; ok {
		return v
	}
	v := f.shift(f.vecs[vec], by)
	f.shifted[key] = v
	return v
}

// shift shifts words, so bits come in from the neighbouring byte, which a mask takes away.
func (f *fields) shift(v llx.Value, by int) llx.Value {
	if by == 0 {
		return v
	}
	n := 2 * f.level.Lanes
	t := llx.Vec(llx.I16, n)
	w := f.Bitcast(v, t)
	if by > 0 {
		w = f.LShr(w, f.Splat(llx.Int(llx.I16, int64(by)), n))
	} else {
		w = f.Shl(w, f.Splat(llx.Int(llx.I16, int64(-by)), n))
	}
	return f.Bitcast(w, v.Type())
}

// factors prepares dwords of four s8 for bytesDot: as they are where an instruction multiplies bytes, their even and odd
// bytes as words where one multiplies words, and each byte as a dword elsewhere.
func (u *unit) factors(x llx.Value) []llx.Value {
	n := u.level.Lanes
	switch {
	case u.level.VNNI:
		return []llx.Value{x}
	case u.level.Arch == "amd64":
		words := llx.Vec(llx.I16, 2*n)
		eight := u.Splat(llx.Int(llx.I16, 8), 2*n)
		w := u.Bitcast(x, words)
		return []llx.Value{u.AShr(u.Shl(w, eight), eight), u.AShr(w, eight)}
	}
	list := make([]llx.Value, 4)
	for i := range list {
		list[i] = u.AShr(u.Shl(x, u.Splat(llx.C32(int64(24-8*i)), n)), u.Splat(llx.C32(24), n))
	}
	return list
}

// bytesDot adds to each lane the products of its four bytes of codes, without sign, by those of x, with sign.
func (u *unit) bytesDot(sum, codes llx.Value, x []llx.Value) llx.Value {
	n := u.level.Lanes
	t := llx.Vec(llx.I32, n)
	switch {
	case u.level.VNNI:
		return u.Call("llvm.x86.avx512.vpdpbusd.512", t, sum, codes, x[0])
	case u.level.Arch == "amd64":
		name := "llvm.x86.sse2.pmadd.wd"
		if n == 8 {
			name = "llvm.x86.avx2.pmadd.wd"
		}
		words := llx.Vec(llx.I16, 2*n)
		even := u.Bitcast(u.And(codes, u.Splat(llx.C32(0x00ff00ff), n)), words)
		odd := u.LShr(u.Bitcast(codes, words), u.Splat(llx.Int(llx.I16, 8), 2*n))
		sum = u.Add(sum, u.Call(name, t, even, x[0]))
		return u.Add(sum, u.Call(name, t, odd, x[1]))
	}
	for i, y := range x {
		c := u.LShr(codes, u.Splat(llx.C32(int64(8*i)), n))
		if i < 3 {
			c = u.And(c, u.Splat(llx.C32(255), n))
		}
		sum = u.Add(sum, u.Mul(c, y))
	}
	return sum
}
