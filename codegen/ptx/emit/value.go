package emit

import (
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/codegen/ptx/casts"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/ir/dtype"
)

// value is what a value of the IR is in a thread.
//
// An element is an operand whose class and contents follow from its type ([classOf]):
//
//	bool                      a predicate; or the integer constant 0 or 1
//	integers up to 32 bits    a word, extended by the type's sign
//	64-bit integers and f64   a double
//	f32                       a word
//	smaller floats            a word with the code, zeros above; of tf32 the low 13 bits may be anything
//	bipolar integers          a word with the code, zeros above
type value struct {
	t ir.Type
	// scalar is a scalar's element, the same in all threads.
	scalar asm.Arg
	// lo and n are a span's first index (a double) and its live length (a word). Full says that n is the width. With ends hi
	// is where the indices end at the latest: n is hi - lo or the width.
	lo, n, hi  asm.Arg
	full, ends bool
	// elems are a tile's elements by register slot of its layout, or nil: then words has them.
	elems []asm.Arg
	// words have the elements' codes packed, slot i from bit i times the width on: of types of 16 bits, of 8, and of less where
	// whole words come out. [packs] says where code that needs words may ask for them.
	words []asm.Arg
	// at makes a tile's element in a slot where elems and words are nil: each is computed where it is asked for.
	at func(slot int) asm.Arg
	// tensor is the address of a tensor's first element, and its strides in elements.
	tensor *tensor
	// slot is where a slot of a channel, or a tile that lies in one, begins in shared memory: a word, in bytes from the
	// beginning of shared memory.
	slot asm.Arg
	// slots says that slot is the number of a slot of a channel of the text.
	slots *slots
	// view is a slot, or a tile that lies in one; a tile in registers that has one and no elements is read from there, and then
	// cast, where cast is not nil.
	view *view
	cast *casts.Sequence
}

// tensor is a parameter or temp.
type tensor struct {
	base    asm.Arg
	dims    []asm.Arg // extents, doubles
	strides []asm.Arg // in elements, doubles; the last is 1
	shared  bool      // in shared memory
	swizzle int64     // of a shared tile, in bytes, 0 without
}

// stepwise reports whether a tile is read from shared memory by its user.
func (v *value) stepwise() bool {
	return v.view != nil && v.elems == nil && v.words == nil && v.at == nil
}

func classOf(t dtype.Type) asm.Class {
	switch {
	case t == dtype.Bool:
		return asm.P
	case t.Bits() > 32:
		return asm.D
	}
	return asm.W
}

// packs reports whether tiles of a type with so many slots can be in words.
func packs(t dtype.Type, slots int) bool {
	return t != dtype.Bool && (t.Bits() == 8 || t.Bits() == 16) && slots*t.Bits()%32 == 0
}

// elem is a tile's element in a register slot, or a scalar's.
func (e *emitter) elem(v *value, slot int) asm.Arg {
	if v.t.Kind == ir.Scalar {
		return v.scalar
	}
	if v.elems != nil {
		return v.elems[slot]
	}
	if v.words == nil {
		return v.at(slot)
	}
	bits := v.t.Elem.Bits()
	if bits < 8 {
		return e.extract(v.t.Elem, v.words, slot)
	}
	per := 32 / bits
	return e.unpack(v.t.Elem, v.words[slot/per], slot%per)
}

// extract is an element of less than 8 bits of packed words.
func (e *emitter) extract(t dtype.Type, words []asm.Arg, slot int) asm.Arg {
	b, bits := e.b, t.Bits()
	at := slot * bits
	w, at := asm.R(b.Move(asm.W, words[at/32])), at%32
	if at+bits > 32 {
		w = asm.R(b.Pure("shf.r.wrap.b32", asm.W, w, asm.R(b.Move(asm.W, words[slot*bits/32+1])), asm.Int(int64(at))))
		at = 0
	}
	kind := "u32"
	if t.IsInt() && t.Signed {
		kind = "s32"
	}
	return asm.R(b.Pure("bfe."+kind, asm.W, w, asm.Int(int64(at)), asm.Int(int64(bits))))
}

// elems are all elements of a tile.
func (e *emitter) elems(v *value) []asm.Arg {
	if v.elems != nil {
		return v.elems
	}
	list := make([]asm.Arg, e.place(v.t).slots)
	for i := range list {
		list[i] = e.elem(v, i)
	}
	return list
}

// words are a tile's elements, packed; only where its type packs.
func (e *emitter) words(v *value) []asm.Arg {
	if v.words != nil {
		return v.words
	}
	bits := v.t.Elem.Bits()
	per := 32 / bits
	elems := e.elems(v)
	list := make([]asm.Arg, len(elems)/per)
	for i := range list {
		list[i] = e.pack(bits, elems[i*per:(i+1)*per])
	}
	return list
}

// unpack is element i of a word of packed ones.
func (e *emitter) unpack(t dtype.Type, word asm.Arg, i int) asm.Arg {
	b, bits := e.b, t.Bits()
	if k, ok := word.IntValue(); ok {
		code := uint64(uint32(k)) >> (i * bits) & (1<<bits - 1)
		if t.IsInt() {
			return asm.Int(t.DecodeInt(code))
		}
		return asm.Int(int64(code))
	}
	signed := t.IsInt() && t.Signed
	switch {
	case bits == 16 && !signed && i == 0:
		return b.And(asm.W, word, asm.Int(0xffff))
	case bits == 16 && !signed:
		return b.Shr(asm.W, word, 16)
	case bits == 16:
		return asm.R(b.Pure("prmt.b32", asm.W, word, asm.Int(0), asm.Int([]int64{0x9910, 0xbb32}[i])))
	case signed: // the sign's byte is repeated by bit 3 of a selector
		k := int64(i)
		return asm.R(b.Pure("prmt.b32", asm.W, word, asm.Int(0), asm.Int((8+k)<<12|(8+k)<<8|(8+k)<<4|k)))
	}
	return asm.R(b.Pure("prmt.b32", asm.W, word, asm.Int(0), asm.Int(0x4440+int64(i))))
}

// pack is a word of elements of 8 or 16 bits, or of less that fill it.
func (e *emitter) pack(bits int, list []asm.Arg) asm.Arg {
	b := e.b
	known, all := int64(0), true
	for i, x := range list {
		k, ok := x.IntValue()
		all = all && ok
		known |= k & (1<<bits - 1) << (i * bits)
	}
	if all {
		return asm.Int(int64(int32(known)))
	}
	pair := func(x, y asm.Arg, selector int64) asm.Arg {
		return asm.R(b.Pure("prmt.b32", asm.W, x, y, asm.Int(selector)))
	}
	switch {
	case bits == 16:
		return pair(list[0], list[1], 0x5410)
	case bits < 8:
		sum := asm.Int(0)
		for i, x := range list {
			sum = asm.R(b.Pure("bfi.b32", asm.W, e.word(x), e.word(sum), asm.Int(int64(i*bits)), asm.Int(int64(bits))))
		}
		return sum
	}
	return pair(pair(list[0], list[1], 0x0040), pair(list[2], list[3], 0x0040), 0x5410)
}

// reg is an element in a register.
func (e *emitter) reg(t dtype.Type, x asm.Arg) asm.Reg { return e.b.Move(classOf(t), x) }
