// Package casts makes the straight-line instruction sequences that turn packed codes of small types into wider types
// inside 32-bit registers: every integer and bipolar type of 1 to 8 bits and every small float to f16, bf16, f32, 8-bit
// floats and 8-bit integers.
//
// In go a source type, a destination, a processor and an order: where the bits of the codes lie in the input words. Out
// comes a Sequence, instructions as data that a printer writes as PTX. It always holds that
//
//   - every code of the source gives the value that ir/dtype says, bit for bit but for the payloads of NaNs: signed
//     zeros, subnormals and infinities are kept, whatever lies in the words beside it;
//   - a cast that is not exact for some code is refused with that code; nothing is rounded;
//   - instructions touch registers alone: no memory, no predicates, no branches.
//
// # How
//
// Each output register is first gathered: bits of the input are brought to their places by few shifted or byte-permuted
// copies of the words, each masked by one lop3, which also sets constant bits. Which copies are made is a small search over all
// registers of the sequence (gather.go). An integer is gathered into the mantissa of a power of two, which a subtraction
// takes away (integer.go). A small float's exponent and mantissa are gathered into place, and one multiplication by a power
// of two puts the exponent's bias right, which makes subnormal codes right too (float.go).
package casts

import (
	"fmt"

	"github.com/tilec/tilec/codegen/ptx"
	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
)

// Order says where codes lie in the input words.
type Order uint8

// The orders.
const (
	// Stream is the order of tensors in memory: code after code, the least significant bit first, across word boundaries.
	Stream Order = iota
	// Interleaved cuts the words into lanes, each of which holds a stream of its own: that of every second element in halves
	// of 16 bits, of every fourth in bytes, of every eighth in nibbles. The elements of a register then lie in one place of
	// each lane, where one mask picks them all. Casts to 16-bit types and of floats to f32 have halves, those to 8-bit integers
	// bytes, those to 8-bit floats what their recipe gathers; a cast of integers to f32 has one lane, the order of Stream.
	Interleaved
	// Planes is for widths that do not divide 32: the lanes of Interleaved, and the codes cut into planes of 4, 2 and 1 bits,
	// the low bits of the code in the widest, so that no part of a code crosses a word boundary. Floats of 4 and 8 bits that go
	// to wider ones have the magnitudes of a half word's codes in its lower bits and the signs in its upper ones.
	Planes
)

// Orders are all of them.
var Orders = []Order{Stream, Interleaved, Planes}

// String is the order's name.
func (o Order) String() string { return [...]string{"stream", "interleaved", "planes"}[min(o, Planes)] }

// Plane is a run of bits of every code, and where they lie.
type Plane struct {
	// Low and Bits say which bits of a code: Bits of them from bit Low on.
	Low, Bits int
	// First is the first bit of the plane in the input words: bit b of word w is 32*w + b.
	First int
	// Lanes is the number of parts of a word that hold streams of their own. Element e is the e/Lanes-th of lane e%Lanes.
	Lanes int
	// Layout goes from (bit of a lane's stream, lane) to a bit of the input words behind the first.
	Layout layout.Layout
}

// Sequence is a cast of some elements, in instructions.
type Sequence struct {
	From, To dtype.Type
	Target   ptx.Target
	Order    Order
	Options  Options
	// Factor is what the outputs are to be multiplied by: a power of two, 1 unless Options.Fold asks for it.
	Factor float64
	// Elements is the number of codes that one run casts, Words that of the input words that hold them.
	Elements, Words int
	// Planes say where the codes lie in the input words.
	Planes []Plane
	// Lanes is the number of elements in an output register: element i is lane i%Lanes of output i/Lanes, lane 0 in the
	// lowest bits.
	Lanes int
	// Constants are the values of registers that the sequence reads and that do not change: set once, before a loop.
	Constants []uint32
	// Temps and Halves are the numbers of temporary 32-bit and 16-bit registers.
	Temps, Halves int
	Code          []Instr
}

// Outputs is the number of output registers.
func (s *Sequence) Outputs() int { return s.Elements / s.Lanes }

// Instructions is the number of instructions that take an issue slot: all but the moves that name the halves of a register or
// join two. Conversions read halves in place and write either half, as the code that ptxas makes of them shows.
func (s *Sequence) Instructions() int {
	n := 0
	for _, in := range s.Code {
		if in.Op != splitOp && in.Op != joinOp {
			n++
		}
	}
	return n
}

// PerElement is the number of instructions by the number of elements.
func (s *Sequence) PerElement() float64 { return float64(s.Instructions()) / float64(s.Elements) }

// Bit is the place of a bit of the code of an element: bit b of input word w is 32*w + b.
func (s *Sequence) Bit(element, bit int) int {
	p := &s.Planes[s.plane(bit)]
	t := int64(bit - p.Low + p.Bits*(element/p.Lanes))
	lane := int64(element % p.Lanes)
	return p.First + int(p.Layout.At(t+p.Layout.Size()/int64(p.Lanes)*lane))
}

// plane is the plane that holds a bit of the code.
func (s *Sequence) plane(bit int) int {
	i := 0
	for i+1 < len(s.Planes) && bit >= s.Planes[i+1].Low {
		i++
	}
	return i
}

// Options leave out parts of a cast of floats to wider ones. The zero value is the whole cast.
type Options struct {
	// Finite says that no code is a NaN or an infinity; what such codes give is not said then.
	Finite bool
	// Fold leaves the product with a power of two to the user: values are the outputs times Sequence.Factor, where that saves
	// an instruction.
	Fold bool
}

// Make is the cast between two types on a processor, from codes in the given order. The error says why there is none.
func Make(from, to dtype.Type, target ptx.Target, order Order, opts Options) (*Sequence, error) {
	if err := check(from, to, target, order); err != nil {
		return nil, fmt.Errorf("no fast cast from %v to %v on %v: %w", from, to, target, err)
	}
	var best *Sequence
	for _, recipe := range recipes(from, to, target, order) {
		s := newSequence(from, to, target, order)
		s.Options, s.Factor = opts, 1
		recipe(newBuilder(s))
		s.compactTemps()
		if best == nil || s.Instructions() < best.Instructions() {
			best = s
		}
	}
	if best == nil {
		return nil, fmt.Errorf("no fast cast from %v to %v on %v: there is no recipe for it", from, to, target)
	}
	return best, nil
}

// Destinations are the types that casts go to.
var Destinations = []dtype.Type{dtype.F16, dtype.BF16, dtype.F32, dtype.F8E4M3, dtype.F8E5M2, dtype.I8, dtype.U8}

func check(from, to dtype.Type, target ptx.Target, order Order) error {
	if from.Width < 1 || from.Width > 8 || from.Kind == dtype.BoolKind {
		return fmt.Errorf("casts are from integers, bipolar types and floats of up to 8 bits")
	}
	known := false
	for _, d := range Destinations {
		known = known || to == d
	}
	if !known {
		return fmt.Errorf("casts are to f16, bf16, f32, f8e4m3, f8e5m2, i8 and u8")
	}
	if order > Planes || order == Planes && 32%from.Width == 0 && !(from.Kind == dtype.FloatKind && from.Signed && to.Width > 8) {
		return fmt.Errorf("codes of %d bits have no planes", from.Width)
	}
	if target.SM < 80 {
		return fmt.Errorf("sm_80 or later is needed")
	}
	return exact(from, to)
}

// exact says which code of from has a value that is none of to.
func exact(from, to dtype.Type) error {
	for c := uint64(0); c < 1<<from.Width; c++ {
		v := from.Decode(c)
		ok := false
		if to.IsFloat() {
			ok = to.Has64(v)
		} else {
			ok = from.Kind != dtype.FloatKind && v >= to.Lowest() && v <= to.Max()
		}
		if !ok {
			return fmt.Errorf("code %d is worth %v, which is no value of %v", c, v, to)
		}
	}
	return nil
}

// newSequence lays the codes out.
func newSequence(from, to dtype.Type, target ptx.Target, order Order) *Sequence {
	s := &Sequence{From: from, To: to, Target: target, Order: order, Lanes: max(32/int(to.Width), 1)}
	w := int(from.Width)
	s.Elements = 32 // as many as fill words
	for s.Elements > s.Lanes && s.Elements/2*w%32 == 0 {
		s.Elements /= 2
	}
	s.Words = s.Elements * w / 32
	lanes := 1
	if order != Stream {
		switch {
		case to.IsFloat() && to.Width == 8:
			lanes = floatByteLanes(from, to)
		case from.Kind == dtype.FloatKind:
			lanes = max(s.Lanes, 2) // f32 is made of pairs
		default:
			lanes = s.Lanes
		}
	}
	// A plane of b bits of each code takes used bits of each lane of a word from bit first on.
	add := func(low, b, used, first int) {
		words := int64(s.Elements * b / lanes / used)
		part := int64(32 / lanes)
		s.Planes = append(s.Planes, Plane{Low: low, Bits: b, First: first, Lanes: lanes, Layout: layout.Must(layout.New(
			layout.List(layout.Ints(int64(used), words), layout.Int(int64(lanes))),
			layout.List(layout.Ints(1, 32), layout.Int(part))))})
	}
	switch {
	case order != Planes:
		add(0, w, 32/lanes, 0)
	case 32%w == 0:
		n := 16 / w
		add(0, w-1, n*(w-1), 0)
		add(w-1, 1, n, n*(w-1))
	default:
		low, word := 0, 0
		for _, b := range []int{4, 2, 1} {
			if w&b != 0 {
				add(low, b, 32/lanes, 32*word)
				low, word = low+b, word+s.Elements*b/32
			}
		}
	}
	return s
}

// recipe writes a sequence; the cheapest of those that apply is taken.
type recipe func(*builder)

func recipes(from, to dtype.Type, target ptx.Target, order Order) []recipe {
	var all []recipe
	switch {
	case to == dtype.I8 || to == dtype.U8:
		all = integerBytes(from, order)
	case to.Width == 8:
		all = floatBytes(from, to, target, order)
	case from.Kind == dtype.FloatKind:
		all = floats(from, to, target, order)
	default:
		all = integers(from, to, order)
	}
	return all
}
