package emit

import (
	"slices"

	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/codegen/ptx/casts"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/passes"
)

// This file has factors that lie in shared memory as codes of 8 bits and are multiplied as elements of 16. ldmatrix gives lane
// t of a group of four the codes 4t to 4t+3 of a row, a word, where the instruction wants elements 2t, 2t+1, 2t+8 and 2t+9: so
// it multiplies in another order along the summed axis, the same for both factors. A word is cast when its step comes: a
// factor that was cast as a whole would take as many registers as the sums.

// narrowFactors are the casts of the two factors of a contraction, as sequences of the same order; false where its factors
// are not such casts of tiles in shared memory, or have other users.
func (e *emitter) narrowFactors(o *ir.Op) (pair [2]*casts.Sequence, ok bool) {
	if o.Code != ir.Contract || o.Str("atom") == "" || len(o.Axes) != 1 || explicit(e.op) {
		return pair, false
	}
	var from, to [2]dtype.Type
	for i, v := range o.Operands[:2] {
		c := v.Def
		if c == nil || c.Code != ir.Cast || c.Parent != o.Parent || len(e.users(v)) != 1 {
			return pair, false
		}
		x := c.Operands[0]
		if x.Def == nil || x.Def.Code != ir.Convert || x.Def.Parent != o.Parent || len(e.users(x)) != 1 {
			return pair, false
		}
		form, found := passes.SlotFormOf(x.Def.Operands[0].Type)
		if !found || form.Bits != 8 || v.Type.Elem.Bits() != 16 || v.Type.Axis(o.Axes[0]) != form.Inner || !inRows(o, i, form) {
			return pair, false
		}
		if n := v.Type.Layout.Tile()[form.Inner]; n%16 != 0 || n > form.Extents[form.Inner] {
			return pair, false
		}
		from[i], to[i] = x.Type.Elem, v.Type.Elem
		// What is absent is a code of zeros, and has to add nothing.
		if zero(from[i]) != 0 {
			return pair, false
		}
	}
	best := 0
	for _, order := range casts.Orders {
		x, y := e.wordCast(from[0], to[0], order), e.wordCast(from[1], to[1], order)
		if x == nil || y == nil || slices.ContainsFunc([]int{0, 1, 2, 3}, func(i int) bool { return x.Bit(i, 0) != y.Bit(i, 0) }) {
			continue
		}
		if n := x.Instructions() + y.Instructions(); best == 0 || n < best {
			best, pair, ok = n, [2]*casts.Sequence{x, y}, true
		}
	}
	return pair, ok
}

// zero is the value of a type's code 0.
func zero(t dtype.Type) float64 {
	if t.IsFloat() {
		return t.Decode(0)
	}
	return float64(t.DecodeInt(0))
}

// wordCast is the cast of a word of four codes, which lie in it whole, to two words; nil where there is none.
func (e *emitter) wordCast(from, to dtype.Type, order casts.Order) *casts.Sequence {
	s := sequenceOf(from, to, e.target.SM, order)
	if s == nil || s.Words != 1 || s.Elements != 4 || s.Outputs() != 2 || len(s.Planes) != 1 {
		return nil
	}
	return s
}

// stepwiseCast reports whether an operation is the conversion or the cast of a factor that is cast step by step, and by which
// sequence.
func (e *emitter) stepwiseCast(o *ir.Op) (*casts.Sequence, bool) {
	v := o.Result()
	if o.Code == ir.Convert {
		list := e.users(v)
		if len(list) != 1 || list[0].Code != ir.Cast {
			return nil, false
		}
		v = list[0].Result()
	}
	list := e.users(v)
	if len(list) != 1 {
		return nil, false
	}
	pair, ok := e.narrowFactors(list[0])
	if !ok {
		return nil, false
	}
	return pair[slices.Index(list[0].Operands, v)], true
}

// castWords are the registers of a fragment whose words hold codes: the first halves of all words, and behind them the second.
func (e *emitter) castWords(s *casts.Sequence, words []asm.Arg) []asm.Arg {
	list := make([]asm.Arg, 2*len(words))
	for i, w := range words {
		out := e.runSequence(s, []asm.Arg{w})
		list[i], list[len(words)+i] = out[0], out[1]
	}
	return list
}
