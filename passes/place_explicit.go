package passes

import (
	"fmt"
	"slices"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/layout"
)

// What the explicit level leaves to placing: slots get a layout of memory, what is seen of them goes to registers where it
// is seen, and each role is placed over its own warps.

// PhaseWarps is the number of warps of a phase: those of its roles together, or as many as the schedule says.
func PhaseWarps(fn *ir.Func, phase *ir.Op) int {
	n := 0
	if phase == nil {
		return Warps(fn)
	}
	for _, o := range phase.Regions[0].Ops {
		if o.Code == ir.RoleOf {
			n += int(o.Int("groups") * o.Int("warps"))
		}
	}
	if n == 0 {
		return Warps(fn)
	}
	return n
}

// settleExplicit prepares the explicit level, and gives the roles that are to be placed by themselves.
func settleExplicit(fn *ir.Func) (roles []*ir.Op, explicit bool, err error) {
	var chans, copies, views []*ir.Op
	fn.Walk(func(o *ir.Op) {
		switch o.Code {
		case ir.ChanOf:
			chans = append(chans, o)
		case ir.Copy:
			copies = append(copies, o)
		case ir.View:
			views = append(views, o)
		case ir.RoleOf:
			roles = append(roles, o)
		}
	})
	for _, o := range fn.Body.Ops {
		if n := 0; o.Code == ir.Parallel {
			if n = PhaseWarps(fn, o); n > maxWarps {
				return nil, false, &Misfit{Text: fmt.Sprintf("the roles have %d warps together, and a block has at most %d", n, maxWarps), Pos: o.Pos}
			}
		}
	}
	kept := map[*ir.Op]bool{}
	for _, o := range chans {
		v := o.Result()
		l, ok := formedLayout(o, copies, kept)
		if !ok {
			l, ok = slotLayout(v.Type)
		}
		if !ok {
			return nil, false, &Misfit{Text: fmt.Sprintf("channel %s has elements of %d bits, which do not lie in bytes: send them as u8 or i8", v.Name, v.Type.Elem.Bits()), Pos: o.Pos}
		}
		v.Type.Shared = &l
		fn.Walk(func(q *ir.Op) {
			if (q.Code == ir.Acquire || q.Code == ir.Take) && q.Operands[0] == v {
				q.Result().Type.Shared = &l
			}
		})
	}
	b := ir.NewBuilder(fn)
	for _, o := range copies {
		if kept[o] {
			continue
		}
		b.At(o.Pos).Before(o)
		x := b.Load(o.Operands[1], o.Operands[2:], o.Str("mode"), nil)
		b.Put(o.Operands[0], b.Bcast(x, ir.AxesOf(o.Axes...)))
		o.Remove()
	}
	for _, o := range views {
		// The tile that others name is the one in registers.
		v := o.Result()
		seen := &ir.Value{Name: v.Name, Type: v.Type, Def: o}
		seen.Type.Shared = o.Operands[0].Type.Shared
		o.Results[0] = seen
		c := &ir.Op{Code: ir.Convert, Operands: []*ir.Value{seen}, Results: []*ir.Value{v}, Parent: o.Parent, Pos: o.Pos}
		v.Def, v.Index = c, 0
		for i, q := range o.Parent.Ops {
			if q == o {
				o.Parent.Ops = append(o.Parent.Ops[:i+1:i+1], append([]*ir.Op{c}, o.Parent.Ops[i+1:]...)...)
				break
			}
		}
	}
	fn.Number()
	return roles, len(chans) > 0 || len(roles) > 0, nil
}

// formedLayout is the layout of the slots of a channel that are filled by asynchronous copies, or whose contents are multiplied; false where
// there is no such. The copies are kept: their elements lie next to each other in the tensor and in a slot's rows, and the phase does not
// write the tensor.
func formedLayout(o *ir.Op, copies []*ir.Op, kept map[*ir.Op]bool) (layout.Layout, bool) {
	t := o.Result().Type
	if len(t.Axes) < 2 || t.Elem.Bits()%8 != 0 {
		return layout.Layout{}, false
	}
	written := writtenIn(o.Parent.Parent)
	inner := -1
	var list []*ir.Op
	for _, c := range copies {
		if c.Operands[0].Def.Operands[0] != o.Result() || written[c.Operands[1]] {
			continue
		}
		if i := rowsOf(c); i >= 0 && (inner < 0 || i == inner) {
			inner = i
			list = append(list, c)
		}
	}
	if inner < 0 {
		if !multipliedFrom(o) {
			return layout.Layout{}, false
		}
		inner = len(t.Axes) - 1
	}
	extents := make([]int64, len(t.Axes))
	for i, a := range t.Axes {
		extents[i] = a.Extent
	}
	f := NewSlotForm(extents, inner, int64(t.Elem.Bits()))
	l, err := f.Layout()
	if err != nil || f.Pieces() > 1<<10 {
		return l, false
	}
	for _, c := range list {
		kept[c] = true
	}
	return l, true
}

// rowsOf is the axis of a slot along which a copy has the elements of the tensor's rows, -1 where it has none, or where other subscripts
// than scalars and one span for each axis say what is copied.
func rowsOf(c *ir.Op) int {
	x := c.Operands[1]
	if x.Type.Mem == ir.Packed || x.Def != nil && x.Def.Code == ir.SharedOf {
		return -1
	}
	var spans []*ir.Value
	for _, s := range c.Subscripts() {
		switch {
		case s.Type.Kind == ir.Tile || slices.Contains(spans, s):
			return -1
		case s.Type.Kind == ir.Span:
			spans = append(spans, s)
		}
	}
	if len(spans) != len(c.Axes) {
		return -1
	}
	return slices.Index(c.Axes, c.Operands[len(c.Operands)-1])
}

// multipliedFrom reports whether what is taken from a channel is a factor of a contraction, as it is or cast.
func multipliedFrom(o *ir.Op) bool {
	uses := users(o.Parent)
	var factor func(v *ir.Value) bool
	factor = func(v *ir.Value) bool {
		return slices.ContainsFunc(uses[v], func(u use) bool {
			return u.o.Code == ir.Contract && u.i < 2 || (u.o.Code == ir.Cast || u.o.Code == ir.Rebind) && factor(u.o.Result())
		})
	}
	for _, take := range uses[o.Result()] {
		if take.o.Code != ir.Take {
			continue
		}
		if slices.ContainsFunc(uses[take.o.Result()], func(u use) bool { return u.o.Code == ir.View && factor(u.o.Result()) }) {
			return true
		}
	}
	return false
}

// slotLayout is the layout of a slot's elements: row-major, each row a bank further than the one before it.
func slotLayout(t ir.Type) (layout.Layout, bool) {
	bits := int64(t.Elem.Bits())
	step := max(8, bits)
	if step%bits != 0 || step&(step-1) != 0 {
		return layout.Layout{}, false
	}
	n := len(t.Axes)
	extents, strides := make([]int64, n), make([]int64, n)
	for i := n - 1; i >= 0; i-- {
		extents[i], strides[i] = t.Axes[i].Extent, step
		step *= extents[i]
		if i == n-1 && n > 1 {
			step = (step+127)/128*128 + 128
		}
	}
	l, err := layout.New(layout.Ints(extents...), layout.Ints(strides...))
	return l, err == nil
}

// placeRoles places the regions of roles, each as if it were a function of its own.
func placeRoles(fn *ir.Func, m Machine, roles []*ir.Op, p promises, rec *recorder) error {
	for _, o := range roles {
		part := &ir.Func{Name: fn.Name, Binds: fn.Binds, Sizes: fn.Sizes, Params: fn.Params, Pos: o.Pos, Body: o.Regions[0]}
		if err := newPlacer(part, m, o.Int("warps"), p).place(part.Body, rec); err != nil {
			return err
		}
	}
	return nil
}

// pinned is the form that a PinTo asks for.
func (p *placer) pinned(o *ir.Op) (*form, error) {
	t := o.Result().Type
	d, err := o.Pinned()
	misfit := func(format string, args ...any) error {
		return &Misfit{Text: "the pinned layout of " + t.Unplaced().String() + " " + fmt.Sprintf(format, args...), Pos: o.Pos}
	}
	if err != nil {
		return nil, misfit("is none: %v", err)
	}
	digits, _ := d.Digits()
	tile := p.tile(t)
	left := make([]int64, len(tile))
	stride := make([]int64, len(tile))
	for i, n := range d.Tile() {
		if tile[i]%n != 0 {
			return nil, misfit("is %d long along %s, which does not divide the %d positions of registers there", n, t.Axes[i].Span.Name, tile[i])
		}
		left[i], stride[i] = tile[i]/n, n
	}
	count := map[layout.Unit]int64{layout.Lane: 1, layout.Warp: 1, layout.Block: 1}
	var list []digit
	for _, g := range digits {
		count[g.Unit] *= g.Size
		if g.Unit != layout.Register || g.Axis != layout.Replica {
			list = append(list, g)
		}
	}
	if count[layout.Lane] > 32 || 32%count[layout.Lane] != 0 {
		return nil, misfit("has %d lanes, and a warp 32", count[layout.Lane])
	}
	if n := count[layout.Warp]; n > p.warps || p.warps%n != 0 {
		return nil, misfit("has %d warps, and there are %d", n, p.warps)
	}
	if count[layout.Block] != 1 {
		return nil, misfit("is over %d blocks, and a tile lies in one", count[layout.Block])
	}
	list = append(list, digit{Size: 32 / count[layout.Lane], Unit: layout.Lane, Axis: layout.Replica})
	warps := p.warps / count[layout.Warp]
	for i := range left {
		n := gcd(warps, left[i])
		list = append(list, digit{Size: n, Unit: layout.Warp, Axis: i, Stride: stride[i]})
		left[i], stride[i], warps = left[i]/n, stride[i]*n, warps/n
	}
	list = append(list, digit{Size: warps, Unit: layout.Warp, Axis: layout.Replica})
	for i := len(left) - 1; i >= 0; i-- {
		list = append(list, digit{Size: left[i], Unit: layout.Register, Axis: i, Stride: stride[i]})
	}
	return p.forms.make(tile, list), nil
}

// pins finds the forms of pinned tiles.
func (p *placer) pins(r *ir.Region) error {
	var err error
	find := func(o *ir.Op) {
		if err != nil {
			return
		}
		var f *form
		if f, err = p.pinned(o); err == nil {
			p.pin[o] = f
		}
	}
	r.Walk(func(o *ir.Op) {
		for _, v := range o.Results {
			if w := p.wish[v]; w != nil {
				find(w)
			}
		}
		if o.Code == ir.PinTo {
			find(o)
		}
	})
	return err
}

// wishes takes out pins of tiles that nothing else uses: they are made in the pinned layout, or, where their operation gives another
// one, converted at once. All other pins stay until conversions stand where they are needed.
func (p *placer) wishes(r *ir.Region) {
	uses := users(r)
	to := map[*ir.Value]*ir.Value{}
	r.Walk(func(o *ir.Op) {
		if o.Code != ir.PinTo {
			return
		}
		x := o.Operands[0]
		if len(uses[x]) != 1 || x.Def == nil || x.Def.Code == ir.PinTo || inScan(x.Def) || p.wish[x] != nil {
			return
		}
		p.wish[x] = o
		to[o.Result()] = x
		if x.Name == "" {
			x.Name = o.Result().Name
		}
	})
	p.stand(r, to)
}

// stand lets values stand for the results of pins, and takes these out.
func (p *placer) stand(r *ir.Region, to map[*ir.Value]*ir.Value) {
	if len(to) == 0 {
		return
	}
	substitute(r, to)
	r.Walk(func(o *ir.Op) {
		for _, q := range o.Regions {
			p.without(q, to)
		}
	})
	p.without(r, to)
}

// without takes out the pins of a region that others stand for.
func (p *placer) without(r *ir.Region, gone map[*ir.Value]*ir.Value) {
	r.Ops = slices.DeleteFunc(r.Ops, func(o *ir.Op) bool { return o.Code == ir.PinTo && gone[o.Result()] != nil })
}

// granted converts a tile whose operation gives it in another form than the pinned one.
func (p *placer) granted(o *ir.Op, v *ir.Value) {
	w := p.wish[v]
	if w == nil || p.home[v] == p.pin[w] {
		return
	}
	c := &ir.Op{Code: ir.Convert, Operands: []*ir.Value{v}, Results: []*ir.Value{{Name: v.Name, Type: v.Type}}, Parent: o.Parent, Pos: w.Pos}
	c.SetAttr("pin", w.Pos.String())
	c.SetAttr("use", o.Pos.String())
	x := c.Result()
	x.Def = c
	p.settle(x, p.pin[w])
	for _, u := range p.uses[v] {
		u.o.Operands[u.i] = x
	}
	p.uses[x], p.uses[v] = p.uses[v], nil
	p.after[o] = append(p.after[o], c)
}

// note tells of a conversion that a pin asks for: of what is pinned, or to what is.
func (p *placer) note(o *ir.Op, v, w *ir.Value) {
	if v == w || w.Def == nil || w.Def.Code != ir.Convert || w.Def.Attr("pin") != nil {
		return
	}
	at := p.wish[v]
	if len(o.Results) == 1 && at == nil {
		if at = p.wish[o.Result()]; o.Code == ir.PinTo {
			at = o
		}
		if at != nil && v.Def != nil {
			o = v.Def
		}
	} else if v.Def != nil && v.Def.Code == ir.PinTo {
		at = v.Def
	}
	if at != nil {
		w.Def.SetAttr("pin", at.Pos.String())
		w.Def.SetAttr("use", o.Pos.String())
	}
}

// unpin takes out what is left of pins, whose operands are in their layouts by now.
func (p *placer) unpin(r *ir.Region) {
	to := map[*ir.Value]*ir.Value{}
	r.Walk(func(o *ir.Op) {
		if o.Code == ir.PinTo {
			x := o.Operands[0]
			for to[x] != nil {
				x = to[x]
			}
			to[o.Result()] = x
		}
	})
	p.stand(r, to)
}
