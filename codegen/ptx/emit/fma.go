package emit

import (
	"fmt"
	"slices"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// factor is an operand of a contraction that is computed with multiply-adds.
type factor struct {
	v     *value
	p     *place
	scale *factor // what it is multiplied by, nil for nothing
	sum   dtype.Type
	// axis is, for each of its axes, that of the result; -1 where it is summed. sumAxis is the number of the summed axis, or -1.
	axis, sumAxis []int
	// In shared memory it is an array of rows, one for each position along its other axes, of so many elements behind each
	// other along the flattened summed axes. Stride is in elements, by its own axes; 0 for summed ones.
	stride []int64
	rows   int64
	at     int64 // bytes in shared memory
	pitch  int64 // elements from row to row
	// Behind every so many rows are so many elements that nothing uses, where that keeps lanes apart; per 0 says nowhere.
	per, pad int64
	// row is for each slot of the result the row of this factor that it takes, among those that the thread reads.
	row []int
	// first is a slot of the result for each of these rows.
	first []int
	// slots finds the register slot of an element by its coordinates where the thread holds all that it needs, else nil.
	slots map[string]int
	// view is what lies in a slot of a channel and is read there, nil for other factors.
	view *view
	// piece is that of the thread in a row of the slot, if rows are read along another axis than the summed one.
	piece asm.Arg
}

// chain is a contraction that is computed with multiply-adds.
type chain struct {
	e    *emitter
	o    *ir.Op
	sum  dtype.Type
	p    *place // of the result, nil for a scalar
	list []*factor
	acc  []asm.Arg // by slot; twins share
	// counts are the extents of the summed axes in shared memory, steps their product; wide is how many elements along the
	// last of them one load reads.
	counts []int64
	steps  int64
	wide   int64
	chunk  int64 // how many of the steps are in shared memory at a time
	base   asm.Reg
	near   map[asm.Reg]asm.Arg // by [chain.here]
}

// product emits a contraction with multiply-adds. Its operands go through shared memory in rows along the summed axes, but
// for what each thread has in registers already.
func (e *emitter) product(o *ir.Op) {
	c := &chain{e: e, o: o, sum: sumType(o)}
	a, b, sa, sb, acc := o.ContractParts()
	t := o.Result().Type
	slots := 1
	if t.Kind == ir.Tile {
		c.p = e.place(t)
		slots = c.p.slots
	}
	// The summed axes in the order in which they are summed.
	var sums []*ir.Value
	for _, x := range a.Type.Axes {
		if slices.Contains(o.Axes, x.Span) {
			sums = append(sums, x.Span)
		}
	}
	c.list = []*factor{c.factor(a, sums, sa), c.factor(b, sums, sb)}
	c.extents(sums)
	start := asm.Arg{}
	switch c.sum {
	case dtype.F32:
		start = asm.F32(0)
	case dtype.F64:
		start = asm.F64(0)
	default:
		start = asm.Int(0)
	}
	c.acc = make([]asm.Arg, slots)
	class := classOf(c.sum)
	for i := range c.acc {
		if c.p != nil && c.p.twin[i] != i {
			c.acc[i] = c.acc[c.p.twin[i]]
			continue
		}
		x := start
		if acc != nil {
			x = e.converted(e.elem(e.value(acc), i), t.Elem, c.sum)
		}
		c.acc[i] = asm.R(e.move(e.b.Var(class), x))
	}
	c.run()
	list := make([]asm.Arg, slots)
	for i := range list {
		switch {
		case c.p != nil && c.p.twin[i] != i:
			list[i] = list[c.p.twin[i]]
		case t.Elem.IsInt():
			list[i] = e.wrapped(c.acc[i], t.Elem)
		default:
			list[i] = e.converted(c.acc[i], c.sum, t.Elem)
		}
	}
	if c.p == nil {
		e.set(o.Result(), &value{scalar: list[0]})
		return
	}
	e.set(o.Result(), &value{elems: list})
}

// factor prepares an operand, or, without summed axes of its own to run over, a scale.
func (c *chain) factor(v *ir.Value, sums []*ir.Value, scale *ir.Value) *factor {
	e := c.e
	f := &factor{v: e.value(v), sum: c.sum}
	if f.v.stepwise() {
		f.view = f.v.view
	}
	t := v.Type
	if t.Kind == ir.Tile {
		f.p = e.place(t)
	}
	f.stride = make([]int64, len(t.Axes))
	f.rows = 1
	for i := len(t.Axes) - 1; i >= 0; i-- {
		if slices.Contains(sums, t.Axes[i].Span) {
			continue
		}
		f.stride[i] = f.rows
		f.rows *= f.p.d.Tile()[i]
	}
	for _, x := range t.Axes {
		f.axis = append(f.axis, c.o.Result().Type.Axis(x.Span))
		f.sumAxis = append(f.sumAxis, slices.Index(sums, x.Span))
	}
	if scale != nil {
		f.scale = &factor{v: e.value(scale), sum: c.sum, stride: make([]int64, len(scale.Type.Axes)), rows: 1, pitch: 1}
		s := f.scale
		if scale.Type.Kind == ir.Tile {
			s.p = e.place(scale.Type)
		}
		for i := len(s.stride) - 1; i >= 0; i-- {
			s.stride[i] = s.rows
			s.rows *= s.p.d.Tile()[i]
			s.axis = append([]int{t.Axis(scale.Type.Axes[i].Span)}, s.axis...)
		}
	}
	c.reads(f)
	return f
}

// reads finds which rows of a factor the thread reads for the slots of its result.
func (c *chain) reads(f *factor) {
	if c.p == nil {
		f.row, f.first = []int{0}, []int{0}
		return
	}
	seen := map[string]int{}
	for i, at := range c.p.coords {
		var key []byte
		for _, axis := range f.axis {
			if axis >= 0 {
				key = fmt.Append(key, at[axis], " ")
			}
		}
		n, ok := seen[string(key)]
		if !ok {
			n = len(f.first)
			seen[string(key)] = n
			f.first = append(f.first, i)
		}
		f.row = append(f.row, n)
	}
}

// extents settles how many steps there are and how wide loads are: along each summed axis as many as all operands have in
// their layouts, so that all of them are written.
func (c *chain) extents(sums []*ir.Value) {
	c.wide, c.steps = 4, 1
	if c.sum.Bits() == 64 {
		c.wide = 2
	}
	room := func(k int) int64 {
		most := int64(1 << 40)
		for _, f := range c.list {
			for i, s := range f.sumAxis {
				if s == k {
					most = min(most, f.p.d.Tile()[i])
				}
			}
		}
		return most
	}
	last := len(sums) - 1
	up := func(n int64) int64 { return (n + c.wide - 1) / c.wide * c.wide }
	for c.wide > 1 && up(sums[last].Type.Width) > room(last) {
		c.wide /= 2
	}
	for i, s := range sums {
		n := s.Type.Width
		if i == last {
			n = up(n)
		}
		c.counts = append(c.counts, n)
		c.steps *= n
	}
	if c.fromSlots() {
		last := &c.counts[len(c.counts)-1]
		if n := (*last + c.unit() - 1) / c.unit() * c.unit(); n <= room(0) {
			c.steps, *last = n, n
		}
		for c.wide > 1 && c.held()*c.wide+int64(len(c.acc)) > 200 {
			c.wide /= 2
		}
		return
	}
	// Many rows of vectors would not leave registers for the sums, nor do vectors of four beside 128 of these.
	for c.wide > 1 && int64(len(c.list[0].first)+len(c.list[1].first))*c.wide > 160 || c.wide > 2 && len(c.list[0].row) >= 128 {
		c.wide /= 2
	}
	multiplies := c.steps * int64(max(1, len(c.list[0].row)))
	for _, f := range c.list {
		f.scaledSlots(c)
	}
	direct := 0
	for _, f := range c.list {
		if f.slots != nil {
			direct++
		}
	}
	if direct > 0 && multiplies > 2048 || direct == 1 && multiplies > 512 {
		for _, f := range c.list {
			f.slots = nil
		}
	}
}

// scaledSlots finds the elements that the thread needs among those that it holds, if all are.
func (f *factor) scaledSlots(c *chain) {
	if f.scale != nil || f.p == nil {
		return
	}
	e := c.e
	for w := range int64(e.warps) {
		for l := range int64(32) {
			own := f.p.d.Coordinates(f.p.d.Element(0, l, w, 0))
			var to []int64
			if c.p != nil {
				to = c.p.d.Coordinates(c.p.d.Element(0, l, w, 0))
			}
			for i, axis := range f.axis {
				part := int64(0)
				if axis >= 0 {
					part = to[axis] - c.p.coords[0][axis]
				}
				if own[i]-f.p.coords[0][i] != part {
					return
				}
			}
		}
	}
	slots := map[string]int{}
	for i := len(f.p.coords) - 1; i >= 0; i-- {
		slots[fmt.Sprint(f.p.coords[i])] = i
	}
	// All rows and all steps must be there.
	for _, slot := range f.first {
		for k := range c.steps {
			if _, ok := slots[f.key(c, slot, k)]; !ok {
				return
			}
		}
	}
	f.slots = slots
}

// key names the element of a factor at a step, for a slot of the result.
func (f *factor) key(c *chain, slot int, k int64) string {
	at := make([]int64, len(f.axis))
	index := make([]int64, len(c.counts))
	for i := len(index) - 1; i >= 0; i-- {
		index[i], k = k%c.counts[i], k/c.counts[i]
	}
	for i, axis := range f.axis {
		if axis >= 0 {
			at[i] = c.p.coords[slot][axis]
		} else {
			at[i] = index[f.sumAxis[i]]
		}
	}
	return fmt.Sprint(at)
}

// size is the bytes of an element of the sum's type.
func (c *chain) size() int64 { return int64(c.sum.Bits()) / 8 }

// most is how much shared memory a contraction takes at most if it can do with less.
const most = 48 << 10

// run emits the sums.
func (c *chain) run() {
	e := c.e
	switch {
	case c.list[0].slots != nil && c.list[1].slots != nil:
		c.unrolled(0, c.steps)
		return
	case c.list[0].view != nil && c.list[1].view != nil:
		e.arrived()
		c.streamed(0, c.steps)
		return
	}
	scales := int64(0)
	for _, f := range c.list {
		if f.scale != nil {
			scales += (f.scale.rows*c.size() + 15) &^ 15
		}
	}
	c.chunk = c.steps
	for {
		total := scales
		for _, f := range c.list {
			if f.slots == nil && f.view == nil {
				f.pitch = c.chunk
				if c.chunk/c.wide%2 == 0 {
					f.pitch += c.wide
				}
				f.at = total
				c.padded(f)
				elems := f.rows * f.pitch
				if f.per > 0 {
					elems += (f.rows + f.per - 1) / f.per * f.pad
				}
				total += (elems*c.size() + 15) &^ 15
			}
		}
		if total <= min(most, int64(e.target.SM.Shared())-e.shared.top()) || c.chunk <= 8*c.wide {
			offset, base := e.scratch(total)
			c.base = base
			c.shared(offset)
			return
		}
		c.chunk = max(8*c.wide, (c.chunk/2+c.wide-1)/c.wide*c.wide)
	}
}

// shared emits the sums with operands in shared memory, from an offset on.
func (c *chain) shared(offset int64) {
	e := c.e
	at := int64(0)
	for _, f := range c.list {
		if f.scale != nil {
			f.scale.at = at + offset
			at += (f.scale.rows*c.size() + 15) &^ 15
			c.fillScale(f.scale)
		}
		f.at += offset
	}
	if at > 0 {
		e.barrier()
	}
	for from := int64(0); from < c.steps; from += c.chunk {
		if from > 0 {
			e.barrier()
		}
		for _, f := range c.list {
			if f.slots == nil && f.view == nil {
				c.fill(f, from)
			}
		}
		e.barrier()
		to := min(c.steps, from+c.chunk)
		switch {
		case c.fromSlots():
			c.streamed(from, to)
		case c.list[0].slots != nil || c.list[1].slots != nil:
			c.unrolled(from, to)
		default:
			c.loop(from, to)
		}
	}
}

// offset is the thread's part of a sum of coordinates times strides, in bytes.
func (c *chain) offset(p *place, stride []int64) asm.Arg {
	sum := asm.Int(0)
	if p == nil {
		return sum
	}
	for i, s := range stride {
		if s > 0 {
			sum = c.e.b.Add(asm.W, sum, c.e.b.Mul(asm.W, c.e.part(p, i), asm.Int(s*c.size())))
		}
	}
	return sum
}

// inner is the sum of products.
func inner(x, y []int64) int64 {
	sum := int64(0)
	for i := range x {
		sum += x[i] * y[i]
	}
	return sum
}

// fillScale puts a scale into shared memory.
func (c *chain) fillScale(s *factor) {
	e, b := c.e, c.e.b
	if s.p == nil {
		return
	}
	own, some := e.owner(s.p)
	to := b.Move(asm.W, b.Add(asm.W, asm.R(c.base), c.offset(s.p, s.stride)))
	for i, at := range s.p.coords {
		if s.p.twin[i] != i {
			continue
		}
		x := e.converted(e.elem(s.v, i), s.v.t.Elem, c.sum)
		c.store(asm.At(to, s.at+inner(at, s.stride)*c.size()), []asm.Arg{x}, own, some)
	}
}

// store writes elements of the sum's type that lie side by side.
func (c *chain) store(to asm.Arg, list []asm.Arg, p asm.Reg, guarded bool) {
	op := "st.shared."
	value := list[0]
	if len(list) > 1 {
		op += fmt.Sprintf("v%d.", len(list))
		value = asm.Vec(list...)
	}
	op += fmt.Sprintf("b%d", c.sum.Bits())
	if guarded {
		c.e.b.EmitIf(asm.R(p), op, to, value)
	} else {
		c.e.b.Emit(op, to, value)
	}
}

// fill puts the steps of a factor from one on into shared memory, with zeros for what is absent along summed axes.
func (c *chain) fill(f *factor, from int64) {
	e, b := c.e, c.e.b
	p, t := f.p, f.v.t
	to := min(c.steps, from+c.chunk)
	// The step of an element is linear in its coordinates.
	along := make([]int64, len(f.axis))
	var summed []int
	for i, s := range f.sumAxis {
		if s >= 0 {
			along[i] = 1
			for _, n := range c.counts[s+1:] {
				along[i] *= n
			}
			summed = append(summed, i)
		}
	}
	bytes := make([]int64, len(f.axis))
	for i := range bytes {
		bytes[i] = along[i] + f.stride[i]*f.pitch
	}
	part := b.Add(asm.W, c.offset(p, bytes), c.padding(f, p, f.kept()))
	address := b.Move(asm.W, b.Add(asm.W, asm.R(c.base), part))
	own, guarded := e.owner(p)
	step := asm.Int(0)
	for i, s := range along {
		if s > 0 {
			step = b.Add(asm.W, step, b.Mul(asm.W, e.part(p, i), asm.Int(s)))
		}
	}
	last := slices.Index(f.sumAxis, len(c.counts)-1)
	wide := c.together(f, last)
	for i := 0; i < p.slots; i += wide {
		if p.twin[i] != i {
			continue
		}
		at := p.coords[i]
		guard, some := own, guarded
		and := func(q asm.Reg) {
			if some {
				q = b.AndP(guard, q)
			}
			guard, some = q, true
		}
		out := false
		for _, j := range summed {
			n := c.counts[f.sumAxis[j]]
			if at[j] >= n {
				out = true
			} else if at[j]+p.most[j] >= n {
				and(b.SetP("lt", "s32", e.part(p, j), asm.Int(n-at[j])))
			}
		}
		k, reach := inner(at, along), inner(p.most, along)
		if out || k >= to || k+reach < from {
			continue
		}
		if k < from {
			and(b.SetP("ge", "s32", step, asm.Int(from-k)))
		}
		if k+reach >= to && to < c.steps {
			and(b.SetP("lt", "s32", step, asm.Int(to-k)))
		}
		list := make([]asm.Arg, wide)
		for j := range list {
			list[j] = c.element(f, i+j, t, summed)
		}
		c.store(asm.At(address, f.at+(inner(at, bytes)+f.padsBefore(at, f.kept())-from)*c.size()), list, guard, some)
	}
}

// element is an element of a factor in the sum's type, times its scale, 0 where it is absent along summed axes.
func (c *chain) element(f *factor, slot int, t ir.Type, summed []int) asm.Arg {
	e, b := c.e, c.e.b
	x := e.converted(e.elem(f.v, slot), t.Elem, c.sum)
	if s := f.scale; s != nil {
		by := asm.Arg{}
		if s.p == nil {
			by = e.converted(s.v.scalar, s.v.t.Elem, c.sum)
		} else {
			stride, offset := make([]int64, len(f.axis)), s.at
			for i, axis := range s.axis {
				stride[axis] = s.stride[i]
			}
			offset += inner(f.p.coords[slot], stride) * c.size()
			address := c.clamped(f.p, slot, s, s.axis, s.stride)
			if address.Valid() {
				by = asm.R(b.Do(fmt.Sprintf("ld.shared.b%d", c.sum.Bits()), classOf(c.sum), asm.At(address, s.at)))
			} else {
				from := b.Move(asm.W, b.Add(asm.W, asm.R(c.base), c.offset(f.p, stride)))
				by = asm.R(b.Do(fmt.Sprintf("ld.shared.b%d", c.sum.Bits()), classOf(c.sum), asm.At(from, offset)))
			}
		}
		x = asm.R(b.Pure("mul.rn."+c.sum.String(), classOf(c.sum), x, by))
	}
	if in, ok := e.live(t, slot, summed); ok {
		x = asm.R(b.Select(classOf(c.sum), in, x, asm.Int(0)))
	}
	return x
}

// together is how many slots of a factor, from every multiple of it on, lie behind each other along its last summed axis and
// can be stored at once.
func (c *chain) together(f *factor, axis int) int {
	p := f.p
	wide := int(c.wide)
	for _, g := range slices.Concat(p.lane, p.warp) {
		for g.Axis == axis && g.Size > 1 && wide > 1 && g.Stride%int64(wide) != 0 {
			wide /= 2
		}
	}
	fits := func() bool {
		if p.slots%wide != 0 || c.chunk%int64(wide) != 0 || f.pitch%int64(wide) != 0 || c.counts[len(c.counts)-1]%int64(wide) != 0 {
			return false
		}
		for i := 0; i < p.slots; i += wide {
			if p.coords[i][axis]%int64(wide) != 0 {
				return false
			}
			for j := range wide {
				for k, x := range p.coords[i+j] {
					if k == axis && x != p.coords[i][k]+int64(j) || k != axis && x != p.coords[i][k] || (p.twin[i+j] == i+j) != (p.twin[i] == i) {
						return false
					}
				}
			}
		}
		return true
	}
	for wide > 1 && !fits() {
		wide /= 2
	}
	return wide
}

// clamped is the address of the row of a factor for a slot of another place where that reaches beyond the factor's array; no
// register where it does not.
func (c *chain) clamped(p *place, slot int, f *factor, axis []int, stride []int64) asm.Reg {
	b, needed := c.e.b, false
	for i, a := range axis {
		if a >= 0 && p.d.Tile()[a] > f.p.d.Tile()[i] {
			needed = true
		}
	}
	if !needed {
		return asm.Reg{}
	}
	sum := asm.R(c.base)
	for i, a := range axis {
		if a < 0 {
			continue
		}
		at := c.e.coord(p, slot, a)
		if n := f.p.d.Tile()[i]; p.d.Tile()[a] > n {
			at = asm.R(b.Pure("min.s32", asm.W, at, asm.Int(n-1)))
		}
		sum = b.Add(asm.W, sum, b.Mul(asm.W, at, asm.Int(stride[i]*c.size())))
	}
	return b.Move(asm.W, sum)
}

// rowAddress is the address of a row of a factor for a slot of the result, without what is constant, which is beside it.
func (c *chain) rowAddress(f *factor, slot int) (asm.Reg, int64) {
	b := c.e.b
	if c.p == nil {
		return c.base, f.at
	}
	bytes := make([]int64, len(f.axis))
	for i := range bytes {
		bytes[i] = f.stride[i] * f.pitch
	}
	if r := c.clamped(c.p, slot, f, f.axis, bytes); r.Valid() {
		return r, f.at
	}
	strides := make([]int64, len(c.p.most))
	for i, axis := range f.axis {
		if axis >= 0 {
			strides[axis] = bytes[i]
		}
	}
	axis := -1
	if i := f.kept(); i >= 0 {
		axis = f.axis[i]
	}
	part := b.Add(asm.W, c.offset(c.p, strides), c.padding(f, c.p, axis))
	return b.Move(asm.W, b.Add(asm.W, asm.R(c.base), part)), f.at + (inner(c.p.coords[slot], strides)+f.padsBefore(c.p.coords[slot], axis))*c.size()
}

// loads reads elements of the sum's type that lie side by side.
func (c *chain) loads(from asm.Arg, n int64) []asm.Arg {
	b, class := c.e.b, classOf(c.sum)
	if n == 1 {
		return []asm.Arg{asm.R(b.Do(fmt.Sprintf("ld.shared.b%d", c.sum.Bits()), class, from))}
	}
	regs := b.Regs(class, int(n))
	b.Emit(fmt.Sprintf("ld.shared.v%d.b%d", n, c.sum.Bits()), asm.Regs(regs...), from)
	list := make([]asm.Arg, n)
	for i, r := range regs {
		list[i] = asm.R(r)
	}
	return list
}

// loop emits the steps of a chunk that lies in shared memory.
func (c *chain) loop(from, to int64) {
	b := c.e.b
	n := to - from
	unroll := c.wide
	for unroll*int64(len(c.list[0].row)) < 64 && n%(2*unroll) == 0 && unroll < 16 {
		unroll *= 2
	}
	body := func(add func(asm.Reg) asm.Reg) {
		for k := int64(0); k < min(n, unroll); k += c.wide {
			load := func(i, slot int) []asm.Arg {
				r, offset := c.rowAddress(c.list[i], slot)
				return c.loads(asm.At(add(r), offset+k*c.size()), c.wide)
			}
			var rows [][]asm.Arg
			for _, slot := range c.list[0].first {
				rows = append(rows, load(0, slot))
			}
			// A row of the second factor is used up before the next one takes registers.
			for n, slot := range c.list[1].first {
				other := load(1, slot)
				for j := range c.wide {
					c.step(n, func(i, row int) asm.Arg {
						if i == 0 {
							return rows[row][j]
						}
						return other[j]
					})
				}
			}
		}
	}
	if n <= unroll {
		body(func(r asm.Reg) asm.Reg { return r })
		return
	}
	at := b.Var(asm.W)
	c.e.move(at, asm.Int(0))
	b.Loop(func(begin, end string) {
		b.Changes(at)
		for _, x := range c.acc {
			r, _ := x.Reg()
			b.Changes(r)
		}
		body(func(r asm.Reg) asm.Reg { return b.Move(asm.W, b.Add(asm.W, asm.R(r), asm.R(at))) })
		b.Emit("add.s32", asm.R(at), asm.R(at), asm.Int(unroll*c.size()))
		more := b.Do("setp.lt.s32", asm.P, asm.R(at), asm.Int(n*c.size()))
		b.EmitIf(asm.R(more), "bra.uni", asm.Text(begin))
	})
}

// unrolled emits steps of which an operand, or both, is in registers.
func (c *chain) unrolled(from, to int64) {
	var rows [2][][]asm.Arg
	for i, f := range c.list {
		rows[i] = make([][]asm.Arg, len(f.first))
	}
	for k := from; k < to; k++ {
		for i, f := range c.list {
			for row, slot := range f.first {
				if f.slots == nil {
					if (k-from)%c.wide == 0 {
						r, offset := c.rowAddress(f, slot)
						rows[i][row] = c.loads(asm.At(r, offset+(k-from)*c.size()), c.wide)
					}
					continue
				}
				var summed []int
				for j, s := range f.sumAxis {
					if s >= 0 {
						summed = append(summed, j)
					}
				}
				rows[i][row] = []asm.Arg{c.element(f, f.slots[f.key(c, slot, k)], f.v.t, summed)}
			}
		}
		c.step(-1, func(i, row int) asm.Arg {
			list := rows[i][row]
			return list[(k-from)%int64(len(list))]
		})
	}
}

// step adds one product to every slot of the result, or, where row is not negative, to those that take this row of the second factor.
func (c *chain) step(row int, factor func(i, row int) asm.Arg) {
	c.part(func(slot int) bool { return row < 0 || c.list[1].row[slot] == row }, factor)
}

// part adds one product to some slots of the result.
func (c *chain) part(some func(slot int) bool, factor func(i, row int) asm.Arg) {
	e, b, t := c.e, c.e.b, c.o.Result().Type.Elem
	for slot, acc := range c.acc {
		if c.p != nil && c.p.twin[slot] != slot || !some(slot) {
			continue
		}
		x, y := factor(0, c.list[0].row[slot]), factor(1, c.list[1].row[slot])
		op := "mad.lo.s32"
		switch c.sum {
		case dtype.F32:
			op = "fma.rn.f32"
		case dtype.F64:
			op = "fma.rn.f64"
		case dtype.I64:
			op = "mad.lo.s64"
		}
		if !t.IsFloat() || t == c.sum {
			b.Emit(op, acc, x, y, acc)
			continue
		}
		// Rounded at every step.
		next := e.converted(asm.R(b.Do(op, classOf(c.sum), x, y, acc)), c.sum, t)
		r, _ := acc.Reg()
		e.move(r, e.converted(next, t, c.sum))
	}
}
