package cpu

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tilec/tilec/codegen/internal/llx"
	"github.com/tilec/tilec/runtime/cpu/feature"
)

// Level is a set of instructions that code may use, and how wide its vectors are.
type Level struct {
	Name string // sse2, avx2, avx512, amx, neon
	Arch string // amd64, arm64, as Go names them
	// Lanes is the number of 32-bit lanes of a vector register.
	Lanes int
	// Registers is the number of vector registers.
	Registers int
	// What the level has beyond its name: fused multiply-add, conversions of f16, byte dot products (VNNI), byte
	// permutations of a whole register (VBMI), dot products of bf16, and the matrix unit.
	FMA, F16C, AVX512, VNNI, VBMI, BF16, AMX bool
	// Features are LLVM's names of the instruction sets, each with its sign.
	Features []string
	Rates    Rates
}

// Rates are how many instructions on the widest vectors a core issues in a cycle, where plans depend on it: having an
// instruction does not say that it is fast. They are those of the machines that have the level as their best one,
// measured by throughput of independent instructions (`tilec bench` measures them too, as [runtime/cpu.Issue]): for amx an
// Intel server with the matrix unit (f32 213-228 GFLOP/s a core by FMA, 111-119 by vdpbf16ps), for avx512 an AMD Zen 5
// (226-245 and 448-487). Zero where the level lacks the instruction, or no plan asks.
type Rates struct {
	FMA     float64 // fused multiply-adds of f32
	BF16Dot float64 // dot products of pairs of bf16: two multiply-adds a lane
}

// dotsPay reports whether dot products of bf16 outdo fused multiply-adds of the same values as f32.
func (l *Level) dotsPay() bool { return 2*l.Rates.BF16Dot > l.Rates.FMA }

// Levels are all levels, the plainest first of each architecture. None names a CPU model: LLVM takes from a model what
// others of its kind lack.
var levels = []*Level{
	{Name: "sse2", Arch: "amd64", Lanes: 4, Registers: 16},
	{Name: "avx2", Arch: "amd64", Lanes: 8, Registers: 16, FMA: true, F16C: true,
		Features: words("sse3 ssse3 sse4.1 sse4.2 popcnt cx16 avx avx2 fma f16c bmi bmi2 lzcnt movbe")},
	{Name: "avx512", Arch: "amd64", Lanes: 16, Registers: 32, FMA: true, F16C: true, AVX512: true, VNNI: true, VBMI: true, BF16: true,
		Rates: Rates{FMA: 2, BF16Dot: 2},
		Features: words("sse3 ssse3 sse4.1 sse4.2 popcnt cx16 avx avx2 fma f16c bmi bmi2 lzcnt movbe " +
			"avx512f avx512bw avx512dq avx512vl avx512cd avx512vnni avx512vbmi avx512vbmi2 avx512bitalg avx512vpopcntdq avx512bf16 gfni")},
	{Name: "amx", Arch: "amd64", Lanes: 16, Registers: 32, FMA: true, F16C: true, AVX512: true, VNNI: true, VBMI: true, BF16: true, AMX: true,
		Rates: Rates{FMA: 2, BF16Dot: 0.5},
		Features: words("sse3 ssse3 sse4.1 sse4.2 popcnt cx16 avx avx2 fma f16c bmi bmi2 lzcnt movbe " +
			"avx512f avx512bw avx512dq avx512vl avx512cd avx512vnni avx512vbmi avx512vbmi2 avx512bitalg avx512vpopcntdq avx512bf16 gfni " +
			"amx-tile amx-int8 amx-bf16")},
	{Name: "neon", Arch: "arm64", Lanes: 4, Registers: 32, FMA: true, F16C: true, Features: words("neon")},
}

func words(s string) []string {
	list := strings.Fields(s)
	for i := range list {
		list[i] = "+" + list[i]
	}
	return list
}

// Levels lists the levels, the plainest first of each architecture.
func Levels() []*Level { return slices.Clone(levels) }

// LevelByName finds a level.
func LevelByName(name string) (*Level, error) {
	var names []string
	for _, l := range levels {
		if l.Name == name {
			return l, nil
		}
		names = append(names, l.Name)
	}
	return nil, fmt.Errorf("there is no instruction level %q: there are %s", name, strings.Join(names, ", "))
}

// Triple is LLVM's name of the machine.
func (l *Level) Triple() string {
	if l.Arch == "arm64" {
		return "aarch64-unknown-linux-gnu"
	}
	return "x86_64-unknown-linux-gnu"
}

// CPU is LLVM's name of the plainest processor of the architecture; what the level has beyond it, Features name.
func (l *Level) CPU() string {
	if l.Arch == "arm64" {
		return "generic"
	}
	return "x86-64"
}

// Tune is the processor for which LLVM orders instructions. Without it LLVM avoids 512-bit vectors and spills large
// register tiles.
func (l *Level) Tune() string {
	switch {
	case l.Arch == "arm64":
		return "generic"
	case l.AVX512:
		return "sapphirerapids"
	}
	return "x86-64-v3"
}

// Runs tells whether this machine has the level's instructions, and if not, what it lacks. Whether the system lets a
// process use the matrix unit is another matter.
func (l *Level) Runs() (missing string, ok bool) { return feature.Has(l.Name) }

// Host is the best level that this machine runs. AMX counts only where amx holds: the system must have granted its use.
func Host(amx bool) *Level {
	for _, l := range slices.Backward(levels) {
		if _, ok := l.Runs(); ok && (amx || !l.AMX) {
			return l
		}
	}
	return levels[0]
}

// unit emits instructions for one level: what every part of the emitter builds on.
type unit struct {
	*llx.B
	level *Level
}
