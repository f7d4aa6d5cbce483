package cpu

import (
	"sync"

	xcpu "golang.org/x/sys/cpu"
	"golang.org/x/sys/unix"
)

// HasAMX tells whether this process may use AMX: the processor has its tiles, of bytes and bf16, and the system grants
// them. The system is asked once, which covers the threads there are and those that come.
var HasAMX = sync.OnceValue(func() bool {
	// From the kernel's arch/x86/include/uapi/asm/prctl.h; the number is that of the state component of tile data.
	const requestPermission, tileData = 0x1023, 18
	if !xcpu.X86.HasAMXTile || !xcpu.X86.HasAMXInt8 || !xcpu.X86.HasAMXBF16 {
		return false
	}
	_, _, errno := unix.RawSyscall(unix.SYS_ARCH_PRCTL, requestPermission, tileData, 0)
	return errno == 0
})
