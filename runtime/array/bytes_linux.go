package array

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// largePages asks for large pages for n bytes of b, which has room for two more pages, and gives where they begin. It is a
// hint: what the system says does not matter.
func largePages(b []byte, n int) (skip int) {
	start := uintptr(unsafe.Pointer(unsafe.SliceData(b)))
	skip = int(-start % largePage)
	whole := (n + largePage - 1) / largePage * largePage
	_ = unix.Madvise(b[skip:skip+whole], unix.MADV_HUGEPAGE)
	return skip
}
