package emu

import "unsafe"

// The address space. Shared and local memory have windows in generic addresses.
const (
	globalBase   = 0x7_0000_0000
	guard        = 4096 // bytes between allocations that belong to none
	sharedWindow = 0x7f00_0000_0000
	localWindow  = 0x7e00_0000_0000
	windowSize   = 1 << 32
)

// region is memory that belongs together: an allocation, a block's shared memory, a thread's local memory, the parameters.
type region struct {
	name     string
	space    string
	base     uint64 // the address of its first byte in its space
	size     uint64
	data     []byte // of size bytes, with vectorPad bytes of capacity behind
	init     []byte // of each byte whether it was written; nil where all are
	readOnly bool
	shared   *sharedShadow // who accessed shared memory last
	global   *globalShadow // who accessed an allocation last
}

// What init says of a byte.
const (
	unwritten = 0
	written   = 1
	inFlight  = 2 // the destination of a cp.async that was not waited for
)

// alignedBytes are n zero bytes at an address that is a multiple of 16.
func alignedBytes(n int) []byte {
	words := make([][2]uint64, n/16+1)
	return unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), n)
}

// ptr is the place of a byte that is known to be inside.
func (r *region) ptr(off uint64) unsafe.Pointer { return unsafe.Pointer(&r.data[off]) }

// allWritten reports whether nothing of n bytes is unwritten or in flight.
func (r *region) allWritten(off, n uint64) bool {
	b := r.init[off : off+n]
	switch n {
	case 16:
		p := (*[2]uint64)(unsafe.Pointer(&b[0]))
		return p[0] == 0x0101010101010101 && p[1] == 0x0101010101010101
	case 8:
		return *(*uint64)(unsafe.Pointer(&b[0])) == 0x0101010101010101
	case 4:
		return *(*uint32)(unsafe.Pointer(&b[0])) == 0x01010101
	}
	for _, x := range b {
		if x != written {
			return false
		}
	}
	return true
}

// mark sets the state of n bytes.
func (r *region) mark(off, n uint64, state byte) {
	b := r.init[off : off+n]
	switch n {
	case 16:
		p := (*[2]uint64)(unsafe.Pointer(&b[0]))
		p[0] = 0x0101010101010101 * uint64(state)
		p[1] = p[0]
	case 8:
		*(*uint64)(unsafe.Pointer(&b[0])) = 0x0101010101010101 * uint64(state)
	case 4:
		*(*uint32)(unsafe.Pointer(&b[0])) = 0x01010101 * uint32(state)
	default:
		for i := range b {
			b[i] = state
		}
	}
}
