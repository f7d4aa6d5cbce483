package emu

import "math"

// floatTile and intTile hold an operand of an mma, row after row. A row of b and c has 8 columns. Their sizes are powers of two,
// so that an index cut to them needs no check.
type (
	floatTile [512]float64
	intTile   [1024]int32
)

// tiles are those of one mma; a launch keeps them from one to the next.
type tiles struct {
	a, b, c, sum floatTile
	ia, ib, ic   intTile
}

func (w *warp) tiles() *tiles {
	if w.run.products == nil {
		w.run.products = new(tiles)
	}
	return w.run.products
}

// chainGo adds a·b to c, m x k by k x 8: a chain of fused multiply-adds for each element, k ascending.
func chainGo(m, k int, a, b, c *floatTile) {
	for i := range m {
		out := (*[8]float64)(c[8*i:])
		for j, x := range a[i*k : i*k+k] {
			y := (*[8]float64)(b[8*j:])
			for n := range out {
				out[n] = math.FMA(x, y[n], out[n])
			}
		}
	}
}

// chainIntsGo adds a·b to c, m x k by k x 8, wrapping.
func chainIntsGo(m, k int, a, b, c *intTile) {
	for i := range m {
		out := (*[8]int32)(c[8*i:])
		for j, x := range a[i*k : i*k+k] {
			y := (*[8]int32)(b[8*j:])
			for n := range out {
				out[n] += x * y[n]
			}
		}
	}
}

// widenGo puts a register of f32 into a tile, its four lanes of a row in a row each, step apart. The codes are (code << left) & mask.
func widenGo(to *floatTile, base, step int, from *vec, left int, mask uint32) {
	for g := range 8 {
		row := (*[4]float64)(to[base+g*step:])
		for t := range row {
			row[t] = float64(f32(from[4*g+t] << left & mask))
		}
	}
}

// widenTurnedGo puts a register of f32 into four rows of a tile of 8 columns: lane 4g + t into row t and the column of g.
func widenTurnedGo(to *floatTile, base int, from *vec, left int, mask uint32) {
	for g := range 8 {
		column := base + g%2*4 + g/2
		for t := range 4 {
			to[column+8*t] = float64(f32(from[4*g+t] << left & mask))
		}
	}
}

// halvesGo makes f32 of the f16 that begins at bit right of each lane.
func halvesGo(to, from *vec, right int) {
	for l, v := range from {
		to[l] = math.Float32bits(fromF16(v >> right & 0xffff))
	}
}

// narrowSumGo makes a register of f32 of x + y, whose rows have 8 columns.
func narrowSumGo(to *vec, x, y *floatTile, base int) {
	for l := range to {
		i := base + l/4*8 + l%4
		to[l] = bits32(float32(x[i] + y[i]))
	}
}
