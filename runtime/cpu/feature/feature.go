// Package feature is the table of instruction levels: which instruction sets the code of each uses, and whether this
// machine has them.
//
// In goes the name of a level or of an architecture; out come names of levels, or of what the machine lacks. It always
// holds that a level needs all that the plainer ones of its architecture need, and that nothing is asked of the system:
// whether it lets a process use the matrix unit is for who loads code to find out.
package feature

import (
	"runtime"
	"strings"

	"golang.org/x/sys/cpu"
)

// level is a row of the table.
type level struct {
	name, arch string
	needs      []need // beyond those of the level before it of the same architecture
}

// need is an instruction set.
type need struct {
	name string
	has  bool
}

// table lists the levels, the plainest first of each architecture.
func table() []level {
	x := &cpu.X86
	return []level{
		{"sse2", "amd64", []need{{"SSE2", x.HasSSE2}}},
		{"avx2", "amd64", []need{{"AVX2", x.HasAVX2}, {"FMA", x.HasFMA}, {"BMI2", x.HasBMI2}}},
		{"avx512", "amd64", []need{{"AVX512F", x.HasAVX512F}, {"AVX512BW", x.HasAVX512BW}, {"AVX512DQ", x.HasAVX512DQ}, {"AVX512VL", x.HasAVX512VL},
			{"AVX512VNNI", x.HasAVX512VNNI}, {"AVX512VBMI", x.HasAVX512VBMI}, {"AVX512BF16", x.HasAVX512BF16}, {"GFNI", x.HasAVX512GFNI}}},
		{"amx", "amd64", []need{{"AMX", x.HasAMXTile && x.HasAMXInt8 && x.HasAMXBF16}}},
		{"neon", "arm64", []need{{"NEON", cpu.ARM64.HasASIMD}}},
	}
}

// Levels are the names of an architecture's levels, the plainest first; nil for one that there is no code for. Arch is as
// runtime.GOARCH has it.
func Levels(arch string) []string {
	var names []string
	for _, l := range table() {
		if l.arch == arch {
			names = append(names, l.name)
		}
	}
	return names
}

// Has tells whether this machine has all instructions of a level, and if not, what it lacks.
func Has(name string) (missing string, ok bool) {
	var lacks []string
	for _, l := range table() {
		if l.arch != runtime.GOARCH {
			continue
		}
		for _, n := range l.needs {
			if !n.has {
				lacks = append(lacks, n.name)
			}
		}
		if l.name == name {
			return strings.Join(lacks, ", "), len(lacks) == 0
		}
	}
	return "the level " + name + ", which is none of " + runtime.GOARCH, false
}
