//go:build linux && (amd64 || arm64)

package cpu

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapPages maps memory of a multiple of HugePage bytes at a multiple of it, and asks for huge pages.
func mapPages(size int64) (unsafe.Pointer, error) {
	start, err := unix.MmapPtr(-1, 0, nil, uintptr(size)+HugePage, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, err
	}
	// More was mapped than is needed, so that an aligned part is in it; what is before and after goes back.
	before := -uintptr(start) & (HugePage - 1)
	aligned := unsafe.Add(start, before)
	if before > 0 {
		unmapPages(start, int64(before))
	}
	unmapPages(unsafe.Add(aligned, size), int64(HugePage-before))
	// A kernel without huge pages refuses; the memory is as good, only slower.
	unix.Madvise(unsafe.Slice((*byte)(aligned), size), unix.MADV_HUGEPAGE)
	return aligned, nil
}

func unmapPages(start unsafe.Pointer, size int64) error { return unix.MunmapPtr(start, uintptr(size)) }
