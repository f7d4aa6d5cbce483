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
			list := sentIn(o.Parent)
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

// sentIn are the channels whose slots are given on in a region itself, in turn.
func sentIn(r *ir.Region) []*ir.Value {
	var list []*ir.Value
	for _, o := range r.Ops {
		if o.Code == ir.Commit {
			list = append(list, o.Operands[0])
		}
	}
	return list
}

// handLate lets roles give on what they copy some rounds late, as many as channels have slots besides the one that is read and
// the one that is filled, or fewer, where the channels work then as they do else.
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
			o.Attrs = slices.DeleteFunc(o.Attrs, func(a ir.Attr) bool { return a.Key == "late" })
		}
	}
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
