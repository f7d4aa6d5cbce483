package cpu

import (
	"fmt"
	"hash/fnv"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// machineName names the processor and its instruction sets, so that limits kept for another are not taken for it.
func machineName() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	// The first processor's paragraph; Arm has numbers for names.
	first, _, _ := strings.Cut(string(text), "\n\n")
	var parts []string
	sets := fnv.New32a()
	for line := range strings.Lines(first) {
		key, value, _ := strings.Cut(line, ":")
		switch value = strings.TrimSpace(value); strings.TrimSpace(key) {
		case "vendor_id", "model name", "cpu family", "model", "stepping", "CPU implementer", "CPU part":
			parts = append(parts, value)
		case "flags", "Features":
			sets.Write([]byte(value))
		}
	}
	return fmt.Sprintf("%s %s, features %08x", runtime.GOARCH, strings.Join(parts, " "), sets.Sum32())
}

// cacheSizes are a core's second-level cache and the last one. Where the system does not tell, they are guesses that are
// small enough to be in the cache for certain.
func cacheSizes() (l2, l3 int64) {
	l2, l3 = 256<<10, 4<<20
	for index := range 8 {
		dir := fmt.Sprintf("/sys/devices/system/cpu/cpu0/cache/index%d/", index)
		level, err := os.ReadFile(dir + "level")
		if err != nil {
			break
		}
		size, err := os.ReadFile(dir + "size")
		if err != nil {
			continue
		}
		n, ok := cacheSize(strings.TrimSpace(string(size)))
		if !ok {
			continue
		}
		switch strings.TrimSpace(string(level)) {
		case "2":
			l2, l3 = n, max(l3, 4*n)
		case "3", "4":
			l3 = max(n, 2*l2)
		}
	}
	return l2, l3
}

// cacheSize reads a size as the system writes it: "1024K", "32M".
func cacheSize(s string) (int64, bool) {
	unit := int64(1)
	switch {
	case strings.HasSuffix(s, "K"):
		unit = 1 << 10
	case strings.HasSuffix(s, "M"):
		unit = 1 << 20
	case strings.HasSuffix(s, "G"):
		unit = 1 << 30
	}
	n, err := strconv.ParseInt(strings.TrimRight(s, "KMG"), 10, 64)
	if err != nil || n <= 0 || n > 1<<40/unit {
		return 0, false
	}
	return n * unit, true
}

// pin keeps the calling thread on one of the cores that the process may use. Where it cannot, the thread moves as the
// system likes, and rates scatter more.
func pin(thread int) {
	var all, one unix.CPUSet
	if unix.SchedGetaffinity(0, &all) != nil {
		return
	}
	n := all.Count()
	if n == 0 {
		return
	}
	for core, left := 0, thread%n; ; core++ {
		if !all.IsSet(core) {
			continue
		}
		if left == 0 {
			one.Set(core)
			break
		}
		left--
	}
	_ = unix.SchedSetaffinity(0, &one)
}
