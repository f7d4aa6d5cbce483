package array

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// largePages asks for large pages where b has not been touched yet. It is a hint: what the system says does not matter.
func largePages(b []byte) {
	const page = 2 << 20
	start := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	skip := int(-start % page)
	if n := (len(b) - skip) / page * page; n > 0 {
		_ = unix.Madvise(b[skip:skip+n], unix.MADV_HUGEPAGE)
	}
}
