package runtime

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// unknownMemory is what is taken to be free where the system does not tell.
const unknownMemory = 8 << 30

// FreeMemory is the number of bytes that can be used without driving other programs out of memory, as far as the system
// tells.
func FreeMemory() int64 {
	file, err := os.Open("/proc/meminfo")
	if err != nil {
		return unknownMemory
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		value, ok := strings.CutPrefix(lines.Text(), "MemAvailable:")
		if !ok {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		if err != nil {
			break
		}
		return kib << 10
	}
	return unknownMemory
}
