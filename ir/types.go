package ir

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tilec/tilec/ir/dtype"
	"github.com/tilec/tilec/ir/layout"
)

// ScalarType is one element.
func ScalarType(elem dtype.Type) Type { return Type{Kind: Scalar, Elem: elem} }

// TileType is elem over the axes, in order; without axes it is a scalar.
func TileType(elem dtype.Type, axes ...Axis) Type {
	if len(axes) == 0 {
		return ScalarType(elem)
	}
	return Type{Kind: Tile, Elem: elem, Axes: axes}
}

// TensorType is a tensor in memory.
func TensorType(elem dtype.Type, mem Mem, dims ...*Dim) Type {
	return Type{Kind: Tensor, Elem: elem, Mem: mem, Dims: dims}
}

// SpanType is a run of at most width indices.
func SpanType(width int64) Type { return Type{Kind: Span, Width: width} }

// AxisOf is the axis that runs over a span value.
func AxisOf(span *Value) Axis { return Axis{Span: span, Extent: span.Type.Width} }

// AxesOf is AxisOf for each span.
func AxesOf(spans ...*Value) []Axis {
	axes := make([]Axis, len(spans))
	for i, s := range spans {
		axes[i] = AxisOf(s)
	}
	return axes
}

// Equal reports whether two types are the same type: the same spans, not merely spans of equal width.
func (t Type) Equal(u Type) bool {
	if t.Kind != u.Kind || t.Elem != u.Elem || t.Width != u.Width || t.Mem != u.Mem || t.PackName != u.PackName {
		return false
	}
	return t.Depth == u.Depth && slices.Equal(t.Axes, u.Axes) && slices.EqualFunc(t.Dims, u.Dims, (*Dim).Equal) && t.samePlace(u)
}

// samePlace reports whether two types of one shape lie in the same place.
func (t Type) samePlace(u Type) bool {
	return (t.Layout == u.Layout || t.Layout != nil && u.Layout != nil && t.Layout.Equal(*u.Layout)) &&
		(t.Shared == u.Shared || t.Shared != nil && u.Shared != nil && t.Shared.Equal(*u.Shared))
}

// Unplaced is the type as the value stage has it: without a layout.
func (t Type) Unplaced() Type {
	t.Layout, t.Shared = nil, nil
	return t
}

// In is a tile's type in a register layout.
func (t Type) In(d *layout.Distribution) Type {
	t.Layout, t.Shared = d, nil
	return t
}

// WithElem is t with another element type.
func (t Type) WithElem(elem dtype.Type) Type {
	t.Elem = elem
	return t
}

// Axis is the position of the axis over span in t.Axes, or -1.
func (t Type) Axis(span *Value) int {
	for i, a := range t.Axes {
		if a.Span == span {
			return i
		}
	}
	return -1
}

// Len is the number of element positions of a scalar (1) or tile, live or not. The verifier bounds it by [MaxTile].
func (t Type) Len() int64 {
	n := int64(1)
	for _, a := range t.Axes {
		n *= a.Extent
	}
	return n
}

// Data reports whether t is a scalar or a tile.
func (t Type) Data() bool { return t.Kind == Scalar || t.Kind == Tile }

// IsBool and IsIndex report whether t is a bool or an i64 scalar.
func (t Type) IsBool() bool  { return t.Kind == Scalar && t.Elem == dtype.Bool }
func (t Type) IsIndex() bool { return t.Kind == Scalar && t.Elem == dtype.I64 }

// String is the type's text with spans and sizes under their hints, for messages; the printer names them uniquely.
func (t Type) String() string {
	return t.text(func(v *Value) string {
		if v.Name == "" {
			return "%" + strconv.Itoa(v.ID)
		}
		return "%" + v.Name
	}, func(i int) string { return "%size" + strconv.Itoa(i) }, quoteLayout)
}

// text writes t with the given names for spans, sizes and layouts.
func (t Type) text(span func(*Value) string, size func(int) string, place func(fmt.Stringer) string) string {
	var b strings.Builder
	switch t.Kind {
	case Scalar:
		b.WriteString(t.Elem.String())
	case Tile:
		b.WriteString("tile<" + t.Elem.String() + ",[")
		for i, a := range t.Axes {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(span(a.Span) + ":" + strconv.FormatInt(a.Extent, 10))
		}
		b.WriteByte(']')
		if t.Layout != nil {
			b.WriteString("," + place(t.Layout))
		}
		if t.Shared != nil {
			b.WriteString(",shared " + place(t.Shared))
		}
		b.WriteByte('>')
	case Chan, Slot:
		word := "slot"
		if t.Kind == Chan {
			word = "chan"
		}
		b.WriteString(word + "<" + t.Elem.String() + ",[")
		for i, a := range t.Axes {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(strconv.FormatInt(a.Extent, 10))
		}
		b.WriteByte(']')
		if t.Kind == Chan {
			b.WriteString(",depth " + strconv.FormatInt(t.Depth, 10))
		}
		if t.Shared != nil {
			b.WriteString("," + place(t.Shared))
		}
		b.WriteByte('>')
	case Tensor:
		b.WriteString("tensor<" + t.Elem.String() + ",[")
		for i, d := range t.Dims {
			if i > 0 {
				b.WriteByte(',')
			}
			d.write(&b, size)
		}
		b.WriteByte(']')
		switch t.Mem {
		case Strided:
			b.WriteString(",strided")
		case Packed:
			b.WriteString(",packed")
			if t.PackName != "" {
				b.WriteString("(" + strconv.Quote(t.PackName) + ")")
			}
		}
		b.WriteByte('>')
	case Span:
		b.WriteString("span<" + strconv.FormatInt(t.Width, 10) + ">")
	default:
		b.WriteString("none")
	}
	return b.String()
}

// ConstDim is the extent k.
func ConstDim(k int64) *Dim { return &Dim{Op: DimConst, K: k} }

// SizeDim is the extent Func.Sizes[i].
func SizeDim(i int) *Dim { return &Dim{Op: DimSize, Size: i} }

// DimOf is x op y, folded where both are constant and the operation is defined. A division with a remainder stays as it
// is: in a tensor's extent it breaks the launch contract, which is checked at launch.
func DimOf(op DimOp, x, y *Dim) *Dim {
	if x.Op == DimConst && y.Op == DimConst {
		if k, ok := op.eval(x.K, y.K); ok && !(op == DimDiv && x.K%y.K != 0) {
			return ConstDim(k)
		}
	}
	return &Dim{Op: op, X: x, Y: y}
}

// Equal reports whether two extents are the same expression.
func (d *Dim) Equal(e *Dim) bool {
	if d == e {
		return true
	}
	if d == nil || e == nil || d.Op != e.Op || d.K != e.K || d.Size != e.Size {
		return false
	}
	return d.X.Equal(e.X) && d.Y.Equal(e.Y)
}

// Eval computes the extent; ok is false where it divides by zero or overflows an int64.
func (d *Dim) Eval(sizes []int64) (k int64, ok bool) {
	switch d.Op {
	case DimConst:
		return d.K, true
	case DimSize:
		if d.Size < 0 || d.Size >= len(sizes) {
			return 0, false
		}
		return sizes[d.Size], true
	}
	x, ok := d.X.Eval(sizes)
	if !ok {
		return 0, false
	}
	y, ok := d.Y.Eval(sizes)
	if !ok {
		return 0, false
	}
	return d.Op.eval(x, y)
}

// Subst is d with each size replaced by sizes[i], folded.
func (d *Dim) Subst(sizes []*Dim) *Dim {
	switch d.Op {
	case DimConst:
		return d
	case DimSize:
		return sizes[d.Size]
	}
	return DimOf(d.Op, d.X.Subst(sizes), d.Y.Subst(sizes))
}

// eval is x op y; ok is false for division by zero and overflow.
func (op DimOp) eval(x, y int64) (int64, bool) {
	switch op {
	case DimAdd:
		z := x + y
		return z, (z > x) == (y > 0)
	case DimSub:
		z := x - y
		return z, (z < x) == (y > 0)
	case DimMul:
		z := x * y
		return z, x == 0 || z/x == y && !(x == -1 && y == -1<<63)
	case DimMin:
		return min(x, y), true
	case DimMax:
		return max(x, y), true
	}
	if y == 0 || x == -1<<63 && y == -1 {
		return 0, false
	}
	switch op {
	case DimDiv:
		return FloorDiv(x, y), true
	case DimMod:
		return FloorMod(x, y), true
	case DimCdiv:
		q := FloorDiv(x, y)
		if q*y != x {
			q++
		}
		return q, true
	}
	return 0, false
}

// FloorDiv is ⌊x/y⌋; y is not 0. The least int64 divided by -1 wraps.
func FloorDiv(x, y int64) int64 {
	q := x / y
	if x%y != 0 && (x < 0) != (y < 0) {
		q--
	}
	return q
}

// FloorMod is x - y·⌊x/y⌋: it has y's sign; y is not 0.
func FloorMod(x, y int64) int64 {
	r := x % y
	if r != 0 && (r < 0) != (y < 0) {
		r += y
	}
	return r
}

// dimSigns are the operators written between their operands.
var dimSigns = [...]string{DimAdd: "+", DimSub: "-", DimMul: "*", DimDiv: "/"}

// dimWords are the operators written as a call.
var dimWords = [...]string{DimMod: "mod", DimMin: "min", DimMax: "max", DimCdiv: "cdiv"}

func (d *Dim) write(b *strings.Builder, size func(int) string) {
	switch d.Op {
	case DimConst:
		b.WriteString(strconv.FormatInt(d.K, 10))
	case DimSize:
		b.WriteString(size(d.Size))
	case DimAdd, DimSub, DimMul, DimDiv:
		b.WriteByte('(')
		d.X.write(b, size)
		b.WriteString(" " + dimSigns[d.Op] + " ")
		d.Y.write(b, size)
		b.WriteByte(')')
	default:
		b.WriteString(dimWords[d.Op])
		b.WriteByte('(')
		d.X.write(b, size)
		b.WriteString(", ")
		d.Y.write(b, size)
		b.WriteByte(')')
	}
}
