#include "textflag.h"

// func flushLines(start, end uintptr)
//
// Makes instructions that were written as data seen by instruction fetch: clean each data line to the point of
// unification, wait, drop each instruction line, wait. A line has at least 16 bytes.
TEXT ·flushLines(SB), NOSPLIT, $0-16
	MOVD	start+0(FP), R0
	MOVD	end+8(FP), R1
	MOVD	R0, R2
clean:
	CMP	R1, R2
	BHS	cleaned
	WORD	$0xd50b7b22	// dc cvau, x2
	ADD	$16, R2
	B	clean
cleaned:
	WORD	$0xd5033b9f	// dsb ish
	MOVD	R0, R2
drop:
	CMP	R1, R2
	BHS	dropped
	WORD	$0xd50b7522	// ic ivau, x2
	ADD	$16, R2
	B	drop
dropped:
	WORD	$0xd5033b9f	// dsb ish
	WORD	$0xd5033fdf	// isb
	RET
