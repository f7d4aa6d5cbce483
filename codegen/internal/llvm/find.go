package llvm

import (
	"fmt"
	"os"
)

func executable() (string, error) { return "/proc/self/exe", nil }
func stamp(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprint(info.Size(), info.ModTime().UnixNano())
}

func Find() (Toolchain, error) { return newChildren("/usr/lib/x86_64-linux-gnu/libLLVM.so.19.1") }
