package dtype

import (
	"encoding/binary"
	"unsafe"
)

// A stream holds codes of n bits one after the other: bit i of the stream is bit i%8, counted from
// the lowest, of byte i/8, and a code's lowest bit comes first. Offsets count bits. A stream that
// does not reach far enough is a programming error and panics as an index out of range does.

// StreamBytes is the length in bytes of a stream of count codes of n bits.
func StreamBytes(n, count int) int { return (n*count + 7) / 8 }

// ReadCode is the code of n bits (1 to 64) at the given bit of the stream.
func ReadCode(src []byte, bit, n int) uint64 {
	first, shift := bit>>3, uint(bit&7)
	if first+8 <= len(src) && int(shift)+n <= 64 {
		return binary.LittleEndian.Uint64(src[first:]) >> shift & (^uint64(0) >> (64 - n))
	}
	var v uint64
	for got := 0; got < n; {
		v |= uint64(src[first]>>shift) << got
		got += 8 - int(shift)
		first, shift = first+1, 0
	}
	return v & (^uint64(0) >> (64 - n))
}

// WriteCode puts the low n bits (1 to 64) of code at the given bit of the stream and leaves all
// other bits as they are.
func WriteCode(dst []byte, bit, n int, code uint64) {
	first, shift := bit>>3, bit&7
	for n > 0 {
		k := min(8-shift, n)
		mask := byte(1<<k-1) << shift
		dst[first] = dst[first]&^mask | byte(code)<<shift&mask
		code >>= k
		n -= k
		first, shift = first+1, 0
	}
}

// Unpack reads len(dst) codes of n bits (1 to 64) from the stream, from the given bit on.
func Unpack(dst []uint64, src []byte, bit, n int) {
	fast, mask := windows(len(dst), len(src), bit, n), ^uint64(0)>>(64-n)
	pos := uint(bit)
	for i := range dst[:fast] {
		dst[i] = binary.LittleEndian.Uint64(src[pos>>3:]) >> (pos & 7) & mask
		pos += uint(n)
	}
	for i := fast; i < len(dst); i++ {
		dst[i] = ReadCode(src, bit+i*n, n)
	}
}

// windows is how many of the first count codes lie within 8 bytes that start at their first byte
// and end inside the stream of size bytes, so that one load and a shift read each.
func windows(count, size, bit, n int) int {
	if n > 57 && (bit|n)&7 != 0 || size < 8 {
		return 0
	}
	last := (size-8)*8 + 7 - bit // the last bit a window may start at
	if last < 0 {
		return 0
	}
	return min(count, last/n+1)
}

// Pack writes the low n bits (1 to 64) of each code to the stream, from the given bit on, and leaves
// all other bits as they are.
func Pack(dst []byte, bit int, codes []uint64, n int) {
	w := newWriter(dst, bit)
	mask := ^uint64(0) >> (64 - n)
	if n > 32 {
		for _, c := range codes {
			w.put(c&mask&(1<<32-1), 32)
			w.put(c&mask>>32, uint(n)-32)
		}
	} else {
		for _, c := range codes {
			w.put(c&mask, uint(n))
		}
	}
	w.close()
}

// writer appends codes to a stream through a 64-bit window that is written out 4 bytes at a time,
// so it touches no byte that holds no bit of its codes.
type writer struct {
	dst  []byte
	pos  int // the next byte to write
	acc  uint64
	fill uint // bits in acc, under 32 between calls
}

func newWriter(dst []byte, bit int) writer {
	w := writer{dst: dst, pos: bit >> 3, fill: uint(bit & 7)}
	if w.fill > 0 {
		w.acc = uint64(dst[w.pos]) & (1<<w.fill - 1)
	}
	return w
}

// put appends a code of n bits, at most 32, with nothing above them.
func (w *writer) put(code uint64, n uint) {
	w.acc |= code << w.fill
	w.fill += n
	if w.fill >= 32 {
		binary.LittleEndian.PutUint32(w.dst[w.pos:], uint32(w.acc))
		w.pos += 4
		w.acc >>= 32
		w.fill -= 32
	}
}

func (w *writer) close() {
	WriteCode(w.dst, w.pos*8, int(w.fill), w.acc)
}

// littleEndian says that this machine's words have the byte order of streams.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// bytesOf is the memory of s as bytes.
func bytesOf[E float32 | float64 | int64 | uint64](s []E) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*int(unsafe.Sizeof(s[0])))
}
