package fragment

import (
	"strings"

	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
)

// The digits of fragments, by unit: size positions hold elements that lie stride apart along an axis.
func slot(size int64, axis int, stride int64) layout.Digit {
	return layout.Digit{Size: size, Unit: layout.Register, Axis: axis, Stride: stride}
}

func lane(size int64, axis int, stride int64) layout.Digit {
	return layout.Digit{Size: size, Unit: layout.Lane, Axis: axis, Stride: stride}
}

func warp(size int64, axis int, stride int64) layout.Digit {
	return layout.Digit{Size: size, Unit: layout.Warp, Axis: axis, Stride: stride}
}

// idle are lanes that hold the same element as others.
func idle(size int64) layout.Digit {
	return layout.Digit{Size: size, Unit: layout.Lane, Axis: layout.Replica}
}

// operand is a fragment in registers. Digits of one position are left out.
func operand(axes string, tile []int64, t dtype.Type, digits ...layout.Digit) Fragment {
	kept := digits[:0:0]
	for _, d := range digits {
		if d.Size > 1 {
			kept = append(kept, d)
		}
	}
	d := layout.Must(layout.Distribute(tile, kept...))
	f := Fragment{Kind: Registers, Axes: strings.Fields(axes), Type: t, Slot: int64(t.Bits()), Distribution: d}
	elements := int64(1)
	for _, n := range tile {
		elements *= n
	}
	f.Replicas = d.Layout().Size() / elements
	f.Registers = registers(d.Count(layout.Register), f.Slot)
	return f
}

// registers are the 32-bit registers that hold so many slots.
func registers(slots, bits int64) int64 { return (slots*bits + 31) / 32 }

// in gives a fragment its name, the atom's and a short one.
func (f Fragment) in(atom, short string) Fragment {
	f.Atom, f.Name = atom, atom+"."+short
	return f
}

func (f Fragment) with(note string) Fragment {
	f.Note = note
	return f
}

// pointers is a fragment of what lanes point at.
func (f Fragment) pointers() Fragment {
	f.Kind, f.Registers = Pointers, 1
	return f
}

// types are the names that instructions give to the types.
var types = map[string]dtype.Type{
	"f64": dtype.F64, "f32": dtype.F32, "tf32": dtype.TF32, "xf32": dtype.TF32, "f16": dtype.F16, "bf16": dtype.BF16,
	"e4m3": dtype.F8E4M3, "e5m2": dtype.F8E5M2, "e3m2": dtype.F6E3M2, "e2m3": dtype.F6E2M3, "e2m1": dtype.F4E2M1,
	"fp8": dtype.F8E4M3, "bf8": dtype.F8E5M2, "bf6": dtype.F6E3M2, "fp6": dtype.F6E2M3, "fp4": dtype.F4E2M1,
	"s32": dtype.I32, "s8": dtype.I8, "u8": dtype.U8, "s4": dtype.I4, "u4": dtype.U4, "b1": dtype.U1, "i8": dtype.I8,
	"ue8m0": dtype.E8M0, "ue4m3": dtype.F8E4M3,
}

// pair is how a name says the types of A and B.
func pair(a, b string) string {
	if a == b {
		return a
	}
	return a + "x" + b
}

// pairs are all pairs of some types.
func pairs(names ...string) [][2]string {
	var all [][2]string
	for _, a := range names {
		for _, b := range names {
			all = append(all, [2]string{a, b})
		}
	}
	return all
}
