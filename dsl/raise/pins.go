package raise

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/layout"
)

// choosePins finds the tiles whose layouts the text says: loads, and of tiles that are computed in one layout because they meet the
// first that is defined. What else there is follows from these.
func (p *printer) choosePins() {
	d := p.Derived
	pinned := map[int]bool{}
	p.fn.Walk(func(o *ir.Op) {
		switch o.Code {
		case ir.For, ir.While:
			// What a loop begins with costs nothing to make in any layout; the loop's has it.
			inits := o.Operands[len(o.Operands)-len(o.Results):]
			for i, v := range inits {
				class, ok := d.Class[o.Results[i]]
				if _, own := d.Class[v]; !ok || own || v.Def == nil || v.Def.Code == ir.Load || p.uses[v] != 1 || pinned[class] || d.Layout[v] == nil ||
					d.Layout[o.Results[i]] == nil || !d.Layout[v].Equal(*d.Layout[o.Results[i]]) {
					continue
				}
				pinned[class] = true
				p.pins[v] = true
			}
		}
	})
	// What says where rows of a channel lie is computed once, for the copies and for what else needs it.
	rows := map[*ir.Op]bool{}
	for _, list := range d.Channels {
		for _, g := range list {
			for _, o := range slices.Concat(g.Slices...) {
				rows[o] = true
			}
		}
	}
	p.fn.Walk(func(o *ir.Op) {
		for _, v := range o.Results {
			class, ok := d.Class[v]
			switch {
			case p.skip[o], rows[o], v.Type.Kind != ir.Tile, d.Layout[v] == nil, len(o.Regions) > 0, inScan(o):
			case o.Code == ir.Load:
				p.pins[v] = !p.ahead[o] // those are read from slots, as what they go into wants them
			case ok && !d.Given[v] && !pinned[class]:
				pinned[class] = true
				p.pins[v] = true
			}
		}
	})
}

// inScan reports whether an operation stands in the function of a scan.
func inScan(o *ir.Op) bool {
	for r := o.Parent; r != nil && r.Parent != nil; r = r.Parent.Parent {
		if r.Parent.Code == ir.Scan {
			return true
		}
	}
	return false
}

// pin writes the pin of a variable.
func (p *printer) pin(v *ir.Value) {
	if p.pins[v] {
		p.say("pin %s%s layout %s", p.names[v], p.over(v.Type), p.layout(v))
	}
}

// layout is the layout of a tile as a product of factors, or, where the order of its digits along an axis is not that within a
// unit, as the list of its digits.
func (p *printer) layout(v *ir.Value) string {
	d := p.Derived.Layout[v]
	if d == nil && v.Def != nil && v.Def.Code == ir.PinTo { // its operand is made in that layout
		d = p.Derived.Layout[v.Def.Operands[0]]
	}
	digits, ok := d.Digits()
	if !ok {
		panic("raise: a layout that is not made of digits")
	}
	rank := len(d.Tile())
	var byUnit [layout.Units][]layout.Digit // fastest first
	for _, g := range digits {
		if g.Size > 1 && (g.Axis != layout.Replica || g.Unit != layout.Register) {
			byUnit[g.Unit] = append(byUnit[g.Unit], g)
		}
	}
	whole := byUnit
	// From the last factor, the innermost, to the first: a digit that is the next of its unit and the next along its axis.
	reach := make([]int64, rank)
	for i := range reach {
		reach[i] = 1
	}
	var factors []layout.Digit
	for {
		found := false
		for u := range byUnit {
			if len(byUnit[u]) == 0 {
				continue
			}
			g := byUnit[u][0]
			if g.Axis != layout.Replica && g.Stride != reach[g.Axis] {
				continue
			}
			if g.Axis != layout.Replica {
				reach[g.Axis] *= g.Size
			}
			byUnit[u] = byUnit[u][1:]
			factors = append([]layout.Digit{g}, factors...)
			found = true
			break
		}
		if !found {
			break
		}
	}
	for u := range byUnit {
		if len(byUnit[u]) > 0 {
			return p.digits(v, whole)
		}
	}
	return product(factors, rank)
}

// product writes factors, the outermost first; neighbours of one unit along ascending axes are one.
func product(list []layout.Digit, rank int) string {
	names := map[layout.Unit]string{layout.Register: "local", layout.Lane: "spatial", layout.Warp: "warps"}
	var parts []string
	for i := 0; i < len(list); {
		g := list[i]
		if g.Axis == layout.Replica {
			parts = append(parts, fmt.Sprintf("replica(%s, %d)", g.Unit, g.Size))
			i++
			continue
		}
		extents := make([]string, rank)
		for k := range extents {
			extents[k] = "1"
		}
		last := -1
		for ; i < len(list) && list[i].Unit == g.Unit && list[i].Axis > last; i++ {
			last = list[i].Axis
			extents[last] = fmt.Sprint(list[i].Size)
		}
		parts = append(parts, names[g.Unit]+"("+strings.Join(extents, ", ")+")")
	}
	if len(parts) == 0 {
		return "local(" + strings.TrimSuffix(strings.Repeat("1, ", rank), ", ") + ")"
	}
	return strings.Join(parts, " * ")
}

// digits writes the digits one by one, the fastest of each unit first.
func (p *printer) digits(v *ir.Value, byUnit [layout.Units][]layout.Digit) string {
	var parts []string
	for u, list := range byUnit {
		for _, g := range list {
			if g.Axis == layout.Replica {
				parts = append(parts, fmt.Sprintf("%s(%d)", layout.Unit(u), g.Size))
				continue
			}
			parts = append(parts, fmt.Sprintf("%s(%d, %s, %d)", layout.Unit(u), g.Size, p.span(v.Type.Axes[g.Axis].Span), g.Stride))
		}
	}
	return "digits(" + strings.Join(parts, ", ") + ")"
}
