package emu

import "golang.org/x/sys/cpu"

// wideProducts says that the processor has what product_amd64.s uses.
var wideProducts = cpu.X86.HasAVX2 && cpu.X86.HasFMA

//go:noescape
func chainFMA(rows4, k int, a, b, c *float64)

//go:noescape
func chainInt(rows8, k int, a, b, c *int32)

//go:noescape
func widenAVX(to *float64, step int, from *vec, left uint64, mask uint32)

//go:noescape
func widenTurnedAVX(to *float64, from *vec, left uint64, mask uint32)

//go:noescape
func halvesAVX(to, from *vec, right uint64)

//go:noescape
func narrowSumAVX(to *vec, x, y *float64, nan uint32)

func chain(m, k int, a, b, c *floatTile) {
	if !wideProducts || m%4 != 0 {
		chainGo(m, k, a, b, c)
		return
	}
	_, _, _ = a[m*k-1], b[8*k-1], c[8*m-1]
	chainFMA(m/4, k, &a[0], &b[0], &c[0])
}

func chainInts(m, k int, a, b, c *intTile) {
	if !wideProducts || m%8 != 0 {
		chainIntsGo(m, k, a, b, c)
		return
	}
	_, _, _ = a[m*k-1], b[8*k-1], c[8*m-1]
	chainInt(m/8, k, &a[0], &b[0], &c[0])
}

func widen(to *floatTile, base, step int, from *vec, left int, mask uint32) {
	if !wideProducts {
		widenGo(to, base, step, from, left, mask)
		return
	}
	_ = to[base+7*step+3]
	widenAVX(&to[base], step, from, uint64(left), mask)
}

func widenTurned(to *floatTile, base int, from *vec, left int, mask uint32) {
	if !wideProducts {
		widenTurnedGo(to, base, from, left, mask)
		return
	}
	_ = to[base+3*8+7]
	widenTurnedAVX(&to[base], from, uint64(left), mask)
}

func halves(to, from *vec, right int) {
	if !wideProducts {
		halvesGo(to, from, right)
		return
	}
	halvesAVX(to, from, uint64(right))
}

func narrowSum(to *vec, x, y *floatTile, base int) {
	if !wideProducts {
		narrowSumGo(to, x, y, base)
		return
	}
	_ = x[base+7*8+3]
	narrowSumAVX(to, &x[base], &y[base], nan32)
}
