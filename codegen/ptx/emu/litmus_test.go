package emu

import (
	"fmt"
	"strings"
	"testing"
)

// TestMessagePassing: one warp writes data and then a flag, another waits for the flag and reads the data (the litmus test MP of the PTX
// memory model), both in one block, or in two. Without a release and an acquire whose scopes hold both the read is a race.
func TestMessagePassing(t *testing.T) {
	const (
		data = "st.global.u32 [%rd0], 7; "
		read = " ld.global.u32 %r6, [%rd0];"
	)
	for _, c := range []struct {
		name, send, wait  string // wait reads the flag into %r5
		then              string // between the flag and the data
		oneBlock, twoBlks bool   // whether it is in order
	}{
		{"relaxed", data + "st.relaxed.gpu.global.u32 [%rd1], 1;", "ld.relaxed.gpu.global.u32 %r5, [%rd1];", "", false, false},
		{"release, acquire", data + "st.release.gpu.global.u32 [%rd1], 1;", "ld.acquire.gpu.global.u32 %r5, [%rd1];", "", true, true},
		{"release, acquire of the block", data + "st.release.cta.global.u32 [%rd1], 1;", "ld.acquire.cta.global.u32 %r5, [%rd1];", "", true, false},
		{"release of the system, acquire", data + "st.release.sys.global.u32 [%rd1], 1;", "ld.acquire.gpu.global.u32 %r5, [%rd1];", "", true, true},
		{"release, acquire of the block alone", data + "st.release.gpu.global.u32 [%rd1], 1;", "ld.acquire.cta.global.u32 %r5, [%rd1];", "", true, false},
		{"release of the block alone, acquire", data + "st.release.cta.global.u32 [%rd1], 1;", "ld.acquire.gpu.global.u32 %r5, [%rd1];", "", true, false},
		{"release, relaxed", data + "st.release.gpu.global.u32 [%rd1], 1;", "ld.relaxed.gpu.global.u32 %r5, [%rd1];", "", false, false},
		{"relaxed, acquire", data + "st.relaxed.gpu.global.u32 [%rd1], 1;", "ld.acquire.gpu.global.u32 %r5, [%rd1];", "", false, false},
		{"fences", data + "fence.acq_rel.gpu; st.relaxed.gpu.global.u32 [%rd1], 1;", "ld.relaxed.gpu.global.u32 %r5, [%rd1];", "fence.acq_rel.gpu;", true, true},
		{"fences of sequential consistency", data + "fence.sc.gpu; st.relaxed.gpu.global.u32 [%rd1], 1;", "ld.relaxed.gpu.global.u32 %r5, [%rd1];", "fence.sc.gpu;", true, true},
		{"fences of the block", data + "fence.acq_rel.cta; st.relaxed.gpu.global.u32 [%rd1], 1;", "ld.relaxed.gpu.global.u32 %r5, [%rd1];", "fence.acq_rel.cta;", true, false},
		{"one fence of the block", data + "fence.acq_rel.gpu; st.relaxed.gpu.global.u32 [%rd1], 1;", "ld.relaxed.gpu.global.u32 %r5, [%rd1];", "fence.acq_rel.cta;", true, false},
		{"no fence of the reader", data + "fence.acq_rel.gpu; st.relaxed.gpu.global.u32 [%rd1], 1;", "ld.relaxed.gpu.global.u32 %r5, [%rd1];", "", false, false},
		{"no fence of the writer", data + "st.relaxed.gpu.global.u32 [%rd1], 1;", "ld.relaxed.gpu.global.u32 %r5, [%rd1];", "fence.acq_rel.gpu;", false, false},
		{"a fence before the data", "fence.acq_rel.gpu; " + data + "st.relaxed.gpu.global.u32 [%rd1], 1;", "ld.relaxed.gpu.global.u32 %r5, [%rd1];", "fence.acq_rel.gpu;", false, false},
		{"a fence, acquire", data + "fence.acq_rel.gpu; st.relaxed.gpu.global.u32 [%rd1], 1;", "ld.acquire.gpu.global.u32 %r5, [%rd1];", "", true, true},
		{"release, a fence", data + "st.release.gpu.global.u32 [%rd1], 1;", "ld.relaxed.gpu.global.u32 %r5, [%rd1];", "fence.acq_rel.gpu;", true, true},
		{"volatile and membar", data + "membar.gl; st.volatile.global.u32 [%rd1], 1;", "ld.volatile.global.u32 %r5, [%rd1];", "membar.gl;", true, true},
		{"volatile alone", data + "st.volatile.global.u32 [%rd1], 1;", "ld.volatile.global.u32 %r5, [%rd1];", "", false, false},
		{"atomics", data + "atom.release.gpu.global.exch.b32 %r7, [%rd1], 1;", "atom.acquire.gpu.global.or.b32 %r5, [%rd1], 0;", "", true, true},
		{"a reduction", data + "red.release.gpu.global.add.u32 [%rd1], 1;", "ld.acquire.gpu.global.u32 %r5, [%rd1];", "", true, true},
		{"relaxed atomics", data + "atom.relaxed.gpu.global.exch.b32 %r7, [%rd1], 1;", "atom.relaxed.gpu.global.or.b32 %r5, [%rd1], 0;", "", false, false},
		{"the data behind the flag", "st.release.gpu.global.u32 [%rd1], 1; " + data, "ld.acquire.gpu.global.u32 %r5, [%rd1];", "", false, false},
	} {
		for _, blocks := range []int{1, 2} {
			who, s, ordered := "shr.u32 %r4, %r0, 5;", setup{block: 64}, c.oneBlock
			if blocks == 2 {
				who, s, ordered = "mov.u32 %r4, %ctaid.x;", setup{block: 32, grid: 2}, c.twoBlks
			}
			// Many lanes write the same value.
			body := fmt.Sprintf(`%s setp.eq.u32 %%p0, %%r4, 0; @%%p0 bra SEND;
WAIT:	%s setp.ne.u32 %%p2, %%r5, 0; @!%%p2 bra WAIT;
	%s%s bra END;
SEND:	and.b32 %%r8, %%r0, 31; setp.ne.u32 %%p1, %%r8, 0; @%%p1 bra END;
	%s
END:`, who, c.wait, c.then, read, c.send)
			for seed := range uint64(4) {
				s.o = Options{Seed: seed, MaxInstructions: 1 << 22}
				rep, _ := launch(t, body, s)
				err := rep.Err()
				switch {
				case ordered && err != nil:
					t.Errorf("%s, %d blocks, seed %d: %v", c.name, blocks, seed, err)
				case !ordered && (err == nil || !strings.Contains(err.Error(), "race")):
					t.Errorf("%s, %d blocks, seed %d: %v, and no race", c.name, blocks, seed, err)
				}
			}
		}
	}
}
