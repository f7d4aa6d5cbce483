// Package array reads and writes array files and makes operands: .npy and .safetensors in, .npy out,
// conversion between what such files hold and tensors of the language's types, generated data.
//
// In go paths (or bytes), types, shapes, seeds; out come arrays: an element type, a shape, and the
// elements as a dense little-endian bit stream in C order, which is a tensor's memory. It always holds
// that
//
//   - a file is believed only as far as its size allows: no header makes a reader allocate more than
//     the file holds, and bytes that are missing or left over are an error;
//   - a conversion is exact, or an error that names the first element that does not fit and its index;
//   - an output file is there whole or not at all;
//   - generated data depends on type, count and seed alone, on every machine, for ever.
package array

import (
	"fmt"
	"math"
	"math/bits"
	"strings"

	"github.com/tilec/tilec/ir/dtype"
)

// Array is a dense array in C order. Data has dtype.StreamBytes(Elem.Bits(), number of elements) bytes.
type Array struct {
	Elem  dtype.Type
	Shape []int64
	Data  []byte
}

// maxRank bounds the number of dimensions, as numpy does.
const maxRank = 64

// Count is the number of elements of a shape, or an error where an extent is negative, there are
// more than 64 dimensions, or the elements of the given type would have more bits than an int counts.
func Count(elem dtype.Type, shape []int64) (int, error) {
	if len(shape) > maxRank {
		return 0, fmt.Errorf("a shape of %d dimensions; at most %d are supported", len(shape), maxRank)
	}
	n, over, empty := uint64(1), false, false
	for _, d := range shape {
		if d < 0 {
			return 0, fmt.Errorf("shape %s has a negative extent", shapeText(shape))
		}
		empty = empty || d == 0
		hi, lo := bits.Mul64(n, uint64(d))
		over = over || hi != 0
		n = lo
	}
	if empty {
		return 0, nil
	}
	hi, size := bits.Mul64(n, uint64(elem.Bits()))
	if over || hi != 0 || size > math.MaxInt-7 {
		return 0, fmt.Errorf("shape %s of %v is too large", shapeText(shape), elem)
	}
	return int(n), nil
}

// Len is the number of elements.
func (a *Array) Len() int {
	n := 1
	for _, d := range a.Shape {
		n *= int(d)
	}
	return n
}

// shapeText is a shape as the command line writes it, 8x512x64; "scalar" without dimensions.
func shapeText(shape []int64) string {
	if len(shape) == 0 {
		return "scalar"
	}
	var b strings.Builder
	for i, d := range shape {
		if i == 8 {
			fmt.Fprintf(&b, "x…(%d dimensions)", len(shape))
			break
		}
		if i > 0 {
			b.WriteByte('x')
		}
		fmt.Fprint(&b, d)
	}
	return b.String()
}

// index is the place of element k, [2, 17]; empty for a scalar.
func (a *Array) index(k int) string {
	if len(a.Shape) == 0 {
		return ""
	}
	at := make([]string, len(a.Shape))
	for i := len(a.Shape) - 1; i >= 0; i-- {
		at[i] = fmt.Sprint(k % int(a.Shape[i]))
		k /= int(a.Shape[i])
	}
	return "[" + strings.Join(at, ", ") + "]"
}

// npyKinds maps the types that numpy has to their names in .npy headers, less byte order, and in Python.
var npyKinds = []struct {
	elem        dtype.Type
	descr, name string
}{
	{dtype.Bool, "b1", "bool"},
	{dtype.I8, "i1", "int8"}, {dtype.I16, "i2", "int16"}, {dtype.I32, "i4", "int32"}, {dtype.I64, "i8", "int64"},
	{dtype.U8, "u1", "uint8"}, {dtype.U16, "u2", "uint16"}, {dtype.U32, "u4", "uint32"}, {dtype.U64, "u8", "uint64"},
	{dtype.F16, "f2", "float16"}, {dtype.F32, "f4", "float32"}, {dtype.F64, "f8", "float64"},
}

// numpyName is numpy's name for t, or t's own where numpy lacks it; ok tells which.
func numpyName(t dtype.Type) (name string, ok bool) {
	for _, k := range npyKinds {
		if k.elem == t {
			return k.name, true
		}
	}
	return t.String(), false
}

// NumpyType is the type of numpy that an array of t is written as: t itself where numpy has it; for
// other floats float32, which holds their values exactly; int8 for signed integers under 8 bits and
// bipolar ones up to bp7, uint8 for unsigned integers, int16 for bp8, whose values reach 255.
func NumpyType(t dtype.Type) dtype.Type {
	if _, ok := numpyName(t); ok {
		return t
	}
	switch {
	case t.IsFloat():
		return dtype.F32
	case t.Kind == dtype.UintKind:
		return dtype.U8
	case t == dtype.Bipolar(8):
		return dtype.I16
	}
	return dtype.I8
}

// Tensor is a as a tensor of type t. An array of type t is itself. Otherwise t must be a type that
// numpy lacks, and the elements are values, each converted exactly; the error names the first that is not a value of t.
// An array of another type for a t that numpy has is an error: it is converted where it is made.
func (a *Array) Tensor(t dtype.Type) (*Array, error) {
	if a.Elem == t {
		return a, nil
	}
	from, _ := numpyName(a.Elem)
	if to, ok := numpyName(t); ok {
		return nil, fmt.Errorf("the array is %s, and %v takes arrays of its own type; convert it to %s first", from, t, to)
	}
	out, bad := a.convert(t)
	if bad >= 0 {
		return nil, a.misfit(t, bad)
	}
	return out, nil
}

// Bits is a, an array of unsigned integers, as the raw codes of a tensor of type t, one element each. The
// integers have at least t's width; codes beyond it are an error that names the first.
func (a *Array) Bits(t dtype.Type) (*Array, error) {
	if a.Elem.Kind != dtype.UintKind || a.Elem.Bits() < t.Bits() {
		from, _ := numpyName(a.Elem)
		return nil, fmt.Errorf("the array is %s; raw codes of %v are %s", from, t, codeKind(t))
	}
	out := a.like(t)
	width, n := t.Bits(), a.Len()
	var buf [chunk]uint64
	for i := 0; i < n; i += chunk {
		codes := buf[:min(chunk, n-i)]
		dtype.Unpack(codes, a.Data, i*a.Elem.Bits(), a.Elem.Bits())
		for j, c := range codes {
			if width < 64 && c>>width != 0 {
				return nil, fmt.Errorf("element %s is the code %#x, and %v has %d bits", a.index(i+j), c, t, width)
			}
		}
		dtype.Pack(out.Data, i*width, codes, width)
	}
	return out, nil
}

// codeKind is the smallest numpy type for raw codes of t.
func codeKind(t dtype.Type) string {
	for _, n := range []int{8, 16, 32, 64} {
		if t.Bits() <= n {
			return fmt.Sprintf("uint%d", n)
		}
	}
	return "uint64"
}

// Numpy is a as an array of NumpyType(a.Elem), whose values include all of a's.
func (a *Array) Numpy() *Array {
	t := NumpyType(a.Elem)
	if t == a.Elem {
		return a
	}
	out, _ := a.convert(t)
	return out
}

// like is an array of a's shape and another type. The size fits: it is at most 64 times one that is
// in memory, and MaxInt is further away.
func (a *Array) like(t dtype.Type) *Array {
	return &Array{Elem: t, Shape: a.Shape, Data: Bytes(dtype.StreamBytes(t.Bits(), a.Len()))}
}

// chunk is how many elements conversions hold at a time: a multiple of 8, so that chunks of any
// width begin at whole bytes.
const chunk = 1024

// convert is the values of a in type t, up to the first that t lacks: its number, or -1.
func (a *Array) convert(t dtype.Type) (out *Array, bad int) {
	out = a.like(t)
	n := a.Len()
	for i := 0; i < n; i += chunk {
		k := min(chunk, n-i)
		switch {
		case a.Elem.Class() == dtype.ClassInt && t.Class() == dtype.ClassInt:
			bad = a.convertInts(out, i, k)
		case a.Elem.Class() == dtype.ClassF32 && t.Class() == dtype.ClassF32:
			bad = a.convertF32(out, i, k)
		default:
			bad = a.convertF64(out, i, k)
		}
		if bad >= 0 {
			return out, i + bad
		}
	}
	return out, -1
}

// The three below convert elements i to i+k of a into out and give the first that does not fit, from i, or -1.

func (a *Array) convertInts(out *Array, i, k int) int {
	var in, back [chunk]int64
	t := out.Elem
	a.Elem.DecodeInts(in[:k], a.Data, i*a.Elem.Bits())
	t.ConvertIntInt(back[:k], a.Elem, in[:k], dtype.Default)
	for j := range k {
		if in[j] != back[j] { // saturated, or an even number made odd
			return j
		}
	}
	t.EncodeInts(out.Data, i*t.Bits(), back[:k])
	return -1
}

func (a *Array) convertF32(out *Array, i, k int) int {
	var in, back [chunk]float32
	t := out.Elem
	a.Elem.DecodeF32(in[:k], a.Data, i*a.Elem.Bits())
	t.RoundSlice(back[:k], in[:k])
	for j := range k {
		if in[j] != back[j] && !(in[j] != in[j] && back[j] != back[j]) && !infinite(t, float64(in[j])) {
			return j
		}
	}
	t.EncodeF32(out.Data, i*t.Bits(), back[:k])
	for j := range k {
		out.putInfinite(i+j, float64(in[j]))
	}
	return -1
}

// infinite reports whether x is an infinity that t has.
func infinite(t dtype.Type, x float64) bool { return math.IsInf(x, 0) && t.HasInf() }

// putInfinite makes element k infinite if x is: rounding to a small type saturates.
func (a *Array) putInfinite(k int, x float64) {
	if infinite(a.Elem, x) {
		dtype.WriteCode(a.Data, k*a.Elem.Bits(), a.Elem.Bits(), a.Elem.Encode(x, dtype.NearestEven, dtype.ToInf))
	}
}

func (a *Array) convertF64(out *Array, i, k int) int {
	var buf [chunk]float64
	t, in := out.Elem, buf[:k]
	a.Elem.DecodeF64(in, a.Data, i*a.Elem.Bits())
	for j, x := range in {
		y := t.Decode(t.Encode(x, dtype.NearestEven, t.Overflow()))
		if y != x && !(x != x && y != y) && !infinite(t, x) || !a.exact(i+j) {
			return j
		}
	}
	t.EncodeF64(out.Data, i*t.Bits(), in)
	for j, x := range in {
		out.putInfinite(i+j, x)
	}
	return -1
}

// exact reports whether element k is the float64 that it decodes to; only a 64-bit integer may not be.
func (a *Array) exact(k int) bool {
	if a.Elem.Class() != dtype.ClassInt || a.Elem.Bits() < 64 {
		return true
	}
	v := dtype.ReadCode(a.Data, k*64, 64)
	if a.Elem == dtype.I64 && int64(v) < 0 {
		v = -v
	}
	return bits.Len64(v)-bits.TrailingZeros64(v) <= 53
}

// misfit is the error of element k, which type t lacks.
func (a *Array) misfit(t dtype.Type, k int) error {
	code := dtype.ReadCode(a.Data, k*a.Elem.Bits(), a.Elem.Bits())
	v := fmt.Sprint(a.Elem.Decode(code))
	switch {
	case a.Elem == dtype.U64:
		v = fmt.Sprint(code)
	case a.Elem.Class() == dtype.ClassInt:
		v = fmt.Sprint(a.Elem.DecodeInt(code))
	case a.Elem.Class() == dtype.ClassF32:
		v = fmt.Sprint(float32(a.Elem.Decode(code)))
	}
	return fmt.Errorf("element %s is %s, which is not a value of %v (%s); round it first, or give raw codes as bits:FILE",
		a.index(k), v, t, rangeText(t))
}

// rangeText says what values t has, roughly.
func rangeText(t dtype.Type) string {
	switch {
	case t.Kind == dtype.BipolarKind:
		return fmt.Sprintf("the odd integers from %d to %d", t.MinInt(), t.MaxInt())
	case t.Class() == dtype.ClassInt:
		return fmt.Sprintf("the integers from %d to %d", t.MinInt(), t.MaxInt())
	case t == dtype.E8M0:
		return "the powers of two from 2^-127 to 2^127"
	}
	return fmt.Sprintf("%d mantissa bits, largest value %v", t.Man, t.Max())
}
