//go:build linux && (amd64 || arm64)

package cpu

import (
	"fmt"
	"slices"
	"unsafe"

	"github.com/ebitengine/purego"
	"golang.org/x/sys/unix"
)

const canMap = true

// Call calls a function of a loaded module with up to 15 words, as C's long or pointers, and gives its result. It gives
// the Go scheduler's processor back meanwhile, and the function has the stack of a system thread. Pointers must be to
// memory that Go does not move or free: of a [Pool], or pinned on the heap.
func Call(fn uintptr, args ...uintptr) uintptr {
	r, _, _ := purego.SyscallN(fn, args...)
	return r
}

// resolve finds a function of libc.
func resolve(name string) (uintptr, error) {
	if !slices.Contains(external, name) {
		return 0, fmt.Errorf("nothing defines %q", name)
	}
	at, err := purego.Dlsym(purego.RTLD_DEFAULT, name)
	if err != nil {
		return 0, fmt.Errorf("%s of the C library: %w", name, err)
	}
	return at, nil
}

// mapMemory gives zeroed pages that can be read and written.
func mapMemory(size int) ([]byte, error) {
	return unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
}

func unmapMemory(memory []byte) error { return unix.Munmap(memory) }

func protect(memory []byte, a access) error {
	return unix.Mprotect(memory, [...]int{execute: unix.PROT_READ | unix.PROT_EXEC, readOnly: unix.PROT_READ, readWrite: unix.PROT_READ | unix.PROT_WRITE}[a])
}

func addressOf(memory []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(memory))) }
