package fragment

import (
	"fmt"

	"github.com/tilec/tilec/ir/layout"
)

// A Mode is how shared memory is swizzled for the asynchronous units: 16-byte pieces move within a span.
type Mode uint8

// The modes.
const (
	NoSwizzle Mode = iota
	Swizzle32
	Swizzle64
	Swizzle128
)

// modes are all modes, the widest span first: the order in which a layout's form is looked for.
var modes = [...]Mode{Swizzle128, Swizzle64, Swizzle32, NoSwizzle}

// Span is the number of bytes within which pieces move: 16 without a swizzle, where a piece stays.
func (m Mode) Span() int64 { return 16 << m }

// Alignment is the number of bytes after which the pattern repeats, to which matrices are aligned: 8 spans; 128 without
// a swizzle.
func (m Mode) Alignment() int64 { return 8 * m.Span() }

// Swizzle is the map of absolute byte addresses: swizzle(b,4,3) with b = 0, 1, 2, 3.
func (m Mode) Swizzle() layout.Swizzle { return layout.Must(layout.XOR(int(m), 4, 3)) }

// OfBits is the same map of absolute bit addresses: swizzle(b,7,3).
func (m Mode) OfBits() layout.Swizzle { return layout.Must(layout.XOR(int(m), 7, 3)) }

func (m Mode) String() string {
	if m == NoSwizzle {
		return "none"
	}
	return fmt.Sprintf("%db", m.Span())
}

// code is the mode in bits 62 and 63 of a descriptor of wgmma.
func (m Mode) code() uint64 { return [...]uint64{0, 3, 2, 1}[m] }

// A Major says along which axis an operand in shared memory is contiguous.
type Major uint8

// The majors.
const (
	MajorK  Major = iota
	MajorMN       // m for A, n for B; only elements of 16 bits
)

func (m Major) String() string {
	if m == MajorMN {
		return "mn"
	}
	return "k"
}

// A Descriptor is the matrix descriptor by which wgmma reads an operand from shared memory. All distances are in bytes.
// (PTX ISA, "Matrix descriptor"; CUTLASS's and ThunderKittens's encoders agree on the fields.)
type Descriptor struct {
	Start int64 // the shared address of the operand's first element
	// LBO is the leading and SBO the stride distance. What they lie between depends on the major and the mode; see
	// Canonical.
	LBO, SBO int64
	// Base is 0 where the pattern of the swizzle starts at a multiple of its alignment, else bits 7 to 9 of its address.
	Base int
	Mode Mode
}

const fieldBytes = 1 << 18 // 14 bits of 16 bytes

// Encode is the descriptor in 64 bits: start/16 in bits 0-13, LBO/16 in 16-29, SBO/16 in 32-45, the base offset in
// 49-51, and the mode in 62-63 (0 none, 1 128 bytes, 2 64, 3 32). It refuses what the fields do not hold.
func (d Descriptor) Encode() (uint64, error) {
	var fields [3]uint64
	for i, f := range []struct {
		name  string
		bytes int64
	}{{"start address", d.Start}, {"leading distance", d.LBO}, {"stride distance", d.SBO}} {
		if f.bytes%16 != 0 {
			return 0, failf("descriptor", Alignment, "the %s, %d bytes, is no multiple of 16", f.name, f.bytes)
		}
		if f.bytes < 0 || f.bytes >= fieldBytes {
			return 0, failf("descriptor", Limit, "the %s, %d bytes, is not within 0 and %d", f.name, f.bytes, fieldBytes-16)
		}
		fields[i] = uint64(f.bytes) / 16
	}
	if d.Base < 0 || d.Base > 7 {
		return 0, failf("descriptor", Limit, "the base offset %d is not within 0 and 7", d.Base)
	}
	if d.Mode > Swizzle128 {
		return 0, failf("descriptor", layout.Range, "there is no swizzle mode %d", d.Mode)
	}
	return fields[0] | fields[1]<<16 | fields[2]<<32 | uint64(d.Base)<<49 | d.Mode.code()<<62, nil
}

// Decode is the descriptor of 64 bits. It refuses bits outside of the fields.
func Decode(w uint64) (Descriptor, error) {
	const known = 0x3fff | 0x3fff<<16 | 0x3fff<<32 | 7<<49 | 3<<62
	if w&^uint64(known) != 0 {
		return Descriptor{}, failf("descriptor", layout.Range, "%#x has bits outside of the fields: %#x", w, w&^uint64(known))
	}
	field := func(low int) int64 { return int64(w>>low&0x3fff) * 16 }
	d := Descriptor{Start: field(0), LBO: field(16), SBO: field(32), Base: int(w >> 49 & 7)}
	for m := range Swizzle128 + 1 {
		if m.code() == w>>62 {
			d.Mode = m
		}
	}
	return d, nil
}

// A Canonical is an operand of one wgmma in shared memory as a descriptor arranges it: MN rows of m or n, K elements of
// k, which are 32 bytes. With 16-byte units of T = 128/Bits elements and W units in a span, an element lies, in bytes
// from the start and before the swizzle of the absolute address, at
//
//	K-major, no swizzle:   (mn%8)*16   + (mn/8)*SBO + (k/T)*LBO + k%T
//	K-major, swizzled:     (mn%8)*16W  + (mn/8)*SBO + (k/T)*16  + k%T      LBO is not read
//	MN-major, no swizzle:  (mn/T)*SBO  + (k%8)*16   + (k/8)*LBO + mn%T
//	MN-major, swizzled:    (mn/T%W)*16 + (mn/TW)*LBO + (k%8)*16W + (k/8)*SBO + mn%T
//
// so the two distances change roles between the MN-major forms. (CUTLASS, canonical layouts of GMMA.)
type Canonical struct {
	Major    Major
	Mode     Mode
	Bits     int64 // of an element: 1, 8, 16 or 32
	MN, K    int64 // extents; K is 256/Bits for one instruction
	LBO, SBO int64 // bytes
}

// Layout is the layout from (mn, k) to bits from a start address that is a multiple of the mode's alignment, the
// swizzle included. It refuses extents that the form cannot split, distances that are no multiple of 16 bytes, and
// elements of other than 16 bits in MN-major.
func (c Canonical) Layout() (layout.Layout, error) {
	l, err := c.linear()
	if err != nil {
		return layout.Layout{}, err
	}
	return swizzled(c.Mode, l)
}

// swizzled is a layout in bits behind the swizzle of a mode.
func swizzled(m Mode, l layout.Layout) (layout.Layout, error) {
	return layout.WithSwizzle(m.OfBits(), l)
}

// atom is Layout of the smallest part of memory of a mode, whose K need not be that of an instruction.
func (c Canonical) atom() (layout.Layout, error) {
	l, err := c.strides()
	if err != nil {
		return layout.Layout{}, err
	}
	return swizzled(c.Mode, l)
}

// linear is Layout without the swizzle.
func (c Canonical) linear() (layout.Layout, error) {
	if c.Bits < 1 || 256%c.Bits != 0 {
		return layout.Layout{}, failf("wgmma", layout.Divisibility, "elements of %d bits do not divide the 32 bytes of k of an instruction", c.Bits)
	}
	if c.K != 256/c.Bits {
		return layout.Layout{}, failf("wgmma", layout.Range, "an instruction takes %d elements of %d bits along k, not %d", 256/c.Bits, c.Bits, c.K)
	}
	return c.strides()
}

func (c Canonical) strides() (layout.Layout, error) {
	if err := c.check(); err != nil {
		return layout.Layout{}, err
	}
	type mode struct{ size, stride int64 } // bytes, but for the elements of a unit
	t, w := 128/c.Bits, c.Mode.Span()/16
	var mn, k []mode
	switch {
	case c.Major == MajorK && c.Mode == NoSwizzle:
		mn, k = []mode{{8, 16}, {c.MN / 8, c.SBO}}, []mode{{t, 0}, {c.K / t, c.LBO}}
	case c.Major == MajorK:
		mn, k = []mode{{8, 16 * w}, {c.MN / 8, c.SBO}}, []mode{{t, 0}, {c.K / t, 16}}
	case c.Mode == NoSwizzle:
		mn, k = []mode{{t, 0}, {c.MN / t, c.SBO}}, []mode{{8, 16}, {c.K / 8, c.LBO}}
	case c.MN < t*w:
		mn, k = []mode{{t, 0}, {c.MN / t, 16}}, []mode{{8, 16 * w}, {c.K / 8, c.SBO}}
	default:
		mn, k = []mode{{t, 0}, {w, 16}, {c.MN / (t * w), c.LBO}}, []mode{{8, 16 * w}, {c.K / 8, c.SBO}}
	}
	tuples := func(modes []mode) (layout.Tuple, layout.Tuple) {
		var shape, stride []layout.Tuple
		for _, m := range modes {
			d := m.stride * 8
			if m.stride == 0 {
				d = c.Bits // within a unit
			}
			if m.size > 1 {
				shape, stride = append(shape, layout.Int(m.size)), append(stride, layout.Int(d))
			}
		}
		if len(shape) == 1 {
			return shape[0], stride[0]
		}
		return layout.List(shape...), layout.List(stride...)
	}
	ms, md := tuples(mn)
	ks, kd := tuples(k)
	return layout.New(layout.List(ms, ks), layout.List(md, kd))
}

// depth is the number of elements along k that a form keeps together: those of a unit, or 8 rows.
func (c Canonical) depth() int64 {
	if c.Major == MajorK {
		return 128 / c.Bits
	}
	return 8
}

func (c Canonical) check() error {
	switch {
	case c.Bits != 1 && c.Bits != 8 && c.Bits != 16 && c.Bits != 32:
		return failf("wgmma", layout.Range, "wgmma reads no elements of %d bits from shared memory", c.Bits)
	case c.Mode > Swizzle128 || c.Major > MajorMN:
		return failf("wgmma", layout.Range, "there is no swizzle mode %d or major %d", c.Mode, c.Major)
	case c.Major == MajorMN && c.Bits != 16:
		return failf("wgmma", NoForm, "elements of %d bits are read K-major only; MN-major takes 16 bits", c.Bits)
	case c.MN < 8 || c.MN%8 != 0 || c.MN > 1<<20:
		return failf("wgmma", layout.Divisibility, "%d rows are no multiple of 8", c.MN)
	case c.K < 1 || c.K > 1<<20 || c.K%c.depth() != 0:
		return failf("wgmma", layout.Divisibility, "%d elements along k are no multiple of %d", c.K, c.depth())
	}
	if span := 8 * c.Mode.Span() / c.Bits; c.Major == MajorMN && c.Mode != NoSwizzle && c.MN > span && c.MN%span != 0 {
		return failf("wgmma", layout.Divisibility, "%d rows are no multiple of the %d that a span of %d bytes holds", c.MN, span, c.Mode.Span())
	}
	for _, d := range []int64{c.LBO, c.SBO} {
		if d%16 != 0 || d < 0 || d >= fieldBytes {
			return failf("wgmma", Alignment, "a distance of %d bytes is no multiple of 16 below %d", d, fieldBytes)
		}
	}
	return nil
}
