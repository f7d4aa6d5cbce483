package passes

import (
	"cmp"
	"slices"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/layout"
)

// classes are sets of tiles that are best in one form: what goes in and out of elementwise operations, what loops and
// branches pass on, an accumulator and its sum. Tiles that cost nothing to make in any form belong to none, nor do
// loads, which choose theirs by what it costs.
type classes struct {
	parent []int
	// wish are the pins of tiles: one that costs nothing to make belongs to the class that it begins.
	wish map[*ir.Value]*ir.Op
}

func (c *classes) find(v *ir.Value) int {
	i := v.ID
	for c.parent[i] != i {
		c.parent[i] = c.parent[c.parent[i]]
		i = c.parent[i]
	}
	return i
}

func (c *classes) join(v, w *ir.Value) {
	if v.Type.Kind != ir.Tile || w.Type.Kind != ir.Tile || c.alone(v) || c.alone(w) {
		return
	}
	i, j := c.find(v), c.find(w)
	c.parent[max(i, j)] = min(i, j)
}

func (c *classes) alone(v *ir.Value) bool {
	return alone(v) && (c.wish[v] == nil || v.Def.Code == ir.Load)
}

// alone reports whether a tile belongs to no class.
func alone(v *ir.Value) bool { return v.Def != nil && (cheap(v.Def) || v.Def.Code == ir.Load) }

// classes finds the classes of a region. It numbers the function.
func (p *placer) classes(r *ir.Region) *classes {
	c := &classes{parent: make([]int, p.fn.Number()), wish: p.wish}
	for i := range c.parent {
		c.parent[i] = i
	}
	r.Walk(func(o *ir.Op) {
		switch o.Code {
		case ir.For, ir.While:
			inits := o.Operands[len(o.Operands)-len(o.Results):]
			for _, q := range o.Regions {
				args := q.Args[len(q.Args)-len(o.Results):]
				for i, v := range args {
					c.join(v, o.Results[i])
				}
			}
			for i, v := range inits {
				c.join(v, o.Results[i])
			}
			c.yield(o.Regions[len(o.Regions)-1], o.Results)
		case ir.If, ir.Turn:
			for _, q := range o.Regions {
				c.yield(q, o.Results)
			}
		case ir.Contract:
			if _, _, _, _, acc := o.ContractParts(); acc != nil {
				c.join(acc, o.Result())
			}
		case ir.Scan:
			for i, v := range o.Operands {
				c.join(v, o.Results[i])
				c.join(o.Results[0], o.Results[i])
			}
		case ir.Rebind, ir.PinTo:
			c.join(o.Operands[0], o.Result())
		default:
			if o.Code.Spec().Elementwise() {
				for _, v := range o.Operands {
					c.join(v, o.Result())
				}
			}
		}
	})
	return c
}

func (c *classes) yield(r *ir.Region, results []*ir.Value) {
	for i, v := range results {
		c.join(r.Yield().Operands[i], v)
	}
}

// choose gives every class a form: those of matrix instructions first, then the largest by what they load and store, and
// then what is broadcast or reduced as these have it.
func (p *placer) choose(r *ir.Region) {
	p.class = p.classes(r)
	p.uses = users(r)
	p.form = map[int]*form{}
	set := func(v *ir.Value, f *form) {
		if v.Type.Kind == ir.Tile && !alone(v) && p.form[p.class.find(v)] == nil {
			p.form[p.class.find(v)] = f
		}
	}
	var operands []*ir.Op
	depth := map[*ir.Op]int{}
	var contracts []*ir.Op
	var walk func(r *ir.Region, d int)
	walk = func(r *ir.Region, d int) {
		for _, o := range r.Ops {
			depth[o] = d
			operands = append(operands, o)
			if o.Code == ir.Contract && o.Result().Type.Kind == ir.Tile && !inScan(o) {
				contracts = append(contracts, o)
			}
			inner := d
			if o.Code == ir.For || o.Code == ir.While {
				inner++
			}
			for _, q := range o.Regions {
				walk(q, inner)
			}
		}
	}
	walk(r, 0)
	for _, o := range operands {
		if o.Code == ir.Scan && len(o.Regions) == 1 && !separable(o.Regions[0]) {
			set(o.Results[0], p.kept(o.Operands[0].Type, o.Axes[0]))
		}
	}
	for _, o := range operands {
		for _, v := range o.Results {
			if w := p.wish[v]; w != nil && p.form[p.class.find(v)] == nil {
				p.form[p.class.find(v)] = p.pin[w]
			}
		}
		if o.Code == ir.PinTo {
			set(o.Result(), p.pin[o])
		}
	}
	slices.SortStableFunc(contracts, func(a, b *ir.Op) int { return cmp.Compare(depth[b], depth[a]) })
	for _, o := range contracts {
		if c := p.cover[o]; c != nil {
			set(o.Result(), c.c)
		}
	}
	for _, o := range contracts { // and what has its axes in another order
		c := p.cover[o]
		if c == nil {
			continue
		}
		turned := func(v *ir.Value) {
			if at, ok := axesIn(o.Result().Type, v.Type.Axes); ok && len(at) == len(o.Result().Type.Axes) {
				set(v, p.forms.project(c.c, at))
			}
		}
		for _, u := range p.uses[o.Result()] {
			if u.o.Code == ir.Bcast {
				turned(u.o.Result())
			}
		}
		if _, _, _, _, acc := o.ContractParts(); acc != nil && acc.Def != nil && acc.Def.Code == ir.Bcast {
			turned(acc.Def.Operands[0])
		}
	}
	for _, o := range contracts {
		if c := p.cover[o]; c != nil {
			set(o.Operands[0], p.factor(o.Operands[0], c.a))
			set(o.Operands[1], p.factor(o.Operands[1], c.b))
		} else {
			set(o.Result(), p.outer(o))
		}
	}
	p.settleClasses(r)
}

// factor is the form in which what an instruction for matrices takes is computed: as the instruction has it, but where it is made of
// codes of a byte or less in memory, as these are loaded in wide pieces. Then it is converted as a whole when it is done, in
// elements of which two are a word and not one by one while they are codes, and what goes with groups of codes is the same for
// a lane's neighbours.
func (p *placer) factor(v *ir.Value, f *form) *form {
	i := p.class.find(v)
	var codes *ir.Value
	for n, list := 0, []*ir.Value{v}; n < len(list); n++ {
		o := list[n].Def
		if o == nil || len(p.uses[list[n]]) != 1 {
			return f
		}
		switch {
		case o.Code == ir.Load:
			if w := o.Operands[0].Type.Elem.Bits(); w <= 8 && list[n].Type.Len() == v.Type.Len() && contiguous(o, list[n].Type) >= 0 {
				codes = list[n]
			}
			continue
		case o.Code == ir.Lookup:
			list = append(list, o.Operands[1])
			continue
		case !o.Code.Spec().Elementwise() || p.class.find(list[n]) != i:
			if !cheap(o) && o.Code != ir.Bcast {
				return f
			}
			continue
		}
		for _, x := range o.Operands {
			if x.Type.Kind == ir.Tile {
				list = append(list, x)
			}
		}
	}
	if codes == nil || codes == v || codes.Type.Elem.Bits() >= v.Type.Elem.Bits() {
		return f
	}
	return p.wide(codes, f)
}

// wide is a form in which lanes have pieces of 16 bytes of codes, and warps what they have in another form.
func (p *placer) wide(codes *ir.Value, f *form) *form {
	along := contiguous(codes.Def, codes.Type)
	bits := codes.Def.Operands[0].Type.Elem.Bits()
	tile := slices.Clone(f.tile)
	var warps []digit
	for _, g := range f.digits {
		if g.Unit != layout.Warp {
			continue
		}
		if g.Axis == layout.Replica && g.Size > 1 || g.Axis == along || g.Axis != layout.Replica && g.Stride*g.Size != tile[g.Axis] {
			return p.coalesced(codes.Type, bits, along)
		}
		if g.Axis != layout.Replica {
			tile[g.Axis] /= g.Size
		}
		warps = append(warps, g)
	}
	order := make([]int, 0, len(tile))
	for i := range tile {
		if i != along {
			order = append(order, i)
		}
	}
	part := p.forms.blocked(tile, append(order, along), piece(bits), 1)
	var list []digit
	for _, g := range part.digits {
		if g.Unit != layout.Warp {
			list = append(list, g)
		}
	}
	return p.forms.make(f.tile, append(list, warps...))
}

// settleClasses chooses what is left, the largest tiles first.
func (p *placer) settleClasses(r *ir.Region) {
	members := map[int][]*ir.Value{}
	var order []int
	p.fn.Values(func(v *ir.Value) {
		if v.Type.Kind != ir.Tile || v.Def != nil && cheap(v.Def) {
			return
		}
		i := p.class.find(v)
		if members[i] == nil {
			order = append(order, i)
		}
		members[i] = append(members[i], v)
	})
	size := func(i int) int64 { return members[i][0].Type.Len() }
	load := func(i int) int {
		if v := members[i][0]; v.Def != nil && v.Def.Code == ir.Load {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(size(b), size(a)), cmp.Compare(load(a), load(b)))
	})
	p.members = members
	for _, i := range order {
		p.resolve(i)
	}
}

// resolve chooses the form of a class, after those that it is to follow.
func (p *placer) resolve(i int) {
	members := p.members[i]
	if p.form[i] != nil || p.open[i] || len(members) == 0 {
		return
	}
	p.open[i] = true
	for _, v := range members {
		for _, u := range p.uses[v] {
			w := p.whole(u)
			if u.o.Code == ir.Pack {
				w = u.o.Result()
			}
			if w != nil && w.Type.Kind == ir.Tile && (w.Type.Len() >= v.Type.Len() || u.o.Code == ir.Pack) && (w.Def == nil || !cheap(w.Def)) {
				p.resolve(p.class.find(w))
			}
		}
	}
	if v := members[0]; v.Def != nil && v.Def.Code == ir.Load {
		p.form[i] = p.loaded(v)
	} else {
		p.form[i] = p.derived(members)
	}
	p.open[i] = false
}

// formOf is the form chosen for a tile's class, nil where none is yet or it has none.
func (p *placer) formOf(v *ir.Value) *form {
	if v.Type.Kind != ir.Tile || v.Def != nil && cheap(v.Def) {
		return nil
	}
	return p.form[p.class.find(v)]
}

// derived is a form for a class of its own: what a larger tile, which it is broadcast to or reduced from, makes of it, or
// one by how it is loaded and stored.
func (p *placer) derived(members []*ir.Value) *form {
	for _, v := range members {
		for _, u := range p.uses[v] {
			if u.o.Code == ir.Pack {
				if f := p.packs(u.o); f != nil {
					return f
				}
			}
			whole := p.whole(u)
			if whole == nil {
				continue
			}
			if f := p.formOf(whole); f != nil {
				if at, ok := axesIn(whole.Type, v.Type.Axes); ok {
					return p.forms.project(f, at)
				}
			}
		}
		if x := p.summed(v.Def); x != nil {
			if f := p.formOf(x); f != nil {
				if at, ok := axesIn(x.Type, v.Type.Axes); ok {
					return p.forms.project(f, at)
				}
			}
		}
	}
	// The widest access says how it lies.
	bits, along := 0, -1
	note := func(o *ir.Op, v *ir.Value) {
		if a := contiguous(o, v.Type); a >= 0 {
			if b := o.Operands[0].Type.Elem.Bits(); bits == 0 || b < bits {
				bits, along = b, a
			}
		}
	}
	for _, v := range members {
		if v.Def != nil {
			for _, x := range v.Def.Operands {
				if x.Def != nil && x.Def.Code == ir.Load && len(x.Type.Axes) == len(v.Type.Axes) && v.Def.Code.Spec().Elementwise() {
					note(x.Def, x)
				}
			}
		}
		for _, u := range p.uses[v] {
			if (u.o.Code == ir.Store || u.o.Code == ir.Atomic) && slices.Contains(u.o.Stored(), v) {
				note(u.o, v)
			}
		}
	}
	if bits == 0 {
		if f := p.folded(members); f != nil {
			return f
		}
	}
	return p.coalesced(members[0].Type, bits, along)
}

// summed is the tile of which an operation makes a smaller one, or one with its axes in another order; nil where it does not.
func (p *placer) summed(o *ir.Op) *ir.Value {
	if o == nil {
		return nil
	}
	switch o.Code {
	case ir.Reduce, ir.Pack, ir.Bcast:
		return o.Operands[0]
	}
	if i := p.flat(o); i >= 0 {
		return o.Operands[i]
	}
	return nil
}

// packs is the form of the operand of a pack in which each thread has all bits of the integers that it makes; nil where these
// have none yet.
func (p *placer) packs(o *ir.Op) *form {
	v := o.Operands[0]
	f := p.formOf(o.Result())
	if f == nil || o.Axes[0].Type.Width > 64 {
		return nil
	}
	at, ok := axesIn(v.Type, o.Result().Type.Axes)
	if !ok {
		return nil
	}
	i := v.Type.Axis(o.Axes[0])
	list := []digit{{Size: p.extent(o.Axes[0]), Unit: layout.Register, Axis: i, Stride: 1}}
	for _, g := range f.digits {
		if g.Axis != layout.Replica {
			g.Axis = at[g.Axis]
		}
		list = append(list, g)
	}
	return p.forms.make(p.tile(v.Type), list)
}

// folded is a form for tiles that are reduced: threads share the axes that stay, and what is reduced is in registers as far as
// that leaves all threads something to do. Nil where none of them is reduced.
func (p *placer) folded(members []*ir.Value) *form {
	for _, v := range members {
		for _, u := range p.uses[v] {
			if u.o.Code != ir.Reduce && p.flat(u.o) != u.i {
				continue
			}
			var kept, gone []int
			for i, a := range v.Type.Axes {
				if slices.Contains(u.o.Axes, a.Span) {
					gone = append(gone, i)
				} else {
					kept = append(kept, i)
				}
			}
			if len(kept) == 0 {
				return nil
			}
			return p.forms.spread(p.tile(v.Type), slices.Concat(kept, gone), p.warps)
		}
	}
	return nil
}

// whole is the tile whose form the operand of an operation follows, by projection; nil for none.
func (p *placer) whole(u use) *ir.Value {
	switch u.o.Code {
	case ir.Bcast, ir.Load, ir.Unpack:
		return u.o.Result()
	case ir.Lookup:
		if u.i > 0 {
			return u.o.Result()
		}
	case ir.Store, ir.Atomic:
		if w := u.o.Stored()[0]; w != u.o.Operands[u.i] {
			return w
		}
	case ir.Scatter:
		if u.i == 1 || u.i == 3 {
			return u.o.Operands[2]
		}
	case ir.Contract:
		if i := p.flat(u.o); i >= 0 && i == 1-u.i {
			return u.o.Operands[i]
		}
	}
	return nil
}

// coalesced is the form in which lanes have 16 bytes each along an axis, and neighbours follow; along -1 is the last axis,
// and bits 0 an element of 32.
func (p *placer) coalesced(t ir.Type, bits, along int) *form {
	if along < 0 {
		along = len(t.Axes) - 1
	}
	if bits == 0 {
		bits = 32
	}
	order := make([]int, 0, len(t.Axes))
	for i := range t.Axes {
		if i != along {
			order = append(order, i)
		}
	}
	return p.forms.blocked(p.tile(t), append(order, along), piece(bits), p.warps)
}

// piece is how many elements of so many bits a lane has beside each other: the largest power of two in 16 bytes.
func piece(bits int) int64 {
	n := int64(1)
	for 2*n*int64(bits) <= 128 {
		n *= 2
	}
	return n
}

// contiguous is the axis of a tile along which the elements of an access are neighbours in memory, -1 where none is known.
func contiguous(o *ir.Op, t ir.Type) int {
	list := o.Subscripts()
	if len(list) == 0 {
		return -1
	}
	last := list[len(list)-1]
	if last.Type.Kind == ir.Span {
		return t.Axis(last)
	}
	if d := last.Def; d != nil && d.Code == ir.Affine {
		terms, _, div, mod := d.AffineTerms()
		if div != 1 || mod != 0 {
			return -1
		}
		for _, x := range terms {
			if x.Var.Type.Kind == ir.Span && x.Coef == 1 && x.Factor == nil {
				return t.Axis(x.Var)
			}
		}
	}
	if d := last.Def; d != nil && d.Code == ir.Iota {
		return t.Axis(d.Axes[0])
	}
	return -1
}
