//go:build !amd64

package interp

func fmaBlock(n int, c []float32, ldc int, x []float32, xRow, xSum int, y []float32, ldy, sum int) {
	fmaBlockGo(n, c, ldc, x, xRow, xSum, y, ldy, sum)
}
