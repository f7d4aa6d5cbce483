package passes

import (
	"slices"

	"github.com/tilec/tilec/ir"
)

// Roles that only send do so in rounds: a slot of each of their channels, one after the other, wherever they send. What they have begun
// to copy is given on some rounds later, so that the copies of several are under way.

// rounds are the channels of a role that only sends, in the order of a round, and how many rounds late their slots may be given on; nil
// of other roles, and of those that send otherwise.
func rounds(role *ir.Op) (chains []*ir.Value, late int64) {
	regular, copies := true, false
	regions := map[*ir.Region]bool{}
	role.Regions[0].Walk(func(o *ir.Op) {
		switch o.Code {
		case ir.Take, ir.Turn:
			regular = false
		case ir.Copy:
			copies = true
		case ir.Commit:
			if regions[o.Parent] {
				return
			}
			regions[o.Parent] = true
			list := handledIn(o.Parent, ir.Commit)
			if chains == nil {
				chains = list
			}
			regular = regular && slices.Equal(chains, list)
		}
	})
	for r := range regions {
		for p := r.Parent; p != role && p != nil; p = p.Parent.Parent {
			regular = regular && !regions[p.Parent] // a round within another
		}
	}
	if !regular || !copies {
		return nil, 0
	}
	late = chains[0].Type.Depth
	for i, c := range chains {
		late = min(late, c.Type.Depth)
		regular = regular && !slices.Contains(chains[:i], c)
	}
	if !regular {
		return nil, 0
	}
	return chains, max(late-2, 0)
}

// handledIn are the channels that the operations of a code in a region itself are on, in turn.
func handledIn(r *ir.Region, code ir.Code) []*ir.Value {
	var list []*ir.Value
	for _, o := range r.Ops {
		if o.Code == code {
			list = append(list, o.Operands[0])
		}
	}
	return list
}

// handLate lets roles give on what they copy some rounds late, as many as channels have slots besides the one that is read and
// the one that is filled, or fewer, and lets the channels of a round be one to those that wait, where the channels work then as they do
// else.
func handLate(fn *ir.Func, roles []*ir.Op) {
	for _, o := range roles {
		chains, late := rounds(o)
		if chains == nil {
			continue
		}
		for ; late >= 0; late-- {
			o.SetAttr("late", late)
			if CheckChannels(fn) == nil {
				break
			}
		}
		if late < 0 {
			unset(o, "late")
			continue
		}
		if len(chains) > 1 && takenTogether(chains, roles) {
			if o.SetAttr("joint", true); CheckChannels(fn) != nil {
				unset(o, "joint")
			}
		}
	}
}

func unset(o *ir.Op, key string) {
	o.Attrs = slices.DeleteFunc(o.Attrs, func(a ir.Attr) bool { return a.Key == key })
}

// takenTogether reports whether all that take from channels take a slot of each of them and give these back in one region, so that the
// channels, which have as many slots, are in step.
func takenTogether(chains []*ir.Value, roles []*ir.Op) bool {
	together := !slices.ContainsFunc(chains, func(c *ir.Value) bool { return c.Type.Depth != chains[0].Type.Depth })
	for _, role := range roles {
		regions := map[*ir.Region]bool{}
		role.Regions[0].Walk(func(o *ir.Op) {
			if (o.Code == ir.Take || o.Code == ir.Release) && slices.Contains(chains, o.Operands[0]) {
				regions[o.Parent] = true
			}
		})
		for r := range regions {
			for _, code := range []ir.Code{ir.Take, ir.Release} {
				list := handledIn(r, code)
				list = slices.DeleteFunc(list, func(c *ir.Value) bool { return !slices.Contains(chains, c) })
				together = together && len(list) == len(chains)
				for _, c := range chains {
					together = together && slices.Contains(list, c)
				}
			}
		}
	}
	return together
}

// joined are the events of a role in the order in which it waits and gives on where the channels of a round of another role are
// one: it waits for all slots of the round before it has the first, and gives them on behind the last.
func joined(sender *ir.Op, list []event) []event {
	if !sender.Flag("joint") {
		return list
	}
	chains, _ := rounds(sender)
	waits := func(e event) bool {
		return e.chain != nil && (e.op.Code == ir.Take || e.op.Code == ir.Acquire) && slices.Contains(chains, e.chain)
	}
	var all, held []event
	before := 0 // of those that wait, that stand in all already
	for i, e := range list {
		switch {
		case waits(e):
			if before > 0 {
				before--
				continue
			}
			for _, x := range list[i:] {
				if waits(x) && before < len(chains) {
					all = append(all, x)
					before++
				}
			}
			before--
		case e.chain != nil && e.op.Code == ir.Release && slices.Contains(chains, e.chain):
			if held = append(held, e); len(held) == len(chains) {
				all, held = append(all, held...), nil
			}
		default:
			all = append(all, e)
		}
	}
	return append(all, held...)
}

// postponed are the events of a role that gives slots on late, in the order in which it does.
func postponed(role *ir.Op, list []event) []event {
	if role.Attr("late") == nil {
		return list
	}
	chains, _ := rounds(role)
	var all, held []event
	n := len(chains) * int(role.Int("late"))
	for _, e := range list {
		if e.chain == nil || e.op.Code != ir.Commit {
			all = append(all, e)
			continue
		}
		held = append(held, e)
		if e.chain == chains[len(chains)-1] && len(held) > n {
			all, held = append(all, held[:len(held)-n]...), held[len(held)-n:]
		}
	}
	return append(all, held...)
}
