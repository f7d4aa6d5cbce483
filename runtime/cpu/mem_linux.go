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

// LargePages moves what there are of whole large pages within memory of Go's onto large pages, where the system has them.
// Tensors that are read out of memory again and again are worth it: a millisecond a MiB, once.
func LargePages(memory []byte) {
	skip := -int(addressOf(memory)) & (HugePage - 1)
	if skip+HugePage > len(memory) {
		return
	}
	whole := memory[skip:]
	whole = whole[:len(whole)&^(HugePage-1)]
	// Both are advice: a system that has no large pages left, or none at all, goes on with small ones.
	const collapse = 25 // MADV_COLLAPSE, from the kernel's include/uapi/asm-generic/mman-common.h
	if unix.Madvise(whole, unix.MADV_HUGEPAGE) == nil {
		_ = unix.Madvise(whole, collapse)
	}
}
