package ir

import "github.com/tilec/tilec/ir/layout"

// Rules of shared tensors, pinned tiles and instructions of a target.

func ruleShared(o *Op) ([]Type, error) {
	t := want(o, 0)
	if t.Kind != Tensor || !t.Elem.Valid() || t.Mem != Dense {
		return nil, ruleErr("V3", "a shared tensor is dense, not %s", t)
	}
	n := int64(1)
	for _, d := range t.Dims {
		if d == nil || d.Op != DimConst || d.K < 1 {
			return nil, ruleErr("V14", "an extent of %s is no constant from 1", t)
		}
		if n *= d.K; n > maxSlot {
			return nil, ruleErr("V14", "%s has more than %d elements", t, int64(maxSlot))
		}
	}
	if n := o.Int("align"); o.Attr("align") != nil && !SharedAlign(n) {
		return nil, ruleErr("V14", "a shared tensor is aligned to a power of two up to %d bytes, not %d", MaxSharedAlign, n)
	}
	if n := o.Int("swizzle"); o.Attr("swizzle") != nil && !SharedSwizzle(n) {
		return nil, ruleErr("V14", "the swizzle of a shared tensor is 32, 64 or 128, not %d", n)
	}
	inside := false
	for r := o.Parent; r != nil && r.Parent != nil; r = r.Parent.Parent {
		inside = inside || r.Parent.Code == Parallel
	}
	if !inside && o.Parent != nil {
		return nil, ruleErr("V10", "a shared tensor stands in a phase")
	}
	return one(t)
}

// MaxSharedAlign is the most that a shared tensor's address is a multiple of, in bytes.
const MaxSharedAlign = 1024

// SharedAlign reports whether a shared tensor may be aligned to n bytes.
func SharedAlign(n int64) bool { return n > 0 && n <= MaxSharedAlign && n&(n-1) == 0 }

// SharedSwizzle reports whether pieces of a shared tensor may change places within n bytes.
func SharedSwizzle(n int64) bool { return n == 32 || n == 64 || n == 128 }

func rulePin(o *Op) ([]Type, error) {
	t := o.Operands[0].Type
	if t.Kind != Tile {
		return nil, ruleErr("V3", "pin of a %s", t)
	}
	if _, err := o.Pinned(); err != nil {
		return nil, ruleErr("V11", "%v", err)
	}
	if n := len(o.Ints("tile")); n != len(t.Axes) {
		return nil, ruleErr("V11", "the layout is over %d axes, the tile over %d", n, len(t.Axes))
	}
	return one(t)
}

// Pinned is the layout that a PinTo names.
func (o *Op) Pinned() (layout.Distribution, error) {
	list := o.Ints("digits")
	if len(list)%4 != 0 {
		return layout.Distribution{}, ruleErr("V11", "%d numbers of digits", len(list))
	}
	var digits []layout.Digit
	for i := 0; i < len(list); i += 4 {
		if list[i+1] < 0 || list[i+1] > int64(layout.Block) {
			return layout.Distribution{}, ruleErr("V11", "unit %d", list[i+1])
		}
		digits = append(digits, layout.Digit{Size: list[i], Unit: layout.Unit(list[i+1]), Axis: int(list[i+2]), Stride: list[i+3]})
	}
	return layout.Distribute(o.Ints("tile"), digits...)
}

func ruleAsm(o *Op) ([]Type, error) {
	t := o.Operands[0].Type
	if !t.Data() {
		return nil, ruleErr("V3", "asm of a %s", t)
	}
	for _, v := range o.Operands[1:] {
		if v.Type.Kind != t.Kind || !sameAxes(v.Type, t) {
			return nil, ruleErr("V3", "asm of a %s and a %s", t, v.Type)
		}
	}
	return one(t)
}
