package ir

import (
	"slices"

	"github.com/tilec/tilec/ir/layout"
)

// The rules of the placed stage. A function is placed if one of its values has a layout, or it has an operation of that
// stage alone: then these hold besides those of [Verify].
//
// Of channels P3 and P4 hold in both stages, but for the layout of slots.
//
//	P1   every tile has one place: registers, whose layout consists of digits, covers at least the axes' extents, and gives
//	     each element to a register of 32 lanes, of as many warps as every other layout's, of one block; or shared
//	     memory, where convert alone takes it
//	P2   where an operation works on elements in their places, these fit: see [layoutRule]
//	P3   a channel stands at the top of a phase; its slots have its type, hold what is put into them at places of their
//	     own, and neither channels nor slots nor what is seen of them leave a region
//	P4   what is acquired is committed, and what is taken is released, once, in the same region and in turn; between the
//	     two no other slot of the channel is acquired or, in a region inside, taken, and nothing looks into a slot
//	     outside of that time
//	P5   roles stand together at the end of a phase and share channels alone: before them there are no tiles, effects or uses
//	     of channels; one role of one group fills a channel; a turn stands in a role, of which all groups take it

// maxRing is the most bits that the slots of a channel take, maxSlot the most elements of one, maxSlots the most slots.
const (
	maxSlots = 1 << 10
	maxRing  = 1 << 30
	maxSlot  = 1 << 22
)

// lanes are the lanes of a warp.
const lanes = 32

// Placed reports whether a function is one of the placed stage.
func (f *Func) Placed() bool {
	placed := false
	f.Body.placed(&placed)
	return placed
}

func (r *Region) placed(is *bool) {
	value := func(v *Value) {
		if v != nil && (v.Type.Layout != nil || v.Type.Shared != nil) {
			*is = true
		}
	}
	if r == nil {
		return
	}
	for _, v := range r.Args {
		value(v)
	}
	for _, o := range r.Ops {
		if *is {
			return
		}
		if s := o.Code.Spec(); s != nil && s.Stages == PlacedStage {
			*is = true
		}
		for _, v := range o.Results {
			value(v)
		}
		for _, q := range o.Regions {
			q.placed(is)
		}
	}
}

// fits reports whether a result has the type of its rule, which leaves the layout of registers open.
func fits(o *Op, need, have Type) bool {
	need.Layout, have.Layout = nil, nil
	if o.Code != View && need.Kind == Tile {
		need.Shared, have.Shared = nil, nil
	}
	return need.Equal(have)
}

// place checks where a tile is.
func (v *verifier) place(o *Op, t Type) {
	if !v.placed {
		return
	}
	switch {
	case t.Layout != nil && t.Shared != nil:
		v.fail(o, ruleErr("P1", "%s is in registers and in shared memory", t))
	case t.Shared != nil:
		if o == nil || o.Code != View {
			v.fail(o, ruleErr("P1", "%s is in shared memory and no view of a slot", t))
		}
	case t.Layout == nil:
		v.fail(o, ruleErr("P1", "%s has no layout", t))
	default:
		if err := v.registers(t); err != nil {
			v.fail(o, err)
		}
	}
}

// registers checks a layout of registers.
func (v *verifier) registers(t Type) error {
	d := t.Layout
	tile := d.Tile()
	if len(tile) != len(t.Axes) {
		return ruleErr("P1", "the layout of %s has %d axes", t, len(tile))
	}
	for i, a := range t.Axes {
		if tile[i] < a.Extent {
			return ruleErr("P1", "the layout of %s has %d positions along axis %s of %d", t, tile[i], nameOf(a.Span), a.Extent)
		}
	}
	switch n := d.Count(layout.Warp); {
	case v.role != nil && n != v.role.Int("warps"):
		return ruleErr("P1", "the layout of %s has %d warps, a group of its role %d", t, n, v.role.Int("warps"))
	case v.role != nil:
	case v.warps == 0:
		v.warps = n
	case n != v.warps:
		return ruleErr("P1", "the layout of %s has %d warps, others %d", t, n, v.warps)
	}
	if v.sound[d] {
		return nil
	}
	if n := d.Count(layout.Lane); n != lanes {
		return ruleErr("P1", "the layout of %s has %d lanes", t, n)
	}
	if n := d.Count(layout.Block); n != 1 {
		return ruleErr("P1", "the layout of %s has %d blocks", t, n)
	}
	if _, ok := d.Digits(); !ok {
		return ruleErr("P1", "the layout of %s is not made of digits", t)
	}
	if _, ok := d.Replication(); !ok {
		return ruleErr("P1", "the layout of %s holds some elements less often than others, or not at all", t)
	}
	if v.sound == nil {
		v.sound = map[*layout.Distribution]bool{}
	}
	v.sound[d] = true
	return nil
}

// ring checks the type of a channel or slot.
func (v *verifier) ring(o *Op, t Type) {
	for i, a := range t.Axes {
		if a.Span != nil || a.Extent < 1 {
			v.fail(o, ruleErr("P3", "axis %d of %s has no extent", i, t))
			return
		}
	}
	switch {
	case t.Kind == Chan && (o == nil || o.Code != ChanOf):
		v.fail(o, ruleErr("P3", "a channel goes through a region"))
	case t.Kind == Slot && (o == nil || o.Code != Acquire && o.Code != Take):
		v.fail(o, ruleErr("P3", "a slot goes through a region"))
	case t.Kind == Chan && (t.Depth < 1 || t.Depth > maxSlots):
		v.fail(o, ruleErr("P3", "%s has %d slots, not 1 to %d", t, t.Depth, maxSlots))
	case !t.Elem.Valid(): // said elsewhere
	case !v.placed && t.Shared == nil:
		n := int64(1)
		for _, a := range t.Axes {
			if n *= a.Extent; n > maxSlot {
				v.fail(o, ruleErr("P3", "a slot of %s has more than %d elements", t, int64(maxSlot)))
				return
			}
		}
		if len(t.Axes) == 0 {
			v.fail(o, ruleErr("P3", "%s has no axes", t))
		}
	case len(t.Axes) == 0 || t.Shared == nil:
		v.fail(o, ruleErr("P3", "%s has no layout of memory", t))
	case t.Shared.Rank() != len(t.Axes):
		v.fail(o, ruleErr("P3", "the layout of %s has %d modes", t, t.Shared.Rank()))
	default:
		for i, a := range t.Axes {
			if n := t.Shared.Mode(i).Size(); n != a.Extent {
				v.fail(o, ruleErr("P3", "mode %d of the layout of %s has size %d", i, t, n))
				return
			}
		}
		end, err := t.Shared.Cosize()
		if err != nil || end > maxRing/max(t.Depth, 1) {
			v.fail(o, ruleErr("P3", "the slots of %s have more than %d bits", t, int64(maxRing)))
			return
		}
		if !sharedApart(t) {
			v.fail(o, ruleErr("P3", "elements of %s do not lie apart, at multiples of their %d bits", t, t.Elem.Bits()))
		}
	}
}

// sharedApart reports whether the elements of a slot have places of their own.
func sharedApart(t Type) bool {
	bits := int64(t.Elem.Bits())
	if t.Shared.Size() > maxSlot || !t.Shared.Injective() {
		return false
	}
	for i := range t.Shared.Size() {
		if x := t.Shared.At(i); x < 0 || x%bits != 0 {
			return false
		}
	}
	return true
}

// placedOp checks what the rules of the placed stage ask of an operation beyond its own.
func (v *verifier) placedOp(o *Op) {
	for _, x := range o.Operands {
		if x.Type.Kind == Tile && x.Type.Shared != nil && o.Code != Convert {
			v.fail(o, ruleErr("P1", "%s lies in shared memory: convert brings it to registers", nameOf(x)))
			return
		}
	}
	if v.allPlaced(o) {
		if err := layoutRule(o); err != nil {
			v.fail(o, err)
		}
	}
}

// channelOp checks what the rules of channels ask of an operation beyond its own.
func (v *verifier) channelOp(o *Op) {
	if o.Code == ChanOf && (o.Parent.Parent == nil || o.Parent.Parent.Code != Parallel) {
		v.fail(o, ruleErr("P3", "a channel is made in a region that is not the one of a phase"))
	}
	switch o.Code {
	case Parallel:
		v.roles(o.Regions[0])
	case RoleOf:
		if o.Parent.Parent == nil || o.Parent.Parent.Code != Parallel {
			v.fail(o, ruleErr("P5", "a role stands in a region that is not the one of a phase"))
		}
	case Turn:
		if x := o.Operands[0]; v.role == nil || x != v.role.Regions[0].Args[0] || o.Int("of") != v.role.Int("groups") {
			v.fail(o, ruleErr("P5", "a turn is for all groups of the role that it stands in, by their number"))
		}
	case Acquire:
		v.span(o, Commit)
	case Take:
		v.span(o, Release)
	case Commit, Release:
		from := Acquire
		if o.Code == Release {
			from = Take
		}
		c, s := o.Operands[0], o.Operands[1]
		switch {
		case s.Def == nil || s.Def.Code != from || s.Def.Operands[0] != c:
			v.fail(o, ruleErr("P4", "%s of %s, which is no slot that this channel gave by %s", o.Code, nameOf(s), from))
		case s.Def.Parent != o.Parent:
			v.fail(o, ruleErr("P4", "%s of %s in another region than its %s", o.Code, nameOf(s), from))
		}
	case Copy, Put:
		if s := o.Operands[0]; s.Def == nil || s.Def.Code != Acquire {
			v.fail(o, ruleErr("P4", "%s into %s, which was not acquired", o.Code, nameOf(s)))
		}
	case View:
		if s := o.Operands[0]; s.Def == nil || s.Def.Code != Take {
			v.fail(o, ruleErr("P4", "view of %s, which was not taken", nameOf(s)))
		}
	}
}

// roles checks the region of a phase in which roles stand.
func (v *verifier) roles(r *Region) {
	first := slices.IndexFunc(r.Ops, func(o *Op) bool { return o.Code == RoleOf })
	if first < 0 {
		return
	}
	filler := map[*Value]*Op{}
	for i, o := range r.Ops[:len(r.Ops)-1] {
		if i < first {
			tile := slices.ContainsFunc(o.Results, func(x *Value) bool { return x.Type.Kind == Tile })
			if tile || o.AllEffects()&^(Identity|Reads|Checks|Control) != 0 {
				v.fail(o, ruleErr("P5", "%s stands before roles: it gives a tile or does something", o.Code))
			}
			continue
		}
		if o.Code != RoleOf {
			v.fail(o, ruleErr("P5", "%s stands behind a role", o.Code))
			continue
		}
		o.Regions[0].Walk(func(q *Op) {
			if q.Code != Acquire {
				return
			}
			c := q.Operands[0]
			switch f := filler[c]; {
			case o.Int("groups") != 1:
				v.fail(q, ruleErr("P5", "a role of %d groups fills channel %s: each of them would", o.Int("groups"), nameOf(c)))
			case f != nil && f != o:
				v.fail(q, ruleErr("P5", "roles %s and %s both fill channel %s", f.Str("name"), o.Str("name"), nameOf(c)))
			}
			filler[c] = o
		})
	}
}

// maxWarps is the most warps of a block.
const maxWarps = 32

func verifyRole(o *Op) error {
	args := o.Regions[0].Args
	if len(args) != 1 || !args[0].Type.IsIndex() {
		return ruleErr("V12", "the region of a role has the group's number as its argument")
	}
	groups, warps, regs := o.Int("groups"), o.Int("warps"), o.Int("regs")
	if groups < 1 || warps < 1 || groups > maxWarps || warps > maxWarps || groups*warps > maxWarps || regs < 0 || regs > 255 {
		return ruleErr("P5", "a role of %d groups of %d warps with %d registers", groups, warps, regs)
	}
	return yields(o.Regions[0], nil, false)
}

func verifyTurn(o *Op) error {
	if !o.Operands[0].Type.IsIndex() {
		return ruleErr("V3", "the number of a group is a %s", o.Operands[0].Type)
	}
	if len(o.Regions[0].Args) != 0 {
		return ruleErr("V12", "the region of a turn has arguments")
	}
	return yields(o.Regions[0], o.Results, false)
}

// allPlaced reports whether the tiles of an operation keep rule P1, so far as the rules of layouts rely on it.
func (v *verifier) allPlaced(o *Op) bool {
	placed := func(x *Value) bool {
		t := x.Type
		return t.Kind != Tile || t.Layout != nil && v.sound[t.Layout] && len(t.Layout.Tile()) == len(t.Axes)
	}
	all := true
	for _, list := range [][]*Value{o.Operands, o.Results} {
		for _, x := range list {
			all = all && placed(x)
		}
	}
	for _, r := range o.Regions {
		for _, x := range r.Args {
			all = all && placed(x)
		}
	}
	return all
}

// span checks the time of a slot, from the operation that gives it to the one that ends it.
func (v *verifier) span(o *Op, end Code) {
	c, s := o.Operands[0], o.Results[0]
	ops := o.Parent.Ops
	at := slices.Index(ops, o)
	over := -1
	for i := at + 1; i < len(ops); i++ {
		p := ops[i]
		if p.Code == end && p.Operands[0] == c && p.Operands[1] == s {
			if over >= 0 {
				v.fail(p, ruleErr("P4", "%s of %s a second time", end, nameOf(s)))
				return
			}
			over = i
			continue
		}
		if over >= 0 {
			p.walk(func(q *Op) {
				if uses(q, s) {
					v.fail(q, ruleErr("P4", "%s uses %s after its %s", q.Code, nameOf(s), end))
				}
			})
			continue
		}
		for _, q := range p.all() {
			if len(q.Operands) == 0 || q.Operands[0] != c {
				continue
			}
			switch {
			case o.Code == Acquire && q.Code == Acquire:
				v.fail(q, ruleErr("P4", "a slot is acquired before %s, the last one, is committed", nameOf(s)))
				return
			case o.Code == Take && q.Code == Release && q.Operands[1] != s:
				v.fail(q, ruleErr("P4", "a slot is released before %s, which was taken earlier", nameOf(s)))
				return
			}
		}
	}
	if over < 0 {
		v.fail(o, ruleErr("P4", "no %s of %s in its region", end, nameOf(s)))
	}
}

// uses reports whether an operation looks into a slot, by itself or by a view.
func uses(o *Op, s *Value) bool {
	for _, x := range o.Operands {
		if x == s || x.Type.Shared != nil && x.Def != nil && x.Def.Code == View && x.Def.Operands[0] == s {
			return true
		}
	}
	return false
}

// walk visits an operation and everything in its regions.
func (o *Op) walk(visit func(*Op)) {
	visit(o)
	for _, r := range o.Regions {
		r.Walk(visit)
	}
}

// all are the operation and everything in its regions.
func (o *Op) all() []*Op {
	var list []*Op
	o.walk(func(p *Op) { list = append(list, p) })
	return list
}
