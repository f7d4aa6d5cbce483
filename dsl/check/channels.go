package check

import (
	"slices"

	"github.com/tilec/tilec/dsl"
	"github.com/tilec/tilec/dsl/diag"
	"github.com/tilec/tilec/dsl/typed"
)

// handle is a channel or a slot of one.
type handle struct {
	ch   *channelState
	slot *slotState // nil for the channel
}

// channelState is what the checker knows of a channel: who uses it. A nil role is the text outside of roles.
type channelState struct {
	c       *typed.Chan
	senders []party
	takers  []party
}

// party is a role, or nil for none, and where it first uses a channel.
type party struct {
	role *roleState
	at   diag.Span
}

// slotState is a use of a slot, from where it is acquired or taken to where it is given on.
type slotState struct {
	s     *typed.Slot
	ch    *channelState
	out   *[]typed.Stmt // the block that it stands in
	ended diag.Span     // where it was given on; not valid before
	loops int           // around it
}

func (s *slotState) words() (begin, end string) {
	if s.s.Taken {
		return "taken", "release"
	}
	return "acquired", "commit"
}

// channel is chan T[BN, D] depth 2.
func (e *elab) channel(n *dsl.Chan) value {
	at := n.Span()
	if !e.usesExplicit(at) {
		return bad(at)
	}
	e.options(n.Options, "depth")
	elem, extents, ok := e.localType(n.Type, at)
	if !ok {
		return bad(at)
	}
	depth := int64(1)
	for _, o := range n.Options {
		if o.Word.Name == "depth" {
			if k, is := e.expr(o.Value).constInt(); is && k >= 1 {
				depth = k
			}
		}
	}
	if depth > maxDepth {
		e.errorf(codeOption, at, "a channel has at most %d slots", maxDepth)
		return bad(at)
	}
	if e.kernel != nil && e.out != e.kernel.body {
		e.errorf(codeExplicit, at, "a channel is made in the body of a parallel, not inside of a loop, a branch or a role")
		return bad(at)
	}
	ch := &channelState{c: &typed.Chan{Name: "channel", Elem: elem, Extents: extents, Depth: depth, Span: at}}
	e.emit(&typed.ChanDecl{S: typed.S{At: at}, Chan: ch.c})
	return value{kind: vHandle, handle: &handle{ch: ch}, at: at}
}

const maxDepth = 64

// channelPlace checks that operations on channels may stand here.
func (e *elab) channelPlace(at diag.Span) bool {
	switch {
	case e.kernel == nil || e.ret != nil:
		e.errorf(codeExplicit, at, "channels are used in kernels, not in functions")
	case len(e.wheres) > 0:
		e.errorf(codeExplicit, at, "a where masks elements, and a channel takes whole tiles: use select")
	case e.inCond:
		e.errorf(codeExplicit, at, "the condition of a while takes nothing from channels: receive in its body")
	default:
		return true
	}
	return false
}

// uses notes that the role being read sends to a channel, or takes from it.
func (e *elab) uses(ch *channelState, taken bool, at diag.Span) bool {
	for _, p := range append(slices.Clone(ch.senders), ch.takers...) {
		if (p.role == nil) != (e.inRole == nil) {
			e.errorf(codeRoles, at, "channel %s is used in a role and outside of roles, which do not run at the same time", ch.c.Name).Note(p.at, "the other use is here")
			return false
		}
	}
	list := &ch.senders
	if taken {
		list = &ch.takers
	}
	for _, p := range *list {
		if p.role == e.inRole {
			return true
		}
	}
	if !taken && len(*list) > 0 {
		e.errorf(codeRoles, at, "two roles send to channel %s: one role sends, and the others take", ch.c.Name).Note((*list)[0].at, "role %s sends here", (*list)[0].role.name)
		return false
	}
	if r := e.inRole; !taken && r != nil && r.groups > 1 {
		e.errorf(codeRoles, at, "role %s has %d groups, each of which would send to channel %s", r.name, r.groups, ch.c.Name).Note(r.at, "the role is here")
		return false
	}
	*list = append(*list, party{e.inRole, at})
	return true
}

// open begins the use of a slot.
func (e *elab) open(ch *channelState, taken bool, name string, at diag.Span) (*slotState, bool) {
	if !e.channelPlace(at) {
		return nil, false
	}
	if !e.uses(ch, taken, at) {
		return nil, false
	}
	if !taken {
		for _, o := range e.slots {
			if o.ch == ch && !o.s.Taken {
				e.errorf(codeSlot, at, "a slot of %s is acquired while another one is: commit that first", ch.c.Name).Note(o.s.Span, "it is acquired here")
				return nil, false
			}
		}
	}
	s := &slotState{s: &typed.Slot{Name: name, Chan: ch.c, Taken: taken, Span: at}, ch: ch, out: e.out, loops: len(e.loops)}
	e.slots = append(e.slots, s)
	if taken {
		e.emit(&typed.Take{S: typed.S{At: at}, Slot: s.s})
	} else {
		e.emit(&typed.Acquire{S: typed.S{At: at}, Slot: s.s})
	}
	return s, true
}

// end ends the use of a slot, by commit or release.
func (e *elab) end(s *slotState, at diag.Span) {
	begin, word := s.words()
	switch {
	case s.ended.IsValid():
		e.errorf(codeSlot, at, "this slot of %s is given on a second time", s.ch.c.Name).Note(s.ended, "it was given on here")
		return
	case e.out != s.out:
		e.errorf(codeSlot, at, "%s stands in another block than what it ends: a slot is given on in the block in which it was %s", word, begin).Note(s.s.Span, "it is %s here", begin)
		s.ended = at
		e.forget(s)
		return
	}
	for _, o := range e.slots {
		if o == s {
			break
		}
		if o.ch == s.ch && o.s.Taken && s.s.Taken {
			e.errorf(codeSlot, at, "slots of %s are released in the order in which they were taken, and an earlier one is not yet", s.ch.c.Name).Note(o.s.Span, "it is taken here")
			break
		}
	}
	s.ended = at
	e.forget(s)
	if s.s.Taken {
		e.emit(&typed.Release{S: typed.S{At: at}, Slot: s.s})
	} else {
		e.emit(&typed.Commit{S: typed.S{At: at}, Slot: s.s})
	}
}

func (e *elab) forget(s *slotState) {
	e.slots = slices.DeleteFunc(e.slots, func(o *slotState) bool { return o == s })
}

// leaveBlock reports slots of a block that ends which were not given on.
func (e *elab) leaveBlock(out *[]typed.Stmt) {
	for _, s := range slices.Clone(e.slots) {
		if s.out == out {
			begin, end := s.words()
			e.errorf(codeSlot, s.s.Span, "this slot of %s is %s and never given on: %s it before the block ends", s.ch.c.Name, begin, end)
			e.forget(s)
		}
	}
}

// slotAxes are the axes that stand behind a slot or a channel: one for each of its own, as long.
func (e *elab) slotAxes(ch *channelState, n *dsl.Index) ([]*typed.Axis, bool) {
	if len(n.Entries) != len(ch.c.Extents) {
		e.errorf(codeRank, n.Span(), "channel %s has %s, and %s", ch.c.Name, plural(len(ch.c.Extents), "dimension"), thereAre(len(n.Entries), "axe")).Note(ch.c.Span, "it is made here")
		return nil, false
	}
	var axes []*typed.Axis
	for i, entry := range n.Entries {
		if entry.Colon != nil || entry.Eq != nil {
			e.errorf(codeChannel, entry.Span(), "behind a channel stand the axes of its positions, as ks[n, D]")
			return nil, false
		}
		a, ok := e.axisOf(entry.X)
		if !ok {
			return nil, false
		}
		switch {
		case a.t.Extent != ch.c.Extents[i]:
			e.errorf(codeChannel, entry.Span(), "axis %s has %d indices, and dimension %d of channel %s is %d long", a.t.Name, a.t.Extent, i+1, ch.c.Name, ch.c.Extents[i]).Note(ch.c.Span, "it is made here")
			return nil, false
		case !e.whole(a.t, entry.Span()):
			return nil, false
		case slices.Contains(axes, a.t):
			e.errorf(codeAxisTwice, entry.Span(), "axis %s is named twice", a.t.Name)
			return nil, false
		}
		axes = append(axes, a.t)
	}
	return axes, e.tileOf(axes, n.Span())
}

// slotRead is x[n, D] of a slot.
func (e *elab) slotRead(h *handle, n *dsl.Index) value {
	at := n.Span()
	switch {
	case h.slot == nil:
		e.errorf(codeChannel, at, "this is a channel: receive from it, as <-%s, or read a slot that take gives", e.text(at))
		return bad(at)
	case !h.slot.s.Taken:
		e.errorf(codeSlot, at, "a slot that was acquired is written; take gives one to be read").Note(h.slot.s.Span, "it is acquired here")
		return bad(at)
	case h.slot.ended.IsValid():
		e.errorf(codeSlot, at, "this slot of %s is read after its release", h.ch.c.Name).Note(h.slot.ended, "it is released here")
		return bad(at)
	case !e.channelPlace(at):
		return bad(at)
	}
	axes, ok := e.slotAxes(h.ch, n)
	if !ok {
		return bad(at)
	}
	return e.slotValue(h.slot, axes, at)
}

func (e *elab) slotValue(s *slotState, axes []*typed.Axis, at diag.Span) value {
	v := exprVal(&typed.SlotRead{X: x(s.ch.c.Elem, axes, at), Slot: s.s, Axes: axes})
	v.ix = e.loaded(s.ch.c.Elem, s.ch.c.Name)
	return e.inTurn(v)
}

// recv is <-ch[n, D]: the slot is released at the end of the statement.
func (e *elab) recv(n *dsl.Recv) value {
	at := n.Span()
	if !e.usesExplicit(at) {
		return bad(at)
	}
	h, ix, ok := e.ends(n.X, at, "a receive names the axes of the positions, as <-ch[n, D]")
	if !ok {
		return bad(at)
	}
	axes, ok := e.slotAxes(h.ch, ix)
	if !ok {
		return bad(at)
	}
	s, ok := e.open(h.ch, true, h.ch.c.Name, at)
	if !ok {
		return bad(at)
	}
	e.received = append(e.received, s)
	return e.slotValue(s, axes, at)
}

// ends is the channel that a send or receive names, with the axes behind it.
func (e *elab) ends(n dsl.Expr, at diag.Span, otherwise string) (*handle, *dsl.Index, bool) {
	ix, ok := n.(*dsl.Index)
	if !ok {
		e.errorf(codeChannel, at, "%s", otherwise)
		return nil, nil, false
	}
	base := e.expr(ix.X)
	if base.kind != vHandle || base.handle.slot != nil {
		if !base.bad() {
			e.errorf(codeChannel, ix.Span(), "this is not a channel: make one, as ks := chan f16[BN, D] depth 2")
		}
		return nil, nil, false
	}
	return base.handle, ix, true
}

// releaseReceived ends the uses of slots that a statement has received.
func (e *elab) releaseReceived(before []*slotState, at diag.Span) {
	end := diag.Span{File: at.File, Start: at.Start, End: at.Start}
	for _, s := range e.received {
		if !s.ended.IsValid() {
			e.end(s, end)
		}
	}
	e.received = before
}

// send is ch[n, D] <- x.
func (e *elab) send(n *dsl.Send) {
	h, ix, ok := e.ends(n.Chan, n.Span(), "a send names the axes of the positions, as ch[n, D] <- …")
	if !ok {
		return
	}
	v := e.expr(n.Value)
	if v.bad() {
		return
	}
	s, ok := e.open(h.ch, false, h.ch.c.Name, n.Span())
	if !ok {
		return
	}
	e.fill(s, ix, v, n.Span())
	e.end(s, n.Span())
}

// fill puts a value into a slot.
func (e *elab) fill(s *slotState, n *dsl.Index, v value, at diag.Span) {
	switch {
	case s.s.Taken:
		e.errorf(codeSlot, at, "a slot that was taken is read; acquire gives one to be written").Note(s.s.Span, "it is taken here")
		return
	case s.ended.IsValid():
		e.errorf(codeSlot, at, "this slot of %s is written after its commit", s.ch.c.Name).Note(s.ended, "it is committed here")
		return
	case !e.channelPlace(at):
		return
	}
	axes, ok := e.slotAxes(s.ch, n)
	if !ok {
		return
	}
	if v, ok = e.rvalue(v); !ok {
		return
	}
	x, ok := e.to(v, s.ch.c.Elem, "channel "+s.ch.c.Name)
	if !ok {
		return
	}
	if extra := minus(x.Type().Axes, axes); len(extra) > 0 {
		e.errorf(codeExtraAxes, v.at, "the value is over %s, and channel %s is sent to over %s", axisNames(x.Type().Axes), s.ch.c.Name, axisNames(axes))
		return
	}
	e.reads(v)
	e.emit(&typed.FillSlot{S: typed.S{At: at}, Slot: s.s, Axes: axes, Value: x})
}

// slotCall is acquire, commit, take or release.
func (e *elab) slotCall(c *call) value {
	vs, ok := e.plainArgs(c, 1, 1)
	if !ok || !e.usesExplicit(c.at) {
		return bad(c.at)
	}
	begins := c.name == "acquire" || c.name == "take"
	h := vs[0].handle
	switch {
	case vs[0].kind != vHandle:
		e.errorf(codeChannel, vs[0].at, "%s takes a channel or a slot of one", c.name)
		return bad(c.at)
	case begins && h.slot != nil:
		e.errorf(codeChannel, vs[0].at, "%s takes a channel, and this is a slot", c.name)
		return bad(c.at)
	case begins:
		s, ok := e.open(h.ch, c.name == "take", "slot", c.at)
		if !ok {
			return bad(c.at)
		}
		return value{kind: vHandle, handle: &handle{ch: h.ch, slot: s}, at: c.at}
	case h.slot == nil || h.slot.s.Taken != (c.name == "release"):
		e.errorf(codeChannel, vs[0].at, "%s takes a slot that %s gave", c.name, map[string]string{"commit": "acquire", "release": "take"}[c.name])
		return bad(c.at)
	}
	if e.channelPlace(c.at) {
		e.end(h.slot, c.at)
	}
	return value{kind: vNone, at: c.at}
}
