//go:build !amd64

package emu

func chain(m, k int, a, b, c *floatTile) { chainGo(m, k, a, b, c) }

func chainInts(m, k int, a, b, c *intTile) { chainIntsGo(m, k, a, b, c) }

func widen(to *floatTile, base, step int, from *vec, left int, mask uint32) {
	widenGo(to, base, step, from, left, mask)
}

func widenTurned(to *floatTile, base int, from *vec, left int, mask uint32) {
	widenTurnedGo(to, base, from, left, mask)
}

func halves(to, from *vec, right int) { halvesGo(to, from, right) }

func narrowSum(to *vec, x, y *floatTile, base int) { narrowSumGo(to, x, y, base) }
