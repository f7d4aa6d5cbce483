package interp

// hasFMA says that the processor has AVX2 and FMA and that the system keeps their registers.
var hasFMA = func() bool {
	const fma, osxsave, avx, avx2 = 1 << 12, 1 << 27, 1 << 28, 1 << 5
	if top, _, _, _ := cpuid(0, 0); top < 7 {
		return false
	}
	_, _, c, _ := cpuid(1, 0)
	if c&fma == 0 || c&osxsave == 0 || c&avx == 0 || xgetbv()&6 != 6 {
		return false
	}
	_, b, _, _ := cpuid(7, 0)
	return b&avx2 != 0
}()

func cpuid(leaf, sub uint32) (a, b, c, d uint32)

func xgetbv() uint32

//go:noescape
func fmaBlock4(c *float32, ldc int, x *float32, xRow, xSum int, y *float32, ldy, sum int)

//go:noescape
func fmaBlock1(c *float32, x *float32, xSum int, y *float32, ldy, sum int)

// fmaBlock is fmaBlockGo of 1 or 4 rows, by the processor's fused multiply-add where it has one: the same bits.
func fmaBlock(n int, c []float32, ldc int, x []float32, xRow, xSum int, y []float32, ldy, sum int) {
	switch {
	case !hasFMA:
		fmaBlockGo(n, c, ldc, x, xRow, xSum, y, ldy, sum)
	case sum <= 0:
	case n == 4:
		_, _, _ = c[3*ldc+panel-1], x[3*xRow+(sum-1)*xSum], y[(sum-1)*ldy+panel-1]
		fmaBlock4(&c[0], ldc, &x[0], xRow, xSum, &y[0], ldy, sum)
	default:
		_, _, _ = c[panel-1], x[(sum-1)*xSum], y[(sum-1)*ldy+panel-1]
		for i := range n {
			fmaBlock1(&c[i*ldc], &x[i*xRow], xSum, &y[0], ldy, sum)
		}
	}
}
