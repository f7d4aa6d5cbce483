package emit

import (
	"fmt"
	"strconv"

	"github.com/tilec/tilec/codegen"
	"github.com/tilec/tilec/codegen/ptx/asm"
	"github.com/tilec/tilec/ir"
	"github.com/tilec/tilec/passes"
)

// blockRegisters are the registers of a processor's block, maxRegisters those of a thread that it can use (CUDA C++ Programming
// Guide, "Technical Specifications per Compute Capability").
const (
	blockRegisters = 64 << 10
	maxRegisters   = 255
)

// headroom is what a schedule that is proposed leaves, for addresses and what is on its way. docs/ptx.md has the figures that it
// comes from.
const headroom = 32

// available are the registers of each thread of a block.
func available(threads int) int {
	return min(maxRegisters, blockRegisters/max(threads, 1)&^7)
}

// registers notes how many registers each kernel asks for, and refuses a schedule whose threads have fewer.
func (t Target) registers(fn *ir.Func, kernels []*asm.Kernel, m *codegen.Manifest) error {
	for i, k := range kernels {
		p := &m.Phases[i]
		need, at := k.Pressure()
		p.Registers = need
		have := available(p.Threads)
		if need <= have {
			continue
		}
		if at.Line == 0 {
			at = fn.Pos
		}
		misfit := &passes.Misfit{Text: fmt.Sprintf("at least %d registers of each of %d threads hold values here, and a thread has %d", need, p.Threads, have), Pos: at}
		if warps, n, ok := t.fitting(fn); ok {
			misfit.Hint, misfit.Settled = fmt.Sprintf("warps = %d is the nearest that fits, with %d", warps, n), true
		} else {
			misfit.Hint = "no number of warps fits: make the tiles smaller"
		}
		return misfit
	}
	return nil
}

// fitting is the least number of warps, more than the schedule's by a power of two, with which all threads have registers enough, and
// how many the fullest then needs.
func (t Target) fitting(fn *ir.Func) (warps, need int, ok bool) {
	for warps = 2 * passes.Warps(fn); warps <= 32; warps *= 2 {
		placed, _, err := t.placed(withWarps(fn, warps))
		if err != nil {
			continue
		}
		var m codegen.Manifest
		kernels, _, err := t.kernels(placed, &m)
		if err != nil {
			continue
		}
		need, ok = 0, true
		for i, k := range kernels {
			n, _ := k.Pressure()
			need = max(need, n)
			ok = ok && n <= available(m.Phases[i].Threads)-headroom
		}
		if ok {
			return warps, need, true
		}
	}
	return 0, 0, false
}

// withWarps is a copy of a function whose schedule has another number of warps.
func withWarps(fn *ir.Func, warps int) *ir.Func {
	fn = fn.Clone()
	for i := range fn.Binds {
		if fn.Binds[i].Name == "warps" {
			fn.Binds[i].Value = strconv.Itoa(warps)
			return fn
		}
	}
	fn.Binds = append(fn.Binds, ir.Bind{Name: "warps", Value: strconv.Itoa(warps)})
	return fn
}
