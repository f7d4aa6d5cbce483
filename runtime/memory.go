package runtime

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// unknownMemory is what is taken to be free where the system does not tell.
const unknownMemory = 8 << 30

// FreeMemory is the number of bytes that can be used without driving other programs out of memory, or this one over the
// limit of its control group (a container), as far as the system tells.
func FreeMemory() int64 {
	free := availableMemory()
	for _, group := range []struct{ limit, used, stat string }{
		{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory.stat"},
		{"/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes", "/sys/fs/cgroup/memory/memory.stat"},
	} {
		limit, limited := readCount(group.limit)
		used, known := readCount(group.used)
		if limited && known {
			free = max(0, min(free, limit-used+cached(group.stat)))
		}
	}
	return free
}

// cached is the part of a control group's memory that holds files, which the system gives back when it is asked to.
func cached(stat string) int64 {
	text, err := os.ReadFile(stat)
	if err != nil {
		return 0
	}
	sum := int64(0)
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "inactive_file" || name == "active_file" {
			n, _ := strconv.ParseInt(value, 10, 64) // a line without a number counts nothing
			sum += n
		}
	}
	return sum
}

// readCount reads a file that holds one number; ok is false where it holds none, as for no limit.
func readCount(path string) (n int64, ok bool) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err = strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

func availableMemory() int64 {
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
