package interp

import (
	"fmt"
	"slices"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/ring"
)

// A channel is a ring of slots of real memory, of one block of a phase.
type channel struct {
	ring.Ring
	plan *channelPlan
	data []byte
	// filled says for each slot that something was put into it since it was acquired.
	filled []bool
	// done are the last operations on each slot.
	done []*ir.Op
}

// channelPlan is what is known of a channel before a run.
type channelPlan struct {
	op    *ir.Op
	name  string
	elem  dtype.Type
	shape []int
	// count is the number of elements of a slot, bytes the room of one.
	count, bytes int
	runs         []stretchOf
	// sides are an operation of each kind on the channel, for reports.
	sides map[ir.Code]*ir.Op
	// readers counts those that read the channel; first is the number of the first of each role's groups.
	readers int
	first   map[*ir.Op]int
}

// reader is the number of the reader of the first group for which an operation reads the channel.
func (p *channelPlan) reader(o *ir.Op) int { return p.first[roleOf(o)] }

// roleOf is the role around an operation, nil where there is none.
func roleOf(o *ir.Op) *ir.Op {
	for ; o != nil; o = o.Parent.Parent {
		if o.Code == ir.RoleOf {
			return o
		}
	}
	return nil
}

// stretchOf is a stretch of elements of a slot, in row-major order, that are neighbours in memory too.
type stretchOf struct {
	at, off, n int // first element, its offset in elements, number
}

// poisonByte fills slots that hold nothing: it is NaN in all floats that have one.
const poisonByte = 0xFF

// planChannel looks at a channel's type and uses.
func planChannel(o *ir.Op) *channelPlan {
	t := o.Result().Type
	p := &channelPlan{op: o, name: o.Result().Name, elem: t.Elem, count: 1, sides: map[ir.Code]*ir.Op{}, first: map[*ir.Op]int{}}
	steps := make([]int64, len(t.Axes)) // of the layout's index along each axis: the first runs fastest
	step := int64(1)
	for i, a := range t.Axes {
		p.shape = append(p.shape, int(a.Extent))
		p.count *= int(a.Extent)
		steps[i] = step
		step *= a.Extent
	}
	index := make([]int64, len(steps))
	bits := int64(t.Elem.Bits())
	end := int64(0)
	for k := range p.count {
		at := int64(0)
		for i, x := range index {
			at += x * steps[i]
		}
		bit := int64(k) * bits // in the value stage, one after the other
		if t.Shared != nil {
			bit = t.Shared.At(at)
		}
		end = max(end, bit+bits)
		off := int(bit / bits)
		if n := len(p.runs) - 1; n >= 0 && p.runs[n].off+p.runs[n].n == off {
			p.runs[n].n++
		} else {
			p.runs = append(p.runs, stretchOf{k, off, 1})
		}
		for i := len(index) - 1; i >= 0; i-- {
			if index[i]++; index[i] < int64(p.shape[i]) {
				break
			}
			index[i] = 0
		}
	}
	p.bytes = int(end+7) / 8
	o.Parent.Walk(func(q *ir.Op) {
		if len(q.Operands) == 0 || q.Operands[0] != o.Result() {
			return
		}
		if p.sides[q.Code] == nil {
			p.sides[q.Code] = q
		}
		role := roleOf(q)
		if _, known := p.first[role]; q.Code != ir.Take || known {
			return
		}
		p.first[role] = p.readers
		p.readers++
		if role != nil {
			p.readers += int(role.Int("groups")) - 1
		}
	})
	return p
}

// memory is a slot as memory.
func (c *channel) memory(ticket int64) *memory {
	at := c.Slot(ticket)
	return &memory{name: c.plan.name, elem: c.plan.elem, class: classOf(c.plan.elem), width: c.plan.elem.Bits(),
		data: c.data[int(at)*c.plan.bytes:][:c.plan.bytes]}
}

// poison spoils what a slot holds.
func (c *channel) poison(ticket int64) {
	d := c.memory(ticket).data
	for i := range d {
		d[i] = poisonByte
	}
	c.filled[c.Slot(ticket)] = false
}

// broken is the fault of an operation that the ring does not allow; the other place is that of the last operation on
// the slot.
func (c *channel) broken(o *ir.Op, ticket int64, why error) error {
	f := faultf(Race, o.Pos, "channel %s: %v", c.plan.name, why)
	if last := c.done[c.Slot(max(ticket, 0))]; last != nil {
		f.Other = last.Pos
	}
	return f
}

// wait is what an operation waits for: that ready holds, which an operation by makes so.
type wait struct {
	op    *ir.Op
	ch    *channel
	ready func() bool
	by    ir.Code
	what  string
}

// stuck is the fault of a wait that nothing ends, as no one else runs.
func (x *wait) stuck() error {
	f := faultf(Deadlock, x.op.Pos, "channel %s: %s waits for a slot of %d to be %s", x.ch.plan.name, x.op.Code, x.ch.Depth, x.what)
	if q := x.ch.plan.sides[x.by]; q == nil {
		f.Message += ", and nothing ever does that"
	} else {
		f.Message += fmt.Sprintf(", and the %s that does it stands behind it", x.by)
		f.Other = q.Pos
	}
	return f
}

// settled holds at a block's end that what was acquired went the whole way.
func (w *worker) settled(g *grid) error {
	for _, k := range g.channels {
		c := w.cells[k].ch
		if c == nil || c.Held() == 0 {
			continue
		}
		what, by := "released", ir.Release
		if first := c.Released(); c.Committed == first {
			what, by = "committed", ir.Commit
		} else if slices.ContainsFunc(c.Readers, func(r ring.Reader) bool { return r.Taken == first }) {
			what, by = "taken", ir.Take
		}
		f := faultf(Deadlock, c.plan.op.Pos, "channel %s: at the end of a block %d slots are held, the first of them never %s",
			c.plan.name, c.Held(), what)
		if q := c.plan.sides[by]; q != nil {
			f.Other = q.Pos
		}
		return f
	}
	return nil
}

// channel decodes the operations of channels, and conversions of layouts.
func (c *compiler) channel(o *ir.Op) func(w *worker) error {
	in := c.cellsOf(o.Operands)
	out := -1
	if len(o.Results) > 0 {
		out = c.cell(o.Result())
	}
	reader := 0
	if len(o.Operands) > 0 {
		if p := c.chans[o.Operands[0]]; p != nil {
			reader = p.reader(o)
		}
	}
	switch o.Code {
	case ir.ChanOf:
		p, depth := planChannel(o), o.Result().Type.Depth
		c.chans[o.Result()] = p
		return func(w *worker) error { return w.open(&w.cells[out], p, depth) }
	case ir.Acquire:
		return func(w *worker) error {
			ch := w.cells[in[0]].ch
			if err := w.await(&wait{o, ch, ch.Free, ir.Release, "released"}); err != nil {
				return err
			}
			ticket, err := ch.Acquire()
			if err != nil {
				return ch.broken(o, ticket, err)
			}
			ch.poison(ticket)
			ch.done[ch.Slot(ticket)] = o
			w.cells[out].ch, w.cells[out].ticket = ch, ticket
			return nil
		}
	case ir.Take:
		return func(w *worker) error {
			ch, me := w.cells[in[0]].ch, w.reader(reader)
			if err := w.await(&wait{o, ch, func() bool { return ch.Filled(me) }, ir.Commit, "committed"}); err != nil {
				return err
			}
			ticket, err := ch.Take(me)
			if err != nil {
				return ch.broken(o, ticket, err)
			}
			ch.done[ch.Slot(ticket)] = o
			w.cells[out].ch, w.cells[out].ticket = ch, ticket
			return nil
		}
	case ir.Commit:
		return func(w *worker) error {
			ch, ticket := w.cells[in[0]].ch, w.cells[in[1]].ticket
			if err := ch.Commit(ticket); err != nil {
				return ch.broken(o, ticket, err)
			}
			ch.done[ch.Slot(ticket)] = o
			return w.await(nil)
		}
	case ir.Release:
		return func(w *worker) error {
			ch, ticket := w.cells[in[0]].ch, w.cells[in[1]].ticket
			if err := ch.Release(w.reader(reader), ticket); err != nil {
				return ch.broken(o, ticket, err)
			}
			if ch.Released() > ticket {
				ch.poison(ticket)
			}
			ch.done[ch.Slot(ticket)] = o
			return w.await(nil)
		}
	case ir.View:
		axes := c.cellsOf(o.Axes)
		if o.Result().Type.Shared == nil {
			return c.readSlot(o, in[0], out)
		}
		return func(w *worker) error {
			s, d := &w.cells[in[0]], &w.cells[out]
			w.drop(d)
			w.shape(d, axes)
			d.ch, d.ticket = s.ch, s.ticket
			return nil
		}
	case ir.Copy:
		return c.copy(o)
	case ir.Put:
		return c.put(o)
	}
	if o.Operands[0].Type.Shared == nil {
		return func(w *worker) error {
			w.share(&w.cells[out], &w.cells[in[0]])
			return nil
		}
	}
	return c.readSlot(o, in[0], out)
}

// readSlot decodes what reads a slot, itself or by a view of it, into a tile.
func (c *compiler) readSlot(o *ir.Op, in, out int) func(w *worker) error {
	axes, reader := c.spans(o.Result().Type), 0
	if o.Code == ir.View {
		reader = c.chans[o.Operands[0].Def.Operands[0]].reader(o)
	} else if view := o.Operands[0].Def; view != nil && view.Operands[0].Def != nil {
		reader = c.chans[view.Operands[0].Def.Operands[0]].reader(o)
	}
	return func(w *worker) error {
		s, d := &w.cells[in], &w.cells[out]
		if err := s.ch.Readable(w.reader(reader), s.ticket); err != nil {
			return s.ch.broken(o, s.ticket, err)
		}
		if !s.ch.filled[s.ch.Slot(s.ticket)] {
			return faultf(Uninitialised, o.Pos, "channel %s: a slot is read into which nothing was put", s.ch.plan.name)
		}
		if err := w.fresh(d, axes); err != nil {
			return err
		}
		switch d.class {
		case f32Class:
			readSlot[float32](w, s, d)
		case f64Class:
			readSlot[float64](w, s, d)
		case intClass:
			readSlot[int64](w, s, d)
		default:
			readSlot[bool](w, s, d)
		}
		return nil
	}
}

// open makes a channel, in the memory of the one of an earlier block.
func (w *worker) open(d *cell, p *channelPlan, depth int64) error {
	if d.ch == nil {
		bytes := int64(p.bytes) * depth
		if err := w.run.reserve(bytes, p.op); err != nil {
			return err
		}
		d.ch = &channel{plan: p, data: make([]byte, bytes), filled: make([]bool, depth), done: make([]*ir.Op, depth)}
	}
	d.ch.Ring = ring.New(depth, p.readers)
	clear(d.ch.done)
	for i := range depth {
		d.ch.poison(i)
	}
	return nil
}

// copy decodes a copy: a load into a tile of its own, and from there into the slot.
func (c *compiler) copy(o *ir.Op) func(w *worker) error {
	t := ir.TileType(o.Tensor().Type.Elem)
	p := c.plan(o)
	slot := c.cell(o.Operands[0])
	// The tile that is loaded has the subscripts' axes in their order, the slot its own.
	spans := unionAxes(o.Subscripts())
	tile := len(c.p.types)
	t.Kind, t.Axes = ir.Tile, ir.AxesOf(spans...)
	c.p.types = append(c.p.types, t)
	at := places(o.Axes, t.Axes)
	kind := classOf(t.Elem)
	return func(w *worker) error {
		d := &w.cells[tile]
		defer w.drop(d)
		err := w.fresh(d, p.axes)
		if err != nil {
			return err
		}
		switch kind {
		case f32Class:
			err = load[float32](w, p, d, nil)
		case f64Class:
			err = load[float64](w, p, d, nil)
		case intClass:
			err = load[int64](w, p, d, nil)
		default:
			err = load[bool](w, p, d, nil)
		}
		if err != nil {
			return err
		}
		return w.fill(o, &w.cells[slot], d, at)
	}
}

func (c *compiler) put(o *ir.Op) func(w *worker) error {
	slot, tile := c.cell(o.Operands[0]), c.cell(o.Operands[1])
	at := order(len(o.Operands[1].Type.Axes))
	return func(w *worker) error {
		if err := w.force(&w.cells[tile]); err != nil {
			return err
		}
		return w.fill(o, &w.cells[slot], &w.cells[tile], at)
	}
}

// fill puts a tile into a slot; at gives for each axis of the slot that of the tile.
func (w *worker) fill(o *ir.Op, s, tile *cell, at []int) error {
	if err := s.ch.Writable(s.ticket); err != nil {
		return s.ch.broken(o, s.ticket, err)
	}
	switch tile.class {
	case f32Class:
		writeSlot[float32](w, s, tile, at)
	case f64Class:
		writeSlot[float64](w, s, tile, at)
	case intClass:
		writeSlot[int64](w, s, tile, at)
	default:
		writeSlot[bool](w, s, tile, at)
	}
	at2 := s.ch.Slot(s.ticket)
	s.ch.filled[at2], s.ch.done[at2] = true, o
	return nil
}

// writeSlot writes the elements of a tile, and zeros in the place of those that are absent.
func writeSlot[T elem](w *worker, s, tile *cell, at []int) {
	p, m := s.ch.plan, s.ch.memory(s.ticket)
	all := scratch[T](w, 0, p.count)
	clear(all)
	wk := &w.wk
	wk.begin()
	stride := p.count
	for i, k := range at {
		stride /= p.shape[i]
		wk.axis(tile.dims[k].n, stride, tile.dims[k].s, 0, 0)
	}
	from := vec[T](tile)
	for more := wk.start(); more; more = wk.next() {
		for i := range wk.n {
			all[wk.off[0]+i*wk.s[0]] = from[wk.off[1]+i*wk.s[1]]
		}
	}
	for _, r := range p.runs {
		encode(m, all[r.at:r.at+r.n], r.off)
	}
}

// readSlot reads the elements of a slot that exist along the axes of a tile, which is row-major.
func readSlot[T elem](w *worker, s, tile *cell) {
	p, m := s.ch.plan, s.ch.memory(s.ticket)
	all := scratch[T](w, 0, p.count)
	for _, r := range p.runs {
		decode(m, all[r.at:r.at+r.n], r.off)
	}
	wk := &w.wk
	wk.begin()
	stride := p.count
	for i, x := range tile.dims {
		stride /= p.shape[i]
		wk.axis(x.n, x.s, stride, 0, 0)
	}
	to := vec[T](tile)
	for more := wk.start(); more; more = wk.next() {
		for i := range wk.n {
			to[wk.off[0]+i*wk.s[0]] = all[wk.off[1]+i*wk.s[1]]
		}
	}
}
