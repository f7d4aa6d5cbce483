package main

import (
	"fmt"
	"strings"

	"github.com/tilec/tilec/ir/layout"
	"github.com/tilec/tilec/ir/layout/bank"
	"github.com/tilec/tilec/ir/layout/draw"
	"github.com/tilec/tilec/ir/layout/expr"
	"github.com/tilec/tilec/ir/layout/fragment"
)

// A layoutAccess is how a tile in shared memory is read or written, as flags say.
type layoutAccess struct {
	instruction string // of the machine; or read, write, ldmatrix, stmatrix: the widest that fits
	of          string // an expression: which elements the lanes move
	bits        int64  // of an element; 0: as of says
	target      string
}

// resolve finds the access to a tile of a layout that counts elements, and the layout in bits.
func (a *layoutAccess) resolve(l layout.Layout) (*bank.Machine, bank.Access, layout.Layout, error) {
	none := func(err error) (*bank.Machine, bank.Access, layout.Layout, error) {
		return nil, bank.Access{}, layout.Layout{}, err
	}
	m, ok := bank.For(a.target)
	if !ok {
		return none(misusef("-target %s: no shared memory is known of it%s; there is that of %s", a.target, nearest(a.target, bank.Machines()), strings.Join(bank.Machines(), ", ")))
	}
	elementBits := a.bits
	v, err := expr.Eval(a.of)
	if err != nil {
		return none(located("-of", a.of, err))
	}
	d, ok := v.(layout.Distribution)
	if !ok {
		return none(misusef("-of %s: a distribution says which elements the lanes move, as mma_m16n8k16_bf16.a or spatial(8,4) * local(1,8)", a.of))
	}
	if f, err := fragment.Lookup(strings.TrimSpace(a.of)); err == nil && elementBits == 0 {
		elementBits = f.Slot
	}
	if elementBits == 0 {
		return none(misusef("say with -bits how many bits an element has"))
	}
	if d, err = within(d, l); err != nil {
		return none(err)
	}
	tile, err := layout.Scale(l, elementBits)
	if err != nil {
		return none(err)
	}
	access, err := accessOf(m, a.instruction, d, tile, elementBits)
	return m, access, tile, err
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

// banks shows which banks an access to a layout touches.
func (c *layoutCall) banks(title string, l layout.Layout) error {
	m, access, tile, err := c.access.resolve(l)
	if err != nil {
		return err
	}
	r, err := bank.Degree(m, access, tile)
	if err != nil {
		return err
	}
	in, _ := m.Instruction(access.Instruction)
	model := 0
	for i, count := range r.Models {
		if count == r.Count {
			model = i
			break
		}
	}
	phases, err := bank.Phases(m, access, tile, model, r.Repetition)
	if err != nil {
		return err
	}
	p := draw.Banks(phases)
	p.Title = l.String()
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
	return c.picture(title, p)
}
