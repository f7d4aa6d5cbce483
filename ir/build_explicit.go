package ir

import (
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
)

// Chan is a ring of depth slots with these extents.
func (b *Builder) Chan(name string, elem dtype.Type, depth int64, extents ...int64) *Value {
	t := Type{Kind: Chan, Elem: elem, Depth: depth}
	for _, n := range extents {
		t.Axes = append(t.Axes, Axis{Extent: n})
	}
	v := b.op1(ChanOf, t, nil, nil)
	v.Name = name
	return v
}

// Acquire is the next slot of a channel, to be filled.
func (b *Builder) Acquire(c *Value) *Value { return b.op1(Acquire, Type{}, nil, nil, c) }

// Copy begins to copy the elements that subscripts name into a slot, whose axes the spans run over.
func (b *Builder) Copy(slot, tensor *Value, index, spans []*Value, mode string) {
	b.Emit(&Op{Code: Copy, Operands: append([]*Value{slot, tensor}, index...), Axes: spans, Attrs: []Attr{{"mode", mode}}})
}

// Put stores a tile, over the slot's axes in their order, into a slot.
func (b *Builder) Put(slot, x *Value) { b.Emit(&Op{Code: Put, Operands: []*Value{slot, x}}) }

// Commit gives a slot that was filled on.
func (b *Builder) Commit(c, slot *Value) { b.Emit(&Op{Code: Commit, Operands: []*Value{c, slot}}) }

// Take is the next slot of a channel, to be read.
func (b *Builder) Take(c *Value) *Value { return b.op1(Take, Type{}, nil, nil, c) }

// View is what a slot holds, along spans.
func (b *Builder) View(slot *Value, spans ...*Value) *Value {
	return b.op1(View, Type{}, nil, spans, slot)
}

// Release frees a slot that was taken.
func (b *Builder) Release(c, slot *Value) { b.Emit(&Op{Code: Release, Operands: []*Value{c, slot}}) }

// Shared is a tensor of the block's own.
func (b *Builder) Shared(t Type, name string) *Value {
	v := b.op1(SharedOf, t, nil, nil)
	v.Name = name
	return v
}

// Pin is a tile in a register layout that is made of digits.
func (b *Builder) Pin(x *Value, d layout.Distribution) (*Value, bool) {
	digits, ok := d.Digits()
	if !ok {
		return nil, false
	}
	var list []int64
	for _, g := range digits {
		list = append(list, g.Size, int64(g.Unit), int64(g.Axis), g.Stride)
	}
	return b.op1(PinTo, Type{}, []Attr{{"digits", list}, {"tile", d.Tile()}}, nil, x), true
}

// Asm is what instructions of a target compute, element by element.
func (b *Builder) Asm(target, text string, args ...*Value) *Value {
	return b.op1(AsmOf, Type{}, []Attr{{"target", target}, {"text", text}}, nil, args...)
}
