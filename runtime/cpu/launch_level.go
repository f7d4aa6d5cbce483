package cpu

import (
	"runtime"
	"slices"
	"strings"

	xcpu "golang.org/x/sys/cpu"
)

// Levels are the names of the instruction levels of this machine's architecture, the plainest first.
func Levels() []string {
	switch runtime.GOARCH {
	case "amd64":
		return []string{"sse2", "avx2", "avx512", "amx"}
	case "arm64":
		return []string{"neon"}
	}
	return nil
}

// Supports tells whether this machine runs code of a level, and if not, what it lacks.
func Supports(level string) (missing string, ok bool) {
	type need struct {
		name string
		has  bool
	}
	if !slices.Contains(Levels(), level) {
		return "the level " + level + ", which is none of " + runtime.GOARCH, false
	}
	x := &xcpu.X86
	var needs []need
	switch level {
	case "neon":
		needs = []need{{"NEON", xcpu.ARM64.HasASIMD}}
	case "sse2":
		needs = []need{{"SSE2", x.HasSSE2}}
	case "avx2":
		needs = []need{{"AVX2", x.HasAVX2}, {"FMA", x.HasFMA}, {"BMI2", x.HasBMI2}}
	case "avx512", "amx":
		needs = []need{{"AVX512F", x.HasAVX512F}, {"AVX512BW", x.HasAVX512BW}, {"AVX512DQ", x.HasAVX512DQ}, {"AVX512VL", x.HasAVX512VL},
			{"AVX512VNNI", x.HasAVX512VNNI}, {"AVX512VBMI", x.HasAVX512VBMI}, {"AVX512BF16", x.HasAVX512BF16}, {"GFNI", x.HasAVX512GFNI}}
		if level == "amx" {
			needs = append(needs, need{"AMX", HasAMX()})
		}
	}
	var lacks []string
	for _, n := range needs {
		if !n.has {
			lacks = append(lacks, n.name)
		}
	}
	return strings.Join(lacks, ", "), len(lacks) == 0
}
