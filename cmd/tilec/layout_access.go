package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tilec/tilec/ir/layout"
	"github.com/tilec/tilec/ir/layout/bank"
	"github.com/tilec/tilec/ir/layout/draw"
	"github.com/tilec/tilec/ir/layout/expr"
	"github.com/tilec/tilec/ir/layout/fragment"
)

// resolve finds the accesses to a layout that counts elements, and how many bits an element has.
func (c *layoutCall) resolve(l layout.Layout) (m *bank.Machine, list []bank.Access, elementBits int64, err error) {
	m, ok := bank.For(c.target)
	if !ok {
		return nil, nil, 0, misusef("-target %s: no shared memory is known of it%s; there is that of %s", c.target, nearest(c.target, bank.Machines()), strings.Join(bank.Machines(), ", "))
	}
	distributions := make([]layout.Distribution, len(c.of))
	elementBits = c.bits
	for i, of := range c.of {
		v, err := expr.Eval(of)
		if err != nil {
			return nil, nil, 0, located("-of", of, err)
		}
		d, ok := v.(layout.Distribution)
		if !ok {
			return nil, nil, 0, misusef("-of %s: a distribution says which elements the lanes move, as mma_m16n8k16_bf16.a or spatial(8,4) * local(1,8)", of)
		}
		if f, err := fragment.Lookup(strings.TrimSpace(of)); err == nil && c.bits == 0 {
			if elementBits != 0 && elementBits != f.Slot {
				return nil, nil, 0, misusef("elements of %d bits and of %d bits in one layout; -bits says how many they have", elementBits, f.Slot)
			}
			elementBits = f.Slot
		}
		if distributions[i], err = within(d, l); err != nil {
			return nil, nil, 0, err
		}
	}
	if elementBits == 0 {
		return nil, nil, 0, misusef("say with -bits how many bits an element has")
	}
	tile, err := layout.Scale(l, elementBits)
	if err != nil {
		return nil, nil, 0, err
	}
	for i, d := range distributions {
		a, err := accessOf(m, c.access[i], d, tile, elementBits)
		if err != nil {
			return nil, nil, 0, err
		}
		list = append(list, a)
	}
	return m, list, elementBits, nil
}

// within is a distribution as one of a larger tile, the extents of a layout's modes, at the first element.
func within(d layout.Distribution, l layout.Layout) (layout.Distribution, error) {
	extents := make([]int64, l.Rank())
	for i := range extents {
		extents[i] = l.Mode(i).Size()
	}
	whole, part := layout.Ints(extents...), layout.Ints(d.Tile()...)
	if whole.Equal(part) {
		return d, nil
	}
	fits := len(extents) == len(d.Tile())
	for i := range extents {
		fits = fits && extents[i] >= d.Tile()[i]
	}
	digits, ok := d.Digits()
	if !fits || !ok {
		return layout.Distribution{}, fmt.Errorf("the %v elements of -of do not lie in a tile of %v", part, whole)
	}
	return layout.Distribute(extents, digits...)
}

// accessOf is the access of an instruction.
func accessOf(m *bank.Machine, name string, d layout.Distribution, tile layout.Layout, elementBits int64) (bank.Access, error) {
	if strings.HasPrefix(name, "ldmatrix") || strings.HasPrefix(name, "stmatrix") {
		return bank.Matrices(m, name, d, tile, elementBits)
	}
	if name == "read" || name == "write" {
		return bank.Of(m, name == "write", d, tile, elementBits, 16)
	}
	in, ok := m.Instruction(name)
	if !ok {
		names := []string{"read", "write"}
		for _, in := range m.Instructions {
			names = append(names, in.Name)
		}
		return bank.Access{}, misusef("-access %s: %s has no such instruction for shared memory%s; there are %s", name, m.Name, nearest(name, names), strings.Join(names, ", "))
	}
	a, err := bank.Of(m, in.Write, d, tile, elementBits, in.Bytes)
	if err != nil {
		return a, err
	}
	if of, _ := m.Instruction(a.Instruction); of.Bytes != in.Bytes {
		return a, fmt.Errorf("%s moves %d bytes of a lane, of which only %d lie side by side: %s does that", name, in.Bytes, of.Bytes, of.Name)
	}
	a.Instruction = name // of the same width, with phases of its own
	return a, nil
}

// banks shows which banks the accesses to a layout touch.
func (c *layoutCall) banks(title string, l layout.Layout) error {
	m, list, elementBits, err := c.resolve(l)
	if err != nil {
		return err
	}
	tile, err := layout.Scale(l, elementBits)
	if err != nil {
		return err
	}
	var found []string
	if c.solve {
		r, err := bank.Solve(m, tile, list, bank.Options{})
		if err != nil {
			return err
		}
		tile = r.Layout
		if l, err = layout.Recast(tile, 1, elementBits); err != nil {
			return err
		}
		found = append(found, solved(r))
	}
	for i, access := range list {
		p, err := banksOf(m, access, tile)
		if err != nil {
			return err
		}
		p.Title = l.String()
		p.Facts = append(found, p.Facts...)
		if i > 0 {
			fmt.Fprintln(c.env.stdout)
		}
		if err := c.picture(title, p); err != nil {
			return err
		}
	}
	return nil
}

// solved says what the solver has done.
func solved(r bank.Result) string {
	fact := "solved: "
	switch r.Form {
	case bank.Swizzled, bank.Rotated:
		fact += fmt.Sprintf("%v of byte addresses", r.Swizzle)
	case bank.Padded:
		fact += fmt.Sprintf("rows padded by %s, %d in all", counted(int(r.Padding), "byte"), r.Wasted)
	default:
		fact += "best as it is"
	}
	fact += fmt.Sprintf("; conflicts cost %s", counted(int(r.Cost), "wavefront"))
	if r.Minimal {
		fact += ", the fewest: " + r.Proof
	}
	return fact
}

// banksOf is the picture of an access.
func banksOf(m *bank.Machine, access bank.Access, tile layout.Layout) (draw.Picture, error) {
	r, err := bank.Degree(m, access, tile)
	if err != nil {
		return draw.Picture{}, err
	}
	in, _ := m.Instruction(access.Instruction)
	model := max(slices.Index(r.Models, r.Count), 0)
	phases, err := bank.Phases(m, access, tile, model, r.Repetition)
	if err != nil {
		return draw.Picture{}, err
	}
	p := draw.Banks(phases)
	times := access.Elements.Size() / access.Elements.Mode(0).Size() / access.Elements.Mode(1).Size()
	fact := fmt.Sprintf("%s on %s, %s", r.Access, m.Name, counted(len(phases), "phase"))
	if times > 1 {
		fact += fmt.Sprintf(", %d times", times)
	}
	if r.Extra == 0 {
		fact += ": no bank conflicts"
	} else {
		fact += fmt.Sprintf(": %d-way bank conflicts, %d wavefronts in the place of %d", r.Degree, r.Wavefronts, r.Wavefronts-r.Extra)
	}
	p.Facts = append(p.Facts, fact)
	if len(r.Models) > 1 {
		p.Facts = append(p.Facts, fmt.Sprintf("shown under the phases that are worst: %s", r.Model))
	}
	if in.Assumed != "" {
		p.Facts = append(p.Facts, "assumed: "+in.Assumed)
	}
	if times > 1 {
		p.Facts = append(p.Facts, fmt.Sprintf("shown: repetition %d", r.Repetition))
	}
	return p, nil
}
