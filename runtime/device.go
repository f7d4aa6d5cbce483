package runtime

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/ptx/emu"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/runtime/array"
	"github.com/tilec/tilec/runtime/cpu"
)

// Device runs kernels. It can be used by several goroutines at once.
type Device interface {
	// Name is what Open takes to find it again: interp, cpu:avx512, cuda:0, emu:sm_80.
	Name() string
	// Target is the target whose artefacts it runs, and whose schedules kernels are compiled with: interp, cpu, sm_80.
	Target() string
	// Level is the instruction set within the target, empty where there is but one.
	Level() string
	// About is the device in a few words, for people.
	About() string
	// Limits are what launches have to do with.
	Limits() Limits
	// Load makes a kernel of a function and what was compiled from it, which the interpreter does without. Of the function
	// an artefact's launches need sizes and parameters alone.
	Load(fn *ir.Func, a *codegen.Artefact) (*Kernel, error)
	// Upload makes a buffer of an array: in a layout, of those that an artefact's manifest names, or "" for the dense
	// one. Where the device can read the array's own memory the buffer shares it.
	Upload(a *array.Array, layout string) (*Buffer, error)
	// Close frees what the device holds. Its kernels may not be launched any more.
	Close() error
}

// Limits of a device.
type Limits struct {
	Workers int   // blocks that it runs at once
	Memory  int64 // bytes that are free
}

// Open finds a device by its name: interp; cpu, which takes the best instruction level of this machine, or cpu:LEVEL;
// cuda:NUMBER, a GPU of the CUDA driver, or cuda, the first; emu:TARGET, the emulator of a GPU, or emu, that of the first
// target. The error says what there is, or what the machine lacks.
func Open(name string) (Device, error) {
	kind, level, given := strings.Cut(name, ":")
	switch {
	case kind == "interp" && !given:
		return interpreter{}, nil
	case kind == "interp":
		return nil, fmt.Errorf("device %s: the interpreter has no levels", name)
	case kind == "emu" && !given:
		return Emulator(emulated[0], emu.Options{})
	case kind == "emu" && slices.Contains(emulated, level):
		return Emulator(level, emu.Options{})
	case kind == "cuda":
		return openGPU(name)
	case kind != "cpu":
		return nil, fmt.Errorf("there is no device %q: there are %s", name, strings.Join(Devices(), ", "))
	}
	if !given {
		level = bestLevel()
	}
	if missing, ok := cpu.Supports(level); !ok {
		if level == "" {
			return nil, fmt.Errorf("device %s: kernels are not compiled for %s/%s", name, runtime.GOOS, runtime.GOARCH)
		}
		return nil, fmt.Errorf("device %s: this machine lacks %s", name, missing)
	}
	return openCPU(level), nil
}

// Devices are the names of the devices that there are here, the best of each target before its others.
func Devices() []string {
	names := []string{"interp"}
	if best := bestLevel(); best != "" {
		names = append(names, "cpu")
		for _, level := range cpu.Levels() {
			if _, ok := cpu.Supports(level); ok {
				names = append(names, "cpu:"+level)
			}
		}
	}
	names = append(names, GPUs()...)
	for _, t := range emulated {
		names = append(names, "emu:"+t)
	}
	return names
}

// HasCPU reports whether there is a device cpu here.
func HasCPU() bool { return bestLevel() != "" }

// bestLevel is the best instruction level that this machine runs, "" where there is none.
func bestLevel() string {
	best := ""
	for _, level := range cpu.Levels() {
		if _, ok := cpu.Supports(level); ok {
			best = level
		}
	}
	return best
}

// cores says how many blocks run at once.
func cores() string {
	return fmt.Sprintf("%d cores, %s/%s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
}
