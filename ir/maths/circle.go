package maths

import (
	"math"
	"math/big"
)

// halfPi is π/2 as a sum of three.
var halfPi = [3]float64{0x1.921fb54442d18p+0, 0x1.1a62633145c07p-54, -0x1.f1976b7ed8fbcp-110}

// twoOverPi is the first 1216 bits of 2/π behind the point: the product with the largest float64 has more than 120 good bits behind the point.
const twoOverPi = "a2f9836e4e441529fc2757d1f534ddc0db6295993c439041fe5163abdebbc561" +
	"b7246e3a424dd2e006492eea09d1921cfe1deb1cb129a73ee88235f52ebb4484" +
	"e99c7026b45f7e413991d639835339f49c845f8bbdf9283b1ff897ffde05980f" +
	"ef2f118b5a0a6d1f6d367ecf27cb09b74f463f669e5fea2d7527bac7ebe5f17b" +
	"3d0739f78a5292ea6bfb5fb11f8d5d0856033046fc7b6bab"

// reduced is x less a multiple of a quarter turn, at most an eighth in magnitude, and which multiple, from 0 to 3.
func reduced(x float64) (r pair, quarter int) {
	if math.Abs(x) > 1<<20 {
		return reducedBig(x)
	}
	n := math.Round(x * (2 / math.Pi))
	// The first product is exact but for its rest, the first difference exact; the third part makes good what cancels.
	p := product(-n, halfPi[0])
	r = sum(x, p.hi).plusFloat(p.lo).plus(product(-n, halfPi[1])).plusFloat(-n * halfPi[2])
	return r, int(int64(n) & 3)
}

// reducedBig is reduced for large numbers: the fraction of x·2/π, from as many of its bits as matter.
func reducedBig(x float64) (r pair, quarter int) {
	table, _ := new(big.Int).SetString(twoOverPi, 16)
	frac, exp := math.Frexp(math.Abs(x))
	m := big.NewInt(int64(frac * (1 << 53)))
	m.Mul(m, table)
	point := uint(1216 + 53 - exp) // x·2/π is m·2^-point
	n := new(big.Int).Rsh(m, point-1)
	n.Add(n, big.NewInt(1)).Rsh(n, 1) // the nearest integer
	m.Sub(m, new(big.Int).Lsh(n, point))
	if x < 0 {
		m.Neg(m)
		n.Neg(n)
	}
	f := new(big.Float).SetInt(m)
	f.SetMantExp(f, -int(point))
	hi, _ := f.Float64()
	lo, _ := f.Sub(f, big.NewFloat(hi)).Float64()
	quarter = int(new(big.Int).And(n, big.NewInt(3)).Int64())
	return pair{hi, lo}.times(pair{halfPi[0], halfPi[1]}), quarter
}

// Coefficients of the series from the highest power down, in r²: of sin r/r from r²⁰ to r², of cos r from r²⁰ to r⁴.
var (
	sinTerms = [...]float64{1. / 51090942171709440000, -1. / 121645100408832000, 1. / 355687428096000, -1. / 1307674368000, 1. / 6227020800, -1. / 39916800, 1. / 362880, -1. / 5040, 1. / 120, -1. / 6}
	cosTerms = [...]float64{1. / 2432902008176640000, -1. / 6402373705728000, 1. / 20922789888000, -1. / 87178291200, 1. / 479001600, -1. / 3628800, 1. / 40320, -1. / 720, 1. / 24}
)

// sine is the sine of r, at most an eighth of a turn.
func sine(r pair) float64 {
	z, p := r.hi*r.hi, 0.0
	for _, c := range sinTerms {
		p = p*z + c
	}
	return r.hi + (r.hi*z*p + r.lo*(1-z/2))
}

// cosine is the cosine of r, at most an eighth of a turn.
func cosine(r pair) float64 {
	z, p := r.hi*r.hi, 0.0
	for _, c := range cosTerms {
		p = p*z + c
	}
	half := z / 2
	w := 1 - half
	return w + (((1 - w) - half) + (z*z*p - r.hi*r.lo))
}

// turned is the sine of a quarter turn's multiple and r.
func turned(r pair, quarter int) float64 {
	switch quarter & 3 {
	case 1:
		return cosine(r)
	case 2:
		return -sine(r)
	case 3:
		return -cosine(r)
	}
	return sine(r)
}

// Sin is the sine of x radians, NaN of infinities.
func Sin(x float64) float64 {
	switch {
	case x-x != 0:
		return math.NaN()
	case math.Abs(x) < 0x1p-27:
		return x // the next term is x³/6
	}
	return turned(reduced(x))
}

// Cos is the cosine of x radians, NaN of infinities.
func Cos(x float64) float64 {
	if x-x != 0 {
		return math.NaN()
	}
	r, quarter := reduced(x)
	return turned(r, quarter+1)
}
